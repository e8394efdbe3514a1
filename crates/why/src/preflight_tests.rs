use komod_fixtures::{Class, Endian, ModuleSpec, Packing, Pkcs7, Signed, pack};
use komod_probe::Force;

use crate::world::{World, own, plain};
use crate::{Cause, Way};

#[track_caller]
fn one(world: &World, module: &ModuleSpec, expected: &str) {
    let found = world.lines(&module.build());
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains(expected), "{found:#?}");
}

#[test]
fn what_fits_has_nothing_against_it() {
    let world = World::new();
    assert_eq!(world.lines(&plain("a").build()), [""; 0]);
    assert_eq!(world.lines(&own("a").build()), [""; 0]);
    let versions_decide = plain("a").modinfo("x", "y");
    assert_eq!(world.lines(&versions_decide.build()), [""; 0]);
}

#[test]
fn files_that_are_no_modules() {
    let world = World::new();
    for (bytes, expected) in [
        (&b""[..], "the file is empty"),
        (b"no module at all\n", "looks like text"),
        (b"<html><body>", "looks like a web page"),
        (&[0; 100], "nothing but zeros"),
    ] {
        let found = world.lines(bytes);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn files_that_are_cut_short_or_stripped() {
    let world = World::new();
    let whole = plain("a").build();
    let found = world.lines(&whole[..whole.len() - 100]);
    assert!(found[0].contains("cut short"), "{found:?}");
    let size = format!("{} bytes of {}", whole.len() - 100, whole.len());
    assert!(found[0].contains(&size), "{found:?}");
    let mut library = whole.clone();
    library[16] = 3;
    assert!(world.lines(&library)[0].contains("shared library"));
    for length in 0..whole.len() {
        assert!(!world.lines(&whole[..length]).is_empty(), "{length}");
    }
}

#[test]
fn what_the_kernel_does_not_unpack_is_told_where_it_unpacks_at_all() {
    let world = World::new();
    let packed = |packing| world.lines(&pack(&plain("a").build(), packing));
    assert_eq!(packed(Packing::XzCrc64), [""; 0]);
    world.file("sys/module/compression", b"xz\n");
    assert!(packed(Packing::XzCrc64)[0].ends_with("xz --check=crc32 --lzma2=dict=1MiB"));
    assert_eq!(packed(Packing::Xz), [""; 0]);
    assert_eq!(packed(Packing::Zstd), [""; 0], "the tools do it anyway");
}

#[test]
fn another_machine_is_told_by_both() {
    let world = World::new();
    let other = plain("a").class(Class::Elf64).endian(Endian::Big);
    one(&world, &other, "(s390x, 64 bit, big endian, this kernel is x86-64, 64 bit, little");
    one(&world, &plain("a").class(Class::Elf32), "(x86, 32 bit");
}

#[test]
fn another_kernel_is_told_by_both_magics() {
    let world = World::new();
    let magic = "5.10.0 SMP preempt mod_unload modversions ";
    let module = |magic: &str| {
        ModuleSpec::new("a")
            .modinfo("vermagic", magic)
            .section(".gnu.linkonce.this_module", vec![0; 64])
            .needs("printk")
    };
    let found = world.lines(&module(magic).build());
    assert_eq!(
        found,
        ["the module is built for another kernel (vermagic '5.10.0 SMP preempt mod_unload \
          modversions', here '6.1.0-test SMP preempt mod_unload modversions'); rebuild it: \
          make -C /lib/modules/6.1.0-test/build M=DIRECTORY modules"]
    );
    world.file("lib/modules/5.10.0/kernel/x", b"");
    one(&world, &module(magic), "it fits the installed 5.10.0: boot that");
    one(&world, &module("6.1.0-test mod_unload "), "another configuration of this kernel");
    let way = Way { force: Force { vermagic: true, modversions: false }, ..Way::default() };
    assert_eq!(world.look(&module(magic).build(), way), []);
}

#[test]
fn versions_of_symbols_are_compared() {
    let world = World::new();
    let layout = plain("a").section("x", vec![1]);
    assert_eq!(world.lines(&layout.build()), [""; 0]);
    let other = ModuleSpec::new("a").needs("printk").version("printk", 0x9999);
    let other = other.section(".gnu.linkonce.this_module", vec![0; 64]);
    one(&world, &other, "(printk 0x00009999, here 0x00002222 of the kernel)");
    let other = other.version("module_layout", 0x77);
    let found = world.lines(&other.build());
    assert!(found[0].contains("(module_layout 0x00000077, here 0x00001111)"), "{found:?}");
    let way = Way { force: Force { vermagic: false, modversions: true }, ..Way::default() };
    assert_eq!(world.look(&other.build(), way), []);
    let size = plain("a").build();
    let other = ModuleSpec::new("a").section(".gnu.linkonce.this_module", vec![0; 65]);
    one(&world, &other, "(struct module of 65 bytes, here 64)");
    assert_eq!(world.lines(&size), [""; 0]);
}

#[test]
fn symbols_of_other_modules_and_of_nobody() {
    let mut world = World::new();
    world.module("kernel/b.ko", &own("b").export("of_b", 5).build(), &["of_b"]);
    let module = plain("a").needs("of_b").version("of_b", 5);
    let found = world.lines(&module.build());
    assert!(found[0].contains("comes from module b, which is not loaded (of_b in "), "{found:?}");
    assert!(found[0].ends_with("kernel/b.ko); modprobe b"), "{found:?}");
    world.file("sys/module/b/initstate", b"live\n");
    assert_eq!(world.lines(&module.build()), [""; 0]);
    let other = plain("a").needs("of_b").version("of_b", 6);
    one(&world, &other, "(of_b 0x00000006, here 0x00000005 of module b)");
    one(&world, &plain("a").needs("of_nobody"), "nobody exports a symbol");
    let weak = plain("a").needs_weak("of_nobody");
    assert_eq!(world.lines(&weak.build()), [""; 0]);
}

#[test]
fn terms_of_symbols() {
    let world = World::new();
    let closed = ModuleSpec::new("a").modinfo("license", "Proprietary").needs("gpl_thing");
    let closed = closed.section(".gnu.linkonce.this_module", vec![0; 64]);
    one(&world, &closed, "under the GPL alone (gpl_thing; license=Proprietary)");
    assert_eq!(world.lines(&plain("a").needs("gpl_thing").build()), [""; 0]);
    one(&world, &plain("a").needs("spaced"), "(spaced is in SPACE)");
    let imports = plain("a").needs("spaced").modinfo("import_ns", "SPACE");
    assert_eq!(world.lines(&imports.build()), [""; 0]);
}

#[test]
fn signatures_where_they_are_wanted() {
    let world = World::new();
    let unsigned = plain("a");
    let signed = plain("a").signed(Signed::Pkcs7(Pkcs7::by("My key", &[0x12, 0xab], b"x")));
    assert_eq!(world.lines(&unsigned.build()), [""; 0]);
    world.file("sys/kernel/security/lockdown", b"none [integrity] confidentiality\n");
    one(&world, &unsigned, "not signed (the kernel is locked down: integrity)");
    world.file("sys/module/module/parameters/sig_enforce", b"Y\n");
    one(&world, &unsigned, "not signed (the kernel has sig_enforce=Y)");
    assert_eq!(world.lines(&signed.build()), [""; 0], "nobody says which keys there are");
    world.file("proc/keys", b"0b I--- 1 perm 1 0 0 asymmetri Other: 6cce: X509.rsa 419e []\n");
    one(&world, &signed, "probably the module is signed with a key that the kernel does not");
    one(&world, &signed, "(signer My key, key 12:AB, not in /proc/keys;");
    let way = Way { force: Force { vermagic: true, modversions: false }, ..Way::default() };
    let found = world.look(&signed.build(), way);
    assert!(matches!(found[0].cause, Cause::ForcedUnsigned { .. }), "{found:?}");
    let raw = Signed::Raw { fields: [0, 0, 2, 1, 0], body: vec![1; 9], sig_len: 8 };
    one(&world, &plain("a").signed(raw), "(fields that must be 0 are not)");
    let raw = Signed::Raw { fields: [0, 0, 2, 0, 0], body: vec![], sig_len: u32::MAX };
    one(&world, &plain("a").signed(raw), "(it is longer than the file)");
}

#[test]
fn the_kernel_itself_may_say_no() {
    let world = World::new();
    world.file("proc/cmdline", b"quiet module_blacklist=b,a\n");
    one(&world, &plain("a"), "forbids module a (module_blacklist=)");
    world.file("proc/cmdline", b"quiet module_blacklist=b,aa\n");
    world.file("proc/sys/kernel/modules_disabled", b"1\n");
    one(&world, &plain("a"), "until it is booted again");
}

#[test]
fn values_of_parameters() {
    let world = World::new();
    let module = plain("a").modinfo("parmtype", "number:int").build();
    let way = Way { parameters: b"number=abc numbre=1 dyndbg=+p", ..Way::default() };
    let found = world.look(&module, way);
    assert_eq!(found.len(), 2);
    let line = found[0].to_string();
    assert!(line.contains("(number is of type int, the value 'abc')"), "{line}");
    let line = found[1].to_string();
    assert!(line.starts_with("probably module a has no parameter 'numbre'"), "{line}");
}
