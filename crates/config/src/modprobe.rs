//! The bytes of one modprobe.d file into directives (`modprobe.d`(5)).

use crate::line::{Line, Words, lines, names};
use crate::origin::shown;
use crate::{Alias, Blacklist, Command, Config, Level, Options, Origin, Softdep, Warning, Weakdep};
use std::path::Path;
use std::sync::Arc;

impl Config {
    /// Adds the directives of one file, and a warning for every bad line.
    pub(crate) fn read(&mut self, file: Arc<Path>, text: &[u8], from_modules: bool) {
        for line in lines(text) {
            let origin = Origin { file: Arc::clone(&file), line: line.number };
            self.line(&line, origin, from_modules);
        }
    }

    fn line(&mut self, line: &Line<'_>, origin: Origin, from_modules: bool) {
        let mut words = Words::of(&line.text);
        let Some(keyword) = words.next() else { return };
        let file = shown(origin.file.as_os_str().as_encoded_bytes()).into_owned();
        let problem = match keyword {
            b"include" | b"config" => Some(format!(
                "{file}: command {} is deprecated and not parsed anymore",
                shown(keyword)
            )),
            _ if self.directive(keyword, words, origin, from_modules).is_some() => None,
            _ => Some(format!(
                "{file} line {}: ignoring bad line starting with '{}'",
                line.number,
                shown(keyword)
            )),
        };
        if let Some(text) = problem {
            let function = "kmod_config_parse";
            self.warnings.push(Warning { level: Level::Error, function, text });
        }
    }

    /// `None`, and nothing added, when the keyword is unknown, a word is
    /// missing or a bracket has no partner.
    fn directive(
        &mut self,
        keyword: &[u8],
        mut words: Words<'_>,
        origin: Origin,
        from_modules: bool,
    ) -> Option<()> {
        match keyword {
            b"alias" => {
                let pattern = normal(words.next()?)?;
                let module = normal(words.next()?)?;
                self.aliases.push(Alias { pattern, module, origin });
            }
            b"blacklist" => {
                let module = normal(words.next()?)?;
                self.blacklists.push(Blacklist { module, origin });
            }
            b"options" => {
                let module = normal(words.next()?)?;
                let mut options = words.rest()?.to_vec();
                options.iter_mut().filter(|byte| **byte == b'\t').for_each(|byte| *byte = b' ');
                self.options.push(Options { module, options, origin });
            }
            b"install" | b"remove" => {
                let module = normal(words.next()?)?;
                let command = words.rest()?.to_vec();
                let commands =
                    if keyword == b"install" { &mut self.installs } else { &mut self.removes };
                commands.push(Command { module, command, origin });
            }
            b"softdep" => {
                let module = normal(words.next()?)?;
                let (pre, post) = soft(words.rest()?);
                self.softdeps.push(Softdep { module, pre, post, from_modules, origin });
            }
            b"weakdep" => {
                let module = normal(words.next()?)?;
                let weak = names(words.rest()?).map(<[u8]>::to_vec).collect();
                self.weakdeps.push(Weakdep { module, weak, from_modules, origin });
            }
            _ => return None,
        }
        Some(())
    }
}

fn normal(name: &[u8]) -> Option<Vec<u8>> {
    Some(komod_name::alias(name).ok()?.into_owned())
}

/// The names behind `pre:` and those behind `post:`; what stands before the
/// first of them is dropped.
fn soft(text: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut pre, mut post, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    let mut list = &mut dropped;
    for word in names(text) {
        match word {
            b"pre:" => list = &mut pre,
            b"post:" => list = &mut post,
            name => list.push(name.to_vec()),
        }
    }
    (pre, post)
}
