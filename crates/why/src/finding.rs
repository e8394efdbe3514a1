use std::path::PathBuf;

use komod_config::Origin;
use komod_elf::Identity;
use komod_file::Compression;
use komod_kernel::Errno;
use komod_name::ModuleName;

use crate::because::Because;
use crate::exports::Exporter;
use crate::trust::{KeySearch, Lockdown};

/// One reason why a module does not load, and how sure it is. As text: one line, cause,
/// datum in parentheses, cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The reason.
    pub cause: Cause,
    /// Why it is only probably the reason; `None` if it surely is.
    pub doubt: Option<&'static str>,
}

impl Finding {
    /// One that surely holds.
    pub fn sure(cause: Cause) -> Self {
        Self { cause, doubt: None }
    }

    /// Whether both are of one kind, whatever their data.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.cause) == std::mem::discriminant(&other.cause)
    }

    /// One that may not hold, for the reason `doubt`.
    pub fn probably(cause: Cause, doubt: &'static str) -> Self {
        Self { cause, doubt: Some(doubt) }
    }
}

/// Why a module does not load, with the datum that shows it. Texts out of files are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The file is empty.
    Empty,
    /// The file is no ELF file.
    NotElf {
        /// What its first bytes look like.
        looks: &'static str,
    },
    /// The file ends before what its header promises.
    Truncated {
        /// Bytes that there are.
        found: u64,
        /// Bytes that there should be.
        expected: u64,
    },
    /// The compressed file is damaged or cut short.
    Damaged {
        /// The codec's own words.
        message: String,
    },
    /// An ELF file, but no relocatable one: `e_type`.
    Kind(u16),
    /// Built for another processor, class or byte order.
    Machine {
        /// What the module is built for.
        module: Identity,
        /// What the kernel is.
        kernel: Identity,
    },
    /// There is no symbol table.
    Stripped,
    /// There is no `struct module`: an object file, or not linked to the end.
    NoStruct,
    /// The `struct module` within has another size than this kernel's.
    StructSize {
        /// The module's.
        module: usize,
        /// The kernel's.
        kernel: usize,
    },
    /// Built for another kernel, or another configuration of it.
    Vermagic {
        /// The module's.
        module: Vec<u8>,
        /// The kernel's.
        kernel: Vec<u8>,
        /// Whether the module's release is installed here.
        installed: bool,
        /// The module's file.
        path: PathBuf,
    },
    /// The module was built against another `struct module` (`module_layout`).
    Layout {
        /// The module's checksum.
        module: u64,
        /// The kernel's, if it is known.
        kernel: Option<u64>,
    },
    /// The module was built against another version of a symbol.
    SymbolVersion {
        /// The symbol.
        symbol: Vec<u8>,
        /// The checksum that the module was built against, if it is known.
        module: Option<u64>,
        /// The checksum that is there, if it is known.
        kernel: Option<u64>,
        /// Who exports it, if that is known.
        exporter: Option<Exporter>,
    },
    /// Symbols of a module that is not loaded.
    NeedsModule {
        /// That module.
        module: ModuleName,
        /// Its file, if it has one.
        path: Option<PathBuf>,
        /// What kept it away, if that is known.
        because: Option<Because>,
        /// The symbols.
        symbols: Vec<Vec<u8>>,
    },
    /// Symbols that neither this kernel nor any of its modules exports.
    NobodyExports {
        /// The symbols.
        symbols: Vec<Vec<u8>>,
        /// Where the kernel's own were looked for; `None` if only its modules are known.
        source: Option<PathBuf>,
    },
    /// Symbols that are for modules under the GPL alone.
    GplOnly {
        /// The symbols.
        symbols: Vec<Vec<u8>>,
        /// The module's licence; empty if it names none.
        licence: Vec<u8>,
    },
    /// A symbol out of a namespace that the module does not import.
    Namespace {
        /// The symbol.
        symbol: Vec<u8>,
        /// The namespace.
        namespace: Vec<u8>,
    },
    /// Unsigned, where only signed modules are taken.
    Unsigned {
        /// Whether the kernel is locked down; else signatures are enforced.
        lockdown: Option<Lockdown>,
    },
    /// A forced module counts as unsigned, where only signed modules are taken.
    ForcedUnsigned {
        /// As for [`Cause::Unsigned`].
        lockdown: Option<Lockdown>,
    },
    /// Signed with a key that the kernel does not know.
    UnknownKey {
        /// Who signed, as the signature names him.
        signer: Vec<u8>,
        /// The key's serial number.
        key_id: Vec<u8>,
        /// Whether a key of that name is there.
        keys: KeySearch,
        /// As for [`Cause::Unsigned`].
        lockdown: Option<Lockdown>,
    },
    /// The signature is not that of this file: changed after it was signed.
    BadSignature {
        /// Who signed.
        signer: Vec<u8>,
    },
    /// What stands behind the module is no signature that can be read.
    SignatureFormat {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The kernel neither loads nor removes modules any more.
    Closed,
    /// The kernel's command line forbids the module.
    KernelBlacklist {
        /// The module.
        module: ModuleName,
    },
    /// A value that a parameter does not take.
    ParameterValue {
        /// The parameter.
        name: Vec<u8>,
        /// Its type; empty if it is not known.
        kind: Vec<u8>,
        /// The value; `None` if there is none.
        value: Option<Vec<u8>>,
    },
    /// A parameter that the module does not have: the kernel ignores it.
    ParameterUnknown {
        /// The module.
        module: ModuleName,
        /// The parameter.
        name: Vec<u8>,
        /// The module's nearest one.
        nearest: Option<Vec<u8>>,
    },
    /// The module is in the kernel.
    AlreadyLoaded {
        /// The module.
        module: ModuleName,
    },
    /// The kernel unpacks files that are packed so, but not this one: the tools do it.
    Decompressor {
        /// What the file is packed with.
        file: Compression,
    },
    /// Another module offers the same symbol.
    DuplicateExport {
        /// The symbol.
        symbol: Vec<u8>,
        /// Who has it.
        owner: Vec<u8>,
    },
    /// A part of the kernel image has the module's name in `/sys/module`.
    NameTaken {
        /// The name.
        module: ModuleName,
    },
    /// The module is being loaded or removed at this moment.
    Underway {
        /// The module.
        module: ModuleName,
    },
    /// What the module needs was being loaded, and did not come to an end.
    WaitedInVain {
        /// The module that did not.
        module: Vec<u8>,
    },
    /// LoadPin takes modules from one file system only; its own words.
    LoadPin(Vec<u8>),
    /// IMA does not trust the file; its own words.
    Ima(Vec<u8>),
    /// The caller may not load or remove modules.
    NoPrivilege {
        /// The user who tried it.
        user: u32,
    },
    /// The module began, and its own code gave up.
    InitFailed {
        /// The module.
        module: ModuleName,
        /// Lines in the kernel's log.
        lines: Vec<Vec<u8>>,
        /// Whether these name the module; else they came meanwhile.
        is_own: bool,
        /// Whether the error says that there is no device for it.
        no_device: bool,
    },
    /// A reason without a name here, in the kernel's own words.
    Said(Vec<u8>),
    /// The file is larger than any that the kernel reads.
    TooLarge {
        /// Bytes that it has.
        bytes: u64,
    },
    /// The kernel has no memory for the module; its own words.
    NoMemory(Vec<u8>),
    /// Somebody has the file open to write into it.
    OpenForWriting {
        /// The file.
        path: PathBuf,
    },
    /// The kernel was built without loadable modules.
    NoModules,
    /// Signed in a way that the kernel does not know.
    UnknownCrypto {
        /// Who signed.
        signer: Vec<u8>,
    },
    /// There is no directory of the kernel's modules.
    NoDirectory {
        /// Where it should be.
        directory: PathBuf,
        /// The kernels whose modules are there.
        installed: Vec<Vec<u8>>,
        /// Whether the kernel in question runs.
        running: bool,
    },
    /// The directory of modules has no index.
    NoIndex {
        /// The directory.
        directory: PathBuf,
    },
    /// There is a file of that module, which the index does not list.
    NotIndexed {
        /// The file.
        path: PathBuf,
        /// The directory that it belongs to.
        directory: PathBuf,
    },
    /// A module is called nearly so.
    Misspelt {
        /// What was asked for.
        name: Vec<u8>,
        /// The module's name.
        nearest: Vec<u8>,
    },
    /// A file name stands where a module's name is wanted.
    FileForName {
        /// The module's name.
        module: ModuleName,
    },
    /// A module's name stands where a file is wanted.
    NameForFile {
        /// The module's name.
        module: ModuleName,
    },
    /// An `install` line stands in the module's way.
    InstallCommand {
        /// The module.
        module: ModuleName,
        /// The command.
        command: Vec<u8>,
        /// The line.
        origin: Origin,
    },
    /// Other modules use it.
    Held {
        /// The module.
        module: ModuleName,
        /// Who uses it.
        holders: Vec<Vec<u8>>,
    },
    /// Something that is no module uses it.
    Referenced {
        /// The module.
        module: ModuleName,
        /// How often.
        count: i64,
        /// Mounts and network interfaces that are known to.
        users: Vec<Vec<u8>>,
    },
    /// The module is part of the kernel image.
    Builtin {
        /// The module.
        module: ModuleName,
    },
    /// The module has no way out.
    Permanent {
        /// The module.
        module: ModuleName,
    },
}

impl Cause {
    /// A word for it that stays: for machines, and to count causes.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotElf { .. } => "not-elf",
            Self::Truncated { .. } => "truncated",
            Self::Damaged { .. } => "damaged",
            Self::Kind(_) => "elf-type",
            Self::Machine { .. } => "machine",
            Self::Stripped => "stripped",
            Self::NoStruct => "no-struct-module",
            Self::StructSize { .. } => "struct-module-size",
            Self::Vermagic { .. } => "vermagic",
            Self::Layout { .. } => "module-layout",
            Self::SymbolVersion { .. } => "symbol-version",
            Self::NeedsModule { .. } => "needs-module",
            Self::NobodyExports { .. } => "unknown-symbol",
            Self::GplOnly { .. } => "gpl-only",
            Self::Namespace { .. } => "namespace",
            Self::Unsigned { .. } => "unsigned",
            Self::ForcedUnsigned { .. } => "forced-unsigned",
            Self::UnknownKey { .. } => "unknown-key",
            Self::BadSignature { .. } => "bad-signature",
            Self::SignatureFormat { .. } => "signature-format",
            Self::Closed => "modules-disabled",
            Self::KernelBlacklist { .. } => "kernel-blacklist",
            Self::ParameterValue { .. } => "parameter-value",
            Self::ParameterUnknown { .. } => "parameter-unknown",
            Self::AlreadyLoaded { .. } => "already-loaded",
            Self::Decompressor { .. } => "decompressor",
            Self::DuplicateExport { .. } => "duplicate-export",
            Self::NameTaken { .. } => "name-taken",
            Self::Underway { .. } => "underway",
            Self::WaitedInVain { .. } => "waited-in-vain",
            Self::LoadPin(_) => "loadpin",
            Self::Ima(_) => "ima",
            Self::NoPrivilege { .. } => "no-privilege",
            Self::InitFailed { .. } => "init-failed",
            Self::Said(_) => "kernel-says",
            Self::TooLarge { .. } => "too-large",
            Self::NoMemory(_) => "no-memory",
            Self::OpenForWriting { .. } => "open-for-writing",
            Self::NoModules => "no-modules",
            Self::UnknownCrypto { .. } => "unknown-crypto",
            Self::NoDirectory { .. } => "no-directory",
            Self::NoIndex { .. } => "no-index",
            Self::NotIndexed { .. } => "not-indexed",
            Self::Misspelt { .. } => "misspelt",
            Self::FileForName { .. } => "file-for-name",
            Self::NameForFile { .. } => "name-for-file",
            Self::InstallCommand { .. } => "install-command",
            Self::Held { .. } => "held",
            Self::Referenced { .. } => "referenced",
            Self::Builtin { .. } => "builtin",
            Self::Permanent { .. } => "permanent",
        }
    }

    /// The errno by which the kernel refuses a module for it (kernel/module/main.c);
    /// `None` for what ends before the kernel is asked.
    pub(crate) fn errno(&self) -> Option<Errno> {
        Some(match self {
            Self::NotElf { .. }
            | Self::Truncated { .. }
            | Self::Kind(_)
            | Self::Machine { .. }
            | Self::Stripped
            | Self::NoStruct
            | Self::StructSize { .. }
            | Self::Vermagic { .. }
            | Self::Layout { .. }
            | Self::DuplicateExport { .. } => Errno::ENOEXEC,
            Self::Empty
            | Self::Damaged { .. }
            | Self::SymbolVersion { .. }
            | Self::Namespace { .. }
            | Self::ParameterValue { .. }
            | Self::NameTaken { .. } => Errno::EINVAL,
            Self::NeedsModule { .. } | Self::NobodyExports { .. } | Self::GplOnly { .. } => {
                Errno::ENOENT
            }
            Self::Unsigned { lockdown: Some(_) }
            | Self::ForcedUnsigned { lockdown: Some(_) }
            | Self::UnknownKey { lockdown: Some(_), .. }
            | Self::Closed
            | Self::KernelBlacklist { .. }
            | Self::NoPrivilege { .. } => Errno::EPERM,
            Self::Unsigned { .. }
            | Self::ForcedUnsigned { .. }
            | Self::UnknownKey { .. }
            | Self::UnknownCrypto { .. }
            | Self::BadSignature { .. } => Errno::EKEYREJECTED,
            Self::SignatureFormat { .. } => Errno::EBADMSG,
            Self::AlreadyLoaded { .. } => Errno::EEXIST,
            Self::TooLarge { .. } => Errno::EFBIG,
            Self::NoMemory(_) => Errno::ENOMEM,
            Self::Underway { .. } | Self::WaitedInVain { .. } => Errno::EBUSY,
            _ => return None,
        })
    }

    /// Whether the kernel never refuses a module for it without a line in its log.
    pub(crate) fn is_logged(&self) -> bool {
        !matches!(
            self,
            Self::NoPrivilege { .. }
                | Self::Closed
                | Self::BadSignature { .. }
                | Self::SignatureFormat { .. }
                | Self::AlreadyLoaded { .. }
                | Self::Underway { .. }
                | Self::Empty
                | Self::Damaged { .. }
                | Self::NotElf { .. }
                | Self::Truncated { .. }
                | Self::Kind(_)
                | Self::Machine { .. }
                | Self::Stripped
                | Self::NoStruct
        )
    }
}
