//! What is to be done by some time, and why: versions that are to be renewed, drills
//! that are to be held, notices that run. Only what is due is read, from the overview:
//! the cost is that of the list, and not of the accounts, their versions or the log.

use super::abandon::AbandonmentStatus;
use super::due_drill::{DrillDue, drills};
use super::hierarchy::no_organisation;
use super::overview::{Current, Overview, Reading, Unusable};
use super::{PublicVault, VaultError};
use crate::event::Shown;
use crate::name::{Factor, Slug};
use crate::state::rotation::RotationRules;
use crate::state::{NoticeStanding, Organisation};
use crate::time::{Span, Time};
use serde::Serialize;
use std::collections::BTreeSet;

/// Why something is listed; the most urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A rotation was begun, and nobody has said what the provider accepts.
    NotSettled,
    /// It was released.
    Exposed,
    /// Codes were made of it: the host could know it.
    ExposedToHost,
    /// Shares were given in ceremonies that ended without a release.
    Weakened,
    /// It is older than the policy allows, or soon will be.
    Age,
    /// It is the account's first version.
    NeverRotated,
    /// Somebody saw it when it was installed.
    Handled,
}

impl Reason {
    /// As it is written in JSON and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSettled => "not-settled",
            Self::Exposed => "exposed",
            Self::ExposedToHost => "exposed-to-host",
            Self::Weakened => "weakened",
            Self::Age => "age",
            Self::NeverRotated => "never-rotated",
            Self::Handled => "handled",
        }
    }
}

/// The current version of an account's factor, and why it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// `org/project/account`.
    pub address: String,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
    /// Why.
    pub why: Vec<Reason>,
    /// By when it is to be renewed, if there is a time.
    pub due: Option<Time>,
    /// Whether that is over.
    pub overdue: bool,
    /// When it was sealed.
    pub sealed: Time,
    /// When it was released.
    pub exposed: Option<Time>,
    /// Since when the host could know it: codes were made of it.
    pub exposed_to_host: Option<Time>,
    /// Custodians whose share was given for nothing.
    pub weakened: usize,
    /// Version that waits to replace it.
    pub pending: Option<u64>,
}

/// One thing that is listed. A kind of thing that is due otherwise than by renewing a
/// version is a variant of its own, and comes from a function beside `renewals`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Item {
    /// A version is to be renewed.
    Renewal(Due),
    /// Members of a group are to show that their keys are there.
    Drill(DrillDue),
    /// Notice runs that a group is abandoned: who is a member and there has until its
    /// end to veto it.
    Notice(NoticeDue),
}

/// A notice that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeDue {
    /// `org/group`.
    pub group: String,
    /// Versions that it holds.
    pub holds: u64,
    /// How it stands.
    pub abandonment: AbandonmentStatus,
}

impl Item {
    /// What it is about, as an address.
    pub fn address(&self) -> &str {
        match self {
            Self::Renewal(due) => &due.address,
            Self::Notice(notice) => &notice.group,
            Self::Drill(due) => &due.address,
        }
    }

    /// Whether its time is over.
    pub fn overdue(&self) -> bool {
        match self {
            Self::Renewal(due) => due.overdue,
            Self::Drill(due) => due.overdue,
            Self::Notice(_) => false,
        }
    }

    /// The version, if that is what it is about.
    pub fn renewal(&self) -> Option<&Due> {
        match self {
            Self::Renewal(due) => Some(due),
            Self::Drill(_) | Self::Notice(_) => None,
        }
    }

    /// The drill, if that is what it is about.
    pub fn drill(&self) -> Option<&DrillDue> {
        match self {
            Self::Drill(due) => Some(due),
            Self::Renewal(_) | Self::Notice(_) => None,
        }
    }

    /// The notice, if that is what it is about.
    pub fn notice(&self) -> Option<&NoticeDue> {
        match self {
            Self::Notice(notice) => Some(notice),
            Self::Renewal(_) | Self::Drill(_) => None,
        }
    }

    /// Overdue exposures first, then what else is overdue, the longest first; then
    /// what is exposed; then by time.
    fn urgency(&self) -> (bool, bool, bool, bool, Option<Time>) {
        let (exposed, due) = match self {
            Self::Renewal(due) => (due.exposed.is_some(), due.due),
            Self::Notice(notice) => (false, Some(notice.abandonment.until)),
            Self::Drill(due) => (false, Some(due.due)),
        };
        (!(self.overdue() && exposed), !self.overdue(), !exposed, due.is_none(), due)
    }
}

/// What is due, and what that was read from.
#[derive(Debug)]
pub struct DueList {
    /// The most urgent first.
    pub items: Vec<Item>,
    /// The entries, if those of one organisation at least were replayed.
    pub read_from: Reading,
}

impl PublicVault {
    /// What is due now or within `ahead`, in every organisation or one of them; from
    /// the overview if it is wanted and to be believed.
    pub fn due(
        &self,
        only: Option<&Slug>,
        now: Time,
        ahead: Span,
        wanted: Reading,
    ) -> Result<DueList, VaultError> {
        // Others may write meanwhile: all that is read is of one moment.
        let _moment = self.store().moment()?;
        let ids = self.state().organisations.iter().filter(|(_, slug)| only.is_none_or(|o| o == *slug));
        let (mut items, mut read_from, mut known) = (Vec::new(), Reading::Overview, false);
        for (id, _) in ids {
            known = true;
            let mut opened = self.overview(id, wanted)?;
            items.extend(self.ask(id, &mut opened, |overview| gathered(overview, now, ahead))?);
            if opened.read_from == Reading::Entries {
                read_from = Reading::Entries;
            }
        }
        match only {
            Some(slug) if !known => Err(no_organisation(slug)),
            _ => Ok(DueList { items: sorted(items), read_from }),
        }
    }
}

fn sorted(mut found: Vec<Item>) -> Vec<Item> {
    found.sort_by(|a, b| a.urgency().cmp(&b.urgency()).then_with(|| a.address().cmp(b.address())));
    found
}

/// Everything of an organisation that is due, of each kind, in no order.
fn gathered(overview: &Overview<'_>, now: Time, ahead: Span) -> Result<Vec<Item>, Unusable> {
    // By a clock that is behind, nothing would have run out yet.
    let now = now.max(overview.head.last);
    let renewals = renewals(overview, now, ahead)?.into_iter().map(Item::Renewal);
    let drills = drills(overview, now, now + ahead)?.into_iter().map(Item::Drill);
    Ok(renewals.chain(drills).chain(notices(overview, now)?).collect())
}

/// Notices that groups are abandoned, while they run.
fn notices(overview: &Overview<'_>, now: Time) -> Result<Vec<Item>, Unusable> {
    let slug = &overview.head.slug;
    let groups = overview.groups()?.into_iter().filter_map(|row| {
        let found = row.notice.as_ref()?;
        let abandonment = AbandonmentStatus::of(found.begun, found.vetoed.as_ref(), now);
        let (group, holds) = (format!("{slug}/{}", row.slug), row.held());
        let runs = abandonment.standing == NoticeStanding::Running;
        runs.then_some(Item::Notice(NoticeDue { group, holds, abandonment }))
    });
    Ok(groups.collect())
}

/// What of an organisation is to be renewed, in no order, by its replayed state.
pub fn due(state: &Organisation, now: Time, ahead: Span) -> Vec<Due> {
    renewals(&Overview::of(state), now, ahead).expect("rows that were just made can be read")
}

/// Current versions of any factor, of accounts that somebody can sign in to.
fn renewals(overview: &Overview<'_>, now: Time, ahead: Span) -> Result<Vec<Due>, Unusable> {
    let (projects, horizon) = (overview.projects()?, now + ahead);
    let mut accounts = BTreeSet::new();
    for factor in Factor::ALL {
        accounts.extend(overview.aged(&projects, factor, horizon + Span(1))?);
        accounts.extend(overview.urgent(factor)?);
    }
    let mut found = Vec::new();
    for id in &accounts {
        let row = overview.account(id)?;
        let project = projects.get(&row.project).ok_or_else(|| Unusable::Row(row.project.to_string()))?;
        let address = overview.address(project, &row);
        found.extend(row.current.iter().filter_map(|(factor, current)| {
            let rules = overview.rules(*factor, project, &row.rules);
            let renewed = row.standing.in_use() || current.pending.is_some();
            renewed.then(|| renewal(&address, *factor, current, &rules, (now, horizon)))?
        }));
    }
    Ok(found)
}

/// Why a current version is listed, if it is.
fn renewal(
    address: &str,
    factor: Factor,
    current: &Current,
    rules: &RotationRules,
    (now, horizon): (Time, Time),
) -> Option<Due> {
    let due = rules.due_of(current.sealed, current.known_since());
    let near = due.is_some_and(|due| due <= horizon);
    if current.pending.is_none() && current.known_since().is_none() && current.weakened == 0 && !near {
        return None;
    }
    let aged = rules.due_of(current.sealed, None).is_some_and(|due| due <= horizon);
    let reasons = [
        (current.pending.is_some(), Reason::NotSettled),
        (current.exposed.is_some(), Reason::Exposed),
        (current.exposed_to_host.is_some(), Reason::ExposedToHost),
        (current.weakened > 0, Reason::Weakened),
        (aged, Reason::Age),
        (current.version == 1, Reason::NeverRotated),
        (current.shown == Shown::Screen, Reason::Handled),
    ];
    Some(Due {
        address: address.to_owned(),
        factor,
        version: current.version,
        why: reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect(),
        due,
        overdue: due.is_some_and(|due| due < now),
        sealed: current.sealed,
        exposed: current.exposed,
        exposed_to_host: current.exposed_to_host,
        weakened: current.weakened,
        pending: current.pending,
    })
}
