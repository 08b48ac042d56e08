//! The log to be exported, as it stands at one moment: size and signed
//! checkpoint are read once, and what lies below a size never changes.

use super::ExportError;
use crate::event::{Entry, Line};
use crate::log::checkpoint::{self, CheckpointError};
use crate::log::{EntryBytes, Hash, VerifierKey};
use crate::name::{LogName, OrganisationId, Slug};
use crate::state::{Organisation, gate_epochs, log_keys};
use crate::store::Store;
use crate::time::Time;
use crate::vault::hierarchy::no_organisation;
use crate::vault::{EntryFault, PublicVault, VaultError};
use std::ops::Range;

/// One log at one moment.
pub struct Snapshot<'a> {
    store: &'a dyn Store,
    id: OrganisationId,
    key: VerifierKey,
    /// Keys of earlier epochs of the gate.
    former: Vec<VerifierKey>,
    note: String,
    size: u64,
    root: Hash,
}

impl<'a> Snapshot<'a> {
    /// A log of a vault, by its name.
    pub fn of(vault: &'a PublicVault, name: &LogName) -> Result<Self, ExportError> {
        match name {
            LogName::Organisation(slug) => Self::of_organisation(vault, slug),
            LogName::Vault => {
                let (state, id) = (vault.state(), vault.state().vault.into());
                let keys = log_keys(&state.log_origin(), &state.gates).map_err(CheckpointError::from)?;
                Self::of_keys(vault.store(), id, keys)
            }
        }
    }

    /// The log of an organisation. Its key is the one that the first entry announces,
    /// or to which that has handed over; the log is not replayed.
    pub fn of_organisation(vault: &'a PublicVault, organisation: &Slug) -> Result<Self, ExportError> {
        let id = *vault.state().by_slug(organisation).ok_or_else(|| no_organisation(organisation))?;
        let bad = |why: EntryFault| VaultError::BadEntry { log: id, index: 0, why };
        let first = vault.store().entries(&id, 0..1)?;
        let first = first.first().ok_or_else(|| bad(EntryFault::EndsBefore(1)))?;
        let line = Entry::from_line(first).map_err(|e| bad(e.into()))?;
        let begun = Organisation::begin(&line, &first.leaf_hash()).map_err(|e| bad(e.into()))?;
        vault.state().check_organisation(&begun).map_err(|e| bad(e.into()))?;
        let mut lines = Vec::new();
        // Every log is in the same epoch: only where there is a second one it is looked for.
        if vault.state().gate().epoch > begun.gate().epoch {
            let entries = vault.store().entries_with(&id, "\"gate-epoch-begun\":{")?;
            lines.extend(entries.iter().filter_map(|(_, entry)| Entry::from_line(entry).ok()));
        }
        let gates = gate_epochs(&id, begun.gate(), lines);
        let keys = log_keys(&begun.origin, &gates).map_err(CheckpointError::from)?;
        Self::of_keys(vault.store(), id, keys)
    }

    /// A log whose key is known. Its checkpoint must be signed by that key and
    /// state the size and root that the store has.
    pub fn of_log(store: &'a dyn Store, id: OrganisationId, key: VerifierKey) -> Result<Self, ExportError> {
        Self::of_keys(store, id, vec![key])
    }

    /// The same with the keys of all epochs of the gate, the present one last.
    fn of_keys(
        store: &'a dyn Store,
        id: OrganisationId,
        mut keys: Vec<VerifierKey>,
    ) -> Result<Self, ExportError> {
        let missing = || VaultError::NotFound { what: "log", name: id.to_string(), near: Vec::new() };
        let head = store.head(&id)?.ok_or_else(missing)?;
        let key = keys.pop().ok_or_else(missing)?;
        let signed = checkpoint::open(head.checkpoint.as_bytes(), &key)?;
        if (signed.size, signed.root) != (head.frontier.size(), head.frontier.root()) {
            return Err(ExportError::NotCovered { size: head.frontier.size() });
        }
        Ok(Self { store, id, key, former: keys, note: head.checkpoint, size: signed.size, root: signed.root })
    }

    /// Entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over them, as signed.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The log's key; its name is the log's origin.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The log's keys of before, in earlier epochs of the gate.
    pub fn former_keys(&self) -> &[VerifierKey] {
        &self.former
    }

    /// The signed checkpoint.
    pub fn checkpoint(&self) -> &str {
        &self.note
    }

    /// Entries of a range.
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<EntryBytes>, ExportError> {
        Ok(self.store.entries(&self.id, range)?)
    }

    /// The entries that contain a text, with their indices, in order.
    pub fn entries_with(&self, text: &str) -> Result<Vec<(u64, EntryBytes)>, ExportError> {
        let mut found = self.store.entries_with(&self.id, text)?;
        // Others may have appended since this moment.
        found.retain(|(index, _)| *index < self.size);
        Ok(found)
    }

    /// Leaf hashes of a range, without reading the entries.
    pub fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, ExportError> {
        Ok(self.store.leaf_hashes(&self.id, range)?)
    }

    /// One entry.
    pub fn entry(&self, index: u64) -> Result<EntryBytes, ExportError> {
        let outside = ExportError::NoEntry { index, size: self.size };
        if index >= self.size {
            return Err(outside);
        }
        self.entries(index..index + 1)?.pop().ok_or(outside)
    }

    /// The first entry that is not before a time. Entries stand in the order of
    /// their times, so few of them need to be read.
    pub fn first_since(&self, since: Time) -> Result<u64, ExportError> {
        let (mut low, mut high) = (0, self.size);
        let mut last = Time::default();
        while low < high {
            let middle = low + (high - low) / 2;
            let time = self.time_of(middle)?;
            if time < since {
                (low, last) = (middle + 1, time);
            } else {
                high = middle;
            }
        }
        if low == self.size { Err(ExportError::NothingSince { since, last }) } else { Ok(low) }
    }

    fn time_of(&self, index: u64) -> Result<Time, ExportError> {
        let line = Entry::from_line(&self.entry(index)?);
        match line.map_err(|why| ExportError::BadEntry { index, why })? {
            Line::Known(entry) => Ok(entry.time),
            Line::Unknown { time, .. } => Ok(time),
        }
    }
}
