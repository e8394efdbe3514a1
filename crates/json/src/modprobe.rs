use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use komod_config::Origin;
use komod_index::Index;
use komod_probe::{Database, Plan, RemovalAction, RemovalPlan, Resolver, Target};

use crate::Line;
use crate::planned::{put_origin, put_steps, put_target};

/// `-R`: what `name` stands for.
#[inline(never)] // it would be built for speed where it is called
pub fn targets(
    out: &mut dyn Write,
    database: &Database,
    name: &OsStr,
    targets: &[Target],
) -> io::Result<()> {
    let mut line = Line::new();
    line.key("query").text(name.as_bytes());
    line.key("targets").array(targets, |line, target| {
        line.object(|line| put_target(line, target, target.file(database).as_deref()))
    });
    line.write(out)
}

/// `-n` and `-D`: what would be done for one of the modules that `name` stands for.
#[inline(never)] // it would be built for speed where it is called
pub fn plan(out: &mut dyn Write, database: &Database, name: &OsStr, plan: &Plan) -> io::Result<()> {
    let mut line = Line::new();
    line.key("query").text(name.as_bytes());
    line.key("target")
        .object(|line| put_target(line, &plan.target, plan.target.file(database).as_deref()));
    put_steps(&mut line, plan, |_, _| {});
    line.write(out)
}

/// `-r` with them: what would be removed.
#[inline(never)] // it would be built for speed where it is called
pub fn removal(
    out: &mut dyn Write,
    database: &Database,
    name: &OsStr,
    plan: &RemovalPlan,
) -> io::Result<()> {
    let mut line = Line::new();
    line.key("query").text(name.as_bytes());
    line.key("target")
        .object(|line| put_target(line, &plan.target, plan.target.file(database).as_deref()));
    line.key("steps").array(&plan.steps, |line, step| {
        let (action, command, origin) = match &step.action {
            RemovalAction::Unload => ("unload", None, None),
            RemovalAction::UnloadUnused => ("unload-unused", None, None),
            RemovalAction::Run { command, origin } => {
                ("run", Some(command.as_slice()), Some(origin))
            }
            RemovalAction::NotLoaded => ("not-loaded", None, None),
            RemovalAction::Builtin => ("builtin", None, None),
            RemovalAction::InUse => ("in-use", None, None),
        };
        line.object(|line| {
            line.key("module").text(step.module.as_bytes());
            line.key("action").text(action.as_bytes());
            line.key("command").maybe_text(command);
            put_origin(line, origin);
        });
    });
    line.write(out)
}

/// `-c`: directives, then the indexes' entries, a line each.
#[inline(never)] // it would be built for speed where it is called
pub fn config(out: &mut dyn Write, resolver: &Resolver<'_>) -> io::Result<()> {
    let config = resolver.config;
    let mut directives = Directives { line: Line::new(), out };
    for it in &config.blacklists {
        directives.put("blacklist", "module", &it.module, &it.origin, |_| {})?;
    }
    for (directive, lines) in [("install", &config.installs), ("remove", &config.removes)] {
        for it in lines {
            directives.put(directive, "module", &it.module, &it.origin, |line| {
                line.key("command").text(&it.command);
            })?;
        }
    }
    for it in &config.aliases {
        directives.put("alias", "pattern", &it.pattern, &it.origin, |line| {
            line.key("module").text(&it.module);
        })?;
    }
    for it in &config.options {
        directives.put("options", "module", &it.module, &it.origin, |line| {
            line.key("options").text(&it.options);
        })?;
    }
    for it in &config.softdeps {
        directives.put("softdep", "module", it.module(), &it.origin, |line| {
            line.key("pre").texts(it.pre());
            line.key("post").texts(it.post());
            line.key("from_modules").flag(it.from_modules);
        })?;
    }
    for it in &config.weakdeps {
        directives.put("weakdep", "module", &it.module, &it.origin, |line| {
            line.key("weak").texts(it.weak.iter().map(Vec::as_slice));
            line.key("from_modules").flag(it.from_modules);
        })?;
    }
    for it in &config.denies {
        directives.put("deny", "module", &it.module, &it.origin, |line| {
            line.key("reason").text(&it.reason);
        })?;
    }
    for it in &config.allows {
        directives.put("allow", "module", &it.module, &it.origin, |_| {})?;
    }
    directives.index("alias", resolver.database.aliases())?;
    directives.index("symbol", resolver.database.symbols())
}

struct Directives<'o> {
    line: Line,
    out: &'o mut dyn Write,
}

impl Directives<'_> {
    fn put(
        &mut self,
        directive: &str,
        subject: &str,
        name: &[u8],
        origin: &Origin,
        rest: impl FnOnce(&mut Line),
    ) -> io::Result<()> {
        self.line.key("directive").text(directive.as_bytes());
        self.line.key(subject).text(name);
        rest(&mut self.line);
        put_origin(&mut self.line, Some(origin));
        self.line.write(self.out)
    }

    fn index(&mut self, name: &str, index: Option<&Index>) -> io::Result<()> {
        let Some(index) = index else { return Ok(()) };
        let mut written = Ok(());
        index.for_each(&mut |key, value| {
            if written.is_ok() {
                self.line.key("index").text(name.as_bytes());
                self.line.key("pattern").text(key);
                self.line.key("module").text(value.value);
                written = self.line.write(self.out);
            }
        });
        written
    }
}
