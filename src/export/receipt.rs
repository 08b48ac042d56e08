//! One entry's proof, to be kept and checked without the log. Which entry speaks
//! for a ceremony is decided here; nothing is replayed.

use super::{ExportError, Snapshot};
use crate::event::{Entry, Event, Line};
use crate::log::checkpoint::CheckpointError;
use crate::log::merkle::inclusion_proof;
use crate::log::{EntryBytes, Note, ProofFile};
use std::collections::BTreeSet;

/// Fewest digits that may stand for a ceremony.
const MIN_DIGITS: usize = 4;

/// A receipt that verifies: only this module makes one.
#[derive(Debug)]
pub struct Receipt {
    file: ProofFile,
    entry: EntryBytes,
    kind: String,
    size: u64,
}

impl Receipt {
    /// The proof file, with the entry in its `extra` line.
    pub fn file(&self) -> &ProofFile {
        &self.file
    }

    /// The entry that it proves.
    pub fn entry(&self) -> &EntryBytes {
        &self.entry
    }

    /// The entry's kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Size of the log at the checkpoint.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// A receipt of one entry, in the log as it is now.
pub fn of_entry(log: &Snapshot<'_>, index: u64) -> Result<Receipt, ExportError> {
    let entry = log.entry(index)?;
    let bad = |why| ExportError::BadEntry { index, why };
    let kind = match Entry::from_line(&entry).map_err(bad)? {
        Line::Known(entry) => entry.event.kind().to_owned(),
        Line::Unknown { kind, .. } => kind,
    };
    let leaves = log.leaf_hashes(0..log.size())?;
    let checkpoint = Note::parse(log.checkpoint().as_bytes()).map_err(CheckpointError::from)?;
    let file = ProofFile {
        extra: Some(entry.as_bytes().to_vec()),
        index,
        hashes: inclusion_proof(&leaves, index, log.size())?,
        checkpoint,
    };
    // What does not verify here would not verify anywhere.
    let signed = file.verify(&entry.leaf_hash(), log.key())?;
    Ok(Receipt { file, entry, kind, size: signed.size })
}

/// A receipt of a ceremony, by the first digits of its hash: of the last entry
/// that says `released`, or of the ceremony's last entry if nothing was released.
pub fn of_ceremony(log: &Snapshot<'_>, digits: &str) -> Result<Receipt, ExportError> {
    let mut ceremonies = BTreeSet::new();
    let (mut released, mut last) = (None, None);
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if digits.len() < MIN_DIGITS || !hexadecimal {
        return Err(ExportError::ManyCeremonies(digits.to_owned()));
    }
    // Only lines that name such a ceremony are read as entries.
    for (index, entry) in log.entries_with(&format!("\"ceremony\":\"{digits}"))? {
        let bad = |why| ExportError::BadEntry { index, why };
        let Line::Known(read) = Entry::from_line(&entry).map_err(bad)? else { continue };
        let Some(ceremony) = read.event.ceremony() else { continue };
        ceremonies.insert(*ceremony);
        last = Some(index);
        if matches!(read.event, Event::Released { .. }) {
            released = Some(index);
        }
    }
    match (ceremonies.len(), released.or(last)) {
        (1, Some(index)) => of_entry(log, index),
        (0, _) | (_, None) => Err(ExportError::NoCeremony(digits.to_owned())),
        _ => Err(ExportError::ManyCeremonies(digits.to_owned())),
    }
}
