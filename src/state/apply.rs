//! How each entry changes the state of an organisation, and which are refused.
//!
//! Every signature that an entry carries goes to a [`Claims`]: the vault's own
//! way in verifies each at once, so that state can only come from entries whose
//! actors agreed to them; `audit` verifies many together.
//!
//! Long, because every rule of the log stands in this one file.

use super::claims::{Claim, Claims, Said, Signer, Strict};
use super::index::{self, Index};
use super::rotation::Rotations;
use super::{
    AHEAD, Account, Begun, Ceremony, LOCKOUT, Organisation, Project, ROOM_AGE, STEP, Standing, Version,
};
use crate::event::{
    Acceptance, Actor, Admission, Binding, Ending, Enrolment, Entry, Event, GateEpoch, GivenUp,
    GroupStatement, Hash, Line, MAX_WITNESS_POLICY, Mode, Opening, Refusal, Scope, Sealing, Signed,
    WitnessPolicy,
};
use crate::hex::Bytes;
use crate::log::Checkpoint;
use crate::log::cosignature::MAX_COSIGNATURES;
use crate::log::note::cosigned_message;
use crate::log::policy::Policy;
use crate::log::roots::Roots;
use crate::message::{
    ContributionFacts, Notice, RequestFacts, Target, contribution_body, contribution_digest, operator_notice,
    request_digest, request_hash, targets_hash,
};
use crate::name::{GroupId, OrganisationId, Pseudonym, external_id};
use crate::pvss::{self, GroupError, GroupKeys};
use crate::seal::card::Role;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Why an entry is refused: facts, with whoever is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The log does not begin as a log of its kind must.
    #[error("the log does not begin with its creation entry")]
    FirstEntry,
    /// An entry is dated before its predecessor.
    #[error("the entry is dated {time}, before its predecessor of {last}")]
    BackInTime {
        /// Predecessor's time.
        last: Time,
        /// Its own.
        time: Time,
    },
    /// An entry of this kind does not belong into this log.
    #[error("an entry '{0}' does not belong here")]
    Misplaced(&'static str),
    /// The entry is not of the schema that this program reads.
    #[error("the entry has schema version {0}")]
    Schema(u32),
    /// Something exists already.
    #[error("'{0}' exists already")]
    Duplicate(String),
    /// Something that is named does not exist.
    #[error("the entry names a {what} that does not exist: {id}")]
    Unknown {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The actor is not the one who must have acted.
    #[error("the entry's actor is {found}, but must be {expected}")]
    WrongActor {
        /// Actor of the entry.
        found: String,
        /// Actor that it must have.
        expected: String,
    },
    /// A signature is wrong.
    #[error("the signature of {who} is wrong")]
    Signature {
        /// Whose.
        who: String,
    },
    /// Somebody is not what they must be.
    #[error("{who} is not {what}")]
    NotA {
        /// Who.
        who: String,
        /// What they must be.
        what: &'static str,
    },
    /// Too few signatures of a group.
    #[error("{found} of {needed} members of the group signed")]
    TooFewSignatures {
        /// Distinct members that signed.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A group that holds versions would lose the scope, or a part of it, and did
    /// not agree.
    #[error("group '{0}' holds versions, would lose this scope, and has not agreed")]
    NotGivenUp(String),
    /// A witness policy cannot be used.
    #[error("the witness policy is not acceptable: {0}")]
    WitnessPolicy(String),
    /// Keys of a group are not acceptable.
    #[error("the group's keys are not acceptable: {0}")]
    GroupKeys(#[from] GroupError),
    /// A value is not what the facts before it make it.
    #[error("the entry's {0} is not what the entries before it make it")]
    Mismatch(&'static str),
    /// An admission of the operator was taken back since.
    #[error("this admission was signed before the operator's last one was taken back")]
    Revoked,
    /// An operator is not admitted.
    #[error("operator {operator} is not admitted to group '{group}'")]
    NotAdmitted {
        /// Operator.
        operator: String,
        /// Group.
        group: String,
    },
    /// A ceremony is not open, or not in a state for this.
    #[error("the ceremony is not in a state for '{0}'")]
    CeremonyState(&'static str),
    /// Another ceremony for the same version is open.
    #[error("another ceremony for the same version is open")]
    CeremonyBusy,
    /// Somebody signed for a log of which this one is not the continuation.
    #[error("{who} saw another log of {size} entries than this one: the log was forked")]
    OtherLog {
        /// Who.
        who: String,
        /// Size of the log that they saw.
        size: u64,
    },
    /// Somebody signed for a log of which this one may be the continuation, but
    /// too long ago to tell.
    #[error("{who} saw the log when it had {size} entries, which is too long ago: it has {now} now")]
    NotRecent {
        /// Who.
        who: String,
        /// Size of the log that they saw.
        size: u64,
        /// Size of the log.
        now: u64,
    },
    /// A rotation policy cannot be used.
    #[error("the rotation policy is not acceptable: {0}")]
    RotationPolicy(String),
    /// A group that holds versions in a scope has not agreed to its rotation policy.
    #[error("group '{0}' holds versions in this scope and has not agreed")]
    NotAgreed(String),
    /// Which of two versions is current is not settled.
    #[error("the rotation of {0} is not settled")]
    RotationRunning(String),
    /// The version's record is gone.
    #[error("{0} was destroyed")]
    Destroyed(String),
    /// The log is another one than the vault began for that organisation.
    #[error("the log begins otherwise than the one that the vault's own log names for this organisation")]
    OtherLogBegun,
    /// A TOTP step is used a second time.
    #[error("custodian {0} used a code twice")]
    StepReused(String),
    /// The quorum was not complete.
    #[error("the target was released with {found} of {needed} contributions")]
    NoQuorum {
        /// Contributions there.
        found: usize,
        /// Contributions needed.
        needed: usize,
    },
}

impl Organisation {
    /// Begins with the log's first line and its leaf hash; verifies its signature.
    pub fn begin(line: &Line, leaf: &Bytes<32>) -> Result<Self, Invalid> {
        Self::begin_claiming(line, leaf, &mut Strict)
    }

    /// As [`Organisation::begin`], but signatures go to `claims`.
    pub fn begin_claiming(line: &Line, leaf: &Bytes<32>, claims: &mut dyn Claims) -> Result<Self, Invalid> {
        let Line::Known(entry) = line else { return Err(Invalid::FirstEntry) };
        let Entry { v: 1, time, actor: Actor::Host, event } = &**entry else {
            return Err(Invalid::FirstEntry);
        };
        let Event::OrganisationCreated { vault, organisation, slug, origin, name, gate } = event else {
            return Err(Invalid::FirstEntry);
        };
        check_gate_epoch(organisation, gate, 1, claims)?;
        let mut roots = Roots::new();
        roots.push(*leaf);
        Ok(Self {
            size: 1,
            last: *time,
            vault: *vault,
            id: *organisation,
            slug: slug.clone(),
            origin: origin.clone(),
            name: *name,
            first_entry: *leaf,
            gates: vec![gate.clone()],
            projects: BTreeMap::new(),
            accounts: BTreeMap::new(),
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            bindings: Vec::new(),
            binding_serial: 0,
            witness_policies: BTreeMap::new(),
            admissions: BTreeMap::new(),
            revocations: BTreeMap::new(),
            versions: BTreeMap::new(),
            begun: BTreeMap::new(),
            ceremonies: BTreeMap::new(),
            listing: None,
            used_steps: BTreeMap::new(),
            wrong_codes: BTreeMap::new(),
            unknown: BTreeMap::new(),
            rotations: Rotations::default(),
            index: Index::default(),
            roots,
        })
    }

    /// Adds a line, which has this leaf hash, and verifies its signatures. On an
    /// error the state is as before.
    pub fn apply(&mut self, line: &Line, leaf: &Bytes<32>) -> Result<(), Invalid> {
        self.apply_claiming(line, leaf, &mut Strict)
    }

    /// As [`Organisation::apply`], but signatures go to `claims`: the state is
    /// good for something only once all of them were verified.
    pub fn apply_claiming(
        &mut self,
        line: &Line,
        leaf: &Bytes<32>,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        self.check_listing(line)?;
        let listing = self.listing;
        match line {
            Line::Unknown { kind, time, .. } => {
                self.check_time(*time)?;
                *self.unknown.entry(kind.clone()).or_default() += 1;
                self.last = *time;
            }
            Line::Known(entry) => {
                if entry.v != crate::event::SCHEMA {
                    return Err(Invalid::Schema(entry.v));
                }
                self.check_time(entry.time)?;
                self.apply_event(entry, claims)?;
                self.last = entry.time;
            }
        }
        self.size += 1;
        self.roots.push(*leaf);
        // The list that was open is complete: this is the log that it was opened in.
        let complete = listing.filter(|_| self.listing.is_none());
        if let Some(open) = complete.and_then(|hash| self.ceremonies.get_mut(&hash)) {
            open.opened_root = self.roots.at(self.size);
        }
        Ok(())
    }

    fn check_time(&self, time: Time) -> Result<(), Invalid> {
        if time < self.last { Err(Invalid::BackInTime { last: self.last, time }) } else { Ok(()) }
    }

    /// A list of targets follows its opening directly and at the same moment, and
    /// nothing comes in between: what a ceremony is for does not change, and the
    /// log at its opening is one.
    fn check_listing(&self, line: &Line) -> Result<(), Invalid> {
        let continues = match (&self.listing, line) {
            (None, _) => return Ok(()),
            (Some(listing), Line::Known(entry)) => match &entry.event {
                Event::Targeted { ceremony, .. } => ceremony == listing && entry.time == self.last,
                _ => false,
            },
            (Some(_), Line::Unknown { .. }) => false,
        };
        if continues { Ok(()) } else { Err(Invalid::CeremonyState("opened")) }
    }

    fn apply_event(&mut self, entry: &Entry, claims: &mut dyn Claims) -> Result<(), Invalid> {
        let actor = &entry.actor;
        match &entry.event {
            Event::VaultCreated { .. }
            | Event::OrganisationAdded { .. }
            | Event::OrganisationCreated { .. } => Err(Invalid::Misplaced(entry.event.kind())),
            Event::ProjectCreated { project, slug, name } => {
                by_host(actor)?;
                fresh(&self.projects, project, slug, self.project_by_slug(slug).is_some())?;
                self.index.projects.insert(slug.clone(), *project);
                self.projects.insert(*project, Project { slug: slug.clone(), name: *name });
                Ok(())
            }
            Event::AccountCreated { .. } => self.account_created(entry),
            Event::CardEnrolled(enrolment) => self.card_enrolled(actor, enrolment, claims),
            Event::GroupFormed(statement) => self.group_formed(actor, statement, claims),
            Event::OperatorAdmitted(admission) => {
                self.operator_admitted(actor, admission, entry.time, claims)
            }
            Event::AdmissionRevoked { admission, custodian, signature } => {
                by_card(actor, custodian)?;
                self.admission_revoked(admission, custodian, signature, claims)
            }
            Event::Bound(binding) => self.bound(actor, binding, claims),
            Event::WitnessPolicySet(policy) => self.witness_policy_set(actor, policy, claims),
            Event::RotationPolicySet(policy) => self.rotation_policy_set(actor, policy, claims),
            Event::SealBegun { credential, origin, account, factor, version } => {
                by_host(actor)?;
                let begun = Begun { origin: *origin, account: *account, factor: *factor, version: *version };
                self.seal_begun(credential, begun)
            }
            Event::Sealed(sealing) => self.sealed(actor, sealing, entry.time),
            Event::Opened(opening) => self.opened(actor, opening, entry.time, claims),
            Event::Targeted { ceremony, first, credentials } => {
                self.targeted(actor, ceremony, *first, credentials)
            }
            Event::Accepted(acceptance) => self.accepted(actor, acceptance, entry.time, claims),
            Event::Refused { ceremony, custodian, why, at, body, signature } => {
                by_card(actor, custodian)?;
                let key = self.card(custodian, Role::Custodian)?.sign_key;
                let message = Bytes(contribution_digest(ceremony, custodian, *at, body));
                claims.take(claim(custodian, &key, message.as_bytes(), signature))?;
                self.refused(ceremony, custodian, *why, &message, entry.time)
            }
            Event::Released { ceremony, target, credential, custodians } => {
                by_host(actor)?;
                self.released(ceremony, *target, credential, custodians, entry.time)
            }
            Event::ShareRejected { ceremony, target, custodian, signature } => {
                self.check_notice(
                    actor,
                    (ceremony, *target),
                    Notice::ShareRejected(custodian),
                    signature,
                    claims,
                )?;
                let open = self.open_ceremony(ceremony, "share-rejected")?;
                let covers = open.accepted.get(custodian).is_some_and(|covered| covered.contains(target));
                if !covers
                    || !open.released.contains(target)
                    || !open.rejected.insert((*target, custodian.clone()))
                {
                    return Err(Invalid::CeremonyState("share-rejected"));
                }
                Ok(())
            }
            Event::Revealed { ceremony, target, shown, signature } => {
                self.check_notice(actor, (ceremony, *target), Notice::Revealed(*shown), signature, claims)?;
                let open = self.open_ceremony(ceremony, "revealed")?;
                if !open.released.contains(target) || !open.revealed.insert(*target) {
                    return Err(Invalid::CeremonyState("revealed"));
                }
                Ok(())
            }
            Event::Ended { ceremony, how } => {
                by_host(actor)?;
                let open = self.open_ceremony(ceremony, "ended")?;
                if *how == Ending::Expired && entry.time <= open.expires {
                    return Err(Invalid::CeremonyState("ended"));
                }
                open.standing = Standing::Ended(*how);
                // What was sent is of use to an open ceremony alone: in an ended
                // one every message is refused, known or not.
                open.accepted_messages.clear();
                open.refused.clear();
                self.index.open.remove(ceremony);
                Ok(())
            }
            Event::RotationBegun(begun) => self.rotation_begun(actor, begun, entry.time, claims),
            Event::RotationSettled(settled) => self.rotation_settled(actor, settled, entry.time, claims),
            Event::Destroyed(gone) => self.destroyed(actor, gone, entry.time, claims),
        }
    }

    fn account_created(&mut self, entry: &Entry) -> Result<(), Invalid> {
        let Event::AccountCreated { account, project, slug, name, provider, external_id: id } = &entry.event
        else {
            return Err(Invalid::Misplaced(entry.event.kind()));
        };
        by_host(&entry.actor)?;
        if !self.projects.contains_key(project) {
            return Err(Invalid::Unknown { what: "project", id: project.to_string() });
        }
        let named = index::name_of(project, slug);
        fresh(&self.accounts, account, slug, self.index.accounts.contains_key(&named))?;
        let provided = index::identifier_of(provider, id);
        if self.index.external.contains(&provided) {
            return Err(Invalid::Duplicate(format!("{provider} account {id}")));
        }
        external_id(provider, id).map_err(|_| Invalid::Mismatch("external id"))?;
        self.index.accounts.insert(named, *account);
        self.index.external.insert(provided);
        let kept = Account {
            project: *project,
            slug: slug.clone(),
            name: *name,
            provider: provider.clone(),
            external_id: id.clone(),
        };
        self.accounts.insert(*account, kept);
        Ok(())
    }

    fn card_enrolled(
        &mut self,
        actor: &Actor,
        enrolment: &Enrolment,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let who = &enrolment.pseudonym;
        let key_taken = self.index.sign_keys.contains(&enrolment.sign_key)
            || self.index.cosign_keys.contains(&enrolment.cosign_key);
        if self.people.contains_key(who) || key_taken {
            return Err(Invalid::Duplicate(who.to_string()));
        }
        let digest = enrolment.digest(&self.vault, &self.id, &self.first_entry);
        claims.take(claim(who, &enrolment.sign_key, &digest, &enrolment.signature))?;
        self.index.sign_keys.insert(enrolment.sign_key);
        self.index.cosign_keys.insert(enrolment.cosign_key);
        self.people.insert(who.clone(), enrolment.clone());
        Ok(())
    }

    fn group_formed(
        &mut self,
        actor: &Actor,
        statement: &GroupStatement,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        if self.groups.contains_key(&statement.group) || self.group_by_slug(&statement.slug).is_some() {
            return Err(Invalid::Duplicate(statement.slug.to_string()));
        }
        if statement.epoch != 1 || statement.signatures.len() != statement.members.len() {
            return Err(Invalid::Mismatch("group statement"));
        }
        let digest = statement.digest(&self.id);
        self.group_keys(statement)?;
        let g = self.g(statement);
        let mut seen = BTreeSet::new();
        for (member, signature) in statement.members.iter().zip(&statement.signatures) {
            let enrolment = self.card(&member.pseudonym, Role::Custodian)?;
            if enrolment.sign_key != member.sign_key || !seen.insert(&member.pseudonym) {
                return Err(Invalid::Mismatch("member"));
            }
            pvss::verify_possession(&member.share_key, &g, &member.sign_key, &member.possession).map_err(
                |_| Invalid::NotA { who: member.pseudonym.to_string(), what: "the owner of its share key" },
            )?;
            claims.take(claim(&member.pseudonym, &member.sign_key, &digest, signature))?;
        }
        self.groups.insert(statement.group, statement.clone());
        Ok(())
    }

    /// The group's share keys, decoded and checked.
    pub fn group_keys(&self, statement: &GroupStatement) -> Result<GroupKeys, Invalid> {
        let shape = statement.shape().ok_or(Invalid::Mismatch("threshold"))?;
        Ok(GroupKeys::new(self.g(statement), shape, &statement.share_keys())?)
    }

    fn operator_admitted(
        &mut self,
        actor: &Actor,
        admission: &Admission,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let group = self.group(&admission.group, admission.epoch)?;
        let operator = self.card(&admission.operator, Role::Operator)?;
        if operator.sign_key != admission.operator_key || admission.expires <= time {
            return Err(Invalid::Mismatch("admission"));
        }
        match self.revocations_of(&admission.group, &admission.operator) {
            now if admission.revocations < now => return Err(Invalid::Revoked),
            now if admission.revocations > now => return Err(Invalid::Mismatch("admission")),
            _ => {}
        }
        let digest = admission.digest(&self.g(group));
        check_quorum(group, &digest, &admission.signatures, claims)?;
        self.admissions.insert(Bytes(digest), admission.clone());
        Ok(())
    }

    fn admission_revoked(
        &mut self,
        admission: &Hash,
        custodian: &Pseudonym,
        signature: &Bytes<64>,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let unknown = || Invalid::Unknown { what: "admission", id: admission.short() };
        let given = self.admissions.get(admission).ok_or_else(unknown)?;
        let group = self.group(&given.group, given.epoch)?;
        let member = member_key(group, custodian)?;
        claims.take(claim(custodian, member, &Admission::revocation_digest(admission), signature))?;
        let (group, operator) = (given.group, given.operator.clone());
        self.admissions.retain(|_, other| (other.group, &other.operator) != (group, &operator));
        for open in &self.index.open {
            if let Some(ceremony) = self.ceremonies.get_mut(open).filter(|c| c.operator == operator) {
                ceremony.stopped.insert(group);
            }
        }
        *self.revocations.entry(group).or_default().entry(operator).or_default() += 1;
        Ok(())
    }

    fn bound(&mut self, actor: &Actor, binding: &Binding, claims: &mut dyn Claims) -> Result<(), Invalid> {
        by_host(actor)?;
        match &binding.scope {
            Scope::Project(id) if !self.projects.contains_key(id) => {
                return Err(Invalid::Unknown { what: "project", id: id.to_string() });
            }
            Scope::Account(id) if !self.accounts.contains_key(id) => {
                return Err(Invalid::Unknown { what: "account", id: id.to_string() });
            }
            _ => {}
        }
        if binding.serial != self.binding_serial + 1 {
            return Err(Invalid::Mismatch("serial number"));
        }
        let group = self.group(&binding.group, binding.epoch)?;
        let digest = binding.digest(&self.id, &self.g(group));
        check_quorum(group, &digest, &binding.signatures, claims)?;
        let losing = self.must_agree(binding);
        for holder in &losing {
            let holding = self.groups.get(holder).ok_or(Invalid::Mismatch("group"))?;
            let agreed = binding.given_up.iter().find(|g: &&GivenUp| g.group == *holder);
            let signatures = agreed.ok_or_else(|| Invalid::NotGivenUp(holding.slug.to_string()))?;
            check_quorum(holding, &digest, &signatures.signatures, claims)?;
        }
        if binding.given_up.len() != losing.len() {
            return Err(Invalid::Mismatch("list of groups that give it up"));
        }
        self.bindings.retain(|b| (b.scope, b.factor) != (binding.scope, binding.factor));
        self.bindings.push(binding.clone());
        self.binding_serial = binding.serial;
        Ok(())
    }

    /// The group's own quorum alone changes what its releases wait for.
    fn witness_policy_set(
        &mut self,
        actor: &Actor,
        set: &WitnessPolicy,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        if let Some(why) = self.policy_refused(set) {
            return Err(why);
        }
        let group = self.group(&set.group, set.epoch)?;
        check_quorum(group, &set.digest(&self.id, &self.g(group)), &set.signatures, claims)?;
        self.witness_policies.insert(set.group, set.clone());
        Ok(())
    }

    /// Why a witness policy cannot be entered, whoever signs it. One that names
    /// logs but not this one could never be satisfied.
    pub fn policy_refused(&self, set: &WitnessPolicy) -> Option<Invalid> {
        let before = self.witness_policies.get(&set.group).map_or(0, |before| before.serial);
        if set.serial != before + 1 {
            return Some(Invalid::Mismatch("serial number"));
        }
        if set.policy.len() > MAX_WITNESS_POLICY {
            return Some(Invalid::WitnessPolicy(format!("it is longer than {MAX_WITNESS_POLICY} bytes")));
        }
        let policy = match Policy::parse(set.policy.as_bytes()) {
            Ok(policy) => policy,
            Err(why) => return Some(Invalid::WitnessPolicy(why.to_string())),
        };
        // More than a kept note carries could never be satisfied.
        if policy.witnesses().len() > MAX_COSIGNATURES {
            return Some(Invalid::WitnessPolicy(format!("it names more than {MAX_COSIGNATURES} witnesses")));
        }
        let accepted = self.log_key().is_ok_and(|key| policy.accepts(&key));
        (!accepted).then(|| Invalid::WitnessPolicy("it does not name this log".to_owned()))
    }

    /// Groups other than the new one from which this binding takes something:
    /// their quorums must agree.
    pub fn must_agree(&self, binding: &Binding) -> BTreeSet<GroupId> {
        let replaced = self.bindings.iter().find(|b| (b.scope, b.factor) == (binding.scope, binding.factor));
        // Given up to a group that still holds nothing: to that group alone.
        let passed_on = replaced.filter(|b| !self.holds(&b.group)).into_iter();
        let passed_on = passed_on.flat_map(|b| b.given_up.iter().map(|g| g.group));
        let mut losing = self.holders_in(binding);
        losing.extend(self.displaced_by(binding).into_iter().chain(passed_on));
        losing.remove(&binding.group);
        losing
    }

    fn holds(&self, group: &GroupId) -> bool {
        self.versions.values().any(|v| v.sealing.group == *group)
    }

    /// The group that new seals of the scope go to now, accounts that have no
    /// version yet and those still to come included: the one of the narrowest
    /// binding of this scope or of one around it. A group that holds nothing at
    /// all is passed over: whoever gave the scope up to it did so for it alone.
    fn displaced_by(&self, binding: &Binding) -> Option<GroupId> {
        let project = match &binding.scope {
            Scope::Organisation => None,
            Scope::Project(id) => Some(*id),
            Scope::Account(id) => self.accounts.get(id).map(|a| a.project),
        };
        self.bindings
            .iter()
            .filter(|b| b.factor == binding.factor && self.holds(&b.group))
            .filter(|b| match &b.scope {
                Scope::Organisation => true,
                Scope::Project(id) => Some(*id) == project,
                Scope::Account(_) => b.scope == binding.scope,
            })
            .max_by_key(|b| b.scope)
            .map(|b| b.group)
    }

    /// Groups other than the new one that hold a version of an account for
    /// which this binding would decide from now on.
    fn holders_in(&self, binding: &Binding) -> BTreeSet<GroupId> {
        let mut after = self.clone_bindings_with(binding);
        after.retain(|b| b.factor == binding.factor);
        self.versions
            .values()
            .filter(|v| v.sealing.factor == binding.factor && v.sealing.group != binding.group)
            .filter(|v| {
                let project = self.accounts.get(&v.sealing.account).map(|a| a.project);
                let narrowest = after
                    .iter()
                    .filter(|b| match &b.scope {
                        Scope::Organisation => true,
                        Scope::Project(id) => Some(*id) == project,
                        Scope::Account(id) => *id == v.sealing.account,
                    })
                    .max_by_key(|b| b.scope);
                narrowest.is_some_and(|b| b.serial == binding.serial)
            })
            .map(|v| v.sealing.group)
            .collect()
    }

    fn clone_bindings_with(&self, binding: &Binding) -> Vec<Binding> {
        let others = self.bindings.iter().filter(|b| (b.scope, b.factor) != (binding.scope, binding.factor));
        others.chain([binding]).cloned().collect()
    }

    fn seal_begun(&mut self, credential: &Hash, begun: Begun) -> Result<(), Invalid> {
        if self.begun.contains_key(credential) {
            return Err(Invalid::Duplicate(format!("seal of {}", credential.short())));
        }
        let expected =
            pvss::credential_id(&self.vault, &self.id, &begun.account, begun.factor, begun.version);
        let account_exists = self.accounts.contains_key(&begun.account);
        if expected != *credential
            || !account_exists
            || begun.version != self.next_version(&begun.account, begun.factor)
        {
            return Err(Invalid::Mismatch("credential"));
        }
        self.index.versions.insert((begun.account, begun.factor), begun.version);
        self.begun.insert(*credential, begun);
        Ok(())
    }

    fn sealed(&mut self, actor: &Actor, sealing: &Sealing, time: Time) -> Result<(), Invalid> {
        by_host(actor)?;
        let unknown = || Invalid::Unknown { what: "seal", id: sealing.credential.short() };
        let begun = self.begun.get(&sealing.credential).ok_or_else(unknown)?;
        let as_begun = (begun.origin, begun.account, begun.factor, begun.version)
            == (sealing.origin, sealing.account, sealing.factor, sealing.version);
        if !as_begun || sealing.dealing != sealing.origin {
            return Err(Invalid::Mismatch("seal"));
        }
        if self.versions.contains_key(&sealing.credential) {
            return Err(Invalid::Duplicate(sealing.address.clone()));
        }
        let account = self.accounts.get(&sealing.account).ok_or(Invalid::Mismatch("account"))?;
        let as_known = account.provider == sealing.provider && account.external_id == sealing.external_id;
        if !as_known || self.address(&sealing.account) != sealing.address {
            return Err(Invalid::Mismatch("account's name"));
        }
        match self.binding_of(&sealing.account, sealing.factor) {
            super::Effective::Bound(binding, group)
                if binding.group == sealing.group
                    && group.epoch == sealing.epoch
                    && self.gate().epoch == sealing.gate_epoch => {}
            _ => return Err(Invalid::Mismatch("binding")),
        }
        self.check_rotation_of(sealing)?;
        self.note_sealed(sealing);
        let version = Version {
            sealing: Box::new(sealing.clone()),
            sealed: time,
            exposed: None,
            loose_shares: BTreeSet::new(),
        };
        self.versions.insert(sealing.credential, version);
        Ok(())
    }

    fn opened(
        &mut self,
        actor: &Actor,
        opening: &Opening,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_card(actor, &opening.operator)?;
        let operator = self.card(&opening.operator, Role::Operator)?;
        if self.request_of(opening, operator) != opening.ceremony {
            return Err(Invalid::Mismatch("request"));
        }
        let signed = request_digest(&opening.ceremony);
        claims.take(claim(&opening.operator, &operator.sign_key, &signed, &opening.signature))?;
        if self.ceremonies.contains_key(&opening.ceremony) {
            return Err(Invalid::Duplicate(format!("ceremony {}", opening.ceremony.short())));
        }
        if opening.count == 0 || opening.expires <= time || opening.asked > time + AHEAD {
            return Err(Invalid::Mismatch("opening"));
        }
        self.check_seen(&opening.operator, opening.size, &opening.root)?;
        let ceremony = Ceremony {
            opened: time,
            opened_size: self.size + 1,
            opened_root: None,
            expires: opening.expires,
            operator: opening.operator.clone(),
            mode: opening.mode,
            requester_key: opening.requester_key,
            gate_key: opening.gate_key,
            reason: opening.reason,
            ticket: opening.ticket,
            targets_hash: opening.targets,
            count: opening.count,
            targets: Vec::new(),
            accepted: BTreeMap::new(),
            accepted_messages: BTreeSet::new(),
            rejected: BTreeSet::new(),
            refused: BTreeMap::new(),
            released: BTreeSet::new(),
            revealed: BTreeSet::new(),
            stopped: BTreeSet::new(),
            standing: Standing::Open,
        };
        self.index.open.insert(opening.ceremony);
        self.ceremonies.insert(opening.ceremony, ceremony);
        self.listing = Some(opening.ceremony);
        Ok(())
    }

    /// Hash of the request that an opening says was made.
    fn request_of(&self, opening: &Opening, operator: &Enrolment) -> Hash {
        request_hash(&RequestFacts {
            vault: &self.vault,
            organisation: &self.id,
            nonce: &opening.nonce,
            purpose: opening.purpose,
            mode: opening.mode,
            operator: &opening.operator,
            operator_key: &operator.sign_key,
            targets: &opening.targets,
            count: opening.count,
            reason: &opening.reason,
            ticket: opening.ticket.as_ref(),
            size: opening.size,
            root: &opening.root,
            asked: opening.asked,
            expires: opening.expires,
            requester_key: &opening.requester_key,
        })
    }

    /// What somebody signed that they saw is this log, up to there, and not long
    /// ago: whoever is shown another one is of no use in this.
    fn check_seen(&self, who: &Pseudonym, size: u64, root: &Bytes<32>) -> Result<(), Invalid> {
        let (who, now) = (who.to_string(), self.size);
        match self.root_at(size) {
            Some(here) if here == *root => Ok(()),
            None if size <= now => Err(Invalid::NotRecent { who, size, now }),
            _ => Err(Invalid::OtherLog { who, size }),
        }
    }

    fn targeted(
        &mut self,
        actor: &Actor,
        ceremony: &Hash,
        first: u64,
        credentials: &[Hash],
    ) -> Result<(), Invalid> {
        let size = self.size + 1;
        let listed = self.listing.filter(|listing| listing == ceremony);
        let found = listed.and_then(|listing| self.ceremonies.get(&listing));
        let found = found.ok_or(Invalid::CeremonyState("targeted"))?;
        by_card(actor, &found.operator)?;
        let room = found.count - found.targets.len() as u64;
        let (next, named_now) = (found.targets.len() as u64, credentials.len() as u64);
        if first != next || named_now == 0 || named_now > room {
            return Err(Invalid::Mismatch("list of targets"));
        }
        let mut named = BTreeSet::new();
        for credential in credentials {
            if !named.insert(credential) {
                return Err(Invalid::Mismatch("list of targets"));
            }
            let unknown = || Invalid::Unknown { what: "version", id: credential.short() };
            let version = self.versions.get(credential).ok_or_else(unknown)?;
            self.check_there(credential, &version.sealing)?;
            if self.open_ceremony_for(credential).is_some() {
                return Err(Invalid::CeremonyBusy);
            }
            let group = self.group(&version.sealing.group, version.sealing.epoch)?;
            if self.admission_of(&found.operator, group, found.opened).is_none() {
                return Err(Invalid::NotAdmitted {
                    operator: found.operator.to_string(),
                    group: group.slug.to_string(),
                });
            }
        }
        let complete = named_now == room;
        if complete && self.hash_of_list(found, credentials) != found.targets_hash {
            return Err(Invalid::Mismatch("list of targets"));
        }
        let open = self.open_ceremony(ceremony, "targeted")?;
        open.targets.extend(credentials);
        open.opened_size = size;
        if complete {
            self.listing = None;
        }
        Ok(())
    }

    /// Hash of a ceremony's whole list, with what each target is in this log.
    fn hash_of_list(&self, ceremony: &Ceremony, rest: &[Hash]) -> Hash {
        let listed = ceremony.targets.iter().chain(rest);
        let versions = listed.filter_map(|credential| self.versions.get(credential));
        targets_hash(&versions.map(|v| Target::from(&*v.sealing)).collect::<Vec<_>>())
    }

    /// What the custodian says to have cosigned: the checkpoint that was checked,
    /// at the time of the contribution.
    fn cosigned(&self, acceptance: &Acceptance, key: &Bytes<32>) -> Result<Claim, Invalid> {
        let who = Signer::Cosigner(acceptance.custodian.clone());
        let (size, root) = (acceptance.size, acceptance.root);
        let text = Checkpoint { origin: self.origin.to_string(), size, root }.text();
        let text = text.map_err(|_| Invalid::Mismatch("origin"))?;
        let (seconds, signature) = acceptance.cosignature.0.split_at(8);
        let at = acceptance.at.unix_seconds();
        let signature = Bytes::from_slice(signature).expect("72 bytes are 8 and 64");
        let claim = Claim { key: *key, said: Said::Text(cosigned_message(&text, at)), signature, who };
        if seconds == at.to_be_bytes() { Ok(claim) } else { Err(claim.wrong()) }
    }

    fn accepted(
        &mut self,
        actor: &Actor,
        acceptance: &Acceptance,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let who = &acceptance.custodian;
        by_card(actor, who)?;
        let card = self.card(who, Role::Custodian)?;
        let (sign_key, cosign_key) = (card.sign_key, card.cosign_key);
        let message = Bytes(acceptance.digest());
        claims.take(claim(who, &sign_key, message.as_bytes(), &acceptance.signature))?;
        if self.used_steps.get(who).is_some_and(|steps| steps.contains(&acceptance.step)) {
            return Err(Invalid::StepReused(who.to_string()));
        }
        let step_fits = acceptance.step.abs_diff(acceptance.at.unix_seconds() / STEP) <= 1;
        let open = self.ceremonies.get(&acceptance.ceremony).ok_or(Invalid::CeremonyState("accepted"))?;
        let fresh = open.mode == Mode::Files || time - acceptance.at <= ROOM_AGE;
        let in_time = time <= open.expires && open.opened <= acceptance.at && acceptance.at <= time + AHEAD;
        let same_log = open.opened_size == acceptance.size;
        let new = !open.accepted.contains_key(who)
            && !open.refused.contains_key(&message)
            && !acceptance.targets.is_empty();
        let locked = self.locked_until(who, time).is_some();
        let counts = acceptance.shares.len() == acceptance.targets.len()
            && acceptance.ciphertexts.len() == acceptance.targets.len()
            && acceptance.targets.is_sorted_by(|a, b| a < b);
        let timely = in_time && fresh && step_fits && !locked;
        if open.standing != Standing::Open || !timely || !same_log || !new || !counts {
            return Err(Invalid::CeremonyState("accepted"));
        }
        if open.opened_root != Some(acceptance.root) {
            return Err(Invalid::OtherLog { who: who.to_string(), size: acceptance.size });
        }
        claims.take(self.cosigned(acceptance, &cosign_key)?)?;
        let mut covered = Vec::new();
        for target in &acceptance.targets {
            let credential = usize::try_from(*target).ok().and_then(|t| open.targets.get(t));
            let version =
                credential.and_then(|c| self.versions.get(c)).ok_or(Invalid::CeremonyState("accepted"))?;
            let group = self.group(&version.sealing.group, version.sealing.epoch)?;
            member_key(group, who)?;
            check_admitted(open, group)?;
            covered.push(version.sealing.credential);
        }
        let open = self.open_ceremony(&acceptance.ceremony, "accepted")?;
        open.accepted.insert(who.clone(), acceptance.targets.clone());
        open.accepted_messages.insert(message);
        let released = open.released.clone();
        for (target, credential) in acceptance.targets.iter().zip(covered) {
            let version = self.versions.get_mut(&credential).filter(|_| !released.contains(target));
            if let Some(version) = version {
                version.loose_shares.insert((acceptance.ceremony, who.clone()));
            }
        }
        self.use_up(who, acceptance.step, time);
        self.wrong_codes.remove(who);
        Ok(())
    }

    /// Remembers a step, and forgets those that no acceptance can name any more:
    /// its `at` is not before its ceremony's opening, its step at most one before
    /// its `at`, and a ceremony that is not open now opens now at the earliest.
    fn use_up(&mut self, who: &Pseudonym, step: u64, time: Time) {
        let open = self.index.open.iter().filter_map(|hash| self.ceremonies.get(hash));
        let earliest = open.filter(|c| c.expires >= time).map(|c| c.opened).min().unwrap_or(time).min(time);
        let needed = (earliest.unix_seconds() / STEP).saturating_sub(1);
        let used = self.used_steps.entry(who.clone()).or_default();
        used.insert(step);
        *used = used.split_off(&needed);
    }

    fn refused(
        &mut self,
        ceremony: &Hash,
        who: &Pseudonym,
        why: Refusal,
        message: &Hash,
        time: Time,
    ) -> Result<(), Invalid> {
        let open = self.open_ceremony(ceremony, "refused")?;
        if open.accepted_messages.contains(message) {
            return Err(Invalid::Duplicate(format!("contribution {}", message.short())));
        }
        if open.refused.insert(*message, why).is_some() {
            return Err(Invalid::Duplicate(format!("refusal {}", message.short())));
        }
        if why == Refusal::WrongCode {
            let wrong = self.wrong_codes.entry(who.clone()).or_default();
            // Those that no longer count beside the latest never will again.
            wrong.retain(|at| time - *at <= LOCKOUT);
            wrong.push(time);
        }
        Ok(())
    }

    fn released(
        &mut self,
        ceremony: &Hash,
        target: u64,
        credential: &Hash,
        custodians: &[Pseudonym],
        time: Time,
    ) -> Result<(), Invalid> {
        let open = self.ceremonies.get(ceremony).ok_or(Invalid::CeremonyState("released"))?;
        let named = usize::try_from(target).ok().and_then(|t| open.targets.get(t));
        let version = self.versions.get(credential).ok_or(Invalid::CeremonyState("released"))?;
        if named != Some(credential) || open.standing != Standing::Open || open.released.contains(&target) {
            return Err(Invalid::CeremonyState("released"));
        }
        if time > open.expires {
            return Err(Invalid::CeremonyState("released"));
        }
        self.check_there(credential, &version.sealing)?;
        let group = self.group(&version.sealing.group, version.sealing.epoch)?;
        check_admitted(open, group)?;
        let needed = usize::try_from(group.threshold).unwrap_or(usize::MAX);
        let contributed: BTreeSet<_> = open
            .accepted
            .iter()
            .filter(|(_, covered)| covered.contains(&target))
            .map(|(who, _)| who)
            .collect();
        let claimed: BTreeSet<_> = custodians.iter().collect();
        let exactly = claimed == contributed && custodians.len() == contributed.len();
        if !exactly || contributed.len() < needed {
            return Err(Invalid::NoQuorum { found: contributed.len(), needed });
        }
        self.open_ceremony(ceremony, "released")?.released.insert(target);
        if let Some(version) = self.versions.get_mut(credential) {
            version.exposed.get_or_insert(time);
            version.loose_shares.retain(|(opened, _)| opened != ceremony);
        }
        Ok(())
    }

    fn check_notice(
        &self,
        actor: &Actor,
        (ceremony, target): (&Hash, u64),
        notice: Notice<'_>,
        signature: &Bytes<64>,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let unknown = Invalid::CeremonyState(notice.kind());
        let operator = &self.ceremonies.get(ceremony).ok_or(unknown)?.operator;
        by_card(actor, operator)?;
        let key = self.card(operator, Role::Operator)?.sign_key;
        claims.take(claim(operator, &key, &operator_notice(ceremony, target, notice), signature))
    }

    fn open_ceremony(&mut self, ceremony: &Hash, what: &'static str) -> Result<&mut Ceremony, Invalid> {
        let found = self.ceremonies.get_mut(ceremony).ok_or(Invalid::CeremonyState(what))?;
        if found.standing == Standing::Open { Ok(found) } else { Err(Invalid::CeremonyState(what)) }
    }

    pub(super) fn card(&self, who: &Pseudonym, role: Role) -> Result<&Enrolment, Invalid> {
        let unknown = || Invalid::Unknown { what: "card", id: who.to_string() };
        let found = self.people.get(who).ok_or_else(unknown)?;
        if found.role == role {
            Ok(found)
        } else {
            Err(Invalid::NotA { who: who.to_string(), what: role.as_str() })
        }
    }

    pub(super) fn group(&self, group: &GroupId, epoch: u64) -> Result<&GroupStatement, Invalid> {
        let unknown = || Invalid::Unknown { what: "group", id: group.to_string() };
        self.groups.get(group).filter(|g| g.epoch == epoch).ok_or_else(unknown)
    }
}

impl Acceptance {
    /// What the custodian signed.
    pub fn digest(&self) -> [u8; 64] {
        let body = contribution_body(&ContributionFacts {
            targets: &self.targets,
            size: self.size,
            root: &self.root,
            cosignature: &self.cosignature,
            shares: &self.shares,
            ciphertexts: &self.ciphertexts,
            code: &self.code,
        });
        contribution_digest(&self.ceremony, &self.custodian, self.at, &body)
    }
}

/// Checks a gate epoch's number, its `Γ` and its signature by its own log key.
pub(super) fn check_gate_epoch(
    organisation: &OrganisationId,
    gate: &GateEpoch,
    epoch: u64,
    claims: &mut dyn Claims,
) -> Result<(), Invalid> {
    let digest = GateEpoch::digest(organisation, gate.epoch, &gate.gamma, &gate.log_key);
    if gate.epoch != epoch || !pvss::is_gate_key(&gate.gamma) {
        return Err(Invalid::Mismatch("gate epoch"));
    }
    let (key, signature) = (gate.log_key, gate.signature);
    claims.take(Claim { key, said: Said::Digest(digest), signature, who: Signer::Gate })
}

/// An admission that was taken back stops the ceremonies opened under it.
pub(super) fn check_admitted(ceremony: &Ceremony, group: &GroupStatement) -> Result<(), Invalid> {
    if ceremony.still_admitted(group) {
        return Ok(());
    }
    let (operator, group) = (ceremony.operator.to_string(), group.slug.to_string());
    Err(Invalid::NotAdmitted { operator, group })
}

/// At least `t` distinct members signed `digest`; every signature must be right.
pub(super) fn check_quorum(
    group: &GroupStatement,
    digest: &[u8; 64],
    signatures: &[Signed],
    claims: &mut dyn Claims,
) -> Result<(), Invalid> {
    let mut signers = BTreeSet::new();
    for signed in signatures {
        let key = member_key(group, &signed.pseudonym)?;
        claims.take(claim(&signed.pseudonym, key, digest, &signed.signature))?;
        signers.insert(&signed.pseudonym);
    }
    let needed = usize::try_from(group.threshold).unwrap_or(usize::MAX);
    if signers.len() < needed {
        return Err(Invalid::TooFewSignatures { found: signers.len(), needed });
    }
    Ok(())
}

fn member_key<'a>(group: &'a GroupStatement, who: &Pseudonym) -> Result<&'a Bytes<32>, Invalid> {
    let found = group.members.iter().find(|m| m.pseudonym == *who);
    found
        .map(|m| &m.sign_key)
        .ok_or_else(|| Invalid::NotA { who: who.to_string(), what: "a member of the group" })
}

pub(super) fn claim(who: &Pseudonym, key: &Bytes<32>, digest: &[u8; 64], signature: &Bytes<64>) -> Claim {
    let who = Signer::Card(who.clone());
    Claim { key: *key, said: Said::Digest(*digest), signature: *signature, who }
}

pub(super) fn by_host(actor: &Actor) -> Result<(), Invalid> {
    match actor {
        Actor::Host => Ok(()),
        Actor::Card(who) => Err(Invalid::WrongActor { found: who.to_string(), expected: "host".to_owned() }),
    }
}

pub(super) fn by_card(actor: &Actor, who: &Pseudonym) -> Result<(), Invalid> {
    if *actor == Actor::Card(who.clone()) {
        return Ok(());
    }
    Err(Invalid::WrongActor { found: actor.to_string(), expected: who.to_string() })
}

fn fresh<K: Ord, V>(
    known: &BTreeMap<K, V>,
    id: &K,
    slug: &crate::name::Slug,
    taken: bool,
) -> Result<(), Invalid> {
    if known.contains_key(id) || taken { Err(Invalid::Duplicate(slug.to_string())) } else { Ok(()) }
}
