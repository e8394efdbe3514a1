//! What `--json` prints: every line parses, and says what the text says.
//!
//! `KOMOD_MODULES` in the environment names a directory of more modules to compare, and
//! `KOMOD_TREE` one of a release, `ROOT/lib/modules/RELEASE`, with its indexes.
#![allow(clippy::restriction)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use komod_fixtures::{Class, Endian, ModuleSpec, Packing, Pkcs7, Signed, Tree, pack};
use serde_json::Value;

fn run(tool: &str, words: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmod"));
    command.arg0(tool).env_clear().args(words).output().unwrap()
}

/// Every object of JSON Lines.
fn objects(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect(line));
    lines.inspect(|object: &Value| assert!(object.is_object(), "{object}")).collect()
}

/// The bytes of a text.
fn bytes(value: &Value) -> Vec<u8> {
    let Some(digits) = value.get("bytes") else {
        return value.as_str().unwrap().as_bytes().to_vec();
    };
    let bytes = unhex(digits);
    assert!(std::str::from_utf8(&bytes).is_err(), "{value} is text");
    bytes
}

fn unhex(digits: &Value) -> Vec<u8> {
    let digits = digits.as_str().unwrap().as_bytes();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// What `modinfo` without `--json` prints of the module.
fn text_of(module: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    let mut line = |key: &[u8], value: &[u8]| {
        let label = [key, b":"].concat();
        text.extend_from_slice(&label);
        text.resize(text.len() + 16_usize.saturating_sub(label.len()), b' ');
        text.extend_from_slice(value);
        text.push(b'\n');
    };
    line(b"filename", &bytes(&module["filename"]));
    let fields = module["fields"].as_array().unwrap();
    for field in fields {
        let key = bytes(&field["key"]);
        if key != b"parm" && key != b"parmtype" {
            line(&key, &bytes(&field["value"]));
        }
    }
    let signature = &module["signature"];
    if signature.is_object() {
        let hex = |bytes: Vec<u8>| {
            let lines = bytes.chunks(20).map(|line| {
                line.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
            });
            lines.collect::<Vec<_>>().join(":\n\t\t").into_bytes()
        };
        line(b"sig_id", &bytes(&signature["id"]));
        line(b"signer", &bytes(&signature["signer"]));
        line(b"sig_key", &hex(unhex(&signature["key"])));
        line(b"sig_hashalgo", &bytes(&signature["hash"]));
        line(b"signature", &hex(unhex(&signature["signature"])));
    }
    for parameter in module["parameters"].as_array().unwrap().iter().rev() {
        let of = |key: &str| (!parameter[key].is_null()).then(|| bytes(&parameter[key]));
        let rest = match (of("description"), of("type")) {
            (Some(text), Some(kind)) => [&text[..], b" (", &kind, b")"].concat(),
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => panic!("{parameter} says nothing"),
        };
        line(b"parm", &[&bytes(&parameter["name"])[..], b":", &rest].concat());
    }
    text
}

fn fixtures(directory: &Path) {
    let serial: Vec<u8> = (1..30).collect();
    let signature: Vec<u8> = (0..=255).collect();
    let mut count = 0;
    let mut write = |spec: &ModuleSpec, packing, ending: &str| {
        count += 1;
        let path = directory.join(format!("m{count:03}.ko{ending}"));
        fs::write(path, pack(&spec.build(), packing)).unwrap();
    };
    for (class, endian) in [
        (Class::Elf64, Endian::Little),
        (Class::Elf64, Endian::Big),
        (Class::Elf32, Endian::Little),
        (Class::Elf32, Endian::Big),
    ] {
        let bare = ModuleSpec::new("m").class(class).endian(endian);
        write(&bare, Packing::Plain, "");
        let full = bare
            .clone()
            .modinfo("license", "GPL")
            .modinfo("license", "Proprietary")
            .modinfo("description", "\"quoted\\\" \u{e9}\t\x1b[1m")
            .modinfo("depends", "a,,b-c")
            .modinfo("softdep", "x pre: a b post: c pre: d")
            .modinfo("parm", "n:a number:with colons")
            .modinfo("parmtype", "n:int")
            .modinfo("parm", "s:text")
            .modinfo("parmtype", "b:bool")
            .modinfo("parm", "nameless")
            .modinfo_raw(b"\xff\xfe=\x80 and text".to_vec())
            .modinfo_raw(b"no_value".to_vec())
            .modinfo_raw(b"=no key".to_vec());
        let signed = Pkcs7::by("A k\"ey", &serial, &signature);
        let full = full.signed(Signed::Pkcs7(signed));
        for (packing, ending) in [
            (Packing::Plain, ""),
            (Packing::Gzip, ".gz"),
            (Packing::Xz, ".xz"),
            (Packing::Zstd, ".zst"),
        ] {
            write(&full, packing, ending);
        }
    }
}

/// All module files below `directory`.
fn modules(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            modules(&path, found);
        } else if path.file_name().unwrap().to_string_lossy().contains(".ko") {
            found.push(path);
        }
    }
}

#[test]
fn modinfo_says_the_same_in_both_forms() {
    let scratch = tempfile::tempdir().unwrap();
    fixtures(scratch.path());
    let mut files = Vec::new();
    modules(scratch.path(), &mut files);
    assert!(files.len() > 15, "{files:?}");
    if let Some(more) = std::env::var_os("KOMOD_MODULES") {
        modules(Path::new(&more), &mut files);
    }
    files.sort();
    for files in files.chunks(100) {
        let text = run("modinfo", files);
        let json =
            run("modinfo", [Path::new("--json")].into_iter().chain(files.iter().map(|f| &**f)));
        assert!(text.status.success() && json.status.success());
        assert_eq!(text.stderr, json.stderr);
        let objects = objects(&json.stdout);
        assert_eq!(objects.len(), files.len());
        let again: Vec<u8> = objects.iter().flat_map(text_of).collect();
        let (again, text) =
            (String::from_utf8_lossy(&again), String::from_utf8_lossy(&text.stdout));
        for (ours, theirs) in again.lines().zip(text.lines()) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(again.len(), text.len());
        for (object, file) in objects.iter().zip(files) {
            assert_eq!(object["query"].as_str().unwrap(), file.to_str().unwrap());
            lists_agree(object);
        }
    }
}

/// What stands in a list of its own stands among the fields too.
fn lists_agree(module: &Value) {
    let fields = module["fields"].as_array().unwrap();
    let values = |key: &str| -> Vec<Vec<u8>> {
        let named = fields.iter().filter(|field| bytes(&field["key"]) == key.as_bytes());
        named.map(|field| bytes(&field["value"])).collect()
    };
    for (name, key) in [("authors", "author"), ("aliases", "alias"), ("firmware", "firmware")] {
        let listed: Vec<_> = module[name].as_array().unwrap().iter().map(bytes).collect();
        assert_eq!(listed, values(key), "{name}");
    }
    for key in ["license", "description", "version", "srcversion", "vermagic"] {
        let first = (!module[key].is_null()).then(|| bytes(&module[key]));
        assert_eq!(first, values(key).into_iter().next(), "{key}");
    }
    let depends: Vec<_> = module["depends"].as_array().unwrap().iter().map(bytes).collect();
    let expected: Vec<_> = values("depends")
        .iter()
        .flat_map(|list| list.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect::<Vec<_>>())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(depends, expected);
    assert_eq!(module["softdeps"].as_array().unwrap().len(), values("softdep").len());
    let words: BTreeSet<Vec<u8>> = values("softdep")
        .iter()
        .flat_map(|text| {
            text.split(u8::is_ascii_whitespace).map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    for softdep in module["softdeps"].as_array().unwrap() {
        for label in ["pre", "post"] {
            let named = softdep[label].as_array().unwrap().iter().map(bytes);
            named.for_each(|name| assert!(words.contains(&name), "{softdep}"));
        }
    }
}

/// The line of `modprobe -c` that says the same as an object of `modprobe -c --json`.
fn directive(object: &Value) -> Vec<u8> {
    let text = |key: &str| bytes(&object[key]);
    let list = |key: &str| object[key].as_array().unwrap().iter().map(bytes).collect::<Vec<_>>();
    if object["index"].is_string() {
        return [b"alias", &text("pattern")[..], &text("module")].join(&b' ');
    }
    let word = text("directive");
    assert!(object["origin"]["line"].as_u64().unwrap() > 0, "{object}");
    let mut words = vec![word.clone()];
    match word.as_slice() {
        b"alias" => words.extend([text("pattern"), text("module")]),
        b"allow" | b"blacklist" => words.push(text("module")),
        b"deny" if text("reason").is_empty() => words.push(text("module")),
        b"deny" => words.extend([text("module"), text("reason")]),
        b"install" | b"remove" => words.extend([text("module"), text("command")]),
        b"options" => words.extend([text("module"), text("options")]),
        b"softdep" => {
            words.push(text("module"));
            for (label, key) in [(&b"pre:"[..], "pre"), (b"post:", "post")] {
                let names = list(key);
                words.extend((!names.is_empty()).then(|| label.to_vec()));
                words.extend(names);
            }
            // One that names nothing keeps the blank behind its module.
            words.extend((words.len() == 2).then(Vec::new));
        }
        b"weakdep" => {
            words.push(text("module"));
            words.extend(list("weak"));
        }
        _ => panic!("{object} is no directive"),
    }
    words.join(&b' ')
}

#[test]
fn the_configuration_says_the_same_in_both_forms() {
    let scratch = tempfile::tempdir().unwrap();
    let soft = ModuleSpec::new("a").modinfo("softdep", "pre: b post: c").modinfo("alias", "pci:*");
    let weak = ModuleSpec::new("b").modinfo("weakdep", "c").export("of_b", 1);
    let tree = Tree::new("6.1.0-test").module("kernel/a.ko", &soft).module("kernel/b.ko", &weak);
    tree.write(scratch.path()).unwrap();
    let root = scratch.path().to_str().unwrap();
    assert!(run("depmod", ["-C", "/nowhere", "-b", root, "6.1.0-test"]).status.success());
    let config = scratch.path().join("x.conf");
    let lines =
        b"alias x-* a\nblacklist b\noptions a n=1 m=\"x y\"\ninstall c /bin/true # \\ \xff\n\
        remove c exit 1\nsoftdep b pre: c d post: e\nsoftdep d post: x\nsoftdep e f\nweakdep a b c\n\
        deny usb_* no\xfe sticks\ndeny y\nallow usb_hid\n";
    fs::write(&config, lines).unwrap();
    let mut asked = vec![("6.1.0-test".to_owned(), root.to_owned(), config)];
    if let Some(more) = std::env::var_os("KOMOD_TREE") {
        let (root, release) = more.to_str().unwrap().rsplit_once("/lib/modules/").unwrap();
        asked.push((release.into(), root.into(), asked[0].2.clone()));
    }
    for (release, root, config) in asked {
        let words = ["-c", "-C", config.to_str().unwrap(), "-d", &root, "-S", &release];
        let text = run("modprobe", words);
        let json = run("modprobe", words.into_iter().chain(["--json"]));
        assert!(text.status.success() && json.status.success());
        let again: Vec<_> = objects(&json.stdout).iter().map(directive).collect();
        let lines = text.stdout.split(|byte| *byte == b'\n');
        let lines: Vec<_> =
            lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).collect();
        assert!(lines.len() > 14, "{root} says next to nothing");
        for (ours, theirs) in again.iter().zip(&lines) {
            assert_eq!(String::from_utf8_lossy(ours), String::from_utf8_lossy(theirs));
        }
        assert_eq!(again.len(), lines.len());
    }
}

/// The machine's own modules, which may come, go and be used between two looks.
#[test]
fn lsmod_says_the_same_in_both_forms() {
    let again = |object: Value| {
        let name = object["name"].as_str().unwrap().to_owned();
        let holders = object["holders"].as_array().unwrap().iter();
        let holders: Vec<_> = holders.map(|name| name.as_str().unwrap()).collect();
        let refcnt = object["refcnt"].as_i64().unwrap_or(-2);
        let line = format!("{name:<19} {:>8}  {refcnt} {}", object["size"], holders.join(","));
        line.trim_end().to_owned()
    };
    let agree = || {
        let (text, json) = (run("lsmod", [""; 0]), run("lsmod", ["--json"]));
        assert_eq!(text.status, json.status);
        let again: Vec<String> = objects(&json.stdout).into_iter().map(again).collect();
        String::from_utf8_lossy(&text.stdout).lines().skip(1).eq(again.iter())
    };
    assert!((0..20).any(|_| agree()), "lsmod and lsmod --json never agree");
}

/// Every case that asks for it expects what can be parsed: cases hold the tools to it.
#[test]
fn every_case_expects_lines_that_parse() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut lines = 0;
    for tool in fs::read_dir(cases).unwrap() {
        for case in fs::read_dir(tool.unwrap().path()).unwrap() {
            let case = case.unwrap().path();
            let args = fs::read_to_string(case.join("args")).unwrap_or_default();
            if args.lines().any(|word| word == "--json") {
                lines += objects(&fs::read(case.join("stdout")).unwrap_or_default()).len();
            }
        }
    }
    assert!(lines > 20, "{lines} lines only");
}
