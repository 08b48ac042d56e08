//! A growing tree that remembers its root at every size, so that what somebody
//! says they saw of a log can be held against the log itself.
//!
//! 32 bytes for each entry; no proof is needed where all entries are at hand.

use super::merkle::{EMPTY_ROOT, Frontier, Hash};

/// A tree with its root at every size so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Roots {
    tree: Frontier,
    roots: Vec<Hash>,
}

impl Roots {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.tree.push(leaf);
        self.roots.push(self.tree.root());
    }

    /// Root over the first `size` leaves; `None` if there are fewer.
    pub fn at(&self, size: u64) -> Option<Hash> {
        match usize::try_from(size).ok()?.checked_sub(1) {
            None => Some(EMPTY_ROOT),
            Some(last) => self.roots.get(last).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::merkle::{leaf_hash, root};

    #[test]
    fn every_size_has_the_root_of_its_leaves() {
        let leaves: Vec<_> = (0..70u8).map(|n| leaf_hash(&[n])).collect();
        let mut roots = Roots::new();
        leaves.iter().for_each(|leaf| roots.push(*leaf));
        for size in 0..=leaves.len() {
            assert_eq!(roots.at(size as u64), Some(root(&leaves[..size])), "{size}");
        }
        assert_eq!(roots.at(71), None);
        assert_eq!(roots.at(u64::MAX), None);
    }
}
