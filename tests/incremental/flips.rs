//! Every byte of a small cache, changed: whatever it says then is not believed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;

use komod_cache::{Tree, checksum};
use komod_fixtures::{ModuleSpec, Packing, pack};

use crate::UNTIL_SETTLED;
use crate::disk::entries;
use crate::world::World;

/// The files of a cache.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(world: &World) -> Files {
    let paths = entries(&world.cache()).into_iter();
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn put(files: &Files) {
    files.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
}

/// A few modules, of which one has come later than the others, and a cache that is
/// believed: a file for each ending.
fn world() -> (World, Files) {
    let mut world = World::empty();
    let kernel = world.dir().join("kernel");
    fs::create_dir_all(&kernel).unwrap();
    let mut put = |number: usize, ending: &str| {
        let spec = ModuleSpec::new("m").export(&format!("s{number}"), 1);
        let spec = spec.needs(&format!("s{}", number + 1)).modinfo("alias", &format!("a{number}"));
        let bytes = pack(&spec.build(), Packing::of_name(ending));
        fs::write(kernel.join(format!("m{number}{ending}")), bytes).unwrap();
        for _ in 0..2 {
            sleep(UNTIL_SETTLED);
            assert!(world.cached("1", false).well);
        }
    };
    for number in 0..8 {
        put(number, if number == 0 { ".ko.gz" } else { ".ko" });
    }
    put(8, ".ko");
    let files = files(&world);
    let endings: Vec<_> = files.keys().filter_map(|path| path.extension()?.to_str()).collect();
    assert_eq!(endings, ["facts", "later", "modinfo", "tree"]);
    (world, files)
}

fn with(files: &Files, path: &Path, bytes: Vec<u8>) -> Files {
    let mut files = files.clone();
    files.insert(path.to_owned(), bytes);
    files
}

/// What differs from a full run after a run with this cache, which has something to do.
fn wrong_with(world: &mut World, files: &Files) -> Vec<String> {
    put(files);
    fs::remove_file(world.dir().join("modules.alias")).unwrap();
    let cached = world.cached("1", false);
    world.differences(&cached, &world.full(), false)
}

#[test]
fn a_changed_byte_of_the_cache_is_not_believed() {
    let (mut world, files) = world();
    for (path, whole) in &files {
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let damaged = with(&files, path, bytes);
            if path.extension().is_some_and(|ending| ending == "modinfo") {
                put(&damaged);
                let same = world.modinfo("--cache") == world.modinfo("--no-cache");
                assert!(same, "byte {at} of what modinfo reads");
            }
            let wrong = wrong_with(&mut world, &damaged);
            assert!(wrong.is_empty(), "byte {at} of {}: {wrong:#?}", path.display());
        }
    }
}

/// Where nothing else has changed a changed byte means a full run.
#[test]
fn a_changed_byte_of_the_tree_is_a_full_run() {
    let (mut world, _) = world();
    let quiet = files(&world);
    let tree = world.cached_file_named("tree").unwrap();
    let before = world.inodes();
    assert!(world.cached("1", false).well);
    assert_eq!(world.inodes(), before);
    for at in 0..quiet[&tree].len() {
        let before = world.inodes();
        let mut bytes = fs::read(&tree).unwrap();
        let Some(byte) = bytes.get_mut(at) else { break };
        *byte ^= 1 << (at % 8);
        fs::write(&tree, bytes).unwrap();
        assert!(world.cached("1", false).well);
        // All eleven are new.
        let new = world.inodes();
        assert!(new.iter().zip(&before).all(|(new, old)| new != old), "byte {at}");
    }
}

/// The tests above can fail: the facts are believed if their sum is right.
#[test]
fn a_forged_sum_would_be_believed() {
    let (mut world, files) = world();
    let [tree, large, later] =
        ["tree", "facts", "later"].map(|ending| world.cached_file_named(ending).unwrap());
    for (number, path) in [large, later].iter().enumerate() {
        let mut facts = files[path].clone();
        let alias = [&b"a1"[..], b"a8"][number];
        let at = facts.windows(2).position(|two| two == alias).unwrap();
        facts[at] = b'b';
        let body = facts.len() - 8;
        let sum = checksum(&facts[..body]);
        facts[body..].copy_from_slice(&sum.to_le_bytes());
        let mut forged = Tree::parse(&files[&tree]).unwrap();
        forged.facts[number] = sum;
        let forged = with(&files, &tree, forged.to_bytes().unwrap());
        let forged = with(&forged, path, facts);
        let wrong = wrong_with(&mut world, &forged);
        assert!(wrong.contains(&"modules.alias differs".into()), "{wrong:#?}");
        // What is there is known to be wrong no more.
        fs::remove_dir_all(world.cache()).unwrap();
        assert!(world.cached("1", false).well);
    }
}
