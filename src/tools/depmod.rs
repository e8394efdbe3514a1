//! `depmod`: makes the database that modprobe looks modules up in.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;

use komod_cache::Tree;
use komod_config::DepmodConfig;
use komod_depmod::{
    AddError, Before, Catalog, Checks, Database, Found, Graph, INPUTS, KernelSymbols, Module,
    PublishError, Reading, Recall, ScanError, Survey, Symbols, Turn, explicit, load_modules_again,
    make_directory, publish, remove_leftovers, scan_again, sort_modules, survive_size_limit,
};

use super::Tool;
use super::exposed::Watch;
use crate::cli::{self, Definition, count, flag, list, value};
use crate::host::{Host, Outcome};
use crate::io_text;
use crate::report::Level;

mod cached;
mod findings;
mod options;
mod quick;

pub(super) use cached::TOLD;
use cached::{Cache, Kept};
use findings::{Teller, config_warnings, lossy};
use options::{KernelFile, Options, options};

pub(super) const TOOL: Tool = Tool {
    name: "depmod",
    about: "Make the database that modprobe looks modules up in",
    program: true,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition = Definition::new(
    "depmod",
    TOOL.about,
    "[options] [version] [/path/of/module...]",
    &[
        flag("all", "Read every module (the default without modules)").short('a'),
        flag("quick", "Do nothing if the database is up to date").short('A'),
        value("basedir", "DIR", "Take the modules below DIR").short('b'),
        value("moduledir", "DIR", "Where kernels' modules are (default lib/modules)").short('m'),
        value("outdir", "DIR", "Write below DIR, not below the basedir").short('o'),
        list("config", "PATH", "Read this file or directory, not the usual depmod.d").short('C'),
        flag("errsyms", "Tell symbols that nobody exports (with -E or -F)").short('e'),
        value("symvers", "FILE", "What the kernel exports, and in which versions").short('E'),
        value("filesyms", "FILE", "What the kernel exports, as a System.map").short('F'),
        value("jobs", "N", "Read so many modules at a time (default: one a processor)").short('j'),
        flag("show", "Write the texts to standard output, and no file")
            .short('n')
            .visible_alias("dry-run"),
        value("cache", "DIR", "Keep what modules say in DIR (default /var/cache/komod)").own(),
        flag("no-cache", "Read every module, and keep nothing").own(),
        value("symbol-prefix", "CHAR", "What the architecture puts before symbols").short('P'),
        flag("warn", "Tell what is in the database twice").short('w'),
        count("verbose", "Tell which module needs which, and why").short('v'),
        // kmod 30 took these and did nothing; scripts still say them.
        flag("unresolved-error", "").short('u').hidden(),
        flag("quiet", "").short('q').hidden(),
        flag("root", "").short('r').hidden(),
    ],
    "version",
);

/// Ends the run; what is wrong has been said.
struct GaveUp;

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match cli::parse(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    host.report.set_threshold(Level::Warning);
    host.report.raise_threshold(given.count("verbose"));
    let Ok(options) = options(host, &given) else {
        return Ok(Outcome::Failure);
    };
    if options.quick && options.show {
        return Ok(Outcome::Success);
    }
    let mut teller = Teller {
        report: &mut host.report,
        stdout: host.stdout,
        trace: options.trace,
        spoke: false,
        broken: None,
        lost: false,
    };
    let outcome = match make(&options, &mut teller) {
        Ok(()) => Outcome::Success,
        Err(GaveUp) => Outcome::Failure,
    };
    match teller.broken {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

fn make(options: &Options, teller: &mut Teller<'_, '_>) -> Result<(), GaveUp> {
    let cache = Cache::of(options);
    let cache = cache.as_ref();
    if options.show {
        return rebuild(options, cache, &Kept::default(), None, teller);
    }
    // Who has a turn may have read before us what has changed since then, and write it
    // later. Who comes now reads later.
    if Turn::is_taken(&options.out_dir) {
        return in_turn(options, cache, turn(options), teller);
    }
    let left = cache.map(Cache::left).unwrap_or_default();
    // A thousand lists: the process gives them back at once.
    let old = ManuallyDrop::new(left.tree());
    let kept = look(options, cache, old.as_ref());
    if kept.same {
        return nothing_to_do(options, &kept, teller);
    }
    let turn = turn(options);
    let alone = turn.as_ref().is_some_and(Turn::was_free);
    if alone && kept.look.is_latest(&options.out_dir) {
        return rebuild(options, cache, &kept, turn, teller);
    }
    in_turn(options, cache, turn, teller)
}

/// Looks once more, now that nobody else is at work.
fn in_turn(
    options: &Options,
    cache: Option<&Cache>,
    turn: Option<Turn>,
    teller: &mut Teller<'_, '_>,
) -> Result<(), GaveUp> {
    let left = cache.map(Cache::left).unwrap_or_default();
    let old = ManuallyDrop::new(left.tree());
    let kept = look(options, cache, old.as_ref());
    if !kept.same {
        return rebuild(options, cache, &kept, turn, teller);
    }
    turn.iter().for_each(|turn| remove_leftovers(&options.out_dir, turn));
    nothing_to_do(options, &kept, teller)
}

/// Waits until this run has its turn: from then on nobody else's comes between what is
/// read and what is written.
fn turn(options: &Options) -> Option<Turn> {
    if options.out_dir != options.dir && options.dir.is_dir() {
        // What cannot be made is told when it is to be written.
        let _ = make_directory(&options.out_dir);
    }
    Turn::wait(&options.out_dir)
}

/// Looks whether there is anything to do. It says nothing, and writes nothing that others
/// read.
fn look<'o>(options: &Options, cache: Option<&Cache>, old: Option<&'o Tree<'o>>) -> Kept<'o> {
    match (cache, old) {
        (Some(cache), Some(old)) => cache.look(old, options),
        _ if options.quick => quick::look(options, configuration(options)),
        _ => Kept::default(),
    }
}

/// Says what a run would say that leaves the database as it is.
fn nothing_to_do(
    options: &Options,
    kept: &Kept<'_>,
    teller: &mut Teller<'_, '_>,
) -> Result<(), GaveUp> {
    if !options.quick {
        config_warnings(teller.report, &kept.config.warnings);
    }
    if kept.odd {
        quick::tell(options, &kept.config, teller);
    }
    teller.nothing_lost()
}

/// Reads all that is not known to be as it was, and writes the database. `turn` is this
/// run's, `kept` what a look told in it, or before it if no other run has ended meanwhile.
fn rebuild(
    options: &Options,
    cache: Option<&Cache>,
    kept: &Kept<'_>,
    turn: Option<Turn>,
    teller: &mut Teller<'_, '_>,
) -> Result<(), GaveUp> {
    survive_size_limit();
    if options.quick {
        quick::tell_what_is_missing(options, teller);
    }
    if options.errsyms && options.kernel.is_none() {
        teller.report.warning("-e needs -E or -F");
    }
    let mut symbols = Symbols::default();
    if let Some(file) = &options.kernel {
        kernel_symbols(file, options.prefix, teller)?.enter(&mut symbols);
    }
    let config = configuration(options);
    config_warnings(teller.report, &config.warnings);
    teller.lost |= config.lost;
    teller.nothing_lost()?;
    let settings = cached::settings(options, &config);
    let old = kept.old.filter(|old| *old.settings == *settings);
    let mut survey = Survey::new(old.map(|old| (old, &kept.look)));
    survey.note_inputs(&options.dir);
    let found = modules(options, &config, &mut survey, teller)?;
    teller.nothing_lost()?;
    let mut catalog = sort_modules(found, &options.dir, &mut teller.sink());
    let checks = Checks {
        unknown: options.errsyms && options.kernel.is_some(),
        versions: options.errsyms && matches!(options.kernel, Some(KernelFile::Symvers(_))),
    };
    let how = Reading {
        workers: options.jobs,
        more_if_waiting: !options.jobs_given,
        prefix: options.prefix,
        checks: checks.unknown || checks.versions,
        tales: cache.is_some(),
    };
    let facts = cache.zip(old).and_then(|(cache, old)| cache.facts(old));
    let recall = old.zip(facts.as_ref());
    let recall = recall
        .and_then(|(old, (facts, later))| Recall::new(old, &kept.look, facts, later.as_deref()));
    let loaded = load_modules_again(
        &mut catalog,
        &mut symbols,
        how,
        recall.as_ref(),
        &mut survey,
        &mut teller.sink(),
    );
    teller.nothing_lost()?;
    let graph = Graph::resolve(&catalog, &symbols, checks, &mut teller.sink());
    let graph = graph.map_err(|_| GaveUp)?;
    let database = Database {
        catalog: &catalog,
        symbols: &symbols,
        graph: &graph,
        dir: &options.dir,
        tell_duplicates: options.warn,
    };
    if options.show {
        let text = database.text(&mut teller.sink());
        teller.write(&text);
        return teller.nothing_lost();
    }
    exposed(options, &config, &catalog, teller);
    let spared = recall.as_ref().map(|recall| recall.spared(&catalog, &loaded));
    let before = Before { outputs: &kept.look.outputs, spared: &spared.unwrap_or_default() };
    let before = cache.map(|_| before);
    let files = database.files(options.jobs, before, &mut teller.sink());
    let files = files.map_err(|error| {
        teller.report.error(error);
        GaveUp
    })?;
    teller.nothing_lost()?;
    let turn = publish(&options.out_dir, &files, turn).map_err(|error| {
        publish_error(&error, teller);
        GaveUp
    })?;
    if let Some(cache) = cache {
        let (run, published) =
            ((&settings[..], !teller.spoke), (&*options.out_dir, &*files, &kept.look));
        cache.keep(&database, (&loaded, recall.as_ref()), &mut survey, run, published);
        cache.forget_others(options);
    }
    drop(turn);
    // The process ends and gives it all back at once, not piece by piece.
    std::mem::forget((catalog, symbols, graph, files, survey, loaded, recall));
    Ok(())
}

/// What the administrator decided.
fn configuration(options: &Options) -> DepmodConfig {
    if !options.modules.is_empty() {
        return DepmodConfig::default();
    }
    let mut config = DepmodConfig::load(&options.search, options.version.as_bytes());
    // The database names modules elsewhere absolutely; a directory that is not there
    // is told as it was written.
    for external in config.externals.iter_mut().filter(|external| external.dir.is_dir()) {
        if let Ok(dir) = komod_file::from_here(&external.dir) {
            external.dir = dir;
        }
    }
    config
}

/// Tells root once of what others could put into this system's kernel.
fn exposed(
    options: &Options,
    config: &DepmodConfig,
    catalog: &Catalog<'_>,
    teller: &mut Teller<'_, '_>,
) {
    if !options.own_tree {
        return;
    }
    let mut watch = Watch::new(true);
    let path = |module: &Module<'_>| options.dir.join(OsStr::from_bytes(module.found.path()));
    let modules = catalog.iter().map(|(_, module)| path(module));
    let configuration = config.files.iter().map(|file| file.path.clone());
    let lists = INPUTS.iter().map(|name| options.dir.join(name));
    let paths = options.search.paths.iter().cloned().chain(configuration);
    let paths = paths.chain(lists).chain(modules);
    let found: Vec<_> = paths.flat_map(|path| watch.look(&path)).collect();
    if let Some(first) = found.first() {
        teller.spoke = true;
        let (number, first) = (found.len(), first.path.display());
        teller.report.warning(format_args!(
            "{number} files or directories can be written by others than root, {first} first"
        ));
    }
}

/// The modules for the database.
fn modules(
    options: &Options,
    config: &DepmodConfig,
    survey: &mut Survey<'_>,
    teller: &mut Teller<'_, '_>,
) -> Result<Vec<Found>, GaveUp> {
    if !options.modules.is_empty() {
        let mut absolute = options.modules.split(|path| path.is_relative());
        let found = explicit(&options.dir, absolute.next().unwrap_or_default());
        let found = found.map_err(|error| {
            add_error(&error, teller);
            GaveUp
        })?;
        let Some(relative) = options.modules.iter().find(|path| path.is_relative()) else {
            return Ok(found);
        };
        let relative = lossy(relative.as_os_str().as_bytes());
        teller.report.fatal(format_args!("{relative}: not absolute path."));
        return Err(GaveUp);
    }
    let found = scan_again(&options.dir, config, survey, &mut teller.sink());
    found.map_err(|error| {
        no_directory(&error, teller);
        let why = io_text(&error.error);
        teller.report.fatal(format_args!("could not search modules: {why}"));
        GaveUp
    })
}

fn no_directory(error: &ScanError, teller: &mut Teller<'_, '_>) {
    let (path, why) = (lossy(error.path.as_os_str().as_bytes()), io_text(&error.error));
    teller.report.error(format_args!("could not open directory {path}: {why}"));
}

fn kernel_symbols(
    file: &KernelFile,
    prefix: Option<u8>,
    teller: &mut Teller<'_, '_>,
) -> Result<KernelSymbols, GaveUp> {
    let (KernelFile::Symvers(path) | KernelFile::SystemMap(path)) = file;
    let name = path.as_os_str().as_bytes();
    let read = File::open(path).and_then(|file| komod_file::read_text(&file));
    let text = read.map_err(|error| {
        let why = io_text(&error);
        teller.report.fatal(format_args!("could not load {}: {why}", lossy(name)));
        GaveUp
    })?;
    let mut sink = teller.sink();
    Ok(match file {
        KernelFile::Symvers(_) => KernelSymbols::from_symvers(&text, name, prefix, &mut sink),
        KernelFile::SystemMap(_) => KernelSymbols::from_system_map(&text, name, prefix, &mut sink),
    })
}

fn add_error(error: &AddError, teller: &mut Teller<'_, '_>) {
    match error {
        AddError::Missing { path, error } => {
            let (path, why) = (lossy(path.as_os_str().as_bytes()), io_text(error));
            teller.report.fatal(format_args!("could not create module {path}: {why}"));
        }
        AddError::Twice { path, before, name } => {
            let [new, old] = [path, before].map(|path| lossy(path.as_os_str().as_bytes()));
            let (line, done) = match new == old {
                true => (format!("hash_add_unique {name}: File exists"), "add"),
                false => (
                    format!(
                        "kmod_module '{name}' already exists with different path: \
                         new-path='{new}' old-path='{old}'"
                    ),
                    "create",
                ),
            };
            teller.report.error(line);
            teller.report.fatal(format_args!("could not {done} module {new}: File exists"));
        }
    }
}

fn publish_error(error: &PublishError, teller: &mut Teller<'_, '_>) {
    let (what, path, error) = match error {
        PublishError::Directory { path, error } => ("could not create directory", path, error),
        PublishError::Write { path, error } => ("could not write", path, error),
        PublishError::Replace { path, error } => ("could not replace", path, error),
    };
    let (path, why) = (lossy(path.as_os_str().as_bytes()), io_text(error));
    teller.report.fatal(format_args!("{what} {path}: {why}"));
}
