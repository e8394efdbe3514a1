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

fn dump(index: Option<&Index>, out: &mut dyn Write) -> io::Result<()> {
    let mut written = Ok(());
    if let Some(index) = index {
        index.for_each(&mut |key, value| {
            if written.is_ok() {
                written = words(out, &[b"alias", key, value.value]);
            }
        });
    }
    written
}
