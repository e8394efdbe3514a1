//! Bracket expressions of a glob.

/// Every bracket expression of one pattern, each read once.
#[derive(Debug, Default)]
pub(crate) struct Brackets {
    /// In the order of the pattern, each with the place of its `[`.
    all: Vec<(usize, Bracket)>,
}

/// One expression: the bytes that are in it, and how many bytes spell it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bracket {
    set: [u128; 2],
    pub(crate) length: usize,
}

impl Brackets {
    /// Those of `pattern`. Takes steps as many as it has bytes: where reading
    /// an expression failed once, no other that comes by is read on.
    pub(crate) fn of(pattern: &[u8]) -> Self {
        let mut reader = Reader { pattern, dead: vec![false; pattern.len() + 1] };
        let mut all = Vec::new();
        let mut at = 0;
        while let Some(byte) = pattern.get(at) {
            at += match byte {
                b'\\' => 2,
                b'[' => match reader.expression(at + 1) {
                    Some(bracket) => {
                        all.push((at, bracket));
                        bracket.length
                    }
                    None => 1,
                },
                _ => 1,
            };
        }
        Self { all }
    }

    /// The expression whose `[` is at `at`; `None` if it is never closed.
    pub(crate) fn at(&self, at: usize) -> Option<&Bracket> {
        let found = self.all.binary_search_by_key(&at, |(place, _)| *place).ok()?;
        self.all.get(found).map(|(_, bracket)| bracket)
    }
}

impl Bracket {
    pub(crate) fn holds(&self, byte: u8) -> bool {
        let [low, high] = self.set;
        let half = if byte < 128 { low } else { high };
        half >> (byte & 127) & 1 != 0
    }
}

struct Reader<'p> {
    pattern: &'p [u8],
    /// Places where a member may begin, and from which no `]` was found.
    dead: Vec<bool>,
}

impl Reader<'_> {
    /// Reads an expression whose `[` stands before `start`. `None` when it is
    /// never closed.
    ///
    /// At a class that C does not know glibc gives up: only what stands before
    /// it can match, and nothing if the expression is negated.
    fn expression(&mut self, start: usize) -> Option<Bracket> {
        let negated = matches!(self.pattern.get(start), Some(b'!' | b'^'));
        let first = start + usize::from(negated);
        let mut set = [0; 2];
        let mut sound = true;
        let mut at = first;
        let end = loop {
            // What comes to its end is not passed again: nothing looks at these marks.
            if at > first && std::mem::replace(self.dead.get_mut(at)?, true) {
                return None;
            }
            let tail = self.pattern.get(at..)?;
            if let Some(name) = class(tail) {
                sound = sound && in_class(name, &mut set);
                at += name.len() + 4;
                continue;
            }
            if tail.starts_with(b"]") && at > first {
                break at + 1;
            }
            let (low, used) = member(tail)?;
            let (high, used) = match tail.get(used..)? {
                [b'-', high, ..] if *high != b']' => {
                    let (high, more) = member(tail.get(used + 1..)?)?;
                    (high, used + 1 + more)
                }
                _ => (low, used),
            };
            if sound {
                add(&mut set, low, high);
            }
            at += used;
        };
        if negated {
            set = set.map(|half: u128| if sound { !half } else { 0 });
        }
        // `start` is behind the `[`.
        Some(Bracket { set, length: end - start + 1 })
    }
}

/// The name in `[:NAME:]`, if that is what `tail` begins with.
fn class(tail: &[u8]) -> Option<&[u8]> {
    let rest = tail.strip_prefix(b"[:")?;
    let end = rest.iter().position(|byte| !byte.is_ascii_lowercase())?;
    let (name, behind) = rest.split_at_checked(end)?;
    behind.starts_with(b":]").then_some(name)
}

/// One byte of a bracket expression and how many bytes spell it.
fn member(tail: &[u8]) -> Option<(u8, usize)> {
    match tail {
        [b'\\', literal, ..] => Some((*literal, 2)),
        [literal, ..] => Some((*literal, 1)),
        [] => None,
    }
}

fn add(set: &mut [u128; 2], low: u8, high: u8) {
    for byte in low..=high {
        let [small, large] = set;
        let half = if byte < 128 { small } else { large };
        *half |= 1 << (byte & 127);
    }
}

/// Adds the bytes of the named class; false for a name that C does not know.
fn in_class(name: &[u8], set: &mut [u128; 2]) -> bool {
    let holds: fn(&u8) -> bool = match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| byte.is_ascii_graphic() || *byte == b' ',
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| byte.is_ascii_whitespace() || *byte == 0x0b,
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return false,
    };
    (0..=u8::MAX).filter(holds).for_each(|byte| add(set, byte, byte));
    true
}
