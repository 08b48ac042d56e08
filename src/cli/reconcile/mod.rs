//! `reconcile`: the provider's records of root users, held against the ceremonies.

mod files;
mod tell;

use super::App;
use super::args::{CloudtrailArgs, CredentialReportArgs, HowArgs, ReconcileCommand};
use super::error::CliError;
use crate::event::Reconciliation;
use crate::import::credential_report::{self, RootRow};
use crate::name::{AccountId, Slug};
use crate::report::reconcile::{Gathered, History, Outcome, Rules, of_cloudtrail, of_credential_reports};
use crate::vault::hierarchy::account;
use crate::vault::{Log, PublicVault, Vault};
use files::Unreadable;
use std::path::{Path, PathBuf};
use tell::Told;

/// `reconcile …`.
pub fn reconcile(app: &mut App<'_>, command: ReconcileCommand) -> Result<(), CliError> {
    match command {
        ReconcileCommand::Cloudtrail(args) => cloudtrail(app, &args),
        ReconcileCommand::CredentialReport(args) => credential_reports(app, &args),
    }
}

/// An entry in one line, for `audit log`.
pub fn summary(found: &Reconciliation) -> String {
    let counts = [
        (found.unexplained, "UNEXPLAINED"),
        (found.weak, "weak"),
        (found.pending, "pending"),
        (found.failed, "failed"),
        (found.before, "before"),
        (found.explained, "explained"),
        (found.unused, "without a use"),
        (found.unread, "unread"),
    ];
    let there: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let period = found.period.map(|p| format!(", {} to {}", p.from.to_minute(), p.to.to_minute()));
    let counts = if there.is_empty() { "nothing found".to_owned() } else { there.join(", ") };
    format!("{}{}: {counts}", found.source.as_str(), period.unwrap_or_default())
}

/// A vault that is written, or one that is only read.
enum Opened {
    Writing(Box<Vault>, Box<Log>),
    Reading(Box<PublicVault>, Box<Log>),
}

impl Opened {
    fn open(app: &mut App<'_>, organisation: &Slug, how: &HowArgs) -> Result<Self, CliError> {
        // Before anything is read or entered.
        if let Some(path) = how.html.as_ref().filter(|path| path.exists()) {
            return Err(CliError::FileExists(path.clone()));
        }
        Ok(if how.dry_run {
            let (vault, log) = app.read_log(organisation)?;
            Self::Reading(Box::new(vault), Box::new(log))
        } else {
            let (vault, log) = app.open_log(organisation)?;
            Self::Writing(Box::new(vault), Box::new(log))
        })
    }

    fn parts(&self) -> (&PublicVault, &Log) {
        match self {
            Self::Writing(vault, log) => (vault, log),
            Self::Reading(vault, log) => (vault, log),
        }
    }

    /// Judges, and enters what the log does not say yet; gives how many entries
    /// that made, if any were to be made.
    fn judge(
        &mut self,
        app: &App<'_>,
        judge: impl Fn(&History) -> Outcome,
    ) -> Result<(Outcome, Option<u64>), CliError> {
        Ok(match self {
            Self::Reading(vault, log) => (judge(&vault.history(log)?), None),
            Self::Writing(vault, log) => {
                let (outcome, made) = vault.reconcile(log, app.now(), |history| {
                    let outcome = judge(history);
                    let entries = outcome.entries(history);
                    (outcome, entries)
                })?;
                (outcome, Some(made))
            }
        })
    }
}

fn cloudtrail(app: &mut App<'_>, args: &CloudtrailArgs) -> Result<(), CliError> {
    let found = files::walk(&args.files)?;
    let mut opened = Opened::open(app, &args.organisation, &args.how)?;
    let history = {
        let (vault, log) = opened.parts();
        vault.history(log)?
    };
    let (gathered, unreadable) = files::read_all(&found.files, &history, (args.since, args.until));
    if found.passed_over > 0 {
        let count = found.passed_over;
        app.ui.note(&format!(
            "Passed over in folders: {count} that are named neither .json, .jsonl, .ndjson nor .gz."
        ));
    }
    let rules = Rules { grace: args.how.grace, now: app.now() };
    let (outcome, entered) = opened.judge(app, |history| of_cloudtrail(history, &gathered, rules))?;
    let read = Read { files: found.files.len(), gathered: Some(&gathered), unreadable: &unreadable };
    finish(app, &opened, &args.how, &args.organisation, &outcome, entered, &read)
}

fn credential_reports(app: &mut App<'_>, args: &CredentialReportArgs) -> Result<(), CliError> {
    if args.account.is_some() && args.files.len() > 1 {
        let fact = "--account names one account, and there are several reports".to_owned();
        return Err(CliError::Argument { fact, remedy: "Leave --account out: reports name their accounts." });
    }
    let reports: Vec<_> =
        args.files.iter().map(|path| Ok((path, report(path)?))).collect::<Result<_, CliError>>()?;
    let mut opened = Opened::open(app, &args.organisation, &args.how)?;
    let rows = {
        let (vault, log) = opened.parts();
        let history = vault.history(log)?;
        let named = args.account.as_ref().map(|address| account(&log.state, address)).transpose()?;
        let row = |(path, row): (&PathBuf, RootRow)| {
            let known = history.account(&row.account);
            let expected = known.filter(|id| named.as_ref().is_none_or(|(named, _)| named == id));
            expected.map(|id| (id, row)).ok_or_else(|| CliError::UnknownAccount {
                path: path.clone(),
                account: row.account,
                organisation: args.organisation.clone(),
            })
        };
        reports.into_iter().map(row).collect::<Result<Vec<(AccountId, RootRow)>, CliError>>()?
    };
    let rules = Rules { grace: args.how.grace, now: app.now() };
    let (outcome, entered) = opened.judge(app, |history| of_credential_reports(history, &rows, rules))?;
    let read = Read { files: rows.len(), gathered: None, unreadable: &[] };
    finish(app, &opened, &args.how, &args.organisation, &outcome, entered, &read)
}

fn report(path: &Path) -> Result<RootRow, CliError> {
    let file = std::fs::File::open(path).map_err(|why| CliError::file(path, why))?;
    credential_report::read(file).map_err(|why| CliError::CredentialReport { path: path.to_owned(), why })
}

/// What was read.
struct Read<'a> {
    files: usize,
    gathered: Option<&'a Gathered>,
    unreadable: &'a [Unreadable],
}

/// Tells the outcome in every form that was asked for.
fn finish(
    app: &mut App<'_>,
    opened: &Opened,
    how: &HowArgs,
    organisation: &Slug,
    outcome: &Outcome,
    entered: Option<u64>,
    read: &Read<'_>,
) -> Result<(), CliError> {
    let (_, log) = opened.parts();
    let told = Told { state: &log.state, organisation, outcome, entered, read };
    if let Some(path) = &how.html {
        super::files::create(path, told.page(app.now()).as_bytes())?;
    }
    let room = app.ui.columns();
    app.emit(told.json(how.html.as_deref()), || told.text(room));
    let (unexplained, weak) = told.alarms();
    if unexplained + weak > 0 {
        return Err(CliError::Alarm(told.alarm_words()));
    }
    if outcome.unread > 0 { Err(CliError::Unread(outcome.unread)) } else { Ok(()) }
}
