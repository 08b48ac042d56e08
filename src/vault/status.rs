//! A first look: what there is, and what needs somebody's attention.

use super::baseline::BaselineStatus;
use super::file::left_beside;
use super::gate_file::{self, GateFileError};
use super::hierarchy::no_organisation;
use super::recovery::REQUEST_KEY;
use super::recovery::RecoveryStatus;
use super::{GATE_FILE, Log, PublicVault, VaultError};
use crate::event::{AccountStanding, GroupStatement, Hash, Made};
use crate::name::{AccountId, Factor, Pseudonym, Slug};
use crate::seal::card::Role;
use crate::state::rotation::Place;
use crate::state::{Account, Barred, Effective, Organisation};
use crate::time::Time;
use serde::Serialize;

/// The whole vault.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Where it lies.
    pub vault: String,
    /// Base of its logs' origins.
    pub origin: String,
    /// What concerns the vault as a whole.
    pub warnings: Vec<String>,
    /// Who can bring the gate's root back, if anybody can.
    pub recovery: Option<RecoveryStatus>,
    /// Organisations.
    pub organisations: Vec<OrganisationStatus>,
}

/// One organisation.
#[derive(Debug, Serialize)]
pub struct OrganisationStatus {
    /// Its name in addresses.
    pub organisation: String,
    /// Entries in its log.
    pub entries: u64,
    /// How many projects.
    pub projects: usize,
    /// Accounts with their state.
    pub accounts: Vec<AccountStatus>,
    /// Groups.
    pub groups: Vec<GroupStatus>,
    /// Cards by role.
    pub custodians: usize,
    /// Operators.
    pub operators: usize,
    /// Officers.
    pub officers: usize,
    /// Custodians who are locked out after wrong codes.
    pub locked: Vec<LockedOut>,
    /// Open ceremonies.
    pub ceremonies: Vec<CeremonyStatus>,
    /// Accounts that are not at baseline.
    pub not_at_baseline: BaselineStatus,
    /// What the host's administration did with nobody's signature but its own.
    pub host_alone: Vec<String>,
}

/// How the current version of an account stands; the most urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// The gate's ingredient was given out for it.
    Exposed,
    /// Shares were given in ceremonies that ended without a release.
    Weakened,
    /// It is sealed, and nobody came near it.
    Sealed,
    /// There is none yet; a group would hold it.
    Unsealed,
    /// There is none yet, and no group would hold it.
    Unbound,
    /// There is none, and need be none: the root user has no credentials.
    CredentialLess,
    /// There is none, and the account is closed.
    Closed,
}

impl AccountState {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 7] = [
        Self::Exposed,
        Self::Weakened,
        Self::Sealed,
        Self::Unsealed,
        Self::Unbound,
        Self::CredentialLess,
        Self::Closed,
    ];

    /// As it is written in JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exposed => "exposed",
            Self::Weakened => "weakened",
            Self::Sealed => "sealed",
            Self::Unsealed => "unsealed",
            Self::Unbound => "unbound",
            Self::CredentialLess => "credential-less",
            Self::Closed => "closed",
        }
    }
}

/// How an account stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountStatus {
    /// `org/project/account`.
    pub address: String,
    /// Display name, unless erased.
    pub name: Option<String>,
    /// Whose root user it has.
    pub provider: String,
    /// The provider's identifier.
    pub external_id: String,
    /// Group that new versions go to.
    pub group: Option<String>,
    /// Current version.
    pub version: Option<u64>,
    /// How its current version stands.
    pub state: AccountState,
    /// Custodians whose share of the current version was given and no release came
    /// of it.
    pub weakened: usize,
    /// When the current version was exposed.
    pub exposed: Option<Time>,
    /// By when it is to be renewed, if there is a time.
    pub rotate_by: Option<Time>,
    /// Whether that is over.
    pub overdue: bool,
    /// Version that waits in a rotation which is not settled.
    pub pending: Option<u64>,
    /// Operator who saw the current version when it was installed in a rotation.
    pub handled_by: Option<String>,
    /// Other versions that were exposed and can still be opened.
    pub older_exposed: Vec<u64>,
    /// Whether there is a root user to sign in as.
    pub standing: AccountStanding,
}

/// How one factor of an account stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactorStatus {
    /// Which.
    pub factor: Factor,
    /// Group that new versions go to.
    pub group: Option<String>,
    /// Newest version.
    pub version: Option<u64>,
    /// How its newest version stands; the host's own knowledge is told apart.
    pub state: AccountState,
    /// Since when the host could know the newest version: codes were made of it.
    pub exposed_to_host: Option<Time>,
    /// Operator to whom a rotation showed it.
    pub handled_by: Option<String>,
}

/// How a group stands.
#[derive(Debug, Serialize)]
pub struct GroupStatus {
    /// `org/group`.
    pub group: String,
    /// How many shares open.
    pub threshold: u64,
    /// Members.
    pub members: Vec<String>,
    /// Versions that it holds.
    pub holds: usize,
    /// Operators admitted now.
    pub operators: Vec<String>,
    /// Members whose card is suspended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspended: Vec<String>,
    /// Members whose card is revoked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<String>,
    /// Members above the threshold whose card is neither: how many more may be lost.
    /// Below zero nothing can be opened.
    pub margin: i64,
}

/// A custodian who is locked out.
#[derive(Debug, Serialize)]
pub struct LockedOut {
    /// Who.
    pub custodian: String,
    /// Until when.
    pub until: Time,
}

/// An open ceremony.
#[derive(Debug, Serialize)]
pub struct CeremonyStatus {
    /// Its hash.
    pub ceremony: String,
    /// Who asked.
    pub operator: String,
    /// What for.
    pub targets: Vec<String>,
    /// Custodians accepted.
    pub accepted: usize,
    /// End of its window.
    pub expires: Time,
}

impl PublicVault {
    /// A look at everything, or at one organisation.
    pub fn status(&self, only: Option<&Slug>, now: Time) -> Result<Status, VaultError> {
        let mut warnings = if only.is_some() { Vec::new() } else { self.gate_warnings() };
        let mut last = self.state().last;
        let slugs = self.state().organisations.values().filter(|slug| only.is_none_or(|o| o == *slug));
        let mut organisations = Vec::new();
        for slug in slugs {
            let log = self.log(slug)?;
            last = last.max(log.state.last);
            // By a clock that is behind, nothing would have run out yet.
            organisations.push(self.organisation_status(&log, now.max(log.state.last)));
        }
        if now < last {
            let (now, last) = (now.to_minute(), last.to_minute());
            warnings.insert(
                0,
                format!(
                    "this machine's clock says {now}, but the last entry is of {last}: nothing can be entered before one of them is put right"
                ),
            );
        }
        if let (Some(slug), true) = (only, organisations.is_empty()) {
            return Err(no_organisation(slug));
        }
        organisations.sort_by(|a, b| a.organisation.cmp(&b.organisation));
        let (vault, origin) = (self.dir().display().to_string(), self.state().origin.to_string());
        let recovery = RecoveryStatus::of(self.state());
        Ok(Status { vault, origin, warnings, recovery, organisations })
    }

    /// What is wrong with the gate's file, whose root is not read for this.
    fn gate_warnings(&self) -> Vec<String> {
        let file = match gate_file::is_protected(&self.dir().join(GATE_FILE)) {
            Ok(true) => None,
            Ok(false) => Some(
                "gate.key has no passphrase: whoever copies this host's disk has the host's ingredient"
                    .to_owned(),
            ),
            Err(GateFileError::Missing(_)) => Some(
                "gate.key is not here: without it nothing can be sealed or opened on this host".to_owned(),
            ),
            Err(why) => Some(format!("{why}: nothing can be sealed or opened on this host")),
        };
        let lost = match RecoveryStatus::of(self.state()) {
            None => Some(
                "no recovery group: if this host's gate.key is lost, nothing that is sealed can ever be opened; keep a copy of it apart from the vault",
            ),
            Some(group) if !group.dealt => Some(
                "the gate's present root was not dealt to the recovery group: if gate.key is lost, nothing that is sealed can ever be opened",
            ),
            Some(_) => None,
        };
        let left = [GATE_FILE, REQUEST_KEY].into_iter().flat_map(|name| left_beside(&self.dir().join(name)));
        let left = left.map(|path| {
            format!("{} was left by a command that was killed and may hold a key: remove it", path.display())
        });
        [lost.map(str::to_owned), file].into_iter().flatten().chain(left).collect()
    }

    fn organisation_status(&self, log: &Log, now: Time) -> OrganisationStatus {
        let state = &log.state;
        let mut accounts: Vec<_> =
            state.accounts.iter().map(|(id, a)| self.account_status(state, (id, a), now)).collect();
        accounts.sort_by(|a, b| (!a.overdue, &a.address).cmp(&(!b.overdue, &b.address)));
        let mut groups: Vec<_> = state.groups.values().map(|g| group_status(state, g, now)).collect();
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        let count = |role| state.people.values().filter(|p| p.role == role).count();
        OrganisationStatus {
            organisation: state.slug.to_string(),
            entries: state.size,
            projects: state.projects.len(),
            accounts,
            groups,
            custodians: count(Role::Custodian),
            operators: count(Role::Operator),
            officers: count(Role::Officer),
            locked: locked(state, now),
            ceremonies: ceremonies(state, now),
            not_at_baseline: self.baseline_status(log),
            host_alone: host_alone(state),
        }
    }

    /// How one factor of an account stands; nothing where nobody has sealed it or
    /// agreed to hold it.
    pub fn factor_status(
        &self,
        state: &Organisation,
        id: &AccountId,
        factor: Factor,
    ) -> Option<FactorStatus> {
        let newest = state.current_of(id, factor);
        let group = match state.binding_of(id, factor) {
            Effective::Bound(_, group) => Some(state.group_address(group)),
            Effective::Unbound => None,
        };
        let standing = match newest {
            Some((_, version)) if version.exposed.is_some() => AccountState::Exposed,
            Some((credential, _)) if state.weakened(credential) > 0 => AccountState::Weakened,
            Some(_) => AccountState::Sealed,
            None if group.is_some() => AccountState::Unsealed,
            None => return None,
        };
        let version = newest.map(|(_, version)| version.sealing.version);
        let exposed_to_host = newest.and_then(|(_, version)| version.exposed_to_host);
        let handled = newest.and_then(|(credential, _)| state.rotations.handled.get(credential));
        let handled_by = handled.map(ToString::to_string);
        Some(FactorStatus { factor, group, version, state: standing, exposed_to_host, handled_by })
    }

    /// How one account stands. Long, because each field is found out once, here.
    pub fn account_status(
        &self,
        state: &Organisation,
        (id, account): (&AccountId, &Account),
        now: Time,
    ) -> AccountStatus {
        let factor = Factor::Password;
        let versions = state.versions_of(id, factor);
        let newest = state.current_of(id, factor);
        let weakened = newest.map_or(0, |(credential, _)| state.weakened(credential));
        let exposed = newest.and_then(|(_, v)| v.exposed);
        // Where nobody can sign in nothing is renewed.
        let renewed = newest.filter(|_| account.standing.in_use());
        let rotate_by = renewed.and_then(|(_, version)| state.rotation_rules(id).due(version));
        let running = state.rotations.running_for(id, factor);
        let handled = newest.and_then(|(credential, _)| state.rotations.handled.get(credential));
        let group = match state.binding_of(id, factor) {
            Effective::Bound(_, group) => Some(state.group_address(group)),
            Effective::Unbound => None,
        };
        let standing = match (&newest, &group) {
            (Some(_), _) if exposed.is_some() => AccountState::Exposed,
            (Some(_), _) if weakened > 0 => AccountState::Weakened,
            (Some(_), _) => AccountState::Sealed,
            (None, _) if account.standing == AccountStanding::CredentialLess => AccountState::CredentialLess,
            (None, _) if account.standing == AccountStanding::Closed => AccountState::Closed,
            (None, None) => AccountState::Unbound,
            (None, Some(_)) => AccountState::Unsealed,
        };
        let left = |credential: &Hash| state.place_of(credential) != Some(Place::Destroyed);
        let other = |credential: &Hash| newest.is_none_or(|(current, _)| current != credential);
        let older = versions.iter().rev().filter(|(c, v)| v.exposed.is_some() && other(c) && left(c));
        AccountStatus {
            address: state.address(id),
            name: account.name.and_then(|hash| self.text(&state.id, &hash)),
            provider: account.provider.to_string(),
            external_id: account.external_id.clone(),
            group,
            version: newest.map(|(_, v)| v.sealing.version),
            state: standing,
            weakened,
            exposed,
            rotate_by,
            overdue: rotate_by.is_some_and(|by| by < now),
            pending: running.and_then(|(new, _)| state.begun(new)).map(|begun| begun.version),
            handled_by: handled.map(ToString::to_string),
            older_exposed: older.map(|(_, v)| v.sealing.version).collect(),
            standing: account.standing,
        }
    }
}

/// How one group stands.
pub fn group_status(state: &Organisation, group: &GroupStatement, now: Time) -> GroupStatus {
    let admitted = state.admissions.values().filter(|a| a.group == group.group && a.expires > now);
    let mut operators: Vec<_> = admitted.map(|a| a.operator.to_string()).collect();
    operators.sort();
    operators.dedup();
    let barred = |how| {
        let members = group.members.iter().map(|m| &m.pseudonym);
        members.filter(|who| state.cards.barred(who) == Some(how)).map(ToString::to_string).collect()
    };
    GroupStatus {
        group: state.group_address(group),
        threshold: group.threshold,
        members: group.members.iter().map(|m| m.pseudonym.to_string()).collect(),
        holds: holds(state, group),
        operators,
        suspended: barred(Barred::Suspended),
        revoked: barred(Barred::Revoked),
        margin: super::cards::margin(state.usable(group), group),
    }
}

/// Versions of a group that can still be opened.
pub(super) fn holds(state: &Organisation, group: &GroupStatement) -> usize {
    let gone = &state.rotations.destroyed;
    let held = state.versions.iter().filter(|(credential, _)| !gone.contains_key(*credential));
    held.filter(|(_, v)| v.sealing.group == group.group).count()
}

fn locked(state: &Organisation, now: Time) -> Vec<LockedOut> {
    let until = |who: &Pseudonym| state.locked_until(who, now).map(|until| (who.to_string(), until));
    state.people.keys().filter_map(until).map(|(custodian, until)| LockedOut { custodian, until }).collect()
}

fn ceremonies(state: &Organisation, now: Time) -> Vec<CeremonyStatus> {
    let open = state.ceremonies.iter().filter(|(_, c)| c.expires >= now);
    open.map(|(hash, c)| CeremonyStatus {
        ceremony: hash.to_string(),
        operator: c.operator.to_string(),
        targets: c
            .targets
            .iter()
            .filter_map(|credential| state.versions.get(credential))
            .map(|v| {
                let (address, sealing) = (state.address(&v.sealing.account), &v.sealing);
                match sealing.factor {
                    Factor::Password => format!("{address} (version {})", sealing.version),
                    factor => format!("{address} ({factor} version {})", sealing.version),
                }
            })
            .collect(),
        accepted: c.accepted.len(),
        expires: c.expires,
    })
    .collect()
}

/// Facts that rest on the host's word alone.
fn host_alone(state: &Organisation) -> Vec<String> {
    let in_groups = |who: &Pseudonym| state.groups.values().any(|g| g.index_of(who).is_some());
    let admitted = |who: &Pseudonym| state.admissions.values().any(|a| a.operator == *who);
    let count = |role, vouched: &dyn Fn(&Pseudonym) -> bool| {
        state.people.values().filter(|p| p.role == role && !vouched(&p.pseudonym)).count()
    };
    let made = |how: &[Made]| state.versions.values().filter(|v| how.contains(&v.sealing.made)).count();
    let standing = |wanted| state.accounts.values().filter(|a| a.standing == wanted).count();
    let facts = [
        (count(Role::Custodian, &in_groups), "enrolled as custodian, in no group yet"),
        (count(Role::Operator, &admitted), "enrolled as operator, admitted by no group yet"),
        (
            state.accounts.len(),
            "added as account: name and external id are the host's word until a custodian reads them",
        ),
        (
            state.rotations.policies.values().filter(|set| set.agreed.is_empty()).count(),
            "set as rotation policy before anything was sealed in its scope",
        ),
        (
            standing(AccountStanding::CredentialLess),
            "said to be credential-less: nobody here can see whether root can be signed in as",
        ),
        (standing(AccountStanding::Closed), "said to be closed or suspended at the provider"),
        (
            made(&[Made::Typed, Made::Imported]),
            "sealed as typed or given on this host: whoever administers it could read along",
        ),
        (
            state.versions.values().filter(|v| v.exposed_to_host.is_some()).count(),
            "used for codes: whoever administers this host could have kept the MFA seed",
        ),
        (
            made(&[Made::Generated]),
            "generated and sealed on this host: whoever administers it could read along",
        ),
    ];
    facts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect()
}
