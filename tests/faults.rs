//! A vault whose process is killed at any moment, and one whose disk is full:
//! nothing durable is lost, nothing is released that is not on record, and the
//! work goes on afterwards.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/room.rs"]
mod room;

use room::{ADDRESS, PASSWORD, Person, World, address, ask, now, open, rng, seal, slug};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use warifu::ceremony::custodian::review;
use warifu::cli::Exit;
use warifu::event::{Ending, Event};
use warifu::state::Standing;
use warifu::time::Span;
use warifu::vault::{Log, Vault};

const DIRECTORY: &str = "WARIFU_TEST_FAULTS_DIRECTORY";
const PASSPHRASE: &str = "WARIFU_TEST_FAULTS_PASSPHRASES";
const ROUNDS: usize = 12;

/// Run by the other test in a process of its own; alone it does nothing.
#[test]
fn child_that_seals_and_holds_ceremonies_until_it_is_killed() {
    let Some(dir) = env::var_os(DIRECTORY) else { return };
    let dir = Path::new(&dir);
    let passphrases = env::var(PASSPHRASE).unwrap();
    let cards: Vec<_> = ["operator", "c1"]
        .into_iter()
        .zip(passphrases.lines())
        .map(|(name, passphrase)| {
            let (card, passphrase) = (dir.join(format!("{name}.card")), passphrase.to_owned());
            let (name, seed, card_seed) = (name.to_owned(), vec![0; 20], vec![]);
            Person { name, card, passphrase, seed, card_seed }.unlock()
        })
        .collect();
    let (mut vault, mut log) = open(&dir.join("vault"));
    abort_all(&mut vault, &mut log);
    for count in 0.. {
        println!("\nsealed {}", seal(&mut vault, &mut log, PASSWORD));
        let address = address();
        let asked = ask(&address, Span::minutes(15));
        let hash = vault.open_ceremony(&mut log, cards[0].card(), &asked, now(), &mut rng()).unwrap();
        println!("\nopened {hash}");
        // Four wrong codes at most: with five the custodian would be locked out.
        if count == 0 {
            let package = vault.package(&log, &hash).unwrap();
            let reviewed = review(&package, cards[1].card(), None, now()).unwrap();
            let code = room::secret("12345x");
            let answer = reviewed.contribute(cards[1].card(), &code, now(), &mut rng()).unwrap();
            let event = vault.accept(&mut log, &answer, now()).unwrap();
            assert!(matches!(event, Event::Refused { .. }));
        }
        vault.end_ceremony(&mut log, &hash, Ending::Aborted, now()).unwrap();
        println!("\nended {hash}");
    }
}

fn abort_all(vault: &mut Vault, log: &mut Log) {
    let standing: Vec<_> = log.state.ceremonies.keys().copied().collect();
    for hash in standing {
        vault.end_ceremony(log, &hash, Ending::Aborted, now()).unwrap();
    }
}

#[test]
fn a_vault_that_is_killed_again_and_again_verifies_and_repeats_no_version() {
    let world = World::new();
    let mut durable = BTreeSet::from(["sealed 1".to_owned()]);
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_that_seals_and_holds_ceremonies_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, world.dir.path())
            .env(PASSPHRASE, format!("{}\n{}", world.operator.passphrase, world.custodians[0].passphrase))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut steps =
            lines.filter(|l| ["sealed ", "opened ", "ended "].iter().any(|word| l.starts_with(word)));
        // Killed after another step, and another moment into the next, each time.
        for _ in 0..=round % 4 {
            durable.insert(steps.next().expect("the child works"));
        }
        std::thread::sleep(Duration::from_micros(1_300 * round as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        durable.extend(steps);
        check(&world.vault, &durable);
    }
    // And it still serves.
    let (mut vault, mut log) = world.open();
    abort_all(&mut vault, &mut log);
    let versions = versions(&vault, &log);
    assert_eq!(seal(&mut vault, &mut log, PASSWORD), versions.last().unwrap() + 1);
}

/// The version of every seal that was begun, in the log's order.
fn versions(vault: &Vault, log: &Log) -> Vec<u64> {
    let entries = vault.walk(&log.state.id, 0..log.state.size).map(Result::unwrap);
    let version = |event: Option<Event>| match event {
        Some(Event::SealBegun { version, .. }) => Some(version),
        _ => None,
    };
    entries.filter_map(|entry| version(entry.event)).collect()
}

fn check(path: &Path, durable: &BTreeSet<String>) {
    let (vault, log) = open(path);
    let report = vault.verify(None).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let begun = versions(&vault, &log);
    assert!(begun.is_sorted_by(|one, next| one < next), "a version was given twice: {begun:?}");
    let sealed: BTreeSet<_> = log.state.versions.values().map(|v| v.sealing.version).collect();
    let past = vault.past(&log, |_| true).unwrap();
    for step in durable {
        let (word, what) = step.split_once(' ').unwrap();
        let ceremony = || past.all().iter().find(|(hash, _)| hash.to_string() == what);
        let holds = match word {
            "sealed" => sealed.contains(&what.parse().unwrap()),
            "opened" => ceremony().is_some(),
            _ => ceremony().is_some_and(|(_, c)| c.standing == Standing::Ended(Ending::Aborted)),
        };
        assert!(holds, "'{step}' was durable and is gone");
    }
}

/// `warifu` with its secrets in files, on a disk where no file can grow past
/// `limit` bytes (none: no limit).
struct Host<'a> {
    world: &'a World,
    limit: Option<u64>,
}

impl Host<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        // Ignored, the signal lets the write itself fail, as on a full disk.
        let script = match self.limit {
            Some(limit) => format!("trap '' XFSZ; exec prlimit --fsize={limit} \"$0\" \"$@\""),
            None => "exec \"$0\" \"$@\"".to_owned(),
        };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_warifu"), "--yes", "--vault"]);
        command.arg(&self.world.vault).args(arguments).output().unwrap()
    }

    fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn contribution(host: &Host<'_>, request: &str, person: &Person) -> String {
    let dir = host.world.dir.path();
    let passphrase = file(dir, "passphrase", &person.passphrase);
    let code = file(dir, "code", &person.code(0));
    let out: PathBuf = dir.join(format!("{}.contribution", person.name));
    let out = out.display().to_string();
    let card = person.card();
    host.must(&[
        "ceremony",
        "contribute",
        request,
        "--card",
        &card,
        "--passphrase-file",
        &passphrase,
        "--code-file",
        &code,
        "--out",
        &out,
    ]);
    out
}

fn kinds(world: &World) -> Vec<String> {
    let (vault, log) = world.open();
    assert!(vault.verify(None).unwrap().findings.is_empty());
    vault.walk(&log.state.id, 0..log.state.size).map(|entry| entry.unwrap().kind).collect()
}

#[test]
fn a_full_disk_releases_nothing_and_the_ceremony_goes_on_once_there_is_room() {
    let world = World::new();
    let free = Host { world: &world, limit: None };
    // Room for the store's shared memory (32 KiB), not for a commit.
    let full = Host { world: &world, limit: Some(32 * 1024) };
    let dir = world.dir.path();
    let request = dir.join("request.warifu").display().to_string();
    let operator = file(dir, "operator.passphrase", &world.operator.passphrase);
    let card = world.operator.card();
    let by_operator = ["--card", card.as_str(), "--passphrase-file", operator.as_str()];
    let asking = ["ceremony", "request", ADDRESS, "--reason", "test", "--out", &request];
    free.must(&[&asking[..], &by_operator].concat());
    let answers: Vec<_> =
        world.custodians.iter().take(3).map(|person| contribution(&free, &request, person)).collect();

    let before = kinds(&world);
    refused(&full.run(&["ceremony", "accept", &answers[0]]));
    assert_eq!(kinds(&world), before, "nothing was counted");
    for answer in &answers {
        free.must(&["ceremony", "accept", answer]);
    }
    let before = kinds(&world);
    let (_, log) = world.open();
    let hash = log.state.ceremonies.keys().next().unwrap().to_string();
    let finish = [&["ceremony", "finish", "acme", &hash, "--exec", "cat"][..], &by_operator].concat();
    let output = full.run(&finish);
    refused(&output);
    let shown = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&shown).contains(PASSWORD), "released without a record");
    // At most the release is on record, which the gate makes before it gives anything.
    let after = kinds(&world);
    assert_eq!(after[..before.len()], before);
    assert!(["", "released"].contains(&after[before.len()..].join(" ").as_str()), "{after:?}");
    println!("with a full disk: {:?}", &after[before.len()..]);
    assert!(free.must(&finish).contains(PASSWORD));
    assert_eq!(kinds(&world)[before.len()..], ["released", "revealed", "ended"]);
    assert_eq!(log.state.slug, slug("acme"));
}

fn refused(output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(i32::from(Exit::Storage as u8)), "{told}");
    assert!(told.contains("othing was changed") || told.contains("disk"), "{told}");
}
