//! Where a vault lies: logs with their checkpoints, erasable records beside
//! them, and projections: whole ones, and those that are read in parts, as rows.
//! This file is the contract; each backend is a file. Long, because the contract
//! is read together.
//!
//! What entries and records mean is not known here, no signature is verified,
//! and gate keys never come here. The only thing checked is that a checkpoint
//! states the size and root of the log that it is stored with.

mod erasable;
pub mod memory;
mod schema;
pub mod sqlite;

use crate::log::{Checkpoint, EntryBytes, Frontier, Hash};
use crate::name::OrganisationId;
use std::{io, ops::Range, path::PathBuf};

/// Longest record or projection in bytes.
pub const MAX_RECORD: usize = 64 * 1024 * 1024;

/// Longest name of a record or projection in bytes.
pub const MAX_NAME: usize = 255;

/// Largest log. Far above what can be reached; a stored size above it is damage.
pub const MAX_SIZE: u64 = 1 << 40;

/// Entries that are looked through at once.
const PIECE: usize = 512;

/// Entries that go to the end of one log, and the checkpoint that covers them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Append {
    /// The log; it comes to be with its first append.
    pub log: OrganisationId,
    /// Size that the log must have, 0 for a new one.
    pub expected_size: u64,
    /// New entries. None at all: only the checkpoint is replaced, by one for the
    /// same size (with a cosignature more, for example).
    pub entries: Vec<EntryBytes>,
    /// Signed checkpoint for the log with these entries.
    pub checkpoint: String,
}

/// Name of a record, projection or row, for example `sealed/<hex>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordKey {
    /// The log it lies beside.
    pub log: OrganisationId,
    /// 1 to [`MAX_NAME`] bytes of printable ASCII without spaces.
    pub name: String,
}

/// What one commit writes, all or nothing. Appends come first, at most one a
/// log; then records are deleted, then put; then projections likewise; then rows
/// are cleared, deleted, and put.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// Entries.
    pub appends: Vec<Append>,
    /// Records to write. An existing one is replaced, its old bytes destroyed
    /// as if deleted.
    pub put_records: Vec<(RecordKey, Vec<u8>)>,
    /// Records to destroy. That one is absent is no error, so that an
    /// interrupted destruction can be repeated.
    pub delete_records: Vec<RecordKey>,
    /// Projections to remove. That one is absent is no error.
    pub delete_projections: Vec<RecordKey>,
    /// Projections to write or replace. They must hold nothing that has to be
    /// erased: their old bytes are not hunted down.
    pub projections: Vec<(RecordKey, Vec<u8>)>,
    /// Logs of which every row is removed first.
    pub clear_rows: Vec<OrganisationId>,
    /// Rows to remove. That one is absent is no error.
    pub delete_rows: Vec<RecordKey>,
    /// Rows to write or replace. As projections, they must hold nothing that has
    /// to be erased.
    pub put_rows: Vec<(RecordKey, Vec<u8>)>,
    /// What it was made from. Unless all of it is still so, the batch is refused.
    pub made_from: Vec<Found>,
}

/// Something that was read, and from which a batch was made that replaces it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// The signed checkpoint of a log.
    Checkpoint(OrganisationId, String),
    /// A projection, or that there was none of that name.
    Projection(RecordKey, Option<Vec<u8>>),
}

impl Found {
    fn log(&self) -> OrganisationId {
        match self {
            Self::Checkpoint(log, _) => *log,
            Self::Projection(key, _) => key.log,
        }
    }
}

/// The end of one log, read at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Size and what is needed to append.
    pub frontier: Frontier,
    /// The signed checkpoint stored with the last commit.
    pub checkpoint: String,
}

/// Proof that a batch is durable: only a store's commit makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a receipt is the proof that the entries are durable"]
pub struct Receipt {
    appended: Vec<Appended>,
    erasure: Erasure,
}

/// One durable append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    log: OrganisationId,
    first: u64,
    count: u64,
}

/// Whether the bytes of destroyed records are gone from the store's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Erasure {
    /// The batch destroyed nothing.
    NotAsked,
    /// No file of the store holds them.
    Done,
    /// They can no longer be read through the store, but a reader that has not
    /// finished keeps the file that holds them from being cut. Tried again at
    /// the next destruction, at the next opening and by
    /// [`Store::finish_erasure`].
    Pending,
}

impl Receipt {
    /// The appends in the order of the batch.
    pub fn appended(&self) -> &[Appended] {
        &self.appended
    }

    /// What became of destroyed records.
    pub fn erasure(&self) -> Erasure {
        self.erasure
    }
}

impl Appended {
    /// The log.
    pub fn log(&self) -> OrganisationId {
        self.log
    }

    /// Index of the first new entry.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of new entries.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Size of the log with them.
    pub fn new_size(&self) -> u64 {
        self.first + self.count
    }
}

/// What a part of the store turned out to be when it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    /// The database's own structure.
    Database,
    /// Something beside the tables of the format, or one of them that is not as
    /// it was made: kind and name.
    Schema(String, String),
    /// The size and peaks of a log.
    Head(OrganisationId),
    /// An entry: absent, not an entry, or not what its leaf hash says.
    Entry(OrganisationId, u64),
    /// A record: absent in part.
    Record(OrganisationId, String),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Database => f.write_str("the database file"),
            Self::Schema(kind, name) => {
                write!(f, "the database's schema (the {kind} '{name}' is not what its format has)")
            }
            Self::Head(log) => write!(f, "the head of log {}", log.0.short()),
            Self::Entry(log, index) => write!(f, "entry {index} of log {}", log.0.short()),
            Self::Record(log, name) => write!(f, "record '{name}' of log {}", log.0.short()),
        }
    }
}

/// Rows of a database that no log accounts for: whoever can write to it could keep
/// things there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stray {
    /// Entries, records, projections or rows under the number of no log.
    Rows {
        /// What they are.
        what: &'static str,
        /// Number of the log that they claim.
        log: i64,
        /// How many there are.
        count: u64,
    },
    /// A record's contents, by their number, that no record names.
    Body(i64),
    /// A log under a number that no store gives.
    Number(OrganisationId, i64),
}

impl std::fmt::Display for Stray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows { what, log, count } => {
                write!(f, "{what} under the number {log}, which is no log's: {count}")
            }
            Self::Body(number) => write!(f, "a record's contents, number {number}, which no record names"),
            Self::Number(log, number) => {
                write!(f, "log {} lies under the number {number}, which no log is given", log.0.short())
            }
        }
    }
}

/// Why the store did not do what was asked. After a failed commit, see
/// [`StoreError::nothing_written`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// Somebody else appended first; read the log again and decide anew.
    #[error("log {} has {found} entries, not {expected}", log.0.short())]
    Conflict {
        /// The log.
        log: OrganisationId,
        /// Size the batch was made for.
        expected: u64,
        /// Size that it has.
        found: u64,
    },
    /// What the batch was made from is no longer so; read it again and decide anew.
    #[error("somebody else has replaced what was read of log {}", log.0.short())]
    Replaced {
        /// The log.
        log: OrganisationId,
    },
    /// The checkpoint does not state the size and root after the append, or is
    /// no checkpoint.
    #[error("the checkpoint for log {} does not cover its entries", log.0.short())]
    NotCovered {
        /// The log.
        log: OrganisationId,
    },
    /// Two appends to one log in one batch.
    #[error("log {} occurs twice in one batch", log.0.short())]
    LogTwice {
        /// The log.
        log: OrganisationId,
    },
    /// A record for, or entries of, a log that does not exist.
    #[error("there is no log {}", log.0.short())]
    NoSuchLog {
        /// The log.
        log: OrganisationId,
    },
    /// Entries that the log does not have.
    #[error("log {} has {size} entries: {start}..{end} is outside", log.0.short())]
    Outside {
        /// The log.
        log: OrganisationId,
        /// First wanted entry.
        start: u64,
        /// One past the last wanted entry.
        end: u64,
        /// Size of the log.
        size: u64,
    },
    /// Not a record's name.
    #[error("'{name}' is not the name of a record")]
    RecordName {
        /// What was given.
        name: String,
    },
    /// Longer than [`MAX_RECORD`].
    #[error("record '{name}' of {length} bytes is too long: the limit is {MAX_RECORD}")]
    RecordTooLong {
        /// Its name.
        name: String,
        /// Length in bytes.
        length: usize,
    },
    /// Another process is writing, and was for the whole waiting time.
    #[error("another process is writing to the vault")]
    Busy,
    /// No space is left.
    #[error("no space is left for the vault")]
    DiskFull,
    /// The file or its directory cannot be written, or was opened for reading.
    #[error("the vault cannot be written")]
    ReadOnly,
    /// What is stored is not what was written.
    #[error("{what} is damaged")]
    Damaged {
        /// What.
        what: Damage,
    },
    /// Written by a newer program.
    #[error("the vault has format {found}; this program knows formats up to {supported}")]
    NewerFormat {
        /// Format of the vault.
        found: u32,
        /// Newest format known here.
        supported: u32,
    },
    /// Written by an older program and opened for reading, so it cannot be
    /// migrated.
    #[error("the vault has format {found} and must be brought to format {supported}")]
    OlderFormat {
        /// Format of the vault.
        found: u32,
        /// Format needed.
        supported: u32,
    },
    /// A file that is something else.
    #[error("'{}' is not a vault", path.display())]
    NotAVault {
        /// The file.
        path: PathBuf,
    },
    /// There is a vault already.
    #[error("'{}' exists already", path.display())]
    AlreadyExists {
        /// The file.
        path: PathBuf,
    },
    /// There is no vault.
    #[error("'{}' does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused to open the file or its companions.
    #[error("'{}' cannot be opened", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("input or output failed: {kind}")]
    Io {
        /// What kind of failure.
        kind: io::ErrorKind,
    },
    /// The database engine failed otherwise (SQLite's extended result code).
    #[error("the database engine failed with code {code}")]
    Engine {
        /// The code.
        code: i32,
    },
}

impl StoreError {
    /// Whether a commit that failed so has certainly written nothing. After any
    /// other failure the batch is there or not, whole in either case: read the
    /// log again to learn which.
    pub fn nothing_written(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::Replaced { .. }
            | Self::NotCovered { .. }
            | Self::LogTwice { .. }
            | Self::NoSuchLog { .. }
            | Self::Outside { .. }
            | Self::RecordName { .. }
            | Self::RecordTooLong { .. }
            | Self::Busy
            | Self::ReadOnly
            | Self::NewerFormat { .. }
            | Self::OlderFormat { .. }
            | Self::NotAVault { .. }
            | Self::AlreadyExists { .. }
            | Self::Missing { .. }
            | Self::CannotOpen { .. } => true,
            Self::DiskFull | Self::Damaged { .. } | Self::Io { .. } | Self::Engine { .. } => false,
        }
    }
}

/// A vault's storage.
///
/// **Atomic.** A commit is either there whole or not at all, whatever happens
/// to the process, also at the next opening after `kill -9` or a power cut.
///
/// **Durable.** When [`commit`](Store::commit) returns a [`Receipt`], the batch
/// survives the loss of power. When it returns an error, see
/// [`StoreError::nothing_written`].
///
/// **Serialised.** Commits of all handles and processes happen one after the
/// other. An append names the size it was made for; of two made for one size
/// the second fails with `Conflict` and writes nothing. Of two that were made
/// from one checkpoint or projection and say so ([`Batch::made_from`]) the second
/// fails with `Replaced`, unless the first put back just what it had found.
/// Handles wait for each other for a while before they fail with `Busy`. The lock
/// is held inside `commit` only.
///
/// **Reads** see every commit that returned before they began, from whatever
/// handle, and nothing of a commit that has not finished. Two reads are two
/// moments, between which others may commit: [`head`](Store::head) gives size,
/// frontier and checkpoint of one moment, and what lies below a size never
/// changes.
///
/// **Not found** is never an error for what may be absent: a log that does not
/// exist has size 0, no head and no records; a record that does not exist is
/// `None`. Entries beyond the end of a log are an error, since their caller has
/// a wrong idea of the log.
///
/// **Append-only.** There is no way to change or remove an entry.
pub trait Store {
    /// All logs, in the order of their ids.
    fn logs(&self) -> Result<Vec<OrganisationId>, StoreError>;

    /// Frontier and checkpoint of one log, of one moment; `None` if the log
    /// does not exist.
    fn head(&self, log: &OrganisationId) -> Result<Option<Head>, StoreError>;

    /// Number of entries; 0 for a log that does not exist.
    fn size(&self, log: &OrganisationId) -> Result<u64, StoreError> {
        Ok(self.head(log)?.map_or(0, |head| head.frontier.size()))
    }

    /// The signed checkpoint stored last; `None` if the log does not exist.
    fn checkpoint(&self, log: &OrganisationId) -> Result<Option<String>, StoreError> {
        Ok(self.head(log)?.map(|head| head.checkpoint))
    }

    /// The entries of a range, each checked against its stored leaf hash.
    /// `Outside` if the log ends before the range does.
    fn entries(&self, log: &OrganisationId, range: Range<u64>) -> Result<Vec<EntryBytes>, StoreError>;

    /// The stored leaf hashes of a range, without reading the entries.
    /// `Outside` if the log ends before the range does.
    fn leaf_hashes(&self, log: &OrganisationId, range: Range<u64>) -> Result<Vec<Hash>, StoreError>;

    /// The entries that contain a text, with their indices, each checked against its
    /// stored leaf hash. A filter, so that few of a long log's entries are read as
    /// what they are: who asks looks at what the entry says.
    fn entries_with(&self, log: &OrganisationId, text: &str) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        let (size, mut found) = (self.size(log)?, Vec::new());
        for start in (0..size).step_by(PIECE) {
            let entries = self.entries(log, start..size.min(start + PIECE as u64))?;
            found.extend((start..).zip(entries).filter(|(_, entry)| entry.as_str().contains(text)));
        }
        Ok(found)
    }

    /// A record; `None` if there is none of that name.
    fn record(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError>;

    /// Names of a log's records, sorted.
    fn record_names(&self, log: &OrganisationId) -> Result<Vec<String>, StoreError>;

    /// A projection; `None` if there is none of that name.
    fn projection(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError>;

    /// Names of a log's projections, sorted.
    fn projection_names(&self, log: &OrganisationId) -> Result<Vec<String>, StoreError>;

    /// Rows of a log's projection whose names lie in a range, in the order of the
    /// names' bytes, at most `most` of them. It costs what it gives, however many
    /// rows there are.
    fn rows(
        &self,
        log: &OrganisationId,
        range: Range<&str>,
        most: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// One row; `None` if there is none of that name.
    fn row(&self, key: &RecordKey) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes a batch, atomically, and durably when it returns.
    fn commit(&mut self, batch: Batch) -> Result<Receipt, StoreError>;

    /// Tries again to remove bytes of destroyed records from all files, where a
    /// reader hindered it before. `Done` or `Pending`.
    fn finish_erasure(&mut self) -> Result<Erasure, StoreError>;
}

/// Checks what can be checked of a batch without looking at what is stored.
fn check_batch(batch: &Batch) -> Result<(), StoreError> {
    for (place, append) in batch.appends.iter().enumerate() {
        if batch.appends.iter().take(place).any(|other| other.log == append.log) {
            return Err(StoreError::LogTwice { log: append.log });
        }
    }
    let gone = batch.delete_records.iter().chain(&batch.delete_projections).chain(&batch.delete_rows);
    gone.into_iter().try_for_each(check_name)?;
    for (key, bytes) in batch.put_records.iter().chain(&batch.projections).chain(&batch.put_rows) {
        check_name(key)?;
        if bytes.len() > MAX_RECORD {
            return Err(StoreError::RecordTooLong { name: key.name.clone(), length: bytes.len() });
        }
    }
    Ok(())
}

fn check_name(key: &RecordKey) -> Result<(), StoreError> {
    let name = key.name.as_bytes();
    if (1..=MAX_NAME).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(StoreError::RecordName { name: key.name.clone() })
}

/// The frontier after an append to a log that ends in `before`: the expected
/// size must be the present one, and the checkpoint must state the new size and
/// root. So a log is never without a checkpoint for exactly what it holds.
fn extend(before: Frontier, append: &Append) -> Result<Frontier, StoreError> {
    let (log, expected, found) = (append.log, append.expected_size, before.size());
    if expected != found {
        return Err(StoreError::Conflict { log, expected, found });
    }
    let mut after = before;
    after.extend(append.entries.iter().map(EntryBytes::leaf_hash));
    match Checkpoint::unverified(append.checkpoint.as_bytes()) {
        Ok(covered) if covered.size == after.size() && covered.root == after.root() => Ok(after),
        _ => Err(StoreError::NotCovered { log }),
    }
}

impl Append {
    fn done(&self) -> Appended {
        Appended { log: self.log, first: self.expected_size, count: self.entries.len() as u64 }
    }
}

fn check_range(log: &OrganisationId, range: &Range<u64>, size: u64) -> Result<(), StoreError> {
    let Range { start, end } = *range;
    if start <= end && end <= size {
        return Ok(());
    }
    Err(StoreError::Outside { log: *log, start, end, size })
}
