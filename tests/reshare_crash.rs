//! `kill -9` before and after every commit of a resharing: each version is with the old
//! group or with the new, the vault verifies, everything could be opened, and the next
//! run goes on to the end.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/room.rs"]
mod room;

use rand::SeedableRng;
use rand::rngs::StdRng;
use room::{PASSWORD, Person, World, address, ask, open, rng, slug};
use std::cell::Cell;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use warifu::ceremony::custodian;
use warifu::ceremony::recipient::finish;
use warifu::ceremony::reshare::{ReshareReview, SignedLast, review};
use warifu::event::{Ending, Event, GroupEpoch, Hash, Made, Mode, Shown};
use warifu::name::{AccountAddress, Provider};
use warifu::seal::card_file::UnlockedCard;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;
use warifu::time::{Span, Time};
use warifu::vault::ceremony::requester_secret;
use warifu::vault::hierarchy::NewAccount;
use warifu::vault::reshare::ReshareAsk;
use warifu::vault::seal::Provenance;
use warifu::vault::{Log, Vault};

const DIRECTORY: &str = "WARIFU_TEST_RESHARE_DIRECTORY";
const PEOPLE: &str = "WARIFU_TEST_RESHARE_PEOPLE";
const POINT: &str = "WARIFU_TEST_RESHARE_POINT";
const TIME: &str = "WARIFU_TEST_RESHARE_TIME";

/// More than one part holds.
const VERSIONS: usize = 66;

/// Counts the points that are passed, and kills the process at one of them.
struct Fuse(Cell<i64>);

impl Fuse {
    fn point(&self) {
        self.0.set(self.0.get() - 1);
        if self.0.get() < 0 {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
        }
    }
}

/// Somebody with an open card and an authenticator.
struct Present {
    card: UnlockedCard,
    totp: TotpSecret,
    /// Where the card keeps what it has signed.
    kept: PathBuf,
}

impl Present {
    fn of(person: &Person) -> Self {
        let totp = TotpSecret::from_bytes(SecretBytes::new(person.seed.clone())).unwrap();
        Self { card: person.unlock(), totp, kept: person.card.with_extension("signed") }
    }

    fn signed(&self) -> Option<SignedLast> {
        let bytes = fs::read(&self.kept).ok()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }
}

fn group_of(log: &Log, name: &str) -> GroupEpoch {
    log.state.group_by_slug(&slug(name)).unwrap().into()
}

/// The ceremony that is open, or a new one, with three contributors.
fn take_part(
    (vault, log): (&mut Vault, &mut Log),
    (operator, custodians): (&Present, &[Present]),
    at: Time,
    fuse: &Fuse,
) -> (Hash, Vec<ReshareReview>) {
    let (from, to) = (group_of(log, "keepers"), group_of(log, "new"));
    let found = log.state.open_reshare(from).map(|(hash, _)| *hash);
    let ceremony = found.unwrap_or_else(|| {
        let ask = ReshareAsk {
            from,
            to,
            reason: "one leaves",
            ticket: None,
            window: Span::hours(1),
            mode: Mode::Room,
        };
        vault.open_reshare(log, operator.card.card(), &ask, at, &mut rng()).unwrap()
    });
    fuse.point();
    let mut reviews = Vec::new();
    for one in custodians {
        let package = vault.reshare_package(log, &ceremony).unwrap();
        let reviewed = review(&package, one.card.card(), None, at).unwrap();
        if !log.state.ceremonies[&ceremony].accepted.contains_key(one.card.card().pseudonym()) {
            let code = one.totp.code_at(step_of(at.unix_seconds()));
            let answer = reviewed.agree(one.card.card(), &code, at, &mut rng()).unwrap();
            assert!(matches!(vault.accept(log, &answer, at).unwrap(), Event::Accepted(_)));
            fuse.point();
        }
        reviews.push(reviewed);
    }
    (ceremony, reviews)
}

/// Run by the other test in a process of its own; alone it does nothing.
#[test]
fn child_that_reshares_until_it_kills_itself() {
    let Some(dir) = env::var_os(DIRECTORY) else { return };
    let set = |name| env::var(name).unwrap();
    let people: Vec<_> = set(PEOPLE).lines().map(|line| Present::of(&from_line(line))).collect();
    let (operator, custodians) = people.split_first().unwrap();
    let mut at = Time::from_millis(set(TIME).parse().unwrap()).unwrap();
    let fuse = Fuse(Cell::new(set(POINT).parse().unwrap()));
    let (mut vault, mut log) = open(&Path::new(&dir).join("vault"));
    vault.clear_replaced(&mut log, at, &mut rng()).unwrap();
    fuse.point();
    if log.state.reshare_list(group_of(&log, "keepers")).is_empty() {
        let open: Vec<_> = log.state.ceremonies.keys().copied().collect();
        for ceremony in open {
            vault.end_ceremony(&mut log, &ceremony, Ending::Closed, at).unwrap();
        }
        return;
    }
    let (mut ceremony, mut reviews) = take_part((&mut vault, &mut log), (operator, custodians), at, &fuse);
    while !reviews[0].left().is_empty() {
        let records = vault.next_dealings(&log, reviews[0].left()).unwrap();
        let chunk = reviews[0].chunk(&records, &mut rng()).unwrap();
        let both = reviews.iter().zip(custodians);
        let offers: Vec<_> =
            both.map(|(review, one)| review.redeal(one.card.card(), &chunk, &mut rng()).unwrap()).collect();
        let checked = reviews[0].check(&chunk, &offers, &mut rng()).unwrap();
        let mut signed = Vec::new();
        for (review, one) in reviews.iter().zip(custodians) {
            let Ok(kept) = review.to_keep(&checked, one.signed().as_ref()) else { break };
            fs::write(&one.kept, serde_json::to_vec(&kept).unwrap()).unwrap();
            signed.push(review.sign(one.card.card(), &checked, &kept).unwrap());
        }
        if signed.len() < custodians.len() {
            // It was signed for something else before: only a new ceremony goes on.
            vault.end_ceremony(&mut log, &ceremony, Ending::Aborted, at).unwrap();
            at = at + Span::minutes(2);
            (ceremony, reviews) = take_part((&mut vault, &mut log), (operator, custodians), at, &fuse);
            println!("\nanew");
            continue;
        }
        fuse.point();
        vault.enter_reshared(&mut log, &checked, signed, at).unwrap();
        fuse.point();
        reviews.iter_mut().for_each(|review| review.advance(&checked));
        vault.clear_replaced(&mut log, at, &mut rng()).unwrap();
        fuse.point();
    }
    vault.end_ceremony(&mut log, &ceremony, Ending::Closed, at).unwrap();
    fuse.point();
}

fn one_line(person: &Person) -> String {
    let seed = data_encoding::HEXLOWER.encode(&person.seed);
    format!("{}\t{}\t{seed}\t{}", person.name, person.passphrase, person.card())
}

fn from_line(line: &str) -> Person {
    let [name, passphrase, seed, card] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
    Person {
        name: name.to_owned(),
        card: card.into(),
        passphrase: passphrase.to_owned(),
        seed: data_encoding::HEXLOWER.decode(seed.as_bytes()).unwrap(),
        card_seed: Vec::new(),
    }
}

fn run(world: &World, people: &str, point: usize, at: Time) -> (bool, String) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_that_reshares_until_it_kills_itself", "--nocapture"])
        .env(DIRECTORY, world.dir.path())
        .env(PEOPLE, people)
        .env(POINT, point.to_string())
        .env(TIME, at.millis().to_string())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let finished = output.status.success();
    assert!(finished || output.status.signal() == Some(9), "at point {point}: {}", output.status);
    (finished, String::from_utf8(output.stdout).unwrap())
}

/// The vault verifies and everything could be opened; how many versions the new group
/// has.
fn whole(world: &World, point: usize) -> usize {
    let (vault, log) = world.open();
    let findings = vault.verify(None).unwrap().findings;
    assert!(findings.is_empty(), "at point {point}: {findings:?}");
    let mut seed = || StdRng::seed_from_u64(3);
    let found = vault.recoverability(&log, None, log.state.last, &mut seed, &|_, _| {});
    assert_eq!(found.good, VERSIONS as u64, "at point {point}: {:?}", found.failed);
    let new = group_of(&log, "new").group;
    log.state.versions.values().filter(|version| version.sealing.group == new).count()
}

fn copied(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The account's password, opened by the new group.
fn opens(world: &World, people: &[&Person], at: Time) -> String {
    let (mut vault, mut log) = world.open();
    let operator = world.operator.unlock();
    let address = address();
    let asked = ask(&address, Span::minutes(15));
    let ceremony = vault.open_ceremony(&mut log, operator.card(), &asked, at, &mut rng()).unwrap();
    for person in people {
        let present = Present::of(person);
        let package = vault.package(&log, &ceremony).unwrap();
        let code = present.totp.code_at(step_of(at.unix_seconds()));
        let reviewed = custodian::review(&package, present.card.card(), None, at).unwrap();
        let answer = reviewed.contribute(present.card.card(), &code, at, &mut rng()).unwrap();
        assert!(matches!(vault.accept(&mut log, &answer, at).unwrap(), Event::Accepted(_)));
    }
    let release = vault.release(&mut log, &ceremony, 0, at, &mut rng()).unwrap();
    let key = requester_secret(operator.card(), &release).unwrap();
    let finished = finish(&release, &key, &operator.card().first_entry(), None).unwrap();
    finished.contents.password().unwrap().password.expose_str().unwrap().to_owned()
}

#[test]
fn killed_at_any_point_each_version_is_with_one_group_and_the_next_run_goes_on() {
    let world = World::new();
    let mut vault = world.open().0;
    for number in 1..VERSIONS {
        let account: AccountAddress = format!("acme/web/n{number}").parse().unwrap();
        let id = format!("{:012}", 700 + number);
        let new = NewAccount { address: &account, name: None, provider: Provider::Aws, external_id: &id };
        vault.add_account(&new, &room::now, &mut rng()).unwrap();
        let mut log = vault.log(&slug("acme")).unwrap();
        let provenance = Provenance { made: Made::Imported, shown: Shown::Nobody };
        vault.seal(&mut log, &account, &room::payload("x"), provenance, room::now(), &mut rng()).unwrap();
    }
    drop(vault);
    let holders: Vec<_> = world.custodians[3..].iter().collect();
    world.form("new", 2, &holders);
    world.admit("new", &holders);
    let mut people = vec![one_line(&world.operator)];
    people.extend(world.custodians[..3].iter().map(one_line));
    let people = people.join("\n");
    let fresh = world.dir.path().join("fresh");
    copied(&world.vault, &fresh);
    let (mut point, mut between, mut anew) = (0, Vec::new(), 0);
    loop {
        copied(&fresh, &world.vault);
        for person in &world.custodians {
            let _ = fs::remove_file(person.card.with_extension("signed"));
        }
        let at = room::now();
        let (finished, _) = run(&world, &people, point, at);
        let moved = whole(&world, point);
        between.push(moved);
        if finished {
            assert_eq!(moved, VERSIONS);
            break;
        }
        let at = at + Span::minutes(2);
        let (done, said) = run(&world, &people, 1000, at);
        assert!(done, "after point {point}");
        anew += usize::from(said.contains("\nanew"));
        assert_eq!(whole(&world, point), VERSIONS, "after point {point}");
        let (_, log) = world.open();
        assert!(log.state.reshares.replaced.is_empty() && log.state.ceremonies.is_empty());
        if point % 4 == 0 {
            assert_eq!(opens(&world, &holders, at + Span::minutes(10)), PASSWORD, "after point {point}");
        }
        point += 1;
        assert!(point < 100, "it never finished");
    }
    println!("killed at {point} points; with the new group then: {between:?}; anew {anew} times");
    assert!(point >= 12 && between.contains(&0) && between.contains(&64), "{between:?}");
    assert!(anew >= 2, "a card that has signed does not sign otherwise in the same ceremony");
}
