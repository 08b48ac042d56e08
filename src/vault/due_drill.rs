//! Drills that are to be held, and why: whose proof runs out. By a group's row and
//! those of its members' cards alone; a group that holds nothing has nothing to lose.
//!
//! Whoever has shown a key within the last half of the period that a proof counts has
//! come to the present drill, and is not called again: else a group with a period no
//! longer than what is looked ahead would be listed for ever, with all its members.

use super::overview::{GroupRow, Overview, Unusable};
use crate::name::Pseudonym;
use crate::time::{Span, Time};
use serde::Serialize;

/// A group whose drill comes up or is overdue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillDue {
    /// `org/group`.
    pub address: String,
    /// By when a proof is to be renewed.
    pub due: Time,
    /// Whether that is over.
    pub overdue: bool,
    /// Since when every member whose card counts has shown its key: the earliest of
    /// their last proofs. The keys' own beginning is one.
    pub complete: Time,
    /// Whole days since then.
    pub days: i64,
    /// For how many days a proof counts.
    pub every_days: u64,
    /// Members whose card counts.
    pub members: usize,
    /// Those of them who have to show themselves, in the group's order: overdue are those
    /// whose proof has run out; else it runs out in time, and less than half of it is left.
    pub missing: Vec<Pseudonym>,
    /// Members whose proof still counts.
    pub live: usize,
    /// How many must come together to open anything.
    pub threshold: u64,
}

impl DrillDue {
    /// Fewer than open have shown lately that they could.
    pub fn short(&self) -> bool {
        (self.live as u64) < self.threshold
    }

    /// Of a group, by `horizon`, if one of these members has to show its key by then.
    /// The others' cards are suspended or revoked: they cannot prove anything.
    pub fn of(
        address: String,
        row: &GroupRow,
        members: &[&Pseudonym],
        (now, horizon): (Time, Time),
    ) -> Option<Self> {
        let every = Span::days(i64::try_from(row.every_days).unwrap_or(i64::MAX / 86_400_000));
        let complete = members.iter().map(|who| row.shown(who)).min()?;
        let due = complete + every;
        let old = |until: Time| (until - now).0 < every.0 / 2;
        if due > horizon || !old(due) || row.held() == 0 {
            return None;
        }
        let overdue = due < now;
        let by = if overdue { now } else { horizon + Span(1) };
        let until = |who: &Pseudonym| row.shown(who) + every;
        let missing = members.iter().filter(|who| until(who) < by && old(until(who)));
        Some(Self {
            address,
            due,
            overdue,
            complete,
            days: (now - complete).whole_days(),
            every_days: row.every_days,
            members: members.len(),
            missing: missing.map(|who| (*who).clone()).collect(),
            live: members.iter().filter(|who| until(who) >= now).count(),
            threshold: row.threshold,
        })
    }
}

/// Drills of an organisation that are due, in no order. A card is read only of a
/// group where somebody's proof runs out.
pub fn drills(overview: &Overview<'_>, now: Time, horizon: Time) -> Result<Vec<DrillDue>, Unusable> {
    let mut found = Vec::new();
    for row in overview.groups()? {
        let address = format!("{}/{}", overview.head.slug, row.slug);
        let all: Vec<_> = row.members.iter().collect();
        if DrillDue::of(address.clone(), &row, &all, (now, horizon)).is_none() {
            continue;
        }
        let mut members = Vec::new();
        for who in all {
            if overview.card(who)?.barred.is_none() {
                members.push(who);
            }
        }
        found.extend(DrillDue::of(address, &row, &members, (now, horizon)));
    }
    Ok(found)
}
