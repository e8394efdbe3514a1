//! `lsmod`, also called `kmod list`: the modules in the kernel.

use std::ffi::OsString;
use std::io;

use komod_json as json;
use komod_kernel::{Kernel, LoadedModule};

use super::{Tool, parse_and_listen};
use crate::cli::{Definition, count, flag};
use crate::host::{Host, Outcome};
use crate::io_text;

pub(super) const TOOL: Tool = Tool {
    name: "lsmod",
    about: "Show the modules in the kernel",
    program: true,
    definition: || DEFINITION.command(),
    run,
};

pub(super) const LIST: Tool =
    Tool { name: "list", about: "Show the modules in the kernel", program: false, ..TOOL };

static DEFINITION: Definition = Definition::new(
    "lsmod",
    TOOL.about,
    "[options]",
    &[
        flag("json", "Print JSON Lines, an object for each module").own(),
        flag("syslog", "Send messages to syslog").short('s'),
        count("verbose", "Say more").short('v'),
    ],
    "",
);

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match parse_and_listen(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    if !given.operands().is_empty() {
        host.report.error("too many arguments provided.");
        return Ok(Outcome::Failure);
    }
    let loaded = match host.kernel.loaded() {
        Ok(loaded) => loaded,
        Err(error) => {
            let why = io_text(&error);
            host.report.error(format_args!("could not open /proc/modules: {why}"));
            host.report.error(format_args!("could not get list of modules: {why}"));
            return Ok(Outcome::Failure);
        }
    };
    let rows = loaded.into_iter().map(|module| Row::of(module, host.kernel));
    if given.flag("json") {
        let mut line = json::Line::new();
        for row in rows {
            let Row { name, size, refcnt, holders } = &row;
            let loaded = json::Loaded { name, size: *size, refcnt: *refcnt, holders };
            loaded.put(&mut line);
            line.write(host.stdout)?;
        }
    } else {
        host.stdout.write_all(&render(rows))?;
    }
    Ok(Outcome::Success)
}

/// One line of the list.
struct Row {
    name: Vec<u8>,
    size: u64,
    /// -2 where the kernel keeps no count, as kmod prints.
    refcnt: i64,
    holders: Vec<Vec<u8>>,
}

impl Row {
    /// `/sys` is asked for what it knows better: the size, which is not the whole
    /// module's on every architecture, and the order of several holders, which
    /// scripts know. Both count the same references (`module_refcount` of the kernel's
    /// `kernel/module`). A module that vanished meanwhile keeps what
    /// `/proc/modules` said of it.
    fn of(module: LoadedModule, kernel: &dyn Kernel) -> Self {
        let size = kernel.core_size(&module.name).ok().flatten().unwrap_or(module.size);
        let refcnt = || kernel.refcnt(&module.name).ok().flatten();
        let refcnt = module.refcnt.or_else(refcnt).unwrap_or(-2);
        let holders = match module.holders.len() {
            0 | 1 => module.holders,
            _ => kernel.holders(&module.name).unwrap_or(module.holders),
        };
        Self { name: module.name, size, refcnt, holders }
    }
}

/// All lines in one piece: most of what `lsmod` does is to write a few bytes.
fn render(rows: impl Iterator<Item = Row>) -> Vec<u8> {
    let mut text = b"Module                  Size  Used by\n".to_vec();
    for row in rows {
        text.extend_from_slice(&row.name);
        let padding = 20_usize.saturating_sub(row.name.len()).max(1);
        text.resize(text.len().saturating_add(padding), b' ');
        put_number(&mut text, row.size, 8);
        text.extend_from_slice(if row.refcnt < 0 { b"  -" } else { b"  " });
        put_number(&mut text, row.refcnt.unsigned_abs(), 0);
        for (at, holder) in row.holders.iter().enumerate() {
            text.push(if at == 0 { b' ' } else { b',' });
            text.extend_from_slice(holder);
        }
        text.push(b'\n');
    }
    text
}

/// The decimal number, with blanks before it up to `width`.
fn put_number(text: &mut Vec<u8>, number: u64, width: usize) {
    let start = text.len();
    let mut rest = number;
    loop {
        text.push(b'0' | (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.resize(text.len().max(start.saturating_add(width)), b' ');
    if let Some(digits) = text.get_mut(start..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_kernel::Recorder;

    #[test]
    fn rows_are_as_wide_as_scripts_expect() {
        let kernel = Recorder::new("6.12")
            .with_loaded("snd_pcm")
            .with_loaded("a_module_with_a_long_name")
            .with_loaded("snd_hda_intel")
            .with_uses("snd_hda_intel", &["snd_pcm"])
            .with_uses("a_module_with_a_long_name", &["snd_pcm"]);
        let loaded = kernel.loaded().unwrap().into_iter();
        let out = render(loaded.map(|module| Row::of(module, &kernel)));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Module                  Size  Used by\n\
             snd_hda_intel           4096  0\n\
             a_module_with_a_long_name     4096  0\n\
             snd_pcm                 4096  2 snd_hda_intel,a_module_with_a_long_name\n"
        );
    }

    #[test]
    fn numbers_are_those_of_the_formatter() {
        for number in [0, 7, 10, 4096, 12_345_678, 123_456_789, u64::MAX] {
            let mut text = b"x".to_vec();
            put_number(&mut text, number, 8);
            assert_eq!(String::from_utf8(text).unwrap(), format!("x{number:8}"));
        }
    }
}
