//! Runs that come while another has its turn, or was killed while it had it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use komod_fixtures::{ModuleSpec, Packing, pack};
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

/// Another file of the program may make another database of the same modules.
#[test]
fn what_another_program_has_kept_is_not_believed() {
    let world = settled();
    let program = world.root().join("depmod");
    let run = |option: &str| {
        let mut command = Command::new(&program);
        command.arg(option).arg(format!("--cache={}", world.root().join("own").display()));
        command.arg("-b").arg(world.root()).arg("-C").arg(world.config()).arg("6.1.0-test");
        thread::sleep(UNTIL_SETTLED);
        assert!(command.output().unwrap().status.success());
        world.inodes()
    };
    fs::copy(env!("CARGO_BIN_EXE_kmod"), &program).unwrap();
    run("-a");
    run("-a");
    let before = run("-a");
    assert_eq!(run("-a"), before);
    let new = world.root().join("new");
    fs::copy(env!("CARGO_BIN_EXE_kmod"), &new).unwrap();
    fs::rename(new, &program).unwrap();
    assert_ne!(run("-a"), before);
}

/// What packed modules tell is for all to read, but for what lies where not all may look.
#[test]
fn what_lies_in_a_closed_directory_is_told_to_nobody() {
    let mut world = World::empty();
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let (root, dir) = (world.root().to_path_buf(), world.dir());
    let [secret, open] = ["secret", "open"].map(|name| dir.join(name));
    let add = |dir: &Path, name: &str| {
        let module = pack(&ModuleSpec::new(name).build(), Packing::of_name("m.ko.gz"));
        fs::write(dir.join(format!("{name}.ko.gz")), module).unwrap();
    };
    let mut told = |mode| {
        thread::sleep(UNTIL_SETTLED);
        assert!(world.cached("1", false).well);
        let file = world.cached_file_named("modinfo").unwrap();
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, mode);
    };
    chmod(&root, 0o755);
    for (mode, expected) in [(0o755, 0o644), (0o700, 0o600), (0o755, 0o644)] {
        for dir in [&secret, &open] {
            let _ = fs::remove_dir_all(dir);
            fs::create_dir(dir).unwrap();
        }
        add(&secret, "m");
        chmod(&secret, mode);
        told(expected);
        // It is as it was, and another directory is not.
        add(&open, "n");
        told(expected);
        // Its mode alone has changed.
        chmod(&secret, 0o700);
        add(&open, "o");
        told(0o600);
        chmod(&secret, 0o755);
        add(&open, "p");
        told(0o644);
    }
    // One above the tree.
    chmod(&root, 0o700);
    add(&open, "q");
    told(0o600);
}

/// A cache that cannot be is none.
#[test]
fn where_no_cache_can_be_the_run_goes_on_without() {
    let mut world = World::new(&mut Random::new(4));
    for make in [|_: &Path| {}, |path: &Path| fs::write(path, "no directory").unwrap()] {
        make(&world.cache());
        for _ in 0..2 {
            let run = world.cached("1", false);
            let full = world.full();
            assert_eq!(world.differences(&run, &full, false), [""; 0]);
        }
        let _ = fs::remove_dir_all(world.cache());
    }
    let cache = world.root().join("none/cache");
    let words = vec!["--cache".into(), cache.into_os_string()];
    let run = world.depmod(words);
    let full = world.full();
    assert_eq!(world.differences(&run, &full, false), [""; 0]);
    assert!(!world.root().join("none").exists());
}
