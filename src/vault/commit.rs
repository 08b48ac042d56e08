//! The one way to write: events become entries, entries a signed checkpoint,
//! and all of it one transaction of the store. Long, because what a commit must
//! find before, and what it leaves behind, is read together.

use super::audit::pieces;
use super::ceremony::records_of;
use super::overview::{self, Changes};
use super::seal::{dealing_record, records_of_version};
use super::verify::StoredLog;
use super::{Vault, VaultError};
use crate::audit::{self, Options, State};
use crate::event::{Actor, Entry, EntryError, Event, Hash, Line, SCHEMA};
use crate::gate::Gate;
use crate::hex::Bytes;
use crate::log::checkpoint::{self, Checkpoint, CheckpointError, CoverError};
use crate::log::entry::EntryBytes;
use crate::log::merkle::Frontier;
use crate::log::note::{LogSigner, Note};
use crate::name::{OrganisationId, Origin, Slug};
use crate::state::{Invalid, Organisation, VaultState};
use crate::store::{Append, Batch, Erasure, Found, MAX_RECORD, Receipt, RecordKey, Store, StoreError};
use crate::time::{Span, Time};
use sha2::{Digest as _, Sha256};
use std::ops::Range;

/// Name of the projection that holds the whole state as JSON.
pub const STATE: &str = "state";

/// An organisation's log as it was read, with what it adds up to.
#[derive(Clone)]
pub struct Log {
    /// What the entries add up to.
    pub state: Organisation,
    tree: Frontier,
    checkpoint: String,
    /// Whether others have appended since it was first read.
    shared: bool,
}

impl Log {
    /// Root of the tree over the present entries.
    pub fn root(&self) -> Bytes<32> {
        self.tree.root()
    }

    /// The tree over the present entries.
    pub(super) fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// The checkpoint that covers just these entries, signed by the log alone.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }
}

/// How often something is tried when others append to the same log at the same
/// moment. Each failure means that one of them got on.
pub(super) const ATTEMPTS: usize = 16;
/// How far an entry that another process has just written may be dated after a
/// command's `now`, which it read before it waited.
pub(super) const JUST_NOW: Span = Span::minutes(1);

/// Records to put and delete in the same transaction.
#[derive(Clone, Default)]
pub struct Records {
    /// Name and bytes.
    pub put: Vec<(String, Vec<u8>)>,
    /// Names.
    pub delete: Vec<String>,
    /// Projections beside the state: name and bytes.
    pub projections: Vec<(String, Vec<u8>)>,
    /// What they were made from.
    pub made_from: Vec<Found>,
}

/// Proof that entries are durable and covered by a signed checkpoint. Only the
/// commit makes one, or reading an entry back from the store.
#[derive(Debug)]
pub struct Committed {
    log: OrganisationId,
    released: Vec<(Hash, u64)>,
    checkpoint: String,
    receipt: Option<Receipt>,
}

impl Committed {
    /// Whether these entries say that a target was released.
    pub fn says_released(&self, log: &OrganisationId, ceremony: &Hash, target: u64) -> bool {
        self.log == *log && self.released.contains(&(*ceremony, target))
    }

    /// The checkpoint that covers them.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Whether the bytes of everything that was destroyed with them have left the
    /// store's files.
    pub fn erased(&self) -> bool {
        self.receipt.as_ref().is_some_and(|receipt| receipt.erasure() != Erasure::Pending)
    }
}

/// What is wrong with an entry that stands in the store.
#[derive(Debug, thiserror::Error)]
pub enum EntryFault {
    /// It is not an entry.
    #[error(transparent)]
    Line(#[from] EntryError),
    /// It does not follow from those before it.
    #[error(transparent)]
    Rule(#[from] Invalid),
    /// It begins the log of another organisation.
    #[error("it is another organisation's")]
    AnotherOrganisation,
    /// The log has fewer entries than it had.
    #[error("the log ends before it: it had {0} entries when it was read before")]
    EndsBefore(u64),
    /// The log is another one than it was.
    #[error("the first {0} entries are not those that were read before")]
    OtherThanBefore(u64),
    /// It announces keys that are not this host's.
    #[error("it announces another gate than this host's")]
    AnotherGate,
    /// The log's signed checkpoint is not of the entries up to this one.
    #[error("the signed checkpoint does not cover the log up to here: {0}")]
    NotCovered(#[from] CoverError),
}

/// Reads and replays a log, which must be that organisation's and be covered by
/// the checkpoint that its own key signed: otherwise the next commit would sign
/// what somebody did to the database.
pub fn load(store: &dyn Store, id: &OrganisationId) -> Result<Log, VaultError> {
    let verdict = audit::verify(&StoredLog::new(store, *id), &Options::default(), &mut |_, _| {});
    match (verdict.state, verdict.checkpoint) {
        (Some(State::Organisation(state)), Some(checkpoint)) if state.id == *id => {
            let own = covered(&checkpoint, id, (&state.origin, &state.gate().log_key), &verdict.tree)?;
            Ok(Log { state: *state, tree: verdict.tree, checkpoint: own.to_string(), shared: false })
        }
        // Something is wrong, or others append meanwhile: entry by entry it shows.
        _ => load_strictly(store, id),
    }
}

/// As [`load`], one entry and one signature after the other, up to the first
/// that is wrong.
fn load_strictly(store: &dyn Store, id: &OrganisationId) -> Result<Log, VaultError> {
    let mut replay: Option<Log> = None;
    let missing = || VaultError::NotFound { what: "log", name: id.to_string(), near: Vec::new() };
    // Size and checkpoint of one moment: others may append while this reads.
    let head = store.head(id)?.ok_or_else(missing)?;
    let size = head.frontier.size();
    for entry in indexed(store, id, 0..size) {
        let (index, bytes) = entry?;
        let bad = |why: EntryFault| VaultError::BadEntry { log: *id, index, why };
        let line = Entry::from_line(&bytes).map_err(|e| bad(e.into()))?;
        let leaf = bytes.leaf_hash();
        match &mut replay {
            None => {
                let state = Organisation::begin(&line, &leaf).map_err(|e| bad(e.into()))?;
                let (tree, checkpoint) = (Frontier::new(), head.checkpoint.clone());
                replay = Some(Log { state, tree, checkpoint, shared: false });
            }
            Some(log) => log.state.apply(&line, &leaf).map_err(|e| bad(e.into()))?,
        }
        if let Some(log) = &mut replay {
            log.tree.push(leaf);
        }
    }
    let mut log = replay.ok_or_else(missing)?;
    if log.state.id != *id {
        return Err(VaultError::BadEntry { log: *id, index: 0, why: EntryFault::AnotherOrganisation });
    }
    let own = covered(&log.checkpoint, id, (&log.state.origin, &log.state.gate().log_key), &log.tree)?;
    log.checkpoint = own.to_string();
    Ok(log)
}

/// The stored checkpoint is signed by the log's key and covers just this tree.
/// Gives it with the log's own signature line alone: cosignatures that came since
/// are the store's, and nobody here has verified them.
fn covered(
    note: &str,
    id: &OrganisationId,
    (origin, key): (&Origin, &Bytes<32>),
    tree: &Frontier,
) -> Result<Note, VaultError> {
    let index = tree.size().saturating_sub(1);
    checkpoint::covers(note.as_bytes(), (origin.as_str(), key), (tree.size(), &tree.root()))
        .map_err(|why| VaultError::BadEntry { log: *id, index, why: why.into() })
}

/// Reads and replays what a log has beyond what was read of it before. It must
/// still begin with just that, and its checkpoint cover all of it. After an error
/// the log at hand is as far as it was good, and of no further use.
pub fn advance(store: &dyn Store, log: &mut Log) -> Result<(), VaultError> {
    let id = log.state.id;
    let missing = || VaultError::NotFound { what: "log", name: id.to_string(), near: Vec::new() };
    let head = store.head(&id)?.ok_or_else(missing)?;
    let (begin, size) = (log.state.size, head.frontier.size());
    if size < begin {
        return Err(VaultError::BadEntry { log: id, index: size, why: EntryFault::EndsBefore(begin) });
    }
    for entry in indexed(store, &id, begin..size) {
        let (index, bytes) = entry?;
        let bad = |why: EntryFault| VaultError::BadEntry { log: id, index, why };
        let line = Entry::from_line(&bytes).map_err(|e| bad(e.into()))?;
        log.state.apply(&line, &bytes.leaf_hash()).map_err(|e| bad(e.into()))?;
        log.tree.push(bytes.leaf_hash());
    }
    let own = covered(&head.checkpoint, &id, (&log.state.origin, &log.state.gate().log_key), &log.tree)?;
    log.checkpoint = own.to_string();
    log.shared |= size > begin;
    Ok(())
}

/// Goes on to what others have appended to a log since it was read, perhaps while
/// a person was typing. Gives the time to work at: where they have, and the last
/// entry is a little later than `now`, that one's.
pub fn catch_up(store: &dyn Store, log: &mut Log, now: Time) -> Result<Time, VaultError> {
    if store.size(&log.state.id)? != log.state.size {
        advance(store, log)?;
    }
    let just_now = log.shared && log.state.last - now <= JUST_NOW;
    Ok(if just_now { now.max(log.state.last) } else { now })
}

/// Entries of a log with their indices, a piece at a time: never all of them in
/// memory at once.
fn indexed(
    store: &dyn Store,
    id: &OrganisationId,
    range: Range<u64>,
) -> impl Iterator<Item = Result<(u64, EntryBytes), StoreError>> {
    pieces(range).flat_map(move |piece| {
        let (read, failed) = match store.entries(id, piece.clone()) {
            Ok(entries) => (entries, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        piece.zip(read).map(Ok).chain(failed)
    })
}

/// Reads and replays the vault's own log: the one that begins with `vault-created`.
pub fn load_vault(store: &dyn Store) -> Result<VaultState, VaultError> {
    for id in store.logs()? {
        let Some(head) = store.head(&id)? else { continue };
        let size = head.frontier.size();
        let first = store.entries(&id, 0..size.min(1))?;
        let begins = first.first().and_then(|bytes| Some((Entry::from_line(bytes).ok()?, bytes.leaf_hash())));
        let Some(Ok(mut state)) = begins.map(|(line, leaf)| VaultState::begin(&line, &leaf)) else {
            continue;
        };
        let mut tree = Frontier::new();
        first.iter().for_each(|entry| tree.push(entry.leaf_hash()));
        for entry in indexed(store, &id, 1..size) {
            let (index, bytes) = entry?;
            let bad = |why: EntryFault| VaultError::BadEntry { log: id, index, why };
            let line = Entry::from_line(&bytes).map_err(|e| bad(e.into()))?;
            state.apply(&line, &bytes.leaf_hash()).map_err(|e| bad(e.into()))?;
            tree.push(bytes.leaf_hash());
        }
        if let Some(gate) = state.gates.last() {
            covered(&head.checkpoint, &id, (&Origin::of_log(&state.origin, &id), &gate.log_key), &tree)?;
        }
        return Ok(state);
    }
    Err(VaultError::NotFound { what: "vault log", name: "vault-created".to_owned(), near: Vec::new() })
}

/// Writes the first entry of the vault's own log.
pub fn begin_vault(
    store: &mut dyn Store,
    gate: &dyn Gate,
    event: Event,
    now: Time,
) -> Result<VaultState, VaultError> {
    let (line, entry) = line_of(Actor::Host, event, now)?;
    let state = VaultState::begin(&line, &entry.leaf_hash())?;
    let id = state.vault.into();
    let mut tree = Frontier::new();
    tree.push(entry.leaf_hash());
    let origin = state.log_origin();
    let _durable = store.commit(Batch {
        appends: vec![append_one(gate, id, &origin, 0, entry, &tree)?],
        projections: vec![projection(&id, &state)],
        ..Batch::default()
    })?;
    Ok(state)
}

/// Commits events to an organisation's log; [`StoreError::Conflict`] if others have
/// appended to it since it was read.
///
/// The state is not copied, which would cost more than all the rest in a large
/// organisation. If the commit fails after the state has gone on, the log is read
/// again: after some failures only that tells whether it was written. Should that
/// fail too, the log at hand is ahead of the stored one; a commit from there is
/// refused by its size, and nothing is released without a [`Committed`].
pub fn commit(
    store: &mut dyn Store,
    gate: &dyn Gate,
    log: &mut Log,
    now: Time,
    events: Vec<(Actor, Event)>,
    records: Records,
) -> Result<Committed, VaultError> {
    let (id, size, root) = (log.state.id, log.state.size, log.root());
    let committed = commit_in_place(store, gate, log, now, events, records);
    if committed.is_err() && log.state.size != size {
        let shared = log.shared || matches!(committed, Err(VaultError::Store(StoreError::Conflict { .. })));
        *log = Log { shared, ..load(store, &id)? };
        if log.state.root_at(size) != Some(root) {
            let (index, why) = (size.saturating_sub(1), EntryFault::OtherThanBefore(size));
            return Err(VaultError::BadEntry { log: id, index, why });
        }
    }
    committed
}

fn commit_in_place(
    store: &mut dyn Store,
    gate: &dyn Gate,
    log: &mut Log,
    now: Time,
    events: Vec<(Actor, Event)>,
    records: Records,
) -> Result<Committed, VaultError> {
    let id = log.state.id;
    let (before, mut changes) = ((log.state.size, log.root()), Changes::default());
    // Its checkpoint would be of a key that the log did not announce.
    if log.state.gate() != &gate.announce(&id, gate.epoch())? {
        return Err(VaultError::BadEntry { log: id, index: 0, why: EntryFault::AnotherGate });
    }
    if now < log.state.last {
        return Err(VaultError::ClockBack { now, last: log.state.last });
    }
    let expected_size = log.state.size;
    let mut entries = Vec::with_capacity(events.len());
    let mut released = Vec::new();
    let mut delete = records.delete;
    for (actor, event) in events {
        match &event {
            Event::Released { ceremony, target, .. } => released.push((*ceremony, *target)),
            // What there is to destroy the log at hand knows, not the one that the
            // caller saw: others may have contributed since.
            event => delete.extend(destroyed_by(&log.state, event)),
        }
        changes.note(&event, &log.state);
        let (line, entry) = line_of(actor, event, now)?;
        let leaf = entry.leaf_hash();
        log.state.apply(&line, &leaf)?;
        log.tree.push(leaf);
        entries.push(entry);
    }
    let checkpoint = sign(gate, gate.epoch(), &id, &log.state.origin, &log.tree)?;
    log.checkpoint.clone_from(&checkpoint);
    let rows = changes.rows(store, &log.state, before)?;
    // A crash before this call leaves the log as it was; a crash after it
    // leaves entries, checkpoint, records and projections whole.
    let due = state_is_due(expected_size, log.state.size).then(|| projection(&id, &log.state));
    let receipt = store.commit(Batch {
        appends: vec![Append { log: id, expected_size, entries, checkpoint: checkpoint.clone() }],
        put_records: keyed(id, records.put),
        delete_records: delete.into_iter().map(|name| RecordKey { log: id, name }).collect(),
        projections: keyed(id, records.projections).into_iter().chain(due).collect(),
        clear_rows: rows.clear.then_some(id).into_iter().collect(),
        delete_rows: rows.delete.into_iter().map(|name| RecordKey { log: id, name }).collect(),
        put_rows: keyed(id, rows.put),
        made_from: records.made_from,
        ..Batch::default()
    })?;
    Ok(Committed { log: id, released, checkpoint, receipt: Some(receipt) })
}

/// Names of the records that an event destroys, in the state before it.
pub(super) fn destroyed_by(state: &Organisation, event: &Event) -> Vec<String> {
    match event {
        Event::Ended { ceremony, .. } => records_of(state, ceremony),
        Event::Destroyed(gone) => records_of_version(state, &gone.credential),
        Event::DealingsDestroyed(gone) => gone.dealings.iter().map(dealing_record).collect(),
        _ => Vec::new(),
    }
}

/// What a log that was read from the store says was released in ceremonies that are
/// open: for giving it out again. State and checkpoint are the log's own, so of one moment.
pub fn committed_before(log: &Log) -> Committed {
    let each = |(hash, c): (&Hash, &crate::state::Ceremony)| {
        c.released.iter().map(|t| (*hash, *t)).collect::<Vec<_>>()
    };
    let released = log.state.ceremonies.iter().flat_map(each).collect();
    Committed { log: log.state.id, released, checkpoint: log.checkpoint.clone(), receipt: None }
}

impl Vault {
    /// Does something from the log as it now is, at the time that it is given, and
    /// again where another process was faster. What was signed is a fact still;
    /// whether it follows from what is there now, the rules decide anew.
    pub(super) fn at_present<T>(
        &mut self,
        log: &mut Log,
        now: Time,
        mut attempt: impl FnMut(&mut Self, &mut Log, Time) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut now = now;
        for _ in 1..ATTEMPTS {
            now = self.catch_up(log, now)?;
            match attempt(self, log, now) {
                Err(VaultError::Store(StoreError::Conflict { .. } | StoreError::Replaced { .. })) => {}
                done => return done,
            }
        }
        now = self.catch_up(log, now)?;
        attempt(self, log, now)
    }

    /// Goes on to what others have appended to a log since it was read; gives the
    /// time to work at.
    pub fn catch_up(&self, log: &mut Log, now: Time) -> Result<Time, VaultError> {
        catch_up(&self.public.store, log, now)
    }

    /// Commits events that were made from just this log.
    pub(super) fn commit_once(
        &mut self,
        log: &mut Log,
        now: Time,
        events: Vec<(Actor, Event)>,
        records: Records,
    ) -> Result<Committed, VaultError> {
        commit(&mut self.public.store, &self.gate, log, now, events, records)
    }

    /// Creates an organisation: an entry in the vault's log and the first entry
    /// of its own, with the one that names its keepers, in one transaction.
    pub fn commit_organisation(
        &mut self,
        id: OrganisationId,
        slug: &Slug,
        first: Event,
        records: Records,
        now: Time,
    ) -> Result<Log, VaultError> {
        let vault_id: OrganisationId = self.state.vault.into();
        if now < self.state.last {
            return Err(VaultError::ClockBack { now, last: self.state.last });
        }
        let mut next = self.state.clone();
        let (first_line, first_entry) = line_of(Actor::Host, first, now)?;
        let first_leaf = first_entry.leaf_hash();
        let added =
            Event::OrganisationAdded { organisation: id, slug: slug.clone(), first_entry: first_leaf };
        let (line, entry) = line_of(Actor::Host, added, now)?;
        next.apply(&line, &entry.leaf_hash())?;
        let mut vault_tree = Frontier::new();
        for piece in pieces(0..self.state.size) {
            vault_tree.extend(self.store().leaf_hashes(&vault_id, piece)?);
        }
        vault_tree.push(entry.leaf_hash());
        let mut state = Organisation::begin(&first_line, &first_leaf)?;
        let mut tree = Frontier::new();
        tree.push(first_leaf);
        let mut entries = vec![first_entry];
        // Whom the vault's own log has as keepers, each organisation's log names.
        if let Some(group) = self.state.recovery.clone() {
            let (line, entry) = line_of(Actor::Host, Event::KeepersNamed(group), now)?;
            state.apply(&line, &entry.leaf_hash())?;
            tree.push(entry.leaf_hash());
            entries.push(entry);
        }
        let vault_origin = next.log_origin();
        let checkpoint = sign(&self.gate, self.gate.epoch(), &id, &state.origin, &tree)?;
        let appends = vec![
            append_one(&self.gate, vault_id, &vault_origin, self.state.size, entry, &vault_tree)?,
            Append { log: id, expected_size: 0, entries, checkpoint: checkpoint.clone() },
        ];
        let _durable = self.public.store.commit(Batch {
            appends,
            put_records: keyed(id, records.put),
            projections: vec![projection(&vault_id, &next), projection(&id, &state)],
            put_rows: keyed(id, overview::all(&state).into_iter().collect()),
            ..Batch::default()
        })?;
        self.public.state = next;
        Ok(Log { state, tree, checkpoint, shared: false })
    }
}

pub(super) fn line_of(actor: Actor, event: Event, time: Time) -> Result<(Line, EntryBytes), VaultError> {
    let entry = Entry { v: SCHEMA, time, actor, event };
    let bytes = entry.to_line()?;
    Ok((Line::Known(Box::new(entry)), bytes))
}

/// Appends one entry to a log of `expected_size` entries; `tree` has it already.
fn append_one(
    gate: &dyn Gate,
    log: OrganisationId,
    origin: &Origin,
    expected_size: u64,
    entry: EntryBytes,
    tree: &Frontier,
) -> Result<Append, VaultError> {
    let checkpoint = sign(gate, gate.epoch(), &log, origin, tree)?;
    Ok(Append { log, expected_size, entries: vec![entry], checkpoint })
}

pub(super) fn keyed(log: OrganisationId, records: Vec<(String, Vec<u8>)>) -> Vec<(RecordKey, Vec<u8>)> {
    records.into_iter().map(|(name, bytes)| (RecordKey { log, name }, bytes)).collect()
}

pub(super) fn sign(
    gate: &dyn Gate,
    epoch: u64,
    id: &OrganisationId,
    origin: &Origin,
    tree: &Frontier,
) -> Result<String, VaultError> {
    sign_at((gate, epoch), id, origin, (tree.size(), tree.root()))
}

/// The log's own signature, by an epoch's key, over a checkpoint with this size and
/// root.
pub(super) fn sign_at(
    (gate, epoch): (&dyn Gate, u64),
    id: &OrganisationId,
    origin: &Origin,
    (size, root): (u64, Bytes<32>),
) -> Result<String, VaultError> {
    let seed = gate.log_seed(id, epoch)?;
    let signer = LogSigner::new(origin.as_str(), seed).map_err(CheckpointError::from)?;
    let body = Checkpoint { origin: origin.to_string(), size, root };
    Ok(checkpoint::sign(&body, &signer)?.to_string())
}

/// The whole state as JSON, for `audit verify` to compare with a replay.
pub(super) fn projection(id: &OrganisationId, state: &impl StateOfLog) -> (RecordKey, Vec<u8>) {
    (state_key(id), state_bytes(state))
}

/// Logs below this size have their state written at every commit.
const SMALL: u64 = 256;

/// Whether a commit that takes a log from one size to another writes its state
/// too: in a small log always, in others when a multiple of a power of two is
/// reached that is at most an eighth of the size. So the stored state is never
/// more than an eighth of the log behind, and the writing of it costs an entry the
/// same however long the log is. `audit verify` knows the rule, and replays up to
/// the stored state's size to compare.
pub(super) fn state_is_due(from: u64, to: u64) -> bool {
    let step = if to < SMALL { 1 } else { 1 << (to / 8).ilog2() };
    from == 0 || from / step != to / step
}

/// Where a log's state is kept.
pub(super) fn state_key(log: &OrganisationId) -> RecordKey {
    RecordKey { log: *log, name: STATE.to_owned() }
}

/// A state in the one form in which it is kept, so that bytes can be compared. What
/// is longer than a projection may be is kept as its size and hash: as much for a
/// comparison.
pub(super) fn state_bytes(state: &impl StateOfLog) -> Vec<u8> {
    let whole = serde_json::to_vec(state)
        .expect("state holds only strings, numbers, lists and maps with string keys");
    if whole.len() <= MAX_RECORD {
        return whole;
    }
    let hash = Bytes::<32>(Sha256::digest(&whole).into());
    format!(r#"{{"size":{},"sha256":"{hash}"}}"#, state.size()).into_bytes()
}

/// What a log adds up to, as it is kept beside it.
pub(super) trait StateOfLog: serde::Serialize {
    /// Entries.
    fn size(&self) -> u64;
}

impl StateOfLog for Organisation {
    fn size(&self) -> u64 {
        self.size
    }
}

impl StateOfLog for VaultState {
    fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_state_is_never_an_eighth_behind_and_seldom_written() {
        for by in [1, 3, 50, 1000] {
            let (mut size, mut stored, mut written) = (1u64, 1u64, 0u64);
            while size < 200_000 {
                let next = size + by;
                if state_is_due(size, next) {
                    (stored, written) = (next, written + 1);
                }
                size = next;
                assert!(stored == size || (size - stored) * 8 <= size, "{stored} of {size}");
                assert!(!state_is_due(stored, size) || stored == size, "{stored} of {size} is too old");
            }
            assert!(written < SMALL + 16 * 12, "{written} times");
        }
    }

    #[test]
    fn a_stored_state_that_was_put_back_is_too_old() {
        assert!(state_is_due(254, 255), "in a small log every commit writes it");
        assert!(state_is_due(1000, 1100));
        assert!(!state_is_due(1024, 1100));
    }
}
