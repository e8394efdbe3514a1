//! Who needs whom, without what those need.

use crate::ids::ModuleId;

/// What each module needs itself, in the order it asks: all one behind the other.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Direct {
    needs: Vec<ModuleId>,
    /// Where in them those of each module end.
    ends: Vec<u32>,
}

impl Direct {
    /// The next module needs this one.
    pub(crate) fn push(&mut self, need: ModuleId) {
        self.needs.push(need);
    }

    /// All that modules need, one behind the other.
    pub(crate) fn all(&self) -> &[ModuleId] {
        &self.needs
    }

    /// Ends the list of the next module.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.needs.len() as u32);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn of(&self, module: usize) -> &[ModuleId] {
        let start = module.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.needs[start as usize..self.ends[module] as usize]
    }

    #[cfg(test)]
    pub(crate) fn from_lists(lists: &[&[u32]]) -> Self {
        let mut direct = Self::default();
        for list in lists {
            direct.needs.extend(list.iter().copied().map(ModuleId));
            direct.end();
        }
        direct
    }
}
