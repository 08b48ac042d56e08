//! The roster with the built program: designated, identities sealed at enrolment and
//! later, and disclosed by files and in the room. What cannot be forged is in
//! `insider/roster.rs`.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Person, Ran, World, joined};
use expectrl::{Expect, Session};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::Duration;

const NAME: &str = "Kassandra Zwirbel";
const CONTACT: &str = "0664 1234567\nGasse 3, Wien";

/// With `acme/keepers` as the roster group.
fn designated() -> World {
    let world = World::new();
    let cards = world.cards(&[0, 1]);
    world.host(&joined(&["roster", "designate", "acme/keepers"], &cards)).good();
    world
}

/// Who a person is, in a file of their own.
fn person_file(world: &World, person: &Person, text: &str) -> String {
    fs::write(world.home(person).join("who"), text).unwrap();
    world.file(person, "who")
}

fn seal(world: &World, person: &Person, text: &str) -> Ran {
    let file = person_file(world, person, text);
    let seal = ["--json", "roster", "seal", "acme", &person.name, "--person-file", &file];
    world.host(&joined(&seal, &world.card(person)))
}

fn shown(world: &World) -> Value {
    world.host(&["--json", "roster", "show", "acme"]).good().json()
}

fn state_of(world: &World, person: &Person) -> String {
    let shown = shown(world);
    let people = shown["people"].as_array().unwrap();
    let row = people.iter().find(|row| row["pseudonym"] == person.name.as_str()).unwrap();
    row["state"].as_str().unwrap().to_owned()
}

/// Asked for by files; gives the ceremony.
fn asked(world: &World, who: &Person, more: &[&str]) -> String {
    let ask = ["identify", &who.name, "--reason", "disputed opening", "--ticket", "LEGAL-3"];
    let ask = [&ask[..], &["--request", "who.warifu"], more].concat();
    let card = world.card(&world.operator);
    let ran = world.host(&joined(&[&["--json"], &ask[..]].concat(), &card)).good();
    ran.json()["ceremony"].as_str().unwrap().to_owned()
}

/// A custodian's answer, brought to the host and accepted; gives what they were told.
fn contributed(world: &World, which: usize) -> String {
    let person = &world.custodians[which];
    let out = format!("{}.contribution", person.name);
    world.carry("who.warifu", person);
    let told = world.contribute(person, "who.warifu", &out).good().err;
    world.bring(person, &out);
    world.host(&["ceremony", "accept", &out]).good();
    fs::remove_file(world.home(person).join(&out)).unwrap();
    fs::remove_file(world.host_dir().join(&out)).unwrap();
    told
}

#[test]
fn identities_are_pending_until_a_group_is_designated_and_each_seals_their_own() {
    let world = World::new();
    let [first, second, _] = &world.custodians[..] else { panic!("three custodians") };
    let before = shown(&world);
    assert_eq!(before["group"], Value::Null);
    let states: Vec<_> = before["people"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states, vec!["pending"; 4]);
    seal(&world, first, NAME).refused(3, &["no roster group", "warifu roster designate acme/GROUP"]);
    let identify = ["identify", &first.name, "--reason", "x", "--exec", "cat"];
    let card = world.card(&world.operator);
    world.host_refused(
        &joined(&identify, &card),
        3,
        &["pending", &format!("roster seal acme {}", first.name)],
    );
    // One card is no quorum: without a terminal nobody else can be asked.
    world.host_refused(
        &joined(&["roster", "designate", "acme/keepers"], &world.card(first)),
        2,
        &["terminal"],
    );
    world.host_refused(
        &["bind", "acme", "--factor", "identity", "--group", "acme/keepers"],
        2,
        &["not a factor"],
    );
    let quorum = world.cards(&[0, 1]);
    let done = world.host(&joined(&["--json", "roster", "designate", "acme/keepers"], &quorum)).good().json();
    assert_eq!(done["pending"].as_array().unwrap().len(), 4);
    assert_eq!(done["signed_by"], json!([first.name, second.name]));
    let sealed = seal(&world, first, &format!("{NAME}\n{CONTACT}\n")).good();
    assert_eq!(sealed.json(), json!({ "pseudonym": first.name, "version": 1, "group": "acme/keepers" }));
    // Nobody else's card says who somebody is.
    let file = person_file(&world, second, NAME);
    let others = ["roster", "seal", "acme", &first.name, "--person-file", &file];
    world.host_refused(&joined(&others, &world.card(second)), 2, &["this is the card of", &second.name]);
    let nobody = ["roster", "seal", "acme", "nobody-is-here", "--person-file", &file];
    world.host_refused(&joined(&nobody, &world.card(second)), 3, &["nobody-is-here"]);
    assert_eq!((state_of(&world, first), state_of(&world, second)), ("sealed".into(), "pending".into()));
    let text = world.host(&["roster", "show", "acme"]).good().out;
    assert!(text.contains("acme/keepers holds who they are.") && text.contains("pending"), "{text}");
    world.verified();
}

#[test]
fn who_is_enrolled_after_that_is_asked_at_once_or_seals_later() {
    let world = designated();
    let enrol = |folder: &str, more: &[&str]| {
        let (mut person, ran) = world.enrol_with(folder, more);
        let said = ran.good().json();
        person.name = said["pseudonym"].as_str().unwrap().to_owned();
        (person, said["identity"].as_str().unwrap().to_owned())
    };
    fs::write(world.host_dir().join("who"), format!("{NAME}\n{CONTACT}")).unwrap();
    let (at_once, said) = enrol("now", &["--person-file", "who"]);
    assert_eq!((said.as_str(), state_of(&world, &at_once).as_str()), ("sealed", "sealed"));
    let (later, said) = enrol("later", &["--identity-later"]);
    assert_eq!((said.as_str(), state_of(&world, &later).as_str()), ("pending", "pending"));
    let size = world.log_size();
    let (_, asked) = world.enrol_with("asked", &[]);
    asked.refused(2, &["no terminal", "--person-file FILE"]);
    assert_eq!(world.log_size(), size, "nobody was enrolled");
    assert!(!world.dir("asked").join("card").exists());
    seal(&world, &later, &format!("{NAME}\n{CONTACT}")).good();
    assert_eq!(state_of(&world, &later), "sealed");
    world.verified();
}

#[test]
fn what_would_need_another_size_is_refused_before_it_is_sealed() {
    let world = designated();
    let who = &world.custodians[0];
    let size = world.log_size();
    let long = |text: String, says: &[&str]| {
        let ran = seal(&world, who, &text).refused(3, says);
        assert!(!ran.err.contains("Zwirbel") && !ran.err.contains("xxxx"), "{}", ran.err);
    };
    long(
        format!("{}Zwirbel\n{CONTACT}", "x".repeat(200)),
        &["the name has 207 bytes; 200 are sealed", "Shorten it"],
    );
    long(
        format!("{NAME}\n{}", "x".repeat(301)),
        &["the contact has 301 bytes; 300 are sealed", "Shorten it"],
    );
    long(format!("{NAME}\n"), &["an identity has a name and a contact", "first line"]);
    assert_eq!(world.log_size(), size);
    // What fits lies there in one length, however long it is.
    seal(&world, who, &format!("{}\n{}", "n".repeat(200), "c".repeat(300))).good();
    seal(&world, &world.custodians[1], "A\nB").good();
    let database = world.database();
    let sql = "SELECT length FROM record JOIN log ON log.number = record.log WHERE name LIKE 'sealed/%'";
    let mut rows = database.prepare(sql).unwrap();
    let lengths: Vec<i64> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    // With the one password of the world, which is short.
    assert_eq!(lengths, vec![1 + 32 + 24 + 512 + 16; 3]);
}

#[test]
fn a_pseudonym_is_disclosed_by_files_with_the_quorum_and_only_so() {
    let world = designated();
    let who = &world.custodians[2];
    seal(&world, who, &format!("{NAME}\n{CONTACT}")).good();
    let ceremony = asked(&world, who, &[]);
    let told = contributed(&world, 0);
    let words = format!("who the pseudonym {} of acme is: name and contact, version 1", who.name);
    assert!(told.contains("You are asked to help disclose a person:") && told.contains(&words), "{told}");
    let finish = ["--json", "ceremony", "finish", "acme", &ceremony, "--exec", "cat > disclosed"];
    let finish =
        joined(&finish, &world.card(&world.operator)).iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let finish: Vec<_> = finish.iter().map(String::as_str).collect();
    world.host(&finish).refused(5, &["1 of 2"]);
    contributed(&world, 1);
    let done = world.host(&finish).good().json();
    assert_eq!(
        (&done["factor"], &done["state"], &done["address"]),
        (&json!("identity"), &json!("disclosed"), &json!(format!("acme/@{}", who.name)))
    );
    let read = fs::read_to_string(world.host_dir().join("disclosed")).unwrap();
    assert_eq!(read, format!("{NAME}\n{CONTACT}\n"));
    // On record, and nothing that has to be renewed.
    let log = world.host(&["audit", "log", "acme", "--who", &who.name]).good().out;
    for kind in ["identity-sealed", "targeted", "released"] {
        assert!(log.contains(kind), "{kind}: {log}");
    }
    let lines = world.host(&["audit", "log", "acme", "--timeline"]).good().out;
    let line = lines.lines().find(|line| line.contains(&format!("@{}", who.name))).unwrap();
    assert!(line.contains("IDENTITY DISCLOSED") && !line.contains("EXPOSED"), "{line}");
    assert!(!world.host(&["due", "acme", "--json"]).good().out.contains("identity"));
    let status = world.host(&["--json", "status"]).good().out;
    assert!(!status.contains("\"exposed\":1"), "{status}");
    let events = world.host(&["audit", "export", "acme", "--format", "ocsf"]).good().out;
    assert!(events.contains("who that is was disclosed") && !events.contains("Zwirbel"), "{events}");
    let found = world.host(&["--json", "audit", "recoverability", "acme"]);
    let found: Value = serde_json::from_str(found.out.lines().last().unwrap()).unwrap();
    let found = &found["organisations"][0];
    assert_eq!((&found["versions"], &found["good"]), (&json!(2), &json!(2)), "{found}");
    let row = shown(&world)["people"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["pseudonym"] == who.name.as_str())
        .unwrap()
        .clone();
    assert!(row["disclosed"].is_string(), "{row}");
    // The next time custodians are told that it was disclosed before; and the operator
    // can have it on a machine that is not the host.
    fs::remove_file(world.host_dir().join("who.warifu")).unwrap();
    let ceremony = asked(&world, who, &["--org", "acme"]);
    let told = contributed(&world, 1);
    assert!(told.contains("it was disclosed before"), "{told}");
    contributed(&world, 2);
    world.host(&["ceremony", "finish", "acme", &ceremony, "--out", "release.warifu"]).good();
    world.carry("release.warifu", &world.operator);
    let reveal =
        ["ceremony", "reveal", "release.warifu", "--card", "card", "--passphrase-file", "passphrase"];
    let ran = world.at(&world.operator, &[&reveal[..], &["--exec", "cat > there"]].concat()).good();
    assert!(ran.out.contains("Disclosed who") && !ran.out.contains("rotate"), "{}", ran.out);
    assert_eq!(fs::read_to_string(world.home(&world.operator).join("there")).unwrap(), read);
    world.host(&["ceremony", "close", "acme", &ceremony]).good();
    world.verified();
}

#[test]
fn the_roster_group_forgets_whom_it_agrees_to_forget() {
    let world = designated();
    let who = &world.custodians[2];
    seal(&world, who, &format!("{NAME}\n{CONTACT}")).good();
    let forget = ["--json", "roster", "forget", "acme", &who.name, "--version", "1"];
    let (one, two) = (world.cards(&[0]), world.cards(&[0, 1]));
    world.host_refused(&joined(&forget, &one), 2, &["terminal"]);
    world.host_refused(
        &joined(&["roster", "forget", "acme", &who.name, "--version", "3"], &two),
        3,
        &["no version 3"],
    );
    let done = world.host(&joined(&forget, &two)).good().json();
    assert_eq!((&done["version"], done["signed_by"].as_array().unwrap().len()), (&json!(1), 2));
    assert_eq!(state_of(&world, who), "forgotten");
    let identify = ["identify", &who.name, "--reason", "x", "--exec", "cat"];
    let card = world.card(&world.operator);
    world.host_refused(&joined(&identify, &card), 3, &["was destroyed", "roster seal"]);
    let left: i64 = world
        .database()
        .query_row("SELECT count(*) FROM record WHERE name LIKE 'sealed/%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 1, "the password of the world alone");
    seal(&world, who, &format!("{NAME}\n{CONTACT}")).good();
    assert_eq!(state_of(&world, who), "sealed");
    world.verified();
}

#[test]
fn nothing_but_identify_asks_for_an_identity() {
    let world = designated();
    let who = &world.custodians[0];
    seal(&world, who, &format!("{NAME}\n{CONTACT}")).good();
    let card = world.card(&world.operator);
    let address = format!("acme/@{}", who.name);
    for ask in [
        ["open", "acme/web/prod", "--reason", "x", "--factor", "identity"],
        ["open", &address, "--reason", "x", "--factor", "password"],
        ["rotate", "acme/web/prod", "--reason", "x", "--factor", "identity"],
    ] {
        world.host_refused(&joined(&ask, &card), 2, &[]);
    }
    let identify = |more: &[&str]| {
        joined(&[&["identify", &who.name], more].concat(), &card)
            .iter()
            .map(|s| (*s).to_owned())
            .collect::<Vec<_>>()
    };
    let refused = |more: &[&str], code, says: &[&str]| {
        let line = identify(more);
        world.host_refused(&line.iter().map(String::as_str).collect::<Vec<_>>(), code, says);
    };
    refused(&["--reason", " ", "--exec", "cat"], 2, &["the reason is empty"]);
    refused(&["--reason", "x"], 2, &["terminal"]);
    refused(&["--reason", "x", "--exec", "cat", "--org", "globex"], 3, &[&who.name]);
    refused(&["--reason", "x", "--exec", "cat", "--version", "2"], 3, &["no version 2"]);
    let nobody = ["identify", "nobody-is-here", "--reason", "x", "--exec", "cat"];
    world.host_refused(&joined(&nobody, &card), 3, &["nobody-is-here"]);
    // While one is open there is no second one.
    asked(&world, who, &[]);
    refused(&["--reason", "x", "--exec", "cat"], 5, &["open"]);
}

#[test]
fn in_the_room_the_name_is_on_the_alternate_screen_alone() {
    const ENTER_SCREEN: &str = "\x1b[?1049h";
    const LEAVE_SCREEN: &str = "\x1b[?1049l";
    let world = designated();
    let who = &world.custodians[0];
    // Typed by the person, and shown to them once before it is sealed.
    let tape = on_terminal(&world, &["roster", "seal", "acme", &who.name], |sees, screen| {
        let card = |person: &Person, sees: &mut dyn FnMut(&str, &str)| unlock(&world, person, sees);
        card(who, sees);
        sees("The owner's name (not shown)", NAME);
        sees("How the owner is reached (not shown)", "0664 1234567");
        screen("As it will be sealed");
        sees("Was that right?", "yes");
    });
    assert!(tape.contains("Sealed who"), "{tape}");
    let identify = ["identify", &who.name, "--reason", "disputed opening", "--ticket", "LEGAL-3"];
    let shown = on_terminal(&world, &identify, |sees, screen| {
        unlock(&world, &world.operator, sees);
        for person in &world.custodians[1..] {
            unlock(&world, person, sees);
            sees("do you agree?", "yes");
            sees("TOTP code of", &world.code(person));
        }
        screen("Who ");
    });
    for tape in [tape, shown] {
        let mut rest = tape.as_str();
        let mut seen = 0;
        while let Some((before, after)) = rest.split_once(ENTER_SCREEN) {
            assert!(!before.contains("Zwirbel"), "{before}");
            let (inside, after) = after.split_once(LEAVE_SCREEN).unwrap();
            seen += usize::from(inside.contains(NAME));
            rest = after;
        }
        assert!(!rest.contains("Zwirbel") && seen == 1, "{tape}");
    }
    world.verified();
}

#[test]
fn whoever_is_enrolled_at_a_terminal_types_who_they_are_or_leaves_it_for_later() {
    let world = designated();
    for (folder, expected) in [("typed", "sealed"), ("left", "pending")] {
        let person = world.newcomer(folder);
        let passphrase = format!("heron lantern quartz {folder} violin meadow");
        fs::write(world.dir(folder).join("passphrase"), passphrase).unwrap();
        let [card, passphrase, totp] = ["card", "passphrase", "totp"].map(|name| world.file(&person, name));
        let enrol = ["custodian", "enrol", "acme", "--kdf-floor", "--card", &card];
        let enrol = [&enrol[..], &["--passphrase-file", &passphrase, "--totp-file", &totp]].concat();
        let tape = on_terminal(&world, &enrol, |sees, screen| {
            let name = "The owner's name (not shown; Enter alone: later)";
            if expected == "sealed" {
                // A slip is seen before it is sealed, and typed again.
                for (typed, right) in [("Kasandra Zwirbel", "no"), (NAME, "yes")] {
                    sees(name, typed);
                    sees("How the owner is reached (not shown)", "0664 1234567");
                    screen("As it will be sealed");
                    sees("Was that right?", right);
                }
            } else {
                sees(name, "");
            }
            sees_code(&world, &person, sees);
        });
        assert!(tape.contains("Enrolled custodian"), "{tape}");
        let people = shown(&world)["people"].as_array().unwrap().clone();
        let row = people
            .iter()
            .find(|row| tape.contains(&format!("custodian {}", row["pseudonym"].as_str().unwrap())));
        assert_eq!(row.unwrap()["state"], expected, "{tape}");
        assert_eq!(tape.contains("roster seal acme"), expected == "pending", "{tape}");
    }
    world.verified();
}

/// The first code, once the authenticator's file is there.
fn sees_code(world: &World, person: &Person, sees: &mut dyn FnMut(&str, &str)) {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while fs::read_to_string(world.home(person).join("totp")).unwrap_or_default().is_empty() {
        assert!(std::time::Instant::now() < end, "no authenticator was made");
        std::thread::sleep(Duration::from_millis(10));
    }
    sees("Code that the app shows now", &world.code(person));
}

fn unlock(world: &World, person: &Person, sees: &mut dyn FnMut(&str, &str)) {
    sees("Card file of", &world.file(person, "card"));
    sees("Passphrase of", &fs::read_to_string(world.home(person).join("passphrase")).unwrap());
}

/// A command on a terminal; gives what that received. `screen` waits for a headline and
/// presses a key.
fn on_terminal(
    world: &World,
    arguments: &[&str],
    people: impl FnOnce(&mut dyn FnMut(&str, &str), &mut dyn FnMut(&str)),
) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warifu"));
    command.current_dir(world.host_dir()).args(["--vault", "vault"]).args(arguments);
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(250, 40).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(20)));
    let tape = std::cell::RefCell::new(Vec::new());
    let session = std::cell::RefCell::new(session);
    let wait = |text: &str| {
        let found = session.borrow_mut().expect(text);
        let found = found.unwrap_or_else(|why| {
            panic!("waiting for {text:?}: {why} after {}", String::from_utf8_lossy(&tape.borrow()))
        });
        tape.borrow_mut().extend_from_slice(found.as_bytes());
    };
    let mut sees = |text: &str, answer: &str| {
        wait(text);
        session.borrow_mut().send(format!("{answer}\r")).unwrap();
    };
    let mut screen = |text: &str| {
        wait(text);
        std::thread::sleep(Duration::from_millis(300));
        session.borrow_mut().send("q").unwrap();
    };
    people(&mut sees, &mut screen);
    let rest = session.borrow_mut().expect(expectrl::Eof).unwrap();
    tape.borrow_mut().extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&tape.take()).into_owned()
}
