//! What the verification of a vault, or of a copy of one of its logs, found: for
//! people and programs. Nothing is verified here.

use super::VaultError;
use crate::audit::{self, GapFound, Tampering, Verdict};
use crate::hex::Bytes;
use crate::name::{LogName, printable};
use crate::store::{Damage, StoreError};
use crate::time::Time;
use serde::Serialize;

/// What verification found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One for each log.
    pub logs: Vec<LogReport>,
    /// Everything that is wrong, first things first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// What is found when the vault's own log is so wrong that it cannot even be
    /// read; `None` for failures that say nothing about the log.
    pub fn of_unreadable(error: &VaultError) -> Option<Self> {
        let entry = match error {
            VaultError::Store(StoreError::Damaged { what: Damage::Entry(_, index) })
            | VaultError::BadEntry { index, .. } => Some(*index),
            VaultError::Store(StoreError::Damaged { what: Damage::Head(_) | Damage::Schema(..) }) => None,
            _ => return None,
        };
        let (log, tampering, what) = (LogName::Vault.to_string(), Vec::new(), error.to_string());
        let findings = vec![Finding { log, entry, tampering, what, file: None, record_missing: false }];
        Some(Self { logs: Vec::new(), findings })
    }

    /// Of a log that lies elsewhere than in a vault, and has nothing beside it.
    pub fn of_copy(log: &str, verdict: &Verdict) -> Self {
        let findings = verdict.findings.iter().map(|finding| Finding::of_log(log, finding)).collect();
        Self { logs: vec![LogReport::new(log, verdict, 0)], findings }
    }
}

/// A log that was verified as far as it goes.
#[derive(Debug, Serialize)]
pub struct LogReport {
    /// Organisation's name, `@vault` for the vault's own, or a copy's directory.
    pub log: String,
    /// First entry that was read: 0, unless it is a period's evidence.
    pub first: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Time of the first.
    pub from: Option<Time>,
    /// Time of the last.
    pub to: Option<Time>,
    /// Root over them.
    pub root: Bytes<32>,
    /// Actors' signatures that were verified.
    pub signatures: u64,
    /// Entries of kinds that a newer version wrote: they were hashed, not judged.
    pub unknown: u64,
    /// Size of the older checkpoint that it extends, if one was given.
    pub extends: Option<u64>,
    /// Records whose bytes were checked.
    pub records: u64,
    /// What the log says is missing of it, signed by a recovery quorum.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<GapFound>,
}

impl LogReport {
    pub(super) fn new(log: &str, verdict: &Verdict, records: u64) -> Self {
        Self {
            log: log.to_owned(),
            first: verdict.first,
            entries: verdict.entries - verdict.first.min(verdict.entries),
            from: verdict.from,
            to: verdict.to,
            root: verdict.root,
            signatures: verdict.signatures,
            unknown: verdict.unknown,
            extends: verdict.extends,
            records,
            gaps: verdict.gaps.clone(),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Organisation's name, `@vault` for the vault's own, or a copy's directory.
    pub log: String,
    /// Which entry, from 0, where it can be told.
    pub entry: Option<u64>,
    /// What may have been done to the log; nothing for what lies beside it.
    pub tampering: Vec<Tampering>,
    /// What is wrong.
    pub what: String,
    /// Which file of an exported copy is wrong, where that is what was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether it is a record that is missing.
    #[serde(skip)]
    pub record_missing: bool,
}

impl Finding {
    pub(super) fn of_log(log: &str, finding: &audit::Finding) -> Self {
        let (log, tampering) = (log.to_owned(), finding.tampering.clone());
        Self {
            log,
            entry: finding.entry,
            tampering,
            what: printable(&finding.to_string()),
            file: None,
            record_missing: false,
        }
    }
}
