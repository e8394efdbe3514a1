//! Command lines, read as `getopt_long`(3) reads them.
//!
//! A tool's options are one static table ([`Definition`]). [`parse`] reads argv
//! by it the way the C library does - operands anywhere, bundles, unambiguous
//! prefixes, `POSIXLY_CORRECT`, its words for what is wrong. Help and
//! completions come out of [`clap::Command`], which the same table makes; a
//! run that prints no help never builds it: that alone would cost more than
//! all else that modprobe does.

mod reader;
mod table;

use std::ffi::{OsStr, OsString};
use std::io;

pub use table::{Definition, Opt, count, flag, list, value};

use crate::host::{Host, Outcome};
use reader::{Read, read};

/// The id of every tool's operands.
pub const OPERANDS: &str = "operands";

/// What a command line gave.
#[derive(Default)]
pub struct Given {
    /// Each option as often and in the order that it was given.
    options: Vec<(&'static Opt, Option<OsString>)>,
    operands: Vec<OsString>,
}

impl Given {
    /// Reads `words` without a word about what is wrong: `None` when something
    /// is, or when help or the version is asked for. With `posix` options end at the
    /// first operand.
    pub fn quietly(definition: &Definition, words: &[OsString], posix: bool) -> Option<Self> {
        match read(definition, words.to_vec(), posix) {
            Ok(Read::Given(given)) => Some(given),
            Ok(Read::Help | Read::Version) | Err(_) => None,
        }
    }

    /// Whether the option `id` was given.
    pub fn flag(&self, id: &str) -> bool {
        self.options.iter().any(|(option, _)| option.id == id)
    }

    /// How often the option `id` was given.
    pub fn count(&self, id: &str) -> i32 {
        let count = self.options.iter().filter(|(option, _)| option.id == id).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    /// The value of the option `id`, the last one; `None` when it was not
    /// given.
    pub fn value(&self, id: &str) -> Option<&OsStr> {
        self.values(id).last()
    }

    /// All values of the option `id`, in order.
    pub fn list(&self, id: &str) -> Vec<OsString> {
        self.values(id).map(OsStr::to_os_string).collect()
    }

    /// The values of the option `id`, in order.
    pub fn values(&self, id: &str) -> impl Iterator<Item = &OsStr> {
        let named = self.options.iter().filter(move |(option, _)| option.id == id);
        named.filter_map(|(_, value)| value.as_deref())
    }

    /// The operands, in order.
    pub fn operands(&self) -> Vec<OsString> {
        self.operands.clone()
    }

    /// The ids of all options, each as often and in the order that it was
    /// given: for options whose order matters.
    pub fn order(&self) -> impl Iterator<Item = &'static str> {
        self.options.iter().map(|(option, _)| option.id)
    }
}

/// Reads `args` by `definition`.
///
/// `Ok(Err(outcome))` when the run ends here: help or version went to standard
/// output, or something was wrong and the C library's line for it is reported.
///
/// # Errors
/// When standard output cannot be written.
pub fn parse(
    host: &mut Host<'_>,
    definition: &Definition,
    args: Vec<OsString>,
) -> io::Result<Result<Given, Outcome>> {
    match read(definition, args, host.environment.posixly_correct) {
        Ok(Read::Given(given)) => Ok(Ok(given)),
        Ok(Read::Help) => {
            write!(host.stdout, "{}", definition.command().render_help())?;
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
