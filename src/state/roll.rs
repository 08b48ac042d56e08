//! Where cards are enrolled and form groups: an organisation, or for recovery the
//! vault itself. What makes a group statement valid is the same for both.

use super::apply::claim;
use super::{Claims, Invalid, Organisation};
use crate::event::{GroupStatement, Hash, Member};
use crate::hex::Bytes;
use crate::name::{OrganisationId, Pseudonym, VaultId};
use crate::pvss::{self, GroupKeys};
use crate::seal::card::Role;
use std::collections::BTreeSet;

/// The cards of one log.
pub trait Roll {
    /// The vault.
    fn vault(&self) -> VaultId;
    /// The log: an organisation's id, or the vault's own.
    fn id(&self) -> OrganisationId;
    /// Leaf hash of the log's first entry, which cards pin.
    fn first_entry(&self) -> Bytes<32>;
    /// Role and signing key of an enrolled card.
    fn enrolled(&self, who: &Pseudonym) -> Option<(Role, &Bytes<32>)>;
    /// Which cards form groups here.
    fn member_role(&self) -> Role;
    /// Everyone enrolled with that role.
    fn eligible(&self) -> Vec<&Pseudonym>;

    /// `g` of a group in its epoch.
    fn g(&self, group: &GroupStatement) -> Hash {
        pvss::group_id(&self.vault(), &self.id(), &group.group, group.epoch)
    }

    /// The group's share keys, decoded and checked.
    fn group_keys(&self, group: &GroupStatement) -> Result<GroupKeys, Invalid> {
        let shape = group.shape().ok_or(Invalid::Mismatch("threshold"))?;
        Ok(GroupKeys::new(self.g(group), shape, &group.share_keys())?)
    }
}

impl Roll for Organisation {
    fn vault(&self) -> VaultId {
        self.vault
    }

    fn id(&self) -> OrganisationId {
        self.id
    }

    fn first_entry(&self) -> Bytes<32> {
        self.first_entry
    }

    fn enrolled(&self, who: &Pseudonym) -> Option<(Role, &Bytes<32>)> {
        self.people.get(who).map(|card| (card.role, &card.sign_key))
    }

    fn member_role(&self) -> Role {
        Role::Custodian
    }

    fn eligible(&self) -> Vec<&Pseudonym> {
        self.people.values().filter(|p| p.role == Role::Custodian).map(|p| &p.pseudonym).collect()
    }
}

/// A group's first statement.
pub(super) fn check_statement(
    roll: &impl Roll,
    statement: &GroupStatement,
    claims: &mut dyn Claims,
) -> Result<(), Invalid> {
    check_statement_of(roll, statement, (1, None), claims)
}

/// A group's statement of an epoch, which names the one before by its digest: its
/// keys are acceptable, every member is enrolled once and with its key, knows its
/// share key's secret, and has signed.
pub(super) fn check_statement_of(
    roll: &impl Roll,
    statement: &GroupStatement,
    epoch: (u64, Option<Hash>),
    claims: &mut dyn Claims,
) -> Result<(), Invalid> {
    if (statement.epoch, statement.previous) != epoch || statement.signatures.len() != statement.members.len()
    {
        return Err(Invalid::Mismatch("group statement"));
    }
    let digest = statement.digest(&roll.id());
    roll.group_keys(statement)?;
    let g = roll.g(statement);
    let mut seen = BTreeSet::new();
    for (member, signature) in statement.members.iter().zip(&statement.signatures) {
        let who = &member.pseudonym;
        let unknown = || Invalid::Unknown { what: "card", id: who.to_string() };
        let (role, sign_key) = roll.enrolled(who).ok_or_else(unknown)?;
        if role != roll.member_role() {
            return Err(Invalid::NotA { who: who.to_string(), what: roll.member_role().as_str() });
        }
        if *sign_key != member.sign_key || !seen.insert(who) {
            return Err(Invalid::Mismatch("member"));
        }
        check_member(member, signature, (&g, &digest), claims)?;
    }
    Ok(())
}

/// A member of the group `g` knows its share key's secret, and has signed the group's
/// statement, which has this digest.
pub(super) fn check_member(
    member: &Member,
    signature: &Bytes<64>,
    (g, digest): (&Hash, &[u8; 64]),
    claims: &mut dyn Claims,
) -> Result<(), Invalid> {
    let who = &member.pseudonym;
    pvss::verify_possession(&member.share_key, g, &member.sign_key, &member.possession)
        .map_err(|_| Invalid::NotA { who: who.to_string(), what: "the owner of its share key" })?;
    claims.take(claim(who, &member.sign_key, digest, signature))
}
