//! Rows of the credential reports that were entered: where the record of each lies
//! that says what it said. What it said is in no row, for the record can be destroyed.

use crate::event::Hash;
use crate::state::Organisation;
use crate::state::baseline::Report;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A credential report that was entered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportRow {
    /// Hash of the record that says what was found.
    pub facts: Hash,
    /// When.
    pub at: Time,
}

impl ReportRow {
    /// The one that came with an entry of a state, if one did.
    pub fn of(state: &Organisation, entry: u64) -> Option<Self> {
        let reports = &state.baselines.reports;
        let found = reports.binary_search_by_key(&entry, |report| report.entry).ok()?;
        reports.get(found).map(|Report { facts, at, .. }| Self { facts: *facts, at: *at })
    }

    /// As the state has it.
    pub fn report(&self, entry: u64) -> Report {
        Report { facts: self.facts, entry, at: self.at }
    }
}

/// The end of the row's name: such that the newest comes first.
pub fn place(entry: u64) -> String {
    format!("{:016x}", u64::MAX - entry)
}

/// The entry that the end of a name stands for.
pub fn entry_at(place: &str) -> Option<u64> {
    u64::from_str_radix(place, 16).ok().map(|place| u64::MAX - place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_report_comes_first() {
        let places: Vec<_> = [u64::MAX, 1 << 40, 16, 1, 0].into_iter().map(place).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        let entries: Vec<_> = places.iter().map(|place| entry_at(place)).collect();
        assert_eq!(entries, [u64::MAX, 1 << 40, 16, 1, 0].map(Some));
        assert_eq!(entry_at("x"), None);
    }
}
