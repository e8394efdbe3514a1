//! `kmod explain` changes nothing: strace sees no call that would.
#![allow(clippy::restriction)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use komod_fixtures::{ModuleSpec, Tree};

const VERSION: &str = "6.1.0-test";

/// Calls that change something whatever their arguments.
const CHANGING: [&str; 28] = [
    "init_module",
    "finit_module",
    "delete_module",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "mknod",
    "mknodat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "truncate",
    "ftruncate",
    "utimensat",
    "clone",
    "vfork",
    "fork",
];

/// The calls of `kmod WORDS...` that change something.
fn changes(root: &Path, words: &[&str]) -> Vec<String> {
    let log = root.join("log");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&log).arg(env!("CARGO_BIN_EXE_kmod")).args(words);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().expect("strace: apt-get install strace");
    assert!(status.code().is_some(), "{words:?}: {status}");
    let log = fs::read_to_string(&log).unwrap();
    // PID NAME(ARGUMENTS) = RESULT
    let calls = log.lines().filter_map(|line| line.trim_start().split_once(' '));
    let calls: Vec<_> = calls.map(|(_, call)| call.trim_start()).collect();
    assert!(calls.iter().any(|call| call.contains("modules.dep.bin")), "nothing was seen: {log}");
    let changing = calls.iter().filter(|call| {
        let (name, arguments) = call.split_once('(').unwrap_or((call, ""));
        let for_writing = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"];
        match name {
            "open" | "openat" | "openat2" | "creat" => {
                for_writing.iter().any(|flag| arguments.contains(flag))
                    && !arguments.contains("\"/dev/null\"")
            }
            "write" | "writev" | "pwrite64" => {
                !["1, ", "2, "].iter().any(|stream| arguments.starts_with(stream))
            }
            name => CHANGING.contains(&name),
        }
    });
    changing.map(|call| (*call).to_owned()).collect()
}

#[test]
fn nothing_is_changed() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().to_str().unwrap();
    let module = |name: &str| ModuleSpec::new(name).modinfo("license", "GPL");
    Tree::new(VERSION)
        .module("kernel/a.ko", &module("a").needs("f").modinfo("alias", "pci:v1*"))
        .module("kernel/b.ko", &module("b").export("f", 1))
        .write(scratch.path())
        .unwrap();
    let config = scratch.path().join("x.conf");
    fs::write(&config, "install b touch /tmp/komod-was-here\nsoftdep a post: c\n").unwrap();
    let config = config.to_str().unwrap();
    let depmod = changes(scratch.path(), &["depmod", "-b", root, VERSION]);
    assert!(depmod.iter().any(|call| call.starts_with("rename")), "strace is blind: {depmod:?}");
    for words in [&["a", "x=1"][..], &["pci:v1d1"], &["nobody"], &["--json", "a"]] {
        let mut all = vec!["explain", "-C", config, "-d", root, "-S", VERSION];
        all.extend(words);
        assert_eq!(changes(scratch.path(), &all), [""; 0], "{words:?}");
    }
}
