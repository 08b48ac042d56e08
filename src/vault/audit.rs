//! Reading the log for people.

use super::{PublicVault, VaultError};
use crate::event::{Actor, Entry, EntryError, Event, Line};
use crate::log::entry::EntryBytes;
use crate::name::OrganisationId;
use crate::store::Store;
use crate::time::Time;

/// One entry for reading.
#[derive(Debug, Clone)]
pub struct Read {
    /// Which, from 0.
    pub index: u64,
    /// When.
    pub time: Time,
    /// Who.
    pub actor: Actor,
    /// Its kind.
    pub kind: String,
    /// The line as it is stored.
    pub line: EntryBytes,
    /// The event, if its kind is known here.
    pub event: Option<Event>,
}

impl PublicVault {
    /// The entries of a log, as they stand.
    pub fn read_log(&self, id: &OrganisationId) -> Result<Vec<Read>, VaultError> {
        let size = self.store().size(id)?;
        let entries = self.store().entries(id, 0..size)?;
        (0u64..)
            .zip(entries)
            .map(|(index, line)| {
                let bad = |why: EntryError| VaultError::BadEntry { log: *id, index, why: why.into() };
                Ok(match Entry::from_line(&line).map_err(bad)? {
                    Line::Known(entry) => Read {
                        index,
                        time: entry.time,
                        actor: entry.actor,
                        kind: entry.event.kind().to_owned(),
                        line,
                        event: Some(entry.event),
                    },
                    Line::Unknown { kind, time, actor } => {
                        Read { index, time, actor, kind, line, event: None }
                    }
                })
            })
            .collect()
    }
}
