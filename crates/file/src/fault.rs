use std::io;

use nix::errno::Errno;

/// Whether an error says nothing of what is there: the disk, or a server, did not answer
/// or gave back other bytes than it was given, or the machine has no more memory or
/// descriptors. Where there is nothing, or nothing that one may read, it is false.
///
/// Sources: errnos of errno(3); those of a disk are what the kernel makes of a request's
/// status (`block/blk-core.c`), those of damage what file systems say.
pub fn is_fault(error: &io::Error) -> bool {
    let Some(errno) = error.raw_os_error() else {
        return error.kind() == io::ErrorKind::OutOfMemory;
    };
    matches!(
        Errno::from_raw(errno),
        Errno::EIO
            | Errno::ENOMEM
            | Errno::ENOBUFS
            | Errno::EMFILE
            | Errno::ENFILE
            // A disk: its medium, its target, the way there, the protection of its bytes.
            | Errno::ENODATA
            | Errno::EREMOTEIO
            | Errno::ENOLINK
            | Errno::EBADE
            | Errno::EILSEQ
            | Errno::ENODEV
            | Errno::ENOMEDIUM
            | Errno::EHWPOISON
            // A file system that is damaged, or was shut down.
            | Errno::EBADMSG
            | Errno::EUCLEAN
            | Errno::ESHUTDOWN
            // A server, also one in this machine (FUSE).
            | Errno::ESTALE
            | Errno::ETIMEDOUT
            | Errno::ENOTCONN
            | Errno::ECONNABORTED
            | Errno::ECONNREFUSED
            | Errno::ECONNRESET
            | Errno::ENETDOWN
            | Errno::ENETUNREACH
            | Errno::EHOSTDOWN
            | Errno::EHOSTUNREACH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_or_not_ours_is_no_fault() {
        let of = |errno: Errno| is_fault(&errno.into());
        for errno in [Errno::EIO, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE, Errno::ESTALE] {
            assert!(of(errno), "{errno}");
        }
        for errno in [
            Errno::ENOENT,
            Errno::EACCES,
            Errno::EPERM,
            Errno::ELOOP,
            Errno::ENOTDIR,
            Errno::EISDIR,
            Errno::ENAMETOOLONG,
            Errno::EINVAL,
            Errno::ENXIO,
        ] {
            assert!(!of(errno), "{errno}");
        }
        assert!(is_fault(&io::ErrorKind::OutOfMemory.into()));
        assert!(!is_fault(&io::ErrorKind::UnexpectedEof.into()));
    }
}
