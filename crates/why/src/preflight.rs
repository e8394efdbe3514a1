use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_elf::{Binding, Error, Identity, Module, Signature};
use komod_file::{Compression, ModuleFile};
use komod_name::ModuleName;
use komod_probe::Force;

use crate::because::Because;
use crate::exports::Exporter;
use crate::facts::{KernelFacts, try_contents};
use crate::reference::{THIS_MODULE, first_word};
use crate::trust::{KeySearch, Lockdown};
use crate::{Cause, Finding, parameters};

/// In which way a module is to be loaded, as far as it decides whether it can be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way<'a> {
    /// What the kernel is told to overlook.
    pub force: Force,
    /// Whether what the module needs has to be loaded already, as for `insmod`.
    pub alone: bool,
    /// The parameters that the module gets.
    pub parameters: &'a [u8],
}

/// What keeps the module in the file at `path` out of `kernel`, as far as can be known
/// without trying: empty if nothing is found. In the order in which the kernel looks.
///
/// A file that the system does not let be read gives no finding: why is not about the
/// module. That a module is loaded already is not looked at.
#[inline(never)] // it would be built for speed where it is called
pub fn preflight(path: &Path, kernel: &KernelFacts<'_>, way: Way<'_>) -> Vec<Finding> {
    let bytes = match try_contents(path) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(error),
    };
    let mut found = preflight_bytes(path, &bytes, kernel, way);
    if let Ok(file) = ModuleFile::open(path) {
        let is_own = kernel.decompresses() == Some(file.compression());
        if is_own && file.kernel_may_refuse().unwrap_or(false) {
            found.push(Finding::sure(Cause::Decompressor { file: file.compression() }));
        }
    }
    found
}

/// What is known of a file whose bytes cannot be had.
pub(crate) fn unreadable(error: komod_file::Error) -> Vec<Finding> {
    match error {
        komod_file::Error::Corrupt { codec, message } => {
            let message = format!("{codec}: {message}");
            vec![Finding::sure(Cause::Damaged { message })]
        }
        komod_file::Error::TooShort { size: 0 } => vec![Finding::sure(Cause::Empty)],
        komod_file::Error::TooShort { .. } => {
            vec![Finding::sure(Cause::NotElf { looks: "a few bytes" })]
        }
        _ => Vec::new(),
    }
}

/// As [`preflight`], of a file whose decompressed bytes are in memory.
#[inline(never)] // it would be built for speed where it is called
pub fn preflight_bytes(
    path: &Path,
    bytes: &[u8],
    kernel: &KernelFacts<'_>,
    way: Way<'_>,
) -> Vec<Finding> {
    let name = ModuleName::of_path(path.as_os_str().as_bytes());
    let mut all = Look { path, bytes, kernel, way, findings: Vec::new() };
    if kernel.is_closed() {
        all.sure(Cause::Closed);
    }
    all.signature();
    let Some(module) = all.file() else { return all.findings };
    if kernel.blacklists(&name) {
        all.sure(Cause::KernelBlacklist { module: name });
    }
    all.built_for(&module);
    all.symbols(&module);
    all.parameters(&module);
    all.findings
}

struct Look<'a, 'k> {
    path: &'a Path,
    bytes: &'a [u8],
    kernel: &'a KernelFacts<'k>,
    way: Way<'a>,
    findings: Vec<Finding>,
}

impl<'a> Look<'a, '_> {
    fn sure(&mut self, cause: Cause) {
        self.findings.push(Finding::sure(cause));
    }

    /// What stands behind the module, and whether the kernel minds.
    fn signature(&mut self) {
        let trailer = match trailer(self.bytes) {
            Ok(trailer) => trailer,
            Err(why) => return self.sure(Cause::SignatureFormat { why }),
        };
        let lockdown = self.kernel.lockdown().filter(|&lockdown| lockdown != Lockdown::None);
        // Enforced signatures are looked at first, and refuse with another errno.
        let lockdown = if self.kernel.enforces_signatures() { None } else { lockdown };
        if lockdown.is_none() && !self.kernel.enforces_signatures() {
            return;
        }
        if !trailer {
            return self.sure(Cause::Unsigned { lockdown });
        }
        if self.way.force.modversions || self.way.force.vermagic {
            return self.sure(Cause::ForcedUnsigned { lockdown });
        }
        let Some(Signature { signer, key_id, .. }) = Signature::of(self.bytes) else { return };
        let keys = self.kernel.look_for_key(&signer);
        if keys == KeySearch::Missing {
            let doubt = "the kernel's keys are known by name only";
            let cause = Cause::UnknownKey { signer, key_id, keys, lockdown };
            self.findings.push(Finding::probably(cause, doubt));
        }
    }

    /// The module in the file; `None` if there is none that could be looked at further.
    fn file(&mut self) -> Option<Module<'a>> {
        let identity = match Identity::of(self.bytes) {
            Ok(identity) => identity,
            Err(Error::NotElf { .. }) if self.bytes.is_empty() => {
                self.sure(Cause::Empty);
                return None;
            }
            Err(Error::NotElf { .. }) => {
                self.sure(Cause::NotElf { looks: looks_like(self.bytes) });
                return None;
            }
            Err(_) => {
                let found = self.bytes.len() as u64;
                self.sure(Cause::Truncated { found, expected: 64 });
                return None;
            }
        };
        if identity.kind != 1 {
            self.sure(Cause::Kind(identity.kind));
            return None;
        }
        let found = self.bytes.len() as u64;
        if identity.end > found {
            self.sure(Cause::Truncated { found, expected: identity.end });
            return None;
        }
        if let Some(reference) = self.kernel.reference() {
            let other = Identity { end: identity.end, ..reference.identity };
            if other != identity {
                self.sure(Cause::Machine { module: identity, kernel: reference.identity });
                return None;
            }
        }
        let module = Module::parse(self.bytes).ok()?;
        if module.sections_end() > found {
            self.sure(Cause::Truncated { found, expected: module.sections_end() });
            return None;
        }
        if module.section_called(b".symtab").is_none() {
            self.sure(Cause::Stripped);
            return None;
        }
        Some(module)
    }

    /// For which kernel the module is built.
    fn built_for(&mut self, module: &Module<'_>) {
        let own = module.section_called(THIS_MODULE);
        let Some(reference) = self.kernel.reference() else { return };
        match (own, reference.struct_size) {
            (None, Some(_)) => self.sure(Cause::NoStruct),
            (Some(own), Some(size)) if own.len() != size => {
                self.sure(Cause::StructSize { module: own.len(), kernel: size });
            }
            _ => {}
        }
        let versions = module.versions().ok().flatten().unwrap_or_default();
        let layout = versions.iter().find(|version| version.name == b"module_layout");
        let ours = reference.version(b"module_layout");
        if let Some((layout, ours)) = layout.zip(ours).filter(|(own, ours)| own.crc != *ours) {
            if !self.way.force.modversions {
                self.sure(Cause::Layout { module: layout.crc, kernel: Some(ours) });
            }
        }
        let vermagic = module.modinfo_values(b"vermagic").ok().flatten();
        let Some(vermagic) = vermagic.and_then(|mut values| values.next()) else { return };
        if self.way.force.vermagic || same_magic(vermagic, &reference.vermagic, layout.is_some()) {
            return;
        }
        let (kernel, installed) =
            (reference.vermagic.clone(), self.kernel.has_modules_of(first_word(vermagic)));
        let (module, path) = (vermagic.to_vec(), self.path.to_owned());
        self.sure(Cause::Vermagic { module, kernel, installed, path });
    }

    /// Whether what the module needs is there, in its version and on its terms.
    fn symbols(&mut self, module: &Module<'_>) {
        let Ok(needs) = module.undefined() else { return };
        let versions = module.versions().ok().flatten().unwrap_or_default();
        let mut nobody = Vec::new();
        let mut gpl_only = Vec::new();
        let mut waits: Vec<Cause> = Vec::new();
        let values = |key| module.modinfo_values(key).ok().flatten();
        let licence = values(b"license").and_then(|mut all| all.next()).unwrap_or_default();
        let imported: Vec<&[u8]> = values(b"import_ns").into_iter().flatten().collect();
        let free = is_gpl_compatible(licence);
        let name = ModuleName::of_path(self.path.as_os_str().as_bytes());
        for (needed, binding) in needs {
            if binding == Binding::Weak || IMPLIED.contains(&needed) {
                continue;
            }
            let symbol = needed.strip_prefix(b".").unwrap_or(needed);
            let Some(exporter) = self.kernel.exporter(symbol) else {
                nobody.push(symbol.to_vec());
                continue;
            };
            if let Exporter::Module { module, path } = &exporter {
                let comes = || !self.way.alone && Because::is_listed(module, &name, self.kernel);
                if *module != name && !comes() && !self.kernel.is_live(module) {
                    self.wait_for(&mut waits, module, path.as_deref(), symbol);
                    continue;
                }
            }
            let export = self.kernel.export(symbol, &exporter);
            let crc = versions.iter().find(|own| own.name == needed).map(|own| own.crc);
            let crcs = crc.filter(|_| !self.way.force.modversions).zip(export.crc);
            if let Some((theirs, ours)) = crcs.filter(|(theirs, ours)| theirs != ours) {
                self.sure(Cause::SymbolVersion {
                    symbol: symbol.to_vec(),
                    module: Some(theirs),
                    kernel: Some(ours),
                    exporter: Some(exporter),
                });
                continue;
            }
            if export.gpl == Some(true) && !free {
                gpl_only.push(symbol.to_vec());
            }
            if let Some(namespace) = export.namespace.filter(|name| !name.is_empty()) {
                if !imported.contains(&namespace.as_slice()) {
                    self.sure(Cause::Namespace { symbol: symbol.to_vec(), namespace });
                }
            }
        }
        self.findings.extend(waits.into_iter().map(Finding::sure));
        if !gpl_only.is_empty() {
            self.sure(Cause::GplOnly { symbols: gpl_only, licence: licence.to_vec() });
        }
        let source = self.kernel.own_exports().map(|own| own.source.clone());
        // Without a list of the kernel's own symbols most of these are the kernel's.
        if !nobody.is_empty() && source.is_some() {
            self.sure(Cause::NobodyExports { symbols: nobody, source });
        }
    }

    /// Enters a symbol of a module that is not there.
    fn wait_for(
        &self,
        waits: &mut Vec<Cause>,
        by: &ModuleName,
        file: Option<&Path>,
        symbol: &[u8],
    ) {
        for cause in waits.iter_mut() {
            if let Cause::NeedsModule { module, symbols, .. } = cause {
                if module == by {
                    return symbols.push(symbol.to_vec());
                }
            }
        }
        let (module, path) = (by.clone(), file.map(Path::to_owned));
        let because = Because::of(by, self.path, self.kernel);
        waits.push(Cause::NeedsModule { module, path, because, symbols: vec![symbol.to_vec()] });
    }

    /// Whether parameters take their values.
    fn parameters(&mut self, module: &Module<'_>) {
        let known = parameters::of_module(module);
        for one in parameters::given(self.way.parameters) {
            let Some(parameter) = known.iter().find(|known| known.name == one.name) else {
                let module = ModuleName::of_path(self.path.as_os_str().as_bytes());
                self.findings.extend(parameters::unknown(module, one.name, &known));
                continue;
            };
            if parameters::fits(&parameter.kind, one.value.as_deref()) == Some(false) {
                let (name, kind) = (one.name, parameter.kind.clone());
                self.sure(Cause::ParameterValue { name, kind, value: one.value });
            }
        }
    }
}

/// Always there, or made by the linker.
const IMPLIED: [&[u8]; 3] = [b"__this_module", b"_GLOBAL_OFFSET_TABLE_", b".TOC."];

/// Whether the kernel takes one version magic for the other: where both have versions of
/// symbols, the release does not count (kernel/module/version.c).
pub fn same_magic(module: &[u8], kernel: &[u8], has_versions: bool) -> bool {
    let rest = |text: &[u8]| match text.iter().position(|&byte| byte == b' ') {
        Some(at) if has_versions => text.get(at..).unwrap_or_default().to_vec(),
        _ => text.to_vec(),
    };
    rest(module) == rest(kernel)
}

/// The licences that the kernel takes for the GPL (include/linux/license.h).
fn is_gpl_compatible(licence: &[u8]) -> bool {
    let known: [&[u8]; 6] = [
        b"GPL",
        b"GPL v2",
        b"GPL and additional rights",
        b"Dual BSD/GPL",
        b"Dual MIT/GPL",
        b"Dual MPL/GPL",
    ];
    known.contains(&licence)
}

/// Whether there is a signature behind the decompressed module; an error for one that the
/// kernel does not read (`struct module_signature`, kernel/module_signature.c).
pub fn trailer(bytes: &[u8]) -> Result<bool, &'static str> {
    let Some(rest) = bytes.strip_suffix(b"~Module signature appended~\n") else {
        return Ok(false);
    };
    let Some((rest, fields)) = rest.split_last_chunk::<12>() else {
        return Err("nothing stands before its last line");
    };
    let [algorithm, hash, kind, signer, key, pad @ .., _, _, _, _] = fields;
    let [.., a, b, c, d] = *fields;
    if u64::from(u32::from_be_bytes([a, b, c, d])) >= rest.len() as u64 {
        return Err("it is longer than the file");
    }
    let reserved = [algorithm, hash, signer, key].into_iter().chain(pad);
    if *kind == 2 && reserved.into_iter().any(|&field| field != 0) {
        return Err("fields that must be 0 are not");
    }
    Ok(true)
}

/// What bytes that are no ELF file look like.
pub fn looks_like(bytes: &[u8]) -> &'static str {
    match Compression::of_magic(bytes) {
        Compression::Plain => {}
        _ => return "a file packed twice",
    }
    let start = bytes.get(..512).unwrap_or(bytes);
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match start {
        [b'<', ..] => "a web page",
        [b'P', b'K', ..] => "a zip archive",
        b"" => "nothing",
        _ if start.iter().all(|&byte| byte == 0) => "nothing but zeros",
        _ if start.iter().all(is_text) => "text",
        _ => "other data",
    }
}
