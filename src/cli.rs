//! Command lines, read as `getopt_long`(3) reads them.
//!
//! A tool's options are one [`clap::Command`]: it gives help, completions and
//! typed values. In front of clap stands [`parse`], which reads argv by that
//! same table the way the C library does - operands anywhere, bundles,
//! unambiguous prefixes, `POSIXLY_CORRECT`, its words for what is wrong - and
//! hands clap the options in full spelling.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::host::{Host, Outcome};

/// The id of every tool's operands.
pub const OPERANDS: &str = "operands";

/// A tool's definition with its `--help` and `--version`; the tool adds its
/// options. `usage` is what stands behind the tool's name.
pub fn command(name: &'static str, about: &'static str, usage: &str) -> Command {
    unversioned(name, about, usage).arg(special(
        "version",
        'V',
        ArgAction::Version,
        "Print the version and exit",
    ))
}

/// As [`command`], without `--version`.
pub fn unversioned(name: &'static str, about: &'static str, usage: &str) -> Command {
    Command::new(name)
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .override_usage(format!("{name} {usage}"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true)
        .arg(special("help", 'h', ArgAction::Help, "Print this help and exit"))
}

fn special(name: &'static str, short: char, action: ArgAction, help: &'static str) -> Arg {
    Arg::new(name).long(name).short(short).action(action).help(help).display_order(1000)
}

/// An option without a value. `long` is its id.
pub fn flag(long: &'static str, help: &'static str) -> Arg {
    Arg::new(long).long(long).action(ArgAction::SetTrue).help(help)
}

/// An option without a value that counts how often it stands there.
pub fn count(long: &'static str, help: &'static str) -> Arg {
    Arg::new(long).long(long).action(ArgAction::Count).help(help)
}

/// An option with a value; the last one wins. `long` is its id.
pub fn value(long: &'static str, metavar: &'static str, help: &'static str) -> Arg {
    list(long, metavar, help).action(ArgAction::Set)
}

/// An option with a value that may stand there several times.
pub fn list(long: &'static str, metavar: &'static str, help: &'static str) -> Arg {
    Arg::new(long)
        .long(long)
        .action(ArgAction::Append)
        .value_parser(clap::value_parser!(OsString))
        .value_name(metavar)
        .allow_hyphen_values(true)
        .help(help)
}

/// The operands, any number of them.
pub fn operands(metavar: &'static str) -> Arg {
    Arg::new(OPERANDS)
        .num_args(0..)
        .value_parser(clap::value_parser!(OsString))
        .value_name(metavar)
        .hide(true)
}

/// What a command line gave.
pub struct Given {
    matches: ArgMatches,
    order: Vec<String>,
}

impl Given {
    /// Whether the option `id` was given.
    pub fn flag(&self, id: &str) -> bool {
        self.matches.get_flag(id)
    }

    /// How often the option `id` was given.
    pub fn count(&self, id: &str) -> i32 {
        i32::from(self.matches.get_count(id))
    }

    /// The value of the option `id`; `None` when it was not given.
    pub fn value(&self, id: &str) -> Option<&OsStr> {
        self.matches.get_one::<OsString>(id).map(OsString::as_os_str)
    }

    /// All values of the option `id`, in order.
    pub fn list(&self, id: &str) -> Vec<OsString> {
        self.matches.get_many(id).map(|all| all.cloned().collect()).unwrap_or_default()
    }

    /// The operands, in order.
    pub fn operands(&self) -> Vec<OsString> {
        self.list(OPERANDS)
    }

    /// The ids of all options, each as often and in the order that it was
    /// given: for options whose order matters.
    pub fn order(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(String::as_str)
    }
}

/// Reads `args` by `command`.
///
/// `Ok(Err(outcome))` when the run ends here: help or version went to standard
/// output, or something was wrong and the C library's line for it is reported.
///
/// # Errors
/// When standard output cannot be written.
pub fn parse(
    host: &mut Host<'_>,
    mut command: Command,
    args: Vec<OsString>,
) -> io::Result<Result<Given, Outcome>> {
    match read(&command, args, host.environment.posixly_correct) {
        Ok(Read::Words(words, order)) => match clap_matches(command, words) {
            Ok(matches) => Ok(Ok(Given { matches, order })),
            // The words have been read by the same table: only a value that
            // its own parser refuses can end here.
            Err(error) => {
                host.report.error(error.to_string().trim_end());
                Ok(Err(Outcome::Failure))
            }
        },
        Ok(Read::Help) => {
            write!(host.stdout, "{}", command.render_help())?;
            Ok(Err(Outcome::Success))
        }
        Ok(Read::Version) => {
            host.stdout.write_all(VERSION.as_bytes())?;
            Ok(Err(Outcome::Success))
        }
        Err(problem) => {
            let program = host.program.to_string_lossy().into_owned();
            host.report.plain(format_args!("{program}: {problem}"));
            Ok(Err(Outcome::Failure))
        }
    }
}

/// What every tool's `--version` prints: kmod's version that is replaced, the
/// codecs, komod's own version.
pub const VERSION: &str = concat!(
    "kmod version 34.2\n+ZSTD +XZ +ZLIB -OPENSSL\nkomod version ",
    env!("CARGO_PKG_VERSION"),
    "\n"
);

fn clap_matches(command: Command, words: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    command.no_binary_name(true).try_get_matches_from(words)
}

enum Read {
    /// Every option in full, then `--`, then the operands; and the options'
    /// ids in order.
    Words(Vec<OsString>, Vec<String>),
    Help,
    Version,
}

/// Reads argv as the C library does. The error is its text behind the
/// program's name.
fn read(command: &Command, args: Vec<OsString>, posix: bool) -> Result<Read, String> {
    let mut options: Vec<OsString> = Vec::new();
    let mut order: Vec<String> = Vec::new();
    let mut operands: Vec<OsString> = Vec::new();
    let mut rest = args.into_iter();
    while let Some(word) = rest.next() {
        match word.as_bytes() {
            b"--" => operands.extend(rest.by_ref()),
            [b'-', b'-', long @ ..] => {
                let (arg, value) = long_option(command, long)?;
                match arg.get_action() {
                    ArgAction::Help => return Ok(Read::Help),
                    ArgAction::Version => return Ok(Read::Version),
                    _ => {}
                }
                let name = arg.get_long().unwrap_or_default();
                let value = match (takes_value(arg), value) {
                    (false, Some(_)) => {
                        return Err(format!("option '--{name}' doesn't allow an argument"));
                    }
                    (true, None) => Some(
                        rest.next()
                            .ok_or_else(|| format!("option '--{name}' requires an argument"))?,
                    ),
                    (_, value) => value,
                };
                order.push(arg.get_id().to_string());
                options.push(in_full(arg, value));
            }
            [b'-', bundle @ ..] if !bundle.is_empty() => {
                let mut bundle = bundle;
                while let Some((&letter, after)) = bundle.split_first() {
                    bundle = after;
                    let arg = short_option(command, letter)?;
                    match arg.get_action() {
                        ArgAction::Help => return Ok(Read::Help),
                        ArgAction::Version => return Ok(Read::Version),
                        _ => {}
                    }
                    let value = if !takes_value(arg) {
                        None
                    } else if !after.is_empty() {
                        bundle = &[];
                        Some(OsString::from_vec(after.to_vec()))
                    } else {
                        let missing =
                            || format!("option requires an argument -- '{}'", char::from(letter));
                        Some(rest.next().ok_or_else(missing)?)
                    };
                    order.push(arg.get_id().to_string());
                    options.push(in_full(arg, value));
                }
            }
            _ => {
                operands.push(word);
                if posix {
                    operands.extend(rest.by_ref());
                }
            }
        }
    }
    options.push("--".into());
    options.append(&mut operands);
    Ok(Read::Words(options, order))
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// One word that clap reads as that option and nothing else.
fn in_full(arg: &Arg, value: Option<OsString>) -> OsString {
    let mut word = OsString::new();
    match (arg.get_long(), arg.get_short()) {
        (Some(long), _) => {
            word.push("--");
            word.push(long);
            if value.is_some() {
                word.push("=");
            }
        }
        (None, short) => {
            word.push("-");
            word.push(short.map(String::from).unwrap_or_default());
        }
    }
    word.push(value.unwrap_or_default());
    word
}

/// Finds the option that `long` (what stands behind `--`) names, and the value
/// behind its `=`. What is hidden, since only releases before 34 took it, makes no
/// abbreviation of another option ambiguous.
fn long_option<'c>(
    command: &'c Command,
    long: &[u8],
) -> Result<(&'c Arg, Option<OsString>), String> {
    let shown = String::from_utf8_lossy(long);
    let (name, value) = match long.iter().position(|&b| b == b'=') {
        Some(at) => {
            (&long[..at], long.get(at + 1..).map(|value| OsString::from_vec(value.to_vec())))
        }
        None => (long, None),
    };
    let spellings = command.get_arguments().flat_map(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long().into_iter().chain(aliases).map(move |spelling| (spelling, arg))
    });
    let mut found: Vec<(&str, &Arg)> = Vec::new();
    for (spelling, arg) in spellings {
        if spelling.as_bytes() == name {
            return Ok((arg, value));
        }
        if spelling.as_bytes().starts_with(name) {
            found.push((spelling, arg));
        }
    }
    if found.iter().any(|(_, arg)| !arg.is_hide_set()) {
        found.retain(|(_, arg)| !arg.is_hide_set());
    }
    match found.as_slice() {
        [] => Err(format!("unrecognized option '--{shown}'")),
        [(_, first), more @ ..] if more.iter().all(|(_, arg)| arg.get_id() == first.get_id()) => {
            Ok((first, value))
        }
        _ => {
            let names: String =
                found.iter().map(|(spelling, _)| format!(" '--{spelling}'")).collect();
            Err(format!("option '--{shown}' is ambiguous; possibilities:{names}"))
        }
    }
}

fn short_option(command: &Command, letter: u8) -> Result<&Arg, String> {
    let has = |arg: &&Arg| {
        let spelt = |short: char| u32::from(short) == u32::from(letter);
        arg.get_short().is_some_and(spelt)
            || arg.get_all_short_aliases().unwrap_or_default().into_iter().any(spelt)
    };
    command
        .get_arguments()
        .find(has)
        .ok_or_else(|| format!("invalid option -- '{}'", char::from(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Command {
        command("tool", "about", "[options]")
            .arg(count("quiet", "").short('q'))
            .arg(flag("all", "").short('a'))
            .arg(flag("show-depends", "").short('D'))
            .arg(flag("show-config", "").short('c').alias("showconfig"))
            .arg(list("config", "PATH", "").short('C'))
            .arg(flag("ignore-install", "").short('i').alias("ignore-remove"))
            .arg(flag("old", "").short('u').hide(true))
            .arg(flag("alien", "").hide(true))
            .arg(operands("MODULE"))
    }

    #[track_caller]
    fn words(args: &[&str]) -> Vec<String> {
        words_as(args, false).unwrap()
    }

    fn words_as(args: &[&str], posix: bool) -> Result<Vec<String>, String> {
        let args = args.iter().map(Into::into).collect();
        match read(&definition(), args, posix)? {
            Read::Words(words, _) => {
                Ok(words.iter().map(|word| word.to_string_lossy().into_owned()).collect())
            }
            Read::Help => Ok(vec!["HELP".into()]),
            Read::Version => Ok(vec!["VERSION".into()]),
        }
    }

    #[test]
    fn operands_stand_anywhere() {
        assert_eq!(words(&["loop", "-q", "x=1"]), ["--quiet", "--", "loop", "x=1"]);
        assert_eq!(words(&["-q", "--", "-a", "-"]), ["--quiet", "--", "-a", "-"]);
        assert_eq!(words(&["-", "-a"]), ["--all", "--", "-"]);
    }

    #[test]
    fn posixly_correct_ends_options_at_the_first_operand() {
        assert_eq!(words_as(&["-q", "loop", "-a"], true).unwrap(), ["--quiet", "--", "loop", "-a"]);
    }

    #[test]
    fn bundles_and_values_are_taken_apart() {
        assert_eq!(words(&["-qaC", "p"]), ["--quiet", "--all", "--config=p", "--"]);
        assert_eq!(words(&["-qCpath", "x"]), ["--quiet", "--config=path", "--", "x"]);
        assert_eq!(words(&["-C", "-q"]), ["--config=-q", "--"]);
        assert_eq!(
            words(&["--config=a=b", "--config", "--"]),
            ["--config=a=b", "--config=--", "--"]
        );
    }

    #[test]
    fn prefixes_that_mean_one_option_are_taken() {
        assert_eq!(words(&["--show-dep", "--qui"]), ["--show-depends", "--quiet", "--"]);
        // Two spellings of the same option.
        assert_eq!(words(&["--ignore"]), ["--ignore-install", "--"]);
        // What is hidden stands back.
        assert_eq!(words(&["--al", "--ali"]), ["--all", "--alien", "--"]);
    }

    #[test]
    fn what_is_wrong_is_said_as_the_c_library_says_it() {
        for (args, text) in [
            (&["-z"][..], "invalid option -- 'z'"),
            (&["-qz"], "invalid option -- 'z'"),
            (&["-C"], "option requires an argument -- 'C'"),
            (&["--config"], "option '--config' requires an argument"),
            (&["--conf"], "option '--config' requires an argument"),
            (&["--zz=3"], "unrecognized option '--zz=3'"),
            (&["--quiet=1"], "option '--quiet' doesn't allow an argument"),
            (
                &["--sho"],
                "option '--sho' is ambiguous; possibilities: '--show-depends' '--show-config' \
                 '--showconfig'",
            ),
        ] {
            assert_eq!(words_as(args, false).unwrap_err(), text);
        }
    }

    #[test]
    fn help_and_version_end_the_reading() {
        assert_eq!(words(&["-q", "-h", "--nonsense"]), ["HELP"]);
        assert_eq!(words(&["--vers"]), ["VERSION"]);
        assert_eq!(words(&["-qV"]), ["VERSION"]);
    }

    #[test]
    fn options_are_counted_and_their_order_can_be_asked() {
        let args = ["-a", "-q", "-Cx", "-q", "m"].map(OsString::from);
        let Ok(Read::Words(words, order)) = read(&definition(), args.to_vec(), false) else {
            panic!("neither help nor an error");
        };
        let given = Given { matches: clap_matches(definition(), words).unwrap(), order };
        assert_eq!(given.order().collect::<Vec<_>>(), ["all", "quiet", "config", "quiet"]);
        assert_eq!(given.count("quiet"), 2);
        assert_eq!(given.list("config"), ["x"]);
        assert_eq!(given.operands(), ["m"]);
        assert!(given.flag("all") && !given.flag("old"));
    }
}
