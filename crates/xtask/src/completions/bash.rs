//! The script for bash: the hand-written part behind the tools' tables.

use std::fmt::Write;

use super::{FIELDS, Tool, Value, formats};

/// One script for all tools; it needs nothing but bash 4.4.
pub fn script(tools: &[Tool]) -> String {
    let mut out = String::from(
        "# Completion of kmod, insmod, rmmod, lsmod, modprobe, depmod and modinfo for bash.\n\
         # Made by `cargo xtask completions`.\n\n\
         # What a tool takes: its operands; a line an option: name, value, spellings.\n\
         _komod_table() {\n    case $1 in\n",
    );
    for tool in tools {
        let _ = writeln!(out, "    {})\n        operands={}", tool.name, tool.operands.word());
        out.push_str("        options='");
        for (at, option) in tool.options.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            let kind = option.value.as_ref().map_or("-", |(value, _)| word(*value));
            let _ = write!(out, "{end}{} {kind} {}", option.id, option.spellings().join(" "));
        }
        out.push_str("' ;;\n");
    }
    out.push_str("    *) operands=none options= ;;\n    esac\n}\n\n");
    let commands: Vec<_> = tools.iter().skip(1).map(|tool| tool.name).collect();
    let _ = writeln!(out, "_komod_commands='help {}'", commands.join(" "));
    let _ = writeln!(out, "_komod_formats='{}'", formats().join(" "));
    let _ = writeln!(out, "_komod_fields='{}'\n", FIELDS.join(" "));
    out.push_str(include_str!("komod.bash"));
    let programs: Vec<_> = tools.iter().filter(|t| t.program).map(|t| t.name).collect();
    let _ = writeln!(out, "\ncomplete -F _komod {}", programs.join(" "));
    out
}

/// What the hand-written part calls a value.
fn word(value: Value) -> &'static str {
    match value {
        Value::Path => "path",
        Value::Directory => "directory",
        Value::Version => "version",
        Value::Field => "field",
        Value::Format => "format",
        Value::Free => "free",
    }
}
