//! Where a log that is verified comes from, and why a part of it cannot be had.
//! Nothing is read or judged here.

use crate::log::checkpoint::CheckpointError;
use crate::log::note::NoteError;
use crate::log::tile::TileError;
use crate::log::{EntryBytes, Hash};
use std::io::ErrorKind;
use std::ops::Range;

/// Most entries that are asked for at once: a bundle.
pub const BATCH: u64 = 256;

/// A log to be verified, wherever it lies: a vault or an exported copy.
pub trait Source {
    /// The signed note that states size and root.
    fn checkpoint(&self) -> Result<Vec<u8>, SourceError>;

    /// Entries of a range, at most [`BATCH`] of them.
    fn entries(&self, range: Range<u64>) -> Result<Vec<EntryBytes>, SourceError>;

    /// First entry that the source holds: 0, unless it is a period's evidence.
    fn first(&self) -> u64 {
        0
    }

    /// Leaf hashes of entries before `first`, and whatever stored hashes there
    /// are to compare with those of the entries.
    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, SourceError>;
}

/// Which part of a log cannot be had.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SourceError {
    /// A file is absent, or not what it must be.
    #[error("{file}: {why}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong.
        why: Lack,
    },
    /// An entry is absent or damaged.
    #[error("entry {index}: {}{why}", in_file(.file.as_deref()))]
    Entry {
        /// Which, from 0.
        index: u64,
        /// Name of the file that should hold it, where entries lie in files.
        file: Option<String>,
        /// What is wrong.
        why: Lack,
    },
}

impl SourceError {
    /// An entry that does not lie in a file.
    pub fn entry(index: u64, why: Lack) -> Self {
        Self::Entry { index, file: None, why }
    }

    /// What is wrong, where it is known already which entry is.
    pub fn of_entry(&self) -> String {
        match self {
            Self::Entry { file, why, .. } => format!("{}{why}", in_file(file.as_deref())),
            Self::File { .. } => self.to_string(),
        }
    }
}

fn in_file(file: Option<&str>) -> String {
    file.map(|file| format!("{file}: ")).unwrap_or_default()
}

/// Why a file or an entry cannot be had.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Lack {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// An entry that is not there, is none, or has another hash than is stored for it.
    #[error("it is absent, no entry, or not what its stored leaf hash says")]
    Altered,
    /// The system refused, or failed at, reading it.
    #[error("it cannot be read: {0}")]
    Reading(ErrorKind),
    /// The database engine failed at reading it (SQLite's extended result code).
    #[error("it cannot be read: the database engine failed with code {0}")]
    Engine(i32),
    /// A folder, a link or a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// More than there ever is in such a file.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// Not UTF-8.
    #[error("it is not text")]
    NotText,
    /// No checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Not the records of an export, or cut.
    #[error("it is not a file of records, or it is cut")]
    NotRecords,
    /// A checkpoint of more entries than any log has.
    #[error("no log has {0} entries")]
    Entries(u64),
    /// No verifier key.
    #[error(transparent)]
    Key(#[from] NoteError),
    /// No tile or bundle.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// Not a number at which a period's evidence can begin.
    #[error("it is not the number of a bundle's first entry")]
    NotAFirst,
    /// A period's evidence would begin after the log's last entry.
    #[error("no period begins at entry {first}: the log has only {size} entries")]
    FirstBeyond {
        /// Where it says that the period begins.
        first: u64,
        /// Entries of the log.
        size: u64,
    },
    /// An entry beyond the last one.
    #[error("the log has {0} entries")]
    Outside(u64),
    /// An entry before those of a period's evidence.
    #[error("this is a period's evidence, from entry {0} on")]
    Before(u64),
}
