//! `modules.builtin.modinfo`: what the kernel build says of built-in modules.

/// The records of `modules.builtin.modinfo`: `MODULE.KEY=VALUE`, each ended by
/// a NUL, those of a module side by side (Documentation/kbuild/kbuild.rst of
/// the kernel).
#[derive(Debug, Clone, Copy)]
pub struct BuiltinInfo<'a> {
    bytes: &'a [u8],
}

/// A record without the `.` that ends the module's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unexpected string without modname prefix at offset {at}")]
pub struct NoPrefix {
    /// Where the record begins in the file.
    pub at: usize,
}

impl<'a> BuiltinInfo<'a> {
    /// The whole file; any bytes are taken.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The `KEY=VALUE` strings of the first run of records that begin with
    /// exactly `module` and a dot (dashes and underscores differ here). Empty
    /// when there is none.
    ///
    /// # Errors
    /// When a record before the end of that run has no dot.
    pub fn of(&self, module: &[u8]) -> Result<Vec<&'a [u8]>, NoPrefix> {
        let mut found = Vec::new();
        for record in self.records() {
            match record? {
                (name, string) if name == module => found.push(string),
                _ if !found.is_empty() => break,
                _ => {}
            }
        }
        Ok(found)
    }

    /// Every record in the order of the file: the module as spelled there and
    /// its `KEY=VALUE`. Goes on behind a record without a dot.
    pub fn records(
        &self,
    ) -> impl Iterator<Item = Result<(&'a [u8], &'a [u8]), NoPrefix>> + use<'a> {
        let mut at = 0_usize;
        // The last record may end with the file instead of a NUL.
        let bytes = self.bytes.strip_suffix(b"\0").unwrap_or(self.bytes);
        let records = (!self.bytes.is_empty()).then(|| bytes.split(|&byte| byte == 0));
        records.into_iter().flatten().map(move |record| {
            let start = at;
            at = at.saturating_add(record.len()).saturating_add(1);
            let dot = memchr::memchr(b'.', record).ok_or(NoPrefix { at: start })?;
            let (module, string) = record.split_at_checked(dot).ok_or(NoPrefix { at: start })?;
            Ok((module, string.strip_prefix(b".").unwrap_or(string)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(file: &str, module: &str, expected: &[&str]) {
        let found = BuiltinInfo::new(file.as_bytes()).of(module.as_bytes());
        let expected: Vec<_> = expected.iter().map(|string| string.as_bytes()).collect();
        assert_eq!(found, Ok(expected), "{file:?}");
    }

    #[test]
    fn the_first_run_of_a_module_is_what_it_has() {
        says("foo.a=1\0foo.b=2\0bar.c=3\0foo.d=4\0", "foo", &["a=1", "b=2"]);
        says("foo.a=1\0bar.c=3\0", "bar", &["c=3"]);
        says("foo.a=1\0", "fo", &[]);
        says("fo-o.a=1\0", "fo_o", &[]);
        says("foo.a.b=1\0", "foo", &["a.b=1"]);
        says("foo=1.2\0foo.a=1\0", "foo", &["a=1"]);
        says(".a=1\0", "", &["a=1"]);
    }

    #[test]
    fn the_last_record_may_lack_its_end() {
        says("foo.a=1\0foo.b=2", "foo", &["a=1", "b=2"]);
        says("", "foo", &[]);
    }

    #[test]
    fn a_record_without_a_dot_is_an_error_up_to_the_end_of_the_run() {
        for (file, at) in
            [("bad\0foo.a=1\0", 0), ("foo.a=1\0bad\0", 8), ("foo.a=1\0\0foo.b=2\0", 8), ("\0", 0)]
        {
            assert_eq!(
                BuiltinInfo::new(file.as_bytes()).of(b"foo"),
                Err(NoPrefix { at }),
                "{file:?}"
            );
        }
        says("foo.a=1\0bar.x=1\0bad\0", "foo", &["a=1"]);
    }

    #[test]
    fn records_go_on_behind_a_bad_one() {
        let records: Vec<_> = BuiltinInfo::new(b"a.b=1\0bad\0c.d\0").records().collect();
        let expected: [Result<(&[u8], &[u8]), _>; 3] =
            [Ok((b"a", b"b=1")), Err(NoPrefix { at: 6 }), Ok((b"c", b"d"))];
        assert_eq!(records, expected);
    }
}
