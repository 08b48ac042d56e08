//! A dead host: keepers bring the gate's root back, and nobody else does; what a
//! hostile keeper, host or courier can send; what is left of interrupted steps.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{Person, Ran, World, joined, run, warifu};
use rand::{SeedableRng, rngs::StdRng};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use warifu::ceremony::recovery::{
    DealtRoot, NewMachine, RecoveryContribution, RecoveryError, RecoveryRequest, contribute, dealt,
};
use warifu::event::{Actor, Entry, Event, Keeper, Line, RootDealing, SCHEMA, record_hash};
use warifu::hex::Bytes;
use warifu::name::{GroupId, Pseudonym};
use warifu::pvss::{self, DealingContext, ShareKeyPair};
use warifu::seal::card::Card;
use warifu::seal::root::{Roots, root_id, seal_roots};
use warifu::seal::{hpke, record::RecordError};
use warifu::secret::SecretKey;
use warifu::state::{Invalid, Roll, VaultState};
use warifu::store::{Batch, RecordKey, Store, sqlite::SqliteStore};
use warifu::time::Time;
use warifu::transcript::label;
use warifu::vault::recovery::{draft, new_keeper, root_record};
use warifu::vault::seal::dealing_record;
use warifu::vault::{PublicVault, Vault, VaultError};

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const DENIED: i32 = 4;
const TAMPERED: i32 = 6;
const STORAGE: i32 = 7;

/// What a backup has: everything but the gate.
fn backup(world: &World, name: &str) -> PathBuf {
    let copy = world.dir(name);
    for file in ["vault.db", "vault.db-wal", "pins.json"] {
        let from = world.vault().join(file);
        if from.exists() {
            fs::copy(&from, copy.join(file)).unwrap();
        }
    }
    copy
}

fn recover(world: &World, copy: &Path, keepers: &[&Person]) -> Ran {
    let cards: Vec<_> = keepers.iter().flat_map(|keeper| world.card(keeper)).collect();
    at(copy, &joined(&["recover"], &cards))
}

fn at(vault: &Path, arguments: &[&str]) -> Ran {
    let vault = vault.display().to_string();
    run(Path::new("/"), &[&["--vault", &vault, "--yes"], arguments].concat())
}

/// Two of three keepers, and a backup of their vault.
fn ready() -> (World, [Person; 3], PathBuf) {
    let world = World::new();
    let keepers = ["k1", "k2", "k3"].map(|folder| world.keeper(folder));
    world.form_recovery(2, &keepers.each_ref());
    let copy = backup(&world, "copy");
    (world, keepers, copy)
}

#[test]
fn any_two_of_three_keepers_bring_the_very_gate_back_and_the_vault_works() {
    let (world, keepers, _) = ready();
    let lost = fs::read(world.vault().join("gate.key")).unwrap();
    for (number, pair) in [[0, 1], [2, 0], [1, 2]].into_iter().enumerate() {
        let copy = backup(&world, &format!("copy-{number}"));
        at(&copy, &["org", "add", "late"]).refused(STORAGE, &["gate.key is missing", "warifu recover"]);
        let said = recover(&world, &copy, &pair.map(|i| &keepers[i])).good();
        assert!(said.out.contains("The gate's root is back"), "{}", said.out);
        assert_eq!(fs::read(copy.join("gate.key")).unwrap(), lost);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(copy.join("gate.key")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        at(&copy, &["org", "add", "late"]).good();
        at(&copy, &["seal", "acme/web/spare", "--login", "root@example.com", "--generate"]).good();
        at(&copy, &["audit", "verify"]).good();
    }
}

#[test]
fn one_keeper_gives_nothing() {
    let (world, keepers, copy) = ready();
    recover(&world, &copy, &[&keepers[0]]).refused(USAGE, &["no terminal", "--card"]);
    recover(&world, &copy, &[&keepers[0], &keepers[0]])
        .refused(DENIED, &["has given a share already", "Call another keeper"]);
    assert!(!copy.join("gate.key").exists());
}

#[test]
fn a_gate_that_is_there_is_never_replaced() {
    let (world, keepers, copy) = ready();
    let pair = [&keepers[0], &keepers[1]];
    let there = |copy: &Path| recover(&world, copy, &pair).refused(INPUT, &["gate.key is there already"]);
    there(&world.vault());
    fs::write(copy.join("gate.key"), "not even a gate").unwrap();
    there(&copy);
    assert_eq!(fs::read(copy.join("gate.key")).unwrap(), b"not even a gate");
    fs::remove_file(copy.join("gate.key")).unwrap();
    std::os::unix::fs::symlink("/nowhere", copy.join("gate.key")).unwrap();
    there(&copy);
}

#[test]
fn a_vault_without_keepers_says_so_and_status_warns_until_there_are_some() {
    let world = World::new();
    let warned = |status: &Ran| status.out.contains("no recovery group: if this host's gate.key is lost");
    assert!(warned(&world.host(&["status"]).good()));
    let copy = backup(&world, "copy");
    at(&copy, &["recover"]).refused(INPUT, &["has no recovery group", "warifu recovery enrol"]);
    let keepers = ["k1", "k2"].map(|folder| world.keeper(folder));
    assert!(warned(&world.host(&["status"]).good()), "keepers without a group are no help");
    world.form_recovery(2, &keepers.each_ref());
    let status = world.host(&["status"]).good();
    assert!(!warned(&status) && status.out.contains("recovery group: 2 of 2 keepers"), "{}", status.out);
    let status = world.host(&["--json", "status"]).good().json();
    assert_eq!(status["recovery"]["threshold"], 2);
    assert_eq!(status["recovery"]["dealt"], true);
    world.verified();
}

#[test]
fn cards_of_others_are_refused_and_named() {
    let (world, keepers, copy) = ready();
    let custodian = &world.custodians[0];
    let pair = |other: &Person| recover(&world, &copy, &[&keepers[0], other]);
    pair(custodian).refused(DENIED, &[&format!("{} is custodian, not a keeper", custodian.name)]);
    let late = world.keeper("late");
    pair(&late).refused(DENIED, &[&format!("{} is no member of the recovery group", late.name)]);
    let other = World::new();
    other.host(&["init", "--vault", "second"]).good();
    let second = other.dir("host/second");
    let card = ["--card", "foreign.card", "--passphrase-file", "passphrase"].map(str::to_owned);
    let elsewhere = other.dir("foreign");
    fs::write(elsewhere.join("passphrase"), "heron lantern quartz foreign violin meadow").unwrap();
    let vault = second.display().to_string();
    let enrol = ["--vault", &vault, "--yes", "recovery", "enrol", "--kdf-floor"];
    run(&elsewhere, &joined(&enrol, &card)).good();
    let copied = copy.display().to_string();
    run(&elsewhere, &joined(&["--vault", &copied, "--yes", "recover"], &card))
        .refused(DENIED, &["is of another vault"]);
    assert!(!copy.join("gate.key").exists());
}

#[test]
fn a_card_from_before_it_signed_the_group_gives_nothing() {
    let world = World::new();
    let keepers = ["k1", "k2"].map(|folder| world.keeper(folder));
    let before = fs::read(world.home(&keepers[0]).join("card")).unwrap();
    world.form_recovery(2, &keepers.each_ref());
    let copy = backup(&world, "copy");
    fs::write(world.home(&keepers[0]).join("card"), before).unwrap();
    recover(&world, &copy, &keepers.each_ref())
        .refused(DENIED, &[&format!("the recovery group is not the one that {} signed", keepers[0].name)]);
}

#[test]
fn a_later_group_takes_the_place_and_what_was_dealt_before_is_destroyed() {
    let (world, keepers, old) = ready();
    let names = |dir: &Path| {
        let vault = PublicVault::open(dir).unwrap();
        vault.store().record_names(&vault.own_log()).unwrap()
    };
    let before = names(&world.vault());
    let fourth = world.keeper("k4");
    world.form_recovery(2, &[&keepers[0], &fourth]);
    world.verified();
    let after = names(&world.vault());
    assert_eq!(after.len(), 2, "one root and one dealing: {after:?}");
    assert!(after.iter().all(|name| name == "gate-root/1" || !before.contains(name)));
    let copy = backup(&world, "later");
    recover(&world, &copy, &[&keepers[0], &keepers[1]]).refused(DENIED, &["is no member"]);
    recover(&world, &copy, &[&keepers[0], &fourth]).good();
    // As documented: an old copy of the vault still opens for the group before.
    recover(&world, &old, &[&keepers[1], &keepers[2]]).good();
}

#[test]
fn an_older_copy_is_told_and_another_history_is_refused() {
    let (world, keepers, old) = ready();
    let forked = backup(&world, "forked");
    fs::copy(world.vault().join("gate.key"), forked.join("gate.key")).unwrap();
    for name in ["one", "two", "three", "four"] {
        at(&forked, &["org", "add", name]).good();
    }
    fs::remove_file(forked.join("gate.key")).unwrap();
    world.host(&["org", "add", "five"]).good();
    world.form_recovery(2, &keepers.each_ref());
    recover(&world, &forked, &[&keepers[0], &keepers[1]]).refused(TAMPERED, &["the log was forked"]);
    assert!(!forked.join("gate.key").exists());
    let said = recover(&world, &old, &[&keepers[0], &keepers[1]]).good();
    assert!(said.err.contains("This copy's own log has 8 entries"), "{}", said.err);
}

/// Writes a record of the vault's own log past the program.
fn put(dir: &Path, name: &str, bytes: Option<Vec<u8>>) {
    let mut store = SqliteStore::open(dir).unwrap();
    let log = PublicVault::open(dir).unwrap().own_log();
    let key = RecordKey { log, name: name.to_owned() };
    let batch = match bytes {
        Some(bytes) => Batch { put_records: vec![(key, bytes)], ..Batch::default() },
        None => Batch { delete_records: vec![key], ..Batch::default() },
    };
    let _receipt = store.commit(batch).unwrap();
}

#[test]
fn whatever_was_done_to_what_was_dealt_is_named_by_verify_and_recovers_nothing() {
    let (world, keepers, copy) = ready();
    let vault = PublicVault::open(&copy).unwrap();
    let own = vault.own_log();
    let record = |name: &str| vault.record(&own, name).unwrap();
    let dealing = dealing_record(&dealt(vault.state()).unwrap().1.dealing);
    let short = |name: &str| name.chars().take(16).collect::<String>();
    let flipped = |name: &str, at: usize| {
        let mut bytes = record(name);
        bytes[at] ^= 1;
        Some(bytes)
    };
    let length = record(&dealing).len();
    let other = || {
        let keys = vault.state().group_keys(vault.state().recovery.as_ref().unwrap()).unwrap();
        let context = DealingContext::new(root_id(&vault.state().vault, 1), &keys);
        pvss::deal(&context, &keys, &mut StdRng::seed_from_u64(3)).unwrap().0.to_bytes()
    };
    let rows = [
        ("gate-root/1", flipped("gate-root/1", 60), "is not what its entry says", TAMPERED),
        ("gate-root/1", Some(vec![7; 20]), "is not what its entry says", TAMPERED),
        ("gate-root/1", None, "is missing", STORAGE),
        (&dealing, flipped(&dealing, length - 1), "is not what its entry says", TAMPERED),
        (&dealing, Some(other()), "is not what its entry says", TAMPERED),
        (&dealing, None, "is missing", STORAGE),
    ];
    for (name, bytes, says, code) in rows {
        let good = record(name);
        put(&copy, name, bytes);
        let verified = at(&copy, &["audit", "verify"]).refused(TAMPERED, &[]);
        let told = verified.out.contains(&short(name)) && verified.out.contains(says);
        assert!(told && verified.out.contains("WRONG @vault"), "{name}: {}", verified.out);
        assert_eq!(recover(&world, &copy, &[&keepers[0], &keepers[1]]).code, code, "{name}");
        assert!(!copy.join("gate.key").exists());
        put(&copy, name, Some(good));
        at(&copy, &["audit", "verify"]).good();
    }
    put(&copy, "gate-root/2", Some(record("gate-root/1")));
    let verified = at(&copy, &["audit", "verify"]).refused(TAMPERED, &[]);
    assert!(verified.out.contains("record gate-root/2 belongs to no entry"), "{}", verified.out);
}

#[test]
fn killed_at_any_moment_there_is_no_group_without_the_root_and_no_half_gate() {
    let world = World::new();
    let keepers = ["k1", "k2"].map(|folder| world.keeper(folder));
    let members = format!("{},{}", keepers[0].name, keepers[1].name);
    let cards: Vec<_> = keepers.iter().flat_map(|keeper| world.card(keeper)).collect();
    let form = ["--vault", "vault", "--yes", "recovery", "form", "--threshold", "2", "--members", &members];
    let killed = |dir: &Path, arguments: &[&str], after: u64| {
        let mut command = warifu();
        command.current_dir(dir).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        child.kill().unwrap();
        child.wait().unwrap();
    };
    for after in (0..120).step_by(8) {
        killed(&world.host_dir(), &joined(&form, &cards), after);
        world.verified();
        let vault = PublicVault::open(&world.vault()).unwrap();
        assert_eq!(vault.state().recovery.is_some(), dealt(vault.state()).is_ok(), "after {after} ms");
    }
    world.form_recovery(2, &keepers.each_ref());
    let lost = fs::read(world.vault().join("gate.key")).unwrap();
    let copy = backup(&world, "copy");
    let vault = copy.display().to_string();
    let recover_here = ["--vault", &vault, "--yes", "recover"];
    for after in (0..120).step_by(8) {
        killed(&world.host_dir(), &joined(&recover_here, &cards), after);
        if copy.join("gate.key").exists() {
            assert_eq!(fs::read(copy.join("gate.key")).unwrap(), lost, "after {after} ms");
            fs::remove_file(copy.join("gate.key")).unwrap();
        }
    }
    recover(&world, &copy, &keepers.each_ref()).good();
    assert_eq!(fs::read(copy.join("gate.key")).unwrap(), lost);
}

#[test]
fn a_passphrase_protects_the_gate_that_came_back() {
    let (world, keepers, copy) = ready();
    fs::write(copy.join("words"), "saffron gondola whisper anvil marmot").unwrap();
    let words = copy.join("words").display().to_string();
    let cards: Vec<_> = keepers[..2].iter().flat_map(|keeper| world.card(keeper)).collect();
    let command = ["--json", "--gate-passphrase-file", &words, "recover", "--kdf-floor"];
    let said = at(&copy, &joined(&command, &cards)).good().json();
    assert_eq!(said["gate_protected"], true);
    assert_eq!(said["keepers"].as_array().unwrap().len(), 2);
    assert!(fs::read_to_string(copy.join("gate.key")).unwrap().starts_with("warifu gate 1 argon2id "));
    at(&copy, &["--gate-passphrase-file", &words, "org", "add", "late"]).good();
}

/// A keeper answers on their own machine, where no vault is.
fn answer(world: &World, keeper: &Person, request: &Path, out: &str) -> Ran {
    let request = request.display().to_string();
    let home = ["--card", "card", "--passphrase-file", "passphrase"];
    world.at(keeper, &[&["recovery", "contribute", &request, "--out", out], &home[..]].concat())
}

/// A request of the machine with this copy.
fn asked(copy: &Path, name: &str) -> (PathBuf, String) {
    let out = copy.join(name);
    let ran = at(copy, &["--json", "recovery", "request", "--out", &out.display().to_string()]).good();
    (out, ran.json()["fingerprint"].as_str().unwrap().to_owned())
}

#[test]
fn keepers_on_their_own_machines_bring_the_gate_back_by_files() {
    let (world, keepers, copy) = ready();
    let (request, words) = asked(&copy, "request");
    assert_eq!(asked(&copy, "once-more").1, words, "the same machine asks the same again");
    for keeper in &keepers[..2] {
        let said = answer(&world, keeper, &request, "answer").good();
        assert!(said.err.contains(&words), "the keeper compares the words: {}", said.err);
    }
    let [one, two, _] = keepers.each_ref().map(|keeper| world.file(keeper, "answer"));
    at(&copy, &["recover", &one]).refused(5, &["1 of 2 shares", "Call another keeper"]);
    at(&copy, &["recover", &one, &one]).refused(5, &["has given a share already", "1 of 2 shares"]);
    assert!(!copy.join("gate.key").exists());
    at(&copy, &["recover", &one, &two]).good();
    assert_eq!(fs::read(copy.join("gate.key")).unwrap(), fs::read(world.vault().join("gate.key")).unwrap());
    assert!(!copy.join("recovery.key").exists(), "the request's key is of no use any more");
    at(&copy, &["org", "add", "late"]).good();
}

#[test]
fn an_answer_in_a_file_and_a_card_on_the_table_suffice_together() {
    let (world, keepers, copy) = ready();
    let (request, _) = asked(&copy, "request");
    answer(&world, &keepers[0], &request, "answer").good();
    let card = world.card(&keepers[2]);
    let said = at(&copy, &joined(&["--json", "recover", &world.file(&keepers[0], "answer")], &card)).good();
    assert_eq!(said.json()["keepers"].as_array().unwrap().len(), 2);
}

#[test]
fn answers_that_were_altered_or_are_for_another_request_do_not_count_and_are_named() {
    let (world, keepers, copy) = ready();
    at(&copy, &["recover", "nothing-yet"]).refused(INPUT, &["has asked keepers for nothing"]);
    let (first, _) = asked(&copy, "first");
    answer(&world, &keepers[0], &first, "answer").good();
    let early = world.file(&keepers[0], "answer");
    fs::remove_file(copy.join("recovery.key")).unwrap();
    let (second, _) = asked(&copy, "second");
    let other = ["is for another request than this machine's"];
    let late = at(&copy, &["recover", &early]).refused(5, &other);
    assert!(late.err.contains(&keepers[0].name));
    for keeper in &keepers {
        answer(&world, keeper, &second, "second").good();
    }
    let [one, two, three] = keepers.each_ref().map(|keeper| world.file(keeper, "second"));
    let text = fs::read_to_string(&one).unwrap();
    let place = text.find("\"share\":\"").unwrap() + 20;
    let digit = if text.as_bytes()[place] == b'0' { "1" } else { "0" };
    let altered = format!("{}{digit}{}", &text[..place], &text[place + 1..]);
    fs::write(&one, altered).unwrap();
    let wrong = format!("the signature of {} is wrong", keepers[0].name);
    at(&copy, &["recover", &one, &two]).refused(5, &[&wrong, "1 of 2 shares"]);
    assert!(!copy.join("gate.key").exists());
    let said = at(&copy, &["--json", "recover", &one, &two, &three]).good().json();
    assert_eq!(said["not_counted"][0], keepers[0].name.as_str());
}

#[test]
fn a_request_that_was_altered_on_its_way_gets_no_answer() {
    let (world, keepers, copy) = ready();
    let (request, _) = asked(&copy, "request");
    let good = fs::read_to_string(&request).unwrap();
    let put = |text: String| {
        let path = copy.join("altered");
        fs::write(&path, text).unwrap();
        path
    };
    let key = good.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap();
    let words = |ran: &Ran| ran.err.split("\n\n    ").nth(1).unwrap().lines().next().unwrap().to_owned();
    // Another machine's key in the request: nothing tells but the words.
    let (_, other) = hpke::HpkeSecret::generate(&mut StdRng::seed_from_u64(9));
    let swapped = put(good.replace(key, &other.to_string()));
    let honest = words(&answer(&world, &keepers[0], &request, "honest").good());
    let misled = words(&answer(&world, &keepers[0], &swapped, "misled").good());
    assert_ne!(honest, misled);
    at(&copy, &["recover", &world.file(&keepers[0], "misled")]).refused(5, &["another request"]);
    for (from, to) in [("\\\"threshold\\\":2", "\\\"threshold\\\":3"), ("recovery\\\"", "recoverx\\\"")] {
        assert!(good.contains(from), "{from}");
        let path = put(good.replacen(from, to, 1));
        answer(&world, &keepers[1], &path, "none").refused(TAMPERED, &["is not acceptable"]);
    }
    let path = put(good.replacen("\"gate_epoch\":1", "\"gate_epoch\":2", 1));
    answer(&world, &keepers[1], &path, "none").refused(DENIED, &["another request"]);
    let custodian = &world.custodians[0];
    answer(&world, custodian, &request, "none").refused(DENIED, &["is custodian, not a keeper"]);
    assert!(!world.home(&keepers[1]).join("none").exists());
}

#[test]
fn the_key_of_a_request_that_others_may_read_is_not_used() {
    let (world, keepers, copy) = ready();
    let (request, _) = asked(&copy, "request");
    answer(&world, &keepers[0], &request, "answer").good();
    let key = copy.join("recovery.key");
    let mode = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(&key, permissions).unwrap();
    };
    mode(0o644);
    let file = world.file(&keepers[0], "answer");
    at(&copy, &["recover", &file]).refused(STORAGE, &["others may read it"]);
    mode(0o600);
    fs::write(&key, "warifu recovery 1\n").unwrap();
    at(&copy, &["recover", &file]).refused(STORAGE, &["is not the key of a recovery request"]);
}

#[test]
fn malformed_groups_are_refused() {
    let world = World::new();
    let keepers = ["k1", "k2"].map(|folder| world.keeper(folder));
    let cards: Vec<_> = keepers.iter().flat_map(|keeper| world.card(keeper)).collect();
    let (one, two) = (keepers[0].name.as_str(), keepers[1].name.as_str());
    let form = |threshold: &str, members: &str, code, says: &str| {
        let form = ["recovery", "form", "--threshold", threshold, "--members", members];
        world.host_refused(&joined(&form, &cards), code, &[says]);
    };
    let both = format!("{one},{two}");
    form("1", &both, INPUT, "threshold");
    form("3", &both, INPUT, "threshold");
    form("2", &format!("{one},{one}"), INPUT, "exists already");
    form("2", &format!("{one},{}", world.custodians[0].name), INPUT, "there is no keeper");
    form("2", &format!("{one},{two},nobody-is-here"), INPUT, "warifu recovery show");
    let custodian: Vec<_> = [world.card(&keepers[0]), world.card(&world.custodians[0])].concat();
    let command = ["recovery", "form", "--threshold", "2", "--members", &both];
    world.host_refused(&joined(&command, &custodian), DENIED, &["is custodian, not a keeper"]);
}

/// A vault with three keepers of whom two recover, through the library.
struct Stage {
    dir: TempDir,
    vault: Vault,
    cards: Vec<Card>,
    rng: StdRng,
    now: Time,
}

impl Stage {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let now = Time::parse("2026-03-01T09:00:00.000Z").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let origin = "vault.example/warifu".parse().unwrap();
        let mut vault = Vault::init(&dir.path().join("vault"), &origin, None, now, &mut rng).unwrap();
        let cards: Vec<_> = (0..3)
            .map(|_| {
                let card = new_keeper(vault.state(), &mut rng);
                vault.enrol_keeper(&card, now).unwrap();
                card
            })
            .collect();
        let mut stage = Self { dir, vault, cards, rng, now };
        stage.form().unwrap();
        stage
    }

    fn form(&mut self) -> Result<(), VaultError> {
        let state = self.vault.state().clone();
        let names: Vec<_> = self.cards.iter().map(|card| card.pseudonym().clone()).collect();
        let mut draft = draft(&state, 2, &names, &mut self.rng).unwrap();
        for card in &self.cards {
            draft.join(&state, card, &mut self.rng).unwrap();
        }
        for card in &mut self.cards {
            draft.sign(&state, card).unwrap();
        }
        self.vault.form_recovery(&draft.finish(), self.now, &mut self.rng)
    }

    fn record(&self, name: &str) -> Vec<u8> {
        self.vault.record(&self.vault.own_log(), name).unwrap()
    }

    fn root_of(&self, state: &VaultState) -> Result<DealtRoot, RecoveryError> {
        let (_, found) = dealt(self.vault.state()).unwrap();
        DealtRoot::new(state, &self.record(&dealing_record(&found.dealing)))
    }

    fn root(&self) -> DealtRoot {
        self.root_of(self.vault.state()).unwrap()
    }

    fn machine(&mut self) -> NewMachine {
        let root = self.root();
        NewMachine::begin(root, &mut self.rng)
    }

    fn answer(&mut self, machine: &NewMachine, who: usize) -> RecoveryContribution {
        self.try_answer(machine.request(), who).unwrap()
    }

    fn try_answer(
        &mut self,
        request: &RecoveryRequest,
        who: usize,
    ) -> Result<RecoveryContribution, RecoveryError> {
        contribute(&self.root(), request, &self.cards[who], &mut self.rng)
    }

    fn name(&self, who: usize) -> Pseudonym {
        self.cards[who].pseudonym().clone()
    }

    /// A keeper who runs a program of their own signs this share.
    fn forged(&mut self, machine: &NewMachine, who: usize, share: &[u8]) -> RecoveryContribution {
        let (request, keeper) = (machine.request().hash(), self.name(who));
        let key = &machine.request().key;
        let name = keeper.as_str();
        let share =
            hpke::seal(key, label::HPKE_RECOVERY, &request, "to-new-machine", name, share, &mut self.rng);
        let share = share.unwrap();
        let (signature, gaps) = (Bytes([0; 64]), Vec::new());
        let mut made = RecoveryContribution { request, keeper, share, signature, gaps };
        made.signature = self.cards[who].signing_key().sign(&made.digest());
        made
    }

    fn apply(&self, event: Event) -> Result<VaultState, Invalid> {
        let mut state = self.vault.state().clone();
        let line = Line::Known(Box::new(Entry { v: SCHEMA, time: self.now, actor: Actor::Host, event }));
        state.apply(&line, &Bytes([0; 32])).map(|()| state)
    }

    fn dealing(&self) -> RootDealing {
        dealt(self.vault.state()).unwrap().1.clone()
    }
}

#[test]
fn a_forged_share_is_named_with_its_keeper_and_another_takes_the_place() {
    let mut stage = Stage::new();
    let mut machine = stage.machine();
    let root = stage.root();
    // A share of the right form, proved for another request.
    let group = root.group().clone();
    let pair = ShareKeyPair::new(stage.cards[0].share_scalar(&stage.vault.state().g(&group)));
    let bytes = stage.record(&dealing_record(&stage.dealing().dealing));
    let verified =
        warifu::ceremony::recovery::verify_dealing(stage.vault.state(), &group, &stage.dealing(), &bytes)
            .unwrap();
    let share = pvss::open_share(&verified, 1, &pair, &Bytes([1; 64]), &mut stage.rng).unwrap();
    let forged = stage.forged(&machine, 0, share.expose());
    assert_eq!(machine.take(&forged), Err(RecoveryError::Share(stage.name(0))));
    let forged = stage.forged(&machine, 0, b"not even a share");
    assert_eq!(machine.take(&forged), Err(RecoveryError::Share(stage.name(0))));
    for who in [1, 2] {
        let answer = stage.answer(&machine, who);
        machine.take(&answer).unwrap();
    }
    let root = machine.open(&stage.record(&root_record(1))).unwrap();
    let file = fs::read_to_string(stage.dir.path().join("vault/gate.key")).unwrap();
    let lost = data_encoding::HEXLOWER.decode(file.lines().nth(1).unwrap().as_bytes()).unwrap();
    assert_eq!(root[&1].expose().as_slice(), lost);
}

#[test]
fn an_answer_of_nobody_for_another_machine_altered_or_sent_twice_is_refused() {
    let mut stage = Stage::new();
    let mut machine = stage.machine();
    let good = stage.answer(&machine, 0);
    let (one, two) = (stage.name(0), stage.name(1));
    let mut altered = good.clone();
    altered.share.0[5] ^= 1;
    assert_eq!(machine.take(&altered), Err(RecoveryError::Signature(one.clone())));
    let renamed = RecoveryContribution { keeper: two.clone(), ..good.clone() };
    assert_eq!(machine.take(&renamed), Err(RecoveryError::Signature(two)));
    let stranger: Pseudonym = "nobody-is-here".parse().unwrap();
    let foreign = RecoveryContribution { keeper: stranger.clone(), ..good.clone() };
    assert_eq!(machine.take(&foreign), Err(RecoveryError::NotAMember(stranger)));
    // Signed for this machine, but encrypted for another one's key.
    let elsewhere = stage.machine();
    let theirs = stage.answer(&elsewhere, 0);
    assert_eq!(machine.take(&theirs), Err(RecoveryError::OtherRequest(one.clone())));
    let mut readdressed =
        RecoveryContribution { request: machine.request().hash(), share: theirs.share, ..theirs };
    readdressed.signature = stage.cards[0].signing_key().sign(&readdressed.digest());
    assert_eq!(machine.take(&readdressed), Err(RecoveryError::Box(one.clone())));
    machine.take(&good).unwrap();
    assert_eq!(machine.take(&good), Err(RecoveryError::Twice(one)));
    let too_few = machine.open(&stage.record(&root_record(1)));
    assert_eq!(too_few.unwrap_err(), RecoveryError::TooFew { there: 1, needed: 2 });
}

#[test]
fn a_request_for_something_else_gets_no_share_and_each_field_changes_its_words() {
    let mut stage = Stage::new();
    let machine = stage.machine();
    let good = machine.request().clone();
    let words = good.fingerprint().to_string();
    assert_eq!(words.split(' ').count(), 12);
    let one = stage.name(0);
    let others = [
        RecoveryRequest { vault: warifu::name::VaultId(Bytes([1; 32])), ..good.clone() },
        RecoveryRequest { gate_epoch: 2, ..good.clone() },
        RecoveryRequest { dealing: Bytes([1; 64]), ..good.clone() },
        RecoveryRequest { sealed: Bytes([1; 64]), ..good.clone() },
    ];
    for other in &others {
        assert_eq!(stage.try_answer(other, 0), Err(RecoveryError::OtherRequest(one.clone())));
        assert_ne!(other.fingerprint().to_string(), words);
    }
    let (_, key) = hpke::HpkeSecret::generate(&mut stage.rng);
    assert_ne!(RecoveryRequest { key, ..good }.fingerprint().to_string(), words);
}

#[test]
fn what_the_host_dealt_in_place_of_its_root_is_found_out() {
    let mut stage = Stage::new();
    let mut state = stage.vault.state().clone();
    let (group, found) = dealt(&state).unwrap();
    let keys = state.group_keys(group).unwrap();
    let credential = root_id(&state.vault, 1);
    let (dealing, shared) =
        pvss::deal(&DealingContext::new(credential, &keys), &keys, &mut stage.rng).unwrap();
    let other = Roots::from([(1, SecretKey::random(&mut stage.rng))]);
    let sealed = seal_roots(&credential, &shared, &other, &mut stage.rng).to_bytes();
    let named = RootDealing { dealing: *dealing.id(), sealed: record_hash(&sealed), ..found.clone() };
    state.dealt.insert(1, named);
    let root = || DealtRoot::new(&state, &dealing.to_bytes()).unwrap();
    let mut machine = NewMachine::begin(root(), &mut stage.rng);
    for who in [0, 1] {
        let answer = contribute(&root(), machine.request(), &stage.cards[who], &mut stage.rng).unwrap();
        machine.take(&answer).unwrap();
    }
    assert_eq!(machine.open(&sealed).unwrap_err(), RecoveryError::OtherRoot);
    // A root that was sealed under another point than the one that was dealt.
    let mut state = stage.vault.state().clone();
    let sealed = seal_roots(&credential, &shared, &other, &mut stage.rng).to_bytes();
    state.dealt.insert(1, RootDealing { sealed: record_hash(&sealed), ..stage.dealing() });
    let mut machine = NewMachine::begin(stage.root_of(&state).unwrap(), &mut stage.rng);
    for who in [0, 1] {
        let root = stage.root_of(&state).unwrap();
        let answer = contribute(&root, machine.request(), &stage.cards[who], &mut stage.rng).unwrap();
        machine.take(&answer).unwrap();
    }
    let refused = machine.open(&sealed).unwrap_err();
    assert_eq!(refused, RecoveryError::Record(RecordError::WrongKey));
}

#[test]
fn the_dealing_of_a_root_is_for_its_vault_epoch_and_group_alone() {
    let stage = Stage::new();
    let bytes = stage.record(&dealing_record(&stage.dealing().dealing));
    let mut other_epoch = stage.vault.state().clone();
    other_epoch.gates[0].epoch = 2;
    other_epoch.dealt = [(2, RootDealing { gate_epoch: 2, ..stage.dealing() })].into();
    let refused = DealtRoot::new(&other_epoch, &bytes).map(|_| ()).unwrap_err();
    assert_eq!(refused, RecoveryError::Dealing(pvss::DealingError::Proof));
    let mut other_group = stage.vault.state().clone();
    other_group.recovery.as_mut().unwrap().members.swap(0, 1);
    let refused = DealtRoot::new(&other_group, &bytes).map(|_| ()).unwrap_err();
    assert_eq!(refused, RecoveryError::Dealing(pvss::DealingError::Proof));
    let mut other_name = stage.vault.state().clone();
    other_name.dealt.get_mut(&1).unwrap().dealing = Bytes([1; 64]);
    let refused = DealtRoot::new(&other_name, &bytes).map(|_| ()).unwrap_err();
    assert_eq!(refused, RecoveryError::OtherRecord("dealing"));
}

#[test]
fn the_vaults_own_log_refuses_what_breaks_its_rules() {
    let mut stage = Stage::new();
    let group = stage.vault.state().recovery.clone().unwrap();
    let refused = |event: Event| stage.apply(event).unwrap_err();
    let again = stage.vault.state().keepers.values().next().unwrap().clone();
    assert_eq!(
        refused(Event::KeeperEnrolled(again.clone())),
        Invalid::Duplicate(again.pseudonym.to_string())
    );
    let renamed = Keeper { pseudonym: "other-name-here".parse().unwrap(), ..again };
    assert!(matches!(refused(Event::KeeperEnrolled(renamed.clone())), Invalid::Duplicate(_)), "its key");
    let unsigned = Keeper { sign_key: Bytes([3; 32]), ..renamed };
    assert!(matches!(refused(Event::KeeperEnrolled(unsigned)), Invalid::Signature { .. }));
    assert!(matches!(refused(Event::GroupFormed(group.clone())), Invalid::Duplicate(_)), "the same again");
    let mut other = group.clone();
    other.group = GroupId(Bytes([1; 32]));
    let stolen = refused(Event::GroupFormed(other.clone()));
    assert!(matches!(stolen, Invalid::NotA { .. }), "proofs are for the group's own id: {stolen}");
    other.slug = "keepers".parse().unwrap();
    assert_eq!(refused(Event::GroupFormed(other)), Invalid::Mismatch("name of the group"));
    let dealing = stage.dealing();
    assert!(matches!(refused(Event::GateRootDealt(dealing.clone())), Invalid::Duplicate(_)));
    let elsewhere = RootDealing { group: GroupId(Bytes([1; 32])), ..dealing.clone() };
    assert!(matches!(refused(Event::GateRootDealt(elsewhere)), Invalid::Unknown { what: "group", .. }));
    let later = RootDealing { epoch: 2, ..dealing.clone() };
    assert!(matches!(refused(Event::GateRootDealt(later)), Invalid::Unknown { what: "group", .. }));
    let unknown = RootDealing { gate_epoch: 2, ..dealing };
    assert!(matches!(
        refused(Event::GateRootDealt(unknown)),
        Invalid::Unknown { what: "epoch of the gate", .. }
    ));
    // A group that is formed anew has nothing dealt to it until that is entered.
    let (state, names) = (stage.vault.state().clone(), [stage.name(0), stage.name(1)]);
    let mut draft = draft(&state, 2, &names, &mut stage.rng).unwrap();
    for who in [0, 1] {
        draft.join(&state, &stage.cards[who], &mut stage.rng).unwrap();
    }
    let mut cards = std::mem::take(&mut stage.cards);
    for card in &mut cards[..2] {
        draft.sign(&state, card).unwrap();
    }
    let statement = draft.finish();
    let formed = stage.apply(Event::GroupFormed(statement.clone())).unwrap();
    assert_eq!(dealt(&formed).unwrap_err(), RecoveryError::NotDealt(1));
    let mut short = statement;
    short.signatures.pop();
    assert_eq!(stage.apply(Event::GroupFormed(short)).unwrap_err(), Invalid::Mismatch("group statement"));
}

#[test]
fn a_keeper_of_an_organisations_pseudonym_is_refused() {
    let mut stage = Stage::new();
    let now = stage.now;
    let slug = "acme".parse().unwrap();
    let mut log = stage.vault.add_organisation(&slug, None, &|| now, &mut stage.rng).unwrap();
    let state = &log.state;
    let (vault, first) = (state.vault, state.first_entry);
    let twin = Card::create(
        vault,
        state.id,
        stage.name(0),
        warifu::seal::card::Role::Custodian,
        first,
        &mut stage.rng,
    );
    let totp = warifu::seal::totp::TotpSecret::generate(&mut stage.rng);
    let code = totp.code_at(warifu::seal::totp::step_of(now.unix_seconds()));
    let pending = warifu::vault::people::Pending { card: twin, totp };
    stage.vault.enrol(&mut log, &pending, &code, now, &mut stage.rng).unwrap();
    let refused = stage.form().unwrap_err();
    assert!(matches!(refused, VaultError::NotApart { .. }), "{refused}");
}

#[test]
fn the_stored_state_of_a_vault_without_keepers_is_what_it_always_was() {
    let rng = &mut StdRng::seed_from_u64(1);
    let now = Time::parse("2026-03-01T09:00:00.000Z").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let origin = "vault.example/warifu".parse().unwrap();
    let vault = Vault::init(&dir.path().join("vault"), &origin, None, now, rng).unwrap();
    let state = serde_json::to_value(vault.state()).unwrap();
    let keys: Vec<_> = state.as_object().unwrap().keys().collect();
    let known = ["first_entries", "gates", "last", "organisations", "origin", "size", "vault"];
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(sorted, known);
}

/// Two processes form a group at once: the one that comes second is made from the
/// log that the first has left, so that nothing of the first lies about.
#[test]
fn of_two_groups_formed_at_once_the_later_takes_the_place_of_the_earlier() {
    let dir = TempDir::new().unwrap();
    let home = dir.path().join("vault");
    let now = Time::parse("2026-03-01T09:00:00.000Z").unwrap();
    let later = Time::parse("2026-03-01T09:00:02.000Z").unwrap();
    let rng = &mut StdRng::seed_from_u64(4);
    let origin = "vault.example/warifu".parse().unwrap();
    let mut first = Vault::init(&home, &origin, None, now, rng).unwrap();
    let mut cards: Vec<_> = (0..3).map(|_| new_keeper(first.state(), rng)).collect();
    cards.iter().for_each(|card| first.enrol_keeper(card, now).unwrap());
    let mut second = Vault::open(&home, &mut || None).unwrap();
    let mut statement = |members: [usize; 2], rng: &mut StdRng| {
        let names: Vec<_> = members.iter().map(|at| cards[*at].pseudonym().clone()).collect();
        let mut draft = draft(first.state(), 2, &names, rng).unwrap();
        members.iter().for_each(|at| draft.join(first.state(), &cards[*at], rng).unwrap());
        members.iter().for_each(|at| draft.sign(first.state(), &mut cards[*at]).unwrap());
        draft.finish()
    };
    let (one, other) = (statement([0, 1], rng), statement([1, 2], rng));
    first.form_recovery(&one, later, rng).unwrap();
    second.form_recovery(&other, now, rng).unwrap();
    assert_eq!(second.state().recovery.as_ref().unwrap().group, other.group);
    let read = PublicVault::open(&home).unwrap();
    let report = read.verify(None).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(read.store().record_names(&read.own_log()).unwrap().len(), 2);
}
