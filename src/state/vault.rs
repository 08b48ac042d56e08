//! What the vault's own log adds up to: the organisations, and who can bring the
//! gate's root back.

use super::apply::{by_host, check_gate_epoch, claim};
use super::gap::{HeldGap, Recovery, check_after_gap};
use super::gate::check_succession;
use super::roll::{Roll, check_statement};
use super::{Claims, Invalid, Organisation, Strict};
use crate::event::{Actor, Entry, Event, GateEpoch, GroupStatement, Keeper, Line, RootDealing, SCHEMA};
use crate::hex::Bytes;
use crate::log::note::{NoteError, VerifierKey};
use crate::log::roots::Roots;
use crate::name::{OrganisationId, Origin, Pseudonym, Slug, VaultId};
use crate::seal::card::Role;
use crate::time::Time;
use serde::Serialize;
use std::collections::BTreeMap;

/// The name of the one group that the vault's own log has.
pub const RECOVERY: &str = "recovery";

/// The vault itself. What only a vault with keepers has is left out of the stored
/// state where there is nothing: that of older vaults stays what it was.
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
    /// Cards of keepers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keepers: BTreeMap<Pseudonym, Keeper>,
    /// The keepers who bring the gate's root back together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<GroupStatement>,
    /// What was dealt to just that group, by epoch of the gate.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dealt: BTreeMap<u64, RootDealing>,
    /// What is missing of it, by the word of recovery quorums.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<HeldGap>,
    /// Every recovery group that there was.
    #[serde(skip)]
    pub(super) recoveries: Vec<Recovery>,
    /// The log's last roots; the checkpoint has the present one.
    #[serde(skip)]
    pub(super) roots: Roots,
    /// Leaf hash of this log's own first entry, which keepers' cards pin.
    #[serde(skip)]
    pub first_entry: Bytes<32>,
}

impl VaultState {
    /// Begins with the log's first line and its leaf hash; verifies its signature.
    pub fn begin(line: &Line, leaf: &Bytes<32>) -> Result<Self, Invalid> {
        Self::begin_claiming(line, leaf, &mut Strict)
    }

    /// As [`VaultState::begin`], but the signature goes to `claims`.
    pub fn begin_claiming(line: &Line, leaf: &Bytes<32>, claims: &mut dyn Claims) -> Result<Self, Invalid> {
        let Line::Known(entry) = line else { return Err(Invalid::FirstEntry) };
        let Entry { v: SCHEMA, time, actor: Actor::Host, event } = &**entry else {
            return Err(Invalid::FirstEntry);
        };
        let Event::VaultCreated { vault, origin, gate } = event else {
            return Err(Invalid::FirstEntry);
        };
        check_gate_epoch(&(*vault).into(), gate, gate.epoch, claims)?;
        let mut roots = Roots::new();
        roots.push(*leaf);
        Ok(Self {
            size: 1,
            last: *time,
            vault: *vault,
            origin: origin.clone(),
            gates: vec![gate.clone()],
            organisations: BTreeMap::new(),
            first_entries: BTreeMap::new(),
            keepers: BTreeMap::new(),
            recovery: None,
            dealt: BTreeMap::new(),
            gaps: Vec::new(),
            recoveries: Vec::new(),
            roots,
            first_entry: *leaf,
        })
    }

    /// Adds a line and verifies its signatures. On an error the state is as before.
    pub fn apply(&mut self, line: &Line, leaf: &Bytes<32>) -> Result<(), Invalid> {
        self.apply_claiming(line, leaf, &mut Strict)
    }

    /// As [`VaultState::apply`], but signatures go to `claims`.
    pub fn apply_claiming(
        &mut self,
        line: &Line,
        leaf: &Bytes<32>,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        check_after_gap(self, line)?;
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
                Event::KeeperEnrolled(keeper) => self.keeper_enrolled(keeper, claims)?,
                Event::GroupFormed(statement) => self.recovery_formed(statement, entry.time, claims)?,
                Event::GateRootDealt(dealing) => self.root_dealt(dealing)?,
                Event::RestoredWithGap(gap) => self.restored_with_gap(gap, entry.time, claims)?,
                Event::GateEpochBegun(next) => {
                    check_succession(&self.vault.into(), self.gate(), next, claims)?;
                    self.gates.push(next.gate.clone());
                }
                other => return Err(Invalid::Misplaced(other.kind())),
            }
            self.last = entry.time;
        }
        self.size += 1;
        self.roots.push(*leaf);
        Ok(())
    }

    fn keeper_enrolled(&mut self, keeper: &Keeper, claims: &mut dyn Claims) -> Result<(), Invalid> {
        let key_taken = self.keepers.values().any(|other| other.sign_key == keeper.sign_key);
        if key_taken || self.keepers.contains_key(&keeper.pseudonym) {
            return Err(Invalid::Duplicate(keeper.pseudonym.to_string()));
        }
        let digest = keeper.digest(&self.vault, &self.first_entry);
        claims.take(claim(&keeper.pseudonym, &keeper.sign_key, &digest, &keeper.signature))?;
        self.keepers.insert(keeper.pseudonym.clone(), keeper.clone());
        Ok(())
    }

    /// A later group takes the place of the one before, to which nothing counts as
    /// dealt any more.
    fn recovery_formed(
        &mut self,
        statement: &GroupStatement,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        if statement.slug.as_str() != RECOVERY {
            return Err(Invalid::Mismatch("name of the group"));
        }
        if self.recovery.as_ref().is_some_and(|before| before.group == statement.group) {
            return Err(Invalid::Duplicate(RECOVERY.to_owned()));
        }
        check_statement(self, statement, claims)?;
        self.recovery = Some(statement.clone());
        self.recoveries.push(Recovery {
            formed: time,
            gate_epoch: self.gate().epoch,
            digest: Bytes(statement.digest(&self.id())),
        });
        self.dealt.clear();
        Ok(())
    }

    fn root_dealt(&mut self, dealing: &RootDealing) -> Result<(), Invalid> {
        let unknown = |what, id| Invalid::Unknown { what, id };
        let to = self.recovery.as_ref().filter(|g| (g.group, g.epoch) == (dealing.group, dealing.epoch));
        if to.is_none() {
            return Err(unknown("group", dealing.group.to_string()));
        }
        if !self.gates.iter().any(|gate| gate.epoch == dealing.gate_epoch) {
            return Err(unknown("epoch of the gate", dealing.gate_epoch.to_string()));
        }
        if self.dealt.contains_key(&dealing.gate_epoch) {
            return Err(Invalid::Duplicate(format!("dealing of the gate's root {}", dealing.gate_epoch)));
        }
        // What is dealt of a later epoch has the roots of before in it.
        self.dealt.retain(|epoch, _| *epoch > dealing.gate_epoch);
        self.dealt.insert(dealing.gate_epoch, dealing.clone());
        Ok(())
    }

    /// Checks that a log is the one that this vault began for that organisation:
    /// a log announces its own key, so that whoever can write the database could
    /// put another whole one in its place.
    pub fn check_organisation(&self, log: &Organisation) -> Result<(), Invalid> {
        let as_added = self.first_entries.get(&log.id) == Some(&log.first_entry)
            && self.organisations.get(&log.id) == Some(&log.slug);
        let of_vault = log.vault == self.vault && log.origin == Origin::of_log(&self.origin, &log.id);
        if as_added && of_vault { self.check_gaps(log) } else { Err(Invalid::OtherLogBegun) }
    }

    /// The key that signs this log's checkpoints.
    pub fn log_key(&self) -> Result<VerifierKey, NoteError> {
        super::gate::log_key(&self.log_origin(), self.gate())
    }

    /// Name of this log, the vault's own.
    pub fn log_origin(&self) -> Origin {
        Origin::of_log(&self.origin, &self.vault.into())
    }

    /// An organisation by the name in its address.
    pub fn by_slug(&self, slug: &Slug) -> Option<&OrganisationId> {
        self.organisations.iter().find(|(_, s)| *s == slug).map(|(id, _)| id)
    }

    /// The gate's present epoch.
    pub fn gate(&self) -> &GateEpoch {
        self.gates.last().expect("a vault begins with a gate epoch")
    }
}

impl Roll for VaultState {
    fn vault(&self) -> VaultId {
        self.vault
    }

    fn id(&self) -> OrganisationId {
        self.vault.into()
    }

    fn first_entry(&self) -> Bytes<32> {
        self.first_entry
    }

    fn enrolled(&self, who: &Pseudonym) -> Option<(Role, &Bytes<32>)> {
        self.keepers.get(who).map(|keeper| (Role::Keeper, &keeper.sign_key))
    }

    fn member_role(&self) -> Role {
        Role::Keeper
    }

    fn eligible(&self) -> Vec<&Pseudonym> {
        self.keepers.keys().collect()
    }
}
