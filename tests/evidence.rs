//! What an auditor relies on beside the entries: a period that is whole, the
//! policies of the groups, entries of newer kinds, and the vault's own log.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/cli.rs"]
mod cli;
#[path = "support/exported.rs"]
mod exported;

use cli::{World, joined, warifu};
use exported::{Exported, TAMPERED};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use warifu::event::Event;
use warifu::hex::Bytes;
use warifu::log::entry::EntryBytes;
use warifu::name::ProjectId;
use warifu::time::{Span, Time};
use warifu::vault::{Records, Vault};

/// A witness that runs.
struct Witness {
    child: Child,
    address: String,
    key: String,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Witness {
    /// A new one of these logs, on a free port.
    fn of(world: &World, name: &str, logs: &[&str]) -> Self {
        let keys: Vec<_> = logs.iter().map(|log| key(world, log)).collect();
        world.host(&["witness", "init", "--state", name, "--name", &format!("{name}.example")]).good();
        let mut command = warifu();
        command.current_dir(world.host_dir());
        command.args(["--json", "witness", "serve", "--listen", "127.0.0.1:0", "--state", name]);
        keys.iter().for_each(|key| {
            command.args(["--log", key]);
        });
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Self { child, address: text("listening"), key: text("key") }
    }

    /// As it is given to `--witness`.
    fn option(&self) -> String {
        format!("{} {}", self.key, self.address)
    }

    /// A policy that demands it.
    fn policy(&self) -> String {
        format!("witness only {} {}\nquorum only\n", self.key, self.address)
    }
}

fn key(world: &World, log: &str) -> String {
    world.host(&["audit", "key", log]).good().out.trim().to_owned()
}

/// Adds so many projects to `acme` at a time, or later.
fn add_projects(world: &World, from: u16, count: u16, after: Span) -> Time {
    let mut vault = Vault::open(&world.vault(), &mut || None).unwrap();
    let mut log = vault.log(&"acme".parse().unwrap()).unwrap();
    let now = log.state.last + after;
    let project = |n: u16| Event::ProjectCreated {
        project: ProjectId(Bytes(std::array::from_fn(|at| n.to_be_bytes()[at % 2]))),
        slug: format!("new-{n}").parse().unwrap(),
        name: None,
    };
    let events = (from..from + count).map(project).collect();
    vault.commit_host(&mut log, now, events, Records::default()).unwrap();
    now
}

#[test]
fn a_period_is_verified_for_whoever_says_which_it_is() {
    let world = World::new();
    // Entry 256 is of that time, and perhaps one before it.
    let earlier = add_projects(&world, 0, 300, Span::days(1)).to_string();
    let january = add_projects(&world, 300, 10, Span::days(1));
    let since = january.to_string();
    world.host(&["audit", "export", "acme", "evidence", "--since", &since]).good();
    let alone = world.host(&["audit", "verify", "evidence"]).refused(8, &["only the entries from 256 on"]);
    assert!(alone.out.contains("PART  evidence") && alone.out.contains("NOT ALL WAS VERIFIED"));
    let json = world.host(&["--json", "audit", "verify", "evidence"]);
    assert_eq!((json.code, &json.json()["only_a_part"]), (8, &json!(true)));
    let verify = ["audit", "verify", "evidence", "--since"];
    let good = world.host(&[&verify[..], &[&since]].concat()).good().out;
    assert!(good.contains("good  evidence") && good.contains("every entry since"), "{good}");
    let json = world.host(&[&["--json"], &verify[..], &[&since]].concat()).good().json();
    assert_eq!((&json["only_a_part"], &json["since"]), (&json!(false), &json!(since)));
    // That there is no other entry of that day before it, nothing shows.
    let found = world.host(&[&verify[..], &[&earlier]].concat()).refused(TAMPERED, &["1 finding"]);
    assert!(found.out.contains("first: entries since") && found.out.contains("may be missing"));
    // A whole log has every period; a vault has no other.
    world.host(&["audit", "export", "acme", "whole"]).good();
    world.host(&["audit", "verify", "whole", "--since", &earlier]).good();
    world
        .host(&["audit", "verify", "acme", "--since", &since])
        .refused(2, &["--since is for an exported log"]);
}

#[test]
fn a_period_that_begins_with_a_bundle_shows_the_entry_before_it() {
    let world = World::new();
    let there = u16::try_from(world.log_size()).unwrap();
    add_projects(&world, 0, 512 - there, Span::days(1));
    let since = add_projects(&world, 512, 3, Span::days(1)).to_string();
    let done = world.host(&["--json", "audit", "export", "acme", "evidence", "--since", &since]).good();
    // The first of the period is entry 512, and the last before it 511.
    assert_eq!(done.json()["first"], 256);
    world.host(&["audit", "verify", "evidence", "--since", &since]).good();
}

#[test]
fn entries_of_kinds_that_are_not_known_are_mentioned() {
    let copy = Exported::new();
    let mut entries = copy.all();
    let last: Value = serde_json::from_str(entries.last().unwrap().as_str()).unwrap();
    let time = last["time"].as_str().unwrap();
    for n in 0..2 {
        let line =
            format!(r#"{{"v":1,"time":"{time}","actor":"host","event":{{"card-blessed":{{"by":{n}}}}}}}"#);
        entries.push(EntryBytes::new(line.into_bytes()).unwrap());
    }
    copy.rewrite(&entries);
    let said = copy.world.host(&["audit", "verify", "copy", "--key", &copy.key]).good().out;
    let says = "2 entries of kinds that this program does not know: hashed, not judged";
    assert!(said.contains(says), "{said}");
    let json = copy.world.host(&["--json", "audit", "verify", "copy"]).good().json();
    assert_eq!(
        (&json["logs"][0]["unknown"], &json["logs"][0]["entries"]),
        (&json!(2), &json!(entries.len()))
    );
    // Of a log without such entries nothing is said.
    copy.rewrite(&entries[..entries.len() - 2]);
    let said = copy.world.host(&["audit", "verify", "copy"]).good().out;
    assert!(!said.contains("does not know"), "{said}");
    let json = copy.world.host(&["--json", "audit", "verify", "copy"]).good().json();
    assert_eq!(json["logs"][0]["unknown"], 0);
}

fn set_policy(world: &World, group: &str, policy: &str) {
    fs::write(world.host_dir().join("wanted"), policy).unwrap();
    let set = ["audit", "policy", "set", group, "--file", "wanted"];
    world.host(&joined(&set, &world.cards(&[0, 1]))).good();
}

#[test]
fn an_export_has_the_policies_that_its_groups_demand() {
    let world = World::new();
    let (one, other) = (Witness::of(&world, "one", &["acme"]), Witness::of(&world, "other", &["acme"]));
    world.form("acme/board", 2, &world.custodians);
    world.host(&["audit", "export", "acme", "copy"]).good();
    let dir = world.host_dir().join("copy");
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert!(!dir.join("policies").exists() && !read("policy").contains('#'));

    set_policy(&world, "acme/keepers", &one.policy());
    let named = format!("log {}\n{}", key(&world, "acme"), other.policy());
    set_policy(&world, "acme/board", &named);
    let cosign = |witness: &Witness| {
        world.host(&["audit", "cosign", "acme", "--witness", &witness.option()]).good();
        world.host(&["audit", "export", "acme", "copy"]).good();
    };
    cosign(&one);
    assert_eq!(read("policies/keepers"), format!("log {}\n{}", key(&world, "acme"), one.policy()));
    assert_eq!(read("policies/board"), named, "as it was signed");
    assert!(read("policy").starts_with("# ") && read("policy").ends_with("quorum none\n"));
    world.host(&["audit", "verify", "copy"]).good();
    let verify =
        |group: &str| world.host(&["audit", "verify", "copy", "--policy", &format!("copy/policies/{group}")]);
    verify("keepers").good();
    let missing = verify("board").refused(TAMPERED, &["1 finding"]);
    assert!(
        missing.out.contains("does not have the cosignatures that the policy demands"),
        "{}",
        missing.out
    );
    cosign(&other);
    verify("board").good();
    verify("keepers").good();

    // A newer one takes the place of the old; one that ended waiting is gone.
    set_policy(&world, "acme/keepers", &other.policy());
    set_policy(&world, "acme/board", "quorum none\n");
    // An export without entries to read but the new ones has it too.
    world.host(&["audit", "export", "acme", "copy"]).good();
    assert_eq!(read("policies/keepers"), format!("log {}\n{}", key(&world, "acme"), other.policy()));
    assert!(!dir.join("policies/board").exists());
    world.host(&["audit", "verify", "copy"]).good();
    world.host(&["audit", "export", "acme", "fresh"]).good();
    for name in ["policy", "policies/keepers", "README"] {
        assert_eq!(read(name), fs::read_to_string(world.host_dir().join("fresh").join(name)).unwrap());
    }
}

#[test]
fn a_groups_policy_in_an_export_cannot_be_weakened() {
    let world = World::new();
    let witness = Witness::of(&world, "one", &["acme"]);
    set_policy(&world, "acme/keepers", &witness.policy());
    world.host(&["audit", "export", "acme", "copy"]).good();
    let file = world.host_dir().join("copy/policies/keepers");
    let whole = fs::read(&file).unwrap();
    let found = |says: &str| {
        let ran = world.host(&["audit", "verify", "copy"]).refused(TAMPERED, &["1 finding"]);
        assert!(ran.out.contains(&format!("policies/keepers: {says}")), "{}", ran.out);
    };
    fs::write(&file, format!("log {}\nquorum none\n", key(&world, "acme"))).unwrap();
    found("it is not what an export of this log has");
    fs::remove_file(&file).unwrap();
    found("it is missing");
    fs::write(&file, &whole).unwrap();
    fs::write(world.host_dir().join("copy/policies/board"), &whole).unwrap();
    let ran = world.host(&["audit", "verify", "copy"]).refused(TAMPERED, &["1 finding"]);
    assert!(ran.out.contains("policies/board: it does not belong"), "{}", ran.out);
    // Exporting again sets it right.
    fs::remove_file(&file).unwrap();
    world.host(&["audit", "export", "acme", "copy"]).good();
    world.host(&["audit", "verify", "copy"]).good();
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[test]
fn the_vaults_own_log_is_exported_verified_and_proven_as_any() {
    let world = World::new();
    world.host(&["org", "add", "vault"]).good();
    let own = key(&world, "@vault");
    assert_ne!(own, key(&world, "vault"), "an organisation can have that name");
    let done = world.host(&["--json", "audit", "export", "@vault", "own"]).good().json();
    assert_eq!((&done["organisation"], &done["entries"]), (&json!("@vault"), &json!(4)));
    let said = world.host(&["audit", "verify", "own", "--key", &own]).good().out;
    assert!(said.contains("good  own: 4 entries"), "{said}");
    assert_eq!(fs::read_to_string(world.host_dir().join("own/checkpoint")).unwrap().trim(), {
        world.host(&["audit", "checkpoint", "@vault"]).good().out.trim().to_owned()
    });
    world.host_refused(&["audit", "export", "vault", "own"], 3, &["own holds the log of"]);
    let report = world.host(&["--json", "audit", "verify", "@vault", "--against", "own/checkpoint"]).good();
    let report = report.json();
    let logs = report["logs"].as_array().unwrap();
    assert_eq!((logs.len(), &logs[0]["log"], &logs[0]["extends"]), (1, &json!("@vault"), &json!(4)));
    let all = world.host(&["--json", "audit", "verify"]).good().json();
    let names: Vec<_> = all["logs"].as_array().unwrap().iter().map(|log| log["log"].clone()).collect();
    assert!(names.contains(&json!("@vault")) && names.contains(&json!("vault")), "{names:?}");
    world.host(&["audit", "prove", "@vault", "--entry", "2", "--out", "globex.tlog-proof"]).good();
    let proven = world.host(&["audit", "check-proof", "globex.tlog-proof", "--key", &own]).good().out;
    assert!(proven.contains("organisation-added") && proven.contains("globex"), "{proven}");
    // Changed in the copy, and rolled back in the vault.
    let bundle = world.host_dir().join("own/tile/entries/000.p/4");
    let text = fs::read(&bundle).unwrap();
    let at = text.windows(6).position(|at| at == b"globex").unwrap();
    fs::write(&bundle, [&text[..at], b"glebex", &text[at + 6..]].concat()).unwrap();
    let ran = world.host(&["audit", "verify", "own"]).refused(TAMPERED, &["finding"]);
    assert!(ran.out.contains("tile/entries/000.p/4"), "{}", ran.out);
    for command in [&["audit", "export", "@vault", "--format", "ocsf"][..], &["audit", "log", "@vault"]] {
        assert_ne!(world.host(command).code, 0, "{command:?}");
    }
}

#[test]
fn the_vaults_own_log_is_cosigned_and_keeps_what_was_signed() {
    let world = World::new();
    let witness = Witness::of(&world, "one", &["@vault"]);
    let nobody = world.host(&["audit", "checkpoint", "@vault", "--cosigned"]);
    nobody.refused(2, &["nobody has cosigned the log of @vault yet"]);
    let cosign = || world.host(&["audit", "cosign", "@vault", "--witness", &witness.option()]);
    assert!(cosign().good().out.contains("1 of 1 witnesses cosigned 3 entries"));
    let cosigned = || world.host(&["audit", "checkpoint", "@vault", "--cosigned"]).good().out;
    let kept = cosigned();
    assert!(kept.contains("one.example"), "{kept}");
    world.verified();
    world.host(&["audit", "export", "@vault", "own"]).good();
    fs::write(world.host_dir().join("policy"), witness.policy()).unwrap();
    world.host(&["audit", "verify", "own", "--policy", "policy"]).good();
    // The next entry's checkpoint has none, and the newest cosigned one stays.
    world.host(&["org", "add", "initech"]).good();
    assert_eq!(cosigned(), kept);
    world.verified();
    assert!(cosign().good().out.contains("cosigned 4 entries"));
    assert_ne!(cosigned(), kept);
    // Asked again, the later cosignature takes the place of the earlier.
    cosign().good();
    assert_eq!(cosigned().matches("one.example").count(), 1);
    world.verified();
    // A witness that saw more than there is says so.
    let database = world.database();
    let changed = "UPDATE projection SET bytes = CAST(replace(CAST(bytes AS TEXT), x'0a34' || x'0a', x'0a33' || x'0a') AS BLOB) WHERE name = 'cosigned'";
    assert_eq!(database.execute(changed, []).unwrap(), 1);
    drop(database);
    let ran = world.host(&["audit", "verify"]).refused(TAMPERED, &["1 finding"]);
    assert!(ran.out.contains("WRONG @vault") && ran.out.contains("cosigned checkpoint"), "{}", ran.out);
}
