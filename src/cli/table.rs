//! The table of a tool's options: each is said once, here are its columns.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::OPERANDS;

/// A tool's command line. The reader of argv walks it; [`Definition::command`]
/// makes help, completions and the checks of manuals from it.
pub struct Definition {
    name: &'static str,
    about: &'static str,
    usage: &'static str,
    options: &'static [Opt],
    operands: &'static str,
    versioned: bool,
    caller: Option<&'static str>,
    after_help: Option<fn() -> String>,
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    pub(super) id: &'static str,
    pub(super) long: Option<&'static str>,
    pub(super) short: Option<char>,
    visible_alias: Option<&'static str>,
    aliases: &'static [&'static str],
    pub(super) kind: Kind,
    metavar: &'static str,
    help: &'static str,
    pub(super) hidden: bool,
    pub(super) own: bool,
}

/// What an option does to a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Help,
    Version,
    Flag,
    Count,
    /// Takes a value; the last one wins.
    Value,
    /// Takes a value, each counts.
    List,
}

static HELP: Opt = Opt::new("help", Kind::Help, "Print this help and exit").short('h');
static VERSION: Opt = Opt::new("version", Kind::Version, "Print the version and exit").short('V');

/// An option without a value. `long` is its id.
pub const fn flag(long: &'static str, help: &'static str) -> Opt {
    Opt::new(long, Kind::Flag, help)
}

/// An option without a value that counts how often it stands there.
pub const fn count(long: &'static str, help: &'static str) -> Opt {
    Opt::new(long, Kind::Count, help)
}

/// An option with a value; the last one wins. `long` is its id.
pub const fn value(long: &'static str, metavar: &'static str, help: &'static str) -> Opt {
    Opt { metavar, ..Opt::new(long, Kind::Value, help) }
}

/// An option with a value that may stand there several times.
pub const fn list(long: &'static str, metavar: &'static str, help: &'static str) -> Opt {
    Opt { metavar, ..Opt::new(long, Kind::List, help) }
}

impl Opt {
    const fn new(long: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            id: long,
            long: Some(long),
            short: None,
            visible_alias: None,
            aliases: &[],
            kind,
            metavar: "",
            help,
            hidden: false,
            own: false,
        }
    }

    /// The letter behind one dash.
    pub const fn short(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }

    /// Other spellings, of which help does not tell.
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Another spelling.
    pub const fn visible_alias(self, alias: &'static str) -> Self {
        Self { visible_alias: Some(alias), ..self }
    }

    /// Help does not tell of it.
    pub const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Only komod has it: what abbreviates another option goes on meaning that.
    pub const fn own(self) -> Self {
        Self { own: true, ..self }
    }

    /// It has a letter and no word; the word was its id only.
    pub const fn without_long(self) -> Self {
        Self { long: None, ..self }
    }

    /// All words behind two dashes.
    pub(super) fn spellings(&self) -> impl Iterator<Item = &'static str> {
        let words = self.long.into_iter().chain(self.visible_alias);
        words.chain(self.aliases.iter().copied())
    }

    pub(super) fn takes_value(&self) -> bool {
        matches!(self.kind, Kind::Value | Kind::List)
    }

    /// The same for [`Definition::command`].
    pub fn arg(&self) -> Arg {
        let mut arg = Arg::new(self.id).help(self.help).hide(self.hidden);
        if let Some(long) = self.long {
            arg = arg.long(long);
        }
        if let Some(short) = self.short {
            arg = arg.short(short);
        }
        if let Some(alias) = self.visible_alias {
            arg = arg.visible_alias(alias);
        }
        arg = arg.aliases(self.aliases);
        match self.kind {
            Kind::Help => arg.action(ArgAction::Help).display_order(1000),
            Kind::Version => arg.action(ArgAction::Version).display_order(1000),
            Kind::Flag => arg.action(ArgAction::SetTrue),
            Kind::Count => arg.action(ArgAction::Count),
            Kind::Value => self.valued(arg).action(ArgAction::Set),
            Kind::List => self.valued(arg).action(ArgAction::Append),
        }
    }

    fn valued(&self, arg: Arg) -> Arg {
        arg.value_parser(clap::value_parser!(OsString))
            .value_name(self.metavar)
            .allow_hyphen_values(true)
    }
}

impl Definition {
    /// The command line of `name`, which is `about` that: `usage` is what
    /// stands behind the name, `operands` what the operands are called.
    pub const fn new(
        name: &'static str,
        about: &'static str,
        usage: &'static str,
        options: &'static [Opt],
        operands: &'static str,
    ) -> Self {
        Self {
            name,
            about,
            usage,
            options,
            operands,
            versioned: true,
            caller: None,
            after_help: None,
        }
    }

    /// It has no `--version`.
    pub const fn unversioned(self) -> Self {
        Self { versioned: false, ..self }
    }

    /// The words by which it is called, where these are not the name.
    pub const fn called_by(self, words: &'static str) -> Self {
        Self { caller: Some(words), ..self }
    }

    /// Text that stands behind the options in help.
    pub const fn after_help(self, text: fn() -> String) -> Self {
        Self { after_help: Some(text), ..self }
    }

    /// All options, `--help` and `--version` first.
    pub(super) fn options(&self) -> impl Iterator<Item = &'static Opt> {
        let version = self.versioned.then_some(&VERSION);
        [&HELP].into_iter().chain(version).chain(self.options)
    }

    /// The same for whoever wants help, completions or a walk of the options.
    pub fn command(&self) -> Command {
        let operands = Arg::new(OPERANDS)
            .num_args(0..)
            .value_parser(clap::value_parser!(OsString))
            .value_name(self.operands)
            .hide(true);
        let mut command = Command::new(self.name)
            .about(self.about)
            .version(env!("CARGO_PKG_VERSION"))
            .override_usage(format!("{} {}", self.name, self.usage))
            .disable_help_flag(true)
            .disable_version_flag(true)
            .disable_help_subcommand(true)
            .args_override_self(true)
            .args(self.options().map(Opt::arg))
            .arg(operands);
        if let Some(words) = self.caller {
            command = command.bin_name(words);
        }
        match self.after_help {
            Some(text) => command.after_help(text()),
            None => command,
        }
    }
}
