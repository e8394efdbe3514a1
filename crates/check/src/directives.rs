//! The directives of modprobe.d, one kind after another: whether they can take effect.

use std::path::Path;

use komod_config::{Config, Options, Origin};
use komod_elf::Module;
use komod_file::ModuleFile;
use komod_name::{alias, matches};
use komod_why::{Cause, parameters};

use crate::Finding;
use crate::finding::shown;
use crate::names::{Meaning, Names};

/// The lines of a configuration, and what was found of them.
pub(crate) struct Lines<'a> {
    pub(crate) config: &'a Config,
    pub(crate) names: &'a Names<'a>,
    pub(crate) findings: Vec<Finding>,
}

/// Every module takes these (kernel/module/main.c, lib/dynamic_debug.c).
const EVERYBODYS: [&[u8]; 2] = [b"async_probe", b"dyndbg"];

/// A name of so many letters may be a misspelt one.
const LONG_ENOUGH: usize = 5;

const NO_MODULE: &str = "no-module";
const BUILT_IN: &str = "built-in";
const HIDDEN: &str = "never-reached";

impl Lines<'_> {
    fn tell(&mut self, origin: &Origin, kind: &'static str, what: String) {
        self.findings.push(Finding::at(origin, kind, what));
    }

    pub(crate) fn options(&mut self) {
        for line in &self.config.options {
            let name = shown(&line.module);
            match self.names.meaning(&line.module) {
                Meaning::Module(path) => self.parameters(line, &[path]),
                Meaning::Alias(paths, false) => self.parameters(line, &paths),
                Meaning::Alias(_, true) => {}
                Meaning::BuiltIn => {
                    let what = format!(
                        "{name} is built into the kernel and gets no options from here; \
                         put {name}.PARAMETER=VALUE on the kernel's command line"
                    );
                    self.tell(&line.origin, BUILT_IN, what);
                }
                Meaning::Nothing => {
                    let hint = self.names.hint(&line.module);
                    let what = format!("options for '{name}', which is no module or alias{hint}");
                    self.tell(&line.origin, NO_MODULE, what);
                }
            }
        }
    }

    /// Whether one of the modules in the files `paths` has the parameters of `line`.
    fn parameters(&mut self, line: &Options, paths: &[impl AsRef<Path>]) {
        let mut known = Vec::new();
        for path in paths {
            let contents = ModuleFile::open(path.as_ref()).and_then(|file| file.contents());
            // What is wrong with the file is told elsewhere.
            let Ok(contents) = contents else { return };
            let Ok(module) = Module::parse(&contents) else { return };
            known.extend(parameters::of_module(&module));
        }
        for given in parameters::given(&line.options) {
            if EVERYBODYS.contains(&given.name.as_slice()) {
                continue;
            }
            let mut fitting = known.iter().filter(|parameter| parameter.name == given.name);
            let Some(parameter) = fitting.next() else {
                let (name, module) = (shown(&given.name), shown(&line.module));
                let names = known.iter().map(|parameter| parameter.name.as_slice());
                let near = komod_why::nearest(&given.name, names);
                let hint = near.map(|near| format!("; did you mean {}?", shown(&near)));
                let what =
                    format!("{module} has no parameter '{name}'{}", hint.unwrap_or_default());
                self.tell(&line.origin, "parameter-unknown", what);
                continue;
            };
            let refused =
                |kind: &[u8]| parameters::fits(kind, given.value.as_deref()) == Some(false);
            if refused(&parameter.kind) && fitting.all(|other| refused(&other.kind)) {
                let (name, kind) = (given.name, parameter.kind.clone());
                let cause = Cause::ParameterValue { name, kind, value: given.value };
                self.tell(&line.origin, cause.id(), cause.to_string());
            }
        }
    }

    pub(crate) fn softdeps(&mut self) {
        let own = |line: &&komod_config::Softdep| !line.from_modules;
        for (at, line) in self.config.softdeps.iter().filter(own).enumerate() {
            let module = line.module();
            let (name, (_, any)) = (shown(module), self.names.matched(module));
            if !any {
                let hint = self.names.hint(module);
                let what = format!("softdep of '{name}', which is no module{hint}");
                self.tell(&line.origin, NO_MODULE, what);
                continue;
            }
            let mut earlier = self.config.softdeps.iter().filter(own).take(at);
            if let Some(first) = earlier.find(|first| covers(first.module(), module)) {
                let what = format!("softdep of {name} is never used: {} comes first", first.origin);
                self.tell(&line.origin, HIDDEN, what);
                continue;
            }
            let words: Vec<&[u8]> = line.pre().chain(line.post()).collect();
            if words.is_empty() {
                let what = format!("softdep of {name} names nothing behind pre: or post:");
                self.tell(&line.origin, HIDDEN, what);
            }
            for word in words {
                let Ok(text) = alias(word) else { continue };
                let known = !matches!(self.names.meaning(&text), Meaning::Nothing);
                if !known && self.config.command_named(&text).is_none() {
                    let (word, hint) = (shown(word), self.names.hint(&text));
                    let what = format!("softdep on '{word}', which is no module or alias{hint}");
                    self.tell(&line.origin, NO_MODULE, what);
                }
            }
        }
    }

    pub(crate) fn commands(&mut self) {
        for (word, lines) in [("install", &self.config.installs), ("remove", &self.config.removes)]
        {
            for (at, line) in lines.iter().enumerate() {
                let name = shown(&line.module);
                let earlier = lines.iter().take(at);
                let first = { earlier }.find(|first| covers(&first.module, &line.module));
                if let Some(first) = first {
                    let what = format!("{word} of {name} never runs: {} comes first", first.origin);
                    self.tell(&line.origin, HIDDEN, what);
                } else {
                    self.misspelt(word, &line.module, &line.origin);
                }
            }
        }
    }

    pub(crate) fn aliases(&mut self) {
        for line in &self.config.aliases {
            let name = shown(&line.module);
            let is_command = self.config.command_named(&line.module).is_some();
            match self.names.meaning(&line.module) {
                Meaning::Alias(..) if !is_command => {
                    let what = format!(
                        "alias for '{name}', which is an alias itself: such are not looked up again"
                    );
                    self.tell(&line.origin, HIDDEN, what);
                }
                Meaning::Nothing => self.misspelt("alias for", &line.module, &line.origin),
                _ => {}
            }
        }
    }

    pub(crate) fn blacklists(&mut self) {
        for line in &self.config.blacklists {
            self.misspelt("blacklist of", &line.module, &line.origin);
        }
    }

    pub(crate) fn denies(&mut self) {
        for line in &self.config.denies {
            let name = shown(&line.module);
            let what = match self.names.matched(&line.module) {
                (true, _) => continue,
                (false, true) => {
                    let what = format!("deny of '{name}', which is built into the kernel");
                    self.tell(&line.origin, BUILT_IN, what);
                    continue;
                }
                (false, false) => format!("deny of '{name}', which is no module"),
            };
            let what = what + &self.names.hint(&line.module);
            self.tell(&line.origin, NO_MODULE, what);
        }
        for line in &self.config.allows {
            let name = shown(&line.module);
            let exact = self.config.denies.iter().find(|deny| deny.module == line.module);
            if let Some(deny) = exact.filter(|deny| deny.is_exact()) {
                let what = format!("allow of {name} is in vain: {} denies it by name", deny.origin);
                self.tell(&line.origin, HIDDEN, what);
            } else if self.config.denies.iter().all(|deny| deny.is_exact()) {
                let what = format!("allow of {name} excepts from nothing: no deny is a pattern");
                self.tell(&line.origin, HIDDEN, what);
            } else if !self.names.matched(&line.module).1 {
                let hint = self.names.hint(&line.module);
                let what = format!("allow of '{name}', which is no module{hint}");
                self.tell(&line.origin, NO_MODULE, what);
            }
        }
    }

    /// Tells of what is no module only if it is nearly one: lines for modules of other
    /// kernels are usual, and names may be made up.
    fn misspelt(&mut self, word: &str, name: &[u8], origin: &Origin) {
        // Short names are near to many, and `off` means none.
        if name.len() < LONG_ENOUGH {
            return;
        }
        if self.names.matched(name).1 || !matches!(self.names.meaning(name), Meaning::Nothing) {
            return;
        }
        if let Some(near) = self.names.near(name).filter(|near| is_slip(name, near)) {
            let (name, near) = (shown(name), shown(&near));
            let what = format!("{word} '{name}', which is no module; did you mean {near}?");
            self.tell(origin, NO_MODULE, what);
        }
    }
}

/// Whether one letter is missing, too much or another, or two neighbours are swapped.
fn is_slip(a: &[u8], b: &[u8]) -> bool {
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(start..).unwrap_or_default(), b.get(start..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle = |text: &[u8]| text.get(..text.len().saturating_sub(end)).map(<[u8]>::to_vec);
    match (middle(a).as_deref(), middle(b).as_deref()) {
        (Some([] | [_]), Some([] | [_])) => true,
        (Some([a, b]), Some([c, d])) => (a, b) == (d, c),
        _ => false,
    }
}

/// Whether whatever `second` is for is taken by `first`, as far as is easily known.
fn covers(first: &[u8], second: &[u8]) -> bool {
    let is_pattern = second.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
    first == second || !is_pattern && matches(first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_letter() {
        for (a, b, slip) in [
            ("dummy", "dumy", true),
            ("dummy", "dummmy", true),
            ("dummy", "dunmy", true),
            ("dummy", "dumym", true),
            ("bcm43xx", "bcm87xx", false),
            ("econet", "phonet", false),
            ("a", "abc", false),
        ] {
            assert_eq!(is_slip(a.as_bytes(), b.as_bytes()), slip, "{a} {b}");
        }
    }

    #[test]
    fn what_comes_first_takes_what_it_matches() {
        assert!(covers(b"snd_*", b"snd_pcm"));
        assert!(covers(b"a*", b"a*"));
        assert!(!covers(b"snd_pcm", b"snd_*"));
    }
}
