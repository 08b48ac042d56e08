//! Reading the overview: what may be believed, and what is found in it. Whether
//! rows are made of the state or were stored with the log, they are read alike.
//!
//! Stored rows are believed if they say that they are of exactly the log that is
//! there: of its size and root, which a checkpoint states that the log's own key
//! has signed. The key is in the log's first entry, and that is the one which the
//! vault's own log, replayed, says was begun for the organisation; or keys handed
//! over from that one in entries that are read too. That each row
//! says what the entries say rests on whoever can write the database, until
//! `audit verify` holds every row against them. Anything else is replayed.

use super::reports::{self, ReportRow};
use super::{AccountRow, CardRow, CeremonyRow, GroupRow, HEAD, Head, ProjectRow, Rows, Rules};
use super::{account, all, card, days_of, instant};
use crate::event::{Entry, Event, Line};
use crate::log::checkpoint;
use crate::name::{AccountId, Factor, OrganisationId, Origin, ProjectId, Pseudonym};
use crate::state::baseline::Report;
use crate::state::rotation::RotationRules;
use crate::state::{Organisation, VaultState, gate_epochs};
use crate::store::{RecordKey, Store, StoreError};
use crate::time::Time;
use crate::vault::{Log, PublicVault, VaultError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ops::Range;

/// What an answer was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// Rows that were stored with the log.
    Overview,
    /// The log, replayed.
    Entries,
}

/// A row is missing or says nothing of its kind: what is stored cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not what its name says.
    #[error("row {0} of the overview cannot be read")]
    Row(String),
}

/// Where rows come from.
enum From<'a> {
    Stored(&'a dyn Store, OrganisationId),
    Made(Rows),
}

/// Rows that are believed.
pub struct Overview<'a> {
    /// Of which log, and what there is one of.
    pub head: Head,
    from: From<'a>,
}

impl Overview<'static> {
    /// Of a state.
    pub fn of(state: &Organisation) -> Self {
        Self { head: Head::of(state), from: From::Made(all(state)) }
    }
}

impl<'a> Overview<'a> {
    /// As stored, if it is of exactly the log that is stored, which must be the one
    /// that the vault began for that organisation.
    pub fn stored(
        store: &'a dyn Store,
        vault: &VaultState,
        id: &OrganisationId,
    ) -> Result<Option<Self>, StoreError> {
        let key = RecordKey { log: *id, name: HEAD.to_owned() };
        let row = store.row(&key)?.and_then(|row| serde_json::from_slice::<Head>(&row).ok());
        let (Some(head), Some(end)) = (row, store.head(id)?) else { return Ok(None) };
        if (head.size, head.root) != (end.frontier.size(), end.frontier.root()) || head.size == 0 {
            return Ok(None);
        }
        let first = store.entries(id, 0..1)?;
        let first = first.first().filter(|entry| vault.first_entries.get(id) == Some(&entry.leaf_hash()));
        let Some(Ok(Line::Known(entry))) = first.map(Entry::from_line) else { return Ok(None) };
        let Event::OrganisationCreated { organisation, slug, origin, gate, .. } = &entry.event else {
            return Ok(None);
        };
        let of_vault = (organisation, slug) == (id, &head.slug)
            && vault.organisations.get(id) == Some(slug)
            && *origin == Origin::of_log(&vault.origin, id);
        let mut later = Vec::new();
        for index in &head.gates {
            let read = store.entries(id, *index..index.saturating_add(1))?;
            later.extend(read.first().map(Entry::from_line).and_then(Result::ok));
        }
        let gates = gate_epochs(id, gate, later);
        let key = &gates.last().unwrap_or(gate).log_key;
        let covered =
            checkpoint::covers(end.checkpoint.as_bytes(), (origin.as_str(), key), (head.size, &head.root));
        let believed = of_vault && covered.is_ok();
        Ok(believed.then_some(Self { head, from: From::Stored(store, *id) }))
    }

    fn row<T: DeserializeOwned>(&self, name: String) -> Result<T, Unusable> {
        let bytes = match &self.from {
            From::Stored(store, log) => store.row(&RecordKey { log: *log, name: name.clone() })?,
            From::Made(rows) => rows.get(&name).cloned(),
        };
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(Unusable::Row(name))
    }

    fn range(&self, range: Range<&str>, most: usize) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        match &self.from {
            From::Stored(store, log) => store.rows(log, range, most),
            From::Made(_) if range.start >= range.end => Ok(Vec::new()),
            From::Made(rows) => {
                let found = rows.range(range.start.to_owned()..range.end.to_owned()).take(most);
                Ok(found.map(|(name, bytes)| (name.clone(), bytes.clone())).collect())
            }
        }
    }

    /// Every row of a kind, with what follows the kind in its name.
    fn all_of<T: DeserializeOwned>(&self, kind: &str, most: usize) -> Result<Vec<(String, T)>, Unusable> {
        // `0` comes right after `/`.
        let (start, end) = (format!("{kind}/"), format!("{kind}0"));
        let rows = self.range(start.as_str()..end.as_str(), most)?;
        let read = |(name, bytes): (String, Vec<u8>)| {
            let of = name.strip_prefix(&start).unwrap_or_default().to_owned();
            let row = serde_json::from_slice(&bytes).map_err(|_| Unusable::Row(name))?;
            Ok((of, row))
        };
        rows.into_iter().map(read).collect()
    }

    /// Projects by id.
    pub fn projects(&self) -> Result<BTreeMap<ProjectId, ProjectRow>, Unusable> {
        let rows = self.all_of("project", usize::MAX)?;
        rows.into_iter().map(|(id, row)| Ok((ProjectId(parsed(&id)?), row))).collect()
    }

    /// Groups, in the order of their ids.
    pub fn groups(&self) -> Result<Vec<GroupRow>, Unusable> {
        Ok(self.all_of("group", usize::MAX)?.into_iter().map(|(_, row)| row).collect())
    }

    /// One card.
    pub fn card(&self, who: &Pseudonym) -> Result<CardRow, Unusable> {
        self.row(card(who))
    }

    /// Cards by pseudonym.
    pub fn cards(&self) -> Result<Vec<(String, CardRow)>, Unusable> {
        self.all_of("card", usize::MAX)
    }

    /// Ceremonies that have not ended, by hash.
    pub fn ceremonies(&self) -> Result<Vec<(String, CeremonyRow)>, Unusable> {
        self.all_of("ceremony", usize::MAX)
    }

    /// At most so many accounts.
    pub fn accounts(&self, most: usize) -> Result<Vec<AccountRow>, Unusable> {
        Ok(self.all_of("account", most)?.into_iter().map(|(_, row)| row).collect())
    }

    /// One account.
    pub fn account(&self, id: &AccountId) -> Result<AccountRow, Unusable> {
        self.row(account(id))
    }

    /// Accounts that somebody should look at for a factor, however old it is.
    pub fn urgent(&self, factor: Factor) -> Result<Vec<AccountId>, Unusable> {
        let (start, end) = (format!("urgent/{factor}/"), format!("urgent/{factor}0"));
        ids(self.range(start.as_str()..end.as_str(), usize::MAX)?)
    }

    /// At most so many accounts of whose baseline nothing is missing but what credential
    /// reports have to say.
    pub fn waiting(&self, most: usize) -> Result<Vec<AccountId>, Unusable> {
        ids(self.range("waits/".."waits0", most)?)
    }

    /// At most so many credential reports, the newest first.
    pub fn reports(&self, most: usize) -> Result<Vec<Report>, Unusable> {
        let rows = self.all_of::<ReportRow>("report", most)?.into_iter();
        rows.map(|(place, row)| {
            let entry = reports::entry_at(&place).ok_or(Unusable::Row(place))?;
            Ok(row.report(entry))
        })
        .collect()
    }

    /// Accounts of whose factor the current version's period by the policies ends before
    /// a time, the longest first in each project. Only these rows are read.
    pub fn aged(
        &self,
        projects: &BTreeMap<ProjectId, ProjectRow>,
        factor: Factor,
        before: Time,
    ) -> Result<Vec<AccountId>, Unusable> {
        let (start, end) = (format!("own/{factor}/"), format!("own/{factor}/{}", instant(before)));
        let mut found = ids(self.range(start.as_str()..end.as_str(), usize::MAX)?)?;
        let none = BTreeMap::new();
        for (id, project) in projects {
            let Some(days) = self.rules(factor, project, &none).every_days else { continue };
            let (start, end) = (
                format!("aged/{id}/{factor}/"),
                format!("aged/{id}/{factor}/{}", instant(before - days_of(days))),
            );
            found.extend(ids(self.range(start.as_str()..end.as_str(), usize::MAX)?)?);
        }
        Ok(found)
    }

    /// What holds for a factor of an account of a project, which may have rules of its
    /// own.
    pub fn rules(
        &self,
        factor: Factor,
        project: &ProjectRow,
        own: &BTreeMap<Factor, Rules>,
    ) -> RotationRules {
        Rules::all(factor, &[own, &project.rules, &self.head.rules])
    }

    /// `org/project/account`.
    pub fn address(&self, project: &ProjectRow, account: &AccountRow) -> String {
        format!("{}/{}/{}", self.head.slug, project.slug, account.slug)
    }
}

/// The accounts at the ends of these names.
fn ids(rows: Vec<(String, Vec<u8>)>) -> Result<Vec<AccountId>, Unusable> {
    rows.iter().map(|(name, _)| parsed(name.rsplit('/').next().unwrap_or_default()).map(AccountId)).collect()
}

fn parsed(id: &str) -> Result<crate::hex::Bytes<32>, Unusable> {
    crate::hex::Bytes::parse(id).map_err(|_| Unusable::Row(id.to_owned()))
}

/// An overview, and what it was made of.
pub struct Opened<'a> {
    /// The rows.
    pub overview: Overview<'a>,
    /// From where.
    pub read_from: Reading,
    /// The log, if it was replayed.
    pub log: Option<Log>,
}

impl PublicVault {
    /// An organisation's overview: as stored, or made of its log where that is wanted
    /// or the stored one cannot be believed.
    pub fn overview(&self, id: &OrganisationId, wanted: Reading) -> Result<Opened<'_>, VaultError> {
        if wanted == Reading::Overview
            && let Ok(Some(overview)) = Overview::stored(self.store(), self.state(), id)
        {
            return Ok(Opened { overview, read_from: Reading::Overview, log: None });
        }
        let log = self.load(id)?;
        let overview = Overview::of(&log.state);
        Ok(Opened { overview, read_from: Reading::Entries, log: Some(log) })
    }

    /// Answers from an overview. If what is stored turns out to be unusable, the log
    /// is replayed after all.
    pub fn ask<'a, T>(
        &'a self,
        id: &OrganisationId,
        opened: &mut Opened<'a>,
        answer: impl Fn(&Overview<'_>) -> Result<T, Unusable>,
    ) -> Result<T, VaultError> {
        match answer(&opened.overview) {
            Ok(found) => Ok(found),
            Err(_) if opened.read_from == Reading::Overview => {
                *opened = self.overview(id, Reading::Entries)?;
                self.ask(id, opened, answer)
            }
            Err(Unusable::Store(why)) => Err(why.into()),
            Err(Unusable::Row(name)) => Err(VaultError::RecordGone(name)),
        }
    }
}
