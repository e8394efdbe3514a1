//! What the bytes of one module say, as far as the database needs it.
//!
//! Pure: the bytes of different modules may be read in any order, on any
//! thread; only merging the facts ([`load`](crate::load)) has an order.

use komod_elf::{Binding, Error, Module};

/// Everything the database takes from one module. One allocation holds all
/// the text.
#[derive(Debug, Default)]
pub struct ModuleFacts {
    /// Symbols it offers, in order, with their versions.
    pub(crate) exports: Vec<(Span, u64)>,
    /// Symbols it asks for, in order: version (0 without) and whether it can
    /// do without.
    pub(crate) needs: Vec<(Span, u64, bool)>,
    pub(crate) symbol_text: Vec<u8>,
    pub(crate) texts: Texts,
    /// Why its exports cannot be read.
    pub damage: Option<Error>,
}

/// A piece of text in an arena of less than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Appends `text` to `arena`.
    pub(crate) fn push(arena: &mut Vec<u8>, text: &[u8]) -> Self {
        let start = arena.len() as u32;
        arena.extend_from_slice(text);
        Self { start, end: arena.len() as u32 }
    }

    pub(crate) fn of(self, arena: &[u8]) -> &[u8] {
        arena.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// The strings of `.modinfo` that the database holds, in their order.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    arena: Vec<u8>,
    entries: Vec<(Key, Span)>,
}

/// A key of `.modinfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Alias,
    Softdep,
    Weakdep,
}

impl Texts {
    /// The values of `key`, in order.
    pub(crate) fn of(&self, key: Key) -> impl Iterator<Item = &[u8]> {
        let wanted = self.entries.iter().filter(move |entry| entry.0 == key);
        wanted.map(|entry| entry.1.of(&self.arena))
    }

    fn from_modinfo(strings: &[&[u8]]) -> Self {
        let mut texts = Self::default();
        for string in strings {
            // A string without `=` is a key with nothing behind it.
            let mut halves = string.splitn(2, |&b| b == b'=');
            let (key, value) = (halves.next(), halves.next().unwrap_or_default());
            let key = match key.unwrap_or_default() {
                b"alias" => Key::Alias,
                b"softdep" => Key::Softdep,
                b"weakdep" => Key::Weakdep,
                _ => continue,
            };
            let span = Span::push(&mut texts.arena, value);
            texts.entries.push((key, span));
        }
        texts.arena.shrink_to_fit();
        texts
    }
}

/// Reads the bytes of one decompressed module.
///
/// Its exports, needs and `.modinfo` are read each for itself: a damaged part
/// counts as absent, and only damaged exports are told, in
/// [`ModuleFacts::damage`].
///
/// # Errors
/// When it is no ELF file, or one that contradicts itself.
pub fn read_module(bytes: &[u8]) -> Result<ModuleFacts, Error> {
    let module = Module::parse(bytes)?;
    let mut facts = ModuleFacts::default();
    match module.exports() {
        Ok(exports) => {
            for export in exports.unwrap_or_default() {
                let span = Span::push(&mut facts.symbol_text, export.name);
                facts.exports.push((span, export.crc));
            }
        }
        Err(error) => facts.damage = Some(error),
    }
    if let Ok(Some(strings)) = module.modinfo() {
        facts.texts = Texts::from_modinfo(&strings);
    }
    for need in module.needs().unwrap_or_default() {
        let span = Span::push(&mut facts.symbol_text, need.name);
        facts.needs.push((span, need.crc.unwrap_or(0), need.binding == Binding::Weak));
    }
    Ok(facts)
}
