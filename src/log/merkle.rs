//! Merkle tree mathematics of RFC 6962 and RFC 9162 over SHA-256.
//!
//! Leaves come in as hashes; which bytes they stand for is not known here.
//! Proofs are made from a slice of all leaf hashes: O(n) hashing for one proof.

use crate::hex::Bytes;
use sha2::{Digest, Sha256};

/// A leaf, node or root of the tree: SHA-256, 32 bytes.
pub type Hash = Bytes<32>;

/// Root of the tree without leaves: `SHA-256("")` (RFC 6962, section 2.1).
pub const EMPTY_ROOT: Hash = Bytes([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Why a proof could not be made, or does not prove what it should.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProofError {
    /// The leaf is not in a tree of that size.
    #[error("leaf {index} is outside a tree of {size}")]
    IndexOutside {
        /// Wanted leaf.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The tree is larger than the leaves at hand.
    #[error("a tree of {size} cannot be made from {leaves} leaves")]
    SizeOutside {
        /// Wanted size.
        size: u64,
        /// Leaves at hand.
        leaves: u64,
    },
    /// The second tree is smaller than the first: the log was cut.
    #[error("a tree of {new} cannot extend a tree of {old}")]
    Shrunk {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// More or fewer hashes than a proof for these sizes has.
    #[error("the proof has the wrong length")]
    Length,
    /// The proof leads to another root than the older one.
    #[error("the proof does not lead to the older root")]
    OldRoot,
    /// The proof leads to another root than the (newer) one.
    #[error("the proof does not lead to the root")]
    Root,
}

/// `SHA-256(00 ‖ entry)` (RFC 6962, section 2.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Bytes(Sha256::new_with_prefix([0]).chain_update(entry).finalize().into())
}

/// `SHA-256(01 ‖ left ‖ right)` (RFC 6962, section 2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Bytes(Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into())
}

/// What suffices to append to a tree: the roots of the perfect subtrees that
/// its leaves fall into, one for each bit that is set in its size, largest
/// first. At most 64 hashes, whatever the size.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends one leaf. Each trailing one bit of the old size is a pair of
    /// equal subtrees that now become one.
    pub fn push(&mut self, leaf: Hash) {
        let mut carried = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("there is a peak for each bit set in the size");
            carried = node_hash(&left, &carried);
        }
        self.peaks.push(carried);
        self.size += 1;
    }

    /// Root of the tree: the peaks folded from the smallest.
    pub fn root(&self) -> Hash {
        let folded = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or(EMPTY_ROOT)
    }

    /// `u64 size, big endian ‖ peaks`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let peaks = self.peaks.iter().flat_map(|peak| peak.0);
        self.size.to_be_bytes().into_iter().chain(peaks).collect()
    }

    /// Reads [`Frontier::to_bytes`]; `None` unless there is exactly one peak for
    /// each bit set in the size.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, peaks) = bytes.split_first_chunk::<8>()?;
        let size = u64::from_be_bytes(*size);
        let (peaks, rest) = peaks.as_chunks::<32>();
        let whole = rest.is_empty() && peaks.len() == size.count_ones() as usize;
        whole.then(|| Self { size, peaks: peaks.iter().copied().map(Bytes).collect() })
    }
}

impl Extend<Hash> for Frontier {
    fn extend<T: IntoIterator<Item = Hash>>(&mut self, leaves: T) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

/// Root of the tree over these leaf hashes: `MTH(D[n])` of RFC 6962, section 2.1.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    frontier.extend(leaves.iter().copied());
    frontier.root()
}

/// `PATH(index, D[size])` of RFC 6962, section 2.1.1: the siblings on the way
/// from the leaf to the root, lowest first. `leaves` may go on after `size`.
pub fn inclusion_proof(leaves: &[Hash], index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    let mut tree = first_leaves(leaves, size)?;
    if index >= size {
        return Err(ProofError::IndexOutside { index, size });
    }
    let mut index = usize::try_from(index).expect("below the length of a slice");
    let mut siblings = Vec::new();
    while tree.len() > 1 {
        let (left, right) = tree.split_at(split_point(tree.len()));
        if index < left.len() {
            siblings.push(root(right));
            tree = left;
        } else {
            siblings.push(root(left));
            index -= left.len();
            tree = right;
        }
    }
    siblings.reverse();
    Ok(siblings)
}

/// Checks that `leaf` stands at `index` in the tree of `size` leaves with this
/// root (RFC 9162, section 2.1.3.2, step by step).
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutside { index, size });
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if is_odd(node) || node == last {
            hash = node_hash(sibling, &hash);
            skip_lone_levels(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// `PROOF(old_size, D[new_size])` of RFC 6962, section 2.1.2. Empty when either
/// tree is empty or both are equal: then there is nothing to prove with hashes.
pub fn consistency_proof(leaves: &[Hash], old_size: u64, new_size: u64) -> Result<Vec<Hash>, ProofError> {
    let mut tree = first_leaves(leaves, new_size)?;
    if old_size > new_size {
        return Err(ProofError::Shrunk { old: old_size, new: new_size });
    }
    let mut old = usize::try_from(old_size).expect("not above the length of a slice");
    if old == 0 {
        return Ok(Vec::new());
    }
    let mut hashes = Vec::new();
    // Whether the old tree is, so far, a whole left subtree of the new one; then
    // its root is known to the verifier and is not part of the proof.
    let mut old_root_is_known = true;
    while old != tree.len() {
        let (left, right) = tree.split_at(split_point(tree.len()));
        if old <= left.len() {
            hashes.push(root(right));
            tree = left;
        } else {
            hashes.push(root(left));
            old -= left.len();
            tree = right;
            old_root_is_known = false;
        }
    }
    if !old_root_is_known {
        hashes.push(root(tree));
    }
    hashes.reverse();
    Ok(hashes)
}

/// Checks that the tree (`new_size`, `new_root`) begins with the leaves of the
/// tree (`old_size`, `old_root`) (RFC 9162, section 2.1.4.2, step by step). Two
/// cases that the RFC leaves out: equal sizes need equal roots, and every tree
/// extends the empty one; neither has a proof.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Shrunk { old: old_size, new: new_size });
    }
    if old_size == 0 || old_size == new_size {
        return verify_without_hashes(old_size, old_root, new_size, new_root, proof);
    }
    let known = old_size.is_power_of_two().then_some(old_root);
    let mut path = known.into_iter().chain(proof);
    let start = path.next().ok_or(ProofError::Length)?;
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let whole_subtrees = node.trailing_ones();
    (node, last) = (node >> whole_subtrees, last >> whole_subtrees);
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if is_odd(node) || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            skip_lone_levels(&mut node, &mut last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match last {
        0 if old_hash != *old_root => Err(ProofError::OldRoot),
        0 if new_hash != *new_root => Err(ProofError::Root),
        0 => Ok(()),
        _ => Err(ProofError::Length),
    }
}

fn verify_without_hashes(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::Length);
    }
    if old_size == 0 && *old_root != EMPTY_ROOT {
        return Err(ProofError::OldRoot);
    }
    if old_size == new_size && old_root != new_root {
        return Err(ProofError::Root);
    }
    Ok(())
}

/// The first `size` leaves.
fn first_leaves(leaves: &[Hash], size: u64) -> Result<&[Hash], ProofError> {
    let outside = ProofError::SizeOutside { size, leaves: leaves.len() as u64 };
    usize::try_from(size).ok().and_then(|size| leaves.get(..size)).ok_or(outside)
}

/// Largest power of two below `count`, where RFC 6962 splits; `count` > 1.
fn split_point(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

fn is_odd(node: u64) -> bool {
    node & 1 == 1
}

/// At the right edge a node without a sibling rises unchanged: goes up to where
/// it is a right child, or to the root.
fn skip_lone_levels(node: &mut u64, last: &mut u64) {
    while !is_odd(*node) && *node != 0 {
        (*node, *last) = (*node >> 1, *last >> 1);
    }
}

#[cfg(test)]
mod tests;
