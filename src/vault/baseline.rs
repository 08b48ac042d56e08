//! Baselines on the vault's side: what credential reports said of each account, from
//! their records; where in the log a proof stands; and entering what somebody says.
//! What a baseline consists of is `state::baseline`.

use super::hierarchy::{keep_text, no_project};
use super::reconcile::facts_record;
use super::{Log, PublicVault, Records, Vault, VaultError};
use crate::event::{
    Actor, BaselineFact, BaselineStatement, BaselineWord, Event, Hash, RootUse, Shown, record_hash,
};
use crate::hex::Bytes;
use crate::name::{AccountId, OrganisationId, ScopeAddress};
use crate::report::reconcile::{Facts, Verdict};
use crate::seal::card::{Card, Role};
use crate::state::baseline::{Checked, Item, Protection, Report, Reported};
use crate::state::{Organisation, Version};
use crate::time::Time;
use rand_core::CryptoRng;
use serde::Serialize;
use std::collections::BTreeMap;

/// An account of which something is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotAtBaseline {
    /// `org/project/account`.
    pub address: String,
    /// What is not shown.
    pub missing: Vec<Item>,
}

/// How many accounts of an organisation are not at baseline.
#[derive(Debug, Default, Serialize)]
pub struct BaselineStatus {
    /// How many.
    pub accounts: u64,
    /// The first of them; of many, some that were quickly found.
    pub first: Vec<String>,
    /// How many more there are of which nothing is missing but what credential reports
    /// have to say, which was not looked at.
    pub not_looked_at: u64,
}

/// How many are named.
pub(super) const NAMED: usize = 3;

/// What credential reports said that were read.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Of each account.
    pub of: BTreeMap<AccountId, Protection>,
    /// Whether the record of one is gone, before which none counts.
    pub gone: bool,
}

impl PublicVault {
    /// What the credential reports said that were entered, of each account. The records
    /// say what an entry only counts; where one is gone, nothing that was said before
    /// it counts any more, because it may have said the opposite.
    pub fn protection(&self, log: &Log) -> BTreeMap<AccountId, Protection> {
        self.said(&log.state.id, log.state.baselines.reports.iter().rev().copied()).of
    }

    /// The same of these reports, the newest first: what was said last counts.
    pub(super) fn said(&self, log: &OrganisationId, newest_first: impl Iterator<Item = Report>) -> Said {
        let mut found = Said::default();
        for report in newest_first {
            let bytes = self.record(log, &facts_record(&report.facts)).ok();
            let bytes = bytes.filter(|bytes| record_hash(bytes) == report.facts);
            let Some(facts) = bytes.and_then(|bytes| serde_json::from_slice::<Facts>(&bytes).ok()) else {
                found.gone = true;
                break;
            };
            for fact in facts.uses.iter().rev() {
                let said =
                    Reported { sound: fact.verdict == Verdict::Sound, entry: report.entry, at: report.at };
                // What was said later stands already.
                match fact.what {
                    RootUse::AccessKeyActive => {
                        let _ = found.of.entry(fact.account).or_default().keys.get_or_insert(said);
                    }
                    RootUse::MfaInactive => {
                        let _ = found.of.entry(fact.account).or_default().mfa.get_or_insert(said);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Accounts of a scope that are not at baseline, by address, and how many there
    /// are in all.
    pub fn below_baseline(
        &self,
        log: &Log,
        scope: &ScopeAddress,
    ) -> Result<(Vec<NotAtBaseline>, usize), VaultError> {
        let (state, reported) = (&log.state, self.protection(log));
        let known =
            |slug| state.project_by_slug(slug).map(|(id, _)| *id).ok_or_else(|| no_project(state, slug));
        let project = scope.project.as_ref().map(known).transpose()?;
        let accounts = state.accounts.iter().filter(|(_, a)| project.is_none_or(|p| a.project == p));
        let accounts: Vec<_> = accounts.map(|(id, _)| id).collect();
        let mut below: Vec<_> = accounts.iter().filter_map(|id| below(state, id, &reported)).collect();
        below.sort_by(|a, b| a.address.cmp(&b.address));
        Ok((below, accounts.len()))
    }

    /// The same as a number, with the first of them.
    pub fn baseline_status(&self, log: &Log) -> BaselineStatus {
        let (state, reported) = (&log.state, self.protection(log));
        let mut below: Vec<_> = state.accounts.keys().filter_map(|id| below(state, id, &reported)).collect();
        below.sort_by(|a, b| a.address.cmp(&b.address));
        let first = below.iter().take(NAMED).map(|one| one.address.clone()).collect();
        BaselineStatus { accounts: below.len() as u64, first, not_looked_at: 0 }
    }

    /// Index and time of the entry that shows that a version is sealed and somebody was
    /// given it: that with which it was sealed, or where nobody was given it then, that
    /// with which it was first released.
    pub fn entry_of_seal(
        &self,
        log: &Log,
        credential: &Hash,
        version: &Version,
    ) -> Result<(Option<u64>, Time), VaultError> {
        let released = version.exposed.filter(|_| version.sealing.shown == Shown::Nobody);
        let at = released.unwrap_or(version.sealed);
        let is_it = |event: &Event| match event {
            Event::Sealed(sealing) => released.is_none() && sealing.credential == *credential,
            Event::Released { credential: given, .. } => released.is_some() && given == credential,
            _ => false,
        };
        Ok((self.entry_at(log, at, is_it)?, at))
    }

    /// Index of the first entry of a time that is the one looked for. Entries are in the
    /// order of their times, so that few have to be looked at.
    fn entry_at(
        &self,
        log: &Log,
        at: Time,
        is_it: impl Fn(&Event) -> bool,
    ) -> Result<Option<u64>, VaultError> {
        let (mut from, mut to) = (0, log.state.size);
        while from < to {
            let middle = from + (to - from) / 2;
            let read = self.walk(&log.state.id, middle..middle + 1).next().transpose()?;
            if read.is_some_and(|entry| entry.time < at) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        for entry in self.walk(&log.state.id, from..log.state.size) {
            let entry = entry?;
            match &entry.event {
                _ if entry.time > at => break,
                Some(event) if is_it(event) => return Ok(Some(entry.index)),
                _ => {}
            }
        }
        Ok(None)
    }
}

fn below(
    state: &Organisation,
    id: &AccountId,
    reported: &BTreeMap<AccountId, Protection>,
) -> Option<NotAtBaseline> {
    let said = reported.get(id).copied().unwrap_or_default();
    let lacking = |checked: Checked<'_>| checked.shown.is_err().then_some(checked.item);
    let missing: Vec<_> = state.baseline(id, &said)?.into_iter().filter_map(lacking).collect();
    (!missing.is_empty()).then(|| NotAtBaseline { address: state.address(id), missing })
}

impl Vault {
    /// Enters what the owner of a card says of an account, or with no text that what
    /// was said holds no more. Gives the index of the entry.
    pub fn state_baseline(
        &mut self,
        log: &mut Log,
        card: &Card,
        (account, fact): (AccountId, BaselineFact),
        text: Option<&str>,
        now: Time,
        rng: &mut impl CryptoRng,
    ) -> Result<u64, VaultError> {
        let role = if card.role() == Role::Officer { Role::Officer } else { Role::Operator };
        super::people::check_card(&log.state, card, role)?;
        // Anew where others have written: its number is of the log as it then is.
        self.at_present(log, now, |vault, log, now| {
            let state = &log.state;
            let before = state.baselines.stated(&account, fact);
            let stands = before.is_some_and(|before| before.word == BaselineWord::Stated);
            if text.is_none() && !stands {
                return Err(VaultError::NotStated { address: state.address(&account), fact });
            }
            let mut records = Records::default();
            let mut said = BaselineStatement {
                account,
                fact,
                serial: before.map_or(0, |before| before.serial) + 1,
                word: if text.is_some() { BaselineWord::Stated } else { BaselineWord::Withdrawn },
                text: text.map(|text| keep_text(text, &mut records, rng)).transpose()?,
                by: card.pseudonym().clone(),
                signature: Bytes([0; 64]),
            };
            said.signature = card.signing_key().sign(&said.digest(&state.id));
            let (actor, index) = (Actor::Card(said.by.clone()), state.size);
            vault.commit_once(log, now, vec![(actor, Event::BaselineStated(said))], records)?;
            Ok(index)
        })
    }
}
