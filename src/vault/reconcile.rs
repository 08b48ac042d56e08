//! Reconciliation: what the log says that a provider's records are held against,
//! and entering what came of it. The records are read above, judged in `report`.

use super::{Log, PublicVault, Records, Vault, VaultError};
use crate::event::{Actor, Event, Hash, Reconciliation, record_hash};
use crate::report::reconcile::{Facts, History};
use crate::time::Time;

/// Name of the record with a reconciliation's facts.
pub(super) fn facts_record(facts: &Hash) -> String {
    format!("reconciled/{facts}")
}

impl PublicVault {
    /// What a log says that uses of root users can be held against.
    pub fn history(&self, log: &Log) -> Result<History, VaultError> {
        let mut history = History::default();
        for entry in self.walk(&log.state.id, 0..log.state.size) {
            let entry = entry?;
            if let Some(event) = &entry.event {
                history.note(entry.time, event);
            }
        }
        for hash in history.reconciled().to_vec() {
            let name = facts_record(&hash);
            let bytes = self.record(&log.state.id, &name)?;
            // Whoever can write the database could otherwise have a use forgotten.
            let facts = serde_json::from_slice::<Facts>(&bytes).ok().filter(|_| record_hash(&bytes) == hash);
            history.remember(facts.ok_or(VaultError::RecordGone(name))?);
        }
        Ok(history)
    }
}

impl Vault {
    /// Judges and enters, from the log as it is at that moment: `judge` gives what
    /// has to be entered, perhaps nothing, and is asked again where others have
    /// written meanwhile. Gives what it gave at last, and how many entries that made.
    pub fn reconcile<T>(
        &mut self,
        log: &mut Log,
        now: Time,
        mut judge: impl FnMut(&History) -> (T, Vec<(Reconciliation, Vec<u8>)>),
    ) -> Result<(T, u64), VaultError> {
        self.at_present(log, now, |vault, log, now| {
            let history = vault.history(log)?;
            let (outcome, found) = judge(&history);
            if found.is_empty() {
                return Ok((outcome, 0));
            }
            let made = found.len() as u64;
            let (mut events, mut records) = (Vec::new(), Records::default());
            for (entry, record) in found {
                records.put.push((facts_record(&entry.facts), record));
                events.push((Actor::Host, Event::Reconciled(entry)));
            }
            let _committed = vault.commit_once(log, now, events, records)?;
            Ok((outcome, made))
        })
    }
}
