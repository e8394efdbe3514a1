//! One kernel's modules, packed in every way that there is.
//!
//! Made once from Debian's own tree and kept in the cache. Nothing must be
//! written into them: `depmod -o` writes elsewhere.

use std::fs::{self, create_dir_all};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use crate::fetch::Debian13;
use crate::outcome::Stop;
use crate::packages::{cache, once};

/// Directories for `-b`, all with the same modules of the same release.
#[derive(Debug)]
pub struct Packed {
    /// `.ko`
    pub plain: PathBuf,
    /// `.ko.zst`
    pub zstd: PathBuf,
    /// `.ko.gz`
    pub gzip: PathBuf,
    /// Plain, xz and zstd side by side, every fifth under another's suffix:
    /// its first bytes, not its name, say how a file is packed.
    pub mixed: PathBuf,
    /// As `mixed`, and without `modules.order`.
    pub unordered: PathBuf,
}

impl Packed {
    /// Finds them in the cache, or makes them.
    pub fn of(debian: &Debian13) -> Result<Self, Stop> {
        let dir = cache()?.join(format!("packed-{}", debian.release));
        let release = Path::new("lib/modules").join(&debian.release);
        let made = once(&dir, |dir| {
            eprintln!("packing the modules of {} anew", debian.release);
            let files = files_below(&debian.modules_dir)?;
            let modules: Vec<&PathBuf> = files.iter().filter(|f| is_module(f)).collect();
            let tree = |name: &str| dir.join(name).join(&release);
            let halves = modules.split_at(modules.len() / 2);
            let pack = |part: &[&PathBuf]| part.iter().try_for_each(|f| repack(debian, &tree, f));
            thread::scope(|scope| {
                let other = scope.spawn(|| pack(halves.0));
                let own = pack(halves.1);
                other.join().unwrap_or_else(|_| Err(Stop::Failed("packing panicked".into())))?;
                own
            })?;
            for (number, module) in modules.iter().enumerate() {
                mix(debian, &tree, module, number)?;
            }
            for list in files.iter().filter(|f| !is_module(f)) {
                for name in ["plain", "zstd", "gzip", "mixed", "unordered"] {
                    if !(name == "unordered" && list.ends_with("modules.order")) {
                        link_or_copy(&debian.modules_dir.join(list), &tree(name).join(list))?;
                    }
                }
            }
            Ok(())
        })?;
        if made {
            eprintln!("packing: {} is ready", dir.display());
        }
        let tree = |name: &str| dir.join(name);
        Ok(Self {
            plain: tree("plain"),
            zstd: tree("zstd"),
            gzip: tree("gzip"),
            mixed: tree("mixed"),
            unordered: tree("unordered"),
        })
    }
}

/// Unpacks one module of Debian's and packs it in the other ways.
fn repack(debian: &Debian13, tree: &dyn Fn(&str) -> PathBuf, module: &Path) -> Result<(), Stop> {
    let from = debian.modules_dir.join(module);
    let failed = |error: std::io::Error| Stop::Failed(format!("{}: {error}", from.display()));
    let packed = fs::read(&from).map_err(failed)?;
    let mut plain = Vec::new();
    xz2::read::XzDecoder::new(packed.as_slice()).read_to_end(&mut plain).map_err(failed)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let gzip = gzip.write_all(&plain).and_then(|()| gzip.finish()).map_err(failed)?;
    let zstd = zstd::bulk::compress(&plain, 1).map_err(failed)?;
    for (name, suffix, bytes) in
        [("plain", "", plain), ("zstd", ".zst", zstd), ("gzip", ".gz", gzip)]
    {
        let to = with_suffix(&tree(name).join(module), suffix);
        make_parent(&to)?;
        fs::write(&to, bytes).map_err(Stop::io(to.display()))?;
    }
    Ok(())
}

/// Puts one module into the mixed trees: contents in turn, and mostly the
/// suffix that belongs to them.
fn mix(
    debian: &Debian13,
    tree: &dyn Fn(&str) -> PathBuf,
    module: &Path,
    number: usize,
) -> Result<(), Stop> {
    const SUFFIXES: [&str; 3] = ["", ".xz", ".zst"];
    let way = number % 3;
    let from = match way {
        0 => with_suffix(&tree("plain").join(module), ""),
        1 => debian.modules_dir.join(module),
        _ => with_suffix(&tree("zstd").join(module), ".zst"),
    };
    let shown = if number % 5 == 0 { (way + 1) % 3 } else { way };
    for name in ["mixed", "unordered"] {
        link_or_copy(&from, &with_suffix(&tree(name).join(module), SUFFIXES[shown]))?;
    }
    Ok(())
}

fn is_module(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".ko.xz")
}

/// `path` of a `.ko.xz` file with another suffix behind its `.ko`.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.with_extension("").into_os_string();
    name.push(suffix);
    name.into()
}

/// All files below a directory, relative to it.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        let here = dir.join(&relative);
        for entry in fs::read_dir(&here).map_err(Stop::io(here.display()))? {
            let entry = entry.map_err(Stop::io(here.display()))?;
            let path = relative.join(entry.file_name());
            let kind = entry.file_type().map_err(Stop::io(here.display()))?;
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn link_or_copy(from: &Path, to: &Path) -> Result<(), Stop> {
    make_parent(to)?;
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .map_err(Stop::io(to.display()))
}

fn make_parent(path: &Path) -> Result<(), Stop> {
    path.parent().map_or(Ok(()), |dir| create_dir_all(dir).map_err(Stop::io(dir.display())))
}
