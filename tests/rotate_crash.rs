//! `kill -9` at every point of a rotation, before and after each of its commits, of a
//! password, of an authenticator's seed and of recovery codes: whatever is left
//! verifies, both versions open until it is settled, and settling it goes on from
//! there.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/room.rs"]
mod room;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
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
use warifu::seal::contents::{Contents, RecoveryCodes};
use warifu::seal::mfa::MfaSeed;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;
use warifu::state::Standing;
use warifu::state::rotation::Place;
use warifu::time::{Span, Time};
use warifu::vault::ceremony::{Ask, List, requester_secret};
use warifu::vault::code::Given;
use warifu::vault::hierarchy::account;
use warifu::vault::seal::Provenance;
use warifu::vault::witness::Nobody;
use warifu::vault::{Log, Vault};

const DIRECTORY: &str = "WARIFU_TEST_ROTATE_DIRECTORY";
const PEOPLE: &str = "WARIFU_TEST_ROTATE_PEOPLE";
const POINT: &str = "WARIFU_TEST_ROTATE_POINT";
const TIME: &str = "WARIFU_TEST_ROTATE_TIME";
const FACTOR: &str = "WARIFU_TEST_ROTATE_FACTOR";
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

    /// What a version is at a time, as [`known_at`] has it, by a ceremony of its own.
    fn opened(&self, vault: &mut Vault, log: &mut Log, (factor, version): (Factor, u64), at: Time) -> String {
        let address = address();
        let purpose = if factor == Factor::Mfa { Purpose::Code } else { Purpose::Open };
        let asked = Ask { purpose, factor, version: Some(version), ..ask(&address, Span::minutes(15)) };
        let ceremony = vault.open_ceremony(log, self.operator.card(), &asked, at, &mut rng()).unwrap();
        self.contribute(vault, log, &ceremony, at);
        if factor == Factor::Mfa {
            let asked = (1, Shown::Screen);
            let given =
                vault.give_codes(log, (&ceremony, 0), asked, &|| at, &mut rng(), &mut Nobody).unwrap();
            let Given::Codes(codes, _) = given else { panic!("every share is good") };
            vault.end_ceremony(log, &ceremony, Ending::Closed, at).unwrap();
            return codes.codes[0].expose_str().unwrap().to_owned();
        }
        let release = vault.release(log, &ceremony, 0, at, &mut rng()).unwrap();
        let key = requester_secret(self.operator.card(), &release).unwrap();
        let finished = finish(&release, &key, &self.operator.card().first_entry(), None).unwrap();
        vault.end_ceremony(log, &ceremony, Ending::Closed, at).unwrap();
        let secret = match &finished.contents {
            Contents::Password(payload) => &payload.password,
            Contents::RecoveryCodes(codes) => &codes.codes()[0],
            _ => panic!("neither was sealed"),
        };
        secret.expose_str().unwrap().to_owned()
    }
}

/// What is sealed of a text.
fn contents(factor: Factor, text: &str) -> Contents {
    match factor {
        Factor::Password => Contents::Password(payload(text)),
        Factor::Mfa => {
            let seed = BASE32_NOPAD.encode(format!("{text}, and more of it").as_bytes());
            Contents::Mfa(MfaSeed::read(&room::secret(&seed)).unwrap())
        }
        _ => Contents::RecoveryCodes(RecoveryCodes::new(vec![room::secret(text)]).unwrap()),
    }
}

/// What somebody gets of a text that was sealed, at a time: of a seed it is a code.
fn known_at(factor: Factor, text: &str, at: Time) -> String {
    match contents(factor, text) {
        Contents::Mfa(seed) => seed.code_at(seed.step_of(at.unix_seconds())).expose_str().unwrap().to_owned(),
        _ => text.to_owned(),
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
    let (address, factor) = (address(), set(FACTOR).parse().unwrap());
    let list = List {
        purpose: Purpose::Rotate,
        targets: vec![(&address, factor, None)],
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
    if factor == Factor::Mfa {
        // The clock is asked between its commits.
        let clock = || {
            fuse.point();
            at
        };
        let asked = (2, Shown::Screen);
        vault.give_codes(&mut log, (&ceremony, 0), asked, &clock, &mut rng(), &mut Nobody).unwrap();
    } else {
        vault.release(&mut log, &ceremony, 0, at, &mut rng()).unwrap();
    }
    fuse.point();
    let next = contents(factor, &set(NEXT));
    let unseen = Provenance { made: Made::Generated, shown: Shown::Command };
    let mut fused = Fused(fuse.clone());
    let sealed =
        vault.begin_rotation(&mut log, operator, (&ceremony, 0), &next, unseen, at, &mut fused).unwrap();
    fuse.point();
    if factor != Factor::Mfa {
        let said = notices(operator, (&ceremony, 0), &[], Some(Shown::Command));
        vault.enter_notices(&mut log, &said, at).unwrap();
    }
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

fn left(log: &Log, factor: Factor) -> Left {
    let (id, _) = account(&log.state, &address()).unwrap();
    let (_, current) = log.state.current_of(&id, factor).unwrap();
    let running = log.state.rotations.running_for(&id, factor);
    let pending = running.map(|(new, _)| (*new, log.state.begun(new).unwrap().version));
    Left { current: current.sealing.version, pending }
}

#[test]
fn a_rotation_that_is_killed_at_any_point_leaves_both_versions_until_it_is_settled() {
    killed_at_every_point(Factor::Password, 12);
}

#[test]
fn a_seeds_rotation_that_is_killed_at_any_point_leaves_both_until_it_is_settled() {
    killed_at_every_point(Factor::Mfa, 15);
}

#[test]
fn a_rotation_of_recovery_codes_that_is_killed_at_any_point_leaves_both_until_it_is_settled() {
    killed_at_every_point(Factor::RecoveryCodes, 12);
}

fn killed_at_every_point(factor: Factor, at_least: usize) {
    let world = World::new();
    let holders = match factor {
        Factor::Password => Vec::new(),
        _ => world.sealed_with_two(&contents(factor, PASSWORD)),
    };
    let mut people = vec![&world.operator];
    match factor {
        Factor::Password => people.extend(&world.custodians[..3]),
        _ => people.extend(&holders),
    }
    let lines = people.iter().map(|p| one_line(p)).collect::<Vec<_>>().join("\n");
    let cast = Cast::of(&lines.lines().map(from_line).collect::<Vec<_>>());
    let (mut passed, mut settled, mut began, mut at) = (0, 0, 0, now());
    let mut known = PASSWORD.to_owned();
    loop {
        at = at + Span::minutes(2);
        let next = format!("Rotated-to-number-{passed}");
        let before = left(&open(&world.vault).1, factor).current;
        let status = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_that_rotates_until_it_kills_itself", "--nocapture"])
            .env(DIRECTORY, world.dir.path())
            .env(PEOPLE, &lines)
            .env(POINT, passed.to_string())
            .env(TIME, at.millis().to_string())
            .env(FACTOR, factor.as_str())
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
        let found = left(&log, factor);
        match found.pending {
            Some((new, version)) => {
                began += 1;
                assert_eq!(found.current, before, "at point {passed}");
                for (version, text) in [(before, &known), (version, &next)] {
                    let opened = cast.opened(&mut vault, &mut log, (factor, version), later(&mut at));
                    assert_eq!(opened, known_at(factor, text, at), "at point {passed}: both open");
                }
                // One way and the other in turn.
                let accepts = if began % 2 == 0 { Accepts::Old } else { Accepts::New };
                let answer = (accepts, Shown::Command);
                vault.settle_rotation(&mut log, cast.operator.card(), &new, answer, at).unwrap();
                if accepts == Accepts::New {
                    known = next;
                }
                assert_eq!(
                    left(&log, factor).current,
                    if accepts == Accepts::New { version } else { before }
                );
            }
            None if found.current != before => {
                settled += 1;
                known = next;
            }
            None => {}
        }
        let now_current = left(&log, factor).current;
        let opened = cast.opened(&mut vault, &mut log, (factor, now_current), later(&mut at));
        assert_eq!(opened, known_at(factor, &known, at), "at point {passed}");
        let of_factor = log.state.versions.iter().filter(|(_, v)| v.sealing.factor == factor);
        let places: Vec<_> = of_factor.map(|(c, _)| log.state.place_of(c).unwrap()).collect();
        assert_eq!(places.iter().filter(|place| **place == Place::Current).count(), 1, "{places:?}");
        assert!(!places.contains(&Place::Old), "what was replaced is destroyed: {places:?}");
        assert!(vault.verify(None).unwrap().findings.is_empty());
        if finished {
            break;
        }
        passed += 1;
        assert!(passed < 100, "it never finished");
    }
    println!("{factor}: killed at {passed} points: {began} rotations to be settled, {settled} done");
    assert!(
        passed >= at_least && began >= 2 && settled >= 2,
        "{passed} points, {began} begun, {settled} settled"
    );
}
