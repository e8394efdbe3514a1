//! `kmod explain`: what `modprobe` would do with a name, and why. Changes nothing.

mod account;
mod json;
mod text;
mod uses;
mod verdict;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use komod_probe::{Blacklist, Database, Request, Resolver};
use komod_why::KernelFacts;

use super::Tool;
use super::modprobe::{insert, module_directory, read_config, report_broken};
use super::parameters::join;
use crate::cli::{self, Definition, flag, list, value};
use crate::host::{Host, Outcome};
use crate::json::Line;
use crate::report::Level;
use account::Account;
use verdict::{Answer, Verdict};

pub(super) const TOOL: Tool = Tool {
    name: "explain",
    about: "Tell what modprobe would do with a name, and why",
    program: false,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition = Definition::new(
    "explain",
    TOOL.about,
    "[options] MODULE|PATH|MODALIAS [PARAMETER=VALUE...]",
    &[
        flag("use-blacklist", "Let the blacklist hold back plain names too").short('b'),
        list("config", "PATH", "Read this file or directory, not the usual ones").short('C'),
        value("dirname", "DIR", "The root of /lib/modules").short('d'),
        value("set-version", "VERSION", "This kernel, not the running one").short('S'),
        flag("json", "Print JSON Lines, an object for each module").own(),
    ],
    "MODULE",
)
.called_by("kmod explain");

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match cli::parse(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    let operands = given.operands();
    let Some((query, parameters)) = operands.split_first() else {
        host.report.error("missing parameters. See -h.");
        return Ok(Outcome::Failure);
    };
    let Some(directory) = module_directory(host, &given) else { return Ok(Outcome::Failure) };
    let root = given.value("dirname").unwrap_or(OsStr::new("/"));
    let release = directory.file_name().unwrap_or_default().to_os_string();
    let running = given.value("dirname").is_none()
        && host.kernel.release().is_ok_and(|running| running == release);
    let config = read_config(host, &given, &directory);
    let database = Database::new(directory);
    let resolver = Resolver { database: &database, config: &config };
    let Some(targets) = insert::find(host, &resolver, Level::Fatal, query) else {
        if !given.flag("json") {
            let shown = query.to_string_lossy();
            writeln!(host.stdout, "verdict: {shown} would not be loaded: nothing is called so")?;
        }
        return Ok(Outcome::Failure);
    };
    // A module with several patterns that match is there several times.
    let mut distinct = Vec::new();
    for target in targets {
        if !distinct.contains(&target) {
            distinct.push(target);
        }
    }
    let kernel = match running {
        true => KernelFacts::running(&release, &database, Path::new(root)),
        false => KernelFacts::other(&release, &database, Path::new(root)),
    };
    let request = Request {
        options: join(parameters),
        blacklist: match given.flag("use-blacklist") {
            true => Blacklist::Names,
            false => Blacklist::Aliases,
        },
        ignore_loaded: !running,
        ..Request::default()
    };
    let mut verdicts = Vec::new();
    let mut line = Line::new();
    for (at, target) in distinct.iter().enumerate() {
        let account = Account::of(host.kernel, &resolver, &kernel, target, &request);
        report_broken(host, &database);
        if given.flag("json") {
            json::put(&account, query, &mut line);
            line.write(host.stdout)?;
        } else {
            if at > 0 {
                host.stdout.write_all(b"\n")?;
            }
            text::write(&account, query, host.stdout)?;
        }
        verdicts.push(account.verdict);
    }
    let answer = Verdict::of_all(&verdicts);
    if verdicts.len() > 1 && !given.flag("json") {
        let (shown, all) = (query.to_string_lossy(), verdicts.len());
        let well = verdicts.iter().filter(|verdict| verdict.answer == Answer::Yes).count();
        writeln!(host.stdout, "\nverdict: {shown}: {well} of {all} modules")?;
    }
    Ok(match answer {
        Answer::Yes => Outcome::Success,
        Answer::No => Outcome::Failure,
        Answer::Unknown => Outcome::Undecided,
    })
}
