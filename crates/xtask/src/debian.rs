//! Debian packages of komod: `komod` in the place of kmod, `libkomod2` in that of
//! libkmod2, `libkomod-dev` in that of libkmod-dev.
//!
//! Every program, script, configuration and manual page lies where the original's
//! packages have it, so that whoever depends on them notices nothing. The texts of
//! the maintainer scripts and other files stand beside `debian/archive.rs`.

mod archive;
pub mod judge;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::archive::{Entry, Tree, gzip, package};
use crate::completions;
use crate::libkmod::{self, Library};
use crate::outcome::Stop;
use crate::place;
use crate::programs;
use crate::workspace::workspace;

/// The release in whose place these packages stand.
const PROVIDED: &str = "34.2-2";

/// The version of the packages.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The only architecture there is a static program for.
const AMD64: &str = "amd64";

/// Packages whose files are the same for every architecture.
const ALL: &str = "all";

/// Where that architecture has its libraries.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// The newest C library that Debian 12 has.
const NEWEST_LIBC: (u32, u32) = (2, 36);

/// Of a package that may not be missing for a moment.
const BRIDGED: &str = "Pre-Depends: komod-handover\n";

/// It tidies up when all of them have changed.
const TRIGGERS: &str = "activate-noawait komod-handover\n";

const MAINTAINER: &str = "The komod developers <developers@komod.invalid>";

/// One package, before it is bytes.
struct Package {
    name: &'static str,
    architecture: &'static str,
    /// The fields that are its own, a line each.
    fields: String,
    description: &'static str,
    /// What lintian is told to pass over, with reasons.
    overrides: Option<&'static str>,
    /// Scripts and lists for dpkg.
    control: Tree,
    data: Tree,
}

/// Writes all packages into `dir` and returns their paths.
///
/// Equal sources and compilers give equal bytes: the date is SOURCE_DATE_EPOCH, or
/// that of the last commit. Error without either; [`Stop::NotHere`] if the library
/// built here needs a newer C library than Debian 12 has.
pub fn make(dir: &Path, program: &Path, library: &Library) -> Result<Vec<PathBuf>, Stop> {
    let time = time()?;
    let packages = [handover(), tools(program)?, shared(library)?, development(library)?];
    let mut written = Vec::new();
    for package in packages {
        let Package { name, architecture, .. } = package;
        let file = dir.join(format!("{name}_{VERSION}_{architecture}.deb"));
        let bytes = package.bytes(time)?;
        fs::write(&file, bytes).map_err(Stop::io(file.display()))?;
        written.push(file);
    }
    Ok(written)
}

impl Package {
    fn new(name: &'static str, fields: String, description: &'static str) -> Self {
        let (control, data) = (Tree::default(), Tree::default());
        Self { name, architecture: AMD64, fields, description, overrides: None, control, data }
    }

    /// The package's bytes, with what every one of them has.
    fn bytes(mut self, time: u64) -> Result<Vec<u8>, Stop> {
        let documents = format!("usr/share/doc/{}", self.name);
        self.data.file(&format!("{documents}/copyright"), include_str!("debian/copyright"));
        self.data.file(&format!("{documents}/changelog.gz"), gzip(changelog(time)?.as_bytes())?);
        if let Some(reasons) = self.overrides {
            self.data.file(&format!("usr/share/lintian/overrides/{}", self.name), reasons);
        }
        self.control.file("md5sums", sums(&self.data)?);
        let control = format!(
            "Package: {}\nSource: komod\nVersion: {VERSION}\nArchitecture: {}\n\
             Maintainer: {MAINTAINER}\nInstalled-Size: {}\n{}Description: {}\n",
            self.name,
            self.architecture,
            self.data.kilobytes(),
            self.fields,
            self.description,
        );
        let control = control.replacen("Source: komod\n", "", usize::from(self.name == "komod"));
        self.control.file("control", control);
        package(&self.control, &self.data, time)
    }
}

/// `komod-handover`: keeps commands and library where they are while packages change.
///
/// Conflicts, as policy wants them between packages that take each other's place, have
/// apt remove the old one before it unpacks the new one. What a package needs before it
/// is unpacked comes before that removal: this one, whose script `handover.sh` tells how.
fn handover() -> Package {
    const SCRIPT: &str = include_str!("debian/handover.sh");
    let fields = "Section: admin\nPriority: optional\nMulti-Arch: foreign\n".to_owned();
    let mut package = Package::new(
        "komod-handover",
        fields,
        "bridge between packages with the tools for kernel modules\n\
         \x20This package sees to it that modprobe, its companions and libkmod.so.2 are not\n\
         \x20missing for a moment while komod takes the place of kmod, or kmod that of\n\
         \x20komod.",
    );
    package.overrides = Some(include_str!("debian/lintian/komod-handover"));
    package.architecture = ALL;
    package.data.program("usr/share/komod-handover/handover", format!("#!/bin/sh\n{SCRIPT}"));
    let first = include_str!("debian/handover.preinst");
    package.control.program("preinst", format!("{first}{SCRIPT}"));
    package.control.program("postinst", include_str!("debian/handover.postinst"));
    package.control.program("prerm", include_str!("debian/handover.prerm"));
    package.control.file("triggers", "interest-noawait komod-handover\n");
    package
}

/// The fields by which a package stands in the place of another.
fn in_place_of(name: &str) -> String {
    format!("Provides: {name} (= {PROVIDED})\nConflicts: {name}\nReplaces: {name}\n")
}

/// `komod`: the program under its eight names, and what belongs to them.
fn tools(program: &Path) -> Result<Package, Stop> {
    let fields = format!(
        "Section: admin\nPriority: important\nMulti-Arch: foreign\n{BRIDGED}{}",
        in_place_of("kmod")
    );
    let mut package = Package::new(
        "komod",
        fields,
        "tools for Linux kernel modules, memory-safe\n\
         \x20This package has depmod, insmod, lsmod, modinfo, modprobe and rmmod, one\n\
         \x20program that is linked statically. Their files, output and exit statuses\n\
         \x20are those of the package kmod, in whose place it stands.",
    );
    package.overrides = Some(include_str!("debian/lintian/komod"));
    let data = &mut package.data;
    for dir in ["etc/depmod.d", "etc/modprobe.d", "usr/lib/depmod.d"] {
        data.directory(dir);
    }
    data.program(place::PROGRAM, read(program)?);
    for (name, target) in place::LINKS {
        data.link(name, target);
    }
    data.file("usr/lib/modprobe.d/aliases.conf", include_str!("debian/aliases.conf"));
    data.program("usr/share/initramfs-tools/hooks/kmod", include_str!("debian/initramfs.hook"));
    for page in place::pages()? {
        let text = read(&workspace().join("man").join(&page))?;
        data.file(&format!("{}.gz", place::manual(&page)), gzip(&text)?);
    }
    for (name, target) in place::PAGES {
        data.link(&format!("{}.gz", place::manual(name)), &format!("{target}.gz"));
    }
    for (name, entry) in completions::files(&completions::tools()?) {
        // Debian's zsh looks for those of packages under another name.
        let name = name.replace("zsh/site-functions", "zsh/vendor-completions");
        match entry {
            completions::Entry::Text(text) => data.file(&format!("usr/share/{name}"), text),
            completions::Entry::Link(to) => data.link(&format!("usr/share/{name}"), to),
        }
    }
    for (name, script) in [
        ("preinst", include_str!("debian/komod.preinst")),
        ("postinst", include_str!("debian/komod.postinst")),
        ("prerm", include_str!("debian/komod.prerm")),
        ("postrm", include_str!("debian/komod.postrm")),
    ] {
        package.control.program(name, script);
    }
    package.control.file("triggers", TRIGGERS.to_owned() + "activate-noawait update-initramfs\n");
    Ok(package)
}

/// `libkomod2`: the library.
fn shared(library: &Library) -> Result<Package, Stop> {
    let libc = newest_libc(&library.file())?;
    if libc > NEWEST_LIBC {
        return Err(Stop::NotHere(format!(
            "the library built here needs version {}.{} of the C library, Debian 12 has {}.{}: \
             build packages on Debian 12",
            libc.0, libc.1, NEWEST_LIBC.0, NEWEST_LIBC.1
        )));
    }
    let fields = format!(
        "Depends: libc6 (>= {}.{})\nSection: libs\nPriority: optional\nMulti-Arch: same\n\
         {BRIDGED}{}",
        libc.0,
        libc.1,
        in_place_of("libkmod2")
    );
    let mut package = Package::new(
        "libkomod2",
        fields,
        "library for Linux kernel modules, memory-safe\n\
         \x20This package has libkmod.so.2, by which programs such as udev load kernel\n\
         \x20modules. Its functions and answers are those of the package libkmod2, in\n\
         \x20whose place it stands.",
    );
    package.overrides = Some(include_str!("debian/lintian/libkomod2"));
    let data = &mut package.data;
    data.file(&format!("{LIBRARIES}/{}", libkmod::FILE), read(&library.file())?);
    data.link(&format!("{LIBRARIES}/{}", libkmod::SONAME), libkmod::FILE);
    for (name, script) in [
        ("preinst", include_str!("debian/libkomod2.preinst")),
        ("prerm", include_str!("debian/libkomod2.prerm")),
        ("postrm", include_str!("debian/libkomod2.postrm")),
    ] {
        package.control.program(name, script);
    }
    // What is linked with it runs with the original as well.
    package.control.file("shlibs", "libkmod 2 libkmod2 (>= 33~)\n");
    package.control.file("symbols", symbols()?);
    package.control.file("triggers", TRIGGERS.to_owned() + "activate-noawait ldconfig\n");
    Ok(package)
}

/// `libkomod-dev`: what programs are built with that use the library.
fn development(library: &Library) -> Result<Package, Stop> {
    let fields = format!(
        "Depends: libkomod2 (= {VERSION})\nSection: libdevel\nPriority: optional\n\
         Multi-Arch: same\n{}",
        in_place_of("libkmod-dev")
    );
    let mut package = Package::new(
        "libkomod-dev",
        fields,
        "library for Linux kernel modules, memory-safe (development files)\n\
         \x20This package has what programs are built with that use libkmod.so.2: the\n\
         \x20header libkmod.h and the files of pkg-config.",
    );
    let data = &mut package.data;
    data.file("usr/include/libkmod.h", read(&libkmod::header())?);
    data.link(&format!("{LIBRARIES}/libkmod.so"), libkmod::SONAME);
    let file = |name: &str| read(&library.dir.join(name));
    data.file(&format!("{LIBRARIES}/pkgconfig/libkmod.pc"), file("libkmod.pc")?);
    data.file("usr/share/pkgconfig/kmod.pc", file("kmod.pc")?);
    Ok(package)
}

/// The symbols of the library and since when the original has them, as
/// `deb-symbols`(5) wants it: made of the linker's version script.
fn symbols() -> Result<String, Stop> {
    let script = fs::read_to_string(libkmod::version_script())
        .map_err(Stop::io(libkmod::version_script().display()))?;
    let mut lines = Vec::new();
    for node in script.split("LIBKMOD_").filter(|node| node.contains("global:")) {
        let (number, rest) = node.split_once(' ').unwrap_or_default();
        // Debian had no release between 30 and 33 with the node of 30.
        let since = if number == "30" { "33" } else { number };
        let names = rest.split("global:").nth(1).unwrap_or_default();
        let names = names.split(['}', ':']).next().unwrap_or_default();
        let names = names.split([';', '\n', '\t', ' ']).filter(|name| name.starts_with("kmod_"));
        lines.push(format!(" LIBKMOD_{number}@LIBKMOD_{number} {since}~\n"));
        lines.extend(names.map(|name| format!(" {name}@LIBKMOD_{number} {since}~\n")));
    }
    lines.sort();
    let head = "libkmod.so.2 libkmod2 #MINVER#\n* Build-Depends-Package: libkmod-dev\n";
    Ok(head.to_owned() + &lines.concat())
}

/// The newest version of the C library that a file asks for.
fn newest_libc(file: &Path) -> Result<(u32, u32), Stop> {
    let mut readelf = Command::new("readelf");
    let text = programs::text(readelf.args(["--version-info", "--wide"]).arg(file))?;
    let versions = text.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let mut numbers = rest.get(..end)?.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions
        .max()
        .ok_or_else(|| Stop::Failed(format!("{}: asks for no version of libc", file.display())))
}

/// `md5sums` of dpkg, for `dpkg --verify`.
fn sums(data: &Tree) -> Result<String, Stop> {
    let scratch = tempfile::tempdir().map_err(Stop::io("a scratch directory"))?;
    let mut sum = Command::new("md5sum");
    sum.current_dir(scratch.path());
    for (path, entry) in data.entries() {
        if let Entry::File(_, contents) = entry {
            let file = scratch.path().join(path);
            let made = fs::create_dir_all(file.parent().unwrap_or(scratch.path()));
            made.and_then(|()| fs::write(&file, contents)).map_err(Stop::io(file.display()))?;
            sum.arg(path);
        }
    }
    programs::text(&mut sum)
}

/// Debian's changelog: there is one release.
fn changelog(time: u64) -> Result<String, Stop> {
    let mut date = Command::new("date");
    date.env("LC_ALL", "C").args(["--utc", "--rfc-email", "--date"]).arg(format!("@{time}"));
    let date = programs::text(&mut date)?;
    Ok(format!(
        "komod ({VERSION}) unstable; urgency=medium\n\n  * Stands in the place of kmod \
         {PROVIDED}.\n\n -- {MAINTAINER}  {}\n",
        date.trim()
    ))
}

/// The date of everything in the packages, in seconds since 1970.
fn time() -> Result<u64, Stop> {
    let set = std::env::var("SOURCE_DATE_EPOCH").ok();
    let text = match set {
        Some(text) => text,
        None => {
            let mut git = Command::new("git");
            programs::text(git.args(["log", "-1", "--format=%ct"]).current_dir(workspace()))?
        }
    };
    text.trim()
        .parse()
        .map_err(|e| Stop::Failed(format!("the date of the packages: {:?}: {e}", text.trim())))
}

fn read(file: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(file).map_err(Stop::io(file.display()))
}
