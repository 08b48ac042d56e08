//! A log as files that anybody can serve, copy and check without this program:
//! the tree of C2SP tlog-tiles. What its entries mean is not known here, and
//! nothing is decided.
//!
//! ```text
//! DIR/checkpoint            signed size and root; replaced last
//! DIR/tile/<level>/<n>      hashes, 256 a file
//! DIR/tile/entries/<n>      entries, 256 a file
//! DIR/log.vkey              the log's verifier key
//! DIR/policy                whose log it is, in the form of a policy
//! DIR/policies/<group>      whose cosignatures a group's releases wait for
//! DIR/records               if asked for: what lies beside the log of current versions
//! DIR/first                 a period's evidence only: first entry that is there
//! DIR/README                how to check all this
//! DIR/.new/                 while an export runs, or was interrupted
//! ```
//!
//! `snapshot` is the log that is exported, `write` the export, `read` an export
//! as a source of entries, `check` its tiles against each other and the
//! checkpoint, `texts` the files beside them, `records` what lies beside the log,
//! `receipt` one entry's proof.

mod check;
mod read;
mod receipt;
mod records;
mod snapshot;
mod texts;
mod write;

pub use check::{
    Fault, Finding, MAX_FINDINGS, check_records, check_texts, check_tiles, check_tiles_and_tell,
};
pub use read::Directory;
pub use receipt::{Receipt, of_ceremony, of_entry};
pub use records::{Copied, CopiedRecords, MAX_RECORD};
pub use snapshot::Snapshot;
pub use texts::Policies;
pub use write::{Exported, export, export_with_records};

use crate::audit::Lack;
use crate::event::EntryError;
use crate::log::checkpoint::CheckpointError;
use crate::log::merkle::ProofError;
use crate::log::proof_file::ProofFileError;
use crate::store::StoreError;
use crate::time::Time;
use crate::vault::VaultError;
use std::path::{Path, PathBuf};

/// The signed checkpoint's file.
pub const CHECKPOINT: &str = "checkpoint";
/// The verifier key's file.
pub const KEY: &str = "log.vkey";
/// The file that says whose log it is, as a policy (C2SP tlog-policy).
pub const POLICY: &str = "policy";
/// Folder of the groups' witness policies in force, a file a group.
pub const POLICIES: &str = "policies";
/// The file for auditors.
pub const README: &str = "README";
/// File that says which is the first entry of a period's evidence.
pub const FIRST: &str = "first";
/// The file with what lies beside the log of current versions.
pub const RECORDS: &str = "records";
/// Folder of tiles and bundles.
pub const TILES: &str = "tile";
/// Folder in which files are written before they are put in their place.
pub const STAGING: &str = ".new";

/// Why nothing was exported, or proven.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// From the vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault's checkpoint is not one that the log's key signed.
    #[error("the checkpoint of the vault is wrong: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The vault's entries are not those of its checkpoint.
    #[error("the {size} entries of the vault do not lead to the root of its checkpoint")]
    NotCovered {
        /// Entries.
        size: u64,
    },
    /// An entry cannot be read.
    #[error("entry {index} is wrong: {why}")]
    BadEntry {
        /// Which, from 0.
        index: u64,
        /// Why.
        why: EntryError,
    },
    /// The directory holds something else.
    #[error("{} is neither empty nor an exported log", .0.display())]
    NotAnExport(PathBuf),
    /// The directory holds another log, or one of another key.
    #[error("{} holds the log of {found}, not of {wanted}", dir.display())]
    OtherLog {
        /// The directory.
        dir: PathBuf,
        /// Verifier key there.
        found: String,
        /// Verifier key of the log that was to be exported.
        wanted: String,
    },
    /// A file of the export cannot be read as what it is.
    #[error("{}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: Lack,
    },
    /// The directory knows more entries than the vault.
    #[error("{} holds {there} entries of {origin}, the vault only {here}", dir.display())]
    Longer {
        /// The directory.
        dir: PathBuf,
        /// The log.
        origin: String,
        /// Entries exported.
        there: u64,
        /// Entries of the vault.
        here: u64,
    },
    /// The directory's entries are others than the vault's.
    #[error("the first {size} entries of {origin} in {} are not those of the vault", dir.display())]
    Forked {
        /// The directory.
        dir: PathBuf,
        /// The log.
        origin: String,
        /// Entries exported.
        size: u64,
    },
    /// Nothing happened in the period.
    #[error("there is no entry since {}; the last is of {}", since.to_minute(), last.to_minute())]
    NothingSince {
        /// Beginning of the period.
        since: Time,
        /// Time of the last entry.
        last: Time,
    },
    /// The vault went on while its records were copied.
    #[error("the vault was written while its records were copied")]
    Changed,
    /// A record cannot be read, or is longer than any record.
    #[error("the record of {0} cannot be copied")]
    Record(String),
    /// Another export into this directory is running.
    #[error("another export into {} is running", .0.display())]
    Busy(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The log has no such entry.
    #[error("the log has {size} entries: there is no entry {index}")]
    NoEntry {
        /// Wanted.
        index: u64,
        /// Entries.
        size: u64,
    },
    /// No entry speaks of such a ceremony.
    #[error("no entry speaks of a ceremony '{0}'")]
    NoCeremony(String),
    /// The digits are those of several ceremonies.
    #[error("'{0}' does not name one ceremony")]
    ManyCeremonies(String),
    /// A proof cannot be made.
    #[error("the proof cannot be made: {0}")]
    Proof(#[from] ProofError),
    /// The receipt does not verify: nothing was given out.
    #[error("the receipt does not verify: {0}")]
    Receipt(#[from] ProofFileError),
}

impl ExportError {
    fn file(path: &Path, why: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), why }
    }
}

#[cfg(test)]
mod tests;
