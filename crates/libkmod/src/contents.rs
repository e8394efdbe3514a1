//! What a module's file says.

use komod_elf::{Binding, Module as Elf, Signature};
use komod_file::{Error as FileError, ModuleFile};
use komod_index::BuiltinInfo;
use komod_kernel::Errno;

use crate::text::{c_text, errno_of};
use crate::{Item, Module};

impl Module {
    /// Its `.modinfo` and, behind that, what its signature says; of a built-in module
    /// what the kernel's build left.
    ///
    /// # Errors
    /// ENOENT without a file, ENODATA without that section, ENOEXEC for no ELF file,
    /// EINVAL for a damaged one, and the system's errors.
    pub fn info(&self) -> Result<Vec<Item>, Errno> {
        if self.is_builtin() {
            return self.builtin_info();
        }
        let bytes = self.bytes()?;
        let elf = parse(bytes)?;
        let strings = elf.modinfo().map_err(errno_of_elf)?.ok_or(Errno::ENODATA)?;
        let mut items: Vec<Item> = strings.into_iter().map(info).collect();
        if let Some(signature) = Signature::of(bytes) {
            items.extend(signature.into_fields().map(|(key, value)| Item::Info {
                key: c_text(key.as_bytes()),
                value: c_text(&value),
            }));
        }
        Ok(items)
    }

    fn builtin_info(&self) -> Result<Vec<Item>, Errno> {
        let bytes = self.context().database().builtin_modinfo();
        let bytes = bytes.map_err(|error| errno_of(&error))?;
        let name = self.module_name().as_bytes();
        let strings = BuiltinInfo::new(&bytes).of(name).map_err(|error| {
            self.context().log.error("get_strings", error);
            Errno::EINVAL
        })?;
        Ok(strings.into_iter().map(info).collect())
    }

    /// The versions of the symbols that it was built against.
    ///
    /// # Errors
    /// As for [`Module::info`].
    pub fn versions(&self) -> Result<Vec<Item>, Errno> {
        let elf = parse(self.bytes()?)?;
        let versions = elf.versions().map_err(errno_of_elf)?.ok_or(Errno::ENODATA)?;
        let item = |version: komod_elf::Version<'_>| {
            // PowerPC's code symbols have a dot before the name.
            symbol(version.name.strip_prefix(b".").unwrap_or(version.name), version.crc)
        };
        Ok(versions.into_iter().map(item).collect())
    }

    /// The symbols that it offers.
    ///
    /// # Errors
    /// As for [`Module::info`].
    pub fn symbols(&self) -> Result<Vec<Item>, Errno> {
        let elf = parse(self.bytes()?)?;
        let exports = elf.exports().map_err(errno_of_elf)?.ok_or(Errno::ENODATA)?;
        Ok(exports.into_iter().map(|export| symbol(export.name, export.crc)).collect())
    }

    /// The symbols that it needs.
    ///
    /// # Errors
    /// As for [`Module::info`].
    pub fn needs(&self) -> Result<Vec<Item>, Errno> {
        let elf = parse(self.bytes()?)?;
        let needs = elf.needs().map_err(errno_of_elf)?;
        let item = |need: komod_elf::Need<'_>| Item::Need {
            name: c_text(need.name),
            crc: need.crc.unwrap_or(0),
            bind: match need.binding {
                Binding::Strong => b'U',
                Binding::Weak => b'W',
            },
        };
        Ok(needs.into_iter().map(item).collect())
    }

    /// The file, unpacked; kept for the next question.
    fn bytes(&self) -> Result<&[u8], Errno> {
        if let Some(bytes) = self.contents.get() {
            return Ok(bytes);
        }
        let path = self.file_or_enoent()?;
        let read = ModuleFile::open(path).and_then(|file| file.contents());
        let bytes = read.map_err(|error| {
            if let FileError::Corrupt { .. } | FileError::TooLarge { .. } = error {
                self.context().log.error("kmod_file_load", &error);
            }
            Errno::from_raw(error.raw_os_error())
        })?;
        Ok(self.contents.get_or_init(|| bytes))
    }
}

fn parse(bytes: &[u8]) -> Result<Elf<'_>, Errno> {
    Elf::parse(bytes).map_err(errno_of_elf)
}

fn errno_of_elf(error: komod_elf::Error) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// `KEY=VALUE`; without `=` the value is empty.
fn info(string: &[u8]) -> Item {
    let at = string.iter().position(|byte| *byte == b'=').unwrap_or(string.len());
    let (key, rest) = string.split_at(at);
    Item::Info { key: c_text(key), value: c_text(rest.get(1..).unwrap_or_default()) }
}

fn symbol(name: &[u8], crc: u64) -> Item {
    Item::Symbol { name: c_text(name), crc }
}
