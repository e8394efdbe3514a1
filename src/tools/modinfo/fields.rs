//! What a module says, field by field, and as lines.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// One thing that a module says.
pub(super) struct Field<'a> {
    pub(super) key: Cow<'a, [u8]>,
    pub(super) value: Cow<'a, [u8]>,
}

impl<'a> Field<'a> {
    /// `KEY=VALUE`; without `=` the value is empty.
    pub(super) fn of(string: &'a [u8]) -> Self {
        let at = string.iter().position(|byte| *byte == b'=').unwrap_or(string.len());
        let (key, rest) = string.split_at(at);
        Self { key: key.into(), value: rest.get(1..).unwrap_or_default().into() }
    }

    /// One that outlives the bytes it was made of.
    pub(super) fn owned(self) -> Field<'static> {
        Field { key: self.key.into_owned().into(), value: self.value.into_owned().into() }
    }
}

/// A module parameter, of `parm=NAME:DESCRIPTION` and `parmtype=NAME:TYPE`.
pub(super) struct Parameter {
    pub(super) name: Vec<u8>,
    pub(super) description: Option<Vec<u8>>,
    pub(super) kind: Option<Vec<u8>>,
}

impl Parameter {
    /// As in the list of all fields; `None` if it has neither part.
    pub(super) fn in_full(&self) -> Option<Vec<u8>> {
        let name = self.name.as_slice();
        match (&self.description, &self.kind) {
            (Some(text), Some(kind)) => Some([name, b":", text, b" (", kind, b")"].concat()),
            (Some(text), None) | (None, Some(text)) => Some([name, b":", text].concat()),
            (None, None) => None,
        }
    }

    /// As when only parameters are asked for.
    pub(super) fn alone(&self) -> Vec<u8> {
        let text = self.description.as_deref().unwrap_or_default();
        match &self.kind {
            Some(kind) => [&self.name, &b":"[..], text, b" (", kind, b")"].concat(),
            None => [&self.name, &b":"[..], text].concat(),
        }
    }
}

/// The parameters, the first named comes last; and the `KEY=VALUE` of fields that
/// name none. A later description or type takes the place of an earlier one.
pub(super) fn named_parameters(fields: &[Field<'_>]) -> (Vec<Parameter>, Vec<Vec<u8>>) {
    let (mut parameters, mut nameless) = (Vec::<Parameter>::new(), Vec::new());
    // A module may name a million.
    let mut places = BTreeMap::new();
    let is_parameter = |field: &&Field<'_>| matches!(&*field.key, b"parm" | b"parmtype");
    for field in fields.iter().filter(is_parameter) {
        let Some(colon) = field.value.iter().position(|byte| *byte == b':') else {
            nameless.push([&*field.key, b"=", &*field.value].concat());
            continue;
        };
        let (name, text) = field.value.split_at(colon);
        let at = *places.entry(name).or_insert_with(|| {
            let name = name.to_vec();
            parameters.push(Parameter { name, description: None, kind: None });
            parameters.len().saturating_sub(1)
        });
        if let Some(parameter) = parameters.get_mut(at) {
            let Parameter { description, kind, .. } = parameter;
            let part = if *field.key == *b"parm" { description } else { kind };
            *part = Some(text.get(1..).unwrap_or_default().to_vec());
        }
    }
    parameters.reverse();
    (parameters, nameless)
}

/// All fields but the parameters, for people or (`end` is NUL) for programs.
pub(super) fn show_fields(out: &mut dyn Write, fields: &[Field<'_>], end: u8) -> io::Result<()> {
    for Field { key, value } in fields {
        match (&**key, end) {
            (b"parm" | b"parmtype", _) => {}
            (key, 0) => {
                for part in [key, b"=", value, b"\0"] {
                    out.write_all(part)?;
                }
            }
            (key, end) => line(out, key, value, end)?,
        }
    }
    Ok(())
}

/// One line for people.
pub(super) fn line(out: &mut dyn Write, key: &[u8], value: &[u8], end: u8) -> io::Result<()> {
    const COLUMN: &[u8; 16] = b":               ";
    out.write_all(key)?;
    let padding = COLUMN.len().saturating_sub(key.len());
    out.write_all(COLUMN.get(..padding.max(1)).unwrap_or_default())?;
    out.write_all(value)?;
    out.write_all(&[end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_fixtures::within_a_second;

    fn fields<'a>(strings: &[&'a str]) -> Vec<Field<'a>> {
        strings.iter().map(|string| Field::of(string.as_bytes())).collect()
    }

    #[test]
    fn many_parameters_take_no_longer_each() {
        let strings: Vec<String> = (0..50_000).map(|n| format!("parm=p{n}:text")).collect();
        let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
        let fields = fields(&strings);
        let named = within_a_second("naming", || named_parameters(&fields).0.len());
        assert_eq!(named, 50_000);
    }

    fn shown(strings: &[&str], end: u8) -> String {
        let mut out = Vec::new();
        show_fields(&mut out, &fields(strings), end).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn named(strings: &[&str], render: fn(&Parameter) -> Vec<u8>) -> Vec<String> {
        let (parameters, _) = named_parameters(&fields(strings));
        parameters.iter().map(|p| String::from_utf8(render(p)).unwrap()).collect()
    }

    #[test]
    fn values_begin_at_a_column_until_the_key_is_too_long() {
        let strings = ["license=GPL", "fourteen_bytes=1", "fifteen_bytes__=2", "bare", "=x"];
        assert_eq!(
            shown(&strings, b'\n'),
            "license:        GPL\nfourteen_bytes: 1\nfifteen_bytes__:2\n\
             bare:           \n:               x\n"
        );
        assert_eq!(shown(&["license=GPL", "parm=a:b", "a=b=c"], 0), "license=GPL\0a=b=c\0");
    }

    #[test]
    fn parameters_go_backwards() {
        let strings = ["parm=a:A", "parmtype=b:int", "license=GPL", "parm=b:B", "parmtype=c:bool"];
        let full = |parameter: &Parameter| parameter.in_full().unwrap();
        assert_eq!(named(&strings, full), ["c:bool", "b:B (int)", "a:A"]);
        assert_eq!(named(&strings, Parameter::alone), ["c: (bool)", "b:B (int)", "a:A"]);
    }

    #[test]
    fn later_parts_of_a_parameter_replace_earlier_ones() {
        let strings = ["parm=a:1", "parm=b:2", "parm=a:3"];
        assert_eq!(named(&strings, Parameter::alone), ["b:2", "a:3"]);
    }

    #[test]
    fn parameter_without_colon_has_no_name() {
        let (parameters, nameless) =
            named_parameters(&fields(&["parm=xyz", "parmtype", "parm=:b"]));
        assert_eq!(parameters.len(), 1);
        assert_eq!(nameless, [&b"parm=xyz"[..], b"parmtype="]);
    }
}
