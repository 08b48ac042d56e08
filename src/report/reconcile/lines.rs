//! A reconciliation as lines for people: what needs somebody first, and calls of
//! one session together.

use super::{By, Judged, Outcome, Verdict};
use crate::event::RootUse;
use crate::import::cloudtrail::RootEvent;
use crate::name::AccountId;
use crate::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// How it was judged.
    pub verdict: Verdict,
    /// Whose root user.
    pub account: AccountId,
    /// What.
    pub what: RootUse,
    /// The first and the last of it, where it has a time.
    pub times: Option<(Time, Time)>,
    /// How often.
    pub count: u64,
    /// The provider's names for it, at most [`NAMES`].
    pub names: Vec<Arc<str>>,
    /// Where it came from, and the user agent; of several the first.
    pub from: Option<(Arc<str>, Arc<str>)>,
    /// The provider refused it.
    pub refused: bool,
    /// Whether a second factor was used, where that is known.
    pub mfa: Option<bool>,
    /// Whether an entry says all of it already.
    pub entered: bool,
}

/// Names of calls that a line tells.
pub const NAMES: usize = 5;

/// Everything that was judged, but for what is as it must be.
pub fn lines(outcome: &Outcome) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    // Calls are many: those of one account with one explanation are one line.
    let mut calls = BTreeMap::<(Verdict, AccountId, RootUse), usize>::new();
    for one in outcome.judged.iter().filter(|one| one.fact.verdict != Verdict::Sound) {
        let fact = &one.fact;
        let key = (fact.verdict, fact.account, fact.what);
        let call = matches!(fact.what, RootUse::Called | RootUse::RootAssumed);
        match calls.get(&key).filter(|_| call).and_then(|place| lines.get_mut(*place)) {
            Some(line) => line.add(one),
            None => {
                if call {
                    calls.insert(key, lines.len());
                }
                lines.push(Line::of(one));
            }
        }
    }
    lines.sort_by_key(|line| (rank(&line.verdict), line.times));
    lines
}

fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Unexplained => 0,
        Verdict::Weak => 1,
        Verdict::Failed(None) => 2,
        Verdict::Pending => 3,
        Verdict::Before => 4,
        Verdict::Failed(Some(_)) => 5,
        Verdict::Explained(By::Ceremony(_) | By::Sealing(_)) | Verdict::Sound => 6,
    }
}

impl Line {
    fn of(one: &Judged) -> Self {
        let record = one.record.as_ref();
        let told = |record: &RootEvent| (record.from.clone(), record.agent.clone());
        Self {
            verdict: one.fact.verdict,
            account: one.fact.account,
            what: one.fact.what,
            times: one.fact.at.map(|at| (at, at)),
            count: 1,
            names: record.map(|record| record.name.clone()).into_iter().collect(),
            from: record.map(told),
            refused: record.is_some_and(|record| record.failed),
            mfa: record.and_then(|record| record.mfa),
            entered: one.entered,
        }
    }

    fn add(&mut self, one: &Judged) {
        self.count += 1;
        self.entered &= one.entered;
        self.refused &= one.record.as_ref().is_some_and(|record| record.failed);
        if let (Some((from, to)), Some(at)) = (&mut self.times, one.fact.at) {
            (*from, *to) = ((*from).min(at), (*to).max(at));
        }
        let name = one.record.as_ref().map(|record| &record.name);
        self.names
            .extend(name.filter(|name| self.names.len() < NAMES && !self.names.contains(name)).cloned());
    }
}
