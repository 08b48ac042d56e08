//! What a verification found, for people and for programs.

use super::{GapFound, State};
use crate::hex::Bytes;
use crate::log::Frontier;
use crate::name::Origin;
use crate::time::Time;
use serde::Serialize;
use std::fmt;

/// What somebody may have done to a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tampering {
    /// An entry has other bytes.
    Changed,
    /// An entry was taken out.
    Dropped,
    /// An entry was put in.
    Inserted,
    /// Entries stand in another order.
    Swapped,
    /// The last entries are gone.
    Truncated,
    /// Two histories were signed.
    Forked,
    /// An older state was put back.
    RolledBack,
    /// The checkpoint is missing, is not signed, or not by the log's key.
    Unsigned,
}

impl Tampering {
    /// As people read it. JSON has the name, in kebab case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Dropped => "dropped",
            Self::Inserted => "inserted",
            Self::Swapped => "swapped",
            Self::Truncated => "truncated",
            Self::Forked => "forked",
            Self::RolledBack => "rolled back",
            Self::Unsigned => "unsigned or wrongly signed",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The first bad entry, from 0, where it can be told.
    pub entry: Option<u64>,
    /// What fits: one where the evidence settles it, several where it does not,
    /// none where this is no tampering.
    pub tampering: Vec<Tampering>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    pub(super) fn new(entry: Option<u64>, tampering: &[Tampering], what: impl Into<String>) -> Self {
        Self { entry, tampering: tampering.to_vec(), what: what.into() }
    }
}

/// `changed`, or `changed or swapped`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let kinds: Vec<_> = self.tampering.iter().map(|kind| kind.as_str()).collect();
        match kinds.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " (fits: {one})"),
            [most @ .., last] => write!(f, " (fits: {} or {last})", most.join(", ")),
        }
    }
}

/// What became of verifying one log.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Name of the log, if its first entry or its key says.
    pub origin: Option<Origin>,
    /// First entry that was read: 0, unless it is a period's evidence.
    pub first: u64,
    /// One past the last entry that was read and hashed.
    pub entries: u64,
    /// Time of the first entry that was read.
    pub from: Option<Time>,
    /// Time of the last.
    pub to: Option<Time>,
    /// Root over them.
    pub root: Bytes<32>,
    /// Actors' signatures that were verified.
    pub signatures: u64,
    /// Entries of kinds that a newer version wrote: they were hashed, not judged.
    pub unknown: u64,
    /// Size of the older checkpoint that this log extends, if one was given.
    pub extends: Option<u64>,
    /// What the log says is missing of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<GapFound>,
    /// Everything that is wrong, the first bad entry first.
    pub findings: Vec<Finding>,
    /// The signed checkpoint, if all is well.
    #[serde(skip)]
    pub checkpoint: Option<String>,
    /// What the entries add up to, if every one is good.
    #[serde(skip)]
    pub state: Option<State>,
    /// The tree over all entries that were read, to append to.
    #[serde(skip)]
    pub tree: Frontier,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}
