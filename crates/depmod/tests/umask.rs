//! The lock of a run, whatever the umask, which belongs to the whole process: alone in this
//! file.
#![allow(clippy::restriction)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use komod_depmod::Turn;
use nix::sys::stat::{Mode, umask};

#[test]
fn nobody_else_opens_the_lock() {
    let scratch = tempfile::tempdir().unwrap();
    let before = umask(Mode::empty());
    for mask in [0o000, 0o022, 0o077, 0o277, 0o777] {
        umask(Mode::from_bits_truncate(mask));
        let turn = Turn::wait(scratch.path());
        assert!(turn.is_some(), "{mask:o}");
        let lock = fs::metadata(scratch.path().join(".komod.lock")).unwrap();
        assert_eq!(lock.permissions().mode() & 0o777, 0o600, "{mask:o}");
    }
    umask(before);
}
