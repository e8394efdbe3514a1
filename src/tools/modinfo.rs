//! `modinfo`: what modules say about themselves.

mod contents;
mod fields;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use komod_cache::Tale;
use komod_config::Config;
use komod_elf::{Module, Signature, modinfo_strings};
use komod_file::ModuleFile;
use komod_index::{BuiltinInfo, Error as IndexError};
use komod_json as json;
use komod_probe::{Broken, Database, Resolver, Target};

use super::Tool;
use crate::cli::{self, Definition, Given, flag, value};
use crate::host::{Host, MODULE_DIRECTORY, Outcome};
use crate::{errno_text, io_text};
use contents::{Contents, Said};
use fields::{Field, Parameter, line, named_parameters, show_fields};

pub(super) const TOOL: Tool = Tool {
    name: "modinfo",
    about: "Show what modules say about themselves",
    program: true,
    definition: || DEFINITION.command(),
    run,
};

/// Options that show one field alone, and the field; `--field` names its own.
const SHORTCUTS: [(&str, &str); 5] = [
    ("author", "author"),
    ("description", "description"),
    ("license", "license"),
    ("parameters", "parm"),
    ("filename", "filename"),
];

static DEFINITION: Definition = Definition::new(
    "modinfo",
    TOOL.about,
    "[options] module|file...",
    &[
        flag("author", "Show only the authors").short('a'),
        flag("description", "Show only the description").short('d'),
        flag("license", "Show only the license").short('l'),
        flag("parameters", "Show only the parameters").short('p'),
        flag("filename", "Show only the file's path").short('n'),
        value("field", "FIELD", "Show only the values of that field").short('F'),
        flag("null", "End each value with a NUL, not with a newline").short('0'),
        flag("modname", "Take operands for module names alone").short('m'),
        value("set-version", "VERSION", "Ask another kernel version").short('k'),
        value("basedir", "DIR", "Ask the modules below another root").short('b'),
        value("cache", "DIR", "Ask what depmod keeps in DIR (default /var/cache/komod)").own(),
        flag("no-cache", "Unpack packed modules to ask them").own(),
        flag("json", "Print JSON Lines, an object for each module").own(),
    ],
    "module|file",
);

/// What a command line asks for.
struct Options {
    /// `None` for all.
    field: Option<Vec<u8>>,
    /// Stands behind each value.
    end: u8,
    json: bool,
    names_only: bool,
    directory: PathBuf,
    /// Where depmod keeps what packed modules tell, if anywhere.
    cache: Option<PathBuf>,
    operands: Vec<OsString>,
}

impl Options {
    fn of(given: &Given, host: &mut Host<'_>) -> Option<Self> {
        let mut field = None;
        for id in given.order() {
            if let Some((_, name)) = SHORTCUTS.iter().find(|(option, _)| *option == id) {
                field = Some(name.as_bytes().to_vec());
            } else if id == "field" {
                field = given.value("field").map(|name| name.as_bytes().to_vec());
            }
        }
        Some(Self {
            field,
            end: if given.flag("null") { 0 } else { b'\n' },
            json: given.flag("json"),
            names_only: given.flag("modname"),
            directory: module_directory(given, host)?,
            cache: cache(given),
            operands: given.operands(),
        })
    }
}

/// By itself only what is kept of the running system's modules is asked.
fn cache(given: &Given) -> Option<PathBuf> {
    if given.flag("no-cache") {
        return None;
    }
    let default = || given.value("basedir").is_none().then(|| PathBuf::from(komod_cache::DEFAULT));
    given.value("cache").map(PathBuf::from).or_else(default)
}

/// `BASEDIR/lib/modules/VERSION`, put together as text: a relative directory and
/// doubled slashes show in what `--filename` prints. `None` as [`Host::from_here`].
fn module_directory(given: &Given, host: &mut Host<'_>) -> Option<PathBuf> {
    let base = given.value("basedir").unwrap_or_default();
    let mut path = base.to_os_string();
    path.push(MODULE_DIRECTORY);
    path.push("/");
    match given.value("set-version") {
        Some(version) => path.push(version),
        None => path.push(host.kernel.release().unwrap_or_default()),
    }
    host.from_here(Path::new(&path))
}

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match cli::parse(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    let Some(options) = Options::of(&given, host) else { return Ok(Outcome::Failure) };
    if options.operands.is_empty() {
        host.report.error("missing module or filename.");
        return Ok(Outcome::Failure);
    }
    if options.json && (options.field.is_some() || options.end == 0) {
        host.report.error("--json shows every field: it goes with no option that shows one.");
        return Ok(Outcome::Failure);
    }
    let database = Database::new(options.directory.clone());
    let mut contents = Contents::new(options.cache.as_deref(), &options.directory);
    let mut outcome = Outcome::Success;
    for operand in &options.operands {
        let Some(targets) = targets(host, &database, operand, options.names_only) else {
            outcome = Outcome::Failure;
            continue;
        };
        for target in targets {
            let shown = match options.json {
                true => show_json(host, &database, &mut contents, operand, &target)?,
                false => show(host, &database, &mut contents, &target, &options)?,
            };
            outcome = outcome.and(shown);
        }
    }
    // kmod keeps silent about them; an empty one is its own way to say "none".
    for Broken { path, error } in database.take_broken() {
        match &error {
            IndexError::TooShort { size: 0 } => {}
            IndexError::Io(error) => {
                host.report.error(format_args!("{}: {}", path.display(), io_text(error)));
            }
            _ => host.report.error(format_args!("{}: {error}", path.display())),
        }
    }
    Ok(outcome)
}

/// The modules that an operand names; `None` after saying that there are none.
fn targets(
    host: &mut Host<'_>,
    database: &Database,
    operand: &OsStr,
    name_only: bool,
) -> Option<Vec<Target>> {
    // No configuration is read: aliases of the administrator do not count here.
    let config = Config::default();
    let resolver = Resolver { database, config: &config };
    let text = operand.as_bytes();
    let shown = operand.to_string_lossy();
    if name_only {
        let target = resolver.lookup_name(text);
        if target.is_none() {
            host.report.error(format_args!("Module name {shown} not found."));
        }
        return target.map(|target| vec![target]);
    }
    if is_module_file(operand) {
        let target = Resolver::path(Path::new(operand));
        if target.is_err() {
            host.report.error(format_args!("Module file {shown} not found."));
        }
        return target.ok().map(|target| vec![target]);
    }
    match resolver.lookup(text) {
        Err(_) => host.report.error(format_args!("Module alias {shown} not found.")),
        Ok(found) if found.is_empty() => {
            host.report.error(format_args!("Module {shown} not found."));
        }
        Ok(found) => return Some(found),
    }
    None
}

fn is_module_file(operand: &OsStr) -> bool {
    komod_file::strip_extension(operand.as_bytes()).is_some()
        && std::fs::metadata(operand).is_ok_and(|metadata| metadata.is_file())
}

fn show(
    host: &mut Host<'_>,
    database: &Database,
    contents: &mut Contents<'_>,
    target: &Target,
    options: &Options,
) -> io::Result<Outcome> {
    let file = target.file(database);
    // So kmod takes what an index names and modules.dep has no file for.
    let builtin = file.is_none() || target.is_builtin(database);
    // Of a module that is built in and has a file too, the file is named and the
    // list of built-in modules asked (builtin_that_is_also_a_module).
    let fileless = file.is_none();
    let filename = match file {
        Some(path) => path.into_os_string().into_vec(),
        None => b"(builtin)".to_vec(),
    };
    if options.field.as_deref() == Some(b"filename") {
        host.stdout.write_all(&filename)?;
        host.stdout.write_all(&[options.end])?;
        return Ok(Outcome::Success);
    }
    // Before anything else can fail: scripts read these two from damaged files too.
    match options.field.as_deref() {
        None => {
            if fileless {
                line(host.stdout, b"name", target.name.as_bytes(), options.end)?;
            }
            line(host.stdout, b"filename", &filename, options.end)?;
        }
        Some(b"name") if fileless => {
            host.stdout.write_all(&[target.name.as_bytes(), &[options.end]].concat())?;
        }
        Some(_) => {}
    }
    let path = Path::new(OsStr::from_bytes(&filename));
    let place = if builtin { None } else { Some(path) };
    let Some((mut fields, signature)) = said(host, database, contents, target, place) else {
        return Ok(Outcome::Failure);
    };
    if let Some(signature) = signature {
        fields.extend(
            signature
                .into_fields()
                .map(|(key, value)| Field { key: key.as_bytes().into(), value: value.into() }),
        );
    }
    match options.field.as_deref() {
        None => {
            show_fields(host.stdout, &fields, options.end)?;
            for text in parameters(host, &fields).iter().filter_map(Parameter::in_full) {
                line(host.stdout, b"parm", &text, options.end)?;
            }
        }
        Some(b"parm") => {
            for parameter in parameters(host, &fields) {
                host.stdout.write_all(&[parameter.alone(), vec![options.end]].concat())?;
            }
        }
        Some(key) => {
            for field in fields.iter().filter(|field| *field.key == *key) {
                host.stdout.write_all(&field.value)?;
                host.stdout.write_all(&[options.end])?;
            }
        }
    }
    Ok(Outcome::Success)
}

fn show_json(
    host: &mut Host<'_>,
    database: &Database,
    contents: &mut Contents<'_>,
    operand: &OsStr,
    target: &Target,
) -> io::Result<Outcome> {
    let file = target.file(database);
    let builtin = target.is_builtin(database);
    let place = if builtin { None } else { Some(file.as_deref().unwrap_or(Path::new(""))) };
    let Some((fields, signature)) = said(host, database, contents, target, place) else {
        return Ok(Outcome::Failure);
    };
    let parameters = parameters(host, &fields);
    let parameters: Vec<_> = parameters
        .iter()
        .rev()
        .map(|it| json::Parameter {
            name: &it.name,
            kind: it.kind.as_deref(),
            description: it.description.as_deref(),
        })
        .collect();
    let pairs: Vec<_> = fields.iter().map(|field| (&*field.key, &*field.value)).collect();
    let mut line = json::Line::new();
    json::Shown {
        query: operand.as_bytes(),
        name: target.name.as_bytes(),
        filename: file.as_deref().map(|path| path.as_os_str().as_bytes()),
        builtin,
        fields: &pairs,
        parameters: &parameters,
        signature: signature.as_ref(),
    }
    .put(&mut line);
    line.write(host.stdout)?;
    Ok(Outcome::Success)
}

/// What a module says: its fields and its signature.
type SaidOf<'a> = (Vec<Field<'a>>, Option<Signature>);

/// What a module says, the one in the file at `path`, or without a path a built-in one.
/// `None` when that cannot be known, and that has been reported.
fn said<'a>(
    host: &mut Host<'_>,
    database: &Database,
    contents: &'a mut Contents<'_>,
    target: &Target,
    path: Option<&Path>,
) -> Option<SaidOf<'a>> {
    let said = match path {
        None => builtin_fields(host, database, target).map(|fields| (fields, None)),
        Some(path) => file_fields(host, contents, path),
    };
    if let Err(errno) = said {
        let (module, why) = (target.name.as_bytes(), errno_text(errno));
        let module = String::from_utf8_lossy(module);
        host.report.error(format_args!("could not get modinfo from '{module}': {why}"));
    }
    said.ok()
}

/// What the module in a file says. The error is an errno; what a codec has to say of
/// it is reported.
fn file_fields<'a>(
    host: &mut Host<'_>,
    contents: &'a mut Contents<'_>,
    path: &Path,
) -> Result<SaidOf<'a>, i32> {
    const ENODATA: i32 = 61;
    let said = ModuleFile::open(path).and_then(|file| contents.read(&file)).map_err(|error| {
        if host.environment.wants_library_errors() {
            error.detail(path).inspect(|detail| host.report.error(detail));
        }
        error.raw_os_error()
    })?;
    let (modinfo, end) = match said {
        Said::Parts(module, end) => (module.modinfo_section(), end),
        Said::Whole(bytes) => {
            let module = Module::parse(bytes).map_err(|error| error.raw_os_error())?;
            (module.modinfo_section(), bytes)
        }
        Said::Kept(Tale { modinfo, end }) => (Some(modinfo), end),
    };
    let strings = modinfo_strings(modinfo.ok_or(ENODATA)?);
    let fields = strings.map(Field::of).collect();
    Ok((fields, Signature::of(end)))
}

/// The fields of a built-in module, none if the kernel's build left no list of them.
fn builtin_fields(
    host: &mut Host<'_>,
    database: &Database,
    target: &Target,
) -> Result<Vec<Field<'static>>, i32> {
    const EINVAL: i32 = 22;
    let bytes = match database.builtin_modinfo() {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let (list, why) = ("modules.builtin.modinfo", io_text(&error));
            host.report.error(format_args!("could not read {list}: {why}"));
            return Err(error.raw_os_error().unwrap_or(EINVAL));
        }
    };
    let strings = BuiltinInfo::new(&bytes).of(target.name.as_bytes()).map_err(|error| {
        host.report.error(error);
        EINVAL
    })?;
    Ok(strings.into_iter().map(|string| Field::of(string).owned()).collect())
}

/// The parameters in the order shown, after saying which fields name none.
fn parameters(host: &mut Host<'_>, fields: &[Field<'_>]) -> Vec<Parameter> {
    let (parameters, nameless) = named_parameters(fields);
    for string in nameless {
        let string = String::from_utf8_lossy(&string);
        host.report.error(format_args!("Found invalid \"{string}\": missing ':'"));
    }
    parameters
}
