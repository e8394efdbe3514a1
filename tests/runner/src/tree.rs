//! The `tree` file of a case: how its scratch root is made, one statement a line.
//!
//! `tests/README.md` lists the statements. Paths of `module`, `builtin` and `order`
//! are relative to the module directory (`lib/modules/RELEASE`, or what
//! `directory` said last); all others to the root.

use nix::errno::Errno;

use crate::{Trouble, calls, words};

/// The kernel release of a case whose tree names none.
pub const RELEASE: &str = "6.1.0-test";

/// A parsed `tree`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// What `uname -r` says inside the box.
    pub release: String,
    /// What to write, in order.
    pub steps: Vec<Step>,
    /// How the faked kernel differs from one that grants everything.
    pub moods: Vec<Mood>,
    /// The tool runs without capabilities, so that file modes count.
    pub powerless: bool,
    /// There is no `/dev`: no `/dev/null`, no syslog.
    pub without_dev: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            release: RELEASE.into(),
            steps: Vec::new(),
            moods: Vec::new(),
            powerless: false,
            without_dev: false,
        }
    }
}

/// One thing to write below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Modules that follow go here.
    Directory(String),
    /// A module file: its path and the words that describe it.
    Module(String, Vec<Vec<u8>>),
    /// A built-in module: its path and its `key=value` strings.
    Builtin(String, Vec<Vec<u8>>),
    /// Lines of `modules.order` in place of the modules in their order.
    Order(Vec<String>),
    /// No `modules.order`, `modules.builtin` and `modules.builtin.modinfo`.
    Bare,
    /// Run depmod with these arguments.
    Depmod(Vec<String>),
    /// A file and its bytes.
    File(String, Vec<u8>),
    /// More bytes for a file.
    Append(String, Vec<u8>),
    /// A file of the case's `data` directory: where to, which.
    Data(String, String),
    /// A directory.
    Dir(String),
    /// A symbolic link: path, target.
    Link(String, String),
    /// A named pipe.
    Fifo(String),
    /// Permission bits of a path.
    Chmod(String, u32),
    /// A file cut or grown to so many bytes.
    Truncate(String, u64),
    /// A modification time, seconds since 1970.
    Touch(String, u64),
    /// A copied file: from, to.
    Copy(String, String),
    /// A file or whole directory taken away.
    Remove(String),
    /// A module in the running kernel.
    Loaded(Loaded),
}

/// A line of `/proc/modules` and its directory in `/sys/module`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The module's name.
    pub name: String,
    /// Bytes held.
    pub size: u64,
    /// References; `None`: a kernel that cannot unload.
    pub refcnt: Option<i64>,
    /// Who holds it.
    pub holders: Vec<String>,
    /// `initstate`; `None`: a directory without that file.
    pub state: Option<String>,
    /// In `/proc/modules` too.
    pub listed: bool,
}

/// One way in which the faked kernel is unwilling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mood {
    /// Loading this module fails.
    RefuseLoad(String, Errno),
    /// Loading it from its file fails, not from memory.
    RefuseFinit(String, Errno),
    /// Removing it fails, so many times (`None`: always).
    RefuseRemove(String, Errno, Option<u32>),
    /// `finit_module` is not there: ENOSYS.
    WithoutFinit,
    /// It decompresses with this algorithm.
    Compression(String),
}

impl Tree {
    /// Parses the text of a `tree` file.
    ///
    /// # Errors
    /// The first line that is no statement, with its number.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        let mut tree = Self::default();
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (line, heredoc) = match line.rsplit_once("<<") {
                Some((line, end)) if end.bytes().all(|b| b.is_ascii_uppercase()) => {
                    (line, Some(heredoc(&mut lines, end)))
                }
                _ => (line, None),
            };
            tree.statement(line, heredoc)
                .map_err(|e| Trouble(format!("tree:{}: {}: {line}", at + 1, e.0)))?;
        }
        Ok(tree)
    }

    fn statement(&mut self, line: &str, heredoc: Option<String>) -> Result<(), Trouble> {
        let mut all = words::split(line)?;
        if all.is_empty() {
            return Err(Trouble("no statement".into()));
        }
        let verb = words::text(all.remove(0))?;
        if heredoc.is_some() && verb != "file" {
            return Err(Trouble("only `file` takes lines".into()));
        }
        if matches!(verb.as_str(), "module" | "builtin") && !all.is_empty() {
            let path = words::text(all.remove(0))?;
            self.steps.push(match verb.as_str() {
                "module" => Step::Module(path, all),
                _ => Step::Builtin(path, all),
            });
            return Ok(());
        }
        if matches!(verb.as_str(), "file" | "append" | "cmdline") {
            return self.bytes_statement(&verb, all, heredoc);
        }
        let all: Vec<String> = all.into_iter().map(words::text).collect::<Result<_, _>>()?;
        let words: Vec<&str> = all.iter().map(String::as_str).collect();
        let own = |word: &str| word.to_owned();
        let step = match (verb.as_str(), words.as_slice()) {
            ("directory", [path]) => Step::Directory(own(path)),
            ("order", lines) => Step::Order(lines.iter().map(|l| own(l)).collect()),
            ("bare", []) => Step::Bare,
            ("depmod", args) => Step::Depmod(args.iter().map(|a| own(a)).collect()),
            ("data", [path, file]) => Step::Data(own(path), own(file)),
            ("dir", [path]) => Step::Dir(own(path)),
            ("link", [path, target]) => Step::Link(own(path), own(target)),
            ("fifo", [path]) => Step::Fifo(own(path)),
            ("chmod", [mode, path]) => Step::Chmod(own(path), number(mode, 8)?),
            ("truncate", [path, size]) => Step::Truncate(own(path), number(size, 10)?.into()),
            ("touch", [path, time]) => Step::Touch(own(path), number(time, 10)?.into()),
            ("copy", [from, to]) => Step::Copy(own(from), own(to)),
            ("remove", [path]) => Step::Remove(own(path)),
            ("loaded", [name, facts @ ..]) => Step::Loaded(loaded(name, facts)?),
            _ => return self.mood(&verb, &words),
        };
        self.steps.push(step);
        Ok(())
    }

    fn bytes_statement(
        &mut self,
        verb: &str,
        words: Vec<Vec<u8>>,
        heredoc: Option<String>,
    ) -> Result<(), Trouble> {
        if verb == "cmdline" {
            let line = [words.join(&b' '), b"\n".to_vec()].concat();
            self.steps.push(Step::File("proc/cmdline".into(), line));
            return Ok(());
        }
        let mut words = words.into_iter();
        let path = words::text(words.next().ok_or_else(|| Trouble("a path is missing".into()))?)?;
        let bytes = match (heredoc, words.next(), words.next()) {
            (Some(text), None, None) => text.into_bytes(),
            (None, bytes, None) => bytes.unwrap_or_default(),
            _ => return Err(Trouble("one word of bytes, or <<END".into())),
        };
        self.steps.push(match verb {
            "append" => Step::Append(path, bytes),
            _ => Step::File(path, bytes),
        });
        Ok(())
    }

    fn mood(&mut self, verb: &str, words: &[&str]) -> Result<(), Trouble> {
        let errno =
            |name: &str| calls::errno(name).ok_or_else(|| Trouble(format!("{name} is no errno")));
        match (verb, words) {
            ("kernel", [release]) => self.release = (*release).into(),
            ("powerless", []) => self.powerless = true,
            ("without", ["dev"]) => self.without_dev = true,
            ("refuse", ["load", name, why]) => {
                self.moods.push(Mood::RefuseLoad((*name).into(), errno(why)?));
            }
            ("refuse", ["finit", name, why]) => {
                self.moods.push(Mood::RefuseFinit((*name).into(), errno(why)?));
            }
            ("refuse", ["remove", name, why, times @ ..]) if times.len() < 2 => {
                let times = times.first().map(|times| number(times, 10)).transpose()?;
                self.moods.push(Mood::RefuseRemove((*name).into(), errno(why)?, times));
            }
            ("without", ["finit_module"]) => self.moods.push(Mood::WithoutFinit),
            ("compression", [name]) => {
                self.moods.push(Mood::Compression((*name).into()));
                let text = format!("{name}\n").into_bytes();
                self.steps.push(Step::File("sys/module/compression".into(), text));
            }
            _ => return Err(Trouble("no such statement".into())),
        }
        Ok(())
    }
}

fn heredoc<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, end: &str) -> String {
    lines.take_while(|(_, line)| *line != end).map(|(_, line)| format!("{line}\n")).collect()
}

fn number(text: &str, radix: u32) -> Result<u32, Trouble> {
    u32::from_str_radix(text, radix).map_err(|e| Trouble(format!("{text}: {e}")))
}

fn loaded(name: &str, facts: &[&str]) -> Result<Loaded, Trouble> {
    let mut loaded = Loaded {
        name: name.into(),
        size: 16384,
        refcnt: Some(0),
        holders: Vec::new(),
        state: Some("live".into()),
        listed: true,
    };
    let bad = |fact: &str| Trouble(format!("{fact} says nothing of a loaded module"));
    for fact in facts {
        match fact.split_once('=') {
            Some(("size", size)) => loaded.size = number(size, 10)?.into(),
            Some(("refcnt", "none")) => loaded.refcnt = None,
            Some(("refcnt", n)) => loaded.refcnt = Some(n.parse().map_err(|_| bad(fact))?),
            Some(("holders", names)) => {
                loaded.holders = names.split(',').map(Into::into).collect();
            }
            Some(("state", "none")) => loaded.state = None,
            Some(("state", state)) => loaded.state = Some(state.into()),
            None if *fact == "unlisted" => loaded.listed = false,
            _ => return Err(bad(fact)),
        }
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_become_steps_in_order() {
        let tree = Tree::parse(
            "# a comment\n\
             kernel 7.0.1\n\
             module kernel/a.ko exports=a_fn parm=\"x: a number\"\n\
             file etc/modprobe.d/x.conf <<EOF\n\
             options a x=1\n\
             # kept\n\
             EOF\n\
             \n\
             file empty\n\
             file bytes \"\\x00\\xff\"\n\
             loaded a refcnt=2 holders=b,c state=going size=9\n\
             chmod 0640 etc\n\
             cmdline quiet a.x=1\n\
             refuse remove a EAGAIN 3\n\
             powerless\n\
             without dev\n",
        )
        .unwrap();
        assert_eq!(tree.release, "7.0.1");
        assert!(tree.powerless && tree.without_dev);
        let words = vec![b"exports=a_fn".to_vec(), b"parm=x: a number".to_vec()];
        assert_eq!(tree.steps[0], Step::Module("kernel/a.ko".into(), words));
        let text = b"options a x=1\n# kept\n".to_vec();
        assert_eq!(tree.steps[1], Step::File("etc/modprobe.d/x.conf".into(), text));
        assert_eq!(tree.steps[2], Step::File("empty".into(), Vec::new()));
        assert_eq!(tree.steps[3], Step::File("bytes".into(), vec![0, 255]));
        let Step::Loaded(loaded) = &tree.steps[4] else { panic!("a loaded module") };
        assert_eq!((loaded.size, loaded.refcnt), (9, Some(2)));
        assert_eq!(loaded.holders, ["b", "c"]);
        assert_eq!(tree.steps[5], Step::Chmod("etc".into(), 0o640));
        assert_eq!(tree.steps[6], Step::File("proc/cmdline".into(), b"quiet a.x=1\n".to_vec()));
        assert_eq!(tree.moods, [Mood::RefuseRemove("a".into(), Errno::EAGAIN, Some(3))]);
    }

    #[test]
    fn what_is_no_statement_is_refused_with_its_line() {
        for bad in [
            "modul a.ko",
            "module",
            "link a",
            "chmod rw a",
            "refuse load a EWHAT",
            "refuse remove a EBUSY 1 2",
            "loaded a colour=red",
            "file a b c",
            "dir a <<EOF\nEOF",
            "file \"open",
        ] {
            let error = Tree::parse(&format!("bare\n{bad}\n")).unwrap_err();
            assert!(error.0.starts_with("tree:2: "), "{error}");
        }
    }
}
