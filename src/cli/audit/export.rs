//! `audit export` and `audit key`.

use crate::cli::args::ExportArgs;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::{App, files};
use crate::export::{Exported, Snapshot, export};
use crate::log::note::VerifierKey;
use crate::name::LogName;
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
    let log = Snapshot::of(&vault, &args.log)?;
    let done = {
        let bar = Progress::new("entries");
        export(&log, dir, args.since, &mut |done, of| bar.at(done, of))?
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
            "{dir}: {size} entries of {}{part}, {new} of them new; {files} files written.\n{dir}/README says how to verify them with other tools.",
            args.log
        )
    });
    Ok(())
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
        read => read,
    };
    read.map_err(CliError::Key)
}
