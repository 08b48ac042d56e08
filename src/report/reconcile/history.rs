//! What a log says that uses of root users can be held against: read entry by
//! entry, so that it needs nothing of a state that forgets.

use super::{By, DELIVERY, Fact, Facts, Rules, SESSION, SKEW, Unused, Verdict};
use crate::event::{Event, Hash, Period, RootRecords, RootUse, Shown};
use crate::hex::Bytes;
use crate::import::cloudtrail::AccountNumber;
use crate::name::{AccountId, Factor, Provider};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// When somebody had what a sign-in takes.
#[derive(Clone, Copy, Debug)]
struct Window {
    by: By,
    from: Time,
    factor: Factor,
}

/// Whether a sign-in takes it. A note of where a device lies, or a file, lets nobody
/// in: to have opened it explains nothing.
fn lets_in(factor: Factor) -> bool {
    match factor {
        Factor::Password | Factor::Mfa | Factor::RecoveryCodes => true,
        Factor::File | Factor::Device | Factor::Identity => false,
    }
}

/// When a ceremony was open.
#[derive(Clone, Copy, Debug)]
struct Open {
    expires: Time,
    ended: Option<Time>,
}

impl Open {
    /// A ceremony that ran out is closed by the next command, perhaps much later.
    fn end(&self) -> Time {
        self.ended.map_or(self.expires, |ended| ended.min(self.expires))
    }
}

/// What the log says.
#[derive(Debug, Default)]
pub struct History {
    accounts: BTreeMap<AccountNumber, AccountId>,
    numbers: BTreeMap<AccountId, AccountNumber>,
    versions: BTreeMap<Hash, (AccountId, Factor)>,
    /// When an account's first password was sealed.
    sealed: BTreeMap<AccountId, Time>,
    /// In the order of their beginnings, which is the log's.
    windows: BTreeMap<AccountId, Vec<Window>>,
    ceremonies: BTreeMap<Hash, Open>,
    reconciled: Vec<Hash>,
    periods: Vec<Period>,
    facts: BTreeMap<Bytes<32>, Fact>,
    used: BTreeSet<(Hash, AccountId)>,
    unused: BTreeSet<Unused>,
}

impl History {
    /// Takes the next entry in.
    pub fn note(&mut self, time: Time, event: &Event) {
        match event {
            Event::AccountCreated { account, provider: Provider::Aws, external_id, .. } => {
                if let Some(number) = AccountNumber::parse(external_id) {
                    self.accounts.insert(number, *account);
                    self.numbers.insert(*account, number);
                }
            }
            Event::Sealed(sealing) => {
                let (account, factor) = (sealing.account, sealing.factor);
                self.versions.insert(sealing.credential, (account, factor));
                if factor == Factor::Password {
                    self.sealed.entry(account).or_insert(time);
                }
                if sealing.shown != Shown::Nobody {
                    self.begin(account, Window { by: By::Sealing(sealing.version), from: time, factor });
                }
            }
            Event::Opened(opening) => {
                self.ceremonies.insert(opening.ceremony, Open { expires: opening.expires, ended: None });
            }
            Event::Released { ceremony, credential, .. } => {
                if let Some((account, factor)) = self.versions.get(credential).copied() {
                    self.begin(account, Window { by: By::Ceremony(*ceremony), from: time, factor });
                }
            }
            Event::Ended { ceremony, .. } => {
                if let Some(open) = self.ceremonies.get_mut(ceremony) {
                    open.ended = Some(time);
                }
            }
            Event::Reconciled(found) => {
                self.reconciled.push(found.facts);
                self.periods.extend(found.period.filter(|_| found.source == RootRecords::Cloudtrail));
            }
            _ => {}
        }
    }

    fn begin(&mut self, account: AccountId, window: Window) {
        if lets_in(window.factor) {
            self.windows.entry(account).or_default().push(window);
        }
    }

    /// Hashes of the records of all reconciliations, in order.
    pub fn reconciled(&self) -> &[Hash] {
        &self.reconciled
    }

    /// Takes in what an earlier reconciliation found, in the order of the log.
    pub fn remember(&mut self, facts: Facts) {
        for fact in facts.uses {
            if let Verdict::Explained(By::Ceremony(ceremony)) = fact.verdict {
                self.used.insert((ceremony, fact.account));
            }
            self.facts.insert(fact.id, fact);
        }
        self.unused.extend(facts.unused);
    }

    /// The account with this id at AWS.
    pub fn account(&self, number: &AccountNumber) -> Option<AccountId> {
        self.accounts.get(number).copied()
    }

    /// An account's id at AWS.
    pub fn number(&self, account: &AccountId) -> Option<AccountNumber> {
        self.numbers.get(account).copied()
    }

    /// Whether the last entry that speaks of it says the same.
    pub fn says(&self, fact: &Fact) -> bool {
        self.facts.get(&fact.id).is_some_and(|said| said.verdict == fact.verdict)
    }

    /// Whether an entry says that there was no use after a ceremony.
    pub fn says_unused(&self, unused: &Unused) -> bool {
        self.unused.contains(unused)
    }

    /// Uses that were too fresh to judge.
    pub fn pending(&self) -> impl Iterator<Item = &Fact> {
        self.facts.values().filter(|fact| fact.verdict == Verdict::Pending)
    }

    /// Whether earlier reconciliations were of all of this period.
    pub fn covers(&self, period: Period) -> bool {
        let mut sorted = self.periods.clone();
        sorted.sort_by_key(|part| part.from);
        let begun = sorted.iter().any(|part| part.from <= period.from && period.from <= part.to);
        let reached = sorted.iter().fold(period.from, |reached, part| {
            if part.from <= reached { reached.max(part.to) } else { reached }
        });
        begun && period.to <= reached
    }

    /// What a use is: something that was done at a time, perhaps in a session that
    /// began before, and whether the provider refused it.
    pub fn judge(
        &self,
        account: &AccountId,
        at: Time,
        session: Option<Time>,
        (what, failed): (RootUse, bool),
        rules: Rules,
    ) -> Verdict {
        // A session goes on after what it was begun in; who signs in begins one.
        let session =
            session.filter(|begun| what != RootUse::SignIn && *begun <= at && at - *begun <= SESSION);
        let by = [Some(at), session].into_iter().flatten().find_map(|at| self.explaining(account, at, rules));
        let attempt = matches!(
            what,
            RootUse::SignIn | RootUse::PasswordRecoveryRequested | RootUse::PasswordRecoveryCompleted
        );
        match by {
            by if failed && attempt => Verdict::Failed(by),
            Some(by) => Verdict::Explained(by),
            // By its own time: a session from before excuses nothing that it does after.
            None if self.is_before(account, at) => Verdict::Before,
            None if rules.now - at < DELIVERY => Verdict::Pending,
            None => Verdict::Unexplained,
        }
    }

    /// The latest window that a time lies in.
    fn explaining(&self, account: &AccountId, at: Time, rules: Rules) -> Option<By> {
        let windows = self.windows.get(account)?;
        let holds = |window: &&Window| at + SKEW >= window.from && at <= self.end(window) + rules.grace;
        windows.iter().rev().find(holds).map(|window| window.by)
    }

    fn end(&self, window: &Window) -> Time {
        match &window.by {
            By::Ceremony(ceremony) => self.ceremonies.get(ceremony).map_or(window.from, Open::end),
            By::Sealing(_) => window.from,
        }
    }

    fn is_before(&self, account: &AccountId, at: Time) -> bool {
        self.sealed.get(account).is_none_or(|sealed| at < *sealed)
    }

    /// Ceremonies that released a password and of which the records, that are of a
    /// period, have no use: those where one would be among them, and those where one
    /// may still come.
    pub(super) fn without_use(
        &self,
        used: &BTreeSet<(Hash, AccountId)>,
        period: Option<Period>,
        rules: Rules,
    ) -> (Vec<Unused>, Vec<Unused>) {
        let (mut unused, mut awaited) = (Vec::new(), Vec::new());
        for (account, windows) in &self.windows {
            if !self.numbers.contains_key(account) {
                continue;
            }
            for window in windows.iter().filter(|window| window.factor == Factor::Password) {
                let By::Ceremony(ceremony) = window.by else { continue };
                let found = (ceremony, *account);
                if used.contains(&found) || self.used.contains(&found) {
                    continue;
                }
                let one = Unused { released: window.from, ceremony, account: *account };
                let end = self.end(window) + rules.grace;
                let covered = period.is_some_and(|period| period.from <= window.from && end <= period.to);
                if rules.now - end < DELIVERY {
                    awaited.push(one);
                } else if covered || self.unused.contains(&one) {
                    unused.push(one);
                }
            }
        }
        unused.sort();
        awaited.sort();
        (unused, awaited)
    }
}
