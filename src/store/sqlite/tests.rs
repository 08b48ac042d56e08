use super::*;
use crate::log::{Checkpoint, LogSigner, checkpoint};
use crate::secret::SecretKey;
use proptest::prelude::*;
use std::fs::OpenOptions;
use std::io::Write;
use tempfile::TempDir;

const LOG: OrganisationId = OrganisationId(Bytes([1; 32]));

fn new() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(dir.path()).unwrap();
    (dir, store)
}

fn append(store: &SqliteStore, texts: &[&str]) -> Append {
    let mut frontier = store.head(&LOG).unwrap().map(|head| head.frontier).unwrap_or_default();
    let expected_size = frontier.size();
    let entries: Vec<_> = texts.iter().map(|t| EntryBytes::new(t.as_bytes().to_vec()).unwrap()).collect();
    frontier.extend(entries.iter().map(EntryBytes::leaf_hash));
    let signer = LogSigner::new("log", SecretKey::from_slice(&[9; 32]).unwrap()).unwrap();
    let state = Checkpoint { origin: "log".to_owned(), size: frontier.size(), root: frontier.root() };
    let checkpoint = checkpoint::sign(&state, &signer).unwrap().to_string();
    Append { log: LOG, expected_size, entries, checkpoint }
}

fn entries(store: &SqliteStore, texts: &[&str]) -> Batch {
    Batch { appends: vec![append(store, texts)], ..Batch::default() }
}

fn key(name: impl ToString) -> RecordKey {
    RecordKey { log: LOG, name: name.to_string() }
}

fn put(name: impl ToString, bytes: &[u8]) -> Batch {
    Batch { put_records: vec![(key(name), bytes.to_vec())], ..Batch::default() }
}

fn delete(name: impl ToString) -> Batch {
    Batch { delete_records: vec![key(name)], ..Batch::default() }
}

/// Whether any file of the vault contains these bytes.
fn found_in_files(dir: &TempDir, bytes: &[u8]) -> bool {
    fs::read_dir(dir.path()).unwrap().any(|file| {
        fs::read(file.unwrap().path()).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

/// All `<mark 00000>` in the files of the vault.
fn marks_in_files(dir: &TempDir) -> std::collections::BTreeSet<String> {
    let files = fs::read_dir(dir.path()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let bytes = files.collect::<Vec<_>>().concat();
    let marks = bytes.windows(12).filter(|window| window.starts_with(b"<mark ") && window.ends_with(b">"));
    marks.map(|mark| String::from_utf8_lossy(mark).into_owned()).collect()
}

#[test]
fn settings_are_what_durability_and_erasure_rest_on() {
    let (dir, store) = new();
    drop(store);
    let store = SqliteStore::open(dir.path()).unwrap();
    let get = |name: &str| -> rusqlite::types::Value {
        store.connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    };
    assert_eq!(get("journal_mode"), "wal".to_owned().into());
    for (name, value) in [("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1), ("temp_store", 2)] {
        assert_eq!(get(name), value.into(), "{name}");
    }
    use rusqlite::config::DbConfig;
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        assert_eq!(store.connection.db_config(config).unwrap(), on);
    }
}

/// A trigger that was planted after the opening, when nobody looks any more.
#[test]
fn a_trigger_that_hoards_destroyed_records_is_not_obeyed() {
    let (dir, mut store) = new();
    let batch = entries(&store, &["{}"]);
    let _ = store.commit(batch).unwrap();
    let _ = store.commit(put("key", b"a key to be destroyed")).unwrap();
    let other = Connection::open(dir.path().join(FILE_NAME)).unwrap();
    let hoard = "CREATE TABLE hoard (bytes);
        CREATE TRIGGER keep BEFORE DELETE ON body BEGIN INSERT INTO hoard VALUES (old.bytes); END;";
    other.execute_batch(hoard).unwrap();
    assert_eq!(store.commit(delete("key")).unwrap().erasure(), Erasure::Done);
    let kept: i64 = other.query_row("SELECT count(*) FROM hoard", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
    drop(other);
    assert!(!found_in_files(&dir, b"a key to be destroyed"));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("vault");
    let mut store = SqliteStore::create(&dir).unwrap();
    let batch = entries(&store, &["{}"]);
    let _ = store.commit(batch).unwrap();
    let files = || fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path());
    assert_eq!(files().count(), 3);
    for path in files() {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_vault_is_not_created_over_another_or_over_any_file() {
    let (dir, store) = new();
    let exists = || StoreError::AlreadyExists { path: dir.path().join(FILE_NAME) };
    assert_eq!(SqliteStore::create(dir.path()).unwrap_err(), exists());
    drop(store);
    fs::write(dir.path().join(FILE_NAME), vec![b'x'; 5000]).unwrap();
    assert_eq!(SqliteStore::create(dir.path()).unwrap_err(), exists());
    assert_eq!(fs::read(dir.path().join(FILE_NAME)).unwrap(), vec![b'x'; 5000]);
}

#[test]
fn creation_interrupted_before_its_end_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    make_private_file(&path).unwrap();
    assert_eq!(SqliteStore::open(dir.path()).unwrap_err(), StoreError::NotAVault { path: path.clone() });
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    prepare(&connection).unwrap();
    drop(connection);
    assert_eq!(SqliteStore::open(dir.path()).unwrap_err(), StoreError::NotAVault { path });
    SqliteStore::create(dir.path()).unwrap();
}

#[test]
fn a_missing_vault_or_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    for opened in [SqliteStore::open(dir.path()), SqliteStore::open_read_only(dir.path())] {
        assert_eq!(opened.unwrap_err(), StoreError::Missing { path: path.clone() });
    }
    assert!(!path.exists());
    let deep = dir.path().join("a/b");
    assert_eq!(SqliteStore::create(&deep).unwrap_err(), StoreError::Missing { path: deep });
}

#[test]
fn other_files_are_not_vaults() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let not_a_vault = || StoreError::NotAVault { path: path.clone() };
    fs::write(&path, b"a letter to my aunt, which is longer than nothing").unwrap();
    assert_eq!(SqliteStore::open(dir.path()).unwrap_err(), not_a_vault());
    assert_eq!(SqliteStore::open_read_only(dir.path()).unwrap_err(), not_a_vault());
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE aunt (letter TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(SqliteStore::open(dir.path()).unwrap_err(), not_a_vault());
    assert_eq!(fs::read(&path).unwrap(), before, "somebody else's database is left alone");
}

#[test]
fn a_newer_format_is_refused_also_by_a_handle_that_was_open_before() {
    let (dir, mut store) = new();
    let batch = entries(&store, &["{}"]);
    let other = Connection::open(dir.path().join(FILE_NAME)).unwrap();
    other.pragma_update(None, "user_version", 7).unwrap();
    let newer = StoreError::NewerFormat { found: 7, supported: newest(MIGRATIONS) };
    assert_eq!(store.commit(batch).unwrap_err(), newer);
    assert_eq!(SqliteStore::open(dir.path()).unwrap_err(), newer);
    assert_eq!(SqliteStore::open_read_only(dir.path()).unwrap_err(), newer);
}

#[test]
fn an_older_format_is_brought_up_to_date_step_by_step() {
    let (dir, mut store) = new();
    let batch = entries(&store, &["{}"]);
    let _ = store.commit(batch).unwrap();
    drop(store);
    let later =
        ["CREATE TABLE second (x ANY) STRICT; INSERT INTO second VALUES (2)", "UPDATE second SET x = x + 1"];
    let steps = [MIGRATIONS, &later].concat();
    let store = SqliteStore::open_with(dir.path(), &steps).unwrap();
    let third: i64 = store.connection.query_row("SELECT x FROM second", [], |row| row.get(0)).unwrap();
    assert_eq!((third, store.size(&LOG)), (3, Ok(1)));
    drop(store);
    let again = SqliteStore::open_with(dir.path(), &steps).unwrap();
    let third: i64 = again.connection.query_row("SELECT x FROM second", [], |row| row.get(0)).unwrap();
    assert_eq!(third, 3, "each step runs once");
}

#[test]
fn a_migration_that_fails_leaves_the_old_format() {
    let (dir, store) = new();
    drop(store);
    let steps = [MIGRATIONS, &["CREATE TABLE half (x ANY) STRICT; SELECT broken"]].concat();
    assert!(matches!(SqliteStore::open_with(dir.path(), &steps), Err(StoreError::Engine { .. })));
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(schema::format(&store.connection), Ok(Format::Vault(newest(MIGRATIONS))));
    let halves: i64 = store
        .connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(halves, 0);
}

#[test]
fn a_full_disk_writes_nothing_and_the_vault_goes_on() {
    let (dir, mut store) = new();
    let batch = entries(&store, &["{}"]);
    let _ = store.commit(batch).unwrap();
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = |store: &SqliteStore, pages: i64| {
        store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    limit(&store, pages + 1);
    let mut large = entries(&store, &["{\"a\":1}"]);
    large.put_records = vec![(key("sealed/1"), vec![7; 100_000])];
    assert_eq!(store.commit(large.clone()), Err(StoreError::DiskFull));
    assert_eq!((store.size(&LOG), store.record(&key("sealed/1"))), (Ok(1), Ok(None)));
    limit(&store, 1_000_000);
    let _ = store.commit(large).unwrap();
    drop(store);
    assert_eq!(SqliteStore::open(dir.path()).unwrap().size(&LOG), Ok(2));
}

#[test]
fn a_read_only_handle_reads_and_does_not_write() {
    let (dir, mut store) = new();
    let batch = entries(&store, &["{}"]);
    let _ = store.commit(batch).unwrap();
    let mut reader = SqliteStore::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.size(&LOG), Ok(1));
    let batch = entries(&reader, &["{}"]);
    assert_eq!(reader.commit(batch.clone()), Err(StoreError::ReadOnly));
    // And were the handle's own check missing, the database would still refuse.
    reader.writable = true;
    assert_eq!(reader.commit(batch), Err(StoreError::ReadOnly));
    let batch = entries(&store, &["{}"]);
    let _ = store.commit(batch).unwrap();
    assert_eq!(reader.size(&LOG), Ok(2), "a reader sees later commits");
}

/// A directory that cannot be written, simulated: permission bits do not stop
/// root, under whom tests may run, but SQLite follows no link at this name.
#[cfg(unix)]
fn block_companion(dir: &Path) {
    std::os::unix::fs::symlink("nowhere", dir.join("vault.db-shm")).unwrap();
}

#[cfg(unix)]
#[test]
fn a_vault_whose_companions_cannot_be_made_is_read_as_it_lies() {
    let (dir, mut store) = new();
    let batch = entries(&store, &["{}"]);
    let _ = store.commit(batch).unwrap();
    drop(store);
    block_companion(dir.path());
    let path = dir.path().join(FILE_NAME);
    assert_eq!(SqliteStore::open(dir.path()).unwrap_err(), StoreError::CannotOpen { path: path.clone() });
    let reader = SqliteStore::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.entries(&LOG, 0..1).unwrap()[0].as_str(), "{}");
    drop(reader);
    // A write-ahead log with contents cannot be ignored: what it has is committed.
    fs::write(wal_path(&path), b"committed").unwrap();
    assert_eq!(SqliteStore::open_read_only(dir.path()).unwrap_err(), StoreError::CannotOpen { path });
}

#[cfg(unix)]
#[test]
fn a_path_with_question_mark_and_percent_opens_as_it_lies() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a?b%20#c");
    drop(SqliteStore::create(&dir).unwrap());
    block_companion(&dir);
    assert_eq!(SqliteStore::open_read_only(&dir).unwrap().logs(), Ok(vec![]));
}

#[test]
fn a_damaged_page_is_reported() {
    let (dir, mut store) = new();
    let texts: Vec<String> =
        (0..500).map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(100))).collect();
    let batch = entries(&store, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = store.commit(batch).unwrap();
    drop(store);
    let path = dir.path().join(FILE_NAME);
    let length = fs::metadata(&path).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(length / 2 / 4096 * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let read = store.entries(&LOG, 0..500);
    assert_eq!(read, Err(StoreError::Damaged { what: Damage::Database }));
}

#[test]
fn an_entry_changed_behind_the_stores_back_is_named() {
    let (_dir, mut store) = new();
    let batch = entries(&store, &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]);
    let _ = store.commit(batch).unwrap();
    let damaged = |index| StoreError::Damaged { what: Damage::Entry(LOG, index) };
    let change = |store: &SqliteStore, sql: &str| assert!(store.connection.execute(sql, []).unwrap() > 0);

    change(&store, "UPDATE entry SET bytes = CAST('{\"a\":9}' AS BLOB) WHERE position % 4 = 1");
    assert_eq!(store.entries(&LOG, 0..3), Err(damaged(1)));
    assert_eq!(store.entries(&LOG, 2..3).unwrap()[0].as_str(), "{\"a\":3}");
    change(&store, "DELETE FROM entry WHERE position % 4 = 1");
    assert_eq!(store.entries(&LOG, 0..3), Err(damaged(1)));
    assert_eq!(store.entries(&LOG, 1..3), Err(damaged(1)));
    assert!(store.leaf_hashes(&LOG, 0..3).is_err());
    change(&store, "UPDATE log SET frontier = substr(frontier, 1, 8)");
    assert_eq!(store.size(&LOG), Err(StoreError::Damaged { what: Damage::Head(LOG) }));
}

#[test]
fn destroyed_records_are_in_no_file() {
    let (dir, mut store) = new();
    let mut batch = entries(&store, &["{}"]);
    let large = b"MARK-LARGE".repeat(2000);
    batch.put_records = vec![(key("text/1"), b"MARK-SMALL".to_vec()), (key("sealed/1"), large)];
    let _ = store.commit(batch).unwrap();
    assert!(found_in_files(&dir, b"MARK-SMALL") && found_in_files(&dir, b"MARK-LARGE"));
    let receipt = store.commit(delete("text/1")).unwrap();
    assert_eq!(receipt.erasure(), Erasure::Done);
    assert!(!found_in_files(&dir, b"MARK-SMALL") && found_in_files(&dir, b"MARK-LARGE"));
    let receipt = store.commit(put("sealed/1", b"new")).unwrap();
    assert_eq!(receipt.erasure(), Erasure::Done, "replacing destroys");
    assert!(!found_in_files(&dir, b"MARK-LARGE"));
    assert_eq!(store.commit(put("sealed/2", b"new")).unwrap().erasure(), Erasure::NotAsked);
    assert_eq!(store.commit(delete("sealed/9")).unwrap().erasure(), Erasure::Done, "may be repeated");
}

#[test]
fn a_reader_delays_an_erasure_but_no_commit() {
    let (dir, mut store) = new();
    let mut batch = entries(&store, &["{}"]);
    batch.put_records = vec![(key("text/1"), b"MARK-SMALL".to_vec())];
    let _ = store.commit(batch).unwrap();
    let reader = Connection::open(dir.path().join(FILE_NAME)).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM record").unwrap();
    let receipt = store.commit(delete("text/1")).unwrap();
    assert_eq!(receipt.erasure(), Erasure::Pending);
    assert_eq!(store.record(&key("text/1")), Ok(None));
    assert!(found_in_files(&dir, b"MARK-SMALL"));
    let batch = entries(&store, &["{}"]);
    assert_eq!(store.commit(batch).unwrap().erasure(), Erasure::Pending, "commits go on");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(store.finish_erasure(), Ok(Erasure::Done));
    assert!(!found_in_files(&dir, b"MARK-SMALL"));
}

#[test]
fn an_erasure_left_unfinished_is_finished_at_the_next_opening() {
    let (dir, mut store) = new();
    let mut batch = entries(&store, &["{}"]);
    batch.put_records = vec![(key("text/1"), b"MARK-SMALL".to_vec())];
    let _ = store.commit(batch).unwrap();
    let transaction = schema::begin(&mut store.connection).unwrap();
    let writing = Writing { transaction, path: dir.path() };
    writing.records(&delete("text/1")).unwrap();
    writing.transaction.commit().unwrap();
    assert!(found_in_files(&dir, b"MARK-SMALL"), "as after a crash before the erasure");
    let _other = SqliteStore::open(dir.path()).unwrap();
    assert!(!found_in_files(&dir, b"MARK-SMALL"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn whatever_is_destroyed_in_whatever_order_is_in_no_file(
        steps in prop::collection::vec((0u8..60, 20usize..3000, any::<bool>()), 100..250),
    ) {
        let (dir, mut store) = new();
        store.connection.pragma_update(None, "synchronous", "OFF").unwrap();
        let batch = entries(&store, &["{}"]);
        let _ = store.commit(batch).unwrap();
        let mut gone = Vec::new();
        let mut present = std::collections::BTreeMap::new();
        for (number, (slot, length, keep)) in steps.into_iter().enumerate() {
            let mark = format!("<mark {number:05}>");
            gone.extend(present.remove(&slot));
            if keep {
                let bytes = mark.as_bytes().iter().copied().cycle().take(length).collect::<Vec<_>>();
                let _ = store.commit(put(slot, &bytes)).unwrap();
                present.insert(slot, mark);
            } else {
                let _ = store.commit(delete(slot)).unwrap();
            }
        }
        prop_assert_eq!(store.finish_erasure(), Ok(Erasure::Done));
        let marks = marks_in_files(&dir);
        for mark in &gone {
            prop_assert!(!marks.contains(mark), "{}", mark);
        }
        prop_assert!(present.values().all(|mark| marks.contains(mark)));
    }
}
