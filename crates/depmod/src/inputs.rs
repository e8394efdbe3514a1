//! The lists that the kernel's build leaves in the module directory:
//! `modules.order`, `modules.builtin`, `modules.builtin.modinfo`.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use komod_cache::{Key, Known, Trust};

use crate::finding::{Finding, Sink};

/// The names of the lists that the kernel's build leaves in the module directory.
pub const NAMES: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// The text of the list `name` in `dir`; a directory of that name is an empty
/// one. `None` when it cannot be read, and the sink hears why.
pub(crate) fn read(dir: &Path, name: &'static str, sink: &mut Sink<'_>) -> Option<Vec<u8>> {
    match komod_file::read_now(&dir.join(name)) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::IsADirectory => Some(Vec::new()),
        Err(error) => {
            let path = dir.as_os_str().as_bytes();
            sink(match std::fs::metadata(dir) {
                Ok(_) => Finding::Input { name, dir: path, error },
                Err(error) => Finding::NoDirectory { dir: path, error },
            });
            None
        }
    }
}

/// What is known of the lists of the kernel's build that lie in `dir`.
pub(crate) fn note(dir: &Path, trust: &mut Trust) -> Vec<Option<Known>> {
    let known = NAMES.iter().map(|name| {
        let path = dir.join(name);
        let metadata = std::fs::metadata(&path).ok()?;
        Some(trust.known(Key::of(&metadata), &path))
    });
    known.collect()
}
