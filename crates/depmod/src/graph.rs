//! Which module needs which.

use crate::catalog::{Catalog, Module, ModuleId, Wanted};
use crate::cycles;
use crate::finding::{Finding, Sink};
use crate::symbols::{Owner, Symbols};

/// What to tell about symbols while the graph is made. Both make sense only
/// when the kernel's own symbols are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checks {
    /// Symbols that nobody exports.
    pub unknown: bool,
    /// Symbols that are exported in another version.
    pub versions: bool,
}

/// Modules need one another in circles, so there is no order to load them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{modules} modules in dependency cycles")]
pub struct InCycles {
    /// How many modules stand in the reported circles.
    pub modules: usize,
}

/// Every module's dependencies, without circles.
#[derive(Debug)]
pub struct Graph {
    direct: Vec<Vec<ModuleId>>,
    /// A module's place in an order where users come before what they need.
    places: Vec<u32>,
}

impl Graph {
    /// Finds the owner of every wanted symbol. The sink hears what `checks`
    /// asks for, each new edge ([`Finding::Needs`]) and every circle.
    ///
    /// # Errors
    /// When modules need one another in circles.
    pub fn resolve(
        catalog: &Catalog,
        symbols: &Symbols,
        checks: Checks,
        sink: &mut Sink<'_>,
    ) -> Result<Self, InCycles> {
        let mut direct = Vec::with_capacity(catalog.len());
        // For every module the last one that was seen to need it.
        let mut seen: Vec<Option<ModuleId>> = vec![None; catalog.len()];
        let mut needs = Vec::new();
        for (id, module) in catalog.iter() {
            needs.clear();
            for wanted in &module.wants {
                let Some((owner, crc)) = symbols.exporter(wanted.symbol) else {
                    if checks.unknown && !wanted.weak {
                        let symbol = &spelled(symbols, wanted);
                        sink(Finding::UnknownSymbol { path: module.found.path(), symbol });
                    }
                    continue;
                };
                if checks.versions && crc != wanted.crc && !wanted.weak {
                    let symbol = &spelled(symbols, wanted);
                    sink(Finding::OtherVersion { path: module.found.path(), symbol });
                }
                let Owner::Module(owner) = owner else { continue };
                if seen[owner.index()].replace(id) != Some(id) {
                    needs.push(owner);
                    tell_edge(symbols, wanted, module, catalog.module(owner), sink);
                }
            }
            direct.push(needs.clone());
        }
        match places(&direct) {
            Some(places) => Ok(Self { direct, places }),
            None => Err(InCycles { modules: cycles::report(catalog, &direct, sink) }),
        }
    }

    /// What `id` needs itself, in the order it asks.
    pub fn direct(&self, id: ModuleId) -> &[ModuleId] {
        &self.direct[id.index()]
    }

    /// Everything that must be loaded for `id`, each once, nearest first: a
    /// module that needs nothing comes last. `scratch` saves allocations.
    pub fn closure<'s>(&self, id: ModuleId, scratch: &'s mut Closure) -> &'s [ModuleId] {
        scratch.seen.resize(self.direct.len(), None);
        let all = &mut scratch.all;
        all.clear();
        scratch.seen[id.index()] = Some(id);
        scratch.todo.push(id);
        while let Some(next) = scratch.todo.pop() {
            for &need in self.direct(next) {
                if scratch.seen[need.index()].replace(id) != Some(id) {
                    all.push(need);
                    scratch.todo.push(need);
                }
            }
        }
        all.sort_unstable_by_key(|need| self.places[need.index()]);
        all
    }
}

/// Memory that [`Graph::closure`] uses again.
#[derive(Debug, Default)]
pub struct Closure {
    all: Vec<ModuleId>,
    seen: Vec<Option<ModuleId>>,
    todo: Vec<ModuleId>,
}

/// The symbol as the module itself writes it.
fn spelled(symbols: &Symbols, wanted: &Wanted) -> Vec<u8> {
    let name = symbols.name(wanted.symbol);
    wanted.cut.iter().flatten().chain(name).copied().collect()
}

fn tell_edge(
    symbols: &Symbols,
    wanted: &Wanted,
    user: &Module,
    owner: &Module,
    sink: &mut Sink<'_>,
) {
    sink(Finding::Needs {
        path: user.found.path(),
        symbol: symbols.name(wanted.symbol),
        owner: owner.found.path(),
    });
}

/// Every module's place in an order where users come before what they need;
/// `None` when there is no such order.
fn places(direct: &[Vec<ModuleId>]) -> Option<Vec<u32>> {
    let mut users = vec![0_u32; direct.len()];
    for need in direct.iter().flatten() {
        users[need.index()] += 1;
    }
    let ids = (0..direct.len() as u32).map(ModuleId);
    let mut free: Vec<ModuleId> = ids.filter(|id| users[id.index()] == 0).collect();
    let mut places = vec![u32::MAX; direct.len()];
    let mut next = 0;
    while let Some(id) = free.pop() {
        places[id.index()] = next;
        next += 1;
        for need in &direct[id.index()] {
            users[need.index()] -= 1;
            if users[need.index()] == 0 {
                free.push(*need);
            }
        }
    }
    (next as usize == direct.len()).then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(of: &[u32]) -> Vec<ModuleId> {
        of.iter().copied().map(ModuleId).collect()
    }

    fn graph(direct: &[&[u32]]) -> Graph {
        let direct: Vec<_> = direct.iter().map(|of| ids(of)).collect();
        let places = places(&direct).unwrap();
        Graph { direct, places }
    }

    #[test]
    fn a_closure_has_everything_once_and_the_deepest_last() {
        // 0 needs 2 and 1; 1 needs 3; 2 needs 1.
        let graph = graph(&[&[2, 1], &[3], &[1], &[]]);
        let mut scratch = Closure::default();
        assert_eq!(graph.closure(ModuleId(0), &mut scratch), ids(&[2, 1, 3]));
        assert_eq!(graph.closure(ModuleId(2), &mut scratch), ids(&[1, 3]));
        assert_eq!(graph.closure(ModuleId(3), &mut scratch), []);
    }

    #[test]
    fn unrelated_users_are_taken_from_the_last() {
        assert_eq!(places(&[ids(&[2]), ids(&[2]), ids(&[])]), Some(vec![1, 0, 2]));
    }

    #[test]
    fn a_circle_has_no_order() {
        assert_eq!(places(&[ids(&[1]), ids(&[2]), ids(&[1, 3]), ids(&[])]), None);
        assert_eq!(places(&[ids(&[0])]), None);
    }
}
