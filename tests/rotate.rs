//! `rotate`, `destroy`, `due` and `policy` as people and scripts use them: the
//! built program, the ceremonies on a real pseudo-terminal.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/room.rs"]
mod room;

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{ControlCode, Expect, Session};
use room::{ADDRESS, PASSWORD, Person, World, payload, rng};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};
use std::time::Duration;
use warifu::ceremony::custodian::review;
use warifu::event::{Event, Mode, Purpose};
use warifu::event::{Made, Shown};
use warifu::name::Factor;
use warifu::name::{AccountAddress, Provider};
use warifu::seal::mfa::MfaSeed;
use warifu::time::Span;
use warifu::vault::ceremony::Ask;
use warifu::vault::hierarchy::NewAccount;
use warifu::vault::seal::Provenance;

const PROGRAM: &str = env!("CARGO_BIN_EXE_warifu");
const ENTER_SCREEN: &str = "\x1b[?1049h";
const LEAVE_SCREEN: &str = "\x1b[?1049l";

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
        session.get_process_mut().set_window_size(250, 40).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(30)));
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

    fn gives_card(&mut self, person: &Person) {
        self.sees("Card file of");
        self.types(&person.card());
        self.sees("Passphrase of");
        self.types(&person.passphrase);
    }

    /// The operator and three custodians; `more` after each agreement.
    fn quorum(&mut self, world: &World, more: &dyn Fn(&mut Self)) {
        self.gives_card(&world.operator);
        self.sees("3 custodians are needed");
        for person in &world.custodians[..3] {
            self.gives_card(person);
            self.sees(&format!("{}, do you agree?", person.name));
            self.types("yes");
            more(self);
            self.sees(&format!("TOTP code of {}", person.name));
            self.types(&person.code(0));
        }
        self.sees("3 of 3");
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
}

fn run(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("--vault").arg(&world.vault).args(["--json", "--yes"]).args(arguments).output().unwrap()
}

#[track_caller]
fn json(world: &World, arguments: &[&str]) -> Value {
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

/// Kinds of the entries since the last opening.
fn kinds(world: &World) -> Vec<String> {
    let log = json(world, &["audit", "log", "acme"]);
    let kinds: Vec<_> =
        log.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect();
    let opened = kinds.iter().rposition(|kind| kind == "opened").unwrap();
    kinds[opened..].to_vec()
}

/// What each version of the account is.
fn places(world: &World) -> Vec<String> {
    let account = json(world, &["account", "show", ADDRESS]);
    let place = |v: &Value| v["place"].as_str().unwrap().to_owned();
    account["versions"].as_array().unwrap().iter().map(place).collect()
}

fn verifies(world: &World) {
    assert_eq!(json(world, &["audit", "verify"])["findings"], serde_json::json!([]));
}

fn by_operator(world: &World) -> [String; 4] {
    let file = world.dir.path().join("operator.passphrase");
    fs::write(&file, &world.operator.passphrase).unwrap();
    let passphrase = file.display().to_string();
    ["--card".to_owned(), world.operator.card(), "--passphrase-file".to_owned(), passphrase]
}

fn with<'a>(arguments: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

#[test]
fn both_passwords_are_shown_once_and_on_the_answer_the_new_one_is_current() {
    let world = World::new();
    let mut at = Terminal::run(&world, &["rotate", ADDRESS, "--reason", "yearly"]);
    at.quorum(&world, &|at| assert!(at.tape.contains("You are asked to help replace")));
    at.sees(ENTER_SCREEN);
    at.sees("present password");
    at.sees(PASSWORD);
    at.sees("new password");
    at.types("");
    at.sees(LEAVE_SCREEN);
    at.sees("Which password does the provider accept now");
    at.types("perhaps");
    at.sees("Please answer new or old");
    at.types("new");
    at.sees("version 2 is current, handled by you; version 1 is destroyed");
    at.ends(0);
    let outside = format!(
        "{}{}",
        at.tape.split(ENTER_SCREEN).next().unwrap(),
        at.tape.split(LEAVE_SCREEN).last().unwrap()
    );
    assert!(!outside.contains(PASSWORD));
    let expected = [
        "opened",
        "targeted",
        "accepted",
        "accepted",
        "accepted",
        "released",
        "seal-begun",
        "rotation-begun",
        "sealed",
        "revealed",
        "rotation-settled",
        "destroyed",
        "ended",
    ];
    assert_eq!(kinds(&world), expected);
    assert_eq!(places(&world), ["destroyed", "current"]);
    let account = json(&world, &["account", "show", ADDRESS]);
    assert_eq!((&account["version"], &account["state"]), (&2.into(), &"sealed".into()));
    assert_eq!(account["handled_by"], world.operator.name);
    verifies(&world);
    let open = ["open", ADDRESS, "--version", "1", "--reason", "late", "--exec", "cat"];
    let (code, said) = refused(&world, &open);
    assert!(code == 3 && said.contains("acme/web/prod version 1 was destroyed on"), "{code}: {said}");
    assert!(said.contains("warifu account show acme/web/prod"), "{said}");
}

#[test]
fn a_program_installs_it_and_nobody_reads_it() {
    let world = World::new();
    let got = world.dir.path().join("got");
    let script = format!("cat > '{}'", got.display());
    let mut at = Terminal::run(&world, &["rotate", ADDRESS, "--reason", "yearly", "--exec", &script]);
    at.quorum(&world, &|_| {});
    at.sees("version 2 is current, unseen; version 1 is destroyed");
    at.ends(0);
    let got = fs::read_to_string(got).unwrap();
    let lines: Vec<_> = got.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1].len()), (2, PASSWORD, 40));
    assert!(!at.tape.contains(lines[1]) && !at.tape.contains(PASSWORD));
    let account = json(&world, &["account", "show", ADDRESS]);
    assert_eq!((&account["handled_by"], &account["versions"][1]["shown"]), (&Value::Null, &"command".into()));
    let baseline: Value =
        serde_json::from_slice(&run(&world, &["account", "baseline", ADDRESS]).stdout).unwrap();
    let password = &baseline["items"][0];
    assert_eq!((&password["shown"], &password["version"]), (&true.into(), &2.into()), "{password}");
    verifies(&world);
}

#[test]
fn a_program_that_fails_leaves_both_versions_and_resume_settles_it() {
    for (accepts, after) in [("new", ["destroyed", "current"]), ("old", ["current", "discarded"])] {
        let world = World::new();
        let mut at = Terminal::run(&world, &["rotate", ADDRESS, "--reason", "yearly", "--exec", "exit 3"]);
        at.quorum(&world, &|_| {});
        at.sees("1 rotation not settled");
        at.sees("warifu rotate --resume acme/web/prod");
        at.ends(1);
        assert_eq!(places(&world), ["current", "pending"]);
        assert_eq!(kinds(&world).last().unwrap(), "ended");
        verifies(&world);
        let due = json(&world, &["due", "acme"]);
        assert_eq!(due[0]["why"][0], "not-settled");
        // Nothing else can be done with the account before that.
        let seal = ["seal", ADDRESS, "--login", "root@example.com", "--generate"];
        let rotate = ["rotate", ADDRESS, "--reason", "again", "--exec", "cat"];
        for refusal in [&seal[..], &rotate, &["destroy", ADDRESS, "--version", "1"]] {
            let (code, said) = refused(&world, refusal);
            assert!(code == 3 && said.contains("rotate --resume acme/web/prod"), "{refusal:?}: {said}");
        }
        let operator = by_operator(&world);
        let resumed = json(&world, &with(&["rotate", "--resume", ADDRESS, "--accepts", accepts], &operator));
        let state = if accepts == "new" { "rotated" } else { "kept" };
        assert_eq!((&resumed["ceremony"], &resumed["accounts"][0]["state"]), (&Value::Null, &state.into()));
        assert_eq!(places(&world), after);
        verifies(&world);
        let (code, said) = refused(&world, &with(&["rotate", "--resume", ADDRESS], &operator));
        assert!(code == 3 && said.contains("no rotation of acme/web/prod is waiting"), "{said}");
    }
}

#[test]
fn ctrl_c_at_the_question_leaves_both_versions() {
    let world = World::new();
    let mut at = Terminal::run(&world, &["rotate", ADDRESS, "--reason", "yearly"]);
    at.quorum(&world, &|_| {});
    at.sees("new password");
    at.types("");
    at.sees("Which password does the provider accept now");
    at.session.send(ControlCode::EndOfText).unwrap();
    at.sees("warifu rotate --resume acme/web/prod");
    at.ends(5);
    assert_eq!(
        (places(&world), kinds(&world).pop().unwrap()),
        (vec!["current".to_owned(), "pending".to_owned()], "ended".to_owned())
    );
    verifies(&world);
    // On a terminal the question comes again.
    let mut at = Terminal::run(&world, &["rotate", "--resume", ADDRESS]);
    at.gives_card(&world.operator);
    at.sees("If you cannot tell, answer later and open either");
    at.types("new");
    at.sees("version 2 is current");
    at.ends(0);
    assert_eq!(places(&world), ["destroyed", "current"]);
}

#[test]
fn what_was_opened_is_replaced_within_its_ceremony() {
    let world = World::new();
    let mut at = Terminal::run(&world, &["open", ADDRESS, "--reason", "the bill", "--rotate"]);
    at.quorum(&world, &|_| {});
    at.sees(PASSWORD);
    at.types("");
    at.sees("replace it now?");
    at.types("yes");
    at.sees("new password");
    at.types("");
    at.sees("Which password does the provider accept now");
    at.types("new");
    at.sees("Opened acme/web/prod version 1, and replaced it.");
    at.ends(0);
    assert_eq!(places(&world), ["destroyed", "current"]);
    assert_eq!(kinds(&world).iter().filter(|kind| *kind == "accepted").count(), 3, "one quorum");
    verifies(&world);
}

/// More accounts in `acme/web`, with a version each.
fn more_accounts(world: &World, count: usize) {
    let (mut vault, mut log) = world.open();
    for n in 0..count {
        let address: AccountAddress = format!("acme/web/more-{n:02}").parse().unwrap();
        let external_id = format!("2100000000{n:02}");
        let new =
            NewAccount { address: &address, name: None, provider: Provider::Aws, external_id: &external_id };
        vault.add_account(&new, &room::now, &mut rng()).unwrap();
        log = vault.log(&log.state.slug).unwrap();
        let provenance = Provenance { made: Made::Imported, shown: Shown::Nobody };
        let password = payload(&format!("Old-password-{n:02}"));
        vault.seal(&mut log, &address, &password, provenance, room::now(), &mut rng()).unwrap();
    }
}

#[test]
fn a_list_is_one_ceremony_with_one_quorum() {
    let world = World::new();
    more_accounts(&world, 13);
    let got = world.dir.path().join("got");
    // The program fails for one of them, and the walk goes on.
    let script = format!(
        "read -r old; read -r new; echo \"$old $new\" >> '{}'; [ \"$WARIFU_ACCOUNT\" != acme/web/more-03 ]",
        got.display()
    );
    let arguments = ["rotate", "--all", "acme/web", "--reason", "yearly", "--exec", &script];
    let mut at = Terminal::run(&world, &arguments);
    at.quorum(&world, &|at| {
        at.sees("How many accounts are that?");
        at.types("14");
    });
    assert!(at.tape.contains("acme/web: 14 accounts"), "{}", at.tape);
    at.sees("acme/web/more-03: not settled; versions 1 and 2 can both be opened");
    at.sees("warifu rotate --resume acme/web/more-03");
    at.ends(1);
    let got = fs::read_to_string(got).unwrap();
    assert_eq!(got.lines().count(), 14);
    assert!(got.lines().any(|line| line.starts_with(PASSWORD)));
    let kinds = kinds(&world);
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((count("accepted"), count("released"), count("rotation-begun")), (3, 14, 14));
    assert_eq!((count("destroyed"), count("ended")), (13, 1));
    verifies(&world);
    let operator = by_operator(&world);
    let resumed = ["rotate", "--resume", "--all", "acme/web", "--accepts", "old"];
    let resumed = json(&world, &with(&resumed, &operator));
    assert_eq!(resumed["accounts"][0]["address"], "acme/web/more-03");
    verifies(&world);
}

#[test]
fn whoever_miscounts_has_not_agreed() {
    let world = World::new();
    more_accounts(&world, 12);
    let mut at = Terminal::run(&world, &["rotate", "--all", "acme", "--reason", "yearly", "--exec", "cat"]);
    at.gives_card(&world.operator);
    let first = &world.custodians[0];
    at.gives_card(first);
    at.sees("do you agree?");
    at.types("yes");
    at.sees("How many accounts are that?");
    at.types("12");
    at.sees("Nothing was entered for this. Call another custodian");
    at.session.send(ControlCode::EndOfText).unwrap();
    at.ends(5);
    assert_eq!(places(&world), ["current"]);
}

#[test]
fn the_current_version_is_destroyed_only_by_its_quorum() {
    let world = World::new();
    let (code, said) = refused(&world, &["destroy", ADDRESS, "--version", "1"]);
    assert!(code == 3 && said.contains("is the current one") && said.contains("--current"), "{said}");
    assert!(said.contains("warifu rotate acme/web/prod"), "{said}");
    let (_, said) = refused(&world, &["destroy", ADDRESS, "--version", "7"]);
    assert!(said.contains("has no version 7"), "{said}");
    let (mut vault, mut log) = world.open();
    room::seal(&mut vault, &mut log, "the next one");
    drop(vault);
    let gone = json(&world, &["destroy", ADDRESS, "--version", "1"]);
    assert_eq!(
        gone,
        serde_json::json!({
            "address": ADDRESS, "factor": "password", "version": 1, "signed_by": [], "erased": true,
        })
    );
    let cards = quorum(&world);
    let gone = json(&world, &with(&["destroy", ADDRESS, "--version", "2", "--current"], &cards));
    assert_eq!(gone["signed_by"].as_array().unwrap().len(), 3);
    assert_eq!(places(&world), ["destroyed", "destroyed"]);
    let (_, said) = refused(&world, &["open", ADDRESS, "--reason", "late", "--exec", "cat"]);
    assert!(said.contains("was destroyed on"), "{said}");
    verifies(&world);
}

/// Three custodians' cards, for a command that takes signatures.
fn quorum(world: &World) -> Vec<String> {
    let each = world.custodians[..3].iter().enumerate().flat_map(|(n, person)| {
        let file = world.dir.path().join(format!("c{n}.passphrase"));
        fs::write(&file, &person.passphrase).unwrap();
        let file = file.display().to_string();
        ["--card".to_owned(), person.card(), "--passphrase-file".to_owned(), file]
    });
    each.collect()
}

#[test]
fn the_policy_decides_how_long_new_passwords_are_and_when_they_are_due() {
    let world = World::new();
    let (code, _) = refused(&world, &["policy", "rotation", "set", "acme", "--every", "90h"]);
    assert_eq!(code, 2);
    let (code, said) = refused(&world, &["policy", "rotation", "set", "acme", "--length", "7"]);
    assert!(code == 3 && said.contains("8 to 128"), "{said}");
    let set = [
        "policy",
        "rotation",
        "set",
        "acme",
        "--every",
        "1d",
        "--length",
        "64",
        "--alphabet",
        "alphanumeric",
    ];
    let (code, _) = refused(&world, &set);
    assert_eq!(code, 2, "the group that holds something there must sign");
    let cards = quorum(&world);
    assert_eq!(json(&world, &with(&set, &cards))["serial"], 1);
    let shown = json(&world, &["policy", "rotation", "show", ADDRESS]);
    assert_eq!(
        (&shown["every_days"], &shown["length"], &shown["serial"]),
        (&1.into(), &64.into(), &Value::Null)
    );
    // Within a week: listed, and no failure; but nothing is listed within an hour.
    assert_eq!(json(&world, &["due"])[0]["why"], serde_json::json!(["age", "never-rotated"]));
    assert_eq!(json(&world, &["due", "acme", "--within", "1h"]), serde_json::json!([]));
    let (code, said) =
        refused(&world, &["seal", ADDRESS, "--login", "a@b.c", "--generate", "--length", "20"]);
    assert!(code == 2 && said.contains("demands 64 characters"), "{said}");
    let got = world.dir.path().join("got");
    let script = format!("cat > '{}'", got.display());
    let mut at = Terminal::run(&world, &["rotate", ADDRESS, "--reason", "yearly", "--exec", &script]);
    at.quorum(&world, &|_| {});
    at.ends(0);
    let got = fs::read_to_string(got).unwrap();
    let new = got.lines().nth(1).unwrap();
    assert!(new.len() == 64 && new.bytes().all(|b| b.is_ascii_alphanumeric()), "{}", new.len());
    verifies(&world);
}

/// RFC 6238's, and another.
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const NEW_SEED: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// Codes of a seed now and a step later: whatever is on the screen is among them.
fn codes_of(seed: &str) -> [String; 3] {
    let seed = MfaSeed::read(&room::secret(seed)).unwrap();
    let step = seed.step_of(room::now().unix_seconds());
    [0, 1, 2].map(|more| seed.code_at(step + more).expose_str().unwrap().to_owned())
}

/// The operator and two who hold the second factor.
fn two_agree(at: &mut Terminal, world: &World, holders: &[Person], told: &str) {
    at.gives_card(&world.operator);
    at.sees("2 custodians are needed");
    for person in holders {
        at.gives_card(person);
        at.sees(told);
        at.sees("do you agree?");
        at.types("yes");
        at.sees(&format!("TOTP code of {}", person.name));
        at.types(&person.code(0));
    }
    at.sees("2 of 2");
}

/// Places of the versions of a factor.
fn places_of(world: &World, factor: &str) -> Vec<String> {
    let account = json(world, &["account", "show", ADDRESS]);
    let of = account["versions"].as_array().unwrap().iter().filter(|v| v["factor"] == factor);
    of.map(|v| v["place"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_authenticators_seed_is_replaced_by_codes_and_the_new_one_is_sealed_before_its_codes_are_shown() {
    let world = World::new();
    let holders = world.second_factor(SEED);
    let mut at = Terminal::run(&world, &["rotate", ADDRESS, "--factor", "mfa", "--reason", "yearly"]);
    two_agree(&mut at, &world, &holders, "codes are made of what is there, nobody gets the seed");
    at.sees(ENTER_SCREEN);
    let old = codes_of(SEED);
    at.sees("mfa version 1: present (1 of 1)");
    at.types("");
    at.sees(LEAVE_SCREEN);
    assert!(old.iter().any(|code| at.tape.contains(code)), "{}", at.tape);
    at.sees("press Enter when you have the new one");
    at.types("show");
    at.sees(ENTER_SCREEN);
    at.types("");
    at.sees("press Enter when you have the new one");
    at.types("");
    at.sees("otpauth:// URL, or the seed in Base32");
    at.types("no seed!");
    at.sees("neither an otpauth");
    at.sees("otpauth:// URL, or the seed in Base32");
    at.types(NEW_SEED);
    at.sees("Sealed acme/web/prod mfa version 2; it is pending");
    assert_eq!(places_of(&world, "mfa"), ["current", "pending"], "sealed before a code of it is shown");
    let new = codes_of(NEW_SEED);
    at.sees("mfa version 2: to be installed (1 of 1)");
    at.types("");
    at.sees("Which authenticator does the provider accept now");
    assert!(new.iter().any(|code| at.tape.contains(code)), "{}", at.tape);
    at.types("again");
    at.sees(ENTER_SCREEN);
    at.types("");
    at.sees("Which authenticator does the provider accept now");
    at.types("new");
    at.sees("acme/web/prod mfa: version 2 is current, handled by you; version 1 is destroyed");
    at.ends(0);
    assert!(!at.tape.contains(NEW_SEED) && !at.tape.contains(SEED));
    let expected = [
        "opened",
        "targeted",
        "accepted",
        "accepted",
        "released",
        "code-given",
        "code-given",
        "seal-begun",
        "rotation-begun",
        "sealed",
        "rotation-settled",
        "destroyed",
        "ended",
    ];
    assert_eq!(kinds(&world), expected);
    assert_eq!(places_of(&world, "mfa"), ["destroyed", "current"]);
    let account = json(&world, &["account", "show", ADDRESS]);
    let mfa = account["factors"].as_array().unwrap().iter().find(|f| f["factor"] == "mfa").unwrap();
    assert_eq!((&mfa["version"], &mfa["handled_by"]), (&2.into(), &world.operator.name.clone().into()));
    assert!(mfa["exposed_to_host"].is_null(), "no code of it was asked of the gate: {mfa}");
    verifies(&world);
}

#[test]
fn a_seed_that_is_not_installed_yet_leaves_both_and_resume_settles_it() {
    let world = World::new();
    let holders = world.second_factor(SEED);
    let ask = ["rotate", ADDRESS, "--factor", "mfa", "--reason", "yearly"];
    let mut at = Terminal::run(&world, &ask);
    two_agree(&mut at, &world, &holders, "nobody gets the seed");
    at.sees(ENTER_SCREEN);
    at.types("");
    at.sees("press Enter when you have the new one");
    at.types("later");
    at.sees("acme/web/prod mfa: nothing new was given; version 1 stays current");
    at.ends(0);
    assert_eq!(places_of(&world, "mfa"), ["current"]);
    let due = json(&world, &["due"]);
    assert_eq!((&due[0]["factor"], &due[0]["why"][0]), (&"mfa".into(), &"exposed-to-host".into()));
    assert!(due[0]["due"].is_null() && due[0]["exposed_to_host"].is_string(), "{due}");
    std::thread::sleep(Duration::from_secs(31));
    let mut at = Terminal::run(&world, &ask);
    two_agree(&mut at, &world, &holders, "codes were made of it before");
    at.sees(ENTER_SCREEN);
    at.types("");
    at.sees("press Enter when you have the new one");
    at.types("");
    at.sees("otpauth:// URL, or the seed in Base32");
    at.types(NEW_SEED);
    at.sees("to be installed");
    at.types("");
    at.sees("Which authenticator does the provider accept now");
    at.session.send(ControlCode::EndOfText).unwrap();
    at.sees("warifu rotate --resume acme/web/prod --factor mfa");
    at.ends(5);
    assert_eq!(places_of(&world, "mfa"), ["current", "pending"]);
    verifies(&world);
    let seal = ["seal", ADDRESS, "--factor", "mfa", "--from", "/dev/null"];
    let (code, said) = refused(&world, &seal);
    assert!(code == 3, "{said}");
    let (code, said) = refused(&world, &["destroy", ADDRESS, "--factor", "mfa", "--version", "1"]);
    assert!(code == 3 && said.contains("warifu rotate --resume acme/web/prod --factor mfa"), "{said}");
    let operator = by_operator(&world);
    let (_, said) = refused(&world, &with(&["rotate", "--resume", ADDRESS, "--accepts", "new"], &operator));
    assert!(said.contains("no rotation of acme/web/prod is waiting"), "that is of its password: {said}");
    let resume = ["rotate", "--resume", ADDRESS, "--factor", "mfa", "--accepts", "new"];
    let resumed = json(&world, &with(&resume, &operator));
    assert_eq!(
        (&resumed["accounts"][0]["state"], &resumed["accounts"][0]["factor"]),
        (&"rotated".into(), &"mfa".into())
    );
    assert_eq!(places_of(&world, "mfa"), ["destroyed", "current"]);
    verifies(&world);
}

#[test]
fn a_bad_share_of_the_authenticator_costs_no_password_and_is_named_each_time() {
    let world = World::new();
    let holders = world.second_factor(SEED);
    let (mut vault, mut log) = world.open();
    let account = room::address();
    let now = room::now();
    let ask = Ask {
        address: &account,
        purpose: Purpose::SignIn,
        factor: Factor::Password,
        version: None,
        reason: "a test",
        ticket: None,
        mode: Mode::Files,
        window: Span::hours(1),
    };
    let operator = world.operator.unlock();
    let ceremony = vault.open_ceremony(&mut log, operator.card(), &ask, now, &mut rng()).unwrap();
    for (n, person) in world.custodians[..3].iter().chain(&holders).enumerate() {
        let card = person.unlock();
        let reviewed = review(&vault.package(&log, &ceremony).unwrap(), card.card(), None, now).unwrap();
        let mut shares = reviewed.open_shares(card.card(), &mut rng()).unwrap();
        if n == 4 {
            shares[0].expose_mut()[96] ^= 1;
        }
        let code = room::secret(&person.code(0));
        let answer = reviewed.assemble(card.card(), &shares, &code, now, &mut rng()).unwrap();
        assert!(matches!(vault.accept(&mut log, &answer, room::now()).unwrap(), Event::Accepted(_)));
    }
    drop((vault, log));
    let got = world.dir.path().join("got");
    let script = format!("cat > '{}'", got.display());
    let (by, short) = (by_operator(&world), ceremony.short());
    let finish = ["ceremony", "finish", "acme", &short, "--exec", &script];
    // Once, and asked again: whose share is bad is said, and nothing was exposed for it.
    for _ in 0..2 {
        let (code, said) = refused(&world, &with(&finish, &by));
        assert!(code == 5 && said.contains("4 of 5 shares accepted"), "{code}: {said}");
        assert!(said.contains(&format!("share of {}", holders[1].name)), "{said}");
    }
    assert!(!got.exists());
    let account = json(&world, &["account", "show", ADDRESS]);
    assert_eq!(account["state"], "sealed", "the password was not released: {account}");
    verifies(&world);
}
