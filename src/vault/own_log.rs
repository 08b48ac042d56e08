//! Having the vault's own log cosigned, as an organisation's is: it says which
//! organisations there are, and with which entry the log of each begins. Nothing
//! waits for it, and no custodian signs it. How a witness is reached is not known
//! here.

use super::witness::{Asked, Cosigning, Witnesses, cosigned_key, in_time, parse};
use super::{PublicVault, VaultError};
use crate::log::checkpoint::CheckpointError;
use crate::log::cosignature::{self, Keeping};
use crate::log::policy::Witness;
use crate::name::OrganisationId;
use crate::store::{Append, Batch, Found, Store, StoreError};
use crate::time::Time;

impl PublicVault {
    /// Asks witnesses to cosign the latest checkpoint of the vault's own log. What
    /// verifies is kept, as the newest cosigned checkpoint too: the log's later ones
    /// have no cosignatures. Nothing is kept if somebody changed either meanwhile.
    pub fn cosign_own(
        &mut self,
        witnesses: &[Witness],
        asker: &mut dyn Witnesses,
        now: &dyn Fn() -> Time,
    ) -> Result<Cosigning, VaultError> {
        let id = OrganisationId::from(self.state.vault);
        let head = self.store.head(&id)?.ok_or(StoreError::NoSuchLog { log: id })?;
        let (expected_size, found) = (self.state.size, head.frontier.size());
        // Somebody wrote since the log was read.
        if found != expected_size {
            return Err(StoreError::Conflict { log: id, expected: expected_size, found }.into());
        }
        let (note, leaves) = (parse(&head.checkpoint)?, self.store.leaf_hashes(&id, 0..found)?);
        let answers = asker.ask(&Asked { note: &note, leaves: &leaves }, witnesses);
        let now = now();
        let answers = answers.into_iter().map(|answer| answer.and_then(|c| in_time(c, now)));
        let answers: Vec<_> = witnesses.iter().map(|w| w.name.clone()).zip(answers).collect();
        let new: Vec<_> = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok().cloned()).collect();
        if new.is_empty() {
            return Ok(Cosigning { note, answers });
        }
        let key = self.state.log_key().map_err(CheckpointError::from)?;
        let asked: Vec<_> = witnesses.iter().map(|witness| witness.key.clone()).collect();
        let keeping = Keeping { log: &key, before_others: &asked };
        let note = cosignature::with(&note, keeping, &new);
        let found = self.cosigned(&id)?;
        let kept = match found.as_deref().map(parse).transpose()? {
            Some(before) if before.unverified_text() == note.unverified_text() => {
                cosignature::joined(&note, keeping, &before)
            }
            _ => note.clone(),
        };
        let made_from = vec![
            Found::Checkpoint(id, head.checkpoint),
            Found::Projection(cosigned_key(&id), found.map(String::into_bytes)),
        ];
        let append = Append { log: id, expected_size, entries: Vec::new(), checkpoint: note.to_string() };
        let projections = vec![(cosigned_key(&id), kept.to_string().into_bytes())];
        let _durable =
            self.store.commit(Batch { appends: vec![append], projections, made_from, ..Batch::default() })?;
        Ok(Cosigning { note, answers })
    }
}
