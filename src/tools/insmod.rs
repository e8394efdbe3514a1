//! `insmod`: hands one file to the kernel, nothing else.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use komod_config::{Config, Search};
use komod_name::ModuleName;
use komod_probe::{Cause, Database, Event, Force, load_file};
use komod_why::{Attempt, Denied, Way};

use super::hints::Hints;
use super::{Tool, parse_and_listen};
use crate::cli::{Definition, count, flag};
use crate::host::{Host, Outcome};
use crate::report::{Report, insmod_phrase};
use crate::{errno_text, io_text};

pub(super) const TOOL: Tool = Tool {
    name: "insmod",
    about: "Load the module in a file, without looking for what it needs",
    program: true,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition = Definition::new(
    "insmod",
    TOOL.about,
    "[options] file [parameter=value...]",
    &[
        flag("force", "Load although versions differ: both of the next two (dangerous)")
            .short('f')
            // kmod 34.2 has no other option that begins so.
            .aliases(&["f", "fo", "for", "forc"]),
        flag("force-modversion", "Load although symbol versions differ"),
        flag("force-vermagic", "Load although the version magic differs"),
        flag("syslog", "Send messages to syslog").short('s'),
        count("verbose", "Say more").short('v'),
        // kmod 30 took `-p` and did nothing; scripts still say it.
        flag("probe", "").short('p').without_long().hidden(),
    ],
    "file",
);

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match parse_and_listen(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    let operands = given.operands();
    let Some((file, parameters)) = operands.split_first() else {
        host.report.error("missing filename.");
        return Ok(Outcome::Failure);
    };
    if file == "-" {
        host.report.error("this tool does not support loading from stdin!");
        return Ok(Outcome::Failure);
    }
    let force = Force {
        modversions: given.flag("force") || given.flag("force-modversion"),
        vermagic: given.flag("force") || given.flag("force-vermagic"),
    };
    Ok(insert(host, file, &super::parameters::join(parameters), force))
}

fn insert(host: &mut Host<'_>, file: &OsStr, parameters: &[u8], force: Force) -> Outcome {
    let path = Path::new(file);
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            let (file, why) = (path.display(), io_text(&error));
            host.report.error(format_args!("could not load module {file}: {why}"));
            let database = Database::new(host.module_directory());
            hints(host, &database).no_file(path.as_os_str());
            return Outcome::Failure;
        }
    };
    // A pipe that is named is meant: its writer is waited for here. What it has
    // written by the time the pipe is opened to be read stays, as this end is open.
    let pipe = metadata.file_type().is_fifo();
    let _writer_is_there = pipe.then(|| std::fs::File::open(path));
    let report = &mut host.report;
    warn_of_denial(report, path);
    let mut observe = |event: Event<'_>| match event {
        // A warning, so that `-v` shows it: this tool begins with errors alone.
        Event::FromMemory { path } => report.warning(format_args!(
            "the kernel refused '{}' as invalid: trying again with it decompressed",
            path.display()
        )),
        Event::UnknownCompression(name) => {
            let name = String::from_utf8_lossy(name);
            report.error(format_args!("unknown kernel compression {name}"));
        }
        Event::LoadFailed(error) => {
            if let Cause::File(file) = &error.cause {
                file.detail(path).inspect(|detail| report.error(detail));
            }
        }
        _ => {}
    };
    match load_file(host.kernel, path, parameters, force, &mut observe) {
        Ok(()) => {
            if !parameters.is_empty() {
                let database = Database::new(host.module_directory());
                hints(host, &database).loaded(path, parameters);
            }
            Outcome::Success
        }
        Err(error) => {
            let errno = error.raw_os_error();
            let why = insmod_phrase(errno).unwrap_or_else(|| errno_text(errno));
            host.report.error(format_args!("could not insert module {}: {why}", path.display()));
            let database = Database::new(host.module_directory());
            let way = Way { force, alone: true, parameters };
            hints(host, &database).not_loaded(Attempt { path, errno, way });
            Outcome::Failure
        }
    }
}

/// Says so when a `deny` line is for the module of this file, whatever the threshold: who
/// names a file is obeyed.
fn warn_of_denial(report: &mut Report<'_>, path: &Path) {
    let config = Config::load(&Search::modprobe_default(), None, None);
    let name = ModuleName::of_path(path.as_os_str().as_bytes());
    if let Some(line) = config.deny_for(name.as_bytes()) {
        report.raise_threshold(1);
        report.warning(format_args!("module {name} is {}", Denied(line)));
        report.raise_threshold(-1);
    }
}

fn hints<'h, 'r>(host: &'h mut Host<'r>, database: &'h Database) -> Hints<'h, 'r> {
    Hints { report: &mut host.report, kernel: host.kernel, database, config: None }
}
