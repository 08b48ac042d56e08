//! What the entries of a log say of a period, with their positions. They are given
//! one after the other; what is kept is what is live, and what is of the period.
//! Nothing is judged: the entries must be those of a log that was replayed.
//!
//! Reconciliations are read beyond the period's end, for they come after what they
//! are of; everything else is as it was when the period ended.

use crate::event::{Accepts, Actor, Event, Hash, Line, Made, Reconciliation, RootUse, Shown};
use crate::hex::Bytes;
use crate::name::{AccountId, Factor, GroupId, Pseudonym, Recipient};
use crate::report::reconcile::{Facts, Verdict};
use crate::state::Past;
use crate::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Where an entry stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct At {
    /// Its index, from 0.
    pub index: u64,
    /// Its time.
    pub time: Time,
}

/// How a version stopped being current.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replaced {
    /// A rotation was settled for the next one.
    Rotated,
    /// The next one was sealed.
    Sealed,
    /// Its record was destroyed.
    Destroyed,
}

impl Replaced {
    /// For JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::Sealed => "sealed",
            Self::Destroyed => "destroyed",
        }
    }
}

/// What became of a version.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
    /// Where it came from.
    pub made: Made,
    /// To whom it was shown.
    pub shown: Shown,
    /// When it was sealed.
    pub sealed: At,
    /// When it was first released to somebody, and in which ceremony.
    pub exposed: Option<(At, Hash)>,
    /// When the gate first opened it for itself.
    pub exposed_to_host: Option<At>,
    /// When another took its place.
    pub replaced: Option<(At, Replaced)>,
}

/// Entries of a ceremony.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its opening.
    pub opened: At,
    /// Its end.
    pub ended: Option<At>,
    /// Contributions that were refused.
    pub refused: u64,
    /// Entries that concern all of it.
    pub entries: Vec<u64>,
    /// Entries that concern a target, by its index.
    pub of_targets: Vec<(u64, u64)>,
}

/// A rotation.
#[derive(Clone, Debug)]
pub struct Turned {
    /// The version that was current.
    pub old: Hash,
    /// The one that was made to replace it.
    pub new: Hash,
    /// In which ceremony.
    pub ceremony: Hash,
    /// Its begin.
    pub begun: At,
    /// Its settlement, what the provider accepts, and to whom the new one went.
    pub settled: Option<(At, Accepts, Shown)>,
}

/// Something that did not count.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its entry.
    pub at: At,
    /// In which ceremony; none in a drill.
    pub ceremony: Option<Hash>,
    /// Whose.
    pub custodian: Pseudonym,
    /// Why.
    pub why: &'static str,
}

/// A use of a root user in the period, as it was judged last.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub at: Time,
    /// What.
    pub what: RootUse,
    /// How it was judged.
    pub verdict: Verdict,
    /// The entry that says so.
    pub entry: u64,
}

/// A drill.
#[derive(Clone, Debug)]
pub struct Drilled {
    /// Which group.
    pub group: GroupId,
    /// Its begin.
    pub begun: At,
    /// Until when proofs count.
    pub until: Time,
    /// The gate's proof.
    pub gate: Option<u64>,
    /// Members' proofs.
    pub proved: BTreeMap<Pseudonym, At>,
    /// Answers that were refused.
    pub refused: Vec<u64>,
}

/// What the entries say.
#[derive(Debug)]
pub struct Gathering {
    /// The period.
    pub within: Range<Time>,
    /// Where each account was created, and its standing set last.
    pub accounts: BTreeMap<AccountId, (u64, Option<u64>)>,
    /// Versions.
    pub versions: BTreeMap<Hash, Sealed>,
    /// Ceremonies that were open in the period, by their hash.
    pub held: BTreeMap<Hash, Held>,
    /// The same, as the state had them.
    pub past: Past,
    /// Rotations of the period, and those that were not settled before it.
    pub turned: Vec<Turned>,
    /// Refusals of the period.
    pub refused: Vec<Refused>,
    /// Reconciliations of the period, or of records of the period.
    pub reconciled: Vec<(At, Reconciliation)>,
    /// Uses of the period, by their facts' ids.
    pub uses: BTreeMap<Bytes<32>, Used>,
    /// What credential reports said last of how a root user is protected.
    pub protection: BTreeMap<(AccountId, RootUse), (Verdict, At)>,
    /// Drills of the period, and those of before of which proofs may count, by id.
    pub drills: BTreeMap<Bytes<32>, Drilled>,
    /// Where each group was formed.
    pub groups: BTreeMap<GroupId, u64>,
    /// Where each group's witness policy was set last.
    pub policies: BTreeMap<GroupId, u64>,
    /// Where bindings were agreed to.
    pub bound: Vec<u64>,
    /// Admissions in the period, and withdrawals of such.
    pub admitted: Vec<u64>,
    /// Releases of the period, and how many custodians each was by.
    pub released: Vec<(u64, usize)>,
    /// Entries of the period that a card has signed.
    pub signed: u64,
    /// The first and the last of those.
    pub signed_range: Option<(u64, u64)>,
    /// All entries of the period.
    pub entries: u64,
    reach: Span,
    current: BTreeMap<(AccountId, Factor), Hash>,
    pending: BTreeSet<Hash>,
}

impl Gathering {
    /// Of the half-open period `within`; proofs in drills count for `reach`.
    pub fn new(within: Range<Time>, reach: Span) -> Self {
        Self {
            within,
            reach,
            accounts: BTreeMap::new(),
            versions: BTreeMap::new(),
            held: BTreeMap::new(),
            past: Past::default(),
            turned: Vec::new(),
            refused: Vec::new(),
            reconciled: Vec::new(),
            uses: BTreeMap::new(),
            protection: BTreeMap::new(),
            drills: BTreeMap::new(),
            groups: BTreeMap::new(),
            policies: BTreeMap::new(),
            bound: Vec::new(),
            admitted: Vec::new(),
            released: Vec::new(),
            signed: 0,
            signed_range: None,
            entries: 0,
            current: BTreeMap::new(),
            pending: BTreeSet::new(),
        }
    }

    /// Takes the next entry, which must be of before the period's end.
    pub fn note(&mut self, at: At, line: &Line, leaf: &Bytes<32>) {
        let At { index, time } = at;
        let actor = match line {
            Line::Known(entry) => &entry.actor,
            Line::Unknown { actor, .. } => actor,
        };
        if self.within.contains(&time) {
            self.entries += 1;
            if let Actor::Card(_) = actor {
                self.signed += 1;
                self.signed_range = Some((self.signed_range.map_or(index, |(first, _)| first), index));
            }
        }
        let Line::Known(entry) = line else { return };
        self.past.note(index, time, &entry.event);
        self.standing(at, &entry.event);
        self.sealing(at, &entry.event);
        self.ceremony(at, &entry.event);
        self.drill(at, &entry.event, leaf);
    }

    /// Accounts, groups, and who agreed to what.
    fn standing(&mut self, at: At, event: &Event) {
        match event {
            Event::AccountCreated { account, .. } => {
                self.accounts.insert(*account, (at.index, None));
            }
            Event::AccountStandingSet { account, .. } => {
                if let Some((_, set)) = self.accounts.get_mut(account) {
                    *set = Some(at.index);
                }
            }
            Event::GroupFormed(group) => {
                self.groups.insert(group.group, at.index);
            }
            Event::WitnessPolicySet(set) => {
                self.policies.insert(set.group, at.index);
            }
            Event::Bound(_) => self.bound.push(at.index),
            Event::OperatorAdmitted(_) | Event::AdmissionRevoked { .. } if self.within.contains(&at.time) => {
                self.admitted.push(at.index);
            }
            _ => {}
        }
    }

    /// Versions, and what takes their places.
    fn sealing(&mut self, at: At, event: &Event) {
        match event {
            Event::Sealed(sealing) => {
                let (account, factor, version) = (sealing.account, sealing.factor, sealing.version);
                let (made, shown) = (sealing.made, sealing.shown);
                let (exposed, exposed_to_host, replaced) = (None, None, None);
                self.versions.insert(
                    sealing.credential,
                    Sealed {
                        account,
                        factor,
                        version,
                        made,
                        shown,
                        sealed: at,
                        exposed,
                        exposed_to_host,
                        replaced,
                    },
                );
                if !self.pending.contains(&sealing.credential) {
                    self.replace((account, factor), sealing.credential, at, Replaced::Sealed);
                }
            }
            Event::Released { ceremony, credential, custodians, .. } => {
                if self.within.contains(&at.time) {
                    self.released.push((at.index, custodians.len()));
                }
                let Some(version) = self.versions.get_mut(credential) else { return };
                match version.factor.recipient() {
                    Recipient::Requester => {
                        version.exposed.get_or_insert((at, *ceremony));
                    }
                    Recipient::Gate => {
                        version.exposed_to_host.get_or_insert(at);
                    }
                }
            }
            Event::RotationBegun(begun) => {
                self.pending.insert(begun.new);
                let (old, new, ceremony) = (begun.old, begun.new, begun.ceremony);
                self.turned.push(Turned { old, new, ceremony, begun: at, settled: None });
            }
            Event::RotationSettled(settled) => {
                self.pending.remove(&settled.credential);
                if settled.accepts == Accepts::New
                    && let Some(new) = self.versions.get(&settled.credential)
                {
                    let place = (new.account, new.factor);
                    self.replace(place, settled.credential, at, Replaced::Rotated);
                }
                let found = self.turned.iter().rposition(|turned| turned.new == settled.credential);
                let Some(found) = found else { return };
                if at.time < self.within.start {
                    self.turned.remove(found);
                } else if let Some(turned) = self.turned.get_mut(found) {
                    turned.settled = Some((at, settled.accepts, settled.handed));
                }
            }
            Event::Destroyed(gone) => {
                let Some(version) = self.versions.get_mut(&gone.credential) else { return };
                version.replaced.get_or_insert((at, Replaced::Destroyed));
                // Nothing of the period needs it.
                if at.time < self.within.start {
                    self.versions.remove(&gone.credential);
                }
            }
            _ => {}
        }
    }

    fn replace(&mut self, place: (AccountId, Factor), by: Hash, at: At, how: Replaced) {
        let before = self.current.insert(place, by);
        if let Some(version) = before.and_then(|before| self.versions.get_mut(&before)) {
            version.replaced.get_or_insert((at, how));
        }
    }

    /// Ceremonies, and what was refused in them.
    fn ceremony(&mut self, at: At, event: &Event) {
        let Some(hash) = event.ceremony() else { return };
        if let Event::Opened(_) = event {
            let (entries, of_targets) = (Vec::new(), Vec::new());
            self.held.insert(*hash, Held { opened: at, ended: None, refused: 0, entries, of_targets });
        }
        // What a rotation's settlement comes after may have ended long ago.
        let Some(held) = self.held.get_mut(hash) else { return };
        match event {
            Event::Opened(_) | Event::Targeted { .. } | Event::Accepted(_) => held.entries.push(at.index),
            Event::Released { target, .. }
            | Event::Revealed { target, .. }
            | Event::CodeGiven { target, .. } => {
                held.of_targets.push((*target, at.index));
            }
            Event::Refused { custodian, why, .. } => {
                held.refused += 1;
                if self.within.contains(&at.time) {
                    let (ceremony, custodian, why) = (Some(*hash), custodian.clone(), why.as_str());
                    self.refused.push(Refused { at, ceremony, custodian, why });
                }
            }
            Event::ShareRejected { custodian, .. } if self.within.contains(&at.time) => {
                let (ceremony, custodian) = (Some(*hash), custodian.clone());
                self.refused.push(Refused { at, ceremony, custodian, why: "bad-share" });
            }
            Event::Ended { .. } => {
                held.entries.push(at.index);
                held.ended = Some(at);
                if at.time < self.within.start {
                    self.held.remove(hash);
                    self.past.forget(hash);
                }
            }
            _ => {}
        }
    }

    fn drill(&mut self, at: At, event: &Event, leaf: &Bytes<32>) {
        match event {
            Event::DrillBegun { group, until, .. } if *until >= self.within.start - self.reach => {
                let (gate, proved, refused) = (None, BTreeMap::new(), Vec::new());
                let drill = Drilled { group: *group, begun: at, until: *until, gate, proved, refused };
                self.drills.insert(*leaf, drill);
            }
            Event::GateProved { drill, .. } => {
                if let Some(drill) = self.drills.get_mut(drill) {
                    drill.gate = Some(at.index);
                }
            }
            Event::CustodianProved { answer, .. } => {
                if let Some(drill) = self.drills.get_mut(&answer.drill) {
                    drill.proved.insert(answer.custodian.clone(), at);
                }
            }
            Event::DrillRefused { answer, why } => {
                if let Some(drill) = self.drills.get_mut(&answer.drill) {
                    drill.refused.push(at.index);
                }
                if self.within.contains(&at.time) {
                    let (custodian, why) = (answer.custodian.clone(), why.as_str());
                    self.refused.push(Refused { at, ceremony: None, custodian, why });
                }
            }
            _ => {}
        }
    }

    /// Takes a reconciliation with its facts, in the order of the log; also of after
    /// the period.
    pub fn reconciliation(&mut self, at: At, found: &Reconciliation, facts: &Facts) {
        let of_period = found
            .period
            .is_some_and(|records| records.from < self.within.end && records.to >= self.within.start);
        if of_period || self.within.contains(&at.time) {
            self.reconciled.push((at, found.clone()));
        }
        for fact in &facts.uses {
            let (account, what, verdict) = (fact.account, fact.what, fact.verdict);
            if what.is_standing() && at.time < self.within.end {
                self.protection.insert((account, what), (verdict, at));
            }
            if let Some(time) = fact.at.filter(|time| self.within.contains(time)) {
                let used = Used { account, at: time, what, verdict, entry: at.index };
                self.uses.insert(fact.id, used);
            }
        }
    }
}
