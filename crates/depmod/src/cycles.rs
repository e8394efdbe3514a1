//! Tells which modules need one another in circles.
//!
//! The circles of a dense graph are too many to list. So the modules in
//! circles are found first, as the strongly connected components of the
//! graph; then circles are listed until the work for a component is used up.

use crate::catalog::Catalog;
use crate::direct::Direct;
use crate::finding::{Finding, Sink};
use crate::ids::ModuleId;

/// Steps from module to module that may be spent to list the circles of one
/// component. Real circles have a few modules; this is for hostile ones.
const STEPS: usize = 10_000;
/// Circles that are listed for one component.
const LINES: usize = 100;

/// Tells the circles of a graph and how many modules stand in circles;
/// returns that number.
///
/// The order is the original's where that one comes to an end: the first
/// module starts, and the next start is looked for behind the module that the
/// search came to last.
pub(crate) fn report(catalog: &Catalog<'_>, direct: &Direct, sink: &mut Sink<'_>) -> usize {
    let components = Components::of(direct);
    let ids: Vec<ModuleId> = catalog.ids().collect();
    let in_circles: Vec<ModuleId> =
        ids.iter().copied().filter(|id| components.has_circle(*id, direct)).collect();
    let mut search =
        Search { direct, components: &components, done: vec![false; direct.len()], last: None };
    let mut tell = |circle: &[ModuleId]| {
        let names: Vec<&[u8]> =
            circle.iter().map(|id| catalog.module(*id).name().as_bytes()).collect();
        sink(Finding::Cycle { names: &names });
    };
    let mut from = 0;
    while let Some(root) = next_open(&in_circles, &search.done, from) {
        let mut budget = Budget { steps: STEPS, lines: LINES };
        search.circles(root, &mut budget, &mut tell);
        let last = search.last.unwrap_or(root);
        // Circles that the first module of the component is not in.
        for &other in in_circles.iter().filter(|id| components.together(**id, root)) {
            search.circles(other, &mut budget, &mut tell);
        }
        from = in_circles.partition_point(|id| *id <= last);
    }
    sink(Finding::CyclesTotal { modules: in_circles.len() });
    in_circles.len()
}

/// The first module that is not done, from place `from` on and around.
fn next_open(modules: &[ModuleId], done: &[bool], from: usize) -> Option<ModuleId> {
    let (before, behind) = modules.split_at_checked(from).unwrap_or((modules, &[]));
    behind.iter().chain(before).copied().find(|id| !done[id.index()])
}

#[derive(Debug, Clone, Copy)]
struct Budget {
    steps: usize,
    lines: usize,
}

struct Search<'a> {
    direct: &'a Direct,
    components: &'a Components,
    /// Modules whose circles have been told.
    done: Vec<bool>,
    /// The module that the latest search came to last.
    last: Option<ModuleId>,
}

impl Search<'_> {
    /// Every circle through `start` and modules that are not done, the last
    /// dependency of a module tried first; `start` stands at both ends. Then
    /// `start` is done.
    fn circles(&mut self, start: ModuleId, budget: &mut Budget, tell: &mut dyn FnMut(&[ModuleId])) {
        if std::mem::replace(&mut self.done[start.index()], true) {
            return;
        }
        self.last = None;
        let mut path = vec![start];
        let mut on_path = vec![false; self.direct.len()];
        let mut reached = vec![false; self.direct.len()];
        // How many dependencies of each module on the path are still to try.
        let mut left = vec![self.direct.of(start.index()).len()];
        while let (Some(&module), Some(untried)) = (path.last(), left.last_mut()) {
            let next = untried.checked_sub(1);
            *untried = next.unwrap_or(0);
            let Some(&need) = next.and_then(|at| self.direct.of(module.index()).get(at)) else {
                on_path[module.index()] = false;
                path.pop();
                left.pop();
                continue;
            };
            if budget.steps == 0 || budget.lines == 0 {
                return;
            }
            budget.steps -= 1;
            if need == start {
                budget.lines -= 1;
                path.push(need);
                tell(&path);
                path.pop();
            } else if !self.done[need.index()]
                && !on_path[need.index()]
                && self.components.together(need, start)
            {
                on_path[need.index()] = true;
                if !std::mem::replace(&mut reached[need.index()], true) {
                    self.last = Some(need);
                }
                path.push(need);
                left.push(self.direct.of(need.index()).len());
            }
        }
    }
}

/// The strongly connected components of a graph (Tarjan's algorithm, on a
/// stack of its own).
struct Components {
    /// The component of every module.
    of: Vec<u32>,
    /// How many modules each component has.
    sizes: Vec<u32>,
    count: usize,
}

impl Components {
    fn of(direct: &Direct) -> Self {
        const NEW: u32 = u32::MAX;
        let mut found = Self { of: vec![NEW; direct.len()], sizes: Vec::new(), count: 0 };
        let mut number = vec![NEW; direct.len()];
        let mut low = vec![0; direct.len()];
        let mut open: Vec<usize> = Vec::new();
        let mut walk: Vec<(usize, usize)> = Vec::new();
        let mut next = 0;
        for root in 0..direct.len() {
            if number[root] != NEW {
                continue;
            }
            walk.push((root, 0));
            while let Some((module, tried)) = walk.last_mut() {
                let (module, at) = (*module, *tried);
                if at == 0 {
                    (number[module], low[module]) = (next, next);
                    next += 1;
                    open.push(module);
                }
                *tried += 1;
                if let Some(need) = direct.of(module).get(at).map(|need| need.index()) {
                    if number[need] == NEW {
                        walk.push((need, 0));
                    } else if found.of[need] == NEW {
                        low[module] = low[module].min(number[need]);
                    }
                    continue;
                }
                walk.pop();
                if let Some(&(user, _)) = walk.last() {
                    low[user] = low[user].min(low[module]);
                }
                if low[module] == number[module] {
                    found.close(module, &mut open);
                }
            }
        }
        found
    }

    /// Makes a component of what was opened since `first`.
    fn close(&mut self, first: usize, open: &mut Vec<usize>) {
        let mut size = 0;
        while let Some(module) = open.pop() {
            self.of[module] = self.count as u32;
            size += 1;
            if module == first {
                break;
            }
        }
        self.sizes.push(size);
        self.count += 1;
    }

    fn together(&self, a: ModuleId, b: ModuleId) -> bool {
        self.of[a.index()] == self.of[b.index()]
    }

    /// Whether `id` stands in a circle, if only with itself.
    fn has_circle(&self, id: ModuleId, direct: &Direct) -> bool {
        let component = self.of[id.index()] as usize;
        self.sizes[component] > 1 || direct.of(id.index()).contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::found::Found;

    /// The lines for a graph written `a: b c` a line, modules in that order.
    fn lines(graph: &str) -> Vec<String> {
        let rows: Vec<(&str, Vec<&str>)> = graph
            .lines()
            .map(|line| line.trim().split_once(':').unwrap())
            .map(|(name, needs)| (name, needs.split_whitespace().collect()))
            .collect();
        let place = |name| rows.iter().position(|row| row.0 == name).unwrap() as u32;
        let direct: Vec<Vec<u32>> =
            rows.iter().map(|row| row.1.iter().map(|name| place(*name)).collect()).collect();
        let direct: Vec<&[u32]> = direct.iter().map(Vec::as_slice).collect();
        let direct = Direct::from_lists(&direct);
        let found = rows.iter().map(|row| Found::below(Path::new("/m"), row.0.as_bytes()));
        let mut lines = Vec::new();
        report(&Catalog::new(found.collect()), &direct, &mut |finding| match finding {
            Finding::Cycle { names } => lines.push(
                names.iter().map(|n| String::from_utf8_lossy(n)).collect::<Vec<_>>().join(" "),
            ),
            Finding::CyclesTotal { modules } => lines.push(modules.to_string()),
            other => panic!("{other:?}"),
        });
        lines
    }

    #[test]
    fn separate_circles_are_told_in_module_order() {
        assert_eq!(lines("x: a\na: b\nb: c y\nc: a\nd: d\ny:"), ["a b c a", "d d", "4"]);
    }

    #[test]
    fn circles_that_share_modules_are_told_last_dependency_first() {
        assert_eq!(lines("i: j\nj: h k\nk: h\nh: i"), ["i j k h i", "i j h i", "4"]);
    }

    #[test]
    fn linked_circles_end() {
        assert_eq!(lines("a: b\nb: a c\nc: d\nd: c b"), ["a b a", "b c d b", "c d c", "4"]);
    }

    #[test]
    fn a_dense_graph_gives_a_bounded_report() {
        let names: Vec<String> = (0..40).map(|n| format!("m{n}")).collect();
        let all = names.join(" ");
        let graph: Vec<String> = names.iter().map(|name| format!("{name}: {all}")).collect();
        let lines = lines(&graph.join("\n"));
        assert!(lines.len() <= LINES + 1 && lines.len() > 1);
        assert_eq!(lines.last().map(String::as_str), Some("40"));
    }
}
