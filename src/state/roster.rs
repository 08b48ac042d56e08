//! The roster: which group learns who the owner of a card is, and of whom that is
//! sealed. The group is designated by a binding of the whole organisation, like the
//! holder of any other factor; an identity is a version like any other, whose
//! account's id is the person's [`subject`]. Who somebody is nothing here knows.

use super::apply::{by_card, claim};
use super::claims::Claims;
use super::{Effective, Held, Invalid, Organisation, Version};
use crate::event::roster::subject;
use crate::event::{Actor, Binding, GroupStatement, IdentitySealing, Made, Scope, Shown};
use crate::name::{AccountId, Factor, GroupId, Pseudonym};
use crate::time::Time;

/// Of one card, whether its owner's identity is sealed.
#[derive(Clone, PartialEq, Debug)]
pub struct Listed<'a> {
    /// Whose card.
    pub who: &'a Pseudonym,
    /// The identity that is current; `None` while it is pending.
    pub sealed: Option<&'a Version>,
}

impl Organisation {
    /// The roster group, if one was designated.
    pub fn roster(&self) -> Option<&GroupStatement> {
        match self.binding_at(Scope::Organisation, Factor::Identity) {
            Effective::Bound(_, group) => Some(group),
            Effective::Unbound => None,
        }
    }

    /// What stands for a person in credential ids.
    pub fn subject(&self, who: &Pseudonym) -> AccountId {
        subject(&self.id, who)
    }

    /// Whom a subject stands for.
    pub fn person(&self, subject: &AccountId) -> Option<&Pseudonym> {
        self.index.subjects.get(subject)
    }

    /// Every card, with its owner's current identity.
    pub fn listed(&self) -> impl Iterator<Item = Listed<'_>> {
        self.people.keys().map(|who| {
            let sealed = self.current_of(&self.subject(who), Factor::Identity).map(|(_, version)| version);
            Listed { who, sealed }
        })
    }

    /// How many identities a group holds whose records are there. In proportion to the
    /// cards, however many versions there are.
    pub fn identities_of(&self, group: &GroupId) -> u64 {
        let versions = self.index.subjects.keys().flat_map(|id| self.versions_of(id, Factor::Identity));
        let held = versions.filter(|(credential, version)| {
            version.sealing.group == *group && !self.rotations.destroyed.contains_key(*credential)
        });
        held.count() as u64
    }

    /// `org/@pseudonym`: no project is called so, for a slug has no `@`.
    pub(super) fn person_address(&self, who: &Pseudonym) -> String {
        format!("{}/@{who}", self.slug)
    }

    /// Whether an id is an account's, or stands for a person.
    pub(super) fn is_known(&self, id: &AccountId) -> bool {
        self.accounts.contains_key(id) || self.index.subjects.contains_key(id)
    }

    /// A roster is the whole organisation's: nobody has an identity in a project.
    pub(super) fn check_roster_scope(binding: &Binding) -> Result<(), Invalid> {
        match (binding.factor, binding.scope) {
            (Factor::Identity, Scope::Project(_) | Scope::Account(_)) => Err(Invalid::Mismatch("scope")),
            _ => Ok(()),
        }
    }

    /// Sealed as it was begun, for the roster group, and signed by the person's card.
    pub(super) fn identity_sealed(
        &mut self,
        actor: &Actor,
        sealing: &IdentitySealing,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let who = &sealing.pseudonym;
        by_card(actor, who)?;
        let unknown = |what, id: String| Invalid::Unknown { what, id };
        let card = self.people.get(who).ok_or_else(|| unknown("card", who.to_string()))?;
        let begun = self.begun.get(&sealing.credential);
        let begun = begun.ok_or_else(|| unknown("seal", sealing.credential.short()))?;
        let account = self.subject(who);
        let as_begun = (begun.origin, begun.account, begun.factor, begun.version)
            == (sealing.dealing, account, Factor::Identity, sealing.version);
        if !as_begun {
            return Err(Invalid::Mismatch("seal"));
        }
        let roster = self.roster().filter(|group| {
            (group.group, group.epoch) == (sealing.group, sealing.epoch)
                && self.gate().epoch == sealing.gate_epoch
        });
        let roster = roster.ok_or(Invalid::Mismatch("roster group"))?;
        self.check_not_abandoned(&sealing.group, time)?;
        let digest = sealing.digest(&self.id, &self.g(roster));
        claims.take(claim(who, &card.sign_key, &digest, &sealing.signature))?;
        self.begun.remove(&sealing.credential);
        self.index.versions.entry((account, Factor::Identity)).or_default().current = sealing.version;
        self.versions.insert(sealing.credential, Version::new(held(sealing, account), time));
        Ok(())
    }
}

/// A version like any other, whose account's id is the person's subject.
fn held(sealing: &IdentitySealing, subject: AccountId) -> Held {
    Held {
        account: subject,
        factor: Factor::Identity,
        version: sealing.version,
        group: sealing.group,
        epoch: sealing.epoch,
        gate_epoch: sealing.gate_epoch,
        payload: sealing.payload,
        dealing: sealing.dealing,
        origin: sealing.dealing,
        made: Made::Typed,
        shown: Shown::Nobody,
    }
}
