//! Bytes of a kernel module to facts.
//!
//! In go the bytes of one decompressed module, of either class and either byte
//! order whatever the host is; out come its `.modinfo` strings, exported and
//! needed symbols, symbol versions and the signature behind it. Opens nothing,
//! prints nothing, never panics on any bytes.
#![allow(missing_docs, unused)]

pub struct Module<'a> {
    bytes: &'a [u8],
}

/// Why bytes are not the module they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No ELF file at all (kernel: ENOEXEC).
    #[error("not an ELF file: found {found:02x?}, expected 7f 45 4c 46")]
    NotElf { found: Vec<u8> },
    /// An ELF file that contradicts itself or is cut short (kmod: EINVAL).
    #[error("{what} at offset {offset:#x}: found {found}, expected {expected}")]
    Malformed { what: &'static str, offset: u64, found: String, expected: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export<'a> {
    pub name: &'a [u8],
    pub crc: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    Strong,
    Weak,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need<'a> {
    pub name: &'a [u8],
    pub crc: Option<u64>,
    pub binding: Binding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    pub name: &'a [u8],
    pub crc: u64,
}

impl<'a> Module<'a> {
    /// Checks the ELF header and section table.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        todo!()
    }
    /// The strings of `.modinfo` in section order, empty ones passed over; `Ok(None)` without the section.
    pub fn modinfo(&self) -> Result<Option<Vec<&'a [u8]>>, Error> {
        todo!()
    }
    /// Exported symbols by `__crc_` symtab entries, else `__ksymtab_strings` (behaviour 3.3); `Ok(None)`: no source of exports.
    pub fn exports(&self) -> Result<Option<Vec<Export<'a>>>, Error> {
        todo!()
    }
    /// Needed symbols in kmod's order (behaviour 3.3).
    pub fn needs(&self) -> Result<Vec<Need<'a>>, Error> {
        todo!()
    }
    /// `__versions` (and extended modversions, preferred); `Ok(None)` without.
    pub fn versions(&self) -> Result<Option<Vec<Version<'a>>>, Error> {
        todo!()
    }
    /// `.note.gnu.build-id`
    pub fn build_id(&self) -> Result<Option<&'a [u8]>, Error> {
        todo!()
    }
}

/// A signature appended to a module (behaviour section 5, integrators 5.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub id_type: &'static str, // "PGP", "X509", "PKCS#7"
    pub signer: Vec<u8>,
    pub key_id: Vec<u8>,
    pub hash_algo: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Signature {
    /// `None` when unsigned (or the trailer is implausible).
    pub fn of(bytes: &[u8]) -> Option<Self> {
        todo!()
    }
}

/// Makes the kernel skip the symbol CRC check of an image that goes in from memory:
/// clears SHF_ALLOC of `__versions`. Without the section nothing changes.
pub fn strip_modversions(image: &mut [u8]) -> Result<(), Error> {
    todo!()
}
/// Zeroes the `vermagic=` string. `Ok(false)` when there is a `.modinfo` without one (kmod: ENODATA).
pub fn strip_vermagic(image: &mut [u8]) -> Result<bool, Error> {
    todo!()
}
