//! The overview: the rows from which `status` and `due` are answered are those that
//! the entries make, after every kind of entry and in every batch; a commit writes
//! few of them; and what cannot be believed is not.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../fuzz/bodies.rs"]
#[allow(dead_code, reason = "the story uses a key of it")]
mod bodies;
#[path = "corpus/story.rs"]
#[allow(dead_code, reason = "of the story only its log is wanted")]
mod story;
#[path = "support/mod.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use support::{World, slug};
use warifu::cli::system_rng;
use warifu::event::{
    AccountStanding, BaselineFact, Ending, Entry, Line, Reconciliation, RootFinding, RootRecords, RootUse,
    Scope, record_hash,
};
use warifu::hex::Bytes;
use warifu::import::csv;
use warifu::log::entry::EntryBytes;
use warifu::log::merkle::Frontier;
use warifu::log::note::LogSigner;
use warifu::log::{Checkpoint, checkpoint};
use warifu::name::{AccountAddress, AccountId, Factor};
use warifu::report::reconcile::{Fact, Facts, Verdict};
use warifu::secret::{SecretBytes, SecretKey};
use warifu::state::Organisation;
use warifu::store::memory::MemoryStore;
use warifu::store::{Append, Batch, RecordKey, Store, sqlite::SqliteStore};
use warifu::time::{Span, Time};
use warifu::vault::at_baseline::Bounds;
use warifu::vault::baseline::BaselineStatus;
use warifu::vault::drill;
use warifu::vault::due::{Due, Reason, due};
use warifu::vault::overview::{Changes, HEAD, Reading, Rows, all};
use warifu::vault::rotate::{self, Wanted};

/// Every row of a log.
fn stored(store: &dyn Store, state: &Organisation) -> Rows {
    store.rows(&state.id, "".."~", usize::MAX).unwrap().into_iter().collect()
}

fn read(line: &EntryBytes) -> Line {
    Entry::from_line(line).unwrap()
}

/// Commits the story's organisation, so many entries at a time; the rows must be
/// right after each. Gives how often all rows were made anew.
fn played(each: usize) -> usize {
    let lines = story::tell().lines;
    let begins = |line: &EntryBytes| line.as_str().contains("\"organisation-created\"");
    let lines = &lines[lines.iter().position(begins).unwrap()..];
    let mut store = MemoryStore::new();
    let mut state = Organisation::begin(&read(&lines[0]), &lines[0].leaf_hash()).unwrap();
    let mut tree = Frontier::new();
    let signer = LogSigner::new(state.origin.as_str(), SecretKey::from_slice(&[9; 32]).unwrap()).unwrap();
    let mut commit = |store: &mut MemoryStore, entries: &[EntryBytes], rows: Batch, state: &Organisation| {
        let expected_size = tree.size();
        entries.iter().for_each(|entry| tree.push(entry.leaf_hash()));
        let body = Checkpoint { origin: state.origin.to_string(), size: tree.size(), root: tree.root() };
        let checkpoint = checkpoint::sign(&body, &signer).unwrap().to_string();
        let append = Append { log: state.id, expected_size, entries: entries.to_vec(), checkpoint };
        let _ = store.commit(Batch { appends: vec![append], ..rows }).unwrap();
    };
    let keyed = |rows: Vec<(String, Vec<u8>)>, log| {
        rows.into_iter().map(|(name, bytes)| (RecordKey { log, name }, bytes)).collect()
    };
    let put_rows = keyed(all(&state).into_iter().collect(), state.id);
    commit(&mut store, &lines[..1], Batch { put_rows, ..Batch::default() }, &state);
    let mut anew = 0;
    for batch in lines[1..].chunks(each) {
        let (mut changes, before) = (Changes::default(), (state.size, state.root_at(state.size).unwrap()));
        for line in batch {
            if let Line::Known(entry) = read(line) {
                changes.note(&entry.event, &state);
            }
            state.apply(&read(line), &line.leaf_hash()).unwrap();
        }
        let rows = changes.rows(&store, &state, before).unwrap();
        anew += usize::from(rows.clear);
        let batch_of_rows = Batch {
            clear_rows: rows.clear.then_some(state.id).into_iter().collect(),
            delete_rows: rows.delete.into_iter().map(|name| RecordKey { log: state.id, name }).collect(),
            put_rows: keyed(rows.put, state.id),
            ..Batch::default()
        };
        commit(&mut store, batch, batch_of_rows, &state);
        let last = batch.last().unwrap().as_str();
        assert_eq!(texts(&stored(&store, &state)), texts(&all(&state)), "after {last}");
    }
    anew
}

fn texts(rows: &Rows) -> BTreeMap<&str, &str> {
    rows.iter().map(|(name, bytes)| (name.as_str(), std::str::from_utf8(bytes).unwrap())).collect()
}

#[test]
fn after_every_kind_of_entry_the_rows_are_those_that_the_entries_make() {
    // The first part of a resharing moves bindings, which can be those of any account.
    assert_eq!(played(1), 1, "nothing else of the story has all rows made anew");
}

/// What is to be renewed, found by looking at every current version of a state.
fn looked_at(state: &Organisation, now: Time, ahead: Span) -> Vec<String> {
    let mut found = Vec::new();
    let of_accounts = state.all_current().filter(|(_, factor, ..)| *factor != Factor::Identity);
    for (account, factor, credential, version) in of_accounts {
        let running = state.rotations.running_for(account, factor);
        let rules = state.renewal_rules(&Scope::Account(*account), factor);
        let (due, weakened) = (rules.due(version), state.weakened(credential));
        let near = due.is_some_and(|due| due <= now + ahead);
        let listed = running.is_some() || version.known_since().is_some() || weakened > 0 || near;
        if listed && (state.accounts[account].standing.in_use() || running.is_some()) {
            let pending = running.and_then(|(new, _)| state.begun(new)).map(|begun| begun.version);
            let overdue = due.is_some_and(|due| due < now);
            let since = (version.sealed, version.exposed, version.exposed_to_host);
            let number = version.sealing.version;
            let facts = (state.address(account), factor, number, due, overdue, since, weakened, pending);
            found.push(format!("{facts:?}"));
        }
    }
    found.sort();
    found
}

/// The same as `due` says it, from the rows.
fn listed(found: Vec<Due>) -> Vec<String> {
    let one = |d: Due| {
        let since = (d.sealed, d.exposed, d.exposed_to_host);
        format!("{:?}", (d.address, d.factor, d.version, d.due, d.overdue, since, d.weakened, d.pending))
    };
    let mut found: Vec<_> = found.into_iter().map(one).collect();
    found.sort();
    found
}

#[test]
fn after_every_entry_what_is_due_of_any_factor_is_what_the_versions_say() {
    let lines = story::tell().lines;
    let begins = |line: &EntryBytes| line.as_str().contains("\"organisation-created\"");
    let lines = &lines[lines.iter().position(begins).unwrap()..];
    let mut state = Organisation::begin(&read(&lines[0]), &lines[0].leaf_hash()).unwrap();
    let (mut why, mut factors) = (BTreeSet::new(), BTreeSet::new());
    for line in &lines[1..] {
        state.apply(&read(line), &line.leaf_hash()).unwrap();
        for (later, ahead) in [(0, 7), (2, 0), (40, 7), (400, 30), (4000, 0)] {
            let (now, ahead) = (state.last + Span::days(later), Span::days(ahead));
            let found = due(&state, now, ahead);
            why.extend(found.iter().flat_map(|due| due.why.clone()));
            factors.extend(found.iter().map(|due| due.factor));
            assert_eq!(listed(found), looked_at(&state, now, ahead), "after {}", line.as_str());
        }
    }
    for reason in [Reason::NotSettled, Reason::Exposed, Reason::ExposedToHost, Reason::Age] {
        assert!(why.contains(&reason), "{reason:?}: {why:?}");
    }
    assert!(factors.contains(&Factor::Mfa) && factors.contains(&Factor::Password), "{factors:?}");
}

#[test]
fn after_every_batch_the_rows_are_those_that_the_entries_make() {
    for each in [2, 3, 7, 1000] {
        played(each);
    }
}

/// What `status` and `due` say from the overview is what they say from the entries.
#[track_caller]
fn agrees(world: &World) -> Value {
    let read = |wanted| {
        let status = world.vault.status(None, world.now, wanted).unwrap();
        assert_eq!(status.organisations[0].read_from, wanted);
        let due = world.vault.due(None, world.now + Span::days(20), Span::days(7), wanted).unwrap();
        assert_eq!(due.read_from, wanted);
        let mut status = serde_json::to_value(status).unwrap();
        let organisation = status["organisations"][0].as_object_mut().unwrap();
        organisation.remove("read_from");
        (status, due.items)
    };
    let (stored, replayed) = (read(Reading::Overview), read(Reading::Entries));
    assert_eq!(stored, replayed);
    assert_eq!(world.vault.verify(None).unwrap().findings, []);
    let (now, ahead) = (world.now + Span::days(20), Span::days(7));
    assert_eq!(listed(due(&world.log.state, now, ahead)), looked_at(&world.log.state, now, ahead));
    let status = &stored.0["organisations"][0];
    // Each account's row alone says the same.
    let state = &world.log.state;
    for (id, account) in &state.accounts {
        let one = serde_json::to_value(world.vault.account_status(state, (id, account), world.now)).unwrap();
        assert!(status["accounts"].as_array().unwrap().contains(&one), "{one}");
    }
    status.clone()
}

#[test]
fn the_overview_says_what_the_entries_say_through_the_life_of_an_account() {
    let mut world = World::people(1);
    assert_eq!(agrees(&world)["counts"]["unbound"], 1);
    let group = world.form("root", 3, &[0, 1, 2, 3, 4]);
    world.admit(&group, support::ADMITTED);
    let project = *world.log.state.projects.keys().next().unwrap();
    world.bind(&group, Scope::Project(project), &[0, 1, 2]);
    assert_eq!(agrees(&world)["counts"]["unsealed"], 1);
    let other = world.account("acme/shop/other", "210987654321");
    let (id, _) = warifu::vault::hierarchy::account(&world.log.state, &other).unwrap();
    world.bind(&group, Scope::Account(id), &[0, 1, 2]);
    // The host alone sets rules before anything is sealed there, of each scope.
    for (scope, every_days) in
        [(Scope::Organisation, 90), (Scope::Project(project), 30), (Scope::Account(id), 10)]
    {
        let wanted = Wanted { every_days: Some(every_days), ..Wanted::default() };
        let (set, _) = rotate::rotation_policy(&world.log.state, scope, wanted, world.now).unwrap();
        world.vault.set_rotation_policy(&mut world.log, set, world.now).unwrap();
        agrees(&world);
    }
    world.pin(&group);
    world.seal();
    world.seal_at(&other);
    assert_eq!(agrees(&world)["counts"]["sealed"], 2);
    // One ceremony comes to nothing, with a wrong code and a share for nothing; the
    // next releases.
    let ceremony = world.open();
    assert_eq!(agrees(&world)["ceremonies"].as_array().unwrap().len(), 1);
    let wrong = world.answer_with(&ceremony, 1, &SecretBytes::new(b"000000".to_vec()), world.now);
    world.accept(&wrong).unwrap();
    world.contribute(&ceremony, 0);
    assert_eq!(agrees(&world)["ceremonies"][0]["accepted"], 1);
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    assert_eq!(agrees(&world)["counts"]["weakened"], 1);
    world.pass(Span::minutes(5));
    let ceremony = world.open();
    (0..3).for_each(|who| world.contribute(&ceremony, who));
    world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).unwrap();
    assert_eq!(agrees(&world)["counts"]["exposed"], 1);
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, world.now).unwrap();
    world.pass(Span::hours(30));
    assert_eq!(agrees(&world)["overdue"], 1);
    world.seal();
    assert_eq!(agrees(&world)["accounts"][1]["older_exposed"], serde_json::json!([1]));
    world.pass(Span::days(11));
    let status = agrees(&world);
    assert_eq!(
        (&status["overdue"], &status["accounts"][0]["address"]),
        (&1.into(), &"acme/shop/other".into())
    );
    let closed = AccountStanding::Closed;
    assert!(world.vault.set_standing(&mut world.log, &other, closed, world.now).unwrap());
    let size = world.log.state.size;
    assert!(!world.vault.set_standing(&mut world.log, &other, closed, world.now).unwrap(), "said already");
    assert_eq!((world.log.state.size, &agrees(&world)["overdue"]), (size, &0.into()));
}

#[test]
fn an_overview_under_a_later_epoch_of_the_gate_is_believed_and_no_other_key_is() {
    let mut world = World::new();
    world.pass(Span::minutes(1));
    for _ in 0..2 {
        let World { vault, now, rng, .. } = &mut world;
        vault.rotate_gate(None, *now, rng).unwrap();
        world.log = world.vault.log(&slug("acme")).unwrap();
        agrees(&world);
        world.pass(Span::minutes(1));
    }
    world.seal();
    agrees(&world);
    // A row that leaves out where a key was handed over names one that did not sign.
    not_believed_by_status(&world, |store, world| {
        let key = head(world);
        let mut row: Value = serde_json::from_slice(&store.row(&key).unwrap().unwrap()).unwrap();
        row["gates"].as_array_mut().unwrap().pop().unwrap();
        let put_rows = vec![(key, serde_json::to_vec(&row).unwrap())];
        let _ = store.commit(Batch { put_rows, ..Batch::default() }).unwrap();
    });
}

/// A world with so many accounts that nothing is sealed for.
fn estate(count: usize) -> World {
    let mut world = World::new();
    let mut text = "external_id,name\n".to_owned();
    (0..count).for_each(|n| writeln!(text, "{n:012},Account {n}").unwrap());
    let list = csv::read(&SecretBytes::new(text.into_bytes())).unwrap();
    let plan = world.vault.plan_import(&world.log.state, &"acme/shop".parse().unwrap(), &list).unwrap();
    let now = world.now;
    world.vault.apply_import(&mut world.log, &plan, &|| now, &system_rng, &mut |_| true).unwrap();
    world
}

#[test]
fn a_commit_writes_the_rows_of_what_it_changes_and_no_others() {
    let mut world = estate(300);
    let rows = |world: &World| stored(world.vault.store(), &world.log.state);
    let mut before = rows(&world);
    let mut changed = |world: &World| {
        let after = rows(world);
        let names = before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name));
        let kinds = names.map(|name| name.split('/').next().unwrap().to_owned()).collect::<BTreeSet<_>>();
        let count = before.keys().chain(after.keys()).collect::<BTreeSet<_>>();
        let count = count.into_iter().filter(|name| before.get(*name) != after.get(*name)).count();
        before = after;
        (count, kinds.into_iter().collect::<Vec<_>>().join(" "))
    };
    // A binding for the whole organisation.
    let group = world.group();
    world.bind(&group, Scope::Organisation, &[0, 1, 2]);
    assert_eq!(changed(&world), (1, "head".to_owned()));
    let address = "acme/shop/account-7".parse().unwrap();
    world.seal_at(&address);
    assert_eq!(changed(&world), (5, "account aged group head project".to_owned()));
    let ceremony = world.open();
    assert_eq!(changed(&world), (2, "ceremony head".to_owned()));
    world.contribute(&ceremony, 0);
    assert_eq!(changed(&world), (2, "ceremony head".to_owned()));
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, world.now).unwrap();
    assert_eq!(changed(&world), (5, "account ceremony head project urgent".to_owned()));
    // A drill: what a member shows is the group's row.
    world.pass(Span::minutes(3));
    let World { vault, log, now, rng, .. } = &mut world;
    let drill = vault.begin_drill(log, &group, Span::days(14), *now, rng).unwrap();
    assert_eq!(changed(&world), (1, "head".to_owned()));
    let World { vault, log, now, rng, custodians, .. } = &mut world;
    let answer = drill::answer(&log.state, &group, &drill, &custodians[1].card, *now, rng).unwrap();
    let _ = vault.answer_drill(log, &answer, &custodians[1].code(*now), *now).unwrap();
    assert_eq!(changed(&world), (2, "group head".to_owned()));
}

#[test]
fn of_many_accounts_status_counts_all_and_lists_those_to_look_at() {
    let mut world = estate(1001);
    let ceremony = world.open();
    (0..3).for_each(|who| world.contribute(&ceremony, who));
    world.vault.release(&mut world.log, &ceremony, 0, world.now, &mut world.rng).unwrap();
    for wanted in [Reading::Overview, Reading::Entries] {
        let status = world.vault.status(None, world.now + Span::days(2), wanted).unwrap();
        let found = &status.organisations[0];
        assert_eq!((found.accounts_total, found.overdue), (1002, 1));
        assert_eq!(found.counts, BTreeMap::from([("exposed", 1), ("unsealed", 1001)]));
        let listed: Vec<_> = found.accounts.iter().map(|account| account.address.as_str()).collect();
        assert_eq!(listed, ["acme/shop/prod"]);
    }
}

/// What a test of baselines does again and again.
trait Baselines {
    fn state(&mut self, account: AccountId, fact: BaselineFact, holds: bool);
    fn report(&mut self, account: AccountId, sound: bool);
    fn below(&self, bounds: Bounds) -> BaselineStatus;
    fn without_root_user(&mut self, name: &str) -> AccountId;
}

impl Baselines for World {
    fn state(&mut self, account: AccountId, fact: BaselineFact, holds: bool) {
        let World { vault, log, operator, now, rng, .. } = self;
        let text = holds.then_some("The board.");
        vault.state_baseline(log, &operator.card, (account, fact), text, *now, rng).unwrap();
    }

    /// Enters a credential report: whether there is no access key.
    fn report(&mut self, account: AccountId, sound: bool) {
        let source = RootRecords::CredentialReport;
        let (id, what) = (Bytes([7; 32]), RootUse::AccessKeyActive);
        let verdict = if sound { Verdict::Sound } else { Verdict::Weak };
        let uses = vec![Fact { id, account, at: None, session: None, what, verdict }];
        let serial = self.log.state.reconciled.len() as u64 + 1;
        let facts = Facts { serial, source, period: None, uses, unused: Vec::new() };
        let record = serde_json::to_vec(&facts).unwrap();
        let finding = RootFinding { account, at: None, what };
        let entry = Reconciliation {
            source,
            facts: record_hash(&record),
            period: None,
            grace: 3600,
            explained: 0,
            unexplained: 0,
            pending: 0,
            failed: 0,
            before: 0,
            weak: u64::from(!sound),
            unused: 0,
            unread: 0,
            findings: (!sound).then_some(finding).into_iter().collect(),
        };
        let enter = |_: &_| ((), vec![(entry.clone(), record.clone())]);
        let _ = self.vault.reconcile(&mut self.log, self.now, enter).unwrap();
    }

    /// From the stored rows.
    fn below(&self, bounds: Bounds) -> BaselineStatus {
        let id = self.log.state.id;
        let opened = self.vault.overview(&id, Reading::Overview).unwrap();
        assert_eq!(opened.read_from, Reading::Overview);
        self.vault.baseline_by_rows(&id, &opened.overview, bounds).unwrap()
    }

    /// An account without a root user: of its baseline a report and two statements are
    /// demanded.
    fn without_root_user(&mut self, name: &str) -> AccountId {
        let number = format!("{:012}", 555_555_000_000 + self.log.state.size);
        let address: AccountAddress = self.account(&format!("acme/shop/{name}"), &number);
        let standing = AccountStanding::CredentialLess;
        assert!(self.vault.set_standing(&mut self.log, &address, standing, self.now).unwrap());
        warifu::vault::hierarchy::account(&self.log.state, &address).unwrap().0
    }
}

/// `accounts`, `first` without what all begin with, and `not_looked_at`.
fn short(found: &BaselineStatus) -> (u64, String, u64) {
    let names = found.first.iter().map(|address| address.strip_prefix("acme/shop/").unwrap());
    (found.accounts, names.collect::<Vec<_>>().join(" "), found.not_looked_at)
}

#[test]
fn an_account_is_at_baseline_by_the_rows_when_it_is_by_the_entries() {
    use BaselineFact::{Contacts, Mailbox};
    let mut world = World::new();
    let said = |world: &World| {
        agrees(world);
        short(&world.below(Bounds::STATUS))
    };
    assert_eq!(said(&world), (1, "prod".to_owned(), 0));
    let bare = world.without_root_user("bare");
    assert_eq!(said(&world), (2, "bare prod".to_owned(), 0));
    world.state(bare, Mailbox, true);
    assert_eq!(said(&world).0, 2);
    // Now nothing is missing but a report.
    world.state(bare, Contacts, true);
    assert_eq!(said(&world), (2, "bare prod".to_owned(), 0));
    world.report(bare, true);
    assert_eq!(said(&world), (1, "prod".to_owned(), 0));
    world.report(bare, false);
    assert_eq!(said(&world), (2, "bare prod".to_owned(), 0));
    world.report(bare, true);
    assert_eq!(said(&world).0, 1);
    world.state(bare, Contacts, false);
    assert_eq!(said(&world), (2, "bare prod".to_owned(), 0));
    // Of a closed account no report is demanded.
    let address = "acme/shop/bare".parse().unwrap();
    for (standing, below) in [(AccountStanding::Closed, 1), (AccountStanding::CredentialLess, 2)] {
        assert!(world.vault.set_standing(&mut world.log, &address, standing, world.now).unwrap());
        assert_eq!(said(&world).0, below);
    }
    world.state(bare, Contacts, true);
    assert_eq!(said(&world).0, 1);
    // The record of a report is gone: nothing that was said before it counts.
    let facts = world.log.state.baselines.reports.last().unwrap().facts;
    let name = format!("reconciled/{facts}");
    let delete_records = vec![RecordKey { log: world.log.state.id, name }];
    let mut store = SqliteStore::open(world.vault.dir()).unwrap();
    let _ = store.commit(Batch { delete_records, ..Batch::default() }).unwrap();
    let status = |wanted| {
        let status = world.vault.status(None, world.now, wanted).unwrap();
        short(&status.organisations[0].not_at_baseline)
    };
    assert_eq!(status(Reading::Overview), (2, "bare prod".to_owned(), 0));
    assert_eq!(status(Reading::Overview), status(Reading::Entries));
}

#[test]
fn what_is_too_much_to_look_at_is_said_not_to_be_looked_at() {
    let mut world = World::new();
    let accounts = ["bare", "none", "void"].map(|name| world.without_root_user(name));
    for account in accounts {
        for fact in [BaselineFact::Mailbox, BaselineFact::Contacts] {
            world.state(account, fact, true);
        }
    }
    let [bare, none, void] = accounts;
    world.report(bare, true);
    world.report(none, false);
    world.report(void, true);
    let below = |world: &World, accounts, reports| short(&world.below(Bounds { accounts, reports }));
    // All is looked at.
    assert_eq!(below(&world, 4, 3), (2, "none prod".to_owned(), 0));
    // One report is not read, which speaks of one account; then more of them.
    assert_eq!(below(&world, 4, 2), (2, "none prod".to_owned(), 1));
    assert_eq!(below(&world, 4, 1), (1, "prod".to_owned(), 2));
    assert_eq!(below(&world, 4, 0), (1, "prod".to_owned(), 3));
    // More accounts wait than are looked at: how many is known all the same, and how
    // many lack what no report could show.
    let (count, _, unread) = below(&world, 2, 3);
    assert_eq!((count, unread), (1, 3));
    agrees(&world);
}

#[test]
fn rows_of_waiting_accounts_that_do_not_add_up_are_no_answer() {
    let waiting = || {
        let mut world = World::new();
        let bare = world.without_root_user("bare");
        world.state(bare, BaselineFact::Mailbox, true);
        world.state(bare, BaselineFact::Contacts, true);
        (world, bare)
    };
    let (world, bare) = waiting();
    not_believed_by_status(&world, |store, world| {
        let delete_rows = vec![RecordKey { log: world.log.state.id, name: format!("waits/{bare}") }];
        let _ = store.commit(Batch { delete_rows, ..Batch::default() }).unwrap();
    });
    let (world, _) = waiting();
    not_believed_by_status(&world, |store, world| {
        let rows = store.rows(&world.log.state.id, "project/".."project0", 9).unwrap();
        let more = rows.into_iter().map(|(name, bytes)| {
            let text = String::from_utf8(bytes).unwrap();
            let spoilt = text.replace("\"baseline_waits\":1", "\"baseline_waits\":9");
            assert_ne!(text, spoilt);
            (RecordKey { log: world.log.state.id, name }, spoilt.into_bytes())
        });
        let put_rows = more.collect();
        let _ = store.commit(Batch { put_rows, ..Batch::default() }).unwrap();
    });
}

/// Does something to the rows behind the vault's back: the answer must be right all
/// the same, and of the entries.
fn not_believed(spoil: impl Fn(&mut SqliteStore, &World)) {
    let mut world = World::new();
    world.account("acme/shop/other", "210987654321");
    not_believed_by_status(&world, spoil);
    let due = world.vault.due(None, world.now, Span::days(7), Reading::Overview).unwrap();
    assert_eq!(due.read_from, Reading::Entries);
    // The next commit makes the rows anew.
    world.account("acme/shop/third", "310987654321");
    agrees(&world);
}

/// The same of rows that `status` alone reads; that they are wrong `audit verify` says.
fn not_believed_by_status(world: &World, spoil: impl Fn(&mut SqliteStore, &World)) {
    let right = serde_json::to_value(world.vault.status(None, world.now, Reading::Entries).unwrap()).unwrap();
    spoil(&mut SqliteStore::open(world.vault.dir()).unwrap(), world);
    let status = world.vault.status(None, world.now, Reading::Overview).unwrap();
    assert_eq!(serde_json::to_value(status).unwrap(), right);
}

fn head(world: &World) -> RecordKey {
    RecordKey { log: world.log.state.id, name: HEAD.to_owned() }
}

#[test]
fn an_absent_overview_is_no_answer() {
    not_believed(|store, world| {
        let clear_rows = vec![world.log.state.id];
        let _ = store.commit(Batch { clear_rows, ..Batch::default() }).unwrap();
    });
}

#[test]
fn an_overview_of_another_size_or_root_is_no_answer() {
    for (from, to) in [("\"size\":", "\"size\":1"), ("\"root\":\"", "\"root\":\"0")] {
        not_believed(|store, world| {
            let key = head(world);
            let text = String::from_utf8(store.row(&key).unwrap().unwrap()).unwrap();
            let mut text = text.replace(from, to);
            if from.contains("root") {
                // As long as before.
                let at = text.find("\"root\":\"").unwrap() + 8 + 64;
                text.remove(at);
            }
            let _ =
                store.commit(Batch { put_rows: vec![(key, text.into_bytes())], ..Batch::default() }).unwrap();
        });
    }
}

#[test]
fn rows_that_are_none_are_no_answer() {
    not_believed(|store, world| {
        let rows = store.rows(&world.log.state.id, "project/".."project0", 9).unwrap();
        let spoilt = rows.into_iter().map(|(name, _)| (RecordKey { log: world.log.state.id, name }, vec![7]));
        let (put_rows, delete_rows) = (spoilt.collect(), vec![head(world)]);
        let _ = store.commit(Batch { delete_rows, put_rows, ..Batch::default() }).unwrap();
    });
}

#[test]
fn under_a_checkpoint_that_the_log_did_not_sign_no_overview_is_believed() {
    let world = World::new();
    let state = &world.log.state;
    let signer = LogSigner::new(state.origin.as_str(), SecretKey::from_slice(&[9; 32]).unwrap()).unwrap();
    let root = state.root_at(state.size).unwrap();
    let body = Checkpoint { origin: state.origin.to_string(), size: state.size, root };
    let checkpoint = checkpoint::sign(&body, &signer).unwrap().to_string();
    let append = Append { log: state.id, expected_size: state.size, entries: Vec::new(), checkpoint };
    let mut store = SqliteStore::open(world.vault.dir()).unwrap();
    let _ = store.commit(Batch { appends: vec![append], ..Batch::default() }).unwrap();
    let status = world.vault.status(Some(&slug("acme")), world.now, Reading::Overview);
    assert!(status.is_err(), "as by a replay");
}
