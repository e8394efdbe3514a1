use std::path::Path;

use komod_fixtures::{ModuleSpec, Pkcs7, Signed};
use komod_kernel::Errno;
use komod_probe::Force;

use crate::world::{World, own, plain};
use crate::{Attempt, Finding, KernelFacts, Way, causes, ignored_parameters};

const KEY: fn() -> Signed = || Signed::Pkcs7(Pkcs7::by("My key", &[0x12], b"x"));

/// What is found of a module `a` that was refused, with these lines in the log.
fn found(world: &World, module: &[u8], errno: Errno, way: Way<'_>, log: &[&str]) -> Vec<Finding> {
    let lines: String = log.iter().map(|line| format!("6,1,5000000,-;{line}\n")).collect();
    world.file("dev/kmsg", lines.as_bytes());
    // A process that has just begun.
    world.file(
        "proc/self/stat",
        b"7 (modprobe) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99999999999 1",
    );
    unlogged(world, module, errno, way)
}

/// The same where the log cannot be read.
fn unlogged(world: &World, module: &[u8], errno: Errno, way: Way<'_>) -> Vec<Finding> {
    let path = world.file("root/a.ko", module);
    let database = world.database();
    let kernel = KernelFacts::running("6.1.0-test".as_ref(), &database, world.root.path());
    let way = Way { alone: true, ..way };
    causes(Attempt { path: &path, errno: errno as i32, way }, &kernel)
}

#[track_caller]
fn one(world: &World, module: &ModuleSpec, errno: Errno, log: &[&str], expected: &str) {
    one_of(world, &module.build(), errno, Way::default(), log, expected);
}

#[track_caller]
fn one_of(world: &World, module: &[u8], errno: Errno, way: Way<'_>, log: &[&str], expected: &str) {
    let found = found(world, module, errno, way, log);
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains(expected), "{lines:#?}");
}

#[test]
fn what_the_log_says_is_put_together_with_the_file() {
    let mut world = World::new();
    world.module("kernel/b.ko", &own("b").export("of_b", 5).build(), &["of_b"]);
    let magic = "a: version magic '5.1 SMP ' should be '6.1 SMP '";
    one(&world, &plain("a"), Errno::ENOEXEC, &[magic], "(vermagic '5.1 SMP', here '6.1 SMP')");
    let layout = ["a: disagrees about version of symbol module_layout"];
    let other = plain("a").version("module_layout", 0x77);
    one(&world, &other, Errno::ENOEXEC, &layout, "(module_layout 0x00001111, here another)");
    let version = ["a: disagrees about version of symbol of_b", "a: Unknown symbol of_b (err -22)"];
    world.file("sys/module/b/initstate", b"live\n");
    let other = plain("a").needs("of_b").version("of_b", 6);
    one(&world, &other, Errno::EINVAL, &version, "(of_b 0x00000006, here 0x00000005 of module b)");
    std::fs::remove_file(world.root.path().join("sys/module/b/initstate")).unwrap();
    let symbol = ["a: Unknown symbol of_b (err -2)"];
    one(&world, &other, Errno::ENOENT, &symbol, "comes from module b, which is not loaded (of_b");
    let symbol = ["a: Unknown symbol odd (err -2)"];
    one(&world, &plain("a").needs("odd"), Errno::ENOENT, &symbol, "nobody exports");
    let symbol = ["a: Unknown symbol gpl_thing (err -2)"];
    let closed = ModuleSpec::new("a").modinfo("license", "Own").needs("gpl_thing");
    one(&world, &closed, Errno::ENOENT, &symbol, "(gpl_thing; license=Own)");
    let space = ["a: module uses symbol (spaced) from namespace SPACE, but does not import it."];
    one(&world, &plain("a"), Errno::EINVAL, &space, "(spaced is in SPACE)");
    let twice = ["a: exports duplicate symbol s (owned by kernel)"];
    one(&world, &plain("a"), Errno::ENOEXEC, &twice, "(s is kernel's)");
    let taken = ["a: module is already loaded"];
    one(&world, &plain("a"), Errno::EINVAL, &taken, "(/sys/module/a); it is built in");
    let size = ["module a: .gnu.linkonce.this_module section size must match the kernel's"];
    let other = ModuleSpec::new("a").section(".gnu.linkonce.this_module", vec![0; 65]);
    one(&world, &other, Errno::ENOEXEC, &size, "struct module of 65 bytes, here 64");
    let waits = ["a: gave up waiting for init of module b."];
    one(&world, &plain("a"), Errno::EBUSY, &waits, "module b, which it needs, does not come");
}

#[test]
fn values_of_parameters_are_told_with_their_types() {
    let world = World::new();
    let module = plain("a").modinfo("parmtype", "number:int");
    let line = ["a: `abc' invalid for parameter `number'"];
    one(&world, &module, Errno::EINVAL, &line, "(number is of type int, the value 'abc')");
    let line = ["a: `7' invalid for parameter `number'", "a: `99' invalid for parameter `other'"];
    one(&world, &module, Errno::ERANGE, &line, "(other is of an unknown type, the value '99')");
}

#[test]
fn signatures_that_are_refused() {
    let world = World::new();
    let enforced = |what: &str| format!("Loading of {what} is rejected");
    let line = enforced("unsigned module");
    one(&world, &plain("a"), Errno::EKEYREJECTED, &[&line], "not signed (the kernel has sig_enf");
    let signed = plain("a").signed(KEY());
    let way = Way { force: Force { vermagic: true, modversions: true }, ..Way::default() };
    let bytes = signed.build();
    one_of(&world, &bytes, Errno::EKEYREJECTED, way, &[&line], "a forced module counts as");
    let line = enforced("module with unavailable key");
    one(&world, &signed, Errno::EKEYREJECTED, &[&line], "(signer My key, key 12, /proc/keys tells");
    let line = enforced("module with unsupported crypto");
    one(&world, &signed, Errno::EKEYREJECTED, &[&line], "in a way that the kernel does not know");
    one(&world, &signed, Errno::EKEYREJECTED, &[], "signature of My key does not fit");
    world.file("sys/kernel/security/lockdown", b"none [integrity] confidentiality\n");
    let line = "Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7";
    one(&world, &plain("a"), Errno::EPERM, &[line], "(the kernel is locked down: integrity)");
}

#[test]
fn who_forbids_it() {
    let world = World::new();
    let status = |caps: &str| format!("Name:\tx\nUid:\t1\t1000\t1\t1\nCapEff:\t{caps}\n");
    world.file("proc/self/status", status("0000000000000000").as_bytes());
    one(&world, &plain("a"), Errno::EPERM, &[], "(this is user 1000); sudo");
    world.file("proc/self/status", status("000001ffffffffff").as_bytes());
    let line = "Module a is blacklisted";
    one(&world, &plain("a"), Errno::EPERM, &[line], "forbids module a");
    let line = "loadpin: kernel-module denied obj=\"/a.ko\" pid=7 cmdline=\"insmod\"";
    one(&world, &plain("a"), Errno::EPERM, &[line], "LoadPin takes modules from one file system");
    let line = "audit: type=1800 audit(1:2): op=appraise_data cause=IMA-signature-required res=0";
    one(&world, &plain("a"), Errno::EACCES, &[line], "IMA does not trust the file");
    assert_eq!(found(&world, &plain("a").build(), Errno::EPERM, Way::default(), &[]), []);
    world.file("proc/sys/kernel/modules_disabled", b"1\n");
    one(&world, &plain("a"), Errno::EPERM, &[], "until it is booted again");
}

#[test]
fn the_modules_own_reasons() {
    let world = World::new();
    let line = ["a: the board does not answer", "other: unrelated"];
    let module = plain("a");
    one(&world, &module, Errno::ENODEV, &line, "it is for (\"a: the board does not answer\")");
    one(&world, &module, Errno::ENODEV, &line[1..], "(meanwhile the log has: \"other: unrel");
    one(&world, &module, Errno::ENODEV, &[], "(the log has no line of it); lspci -k");
    one(&world, &module, Errno::EIO, &line[..1], "module a itself gave up while it started");
    one(&world, &module, Errno::EINVAL, &line[..1], "probably module a itself gave up");
    assert_eq!(unlogged(&World::new(), &module.build(), Errno::EINVAL, Way::default()), []);
}

#[test]
fn what_has_one_meaning_needs_no_log() {
    let world = World::new();
    let lines = |errno, bytes: &[u8]| {
        let found = unlogged(&world, bytes, errno, Way::default());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let whole = plain("a").build();
    assert!(lines(Errno::EEXIST, &whole)[0].contains("in the kernel already"));
    assert!(lines(Errno::ETXTBSY, &whole)[0].contains("open to write into it"));
    assert!(lines(Errno::ENOSYS, &whole)[0].contains("no loadable modules"));
    assert!(lines(Errno::EBUSY, &whole)[0].starts_with("probably module a is being loaded"));
    world.file("sys/module/a/initstate", b"coming\n");
    assert!(lines(Errno::EBUSY, &whole)[0].starts_with("module a is being loaded"));
    assert!(lines(Errno::ENOEXEC, &whole[..500])[0].contains("cut short"));
    assert!(lines(Errno::EINVAL, b"")[0].contains("the file is empty"));
    // The kernel says where it lacks memory, or the module's own code lacks it.
    assert_eq!(lines(Errno::ENOMEM, &whole), [""; 0]);
    let line = ["execmem: unable to allocate memory"];
    one(&world, &plain("a"), Errno::ENOMEM, &line, "(\"execmem: unable to allocate memory\")");
    // It has to do with the size of the file, which is small, or with the module.
    assert_eq!(lines(Errno::EFBIG, &whole), [""; 0]);
    // Its words say all that is certain.
    assert_eq!(lines(Errno::EINTR, &whole), [""; 0]);
}

#[test]
fn what_the_log_does_not_confirm_is_not_claimed() {
    let world = World::new();
    let other = plain("a").needs("odd");
    assert_eq!(found(&world, &other.build(), Errno::ENOENT, Way::default(), &[]), []);
    let found = unlogged(&World::new(), &other.build(), Errno::ENOENT, Way::default());
    assert_eq!(found[0].doubt, Some("the kernel's log cannot be read"));
    // Another errno than that of the cause.
    let line = ["a: version magic 'x ' should be 'y '"];
    let wrong = |errno| self::found(&world, &plain("a").build(), errno, Way::default(), &line);
    assert_eq!(wrong(Errno::ENOMEM), []);
    assert_eq!(wrong(Errno::ENOEXEC).len(), 1);
}

#[test]
fn ignored_parameters_are_told_by_the_log() {
    let world = World::new();
    let module = plain("a").modinfo("parmtype", "number:int").build();
    let path = world.file("root/a.ko", &module);
    let look = |text: &str| {
        let database = world.database();
        let kernel = KernelFacts::running("6.1.0-test".as_ref(), &database, world.root.path());
        let found = ignored_parameters(Path::new(&path), text.as_bytes(), &kernel);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(look("numbre=1"), [""; 0], "the log says nothing");
    found(
        &world,
        &module,
        Errno::EINVAL,
        Way::default(),
        &["a: unknown parameter 'numbre' ignored"],
    );
    assert!(
        look("numbre=1")[0]
            .contains("no parameter 'numbre' (the kernel ignores it); the nearest is 'number'")
    );
    assert_eq!(look("number=1 dyndbg=+p"), [""; 0]);
}
