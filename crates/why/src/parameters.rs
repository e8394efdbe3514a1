//! What a module says of its parameters, and what it is given.

use komod_elf::Module;
use komod_name::ModuleName;

use crate::nearest::nearest;
use crate::{Cause, Finding};

/// A parameter of a module, as its `.modinfo` tells (`parmtype=NAME:TYPE`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; the kernel takes `-` for `_`.
    pub name: Vec<u8>,
    /// Its type, `int`, `charp`, `array of uint`; empty if only a description is there.
    pub kind: Vec<u8>,
}

/// The parameters of a module. Those that the module reads in a way of
/// its own may be missing.
pub fn of_module(module: &Module<'_>) -> Vec<Parameter> {
    let mut found: Vec<Parameter> = Vec::new();
    let Some(strings) = module.modinfo_strings() else { return found };
    for string in strings {
        let kind = string.strip_prefix(b"parmtype=");
        let Some(text) = kind.or_else(|| string.strip_prefix(b"parm=")) else { continue };
        let mut parts = text.splitn(2, |&byte| byte == b':');
        let (Some(name), Some(rest)) = (parts.next(), parts.next()) else { continue };
        let kind = if kind.is_some() { rest } else { b"" };
        match found.iter_mut().find(|known| known.name == name) {
            Some(known) if known.kind.is_empty() => known.kind = kind.to_vec(),
            Some(_) => {}
            None => found.push(Parameter { name: name.to_vec(), kind: kind.to_vec() }),
        }
    }
    found
}

/// One `NAME[=VALUE]` of a text of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// `_` for `-`.
    pub name: Vec<u8>,
    /// Without its quotes; `None` without a `=`.
    pub value: Option<Vec<u8>>,
}

/// Takes a text of parameters apart as the kernel does (kernel/params.c): words between
/// blanks that are not quoted; what stands behind a word `--` is none.
pub fn given(text: &[u8]) -> Vec<Given> {
    let mut quoted = false;
    let words = text.split(move |&byte| {
        quoted ^= byte == b'"';
        !quoted && byte.is_ascii_whitespace()
    });
    let words = words.filter(|word| !word.is_empty()).take_while(|word| *word != b"--");
    words
        .map(|word| {
            let plain: Vec<u8> = word.iter().copied().filter(|&byte| byte != b'"').collect();
            let mut parts = plain.splitn(2, |&byte| byte == b'=');
            let name = parts.next().unwrap_or_default();
            Given {
                name: name.iter().map(|&b| if b == b'-' { b'_' } else { b }).collect(),
                value: parts.next().map(<[u8]>::to_vec),
            }
        })
        .collect()
}

/// Whether the kernel takes `value` for a parameter of that type, as far as the type
/// tells: `None` for types with rules of their own.
pub fn fits(kind: &[u8], value: Option<&[u8]>) -> Option<bool> {
    let (bits, signed): (u32, bool) = match kind {
        b"bool" | b"invbool" | b"bint" => {
            let Some(value) = value else { return Some(true) };
            // kstrtobool: the first letter decides, but for `on` and `off`.
            let (plain, long): (&[u8], &[u8]) = (b"yYtT1nNfF0", b"oO");
            return Some(match value {
                [first, second, ..] if long.contains(first) => b"nNfF".contains(second),
                [first, ..] => plain.contains(first),
                [] => false,
            });
        }
        b"byte" => (8, false),
        b"short" => (16, true),
        b"ushort" | b"hexint16" => (16, false),
        b"int" => (32, true),
        b"uint" | b"hexint" => (32, false),
        b"long" | b"ullong" | b"ulong" => (64, kind == b"long"),
        b"charp" => return Some(value.is_some()),
        _ => return None,
    };
    let Some(value) = value else { return Some(false) };
    let number = number(value.strip_suffix(b"\n").unwrap_or(value));
    Some(number.is_some_and(|number| {
        let top = 1_i128 << bits.saturating_sub(signed.into());
        number < top && number >= if signed { 0_i128.saturating_sub(top) } else { 0 }
    }))
}

/// A number as `kstrtoull` with base 0 reads it, with a sign.
fn number(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, base) = match (hexadecimal, digits.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        _ => (digits, 10),
    };
    // A second sign is none.
    let digits = Some(digits).filter(|digits| !digits.starts_with(['+', '-']))?;
    let number = i128::from(u64::from_str_radix(digits, base).ok()?);
    Some(if negative { number.saturating_neg() } else { number })
}

/// The kernel's own, for every module.
pub(crate) const EVERY_MODULES: [&[u8]; 2] = [b"dyndbg", b"async_probe"];

/// That a module of these parameters has none of that name, which its own code may know
/// better; `None` for those of every module.
pub(crate) fn unknown(module: ModuleName, name: Vec<u8>, known: &[Parameter]) -> Option<Finding> {
    let nearest = nearest(&name, known.iter().map(|known| known.name.as_slice()));
    let is_own = EVERY_MODULES.contains(&name.as_slice());
    let cause = Cause::ParameterUnknown { module, name, nearest };
    (!is_own).then(|| Finding::probably(cause, "only its own code knows for sure"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::ModuleSpec;

    #[test]
    fn parameters_are_read_with_their_types() {
        let file = ModuleSpec::new("a")
            .modinfo("parm", "b:a number")
            .modinfo("parmtype", "b:int")
            .modinfo("parm", "c:without a type")
            .modinfo("parmtype", "a:charp")
            .build();
        let found = of_module(&Module::parse(&file).unwrap());
        let found: Vec<(&[u8], &[u8])> =
            found.iter().map(|one| (one.name.as_slice(), one.kind.as_slice())).collect();
        assert_eq!(found, [(&b"b"[..], &b"int"[..]), (b"c", b""), (b"a", b"charp")]);
    }

    #[test]
    fn a_text_is_taken_apart_as_the_kernel_does() {
        let found = given(b"a-b=1  c=\"x y\" \"d=1 2\" e -- f=1");
        let shown: Vec<(&[u8], Option<&[u8]>)> =
            found.iter().map(|one| (one.name.as_slice(), one.value.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (&b"a_b"[..], Some(&b"1"[..])),
                (b"c", Some(b"x y")),
                (b"d", Some(b"1 2")),
                (b"e", None)
            ]
        );
    }

    #[test]
    fn values_fit_their_types_or_do_not() {
        for (kind, value, fit) in [
            ("int", "abc", Some(false)),
            ("int", "12", Some(true)),
            ("int", "-0x10", Some(true)),
            ("int", "2147483648", Some(false)),
            ("uint", "-1", Some(false)),
            ("byte", "256", Some(false)),
            ("byte", "0377", Some(true)),
            ("ulong", "18446744073709551615", Some(true)),
            ("ulong", "18446744073709551616", Some(false)),
            ("int", "1 ", Some(false)),
            ("int", "", Some(false)),
            ("bool", "maybe", Some(false)),
            ("bool", "on", Some(true)),
            ("charp", "", Some(true)),
            ("array of int", "x", None),
        ] {
            assert_eq!(fits(kind.as_bytes(), Some(value.as_bytes())), fit, "{kind} {value:?}");
        }
        assert_eq!(fits(b"bool", None), Some(true));
        assert_eq!(fits(b"int", None), Some(false));
    }
}
