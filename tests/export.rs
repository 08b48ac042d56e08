//! Exports and receipts as the program makes them.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;

use cli::World;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use warifu::event::Event;
use warifu::hex::Bytes;
use warifu::name::ProjectId;
use warifu::time::Span;
use warifu::vault::{Records, Vault};

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn export(world: &World) -> PathBuf {
    world.host(&["audit", "export", "acme", "copy"]).good();
    world.host_dir().join("copy")
}

#[test]
fn an_export_verifies_and_grows_with_the_log() {
    let world = World::new();
    let dir = export(&world);
    let first = world.host(&["--json", "audit", "verify", "copy"]).good().json();
    assert_eq!((first["findings"].as_array().unwrap().len(), &first["key_given"]), (0, &false.into()));
    assert_eq!(
        (&first["logs"][0]["entries"], &first["logs"][0]["first"]),
        (&world.log_size().into(), &0.into())
    );
    assert!(first["logs"][0]["signatures"].as_u64().unwrap() > 10, "{first}");
    world.request("request.warifu");
    let again = world.host(&["--json", "audit", "export", "acme", "copy"]).good().json();
    assert_eq!(
        (&again["before"], &again["entries"]),
        (&first["logs"][0]["entries"], &world.log_size().into())
    );
    let key = world.host(&["audit", "key", "acme"]).good().out;
    let key = key.trim();
    assert_eq!(fs::read_to_string(dir.join("log.vkey")).unwrap().trim(), key);
    assert_eq!(fs::read_to_string(dir.join("policy")).unwrap(), format!("log {key}\nquorum none\n"));
    assert!(fs::read_to_string(dir.join("README")).unwrap().contains(key));
    let said = world.host(&["audit", "verify", "copy", "--key", key]).good();
    assert!(said.out.contains("good") && !said.out.contains("Compare it"), "{}", said.out);
    world.host(&["audit", "verify", "copy", "--key", "copy/log.vkey"]).good();
}

#[test]
fn nothing_of_a_neighbouring_organisation_is_exported() {
    let world = World::new();
    let dir = export(&world);
    let neighbour = world.host(&["--json", "org", "show", "globex"]).good().json();
    let key = world.host(&["audit", "key", "globex"]).good().out;
    let foreign = [
        "globex",
        "Globex",
        "vault-seventeen",
        "ledger",
        "999988887777",
        neighbour["id"].as_str().unwrap(),
        key.trim(),
        &world.stranger.name,
    ];
    let all = files(&dir);
    assert!(all.len() >= 6);
    for path in all {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for name in foreign {
            assert!(!text.contains(name), "{} has {name}", path.display());
        }
    }
    world.host_refused(&["audit", "export", "globex", "copy"], 3, &["copy holds the log of"]);
    world.host_refused(&["audit", "export", "nobody", "new"], 3, &["there is no organisation 'nobody'"]);
}

#[test]
fn exporting_needs_neither_the_gate_nor_a_writable_vault() {
    let world = World::new();
    fs::remove_file(world.vault().join("gate.key")).unwrap();
    export(&world);
    world.host(&["audit", "prove", "acme", "--entry", "0", "--out", "first.tlog-proof"]).good();
}

#[test]
fn a_changed_export_is_named_with_file_and_entry() {
    let world = World::new();
    let dir = export(&world);
    let bundle = files(&dir).into_iter().find(|path| path.display().to_string().contains("entries")).unwrap();
    let mut bytes = fs::read(&bundle).unwrap();
    let at = bytes.windows(5).position(|at| at == b"spare").unwrap();
    bytes[at] = b'S';
    fs::write(&bundle, &bytes).unwrap();
    let ran = world.host_refused(&["audit", "verify", "copy"], 6, &["2 findings"]);
    assert!(ran.out.contains("tile/entries/000.p/") && ran.out.contains("is not the one that was signed"));
    let found = world.host(&["--json", "audit", "verify", "copy"]).json();
    let [by_engine, by_tiles] = found["findings"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!(by_engine["tampering"], serde_json::json!(["changed"]), "{found}");
    assert!(by_engine["entry"].as_u64().unwrap() > 0 && by_engine["entry"] == by_tiles["entry"], "{found}");
    assert!(by_tiles["file"].as_str().unwrap().starts_with("tile/entries/000.p/"), "{found}");
}

#[test]
fn exports_that_cannot_be_read_are_refused() {
    let world = World::new();
    world.host_refused(&["audit", "verify", "./nowhere"], 7, &["checkpoint: it is missing"]);
    world.host_refused(&["audit", "verify", "nowhere"], 3, &["there is no organisation 'nowhere'"]);
    world.host_refused(&["audit", "verify", "--key", "x"], 3, &["not a verifier key"]);
    let dir = export(&world);
    world.host_refused(&["audit", "verify", "copy", "--key", "nonsense"], 3, &["not a verifier key"]);
    let other = world.host(&["audit", "key", "globex"]).good().out;
    world.host_refused(&["audit", "verify", "copy", "--key", other.trim()], 6, &["1 finding"]);
    fs::remove_file(dir.join("checkpoint")).unwrap();
    let ran = world.host_refused(&["audit", "verify", "copy"], 6, &["1 finding"]);
    assert!(ran.out.contains("WRONG copy: checkpoint: it is missing"), "{}", ran.out);
}

#[test]
fn an_export_is_held_against_an_older_checkpoint() {
    let world = World::new();
    let dir = export(&world);
    fs::copy(dir.join("checkpoint"), world.host_dir().join("old")).unwrap();
    let size = world.log_size();
    world.request("request.warifu");
    export(&world);
    let said = world.host(&["audit", "verify", "copy", "--against", "old"]).good();
    assert!(said.out.contains(&format!("extends the checkpoint of {size}")), "{}", said.out);
    world.host(&["audit", "verify", "acme", "--against", "copy/checkpoint"]).good();
    // Another organisation's: nothing can be held against it.
    world.host(&["audit", "export", "globex", "other"]).good();
    let ran = world.host_refused(&["audit", "verify", "copy", "--against", "other/checkpoint"], 6, &[]);
    assert!(ran.out.contains("the older checkpoint is of another log"), "{}", ran.out);
}

#[test]
fn of_a_periods_evidence_it_is_said_what_cannot_be_verified() {
    let world = World::new();
    world.host(&["audit", "export", "acme", "copy"]).good();
    fs::copy(world.host_dir().join("copy/checkpoint"), world.host_dir().join("old")).unwrap();
    let mut vault = Vault::open(&world.vault(), &mut || None).unwrap();
    let mut log = vault.log(&"acme".parse().unwrap()).unwrap();
    let now = log.state.last + Span::days(1);
    let project = |n: u16| Event::ProjectCreated {
        project: ProjectId(Bytes(std::array::from_fn(|at| n.to_be_bytes()[at % 2]))),
        slug: format!("new-{n}").parse().unwrap(),
        name: None,
    };
    vault.commit_host(&mut log, now, (0..300).map(project).collect(), Records::default()).unwrap();
    drop(vault);
    let since = now.to_string();
    world.host(&["audit", "export", "acme", "evidence", "--since", &since]).good();
    assert!(!world.host_dir().join("evidence/first").exists(), "the period begins in the first bundle");
    let (mut vault, later) = (Vault::open(&world.vault(), &mut || None).unwrap(), now + Span::days(1));
    vault.commit_host(&mut log, later, (300..310).map(project).collect(), Records::default()).unwrap();
    let since = later.to_string();
    world.host(&["audit", "export", "acme", "later", "--since", &since]).good();
    let said = world.host(&["audit", "verify", "later", "--against", "old", "--since", &since]).good().out;
    for part in
        ["0 signatures", "extends the checkpoint of", "Of the entries before 256 only hashes are here"]
    {
        assert!(said.contains(part), "{said}");
    }
    let whole = world.host(&["audit", "verify", "evidence"]).good().out;
    assert!(whole.contains("All is well: every entry") && !whole.contains("only hashes"), "{whole}");
}

#[test]
fn a_key_that_was_replaced_in_an_export_is_found_in_its_entries() {
    let world = World::new();
    let dir = export(&world);
    let other = world.host(&["audit", "key", "globex"]).good().out;
    fs::write(dir.join("log.vkey"), &other).unwrap();
    let ran = world.host_refused(&["audit", "verify", "copy"], 6, &["1 finding"]);
    assert!(ran.out.contains("its entries state another name or key"), "{}", ran.out);
}

#[test]
fn another_vaults_export_is_not_continued() {
    let world = World::new();
    let dir = export(&world);
    fs::write(dir.join("log.vkey"), "else+00000000+AAAA\n").unwrap();
    world.host_refused(
        &["audit", "export", "acme", "copy"],
        3,
        &["copy holds the log of else", "Name a new"],
    );
    fs::create_dir(world.host_dir().join("letters")).unwrap();
    fs::write(world.host_dir().join("letters/one"), "x").unwrap();
    world.host_refused(&["audit", "export", "acme", "letters"], 3, &["neither empty nor an exported log"]);
    let ran = ["audit", "export", "acme", "evidence", "--since", "2999-01-01"];
    world.host_refused(&ran, 3, &["there is no entry since 2999-01-01"]);
    assert!(!world.host_dir().join("evidence").exists());
}

#[test]
fn a_vault_that_was_rolled_back_does_not_cut_its_export() {
    let world = World::new();
    let backup = cli::Backup::of(&world.vault());
    world.request("request.warifu");
    export(&world);
    backup.restore();
    world.host_refused(&["audit", "export", "acme", "copy"], 6, &["the vault only", "rolled back"]);
    world.host(&["audit", "verify", "copy"]).good();
    // As many entries, but others than those that were exported.
    world.host(&["project", "add", "acme/other"]).good();
    world.host(&["project", "add", "acme/another"]).good();
    world.host_refused(&["audit", "export", "acme", "copy"], 6, &["are not those of the vault"]);
    world.host(&["audit", "verify", "copy"]).good();
}

#[test]
fn a_ceremonys_receipt_verifies_on_a_machine_without_the_vault() {
    let world = World::new();
    let ceremony = world.request("request.warifu");
    let short = &ceremony[..8];
    let opened = world.host(&["--json", "audit", "prove", "acme", short]).good().json();
    assert_eq!(opened["kind"], "targeted");
    let said = world.host(&["audit", "prove", "acme", short]).good().err;
    assert!(said.contains("('targeted')") && said.contains("nothing was released"), "{said}");
    world.contributed(0, "request.warifu");
    world.contributed(1, "request.warifu");
    let finish = ["ceremony", "finish", "acme", short, "--exec", "cat > /dev/null"];
    world.host(&cli::joined(&finish, &world.card(&world.operator))).good();
    world.request("next.warifu");
    let prove = ["audit", "prove", "acme", short, "--out", "billing.tlog-proof"];
    let said = world.host(&prove).good();
    assert!(said.out.contains("('released')") && !said.out.contains("nothing was"), "{}", said.out);
    world.host_refused(&prove, 3, &["exists already"]);
    let key = world.host(&["audit", "key", "acme"]).good().out;
    let away = world.custodians[0].clone();
    world.carry("billing.tlog-proof", &away);
    let check = ["--json", "audit", "check-proof", "billing.tlog-proof", "--key", key.trim()];
    let good = world.at(&away, &check).good().json();
    assert!(good["entry"].as_str().unwrap().contains(&format!("\"released\":{{\"ceremony\":\"{ceremony}\"")));
    assert_eq!(good["size"], world.log_size());
    let words = world.at(&away, &["audit", "check-proof", "billing.tlog-proof", "--key", key.trim()]).good();
    assert!(words.out.starts_with("good: entry ") && words.out.contains(&ceremony));

    // The same entry by hand, and another one.
    fs::write(world.home(&away).join("entry"), format!("{}\n", good["entry"].as_str().unwrap())).unwrap();
    let with = |entry| world.at(&away, &[&check[..], &["--entry", entry]].concat());
    with("entry").good();
    fs::write(world.home(&away).join("entry"), "{\"an\":\"invention\"}").unwrap();
    with("entry").refused(6, &["does not lead to the root"]);
    let stdin = cli::run_with(
        cli::warifu().current_dir(world.home(&away)),
        &[&check[..], &["--entry", "-"]].concat(),
        Some(good["entry"].as_str().unwrap()),
    );
    stdin.good();
}

#[test]
fn receipts_that_prove_nothing_are_refused() {
    let world = World::new();
    let key = world.host(&["audit", "key", "acme"]).good().out;
    let other = world.host(&["audit", "key", "globex"]).good().out;
    let proof = world.host(&["audit", "prove", "acme", "--entry", "3"]).good();
    assert!(proof.err.contains("A receipt of entry 3"), "{}", proof.err);
    let path = world.host_dir().join("r");
    let check = |text: &str, key: &str| {
        fs::write(&path, text).unwrap();
        world.host(&["audit", "check-proof", "r", "--key", key.trim()])
    };
    check(&proof.out, &key).good();
    check(&proof.out, &other).refused(6, &["no known key has signed"]);
    check(&proof.out.replace("index 3", "index 4"), &key).refused(6, &["does not lead to the root"]);
    let extra = proof.out.lines().nth(1).unwrap();
    check(&proof.out.replace(extra, "extra e30="), &key).refused(6, &["does not lead to the root"]);
    check(&proof.out.replace(&format!("{extra}\n"), ""), &key).refused(2, &["does not carry its entry"]);
    check(&proof.out.replace("@v1", "@v2"), &key).refused(3, &["first line"]);
    check("", &key).refused(3, &["no checkpoint"]);
    world.host_refused(&["audit", "prove", "acme", "--entry", "1000"], 3, &["there is no entry 1000"]);
    world.host_refused(
        &["audit", "prove", "acme", "abcdabcd"],
        3,
        &["no entry speaks of a ceremony 'abcdabcd'"],
    );
    world.host_refused(&["audit", "prove", "acme", "ab"], 3, &["does not name one ceremony"]);
    world.host_refused(&["audit", "prove", "acme"], 2, &[]);
}

fn recoverable(world: &World, copy: &str) -> Value {
    // In a folder without a vault.
    let dir = tempfile::tempdir().unwrap();
    let copy = world.host_dir().join(copy);
    let ran = cli::run(dir.path(), &["--json", "audit", "recoverability", &copy.to_string_lossy()]);
    ran.json()
}

#[test]
fn whoever_has_an_export_with_records_sees_what_could_be_opened() {
    let world = World::new();
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    world.host(&["audit", "verify", "copy"]).good();
    let mut here = world.host(&["--json", "audit", "recoverability", "acme", "--dry-run"]).json();
    let there = recoverable(&world, "copy");
    assert_eq!(here["organisations"][0]["versions"], 1);
    assert_eq!(here["organisations"][0]["good"], 1);
    here["entered"] = false.into();
    let key = world.host(&["audit", "key", "acme"]).good().out.trim_end().to_owned();
    (here["key"], here["key_given"]) = (key.as_str().into(), false.into());
    assert_eq!(here, there);
}

#[test]
fn a_copy_that_is_judged_by_its_own_key_says_so_and_another_key_says_why_not() {
    let world = World::new();
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    let key = |world: &World| world.host(&["audit", "key", "acme"]).good().out.trim_end().to_owned();
    let own = "The key was taken from the directory itself";
    let of_copy = ["audit", "recoverability", "copy"];
    let said = world.host(&of_copy).refused(9, &["it was not shown lately"]).out;
    assert!(said.contains(own) && said.contains(&key(&world)), "{said}");
    let with = |key: &str| world.host(&[&of_copy[..], &["--key", key]].concat());
    let said = with(&key(&world)).refused(9, &["it was not shown lately"]).out;
    assert!(!said.contains(own), "{said}");
    // A later epoch's key did not sign this copy.
    world.host(&["gate", "rotate", "--kdf-floor"]).good();
    with(&key(&world)).refused(6, &["WRONG copy: ", "1 finding"]);
}

#[test]
fn a_changed_or_missing_record_of_an_export_is_named() {
    let world = World::new();
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    let file = world.host_dir().join("copy/records");
    let right = fs::read(&file).unwrap();
    // In the sealed payload, the first record.
    let mut wrong = right.clone();
    wrong[200] ^= 1;
    fs::write(&file, &wrong).unwrap();
    let failed = &recoverable(&world, "copy")["organisations"][0]["failed"];
    assert_eq!(failed[0]["why"], "its sealed record is not the one that was entered");
    // In the dealing's proof, the last bytes.
    let mut wrong = right.clone();
    let last = wrong.len() - 20;
    wrong[last] ^= 1;
    fs::write(&file, &wrong).unwrap();
    let failed = &recoverable(&world, "copy")["organisations"][0]["failed"];
    assert_eq!(failed[0]["why"], "its dealing does not prove that the shares fit together");
    fs::write(&file, b"warifu records 1\n").unwrap();
    let failed = &recoverable(&world, "copy")["organisations"][0]["failed"];
    assert_eq!(failed[0]["why"], "its sealed record is gone");
    fs::write(&file, &right[..right.len() - 1]).unwrap();
    let said = world.host(&["audit", "verify", "copy"]);
    assert!(said.out.contains("records: it is not a file of records, or it is cut"), "{}", said.out);
    said.refused(6, &["not what was signed"]);
    world.host(&["audit", "recoverability", "copy"]).refused(7, &["it is cut"]);
    fs::remove_file(&file).unwrap();
    world.host(&["audit", "verify", "copy"]).good();
    world.host(&["audit", "recoverability", "copy"]).refused(3, &["without its records", "--records"]);
}

#[test]
fn an_altered_log_says_nothing_of_its_records() {
    let world = World::new();
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    let bundle = files(&world.host_dir().join("copy/tile/entries")).pop().unwrap();
    let mut bytes = fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    world.host(&["audit", "recoverability", "copy"]).refused(6, &["not what was signed"]);
}

#[test]
fn a_later_export_brings_the_records_up_to_date() {
    let world = World::new();
    world.host(&["audit", "export", "acme", "copy", "--records"]).good();
    world.host(&["seal", "acme/web/prod", "--generate", "--login", "ops@acme.example"]).good();
    assert_eq!(recoverable(&world, "copy")["organisations"][0]["good"], 1, "as it was then");
    export(&world);
    world.host(&["audit", "verify", "copy"]).good();
    let there = recoverable(&world, "copy");
    assert_eq!(
        (&there["organisations"][0]["versions"], &there["organisations"][0]["good"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn what_could_be_opened_becomes_an_entry() {
    let world = World::new();
    let before = world.log_size();
    let found = world.host(&["audit", "recoverability", "acme", "--dry-run"]);
    assert!(
        found.out.contains("no drill has shown anything yet. Its members showed their keys"),
        "{}",
        found.out
    );
    found.refused(9, &["drill"]);
    assert_eq!(world.log_size(), before);
    world.host(&["audit", "recoverability", "acme/keepers"]).refused(9, &["drill"]);
    assert_eq!(world.log_size(), before + 1);
    let log = world.host(&["audit", "log", "acme", "--kind", "recoverability-checked"]).good().out;
    assert!(log.contains("1 current version whole, 0 not openable"), "{log}");
    world.host(&["audit", "verify"]).good();
    // An officer who has no gate can look all the same.
    fs::rename(world.vault().join("gate.key"), world.host_dir().join("gate.key")).unwrap();
    world.host(&["audit", "recoverability"]).refused(9, &["drill"]);
    assert_eq!(world.log_size(), before + 1);
}
