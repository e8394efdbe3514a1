//! What a tool asked of the kernel: the `calls` file of a case.
//!
//! ```text
//! finit_module /lib/modules/6.1.0-test/kernel/a.ko "x=1" 0
//! finit_module /lib/modules/6.1.0-test/kernel/b.ko.xz "" COMPRESSED_FILE -> EEXIST
//! init_module kernel/c.ko "" -vermagic -modversions
//! delete_module d O_NONBLOCK|O_TRUNC -> EAGAIN
//! ```

use std::fmt;

use nix::errno::Errno;

use crate::{Trouble, words};

/// One call and its answer, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub request: Request,
    /// The refusal; `None` when the call succeeded.
    pub refused: Option<Errno>,
}

/// A module system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `finit_module`(2): path of the open file inside the root.
    Finit {
        /// The file's path inside the root.
        path: String,
        /// Module parameters.
        params: Vec<u8>,
        /// `MODULE_INIT_*` bits.
        flags: u32,
    },
    /// `init_module`(2): which of the tree's modules the image is.
    Init {
        /// Path as the tree names the module, or `?` and the length.
        image: String,
        /// Module parameters.
        params: Vec<u8>,
        /// The image's `vermagic=` was blanked.
        without_vermagic: bool,
        /// Other bytes of the image were changed: the version check was taken out.
        without_modversions: bool,
    },
    /// `delete_module`(2).
    Delete {
        /// The name asked for.
        name: Vec<u8>,
        /// `O_*` bits.
        flags: u32,
    },
}

const INIT_FLAGS: [(u32, &str); 3] =
    [(1, "IGNORE_MODVERSIONS"), (2, "IGNORE_VERMAGIC"), (4, "COMPRESSED_FILE")];
const DELETE_FLAGS: [(u32, &str); 2] = [(0o4000, "O_NONBLOCK"), (0o1000, "O_TRUNC")];

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.request {
            Request::Finit { path, params, flags } => {
                let flags = names(*flags, &INIT_FLAGS);
                write!(f, "finit_module {path} {} {flags}", words::quote(params))?;
            }
            Request::Init { image, params, without_vermagic, without_modversions } => {
                write!(f, "init_module {image} {}", words::quote(params))?;
                f.write_str(if *without_vermagic { " -vermagic" } else { "" })?;
                f.write_str(if *without_modversions { " -modversions" } else { "" })?;
            }
            Request::Delete { name, flags } => {
                let name = String::from_utf8_lossy(name);
                write!(f, "delete_module {name} {}", names(*flags, &DELETE_FLAGS))?;
            }
        }
        match self.refused {
            Some(errno) => write!(f, " -> {errno:?}"),
            None => Ok(()),
        }
    }
}

/// The calls of a `calls` file; `#` begins a comment line.
///
/// # Errors
/// The first line that is no call.
pub fn parse(text: &str) -> Result<Vec<Call>, Trouble> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|(at, line)| {
            let bad = || Trouble(format!("calls:{}: no call: {line}", at + 1));
            parse_line(line).and_then(|call| call.ok_or_else(bad))
        })
        .collect()
}

/// The text that [`parse`] reads back.
pub fn format(calls: &[Call]) -> String {
    calls.iter().map(|call| format!("{call}\n")).collect()
}

fn parse_line(line: &str) -> Result<Option<Call>, Trouble> {
    let mut words = words::split(line)?;
    let mut refused = None;
    if words.len() > 2 && words[words.len() - 2] == b"->" {
        let name = words.pop().and_then(|name| words::text(name).ok()).unwrap_or_default();
        words.pop();
        match errno(&name) {
            None => return Ok(None),
            known => refused = known,
        }
    }
    Ok(request(words).map(|request| Call { request, refused }))
}

fn request(words: Vec<Vec<u8>>) -> Option<Request> {
    let text = |word: &[u8]| String::from_utf8(word.to_vec()).ok();
    let (call, rest) = words.split_first()?;
    Some(match (call.as_slice(), rest) {
        (b"finit_module", [path, params, flags]) => Request::Finit {
            path: text(path)?,
            params: params.clone(),
            flags: bits(&text(flags)?, &INIT_FLAGS)?,
        },
        (b"init_module", [image, params, changes @ ..]) => {
            let known = |change: &Vec<u8>| change == b"-vermagic" || change == b"-modversions";
            if !changes.iter().all(known) {
                return None;
            }
            Request::Init {
                image: text(image)?,
                params: params.clone(),
                without_vermagic: changes.iter().any(|c| c == b"-vermagic"),
                without_modversions: changes.iter().any(|c| c == b"-modversions"),
            }
        }
        (b"delete_module", [name, flags]) => {
            Request::Delete { name: name.clone(), flags: bits(&text(flags)?, &DELETE_FLAGS)? }
        }
        _ => return None,
    })
}

/// The errno of that name (`EEXIST`); `None` for any other word.
pub fn errno(name: &str) -> Option<Errno> {
    (1..134).map(Errno::from_raw).find(|e| *e != Errno::UnknownErrno && format!("{e:?}") == name)
}

fn names(flags: u32, table: &[(u32, &str)]) -> String {
    let mut names: Vec<String> = table
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, name)| name.to_string())
        .collect();
    let rest = table.iter().fold(flags, |rest, (bit, _)| rest & !bit);
    if rest != 0 || names.is_empty() {
        names.push(if rest == 0 { "0".into() } else { format!("{rest:#x}") });
    }
    names.join("|")
}

fn bits(text: &str, table: &[(u32, &str)]) -> Option<u32> {
    text.split('|').try_fold(0, |bits, name| {
        let known = table.iter().find(|(_, known)| *known == name).map(|(bit, _)| *bit);
        let bit = match name.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None if name == "0" => Some(0),
            None => known,
        };
        Some(bits | bit?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_call_survives_writing_and_reading() {
        let text = "finit_module /lib/a.ko \"x=1 y=\\\"b c\\\"\" 0\n\
                    finit_module /lib/b.ko.xz \"\" IGNORE_MODVERSIONS|COMPRESSED_FILE -> EEXIST\n\
                    init_module kernel/c.ko \"\" -vermagic -modversions -> ENOEXEC\n\
                    delete_module d O_NONBLOCK|O_TRUNC -> EAGAIN\n\
                    delete_module e 0x10\n";
        let calls = parse(text).unwrap();
        assert_eq!(format(&calls), text);
        assert_eq!(
            calls[0].request,
            Request::Finit {
                path: "/lib/a.ko".into(),
                params: b"x=1 y=\"b c\"".to_vec(),
                flags: 0
            }
        );
        assert_eq!(calls[1].refused, Some(Errno::EEXIST));
        let Request::Init { without_vermagic, without_modversions, .. } = calls[2].request else {
            panic!("third line is an init_module");
        };
        assert!(without_vermagic && without_modversions);
        let Request::Delete { flags, .. } = calls[3].request else { panic!("a delete_module") };
        assert_eq!(flags, 0o5000);
    }

    #[test]
    fn what_is_no_call_is_refused_with_its_line() {
        for bad in [
            "finit a \"\" 0",
            "finit_module a \"\"",
            "finit_module a \"\" FAST",
            "init_module a \"\" -speed",
            "delete_module a",
            "delete_module a O_NONBLOCK -> EWHATEVER",
        ] {
            let error = parse(&format!("# comment\n\n{bad}\n")).unwrap_err();
            assert!(error.0.starts_with("calls:3: "), "{error}");
        }
    }
}
