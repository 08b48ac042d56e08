//! What was done to a log that is wrong, and where.
//!
//! Three things are evidence beside the entries: the signed size and root, which
//! nobody without the log's key can have made fit; the stored leaf hashes, which
//! prove nothing unless they lead to that root; and the rules, which an entry out
//! of its place breaks more often than not. An explanation is certain only if
//! undoing it leads to the signed root. Otherwise all that fit are named.
//!
//! A log may be read again here, as often as it takes, a bundle at a time.

use super::engine::{Fault, Walk};
use super::{BATCH, Finding, Source, Tampering};
use crate::log::merkle::node_hash;
use crate::log::{Checkpoint, Frontier, Hash};
use crate::state::Invalid;
use Tampering::{Changed, Dropped, Forked, Inserted, RolledBack, Swapped, Truncated};
use std::ops::Range;

/// Largest log whose leaf hashes are kept to try explanations on: 4 MiB.
const KEPT: u64 = 1 << 16;
/// How many entries before one that breaks a rule may be the one that was put in.
const NEAR: usize = 16;

/// What is known after the pass.
pub(super) struct Evidence<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) walk: &'a Walk,
    /// What the checkpoint says, whoever wrote it.
    pub(super) stated: Option<&'a Checkpoint>,
    /// The same, if the log's key signed it.
    pub(super) signed: Option<&'a Checkpoint>,
    /// An older checkpoint of this log's key, with whether the entries at hand
    /// lead to its root; `None` if they do not reach so far.
    pub(super) older: Option<(&'a Checkpoint, Option<bool>)>,
}

/// What is wrong with the entries; the first bad one is the first finding's.
pub(super) fn entries(e: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((index, why)) = &e.walk.unreadable {
        findings.extend(e.gap(*index, &why.of_entry()));
    } else if let Some(signed) = e.signed {
        let more = e.source.entries(signed.size..signed.size + 1).is_ok_and(|one| !one.is_empty());
        findings.extend(match (signed.root == e.walk.tree.root(), more) {
            (true, more) => e.signed_so(more),
            (false, true) => Some(e.one_too_many()),
            (false, false) => Some(e.mismatch(signed)),
        });
    } else {
        findings.extend(e.walk.fault.as_ref().map(|(index, fault)| broken(*index, fault, &any(fault), "")));
    }
    findings
}

/// Whether the log extends the older checkpoint; gives that one's size.
pub(super) fn extends(e: &Evidence<'_>, old: &Checkpoint) -> Result<u64, Finding> {
    let (here, there) = (e.walk.tree.size(), old.size);
    let whole = e.walk.unreadable.is_none() && e.signed.is_some_and(|s| s.root == e.walk.tree.root());
    let stated = e.stated.map_or(here, |stated| stated.size);
    match e.older.and_then(|(_, agrees)| agrees) {
        Some(true) => Ok(there),
        Some(false) if whole => {
            let entry = e.walk.fault.as_ref().map(|(index, _)| *index).filter(|index| *index < there);
            let what = format!(
                "the first {there} entries are others than those of the older checkpoint, and the log's key signed both"
            );
            Err(Finding::new(entry, &[Forked], what))
        }
        Some(false) => {
            let what = format!("the first {there} entries do not lead to the root of the older checkpoint");
            Err(Finding::new(None, &[], what))
        }
        None if stated < there => {
            let what = format!("the log has {stated} entries, the older checkpoint has {there}");
            Err(Finding::new(Some(stated), &[RolledBack, Forked], what))
        }
        None => {
            let what =
                format!("the entries up to the older checkpoint's {there} are not all there to be compared");
            Err(Finding::new(None, &[], what))
        }
    }
}

impl Evidence<'_> {
    /// The source lacks an entry, or has one that is none.
    fn gap(&self, index: u64, why: &str) -> Option<Finding> {
        let Some(stated) = self.stated else {
            // Without a checkpoint nothing says where the log ends: this may be it.
            let fault = self.walk.fault.as_ref();
            let broken_after = self.readable(index + 1).then(|| {
                Finding::new(Some(index), &[Changed, Dropped], format!("entry {index} is damaged: {why}"))
            });
            return fault.map(|(at, fault)| broken(*at, fault, &any(fault), "")).or(broken_after);
        };
        let size = stated.size;
        if self.readable(index + 1) || self.readable(size.saturating_sub(1)) {
            let kind = if self.stored(index..index + 1).is_some() { Changed } else { Dropped };
            let what = format!("entry {index} is damaged: {why}");
            return Some(Finding::new(Some(index), &[kind], what));
        }
        let what =
            format!("the log has {index} entries, its checkpoint {size}: entry {index} is damaged: {why}");
        if let Some(found) = self.by_stored_hashes() {
            return Some(found);
        }
        if self.stored_root().is_some_and(|root| root == stated.root && self.signed.is_some()) {
            return Some(Finding::new(Some(index), &[Truncated], what));
        }
        match &self.walk.fault {
            Some((at, fault)) => {
                let less = format!(", and the log has {index} entries, its checkpoint {size}");
                Some(broken(*at, fault, &[Dropped], &less))
            }
            None => Some(Finding::new(Some(index), &[Truncated, Dropped], what)),
        }
    }

    /// The entries are those that were signed: what is wrong with them was so when
    /// they were, or stands after them.
    fn signed_so(&self, more: bool) -> Option<Finding> {
        let size = self.walk.tree.size();
        match &self.walk.fault {
            Some((index, fault)) => {
                let also = ", and the log's key signed it so";
                let kinds = if seen_otherwise(fault).is_some() { vec![Forked] } else { any(fault) };
                Some(broken(*index, fault, &kinds, also))
            }
            None if more => {
                let what = format!("entry {size} stands after the last that the checkpoint covers");
                Some(Finding::new(Some(size), &[Inserted], what))
            }
            None => None,
        }
    }

    /// There are more entries than were signed, and the first are not those.
    fn one_too_many(&self) -> Finding {
        let size = self.walk.tree.size();
        if let Some(found) = self.by_stored_hashes() {
            return found;
        }
        let fault = self.walk.fault.as_ref();
        if let Some(index) = fault.and_then(|(index, _)| self.without_one(*index)) {
            let what = format!("without entry {index} the entries are those of the signed checkpoint");
            return Finding::new(Some(index), &[Inserted], what);
        }
        let more = format!(", and there are more than the {size} entries of the signed checkpoint");
        match fault {
            Some((index, fault)) => broken(*index, fault, &[Inserted], &more),
            None => Finding::new(
                None,
                &[Inserted],
                format!("the entries are not those of the signed checkpoint{more}"),
            ),
        }
    }

    /// As many entries as were signed, but others.
    fn mismatch(&self, signed: &Checkpoint) -> Finding {
        if let Some(found) = self.by_stored_hashes().or_else(|| self.swapped(signed)) {
            return found;
        }
        let also = ", and the entries do not add up to the root of the signed checkpoint";
        let fault = self.walk.fault.as_ref();
        let seen = fault.and_then(|(_, fault)| seen_otherwise(fault));
        if let (Some((index, fault)), None) = (fault, seen) {
            return broken(*index, fault, in_place(fault), also);
        }
        // Where signed roots agree with the entries, and where they do no more.
        let (mut from, mut to) = (0, seen);
        match self.older {
            Some((old, Some(true))) => from = old.size,
            Some((old, Some(false))) => to = Some(to.map_or(old.size, |to| to.min(old.size))),
            _ => {}
        }
        let place = match (from, to) {
            (0, None) => "one was changed".to_owned(),
            (0, Some(to)) => format!("one of the first {to} was changed"),
            (from, None) => format!("entry {from} or a later one was changed"),
            (from, Some(to)) => format!("one from {from} to {} was changed", to.saturating_sub(1)),
        };
        let what = format!(
            "the entries do not add up to the root of the signed checkpoint: {place}, in a way that breaks no rule"
        );
        Finding::new(None, &[Changed, Swapped], what)
    }

    /// If the stored leaf hashes are those that were signed, the first entry that
    /// has another is bad, and where else they occur says how.
    fn by_stored_hashes(&self) -> Option<Finding> {
        let signed = self.signed.filter(|signed| self.stored_root() == Some(signed.root))?;
        let at = self.search(signed.size, |_, stored, leaf| leaf.is_some() && stored != leaf)?;
        let (stored, leaf) = (self.stored(at..at + 1)?.first().copied()?, self.leaf(at)?);
        // Where the signed entry is now, and where the present one was.
        let moved = self.search(signed.size, |index, _, other| index > at && other == Some(stored));
        let origin = self.search(signed.size, |index, other, _| index > at && other == Some(leaf));
        let (kind, what) = match (moved, origin) {
            (Some(moved), Some(origin)) if moved == origin => {
                (Swapped, format!("entries {at} and {moved} were swapped"))
            }
            (Some(moved), Some(_)) => (Swapped, format!("entry {at} now stands in place {moved}")),
            (Some(moved), None) => {
                (Inserted, format!("entry {at} was put in: the signed one now stands in place {moved}"))
            }
            (None, Some(_)) => {
                (Dropped, format!("entry {at} was taken out: a later one stands in its place"))
            }
            (None, None) => (Changed, format!("entry {at} has other bytes than the one that was signed")),
        };
        Some(Finding::new(Some(at), &[kind], what))
    }

    /// Two entries that, put in each other's place, lead to the signed root.
    fn swapped(&self, signed: &Checkpoint) -> Option<Finding> {
        let levels = Levels::of(self.leaves(signed.size)?);
        let count = levels.leaves().len();
        let near =
            self.walk.fault.iter().flat_map(|(index, _)| [Some(*index), index.checked_sub(1)]).flatten();
        let pairs = near.filter_map(|index| usize::try_from(index).ok());
        let with_any = pairs.flat_map(|one| (0..count).map(move |other| (one.min(other), one.max(other))));
        let neighbours = (1..count).map(|right| (right - 1, right));
        let (one, other) =
            with_any.chain(neighbours).find(|(a, b)| a < b && levels.swapped(*a, *b) == Some(signed.root))?;
        let what = format!(
            "entries {one} and {other} were swapped: put back they are those of the signed checkpoint"
        );
        Some(Finding::new(Some(one as u64), &[Swapped], what))
    }

    /// An entry at or shortly before `index` without which the root is the signed one.
    fn without_one(&self, index: u64) -> Option<u64> {
        let signed = self.signed?;
        let leaves = self.leaves(signed.size + 1)?;
        let last = usize::try_from(index).ok()?.min(leaves.len().checked_sub(1)?);
        let leads_there = |left_out: &usize| {
            let kept =
                leaves.iter().enumerate().filter(|(place, _)| place != left_out).map(|(_, leaf)| *leaf);
            let mut tree = Frontier::new();
            tree.extend(kept);
            tree.root() == signed.root
        };
        (last.saturating_sub(NEAR)..=last).rev().find(leads_there).map(|place| place as u64)
    }

    fn readable(&self, index: u64) -> bool {
        self.leaf(index).is_some()
    }

    fn leaf(&self, index: u64) -> Option<Hash> {
        let one = self.source.entries(index..index.checked_add(1)?).ok()?;
        one.first().map(|entry| entry.leaf_hash())
    }

    fn stored(&self, range: Range<u64>) -> Option<Vec<Hash>> {
        let count = range.end - range.start;
        self.source.leaf_hashes(range).ok().filter(|leaves| leaves.len() as u64 == count)
    }

    /// Root of all stored leaf hashes, if there is one for each signed entry.
    fn stored_root(&self) -> Option<Hash> {
        let mut tree = Frontier::new();
        for bundle in bundles(self.signed?.size) {
            tree.extend(self.stored(bundle)?);
        }
        Some(tree.root())
    }

    /// The first entry for which `is` says so of index, stored hash and the hash
    /// of the bytes.
    fn search(&self, size: u64, is: impl Fn(u64, Option<Hash>, Option<Hash>) -> bool) -> Option<u64> {
        for bundle in bundles(size) {
            let stored = self.stored(bundle.clone());
            let read = self.source.entries(bundle.clone()).ok();
            for (place, index) in bundle.enumerate() {
                let stored = stored.as_ref().and_then(|all| all.get(place).copied());
                let leaf = match &read {
                    Some(all) => all.get(place).map(|entry| entry.leaf_hash()),
                    None => self.leaf(index),
                };
                if is(index, stored, leaf) {
                    return Some(index);
                }
            }
        }
        None
    }

    /// Hashes of the bytes of the first entries, unless there are too many.
    fn leaves(&self, size: u64) -> Option<Vec<Hash>> {
        let mut leaves = Vec::new();
        if size > KEPT || self.source.first() > 0 {
            return None;
        }
        for bundle in bundles(size) {
            leaves.extend(self.source.entries(bundle).ok()?.iter().map(|entry| entry.leaf_hash()));
        }
        (leaves.len() as u64 == size).then_some(leaves)
    }
}

fn bundles(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size.div_ceil(BATCH)).map(move |n| n * BATCH..size.min((n + 1) * BATCH))
}

fn broken(index: u64, fault: &Fault, kinds: &[Tampering], also: &str) -> Finding {
    Finding::new(Some(index), kinds, format!("entry {index} is not valid: {fault}{also}"))
}

/// Of how many entries somebody signed another root than they have: nothing is
/// wrong with that one's own entry, but with one before.
fn seen_otherwise(fault: &Fault) -> Option<u64> {
    match fault {
        Fault::Rule(Invalid::OtherLog { size, .. }) => Some(*size),
        _ => None,
    }
}

/// What fits a fault where no signed root or size says more.
fn any(fault: &Fault) -> Vec<Tampering> {
    match fault {
        Fault::Shape(_) | Fault::Rule(Invalid::Signature { .. }) => vec![Changed, Inserted],
        Fault::Rule(_) => vec![Changed, Dropped, Inserted, Swapped],
    }
}

/// What fits a fault where there are just as many entries as were signed.
fn in_place(fault: &Fault) -> &'static [Tampering] {
    match fault {
        Fault::Shape(_) | Fault::Rule(Invalid::Signature { .. }) => &[Changed],
        Fault::Rule(_) => &[Changed, Swapped],
    }
}

/// All nodes of a tree, leaves first. A node without a sibling rises unchanged,
/// which gives the tree of RFC 6962.
struct Levels(Vec<Vec<Hash>>);

impl Levels {
    fn of(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let pair = |pair: &[Hash]| match pair {
                [left, right] => Some(node_hash(left, right)),
                _ => pair.first().copied(),
            };
            let above = below.chunks(2).filter_map(pair).collect();
            levels.push(above);
        }
        Self(levels)
    }

    fn leaves(&self) -> &[Hash] {
        self.0.first().map_or(&[], Vec::as_slice)
    }

    /// The root with two leaves in each other's place.
    fn swapped(&self, one: usize, other: usize) -> Option<Hash> {
        let (first, second) = (*self.leaves().get(one)?, *self.leaves().get(other)?);
        let mut changed = vec![(one, second), (other, first)];
        for level in self.0.iter().take(self.0.len() - 1) {
            let node = |place: usize| {
                let new = changed.iter().find(|(changed, _)| *changed == place).map(|(_, hash)| *hash);
                new.or_else(|| level.get(place).copied())
            };
            let mut above: Vec<(usize, Hash)> = Vec::with_capacity(2);
            for parent in changed.iter().map(|(place, _)| place / 2) {
                if above.iter().all(|(known, _)| *known != parent) {
                    let left = node(2 * parent)?;
                    above.push((parent, node(2 * parent + 1).map_or(left, |right| node_hash(&left, &right))));
                }
            }
            changed = above;
        }
        changed.first().map(|(_, root)| *root)
    }
}
