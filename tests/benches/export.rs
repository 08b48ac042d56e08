//! What an export costs beside writing its files: `cargo bench --bench export`.
//! A log of 1,000,000 entries is read from SQLite and exported; then the same
//! files are written once more, each synced, and both times are compared. The
//! bound is 2.
//!
//! Without `--bench` (as `cargo test --benches` starts it) it runs once and
//! small, to show that it runs.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use warifu::export::{Snapshot, export};
use warifu::hex::Bytes;
use warifu::log::{Checkpoint, EntryBytes, Frontier, LogSigner, checkpoint};
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;
use warifu::store::sqlite::SqliteStore;
use warifu::store::{Append, Batch, Store};

const LOG: OrganisationId = OrganisationId(Bytes([1; 32]));
const BATCH: u64 = 20_000;

fn main() {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let size: u64 = if bench { 1_000_000 } else { 600 };
    let root = tempfile::tempdir().unwrap();
    let signer = LogSigner::new("log.example/bench", SecretKey::from_slice(&[1; 32]).unwrap()).unwrap();
    let vault = root.path().join("vault");
    let mut store = SqliteStore::create(&vault).unwrap();
    fill(&mut store, size, &signer);
    let log = Snapshot::of_log(&store, LOG, signer.verifier().clone()).unwrap();
    // In turns, because a disk is not equally fast at all times.
    let turns = if bench { 5 } else { 1 };
    let (mut exported, mut written) = (Vec::new(), Vec::new());
    for turn in 0..turns {
        let (copy, again) = (root.path().join(format!("copy-{turn}")), root.path().join("again"));
        let begun = Instant::now();
        let done = export(&log, &copy, None, &mut |_, _| ()).unwrap();
        exported.push(begun.elapsed().as_secs_f64());
        let mut files = Vec::new();
        collect(&copy, &copy, &mut files);
        let begun = Instant::now();
        files.iter().for_each(|(name, bytes)| write(&again.join(name), bytes));
        written.push(begun.elapsed().as_secs_f64());
        if turn == 0 {
            let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
            println!("{size} entries, {} files, {bytes} bytes; medians of {turns}", done.files);
            let begun = Instant::now();
            export(&log, &copy, None, &mut |_, _| ()).unwrap();
            println!("again, nothing new    {:>8.2} s", begun.elapsed().as_secs_f64());
        }
        fs::remove_dir_all(&copy).unwrap();
        fs::remove_dir_all(&again).unwrap();
    }
    let (exported, written) = (median(exported), median(written));
    println!("export                {exported:>8.2} s");
    println!("the files alone       {written:>8.2} s");
    println!("ratio (bound 2)       {:>8.2}", exported / written);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap()
}

/// Entries as long as a ceremony's usually are.
fn fill(store: &mut SqliteStore, size: u64, signer: &LogSigner) {
    let mut tree = Frontier::new();
    while tree.size() < size {
        let expected_size = tree.size();
        let line = |n: u64| format!(r#"{{"n":{n},"hash":"{}"}}"#, format!("{n:064}").repeat(6));
        let numbers = expected_size..size.min(expected_size + BATCH);
        let entries: Vec<_> = numbers.map(|n| EntryBytes::new(line(n).into_bytes()).unwrap()).collect();
        tree.extend(entries.iter().map(EntryBytes::leaf_hash));
        let origin = signer.verifier().name().to_owned();
        let stated = Checkpoint { origin, size: tree.size(), root: tree.root() };
        let checkpoint = checkpoint::sign(&stated, signer).unwrap().to_string();
        let appends = vec![Append { log: LOG, expected_size, entries, checkpoint }];
        let _durable = store.commit(Batch { appends, ..Batch::default() }).unwrap();
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
}
