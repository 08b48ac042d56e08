//! How each entry changes the state of an organisation, and which are refused.
//!
//! Every signature that an entry carries goes to a [`Claims`]: the vault's own
//! way in verifies each at once, so that state can only come from entries whose
//! actors agreed to them; `audit` verifies many together.
//!
//! Long, because every rule of the log stands in this one file.

use super::baseline::Baselines;
use super::claims::{Claim, Claims, Said, Signer, Strict};
use super::drill::Drills;
use super::gap::check_after_gap;
use super::index::{self, Index};
use super::roll::{Roll, check_statement};
use super::rotation::Rotations;
use super::{
    AHEAD, Account, Begun, Cards, Ceremony, Held, LOCKOUT, LastReconciled, Organisation, Project, RECENT,
    ROOM_AGE, STEP, Spent, Standing, Version,
};
use crate::event::{
    Acceptance, AccountStanding, Actor, Admission, Binding, Ending, Enrolment, Entry, Event, GateEpoch,
    GivenUp, GroupStatement, Hash, Line, MAX_ROOT_FINDINGS, MAX_UNOPENABLE, MAX_WITNESS_POLICY, Mode,
    Opening, Purpose, Reconciliation, RecoverabilityCheck, Refusal, Scope, Sealing, Shown, Signed,
    WitnessPolicy,
};
use crate::hex::Bytes;
use crate::log::cosignature::MAX_COSIGNATURES;
use crate::log::policy::{Policy, PolicyFileError};
use crate::log::roots::Roots;
use crate::message::{
    Contributed, ContributionFacts, Notice, RequestFacts, Target, contribution_digest, operator_notice,
    request_digest, request_hash, targets_hash,
};
use crate::name::{AccountId, Factor, GroupId, OrganisationId, Pseudonym, Recipient, external_id};
use crate::pvss::{self, GroupError, GroupKeys};
use crate::seal::card::Role;
use crate::seal::mfa::PERIODS;
use crate::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a witness policy cannot be a group's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// Longer than an entry takes.
    #[error("it is longer than {MAX_WITNESS_POLICY} bytes")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It does not read.
    #[error(transparent)]
    File(#[from] PolicyFileError),
    /// More witnesses than a kept note has lines for: it could never be satisfied.
    #[error("it names {found} witnesses, more than {MAX_COSIGNATURES}")]
    TooManyWitnesses {
        /// How many it names.
        found: usize,
    },
    /// It names logs, and this one is not among them.
    #[error("it does not name this log")]
    OtherLog,
}

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
    WitnessPolicy(#[from] PolicyFault),
    /// Keys of a group are not acceptable.
    #[error("the group's keys are not acceptable: {0}")]
    GroupKeys(#[from] GroupError),
    /// A group is abandoned: what it is given would be lost.
    #[error("group '{0}' is abandoned: what it holds is lost")]
    Abandoned(String),
    /// Something is sealed for an account without a root user to sign in as.
    #[error("account '{account}' is {standing}")]
    NotInUse {
        /// Its slug.
        account: String,
        /// How it stands.
        standing: AccountStanding,
    },
    /// A value is not what the facts before it make it.
    #[error("the entry's {0} is not what the entries before it make it")]
    Mismatch(&'static str),
    /// An admission of the operator was taken back since.
    #[error("this admission was signed before the operator's last one was taken back")]
    Revoked,
    /// A card that was suspended or revoked was used.
    #[error("the card of {who} is {how}")]
    Barred {
        /// Whose.
        who: String,
        /// `suspended` or `revoked`.
        how: &'static str,
    },
    /// Of a group's cards so many were revoked that the rest can open nothing.
    #[error("of group '{group}' {left} cards are left, and {needed} must come to open anything")]
    TooFewLeft {
        /// Group.
        group: String,
        /// Cards that are not revoked.
        left: usize,
        /// Its threshold.
        needed: usize,
    },
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
    /// An account's password and the seed of its authenticator would be held by
    /// groups that have members in common.
    #[error("the groups that hold password and mfa of {place} would share {}", names(.shared))]
    NotApart {
        /// Address of the organisation, project or account.
        place: String,
        /// Who would be in both.
        shared: Vec<Pseudonym>,
    },
    /// A group has nothing that could be reshared.
    #[error("group '{0}' holds nothing that could be reshared")]
    HoldsNothing(String),
    /// What is to be handed over is to go where it is.
    #[error("group '{0}' is the one that holds it: a resharing goes to another group")]
    HoldsItAlready(String),
    /// A ceremony for this cannot have that target.
    #[error("a ceremony to '{purpose}' cannot be for the {factor} of this account")]
    NotForThis {
        /// What the ceremony is for.
        purpose: &'static str,
        /// What the target is.
        factor: Factor,
    },
    /// The quorum was not complete.
    #[error("the target was released with {found} of {needed} contributions")]
    NoQuorum {
        /// Contributions there.
        found: usize,
        /// Contributions needed.
        needed: usize,
    },
}

fn names(pseudonyms: &[Pseudonym]) -> String {
    pseudonyms.iter().map(Pseudonym::as_str).collect::<Vec<_>>().join(", ")
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
        check_gate_epoch(organisation, gate, gate.epoch, claims)?;
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
            resealing: BTreeSet::new(),
            keepers: None,
            keepers_replaced: false,
            gaps: Vec::new(),
            projects: BTreeMap::new(),
            accounts: BTreeMap::new(),
            people: BTreeMap::new(),
            cards: Cards::default(),
            groups: BTreeMap::new(),
            abandonments: BTreeMap::new(),
            bindings: Vec::new(),
            binding_serial: 0,
            witness_policies: BTreeMap::new(),
            admissions: BTreeMap::new(),
            revocations: BTreeMap::new(),
            versions: BTreeMap::new(),
            begun: BTreeMap::new(),
            ceremonies: BTreeMap::new(),
            spent: BTreeMap::new(),
            listing: None,
            used_steps: BTreeMap::new(),
            wrong_codes: BTreeMap::new(),
            drills: Drills::default(),
            unknown: BTreeMap::new(),
            reshares: super::reshare::Reshares::default(),
            rotations: Rotations::default(),
            reconciled: BTreeSet::new(),
            baselines: Baselines::default(),
            last_reconciled: None,
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
        check_after_gap(self, line)?;
        let mut listing = self.listing;
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
                self.apply_event(entry, leaf, claims)?;
                self.last = entry.time;
                // What is to be reshared is listed by its hash: nothing of it is to come.
                if let Event::ReshareOpened(opening) = &entry.event {
                    listing = Some(opening.ceremony);
                }
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

    fn apply_event(
        &mut self,
        entry: &Entry,
        leaf: &Bytes<32>,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let actor = &entry.actor;
        self.check_signers(&entry.event)?;
        if !matches!(entry.event, Event::AuthenticatorResealed { .. }) {
            self.resealing.clear();
        }
        match &entry.event {
            Event::VaultCreated { .. }
            | Event::OrganisationAdded { .. }
            | Event::OrganisationCreated { .. }
            | Event::KeeperEnrolled(_)
            | Event::GateRootDealt(_) => Err(Invalid::Misplaced(entry.event.kind())),
            Event::KeepersNamed(group) => self.keepers_named(actor, group, claims),
            Event::RestoredWithGap(gap) => self.restored_with_gap(actor, gap, entry.time, claims),
            Event::ProjectCreated { project, slug, name } => {
                by_host(actor)?;
                fresh(&self.projects, project, slug, self.project_by_slug(slug).is_some())?;
                self.index.projects.insert(slug.clone(), *project);
                self.projects.insert(*project, Project { slug: slug.clone(), name: *name });
                Ok(())
            }
            Event::AccountCreated { .. } => self.account_created(entry),
            Event::AccountRenamed { account, name } => {
                self.account_named(actor, account)?.name = Some(*name);
                Ok(())
            }
            Event::AccountStandingSet { account, standing } => {
                let found = self.account_named(actor, account)?;
                // Said twice it would be no fact.
                if found.standing == *standing {
                    return Err(Invalid::Mismatch("standing"));
                }
                found.standing = *standing;
                Ok(())
            }
            Event::BaselineStated(said) => self.baseline_stated(actor, said, entry.time, claims),
            Event::CardEnrolled(enrolment) => self.card_enrolled(actor, enrolment, claims),
            Event::CardSuspended(entered) => self.card_suspended(actor, entered, entry.time, claims),
            Event::CardResumed(entered) => self.card_resumed(actor, entered, claims),
            Event::CardRevoked(entered) => self.card_revoked(actor, entered, entry.time, claims),
            Event::AuthenticatorReplaced(entered) => self.authenticator_replaced(actor, entered, claims),
            Event::GroupFormed(statement) => self.group_formed(actor, statement, entry.time, claims),
            Event::GroupRenewed(renewal) => self.group_renewed(actor, renewal, entry.time, claims),
            Event::AbandonmentBegun(notice) => self.abandonment_begun(actor, notice, entry.time, leaf),
            Event::AbandonmentVetoed(veto) => self.abandonment_vetoed(actor, veto, entry.time, claims),
            Event::OperatorAdmitted(admission) => {
                self.operator_admitted(actor, admission, entry.time, claims)
            }
            Event::AdmissionRevoked { admission, custodian, signature } => {
                by_card(actor, custodian)?;
                self.admission_revoked(admission, custodian, signature, claims)
            }
            Event::Bound(binding) => self.bound(actor, binding, entry.time, claims),
            Event::WitnessPolicySet(policy) => self.witness_policy_set(actor, policy, claims),
            Event::RotationPolicySet(policy) => self.rotation_policy_set(actor, policy, entry.time, claims),
            Event::SealBegun { credential, origin, account, factor, version } => {
                by_host(actor)?;
                let begun = Begun { origin: *origin, account: *account, factor: *factor, version: *version };
                self.seal_begun(credential, begun, entry.time)
            }
            Event::Sealed(sealing) => self.sealed(actor, sealing, entry.time),
            Event::IdentitySealed(sealing) => self.identity_sealed(actor, sealing, entry.time, claims),
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
            Event::DrillBegun { group, epoch, nonce, until, code_key } => {
                by_host(actor)?;
                self.drill_begun(group, *epoch, *until, (nonce, code_key.as_ref()), entry.time, leaf)
            }
            Event::GateProved { drill, gate_epoch, proof } => {
                by_host(actor)?;
                self.gate_proved(drill, *gate_epoch, proof, entry.time)
            }
            Event::CustodianProved { answer, step } => {
                by_card(actor, &answer.custodian)?;
                self.custodian_proved(answer, *step, entry.time, claims)
            }
            Event::DrillRefused { answer, why } => {
                by_card(actor, &answer.custodian)?;
                self.drill_refused(answer, *why, entry.time, claims)
            }
            Event::CodeGiven { ceremony, target, codes, until, shown } => {
                by_host(actor)?;
                self.code_given(ceremony, *target, *codes, (entry.time, *until), *shown)
            }
            Event::Ended { ceremony, how } => {
                by_host(actor)?;
                self.ended(ceremony, *how, entry.time)
            }
            Event::DrillPolicySet(set) => {
                by_host(actor)?;
                self.drill_policy_set(set, claims)
            }
            Event::GateEpochBegun(next) => {
                by_host(actor)?;
                self.gate_epoch_begun(next, claims)
            }
            Event::AuthenticatorResealed { pseudonym, totp } => {
                by_host(actor)?;
                self.authenticator_resealed(pseudonym, *totp)
            }
            Event::Reconciled(found) => self.reconciled(actor, found, entry.time),
            Event::ReshareOpened(opening) => self.reshare_opened(actor, opening, entry.time, claims),
            Event::RedealingRejected(rejected) => self.redealing_rejected(actor, rejected),
            Event::Reshared(done) => self.reshared(actor, done, entry.time, claims),
            Event::DealingsDestroyed(gone) => self.dealings_destroyed(actor, gone),
            Event::RecoverabilityChecked(found) => self.recoverability_checked(actor, found, entry.time),
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
        // Whoever could choose an id that stands for a person would have it shown as theirs.
        let taken = self.index.accounts.contains_key(&named) || self.index.subjects.contains_key(account);
        fresh(&self.accounts, account, slug, taken)?;
        let provided = index::identifier_of(provider, id);
        if self.index.external.contains_key(&provided) {
            return Err(Invalid::Duplicate(format!("{provider} account {id}")));
        }
        external_id(provider, id).map_err(|_| Invalid::Mismatch("external id"))?;
        self.index.accounts.insert(named, *account);
        self.index.external.insert(provided, *account);
        let kept = Account {
            project: *project,
            slug: slug.clone(),
            name: *name,
            provider: provider.clone(),
            external_id: id.clone(),
            standing: AccountStanding::InUse,
        };
        self.accounts.insert(*account, Box::new(kept));
        Ok(())
    }

    /// An account that the host's administration speaks of.
    fn account_named(&mut self, actor: &Actor, id: &AccountId) -> Result<&mut Account, Invalid> {
        by_host(actor)?;
        let unknown = || Invalid::Unknown { what: "account", id: id.to_string() };
        self.accounts.get_mut(id).map(|found| &mut **found).ok_or_else(unknown)
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
        let subject = self.subject(who);
        if self.people.contains_key(who) || key_taken || self.accounts.contains_key(&subject) {
            return Err(Invalid::Duplicate(who.to_string()));
        }
        let digest = enrolment.digest(&self.vault, &self.id, &self.first_entry);
        claims.take(claim(who, &enrolment.sign_key, &digest, &enrolment.signature))?;
        self.index.sign_keys.insert(enrolment.sign_key);
        self.index.cosign_keys.insert(enrolment.cosign_key);
        self.index.subjects.insert(subject, who.clone());
        self.people.insert(who.clone(), enrolment.clone());
        Ok(())
    }

    fn group_formed(
        &mut self,
        actor: &Actor,
        statement: &GroupStatement,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        if self.groups.contains_key(&statement.group) || self.group_by_slug(&statement.slug).is_some() {
            return Err(Invalid::Duplicate(statement.slug.to_string()));
        }
        check_statement(self, statement, claims)?;
        self.drills.keyed.insert(statement.group, time);
        self.groups.insert(statement.group, statement.clone());
        Ok(())
    }

    /// The group's share keys, decoded and checked.
    pub fn group_keys(&self, statement: &GroupStatement) -> Result<GroupKeys, Invalid> {
        Roll::group_keys(self, statement)
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
        for ceremony in self.ceremonies.values_mut().filter(|c| c.operator == operator) {
            ceremony.stopped.insert(group);
        }
        *self.revocations.entry(group).or_default().entry(operator).or_default() += 1;
        Ok(())
    }

    fn bound(
        &mut self,
        actor: &Actor,
        binding: &Binding,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
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
        Self::check_roster_scope(binding)?;
        if binding.serial != self.binding_serial + 1 {
            return Err(Invalid::Mismatch("serial number"));
        }
        let group = self.group(&binding.group, binding.epoch)?;
        let digest = binding.digest(&self.id, &self.g(group));
        check_quorum(group, &digest, &binding.signatures, claims)?;
        self.check_not_abandoned(&binding.group, time)?;
        let losing = self.must_agree(binding, time);
        for holder in &losing {
            let holding = self.groups.get(holder).ok_or(Invalid::Mismatch("group"))?;
            let agreed = binding.given_up.iter().find(|g: &&GivenUp| g.group == *holder);
            let signatures = agreed.ok_or_else(|| Invalid::NotGivenUp(holding.slug.to_string()))?;
            check_quorum(holding, &digest, &signatures.signatures, claims)?;
        }
        if binding.given_up.len() != losing.len() {
            return Err(Invalid::Mismatch("list of groups that give it up"));
        }
        self.check_binding_apart(binding)?;
        self.bindings.retain(|b| (b.scope, b.factor) != (binding.scope, binding.factor));
        self.bindings.push(binding.clone());
        self.index.bindings.insert((binding.scope, binding.factor), binding.serial);
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
            return Some(PolicyFault::TooLong { length: set.policy.len() }.into());
        }
        let policy = match Policy::parse(set.policy.as_bytes()) {
            Ok(policy) => policy,
            Err(why) => return Some(PolicyFault::File(why).into()),
        };
        let found = policy.witnesses().len();
        if found > MAX_COSIGNATURES {
            return Some(PolicyFault::TooManyWitnesses { found }.into());
        }
        let accepted = self.log_key().is_ok_and(|key| policy.accepts(&key));
        (!accepted).then(|| PolicyFault::OtherLog.into())
    }

    /// Groups other than the new one from which this binding takes something: their
    /// quorums must agree. Those that are abandoned by then are asked no more.
    pub fn must_agree(&self, binding: &Binding, now: Time) -> BTreeSet<GroupId> {
        let replaced = self.bindings.iter().find(|b| (b.scope, b.factor) == (binding.scope, binding.factor));
        // Given up to a group that still holds nothing: to that group alone.
        let passed_on = replaced.filter(|b| !self.holds(&b.group)).into_iter();
        let passed_on = passed_on.flat_map(|b| b.given_up.iter().map(|g| g.group));
        let mut losing = self.holders_in(binding);
        losing.extend(self.displaced_by(binding).into_iter().chain(passed_on));
        losing.remove(&binding.group);
        losing.retain(|group| !self.is_abandoned(group, now));
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

    fn seal_begun(&mut self, credential: &Hash, begun: Begun, time: Time) -> Result<(), Invalid> {
        if self.begun.contains_key(credential) || self.versions.contains_key(credential) {
            return Err(Invalid::Duplicate(format!("seal of {}", credential.short())));
        }
        let expected =
            pvss::credential_id(&self.vault, &self.id, &begun.account, begun.factor, begun.version);
        self.check_sealable(&begun)?;
        if expected != *credential || begun.version != self.next_version(&begun.account, begun.factor) {
            return Err(Invalid::Mismatch("credential"));
        }
        self.check_openable(&begun.account, begun.factor, time)?;
        self.index.versions.entry((begun.account, begun.factor)).or_default().begun = begun.version;
        self.begun.insert(*credential, begun);
        Ok(())
    }

    /// An identity is a card owner's, everything else an account's with a root user.
    fn check_sealable(&self, begun: &Begun) -> Result<(), Invalid> {
        let unknown = Invalid::Mismatch("credential");
        if begun.factor == Factor::Identity {
            return self.person(&begun.account).map(|_| ()).ok_or(unknown);
        }
        let account = self.accounts.get(&begun.account).ok_or(unknown)?;
        if account.standing.in_use() {
            return Ok(());
        }
        Err(Invalid::NotInUse { account: account.slug.to_string(), standing: account.standing })
    }

    /// Nothing is sealed for a group that could never open it.
    fn check_openable(&self, account: &AccountId, factor: Factor, time: Time) -> Result<(), Invalid> {
        let super::Effective::Bound(_, group) = self.binding_of(account, factor) else { return Ok(()) };
        self.check_not_abandoned(&group.group, time)?;
        self.check_left(group)
    }

    /// Of a group's cards not so many are revoked that it could never open anything.
    pub(super) fn check_left(&self, group: &GroupStatement) -> Result<(), Invalid> {
        let (left, needed) = (self.left(group), group.needed());
        if self.cards.is_empty() || left >= needed {
            return Ok(());
        }
        Err(Invalid::TooFewLeft { group: group.slug.to_string(), left, needed })
    }

    fn sealed(&mut self, actor: &Actor, sealing: &Sealing, time: Time) -> Result<(), Invalid> {
        by_host(actor)?;
        if self.versions.contains_key(&sealing.credential) {
            return Err(Invalid::Duplicate(sealing.address.clone()));
        }
        let unknown = || Invalid::Unknown { what: "seal", id: sealing.credential.short() };
        let begun = self.begun.get(&sealing.credential).ok_or_else(unknown)?;
        let as_begun = (begun.origin, begun.account, begun.factor, begun.version)
            == (sealing.origin, sealing.account, sealing.factor, sealing.version);
        // Who somebody is goes in with that person's own signature.
        if !as_begun || sealing.dealing != sealing.origin || sealing.factor == Factor::Identity {
            return Err(Invalid::Mismatch("seal"));
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
                    && self.gate().epoch == sealing.gate_epoch =>
            {
                self.check_sealing_apart(&sealing.account, sealing.factor, group)?;
                self.check_not_abandoned(&sealing.group, time)?;
            }
            _ => return Err(Invalid::Mismatch("binding")),
        }
        self.check_rotation_of(sealing)?;
        self.note_sealed(sealing);
        self.begun.remove(&sealing.credential);
        self.versions.insert(sealing.credential, Version::new(Held::from(sealing), time));
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
        if self.ceremonies.contains_key(&opening.ceremony) || self.spent.contains_key(&opening.ceremony) {
            return Err(Invalid::Duplicate(format!("ceremony {}", opening.ceremony.short())));
        }
        if opening.count == 0 || opening.expires <= time || opening.asked > time + AHEAD {
            return Err(Invalid::Mismatch("opening"));
        }
        self.check_seen(&opening.operator, opening.size, &opening.root)?;
        let ceremony = Ceremony::opened(opening, time, self.size + 1);
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
    pub(super) fn check_seen(&self, who: &Pseudonym, size: u64, root: &Bytes<32>) -> Result<(), Invalid> {
        let (who, now) = (who.to_string(), self.size);
        match self.root_at(size) {
            Some(here) if here == *root => Ok(()),
            None if size <= now => Err(Invalid::NotRecent { who: who.to_string(), size, now }),
            _ => Err(Invalid::OtherLog { who: who.to_string(), size }),
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
            check_purpose(found.purpose, (found.targets.len() + named.len() - 1, found.count), version)?;
            let group = self.group(&version.sealing.group, version.sealing.epoch)?;
            if self.admission_of(&found.operator, group, found.opened).is_none() {
                return Err(Invalid::NotAdmitted {
                    operator: found.operator.to_string(),
                    group: group.slug.to_string(),
                });
            }
        }
        let accounts = found.targets.iter().chain(credentials).filter_map(|c| self.versions.get(c));
        let accounts: BTreeSet<_> = accounts.map(|version| version.sealing.account).collect();
        if found.purpose == Purpose::SignIn && accounts.len() != 1 {
            return Err(Invalid::Mismatch("list of targets"));
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
        let target = |credential: &Hash| Some(self.versions.get(credential)?.sealing.target(credential));
        targets_hash(&listed.filter_map(target).collect::<Vec<Target>>())
    }

    /// What the custodian says to have cosigned: the checkpoint that was checked,
    /// at the time of the contribution.
    fn cosigned(&self, acceptance: &Acceptance, key: &Bytes<32>) -> Result<Claim, Invalid> {
        let who = Signer::Cosigner(acceptance.custodian.clone());
        let (seconds, signature) = acceptance.cosignature.0.split_at(8);
        let at = acceptance.at.unix_seconds();
        let signature = Bytes::from_slice(signature).expect("72 bytes are 8 and 64");
        let (size, root) = (acceptance.size, acceptance.root);
        let said = Said::Cosigned { origin: self.origin.clone(), size, root, at };
        let claim = Claim { key: *key, said, signature, who };
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
        let message = Arc::new(acceptance.contributed());
        let (said, signature) = (Said::Contributed(message.clone()), acceptance.signature);
        claims.take(Claim { key: sign_key, said, signature, who: Signer::Card(who.clone()) })?;
        if self.used_steps.get(who).is_some_and(|steps| steps.contains(&acceptance.step)) {
            return Err(Invalid::StepReused(who.to_string()));
        }
        let step_fits = acceptance.step.abs_diff(acceptance.at.unix_seconds() / STEP) <= 1;
        let open = self.ceremonies.get(&acceptance.ceremony).ok_or(Invalid::CeremonyState("accepted"))?;
        let fresh = open.mode == Mode::Files || time - acceptance.at <= ROOM_AGE;
        let in_time = time <= open.expires && open.opened <= acceptance.at && acceptance.at <= time + AHEAD;
        let same_log = open.opened_size == acceptance.size;
        // Who takes part in a resharing does so for all of it, and gives no share.
        let new = !open.accepted.contains_key(who)
            && (open.refused.is_empty() || !open.refused.contains_key(&Bytes(message.digest())))
            && acceptance.targets.is_empty() == open.reshare.is_some();
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
        if let Some(reshare) = &open.reshare {
            let group = self.group(&reshare.from.group, reshare.from.epoch)?;
            member_key(group, who)?;
            check_admitted(open, group)?;
        }
        for target in &acceptance.targets {
            let credential = usize::try_from(*target).ok().and_then(|t| open.targets.get(t));
            let version =
                credential.and_then(|c| self.versions.get(c)).ok_or(Invalid::CeremonyState("accepted"))?;
            let group = self.group(&version.sealing.group, version.sealing.epoch)?;
            member_key(group, who)?;
            check_admitted(open, group)?;
        }
        let open = self.open_ceremony(&acceptance.ceremony, "accepted")?;
        open.accepted.insert(who.clone(), acceptance.targets.clone());
        open.accepted_messages.insert(message);
        self.use_up(who, acceptance.step, time);
        self.wrong_codes.remove(who);
        Ok(())
    }

    /// Remembers a step, and forgets those that no acceptance can name any more:
    /// its `at` is not before its ceremony's opening, its step at most one before
    /// its `at`, and a ceremony that is not open now opens now at the earliest. A
    /// drill's answers are fresh.
    pub(super) fn use_up(&mut self, who: &Pseudonym, step: u64, time: Time) {
        let open = self.ceremonies.values();
        let opened = open.filter(|c| c.expires >= time).map(|c| c.opened);
        let earliest = opened.chain(self.drills.earliest_answer(time)).min().unwrap_or(time).min(time);
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
        if open.accepted_messages.contains(message.as_bytes()) {
            return Err(Invalid::Duplicate(format!("contribution {}", message.short())));
        }
        if open.refused.insert(*message, why).is_some() {
            return Err(Invalid::Duplicate(format!("refusal {}", message.short())));
        }
        if why == Refusal::WrongCode {
            self.wrong_code(who, time);
        }
        Ok(())
    }

    /// Counts a wrong code towards the lock-out.
    pub(super) fn wrong_code(&mut self, who: &Pseudonym, time: Time) {
        let wrong = self.wrong_codes.entry(who.clone()).or_default();
        // Those that no longer count beside the latest never will again.
        wrong.retain(|at| time - *at <= LOCKOUT);
        wrong.push(time);
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
            .filter(|(who, covered)| covered.contains(&target) && !open.barred.contains(*who))
            .map(|(who, _)| who)
            .collect();
        let claimed: BTreeSet<_> = custodians.iter().collect();
        let exactly = claimed == contributed && custodians.len() == contributed.len();
        if !exactly || contributed.len() < needed {
            return Err(Invalid::NoQuorum { found: contributed.len(), needed });
        }
        self.open_ceremony(ceremony, "released")?.released.insert(target);
        if let Some(version) = self.versions.get_mut(credential) {
            match version.sealing.factor.recipient() {
                Recipient::Requester => version.exposed.get_or_insert(time),
                Recipient::Gate => version.exposed_to_host.get_or_insert(time),
            };
        }
        Ok(())
    }

    /// A ceremony leaves the state: what it was for and who took part the entries
    /// say. Kept are the custodians whose shares came to nothing, and that its
    /// request must not be opened again.
    fn ended(&mut self, ceremony: &Hash, how: Ending, time: Time) -> Result<(), Invalid> {
        let open = self.open_ceremony(ceremony, "ended")?;
        if how == Ending::Expired && time <= open.expires {
            return Err(Invalid::CeremonyState("ended"));
        }
        let Some(ended) = self.ceremonies.remove(ceremony) else { return Ok(()) };
        for (credential, who) in ended.given_for_nothing() {
            if let Some(version) = self.versions.get_mut(credential) {
                version.loose_shares.insert(who.clone());
            }
        }
        self.spent.insert(*ceremony, Spent { expires: ended.expires, seen: ended.seen });
        // Others are refused for their age from now on, as `opened` and `check_seen` say.
        let size = self.size;
        self.spent.retain(|_, spent| spent.expires > time && spent.seen + RECENT > size);
        Ok(())
    }

    /// What is counted as a finding is listed, each of an account that there is.
    fn reconciled(&mut self, actor: &Actor, found: &Reconciliation, time: Time) -> Result<(), Invalid> {
        by_host(actor)?;
        let weak = found.findings.iter().filter(|f| f.what.is_standing()).count() as u64;
        let listed = found.findings.len() as u64;
        let agrees = weak == found.weak && listed - weak == found.unexplained;
        if !agrees || found.findings.len() > MAX_ROOT_FINDINGS {
            return Err(Invalid::Mismatch("list of findings"));
        }
        if found.period.is_some_and(|period| period.to < period.from) {
            return Err(Invalid::Mismatch("period"));
        }
        if let Some(other) = found.findings.iter().find(|f| !self.accounts.contains_key(&f.account)) {
            return Err(Invalid::Unknown { what: "account", id: other.account.to_string() });
        }
        if !self.reconciled.insert(found.facts) {
            return Err(Invalid::Duplicate(format!("reconciliation {}", found.facts.short())));
        }
        self.note_report(found, time);
        self.last_reconciled = Some(LastReconciled::and(self.last_reconciled, time, found));
        Ok(())
    }

    /// What the log itself knows of the result must be as the log has it. Whether the
    /// records are as the host says, the log does not know.
    fn recoverability_checked(
        &self,
        actor: &Actor,
        found: &RecoverabilityCheck,
        time: Time,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let gate = self.gate();
        if found.gate_epoch != gate.epoch || found.gate_proved != self.drills.gate.get(&gate.epoch).copied() {
            return Err(Invalid::Mismatch("gate's proof"));
        }
        let ascending = found.groups.windows(2).all(|pair| matches!(pair, [a, b] if a.group < b.group));
        if !ascending {
            return Err(Invalid::Mismatch("order of groups"));
        }
        for checked in &found.groups {
            self.group(&checked.group, checked.epoch)?;
            let found = (checked.within_days, checked.live);
            if found != (self.drills.every_days(&checked.group), self.live(&checked.group, time) as u64) {
                return Err(Invalid::Mismatch("number of members who proved"));
            }
        }
        let failed = found.groups.iter().fold(0, |sum: u64, group| sum.saturating_add(group.failed));
        if found.failed.len() as u64 != failed.min(MAX_UNOPENABLE as u64) {
            return Err(Invalid::Mismatch("list of versions"));
        }
        match found.failed.iter().find(|one| !self.is_known(&one.account)) {
            Some(other) => Err(Invalid::Unknown { what: "account", id: other.account.to_string() }),
            None => Ok(()),
        }
    }

    /// Whoever gets the shares says that one is bad: the operator, or the host for
    /// the gate. What the gate gets is revealed to nobody.
    fn check_notice(
        &self,
        actor: &Actor,
        (ceremony, target): (&Hash, u64),
        notice: Notice<'_>,
        signature: &Bytes<64>,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let unknown = || Invalid::CeremonyState(notice.kind());
        let found = self.ceremonies.get(ceremony).ok_or_else(unknown)?;
        let operator = &found.operator;
        let named = usize::try_from(target).ok().and_then(|t| found.targets.get(t));
        let version = named.and_then(|credential| self.versions.get(credential));
        if version.is_some_and(|version| version.sealing.factor.recipient() == Recipient::Gate) {
            by_host(actor)?;
            if matches!(notice, Notice::Revealed(_)) {
                return Err(unknown());
            }
            let said = Said::Digest(operator_notice(ceremony, target, notice));
            let (key, signature) = (self.gate().log_key, *signature);
            return claims.take(Claim { key, said, signature, who: Signer::Gate });
        }
        by_card(actor, operator)?;
        let key = self.card(operator, Role::Operator)?.sign_key;
        claims.take(claim(operator, &key, &operator_notice(ceremony, target, notice), signature))
    }

    /// Codes come of a released seed alone, while the ceremony is open and the admission
    /// stands, and reach no further than its window and the codes that are good at its
    /// end.
    fn code_given(
        &mut self,
        ceremony: &Hash,
        target: u64,
        codes: u64,
        (time, until): (Time, Time),
        shown: Shown,
    ) -> Result<(), Invalid> {
        let wrong = Invalid::CeremonyState("code-given");
        let found = self.ceremonies.get(ceremony).ok_or_else(|| wrong.clone())?;
        let named = usize::try_from(target).ok().and_then(|t| found.targets.get(t));
        let version =
            named.and_then(|credential| self.versions.get(credential)).ok_or_else(|| wrong.clone())?;
        let of_the_gate = version.sealing.factor.recipient() == Recipient::Gate;
        let longest = Span::seconds(i64::from(*PERIODS.end()));
        let in_window = time <= found.expires && time < until && until <= found.expires + longest + longest;
        // One after the other: all but the present one for a whole period.
        let shortest = Span::seconds(i64::from(*PERIODS.start())).0;
        let counted = codes.checked_sub(1).and_then(|later| i64::try_from(later).ok());
        let counted = counted.is_some_and(|later| later.saturating_mul(shortest) <= (until - time).0);
        if !of_the_gate
            || !found.released.contains(&target)
            || !in_window
            || !counted
            || shown == Shown::Nobody
        {
            return Err(wrong);
        }
        check_admitted(found, self.group(&version.sealing.group, version.sealing.epoch)?)?;
        self.open_ceremony(ceremony, "code-given")?.codes += codes;
        Ok(())
    }

    pub(super) fn open_ceremony(
        &mut self,
        ceremony: &Hash,
        what: &'static str,
    ) -> Result<&mut Ceremony, Invalid> {
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
        self.statement(group, epoch).ok_or_else(unknown)
    }
}

impl Acceptance {
    /// What the custodian signed.
    pub fn contributed(&self) -> Contributed {
        let facts = ContributionFacts {
            targets: &self.targets,
            size: self.size,
            root: &self.root,
            cosignature: &self.cosignature,
            shares: &self.shares,
            ciphertexts: &self.ciphertexts,
            code: &self.code,
        };
        Contributed::new(self.ceremony, self.custodian.clone(), self.at, &facts)
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
    if gate.epoch == 0 || gate.epoch != epoch || !pvss::is_gate_key(&gate.gamma) {
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

/// A target of a ceremony: what it is for fixes the factors, and what the gate
/// alone may open is never opened for anybody.
fn check_purpose(
    purpose: Purpose,
    (position, count): (usize, u64),
    version: &Version,
) -> Result<(), Invalid> {
    let factor = version.sealing.factor;
    let fits = match purpose.factors() {
        // Who somebody is comes out in a ceremony for just that.
        None if factor == Factor::Identity => false,
        // What is replaced is not given out for that: of a seed the gate makes codes.
        None => purpose == Purpose::Rotate || factor.recipient() == Recipient::Requester,
        Some(factors) => factors.get(position) == Some(&factor) && count == factors.len() as u64,
    };
    if fits { Ok(()) } else { Err(Invalid::NotForThis { purpose: purpose.as_str(), factor }) }
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

pub(super) fn member_key<'a>(group: &'a GroupStatement, who: &Pseudonym) -> Result<&'a Bytes<32>, Invalid> {
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
    if matches!(actor, Actor::Card(found) if found == who) {
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
