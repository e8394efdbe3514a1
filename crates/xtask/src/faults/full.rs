//! A file system with no space, no inodes, or mounted to be read only; a limit on the size
//! of files.
//!
//! In a mount namespace of its own: a user's where we are not root.

use std::fs;
use std::process::Command;

use super::Findings;
use super::ground::{Ground, RELEASE};
use crate::outcome::Stop;
use crate::programs;

const SCRIPT: &str = include_str!("full.sh");

/// As many free blocks, then inodes, then bytes of a file, as depmod just does not need.
pub fn disks(ground: &Ground, findings: &mut Findings) -> Result<(), Stop> {
    ground.turn_back()?;
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    for (set, name) in [(&ground.old, "old"), (&ground.new, "new")] {
        let dir = scratch.path().join(name);
        fs::create_dir(&dir).map_err(Stop::io(dir.display()))?;
        for (file, contents) in set {
            fs::write(dir.join(file), contents).map_err(Stop::io(file))?;
        }
    }
    for dir in ["bin", "disk"] {
        let dir = scratch.path().join(dir);
        fs::create_dir(&dir).map_err(Stop::io(dir.display()))?;
    }
    let link = scratch.path().join("bin/depmod");
    std::os::unix::fs::symlink(&ground.program, &link).map_err(Stop::io(link.display()))?;
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    unshare.args(["sh", "-eu", "-c", SCRIPT, "full"]).arg(scratch.path()).arg(&ground.base);
    let said = programs::text(unshare.arg(RELEASE))?;
    let (mut refused, mut whole) = (0, 0);
    for line in said.lines() {
        // WHAT: STATE STATUS MESSAGES-AND-LEFTOVERS
        let (what, rest) = line.split_once(": ").unwrap_or((line, ""));
        let good = rest == "new 0" || rest.starts_with("old 1 depmod: FATAL: could not write ");
        let one_line = rest.matches("depmod: ").count() <= 1 && !rest.contains("left:");
        refused += usize::from(rest.starts_with("old 1"));
        whole += usize::from(rest == "new 0");
        let wrong = (!good || !one_line).then(|| rest.to_owned());
        findings.judge(what, wrong.as_slice());
    }
    findings.note = format!("{refused} times too little, {whole} times enough");
    let odd = (refused < 25 || whole < 3).then(|| said.clone());
    findings.judge("both were seen", odd.as_slice());
    Ok(())
}
