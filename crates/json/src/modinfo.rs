use komod_elf::Signature;

use crate::Line;

/// What is known of one module.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The operand as given.
    pub query: &'a [u8],
    /// The module's name.
    pub name: &'a [u8],
    /// Its file; `None` of a built-in module without one.
    pub filename: Option<&'a [u8]>,
    /// Whether it is part of the kernel image.
    pub builtin: bool,
    /// All that it says, in its order: keys and values.
    pub fields: &'a [(&'a [u8], &'a [u8])],
    /// Its parameters, in its order.
    pub parameters: &'a [Parameter<'a>],
    /// Who signed it.
    pub signature: Option<&'a Signature>,
}

/// One parameter of a module.
#[derive(Debug, Clone, Copy)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// `parmtype`.
    pub kind: Option<&'a [u8]>,
    /// `parm`.
    pub description: Option<&'a [u8]>,
}

impl Shown<'_> {
    /// Puts all members into `line`.
    #[inline(never)] // it would be built for speed where it is called
    pub fn put(&self, line: &mut Line) {
        line.key("query").text(self.query);
        line.key("name").text(self.name);
        line.key("filename").maybe_text(self.filename);
        line.key("builtin").flag(self.builtin);
        for key in ["license", "description", "version", "srcversion", "vermagic"] {
            line.key(key).maybe_text(self.values(key).next());
        }
        for (name, key) in [
            ("authors", "author"),
            ("aliases", "alias"),
            ("firmware", "firmware"),
            ("import_ns", "import_ns"),
        ] {
            line.key(name).texts(self.values(key));
        }
        let depends = self.values("depends").flat_map(|list| list.split(|byte| *byte == b','));
        line.key("depends").texts(depends.filter(|name| !name.is_empty()));
        line.key("softdeps").array(self.values("softdep"), |line, text| {
            line.object(|line| {
                line.key("pre").texts(behind(b"pre:", text));
                line.key("post").texts(behind(b"post:", text));
            });
        });
        line.key("weakdeps").texts(self.values("weakdep").flat_map(words));
        line.key("parameters").array(self.parameters, |line, parameter| {
            line.object(|line| {
                line.key("name").text(parameter.name);
                line.key("type").maybe_text(parameter.kind);
                line.key("description").maybe_text(parameter.description);
            });
        });
        match self.signature {
            Some(signature) => line.key("signature").object(|line| put_signature(signature, line)),
            None => line.key("signature").null(),
        }
        line.key("fields").array(self.fields, |line, (key, value)| {
            line.object(|line| {
                line.key("key").text(key);
                line.key("value").text(value);
            });
        });
    }

    fn values(&self, key: &'static str) -> impl Iterator<Item = &[u8]> {
        let named = self.fields.iter().filter(move |(own, _)| *own == key.as_bytes());
        named.map(|(_, value)| *value)
    }
}

fn put_signature(signature: &Signature, line: &mut Line) {
    line.key("id").text(signature.id_type.as_bytes());
    line.key("signer").text(&signature.signer);
    line.key("key").hex(&signature.key_id);
    line.key("hash").text(&signature.hash_algo);
    line.key("signature").hex(&signature.signature);
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The words behind every `label`, up to the next one.
fn behind<'t>(label: &'t [u8], text: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
    let mut last: &[u8] = b"";
    words(text).filter(move |word| {
        if matches!(*word, b"pre:" | b"post:") {
            last = word;
            return false;
        }
        last == label
    })
}
