//! The names by which modules of a tree can be asked for.

use std::path::PathBuf;

use komod_config::Config;
use komod_depmod::{Catalog, OutputFile};
use komod_index::Index;
use komod_name::{ModuleName, matches};

/// Every name of a tree: of its modules, built in or not, and of their aliases.
pub(crate) struct Names<'a> {
    catalog: &'a Catalog<'a>,
    config: &'a Config,
    built_in: Vec<Vec<u8>>,
    aliases: Vec<Index>,
}

/// What a text stands for.
pub(crate) enum Meaning {
    /// A module's name; its file.
    Module(PathBuf),
    /// A built-in module's name.
    BuiltIn,
    /// An alias, of modules or of the configuration: the modules with files that it leads
    /// to, and whether there are others.
    Alias(Vec<PathBuf>, bool),
    /// Nothing.
    Nothing,
}

impl<'a> Names<'a> {
    /// `files` are those that depmod would write for `catalog`.
    pub(crate) fn new(catalog: &'a Catalog<'a>, files: &[OutputFile], config: &'a Config) -> Self {
        let index = |name: &str| {
            let file = files.iter().find(|file| file.name == name)?;
            Index::from_bytes(file.contents.clone()).ok()
        };
        let mut built_in = Vec::new();
        if let Some(index) = index("modules.builtin.bin") {
            index.for_each(&mut |key, _| built_in.push(key.to_vec()));
        }
        let aliases = ["modules.alias.bin", "modules.symbols.bin", "modules.builtin.alias.bin"];
        let aliases = aliases.into_iter().filter_map(index).collect();
        Self { catalog, config, built_in, aliases }
    }

    /// The file of the module called so.
    pub(crate) fn module(&self, name: &[u8]) -> Option<PathBuf> {
        let mut modules = self.catalog.iter().map(|(_, module)| &module.found);
        let found = modules.find(|found| found.name.as_bytes() == name)?;
        Some(found.to_path().to_owned())
    }

    /// Whether a built-in module is called so.
    pub(crate) fn is_built_in(&self, name: &[u8]) -> bool {
        self.built_in.iter().any(|own| own == name)
    }

    /// All names of modules, built in or not.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        let modules = self.catalog.iter().map(|(_, module)| module.name().as_bytes());
        modules.chain(self.built_in.iter().map(Vec::as_slice))
    }

    /// Whether `glob` matches a module that is not built in, and whether any.
    pub(crate) fn matched(&self, glob: &[u8]) -> (bool, bool) {
        let mut modules = self.catalog.iter().map(|(_, module)| module.name().as_bytes());
        let file = modules.any(|name| matches(glob, name));
        (file, file || self.built_in.iter().any(|name| matches(glob, name)))
    }

    /// What `text`, normalised as an alias, stands for.
    pub(crate) fn meaning(&self, text: &[u8]) -> Meaning {
        if let Some(path) = self.module(text) {
            return Meaning::Module(path);
        }
        if self.is_built_in(text) {
            return Meaning::BuiltIn;
        }
        let configured = self.config.aliases.iter();
        let configured =
            configured.filter(|line| line.pattern == text || matches(&line.pattern, text));
        let mut names: Vec<ModuleName> =
            configured.map(|line| ModuleName::new(&line.module)).collect();
        for index in &self.aliases {
            names.extend(index.find_matching(text).iter().map(|it| ModuleName::new(it.value)));
        }
        if names.is_empty() {
            return Meaning::Nothing;
        }
        let files: Vec<_> = names.iter().filter_map(|name| self.module(name.as_bytes())).collect();
        let others = files.len() < names.len();
        Meaning::Alias(files, others)
    }

    /// The name of a module that somebody may have meant.
    pub(crate) fn near(&self, name: &[u8]) -> Option<Vec<u8>> {
        komod_why::nearest(name, self.all())
    }

    /// `; did you mean NAME?` for what stands for nothing, empty if no name is near.
    pub(crate) fn hint(&self, name: &[u8]) -> String {
        let near = self.near(name);
        near.map(|near| format!("; did you mean {}?", String::from_utf8_lossy(&near)))
            .unwrap_or_default()
    }
}
