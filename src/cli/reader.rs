//! argv by a table of options, word by word.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::table::Kind;
use super::{Definition, Given, Opt};

pub(super) enum Read {
    Given(Given),
    Help,
    Version,
}

/// Reads argv as the C library does. The error is its text behind the
/// program's name.
pub(super) fn read(
    definition: &Definition,
    args: Vec<OsString>,
    posix: bool,
) -> Result<Read, String> {
    let mut given = Given::default();
    let mut rest = args.into_iter();
    while let Some(word) = rest.next() {
        match word.as_bytes() {
            b"--" => given.operands.extend(rest.by_ref()),
            [b'-', b'-', long @ ..] => {
                let (option, value) = long_option(definition, long)?;
                if let Some(end) = end(option) {
                    return Ok(end);
                }
                let name = option.long.unwrap_or_default();
                let value = match (option.takes_value(), value) {
                    (false, Some(_)) => {
                        return Err(format!("option '--{name}' doesn't allow an argument"));
                    }
                    (true, None) => Some(
                        rest.next()
                            .ok_or_else(|| format!("option '--{name}' requires an argument"))?,
                    ),
                    (_, value) => value.map(OsStr::to_os_string),
                };
                given.options.push((option, value));
            }
            [b'-', bundle @ ..] if !bundle.is_empty() => {
                let mut bundle = bundle;
                while let Some((&letter, after)) = bundle.split_first() {
                    bundle = after;
                    let option = short_option(definition, letter)?;
                    if let Some(end) = end(option) {
                        return Ok(end);
                    }
                    let value = if !option.takes_value() {
                        None
                    } else if !after.is_empty() {
                        bundle = &[];
                        Some(OsString::from_vec(after.to_vec()))
                    } else {
                        let missing =
                            || format!("option requires an argument -- '{}'", char::from(letter));
                        Some(rest.next().ok_or_else(missing)?)
                    };
                    given.options.push((option, value));
                }
            }
            _ => {
                given.operands.push(word);
                if posix {
                    given.operands.extend(rest.by_ref());
                }
            }
        }
    }
    Ok(Read::Given(given))
}

/// What the reading ends with at `option`, if it does.
fn end(option: &Opt) -> Option<Read> {
    match option.kind {
        Kind::Help => Some(Read::Help),
        Kind::Version => Some(Read::Version),
        Kind::Flag | Kind::Count | Kind::Value | Kind::List => None,
    }
}

/// Finds the option that `long` (what stands behind `--`) names, and the value
/// behind its `=`. What is hidden, since only releases before 34 took it, and what only
/// komod has make no abbreviation of another option ambiguous.
fn long_option<'w>(
    definition: &Definition,
    long: &'w [u8],
) -> Result<(&'static Opt, Option<&'w OsStr>), String> {
    let (name, value) =
        match long.iter().position(|&b| b == b'=').and_then(|at| long.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..).map(OsStr::from_bytes)),
            None => (long, None),
        };
    let spellings = || {
        definition
            .options()
            .flat_map(|option| option.spellings().map(move |spelling| (spelling, option)))
    };
    if let Some((_, option)) = spellings().find(|(spelling, _)| spelling.as_bytes() == name) {
        return Ok((option, value));
    }
    let mut found: Vec<_> =
        spellings().filter(|(spelling, _)| spelling.as_bytes().starts_with(name)).collect();
    for stands_back in [|option: &Opt| option.hidden, |option: &Opt| option.own] {
        if found.iter().any(|(_, option)| !stands_back(option)) {
            found.retain(|(_, option)| !stands_back(option));
        }
    }
    let shown = String::from_utf8_lossy(long);
    match found.as_slice() {
        [] => Err(format!("unrecognized option '--{shown}'")),
        [(_, first), more @ ..] if more.iter().all(|(_, option)| option.id == first.id) => {
            Ok((first, value))
        }
        _ => {
            let names: String =
                found.iter().map(|(spelling, _)| format!(" '--{spelling}'")).collect();
            Err(format!("option '--{shown}' is ambiguous; possibilities:{names}"))
        }
    }
}

fn short_option(definition: &Definition, letter: u8) -> Result<&'static Opt, String> {
    definition
        .options()
        .find(|option| option.short.is_some_and(|short| u32::from(short) == u32::from(letter)))
        .ok_or_else(|| format!("invalid option -- '{}'", char::from(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{count, flag, list};

    static OPTIONS: [Opt; 9] = [
        count("quiet", "").short('q'),
        flag("all", "").short('a'),
        flag("show-depends", "").short('D'),
        flag("show-config", "").short('c').aliases(&["showconfig"]),
        list("config", "PATH", "").short('C'),
        flag("ignore-install", "").short('i').aliases(&["ignore-remove"]),
        flag("old", "").short('u').without_long().hidden(),
        flag("alien", "").hidden(),
        flag("quite-new", "").own(),
    ];
    static DEFINITION: Definition =
        Definition::new("tool", "about", "[options]", &OPTIONS, "MODULE");

    #[track_caller]
    fn words(args: &[&str]) -> Vec<String> {
        words_as(args, false).unwrap()
    }

    fn words_as(args: &[&str], posix: bool) -> Result<Vec<String>, String> {
        let args = args.iter().map(Into::into).collect();
        match read(&DEFINITION, args, posix)? {
            Read::Given(given) => Ok(in_full(&given)),
            Read::Help => Ok(vec!["HELP".into()]),
            Read::Version => Ok(vec!["VERSION".into()]),
        }
    }

    /// Every option in full, then `--`, then the operands.
    fn in_full(given: &Given) -> Vec<String> {
        let options = given.options.iter().map(|(option, value)| match value {
            Some(value) => format!("--{}={}", option.id, value.to_string_lossy()),
            None => format!("--{}", option.id),
        });
        let operands = given.operands.iter().map(|word| word.to_string_lossy().into_owned());
        options.chain(["--".to_owned()]).chain(operands).collect()
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
        // So does what only komod has.
        assert_eq!(words(&["--qui", "--quit"]), ["--quiet", "--quite-new", "--"]);
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
        let given = Given::quietly(&DEFINITION, &args, false).unwrap();
        assert_eq!(given.order().collect::<Vec<_>>(), ["all", "quiet", "config", "quiet"]);
        assert_eq!(given.count("quiet"), 2);
        assert_eq!(given.list("config"), ["x"]);
        assert_eq!(given.operands(), ["m"]);
        assert!(given.flag("all") && !given.flag("old"));
    }
}
