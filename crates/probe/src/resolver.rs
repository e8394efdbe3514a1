use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use komod_config::{Command, Config, Origin};
use komod_index::Index;
use komod_kernel::Errno;
use komod_name::{ModuleName, UnmatchedBracket, alias};

use crate::Database;

/// Where an answer of the [`Resolver`] comes from, in the order asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The caller named a file.
    Path,
    /// An `alias` line of the configuration.
    ConfigAlias(Origin),
    /// The module's own name, in `modules.dep`.
    Name,
    /// A symbol that the module exports.
    Symbol,
    /// An `install` or `remove` line for exactly this name.
    Command(Origin),
    /// An alias out of the module itself.
    Alias,
    /// The name of a built-in module.
    Builtin,
    /// An alias of a built-in module.
    BuiltinAlias,
}

/// One module that a text stands for. Nothing says that it exists: a
/// configured alias may name any module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The module's name.
    pub name: ModuleName,
    /// The alias it was reached by: the configured pattern's text, or the text
    /// asked for. `None` when it was named itself.
    pub alias: Option<Vec<u8>>,
    /// The module's file, when it is known without looking: named by the
    /// caller, or out of another module's dependencies.
    pub path: Option<PathBuf>,
    /// Where the answer comes from.
    pub source: Source,
}

impl Target {
    /// The module in the file `path`.
    pub(crate) fn of_file(path: PathBuf) -> Self {
        let name = ModuleName::of_path(path.as_os_str().as_bytes());
        Self { name, alias: None, path: Some(path), source: Source::Path }
    }

    fn plain(name: ModuleName, source: Source) -> Self {
        Self { name, alias: None, path: None, source }
    }

    /// The `install` line that runs in place of loading it: the first whose glob matches.
    /// Of a name that only such a line makes known it is that line, whatever stands
    /// before it.
    pub fn install_command<'c>(&self, config: &'c Config) -> Option<&'c Command> {
        let name = self.name.as_bytes();
        let own = || config.install_named(name).filter(|_| self.is_of_command());
        own().or_else(|| config.install_for(name))
    }

    /// The `remove` line that runs in place of removing it, as
    /// [`Target::install_command`]; an `install` line that makes a name known comes before
    /// all `remove` lines that do.
    pub fn remove_command<'c>(&self, config: &'c Config) -> Option<&'c Command> {
        let name = self.name.as_bytes();
        let known = self.is_of_command() && config.install_named(name).is_none();
        let own = || config.remove_named(name).filter(|_| known);
        own().or_else(|| config.remove_for(name))
    }

    fn is_of_command(&self) -> bool {
        matches!(self.source, Source::Command(_))
    }

    /// What tells two targets apart: one module under two aliases is two.
    pub(crate) fn key(&self) -> (ModuleName, Option<Vec<u8>>) {
        (self.name.clone(), self.alias.clone())
    }

    /// The module's file; `None` when it has none.
    pub fn file(&self, database: &Database) -> Option<PathBuf> {
        self.path.clone().or_else(|| database.path_of(&self.name))
    }

    /// Whether the module is part of the kernel image. What was named by a
    /// file never is.
    pub fn is_builtin(&self, database: &Database) -> bool {
        match self.source {
            Source::Path => false,
            Source::Builtin | Source::BuiltinAlias => true,
            _ => database.is_builtin(&self.name),
        }
    }
}

/// Finds which modules a text stands for (`modprobe`(8), `modinfo`(8)).
#[derive(Clone, Copy)]
pub struct Resolver<'a> {
    /// The module directory asked.
    pub database: &'a Database,
    /// The configuration asked.
    pub config: &'a Config,
}

/// One source: the targets that it knows under a text.
type Ask<R> = fn(&R, &[u8]) -> Vec<Target>;

impl Resolver<'_> {
    /// Every module that the name or alias `text` stands for. Sources are
    /// asked in the order of [`Source`], and the first that knows anything
    /// answers alone: a configured alias hides a module of that name, a
    /// module's name hides aliases, an alias hides built-in modules. Targets of
    /// an alias are not resolved again. Empty when nobody knows it.
    ///
    /// # Errors
    /// When a bracket in `text` has no partner.
    pub fn lookup(&self, text: &[u8]) -> Result<Vec<Target>, UnmatchedBracket> {
        let text: &[u8] = &alias(text)?;
        let sources: [Ask<Self>; 7] = [
            Self::by_config_alias,
            Self::by_name,
            Self::by_symbol,
            Self::by_command,
            Self::by_alias,
            Self::by_builtin_name,
            Self::by_builtin_alias,
        ];
        let answers = sources.iter().map(|source| source(self, text));
        Ok(answers.into_iter().find(|found| !found.is_empty()).unwrap_or_default())
    }

    /// The module called `text` up to its first `.`, built in or not. Aliases
    /// count only when they are a built-in module's. `None` when there is no
    /// such module.
    pub fn lookup_name(&self, text: &[u8]) -> Option<Target> {
        let name = ModuleName::cut(text);
        let sources: [Ask<Self>; 3] =
            [Self::by_name, Self::by_builtin_name, Self::by_builtin_alias];
        sources.iter().find_map(|source| source(self, name.as_bytes()).into_iter().next())
    }

    /// The module in the file at `path`; a relative path is put behind the
    /// current directory, otherwise it stays as written. What the file holds
    /// is not looked at.
    ///
    /// # Errors
    /// When there is no such file, when it cannot be asked for, or when the
    /// path ends in `/`.
    pub fn path(path: &Path) -> io::Result<Target> {
        std::fs::metadata(path)?;
        let absolute = komod_file::from_here(path)?;
        if absolute.as_os_str().as_bytes().ends_with(b"/") {
            return Err(io::Error::from_raw_os_error(Errno::ENOENT as i32));
        }
        Ok(Target::of_file(absolute))
    }

    fn by_config_alias(&self, text: &[u8]) -> Vec<Target> {
        let lines = self.config.aliases_for(text);
        lines
            .map(|line| Target {
                name: ModuleName::new(&line.module),
                alias: Some(line.pattern.clone()),
                path: None,
                source: Source::ConfigAlias(line.origin.clone()),
            })
            .collect()
    }

    fn by_name(&self, text: &[u8]) -> Vec<Target> {
        // No module's name holds a colon: most aliases do.
        if text.contains(&b':') {
            return Vec::new();
        }
        let name = ModuleName::new(text);
        match self.database.path_of(&name) {
            Some(path) => {
                vec![Target { name, alias: None, path: Some(path), source: Source::Name }]
            }
            None => Vec::new(),
        }
    }

    fn by_symbol(&self, text: &[u8]) -> Vec<Target> {
        if !text.starts_with(b"symbol:") {
            return Vec::new();
        }
        by_index(self.database.symbols(), text, &Source::Symbol)
    }

    fn by_command(&self, text: &[u8]) -> Vec<Target> {
        self.config
            .command_named(text)
            .map(|line| Target::plain(ModuleName::new(text), Source::Command(line.origin.clone())))
            .into_iter()
            .collect()
    }

    fn by_alias(&self, text: &[u8]) -> Vec<Target> {
        by_index(self.database.aliases(), text, &Source::Alias)
    }

    fn by_builtin_name(&self, text: &[u8]) -> Vec<Target> {
        let name = ModuleName::new(text);
        if self.database.is_builtin(&name) {
            vec![Target::plain(name, Source::Builtin)]
        } else {
            Vec::new()
        }
    }

    fn by_builtin_alias(&self, text: &[u8]) -> Vec<Target> {
        by_index(self.database.builtin_aliases(), text, &Source::BuiltinAlias)
    }
}

fn by_index(index: Option<&Index>, text: &[u8], source: &Source) -> Vec<Target> {
    let Some(index) = index else { return Vec::new() };
    let values = index.find_matching(text);
    values
        .into_iter()
        .map(|found| Target {
            name: ModuleName::new(found.value),
            alias: Some(text.to_vec()),
            path: None,
            source: source.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    const DEP: [&str; 3] = ["snd-pcm.ko:", "ext4.ko.xz: jbd2.ko", "jbd2.ko:"];
    const ALIASES: [(&str, &str); 5] = [
        ("pci:v*d*", "generic"),
        ("pci:v8086*", "ext4"),
        ("fs_ext4", "ext4"),
        ("symbol:start", "jbd2"),
        ("built", "ext4"),
    ];

    fn world(config: &str) -> World {
        World::new(&DEP, &ALIASES, &["built", "snd_pcm", "other"], config)
    }

    fn names(world: &World, text: &str) -> Vec<String> {
        let found = world.resolver().lookup(text.as_bytes()).unwrap();
        found.iter().map(|target| target.name.to_string()).collect()
    }

    #[test]
    fn the_first_source_that_knows_a_text_answers_alone() {
        let text = "alias jbd2 x-y\nalias jb* z\ninstall onlyinst true\nremove snd-pcm true\n";
        let world = world(text);
        let resolver = world.resolver();
        let ask = |text: &str| {
            let found = resolver.lookup(text.as_bytes()).unwrap();
            let show = |target: Target| (target.name.to_string(), target.source);
            found.into_iter().map(show).collect::<Vec<_>>()
        };
        assert_eq!(names(&world, "jbd2"), ["x_y", "z"]);
        assert!(matches!(ask("jbd2")[0].1, Source::ConfigAlias(ref origin) if origin.line == 1));
        assert_eq!(ask("snd-pcm"), [("snd_pcm".into(), Source::Name)]);
        assert_eq!(ask("symbol:start"), [("jbd2".into(), Source::Symbol)]);
        assert!(matches!(ask("onlyinst")[0].1, Source::Command(_)));
        assert_eq!(ask("fs-ext4"), [("ext4".into(), Source::Alias)]);
        // An alias hides a built-in module of that name.
        assert_eq!(ask("built"), [("ext4".into(), Source::Alias)]);
        assert_eq!(ask("other"), [("other".into(), Source::Builtin)]);
        assert_eq!(ask("builtin-alias7"), [("built".into(), Source::BuiltinAlias)]);
        assert_eq!(ask("nobody"), []);
        // Not cut at the dot.
        assert_eq!(ask("ext4.ko"), []);
    }

    #[test]
    fn several_modules_come_by_priority() {
        assert_eq!(names(&world(""), "pci:v8086d1"), ["generic", "ext4"]);
    }

    #[test]
    fn an_alias_remembers_what_it_was_reached_by() {
        let world = world("alias eth* ext4\n");
        assert_eq!(world.target("eth0").alias.unwrap(), b"eth*");
        assert_eq!(world.target("fs-ext4").alias.unwrap(), b"fs_ext4");
        assert_eq!(world.target("ext4").alias, None);
    }

    #[test]
    fn a_lone_bracket_is_an_error() {
        assert!(world("").resolver().lookup(b"a[b").is_err());
    }

    #[test]
    fn names_alone_are_cut_at_the_dot_and_know_no_aliases() {
        let world = world("alias jbd2 x\n");
        let resolver = world.resolver();
        let name = |text: &str| resolver.lookup_name(text.as_bytes()).map(|found| found.source);
        assert_eq!(name("jbd2.ko.xz"), Some(Source::Name));
        assert_eq!(name("other"), Some(Source::Builtin));
        assert_eq!(name("builtin-alias7"), Some(Source::BuiltinAlias));
        assert_eq!(name("fs-ext4"), None);
    }

    #[test]
    fn paths_are_made_absolute_as_written() {
        let world = world("");
        let path = world.path("../m/./ext4.ko.xz");
        let target = Resolver::path(&path).unwrap();
        assert_eq!(target.path.as_deref(), Some(path.as_path()));
        assert_eq!(target.name.as_bytes(), b"ext4");
        let here = Resolver::path(Path::new("./src/lib.rs")).unwrap().path.unwrap();
        assert!(here.to_string_lossy().ends_with("/./src/lib.rs") && here.is_absolute());
        for absent in [world.path("nothing.ko"), world.path("./")] {
            let error = Resolver::path(&absent).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::ENOENT as i32));
        }
    }

    #[test]
    fn what_is_both_a_module_and_built_in_counts_as_built_in_by_name_only() {
        let world = world("");
        let by_name = world.target("snd_pcm");
        assert!(by_name.is_builtin(&world.database));
        assert_eq!(by_name.file(&world.database), Some(world.path("snd-pcm.ko")));
        let by_path = Resolver::path(&world.path("snd-pcm.ko")).unwrap();
        assert!(!by_path.is_builtin(&world.database));
    }

    #[test]
    fn a_broken_index_finds_nothing_and_is_remembered_once() {
        let world = world("");
        std::fs::write(world.path("modules.dep.bin"), "garbage garbage").unwrap();
        std::fs::remove_file(world.path("modules.symbols.bin")).unwrap();
        assert_eq!(names(&world, "snd-pcm"), ["snd_pcm"]); // built in
        assert!(names(&world, "symbol:start").is_empty());
        let broken = world.database.take_broken();
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].path, world.path("modules.dep.bin"));
        assert!(world.database.take_broken().is_empty());
    }

    #[test]
    fn an_alias_leads_to_a_module_that_came_after_the_list_of_modules_was_read() {
        let world = world("");
        assert_eq!(names(&world, "jbd2"), ["jbd2"]);
        let newer = World::new(&["new-one.ko: jbd2.ko"], &[("fs_late", "new_one")], &[], "");
        for file in ["modules.dep.bin", "modules.alias.bin"] {
            std::fs::rename(newer.path(file), world.path(file)).unwrap();
        }
        let late = world.target("fs-late");
        assert_eq!(late.file(&world.database), Some(world.path("new-one.ko")));
        assert_eq!(world.database.dependencies(&late.name), [world.path("jbd2.ko")]);
        assert_eq!(world.target("ext4").source, Source::Name);
    }
}
