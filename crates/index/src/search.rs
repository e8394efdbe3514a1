//! Questions to an index: one key, or the patterns that match one.

use crate::node::{Node, Value};
use crate::progress::{Progress, Question};
use crate::walk::{Budget, Order, Visitor, walk};

/// What begins the part of a stored key that is a pattern, in the order in
/// which the children of a node are tried.
const WILD: [u8; 3] = *b"*?[";

/// A sound index has no chain of wildcards so long that all below it would be
/// walked more often than this.
const MOST_TIMES: usize = 16;

/// Steps of comparing the patterns that [`Question`] does not follow: those
/// with brackets, and all against a key of more than 255 bytes. A key of 2 KiB
/// against each pattern of a distribution needs a fraction.
const STEPS: u64 = 1 << 26;

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
    let mut search = Search {
        file,
        budget: Budget::new(file.len(), times.min(MOST_TIMES)),
        steps: STEPS,
        key,
        patterns: None,
        found: Vec::new(),
    };
    // Where the way ends, also early for want of budget, is no news: what was
    // found on it counts.
    let _ = search.literal(root);
    search.found.reverse();
    search.found.sort_by_key(|value| value.priority);
    search.found
}

struct Search<'k, 'a> {
    file: &'a [u8],
    budget: Budget,
    steps: u64,
    key: &'k [u8],
    /// The key again, once there are patterns to be held against it.
    patterns: Option<Question<'k>>,
    /// In the order in which kmod finds them.
    found: Vec<Value<'a>>,
}

impl<'a> Search<'_, 'a> {
    /// Follows the key byte by byte; at every node first tries the patterns
    /// that begin there. `None` where the key leads nowhere.
    fn literal(&mut self, root: Node<'a>) -> Option<()> {
        let mut node = root;
        let mut rest = self.key;
        loop {
            if let Some(at) = node.prefix.iter().position(|byte| WILD.contains(byte)) {
                let (literal, pattern) = node.prefix.split_at_checked(at)?;
                return self.patterns(node, pattern, rest.strip_prefix(literal)?);
            }
            rest = rest.strip_prefix(node.prefix)?;
            for wild in WILD {
                let Some(reference) = node.child(wild) else { continue };
                if let Some(child) = self.budget.read(self.file, reference)? {
                    let pattern = [&[wild], child.prefix].concat();
                    self.patterns(child, &pattern, rest)?;
                }
            }
            let Some((&byte, behind)) = rest.split_first() else { break };
            node = self.budget.read(self.file, node.child(byte)?)??;
            rest = behind;
        }
        for value in node.values() {
            self.budget.spend(value.size())?;
            self.found.push(value);
        }
        Some(())
    }

    /// Tries every pattern from `start` on, whose own part of it is `pattern`,
    /// against `rest`, the end of the key. `None` when the budget is spent.
    fn patterns(&mut self, start: Node<'a>, pattern: &[u8], rest: &[u8]) -> Option<()> {
        let question = Question::in_place(&mut self.patterns, self.key)?;
        let at = self.key.len().saturating_sub(rest.len());
        let Some(progress) = question.read(question.start(at), pattern) else { return Some(()) };
        let (file, order) = (self.file, Order::ChildrenFirst);
        let steps = &mut self.steps;
        let mut matching = Matching { question, start: at, steps, found: &mut self.found };
        walk(file, start, pattern, progress, order, &mut self.budget, &mut matching)
    }
}

/// Gathers the values of patterns that match a question from `start` on.
struct Matching<'s, 'k, 'a> {
    question: &'s Question<'k>,
    start: usize,
    steps: &'s mut u64,
    found: &'s mut Vec<Value<'a>>,
}

impl<'a> Visitor<'a> for Matching<'_, '_, 'a> {
    type State = Progress;

    fn enter(&self, above: Progress, bytes: &[u8]) -> Option<Progress> {
        self.question.read(above, bytes)
    }

    fn wants(&mut self, progress: Progress, pattern: &[u8]) -> Option<bool> {
        self.question.is_matched(progress, pattern, self.start, self.steps)
    }

    fn visit(&mut self, _: &[u8], value: Value<'a>) -> Option<()> {
        self.found.push(value);
        Some(())
    }
}
