//! `audit export`, `audit key`, and `audit verify --export`.

use crate::cli::args::ExportArgs;
use crate::cli::error::CliError;
use crate::cli::progress::Progress;
use crate::cli::{App, files};
use crate::event::printable;
use crate::export::{Directory, Exported, Snapshot, check_tiles_and_tell, export};
use crate::log::checkpoint;
use crate::log::note::{MAX_NOTE, VerifierKey};
use crate::name::Slug;
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
    let log = Snapshot::of_organisation(&vault, &args.organisation)?;
    let done = {
        let bar = Progress::new("entries");
        export(&log, dir, args.since, &mut |done, of| bar.at(done, of))?
    };
    let Exported { before, size, first, files } = done;
    let (dir, key) = (dir.display().to_string(), log.key().to_string());
    let value = json!({
        "organisation": args.organisation, "directory": dir, "origin": log.key().name(), "key": key,
        "before": before, "entries": size, "first": first, "root": log.root(), "files": files,
    });
    app.emit(value, || {
        let new = size - before;
        let part = if first > 0 { format!(" (entries from {first} on; of earlier ones the hashes)") } else { String::new() };
        format!(
            "{dir}: {size} entries of {}{part}, {new} of them new; {files} files written.\n{dir}/README says how to verify them with other tools.",
            args.organisation
        )
    });
    Ok(())
}

/// `audit key`.
pub fn key(app: &mut App<'_>, organisation: &Slug) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let log = Snapshot::of_organisation(&vault, organisation)?;
    let value =
        json!({ "organisation": organisation, "origin": log.key().name(), "key": log.key().to_string() });
    app.emit(value, || log.key().to_string());
    Ok(())
}

/// `audit verify --export`: the files of an export, against the checkpoint and
/// against each other.
pub fn verify(app: &mut App<'_>, dir: &Path, key: Option<&str>) -> Result<(), CliError> {
    let unreadable = |why| CliError::Source { dir: dir.to_owned(), why };
    let read = Directory::open(dir).map_err(unreadable)?;
    let given = key.map(verifier_key).transpose()?;
    let own = given.is_none();
    let key = match given {
        Some(key) => key,
        None => read.key().map_err(unreadable)?,
    };
    let note = files::read_capped(&dir.join(crate::export::CHECKPOINT), MAX_NOTE as u64)?;
    let signed = checkpoint::open(&note, &key).map_err(CliError::NotSigned)?;
    let findings = {
        let bar = Progress::new("entries");
        check_tiles_and_tell(&read, &signed, &mut |done, of| bar.at(done, of))
    };
    let rows: Vec<_> = findings
        .iter()
        .map(|one| json!({ "file": one.file, "entry": one.entry, "what": one.fault.to_string() }))
        .collect();
    let first = crate::audit::Source::first(&read);
    let value = json!({
        "directory": dir.display().to_string(), "origin": signed.origin, "entries": signed.size, "first": first,
        "root": signed.root, "key": key.to_string(), "key_given": !own, "findings": rows,
    });
    app.emit(value, || {
        let mut lines: Vec<_> = findings.iter().map(|one| format!("WRONG {one}")).collect();
        let part = if first > 0 { format!(", those before {first} as hashes only") } else { String::new() };
        if findings.is_empty() {
            let size = signed.size;
            lines.push(format!(
                "good  {}: {size} entries{part}, root {}",
                printable(&signed.origin),
                signed.root.short()
            ));
        }
        if own {
            let remark =
                "The key was taken from the directory itself. Compare it with one from somebody you trust:";
            lines.push(format!("{remark}\n      {key}"));
        }
        lines.join("\n")
    });
    if findings.is_empty() { Ok(()) } else { Err(CliError::ExportWrong(findings.len())) }
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
