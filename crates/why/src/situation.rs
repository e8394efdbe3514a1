use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use komod_file::strip_extension;
use komod_kernel::Kernel;
use komod_name::ModuleName;
use komod_probe::{RemovalAction, RemovalPlan, Resolver};

use crate::facts::KernelFacts;
use crate::nearest::{all_nearest, nearest};
use crate::words::List;
use crate::{Cause, Finding};

/// Why nothing is known under `name`, which is no path: `modprobe NAME` found no module.
/// Empty if nothing explains it.
#[inline(never)] // it would be built for speed where it is called
pub fn unknown_name(name: &[u8], kernel: &KernelFacts<'_>) -> Vec<Finding> {
    let directory = kernel.database().dir();
    if !directory.is_dir() {
        let installed = installed(directory);
        let (directory, running) = (directory.to_owned(), kernel.is_running());
        return vec![Finding::sure(Cause::NoDirectory { directory, installed, running })];
    }
    if kernel.database().dep().is_none() {
        return vec![Finding::sure(Cause::NoIndex { directory: directory.to_owned() })];
    }
    // A device's alias: no module of this tree is for it.
    if name.contains(&b':') {
        return Vec::new();
    }
    let module = ModuleName::new(name);
    if let Some(path) = file_of(directory, &module) {
        let directory = directory.to_owned();
        return vec![Finding::sure(Cause::NotIndexed { path, directory })];
    }
    let is_known = |module: &ModuleName| {
        kernel.database().path_of(module).is_some() || kernel.database().is_builtin(module)
    };
    if let Some(stem) = strip_extension(name) {
        let module = ModuleName::new(stem.rsplit(|&byte| byte == b'/').next().unwrap_or(stem));
        let cause = Cause::FileForName { module: module.clone() };
        return if is_known(&module) { vec![Finding::sure(cause)] } else { Vec::new() };
    }
    let mut near = near_names(name, kernel);
    let nearest = near.pop().filter(|_| near.is_empty());
    let cause = nearest.map(|nearest| Cause::Misspelt { name: name.to_vec(), nearest });
    cause.into_iter().map(Finding::sure).collect()
}

/// The names of modules, in files or built in, that are nearest to `name`, all as near as
/// each other; none that are far from it, and none of a path or a device's alias.
#[inline(never)] // it would be built for speed where it is called
pub fn near_names(name: &[u8], kernel: &KernelFacts<'_>) -> Vec<Vec<u8>> {
    if name.contains(&b':') || name.contains(&b'/') {
        return Vec::new();
    }
    let mut names = Vec::new();
    for index in [kernel.database().dep(), kernel.database().builtin()].into_iter().flatten() {
        index.for_each(&mut |key, _| names.push(key.to_vec()));
    }
    let mut near = all_nearest(ModuleName::new(name).as_bytes(), names.iter().map(Vec::as_slice));
    near.sort_unstable();
    near
}

/// Why `insmod FILE` finds no file: the name of a module, perhaps.
#[inline(never)] // it would be built for speed where it is called
pub fn no_file(file: &OsStr, kernel: &KernelFacts<'_>) -> Vec<Finding> {
    let name = file.as_bytes();
    if name.contains(&b'/') {
        return Vec::new();
    }
    let module = ModuleName::new(strip_extension(name).unwrap_or(name));
    let known = kernel.database().path_of(&module).is_some();
    let cause = known.then_some(Cause::NameForFile { module });
    cause.into_iter().map(Finding::sure).collect()
}

/// Why a module cannot be removed; empty if nothing is known to keep it in.
#[inline(never)] // it would be built for speed where it is called
pub fn in_use(module: &ModuleName, kernel: &dyn Kernel, facts: &KernelFacts<'_>) -> Vec<Finding> {
    let name = module.as_bytes();
    if facts.database().is_builtin(module) {
        return vec![Finding::sure(Cause::Builtin { module: module.clone() })];
    }
    if let Ok(None) = kernel.state(name) {
        let loaded = kernel.loaded().unwrap_or_default();
        let nearest = nearest(name, loaded.iter().map(|loaded| loaded.name.as_slice()));
        let cause = nearest.map(|nearest| Cause::Misspelt { name: name.to_vec(), nearest });
        return cause.into_iter().map(Finding::sure).collect();
    }
    if let Some(finding) = no_privilege(facts) {
        return vec![finding];
    }
    if facts.is_closed() {
        return vec![Finding::sure(Cause::Closed)];
    }
    let mut holders = kernel.holders(name).unwrap_or_default();
    holders.sort_unstable();
    let module = module.clone();
    if !holders.is_empty() {
        return vec![Finding::sure(Cause::Held { module, holders })];
    }
    if is_permanent(name, facts) {
        return vec![Finding::sure(Cause::Permanent { module })];
    }
    match kernel.refcnt(name) {
        Ok(Some(count)) if count > 0 => {
            let users = users(name, facts);
            vec![Finding::sure(Cause::Referenced { module, count, users })]
        }
        _ => Vec::new(),
    }
}

/// What `plan` leaves in the kernel though it goes with the module that is removed, or
/// does nothing about, and why: what it needs, its soft dependencies, itself.
#[inline(never)] // it would be built for speed where it is called
pub fn left_in(
    plan: &RemovalPlan,
    resolver: &Resolver<'_>,
    kernel: &dyn Kernel,
) -> Vec<(ModuleName, String)> {
    let target = &plan.target.name;
    let mut left: Vec<(ModuleName, String)> = Vec::new();
    for step in plan.steps.iter().filter(|step| step.action == RemovalAction::NotLoaded) {
        left.push((step.module.clone(), "not in the kernel".into()));
    }
    let goes = |name: &ModuleName| plan.steps.iter().any(|step| step.module == *name);
    if !left.is_empty() || !goes(target) {
        return left;
    }
    let softdep = resolver.config.softdep_for(target.as_bytes());
    let words = softdep.into_iter().flat_map(|line| line.pre().chain(line.post()));
    let soft = words.flat_map(|word| resolver.lookup(word).unwrap_or_default());
    let needed = resolver.database.dependencies(target).into_iter();
    let needed = needed.map(|path| (ModuleName::of_path(path.as_os_str().as_bytes()), true));
    for (name, needed) in needed.chain(soft.map(|target| (target.name, false))) {
        if goes(&name) || left.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let why = if resolver.database.is_builtin(&name) {
            "built into the kernel".into()
        } else if matches!(kernel.state(name.as_bytes()), Ok(None)) {
            "not in the kernel".into()
        } else {
            let mut holders = kernel.holders(name.as_bytes()).unwrap_or_default();
            let all = holders.len();
            holders.retain(|holder| !goes(&ModuleName::new(holder)));
            holders.sort_unstable();
            let gone = i64::try_from(all.saturating_sub(holders.len())).unwrap_or(0);
            let count = kernel.refcnt(name.as_bytes()).ok().flatten().unwrap_or(0);
            match count.saturating_sub(gone) {
                _ if !holders.is_empty() => format!("used by {}", List(&holders)),
                count if count > 0 && needed => {
                    format!("used, though by no module ({count} references)")
                }
                _ => continue,
            }
        };
        left.push((name, why));
    }
    left
}

/// Whether `/proc/modules` says that the module has no way out.
fn is_permanent(name: &[u8], facts: &KernelFacts<'_>) -> bool {
    let text = facts.read("proc/modules").unwrap_or_default();
    let mut lines = text.split(|&byte| byte == b'\n');
    let own = lines.find(|line| line.split(|&byte| byte == b' ').next() == Some(name));
    let users = own.and_then(|line| line.split(|&byte| byte == b' ').nth(3)).unwrap_or_default();
    users.split(|&byte| byte == b',').any(|user| user == b"[permanent]")
}

/// Mounts of a file system of that module, and network interfaces that it drives.
fn users(name: &[u8], facts: &KernelFacts<'_>) -> Vec<Vec<u8>> {
    let mut users = Vec::new();
    let mounts = facts.read("proc/self/mounts").unwrap_or_default();
    for line in mounts.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b' ').skip(1);
        let (Some(place), Some(kind)) = (fields.next(), fields.next()) else { continue };
        let alias = [b"fs-", kind].concat();
        let by_alias = || {
            let found = facts.database().aliases().map(|index| index.find_matching(&alias));
            found.unwrap_or_default().iter().any(|found| found.value == name)
        };
        if ModuleName::new(kind).as_bytes() == name || by_alias() {
            users.push([b"mount ", place].concat());
        }
    }
    let interfaces = fs::read_dir(facts.root().join("sys/class/net")).into_iter().flatten();
    for interface in interfaces.flatten() {
        let driver = fs::read_link(interface.path().join("device/driver/module"));
        if driver.is_ok_and(|driver| driver.file_name() == Some(OsStr::from_bytes(name))) {
            users.push([b"interface ", interface.file_name().as_bytes()].concat());
        }
    }
    users
}

/// The kernels that have their modules beside `directory`.
fn installed(directory: &Path) -> Vec<Vec<u8>> {
    let entries = directory.parent().and_then(|parent| fs::read_dir(parent).ok());
    let mut found: Vec<Vec<u8>> = Vec::new();
    for entry in entries.into_iter().flatten().flatten() {
        if entry.path().join("modules.dep.bin").is_file() {
            let name = entry.file_name().into_vec();
            let place = found.iter().position(|other| *other > name).unwrap_or(found.len());
            found.insert(place, name);
        }
    }
    found
}

/// A module's file anywhere below `directory`, by its name. Links are not followed, and
/// after ten thousand entries it is given up.
fn file_of(directory: &Path, module: &ModuleName) -> Option<PathBuf> {
    let left = Cell::new(10_000_u32);
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            left.set(left.get().checked_sub(1)?);
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            // Headers, and the way to them.
            if kind.is_dir() && name != "build" && name != "source" {
                open.push(entry.path());
            } else if strip_extension(name.as_bytes())
                .is_some_and(|stem| ModuleName::new(stem) == *module)
            {
                return Some(entry.path());
            }
        }
    }
    None
}

/// That the caller may not load modules, if so.
pub(crate) fn no_privilege(kernel: &KernelFacts<'_>) -> Option<Finding> {
    const CAP_SYS_MODULE: u32 = 16;
    let status = kernel.read("proc/self/status")?;
    let value = |key: &[u8]| {
        let line = status.split(|&byte| byte == b'\n').find(|line| line.starts_with(key))?;
        std::str::from_utf8(line.get(key.len()..)?).ok()
    };
    let has = u64::from_str_radix(value(b"CapEff:")?.trim(), 16).ok()?;
    let user = value(b"Uid:")?.split_whitespace().nth(1)?.parse().ok()?;
    let may = has >> CAP_SYS_MODULE & 1 == 1;
    (!may).then(|| Finding::sure(Cause::NoPrivilege { user }))
}
