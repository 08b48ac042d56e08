//! Verifying a vault against its own logs.

use super::ceremony::{contribution_record, gate_key_record, request_record, requester_key_record};
use super::commit::{state_bytes, state_key};
use super::hierarchy::{no_organisation, text_record};
use super::people::totp_record;
use super::seal::{dealing_record, sealed_record};
use super::{PublicVault, VaultError};
use crate::event::{Entry, Hash, Line, SaltedText, TextHash, record_hash};
use crate::hex::Bytes;
use crate::log::checkpoint;
use crate::log::cosignature::Cosignature;
use crate::log::entry::EntryBytes;
use crate::log::merkle::Frontier;
use crate::log::note::{KeyType, Note, NoteError, VerifierKey};
use crate::message::{Contribution, Message, SignedRequest};
use crate::name::{OrganisationId, Origin, Slug, printable};
use crate::pvss::{Dealing, DealingContext};
use crate::seal::{aead, record::SealedPayload};
use crate::state::{Organisation, Standing, VaultState};
use crate::store::{Damage, Store, StoreError};
use crate::time::Time;
use serde::Serialize;
use std::collections::BTreeMap;

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
        let findings = vec![Finding { log: "vault".to_owned(), entry, what: error.to_string() }];
        Some(Self { logs: Vec::new(), findings })
    }
}

/// A log that was verified as far as it goes.
#[derive(Debug, Serialize)]
pub struct LogReport {
    /// Organisation's name, or `vault`.
    pub log: String,
    /// Entries that were read.
    pub entries: u64,
    /// Time of the first.
    pub from: Option<Time>,
    /// Time of the last.
    pub to: Option<Time>,
    /// Root over them.
    pub root: Bytes<32>,
    /// Records whose bytes were checked.
    pub records: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Organisation's name, or `vault`.
    pub log: String,
    /// Which entry, from 0, where it can be told.
    pub entry: Option<u64>,
    /// What is wrong.
    pub what: String,
}

struct Check<'a> {
    vault: &'a PublicVault,
    log: String,
    id: OrganisationId,
    findings: Vec<Finding>,
    records: u64,
}

impl PublicVault {
    /// Verifies every log, or one organisation's: leaves and root, checkpoint,
    /// actors' signatures, replayed state against stored state, every record.
    pub fn verify(&self, only: Option<&Slug>) -> Result<Report, VaultError> {
        // Others may append meanwhile: entries, checkpoint and state must be of one moment.
        let _moment = self.store().moment()?;
        let mut report = Report { logs: Vec::new(), findings: Vec::new() };
        let all = self.state().organisations.iter();
        let chosen: Vec<_> = all.filter(|(_, slug)| only.is_none_or(|o| o == *slug)).collect();
        if let (Some(slug), true) = (only, chosen.is_empty()) {
            return Err(no_organisation(slug));
        }
        if only.is_none() {
            let mut check = self.check("vault".to_owned(), self.state().vault.into());
            report.logs.push(check.vault_log());
            report.findings.append(&mut check.findings);
        }
        for (id, slug) in chosen {
            let mut check = self.check(slug.to_string(), *id);
            report.logs.push(check.organisation_log());
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
        let what = printable(&what.into());
        self.findings.push(Finding { log: self.log.clone(), entry, what });
    }

    /// Reads the entries one by one, so that the first damaged one is named.
    fn lines(&mut self) -> Vec<(EntryBytes, Line)> {
        let store = self.vault.store();
        let size = store.size(&self.id).unwrap_or_else(|why| {
            self.found(None, format!("the log's size cannot be read: {why}"));
            0
        });
        let mut lines = Vec::new();
        for index in 0..size {
            let read = store.entries(&self.id, index..index + 1).map(|mut one| one.pop());
            let parsed = match read {
                Ok(Some(bytes)) => {
                    Entry::from_line(&bytes).map(|line| (bytes, line)).map_err(|e| e.to_string())
                }
                Ok(None) => Err("it is missing".to_owned()),
                Err(why) => Err(why.to_string()),
            };
            match parsed {
                Ok(pair) => lines.push(pair),
                Err(why) => {
                    self.found(Some(index), format!("entry {index} is damaged: {why}"));
                    break;
                }
            }
        }
        lines
    }

    fn report(&self, lines: &[(EntryBytes, Line)], tree: &Frontier) -> LogReport {
        let time = |pair: Option<&(EntryBytes, Line)>| {
            pair.map(|(_, line)| match line {
                Line::Known(entry) => entry.time,
                Line::Unknown { time, .. } => *time,
            })
        };
        LogReport {
            log: self.log.clone(),
            entries: lines.len() as u64,
            from: time(lines.first()),
            to: time(lines.last()),
            root: tree.root(),
            records: self.records,
        }
    }

    fn vault_log(&mut self) -> LogReport {
        let lines = self.lines();
        let tree = grow(&lines);
        let mut state: Option<VaultState> = None;
        for (index, (bytes, line)) in (0u64..).zip(&lines) {
            let applied = match &mut state {
                None => VaultState::begin(line).map(|begun| state = Some(begun)),
                Some(state) => state.apply(line, &bytes.leaf_hash()),
            };
            if let Err(why) = applied {
                self.found(Some(index), format!("entry {index} is not valid: {why}"));
                break;
            }
        }
        if let Some(state) = &state {
            if let Some(gate) = state.gates.last() {
                self.checkpoint(&Origin::of_log(&state.origin, &self.id), &gate.log_key, &tree);
            }
            self.projection(state);
            self.same_organisations(state);
        }
        self.report(&lines, &tree)
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

    fn organisation_log(&mut self) -> LogReport {
        let lines = self.lines();
        let tree = grow(&lines);
        let mut state: Option<Organisation> = None;
        for (index, (bytes, line)) in (0u64..).zip(&lines) {
            let applied = match &mut state {
                None => Organisation::begin(line, &bytes.leaf_hash()).map(|begun| state = Some(begun)),
                Some(state) => state.apply(line, &bytes.leaf_hash()),
            };
            if let Err(why) = applied {
                self.found(Some(index), format!("entry {index} is not valid: {why}"));
                break;
            }
        }
        if let Some(state) = &state {
            if let Err(why) = self.vault.state().check_organisation(state) {
                self.found(Some(0), format!("entry 0 is not valid: {why}"));
            } else if state.id != self.id {
                self.found(Some(0), "the log is another organisation's");
            }
            if state.listing.is_some() {
                self.found(state.size.checked_sub(1), "the last ceremony's list of targets is not complete");
            }
            self.checkpoint(&state.origin, &state.gate().log_key, &tree);
            self.cosignatures(state, &lines);
            self.projection(state);
            self.all_records(state);
        }
        self.report(&lines, &tree)
    }

    fn checkpoint(&mut self, origin: &Origin, log_key: &Bytes<32>, tree: &Frontier) {
        let note = match self.vault.store().checkpoint(&self.id) {
            Ok(Some(note)) => note,
            Ok(None) => return self.found(None, "the checkpoint is missing"),
            Err(why) => return self.found(None, format!("the checkpoint cannot be read: {why}")),
        };
        let key = match VerifierKey::new(origin.as_str(), KeyType::Ed25519, log_key) {
            Ok(key) => key,
            Err(why) => return self.found(None, format!("the log's key is not acceptable: {why}")),
        };
        match checkpoint::open(note.as_bytes(), &key) {
            Err(why) => self.found(None, format!("the checkpoint's signature is wrong: {why}")),
            Ok(signed) if signed.size != tree.size() => {
                let (found, signed) = (tree.size(), signed.size);
                self.found(None, format!("the log has {found} entries, its signed checkpoint {signed}"));
            }
            Ok(signed) if signed.root != tree.root() => {
                self.found(
                    None,
                    "the entries do not add up to the root of the signed checkpoint: one was changed",
                );
            }
            Ok(_) => {}
        }
    }

    /// Cosignatures of enrolled cards are theirs; the kept note states a log that
    /// this one extends. Those of others mean nothing here.
    fn cosignatures(&mut self, state: &Organisation, lines: &[(EntryBytes, Line)]) {
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
        let first = usize::try_from(stated.size).ok().and_then(|size| lines.get(..size));
        if first.map(|first| grow(first).root()) != Some(stated.root) {
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

    fn projection(&mut self, state: &impl Serialize) {
        let replayed = state_bytes(state);
        match self.vault.store().projection(&state_key(&self.id)) {
            Ok(Some(stored)) if stored == replayed => {}
            Ok(_) => self.found(None, "the stored state is not what the entries add up to"),
            Err(why) => self.found(None, format!("the stored state cannot be read: {why}")),
        }
    }

    fn all_records(&mut self, state: &Organisation) {
        let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
        for version in state.versions.values() {
            let sealing = &version.sealing;
            expected.insert(sealed_record(&sealing.credential), Expected::Sealed(sealing.payload));
            expected.insert(dealing_record(&sealing.dealing), Expected::Dealing(sealing.credential));
        }
        for (who, enrolment) in &state.people {
            expected.insert(totp_record(who), Expected::Record(enrolment.totp));
        }
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
        for name in expected.keys().filter(|name| !names.contains(*name)) {
            self.found(None, format!("record {} is missing", shorten(name)));
        }
        for name in names {
            let expectation = expected.get(&name).copied().or_else(|| text_by_name(&name));
            let Some(expectation) = expectation else {
                self.found(None, format!("record {} belongs to no entry", shorten(&name)));
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
            Expected::Sealed(payload) => {
                SealedPayload::from_bytes(bytes).is_ok_and(|s| s.payload_hash() == payload)
            }
            Expected::Dealing(credential) => dealing_holds(state, &credential, bytes),
            Expected::Record(hash) => record_hash(bytes) == hash,
            Expected::Text(hash) => {
                serde_json::from_slice::<SaltedText>(bytes).is_ok_and(|t| t.hash() == hash)
            }
            Expected::Request(ceremony) => {
                SignedRequest::decode(bytes).is_ok_and(|s| s.request.hash() == ceremony)
            }
            Expected::Contribution(ceremony) => Contribution::decode(bytes).is_ok_and(|c| {
                let found = state.ceremonies.get(&ceremony);
                let accepted = found.is_some_and(|f| f.accepted_messages.contains(&Bytes(c.digest())));
                accepted && contribution_record(&ceremony, &c.custodian) == name
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
    Sealed(Hash),
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

/// What a text's record must hold: its name alone says so, and it may be gone.
fn text_by_name(name: &str) -> Option<Expected> {
    let hash = Bytes::parse(name.strip_prefix("text/")?).ok()?;
    (text_record(&hash) == name).then_some(Expected::Text(hash))
}

fn dealing_holds(state: &Organisation, credential: &Hash, bytes: &[u8]) -> bool {
    let Some(version) = state.versions.get(credential) else { return false };
    let group = state.groups.get(&version.sealing.group);
    let Some(keys) = group.and_then(|g| state.group_keys(g).ok()) else { return false };
    let context = DealingContext::new(*credential, &keys);
    let dealing = Dealing::from_bytes(bytes, keys.threshold().n()).ok();
    dealing.and_then(|d| d.verify(&context, &keys).ok()).is_some_and(|d| *d.id() == version.sealing.dealing)
}

fn grow(lines: &[(EntryBytes, Line)]) -> Frontier {
    let mut tree = Frontier::new();
    lines.iter().for_each(|(bytes, _)| tree.push(bytes.leaf_hash()));
    tree
}

/// A record's name with its hash cut to eight digits.
fn shorten(name: &str) -> String {
    let cut = |part: &str| part.chars().take(if part.len() > 40 { 8 } else { 40 }).collect::<String>();
    name.split('/').map(cut).collect::<Vec<_>>().join("/")
}
