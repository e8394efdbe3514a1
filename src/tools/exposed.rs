//! What others than root could change: told to root, who is about to trust it.

use std::path::Path;

use komod_file::{Exposed, ExposureCheck};

use crate::report::{Level, Report};

/// Watches over the files of one run. Only for root: to anybody else nearly
/// everything is somebody else's.
#[derive(Debug)]
pub(super) struct Watch {
    check: Option<ExposureCheck>,
}

impl Watch {
    /// Sees what it is shown if `wanted`, and if this is root.
    pub(super) fn new(wanted: bool) -> Self {
        let wanted = wanted && nix::unistd::geteuid().is_root();
        Self { check: wanted.then(ExposureCheck::default) }
    }

    /// Whether it sees anything.
    pub(super) fn looks(&self) -> bool {
        self.check.is_some()
    }

    /// What is new and exposed on the way to `path`.
    pub(super) fn look(&mut self, path: &Path) -> Vec<Exposed> {
        self.check.as_mut().map(|check| check.look(path)).unwrap_or_default()
    }

    /// Tells of each at [`Level::Notice`].
    pub(super) fn tell(&mut self, path: &Path, report: &mut Report<'_>) {
        for Exposed { path, owner, group, mode } in self.look(path) {
            let path = path.display();
            report.say(
                Level::Notice,
                format_args!(
                    "{path} can be written by others than root: owner {owner}, group {group}, mode {mode:04o}"
                ),
            );
        }
    }
}
