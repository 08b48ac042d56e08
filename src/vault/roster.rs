//! Who the owner of a card is: sealed for the roster group, listed by pseudonym, and
//! asked for in a ceremony of that group. What is read from a person here is dealt and
//! wiped; no name is in any entry, projection or error.

use super::ask::List;
use super::hierarchy::some;
use super::people::check_card;
use super::seal::{Sealed, there};
use super::{Log, Vault, VaultError};
use crate::event::{Actor, Because, Destruction, Event, GroupStatement, Hash, IdentitySealing};
use crate::hex::Bytes;
use crate::name::{Factor, Pseudonym};
use crate::seal::card::{Card, Role};
use crate::seal::contents::{Contents, Identity};
use crate::state::{Organisation, Version};
use crate::time::Time;
use rand_core::CryptoRng;
use serde::Serialize;

/// Whether the roster group can say whose a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityStanding {
    /// It can.
    Sealed,
    /// Nothing was sealed yet.
    Pending,
    /// What was sealed is destroyed.
    Forgotten,
}

impl IdentityStanding {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Pending => "pending",
            Self::Forgotten => "forgotten",
        }
    }
}

/// Of one card, whether it is known to the roster group whose it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RosterRow {
    /// Whose card.
    pub pseudonym: Pseudonym,
    /// What it may do.
    pub role: Role,
    /// How its owner's identity stands.
    pub state: IdentityStanding,
    /// The identity's version.
    pub version: Option<u64>,
    /// When that was sealed.
    pub sealed: Option<Time>,
    /// `org/group` that holds it.
    pub group: Option<String>,
    /// When a ceremony first disclosed it.
    pub disclosed: Option<Time>,
}

/// Every card of an organisation, in the order of pseudonyms.
pub fn rows(state: &Organisation) -> Vec<RosterRow> {
    let row = |(who, sealed): (&Pseudonym, Option<&Version>)| {
        let role = state.people.get(who)?.role;
        let held = sealed.map(|version| &version.sealing);
        let group = held.and_then(|held| state.groups.get(&held.group));
        Some(RosterRow {
            pseudonym: who.clone(),
            role,
            state: match sealed {
                Some(_) => IdentityStanding::Sealed,
                None if state.versions_of(&state.subject(who), Factor::Identity).is_empty() => {
                    IdentityStanding::Pending
                }
                None => IdentityStanding::Forgotten,
            },
            version: held.map(|held| held.version),
            sealed: sealed.map(|version| version.sealed),
            group: group.map(|group| state.group_address(group)),
            disclosed: sealed.and_then(|version| version.exposed),
        })
    };
    state.listed().filter_map(|one| row((one.who, one.sealed))).collect()
}

/// The roster group, or an error that there is none.
pub fn roster(state: &Organisation) -> Result<&GroupStatement, VaultError> {
    state.roster().ok_or_else(|| VaultError::NoRoster(state.slug.to_string()))
}

/// Somebody by pseudonym, or an error with those there are.
pub fn check_person(state: &Organisation, who: &Pseudonym) -> Result<(), VaultError> {
    if state.people.contains_key(who) {
        return Ok(());
    }
    let near = some(state.people.keys().map(ToString::to_string));
    Err(VaultError::NotFound { what: "card", name: who.to_string(), near })
}

/// The identity of a person that a ceremony would open: the current one, or the
/// version that was asked for.
pub fn identity_of<'a>(
    state: &'a Organisation,
    who: &Pseudonym,
    version: Option<u64>,
) -> Result<(&'a Hash, &'a Version), VaultError> {
    check_person(state, who)?;
    let versions = state.versions_of(&state.subject(who), Factor::Identity);
    let pending = || VaultError::IdentityPending { organisation: state.slug.to_string(), who: who.clone() };
    let newest = versions.last().ok_or_else(pending)?;
    let (address, newest_number) = (state.address(&state.subject(who)), newest.1.sealing.version);
    let wanted = version.unwrap_or(newest_number);
    let found = versions.iter().find(|(_, v)| v.sealing.version == wanted);
    let missing = || VaultError::NoVersion { address, version: wanted, newest: newest_number };
    let found = found.copied().ok_or_else(missing)?;
    there(state, found.0)?;
    if let Some((hash, open)) = state.open_ceremony_for(found.0) {
        let (ceremony, address) = (hash.short(), state.address(&state.subject(who)));
        return Err(VaultError::CeremonyBusy { ceremony, address, until: open.expires });
    }
    Ok(found)
}

/// The destruction of a sealed identity, without signatures, and the group whose quorum
/// must agree, whether it is the current one or not.
pub fn to_forget<'a>(
    state: &'a Organisation,
    who: &Pseudonym,
    version: u64,
) -> Result<(Destruction, &'a GroupStatement), VaultError> {
    let (credential, found) = identity_of(state, who, Some(version))?;
    let group = state.holder(&found.sealing);
    let group = group.ok_or_else(|| VaultError::NoRoster(state.slug.to_string()))?;
    Ok((Destruction { credential: *credential, why: Because::Asked, signatures: Vec::new() }, group))
}

impl Vault {
    /// Seals who the owner of a card is, for the roster group; the card signs that it
    /// is theirs.
    pub fn seal_identity(
        &mut self,
        log: &mut Log,
        card: &Card,
        identity: Identity,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, VaultError> {
        let who = card.pseudonym();
        check_card(&log.state, card, card.role())?;
        log.state.check_counts(who)?;
        let group = roster(&log.state)?.clone();
        if !self.is_pinned(&log.state, &group)? {
            return Err(VaultError::NotPinned(log.state.group_address(&group)));
        }
        let (subject, identity) = (log.state.subject(who), Contents::Identity(identity));
        let sealed = self.seal_for(log, (subject, &group), &identity, now, rng)?;
        let (credential, version) = (sealed.credential, sealed.version);
        let mut entry = IdentitySealing {
            credential,
            pseudonym: who.clone(),
            version,
            group: group.group,
            epoch: group.epoch,
            gate_epoch: log.state.gate().epoch,
            payload: sealed.payload.payload_hash(),
            dealing: *sealed.dealing.id(),
            signature: Bytes([0; 64]),
        };
        let digest = entry.digest(&log.state.id, &log.state.g(&group));
        entry.signature = card.signing_key().sign(&digest);
        let events = vec![(Actor::Card(who.clone()), Event::IdentitySealed(entry))];
        self.commit(log, now, events, sealed.records())?;
        Ok(Sealed { version, group: log.state.group_address(&group), credential })
    }

    /// Opens the ceremony in which the roster group is asked who somebody is. Of the
    /// list all counts but its targets. Gives the ceremony's hash.
    pub fn open_identity(
        &mut self,
        log: &mut Log,
        operator: &Card,
        (who, version): (&Pseudonym, Option<u64>),
        ask: &List<'_>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Hash, VaultError> {
        let now = self.catch_up(log, now)?;
        let (_, now) = self.expire_due(log, now)?;
        check_card(&log.state, operator, Role::Operator)?;
        let (credential, found) = identity_of(&log.state, who, version)?;
        let target = found.sealing.target(credential);
        let group = log.state.holder(&found.sealing);
        let group = group.ok_or_else(|| VaultError::NoRoster(log.state.slug.to_string()))?;
        if log.state.admission_of(operator.pseudonym(), group, now).is_none() {
            let (operator, group) = (operator.pseudonym().to_string(), log.state.group_address(group));
            return Err(VaultError::NotAdmitted { operator, group });
        }
        self.open_targets(log, operator, (ask, vec![target]), now, rng)
    }
}
