use std::fs;
use std::path::PathBuf;

use komod_config::Origin;
use komod_kernel::{InitState, Recorder};
use komod_name::ModuleName;

use crate::world::{World, own};
use crate::{Cause, KernelFacts, in_use, no_file, unknown_name};

fn name(world: &World, name: &str) -> Vec<String> {
    let database = world.database();
    let kernel = KernelFacts::running("6.1.0-test".as_ref(), &database, world.root.path());
    unknown_name(name.as_bytes(), &kernel).iter().map(ToString::to_string).collect()
}

#[test]
fn names_that_are_misspelt_or_are_files() {
    let mut world = World::new();
    world.module("kernel/dummy.ko", &own("dummy").build(), &[]);
    assert!(name(&world, "dumy")[0].contains("(dumy, the nearest is dummy)"));
    assert!(name(&world, "dummy.ko.xz")[0].ends_with("modprobe dummy"));
    assert_eq!(name(&world, "pci:v00001234"), [""; 0]);
    assert_eq!(name(&world, "elephant"), [""; 0]);
    let file = world.file("lib/modules/6.1.0-test/extra/new-one.ko.zst", b"");
    let line = format!("newer than the index ({} is not in modules.dep); depmod", file.display());
    assert!(name(&world, "new_one")[0].contains(&line));
}

#[test]
fn trees_that_are_gone_or_have_no_index() {
    let world = World::new();
    let database = world.database();
    let kernel = KernelFacts::running("6.1.0-test".as_ref(), &database, world.root.path());
    fs::remove_file(world.root.path().join("lib/modules/6.1.0-test/modules.dep.bin")).unwrap();
    let line = unknown_name(b"a", &kernel)[0].to_string();
    let base = format!("depmod -b {} 6.1.0-test", world.root.path().display());
    assert!(line.contains("no index") && line.ends_with(&base), "{line}");
    fs::remove_dir_all(world.root.path().join("lib/modules/6.1.0-test")).unwrap();
    world.file("lib/modules/6.2/modules.dep.bin", b"");
    world.file("lib/modules/6.1/modules.dep.bin", b"");
    world.file("lib/modules/gone/x", b"");
    let line = unknown_name(b"a", &kernel)[0].to_string();
    assert!(line.ends_with("installed are those of 6.1, 6.2); after an upgrade: reboot"), "{line}");
}

#[test]
fn a_name_where_a_file_is_wanted() {
    let world = World::new();
    let database = world.database();
    let kernel = KernelFacts::running("6.1.0-test".as_ref(), &database, world.root.path());
    let line = no_file("reference".as_ref(), &kernel)[0].to_string();
    assert!(line.ends_with("modprobe reference"), "{line}");
    assert_eq!(no_file("/reference".as_ref(), &kernel), []);
    assert_eq!(no_file("other".as_ref(), &kernel), []);
}

fn kept(world: &World, recorder: &Recorder, module: &str) -> Vec<String> {
    let database = world.database();
    let facts = KernelFacts::running("6.1.0-test".as_ref(), &database, world.root.path());
    let found = in_use(&ModuleName::new(module.as_bytes()), recorder, &facts);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn who_keeps_a_module_in() {
    let world = World::new();
    let kernel = Recorder::new("6.1.0-test").with_loaded("used").with_loaded("user");
    let kernel = kernel.with_uses("user", &["used"]);
    assert!(kept(&world, &kernel, "used")[0].contains("other modules use used (user)"));
    assert!(kept(&world, &kernel, "usd")[0].contains("the nearest is used"));
    assert_eq!(kept(&world, &kernel, "user"), [""; 0]);
    world.file("proc/modules", b"user 4096 1 [permanent], Live 0x0\n");
    assert!(kept(&world, &kernel, "user")[0].contains("cannot be removed at all"));
    world.file("proc/sys/kernel/modules_disabled", b"1\n");
    assert!(kept(&world, &kernel, "used")[0].contains("until it is booted again"));
    world.file("proc/self/status", b"Uid:\t7\t7\t7\t7\nCapEff:\t0\n");
    assert!(kept(&world, &kernel, "used")[0].contains("(this is user 7)"));
    let kernel = kernel.with_state("between", InitState::Going);
    assert!(kept(&world, &kernel, "between")[0].contains("(this is user 7)"));
}

#[test]
fn lines_of_the_configuration_are_told_with_their_place() {
    let origin = Origin { file: PathBuf::from("/etc/modprobe.d/x.conf").as_path().into(), line: 3 };
    let module = ModuleName::new(b"a");
    let command = b"/bin/false".to_vec();
    let line = Cause::InstallCommand { module, command, origin };
    assert!(line.to_string().contains("(/etc/modprobe.d/x.conf:3: install a /bin/false)"));
}
