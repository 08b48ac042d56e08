//! What the vault's own log adds up to.

use super::apply::{by_host, check_gate_epoch};
use super::{Claims, Invalid, Organisation, Strict};
use crate::event::{Actor, Entry, Event, GateEpoch, Line, SCHEMA};
use crate::hex::Bytes;
use crate::log::note::{KeyType, NoteError, VerifierKey};
use crate::name::{OrganisationId, Origin, Slug, VaultId};
use crate::time::Time;
use serde::Serialize;
use std::collections::BTreeMap;

/// The vault itself.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct VaultState {
    /// Entries so far.
    pub size: u64,
    /// Time of the last entry.
    pub last: Time,
    /// Its id.
    pub vault: VaultId,
    /// Base of every log's origin.
    pub origin: Origin,
    /// The gate's epochs for this log.
    pub gates: Vec<GateEpoch>,
    /// Organisations.
    pub organisations: BTreeMap<OrganisationId, Slug>,
    /// Leaf hash of the first entry of each one's log.
    pub first_entries: BTreeMap<OrganisationId, Bytes<32>>,
}

impl VaultState {
    /// Begins with the log's first line; verifies its signature.
    pub fn begin(line: &Line) -> Result<Self, Invalid> {
        Self::begin_claiming(line, &mut Strict)
    }

    /// As [`VaultState::begin`], but the signature goes to `claims`.
    pub fn begin_claiming(line: &Line, claims: &mut dyn Claims) -> Result<Self, Invalid> {
        let Line::Known(entry) = line else { return Err(Invalid::FirstEntry) };
        let Entry { v: SCHEMA, time, actor: Actor::Host, event } = &**entry else {
            return Err(Invalid::FirstEntry);
        };
        let Event::VaultCreated { vault, origin, gate } = event else {
            return Err(Invalid::FirstEntry);
        };
        check_gate_epoch(&(*vault).into(), gate, 1, claims)?;
        Ok(Self {
            size: 1,
            last: *time,
            vault: *vault,
            origin: origin.clone(),
            gates: vec![gate.clone()],
            organisations: BTreeMap::new(),
            first_entries: BTreeMap::new(),
        })
    }

    /// Adds a line.
    pub fn apply(&mut self, line: &Line, _leaf: &Bytes<32>) -> Result<(), Invalid> {
        if let Line::Known(entry) = line {
            if entry.v != SCHEMA {
                return Err(Invalid::Schema(entry.v));
            }
            by_host(&entry.actor)?;
            if entry.time < self.last {
                return Err(Invalid::BackInTime { last: self.last, time: entry.time });
            }
            match &entry.event {
                Event::OrganisationAdded { organisation, slug, first_entry } => {
                    if self.organisations.contains_key(organisation) || self.by_slug(slug).is_some() {
                        return Err(Invalid::Duplicate(slug.to_string()));
                    }
                    self.organisations.insert(*organisation, slug.clone());
                    self.first_entries.insert(*organisation, *first_entry);
                }
                other => return Err(Invalid::Misplaced(other.kind())),
            }
            self.last = entry.time;
        }
        self.size += 1;
        Ok(())
    }

    /// Checks that a log is the one that this vault began for that organisation:
    /// a log announces its own key, so that whoever can write the database could
    /// put another whole one in its place.
    pub fn check_organisation(&self, log: &Organisation) -> Result<(), Invalid> {
        let as_added = self.first_entries.get(&log.id) == Some(&log.first_entry)
            && self.organisations.get(&log.id) == Some(&log.slug);
        let of_vault = log.vault == self.vault && log.origin == Origin::of_log(&self.origin, &log.id);
        if as_added && of_vault { Ok(()) } else { Err(Invalid::OtherLogBegun) }
    }

    /// The key that signs this log's checkpoints.
    pub fn log_key(&self) -> Result<VerifierKey, NoteError> {
        let origin = Origin::of_log(&self.origin, &self.vault.into());
        let gate = self.gates.last().expect("a log begins with its first gate epoch");
        VerifierKey::new(origin.as_str(), KeyType::Ed25519, &gate.log_key)
    }

    /// An organisation by the name in its address.
    pub fn by_slug(&self, slug: &Slug) -> Option<&OrganisationId> {
        self.organisations.iter().find(|(_, s)| *s == slug).map(|(id, _)| id)
    }
}
