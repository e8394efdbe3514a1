//! Slow and simple models, written apart from the crates: what an index answers,
//! and what a glob matches.

/// Whether `pattern` matches the whole of `text` as `fnmatch`(3) does without
/// flags, in the C locale: every way is tried, and each at most once.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let pieces = pieces(pattern);
    // Whether the pieces so far match the text up to there.
    let mut now = vec![false; text.len() + 1];
    now[0] = true;
    for piece in &pieces {
        if !now.contains(&true) {
            return false;
        }
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match piece {
                Piece::Anything => now[..=at].contains(&true),
                Piece::Byte(byte) => at > 0 && now[at - 1] && text[at - 1] == *byte,
                Piece::One(set) => at > 0 && now[at - 1] && set[usize::from(text[at - 1])],
            };
        }
        now = next;
    }
    now[text.len()]
}

enum Piece {
    /// `*`
    Anything,
    /// This one.
    Byte(u8),
    /// One byte of these.
    One(Box<[bool; 256]>),
}

fn pieces(pattern: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        let byte = pattern[at];
        at += 1;
        pieces.push(match byte {
            b'*' => Piece::Anything,
            b'?' => Piece::One(set(|_| true)),
            b'\\' => {
                at += 1;
                pattern.get(at - 1).map_or(Piece::One(set(|_| false)), |b| Piece::Byte(*b))
            }
            b'[' => match bracket(&pattern[at..]) {
                Some((used, members)) => {
                    at += used;
                    Piece::One(members)
                }
                None => Piece::Byte(b'['),
            },
            literal => Piece::Byte(literal),
        });
    }
    pieces
}

fn set(holds: impl Fn(u8) -> bool) -> Box<[bool; 256]> {
    Box::new(std::array::from_fn(|byte| u8::try_from(byte).is_ok_and(&holds)))
}

/// What follows a `[`: how long it is and the bytes it stands for. `None` where it
/// is no bracket expression. glibc gives up at a class that nobody knows: only what
/// stands before it matches, and nothing where the expression is negated.
fn bracket(text: &[u8]) -> Option<(usize, Box<[bool; 256]>)> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let begin = usize::from(negated);
    let mut at = begin;
    let mut parts: Vec<Box<dyn Fn(u8) -> bool>> = Vec::new();
    let mut given_up = false;
    while at == begin || *text.get(at)? != b']' {
        let part: Box<dyn Fn(u8) -> bool> = match class_name(&text[at..]) {
            Some(name) => {
                at += name.len() + 4;
                given_up |= class(name).is_none();
                Box::new(move |b| class(name).is_some_and(|class| class(b)))
            }
            None => {
                let low = escaped(text, &mut at)?;
                let mut high = low;
                if text.get(at) == Some(&b'-') && *text.get(at + 1)? != b']' {
                    at += 1;
                    high = escaped(text, &mut at)?;
                }
                Box::new(move |b| (low..=high).contains(&b))
            }
        };
        if !given_up {
            parts.push(part);
        }
    }
    let is_member = |b| parts.iter().any(|part| part(b));
    let holds = |b| if given_up && negated { false } else { is_member(b) != negated };
    Some((at + 1, set(holds)))
}

/// The name in `[:NAME:]` at the start of `text`: small letters.
fn class_name(text: &[u8]) -> Option<&[u8]> {
    let name = text.strip_prefix(b"[:")?;
    let letters = name.iter().take_while(|b| b.is_ascii_lowercase()).count();
    name[letters..].starts_with(b":]").then_some(&name[..letters])
}

/// A byte of a bracket expression, a backslash before it passed over where one
/// follows.
fn escaped(text: &[u8], at: &mut usize) -> Option<u8> {
    if text.get(*at) == Some(&b'\\') && text.get(*at + 1).is_some() {
        *at += 1;
    }
    *at += 1;
    text.get(*at - 1).copied()
}

/// The class of that name in the C locale.
fn class(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |b| b.is_ascii_alphanumeric(),
        b"alpha" => |b| b.is_ascii_alphabetic(),
        b"blank" => |b| b == b' ' || b == b'\t',
        b"cntrl" => |b| b.is_ascii_control(),
        b"digit" => |b| b.is_ascii_digit(),
        b"graph" => |b| b.is_ascii_graphic(),
        b"lower" => |b| b.is_ascii_lowercase(),
        b"print" => |b| (0x20..0x7f).contains(&b),
        b"punct" => |b| b.is_ascii_punctuation(),
        b"space" => |b| b == b' ' || (9..=13).contains(&b),
        b"upper" => |b| b.is_ascii_uppercase(),
        b"xdigit" => |b| b.is_ascii_hexdigit(),
        _ => return None,
    })
}

/// A key of an index with one of its values, in the order of insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) priority: u32,
}

/// An index that knows no trie: a sorted list, searched from end to end.
#[derive(Debug)]
pub(crate) struct List(Vec<Entry>);

/// Where the part of a stored key begins that is a pattern.
fn wild(key: &[u8]) -> Option<usize> {
    key.iter().position(|byte| b"*?[".contains(byte))
}

impl List {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        // Of equal priorities the last inserted comes first.
        let mut stored: Vec<_> = entries.iter().rev().cloned().collect();
        stored.sort_by(|a, b| (&a.key, a.priority).cmp(&(&b.key, b.priority)));
        Self(stored)
    }

    /// All in the order of the file.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    pub(crate) fn find(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_slice())
    }

    /// Whether a stored key matches: literally up to its first wildcard.
    pub(crate) fn matches(key: &[u8], question: &[u8]) -> bool {
        let (literal, pattern) = key.split_at(wild(key).unwrap_or(key.len()));
        question.strip_prefix(literal).is_some_and(|rest| matches(pattern, rest))
    }

    /// What matches a question that has no wildcard characters, in the order of the
    /// answer.
    pub(crate) fn find_matching(&self, question: &[u8]) -> Vec<&Entry> {
        let mut found: Vec<_> =
            self.0.iter().filter(|entry| Self::matches(&entry.key, question)).collect();
        // As it is come upon: at its first wildcard, the earlier the nearer to the root,
        // and there behind all keys that go on.
        found.sort_by_key(|entry| {
            let at = wild(&entry.key);
            let pattern = at.and_then(|at| entry.key.get(at..)).unwrap_or_default();
            let pattern: Vec<_> = pattern.iter().map(|b| u16::from(*b)).chain([256]).collect();
            (at.unwrap_or(usize::MAX), pattern)
        });
        found.reverse();
        found.sort_by_key(|entry| entry.priority);
        found
    }
}
