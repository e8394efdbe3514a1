//! One line of `modules.dep`.

/// A module and what it needs: `PATH: DEP DEP...`, in `modules.dep` and as a
/// value of `modules.dep.bin` (`modules.dep`(5)). Paths are relative to the
/// module directory, or absolute for modules from outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepLine<'a> {
    /// The module's own file.
    pub path: &'a [u8],
    /// All that it needs, the nearest first: to be loaded from the last to the
    /// first.
    pub deps: Vec<&'a [u8]>,
}

impl<'a> DepLine<'a> {
    /// Reads a line without its newline. The path ends at the first colon,
    /// the others at blanks. `None` without a colon.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (path, deps) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        let deps = deps.strip_prefix(b":")?.split(|&byte| byte == b' ' || byte == b'\t');
        Some(Self { path, deps: deps.filter(|dep| !dep.is_empty()).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::DepLine;

    #[track_caller]
    fn says(line: &str, path: &str, deps: &[&str]) {
        let expected = DepLine {
            path: path.as_bytes(),
            deps: deps.iter().map(|dep| dep.as_bytes()).collect(),
        };
        assert_eq!(DepLine::parse(line.as_bytes()), Some(expected), "{line:?}");
    }

    #[test]
    fn a_line_is_a_path_and_what_it_needs() {
        says("k/a.ko.xz: k/b.ko.xz k/c.ko", "k/a.ko.xz", &["k/b.ko.xz", "k/c.ko"]);
        says("k/a.ko:", "k/a.ko", &[]);
        says("/abs/a.ko:/abs/b.ko", "/abs/a.ko", &["/abs/b.ko"]);
        says("a:\tb\t\tc ", "a", &["b", "c"]);
        says("k/a:b.ko: c.ko", "k/a", &["b.ko:", "c.ko"]);
        says(" a : b", " a ", &["b"]);
        says(":", "", &[]);
    }

    #[test]
    fn without_a_colon_it_is_none() {
        assert_eq!(DepLine::parse(b""), None);
        assert_eq!(DepLine::parse(b"k/a.ko"), None);
    }
}
