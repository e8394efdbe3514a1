//! What the tools read of their environment: what `src/host.rs` names, and
//! nothing else. Everything that a library, a runtime or a shell may look at is
//! set to something odd, and each tool says and leaves the same bytes.
#![allow(clippy::restriction)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use komod_fixtures::ModuleSpec;

/// What may sit in the environment of a process that root starts.
const HOSTILE: &[(&str, &str)] = &[
    ("BASH_ENV", "/nowhere"),
    ("CARGO", "/nowhere"),
    ("CLICOLOR_FORCE", "1"),
    ("CMDLINE_OPTS", "x=1"),
    ("COLUMNS", "7"),
    ("ENV", "/nowhere"),
    ("FORCE_COLOR", "3"),
    ("GLIBC_TUNABLES", "glibc.malloc.perturb=85"),
    ("GZIP", "--nonsense"),
    ("HOME", "/nowhere"),
    ("IFS", "/"),
    ("KMOD_MODULE_DIR", "/nowhere"),
    ("KOMOD_CACHE", "/nowhere"),
    ("LANG", "de_DE.UTF-8"),
    ("LANGUAGE", "de:fr"),
    ("LC_ALL", "tr_TR.UTF-8"),
    ("LINES", "1"),
    ("MALLOC_PERTURB_", "85"),
    ("MODPROBE", "/nowhere"),
    ("MODPROBE_CONF", "/nowhere"),
    ("MODPROBE_MODULE", "other"),
    ("MODULE_DIR", "/nowhere"),
    ("NO_COLOR", "1"),
    ("PATH", "/nowhere"),
    ("PWD", "/nowhere"),
    ("RAYON_NUM_THREADS", "0"),
    ("RUST_BACKTRACE", "full"),
    ("RUST_LOG", "trace"),
    ("RUST_MIN_STACK", "99999999999999"),
    ("SHELL", "/nowhere"),
    ("TERM", "nonsense"),
    ("TMPDIR", "/nowhere"),
    ("TZ", ":/nowhere"),
    ("XZ_DEFAULTS", "--memlimit=1"),
    ("XZ_OPT", "--nonsense"),
    ("ZSTD_CLEVEL", "nonsense"),
    ("ZSTD_NBTHREADS", "nonsense"),
];

/// Runs of the tools that touch nothing but `ROOT`: name, words, status.
const RUNS: &[(&str, &str, i32)] = &[
    ("depmod", "-n -b ROOT 6.1.0", 0),
    ("depmod", "-j 4 -v -b ROOT 6.1.0", 0),
    ("depmod", "-b ROOT/nowhere 6.1.0", 1),
    ("depmod", "--nonsense", 1),
    ("modprobe", "-n -v -C ROOT/conf -d ROOT -S 6.1.0 a x=1", 0),
    ("modprobe", "-D -C ROOT/conf -d ROOT -S 6.1.0 b", 0),
    ("modprobe", "-R -C ROOT/conf -d ROOT -S 6.1.0 pci:v1d2", 0),
    ("modprobe", "-c -C ROOT/conf -d ROOT -S 6.1.0", 0),
    ("modprobe", "--show-exports ROOT/lib/modules/6.1.0/b.ko", 0),
    ("modprobe", "-C ROOT/conf -d ROOT -S 6.1.0 nothing", 1),
    ("modprobe", "--help", 0),
    ("modinfo", "ROOT/lib/modules/6.1.0/a.ko", 0),
    ("modinfo", "-b ROOT -k 6.1.0 b", 0),
    ("modinfo", "ROOT/nowhere.ko", 1),
    ("insmod", "ROOT/nowhere.ko", 1),
    ("rmmod", "no_such_module_at_all", 1),
    ("lsmod", "--help", 0),
    ("kmod", "static-nodes -o ROOT/nodes -f nonsense", 1),
    ("kmod", "help", 0),
    ("kmod", "--version", 0),
];

/// Status, standard output, standard error.
type Said = (Option<i32>, String, String);

fn run(tool: &str, words: &[String], root: &Path, environment: &[(&str, &str)]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmod"));
    command.arg0(tool).args(words).current_dir(root).env_clear();
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn nothing_but_the_documented_variables_is_read() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let modules = root.join("lib/modules/6.1.0");
    fs::create_dir_all(&modules).unwrap();
    let a = ModuleSpec::new("a").needs("b_fn").modinfo("alias", "pci:v1d*");
    let b = ModuleSpec::new("b").export("b_fn", 1).modinfo("parm", "x:a number");
    for (name, spec) in [("a.ko", a), ("b.ko", b)] {
        fs::write(modules.join(name), spec.build()).unwrap();
    }
    fs::write(root.join("conf"), "install b echo $CMDLINE_OPTS\noptions a y=2\n").unwrap();
    let mut files = Vec::new();
    // What is documented does count: the comparison can fail.
    let refused = ["-n", "x", "--nonsense"].map(str::to_owned);
    let permuted = run("modprobe", &refused, root, &[]);
    assert_ne!(permuted, run("modprobe", &refused, root, &[("POSIXLY_CORRECT", "")]));
    for (tool, words, status) in RUNS {
        let place = root.to_str().unwrap();
        let words: Vec<_> = words.split(' ').map(|word| word.replace("ROOT", place)).collect();
        let plain = run(tool, &words, root, &[]);
        files.push(bytes_of(&modules));
        let hostile = run(tool, &words, root, HOSTILE);
        assert_eq!(plain, hostile, "{tool} {words:?}");
        assert_eq!(plain.0, Some(*status), "{tool} {words:?}: {plain:?}");
        assert!(!(plain.1.is_empty() && plain.2.is_empty()), "{tool} {words:?} says nothing");
        assert_eq!(files.last(), Some(&bytes_of(&modules)), "{tool} {words:?}");
    }
}

/// Names and bytes of all files of a directory.
fn bytes_of(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.map(|n| (n.clone(), fs::read(dir.join(n)).unwrap())).collect();
    files.sort();
    files
}
