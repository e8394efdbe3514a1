//! A thousand edits of a tree: after each, depmod with a cache must leave what depmod
//! without one leaves, and say the same.
//!
//! `KOMOD_SEED` and `KOMOD_EDITS` in the environment choose other edits and more of them.

#![allow(clippy::restriction)]

mod disk;
mod doing;
mod edits;
mod flips;
mod turns;
mod world;

use std::path::Path;
use std::time::Duration;

use edits::{Edit, Random};
use komod_cache::Tree;
use world::World;

fn number(variable: &str, default: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(default, |text| text.parse().expect("a number"))
}

/// Longer than a file is too young to be relied on.
const UNTIL_SETTLED: Duration = Duration::from_millis(35);

/// So many edits are made to one tree.
const GATHERED: u64 = 50;

#[test]
fn after_any_edit_the_database_is_that_of_a_full_run() {
    let (seed, edits) = (number("KOMOD_SEED", 20_261_123), number("KOMOD_EDITS", 1000));
    println!("KOMOD_SEED={seed} KOMOD_EDITS={edits}");
    let mut random = Random::new(seed);
    let mut world = World::empty();
    let mut log = Vec::new();
    let (mut unchanged, mut made, mut modules, mut tales) = (0, 0, 0, 0);
    for number in 0..edits {
        // What is odd has to be told each time, and the odd gathers: begin anew.
        if number % GATHERED == 0 {
            world = World::new(&mut random);
        }
        // Much happens in one tick of the clock, and now and then nothing for long, so that
        // files are old enough to be relied on, whatever the machine.
        let most = if random.one_in(5) {
            std::thread::sleep(UNTIL_SETTLED);
            1
        } else {
            2
        };
        let mut plain = true;
        for _ in 0..random.below(most + 1) {
            let edit = Edit::any(&mut random);
            plain &= edit.leaves_the_cache();
            log.push(format!("{number}: {edit:?}: {}", world.apply(edit, &mut random)));
        }
        if random.one_in(10) {
            log.push(format!("{number}: in a hurry: {}", world.hurry(&mut random)));
        }
        let quick = plain && world.cache_is_good() && random.one_in(8);
        let jobs = ["1", "2", "8"][random.below(3)];
        world.keep_populated(&mut random);
        modules += world.modules();
        let before = world.inodes();
        let cached = world.cached(jobs, quick);
        unchanged += u64::from(cached.well && before == world.inodes());
        made += u64::from(cached.well);
        let full = world.full();
        let mut wrong = world.differences(&cached, &full, quick);
        if random.one_in(4) && world.modinfo("--cache") != world.modinfo("--no-cache") {
            wrong.push("modinfo differs".into());
        }
        tales += world.tales();
        let recent = log.len().saturating_sub(12);
        assert!(wrong.is_empty(), "after edit {number}: {wrong:#?}\n{:#?}", &log[recent..]);
    }
    // Else nothing was shown.
    println!("{made} of {edits} runs ended well, {unchanged} of them found nothing to do");
    let average = |sum| sum / edits as usize;
    println!("on average there were {} modules, {} tales", average(modules), average(tales));
    assert!(average(tales) > 5);
    assert!(made > edits / 2 && unchanged > edits / 20, "too few");
}

/// Linux before 6.13 gives one time to all that happens within a tick of its clock; later
/// ones do not, so that the edits above cannot show there what this rule is for.
#[test]
fn what_is_young_is_not_relied_on() {
    let mut world = World::new(&mut Random::new(1));
    let of_cache = |world: &World| {
        let file = world.cached_file_named("tree").expect("a cache");
        let bytes = std::fs::read(file).unwrap();
        let tree = Tree::parse(&bytes).unwrap();
        let settled = |name: &[u8]| {
            let entries = tree.directories.iter().flat_map(|directory| &directory.entries);
            let place = entries.filter(|entry| *entry.name == *name).find_map(|it| it.module);
            let module = place.map(|place| &tree.modules[place as usize]);
            module.and_then(|module| module.known).map(|known| known.settled)
        };
        let outputs = tree.outputs.iter().filter(|output| output.known.settled).count();
        let inputs = tree.inputs.iter().flatten().filter(|input| input.settled).count();
        let directories = tree.directories.iter().filter(|it| it.known.settled).count();
        (settled(b"m-90.ko"), outputs, inputs, directories)
    };
    std::thread::sleep(UNTIL_SETTLED);
    let young = world.module_named(Path::new("kernel/m-90.ko"));
    assert!(world.cached("1", false).well);
    let (module, outputs, inputs, directories) = of_cache(&world);
    assert_eq!((module, outputs, inputs), (Some(false), 0, 3));
    std::thread::sleep(UNTIL_SETTLED);
    // It is read once more, and then no longer.
    for (changes, settled) in [(true, 0), (false, 11)] {
        let before = world.inodes();
        assert!(world.cached("1", false).well);
        assert_eq!(before != world.inodes(), changes);
        let (module, outputs, ..) = of_cache(&world);
        assert_eq!((module, outputs), (Some(true), settled), "{}", young.display());
        std::thread::sleep(UNTIL_SETTLED);
    }
    // The one that had just got a module, and that of the database itself.
    assert_eq!(of_cache(&world).3, directories + 2);
}

/// A directory above is not entered again, so nothing of the tree changes when a link that
/// led there leads elsewhere.
#[test]
fn a_link_that_led_upwards_is_followed_elsewhere() {
    let mut world = World::new(&mut Random::new(2));
    let hop = world.root().join("linked/hop");
    disk::linked(&world.dir().join("kernel"), hop.clone()).unwrap();
    for _ in 0..3 {
        std::thread::sleep(UNTIL_SETTLED);
        assert!(world.cached("1", false).well);
    }
    disk::linked(Path::new("two"), hop).unwrap();
    let cached = world.cached("1", false);
    assert_eq!(world.differences(&cached, &world.full(), false), [""; 0]);
}
