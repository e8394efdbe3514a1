//! Completions for bash, zsh and fish, made from the tools' definitions.
//!
//! `cargo xtask completions DIR` writes them where the shells look below
//! DIR, say `/usr/local/share`. What a shell does with a table of options is
//! written by hand (`completions/komod.*`); the tables are written here.
//!
//! Not clap_complete: its scripts know options only, and what they lack - a
//! module's parameters, names by the kernel version already typed - would have
//! to be patched into generated text; its other way, asking the program at each
//! key, puts the completer into the program that boots machines.

mod bash;
mod fish;
mod zsh;

use std::os::unix::fs::symlink;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use komod::tools;

use crate::outcome::Stop;

/// What completes an option's value, by its metavar.
const VALUES: &[(&str, Value)] = &[
    ("PATH", Value::Path),
    ("DIR", Value::Directory),
    ("FILE", Value::Path),
    ("VERSION", Value::Version),
    ("FIELD", Value::Field),
    ("FORMAT", Value::Format),
    ("CHAR", Value::Free),
    ("MSEC", Value::Free),
    ("N", Value::Free),
];

/// What completes a tool's operands.
const OPERANDS: &[(&str, Operands)] = &[
    ("kmod", Operands::Command),
    ("insmod", Operands::FileAndParameters),
    ("lsmod", Operands::None),
    ("rmmod", Operands::Loaded),
    ("list", Operands::None),
    ("explain", Operands::Modprobe),
    ("modinfo", Operands::NamesAndFiles),
    ("modprobe", Operands::Modprobe),
    ("depmod", Operands::VersionAndFiles),
    ("static-nodes", Operands::None),
    ("check", Operands::VersionAndFiles),
];

/// The fields of modules that `modinfo -F` is asked for: those that modinfo
/// prints itself and those of the kernel's `include/linux/module.h`.
pub const FIELDS: &[&str] = &[
    "alias",
    "author",
    "depends",
    "description",
    "filename",
    "firmware",
    "import_ns",
    "intree",
    "license",
    "name",
    "parm",
    "parmtype",
    "sig_hashalgo",
    "sig_id",
    "sig_key",
    "signature",
    "signer",
    "softdep",
    "srcversion",
    "vermagic",
    "version",
    "weakdep",
];

/// What an option's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A file or a directory.
    Path,
    /// A directory.
    Directory,
    /// A kernel version.
    Version,
    /// A field of a module.
    Field,
    /// A word of the definition's list "Formats:".
    Format,
    /// Nothing can be proposed.
    Free,
}

/// What a tool's operands are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operands {
    /// There are none.
    None,
    /// A command of kmod, then what that takes.
    Command,
    /// A module file, then its parameters.
    FileAndParameters,
    /// Modules in the kernel.
    Loaded,
    /// Modules by name or file.
    NamesAndFiles,
    /// By the options: modules to remove, or modules to load, or one module
    /// and its parameters.
    Modprobe,
    /// A kernel version, then module files.
    VersionAndFiles,
}

impl Operands {
    /// The word for it in the hand-written parts.
    fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Command => "command",
            Self::FileAndParameters => "file_and_parameters",
            Self::Loaded => "loaded",
            Self::NamesAndFiles => "names_and_files",
            Self::Modprobe => "modprobe",
            Self::VersionAndFiles => "version_and_files",
        }
    }
}

/// A tool, as a shell has to know it.
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Whether a program of that name exists.
    pub program: bool,
    /// All options that help shows.
    pub options: Vec<Opt>,
    /// What its operands are.
    pub operands: Operands,
}

/// An option.
pub struct Opt {
    /// Its id in the definition.
    pub id: String,
    /// The letters behind one dash.
    pub short: Vec<char>,
    /// The words behind two.
    pub long: Vec<String>,
    /// What it does.
    pub help: String,
    /// Its value and that value's metavar; `None` if it takes none.
    pub value: Option<(Value, String)>,
    /// Whether giving it twice says more than once.
    pub repeats: bool,
}

impl Opt {
    /// The option of a definition; an error names what is not known how to be
    /// completed.
    fn of(arg: &Arg) -> Result<Self, Stop> {
        let short = arg.get_short().into_iter();
        let long = arg.get_long().into_iter();
        let action = arg.get_action();
        let value = match action {
            ArgAction::Set | ArgAction::Append => {
                let metavar = arg.get_value_names().and_then(|names| names.first());
                let metavar = metavar.map_or("", |name| name.as_str());
                let known = VALUES.iter().find(|(name, _)| *name == metavar);
                let (_, value) = known.ok_or_else(|| {
                    Stop::Failed(format!("no completion is known for values {metavar:?}"))
                })?;
                Some((*value, metavar.to_owned()))
            }
            _ => None,
        };
        Ok(Self {
            id: arg.get_id().to_string(),
            short: short.chain(arg.get_visible_short_aliases().unwrap_or_default()).collect(),
            long: long
                .chain(arg.get_visible_aliases().unwrap_or_default())
                .map(str::to_owned)
                .collect(),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            value,
            repeats: matches!(action, ArgAction::Append | ArgAction::Count),
        })
    }

    /// All its spellings, with their dashes.
    pub fn spellings(&self) -> Vec<String> {
        let short = self.short.iter().map(|letter| format!("-{letter}"));
        short.chain(self.long.iter().map(|word| format!("--{word}"))).collect()
    }
}

impl Tool {
    /// The tool as `definition` has it; an error names what is not known how
    /// to be completed.
    pub fn of(tool: &tools::Tool, definition: &Command) -> Result<Self, Stop> {
        let shown = definition.get_arguments().filter(|arg| !arg.is_hide_set());
        let known = OPERANDS.iter().find(|(name, _)| *name == tool.name);
        let (_, operands) = known.ok_or_else(|| {
            Stop::Failed(format!("no completion is known for the operands of {}", tool.name))
        })?;
        Ok(Self {
            name: tool.name,
            about: tool.about,
            program: tool.program,
            options: shown.map(Opt::of).collect::<Result<_, _>>()?,
            operands: *operands,
        })
    }
}

/// All tools; `kmod` itself comes first.
pub fn tools() -> Result<Vec<Tool>, Stop> {
    tools::TOOLS.iter().map(|tool| Tool::of(tool, &(tool.definition)())).collect()
}

/// The formats of `kmod static-nodes`: its help is their definition.
pub fn formats() -> Vec<String> {
    let help = tools::by_command("static-nodes")
        .and_then(|tool| (tool.definition)().get_after_help().map(ToString::to_string));
    let lines = help.unwrap_or_default();
    let lines = lines.lines().filter(|line| line.starts_with("  "));
    lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// A file to install.
pub enum Entry {
    /// Its text.
    Text(String),
    /// A link to the file of that name beside it.
    Link(&'static str),
}

/// Every file, by its path below the directory of shared data.
pub fn files(tools: &[Tool]) -> Vec<(String, Entry)> {
    let programs: Vec<_> = tools.iter().filter(|tool| tool.program).collect();
    let mut files = vec![
        ("bash-completion/completions/kmod".into(), Entry::Text(bash::script(tools))),
        ("zsh/site-functions/_kmod".into(), Entry::Text(zsh::script(tools))),
    ];
    for tool in programs {
        // bash-completion looks for a file of the command's name.
        if tool.name != "kmod" {
            files.push((format!("bash-completion/completions/{}", tool.name), Entry::Link("kmod")));
        }
        let fish = format!("fish/vendor_completions.d/{}.fish", tool.name);
        files.push((fish, Entry::Text(fish::script(tool, tools))));
    }
    files
}

/// `cargo xtask completions DIR`.
pub fn run(words: &[String]) -> Result<bool, Stop> {
    let [dir] = words else {
        return Err(Stop::Failed("a directory expected, say /usr/local/share".into()));
    };
    write(Path::new(dir))?;
    Ok(true)
}

/// Writes all files below `dir`, over those that stand there.
pub fn write(dir: &Path) -> Result<(), Stop> {
    for (name, entry) in files(&tools()?) {
        let path = dir.join(name);
        let failed = || Stop::io(path.display());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed())?;
        }
        // Through a link that stands there another file would be written.
        if path.symlink_metadata().is_ok() {
            std::fs::remove_file(&path).map_err(failed())?;
        }
        match entry {
            Entry::Text(text) => std::fs::write(&path, text).map_err(failed())?,
            Entry::Link(to) => symlink(to, &path).map_err(failed())?,
        }
    }
    Ok(())
}

/// `text` as one word of a POSIX shell, zsh included.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
