use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_elf::{Module, Signature};
use komod_file::ModuleFile;
use komod_kernel::Errno;
use komod_name::ModuleName;

use crate::because::Because;
use crate::facts::{KernelFacts, try_contents};
use crate::preflight::unreadable;
use crate::said::{Said, said};
use crate::situation::no_privilege;
use crate::trust::{KeySearch, Lockdown};
use crate::{Cause, Finding, Way, log, nearest, parameters, preflight_bytes};

/// A module's file that did not get into the running kernel.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The file.
    pub path: &'a Path,
    /// With what it was refused.
    pub errno: i32,
    /// How it was to be loaded.
    pub way: Way<'a>,
}

/// Why the kernel refused a module's file: what its log says of it, put together with
/// what the file shows; else what the errno leaves. The most certain first; empty if
/// nothing is known.
///
/// What only may be so is told as such, and nothing that the log speaks against.
#[inline(never)] // it would be built for speed where it is called
pub fn causes(attempt: Attempt<'_>, kernel: &KernelFacts<'_>) -> Vec<Finding> {
    let errno = Errno::from_raw(attempt.errno);
    // A pipe has been read already.
    let is_file = std::fs::metadata(attempt.path).is_ok_and(|metadata| metadata.is_file());
    let file = is_file.then(|| ModuleFile::open(attempt.path).ok()).flatten();
    if is_file && file.is_none() && matches!(errno, Errno::EACCES | Errno::EPERM) {
        return no_privilege(kernel).into_iter().collect();
    }
    if errno == Errno::EPERM {
        // The kernel looks at this before anything else, and says nothing.
        if let Some(finding) = no_privilege(kernel) {
            return vec![finding];
        }
        if kernel.is_closed() {
            return vec![Finding::sure(Cause::Closed)];
        }
    }
    if errno == Errno::EFBIG {
        // Not worth reading.
        return too_large(attempt.path).into_iter().collect();
    }
    let bytes = match try_contents(attempt.path) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(error),
    };
    let before = preflight_bytes(attempt.path, &bytes, kernel, attempt.way);
    let records = log::records(kernel.root());
    let mut failed = Failed {
        errno,
        attempt,
        kernel,
        bytes: &bytes,
        names: names(attempt.path, &bytes),
        before,
    };
    let mut found = failed.by_log(records.as_deref().unwrap_or_default());
    if found.is_empty() {
        found = failed.by_file(records.is_some());
    }
    if found.is_empty() {
        found.extend(failed.by_errno());
    }
    if found.is_empty() {
        found.extend(failed.by_init(records.as_deref()));
    }
    found
}

/// Which parameters the kernel took no notice of when it loaded a module: those that the
/// file does not know and the kernel's log tells of. Nothing where that cannot be read: a
/// module may read a parameter in a way of its own, of which its file says nothing.
#[inline(never)] // it would be built for speed where it is called
pub fn ignored_parameters(path: &Path, text: &[u8], kernel: &KernelFacts<'_>) -> Vec<Finding> {
    let bytes = crate::facts::contents(path).unwrap_or_default();
    let Ok(module) = Module::parse(&bytes) else { return Vec::new() };
    let known = parameters::of_module(&module);
    let is_known = |name: &[u8]| {
        parameters::EVERY_MODULES.contains(&name) || known.iter().any(|known| known.name == name)
    };
    let mut unknown: Vec<Vec<u8>> =
        parameters::given(text).into_iter().map(|given| given.name).collect();
    unknown.retain(|name| !is_known(name));
    if unknown.is_empty() {
        return Vec::new();
    }
    let names = names(path, &bytes);
    let records = log::records(kernel.root()).unwrap_or_default();
    let told = records.iter().filter_map(|line| match said(line, &names) {
        Some(Said::Parameter(name)) => {
            Some(name.iter().map(|&byte| if byte == b'-' { b'_' } else { byte }).collect())
        }
        _ => None,
    });
    let told: Vec<Vec<u8>> = told.collect();
    let finding = |name: Vec<u8>| {
        let all = known.iter().map(|known| known.name.as_slice());
        let nearest = nearest::nearest(&name, all);
        let module = names.first()?.clone();
        Some(Finding::sure(Cause::ParameterUnknown { module, nearest, name }))
    };
    unknown.into_iter().filter(|name| told.contains(name)).filter_map(finding).collect()
}

/// That the kernel reads no file of that size (`kernel_read_file` of fs/kernel_read_file.c).
fn too_large(path: &Path) -> Option<Finding> {
    let bytes = std::fs::metadata(path).ok()?.len();
    (bytes > i32::MAX.unsigned_abs().into()).then(|| Finding::sure(Cause::TooLarge { bytes }))
}

/// The names under which the kernel may speak of the module: what the file says itself,
/// then what it is called by.
fn names(path: &Path, bytes: &[u8]) -> Vec<ModuleName> {
    let module = Module::parse(bytes).ok();
    let own = module
        .and_then(|module| module.modinfo_values(b"name").ok()?.and_then(|mut all| all.next()));
    let mut names: Vec<ModuleName> = own.into_iter().map(ModuleName::new).collect();
    let of_file = ModuleName::of_path(path.as_os_str().as_bytes());
    if !names.contains(&of_file) {
        names.push(of_file);
    }
    names
}

struct Failed<'a, 'k> {
    errno: Errno,
    attempt: Attempt<'a>,
    kernel: &'a KernelFacts<'k>,
    bytes: &'a [u8],
    names: Vec<ModuleName>,
    /// What the file shows.
    before: Vec<Finding>,
}

impl Failed<'_, '_> {
    /// What the log's lines say, of which the last ones count where a module was tried
    /// more than once.
    fn by_log(&mut self, records: &[Vec<u8>]) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        for line in records {
            let Some(said) = said(line, &self.names) else { continue };
            let Some(finding) = self.told(said) else { continue };
            let errno = finding.cause.errno();
            let fits = errno.is_none_or(|errno| errno == self.errno);
            // A parameter's own code refuses with any errno.
            let is_value = matches!(finding.cause, Cause::ParameterValue { .. });
            match found.iter_mut().find(|other| finding.is_like(other)) {
                _ if !fits && !is_value => {}
                None => found.push(finding),
                // The kernel stops at the first: an earlier one is of another try.
                Some(other) if is_value => *other = finding,
                // Where there is one symbol of a kind there are often many.
                Some(_) => {}
            }
        }
        found
    }

    /// The cause that one line is a sign of.
    fn told(&mut self, said: Said) -> Option<Finding> {
        let lockdown = self.kernel.lockdown().filter(|&lockdown| lockdown != Lockdown::None);
        let signer = || Signature::of(self.bytes).map(|all| (all.signer, all.key_id));
        let cause = match said {
            Said::Vermagic { module, kernel } => {
                let release = crate::reference::first_word(&module);
                let installed = self.kernel.has_modules_of(release);
                Cause::Vermagic { module, kernel, installed, path: self.attempt.path.to_owned() }
            }
            Said::Version(symbol) => return Some(self.version(symbol)),
            Said::Symbol(symbol, -2) => return Some(self.symbol(symbol)),
            Said::Struct => {
                let is_it = |finding: &Finding| matches!(finding.cause, Cause::StructSize { .. });
                let at = self.before.iter().position(is_it)?;
                return Some(self.before.swap_remove(at));
            }
            Said::Namespace { symbol, namespace } => Cause::Namespace { symbol, namespace },
            Said::Value { name, value } => {
                let module = Module::parse(self.bytes).ok();
                let known = module.map(|module| parameters::of_module(&module)).unwrap_or_default();
                let kind = known.into_iter().find(|known| known.name == name);
                let kind = kind.map(|known| known.kind).unwrap_or_default();
                let value = (!value.is_empty()).then_some(value);
                Cause::ParameterValue { name, kind, value }
            }
            Said::Unsigned if signer().is_some() && self.is_forced() => {
                Cause::ForcedUnsigned { lockdown: None }
            }
            Said::Unsigned => Cause::Unsigned { lockdown: None },
            Said::Key => {
                let (signer, key_id) = signer().unwrap_or_default();
                let keys = self.kernel.look_for_key(&signer);
                Cause::UnknownKey { signer, key_id, keys, lockdown: None }
            }
            Said::Crypto => Cause::UnknownCrypto { signer: signer().unwrap_or_default().0 },
            Said::Lockdown => match (signer(), self.is_forced()) {
                (Some(_), true) => Cause::ForcedUnsigned { lockdown },
                // The same line for all reasons.
                (Some((signer, key_id)), false) => {
                    let keys = self.kernel.look_for_key(&signer);
                    Cause::UnknownKey { signer, key_id, keys, lockdown }
                }
                (None, _) => Cause::Unsigned { lockdown },
            },
            Said::Cause(cause) => cause,
            Said::Parameter(_) | Said::Symbol(..) | Said::Other => return None,
        };
        Some(Finding::sure(cause))
    }

    fn is_forced(&self) -> bool {
        self.attempt.way.force.modversions || self.attempt.way.force.vermagic
    }

    /// A symbol of another version, with what the file shows of it.
    fn version(&mut self, symbol: Vec<u8>) -> Finding {
        let is_it = |finding: &Finding| match &finding.cause {
            Cause::SymbolVersion { symbol: own, .. } => *own == symbol,
            Cause::Layout { .. } => symbol == b"module_layout",
            _ => false,
        };
        if let Some(at) = self.before.iter().position(is_it) {
            return self.before.swap_remove(at);
        }
        let module = Module::parse(self.bytes).ok();
        let versions = module.and_then(|module| module.versions().ok().flatten());
        let crc = versions.unwrap_or_default().into_iter().find(|own| own.name == symbol);
        let crc = crc.map(|own| own.crc);
        Finding::sure(match symbol.as_slice() {
            b"module_layout" => Cause::Layout { module: crc.unwrap_or_default(), kernel: None },
            _ => {
                let exporter = self.kernel.exporter(&symbol);
                Cause::SymbolVersion { symbol, module: crc, kernel: None, exporter }
            }
        })
    }

    /// A symbol that the kernel did not find, or did not give out.
    fn symbol(&mut self, symbol: Vec<u8>) -> Finding {
        let has = |symbols: &[Vec<u8>]| symbols.contains(&symbol);
        let is_it = |finding: &Finding| match &finding.cause {
            Cause::NeedsModule { symbols, .. }
            | Cause::NobodyExports { symbols, .. }
            | Cause::GplOnly { symbols, .. } => has(symbols),
            _ => false,
        };
        if let Some(at) = self.before.iter().position(is_it) {
            return self.before.swap_remove(at);
        }
        let symbols = vec![symbol];
        let symbol = symbols.first().map(Vec::as_slice).unwrap_or_default();
        match self.kernel.exporting_module(symbol) {
            Some(module) if !self.kernel.is_live(&module) => {
                let path = self.kernel.database().path_of(&module);
                let because = Because::of(&module, self.attempt.path, self.kernel);
                Finding::sure(Cause::NeedsModule { module, path, because, symbols })
            }
            None => match self.kernel.exporter(symbol) {
                Some(_) => self.withheld(symbols),
                None => {
                    let source = self.kernel.own_exports().map(|own| own.source.clone());
                    Finding::sure(Cause::NobodyExports { symbols, source })
                }
            },
            Some(_) => self.withheld(symbols),
        }
    }

    /// A symbol that is there and was not found.
    fn withheld(&self, symbols: Vec<Vec<u8>>) -> Finding {
        let module = Module::parse(self.bytes).ok();
        let licence = module.and_then(|module| {
            Some(module.modinfo_values(b"license").ok()??.next().unwrap_or_default().to_vec())
        });
        let licence = licence.unwrap_or_default();
        let doubt = "who may use the symbol is not known";
        Finding::probably(Cause::GplOnly { symbols, licence }, doubt)
    }

    /// What the file shows and the errno fits. What the kernel would have told is left
    /// out if its log can be read and does not tell it.
    fn by_file(&mut self, log: bool) -> Vec<Finding> {
        let mut found = std::mem::take(&mut self.before);
        found.retain(|finding| {
            let fits = finding.cause.errno() == Some(self.errno);
            fits && !(log && finding.cause.is_logged())
        });
        for finding in found.iter_mut().filter(|finding| finding.cause.is_logged()) {
            finding.doubt = Some("the kernel's log cannot be read");
        }
        found
    }

    /// What has but one meaning.
    fn by_errno(&self) -> Option<Finding> {
        let module = self.names.first()?.clone();
        Some(Finding::sure(match self.errno {
            Errno::EEXIST => Cause::AlreadyLoaded { module },
            Errno::EKEYREJECTED => {
                let signature = Signature::of(self.bytes)?;
                let (signer, key_id) = (signature.signer, signature.key_id);
                if !self.kernel.enforces_signatures() {
                    // All that is refused where nothing is enforced.
                    return Some(Finding::sure(Cause::BadSignature { signer }));
                }
                let keys = self.kernel.look_for_key(&signer);
                if keys == KeySearch::Missing {
                    let lockdown = None;
                    let cause = Cause::UnknownKey { signer, key_id, keys, lockdown };
                    return Some(Finding::probably(cause, "the kernel's log does not say so"));
                }
                Cause::BadSignature { signer }
            }
            Errno::EBADMSG => Cause::SignatureFormat { why: "the kernel finds no PKCS#7 in it" },
            Errno::ETXTBSY => Cause::OpenForWriting { path: self.attempt.path.to_owned() },
            Errno::ENOSYS => Cause::NoModules,
            Errno::EBUSY if self.kernel.is_between(&module) => Cause::Underway { module },
            _ => return None,
        }))
    }

    /// The module's own code gave up, which can be with any errno.
    fn by_init(&self, records: Option<&[Vec<u8>]>) -> Option<Finding> {
        const LINES: usize = 3;
        let module = self.names.first()?.clone();
        let lines = |wanted: Option<Said>| -> Vec<Vec<u8>> {
            let all = records.unwrap_or_default().iter();
            let mut found: Vec<_> = all.filter(|line| said(line, &self.names) == wanted).collect();
            found.drain(..found.len().saturating_sub(LINES));
            found.into_iter().cloned().collect()
        };
        let mut own = lines(Some(Said::Other));
        let is_own = !own.is_empty();
        if !is_own {
            // Many a driver speaks in the name of its device, or in none.
            own = lines(None);
        }
        let no_device = matches!(self.errno, Errno::ENODEV | Errno::ENXIO);
        // With these the kernel itself never refuses a module.
        let sure = no_device
            || matches!(self.errno, Errno::EIO | Errno::ETIMEDOUT | Errno::EPROTO)
            || matches!(self.errno, Errno::ENOTSUP) && self.kernel.decompresses().is_some();
        // With this one it always says why, if it reads what is in memory already.
        let silent = self.errno == Errno::EINVAL && records.is_some();
        if self.errno == Errno::EBUSY && !is_own {
            let doubt = "the errno may be the module's own";
            return Some(Finding::probably(Cause::Underway { module }, doubt));
        }
        let lines = own;
        let cause = Cause::InitFailed { module, lines, is_own, no_device };
        match (sure, is_own || silent) {
            (true, _) => Some(Finding::sure(cause)),
            (false, true) => {
                Some(Finding::probably(cause, "the kernel gives no other reason for the errno"))
            }
            (false, false) => None,
        }
    }
}
