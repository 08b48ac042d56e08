//! Who is not at baseline, from the overview. Its rows count what the entries say;
//! what credential reports said of those accounts for which nothing else is missing
//! is read from the reports' records, as long as both are few: the rest is counted as
//! not looked at. Answering from the whole log is `baseline`'s.

use super::PublicVault;
use super::baseline::{BaselineStatus, NAMED, Said};
use super::overview::{AccountRow, Overview, Tally, Unusable};
use crate::name::OrganisationId;

/// How much is read at most, so that it takes no longer in a large estate.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Rows of accounts, and as many of those that wait for credential reports.
    pub accounts: usize,
    /// Credential reports, the newest.
    pub reports: usize,
}

impl Bounds {
    /// For `status`: as many accounts as it lists.
    pub const STATUS: Self = Self { accounts: 1000, reports: 1000 };
}

impl PublicVault {
    /// How many accounts are not at baseline, and some of them: the first by address
    /// where all accounts are within the bounds.
    pub fn baseline_by_rows(
        &self,
        id: &OrganisationId,
        overview: &Overview<'_>,
        bounds: Bounds,
    ) -> Result<BaselineStatus, Unusable> {
        let projects = overview.projects()?;
        let tally = projects.values().fold(Tally::default(), |sum, project| sum.and(&project.tally));
        let complete = tally.baseline_waits.saturating_add(tally.baseline_shown);
        let lacking = tally.accounts.checked_sub(complete);
        let lacking = lacking.ok_or_else(|| Unusable::Row("project".to_owned()))?;
        let address = |row: &AccountRow| -> Result<String, Unusable> {
            let project = projects.get(&row.project);
            let project = project.ok_or_else(|| Unusable::Row(row.project.to_string()))?;
            Ok(overview.address(project, row))
        };
        let rows = if lacking > 0 { overview.accounts(bounds.accounts)? } else { Vec::new() };
        let lacks = rows.iter().filter(|row| row.baseline.lacks());
        let mut found = lacks.map(address).collect::<Result<Vec<_>, _>>()?;
        let unreported = self.unreported(id, overview, bounds, tally.baseline_waits)?;
        for row in &unreported.below {
            found.push(address(row)?);
        }
        found.sort();
        found.truncate(NAMED);
        let accounts = lacking.saturating_add(unreported.below.len() as u64);
        Ok(BaselineStatus { accounts, first: found, not_looked_at: unreported.not_looked_at })
    }

    /// What credential reports say of accounts that wait for nothing else; so many do.
    fn unreported(
        &self,
        id: &OrganisationId,
        overview: &Overview<'_>,
        bounds: Bounds,
        waits: u64,
    ) -> Result<Unreported, Unusable> {
        if waits == 0 || waits > bounds.accounts as u64 {
            return Ok(Unreported { below: Vec::new(), not_looked_at: waits });
        }
        let waiting = overview.waiting(bounds.accounts)?;
        if waiting.len() as u64 != waits {
            return Err(Unusable::Row("waits".to_owned()));
        }
        let mut reports = overview.reports(bounds.reports.saturating_add(1))?;
        let all = reports.len() <= bounds.reports;
        reports.truncate(bounds.reports);
        let Said { of, gone } = self.said(id, reports.into_iter());
        let mut found = Unreported::default();
        for account in waiting {
            let row = overview.account(&account)?;
            let said = of.get(&account).copied().unwrap_or_default();
            match said.shows(row.standing, &row.provider, all || gone) {
                Some(true) => {}
                Some(false) => found.below.push(row),
                None => found.not_looked_at += 1,
            }
        }
        Ok(found)
    }
}

/// Accounts of which nothing else is missing.
#[derive(Default)]
struct Unreported {
    /// Those that credential reports do not show to be at baseline.
    below: Vec<AccountRow>,
    /// How many nobody has looked at.
    not_looked_at: u64,
}
