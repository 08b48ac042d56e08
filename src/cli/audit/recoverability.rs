//! `audit recoverability`: could all of this be opened today?

use super::export::verifier_key;
use super::verify::{engine, own_key};
use crate::audit::{Lack, Options, Source, SourceError, State};
use crate::cli::args::{Holders, RecoverabilityArgs};
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::table::{self, Column, counted};
use crate::cli::{App, Rng};
use crate::export::{CHECKPOINT, CopiedRecords, Directory};
use crate::log::VerifierKey;
use crate::name::{MemberAddress, printable};
use crate::time::Time;
use crate::vault::drill::GATE_EVERY;
use crate::vault::gate_file::GateFileError;
use crate::vault::recoverability::{
    GroupRecoverability, NotShown, Recoverability, recoverability as of_records,
};
use crate::vault::{Vault, VaultError, group};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::json;
use std::path::Path;

/// `audit recoverability`: of a vault, or of an exported copy of one of its logs.
pub fn recoverability(app: &mut App<'_>, args: &RecoverabilityArgs) -> Result<(), CliError> {
    let checked = match args.target.as_deref() {
        // A name is a path as well; what lies there decides.
        Some(dir) if Directory::is_one(dir) => of_copy(app, dir, args.key.as_deref())?,
        _ if args.key.is_some() => {
            let fact = "--key is for an exported log".to_owned();
            return Err(CliError::Argument {
                fact,
                remedy: "Leave --key out, or name an export's directory.",
            });
        }
        target => of_vault(app, holders(target)?.as_ref(), args.dry_run)?,
    };
    let (room, now) = (app.ui.columns(), app.now());
    let mut value = json!({ "organisations": checked.results, "entered": checked.entered });
    if let (Some(object), Some((key, given))) = (value.as_object_mut(), &checked.key) {
        object.insert("key".to_owned(), json!(key.to_string()));
        object.insert("key_given".to_owned(), json!(given));
    }
    app.emit(value, || words(&checked, now, room));
    let not_shown: usize = checked.results.iter().map(|one| one.not_shown(now).len()).sum();
    match checked.results.iter().map(|one| one.failed.len()).sum() {
        0 if not_shown == 0 => Ok(()),
        0 => Err(CliError::NotShown),
        failed => Err(CliError::Unrecoverable(failed)),
    }
}

/// What was found, and whether that is an entry now.
struct Checked {
    results: Vec<Recoverability>,
    entered: bool,
    /// Why nothing was entered that should have been.
    remark: Option<&'static str>,
    /// The key with which a copy was verified, and whether somebody gave it: else it is
    /// the copy's own.
    key: Option<(VerifierKey, bool)>,
}

fn holders(target: Option<&Path>) -> Result<Option<Holders>, CliError> {
    let Some(target) = target else { return Ok(None) };
    let parsed = target.to_string_lossy().parse();
    // Whoever writes a path means a directory.
    let missing = parsed.is_err() && target.components().count() > 1;
    if missing {
        let why = SourceError::File { file: CHECKPOINT.to_owned(), why: Lack::Missing };
        return Err(CliError::Source { dir: target.to_owned(), why });
    }
    Ok(Some(parsed?))
}

/// Results are entered by whoever has the gate; others look.
fn of_vault(app: &mut App<'_>, target: Option<&Holders>, dry_run: bool) -> Result<Checked, CliError> {
    let now = app.now();
    let mut gate = if dry_run { None } else { with_gate(app)? };
    let vault = app.read_vault()?;
    let organisations: Vec<_> = match target {
        Some(Holders::Group(MemberAddress { organisation, .. }) | Holders::Organisation(organisation)) => {
            vec![organisation.clone()]
        }
        None => vault.state().organisations.values().cloned().collect(),
    };
    let only = match target {
        Some(Holders::Group(address)) => Some(&address.name),
        _ => None,
    };
    let mut results = Vec::new();
    for organisation in &organisations {
        let mut log = vault.log(organisation)?;
        let result = {
            let only = only.map(|name| group::group(&log.state, name)).transpose()?;
            let bar = Progress::new("versions");
            vault.recoverability(&log, only, now, &mut fresh, &|done, all| bar.at(done, all))
        };
        if let Some(gate) = &mut gate
            && result.versions > 0
        {
            gate.enter_recoverability(&mut log, &result, now)?;
        }
        results.push(result);
    }
    let remark = (gate.is_none() && !dry_run).then_some(NO_GATE);
    Ok(Checked { results, entered: gate.is_some(), remark, key: None })
}

/// The vault with its gate; `None` where there is none.
fn with_gate(app: &mut App<'_>) -> Result<Option<Vault>, CliError> {
    match app.open_vault() {
        Err(CliError::Vault(VaultError::GateFile(GateFileError::Missing(_)))) => Ok(None),
        opened => opened.map(Some),
    }
}

const NO_GATE: &str = "Not entered in the log: the gate's file is not here.";

/// Of an exported log, all of which must verify first: what it says of itself decides
/// what its records must be.
fn of_copy(app: &mut App<'_>, dir: &Path, key: Option<&str>) -> Result<Checked, CliError> {
    let now = app.now();
    let unreadable = |why| CliError::Source { dir: dir.to_owned(), why };
    let given = key.map(verifier_key).transpose()?;
    let read = Directory::open(dir).map_err(unreadable)?;
    if read.first() > 0 {
        return Err(CliError::OnlyAPart { first: read.first() });
    }
    let (key, given) = match given {
        Some(key) => (key, true),
        None => (read.key().map_err(unreadable)?, false),
    };
    let verdict = engine(&read, &Options { key: Some(&key), ..Options::default() });
    let state = match verdict.state {
        Some(State::Organisation(state)) if verdict.findings.is_empty() => state,
        Some(State::Vault(_)) if verdict.findings.is_empty() => {
            let fact = format!("{} holds the vault's own log, and nothing is sealed there", dir.display());
            return Err(CliError::Argument { fact, remedy: "Name the export of an organisation's log." });
        }
        _ => {
            for finding in &verdict.findings {
                app.ui.note(&format!("WRONG {}: {}", dir.display(), printable(&finding.what)));
            }
            return Err(CliError::ExportWrong(verdict.findings.len().max(1)));
        }
    };
    if !CopiedRecords::are_in(dir) {
        return Err(CliError::NoRecords(dir.to_owned()));
    }
    let records = CopiedRecords::open(dir).map_err(unreadable)?;
    let bar = Progress::new("versions");
    let result = of_records(&state, &records, None, now, &mut fresh, &|done, all| bar.at(done, all));
    Ok(Checked { results: vec![result], entered: false, remark: None, key: Some((key, given)) })
}

fn fresh() -> Rng {
    UnwrapErr(SysRng)
}

fn words(checked: &Checked, now: Time, room: Option<usize>) -> String {
    let (results, mut lines) = (&checked.results, Vec::new());
    for one in results {
        let all = counted(usize::try_from(one.versions).unwrap_or(usize::MAX), "current version");
        lines.push(match (one.versions, one.failed.len()) {
            (0, _) => format!("{}: nothing is sealed.", one.organisation),
            (_, 0) => format!("{}: {all}; the record and dealing of each is whole.", one.organisation),
            (_, failed) => format!("{}: {all}; {failed} could NOT be opened:", one.organisation),
        });
        lines.extend(one.failed.iter().map(|failed| {
            format!(
                "  {} {} version {}, held by {}: {}",
                failed.address, failed.factor, failed.version, failed.group, failed.why
            )
        }));
        if !one.groups.is_empty() {
            lines.push(format!("\n{}\n", group_table(&one.groups, room)));
        }
    }
    let days = table::days(u64::try_from(GATE_EVERY.whole_days()).unwrap_or(u64::MAX));
    for one in results {
        lines.extend(one.not_shown(now).into_iter().map(|what| match what {
            NotShown::Members { group, undrilled: Some(keyed), .. } => format!(
                "ALARM {group}: no drill has shown anything yet. Its members showed their keys when it was formed or refreshed, on {}, but only a drill shows that card and second factor are kept. Hold the first one: warifu drill {group}",
                keyed.to_minute()
            ),
            NotShown::Members { group, live, within_days, threshold, undrilled: None } => format!(
                "ALARM {group}: {live} proved within {} that their keys are still there; {threshold} must come. Hold a drill: warifu drill {group}",
                table::days(within_days)
            ),
            NotShown::Gate => format!(
                "ALARM {}: the gate has not proved its key within {days}. It does when a drill begins, not while one goes on: warifu drill {} --new",
                one.organisation,
                one.groups.iter().find(|group| group.margin >= 0).or(one.groups.first()).map_or_else(
                    || format!("{}/GROUP", one.organisation),
                    |group| group.group.clone()
                )
            ),
        }));
    }
    if results.is_empty() {
        lines.push("No organisations yet.".to_owned());
    }
    lines.push(REACH.to_owned());
    lines.extend(checked.remark.map(str::to_owned));
    lines.extend(checked.key.iter().filter(|(_, given)| !given).map(|(key, _)| own_key(key)));
    lines.join("\n")
}

/// What a good result says and what it does not.
const REACH: &str = "Shown: the shares of each version fit together and are encrypted for the members of its group. \
     A live member proved in a drill that card and second factor are there. Not shown: that what was sealed is right.";

fn group_table(groups: &[GroupRecoverability], room: Option<usize>) -> String {
    let columns = [
        Column::whole("group"),
        Column::whole("needs"),
        Column::whole("openable"),
        Column::whole("failed"),
        Column::text("how").spare(1),
        Column::whole("live"),
        Column::whole("margin"),
    ];
    let row = |group: &GroupRecoverability| {
        vec![
            group.group.clone(),
            format!("{} of {}", group.threshold, group.members),
            group.good.to_string(),
            group.failed.to_string(),
            group.label.as_str().to_owned(),
            group.live.to_string(),
            group.margin.to_string(),
        ]
    };
    table::table(&columns, groups.iter().map(row), room)
}
