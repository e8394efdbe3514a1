use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// `path` as it is written, behind the current directory and a slash if it is
/// relative: nothing is tidied up, for people and scripts see the result.
///
/// # Errors
/// When the current directory has no path: it was removed, or lies outside of the
/// root. A relative path leads nowhere then, least of all to the root.
pub fn from_here(path: &Path) -> io::Result<PathBuf> {
    let written = path.as_os_str().as_bytes();
    if written.starts_with(b"/") {
        return Ok(path.to_owned());
    }
    let here = std::env::current_dir()?;
    let whole = [here.as_os_str().as_bytes(), b"/", written].concat();
    Ok(OsString::from_vec(whole).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_begin_here_and_nothing_is_tidied_up() {
        let here = std::env::current_dir().expect("tests run in a directory");
        let text = |path: &str| from_here(Path::new(path)).expect("it has a path").into_os_string();
        assert_eq!(text("/a//b/../c/"), "/a//b/../c/");
        let mut expected = here.into_os_string();
        expected.push("/./a//b");
        assert_eq!(text("./a//b"), expected);
    }
}
