//! `kmod explain`: what `modprobe` would do with a name, and why. Changes nothing.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use komod_explain::{Answer, Form, Question};
use komod_probe::{Blacklist, Database, Request, Resolver};
use komod_why::KernelFacts;

use super::Tool;
use super::modprobe::{insert, module_directory, read_config, report_broken};
use super::parameters::join;
use crate::cli::{self, Definition, flag, list, value};
use crate::host::{Host, Outcome};
use crate::io_text;
use crate::report::Level;

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
    let kernel = match running {
        true => KernelFacts::running(&release, &database, Path::new(root)),
        false => KernelFacts::other(&release, &database, Path::new(root)),
    };
    let kernel = kernel.under(Some(&config));
    let question = Question {
        query,
        request: Request {
            options: join(parameters),
            blacklist: match given.flag("use-blacklist") {
                true => Blacklist::Names,
                false => Blacklist::Aliases,
            },
            ignore_loaded: !running,
            ..Request::default()
        },
        resolver,
        kernel: host.kernel,
        facts: &kernel,
        words: io_text,
    };
    let form = if given.flag("json") { Form::Json } else { Form::Text };
    let Some(targets) = insert::known(host, &question.resolver, Level::Fatal, query) else {
        question.unknown(form, host.stdout)?;
        return Ok(Outcome::Failure);
    };
    let answer = question.answer(&targets, form, host.stdout)?;
    report_broken(host, &database);
    Ok(match answer {
        Answer::Yes => Outcome::Success,
        Answer::No => Outcome::Failure,
        Answer::Unknown => Outcome::Undecided,
    })
}
