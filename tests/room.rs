//! The ceremony in one room, and an enrolment, as people at a terminal see
//! them: the built program on a real pseudo-terminal, the real clock.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/room.rs"]
mod room;

use expectrl::process::unix::{UnixProcess, WaitStatus};
use expectrl::session::OsSession;
use expectrl::{ControlCode, Expect, Session};
use room::{ADDRESS, PASSWORD, Person, World};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use warifu::ceremony::custodian::review;
use warifu::cli::Exit;
use warifu::event::{Ending, Event, Refusal};
use warifu::seal::mfa::MfaSeed;
use warifu::seal::totp::{TotpSecret, step_of};
use warifu::secret::SecretBytes;
use warifu::state::Standing;
use warifu::store::Store;
use warifu::time::Span;
use warifu::vault::{Vault, VaultError};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warifu");
/// Columns in which no remark is broken.
const WIDE: u16 = 250;
const ENTER_SCREEN: &str = "\x1b[?1049h";
const LEAVE_SCREEN: &str = "\x1b[?1049l";

/// Everything that the terminal received, as it came.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Tape {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// `warifu` on a terminal of its own, and somebody at it.
struct Terminal {
    session: OsSession,
    tape: Tape,
}

impl Terminal {
    fn run(world: &World, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("--vault").arg(&world.vault).args(arguments).env("LC_ALL", "C.UTF-8");
        let mut session = Session::spawn(command).unwrap();
        session.get_process_mut().set_window_size(WIDE, 40).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(20)));
        Self { session, tape: Tape::default() }
    }

    /// Waits for a text.
    fn sees(&mut self, text: &str) {
        match self.session.expect(text) {
            Ok(found) => self.tape.write_all(found.as_bytes()).unwrap(),
            Err(error) => {
                let mut rest = [0; 4096];
                let count = self.session.try_read(&mut rest).unwrap_or_default();
                let rest = String::from_utf8_lossy(&rest[..count]);
                panic!("waiting for {text:?}: {error}\nbefore: {}\nnow: {rest}", self.tape.text())
            }
        }
    }

    fn types(&mut self, line: &str) {
        self.session.send(line.as_bytes()).unwrap();
        self.session.send("\r").unwrap();
    }

    fn interrupts(&mut self) {
        self.session.send(ControlCode::EndOfText).unwrap();
    }

    /// Card and passphrase.
    fn gives_card(&mut self, person: &Person) {
        self.sees("Card file of");
        self.types(&person.card());
        self.sees("Passphrase of");
        self.types(&person.passphrase);
    }

    fn agrees(&mut self, person: &Person) {
        self.sees(&format!("{}, do you agree?", person.name));
        self.types("yes");
    }

    fn gives_code(&mut self, person: &Person, code: &str) {
        self.sees(&format!("TOTP code of {}", person.name));
        self.types(code);
    }

    /// The exit code, once the rest was read.
    fn ends(&mut self) -> i32 {
        if let Ok(found) = self.session.expect(expectrl::Eof) {
            self.tape.write_all(found.as_bytes()).unwrap();
        }
        match self.session.get_process().wait().unwrap() {
            WaitStatus::Exited(_, code) => code,
            other => panic!("{other:?}"),
        }
    }
}

fn json(world: &World, arguments: &[&str]) -> Value {
    let output = Command::new(PROGRAM)
        .arg("--vault")
        .arg(&world.vault)
        .arg("--json")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Kinds of the entries since the last ceremony was opened, and the last summary.
fn entries(world: &World) -> (Vec<String>, String) {
    let log = json(world, &["audit", "log", "acme"]);
    let rows = log.as_array().unwrap();
    let opened = rows.iter().rposition(|row| row["kind"] == "ceremony-opened" || row["kind"] == "opened");
    let rows = &rows[opened.expect("a ceremony was opened")..];
    let kinds = rows.iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect();
    (kinds, rows.last().unwrap().to_string())
}

#[test]
fn mistakes_cost_the_attempt_and_the_password_is_on_the_alternate_screen_alone() {
    let world = World::new();
    let [first, second, third] = &world.custodians[..3] else { panic!() };
    let mut at = Terminal::run(&world, &["open", ADDRESS, "--reason", "the billing address"]);
    at.gives_card(&world.operator);
    at.sees("3 custodians are needed");
    at.sees("custodian 1 of 3");
    at.types("/nowhere/nobody.card");
    at.sees("/nowhere/nobody.card: No such file or directory");
    at.sees("Check the spelling");
    at.sees("custodian 1 of 3");
    at.types(&first.card());
    at.sees("Passphrase of");
    at.types("not the passphrase");
    at.sees("Try again; an empty answer takes another card");
    at.sees("Passphrase of");
    at.types("");
    at.sees("custodian 1 of 3");
    at.types("");
    at.sees("Type the path of the card's file");
    at.gives_card(&world.stranger);
    at.sees("Use the card that belongs to this organisation and group");
    at.gives_card(first);
    at.sees("why     the billing address");
    at.sees("do you agree?");
    at.types("perhaps");
    at.sees("Please answer yes or no");
    at.sees("do you agree?");
    at.types("no");
    at.sees("Nothing was entered for this. Call another custodian, or press Ctrl-C");
    at.sees("Card file of");
    at.types(&format!("'{}'", first.card()));
    at.sees("Passphrase of");
    at.types("not the passphrase");
    at.sees("Passphrase of");
    at.types(&first.passphrase);
    at.agrees(first);
    for slip in ["", "12345", "12345a"] {
        at.gives_code(first, slip);
        at.sees("A code has six digits");
    }
    at.gives_code(first, &first.wrong_code());
    at.sees("Check the phone's clock and use the code that it shows now");
    at.sees("4 more wrong codes lock this custodian out");
    let used = first.code(0);
    at.gives_code(first, &used);
    at.sees("1 of 3");
    at.gives_card(first);
    at.sees("has contributed already; nothing was entered for this. Call another custodian.");
    at.gives_card(second);
    at.agrees(second);
    at.gives_code(second, &second.code(0));
    at.sees("2 of 3");
    at.gives_card(third);
    at.agrees(third);
    at.gives_code(third, &third.code(0));
    at.sees("3 of 3");
    at.sees(ENTER_SCREEN);
    at.sees("root@example.com");
    at.sees(PASSWORD);
    at.sees("it is wiped in");
    at.types("");
    at.sees("\x1b[2J");
    at.sees(LEAVE_SCREEN);
    at.sees("It is exposed from now on");
    assert_eq!(at.ends(), 0);

    let tape = at.tape.text();
    let (before, after) =
        (tape.split(ENTER_SCREEN).next().unwrap(), tape.split(LEAVE_SCREEN).last().unwrap());
    let all = [&world.operator, first, second, third];
    for (text, part) in [("before", before), ("after", after)] {
        assert!(!part.contains(PASSWORD), "{text}: the password is off the alternate screen");
    }
    assert!(all.iter().all(|p| !tape.contains(&p.passphrase)), "a passphrase was echoed");
    assert!(!tape.contains(&used), "a code was echoed");
    let (kinds, _) = entries(&world);
    let expected = [
        "opened", "targeted", "refused", "accepted", "accepted", "accepted", "released", "revealed", "ended",
    ];
    let plain: Vec<_> = kinds.iter().map(|k| k.rsplit('-').next().unwrap()).collect();
    assert_eq!(plain, expected.map(|k| k.rsplit('-').next().unwrap()));
    cosigned_the_end(&world, &all[1..]);
}

/// The log's latest note carries the cosignature of everyone who was there, who
/// have seen that checkpoint from then on.
fn cosigned_the_end(world: &World, present: &[&Person]) {
    let note = json(world, &["audit", "checkpoint", "acme"])["checkpoint"].as_str().unwrap().to_owned();
    let cosigned = json(world, &["audit", "checkpoint", "acme", "--cosigned"]);
    assert_eq!(cosigned["checkpoint"].as_str(), Some(note.as_str()));
    let text = note.split("\n\n").next().unwrap();
    for person in present {
        assert!(note.contains(&format!("/{} ", person.name)), "{} has not cosigned:\n{note}", person.name);
        let seen = std::fs::read_to_string(format!("{}.seen", person.card())).unwrap();
        let seen: Value = serde_json::from_str(&seen).unwrap();
        assert!(seen["checkpoint"].as_str().unwrap().starts_with(text), "{} has seen it", person.name);
    }
    assert_eq!(note.matches('\u{2014}').count(), 1 + present.len(), "nobody else has:\n{note}");
    assert!(json(world, &["audit", "verify"])["findings"].as_array().unwrap().is_empty());
    // What is exported says so too, and verifies.
    let dir = format!("{}.exported", world.vault.display());
    json(world, &["audit", "export", "acme", &dir]);
    assert_eq!(std::fs::read_to_string(format!("{dir}/checkpoint")).unwrap(), note);
    assert!(json(world, &["audit", "verify", &dir])["findings"].as_array().unwrap().is_empty());
}

/// Runs `open` until just before the questions, then `steps`, then Ctrl-C.
fn interrupted_after(world: &World, steps: impl FnOnce(&mut Terminal)) {
    // A shell around it reads the terminal's settings before and after.
    let mut at = Terminal::run_in_shell(world);
    at.sees("before");
    at.gives_card(&world.operator);
    at.sees("custodians are needed");
    steps(&mut at);
    at.interrupts();
    at.sees(&format!("exit {}", Exit::Ceremony as u8));
    at.sees("same settings");
    assert_eq!(at.ends(), 0);
    let (kinds, last) = entries(world);
    assert!(kinds.last().unwrap().ends_with("ended"), "{kinds:?}");
    assert!(last.contains("aborted"), "{last}");
}

impl Terminal {
    fn run_in_shell(world: &World) -> Self {
        let script = format!(
            "before=$(stty -g); echo before; '{PROGRAM}' --vault '{}' open {ADDRESS} --reason test; echo exit $?; \
             test \"$before\" = \"$(stty -g)\" && echo same settings",
            world.vault.display()
        );
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script]);
        let mut session = Session::spawn(command).unwrap();
        session.get_process_mut().set_window_size(WIDE, 40).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(20)));
        Self { session, tape: Tape::default() }
    }
}

#[test]
fn ctrl_c_at_any_question_aborts_on_record_and_gives_the_terminal_back() {
    let world = World::new();
    let first = &world.custodians[0];
    interrupted_after(&world, |at| at.sees("Card file of custodian 1 of 3"));
    interrupted_after(&world, |at| {
        at.sees("Card file of");
        at.types(&first.card());
        at.sees("Passphrase of");
    });
    interrupted_after(&world, |at| {
        at.gives_card(first);
        at.sees("do you agree?");
    });
    interrupted_after(&world, |at| {
        at.gives_card(first);
        at.agrees(first);
        at.sees("TOTP code of");
    });
    // Typed ahead, while the passphrase is stretched: the next question takes it.
    interrupted_after(&world, |at| at.gives_card(first));
}

#[test]
fn a_signal_while_a_question_stands_aborts_on_record() {
    let world = World::new();
    let mut at = Terminal::run(&world, &["open", ADDRESS, "--reason", "test"]);
    at.gives_card(&world.operator);
    at.sees("custodian 1 of 3");
    let process: &mut UnixProcess = at.session.get_process_mut();
    process.signal(expectrl::process::unix::Signal::SIGTERM).unwrap();
    assert_eq!(at.ends(), i32::from(Exit::Ceremony as u8));
    assert!(entries(&world).1.contains("aborted"));
}

#[test]
fn questions_do_not_wrap_on_a_narrow_terminal() {
    let world = World::new();
    let mut at = Terminal::run(&world, &["open", ADDRESS, "--reason", "test"]);
    at.session.get_process_mut().set_window_size(30, 10).unwrap();
    at.gives_card(&world.operator);
    at.sees("left]: ");
    let long = format!("/nowhere/{}/end.card", "deep/".repeat(40));
    at.types(&long);
    at.sees("No such file");
    at.interrupts();
    assert_eq!(at.ends(), i32::from(Exit::Ceremony as u8));
    // Every row that is drawn again begins with CR and ESC[K and must fit.
    let tape = at.tape.text();
    for row in tape.split("\r\x1b[K").skip(1) {
        let row = row.split(['\r', '\x1b']).next().unwrap();
        let typing = row.contains("left]: ");
        assert!(!typing || row.chars().count() < 30, "{row:?}");
    }
}

#[test]
fn an_enrolment_asks_again_for_whatever_is_wrong() {
    let world = World::new();
    let card = world.dir.path().join("new.card");
    let arguments = ["custodian", "enrol", "acme", "--kdf-floor", "--card", card.to_str().unwrap()];
    let mut at = Terminal::run(&world, &arguments);
    let good = "tallow ember sundial quarry";
    at.sees("New passphrase for the card: ");
    at.types(good);
    at.sees("once more: ");
    at.types("another one altogether");
    at.sees("Type it again, twice");
    // A weak one is told before it has to be typed once more.
    at.sees("New passphrase for the card: ");
    at.types("password1234");
    at.sees("too weak");
    at.sees("New passphrase for the card: ");
    at.types(good);
    at.sees("once more: ");
    at.types(good);
    at.sees(ENTER_SCREEN);
    at.sees("Or type: ");
    let base32 = {
        let found = at.session.expect(expectrl::Regex("[A-Z2-7 ]{39}")).unwrap();
        String::from_utf8(found.get(0).unwrap().to_vec()).unwrap()
    };
    at.sees("Press Enter when the app has it");
    at.types("");
    at.sees("\x1b[2J");
    at.sees(LEAVE_SCREEN);
    let seed = data_encoding::BASE32_NOPAD.decode(base32.replace(' ', "").as_bytes()).unwrap();
    let person = Person {
        name: String::new(),
        card: card.clone(),
        passphrase: good.to_owned(),
        seed,
        card_seed: vec![],
    };
    at.sees("Code that the app shows now (empty: the QR code again): ");
    at.types("");
    at.sees(ENTER_SCREEN);
    at.sees(&base32);
    at.sees("Press Enter when the app has it");
    at.types("");
    at.sees(LEAVE_SCREEN);
    at.sees("Code that the app shows now");
    at.types("12 34 56");
    at.sees("A code has six digits");
    at.sees("Code that the app shows now");
    at.types(&person.wrong_code());
    at.sees("wait for the next code and type that");
    at.sees("Code that the app shows now");
    others_write(&world, "meanwhile");
    at.types(&person.code(0));
    at.sees("Enrolled custodian");
    at.sees(&format!("Their card lies in {}, with new.card.seen beside it", card.display()));
    assert_eq!(at.ends(), 0);
    assert!(!at.tape.text().contains(good), "the passphrase was echoed");
    person.unlock();
}

/// Another process of the host enters something; nobody at the terminal knows.
fn others_write(world: &World, project: &str) {
    json(world, &["project", "add", &format!("acme/{project}")]);
}

/// Files of a directory, copied over those of another.
fn copied(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The host puts yesterday's copy of the vault back, and an operator who is in on
/// it forgets what they saw. The custodian who was there comes second: nobody after
/// them is asked, and what the first has given is destroyed.
#[test]
fn a_card_that_has_seen_another_log_stops_the_ceremony_with_both_checkpoints() {
    for (more, says) in [(0, "the log was forked"), (9, "or the vault was rolled back")] {
        let world = World::new();
        let yesterday = tempfile::tempdir().unwrap();
        copied(&world.vault, yesterday.path());
        let [first, witness] = &world.custodians[..2] else { panic!() };
        for n in 0..more {
            others_write(&world, &format!("gone-{n}"));
        }
        interrupted_after(&world, |at| {
            at.gives_card(witness);
            at.sees("do you agree?");
        });
        let seen = std::fs::read_to_string(format!("{}.seen", witness.card())).unwrap();
        let seen: Value = serde_json::from_str(&seen).unwrap();
        let saw = seen["checkpoint"].as_str().unwrap();
        std::fs::remove_dir_all(&world.vault).unwrap();
        std::fs::create_dir(&world.vault).unwrap();
        copied(yesterday.path(), &world.vault);
        std::fs::remove_file(format!("{}.seen", world.operator.card())).unwrap();

        let mut at = Terminal::run(&world, &["open", ADDRESS, "--reason", "test"]);
        at.gives_card(&world.operator);
        at.sees("custodians are needed");
        at.gives_card(first);
        at.agrees(first);
        at.gives_code(first, &first.code(0));
        at.sees("1 of 3");
        let offered = json(&world, &["audit", "checkpoint", "acme"])["checkpoint"].clone();
        at.gives_card(witness);
        at.sees("This card's owner has seen:");
        for line in saw.lines().take(3) {
            at.sees(line);
        }
        at.sees("The log here has:");
        for line in offered.as_str().unwrap().lines().take(3) {
            at.sees(line);
        }
        at.sees(says);
        at.sees("the ceremony was stopped");
        at.sees("compared both checkpoints");
        assert_eq!(at.ends(), i32::from(Exit::Tampered as u8));
        let (kinds, last) = entries(&world);
        assert!(kinds.last().unwrap().ends_with("ended") && last.contains("aborted"), "{kinds:?}: {last}");
        let (vault, log) = world.open();
        let records = vault.store().record_names(&log.state.id).unwrap();
        let left: Vec<_> =
            records.iter().filter(|name| name.contains("contribution/") || name.contains("-key/")).collect();
        assert!(left.is_empty(), "{left:?}");
        let after = std::fs::read_to_string(format!("{}.seen", witness.card())).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&after).unwrap(), seen, "what they saw is kept");
    }
}

#[test]
fn a_room_goes_on_though_others_write_at_every_question() {
    let world = World::new();
    let mut at = Terminal::run(&world, &["open", ADDRESS, "--reason", "test"]);
    at.sees("Card file of");
    others_write(&world, "before");
    at.types(&world.operator.card());
    at.sees("Passphrase of");
    others_write(&world, "asked");
    at.types(&world.operator.passphrase);
    for (number, person) in world.custodians[..3].iter().enumerate() {
        at.sees(&format!("Card file of custodian {} of 3", number + 1));
        others_write(&world, &format!("card-{number}"));
        // Meanwhile they have seen more of the log than the room knows.
        let vault = Vault::open(&world.vault, &mut || None).unwrap();
        let seen = vault.shown(&vault.log(&room::slug("acme")).unwrap()).unwrap();
        std::fs::write(format!("{}.seen", person.card()), serde_json::to_vec(&seen).unwrap()).unwrap();
        drop(vault);
        at.types(&person.card());
        at.sees("Passphrase of");
        at.types(&person.passphrase);
        at.sees("do you agree?");
        others_write(&world, &format!("agreed-{number}"));
        at.types("yes");
        at.sees(&format!("TOTP code of {}", person.name));
        others_write(&world, &format!("code-{number}"));
        at.types(&person.code(0));
    }
    at.sees(ENTER_SCREEN);
    at.sees(PASSWORD);
    others_write(&world, "shown");
    at.types("");
    at.sees("Opened acme/web/prod version 1");
    assert_eq!(at.ends(), 0);
    cosigned_the_end(&world, &world.custodians[..3].iter().collect::<Vec<_>>());
}

#[test]
fn a_group_is_formed_though_others_write_while_the_words_are_compared() {
    let world = World::new();
    let [one, two] = &world.custodians[..2] else { panic!() };
    let members = format!("{},{}", one.name, two.name);
    let mut at = Terminal::run(&world, &["group", "form", "acme/pair", "-t", "2", "-m", &members]);
    at.gives_card(one);
    at.sees("Card file of");
    others_write(&world, "first");
    at.types(&two.card());
    at.sees("Passphrase of");
    at.types(&two.passphrase);
    at.sees("Does everyone see the same words");
    others_write(&world, "second");
    at.types("yes");
    at.sees("Formed acme/pair");
    assert_eq!(at.ends(), 0);
    assert!(json(&world, &["audit", "verify"])["findings"].as_array().unwrap().is_empty());
}

/// Through the library: at the terminal the shortest window is a minute.
#[test]
fn a_ceremony_whose_window_is_over_is_closed_on_record_and_releases_nothing() {
    let world = World::new();
    let (mut vault, mut log) = world.open();
    let (address, start) = (room::address(), room::now());
    let asked = room::ask(&address, Span::minutes(1));
    let operator = world.operator.unlock();
    let hash = vault.open_ceremony(&mut log, operator.card(), &asked, start, &mut room::rng()).unwrap();
    let package = vault.package(&log, &hash).unwrap();
    for (person, late) in world.custodians.iter().zip([false, false, true]) {
        let at = if late { start + Span::seconds(61) } else { start };
        let custodian = person.unlock();
        let reviewed = review(&package, custodian.card(), None, start).unwrap();
        let totp = TotpSecret::from_bytes(SecretBytes::new(person.seed.clone())).unwrap();
        let code = totp.code_at(step_of(at.unix_seconds()));
        let answer = reviewed.contribute(custodian.card(), &code, at, &mut room::rng());
        let Ok(answer) = answer else {
            assert!(late);
            continue;
        };
        let event = vault.accept(&mut log, &answer, at).unwrap();
        let expired = matches!(event, Event::Refused { why: Refusal::Expired, .. });
        assert_eq!(expired, late, "{event:?}");
    }
    let late = start + Span::seconds(61);
    let released = vault.release(&mut log, &hash, 0, late, &mut room::rng());
    assert!(matches!(released, Err(VaultError::CeremonyEnded(_))));
    assert_eq!(vault.known(&log, &hash).unwrap().standing, Standing::Ended(Ending::Expired));
    assert!(vault.verify(None).unwrap().findings.is_empty());
}

#[test]
fn a_typed_password_is_checked_at_once_and_asked_for_again() {
    let world = World::new();
    let seal = ["--yes", "seal", ADDRESS, "--login", "root@example.com", "--typed"];
    let mut at = Terminal::run(&world, &seal);
    at.sees("has version 1 already");
    at.sees("Password: ");
    at.types("short");
    at.sees("a password has");
    at.sees("Password: ");
    at.types("Zk8-wholly-new-words");
    at.sees("once more: ");
    at.types("Zk8-wholly-new-wordz");
    at.sees("the two do not agree. Type it again, twice.");
    at.sees("Password: ");
    at.types("Zk8-wholly-new-words");
    at.sees("once more: ");
    at.types("Zk8-wholly-new-words");
    at.sees("version 2");
    assert_eq!(at.ends(), 0);
}

#[test]
fn a_login_without_an_at_sign_is_asked_about() {
    let world = World::new();
    let mut at = Terminal::run(&world, &["seal", ADDRESS]);
    at.sees("Seal version 2? (yes/no): ");
    at.types("yes");
    at.sees("Login id (the root user's e-mail address): ");
    at.types("roott");
    at.sees("'roott' is no e-mail address. Is it right? (yes/no): ");
    at.types("no");
    at.sees("Login id (the root user's e-mail address): ");
    at.types("root@example.com");
    at.sees("Sealed acme/web/prod version 2");
    assert_eq!(at.ends(), 0);
}

#[test]
fn remarks_and_questions_are_broken_between_words_alone() {
    let world = World::new();
    let script = format!(
        "read go; '{PROGRAM}' --vault '{}' open {ADDRESS} --reason 'a reason of quite a few words'",
        world.vault.display()
    );
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(44, 40).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(20)));
    let mut at = Terminal { session, tape: Tape::default() };
    at.types("");
    at.gives_card(&world.operator);
    at.sees("left]: ");
    at.types("");
    at.sees("left]: ");
    at.interrupts();
    assert_eq!(at.ends(), i32::from(Exit::Ceremony as u8));
    let tape = at.tape.text();
    let said = tape.split("Ceremony ").nth(1).unwrap();
    let lines: Vec<_> = said.lines().filter(|line| !line.contains("left]") && !line.contains('/')).collect();
    assert!(lines.iter().all(|line| line.trim_end_matches('\r').len() <= 44), "{lines:#?}");
    for words in ["custodians are needed", "Ctrl-C stops", "see 'warifu status'"] {
        let all = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(all.contains(words), "no word is broken: {all}");
    }
}

/// RFC 6238's seed.
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn code_of(step: u64) -> String {
    let seed = MfaSeed::read(&SecretBytes::new(SEED.as_bytes().to_vec())).unwrap();
    seed.code_at(step).expose_str().unwrap().to_owned()
}

/// Everybody in turn: card, agreement, code.
fn all_contribute<'a>(at: &mut Terminal, people: impl IntoIterator<Item = &'a Person>) {
    for person in people {
        at.gives_card(person);
        at.agrees(person);
        at.gives_code(person, &person.code(0));
        at.sees("accepted: ");
    }
}

#[test]
fn sign_in_shows_password_and_codes_side_by_side_and_counts_down() {
    let world = World::new();
    let holders = world.second_factor(SEED);
    let arguments = ["sign-in", ADDRESS, "--reason", "the bill"];
    let mut at = Terminal::run(&world, &arguments);
    at.gives_card(&world.operator);
    at.sees("5 custodians are needed");
    at.sees("custodian 1 of 5");
    // In any order; those of one group do not fill the other's place.
    all_contribute(&mut at, [&holders[0], &world.custodians[0], &world.custodians[1]]);
    all_contribute(&mut at, [&world.custodians[2], &holders[1]]);
    at.sees(ENTER_SCREEN);
    at.sees("the code is good for ");
    let before = step_of(room::now().unix_seconds());
    at.sees("root@example.com");
    at.sees(PASSWORD);
    at.sees("code ");
    at.sees("next code");
    // The seconds go by.
    at.sees("the code is good for ");
    at.sees("it is wiped in");
    at.types("");
    at.sees(LEAVE_SCREEN);
    at.sees("Gave 2 codes of acme/web/prod, password version 1, mfa version 1");
    assert_eq!(at.ends(), 0);
    let tape = at.tape.text();
    let shown = tape.split(ENTER_SCREEN).nth(1).unwrap().split(LEAVE_SCREEN).next().unwrap();
    let right = [before - 1, before].iter().any(|step| {
        let (code, next) = (code_of(*step), code_of(step + 1));
        shown.contains(&format!("code       {code}")) && shown.contains(&format!("next code  {next}"))
    });
    assert!(right, "{shown:?}");
    let outside = [tape.split(ENTER_SCREEN).next().unwrap(), tape.split(LEAVE_SCREEN).last().unwrap()];
    for text in outside {
        assert!(!text.contains(PASSWORD) && !text.contains(&code_of(before)), "off the alternate screen");
    }
    assert!(!tape.contains(SEED));
    let (kinds, _) = entries(&world);
    let given = kinds.iter().skip_while(|kind| *kind != "released").map(String::as_str).collect::<Vec<_>>();
    assert_eq!(given, ["released", "released", "code-given", "revealed", "ended"]);
    let present: Vec<_> = world.custodians.iter().take(3).chain(&holders).collect();
    cosigned_the_end(&world, &present);
}

#[test]
fn codes_are_for_a_terminal_or_a_program_and_ctrl_c_aborts() {
    let world = World::new();
    let holders = world.second_factor(SEED);
    let mut at = Terminal::run(&world, &["code", ADDRESS, "--reason", "x"]);
    at.gives_card(&world.operator);
    at.sees("2 custodians are needed");
    at.gives_card(&holders[0]);
    at.sees("nobody gets the seed");
    at.sees("do you agree?");
    at.interrupts();
    assert_eq!(at.ends(), i32::from(Exit::Ceremony as u8));
    assert!(entries(&world).1.contains("aborted"));
    let mut at = Terminal::run(&world, &["code", ADDRESS, "--reason", "x", "--codes", "1"]);
    at.gives_card(&world.operator);
    all_contribute(&mut at, &holders);
    at.sees("the code is good for ");
    at.types("");
    at.sees("Gave 1 code of acme/web/prod, mfa version 1. Whoever controls this host could know the seed");
    assert_eq!(at.ends(), 0);
    assert!(!at.tape.text().contains("next code"));
    let output = Command::new(PROGRAM)
        .arg("--vault")
        .arg(&world.vault)
        .args(["code", ADDRESS, "--reason", "x"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("--exec CMD"), "{said}");
}
