//! The way through a whole subtree, without recursion.

use crate::node::{self, Node, Value};

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
/// several to the same bytes, need more: then the walk ends where its budget
/// does. A key is made of bytes that were read, so it cannot be longer either.
pub(crate) struct Budget {
    left: usize,
}

/// Nodes above one another that a walk goes down. Each of them has a key of its
/// own or two children, so that the keys of a sound index this deep would have
/// two gigabytes.
const DEEPEST: usize = 1 << 16;

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

    /// The node at `reference`, paid for: what it takes of the file, or, where
    /// there is none, all that may have been looked through for its end.
    /// `None` when the budget does not suffice.
    pub(crate) fn read<'a>(&mut self, file: &'a [u8], reference: u32) -> Option<Option<Node<'a>>> {
        let node = Node::at(file, reference);
        self.spend(match &node {
            Some(node) => node.size(),
            None => node::behind(file, reference).len(),
        })?;
        Some(node)
    }
}

/// What a walk is for.
pub(crate) trait Visitor<'a> {
    /// What is known of a node's key, from the way down to it.
    type State: Copy;

    /// What is known behind `bytes` more of the key; `None` to leave out all
    /// that begins so.
    fn enter(&self, above: Self::State, bytes: &[u8]) -> Option<Self::State>;

    /// Whether the values of a node are wanted. `None` ends the walk.
    fn wants(&mut self, state: Self::State, key: &[u8]) -> Option<bool>;

    /// Takes one of them. `None` ends the walk.
    fn visit(&mut self, key: &[u8], value: Value<'a>) -> Option<()>;
}

/// A node on the way down and what of it is still to do.
struct Step<'a, State> {
    /// Without the children that have been entered.
    node: Node<'a>,
    state: State,
    /// Bytes of the key that belong to the steps before.
    above: usize,
}

/// Shows `visitor` key and value of everything from `start` on, children
/// ascending by their byte. Keys begin with `first`, `start`'s own part of
/// them, of which `state` is known; `start` itself is paid for.
///
/// `None` when the budget or the visitor ended the walk before its end.
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
    if order == Order::ValuesFirst {
        values(&start, state, &key, budget, visitor)?;
    }
    let mut steps = vec![Step { node: start, state, above: 0 }];
    while let Some(step) = steps.last_mut() {
        let Some((byte, reference)) = step.node.take_child() else {
            if order == Order::ChildrenFirst {
                values(&step.node, step.state, &key, budget, visitor)?;
            }
            key.truncate(step.above);
            steps.pop();
            continue;
        };
        let Some(state) = visitor.enter(step.state, &[byte]) else { continue };
        let Some(node) = budget.read(file, reference)? else { continue };
        let Some(state) = visitor.enter(state, node.prefix) else { continue };
        let above = key.len();
        key.push(byte);
        key.extend_from_slice(node.prefix);
        let parent = node.has_children();
        if order == Order::ValuesFirst || !parent {
            values(&node, state, &key, budget, visitor)?;
        }
        if !parent {
            key.truncate(above);
        } else if steps.len() < DEEPEST {
            steps.push(Step { node, state, above });
        } else {
            return None;
        }
    }
    Some(())
}

fn values<'a, V: Visitor<'a>>(
    node: &Node<'a>,
    state: V::State,
    key: &[u8],
    budget: &mut Budget,
    visitor: &mut V,
) -> Option<()> {
    if !node.has_values() || !visitor.wants(state, key)? {
        return Some(());
    }
    let mut values = node.values();
    for value in &mut values {
        budget.spend(value.size())?;
        visitor.visit(key, value)?;
    }
    budget.spend(values.looked_through())
}
