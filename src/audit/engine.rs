//! The pass over a log: hash, fold, parse, replay, collect signatures, compare.
//!
//! It goes a few bundles at a time. Parsing and signatures use all cores; hashes are
//! those of the bytes at hand, never a stored one. The first entry that breaks a
//! rule ends the replay, not the hashing. Which of several explanations fits is
//! decided in `diagnosis`.

use super::batch::first_wrong;
use super::diagnosis::{self, Evidence};
use super::gap::lies_in_gap;
use super::{BATCH, Finding, Lack, Source, SourceError, State, Tampering, Verdict};
use crate::event::{Entry, EntryError, Line};
use crate::log::checkpoint::{self, CheckpointError};
use crate::log::note::NoteError;
use crate::log::{Checkpoint, EntryBytes, Frontier, Note, VerifierKey};
use crate::state::{Claim, Invalid};
use crate::time::Time;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::thread;

/// Signatures that are collected before they are verified together. A round may
/// add some thousands more: an entry has at most a few hundred.
const COLLECTED: usize = 8192;
/// Bundles are read until they have so many bytes, and then parsed together: what
/// a thread costs is spread over more entries. The last may be much longer.
const ROUND: usize = 1024 * 1024;
/// Fewest entries for which another thread is begun to parse them.
const WORTH_A_THREAD: usize = 64;

/// Judges a checkpoint's note by a policy; says what is missing.
pub type PolicyCheck<'a> = &'a dyn Fn(&Note) -> Result<(), String>;

/// What a log is held against.
#[derive(Default)]
pub struct Options<'a> {
    /// The log's key, if it is known from elsewhere. Without it, it is the one
    /// that the entries state.
    pub key: Option<&'a VerifierKey>,
    /// An older signed checkpoint of the same log.
    pub against: Option<&'a [u8]>,
    /// Who must have cosigned.
    pub policy: Option<PolicyCheck<'a>>,
    /// Is told how many entries of how many are done.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
}

/// Why an entry does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Shape(EntryError),
    Rule(Invalid),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shape(why) => why.fmt(f),
            Self::Rule(why) => why.fmt(f),
        }
    }
}

/// Is shown each entry and the state after it.
pub type Watch<'a> = &'a mut dyn FnMut(&State, &Line);

/// Verifies a whole log. What `watch` sees is not verified yet, so nothing may be
/// based on it unless the verdict is good.
pub fn verify(source: &dyn Source, options: &Options<'_>, watch: Watch<'_>) -> Verdict {
    let note = source.checkpoint();
    let stated = note.as_ref().ok().and_then(|note| Checkpoint::unverified(note).ok());
    let old = options.against.map(Checkpoint::unverified);
    let old_size = old.as_ref().and_then(|old| old.as_ref().ok()).map(|old| old.size);
    let size = stated.as_ref().map_or(u64::MAX, |stated| stated.size);
    let mut walk = Walk::new(source.first(), old_size);
    walk.whole(source, size, options, watch);
    let mut findings = Vec::new();
    let signed = match &note {
        Ok(note) => signed_checkpoint(note, &walk, options, &mut findings),
        Err(why) => {
            let what = format!("the checkpoint is missing or cannot be read: {why}");
            findings.push(Finding::new(None, &[Tampering::Unsigned], what));
            None
        }
    };
    let old = options.against.zip(old).map(|(note, old)| {
        let old = old.map_err(|why| unreadable_older(&why))?;
        older(note, &old, &walk, options).map(|()| old)
    });
    let good = old.as_ref().and_then(|old| old.as_ref().ok());
    let older = good.map(|old| (old, walk.old_root.map(|root| root == old.root)));
    let evidence = Evidence { source, walk: &walk, stated: stated.as_ref(), signed: signed.as_ref(), older };
    let mut all = diagnosis::entries(&evidence);
    all.append(&mut findings);
    let compared = match &old {
        Some(Ok(old)) => Some(diagnosis::extends(&evidence, old).map_err(|finding| {
            let state = walk.state.as_ref().filter(|_| all.is_empty());
            let lost = state.zip(options.against).and_then(|(state, note)| lies_in_gap(state, note, old));
            lost.unwrap_or(finding)
        })),
        Some(Err(finding)) => Some(Err(finding.clone())),
        None => None,
    };
    let extends = match compared {
        Some(Err(finding)) => {
            all.push(finding);
            None
        }
        Some(Ok(size)) => Some(size),
        None => None,
    };
    // What is not sure to be in a place comes after what is.
    all.sort_by_key(|finding| finding.entry.unwrap_or(u64::MAX));
    let note = note.ok().filter(|_| all.is_empty()).and_then(|note| String::from_utf8(note).ok());
    walk.verdict(options, extends, note, all)
}

/// The pass itself.
pub(super) struct Walk {
    first: u64,
    pub(super) tree: Frontier,
    pub(super) state: Option<State>,
    /// First entry that breaks a rule or has a wrong signature.
    pub(super) fault: Option<(u64, Fault)>,
    /// First entry that the source does not have; what is after it was not read.
    pub(super) unreadable: Option<(u64, SourceError)>,
    old_size: Option<u64>,
    pub(super) old_root: Option<crate::log::Hash>,
    claims: Vec<Claim>,
    /// For each entry that has claims: its index and where its claims begin.
    claimants: Vec<(u64, usize)>,
    verified: u64,
    unknown: u64,
    from: Option<Time>,
    to: Option<Time>,
}

impl Walk {
    fn new(first: u64, old_size: Option<u64>) -> Self {
        Self {
            first,
            tree: Frontier::new(),
            state: None,
            fault: None,
            unreadable: None,
            old_size,
            old_root: None,
            claims: Vec::new(),
            claimants: Vec::new(),
            verified: 0,
            unknown: 0,
            from: None,
            to: None,
        }
    }

    fn whole(&mut self, source: &dyn Source, size: u64, options: &Options<'_>, watch: Watch<'_>) {
        self.note_old_root();
        self.before_first(source);
        while self.tree.size() < size && self.unreadable.is_none() {
            let (round, failed) = read(source, self.tree.size(), size);
            self.round(&round, watch);
            if let Some(range) = failed {
                self.singly(source, range, watch);
            }
            if let Some(progress) = options.progress {
                progress(self.tree.size(), size);
            }
        }
        self.verify_claims();
    }

    /// Leaf hashes alone, of what a period's evidence leaves out: the signed root
    /// says whether they are right.
    fn before_first(&mut self, source: &dyn Source) {
        while self.tree.size() < self.first && self.unreadable.is_none() {
            let start = self.tree.size();
            let end = self.first.min(start.saturating_add(BATCH));
            match source.leaf_hashes(start..end) {
                Ok(leaves) if leaves.len() as u64 == end - start => {
                    leaves.into_iter().for_each(|leaf| self.push(leaf))
                }
                Ok(_) => self.unreadable = Some((start, missing(start))),
                Err(why) => self.unreadable = Some((start, why)),
            }
        }
    }

    /// One by one, to find the first that is not there.
    fn singly(&mut self, source: &dyn Source, range: Range<u64>, watch: Watch<'_>) {
        for index in range {
            match source.entries(index..index + 1) {
                Ok(one) if one.len() == 1 => self.round(&one, watch),
                Ok(_) => return self.unreadable = Some((index, missing(index))),
                Err(why) => return self.unreadable = Some((index, why)),
            }
        }
    }

    fn round(&mut self, entries: &[EntryBytes], watch: Watch<'_>) {
        // After a fault only hashes count.
        let lines = if self.fault.is_none() { parse(entries) } else { Vec::new() };
        let mut lines = lines.into_iter();
        for entry in entries {
            let index = self.tree.size();
            self.push(entry.leaf_hash());
            let Some(line) = lines.next().filter(|_| self.fault.is_none()) else { continue };
            let applied = line.map_err(Fault::Shape);
            let applied = applied.and_then(|line| self.apply(index, &line, entry).map(|()| line));
            match applied {
                Ok(line) => self.state.iter().for_each(|state| watch(state, &line)),
                Err(fault) => self.fault = Some((index, fault)),
            }
        }
        if self.claims.len() >= COLLECTED {
            self.verify_claims();
        }
    }

    fn apply(&mut self, index: u64, line: &Line, entry: &EntryBytes) -> Result<(), Fault> {
        let before = self.claims.len();
        let leaf = entry.leaf_hash();
        let applied = match &mut self.state {
            Some(state) => state.apply(line, &leaf, &mut self.claims),
            None if self.first > 0 => self.in_order(line),
            None => State::begin(line, &leaf, &mut self.claims).map(|state| self.state = Some(state)),
        };
        if let Err(why) = applied {
            // As if each had been verified at once: a wrong one comes first.
            let wrong = self.claims.drain(before..).find(|claim| !claim.holds());
            return Err(Fault::Rule(wrong.map_or(why, |claim| claim.wrong())));
        }
        if self.claims.len() > before {
            self.claimants.push((index, before));
        }
        let time = match line {
            Line::Known(entry) => entry.time,
            Line::Unknown { time, .. } => {
                self.unknown += 1;
                *time
            }
        };
        self.from.get_or_insert(time);
        self.to = Some(time);
        Ok(())
    }

    /// All that can be asked of an entry whose predecessors are not here.
    fn in_order(&self, line: &Line) -> Result<(), Invalid> {
        let time = match line {
            Line::Known(entry) => entry.time,
            Line::Unknown { time, .. } => *time,
        };
        match self.to {
            Some(last) if time < last => Err(Invalid::BackInTime { last, time }),
            _ => Ok(()),
        }
    }

    fn push(&mut self, leaf: crate::log::Hash) {
        self.tree.push(leaf);
        self.note_old_root();
    }

    fn note_old_root(&mut self) {
        if self.old_size == Some(self.tree.size()) {
            self.old_root = Some(self.tree.root());
        }
    }

    /// A wrong signature is a fault of its entry, which is before any entry that
    /// broke a rule: those after it were never claimed.
    fn verify_claims(&mut self) {
        if let Some(wrong) = first_wrong(&self.claims) {
            let before = self.claimants.partition_point(|(_, start)| *start <= wrong);
            let entry = before.checked_sub(1).and_then(|place| self.claimants.get(place));
            if let (Some((index, _)), Some(claim)) = (entry, self.claims.get(wrong)) {
                self.fault = Some((*index, Fault::Rule(claim.wrong())));
            }
        } else {
            self.verified += self.claims.len() as u64;
        }
        self.claims.clear();
        self.claimants.clear();
    }

    fn verdict(
        self,
        options: &Options<'_>,
        extends: Option<u64>,
        checkpoint: Option<String>,
        findings: Vec<Finding>,
    ) -> Verdict {
        let pinned = options.key.and_then(|key| key.name().parse().ok());
        Verdict {
            origin: self.state.as_ref().map(State::origin).or(pinned),
            first: self.first,
            entries: self.tree.size(),
            from: self.from,
            to: self.to,
            root: self.tree.root(),
            signatures: self.verified,
            unknown: self.unknown,
            extends,
            checkpoint,
            gaps: self.state.as_ref().map(State::gaps).unwrap_or_default(),
            state: self.state.filter(|_| findings.is_empty()),
            tree: self.tree,
            findings,
        }
    }

    /// The keys that may have signed a checkpoint of this log: those that its entries
    /// state, each of which handed over to the next, if the pinned one is among them;
    /// else the pinned one.
    fn keys(&self, options: &Options<'_>) -> Result<Vec<VerifierKey>, NoteError> {
        let stated = self.state.as_ref().map(State::log_keys).transpose()?.unwrap_or_default();
        Ok(match options.key {
            Some(pinned) if !stated.contains(pinned) => vec![pinned.clone()],
            _ => stated,
        })
    }
}

/// Bundles from `start` on, and the one that could not be read whole.
fn read(source: &dyn Source, start: u64, size: u64) -> (Vec<EntryBytes>, Option<Range<u64>>) {
    let (mut round, mut bytes, mut next) = (Vec::new(), 0, start);
    while next < size && bytes < ROUND {
        let end = size.min(next.saturating_add(BATCH));
        // Whoever answers with another number of entries says nothing of those asked for.
        let whole = source.entries(next..end).ok().filter(|entries| entries.len() as u64 == end - next);
        let Some(entries) = whole else { return (round, Some(next..end)) };
        bytes += entries.iter().map(|entry| entry.as_bytes().len()).sum::<usize>();
        round.extend(entries);
        next = end;
    }
    (round, None)
}

fn missing(index: u64) -> SourceError {
    SourceError::entry(index, Lack::Missing)
}

/// Parses on all cores.
fn parse(entries: &[EntryBytes]) -> Vec<Result<Line, EntryError>> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = entries.len().div_ceil(cores).max(WORTH_A_THREAD);
    let read = |part: &[EntryBytes]| part.iter().map(Entry::from_line).collect::<Vec<_>>();
    let mut parts = entries.chunks(share);
    let Some(own) = parts.next() else { return Vec::new() };
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || read(part))).collect();
        let mut lines = read(own);
        for other in others {
            lines.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        lines
    })
}

/// The checkpoint, if the log's present key signed it.
fn signed_checkpoint(
    note: &[u8],
    walk: &Walk,
    options: &Options<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Checkpoint> {
    let mut wrong = |what: String| findings.push(Finding::new(None, &[Tampering::Unsigned], what));
    let keys = match walk.keys(options) {
        Ok(keys) => keys,
        Err(why) => {
            wrong(format!("the log's key is not acceptable: {why}"));
            return None;
        }
    };
    let Some(key) = keys.last() else {
        wrong(
            "the checkpoint cannot be verified: no entry states the log's key; name it with --key".to_owned(),
        );
        return None;
    };
    let stated = walk.state.as_ref().and_then(|state| Some((state.origin(), state.gates().last()?.log_key)));
    if let Some((origin, public)) = stated
        && (origin.as_str() != key.name() || public != key.public())
    {
        let what = format!("the log is not that of the key {key}: its entries state another name or key");
        findings.push(Finding::new(Some(0), &[Tampering::Forked], what));
        return None;
    }
    let signed = match checkpoint::open(note, key) {
        Ok(signed) => signed,
        Err(why) => {
            wrong(bad_checkpoint(&why));
            return None;
        }
    };
    if let (Some(policy), Ok(note)) = (options.policy, Note::parse(note))
        && let Err(why) = policy(&note)
    {
        let what = format!("the checkpoint does not have the cosignatures that the policy demands: {why}");
        findings.push(Finding::new(None, &[], what));
    }
    Some(signed)
}

fn bad_checkpoint(why: &CheckpointError) -> String {
    match why {
        CheckpointError::Note(NoteError::NotSigned) | CheckpointError::NotSignedByLog { .. } => {
            "the checkpoint is not signed by the log's key".to_owned()
        }
        CheckpointError::Note(NoteError::BadSignature { .. }) => {
            "the checkpoint's signature is wrong: its text or its signature was changed".to_owned()
        }
        other => format!("the checkpoint is not one of this log: {other}"),
    }
}

fn unreadable_older(why: &CheckpointError) -> Finding {
    Finding::new(None, &[], format!("the older checkpoint cannot be read: {why}"))
}

/// The older checkpoint must be signed by a key of this log, present or past.
fn older(note: &[u8], old: &Checkpoint, walk: &Walk, options: &Options<'_>) -> Result<(), Finding> {
    let keys = walk.keys(options).unwrap_or_default();
    let Err(why) = checkpoint::open_by_any(note, &keys) else { return Ok(()) };
    let origin = keys.last().map_or("", VerifierKey::name);
    if old.origin != origin {
        let what = format!("the older checkpoint is of another log: {}", old.origin);
        return Err(Finding::new(None, &[], what));
    }
    if let CheckpointError::Note(NoteError::BadSignature { .. }) = why {
        let what = "the older checkpoint's own signature is wrong: nothing can be held against it";
        return Err(Finding::new(None, &[], what));
    }
    let what = "the older checkpoint is signed by another key than this log's: the whole log was replaced, or that checkpoint was";
    Err(Finding::new(Some(0), &[Tampering::Forked], what))
}
