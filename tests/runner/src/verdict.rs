//! Expected and found, side by side.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::calls;
use crate::case::{Expected, hex};
use crate::sandbox::Outcome;
use crate::{Case, Trouble};

/// Everything in which an outcome (and the root it left) differs from what was
/// expected; empty when nothing does.
///
/// # Errors
/// A file below the root that is there and cannot be read.
pub fn differences(expected: &Expected, found: &Outcome, root: &Path) -> Result<String, Trouble> {
    let mut report = String::new();
    let mut check = |what: &str, expected: &[u8], found: &[u8]| {
        if expected != found {
            let _ = write!(report, "{}", side_by_side(what, expected, found));
        }
    };
    check("stdout", &expected.stdout, &found.stdout);
    let (hints, stderr) = apart(&found.stderr);
    check("stderr", &expected.stderr, &stderr);
    check("hints", &expected.hints, &hints);
    check("syslog", &expected.syslog, &found.syslog);
    let (wanted, got) = (expected.status.to_string(), found.status.to_string());
    check("status", wanted.as_bytes(), got.as_bytes());
    let (wanted, got) = (calls::format(&expected.calls), calls::format(&found.calls));
    check("calls", wanted.as_bytes(), got.as_bytes());
    for (path, bytes) in &expected.files {
        let file = root.join(path);
        match fs::read(&file) {
            Ok(found) => check(path, bytes, &found),
            Err(error) => check(path, bytes, format!("({error})").as_bytes()),
        }
    }
    for path in &expected.absent {
        if fs::symlink_metadata(root.join(path.trim_start_matches('/'))).is_ok() {
            check(path, b"(absent)", b"(there)");
        }
    }
    Ok(report)
}

/// The lines `TOOL: HINT: TEXT` of a text, and the others.
pub(crate) fn apart(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let is_hint = |line: &[u8]| {
        let at = line.windows(HINT.len()).position(|window| window == HINT);
        at.and_then(|at| line.get(..at)).is_some_and(|tool| tool.iter().all(u8::is_ascii_lowercase))
    };
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let (hints, others): (Vec<_>, Vec<_>) = lines.partition(|line| is_hint(line));
    (hints.concat(), others.concat())
}

const HINT: &[u8] = b": HINT: ";

/// Writes the hints that komod gave into the case's file of them.
///
/// # Errors
/// A file that cannot be written.
pub fn record_hints(case: &Case, found: &Outcome) -> Result<(), Trouble> {
    let (hints, _) = apart(&found.stderr);
    keep(&case.dir.join("hints"), &hints, !hints.is_empty())
}

fn side_by_side(what: &str, expected: &[u8], found: &[u8]) -> String {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => {
            let open =
                if text.is_empty() || text.ends_with('\n') { "" } else { "\n    (no newline)" };
            let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
            lines.join("\n") + open
        }
        _ => format!("    {}", bytes.escape_ascii()),
    };
    format!("  {what}: expected\n{}\n  {what}: found\n{}\n", text(expected), text(found))
}

/// Writes what an original did into the case's files.
///
/// # Errors
/// A file that cannot be written, or an outcome for komod.
pub fn record(case: &Case, found: &Outcome, root: &Path) -> Result<(), Trouble> {
    let dir = match case.why {
        Some(_) => case.dir.join("original"),
        None => case.dir.clone(),
    };
    fs::create_dir_all(&dir).map_err(Trouble::io(&dir))?;
    let calls = calls::format(&found.calls).into_bytes();
    let status = format!("{}\n", found.status).into_bytes();
    let base = case.why.as_ref().map(|_| &case.expected);
    let files = [
        ("stdout", &found.stdout, base.map(|b| b.stdout.clone())),
        ("stderr", &found.stderr, base.map(|b| b.stderr.clone())),
        ("syslog", &found.syslog, base.map(|b| b.syslog.clone())),
        ("calls", &calls, base.map(|b| calls::format(&b.calls).into_bytes())),
    ];
    for (name, bytes, ours) in files {
        // what komod does too is not written twice, what is empty not at all
        keep(&dir.join(name), bytes, *bytes != ours.unwrap_or_default())?;
    }
    keep(&dir.join("status"), &status, true)?;
    let mut absent = String::new();
    for path in case.expected.files.keys() {
        let file = root.join(path);
        if base.is_some() && !file.exists() {
            absent.push_str(&format!("/{path}\n"));
            continue;
        }
        let mut bytes = fs::read(&file).map_err(Trouble::io(&file))?;
        let wanted = base.is_none_or(|base| base.files.get(path) != Some(&bytes));
        let mut name = path.clone();
        let spelt = case.dir.join(format!("files/{path}.hex")).exists();
        if spelt || std::str::from_utf8(&bytes).is_err() {
            bytes = hex(&bytes).into_bytes();
            name.push_str(".hex");
        }
        keep(&dir.join("files").join(name), &bytes, wanted)?;
    }
    if base.is_some() {
        keep(&dir.join("absent"), absent.as_bytes(), !absent.is_empty())?;
    }
    Ok(())
}

fn keep(file: &Path, bytes: &[u8], wanted: bool) -> Result<(), Trouble> {
    if wanted {
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(Trouble::io(parent))?;
        }
        return fs::write(file, bytes).map_err(Trouble::io(file));
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Trouble::io(file)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(change: impl FnOnce(&mut Outcome)) -> String {
        let expected = Expected {
            stdout: b"a\n".to_vec(),
            absent: vec!["/gone".into()],
            files: [("kept".to_owned(), b"k".to_vec())].into(),
            ..Default::default()
        };
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("kept"), "k").unwrap();
        let mut found = Outcome { stdout: b"a\n".to_vec(), ..Default::default() };
        change(&mut found);
        differences(&expected, &found, root.path()).unwrap()
    }

    #[test]
    fn only_what_differs_is_reported() {
        assert_eq!(report(|_| {}), "");
        assert!(report(|found| found.status = 1).starts_with("  status: expected\n    0"));
        assert!(report(|found| found.stdout.push(b'b')).contains("(no newline)"));
        let call = calls::parse("delete_module a 0\n").unwrap();
        assert!(report(|found| found.calls = call).contains("delete_module a 0"));
        let hint = b"modprobe: HINT: so\n".to_vec();
        assert!(report(|found| found.stderr = hint).contains("hints: found\n    modprobe: HINT"));
        assert!(report(|found| found.stderr = b"a b: HINT: so\n".to_vec()).contains("stderr: f"));
        assert!(report(|found| found.stderr = vec![0, 255]).contains("\\x00\\xff"));
    }

    #[test]
    fn files_are_compared_and_absent_ones_missed() {
        let expected = Expected {
            files: [("a".to_owned(), b"x".to_vec())].into(),
            absent: vec!["b".into()],
            ..Default::default()
        };
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("b"), "").unwrap();
        let report = differences(&expected, &Outcome::default(), root.path()).unwrap();
        assert!(report.contains("a: expected\n    x"), "{report}");
        assert!(report.contains("b: expected\n    (absent)"), "{report}");
    }
}
