//! `audit verify`.

use super::export::verifier_key;
use crate::audit::Options;
use crate::cli::App;
use crate::cli::args::VerifyArgs;
use crate::cli::error::CliError;
use crate::log::note::MAX_NOTE;
use crate::time::Time;
use crate::vault::verify::Report;
use std::cell::Cell;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often progress is shown.
const TICK: Duration = Duration::from_secs(1);

/// `audit verify`.
pub fn verify(app: &mut App<'_>, args: &VerifyArgs) -> Result<(), CliError> {
    let against = args.against.as_deref().map(older_checkpoint).transpose()?;
    // Nothing is shown in the first second, nor where nobody looks.
    let (last, shown) = (Cell::new(Instant::now()), Cell::new(false));
    let progress = |done: u64, of: u64| {
        if last.get().elapsed() >= TICK && std::io::stderr().is_terminal() {
            eprint!("\r{done} of {of} entries");
            last.set(Instant::now());
            shown.set(true);
        }
    };
    let key = args.key.as_deref().map(verifier_key).transpose()?;
    let options =
        Options { key: key.as_ref(), against: against.as_deref(), policy: None, progress: Some(&progress) };
    let report = match app.read_vault() {
        Ok(vault) => vault.verify_against(args.organisation.as_ref(), &options)?,
        Err(CliError::Vault(error)) => Report::of_unreadable(&error).ok_or(error)?,
        Err(error) => return Err(error),
    };
    if shown.get() {
        // The line is cleared for what comes.
        eprint!("\r\u{1b}[K");
    }
    let value = serde_json::to_value(&report).expect("a report is plain values");
    let found = report.findings.len();
    app.emit(value, || words(&report));
    if found == 0 { Ok(()) } else { Err(CliError::Tampered(found)) }
}

/// The file that `--against` names; a checkpoint has a greatest length.
fn older_checkpoint(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut note = Vec::new();
    let file = std::fs::File::open(path).map_err(|why| CliError::file(path, why))?;
    file.take(MAX_NOTE as u64 + 1).read_to_end(&mut note).map_err(|why| CliError::file(path, why))?;
    Ok(note)
}

fn words(report: &Report) -> String {
    let mut lines = Vec::new();
    for log in &report.logs {
        let time = |t: Option<Time>| t.map(Time::to_minute).unwrap_or_default();
        let wrong = report.findings.iter().filter(|f| f.log == log.log).count();
        lines.push(format!(
            "{} {}: {} entries, {} to {}, root {}, {} signatures, {} records{}",
            if wrong == 0 { "good " } else { "WRONG" },
            log.log,
            log.entries,
            time(log.from),
            time(log.to),
            log.root.short(),
            log.signatures,
            log.records,
            log.extends.map(|size| format!(", extends the checkpoint of {size}")).unwrap_or_default()
        ));
        lines
            .extend(report.findings.iter().filter(|f| f.log == log.log).map(|f| format!("      {}", f.what)));
    }
    if report.logs.is_empty() {
        lines.extend(report.findings.iter().map(|f| format!("WRONG {}: {}", f.log, f.what)));
    }
    if report.findings.is_empty() {
        lines.push("All is well: every entry, signature, checkpoint, state and record agrees.".to_owned());
    }
    lines.join("\n")
}
