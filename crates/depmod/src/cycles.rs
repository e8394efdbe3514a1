//! Tells which modules need one another in circles.
//!
//! The circles of a dense graph are too many to list. So the modules in
//! circles are found first, as the strongly connected components of the
//! graph; then circles are listed until the work for a component is used up.

use crate::catalog::{Catalog, ModuleId};
use crate::finding::{Finding, Sink};

/// Steps from module to module that may be spent to list the circles of one
/// component. Real circles have a few modules; this is for hostile ones.
const STEPS: usize = 10_000;
/// Circles that are listed for one component.
const LINES: usize = 100;

/// Tells the circles of a graph, by the first module in each, and how many
/// modules stand in circles; returns that number.
pub(crate) fn report(catalog: &Catalog, direct: &[Vec<ModuleId>], sink: &mut Sink<'_>) -> usize {
    let components = Components::of(direct);
    let mut modules = 0;
    let mut budgets = vec![Budget { steps: STEPS, lines: LINES }; components.count];
    for start in catalog.ids() {
        let component = components.of[start.index()] as usize;
        if !components.has_circle(start, direct) {
            continue;
        }
        modules += 1;
        let mut search = Search { direct, components: &components, start };
        search.circles(&mut budgets[component], &mut |circle| {
            let names: Vec<&[u8]> =
                circle.iter().map(|id| catalog.module(*id).name().as_bytes()).collect();
            sink(Finding::Cycle { names: &names });
        });
    }
    sink(Finding::CyclesTotal { modules });
    modules
}

#[derive(Debug, Clone, Copy)]
struct Budget {
    steps: usize,
    lines: usize,
}

struct Search<'a> {
    direct: &'a [Vec<ModuleId>],
    components: &'a Components,
    start: ModuleId,
}

impl Search<'_> {
    /// Every circle through `start` whose other modules come after it, the
    /// last dependency of a module tried first; `start` stands at both ends.
    fn circles(&mut self, budget: &mut Budget, tell: &mut dyn FnMut(&[ModuleId])) {
        let mut path = vec![self.start];
        let mut on_path = vec![false; self.direct.len()];
        // How many dependencies of each module on the path are still to try.
        let mut left = vec![self.direct[self.start.index()].len()];
        while let (Some(&module), Some(untried)) = (path.last(), left.last_mut()) {
            let next = untried.checked_sub(1);
            *untried = next.unwrap_or(0);
            let Some(&need) = next.and_then(|at| self.direct[module.index()].get(at)) else {
                on_path[module.index()] = false;
                path.pop();
                left.pop();
                continue;
            };
            if budget.steps == 0 || budget.lines == 0 {
                return;
            }
            budget.steps -= 1;
            if need == self.start {
                budget.lines -= 1;
                path.push(need);
                tell(&path);
                path.pop();
            } else if need > self.start
                && !on_path[need.index()]
                && self.components.together(need, self.start)
            {
                on_path[need.index()] = true;
                path.push(need);
                left.push(self.direct[need.index()].len());
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
    fn of(direct: &[Vec<ModuleId>]) -> Self {
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
                if let Some(need) = direct[module].get(at).map(|need| need.index()) {
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
    fn has_circle(&self, id: ModuleId, direct: &[Vec<ModuleId>]) -> bool {
        let component = self.of[id.index()] as usize;
        self.sizes[component] > 1 || direct[id.index()].contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scan::Found;

    /// The lines for a graph written `a: b c` a line, modules in that order.
    fn lines(graph: &str) -> Vec<String> {
        let rows: Vec<(&str, Vec<&str>)> = graph
            .lines()
            .map(|line| line.trim().split_once(':').unwrap())
            .map(|(name, needs)| (name, needs.split_whitespace().collect()))
            .collect();
        let place = |name| ModuleId(rows.iter().position(|row| row.0 == name).unwrap() as u32);
        let direct: Vec<Vec<ModuleId>> =
            rows.iter().map(|row| row.1.iter().map(|name| place(*name)).collect()).collect();
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
