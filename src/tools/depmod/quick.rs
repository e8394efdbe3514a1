//! `depmod -A`: whether there is anything to do.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_config::DepmodConfig;
use komod_depmod::{LAST, ScanError, is_fresh, scan};

use super::cached::Kept;
use super::findings::{Teller, lossy};
use super::{Options, no_directory};
use crate::io_text;

/// Looks, without a cache, whether nothing is to be done for `-A`.
pub(super) fn look(options: &Options, config: DepmodConfig) -> Kept<'static> {
    let mut odd = false;
    let mut configs: Vec<&Path> = options.search.paths.iter().map(PathBuf::as_path).collect();
    configs.extend(config.externals.iter().map(|external| external.dir.as_path()));
    let found = scan(&options.dir, &config, &mut |_| odd = true);
    let fresh = found.is_ok_and(|found| is_fresh(&options.dir, &found, &configs).unwrap_or(false));
    let same = fresh && !config.lost;
    Kept { same, odd: same && odd, config, ..Kept::default() }
}

/// Tells what is odd about the directory.
pub(super) fn tell(options: &Options, config: &DepmodConfig, teller: &mut Teller<'_, '_>) {
    let _ = scan(&options.dir, config, &mut teller.sink());
}

/// Tells why no look could find that there is nothing to do.
pub(super) fn tell_what_is_missing(options: &Options, teller: &mut Teller<'_, '_>) {
    if let Err(error) = std::fs::read_dir(&options.dir) {
        no_directory(&ScanError { path: options.dir.clone(), error }, teller);
    } else if let Err(error) = std::fs::metadata(options.dir.join(LAST)) {
        let (dir, why) = (lossy(options.dir.as_os_str().as_bytes()), io_text(&error));
        teller.report.error(format_args!("could not fstatat({dir}, {LAST}): {why}"));
    }
}
