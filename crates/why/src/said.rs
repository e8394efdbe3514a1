//! What the kernel's log says of a module that it refused: a line, a cause.
//!
//! The words are Linux 6.12's (kernel/module, kernel/params.c, security); older and newer
//! ones that differ are not known here, and say nothing.

use komod_name::ModuleName;

use crate::Cause;

/// What a line tells, before it is put together with the module's file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// `X: version magic 'A' should be 'B'`.
    Vermagic { module: Vec<u8>, kernel: Vec<u8> },
    /// `X: disagrees about version of symbol S`.
    Version(Vec<u8>),
    /// `X: Unknown symbol S (err E)`.
    Symbol(Vec<u8>, i32),
    /// `X: module uses symbol (S) from namespace N, but does not import it.`
    Namespace { symbol: Vec<u8>, namespace: Vec<u8> },
    /// ``X: `V' invalid for parameter `P'``, or too large for it.
    Value { name: Vec<u8>, value: Vec<u8> },
    /// `X: unknown parameter 'P' ignored`.
    Parameter(Vec<u8>),
    /// `Loading of unsigned module is rejected`.
    Unsigned,
    /// The same of a module with an unavailable key.
    Key,
    /// The same of a module with unsupported crypto.
    Crypto,
    /// `Lockdown: X: unsigned module loading is restricted; ...`.
    Lockdown,
    /// `module X: .gnu.linkonce.this_module section size must match the kernel's ...`.
    Struct,
    /// A line that is a cause by itself.
    Cause(Cause),
    /// Any other line in the module's name.
    Other,
}

/// What `line` tells of the module that is called by one of `names` (its own, and its
/// file's); `None` for a line that is not about it, or not surely.
pub(crate) fn said(line: &[u8], names: &[ModuleName]) -> Option<Said> {
    if let Some(rest) = line.strip_prefix(b"Loading of ") {
        return Some(match rest.strip_suffix(b" is rejected")? {
            b"unsigned module" => Said::Unsigned,
            b"module with unavailable key" => Said::Key,
            b"module with unsupported crypto" => Said::Crypto,
            _ => return None,
        });
    }
    if line.starts_with(b"Lockdown: ") {
        return contains(line, b": unsigned module loading is restricted")
            .then_some(Said::Lockdown);
    }
    if line.starts_with(b"loadpin: ") && contains(line, b"kernel-module") {
        return contains(line, b"denied").then(|| Said::Cause(Cause::LoadPin(line.to_vec())));
    }
    if line.starts_with(b"audit: ") && contains(line, b"op=appraise_data") {
        return contains(line, b"cause=").then(|| Said::Cause(Cause::Ima(line.to_vec())));
    }
    if line == b"execmem: unable to allocate memory" {
        return Some(Said::Cause(Cause::NoMemory(line.to_vec())));
    }
    for name in names {
        let own = name.as_bytes();
        if line.strip_prefix(b"Module ").and_then(|rest| rest.strip_prefix(own))
            == Some(b" is blacklisted")
        {
            return Some(Said::Cause(Cause::KernelBlacklist { module: name.clone() }));
        }
        let line = line.strip_prefix(b"module ").unwrap_or(line);
        if let Some(text) = line.strip_prefix(own).and_then(|rest| rest.strip_prefix(b": ")) {
            return Some(of_module(text, name).unwrap_or(Said::Other));
        }
    }
    None
}

/// What stands behind the module's name.
fn of_module(text: &[u8], name: &ModuleName) -> Option<Said> {
    if let Some((module, kernel)) = between(text, b"version magic '", b"' should be '", b"'") {
        return Some(Said::Vermagic { module, kernel });
    }
    if let Some(symbol) = text.strip_prefix(b"disagrees about version of symbol ") {
        return Some(Said::Version(symbol.to_vec()));
    }
    if let Some((symbol, errno)) = between(text, b"Unknown symbol ", b" (err ", b")") {
        let errno = std::str::from_utf8(&errno).ok()?.parse::<i32>().ok()?;
        return Some(Said::Symbol(symbol, errno));
    }
    if let Some((symbol, namespace)) =
        between(text, b"module uses symbol (", b") from namespace ", b", but does not import it")
    {
        return Some(Said::Namespace { symbol, namespace });
    }
    for words in [&b"' invalid for parameter `"[..], b"' too large for parameter `"] {
        if let Some((value, name)) = between(text, b"`", words, b"'") {
            return Some(Said::Value { name, value });
        }
    }
    if let Some((parameter, _)) = between(text, b"unknown parameter '", b"'", b" ignored") {
        return Some(Said::Parameter(parameter));
    }
    if let Some((symbol, owner)) = between(text, b"exports duplicate symbol ", b" (owned by ", b")")
    {
        return Some(Said::Cause(Cause::DuplicateExport { symbol, owner }));
    }
    if let Some((module, _)) = between(text, b"gave up waiting for init of module ", b".", b"") {
        return Some(Said::Cause(Cause::WaitedInVain { module }));
    }
    if text.starts_with(b".gnu.linkonce.this_module section size must match") {
        return Some(Said::Struct);
    }
    let taken = text == b"module is already loaded";
    taken.then(|| Said::Cause(Cause::NameTaken { module: name.clone() }))
}

/// The two texts of `START a MIDDLE b END`.
fn between(text: &[u8], start: &[u8], middle: &[u8], end: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let rest = text.strip_prefix(start)?;
    let at = find(rest, middle)?;
    let second = rest.get(at.saturating_add(middle.len())..)?;
    let stop = if end.is_empty() { second.len() } else { find(second, end)? };
    Some((rest.get(..at)?.to_vec(), second.get(..stop)?.to_vec()))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    find(text, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_understood() {
        let names = [ModuleName::new(b"a")];
        let of = |line: &str| said(line.as_bytes(), &names);
        let text = |text: &str| text.as_bytes().to_vec();
        assert_eq!(
            of("a: version magic '5.1 SMP ' should be '6.1 SMP '"),
            Some(Said::Vermagic { module: text("5.1 SMP "), kernel: text("6.1 SMP ") })
        );
        assert_eq!(of("a: disagrees about version of symbol s"), Some(Said::Version(text("s"))));
        assert_eq!(of("a: Unknown symbol s (err -2)"), Some(Said::Symbol(text("s"), -2)));
        assert_eq!(
            of("a: module uses symbol (s) from namespace N, but does not import it."),
            Some(Said::Namespace { symbol: text("s"), namespace: text("N") })
        );
        let value = Said::Value { name: text("number"), value: text("abc") };
        assert_eq!(of("a: `abc' invalid for parameter `number'"), Some(value));
        assert_eq!(of("a: unknown parameter 'p' ignored"), Some(Said::Parameter(text("p"))));
        assert_eq!(of("Loading of unsigned module is rejected"), Some(Said::Unsigned));
        assert_eq!(of("Loading of module with unavailable key is rejected"), Some(Said::Key));
        let restricted = "unsigned module loading is restricted; see man kernel_lockdown.7";
        assert_eq!(of(&format!("Lockdown: insmod: {restricted}")), Some(Said::Lockdown));
        let refused =
            "loadpin: kernel-module old-api-denied obj=<unknown> pid=7 cmdline=\"insmod\"";
        assert!(matches!(of(refused), Some(Said::Cause(Cause::LoadPin(_)))));
        let ignored = "loadpin: kernel-module pinning-ignored obj=\"/a.ko\" pid=7";
        assert_eq!(of(ignored), None);
        let memory = of("execmem: unable to allocate memory");
        assert!(matches!(memory, Some(Said::Cause(Cause::NoMemory(_)))));
        assert!(matches!(of("Module a is blacklisted"), Some(Said::Cause(_))));
        assert!(matches!(of("a: exports duplicate symbol s (owned by b)"), Some(Said::Cause(_))));
        assert_eq!(of("a: the board does not answer"), Some(Said::Other));
        for other in ["b: Unknown symbol s (err -2)", "Module b is blacklisted", "ab: x", "a"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
