//! Loading: one file alone, or a module with all that it needs.

use std::cell::Cell;
use std::ffi::CStr;
use std::rc::Rc;

use komod_config::Deny;
use komod_kernel::Errno;
use komod_name::ModuleName;
use komod_probe::{
    Action, Blacklist, Cause, CommandLine, Commands, Event, Failure, Force, LoadError, Plan,
    Request, Shell, Source, Status, Step, Target, execute, load_file, merged_options, plan_insert,
};

use crate::log::{ERROR, INFO};
use crate::text::{c_text, errno_text};
use crate::{Context, Module};

/// How a module is to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Probe {
    /// What the kernel is told to overlook.
    pub force: Force,
    /// Leave out the module's own commands and soft dependencies.
    pub ignore_command: bool,
    /// As if nothing were loaded.
    pub ignore_loaded: bool,
    /// Nothing is done.
    pub dry_run: bool,
    /// It is an error when the module is in the kernel already.
    pub fail_on_loaded: bool,
    /// The blacklist holds back the module, and leaves out all that it names.
    pub blacklist_all: bool,
    /// The blacklist holds back the module.
    pub blacklist: bool,
    /// The blacklist holds back the module if an alias led to it.
    pub blacklist_alias: bool,
}

/// What came of it, where that is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// The module is in the kernel.
    Done,
    /// The blacklist held it back: every module that it names.
    HeldBackAll,
    /// The blacklist held it back, also under its own name.
    HeldBack,
    /// The blacklist held it back, as an alias led to it.
    HeldBackAlias,
}

/// A caller's part in loading.
pub trait Steps {
    /// Runs an install command: 0 when it went well. `None` when the shell is to run it.
    fn run(&self, module: &Rc<Module>, command: &CStr) -> Option<i32>;
    /// Hears what is tried next, a command or a file.
    fn hear(&self, module: &Rc<Module>, install: bool, options: &CStr);
}

impl Module {
    /// Hands its file, and nothing else, to the kernel.
    ///
    /// # Errors
    /// ENOENT without a file, why the file cannot be read, or the kernel's errno.
    pub fn insert(&self, force: Force, options: &[u8]) -> Result<(), Errno> {
        let context = self.context();
        let Some(path) = self.file() else {
            context.no_file(self.module_name());
            return Err(Errno::ENOENT);
        };
        if let Some(line) = context.config.deny_for(self.module_name().as_bytes()) {
            // A file that is named is loaded; modprobe's way is `probe`.
            context.say_denied(INFO, "kmod_module_insert_module", self.module_name(), line);
        }
        let mut observe = |event: Event<'_>| context.tell(&event);
        load_file(&*context.kernel, path, options, force, &mut observe)
            .map_err(|error| Errno::from_raw(error.raw_os_error()))
    }

    /// Loads it with all that it needs and wishes for, as `modprobe`(8) does.
    ///
    /// # Errors
    /// The first failure of something that is required, as errno; a command's own number
    /// where the caller ran it.
    pub fn probe(
        self: &Rc<Self>,
        how: Probe,
        options: &[u8],
        steps: &dyn Steps,
    ) -> Result<Probed, i32> {
        let context = self.context();
        let database = context.database();
        let resolver = context.resolver(&database);
        let target = self.target();
        let request = Request {
            options: options.to_vec(),
            force: how.force,
            ignore_commands: how.ignore_command,
            // Below: there are more ways here than the engine has.
            blacklist: Blacklist::Ignored,
            ignore_loaded: how.ignore_loaded,
            first_time: how.fail_on_loaded,
            ignore_deny: false,
        };
        let mut plan = plan_insert(&resolver, &*context.kernel, &target, &request);
        if let [Step { action: Action::AlreadyLoaded, .. }] = plan.steps.as_slice() {
            let too_late = plan.is_too_late();
            return if too_late { Err(Errno::EEXIST as i32) } else { Ok(Probed::Done) };
        }
        if context.tell_denied(&plan) {
            return Err(Errno::EPERM as i32);
        }
        if let Some(held_back) = self.held_back(how) {
            return Ok(held_back);
        }
        if how.blacklist_all {
            let config = &context.config;
            plan.steps.retain(|step| !config.is_blacklisted(step.module.as_bytes()));
        }
        for word in &plan.unreadable {
            context.tell_unreadable(word);
        }
        let run = Run { module: self, steps, options, plan: &plan, failed: Cell::new(0) };
        if how.dry_run {
            plan.steps.iter().for_each(|step| run.announce(step));
            return Ok(Probed::Done);
        }
        let result = execute(&plan, &*context.kernel, &run, &mut |event| match event {
            Event::Starting(step) => run.announce(step),
            // The caller knows: it ran the command.
            Event::CommandFailed { .. } if run.failed.get() != 0 => {}
            other => context.tell(&other),
        });
        match result {
            Ok(()) => Ok(Probed::Done),
            Err(Failure::Command(_)) if run.failed.get() != 0 => {
                Err(run.failed.get().wrapping_neg())
            }
            Err(failure) => Err(failure.raw_os_error()),
        }
    }

    fn held_back(&self, how: Probe) -> Option<Probed> {
        if !self.context().config.is_blacklisted(self.module_name().as_bytes()) {
            return None;
        }
        let by_alias = self.target().alias.is_some();
        let ways = [
            (how.blacklist_alias && by_alias, Probed::HeldBackAlias),
            (how.blacklist_all, Probed::HeldBackAll),
            (how.blacklist, Probed::HeldBack),
        ];
        ways.into_iter().find(|(applies, _)| *applies).map(|(_, held_back)| held_back)
    }
}

/// One run of a plan, with the caller's part in it.
struct Run<'a> {
    module: &'a Rc<Module>,
    steps: &'a dyn Steps,
    /// What the caller adds to the configured options of the module asked for.
    options: &'a [u8],
    plan: &'a Plan,
    /// What the caller's last command that failed returned.
    failed: Cell<i32>,
}

impl Run<'_> {
    /// The object of a step's module.
    fn object(&self, step: &Step) -> Rc<Module> {
        if step.top {
            return Rc::clone(self.module);
        }
        let path = match &step.action {
            Action::Load { path, .. } => Some(path.clone()),
            _ => None,
        };
        let name = step.module.clone();
        self.module.context().module(Target { name, alias: None, path, source: Source::Name })
    }

    fn announce(&self, step: &Step) {
        let merged;
        let (install, options) = match &step.action {
            Action::AlreadyLoaded | Action::Skipped { .. } | Action::Denied { .. } => return,
            Action::Run { options, .. } => (true, options),
            Action::Load { options, .. } => (false, options),
            Action::Builtin | Action::Missing => {
                let extra = if step.top { self.options } else { &[] };
                let config = &self.module.context().config;
                merged = merged_options(config, &self.plan.target, extra);
                (false, &merged)
            }
        };
        self.steps.hear(&self.object(step), install, &c_text(options));
    }
}

impl Commands for Run<'_> {
    fn run(&self, command: &CommandLine, module: &ModuleName) -> Status {
        let is_it = |step: &&Step| step.module == *module;
        let object = match self.plan.steps.iter().find(is_it) {
            Some(step) => self.object(step),
            None => self.module.context().named(module.clone()),
        };
        match self.steps.run(&object, &c_text(&command.text)) {
            None => Shell::default().run(command, module),
            Some(0) => Status::Success,
            Some(code) => {
                self.failed.set(code);
                Status::Exit(code)
            }
        }
    }
}

impl Context {
    fn no_file(&self, module: &ModuleName) {
        self.log.error(
            "kmod_module_insert_module",
            format_args!("could not find module by name='{module}'"),
        );
    }

    /// Tells what `deny` lines forbid; whether that is the module asked for.
    fn tell_denied(&self, plan: &Plan) -> bool {
        let mut refused = false;
        for step in &plan.steps {
            if let Action::Denied { module, line } = &step.action {
                let level = if step.top { ERROR } else { INFO };
                self.say_denied(level, "kmod_module_probe_insert_module", module, line);
                refused |= step.top;
            }
        }
        refused
    }

    fn say_denied(&self, level: i32, function: &str, module: &ModuleName, line: &Deny) {
        let (origin, reason) = (&line.origin, String::from_utf8_lossy(&line.reason));
        self.log.say(
            level,
            function,
            format_args!("module '{module}' is denied by {origin}: {reason}"),
        );
    }

    /// Tells what happens while something is loaded.
    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Starting(_) => {}
            Event::NoFile(module) => self.no_file(module),
            Event::FromMemory { path } => {
                self.log.say(
                    INFO,
                    "load_file",
                    format_args!(
                        "the kernel refused '{}' as invalid: trying again with it decompressed",
                        path.display()
                    ),
                );
            }
            Event::UnknownCompression(name) => {
                let name = String::from_utf8_lossy(name);
                self.log.error(
                    "get_kernel_compression",
                    format_args!("unknown kernel compression {name}"),
                );
            }
            Event::LoadFailed(error) => self.load_failed(error),
            Event::CommandFailed { module, command, status } => {
                let command = String::from_utf8_lossy(command);
                let ended = match status {
                    Status::Success => "retcode 0".into(),
                    Status::Exit(code) => format!("retcode {code}"),
                    Status::Signal(signal) => format!("killed by signal {signal}"),
                    Status::NotStarted(error) => error.to_string(),
                };
                self.log.error(
                    "command_do",
                    format_args!(
                        "Error running install command '{command}' for module {module}: {ended}"
                    ),
                );
            }
        }
    }

    fn load_failed(&self, error: &LoadError) {
        let why = errno_text(Errno::from_raw(error.raw_os_error()));
        match &error.cause {
            Cause::File(file) => match file.detail(&error.path) {
                Some(detail) => self.log.error("kmod_file_load", detail),
                // Not even opened.
                None => return,
            },
            Cause::Strip(_) | Cause::NoVermagic => {
                self.log.error(
                    "kmod_module_insert_module",
                    format_args!("Failed to strip version information: {why}"),
                );
            }
            Cause::Kernel(_) => {}
        }
        let path = error.path.display();
        self.log.say(
            INFO,
            "kmod_module_insert_module",
            format_args!("Failed to insert module '{path}': {why}"),
        );
    }
}
