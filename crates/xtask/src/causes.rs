//! Modules that a kernel refuses, each for a reason of its own: `tests/vm/causes`.
//!
//! They are built once with the kernel's headers, in a copy of the Debian system, and
//! signed with a key of their own by the headers' `sign-file`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install;
use crate::outcome::Stop;
use crate::packages;
use crate::programs;
use crate::system::System;
use crate::workspace::workspace;

/// The directory that has them, `*.ko` and `*.ko.xz`, built for that release.
pub fn fetch(release: &str) -> Result<PathBuf, Stop> {
    let sources = workspace().join("tests/vm/causes");
    let script = sources.join("build.sh");
    let script = fs::read_to_string(&script).map_err(Stop::io(script.display()))?;
    let mut files = vec![];
    let mut hasher = DefaultHasher::new();
    script.hash(&mut hasher);
    for file in fs::read_dir(&sources).map_err(Stop::io(sources.display()))?.flatten() {
        if file.path().extension().is_some_and(|extension| extension == "c") {
            files.push(file.path());
        }
    }
    files.sort();
    for file in &files {
        fs::read(file).map_err(Stop::io(file.display()))?.hash(&mut hasher);
    }
    let place = packages::cache()?.join(format!("causes-{release}-{:016x}", hasher.finish()));
    packages::once(&place, |fresh| build(fresh, release, &files, &script))?;
    Ok(place)
}

fn build(fresh: &Path, release: &str, files: &[PathBuf], script: &str) -> Result<(), Stop> {
    install::ensure(install::OPENSSL)?;
    let system = System::fetch()?.copy("causes")?;
    let headers = format!("usr/src/linux-headers-{release}");
    if !system.root.join(&headers).is_dir() {
        let why = format!("the Debian system has no {headers}: remove it from the cache");
        return Err(Stop::NotHere(why));
    }
    let causes = system.root.join("causes");
    let sources = causes.join("sources");
    fs::create_dir_all(&sources).map_err(Stop::io(sources.display()))?;
    for file in files {
        let to = sources.join(file.file_name().unwrap_or_default());
        fs::copy(file, &to).map_err(Stop::io(to.display()))?;
    }
    let key = causes.join("key.pem");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-batch", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]);
    openssl.args(["-subj", "/CN=Hint test key", "-outform", "DER", "-keyout"]).arg(&key);
    programs::text(openssl.arg("-out").arg(causes.join("key.x509")))?;
    system.run(script, &["/causes/key.pem"])?;
    fs::remove_file(&key).map_err(Stop::io(key.display()))?;
    for file in fs::read_dir(&causes).map_err(Stop::io(causes.display()))?.flatten() {
        if file.path().is_file() {
            let to = fresh.join(file.file_name());
            fs::copy(file.path(), &to).map_err(Stop::io(to.display()))?;
        }
    }
    Ok(())
}
