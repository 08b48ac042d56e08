//! A store in memory that can be told to fail: for the tests of every layer
//! above. It keeps the whole contract but durability, and nothing is wiped.

use super::{
    Append, Batch, Damage, Erasure, Found, Head, Receipt, RecordKey, Store, StoreError, check_batch,
    check_range, extend,
};
use crate::log::{EntryBytes, Frontier, Hash};
use crate::name::OrganisationId;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a commit fails. Its caller sees the same error either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing was written.
    Lost,
    /// All was written, but the answer got lost.
    PersistedButReportedFailed,
}

/// A handle on a store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Arc<Mutex<Contents>>,
    commits: u64,
    faults: BTreeMap<u64, Fault>,
}

#[derive(Debug, Default)]
struct Contents {
    logs: BTreeMap<OrganisationId, Log>,
    records: BTreeMap<RecordKey, Vec<u8>>,
    projections: BTreeMap<RecordKey, Vec<u8>>,
    rows: BTreeMap<RecordKey, Vec<u8>>,
}

#[derive(Debug)]
struct Log {
    entries: Vec<EntryBytes>,
    head: Head,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another handle on the same contents, without faults: what a process that
    /// starts anew, or another process, sees.
    pub fn reopen(&self) -> Self {
        Self { contents: Arc::clone(&self.contents), ..Self::default() }
    }

    /// Makes the `number`th commit of this handle, counted from 0, fail.
    pub fn fail_commit(&mut self, number: u64, fault: Fault) {
        self.faults.insert(number, fault);
    }

    /// Commits tried on this handle, failed ones included.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // A panic elsewhere cannot leave half a batch: it is applied by moves.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn logs(&self) -> Result<Vec<OrganisationId>, StoreError> {
        Ok(self.contents().logs.keys().copied().collect())
    }

    fn head(&self, log: &OrganisationId) -> Result<Option<Head>, StoreError> {
        Ok(self.contents().logs.get(log).map(|log| log.head.clone()))
    }

    fn entries(&self, log: &OrganisationId, range: Range<u64>) -> Result<Vec<EntryBytes>, StoreError> {
        self.contents().range(log, range, EntryBytes::clone)
    }

    fn leaf_hashes(&self, log: &OrganisationId, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.contents().range(log, range, EntryBytes::leaf_hash)
    }

    fn record(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().records.get(key).cloned())
    }

    fn record_names(&self, log: &OrganisationId) -> Result<Vec<String>, StoreError> {
        Ok(names(&self.contents().records, log))
    }

    fn projection(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().projections.get(key).cloned())
    }

    fn projection_names(&self, log: &OrganisationId) -> Result<Vec<String>, StoreError> {
        Ok(names(&self.contents().projections, log))
    }

    fn rows(
        &self,
        log: &OrganisationId,
        range: Range<&str>,
        most: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        let end = |name: &str| RecordKey { log: *log, name: name.to_owned() };
        let contents = self.contents();
        let rows = contents.rows.range(end(range.start)..end(range.end)).take(most);
        Ok(rows.map(|(key, bytes)| (key.name.clone(), bytes.clone())).collect())
    }

    fn row(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().rows.get(key).cloned())
    }

    fn commit(&mut self, batch: Batch) -> Result<Receipt, StoreError> {
        let fault = self.faults.remove(&self.commits);
        self.commits += 1;
        let failed = StoreError::Io { kind: std::io::ErrorKind::Other };
        if fault == Some(Fault::Lost) {
            return Err(failed);
        }
        let receipt = self.contents().commit(batch)?;
        if fault.is_some() { Err(failed) } else { Ok(receipt) }
    }

    fn finish_erasure(&mut self) -> Result<Erasure, StoreError> {
        Ok(Erasure::Done)
    }
}

impl Contents {
    /// Checks everything first, then applies what can no longer fail.
    fn commit(&mut self, batch: Batch) -> Result<Receipt, StoreError> {
        check_batch(&batch)?;
        for found in &batch.made_from {
            let same = match found {
                Found::Checkpoint(log, text) => {
                    self.logs.get(log).is_some_and(|log| log.head.checkpoint == *text)
                }
                Found::Projection(key, bytes) => self.projections.get(key) == bytes.as_ref(),
            };
            if !same {
                return Err(StoreError::Replaced { log: found.log() });
            }
        }
        let frontiers: Result<Vec<Frontier>, _> =
            batch.appends.iter().map(|append| extend(self.frontier(&append.log), append)).collect();
        let frontiers = frontiers?;
        let puts = batch.put_records.iter().chain(&batch.projections).chain(&batch.put_rows);
        let puts = puts.map(|(key, _)| key.log);
        for log in puts {
            if !self.logs.contains_key(&log) && !batch.appends.iter().any(|append| append.log == log) {
                return Err(StoreError::NoSuchLog { log });
            }
        }
        let replaced = batch.put_records.iter().any(|(key, _)| self.records.contains_key(key));
        let erased = replaced || !batch.delete_records.is_empty();
        let erasure = if erased { Erasure::Done } else { Erasure::NotAsked };
        let receipt = Receipt { appended: batch.appends.iter().map(Append::done).collect(), erasure };
        for (append, frontier) in batch.appends.into_iter().zip(frontiers) {
            let head = Head { frontier, checkpoint: append.checkpoint };
            let log = self.logs.entry(append.log).or_insert(Log { entries: Vec::new(), head: head.clone() });
            log.entries.extend(append.entries);
            log.head = head;
        }
        for key in &batch.delete_records {
            self.records.remove(key);
        }
        self.records.extend(batch.put_records);
        for key in &batch.delete_projections {
            self.projections.remove(key);
        }
        self.projections.extend(batch.projections);
        self.rows.retain(|key, _| !batch.clear_rows.contains(&key.log));
        for key in &batch.delete_rows {
            self.rows.remove(key);
        }
        self.rows.extend(batch.put_rows);
        Ok(receipt)
    }

    fn frontier(&self, log: &OrganisationId) -> Frontier {
        self.logs.get(log).map(|log| log.head.frontier.clone()).unwrap_or_default()
    }

    fn range<T>(
        &self,
        log: &OrganisationId,
        range: Range<u64>,
        of: impl Fn(&EntryBytes) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let entries = self.logs.get(log).map_or(&[][..], |log| &log.entries);
        check_range(log, &range, entries.len() as u64)?;
        let (start, end) = (range.start as usize, range.end as usize);
        let damaged = StoreError::Damaged { what: Damage::Entry(*log, range.start) };
        Ok(entries.get(start..end).ok_or(damaged)?.iter().map(of).collect())
    }
}

fn names(records: &BTreeMap<RecordKey, Vec<u8>>, log: &OrganisationId) -> Vec<String> {
    records.keys().filter(|key| key.log == *log).map(|key| key.name.clone()).collect()
}
