//! Replacing what is sealed, and destroying what was replaced. Each step is one
//! commit, and between any two of them both versions can be opened; what people
//! are shown and asked is above.

use super::group::group;
use super::hierarchy::{account, no_project};
use super::people::check_card;
use super::seal::{Provenance, Sealed};
use super::{Log, Records, Vault, VaultError};
use crate::event::{
    Accepts, Actor, Agreed, Because, Destruction, Event, Hash, RotationBegun, RotationPolicy,
    RotationSettled, Scope, Shown,
};
use crate::name::{AccountAddress, Factor, GroupId, ScopeAddress};
use crate::seal::card::{Card, Role};
use crate::seal::contents::Sealable;
use crate::state::rotation::{Place, Running};
use crate::state::{Invalid, Organisation};
use crate::time::Time;
use rand_core::CryptoRng;

/// The scope that an address names.
pub fn scope(state: &Organisation, address: &ScopeAddress) -> Result<Scope, VaultError> {
    let Some(project) = &address.project else { return Ok(Scope::Organisation) };
    let (id, _) = state.project_by_slug(project).ok_or_else(|| no_project(state, project))?;
    let Some(slug) = &address.account else { return Ok(Scope::Project(*id)) };
    let (organisation, project) = (address.organisation.clone(), project.clone());
    let address = AccountAddress { organisation, project, account: slug.clone() };
    Ok(Scope::Account(account(state, &address)?.0))
}

/// The rotation of an account's factor that is not settled.
pub fn running<'a>(
    state: &'a Organisation,
    address: &AccountAddress,
    factor: Factor,
) -> Result<(&'a Hash, &'a Running), VaultError> {
    let (id, _) = account(state, address)?;
    let found = state.rotations.running_for(&id, factor);
    found.ok_or_else(|| VaultError::NoRotation(state.named(&id, factor)))
}

/// The destruction of one version of an account, without signatures, and the group
/// whose quorum must sign it where it is the current one: only `current` lets that
/// through.
pub fn destruction(
    state: &Organisation,
    (address, factor): (&AccountAddress, Factor),
    version: u64,
    current: bool,
) -> Result<(Destruction, Option<GroupId>), VaultError> {
    let (id, _) = account(state, address)?;
    let versions = state.versions_of(&id, factor);
    let newest = versions.last().ok_or_else(|| nothing_sealed(address, factor))?;
    let found = versions.iter().find(|(_, v)| v.sealing.version == version);
    let (credential, found) = found.ok_or_else(|| VaultError::NoVersion {
        address: state.named(&id, factor),
        version,
        newest: newest.1.sealing.version,
    })?;
    super::seal::there(state, credential)?;
    if let Some(why) = state.destruction_refused(credential) {
        return Err(why.into());
    }
    let is_current = state.place_of(credential) == Some(Place::Current);
    let holder = found.sealing.group;
    if is_current && !current {
        let group = state.groups.get(&holder).map(|g| state.group_address(g)).unwrap_or_default();
        return Err(VaultError::IsCurrent { address: state.named(&id, factor), version, group });
    }
    let gone = Destruction { credential: **credential, why: Because::Asked, signatures: Vec::new() };
    Ok((gone, is_current.then_some(holder)))
}

fn nothing_sealed(address: &AccountAddress, factor: Factor) -> VaultError {
    match factor {
        Factor::Password => VaultError::NothingSealed(address.to_string()),
        factor => VaultError::NothingSealedAs { address: address.to_string(), factor },
    }
}

/// What a rotation policy says, before it is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Of which factor; the password, if none is named.
    pub factor: Option<Factor>,
    /// Days after which a version is to be renewed; 0: never for its age alone.
    pub every_days: Option<u64>,
    /// Hours after its release within which it is to be renewed.
    pub exposed_hours: Option<u64>,
    /// Least length of a new password.
    pub length: Option<u64>,
    /// What generated passwords are made of.
    pub alphabet: Option<crate::seal::generate::Alphabet>,
}

/// A rotation policy without signatures, and the groups whose quorum must agree.
pub fn rotation_policy(
    state: &Organisation,
    scope: Scope,
    wanted: Wanted,
    now: Time,
) -> Result<(RotationPolicy, Vec<GroupId>), VaultError> {
    let Wanted { factor, every_days, exposed_hours, length, alphabet } = wanted;
    let factor = factor.filter(|factor| *factor != Factor::Password);
    let serial = state.rotations.policy_serial + 1;
    let agreed = Vec::new();
    let set = RotationPolicy { serial, scope, factor, every_days, exposed_hours, length, alphabet, agreed };
    match state.rotation_policy_refused(&set) {
        Some(why) => Err(why.into()),
        None => {
            let holders = state.holders_within(&scope, factor.unwrap_or(Factor::Password), now);
            Ok((set, holders.into_iter().collect()))
        }
    }
}

/// Adds a group's signatures to a rotation policy.
pub fn agree(
    set: &mut RotationPolicy,
    group: &crate::event::GroupStatement,
    signatures: Vec<crate::event::Signed>,
) {
    set.agreed.push(Agreed { group: group.group, epoch: group.epoch, signatures });
}

impl Vault {
    /// Enters a rotation policy with its signatures.
    pub fn set_rotation_policy(
        &mut self,
        log: &mut Log,
        set: RotationPolicy,
        now: Time,
    ) -> Result<(), VaultError> {
        self.commit_host(log, now, vec![Event::RotationPolicySet(set)], Records::default())?;
        Ok(())
    }

    /// Destroys a version's records, on record. Gives whether their bytes have left
    /// every file: a reader can keep them there until the vault is opened next.
    pub fn destroy(&mut self, log: &mut Log, gone: Destruction, now: Time) -> Result<bool, VaultError> {
        let committed = self.commit_host(log, now, vec![Event::Destroyed(gone)], Records::default())?;
        Ok(committed.erased())
    }

    /// Whether the next version of an account's factor could be sealed here: somebody
    /// would hold it, and that group was confirmed. Asked before anybody is called.
    pub fn check_next(&self, log: &Log, address: &AccountAddress, factor: Factor) -> Result<(), VaultError> {
        let (id, found) = account(&log.state, address)?;
        super::seal::in_use(found, || address.to_string())?;
        if log.state.rotations.running_for(&id, factor).is_some() {
            return Err(Invalid::RotationRunning(log.state.named(&id, factor)).into());
        }
        let holder = super::seal::holder(&log.state, &id, factor)?;
        log.state.check_sealing_apart(&id, factor, holder)?;
        let group = group(&log.state, &holder.slug)?;
        match self.is_pinned(&log.state, group)? {
            true => Ok(()),
            false => Err(VaultError::NotPinned(log.state.group_address(group))),
        }
    }

    /// Seals the version that is to replace what a ceremony has released. It is
    /// pending from then on; nothing of it was shown yet. A crash before the last
    /// commit leaves a version number that is used up, after it a rotation that is
    /// to be settled.
    #[allow(clippy::too_many_arguments, reason = "a seal's own arguments, and whose rotation it is")]
    pub fn begin_rotation(
        &mut self,
        log: &mut Log,
        operator: &Card,
        (ceremony, target): (&Hash, u64),
        contents: &impl Sealable,
        provenance: Provenance,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, VaultError> {
        check_card(&log.state, operator, Role::Operator)?;
        let now = self.catch_up(log, now)?;
        let open = self.known(log, ceremony)?;
        let named = usize::try_from(target).ok().and_then(|t| open.targets.get(t)).copied();
        let named = named.filter(|_| open.released.contains(&target));
        let known = named.and_then(|old| Some((old, &log.state.versions.get(&old)?.sealing)));
        let (old, sealing) = known.ok_or(Invalid::CeremonyState("rotation-begun"))?;
        let (id, factor) = (sealing.account, sealing.factor);
        if contents.factor() != factor {
            return Err(Invalid::Mismatch("rotation").into());
        }
        let current = log.state.current_of(&id, factor).map(|(current, _)| *current);
        // What a rule would refuse at the end is found before a number is used up.
        if current != Some(old) {
            return Err(Invalid::Mismatch("rotation").into());
        }
        if log.state.rotations.running_for(&id, factor).is_some() {
            return Err(Invalid::RotationRunning(log.state.named(&id, factor)).into());
        }
        let begun = |new: Hash| {
            let digest = RotationBegun::digest(ceremony, target, &old, &new);
            let signature = operator.signing_key().sign(&digest);
            let begun = RotationBegun { ceremony: *ceremony, target, old, new, signature };
            Some((Actor::Card(operator.pseudonym().clone()), Event::RotationBegun(begun)))
        };
        self.seal_next(log, id, contents, provenance, &begun, now, rng)
    }

    /// Enters which of a rotation's versions the provider accepts. Where it is the
    /// new one the old one's records are destroyed in the same commit.
    pub fn settle_rotation(
        &mut self,
        log: &mut Log,
        operator: &Card,
        new: &Hash,
        (accepts, handed): (Accepts, Shown),
        now: Time,
    ) -> Result<(), VaultError> {
        check_card(&log.state, operator, Role::Operator)?;
        let running = log.state.rotations.running.get(new);
        let running = running.ok_or_else(|| VaultError::NoRotation(new.short()))?;
        let (ceremony, old) = (running.ceremony, running.old);
        let digest = RotationSettled::digest(&ceremony, new, accepts, handed);
        let signature = operator.signing_key().sign(&digest);
        let settled = RotationSettled { ceremony, credential: *new, accepts, handed, signature };
        let mut events = vec![(Actor::Card(operator.pseudonym().clone()), Event::RotationSettled(settled))];
        if accepts == Accepts::New {
            let gone = Destruction { credential: old, why: Because::Rotated, signatures: Vec::new() };
            events.push((Actor::Host, Event::Destroyed(gone)));
        }
        self.commit(log, now, events, Records::default())?;
        Ok(())
    }
}
