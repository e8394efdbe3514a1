//! Runs that come while another has its turn, or was killed while it had it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use crate::UNTIL_SETTLED;
use crate::edits::Random;
use crate::world::World;

/// Another run's turn at a world's database.
struct Others {
    path: PathBuf,
    lock: Flock<File>,
}

impl Others {
    fn turn(world: &World) -> Self {
        let path = world.dir().join(".komod.lock");
        let file = File::create(&path).unwrap();
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        let lock = Flock::lock(file, FlockArg::LockExclusive);
        Self { path, lock: lock.unwrap() }
    }

    /// As one that has come to its end; a killed one leaves its file.
    fn end(self) {
        fs::remove_file(&self.path).unwrap();
        drop(self.lock);
    }
}

fn settled() -> World {
    let mut world = World::new(&mut Random::new(3));
    for _ in 0..3 {
        thread::sleep(UNTIL_SETTLED);
        assert!(world.cached("1", false).well);
    }
    world
}

/// Runs depmod while another has its turn, which meanwhile gives these files other
/// contents, and then ends or is killed.
fn behind(world: &mut World, names: &[&str], killed: bool) {
    let (others, dir, ended) = (Others::turn(world), world.dir(), AtomicBool::new(false));
    let run = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            for name in names {
                replaced(&dir, name);
            }
            ended.store(true, Ordering::SeqCst);
            if killed { drop(others.lock) } else { others.end() }
        });
        let run = world.cached("1", false);
        assert!(ended.load(Ordering::SeqCst), "it has not waited");
        run
    });
    let full = world.full();
    assert_eq!(world.differences(&run, &full, false), [""; 0]);
    assert!(!world.dir().join(".komod.lock").exists());
}

/// As a run does that has read something else before.
fn replaced(dir: &Path, name: &str) {
    let new = dir.join("new");
    fs::write(&new, "alias something else\n").unwrap();
    fs::rename(new, dir.join(name)).unwrap();
}

/// It could publish later what it has read before.
#[test]
fn nothing_has_changed_but_another_run_has_its_turn() {
    let mut world = settled();
    behind(&mut world, &["modules.alias", "modules.dep"], false);
}

/// It has not come to the file that tells how old the database is.
#[test]
fn another_run_is_killed_while_it_is_waited_for() {
    let mut world = settled();
    world.module_named(Path::new("kernel/m-90.ko"));
    behind(&mut world, &["modules.symbols"], true);
}

#[test]
fn a_killed_run_is_tidied_up_after_where_nothing_has_changed() {
    let mut world = settled();
    let left = [".komod.lock", "modules.dep.77.0.komod"].map(|name| world.dir().join(name));
    for path in &left {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let before = world.inodes();
    assert!(world.cached("1", false).well);
    assert!(!left.iter().any(|path| path.exists()));
    assert_eq!(before, world.inodes());
}

/// A quick run asks nobody but the clock, and so does wait for a turn.
#[test]
fn a_quick_run_without_a_cache_waits_too() {
    let world = settled();
    let (others, ended) = (Others::turn(&world), AtomicBool::new(false));
    let run = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            ended.store(true, Ordering::SeqCst);
            others.end();
        });
        world.depmod(vec!["--no-cache".into(), "-A".into()])
    });
    assert!(run.well && ended.load(Ordering::SeqCst));
}
