//! `audit export` and `audit key`.

use crate::audit::recoverability::current;
use crate::cli::args::ExportArgs;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::table::counted;
use crate::cli::{App, files};
use crate::export::{Copied, CopiedRecords, ExportError, Exported, Snapshot, export, export_with_records};
use crate::log::note::VerifierKey;
use crate::name::{LogName, Slug};
use crate::time::Time;
use crate::vault::PublicVault;
use serde_json::json;
use std::path::Path;

/// `audit export`.
pub fn write(app: &mut App<'_>, args: &ExportArgs) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let Some(dir) = &args.dir else {
        let fact = "tiles are written into a directory".to_owned();
        return Err(CliError::Argument { fact, remedy: "Name one: warifu audit export ORG DIR." });
    };
    if args.siem.given() {
        let fact = "--out, --follow, --interval, --syslog and --cursor are for events".to_owned();
        return Err(CliError::Argument { fact, remedy: "Leave them out, or add --format ocsf." });
    }
    let (log, done) = match &args.log {
        // What a directory holds already it goes on holding.
        LogName::Organisation(slug) if args.records || CopiedRecords::are_in(dir) => {
            with_records(&vault, slug, dir, args.since)?
        }
        LogName::Vault if args.records => {
            let fact = "nothing is sealed in the vault's own log".to_owned();
            return Err(CliError::Argument { fact, remedy: "Leave --records out." });
        }
        name => {
            let log = Snapshot::of(&vault, name)?;
            let bar = Progress::new("entries");
            let done = export(&log, dir, args.since, &mut |done, of| bar.at(done, of))?;
            (log, done)
        }
    };
    let Exported { before, size, first, files } = done;
    let (dir, key) = (dir.display().to_string(), log.key().to_string());
    let value = json!({
        "organisation": args.log, "directory": dir, "origin": log.key().name(), "key": key,
        "before": before, "entries": size, "first": first, "root": log.root(), "files": files,
    });
    app.emit(value, || {
        let new = size - before;
        let part = if first > 0 { format!(" (entries from {first} on; of earlier ones the hashes)") } else { String::new() };
        format!(
            "{dir}: {size} entries of {}{part}, {new} of them new; {} written.\n{dir}/README says how to verify them with other tools.",
            args.log,
            counted(usize::try_from(files).unwrap_or(usize::MAX), "file")
        )
    });
    Ok(())
}

/// Entries and records of one moment: the log is replayed to know which versions
/// are current, and what is exported is the log of that size.
fn with_records<'v>(
    vault: &'v PublicVault,
    organisation: &Slug,
    dir: &Path,
    since: Option<Time>,
) -> Result<(Snapshot<'v>, Exported), CliError> {
    let log = vault.log(organisation)?;
    let snapshot = Snapshot::of_organisation(vault, organisation)?;
    let unchanged =
        || Snapshot::of_organisation(vault, organisation).is_ok_and(|now| now.size() == log.state.size);
    if !unchanged() {
        return Err(ExportError::Changed.into());
    }
    let versions = current(&log.state, None);
    let source = vault.records_of(&log);
    let requests = vault.opened(&log)?;
    let facts: Vec<_> = log.state.reconciled.iter().copied().collect();
    let records = Copied {
        versions: &versions,
        requests: &requests,
        facts: &facts,
        source: &source,
        unchanged: &unchanged,
    };
    let bar = Progress::new("entries and records");
    let done = export_with_records(&snapshot, dir, since, Some(&records), &mut |done, of| bar.at(done, of))?;
    Ok((snapshot, done))
}

/// `audit key`.
pub fn key(app: &mut App<'_>, name: &LogName) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let log = Snapshot::of(&vault, name)?;
    let value = json!({ "organisation": name, "origin": log.key().name(), "key": log.key().to_string() });
    app.emit(value, || log.key().to_string());
    Ok(())
}

/// A verifier key as it was given: itself, or the file that holds it.
pub fn verifier_key(text: &str) -> Result<VerifierKey, CliError> {
    let path = Path::new(text);
    let read = match VerifierKey::parse(text) {
        Err(_) if path.exists() => {
            let bytes = files::read_capped(path, 1024)?;
            VerifierKey::parse(String::from_utf8_lossy(&bytes).trim_end())
        }
        // A key has two of these, and a file's name hardly ever.
        Err(_) if text.matches('+').count() < 2 => return Err(CliError::NoKeyFile(path.to_owned())),
        read => read,
    };
    read.map_err(CliError::Key)
}
