//! Reading the log for people.

use super::{Log, PublicVault, VaultError, commit};
use crate::ceremony::custodian;
use crate::ceremony::judge::NotCounted;
use crate::event::{Actor, Entry, EntryError, Event, Hash, Line};
use crate::log::entry::EntryBytes;
use crate::name::OrganisationId;
use crate::state::{Ceremony, Past};
use crate::store::Store;
use crate::time::Time;
use std::borrow::Cow;
use std::ops::Range;

/// Entries that are read from the store at once.
const PIECE: u64 = 512;

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
    /// Entries of a log, a piece at a time: never all of them in memory at once.
    pub fn walk(
        &self,
        id: &OrganisationId,
        range: Range<u64>,
    ) -> impl Iterator<Item = Result<Read, VaultError>> {
        let id = *id;
        pieces(range).flat_map(move |piece| {
            let (read, failed) = match self.store().entries(&id, piece.clone()) {
                Ok(entries) => (entries, None),
                Err(error) => (Vec::new(), Some(Err(error.into()))),
            };
            piece.zip(read).map(move |(index, line)| Read::of(id, index, line)).chain(failed)
        })
    }

    /// The first entries of a log as lines, for a message that carries them.
    pub(super) fn lines(&self, id: &OrganisationId, size: u64) -> Result<Vec<String>, VaultError> {
        let mut lines = Vec::new();
        for piece in pieces(0..size) {
            lines.extend(custodian::lines(&self.store().entries(id, piece)?));
        }
        Ok(lines)
    }

    /// A ceremony of this organisation: from the state while it is open, from its
    /// entries once it has ended.
    pub fn known<'a>(&self, log: &'a Log, ceremony: &Hash) -> Result<Cow<'a, Ceremony>, VaultError> {
        if let Some(open) = log.state.ceremonies.get(ceremony) {
            return Ok(Cow::Borrowed(open));
        }
        let past = self.past(log, |hash| hash == ceremony)?;
        let unknown = VaultError::NotCounted(NotCounted::UnknownCeremony(*ceremony));
        past.get(ceremony).cloned().map(Cow::Owned).ok_or(unknown)
    }

    /// What the entries tell of all wanted ceremonies, open and ended.
    pub fn past(&self, log: &Log, wanted: impl Fn(&Hash) -> bool) -> Result<Past, VaultError> {
        let mut past = Past::default();
        for entry in self.walk(&log.state.id, 0..log.state.size) {
            let entry = entry?;
            let event = entry.event.as_ref().filter(|event| event.ceremony().is_some_and(&wanted));
            event.iter().for_each(|event| past.note(entry.index, entry.time, event));
        }
        Ok(past)
    }

    /// What a log adds up to with everything that was appended since it was
    /// read: it must still be the log that it was then.
    pub fn advance(&self, mut log: Log) -> Result<Log, VaultError> {
        commit::advance(self.store(), &mut log)?;
        Ok(log)
    }
}

impl Read {
    fn of(log: OrganisationId, index: u64, line: EntryBytes) -> Result<Self, VaultError> {
        let bad = |why: EntryError| VaultError::BadEntry { log, index, why: why.into() };
        Ok(match Entry::from_line(&line).map_err(bad)? {
            Line::Known(entry) => Self {
                index,
                time: entry.time,
                actor: entry.actor,
                kind: entry.event.kind().to_owned(),
                line,
                event: Some(entry.event),
            },
            Line::Unknown { kind, time, actor } => Self { index, time, actor, kind, line, event: None },
        })
    }
}

/// A range in pieces, in order.
pub(super) fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    let starts = range.step_by(usize::try_from(PIECE).unwrap_or(usize::MAX));
    starts.map(move |start| start..end.min(start.saturating_add(PIECE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_range_once_and_in_order() {
        for (start, end) in [(0, 0), (0, 1), (0, PIECE), (0, PIECE + 1), (7, 3 * PIECE)] {
            let all: Vec<u64> = pieces(start..end).flatten().collect();
            assert_eq!(all, (start..end).collect::<Vec<_>>(), "{start}..{end}");
            assert!(pieces(start..end).all(|piece| piece.end - piece.start <= PIECE));
        }
    }
}
