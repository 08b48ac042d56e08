//! Verifying a log wherever it lies: in a vault, or in a copy that was exported.
//! Where that is, and how it is read, is not known here.
//!
//! `engine` reads a log once, from its first entry to its last, in memory that
//! does not grow with it (but for what its entries add up to); `batch` verifies
//! signatures many at a time; `diagnosis` looks again at a log that is wrong, for
//! the first bad entry and for what was done to it.

mod batch;
mod diagnosis;
mod engine;
pub mod recoverability;
mod state;
mod verdict;

pub use batch::first_wrong;
pub use engine::{Options, verify};
pub use state::State;
pub use verdict::{Finding, Tampering, Verdict};

use crate::log::{EntryBytes, Hash};
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

/// Why a part of a log cannot be had.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SourceError {
    /// A file is absent, or not what it must be.
    #[error("{file}: {why}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// An entry is absent or damaged.
    #[error("entry {index}: {why}")]
    Entry {
        /// Which, from 0.
        index: u64,
        /// What is wrong.
        why: String,
    },
}
