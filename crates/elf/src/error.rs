/// Why bytes are not the module they claim to be. Knows no path: the caller does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No ELF file at all (kernel and kmod: ENOEXEC).
    #[error("not an ELF file: found {found:02x?}, expected 7f 45 4c 46 and a header")]
    NotElf {
        /// The first bytes, at most four.
        found: Vec<u8>,
    },
    /// An ELF file that contradicts itself or is cut short (kmod: EINVAL).
    #[error("{what} at offset {offset:#x}: found {found}, expected {expected}")]
    Malformed {
        /// The header, section or field.
        what: &'static str,
        /// Where in the file it is.
        offset: u64,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
}

impl Error {
    pub(crate) fn malformed(
        what: &'static str,
        offset: u64,
        found: impl ToString,
        expected: impl ToString,
    ) -> Self {
        let (found, expected) = (found.to_string(), expected.to_string());
        Self::Malformed { what, offset, found, expected }
    }

    /// The errno by which kmod reports it: ENOEXEC or EINVAL.
    pub fn raw_os_error(&self) -> i32 {
        match self {
            Self::NotElf { .. } => 8,
            Self::Malformed { .. } => 22,
        }
    }
}
