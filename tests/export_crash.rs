//! `kill -9` while a process exports a growing log: whatever is there verifies,
//! and the next export goes on from it.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use warifu::audit::Source;
use warifu::export::{CHECKPOINT, Directory, Policies, STAGING, Snapshot, check_texts, check_tiles, export};
use warifu::hex::Bytes;
use warifu::log::{Checkpoint, EntryBytes, Frontier, LogSigner, checkpoint};
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;
use warifu::store::memory::MemoryStore;
use warifu::store::{Append, Batch, Store};

const LOG: OrganisationId = OrganisationId(Bytes([1; 32]));
const DIRECTORY: &str = "WARIFU_TEST_EXPORT_DIRECTORY";
const SIZE: &str = "WARIFU_TEST_EXPORT_SIZE";
const ROUNDS: u64 = 40;

fn signer() -> LogSigner {
    LogSigner::new("log", SecretKey::from_slice(&[9; 32]).unwrap()).unwrap()
}

fn store(size: u64) -> MemoryStore {
    let (mut store, mut tree) = (MemoryStore::new(), Frontier::new());
    let entries: Vec<_> =
        (0..size).map(|n| EntryBytes::new(format!("{{\"n\":{n}}}").into_bytes()).unwrap()).collect();
    tree.extend(entries.iter().map(EntryBytes::leaf_hash));
    let state = Checkpoint { origin: "log".to_owned(), size, root: tree.root() };
    let checkpoint = checkpoint::sign(&state, &signer()).unwrap().to_string();
    let appends = vec![Append { log: LOG, expected_size: 0, entries, checkpoint }];
    let _durable = store.commit(Batch { appends, ..Batch::default() }).unwrap();
    store
}

fn write(dir: &Path, size: u64) {
    let store = store(size);
    let log = Snapshot::of_log(&store, LOG, signer().verifier().clone()).unwrap();
    export(&log, dir, None, &mut |_, _| ()).unwrap();
}

/// Run by the other test in a process of its own; alone it does nothing.
#[test]
fn child_that_exports_until_it_is_killed() {
    let (Some(dir), Ok(size)) = (env::var_os(DIRECTORY), env::var(SIZE)) else { return };
    write(Path::new(&dir), size.parse().unwrap());
}

#[test]
fn whatever_a_killed_export_leaves_verifies_and_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (mut before, mut interrupted) = (0, 0);
    for round in 0..ROUNDS {
        // Partial tiles, whole ones, and none that is new.
        let size = 200 + round / 2 * 151;
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child_that_exports_until_it_is_killed"])
            .env(DIRECTORY, dir.path())
            .env(SIZE, size.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Killed at another moment of its work each time.
        while !dir.path().join(STAGING).exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_micros(700 * round));
        let _ = child.kill();
        child.wait().unwrap();
        interrupted += u64::from(dir.path().join(STAGING).exists());
        let there = check(dir.path());
        assert!(there == size || there == before, "{before}, {there}, {size}");
        before = there;
    }
    write(dir.path(), 4000);
    assert_eq!(check(dir.path()), 4000);
    assert!(interrupted > 0, "no child was killed while it worked");
}

/// Size of the export, which verifies; 0 if there is no checkpoint yet.
fn check(dir: &Path) -> u64 {
    if !dir.join(CHECKPOINT).exists() {
        return 0;
    }
    let read = Directory::open(dir).unwrap();
    let signed = checkpoint::open(&read.checkpoint().unwrap(), signer().verifier()).unwrap();
    assert_eq!(check_tiles(&read, &signed), []);
    assert_eq!(check_texts(&read, signer().verifier(), Some(&Policies::default())), []);
    signed.size
}
