//! Questions to an index: one key, or the patterns that match one.

use crate::node::{Node, Value};
use crate::walk::{Budget, Order, walk};

/// What begins the part of a stored key that is a pattern, in the order in
/// which the children of a node are tried.
const WILD: [u8; 3] = *b"*?[";

/// The first value of exactly `key`.
pub(crate) fn exact<'a>(file: &'a [u8], root: Node<'a>, key: &[u8]) -> Option<&'a [u8]> {
    let mut node = root;
    let mut rest = key;
    loop {
        rest = rest.strip_prefix(node.prefix)?;
        let Some((&byte, behind)) = rest.split_first() else { break };
        node = Node::at(file, node.child(byte)?)?;
        rest = behind;
    }
    node.values().next().map(|value| value.value)
}

/// The values of all stored patterns that match `key`, sorted.
pub(crate) fn matching<'a>(file: &'a [u8], root: Node<'a>, key: &[u8]) -> Vec<Value<'a>> {
    // The literal way enters the subtree below a wildcard that has just been
    // walked only where the key has that wildcard, too.
    let times = key.iter().filter(|&byte| WILD.contains(byte)).count().saturating_add(1);
    let mut search = Search { file, budget: Budget::new(file.len(), times), found: Vec::new() };
    // Where the way ends, also early for want of budget, is no news: what was
    // found on it counts.
    let _ = search.literal(root, key);
    search.found.reverse();
    search.found.sort_by_key(|value| value.priority);
    search.found
}

struct Search<'a> {
    file: &'a [u8],
    budget: Budget,
    /// In the order in which kmod finds them.
    found: Vec<Value<'a>>,
}

impl<'a> Search<'a> {
    /// Follows `key` byte by byte; at every node first tries the patterns that
    /// begin there. `None` where the key leads nowhere.
    fn literal(&mut self, root: Node<'a>, key: &[u8]) -> Option<()> {
        let mut node = root;
        let mut rest = key;
        loop {
            if let Some(at) = node.prefix.iter().position(|byte| WILD.contains(byte)) {
                let (literal, pattern) = node.prefix.split_at_checked(at)?;
                return self.patterns(node, pattern, rest.strip_prefix(literal)?);
            }
            self.budget.spend(node.size())?;
            rest = rest.strip_prefix(node.prefix)?;
            for wild in WILD {
                if let Some(child) = node.child(wild).and_then(|child| Node::at(self.file, child)) {
                    let pattern = [&[wild], child.prefix].concat();
                    self.patterns(child, &pattern, rest)?;
                }
            }
            let Some((&byte, behind)) = rest.split_first() else { break };
            node = Node::at(self.file, node.child(byte)?)?;
            rest = behind;
        }
        for value in node.values() {
            self.budget.spend(value.size())?;
            self.found.push(value);
        }
        Some(())
    }

    /// Tries every pattern from `start` on, whose own part of it is `pattern`,
    /// against `text`. The one place to make faster: all patterns of a subtree
    /// could be matched at once while it is walked.
    fn patterns(&mut self, start: Node<'a>, pattern: &[u8], text: &[u8]) -> Option<()> {
        let found = &mut self.found;
        walk(
            self.file,
            start,
            pattern,
            Order::ChildrenFirst,
            &mut self.budget,
            &mut |key, value| {
                if komod_name::matches(key, text) {
                    found.push(value);
                }
            },
        )
    }
}
