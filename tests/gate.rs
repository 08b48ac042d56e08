//! Epochs of the gate: fresh keys for everything that comes, the old root only for
//! what is still under it, and one chain of signatures from the first key to the
//! present one.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::World;
use std::fs;
use std::path::Path;
use warifu::event::{Event, GateSuccession};
use warifu::gate::{Gate, RootGate};
use warifu::secret::SecretKey;
use warifu::vault::{Records, Vault, VaultError};

fn seal(world: &World) {
    world.host(&["seal", "acme/web/prod", "--generate", "--login", "root@example.com"]).good();
}

fn open(world: &World) -> String {
    let _old = fs::remove_file(world.host_dir().join("request.warifu"));
    world.request("request.warifu");
    for which in 0..2 {
        world.contributed(which, "request.warifu");
    }
    let list = world.host(&["--json", "ceremony", "list", "acme"]).good().json();
    let ceremony = list[0]["ceremony"].as_str().unwrap().to_owned();
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > /dev/null"];
    world.host(&cli::joined(&finish, &world.card(&world.operator))).good().out
}

fn epochs(world: &World) -> Vec<(u64, bool, u64)> {
    let shown = world.host(&["--json", "gate", "show"]).good().json();
    let one = |epoch: &serde_json::Value| {
        let versions = epoch["versions"]["acme"].as_u64().unwrap_or(0);
        (epoch["epoch"].as_u64().unwrap(), epoch["present"].as_bool().unwrap(), versions)
    };
    shown["epochs"].as_array().unwrap().iter().map(one).collect()
}

fn vault(dir: &Path) -> Vault {
    Vault::open(dir, &mut || None).unwrap()
}

#[test]
fn what_was_sealed_before_and_after_opens_with_both_roots() {
    let world = World::new();
    assert_eq!(epochs(&world), [(1, true, 1)]);
    world.host(&["gate", "rotate"]).good();
    assert_eq!(epochs(&world), [(1, false, 1), (2, true, 0)]);
    world.host(&["audit", "verify"]).good();
    // A person who was enrolled before is known by the same authenticator.
    open(&world);
    seal(&world);
    assert_eq!(epochs(&world), [(1, false, 1), (2, true, 1)]);
    open(&world);
    world.host(&["audit", "verify"]).good();
    let found = world.host(&["--json", "audit", "recoverability", "acme", "--dry-run"]).json();
    assert_eq!(found["organisations"][0]["good"], 1);
}

#[test]
fn a_checkpoint_that_was_cosigned_before_is_good_after() {
    let world = World::new();
    open(&world);
    let cosigned = || world.host(&["--json", "audit", "checkpoint", "acme", "--cosigned"]).good().json();
    let before = cosigned();
    let first = world.host(&["audit", "key", "acme"]).good().out;
    assert_eq!(before["key"], first.trim());
    fs::write(world.host_dir().join("early"), before["checkpoint"].as_str().unwrap()).unwrap();
    world.host(&["gate", "rotate"]).good();
    world.host(&["audit", "verify"]).good();
    assert_eq!(cosigned(), before, "with the key that signed it");
    world.host(&["backup", "copy"]).good();
    let again = |args: &[&str]| cli::run(&world.host_dir(), &[&["--vault", "again"], args].concat()).good();
    again(&["restore", "copy", "--against", "early"]);
    again(&["audit", "verify"]);
    // The next ceremony's custodians cosign under the new key.
    open(&world);
    let second = world.host(&["audit", "key", "acme"]).good().out;
    assert_eq!(cosigned()["key"], second.trim());
    world.host(&["audit", "verify"]).good();
}

#[test]
fn a_root_under_which_nothing_remains_goes_with_the_next_epoch() {
    let world = World::new();
    world.host(&["gate", "rotate"]).good();
    seal(&world);
    world.host(&["destroy", "acme/web/prod", "--version", "1"]).good();
    assert_eq!(epochs(&world), [(1, false, 0), (2, true, 1)]);
    let roots = |world: &World| {
        let vault = vault(&world.vault());
        (1..=3).filter(|epoch| vault.gate().root(*epoch).is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(roots(&world), [1, 2]);
    world.host(&["gate", "rotate"]).good();
    assert_eq!(roots(&world), [2, 3]);
    open(&world);
}

#[test]
fn what_somebody_saw_in_an_earlier_epoch_a_restored_log_extends() {
    let world = World::new();
    world.host(&["audit", "checkpoint", "acme"]).good();
    let seen = world.file(&world.custodians[0], "card.seen");
    world.host(&["gate", "rotate"]).good();
    world.host(&["backup", "backup"]).good();
    let restore = ["--vault", "restored", "restore", "backup", "--against", &seen];
    cli::run(&world.host_dir(), &restore).good();
}

#[test]
fn an_older_copy_of_the_gates_file_does_not_serve_the_new_epoch() {
    let world = World::new();
    let file = world.vault().join("gate.key");
    let old = fs::read(&file).unwrap();
    world.host(&["gate", "rotate"]).good();
    let new = fs::read(&file).unwrap();
    fs::write(&file, &old).unwrap();
    world.host(&["org", "add", "late"]).refused(7, &["gate.key"]);
    fs::write(&file, new).unwrap();
    world.host(&["org", "add", "late"]).good();
    world.host(&["audit", "verify"]).good();
}

#[test]
fn an_epoch_begins_while_no_ceremony_is_open() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    let before = fs::read(world.vault().join("gate.key")).unwrap();
    world.host(&["gate", "rotate"]).refused(5, &["acme is open", "abort"]);
    assert_eq!(epochs(&world), [(1, true, 1)]);
    world.host(&["ceremony", "abort", "acme", &ceremony]).good();
    assert_eq!(fs::read(world.vault().join("gate.key")).unwrap(), before, "nothing was changed");
    world.host(&["gate", "rotate"]).good();
}

#[test]
fn after_a_crash_between_file_and_logs_the_vault_goes_on() {
    let world = World::new();
    // The file has a root that no log announces.
    let dir = world.vault();
    let before = fs::read_to_string(dir.join("gate.key")).unwrap();
    let (first, second) = (before.lines().nth(1).unwrap(), "22".repeat(32));
    let file = format!("warifu gate 2 plain\n{:016x}{first}{:016x}{second}\n", 1, 2);
    fs::write(dir.join("gate.key"), file).unwrap();
    seal(&world);
    world.host(&["gate", "rotate"]).good();
    open(&world);
    world.host(&["audit", "verify"]).good();
}

#[test]
fn whoever_knows_the_first_key_verifies_the_log_of_the_second() {
    let world = World::new();
    world.host(&["audit", "export", "acme", "copy"]).good();
    let first = world.host(&["audit", "key", "acme"]).good().out;
    let early = world.host(&["audit", "checkpoint", "acme"]).good().out;
    fs::write(world.host_dir().join("early"), early).unwrap();
    world.host(&["gate", "rotate"]).good();
    let second = world.host(&["audit", "key", "acme"]).good().out;
    assert_ne!(first, second);
    world.host(&["audit", "export", "acme", "copy"]).good();
    for key in [first.trim(), second.trim()] {
        world.host(&["audit", "verify", "copy", "--key", key, "--against", "early"]).good();
    }
    world.host(&["audit", "export", "@vault", "own"]).good();
    world.host(&["audit", "verify", "own"]).good();
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    cli::run(&world.host_dir(), &["--vault", "other", "init", "--origin", "example.com/warifu"]).good();
    cli::run(&world.host_dir(), &["--vault", "other", "org", "add", "acme"]).good();
    let foreign = cli::run(&world.host_dir(), &["--vault", "other", "audit", "key", "acme"]).good().out;
    world.host(&["audit", "verify", "copy", "--key", foreign.trim()]).refused(6, &[]);
}

#[test]
fn without_the_former_key_no_epoch_follows() {
    let world = World::new();
    let dir = world.vault();
    let mut vault = vault(&dir);
    let mut log = vault.log(&"acme".parse().unwrap()).unwrap();
    let (id, now) = (log.state.id, log.state.last);
    let root = |byte| SecretKey::from_slice(&[byte; 32]).unwrap();
    let evil = RootGate::with([(1, root(7)), (2, root(8)), (3, root(9))].into(), 1);
    let gate = evil.announce(&id, 2).unwrap();
    // Signed by another first key, or for itself; an epoch too many.
    let by_itself = GateSuccession { former: gate.signature, gate };
    let too_many = evil.succession(&id, 3).unwrap();
    for next in [evil.succession(&id, 2).unwrap(), by_itself, too_many] {
        let events = vec![Event::GateEpochBegun(next)];
        let refused = vault.commit_host(&mut log, now, events, Records::default());
        assert!(matches!(refused, Err(VaultError::Invalid(_))), "{refused:?}");
    }
}

#[test]
fn keepers_bring_back_every_root_that_is_needed() {
    let world = World::new();
    let keepers: Vec<_> = ["k1", "k2"].iter().map(|folder| world.keeper(folder)).collect();
    let keepers: Vec<_> = keepers.iter().collect();
    world.form_recovery(2, &keepers).good();
    world.host(&["gate", "rotate"]).good();
    seal(&world);
    world.host(&["backup", "backup"]).good();
    cli::run(&world.host_dir(), &["--vault", "restored", "restore", "backup"]).good();
    let cards: Vec<_> = keepers.iter().flat_map(|keeper| world.card(keeper)).collect();
    let recover = ["--vault", "restored", "--yes", "recover", "--kdf-floor"];
    cli::run(&world.host_dir(), &cli::joined(&recover, &cards)).good();
    let restored = world.host_dir().join("restored");
    let (lost, found) = (fs::read(world.vault().join("gate.key")), fs::read(restored.join("gate.key")));
    assert_eq!(lost.unwrap(), found.unwrap());
    let ran = cli::run(&world.host_dir(), &["--vault", "restored", "--yes", "gate", "rotate"]);
    ran.good();
    cli::run(&world.host_dir(), &["--vault", "restored", "audit", "verify"]).good();
}

/// The file must have the root that the logs announce, whoever came first.
#[test]
fn of_two_that_rotate_at_once_one_waits_its_turn() {
    let world = World::new();
    let dir = world.vault();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut vault = vault(&dir);
                let now = vault.log(&"acme".parse().unwrap()).unwrap().state.last;
                match vault.rotate_gate(None, now, &mut rand::rng()) {
                    Ok(_) => {}
                    // It was too late: its gate was of the epoch before.
                    Err(VaultError::Rotating | VaultError::Gate(_)) => {}
                    Err(why) => panic!("{why}"),
                }
            });
        }
    });
    assert!(epochs(&world).len() > 1);
    seal(&world);
    world.host(&["audit", "verify"]).good();
}

#[test]
fn an_authenticator_is_encrypted_anew_with_an_epoch_alone() {
    let world = World::new();
    let mut vault = vault(&world.vault());
    let mut log = vault.log(&"acme".parse().unwrap()).unwrap();
    let pseudonym = world.custodians[0].name.parse().unwrap();
    let totp = warifu::event::record_hash(b"another secret");
    let events = vec![Event::AuthenticatorResealed { pseudonym, totp }];
    let now = log.state.last;
    let refused = vault.commit_host(&mut log, now, events, Records::default());
    assert!(matches!(refused, Err(VaultError::Invalid(_))), "{refused:?}");
}

#[test]
fn a_record_that_is_lost_does_not_keep_an_epoch_from_beginning() {
    let world = World::new();
    let lost = format!("totp/{}", world.custodians[2].name);
    world.database().execute("DELETE FROM record WHERE name = ?1", [lost]).unwrap();
    world.host(&["gate", "rotate"]).good();
    assert_eq!(epochs(&world).len(), 2);
}
