//! `kmod check`: what is wrong with a kernel's modules, their database and their
//! configuration.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use komod_check::{Checked, Place, check};
use komod_json::{Line, put_finding};

use super::Tool;
use crate::cli::{self, Definition, flag, value};
use crate::host::{Host, MODULE_DIRECTORY, Outcome, processors};
use crate::io_text;
use crate::report::Level;

pub(super) const TOOL: Tool = Tool {
    name: "check",
    about: "Show what is wrong with modules, database and configuration",
    program: false,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition = Definition::new(
    "check",
    TOOL.about,
    "[options] [version]",
    &[
        value("basedir", "DIR", "Look below DIR, also for the configuration").short('b'),
        flag("json", "Print JSON Lines"),
    ],
    "version",
)
.called_by("kmod check");

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match cli::parse(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(Outcome::Success) => return Ok(Outcome::Success),
        Err(_) => return Ok(Outcome::Undecided),
    };
    let operands = given.operands();
    if let Some(more) = operands.get(1) {
        host.report.error(format_args!("one version expected, then '{}'", more.to_string_lossy()));
        return Ok(Outcome::Undecided);
    }
    let own = host.kernel.release().unwrap_or_default();
    let release = operands.first().map_or(own.as_os_str(), OsString::as_os_str);
    let base = given.value("basedir").filter(|base| !base.is_empty()).unwrap_or(OsStr::new("/"));
    let root = match std::path::absolute(base) {
        Ok(root) => root,
        Err(error) => {
            let base = base.to_string_lossy();
            host.report.error(format_args!("could not find {base}: {}", io_text(&error)));
            return Ok(Outcome::Undecided);
        }
    };
    let below = Path::new(MODULE_DIRECTORY).strip_prefix("/").unwrap_or(Path::new(""));
    let dir: PathBuf = root.join(below).join(release);
    let place = Place {
        root: &root,
        dir: &dir,
        release,
        running: root == Path::new("/") && release == own,
        workers: processors(),
    };
    match check(&place) {
        Ok(checked) => tell(host, &checked, given.flag("json")),
        Err(error) => {
            let (path, why) = (error.path.display(), io_text(&error.error));
            host.report.error(format_args!("could not open directory {path}: {why}"));
            Ok(Outcome::Undecided)
        }
    }
}

fn tell(host: &mut Host<'_>, checked: &Checked, json: bool) -> io::Result<Outcome> {
    let mut line = Line::new();
    for finding in &checked.findings {
        if !json {
            writeln!(host.stdout, "{finding}")?;
            continue;
        }
        let number = finding.line.map(u64::from);
        put_finding(&mut line, finding.path(), number, finding.kind, &finding.what);
        line.write(host.stdout)?;
    }
    host.report.set_threshold(Level::Notice);
    for note in &checked.notes {
        host.report.say(Level::Notice, note);
    }
    for (path, error) in &checked.unread {
        let (path, why) = (path.display(), io_text(error));
        host.report.error(format_args!("could not read {path}: {why}"));
    }
    Ok(match (checked.unread.is_empty(), checked.findings.is_empty()) {
        (false, _) => Outcome::Undecided,
        (true, false) => Outcome::Failure,
        (true, true) => Outcome::Success,
    })
}
