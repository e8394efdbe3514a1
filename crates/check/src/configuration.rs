//! Lines of modprobe.d and depmod.d that cannot take effect.

use komod_config::{Config, DepmodConfig, Level, Warning};

use crate::Finding;
use crate::directives::Lines;
use crate::names::Names;

/// Looks at every line of `config` and `depmod`; `built_in_modinfo` is what built-in
/// modules say of themselves.
pub(crate) fn check(config: &Config, depmod: &DepmodConfig, names: &Names<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let warnings = config.warnings.iter().chain(&depmod.warnings);
    findings.extend(warnings.filter(|warning| warning.level == Level::Error).filter_map(bad_line));
    let mut lines = Lines { config, names, findings };
    lines.options();
    lines.softdeps();
    lines.commands();
    lines.aliases();
    lines.blacklists();
    lines.denies();
    lines.findings
}

/// A line that is not understood; `None` for what is about no line.
fn bad_line(warning: &Warning) -> Option<Finding> {
    let origin = warning.origin.as_ref()?;
    let (file, text) = (origin.file.display().to_string(), warning.text.as_str());
    let places = [format!("{file} line {}: ", origin.line), format!("{origin}: "), file + ": "];
    let what = places.iter().find_map(|place| text.strip_prefix(place.as_str())).unwrap_or(text);
    Some(Finding::at(origin, "bad-line", what))
}

/// What only komod heeds: file and line of each.
pub(crate) fn own_lines(config: &Config) -> Vec<String> {
    let denies = config.denies.iter().map(|line| &line.origin);
    let origins = denies.chain(config.allows.iter().map(|line| &line.origin));
    origins
        .map(|origin| {
            format!("{origin}: kmod does not know deny and allow, and passes the line over")
        })
        .collect()
}
