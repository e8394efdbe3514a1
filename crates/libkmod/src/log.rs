//! Messages of one context: who gets them, and which.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

/// Somebody who wants to hear messages.
pub trait Listener {
    /// A message of this priority (`syslog`(3)) about what `function` does. `text` ends
    /// with a newline.
    fn hear(&self, priority: i32, function: &str, text: &str);
}

/// Where messages go.
#[derive(Clone)]
pub enum Sink {
    /// `libkmod: ERROR: FUNCTION: TEXT` to standard error.
    Stderr,
    /// Nowhere.
    Nobody,
    /// To who was named.
    Listener(Rc<dyn Listener>),
}

/// The messages of one context.
pub struct Log {
    priority: Cell<i32>,
    sink: RefCell<Sink>,
}

/// The priority of errors.
pub(crate) const ERROR: i32 = 3;
/// The priority of what may interest somebody.
pub(crate) const INFO: i32 = 6;

const NAMES: [&str; 8] =
    ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

impl Log {
    /// To standard error, up to what `KMOD_LOG` says (a number, `err`, `info`, `debug`,
    /// or else nothing), errors without it. A program with more rights than its caller
    /// does not ask the environment.
    pub fn of_process() -> Self {
        use nix::unistd::{getegid, geteuid, getgid, getuid};
        let trusted = getuid() == geteuid() && getgid() == getegid();
        let wish = std::env::var_os("KMOD_LOG").filter(|_| trusted);
        let priority = wish.map_or(ERROR, |wish| priority_of(wish.as_bytes()));
        Self { priority: Cell::new(priority), sink: RefCell::new(Sink::Stderr) }
    }

    /// The highest number that is still told.
    pub fn priority(&self) -> i32 {
        self.priority.get()
    }

    /// Messages past `priority` are dropped from now on.
    pub fn set_priority(&self, priority: i32) {
        self.priority.set(priority);
    }

    /// Messages go there from now on.
    pub fn set_sink(&self, sink: Sink) {
        self.sink.replace(sink);
    }

    /// Tells of an error.
    pub(crate) fn error(&self, function: &str, text: impl fmt::Display) {
        self.say(ERROR, function, text);
    }

    /// Says it, if that is wanted. The sink may use the context meanwhile, and be
    /// replaced.
    pub(crate) fn say(&self, priority: i32, function: &str, text: impl fmt::Display) {
        if priority > self.priority.get() {
            return;
        }
        let sink = self.sink.borrow().clone();
        match sink {
            Sink::Nobody => {}
            Sink::Listener(listener) => listener.hear(priority, function, &format!("{text}\n")),
            Sink::Stderr => {
                let known = usize::try_from(priority).ok().and_then(|at| NAMES.get(at));
                let name = known.map_or_else(|| format!("L:{priority}"), |&name| name.to_owned());
                let line = format!("libkmod: {name}: {function}: {text}\n");
                // Without the lock that Rust's standard error has: another thread may hold
                // it while this process forks. What cannot be written is lost.
                let _ = nix::unistd::write(std::io::stderr().as_fd(), line.as_bytes());
            }
        }
    }
}

fn priority_of(wish: &[u8]) -> i32 {
    let words: [(&[u8], i32); 3] = [(b"err", ERROR), (b"info", INFO), (b"debug", 7)];
    let number = || std::str::from_utf8(wish).ok()?.trim().parse().ok();
    let word = || words.iter().find(|(word, _)| wish.starts_with(word)).map(|(_, it)| *it);
    number().or_else(word).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ear(RefCell<Vec<String>>);

    impl Listener for Ear {
        fn hear(&self, priority: i32, function: &str, text: &str) {
            self.0.borrow_mut().push(format!("{priority} {function} {text}"));
        }
    }

    #[test]
    fn only_what_is_wanted_is_told_and_nobody_may_listen() {
        let log = Log { priority: Cell::new(ERROR), sink: RefCell::new(Sink::Nobody) };
        let ear = Rc::new(Ear(RefCell::default()));
        log.error("f", "lost");
        log.set_sink(Sink::Listener(ear.clone()));
        log.error("f", "one");
        log.say(INFO, "f", "two");
        log.set_priority(INFO);
        log.say(INFO, "g", "three");
        assert_eq!(*ear.0.borrow(), ["3 f one\n", "6 g three\n"]);
    }

    #[test]
    fn the_variable_is_a_number_or_a_word() {
        for (wish, priority) in
            [("7", 7), ("-1", -1), ("error", 3), ("info", 6), ("debug", 7), ("loud", 0), ("", 0)]
        {
            assert_eq!(priority_of(wish.as_bytes()), priority, "{wish}");
        }
    }
}
