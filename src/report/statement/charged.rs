//! Costs of a period, brought to the accounts of one organisation. Those of other
//! accounts are counted and neither named nor summed: a reseller's bill is of many
//! who are nobody's business here.

use super::view::{View, row};
use crate::import::costs::{Costs, Format, Sum, accounts};
use crate::import::money::Amount;
use crate::name::{AccountId, ProjectId, Provider};
use crate::report::document::{Cell, Column, Table, text, whole};
use crate::state::Organisation;
use std::collections::{BTreeMap, BTreeSet};

/// Columns of costs by account.
const ACCOUNTS: &[Column] = &[
    whole("address", "account"),
    whole("external_id", "provider's id"),
    whole("currency", "currency"),
    whole("amount", "costs"),
    whole("rows", "rows"),
];

/// Columns of costs by project.
const PROJECTS: &[Column] = &[
    whole("project", "project"),
    whole("currency", "currency"),
    whole("amount", "costs"),
    text("rows", "rows"),
];

/// What an organisation is charged.
#[derive(Clone, Debug, Default)]
pub struct Charged {
    sums: BTreeMap<(AccountId, Box<str>), Sum>,
    unknown: u64,
    unknown_ids: BTreeSet<Box<str>>,
    outside: u64,
    bad: u64,
    too_large: bool,
    formats: BTreeSet<&'static str>,
}

impl Charged {
    /// Of what was read from files.
    pub fn of(state: &Organisation, files: &[Costs]) -> Self {
        let mut ids = BTreeMap::<&str, Vec<(&AccountId, &Provider)>>::new();
        for (id, account) in &state.accounts {
            ids.entry(&account.external_id).or_default().push((id, &account.provider));
        }
        let mut charged = Self::default();
        for costs in files {
            charged.outside += costs.outside;
            charged.bad += costs.bad_rows;
            charged.formats.insert(costs.format.as_str());
            let find = |id: &str| {
                let of_format = |(_, provider): &&(&AccountId, &Provider)| {
                    costs.format == Format::Focus || **provider == Provider::Aws
                };
                let mut found = ids.get(id).into_iter().flatten().filter(of_format);
                // An id that accounts of two providers have is nobody's.
                match (found.next(), found.next()) {
                    (Some((id, _)), None) => Some(**id),
                    _ => None,
                }
            };
            let known: BTreeMap<_, _> = accounts(costs).into_iter().map(|id| (id, find(id))).collect();
            for ((id, currency), sum) in &costs.sums {
                match known.get(&**id).copied().flatten() {
                    Some(account) => charged.add(account, currency, sum),
                    None => {
                        charged.unknown += sum.rows;
                        charged.unknown_ids.insert(id.clone());
                    }
                }
            }
        }
        charged
    }

    fn add(&mut self, account: AccountId, currency: &str, sum: &Sum) {
        let place = self.sums.entry((account, currency.into())).or_default();
        place.rows += sum.rows;
        place.amount = add(place.amount, sum.amount, &mut self.too_large);
    }

    /// Tables for one project, and what is to be known beside them.
    pub(super) fn of_project(&self, view: &View<'_>, project: &ProjectId) -> (Vec<Table>, Vec<String>) {
        let within = |account: &AccountId| view.project_of(account) == Some(*project);
        let mut mine: Vec<_> = self.sums.iter().filter(|((account, _), _)| within(account)).collect();
        mine.sort_by_cached_key(|((account, currency), _)| (view.state.address(account), currency.clone()));
        let rows = mine.into_iter().map(|((account, currency), sum)| {
            let id = view.state.accounts.get(account).map(|found| &found.external_id);
            let cells = vec![
                Cell::Text(view.state.address(account)),
                Cell::maybe(id),
                Cell::Text(currency.to_string()),
                Cell::Amount(sum.amount),
                Cell::Number(sum.rows),
            ];
            row(cells, [], false)
        });
        let accounts = Table {
            key: "costs",
            headline: "Costs by account",
            columns: ACCOUNTS,
            rows: rows.collect(),
            proven: false,
        };
        let (total, too_large) = self.totals(view, |found| found == project);
        let elsewhere = |(account, _): &&(AccountId, Box<str>)| !within(account);
        let other: u64 = self.sums.iter().filter(|(key, _)| elsewhere(key)).map(|(_, sum)| sum.rows).sum();
        let others: BTreeSet<_> = self.sums.keys().filter(elsewhere).map(|(account, _)| *account).collect();
        let foreign =
            (other + self.unknown, others.len() + self.unknown_ids.len(), "that are not of this project");
        (vec![accounts, total], self.remarks(foreign, too_large))
    }

    /// Tables for the whole organisation, and what is to be known beside them.
    pub(super) fn of_organisation(&self, view: &View<'_>) -> (Vec<Table>, Vec<String>) {
        let (total, too_large) = self.totals(view, |_| true);
        let foreign = (self.unknown, self.unknown_ids.len(), "that this organisation does not have");
        (vec![total], self.remarks(foreign, too_large))
    }

    fn totals(&self, view: &View<'_>, wanted: impl Fn(&ProjectId) -> bool) -> (Table, bool) {
        let (mut totals, mut too_large) = (BTreeMap::<(ProjectId, &str), Sum>::new(), self.too_large);
        for ((account, currency), sum) in &self.sums {
            let Some(project) = view.project_of(account).filter(&wanted) else { continue };
            let total = totals.entry((project, currency)).or_default();
            total.rows += sum.rows;
            total.amount = add(total.amount, sum.amount, &mut too_large);
        }
        let named = totals
            .into_iter()
            .map(|((project, currency), sum)| ((view.project_address(&project), currency), sum));
        let rows = named.collect::<BTreeMap<_, _>>().into_iter().map(|((project, currency), sum)| {
            let cells = vec![
                Cell::Text(project),
                Cell::Text(currency.to_owned()),
                Cell::Amount(sum.amount),
                Cell::Number(sum.rows),
            ];
            row(cells, [], false)
        });
        let (key, headline) = ("costs_by_project", "Costs by project");
        (Table { key, headline, columns: PROJECTS, rows: rows.collect(), proven: false }, too_large)
    }

    fn remarks(&self, (rows, accounts, whose): (u64, usize, &str), too_large: bool) -> Vec<String> {
        let formats: Vec<_> = self.formats.iter().copied().collect();
        let told = format!(
            "Costs are those of the files that were given ({}), which the log does not prove; they are sums of \
             rows that begin in the period, exact and in each currency by itself.",
            formats.join(", ")
        );
        let say = |holds: bool, remark: String| holds.then_some(remark);
        [
            Some(told),
            say(rows > 0, format!("Not counted: {rows} rows of {accounts} accounts {whose}.")),
            say(self.outside > 0, format!("Not counted: {} rows of outside the period.", self.outside)),
            say(
                self.bad > 0,
                format!("NOT COUNTED: {} rows that could not be used; costs are incomplete.", self.bad),
            ),
            say(too_large, "NOT COUNTED: a sum is too large; costs are incomplete.".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn add(one: Amount, other: Amount, too_large: &mut bool) -> Amount {
    one.checked_add(other).unwrap_or_else(|| {
        *too_large = true;
        one
    })
}
