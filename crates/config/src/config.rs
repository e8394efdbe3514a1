use crate::files::{self, Notes, Reader, Search};
use crate::{Alias, Allow, Blacklist, Command, Deny, Options, Softdep, Warning, Weakdep};
use std::path::{Path, PathBuf};

/// All modprobe configuration, each kind of directive in the order read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `blacklist` lines, then those of the kernel command line.
    pub blacklists: Vec<Blacklist>,
    /// `install` lines.
    pub installs: Vec<Command>,
    /// `remove` lines.
    pub removes: Vec<Command>,
    /// `alias` lines.
    pub aliases: Vec<Alias>,
    /// `options` lines, then those of the kernel command line.
    pub options: Vec<Options>,
    /// `softdep` lines, `modules.softdep` among them at the place of its name:
    /// which of them holds is [`Config::softdep_for`]'s to say.
    pub softdeps: Vec<Softdep>,
    /// `weakdep` lines, likewise.
    pub weakdeps: Vec<Weakdep>,
    /// `deny` lines; which of them holds is [`Config::deny_for`]'s to say.
    pub denies: Vec<Deny>,
    /// `allow` lines.
    pub allows: Vec<Allow>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// What was left out.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads the files of `search` together with `modules.softdep` and
    /// `modules.weakdep` of `module_dir`, by base name, then `cmdline`: the
    /// text of `/proc/cmdline`, of which the first 4095 bytes count.
    ///
    /// Files that do not exist or may not be read are passed over in silence; a warning
    /// tells of those that the disk or the machine does not give.
    pub fn load(search: &Search, module_dir: Option<&Path>, cmdline: Option<&[u8]>) -> Self {
        let mut config = Self::default();
        let mut notes = Notes::of(Reader::Modprobe);
        let sources = files::sources(search, module_dir, &mut notes);
        config.warnings = notes.take();
        for source in sources {
            let text = files::read(&source.path, &mut notes);
            config.warnings.extend(notes.take());
            if let Some((text, _)) = text {
                config.files.push(source.path.clone());
                config.read(source.path.into(), &text, source.from_modules);
            }
        }
        if let Some(cmdline) = cmdline {
            config.read_cmdline(cmdline);
        }
        config
    }
}
