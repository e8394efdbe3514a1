//! How each edit is done.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use komod_fixtures::ModuleSpec;

use crate::disk::*;
use crate::edits::{Edit, Random};
use crate::world::{LISTS, NAMES, World, spec};

const FEW: usize = 15;

impl World {
    /// A change, a run, and another change, all at one time as files' times tell it.
    pub fn hurry(&mut self, random: &mut Random) -> String {
        let again = [Edit::RewriteInDisguise, Edit::DamageOutputInDisguise, Edit::OrderInDisguise];
        let again = again[random.below(3)];
        let Some(module) = self.module(random) else { return "nothing".into() };
        wait_for_a_tick(&self.root().join("away/tick"));
        let path = match again {
            Edit::RewriteInDisguise => {
                disguised(module.clone(), random, false);
                self.cached("1", false);
                disguised(module, random, false)
            }
            Edit::OrderInDisguise => {
                self.try_to(again, random);
                self.cached("1", false);
                self.try_to(again, random)
            }
            _ => {
                self.cached("1", false);
                self.try_to(again, random)
            }
        };
        format!("{again:?} {path:?}")
    }

    /// Adds some modules where there are few.
    pub fn keep_populated(&self, random: &mut Random) {
        if self.modules() < FEW {
            for dir in ["kernel/drivers", "kernel/fs", "updates"].map(|dir| self.dir().join(dir)) {
                let _ = fs::create_dir_all(&dir);
                for _ in 0..5 {
                    self.put(&dir, random.below(NAMES), random);
                }
            }
        }
    }

    /// Does it, if it can be done, and tells to what.
    pub fn apply(&mut self, edit: Edit, random: &mut Random) -> String {
        self.try_to(edit, random).map_or("nothing".into(), |path| path.display().to_string())
    }

    fn try_to(&mut self, edit: Edit, random: &mut Random) -> Option<PathBuf> {
        match edit {
            Edit::Add => {
                let dir = self.directory(random)?;
                Some(self.put(&dir, random.below(NAMES), random))
            }
            Edit::Remove => remove(self.module(random)?),
            Edit::RewriteInDisguise => disguised(self.module(random)?, random, false),
            Edit::ReplaceInDisguise => disguised(self.module(random)?, random, true),
            Edit::Rename => {
                let (from, to) = (self.module(random)?, self.directory(random)?);
                let ending = from.file_name()?.to_str()?.split_once('.')?.1.to_owned();
                let to = to.join(format!("m-{:02}.{ending}", random.below(NAMES)));
                fs::rename(&from, &to).ok().map(|()| to)
            }
            Edit::TouchBack => dated(self.module(random)?, SystemTime::UNIX_EPOCH),
            Edit::TouchForth => {
                let soon = SystemTime::now() + Duration::from_millis(40);
                dated(self.module(random)?, soon)
            }
            Edit::RewriteThroughHardLink => {
                let (module, away) = (self.module(random)?, self.root().join("away/link"));
                let _ = fs::remove_file(&away);
                fs::hard_link(&module, &away).ok()?;
                disguised(away, random, false)?;
                Some(module)
            }
            Edit::HardLinkInside => {
                let (module, dir) = (self.module(random)?, self.directory(random)?);
                let ending = module.file_name()?.to_str()?.split_once('.')?.1.to_owned();
                let to = dir.join(format!("m-{:02}.{ending}", random.below(NAMES)));
                fs::hard_link(&module, &to).ok().map(|()| to)
            }
            Edit::SwapLink => {
                let (target, dir) = (self.module(random)?, self.directory(random)?);
                linked(&target, dir.join(format!("m-{:02}.ko", random.below(NAMES))))
            }
            Edit::SwapDistantLink => {
                let (target, dir) = (self.module(random)?, self.directory(random)?);
                let hop = self.root().join(format!("away/hop{}", random.below(3)));
                linked(&target, hop.clone())?;
                let name = ["m-01.ko", "m-02.ko", "none"][random.below(3)];
                let link = dir.join(name);
                if fs::symlink_metadata(&link).is_err() {
                    symlink(&hop, link).ok()?;
                }
                // What it leads to may be a directory from now on.
                if random.one_in(4) {
                    linked(&self.root().join("linked/two"), hop.clone())?;
                }
                Some(hop)
            }
            Edit::Repack => {
                let module = self.module(random)?;
                let (stem, _) = module.file_name()?.to_str()?.split_once('.')?;
                let number = stem.rsplit(['-', '_']).next()?.parse().ok()?;
                fs::remove_file(&module).ok()?;
                Some(self.put(module.parent()?, number, random))
            }
            Edit::RenameDirectory => {
                let dir = self.inner_directory(random)?;
                let to = dir.with_file_name(format!("d{}", random.below(5)));
                fs::rename(&dir, &to).ok().map(|()| to)
            }
            Edit::RemoveDirectory => {
                let dir = self.inner_directory(random)?;
                if random.one_in(2) {
                    let new = dir.join("new");
                    return fs::create_dir(&new).ok().map(|()| new);
                }
                fs::remove_dir_all(&dir).ok().map(|()| dir)
            }
            Edit::SwapDirectoryLink => {
                let target = ["one", "two", "none"][random.below(3)];
                match random.one_in(2) {
                    true => linked(Path::new(target), self.root().join("linked/hop")),
                    false => linked(
                        &self.root().join("linked").join(target),
                        self.dir().join("kernel/dirlink"),
                    ),
                }
            }
            Edit::SwapLinkToAncestor => {
                let above = self.dir().join("kernel");
                let target = if random.one_in(2) { &*above } else { Path::new("two") };
                linked(target, self.root().join("linked/hop"))
            }
            Edit::LinkedDirectoryChanges => {
                let dir = self.root().join("linked").join(["one", "two"][random.below(2)]);
                match random.choose(&modules_of(&dir)) {
                    Some(module) if random.one_in(2) => remove(module.clone()),
                    _ => Some(self.put(&dir, random.below(NAMES), random)),
                }
            }
            Edit::External => {
                let dir = self.root().join("ext");
                match random.choose(&modules_of(&dir)) {
                    Some(module) if random.one_in(2) => disguised(module.clone(), random, true),
                    _ => Some(self.put(&dir, random.below(NAMES), random)),
                }
            }
            Edit::Configuration | Edit::ConfigurationInDisguise => {
                let ext = self.root().join("ext");
                let module = self.module(random)?;
                let file = module.file_name()?.to_str()?;
                let (stem, _) = file.split_once('.')?;
                let below = module.strip_prefix(self.dir()).ok()?.parent()?.display();
                let lines = [
                    "search updates built-in\n".to_owned(),
                    "search built-in updates\n".to_owned(),
                    format!("external * {}\n", ext.display()),
                    format!("search external built-in\nexternal * {}\n", ext.display()),
                    format!("exclude {file} drivers\n"),
                    format!("exclude {file}\n"),
                    format!("override {stem} * {below}\n"),
                    format!("search {below} updates built-in\n"),
                    "a bad line\n".to_owned(),
                ];
                let text = lines[random.below(lines.len())].clone();
                rewrite(self.config(), text.as_bytes(), edit == Edit::ConfigurationInDisguise)
            }
            Edit::Mend => self.mend(),
            Edit::Order => Some(self.list(LISTS[0], random)),
            Edit::OrderInDisguise => {
                let path = self.dir().join(LISTS[0]);
                let mut bytes = fs::read(&path).ok()?;
                // Two lines of one length change places.
                let text = String::from_utf8(bytes.clone()).ok()?;
                let lines: Vec<&str> = text.lines().collect();
                let (a, b) = (random.choose(&lines)?, random.choose(&lines)?);
                if a.len() == b.len() {
                    let swapped = text.replace(a, "\0").replace(b, a).replace('\0', b);
                    bytes = swapped.into_bytes();
                }
                rewrite(path, &bytes, true)
            }
            Edit::Builtin => Some(self.list(LISTS[1], random)),
            Edit::BuiltinModinfo => Some(self.list(LISTS[2], random)),
            Edit::RemoveList => remove(self.dir().join(LISTS[random.below(3)])),
            Edit::DeleteOutput => remove(self.output(random)?),
            Edit::DamageOutput => flip(self.output(random)?, random, false),
            Edit::DamageOutputInDisguise => flip(self.output(random)?, random, true),
            Edit::TruncateOutput => cut(self.output(random)?, random),
            Edit::ReplaceOutputByLink => {
                let (path, away) = (self.output(random)?, self.root().join("away/output"));
                fs::copy(&path, &away).ok()?;
                linked(&away, path)
            }
            Edit::ChmodOutput => chmod(self.output(random)?, 0o600),
            Edit::FullRunInPlace => {
                self.depmod(vec!["--no-cache".into()]);
                Some(self.dir())
            }
            Edit::BrokenModule => {
                let dir = self.directory(random)?;
                let path = dir.join(format!("m-{:02}.ko", random.below(NAMES)));
                let bytes = [&b"not a module"[..], b"", b"\x7fELF and no more of it"];
                let _ = fs::remove_file(&path);
                fs::write(&path, bytes[random.below(3)]).ok().map(|()| path)
            }
            Edit::DanglingLink => {
                let link = self.directory(random)?.join("nowhere");
                match fs::symlink_metadata(&link) {
                    Ok(_) => remove(link),
                    Err(_) => linked(Path::new("not-there"), link),
                }
            }
            Edit::OddFile => {
                let path = self.directory(random)?.join("README");
                fs::write(&path, "text").ok().map(|()| path)
            }
            Edit::Chmod => chmod(self.module(random)?, 0o600),
            Edit::OtherPrefix => {
                self.prefix = !self.prefix && random.one_in(2);
                Some(self.dir())
            }
            Edit::DamageCache => flip(self.cached_file(random)?, random, true),
            Edit::TruncateCache => cut(self.cached_file(random)?, random),
            Edit::DeleteCache => remove(self.cached_file(random)?),
            Edit::OldCache => {
                let path = self.cached_file(random)?;
                let now = fs::read(&path).ok()?;
                let old = self.old_cache.insert(path.clone(), now)?;
                fs::write(&path, old).ok().map(|()| path)
            }
            Edit::OpenCacheToAll => {
                // What stands there then could be anything, and must not be believed.
                let path = self.cached_file(random)?;
                let old = self.old_cache.get(&path).cloned().unwrap_or_default();
                fs::write(&path, old).ok()?;
                chmod(path, 0o666)
            }
            Edit::LeftoverOfTheCache => {
                let path = self.cached_file(random)?;
                let path = PathBuf::from(format!("{}.new", path.display()));
                fs::write(&path, "a leftover").ok().map(|()| path)
            }
            Edit::Circle => {
                if !random.one_in(3) {
                    return None;
                }
                let path = self.dir().join("kernel/m-00.ko");
                let spec = spec(0, random).needs("s39");
                fs::write(&path, spec.build()).ok()?;
                let other = ModuleSpec::new("m").export("s39", 1).needs("s00").build();
                fs::write(self.dir().join("kernel/m-39.ko"), other).ok()?;
                // Nothing can be done with it: not for long.
                self.depmod(vec!["--cache".into(), self.cache().into_os_string()]);
                remove(self.dir().join("kernel/m-39.ko"))
            }
        }
    }

    /// Takes away what gives messages.
    fn mend(&self) -> Option<PathBuf> {
        for path in directories_of(&self.dir()).iter().flat_map(|dir| entries(dir)) {
            let broken = match fs::read(&path) {
                Ok(bytes) => path.to_str()?.contains("m-00.") || is_no_module(&path, &bytes),
                Err(_) => !path.is_dir(),
            };
            if broken {
                fs::remove_file(&path).ok()?;
            }
        }
        for list in LISTS.map(|list| self.dir().join(list)) {
            if !list.exists() {
                fs::write(list, "").ok()?;
            }
        }
        Some(self.dir())
    }
}
