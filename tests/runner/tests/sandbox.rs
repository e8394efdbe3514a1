//! The box itself, with a shell as the program: what is inside, what gets out.
#![allow(clippy::restriction)]

use std::fs;

use komod_cases::fake_kernel::FakeKernel;
use komod_cases::program::Program;
use komod_cases::sandbox::{Outcome, Run, Sandbox};

fn shell(script: &str, run: Run) -> Outcome {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::create_dir_all(root.join("proc")).unwrap();
    fs::write(root.join("etc/inside"), "a line\n").unwrap();
    let program = Program::installed("shell", fs::canonicalize("/bin/sh").unwrap());
    let sandbox = Sandbox::furnish(&root, scratch.path(), &program).unwrap();
    let argv = ["sh", "-c", script].map(Into::into).to_vec();
    let mut kernel = FakeKernel::new(&root, "1.2.3", &[], &[]);
    sandbox.run(&Run { argv, ..run }, &mut kernel).unwrap()
}

#[test]
fn only_the_root_is_to_be_seen() {
    let outcome =
        shell("read x </etc/inside; echo $x; test -e /etc/passwd; exit $?", Run::default());
    assert_eq!(outcome.stdout, b"a line\n");
    assert_eq!(outcome.status, 1);
}

#[test]
fn streams_and_environment_are_those_of_the_case() {
    let run = Run {
        env: vec![("KEPT".into(), "value".into())],
        stdin: Some(b"typed\n".to_vec()),
        ..Run::default()
    };
    let outcome = shell("read x; echo $x $KEPT $HOME.; echo wrong >&2; kill -9 $$", run);
    assert_eq!(outcome.stdout, b"typed value .\n");
    assert_eq!(outcome.stderr, b"wrong\n");
    assert_eq!(outcome.status, 128 + 9);
}

#[test]
fn closed_descriptors_are_closed() {
    let run = Run { closed: vec![1], ..Run::default() };
    let outcome = shell("echo lost || exit 7", run);
    assert_eq!((outcome.stdout.as_slice(), outcome.status), (&b""[..], 7));
}

#[test]
fn without_powers_modes_count() {
    let run = || Run { env: vec![("PATH".into(), "/bin".into())], ..Run::default() };
    let script = "umask 777; echo x >/etc/new; read x </etc/new";
    assert_eq!(shell(script, run()).status, 0);
    assert_ne!(shell(script, Run { powerless: true, ..run() }).status, 0);
}
