//! What becomes of cards after their enrolment: which of them count, and who may say
//! so. A suspension is quick, and anybody whom it concerns can bring it about; what
//! lasts, or takes it back, needs a quorum of the others.

use super::apply::{by_card, by_host, claim, member_key};
use super::{Claims, Invalid, Organisation};
use crate::event::{
    Actor, Agreed, AuthenticatorReplacement, CardResumption, CardRevocation, CardSuspension, Event,
    GroupStatement, Hash, Refusal, TextHash,
};
use crate::name::{GroupId, Pseudonym};
use crate::seal::card::Role;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What became of cards; of one that nothing was entered about there is nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Cards {
    /// How much was entered about each since its enrolment.
    pub serials: BTreeMap<Pseudonym, u64>,
    /// Cards that are suspended.
    pub suspended: BTreeMap<Pseudonym, Suspended>,
    /// Cards that are revoked.
    pub revoked: BTreeMap<Pseudonym, Revoked>,
    /// Hash of the record of the TOTP secret, of those that have another one than at
    /// their enrolment.
    pub authenticators: BTreeMap<Pseudonym, Hash>,
}

/// A suspension that stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Suspended {
    /// Since when.
    pub since: Time,
    /// Who said so.
    pub by: Pseudonym,
    /// Why.
    pub reason: TextHash,
}

/// A revocation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Revoked {
    /// Since when.
    pub since: Time,
    /// Why.
    pub reason: TextHash,
}

/// Why a card counts for nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Barred {
    /// Until the others resume it.
    Suspended,
    /// For ever.
    Revoked,
}

impl Barred {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

impl From<Barred> for Refusal {
    fn from(how: Barred) -> Self {
        match how {
            Barred::Suspended => Self::Suspended,
            Barred::Revoked => Self::Revoked,
        }
    }
}

impl Cards {
    /// Whether nothing was ever entered about a card.
    pub fn is_empty(&self) -> bool {
        self.serials.is_empty()
    }

    /// Why a card counts for nothing, if it does.
    pub fn barred(&self, who: &Pseudonym) -> Option<Barred> {
        if self.revoked.contains_key(who) {
            Some(Barred::Revoked)
        } else {
            self.suspended.contains_key(who).then_some(Barred::Suspended)
        }
    }

    /// Number of the next entry about a card.
    pub fn next_serial(&self, who: &Pseudonym) -> u64 {
        self.serials.get(who).copied().unwrap_or(0) + 1
    }
}

impl Organisation {
    /// Groups that a card is a member of, in the order of their ids.
    pub fn groups_of<'a>(&'a self, who: &'a Pseudonym) -> impl Iterator<Item = &'a GroupStatement> {
        self.groups.values().filter(|group| group.index_of(who).is_some())
    }

    /// Members of a group whose card is neither suspended nor revoked.
    pub fn usable(&self, group: &GroupStatement) -> usize {
        group.members.iter().filter(|member| self.cards.barred(&member.pseudonym).is_none()).count()
    }

    /// Members of a group whose card is not revoked.
    pub fn left(&self, group: &GroupStatement) -> usize {
        group.members.iter().filter(|member| !self.cards.revoked.contains_key(&member.pseudonym)).count()
    }

    /// How many of a group's other members decide about a card: its threshold, or
    /// everybody who is left. Suspended members are among those who are left:
    /// whoever suspends others must not thereby need fewer.
    pub fn others_needed(&self, group: &GroupStatement, who: &Pseudonym) -> usize {
        let revoked = |other: &Pseudonym| self.cards.revoked.contains_key(other);
        let others = group.members.iter().filter(|m| m.pseudonym != *who && !revoked(&m.pseudonym)).count();
        group.needed().min(others).max(1)
    }

    /// Hash of the record of a person's encrypted TOTP secret.
    pub fn authenticator(&self, who: &Pseudonym) -> Option<Hash> {
        let first = self.people.get(who).map(|enrolment| enrolment.totp);
        self.cards.authenticators.get(who).copied().or(first)
    }

    /// Whose signature makes an entry valid must not be barred. What is refused is
    /// entered all the same: that somebody tried is worth knowing.
    pub(super) fn check_signers(&self, event: &Event) -> Result<(), Invalid> {
        if self.cards.is_empty() {
            return Ok(());
        }
        event.signers().into_iter().try_for_each(|who| self.check_counts(who))
    }

    /// That a card is not barred.
    pub fn check_counts(&self, who: &Pseudonym) -> Result<(), Invalid> {
        match self.cards.barred(who) {
            Some(how) => Err(Invalid::Barred { who: who.to_string(), how: how.as_str() }),
            None => Ok(()),
        }
    }

    pub(super) fn card_suspended(
        &mut self,
        actor: &Actor,
        entry: &CardSuspension,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let CardSuspension { custodian, serial, reason, by, signature } = entry;
        by_card(actor, by)?;
        self.check_about(custodian, *serial)?;
        self.check_counts(custodian)?;
        let key = self.may_suspend(by, custodian)?;
        claims.take(claim(by, &key, &entry.digest(&self.id), signature))?;
        self.note_serial(custodian, *serial);
        let suspended = Suspended { since: time, by: by.clone(), reason: *reason };
        self.cards.suspended.insert(custodian.clone(), suspended);
        self.bar(custodian);
        Ok(())
    }

    /// The signing key of who may suspend a card: its owner, a member of one of its
    /// groups, or an officer.
    fn may_suspend(&self, by: &Pseudonym, custodian: &Pseudonym) -> Result<crate::hex::Bytes<32>, Invalid> {
        let unknown = || Invalid::Unknown { what: "card", id: by.to_string() };
        let card = self.people.get(by).ok_or_else(unknown)?;
        let together = self.groups_of(custodian).any(|group| group.index_of(by).is_some());
        if by == custodian || together || card.role == Role::Officer {
            return Ok(card.sign_key);
        }
        let what = "an officer, or a member of a group of that card";
        Err(Invalid::NotA { who: by.to_string(), what })
    }

    pub(super) fn card_resumed(
        &mut self,
        actor: &Actor,
        entry: &CardResumption,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let CardResumption { custodian, serial, agreed } = entry;
        by_host(actor)?;
        self.check_about(custodian, *serial)?;
        if self.cards.barred(custodian) != Some(Barred::Suspended) {
            return Err(Invalid::NotA { who: custodian.to_string(), what: "suspended" });
        }
        self.check_others(custodian, agreed, &entry.digest(&self.id), claims)?;
        self.note_serial(custodian, *serial);
        self.cards.suspended.remove(custodian);
        Ok(())
    }

    pub(super) fn card_revoked(
        &mut self,
        actor: &Actor,
        entry: &CardRevocation,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let CardRevocation { custodian, serial, reason, signature, agreed } = entry;
        let card = self.check_about(custodian, *serial)?;
        let digest = entry.digest(&self.id);
        match signature {
            Some(signature) if agreed.is_empty() => {
                by_card(actor, custodian)?;
                claims.take(claim(custodian, &card, &digest, signature))?;
            }
            Some(_) => return Err(Invalid::Mismatch("list of signatures")),
            None => {
                by_host(actor)?;
                self.check_others(custodian, agreed, &digest, claims)?;
            }
        }
        self.note_serial(custodian, *serial);
        self.cards.suspended.remove(custodian);
        self.cards.revoked.insert(custodian.clone(), Revoked { since: time, reason: *reason });
        self.bar(custodian);
        // Nothing of it will ever be counted again.
        for proved in self.drills.custodians.values_mut() {
            proved.remove(custodian);
        }
        Ok(())
    }

    /// Another secret: steps and wrong codes of the old one mean nothing any more.
    pub(super) fn authenticator_replaced(
        &mut self,
        actor: &Actor,
        entry: &AuthenticatorReplacement,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let AuthenticatorReplacement { custodian, serial, totp, signature, agreed } = entry;
        by_card(actor, custodian)?;
        let card = self.check_about(custodian, *serial)?;
        if self.authenticator(custodian) == Some(*totp) {
            return Err(Invalid::Mismatch("authenticator"));
        }
        let digest = entry.digest(&self.id);
        claims.take(claim(custodian, &card, &digest, signature))?;
        self.check_others(custodian, agreed, &digest, claims)?;
        self.note_serial(custodian, *serial);
        self.cards.authenticators.insert(custodian.clone(), *totp);
        self.used_steps.remove(custodian);
        self.wrong_codes.remove(custodian);
        Ok(())
    }

    /// That an entry is about a custodian's card which is not revoked, and the next
    /// one about it; gives the card's signing key.
    fn check_about(&self, who: &Pseudonym, serial: u64) -> Result<crate::hex::Bytes<32>, Invalid> {
        let key = self.card(who, Role::Custodian)?.sign_key;
        if self.cards.revoked.contains_key(who) {
            return Err(Invalid::Barred { who: who.to_string(), how: Barred::Revoked.as_str() });
        }
        if serial != self.cards.next_serial(who) {
            return Err(Invalid::Mismatch("serial number"));
        }
        Ok(key)
    }

    /// That enough of the others of each group of a card have signed. A card in no
    /// group has nobody who could.
    fn check_others(
        &self,
        who: &Pseudonym,
        agreed: &[Agreed],
        digest: &[u8; 64],
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let groups: Vec<_> = self.groups_of(who).collect();
        if groups.is_empty() {
            return Err(Invalid::NotA { who: who.to_string(), what: "a member of any group" });
        }
        let named: BTreeSet<&GroupId> = agreed.iter().map(|agreed| &agreed.group).collect();
        if agreed.len() != groups.len() || named.len() != agreed.len() {
            return Err(Invalid::Mismatch("list of groups that agree"));
        }
        for group in groups {
            let given = agreed.iter().find(|agreed| agreed.group == group.group);
            let given = given.filter(|agreed| agreed.epoch == group.epoch);
            let given = given.ok_or_else(|| Invalid::NotAgreed(group.slug.to_string()))?;
            let mut signers = BTreeSet::new();
            for signed in &given.signatures {
                if signed.pseudonym == *who {
                    let what = "another member than the one whom it is about";
                    return Err(Invalid::NotA { who: who.to_string(), what });
                }
                if self.cards.revoked.contains_key(&signed.pseudonym) {
                    return self.check_counts(&signed.pseudonym);
                }
                let key = member_key(group, &signed.pseudonym)?;
                claims.take(claim(&signed.pseudonym, key, digest, &signed.signature))?;
                signers.insert(&signed.pseudonym);
            }
            let (found, needed) = (signers.len(), self.others_needed(group, who));
            if found < needed {
                return Err(Invalid::TooFewSignatures { found, needed });
            }
        }
        Ok(())
    }

    fn note_serial(&mut self, who: &Pseudonym, serial: u64) {
        self.cards.serials.insert(who.clone(), serial);
    }

    /// What a card has given to ceremonies that are open counts for nothing that was
    /// not released.
    fn bar(&mut self, who: &Pseudonym) {
        for ceremony in self.ceremonies.values_mut().filter(|c| c.accepted.contains_key(who)) {
            ceremony.barred.insert(who.clone());
        }
    }
}
