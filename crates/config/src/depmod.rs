//! The bytes of depmod.d files into directives (`depmod.d`(5)).

use crate::files::{self, Notes, Reader, Search};
use crate::line::{Line, Words, lines};
use crate::origin::shown;
use crate::{Level, Origin, Warning, version};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One word of `search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchWord {
    /// A directory below the kernel's module directory, matched by whole
    /// components.
    Directory(Vec<u8>),
    /// `built-in`: all that no other word is for.
    BuiltIn,
    /// `external`: the directories of `external` lines.
    External,
}

/// `override MODULE KVER SUBDIR`: this file, whatever the search says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// `SUBDIR/MODULE` as written: what a path below the module directory,
    /// without its extension, must equal.
    pub path: Vec<u8>,
    /// Where it is written.
    pub origin: Origin,
}

/// `external KVER DIR`: one more tree of modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// As written; an absolute path is expected but not demanded.
    pub dir: PathBuf,
    /// Where it is written.
    pub origin: Origin,
}

/// A file of depmod.d, and who may write it, as the system said when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepmodFile {
    /// As it was found: the directory as given, `/`, the name.
    pub path: PathBuf,
    /// Its owner's number.
    pub owner: u32,
    /// Its group's.
    pub group: u32,
    /// `st_mode`: its kind and its permission bits.
    pub mode: u32,
    /// `st_ctim`: seconds, nanoseconds. Each change of an access list moves it.
    pub changed: (i64, i64),
}

/// All depmod configuration for one kernel version. `override` and `external`
/// lines for other versions are left out, with a warning of [`Level::Info`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepmodConfig {
    /// Highest priority first, those of earlier lines before those of later
    /// ones; `updates` alone when no word was there.
    pub search: Vec<SearchWord>,
    /// Where the words of [`DepmodConfig::search`] are written, one each;
    /// empty when `updates` is there by default.
    pub search_origins: Vec<Origin>,
    /// In the order read: of those for one module the last holds.
    pub overrides: Vec<Override>,
    /// In the order read: the first has the highest priority.
    pub externals: Vec<External>,
    /// Exact names of directory entries, at any depth, to pass over (`build`
    /// and `source`, always passed over, not included).
    pub excludes: Vec<Vec<u8>>,
    /// Where the names of [`DepmodConfig::excludes`] are written, one each.
    pub exclude_origins: Vec<Origin>,
    /// The files that were read, in order.
    pub files: Vec<DepmodFile>,
    /// What was left out.
    pub warnings: Vec<Warning>,
    /// A file or directory was not read for the disk's or the machine's sake: nobody
    /// knows what is in it.
    pub lost: bool,
}

impl DepmodConfig {
    /// Reads the files of `search` by their base names. What does not exist is passed
    /// over in silence, and a warning tells of what cannot be read.
    pub fn load(search: &Search, version: &[u8]) -> Self {
        let mut config = Self::default();
        let mut notes = Notes::of(Reader::Depmod);
        let sources = files::sources(search, None, &mut notes);
        config.warnings = notes.take();
        for source in sources {
            let text = files::read(&source.path, &mut notes);
            config.warnings.extend(notes.take());
            if let Some((text, metadata)) = text {
                config.files.push(DepmodFile {
                    path: source.path.clone(),
                    owner: metadata.uid(),
                    group: metadata.gid(),
                    mode: metadata.mode(),
                    changed: (metadata.ctime(), metadata.ctime_nsec()),
                });
                config.read(source.path.into(), &text, version);
            }
        }
        config.lost = notes.lost;
        config.or_default()
    }

    /// Adds the directives of one file, and a warning for every bad line.
    fn read(&mut self, file: Arc<Path>, text: &[u8], version: &[u8]) {
        for line in lines(text) {
            let origin = Origin { file: Arc::clone(&file), line: line.number };
            self.line(&line, origin, version);
        }
    }

    fn or_default(mut self) -> Self {
        if self.search.is_empty() {
            self.search.push(SearchWord::Directory(b"updates".to_vec()));
        }
        self
    }

    fn line(&mut self, line: &Line<'_>, origin: Origin, version: &[u8]) {
        let mut words = Words::of(&line.text);
        let Some(keyword) = words.next() else { return };
        let place = origin.clone();
        let (level, text) = match self.directive(keyword, words, origin, version) {
            Outcome::Done => return,
            Outcome::OtherVersion { what, pattern } => {
                (Level::Info, format!("{what} did not match {}", shown(&pattern)))
            }
            Outcome::NotDone => {
                (Level::Info, format!("command {} not implemented yet", shown(keyword)))
            }
            Outcome::Bad => {
                (Level::Error, format!("ignoring bad line starting with '{}'", shown(keyword)))
            }
        };
        let text = format!("{place}: {text}");
        self.warnings.push(Warning { level, function: "", text, origin: Some(place) });
    }

    fn directive(
        &mut self,
        keyword: &[u8],
        mut words: Words<'_>,
        origin: Origin,
        version: &[u8],
    ) -> Outcome {
        match keyword {
            b"search" => {
                for word in words {
                    self.search.push(match word {
                        b"built-in" => SearchWord::BuiltIn,
                        b"external" => SearchWord::External,
                        directory => SearchWord::Directory(directory.to_vec()),
                    });
                    self.search_origins.push(origin.clone());
                }
            }
            b"override" => {
                let (Some(module), Some(pattern), Some(subdir)) =
                    (words.next(), words.next(), words.next())
                else {
                    return Outcome::Bad;
                };
                if !version::matches(pattern, version) {
                    return Outcome::other_version("override kernel", pattern);
                }
                let path = [subdir, b"/", module].concat();
                self.overrides.push(Override { path, origin });
            }
            b"external" => {
                let (Some(pattern), Some(dir)) = (words.next(), words.next()) else {
                    return Outcome::Bad;
                };
                if !version::matches(pattern, version) {
                    return Outcome::other_version("external directory", pattern);
                }
                let dir = PathBuf::from(OsStr::from_bytes(dir));
                self.externals.push(External { dir, origin });
            }
            b"exclude" => {
                for name in words {
                    self.excludes.push(name.to_vec());
                    self.exclude_origins.push(origin.clone());
                }
            }
            b"include" | b"make_map_files" => return Outcome::NotDone,
            _ => return Outcome::Bad,
        }
        Outcome::Done
    }
}

/// What became of a line.
enum Outcome {
    Done,
    OtherVersion {
        what: &'static str,
        pattern: Vec<u8>,
    },
    /// kmod knows the keyword and does nothing.
    NotDone,
    /// Unknown keyword or a word missing.
    Bad,
}

impl Outcome {
    fn other_version(what: &'static str, pattern: &[u8]) -> Self {
        Self::OtherVersion { what, pattern: pattern.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DepmodConfig {
        let mut config = DepmodConfig::default();
        config.read(Arc::from(Path::new("/c/a.conf")), text.as_bytes(), b"6.1.0-test");
        config.or_default()
    }

    fn directory(name: &str) -> SearchWord {
        SearchWord::Directory(name.as_bytes().to_vec())
    }

    #[track_caller]
    fn warns(text: &str, level: Level, expected: &str) {
        let config = read(text);
        let origin = Origin { file: Path::new("/c/a.conf").into(), line: 1 };
        let expected = format!("{origin}: {expected}");
        let expected = Warning { level, function: "", text: expected, origin: Some(origin) };
        assert_eq!(config.warnings, [expected], "{text:?}");
        assert!(config.overrides.is_empty() && config.externals.is_empty());
        assert!(config.excludes.is_empty());
    }

    #[test]
    fn search_lines_add_up() {
        let config = read("search a built-in\texternal\nsearch\nsearch b/c");
        let expected =
            [directory("a"), SearchWord::BuiltIn, SearchWord::External, directory("b/c")];
        assert_eq!(config.search, expected);
        let lines: Vec<_> = config.search_origins.iter().map(|origin| origin.line).collect();
        assert_eq!(lines, [1, 1, 1, 3]);
        assert_eq!(config.warnings, []);
    }

    #[test]
    fn without_a_search_word_updates_are_searched() {
        assert_eq!(read("").search, [directory("updates")]);
        assert_eq!(read("search").search, [directory("updates")]);
        assert!(read("search").search_origins.is_empty());
    }

    #[test]
    fn an_override_names_a_file_for_some_versions() {
        let config = read("override a-b 6.1 c/d e\noverride x * y\noverride n 7 m");
        let paths: Vec<_> = config.overrides.iter().map(|it| it.path.as_slice()).collect();
        assert_eq!(paths, [&b"c/d/a-b"[..], b"y/x"]);
        assert_eq!(config.overrides[1].origin.to_string(), "/c/a.conf:2");
        warns("override a (x b", Level::Info, "override kernel did not match (x");
        warns("override a *", Level::Error, "ignoring bad line starting with 'override'");
    }

    #[test]
    fn an_external_names_a_directory_for_some_versions() {
        let config = read("external * /x /y\nexternal ^6\\\\.1 rel\nexternal 7 /z");
        let dirs: Vec<_> = config.externals.iter().map(|it| it.dir.to_str().unwrap()).collect();
        assert_eq!(dirs, ["/x", "rel"]);
        warns("external 7 /y", Level::Info, "external directory did not match 7");
        warns("external *", Level::Error, "ignoring bad line starting with 'external'");
    }

    #[test]
    fn exclude_lists_names() {
        let config = read("exclude a b\nexclude\nexclude c");
        assert_eq!(config.excludes, [b"a", b"b", b"c"]);
        assert_eq!(config.exclude_origins.len(), 3);
        assert_eq!(config.warnings, []);
    }

    #[test]
    fn other_lines_are_told() {
        warns("include x", Level::Info, "command include not implemented yet");
        warns("make_map_files", Level::Info, "command make_map_files not implemented yet");
        warns("Search x", Level::Error, "ignoring bad line starting with 'Search'");
        warns("  # x", Level::Error, "ignoring bad line starting with '#'");
    }
}
