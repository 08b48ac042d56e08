//! Resharing on the host: a group's next epoch is entered, a ceremony opened in which a
//! quorum hands over what its group holds, and part after part of that entered. An old
//! dealing is destroyed once the one in its place is durable, was read back and
//! verified. Every commit leaves each version with one group or with the other.
//! What contributors check is in `ceremony::reshare`; no shared secret is put together
//! here, and nothing that could do that is used (`tests/layering.rs`).

use super::ceremony::{gate_key_record, request_record};
use super::hierarchy::{keep_text, text_record};
use super::people::check_card;
use super::seal::dealing_record;
use super::{Log, Records, Vault, VaultError, file};
use crate::ceremony::reshare::{CheckedChunk, Culprit, loses_witnesses};
use crate::event::{
    Actor, DealingsDestroyed, Event, GroupEpoch, GroupStatement, Hash, MAX_CHUNK, Mode, RedealingRejected,
    Renewal, ReshareDone, SaltedText, Signed, reshare_list_hash,
};
use crate::hex::{Bytes, HexBytes};
use crate::message::{
    Message, Redealt, ReshareFile, ResharePackage, ReshareRequest, SignedReshare, request_digest,
};
use crate::name::{Factor, Pseudonym};
use crate::pvss::{ClaimedDealing, verify_claimed};
use crate::seal::card::{Card, Role};
use crate::seal::{aead, hpke::HpkeSecret};
use crate::state::Organisation;
use crate::time::{Span, Time};
use rand_core::CryptoRng;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;

/// What an operator asks for.
pub struct ReshareAsk<'a> {
    /// Who holds the versions.
    pub from: GroupEpoch,
    /// Who is to hold them.
    pub to: GroupEpoch,
    /// Why.
    pub reason: &'a str,
    /// Ticket.
    pub ticket: Option<&'a str>,
    /// How long the ceremony stays open.
    pub window: Span,
    /// In one room, or by files.
    pub mode: Mode,
}

/// What a resharing would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResharePlan {
    /// `org/group` that holds it.
    pub from: String,
    /// In which of its epochs.
    pub epoch: u64,
    /// `org/group` that is to hold it.
    pub to: String,
    /// In which of its epochs.
    pub to_epoch: u64,
    /// Each version.
    pub versions: Vec<PlannedVersion>,
    /// What is bound to the old group and would be to the new one: scope and factor.
    pub bindings: Vec<(String, Factor)>,
    /// Operators who may ask the old group and not the new one.
    pub operators: Vec<Pseudonym>,
    /// Whether releases wait for witnesses now and would not any more.
    pub loses_witnesses: bool,
}

/// One version that would be handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedVersion {
    /// `org/project/account`.
    pub address: String,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
}

/// What a resharing would do, or why it would be refused; nobody is asked for it.
pub fn plan(
    state: &Organisation,
    from: &GroupStatement,
    to: &GroupStatement,
    now: Time,
) -> Result<ResharePlan, VaultError> {
    let versions = planned_versions(state, &state.reshare_refused(from.into(), to.into())?);
    let bound = state.bindings.iter().filter(|binding| binding.group == from.group);
    let bindings = bound.map(|binding| (state.scope_address(binding.scope), binding.factor)).collect();
    Ok(ResharePlan {
        from: state.group_address(from),
        epoch: from.epoch,
        to: state.group_address(to),
        to_epoch: to.epoch,
        versions,
        bindings,
        operators: not_admitted(state, from, to, now),
        loses_witnesses: loses_witnesses(state, from, to),
    })
}

/// A list of what a group holds, in words and sorted by address.
pub fn planned_versions(state: &Organisation, list: &[(Hash, Hash)]) -> Vec<PlannedVersion> {
    let version = |(credential, _): &(Hash, Hash)| {
        let held = &state.versions.get(credential)?.sealing;
        let address = state.address(&held.account);
        Some(PlannedVersion { address, factor: held.factor, version: held.version })
    };
    let mut versions: Vec<_> = list.iter().filter_map(version).collect();
    versions.sort_by(|a, b| (&a.address, a.factor, a.version).cmp(&(&b.address, b.factor, b.version)));
    versions
}

/// Operators who may ask one group and not the other: admissions do not move.
pub fn not_admitted(
    state: &Organisation,
    from: &GroupStatement,
    to: &GroupStatement,
    now: Time,
) -> Vec<Pseudonym> {
    let operators = state.people.values().filter(|person| person.role == Role::Operator);
    let may = |who: &Pseudonym, group| state.admission_of(who, group, now).is_some();
    let lost = operators.map(|person| &person.pseudonym).filter(|who| may(who, from) && !may(who, to));
    lost.cloned().collect()
}

/// The oldest epoch of a group under which it holds something; the present one if there
/// is none.
pub fn oldest_held<'a>(state: &'a Organisation, group: &'a GroupStatement) -> &'a GroupStatement {
    let earlier = state.reshares.earlier.get(&group.group).into_iter().flat_map(BTreeMap::values);
    let mut held = earlier.filter(|statement| !state.reshare_list((*statement).into()).is_empty());
    held.next().unwrap_or(group)
}

/// What was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleared {
    /// Old dealings.
    pub dealings: usize,
    /// Whether some of their bytes are in the store's files still: a reader keeps
    /// them there until the vault is opened next.
    pub pending: bool,
}

impl Vault {
    /// Enters a group's next epoch, which every member signed. What was kept of it goes.
    pub fn renew_group(&mut self, log: &mut Log, renewal: Renewal, now: Time) -> Result<(), VaultError> {
        let path = self.renewal_file(&renewal.statement);
        self.commit_host(log, now, vec![Event::GroupRenewed(renewal)], Records::default())?;
        match std::fs::remove_file(&path) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(VaultError::File { path, why }),
            _ => Ok(()),
        }
    }

    /// Keeps a next epoch that every member signed, before the cards remember that they
    /// did: they sign no other for it, so it must not be lost before it is entered.
    pub fn keep_renewal(&self, renewal: &Renewal) -> Result<(), VaultError> {
        let bytes = serde_json::to_vec_pretty(renewal).expect("a statement is strings and numbers");
        let path = self.renewal_file(&renewal.statement);
        file::replace(&path, &bytes).map_err(|why| VaultError::File { path, why })
    }

    /// The next epoch of a group that was kept and not entered.
    pub fn kept_renewal(
        &self,
        state: &Organisation,
        before: &GroupStatement,
    ) -> Result<Option<Renewal>, VaultError> {
        let path = self.renewal_file(before);
        let renewal: Renewal = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| VaultError::RecordGone(path.display().to_string()))?,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(VaultError::File { path, why }),
        };
        // One that was entered is left behind where its removal failed.
        let follows = renewal.statement.previous == Some(Bytes(before.digest(&state.id)));
        Ok(Some(renewal).filter(|_| follows))
    }

    fn renewal_file(&self, group: &GroupStatement) -> PathBuf {
        self.dir().join(format!("{}.renewal", group.group))
    }

    /// Opens a ceremony: the operator's card signs, the entry is durable, and the
    /// package for contributors can be made. Gives the ceremony's hash.
    pub fn open_reshare(
        &mut self,
        log: &mut Log,
        operator: &Card,
        ask: &ReshareAsk<'_>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Hash, VaultError> {
        let now = self.catch_up(log, now)?;
        let (_, now) = self.expire_due(log, now)?;
        check_card(&log.state, operator, Role::Operator)?;
        let list = log.state.reshare_refused(ask.from, ask.to)?;
        let unknown = |of: GroupEpoch| VaultError::NotFound {
            what: "group",
            name: of.group.to_string(),
            near: Vec::new(),
        };
        let from = log.state.statement(&ask.from.group, ask.from.epoch).ok_or_else(|| unknown(ask.from))?;
        let to = log.state.statement(&ask.to.group, ask.to.epoch).ok_or_else(|| unknown(ask.to))?;
        if log.state.admission_of(operator.pseudonym(), from, now).is_none() {
            let (operator, group) = (operator.pseudonym().to_string(), log.state.group_address(from));
            return Err(VaultError::NotAdmitted { operator, group });
        }
        let statement = Bytes(to.digest(&log.state.id));
        let mut records = Records::default();
        let reason = keep_text(ask.reason, &mut records, rng)?;
        let ticket = ask.ticket.map(|text| keep_text(text, &mut records, rng)).transpose()?;
        let (gate_secret, gate_key) = HpkeSecret::generate(rng);
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let request = ReshareRequest {
            vault: log.state.vault,
            organisation: log.state.id,
            nonce: Bytes(nonce),
            mode: ask.mode,
            operator: operator.pseudonym().clone(),
            operator_key: operator.signing_key().public(),
            from: ask.from,
            to: ask.to,
            statement,
            list: reshare_list_hash(&list),
            count: list.len() as u64,
            reason,
            ticket,
            size: log.state.size,
            root: log.root(),
            asked: now,
            expires: now + ask.window,
        };
        let ceremony = request.hash();
        let signature = operator.signing_key().sign(&request_digest(&ceremony));
        let opening = Event::ReshareOpened(request.opening(gate_key, signature));
        let at_rest = self.gate().ceremony_key(&log.state.id, log.state.gate().epoch)?;
        let gate_secret = aead::seal_at_rest(&at_rest, ceremony.as_ref(), gate_secret.as_key().expose(), rng);
        records.put.push((request_record(&ceremony), SignedReshare { request, signature }.encode()));
        records.put.push((gate_key_record(&ceremony), gate_secret));
        let actor = Actor::Card(operator.pseudonym().clone());
        self.commit(log, now, vec![(actor, opening)], records)?;
        Ok(ceremony)
    }

    /// What contributors need: the request, and the log up to now.
    pub fn reshare_package(&self, log: &Log, ceremony: &Hash) -> Result<ResharePackage, VaultError> {
        let (id, name) = (log.state.id, request_record(ceremony));
        let signed = SignedReshare::decode(&self.record(&id, &name)?).ok();
        let signed = signed.filter(|signed| signed.request.hash() == *ceremony);
        let signed = signed.ok_or(VaultError::RecordGone(name))?;
        let texts = [Some(signed.request.reason), signed.request.ticket].into_iter().flatten();
        let texts = texts.filter_map(|hash| {
            let bytes = self.record(&id, &text_record(&hash)).ok()?;
            serde_json::from_slice::<SaltedText>(&bytes).ok()
        });
        Ok(ResharePackage {
            texts: texts.collect(),
            checkpoint: log.checkpoint().to_owned(),
            entries: self.lines(&id, log.state.size)?,
            signed,
        })
    }

    /// What contributors need by files: the package, and the old dealings that are left;
    /// in the second round with what all of them dealt again.
    pub fn reshare_file(
        &self,
        log: &Log,
        ceremony: &Hash,
        parts: Vec<Vec<Redealt>>,
    ) -> Result<ReshareFile, VaultError> {
        let package = self.reshare_package(log, ceremony)?;
        let open = self.known(log, ceremony)?;
        let left = log.state.reshare_left(&open);
        let record =
            |(_, _, id): &(u64, Hash, Hash)| self.record(&log.state.id, &dealing_record(id)).map(HexBytes);
        let dealings = left.iter().map(record).collect::<Result<_, _>>()?;
        Ok(ReshareFile { package, dealings, parts })
    }

    /// Records of the first of these dealings, as many as one part has.
    pub fn next_dealings(&self, log: &Log, left: &[(u64, Hash, Hash)]) -> Result<Vec<Vec<u8>>, VaultError> {
        let first = left.iter().take(MAX_CHUNK);
        first.map(|(_, _, dealing)| self.record(&log.state.id, &dealing_record(dealing))).collect()
    }

    /// Enters that contributors' re-dealings are bad: they take no part any more.
    pub fn reject_redealings(
        &mut self,
        log: &mut Log,
        ceremony: &Hash,
        culprits: &[Culprit],
        now: Time,
    ) -> Result<(), VaultError> {
        let event = |culprit: &Culprit| {
            let Culprit { custodian, credential, .. } = culprit.clone();
            Event::RedealingRejected(RedealingRejected { ceremony: *ceremony, custodian, credential })
        };
        let events: Vec<_> = culprits.iter().map(event).collect();
        if !events.is_empty() {
            self.commit_host(log, now, events, Records::default())?;
        }
        Ok(())
    }

    /// Enters a part that `t` contributors have signed, with the new dealings. From
    /// then on the new group holds these versions; the old dealings are there still.
    pub fn enter_reshared(
        &mut self,
        log: &mut Log,
        checked: &CheckedChunk,
        contributors: Vec<Signed>,
        now: Time,
    ) -> Result<(), VaultError> {
        let (ceremony, versions) = (*checked.ceremony(), checked.versions().to_vec());
        let done = Event::Reshared(ReshareDone { ceremony, versions, contributors });
        let put = checked.records().iter().map(|(id, bytes)| (dealing_record(id), bytes.clone())).collect();
        self.commit_host(log, now, vec![done], Records { put, ..Records::default() })?;
        Ok(())
    }

    /// Destroys old dealings, on record, whose successors are durable: each of those is
    /// read back from the store and verified before. What does not verify keeps its old
    /// dealing, and is an error once the others are done.
    pub fn clear_replaced(
        &mut self,
        log: &mut Log,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Cleared, VaultError> {
        let mut cleared = Cleared::default();
        let mut kept = BTreeSet::new();
        loop {
            let now = self.catch_up(log, now)?;
            let waiting = log.state.reshares.replaced.iter().filter(|(id, _)| !kept.contains(*id));
            let waiting: Vec<_> = waiting.take(MAX_CHUNK).map(|(id, of)| (*id, of.credential)).collect();
            if waiting.is_empty() {
                break;
            }
            let bad = self.not_durable(log, &waiting, rng);
            let (bad, good): (Vec<_>, Vec<_>) =
                waiting.into_iter().map(|(id, _)| id).partition(|id| bad.contains(id));
            kept.extend(bad);
            if good.is_empty() {
                continue;
            }
            cleared.dealings += good.len();
            let gone = Event::DealingsDestroyed(DealingsDestroyed { dealings: good });
            let committed = self.commit_host(log, now, vec![gone], Records::default())?;
            cleared.pending |= !committed.erased();
        }
        match kept.first() {
            None => Ok(cleared),
            Some(id) => {
                let of = log.state.reshares.replaced.get(id).map(|replaced| replaced.credential);
                let version = of.and_then(|credential| log.state.versions.get(&credential));
                let dealing = version.map_or(*id, |version| version.sealing.dealing);
                Err(VaultError::RecordGone(dealing_record(&dealing)))
            }
        }
    }

    /// Old dealings whose successors are not in the store as the log names them, or do
    /// not verify.
    fn not_durable(&self, log: &Log, replaced: &[(Hash, Hash)], rng: &mut impl CryptoRng) -> BTreeSet<Hash> {
        let mut bad = BTreeSet::new();
        let (mut ids, mut claims) = (Vec::new(), Vec::new());
        let statements = log.state.statements();
        let keys: BTreeMap<_, _> = statements
            .filter_map(|group| Some((GroupEpoch::from(group), log.state.group_keys(group).ok()?)))
            .collect();
        for (id, credential) in replaced {
            let claim = log.state.versions.get(credential).and_then(|version| {
                let held = &version.sealing;
                let keys = keys.get(&GroupEpoch { group: held.group, epoch: held.epoch })?;
                let bytes = self.record(&log.state.id, &dealing_record(&held.dealing)).ok()?;
                let claim = ClaimedDealing::read(&bytes, credential, keys).ok()?;
                (*claim.id() == held.dealing).then_some(claim)
            });
            match claim {
                Some(claim) => {
                    ids.push(*id);
                    claims.push(claim);
                }
                None => bad.extend([*id]),
            }
        }
        let culprits = verify_claimed(claims, rng).err().unwrap_or_default();
        bad.extend(culprits.iter().filter_map(|at| ids.get(*at).copied()));
        bad
    }
}
