//! Vaults that are not as they should be: each is refused with a fact, a remedy
//! and its exit code, and kept as it is. What somebody without keys has altered
//! is found and named; what several processes do at once is not lost.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::{World, run, warifu};
use rusqlite::params;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use warifu::event::Event;
use warifu::hex::Bytes;
use warifu::name::{AccountId, OrganisationId, Origin, ProjectId, Provider, Slug, unprintable};
use warifu::vault::hierarchy::keep_text;
use warifu::vault::{Records, Vault};

const USAGE: i32 = 2;
const INPUT: i32 = 3;
const DENIED: i32 = 4;
const TAMPERED: i32 = 6;
const STORAGE: i32 = 7;

#[test]
fn a_gate_file_that_cannot_be_used() {
    let world = World::new();
    let gate = world.vault().join("gate.key");
    let right = fs::read(&gate).unwrap();
    let refused = |code, says: &[&str]| {
        world.host_refused(&["project", "add", "acme/more"], code, says);
        world.host_refused(&["org", "add", "more"], code, says);
        // What needs public facts alone goes on, and says what is wrong.
        let warned = world.host(&["status"]).good().out;
        assert!(warned.contains("! "), "{warned}");
        world.verified();
    };
    fs::set_permissions(&gate, fs::Permissions::from_mode(0o644)).unwrap();
    refused(STORAGE, &["gate.key may be read by others (mode 644)", "Run 'chmod 600' on it"]);
    fs::set_permissions(&gate, fs::Permissions::from_mode(0o600)).unwrap();
    for damaged in ["", "warifu gate 1 plain\n", "warifu gate 1 plain\n00\n", "warifu gate 2 plain\n"] {
        fs::write(&gate, damaged).unwrap();
        refused(
            STORAGE,
            &[
                "gate.key is not a gate file, or it is damaged",
                "put the copy of gate.key that was kept apart in its place",
            ],
        );
    }
    fs::remove_file(&gate).unwrap();
    refused(STORAGE, &["gate.key", "copy of gate.key that was kept apart"]);
    // The gate of another vault: it cannot sign for this one.
    let other = world.dir("other");
    run(&other, &["--vault", "vault", "init"]).good();
    fs::copy(other.join("vault/gate.key"), &gate).unwrap();
    refused(STORAGE, &["gate.key is the gate of another vault", "the copy of this vault's own gate.key"]);
    fs::write(&gate, right).unwrap();
    world.verified();
}

#[test]
fn a_gate_file_under_a_passphrase() {
    let world = World::new();
    let dir = world.dir("protected");
    fs::write(dir.join("right"), "violin meadow heron lantern quartz\n").unwrap();
    fs::write(dir.join("wrong"), "violin meadow heron lantern quart\n").unwrap();
    fs::write(dir.join("weak"), "warifu\n").unwrap();
    let init = ["--vault", "vault", "init", "--kdf-floor", "--gate-passphrase-file"];
    run(&dir, &[&init[..], &["weak"]].concat()).refused(INPUT, &["the passphrase is too weak"]);
    assert!(!dir.join("vault").exists());
    run(&dir, &["--vault", "vault", "init", "--passphrase"])
        .refused(USAGE, &["no terminal", "Use --gate-passphrase-file FILE."]);
    assert!(!dir.join("vault").exists());
    run(&dir, &[&init[..], &["right"]].concat()).good();
    let add = ["--vault", "vault", "org", "add", "acme"];
    run(&dir, &add).refused(
        USAGE,
        &["no terminal to ask on: Passphrase of the gate's file", "Use --gate-passphrase-file FILE."],
    );
    let with = |file| [&add[..], &["--gate-passphrase-file", file]].concat();
    run(&dir, &with("wrong"))
        .refused(DENIED, &["the passphrase of the gate's file is wrong", "Try again; nothing was changed."]);
    run(&dir, &with("missing")).refused(STORAGE, &["missing: No such file", "Check the spelling"]);
    run(&dir, &with("right")).good();
}

#[test]
fn a_vault_that_is_not_there_or_not_a_vault() {
    let world = World::new();
    let dir = world.dir("elsewhere");
    let status = ["--vault", "vault", "status"];
    let no_vault = ["vault.db' does not exist", "Make a vault with 'warifu init'"];
    run(&dir, &status).refused(STORAGE, &no_vault);
    assert!(!dir.join("vault").exists(), "looking for a vault makes none");
    fs::create_dir(dir.join("vault")).unwrap();
    run(&dir, &status).refused(STORAGE, &no_vault);
    fs::write(dir.join("vault/vault.db"), "Dear all, ".repeat(1000)).unwrap();
    run(&dir, &status).refused(STORAGE, &["is not a vault", "Name the right directory with --vault DIR."]);
    fs::remove_file(dir.join("vault/vault.db")).unwrap();
    let foreign = rusqlite::Connection::open(dir.join("vault/vault.db")).unwrap();
    foreign.execute_batch("CREATE TABLE t (a)").unwrap();
    run(&dir, &status).refused(STORAGE, &["is not a vault"]);
    run(&dir, &["--vault", "vault", "init"]).refused(INPUT, &["holds a vault already"]);
    // A gate without a vault may be the only copy of a key: it is not replaced.
    fs::create_dir(dir.join("half")).unwrap();
    fs::write(dir.join("half/gate.key"), "mine").unwrap();
    run(&dir, &["--vault", "half", "init"]).refused(INPUT, &["holds a gate.key but no vault"]);
    assert_eq!(fs::read_to_string(dir.join("half/gate.key")).unwrap(), "mine");
}

#[test]
fn a_vault_of_a_newer_format() {
    let world = World::new();
    world.database().pragma_update(None, "user_version", 99).unwrap();
    let says =
        ["the vault has format 99; this program knows formats up to 5", "Use the newer warifu that made it."];
    world.host_refused(&["status"], STORAGE, &says);
    world.host_refused(&["org", "add", "more"], STORAGE, &says);
}

#[test]
fn a_database_with_damaged_pages() {
    let world = World::new();
    let path = world.vault().join("vault.db");
    let mut bytes = fs::read(&path).unwrap();
    assert!(!world.vault().join("vault.db-wal").exists(), "the last to close it leaves one file");
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0xA5);
    }
    fs::write(&path, &bytes).unwrap();
    let says = ["is damaged", "restore from a backup"];
    for arguments in
        [&["status"][..], &["audit", "verify"], &["org", "add", "more"], &["account", "list", "acme"]]
    {
        world.host(arguments).refused(STORAGE, &says);
    }
    assert_eq!(fs::read(&path).unwrap(), bytes, "what is damaged is kept as it is");
    fs::write(&path, &bytes[..10_000]).unwrap();
    let ran = world.host(&["status"]);
    assert_eq!(ran.code, STORAGE, "{}", ran.err);
}

/// As another user where the tests run as root, whom permissions do not stop.
#[test]
fn a_vault_that_cannot_be_written() {
    use std::os::unix::fs::chown;
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    let world = World::new();
    let root = rustix::process::getuid().is_root();
    let mode =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let mut command = warifu();
    command.current_dir("/").arg("--vault").arg(world.vault());
    for name in ["vault.db", "gate.key", "pins.json"] {
        let file = world.vault().join(name);
        mode(&file, if name == "gate.key" { 0o400 } else { 0o444 });
        if root {
            chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    if root {
        chown(world.vault(), Some(NOBODY), Some(NOBODY)).unwrap();
        mode(world.host_dir().parent().unwrap(), 0o755);
        command.uid(NOBODY).gid(NOBODY);
    }
    mode(&world.vault(), 0o555);
    let before = fs::read(world.vault().join("vault.db")).unwrap();
    let ran = cli::run_with(&mut command, &["org", "add", "more"], None);
    mode(&world.vault(), 0o755);
    ran.refused(
        STORAGE,
        &["the vault cannot be written", "Make the vault's directory writable; nothing was changed."],
    );
    assert_eq!(fs::read(world.vault().join("vault.db")).unwrap(), before);
}

#[test]
fn a_vault_that_another_process_holds_for_too_long() {
    let world = World::new();
    let other = world.database();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let says = ["another process is writing to the vault", "wait for it and run the command again"];
    world.host(&["org", "add", "more"]).refused(STORAGE, &says);
    assert!(start.elapsed() >= Duration::from_secs(9), "it waits for a while");
    other.execute_batch("ROLLBACK").unwrap();
    world.host(&["org", "add", "more"]).good();
}

#[test]
fn several_processes_at_once_lose_nothing() {
    let world = World::new();
    let spawn = |n: usize| {
        let address = format!("acme/web/many-{n}");
        warifu()
            .current_dir(world.host_dir())
            .args(["--vault", "vault", "account", "add", &address, "--id", &format!("5555666677{n:02}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..6).map(spawn).collect();
    // Whoever verifies meanwhile sees one moment, not a mixture of two.
    world.verified();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let rows = world.host(&["--json", "account", "list", "acme/web"]).good().json();
    assert_eq!(rows.as_array().unwrap().len(), 2 + 6);
    world.verified();
}

#[test]
fn several_processes_cannot_take_one_name() {
    let world = World::new();
    let spawn = |_| {
        let mut command = warifu();
        command.current_dir(world.host_dir()).args(["--vault", "vault", "org", "add", "initech"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..4).map(spawn).collect();
    let mut made = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => made += 1,
            code => assert!(code == Some(INPUT) && said.contains("already"), "{code:?} {said}"),
        }
    }
    assert_eq!(made, 1);
    world.verified();
}

/// Nothing that moves a terminal's cursor but the end of a line, and nothing
/// that hides or turns text.
fn harmless(text: &str) -> bool {
    !text.chars().any(|c| c != '\n' && unprintable(c))
}

/// The host makes names of which the program would not have any, and enters them.
#[test]
fn a_name_that_would_move_the_cursor_reaches_no_terminal() {
    const BAD: &str = "Ac\u{1b}[2Jme\u{9b}2J\u{202e}emca\r\u{200b}!";
    let world = World::new();
    let rng = &mut rand::rand_core::UnwrapErr(rand::rngs::SysRng);
    let mut vault = Vault::open(&world.vault(), &mut || None).unwrap();
    let mut named = || {
        let mut records = Records::default();
        (Some(keep_text(BAD, &mut records, rng).unwrap()), records)
    };
    let (name, records) = named();
    let id = OrganisationId(Bytes([7; 32]));
    let slug: Slug = "evil".parse().unwrap();
    let first = Event::OrganisationCreated {
        vault: vault.state().vault,
        organisation: id,
        slug: slug.clone(),
        origin: Origin::of_log(&vault.state().origin, &id),
        name,
        gate: vault.gate().announce(&id, vault.gate().epoch()).unwrap(),
    };
    let now = vault.state().last;
    let mut log = vault.commit_organisation(id, &slug, first, records, now).unwrap();
    let (name, records) = named();
    let project = ProjectId(Bytes([8; 32]));
    let event = Event::ProjectCreated { project, slug: "web".parse().unwrap(), name };
    vault.commit_host(&mut log, now, vec![event], records).unwrap();
    let (name, records) = named();
    let event = Event::AccountCreated {
        account: AccountId(Bytes([9; 32])),
        project,
        slug: "prod".parse().unwrap(),
        name,
        external_id: "111122223333".to_owned(),
        provider: Provider::Aws,
    };
    vault.commit_host(&mut log, now, vec![event], records).unwrap();
    drop(vault);
    for command in [
        &["status"][..],
        &["org", "list"],
        &["org", "show", "evil"],
        &["project", "list", "evil"],
        &["project", "show", "evil/web"],
        &["account", "list", "evil"],
        &["account", "show", "evil/web/prod"],
        &["audit", "log", "evil"],
        &["audit", "verify"],
    ] {
        let ran = world.host(command).good();
        assert!(harmless(&ran.out) && harmless(&ran.err), "{:?}", ran.out);
        let json = world.host(&[&["--json"], command].concat()).good();
        assert!(harmless(&json.out), "{:?}", json.out);
    }
    let shown = world.host(&["org", "show", "evil"]).good().out;
    assert!(shown.contains("Ac·[2Jme·2J·emca··!"), "{shown}");
    let value = world.host(&["--json", "org", "show", "evil"]).good().json();
    assert_eq!(value["name"], BAD, "JSON is the same value");
    for bad in ["a\u{202e}b", "a\u{1b}b", "a\u{9b}b", "a\u{200b}b"] {
        let ran = world.host(&["org", "add", "more", "--name", bad]);
        assert!(ran.code != 0 && ran.err.contains("a display name has"), "{:?}", ran.err);
    }
}

/// Nothing can be entered before the last entry: one command while the clock is
/// years ahead would stop a log until then.
#[test]
fn a_clock_that_is_more_than_a_year_ahead_of_the_log_is_asked_about_before_anything_is_entered() {
    let world = World::new();
    let dir = world.dir("old");
    let rng = &mut rand::rand_core::UnwrapErr(rand::rngs::SysRng);
    let long_ago = || warifu::time::Time::from_millis(1_704_099_600_000).unwrap();
    let origin = "example.com/warifu".parse().unwrap();
    let mut vault = Vault::init(&dir.join("vault"), &origin, None, long_ago(), rng).unwrap();
    vault.add_organisation(&"acme".parse().unwrap(), None, &long_ago, rng).unwrap();
    vault.add_project(&"acme/web".parse().unwrap(), None, &long_ago, rng).unwrap();
    drop(vault);
    let size = || {
        let database = rusqlite::Connection::open(dir.join("vault/vault.db")).unwrap();
        database.query_row("SELECT count(*) FROM entry", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = size();
    let says = ["clock says", "last entry is of 2024-01-01", "Is the clock right?", "Use --yes."];
    for command in [
        &["org", "add", "more"][..],
        &["project", "add", "acme/more"],
        &["account", "add", "acme/web/prod", "--id", "111122223333"],
        &["ceremony", "list", "acme"],
        &["seal", "acme/web/prod", "--login", "root@example.com"],
        &["custodian", "enrol", "acme", "--card", "new.card"],
    ] {
        run(&dir, &[&["--vault", "vault"], command].concat()).refused(USAGE, &says);
        assert_eq!(size(), before, "{command:?}");
    }
    run(&dir, &["--vault", "vault", "status"]).good();
    run(&dir, &["--vault", "vault", "--yes", "project", "add", "acme/more"]).good();
    // The log is of today again: nothing is asked.
    run(&dir, &["--vault", "vault", "project", "add", "acme/another"]).good();
}

/// Alterations by somebody with write access to the database and no keys.
#[test]
fn every_alteration_is_found_and_named() {
    let acme = "(SELECT DISTINCT position >> 40 FROM entry WHERE instr(bytes, 'AWS') OR instr(bytes, '111122223333'))";
    let last = format!("(SELECT max(position) FROM entry WHERE position >> 40 = {acme})");
    let body = |kind: &str| {
        format!(
            "UPDATE body SET bytes = zeroblob(length(bytes)) WHERE number = (SELECT body FROM record WHERE name LIKE '{kind}/%' AND log = {acme} LIMIT 1)"
        )
    };
    let projection = |change: &str| format!("UPDATE projection SET bytes = {change} WHERE log = {acme}");
    let alterations: &[(String, &str)] = &[
        (body("sealed"), "record sealed/"),
        (body("dealing"), "record dealing/"),
        (body("totp"), "record totp/"),
        (body("text"), "record text/"),
        (format!("DELETE FROM record WHERE name LIKE 'sealed/%' AND log = {acme}"), "is missing"),
        (format!("DELETE FROM record WHERE name LIKE 'totp/%' AND log = {acme}"), "is missing"),
        (
            format!(
                "INSERT INTO record SELECT log, 'sealed/{}', length, body FROM record WHERE name LIKE 'sealed/%' AND log = {acme} LIMIT 1",
                "0".repeat(64)
            ),
            "belongs to no entry",
        ),
        (
            format!(
                "INSERT INTO record SELECT log, 'sealed/' || char(27) || '[2J' || char(155) || char(8238) || 'x', length, body FROM record WHERE name LIKE 'sealed/%' AND log = {acme} LIMIT 1"
            ),
            "record sealed/·[2J··x belongs to no entry",
        ),
        (
            projection("CAST(replace(CAST(bytes AS TEXT), 'prod', 'brod') AS BLOB)"),
            "the stored state is not what the entries add up to",
        ),
        (
            format!("DELETE FROM projection WHERE log = {acme}"),
            "the stored state is not what the entries add up to",
        ),
        (
            format!(
                "UPDATE log SET checkpoint = replace(checkpoint, '— example.com/warifu', '— example.org/warifu') WHERE number = {acme}"
            ),
            "checkpoint",
        ),
        (
            format!(
                "UPDATE log SET checkpoint = (SELECT checkpoint FROM log WHERE number != {acme} LIMIT 1) WHERE number = {acme}"
            ),
            "checkpoint",
        ),
        (format!("DELETE FROM entry WHERE position = {last}"), "is damaged"),
        (
            format!(
                "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), '111122223333', '111122223334') AS BLOB) WHERE instr(bytes, '111122223333') AND position >> 40 = {acme}"
            ),
            "is damaged",
        ),
        (format!("UPDATE entry SET leaf = zeroblob(32) WHERE position = {last}"), "is damaged"),
    ];
    let world = World::new();
    world.verified();
    let backup = cli::Backup::of(&world.vault());
    for (sql, what) in alterations {
        let changed = world.database().execute(sql, params![]).unwrap();
        assert!(changed > 0, "{sql}");
        let ran = world.host(&["audit", "verify"]);
        let said = format!("{sql}\n{}{}", ran.out, ran.err);
        assert_eq!(ran.code, TAMPERED, "{said}");
        assert!(ran.out.contains(what), "{said}");
        assert!(harmless(&ran.out) && harmless(&ran.err), "{said:?}");
        assert!(ran.out.contains("WRONG acme:"), "{said}");
        assert!(ran.err.contains("Keep this vault as it is"), "{said}");
        assert!(ran.out.contains("good  globex:"), "{said}");
        let json = world.host(&["--json", "audit", "verify"]);
        assert_eq!(json.code, TAMPERED);
        let findings = json.json()["findings"].as_array().unwrap().clone();
        assert!(
            findings.iter().any(|f| f["log"] == "acme" && f["what"].as_str().unwrap().contains(what)),
            "{findings:?}"
        );
        world.host(&["audit", "verify", "globex"]).good();
        backup.restore();
    }
    world.verified();
}

/// A schema is part of the file, and SQLite obeys it: what is not of the format
/// is refused before anything is read or written, and named.
#[test]
fn whatever_is_planted_in_the_schema_is_refused_and_named() {
    let world = World::new();
    let backup = cli::Backup::of(&world.vault());
    for (sql, what) in [
        ("CREATE TABLE hoard (bytes)", "table 'hoard'"),
        (
            "CREATE TRIGGER keep BEFORE DELETE ON body BEGIN INSERT INTO body (bytes) VALUES (old.bytes); END",
            "trigger 'keep'",
        ),
        ("CREATE VIEW everything AS SELECT bytes FROM body", "view 'everything'"),
        ("CREATE INDEX faster ON record (name)", "index 'faster'"),
        ("CREATE TABLE \"a\u{1b}[2J\u{202e}b\" (c)", "table 'a·[2J·b'"),
        ("ALTER TABLE entry ADD COLUMN more BLOB", "table 'entry'"),
        ("ALTER TABLE body RENAME TO bodies; CREATE VIEW body AS SELECT number, bytes FROM bodies", "'bod"),
    ] {
        world.database().execute_batch(sql).unwrap();
        let before = fs::read(world.vault().join("vault.db")).unwrap();
        let says = [what, "is not what its format has", "Keep a copy as it is"];
        for command in [&["status"][..], &["org", "add", "more"], &["audit", "log", "acme"]] {
            world.host(command).refused(STORAGE, &says);
        }
        let found = world.host(&["audit", "verify"]);
        assert_eq!(found.code, TAMPERED, "{sql}\n{}{}", found.out, found.err);
        assert!(found.out.contains("WRONG @vault:") && found.out.contains(what), "{sql}\n{}", found.out);
        assert_eq!(fs::read(world.vault().join("vault.db")).unwrap(), before, "{sql}: it is kept as it is");
        backup.restore();
    }
    world.verified();
}

#[test]
fn records_that_an_open_ceremony_lacks_and_an_ended_one_has_are_found() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    world.contributed(0, "request.warifu");
    world.verified();
    let backup = cli::Backup::of(&world.vault());
    let found = |sql: &str, what: &str| {
        let changed = world.database().execute(sql, params![]).unwrap();
        assert!(changed > 0, "{sql}");
        let ran = world.host(&["audit", "verify"]);
        assert_eq!(ran.code, TAMPERED, "{sql}\n{}{}", ran.out, ran.err);
        assert!(ran.out.contains(what), "{sql}\n{}", ran.out);
        backup.restore();
    };
    let short = &ceremony[..8];
    for kind in ["request", "ceremony-key", "requester-key", "contribution"] {
        let gone = format!("DELETE FROM record WHERE name LIKE '{kind}/%'");
        let named = if kind == "contribution" {
            format!("record contribution/{short}/{} is missing", world.custodians[0].name)
        } else {
            format!("record {kind}/{short} is missing")
        };
        found(&gone, &named);
    }
    let other_length = "UPDATE record SET body = (SELECT body FROM record WHERE name LIKE 'totp/%' LIMIT 1), length = (SELECT length FROM record WHERE name LIKE 'totp/%' LIMIT 1) WHERE name LIKE 'requester-key/%'";
    found(other_length, &format!("record requester-key/{short} is not what its entry says"));
    let (giver, other) = (&world.custodians[0].name, &world.custodians[1].name);
    found(
        &format!(
            "INSERT INTO record SELECT log, replace(name, '{giver}', '{other}'), length, body FROM record WHERE name LIKE 'contribution/%'"
        ),
        &format!("record contribution/{short}/{other} belongs to no entry"),
    );
    world.host(&["ceremony", "abort", "acme", short]).good();
    world.verified();
    let back = format!(
        "INSERT INTO record SELECT log, 'ceremony-key/{ceremony}', length, body FROM record WHERE name LIKE 'totp/%' LIMIT 1"
    );
    assert!(world.database().execute(&back, params![]).unwrap() > 0);
    let ran = world.host(&["audit", "verify"]);
    assert_eq!(ran.code, TAMPERED);
    assert!(ran.out.contains(&format!("record ceremony-key/{short} belongs to no entry")), "{}", ran.out);
}

#[test]
fn an_alteration_of_the_vaults_own_log_is_found() {
    let own = "(SELECT position >> 40 FROM entry WHERE instr(bytes, 'organisation-added') LIMIT 1)";
    let world = World::new();
    let backup = cli::Backup::of(&world.vault());
    for sql in [
        format!(
            "DELETE FROM entry WHERE position = (SELECT max(position) FROM entry WHERE position >> 40 = {own})"
        ),
        format!(
            "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'globex', 'hlobex') AS BLOB) WHERE instr(bytes, 'globex') AND position >> 40 = {own}"
        ),
        format!("UPDATE projection SET bytes = zeroblob(10) WHERE log = {own}"),
        format!(
            "UPDATE log SET checkpoint = (SELECT checkpoint FROM log WHERE number != {own} LIMIT 1) WHERE number = {own}"
        ),
    ] {
        let changed = world.database().execute(&sql, params![]).unwrap();
        assert!(changed > 0, "{sql}");
        let ran = world.host(&["audit", "verify"]);
        assert_eq!(ran.code, TAMPERED, "{sql}\n{}{}", ran.out, ran.err);
        backup.restore();
    }
}

#[test]
fn swapped_entries_are_called_so() {
    let world = World::new();
    let first = "(SELECT min(position) FROM entry WHERE position >> 40 = (SELECT DISTINCT position >> 40 FROM entry WHERE instr(bytes, '111122223333')))";
    let first: i64 = world.database().query_row(&format!("SELECT {first}"), [], |row| row.get(0)).unwrap();
    let (one, other) = (first + 2, first + 5);
    let put = |from: i64, to: i64| {
        let changed =
            world.database().execute("UPDATE entry SET position = ?2 WHERE position = ?1", [from, to]);
        assert_eq!(changed.unwrap(), 1);
    };
    put(one, -1);
    put(other, one);
    put(-1, other);
    let ran = world.host(&["audit", "verify", "acme"]);
    assert_eq!(ran.code, TAMPERED, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("entries 2 and 5 were swapped"), "{}", ran.out);
}

/// The signed checkpoint of `acme`, as somebody else may keep it.
fn checkpoint_of_acme(world: &World) -> (String, String) {
    let sql = "SELECT checkpoint FROM log WHERE number = (SELECT DISTINCT position >> 40 FROM entry WHERE instr(bytes, '111122223333'))";
    let note: String = world.database().query_row(sql, [], |row| row.get(0)).unwrap();
    let name = note.lines().next().unwrap().to_owned();
    (note, name)
}

#[test]
fn a_vault_that_was_put_back_is_found_by_who_kept_a_checkpoint() {
    let world = World::new();
    let keep = |file: &str| fs::write(world.host_dir().join(file), checkpoint_of_acme(&world).0).unwrap();
    keep("old");
    let backup = cli::Backup::of(&world.vault());
    world.host(&["account", "add", "acme/web/later", "--id", "777777777777"]).good();
    keep("new");
    let ran = world.host(&["audit", "verify", "acme", "--against", "old"]).good();
    assert!(ran.out.contains("extends the checkpoint of"), "{}", ran.out);
    world.host(&["audit", "verify", "--against", "new"]).good();
    backup.restore();
    world.verified();
    let ran = world.host(&["--json", "audit", "verify", "acme", "--against", "new"]);
    assert_eq!(ran.code, TAMPERED, "{}{}", ran.out, ran.err);
    let findings = ran.json()["findings"].clone();
    assert_eq!(findings[0]["tampering"], serde_json::json!(["rolled-back", "forked"]), "{findings}");
    // Held against another organisation's log, or none, it says nothing.
    world.host_refused(&["audit", "verify", "globex", "--against", "new"], INPUT, &["there is no log"]);
    world.host_refused(&["audit", "verify", "--against", "missing"], STORAGE, &["missing"]);
    fs::write(world.host_dir().join("new"), "no note").unwrap();
    assert_eq!(world.host(&["audit", "verify", "--against", "new"]).code, TAMPERED);
}

#[test]
fn a_vault_under_another_key_than_the_one_that_is_known_is_found() {
    let world = World::new();
    let (_, name) = checkpoint_of_acme(&world);
    let key = |fill: u8| {
        let seed = warifu::secret::SecretKey::from_slice(&[fill; 32]).unwrap();
        warifu::log::LogSigner::new(&name, seed).unwrap().verifier().to_string()
    };
    let ran = world.host(&["audit", "verify", "--key", &key(7)]);
    assert_eq!(ran.code, TAMPERED, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("WRONG acme") && ran.out.contains("good  globex"), "{}", ran.out);
    world.host_refused(&["audit", "verify", "--key", "acme"], INPUT, &["is not a verifier key"]);
}

/// While a ceremony or an enrolment waits for a person, others write to the same
/// log: it goes on from there.
#[test]
fn what_others_write_meanwhile_ends_no_ceremony() {
    let world = World::new();
    let others = |n: u32| {
        let address = format!("acme/lab/other-{n}");
        world.host(&["account", "add", &address, "--id", &format!("{:012}", 777_000 + n)]).good();
    };
    let ceremony = world.request("request.warifu");
    others(1);
    world.contributed(0, "request.warifu");
    others(2);
    world.contributed(1, "request.warifu");
    others(3);
    let finish = ["ceremony", "finish", "acme", &ceremony[..8], "--exec", "cat > opened"];
    world.host(&cli::joined(&finish, &world.card(&world.operator))).good();
    assert_eq!(fs::read_to_string(world.host_dir().join("opened")).unwrap().trim(), cli::PASSWORD);
    world.verified();
}

/// The log was read before somebody else wrote: what is committed goes on from
/// what is there by then, unless the rules refuse it there.
#[test]
fn a_log_that_grew_since_it_was_read_is_written_to_as_it_is() {
    use rand::rand_core::UnwrapErr;
    use rand::rngs::SysRng;
    use warifu::event::Event;
    use warifu::name::{ProjectId, Slug};
    use warifu::time::Time;
    use warifu::vault::{Records, Vault, VaultError};
    let world = World::new();
    let open = || Vault::open(&world.vault(), &mut || None).unwrap();
    let (mut one, mut other) = (open(), open());
    let acme: Slug = "acme".parse().unwrap();
    let (mut first, mut second) = (one.log(&acme).unwrap(), other.log(&acme).unwrap());
    let project = |slug: &str| {
        let (project, slug) = (ProjectId::random(&mut UnwrapErr(SysRng)), slug.parse().unwrap());
        vec![Event::ProjectCreated { project, slug, name: None }]
    };
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Time::from_millis(i64::try_from(since.as_millis()).unwrap()).unwrap()
    };
    one.commit_host(&mut first, now(), project("one"), Records::default()).unwrap();
    other.commit_host(&mut second, now(), project("two"), Records::default()).unwrap();
    assert_eq!(second.state.size, first.state.size + 1);
    // The name is taken by now.
    let refused = one.commit_host(&mut first, now(), project("two"), Records::default());
    assert!(matches!(refused, Err(VaultError::Invalid(_))), "{refused:?}");
    // What a ceremony held is destroyed at its end, also what others entered since.
    let request = world.request("request.warifu");
    let (_, open) = (world.contributed(0, "request.warifu"), one.log(&acme).unwrap());
    let mut stale = open;
    world.contributed(1, "request.warifu");
    let hash = warifu::hex::Bytes::parse(&request).unwrap();
    one.end_ceremony(&mut stale, &hash, warifu::event::Ending::Aborted, now()).unwrap();
    drop((one, other));
    let projects = world.host(&["--json", "project", "list", "acme"]).good().json();
    let slugs: Vec<_> = projects.as_array().unwrap().iter().map(|p| p["project"].as_str().unwrap()).collect();
    assert!(slugs.contains(&"acme/one") && slugs.contains(&"acme/two"), "{slugs:?}");
    world.verified();
}
