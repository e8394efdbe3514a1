//! Findings as people read them: one line, cause, datum, cure.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use komod_elf::Identity;
use komod_file::Compression;

use crate::because::Because;
use crate::exports::Exporter;
use crate::reference::first_word;
use crate::trust::{KeySearch, Lockdown};
use crate::{Cause, Finding, situation_words};

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.doubt {
            Some(doubt) => write!(f, "probably {} (not certain: {doubt})", self.cause),
            None => self.cause.fmt(f),
        }
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty (0 bytes); install its package again"),
            Self::NotElf { looks } => {
                write!(
                    f,
                    "the file is no kernel module (it looks like {looks}); get the module itself"
                )
            }
            Self::Truncated { found, expected } => write!(
                f,
                "the file is cut short (it has {found} bytes of {expected}); install its package again"
            ),
            Self::Damaged { message } => write!(
                f,
                "the compressed file is damaged or cut short ({message}); install its package again"
            ),
            Self::Kind(kind) => {
                let what = match kind {
                    2 => "a program",
                    3 => "a shared library or program",
                    4 => "a core dump",
                    _ => "of an unknown kind",
                };
                write!(
                    f,
                    "the file is {what}, no module (ELF type {kind}, a module has 1); give the .ko file"
                )
            }
            Self::Machine { module, kernel } => write!(
                f,
                "the module is built for another machine ({}, this kernel is {}); \
                 get it for this machine",
                Machine(module),
                Machine(kernel)
            ),
            Self::Stripped => f.write_str(
                "the module is stripped of its symbols (no .symtab); \
                 build or install it again, and strip no more than debugging symbols: strip -g",
            ),
            Self::NoStruct => f.write_str(
                "the file is an object file, no finished module \
                 (no .gnu.linkonce.this_module); build it to the end: make modules",
            ),
            Self::StructSize { module, kernel } => write!(
                f,
                "the module is built for a kernel of another configuration \
                 (struct module of {module} bytes, here {kernel}); \
                 rebuild it against this kernel's headers"
            ),
            Self::Vermagic { module, kernel, installed, path } => {
                vermagic(f, module, kernel, *installed, path)
            }
            Self::Layout { module, kernel } => write!(
                f,
                "the module is built for a kernel of another configuration \
                 (module_layout {}, here {}); rebuild it against this kernel's headers",
                Crc(Some(*module)),
                Crc(*kernel)
            ),
            Self::SymbolVersion { symbol, module, kernel, exporter } => {
                let by = exporter.as_ref().map(|by| format!(" of {}", By(by)));
                write!(
                    f,
                    "the module is built against another version of a symbol ({} {}, here {}{}); \
                     rebuild it against this kernel's headers",
                    shown(symbol),
                    Crc(*module),
                    Crc(*kernel),
                    by.unwrap_or_default()
                )
            }
            Self::NeedsModule { module, path, because, symbols } => {
                write!(
                    f,
                    "a symbol comes from module {module}, which is not loaded ({}",
                    List(symbols)
                )?;
                match path {
                    Some(path) => write!(f, " in {}", path.display())?,
                    None => f.write_str(", no file in modules.dep")?,
                }
                if let Some(because) = because {
                    write!(f, "; {because}")?;
                }
                write!(f, "); {}", Because::cure(because.as_ref(), module))
            }
            Self::NobodyExports { symbols, source } => {
                write!(f, "nobody exports a symbol that the module needs ({}", List(symbols))?;
                match source {
                    Some(source) => {
                        write!(f, "; {} and modules.symbols lack it", source.display())?
                    }
                    None => f.write_str("; modules.symbols lacks it")?,
                }
                f.write_str("); use a module for this kernel, or rebuild it against its headers")
            }
            Self::GplOnly { symbols, licence } => {
                write!(f, "a symbol is for modules under the GPL alone ({}; ", List(symbols))?;
                match licence.is_empty() {
                    true => f.write_str("the module names no licence")?,
                    false => write!(f, "license={}", shown(licence))?,
                }
                f.write_str("); ask the module's maker for one that does without it")
            }
            Self::Namespace { symbol, namespace } => {
                let (symbol, namespace) = (shown(symbol), shown(namespace));
                write!(
                    f,
                    "the module does not import the namespace of a symbol \
                     ({symbol} is in {namespace}); add MODULE_IMPORT_NS({namespace}) and rebuild it"
                )
            }
            Self::Unsigned { lockdown } => {
                write!(f, "the module is not signed ({}); {SIGN}", Enforced(*lockdown))
            }
            Self::ForcedUnsigned { lockdown } => write!(
                f,
                "a forced module counts as unsigned ({}); load it without force",
                Enforced(*lockdown)
            ),
            Self::UnknownKey { signer, key_id, keys, lockdown } => {
                write!(
                    f,
                    "the module is signed with a key that the kernel does not know \
                     (signer {}, key {}, ",
                    shown(signer),
                    Hex(key_id)
                )?;
                match keys {
                    KeySearch::Found(_) => f.write_str("/proc/keys has another of that name")?,
                    KeySearch::Missing => f.write_str("not in /proc/keys")?,
                    KeySearch::Unknown => f.write_str("/proc/keys tells nothing")?,
                }
                write!(f, "; {}); {ENROL}", Enforced(*lockdown))
            }
            Self::BadSignature { signer } => write!(
                f,
                "the module was changed after it was signed (signature of {} does not fit); \
                 install its package again, or sign it again",
                shown(signer)
            ),
            Self::SignatureFormat { why } => write!(
                f,
                "the signature behind the module cannot be read ({why}); \
                 install its package again, or sign it again"
            ),
            Self::Closed => f.write_str(
                "the kernel takes and removes no modules until it is booted again \
                 (/proc/sys/kernel/modules_disabled is 1); \
                 have the module in /etc/modules-load.d and reboot",
            ),
            Self::KernelBlacklist { module } => write!(
                f,
                "the kernel's command line forbids module {module} (module_blacklist=); \
                 boot without that word"
            ),
            Self::ParameterValue { name, kind, value } => {
                let name = shown(name);
                let kind = match kind.is_empty() {
                    true => "of an unknown type".into(),
                    false => format!("of type {}", shown(kind)),
                };
                match value {
                    Some(value) => write!(
                        f,
                        "a parameter does not take its value ({name} is {kind}, the value '{}'); \
                         see modinfo -p",
                        shown(value)
                    ),
                    None => write!(
                        f,
                        "a parameter lacks its value ({name} is {kind}); write {name}=VALUE"
                    ),
                }
            }
            Self::ParameterUnknown { module, name, nearest } => {
                let name = shown(name);
                write!(f, "module {module} has no parameter '{name}' (the kernel ignores it); ")?;
                match nearest {
                    Some(nearest) => write!(f, "the nearest is '{}'", shown(nearest)),
                    None => write!(f, "modinfo -p {module} lists them"),
                }
            }
            Self::AlreadyLoaded { module } => write!(
                f,
                "module {module} is in the kernel already (/sys/module/{module}); \
                 to load another file of it: rmmod {module}"
            ),
            Self::Decompressor { file } => write!(
                f,
                "the kernel does not unpack this file itself (of {} it reads one stream, with \
                 the usual checksum and little memory), the tools do it; pack it again: {}",
                packing(*file).0,
                packing(*file).1
            ),
            _ => situation_words::write(self, f),
        }
    }
}

const SIGN: &str = "sign it with a key the kernel knows: a key of your own is enrolled with \
    mokutil --import and, under DKMS, used for every build";
const ENROL: &str = "enrol that key: mokutil --import KEY.der and reboot";

fn vermagic(
    f: &mut Formatter<'_>,
    module: &[u8],
    kernel: &[u8],
    installed: bool,
    path: &Path,
) -> fmt::Result {
    let (theirs, ours) = (first_word(module), first_word(kernel));
    let what = match theirs == ours {
        true => "another configuration of this kernel",
        false => "another kernel",
    };
    write!(
        f,
        "the module is built for {what} (vermagic '{}', here '{}'); ",
        shown(module.trim_ascii_end()),
        shown(kernel.trim_ascii_end())
    )?;
    if installed && theirs != ours {
        return write!(f, "it fits the installed {}: boot that", shown(theirs));
    }
    match path.components().any(|part| part.as_os_str() == "dkms") {
        true => write!(f, "rebuild it: dkms autoinstall -k {}", shown(ours)),
        false => {
            write!(f, "rebuild it: make -C /lib/modules/{}/build M=DIRECTORY modules", shown(ours))
        }
    }
}

/// Bytes as people read them, without what moves the cursor.
pub(crate) fn shown(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    match text.contains(|c: char| c.is_control()) {
        true => Cow::Owned(text.replace(|c: char| c.is_control(), "?")),
        false => text,
    }
}

/// A way to pack, and how the kernel wants it done (Documentation/staging/xz.rst).
fn packing(compression: Compression) -> (&'static str, &'static str) {
    match compression {
        Compression::Plain => ("nothing", "cp"),
        Compression::Gzip => ("gzip", "gzip -n"),
        Compression::Xz => ("xz", "xz --check=crc32 --lzma2=dict=1MiB"),
        Compression::Zstd => ("zstd", "zstd"),
    }
}

/// Who exports a symbol.
struct By<'a>(&'a Exporter);

impl Display for By<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exporter::Kernel => f.write_str("the kernel"),
            Exporter::Module { module, .. } => write!(f, "module {module}"),
        }
    }
}

/// A checksum of 32 bits.
struct Crc(Option<u64>);

impl Display for Crc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(crc) => write!(f, "{crc:#010x}"),
            None => f.write_str("another"),
        }
    }
}

/// The first names of a list, and how many more.
pub(crate) struct List<'a>(pub(crate) &'a [Vec<u8>]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        for (at, name) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{}", shown(name))?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A key's identifier.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at > 0 { ":" } else { "" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// What asks for signatures.
struct Enforced(Option<Lockdown>);

impl Display for Enforced {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(lockdown) => write!(f, "the kernel is locked down: {}", lockdown.word()),
            None => f.write_str("the kernel has sig_enforce=Y"),
        }
    }
}

/// A processor, class and byte order.
struct Machine<'a>(&'a Identity);

impl Display for Machine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let known = match self.0.machine {
            3 => "x86",
            8 => "MIPS",
            20 => "PowerPC",
            21 => "PowerPC 64",
            22 => "s390x",
            40 => "ARM",
            62 => "x86-64",
            183 => "ARM 64",
            243 => "RISC-V",
            258 => "LoongArch",
            _ => "",
        };
        match known {
            "" => write!(f, "ELF machine {}", self.0.machine)?,
            known => f.write_str(known)?,
        }
        let bits = if self.0.is_64 { 64 } else { 32 };
        let order = if self.0.is_little_endian { "little" } else { "big" };
        write!(f, ", {bits} bit, {order} endian")
    }
}
