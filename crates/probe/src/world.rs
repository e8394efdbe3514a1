//! A module directory, its indexes and a configuration for tests.

use std::path::PathBuf;

use komod_config::{Config, Search};
use komod_fixtures::{ModuleSpec, Packing, pack};
use komod_index::Builder;
use komod_kernel::{Kernel, Recorder};
use komod_name::ModuleName;
use tempfile::TempDir;

use crate::{
    Action, Database, Plan, RemovalAction, RemovalPlan, RemovalRequest, Request, Resolver, Target,
    plan_insert, plan_removal,
};

pub(crate) struct World {
    pub(crate) root: TempDir,
    pub(crate) database: Database,
    pub(crate) config: Config,
}

/// A kernel in which a needs b, and a and b need c; s is on its own. All are loaded.
pub(crate) fn chain() -> Recorder {
    Recorder::new("6")
        .with_loaded("c")
        .with_loaded("b")
        .with_loaded("a")
        .with_loaded("s")
        .with_uses("a", &["b", "c"])
        .with_uses("b", &["c"])
}

impl World {
    /// `dep` are lines of `modules.dep`, whose modules get real files, packed
    /// as their names say; `aliases` and `symbols` are pairs; `builtin` names;
    /// `config` is the text of one file in `modprobe.d`.
    pub(crate) fn new(
        dep: &[&str],
        aliases: &[(&str, &str)],
        builtin: &[&str],
        config: &str,
    ) -> Self {
        let root = TempDir::new().unwrap();
        let dir = root.path().join("m");
        std::fs::create_dir_all(&dir).unwrap();
        let mut lines = Builder::new();
        for (priority, line) in (0..).zip(dep) {
            let path = line.split(':').next().unwrap();
            let name = ModuleName::of_path(path.as_bytes());
            lines.insert(name.as_bytes(), line.as_bytes(), priority).unwrap();
            let bytes = ModuleSpec::new(&name.to_string()).build();
            std::fs::write(dir.join(path), pack(&bytes, Packing::of_name(path))).unwrap();
        }
        let (symbols, patterns): (Vec<_>, Vec<_>) =
            aliases.iter().copied().partition(|(key, _)| key.starts_with("symbol:"));
        let index = |pairs: &[(&str, &str)]| {
            let mut index = Builder::new();
            for (priority, (key, value)) in (0..).zip(pairs) {
                index.insert(key.as_bytes(), value.as_bytes(), priority).unwrap();
            }
            index
        };
        let names: Vec<_> = builtin.iter().map(|name| (*name, "")).collect();
        for (file, index) in [
            ("dep", lines),
            ("alias", index(&patterns)),
            ("symbols", index(&symbols)),
            ("builtin", index(&names)),
            ("builtin.alias", index(&[("builtin_alias*", "built")])),
        ] {
            let bytes = index.finish().unwrap();
            std::fs::write(dir.join(format!("modules.{file}.bin")), bytes).unwrap();
        }
        std::fs::write(dir.join("modules.softdep"), "softdep a pre: from_modules\n").unwrap();
        let file = root.path().join("test.conf");
        std::fs::write(&file, config).unwrap();
        let config = Config::load(&Search::only(vec![file]), Some(&dir), None);
        Self { root, database: Database::new(dir), config }
    }

    pub(crate) fn resolver(&self) -> Resolver<'_> {
        Resolver { database: &self.database, config: &self.config }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.path().join("m").join(file)
    }

    /// The first module that `text` stands for.
    #[track_caller]
    pub(crate) fn target(&self, text: &str) -> Target {
        self.resolver().lookup(text.as_bytes()).unwrap().into_iter().next().unwrap()
    }

    #[track_caller]
    pub(crate) fn plan(&self, kernel: &dyn Kernel, text: &str, request: &Request) -> Plan {
        plan_insert(&self.resolver(), kernel, &self.target(text), request)
    }

    #[track_caller]
    pub(crate) fn removal(
        &self,
        kernel: &dyn Kernel,
        text: &str,
        request: &RemovalRequest,
    ) -> RemovalPlan {
        plan_removal(&self.resolver(), kernel, &self.target(text), request)
    }
}

/// The steps of `plan`, a word for each: `+a` loads, `!a` runs a command, `b`
/// for builtin, `=a` is loaded, `-a` skipped, `?a` missing, `xa(b)`
/// denied for `b`'s sake; options in brackets; a `.` behind what may fail, a `^` behind the module asked for.
pub(crate) fn sketch(plan: &Plan) -> String {
    let words = plan.steps.iter().map(|step| {
        let name = &step.module;
        let text = |options: &[u8]| match options {
            [] => String::new(),
            options => format!("[{}]", String::from_utf8_lossy(options)),
        };
        let what = match &step.action {
            Action::Load { options, .. } => format!("+{name}{}", text(options)),
            Action::Run { options, .. } => format!("!{name}{}", text(options)),
            Action::Builtin => format!("b{name}"),
            Action::AlreadyLoaded => format!("={name}"),
            Action::Skipped { .. } => format!("-{name}"),
            Action::Denied { module, .. } => format!("x{name}({module})"),
            Action::Missing => format!("?{name}"),
        };
        let soft = if step.required { "" } else { "." };
        let top = if step.top { "^" } else { "" };
        format!("{what}{soft}{top}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The steps of a removal: `a` is unloaded, `a?` if nothing uses it, `!a` runs
/// a command, `a:WHY` does nothing or fails; `>N` behind what goes on with
/// step N when it fails.
pub(crate) fn sketch_removal(plan: &RemovalPlan) -> String {
    let words = plan.steps.iter().map(|step| {
        let name = &step.module;
        let what = match &step.action {
            RemovalAction::Unload => format!("{name}"),
            RemovalAction::UnloadUnused => format!("{name}?"),
            RemovalAction::Run { .. } => format!("!{name}"),
            RemovalAction::NotLoaded => format!("{name}:absent"),
            RemovalAction::Builtin => format!("{name}:builtin"),
            RemovalAction::InUse => format!("{name}:used"),
        };
        match step.on_failure {
            Some(next) => format!("{what}>{next}"),
            None => what,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
