//! `kill -9` at every point of a rotation, before and after each of its commits:
//! whatever is left verifies, both versions open until it is settled, and
//! settling it goes on from there.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/room.rs"]
mod room;

use data_encoding::HEXLOWER;
use rand::rand_core::{Rng, TryCryptoRng, TryRng};
use room::{PASSWORD, Person, World, address, ask, now, open, payload, rng};
use std::cell::Cell;
use std::convert::Infallible;
use std::env;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use warifu::ceremony::custodian::review;
use warifu::ceremony::recipient::{finish, notices};
use warifu::event::{Accepts, Ending, Event, Hash, Made, Purpose, Shown};
use warifu::name::Factor;
use warifu::seal::card_file::UnlockedCard;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;
use warifu::state::Standing;
use warifu::state::rotation::Place;
use warifu::time::{Span, Time};
use warifu::vault::ceremony::{Ask, List, requester_secret};
use warifu::vault::hierarchy::account;
use warifu::vault::seal::Provenance;
use warifu::vault::{Log, Vault};

const DIRECTORY: &str = "WARIFU_TEST_ROTATE_DIRECTORY";
const PEOPLE: &str = "WARIFU_TEST_ROTATE_PEOPLE";
const POINT: &str = "WARIFU_TEST_ROTATE_POINT";
const TIME: &str = "WARIFU_TEST_ROTATE_TIME";
const NEXT: &str = "WARIFU_TEST_ROTATE_NEXT";

/// Counts the points that are passed, and kills the process at one of them.
#[derive(Clone)]
struct Fuse(Rc<Cell<i64>>);

impl Fuse {
    fn point(&self) {
        self.0.set(self.0.get() - 1);
        if self.0.get() < 0 {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
        }
    }
}

/// Randomness whose every use is a point: some of it lies between the two commits
/// of a seal.
struct Fused(Fuse);

impl TryRng for Fused {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.point();
        Ok(rng().next_u32())
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.point();
        Ok(rng().next_u64())
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.point();
        rng().fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Fused {}

/// The operator and three custodians, with their cards open.
struct Cast {
    operator: UnlockedCard,
    custodians: Vec<(UnlockedCard, TotpSecret)>,
}

impl Cast {
    fn of(people: &[Person]) -> Self {
        let totp = |p: &Person| TotpSecret::from_bytes(SecretBytes::new(p.seed.clone())).unwrap();
        let (operator, custodians) = people.split_first().unwrap();
        Self {
            operator: operator.unlock(),
            custodians: custodians.iter().map(|p| (p.unlock(), totp(p))).collect(),
        }
    }

    /// Everybody contributes.
    fn contribute(&self, vault: &mut Vault, log: &mut Log, ceremony: &Hash, at: Time) {
        for (card, totp) in &self.custodians {
            let package = vault.package(log, ceremony).unwrap();
            let code = totp.code_at(step_of(at.unix_seconds()));
            let reviewed = review(&package, card.card(), None, at).unwrap();
            let answer = reviewed.contribute(card.card(), &code, at, &mut rng()).unwrap();
            assert!(matches!(vault.accept(log, &answer, at).unwrap(), Event::Accepted(_)));
        }
    }

    /// The password of a version, by a ceremony of its own.
    fn password(&self, vault: &mut Vault, log: &mut Log, version: u64, at: Time) -> String {
        let address = address();
        let asked = Ask { version: Some(version), ..ask(&address, Span::minutes(15)) };
        let ceremony = vault.open_ceremony(log, self.operator.card(), &asked, at, &mut rng()).unwrap();
        self.contribute(vault, log, &ceremony, at);
        let release = vault.release(log, &ceremony, 0, at, &mut rng()).unwrap();
        let key = requester_secret(self.operator.card(), &release).unwrap();
        let finished = finish(&release, &key, &self.operator.card().first_entry(), None).unwrap();
        vault.end_ceremony(log, &ceremony, Ending::Closed, at).unwrap();
        finished.contents.password().unwrap().password.expose_str().unwrap().to_owned()
    }
}

fn one_line(person: &Person) -> String {
    let seed = HEXLOWER.encode(&person.seed);
    format!("{}\t{}\t{seed}\t{}", person.name, person.passphrase, person.card())
}

fn from_line(line: &str) -> Person {
    let [name, passphrase, seed, card] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
    Person {
        name: name.to_owned(),
        card: card.into(),
        passphrase: passphrase.to_owned(),
        seed: HEXLOWER.decode(seed.as_bytes()).unwrap(),
        card_seed: Vec::new(),
    }
}

/// Run by the other test in a process of its own; alone it does nothing.
#[test]
fn child_that_rotates_until_it_kills_itself() {
    let Some(dir) = env::var_os(DIRECTORY) else { return };
    let set = |name| env::var(name).unwrap();
    let cast = Cast::of(&set(PEOPLE).lines().map(from_line).collect::<Vec<_>>());
    let at = Time::from_millis(set(TIME).parse().unwrap()).unwrap();
    let fuse = Fuse(Rc::new(Cell::new(set(POINT).parse().unwrap())));
    let (mut vault, mut log) = open(&Path::new(&dir).join("vault"));
    let operator = cast.operator.card();
    let address = address();
    let list = List {
        purpose: Purpose::Rotate,
        targets: vec![(&address, Factor::Password, None)],
        reason: "a test",
        ticket: None,
        mode: warifu::event::Mode::Room,
        window: Span::minutes(15),
    };
    fuse.point();
    let ceremony = vault.open_list(&mut log, operator, &list, at, &mut rng()).unwrap();
    fuse.point();
    cast.contribute(&mut vault, &mut log, &ceremony, at);
    fuse.point();
    vault.release(&mut log, &ceremony, 0, at, &mut rng()).unwrap();
    fuse.point();
    let next = payload(&set(NEXT));
    let unseen = Provenance { made: Made::Generated, shown: Shown::Command };
    let mut fused = Fused(fuse.clone());
    let sealed =
        vault.begin_rotation(&mut log, operator, (&ceremony, 0), &next, unseen, at, &mut fused).unwrap();
    fuse.point();
    let said = notices(operator, (&ceremony, 0), &[], Some(Shown::Command));
    vault.enter_notices(&mut log, &said, at).unwrap();
    fuse.point();
    let answer = (Accepts::New, Shown::Command);
    vault.settle_rotation(&mut log, operator, &sealed.credential, answer, at).unwrap();
    fuse.point();
    vault.end_ceremony(&mut log, &ceremony, Ending::Closed, at).unwrap();
    fuse.point();
}

/// Two minutes on: every code is a new one.
fn later(at: &mut Time) -> Time {
    *at = *at + Span::minutes(2);
    *at
}

/// What the log knows of the account.
struct Left {
    current: u64,
    /// The new version of a rotation that is not settled.
    pending: Option<(Hash, u64)>,
}

fn left(log: &Log) -> Left {
    let (id, _) = account(&log.state, &address()).unwrap();
    let (_, current) = log.state.current_of(&id, Factor::Password).unwrap();
    let running = log.state.rotations.running_for(&id, Factor::Password);
    let pending = running.map(|(new, _)| (*new, log.state.begun(new).unwrap().version));
    Left { current: current.sealing.version, pending }
}

#[test]
fn a_rotation_that_is_killed_at_any_point_leaves_both_versions_until_it_is_settled() {
    let world = World::new();
    let mut people = vec![&world.operator];
    people.extend(&world.custodians[..3]);
    let lines = people.iter().map(|p| one_line(p)).collect::<Vec<_>>().join("\n");
    let cast = Cast::of(&lines.lines().map(from_line).collect::<Vec<_>>());
    let (mut passed, mut settled, mut began, mut at) = (0, 0, 0, now());
    let mut known = PASSWORD.to_owned();
    loop {
        at = at + Span::minutes(2);
        let next = format!("Rotated-to-number-{passed}");
        let before = left(&open(&world.vault).1).current;
        let status = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_that_rotates_until_it_kills_itself", "--nocapture"])
            .env(DIRECTORY, world.dir.path())
            .env(PEOPLE, &lines)
            .env(POINT, passed.to_string())
            .env(TIME, at.millis().to_string())
            .env(NEXT, &next)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        let finished = status.success();
        assert!(finished || status.signal() == Some(9), "at point {passed}: {status}");
        let (mut vault, mut log) = open(&world.vault);
        let findings = vault.verify(None).unwrap().findings;
        assert!(findings.is_empty(), "at point {passed}: {findings:?}");
        let open = log.state.ceremonies.iter().filter(|(_, c)| c.standing == Standing::Open);
        for ceremony in open.map(|(hash, _)| *hash).collect::<Vec<_>>() {
            vault.end_ceremony(&mut log, &ceremony, Ending::Aborted, at).unwrap();
        }
        let found = left(&log);
        match found.pending {
            Some((new, version)) => {
                began += 1;
                assert_eq!(found.current, before, "at point {passed}");
                assert_eq!(
                    cast.password(&mut vault, &mut log, before, later(&mut at)),
                    known,
                    "the old one opens"
                );
                assert_eq!(
                    cast.password(&mut vault, &mut log, version, later(&mut at)),
                    next,
                    "the new one opens"
                );
                // One way and the other in turn.
                let accepts = if began % 2 == 0 { Accepts::Old } else { Accepts::New };
                let answer = (accepts, Shown::Command);
                vault.settle_rotation(&mut log, cast.operator.card(), &new, answer, at).unwrap();
                if accepts == Accepts::New {
                    known = next;
                }
                assert_eq!(left(&log).current, if accepts == Accepts::New { version } else { before });
            }
            None if found.current != before => {
                settled += 1;
                known = next;
            }
            None => {}
        }
        let now_current = left(&log).current;
        assert_eq!(
            cast.password(&mut vault, &mut log, now_current, later(&mut at)),
            known,
            "at point {passed}"
        );
        let places: Vec<_> = log.state.versions.keys().map(|c| log.state.place_of(c).unwrap()).collect();
        assert_eq!(places.iter().filter(|place| **place == Place::Current).count(), 1, "{places:?}");
        assert!(!places.contains(&Place::Old), "what was replaced is destroyed: {places:?}");
        assert!(vault.verify(None).unwrap().findings.is_empty());
        if finished {
            break;
        }
        passed += 1;
        assert!(passed < 100, "it never finished");
    }
    println!("killed at {passed} points: {began} rotations to be settled, {settled} done");
    assert!(passed >= 12 && began >= 2 && settled >= 2, "{passed} points, {began} begun, {settled} settled");
}
