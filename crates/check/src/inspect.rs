//! What the bytes of one module show, beside what the database needs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;

use komod_depmod::Found;
use komod_elf::{Error, Identity, Module};
use komod_file::{Compression, ModuleFile};
use komod_why::{Cause, looks_like, same_magic, trailer};

use crate::Finding;

/// For which kernel a module is built.
#[derive(Debug)]
pub(crate) struct Built {
    vermagic: Vec<u8>,
    /// Whether it has versions of symbols: then the kernel's release does not count.
    versions: bool,
    /// Class, byte order and processor.
    machine: [u8; 4],
    path: Vec<u8>,
}

/// What all the modules show, gathered on several threads.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    seen: Mutex<(Vec<Finding>, Vec<Built>)>,
}

impl Inspection {
    /// Looks at one module's file.
    pub(crate) fn look(&self, found: &Found, file: &ModuleFile, bytes: &[u8]) {
        let path = found.to_path();
        let mut findings = Vec::new();
        let built = match look(path, bytes, &mut findings) {
            Ok(built) => built,
            Err(cause) => {
                findings.push(Finding::why(path, &cause));
                None
            }
        };
        let packed = file.compression() != Compression::Plain;
        if packed && file.kernel_may_refuse().unwrap_or(false) {
            findings.push(Finding::of(
                path,
                "decompressor",
                "a kernel that unpacks modules itself cannot read the file (several streams, a \
                 large window or dictionary, or a checksum of xz other than CRC32); pack it \
                 again, with xz --check=crc32 --lzma2=dict=1MiB",
            ));
        }
        if let Ok(mut seen) = self.seen.lock() {
            seen.0.append(&mut findings);
            seen.1.extend(built);
        }
    }

    /// What was found of each module alone, and, for the kernel `release`, of those that
    /// are built for another one than the most are.
    pub(crate) fn findings(self, release: &[u8]) -> Vec<Finding> {
        let Ok((mut findings, built)) = self.seen.into_inner() else { return Vec::new() };
        let of_release = |one: &&Built| release_of(&one.vermagic) == release;
        let magic = most(built.iter().filter(of_release).map(|one| one.vermagic.as_slice()));
        let machine = most(built.iter().map(|one| one.machine.as_slice()));
        for one in &built {
            let path = one.path();
            let fits = match magic {
                Some(magic) => same_magic(&one.vermagic, magic, one.versions),
                // Nothing tells what this kernel is but its name.
                None => release_of(&one.vermagic) == release,
            };
            if one.vermagic.is_empty() {
                let what = "the module does not say for which kernel it is built (no vermagic)";
                findings.push(Finding::of(path, "vermagic", what));
            } else if !fits {
                findings.push(Finding::why(
                    path,
                    &Cause::Vermagic {
                        module: one.vermagic.clone(),
                        kernel: magic.unwrap_or(release).to_vec(),
                        installed: false,
                        path: path.to_owned(),
                    },
                ));
            }
            if machine.is_some_and(|machine| machine != one.machine) {
                let what = "the module is built for another machine than the others are";
                findings.push(Finding::of(path, "machine", what));
            }
        }
        findings
    }
}

impl Built {
    fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

/// What the module is built for; the cause if it is none that could be loaded.
fn look(path: &Path, bytes: &[u8], findings: &mut Vec<Finding>) -> Result<Option<Built>, Cause> {
    let found = bytes.len() as u64;
    let identity = match Identity::of(bytes) {
        Ok(identity) => identity,
        Err(Error::NotElf { .. }) => return Err(Cause::NotElf { looks: looks_like(bytes) }),
        Err(_) => return Err(Cause::Truncated { found, expected: 64 }),
    };
    if identity.kind != 1 {
        return Err(Cause::Kind(identity.kind));
    }
    if identity.end > found {
        return Err(Cause::Truncated { found, expected: identity.end });
    }
    // What else is wrong depmod's engine tells.
    let Ok(module) = Module::parse(bytes) else { return Ok(None) };
    if module.sections_end() > found {
        return Err(Cause::Truncated { found, expected: module.sections_end() });
    }
    if let Err(why) = trailer(bytes) {
        findings.push(Finding::why(path, &Cause::SignatureFormat { why }));
    }
    let vermagic = module.modinfo_values(b"vermagic").ok().flatten();
    let [low, high] = identity.machine.to_le_bytes();
    Ok(Some(Built {
        vermagic: vermagic.and_then(|mut values| values.next()).unwrap_or_default().to_vec(),
        versions: module.version_fields().is_some()
            || module.versions().is_ok_and(|versions| versions.is_some()),
        machine: [u8::from(identity.is_64), u8::from(identity.is_little_endian), low, high],
        path: path.as_os_str().as_bytes().to_vec(),
    }))
}

/// The kernel's release that a version magic begins with.
fn release_of(vermagic: &[u8]) -> &[u8] {
    vermagic.split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// Which of them comes most often, the smallest of several. There are few different ones.
fn most<'a>(all: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let mut counts: Vec<(usize, &[u8])> = Vec::new();
    for one in all {
        match counts.iter_mut().find(|(_, known)| *known == one) {
            Some((count, _)) => *count = count.saturating_add(1),
            None => counts.push((1, one)),
        }
    }
    let better = |a: &(usize, &'a [u8]), b: &(usize, &'a [u8])| a.0.cmp(&b.0).then(b.1.cmp(a.1));
    Some(counts.into_iter().max_by(better)?.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::ModuleSpec;

    #[test]
    fn every_truncation_has_an_answer() {
        let whole = ModuleSpec::new("a").modinfo("vermagic", "6 SMP").version("f", 1).build();
        let path = Path::new("a.ko");
        for end in 0..whole.len() {
            let mut findings = Vec::new();
            let cause = look(path, &whole[..end], &mut findings).unwrap_err();
            assert!(matches!(cause, Cause::NotElf { .. } | Cause::Truncated { .. }), "{end}");
        }
        let built = look(path, &whole, &mut Vec::new()).unwrap().unwrap();
        assert_eq!((built.vermagic.as_slice(), built.versions), (&b"6 SMP"[..], true));
    }

    #[test]
    fn the_most_frequent_is_found() {
        let of = |words: &'static str| most(words.split_whitespace().map(str::as_bytes));
        assert_eq!(of("c a c b a"), Some(&b"a"[..]));
        assert_eq!(of("c a c"), Some(&b"c"[..]));
        assert_eq!(of(""), None);
    }
}
