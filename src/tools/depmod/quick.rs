//! `depmod -A`: whether there is anything to do.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_config::DepmodConfig;
use komod_depmod::{Found, is_fresh, scan};

use super::findings::{Teller, lossy};
use super::{Options, no_directory};
use crate::io_text;

/// Whether nothing is to be done for `-A`.
pub(super) fn up_to_date(
    options: &Options,
    config: &DepmodConfig,
    teller: &mut Teller<'_, '_>,
) -> bool {
    let mut odd = false;
    let fresh = match scan(&options.dir, config, &mut |_| odd = true) {
        Ok(found) => fresh(options, config, &found, teller),
        Err(error) => {
            no_directory(&error, teller);
            false
        }
    };
    // Otherwise the run that follows tells.
    if fresh && odd {
        tell(options, config, teller);
    }
    fresh
}

/// Tells what is odd about the directory.
pub(super) fn tell(options: &Options, config: &DepmodConfig, teller: &mut Teller<'_, '_>) {
    let _ = scan(&options.dir, config, &mut teller.sink());
}

fn fresh(
    options: &Options,
    config: &DepmodConfig,
    found: &[Found],
    teller: &mut Teller<'_, '_>,
) -> bool {
    let mut configs: Vec<&Path> = options.search.paths.iter().map(PathBuf::as_path).collect();
    configs.extend(config.externals.iter().map(|external| external.dir.as_path()));
    is_fresh(&options.dir, found, &configs).unwrap_or_else(|error| {
        no_database(options, &error, teller);
        false
    })
}

pub(super) fn no_database(options: &Options, error: &io::Error, teller: &mut Teller<'_, '_>) {
    let (dir, why) = (lossy(options.dir.as_os_str().as_bytes()), io_text(error));
    teller.report.error(format_args!("could not fstatat({dir}, modules.dep): {why}"));
}
