use crate::{Module, bytes};

/// On which terms a module offers a symbol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms<'a> {
    /// Whether modules with a licence of their own may not use it
    /// (`EXPORT_SYMBOL_GPL`).
    pub gpl: bool,
    /// The namespace that a user has to import; empty without one.
    pub namespace: &'a [u8],
}

impl<'a> Module<'a> {
    /// What this module exports on which terms, by the symbols that `EXPORT_SYMBOL`
    /// leaves (linux/export.h): `__ksymtab_NAME` lies in a section of exports, and
    /// `__kstrtabns_NAME` at the namespace's text. Empty where there are no such symbols,
    /// as in a module stripped of those that are not needed to load it.
    pub fn export_terms(&self) -> Vec<(&'a [u8], Terms<'a>)> {
        let mut found: Vec<(&'a [u8], Terms<'a>)> = Vec::new();
        let mut spaces = Vec::new();
        let sections: Vec<&[u8]> = self.section_names().collect();
        self.for_each_defined(|own, section, value| {
            if let Some(name) = own.strip_prefix(b"__ksymtab_") {
                let of = sections.get(section).copied().unwrap_or_default();
                let gpl = of.starts_with(b"__ksymtab_gpl") || of.starts_with(b"___ksymtab_gpl");
                found.push((name, Terms { gpl, namespace: &[] }));
            } else if let Some(name) = own.strip_prefix(b"__kstrtabns_") {
                spaces.push((name, section, value));
            }
        });
        for (name, section, value) in spaces {
            let text = self.section_at(section).map(|section| section.bytes);
            let text = text.zip(usize::try_from(value).ok()).and_then(|(text, at)| text.get(at..));
            let own = found.iter_mut().find(|(own, _)| *own == name);
            if let Some(((_, terms), text)) = own.zip(text) {
                terms.namespace = bytes::until_nul(text);
            }
        }
        found
    }
}
