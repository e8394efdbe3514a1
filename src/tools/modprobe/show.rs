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
        words(out, &[b"softdep", &line.module, &line.text()])?;
    }
    for line in &config.weakdeps {
        words(out, &[b"weakdep", &line.module, &line.text()])?;
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
    const ENOUGH: usize = 1 << 16;
    let mut lines = Vec::with_capacity(2 * ENOUGH);
    let mut written = Ok(());
    if let Some(index) = index {
        index.for_each(&mut |key, value| {
            lines.extend_from_slice(b"alias ");
            lines.extend_from_slice(key);
            lines.push(b' ');
            lines.extend_from_slice(value.value);
            lines.push(b'\n');
            if lines.len() >= ENOUGH {
                if written.is_ok() {
                    written = out.write_all(&lines);
                }
                lines.clear();
            }
        });
    }
    written.and_then(|()| out.write_all(&lines))
}
