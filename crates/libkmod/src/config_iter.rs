//! The configuration, directive by directive.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use crate::Context;
use crate::text::c_text;

/// The directives of one kind as texts: key, and value where the kind has one.
pub(crate) type Texts = Vec<(CString, Option<CString>)>;

/// A kind of directive (`modprobe.d`(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `blacklist MODULE`: no value.
    Blacklist,
    /// `install MODULE COMMAND`.
    Install,
    /// `remove MODULE COMMAND`.
    Remove,
    /// `alias PATTERN MODULE`.
    Alias,
    /// `options MODULE TEXT`.
    Options,
    /// `softdep MODULE pre: A post: B`.
    Softdep,
    /// `weakdep MODULE A B`.
    Weakdep,
}

/// Stands before the first directive of its kind, then on one after the other, then
/// before the first again.
pub struct ConfigIter {
    context: Rc<Context>,
    kind: Kind,
    at: Cell<Option<usize>>,
}

impl ConfigIter {
    /// Before the first directive of that kind.
    pub fn new(context: Rc<Context>, kind: Kind) -> Self {
        Self { context, kind, at: Cell::new(None) }
    }

    /// Goes on to the next; false when there is none.
    pub fn advance(&self) -> bool {
        let next = self.at.get().map_or(0, |at| at.saturating_add(1));
        let there = next < self.context.texts_of(self.kind).len();
        self.at.set(there.then_some(next));
        there
    }

    fn current(&self) -> Option<&(CString, Option<CString>)> {
        self.context.texts_of(self.kind).get(self.at.get()?)
    }

    /// What the directive is about; lives as long as the context.
    pub fn key(&self) -> Option<&CStr> {
        self.current().map(|(key, _)| key.as_c_str())
    }

    /// What it says of that.
    pub fn value(&self) -> Option<&CStr> {
        self.current()?.1.as_deref()
    }
}

impl Context {
    /// All directives of a kind, made when first asked for.
    fn texts_of(&self, kind: Kind) -> &Texts {
        const NONE: &Texts = &Vec::new();
        let pair = |key: &[u8], value: &[u8]| (c_text(key), Some(c_text(value)));
        let make = || {
            let config = &self.config;
            match kind {
                Kind::Blacklist => {
                    config.blacklists.iter().map(|line| (c_text(&line.module), None)).collect()
                }
                Kind::Install => {
                    config.installs.iter().map(|line| pair(&line.module, &line.command)).collect()
                }
                Kind::Remove => {
                    config.removes.iter().map(|line| pair(&line.module, &line.command)).collect()
                }
                Kind::Alias => {
                    config.aliases.iter().map(|line| pair(&line.pattern, &line.module)).collect()
                }
                Kind::Options => {
                    config.options.iter().map(|line| pair(&line.module, &line.options)).collect()
                }
                Kind::Softdep => {
                    config.softdeps.iter().map(|line| pair(line.module(), &line.text())).collect()
                }
                Kind::Weakdep => {
                    config.weakdeps.iter().map(|line| pair(&line.module, &line.text())).collect()
                }
            }
        };
        self.texts.get(kind as usize).map_or(NONE, |texts| texts.get_or_init(make))
    }
}
