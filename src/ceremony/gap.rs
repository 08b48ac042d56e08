//! What a card's owner saw and nobody has any more: finds out whether a log says so in
//! a valid entry, and keeps that its owner accepted it. Whether they do, a person
//! decides; nothing here does.

use super::custodian::{ReviewError, Seen};
use crate::event::{Gap, LogHead};
use crate::log::Checkpoint;
use crate::name::{Pseudonym, VaultId};
use crate::seal::words::{self, Fingerprint};
use crate::state::{Gapped, HeldGap};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A gap that a card's owner has accepted; it is kept in what they saw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedGap {
    /// What there was after it.
    pub restored: LogHead,
    /// What the keepers signed for.
    pub seen: LogHead,
    /// The checkpoint that the owner had seen, as a signed note.
    pub before: String,
    /// When they accepted, by their own machine.
    pub at: Time,
}

/// A log goes on otherwise than its owner saw, and says why: what they saw lies in a
/// gap for which the recovery group's quorum signed.
#[derive(Clone, PartialEq, Debug)]
pub struct GapMet {
    /// What was missing.
    pub gap: Gap,
    /// When it was entered.
    pub entered: Time,
    /// The checkpoint that the owner saw.
    pub before: Seen,
    /// What the log has now.
    pub now: Seen,
    /// Whether the owner saw just the checkpoint that the keepers signed for. Of one
    /// before it nobody can tell whether it was the same history.
    pub same: bool,
    /// Whether the owner had seen before that these are the vault's keepers.
    pub known: bool,
    /// Whether they had taken the place of others by then, by the host's word alone.
    pub replaced: bool,
    /// Keepers who signed.
    pub signers: Vec<Pseudonym>,
    /// How many must.
    pub threshold: u64,
    /// The words of the keepers' group.
    pub keepers: Fingerprint,
}

impl GapMet {
    /// What the owner has seen once they accept.
    pub fn accepted(&self, at: Time) -> Seen {
        let Gap { restored, seen, .. } = self.gap;
        let mut next = self.now.clone();
        next.accepted = self.before.accepted.clone();
        next.accepted.push(AcceptedGap { restored, seen, before: self.before.checkpoint.clone(), at });
        next
    }
}

/// Why a log is not what its owner saw before, given what it says itself. Whoever has
/// accepted a gap already has seen what came after it: what they saw before explains
/// nothing a second time. And where they saw who the keepers are, no others can sign.
pub fn explained(log: &impl Gapped, now: &Seen, before: &Seen, why: ReviewError) -> ReviewError {
    if !matches!(why, ReviewError::RolledBack { .. } | ReviewError::Forked { .. }) {
        return why;
    }
    let held = log.gap_around(before.checkpoint.as_bytes()).filter(|_| is_whole(before));
    let held = held.filter(|held| before.accepted.iter().all(|gap| gap.restored != held.entry.gap.restored));
    let of_keepers = |held: &&HeldGap| {
        let signed = held.entry.keepers_digest(&log.vault());
        before.keepers.is_none_or(|known| known == signed)
    };
    match held.filter(of_keepers) {
        Some(held) => ReviewError::Gap(Box::new(met(held, now, before, &log.vault()))),
        None => why,
    }
}

/// The note beside a card is of just the size and root that are compared.
fn is_whole(before: &Seen) -> bool {
    let stated = Checkpoint::unverified(before.checkpoint.as_bytes());
    stated.is_ok_and(|stated| (stated.size, stated.root) == (before.size, before.root))
}

fn met(held: &HeldGap, now: &Seen, before: &Seen, vault: &VaultId) -> GapMet {
    let entry = &held.entry;
    GapMet {
        gap: entry.gap,
        entered: held.at,
        before: before.clone(),
        now: now.clone(),
        known: before.keepers.is_some(),
        replaced: before.replaced,
        same: before.size == entry.gap.seen.size,
        signers: entry.signers().into_iter().cloned().collect(),
        threshold: entry.keepers.threshold,
        keepers: words::fingerprint(&entry.keepers.fingerprint(&(*vault).into())),
    }
}
