use goblin::elf::header::{EM_SPARC, EM_SPARCV9};
use goblin::elf::section_header::{SHN_ABS, SHN_UNDEF};
use goblin::elf::sym::{STB_WEAK, st_bind, st_type, sym32, sym64};

use crate::bytes;
use crate::join::Joined;
use crate::module::Known;
use crate::{Error, Module};

/// A symbol that a module offers to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export<'a> {
    /// As in the symbol table, a leading dot included.
    pub name: &'a [u8],
    /// Checksum of its interface, of 32 bits; 0 if the module names none, all of the
    /// 64 bits set if its place is outside the file.
    pub crc: u64,
}

/// How much a module wants a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Does not load without it.
    Strong,
    /// Loads without it.
    Weak,
}

/// A symbol that a module wants from the kernel or from another module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need<'a> {
    /// As in the symbol table, a leading dot included.
    pub name: &'a [u8],
    /// Checksum that it was built against; `None` if the module has no version of it.
    pub crc: Option<u64>,
    /// Whether it must be there.
    pub binding: Binding,
}

impl<'a> Module<'a> {
    /// The exported symbols: every `__crc_NAME` of the symbol table, or else, if
    /// there is none, the strings of `__ksymtab_strings` with CRC 0. `Ok(None)` if
    /// the module has neither.
    ///
    /// The strings contain the names of symbol namespaces too, which nothing there
    /// tells apart. An error if `__ksymtab_strings` does not end with a NUL.
    pub fn exports(&self) -> Result<Option<Vec<Export<'a>>>, Error> {
        self.exported(
            |module, name, symbol| Export { name, crc: module.crc_of(symbol) },
            |name| Export { name, crc: 0 },
        )
    }

    /// The names of [`Module::exports`], without a look at the checksums.
    pub fn export_names(&self) -> Result<Option<Vec<&'a [u8]>>, Error> {
        self.exported(|_, name, _| name, |name| name)
    }

    fn exported<T>(
        &self,
        by_symbol: impl Fn(&Self, &'a [u8], &Symbol) -> T,
        by_string: impl Fn(&'a [u8]) -> T,
    ) -> Result<Option<Vec<T>>, Error> {
        let versioned = match self.symbol_table() {
            Ok(table) if self.is_64() => self.versioned_exports::<Symbol64, T>(&table, by_symbol),
            Ok(table) => self.versioned_exports::<Symbol32, T>(&table, by_symbol),
            Err(_) => Vec::new(),
        };
        if !versioned.is_empty() {
            return Ok(Some(versioned));
        }
        let Some(section) = self.section(Known::KsymtabStrings) else { return Ok(None) };
        if section.bytes.last().is_some_and(|last| *last != 0) {
            let what = "end of __ksymtab_strings";
            return Err(Error::malformed(what, section.offset, "no NUL", "a NUL"));
        }
        Ok(Some(bytes::strings(section.bytes).map(by_string).collect()))
    }

    /// The needed symbols: the undefined ones of the symbol table in its order, then
    /// those that only the symbol versions name (`module_layout`), in theirs.
    ///
    /// An error without a symbol table and its strings, if the name of a symbol lies
    /// outside them, or if names overlap so much that together they have more than 64
    /// times the bytes of both. Versions that cannot be read count as absent, as in
    /// kmod.
    pub fn needs(&self) -> Result<Vec<Need<'a>>, Error> {
        let undefined = self.undefined()?;
        let versions = self.versions().ok().flatten().unwrap_or_default();
        let mut joined = Joined::new(&versions);
        let mut needs = Vec::with_capacity(versions.len().max(undefined.len()));
        for (name, binding) in undefined {
            needs.push(Need { name, crc: joined.use_crc(name), binding });
        }
        needs.extend(joined.unused().map(|version| Need {
            name: version.name,
            crc: Some(version.crc),
            binding: Binding::Strong,
        }));
        Ok(needs)
    }

    /// The undefined symbols of the symbol table in its order: [`Module::needs`] without
    /// a look at the versions, and with its errors.
    pub fn undefined(&self) -> Result<Vec<(&'a [u8], Binding)>, Error> {
        // Most modules have some fifty.
        let mut undefined = Vec::with_capacity(64);
        self.for_each_undefined(|name, binding| undefined.push((name, binding)))?;
        Ok(undefined)
    }

    /// As [`Module::undefined`], one after another. After an error those before it
    /// count for nothing.
    pub fn for_each_undefined(&self, each: impl FnMut(&'a [u8], Binding)) -> Result<(), Error> {
        let table = self.symbol_table()?;
        if self.is_64() {
            self.undefined_in::<Symbol64>(&table, each)
        } else {
            self.undefined_in::<Symbol32>(&table, each)
        }
    }

    /// The symbols that lie in a section, each with the section's index and its place in
    /// it, up to the first whose name lies outside the names. Nothing without a table.
    pub(crate) fn for_each_defined(&self, each: impl FnMut(&'a [u8], usize, u64)) {
        match self.symbol_table() {
            Ok(table) if self.is_64() => self.defined_in::<Symbol64>(&table, each),
            Ok(table) => self.defined_in::<Symbol32>(&table, each),
            Err(_) => {}
        }
    }

    fn defined_in<S: Layout>(
        &self,
        table: &SymbolTable<'a>,
        mut each: impl FnMut(&'a [u8], usize, u64),
    ) {
        let mut budget = table.budget();
        for symbol in self.records::<S>(table) {
            if matches!(u32::from(symbol.section), SHN_UNDEF | SHN_ABS) {
                continue;
            }
            let Some(name) = table.name_onwards(&symbol).map(bytes::until_nul) else { return };
            let Some(left) = budget.checked_sub(name.len()) else { return };
            budget = left;
            each(name, usize::from(symbol.section), symbol.value);
        }
    }

    /// Empty too if a symbol's name lies outside the strings, or names share more of
    /// them than any table's do: nothing in such a table is believed.
    fn versioned_exports<S: Layout, T>(
        &self,
        table: &SymbolTable<'a>,
        export: impl Fn(&Self, &'a [u8], &Symbol) -> T,
    ) -> Vec<T> {
        let mut exports = Vec::new();
        let mut budget = table.budget();
        for symbol in self.records::<S>(table) {
            let Some(name) = table.name_onwards(&symbol) else { return Vec::new() };
            // Very few names start so: the others' ends are not looked for.
            let Some(tail) = name.strip_prefix(b"__crc_") else { continue };
            let name = bytes::until_nul(tail);
            let Some(left) = budget.checked_sub(name.len()) else { return Vec::new() };
            budget = left;
            exports.push(export(self, name, &symbol));
        }
        exports
    }

    /// The checksum that a symbol `__crc_NAME` stands for.
    fn crc_of(&self, symbol: &Symbol) -> u64 {
        match u32::from(symbol.section) {
            SHN_UNDEF | SHN_ABS => symbol.value,
            index => self.crc_at(index, symbol.value).map_or(u64::MAX, u64::from),
        }
    }

    /// The checksum at an offset of a section.
    fn crc_at(&self, index: u32, offset: u64) -> Option<u32> {
        let section = self.section_at(index as usize)?;
        let bytes = bytes::array(section.bytes, usize::try_from(offset).ok()?)?;
        Some(self.u32(bytes))
    }

    fn undefined_in<S: Layout>(
        &self,
        table: &SymbolTable<'a>,
        mut each: impl FnMut(&'a [u8], Binding),
    ) -> Result<(), Error> {
        /// A global register of SPARC code, which nobody defines.
        const STT_REGISTER: u8 = 13;
        const EM_SPARC32PLUS: u16 = 18;
        let sparc = matches!(self.machine(), EM_SPARC | EM_SPARC32PLUS | EM_SPARCV9);
        let mut budget = table.budget();
        for symbol in self.records::<S>(table) {
            if u32::from(symbol.section) != SHN_UNDEF {
                continue;
            }
            if sparc && st_type(symbol.info) == STT_REGISTER {
                continue;
            }
            let name = table.name_onwards(&symbol).ok_or_else(|| {
                let expected = format!("less than {}", table.names.len());
                Error::malformed("st_name", table.offset, symbol.name, expected)
            })?;
            let name = bytes::until_nul(name);
            if name.is_empty() {
                continue;
            }
            budget = budget.checked_sub(name.len()).ok_or_else(|| {
                let expected = "names that overlap little";
                Error::malformed("names of symbols", table.offset, "one in another", expected)
            })?;
            let weak = st_bind(symbol.info) == STB_WEAK;
            each(name, if weak { Binding::Weak } else { Binding::Strong });
        }
        Ok(())
    }

    /// The records of `.symtab` and the strings of `.strtab`, found by these names.
    fn symbol_table(&self) -> Result<SymbolTable<'a>, Error> {
        let missing = |what| Error::malformed(what, 0, "no such section", "one within the file");
        let records = self.section(Known::Symtab).ok_or_else(|| missing(".symtab"))?;
        let names = self.section(Known::Strtab).ok_or_else(|| missing(".strtab"))?;
        let size = if self.is_64() { Symbol64::SIZE } else { Symbol32::SIZE };
        if records.bytes.len().checked_rem(size) != Some(0) {
            let found = format!("{} bytes", records.bytes.len());
            let expected = format!("a multiple of {size}");
            return Err(Error::malformed("size of .symtab", records.offset, found, expected));
        }
        Ok(SymbolTable { records: records.bytes, offset: records.offset, names: names.bytes })
    }

    /// The symbols but for the first, which the format keeps empty.
    fn records<S: Layout>(&self, table: &SymbolTable<'a>) -> impl Iterator<Item = Symbol> {
        let little = self.context().is_little_endian();
        table.records.chunks_exact(S::SIZE).skip(1).filter_map(move |r| S::read(r, little))
    }
}

/// Nothing of it was decoded yet.
struct SymbolTable<'a> {
    records: &'a [u8],
    offset: u64,
    names: &'a [u8],
}

impl<'a> SymbolTable<'a> {
    /// How many bytes the names of all symbols may have: 64 times those there are. A
    /// name of the kernel has at most 511 (KSYM_NAME_LEN), a symbol's record at least
    /// 16, so that all symbols may have the same long name. Else a table of a few
    /// megabytes, each of its symbols with the rest of the strings for a name, would
    /// take hours, and more memory than there is.
    fn budget(&self) -> usize {
        self.records.len().saturating_add(self.names.len()).saturating_mul(64)
    }

    /// A symbol's name, its NUL and whatever follows; `None` outside the strings. The
    /// last string's NUL may be missing.
    fn name_onwards(&self, symbol: &Symbol) -> Option<&'a [u8]> {
        self.names.get(symbol.name as usize..).filter(|name| !name.is_empty())
    }
}

/// What exports and needs are told from.
struct Symbol {
    name: u32,
    info: u8,
    section: u16,
    value: u64,
}

/// Where the fields of a class's symbol record are. They are read one by one from
/// the record, so that a field that a caller does not use costs nothing: there are
/// a million symbols in a distribution's modules.
trait Layout {
    const SIZE: usize;
    fn read(record: &[u8], little: bool) -> Option<Symbol>;
}

macro_rules! layout {
    ($class:ident, $format:ident, $value:ty) => {
        struct $class;

        impl Layout for $class {
            const SIZE: usize = $format::SIZEOF_SYM;

            #[inline(always)]
            fn read(record: &[u8], little: bool) -> Option<Symbol> {
                use std::mem::offset_of;
                let name = bytes::array(record, offset_of!($format::Sym, st_name))?;
                let info = bytes::array::<1>(record, offset_of!($format::Sym, st_info))?;
                let section = bytes::array(record, offset_of!($format::Sym, st_shndx))?;
                let value = bytes::array(record, offset_of!($format::Sym, st_value))?;
                Some(if little {
                    Symbol {
                        name: u32::from_le_bytes(name),
                        info: u8::from_le_bytes(info),
                        section: u16::from_le_bytes(section),
                        value: <$value>::from_le_bytes(value).into(),
                    }
                } else {
                    Symbol {
                        name: u32::from_be_bytes(name),
                        info: u8::from_be_bytes(info),
                        section: u16::from_be_bytes(section),
                        value: <$value>::from_be_bytes(value).into(),
                    }
                })
            }
        }
    };
}

layout!(Symbol32, sym32, u32);
layout!(Symbol64, sym64, u64);

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::{Class, Endian, ModuleSpec};

    fn all(spec: &ModuleSpec) -> Vec<Vec<u8>> {
        spec.on_each_machine().map(|spec| spec.build()).into()
    }

    fn export(name: &[u8], crc: u64) -> Export<'_> {
        Export { name, crc }
    }

    #[test]
    fn exports_by_crc_symbols() {
        let spec = ModuleSpec::new("m")
            .export("absolute", 0x1122_3344)
            .export_in_section("first", 5)
            .export_in_section("second", 0xa0b0_c0d0)
            .export_undefined("undefined")
            .ksymtab_strings(["not_looked_at"])
            .defines("text");
        for file in all(&spec) {
            let exports = Module::parse(&file).unwrap().exports().unwrap().unwrap();
            let expected = [
                export(b"absolute", 0x1122_3344),
                export(b"first", 5),
                export(b"second", 0xa0b0_c0d0),
                export(b"undefined", 0),
            ];
            assert_eq!(exports, expected);
        }
    }

    #[test]
    fn exports_by_strings_without_crcs() {
        for file in all(&ModuleSpec::new("m").ksymtab_strings(["", "a", "", "b", "NS"])) {
            let exports = Module::parse(&file).unwrap().exports().unwrap().unwrap();
            assert_eq!(exports, [export(b"a", 0), export(b"b", 0), export(b"NS", 0)]);
        }
        for file in all(&ModuleSpec::new("m").defines("text")) {
            assert_eq!(Module::parse(&file).unwrap().exports(), Ok(None));
        }
        let file = ModuleSpec::new("m").section("__ksymtab_strings", b"a\0b").build();
        assert!(Module::parse(&file).unwrap().exports().is_err());
    }

    #[test]
    fn needs_are_undefined_symbols_then_versions() {
        let spec = ModuleSpec::new("m")
            .needs("b")
            .needs_weak("a")
            .defines("text")
            .needs("c")
            .version("module_layout", 7)
            .version("c", 3)
            .version("b", 2)
            .version("other", 8);
        for file in all(&spec) {
            let needs = Module::parse(&file).unwrap().needs().unwrap();
            let need = |name, crc, binding| Need { name, crc, binding };
            let expected = [
                need(&b"b"[..], Some(2), Binding::Strong),
                need(b"a", None, Binding::Weak),
                need(b"c", Some(3), Binding::Strong),
                need(b"module_layout", Some(7), Binding::Strong),
                need(b"other", Some(8), Binding::Strong),
            ];
            assert_eq!(needs, expected);
        }
    }

    #[test]
    fn crc_outside_its_section_is_all_ones() {
        let file = ModuleSpec::new("m").export_in_section("a", 5).build();
        let mut cut = file.clone();
        let elf = goblin::elf::Elf::parse(&file).unwrap();
        let named = |header: &goblin::elf::SectionHeader| {
            elf.shdr_strtab.get_at(header.sh_name) == Some("__kcrctab")
        };
        let index = elf.section_headers.iter().position(named).unwrap();
        let size_at = elf.header.e_shoff as usize + index * 64 + 32;
        cut[size_at] = 3;
        let exports = Module::parse(&cut).unwrap().exports().unwrap().unwrap();
        assert_eq!(exports, [export(b"a", u64::MAX)]);
    }

    #[test]
    fn a_name_outside_the_strings_spoils_what_is_told_from_the_table() {
        let spec = ModuleSpec::new("m").export("a", 1).needs("b").ksymtab_strings(["k"]);
        for exported in [true, false] {
            let mut file = spec.clone().class(Class::Elf64).endian(Endian::Little).build();
            let module = Module::parse(&file).unwrap();
            let table = module.symbol_table().unwrap();
            let wanted = |symbol: Symbol| exported == (symbol.section != 0);
            let at = module.records::<Symbol64>(&table).position(wanted).unwrap() + 1;
            let start = table.offset as usize + Symbol64::SIZE * at;
            file[start..start + 4].fill(0x7f);
            let module = Module::parse(&file).unwrap();
            let strings = [export(b"a", 0), export(b"k", 0)];
            assert_eq!(module.exports(), Ok(Some(strings.to_vec())));
            assert_eq!(module.needs().is_ok(), exported);
        }
    }

    #[test]
    fn needs_want_a_symbol_table() {
        let file = ModuleSpec::new("m").needs("a").build();
        let name = file.windows(8).rposition(|w| w == b".symtab\0").unwrap();
        let mut renamed = file.clone();
        renamed[name + 1] = b'x';
        let module = Module::parse(&renamed).unwrap();
        assert!(module.needs().is_err());
        assert_eq!(module.exports(), Ok(None));
    }
}
