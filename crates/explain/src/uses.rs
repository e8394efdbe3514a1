use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use komod_elf::Module;
use komod_file::ModuleFile;
use komod_name::ModuleName;

/// The symbols of a module's file that matter to others.
#[derive(Debug, Default)]
struct Symbols {
    exports: BTreeSet<Vec<u8>>,
    needs: Vec<Vec<u8>>,
}

/// Who uses what of whom: each file is read once.
#[derive(Debug, Default)]
pub(crate) struct Uses(BTreeMap<PathBuf, Symbols>);

/// One module's use of another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    /// Who uses it.
    pub(crate) module: ModuleName,
    /// The symbols, in the order of the user's symbol table.
    pub(crate) symbols: Vec<Vec<u8>>,
}

impl Uses {
    /// Which of `users`, each with its file, need symbols that the module in `file`
    /// exports. A file that cannot be read neither needs nor exports anything.
    pub(crate) fn of(&mut self, file: &Path, users: &[(ModuleName, PathBuf)]) -> Vec<Use> {
        for path in users.iter().map(|(_, path)| path.as_path()).chain([file]) {
            if !self.0.contains_key(path) {
                self.0.insert(path.to_owned(), read(path).unwrap_or_default());
            }
        }
        let Some(exporter) = self.0.get(file) else { return Vec::new() };
        let uses = users.iter().map(|(module, path)| {
            let needs = self.0.get(path).map(|user| user.needs.as_slice()).unwrap_or_default();
            let symbols = needs.iter().filter(|name| exporter.exports.contains(*name));
            Use { module: module.clone(), symbols: symbols.cloned().collect() }
        });
        uses.filter(|one| !one.symbols.is_empty()).collect()
    }
}

fn read(path: &Path) -> Option<Symbols> {
    let bytes = ModuleFile::open(path).ok()?.contents().ok()?;
    let module = Module::parse(&bytes).ok()?;
    let mut symbols = Symbols::default();
    // Collected at once they would be sorted, by code that nothing else needs.
    for name in module.export_names().ok().flatten().unwrap_or_default() {
        symbols.exports.insert(name.to_vec());
    }
    for (name, _) in module.undefined().unwrap_or_default() {
        symbols.needs.push(name.to_vec());
    }
    Some(symbols)
}
