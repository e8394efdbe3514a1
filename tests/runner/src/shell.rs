//! What a script finds in the box beside the program: a shell's usual company,
//! from this machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Trouble;
use crate::program::{Libraries, Program};
use crate::sandbox::{Furniture, executable, symlink};

/// The tools that scripts may use. Every Debian system has them.
pub const TOOLS: [&str; 27] = [
    "awk", "basename", "bash", "cat", "comm", "cp", "cut", "dirname", "env", "find", "grep",
    "head", "ln", "ls", "mkdir", "mktemp", "od", "rm", "rmdir", "sed", "seq", "sort", "tail", "tr",
    "uniq", "wc", "xargs",
];

/// Where a program lies that brings its own libraries.
const APART: &str = ".program";

/// The tools, their libraries, and the program under all its names.
///
/// A program with libraries of another release cannot share a place with the
/// tools: it is started through its own loader.
pub(crate) fn furnish(furniture: &mut Furniture, program: &Program) -> Result<(), Trouble> {
    furniture.host_libraries()?;
    for tool in TOOLS {
        let file = find(tool).ok_or_else(|| Trouble(format!("no {tool} on this machine")))?;
        furniture.bind(&file, &format!("bin/{tool}"), true)?;
    }
    match &program.libraries {
        Libraries::Host => furniture.bind(&program.file, "usr/bin/kmod", true)?,
        Libraries::Unpacked { loader, directory } => {
            furniture.bind(loader, &format!("{APART}/loader"), true)?;
            furniture.bind(directory, &format!("{APART}/libraries"), true)?;
            furniture.bind(&program.file, &format!("{APART}/kmod"), true)?;
            let start = format!(
                "#!/bin/sh\nexec /{APART}/loader --library-path /{APART}/libraries \
                 --argv0 \"${{0##*/}}\" /{APART}/kmod \"$@\"\n"
            );
            let file = furniture.root.join("usr/bin/kmod");
            let dir = furniture.root.join("usr/bin");
            fs::create_dir_all(&dir).map_err(Trouble::io(&dir))?;
            fs::write(&file, start).map_err(Trouble::io(&file))?;
            executable(&file)?;
        }
    }
    let temporary = furniture.root.join("tmp");
    fs::create_dir_all(&temporary).map_err(Trouble::io(&temporary))?;
    // bash's <(...)
    symlink("/proc/self/fd", &furniture.root.join("dev/fd"))?;
    // Half of the world calls /sbin/modprobe.
    symlink("usr/sbin", &furniture.root.join("sbin"))
}

/// The file behind a name, without the links that lead to it (awk's lead through
/// /etc, which the box has not).
fn find(tool: &str) -> Option<PathBuf> {
    let places = ["/usr/bin", "/bin"].into_iter().map(|dir| Path::new(dir).join(tool));
    places.filter_map(|file| file.canonicalize().ok()).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::fake_kernel::FakeKernel;
    use crate::sandbox::{Run, Sandbox};

    /// A program that says its name, run from a script.
    fn said(program: &Program, script: &str) -> String {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("root");
        fs::create_dir(&root).unwrap();
        let sandbox = Sandbox::furnish_with_shell(&root, scratch.path(), program).unwrap();
        let mut kernel = FakeKernel::new(&root, "6.1.0-test", &[], &[]);
        let run = Run {
            script: Some(OsString::from(script)),
            env: vec![("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())],
            ..Run::default()
        };
        let outcome = sandbox.run(&run, &mut kernel).unwrap();
        assert_eq!(outcome.stderr, b"", "{}", String::from_utf8_lossy(&outcome.stderr));
        String::from_utf8(outcome.stdout).unwrap()
    }

    #[test]
    fn scripts_find_their_tools_and_the_program_under_its_names() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("kmod");
        fs::write(&file, "#!/bin/sh\necho \"$0 $#\"\n").unwrap();
        executable(&file).unwrap();
        let program = Program::ours(&file);
        let script =
            "modprobe a 'b c' | tr a-z A-Z; /sbin/depmod | sed 's/[0-9]/n/' | awk '{print $2}'";
        assert_eq!(said(&program, script), "/USR/SBIN/MODPROBE 2\nn\n");
        assert_eq!(
            said(&program, "bash -c 'read -r -d x a <<<1x; echo $a'; uname() { :; }"),
            "1\n"
        );
    }

    #[test]
    fn a_program_with_libraries_of_its_own_is_started_by_its_loader() {
        let scratch = tempfile::tempdir().unwrap();
        let loader = scratch.path().join("ld.so");
        fs::write(&loader, "#!/bin/sh\necho \"$@\"\n").unwrap();
        executable(&loader).unwrap();
        let program = Program::unpacked("34.2", &loader, &loader, scratch.path());
        let arguments = "--library-path /.program/libraries --argv0 modinfo /.program/kmod";
        assert_eq!(said(&program, "modinfo -F 'a b'"), format!("{arguments} -F a b\n"));
    }
}
