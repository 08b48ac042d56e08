//! A growing tree that remembers its roots at the last sizes, so that what
//! somebody says they saw of a log just now can be held against the log itself.
//!
//! Memory does not grow with the tree; what is older is forgotten, and needs the
//! leaves.

use super::merkle::{EMPTY_ROOT, Frontier, Hash};
use std::collections::VecDeque;

/// How many leaves back a root is remembered.
pub const RECENT: u64 = 4096;

/// A tree with its roots at its present size and at the [`RECENT`] sizes before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roots {
    tree: Frontier,
    /// The last is of the present size.
    recent: VecDeque<Hash>,
}

impl Roots {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self { tree: Frontier::new(), recent: VecDeque::from([EMPTY_ROOT]) }
    }

    /// Appends one leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.tree.push(leaf);
        self.recent.push_back(self.tree.root());
        if self.recent.len() as u64 > RECENT + 1 {
            self.recent.pop_front();
        }
    }

    /// Root over the first `size` leaves; `None` if there are fewer, or if that
    /// was too long ago.
    pub fn at(&self, size: u64) -> Option<Hash> {
        let back = usize::try_from(self.tree.size().checked_sub(size)?).ok()?;
        let place = self.recent.len().checked_sub(back.checked_add(1)?)?;
        self.recent.get(place).copied()
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::merkle::{leaf_hash, root};

    #[test]
    fn every_recent_size_has_the_root_of_its_leaves() {
        let leaves: Vec<_> = (0..70u8).map(|n| leaf_hash(&[n])).collect();
        let mut roots = Roots::new();
        leaves.iter().for_each(|leaf| roots.push(*leaf));
        for size in 0..=leaves.len() {
            assert_eq!(roots.at(size as u64), Some(root(&leaves[..size])), "{size}");
        }
        assert_eq!(roots.at(71), None);
        assert_eq!(roots.at(u64::MAX), None);
    }

    #[test]
    fn what_is_no_longer_recent_is_forgotten() {
        let mut roots = Roots::new();
        let mut at_seven = None;
        for n in 0..RECENT + 7 {
            roots.push(leaf_hash(&n.to_be_bytes()));
            at_seven = if n == 6 { Some(roots.tree.root()) } else { at_seven };
        }
        assert_eq!(roots.at(7), at_seven);
        assert_eq!(roots.at(6), None);
        assert_eq!(roots.recent.len() as u64, RECENT + 1);
        roots.push(leaf_hash(b"one more"));
        assert_eq!(roots.at(7), None);
    }
}
