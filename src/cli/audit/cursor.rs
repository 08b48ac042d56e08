//! The file that remembers how far a log was sent. It is replaced after the
//! sending, so that what is sent twice after a crash is possible, and what is
//! left out is not.

use crate::cli::error::CliError;
use crate::cli::files;
use crate::hex::Bytes;
use crate::name::OrganisationId;
use crate::store::Store;
use crate::vault::{PublicVault, VaultError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Longest cursor file in bytes.
const CAP: u64 = 4096;

/// What the file says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// Origin of the log.
    log: String,
    /// Entries that were sent; at least one.
    entries: u64,
    /// Leaf hash of the last of them: it must be the same log the next time.
    leaf: Bytes<32>,
}

/// Where a log's sending stands, and the file that remembers it, if one does.
pub struct Cursor {
    file: Option<PathBuf>,
    origin: String,
    next: u64,
}

impl Cursor {
    /// From its file; without one from the beginning. Refused is a file of
    /// another log, and one that says more than the log has.
    pub fn open(
        file: Option<&Path>,
        vault: &PublicVault,
        (id, origin): (&OrganisationId, &str),
    ) -> Result<Self, CliError> {
        let mut cursor = Self { file: file.map(Path::to_owned), origin: origin.to_owned(), next: 0 };
        let Some(file) = file.filter(|file| file.exists()) else { return Ok(cursor) };
        let damaged = || CliError::Cursor { path: file.to_owned(), why: "it is damaged".to_owned() };
        let bytes = files::read_capped(file, CAP)?;
        let sent: Sent = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if sent.to_bytes() != bytes || sent.entries == 0 {
            return Err(damaged());
        }
        if sent.log != origin {
            let why = format!("it is the cursor of log {}", crate::event::printable(&sent.log));
            return Err(CliError::Cursor { path: file.to_owned(), why });
        }
        let rewound = || CliError::Rewound { path: file.to_owned(), entries: sent.entries };
        if vault.store().size(id).map_err(VaultError::from)? < sent.entries {
            return Err(rewound());
        }
        let last = vault.store().leaf_hashes(id, sent.entries - 1..sent.entries).map_err(VaultError::from)?;
        if last != [sent.leaf] {
            return Err(rewound());
        }
        cursor.next = sent.entries;
        Ok(cursor)
    }

    /// The entry to be sent next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Everything up to and with this entry was sent.
    pub fn advance(&mut self, index: u64, leaf: Bytes<32>) -> Result<(), CliError> {
        self.next = index + 1;
        let Some(file) = &self.file else { return Ok(()) };
        let sent = Sent { log: self.origin.clone(), entries: self.next, leaf };
        files::replace(file, &sent.to_bytes())
    }
}

impl Sent {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a cursor is two strings and a number");
        bytes.push(b'\n');
        bytes
    }
}
