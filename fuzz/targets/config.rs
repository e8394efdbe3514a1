//! What the administrator wrote.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use komod_config::{Config, DepmodConfig, Search};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::{Limits, Target, seeds};

pub const MODPROBE_D: Target = Target {
    name: "modprobe-d",
    reads: "a file of modprobe.d, and what holds for its names",
    run: modprobe_d,
    seeds: seeds::modprobe_d,
    longest: 16 << 10,
    words: &[
        b"alias ",
        b"blacklist ",
        b"deny ",
        b"allow ",
        b"options ",
        b"install ",
        b"remove ",
        b"softdep ",
        b"weakdep ",
        b" pre: ",
        b" post: ",
        b"include ",
        b"\\\n",
        b"[!a-z]",
        b"[[:digit:]]",
    ],
    limits: Limits::PROMISED,
};

pub const DEPMOD_D: Target = Target {
    name: "depmod-d",
    reads: "a file of depmod.d, for a kernel version of its own",
    run: depmod_d,
    seeds: seeds::depmod_d,
    longest: 8 << 10,
    words: &[
        b"search ",
        b"override ",
        b"external ",
        b"exclude ",
        b"built-in",
        b"updates",
        b"[[:alpha:]]",
        b"{1,9}",
        b"{255}",
        b"(a|b)*",
        b"\\w+",
        b"\\\n",
    ],
    limits: Limits::PROMISED,
};

pub const COMMAND_LINE: Target = Target {
    name: "command-line",
    reads: "the kernel's command line",
    run: command_line,
    seeds: seeds::command_lines,
    longest: 6000,
    words: &[b"modprobe.blacklist=", b"a.b=", b"\"a.b=c d\"", b"=\"", b"[-]"],
    limits: Limits::PROMISED,
};

fn modprobe_d(input: &[u8]) {
    let (kind, text) = input.split_first().map_or((0, input), |(kind, text)| (*kind, text));
    let mut config = Config::default();
    config.read(Arc::from(Path::new("/etc/modprobe.d/a.conf")), text, kind & 1 == 1);
    let names: Vec<&[u8]> = config.aliases.iter().map(|line| line.module.as_slice()).collect();
    let own = config.softdeps.iter().map(|line| line.module());
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let directives = config.aliases.len()
        + config.blacklists.len()
        + config.denies.len()
        + config.allows.len()
        + config.installs.len()
        + config.removes.len()
        + config.options.len()
        + config.softdeps.len()
        + config.weakdeps.len()
        + config.warnings.len();
    assert!(directives <= lines, "{directives} directives in {lines} lines");
    for name in names.into_iter().chain(own).chain([&text[..text.len().min(64)]]).take(8) {
        let _ = config.options_for(name, Some(b"alias"));
        let _ = config.command_named(name);
        let _ = (config.install_for(name), config.remove_for(name));
        assert_eq!(config.is_blacklisted(name), config.blacklist_for(name).is_some());
        if let Some(line) = config.deny_for(name) {
            let named = komod_name::matches(&line.module, name) || line.module == name;
            assert!(named, "a denial of somebody else");
        } else {
            let spelt = |line: &komod_config::Deny| line.is_exact() && line.module == name;
            assert!(!config.denies.iter().any(spelt), "what is spelt holds");
        }
        let _ = config.aliases_for(name).count();
        let _ = config.weakdep_for(name);
        if let Some(line) = config.softdep_for(name) {
            assert!(komod_name::matches(line.module(), name), "a softdep of somebody else");
        }
    }
    read_again(&config);
}

/// What `modprobe -c` prints of a soft dependency says the same once more.
fn read_again(config: &Config) {
    for line in config.softdeps.iter().take(8) {
        let text = [b"softdep m ", line.text().as_slice()].concat();
        let plain = |byte: &u8| !matches!(byte, b'\\' | 0 | b'\n');
        if line.text().is_empty() || !text.iter().all(plain) {
            continue;
        }
        let mut again = Config::default();
        again.read(Arc::from(Path::new("/a.conf")), &text, false);
        let same = again.softdeps.first().map(|again| again.text());
        assert_eq!(same, Some(line.text()), "a softdep that changes when it is read again");
    }
}

/// A file in memory that is written for each input: such a configuration is read by
/// its path.
static FILE: Mutex<Option<File>> = Mutex::new(None);

fn in_memory() -> File {
    File::from(memfd_create("depmod.conf", MFdFlags::MFD_CLOEXEC).expect("a scratch file"))
}

/// The first line is the kernel's version, which has 64 bytes at most (`uname`(2)).
fn depmod_d(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()).min(64);
    let (version, text) = input.split_at(end);
    let mut file = FILE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let file = file.get_or_insert_with(in_memory);
    file.set_len(0).expect("a scratch file");
    file.write_all_at(text, 0).expect("a scratch file");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let config = DepmodConfig::load(&Search::only(vec![path]), version);
    assert!(!config.search.is_empty(), "updates is there by default");
    assert!(config.search_origins.is_empty() || config.search_origins.len() == config.search.len());
    assert_eq!(config.excludes.len(), config.exclude_origins.len());
    for external in &config.externals {
        let dir: &OsStr = external.dir.as_os_str();
        assert!(!dir.as_bytes().is_empty(), "a directory without a name");
    }
}

fn command_line(input: &[u8]) {
    let mut config = Config::default();
    config.read_cmdline(input);
    let mut again = Config::default();
    let end = input.len().min(4095);
    again.read_cmdline(&input[..end]);
    assert_eq!(config, again, "only the first 4095 bytes count");
    let sizes = config.options.iter().map(|line| line.module.len() + line.options.len());
    let quotes = config.options.len();
    assert!(sizes.sum::<usize>() <= end + quotes, "more options than text");
    assert!(config.blacklists.iter().all(|line| !line.module.contains(&b'"')));
}
