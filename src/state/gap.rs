//! What is missing of a log after a dead host, by the word of a recovery quorum: the
//! rules of that entry, and which gap explains what somebody saw before.

use super::apply::{by_host, check_quorum};
use super::claims::{Claim, Claims, Said, Signer};
use super::gate::log_key;
use super::roll::{Roll, check_member};
use super::{Invalid, Organisation, RECOVERY, VaultState};
use crate::event::{Actor, Event, Gap, GateEpoch, GroupStatement, Hash, Line, LogHead, RestoredWithGap};
use crate::hex::Bytes;
use crate::log::checkpoint::{self, Checkpoint};
use crate::log::note::{Note, Signature};
use crate::name::{Origin, VaultId};
use crate::pvss::{self, GroupKeys};
use crate::time::Time;
use serde::Serialize;
use std::collections::BTreeSet;

/// A gap that stands in a log.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct HeldGap {
    /// When it was entered.
    pub at: Time,
    /// What the entry says.
    pub entry: RestoredWithGap,
}

/// A recovery group that the vault's own log has, or had.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Recovery {
    /// When it was formed.
    pub(super) formed: Time,
    /// In which epoch of the gate.
    pub(super) gate_epoch: u64,
    /// Digest of its statement.
    pub(super) digest: Hash,
}

/// A log of which something may be missing.
pub trait Gapped: Roll {
    /// Its gaps, in order.
    fn gaps(&self) -> &[HeldGap];
    /// The gate's epochs in it.
    fn epochs(&self) -> &[GateEpoch];
    /// Digest of the recovery group that it names.
    fn keepers_digest(&self) -> Option<Hash>;
    /// Whether it had named another before.
    fn keepers_replaced(&self) -> bool;
    /// Its origin.
    fn log_origin(&self) -> Origin;

    /// Whether a gap is entered and the gate's epoch that belongs to it has not begun.
    fn gap_is_open(&self) -> bool {
        let present = self.epochs().last().map_or(0, |gate| gate.epoch);
        self.gaps().last().is_some_and(|held| held.entry.gap.gate_epoch > present)
    }

    /// The gap in which a signed checkpoint lies: more than was restored and no more
    /// than was seen, signed by the key of the epoch that ended there. Of one with the
    /// very size that the keepers signed for the root is the same; of one between
    /// nobody can tell what it covers. `None` as well while the gap's epoch has not
    /// begun.
    fn gap_around(&self, note: &[u8]) -> Option<&HeldGap> {
        let (origin, epochs) = (self.log_origin(), self.epochs());
        self.gaps().iter().find(|held| {
            let gap = &held.entry.gap;
            let begun = epochs.iter().any(|gate| gate.epoch == gap.gate_epoch);
            let ended = epochs.iter().find(|gate| gate.epoch.checked_add(1) == Some(gap.gate_epoch));
            let key = ended.and_then(|gate| log_key(&origin, gate).ok()).filter(|_| begun);
            let stated = key.and_then(|key| checkpoint::open(note, &key).ok());
            stated.is_some_and(|stated| gap.covers(stated.size, &stated.root))
        })
    }
}

impl Gap {
    /// Whether a checkpoint of the epoch that ended lies in it.
    fn covers(&self, size: u64, root: &Bytes<32>) -> bool {
        let same = size < self.seen.size || *root == self.seen.root;
        size > self.restored.size && size <= self.seen.size && same
    }

    /// The checkpoint that was seen, as a signed note again.
    pub fn seen_note(&self, origin: &Origin, ended: &GateEpoch) -> Option<String> {
        let key = log_key(origin, ended).ok()?;
        let text = self.stated(origin, self.seen).text().ok()?;
        let line = Signature::of_log(&key, &self.seen_signature);
        Some(Note::new(text, line).to_string())
    }

    fn stated(&self, origin: &Origin, head: LogHead) -> Checkpoint {
        Checkpoint { origin: origin.to_string(), size: head.size, root: head.root }
    }
}

impl Gapped for Organisation {
    fn gaps(&self) -> &[HeldGap] {
        &self.gaps
    }

    fn epochs(&self) -> &[GateEpoch] {
        &self.gates
    }

    fn keepers_digest(&self) -> Option<Hash> {
        self.keepers.as_ref().map(|group| Bytes(group.digest(&self.vault.into())))
    }

    fn keepers_replaced(&self) -> bool {
        self.keepers_replaced
    }

    fn log_origin(&self) -> Origin {
        self.origin.clone()
    }
}

impl Gapped for VaultState {
    fn gaps(&self) -> &[HeldGap] {
        &self.gaps
    }

    fn epochs(&self) -> &[GateEpoch] {
        &self.gates
    }

    fn keepers_digest(&self) -> Option<Hash> {
        self.recovery.as_ref().map(|group| Bytes(group.digest(&self.vault.into())))
    }

    fn keepers_replaced(&self) -> bool {
        self.recoveries.len() > 1
    }

    fn log_origin(&self) -> Origin {
        Self::log_origin(self)
    }
}

/// After a gap the old key signs nothing more: what was open is ended, and the gate's
/// next epoch begins.
pub(super) fn check_after_gap(log: &impl Gapped, line: &Line) -> Result<(), Invalid> {
    let follows = match line {
        Line::Known(entry) => matches!(entry.event, Event::Ended { .. } | Event::GateEpochBegun(_)),
        Line::Unknown { .. } => false,
    };
    if follows || !log.gap_is_open() { Ok(()) } else { Err(Invalid::CeremonyState("restored-with-gap")) }
}

/// What is asked of the entry in any log: it stands directly after what was restored,
/// what was seen is longer and signed by the log's present key, and a quorum of the
/// keepers that it names signed for just this log.
fn check_gap(
    log: &impl Gapped,
    here: LogHead,
    entry: &RestoredWithGap,
    claims: &mut dyn Claims,
) -> Result<(), Invalid> {
    let (gap, vault) = (&entry.gap, log.vault());
    let gate = log.epochs().last().ok_or(Invalid::Mismatch("gate epoch"))?;
    if gap.log != log.id() {
        return Err(Invalid::Mismatch("log"));
    }
    if gap.restored != here {
        return Err(Invalid::Mismatch("restored checkpoint"));
    }
    if gap.seen.size <= here.size {
        return Err(Invalid::Mismatch("seen checkpoint"));
    }
    if gate.epoch.checked_add(1) != Some(gap.gate_epoch) {
        return Err(Invalid::Mismatch("gate epoch"));
    }
    let (origin, LogHead { size, root }) = (log.log_origin(), gap.seen);
    let said = Said::Checkpoint { origin, size, root };
    claims.take(Claim { key: gate.log_key, said, signature: gap.seen_signature, who: Signer::Gate })?;
    let keepers = entry.keepers_digest(&vault);
    check_quorum(&entry.keepers, &gap.digest(&vault, &keepers), &entry.signatures, claims)
}

/// A recovery group's statement where its keepers' cards are not known: it holds
/// together, and every member signed it. Whose the cards are the vault's own log says.
fn check_keepers(vault: VaultId, group: &GroupStatement, claims: &mut dyn Claims) -> Result<(), Invalid> {
    if group.slug.as_str() != RECOVERY || group.epoch != 1 || group.previous.is_some() {
        return Err(Invalid::Mismatch("keepers' group"));
    }
    if group.signatures.len() != group.members.len() {
        return Err(Invalid::Mismatch("group statement"));
    }
    let g = pvss::group_id(&vault, &vault.into(), &group.group, group.epoch);
    let shape = group.shape().ok_or(Invalid::Mismatch("threshold"))?;
    GroupKeys::new(g, shape, &group.share_keys())?;
    let digest = group.digest(&vault.into());
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for (member, signature) in group.members.iter().zip(&group.signatures) {
        if !names.insert(&member.pseudonym) || !keys.insert(member.sign_key) {
            return Err(Invalid::Mismatch("member"));
        }
        check_member(member, signature, (&g, &digest), claims)?;
    }
    Ok(())
}

impl Organisation {
    /// Named before anything is missing: whoever saw that is deceived by no other group.
    pub(super) fn keepers_named(
        &mut self,
        actor: &Actor,
        group: &GroupStatement,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        if self.keepers.as_ref() == Some(group) {
            return Err(Invalid::Duplicate(RECOVERY.to_owned()));
        }
        check_keepers(self.vault, group, claims)?;
        self.keepers_replaced |= self.keepers.is_some();
        self.keepers = Some(group.clone());
        Ok(())
    }

    pub(super) fn restored_with_gap(
        &mut self,
        actor: &Actor,
        entry: &RestoredWithGap,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let root = self.roots.at(self.size).ok_or(Invalid::Mismatch("restored checkpoint"))?;
        match &self.keepers {
            Some(named) if *named != entry.keepers => return Err(Invalid::Mismatch("keepers' group")),
            Some(_) => {}
            None => check_keepers(self.vault, &entry.keepers, claims)?,
        }
        check_gap(self, LogHead { size: self.size, root }, entry, claims)?;
        // A veto may be among what is lost: whoever is said to be lost is given notice anew.
        self.abandonments.retain(|_, notice| notice.vetoed.is_some());
        self.gaps.push(HeldGap { at: time, entry: entry.clone() });
        Ok(())
    }
}

impl VaultState {
    /// The group is the one to which this log says the gate's root was dealt.
    pub(super) fn restored_with_gap(
        &mut self,
        entry: &RestoredWithGap,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let root = self.roots.at(self.size).ok_or(Invalid::Mismatch("restored checkpoint"))?;
        if self.recovery.as_ref() != Some(&entry.keepers) {
            return Err(Invalid::Mismatch("keepers' group"));
        }
        check_gap(self, LogHead { size: self.size, root }, entry, claims)?;
        self.gaps.push(HeldGap { at: time, entry: entry.clone() });
        Ok(())
    }

    /// The recovery group that could sign for a gap: the one that there was at its time,
    /// and when its epoch of the gate began. An organisation's log alone has the time by
    /// the host's word, which may be an earlier one.
    fn keepers_of(&self, held: &HeldGap) -> Option<Hash> {
        let last = |is: &dyn Fn(&Recovery) -> bool| {
            self.recoveries.iter().rev().find(|one| is(one)).map(|one| one.digest)
        };
        let then = last(&|one| one.formed <= held.at)?;
        let began = last(&|one| one.gate_epoch < held.entry.gap.gate_epoch)?;
        (then == began).then_some(then)
    }

    /// An organisation's log names no keepers but those of this vault. Every gap of it was
    /// signed by the group that this vault's own log had as its keepers at the time, and
    /// the gate's next epoch followed: an organisation's log alone would believe any group.
    pub(super) fn check_gaps(&self, log: &Organisation) -> Result<(), Invalid> {
        let named = log.keepers_digest();
        if named.is_some_and(|named| self.recoveries.iter().all(|one| one.digest != named)) {
            let who = "who is named as the keepers".to_owned();
            return Err(Invalid::NotA { who, what: "this vault's recovery group" });
        }
        let foreign =
            log.gaps.iter().any(|held| self.keepers_of(held) != Some(held.entry.keepers_digest(&self.vault)));
        if foreign {
            return Err(Invalid::NotA {
                who: "who signed for a gap".to_owned(),
                what: "this vault's recovery group",
            });
        }
        if log.gap_is_open() { Err(Invalid::CeremonyState("restored-with-gap")) } else { Ok(()) }
    }
}
