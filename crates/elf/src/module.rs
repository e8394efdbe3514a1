use goblin::container::{Container, Ctx, Endian};
use goblin::elf::SectionHeader;
use goblin::elf::header::{
    EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG, SIZEOF_IDENT,
    header32, header64,
};
use goblin::elf::section_header::SHN_UNDEF;
use scroll::Pread;

use crate::{Error, bytes};

/// A borrowed view of one module's decompressed bytes.
///
/// Absent things are `Ok(None)`; things that are there and contradict themselves
/// are an error with offset, found and expected.
#[derive(Debug, Clone)]
pub struct Module<'a> {
    bytes: &'a [u8],
    context: Ctx,
    machine: u16,
    /// The section header table.
    headers: &'a [u8],
    /// Where in the file the table starts.
    headers_offset: u64,
    /// The string table of section names; its last byte is a NUL.
    names: &'a [u8],
    /// Where each [`Known`] section is in the table; 0 if there is none.
    known: [u16; Known::COUNT],
}

/// The sections that anybody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Modinfo,
    KsymtabStrings,
    Symtab,
    Strtab,
    Versions,
    VersionExtCrcs,
    VersionExtNames,
    BuildId,
}

impl Known {
    const COUNT: usize = 8;

    fn of_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b".modinfo" => Self::Modinfo,
            b"__ksymtab_strings" => Self::KsymtabStrings,
            b".symtab" => Self::Symtab,
            b".strtab" => Self::Strtab,
            b"__versions" => Self::Versions,
            b"__version_ext_crcs" => Self::VersionExtCrcs,
            b"__version_ext_names" => Self::VersionExtNames,
            b".note.gnu.build-id" => Self::BuildId,
            _ => return None,
        })
    }
}

/// A section's bytes with the place they have in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: u64,
    /// Where in the table of section names its own is.
    name: u64,
    /// Where the section's header lies in the file.
    pub(crate) header_offset: u64,
}

/// What parsing needs of the file header, in either class.
struct Header {
    machine: u16,
    section_offset: u64,
    section_count: u16,
    section_size: u16,
    names_index: u16,
}

impl<'a> Module<'a> {
    /// Checks the ELF header, the extent of the section header table and the table
    /// of section names. What kind of ELF file it is, and for which machine, does
    /// not matter.
    ///
    /// [`Error::NotElf`] without the magic number and a byte behind the
    /// identification; [`Error::Malformed`] if class or byte order are unknown, a
    /// table lies outside the file, section headers do not have their size, or
    /// there are no section names that end with a NUL.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let context = context(bytes)?;
        let header = read_header(bytes, context).ok_or_else(|| {
            Error::malformed("ELF header", 0, format_args!("{} bytes", bytes.len()), "52 or 64")
        })?;
        let expected = SectionHeader::size(context);
        if usize::from(header.section_size) != expected {
            return Err(Error::malformed("e_shentsize", 0, header.section_size, expected));
        }
        let size = u64::from(header.section_count).saturating_mul(header.section_size.into());
        let headers = bytes::range(bytes, header.section_offset, size).ok_or_else(|| {
            let found = format!("{size} bytes past the end of {}", bytes.len());
            let expected = "a table within the file";
            Error::malformed("section headers", header.section_offset, found, expected)
        })?;
        let headers_offset = header.section_offset;
        let machine = header.machine;
        let known = [0; Known::COUNT];
        let mut module =
            Self { bytes, context, machine, headers, headers_offset, names: &[], known };
        let index = header.names_index;
        let names = (index != SHN_UNDEF as u16).then(|| module.section_at(index.into())).flatten();
        let names = names.ok_or_else(|| {
            Error::malformed("e_shstrndx", 0, index, "the index of a section within the file")
        })?;
        match names.bytes.last() {
            Some(0) if names.name < names.bytes.len() as u64 => {
                module.names = names.bytes;
                module.find_known();
                Ok(module)
            }
            Some(0) => {
                let expected = format!("less than {}", names.bytes.len());
                Err(Error::malformed("sh_name", names.header_offset, names.name, expected))
            }
            last => {
                let found = format!("{last:?}");
                Err(Error::malformed("end of section names", names.offset, found, "a NUL"))
            }
        }
    }

    /// How records are to be read.
    pub(crate) fn context(&self) -> Ctx {
        self.context
    }

    /// `e_machine`, the processor.
    pub(crate) fn machine(&self) -> u16 {
        self.machine
    }

    /// Whether the ELF class is 64 bit.
    pub(crate) fn is_64(&self) -> bool {
        self.context.is_big()
    }

    /// A number of this file's byte order.
    pub(crate) fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.context.is_little_endian() {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        }
    }

    /// A number of this file's byte order.
    pub(crate) fn u64(&self, bytes: [u8; 8]) -> u64 {
        if self.context.is_little_endian() {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_be_bytes(bytes)
        }
    }

    /// The first section of that name whose bytes lie within the file; sections of
    /// that name which reach outside (those without bytes, SHT_NOBITS, may) are
    /// passed over. The section of index 0 has no name.
    pub(crate) fn section(&self, known: Known) -> Option<Section<'a>> {
        match self.known.get(known as usize)? {
            0 => None,
            index => self.section_at(usize::from(*index)),
        }
    }

    /// Looks at each section's name once.
    fn find_known(&mut self) {
        let size = SectionHeader::size(self.context);
        for (index, header) in self.headers.chunks_exact(size).enumerate().skip(1) {
            // The first field in both classes is sh_name: most headers need no more.
            let Some(name) = bytes::array(header, 0).map(|name| self.u32(name)) else { continue };
            let name = self.names.get(name as usize..).unwrap_or_default();
            // Most names are of code and its relocations: their ends are not looked for.
            let ([b'.', b'm' | b's' | b'n', ..] | [b'_', b'_', ..]) = name else { continue };
            let Some(known) = Known::of_name(bytes::until_nul(name)) else { continue };
            let Some(place) = self.known.get(known as usize) else { continue };
            if *place == 0 && self.section_at(index).is_some() {
                // There are at most 65535 sections.
                if let Some(place) = self.known.get_mut(known as usize) {
                    *place = index as u16;
                }
            }
        }
    }

    /// The section of that index; `None` if there is none, its bytes reach outside the
    /// file, or its name lies outside the names.
    pub(crate) fn section_at(&self, index: usize) -> Option<Section<'a>> {
        let at = index.checked_mul(SectionHeader::size(self.context))?;
        let record = self.headers.get(at..)?;
        let header: SectionHeader = record.pread_with(0, self.context).ok()?;
        // No names are known yet while their own section is looked for.
        if !self.names.is_empty() && header.sh_name >= self.names.len() {
            return None;
        }
        Some(Section {
            name: header.sh_name as u64,
            bytes: bytes::range(self.bytes, header.sh_offset, header.sh_size)?,
            offset: header.sh_offset,
            header_offset: self.headers_offset.checked_add(at as u64)?,
        })
    }
}

/// Class and byte order by the identification bytes.
fn context(bytes: &[u8]) -> Result<Ctx, Error> {
    let identification = bytes.first_chunk::<SIZEOF_IDENT>();
    let Some(identification) = identification.filter(|i| i.starts_with(ELFMAG)) else {
        return Err(Error::NotElf { found: bytes.iter().take(4).copied().collect() });
    };
    if bytes.len() == SIZEOF_IDENT {
        return Err(Error::NotElf { found: ELFMAG.to_vec() });
    }
    let container = match identification.get(EI_CLASS) {
        Some(&ELFCLASS32) => Container::Little,
        Some(&ELFCLASS64) => Container::Big,
        other => {
            let found = format!("{other:?}");
            return Err(Error::malformed("EI_CLASS", EI_CLASS as u64, found, "1 or 2"));
        }
    };
    let endian = match identification.get(EI_DATA) {
        Some(&ELFDATA2LSB) => Endian::Little,
        Some(&ELFDATA2MSB) => Endian::Big,
        other => {
            let found = format!("{other:?}");
            return Err(Error::malformed("EI_DATA", EI_DATA as u64, found, "1 or 2"));
        }
    };
    Ok(Ctx::new(container, endian))
}

/// `None` if the file is too short for it.
fn read_header(bytes: &[u8], context: Ctx) -> Option<Header> {
    // goblin takes the byte order from the identification, whatever the argument.
    if context.is_big() {
        let header: header64::Header = bytes.pread_with(0, context.le).ok()?;
        Some(Header {
            machine: header.e_machine,
            section_offset: header.e_shoff,
            section_count: header.e_shnum,
            section_size: header.e_shentsize,
            names_index: header.e_shstrndx,
        })
    } else {
        let header: header32::Header = bytes.pread_with(0, context.le).ok()?;
        Some(Header {
            machine: header.e_machine,
            section_offset: header.e_shoff.into(),
            section_count: header.e_shnum,
            section_size: header.e_shentsize,
            names_index: header.e_shstrndx,
        })
    }
}
