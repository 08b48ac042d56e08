//! Epochs of the gate: fresh keys, to which the keys of before hand over.

use super::apply::check_gate_epoch;
use super::claims::{Claim, Claims, Said, Signer, Strict};
use super::{Invalid, Organisation};
use crate::event::{Event, GateEpoch, GateSuccession, Hash, Line};
use crate::log::VerifierKey;
use crate::log::note::{KeyType, NoteError};
use crate::name::{OrganisationId, Origin, Pseudonym};

/// Checks that the next epoch of the gate has fresh keys, and that the key of before
/// hands over to them.
pub(super) fn check_succession(
    organisation: &OrganisationId,
    before: &GateEpoch,
    next: &GateSuccession,
    claims: &mut dyn Claims,
) -> Result<(), Invalid> {
    let gate = &next.gate;
    if gate.gamma == before.gamma || gate.log_key == before.log_key {
        return Err(Invalid::Mismatch("gate epoch"));
    }
    check_gate_epoch(organisation, gate, before.epoch.saturating_add(1), claims)?;
    let said = Said::Digest(GateSuccession::digest(organisation, &before.log_key, gate));
    claims.take(Claim { key: before.log_key, said, signature: next.former, who: Signer::Gate })
}

/// The gate's epochs in a log whose first one is known, the present one last, by
/// lines of it in their order: for who does not replay it. What does not follow is
/// passed over.
pub fn gate_epochs(
    log: &OrganisationId,
    first: &GateEpoch,
    lines: impl IntoIterator<Item = Line>,
) -> Vec<GateEpoch> {
    let mut gates = vec![first.clone()];
    for line in lines {
        if let Line::Known(entry) = line
            && let Event::GateEpochBegun(next) = entry.event
            && let Some(before) = gates.last()
            && check_succession(log, before, &next, &mut Strict).is_ok()
        {
            gates.push(next.gate);
        }
    }
    gates
}

/// The keys that have signed a log's checkpoints, one for each epoch of the gate, the
/// present one last.
pub fn log_keys(origin: &Origin, gates: &[GateEpoch]) -> Result<Vec<VerifierKey>, NoteError> {
    gates.iter().map(|gate| log_key(origin, gate)).collect()
}

/// The key that signs a log's checkpoints in an epoch of the gate.
pub(super) fn log_key(origin: &Origin, gate: &GateEpoch) -> Result<VerifierKey, NoteError> {
    VerifierKey::new(origin.as_str(), KeyType::Ed25519, &gate.log_key)
}

impl Organisation {
    /// What a ceremony needs of the gate lies encrypted under its epoch: none may be
    /// open. A seal that was begun under it comes to nothing.
    pub(super) fn gate_epoch_begun(
        &mut self,
        next: &GateSuccession,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        if !self.ceremonies.is_empty() {
            return Err(Invalid::CeremonyState("gate-epoch-begun"));
        }
        check_succession(&self.id, self.gate(), next, claims)?;
        self.gates.push(next.gate.clone());
        self.resealing = self.people.keys().cloned().collect();
        self.index.gate_entries.push(self.size);
        Ok(())
    }

    /// Right after an epoch began, once for each person: else it would be another
    /// authenticator without anybody's leave, under a harmless name.
    pub(super) fn authenticator_resealed(&mut self, who: &Pseudonym, totp: Hash) -> Result<(), Invalid> {
        if !self.resealing.remove(who) {
            return Err(Invalid::Mismatch("authenticator to be encrypted anew"));
        }
        self.cards.authenticators.insert(who.clone(), totp);
        Ok(())
    }

    /// Indices of the entries with which the gate's later epochs began, in order.
    pub fn gate_entries(&self) -> &[u64] {
        &self.index.gate_entries
    }

    /// How many versions need a root of the gate's epoch: those whose record is there.
    pub fn versions_under(&self, gate_epoch: u64) -> u64 {
        let there = self.versions.iter().filter(|(credential, version)| {
            version.sealing.gate_epoch == gate_epoch && !self.rotations.destroyed.contains_key(*credential)
        });
        there.count() as u64
    }
}
