//! Groups of custodians: forming one, admitting operators to it, binding
//! scopes to it. Each is a statement that cards sign one after the other.

use super::hierarchy::some;
use super::{Log, Records, Vault, VaultError, people::check_card};
use crate::event::{
    Actor, Admission, Binding, Event, GivenUp, GroupStatement, Hash, Member, Renewal, Scope, Signed,
    WitnessPolicy,
};
use crate::hex::Bytes;
use crate::name::{Factor, GroupId, Pseudonym, Slug, Threshold};
use crate::pvss::{self, ShareKeyPair};
use crate::seal::card::{Card, Role, StatementError};
use crate::seal::words::{self, Fingerprint};
use crate::state::{Invalid, Organisation, Roll};
use crate::time::Time;
use rand_core::CryptoRng;
use std::collections::BTreeMap;

/// A group that is being formed: first every member joins, then every member signs.
pub struct Draft {
    statement: GroupStatement,
    wanted: Vec<Pseudonym>,
    joined: BTreeMap<Pseudonym, Member>,
    signed: BTreeMap<Pseudonym, Bytes<64>>,
}

impl Draft {
    /// Begins a group of these custodians.
    pub fn new(
        state: &Organisation,
        slug: &Slug,
        threshold: usize,
        members: &[Pseudonym],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, VaultError> {
        Threshold::new(threshold, members.len())?;
        members.iter().try_for_each(|who| state.check_counts(who))?;
        if state.group_by_slug(slug).is_some() {
            return Err(Invalid::Duplicate(format!("{}/{slug}", state.slug)).into());
        }
        Self::of(state, slug, threshold, members, rng)
    }

    /// The same for whoever may form groups in a log, under a name that is free.
    pub(super) fn of(
        roll: &impl Roll,
        slug: &Slug,
        threshold: usize,
        members: &[Pseudonym],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, VaultError> {
        Threshold::new(threshold, members.len())?;
        for (position, who) in members.iter().enumerate() {
            if roll.enrolled(who).is_none_or(|(role, _)| role != roll.member_role()) {
                return Err(VaultError::NotFound {
                    what: roll.member_role().as_str(),
                    name: who.to_string(),
                    near: some(roll.eligible().into_iter().map(Pseudonym::to_string)),
                });
            }
            if members.iter().skip(position + 1).any(|other| other == who) {
                return Err(Invalid::Duplicate(who.to_string()).into());
            }
        }
        let statement = GroupStatement {
            group: GroupId::random(rng),
            slug: slug.clone(),
            epoch: 1,
            previous: None,
            threshold: threshold as u64,
            members: Vec::new(),
            signatures: Vec::new(),
        };
        Ok(Self { statement, wanted: members.to_vec(), joined: BTreeMap::new(), signed: BTreeMap::new() })
    }

    /// Members that have not joined yet, in order.
    pub fn missing(&self) -> Vec<&Pseudonym> {
        self.wanted.iter().filter(|who| !self.joined.contains_key(*who)).collect()
    }

    /// Adds a member's share key and its proof of possession.
    pub fn join(
        &mut self,
        roll: &impl Roll,
        card: &Card,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        check_card(roll, card, roll.member_role())?;
        if !self.wanted.contains(card.pseudonym()) {
            return Err(VaultError::ForeignCard(card.pseudonym().to_string()));
        }
        let g = roll.g(&self.statement);
        let pair = ShareKeyPair::new(card.share_scalar(&g));
        let sign_key = card.signing_key().public();
        let possession = pvss::prove_possession(&pair, &g, &sign_key, rng);
        let share_key = *pair.public();
        let pseudonym = card.pseudonym().clone();
        self.joined.insert(pseudonym.clone(), Member { pseudonym, sign_key, share_key, possession });
        if self.missing().is_empty() {
            self.statement.members =
                self.wanted.iter().filter_map(|who| self.joined.get(who).cloned()).collect();
        }
        Ok(())
    }

    /// Begins the next epoch of a group: the same custodians, with new share keys.
    pub fn next(state: &Organisation, before: &GroupStatement) -> Self {
        let statement = GroupStatement {
            epoch: before.epoch + 1,
            previous: Some(Bytes(before.digest(&state.id))),
            members: Vec::new(),
            signatures: Vec::new(),
            ..before.clone()
        };
        let wanted = before.members.iter().map(|member| member.pseudonym.clone()).collect();
        Self { statement, wanted, joined: BTreeMap::new(), signed: BTreeMap::new() }
    }

    /// Signs as a member of the epoch before that the group goes on to this one.
    pub fn agree(
        &self,
        state: &Organisation,
        before: &GroupStatement,
        card: &Card,
    ) -> Result<Signed, VaultError> {
        let digest = Renewal::digest(&before.digest(&state.id), &self.statement.digest(&state.id));
        sign_as_member(state, before, card, &digest)
    }

    /// The twelve words, once everyone has joined.
    pub fn fingerprint(&self, roll: &impl Roll) -> Option<Fingerprint> {
        self.missing().is_empty().then(|| words::fingerprint(&self.statement.fingerprint(&roll.id())))
    }

    /// Signs with a member's card, which remembers what it signed.
    pub fn sign(&mut self, roll: &impl Roll, card: &mut Card) -> Result<(), StatementError> {
        let digest = self.statement.digest(&roll.id());
        card.remember_statement(self.statement.group, self.statement.epoch, Bytes(digest))?;
        self.signed.insert(card.pseudonym().clone(), card.signing_key().sign(&digest));
        Ok(())
    }

    /// The statement with every signature there is.
    pub fn finish(mut self) -> GroupStatement {
        self.statement.signatures =
            self.wanted.iter().filter_map(|who| self.signed.get(who).copied()).collect();
        self.statement
    }
}

/// A group by its name, or an error that lists those there are.
pub fn group<'a>(state: &'a Organisation, slug: &Slug) -> Result<&'a GroupStatement, VaultError> {
    state.group_by_slug(slug).ok_or_else(|| VaultError::NotFound {
        what: "group",
        name: format!("{}/{slug}", state.slug),
        near: some(state.groups.values().map(|g| state.group_address(g))),
    })
}

/// Signs a digest as a member of a group.
pub fn sign_as_member(
    state: &Organisation,
    group: &GroupStatement,
    card: &Card,
    digest: &[u8; 64],
) -> Result<Signed, VaultError> {
    check_card(state, card, Role::Custodian)?;
    if group.index_of(card.pseudonym()).is_none() {
        let what = "a member of the group";
        return Err(Invalid::NotA { who: card.pseudonym().to_string(), what }.into());
    }
    state.check_counts(card.pseudonym())?;
    Ok(Signed { pseudonym: card.pseudonym().clone(), signature: card.signing_key().sign(digest) })
}

/// An admission without signatures.
pub fn admission(
    state: &Organisation,
    group: &GroupStatement,
    operator: &Pseudonym,
    expires: Time,
) -> Result<Admission, VaultError> {
    let found = state.people.get(operator).filter(|p| p.role == Role::Operator);
    let operators =
        || state.people.values().filter(|p| p.role == Role::Operator).map(|p| p.pseudonym.to_string());
    let found = found.ok_or_else(|| VaultError::NotFound {
        what: "operator",
        name: operator.to_string(),
        near: some(operators()),
    })?;
    Ok(Admission {
        group: group.group,
        epoch: group.epoch,
        operator: operator.clone(),
        operator_key: found.sign_key,
        expires,
        revocations: state.revocations_of(&group.group, operator),
        signatures: Vec::new(),
    })
}

/// A binding without signatures, and the groups whose quorum must agree to it.
pub fn binding(
    state: &Organisation,
    scope: Scope,
    factor: Factor,
    group: &GroupStatement,
    now: Time,
) -> (Binding, Vec<GroupId>) {
    let serial = state.binding_serial + 1;
    let (signatures, given_up) = (Vec::new(), Vec::new());
    let binding =
        Binding { serial, scope, factor, group: group.group, epoch: group.epoch, signatures, given_up };
    let losing = state.must_agree(&binding, now).into_iter().collect();
    (binding, losing)
}

/// A witness policy without signatures.
pub fn witness_policy(state: &Organisation, group: &GroupStatement, policy: String) -> WitnessPolicy {
    let serial = state.witness_policies.get(&group.group).map_or(0, |before| before.serial) + 1;
    WitnessPolicy { group: group.group, epoch: group.epoch, serial, policy, signatures: Vec::new() }
}

impl Vault {
    /// Enters a group that every member signed.
    pub fn form_group(
        &mut self,
        log: &mut Log,
        statement: GroupStatement,
        now: Time,
    ) -> Result<(), VaultError> {
        self.commit_host(log, now, vec![Event::GroupFormed(statement)], Records::default())?;
        Ok(())
    }

    /// Enters an admission with its signatures.
    pub fn admit(&mut self, log: &mut Log, admission: Admission, now: Time) -> Result<(), VaultError> {
        self.commit_host(log, now, vec![Event::OperatorAdmitted(admission)], Records::default())?;
        Ok(())
    }

    /// Takes an admission back, with one custodian's signature; every other of the
    /// operator to that group goes with it.
    pub fn revoke_admission(
        &mut self,
        log: &mut Log,
        admission: Hash,
        card: &Card,
        now: Time,
    ) -> Result<(), VaultError> {
        check_card(&log.state, card, Role::Custodian)?;
        let custodian = card.pseudonym().clone();
        let signature = card.signing_key().sign(&Admission::revocation_digest(&admission));
        let actor = Actor::Card(custodian.clone());
        let event = Event::AdmissionRevoked { admission, custodian, signature };
        self.commit(log, now, vec![(actor, event)], Records::default())?;
        Ok(())
    }

    /// Enters a witness policy with its signatures.
    pub fn set_witness_policy(
        &mut self,
        log: &mut Log,
        policy: WitnessPolicy,
        now: Time,
    ) -> Result<(), VaultError> {
        self.commit_host(log, now, vec![Event::WitnessPolicySet(policy)], Records::default())?;
        Ok(())
    }

    /// Enters a binding with its signatures.
    pub fn bind(&mut self, log: &mut Log, binding: Binding, now: Time) -> Result<(), VaultError> {
        self.commit_host(log, now, vec![Event::Bound(binding)], Records::default())?;
        Ok(())
    }
}

/// Adds a group's signatures to a binding that takes something from it.
pub fn give_up(binding: &mut Binding, group: GroupId, signatures: Vec<Signed>) {
    binding.given_up.push(GivenUp { group, signatures });
}
