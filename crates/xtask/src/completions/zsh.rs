//! The script for zsh: tables for `_arguments` before the hand-written part.

use std::fmt::Write;

use super::{FIELDS, Opt, Tool, Value, formats, quoted};

/// One function for all tools, for a directory of `fpath`.
pub fn script(tools: &[Tool]) -> String {
    let programs: Vec<_> = tools.iter().filter(|t| t.program).map(|t| t.name).collect();
    let mut out = format!("#compdef {}\n", programs.join(" "));
    out.push_str(
        "# Completion of kmod, insmod, rmmod, lsmod, modprobe, depmod and modinfo for zsh.\n\
         # Made by `cargo xtask completions`.\n\n\
         # What a tool takes: its operands, its options, and how each may be spelt.\n\
         _komod_table() {\n    case $1 in\n",
    );
    for tool in tools {
        let _ = writeln!(out, "    {})\n        operands={}", tool.name, tool.operands.word());
        out.push_str("        spellings=(\n");
        for option in &tool.options {
            let _ = writeln!(out, "            {} '{}'", option.id, option.spellings().join(" "));
        }
        out.push_str("        )\n        specs=(\n");
        for option in &tool.options {
            for spec in specs(option) {
                let _ = writeln!(out, "            {}", quoted(&spec));
            }
        }
        out.push_str("        ) ;;\n");
    }
    out.push_str(
        "    *) return 1 ;;\n    esac\n}\n\n_komod_commands() {\n    local -a commands=(\n",
    );
    out.push_str("        'help:Print the list of commands'\n");
    for tool in tools.iter().skip(1) {
        let _ = writeln!(out, "        {}", quoted(&format!("{}:{}", tool.name, tool.about)));
    }
    out.push_str("    )\n    _describe -t commands command commands\n}\n\n");
    let _ = writeln!(out, "_komod_formats() {{ compadd \"$@\" - {}; }}\n", formats().join(" "));
    let _ = writeln!(out, "_komod_fields() {{ compadd \"$@\" - {}; }}\n", FIELDS.join(" "));
    out.push_str(include_str!("komod.zsh"));
    out
}

/// What `_arguments` takes, one for each spelling of the option.
fn specs(option: &Opt) -> Vec<String> {
    let spellings = option.spellings();
    let once = match option.repeats {
        true => "*".into(),
        false => format!("({})", spellings.join(" ")),
    };
    let help: String = option
        .help
        .chars()
        .flat_map(|c| r"\[]".contains(c).then_some('\\').into_iter().chain([c]))
        .collect();
    let one = |spelling: String| match &option.value {
        None => format!("{once}{spelling}[{help}]"),
        Some((value, metavar)) => {
            let joined = if spelling.starts_with("--") { "=" } else { "+" };
            format!("{once}{spelling}{joined}[{help}]:{metavar}:{}", action(*value))
        }
    };
    spellings.into_iter().map(one).collect()
}

/// What `_arguments` does for a value.
fn action(value: Value) -> &'static str {
    match value {
        Value::Path => "_files",
        Value::Directory => "_files -/",
        Value::Version => "_komod_versions",
        Value::Field => "_komod_fields",
        Value::Format => "_komod_formats",
        Value::Free => " ",
    }
}
