/// How a module file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// `.ko.gz`, RFC 1952.
    Gzip,
    /// `.ko.xz`.
    Xz,
    /// `.ko.zst`, RFC 8878.
    Zstd,
}

impl Compression {
    /// How many bytes [`Compression::of_magic`] looks at; no module is shorter.
    pub const MAGIC_LENGTH: usize = 6;

    /// By the magic bytes at the start of a file; anything else is `Plain`.
    pub fn of_magic(start: &[u8]) -> Self {
        if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else if start.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Self::Xz
        } else if start.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else {
            Self::Plain
        }
    }

    /// The algorithm called so in `/sys/module/compression`; `None` if unknown.
    pub fn of_kernel_name(name: &[u8]) -> Option<Self> {
        match name {
            b"gzip" => Some(Self::Gzip),
            b"xz" => Some(Self::Xz),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// File name endings of modules: what depmod and modinfo take for a module.
pub const EXTENSIONS: [&[u8]; 4] = [b".ko", b".ko.gz", b".ko.xz", b".ko.zst"];

/// `name` without its module ending; `None` when it has none or is nothing but it.
pub fn strip_extension(name: &[u8]) -> Option<&[u8]> {
    EXTENSIONS
        .into_iter()
        .find_map(|extension| name.strip_suffix(extension))
        .filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_tells_the_packing() {
        assert_eq!(Compression::of_magic(b"\x28\xb5\x2f\xfd\x04\x58"), Compression::Zstd);
        assert_eq!(Compression::of_magic(b"\xfd7zXZ\0"), Compression::Xz);
        assert_eq!(Compression::of_magic(b"\xfd7zXZ"), Compression::Plain);
        assert_eq!(Compression::of_magic(b"\x1f\x8b\x08\0\0\0"), Compression::Gzip);
        assert_eq!(Compression::of_magic(b"\x7fELF\x02\x01"), Compression::Plain);
        assert_eq!(Compression::of_magic(b""), Compression::Plain);
    }

    #[test]
    fn kernel_names() {
        assert_eq!(Compression::of_kernel_name(b"zstd"), Some(Compression::Zstd));
        assert_eq!(Compression::of_kernel_name(b"xz"), Some(Compression::Xz));
        assert_eq!(Compression::of_kernel_name(b"gzip"), Some(Compression::Gzip));
        assert_eq!(Compression::of_kernel_name(b"lzma"), None);
    }

    #[test]
    fn extensions_are_cut_once() {
        assert_eq!(strip_extension(b"a.ko"), Some(&b"a"[..]));
        assert_eq!(strip_extension(b"dir/a.b.ko.xz"), Some(&b"dir/a.b"[..]));
        assert_eq!(strip_extension(b"a.ko.ko.zst"), Some(&b"a.ko"[..]));
        assert_eq!(strip_extension(b".ko"), None);
        assert_eq!(strip_extension(b".ko.gz"), None);
        assert_eq!(strip_extension(b"a.ko.bz2"), None);
        assert_eq!(strip_extension(b"ako"), None);
    }
}
