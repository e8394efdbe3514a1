//! The table as a picture: one bar a row, as long as komod's share of the
//! original's cost; the original's own is the whole width.

use std::fmt::Write;

use crate::bench::figures::Row;
use crate::bench::report::{Machine, digits};

const ROW: usize = 22;
const TOP: usize = 64;
const LABELS: usize = 390;
const BARS: usize = 330;
const WIDTH: usize = 960;

const BETTER: &str = "#2f7d4f";
const WORSE: &str = "#c0392b";
const UNBOUND: &str = "#5b7aa8";

/// The chart of these rows, as SVG. Rows without a value are left out, and those
/// whose value is no share of the original's cost.
pub fn svg(rows: &[Row], machine: &Machine) -> String {
    let share = |row: &&Row| !["larger", "size"].contains(&row.bound.group);
    let shares = rows.iter().filter(share);
    let rows: Vec<(&Row, f64)> = shares.filter_map(|row| Some((row, row.figure.value?))).collect();
    let height = TOP + ROW * rows.len() + 46;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"17\" font-weight=\"bold\">komod's cost as a share of \
         kmod's</text>\n\
         <text x=\"16\" y=\"46\" fill=\"#555\">shorter is better; the grey bar is kmod, the black \
         mark what must hold; red does not, blue has no mark</text>\n"
    );
    for (number, (row, value)) in rows.iter().enumerate() {
        let (y, middle) = (TOP + ROW * number + 4, TOP + ROW * number + 16);
        let colour = match row.holds() {
            Some(true) => BETTER,
            Some(false) => WORSE,
            None => UNBOUND,
        };
        let at = |share: f64| LABELS as f64 + BARS as f64 * share.clamp(0.0, 1.15);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{y}\" width=\"{BARS}\" height=\"16\" fill=\"#e6e6e6\"/>\n\
             <rect x=\"{LABELS}\" y=\"{y}\" width=\"{:.1}\" height=\"16\" fill=\"{colour}\"/>",
            LABELS - 10,
            escaped(row.bound.what),
            (at(*value) - LABELS as f64).max(1.0),
        );
        if let Some(must) = row.bound.must {
            let x = at(must);
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#000\" \
                 stroke-width=\"2\"/>",
                y - 2,
                y + 18
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{middle}\" font-weight=\"bold\">{}</text>\n\
             <text x=\"{}\" y=\"{middle}\" fill=\"#555\">{}</text>",
            LABELS + BARS + 58,
            digits(*value),
            LABELS + BARS + 114,
            escaped(&row.figure.ours),
        );
    }
    for (line, text) in wrapped(&machine.line()).iter().enumerate() {
        let y = height - 26 + 15 * line;
        let _ = writeln!(
            out,
            "<text x=\"16\" y=\"{y}\" font-size=\"10\" fill=\"#555\">{}</text>",
            escaped(text)
        );
    }
    out + "</svg>\n"
}

/// A long line in two, split at a blank.
fn wrapped(line: &str) -> Vec<&str> {
    let middle = line.len() / 2;
    let blank = line.char_indices().map(|(at, _)| at).filter(|&at| line[at..].starts_with(' '));
    match blank.min_by_key(|at| at.abs_diff(middle)) {
        Some(at) => vec![&line[..at], line[at..].trim_start()],
        None => vec![line],
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::example;

    #[test]
    fn bars_are_as_long_as_the_shares_and_red_where_a_row_fails() {
        let (machine, rows) = example();
        let svg = svg(&rows, &machine);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains(&format!("width=\"33.0\" height=\"16\" fill=\"{BETTER}\"")), "{svg}");
        assert!(svg.contains(&format!("width=\"297.0\" height=\"16\" fill=\"{WORSE}\"")));
        assert!(svg.contains("A &lt;Processor&gt; &amp; more"));
        assert!(!svg.contains("e1000e.ko.xz"), "a row without value has no bar");
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }

    #[test]
    fn a_line_is_split_at_a_blank() {
        assert_eq!(wrapped("one two three"), ["one two", "three"]);
        assert_eq!(wrapped("word"), ["word"]);
    }
}
