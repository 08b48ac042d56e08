//! What the entries tell of ceremonies, for people: also of those that have
//! ended, which the state forgets. Nothing is judged here; the entries must be
//! those of a log that was replayed.

use super::claims::AcceptedMessages;
use super::{Ceremony, Standing};
use crate::event::{Event, Hash, Opening};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Ceremonies whose entries were noted, in order from their opening on. Of one
/// that has not ended the state knows more: messages, its root, who stopped it.
#[derive(Clone, Default, Debug)]
pub struct Past(BTreeMap<Hash, Ceremony>);

impl Past {
    /// Takes an entry's event with its index and time. Noting the entries of a
    /// ceremony once more, from its opening on, changes nothing.
    pub fn note(&mut self, index: u64, time: Time, event: &Event) {
        if let Event::Opened(opening) = event {
            self.0.insert(opening.ceremony, Ceremony::opened(opening, time, index + 1));
        }
        // Which versions it was for the entry does not list.
        if let Event::ReshareOpened(opening) = event {
            let ceremony = Ceremony::reshare_opened(opening, time, index + 1, Vec::new());
            self.0.insert(opening.ceremony, ceremony);
        }
        let Some(ceremony) = event.ceremony().and_then(|hash| self.0.get_mut(hash)) else { return };
        match event {
            Event::Targeted { first, credentials, .. } => {
                ceremony.targets.truncate(usize::try_from(*first).unwrap_or(usize::MAX));
                ceremony.targets.extend(credentials);
                ceremony.opened_size = index + 1;
            }
            Event::Accepted(acceptance) => {
                ceremony.accepted.insert(acceptance.custodian.clone(), acceptance.targets.clone());
            }
            Event::Released { target, .. } => {
                ceremony.released.insert(*target);
            }
            Event::ShareRejected { target, custodian, .. } => {
                ceremony.rejected.insert((*target, custodian.clone()));
            }
            Event::Revealed { target, .. } => {
                ceremony.revealed.insert(*target);
            }
            Event::CodeGiven { codes, .. } => ceremony.codes += codes,
            Event::RedealingRejected(rejected) => {
                let aside = ceremony.reshare.as_mut().map(|reshare| &mut reshare.rejected);
                aside.into_iter().for_each(|aside| aside.extend([rejected.custodian.clone()]));
            }
            Event::Reshared(done) => {
                let reshare = ceremony.reshare.as_mut();
                reshare.into_iter().for_each(|reshare| reshare.done += done.versions.len() as u64);
            }
            Event::Ended { how, .. } => ceremony.standing = Standing::Ended(*how),
            // Other kinds say nothing more of a ceremony.
            _ => {}
        }
    }

    /// A ceremony that was noted.
    pub fn get(&self, ceremony: &Hash) -> Option<&Ceremony> {
        self.0.get(ceremony)
    }

    /// All that were noted, by hash.
    pub fn all(&self) -> &BTreeMap<Hash, Ceremony> {
        &self.0
    }

    /// Drops a ceremony of which nothing more is wanted.
    pub fn forget(&mut self, ceremony: &Hash) {
        self.0.remove(ceremony);
    }
}

impl Ceremony {
    /// As its opening leaves it, in a log that has `size` entries with that.
    pub(super) fn opened(opening: &Opening, time: Time, size: u64) -> Self {
        Self {
            opened: time,
            seen: opening.size,
            opened_size: size,
            opened_root: None,
            expires: opening.expires,
            operator: opening.operator.clone(),
            purpose: opening.purpose,
            mode: opening.mode,
            requester_key: opening.requester_key,
            gate_key: opening.gate_key,
            reason: opening.reason,
            ticket: opening.ticket,
            targets_hash: opening.targets,
            count: opening.count,
            targets: Vec::new(),
            accepted: BTreeMap::new(),
            accepted_messages: AcceptedMessages::default(),
            rejected: BTreeSet::new(),
            barred: BTreeSet::new(),
            refused: BTreeMap::new(),
            released: BTreeSet::new(),
            revealed: BTreeSet::new(),
            codes: 0,
            reshare: None,
            stopped: BTreeSet::new(),
            standing: Standing::Open,
        }
    }
}
