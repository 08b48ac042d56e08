//! `audit prove` and `audit check-proof`: receipts.

use super::export::verifier_key;
use crate::cli::args::{CheckProofArgs, ProveArgs};
use crate::cli::error::CliError;
use crate::cli::{App, files};
use crate::event::printable;
use crate::export::{Snapshot, of_ceremony, of_entry};
use crate::log::ProofFile;
use crate::log::entry::MAX_ENTRY;
use crate::log::merkle::leaf_hash;
use crate::log::proof_file::MAX_PROOF_FILE;
use serde_json::json;
use std::io::Read;
use std::path::Path;

/// `audit prove`.
pub fn prove(app: &mut App<'_>, args: &ProveArgs) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let log = Snapshot::of(&vault, &args.log)?;
    let receipt = match (&args.ceremony, args.entry) {
        (_, Some(index)) => of_entry(&log, index)?,
        (Some(ceremony), None) => of_ceremony(&log, ceremony)?,
        (None, None) => {
            let fact = "nothing says which entry is to be proven".to_owned();
            return Err(CliError::Argument { fact, remedy: "Name a ceremony, or an entry with --entry N." });
        }
    };
    let text = receipt.file().to_string();
    if let Some(out) = &args.out {
        files::create(out, text.as_bytes())?;
    }
    let (index, kind, size) = (receipt.file().index, receipt.kind(), receipt.size());
    let value = json!({
        "organisation": args.log, "index": index, "kind": kind, "size": size,
        "entry": receipt.entry().as_str(), "key": log.key().to_string(),
        "file": args.out.as_ref().map(|out| out.display().to_string()), "proof": text,
    });
    let nothing = args.ceremony.is_some() && kind != "released";
    let remark = if nothing { ", the last of its ceremony, in which nothing was released" } else { "" };
    let which = format!("entry {index} ('{kind}') of {}, in the log of {size} entries{remark}", args.log);
    match &args.out {
        Some(out) => app.emit(value, || {
            format!(
                "{}: a receipt of {which}.\nVerify it anywhere: warifu audit check-proof {} --key {}",
                out.display(),
                out.display(),
                log.key()
            )
        }),
        None => {
            app.emit(value, || text.trim_end().to_owned());
            if !app.json {
                app.ui.note(&format!("A receipt of {which}."));
            }
        }
    }
    Ok(())
}

/// `audit check-proof`.
pub fn check(app: &mut App<'_>, args: &CheckProofArgs) -> Result<(), CliError> {
    let key = verifier_key(&args.key)?;
    let bytes = files::read_capped(&args.file, MAX_PROOF_FILE as u64)?;
    let wrong = |why| CliError::Receipt { path: args.file.clone(), why };
    let file = ProofFile::parse(&bytes).map_err(wrong)?;
    let entry = match (&args.entry, &file.extra) {
        (Some(path), _) => read_entry(path)?,
        (None, Some(entry)) => entry.clone(),
        (None, None) => {
            let fact = format!("{} does not carry its entry", args.file.display());
            return Err(CliError::Argument { fact, remedy: "Give the entry's line with --entry FILE." });
        }
    };
    let signed = file.verify(&leaf_hash(&entry), &key).map_err(wrong)?;
    let line = String::from_utf8_lossy(&entry).into_owned();
    let value = json!({
        "index": file.index, "entry": line, "origin": signed.origin, "size": signed.size, "root": signed.root,
        "checkpoint": file.checkpoint.to_string(),
    });
    app.emit(value, || {
        format!(
            "good: entry {} of {}, in the log of {} entries with root {}:\n{}",
            file.index,
            signed.origin,
            signed.size,
            signed.root.short(),
            printable(&line)
        )
    });
    Ok(())
}

/// An entry's line from a file, or from standard input; a newline at its end is
/// not part of it.
fn read_entry(path: &Path) -> Result<Vec<u8>, CliError> {
    let cap = MAX_ENTRY as u64 + 1;
    let mut bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().take(cap + 1).read_to_end(&mut bytes);
        read.map_err(|why| CliError::file(path, why))?;
        bytes
    } else {
        files::read_capped(path, cap)?
    };
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(bytes)
}
