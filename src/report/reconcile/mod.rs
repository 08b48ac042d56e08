//! What a provider's records say of root users, held against what the log says:
//! which uses a ceremony explains, and which nothing does.
//!
//! Pure: it reads neither files nor the store, and the time is a parameter.
//! `history.rs` is what the log says, `facts.rs` what is entered of the outcome.

mod facts;
mod history;
mod lines;

pub use facts::{Fact, Facts, Unused};
pub use history::History;
pub use lines::{Line, NAMES, lines};

use crate::event::Hash;
use crate::event::{Period, Reconciliation, RootRecords, RootUse};
use crate::hex::Bytes;
use crate::import::cloudtrail::{AccountNumber, RootEvent};
use crate::import::credential_report::RootRow;
use crate::name::AccountId;
use crate::time::{Span, Time};
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// For how long a record may be on its way: CloudTrail delivers within five
/// minutes on average. What is fresher is not judged yet.
pub const DELIVERY: Span = Span::minutes(15);
/// How far the provider's clock may be behind this host's.
pub const SKEW: Span = Span::minutes(1);
/// How long a session of a root user can last at most.
pub const SESSION: Span = Span::hours(12);

/// By what a use is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// For how long after its end a ceremony explains a use.
    pub grace: Span,
    /// Now.
    pub now: Time,
}

/// What explains a use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A ceremony that released the account's password, or what is used with it.
    Ceremony(Hash),
    /// The version was shown to somebody when it was sealed, to be installed.
    Sealing(u64),
}

/// What a use turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing in the log explains it.
    Unexplained,
    /// The root user is less protected than it must be.
    Weak,
    /// It, or its ceremony's entries, are too fresh.
    Pending,
    /// An attempt that the provider refused, perhaps during a ceremony.
    Failed(Option<By>),
    /// It was before the first password of the account was sealed.
    Before,
    /// Explained.
    Explained(By),
    /// The root user is as protected as it must be.
    Sound,
}

impl Verdict {
    /// What explains it.
    pub fn by(&self) -> Option<By> {
        match self {
            Self::Explained(by) => Some(*by),
            Self::Failed(by) => *by,
            _ => None,
        }
    }

    /// Whether somebody has to look at it.
    pub fn is_alarm(&self) -> bool {
        matches!(self, Self::Unexplained | Self::Weak)
    }

    /// In one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unexplained => "unexplained",
            Self::Weak => "weak",
            Self::Pending => "pending",
            Self::Failed(_) => "failed",
            Self::Before => "before",
            Self::Explained(_) => "explained",
            Self::Sound => "sound",
        }
    }
}

/// One use, judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// What is entered of it.
    pub fact: Fact,
    /// The record, unless it is known from an earlier reconciliation alone.
    pub record: Option<RootEvent>,
    /// An entry says the same already.
    pub entered: bool,
}

/// Uses of an account that is not in this log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// How many.
    pub uses: u64,
    /// The first and the last.
    pub period: (Time, Time),
}

/// What was read, gathered from any number of files.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Uses of accounts of this log, by what `use_id` makes of them: a second
    /// copy is the same.
    pub uses: BTreeMap<Bytes<32>, (AccountId, RootEvent)>,
    /// Uses of other accounts.
    pub unknown: BTreeMap<AccountNumber, Unknown>,
    /// What `use_id` makes of those.
    pub unknown_ids: BTreeSet<Bytes<32>>,
    /// The provider's ids of all of them.
    pub ids: BTreeSet<Bytes<32>>,
    /// Copies of what was there already.
    pub copies: u64,
    /// Uses with the provider's id of another, and other contents.
    pub disagreeing: u64,
    /// Records that were read.
    pub records: u64,
    /// Records that could not be.
    pub unread: u64,
    /// The period that the records are of.
    pub period: Option<(Time, Time)>,
    /// Accounts that records were of.
    pub heard: BTreeSet<AccountNumber>,
}

impl Gathered {
    /// Takes a use in. A record is a copy of another only if it agrees with it in
    /// all that is judged: with its id alone one could hide the other.
    pub fn take(&mut self, history: &History, event: RootEvent) {
        let id = use_id(&event);
        if self.uses.contains_key(&id) || self.unknown_ids.contains(&id) {
            self.copies += 1;
            // Whatever the order of the files, the same one is told.
            let told = |one: &RootEvent| (one.mfa, one.from.clone(), one.agent.clone());
            if let Some((_, first)) = self.uses.get_mut(&id).filter(|(_, first)| told(&event) < told(first)) {
                *first = event;
            }
            return;
        }
        if !self.ids.insert(event.id) {
            self.disagreeing += 1;
        }
        if let Some(account) = history.account(&event.account) {
            self.uses.insert(id, (account, event));
        } else {
            self.unknown_ids.insert(id);
            let time = event.time;
            let unknown =
                self.unknown.entry(event.account).or_insert(Unknown { uses: 0, period: (time, time) });
            let (from, to) = unknown.period;
            *unknown = Unknown { uses: unknown.uses + 1, period: (from.min(time), to.max(time)) };
        }
    }
}

/// What two records of one use have in common: the provider's id, and all that a
/// use is judged and told by. Where it came from is not in it: whoever has the rest
/// could try addresses until the hash fits.
fn use_id(event: &RootEvent) -> Bytes<32> {
    let session = event.session.map(|begun| begun.to_string()).unwrap_or_default();
    let named = Transcript::new(label::ROOT_USE).part(event.id).part(event.account.to_string());
    let done = named.int(event.time.hashed()).part(event.what.as_str()).part(event.name.as_bytes());
    first_half(done.int(event.failed.into()).part(session).finish())
}

/// A fact's id is half a hash.
fn first_half(hash: [u8; 64]) -> Bytes<32> {
    Bytes(*hash.first_chunk().expect("a hash has 64 bytes"))
}

/// How everything was judged.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which records.
    pub source: RootRecords,
    /// By what.
    pub rules: Rules,
    /// Uses, the oldest first.
    pub judged: Vec<Judged>,
    /// Ceremonies after which the records have no use.
    pub unused: Vec<Unused>,
    /// Ceremonies after which none has come yet.
    pub awaited: Vec<Unused>,
    /// The period that the records are of.
    pub period: Option<Period>,
    /// Records that could not be read.
    pub unread: u64,
}

impl Outcome {
    /// How many have some verdict.
    pub fn count(&self, is: impl Fn(&Verdict) -> bool) -> u64 {
        self.judged.iter().filter(|one| is(&one.fact.verdict)).count() as u64
    }

    /// How many somebody has to look at.
    pub fn alarms(&self) -> u64 {
        self.count(Verdict::is_alarm)
    }

    /// What has to be entered, each with its record: nothing if the log says all
    /// of it already.
    pub fn entries(&self, history: &History) -> Vec<(Reconciliation, Vec<u8>)> {
        facts::entries(self, history)
    }
}

/// Judges what CloudTrail's files say.
pub fn of_cloudtrail(history: &History, gathered: &Gathered, rules: Rules) -> Outcome {
    let mut judged: Vec<_> = gathered
        .uses
        .iter()
        .map(|(id, (account, event))| {
            let verdict =
                history.judge(account, event.time, event.session, (event.what, event.failed), rules);
            let (at, session, what) = (Some(event.time), event.session, event.what);
            let fact = Fact { id: *id, account: *account, at, session, what, verdict };
            Judged { entered: history.says(&fact), fact, record: Some(event.clone()) }
        })
        .collect();
    judged.extend(carried(history, &gathered.uses, rules));
    sort(&mut judged);
    let period = gathered.period.map(|(from, to)| Period { from, to });
    let explained = judged.iter().filter_map(|one| match one.fact.verdict {
        Verdict::Explained(By::Ceremony(ceremony)) => Some((ceremony, one.fact.account)),
        _ => None,
    });
    let used: BTreeSet<_> = explained.collect();
    let (unused, awaited) = history.without_use(&used, period, rules);
    let (source, unread) = (RootRecords::Cloudtrail, gathered.unread);
    Outcome { source, rules, judged, unused, awaited, period, unread }
}

/// Uses that were too fresh before, and of which no file of now has the record.
fn carried<'a, T>(
    history: &'a History,
    uses: &'a BTreeMap<Bytes<32>, T>,
    rules: Rules,
) -> impl Iterator<Item = Judged> + 'a {
    let pending = history.pending().filter(|fact| !uses.contains_key(&fact.id));
    pending.filter_map(move |before| {
        let use_of = (before.what, false);
        let verdict = history.judge(&before.account, before.at?, before.session, use_of, rules);
        let fact = Fact { verdict, ..*before };
        Some(Judged { entered: history.says(&fact), fact, record: None })
    })
}

/// Judges what credential reports say.
pub fn of_credential_reports(history: &History, rows: &[(AccountId, RootRow)], rules: Rules) -> Outcome {
    let mut judged = Vec::new();
    for (account, row) in rows {
        let used = [(row.password_used, RootUse::PasswordUsed)].into_iter();
        let used = used.chain(row.keys_used.map(|at| (at, RootUse::AccessKeyUsed)));
        for (at, what) in used.filter_map(|(at, what)| Some((at?, what))) {
            let verdict = history.judge(account, at, None, (what, false), rules);
            judged.push(fact(history, account, Some(at), what, verdict));
        }
        let key = row.keys.iter().flatten().copied().reduce(|one, other| one || other);
        for (weak, what) in
            [(row.mfa.map(|there| !there), RootUse::MfaInactive), (key, RootUse::AccessKeyActive)]
        {
            let Some(weak) = weak else { continue };
            let verdict = if weak { Verdict::Weak } else { Verdict::Sound };
            judged.push(fact(history, account, None, what, verdict));
        }
    }
    sort(&mut judged);
    let (source, unused, awaited) = (RootRecords::CredentialReport, Vec::new(), Vec::new());
    Outcome { source, rules, judged, unused, awaited, period: None, unread: 0 }
}

/// A fact that has no id of the provider's: the same one has the same id.
fn fact(history: &History, account: &AccountId, at: Option<Time>, what: RootUse, verdict: Verdict) -> Judged {
    let named = Transcript::new(label::ROOT_FACT).part(account).part(what.as_str());
    let id = first_half(named.int(at.map_or(0, Time::hashed)).finish());
    let fact = Fact { id, account: *account, at, session: None, what, verdict };
    Judged { entered: history.says(&fact), fact, record: None }
}

fn sort(judged: &mut Vec<Judged>) {
    judged.sort_by_key(|one| (one.fact.at, one.fact.id));
    judged.dedup_by_key(|one| one.fact.id);
}

#[cfg(test)]
mod tests;
