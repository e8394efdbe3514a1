//! Damaged files and bombs: `cargo xtask test damage`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binary;
use crate::cargo_test::counted;
use crate::outcome::{Stop, Tally};
use crate::programs;
use crate::workspace::workspace;

/// Every change of every small file within one process, then a sample of them, and the
/// bombs, through the program as it is shipped.
pub fn part() -> Result<Tally, Stop> {
    let damage = build()?;
    let mut tally = run(&damage, None)?;
    tally.add(run(&damage, Some(&binary::release()?))?);
    Ok(tally)
}

/// Builds the harness, fast and with every check on.
fn build() -> Result<PathBuf, Stop> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--profile", "damage", "--package", "komod-damage"]);
    programs::run(cargo.current_dir(workspace()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir));
    Ok(target.join("damage/komod-damage"))
}

fn run(damage: &Path, kmod: Option<&Path>) -> Result<Tally, Stop> {
    let mut command = Command::new(damage);
    command.args(kmod).stderr(Stdio::inherit());
    let output = programs::output(&mut command)?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    let mut tally = Tally::default();
    said.lines().for_each(|line| tally.add(counted(line)));
    if !output.status.success() {
        tally.failed = tally.failed.max(1);
    }
    Ok(tally)
}
