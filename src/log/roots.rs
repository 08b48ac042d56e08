//! A growing tree that can tell its roots at the last sizes, so that what
//! somebody says they saw of a log just now can be held against the log itself.
//!
//! An append costs one hash on average, as in any tree; a root is computed when
//! it is asked for, of one hash a level. Memory does not grow with the tree; what
//! is older is forgotten, and needs the leaves.

use super::merkle::{EMPTY_ROOT, Hash, node_hash};
use std::collections::VecDeque;

/// How many leaves back a root can be told.
pub const RECENT: u64 = 4096;

/// A tree with what its roots at its present size and at the [`RECENT`] sizes
/// before are made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Roots {
    size: u64,
    /// For each level, leaves first, the last roots of its perfect subtrees. Level
    /// `l` has `size >> l` of them by now.
    levels: Vec<VecDeque<Hash>>,
}

impl Roots {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one leaf. Where it makes the number of a level's subtrees even, the
    /// last two become one of the next level.
    pub fn push(&mut self, leaf: Hash) {
        self.size += 1;
        let mut carried = Some(leaf);
        let mut level = 0;
        while let Some(node) = carried {
            if self.levels.len() <= level {
                self.levels.push(VecDeque::new());
            }
            let Some(nodes) = self.levels.get_mut(level) else { return };
            let left = nodes.back().copied();
            nodes.push_back(node);
            // A size not more than RECENT back has at this level a last subtree
            // that is at most this many back: one for the size, one for the place.
            if nodes.len() as u64 > (RECENT >> level) + 2 {
                nodes.pop_front();
            }
            let even = (self.size >> level).is_multiple_of(2);
            carried = left.filter(|_| even).map(|left| node_hash(&left, &node));
            level += 1;
        }
    }

    /// Root over the first `size` leaves; `None` if there are fewer, or if that
    /// was too long ago.
    pub fn at(&self, size: u64) -> Option<Hash> {
        if self.size.checked_sub(size)? > RECENT {
            return None;
        }
        let mut root = None;
        for (level, nodes) in self.levels.iter().enumerate() {
            // The tree of that size ends at this level with a subtree of its own.
            let place = (size >> level).checked_sub(1).filter(|place| place.is_multiple_of(2));
            let Some(place) = place else { continue };
            let back = usize::try_from((self.size >> level) - place).ok()?;
            let node = nodes.len().checked_sub(back).and_then(|at| nodes.get(at))?;
            root = Some(root.map_or(*node, |right| node_hash(node, &right)));
        }
        Some(root.unwrap_or(EMPTY_ROOT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::merkle::{Frontier, leaf_hash, root};

    #[test]
    fn every_recent_size_has_the_root_of_its_leaves() {
        let leaves: Vec<_> = (0..70u8).map(|n| leaf_hash(&[n])).collect();
        let mut roots = Roots::new();
        for (count, leaf) in (1..).zip(&leaves) {
            roots.push(*leaf);
            for size in 0..=count {
                assert_eq!(roots.at(size as u64), Some(root(&leaves[..size])), "{size} of {count}");
            }
        }
        assert_eq!(roots.at(71), None);
        assert_eq!(roots.at(u64::MAX), None);
    }

    #[test]
    fn what_is_no_longer_recent_is_forgotten() {
        let mut roots = Roots::new();
        let (mut tree, mut all) = (Frontier::new(), vec![EMPTY_ROOT]);
        for n in 0..3 * RECENT + 7 {
            roots.push(leaf_hash(&n.to_be_bytes()));
            tree.push(leaf_hash(&n.to_be_bytes()));
            all.push(tree.root());
        }
        let oldest = 2 * RECENT + 7;
        for size in oldest..=3 * RECENT + 7 {
            assert_eq!(roots.at(size), Some(all[size as usize]), "{size}");
        }
        assert_eq!(roots.at(oldest - 1), None);
        roots.push(leaf_hash(b"one more"));
        assert_eq!(roots.at(oldest), None);
    }

    #[test]
    fn memory_does_not_grow_with_the_tree() {
        let kept = |size: u64| {
            let mut roots = Roots::new();
            (0..size).for_each(|n| roots.push(leaf_hash(&n.to_be_bytes())));
            roots.levels.iter().map(VecDeque::len).sum::<usize>()
        };
        let (before, after) = (kept(2 * RECENT), kept(8 * RECENT));
        assert!(before as u64 <= 2 * RECENT + 2 * 64, "{before}");
        assert!(after <= before + 2 * 3, "{after}, and two for each new level are enough");
    }
}
