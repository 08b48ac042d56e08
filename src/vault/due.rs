//! What is to be renewed, and why. One look at each account's current version:
//! the cost is that of the accounts, not of their versions or of the log.

use super::hierarchy::no_organisation;
use super::{PublicVault, VaultError};
use crate::event::{Hash, Scope, Shown};
use crate::name::{AccountId, Factor, Slug};
use crate::state::{Organisation, Version};
use crate::time::{Span, Time};
use serde::Serialize;
use std::collections::BTreeMap;

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

impl PublicVault {
    /// What is to be renewed now or within `ahead`, in every organisation or one of
    /// them: what is overdue first, the oldest first; then what is exposed.
    pub fn due(&self, only: Option<&Slug>, now: Time, ahead: Span) -> Result<Vec<Due>, VaultError> {
        let slugs = self.state().organisations.values().filter(|slug| only.is_none_or(|o| o == *slug));
        let (mut found, mut known) = (Vec::new(), false);
        for slug in slugs {
            known = true;
            let log = self.log(slug)?;
            // By a clock that is behind, nothing would have run out yet.
            found.extend(due(&log.state, now.max(log.state.last), ahead));
        }
        match only {
            Some(slug) if !known => Err(no_organisation(slug)),
            _ => Ok(sorted(found)),
        }
    }
}

/// Overdue first, and of those the longest; then exposed; then by time and name.
fn sorted(mut found: Vec<Due>) -> Vec<Due> {
    let key = |d: &Due| (!d.overdue, !d.overdue && d.exposed.is_none(), d.due.is_none(), d.due);
    found.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.address.cmp(&b.address)));
    found
}

/// What of an organisation is to be renewed, in no order.
pub fn due(state: &Organisation, now: Time, ahead: Span) -> Vec<Due> {
    let running = state.rotations.running.iter();
    let pending: BTreeMap<_, _> = running.map(|(new, r)| ((r.account, r.factor), new)).collect();
    let horizon = now + ahead;
    let one = |(account, factor, credential, version): (&AccountId, Factor, &Hash, &Version)| {
        let pending = pending.get(&(*account, factor)).copied();
        look(state, (account, factor), (credential, version), pending, (now, horizon))
    };
    // Nothing is renewed where nobody can sign in.
    let renewed = |(account, factor, ..): &(&AccountId, Factor, &Hash, &Version)| {
        let in_use = state.accounts.get(*account).is_some_and(|found| found.standing.in_use());
        in_use || pending.contains_key(&(**account, *factor))
    };
    state.all_current().filter(renewed).filter_map(one).collect()
}

fn look(
    state: &Organisation,
    (account, factor): (&AccountId, Factor),
    (credential, version): (&Hash, &Version),
    pending: Option<&Hash>,
    (now, horizon): (Time, Time),
) -> Option<Due> {
    let rules = state.renewal_rules(&Scope::Account(*account), factor);
    let due = rules.due(version);
    let weakened = state.weakened(credential);
    let near = due.is_some_and(|due| due <= horizon);
    if pending.is_none() && version.known_since().is_none() && weakened == 0 && !near {
        return None;
    }
    let aged = rules.every_days.is_some_and(|days| {
        version.sealed + Span::days(i64::try_from(days).unwrap_or(i64::MAX / 86_400_000)) <= horizon
    });
    let handled = version.sealing.shown == Shown::Screen;
    let reasons = [
        (pending.is_some(), Reason::NotSettled),
        (version.exposed.is_some(), Reason::Exposed),
        (version.exposed_to_host.is_some(), Reason::ExposedToHost),
        (weakened > 0, Reason::Weakened),
        (aged, Reason::Age),
        (version.sealing.version == 1, Reason::NeverRotated),
        (handled, Reason::Handled),
    ];
    Some(Due {
        address: state.address(account),
        factor,
        version: version.sealing.version,
        why: reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect(),
        due,
        overdue: due.is_some_and(|due| due < now),
        sealed: version.sealed,
        exposed: version.exposed,
        exposed_to_host: version.exposed_to_host,
        weakened,
        pending: pending.and_then(|new| state.begun(new)).map(|begun| begun.version),
    })
}
