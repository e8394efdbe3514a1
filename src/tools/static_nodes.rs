//! `kmod static-nodes`: the device nodes that load a module when opened.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use komod_index::{DeviceKind, DeviceNode};

use super::Tool;
use crate::cli::{self, Definition, value};
use crate::host::{Host, Outcome};
use crate::io_text;

pub(super) const TOOL: Tool = Tool {
    name: "static-nodes",
    about: "Show the device nodes that load a module on demand",
    program: false,
    definition: || DEFINITION.command(),
    run,
};

static DEFINITION: Definition = Definition::new(
    "static-nodes",
    TOOL.about,
    "[options]",
    &[
        value("format", "FORMAT", "How to write the nodes").short('f'),
        value("output", "FILE", "Write to FILE, not to standard output").short('o'),
    ],
    "",
)
.unversioned()
.called_by("kmod static-nodes")
.after_help(formats);

fn formats() -> String {
    "Formats:\n  \
        human     for people (default)\n  \
        tmpfiles  lines of tmpfiles.d(5)\n  \
        devname   lines as in modules.devname\n"
        .to_owned()
}

#[derive(Clone, Copy)]
enum Format {
    Human,
    Tmpfiles,
    Devname,
}

fn run(host: &mut Host<'_>, args: Vec<OsString>) -> io::Result<Outcome> {
    let given = match cli::parse(host, &DEFINITION, args)? {
        Ok(given) => given,
        Err(outcome) => return Ok(outcome),
    };
    let format = match given.value("format").map(OsStr::as_bytes) {
        None | Some(b"human") => Format::Human,
        Some(b"tmpfiles") => Format::Tmpfiles,
        Some(b"devname") => Format::Devname,
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            host.report.plain(format_args!("Unknown format: '{other}'."));
            write!(host.stdout, "{}", DEFINITION.command().render_help())?;
            return Ok(Outcome::Failure);
        }
    };
    let input = host.module_directory().join("modules.devname");
    let text = match komod_file::read_now(&input) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let input = input.display();
            host.report.plain(format_args!("Warning: {input} not found - ignoring"));
            return Ok(Outcome::Success);
        }
        Err(error) => {
            let (input, why) = (input.display(), io_text(&error));
            host.report.plain(format_args!("Error: could not open {input} - {why}"));
            return Ok(Outcome::Failure);
        }
    };
    let (nodes, bad) = read(&text);
    for line in &bad {
        let line = String::from_utf8_lossy(line);
        host.report.plain(format_args!("Error: invalid devname entry: {line}"));
    }
    match given.value("output") {
        None => render(&nodes, format, host.stdout)?,
        Some(path) => {
            if let Err(problem) = write_file(Path::new(path), &nodes, format) {
                host.report.plain(format_args!("Error: {problem}"));
                return Ok(Outcome::Failure);
            }
        }
    }
    Ok(if bad.is_empty() { Outcome::Success } else { Outcome::Failure })
}

/// The nodes of a modules.devname text, and the lines that are none.
fn read(text: &[u8]) -> (Vec<DeviceNode<'_>>, Vec<&[u8]>) {
    let (mut nodes, mut bad) = (Vec::new(), Vec::new());
    for line in text.split_inclusive(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.starts_with(b"#") {
            continue;
        }
        match DeviceNode::parse(line) {
            Some(node) => nodes.push(node),
            None => bad.push(line),
        }
    }
    (nodes, bad)
}

fn write_file(path: &Path, nodes: &[DeviceNode<'_>], format: Format) -> Result<(), String> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(|error| {
            let (path, why) = (path.display(), io_text(&error));
            format!("could not create parent directory for {path} - {why}.")
        })?;
    }
    let failed = |what: &str, error: &io::Error| {
        format!("could not {what} {} - {}", path.display(), io_text(error))
    };
    let file = File::create(path).map_err(|error| failed("create", &error))?;
    let mut out = BufWriter::new(file);
    render(nodes, format, &mut out)
        .and_then(|()| out.flush())
        .map_err(|error| failed("write", &error))
}

fn render(nodes: &[DeviceNode<'_>], format: Format, out: &mut dyn Write) -> io::Result<()> {
    for node in nodes {
        let DeviceNode { module, path, kind, major, minor } = node;
        let letter = match kind {
            DeviceKind::Character => 'c',
            DeviceKind::Block => 'b',
        };
        match format {
            Format::Human => {
                let word = match kind {
                    DeviceKind::Character => "character",
                    DeviceKind::Block => "block",
                };
                out.write_all(&[b"Module: ", *module, b"\n\tDevice node: /dev/", *path].concat())?;
                write!(out, "\n\t\tType: {word} device\n\t\tMajor: {major}\n\t\tMinor: {minor}\n")?;
            }
            Format::Tmpfiles => {
                if let Some(slash) = path.iter().rposition(|&b| b == b'/') {
                    let directory = path.get(..slash).unwrap_or_default();
                    out.write_all(&[b"d /dev/", directory, b" 0755 - - -\n"].concat())?;
                }
                write!(out, "{letter}! /dev/")?;
                out.write_all(path)?;
                writeln!(out, " 0600 - - - {major}:{minor}")?;
            }
            Format::Devname => {
                out.write_all(&[*module, b" ", *path].concat())?;
                writeln!(out, " {letter}{major}:{minor}")?;
            }
        }
    }
    Ok(())
}
