//! `modprobe -c`: the configuration and the indexes, as directives.

use std::io::{self, Write};

use komod_config::Config;
use komod_index::Index;
use komod_probe::Resolver;

use crate::host::{Host, Outcome};

/// Prints everything that modprobe knows, in the words of `modprobe.d`(5).
pub(super) fn config(host: &mut Host<'_>, resolver: &Resolver<'_>) -> io::Result<Outcome> {
    let out = &mut *host.stdout;
    directives(resolver.config, out)?;
    out.write_all(b"\n# End of configuration files. Dumping indexes now:\n\n")?;
    for index in [resolver.database.aliases(), resolver.database.symbols()] {
        dump(index, out)?;
    }
    Ok(Outcome::Success)
}

fn directives(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    for line in &config.blacklists {
        words(out, &[b"blacklist", &line.module])?;
    }
    for line in &config.installs {
        words(out, &[b"install", &line.module, &line.command])?;
    }
    for line in &config.removes {
        words(out, &[b"remove", &line.module, &line.command])?;
    }
    for line in &config.aliases {
        words(out, &[b"alias", &line.pattern, &line.module])?;
    }
    for line in &config.options {
        words(out, &[b"options", &line.module, &line.options])?;
    }
    for line in &config.softdeps {
        words(out, &[b"softdep", line.module(), &line.text()])?;
    }
    for line in &config.weakdeps {
        words(out, &[b"weakdep", &line.module, &line.text()])?;
    }
    for line in &config.denies {
        match line.reason.as_slice() {
            [] => words(out, &[b"deny", &line.module])?,
            reason => words(out, &[b"deny", &line.module, reason])?,
        }
    }
    for line in &config.allows {
        words(out, &[b"allow", &line.module])?;
    }
    Ok(())
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
    let (label, rest) = lines.get_mut(at..)?.split_first_chunk_mut()?;
    let (to_key, rest) = rest.split_at_mut_checked(key.len())?;
    let ([blank], rest) = rest.split_first_chunk_mut()?;
    let (to_value, rest) = rest.split_at_mut_checked(value.len())?;
    let [newline, ..] = rest else { return None };
    *label = *LABEL;
    to_key.copy_from_slice(key);
    *blank = b' ';
    to_value.copy_from_slice(value);
    *newline = b'\n';
    Some(at + LABEL.len() + key.len() + 1 + value.len() + 1)
}
