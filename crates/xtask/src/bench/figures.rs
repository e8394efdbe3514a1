//! What was measured, row by row.

use crate::bench::bounds::{BOUNDS, Bound};
use crate::bench::run::Pairs;

/// How numbers of a row are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Instructions.
    Instructions,
    /// Seconds.
    Seconds,
    /// System calls.
    Calls,
    /// Bytes.
    Bytes,
    /// A plain ratio.
    Share,
}

impl Unit {
    /// The number as it stands in the table.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Instructions if value >= 1e7 => format!("{:.1} M", value / 1e6),
            Self::Instructions => format!("{:.0} k", value / 1e3),
            Self::Seconds if value >= 1.0 => format!("{value:.2} s"),
            Self::Seconds if value >= 0.01 => format!("{:.0} ms", value * 1e3),
            Self::Seconds => format!("{:.2} ms", value * 1e3),
            Self::Calls => format!("{value:.0}"),
            Self::Bytes if value >= 1e6 => format!("{:.2} MB", value / 1e6),
            Self::Bytes => format!("{:.0} kB", value / 1e3),
            Self::Share => format!("{value:.2}"),
        }
    }
}

/// A row's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The row's id.
    pub id: &'static str,
    /// komod's figure, as it is shown; empty if it was not measured.
    pub ours: String,
    /// The original's, or why there is none.
    pub theirs: String,
    /// What is held to the row's bounds; `None` if nothing can be.
    pub value: Option<f64>,
}

impl Figure {
    /// Both figures, their ratio held to the bounds.
    pub fn ratio(id: &'static str, unit: Unit, ours: f64, theirs: f64) -> Self {
        let value = Some(ours / theirs);
        Self { id, ours: unit.show(ours), theirs: unit.show(theirs), value }
    }

    /// The medians, and the median of the ratios.
    pub fn pairs(id: &'static str, unit: Unit, pairs: &Pairs) -> Self {
        let value = Some(pairs.ratio());
        Self { value, ..Self::ratio(id, unit, pairs.ours(), pairs.theirs()) }
    }

    /// The same, measured while others worked too: it is not held.
    pub fn busy(self) -> Self {
        Self { theirs: format!("{}, busy", self.theirs), value: None, ..self }
    }

    /// Nothing to hold: what komod's figure is, and why there is no other.
    pub fn without(id: &'static str, ours: String, why: &str) -> Self {
        Self { id, ours, theirs: why.into(), value: None }
    }
}

/// A row of the table: its bound, and its figures if it was measured.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it has to be.
    pub bound: Bound,
    /// What it is.
    pub figure: Figure,
}

impl Row {
    /// Whether it holds; `None` if it has no bound or no value.
    pub fn holds(&self) -> Option<bool> {
        Some(self.figure.value? <= self.bound.must?)
    }

    /// Whether it is as good as it should be.
    pub fn reaches_its_aim(&self) -> bool {
        matches!((self.figure.value, self.bound.aim), (Some(value), Some(aim)) if value <= aim)
    }
}

/// The rows of these groups, in the order of the table. One that nobody has
/// measured says so.
pub fn rows(groups: &[&str], mut figures: Vec<Figure>) -> Vec<Row> {
    let chosen = BOUNDS.iter().filter(|bound| groups.contains(&bound.group));
    chosen
        .map(|bound| {
            let at = figures.iter().position(|figure| figure.id == bound.id);
            let missing = || Figure::without(bound.id, String::new(), "not measured");
            Row { bound: *bound, figure: at.map_or_else(missing, |at| figures.swap_remove(at)) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = |unit: Unit, value| unit.show(value);
        assert_eq!(shown(Unit::Instructions, 243_123_456.0), "243.1 M");
        assert_eq!(shown(Unit::Instructions, 37_063.0), "37 k");
        assert_eq!(shown(Unit::Seconds, 5.861), "5.86 s");
        assert_eq!(shown(Unit::Seconds, 0.0769), "77 ms");
        assert_eq!(shown(Unit::Seconds, 0.000_23), "0.23 ms");
        assert_eq!(shown(Unit::Bytes, 1_227_072.0), "1.23 MB");
        assert_eq!(shown(Unit::Bytes, 552_960.0), "553 kB");
        assert_eq!(shown(Unit::Calls, 84.0), "84");
    }

    #[test]
    fn a_row_holds_up_to_its_bound_and_only_if_it_was_measured() {
        let row = |ours, theirs| {
            let figure = Figure::ratio("plain-cpu", Unit::Seconds, ours, theirs);
            rows(&["plain"], vec![figure]).into_iter().find(|r| r.bound.id == "plain-cpu").unwrap()
        };
        assert_eq!(row(0.30, 1.0).holds(), Some(true));
        assert_eq!(row(0.31, 1.0).holds(), Some(false));
        assert!(row(0.2, 1.0).reaches_its_aim() && !row(0.3, 1.0).reaches_its_aim());
        let busy = Figure::ratio("plain-wall", Unit::Seconds, 0.1, 0.2).busy();
        assert_eq!((busy.theirs.as_str(), busy.value), ("200 ms, busy", None));
        let others = rows(&["plain"], Vec::new());
        assert!(others.len() > 5 && others.iter().all(|row| row.holds().is_none()));
        assert!(others.iter().all(|row| row.figure.theirs == "not measured"));
    }
}
