//! Witnesses on the host's side: the latest checkpoint is cosigned by others,
//! and a release waits for those that the group's policy demands. How a witness
//! is reached is not known here.

use super::commit::{ATTEMPTS, Log};
use super::{Committed, PublicVault, Records, Vault, VaultError};
use crate::ceremony::judge::QuorumAccepted;
use crate::event::Hash;
use crate::log::checkpoint::CheckpointError;
use crate::log::cosignature::{self, Cosignature, Keeping};
use crate::log::merkle::{self, consistency_proof};
use crate::log::note::{Cosigner, Note, NoteError, VerifierKey};
use crate::log::policy::{Policy, PolicyError, Witness};
use crate::log::witness::{AddCheckpoint, Answer, AnswerError};
use crate::log::{Checkpoint, checkpoint};
use crate::message::Contribution;
use crate::name::OrganisationId;
use crate::store::{Append, Batch, Found, RecordKey, Store, StoreError};
use crate::time::{Span, Time};

/// Projection with the newest checkpoint that somebody cosigned, as a note.
pub const COSIGNED: &str = "cosigned";

/// How far a witness's clock may be from this one's.
pub const CLOCKS: Span = Span::minutes(10);

/// How often one witness is asked anew because it names another size.
const ROUNDS: usize = 3;

/// What witnesses are asked to cosign.
pub struct Asked<'a> {
    /// The signed checkpoint.
    pub note: &'a Note,
    /// Leaf hashes of exactly its entries.
    pub leaves: &'a [merkle::Hash],
}

/// Why there is no cosignature of a witness.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It was not asked.
    #[error("it was not asked")]
    NotAsked,
    /// It cannot be asked: the policy says no address.
    #[error("the policy has no address for it")]
    NoAddress,
    /// It could not be reached, or not in time.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that no witness gives.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// It does not know this log.
    #[error("it does not know this log")]
    UnknownLog,
    /// It knows this log by another key.
    #[error("it knows this log by another key")]
    OtherLogKey,
    /// It refused the request as malformed.
    #[error("it refuses the request as malformed")]
    Malformed,
    /// It names another size each time.
    #[error("it names another size each time it is asked")]
    Moving,
    /// It has cosigned a longer log.
    #[error(
        "it has cosigned {seen} entries and this log has {now}: the vault was rolled back, or its log is shown elsewhere"
    )]
    RolledBack {
        /// Entries that it saw.
        seen: u64,
        /// Entries here.
        now: u64,
    },
    /// It has cosigned another history.
    #[error("the first {seen} entries that it has cosigned are not those of this log: the log was forked")]
    Forked {
        /// Entries that it saw.
        seen: u64,
    },
    /// What it sent is not its signature of this checkpoint.
    #[error("what it sent is not its cosignature of this checkpoint: {0}")]
    Signature(NoteError),
    /// Its clock, or ours, is wrong.
    #[error("its cosignature is dated {at}, which is not now")]
    Clock {
        /// Time of the cosignature.
        at: String,
    },
}

/// Whoever can ask witnesses. One answer for each, in their order.
pub trait Witnesses {
    /// Asks all of them; returns when each has answered or its time is up.
    fn ask(&mut self, asked: &Asked<'_>, witnesses: &[Witness]) -> Vec<Result<Cosignature, Unanswered>>;
}

/// Asks nobody: releases that need no witnesses.
pub struct Nobody;

impl Witnesses for Nobody {
    fn ask(&mut self, _: &Asked<'_>, witnesses: &[Witness]) -> Vec<Result<Cosignature, Unanswered>> {
        witnesses.iter().map(|_| Err(Unanswered::NotAsked)).collect()
    }
}

/// What came of posting: status and body, or why there is neither.
pub type Posted = Result<(u16, Vec<u8>), String>;

/// The conversation with one witness, which `post` sends and gives back as
/// status and body: it names the size that it cosigned last, and gets the proof
/// from there.
pub fn converse(
    asked: &Asked<'_>,
    key: &VerifierKey,
    post: &mut dyn FnMut(&AddCheckpoint) -> Posted,
) -> Result<Cosignature, Unanswered> {
    let now = asked.leaves.len() as u64;
    let mut old = 0;
    for _ in 0..ROUNDS {
        let proof = consistency_proof(asked.leaves, old, now).map_err(|_| Unanswered::Malformed)?;
        let request = AddCheckpoint::new(old, proof, asked.note.clone());
        let request = request.map_err(|_| Unanswered::Malformed)?;
        let (status, body) = post(&request).map_err(Unanswered::Unreachable)?;
        match Answer::read(status, &body)? {
            Answer::Cosigned(lines) => {
                let text = asked.note.unverified_text();
                return Cosignature::among(key, text, &lines).map_err(Unanswered::Signature);
            }
            Answer::Conflict(seen) if seen > now => return Err(Unanswered::RolledBack { seen, now }),
            Answer::Conflict(seen) if seen == old => return Err(Unanswered::Forked { seen }),
            Answer::Conflict(seen) => old = seen,
            Answer::NotExtended => return Err(Unanswered::Forked { seen: old }),
            Answer::UnknownLog => return Err(Unanswered::UnknownLog),
            Answer::NotSigned => return Err(Unanswered::OtherLogKey),
            Answer::Malformed => return Err(Unanswered::Malformed),
        }
    }
    Err(Unanswered::Moving)
}

/// Proof that what a target's group demands of witnesses was there, or that it
/// demands nothing, and the signed checkpoint that says so. Only
/// [`Vault::release_witnessed`] makes one.
#[derive(Debug)]
pub struct Witnessed {
    ceremony: Hash,
    target: u64,
    note: String,
}

impl Witnessed {
    /// Whether it speaks of this target.
    pub fn covers(&self, ceremony: &Hash, target: u64) -> bool {
        self.ceremony == *ceremony && self.target == target
    }

    /// The checkpoint with the cosignatures.
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// What came of asking.
pub struct Cosigning {
    /// The checkpoint with every cosignature that it has now.
    pub note: Note,
    /// Each witness's name and what came of it.
    pub answers: Vec<(String, Result<Cosignature, Unanswered>)>,
}

impl Cosigning {
    /// How many have answered with a cosignature.
    pub fn cosigned(&self) -> usize {
        self.answers.iter().filter(|(_, answer)| answer.is_ok()).count()
    }
}

impl PublicVault {
    /// Opens the vault in `dir` for adding cosignatures, which needs a store that
    /// can be written but no gate: the log's own signature stays as it is.
    pub fn open_to_cosign(dir: &std::path::Path) -> Result<Self, VaultError> {
        Self::open_to_write(dir)
    }

    /// The latest checkpoint as it is stored, with the cosignatures that it has.
    fn latest(&self, log: &Log) -> Result<String, VaultError> {
        let (id, expected) = (log.state.id, log.state.size);
        let head = self.store.head(&id)?.ok_or(StoreError::NoSuchLog { log: id })?;
        let found = head.frontier.size();
        // Somebody wrote since the log was read.
        if found != expected {
            return Err(StoreError::Conflict { log: id, expected, found }.into());
        }
        Ok(head.checkpoint)
    }

    /// Asks witnesses to cosign the latest checkpoint. What verifies is kept.
    pub fn cosign(
        &mut self,
        log: &Log,
        witnesses: &[Witness],
        asker: &mut dyn Witnesses,
        now: &dyn Fn() -> Time,
    ) -> Result<Cosigning, VaultError> {
        let mut before_others = log.state.witness_keys();
        before_others.extend(witnesses.iter().map(|witness| witness.key.clone()));
        self.cosign_before(log, &before_others, witnesses, asker, now)
    }

    /// [`PublicVault::cosign`] where these keys' lines are not pushed out by others'.
    fn cosign_before(
        &mut self,
        log: &Log,
        before_others: &[VerifierKey],
        witnesses: &[Witness],
        asker: &mut dyn Witnesses,
        now: &dyn Fn() -> Time,
    ) -> Result<Cosigning, VaultError> {
        let note = parse(&self.latest(log)?)?;
        // Proves that the checkpoint extends whichever a witness knows.
        let leaves = self.store.leaf_hashes(&log.state.id, 0..log.state.size)?;
        let answers = asker.ask(&Asked { note: &note, leaves: &leaves }, witnesses);
        let now = now();
        let answers = answers.into_iter().map(|answer| answer.and_then(|c| in_time(c, now)));
        let names = witnesses.iter().map(|w| w.name.clone());
        let answers: Vec<_> = names.zip(answers).collect();
        let new: Vec<_> = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok().cloned()).collect();
        let note = if new.is_empty() { note } else { self.keep(log, before_others, &new)? };
        Ok(Cosigning { note, answers })
    }

    /// Puts cosignatures of the latest checkpoint into the stored note, beside
    /// those that are there. The witnesses of the groups' policies are not pushed
    /// out by others.
    pub fn add_cosignatures(&mut self, log: &Log, new: &[Cosignature]) -> Result<Note, VaultError> {
        self.keep(log, &log.state.witness_keys(), new)
    }

    /// Again from what is there, where another process has put some there since
    /// this one read: none is lost, and the kept note does not go back.
    fn keep(
        &mut self,
        log: &Log,
        before_others: &[VerifierKey],
        new: &[Cosignature],
    ) -> Result<Note, VaultError> {
        for _ in 1..ATTEMPTS {
            match self.try_keep(log, before_others, new) {
                Err(VaultError::Store(StoreError::Replaced { .. })) => {}
                done => return done,
            }
        }
        self.try_keep(log, before_others, new)
    }

    fn try_keep(
        &mut self,
        log: &Log,
        before_others: &[VerifierKey],
        new: &[Cosignature],
    ) -> Result<Note, VaultError> {
        let before = self.latest(log)?;
        let (id, key) = (log.state.id, log_key(log)?);
        let note = cosignature::with(&parse(&before)?, Keeping { log: &key, before_others }, new);
        let append = Append {
            log: id,
            expected_size: log.state.size,
            entries: Vec::new(),
            checkpoint: note.to_string(),
        };
        let mut batch = Batch { appends: vec![append], ..Batch::default() };
        batch.made_from.push(Found::Checkpoint(id, before));
        if let Some((bytes, found)) = self.newest_cosigned(log, before_others, &note)? {
            batch.projections.push((cosigned_key(&id), bytes));
            batch.made_from.push(found);
        }
        let _durable = self.store.commit(batch)?;
        Ok(note)
    }

    /// What an accepted contribution changes in the kept note: its cosignature of
    /// the checkpoint just after the opening, which `note` is.
    pub(super) fn cosigned_by(
        &self,
        log: &Log,
        contribution: &Contribution,
        note: &str,
    ) -> Result<Records, VaultError> {
        let seen = (contribution.size, &contribution.root);
        let (who, at) = (&contribution.custodian, contribution.at);
        let new = log.state.cosignature(who, seen, at, &contribution.cosignature);
        let (key, before_others) = (log_key(log)?, log.state.witness_keys());
        let keeping = Keeping { log: &key, before_others: &before_others };
        let note = cosignature::with(&parse(note)?, keeping, new.as_slice());
        let mut records = Records::default();
        if let Some((bytes, found)) = self.newest_cosigned(log, &before_others, &note)? {
            records.projections.push((COSIGNED.to_owned(), bytes));
            records.made_from.push(found);
        }
        Ok(records)
    }

    /// What is to be kept as the newest cosigned checkpoint, if `note` is it: a
    /// later one takes the place of an earlier, one of the same text adds to it.
    /// Beside it what was found there, for the commit to hold on to: another
    /// process may have put a newer one there by then.
    fn newest_cosigned(
        &self,
        log: &Log,
        before_others: &[VerifierKey],
        note: &Note,
    ) -> Result<Option<(Vec<u8>, Found)>, VaultError> {
        let (key, place) = (log_key(log)?, cosigned_key(&log.state.id));
        let size = |note: &Note| Checkpoint::parse(note.unverified_text()).map_or(0, |c| c.size);
        let found = self.cosigned(&log.state.id)?;
        let merged = match found.as_deref().map(parse).transpose()? {
            Some(before) if before.unverified_text() == note.unverified_text() => {
                cosignature::joined(note, Keeping { log: &key, before_others }, &before)
            }
            Some(before) if size(&before) >= size(note) => return Ok(None),
            _ => note.clone(),
        };
        let found = Found::Projection(place, found.map(String::into_bytes));
        Ok(Some((merged.to_string().into_bytes(), found)))
    }

    /// The newest checkpoint that somebody cosigned, as a note, if there is one.
    pub fn cosigned(&self, log: &OrganisationId) -> Result<Option<String>, VaultError> {
        let gone = |_| VaultError::RecordGone(COSIGNED.to_owned());
        let bytes = self.store.projection(&cosigned_key(log))?;
        bytes.map(|bytes| String::from_utf8(bytes).map_err(gone)).transpose()
    }
}

impl Vault {
    /// Puts cosignatures of the latest checkpoint into the stored note.
    pub fn add_cosignatures(&mut self, log: &Log, new: &[Cosignature]) -> Result<Note, VaultError> {
        self.public.add_cosignatures(log, new)
    }

    /// Waits for the witnesses that the policy of the target's group demands.
    /// Without enough of them nothing is released: the entry stays, the ceremony
    /// stays open, and what was cosigned is kept for the next attempt.
    pub(super) fn witnessed(
        &mut self,
        log: &Log,
        quorum: &QuorumAccepted,
        committed: &Committed,
        asker: &mut dyn Witnesses,
        now: Time,
    ) -> Result<Witnessed, VaultError> {
        let proof = |note: String| Witnessed { ceremony: *quorum.ceremony(), target: quorum.target(), note };
        let sealing = log.state.versions.get(quorum.credential()).map(|version| &version.sealing);
        let gone = || VaultError::RecordGone("sealed version".to_owned());
        let Some(policy) = log.state.policy_of(&sealing.ok_or_else(gone)?.group) else {
            return Ok(proof(committed.checkpoint().to_owned()));
        };
        let before = parse(&self.public.latest(log)?)?;
        let asked = unsigned(&policy, &before);
        let answers = match self.check(log, committed, &policy, &before) {
            Ok(()) => return Ok(proof(before.to_string())),
            Err(PolicyError::TooFew { .. }) => {
                // No other group's witnesses push out those that this release needs.
                let own: Vec<_> = policy.keys().cloned().collect();
                self.public.cosign_before(log, &own, &asked, asker, &|| now)?
            }
            Err(why) => return Err(VaultError::WitnessPolicy(why)),
        };
        match self.check(log, committed, &policy, &answers.note) {
            Ok(()) => Ok(proof(answers.note.to_string())),
            Err(PolicyError::TooFew { found, needed, missing }) => {
                let why = |(name, answer): &(String, Result<Cosignature, Unanswered>)| {
                    let why = answer.as_ref().err().filter(|_| missing.contains(name))?;
                    Some(format!("{name}: {why}"))
                };
                let missing: Vec<_> = answers.answers.iter().filter_map(why).collect();
                Err(VaultError::TooFewWitnesses { found, needed, missing: missing.join("; ") })
            }
            Err(why) => Err(VaultError::WitnessPolicy(why)),
        }
    }

    /// The policy is satisfied by just the checkpoint that covers the release,
    /// which the log has signed.
    fn check(
        &self,
        log: &Log,
        committed: &Committed,
        policy: &Policy,
        note: &Note,
    ) -> Result<(), PolicyError> {
        let satisfied = policy.check(note)?;
        let covering = checkpoint::open(committed.checkpoint().as_bytes(), &log.state.log_key()?)?;
        let found = Checkpoint::parse(satisfied.text())?;
        if found == covering { Ok(()) } else { Err(PolicyError::OtherLog { origin: found.origin }) }
    }
}

/// A cosigner's cosignature of a stored note, now.
pub fn cosign_note(note: &str, cosigner: &Cosigner, now: Time) -> Result<Cosignature, VaultError> {
    let text = parse(note)?.unverified_text().clone();
    let line = cosigner.cosign(&text, now.unix_seconds()).map_err(CheckpointError::from)?;
    Ok(Cosignature::verify(cosigner.verifier(), &text, &line).map_err(CheckpointError::from)?)
}

/// Witnesses of a policy that have not cosigned a note yet.
fn unsigned(policy: &Policy, note: &Note) -> Vec<Witness> {
    let text = note.unverified_text();
    let missing = |w: &&Witness| Cosignature::among(&w.key, text, note.signatures()).is_err();
    policy.witnesses().iter().filter(missing).cloned().collect()
}

pub(super) fn in_time(cosignature: Cosignature, now: Time) -> Result<Cosignature, Unanswered> {
    let at = i64::try_from(cosignature.seconds()).ok().and_then(|s| Time::from_millis(s.checked_mul(1000)?));
    match at {
        Some(at) if at + CLOCKS >= now && at <= now + CLOCKS => Ok(cosignature),
        Some(at) => Err(Unanswered::Clock { at: at.to_string() }),
        None => Err(Unanswered::Clock { at: format!("second {}", cosignature.seconds()) }),
    }
}

pub(super) fn cosigned_key(log: &OrganisationId) -> RecordKey {
    RecordKey { log: *log, name: COSIGNED.to_owned() }
}

fn log_key(log: &Log) -> Result<VerifierKey, VaultError> {
    Ok(log.state.log_key().map_err(CheckpointError::from)?)
}

pub(super) fn parse(note: &str) -> Result<Note, VaultError> {
    Ok(Note::parse(note.as_bytes()).map_err(CheckpointError::from)?)
}
