//! What depmod says about what it found, in kmod's words.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_config::Warning;
use komod_depmod::{Finding, Unreadable};
use komod_file::is_fault;

use super::GaveUp;
use crate::report::{Level, Report};
use crate::{errno_text, io_text};

/// Where findings go.
pub(super) struct Teller<'a, 'h> {
    pub report: &'a mut Report<'h>,
    pub stdout: &'a mut dyn Write,
    /// Whether edges of the dependency graph are printed.
    pub trace: bool,
    /// Whether there was anything to tell, said or not.
    pub spoke: bool,
    /// Why standard output took no more.
    pub broken: Option<io::Error>,
    /// Something is there and could not be read, for the disk's or the machine's
    /// sake: a database without it must not replace the one that knows it.
    pub lost: bool,
}

impl Teller<'_, '_> {
    pub fn sink(&mut self) -> impl FnMut(Finding<'_>) {
        |finding| self.tell(&finding)
    }

    /// Whether the database may be replaced.
    pub fn nothing_lost(&self) -> Result<(), GaveUp> {
        if self.lost { Err(GaveUp) } else { Ok(()) }
    }

    pub fn write(&mut self, text: &[u8]) {
        if let Err(error) = self.stdout.write_all(text) {
            self.broken.get_or_insert(error);
        }
    }

    fn tell(&mut self, finding: &Finding<'_>) {
        self.spoke |= !matches!(finding, Finding::Needs { .. } | Finding::Twice { .. });
        let report = &mut *self.report;
        match *finding {
            Finding::Directory { path, ref error } => {
                let (path, why) = (lossy(path), io_text(error));
                let level = if unread(error) { Level::Fatal } else { Level::Error };
                report.say(level, format_args!("could not open directory {path}: {why}"));
                self.lost |= unread(error);
            }
            Finding::Entry { dir, name, ref error } => {
                let (dir, name, why) = (lossy(dir), lossy(name), io_text(error));
                let level = if unread(error) { Level::Fatal } else { Level::Error };
                report.say(level, format_args!("fstatat({dir}, {name}): {why}"));
                self.lost |= unread(error);
            }
            // `kmod check` tells.
            Finding::Twice { .. } => {}
            Finding::FileType { path, mode } => {
                report.error(format_args!("unsupported file type {}: {mode:o}", lossy(path)));
            }
            Finding::Input { name, dir, ref error } => {
                let (dir, why) = (lossy(dir), io_text(error));
                let level = if unread(error) { Level::Fatal } else { Level::Warning };
                report.say(level, format_args!("could not open {name} at {dir}: {why}"));
                self.lost |= unread(error);
            }
            Finding::NoDirectory { dir, ref error } => {
                let (dir, why) = (lossy(dir), io_text(error));
                report.warning(format_args!("could not open directory {dir}: {why}"));
            }
            Finding::OrderCut { path, line } => {
                let path = lossy(path);
                report.error(format_args!("{path}:{line} corrupted line misses '\\n'"));
            }
            Finding::BuiltinLine { line } => {
                report.error(format_args!("Invalid modules.builtin line: {}", lossy(line)));
            }
            Finding::Unreadable { path, ref why } => {
                self.lost |= unreadable(report, path, why);
            }
            Finding::SystemMapLine { file, number, line } => {
                let (file, line) = (lossy(file), lossy(line));
                report.error(format_args!("{file}:{number}: invalid line: {line}"));
            }
            // The reason is not true, but it is what stands there.
            Finding::SymversVersion { file, number, version } => {
                let (file, version) = (lossy(file), lossy(version));
                report.error(format_args!(
                    "{file}:{number} Invalid symbol version {version}: No such file or directory"
                ));
            }
            Finding::UnknownSymbol { path, symbol } => {
                let (path, symbol) = (lossy(path), lossy(symbol));
                report.warning(format_args!("{path} needs unknown symbol {symbol}"));
            }
            Finding::OtherVersion { path, symbol } => {
                let (path, symbol) = (lossy(path), lossy(symbol));
                report.warning(format_args!("{path} disagrees about version of symbol {symbol}"));
            }
            Finding::Needs { path, symbol, owner } => {
                if self.trace {
                    let parts = [path, b" needs \"", symbol, b"\": ", owner, b"\n"];
                    self.write(&parts.concat());
                }
            }
            Finding::Cycle { names } => {
                let names: Vec<_> = names.iter().map(|name| lossy(name)).collect();
                report.error(format_args!("Cycle detected: {}", names.join(" -> ")));
            }
            Finding::CyclesTotal { modules } => {
                report.error(format_args!("Found {modules} modules in dependency cycles!"));
            }
            Finding::UnmatchedBracket { alias } => {
                report.warning(format_args!("Unmatched bracket in {}", lossy(alias)));
            }
            Finding::DuplicateAlias { alias, module } => {
                let (alias, module) = (lossy(alias), lossy(module));
                report.warning(format_args!("duplicate module alias:\n{alias} {module}"));
            }
            Finding::DevnameWithoutNumbers { module, devname } => {
                let (module, devname) = (lossy(module), lossy(devname));
                report.error(format_args!(
                    "Module '{module}' has devname ({devname}) but lacks major and minor \
                     information. Ignoring."
                ));
            }
            Finding::BadByte { index, text, byte } => {
                let (text, shown) = (lossy(text), lossy(&[byte]).into_owned());
                report.warning(format_args!(
                    "Module index: bad character '{shown}'={byte:#x} - only 7-bit ASCII is \
                     supported:\n{text}\nThis entry is left out of {index}."
                ));
            }
        }
    }
}

/// Whether it is lost.
fn unreadable(report: &mut Report<'_>, path: &[u8], why: &Unreadable) -> bool {
    let lost = matches!(why, Unreadable::File(error) if error.is_fault());
    let why = match why {
        Unreadable::File(error) => {
            let detail = error.detail(Path::new(OsStr::from_bytes(path)));
            detail.inspect(|detail| report.error(detail));
            errno_text(error.raw_os_error())
        }
        Unreadable::Elf(komod_elf::Error::NotElf { .. }) => "Exec format error".into(),
        Unreadable::Elf(komod_elf::Error::Malformed { .. }) => "Invalid argument".into(),
    };
    let level = if lost { Level::Fatal } else { Level::Error };
    report.say(level, format_args!("failed to load symbols from {}: {why}", lossy(path)));
    lost
}

/// Says what is wrong in depmod.d.
pub(super) fn config_warnings(report: &mut Report<'_>, warnings: &[Warning]) {
    for warning in warnings {
        let level = match warning.level {
            komod_config::Level::Error => Level::Error,
            komod_config::Level::Info => Level::Info,
        };
        report.say(level, &warning.text);
    }
}

/// Bytes for a message.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Whether what is there could not be read, for the disk's or the machine's sake, or as we
/// read no file that long. Where there is nothing, or nothing that we may read, kmod goes on
/// without it, and so do we.
fn unread(error: &io::Error) -> bool {
    is_fault(error) || error.kind() == io::ErrorKind::FileTooLarge
}
