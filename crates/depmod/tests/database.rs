//! Small trees through all of it: from module files to the database.
#![allow(clippy::restriction)]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use komod_config::{DepmodConfig, Search};
use komod_depmod::{
    Checks, Database, Finding, Graph, KernelSymbols, Reading, Symbols, Unreadable, is_fresh,
    load_modules, publish, scan, sort_modules,
};
use komod_fixtures::{Class, Endian, ModuleSpec, Packing, Tree, pack};
use komod_index::Index;

/// What came of a tree.
struct Built {
    files: BTreeMap<&'static str, Vec<u8>>,
    text: String,
    findings: Vec<String>,
    /// Modules in circles, if that was the end.
    circles: Option<usize>,
}

#[derive(Default)]
struct How {
    symvers: Option<&'static str>,
    prefix: Option<u8>,
    duplicates: bool,
    workers: Option<NonZeroUsize>,
}

fn build(dir: &Path, config: &DepmodConfig, how: &How) -> Built {
    let mut findings = Vec::new();
    let mut sink = |finding: Finding<'_>| findings.push(said(&finding));
    let mut symbols = Symbols::default();
    if let Some(text) = how.symvers {
        KernelSymbols::from_symvers(text.as_bytes(), b"symvers", how.prefix, &mut sink)
            .enter(&mut symbols);
    }
    let found = scan(dir, config, &mut sink).unwrap();
    let mut catalog = sort_modules(found, dir, &mut sink);
    let reading = Reading {
        workers: how.workers.unwrap_or(NonZeroUsize::MIN),
        prefix: how.prefix,
        checks: how.symvers.is_some(),
        more_if_waiting: false,
        tales: false,
    };
    load_modules(&mut catalog, &mut symbols, reading, &mut sink);
    let checks = Checks { unknown: how.symvers.is_some(), versions: how.symvers.is_some() };
    let graph = match Graph::resolve(&catalog, &symbols, checks, &mut sink) {
        Ok(graph) => graph,
        Err(error) => {
            let circles = Some(error.modules);
            return Built { files: BTreeMap::new(), text: String::new(), findings, circles };
        }
    };
    let database = Database {
        catalog: &catalog,
        symbols: &symbols,
        graph: &graph,
        dir,
        tell_duplicates: how.duplicates,
    };
    let text = String::from_utf8_lossy(&database.text(&mut |_| {})).into_owned();
    let workers = how.workers.unwrap_or(NonZeroUsize::MIN);
    let files = database.files(workers, None, &mut sink).unwrap();
    let files = files.into_iter().map(|file| (file.name, file.contents)).collect();
    Built { files, text, findings, circles: None }
}

/// A finding in few words.
fn said(finding: &Finding<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let name = |path: &[u8]| text(path.rsplit(|&b| b == b'/').next().unwrap());
    match finding {
        Finding::Needs { path, symbol, owner } => {
            format!("{} {} {}", name(path), text(symbol), name(owner))
        }
        Finding::Unreadable { path, why: Unreadable::File(_) } => format!("file {}", name(path)),
        Finding::Unreadable { path, why: Unreadable::Elf(_) } => format!("elf {}", name(path)),
        Finding::UnknownSymbol { path, symbol } => {
            format!("{} unknown {}", name(path), text(symbol))
        }
        Finding::OtherVersion { path, symbol } => {
            format!("{} version {}", name(path), text(symbol))
        }
        Finding::BadByte { index, text: entry, byte } => {
            format!("{index} {:?} {byte:#x}", text(entry))
        }
        Finding::UnmatchedBracket { alias } => format!("bracket {}", text(alias)),
        Finding::DuplicateAlias { alias, module } => {
            format!("twice {} {}", text(alias), text(module))
        }
        Finding::Input { name, .. } => format!("no {name}"),
        Finding::BuiltinLine { line } => format!("builtin {:?}", text(line)),
        Finding::DevnameWithoutNumbers { module, .. } => format!("devname {}", text(module)),
        Finding::CyclesTotal { modules } => format!("{modules} in circles"),
        other => format!("{other:?}"),
    }
}

fn written(tree: &Tree) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let dir = tree.write(root.path()).unwrap();
    (root, dir)
}

fn of(tree: &Tree) -> Built {
    let (_root, dir) = written(tree);
    build(&dir, &DepmodConfig::default(), &How::default())
}

/// `top` needs `middle` and `base`, `middle` needs `base`.
fn chain(class: Class, endian: Endian, suffix: &str) -> Tree {
    let module = |name: &str| ModuleSpec::new(name).class(class).endian(endian);
    let top = module("top")
        .needs("middle_symbol")
        .needs("base_symbol")
        .needs("of_the_kernel")
        .modinfo("alias", "pci:v-d*[a-f]-x")
        .modinfo("alias", "char-major-10-200")
        .modinfo("alias", "devname:net/tun")
        .modinfo("softdep", "pre: base post: other")
        .modinfo("weakdep", "some thing");
    let middle = module("middle").needs("base_symbol").export("middle_symbol", 1);
    let base = module("base").export_in_section("base_symbol", 2);
    Tree::new("1.0")
        .module(&format!("kernel/top.ko{suffix}"), &top)
        .module(&format!("kernel/mid-dle.ko{suffix}"), &middle)
        .module(&format!("updates/base.ko{suffix}"), &base)
        .builtin(["kernel/in-side.ko", "kernel/other.ko"])
        .builtin_modinfo(["in_side.alias=b-[a-b]", "in_side.license=GPL"])
}

const CHAIN: &str = "\
kernel/top.ko: kernel/mid-dle.ko updates/base.ko
kernel/mid-dle.ko: updates/base.ko
updates/base.ko:
# Aliases extracted from modules themselves.
alias pci:v-d*[a-f]-x top
alias char-major-10-200 top
alias devname:net/tun top
# Soft dependencies extracted from modules themselves.
softdep top pre: base post: other
# Weak dependencies extracted from modules themselves.
weakdep top some thing
# Aliases for symbols, used by symbol_request().
alias symbol:middle_symbol mid_dle
alias symbol:base_symbol base
# Device nodes to trigger on-demand module loading.
top net/tun c10:200
";

#[test]
fn every_class_and_byte_order_gives_the_same_database() {
    for class in [Class::Elf32, Class::Elf64] {
        for endian in [Endian::Little, Endian::Big] {
            let built = of(&chain(class, endian, ""));
            assert_eq!(built.text, CHAIN, "{class:?} {endian:?}");
            assert_eq!(built.findings.len(), 3, "three edges and nothing odd");
        }
    }
}

#[test]
fn every_packing_gives_the_same_database_but_for_the_suffix() {
    for suffix in [".gz", ".xz", ".zst"] {
        let text = of(&chain(Class::Elf64, Endian::Little, suffix)).text;
        assert_eq!(text.replace(suffix, ""), CHAIN);
    }
    // The first bytes say how a file is packed, not its name.
    let plain = ModuleSpec::new("a").export("a_symbol", 1).build();
    let tree = Tree::new("1.0")
        .module_bytes("a.ko.xz", plain.clone())
        .module_bytes("b.ko", pack(&ModuleSpec::new("b").needs("a_symbol").build(), Packing::Gzip));
    assert!(of(&tree).text.starts_with("a.ko.xz:\nb.ko: a.ko.xz\n"));
}

#[test]
fn indexes_answer_what_the_texts_say() {
    let files = of(&chain(Class::Elf64, Endian::Little, "")).files;
    let index = |name| Index::from_bytes(files[name].clone()).unwrap();
    let found = |name, key: &str| {
        let index = index(name);
        let values = index.find_matching(key.as_bytes());
        values.iter().map(|v| String::from_utf8_lossy(v.value).into_owned()).collect::<Vec<_>>()
    };
    let line = b"kernel/mid-dle.ko: updates/base.ko";
    assert_eq!(index("modules.dep.bin").find(b"mid_dle"), Some(&line[..]));
    assert_eq!(found("modules.alias.bin", "pci:v_dxyzc_x"), ["top"]);
    assert_eq!(found("modules.symbols.bin", "symbol:base_symbol"), ["base"]);
    assert_eq!(index("modules.builtin.bin").find(b"in_side"), Some(&b""[..]));
    assert_eq!(found("modules.builtin.alias.bin", "b_a"), ["in_side"]);
}

#[test]
fn a_damaged_module_stays_without_what_cannot_be_read() {
    let whole = ModuleSpec::new("a").export("a_symbol", 1).build();
    let bad = ModuleSpec::new("b")
        .needs("a_symbol")
        .modinfo("alias", "still-there")
        .section("__ksymtab_strings", b"unended");
    let tree = Tree::new("1.0")
        .module_bytes("empty.ko", [])
        .module_bytes("text.ko", b"no module at all".to_vec())
        .module_bytes("cut.ko.xz", &pack(&whole, Packing::Xz)[..40])
        .module("b.ko", &bad)
        .module_bytes("a.ko", whole);
    let built = of(&tree);
    assert!(built.text.starts_with("empty.ko:\ntext.ko:\ncut.ko.xz:\nb.ko: a.ko\na.ko:\n"));
    assert!(built.text.contains("alias still-there b\n"));
    let unreadable = ["file empty.ko", "elf text.ko", "file cut.ko.xz", "elf b.ko"];
    assert_eq!(built.findings[..4], unreadable);
}

#[test]
fn what_an_index_cannot_hold_is_left_out_and_told() {
    let spec = ModuleSpec::new("a")
        .modinfo_raw(b"alias=b\xc3\xa4d".to_vec())
        .modinfo("alias", "go-od")
        .modinfo("alias", "open[")
        .modinfo("alias", "go_od");
    let tree = Tree::new("1.0").module("a.ko", &spec).builtin(["a/x.ko", "\u{e4}.ko", "b/y.ko"]);
    let (_root, dir) = written(&tree);
    let how = How { duplicates: true, ..How::default() };
    let built = build(&dir, &DepmodConfig::default(), &how);
    let expected = [
        "modules.alias.bin \"b\u{e4}d\" 0xc3",
        "twice go_od a",
        "bracket open[",
        "builtin \"\u{e4}.ko\\n\"",
    ];
    let mut findings = built.findings.clone();
    findings.sort_by_key(|f| expected.iter().position(|e| e == f));
    assert_eq!(findings, expected);
    let aliases = Index::from_bytes(built.files["modules.alias.bin"].clone()).unwrap();
    assert_eq!(aliases.find(b"go_od"), Some(&b"a"[..]));
    assert!(built.text.contains("alias open[ a\n"));
    assert_eq!(built.files.len(), 11);
}

#[test]
fn missing_lists_give_valid_empty_indexes() {
    let built = of(&Tree::new("1.0").without_lists());
    let warned = ["no modules.order", "no modules.builtin", "no modules.builtin.modinfo"];
    assert_eq!(built.findings, warned);
    for name in ["modules.builtin.bin", "modules.builtin.alias.bin", "modules.dep.bin"] {
        assert_eq!(built.files[name], b"\xb0\x07\xf4\x57\0\x02\0\x01\0\0\0\x0c", "{name}");
    }
    assert_eq!(built.files["modules.devname"], b"");
}

#[test]
fn symbols_are_held_against_the_kernel_s_and_the_modules_own() {
    let user = ModuleSpec::new("user")
        .needs("right")
        .needs("wrong")
        .needs("nowhere")
        .needs(".dotted")
        .needs_weak("optional")
        .version("right", 0x12)
        .version("wrong", 0x99)
        .version(".dotted", 0x14);
    let owner = ModuleSpec::new("owner").export("dotted", 0x14);
    let tree = Tree::new("1.0").module("user.ko", &user).module("owner.ko", &owner);
    let (_root, dir) = written(&tree);
    let symvers = "0x12\tright\tvmlinux\tEXPORT_SYMBOL\t\n0x13\twrong\tvmlinux\tEXPORT_SYMBOL\t\n";
    let how = How { symvers: Some(symvers), ..How::default() };
    let built = build(&dir, &DepmodConfig::default(), &how);
    assert_eq!(
        built.findings,
        ["user.ko version wrong", "user.ko unknown nowhere", "user.ko dotted owner.ko"]
    );
}

#[test]
fn one_prefix_byte_is_taken_from_exports_and_needs() {
    let tree = Tree::new("1.0")
        .module("a.ko", &ModuleSpec::new("a").export("_plain", 1).export("__two", 1))
        .module("b.ko", &ModuleSpec::new("b").needs("_plain").needs("._two"));
    let (_root, dir) = written(&tree);
    let how = How { prefix: Some(b'_'), ..How::default() };
    let built = build(&dir, &DepmodConfig::default(), &how);
    assert_eq!(built.findings, ["b.ko plain a.ko"]);
    assert!(built.text.contains("alias symbol:_two a\n"));
}

#[test]
fn modules_in_circles_end_it() {
    let module = |name: &str, needs: &str| ModuleSpec::new(name).needs(needs).export(name, 1);
    let tree = Tree::new("1.0")
        .module("a.ko", &module("a", "b"))
        .module("b.ko", &module("b", "a"))
        .module("c.ko", &module("c", "a"));
    let built = of(&tree);
    assert_eq!(built.circles, Some(2));
    assert_eq!(built.findings.last().map(String::as_str), Some("2 in circles"));
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let mut tree = Tree::new("1.0");
    for number in 0..300 {
        let spec = ModuleSpec::new(&format!("m{number}"))
            .export(&format!("s{number}"), number)
            .needs(&format!("s{}", number / 2))
            .version(&format!("s{}", number / 3), 7)
            .modinfo("alias", &format!("pci:v{:04}*", number % 10))
            .modinfo("alias", ["fine:a", "open:["][number as usize % 2]);
        // Few of them are sound, and they are packed in every way.
        tree = match number % 7 {
            0 => tree.file(&format!("m{number}.ko"), b"no module at all"),
            1 => tree.file(&format!("m{number}.ko.xz"), pack(&spec.build(), Packing::Xz)),
            2 => tree.file(&format!("m{number}.ko.zst"), &pack(&spec.build(), Packing::Zstd)[..99]),
            3 => tree.file(&format!("m{number}.ko.zst"), pack(&spec.build(), Packing::Zstd)),
            _ => tree.module(&format!("m{number}.ko"), &spec),
        };
    }
    let (_root, dir) = written(&tree);
    for symvers in [None, Some("0x7 s1 vmlinux\n")] {
        let of = |workers| {
            let how = How { symvers, workers: NonZeroUsize::new(workers), ..How::default() };
            build(&dir, &DepmodConfig::default(), &how)
        };
        let one = of(1);
        assert!(one.findings.len() > 50);
        assert!(one.findings.iter().any(|finding| finding.contains("open:[")));
        for workers in [2, 3, 8] {
            let several = of(workers);
            assert_eq!(several.findings, one.findings);
            assert!(several.files == one.files);
        }
    }
}

#[test]
fn a_database_is_fresh_until_something_changes() {
    let (_root, dir) = written(&chain(Class::Elf64, Endian::Little, ""));
    let found = || scan(&dir, &DepmodConfig::default(), &mut |_| {}).unwrap();
    let fresh = || is_fresh(&dir, &found(), &[]);
    assert!(fresh().is_err(), "there is no modules.dep");
    let make = || {
        let built = build(&dir, &DepmodConfig::default(), &How::default());
        for (name, contents) in &built.files {
            fs::write(dir.join(name), contents).unwrap();
        }
        // Whatever the resolution of the clock: made after its modules.
        set_time(&dir.join("modules.dep"), 1_000_000);
    };
    let old = |path: &Path| set_time(path, 900_000);
    for entry in ["kernel/top.ko", "kernel/mid-dle.ko", "updates/base.ko"] {
        old(&dir.join(entry));
    }
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        old(&dir.join(list));
    }
    make();
    let settle = || ["kernel", "updates"].map(|name| old(&dir.join(name)));
    settle();
    assert!(fresh().unwrap());
    // The directory of the database is newer than that.
    set_time(&dir, 1_000_001);
    assert!(fresh().unwrap());
    set_time(&dir.join("kernel/top.ko"), 1_000_001);
    assert!(!fresh().unwrap(), "a newer module");
    old(&dir.join("kernel/top.ko"));
    set_time(&dir.join("modules.builtin"), 1_000_001);
    assert!(!fresh().unwrap(), "a newer list");
    old(&dir.join("modules.builtin"));
    fs::copy(dir.join("kernel/top.ko"), dir.join("kernel/old-but-new.ko")).unwrap();
    old(&dir.join("kernel/old-but-new.ko"));
    assert!(!fresh().unwrap(), "one module more");
    fs::rename(dir.join("kernel/old-but-new.ko"), dir.join("kernel/top.ko")).unwrap();
    assert!(!fresh().unwrap(), "another in its place");
    settle();
    assert!(fresh().unwrap());
    fs::remove_file(dir.join("modules.symbols.bin")).unwrap();
    assert!(!fresh().unwrap(), "a missing file");
    make();
    for name in ["modules.dep.bin", "modules.alias.bin", "modules.symbols.bin"] {
        fs::write(dir.join(name), "").unwrap();
        assert!(!fresh().unwrap(), "an emptied index");
        make();
    }
    // kmod's own, without lists of the kernel's build.
    fs::write(dir.join("modules.builtin.alias.bin"), "").unwrap();
    assert!(fresh().unwrap());
    fs::remove_file(dir.join("updates/base.ko")).unwrap();
    assert!(!fresh().unwrap(), "one module less");
}

fn set_time(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// The paths that stay, with this depmod.d.
fn chosen(config: &str, modules: &[&str]) -> Vec<String> {
    let mut tree = Tree::new("1.0");
    for path in modules {
        tree = tree.module(path, &ModuleSpec::new("m"));
    }
    let (root, dir) = written(&tree.file("depmod.conf", config));
    let search = Search::only(vec![root.path().join("depmod.conf")]);
    let found = scan(&dir, &DepmodConfig::load(&search, b"1.0"), &mut |_| {}).unwrap();
    found.iter().map(|f| String::from_utf8_lossy(f.listed()).into_owned()).collect()
}

#[test]
fn of_several_files_the_preferred_one_stays() {
    let all = ["extra/m.ko", "kernel/m.ko", "upd/m.ko", "updates/m.ko"];
    assert_eq!(chosen("", &all), ["updates/m.ko"]);
    assert_eq!(chosen("search extra updates built-in\n", &all), ["extra/m.ko"]);
    assert_eq!(chosen("search built-in updates\n", &all), ["extra/m.ko"]);
    assert_eq!(chosen("override m * kernel\nsearch updates\n", &all), ["kernel/m.ko"]);
    assert_eq!(chosen("override m 2.0 kernel\n", &all), ["updates/m.ko"]);
    assert_eq!(chosen("exclude updates\n", &all), ["extra/m.ko"]);
    // Where one place holds several, the last one in order of paths stays.
    assert_eq!(chosen("", &["updates/a/m.ko", "updates/b/m.ko"]), ["updates/b/m.ko"]);
    assert_eq!(chosen("", &["kernel/a/m.ko", "kernel/b/m.ko"]), ["kernel/a/m.ko"]);
}

#[test]
fn a_published_database_is_what_was_made() {
    let (root, dir) = written(&chain(Class::Elf64, Endian::Little, ""));
    let built = build(&dir, &DepmodConfig::default(), &How::default());
    let files: Vec<_> = built
        .files
        .iter()
        .map(|(name, contents)| komod_depmod::OutputFile {
            name,
            contents: contents.clone(),
            sum: 0,
        })
        .collect();
    let out = root.path().join("elsewhere");
    publish(&out, &files, None).unwrap();
    assert_eq!(fs::read_dir(&out).unwrap().count(), 11);
    for (name, contents) in &built.files {
        assert_eq!(&fs::read(out.join(name)).unwrap(), contents);
    }
}
