/// What a device node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A character device (`c`).
    Character,
    /// A block device (`b`).
    Block,
}

/// One line of `modules.devname`: a device node whose opening loads a module,
/// `MODULE PATH {c|b}MAJOR:MINOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceNode<'a> {
    /// The module that is loaded.
    pub module: &'a [u8],
    /// The node, below `/dev`.
    pub path: &'a [u8],
    /// Character or block.
    pub kind: DeviceKind,
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

impl<'a> DeviceNode<'a> {
    /// The node that `line` (without its newline) tells of. Blanks between the
    /// words may be any number, and text behind the minor number is passed
    /// over, as kmod does. `None` for anything else; comments too.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (module, path, numbers) = (words.next()?, words.next()?, words.next()?);
        let (kind, numbers) = match numbers.split_first()? {
            (b'c', numbers) => (DeviceKind::Character, numbers),
            (b'b', numbers) => (DeviceKind::Block, numbers),
            _ => return None,
        };
        let (major, rest) = number(numbers)?;
        let (minor, _) = number(rest.strip_prefix(b":")?)?;
        Some(Self { module, path, kind, major, minor })
    }
}

/// The decimal number at the start of `text`, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_module_node_and_numbers() {
        assert_eq!(
            DeviceNode::parse(b"tun net/tun c10:200"),
            Some(DeviceNode {
                module: b"tun",
                path: b"net/tun",
                kind: DeviceKind::Character,
                major: 10,
                minor: 200,
            })
        );
        let odd = DeviceNode::parse(b" loop  loop-control\tb10:237x y").unwrap();
        assert_eq!((odd.kind, odd.major, odd.minor), (DeviceKind::Block, 10, 237));
    }

    #[test]
    fn anything_else_is_none() {
        for line in [
            "",
            "fuse",
            "fuse fuse",
            "fuse fuse q1:2",
            "fuse fuse c1",
            "fuse fuse c:2",
            "fuse fuse c1:",
            "fuse fuse c99999999999:1",
            "# comment",
        ] {
            assert_eq!(DeviceNode::parse(line.as_bytes()), None, "{line}");
        }
    }
}
