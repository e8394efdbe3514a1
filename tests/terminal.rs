//! What a module says is shown on a terminal, never carried out by it.
#![allow(clippy::restriction)]

use std::path::Path;
use std::process::{Command, Stdio};

use komod_fixtures::ModuleSpec;

const KMOD: &str = env!("CARGO_BIN_EXE_kmod");

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// What comes out of the command on a terminal, of which script(1) makes one.
fn on_a_terminal(command: &str) -> String {
    let mut script = Command::new("script");
    script.args(["-qec", command, "/dev/null"]).stdin(Stdio::null());
    let output = script.output().expect("script(1) of util-linux");
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

#[test]
fn control_characters_of_a_module_do_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("m.ko");
    let text = "red \u{1b}[31m \u{9b}2J back\u{8}\ttab";
    std::fs::write(&file, ModuleSpec::new("m").modinfo("description", text).build()).unwrap();
    let tool = |name: &str| {
        let path = scratch.path().join(name);
        std::os::unix::fs::symlink(KMOD, &path).unwrap();
        path
    };
    let (modinfo, insmod) = (tool("modinfo"), tool("insmod"));
    let words = [quoted(&modinfo), quoted(&file)].join(" ");
    let shown = on_a_terminal(&words);
    assert!(shown.contains("red \u{fffd}[31m \u{fffd}\u{fffd}2J back\u{fffd}\ttab\n"), "{shown:?}");
    // A pipe gets every byte.
    let piped = Command::new(&modinfo).arg(&file).output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&piped).contains(text));

    let absent = quoted(&scratch.path().join("\u{1b}]0;title\u{7}.ko"));
    let shown = on_a_terminal(&[&quoted(&insmod), absent.as_str()].join(" "));
    assert!(shown.contains("\u{fffd}]0;title\u{fffd}.ko: No such file"), "{shown:?}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}
