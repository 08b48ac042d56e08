//! `audit verify`.

use crate::cli::App;
use crate::cli::error::CliError;
use crate::name::Slug;
use crate::time::Time;
use crate::vault::verify::Report;

/// `audit verify`.
pub fn verify(app: &mut App<'_>, organisation: Option<&Slug>) -> Result<(), CliError> {
    let report = match app.read_vault() {
        Ok(vault) => vault.verify(organisation)?,
        Err(CliError::Vault(error)) => Report::of_unreadable(&error).ok_or(error)?,
        Err(error) => return Err(error),
    };
    let value = serde_json::to_value(&report).expect("a report is plain values");
    let found = report.findings.len();
    app.emit(value, || words(&report));
    if found == 0 { Ok(()) } else { Err(CliError::Tampered(found)) }
}

fn words(report: &Report) -> String {
    let mut lines = Vec::new();
    for log in &report.logs {
        let time = |t: Option<Time>| t.map(Time::to_minute).unwrap_or_default();
        let wrong = report.findings.iter().filter(|f| f.log == log.log).count();
        lines.push(format!(
            "{} {}: {} entries, {} to {}, root {}, {} records",
            if wrong == 0 { "good " } else { "WRONG" },
            log.log,
            log.entries,
            time(log.from),
            time(log.to),
            log.root.short(),
            log.records
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
