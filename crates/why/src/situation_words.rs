//! The words of findings about what surrounds a module, not its file.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use crate::Cause;
use crate::words::{List, shown};

/// Writes `cause` as one line; nothing for those about the file.
pub(crate) fn write(cause: &Cause, f: &mut Formatter<'_>) -> fmt::Result {
    match cause {
        Cause::DuplicateExport { symbol, owner } => {
            let owner = shown(owner);
            write!(
                f,
                "another module offers the same symbol ({} is {owner}'s); rmmod {owner} first, \
                 or do without one of the two",
                shown(symbol)
            )
        }
        Cause::NameTaken { module } => write!(
            f,
            "a part of the kernel image has the module's name (/sys/module/{module}); \
             it is built in, nothing need be loaded"
        ),
        Cause::Underway { module } => write!(
            f,
            "module {module} is being loaded or removed by somebody else \
             (/sys/module/{module}/initstate); try again"
        ),
        Cause::WaitedInVain { module } => {
            let module = shown(module);
            write!(
                f,
                "module {module}, which it needs, does not come to the end of its start \
                 (/sys/module/{module}/initstate); see dmesg, and try again"
            )
        }
        Cause::LoadPin(words) => write!(
            f,
            "LoadPin takes modules from one file system only ({}); put the file there",
            shown(words)
        ),
        Cause::Ima(words) => write!(
            f,
            "IMA does not trust the file ({}); install its package again, or sign it: evmctl ima_sign",
            shown(words)
        ),
        Cause::NoPrivilege { user } => write!(
            f,
            "only root with CAP_SYS_MODULE loads and removes modules (this is user {user}{}); {}",
            if *user == 0 { " without it, as in a container" } else { "" },
            if *user == 0 { "do it on the host" } else { "sudo" }
        ),
        Cause::InitFailed { module, lines, is_own, no_device } => {
            let what = match no_device {
                true => "found no device that it is for",
                false => "gave up while it started",
            };
            write!(f, "module {module} itself {what} (")?;
            if !lines.is_empty() && !is_own {
                f.write_str("meanwhile the log has: ")?;
            }
            for (at, line) in lines.iter().enumerate() {
                write!(f, "{}\"{}\"", if at > 0 { ", " } else { "" }, shown(line))?;
            }
            if lines.is_empty() {
                f.write_str("the log has no line of it")?;
            }
            f.write_str(if *no_device { "); lspci -k, lsusb, dmesg" } else { "); dmesg" })
        }
        Cause::Said(line) => write!(f, "the kernel says why (\"{}\"); see dmesg", shown(line)),
        Cause::OpenForWriting { path } => {
            let path = path.display();
            write!(f, "somebody has the file open to write into it ({path}); fuser -v {path}")
        }
        Cause::TooLarge { bytes } => write!(
            f,
            "the file is larger than any that the kernel reads ({bytes} bytes, at most {}); \
             strip it of debugging symbols: strip -g FILE",
            i32::MAX
        ),
        Cause::NoMemory(words) => write!(
            f,
            "the kernel has no memory for the module (\"{}\"); free some, or get it from a build \
             that needs less",
            shown(words)
        ),
        Cause::NoModules => f.write_str(
            "the kernel has no loadable modules (no such system call); boot one that has",
        ),
        Cause::UnknownCrypto { signer } => write!(
            f,
            "the module is signed in a way that the kernel does not know (signer {}); \
             sign it again as CONFIG_MODULE_SIG_HASH says",
            shown(signer)
        ),
        Cause::NoDirectory { directory, installed, running } => {
            write!(f, "the kernel's modules are not there (no {}", directory.display())?;
            if !installed.is_empty() {
                write!(f, "; installed are those of {}", List(installed))?;
            }
            match (installed.is_empty(), running) {
                (false, true) => f.write_str("); after an upgrade: reboot"),
                (true, true) => f.write_str("); install the running kernel's package"),
                (false, false) => f.write_str("); name one of these with -S"),
                (true, false) => f.write_str("); install that kernel's package"),
            }
        }
        Cause::NoIndex { directory } => write!(
            f,
            "the modules have no index (no {} that can be used); {}",
            directory.join("modules.dep.bin").display(),
            Depmod(directory)
        ),
        Cause::NotIndexed { path, directory } => write!(
            f,
            "the module is newer than the index ({} is not in modules.dep); {}",
            path.display(),
            Depmod(directory)
        ),
        Cause::Misspelt { name, nearest } => {
            let nearest = shown(nearest);
            write!(
                f,
                "no module is called so ({}, the nearest is {nearest}); perhaps that one is meant",
                shown(name)
            )
        }
        Cause::FileForName { module } => write!(
            f,
            "a module goes by its name here, not by a file's ({module}); modprobe {module}"
        ),
        Cause::NameForFile { module } => {
            write!(f, "a file is wanted here, not a module's name ({module}); modprobe {module}")
        }
        Cause::InstallCommand { module, command, origin } => write!(
            f,
            "a line of the configuration stands in the place of module {module} \
             ({origin}: install {module} {}); modprobe -i {module}",
            shown(command)
        ),
        Cause::Held { module, holders } => {
            write!(f, "other modules use {module} ({}); ", List(holders))?;
            write!(f, "modprobe -r --remove-holders {module}")
        }
        Cause::Referenced { module, count, users } => {
            write!(f, "something uses module {module} ({count} references")?;
            match users.is_empty() {
                false => write!(f, ": {}); end that first", List(users)),
                true => f.write_str("); end the programs, mounts or interfaces that use it"),
            }
        }
        Cause::Builtin { module } => write!(
            f,
            "module {module} is part of the kernel image (modules.builtin lists it); \
             its parameters go on the kernel's command line: {module}.NAME=VALUE"
        ),
        Cause::Permanent { module } => write!(
            f,
            "module {module} cannot be removed at all ([permanent] in /proc/modules); reboot"
        ),
        _ => Ok(()),
    }
}

/// The command that makes the index of a directory.
pub(crate) struct Depmod<'a>(pub(crate) &'a Path);

impl Display for Depmod<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let release = self.0.file_name().unwrap_or_default().to_string_lossy();
        let modules = self.0.parent().unwrap_or(self.0);
        let base = modules.ends_with("lib/modules").then(|| modules.ancestors().nth(2)).flatten();
        match base {
            Some(base) if base == Path::new("/") => write!(f, "depmod {release}"),
            Some(base) => write!(f, "depmod -b {} {release}", base.display()),
            None => f.write_str("depmod"),
        }
    }
}
