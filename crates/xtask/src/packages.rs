//! Debian packages of a chosen suite, downloaded and unpacked beside the
//! system, never installed into it.
//!
//! apt works with lists, caches and sources of its own below the cache
//! directory; the machine's apt configuration gives the mirror, its keys and
//! its proxy.

use std::fs::{File, create_dir_all};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

use crate::mirror;
use crate::outcome::Stop;
use crate::programs;

/// Where downloaded things are kept: `$KOMOD_CACHE`, else
/// `$XDG_CACHE_HOME/komod`, else `~/.cache/komod`. Made if it is not there.
pub fn cache() -> Result<PathBuf, Stop> {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let dir = set("KOMOD_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|d| d.join("komod")))
        .or_else(|| set("HOME").map(|d| d.join(".cache/komod")))
        .ok_or_else(|| Stop::NotHere("none of KOMOD_CACHE and HOME is set".into()))?;
    create_dir_all(&dir).map_err(Stop::io(dir.display()))?;
    Ok(dir)
}

/// Held while apt works: two apt commands at once disturb each other, for an
/// update may empty the archive directory an installation reads from.
pub struct AptLock {
    _file: Flock<File>,
}

impl AptLock {
    /// Waits until nobody else holds it.
    pub fn take() -> Result<Self, Stop> {
        Ok(Self { _file: lock(&cache()?.join("apt.lock"))? })
    }
}

/// Locks a file, which is made if it is not there; waits for whoever has it.
fn lock(path: &Path) -> Result<Flock<File>, Stop> {
    let file = File::create(path).map_err(Stop::io(path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => Ok(file),
        Err((file, _)) => {
            eprintln!("waiting for another run that holds {}", path.display());
            Flock::lock(file, FlockArg::LockExclusive)
                .map_err(|(_, e)| Stop::Failed(format!("{}: {e}", path.display())))
        }
    }
}

/// One suite of Debian's archive, its package lists fetched.
pub struct Suite {
    name: &'static str,
    /// apt's configuration for it, read after the machine's own.
    configuration: PathBuf,
}

impl Suite {
    /// Fetches the package lists of a suite.
    ///
    /// [`Stop::NotHere`] if apt is missing, has no source, or its mirror does
    /// not answer or does not carry the suite (an Ubuntu mirror does not).
    pub fn open(name: &'static str, _lock: &AptLock) -> Result<Self, Stop> {
        if programs::find("apt-get").is_none() || programs::find("dpkg-deb").is_none() {
            return Err(Stop::NotHere("apt-get and dpkg-deb are not installed".into()));
        }
        let source = mirror::read(Path::new("/etc/apt"))
            .ok_or_else(|| Stop::NotHere("apt has no source of Debian packages".into()))?;
        let dir = cache()?.join("apt").join(name);
        for part in ["lists/partial", "cache/archives/partial"] {
            create_dir_all(dir.join(part)).map_err(Stop::io(dir.display()))?;
        }
        let write = |file: &str, text: &str| {
            std::fs::write(dir.join(file), text).map_err(Stop::io(dir.display()))
        };
        write("mirror.sources", &source.deb822(name))?;
        write("status", "")?;
        let place = dir.display();
        let configuration = format!(
            r#"Dir::Etc::sourcelist "{place}/mirror.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::Lists "{place}/lists";
Dir::State::status "{place}/status";
Dir::Cache "{place}/cache";
APT::Architecture "amd64";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
"#
        );
        write("apt.conf", &configuration)?;
        let suite = Self { name, configuration: dir.join("apt.conf") };
        eprintln!("fetch: package lists of Debian's {name}");
        programs::text(suite.apt("apt-get").arg("update")).map_err(|stop| {
            Stop::NotHere(format!("no package lists of Debian's {name} here: {stop}"))
        })?;
        Ok(suite)
    }

    /// The package of that prefix that `package` depends on: the newest
    /// kernel stands behind `linux-image-amd64`.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<String, Stop> {
        let text =
            programs::text(self.apt("apt-cache").args(["show", "--no-all-versions", package]))
                .map_err(|s| Stop::NotHere(format!("{} has no {package}: {s}", self.name)))?;
        text.lines()
            .filter_map(|line| line.strip_prefix("Depends: "))
            .flat_map(|list| list.split([',', '|', ' ']))
            .find(|word| word.starts_with(prefix))
            .map(str::to_owned)
            .ok_or_else(|| Stop::Failed(format!("{package} depends on no {prefix}...")))
    }

    /// Downloads packages and unpacks them over one another into `root`.
    pub fn unpack(&self, packages: &[&str], root: &Path) -> Result<(), Stop> {
        let debs = root.with_extension("debs");
        create_dir_all(&debs).map_err(Stop::io(debs.display()))?;
        create_dir_all(root).map_err(Stop::io(root.display()))?;
        self.download(packages, &debs)?;
        for entry in std::fs::read_dir(&debs).map_err(Stop::io(debs.display()))? {
            let deb = entry.map_err(Stop::io(debs.display()))?.path();
            programs::text(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(root))?;
        }
        std::fs::remove_dir_all(&debs).map_err(Stop::io(debs.display()))
    }

    /// Downloads packages into a directory.
    pub fn download(&self, packages: &[&str], to: &Path) -> Result<(), Stop> {
        eprintln!("fetch: {} of {}", packages.join(" "), self.name);
        programs::text(self.apt("apt-get").arg("download").args(packages).current_dir(to))
            .map(drop)
            .map_err(|stop| Stop::NotHere(format!("not downloaded: {stop}")))
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").arg("-qq").arg("-c").arg(&self.configuration);
        command
    }
}

/// Makes `target` once: `fill` gets an empty directory beside it, which takes
/// the name when all went well; an interrupted run leaves nothing that counts,
/// and of several runs at once the others wait for the first.
/// True if it was made now, false if it was there.
pub fn once(target: &Path, fill: impl FnOnce(&Path) -> Result<(), Stop>) -> Result<bool, Stop> {
    let beside = |ending: &str| {
        let mut name = target.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    if target.is_dir() {
        return Ok(false);
    }
    let _lock = lock(&beside(".lock"))?;
    if target.is_dir() {
        return Ok(false);
    }
    let fresh = beside(".new");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(Stop::io(fresh.display()))?;
    }
    create_dir_all(&fresh).map_err(Stop::io(fresh.display()))?;
    fill(&fresh)?;
    std::fs::rename(&fresh, target).map_err(Stop::io(target.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_interrupted_does_not_count() {
        let dir = std::env::temp_dir().join(format!("komod-once-{}", std::process::id()));
        create_dir_all(&dir).unwrap();
        let target = dir.join("it");
        let broken = once(&target, |fresh| {
            std::fs::write(fresh.join("half"), "").unwrap();
            Err(Stop::Failed("interrupted".into()))
        });
        assert!(broken.is_err() && !target.exists());
        assert!(
            once(&target, |fresh| std::fs::write(fresh.join("whole"), "").map_err(Stop::io("x")))
                .unwrap()
        );
        assert!(!target.join("half").exists() && target.join("whole").exists());
        assert!(!once(&target, |_| Err(Stop::Failed("not asked".into()))).unwrap());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
