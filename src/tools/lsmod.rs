//! `lsmod`, also called `kmod list`: the modules in the kernel.

use std::ffi::OsString;
use std::io::{self, Write};

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
    let rows: Vec<Row> = loaded.into_iter().map(|module| Row::of(module, host.kernel)).collect();
    render(&rows, host.stdout)?;
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
    /// `/sys` is asked first; for holders only where there are several, since
    /// the order that scripts know is all that it adds. A module that vanished
    /// meanwhile keeps what `/proc/modules` said of it.
    fn of(module: LoadedModule, kernel: &dyn Kernel) -> Self {
        let size = kernel.core_size(&module.name).ok().flatten().unwrap_or(module.size);
        let refcnt = kernel.refcnt(&module.name).ok().flatten().or(module.refcnt).unwrap_or(-2);
        let holders = match module.holders.len() {
            0 | 1 => module.holders,
            _ => kernel.holders(&module.name).unwrap_or(module.holders),
        };
        Self { name: module.name, size, refcnt, holders }
    }
}

fn render(rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"Module                  Size  Used by\n")?;
    for row in rows {
        out.write_all(&row.name)?;
        let padding = 19_usize.saturating_sub(row.name.len());
        write!(out, "{:padding$} {:8}  {}", "", row.size, row.refcnt)?;
        for (at, holder) in row.holders.iter().enumerate() {
            out.write_all(if at == 0 { b" " } else { b"," })?;
            out.write_all(holder)?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
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
        let rows: Vec<Row> =
            kernel.loaded().unwrap().into_iter().map(|module| Row::of(module, &kernel)).collect();
        let mut out = Vec::new();
        render(&rows, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "Module                  Size  Used by\n\
             snd_hda_intel           4096  0\n\
             a_module_with_a_long_name     4096  0\n\
             snd_pcm                 4096  2 snd_hda_intel,a_module_with_a_long_name\n"
        );
    }
}
