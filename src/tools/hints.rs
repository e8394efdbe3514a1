//! The lines behind a failure's own: why it failed, and what helps. Nothing is looked at
//! where nobody would read it.

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::Path;

use komod_config::Config;
use komod_kernel::Kernel;
use komod_name::ModuleName;
use komod_probe::{Action, Database, Failure, Plan};
use komod_why::{Attempt, Cause, Finding, KernelFacts, Way};

use crate::host::MODULE_DIRECTORY;
use crate::report::Report;

/// Where `/proc`, `/sys` and `/dev` are.
const ROOT: &str = "/";

/// Says why, through `report`.
pub(super) struct Hints<'h, 'r> {
    pub(super) report: &'h mut Report<'r>,
    pub(super) kernel: &'h dyn Kernel,
    pub(super) database: &'h Database,
    /// The configuration that held.
    pub(super) config: Option<&'h Config>,
}

impl Hints<'_, '_> {
    /// Gathers what `find` finds of the running kernel, and says it.
    fn look(&mut self, find: &dyn Fn(&KernelFacts<'_>) -> Vec<Finding>) {
        self.of(true, None, find);
    }

    fn of(
        &mut self,
        running: bool,
        whose: Option<&dyn Display>,
        find: &dyn Fn(&KernelFacts<'_>) -> Vec<Finding>,
    ) {
        if !self.report.wants_hints() {
            return;
        }
        let release = self.kernel.release().unwrap_or_default();
        let facts = match running {
            true => KernelFacts::running(&release, self.database, Path::new(ROOT)),
            false => KernelFacts::other(&release, self.database, Path::new(ROOT)),
        };
        for finding in find(&facts.under(self.config)) {
            match whose {
                Some(whose) => self.report.hint(format_args!("{whose}: {finding}")),
                None => self.report.hint(finding),
            }
        }
    }

    /// A plan that was not carried out to its end.
    pub(super) fn not_inserted(&mut self, plan: &Plan, failure: &Failure) {
        let target = &plan.target.name;
        match failure {
            Failure::Load(error) => {
                let step = plan.steps.iter().find(|step| match &step.action {
                    Action::Load { path, .. } => *path == error.path,
                    _ => false,
                });
                let parameters = match step.map(|step| &step.action) {
                    Some(Action::Load { options, .. }) => options.as_slice(),
                    _ => b"",
                };
                let way = Way { force: plan.force, alone: true, parameters };
                let needed = step.filter(|step| !step.top).map(|step| step.module.clone());
                let needed = needed.map(|module| format!("{module}, which {target} needs"));
                let attempt = Attempt { path: &error.path, errno: error.raw_os_error(), way };
                let whose = needed.as_ref().map(|needed| needed as &dyn Display);
                self.of(true, whose, &|facts| komod_why::causes(attempt, facts));
            }
            Failure::AlreadyLoaded => {
                let module = target.clone();
                self.report.hint(match plan.target.is_builtin(self.database) {
                    true => Cause::Builtin { module },
                    false => Cause::AlreadyLoaded { module },
                });
            }
            // Its line names FILE:LINE.
            Failure::Denied => {}
            Failure::Missing(module) => {
                self.look(&|facts| komod_why::unknown_name(module.as_bytes(), facts));
            }
            Failure::Command(module) => {
                let step = plan.steps.iter().find(|step| step.module == *module);
                let Some(Action::Run { command, origin, .. }) = step.map(|step| &step.action)
                else {
                    return;
                };
                let (command, origin) = (command.clone(), origin.clone());
                let cause = Cause::InstallCommand { module: module.clone(), command, origin };
                self.report.hint(cause);
            }
        }
    }

    /// Parameters that the kernel took no notice of when it loaded what the plan asked
    /// for.
    pub(super) fn inserted(&mut self, plan: &Plan) {
        let top = plan.steps.iter().find(|step| step.top);
        if let Some(Action::Load { path, options }) = top.map(|step| &step.action) {
            self.loaded(path, options);
        }
    }

    /// The same of one file.
    pub(super) fn loaded(&mut self, path: &Path, parameters: &[u8]) {
        self.look(&|facts| komod_why::ignored_parameters(path, parameters, facts));
    }

    /// A file that the kernel did not take, alone.
    pub(super) fn not_loaded(&mut self, attempt: Attempt<'_>) {
        self.look(&|facts| komod_why::causes(attempt, facts));
    }

    /// A file that there is not.
    pub(super) fn no_file(&mut self, file: &OsStr) {
        self.look(&|facts| komod_why::no_file(file, facts));
    }

    /// A name under which no module is known.
    pub(super) fn unknown(&mut self, name: &[u8]) {
        let release = self.kernel.release().unwrap_or_default();
        let running = *self.database.dir() == Path::new(MODULE_DIRECTORY).join(release);
        self.of(running, None, &|facts| komod_why::unknown_name(name, facts));
    }

    /// A module that cannot be removed.
    pub(super) fn not_removed(&mut self, module: &ModuleName) {
        let kernel = self.kernel;
        self.look(&|facts| komod_why::in_use(module, kernel, facts));
    }
}
