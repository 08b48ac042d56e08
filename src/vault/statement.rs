//! Statements: the log of an organisation read for what `report::statement` makes
//! documents of. It is read once, an entry at a time, beside the replay that makes
//! sure of it; what it says of a period that is over is replayed up to its end.

use super::audit::pieces;
use super::due::{Due, Reason, due};
use super::hierarchy::no_project;
use super::reconcile::facts_record;
use super::{EntryFault, Log, PublicVault, VaultError};
use crate::event::{Entry, Event, Line, Reconciliation, record_hash};
use crate::hex::Bytes;
use crate::log::checkpoint::CheckpointError;
use crate::name::{AccountId, ProjectId, Slug};
use crate::report::document::{Checkpointed, Document, Position};
use crate::report::reconcile::Facts;
use crate::report::statement::{self, At, Charged, Gathering, Renewal, View};
use crate::state::{Claim, Claims, Invalid, MAX_EVERY_DAYS, Organisation};
use crate::store::Store;
use crate::time::{Span, Time};
use std::borrow::Cow;
use std::ops::Range;

/// How far ahead a statement lists what is to be renewed.
const AHEAD: Span = Span::days(30);

/// Longest time for which any group can let a proof in a drill count.
const LONGEST_PROOF: Span = Span::days(MAX_EVERY_DAYS as i64);

/// Which document is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Of one project.
    Project(Slug),
    /// Of the organisation.
    Organisation,
    /// Of controls.
    Controls,
}

/// What a log says of a period.
pub struct Statements<'a> {
    vault: &'a PublicVault,
    log: &'a Log,
    gathered: Gathering,
    state: Cow<'a, Organisation>,
}

/// The signatures were verified when the log was replayed.
struct Verified;

impl Claims for Verified {
    fn take(&mut self, _: Claim) -> Result<(), Invalid> {
        Ok(())
    }
}

impl PublicVault {
    /// Reads what a log says of a half-open period; `progress` is told how many of
    /// how many entries are read.
    pub fn statements<'a>(
        &'a self,
        log: &'a Log,
        within: Range<Time>,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Statements<'a>, VaultError> {
        let (id, size) = (log.state.id, log.state.size);
        let end = within.end;
        // Where the log goes on beyond the period, what it was at its end is not there.
        let mut past = None;
        let beyond = log.state.last >= end;
        let mut gathered = Gathering::new(within, LONGEST_PROOF);
        let mut time = Time::default();
        for piece in pieces(0..size) {
            progress(piece.start, size);
            for (index, bytes) in piece.clone().zip(self.store().entries(&id, piece)?) {
                let bad = |why: EntryFault| VaultError::BadEntry { log: id, index, why };
                let line = Entry::from_line(&bytes).map_err(|why| bad(why.into()))?;
                let leaf = bytes.leaf_hash();
                // No rule says that an entry of an unknown kind is not of before the last.
                if let Line::Known(entry) = &line {
                    time = entry.time;
                }
                if time < end {
                    gathered.note(At { index, time }, &line, &leaf);
                    if beyond {
                        past = Some(applied(past, &line, &leaf).map_err(|why| bad(why.into()))?);
                    }
                }
                if let Line::Known(entry) = &line
                    && let Event::Reconciled(found) = &entry.event
                {
                    gathered.reconciliation(At { index, time }, found, &self.facts(log, found)?);
                }
            }
        }
        progress(size, size);
        let state = match past {
            Some(past) => Cow::Owned(past),
            // Its first entry is of after the period: there was nothing.
            None if beyond => {
                return Err(VaultError::NotFound {
                    what: "entry before",
                    name: end.to_minute(),
                    near: Vec::new(),
                });
            }
            None => Cow::Borrowed(&log.state),
        };
        Ok(Statements { vault: self, log, gathered, state })
    }

    fn facts(&self, log: &Log, found: &Reconciliation) -> Result<Facts, VaultError> {
        let name = facts_record(&found.facts);
        let bytes = self.record(&log.state.id, &name)?;
        let facts = serde_json::from_slice(&bytes).ok().filter(|_| record_hash(&bytes) == found.facts);
        facts.ok_or(VaultError::RecordGone(name))
    }
}

fn applied(past: Option<Organisation>, line: &Line, leaf: &Bytes<32>) -> Result<Organisation, Invalid> {
    match past {
        None => Organisation::begin_claiming(line, leaf, &mut Verified),
        Some(mut state) => {
            state.apply_claiming(line, leaf, &mut Verified)?;
            Ok(state)
        }
    }
}

impl Statements<'_> {
    /// What the log added up to at the period's end.
    pub fn state(&self) -> &Organisation {
        &self.state
    }

    /// The project with a name, if there was one.
    fn project(&self, slug: &Slug) -> Result<ProjectId, VaultError> {
        let found = self.state.project_by_slug(slug).map(|(id, _)| *id);
        found.ok_or_else(|| no_project(&self.state, slug))
    }

    /// Whether there was what is wanted.
    pub fn check(&self, wanted: &Wanted) -> Result<(), VaultError> {
        match wanted {
            Wanted::Project(slug) => self.project(slug).map(|_| ()),
            Wanted::Organisation | Wanted::Controls => Ok(()),
        }
    }

    /// One document, made now.
    pub fn document(
        &self,
        wanted: &Wanted,
        charged: Option<&Charged>,
        now: Time,
    ) -> Result<Document, VaultError> {
        let text = |hash: &_| self.vault.text(&self.log.state.id, hash);
        // By a clock that is behind, nothing would have run out yet.
        let now = now.max(self.log.state.last);
        let as_of = now.min(self.gathered.within.end);
        let view = View {
            gathered: &self.gathered,
            state: &self.state,
            as_of,
            now,
            text: &text,
            checkpoint: self.checkpoint()?,
        };
        let mut document = match wanted {
            Wanted::Project(slug) => statement::project(&view, &self.project(slug)?, charged),
            Wanted::Organisation => statement::organisation(&view, &self.renewals(as_of), charged),
            Wanted::Controls => statement::controls(&view),
        };
        for index in document.named() {
            document.positions.insert(index, self.position(index)?);
        }
        Ok(document)
    }

    fn checkpoint(&self) -> Result<Checkpointed, VaultError> {
        let state = &self.log.state;
        Ok(Checkpointed {
            log: state.slug.to_string(),
            origin: state.origin.to_string(),
            size: state.size,
            root: self.log.root(),
            key: state.log_key().map_err(CheckpointError::from)?.to_string(),
            note: self.log.checkpoint().to_owned(),
        })
    }

    /// What is to be renewed at a time, or soon after it, most urgent first.
    fn renewals(&self, as_of: Time) -> Vec<Renewal> {
        let mut found = due(&self.state, as_of, AHEAD);
        found.sort_by(|a, b| (!a.overdue, a.due, &a.address).cmp(&(!b.overdue, b.due, &b.address)));
        found.into_iter().map(|due| self.renewal(due)).collect()
    }

    fn renewal(&self, due: Due) -> Renewal {
        let sealed = self.account_of(&due).and_then(|account| {
            let (credential, _) = self.state.current_of(&account, due.factor)?;
            self.gathered.versions.get(credential).map(|version| version.sealed.index)
        });
        Renewal {
            sealed,
            address: due.address,
            factor: due.factor.as_str(),
            version: due.version,
            why: due.why.into_iter().map(Reason::as_str).map(str::to_owned).collect(),
            due: due.due,
            overdue: due.overdue,
        }
    }

    fn account_of(&self, due: &Due) -> Option<AccountId> {
        let mut parts = due.address.split('/').skip(1);
        let (project, account) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        self.state.account_by_slugs(&project, &account).map(|(id, _)| *id)
    }

    /// An entry that a row names, read from the log.
    fn position(&self, index: u64) -> Result<Position, VaultError> {
        let id = self.log.state.id;
        let bad = |why: EntryFault| VaultError::BadEntry { log: id, index, why };
        let entries = self.vault.store().entries(&id, index..index + 1)?;
        let bytes = entries.first().ok_or_else(|| bad(EntryFault::EndsBefore(index)))?;
        let (time, kind) = match Entry::from_line(bytes).map_err(|why| bad(why.into()))? {
            Line::Known(entry) => (entry.time, entry.event.kind().to_owned()),
            Line::Unknown { time, kind, .. } => (time, kind),
        };
        Ok(Position { time, kind, leaf: bytes.leaf_hash() })
    }
}
