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
