//! Who looks modules up while depmod works: komod's own reading crates as fast as
//! they can, and modprobe beside them.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use komod_config::{Config, Search};
use komod_probe::{Database, Resolver};

use super::ground::{Ground, MOVED_ALIAS, RELEASE, STABLE, TURNED, WITH_SOFTDEP};
use crate::outcome::Stop;
use crate::programs;

/// What the readers have seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many times all names were looked up by the crates.
    pub looks: usize,
    /// How many times modprobe did so.
    pub modprobes: usize,
    /// What was not found, or not rightly; the first of it.
    pub wrong: Vec<String>,
}

/// Runs `work` while readers look at the ground.
pub fn during(ground: &Ground, work: impl FnOnce() -> Result<(), Stop>) -> Result<Seen, Stop> {
    let (over, looks, modprobes) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong = Mutex::new(Vec::new());
    let tell = |what: Vec<String>| {
        if let Ok(mut wrong) = wrong.lock() {
            if wrong.len() < 10 {
                wrong.extend(what);
            }
        }
    };
    let look = |count: &AtomicUsize, look: fn(&Ground) -> Vec<String>, pause| {
        while !over.load(Ordering::Relaxed) {
            if let Ok(_looking) = ground.looking.read() {
                tell(look(ground));
            }
            count.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(pause));
        }
    };
    let result = thread::scope(|scope| {
        scope.spawn(|| look(&looks, by_crates, 1));
        scope.spawn(|| look(&modprobes, by_modprobe, 20));
        let result = work();
        over.store(true, Ordering::Relaxed);
        result
    });
    result?;
    let wrong = wrong.into_inner().unwrap_or_default();
    Ok(Seen { looks: looks.into_inner(), modprobes: modprobes.into_inner(), wrong })
}

/// Looks everything up once, as a program that has just started. What was built in
/// and is a module now is left out: a program that opens the list of modules before
/// a run, and that of what is built in behind it, finds it in neither.
pub fn by_crates(ground: &Ground) -> Vec<String> {
    look_up(ground, &[MOVED_ALIAS, "inside", "inside-alias"])
}

/// The same, and that module too: for a database that nobody works on.
pub fn at_rest(ground: &Ground) -> Vec<String> {
    look_up(ground, &[MOVED_ALIAS, "inside", "inside-alias", TURNED])
}

fn look_up(ground: &Ground, others: &[&str]) -> Vec<String> {
    let database = Database::new(ground.dir.clone());
    let config = Config::default();
    let resolver = Resolver { database: &database, config: &config };
    let mut wrong = Vec::new();
    // A name is found, and one of what it means at least has a file, or is built in.
    let mut ask = |text: &str, module: Option<&str>| {
        let found = resolver.lookup(text.as_bytes()).unwrap_or_default();
        let good = |target: &komod_probe::Target| {
            let right = module.is_none_or(|module| target.name.as_bytes() == module.as_bytes());
            let file = || target.file(&database).is_some_and(|path: PathBuf| path.exists());
            right && (target.is_builtin(&database) || file())
        };
        if !found.iter().any(good) {
            let names: Vec<_> = found.iter().map(|target| target.name.to_string()).collect();
            wrong.push(format!("{text} leads to {names:?}"));
        }
    };
    // With a colon: the aliases are opened before the modules. The others: behind them.
    ask("pci:v00000007d0007sv1", Some("stable_7"));
    for number in 0..STABLE {
        let name = format!("stable_{number}");
        ask(&name, Some(&name));
        ask(&format!("pci:v0000{number:04}d0005sv9"), Some(&name));
        ask(&format!("symbol:symbol_{number}"), Some(&name));
    }
    for text in others {
        ask(text, None);
    }
    // Who is found has what it asked for.
    if resolver.lookup_name(WITH_SOFTDEP.as_bytes()).is_some() {
        let config = Config::load(&Search::only(Vec::new()), Some(&ground.dir), None);
        if config.softdep_for(WITH_SOFTDEP.as_bytes()).is_none() {
            wrong.push(format!("{WITH_SOFTDEP} is found without its soft dependency"));
        }
    }
    wrong.extend(
        database.take_broken().iter().map(|b| format!("{}: {}", b.path.display(), b.error)),
    );
    wrong
}

/// The modules by the program.
fn by_modprobe(ground: &Ground) -> Vec<String> {
    let mut command = ground.tool("modprobe");
    command.arg("-d").arg(&ground.base).args(["-S", RELEASE, "-C", "/dev/null", "-a", "-D"]);
    command.args((0..STABLE).map(|number| format!("stable_{number}")));
    command.args([MOVED_ALIAS, "inside", "pci:v00000007d0007sv1"]);
    let output = match programs::output(&mut command) {
        Ok(output) => output,
        Err(stop) => return vec![stop.to_string()],
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let whole = (0..STABLE).all(|number| said.contains(&format!("/stable_{number}.ko")));
    if output.status.success() && whole && said.contains("builtin inside\n") {
        return Vec::new();
    }
    vec![format!("modprobe: {said}{}", String::from_utf8_lossy(&output.stderr))]
}
