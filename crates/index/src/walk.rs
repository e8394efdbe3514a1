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

/// What a walk is for.
pub(crate) trait Visitor<'a> {
    /// What is known of a node's key, from the way down to it.
    type State: Copy;

    /// What is known behind `bytes` more of the key; `None` to leave out all
    /// that begins so.
    fn enter(&self, above: Self::State, bytes: &[u8]) -> Option<Self::State>;

    fn visit(&mut self, state: Self::State, key: &[u8], value: Value<'a>);
}

/// A node on the way down and what of it is still to do.
struct Step<'a, State> {
    node: Node<'a>,
    state: State,
    /// Children from this byte on are still to come; `None` after the last.
    next: Option<u8>,
    /// Bytes of the key that belong to the steps before.
    above: usize,
}

/// Shows `visitor` key and value of everything from `start` on, children
/// ascending by their byte. Keys begin with `first`, `start`'s own part of
/// them, of which `state` is known.
///
/// `None` when the budget ended the walk before its end.
pub(crate) fn walk<'a, V: Visitor<'a>>(
    file: &'a [u8],
    start: Node<'a>,
    first: &[u8],
    state: V::State,
    order: Order,
    budget: &mut Budget,
    visitor: &mut V,
) -> Option<()> {
    let mut key = first.to_vec();
    let mut steps = Vec::new();
    let mut down = Some(Step { node: start, state, next: Some(0), above: 0 });
    loop {
        if let Some(step) = down.take() {
            budget.spend(step.node.size())?;
            if order == Order::ValuesFirst {
                values(&step, &key, budget, visitor)?;
            }
            steps.push(step);
        }
        let Some(step) = steps.last_mut() else { return Some(()) };
        if let Some((byte, reference)) = step.next.and_then(|byte| step.node.child_from(byte)) {
            step.next = byte.checked_add(1);
            let enter = |above, bytes: &[u8]| visitor.enter(above, bytes);
            let entered = enter(step.state, &[byte]).and_then(|state| {
                let node = Node::at(file, reference)?;
                Some((node, enter(state, node.prefix)?))
            });
            if let Some((node, state)) = entered {
                down = Some(Step { node, state, next: Some(0), above: key.len() });
                key.push(byte);
                key.extend_from_slice(node.prefix);
            }
        } else {
            if order == Order::ChildrenFirst {
                values(step, &key, budget, visitor)?;
            }
            key.truncate(step.above);
            steps.pop();
        }
    }
}

fn values<'a, V: Visitor<'a>>(
    step: &Step<'a, V::State>,
    key: &[u8],
    budget: &mut Budget,
    visitor: &mut V,
) -> Option<()> {
    for value in step.node.values() {
        budget.spend(value.size())?;
        visitor.visit(step.state, key, value);
    }
    Some(())
}
