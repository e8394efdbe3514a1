//! Standard output: in lines for a person, in large pieces for a pipe, and for
//! nobody once the reader has gone.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, LineWriter, Write};

/// The process's standard output.
pub(crate) fn standard() -> Box<dyn Write> {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let stdout = WhileRead { to: stdout, gone: false };
    if terminal {
        Box::new(LineWriter::new(stdout))
    } else {
        Box::new(BufWriter::with_capacity(1 << 16, stdout))
    }
}

/// Writes until the reader closes the pipe; what comes then is lost, and that
/// is no error: `modprobe -c | head -1` has got what it wanted.
///
/// This is for programs that are not sent SIGPIPE (services of systemd are
/// not); the others end by it.
struct WhileRead<W> {
    to: W,
    gone: bool,
}

impl<W: Write> WhileRead<W> {
    fn attempt<T>(
        &mut self,
        lost: T,
        write: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.gone {
            return Ok(lost);
        }
        match write(&mut self.to) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(lost)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for WhileRead<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(bytes.len(), |to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), |to| to.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes, then fails, and counts how often it was asked.
    struct Fails(ErrorKind, usize);

    impl Write for Fails {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1 == 1 { Ok(bytes.len().min(3)) } else { Err(self.0.into()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_asked_no_more() {
        let mut out = WhileRead { to: Fails(ErrorKind::BrokenPipe, 0), gone: false };
        assert_eq!(out.write(b"text").unwrap(), 3);
        assert_eq!(out.write(b"text").unwrap(), 4);
        assert!(out.write_all(b"more").is_ok() && out.flush().is_ok());
        assert_eq!(out.to.1, 2);
    }

    #[test]
    fn any_other_failure_is_one() {
        let mut out = WhileRead { to: Fails(ErrorKind::StorageFull, 1), gone: false };
        assert_eq!(out.write(b"text").unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(out.flush().is_err());
    }
}
