//! Where the shells are asked: a made tree, made programs on `PATH`, a made
//! list of loaded modules in a mount namespace of their own.

use std::fmt::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use komod_fixtures::{ModuleSpec, Packing, Tree, pack};

use crate::completions;
use crate::guest::NAMES;
use crate::outcome::Stop;
use crate::{cases, programs};

/// Runs the rest of its words where `/proc/modules` is the file `loaded`. A
/// machine without modules has no such file to mount over, so all of `/proc`
/// gives way, but what shells need.
const NAMESPACE: &str = "mount --rbind /proc proc && mount -t tmpfs none /proc && \
    ln -s \"$PWD/proc/self\" /proc/self && cp ../loaded /proc/modules && exec \"$@\"";

/// A directory, removed with this value.
pub struct World {
    /// The directory; in it `tree`, where the shells stand, `share`, where the
    /// completions are, `bin`, the tools.
    pub dir: PathBuf,
    running: String,
}

impl World {
    /// Makes it all; in the version `6.6.0-many` as many names as told.
    pub fn make(many: usize) -> Result<Self, Stop> {
        let dir = std::env::temp_dir().join(format!("komod-shells-{}", std::process::id()));
        let running = programs::text(Command::new("uname").arg("-r"))?.trim().to_owned();
        let world = Self { dir, running };
        let place = || Stop::io(world.dir.display());
        std::fs::create_dir_all(world.dir.join("bin")).map_err(place())?;
        world.fill(many).map_err(place())?;
        completions::write(&world.dir.join("share"))?;
        let kmod = std::fs::canonicalize(cases::debug_program()?).map_err(place())?;
        for name in NAMES.iter().chain(&["kmod"]) {
            let link = world.dir.join("bin").join(name);
            if !link.exists() {
                symlink(&kmod, link).map_err(place())?;
            }
        }
        // Fish completes only what is there, the machine may have no sudo.
        symlink("/bin/true", world.dir.join("bin/sudo")).map_err(place())?;
        for version in ["6.1.0-made", &world.running] {
            let mut depmod = Command::new(world.dir.join("bin/depmod"));
            programs::text(depmod.arg("-b").arg(world.tree()).arg(version))?;
        }
        programs::text(&mut world.command("true"))
            .map_err(|stop| Stop::NotHere(format!("no mount namespace can be made: {stop}")))?;
        Ok(world)
    }

    fn fill(&self, many: usize) -> std::io::Result<()> {
        let tree = self.tree();
        let radio = ModuleSpec::new("radio")
            .modinfo("parmtype", "debug:int")
            .modinfo("parm", "debug:How much to say:\nnothing: 0\n\tall: 9")
            .modinfo("parmtype", "station:charp")
            .modinfo("parm", "station:What's to play first; `$HOME` by default")
            .modinfo("parmtype", "stereo:bool")
            // On a command line this would do something.
            .modinfo("parm", "`touch ../touched`;:\u{1b}[31mNo name of a parameter");
        Tree::new("6.1.0-made")
            .module("kernel/radio.ko.xz", &radio)
            .module("kernel/radio-tuner.ko", &ModuleSpec::new("radio_tuner"))
            .module("kernel/bus.ko.zst", &ModuleSpec::new("bus"))
            .builtin(["kernel/in_the_kernel.ko"])
            .file("notes", "no module\n")
            .write(&tree)?;
        Tree::new(&self.running)
            .module("kernel/of_the_running_kernel.ko", &ModuleSpec::new("of_the_running_kernel"))
            .write(&tree)?;
        let mut dep = String::new();
        for number in 0..many {
            let _ = writeln!(dep, "kernel/m/m{number}.ko.xz: kernel/m/m0.ko.xz");
        }
        Tree::new("6.6.0-many").file("lib/modules/6.6.0-many/modules.dep", dep).write(&tree)?;
        for directory in ["in", "proc"] {
            std::fs::create_dir(tree.join(directory))?;
        }
        std::fs::write(tree.join("x.ko"), radio.build())?;
        std::fs::write(tree.join("y.ko.xz"), pack(&radio.build(), Packing::of_name("y.ko.xz")))?;
        std::fs::write(tree.join("in/z.ko"), radio.build())?;
        symlink("..", tree.join("lib/a blank"))?;
        let loaded = "radio_tuner 16384 0 - Live 0x0000000000000000\n\
                      bus 16384 1 radio_tuner, Live 0x0000000000000000\n\
                      loaded_alone 16384 0 - Live 0x0000000000000000\n";
        std::fs::write(self.dir.join("loaded"), loaded)
    }

    /// Where the shells stand.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// A proposal of the table: `RUNNING` and a prefix is the running kernel's
    /// version, `None` where that does not begin so.
    pub fn word(&self, word: &str) -> Option<String> {
        match word.strip_prefix("RUNNING") {
            Some(prefix) => self.running.starts_with(prefix).then(|| self.running.clone()),
            None => Some(word.to_owned()),
        }
    }

    /// A command that runs `program` in this world.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        // Who is not root becomes it, in a user namespace.
        command.arg(if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" });
        command.args(["sh", "-c", NAMESPACE, "sh", program]).current_dir(self.tree());
        let path = format!("{}:/usr/bin:/bin", self.dir.join("bin").display());
        let share = format!("{}:/usr/local/share:/usr/share", self.dir.join("share").display());
        command.env("PATH", path).env("HOME", &self.dir).env("ZDOTDIR", &self.dir);
        command
            .env("XDG_DATA_DIRS", share)
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .env("SHELL", "/bin/sh");
        for unwanted in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "MODPROBE_OPTIONS"] {
            command.env_remove(unwanted);
        }
        command
    }

    /// A file beside the tree.
    pub fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.dir).join(name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A directory that stays in /tmp harms nobody.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
