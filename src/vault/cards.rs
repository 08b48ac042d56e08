//! What becomes of a custodian's card after its enrolment: suspending, resuming,
//! revoking it, and another authenticator for it. Who may, the rules of the log say.

use super::hierarchy::keep_text;
use super::people::{check_card, seal_totp, totp_record};
use super::{Log, Records, Vault, VaultError};
use crate::event::{
    Actor, Agreed, AuthenticatorReplacement, CardResumption, CardRevocation, CardSuspension, Event,
    GroupStatement, Signed, record_hash,
};
use crate::hex::Bytes;
use crate::name::{GroupId, Pseudonym};
use crate::seal::card::{Card, Role};
use crate::seal::totp::TotpSecret;
use crate::secret::SecretBytes;
use crate::state::{Barred, Invalid, Organisation};
use crate::time::Time;
use rand_core::CryptoRng;
use serde::Serialize;

/// What a group is left with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remaining {
    /// `org/group`.
    pub group: String,
    /// How many must come.
    pub threshold: u64,
    /// How many members there are.
    pub members: usize,
    /// Members whose card is neither suspended nor revoked.
    pub usable: usize,
    /// Members whose card is not revoked.
    pub left: usize,
    /// Usable members less the threshold: below zero nothing can be opened now.
    pub margin: i64,
    /// Of the usable members those who proved in drills that their key is there.
    pub live: usize,
    /// Versions that can be opened by this group alone.
    pub versions: u64,
}

/// What the groups of a card are left with, in the order of their names.
pub fn remaining(state: &Organisation, who: &Pseudonym, now: Time) -> Vec<Remaining> {
    let mut groups: Vec<_> = state.groups_of(who).map(|group| of_group(state, group, now)).collect();
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    groups
}

fn of_group(state: &Organisation, group: &GroupStatement, now: Time) -> Remaining {
    let usable = state.usable(group);
    Remaining {
        group: state.group_address(group),
        threshold: group.threshold,
        members: group.members.len(),
        usable,
        left: state.left(group),
        margin: margin(usable, group.threshold),
        live: state.live(&group.group, now),
        versions: super::status::holds(state, group),
    }
}

/// Members less the threshold of a group.
pub fn margin(members: usize, threshold: u64) -> i64 {
    let of = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    of(members as u64) - of(threshold)
}

/// A custodian's card about which something can be entered.
fn custodian(state: &Organisation, who: &Pseudonym) -> Result<(), VaultError> {
    let custodians = || state.people.values().filter(|p| p.role == Role::Custodian);
    if !custodians().any(|found| found.pseudonym == *who) {
        let near = super::hierarchy::some(custodians().map(|found| found.pseudonym.to_string()));
        return Err(VaultError::NotFound { what: "custodian", name: who.to_string(), near });
    }
    match state.cards.barred(who) {
        Some(Barred::Revoked) => Err(state
            .check_counts(who)
            .err()
            .map_or_else(|| VaultError::ForeignCard(who.to_string()), VaultError::from)),
        _ => Ok(()),
    }
}

/// A suspension, with the record of its reason, not yet signed.
pub fn suspension(
    state: &Organisation,
    who: &Pseudonym,
    reason: &str,
    records: &mut Records,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<CardSuspension, VaultError> {
    custodian(state, who)?;
    state.check_counts(who)?;
    let reason = keep_text(reason, records, rng)?;
    let serial = state.cards.next_serial(who);
    Ok(CardSuspension { custodian: who.clone(), serial, reason, by: who.clone(), signature: Bytes([0; 64]) })
}

/// A resumption without signatures.
pub fn resumption(state: &Organisation, who: &Pseudonym) -> Result<CardResumption, VaultError> {
    custodian(state, who)?;
    if state.cards.barred(who).is_none() {
        return Err(Invalid::NotA { who: who.to_string(), what: "suspended" }.into());
    }
    Ok(CardResumption { custodian: who.clone(), serial: state.cards.next_serial(who), agreed: Vec::new() })
}

/// A revocation, with the record of its reason, without signatures.
pub fn revocation(
    state: &Organisation,
    who: &Pseudonym,
    reason: &str,
    records: &mut Records,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<CardRevocation, VaultError> {
    custodian(state, who)?;
    let reason = keep_text(reason, records, rng)?;
    let serial = state.cards.next_serial(who);
    Ok(CardRevocation { custodian: who.clone(), serial, reason, signature: None, agreed: Vec::new() })
}

/// Another authenticator that is not entered yet.
pub struct NewAuthenticator {
    /// Its secret.
    pub totp: TotpSecret,
    /// What will be entered, without the others' signatures.
    pub entry: AuthenticatorReplacement,
    sealed: Vec<u8>,
}

impl NewAuthenticator {
    /// Whether it shows the right code now.
    pub fn check(&self, code: &SecretBytes, now: Time) -> Result<(), VaultError> {
        self.totp.check(code, now.unix_seconds()).map(|_| ()).ok_or(VaultError::EnrolmentCode)
    }
}

/// Which of a card's groups has to agree to what is entered about it, and how many
/// of its other members.
pub fn agreeing<'a>(state: &'a Organisation, who: &'a Pseudonym) -> Vec<(&'a GroupStatement, usize)> {
    state.groups_of(who).map(|group| (group, state.others_needed(group, who))).collect()
}

/// The signature of a member of one of a card's groups over what is entered about
/// that card. A suspended member can only help to resume others.
pub fn sign_about(
    state: &Organisation,
    group: &GroupStatement,
    (who, resuming): (&Pseudonym, bool),
    card: &Card,
    digest: &[u8; 64],
) -> Result<Signed, VaultError> {
    check_card(state, card, Role::Custodian)?;
    let signer = card.pseudonym();
    let other = signer != who && group.index_of(signer).is_some();
    if !other {
        let what = "another member of the group";
        return Err(Invalid::NotA { who: signer.to_string(), what }.into());
    }
    match state.cards.barred(signer) {
        Some(Barred::Suspended) if resuming => {}
        _ => state.check_counts(signer)?,
    }
    Ok(Signed { pseudonym: signer.clone(), signature: card.signing_key().sign(digest) })
}

/// A group's signatures, as an entry has them.
pub fn agreed(group: GroupId, epoch: u64, signatures: Vec<Signed>) -> Agreed {
    Agreed { group, epoch, signatures }
}

impl Vault {
    /// Suspends a card by the word of another, or by its own.
    pub fn suspend_card(
        &mut self,
        log: &mut Log,
        (mut suspension, records): (CardSuspension, Records),
        card: &Card,
        now: Time,
    ) -> Result<(), VaultError> {
        check_card(&log.state, card, card.role())?;
        suspension.by = card.pseudonym().clone();
        suspension.signature = card.signing_key().sign(&suspension.digest(&log.state.id));
        let actor = Actor::Card(suspension.by.clone());
        self.commit(log, now, vec![(actor, Event::CardSuspended(suspension))], records)?;
        Ok(())
    }

    /// Enters a resumption with its signatures.
    pub fn resume_card(&mut self, log: &mut Log, entry: CardResumption, now: Time) -> Result<(), VaultError> {
        self.commit_host(log, now, vec![Event::CardResumed(entry)], Records::default())?;
        Ok(())
    }

    /// Enters a revocation with its signatures, or its own.
    pub fn revoke_card(
        &mut self,
        log: &mut Log,
        (entry, records): (CardRevocation, Records),
        now: Time,
    ) -> Result<(), VaultError> {
        let own = entry.signature.is_some();
        let actor = if own { Actor::Card(entry.custodian.clone()) } else { Actor::Host };
        self.commit(log, now, vec![(actor, Event::CardRevoked(entry))], records)?;
        Ok(())
    }

    /// Makes a new authenticator secret for a card, which signs it.
    pub fn new_authenticator(
        &self,
        state: &Organisation,
        card: &Card,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<NewAuthenticator, VaultError> {
        check_card(state, card, Role::Custodian)?;
        let who = card.pseudonym();
        custodian(state, who)?;
        let totp = TotpSecret::generate(rng);
        let key = self.gate().totp_key(&state.id, state.gate().epoch)?;
        let sealed = seal_totp(&key, state, who, &totp, rng);
        let mut entry = AuthenticatorReplacement {
            custodian: who.clone(),
            serial: state.cards.next_serial(who),
            totp: record_hash(&sealed),
            signature: Bytes([0; 64]),
            agreed: Vec::new(),
        };
        entry.signature = card.signing_key().sign(&entry.digest(&state.id));
        Ok(NewAuthenticator { totp, entry, sealed })
    }

    /// Enters it, with the others' signatures; its code must be right. The record of
    /// the old secret is overwritten in the same commit.
    pub fn replace_authenticator(
        &mut self,
        log: &mut Log,
        new: NewAuthenticator,
        code: &SecretBytes,
        now: Time,
    ) -> Result<(), VaultError> {
        new.check(code, now)?;
        let NewAuthenticator { entry, sealed, .. } = new;
        let records = Records { put: vec![(totp_record(&entry.custodian), sealed)], ..Records::default() };
        let actor = Actor::Card(entry.custodian.clone());
        self.commit(log, now, vec![(actor, Event::AuthenticatorReplaced(entry))], records)?;
        Ok(())
    }
}
