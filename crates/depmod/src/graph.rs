//! Which module needs which.

use crate::catalog::{Catalog, Module};
use crate::cycles;
use crate::direct::Direct;
use crate::facts::Wanted;
use crate::finding::{Finding, Sink};
use crate::ids::ModuleId;
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
    direct: Direct,
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
        catalog: &Catalog<'_>,
        symbols: &Symbols,
        checks: Checks,
        sink: &mut Sink<'_>,
    ) -> Result<Self, InCycles> {
        let mut direct = Direct::default();
        // For every module the last one that was seen to need it.
        let mut seen: Vec<Option<ModuleId>> = vec![None; catalog.len()];
        for (id, module) in catalog.iter() {
            for wanted in module.wants() {
                let Some((owner, crc)) = symbols.exporter(wanted.symbol) else {
                    if checks.unknown && !wanted.weak {
                        let symbol = &spelled(symbols, &wanted, catalog.prefix);
                        sink(Finding::UnknownSymbol { path: module.found.path(), symbol });
                    }
                    continue;
                };
                if checks.versions && crc != wanted.crc && !wanted.weak {
                    let symbol = &spelled(symbols, &wanted, catalog.prefix);
                    sink(Finding::OtherVersion { path: module.found.path(), symbol });
                }
                let Owner::Module(owner) = owner else { continue };
                if seen[owner.index()].replace(id) != Some(id) {
                    direct.push(owner);
                    tell_edge(symbols, &wanted, module, catalog.module(owner), sink);
                }
            }
            direct.end();
        }
        match places(&direct) {
            Some(places) => Ok(Self { direct, places }),
            None => Err(InCycles { modules: cycles::report(catalog, &direct, sink) }),
        }
    }

    /// What `id` needs itself, in the order it asks.
    pub fn direct(&self, id: ModuleId) -> &[ModuleId] {
        self.direct.of(id.index())
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
fn spelled(symbols: &Symbols, wanted: &Wanted, prefix: Option<u8>) -> Vec<u8> {
    let [dot, own] = wanted.cut;
    let cut = [dot.then_some(b'.'), prefix.filter(|_| own)];
    cut.into_iter().flatten().chain(symbols.name(wanted.symbol).iter().copied()).collect()
}

fn tell_edge(
    symbols: &Symbols,
    wanted: &Wanted,
    user: &Module<'_>,
    owner: &Module<'_>,
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
fn places(direct: &Direct) -> Option<Vec<u32>> {
    let mut users = vec![0_u32; direct.len()];
    for need in direct.all() {
        users[need.index()] += 1;
    }
    let ids = (0..direct.len() as u32).map(ModuleId);
    let mut free: Vec<ModuleId> = ids.filter(|id| users[id.index()] == 0).collect();
    let mut places = vec![u32::MAX; direct.len()];
    let mut next = 0;
    while let Some(id) = free.pop() {
        places[id.index()] = next;
        next += 1;
        for need in direct.of(id.index()) {
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
        let direct = Direct::from_lists(direct);
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
        assert_eq!(places(&Direct::from_lists(&[&[2], &[2], &[]])), Some(vec![1, 0, 2]));
    }

    #[test]
    fn a_circle_has_no_order() {
        assert_eq!(places(&Direct::from_lists(&[&[1], &[2], &[1, 3], &[]])), None);
        assert_eq!(places(&Direct::from_lists(&[&[0]])), None);
    }
}
