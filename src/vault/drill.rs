//! Drills on the vault's side: a group's members and the gate show that their keys
//! are still there. Nothing is opened, and no share leaves a card.

use super::{Log, Records, Vault, VaultError};
use crate::ceremony::custodian::TO_GATE;
use crate::ceremony::drill::{NotTaken, check, code_context, prove};
use crate::event::{Actor, DrillAnswer, DrillPolicy, Event, GroupStatement, Refusal};
use crate::hex::Bytes;
use crate::message::{DrillPackage, DrillReply};
use crate::seal::card::{Card, Role};
use crate::seal::hpke::{self, HpkeSecret};
use crate::seal::totp::TotpSecret;
use crate::secret::SecretBytes;
use crate::state::{Drill, Organisation};
use crate::time::{Span, Time};
use crate::transcript::label;
use rand_core::CryptoRng;

/// For how long a proof of the gate's key counts.
pub const GATE_EVERY: Span = Span::days(90);

/// A drill policy without signatures.
pub fn policy(state: &Organisation, group: &GroupStatement, every_days: u64) -> DrillPolicy {
    let serial = state.drills.policies.get(&group.group).map_or(0, |before| before.serial) + 1;
    DrillPolicy { group: group.group, epoch: group.epoch, serial, every_days, signatures: Vec::new() }
}

/// What a custodian's card answers: a proof for the share key, signed.
pub fn answer(
    state: &Organisation,
    group: &GroupStatement,
    drill: &Drill,
    card: &Card,
    at: Time,
    rng: &mut impl CryptoRng,
) -> Result<DrillAnswer, VaultError> {
    super::people::check_card(state, card, Role::Custodian)?;
    prove(card, (group, &state.g(group)), (&drill.id, at), None, rng).ok_or_else(|| {
        let who = card.pseudonym().to_string();
        VaultError::NotAMember { who, group: state.group_address(group) }
    })
}

/// Whether an answer with this code counts; without one that it is no right one.
fn judge(
    state: &Organisation,
    answer: DrillAnswer,
    totp: &TotpSecret,
    code: Option<&SecretBytes>,
    now: Time,
) -> Event {
    if let Some(why) = state.drill_refusal(&answer, now) {
        return Event::DrillRefused { answer, why };
    }
    let used = state.used_steps.get(&answer.custodian);
    match code.and_then(|code| totp.check(code, answer.at.unix_seconds())) {
        None => Event::DrillRefused { answer, why: Refusal::WrongCode },
        Some(step) if used.is_some_and(|used| used.contains(&step)) => {
            Event::DrillRefused { answer, why: Refusal::ReplayedCode }
        }
        Some(step) => Event::CustodianProved { answer, step },
    }
}

impl Vault {
    /// Begins a drill of a group, and the gate proves its key in it. Both are
    /// entries, durable when this returns.
    pub fn begin_drill(
        &mut self,
        log: &mut Log,
        group: &GroupStatement,
        window: Span,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Drill, VaultError> {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let (id, epoch, nonce) = (group.group, group.epoch, Bytes(nonce));
        let key = self.gate().drill_key(&log.state.id, log.state.gate().epoch, &nonce)?;
        let code_key = Some(HpkeSecret::from_key(key).public());
        let begun = Event::DrillBegun { group: id, epoch, nonce, until: now + window, code_key };
        self.commit_host(log, now, vec![begun], Records::default())?;
        let gone = || VaultError::NotFound { what: "drill", name: group.slug.to_string(), near: Vec::new() };
        let drill = log.state.drills.last.get(&id).cloned().ok_or_else(gone)?;
        let gate_epoch = log.state.gate().epoch;
        let key = self.gate().key(&log.state.id, gate_epoch)?;
        let proof = key.prove(&drill.id, &log.state.id, gate_epoch, rng);
        let proved = Event::GateProved { drill: drill.id, gate_epoch, proof };
        self.commit_host(log, now, vec![proved], Records::default())?;
        Ok(drill)
    }

    /// Enters a drill policy with its signatures.
    pub fn set_drill_policy(
        &mut self,
        log: &mut Log,
        policy: DrillPolicy,
        now: Time,
    ) -> Result<(), VaultError> {
        self.commit_host(log, now, vec![Event::DrillPolicySet(policy)], Records::default())?;
        Ok(())
    }

    /// Judges an answer with its code. Proof and refusal are entries, durable when
    /// this returns.
    pub fn answer_drill(
        &mut self,
        log: &mut Log,
        answer: &DrillAnswer,
        code: &SecretBytes,
        now: Time,
    ) -> Result<Event, VaultError> {
        self.at_present(log, now, |vault, log, now| {
            let totp = vault.totp_of(log, &answer.custodian)?;
            let event = judge(&log.state, answer.clone(), &totp, Some(code), now);
            let actor = Actor::Card(answer.custodian.clone());
            vault.commit_once(log, now, vec![(actor, event.clone())], Records::default())?;
            Ok(event)
        })
    }

    /// What members need who are elsewhere: the log up to now, and which drill it is.
    pub fn drill_package(&self, log: &Log, drill: &Drill) -> Result<DrillPackage, VaultError> {
        Ok(DrillPackage {
            vault: log.state.vault,
            organisation: log.state.id,
            drill: drill.id,
            checkpoint: log.checkpoint().to_owned(),
            entries: self.lines(&log.state.id, log.state.size)?,
        })
    }

    /// Judges an answer that came in a file. Proof and refusal are entries, durable when
    /// this returns; what is no attempt at all is an error and no entry.
    pub fn take_drill_answer(
        &mut self,
        log: &mut Log,
        reply: &DrillReply,
        now: Time,
    ) -> Result<Event, VaultError> {
        self.at_present(log, now, |vault, log, now| {
            check(&log.state, reply, now)?;
            let who = &reply.answer.custodian;
            let (totp, code) = (vault.totp_of(log, who)?, vault.drill_code(log, reply)?);
            let event = judge(&log.state, reply.answer.clone(), &totp, code.as_ref(), now);
            let actor = Actor::Card(who.clone());
            vault.commit_once(log, now, vec![(actor, event.clone())], Records::default())?;
            Ok(event)
        })
    }

    /// The code of an answer, if it opens with the drill's key.
    fn drill_code(&self, log: &Log, reply: &DrillReply) -> Result<Option<SecretBytes>, VaultError> {
        let drill = &reply.answer.drill;
        let found = log.state.drills.by_id(drill).and_then(|(_, drill)| drill.files);
        let files = found.ok_or(NotTaken::UnknownDrill)?;
        let key = self.gate().drill_key(&log.state.id, files.gate_epoch, &files.nonce)?;
        let (key, who) = (HpkeSecret::from_key(key), reply.answer.custodian.as_str());
        if key.public() != files.code_key {
            return Err(VaultError::CeremonyKey);
        }
        let context = code_context(drill);
        Ok(hpke::open(&key, label::HPKE_CODE, &context, TO_GATE, who, reply.code.as_ref()).ok())
    }
}
