//! What the entries of an organisation's log add up to.
//!
//! Pure: the same entries give the same state, on the host, on a custodian's
//! machine and in an auditor's hands. It keeps nothing that the log does not
//! say. `apply.rs` says which entries are refused, and why. Long, because all that
//! is kept of a log, and so all that can be asked of it, stands in one place.

mod abandon;
mod apart;
mod apply;
pub mod baseline;
mod cards;
mod claims;
mod drill;
mod gap;
mod gate;
mod index;
mod past;
pub mod reshare;
mod roll;
mod roster;
pub mod rotation;
mod vault;

pub use abandon::{Abandonment, NOTICE, NoticeStanding, Vetoed};
pub use apply::{Invalid, PolicyFault};
pub use cards::{Barred, Cards, Revoked, Suspended};
pub use claims::{AcceptedMessages, Claim, Claims, Said, Signer, Strict};
pub use drill::{ByFiles, Drill, Drills, LONGEST_DRILL, MAX_EVERY_DAYS};
pub use gap::{Gapped, HeldGap};
pub use gate::{gate_epochs, log_keys};
pub use past::Past;
pub use roll::Roll;
pub use roster::Listed;
pub use vault::{RECOVERY, VaultState};

use crate::event::{
    AccountStanding, Admission, Binding, Enrolment, GateEpoch, GroupStatement, Hash, Made, Mode, Purpose,
    Reconciliation, Refusal, Scope, Sealing, Shown, TextHash, WitnessPolicy,
};
use crate::hex::Bytes;
use crate::log::note::{NoteError, VerifierKey};
use crate::log::policy::Policy;
pub use crate::log::roots::RECENT;
use crate::log::roots::Roots;
use crate::log::{Checkpoint, Cosignature};
use crate::message::Target;
use crate::name::{
    AccountId, Factor, GroupId, OrganisationId, Origin, ProjectId, Provider, Pseudonym, Slug, Threshold,
    VaultId,
};
use crate::pvss;
use crate::time::{Span, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Wrong codes within [`LOCKOUT`] that lock a custodian out of contributing.
pub const ATTEMPTS: usize = 5;
/// How far back wrong codes count, and how long the lock lasts after the last.
pub const LOCKOUT: Span = Span::minutes(15);
/// How far a custodian's clock may be ahead of the host's.
pub const AHEAD: Span = Span::seconds(30);
/// Seconds of a TOTP step.
const STEP: u64 = 30;
/// How old a code may be on arrival in a ceremony in the room.
pub const ROOM_AGE: Span = Span::seconds(90);

/// One organisation.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Organisation {
    /// Entries so far.
    pub size: u64,
    /// Time of the last entry.
    pub last: Time,
    /// The vault it lives in.
    pub vault: VaultId,
    /// Its id.
    pub id: OrganisationId,
    /// Its name in addresses.
    pub slug: Slug,
    /// Origin of its log.
    pub origin: Origin,
    /// Display name.
    pub name: Option<TextHash>,
    /// Leaf hash of its first entry.
    pub first_entry: Bytes<32>,
    /// The gate's epochs, in order.
    pub gates: Vec<GateEpoch>,
    /// Right after an epoch began: whose authenticators are still encrypted under the
    /// one before.
    #[serde(skip)]
    pub resealing: BTreeSet<Pseudonym>,
    /// The vault's recovery group, where the log has named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepers: Option<GroupStatement>,
    /// Whether it had named another one before.
    #[serde(skip)]
    pub keepers_replaced: bool,
    /// What is missing of it, by the word of recovery quorums.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<HeldGap>,
    /// Projects.
    pub projects: BTreeMap<ProjectId, Project>,
    /// Accounts. Boxed, as versions are: nodes of the map are seldom full.
    pub accounts: BTreeMap<AccountId, Box<Account>>,
    /// Cards.
    pub people: BTreeMap<Pseudonym, Enrolment>,
    /// What became of cards since.
    #[serde(skip_serializing_if = "Cards::is_empty")]
    pub cards: Cards,
    /// Groups.
    pub groups: BTreeMap<GroupId, GroupStatement>,
    /// The last notice about each group that it can no longer reach its threshold.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub abandonments: BTreeMap<GroupId, Abandonment>,
    /// Bindings in force, one for a scope and factor, in the order of their serials.
    pub bindings: Vec<Binding>,
    /// Bindings ever made.
    pub binding_serial: u64,
    /// Which witnesses the groups' releases wait for.
    pub witness_policies: BTreeMap<GroupId, WitnessPolicy>,
    /// Admissions by digest, in force until they expire.
    pub admissions: BTreeMap<Hash, Admission>,
    /// How often one custodian took back what an operator was admitted to, by
    /// group: admissions are signed for this number.
    pub revocations: BTreeMap<GroupId, BTreeMap<Pseudonym, u64>>,
    /// Sealed versions by credential id.
    pub versions: BTreeMap<Hash, Version>,
    /// Credential ids for which the gate was asked, as long as it has not come to a
    /// seal: what a sealed one was begun as, its version says.
    pub begun: BTreeMap<Hash, Begun>,
    /// Open ceremonies by request hash. What one leaves behind when it ends is in
    /// its versions and in `spent`; [`Past`] tells the rest from the entries.
    pub ceremonies: BTreeMap<Hash, Ceremony>,
    /// Requests whose ceremony has ended, as long as nothing else would keep them
    /// from being opened once more.
    pub spent: BTreeMap<Hash, Spent>,
    /// The ceremony just opened whose list of targets is not complete: nothing but
    /// the rest of the list may follow.
    pub listing: Option<Hash>,
    /// TOTP steps used up, by custodian, as long as they could be used again.
    pub used_steps: BTreeMap<Pseudonym, BTreeSet<u64>>,
    /// Times of wrong codes, by custodian, since the last right one, as long as
    /// they count.
    pub wrong_codes: BTreeMap<Pseudonym, Vec<Time>>,
    /// Who showed last when that a key is still there.
    #[serde(skip_serializing_if = "Drills::is_empty")]
    pub drills: Drills,
    /// Kinds of entries that a newer version wrote, and how many.
    pub unknown: BTreeMap<String, u64>,
    /// What reconciliations found, by the hash of its record.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub reconciled: BTreeSet<Hash>,
    /// Groups' earlier epochs, and dealings that resharings have replaced.
    #[serde(skip_serializing_if = "reshare::Reshares::is_empty")]
    pub reshares: reshare::Reshares,
    /// When records of the provider were held against the ceremonies last. The stored
    /// state is as it was before this was kept.
    #[serde(skip)]
    pub last_reconciled: Option<LastReconciled>,
    /// What is current, what was destroyed, and when what is renewed.
    #[serde(skip_serializing_if = "rotation::Rotations::is_empty")]
    pub rotations: rotation::Rotations,
    /// What people said of accounts, and where credential reports were entered.
    #[serde(skip_serializing_if = "baseline::Baselines::is_empty")]
    pub baselines: baseline::Baselines,
    /// What the rules look up, kept beside what it is made of.
    #[serde(skip)]
    index: index::Index,
    /// The log's last roots. They are no part of the stored state: the checkpoint
    /// has the present one.
    #[serde(skip)]
    roots: Roots,
}

/// A project.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Project {
    /// Name in addresses.
    pub slug: Slug,
    /// Display name.
    pub name: Option<TextHash>,
}

/// An account.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Account {
    /// Its project.
    pub project: ProjectId,
    /// Name in addresses.
    pub slug: Slug,
    /// Display name.
    pub name: Option<TextHash>,
    /// Whose root user it has.
    pub provider: Provider,
    /// The provider's identifier.
    pub external_id: String,
    /// Whether there is a root user to sign in as.
    #[serde(skip_serializing_if = "AccountStanding::in_use")]
    pub standing: AccountStanding,
}

/// What the last reconciliation found that no earlier one had; what one run enters
/// bears one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastReconciled {
    /// When.
    pub at: Time,
    /// Uses of root users that nothing explains.
    pub unexplained: u64,
    /// Uses that were too fresh to judge.
    pub pending: u64,
    /// The last run with a use that nothing explains, and how many it found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alarm: Option<Alarm>,
}

/// A reconciliation that found uses which nothing explains.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// When.
    pub at: Time,
    /// How many.
    pub unexplained: u64,
}

impl LastReconciled {
    /// With one more entry, which may be of the same run.
    fn and(before: Option<Self>, at: Time, found: &Reconciliation) -> Self {
        let same = before.filter(|last| last.at == at);
        let unexplained = same.map_or(0, |last| last.unexplained).saturating_add(found.unexplained);
        let pending = same.map_or(0, |last| last.pending).saturating_add(found.pending);
        let alarm = (unexplained > 0).then_some(Alarm { at, unexplained });
        Self { at, unexplained, pending, alarm: alarm.or(before.and_then(|last| last.alarm)) }
    }
}

/// A request that was answered.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Spent {
    /// End of its window: it cannot be opened then, whoever signed it.
    pub expires: Time,
    /// Size of the log that its operator saw: [`RECENT`] entries later it is too
    /// old.
    pub seen: u64,
}

/// A seal that was begun.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Begun {
    /// Its dealing.
    pub origin: Hash,
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
}

/// What is kept of a version's sealing: all but what its account says, and its
/// credential id, under which it is found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Held {
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// Which version, from 1; never repeats.
    pub version: u64,
    /// Who can open it.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// Gate epoch of the second ingredient.
    pub gate_epoch: u64,
    /// Hash of the sealed payload.
    pub payload: Hash,
    /// Id of the dealing that holds its shares now.
    pub dealing: Hash,
    /// Id of its first dealing.
    pub origin: Hash,
    /// Where the password came from.
    pub made: Made,
    /// To whom it was shown.
    pub shown: Shown,
}

/// A sealed version and what became of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Version {
    /// As it was sealed.
    pub sealing: Box<Held>,
    /// When.
    pub sealed: Time,
    /// When the gate's ingredient was first given out for it.
    pub exposed: Option<Time>,
    /// When the gate itself first opened it, to answer with what it makes of it:
    /// since then a hostile host knows what is sealed, though nobody was given it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_to_host: Option<Time>,
    /// Custodians whose share of it was accepted in a ceremony that ended without a
    /// release of it.
    pub loose_shares: BTreeSet<Pseudonym>,
}

impl Version {
    /// As it is when it has just been sealed: nobody was given it.
    fn new(held: Held, sealed: Time) -> Self {
        let (exposed, exposed_to_host, loose_shares) = (None, None, BTreeSet::new());
        Self { sealing: Box::new(held), sealed, exposed, exposed_to_host, loose_shares }
    }
}

/// How a ceremony stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Open for contributions.
    Open,
    /// Closed, aborted or expired.
    Ended(crate::event::Ending),
}

/// A ceremony.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Ceremony {
    /// When it opened.
    pub opened: Time,
    /// Log size that its operator saw when asking.
    pub seen: u64,
    /// Log size just after its opening: what every custodian must have checked.
    pub opened_size: u64,
    /// The log's root at that size, once the list of targets is complete. It stays
    /// here however much is written while the ceremony is open.
    pub opened_root: Option<Bytes<32>>,
    /// Until when.
    pub expires: Time,
    /// Who asked.
    pub operator: Pseudonym,
    /// Why in kind.
    #[serde(skip_serializing_if = "is_to_open")]
    pub purpose: Purpose,
    /// Room or files.
    pub mode: Mode,
    /// HPKE key of the requester; nothing but zeros where nobody gets anything.
    pub requester_key: Bytes<32>,
    /// HPKE key of the gate.
    pub gate_key: Bytes<32>,
    /// Reason.
    pub reason: TextHash,
    /// Ticket.
    pub ticket: Option<TextHash>,
    /// Hash of the request's list of targets.
    pub targets_hash: Hash,
    /// How many targets the request has.
    pub count: u64,
    /// Credential ids, in order.
    pub targets: Vec<Hash>,
    /// Accepted contributions: custodian and the targets it covers.
    pub accepted: BTreeMap<Pseudonym, Vec<u64>>,
    /// What accepted custodians signed, so that a repetition is known while the
    /// ceremony is open.
    pub accepted_messages: AcceptedMessages,
    /// Custodians whose share is bad by the operator's word, by target.
    pub rejected: BTreeSet<(u64, Pseudonym)>,
    /// Custodians whose card was suspended or revoked since they were accepted: what
    /// they gave counts for no release after that.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub barred: BTreeSet<Pseudonym>,
    /// Messages that were refused, so that a repetition changes nothing while the
    /// ceremony is open.
    pub refused: BTreeMap<Hash, Refusal>,
    /// Targets that were released.
    pub released: BTreeSet<u64>,
    /// Targets that were revealed.
    pub revealed: BTreeSet<u64>,
    /// Codes that the gate gave.
    #[serde(skip_serializing_if = "no_codes")]
    pub codes: u64,
    /// Of a resharing: who hands what to whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reshare: Option<reshare::Reshare>,
    /// Groups that took the operator's admission back while it was open: it
    /// stays stopped for them, whatever they admit later.
    pub stopped: BTreeSet<GroupId>,
    /// How it stands.
    pub standing: Standing,
}

// What older logs cannot have is left out of the stored state where it is
// absent, so that what they add up to is written as it was.
fn is_to_open(purpose: &Purpose) -> bool {
    *purpose == Purpose::Open
}

fn no_codes(codes: &u64) -> bool {
    *codes == 0
}

/// Which group would hold a new version, or why none would.
#[derive(Clone, PartialEq, Debug)]
pub enum Effective<'a> {
    /// This binding applies.
    Bound(&'a Binding, &'a GroupStatement),
    /// Nobody has agreed to hold it.
    Unbound,
}

impl Organisation {
    /// Root of the log's tree over the first entries; `None` if there are fewer, or
    /// more than [`RECENT`] have come since.
    pub fn root_at(&self, size: u64) -> Option<Bytes<32>> {
        self.roots.at(size)
    }

    /// `g` of a group in its present epoch.
    pub fn g(&self, group: &GroupStatement) -> Hash {
        Roll::g(self, group)
    }

    /// A group by the name in its address.
    pub fn group_by_slug(&self, slug: &Slug) -> Option<&GroupStatement> {
        self.groups.values().find(|g| g.slug == *slug)
    }

    /// A project by the name in its address.
    pub fn project_by_slug(&self, slug: &Slug) -> Option<(&ProjectId, &Project)> {
        self.projects.get_key_value(self.index.projects.get(slug)?)
    }

    /// An account by the names in its address.
    pub fn account_by_slugs(&self, project: &Slug, account: &Slug) -> Option<(&AccountId, &Account)> {
        let (id, _) = self.project_by_slug(project)?;
        self.account_in(id, account)
    }

    /// An account of a project by its name.
    pub fn account_in(&self, project: &ProjectId, account: &Slug) -> Option<(&AccountId, &Account)> {
        let found = self.accounts.get_key_value(self.index.accounts.get(&index::name_of(project, account))?);
        found.map(|(id, found)| (id, &**found)).filter(|(_, found)| found.slug == *account)
    }

    /// An account by its provider's identifier.
    pub fn account_by_external(&self, provider: &Provider, id: &str) -> Option<(&AccountId, &Account)> {
        let found =
            self.accounts.get_key_value(self.index.external.get(&index::identifier_of(provider, id))?);
        let found = found.map(|(key, found)| (key, &**found));
        found.filter(|(_, found)| found.provider == *provider && found.external_id == id)
    }

    /// `org/group`.
    pub fn group_address(&self, group: &GroupStatement) -> String {
        format!("{}/{}", self.slug, group.slug)
    }

    /// `org/project`.
    pub fn project_address(&self, project: &Project) -> String {
        format!("{}/{}", self.slug, project.slug)
    }

    /// `org/project/account`; of a person `org/@pseudonym`.
    pub fn address(&self, account: &AccountId) -> String {
        if let Some(who) = self.person(account) {
            return self.person_address(who);
        }
        let found = self.accounts.get(account);
        let project = found.and_then(|a| self.projects.get(&a.project));
        match (found, project) {
            (Some(account), Some(project)) => format!("{}/{}/{}", self.slug, project.slug, account.slug),
            _ => format!("{}/?/{}", self.slug, account.0.short()),
        }
    }

    /// The binding that applies to an account: the narrowest scope wins.
    pub fn binding_of(&self, account: &AccountId, factor: Factor) -> Effective<'_> {
        let project = self.accounts.get(account).map(|a| Scope::Project(a.project));
        let scopes = [Some(Scope::Account(*account)), project, Some(Scope::Organisation)];
        self.narrowest(scopes.into_iter().flatten(), factor)
    }

    /// The binding that would apply to a new account of a project.
    pub fn binding_in(&self, project: &ProjectId, factor: Factor) -> Effective<'_> {
        self.narrowest([Scope::Project(*project), Scope::Organisation].into_iter(), factor)
    }

    /// The binding that was made for just this scope.
    pub fn binding_at(&self, scope: Scope, factor: Factor) -> Effective<'_> {
        self.narrowest([scope].into_iter(), factor)
    }

    /// The binding of the first of these scopes that has one.
    fn narrowest(&self, mut scopes: impl Iterator<Item = Scope>, factor: Factor) -> Effective<'_> {
        let bound = scopes.find_map(|scope| {
            let serial = self.index.bindings.get(&(scope, factor))?;
            let place = self.bindings.binary_search_by_key(serial, |binding| binding.serial).ok()?;
            self.bindings.get(place)
        });
        match bound.and_then(|b| Some((b, self.groups.get(&b.group)?))) {
            Some((binding, group)) => Effective::Bound(binding, group),
            None => Effective::Unbound,
        }
    }

    /// Versions of an account, oldest first. Found by their ids, which follow from
    /// account, factor and number: no other version is looked at.
    pub fn versions_of(&self, account: &AccountId, factor: Factor) -> Vec<(&Hash, &Version)> {
        let begun = 1..self.next_version(account, factor);
        begun
            .filter_map(|version| self.versions.get_key_value(&self.credential(account, factor, version)))
            .collect()
    }

    /// `cred` of a version of an account.
    fn credential(&self, account: &AccountId, factor: Factor, version: u64) -> Hash {
        pvss::credential_id(&self.vault, &self.id, account, factor, version)
    }

    /// What a credential id stands for: whose version it is, sealed or only begun.
    pub fn begun(&self, credential: &Hash) -> Option<Begun> {
        let as_sealed = |version: &Version| {
            let Held { origin, account, factor, version, .. } = *version.sealing;
            Begun { origin, account, factor, version }
        };
        self.versions.get(credential).map(as_sealed).or_else(|| self.begun.get(credential).copied())
    }

    /// A version as its entry has it: an account's name and identifier are what
    /// they were at the sealing, for nothing changes them.
    pub fn sealing(&self, credential: &Hash) -> Option<Sealing> {
        let Held {
            account,
            factor,
            version,
            group,
            epoch,
            gate_epoch,
            payload,
            dealing,
            origin,
            made,
            shown,
        } = *self.versions.get(credential)?.sealing;
        let known = self.accounts.get(&account)?;
        let (address, provider) = (self.address(&account), known.provider.clone());
        let (credential, external_id) = (*credential, known.external_id.clone());
        Some(Sealing {
            credential,
            account,
            factor,
            version,
            group,
            epoch,
            gate_epoch,
            payload,
            dealing,
            origin,
            address,
            provider,
            external_id,
            made,
            shown,
        })
    }

    /// The number of the next version: never one that was begun before.
    pub fn next_version(&self, account: &AccountId, factor: Factor) -> u64 {
        self.index.versions.get(&(*account, factor)).map_or(1, |numbers| numbers.begun + 1)
    }

    /// The admission under which an operator may ask a group now.
    pub fn admission_of(
        &self,
        operator: &Pseudonym,
        group: &GroupStatement,
        now: Time,
    ) -> Option<&Admission> {
        self.admissions.values().find(|a| {
            a.operator == *operator && a.group == group.group && a.epoch == group.epoch && a.expires > now
        })
    }

    /// How often a group's custodians took back what an operator was admitted to.
    pub fn revocations_of(&self, group: &GroupId, operator: &Pseudonym) -> u64 {
        self.revocations.get(group).and_then(|counts| counts.get(operator)).copied().unwrap_or(0)
    }

    /// The ceremony that is open for a version, if there is one.
    pub fn open_ceremony_for(&self, credential: &Hash) -> Option<(&Hash, &Ceremony)> {
        self.ceremonies.iter().find(|(_, c)| c.targets.contains(credential))
    }

    /// Distinct custodians who contributed to a version in ceremonies that ended
    /// without a release. A share of a dealing is the same every time, so who
    /// gave it twice gave one.
    pub fn weakened(&self, credential: &Hash) -> usize {
        self.versions.get(credential).map_or(0, |version| version.loose_shares.len())
    }

    /// Until when a custodian is locked out, if it is.
    pub fn locked_until(&self, custodian: &Pseudonym, now: Time) -> Option<Time> {
        locked_out(self.wrong_codes.get(custodian)?, now)
    }

    /// The policy that a release of what a group holds must satisfy, if there is one.
    pub fn policy_of(&self, group: &GroupId) -> Option<Policy> {
        let set = self.witness_policies.get(group)?;
        Some(Policy::parse(set.policy.as_bytes()).expect("a policy is parsed before it is entered"))
    }

    /// Keys of the witnesses that any group's policy names.
    pub fn witness_keys(&self) -> Vec<VerifierKey> {
        let policies = self.witness_policies.keys().filter_map(|group| self.policy_of(group));
        policies.flat_map(|policy| policy.keys().cloned().collect::<Vec<_>>()).collect()
    }

    /// A custodian's cosignature of this log's checkpoint with a size and root,
    /// made at a time: verified, or nothing.
    pub fn cosignature(
        &self,
        who: &Pseudonym,
        (size, root): (u64, &Bytes<32>),
        at: Time,
        cosignature: &Bytes<72>,
    ) -> Option<Cosignature> {
        let key = self.people.get(who)?.cosigner(&self.origin).ok()?;
        let checkpoint = Checkpoint { origin: self.origin.to_string(), size, root: *root };
        let verified = Cosignature::from_bytes(&key, &checkpoint.text().ok()?, cosignature).ok()?;
        (verified.seconds() == at.unix_seconds()).then_some(verified)
    }

    /// The key that signs this log's checkpoints.
    pub fn log_key(&self) -> Result<VerifierKey, NoteError> {
        gate::log_key(&self.origin, self.gate())
    }

    /// The gate's present epoch.
    pub fn gate(&self) -> &GateEpoch {
        self.gates.last().expect("an organisation begins with a gate epoch")
    }

    /// The gate's epoch of that number.
    pub fn gate_epoch(&self, epoch: u64) -> Option<&GateEpoch> {
        self.gates.iter().find(|g| g.epoch == epoch)
    }
}

/// Until when wrong codes of these times lock their custodian out, if they do.
pub fn locked_out(wrong: &[Time], now: Time) -> Option<Time> {
    let last = *wrong.last()?;
    let recent = wrong.iter().filter(|at| last - **at <= LOCKOUT).count();
    let until = last + LOCKOUT;
    (recent >= ATTEMPTS && now < until).then_some(until)
}

impl Ceremony {
    /// Whether the admission under which it was opened still stands: one that
    /// was taken back since stops the ceremony for good.
    pub fn still_admitted(&self, group: &GroupStatement) -> bool {
        !self.stopped.contains(&group.group)
    }

    /// Versions that were not released, with the custodians whose share of them was
    /// accepted.
    fn given_for_nothing(&self) -> impl Iterator<Item = (&Hash, &Pseudonym)> {
        let unreleased = (0u64..).zip(&self.targets).filter(|(index, _)| !self.released.contains(index));
        unreleased.flat_map(|(index, credential)| {
            let gave = self.accepted.iter().filter(move |(_, covered)| covered.contains(&index));
            gave.map(move |(who, _)| (credential, who))
        })
    }
}

impl Version {
    /// Since when somebody could know what is sealed: who asked for it, or of a seed
    /// the host.
    pub fn known_since(&self) -> Option<Time> {
        [self.exposed, self.exposed_to_host].into_iter().flatten().min()
    }
}

impl Held {
    /// It as a target of a request.
    pub fn target(&self, credential: &Hash) -> Target {
        Target {
            credential: *credential,
            account: self.account,
            factor: self.factor,
            version: self.version,
            payload: self.payload,
            dealing: self.dealing,
            group: self.group,
            epoch: self.epoch,
        }
    }
}

impl From<&Sealing> for Held {
    fn from(sealing: &Sealing) -> Self {
        Self {
            account: sealing.account,
            factor: sealing.factor,
            version: sealing.version,
            group: sealing.group,
            epoch: sealing.epoch,
            gate_epoch: sealing.gate_epoch,
            payload: sealing.payload,
            dealing: sealing.dealing,
            origin: sealing.origin,
            made: sealing.made,
            shown: sealing.shown,
        }
    }
}

impl GroupStatement {
    /// Threshold and size, as checked when the statement was applied.
    pub fn shape(&self) -> Option<Threshold> {
        Threshold::new(usize::try_from(self.threshold).ok()?, self.members.len()).ok()
    }

    /// How many members must agree. On a machine whose `usize` cannot hold the
    /// threshold no number of members is enough, so that nothing is let through.
    pub fn needed(&self) -> usize {
        usize::try_from(self.threshold).unwrap_or(usize::MAX)
    }

    /// Share index of a member, in `1..=n`.
    pub fn index_of(&self, custodian: &Pseudonym) -> Option<u8> {
        let position = self.members.iter().position(|m| m.pseudonym == *custodian)?;
        u8::try_from(position + 1).ok()
    }

    /// The members' share keys, in order.
    pub fn share_keys(&self) -> Vec<Bytes<32>> {
        self.members.iter().map(|m| m.share_key).collect()
    }
}
