//! What is entered of a reconciliation: entries with counts and findings, and
//! beside each a record that says what they are counts of. From those records
//! the next reconciliation knows what was counted before.

use super::{Judged, Outcome, Verdict, history::History};
use crate::event::{
    Hash, MAX_ROOT_FINDINGS, Period, Reconciliation, RootFinding, RootRecords, RootUse, record_hash,
};
use crate::hex::Bytes;
use crate::name::AccountId;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Most facts of one record.
const MAX_FACTS: usize = 4096;

/// The record beside an entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Number of the entry among the log's reconciliations, from 1: so no two
    /// records are the same.
    pub serial: u64,
    /// Which records of the provider.
    pub source: RootRecords,
    /// The period that they were of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period: Option<Period>,
    /// Uses and how they were judged.
    pub uses: Vec<Fact>,
    /// Ceremonies without a use.
    pub unused: Vec<Unused>,
}

/// A use and how it was judged. No address and no user agent: those are personal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Hash of the provider's id of the event and of what the record says of it.
    pub id: Bytes<32>,
    /// Whose root user.
    pub account: AccountId,
    /// When it was used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Time>,
    /// When its session began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<Time>,
    /// What.
    pub what: RootUse,
    /// How it was judged.
    pub verdict: Verdict,
}

/// A ceremony that released an account's password, and nobody used it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unused {
    /// When it was released.
    pub released: Time,
    /// The ceremony.
    pub ceremony: Hash,
    /// Whose.
    pub account: AccountId,
}

/// What the log does not say yet, in as many entries as it takes. If it is
/// nothing but that a longer period was looked at, one without facts.
pub(super) fn entries(outcome: &Outcome, history: &History) -> Vec<(Reconciliation, Vec<u8>)> {
    let new: Vec<_> = outcome.judged.iter().filter(|one| !one.entered).collect();
    let unused: Vec<_> = outcome.unused.iter().filter(|one| !history.says_unused(one)).copied().collect();
    let looked_at = outcome.period.is_none_or(|period| history.covers(period));
    if new.is_empty() && unused.is_empty() && looked_at {
        return Vec::new();
    }
    let mut parts = parts(&new);
    // Ceremonies without a use come with the last part, and in parts of their own.
    let mut unused = unused.chunks(MAX_FACTS);
    let last = unused.next().unwrap_or_default();
    let mut all = Vec::new();
    let end = parts.pop().unwrap_or_default();
    all.extend(parts.into_iter().map(|part| (part, &[][..])));
    all.push((end, last));
    all.extend(unused.map(|more| (Vec::new(), more)));
    let begun = history.reconciled().len() as u64;
    let numbered = (begun + 1..).zip(all);
    numbered
        .map(|(serial, (uses, unused))| entry(outcome, (serial, serial == begun + 1), &uses, unused))
        .collect()
}

/// Facts in parts that are within the bounds of an entry and of its record.
fn parts<'a>(new: &[&'a Judged]) -> Vec<Vec<&'a Judged>> {
    let (mut parts, mut part, mut findings) = (Vec::new(), Vec::new(), 0);
    for one in new {
        let found = usize::from(one.fact.verdict.is_alarm());
        if part.len() == MAX_FACTS || findings + found > MAX_ROOT_FINDINGS {
            parts.push(std::mem::take(&mut part));
            findings = 0;
        }
        part.push(*one);
        findings += found;
    }
    parts.push(part);
    parts
}

fn entry(
    outcome: &Outcome,
    (serial, first): (u64, bool),
    uses: &[&Judged],
    unused: &[Unused],
) -> (Reconciliation, Vec<u8>) {
    let (source, period) = (outcome.source, outcome.period);
    let uses: Vec<_> = uses.iter().map(|one| one.fact).collect();
    let count = |is: &dyn Fn(&Verdict) -> bool| uses.iter().filter(|fact| is(&fact.verdict)).count() as u64;
    let alarms = uses.iter().filter(|fact| fact.verdict.is_alarm());
    let findings =
        alarms.map(|fact| RootFinding { account: fact.account, at: fact.at, what: fact.what }).collect();
    let entry = Reconciliation {
        source,
        facts: Bytes([0; 64]),
        period,
        grace: u64::try_from(outcome.rules.grace.0 / 1000).unwrap_or(0),
        explained: count(&|verdict| matches!(verdict, Verdict::Explained(_))),
        unexplained: count(&|verdict| *verdict == Verdict::Unexplained),
        pending: count(&|verdict| *verdict == Verdict::Pending),
        failed: count(&|verdict| matches!(verdict, Verdict::Failed(_))),
        before: count(&|verdict| *verdict == Verdict::Before),
        weak: count(&|verdict| *verdict == Verdict::Weak),
        unused: unused.len() as u64,
        unread: if first { outcome.unread } else { 0 },
        findings,
    };
    let facts = Facts { serial, source, period, uses, unused: unused.to_vec() };
    let record = serde_json::to_vec(&facts).expect("facts are plain values");
    (Reconciliation { facts: record_hash(&record), ..entry }, record)
}
