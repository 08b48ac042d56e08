//! Entries that somebody saw and nobody has any more: the recovery quorum signs for
//! them, each who saw them accepts it at a terminal, and nobody else can make such an
//! entry or go round that question. Long, because all of it is told of one dead host.

#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Person, Ran, World, joined, run};
use expectrl::process::unix::WaitStatus;
use expectrl::{Expect, Session};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use warifu::ceremony::custodian::{ReviewError, Seen};
use warifu::ceremony::gap::{GapMet, explained};
use warifu::event::{Actor, Ending, Entry, Event, Gap, Line, LogHead, RestoredWithGap, SCHEMA, Signed};
use warifu::gate::{Gate, RootGate};
use warifu::hex::Bytes;
use warifu::http::keep::{Keep, init};
use warifu::log::checkpoint::Checkpoint;
use warifu::log::note::{Note, VerifierKey};
use warifu::log::witness::{AddCheckpoint, Answer};
use warifu::seal::card::Card;
use warifu::seal::card_file::{CardFile, UnlockedCard};
use warifu::secret::{SecretBytes, SecretKey};
use warifu::state::{Invalid, Organisation};
use warifu::vault::PublicVault;

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const TAMPERED: i32 = 6;
const ALARM: i32 = 9;

/// A vault whose host died: a backup of it, entries since that custodians have seen,
/// and a new machine with the restored backup. `c1` and `c2` saw all of them, `c3` less.
struct Dead {
    world: World,
    keepers: [Person; 3],
    restored: PathBuf,
}

impl Dead {
    fn new() -> Self {
        let world = World::new();
        let keepers = ["k1", "k2", "k3"].map(|folder| world.keeper(folder));
        world.form_recovery(2, &keepers.each_ref());
        world.request("open.warifu");
        world.host(&["backup", "backup"]).good();
        bind(&world, &[0, 2]);
        bind(&world, &[0, 1]);
        let restore = ["--vault", "restored", "restore", "backup"];
        run(&world.host_dir(), &restore).good();
        let restored = world.host_dir().join("restored");
        Self { world, keepers, restored }
    }

    fn here(&self, arguments: &[&str]) -> Ran {
        run(&self.world.host_dir(), &[&["--vault", "restored", "--yes"], arguments].concat())
    }

    fn seen_path(&self, person: &Person) -> String {
        self.world.file(person, "card.seen")
    }

    fn seen(&self, person: &Person) -> Value {
        serde_json::from_slice(&fs::read(self.seen_path(person)).unwrap()).unwrap()
    }

    fn recover(&self, options: &[&str], keepers: &[usize]) -> Ran {
        let cards: Vec<_> = keepers.iter().flat_map(|which| self.world.card(&self.keepers[*which])).collect();
        self.here(&joined(&[&["--json", "recover"], options].concat(), &cards))
    }

    /// The keepers sign for what this person has seen.
    fn recovered(&self, who: &Person) -> Value {
        let seen = self.seen_path(who);
        self.recover(&["--against", &seen, "--sign-gap"], &[0, 1]).good().json()
    }

    /// Something that one card signs at the host.
    fn bars(&self, person: &Person) -> Vec<String> {
        let log = self.log();
        let counts = |one: &&Person| log.cards.barred(&one.name.parse().unwrap()).is_none();
        let mut others = self.world.custodians.iter().filter(|one| one.name != person.name);
        let whom = &others.rfind(counts).unwrap().name;
        let command =
            ["--vault", "restored", "--yes", "custodian", "suspend", "acme", whom, "--reason", "try"];
        command.iter().map(|text| (*text).to_owned()).chain(self.world.card(person)).collect()
    }

    fn without_terminal(&self, person: &Person) -> Ran {
        let command = self.bars(person);
        run(&self.world.host_dir(), &command.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The same at a terminal; gives the exit code and all that was to be read.
    fn at_terminal(&self, person: &Person, typed: &str) -> (i32, String) {
        at_terminal(&self.world.host_dir(), &self.bars(person), typed)
    }

    /// Somebody's answer to a request, made on their own machine: refused without a
    /// terminal, made once they have accepted the gap there, and taken by the host.
    fn accepted_by_file(&self, person: &Person, request: &str) {
        let (world, home) = (&self.world, self.world.home(person));
        world.carry(request, person);
        fs::write(home.join("code.now"), world.code(person)).unwrap();
        let contribute = format!("--vault no-vault-here --yes ceremony contribute {request} --card card");
        let options = "--passphrase-file passphrase --code-file code.now --out answer";
        let command: Vec<_> =
            [contribute.as_str(), options].join(" ").split(' ').map(str::to_owned).collect();
        let words: Vec<_> = command.iter().map(String::as_str).collect();
        run(&home, &words).refused(USAGE, &["no option accepts it"]);
        let (code, tape) = at_terminal(&home, &command, "accept");
        assert_eq!(code, 0, "{tape}");
        self.here(&["ceremony", "accept", &world.file(person, "answer")]).good();
    }

    /// The organisation's log of the restored vault.
    fn log(&self) -> Organisation {
        let vault = PublicVault::open(&self.restored).unwrap();
        vault.log(&"acme".parse().unwrap()).unwrap().state
    }
}

/// A command that asks whether a gap is accepted.
fn at_terminal(dir: &Path, arguments: &[String], typed: &str) -> (i32, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_warifu"));
    command.env_remove("WARIFU_VAULT");
    command.current_dir(dir).args(arguments).env("LC_ALL", "C.UTF-8");
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(900, 60).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(30)));
    let found = session.expect("type 'accept' to go on").unwrap();
    let mut tape = String::from_utf8_lossy(found.as_bytes()).into_owned();
    session.send(typed.as_bytes()).unwrap();
    session.send("\r").unwrap();
    if let Ok(found) = session.expect(expectrl::Eof) {
        tape.push_str(&String::from_utf8_lossy(found.as_bytes()));
    }
    match session.get_process().wait().unwrap() {
        // An alarm too is said after the card has counted.
        WaitStatus::Exited(_, code) => (if code == ALARM { 0 } else { code }, tape),
        other => panic!("{other:?}: {tape}"),
    }
}

/// An entry that these custodians see: they admit the operator once more.
fn bind(world: &World, which: &[usize]) {
    let admit = ["operator", "admit", "acme/keepers", &world.operator.name];
    world.host(&joined(&admit, &world.cards(which))).good();
}

#[test]
fn what_nobody_has_is_signed_for_by_keepers_and_accepted_by_each_who_saw_it() {
    let dead = Dead::new();
    let [one, two, three] = dead.world.custodians.clone().try_into().map_err(|_| "three").unwrap();
    let seen = dead.seen_path(&one);
    // Not by restoring, not without being told to, not by one keeper.
    let restore = ["--vault", "second", "restore", "backup", "--against", &seen];
    run(&dead.world.host_dir(), &restore).refused(TAMPERED, &["is a checkpoint of", "--sign-gap"]);
    dead.recover(&["--against", &seen], &[0, 1]).refused(TAMPERED, &["is a checkpoint of", "--sign-gap"]);
    dead.recover(&["--against", &seen, "--sign-gap"], &[0]).refused(USAGE, &["no terminal"]);
    assert!(!dead.restored.join("gate.key").exists());
    let before = dead.log().size;

    let said = dead.recovered(&one);
    assert_eq!(said["gate_epoch"], 2);
    assert_eq!(said["gaps"][0]["log"], "acme");
    assert_eq!(said["gaps"][0]["missing"], 2);
    assert_eq!(said["gaps"][0]["restored"]["size"], before);
    let log = dead.log();
    assert!(log.ceremonies.is_empty(), "what was open at the dead host is ended");
    assert_eq!(log.gaps.len(), 1);

    // On record, and in everybody's verdict.
    let verified = dead.here(&["audit", "verify"]).good();
    assert!(verified.out.contains("GAP   acme: with a gap of 2 entries"), "{}", verified.out);
    assert!(verified.out.contains("All is well, but for what is lost"), "{}", verified.out);
    let json = dead.here(&["--json", "audit", "verify"]).good().json();
    let logs = json["logs"].as_array().unwrap().iter();
    assert_eq!(logs.filter(|log| log["gaps"].is_array()).count(), 1);
    for (person, says) in [(&one, "the very checkpoint"), (&three, "nobody can tell any more")] {
        let note = dead.world.host_dir().join("note");
        fs::write(&note, dead.seen(person)["checkpoint"].as_str().unwrap()).unwrap();
        let against = dead.here(&["audit", "verify", "acme", "--against", &note.display().to_string()]);
        let against = against.refused(TAMPERED, &[]);
        assert!(against.out.contains("lies in a gap") && against.out.contains(says), "{}", against.out);
    }

    // Never automatic: not by --yes, and what was seen stays what it was.
    let untouched = fs::read(&seen).unwrap();
    let refused = dead.without_terminal(&one).refused(USAGE, &["no terminal", "no option accepts it"]);
    assert!(refused.err.contains("ENTRIES THAT YOU HAVE SEEN ARE LOST"), "{}", refused.err);
    let (code, tape) = dead.at_terminal(&one, "yes");
    assert_eq!(code, TAMPERED, "{tape}");
    assert_eq!(fs::read(&seen).unwrap(), untouched);
    assert_eq!(dead.log().size, log.size, "nothing was signed");

    let (code, tape) = dead.at_terminal(&one, "accept");
    assert_eq!(code, 0, "{tape}");
    assert!(tape.contains("You saw just the checkpoint that they signed for"), "{tape}");
    assert!(tape.contains("the keepers whom this log named when you saw it last"), "{tape}");
    assert!(tape.contains(dead.seen(&two)["checkpoint"].as_str().unwrap().lines().nth(2).unwrap()), "{tape}");
    let kept = dead.seen(&one);
    assert_eq!(kept["accepted"][0]["seen"]["size"], before + 2);
    // Once: from then on nobody is asked.
    let again = dead.without_terminal(&one);
    assert!(again.code != USAGE && !again.err.contains("LOST"), "{}{}", again.out, again.err);
    dead.here(&["audit", "verify"]).good();
}

#[test]
fn who_saw_something_between_is_told_that_nobody_can_compare_it() {
    let dead = Dead::new();
    dead.recovered(&dead.world.custodians[0]);
    let (code, tape) = dead.at_terminal(&dead.world.custodians[2], "accept");
    assert_eq!(code, 0, "{tape}");
    assert!(tape.contains("inside the gap") && tape.contains("nobody can show any more"), "{tape}");
}

#[test]
fn what_an_export_has_is_brought_in_and_nothing_is_lost() {
    let dead = Dead::new();
    let one = &dead.world.custodians[0];
    dead.world.host(&["audit", "export", "acme", "export"]).good();
    let seen = dead.seen_path(one);
    let said = dead.recover(&["--merge", "export", "--against", &seen, "--sign-gap"], &[0, 1]).good();
    assert!(said.err.contains("acme: 2 entries brought in"), "{}", said.err);
    let said = said.json();
    assert_eq!((said["gaps"].as_array().unwrap().len(), &said["gate_epoch"]), (0, &Value::from(1)));
    dead.without_terminal(one).good();
    assert!(dead.log().gaps.is_empty());
}

#[test]
fn keepers_sign_by_files_and_each_says_so_apart() {
    let dead = Dead::new();
    let seen = dead.seen_path(&dead.world.custodians[0]);
    let out = dead.restored.join("request").display().to_string();
    let asked = dead.here(&["recovery", "request", "--out", &out, "--against", &seen, "--sign-gap"]).good();
    assert!(asked.out.contains("--sign-gap"), "{}", asked.out);
    let answer = |keeper: &Person, more: &[&str]| {
        let home = ["recovery", "contribute", &out, "--out", "answer", "--card", "card"];
        let command = [&home[..], &["--passphrase-file", "passphrase"], more].concat();
        dead.world.at(keeper, &command)
    };
    let refused = answer(&dead.keepers[0], &[]).refused(INPUT, &["asks for a signature", "--sign-gap"]);
    assert!(refused.err.contains("acme: ") && refused.err.contains("2 lost"), "{}", refused.err);
    for keeper in &dead.keepers[..2] {
        answer(keeper, &["--sign-gap"]).good();
    }
    let [first, second] = [0, 1].map(|which| dead.world.file(&dead.keepers[which], "answer"));
    // Who leaves the gap out asks for something else.
    dead.here(&["recover", &first, &second]).refused(5, &["for another request"]);
    assert!(!dead.restored.join("gate.key").exists());
    // A signature that was taken out of an answer, or is for something else.
    let text = fs::read_to_string(&first).unwrap();
    let place = text.find("\"gaps\":[\"").unwrap() + 12;
    let digit = if text.as_bytes()[place] == b'0' { "1" } else { "0" };
    let altered = dead.restored.join("altered").display().to_string();
    fs::write(&altered, format!("{}{digit}{}", &text[..place], &text[place + 1..])).unwrap();
    let wrong = format!("the signature of {} is wrong", dead.keepers[0].name);
    let gap = ["--against", &seen, "--sign-gap"];
    dead.here(&[&["recover", &altered, &second], &gap[..]].concat()).refused(5, &[&wrong]);
    dead.here(&[&["recover", &first, &second], &gap[..]].concat()).good();
    assert_eq!(dead.log().gaps[0].entry.signatures.len(), 2);
    dead.here(&["audit", "verify"]).good();
}

#[test]
fn who_saw_more_than_the_keepers_signed_for_is_not_asked_but_refuses() {
    let dead = Dead::new();
    let (one, three) = (&dead.world.custodians[0], &dead.world.custodians[2]);
    dead.recovered(three);
    assert_eq!(dead.log().gaps[0].entry.gap.missing(), 1);
    let refused = dead.without_terminal(one).refused(TAMPERED, &[]);
    assert!(!refused.err.contains("LOST"), "{}", refused.err);
}

#[test]
fn a_gap_that_was_accepted_explains_nothing_a_second_time() {
    let dead = Dead::new();
    let one = &dead.world.custodians[0];
    dead.recovered(one);
    let before = dead.seen(one);
    assert_eq!(dead.at_terminal(one, "accept").0, 0);
    let mut kept = dead.seen(one);
    for field in ["size", "root", "checkpoint"] {
        kept[field] = before[field].clone();
    }
    fs::write(dead.seen_path(one), kept.to_string()).unwrap();
    let refused = dead.without_terminal(one).refused(TAMPERED, &[]);
    assert!(!refused.err.contains("LOST"), "{}", refused.err);
}

#[test]
fn what_keepers_have_seen_of_the_vaults_own_log_is_signed_for_and_accepted_too() {
    let dead = Dead::new();
    dead.world.host(&["org", "add", "late"]).good();
    let keeper = &dead.keepers[2];
    // As the keeper's card would have seen it.
    let note = dead.world.host(&["audit", "checkpoint", "@vault"]).good().out;
    let stated = Checkpoint::unverified(note.as_bytes()).unwrap();
    let mut seen = dead.seen(keeper);
    (seen["size"], seen["root"]) = (stated.size.into(), stated.root.to_string().into());
    seen["checkpoint"] = note.into();
    fs::write(dead.seen_path(keeper), seen.to_string()).unwrap();
    let said = dead.recovered(keeper);
    assert_eq!(said["gaps"][0]["log"], "@vault");
    let verified = dead.here(&["audit", "verify"]).good();
    assert!(verified.out.contains("GAP   @vault"), "{}", verified.out);
    let members = dead.keepers.each_ref().map(|one| one.name.as_str()).join(",");
    let cards: Vec<_> = dead.keepers.iter().flat_map(|one| dead.world.card(one)).collect();
    let form = ["recovery", "form", "--threshold", "2", "--members", &members];
    dead.here(&joined(&form, &cards)).refused(USAGE, &["no option accepts it"]);
}

fn unlocked(world: &World, person: &Person) -> UnlockedCard {
    let text = fs::read(world.file(person, "card")).unwrap();
    let passphrase = fs::read(world.file(person, "passphrase")).unwrap();
    CardFile::parse(&text).unwrap().unlock(&SecretBytes::new(passphrase)).unwrap()
}

/// What a forger has to work with: the restored log, what was seen of it, and cards.
struct Forger {
    dead: Dead,
    state: Organisation,
    cards: Vec<UnlockedCard>,
    good: RestoredWithGap,
}

impl Forger {
    fn new() -> Self {
        let dead = Dead::new();
        let state = dead.log();
        let vault = PublicVault::open(&dead.restored).unwrap();
        let keepers = vault.state().recovery.clone().unwrap();
        let note = dead.seen(&dead.world.custodians[0])["checkpoint"].as_str().unwrap().to_owned();
        let stated = Checkpoint::unverified(note.as_bytes()).unwrap();
        let signature = Note::parse(note.as_bytes()).unwrap().signatures()[0].bytes().to_vec();
        let gap = Gap {
            log: state.id,
            restored: LogHead { size: state.size, root: state.root_at(state.size).unwrap() },
            seen: LogHead { size: stated.size, root: stated.root },
            seen_signature: Bytes::from_slice(&signature).unwrap(),
            gate_epoch: 2,
        };
        let cards: Vec<_> = dead.keepers.iter().map(|keeper| unlocked(&dead.world, keeper)).collect();
        let mut good = RestoredWithGap { gap, keepers, signatures: Vec::new() };
        good.signatures = signed(&good, &state, &[cards[0].card(), cards[1].card()]);
        Self { dead, state, cards, good }
    }

    fn apply(&self, state: &mut Organisation, event: Event) -> Result<(), Invalid> {
        let entry = Entry { v: SCHEMA, time: state.last, actor: Actor::Host, event };
        let leaf = entry.to_line().unwrap().leaf_hash();
        state.apply(&Line::Known(Box::new(entry)), &leaf)
    }

    /// What the rules say to an entry that was changed, signed anew by two keepers.
    #[track_caller]
    fn refused(&self, change: impl Fn(&mut RestoredWithGap)) -> Invalid {
        let mut entry = self.good.clone();
        change(&mut entry);
        entry.signatures = signed(&entry, &self.state, &[self.cards[0].card(), self.cards[1].card()]);
        self.apply(&mut self.state.clone(), Event::RestoredWithGap(entry)).unwrap_err()
    }
}

fn signed(entry: &RestoredWithGap, state: &Organisation, cards: &[&Card]) -> Vec<Signed> {
    let digest = entry.gap.digest(&state.vault, &entry.keepers_digest(&state.vault));
    let sign = |card: &&Card| Signed {
        pseudonym: card.pseudonym().clone(),
        signature: card.signing_key().sign(&digest),
    };
    cards.iter().map(sign).collect()
}

#[test]
fn an_entry_that_was_not_made_so_by_a_quorum_is_refused() {
    let forger = Forger::new();
    let good = Event::RestoredWithGap(forger.good.clone());
    forger.apply(&mut forger.state.clone(), good).unwrap();
    // The host alone, and with one keeper.
    for few in [0, 1] {
        let mut entry = forger.good.clone();
        entry.signatures.truncate(few);
        let why = forger.apply(&mut forger.state.clone(), Event::RestoredWithGap(entry)).unwrap_err();
        assert_eq!(why, Invalid::TooFewSignatures { found: few, needed: 2 });
    }
    // One keeper twice.
    let mut twice = forger.good.clone();
    twice.signatures[1] = twice.signatures[0].clone();
    let why = forger.apply(&mut forger.state.clone(), Event::RestoredWithGap(twice)).unwrap_err();
    assert_eq!(why, Invalid::TooFewSignatures { found: 1, needed: 2 });
    // Signatures for another gap.
    let mut other = forger.good.clone();
    other.gap.gate_epoch = 3;
    let mut moved = forger.good.clone();
    moved.signatures = signed(&other, &forger.state, &[forger.cards[0].card(), forger.cards[1].card()]);
    let why = forger.apply(&mut forger.state.clone(), Event::RestoredWithGap(moved)).unwrap_err();
    assert!(matches!(why, Invalid::Signature { .. }), "{why}");
    // A threshold that the keepers never signed.
    let mut lower = forger.good.clone();
    lower.keepers.threshold = 3;
    let why = forger.apply(&mut forger.state.clone(), Event::RestoredWithGap(lower.clone())).unwrap_err();
    assert_eq!(why, Invalid::Mismatch("keepers' group"));
    let mut older = forger.state.clone();
    older.keepers = None;
    let why = forger.apply(&mut older, Event::RestoredWithGap(lower)).unwrap_err();
    assert!(matches!(why, Invalid::Signature { .. }), "{why}");
}

#[test]
fn an_entry_that_says_something_else_than_there_is_is_refused() {
    let forger = Forger::new();
    let why = forger.refused(|entry| entry.gap.restored.size -= 1);
    assert_eq!(why, Invalid::Mismatch("restored checkpoint"));
    let why = forger.refused(|entry| entry.gap.restored.root = Bytes([1; 32]));
    assert_eq!(why, Invalid::Mismatch("restored checkpoint"));
    let why = forger.refused(|entry| entry.gap.seen.size = entry.gap.restored.size);
    assert_eq!(why, Invalid::Mismatch("seen checkpoint"));
    let why = forger.refused(|entry| entry.gap.gate_epoch = 3);
    assert_eq!(why, Invalid::Mismatch("gate epoch"));
    // What was seen is signed by the log's own key, or by nobody.
    let why = forger.refused(|entry| entry.gap.seen.size += 7);
    assert_eq!(why, Invalid::Signature { who: "the gate".to_owned() });
    let why = forger.refused(|entry| entry.gap.seen.root = Bytes([1; 32]));
    assert_eq!(why, Invalid::Signature { who: "the gate".to_owned() });
    // Another organisation's log.
    let vault = PublicVault::open(&forger.dead.restored).unwrap();
    let mut globex = vault.log(&"globex".parse().unwrap()).unwrap().state;
    let good = Event::RestoredWithGap(forger.good.clone());
    assert_eq!(forger.apply(&mut globex, good).unwrap_err(), Invalid::Mismatch("log"));
    let mut moved = forger.good.clone();
    moved.gap.log = globex.id;
    moved.gap.restored = LogHead { size: globex.size, root: globex.root_at(globex.size).unwrap() };
    moved.signatures = signed(&moved, &globex, &[forger.cards[0].card(), forger.cards[1].card()]);
    let why = forger.apply(&mut globex, Event::RestoredWithGap(moved)).unwrap_err();
    assert_eq!(why, Invalid::Signature { who: "the gate".to_owned() }, "its key signed nothing of that size");
}

#[test]
fn after_a_gap_only_endings_and_the_next_epoch_follow() {
    let forger = Forger::new();
    let mut state = forger.state.clone();
    let good = Event::RestoredWithGap(forger.good.clone());
    forger.apply(&mut state, good.clone()).unwrap();
    let stuck = Invalid::CeremonyState("restored-with-gap");
    assert_eq!(forger.apply(&mut state.clone(), good).unwrap_err(), stuck, "a second one");
    let project = warifu::name::ProjectId(Bytes([5; 32]));
    let other = Event::ProjectCreated { project, slug: "more".parse().unwrap(), name: None };
    assert_eq!(forger.apply(&mut state.clone(), other).unwrap_err(), stuck);
    let unknown = Line::Unknown { kind: "later".to_owned(), time: state.last, actor: Actor::Host };
    assert_eq!(state.clone().apply(&unknown, &Bytes([0; 32])).unwrap_err(), stuck);
    let ceremony = *state.ceremonies.keys().next().unwrap();
    forger.apply(&mut state, Event::Ended { ceremony, how: Ending::Aborted }).unwrap();
    // A log that stops there is not this vault's to go on with.
    let vault = PublicVault::open(&forger.dead.restored).unwrap();
    assert_eq!(vault.state().check_organisation(&state).unwrap_err(), stuck);
}

#[test]
fn keepers_whom_the_vaults_own_log_does_not_have_sign_for_nothing() {
    let forger = Forger::new();
    let host = PublicVault::open(&forger.dead.restored).unwrap();
    // A group that the host made up: three custodians' cards are as good as any.
    let world = &forger.dead.world;
    let strangers = ["x1", "x2", "x3"].map(|folder| world.keeper(folder));
    world.form_recovery(2, &strangers.each_ref());
    let theirs = PublicVault::open(&world.vault()).unwrap().state().recovery.clone().unwrap();
    let cards = strangers.each_ref().map(|one| unlocked(world, one));
    let mut entry = forger.good.clone();
    entry.keepers = theirs;
    entry.signatures = signed(&entry, &forger.state, &[cards[0].card(), cards[1].card()]);
    let mut state = forger.state.clone();
    // The log has named its keepers.
    let why = forger.apply(&mut state, Event::RestoredWithGap(entry.clone())).unwrap_err();
    assert_eq!(why, Invalid::Mismatch("keepers' group"));
    // An older log, which has not, would believe any; with the vault's own log it shows.
    state.keepers = None;
    forger.apply(&mut state, Event::RestoredWithGap(entry)).unwrap();
    let why = host.state().check_organisation(&state).unwrap_err();
    assert!(matches!(&why, Invalid::NotA { what: "this vault's recovery group", .. }), "{why}");
    // Nor does a group that another one has replaced.
    let present = PublicVault::open(&world.vault()).unwrap();
    let mut state = forger.state.clone();
    state.last = present.state().last;
    forger.apply(&mut state, Event::RestoredWithGap(forger.good.clone())).unwrap();
    let why = present.state().check_organisation(&state).unwrap_err();
    assert!(matches!(&why, Invalid::NotA { what: "this vault's recovery group", .. }), "{why}");
}

#[test]
fn an_organisation_names_its_vaults_keepers_from_the_day_that_there_are_some() {
    let world = World::new();
    let keepers = |organisation: &str| {
        let vault = PublicVault::open(&world.vault()).unwrap();
        let named = vault.log(&organisation.parse().unwrap()).unwrap().state.keepers;
        assert!(named.is_none() || named == vault.state().recovery);
        named.map(|group| group.members[0].pseudonym.to_string())
    };
    assert_eq!(keepers("acme"), None);
    let first = ["k1", "k2"].map(|folder| world.keeper(folder));
    world.form_recovery(2, &first.each_ref());
    assert_eq!(keepers("acme"), Some(first[0].name.clone()));
    assert_eq!(keepers("globex"), Some(first[0].name.clone()));
    world.host(&["org", "add", "late"]).good();
    assert_eq!(keepers("late"), Some(first[0].name.clone()));
    let second = ["k3", "k4"].map(|folder| world.keeper(folder));
    world.form_recovery(2, &second.each_ref());
    assert_eq!(keepers("late"), Some(second[0].name.clone()));
    world.verified();
}

impl Forger {
    /// The log with this entry and the gate's next epoch after it.
    fn gone_on(&self, mut state: Organisation, entry: RestoredWithGap) -> Organisation {
        let text = fs::read_to_string(self.dead.world.vault().join("gate.key")).unwrap();
        let root = data_encoding::HEXLOWER.decode(text.lines().nth(1).unwrap().as_bytes()).unwrap();
        let mut gate = RootGate::new(SecretKey::from_slice(&root).unwrap());
        gate.add(2, SecretKey::from_slice(&[7; 32]).unwrap());
        self.apply(&mut state, Event::RestoredWithGap(entry)).unwrap();
        for ceremony in state.ceremonies.keys().copied().collect::<Vec<_>>() {
            self.apply(&mut state, Event::Ended { ceremony, how: Ending::Aborted }).unwrap();
        }
        let next = gate.succession(&state.id, 2).unwrap();
        self.apply(&mut state, Event::GateEpochBegun(next)).unwrap();
        state
    }

    /// What an owner who saw this is asked, of a log that was cut off before it named keepers.
    fn met(&self, entry: RestoredWithGap, before: &Seen) -> Option<GapMet> {
        let mut state = self.state.clone();
        state.keepers = None;
        let state = self.gone_on(state, entry);
        let why = ReviewError::RolledBack { now: 1, seen: 2, before: String::new(), offered: String::new() };
        match explained(&state, before, before, why) {
            ReviewError::Gap(met) => Some(*met),
            _ => None,
        }
    }

    /// The same entry, signed by a group of cards that the host made; it takes the keepers'
    /// place in the vault.
    fn by_strangers(&self) -> RestoredWithGap {
        let world = &self.dead.world;
        let strangers = ["x1", "x2"].map(|folder| world.keeper(folder));
        world.form_recovery(2, &strangers.each_ref());
        let cards = strangers.each_ref().map(|one| unlocked(world, one));
        let mut entry = self.good.clone();
        entry.keepers = PublicVault::open(&world.vault()).unwrap().state().recovery.clone().unwrap();
        entry.signatures = signed(&entry, &self.state, &[cards[0].card(), cards[1].card()]);
        entry
    }

    /// What the first custodian saw before the host died.
    fn before(&self) -> Seen {
        let path = self.dead.seen_path(&self.dead.world.custodians[0]);
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }
}

/// The host cuts the log off before it named its keepers, and has others sign.
#[test]
fn who_saw_the_keepers_named_is_deceived_by_no_others() {
    let forger = Forger::new();
    let (mut before, theirs) = (forger.before(), forger.by_strangers());
    let met = forger.met(forger.good.clone(), &before).unwrap();
    assert!(met.known && !met.replaced);
    assert_eq!(forger.met(theirs.clone(), &before), None);
    // Who never saw them named is asked, and told so.
    before.keepers = None;
    assert!(!forger.met(theirs, &before).unwrap().known);
}

/// The host alone names keepers: it names cards of its own, lets everybody see that, cuts
/// the log off before it and has those sign.
#[test]
fn keepers_whom_the_host_put_in_others_place_are_not_passed_off_as_the_known_ones() {
    let forger = Forger::new();
    let theirs = forger.by_strangers();
    let mut named = forger.state.clone();
    forger.apply(&mut named, Event::KeepersNamed(theirs.keepers.clone())).unwrap();
    let before = forger.before().naming(&named);
    let met = forger.met(theirs, &before).unwrap();
    assert!(met.known && met.replaced, "the owner is told that these replaced others");
}

/// Keepers who were replaced, with the host: an organisation's log is cut off before that,
/// and the entry dated before it.
#[test]
fn replaced_keepers_sign_for_no_gap_that_is_dated_back() {
    let forger = Forger::new();
    forger.by_strangers();
    let present = PublicVault::open(&forger.dead.world.vault()).unwrap();
    assert!(forger.state.last < present.state().last);
    let state = forger.gone_on(forger.state.clone(), forger.good.clone());
    let why = present.state().check_organisation(&state).unwrap_err();
    assert!(matches!(&why, Invalid::NotA { what: "this vault's recovery group", .. }), "{why}");
}

#[test]
fn keepers_who_were_replaced_since_the_backup_sign_for_nobody_who_saw_that() {
    let dead = Dead::new();
    let fourth = dead.world.keeper("k4");
    dead.world.form_recovery(2, &[&dead.keepers[2], &fourth]);
    bind(&dead.world, &[0, 1]);
    let one = &dead.world.custodians[0];
    dead.recovered(one);
    let refused = dead.without_terminal(one).refused(TAMPERED, &[]);
    assert!(!refused.err.contains("LOST"), "{}", refused.err);
}

/// On a custodian's own machine, in a ceremony by files; and what was sealed before opens.
#[test]
fn a_ceremony_goes_on_after_each_contributor_has_accepted() {
    let dead = Dead::new();
    let world = &dead.world;
    dead.recovered(&world.custodians[0]);
    let ask =
        ["--json", "ceremony", "request", "acme/web/prod", "--reason", "after", "--out", "after.warifu"];
    let asked = dead.here(&joined(&ask, &world.card(&world.operator))).good().json();
    let ceremony = asked["ceremony"].as_str().unwrap().to_owned();
    for custodian in [&world.custodians[0], &world.custodians[2]] {
        dead.accepted_by_file(custodian, "after.warifu");
    }
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > got"];
    dead.here(&joined(&finish, &world.card(&world.operator))).good();
    let got = fs::read_to_string(world.host_dir().join("got")).unwrap();
    assert_eq!(got.trim_end(), cli::PASSWORD);
    dead.here(&["audit", "verify"]).good();
}

#[test]
fn a_drill_by_files_goes_on_after_its_members_have_accepted() {
    let dead = Dead::new();
    dead.recovered(&dead.world.custodians[0]);
    dead.here(&["drill", "acme/keepers", "--request", "drill.warifu"]).good();
    for member in [&dead.world.custodians[0], &dead.world.custodians[2]] {
        dead.accepted_by_file(member, "drill.warifu");
    }
    let found = dead.here(&["--json", "audit", "recoverability", "acme", "--dry-run"]).json();
    assert_eq!(found["organisations"][0]["groups"][0]["live"], 2);
    dead.here(&["audit", "verify"]).good();
}

/// Else a host that has the keepers with it could lose a veto.
#[test]
fn a_notice_that_a_group_is_abandoned_does_not_outlive_a_gap() {
    let world = World::new();
    let keepers = ["k1", "k2", "k3"].map(|folder| world.keeper(folder));
    world.form_recovery(2, &keepers.each_ref());
    world.host(&["group", "abandon", "acme/keepers", "--reason", "they have died"]).good();
    world.host(&["backup", "backup"]).good();
    let veto = ["group", "veto", "acme/keepers"];
    world.host(&joined(&veto, &world.card(&world.custodians[0]))).good();
    run(&world.host_dir(), &["--vault", "restored", "restore", "backup"]).good();
    let restored = world.host_dir().join("restored");
    let dead = Dead { world, keepers, restored };
    assert!(dead.here(&["status"]).good().out.contains("notice runs"));
    dead.recovered(&dead.world.custodians[0]);
    assert!(dead.log().abandonments.is_empty());
    assert!(!dead.here(&["status"]).good().out.contains("notice runs"));
    dead.here(&["audit", "verify"]).good();
}

/// A witness knows no such entry: whoever runs it decides.
#[test]
fn a_witness_cosigns_no_log_with_a_gap_until_its_own_memory_is_put_aside() {
    let dead = Dead::new();
    let own = dead.world.dir("witness");
    let note = |ran: Ran| Note::parse(ran.good().out.as_bytes()).unwrap();
    let key = || dead.log().log_key().unwrap();
    let cosigned = |logs: &[VerifierKey], size: u64, note: &Note| {
        let mut keep = Keep::open(&own, logs.to_vec()).unwrap();
        keep.add_checkpoint(&AddCheckpoint::new(size, Vec::new(), note.clone()).unwrap(), 1).unwrap()
    };
    init(&own, "witness.example", &mut rand::rng()).unwrap();
    let (before, old) = (note(dead.world.host(&["audit", "checkpoint", "acme"])), key());
    assert!(matches!(cosigned(std::slice::from_ref(&old), 0, &before), Answer::Cosigned(_)));
    let held = Checkpoint::parse(before.unverified_text()).unwrap().size;
    dead.recovered(&dead.world.custodians[0]);
    let (after, both) = (note(dead.here(&["audit", "checkpoint", "acme"])), [old.clone(), key()]);
    assert_eq!(cosigned(&[old], held, &after), Answer::NotSigned);
    assert_eq!(cosigned(&both, held, &after), Answer::NotExtended);
    assert_eq!(cosigned(&both, 0, &after), Answer::Conflict(held));
    let memory = fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().path());
    let memory: Vec<_> =
        memory.filter(|path| path.extension().is_some_and(|end| end == "checkpoint")).collect();
    assert_eq!(memory.len(), 1);
    fs::rename(&memory[0], own.join("evidence")).unwrap();
    assert!(matches!(cosigned(&both, 0, &after), Answer::Cosigned(_)));
}

/// After the transaction and before the gate's file: the keepers have the new root.
#[test]
fn a_machine_that_died_before_it_had_its_gate_is_recovered_again_and_the_gap_stays() {
    let dead = Dead::new();
    let one = &dead.world.custodians[0];
    dead.recovered(one);
    let root = fs::read(dead.restored.join("gate.key")).unwrap();
    fs::remove_file(dead.restored.join("gate.key")).unwrap();
    let seen = dead.seen_path(one);
    dead.recover(&["--against", &seen], &[0, 1]).refused(TAMPERED, &["lies in a gap"]);
    let said = dead.recover(&[], &[2, 1]).good().json();
    assert_eq!(said["gate_epoch"], 2);
    assert_eq!(fs::read(dead.restored.join("gate.key")).unwrap(), root);
    assert_eq!(dead.log().gaps.len(), 1);
    assert_eq!(dead.at_terminal(one, "accept").0, 0);
}

/// Of the vault's own log a keeper's machine has all of it.
#[test]
fn a_keeper_signs_for_no_gap_that_does_not_fit_the_vaults_own_log() {
    let dead = Dead::new();
    dead.world.host(&["org", "add", "late"]).good();
    let note = dead.world.host(&["audit", "checkpoint", "@vault"]).good().out;
    let seen = dead.restored.join("seen").display().to_string();
    fs::write(&seen, &note).unwrap();
    let out = dead.restored.join("request").display().to_string();
    dead.here(&["recovery", "request", "--out", &out, "--against", &seen, "--sign-gap"]).good();
    let text = fs::read_to_string(&out).unwrap();
    let size = Checkpoint::unverified(note.as_bytes()).unwrap().size;
    let altered = [
        text.replacen(
            &format!("\"seen\":{{\"size\":{size}"),
            &format!("\"seen\":{{\"size\":{}", size + 9),
            1,
        ),
        text.replacen(&format!("\"restored\":{{\"size\":{}", size - 1), "\"restored\":{\"size\":1", 1),
    ];
    for request in altered {
        assert_ne!(request, text);
        let path = dead.restored.join("altered").display().to_string();
        fs::write(&path, request).unwrap();
        let home = ["recovery", "contribute", &path, "--out", "none", "--card", "card"];
        let command = [&home[..], &["--passphrase-file", "passphrase", "--sign-gap"]].concat();
        dead.world.at(&dead.keepers[0], &command).refused(TAMPERED, &["does not fit that log"]);
    }
}

#[test]
fn two_checkpoints_of_one_size_with_other_roots_are_a_fork_and_no_gap() {
    let dead = Dead::new();
    let one = dead.seen_path(&dead.world.custodians[0]);
    // The old host, from the same backup, writes another history of the same length.
    let other = dead.world.host_dir().join("other");
    run(&dead.world.host_dir(), &["--vault", "other", "restore", "backup"]).good();
    fs::copy(dead.world.vault().join("gate.key"), other.join("gate.key")).unwrap();
    for name in ["one", "two"] {
        let add = ["--vault", "other", "--yes", "project", "add", &format!("acme/{name}")];
        run(&dead.world.host_dir(), &add).good();
    }
    let note = run(&dead.world.host_dir(), &["--vault", "other", "audit", "checkpoint", "acme"]).good().out;
    let second = dead.world.host_dir().join("second");
    fs::write(&second, note).unwrap();
    let (second, options) = (second.display().to_string(), ["--against", "--sign-gap"]);
    let both = ["--against", &one, options[0], &second, options[1]];
    dead.recover(&both, &[0, 1]).refused(TAMPERED, &["the log was forked"]);
    assert!(!Path::new(&dead.restored).join("gate.key").exists());
}
