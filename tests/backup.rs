//! Backups and what is made of them: a copy of one moment, whole or not at all; and
//! what others still know of the logs is brought in, if all of it verifies.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::World;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use warifu::event::Event;
use warifu::name::ProjectId;
use warifu::vault::{PublicVault, Records, Vault};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn back_up(world: &World, name: &str) {
    world.host(&["backup", name]).good();
}

/// Restores `backup` as `restored`, with these options; gives the result as JSON.
fn restored(world: &World, options: &[&str]) -> Value {
    let restore = ["--json", "--vault", "restored", "restore", "backup"];
    cli::run(&world.host_dir(), &[&restore[..], options].concat()).good().json()
}

fn not_restored(world: &World, options: &[&str], code: i32, says: &[&str]) {
    let restore = ["--vault", "restored", "restore", "backup"];
    cli::run(&world.host_dir(), &[&restore[..], options].concat()).refused(code, says);
    let left: Vec<_> = names(&world.host_dir()).into_iter().filter(|n| n.starts_with("restored")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn in_restored(world: &World, arguments: &[&str]) -> cli::Ran {
    cli::run(&world.host_dir(), &[&["--vault", "restored", "--yes"], arguments].concat())
}

fn seal(world: &World) {
    let seal = ["seal", "acme/web/prod", "--generate", "--login", "root@example.com"];
    world.host(&seal).good();
}

#[test]
fn a_backup_is_the_vault_without_its_gate_and_verifies() {
    let world = World::new();
    back_up(&world, "backup");
    assert_eq!(names(&world.host_dir().join("backup")), ["pins.json", "vault.db"]);
    let said = restored(&world, &[]);
    assert_eq!(said["lost"], Value::Array(vec![]));
    assert_eq!(said["logs"].as_array().unwrap().len(), 3);
    in_restored(&world, &["audit", "verify"]).good();
    // Without the gate nothing can be sealed, with it everything goes on.
    let seal = ["seal", "acme/web/prod", "--generate", "--login", "root@example.com"];
    in_restored(&world, &seal).refused(7, &["gate.key"]);
    fs::copy(world.vault().join("gate.key"), world.host_dir().join("restored/gate.key")).unwrap();
    in_restored(&world, &seal).good();
    in_restored(&world, &["audit", "verify"]).good();
}

#[test]
fn a_place_that_is_taken_is_left_as_it_is() {
    let world = World::new();
    back_up(&world, "backup");
    let before = fs::read(world.host_dir().join("backup/vault.db")).unwrap();
    world.host(&["backup", "backup"]).refused(3, &["backup is there already"]);
    world.host(&["backup", "vault"]).refused(3, &["vault is there already"]);
    assert_eq!(fs::read(world.host_dir().join("backup/vault.db")).unwrap(), before);
    let restore = ["--vault", "vault", "restore", "backup"];
    cli::run(&world.host_dir(), &restore).refused(3, &["vault is there already"]);
    // An empty one is none.
    fs::create_dir(world.host_dir().join("empty")).unwrap();
    back_up(&world, "empty");
    assert_eq!(names(&world.host_dir().join("empty")), ["pins.json", "vault.db"]);
}

#[test]
fn what_does_not_verify_is_neither_backed_up_nor_restored() {
    let world = World::new();
    back_up(&world, "backup");
    let change = |database: &Path| {
        let database = rusqlite::Connection::open(database).unwrap();
        database.execute("DELETE FROM record WHERE name LIKE 'sealed/%'", []).unwrap();
    };
    change(&world.host_dir().join("backup/vault.db"));
    not_restored(&world, &[], 6, &["backup does not verify"]);
    change(&world.vault().join("vault.db"));
    world.host(&["backup", "second"]).refused(6, &["second does not verify"]);
    assert!(!names(&world.host_dir()).iter().any(|name| name.starts_with("second")));
}

#[test]
fn others_can_write_while_a_backup_is_made() {
    let world = World::new();
    let (dir, over) = (world.vault(), AtomicBool::new(false));
    let copies = world.dir("copies");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut rng = rand::rng();
            let mut vault = Vault::open(&dir, &mut || None).unwrap();
            let mut log = vault.log(&"acme".parse().unwrap()).unwrap();
            let mut written = 0;
            while !over.load(Ordering::Relaxed) {
                let project = ProjectId::random(&mut rng);
                let slug = format!("p{written}").parse().unwrap();
                let event = Event::ProjectCreated { project, slug, name: None };
                let now = log.state.last;
                vault.commit_host(&mut log, now, vec![event], Records::default()).unwrap();
                written += 1;
            }
            written
        });
        let vault = PublicVault::open(&dir).unwrap();
        for copy in 0..5 {
            vault.back_up(&copies.join(copy.to_string()), &|_, _, _| ()).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 5);
    });
}

#[test]
fn what_an_export_knows_is_brought_in() {
    let world = World::new();
    back_up(&world, "backup");
    seal(&world);
    world.host(&["destroy", "acme/web/prod", "--version", "1"]);
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    let size = world.log_size();
    let said = restored(&world, &["--merge", "copy"]);
    let acme = said["logs"].as_array().unwrap().iter().find(|log| log["log"] == "acme").unwrap().clone();
    assert_eq!(acme["entries"], size);
    assert!(acme["merged"].as_u64().unwrap() >= 2, "{said}");
    assert_eq!(said["lost"], Value::Array(vec![]));
    in_restored(&world, &["audit", "verify"]).good();
    let found = in_restored(&world, &["--json", "audit", "recoverability", "acme", "--dry-run"]).json();
    assert_eq!(
        (&found["organisations"][0]["versions"], &found["organisations"][0]["good"]),
        (&1.into(), &1.into())
    );
    let show = in_restored(&world, &["--json", "account", "show", "acme/web/prod"]).good().json();
    assert_eq!(show, world.host(&["--json", "account", "show", "acme/web/prod"]).good().json());
}

#[test]
fn without_records_what_is_lost_is_named() {
    let world = World::new();
    back_up(&world, "backup");
    seal(&world);
    world.host(&["audit", "export", "acme", "copy"]).good();
    let restore = ["--json", "--vault", "restored", "restore", "backup", "--merge", "copy"];
    let ran = cli::run(&world.host_dir(), &restore);
    assert_eq!(ran.json()["lost"].as_array().unwrap().len(), 2, "sealed payload and dealing: {}", ran.out);
    ran.refused(8, &["2 records of what was brought in"]);
}

#[test]
fn a_request_that_a_custodian_got_is_brought_in() {
    let world = World::new();
    back_up(&world, "backup");
    seal(&world);
    world.request("request.warifu");
    let size = world.log_size();
    let restore = ["--json", "--vault", "restored", "restore", "backup", "--merge", "request.warifu"];
    let ran = cli::run(&world.host_dir(), &restore);
    let said = ran.json();
    let acme = said["logs"].as_array().unwrap().iter().find(|log| log["log"] == "acme").unwrap().clone();
    assert_eq!(acme["entries"], size, "{said}");
    assert_eq!(ran.code, 8);
    let lost: Vec<_> = said["lost"].as_array().unwrap().iter().map(|lost| lost.as_str().unwrap()).collect();
    assert!(lost.iter().all(|lost| !lost.contains("record request/")), "it is the request: {lost:?}");
}

#[test]
fn after_an_opening_since_the_backup_an_export_with_records_makes_a_whole_vault() {
    let world = World::new();
    back_up(&world, "backup");
    let ceremony = world.request("request.warifu");
    for which in 0..2 {
        world.contributed(which, "request.warifu");
    }
    let finish = ["ceremony", "finish", "acme", &ceremony, "--exec", "cat > /dev/null"];
    world.host(&cli::joined(&finish, &world.card(&world.operator))).good();
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    let restore = ["--json", "--vault", "restored", "restore", "backup", "--merge", "copy"];
    let said = cli::run(&world.host_dir(), &restore).good().json();
    assert_eq!(said["lost"], Value::Array(vec![]));
    in_restored(&world, &["audit", "verify"]).good();
    in_restored(&world, &["backup", "again"]).good();
    // What is in the copy beside the log is held against the entries.
    let records = world.host_dir().join("copy/records");
    let mut bytes = fs::read(&records).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&records, bytes).unwrap();
    let other = ["--json", "--vault", "other", "restore", "backup", "--merge", "copy"];
    let ran = cli::run(&world.host_dir(), &other);
    assert!(ran.out.contains("record request/"), "{}", ran.out);
    ran.refused(8, &["1 record of what was brought in"]);
}

#[test]
fn a_backup_that_is_behind_what_somebody_saw_is_refused() {
    let world = World::new();
    back_up(&world, "backup");
    let early = world.host(&["audit", "checkpoint", "acme"]).good().out;
    fs::write(world.host_dir().join("early"), early).unwrap();
    world.request("request.warifu");
    world.contributed(0, "request.warifu");
    let seen = world.file(&world.custodians[0], "card.seen");
    world.host(&["audit", "verify", "acme", "--against", &seen]).good();
    not_restored(&world, &["--against", &seen], 6, &["acme", "entries here", "is a checkpoint of"]);
    world.host(&["audit", "export", "acme", "copy"]).good();
    let restore = [
        "--vault",
        "restored",
        "restore",
        "backup",
        "--merge",
        "copy",
        "--against",
        &seen,
        "--against",
        "early",
    ];
    let ran = cli::run(&world.host_dir(), &restore);
    assert_eq!(ran.code, 8, "{}{}", ran.out, ran.err);
}

#[test]
fn what_does_not_verify_or_is_of_another_vault_is_not_brought_in() {
    let world = World::new();
    back_up(&world, "backup");
    seal(&world);
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    let bundle = world.host_dir().join("copy/tile/entries/000.p");
    let bundle = bundle.join(names(&bundle).pop().unwrap());
    let right = fs::read(&bundle).unwrap();
    let mut wrong = right.clone();
    let last = wrong.len() - 30;
    wrong[last] ^= 1;
    fs::write(&bundle, &wrong).unwrap();
    not_restored(&world, &["--merge", "copy"], 6, &["copy does not verify"]);
    fs::write(&bundle, &right).unwrap();
    // A record that is not the entered one is not taken.
    let records = world.host_dir().join("copy/records");
    let mut bytes = fs::read(&records).unwrap();
    bytes[300] ^= 1;
    fs::write(&records, bytes).unwrap();
    let restore = ["--json", "--vault", "restored", "restore", "backup", "--merge", "copy"];
    let ran = cli::run(&world.host_dir(), &restore);
    assert_eq!((ran.code, ran.json()["lost"].as_array().unwrap().len()), (8, 1), "{}", ran.out);
    fs::remove_dir_all(world.host_dir().join("restored")).unwrap();
    let other = World::new();
    cli::run(&other.host_dir(), &["init", "--vault", "new", "--origin", "example.com/other"]).good();
    cli::run(&other.host_dir(), &["--vault", "new", "org", "add", "acme"]).good();
    cli::run(&other.host_dir(), &["--vault", "new", "audit", "export", "acme", "copy"]).good();
    let foreign = other.host_dir().join("copy");
    not_restored(&world, &["--merge", &foreign.to_string_lossy()], 3, &["which the backup does not know"]);
}

#[test]
fn an_organisation_of_after_the_backup_is_brought_in_with_the_vaults_own_log() {
    let world = World::new();
    back_up(&world, "backup");
    world.host(&["org", "add", "late"]).good();
    world.host(&["audit", "export", "late", "late"]).good();
    world.host(&["audit", "export", "@vault", "own"]).good();
    not_restored(&world, &["--merge", "late"], 3, &["@vault"]);
    not_restored(&world, &["--merge", "own"], 6, &["late"]);
    let said = restored(&world, &["--merge", "own", "--merge", "late"]);
    assert_eq!(said["logs"].as_array().unwrap().len(), 4);
    in_restored(&world, &["audit", "verify"]).good();
}
