//! Verifying a vault against its own logs: each log by `audit`, then what lies
//! beside it against what the log adds up to. Long, because everything that is
//! compared stands in one place.

use super::ceremony::{contribution_record, gate_key_record, request_record, requester_key_record};
use super::commit::{STATE, state_bytes, state_is_due, state_key};
use super::hierarchy::{no_organisation, text_record};
use super::people::totp_record;
use super::seal::{dealing_record, records_of_version, sealed_record};
use super::witness::COSIGNED;
use super::{PublicVault, VaultError};
use crate::audit::{self, Options, Source, SourceError, State, Tampering, Verdict};
use crate::event::{Hash, SaltedText, TextHash, record_hash};
use crate::hex::Bytes;
use crate::log::cosignature::Cosignature;
use crate::log::note::{Note, NoteError};
use crate::log::{Checkpoint, EntryBytes, Hash as LeafHash, checkpoint, merkle};
use crate::message::{Contribution, Message, SignedRequest};
use crate::name::{OrganisationId, Origin, Slug, printable};
use crate::pvss::{Dealing, DealingContext};
use crate::seal::{aead, record::SealedPayload, sign};
use crate::state::{Organisation, Standing, VaultState};
use crate::store::{Damage, Store, StoreError};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// What verification found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One for each log.
    pub logs: Vec<LogReport>,
    /// Everything that is wrong, first things first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// What is found when the vault's own log is so wrong that it cannot even be
    /// read; `None` for failures that say nothing about the log.
    pub fn of_unreadable(error: &VaultError) -> Option<Self> {
        let entry = match error {
            VaultError::Store(StoreError::Damaged { what: Damage::Entry(_, index) })
            | VaultError::BadEntry { index, .. } => Some(*index),
            VaultError::Store(StoreError::Damaged { what: Damage::Head(_) | Damage::Schema(..) }) => None,
            _ => return None,
        };
        let (log, tampering, what) = ("vault".to_owned(), Vec::new(), error.to_string());
        let findings = vec![Finding { log, entry, tampering, what, file: None }];
        Some(Self { logs: Vec::new(), findings })
    }

    /// Of a log that lies elsewhere than in a vault, and has nothing beside it.
    pub fn of_copy(log: &str, verdict: &Verdict) -> Self {
        let findings = verdict.findings.iter().map(|finding| Finding::of_log(log, finding)).collect();
        Self { logs: vec![LogReport::new(log, verdict, 0)], findings }
    }
}

/// A log that was verified as far as it goes.
#[derive(Debug, Serialize)]
pub struct LogReport {
    /// Organisation's name, `vault`, or a copy's directory.
    pub log: String,
    /// First entry that was read: 0, unless it is a period's evidence.
    pub first: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Time of the first.
    pub from: Option<Time>,
    /// Time of the last.
    pub to: Option<Time>,
    /// Root over them.
    pub root: Bytes<32>,
    /// Actors' signatures that were verified.
    pub signatures: u64,
    /// Entries of kinds that a newer version wrote: they were hashed, not judged.
    pub unknown: u64,
    /// Size of the older checkpoint that it extends, if one was given.
    pub extends: Option<u64>,
    /// Records whose bytes were checked.
    pub records: u64,
}

impl LogReport {
    fn new(log: &str, verdict: &Verdict, records: u64) -> Self {
        Self {
            log: log.to_owned(),
            first: verdict.first,
            entries: verdict.entries - verdict.first.min(verdict.entries),
            from: verdict.from,
            to: verdict.to,
            root: verdict.root,
            signatures: verdict.signatures,
            unknown: verdict.unknown,
            extends: verdict.extends,
            records,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Organisation's name, `vault`, or a copy's directory.
    pub log: String,
    /// Which entry, from 0, where it can be told.
    pub entry: Option<u64>,
    /// What may have been done to the log; nothing for what lies beside it.
    pub tampering: Vec<Tampering>,
    /// What is wrong.
    pub what: String,
    /// Which file of an exported copy is wrong, where that is what was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Finding {
    fn of_log(log: &str, finding: &audit::Finding) -> Self {
        let (log, tampering) = (log.to_owned(), finding.tampering.clone());
        Self { log, entry: finding.entry, tampering, what: printable(&finding.to_string()), file: None }
    }
}

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
        let note = self.store.checkpoint(&self.id).map_err(|why| why.to_string());
        let note = note.and_then(|note| note.ok_or_else(|| "it is not in the store".to_owned()));
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
    match why {
        StoreError::Damaged { what: Damage::Entry(_, index) } => {
            let why = "it is absent, no entry, or not what its stored leaf hash says".to_owned();
            SourceError::Entry { index, why }
        }
        StoreError::Outside { size, .. } => {
            SourceError::Entry { index: size, why: "it is absent".to_owned() }
        }
        other => SourceError::Entry { index: start, why: other.to_string() },
    }
}

struct Check<'a> {
    vault: &'a PublicVault,
    log: String,
    id: OrganisationId,
    findings: Vec<Finding>,
    records: u64,
}

impl PublicVault {
    /// As [`PublicVault::verify_against`], with nothing else to hold it against.
    pub fn verify(&self, only: Option<&Slug>) -> Result<Report, VaultError> {
        self.verify_against(only, &Options::default())
    }

    /// Verifies every log, or one organisation's: leaves and root, checkpoint,
    /// actors' signatures, replayed state against stored state, every record. An
    /// older checkpoint and a key are held against the log whose name they bear,
    /// which must be among them.
    pub fn verify_against(&self, only: Option<&Slug>, options: &Options<'_>) -> Result<Report, VaultError> {
        // Others may append meanwhile: entries, checkpoint and state must be of one moment.
        let _moment = self.store().moment()?;
        let mut report = Report { logs: Vec::new(), findings: Vec::new() };
        let all = self.state().organisations.iter();
        let chosen: Vec<_> = all.filter(|(_, slug)| only.is_none_or(|o| o == *slug)).collect();
        if let (Some(slug), true) = (only, chosen.is_empty()) {
            return Err(no_organisation(slug));
        }
        let own = only.is_none().then(|| ("vault".to_owned(), self.state().vault.into()));
        let logs: Vec<_> =
            own.into_iter().chain(chosen.into_iter().map(|(id, s)| (s.to_string(), *id))).collect();
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
            let mut check = self.check(log, id);
            report.logs.push(check.log(&own));
            report.findings.append(&mut check.findings);
        }
        Ok(report)
    }

    fn check(&self, log: String, id: OrganisationId) -> Check<'_> {
        Check { vault: self, log, id, findings: Vec::new(), records: 0 }
    }
}

impl Check<'_> {
    fn found(&mut self, entry: Option<u64>, what: impl Into<String>) {
        // Names come from the database, which anybody may have written.
        let (log, tampering, what) = (self.log.clone(), Vec::new(), printable(&what.into()));
        self.findings.push(Finding { log, entry, tampering, what, file: None });
    }

    fn log(&mut self, options: &Options<'_>) -> LogReport {
        let store = self.vault.store();
        let stored = store.projection(&state_key(&self.id));
        // The stored state is of the size that it states.
        let stored_size = stored.as_ref().ok().and_then(|s| s.as_ref()).and_then(|s| size_of_state(s));
        let mut same = None;
        let mut compare = |state: &State| {
            if Some(state.size()) == stored_size {
                same = Some(stored.as_ref().is_ok_and(|s| s.as_ref() == Some(&bytes_of(state))));
            }
        };
        let verdict = audit::verify(&StoredLog::new(store, self.id), options, &mut compare);
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
        // The vault's own log is cosigned by nobody.
        let cosigned = OrganisationId::from(self.vault.state().vault) != self.id;
        for name in names.iter().filter(|name| *name != STATE && !(cosigned && *name == COSIGNED)) {
            self.found(None, format!("projection {} belongs to nothing", shorten(name)));
        }
    }

    fn vault_log(&mut self, state: &VaultState) {
        match self.vault.store().strays() {
            Ok(0) => {}
            Ok(strays) => self.found(None, format!("{strays} rows of the database belong to no log")),
            Err(why) => self.found(None, format!("the database cannot be counted: {why}")),
        }
        for name in self.vault.store().record_names(&self.id).unwrap_or_default() {
            self.found(None, format!("record {} belongs to no entry", shorten(&name)));
        }
        if OrganisationId::from(state.vault) != self.id {
            self.found(Some(0), "the log is another vault's");
        }
        self.same_organisations(state);
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
        self.all_records(state);
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

    /// Cosignatures of enrolled cards are theirs; the kept note states a log that
    /// this one extends. Those of others mean nothing here.
    fn cosignatures(&mut self, state: &Organisation) {
        if let Ok(Some(note)) = self.vault.store().checkpoint(&self.id) {
            self.cosigned(state, &note, "the checkpoint");
        }
        let kept = match self.vault.cosigned(&self.id) {
            Ok(None) => return,
            Ok(Some(kept)) => kept,
            Err(why) => return self.found(None, format!("the cosigned checkpoint cannot be read: {why}")),
        };
        self.cosigned(state, &kept, "the cosigned checkpoint");
        let Ok(key) = state.log_key() else { return };
        let stated = match checkpoint::open(kept.as_bytes(), &key) {
            Ok(stated) => stated,
            Err(why) => {
                return self.found(None, format!("the cosigned checkpoint's signature is wrong: {why}"));
            }
        };
        // The entries are those of the signed root by now, and their hashes too.
        let leaves = self.vault.store().leaf_hashes(&self.id, 0..stated.size).ok();
        if leaves.map(|leaves| merkle::root(&leaves)) != Some(stated.root) {
            let size = stated.size;
            self.found(None, format!("the cosigned checkpoint of {size} entries is not one of this log"));
        }
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

    fn all_records(&mut self, state: &Organisation) {
        let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
        let left = |credential: &Hash| !state.rotations.destroyed.contains_key(credential);
        for version in state.versions.iter().filter(|(credential, _)| left(credential)).map(|(_, v)| v) {
            let sealing = &version.sealing;
            let (credential, payload) = (sealing.credential, sealing.payload);
            expected.insert(sealed_record(&credential), Expected::Sealed { credential, payload });
            expected.insert(dealing_record(&sealing.dealing), Expected::Dealing(sealing.credential));
        }
        for (who, enrolment) in &state.people {
            expected.insert(totp_record(who), Expected::Record(enrolment.totp));
        }
        // Texts may have been erased; those that are there are named by an entry.
        let texts = texts(state);
        for (hash, ceremony) in &state.ceremonies {
            expected.insert(request_record(hash), Expected::Request(*hash));
            // At its end the rest is destroyed, in the same commit: nothing may be left.
            if ceremony.standing == Standing::Open {
                expected.insert(gate_key_record(hash), Expected::CeremonyKey);
                expected.insert(requester_key_record(hash), Expected::CeremonyKey);
                let held = ceremony.accepted.keys();
                expected
                    .extend(held.map(|who| (contribution_record(hash, who), Expected::Contribution(*hash))));
            }
        }
        let names = self.vault.store().record_names(&self.id).unwrap_or_else(|why| {
            self.found(None, format!("the records cannot be listed: {why}"));
            Vec::new()
        });
        for (name, what) in expected.iter().filter(|(name, _)| !names.contains(*name)) {
            let whose =
                whose(state, what).map(|whose| format!(": {whose}, which no entry says was destroyed"));
            self.found(None, format!("record {} is missing{}", shorten(name), whose.unwrap_or_default()));
        }
        for name in names {
            let expectation = expected.get(&name).copied().or_else(|| texts.get(&name).copied());
            let Some(expectation) = expectation else {
                let what = match destroyed(state, &name) {
                    true => "was destroyed, as the log says, and is there",
                    false => "belongs to no entry",
                };
                self.found(None, format!("record {} {what}", shorten(&name)));
                continue;
            };
            match self.vault.record(&self.id, &name) {
                Ok(bytes) if self.holds(state, (&name, expectation), &bytes) => self.records += 1,
                Ok(_) => self.found(None, format!("record {} is not what its entry says", shorten(&name))),
                Err(why) => self.found(None, format!("record {} cannot be read: {why}", shorten(&name))),
            }
        }
    }

    fn holds(&self, state: &Organisation, (name, expected): (&str, Expected), bytes: &[u8]) -> bool {
        match expected {
            Expected::Sealed { payload, .. } => {
                SealedPayload::from_bytes(bytes).is_ok_and(|s| s.payload_hash() == payload)
            }
            Expected::Dealing(credential) => dealing_holds(state, &credential, bytes),
            Expected::Record(hash) => record_hash(bytes) == hash,
            Expected::Text(hash) => {
                serde_json::from_slice::<SaltedText>(bytes).is_ok_and(|t| t.hash() == hash)
            }
            Expected::Request(ceremony) => SignedRequest::decode(bytes).is_ok_and(|s| {
                let signed = s.request.signed_digest();
                s.request.hash() == ceremony && sign::verify(&s.request.operator_key, &signed, &s.signature)
            }),
            Expected::Contribution(ceremony) => Contribution::decode(bytes).is_ok_and(|c| {
                let found = state.ceremonies.get(&ceremony);
                let accepted = found.is_some_and(|f| f.accepted_messages.contains(&Bytes(c.digest())));
                let card = state.people.get(&c.custodian);
                let signed = card.is_some_and(|p| sign::verify(&p.sign_key, &c.digest(), &c.signature));
                accepted && signed && contribution_record(&ceremony, &c.custodian) == name
            }),
            Expected::CeremonyKey => bytes.len() == SEALED_KEY,
        }
    }
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
    /// The dealing of this credential.
    Dealing(Hash),
    /// Bytes with this record hash.
    Record(Hash),
    /// The text behind this hash.
    Text(TextHash),
    /// The request of this ceremony.
    Request(Hash),
    /// A contribution that this ceremony accepted, of the custodian in its name.
    Contribution(Hash),
    /// An encrypted key.
    CeremonyKey,
}

/// Of a version's record, the version in words.
fn whose(state: &Organisation, expected: &Expected) -> Option<String> {
    let (Expected::Sealed { credential, .. } | Expected::Dealing(credential)) = expected else { return None };
    let sealing = &state.versions.get(credential)?.sealing;
    Some(format!("{} version {}", state.address(&sealing.account), sealing.version))
}

/// Whether a record is one of those that the log says were destroyed.
fn destroyed(state: &Organisation, name: &str) -> bool {
    let gone = state.rotations.destroyed.keys();
    gone.flat_map(|credential| records_of_version(state, credential)).any(|record| record == name)
}

/// Every text that an entry names, by its record.
fn texts(state: &Organisation) -> BTreeMap<String, Expected> {
    let named = state.name.into_iter();
    let projects = state.projects.values().filter_map(|project| project.name);
    let accounts = state.accounts.values().filter_map(|account| account.name);
    let spoken = state.ceremonies.values().flat_map(|c| [Some(c.reason), c.ticket]).flatten();
    let all = named.chain(projects).chain(accounts).chain(spoken);
    all.map(|hash| (text_record(&hash), Expected::Text(hash))).collect()
}

fn dealing_holds(state: &Organisation, credential: &Hash, bytes: &[u8]) -> bool {
    let Some(version) = state.versions.get(credential) else { return false };
    let group = state.groups.get(&version.sealing.group);
    let Some(keys) = group.and_then(|g| state.group_keys(g).ok()) else { return false };
    let context = DealingContext::new(*credential, &keys);
    let dealing = Dealing::from_bytes(bytes, keys.threshold().n()).ok();
    dealing.and_then(|d| d.verify(&context, &keys).ok()).is_some_and(|d| *d.id() == version.sealing.dealing)
}

/// A state in the form in which it is stored.
fn bytes_of(state: &State) -> Vec<u8> {
    match state {
        State::Organisation(state) => state_bytes(state),
        State::Vault(state) => state_bytes(state),
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
