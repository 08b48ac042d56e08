//! `kill -9` while a process commits: what it was told is durable is there, and
//! every batch is there whole or not at all.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use warifu::hex::Bytes;
use warifu::log::{Checkpoint, EntryBytes, LogSigner, checkpoint, merkle};
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;
use warifu::store::sqlite::SqliteStore;
use warifu::store::{Append, Batch, RecordKey, Store};

const LOG: OrganisationId = OrganisationId(Bytes([1; 32]));
const DIRECTORY: &str = "WARIFU_TEST_CRASH_DIRECTORY";
const ROUNDS: u64 = 12;

/// Entries per batch: each puts as many and a record, and destroys the record
/// of the batch before.
const EACH: u64 = 3;

/// Run by the other test in a process of its own; alone it does nothing.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Some(dir) = env::var_os(DIRECTORY) else { return };
    let mut store = SqliteStore::open(Path::new(&dir)).unwrap();
    loop {
        let receipt = store.commit(next(&store)).unwrap();
        println!("\ndurable {}", receipt.appended()[0].new_size());
    }
}

fn record(size: u64) -> RecordKey {
    RecordKey { log: LOG, name: format!("sealed/{size}") }
}

fn row() -> RecordKey {
    RecordKey { log: LOG, name: "head".to_owned() }
}

fn next(store: &SqliteStore) -> Batch {
    let mut frontier = store.head(&LOG).unwrap().map(|head| head.frontier).unwrap_or_default();
    let size = frontier.size();
    let entry = |n: u64| EntryBytes::new(format!("{{\"n\":{n}}}").into_bytes()).unwrap();
    let entries: Vec<_> = (size..size + EACH).map(entry).collect();
    frontier.extend(entries.iter().map(EntryBytes::leaf_hash));
    let signer = LogSigner::new("log", SecretKey::from_slice(&[9; 32]).unwrap()).unwrap();
    let state = Checkpoint { origin: "log".to_owned(), size: frontier.size(), root: frontier.root() };
    let checkpoint = checkpoint::sign(&state, &signer).unwrap().to_string();
    Batch {
        appends: vec![Append { log: LOG, expected_size: size, entries, checkpoint }],
        put_records: vec![(record(size + EACH), vec![7; 5000])],
        delete_records: vec![record(size)],
        put_rows: vec![(row(), (size + EACH).to_le_bytes().to_vec())],
        ..Batch::default()
    }
}

#[test]
fn nothing_durable_is_lost_and_nothing_is_half_there_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::create(dir.path()).unwrap());
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_that_commits_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut sizes = lines.filter_map(|line| line.strip_prefix("durable ")?.parse::<u64>().ok());
        // Killed at another moment after another number of commits each time.
        let seen = sizes.nth(round as usize).unwrap();
        std::thread::sleep(std::time::Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let durable = sizes.last().unwrap_or(seen);
        check(dir.path(), durable);
    }
}

fn check(dir: &Path, durable: u64) {
    let store = SqliteStore::open(dir).unwrap();
    let size = store.size(&LOG).unwrap();
    assert!(size >= durable, "{durable} were durable, {size} are there");
    assert_eq!(size % EACH, 0, "a batch is whole");
    assert_eq!(store.record_names(&LOG), Ok(vec![record(size).name]));
    assert_eq!(store.row(&row()), Ok(Some(size.to_le_bytes().to_vec())), "rows are of the batch");
    let entries = store.entries(&LOG, 0..size).unwrap();
    let leaves: Vec<_> = entries.iter().map(EntryBytes::leaf_hash).collect();
    let head = store.head(&LOG).unwrap().unwrap();
    let covered = Checkpoint::unverified(head.checkpoint.as_bytes()).unwrap();
    assert_eq!((covered.size, covered.root), (size, merkle::root(&leaves)));
    assert_eq!(head.frontier.root(), covered.root);
}
