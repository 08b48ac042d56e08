//! Verifying a vault against its own logs: each log by `audit`, then what lies
//! beside it against what the log adds up to. Long, because what may lie there is
//! one list, and whatever is not on it is found.

use super::ceremony::{contribution_record, gate_key_record, request_record, requester_key_record};
use super::commit::{STATE, state_bytes, state_is_due, state_key};
use super::hierarchy::text_record;
use super::overview;
use super::people::totp_record;
use super::reconcile::facts_record;
use super::recovery::root_record;
use super::report::{Finding, LogReport, Report};
use super::seal::{dealing_record, records_of_version, sealed_record};
use super::witness::COSIGNED;
use super::{PublicVault, VaultError};
use crate::audit::{self, Lack, Options, Source, SourceError, State, Verdict};
use crate::ceremony::recipient::is_theirs;
use crate::ceremony::recovery::verify_dealing;
use crate::event::{
    Event, GroupEpoch, Hash, Line, ReshareOpening, RootDealing, SaltedText, TextHash, record_hash,
};
use crate::log::cosignature::Cosignature;
use crate::log::note::{Note, NoteError, VerifierKey};
use crate::log::{Checkpoint, EntryBytes, Hash as LeafHash, checkpoint};
use crate::message::{Contribution, Message, SignedRequest, SignedReshare};
use crate::name::{LogName, OrganisationId, Origin, printable};
use crate::pvss::ClaimedDealing;
use crate::seal::{aead, record::SealedPayload, root::SealedRoot, sign};
use crate::state::{Gapped, Organisation, VaultState, log_keys};
use crate::store::{Damage, RecordKey, Store, StoreError};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::ops::Range;

/// A vault's log as a source of entries.
pub struct StoredLog<'a> {
    store: &'a dyn Store,
    id: OrganisationId,
}

impl<'a> StoredLog<'a> {
    /// That log of that store.
    pub fn new(store: &'a dyn Store, id: OrganisationId) -> Self {
        Self { store, id }
    }
}

impl Source for StoredLog<'_> {
    fn checkpoint(&self) -> Result<Vec<u8>, SourceError> {
        let note = self.store.checkpoint(&self.id).map_err(|why| lack(&why));
        let note = note.and_then(|note| note.ok_or(Lack::Missing));
        let failed = |why| SourceError::File { file: "the checkpoint".to_owned(), why };
        note.map(String::into_bytes).map_err(failed)
    }

    fn entries(&self, range: Range<u64>) -> Result<Vec<EntryBytes>, SourceError> {
        self.store.entries(&self.id, range.clone()).map_err(|why| not_there(range.start, why))
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<LeafHash>, SourceError> {
        self.store.leaf_hashes(&self.id, range.clone()).map_err(|why| not_there(range.start, why))
    }
}

fn not_there(start: u64, why: StoreError) -> SourceError {
    let index = match &why {
        StoreError::Damaged { what: Damage::Entry(_, index) } => *index,
        StoreError::Outside { size, .. } => *size,
        _ => start,
    };
    SourceError::entry(index, lack(&why))
}

/// What a failure of the store says of the part of a log that was asked for.
fn lack(why: &StoreError) -> Lack {
    match why {
        StoreError::Damaged { .. } => Lack::Altered,
        StoreError::Outside { .. } | StoreError::NoSuchLog { .. } => Lack::Missing,
        StoreError::Busy => Lack::Reading(ErrorKind::ResourceBusy),
        StoreError::Io { kind } => Lack::Reading(*kind),
        StoreError::Engine { code } => Lack::Engine(*code),
        _ => Lack::Reading(ErrorKind::Other),
    }
}

struct Check<'a> {
    vault: &'a PublicVault,
    log: String,
    id: OrganisationId,
    findings: Vec<Finding>,
    records: u64,
    /// Reason and ticket of every request that opened a ceremony.
    requests: BTreeMap<Hash, [Option<TextHash>; 2]>,
    /// Every name that an account ever had, and why cards were barred: an old text
    /// stays in its record.
    own_texts: BTreeSet<TextHash>,
    /// Those requests that were to reshare.
    reshares: BTreeSet<Hash>,
}

impl PublicVault {
    /// As [`PublicVault::verify_against`], with nothing else to hold it against.
    pub fn verify(&self, only: Option<&LogName>) -> Result<Report, VaultError> {
        self.verify_against(only, &Options::default())
    }

    /// Verifies every log, or one of them: leaves and root, checkpoint,
    /// actors' signatures, replayed state against stored state, every record. An
    /// older checkpoint and a key are held against the log whose name they bear,
    /// which must be among them.
    pub fn verify_against(
        &self,
        only: Option<&LogName>,
        options: &Options<'_>,
    ) -> Result<Report, VaultError> {
        // Others may append meanwhile: entries, checkpoint and state must be of one moment.
        let _moment = self.store().moment()?;
        let mut report = Report { logs: Vec::new(), findings: Vec::new() };
        let logs = match only {
            Some(name) => vec![(name.clone(), self.log_id(name)?)],
            None => {
                let all = self.state().organisations.iter();
                let all = all.map(|(id, slug)| (LogName::Organisation(slug.clone()), *id));
                [(LogName::Vault, self.state().vault.into())].into_iter().chain(all).collect()
            }
        };
        let older = options.against.and_then(|note| Checkpoint::unverified(note).ok()).map(|old| old.origin);
        let named = [older.clone(), options.key.map(|key| key.name().to_owned())];
        for name in named.iter().flatten() {
            let origins = logs.iter().map(|(_, id)| Origin::of_log(&self.state().origin, id));
            let near: Vec<_> = origins.map(|origin| origin.to_string()).collect();
            if !near.contains(name) {
                return Err(VaultError::NotFound { what: "log", name: name.clone(), near });
            }
        }
        for (log, id) in logs {
            let origin = Origin::of_log(&self.state().origin, &id).to_string();
            let own = Options {
                key: options.key.filter(|key| key.name() == origin),
                against: options.against.filter(|_| older.as_ref().is_none_or(|older| *older == origin)),
                ..*options
            };
            let mut check = self.check(log.to_string(), id);
            report.logs.push(check.log(&own));
            report.findings.append(&mut check.findings);
        }
        Ok(report)
    }

    fn check(&self, log: String, id: OrganisationId) -> Check<'_> {
        Check {
            vault: self,
            log,
            id,
            findings: Vec::new(),
            records: 0,
            requests: BTreeMap::new(),
            own_texts: BTreeSet::new(),
            reshares: BTreeSet::new(),
        }
    }
}

impl Check<'_> {
    fn found(&mut self, entry: Option<u64>, what: impl Into<String>) {
        // Names come from the database, which anybody may have written.
        let (log, tampering, what) = (self.log.clone(), Vec::new(), printable(&what.into()));
        self.findings.push(Finding { log, entry, tampering, what, file: None, record_missing: false });
    }

    fn log(&mut self, options: &Options<'_>) -> LogReport {
        let store = self.vault.store();
        let stored = store.projection(&state_key(&self.id));
        // The stored state is of the size that it states.
        let stored_size = stored.as_ref().ok().and_then(|s| s.as_ref()).and_then(|s| size_of_state(s));
        let (mut same, mut requests, mut own_texts) = (None, BTreeMap::new(), BTreeSet::new());
        let mut reshares = BTreeSet::new();
        let mut compare = |state: &State, line: &Line| {
            if Some(state.size()) == stored_size {
                same = Some(stored.as_ref().is_ok_and(|s| s.as_ref() == Some(&bytes_of(state))));
            }
            own_texts.extend(own_text(line));
            if let Some(opening) = reshare_opening(line) {
                requests.insert(opening.ceremony, [Some(opening.reason), opening.ticket]);
                reshares.insert(opening.ceremony);
            }
            // Right after its opening each ceremony is the one that is being listed.
            if let State::Organisation(state) = state
                && let Some((hash, opened)) = state.listing.and_then(|h| state.ceremonies.get_key_value(&h))
            {
                requests.insert(*hash, [Some(opened.reason), opened.ticket]);
            }
        };
        let verdict = audit::verify(&StoredLog::new(store, self.id), options, &mut compare);
        (self.requests, self.reshares, self.own_texts) = (requests, reshares, own_texts);
        self.findings.extend(verdict.findings.iter().map(|found| Finding::of_log(&self.log, found)));
        if let Err(why) = &stored {
            self.found(None, format!("the stored state cannot be read: {why}"));
        } else if let Some(state) = &verdict.state {
            let fresh =
                stored_size.is_some_and(|size| size <= state.size() && !state_is_due(size, state.size()));
            if same != Some(true) || !fresh {
                self.found(None, "the stored state is not what the entries add up to");
            }
        }
        self.head(&verdict);
        self.nothing_more();
        match &verdict.state {
            Some(State::Vault(state)) => self.vault_log(state),
            Some(State::Organisation(state)) => self.organisation_log(state),
            None => {}
        }
        LogReport::new(&self.log, &verdict, self.records)
    }

    /// The stored frontier, to which the next commit appends, is the log's.
    fn head(&mut self, verdict: &Verdict) {
        match self.vault.store().head(&self.id) {
            Err(why) => self.found(None, format!("the log's size cannot be read: {why}")),
            Ok(Some(head)) if verdict.is_good() => {
                let stored = (head.frontier.size(), head.frontier.root());
                if stored != (verdict.entries, verdict.root) {
                    self.found(
                        None,
                        format!("the store says that the log has {} entries, of another root", stored.0),
                    );
                }
            }
            Ok(_) => {}
        }
    }

    /// Beside entries and records there are the stored state and the kept note, and
    /// nothing else: whoever writes the database could keep things there.
    fn nothing_more(&mut self) {
        let store = self.vault.store();
        match store.entries_beyond(&self.id) {
            Ok(0) => {}
            Ok(more) => {
                self.found(None, format!("the store has {more} more after the last entry of the log"))
            }
            Err(why) => self.found(None, format!("the entries cannot be counted: {why}")),
        }
        let names = store.projection_names(&self.id).unwrap_or_default();
        for name in names.iter().filter(|name| *name != STATE && *name != COSIGNED) {
            self.found(None, format!("projection {} belongs to nothing", shorten(name)));
        }
    }

    fn vault_log(&mut self, state: &VaultState) {
        match self.vault.store().strays() {
            Ok(strays) => strays.iter().for_each(|stray| self.found(None, stray.to_string())),
            Err(why) => self.found(None, format!("the database cannot be counted: {why}")),
        }
        self.recovery_records(state);
        if OrganisationId::from(state.vault) != self.id {
            self.found(Some(0), "the log is another vault's");
        }
        if state.gap_is_open() {
            self.found(
                state.size.checked_sub(1),
                "after the entries that were lost no epoch of the gate has begun",
            );
        }
        self.same_organisations(state);
        let _nobodys = self.kept_note(log_keys(&state.log_origin(), &state.gates));
    }

    fn organisation_log(&mut self, state: &Organisation) {
        if let Err(why) = self.vault.state().check_organisation(state) {
            self.found(Some(0), format!("entry 0 is not valid: {why}"));
        } else if state.id != self.id {
            self.found(Some(0), "the log is another organisation's");
        }
        if state.listing.is_some() {
            self.found(state.size.checked_sub(1), "the last ceremony's list of targets is not complete");
        }
        self.cosignatures(state);
        self.overview(state);
        self.all_records(state);
    }

    /// Beside the vault's own log lie the roots that were dealt to the present
    /// recovery group, and their dealings.
    fn recovery_records(&mut self, state: &VaultState) {
        let mut expected: BTreeMap<String, OfRecovery<'_>> = BTreeMap::new();
        for dealt in state.dealt.values() {
            expected.insert(root_record(dealt.gate_epoch), OfRecovery::Root(dealt));
            expected.insert(dealing_record(&dealt.dealing), OfRecovery::Dealing(dealt));
        }
        let words = Words { missing: &|_| String::new(), stray: &|_| "belongs to no entry" };
        let none = BTreeMap::new();
        self.walk_records((&expected, &none), &words, |_, (_, expected), bytes| expected.holds(state, bytes));
    }

    /// Every record that must be there is, every other one that is there may be, and
    /// each is what it must be, with nothing beside it in its row.
    fn walk_records<E: Copy>(
        &mut self,
        (expected, optional): (&BTreeMap<String, E>, &BTreeMap<String, E>),
        words: &Words<'_, E>,
        holds: impl Fn(&Self, (&str, E), &[u8]) -> bool,
    ) {
        let names = self.vault.store().record_names(&self.id).unwrap_or_else(|why| {
            self.found(None, format!("the records cannot be listed: {why}"));
            Vec::new()
        });
        for (name, what) in expected.iter().filter(|(name, _)| !names.contains(*name)) {
            self.found(None, format!("record {} is missing{}", shorten(name), (words.missing)(what)));
            if let Some(found) = self.findings.last_mut() {
                found.record_missing = true;
            }
        }
        for name in names {
            let Some(expectation) = expected.get(&name).or_else(|| optional.get(&name)).copied() else {
                self.found(None, format!("record {} {}", shorten(&name), (words.stray)(&name)));
                continue;
            };
            let key = RecordKey { log: self.id, name };
            let read = self.vault.store().record_and_padding(&key);
            let what = match read.map(|read| read.ok_or(Lack::Missing)) {
                Ok(Ok((bytes, _))) if !holds(self, (&key.name, expectation), &bytes) => {
                    "is not what its entry says".to_owned()
                }
                Ok(Ok((_, true))) => {
                    self.records += 1;
                    continue;
                }
                Ok(Ok((_, false))) => {
                    "has other bytes beside it in its row, which are no part of it".to_owned()
                }
                Ok(Err(why)) => format!("cannot be read: {why}"),
                Err(why) => format!("cannot be read: {why}"),
            };
            self.found(None, format!("record {} {what}", shorten(&key.name)));
        }
    }

    /// The vault's log names exactly the logs that the store has.
    fn same_organisations(&mut self, state: &VaultState) {
        let mut stored = self.vault.store().logs().unwrap_or_default();
        stored.retain(|id| *id != self.id);
        for id in &stored {
            if !state.organisations.contains_key(id) {
                self.found(None, format!("log {} is of no organisation", id.0.short()));
            }
        }
        for (id, slug) in &state.organisations {
            if !stored.contains(id) {
                self.found(None, format!("the log of organisation '{slug}' is missing"));
            }
        }
    }

    /// Cosignatures of enrolled cards are theirs. Those of others mean nothing here.
    fn cosignatures(&mut self, state: &Organisation) {
        if let Ok(Some(note)) = self.vault.store().checkpoint(&self.id) {
            self.cosigned(state, &note, "the checkpoint");
        }
        if let Some(kept) = self.kept_note(log_keys(&state.origin, &state.gates)) {
            self.cosigned(state, &kept, "the cosigned checkpoint");
        }
    }

    /// The note that is kept as the newest cosigned one states a log that this one
    /// extends, signed by its key: that of the gate's epoch in which it was cosigned.
    fn kept_note(&mut self, keys: Result<Vec<VerifierKey>, NoteError>) -> Option<String> {
        let kept = match self.vault.cosigned(&self.id) {
            Ok(kept) => kept?,
            Err(why) => {
                self.found(None, format!("the cosigned checkpoint cannot be read: {why}"));
                return None;
            }
        };
        match checkpoint::open_by_any(kept.as_bytes(), &keys.ok()?) {
            Ok(stated) => {
                // The entries are those of the signed root by now, and their hashes too.
                let tree = self.vault.tree_of(&self.id, stated.size);
                if tree.map(|tree| tree.root()).ok() != Some(stated.root) {
                    let size = stated.size;
                    self.found(
                        None,
                        format!("the cosigned checkpoint of {size} entries is not one of this log"),
                    );
                }
            }
            Err(why) => self.found(None, format!("the cosigned checkpoint's signature is wrong: {why}")),
        }
        Some(kept)
    }

    fn cosigned(&mut self, state: &Organisation, note: &str, what: &str) {
        let Ok(note) = Note::parse(note.as_bytes()) else { return };
        for enrolment in state.people.values() {
            let Ok(key) = enrolment.cosigner(&state.origin) else { continue };
            match Cosignature::among(&key, note.unverified_text(), note.signatures()) {
                Ok(_) | Err(NoteError::NotSigned) => {}
                Err(_) => {
                    let who = &enrolment.pseudonym;
                    self.found(None, format!("the cosignature of {who} on {what} is wrong"));
                }
            }
        }
    }

    /// The overview's rows are those that the entries make. Of a log that is bad
    /// itself nobody can say what they would be.
    fn overview(&mut self, state: &Organisation) {
        let store = self.vault.store();
        if store.size(&self.id).ok() != Some(state.size) {
            return;
        }
        let made = overview::all(state);
        let there = store.count_rows(&self.id);
        match overview::differences(store, state.id, &made) {
            Ok(found) => found.iter().for_each(|found| self.found(None, found.to_string())),
            Err(why) => self.found(None, format!("the overview cannot be read: {why}")),
        }
        let read = made.len() as u64;
        if there.is_ok_and(|there| there > read) {
            self.found(None, "the overview has rows that belong to nothing");
        }
    }

    fn all_records(&mut self, state: &Organisation) {
        let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
        let left = |credential: &Hash| !state.rotations.destroyed.contains_key(credential);
        for (credential, version) in state.versions.iter().filter(|(credential, _)| left(credential)) {
            let sealing = &version.sealing;
            let (credential, payload) = (*credential, sealing.payload);
            expected.insert(sealed_record(&credential), Expected::Sealed { credential, payload });
            let holder = GroupEpoch { group: sealing.group, epoch: sealing.epoch };
            let dealing = Expected::Dealing { id: sealing.dealing, credential, holder };
            expected.insert(dealing_record(&sealing.dealing), dealing);
        }
        // Until an entry says that they were destroyed.
        for (id, replaced) in &state.reshares.replaced {
            let (credential, holder) = (replaced.credential, replaced.from);
            expected.insert(dealing_record(id), Expected::Dealing { id: *id, credential, holder });
        }
        let authenticators = state.people.keys().filter_map(|who| Some((who, state.authenticator(who)?)));
        expected.extend(authenticators.map(|(who, hash)| (totp_record(who), Expected::Record(hash))));
        expected.extend(state.reconciled.iter().map(|hash| (facts_record(hash), Expected::Record(*hash))));
        // Texts may have been erased; those that are there are named by an entry.
        let spoken = self.requests.values().flatten().flatten();
        let texts = texts(state, spoken.chain(&self.own_texts));
        let request = |hash: &Hash| match self.reshares.contains(hash) {
            true => Expected::ReshareRequest(*hash),
            false => Expected::Request(*hash),
        };
        expected.extend(self.requests.keys().map(|hash| (request_record(hash), request(hash))));
        // At its end the rest is destroyed, in the same commit: nothing may be left.
        for (hash, ceremony) in &state.ceremonies {
            expected.insert(gate_key_record(hash), Expected::CeremonyKey);
            if ceremony.reshare.is_none() {
                expected.insert(requester_key_record(hash), Expected::CeremonyKey);
            }
            let held = ceremony.accepted.keys();
            expected.extend(held.map(|who| (contribution_record(hash, who), Expected::Contribution(*hash))));
        }
        let words = Words {
            missing: &|what| {
                let whose = whose(state, what);
                whose.map_or_else(String::new, |it| format!(": {it}, which no entry says was destroyed"))
            },
            stray: &|name| match destroyed(state, name) {
                true => "was destroyed, as the log says, and is there",
                false => "belongs to no entry",
            },
        };
        self.walk_records((&expected, &texts), &words, |check, of, bytes| check.holds(state, of, bytes));
    }

    fn holds(&self, state: &Organisation, (name, expected): (&str, Expected), bytes: &[u8]) -> bool {
        match expected {
            Expected::Sealed { payload, .. } => {
                SealedPayload::from_bytes(bytes).is_ok_and(|s| s.payload_hash() == payload)
            }
            Expected::Dealing { id, credential, holder } => {
                dealing_holds(state, &id, (&credential, holder), bytes)
            }
            Expected::ReshareRequest(ceremony) => reshare_request_holds(&ceremony, bytes),
            Expected::Record(hash) => record_hash(bytes) == hash,
            Expected::Text(hash) => {
                serde_json::from_slice::<SaltedText>(bytes).is_ok_and(|t| t.hash() == hash)
            }
            Expected::Request(ceremony) => request_holds(&ceremony, bytes),
            Expected::Contribution(ceremony) => Contribution::decode(bytes).is_ok_and(|c| {
                let found = state.ceremonies.get(&ceremony);
                found.is_some_and(|found| is_theirs(&state.people, found, &c))
                    && contribution_record(&ceremony, &c.custodian) == name
            }),
            Expected::CeremonyKey => bytes.len() == SEALED_KEY,
        }
    }
}

/// What is said of a record that is not as it must be.
struct Words<'a, E> {
    /// Added where one that must be there is not.
    missing: &'a dyn Fn(&E) -> String,
    /// Of one that must not be there, by its name.
    stray: &'a dyn Fn(&str) -> &'static str,
}

/// A key of 32 bytes, encrypted at rest.
const SEALED_KEY: usize = 32 + aead::OVERHEAD;

/// What a record must be. Of a ceremony's encrypted keys no entry holds a hash:
/// that an open ceremony has them, and their length, is all that can be asked.
#[derive(Clone, Copy)]
enum Expected {
    /// A sealed payload with this hash.
    Sealed {
        /// Of which version.
        credential: Hash,
        /// Its hash.
        payload: Hash,
    },
    /// The dealing of this credential, or one that another has replaced.
    Dealing {
        /// Its id.
        id: Hash,
        /// Of which version.
        credential: Hash,
        /// Whose shares they are.
        holder: GroupEpoch,
    },
    /// Bytes with this record hash.
    Record(Hash),
    /// The text behind this hash.
    Text(TextHash),
    /// The request of this ceremony.
    Request(Hash),
    /// The request of this resharing.
    ReshareRequest(Hash),
    /// A contribution that this ceremony accepted, of the custodian in its name.
    Contribution(Hash),
    /// An encrypted key.
    CeremonyKey,
}

/// Of a version's record, the version in words.
fn whose(state: &Organisation, expected: &Expected) -> Option<String> {
    let (Expected::Sealed { credential, .. } | Expected::Dealing { credential, .. }) = expected else {
        return None;
    };
    let sealing = &state.versions.get(credential)?.sealing;
    Some(format!("{} version {}", state.address(&sealing.account), sealing.version))
}

/// Whether a record is one of those that the log says were destroyed.
fn destroyed(state: &Organisation, name: &str) -> bool {
    let gone = state.rotations.destroyed.keys();
    gone.flat_map(|credential| records_of_version(state, credential)).any(|record| record == name)
}

/// A record beside the vault's own log.
#[derive(Clone, Copy)]
enum OfRecovery<'a> {
    /// The sealed root.
    Root(&'a RootDealing),
    /// The dealing of its shares.
    Dealing(&'a RootDealing),
}

impl OfRecovery<'_> {
    fn holds(&self, state: &VaultState, bytes: &[u8]) -> bool {
        match self {
            Self::Root(dealt) => SealedRoot::from_bytes(bytes).is_ok() && record_hash(bytes) == dealt.sealed,
            Self::Dealing(dealt) => {
                let group = state.recovery.as_ref();
                group.is_some_and(|group| verify_dealing(state, group, dealt, bytes).is_ok())
            }
        }
    }
}

/// The name that an entry gives an account.
fn own_text(line: &Line) -> Option<TextHash> {
    let Line::Known(entry) = line else { return None };
    match &entry.event {
        Event::AccountCreated { name, .. } => *name,
        Event::AccountRenamed { name, .. } => Some(*name),
        Event::BaselineStated(said) => said.text,
        Event::CardSuspended(suspension) => Some(suspension.reason),
        Event::CardRevoked(revocation) => Some(revocation.reason),
        Event::AbandonmentBegun(notice) => Some(notice.reason),
        _ => None,
    }
}

fn reshare_opening(line: &Line) -> Option<&ReshareOpening> {
    let Line::Known(entry) = line else { return None };
    if let Event::ReshareOpened(opening) = &entry.event { Some(opening) } else { None }
}

/// Every text that an entry names, by its record; `others` are those of requests
/// and accounts, of which the state has only some.
fn texts<'a>(state: &Organisation, others: impl Iterator<Item = &'a TextHash>) -> BTreeMap<String, Expected> {
    let named = state.name.into_iter();
    let projects = state.projects.values().filter_map(|project| project.name);
    let all = named.chain(projects).chain(others.copied());
    all.map(|hash| (text_record(&hash), Expected::Text(hash))).collect()
}

/// Whether a record is the signed request that opened a ceremony.
pub(super) fn request_holds(ceremony: &Hash, bytes: &[u8]) -> bool {
    SignedRequest::decode(bytes).is_ok_and(|s| {
        let signed = s.request.signed_digest();
        s.request.hash() == *ceremony && sign::verify(&s.request.operator_key, &signed, &s.signature)
    })
}

/// The same of a resharing.
pub(super) fn reshare_request_holds(ceremony: &Hash, bytes: &[u8]) -> bool {
    SignedReshare::decode(bytes).is_ok_and(|s| s.request.hash() == *ceremony && s.is_signed())
}

/// Whether bytes are this dealing, of this credential, to this group in its epoch.
pub(super) fn dealing_holds(
    state: &Organisation,
    id: &Hash,
    (credential, holder): (&Hash, GroupEpoch),
    bytes: &[u8],
) -> bool {
    let group = state.statement(&holder.group, holder.epoch);
    let Some(keys) = group.and_then(|g| state.group_keys(g).ok()) else { return false };
    let dealing = ClaimedDealing::read(bytes, credential, &keys);
    dealing.is_ok_and(|dealing| dealing.id() == id && dealing.verify().is_ok())
}

/// A state in the form in which it is stored.
fn bytes_of(state: &State) -> Vec<u8> {
    match state {
        State::Organisation(state) => state_bytes(&**state),
        State::Vault(state) => state_bytes(&**state),
    }
}

/// Of how many entries a stored state says that it is.
fn size_of_state(stored: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Size {
        size: u64,
    }
    serde_json::from_slice::<Size>(stored).ok().map(|stored| stored.size)
}

/// A record's name with its hash cut to eight digits.
fn shorten(name: &str) -> String {
    let cut = |part: &str| part.chars().take(if part.len() > 40 { 8 } else { 40 }).collect::<String>();
    name.split('/').map(cut).collect::<Vec<_>>().join("/")
}
