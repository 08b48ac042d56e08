//! The default backend: one SQLite database, `vault.db`, in the vault's
//! directory. Needs no set-up; several processes may use it at once. No
//! network file systems: SQLite's locks and its shared memory need a local one. Long,
//! because every statement that is run on the database stands here.
//!
//! Write-ahead log, synced at each commit. Beside `vault.db` there are
//! `vault.db-wal` and `vault.db-shm` while a process has it open; the last one
//! to close it removes them. A copy of a vault is a copy of all three.

use super::erasable;
use super::schema::{self, Format, MIGRATIONS};
use super::{
    Append, Batch, Damage, Erasure, Found, Head, MAX_SIZE, Receipt, RecordKey, Store, StoreError, Stray,
    check_batch, check_range, extend,
};
use crate::hex::Bytes;
use crate::log::{EntryBytes, Frontier, Hash};
use crate::name::OrganisationId;
use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Params, Row, Transaction, params};
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod copy;
mod file;

use file::{
    bring_up_to_date, connect, connect_for_reading, existing, failed, failed_to_open, io_failed,
    make_directory, make_private_file, prepare, wal_path,
};

/// Name of the database in the vault's directory.
pub const FILE_NAME: &str = "vault.db";

/// How long a commit waits for other processes' commits.
const WAIT: Duration = Duration::from_secs(10);

/// How long an erasure waits for readers: it holds the write lock meanwhile.
const ERASURE_WAIT: Duration = Duration::from_secs(1);

/// A handle on a vault's database.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    writable: bool,
    erasure_pending: bool,
    newest: u32,
}

impl SqliteStore {
    /// Makes a new vault in `dir`, which is made if its parent exists. The file
    /// is for its owner alone (0600). A crash leaves no vault or an empty one;
    /// of two processes that create at once one succeeds.
    pub fn create(dir: &Path) -> Result<Self, StoreError> {
        make_directory(dir)?;
        let path = dir.join(FILE_NAME);
        make_private_file(&path)?;
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let exists = || StoreError::AlreadyExists { path: path.clone() };
        match schema::format(&connection) {
            Ok(Format::Empty) => prepare(&connection).map_err(|error| failed(error, &path))?,
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::NotADatabase) => {
                return Err(failed(error, &path));
            }
            _ => return Err(exists()),
        }
        let transaction = schema::begin(&mut connection).map_err(|error| failed(error, &path))?;
        // Asked again under the lock: another process may have been faster.
        match schema::format(&transaction).map_err(|error| failed(error, &path))? {
            Format::Empty => {}
            _ => return Err(exists()),
        }
        schema::migrate(&transaction, MIGRATIONS, 0)
            .and_then(|()| transaction.commit())
            .map_err(|error| failed(error, &path))?;
        // The file's name must survive a power cut as well as its contents.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_failed)?;
        Ok(Self { connection, path, writable: true, erasure_pending: false, newest: newest(MIGRATIONS) })
    }

    /// Opens the vault in `dir` for reading and writing, and brings an older
    /// format up to date.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, MIGRATIONS)
    }

    /// Opens the vault in `dir` for reading. On media that cannot be written it
    /// is read as a file that nobody changes; if it was not closed properly
    /// there, it cannot be opened.
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let path = existing(dir)?;
        let (connection, format) = connect_for_reading(&path)?;
        let found = schema::known_format(format, newest(MIGRATIONS), &path)?;
        let supported = newest(MIGRATIONS);
        schema::check_schema(&connection, MIGRATIONS, found)?;
        if found < supported {
            return Err(StoreError::OlderFormat { found, supported });
        }
        Ok(Self { connection, path, writable: false, erasure_pending: false, newest: supported })
    }

    fn open_with(dir: &Path, migrations: &[&str]) -> Result<Self, StoreError> {
        let path = existing(dir)?;
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let newest = newest(migrations);
        let format = schema::format(&connection).map_err(|error| failed_to_open(error, &path))?;
        let found = schema::known_format(format, newest, &path)?;
        schema::check_schema(&connection, migrations, found)?;
        if connection.is_readonly("main").map_err(|error| failed(error, &path))? {
            return Err(StoreError::ReadOnly);
        }
        prepare(&connection).map_err(|error| failed(error, &path))?;
        if found < newest {
            bring_up_to_date(&mut connection, migrations, &path)?;
        }
        let left_over = fs::metadata(wal_path(&path)).is_ok_and(|wal| wal.len() > 0);
        let mut store = Self { connection, path, writable: true, erasure_pending: left_over, newest };
        if left_over {
            // A crash, or a reader, may have kept an erasure from being finished.
            store.erase(Duration::ZERO);
        }
        Ok(store)
    }

    /// Until this is dropped, whatever this handle reads is of one moment,
    /// although others write meanwhile. Only for reading.
    pub fn moment(&self) -> Result<Moment<'_>, StoreError> {
        self.connection.unchecked_transaction().map(Moment).map_err(|error| self.failed(error))
    }

    /// Moves all committed pages into the database and cuts the write-ahead log
    /// to nothing, with which the last copies of erased bytes are gone: in the
    /// database `secure_delete` has overwritten them. What a failure leaves
    /// undone is pending, not wrong: the commit itself stands.
    fn erase(&mut self, wait: Duration) -> Erasure {
        let cut = self.connection.busy_timeout(wait).and_then(|()| {
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        });
        self.erasure_pending = !matches!(cut, Ok(0));
        if self.connection.busy_timeout(WAIT).is_err() || self.erasure_pending {
            return Erasure::Pending;
        }
        Erasure::Done
    }

    /// One transaction; gives whether it destroyed records.
    fn write(&mut self, batch: &Batch) -> Result<bool, StoreError> {
        let transaction = schema::begin(&mut self.connection).map_err(|error| failed(error, &self.path))?;
        let writing = Writing { transaction, path: &self.path };
        writing.check_format(self.newest)?;
        batch.made_from.iter().try_for_each(|found| writing.still(found))?;
        batch.appends.iter().try_for_each(|append| writing.append(append))?;
        let destroyed = writing.records(batch)?;
        writing.projections(batch)?;
        writing.rows(batch)?;
        // The commit point. Until the last page of the transaction, which carries
        // the mark that it is whole, is synced to the write-ahead log, a crash
        // leaves the vault as it was before the batch: at the next opening pages
        // without that mark are ignored. From then on a crash leaves the whole
        // batch. The call returns after the sync. If the sync itself fails,
        // either may turn out true; the caller gets an error and reads again.
        writing.transaction.commit().map_err(|error| failed(error, &self.path))?;
        Ok(destroyed)
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        failed(error, &self.path)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let row = self.connection.prepare_cached(sql).and_then(|mut s| s.query_row(params, read).optional());
        row.map_err(|error| self.failed(error))
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.failed(error))?;
        let rows = statement.query_map(params, read).and_then(Iterator::collect);
        rows.map_err(|error| self.failed(error))
    }

    /// Rows that no reader of a log is given: entries after its last one.
    pub fn entries_beyond(&self, log: &OrganisationId) -> Result<u64, StoreError> {
        let Some((number, head)) = self.one(SELECT_HEAD, [log.as_ref()], read_head)? else { return Ok(0) };
        let size = decode_head(log, head)?.frontier.size();
        let sql = "SELECT count(*) FROM entry WHERE position >= ?1 AND position < ?2";
        self.count(sql, [position(number, size), position(number, MAX_SIZE)])
    }

    /// Rows that belong to no log at all, and logs under numbers that none is given:
    /// SQLite counts from 1, and positions end before 2²³.
    pub fn strays(&self) -> Result<Vec<Stray>, StoreError> {
        let mut found = Vec::new();
        // A shift rounds down, as positions below 0 need; a division would not.
        for (what, table, log) in [
            ("entries", "entry", "position >> 40"),
            ("records", "record", "log"),
            ("projections", "projection", "log"),
            ("rows", "row", "log"),
        ] {
            let sql = format!(
                "SELECT {log}, count(*) FROM {table} WHERE {log} NOT IN (SELECT number FROM log) GROUP BY 1"
            );
            found.extend(self.all(&sql, [], |row| {
                let (log, count) = (row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs());
                Ok(Stray::Rows { what, log, count })
            })?);
        }
        let bodies = "SELECT number FROM body WHERE number NOT IN (SELECT body FROM record)";
        found.extend(self.all(bodies, [], |row| row.get(0).map(Stray::Body))?);
        let numbers = "SELECT id, number FROM log WHERE number NOT BETWEEN 1 AND 1 << 22";
        found.extend(
            self.all(numbers, [], |row| Ok(Stray::Number(OrganisationId(Bytes(row.get(0)?)), row.get(1)?)))?,
        );
        Ok(found)
    }

    /// A record, and whether its row holds nothing beside it: bytes could be hidden
    /// in what fills the row up. `None` if there is none of that name.
    pub fn record_and_padding(&self, key: &RecordKey) -> Result<Option<(Vec<u8>, bool)>, StoreError> {
        let sql = "SELECT length, bytes FROM record JOIN body ON number = body
             WHERE log = (SELECT number FROM log WHERE id = ?1) AND name = ?2";
        let row = self
            .one(sql, params![key.log.as_ref(), key.name], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)))?;
        let Some((length, body)) = row else { return Ok(None) };
        let damaged = || StoreError::Damaged { what: Damage::Record(key.log, key.name.clone()) };
        erasable::unwrap(body, length as usize).map(Some).ok_or_else(damaged)
    }

    /// How many rows of projections a log has, whatever their names are.
    pub fn count_rows(&self, log: &OrganisationId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM row WHERE log = (SELECT number FROM log WHERE id = ?1)";
        self.count(sql, [log.as_ref()])
    }

    fn count(&self, sql: &str, params: impl Params) -> Result<u64, StoreError> {
        Ok(self.one(sql, params, |row| row.get::<_, i64>(0))?.map_or(0, i64::unsigned_abs))
    }

    /// The positions of a range of entries that the log must have.
    fn positions(&self, log: &OrganisationId, range: &Range<u64>) -> Result<Range<i64>, StoreError> {
        let found = self.one(SELECT_HEAD, [log.as_ref()], read_head)?;
        let Some((number, head)) = found else {
            check_range(log, range, 0)?;
            return Ok(0..0);
        };
        check_range(log, range, decode_head(log, head)?.frontier.size())?;
        Ok(position(number, range.start)..position(number, range.end))
    }
}

const SELECT_HEAD: &str = "SELECT number, frontier, checkpoint FROM log WHERE id = ?1";
const SELECT_CHECKPOINT: &str = "SELECT checkpoint FROM log WHERE id = ?1";
const SELECT_PROJECTION: &str =
    "SELECT bytes FROM projection WHERE log = (SELECT number FROM log WHERE id = ?1) AND name = ?2";
const INSERT_LOG: &str = "INSERT INTO log (id, frontier, checkpoint) VALUES (?1, ?2, ?3)";
const UPDATE_LOG: &str = "UPDATE log SET frontier = ?2, checkpoint = ?3 WHERE number = ?1";
const INSERT_ENTRY: &str = "INSERT INTO entry (position, leaf, bytes) VALUES (?1, ?2, ?3)";
const DELETE_RECORD: &str =
    "DELETE FROM record WHERE log = (SELECT number FROM log WHERE id = ?1) AND name = ?2 RETURNING body";
const DELETE_BODY: &str = "DELETE FROM body WHERE number = ?1";
const INSERT_BODY: &str = "INSERT INTO body (bytes) VALUES (?1)";
const INSERT_RECORD: &str =
    "INSERT INTO record (log, name, length, body) SELECT number, ?2, ?3, ?4 FROM log WHERE id = ?1";
const DELETE_PROJECTION: &str =
    "DELETE FROM projection WHERE log = (SELECT number FROM log WHERE id = ?1) AND name = ?2";
const PUT_PROJECTION: &str =
    "INSERT INTO projection (log, name, bytes) SELECT number, ?2, ?3 FROM log WHERE id = ?1
     ON CONFLICT (log, name) DO UPDATE SET bytes = excluded.bytes";
const CLEAR_ROWS: &str = "DELETE FROM row WHERE log = (SELECT number FROM log WHERE id = ?1)";
const DELETE_ROW: &str = "DELETE FROM row WHERE log = (SELECT number FROM log WHERE id = ?1) AND name = ?2";
const PUT_ROW: &str = "INSERT INTO row (log, name, bytes) SELECT number, ?2, ?3 FROM log WHERE id = ?1
     ON CONFLICT (log, name) DO UPDATE SET bytes = excluded.bytes";

impl Store for SqliteStore {
    fn logs(&self) -> Result<Vec<OrganisationId>, StoreError> {
        self.all("SELECT id FROM log ORDER BY id", [], |row| Ok(OrganisationId(Bytes(row.get(0)?))))
    }

    fn head(&self, log: &OrganisationId) -> Result<Option<Head>, StoreError> {
        let found = self.one(SELECT_HEAD, [log.as_ref()], read_head)?;
        found.map(|(_, head)| decode_head(log, head)).transpose()
    }

    fn entries(&self, log: &OrganisationId, range: Range<u64>) -> Result<Vec<EntryBytes>, StoreError> {
        let Range { start, end } = self.positions(log, &range)?;
        let sql = "SELECT position, leaf, bytes FROM entry WHERE position >= ?1 AND position < ?2 ORDER BY position";
        let rows = self.all(sql, [start, end], |row| {
            Ok((row.get::<_, i64>(0)?, Bytes(row.get::<_, [u8; 32]>(1)?), row.get::<_, Vec<u8>>(2)?))
        })?;
        let mut entries = Vec::with_capacity(rows.len());
        for ((found, leaf, bytes), index) in rows.into_iter().zip(range.clone()) {
            let entry = EntryBytes::new(bytes).ok().filter(|entry| entry.leaf_hash() == leaf);
            let in_place = found - start == (index - range.start) as i64;
            let damaged = StoreError::Damaged { what: Damage::Entry(*log, index) };
            entries.push(entry.filter(|_| in_place).ok_or(damaged)?);
        }
        all_there(log, &range, entries)
    }

    fn entries_with(&self, log: &OrganisationId, text: &str) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        let Range { start, end } = self.positions(log, &(0..self.size(log)?))?;
        let sql = "SELECT position, leaf, bytes FROM entry
             WHERE position >= ?1 AND position < ?2 AND instr(bytes, ?3) ORDER BY position";
        let rows = self.all(sql, params![start, end, text.as_bytes()], |row| {
            Ok((row.get::<_, i64>(0)?, Bytes(row.get::<_, [u8; 32]>(1)?), row.get::<_, Vec<u8>>(2)?))
        })?;
        let read = |(position, leaf, bytes): (i64, Hash, Vec<u8>)| {
            let index = (position - start).unsigned_abs();
            let entry = EntryBytes::new(bytes).ok().filter(|entry| entry.leaf_hash() == leaf);
            let damaged = StoreError::Damaged { what: Damage::Entry(*log, index) };
            entry.map(|entry| (index, entry)).ok_or(damaged)
        };
        rows.into_iter().map(read).collect()
    }

    fn leaf_hashes(&self, log: &OrganisationId, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let Range { start, end } = self.positions(log, &range)?;
        let sql = "SELECT leaf FROM entry WHERE position >= ?1 AND position < ?2 ORDER BY position";
        let leaves = self.all(sql, [start, end], |row| Ok(Bytes(row.get(0)?)))?;
        all_there(log, &range, leaves)
    }

    fn record(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.record_and_padding(key)?.map(|(record, _)| record))
    }

    fn record_names(&self, log: &OrganisationId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM record WHERE log = (SELECT number FROM log WHERE id = ?1) ORDER BY name";
        self.all(sql, [log.as_ref()], |row| row.get(0))
    }

    fn projection(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.one(SELECT_PROJECTION, params![key.log.as_ref(), key.name], |row| row.get(0))
    }

    fn projection_names(&self, log: &OrganisationId) -> Result<Vec<String>, StoreError> {
        let sql =
            "SELECT name FROM projection WHERE log = (SELECT number FROM log WHERE id = ?1) ORDER BY name";
        self.all(sql, [log.as_ref()], |row| row.get(0))
    }

    fn rows(
        &self,
        log: &OrganisationId,
        range: Range<&str>,
        most: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let sql = "SELECT name, bytes FROM row WHERE log = (SELECT number FROM log WHERE id = ?1)
             AND name >= ?2 AND name < ?3 ORDER BY name LIMIT ?4";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(sql, params![log.as_ref(), range.start, range.end, most], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    fn row(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM row WHERE log = (SELECT number FROM log WHERE id = ?1) AND name = ?2";
        self.one(sql, params![key.log.as_ref(), key.name], |row| row.get(0))
    }

    fn commit(&mut self, batch: Batch) -> Result<Receipt, StoreError> {
        if !self.writable {
            return Err(StoreError::ReadOnly);
        }
        check_batch(&batch)?;
        let destroyed = self.write(&batch)?;
        let appended = batch.appends.iter().map(Append::done).collect();
        // A crash between the commit and the end of the erasure leaves erased
        // bytes in the write-ahead log; the next opening finishes it.
        let erasure = match (destroyed, self.erasure_pending) {
            (true, _) => self.erase(ERASURE_WAIT),
            (false, true) => self.erase(Duration::ZERO),
            (false, false) => Erasure::NotAsked,
        };
        Ok(Receipt { appended, erasure })
    }

    fn finish_erasure(&mut self) -> Result<Erasure, StoreError> {
        if self.writable { Ok(self.erase(ERASURE_WAIT)) } else { Err(StoreError::ReadOnly) }
    }
}

/// One moment of the store: see [`SqliteStore::moment`].
#[derive(Debug)]
#[must_use = "the moment is over when this is dropped"]
pub struct Moment<'a>(#[expect(dead_code, reason = "held for its end alone")] Transaction<'a>);

/// A transaction that holds the write lock; dropped, it leaves no trace.
struct Writing<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
}

impl Writing<'_> {
    /// A newer program may have migrated the vault since it was opened here.
    fn check_format(&self, newest: u32) -> Result<(), StoreError> {
        let read = self.transaction.prepare_cached("PRAGMA user_version");
        let found = read.and_then(|mut statement| statement.query_row([], |row| row.get::<_, u32>(0)));
        match found.map_err(|error| failed(error, self.path))? {
            found if found > newest => Err(StoreError::NewerFormat { found, supported: newest }),
            _ => Ok(()),
        }
    }

    fn still(&self, found: &Found) -> Result<(), StoreError> {
        let same = match found {
            Found::Checkpoint(log, text) => {
                self.value::<String>(SELECT_CHECKPOINT, params![log.as_ref()])?.as_ref() == Some(text)
            }
            Found::Projection(key, bytes) => {
                self.value::<Vec<u8>>(SELECT_PROJECTION, params![key.log.as_ref(), key.name])? == *bytes
            }
        };
        if same { Ok(()) } else { Err(StoreError::Replaced { log: found.log() }) }
    }

    fn value<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<Option<T>, StoreError> {
        let value = self
            .transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, |row| row.get(0)).optional());
        value.map_err(|error| failed(error, self.path))
    }

    fn append(&self, append: &Append) -> Result<(), StoreError> {
        let found = self
            .transaction
            .prepare_cached(SELECT_HEAD)
            .and_then(|mut statement| statement.query_row([append.log.as_ref()], read_head).optional());
        let found = found.map_err(|error| failed(error, self.path))?;
        let (number, before) = match found {
            Some((number, head)) => (Some(number), decode_head(&append.log, head)?.frontier),
            None => (None, Frontier::new()),
        };
        let after = extend(before, append)?.to_bytes();
        let number = match number {
            Some(number) => {
                self.run(UPDATE_LOG, params![number, after, append.checkpoint])?;
                number
            }
            None => {
                self.run(INSERT_LOG, params![append.log.as_ref(), after, append.checkpoint])?;
                self.transaction.last_insert_rowid()
            }
        };
        for (entry, index) in append.entries.iter().zip(append.expected_size..) {
            let position = position(number, index);
            self.run(INSERT_ENTRY, params![position, entry.leaf_hash().as_ref(), entry.as_bytes()])?;
        }
        Ok(())
    }

    /// Gives whether bytes were destroyed, or had been asked to be: a repeated
    /// destruction finds no record any more but may have an erasure to finish.
    fn records(&self, batch: &Batch) -> Result<bool, StoreError> {
        let mut destroyed = !batch.delete_records.is_empty();
        for key in &batch.delete_records {
            self.destroy(key)?;
        }
        for (key, bytes) in &batch.put_records {
            destroyed |= self.destroy(key)?;
            self.run(INSERT_BODY, [erasable::wrap(bytes)])?;
            let body = self.transaction.last_insert_rowid();
            match self.run(INSERT_RECORD, params![key.log.as_ref(), key.name, bytes.len() as i64, body])? {
                0 => return Err(StoreError::NoSuchLog { log: key.log }),
                _ => continue,
            }
        }
        Ok(destroyed)
    }

    fn destroy(&self, key: &RecordKey) -> Result<bool, StoreError> {
        let body = self.transaction.prepare_cached(DELETE_RECORD).and_then(|mut statement| {
            let body = statement.query_row(params![key.log.as_ref(), key.name], |row| row.get::<_, i64>(0));
            body.optional()
        });
        match body.map_err(|error| failed(error, self.path))? {
            Some(body) => self.run(DELETE_BODY, [body]).map(|_| true),
            None => Ok(false),
        }
    }

    fn projections(&self, batch: &Batch) -> Result<(), StoreError> {
        for key in &batch.delete_projections {
            self.run(DELETE_PROJECTION, params![key.log.as_ref(), key.name])?;
        }
        for (key, bytes) in &batch.projections {
            if self.run(PUT_PROJECTION, params![key.log.as_ref(), key.name, bytes])? == 0 {
                return Err(StoreError::NoSuchLog { log: key.log });
            }
        }
        Ok(())
    }

    fn rows(&self, batch: &Batch) -> Result<(), StoreError> {
        for log in &batch.clear_rows {
            self.run(CLEAR_ROWS, [log.as_ref()])?;
        }
        for key in &batch.delete_rows {
            self.run(DELETE_ROW, params![key.log.as_ref(), key.name])?;
        }
        for (key, bytes) in &batch.put_rows {
            if self.run(PUT_ROW, params![key.log.as_ref(), key.name, bytes])? == 0 {
                return Err(StoreError::NoSuchLog { log: key.log });
            }
        }
        Ok(())
    }

    fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let done = self.transaction.prepare_cached(sql).and_then(|mut statement| statement.execute(params));
        done.map_err(|error| failed(error, self.path))
    }
}

fn newest(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).expect("migrations are few")
}

fn position(number: i64, index: u64) -> i64 {
    // Only damage gives a number for which this is more than 63 bits.
    number.saturating_mul(MAX_SIZE as i64).saturating_add(index as i64)
}

type RawHead = (Vec<u8>, String);

fn read_head(row: &Row<'_>) -> rusqlite::Result<(i64, RawHead)> {
    Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
}

fn decode_head(log: &OrganisationId, (frontier, checkpoint): RawHead) -> Result<Head, StoreError> {
    let frontier = Frontier::from_bytes(&frontier).filter(|frontier| frontier.size() < MAX_SIZE);
    let frontier = frontier.ok_or(StoreError::Damaged { what: Damage::Head(*log) })?;
    Ok(Head { frontier, checkpoint })
}

fn all_there<T>(log: &OrganisationId, range: &Range<u64>, found: Vec<T>) -> Result<Vec<T>, StoreError> {
    let count = found.len() as u64;
    if count == range.end - range.start {
        return Ok(found);
    }
    Err(StoreError::Damaged { what: Damage::Entry(*log, range.start + count) })
}

#[cfg(test)]
mod tests;
