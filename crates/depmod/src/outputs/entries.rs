use komod_index::{Builder, TooLarge};

use crate::finding::{Finding, Sink};

/// The entries of one index file.
pub(super) struct Entries {
    name: &'static str,
    builder: Builder,
}

impl Entries {
    pub(super) fn of(name: &'static str) -> Self {
        Self { name, builder: Builder::new() }
    }

    /// Adds an entry; one that the format cannot hold is left out, and the
    /// sink hears of it.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8], priority: u32, sink: &mut Sink<'_>) {
        if let Err(bad) = self.builder.insert(key, value, priority) {
            let text = if key.contains(&bad.byte) { key } else { value };
            sink(Finding::BadByte { index: self.name, text, byte: bad.byte });
        }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, TooLarge> {
        self.builder.finish()
    }
}
