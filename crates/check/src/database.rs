//! The files of the database against what they should hold.

use std::io;
use std::path::Path;

use komod_depmod::OutputFile;
use komod_index::Index;

use crate::Finding;
use crate::finding::shown;

/// So many entries of a file are told, each way; the others are counted.
const TOLD: usize = 5;
/// So much of an entry is told, in bytes.
const LONGEST: usize = 200;

/// Compares the files in `dir` with those that depmod would write.
///
/// # Errors
/// Those files that are there and cannot be read.
pub(crate) fn compare(
    dir: &Path,
    files: &[OutputFile],
    findings: &mut Vec<Finding>,
) -> Vec<(std::path::PathBuf, io::Error)> {
    let mut unread = Vec::new();
    for file in files {
        let path = dir.join(file.name);
        match komod_file::read_now(&path) {
            Ok(contents) if contents == file.contents => {}
            Ok(contents) => differing(&path, contents, file, findings),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = "the file is missing; run depmod";
                findings.push(Finding::of(&path, "database-missing", what));
            }
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                let what = "a directory is in the file's place; remove it and run depmod";
                findings.push(Finding::of(&path, "database-corrupt", what));
            }
            Err(error) => unread.push((path, error)),
        }
    }
    unread
}

fn differing(path: &Path, contents: Vec<u8>, file: &OutputFile, findings: &mut Vec<Finding>) {
    let (is, should) = match file.name.ends_with(".bin") {
        false => (lines(&contents), lines(&file.contents)),
        true => match (Index::from_bytes(contents), Index::from_bytes(file.contents.clone())) {
            (Ok(is), Ok(should)) => (entries(&is), entries(&should)),
            (Err(error), _) | (_, Err(error)) => {
                let what = format!("the file is no index ({error}); run depmod");
                return findings.push(Finding::of(path, "database-corrupt", what));
            }
        },
    };
    // Comments and layout are each program's own.
    if is == should {
        return;
    }
    let (is, should) = (sorted(&is), sorted(&should));
    if is == should {
        let what = "the entries stand in another order than the modules have; run depmod";
        return findings.push(Finding::of(path, "database-stale", what));
    }
    let mut tell = |entries: Vec<&[u8]>, verb: &str, end: &str| {
        for entry in entries.iter().take(TOLD) {
            let text = entry.get(..LONGEST).unwrap_or(entry);
            let what = format!("{verb} \"{}\"{end}; run depmod", shown(text));
            findings.push(Finding::of(path, "database-stale", what));
        }
        match entries.len().saturating_sub(TOLD) {
            0 => {}
            more => {
                let what = format!("{verb} {more} entries more{end}; run depmod");
                findings.push(Finding::of(path, "database-stale", what));
            }
        }
    };
    tell(without(&should, &is), "lacks", "");
    tell(without(&is, &should), "has", ", which no module says");
}

/// The texts of all entries, each once.
fn sorted(entries: &[Entry]) -> Vec<&[u8]> {
    let mut texts: Vec<&[u8]> = entries.iter().map(|entry| entry.0.as_slice()).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// What is in `all` and not in `others`; both are sorted.
fn without<'a>(all: &[&'a [u8]], others: &[&[u8]]) -> Vec<&'a [u8]> {
    let lacks = |text: &&&[u8]| others.binary_search(text).is_err();
    all.iter().filter(lacks).copied().collect()
}

/// The text of an entry, and its priority in an index.
type Entry = (Vec<u8>, u32);

fn lines(text: &[u8]) -> Vec<Entry> {
    let lines = text.split(|&byte| byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    lines.map(|line| (line.to_vec(), 0)).collect()
}

fn entries(index: &Index) -> Vec<Entry> {
    let mut found = Vec::new();
    index.for_each(&mut |key, value| {
        let text = match value.value {
            [] => key.to_vec(),
            // A line of modules.dep names its module.
            line if line.contains(&b':') => line.to_vec(),
            value => [key, b" ", value].concat(),
        };
        found.push((text, value.priority));
    });
    found
}
