//! What somebody saw of the logs and nobody has: finding it on a restored vault, and
//! going on after a recovery quorum signed for it. What was seen is held against the
//! logs here; what makes the entry valid is in `state::gap`.

use super::backup::{BackupError, SeenBefore, by_origin, check_seen, keys_of};
use super::recovery::no_gate;
use super::{GATE_FILE, PublicVault, Vault, VaultError, gate_file};
use crate::event::{Gap, LogHead, RestoredWithGap};
use crate::gate::RootGate;
use crate::hex::Bytes;
use crate::log::checkpoint::{self, Checkpoint};
use crate::log::note::Note;
use crate::name::OrganisationId;
use crate::seal::passphrase::KdfParams;
use crate::seal::root::Roots;
use crate::secret::{SecretBytes, SecretKey};
use crate::store::{Store, StoreError};
use crate::time::Time;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl PublicVault {
    /// For each log the longest checkpoint that somebody saw and that goes further than
    /// the log here. Each must be signed by the log's present key; those that do not go
    /// further must be of just this log, and of two that are equally long both the same.
    pub fn missing(&self, seen: &[SeenBefore<'_>]) -> Result<Vec<(PathBuf, Gap)>, BackupError> {
        let mut longest: BTreeMap<OrganisationId, (PathBuf, Gap)> = BTreeMap::new();
        for one in seen {
            let Some(gap) = self.beyond(one)? else { continue };
            match longest.get(&gap.log) {
                Some((_, other)) if other.seen.size == gap.seen.size && other.seen != gap.seen => {
                    return Err(BackupError::Wrong {
                        path: one.path.to_owned(),
                        first: "another checkpoint of the same size has another root, and the log's key signed both: the log was forked".to_owned(),
                        found: 1,
                    });
                }
                Some((_, other)) if other.seen.size >= gap.seen.size => {}
                _ => {
                    longest.insert(gap.log, (one.path.to_owned(), gap));
                }
            }
        }
        Ok(longest.into_values().collect())
    }

    fn beyond(&self, seen: &SeenBefore<'_>) -> Result<Option<Gap>, BackupError> {
        let wrong = |why| BackupError::Checkpoint { path: seen.path.to_owned(), why };
        let stated = Checkpoint::unverified(seen.note).map_err(wrong)?;
        let id = by_origin(self.state(), &stated.origin).ok_or_else(|| BackupError::OtherLog {
            path: seen.path.to_owned(),
            origin: stated.origin.clone(),
        })?;
        let head = self.store().head(&id)?.ok_or(StoreError::NoSuchLog { log: id })?;
        let here = LogHead { size: head.frontier.size(), root: head.frontier.root() };
        if stated.size <= here.size {
            check_seen(self.store(), self.state(), seen)?;
            return Ok(None);
        }
        let key = keys_of(self.store(), self.state(), &id)?.pop().ok_or(StoreError::NoSuchLog { log: id })?;
        // A later key than the last that is here cannot be known to be this log's.
        let checkpoint = checkpoint::open(seen.note, &key).map_err(wrong)?;
        let alone = Note::parse(seen.note).map_err(|why| wrong(why.into()))?.alone(&key);
        let line = alone.and_then(|note| Bytes::from_slice(note.signatures().first()?.bytes()));
        let not_signed = || checkpoint::CheckpointError::NotSignedByLog { origin: stated.origin.clone() };
        let seen_signature = line.ok_or_else(|| wrong(not_signed()))?;
        Ok(Some(Gap {
            log: id,
            restored: here,
            seen: LogHead { size: checkpoint.size, root: checkpoint.root },
            seen_signature,
            gate_epoch: self.state().gate().epoch + 1,
        }))
    }
}

impl Vault {
    /// Makes this machine the host of logs of which something is missing: one transaction
    /// has the entries that say so, the endings of every ceremony that was open, and the
    /// gate's next epoch in every log; only then is the gate's file written. After a crash
    /// in between the keepers bring the new root back, which was dealt to them in that
    /// transaction: there is never a gate here whose logs hide the gap.
    pub fn recover_with_gaps(
        dir: &Path,
        roots: Roots,
        gaps: &[RestoredWithGap],
        passphrase: Option<(&SecretBytes, KdfParams)>,
        now: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Self, u64), VaultError> {
        no_gate(dir)?;
        let public = PublicVault::open_to_write(dir)?;
        let gate = RootGate::with(roots, public.state().gate().epoch);
        let mut vault = Self { public, gate, protected: passphrase.is_some() };
        let _alone = vault.alone()?;
        let epoch = vault.state().gate().epoch + 1;
        let roots = vault.next_roots(epoch, SecretKey::random(rng))?;
        vault.begin_epoch((epoch, &roots), Some(gaps), now, rng)?;
        gate_file::write(&dir.join(GATE_FILE), &roots, passphrase, rng)?;
        vault.gate.begin(epoch)?;
        Ok((vault, epoch))
    }
}
