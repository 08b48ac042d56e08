//! Others write to the same log between any two steps. A step that was begun
//! before is taken from the log as it then is; what no longer follows is refused.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use support::{World, slug};
use warifu::ceremony::judge::NotCounted;
use warifu::ceremony::recipient::{finish, notices};
use warifu::cli::{Ahead, system_rng};
use warifu::event::{AccountStanding, Ending, Event, Made, Scope, Shown};
use warifu::hex::Bytes;
use warifu::import::csv;
use warifu::log::note::Cosigner;
use warifu::name::{AccountAddress, Factor, ProjectId};
use warifu::pvss::credential_id;
use warifu::seal::card::Role;
use warifu::seal::record::Payload;
use warifu::seal::totp::step_of;
use warifu::secret::{SecretBytes, SecretKey};
use warifu::state::Invalid;
use warifu::store::{Store, StoreError};
use warifu::time::{Span, Time};
use warifu::vault::bulk::{BATCH, Bulk, Done};
use warifu::vault::ceremony::requester_secret;
use warifu::vault::import::unsealed;
use warifu::vault::seal::Provenance;
use warifu::vault::witness::cosign_note;
use warifu::vault::{Log, PublicVault, Records, Vault, VaultError, group, people};

/// Another process with the same vault.
struct Other {
    vault: Vault,
    written: u8,
}

impl Other {
    fn of(world: &World) -> Self {
        Self { vault: Vault::open(world.vault.dir(), &mut || None).unwrap(), written: 0 }
    }

    fn log(&self) -> Log {
        self.vault.log(&slug("acme")).unwrap()
    }

    /// Enters something of no consequence.
    fn writes_at(&mut self, now: Time) {
        self.written += 1;
        let (mut log, n) = (self.log(), self.written);
        let project = ProjectId(Bytes([n; 32]));
        let event = Event::ProjectCreated { project, slug: slug(&format!("other-{n}")), name: None };
        self.vault.commit_host(&mut log, now, vec![event], Records::default()).unwrap();
    }

    fn writes(&mut self, world: &World) {
        self.writes_at(world.now);
    }
}

#[track_caller]
fn verified(world: &World) {
    let findings = world.vault.verify(None).unwrap().findings;
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn a_ceremony_releases_and_closes_whatever_is_written_between_its_steps() {
    let mut world = World::new();
    let mut other = Other::of(&world);
    other.writes(&world);
    let ceremony = world.open();
    for who in 0..3 {
        other.writes(&world);
        let answer = world.answer(&ceremony, who, world.now);
        other.writes(&world);
        assert!(matches!(world.accept(&answer), Ok(Event::Accepted(_))), "custodian {who}");
    }
    other.writes(&world);
    let now = world.now;
    let release = world.vault.release(&mut world.log, &ceremony, 0, now, &mut world.rng).unwrap();
    let key = requester_secret(&world.operator.card, &release).unwrap();
    let finished = finish(&release, &key, &world.operator.card.first_entry(), None).unwrap();
    assert_eq!(finished.contents.password().unwrap().password.expose(), b"correct horse");
    other.writes(&world);
    let notice = notices(&world.operator.card, (&ceremony, 0), &[], Some(Shown::Screen));
    assert_eq!(world.vault.enter_notices(&mut world.log, &notice, now).unwrap(), 1);
    other.writes(&world);
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, now).unwrap();
    assert_eq!(world.log.state.size, other.log().state.size);
    verified(&world);
}

/// The quorum, the shares that are destroyed and the cosigned checkpoint are those
/// of the log as it is, not as it was read.
#[test]
fn what_another_process_accepted_is_released_destroyed_and_cosigned_with_the_rest() {
    let mut world = World::new();
    let ceremony = world.open();
    let mut other = Other::of(&world);
    let (mut there, now) = (other.log(), world.now);
    world.contribute(&ceremony, 0);
    let theirs = world.answer(&ceremony, 1, now);
    assert!(matches!(other.vault.accept(&mut there, &theirs, now), Ok(Event::Accepted(_))));
    world.contribute(&ceremony, 2);
    let cosigned = world.vault.cosigned(&world.log.state.id).unwrap().unwrap();
    for who in 0..3 {
        let name = world.custodians[who].name();
        assert!(cosigned.contains(&format!("/{name} ")), "{name} cosigned: {cosigned}");
    }
    // The other process has not seen the third.
    let release = other.vault.release(&mut there, &ceremony, 0, now, &mut world.rng).unwrap();
    assert_eq!(release.contributions.len(), 3);
    // Nor this one the release, nor a fourth who came too late.
    let late = world.answer(&ceremony, 3, now);
    assert!(matches!(other.vault.accept(&mut there, &late, now), Ok(Event::Accepted(_))));
    world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, now).unwrap();
    verified(&world);
}

#[test]
fn a_contribution_is_judged_by_the_log_as_it_is() {
    let mut world = World::new();
    let ceremony = world.open();
    let (answer, second) = (world.answer(&ceremony, 0, world.now), world.answer(&ceremony, 1, world.now));
    let mut other = Other::of(&world);
    let (mut there, now) = (other.log(), world.now);
    assert!(matches!(other.vault.accept(&mut there, &answer, now), Ok(Event::Accepted(_))));
    let size = there.state.size;
    let refused = world.accept(&answer);
    assert!(matches!(refused, Err(VaultError::NotCounted(NotCounted::Repeated(None)))), "{refused:?}");
    other.vault.end_ceremony(&mut there, &ceremony, Ending::Aborted, now).unwrap();
    let refused = world.accept(&second);
    assert!(matches!(refused, Err(VaultError::NotCounted(NotCounted::Ended))), "{refused:?}");
    let refused = world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Closed, now);
    assert!(matches!(refused, Err(VaultError::CeremonyEnded(_))), "{refused:?}");
    assert_eq!(other.log().state.size, size + 1, "one entry, by who ended it");
    verified(&world);
}

#[test]
fn an_enrolment_and_agreements_outlive_what_is_written_while_people_type() {
    let mut world = World::new();
    let mut other = Other::of(&world);
    let pending = people::new_person(&world.log.state, Role::Custodian, &mut world.rng);
    let code = pending.totp.code_at(step_of(world.now.unix_seconds()));
    other.writes(&world);
    world.vault.enrol(&mut world.log, &pending, &code, world.now, &mut world.rng).unwrap();
    let statement = world.draft("second", 2, &[0, 1, 2]);
    other.writes(&world);
    world.vault.form_group(&mut world.log, statement.clone(), world.now).unwrap();
    let admission = world.admission(&statement, world.now + Span::days(3), &[0, 1]);
    other.writes(&world);
    world.vault.admit(&mut world.log, admission, world.now).unwrap();
    other.writes(&world);
    world.seal();
    verified(&world);
}

#[test]
fn what_no_longer_follows_is_refused() {
    let mut world = World::new();
    let mut other = Other::of(&world);
    let (mine, theirs) = (world.draft("second", 2, &[0, 1]), world.draft("second", 2, &[2, 3]));
    let mut there = other.log();
    other.vault.form_group(&mut there, theirs, world.now).unwrap();
    let refused = world.vault.form_group(&mut world.log, mine, world.now);
    assert!(matches!(refused, Err(VaultError::Invalid(Invalid::Duplicate(_)))), "{refused:?}");
    let account = *world.log.state.accounts.keys().next().unwrap();
    let binding = world.binding(&world.group(), Scope::Account(account), &[0, 1, 2]);
    other.vault.bind(&mut there, binding.clone(), world.now).unwrap();
    let refused = world.vault.bind(&mut world.log, binding, world.now);
    assert!(matches!(refused, Err(VaultError::Invalid(Invalid::Mismatch("serial number")))), "{refused:?}");
    assert!(group::group(&world.log.state, &slug("second")).is_ok(), "the log at hand is the newer one");
    verified(&world);
}

#[test]
fn an_entry_takes_the_time_of_anothers_that_is_a_little_later_and_of_no_other() {
    let mut world = World::new();
    let mut other = Other::of(&world);
    let just_later = world.now + Span::seconds(20);
    other.writes_at(just_later);
    world.seal();
    assert_eq!(world.log.state.last, just_later);
    other.writes_at(just_later + Span::minutes(2));
    world.now = just_later;
    let refused = world.try_open(warifu::event::Mode::Files, Span::hours(1));
    assert!(matches!(refused, Err(VaultError::ClockBack { .. })), "{refused:?}");
    verified(&world);
}

/// A database that was put back while a person typed is no log to go on from.
#[test]
fn a_log_that_became_shorter_or_another_is_not_gone_on_from() {
    let mut world = World::new();
    let copy = tempfile::tempdir().unwrap();
    let database = |dir: &std::path::Path| dir.join("vault.db");
    world.vault.store();
    rusqlite::Connection::open(database(world.vault.dir()))
        .unwrap()
        .execute("VACUUM INTO ?1", [database(copy.path()).to_str().unwrap()])
        .unwrap();
    let before = world.log.state.size;
    let ceremony = world.open();
    let dir = world.vault.dir().to_owned();
    for left in ["vault.db", "vault.db-wal", "vault.db-shm"] {
        let _ = std::fs::remove_file(dir.join(left));
    }
    std::fs::copy(database(copy.path()), database(&dir)).unwrap();
    world.vault = Vault::open(&dir, &mut || None).unwrap();
    let now = world.now;
    let refused = world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, now);
    assert!(matches!(refused, Err(VaultError::BadEntry { index, .. }) if index == before), "{refused:?}");
    // Filled up to the size that was read, with something else.
    let mut other = Other::of(&world);
    for _ in 0..3 {
        other.writes(&world);
    }
    let refused = world.vault.end_ceremony(&mut world.log, &ceremony, Ending::Aborted, now);
    assert!(matches!(refused, Err(VaultError::BadEntry { .. })), "{refused:?}");
    assert_eq!(other.log().state.size, before + 3, "nothing was entered");
}

/// While one batch is sealed, others seal an account of the next, begin another,
/// and close a third: none of that stops the run.
#[test]
fn others_seal_one_of_the_next_batch() {
    let mut world = World::new();
    let count = BATCH + 4;
    let mut rows = "external_id\n".to_owned();
    (0..count).for_each(|n| rows.push_str(&format!("{n:012}\n")));
    let list = csv::read(&SecretBytes::new(rows.into_bytes())).unwrap();
    let now = world.now;
    let plan = world.vault.plan_import(&world.log.state, &"acme/shop".parse().unwrap(), &list).unwrap();
    world.vault.apply_import(&mut world.log, &plan, &|| now, &system_rng, &mut |_| true).unwrap();
    let todo = unsealed(&world.log.state, None, None);
    assert_eq!(todo.accounts.len(), count);
    let next: Vec<AccountAddress> =
        todo.accounts[BATCH..].iter().map(|id| world.log.state.address(id).parse().unwrap()).collect();
    let other = Mutex::new(Some(Other::of(&world)));
    let payload = || {
        let secret = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
        Payload { login: secret("root"), password: secret("correct horse"), notes: secret("") }
    };
    let provenance = Provenance { made: Made::Generated, shown: Shown::Nobody };
    // Contents are asked for when the first batch is begun and the next is dealt for.
    let contents = |_: usize, rng: &mut Ahead| {
        if let Some(mut other) = other.lock().unwrap().take() {
            let mut there = other.log();
            assert_eq!(there.state.begun.len(), BATCH, "between begin and finish");
            other.vault.seal(&mut there, &next[0], &payload(), provenance, now, rng).unwrap();
            let closed = AccountStanding::Closed;
            other.vault.set_standing(&mut there, &next[1], closed, now).unwrap();
            // A seal that is begun and never finished uses up a number.
            let (state, account) = (&there.state, todo.accounts[BATCH + 2]);
            let credential = credential_id(&state.vault, &state.id, &account, Factor::Password, 1);
            let (origin, factor) = (Bytes([7; 64]), Factor::Password);
            let begun = Event::SealBegun { credential, origin, account, factor, version: 1 };
            other.vault.commit_host(&mut there, now, vec![begun], Records::default()).unwrap();
        }
        Ok(payload())
    };
    let bulk =
        Bulk { accounts: &todo.accounts, contents: &contents, provenance, rng: &system_rng, clock: &|| now };
    let done = world.vault.seal_many(&mut world.log, &bulk, &mut |_| true).unwrap();
    assert_eq!(done, Done { sealed: count - 2, passed: 2, stopped: false });
    assert!(other.lock().unwrap().is_none());
    let state = &world.log.state;
    let versions = |at: usize| state.versions_of(&todo.accounts[at], Factor::Password).len();
    assert!((0..count).all(|at| versions(at) == usize::from(at != BATCH + 1)), "each once, none closed");
    assert_eq!(state.next_version(&todo.accounts[BATCH + 2], Factor::Password), 3);
    verified(&world);
}

fn cosigner(n: u8) -> Cosigner {
    Cosigner::new(&format!("w{n}.example"), SecretKey::from_slice(&[100 + n; 32]).unwrap()).unwrap()
}

fn lines(note: &str) -> BTreeSet<String> {
    note.lines()
        .filter_map(|line| Some(line.strip_prefix("\u{2014} ")?.split(' ').next()?.to_owned()))
        .collect()
}

/// Of four processes each adds three cosignatures to one checkpoint: the note that
/// one of them writes has the others' too, whoever was faster.
#[test]
fn cosignatures_that_processes_add_at_once_are_all_kept() {
    const WRITERS: u8 = 4;
    let mut world = World::new();
    for round in 0..5 {
        world.account(&format!("acme/shop/extra-{round}"), &format!("1234567890{round:02}"));
        let (dir, now) = (world.vault.dir().to_owned(), world.now);
        let begin = Arc::new(Barrier::new(WRITERS.into()));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (dir, begin) = (dir.clone(), Arc::clone(&begin));
                std::thread::spawn(move || {
                    let mut vault = PublicVault::open_to_cosign(&dir).unwrap();
                    let log = vault.log(&slug("acme")).unwrap();
                    begin.wait();
                    for n in 0..3 {
                        let mine = cosign_note(log.checkpoint(), &cosigner(writer * 3 + n), now).unwrap();
                        vault.add_cosignatures(&log, &[mine]).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let id = world.log.state.id;
        let note = world.vault.store().checkpoint(&id).unwrap().unwrap();
        assert_eq!(lines(&note).len(), 1 + 12, "round {round}: {note}");
        assert_eq!(lines(&world.vault.cosigned(&id).unwrap().unwrap()), lines(&note), "round {round}");
    }
    verified(&world);
}

/// Contributions bring cosignatures of the checkpoint after the opening while a
/// witness cosigns the latest: the later one stays.
#[test]
fn the_kept_cosigned_checkpoint_does_not_go_back() {
    let mut world = World::new();
    let ceremony = world.open();
    let answers: Vec<_> = (0..5).map(|who| world.answer(&ceremony, who, world.now)).collect();
    let (dir, id, now) = (world.vault.dir().to_owned(), world.log.state.id, world.now);
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let witness = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let mut vault = PublicVault::open_to_cosign(&dir).unwrap();
            let (mut last, mut cosigned) = (0, 0);
            while !done.load(Ordering::Relaxed) || cosigned == 0 {
                let log = vault.log(&slug("acme")).unwrap();
                let mine = cosign_note(log.checkpoint(), &cosigner(0), now).unwrap();
                match vault.add_cosignatures(&log, &[mine]) {
                    Ok(note) => (last, cosigned) = (size(&note.to_string()), cosigned + 1),
                    Err(VaultError::Store(StoreError::Conflict { .. })) => continue,
                    Err(other) => panic!("{other}"),
                }
                let kept = size(&vault.cosigned(&id).unwrap().unwrap());
                assert!(kept >= last, "{last} entries were cosigned and {kept} are kept");
            }
            last
        }
    });
    for answer in &answers {
        assert!(matches!(world.accept(answer), Ok(Event::Accepted(_))));
    }
    done.store(true, Ordering::Relaxed);
    let last = witness.join().unwrap();
    assert!(size(&world.vault.cosigned(&id).unwrap().unwrap()) >= last);
    verified(&world);
}

/// What closes ceremonies that ran out stands after the entries of others: what
/// comes next goes on from there and is not too early for the log.
#[test]
fn closing_what_ran_out_gives_the_time_to_go_on_at() {
    let mut world = World::new();
    let second = world.account("acme/shop/second", "123456789099");
    world.seal_at(&second);
    world.open();
    let mut other = Other::of(&world);
    world.pass(Span::minutes(61));
    let (now, later) = (world.now, world.now + Span::seconds(20));
    other.writes_at(later);
    let (closed, at) = world.vault.expire_due(&mut world.log, now).unwrap();
    assert_eq!((closed.len(), at, world.log.state.last), (1, later, later));
    // And without anything to close.
    let even_later = later + Span::seconds(20);
    other.writes_at(even_later);
    assert_eq!(world.vault.expire_due(&mut world.log, at).unwrap(), (vec![], even_later));
}
