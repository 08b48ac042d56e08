//! The vault's own log: committing to it, and seeing it as keepers' cards do.
//! Which entries stand in it is not decided here.

use super::{PublicVault, Records, Vault, VaultError, commit};
use crate::ceremony::custodian::Seen;
use crate::event::{Actor, Event};
use crate::gate::Gate;
use crate::hex::Bytes;
use crate::name::OrganisationId;
use crate::store::{Append, Batch, RecordKey, Store, StoreError};
use crate::time::Time;

/// How often a commit is tried when other processes append at the same moment.
/// Each failure means that one of them got on.
const ATTEMPTS: usize = 20;

impl Vault {
    /// Commits events of the host to the vault's own log, in one transaction. They
    /// and their records are made from the log as it is, and made anew where another
    /// process was faster. An event for each organisation's log goes in the same
    /// transaction.
    pub(super) fn commit_own(
        &mut self,
        now: Time,
        in_each: Option<&Event>,
        mut make: impl FnMut(&Self) -> Result<(Vec<Event>, Records), VaultError>,
    ) -> Result<(), VaultError> {
        let mut now = now;
        for _ in 1..ATTEMPTS {
            match self.try_commit_own(now, in_each, make(self)?) {
                Err(VaultError::Store(StoreError::Conflict { .. })) => {}
                done => return done,
            }
            self.public.state = commit::load_vault(self.store())?;
            // What the other process has just written may be a little later.
            let last = self.state().last;
            if last - now <= commit::JUST_NOW {
                now = now.max(last);
            }
        }
        self.try_commit_own(now, in_each, make(self)?)
    }

    fn try_commit_own(
        &mut self,
        now: Time,
        in_each: Option<&Event>,
        (events, records): (Vec<Event>, Records),
    ) -> Result<(), VaultError> {
        let id = self.own_log();
        let mut next = self.state().clone();
        if now < next.last {
            return Err(VaultError::ClockBack { now, last: next.last });
        }
        let expected_size = next.size;
        let mut tree = self.tree_of(&id, expected_size)?;
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            let (line, entry) = commit::line_of(Actor::Host, event, now)?;
            next.apply(&line, &entry.leaf_hash())?;
            tree.push(entry.leaf_hash());
            entries.push(entry);
        }
        let checkpoint = commit::sign(&self.gate, self.gate.epoch(), &id, &next.log_origin(), &tree)?;
        let delete = records.delete.into_iter().map(|name| RecordKey { log: id, name });
        let mut batch = Batch {
            appends: vec![Append { log: id, expected_size, entries, checkpoint }],
            put_records: commit::keyed(id, records.put),
            delete_records: delete.collect(),
            projections: vec![commit::projection(&id, &next)],
            ..Batch::default()
        };
        if let Some(event) = in_each {
            for mut log in self.every_log()? {
                if now < log.state.last {
                    return Err(VaultError::ClockBack { now, last: log.state.last });
                }
                self.append_in(&mut log, vec![event.clone()], (self.gate.epoch(), now), &mut batch)?;
            }
        }
        let _durable = self.public.store.commit(batch)?;
        self.public.state = next;
        Ok(())
    }
}

impl PublicVault {
    /// Id of the vault's own log.
    pub fn own_log(&self) -> OrganisationId {
        self.state().vault.into()
    }

    /// What the owner of a keeper's card sees of the vault's own log here.
    pub fn own_seen(&self) -> Result<Seen, VaultError> {
        let id = self.own_log();
        let gone = || VaultError::NotFound { what: "log", name: id.to_string(), near: Vec::new() };
        let head = self.store().head(&id)?.ok_or_else(gone)?;
        let (size, root) = (head.frontier.size(), head.frontier.root());
        Ok(Seen::new(id, (size, root), head.checkpoint).naming(self.state()))
    }

    /// Root over the first entries of the vault's own log; `None` if there are fewer.
    pub fn own_root_at(&self, size: u64) -> Result<Option<Bytes<32>>, VaultError> {
        let id = self.own_log();
        if size > self.store().size(&id)? {
            return Ok(None);
        }
        Ok(Some(self.tree_of(&id, size)?.root()))
    }
}
