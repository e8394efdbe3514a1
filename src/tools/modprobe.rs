//! `modprobe`: loads a module and all that it needs, or removes it.

pub(super) mod insert;
mod lines;
mod remove;
mod show;
mod symbols;
mod variable;

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use komod_config::{Config, Search};
use komod_index::Error as IndexError;
use komod_json as json;
use komod_probe::{Blacklist, Broken, Database, Force, RemovalRequest, Request, Resolver, Shell};

use super::Tool;
use super::exposed::Watch;
use crate::cli::{self, Definition, Given, count, flag, list, value};
use crate::host::{Host, MODULE_DIRECTORY, Outcome};
use crate::io_text;
use crate::report::Level;

pub(super) const TOOL: Tool = Tool {
    name: "modprobe",
    about: "Load a module and all that it needs, or remove it",
    program: true,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition = Definition::new(
    "modprobe",
    TOOL.about,
    "[options] MODULE [PARAMETER=VALUE...]",
    &[
        flag("all", "Take every operand for a module").short('a'),
        flag("remove", "Remove modules instead of loading them").short('r'),
        flag("remove-holders", "Remove the module and, before it, what uses it")
            .aliases(&["remove-dependencies"]),
        value("wait", "MSEC", "With -r: try again for that long while a module is used").short('w'),
        flag("first-time", "Fail if the module is loaded, or with -r is not"),
        flag("ignore-install", "Ignore the module's commands and soft dependencies")
            .short('i')
            .visible_alias("ignore-remove"),
        flag("use-blacklist", "Let the blacklist hold back plain names too").short('b'),
        flag("ignore-deny", "Load what deny lines forbid").own(),
        flag("force", "Overlook versions; with -r, users").short('f'),
        flag("force-modversion", "Overlook the versions of symbols"),
        flag("force-vermagic", "Overlook the version of the kernel"),
        flag("resolve-alias", "Print the names of the modules that are meant")
            .short('R')
            .visible_alias("show-alias"),
        flag("show-depends", "Print what would be done if nothing were loaded").short('D'),
        flag("show-config", "Print the configuration and the indexes")
            .short('c')
            .visible_alias("showconfig"),
        flag("show-modversions", "Print the symbol versions that a module needs")
            .visible_alias("dump-modversions"),
        flag("show-exports", "Print the symbols that a module exports"),
        flag("dry-run", "Print what would be done").short('n').visible_alias("show"),
        flag("json", "With -c, -D, -n or -R: print JSON Lines").own(),
        list("config", "PATH", "Read this file or directory, not the usual ones").short('C'),
        value("dirname", "DIR", "The root of /lib/modules").short('d'),
        value("set-version", "VERSION", "This kernel, not the running one").short('S'),
        flag("syslog", "Send messages to syslog").short('s'),
        count("quiet", "Be silent about errors").short('q'),
        count("verbose", "Say more").short('v'),
    ],
    "MODULE",
);

/// What decides, beside the configuration, which files are loaded.
const INDEXES: [&str; 5] = [
    "modules.dep.bin",
    "modules.alias.bin",
    "modules.symbols.bin",
    "modules.builtin.bin",
    "modules.builtin.alias.bin",
];

/// What a run does, with what only that needs.
enum Mode {
    ShowConfig,
    ShowModversions(OsString),
    ShowExports(OsString),
    Remove(Vec<OsString>, RemovalRequest),
    Insert(Vec<OsString>, Request),
    Resolve(Vec<OsString>),
}

/// What all the modes share.
struct Settings {
    /// How grave it is when one operand cannot be served: fatal, or a warning
    /// where others stand beside it.
    gravity: Level,
    /// Each action is printed.
    show: bool,
    /// Nothing is done.
    dry_run: bool,
    /// What is shown is for programs.
    json: bool,
    shell: Shell,
    /// Tells, with `-v` and where something is done, what others than root could have
    /// changed.
    watch: RefCell<Watch>,
}

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let mut words = variable::split(host.environment.modprobe_options.as_deref());
    let inherited = variable::inherited(&words, host.environment.posixly_correct);
    // What the variable says about denying does not count.
    let own = (!words.is_empty()).then(|| args.clone());
    words.extend(args);
    let given = match cli::parse(host, &DEFINITION, words)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    if given.flag("syslog") || host.stderr_closed {
        host.report.use_syslog();
    }
    let says = Deny::of(host, &given, own.as_deref());
    // What is wrong with the command line is said with -q, too.
    let Some(mode) = mode(host, &given, says) else { return Ok(Outcome::Failure) };
    listen(host, &given);
    if says == Deny::IgnoredInVain {
        host.report.warning("--ignore-deny counts on the command line only: it is ignored");
    }
    let Some(directory) = module_directory(host, &given) else { return Ok(Outcome::Failure) };
    let depends = given.flag("show-depends");
    let dry_run = depends || given.flag("dry-run");
    let every = given.flag("all");
    let settings = Settings {
        gravity: if every { Level::Warning } else { Level::Fatal },
        show: dry_run || host.report.wants(Level::Notice),
        dry_run,
        json: given.flag("json"),
        shell: Shell {
            modprobe_options: variable::passed_on(
                host.environment.modprobe_options.as_deref(),
                given.order(),
                given.list("config"),
                inherited,
            ),
        },
        watch: RefCell::new(Watch::new(!dry_run && host.report.wants(Level::Notice))),
    };
    // Both live as long as the process: it ends faster without taking them apart.
    let config = ManuallyDrop::new(read_config(host, &given, &directory));
    let mut watch = settings.watch.borrow_mut();
    if watch.looks() {
        let indexes = INDEXES.map(|name| directory.join(name));
        for path in searched(&given).paths.iter().chain(&config.files).chain(&indexes) {
            watch.tell(path, &mut host.report);
        }
    }
    drop(watch);
    let database = ManuallyDrop::new(Database::new(directory));
    let resolver = Resolver { database: &database, config: &config };
    let outcome = match mode {
        Mode::ShowConfig if settings.json => {
            json::config(host.stdout, &resolver).map(|()| Outcome::Success)
        }
        Mode::ShowConfig => show::config(host, &resolver),
        Mode::ShowModversions(name) => symbols::modversions(host, &resolver, &settings, &name),
        Mode::ShowExports(name) => symbols::exports(host, &resolver, &settings, &name),
        Mode::Remove(names, request) => remove::all(host, &resolver, &settings, &names, &request),
        Mode::Resolve(names) => insert::resolve(host, &resolver, &settings, &names),
        Mode::Insert(names, request) => insert::all(host, &resolver, &settings, &names, &request),
    };
    report_broken(host, &database);
    outcome
}

/// Sets which messages are wanted: `-q` silences what stands before it, each `-v` behind
/// it adds a level.
fn listen(host: &mut Host<'_>, given: &Given) {
    for option in given.order() {
        match option {
            "quiet" => host.report.set_threshold(Level::Silent),
            "verbose" => host.report.raise_threshold(1),
            _ => {}
        }
    }
}

/// What is to become of `deny` lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deny {
    Kept,
    Ignored,
    /// `MODPROBE_OPTIONS` asks to overlook them: who runs modprobe has to say it himself,
    /// or every command that modprobe runs would have it too.
    IgnoredInVain,
}

impl Deny {
    /// As the command line says, whose words are `own` where others stand before them.
    fn of(host: &Host<'_>, given: &Given, own: Option<&[OsString]>) -> Self {
        const IT: &str = "ignore-deny";
        let posix = host.environment.posixly_correct;
        let says = |own| Given::quietly(&DEFINITION, own, posix).is_some_and(|own| own.flag(IT));
        match given.flag(IT) {
            false => Self::Kept,
            true if own.is_none_or(says) => Self::Ignored,
            true => Self::IgnoredInVain,
        }
    }
}

/// What to do; `None` when that is not said, and that has been reported.
fn mode(host: &mut Host<'_>, given: &Given, deny: Deny) -> Option<Mode> {
    let wait = wait(host, given)?;
    if given.flag("show-config") {
        return Some(Mode::ShowConfig);
    }
    let mut names = given.operands();
    let Some(first) = names.first().cloned() else {
        host.report.error("missing parameters. See -h.");
        return None;
    };
    let depends = given.flag("show-depends");
    let shows = ["resolve-alias", "dry-run"].iter().any(|id| given.flag(id)) || depends;
    let symbols = ["show-modversions", "show-exports"].iter().any(|id| given.flag(id));
    if given.flag("json") && (symbols || !shows) {
        host.report.error("--json goes with -c, -D, -n or -R only.");
        return None;
    }
    let force = given.flag("force");
    let ignore_commands = given.flag("ignore-install");
    let first_time = given.flag("first-time");
    if given.flag("show-modversions") {
        return Some(Mode::ShowModversions(first));
    }
    if given.flag("show-exports") {
        return Some(Mode::ShowExports(first));
    }
    // kmod 34 loads the module when --remove-holders stands alone; later ones
    // remove it.
    if given.flag("remove") || given.flag("remove-holders") {
        let request = RemovalRequest {
            force,
            wait,
            ignore_commands,
            remove_holders: given.flag("remove-holders"),
            ignore_loaded: depends,
            first_time,
        };
        return Some(Mode::Remove(names, request));
    }
    let mut request = Request {
        options: Vec::new(),
        force: Force {
            modversions: force || given.flag("force-modversion"),
            vermagic: force || given.flag("force-vermagic"),
        },
        ignore_commands,
        blacklist: match given.flag("use-blacklist") {
            true => Blacklist::Names,
            false => Blacklist::Aliases,
        },
        ignore_loaded: depends,
        first_time,
        ignore_deny: deny == Deny::Ignored,
    };
    if !given.flag("all") {
        request.options = super::parameters::join(names.get(1..).unwrap_or_default());
        names.truncate(1);
    }
    match given.flag("resolve-alias") {
        true => Some(Mode::Resolve(names)),
        false => Some(Mode::Insert(names, request)),
    }
}

/// The time of `--wait`; `None` when it is no number, and that has been
/// reported. Numbers are C's: `0x10` and `010` are sixteen and eight.
fn wait(host: &mut Host<'_>, given: &Given) -> Option<Option<Duration>> {
    let mut time = 0;
    // Each is looked at; the last one counts.
    for word in given.values("wait") {
        let Some(number) = word.to_str().and_then(c_number) else {
            let word = word.to_string_lossy();
            host.report.error(format_args!("unexpected wait value '{word}'."));
            return None;
        };
        time = number;
    }
    Some((time > 0).then(|| Duration::from_millis(time)))
}

/// `word` as `strtoul`(3) reads it: the base by its prefix, a sign wraps
/// around, what is too large is the largest. `None` when there is more in it
/// than a number.
fn c_number(word: &str) -> Option<u64> {
    let word = word.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match word.as_bytes().first() {
        Some(b'-') => (true, word.get(1..).unwrap_or_default()),
        Some(b'+') => (false, word.get(1..).unwrap_or_default()),
        _ => (false, word),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match (hex, digits.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        _ => (digits, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = Some(0_u64);
    for digit in digits.chars() {
        let digit = u64::from(digit.to_digit(base)?);
        number = number.and_then(|n| n.checked_mul(base.into())?.checked_add(digit));
    }
    match number {
        Some(number) if negative => Some(number.wrapping_neg()),
        Some(number) => Some(number),
        None => Some(u64::MAX),
    }
}

/// `DIR/lib/modules/VERSION`, put together as written: people see the result.
/// `None` when the kernel does not tell its release, or nobody where we are.
pub(super) fn module_directory(host: &mut Host<'_>, given: &Given) -> Option<PathBuf> {
    let version = match given.value("set-version") {
        Some(version) => version.to_os_string(),
        None => match host.kernel.release() {
            Ok(release) => release,
            Err(error) => {
                host.report.fatal(format_args!("uname() failed: {}", io_text(&error)));
                return None;
            }
        },
    };
    let root = given.value("dirname").unwrap_or(OsStr::new(""));
    let mut path = root.as_bytes().to_vec();
    path.extend_from_slice(MODULE_DIRECTORY.as_bytes());
    path.push(b'/');
    path.extend_from_slice(version.as_bytes());
    host.from_here(Path::new(OsStr::from_bytes(&path)))
}

/// Where the configuration is.
pub(super) fn searched(given: &Given) -> Search {
    let paths = given.list("config");
    if paths.is_empty() {
        return Search::modprobe_default();
    }
    Search::only(paths.into_iter().map(PathBuf::from).collect())
}

/// Reads the configuration. What is wrong with it is said in the library's
/// name and whatever `-q` says, as kmod's library does: it reads before the
/// tool has a say.
pub(super) fn read_config(
    host: &mut Host<'_>,
    given: &Given,
    directory: &std::path::Path,
) -> Config {
    let cmdline = host.kernel_command_line();
    let config = Config::load(&searched(given), Some(directory), cmdline.as_deref());
    let wanted = host.environment.wants_library_errors();
    let errors = config.warnings.iter().filter(|line| line.level == komod_config::Level::Error);
    for warning in errors.filter(|_| wanted) {
        let komod_config::Warning { function, text, .. } = warning;
        host.report.plain(format_args!("libkmod: ERROR: {function}: {text}"));
    }
    config
}

/// Tells about indexes that could not be used. An unreadable or empty one is
/// as good as none.
pub(super) fn report_broken(host: &mut Host<'_>, database: &Database) {
    for Broken { path, error } in database.take_broken() {
        match error {
            IndexError::Magic { .. } | IndexError::Version { .. } => host.report.error(error),
            IndexError::NotRegular | IndexError::TooLong { .. } => {
                host.report.error(format_args!("{}: {error}", path.display()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::c_number;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (word, number) in [
            ("0", Some(0)),
            ("10", Some(10)),
            (" +10", Some(10)),
            ("0x1f", Some(31)),
            ("010", Some(8)),
            ("09", None),
            ("1s", None),
            ("-1", Some(u64::MAX)),
            ("-0x10", Some(u64::MAX - 15)),
            ("99999999999999999999", Some(u64::MAX)),
            ("99999999999999999999x", None),
            ("++1", None),
            ("1 ", None),
            ("", None),
            ("0x", None),
        ] {
            assert_eq!(c_number(word), number, "{word:?}");
        }
    }
}
