use std::ffi::OsStr;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_config::{Config, DepmodConfig, Search};
use komod_depmod::{
    Checks, Database, Graph, Reading, ScanError, Symbols, inspect_modules, scan, sort_modules,
};
use komod_why::KernelFacts;

use crate::inspect::Inspection;
use crate::names::Names;
use crate::scanned::{MALFORMED, Scanned};
use crate::{Finding, configuration, database, symbols};

/// What is to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The root below which configuration and the kernel's own lists are; `/` is this
    /// system's.
    pub root: &'a Path,
    /// The module directory.
    pub dir: &'a Path,
    /// The kernel's release.
    pub release: &'a OsStr,
    /// Whether that kernel runs: then `/proc/kallsyms` is its.
    pub running: bool,
    /// Threads that read at the same time, at most.
    pub workers: NonZeroUsize,
}

/// What came of it.
#[derive(Debug)]
pub struct Checked {
    /// What is wrong: sorted, each once.
    pub findings: Vec<Finding>,
    /// What is there and could not be looked at.
    pub unread: Vec<(PathBuf, io::Error)>,
    /// What else somebody may want to know; nothing of it is wrong.
    pub notes: Vec<String>,
}

/// Looks at all of `place`.
///
/// # Errors
/// When the module directory cannot be listed.
pub fn check(place: &Place<'_>) -> Result<Checked, ScanError> {
    let below = |search: Search| {
        let paths = search.paths.iter();
        Search::only(
            paths.map(|path| place.root.join(path.strip_prefix("/").unwrap_or(path))).collect(),
        )
    };
    let depmod = DepmodConfig::load(&below(Search::depmod_default()), place.release.as_bytes());
    let config = Config::load(&below(Search::modprobe_default()), Some(place.dir), None);
    let mut scanned = Scanned::new(place.dir);
    let found = scan(place.dir, &depmod, &mut scanned.sink())?;
    scanned.tell_twice();
    let mut catalog = sort_modules(found, place.dir, &mut scanned.sink());
    let mut all = Symbols::default();
    let how = Reading {
        workers: place.workers,
        prefix: None,
        checks: true,
        more_if_waiting: false,
        tales: false,
    };
    let inspection = Inspection::default();
    let inspect = |found: &_, file: &_, bytes: &[u8]| inspection.look(found, file, bytes);
    inspect_modules(&mut catalog, &mut all, how, &inspect, &mut scanned.sink());

    let indexes = komod_probe::Database::new(place.dir.to_owned());
    let facts = match place.running {
        true => KernelFacts::running(place.release, &indexes, place.root),
        false => KernelFacts::other(place.release, &indexes, place.root),
    };
    let own = facts.own_exports();
    let mut notes = configuration::own_lines(&config);
    if own.is_none() {
        notes.push(
            "what the kernel itself exports is not known (no Module.symvers, no System.map): \
             symbols that nobody exports are not told"
                .into(),
        );
    }
    scanned.findings.extend(symbols::check(&catalog, &all, own));

    let graph = Graph::resolve(&catalog, &all, Checks::default(), &mut scanned.sink());
    if let Ok(graph) = graph {
        let (catalog, symbols, dir) = (&catalog, &all, place.dir);
        let made = Database { catalog, symbols, graph: &graph, dir, tell_duplicates: false };
        let files = made.files(place.workers, None, &mut scanned.sink());
        match files {
            Ok(files) => {
                let unread = database::compare(place.dir, &files, &mut scanned.findings);
                scanned.unread.extend(unread);
                let names = Names::new(catalog, &files, &config);
                scanned.findings.extend(configuration::check(&config, &depmod, &names));
            }
            Err(error) => scanned.findings.push(Finding::of(place.dir, "index-too-large", error)),
        }
    }
    scanned.findings.extend(inspection.findings(place.release.as_bytes()));
    let Scanned { mut findings, unread, .. } = scanned;
    if !unread.is_empty() {
        // What was not read may have, or be, what seems to be missing.
        let unsure = ["database-stale", "unknown-symbol", "no-module"];
        findings.retain(|finding| !unsure.contains(&finding.kind));
    }
    Ok(Checked { findings: sorted(findings), unread, notes })
}

/// Each finding once; that a module is malformed not where there is a reason for it.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_unstable_by(|a, b| {
        let key = |it: &Finding| (it.line, it.kind);
        a.path().cmp(b.path()).then_with(|| key(a).cmp(&key(b))).then_with(|| a.what.cmp(&b.what))
    });
    findings.dedup();
    let reasons = ["not-elf", "truncated", "elf-type"];
    let has_reason = |it: &&Finding| reasons.contains(&it.kind);
    let explained: Vec<PathBuf> =
        findings.iter().filter(has_reason).map(|it| it.file.clone()).collect();
    findings.retain(|it| it.kind != MALFORMED || !explained.contains(&it.file));
    findings
}
