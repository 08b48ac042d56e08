//! Drills on the vault's side: a group's members and the gate show that their keys
//! are still there. Nothing is opened, and no share leaves a card.

use super::{Log, Records, Vault, VaultError};
use crate::event::{Actor, DrillAnswer, DrillPolicy, Event, GroupStatement, Refusal};
use crate::hex::Bytes;
use crate::pvss::{self, ShareKeyPair};
use crate::seal::card::{Card, Role};
use crate::seal::totp::TotpSecret;
use crate::secret::SecretBytes;
use crate::state::{Drill, Organisation};
use crate::time::{Span, Time};
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
    let custodian = card.pseudonym().clone();
    let g = state.g(group);
    let pair = ShareKeyPair::new(card.share_scalar(&g));
    let index = group.index_of(&custodian);
    let named = index.and_then(|index| group.members.get(usize::from(index) - 1));
    if named.is_none_or(|member| member.share_key != *pair.public()) {
        let who = custodian.to_string();
        return Err(VaultError::NotAMember { who, group: state.group_address(group) });
    }
    let proof = pvss::prove_share_key(&pair, &drill.id, &g, &custodian, rng);
    let digest = DrillAnswer::digest(&drill.id, &custodian, at, &proof);
    let signature = card.signing_key().sign(&digest);
    Ok(DrillAnswer { drill: drill.id, custodian, at, proof, signature })
}

/// Whether an answer with this code counts.
fn judge(
    state: &Organisation,
    answer: DrillAnswer,
    totp: &TotpSecret,
    code: &SecretBytes,
    now: Time,
) -> Event {
    if let Some(why) = state.drill_refusal(&answer, now) {
        return Event::DrillRefused { answer, why };
    }
    let used = state.used_steps.get(&answer.custodian);
    match totp.check(code, answer.at.unix_seconds()) {
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
        let (id, epoch) = (group.group, group.epoch);
        let begun = Event::DrillBegun { group: id, epoch, nonce: Bytes(nonce), until: now + window };
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
            let event = judge(&log.state, answer.clone(), &totp, code, now);
            let actor = Actor::Card(answer.custodian.clone());
            vault.commit_once(log, now, vec![(actor, event.clone())], Records::default())?;
            Ok(event)
        })
    }
}
