use std::ops::Range;

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::SectionHeader;
use goblin::elf::header::{
    EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG, SIZEOF_IDENT,
    header32, header64,
};
use goblin::elf::section_header::SHN_UNDEF;
use scroll::Pread;

use crate::view::View;
use crate::{Error, Identity, bytes};

/// A borrowed view of one module's decompressed bytes.
///
/// Absent things are `Ok(None)`; things that are there and contradict themselves
/// are an error with offset, found and expected.
#[derive(Debug, Clone)]
pub struct Module<'a> {
    file: View<'a>,
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

/// Where the known sections of a module are in its section header table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found([u16; Known::COUNT]);

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
    /// No name has more bytes.
    const LONGEST: usize = b"__version_ext_names".len();

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
    /// Where the section's header lies in the file.
    pub(crate) header_offset: u64,
}

/// Where a section lies within the file.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Where in the table of section names its own is.
    name: u64,
    offset: u64,
    size: u64,
    header_offset: u64,
}

impl Extent {
    fn range(self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.size)
    }
}

/// The size of the larger of the two ELF headers.
pub(crate) const HEADER: u64 = 64;

/// What parsing needs of the file header, in either class.
struct Header {
    kind: u16,
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
        Self::of(View::Whole(bytes))
    }

    /// As [`Module::parse`], of a file that may be held in parts only.
    pub(crate) fn of(file: View<'a>) -> Result<Self, Error> {
        let (mut module, names) = Self::without_names(file)?;
        let bytes = module.bytes_of(names).unwrap_or_default();
        match bytes.last() {
            Some(0) if names.name < bytes.len() as u64 => {
                module.names = bytes;
                module.find_known();
                Ok(module)
            }
            Some(0) => {
                let expected = format!("less than {}", bytes.len());
                Err(Error::malformed("sh_name", names.header_offset, names.name, expected))
            }
            last => {
                let found = format!("{last:?}");
                Err(Error::malformed("end of section names", names.offset, found, "a NUL"))
            }
        }
    }

    /// As [`Module::of`] a file of which more is held by now, with what was found in it
    /// before.
    pub(crate) fn again(file: View<'a>, found: Found) -> Result<Self, Error> {
        let (mut module, names) = Self::without_names(file)?;
        module.names = module.bytes_of(names).unwrap_or_default();
        module.known = found.0;
        Ok(module)
    }

    /// What need not be looked for again.
    pub(crate) fn found(&self) -> Found {
        Found(self.known)
    }

    /// A module of whose sections nothing is known yet, and where their names are.
    fn without_names(file: View<'a>) -> Result<(Self, Extent), Error> {
        let (context, header) = file_header(file)?;
        let headers = header.table(context, file)?;
        let (headers_offset, size) = (headers.start, headers.end.saturating_sub(headers.start));
        let module = Self {
            file,
            context,
            machine: header.machine,
            headers: file.range(headers_offset, size).unwrap_or_default(),
            headers_offset,
            names: &[],
            known: [0; Known::COUNT],
        };
        let index = header.names_index;
        let names = (index != SHN_UNDEF as u16).then(|| module.extent_at(index.into())).flatten();
        let names = names.ok_or_else(|| {
            Error::malformed("e_shstrndx", 0, index, "the index of a section within the file")
        })?;
        Ok((module, names))
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
            let name = name.get(..=Known::LONGEST).unwrap_or(name);
            let Some(known) = Known::of_name(bytes::until_nul(name)) else { continue };
            let Some(place) = self.known.get(known as usize) else { continue };
            if *place == 0 && self.extent_at(index).is_some() {
                // There are at most 65535 sections.
                if let Some(place) = self.known.get_mut(known as usize) {
                    *place = index as u16;
                }
            }
        }
    }

    /// Where in the file a known section lies.
    pub(crate) fn extent(&self, known: Known) -> Option<Range<u64>> {
        let index = *self.known.get(known as usize)?;
        let extent = (index != 0).then(|| self.extent_at(usize::from(index))).flatten()?;
        Some(extent.range())
    }

    /// The section of that index; `None` if there is none, its bytes reach outside the
    /// file, or its name lies outside the names.
    pub(crate) fn section_at(&self, index: usize) -> Option<Section<'a>> {
        let extent = self.extent_at(index)?;
        let Extent { offset, header_offset, .. } = extent;
        Some(Section { bytes: self.bytes_of(extent)?, offset, header_offset })
    }

    /// The section headers, in order; the first is of no section.
    pub(crate) fn section_headers(&self) -> impl Iterator<Item = SectionHeader> {
        let records = self.headers.chunks_exact(SectionHeader::size(self.context));
        records.filter_map(|record| record.pread_with(0, self.context).ok())
    }

    /// The sections' names, in order.
    pub(crate) fn section_names(&self) -> impl Iterator<Item = &'a [u8]> {
        let name = |header: SectionHeader| self.names.get(header.sh_name..).unwrap_or_default();
        self.section_headers().map(move |header| bytes::until_nul(name(header)))
    }

    fn bytes_of(&self, extent: Extent) -> Option<&'a [u8]> {
        self.file.range(extent.offset, extent.size)
    }

    /// Where the section of that index lies; `None` as for [`Self::section_at`].
    fn extent_at(&self, index: usize) -> Option<Extent> {
        let at = index.checked_mul(SectionHeader::size(self.context))?;
        let record = self.headers.get(at..)?;
        let header: SectionHeader = record.pread_with(0, self.context).ok()?;
        // No names are known yet while their own section is looked for.
        if !self.names.is_empty() && header.sh_name >= self.names.len() {
            return None;
        }
        let extent = Extent {
            name: header.sh_name as u64,
            offset: header.sh_offset,
            size: header.sh_size,
            header_offset: self.headers_offset.checked_add(at as u64)?,
        };
        self.file.contains(extent.offset, extent.size).then_some(extent)
    }
}

/// Where the section header table of a file lies, of which the start is held.
pub(crate) fn section_table(file: View<'_>) -> Result<Range<u64>, Error> {
    let (context, header) = file_header(file)?;
    header.table(context, file)
}

/// Where the names of its sections lie, with the table of section headers held, too.
pub(crate) fn section_names(file: View<'_>) -> Result<Range<u64>, Error> {
    Module::without_names(file).map(|(_, names)| names.range())
}

/// What the file header says, whether or not the rest of the file is there.
pub(crate) fn identity(file: View<'_>) -> Result<Identity, Error> {
    let (context, header) = file_header(file)?;
    let size = u64::from(header.section_count).saturating_mul(header.section_size.into());
    Ok(Identity {
        is_64: context.is_big(),
        is_little_endian: context.is_little_endian(),
        kind: header.kind,
        machine: header.machine,
        end: header.section_offset.saturating_add(size),
    })
}

fn file_header(file: View<'_>) -> Result<(Ctx, Header), Error> {
    let start = file.range(0, file.size().min(HEADER)).unwrap_or_default();
    let context = context(start)?;
    let header = read_header(start, context).ok_or_else(|| {
        Error::malformed("ELF header", 0, format_args!("{} bytes", file.size()), "52 or 64")
    })?;
    Ok((context, header))
}

impl Header {
    /// Where the section headers are, all of them within the file.
    fn table(&self, context: Ctx, file: View<'_>) -> Result<Range<u64>, Error> {
        let expected = SectionHeader::size(context);
        if usize::from(self.section_size) != expected {
            return Err(Error::malformed("e_shentsize", 0, self.section_size, expected));
        }
        let start = self.section_offset;
        let size = u64::from(self.section_count).saturating_mul(self.section_size.into());
        match start.checked_add(size).filter(|_| file.contains(start, size)) {
            Some(end) => Ok(start..end),
            None => {
                let found = format!("{size} bytes past the end of {}", file.size());
                let expected = "a table within the file";
                Err(Error::malformed("section headers", start, found, expected))
            }
        }
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
            kind: header.e_type,
            machine: header.e_machine,
            section_offset: header.e_shoff,
            section_count: header.e_shnum,
            section_size: header.e_shentsize,
            names_index: header.e_shstrndx,
        })
    } else {
        let header: header32::Header = bytes.pread_with(0, context.le).ok()?;
        Some(Header {
            kind: header.e_type,
            machine: header.e_machine,
            section_offset: header.e_shoff.into(),
            section_count: header.e_shnum,
            section_size: header.e_shentsize,
            names_index: header.e_shstrndx,
        })
    }
}
