//! `modprobe -c`: the configuration and the indexes, as directives.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use komod_config::{Config, Origin};
use komod_index::Index;
use komod_probe::Resolver;

use crate::host::{Host, Outcome};
use crate::report::Level;

/// Prints everything that modprobe knows, in the words of `modprobe.d`(5); with `-v`
/// where each directive stands, as a comment above it: what is printed can be read as
/// configuration.
pub(super) fn config(host: &mut Host<'_>, resolver: &Resolver<'_>) -> io::Result<Outcome> {
    let origins = host.report.wants(Level::Notice);
    Directives { out: &mut *host.stdout, origins }.all(resolver.config)?;
    let out = &mut *host.stdout;
    out.write_all(b"\n# End of configuration files. Dumping indexes now:\n\n")?;
    let database = resolver.database;
    for (name, index) in
        [("modules.alias.bin", database.aliases()), ("modules.symbols.bin", database.symbols())]
    {
        if origins && index.is_some() {
            let path = database.dir().join(name);
            comment(out, path.as_os_str().as_bytes())?;
        }
        dump(index, out)?;
    }
    Ok(Outcome::Success)
}

struct Directives<'o> {
    out: &'o mut dyn Write,
    origins: bool,
}

impl Directives<'_> {
    fn all(&mut self, config: &Config) -> io::Result<()> {
        for line in &config.blacklists {
            self.put(&line.origin, &[b"blacklist", &line.module])?;
        }
        for line in &config.installs {
            self.put(&line.origin, &[b"install", &line.module, &line.command])?;
        }
        for line in &config.removes {
            self.put(&line.origin, &[b"remove", &line.module, &line.command])?;
        }
        for line in &config.aliases {
            self.put(&line.origin, &[b"alias", &line.pattern, &line.module])?;
        }
        for line in &config.options {
            self.put(&line.origin, &[b"options", &line.module, &line.options])?;
        }
        for line in &config.softdeps {
            self.put(&line.origin, &[b"softdep", line.module(), &line.text()])?;
        }
        for line in &config.weakdeps {
            self.put(&line.origin, &[b"weakdep", &line.module, &line.text()])?;
        }
        for line in &config.denies {
            match line.reason.as_slice() {
                [] => self.put(&line.origin, &[b"deny", &line.module])?,
                reason => self.put(&line.origin, &[b"deny", &line.module, reason])?,
            }
        }
        for line in &config.allows {
            self.put(&line.origin, &[b"allow", &line.module])?;
        }
        Ok(())
    }

    fn put(&mut self, origin: &Origin, line: &[&[u8]]) -> io::Result<()> {
        if self.origins {
            let file = origin.file.as_os_str().as_bytes();
            comment(self.out, &[file, format!(":{}", origin.line).as_bytes()].concat())?;
        }
        words(self.out, line)
    }
}

/// A comment, in which nothing ends the line.
fn comment(out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
    let shown: Vec<u8> =
        text.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }).collect();
    words(out, &[b"#", &shown])
}

fn words(out: &mut dyn Write, words: &[&[u8]]) -> io::Result<()> {
    let mut between: &[u8] = b"";
    for word in words {
        out.write_all(between)?;
        out.write_all(word)?;
        between = b" ";
    }
    out.write_all(b"\n")
}

/// Writes `alias KEY VALUE` for each entry. Lines are gathered here: there are
/// tens of thousands, and short writes would take most of the time.
fn dump(index: Option<&Index>, out: &mut dyn Write) -> io::Result<()> {
    let Some(index) = index else { return Ok(()) };
    let mut lines = vec![0; 1 << 16];
    let mut used = 0;
    let mut written = Ok(());
    index.for_each(&mut |key, value| {
        if let Some(end) = put_line(&mut lines, used, key, value.value) {
            used = end;
            return;
        }
        let full = lines.get(..used).unwrap_or_default();
        if written.is_ok() {
            written = out.write_all(full);
        }
        used = put_line(&mut lines, 0, key, value.value).unwrap_or_else(|| {
            // Longer than all of the room.
            if written.is_ok() {
                written = words(out, &[b"alias", key, value.value]);
            }
            0
        });
    });
    written.and_then(|()| out.write_all(lines.get(..used).unwrap_or_default()))
}

/// Puts a line into `lines` from `at` on, and returns where it ends; `None`
/// when there is no room.
fn put_line(lines: &mut [u8], at: usize, key: &[u8], value: &[u8]) -> Option<usize> {
    const LABEL: &[u8; 6] = b"alias ";
    let all = lines.len();
    let (label, rest) = lines.get_mut(at..)?.split_first_chunk_mut()?;
    let (to_key, rest) = rest.split_at_mut_checked(key.len())?;
    let ([blank], rest) = rest.split_first_chunk_mut()?;
    let (to_value, rest) = rest.split_at_mut_checked(value.len())?;
    let [newline, rest @ ..] = rest else { return None };
    *label = *LABEL;
    to_key.copy_from_slice(key);
    *blank = b' ';
    to_value.copy_from_slice(value);
    *newline = b'\n';
    Some(all.wrapping_sub(rest.len()))
}
