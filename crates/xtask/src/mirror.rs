//! Where this machine gets its packages from.
//!
//! The address of a Debian mirror is never written down in this repository:
//! it is read from apt's own configuration, in both of its formats
//! (`sources.list`(5): one-line `.list` and deb822 `.sources`).

use std::path::Path;

/// One source of packages, as apt's configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The address, with its scheme; several are separated by blanks.
    pub address: String,
    /// The value of `Signed-By`: files, or a key block of several lines as it
    /// stands in a deb822 file.
    pub signed_by: Option<String>,
}

impl Source {
    /// A deb822 file that names `suite`, component main, of this source.
    pub fn deb822(&self, suite: &str) -> String {
        let signed_by = match &self.signed_by {
            Some(value) => format!("Signed-By: {value}\n"),
            None => String::new(),
        };
        format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n{signed_by}",
            self.address
        )
    }
}

/// The source whose mirror most likely carries Debian's main archive: one
/// whose address ends in `/debian`, else the first that is not a security
/// archive. `None` if apt has no usable source below `etc_apt`.
pub fn read(etc_apt: &Path) -> Option<Source> {
    let mut files = vec![etc_apt.join("sources.list")];
    if let Ok(entries) = std::fs::read_dir(etc_apt.join("sources.list.d")) {
        let mut parts: Vec<_> = entries.flatten().map(|e| e.path()).collect();
        parts.sort();
        files.extend(parts);
    }
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|e| e.to_str()) {
            Some("list") => found.extend(text.lines().filter_map(one_line)),
            Some("sources") => found.extend(text.split("\n\n").filter_map(stanza)),
            _ => {}
        }
    }
    let main = |s: &&Source| s.address.trim_end_matches('/').ends_with("/debian");
    found.iter().find(main).or(found.first()).cloned()
}

/// A line of a `.list` file: `deb [OPTIONS] ADDRESS SUITE COMPONENT...`.
fn one_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let address = words.next()?.to_owned();
    let suite = words.next()?;
    let signed_by = options
        .split_whitespace()
        .find_map(|o| o.strip_prefix("signed-by="))
        .map(|value| value.replace(',', " "));
    usable(suite, words).then_some(Source { address, signed_by })
}

/// A stanza of a `.sources` file.
fn stanza(text: &str) -> Option<Source> {
    let field = |name: &str| field_of(text, name);
    if field("Enabled").is_some_and(|v| v.eq_ignore_ascii_case("no")) {
        return None;
    }
    if !field("Types")?.split_whitespace().any(|t| t == "deb") {
        return None;
    }
    let suites = field("Suites")?;
    let components = field("Components")?;
    let suite = suites.split_whitespace().next()?;
    let source = Source {
        address: field("URIs")?.split_whitespace().collect::<Vec<_>>().join(" "),
        signed_by: field("Signed-By"),
    };
    usable(suite, components.split_whitespace()).then_some(source)
}

/// The value of a deb822 field, with its continuation lines as they stand.
fn field_of(stanza: &str, name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in stanza.lines().filter(|l| !l.starts_with('#')) {
        match &mut value {
            Some(text) if line.starts_with([' ', '\t']) => {
                text.push('\n');
                text.push_str(line);
            }
            Some(_) => break,
            None => {
                let named = line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name));
                value = named.map(|(_, rest)| rest.trim().to_owned());
            }
        }
    }
    value
}

/// Whether a source may carry the main archive.
fn usable<'a>(suite: &str, mut components: impl Iterator<Item = &'a str>) -> bool {
    !suite.contains("security") && components.any(|c| c == "main")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_format_with_and_without_options() {
        assert_eq!(
            one_line("deb http://mirror.example/debian bookworm main contrib"),
            Some(Source { address: "http://mirror.example/debian".into(), signed_by: None })
        );
        assert_eq!(
            one_line(
                " deb [arch=amd64 signed-by=/a.gpg,/b.gpg] https://m.example/debian/ sid main"
            ),
            Some(Source {
                address: "https://m.example/debian/".into(),
                signed_by: Some("/a.gpg /b.gpg".into())
            })
        );
        for not in [
            "# deb http://m.example/debian bookworm main",
            "deb-src http://m.example/debian bookworm main",
            "deb http://m.example/tool stable tool",
            "deb http://m.example/debian-security bookworm-security main",
            "deb [arch=amd64",
            "deb",
            "",
        ] {
            assert_eq!(one_line(not), None, "{not}");
        }
    }

    #[test]
    fn deb822_stanza_with_a_key_block() {
        let text = "# a comment\nTypes: deb deb-src\nURIs: http://m.example/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main\n\
                    Signed-By:\n -----BEGIN\n .\n x\n -----END\n";
        let source = stanza(text).unwrap();
        assert_eq!(source.address, "http://m.example/debian");
        assert_eq!(source.signed_by.as_deref(), Some("\n -----BEGIN\n .\n x\n -----END"));
        assert_eq!(
            source.deb822("trixie"),
            "Types: deb\nURIs: http://m.example/debian\nSuites: trixie\nComponents: main\n\
             Signed-By: \n -----BEGIN\n .\n x\n -----END\n"
        );
        assert_eq!(stanza(&format!("Enabled: no\n{text}")), None);
    }

    #[test]
    fn the_main_archive_is_preferred() {
        let dir = std::env::temp_dir().join(format!("komod-mirror-{}", std::process::id()));
        let parts = dir.join("sources.list.d");
        std::fs::create_dir_all(&parts).unwrap();
        std::fs::write(parts.join("a.list"), "deb http://m.example/tool stable main\n").unwrap();
        std::fs::write(parts.join("a.list.disabled"), "deb http://x.example/debian s main\n")
            .unwrap();
        std::fs::write(
            parts.join("debian.sources"),
            "Types: deb\nURIs: http://m.example/debian-security\nSuites: a-security\n\
             Components: main\n\nTypes: deb\nURIs: http://m.example/debian\nSuites: a\n\
             Components: main\n",
        )
        .unwrap();
        let found = read(&dir);
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(found.unwrap().address, "http://m.example/debian");
    }
}
