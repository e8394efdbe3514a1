//! Standard output: in lines for a person, in large pieces for a pipe, and for
//! nobody once it has failed.

use std::cell::Cell;
use std::io::{self, ErrorKind, IsTerminal, LineWriter, Write};
use std::rc::Rc;

use crate::terminal::Terminal;

/// The process's standard output, and where its failure will be found.
pub(crate) fn standard() -> (Output<Box<dyn Write>>, Failure) {
    let stdout = io::stdout();
    Output::new(if stdout.is_terminal() {
        Box::new(LineWriter::new(Terminal::new(stdout)))
    } else {
        Box::new(Pieces { waiting: Vec::new(), to: stdout })
    })
}

/// Bytes that wait for more, so many at most.
const PIECE: usize = 1 << 16;

/// Writes large pieces; what is one already is not copied. Most tools say a few lines:
/// memory grows with what is said.
struct Pieces<W> {
    waiting: Vec<u8>,
    to: W,
}

impl<W: Write> Write for Pieces<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let large = bytes.len() > PIECE / 4;
        if large || self.waiting.len().saturating_add(bytes.len()) > PIECE {
            self.flush()?;
        }
        if large {
            return self.to.write(bytes);
        }
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// What could not be written is not kept.
    fn flush(&mut self) -> io::Result<()> {
        let written = self.to.write_all(&self.waiting);
        self.waiting.clear();
        written.and_then(|()| self.to.flush())
    }
}

/// Takes everything, whether it can be written or not: that nobody can read
/// what a tool does is no reason to leave half of it undone. What was wrong is
/// said at the end.
pub(crate) struct Output<W> {
    to: W,
    failed: bool,
    failure: Failure,
}

/// The first failure of an [`Output`].
#[derive(Clone, Default)]
pub(crate) struct Failure(Rc<Cell<Option<io::Error>>>);

impl Failure {
    /// What went wrong so far. That the reader closed the pipe is no failure:
    /// `modprobe -c | head -1` has got what it wanted. (Programs that are sent
    /// SIGPIPE end by it; services of systemd are not.)
    pub(crate) fn take(&self) -> Option<io::Error> {
        self.0.take().filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }
}

impl<W: Write> Output<W> {
    fn new(to: W) -> (Self, Failure) {
        let failure = Failure::default();
        (Self { to, failed: false, failure: failure.clone() }, failure)
    }

    fn attempt<T>(
        &mut self,
        lost: T,
        write: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.failed {
            return Ok(lost);
        }
        match write(&mut self.to) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                self.failed = true;
                self.failure.0.set(Some(error));
                Ok(lost)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Output<W> {
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
            Ok(())
        }
    }

    fn failure(kind: ErrorKind) -> Option<io::Error> {
        let (mut out, failure) = Output::new(Fails(kind, 0));
        assert_eq!(out.write(b"text").unwrap(), 3);
        assert_eq!(out.write(b"text").unwrap(), 4);
        assert!(out.write_all(b"more").is_ok() && out.flush().is_ok());
        assert_eq!(out.to.1, 2, "what has failed is asked no more");
        failure.take()
    }

    #[test]
    fn a_failure_is_told_at_the_end() {
        assert_eq!(failure(ErrorKind::StorageFull).unwrap().kind(), ErrorKind::StorageFull);
        let (mut out, failure) = Output::new(Vec::new());
        out.write_all(b"text").unwrap();
        assert!(failure.take().is_none());
    }

    #[test]
    fn pieces_are_large_and_whole() {
        /// Keeps each piece.
        struct Kept(Vec<Vec<u8>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut pieces = Pieces { waiting: Vec::new(), to: Kept(Vec::new()) };
        let mut all = Vec::new();
        let quarter = PIECE / 4;
        let sizes = [1, 3, quarter + 1, quarter, quarter, quarter, quarter, 1, PIECE + 1, 7];
        for (byte, size) in (0..).zip(sizes) {
            let bytes = vec![byte; size];
            pieces.write_all(&bytes).unwrap();
            all.extend(bytes);
        }
        pieces.flush().unwrap();
        assert_eq!(pieces.to.0.concat(), all);
        let sizes: Vec<usize> = pieces.to.0.iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, quarter + 1, PIECE, 1, PIECE + 1, 7]);
    }

    #[test]
    fn a_reader_that_has_gone_is_none() {
        assert!(failure(ErrorKind::BrokenPipe).is_none());
    }
}
