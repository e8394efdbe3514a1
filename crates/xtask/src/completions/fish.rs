//! The scripts for fish: one for each program, for fish looks for a file of the
//! command's name. The hand-written part and its tables are the same in each.

use std::fmt::Write;

use super::{FIELDS, Opt, Tool, Value, formats};

/// The script of one program.
pub fn script(program: &Tool, tools: &[Tool]) -> String {
    let name = program.name;
    let mut out = format!(
        "# Completion of {name} for fish.\n# Made by `cargo xtask completions`.\n\n\
         # What a tool's options are, for argparse.\n\
         function __komod_specs\n    switch $argv[1]\n"
    );
    for tool in tools {
        let specs: Vec<_> = tool.options.iter().flat_map(specs).collect();
        let _ = writeln!(out, "        case {}", tool.name);
        let _ = writeln!(out, "            string split ' ' -- '{}'", specs.join(" "));
    }
    out.push_str("    end\nend\n\n");
    out.push_str(include_str!("komod.fish"));
    out.push('\n');
    takes(&mut out, name, program, "");
    if name == "kmod" {
        let here = "-n 'test (__komod_tool) = kmod' ";
        let help = "Print the list of commands";
        let commands = tools.iter().skip(1).map(|tool| (tool.name, tool.about));
        for (command, about) in [("help", help)].into_iter().chain(commands) {
            let _ = writeln!(out, "complete -c kmod {here}-f -a {command} -d {}", quoted(about));
        }
        for tool in tools.iter().skip(1) {
            takes(&mut out, name, tool, &format!("-n 'test (__komod_tool) = {}' ", tool.name));
        }
    }
    out
}

/// What the tool takes as lines of `complete` for a program, if `condition`.
fn takes(out: &mut String, program: &str, tool: &Tool, condition: &str) {
    let condition = match (program, tool.name) {
        ("kmod", "kmod") => "-n 'test (__komod_tool) = kmod' ",
        _ => condition,
    };
    let operands = tool.operands.word();
    let _ = writeln!(out, "complete -c {program} {condition}-f -a '(__komod_{operands})'");
    for option in &tool.options {
        let _ = write!(out, "complete -c {program} {condition}");
        for letter in &option.short {
            let _ = write!(out, "-s {letter} ");
        }
        for word in &option.long {
            let _ = write!(out, "-l {word} ");
        }
        let value = option.value.as_ref().map_or(String::new(), |(value, _)| action(*value));
        let _ = writeln!(out, "{value}-d {}", quoted(&option.help));
    }
}

/// What argparse takes for an option: the name under which its value is asked
/// for, then its other names.
fn specs(option: &Opt) -> Vec<String> {
    let mut short = option.short.iter();
    let mut long = option.long.iter();
    let value = match (&option.value, option.repeats) {
        (None, _) => "",
        (Some(_), false) => "=",
        (Some(_), true) => "=+",
    };
    let first = match (short.next(), long.next()) {
        (Some(letter), Some(word)) => format!("{letter}/{word}{value}"),
        (Some(letter), None) => format!("{letter}{value}"),
        (None, Some(word)) => format!("{word}{value}"),
        (None, None) => return Vec::new(),
    };
    let others = short.map(|letter| format!("{letter}{value}"));
    [first].into_iter().chain(others).chain(long.map(|word| format!("{word}{value}"))).collect()
}

/// What `complete` does for a value.
fn action(value: Value) -> String {
    match value {
        Value::Path => "-r -F ".into(),
        Value::Directory => "-x -a '(__komod_directories)' ".into(),
        Value::Version => "-x -a '(__komod_versions)' ".into(),
        Value::Field => format!("-x -a '{}' ", FIELDS.join(" ")),
        Value::Format => format!("-x -a '{}' ", formats().join(" ")),
        Value::Free => "-x ".into(),
    }
}

/// `text` as one word of fish.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}
