//! The contract of `store::Store`, run over every backend.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::thread;
use tempfile::TempDir;
use warifu::hex::Bytes;
use warifu::log::{Checkpoint, EntryBytes, LogSigner, checkpoint, merkle};
use warifu::name::OrganisationId;
use warifu::secret::SecretKey;
use warifu::store::memory::{Fault, MemoryStore};
use warifu::store::sqlite::SqliteStore;
use warifu::store::{Append, Batch, Erasure, Found, MAX_NAME, MAX_RECORD, RecordKey, Store, StoreError};

const A: OrganisationId = OrganisationId(Bytes([0xa; 32]));
const B: OrganisationId = OrganisationId(Bytes([0xb; 32]));

/// A backend: one vault, and further handles on it.
trait Backend {
    type Handle: Store + Send + 'static;
    fn handle(&self) -> Self::Handle;
}

struct Sqlite(TempDir);

struct Memory(MemoryStore);

impl Backend for Sqlite {
    type Handle = SqliteStore;
    fn handle(&self) -> SqliteStore {
        SqliteStore::open(self.0.path()).unwrap()
    }
}

impl Backend for Memory {
    type Handle = MemoryStore;
    fn handle(&self) -> MemoryStore {
        self.0.reopen()
    }
}

fn sqlite() -> Sqlite {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::create(dir.path()).unwrap());
    Sqlite(dir)
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite { $(#[test] fn $name() { super::$name(&super::sqlite()); })* }
        mod in_memory { $(#[test] fn $name() { super::$name(&super::Memory(Default::default())); })* }
    };
}
contract!(
    what_does_not_exist_is_empty,
    entries_come_back_to_the_byte_in_order_and_through_every_handle,
    logs_are_apart,
    a_second_append_for_the_same_size_is_a_conflict_and_writes_nothing,
    a_batch_is_refused_whole,
    what_was_made_from_something_that_was_replaced_is_refused,
    of_writers_who_replace_one_projection_none_undoes_anothers,
    a_checkpoint_for_other_entries_is_refused,
    a_checkpoint_alone_can_be_replaced,
    entries_outside_the_log_are_refused,
    entries_are_found_by_what_they_contain,
    records_are_put_replaced_and_destroyed,
    rows_are_put_replaced_cleared_and_read_by_ranges,
    names_and_lengths_are_bounded,
    writers_queue_and_every_append_lands_once,
    a_receipt_states_what_became_durable,
);

fn entry(number: u64) -> EntryBytes {
    EntryBytes::new(format!("{{\"n\":{number}}}").into_bytes()).unwrap()
}

fn signed(size: u64, root: merkle::Hash) -> String {
    let signer = LogSigner::new("log", SecretKey::from_slice(&[9; 32]).unwrap()).unwrap();
    checkpoint::sign(&Checkpoint { origin: "log".to_owned(), size, root }, &signer).unwrap().to_string()
}

/// An append of entries that are numbered by their place.
fn append(store: &impl Store, log: OrganisationId, count: u64) -> Append {
    let mut frontier = store.head(&log).unwrap().map(|head| head.frontier).unwrap_or_default();
    let expected_size = frontier.size();
    let entries: Vec<_> = (expected_size..expected_size + count).map(entry).collect();
    frontier.extend(entries.iter().map(EntryBytes::leaf_hash));
    Append { log, expected_size, entries, checkpoint: signed(frontier.size(), frontier.root()) }
}

fn only(append: Append) -> Batch {
    Batch { appends: vec![append], ..Batch::default() }
}

fn grown(store: &mut impl Store, log: OrganisationId, count: u64) {
    let batch = only(append(store, log, count));
    let _ = store.commit(batch).unwrap();
}

fn key(log: OrganisationId, name: &str) -> RecordKey {
    RecordKey { log, name: name.to_owned() }
}

fn entries_are_found_by_what_they_contain(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 1200);
    grown(&mut store, B, 3);
    let found = store.entries_with(&A, "\"n\":11").unwrap();
    let expected: Vec<_> =
        [11].into_iter().chain(110..120).chain(1100..1200).map(|n| (n, entry(n))).collect();
    assert_eq!(found, expected);
    assert_eq!(store.entries_with(&B, "\"n\":11"), Ok(vec![]));
    assert_eq!(store.entries_with(&B, "").unwrap().len(), 3);
    assert_eq!(store.entries_with(&OrganisationId(Bytes([0xc; 32])), "n"), Ok(vec![]));
}

fn what_does_not_exist_is_empty(backend: &impl Backend) {
    let store = backend.handle();
    assert_eq!(store.logs(), Ok(vec![]));
    assert_eq!((store.size(&A), store.head(&A), store.checkpoint(&A)), (Ok(0), Ok(None), Ok(None)));
    assert_eq!(store.entries(&A, 0..0), Ok(vec![]));
    assert_eq!(store.leaf_hashes(&A, 0..0), Ok(vec![]));
    assert_eq!((store.record(&key(A, "x")), store.projection(&key(A, "x"))), (Ok(None), Ok(None)));
    assert_eq!((store.record_names(&A), store.projection_names(&A)), (Ok(vec![]), Ok(vec![])));
}

fn entries_come_back_to_the_byte_in_order_and_through_every_handle(backend: &impl Backend) {
    let mut store = backend.handle();
    let other = backend.handle();
    for count in [1, 5, 0, 300] {
        grown(&mut store, A, count);
    }
    for handle in [&store, &other, &backend.handle()] {
        assert_eq!(handle.size(&A), Ok(306));
        assert_eq!(handle.entries(&A, 0..306).unwrap(), (0..306).map(entry).collect::<Vec<_>>());
        assert_eq!(handle.entries(&A, 5..7).unwrap(), [entry(5), entry(6)]);
        let leaves = handle.leaf_hashes(&A, 0..306).unwrap();
        let head = handle.head(&A).unwrap().unwrap();
        assert_eq!(head.frontier.root(), merkle::root(&leaves));
        assert_eq!(head.checkpoint, signed(306, merkle::root(&leaves)));
        assert_eq!(handle.checkpoint(&A).unwrap().unwrap(), head.checkpoint);
    }
}

fn logs_are_apart(backend: &impl Backend) {
    let mut store = backend.handle();
    let both = [append(&store, B, 2), append(&store, A, 3)];
    let put = |log| (key(log, "same"), log.as_ref().to_vec());
    let _ = store
        .commit(Batch {
            appends: both.to_vec(),
            put_records: vec![put(A), put(B)],
            projections: vec![put(A)],
            ..Batch::default()
        })
        .unwrap();
    grown(&mut store, B, 1);
    assert_eq!(store.logs(), Ok(vec![A, B]));
    assert_eq!((store.size(&A), store.size(&B)), (Ok(3), Ok(3)));
    assert_eq!(store.record(&key(B, "same")), Ok(Some(vec![0xb; 32])));
    assert_eq!(store.projection(&key(B, "same")), Ok(None));
    let _ = store.commit(Batch { delete_records: vec![key(A, "same")], ..Batch::default() }).unwrap();
    assert_eq!(store.record(&key(A, "same")), Ok(None));
    assert_eq!(store.record(&key(B, "same")), Ok(Some(vec![0xb; 32])));
    assert_eq!(store.projection(&key(A, "same")), Ok(Some(vec![0xa; 32])));
    let (name, gone) = (|name| key(A, name), |name| vec![key(A, name)]);
    let renamed = Batch {
        delete_projections: gone("same"),
        projections: vec![(name("new"), vec![1])],
        ..Batch::default()
    };
    let _ = store.commit(renamed).unwrap();
    assert_eq!(store.projection_names(&A), Ok(vec!["new".to_owned()]));
    let absent = Batch { delete_projections: gone("same"), ..Batch::default() };
    assert!(store.commit(absent).is_ok(), "that one is absent is no error");
}

fn a_second_append_for_the_same_size_is_a_conflict_and_writes_nothing(backend: &impl Backend) {
    let (mut one, mut two) = (backend.handle(), backend.handle());
    grown(&mut one, A, 2);
    let (first, mut second) = (only(append(&one, A, 1)), only(append(&two, A, 4)));
    second.put_records = vec![(key(A, "late"), vec![1])];
    let _ = one.commit(first).unwrap();
    let conflict = StoreError::Conflict { log: A, expected: 2, found: 3 };
    assert!(conflict.nothing_written());
    assert_eq!(two.commit(second), Err(conflict));
    assert_eq!((two.size(&A), two.record(&key(A, "late"))), (Ok(3), Ok(None)));
    let retried = only(append(&two, A, 4));
    let _ = two.commit(retried).unwrap();
    assert_eq!(one.size(&A), Ok(7));
}

fn a_batch_is_refused_whole(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 1);
    let _ = store.commit(Batch { put_records: vec![(key(A, "kept"), vec![1])], ..Batch::default() }).unwrap();
    let append_a = append(&store, A, 1);
    let stale = Append { expected_size: 9, ..append(&store, B, 1) };
    let mut batch = Batch {
        appends: vec![append_a.clone(), stale],
        put_records: vec![(key(A, "new"), vec![2])],
        delete_records: vec![key(A, "kept")],
        projections: vec![(key(A, "shown"), vec![3])],
        put_rows: vec![(key(A, "row"), vec![4])],
        ..Batch::default()
    };
    let unchanged = |store: &dyn Store| {
        assert_eq!((store.size(&A), store.logs()), (Ok(1), Ok(vec![A])));
        assert_eq!(store.record_names(&A), Ok(vec!["kept".to_owned()]));
        assert_eq!(store.projection_names(&A), Ok(vec![]));
        assert_eq!(store.rows(&A, "".."~", 9), Ok(vec![]));
    };
    let conflict = StoreError::Conflict { log: B, expected: 9, found: 0 };
    assert_eq!(store.commit(batch.clone()), Err(conflict));
    unchanged(&store);
    batch.appends = vec![append_a.clone(), append_a.clone()];
    assert_eq!(store.commit(batch.clone()), Err(StoreError::LogTwice { log: A }));
    unchanged(&store);
    batch.appends = vec![append_a];
    batch.projections = vec![(key(B, "shown"), vec![3])];
    assert_eq!(store.commit(batch.clone()), Err(StoreError::NoSuchLog { log: B }));
    unchanged(&store);
    batch.projections = vec![];
    batch.put_records = vec![(key(B, "new"), vec![3])];
    assert_eq!(store.commit(batch), Err(StoreError::NoSuchLog { log: B }));
    unchanged(&store);
}

fn a_checkpoint_for_other_entries_is_refused(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 2);
    let right = append(&store, A, 1);
    let one_more = append(&store, A, 2);
    let other_root = signed(3, merkle::EMPTY_ROOT);
    let old = store.checkpoint(&A).unwrap().unwrap();
    for checkpoint in [one_more.checkpoint, other_root, old, String::new(), "log\n3\n".to_owned()] {
        let batch = only(Append { checkpoint, ..right.clone() });
        assert_eq!(store.commit(batch), Err(StoreError::NotCovered { log: A }));
    }
    assert_eq!(store.size(&A), Ok(2));
    let _ = store.commit(only(right)).unwrap();
}

fn a_checkpoint_alone_can_be_replaced(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 2);
    let mut bare = append(&store, A, 0);
    bare.checkpoint.push_str("— witness AAAAAAA=\n");
    let receipt = store.commit(only(bare.clone())).unwrap();
    assert_eq!((receipt.appended()[0].count(), receipt.appended()[0].new_size()), (0, 2));
    assert_eq!(backend.handle().checkpoint(&A), Ok(Some(bare.checkpoint)));
    assert_eq!(store.size(&A), Ok(2));
}

fn entries_outside_the_log_are_refused(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 2);
    let outside = |log, start, end, size| StoreError::Outside { log, start, end, size };
    assert_eq!(store.entries(&A, 0..3), Err(outside(A, 0, 3, 2)));
    assert_eq!(store.leaf_hashes(&A, 2..3), Err(outside(A, 2, 3, 2)));
    assert_eq!(store.entries(&A, 2..2), Ok(vec![]));
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = store.entries(&A, 2..1);
    assert_eq!(backwards, Err(outside(A, 2, 1, 2)));
    assert_eq!(store.entries(&A, 0..u64::MAX), Err(outside(A, 0, u64::MAX, 2)));
    assert_eq!(store.entries(&B, 0..1), Err(outside(B, 0, 1, 0)));
}

fn records_are_put_replaced_and_destroyed(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 1);
    let put = |name: &str, bytes: &[u8]| Batch {
        put_records: vec![(key(A, name), bytes.to_vec())],
        ..Batch::default()
    };
    for length in [0, 1, 3577, 4069, 4070, 100_000] {
        let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let _ = store.commit(put("sealed/1", &bytes)).unwrap();
        assert_eq!(store.record(&key(A, "sealed/1")), Ok(Some(bytes)), "{length}");
    }
    assert_eq!(store.commit(put("text/1", b"x")).unwrap().erasure(), Erasure::NotAsked);
    assert_eq!(store.record_names(&A), Ok(vec!["sealed/1".to_owned(), "text/1".to_owned()]));
    assert_eq!(store.commit(put("text/1", b"y")).unwrap().erasure(), Erasure::Done);
    let destroy = Batch { delete_records: vec![key(A, "text/1"), key(A, "absent")], ..Batch::default() };
    assert_eq!(store.commit(destroy.clone()).unwrap().erasure(), Erasure::Done);
    assert_eq!(backend.handle().record(&key(A, "text/1")), Ok(None));
    assert_eq!(store.commit(destroy.clone()).unwrap().erasure(), Erasure::Done, "may be repeated");
    let both = Batch { put_records: vec![(key(A, "text/1"), vec![5])], ..destroy };
    let _ = store.commit(both).unwrap();
    assert_eq!(store.record(&key(A, "text/1")), Ok(Some(vec![5])), "destroyed first, then put");
    assert_eq!(store.finish_erasure(), Ok(Erasure::Done));

    for bytes in [vec![1], vec![2; 10_000]] {
        let shown = Batch { projections: vec![(key(A, "state"), bytes.clone())], ..Batch::default() };
        let _ = store.commit(shown).unwrap();
        assert_eq!(store.projection(&key(A, "state")), Ok(Some(bytes)));
    }
    assert_eq!(store.projection_names(&A), Ok(vec!["state".to_owned()]));
}

fn rows_are_put_replaced_cleared_and_read_by_ranges(backend: &impl Backend) {
    let (mut store, other) = (backend.handle(), backend.handle());
    let rows = |log, names: &[&str]| -> Vec<_> {
        names.iter().map(|name| (key(log, name), name.as_bytes().to_vec())).collect()
    };
    // With the append that makes the log.
    let first = append(&store, A, 1);
    let put_rows = rows(A, &["b/1", "a", "b/2", "b0", "b/10"]);
    let _ = store.commit(Batch { appends: vec![first], put_rows, ..Batch::default() }).unwrap();
    grown(&mut store, B, 1);
    let _ = store.commit(Batch { put_rows: rows(B, &["b/1"]), ..Batch::default() }).unwrap();
    let names = |log: &OrganisationId, start: &str, end: &str, most| {
        let found = other.rows(log, start..end, most).unwrap();
        assert!(found.iter().all(|(name, bytes)| name.as_bytes() == bytes));
        found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&A, "", "~", 9), ["a", "b/1", "b/10", "b/2", "b0"], "in the order of bytes");
    assert_eq!(names(&A, "b/", "b0", 9), ["b/1", "b/10", "b/2"]);
    assert_eq!(names(&A, "b/1", "b/2", 9), ["b/1", "b/10"]);
    assert_eq!(names(&A, "", "~", 2), ["a", "b/1"]);
    assert_eq!(names(&A, "b", "a", 9), [""; 0]);
    assert_eq!(names(&B, "", "~", 9), ["b/1"]);
    assert_eq!(names(&OrganisationId(Bytes([0xc; 32])), "", "~", 9), [""; 0]);
    assert_eq!(other.row(&key(A, "b/2")), Ok(Some(b"b/2".to_vec())));
    assert_eq!(other.row(&key(B, "b/2")), Ok(None));
    // Removed first, then put; that one is absent is no error.
    let delete_rows = vec![key(A, "a"), key(A, "b/1"), key(A, "absent")];
    let put_rows = vec![(key(A, "b/1"), vec![7]), (key(A, "b/2"), vec![8])];
    let _ = store.commit(Batch { delete_rows, put_rows, ..Batch::default() }).unwrap();
    let all: Vec<_> = other.rows(&A, "".."~", 9).unwrap().into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(all, [&[7][..], b"b/10", &[8], b"b0"]);
    let put_rows = rows(A, &["new"]);
    let _ = store.commit(Batch { clear_rows: vec![A], put_rows, ..Batch::default() }).unwrap();
    assert_eq!(
        (names(&A, "", "~", 9), names(&B, "", "~", 9)),
        (vec!["new".to_owned()], vec!["b/1".to_owned()])
    );
    let nobodys = Batch { put_rows: rows(OrganisationId(Bytes([0xc; 32])), &["x"]), ..Batch::default() };
    let log = OrganisationId(Bytes([0xc; 32]));
    assert_eq!(store.commit(nobodys), Err(StoreError::NoSuchLog { log }));
}

fn names_and_lengths_are_bounded(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 1);
    let long = "x".repeat(MAX_NAME + 1);
    for name in ["", "a b", "a\n", "ü", &long] {
        let refused = || StoreError::RecordName { name: name.to_owned() };
        let put = vec![(key(A, name), vec![])];
        let batches = [
            Batch { put_records: put.clone(), ..Batch::default() },
            Batch { projections: put.clone(), ..Batch::default() },
            Batch { put_rows: put, ..Batch::default() },
            Batch { delete_records: vec![key(A, name)], ..Batch::default() },
            Batch { delete_rows: vec![key(A, name)], ..Batch::default() },
        ];
        for batch in batches {
            assert_eq!(store.commit(batch), Err(refused()));
        }
    }
    let huge = vec![(key(A, "huge"), vec![0; MAX_RECORD + 1])];
    let refused = StoreError::RecordTooLong { name: "huge".to_owned(), length: MAX_RECORD + 1 };
    assert_eq!(store.commit(Batch { put_records: huge, ..Batch::default() }), Err(refused));
    let fits = vec![(key(A, &long[1..]), vec![1])];
    let _ = store.commit(Batch { put_records: fits, ..Batch::default() }).unwrap();
}

fn what_was_made_from_something_that_was_replaced_is_refused(backend: &impl Backend) {
    let (mut store, mut other) = (backend.handle(), backend.handle());
    grown(&mut store, A, 1);
    let shown = key(A, "shown");
    let replace = |bytes: u8, found: Option<u8>| Batch {
        projections: vec![(shown.clone(), vec![bytes])],
        made_from: vec![Found::Projection(shown.clone(), found.map(|byte| vec![byte]))],
        ..Batch::default()
    };
    let refused = Err(StoreError::Replaced { log: A });
    assert_eq!(store.commit(replace(1, Some(9))), refused, "there is none");
    let _ = store.commit(replace(1, None)).unwrap();
    assert_eq!(other.commit(replace(2, None)), refused, "by now there is one");
    let _ = other.commit(replace(2, Some(1))).unwrap();
    assert_eq!(store.commit(replace(3, Some(1))), refused);
    assert_eq!(store.projection(&shown), Ok(Some(vec![2])));
    // A checkpoint for the same size, with a signature more.
    let before = store.checkpoint(&A).unwrap().unwrap();
    let again = |found: &str, appended: &Append| Batch {
        appends: vec![appended.clone()],
        made_from: vec![Found::Checkpoint(A, found.to_owned())],
        ..Batch::default()
    };
    let none = append(&store, A, 0);
    let longer =
        Append { checkpoint: format!("{}\u{2014} other AAAAAAA=\n", none.checkpoint), ..none.clone() };
    let _ = other.commit(again(&before, &longer)).unwrap();
    assert_eq!(store.commit(again(&before, &none)), refused);
    assert!(StoreError::Replaced { log: A }.nothing_written());
    assert_eq!(store.checkpoint(&A), Ok(Some(longer.checkpoint)));
    let of_none = Found::Checkpoint(B, before);
    let refused = store.commit(Batch { made_from: vec![of_none], ..Batch::default() });
    assert_eq!(refused, Err(StoreError::Replaced { log: B }), "there is no such log");
}

fn of_writers_who_replace_one_projection_none_undoes_anothers(backend: &impl Backend) {
    const WRITERS: u8 = 4;
    const EACH: u8 = 10;
    grown(&mut backend.handle(), A, 1);
    let handles: Vec<_> = (0..WRITERS).map(|_| backend.handle()).collect();
    let writers: Vec<_> = handles
        .into_iter()
        .zip(0..)
        .map(|(mut store, writer): (_, u8)| {
            thread::spawn(move || {
                let mut done = 0;
                while done < EACH {
                    let found = store.projection(&key(A, "all")).unwrap();
                    let mut all = found.clone().unwrap_or_default();
                    all.push(writer);
                    let batch = Batch {
                        projections: vec![(key(A, "all"), all)],
                        made_from: vec![Found::Projection(key(A, "all"), found)],
                        ..Batch::default()
                    };
                    match store.commit(batch) {
                        Ok(_) => done += 1,
                        Err(StoreError::Replaced { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let mut all = backend.handle().projection(&key(A, "all")).unwrap().unwrap();
    all.sort_unstable();
    let expected: Vec<_> = (0..WRITERS).flat_map(|writer| [writer; EACH as usize]).collect();
    assert_eq!(all, expected);
}

fn writers_queue_and_every_append_lands_once(backend: &impl Backend) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 15;
    let handles: Vec<_> = (0..WRITERS).map(|_| backend.handle()).collect();
    let writers: Vec<_> = handles
        .into_iter()
        .map(|mut store| {
            thread::spawn(move || {
                let mut done = 0;
                while done < EACH {
                    let batch = only(append(&store, A, 1));
                    match store.commit(batch) {
                        Ok(_) => done += 1,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let store = backend.handle();
    assert_eq!(store.size(&A), Ok(WRITERS * EACH));
    let leaves = store.leaf_hashes(&A, 0..WRITERS * EACH).unwrap();
    assert_eq!(store.head(&A).unwrap().unwrap().frontier.root(), merkle::root(&leaves));
}

fn a_receipt_states_what_became_durable(backend: &impl Backend) {
    let mut store = backend.handle();
    grown(&mut store, A, 3);
    let both = vec![append(&store, B, 1), append(&store, A, 2)];
    let receipt = store.commit(Batch { appends: both, ..Batch::default() }).unwrap();
    let stated: Vec<_> =
        receipt.appended().iter().map(|a| (a.log(), a.first(), a.count(), a.new_size())).collect();
    assert_eq!(stated, [(B, 0, 1, 1), (A, 3, 2, 5)]);
}

#[test]
fn a_lost_commit_and_one_that_was_persisted_look_alike_until_read_again() {
    for (fault, size_after) in [(Fault::Lost, 1), (Fault::PersistedButReportedFailed, 2)] {
        let mut store = MemoryStore::new();
        store.fail_commit(1, fault);
        grown(&mut store, A, 1);
        let batch = only(append(&store, A, 1));
        let error = store.commit(batch).unwrap_err();
        assert!(!error.nothing_written());
        assert_eq!((store.reopen().size(&A), store.commits()), (Ok(size_after), 2));
        grown(&mut store, A, 1);
        assert_eq!(store.size(&A), Ok(size_after + 1), "a fault strikes once");
    }
}
