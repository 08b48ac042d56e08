//! The overview of an organisation: a projection in rows, from which `status` and
//! `due` are answered without replaying its log. Here is which rows there are and
//! which of them an event changes; `facts` says what stands in one, `read` when
//! they may be believed.
//!
//! Rows say only what the entries say, so each can be made of the state alone.
//! What depends on a scope's rules (when something is due, whether a group would
//! hold it) is worked out on reading from facts that are the scope's own: a policy
//! for a whole organisation changes one row, however many accounts it has.
//!
//! | row | says |
//! |---|---|
//! | `head` | of which size and root the rows are; the organisation's own group, rules and last reconciliation |
//! | `project/P` | name, group, rules, and what its accounts add up to |
//! | `account/A` | an account and the current version of each factor |
//! | `aged/P/F/T/A` | of a factor the account follows its project's rules; its version was sealed at `T` |
//! | `own/F/T/A` | of a factor the account has a period of its own, which ends at `T` |
//! | `urgent/F/A` | exposed, to the host too, weakened, not settled, or an older password is exposed |
//! | `waits/A` | of an account's baseline nothing is missing but what credential reports have to say |
//! | `report/E` | a credential report; the newest entry comes first |
//! | `group/G`, `card/C`, `ceremony/H` | a group, and when its members showed their keys; a card; an open ceremony |
//!
//! Long, because which rows an event changes is one list, kept whole.

mod facts;
mod read;
mod reports;

pub use facts::{
    AccountRow, CardRow, CeremonyRow, Current, GroupRow, Head, ProjectRow, Rules, Tally, rules_alone,
};
pub use read::{Opened, Overview, Reading, Unusable};
pub use reports::ReportRow;

use super::VaultError;
use crate::event::{
    AuthenticatorReplacement, CardResumption, CardRevocation, CardSuspension, Event, Hash, RootRecords, Scope,
};
use crate::hex::Bytes;
use crate::name::{AccountId, Factor, GroupId, OrganisationId, ProjectId, Pseudonym};
use crate::state::Organisation;
use crate::state::baseline::ByEntries;
use crate::store::{RecordKey, Store};
use crate::time::{Span, Time};
use facts::Counted;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Rows by name.
pub type Rows = BTreeMap<String, Vec<u8>>;

/// Name of the row that says of which log the others are.
pub const HEAD: &str = "head";

/// A row that is made of the state by itself. What of an account is counted or
/// listed elsewhere goes with its own row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Row {
    Project(ProjectId),
    Account(AccountId),
    Group(GroupId),
    Card(Pseudonym),
    Ceremony(Hash),
    /// That came with an entry.
    Report(u64),
}

/// What an event changes. Of a kind that is not listed here nobody has said that
/// little changes, so all rows are made anew: slow in a large organisation, and
/// right. `state` is that before the event.
fn changed(event: &Event, state: &Organisation) -> Option<Vec<Row>> {
    // An identity has no row but in what its group holds.
    let account = |credential: &Hash| match state.begun(credential)? {
        begun if begun.factor == Factor::Identity => {
            state.versions.get(credential).map(|version| Row::Group(version.sealing.group))
        }
        begun => Some(Row::Account(begun.account)),
    };
    let scope = |scope: &Scope| match scope {
        // The head is written with every commit.
        Scope::Organisation => Vec::new(),
        Scope::Project(id) => vec![Row::Project(*id)],
        Scope::Account(id) => vec![Row::Account(*id)],
    };
    Some(match event {
        Event::ProjectCreated { project, .. } => vec![Row::Project(*project)],
        Event::AccountCreated { account, .. }
        | Event::AccountRenamed { account, .. }
        | Event::AccountStandingSet { account, .. } => vec![Row::Account(*account)],
        Event::CardEnrolled(card) => vec![Row::Card(card.pseudonym.clone())],
        Event::CardSuspended(CardSuspension { custodian, .. })
        | Event::CardResumed(CardResumption { custodian, .. })
        | Event::CardRevoked(CardRevocation { custodian, .. })
        | Event::AuthenticatorReplaced(AuthenticatorReplacement { custodian, .. }) => {
            vec![Row::Card(custodian.clone())]
        }
        Event::GroupFormed(formed) => {
            let members = formed.members.iter().map(|member| Row::Card(member.pseudonym.clone()));
            members.chain([Row::Group(formed.group)]).collect()
        }
        // Name, threshold and members stay, with new keys.
        Event::GroupRenewed(renewal) => vec![Row::Group(renewal.statement.group)],
        Event::AbandonmentBegun(notice) => vec![Row::Group(notice.group)],
        // It ends every notice that stands.
        Event::RestoredWithGap(_) => state.abandonments.keys().copied().map(Row::Group).collect(),
        Event::AbandonmentVetoed(veto) => vec![Row::Group(veto.group)],
        Event::OperatorAdmitted(admission) => vec![Row::Card(admission.operator.clone())],
        Event::AdmissionRevoked { admission, .. } => {
            let operator = state.admissions.get(admission).map(|given| given.operator.clone());
            operator.map(Row::Card).into_iter().collect()
        }
        Event::Bound(binding) if binding.factor == Factor::Password => scope(&binding.scope),
        Event::RotationPolicySet(policy) => scope(&policy.scope),
        Event::Sealed(sealing) => vec![Row::Account(sealing.account)],
        Event::IdentitySealed(sealing) => vec![Row::Group(sealing.group)],
        Event::Opened(opening) => vec![Row::Ceremony(opening.ceremony)],
        Event::Targeted { ceremony, .. } => vec![Row::Ceremony(*ceremony)],
        Event::Accepted(given) => vec![Row::Ceremony(given.ceremony), Row::Card(given.custodian.clone())],
        Event::Refused { custodian, .. } => vec![Row::Card(custodian.clone())],
        Event::CustodianProved { answer, .. } => {
            let group = state.drills.group_of(&answer.drill).map(|group| Row::Group(*group));
            group.into_iter().chain([Row::Card(answer.custodian.clone())]).collect()
        }
        Event::DrillRefused { answer, .. } => vec![Row::Card(answer.custodian.clone())],
        Event::DrillPolicySet(set) => vec![Row::Group(set.group)],
        Event::Released { credential, .. } => account(credential).into_iter().collect(),
        Event::Ended { ceremony, .. } => {
            let targets = state.ceremonies.get(ceremony).into_iter().flat_map(|open| &open.targets);
            targets.filter_map(account).chain([Row::Ceremony(*ceremony)]).collect()
        }
        Event::ReshareOpened(opening) => vec![Row::Ceremony(opening.ceremony)],
        Event::RedealingRejected(rejected) => vec![Row::Ceremony(rejected.ceremony)],
        // With the first part the bindings move too, which can be those of any account.
        Event::Reshared(done) if is_under_way(state, &done.ceremony) => {
            let versions = done.versions.iter().filter_map(|version| account(&version.credential));
            // Identities come to the new group's row.
            let open = state.ceremonies.get(&done.ceremony).and_then(|open| open.reshare.as_ref());
            let new = open.map(|reshare| Row::Group(reshare.to.group));
            versions.chain(new).chain([Row::Ceremony(done.ceremony)]).collect()
        }
        Event::RotationBegun(begun) => account(&begun.old).into_iter().collect(),
        Event::RotationSettled(settled) => account(&settled.credential).into_iter().collect(),
        Event::Destroyed(gone) => account(&gone.credential).into_iter().collect(),
        Event::BaselineStated(said) => vec![Row::Account(said.account)],
        Event::Reconciled(found) if found.source == RootRecords::CredentialReport => {
            vec![Row::Report(state.size)]
        }
        Event::Bound(_)
        | Event::WitnessPolicySet(_)
        | Event::SealBegun { .. }
        | Event::ShareRejected { .. }
        | Event::Revealed { .. }
        | Event::DrillBegun { .. }
        | Event::GateProved { .. }
        | Event::Reconciled(_)
        | Event::RecoverabilityChecked(_)
        | Event::GateEpochBegun(_)
        | Event::KeepersNamed(_)
        | Event::AuthenticatorResealed { .. }
        | Event::DealingsDestroyed(_)
        | Event::CodeGiven { .. } => Vec::new(),
        _ => return None,
    })
}

/// Whether some part of what a ceremony is to reshare was handed over already.
fn is_under_way(state: &Organisation, ceremony: &Hash) -> bool {
    let open = state.ceremonies.get(ceremony).and_then(|open| open.reshare.as_ref());
    open.is_some_and(|reshare| reshare.done > 0)
}

/// What a batch of events changes, noted while they are applied.
#[derive(Default)]
pub struct Changes {
    /// Accounts as they were before the batch.
    accounts: BTreeMap<AccountId, Option<AccountRows>>,
    others: BTreeSet<Row>,
    everything: bool,
}

/// Rows to write with a batch of events.
#[derive(Default)]
pub struct Written {
    /// Whether all that are there are removed first.
    pub clear: bool,
    /// Names.
    pub delete: Vec<String>,
    /// Names and bytes.
    pub put: Vec<(String, Vec<u8>)>,
}

impl Changes {
    /// Notes an event that is about to be applied.
    pub fn note(&mut self, event: &Event, state: &Organisation) {
        let Some(rows) = changed(event, state) else {
            self.everything = true;
            return;
        };
        for row in rows {
            match row {
                Row::Account(id) => {
                    self.accounts.entry(id).or_insert_with(|| AccountRows::of(state, &id));
                }
                other => {
                    self.others.insert(other);
                }
            }
        }
    }

    /// The rows to write with these events. `state` has them; `size` and `root` are
    /// those before. Where the stored rows are of another log than that one, all are
    /// made anew. They are read before the transaction begins: if somebody else has
    /// written since, the append is refused by its size.
    pub fn rows(
        self,
        store: &dyn Store,
        state: &Organisation,
        (size, root): (u64, Bytes<32>),
    ) -> Result<Written, VaultError> {
        let stored = Stored { store, log: state.id };
        let head = stored.read::<Head>(HEAD)?;
        let of_before = head.is_some_and(|head| head.size == size && head.root == root);
        if !self.everything
            && of_before
            && let Some(written) = self.incremental(&stored, state)?
        {
            return Ok(written);
        }
        if store.size(&state.id)? != size {
            // The append is about to be refused: others were faster.
            return Ok(Written::default());
        }
        Ok(Written { clear: true, delete: Vec::new(), put: all(state).into_iter().collect() })
    }

    /// `None` if the stored counts cannot be those of before. Long, because every kind of
    /// row that a batch writes is written here.
    fn incremental(self, stored: &Stored<'_>, state: &Organisation) -> Result<Option<Written>, VaultError> {
        let mut written = Written::default();
        let (mut less, mut more) = (Counts::default(), Counts::default());
        for (id, before) in self.accounts {
            let Some(after) = AccountRows::of(state, &id) else { continue };
            let before = before.map(|before| {
                less.add(&before.counted);
                before.rows
            });
            more.add(&after.counted);
            let before = before.unwrap_or_default();
            written.delete.extend(before.keys().filter(|name| !after.rows.contains_key(*name)).cloned());
            let changed = after.rows.into_iter().filter(|(name, bytes)| before.get(name) != Some(bytes));
            written.put.extend(changed);
        }
        let (mut projects, mut groups) = (more.projects_with(&less), more.groups_with(&less));
        for row in self.others {
            match row {
                Row::Project(id) => {
                    projects.insert(id);
                }
                Row::Group(id) => {
                    groups.insert(id);
                }
                Row::Card(who) => written.put.extend(row_of(card(&who), CardRow::of(state, &who))),
                Row::Ceremony(hash) => match CeremonyRow::of(state, &hash) {
                    Some(open) => written.put.extend(row_of(ceremony(&hash), Some(open))),
                    None => written.delete.push(ceremony(&hash)),
                },
                Row::Report(entry) => written.put.extend(row_of(report(entry), ReportRow::of(state, entry))),
                Row::Account(_) => {}
            }
        }
        for id in projects {
            let name = project(&id);
            let before = stored.read::<ProjectRow>(&name)?.map(|row| row.tally).unwrap_or_default();
            let Some(tally) = before.and(&more.tally(&id)).without(&less.tally(&id)) else { return Ok(None) };
            written.put.extend(row_of(name, ProjectRow::of(state, &id, tally)));
        }
        for id in groups {
            let name = group(&id);
            let before = stored.read::<GroupRow>(&name)?.map_or(0, |row| row.holds);
            let holds = before.saturating_add(more.holds(&id)).checked_sub(less.holds(&id));
            let Some(holds) = holds else { return Ok(None) };
            written.put.extend(row_of(name, GroupRow::of(state, &id, holds)));
        }
        written.put.extend(row_of(HEAD.to_owned(), Some(Head::of(state))));
        Ok(Some(written))
    }
}

/// What accounts are counted as.
#[derive(Default)]
struct Counts {
    projects: BTreeMap<ProjectId, Tally>,
    groups: BTreeMap<GroupId, u64>,
}

impl Counts {
    fn add(&mut self, counted: &Counted) {
        let tally = self.projects.entry(counted.project).or_default();
        *tally = tally.and(&counted.tally);
        for (group, count) in &counted.holds {
            *self.groups.entry(*group).or_default() += count;
        }
    }

    fn tally(&self, project: &ProjectId) -> Tally {
        self.projects.get(project).copied().unwrap_or_default()
    }

    fn holds(&self, group: &GroupId) -> u64 {
        self.groups.get(group).copied().unwrap_or(0)
    }

    /// Projects that count otherwise than in `before`.
    fn projects_with(&self, before: &Self) -> BTreeSet<ProjectId> {
        let all = self.projects.keys().chain(before.projects.keys()).copied();
        all.filter(|id| self.tally(id) != before.tally(id)).collect()
    }

    fn groups_with(&self, before: &Self) -> BTreeSet<GroupId> {
        let all = self.groups.keys().chain(before.groups.keys()).copied();
        all.filter(|id| self.holds(id) != before.holds(id)).collect()
    }
}

/// An account's own row and those by which it is found, and what is counted of it.
struct AccountRows {
    rows: Rows,
    counted: Counted,
}

impl AccountRows {
    fn of(state: &Organisation, id: &AccountId) -> Option<Self> {
        let found = AccountRow::of(state, id)?;
        let mut rows = Rows::new();
        rows.extend(found.urgent().map(|factor| (format!("urgent/{factor}/{id}"), Vec::new())));
        if found.baseline == ByEntries::Waits {
            rows.insert(format!("waits/{id}"), Vec::new());
        }
        // Where nobody can sign in nothing is renewed.
        for (factor, current) in found.current.iter().filter(|_| found.standing.in_use()) {
            let sealed = current.sealed;
            let name = match found.rules.get(factor).and_then(|rules| rules.every_days) {
                None => format!("aged/{}/{factor}/{}/{id}", found.project, instant(sealed)),
                Some(0) => continue,
                Some(days) => format!("own/{factor}/{}/{id}", instant(sealed + days_of(days))),
            };
            rows.insert(name, Vec::new());
        }
        let counted = found.counted(state, id);
        rows.extend(row_of(account(id), Some(found)));
        Some(Self { rows, counted })
    }
}

/// Every row that there is to be, made of the state alone.
pub fn all(state: &Organisation) -> Rows {
    let (mut rows, mut counts) = (Rows::new(), Counts::default());
    for id in state.accounts.keys() {
        if let Some(found) = AccountRows::of(state, id) {
            counts.add(&found.counted);
            rows.extend(found.rows);
        }
    }
    rows.extend(
        state
            .projects
            .keys()
            .filter_map(|id| row_of(project(id), ProjectRow::of(state, id, counts.tally(id)))),
    );
    rows.extend(
        state.groups.keys().filter_map(|id| row_of(group(id), GroupRow::of(state, id, counts.holds(id)))),
    );
    rows.extend(state.people.keys().filter_map(|who| row_of(card(who), CardRow::of(state, who))));
    let open = state.ceremonies.keys();
    rows.extend(open.filter_map(|hash| row_of(ceremony(hash), CeremonyRow::of(state, hash))));
    let reports = state.baselines.reports.iter().map(|report| report.entry);
    rows.extend(reports.filter_map(|entry| row_of(report(entry), ReportRow::of(state, entry))));
    rows.extend(row_of(HEAD.to_owned(), Some(Head::of(state))));
    rows
}

fn row_of(name: String, row: Option<impl Serialize>) -> Option<(String, Vec<u8>)> {
    let row = row?;
    Some((name, serde_json::to_vec(&row).expect("rows are plain values with string keys")))
}

fn project(id: &ProjectId) -> String {
    format!("project/{id}")
}

fn account(id: &AccountId) -> String {
    format!("account/{id}")
}

fn group(id: &GroupId) -> String {
    format!("group/{id}")
}

fn card(who: &Pseudonym) -> String {
    format!("card/{who}")
}

fn ceremony(hash: &Hash) -> String {
    format!("ceremony/{hash}")
}

fn report(entry: u64) -> String {
    format!("report/{}", reports::place(entry))
}

/// A time as it stands in a name: in order, as names are.
fn instant(time: Time) -> String {
    format!("{:016x}", time.millis().cast_unsigned() ^ (1 << 63))
}

fn days_of(days: u64) -> Span {
    Span::hours(i64::try_from(days).map_or(i64::MAX / 3_600_000, |days| days.saturating_mul(24)))
}

/// The rows of one log in a store.
struct Stored<'a> {
    store: &'a dyn Store,
    log: OrganisationId,
}

impl Stored<'_> {
    /// A row; `None` if it is absent or says nothing of the kind.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, VaultError> {
        let key = RecordKey { log: self.log, name: name.to_owned() };
        Ok(self.store.row(&key)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

/// How stored rows differ from those that the entries make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// One says something else.
    Changed(String),
    /// One is not there.
    Missing(String),
    /// One belongs to nothing.
    Extra(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(name) => write!(f, "row {name} of the overview is not what the entries add up to"),
            Self::Missing(name) => write!(f, "row {name} of the overview is missing"),
            Self::Extra(name) => write!(f, "row {name} of the overview belongs to nothing"),
        }
    }
}

/// Rows that are read at once where all are.
const PIECE: usize = 4096;

/// Holds every stored row of a log against those that its state makes.
pub fn differences(
    store: &dyn Store,
    log: OrganisationId,
    made: &Rows,
) -> Result<Vec<Difference>, VaultError> {
    let (mut expected, mut found) = (made.iter().peekable(), Vec::new());
    let mut from = String::new();
    loop {
        // Names are printable ASCII.
        let piece = store.rows(&log, from.as_str()..LAST, PIECE)?;
        let Some((last, _)) = piece.last() else { break };
        from = format!("{last}\0");
        // Both are in the order of their names.
        for (name, bytes) in piece {
            while let Some((missing, _)) = expected.next_if(|(made, _)| **made < name) {
                found.push(Difference::Missing(missing.clone()));
            }
            match expected.next_if(|(made, _)| **made == name) {
                Some((_, made)) if *made == bytes => {}
                Some(_) => found.push(Difference::Changed(name)),
                None => found.push(Difference::Extra(name)),
            }
        }
    }
    found.extend(expected.map(|(missing, _)| Difference::Missing(missing.clone())));
    Ok(found)
}

/// Comes after every name.
const LAST: &str = "\u{10ffff}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_in_the_order_of_time() {
        let times = [-62_167_219_200_000, -1, 0, 1, 1_800_000_000_000, 253_402_300_799_999];
        let names: Vec<_> = times.iter().map(|at| instant(Time::from_millis(*at).unwrap())).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(names.iter().all(|name| name.len() == 16));
    }
}
