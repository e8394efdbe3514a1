//! The table, and where it was measured.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::bench::Setting;
use crate::bench::arena::{Call, Side};
use crate::bench::figures::Row;
use crate::outcome::Stop;
use crate::programs;

/// The chart of the last table in the README.
pub const CHART: &str = "tests/speed.svg";

const BEGIN: &str = "<!-- cargo xtask bench --readme writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Where and when it was measured, and what.
#[derive(Debug, Clone)]
pub struct Machine {
    date: String,
    processor: String,
    cores: usize,
    load: (String, String),
    ours: String,
    theirs: String,
    kernel: String,
    rounds: usize,
}

impl Machine {
    /// This machine and the programs of a setting, before anything is measured.
    pub fn here(setting: &Setting<'_>) -> Result<Self, Stop> {
        let version = |side| {
            let said = setting.arena.said(side, &Call::new("kmod", &["--version"]))?;
            Ok::<Vec<String>, Stop>(said.lines().map(str::to_owned).collect())
        };
        let theirs = version(Side::Theirs)?.into_iter().next().unwrap_or_default();
        Ok(Self {
            date: programs::text(Command::new("date").arg("+%Y-%m-%d"))?.trim().to_owned(),
            processor: processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: (load(), String::new()),
            ours: format!("komod {}", env!("CARGO_PKG_VERSION")),
            theirs: theirs.replace("version ", ""),
            kernel: setting.release.clone(),
            rounds: setting.rounds,
        })
    }

    /// Everything is measured.
    pub fn done(&mut self) {
        self.load.1 = load();
    }

    /// One line about all of it.
    pub fn line(&self) -> String {
        format!(
            "{} (static), {} (Debian 13), modules of Linux {}; {}, {} cores of {}, load {} before \
             and {} after; medians of {} pairs in turn",
            self.ours,
            self.theirs,
            self.kernel,
            self.date,
            self.cores,
            self.processor,
            self.load.0,
            self.load.1,
            self.rounds,
        )
    }
}

/// What the machine was busy with in the last minute.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

fn processor(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    name.and_then(|rest| rest.split(": ").nth(1)).unwrap_or("an unknown processor").to_owned()
}

/// The table with what belongs to it, as Markdown.
pub fn markdown(rows: &[Row], machine: &Machine) -> String {
    let mut text = format!("{}.\n\n", machine.line());
    text += "| what | komod | kmod | ratio | must hold | aim | holds |\n";
    text += "|---|--:|--:|--:|--:|--:|---|\n";
    for row in rows {
        let Row { bound, figure } = row;
        let number = |value: Option<f64>| value.map(digits).unwrap_or_default();
        let limit = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let theirs = match bound.id {
            id if crate::bench::bounds::UPSTREAM.iter().any(|(row, _)| *row == id) => {
                format!("{}*", figure.theirs)
            }
            _ => figure.theirs.clone(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {theirs} | {} | {} | {} | {} |",
            bound.what,
            figure.ours,
            number(figure.value),
            limit(bound.must),
            limit(bound.aim),
            word(row),
        );
    }
    text += "\n\\* instructions of upstream's kmod, which needs fewer than Debian's.\n";
    text
}

/// A ratio, as exact as it is small.
pub fn digits(value: f64) -> String {
    match value.abs() {
        small if small < 0.01 => format!("{value:.4}"),
        large if large >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn word(row: &Row) -> &'static str {
    match row.holds() {
        Some(true) if row.reaches_its_aim() => "yes, and the aim",
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    }
}

/// How many rows hold, and each that does not.
pub fn summary(rows: &[Row]) -> String {
    let count = |wanted| rows.iter().filter(|row| row.holds() == wanted).count();
    let without = rows.iter().filter(|row| row.bound.must.is_some() && row.holds().is_none());
    let mut text = format!("{} rows hold, {} do not", count(Some(true)), count(Some(false)));
    for row in rows.iter().filter(|row| row.holds() == Some(false)) {
        let value = row.figure.value.map(digits).unwrap_or_default();
        let must = row.bound.must.unwrap_or_default();
        let _ = write!(text, "\n  does not hold: {}: {value}, not {must}", row.bound.what);
    }
    for row in without {
        let _ = write!(text, "\n  nothing to hold: {}: {}", row.bound.what, row.figure.theirs);
    }
    text
}

/// The README with a new table between its marks; error if it has none.
pub fn placed(readme: &str, table: &str) -> Result<String, Stop> {
    let lacks = || Stop::Failed("README.md has no marks for the table".into());
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(lacks)?;
    let (_, after) = rest.split_once(END).ok_or_else(lacks)?;
    let picture = format!("![komod's share of kmod's cost, row by row]({CHART})\n");
    Ok(format!("{before}{BEGIN}{table}\n{picture}{END}{after}"))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::bench::figures::{Figure, Unit, rows};

    /// A machine, and a row that holds, one that does not and one without value.
    pub fn example() -> (Machine, Vec<Row>) {
        let machine = Machine {
            date: "2026-01-02".into(),
            processor: "A <Processor> & more".into(),
            cores: 2,
            load: ("0.10".into(), "1.20".into()),
            ours: "komod 0.1.0".into(),
            theirs: "kmod 34.2".into(),
            kernel: "6.12".into(),
            rounds: 7,
        };
        let figures = vec![
            Figure::ratio("modinfo-plain", Unit::Seconds, 0.000_2, 0.002),
            Figure::ratio("modinfo-zst", Unit::Seconds, 0.009, 0.01),
        ];
        (machine, rows(&["modinfo"], figures))
    }

    #[test]
    fn the_table_says_what_holds() {
        let (machine, rows) = example();
        let text = markdown(&rows, &machine);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("2026-01-02") && lines[0].contains("load 0.10 before and 1.20"));
        assert_eq!(
            lines[4],
            "| modinfo e1000e.ko: CPU | 0.20 ms | 2.00 ms | 0.100 | 0.2 | 0.12 | yes, and the aim |"
        );
        assert!(lines[5].ends_with("| 9.00 ms | 10 ms | 0.900 | 0.5 | 0.42 | **no** |"));
        assert!(lines[6].ends_with("|  | not measured |  | 0.7 | 0.61 |  |"));
        let told = summary(&rows);
        assert!(told.starts_with("1 rows hold, 1 do not\n"), "{told}");
        assert!(told.contains("e1000e.ko.zst: CPU: 0.900, not 0.5"));
        assert!(told.contains("nothing to hold: modinfo e1000e.ko.xz: CPU: not measured"));
    }

    #[test]
    fn the_readme_keeps_all_but_the_table() {
        let readme = format!("before\n{BEGIN}old\n{END}after\n");
        let new = placed(&readme, "| table |\n").unwrap();
        assert!(new.starts_with("before\n") && new.ends_with("after\n"));
        assert!(new.contains("| table |") && !new.contains("old") && new.contains(CHART));
        assert_eq!(placed(&new, "| table |\n").unwrap(), new);
        assert!(placed("nothing", "x").is_err());
    }

    #[test]
    fn the_processor_is_named() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\n";
        assert_eq!(processor(cpuinfo), "Some CPU @ 2.0GHz");
        assert_eq!(processor(""), "an unknown processor");
        assert_eq!(digits(0.000_94), "0.0009");
        assert_eq!((digits(0.0312), digits(1.234)), ("0.031".into(), "1.23".into()));
    }
}
