//! The symbols that a module needs or exports, with their versions.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_elf::{Error, Module};
use komod_file::ModuleFile;
use komod_kernel::Errno;
use komod_probe::Resolver;

use super::{Settings, report_broken};
use crate::errno_text;
use crate::host::{Host, Outcome};

/// Prints the versions of the symbols that a module was built against.
pub(super) fn modversions(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    name: &OsStr,
) -> io::Result<Outcome> {
    show(host, resolver, settings, name, "modversions", |module| {
        let versions = module.versions()?;
        // Function descriptors of 64-bit PowerPC begin with a dot.
        let row = |of: komod_elf::Version<'_>| {
            (of.crc, of.name.strip_prefix(b".").unwrap_or(of.name).to_vec())
        };
        Ok(versions.map(|all| all.into_iter().map(row).collect()))
    })
}

/// Prints the symbols that a module exports.
pub(super) fn exports(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    name: &OsStr,
) -> io::Result<Outcome> {
    show(host, resolver, settings, name, "symbols", |module| {
        let exports = module.exports()?;
        Ok(exports.map(|all| all.into_iter().map(|of| (of.crc, of.name.to_vec())).collect()))
    })
}

type Rows = Vec<(u64, Vec<u8>)>;

/// Prints the rows that `read` finds in the file called `name`, or else in
/// every module that `name` stands for. `what` names them in messages.
fn show(
    host: &mut Host<'_>,
    resolver: &Resolver<'_>,
    settings: &Settings,
    name: &OsStr,
    what: &str,
    read: impl Fn(&Module<'_>) -> Result<Option<Rows>, Error>,
) -> io::Result<Outcome> {
    let shown = name.to_string_lossy();
    let files = files(resolver, name);
    report_broken(host, resolver.database);
    if files.is_empty() {
        host.report.say(settings.gravity, format_args!("Module {shown} not found."));
        return Ok(Outcome::Failure);
    }
    let mut outcome = Outcome::Success;
    for file in files {
        match rows(file.as_deref(), &read) {
            Ok(rows) => {
                for (crc, symbol) in rows {
                    write!(host.stdout, "0x{crc:08x}\t")?;
                    host.stdout.write_all(&symbol)?;
                    host.stdout.write_all(b"\n")?;
                }
            }
            Err(errno) => {
                let why = errno_text(errno);
                host.report
                    .say(settings.gravity, format_args!("could not get {what} of {shown}: {why}"));
                outcome = Outcome::Failure;
            }
        }
    }
    Ok(outcome)
}

/// The files that `name` stands for; `None` in the list for a module without
/// one.
fn files(resolver: &Resolver<'_>, name: &OsStr) -> Vec<Option<PathBuf>> {
    if let Ok(target) = Resolver::path(Path::new(name)) {
        return vec![target.path];
    }
    let targets = resolver.lookup(name.as_bytes()).unwrap_or_default();
    targets.iter().map(|target| target.file(resolver.database)).collect()
}

fn rows(
    file: Option<&Path>,
    read: impl Fn(&Module<'_>) -> Result<Option<Rows>, Error>,
) -> Result<Rows, i32> {
    let file = file.ok_or(Errno::ENOENT as i32)?;
    let bytes = ModuleFile::open(file)
        .and_then(|file| file.contents())
        .map_err(|error| error.raw_os_error())?;
    let rows =
        Module::parse(&bytes).and_then(|module| read(&module)).map_err(|error| match error {
            Error::NotElf { .. } => Errno::ENOEXEC as i32,
            Error::Malformed { .. } => Errno::EINVAL as i32,
        })?;
    rows.ok_or(Errno::ENODATA as i32)
}
