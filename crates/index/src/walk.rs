//! The way through a whole subtree, without recursion.

use crate::node::{Node, Value};

/// When a node's own values come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    ValuesFirst,
    ChildrenFirst,
}

/// How much of a file may still be read.
///
/// The nodes of an index do not overlap, so a walk that meets each of them
/// once reads no more bytes than the file has. Only references in a circle, or
/// two to the same node, need more: then the walk ends where its budget does.
/// A key is made of bytes that were read, so it cannot be longer either.
pub(crate) struct Budget {
    left: usize,
}

impl Budget {
    /// For reading a file of `size` bytes `times` times.
    pub(crate) fn new(size: usize, times: usize) -> Self {
        Self { left: size.saturating_mul(times) }
    }

    /// `None` when nothing is left.
    pub(crate) fn spend(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }
}

/// A node on the way down and what of it is still to do.
struct Step<'a> {
    node: Node<'a>,
    /// Children from this byte on are still to come; `None` after the last.
    next: Option<u8>,
    /// Bytes of the key that belong to the steps before.
    above: usize,
}

/// Calls `visit` with key and value of everything from `start` on, children
/// ascending by their byte. Keys begin with `start`'s part of the key, `first`.
///
/// `None` when the budget ended the walk before its end.
pub(crate) fn walk<'a>(
    file: &'a [u8],
    start: Node<'a>,
    first: &[u8],
    order: Order,
    budget: &mut Budget,
    visit: &mut dyn FnMut(&[u8], Value<'a>),
) -> Option<()> {
    let mut key = first.to_vec();
    let mut steps = Vec::new();
    let mut down = Some(Step { node: start, next: Some(0), above: 0 });
    loop {
        if let Some(step) = down.take() {
            budget.spend(step.node.size())?;
            if order == Order::ValuesFirst {
                values(&step.node, &key, budget, visit)?;
            }
            steps.push(step);
        }
        let Some(step) = steps.last_mut() else { return Some(()) };
        if let Some((byte, reference)) = step.next.and_then(|byte| step.node.child_from(byte)) {
            step.next = byte.checked_add(1);
            if let Some(node) = Node::at(file, reference) {
                down = Some(Step { node, next: Some(0), above: key.len() });
                key.push(byte);
                key.extend_from_slice(node.prefix);
            }
        } else {
            if order == Order::ChildrenFirst {
                values(&step.node, &key, budget, visit)?;
            }
            key.truncate(step.above);
            steps.pop();
        }
    }
}

fn values<'a>(
    node: &Node<'a>,
    key: &[u8],
    budget: &mut Budget,
    visit: &mut dyn FnMut(&[u8], Value<'a>),
) -> Option<()> {
    for value in node.values() {
        budget.spend(value.size())?;
        visit(key, value);
    }
    Some(())
}
