//! What the command line asks for.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use komod_config::Search;

use super::findings::lossy;
use super::{GaveUp, cached};
use crate::cli::Given;
use crate::host::{Host, processors};

pub(super) struct Options {
    /// The module directory.
    pub dir: PathBuf,
    /// Where the files go.
    pub out_dir: PathBuf,
    pub version: OsString,
    /// These modules alone; empty: all.
    pub modules: Vec<PathBuf>,
    pub quick: bool,
    pub search: Search,
    pub errsyms: bool,
    pub kernel: Option<KernelFile>,
    pub prefix: Option<u8>,
    pub jobs: NonZeroUsize,
    /// That is so many and no more.
    pub jobs_given: bool,
    /// Where it is kept what modules said, if anywhere.
    pub cache: Option<PathBuf>,
    pub show: bool,
    pub warn: bool,
    pub trace: bool,
    /// The tree is this system's own.
    pub own_tree: bool,
}

pub(super) enum KernelFile {
    Symvers(PathBuf),
    SystemMap(PathBuf),
}

/// More threads than any machine's disk has use for.
const MOST_JOBS: usize = 1024;

pub(super) fn options(host: &mut Host<'_>, given: &Given) -> Result<Options, GaveUp> {
    let mut prefix = None;
    // Each is looked at; the last one counts.
    for text in given.values("symbol-prefix") {
        let [byte] = text.as_bytes() else {
            host.report.fatal("-P only takes a single char");
            return Err(GaveUp);
        };
        prefix = Some(*byte);
    }
    let mut operands = given.operands().into_iter();
    let version = match operands.next() {
        Some(version) if is_version(version.as_bytes()) => version,
        Some(other) => {
            host.report.error(format_args!("Bad version passed {}", lossy(other.as_bytes())));
            return Err(GaveUp);
        }
        None => host.kernel.release().unwrap_or_default(),
    };
    // Who asks for all modules gets all, whatever else is named.
    let all = given.flag("all") || given.flag("quick");
    let modules: Vec<PathBuf> = operands.filter(|_| !all).map(PathBuf::from).collect();
    let mut place = |id, what| {
        let Some(path) = given.value(id) else { return Ok(None) };
        komod_file::from_here(Path::new(path)).map(Some).map_err(|_| {
            let path = lossy(path.as_bytes());
            host.report.error(format_args!("invalid {what} {path}"));
            GaveUp
        })
    };
    let base = place("basedir", "image path")?.unwrap_or_default().into_os_string();
    let out_base = place("outdir", "output directory")?;
    let out_base = out_base.map_or_else(|| base.clone(), PathBuf::into_os_string);
    let module_dir = given.value("moduledir").map_or(&b"lib/modules"[..], OsStr::as_bytes);
    let kernel = given
        .value("symvers")
        .map(|file| KernelFile::Symvers(file.into()))
        .or_else(|| given.value("filesyms").map(|file| KernelFile::SystemMap(file.into())));
    let (jobs, jobs_given) = jobs(host, given)?;
    let configs = given.list("config");
    Ok(Options {
        own_tree: base.as_bytes().iter().all(|&byte| byte == b'/'),
        dir: directory(&base, module_dir, &version),
        out_dir: directory(&out_base, module_dir, &version),
        version,
        modules,
        quick: given.flag("quick"),
        search: if configs.is_empty() {
            Search::depmod_default()
        } else {
            Search::only(configs.into_iter().map(PathBuf::from).collect())
        },
        errsyms: given.flag("errsyms"),
        kernel,
        prefix,
        jobs,
        jobs_given,
        cache: cached::directory(given),
        show: given.flag("show"),
        warn: given.flag("warn"),
        trace: given.count("verbose") > 0,
    })
}

/// By the option, else by the environment, else as many as the process may use; and
/// whether somebody has said so.
fn jobs(host: &mut Host<'_>, given: &Given) -> Result<(NonZeroUsize, bool), GaveUp> {
    let environment = host.environment.threads.as_deref().filter(|text| !text.is_empty());
    let (what, text) = match (given.value("jobs"), environment) {
        (Some(text), _) => ("-j", text),
        (None, Some(text)) => ("KOMOD_THREADS", text),
        (None, None) => {
            return Ok((processors(), false));
        }
    };
    let number = text.to_str().and_then(|text| text.parse().ok());
    let number = number.filter(|number: &NonZeroUsize| number.get() <= MOST_JOBS);
    number.map(|number| (number, true)).ok_or_else(|| {
        let text = lossy(text.as_bytes());
        host.report
            .fatal(format_args!("{what} takes a number from 1 to {MOST_JOBS}, not '{text}'"));
        GaveUp
    })
}

/// `BASE/MODULEDIR/VERSION`, nothing tidied up: it shows in messages.
fn directory(base: &OsStr, module_dir: &[u8], version: &OsStr) -> PathBuf {
    let start = module_dir.iter().position(|&b| b != b'/').unwrap_or(module_dir.len());
    let below = module_dir.get(start..).unwrap_or_default();
    let path = [base.as_bytes(), b"/", below, b"/", version.as_bytes()].concat();
    PathBuf::from(OsString::from_vec(path))
}

/// Whether `text` starts with two numbers and a dot between them, as
/// scanf(3)'s `%u.%u` takes them.
fn is_version(text: &[u8]) -> bool {
    fn number(text: &[u8]) -> Option<&[u8]> {
        let text = text.trim_ascii_start();
        let text = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        text.get(digits..).filter(|_| digits > 0)
    }
    number(text).and_then(|rest| rest.strip_prefix(b".")).and_then(number).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_start_with_two_numbers() {
        for good in ["6.1", "6.12.107+deb13-amd64", "6.1-foo", " 1.2", "+1. 2", "1.-2"] {
            assert!(is_version(good.as_bytes()), "{good}");
        }
        for bad in ["", "6", "6.", "6.x", "v6.1", "next-2024", "-a", ".1"] {
            assert!(!is_version(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn directories_are_put_together_as_they_are_written() {
        let of = |base: &str, below: &str| {
            directory(base.as_ref(), below.as_bytes(), "9.9".as_ref()).into_os_string()
        };
        assert_eq!(of("", "lib/modules"), "/lib/modules/9.9");
        assert_eq!(of("/", "lib/modules"), "//lib/modules/9.9");
        assert_eq!(of("/b", "//usr//lib/modules/"), "/b/usr//lib/modules//9.9");
        assert_eq!(of("", ""), "//9.9");
    }
}
