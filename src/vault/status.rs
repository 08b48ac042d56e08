//! A first look: what there is, and what needs somebody's attention. Long, because
//! everything that is shown at once is put together here.

use super::abandon::AbandonmentStatus;
use super::at_baseline::Bounds;
use super::baseline::BaselineStatus;
use super::due_drill::{DrillDue, drills};
use super::file::left_beside;
use super::gate_file::{self, GateFileError};
use super::hierarchy::no_organisation;
use super::overview::{
    AccountRow, CardRow, CeremonyRow, GroupRow, Overview, ProjectRow, Reading, Tally, Unusable, rules_alone,
};
use super::recovery::REQUEST_KEY;
use super::recovery::RecoveryStatus;
use super::{GATE_FILE, PublicVault, VaultError};
use crate::event::{AccountStanding, GroupStatement};
use crate::name::{AccountId, Factor, OrganisationId, ProjectId, Pseudonym, Slug};
use crate::seal::card::Role;
use crate::state::{Account, Barred, Effective, LastReconciled, NoticeStanding, Organisation, locked_out};
use crate::time::{Span, Time};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Accounts that are listed at most; of more, those that somebody should look at.
pub const LISTED: u64 = 1000;

/// For how long before its end a drill's period is spoken of.
pub const DRILL_AHEAD: Span = Span::days(7);

/// For how long a use of a root user that nothing explained is a warning.
pub const ALARM: Span = Span::days(90);

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
    /// What this was read from.
    pub read_from: Reading,
    /// What of it needs somebody's attention beside what is listed.
    pub warnings: Vec<String>,
    /// Entries in its log.
    pub entries: u64,
    /// How many projects.
    pub projects: u64,
    /// How many accounts.
    pub accounts_total: u64,
    /// How many of them should have been renewed by now.
    pub overdue: u64,
    /// How many stand how; those that none stands as are left out.
    pub counts: BTreeMap<&'static str, u64>,
    /// Accounts with their state; where there are more than [`LISTED`] in all, the
    /// most urgent of those that somebody should look at.
    pub accounts: Vec<AccountStatus>,
    /// Groups.
    pub groups: Vec<GroupStatus>,
    /// Groups whose drill is overdue or comes up, the longest overdue first.
    pub drills: Vec<DrillDue>,
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
    /// When the provider's records were held against the ceremonies last.
    pub reconciliation: Option<LastReconciled>,
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
    pub holds: u64,
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
    /// The last notice that it is abandoned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abandonment: Option<AbandonmentStatus>,
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
    /// A look at everything, or at one organisation; from the overview if it is
    /// wanted and to be believed.
    pub fn status(&self, only: Option<&Slug>, now: Time, wanted: Reading) -> Result<Status, VaultError> {
        // Others may write meanwhile: all that is read is of one moment.
        let _moment = self.store().moment()?;
        let ids = self.state().organisations.iter();
        let ids: Vec<_> = ids.filter(|(_, slug)| only.is_none_or(|o| o == *slug)).map(|(id, _)| id).collect();
        if let (Some(slug), true) = (only, ids.is_empty()) {
            return Err(no_organisation(slug));
        }
        let mut looks = Vec::new();
        let mut last = self.state().last;
        for id in ids {
            let mut opened = self.overview(id, wanted)?;
            let found = self.ask(id, &mut opened, |overview| Look::at(overview, now))?;
            last = last.max(found.last);
            looks.push((id, found, opened));
        }
        let total = looks.iter().map(|(_, found, _)| found.tally.accounts).sum::<u64>();
        let mut organisations = Vec::new();
        for (id, found, mut opened) in looks {
            let few = total <= LISTED;
            let listed = self.ask(id, &mut opened, |overview| found.listed(overview, few))?;
            let below = match &opened.log {
                Some(log) => self.baseline_status(log),
                None => self.ask(id, &mut opened, |rows| self.baseline_by_rows(id, rows, Bounds::STATUS))?,
            };
            organisations.push(self.organisation_status(id, found, listed, (opened.read_from, below)));
        }
        organisations.sort_by(|a, b| a.organisation.cmp(&b.organisation));
        let mut warnings = self.gate_warnings();
        if now < last {
            let (now, last) = (now.to_minute(), last.to_minute());
            warnings.insert(
                0,
                format!(
                    "this machine's clock says {now}, but the last entry is of {last}: nothing can be entered before one of them is put right"
                ),
            );
        }
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

    fn organisation_status(
        &self,
        id: &OrganisationId,
        look: Look,
        listed: Vec<(AccountRow, AccountStatus)>,
        (read_from, not_at_baseline): (Reading, BaselineStatus),
    ) -> OrganisationStatus {
        let named = |(row, status): (AccountRow, AccountStatus)| {
            let name = row.name.and_then(|hash| self.text(id, &hash));
            AccountStatus { name, ..status }
        };
        let mut groups = look.groups;
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        let role = |role| look.cards.iter().filter(|(_, card)| card.role == role).count();
        OrganisationStatus {
            organisation: look.slug.to_string(),
            read_from,
            warnings: {
                let unexplained = look.reconciled.and_then(|last| unexplained(last, look.now));
                unexplained.into_iter().chain(groups.iter().filter_map(notice)).collect()
            },
            entries: look.entries,
            projects: look.projects,
            accounts_total: look.tally.accounts,
            overdue: look.overdue.len() as u64,
            counts: look.counts,
            accounts: listed.into_iter().map(named).collect(),
            groups,
            drills: look.drills,
            custodians: role(Role::Custodian),
            operators: role(Role::Operator),
            officers: role(Role::Officer),
            locked: locked(&look.cards, look.now),
            ceremonies: ceremonies(look.ceremonies, look.now),
            not_at_baseline,
            reconciliation: look.reconciled,
            host_alone: host_alone(&look.tally, &look.cards, look.rules_alone),
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

    /// How one account stands.
    pub fn account_status(
        &self,
        state: &Organisation,
        (id, account): (&AccountId, &Account),
        now: Time,
    ) -> AccountStatus {
        let status = AccountStatus::of(state, id, now);
        AccountStatus { name: account.name.and_then(|hash| self.text(&state.id, &hash)), ..status }
    }
}

impl AccountStatus {
    /// Of a state, without the name, which lies beside the log.
    fn of(state: &Organisation, id: &AccountId, now: Time) -> Self {
        let row = AccountRow::of(state, id).expect("the account is one of the state's");
        let project = ProjectRow::of(state, &row.project, Tally::default());
        let project = project.expect("an account is in a project of the state");
        let (org, rules) = (state.slug.as_str(), state.rotation_rules(id));
        let group = match state.binding_of(id, Factor::Password) {
            Effective::Bound(_, group) => Some(&group.slug),
            Effective::Unbound => None,
        };
        let due = row.due(&rules);
        Self::new(
            &row,
            format!("{org}/{}/{}", project.slug, row.slug),
            group.map(|g| format!("{org}/{g}")),
            (due, now),
        )
    }

    fn new(
        row: &AccountRow,
        address: String,
        group: Option<String>,
        (due, now): (Option<Time>, Time),
    ) -> Self {
        let current = row.password();
        let exposed = current.and_then(|version| version.exposed);
        let weakened = current.map_or(0, |version| version.weakened);
        let state = match (current, &group) {
            (Some(_), _) if exposed.is_some() => AccountState::Exposed,
            (Some(_), _) if weakened > 0 => AccountState::Weakened,
            (Some(_), _) => AccountState::Sealed,
            (None, _) if row.standing == AccountStanding::CredentialLess => AccountState::CredentialLess,
            (None, _) if row.standing == AccountStanding::Closed => AccountState::Closed,
            (None, None) => AccountState::Unbound,
            (None, Some(_)) => AccountState::Unsealed,
        };
        Self {
            address,
            name: None,
            provider: row.provider.to_string(),
            external_id: row.external_id.clone(),
            group,
            version: current.map(|version| version.version),
            state,
            weakened,
            exposed,
            rotate_by: due,
            overdue: due.is_some_and(|by| by < now),
            pending: current.and_then(|version| version.pending),
            handled_by: current.and_then(|version| version.handled_by.as_ref()).map(ToString::to_string),
            older_exposed: row.older_exposed.clone(),
            standing: row.standing,
        }
    }

    /// What has been exposed for too long heads every list, then what is overdue for
    /// another reason.
    pub fn urgency(&self) -> (bool, bool) {
        (!(self.overdue && self.exposed.is_some()), !self.overdue)
    }
}

/// What is read of one organisation before it is known which accounts are listed.
struct Look {
    slug: Slug,
    last: Time,
    /// By a clock that is behind, nothing would have run out yet.
    now: Time,
    entries: u64,
    projects: u64,
    of_projects: BTreeMap<ProjectId, ProjectRow>,
    tally: Tally,
    counts: BTreeMap<&'static str, u64>,
    overdue: BTreeSet<AccountId>,
    urgent: Vec<AccountId>,
    groups: Vec<GroupStatus>,
    drills: Vec<DrillDue>,
    cards: Vec<(String, CardRow)>,
    ceremonies: Vec<(String, CeremonyRow)>,
    reconciled: Option<LastReconciled>,
    rules_alone: u64,
}

impl Look {
    fn at(overview: &Overview<'_>, now: Time) -> Result<Self, Unusable> {
        let head = &overview.head;
        let now = now.max(head.last);
        let (of_projects, cards) = (overview.projects()?, overview.cards()?);
        let factor = Factor::Password;
        let urgent = overview.urgent(factor)?;
        let mut overdue: BTreeSet<_> = overview.aged(&of_projects, factor, now)?.into_iter().collect();
        let (mut tally, mut counts) = (Tally::default(), BTreeMap::new());
        let mut alone = rules_alone(&head.rules);
        for project in of_projects.values() {
            count(&mut counts, &project.tally, project.group.is_some() || head.group.is_some());
            tally = tally.and(&project.tally);
            alone += rules_alone(&project.rules);
        }
        for id in &urgent {
            let row = overview.account(id)?;
            let project =
                of_projects.get(&row.project).ok_or_else(|| Unusable::Row(row.project.to_string()))?;
            if row.due(&overview.rules(factor, project, &row.rules)).is_some_and(|due| due < now) {
                overdue.insert(*id);
            }
        }
        let groups = overview.groups()?;
        let mut drills = drills(overview, now, now + DRILL_AHEAD)?;
        drills.sort_by(|a, b| (a.due, &a.address).cmp(&(b.due, &b.address)));
        Ok(Self {
            slug: head.slug.clone(),
            last: head.last,
            now,
            entries: head.size,
            projects: head.projects,
            groups: groups
                .into_iter()
                .map(|group| GroupStatus::new(&head.slug, group, &cards, now))
                .collect(),
            drills,
            of_projects,
            rules_alone: alone + tally.rules_alone,
            tally,
            counts,
            overdue,
            urgent,
            cards,
            ceremonies: overview.ceremonies()?,
            reconciled: head.reconciled,
        })
    }

    /// All accounts if they are few; else the most urgent of those to look at.
    fn listed(
        &self,
        overview: &Overview<'_>,
        few: bool,
    ) -> Result<Vec<(AccountRow, AccountStatus)>, Unusable> {
        let most = usize::try_from(LISTED).unwrap_or(usize::MAX);
        let rows = if few {
            overview.accounts(usize::MAX)?
        } else {
            let exposed: BTreeSet<_> = self.urgent.iter().collect();
            let others = self.overdue.iter().filter(|id| !exposed.contains(id)).take(most);
            self.urgent.iter().chain(others).map(|id| overview.account(id)).collect::<Result<_, _>>()?
        };
        let mut listed = Vec::new();
        for row in rows {
            let project = self.of_projects.get(&row.project);
            let project = project.ok_or_else(|| Unusable::Row(row.project.to_string()))?;
            let group = row.group.as_ref().or(project.group.as_ref()).or(overview.head.group.as_ref());
            let group = group.map(|group| format!("{}/{group}", self.slug));
            let due = row.due(&overview.rules(Factor::Password, project, &row.rules));
            let status = AccountStatus::new(&row, overview.address(project, &row), group, (due, self.now));
            listed.push((row, status));
        }
        let key = |status: &AccountStatus| (status.urgency(), !few && status.exposed.is_none());
        listed.sort_by(|(_, a), (_, b)| key(a).cmp(&key(b)).then_with(|| a.address.cmp(&b.address)));
        if !few {
            listed.truncate(most);
        }
        Ok(listed)
    }
}

/// Adds a project's accounts; `bound`: whether those without a binding of their own
/// would be held by a group.
fn count(counts: &mut BTreeMap<&'static str, u64>, tally: &Tally, bound: bool) {
    let (unsealed, unbound) = if bound { (tally.open, 0) } else { (0, tally.open) };
    let numbers = [
        (AccountState::Exposed, tally.exposed),
        (AccountState::Weakened, tally.weakened),
        (AccountState::Sealed, tally.sealed),
        (AccountState::Unsealed, tally.bound + unsealed),
        (AccountState::Unbound, unbound),
        (AccountState::CredentialLess, tally.credential_less),
        (AccountState::Closed, tally.closed),
    ];
    for (state, number) in numbers.into_iter().filter(|(_, number)| *number > 0) {
        *counts.entry(state.as_str()).or_default() += number;
    }
}

impl GroupStatus {
    fn new(organisation: &Slug, group: GroupRow, cards: &[(String, CardRow)], now: Time) -> Self {
        let how = |who: &Pseudonym| {
            cards.iter().find(|(card, _)| card == who.as_str()).and_then(|(_, card)| card.barred)
        };
        let barred = |wanted| {
            let found = group.members.iter().filter(|who| how(who) == Some(wanted));
            found.map(ToString::to_string).collect::<Vec<_>>()
        };
        let (suspended, revoked) = (barred(Barred::Suspended), barred(Barred::Revoked));
        let usable = group.members.len() - suspended.len() - revoked.len();
        let admitted = |card: &CardRow| card.admitted.get(&group.slug).is_some_and(|until| *until > now);
        Self {
            group: format!("{organisation}/{}", group.slug),
            threshold: group.threshold,
            members: group.members.iter().map(ToString::to_string).collect(),
            holds: group.held(),
            operators: cards.iter().filter(|(_, card)| admitted(card)).map(|(who, _)| who.clone()).collect(),
            margin: super::cards::margin(usable, group.threshold),
            suspended,
            revoked,
            abandonment: group
                .notice
                .map(|notice| AbandonmentStatus::of(notice.begun, notice.vetoed.as_ref(), now)),
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
        margin: super::cards::margin(state.usable(group), group.threshold),
        abandonment: state
            .abandonments
            .get(&group.group)
            .map(|notice| AbandonmentStatus::of(notice.begun, notice.vetoed.as_ref(), now)),
    }
}

/// Versions of a group that can still be opened.
pub(super) fn holds(state: &Organisation, group: &GroupStatement) -> u64 {
    let gone = &state.rotations.destroyed;
    let held = state.versions.iter().filter(|(credential, _)| !gone.contains_key(*credential));
    held.filter(|(_, v)| v.sealing.group == group.group).count() as u64
}

fn locked(cards: &[(String, CardRow)], now: Time) -> Vec<LockedOut> {
    let locked = cards.iter().filter_map(|(who, card)| Some((who, locked_out(&card.wrong, now)?)));
    locked.map(|(who, until)| LockedOut { custodian: who.clone(), until }).collect()
}

fn ceremonies(open: Vec<(String, CeremonyRow)>, now: Time) -> Vec<CeremonyStatus> {
    let open = open.into_iter().filter(|(_, row)| row.expires >= now);
    open.map(|(ceremony, CeremonyRow { operator, targets, accepted, expires })| CeremonyStatus {
        ceremony,
        operator: operator.to_string(),
        targets,
        accepted,
        expires,
    })
    .collect()
}

/// A use of a root user that nothing explains, as long as it is news.
fn unexplained(last: LastReconciled, now: Time) -> Option<String> {
    let alarm = last.alarm.filter(|alarm| now - alarm.at <= ALARM)?;
    let (uses, at) = (alarm.unexplained, alarm.at.to_minute());
    let uses =
        if uses == 1 { "1 use of a root user".to_owned() } else { format!("{uses} uses of root users") };
    Some(format!("the reconciliation of {at} found {uses} that nothing explains"))
}

/// A group that is said to be lost, or is.
fn notice(group: &GroupStatus) -> Option<String> {
    let (name, found) = (&group.group, group.abandonment.as_ref()?);
    let versions =
        if group.holds == 1 { "1 version".to_owned() } else { format!("{} versions", group.holds) };
    match found.standing {
        NoticeStanding::Running => Some(format!(
            "notice runs that {name} is abandoned, until {} ({} left): then its {versions} count as lost, and new ones may be bound elsewhere without it. Any member can veto: warifu group veto {name}",
            found.until.to_minute(),
            if found.days_left == 1 { "1 day".to_owned() } else { format!("{} days", found.days_left) },
        )),
        NoticeStanding::InForce => Some(format!(
            "{name} is abandoned since {}: its {versions} are lost (warifu group show {name})",
            found.until.to_minute()
        )),
        NoticeStanding::Vetoed => None,
    }
}

/// Facts that rest on the host's word alone.
fn host_alone(tally: &Tally, cards: &[(String, CardRow)], rules_alone: u64) -> Vec<String> {
    let alone = |role| cards.iter().filter(|(_, card)| card.role == role && !card.vouched).count() as u64;
    let facts = [
        (alone(Role::Custodian), "enrolled as custodian, in no group yet"),
        (alone(Role::Operator), "enrolled as operator, admitted by no group yet"),
        (
            tally.accounts,
            "added as account: name and external id are the host's word until a custodian reads them",
        ),
        (rules_alone, "set as rotation policy before anything was sealed in its scope"),
        (
            tally.said_credential_less,
            "said to be credential-less: nobody here can see whether root can be signed in as",
        ),
        (tally.said_closed, "said to be closed or suspended at the provider"),
        (tally.given, "sealed as typed or given on this host: whoever administers it could read along"),
        (tally.exposed_to_host, "used for codes: whoever administers this host could have kept the MFA seed"),
        (tally.generated, "generated and sealed on this host: whoever administers it could read along"),
    ];
    facts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect()
}
