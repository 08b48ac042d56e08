//! What the rows of the overview say, each made of a state alone. Which rows an
//! event changes is not decided here, nor what is shown of them. Long, because every
//! row's shape stands beside what makes it, and they are read together.

use crate::event::{AccountStanding, Hash, Made, RotationPolicy, Scope, Shown, TextHash};
use crate::hex::Bytes;
use crate::name::{AccountId, Factor, GroupId, ProjectId, Provider, Pseudonym, Slug};
use crate::seal::card::Role;
use crate::seal::generate::Alphabet;
use crate::state::baseline::ByEntries;
use crate::state::rotation::{Place, RotationRules, exposed_hours};
use crate::state::{Barred, Ceremony, Effective, LastReconciled, Organisation, Vetoed};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of which log the rows are, and what there is one of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Entries of the log.
    pub size: u64,
    /// Root of its tree.
    pub root: Bytes<32>,
    /// Time of its last entry.
    pub last: Time,
    /// The organisation's name in addresses.
    pub slug: Slug,
    /// Projects.
    pub projects: u64,
    /// Group that holds passwords where no narrower scope is bound.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<Slug>,
    /// Rules for the whole organisation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub rules: BTreeMap<Factor, Rules>,
    /// When it was reconciled last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reconciled: Option<LastReconciled>,
    /// Entries with which later epochs of the gate began: whose keys sign.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gates: Vec<u64>,
}

/// What a scope's own rotation policy for a factor says of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Days; 0 for never.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub every_days: Option<u64>,
    /// Hours after a release.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exposed_hours: Option<u64>,
    /// Whether no group has agreed to it.
    #[serde(skip_serializing_if = "is_false", default)]
    pub host_alone: bool,
}

/// A project, and what its accounts add up to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectRow {
    /// Name in addresses.
    pub slug: Slug,
    /// Group that the project itself is bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<Slug>,
    /// Rules of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub rules: BTreeMap<Factor, Rules>,
    /// Its accounts, counted.
    pub tally: Tally,
}

/// An account, and how what is sealed of it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRow {
    /// Its project.
    pub project: ProjectId,
    /// Name in addresses.
    pub slug: Slug,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<TextHash>,
    /// Whose root user it has.
    pub provider: Provider,
    /// The provider's identifier.
    pub external_id: String,
    /// Whether there is a root user to sign in as.
    #[serde(skip_serializing_if = "AccountStanding::in_use", default)]
    pub standing: AccountStanding,
    /// Group that the account itself is bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<Slug>,
    /// Rules of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub rules: BTreeMap<Factor, Rules>,
    /// The current version of each factor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub current: BTreeMap<Factor, Current>,
    /// Other versions of its password that were exposed and can still be opened, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub older_exposed: Vec<u64>,
    /// What the entries alone say of its baseline.
    #[serde(skip_serializing_if = "ByEntries::lacks", default)]
    pub baseline: ByEntries,
}

/// A current version.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    /// Its number.
    pub version: u64,
    /// When it was sealed.
    pub sealed: Time,
    /// To whom it was shown then.
    pub shown: Shown,
    /// When it was released.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exposed: Option<Time>,
    /// Since when the host could know it: codes were made of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exposed_to_host: Option<Time>,
    /// Custodians whose share was given for nothing.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub weakened: usize,
    /// Version that waits to replace it, in a rotation which is not settled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<u64>,
    /// Operator to whom a rotation showed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handled_by: Option<Pseudonym>,
}

/// A group.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRow {
    /// Name in addresses.
    pub slug: Slug,
    /// How many shares open.
    pub threshold: u64,
    /// Members, in their order.
    pub members: Vec<Pseudonym>,
    /// Versions of accounts that it holds and that are not destroyed.
    pub holds: u64,
    /// Identities of people that it holds and that are not destroyed.
    #[serde(skip_serializing_if = "is_none_counted", default)]
    pub identities: u64,
    /// Since when its members have their share keys, each of which was proved then.
    pub keyed: Time,
    /// When members proved theirs in a drill since, the last time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub proved: BTreeMap<Pseudonym, Time>,
    /// For how many days a proof counts.
    pub every_days: u64,
    /// The last notice that it is abandoned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notice: Option<Notice>,
}

/// A notice that a group is abandoned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// When it was given.
    pub begun: Time,
    /// The veto that ended it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vetoed: Option<Vetoed>,
}

/// A card.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardRow {
    /// What for.
    pub role: Role,
    /// Whether it is a custodian in a group, or an operator whom one has admitted.
    pub vouched: bool,
    /// Why it counts for nothing, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub barred: Option<Barred>,
    /// Groups that admit it, and until when.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub admitted: BTreeMap<Slug, Time>,
    /// Times of wrong codes that count towards a lock-out.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub wrong: Vec<Time>,
}

/// An open ceremony.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CeremonyRow {
    /// Who asked.
    pub operator: Pseudonym,
    /// What for, in words.
    pub targets: Vec<String>,
    /// Custodians accepted.
    pub accepted: usize,
    /// End of its window.
    pub expires: Time,
}

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Accounts of a project and their versions, counted.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Tally {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_none_counted")] pub $name: u64),*
        }

        impl Tally {
            /// With other accounts.
            pub fn and(self, more: &Self) -> Self {
                Self { $($name: self.$name.saturating_add(more.$name)),* }
            }

            /// Without accounts that it counts; `None` if it does not count them.
            pub fn without(self, fewer: &Self) -> Option<Self> {
                Some(Self { $($name: self.$name.checked_sub(fewer.$name)?),* })
            }
        }
    };
}
tally!(
    /// All.
    accounts,
    /// With a current version of the password that was released.
    exposed,
    /// With one whose shares were given for nothing.
    weakened,
    /// With another one.
    sealed,
    /// In use, without a current version, and bound by a binding of their own.
    bound,
    /// In use, without a current version, and not so bound.
    open,
    /// Without a current version, and credential-less.
    credential_less,
    /// Without a current version, and closed.
    closed,
    /// Said to be credential-less.
    said_credential_less,
    /// Said to be closed.
    said_closed,
    /// Rules of their own to which no group has agreed.
    rules_alone,
    /// Versions, of all factors, that were typed or imported.
    given,
    /// Versions that were generated.
    generated,
    /// Versions that the gate has opened.
    exposed_to_host,
    /// Of whose baseline nothing is missing but what credential reports have to say.
    baseline_waits,
    /// Of whose baseline nothing is missing, without any report. The others lack
    /// something: so most rows are as short as they were before this was counted.
    baseline_shown,
);

/// How many of these no group has agreed to.
pub fn rules_alone(rules: &BTreeMap<Factor, Rules>) -> u64 {
    rules.values().filter(|rules| rules.host_alone).count() as u64
}

fn is_none_counted(count: &u64) -> bool {
    *count == 0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// What of an account is counted elsewhere.
#[derive(Clone, PartialEq, Debug)]
pub struct Counted {
    /// In its project's tally.
    pub project: ProjectId,
    /// What it adds to that.
    pub tally: Tally,
    /// How many versions groups hold of it.
    pub holds: BTreeMap<GroupId, u64>,
}

impl Head {
    /// Of a state.
    pub fn of(state: &Organisation) -> Self {
        Self {
            size: state.size,
            root: state.root_at(state.size).expect("a state has the root of its present size"),
            last: state.last,
            slug: state.slug.clone(),
            projects: state.projects.len() as u64,
            group: bound_at(state, Scope::Organisation),
            rules: Rules::at(state, Scope::Organisation),
            reconciled: state.last_reconciled,
            gates: state.gate_entries().to_vec(),
        }
    }
}

impl Rules {
    fn at(state: &Organisation, scope: Scope) -> BTreeMap<Factor, Self> {
        let rules = |RotationPolicy { every_days, exposed_hours, agreed, .. }: &RotationPolicy| Self {
            every_days: *every_days,
            exposed_hours: *exposed_hours,
            host_alone: agreed.is_empty(),
        };
        let set = |factor| Some((factor, rules(state.rotations.policies.get(&(scope, factor))?)));
        Factor::ALL.into_iter().filter_map(set).collect()
    }

    /// What holds for a factor where these scopes have rules, the narrowest first.
    /// Only what they say of time.
    pub fn all(factor: Factor, narrowest_first: &[&BTreeMap<Factor, Self>]) -> RotationRules {
        let set = || narrowest_first.iter().filter_map(|rules| rules.get(&factor));
        RotationRules {
            every_days: set().find_map(|rules| rules.every_days).filter(|days| *days > 0),
            exposed_hours: set().find_map(|rules| rules.exposed_hours).or(exposed_hours(factor)),
            length: None,
            alphabet: Alphabet::Full,
        }
    }
}

/// The group to which just this scope is bound for passwords.
fn bound_at(state: &Organisation, scope: Scope) -> Option<Slug> {
    match state.binding_at(scope, Factor::Password) {
        Effective::Bound(_, group) => Some(group.slug.clone()),
        Effective::Unbound => None,
    }
}

impl ProjectRow {
    /// Of a state; with this tally.
    pub fn of(state: &Organisation, id: &ProjectId, tally: Tally) -> Option<Self> {
        let scope = Scope::Project(*id);
        let slug = state.projects.get(id)?.slug.clone();
        Some(Self { slug, group: bound_at(state, scope), rules: Rules::at(state, scope), tally })
    }
}

impl AccountRow {
    /// Of a state.
    pub fn of(state: &Organisation, id: &AccountId) -> Option<Self> {
        let (found, factor) = (state.accounts.get(id)?, Factor::Password);
        let newest = state.current_of(id, factor);
        let current = |factor| Some((factor, Current::of(state, id, factor)?));
        let left = |credential: &Hash| state.place_of(credential) != Some(Place::Destroyed);
        let other = |credential: &Hash| newest.is_none_or(|(current, _)| current != credential);
        let versions = state.versions_of(id, factor);
        let older = versions.iter().rev().filter(|(c, v)| v.exposed.is_some() && other(c) && left(c));
        Some(Self {
            project: found.project,
            slug: found.slug.clone(),
            name: found.name,
            provider: found.provider.clone(),
            external_id: found.external_id.clone(),
            standing: found.standing,
            group: bound_at(state, Scope::Account(*id)),
            rules: Rules::at(state, Scope::Account(*id)),
            current: Factor::ALL.into_iter().filter_map(current).collect(),
            older_exposed: older.map(|(_, version)| version.sealing.version).collect(),
            baseline: state.baseline_by_entries(id).unwrap_or_default(),
        })
    }

    /// The current version of its password.
    pub fn password(&self) -> Option<&Current> {
        self.current.get(&Factor::Password)
    }

    /// When its password is to be renewed by these rules. Where nobody can
    /// sign in nothing is.
    pub fn due(&self, rules: &RotationRules) -> Option<Time> {
        let current = self.password().filter(|_| self.standing.in_use())?;
        rules.due_of(current.sealed, current.known_since())
    }

    /// Factors at which somebody should look, however old what is sealed is.
    pub fn urgent(&self) -> impl Iterator<Item = Factor> {
        Factor::ALL.into_iter().filter(|factor| {
            let older = *factor == Factor::Password && !self.older_exposed.is_empty();
            older || self.current.get(factor).is_some_and(Current::urgent)
        })
    }

    /// What is counted of it.
    pub fn counted(&self, state: &Organisation, id: &AccountId) -> Counted {
        let one = u64::from;
        let current = self.password();
        let exposed = current.is_some_and(|version| version.exposed.is_some());
        let weakened = !exposed && current.is_some_and(|version| version.weakened > 0);
        let (none, in_use) = (current.is_none(), self.standing.in_use());
        let said = |standing| self.standing == standing;
        let mut tally = Tally {
            accounts: 1,
            exposed: one(exposed),
            weakened: one(weakened),
            sealed: one(!none && !exposed && !weakened),
            bound: one(none && in_use && self.group.is_some()),
            open: one(none && in_use && self.group.is_none()),
            credential_less: one(none && said(AccountStanding::CredentialLess)),
            closed: one(none && said(AccountStanding::Closed)),
            said_credential_less: one(said(AccountStanding::CredentialLess)),
            said_closed: one(said(AccountStanding::Closed)),
            rules_alone: rules_alone(&self.rules),
            baseline_waits: one(self.baseline == ByEntries::Waits),
            baseline_shown: one(self.baseline == ByEntries::Shown),
            ..Tally::default()
        };
        let mut holds = BTreeMap::new();
        let versions = Factor::ALL.into_iter().flat_map(|factor| state.versions_of(id, factor));
        for (credential, version) in versions {
            match version.sealing.made {
                Made::Typed | Made::Imported => tally.given += 1,
                Made::Generated => tally.generated += 1,
            }
            tally.exposed_to_host += one(version.exposed_to_host.is_some());
            if !state.rotations.destroyed.contains_key(credential) {
                *holds.entry(version.sealing.group).or_default() += 1;
            }
        }
        Counted { project: self.project, tally, holds }
    }
}

impl Current {
    fn of(state: &Organisation, id: &AccountId, factor: Factor) -> Option<Self> {
        let (credential, version) = state.current_of(id, factor)?;
        let running = state.rotations.running_for(id, factor);
        Some(Self {
            version: version.sealing.version,
            sealed: version.sealed,
            shown: version.sealing.shown,
            exposed: version.exposed,
            exposed_to_host: version.exposed_to_host,
            weakened: version.loose_shares.len(),
            pending: running.and_then(|(new, _)| state.begun(new)).map(|begun| begun.version),
            handled_by: state.rotations.handled.get(credential).cloned(),
        })
    }

    /// Since when somebody could know what is sealed: who asked for it, or the host.
    pub fn known_since(&self) -> Option<Time> {
        [self.exposed, self.exposed_to_host].into_iter().flatten().min()
    }

    fn urgent(&self) -> bool {
        self.pending.is_some() || self.known_since().is_some() || self.weakened > 0
    }
}

impl GroupRow {
    /// Of a state; holding so many versions of accounts.
    pub fn of(state: &Organisation, id: &GroupId, holds: u64) -> Option<Self> {
        let group = state.groups.get(id)?;
        let notice = state.abandonments.get(id);
        let notice = notice.map(|found| Notice { begun: found.begun, vetoed: found.vetoed.clone() });
        let members: Vec<_> = group.members.iter().map(|member| member.pseudonym.clone()).collect();
        let keyed = state.drills.keyed.get(id).copied()?;
        let proved = |who: &Pseudonym| state.drills.proved(id, who).filter(|at| *at > keyed);
        Some(Self {
            slug: group.slug.clone(),
            threshold: group.threshold,
            proved: members.iter().filter_map(|who| Some((who.clone(), proved(who)?))).collect(),
            members,
            holds,
            identities: state.identities_of(id),
            notice,
            keyed,
            every_days: state.drills.every_days(id),
        })
    }

    /// All that it holds: what would be lost with it.
    pub fn held(&self) -> u64 {
        self.holds.saturating_add(self.identities)
    }

    /// When a member showed its share key last.
    pub fn shown(&self, who: &Pseudonym) -> Time {
        self.proved.get(who).copied().unwrap_or(self.keyed)
    }
}

impl CardRow {
    /// Of a state.
    pub fn of(state: &Organisation, who: &Pseudonym) -> Option<Self> {
        let role = state.people.get(who)?.role;
        let mut admitted: BTreeMap<Slug, Time> = BTreeMap::new();
        for admission in state.admissions.values().filter(|admission| admission.operator == *who) {
            let Some(group) = state.groups.get(&admission.group) else { continue };
            let until = admitted.entry(group.slug.clone()).or_insert(admission.expires);
            *until = (*until).max(admission.expires);
        }
        let vouched = match role {
            Role::Custodian => state.groups.values().any(|group| group.index_of(who).is_some()),
            _ => !admitted.is_empty(),
        };
        let wrong = state.wrong_codes.get(who).cloned().unwrap_or_default();
        Some(Self { role, vouched, barred: state.cards.barred(who), admitted, wrong })
    }
}

impl CeremonyRow {
    /// Of a state, while it is open.
    pub fn of(state: &Organisation, ceremony: &Hash) -> Option<Self> {
        let Ceremony { operator, targets, accepted, expires, .. } = state.ceremonies.get(ceremony)?;
        let versions = targets.iter().filter_map(|credential| state.versions.get(credential));
        let words = versions.map(|version| {
            let (address, sealing) = (state.address(&version.sealing.account), &version.sealing);
            match sealing.factor {
                Factor::Password => format!("{address} (version {})", sealing.version),
                factor => format!("{address} ({factor} version {})", sealing.version),
            }
        });
        let (operator, targets) = (operator.clone(), words.collect());
        Some(Self { operator, targets, accepted: accepted.len(), expires: *expires })
    }
}
