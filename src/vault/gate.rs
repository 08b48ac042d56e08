//! Epochs of the gate: a fresh root, under which everything is sealed from then on.
//! What was sealed before needs the roots of before until it is replaced.

use super::commit::{ATTEMPTS, catch_up, destroyed_by, keyed, line_of, projection, sign};
use super::overview::Changes;
use super::people::{totp_associated, totp_record};
use super::recovery::root_record;
use super::seal::dealing_record;
use super::{GATE_FILE, Log, PublicVault, Records, Vault, VaultError, gate_file};
use crate::event::{Actor, Ending, Event, Hash, RestoredWithGap, record_hash};
use crate::gate::Gate;
use crate::log::Frontier;
use crate::name::OrganisationId;
use crate::seal::aead;
use crate::seal::passphrase::KdfParams;
use crate::seal::root::Roots;
use crate::secret::{SecretBytes, SecretKey};
use crate::state::{Organisation, VaultState};
use crate::store::{Append, Batch, RecordKey, Store, StoreError};
use crate::time::Time;
use rand_core::CryptoRng;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;

/// One epoch of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochStatus {
    /// Which, from 1.
    pub epoch: u64,
    /// Whether it is the present one.
    pub present: bool,
    /// Versions that need its root, by organisation.
    pub versions: BTreeMap<String, u64>,
    /// Whether its root was dealt to the recovery group.
    pub dealt: bool,
}

impl PublicVault {
    /// Every epoch of the gate, and what needs its root.
    pub fn gate_epochs(&self) -> Result<Vec<EpochStatus>, VaultError> {
        let logs = self.every_log()?;
        let state = self.state();
        let newest = state.dealt.keys().next_back();
        let each = state.gates.iter().map(|gate| {
            let under = |log: &Log| (log.state.slug.to_string(), log.state.versions_under(gate.epoch));
            EpochStatus {
                epoch: gate.epoch,
                present: gate.epoch == state.gate().epoch,
                versions: logs.iter().map(under).filter(|(_, count)| *count > 0).collect(),
                dealt: newest.is_some_and(|newest| *newest >= gate.epoch),
            }
        });
        Ok(each.collect())
    }

    pub(super) fn every_log(&self) -> Result<Vec<Log>, VaultError> {
        self.state().organisations.keys().map(|id| self.load(id)).collect()
    }
}

impl Vault {
    /// Begins the next epoch of the gate in every log, in one transaction, and deals
    /// its root to the recovery group if there is one. The gate's file has the new root
    /// before any log announces it, and after a crash between the two it is of no use;
    /// roots under which nothing remains go with the next epoch.
    ///
    /// # Errors
    /// [`VaultError::CeremonyOpen`] while a ceremony is open anywhere.
    pub fn rotate_gate(
        &mut self,
        passphrase: Option<(&SecretBytes, KdfParams)>,
        now: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<u64, VaultError> {
        // Of two that write the gate's file at once the logs could announce the root that
        // the other one's file lacks.
        let _alone = self.alone()?;
        self.public.state = super::commit::load_vault(self.store())?;
        let epoch = self.state().gate().epoch + 1;
        // Before anything is written; and again when the epoch begins.
        self.every_log()?.iter().try_for_each(no_ceremony)?;
        let file = self.dir().join(GATE_FILE);
        let roots = self.next_roots(epoch, SecretKey::random(rng))?;
        gate_file::replace(&file, &roots, passphrase, rng)?;
        self.protected = passphrase.is_some();
        for attempt in 1.. {
            match self.begin_epoch((epoch, &roots), None, now, rng) {
                Err(VaultError::Store(StoreError::Conflict { .. })) if attempt < ATTEMPTS => {
                    self.public.state = super::commit::load_vault(self.store())?;
                }
                begun => {
                    begun?;
                    break;
                }
            }
        }
        self.gate.begin(epoch)?;
        Ok(epoch)
    }

    /// Held until it is dropped: no other process rotates the gate meanwhile.
    pub(super) fn alone(&self) -> Result<File, VaultError> {
        let dir = || self.dir().to_owned();
        let file = File::open(self.dir()).map_err(|why| VaultError::File { path: dir(), why })?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|why| match why {
            Errno::WOULDBLOCK => VaultError::Rotating,
            why => VaultError::File { path: dir(), why: why.into() },
        })?;
        Ok(file)
    }

    /// Has a new root for the next epoch; gives all that the gate's file is to have.
    pub(super) fn next_roots(&mut self, epoch: u64, new: SecretKey) -> Result<Roots, VaultError> {
        let roots = self.roots_for(epoch, new)?;
        self.gate.add(epoch, copy(roots.get(&epoch).ok_or(crate::gate::GateError::NoEpoch(epoch))?));
        Ok(roots)
    }

    /// The present root and the new one, and those of before under which versions
    /// remain.
    fn roots_for(&self, epoch: u64, new: SecretKey) -> Result<Roots, VaultError> {
        let mut roots = Roots::new();
        for status in self.gate_epochs()? {
            if status.present || !status.versions.is_empty() {
                roots.insert(status.epoch, copy(self.gate.root(status.epoch)?));
            }
        }
        roots.insert(epoch, new);
        Ok(roots)
    }

    /// Of what is missing after a dead host each log says its own, and what was open is
    /// ended; otherwise nothing may be open.
    pub(super) fn begin_epoch(
        &mut self,
        (epoch, roots): (u64, &Roots),
        gaps: Option<&[RestoredWithGap]>,
        now: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        let mut logs = self.every_log()?;
        let mut batch = Batch::default();
        let mut now = now.max(self.state().last);
        for log in &mut logs {
            // A clock that is a little behind what others have just written.
            now = now.max(catch_up(self.store(), log, now)?);
        }
        for log in &mut logs {
            let first = match gaps {
                None => no_ceremony(log).map(|()| Vec::new())?,
                Some(gaps) => gap_of(gaps, &log.state.id).into_iter().chain(endings(&log.state)).collect(),
            };
            self.begin_in((log, first), epoch, now, &mut batch, rng)?;
        }
        let first = gap_of(gaps.unwrap_or_default(), &self.own_log());
        let state = self.begin_own((epoch, roots), first, now, &mut batch, rng)?;
        // A crash before this call leaves a root that no log knows; after it every log
        // is in the new epoch.
        let _durable = self.public.store.commit(batch)?;
        self.public.state = state;
        Ok(())
    }

    /// One organisation's part: the new keys, and every authenticator's secret under
    /// the new key at rest.
    fn begin_in(
        &self,
        (log, first): (&mut Log, Vec<Event>),
        epoch: u64,
        now: Time,
        batch: &mut Batch,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        let id = log.state.id;
        let key = self.gate.totp_key(&id, epoch)?;
        let mut events = first;
        events.push(Event::GateEpochBegun(self.gate.succession(&id, epoch)?));
        let mut records = Vec::new();
        for who in log.state.people.keys() {
            // Whose record is lost has to get another one in any case.
            let totp = match self.totp_of(log, who) {
                Err(VaultError::RecordGone(_)) => continue,
                totp => totp?,
            };
            let associated = totp_associated(&log.state, who);
            let sealed = aead::seal_at_rest(&key, &associated, totp.as_bytes().expose(), rng);
            events.push(Event::AuthenticatorResealed { pseudonym: who.clone(), totp: record_hash(&sealed) });
            records.push((totp_record(who), sealed));
        }
        // A log from before it was named there.
        let named = self.state().recovery.as_ref().filter(|group| log.state.keepers.as_ref() != Some(group));
        events.extend(named.cloned().map(Event::KeepersNamed));
        batch.put_records.extend(keyed(id, records));
        self.append_in(log, events, (epoch, now), batch)
    }

    /// Appends events of the host to an organisation's log in a batch with others, under
    /// the key of an epoch of the gate.
    pub(super) fn append_in(
        &self,
        log: &mut Log,
        events: Vec<Event>,
        (epoch, now): (u64, Time),
        batch: &mut Batch,
    ) -> Result<(), VaultError> {
        let (id, expected_size) = (log.state.id, log.state.size);
        let (mut tree, mut entries) = (log.tree().clone(), Vec::new());
        let (before, mut changes) = ((expected_size, tree.root()), Changes::default());
        for event in events {
            changes.note(&event, &log.state);
            let gone = destroyed_by(&log.state, &event);
            batch.delete_records.extend(gone.into_iter().map(|name| RecordKey { log: id, name }));
            let (line, entry) = line_of(Actor::Host, event, now)?;
            log.state.apply(&line, &entry.leaf_hash())?;
            tree.push(entry.leaf_hash());
            entries.push(entry);
        }
        let checkpoint = sign(&self.gate, epoch, &id, &log.state.origin, &tree)?;
        batch.appends.push(Append { log: id, expected_size, entries, checkpoint });
        batch.projections.push(projection(&id, &log.state));
        let rows = changes.rows(self.store(), &log.state, before)?;
        batch.clear_rows.extend(rows.clear.then_some(id));
        batch.delete_rows.extend(rows.delete.into_iter().map(|name| RecordKey { log: id, name }));
        batch.put_rows.extend(keyed(id, rows.put));
        Ok(())
    }

    /// The vault's own part, and dealing the roots to the recovery group.
    fn begin_own(
        &self,
        (epoch, roots): (u64, &Roots),
        first: Option<Event>,
        now: Time,
        batch: &mut Batch,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<VaultState, VaultError> {
        let id = self.own_log();
        let mut next = self.state().clone();
        let expected_size = next.size;
        let mut tree = self.tree_of(&id, expected_size)?;
        let mut entries = Vec::new();
        let mut add = |next: &mut VaultState, tree: &mut Frontier, event| {
            let (line, entry) = line_of(Actor::Host, event, now)?;
            next.apply(&line, &entry.leaf_hash())?;
            tree.push(entry.leaf_hash());
            entries.push(entry);
            Ok::<_, VaultError>(())
        };
        if let Some(gap) = first {
            add(&mut next, &mut tree, gap)?;
        }
        add(&mut next, &mut tree, Event::GateEpochBegun(self.gate.succession(&id, epoch)?))?;
        if let Some(group) = next.recovery.clone() {
            let mut records = Records::default();
            for dealt in next.dealt.values() {
                records.delete.extend([root_record(dealt.gate_epoch), dealing_record(&dealt.dealing)]);
            }
            let dealt = self.deal_roots(&group, (&next, roots), &mut records, rng)?;
            add(&mut next, &mut tree, dealt)?;
            batch.put_records.extend(keyed(id, records.put));
            batch.delete_records.extend(records.delete.into_iter().map(|name| RecordKey { log: id, name }));
        }
        let checkpoint = sign(&self.gate, epoch, &id, &next.log_origin(), &tree)?;
        batch.appends.push(Append { log: id, expected_size, entries, checkpoint });
        batch.projections.push(projection(&id, &next));
        Ok(next)
    }
}

/// What a log says is missing of it.
fn gap_of(gaps: &[RestoredWithGap], log: &OrganisationId) -> Option<Event> {
    gaps.iter().find(|entry| entry.gap.log == *log).cloned().map(Event::RestoredWithGap)
}

/// Endings of all that is open.
fn endings(state: &Organisation) -> Vec<Event> {
    let ended = |ceremony: &Hash| Event::Ended { ceremony: *ceremony, how: Ending::Aborted };
    state.ceremonies.keys().map(ended).collect()
}

fn no_ceremony(log: &Log) -> Result<(), VaultError> {
    let organisation = || log.state.slug.to_string();
    match log.state.ceremonies.keys().next() {
        Some(hash) => Err(VaultError::CeremonyOpen { organisation: organisation(), ceremony: *hash }),
        None => Ok(()),
    }
}

fn copy(root: &SecretKey) -> SecretKey {
    let mut copy = SecretKey::zeroed();
    copy.expose_mut().copy_from_slice(root.expose());
    copy
}
