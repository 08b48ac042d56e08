//! `reshare` and `refresh` as people use them: the built program, on a real
//! pseudo-terminal.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/room.rs"]
mod room;

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{ControlCode, Expect, Session};
use room::{ADDRESS, PASSWORD, Person, World};
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;
use warifu::event::Renewal;
use warifu::vault::group::Draft;

const PROGRAM: &str = env!("CARGO_BIN_EXE_warifu");

/// `warifu` on a terminal of its own, and everything it said there.
struct Terminal {
    session: OsSession,
    tape: String,
}

impl Terminal {
    fn run(world: &World, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("--vault").arg(&world.vault).args(arguments).env("LC_ALL", "C.UTF-8");
        let mut session = Session::spawn(command).unwrap();
        session.get_process_mut().set_window_size(250, 60).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(60)));
        Self { session, tape: String::new() }
    }

    #[track_caller]
    fn sees(&mut self, text: &str) {
        match self.session.expect(text) {
            Ok(found) => self.tape.push_str(&String::from_utf8_lossy(found.as_bytes())),
            Err(error) => {
                let mut rest = [0; 4096];
                let count = self.session.try_read(&mut rest).unwrap_or_default();
                let rest = String::from_utf8_lossy(&rest[..count]).into_owned();
                panic!("waiting for {text:?}: {error}\nbefore: {}\nnow: {rest}", self.tape)
            }
        }
    }

    fn types(&mut self, line: &str) {
        self.session.send(line.as_bytes()).unwrap();
        self.session.send("\r").unwrap();
    }

    #[track_caller]
    fn gives_card(&mut self, person: &Person) {
        self.sees("Card file of");
        self.types(&person.card());
        self.sees("Passphrase of");
        self.types(&person.passphrase);
    }

    #[track_caller]
    fn agrees(&mut self, person: &Person, versions: usize) {
        self.sees(&format!("{}, are these the words of the new group, and do you agree?", person.name));
        self.types("yes");
        self.sees("How many versions are that?");
        self.types(&versions.to_string());
    }

    #[track_caller]
    fn gives_code(&mut self, person: &Person) {
        self.sees(&format!("TOTP code of {}", person.name));
        self.types(&person.code(0));
    }

    #[track_caller]
    fn takes_part(&mut self, person: &Person, versions: usize) {
        self.gives_card(person);
        self.agrees(person, versions);
        self.gives_code(person);
        self.sees(&format!("{} takes part", person.name));
    }

    #[track_caller]
    fn ends(&mut self, code: i32) {
        if let Ok(found) = self.session.expect(expectrl::Eof) {
            self.tape.push_str(&String::from_utf8_lossy(found.as_bytes()));
        }
        match self.session.get_process().wait().unwrap() {
            WaitStatus::Exited(_, found) => assert_eq!(found, code, "{}", self.tape),
            other => panic!("{other:?}"),
        }
    }

    /// The last line that is JSON.
    fn json(&self) -> Value {
        let lines = self.tape.lines().rev().map(str::trim);
        lines.filter_map(|line| serde_json::from_str(line).ok()).find(Value::is_object).unwrap()
    }
}

fn run(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("--vault").arg(&world.vault).args(["--json", "--yes"]).args(arguments).output().unwrap()
}

#[track_caller]
fn good(world: &World, arguments: &[&str]) -> Value {
    let output = run(world, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Exit code and error of a command that is refused.
#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = run(world, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The whole log verifies, and all that is sealed could be opened.
#[track_caller]
fn whole(world: &World, label: &str) {
    assert_eq!(good(world, &["audit", "verify"])["findings"], json!([]));
    let found = run(world, &["audit", "recoverability", "acme"]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let found = &found["organisations"][0];
    assert_eq!((&found["failed"], &found["groups"][0]["label"]), (&json!([]), &json!(label)), "{found}");
}

fn kinds(world: &World) -> Vec<String> {
    let log = good(world, &["audit", "log", "acme"]);
    log.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect()
}

/// Opened with `open` by these people, whose codes of this half minute are used up.
fn opens(world: &World, people: &[&Person]) {
    let mut at = Terminal::run(world, &["open", ADDRESS, "--reason", "to see", "--exec", "cat >&2"]);
    at.gives_card(&world.operator);
    for person in people {
        at.gives_card(person);
        at.sees(&format!("{}, do you agree?", person.name));
        at.types("yes");
        at.sees(&format!("TOTP code of {}", person.name));
        at.types(&person.code(0));
        at.sees("accepted");
    }
    at.sees(PASSWORD);
    at.ends(0);
}

/// 3-of-5 to 5-of-9 to 2-of-3, everything by the program.
#[test]
fn a_group_hands_over_to_a_larger_one_and_that_to_a_smaller() {
    let world = World::new();
    let new = world.more_custodians(9);
    let nine: Vec<_> = new.iter().collect();
    world.form("nine", 5, &nine);
    let to_nine =
        ["reshare", "acme/keepers", "--to", "acme/nine", "--reason", "more of us", "--ticket", "OPS-9"];

    let plan = good(&world, &["reshare", "acme/keepers", "--to", "acme/nine", "--dry-run"]);
    assert_eq!(plan["versions"], json!([{ "address": ADDRESS, "factor": "password", "version": 1 }]));
    assert_eq!(
        (&plan["bindings"], &plan["operators"]),
        (&json!([["acme", "password"]]), &json!([world.operator.name]))
    );

    let before = kinds(&world).len();
    let mut at = Terminal::run(&world, &[&["--json"], &to_nine[..]].concat());
    at.gives_card(&world.operator);
    at.sees("3 custodians are needed");
    for person in &world.custodians[..3] {
        at.gives_card(person);
        at.sees("nothing is opened");
        at.sees("acme/web: 1");
        at.sees("from    acme/keepers epoch 1, 3 of 5");
        at.sees("to      acme/nine epoch 1, 5 of 9");
        at.sees("why     more of us");
        at.agrees(person, 1);
        at.gives_code(person);
        at.sees("takes part");
    }
    at.ends(0);
    let report = at.json();
    let expected =
        [("handed_over", json!(1)), ("remain", json!(0)), ("destroyed", json!(1)), ("margin", json!(-5))];
    expected.iter().for_each(|(field, value)| assert_eq!(&report[*field], value, "{report}"));
    assert_eq!((&report["erased"], &report["operators"]), (&json!(true), &json!([world.operator.name])));
    let expected =
        ["reshare-opened", "accepted", "accepted", "accepted", "reshared", "dealings-destroyed", "ended"];
    assert_eq!(kinds(&world)[before..], expected);
    whole(&world, "attested");

    world.admit("nine", &nine[..5]);
    opens(&world, &nine[4..9]);
    world.form("three", 2, &[&world.custodians[3], &new[0], &world.custodians[4]]);
    let mut at = Terminal::run(&world, &["reshare", "acme/nine", "--to", "acme/three", "--reason", "fewer"]);
    at.gives_card(&world.operator);
    for person in &new[..4] {
        at.takes_part(person, 1);
    }
    // The fifth has used the code of this half minute; the next is good as well.
    at.gives_card(&new[4]);
    at.agrees(&new[4], 1);
    at.gives_code(&new[4]);
    at.sees("Refused (replayed-code)");
    at.sees("TOTP code of");
    at.types(&new[4].code(1));
    at.sees("1 version handed over to acme/three");
    at.sees("Next: warifu drill acme/three");
    at.ends(0);
    whole(&world, "attested");
    world.admit("three", &[&world.custodians[3], &world.custodians[4]]);
    opens(&world, &[&world.custodians[3], &world.custodians[4]]);
}

#[test]
fn a_refresh_is_formed_and_handed_over_in_one_room() {
    let world = World::new();
    let plan = good(&world, &["refresh", "acme/keepers", "--dry-run"]);
    assert_eq!((&plan["epoch"], &plan["to_epoch"]), (&json!(1), &json!(2)));
    let mut at = Terminal::run(&world, &["--json", "refresh", "acme/keepers", "--reason", "yearly"]);
    for person in &world.custodians {
        at.gives_card(person);
    }
    at.sees("Read these twelve words aloud");
    at.sees("do all members sign?");
    at.types("yes");
    at.gives_card(&world.operator);
    // The cards are on the table: three of them give a code each.
    for person in &world.custodians[..3] {
        at.agrees(person, 1);
        at.gives_code(person);
        at.sees("takes part");
    }
    at.ends(0);
    let report = at.json();
    assert_eq!((&report["to_epoch"], &report["handed_over"]), (&json!(2), &json!(1)), "{report}");
    whole(&world, "attested");
    let keepers: Vec<_> = world.custodians.iter().collect();
    world.admit("keepers", &keepers[..3]);
    // The third has used this half minute's code; it and the next are good.
    let mut at = Terminal::run(&world, &["open", ADDRESS, "--reason", "to see", "--exec", "cat >&2"]);
    at.gives_card(&world.operator);
    for (person, ahead) in [(keepers[3], 0), (keepers[4], 0), (keepers[2], 1)] {
        at.gives_card(person);
        at.sees("do you agree?");
        at.types("yes");
        at.sees("TOTP code of");
        at.types(&person.code(ahead));
        at.sees("accepted");
    }
    at.sees(PASSWORD);
    at.ends(0);
}

#[test]
fn ctrl_c_aborts_on_record_and_the_next_run_begins_anew() {
    let world = World::new();
    world.form("new", 2, &[&world.custodians[0], &world.custodians[3]]);
    let reshare = ["reshare", "acme/keepers", "--to", "acme/new", "--reason", "one leaves"];
    let mut at = Terminal::run(&world, &reshare);
    at.gives_card(&world.operator);
    at.takes_part(&world.custodians[0], 1);
    at.sees("Card file of");
    at.session.send(ControlCode::EndOfText).unwrap();
    at.ends(5);
    assert_eq!(kinds(&world).last().unwrap(), "ended");
    whole(&world, "proven");
    let mut at = Terminal::run(&world, &reshare);
    at.gives_card(&world.operator);
    for person in &world.custodians[1..4] {
        at.takes_part(person, 1);
    }
    at.sees("1 version handed over to acme/new");
    at.ends(0);
    whole(&world, "attested");
}

#[test]
fn a_run_that_was_killed_is_gone_on_with_by_whoever_was_accepted_without_a_code() {
    let world = World::new();
    world.form("new", 2, &[&world.custodians[0], &world.custodians[3]]);
    let reshare = ["reshare", "acme/keepers", "--to", "acme/new", "--reason", "one leaves"];
    let mut at = Terminal::run(&world, &reshare);
    at.gives_card(&world.operator);
    at.takes_part(&world.custodians[0], 1);
    at.takes_part(&world.custodians[1], 1);
    at.sees("Card file of");
    let pid = at.session.get_process().pid().to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    at.session.get_process().wait().unwrap();
    assert_eq!(kinds(&world).last().unwrap(), "accepted");
    let (code, said) = refused(&world, &["reshare", "acme/keepers", "--to", "acme/keepers", "--reason", "x"]);
    assert!(code == 3 && said.contains("another ceremony"), "{code} {said}");
    let mut at = Terminal::run(&world, &reshare);
    at.sees("goes on: 1 of 1 version are left");
    at.gives_card(&world.custodians[0]);
    at.agrees(&world.custodians[0], 1);
    at.sees("takes part: 1 of 3");
    // Somebody else may come in place of the second.
    at.takes_part(&world.custodians[2], 1);
    at.gives_card(&world.custodians[1]);
    at.agrees(&world.custodians[1], 1);
    at.sees("1 version handed over");
    at.ends(0);
    whole(&world, "attested");
}

#[test]
fn what_cannot_be_handed_over_is_refused_before_anybody_is_called() {
    let world = World::new();
    let others = world.more_custodians(2);
    world.form("new", 2, &[&others[0], &others[1]]);
    let reshare = |from: &str, to: &str| refused(&world, &["reshare", from, "--to", to, "--reason", "why"]);
    let (code, said) = reshare("acme/new", "acme/keepers");
    assert!(code == 3 && said.contains("group 'new' holds nothing"), "{code} {said}");
    let (code, said) = reshare("acme/keepers", "acme/keepers");
    assert!(
        code == 3 && said.contains("is the one that holds it") && said.contains("warifu refresh"),
        "{code} {said}"
    );
    let (code, said) = reshare("acme/keepers", "acme/nobody");
    assert!(code == 3 && said.contains("acme/new"), "{code} {said}");
    let (code, said) = reshare("acme/keepers", "globex/new");
    assert!(code == 2 && said.contains("different organisations"), "{code} {said}");
    let (code, said) = refused(&world, &["reshare", "acme/keepers", "--to", "acme/new", "--reason", " "]);
    assert!(code == 2 && said.contains("the reason is empty"), "{code} {said}");
    // Whoever holds the authenticator's seed is not to get the password.
    let second = world.second_factor("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    world.form("both", 2, &[&second[0], &others[1]]);
    let (code, said) = reshare("acme/keepers", "acme/both");
    assert!(code == 3 && said.contains("would share") && said.contains(&second[0].name), "{code} {said}");
    assert!(!kinds(&world).contains(&"reshare-opened".to_owned()));
}

/// Killed after everybody has signed, before the log says it: two of the cards remember.
#[test]
fn a_refresh_that_was_killed_while_cards_were_written_goes_on_with_what_all_signed() {
    let world = World::new();
    let (vault, log) = world.open();
    let before = log.state.group_by_slug(&room::slug("keepers")).unwrap().clone();
    let mut cards: Vec<_> = world.custodians.iter().map(Person::unlock).collect();
    let mut draft = Draft::next(&log.state, &before);
    cards.iter().for_each(|card| draft.join(&log.state, card.card(), &mut room::rng()).unwrap());
    cards.iter_mut().for_each(|card| draft.sign(&log.state, card.card_mut()).unwrap());
    let agreed = cards[..3].iter().map(|card| draft.agree(&log.state, &before, card.card()).unwrap());
    let agreed = agreed.collect();
    vault.keep_renewal(&Renewal { statement: draft.finish(), agreed }).unwrap();
    for (person, card) in world.custodians.iter().zip(&cards).take(2) {
        std::fs::write(&person.card, card.armour(&mut room::rng())).unwrap();
    }
    drop(vault);
    let mut at = Terminal::run(&world, &["refresh", "acme/keepers", "--reason", "yearly"]);
    at.sees("All members have signed epoch 2 of acme/keepers before; it was entered now.");
    at.gives_card(&world.operator);
    for person in &world.custodians[1..4] {
        at.takes_part(person, 1);
    }
    at.sees("1 version handed over to acme/keepers, epoch 2");
    at.ends(0);
    whole(&world, "attested");
    let left = std::fs::read_dir(&world.vault).unwrap();
    assert!(!left.map(|entry| entry.unwrap().file_name()).any(|n| n.to_string_lossy().ends_with(".renewal")));
}
