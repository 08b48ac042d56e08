//! `import`: accounts, and credentials, from files that other programs wrote.

use super::App;
use super::args::{ImportArgs, ImportCommand};
use super::error::CliError;
use super::files::{read_secret, shred};
use super::progress::Progress;
use super::seal::confirm_group;
use super::seal_all::{Brake, system_rng};
use super::table::counted;
use crate::import::accounts::{self, CAP, FileFault, List};
use crate::import::csv;
use crate::name::{AccountId, printable};
use crate::secret::SecretBytes;
use crate::state::Organisation;
use crate::vault::Log;
use crate::vault::Vault;
use crate::vault::import::{Applied, Changed, New, Plan};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// What is to be done with the file once its passwords are sealed.
#[derive(Default)]
struct Source {
    shred: bool,
    fingerprint: Option<String>,
}

/// `import …`.
pub fn import(app: &mut App<'_>, command: ImportCommand) -> Result<(), CliError> {
    match command {
        ImportCommand::AwsAccounts { import } => run(app, &import, accounts::read_aws, &Source::default()),
        ImportCommand::Csv { import, shred_source, fingerprint } => {
            run(app, &import, csv::read, &Source { shred: shred_source, fingerprint })
        }
    }
}

type Reader = fn(&SecretBytes) -> Result<List, FileFault>;

fn run(app: &mut App<'_>, args: &ImportArgs, read: Reader, source: &Source) -> Result<(), CliError> {
    let (bytes, opened) = read_secret(&args.file, CAP)?;
    let list = read(&bytes).map_err(|why| CliError::List { path: args.file.clone(), why })?;
    // Every cell is in the list now.
    drop(bytes);
    if !args.apply {
        let (vault, log) = app.read_log(&args.project.organisation)?;
        let plan = vault.plan_import(&log.state, &args.project, &list)?;
        report(app, args, &log.state, (&plan, &list), None);
        return bad_rows(args, &plan);
    }
    let (mut vault, mut log) = app.open_log(&args.project.organisation)?;
    let plan = vault.plan_import(&log.state, &args.project, &list)?;
    for group in &plan.groups {
        confirm_group(app, &mut vault, &log, group, source.fingerprint.as_deref())?;
    }
    let applied = apply(app, &mut vault, &mut log, &plan)?;
    let removed = match applied.passwords.stopped {
        true => Ok(false),
        false => destroy(app, args, (&plan, &list), source, opened),
    };
    let gone = matches!(removed, Ok(true));
    report(app, args, &log.state, (&plan, &list), Some((&applied, gone)));
    if applied.passwords.stopped {
        let (done, of) = (applied.passwords.sealed, plan.passwords());
        return Err(CliError::Stopped { done, of });
    }
    removed?;
    bad_rows(args, &plan)
}

fn apply(app: &mut App<'_>, vault: &mut Vault, log: &mut Log, plan: &Plan<'_>) -> Result<Applied, CliError> {
    let (clock, brake) = (app.clock, Brake::fitted());
    let progress = Progress::new("passwords");
    let all = plan.passwords() as u64;
    let mut go_on = |done: usize| {
        progress.at(done as u64, all);
        !brake.pulled()
    };
    Ok(vault.apply_import(log, plan, &|| clock.now(), &system_rng, &mut go_on)?)
}

fn bad_rows(args: &ImportArgs, plan: &Plan<'_>) -> Result<(), CliError> {
    match plan.refused.len() {
        0 => Ok(()),
        rows => Err(CliError::Rows { path: args.file.clone(), rows }),
    }
}

/// What stays of a file that is overwritten.
const SHREDDED: &str = "It was overwritten once and removed. On an SSD, a file system with a journal or snapshots, in a backup or a synchronised folder copies of it may remain: whoever had the file may have the passwords, so rotate them.";

/// Overwrites and removes the file, if somebody wants that and every password in
/// it is sealed. Gives whether it is gone.
fn destroy(
    app: &mut App<'_>,
    args: &ImportArgs,
    (plan, list): (&Plan<'_>, &List),
    source: &Source,
    opened: std::fs::File,
) -> Result<bool, CliError> {
    if list.passwords() == 0 {
        return Ok(false);
    }
    let lost = plan.refused.iter().any(|refused| refused.unsealed);
    let others = plan.kept.iter().filter(|kept| !kept.imported).count();
    let why = match (lost, others) {
        (true, _) => Some("it has passwords that are not sealed"),
        (false, 1..) => Some("it has passwords of accounts whose newest version was not imported"),
        (false, 0) => None,
    };
    let file = args.file.display();
    if let Some(why) = why {
        if source.shred {
            return Err(CliError::Unshredded { path: args.file.clone(), why });
        }
        app.ui.note(&format!("{file} stays where it is: {why}."));
        return Ok(false);
    }
    if !source.shred {
        app.ui.note(&format!(
            "{file} holds {} in clear.{}",
            counted(list.passwords(), "password"),
            if plan.kept.is_empty() { "" } else { " Some were sealed before, perhaps with other contents." }
        ));
        // Without a terminal, and with --yes, nothing is destroyed that nobody asked to be.
        if app.yes || app.json || app.confirm("Overwrite and remove it?", None).is_err() {
            app.ui.note(
                "It stays where it is: overwrite and remove it, or run this again with --shred-source.",
            );
            return Ok(false);
        }
    }
    shred(&args.file, opened)?;
    app.ui.note(SHREDDED);
    Ok(true)
}

/// The difference, for people or as JSON.
fn report(
    app: &mut App<'_>,
    args: &ImportArgs,
    state: &Organisation,
    (plan, list): (&Plan<'_>, &List),
    done: Option<(&Applied, bool)>,
) {
    let value = as_json(args, state, (plan, list), done);
    let text = in_words(args, state, (plan, list), done);
    // Rows are for other programs too: nothing is broken.
    app.emit_whole(value, || text);
}

fn address(args: &ImportArgs, new: &New<'_>) -> String {
    format!("{}/{}", args.project, new.slug)
}

fn as_json(
    args: &ImportArgs,
    state: &Organisation,
    (plan, list): (&Plan<'_>, &List),
    done: Option<(&Applied, bool)>,
) -> Value {
    let new = |new: &New<'_>| {
        json!({
            "line": new.listed.place.line, "address": address(args, new), "name": name(new.listed),
            "provider": new.listed.provider, "external_id": new.listed.external_id,
            "standing": new.standing, "seals": new.seals,
        })
    };
    let changed = |change: &Changed<'_>| {
        let renamed = change.renamed_from.as_ref();
        json!({
            "line": change.listed.place.line, "address": state.address(&change.account),
            "name": renamed.map(|from| json!({ "from": from, "to": name(change.listed) })),
            "standing": change.standing.map(|(from, to)| json!({ "from": from, "to": to })),
            "seals": change.seals,
        })
    };
    let addresses =
        |ids: &mut dyn Iterator<Item = &AccountId>| ids.map(|id| state.address(id)).collect::<Vec<_>>();
    let bad = plan
        .refused
        .iter()
        .map(|bad| json!({ "row": bad.place.row, "line": bad.place.line, "why": bad.why.to_string() }));
    json!({
        "project": args.project.to_string(),
        "file": args.file.display().to_string(),
        "applied": done.is_some(),
        "partial": list.partial,
        "new": plan.new.iter().map(new).collect::<Vec<_>>(),
        "changed": plan.changed.iter().map(changed).collect::<Vec<_>>(),
        "unchanged": plan.unchanged,
        "gone": addresses(&mut plan.gone.iter()),
        "bad": bad.collect::<Vec<_>>(),
        "not_sealed_again": addresses(&mut plan.kept.iter().map(|kept| &kept.account)),
        "sealed": done.map_or(0, |(applied, _)| applied.passwords.sealed),
        "source_removed": done.is_some_and(|(_, removed)| removed),
    })
}

fn name(listed: &accounts::Listed) -> Option<&str> {
    listed.name.as_ref().map(|name| name.as_str())
}

fn in_words(
    args: &ImportArgs,
    state: &Organisation,
    (plan, list): (&Plan<'_>, &List),
    done: Option<(&Applied, bool)>,
) -> String {
    let mut text = String::new();
    let seals = |seals| if seals { ", password" } else { "" };
    for new in &plan.new {
        let listed = new.listed;
        let standing = if new.standing.in_use() { String::new() } else { format!(", {}", new.standing) };
        let called = name(listed).map(|name| format!(", '{name}'")).unwrap_or_default();
        let _ = writeln!(
            text,
            "new      {} ({} {}){called}{standing}{}",
            address(args, new),
            listed.provider,
            listed.external_id,
            seals(new.seals)
        );
    }
    for change in &plan.changed {
        let renamed = change.renamed_from.as_ref().map(|from| match from {
            Some(from) => {
                format!(", '{}' becomes '{}'", printable(from), name(change.listed).unwrap_or_default())
            }
            None => format!(", is called '{}'", name(change.listed).unwrap_or_default()),
        });
        let standing = change.standing.map(|(from, to)| format!(", {from} becomes {to}"));
        let _ = writeln!(
            text,
            "changed  {}{}{}{}",
            state.address(&change.account),
            renamed.unwrap_or_default(),
            standing.unwrap_or_default(),
            seals(change.seals)
        );
    }
    for gone in &plan.gone {
        let _ = writeln!(text, "gone     {}: not in the file; it stays", state.address(gone));
    }
    for kept in &plan.kept {
        let _ = writeln!(
            text,
            "kept     {}: it has a version; the file's password is not sealed again",
            state.address(&kept.account)
        );
    }
    for bad in &plan.refused {
        let _ = writeln!(text, "bad      line {}, row {}: {}", bad.place.line, bad.place.row, bad.why);
    }
    if list.partial {
        text.push_str("The file is a part of a list (NextToken): what is gone cannot be told.\n");
    }
    let _ = write!(
        text,
        "{}: {} new, {} changed, {} unchanged, {} gone from the file, {} bad.",
        args.project,
        plan.new.len(),
        plan.changed.len(),
        plan.unchanged,
        plan.gone.len(),
        plan.refused.len()
    );
    let end = match done {
        Some((applied, _)) if plan.passwords() > 0 => {
            format!(" Done; {} sealed.", counted(applied.passwords.sealed, "password"))
        }
        Some(_) if plan.is_empty() => " Nothing to do.".to_owned(),
        Some(_) => " Done.".to_owned(),
        None if plan.is_empty() => " Nothing to do.".to_owned(),
        None => " Nothing was changed: add --apply to do it.".to_owned(),
    };
    text + &end
}

/// The file of logins for `seal-all`.
pub fn read_logins(path: &Path) -> Result<List, CliError> {
    let (bytes, _) = read_secret(path, CAP)?;
    accounts::read_any(&bytes).map_err(|why| CliError::List { path: path.to_owned(), why })
}
