//! Writing, reading back and checking an export, one test a rule; long, because all
//! of them damage the same small exports.

use super::*;
use crate::audit::{Lack, Source, SourceError};
use crate::hex::Bytes;
use crate::log::checkpoint::{self, Checkpoint};
use crate::log::tile::{self, Row};
use crate::log::{EntryBytes, Frontier, LogSigner, VerifierKey, merkle};
use crate::name::OrganisationId;
use crate::secret::SecretKey;
use crate::store::memory::MemoryStore;
use crate::store::{Append, Batch, Store};
use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;

const LOG: OrganisationId = OrganisationId(Bytes([1; 32]));
const NEIGHBOUR: OrganisationId = OrganisationId(Bytes([2; 32]));

fn signer(id: OrganisationId) -> LogSigner {
    LogSigner::new(&format!("log.example/{}", id.0.short()), SecretKey::from_slice(id.as_ref()).unwrap())
        .unwrap()
}

/// An entry that reads as one, of the `n`th second.
fn entry(word: &str, n: u64) -> EntryBytes {
    let time = Time::from_millis(1_772_355_600_000 + n as i64 * 1000).unwrap();
    let line = format!(r#"{{"v":9,"time":"{time}","actor":"host","event":{{"{word}":{{"n":{n}}}}}}}"#);
    EntryBytes::new(line.into_bytes()).unwrap()
}

/// A store with two logs that grow with [`grow`].
fn grow(store: &mut MemoryStore, id: OrganisationId, word: &str, size: u64) {
    let head = store.head(&id).unwrap();
    let mut tree = head.map_or_else(Frontier::new, |head| head.frontier);
    let expected_size = tree.size();
    let entries: Vec<_> = (expected_size..size).map(|n| entry(word, n)).collect();
    tree.extend(entries.iter().map(EntryBytes::leaf_hash));
    let signer = signer(id);
    let stated = Checkpoint { origin: signer.verifier().name().to_owned(), size, root: tree.root() };
    let checkpoint = checkpoint::sign(&stated, &signer).unwrap().to_string();
    let appends = vec![Append { log: id, expected_size, entries, checkpoint }];
    let _durable = store.commit(Batch { appends, ..Batch::default() }).unwrap();
}

fn store(size: u64) -> MemoryStore {
    let mut store = MemoryStore::new();
    grow(&mut store, NEIGHBOUR, "geheim", 7);
    grow(&mut store, LOG, "test", size);
    store
}

fn key(id: OrganisationId) -> VerifierKey {
    signer(id).verifier().clone()
}

fn export_log(store: &MemoryStore, dir: &Path, since: Option<u64>) -> Result<Exported, ExportError> {
    let log = Snapshot::of_log(store, LOG, key(LOG)).unwrap();
    let since = since.map(|n| Time::from_millis(1_772_355_600_000 + n as i64 * 1000).unwrap());
    export(&log, dir, since, &mut |done, of| assert!(done <= of))
}

fn exported(size: u64) -> (TempDir, MemoryStore) {
    let (dir, store) = (tempfile::tempdir().unwrap(), store(size));
    export_log(&store, dir.path(), None).unwrap();
    (dir, store)
}

fn findings(dir: &Path) -> Vec<Finding> {
    let dir = Directory::open(dir).unwrap();
    let signed = checkpoint::open(&dir.checkpoint().unwrap(), &key(LOG)).unwrap();
    check_tiles(&dir, &signed)
}

/// Names of all files, from the directory.
fn files(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The files that an export of this size has.
fn expected(size: u64) -> BTreeSet<String> {
    let tiles = tile::tiles(size).map(|tile| tile.to_string());
    tiles.chain([CHECKPOINT, KEY, POLICY, README].map(str::to_owned)).collect()
}

fn change(dir: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir.join(name);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_export_has_exactly_its_tiles_and_reads_back() {
    for size in [1, 2, 255, 256, 257, 600] {
        let (dir, store) = exported(size);
        assert_eq!(files(dir.path()), expected(size), "{size}");
        assert_eq!(findings(dir.path()), [], "{size}");
        let read = Directory::open(dir.path()).unwrap();
        assert_eq!((read.stated().size, read.first(), read.key().unwrap()), (size, 0, key(LOG)));
        assert_eq!(read.entries(0..size).unwrap(), store.entries(&LOG, 0..size).unwrap());
        assert_eq!(read.leaf_hashes(0..size).unwrap(), store.leaf_hashes(&LOG, 0..size).unwrap());
        let (from, to) = (size / 3, size - size / 5);
        assert_eq!(read.entries(from..to).unwrap(), store.entries(&LOG, from..to).unwrap());
        assert!(read.entries(size - 1..size + 1).is_err() && read.leaf_hashes(size..size + 1).is_err());
    }
}

#[test]
fn a_log_of_three_levels_reads_back() {
    let (dir, _) = exported(66_000);
    assert_eq!(files(dir.path()), expected(66_000));
    assert_eq!(findings(dir.path()), []);
    change(dir.path(), "tile/1/000", |bytes| bytes[32 * 7] ^= 1);
    let wrong = Finding { file: "tile/1/000".to_owned(), entry: Some(1792), fault: Fault::Hash(1792) };
    assert_eq!(findings(dir.path()), [wrong]);
    fs::remove_file(dir.path().join("tile/1/000")).unwrap();
    let missing = Fault::File(Lack::Missing);
    assert_eq!(
        findings(dir.path()),
        [Finding { file: "tile/1/000".to_owned(), entry: Some(0), fault: missing }]
    );
}

#[test]
fn exporting_again_writes_only_what_is_new() {
    let (dir, mut store) = (tempfile::tempdir().unwrap(), store(1));
    let mut before = 0;
    for size in [1, 2, 200, 255, 256, 257, 300, 600] {
        grow(&mut store, LOG, "test", size);
        let done = export_log(&store, dir.path(), None).unwrap();
        assert_eq!((done.before, done.size, done.first), (before, size, 0));
        let new: u64 = [Row::Hashes(0), Row::Hashes(1), Row::Entries]
            .into_iter()
            .map(|row| tile::new_tiles(row, before, size).count() as u64)
            .sum();
        // The checkpoint, and at first key, policy and README.
        assert_eq!(done.files, new + if before == 0 { 4 } else { 1 }, "{before} to {size}");
        assert_eq!(findings(dir.path()), [], "{size}");
        let fresh = tempfile::tempdir().unwrap();
        export_log(&store, fresh.path(), None).unwrap();
        for name in files(fresh.path()) {
            let read = |dir: &TempDir| fs::read(dir.path().join(&name)).unwrap();
            assert_eq!(read(&dir), read(&fresh), "{name}");
        }
        let again = export_log(&store, dir.path(), None).unwrap();
        assert_eq!((again.before, again.files), (size, 0));
        before = size;
    }
}

#[test]
fn partial_tiles_stay_until_their_tile_is_whole() {
    let (dir, mut store) = exported(200);
    grow(&mut store, LOG, "test", 250);
    export_log(&store, dir.path(), None).unwrap();
    let there = |name: &str| dir.path().join(name).exists();
    assert!(there("tile/0/000.p/200") && there("tile/entries/000.p/200") && there("tile/0/000.p/250"));
    grow(&mut store, LOG, "test", 256);
    export_log(&store, dir.path(), None).unwrap();
    assert!(there("tile/0/000") && !there("tile/0/000.p") && !there("tile/entries/000.p"));
    assert_eq!(files(dir.path()), expected(256));
}

#[test]
fn partial_tiles_that_an_interrupted_export_left_go_with_the_next() {
    let (dir, store) = exported(300);
    let stale = dir.path().join("tile/entries/000.p");
    fs::create_dir(&stale).unwrap();
    fs::copy(dir.path().join("tile/entries/001.p/44"), stale.join("200")).unwrap();
    export_log(&store, dir.path(), None).unwrap();
    assert!(stale.exists());
    fs::create_dir(dir.path().join(STAGING)).unwrap();
    export_log(&store, dir.path(), None).unwrap();
    assert_eq!(files(dir.path()), expected(300));
}

#[test]
fn what_was_taken_away_is_written_again() {
    let (dir, store) = exported(600);
    for name in ["tile/0/000", "tile/entries/001", "tile/1/000.p/2", "README"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert_eq!(export_log(&store, dir.path(), None).unwrap().files, 4);
    assert_eq!((findings(dir.path()), files(dir.path())), (vec![], expected(600)));
}

#[test]
fn nothing_of_a_neighbouring_log_is_exported() {
    let (dir, _) = exported(600);
    let neighbour = key(NEIGHBOUR).to_string();
    for name in files(dir.path()) {
        let bytes = fs::read(dir.path().join(&name)).unwrap();
        for word in ["geheim", neighbour.as_str(), &NEIGHBOUR.to_string()] {
            assert!(!bytes.windows(word.len()).any(|at| at == word.as_bytes()), "{name} has {word}");
        }
    }
}

#[test]
fn a_directory_that_is_no_export_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    let refused = export_log(&store(3), dir.path(), None);
    assert!(matches!(refused, Err(ExportError::NotAnExport(_))), "{refused:?}");
    assert_eq!(files(dir.path()), ["letter.txt".to_owned()].into());
}

#[test]
fn the_directory_of_another_log_is_left_alone() {
    let (dir, store) = exported(3);
    let before = files(dir.path());
    let other = Snapshot::of_log(&store, NEIGHBOUR, key(NEIGHBOUR)).unwrap();
    let refused = |dir: &TempDir| export(&other, dir.path(), None, &mut |_, _| ()).unwrap_err().to_string();
    assert!(refused(&dir).contains(key(LOG).name()), "{}", refused(&dir));
    fs::remove_file(dir.path().join(KEY)).unwrap();
    assert!(refused(&dir).contains(key(LOG).name()), "{}", refused(&dir));
    fs::remove_file(dir.path().join(CHECKPOINT)).unwrap();
    assert!(matches!(export(&other, dir.path(), None, &mut |_, _| ()), Err(ExportError::NotAnExport(_))));
    let left = before.into_iter().filter(|name| name != KEY && name != CHECKPOINT).collect();
    assert_eq!(files(dir.path()), left);
}

#[test]
fn a_longer_export_is_not_cut() {
    let (dir, _) = exported(600);
    match export_log(&store(599), dir.path(), None) {
        Err(ExportError::Longer { there: 600, here: 599, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(findings(dir.path()), []);
}

#[test]
fn a_forked_export_is_not_continued() {
    for size in [1, 255, 256, 300] {
        let dir = tempfile::tempdir().unwrap();
        let mut fork = MemoryStore::new();
        grow(&mut fork, LOG, "fork", size);
        export_log(&fork, dir.path(), None).unwrap();
        let before = files(dir.path());
        match export_log(&store(600), dir.path(), None) {
            Err(ExportError::Forked { size: at, .. }) => assert_eq!(at, size),
            other => panic!("{other:?}"),
        }
        fs::remove_dir(dir.path().join(STAGING)).unwrap();
        assert_eq!((files(dir.path()), findings(dir.path())), (before, vec![]));
    }
}

#[test]
fn a_checkpoint_that_the_log_did_not_sign_is_named() {
    let (dir, store) = exported(3);
    change(dir.path(), CHECKPOINT, |bytes| {
        *bytes = String::from_utf8_lossy(bytes).replace("\n3\n", "\n2\n").into()
    });
    let refused = export_log(&store, dir.path(), None).unwrap_err();
    assert!(
        matches!(&refused, ExportError::Damaged { path, .. } if path.ends_with(CHECKPOINT)),
        "{refused:?}"
    );
}

#[test]
fn what_is_in_the_way_is_named_and_the_checkpoint_stays() {
    let (dir, mut store) = exported(3);
    let before = fs::read(dir.path().join(CHECKPOINT)).unwrap();
    fs::remove_dir_all(dir.path().join(TILES)).unwrap();
    fs::write(dir.path().join(TILES), "a file").unwrap();
    grow(&mut store, LOG, "test", 3000);
    let refused = export_log(&store, dir.path(), None);
    assert!(
        matches!(&refused, Err(ExportError::File { path, .. }) if path.starts_with(dir.path().join(TILES))),
        "{refused:?}"
    );
    assert_eq!(fs::read(dir.path().join(CHECKPOINT)).unwrap(), before);
    fs::remove_file(dir.path().join(TILES)).unwrap();
    export_log(&store, dir.path(), None).unwrap();
    assert_eq!((findings(dir.path()), files(dir.path())), (vec![], expected(3000)));
}

#[test]
fn two_exports_do_not_run_at_once() {
    let (dir, store) = exported(3);
    let lock = fs::File::open(dir.path()).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(matches!(export_log(&store, dir.path(), None), Err(ExportError::Busy(_))));
    drop(lock);
    export_log(&store, dir.path(), None).unwrap();
}

#[test]
fn a_periods_evidence_has_all_hashes_and_the_periods_entries() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store(600));
    let done = export_log(&store, dir.path(), Some(300)).unwrap();
    assert_eq!(done.first, 256);
    let mut all = expected(600);
    all.remove("tile/entries/000");
    all.insert(FIRST.to_owned());
    assert_eq!((files(dir.path()), findings(dir.path())), (all, vec![]));
    let read = Directory::open(dir.path()).unwrap();
    assert_eq!(read.first(), 256);
    assert_eq!(read.entries(256..512).unwrap(), store.entries(&LOG, 256..512).unwrap());
    assert!(matches!(read.entries(255..257), Err(SourceError::Entry { index: 255, .. })));
    assert_eq!(read.leaf_hashes(0..600).unwrap(), store.leaf_hashes(&LOG, 0..600).unwrap());
    // A later beginning takes nothing away; the whole log fills what is missing.
    assert_eq!(export_log(&store, dir.path(), Some(599)).unwrap().first, 256);
    assert_eq!(export_log(&store, dir.path(), None).unwrap().first, 0);
    assert_eq!((files(dir.path()), findings(dir.path())), (expected(600), vec![]));
    assert_eq!(export_log(&store, dir.path(), Some(599)).unwrap().first, 0);
}

#[test]
fn a_period_begins_with_the_first_entry_that_is_not_before_it() {
    let store = store(600);
    let log = Snapshot::of_log(&store, LOG, key(LOG)).unwrap();
    let at = |millis: i64| log.first_since(Time::from_millis(1_772_355_600_000 + millis).unwrap());
    assert_eq!((at(-5).unwrap(), at(0).unwrap(), at(1).unwrap()), (0, 0, 1));
    assert_eq!((at(255_001).unwrap(), at(599_000).unwrap()), (256, 599));
    assert!(matches!(at(599_001), Err(ExportError::NothingSince { .. })));
}

#[test]
fn a_bundle_that_is_missing_from_a_periods_evidence_is_named() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store(600));
    export_log(&store, dir.path(), Some(300)).unwrap();
    fs::remove_file(dir.path().join("tile/entries/001")).unwrap();
    let missing = Fault::File(Lack::Missing);
    let file = "tile/entries/001".to_owned();
    assert_eq!(findings(dir.path()), [Finding { file, entry: Some(256), fault: missing }]);
    for bad in ["255\n", "256", "+256\n", "0256\n", "x\n", "768\n", "1024\n"] {
        fs::write(dir.path().join(FIRST), bad).unwrap();
        assert!(matches!(Directory::open(dir.path()), Err(SourceError::File { .. })), "{bad:?}");
    }
}

#[test]
fn a_period_without_an_entry_is_refused() {
    let (dir, _) = exported(512);
    fs::write(dir.path().join(FIRST), "256\n").unwrap();
    assert_eq!(Directory::open(dir.path()).unwrap().first(), 256);
    fs::write(dir.path().join(FIRST), "512\n").unwrap();
    let why = Lack::FirstBeyond { first: 512, size: 512 };
    assert_eq!(Directory::open(dir.path()).unwrap_err(), SourceError::File { file: FIRST.to_owned(), why });
    // Of an empty log there is nothing to leave out.
    let (empty, _) = exported(0);
    fs::write(empty.path().join(FIRST), "0\n").unwrap();
    assert_eq!(Directory::open(empty.path()).unwrap().first(), 0);
}

#[test]
fn bundles_before_the_first_are_named_unless_an_export_is_running() {
    let (dir, _) = exported(600);
    fs::write(dir.path().join(FIRST), "512\n").unwrap();
    let planted = Finding { file: FIRST.to_owned(), entry: Some(0), fault: Fault::First(512) };
    assert_eq!(findings(dir.path()), [planted]);
    fs::create_dir(dir.path().join(STAGING)).unwrap();
    assert_eq!(findings(dir.path()), []);
}

#[test]
fn a_changed_bit_is_found_in_its_own_file_whichever_it_is() {
    let (dir, _) = exported(600);
    for tile in tile::tiles(600) {
        let name = tile.to_string();
        let whole = fs::read(dir.path().join(&name)).unwrap();
        for at in [0, 1, 40, whole.len() / 2, whole.len() - 1] {
            change(dir.path(), &name, |bytes| {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1;
            });
            let found = findings(dir.path());
            assert!(matches!(found.as_slice(), [one] if one.file == name), "{name} at {at}: {found:?}");
            fs::write(dir.path().join(&name), &whole).unwrap();
        }
    }
}

#[test]
fn a_changed_entry_is_named() {
    let (dir, _) = exported(600);
    for index in [0, 1, 255, 256, 511, 512, 599u64] {
        let bundle = tile::at(Row::Entries, index / 256, 600).unwrap().to_string();
        let whole = fs::read(dir.path().join(&bundle)).unwrap();
        change(dir.path(), &bundle, |bytes| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let at = text.find(&format!("{{\"n\":{index}}}")).unwrap();
            // The place in the bytes: lengths need not be UTF-8.
            let at = at - (text.len() - bytes.len());
            bytes[at + 2] = b'm';
        });
        assert_eq!(
            findings(dir.path()),
            [Finding { file: bundle.clone(), entry: Some(index), fault: Fault::Entry(index) }]
        );
        fs::write(dir.path().join(&bundle), &whole).unwrap();
    }
}

#[test]
fn a_missing_longer_or_shorter_file_is_named() {
    let (dir, _) = exported(600);
    for tile in tile::tiles(600) {
        let path = dir.path().join(tile.to_string());
        let whole = fs::read(&path).unwrap();
        let files = |found: Vec<Finding>| found.into_iter().map(|one| one.file).collect::<Vec<_>>();
        for bytes in [None, Some([&whole[..], &[0; 32]].concat()), Some(whole[..whole.len() - 32].to_vec())] {
            match bytes {
                None => fs::remove_file(&path).unwrap(),
                Some(bytes) => fs::write(&path, bytes).unwrap(),
            }
            assert_eq!(files(findings(dir.path())), [tile.to_string()]);
            fs::write(&path, &whole).unwrap();
        }
    }
}

/// The forgery that a reader misses who compares entries with level 0 alone.
#[test]
fn an_entry_forged_together_with_its_leaf_hash_is_found() {
    for (size, index) in [(600, 3u64), (600, 300), (600, 599), (7, 2)] {
        let (dir, _) = exported(size);
        let forged = entry("forged", index);
        let bundle = tile::at(Row::Entries, index / 256, size).unwrap();
        let tile = tile::at(Row::Hashes(0), index / 256, size).unwrap();
        change(dir.path(), &bundle.to_string(), |bytes| {
            let mut entries = tile::decode_bundle(bytes).unwrap();
            entries[index as usize % 256] = forged.clone();
            *bytes = tile::encode_bundle(&entries);
        });
        change(dir.path(), &tile.to_string(), |bytes| {
            let at = index as usize % 256 * 32;
            bytes[at..at + 32].copy_from_slice(forged.leaf_hash().as_ref());
        });
        // The reader that only compares them is content.
        let read = Directory::open(dir.path()).unwrap();
        let entry = read.entries(index..index + 1).unwrap().pop().unwrap();
        assert_eq!(read.leaf_hashes(index..index + 1).unwrap(), [entry.leaf_hash()]);
        let found = findings(dir.path());
        match found.as_slice() {
            [one] if tile.is_whole() => {
                assert_eq!(
                    (one.file.as_str(), one.entry),
                    (tile.to_string().as_str(), Some(index / 256 * 256))
                );
                assert!(matches!(&one.fault, Fault::Above { above } if above == "tile/1/000.p/2"));
            }
            [one] => assert!(one.file == CHECKPOINT && matches!(one.fault, Fault::Root(_))),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_log_that_was_rewritten_below_its_checkpoint_is_found() {
    let (dir, _) = exported(300);
    let mut fork = MemoryStore::new();
    grow(&mut fork, LOG, "fork", 300);
    let other = tempfile::tempdir().unwrap();
    export_log(&fork, other.path(), None).unwrap();
    fs::copy(dir.path().join(CHECKPOINT), other.path().join(CHECKPOINT)).unwrap();
    assert!(matches!(findings(other.path()).as_slice(), [Finding { fault: Fault::Root(_), .. }]));
}

#[test]
fn another_checkpoint_than_the_verified_one_is_named() {
    let (dir, _) = exported(3);
    let read = Directory::open(dir.path()).unwrap();
    let other = Checkpoint { size: 2, ..read.stated().clone() };
    let file = CHECKPOINT.to_owned();
    assert_eq!(check_tiles(&read, &other), [Finding { file, entry: None, fault: Fault::OtherCheckpoint }]);
}

#[test]
fn stray_files_are_named() {
    let (dir, _) = exported(300);
    let path = |name: &str| dir.path().join(name);
    for name in ["note.txt", "tile/note.txt", "tile/0/0000", "tile/0/000.p/7.bak", "tile/entries/001.p/044"] {
        fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs::write(path(name), "x").unwrap();
    }
    fs::create_dir(path("more")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", path("tile/link")).unwrap();
    let found: Vec<_> = findings(dir.path()).into_iter().map(|one| (one.file, one.fault)).collect();
    let named =
        ["more", "note.txt", "tile/0/000.p/7.bak", "tile/0/0000", "tile/entries/001.p/044", "tile/link"];
    let stray = |name: &str| (name.to_owned(), Fault::Stray);
    let mut expected: Vec<_> = named.map(stray).into();
    expected.push(stray("tile/note.txt"));
    assert_eq!(found, expected);
}

#[test]
fn an_older_partial_tile_that_is_not_the_beginning_is_named() {
    let (dir, mut store) = exported(200);
    grow(&mut store, LOG, "test", 250);
    export_log(&store, dir.path(), None).unwrap();
    for name in ["tile/0/000.p/200", "tile/entries/000.p/200"] {
        let whole = fs::read(dir.path().join(name)).unwrap();
        change(dir.path(), name, |bytes| {
            let place = bytes.iter().rposition(|byte| *byte == b'9').unwrap_or(70);
            bytes[place] ^= 1;
        });
        let found = findings(dir.path());
        assert!(
            matches!(found.as_slice(), [one] if one.file == name && matches!(one.fault, Fault::Older(_))),
            "{found:?}"
        );
        fs::write(dir.path().join(name), whole).unwrap();
    }
    assert_eq!(findings(dir.path()), []);
}

#[test]
fn tiles_ahead_of_the_checkpoint_are_not_judged() {
    let (dir, mut store) = exported(300);
    let old = fs::read(dir.path().join(CHECKPOINT)).unwrap();
    grow(&mut store, LOG, "test", 600);
    export_log(&store, dir.path(), None).unwrap();
    fs::write(dir.path().join(CHECKPOINT), old).unwrap();
    // What an export leaves that was killed before its commit point, if the
    // partial tiles are still there.
    let earlier = exported(300).0;
    for name in files(earlier.path()) {
        fs::create_dir_all(dir.path().join(&name).parent().unwrap()).unwrap();
        fs::copy(earlier.path().join(&name), dir.path().join(&name)).unwrap();
    }
    fs::create_dir(dir.path().join(STAGING)).unwrap();
    fs::write(dir.path().join(STAGING).join("file"), "half").unwrap();
    assert_eq!(findings(dir.path()), []);
    export_log(&store, dir.path(), None).unwrap();
    let mut all = expected(600);
    // Its tile is not whole yet.
    all.insert("tile/1/000.p/1".to_owned());
    assert_eq!((findings(dir.path()), files(dir.path())), (vec![], all));
}

#[test]
fn a_forged_size_does_not_make_checking_endless() {
    let (dir, _) = exported(3);
    let signer = signer(LOG);
    for size in [1 << 39, (1 << 40) - 1, 1 << 40, u64::MAX] {
        let origin = signer.verifier().name().to_owned();
        let stated = Checkpoint { origin, size, root: merkle::EMPTY_ROOT };
        let note = checkpoint::sign(&stated, &signer).unwrap().to_string();
        fs::write(dir.path().join(CHECKPOINT), note).unwrap();
        match Directory::open(dir.path()) {
            Ok(_) => assert!((1..=MAX_FINDINGS).contains(&findings(dir.path()).len())),
            Err(why) => assert!(size >= 1 << 40, "{why}"),
        }
    }
}

#[test]
fn a_store_whose_entries_are_not_the_checkpoints_is_not_exported() {
    let (mut store, dir) = (store(3), tempfile::tempdir().unwrap());
    assert!(matches!(Snapshot::of_log(&store, LOG, key(NEIGHBOUR)), Err(ExportError::Checkpoint(_))));
    let unknown = Snapshot::of_log(&store, OrganisationId(Bytes([3; 32])), key(LOG));
    assert!(matches!(unknown.err(), Some(ExportError::Vault(_))));
    // Whoever reads a moment reads that moment.
    let handle = store.reopen();
    let log = Snapshot::of_log(&handle, LOG, key(LOG)).unwrap();
    grow(&mut store, LOG, "test", 5);
    assert_eq!(export(&log, dir.path(), None, &mut |_, _| ()).unwrap().size, 3);
    assert_eq!((findings(dir.path()), files(dir.path())), (vec![], expected(3)));
}

#[test]
fn a_receipt_proves_each_entry() {
    let store = store(300);
    let log = Snapshot::of_log(&store, LOG, key(LOG)).unwrap();
    for index in [0, 1, 255, 256, 299] {
        let receipt = of_entry(&log, index).unwrap();
        assert_eq!((receipt.entry(), receipt.size(), receipt.kind()), (&entry("test", index), 300, "test"));
        let read = crate::log::ProofFile::parse(receipt.file().to_string().as_bytes()).unwrap();
        let leaf = merkle::leaf_hash(read.extra.as_deref().unwrap());
        assert_eq!(read.verify(&leaf, &key(LOG)).unwrap().size, 300);
    }
    assert!(matches!(of_entry(&log, 300), Err(ExportError::NoEntry { index: 300, size: 300 })));
}
