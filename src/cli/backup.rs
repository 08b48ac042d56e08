//! `backup` and `restore`.

use super::App;
use super::args::{Backup, Restore};
use super::error::CliError;
use super::files;
use super::progress::Progress;
use super::table::counted;
use crate::audit::Source;
use crate::audit::recoverability::{RecordSource, Unreadable};
use crate::ceremony::custodian::Seen;
use crate::event::Hash;
use crate::export::{CopiedRecords, Directory};
use crate::log::note::MAX_NOTE;
use crate::message::{Message, Package, SignedRequest};
use crate::store::StoreError;
use crate::vault::backup::{Copied, Further, SeenBefore, WholeLog, restore as make};
use crate::vault::{GATE_FILE, PublicVault, VaultError};
use serde_json::json;
use std::cell::RefCell;
use std::path::Path;

/// `backup`.
pub fn backup(app: &mut App<'_>, args: &Backup) -> Result<(), CliError> {
    let vault = app.read_vault()?;
    let logs = {
        let bars = Bars::default();
        vault.back_up(&args.dir, &|what, done, of| bars.at(what, done, of))?
    };
    let dir = args.dir.display().to_string();
    let unrecovered = vault.state().recovery.is_none();
    let value = json!({ "directory": dir, "logs": logs, "recovery_group": !unrecovered });
    app.emit(value, || {
        let mut lines = vec![format!("{dir}: {}; all of it verified.", words(&logs))];
        lines.push(format!(
            "{GATE_FILE} is not in it: {}",
            match unrecovered {
                true => "keep a copy of it apart from this one, or form a recovery group (warifu recovery form). Without it nothing of this backup can be opened.",
                false => "with this backup the recovery group brings it back on a new machine.",
            }
        ));
        lines.push("What is destroyed in the vault from now on stays in this copy: destroy old backups.".to_owned());
        lines.join("\n")
    });
    Ok(())
}

/// `restore`.
pub fn restore(app: &mut App<'_>, args: &Restore) -> Result<(), CliError> {
    let backup = PublicVault::open(&args.backup).map_err(no_backup)?;
    let sources = args.merge.iter().map(|path| source(path)).collect::<Result<Vec<_>, _>>()?;
    let further: Vec<_> =
        args.merge.iter().zip(&sources).map(|(path, source)| source.further(path)).collect();
    let notes = args.against.iter().map(|path| note(path)).collect::<Result<Vec<_>, _>>()?;
    let seen: Vec<_> =
        args.against.iter().zip(&notes).map(|(path, note)| SeenBefore { path, note }).collect();
    let (logs, lost) = {
        let bars = Bars::default();
        make(&backup, &app.vault, &further, &seen, &|what, done, of| bars.at(what, done, of))?
    };
    let dir = app.vault.display().to_string();
    let value = json!({ "directory": dir, "logs": logs, "lost": lost });
    app.emit(value, || {
        let mut lines = vec![format!("{dir}: {}; every entry and signature verified.", words(&logs))];
        lines.extend(lost.iter().map(|lost| format!("LOST {lost}")));
        lines.push(format!(
            "It has no {GATE_FILE} yet: put the copy that was kept apart there, or let keepers bring it back: warifu --vault {dir} recover"
        ));
        lines.push("The old host must never write again: the logs would fork.".to_owned());
        lines.join("\n")
    });
    match lost.len() {
        0 => Ok(()),
        count => Err(CliError::RecordsLost(count)),
    }
}

/// Where there is no vault to copy from, none is to be made.
fn no_backup(error: VaultError) -> CliError {
    let missing =
        matches!(error, VaultError::Store(StoreError::Missing { .. } | StoreError::NotAVault { .. }));
    let error = CliError::from(error);
    match missing {
        true => error.advised("Name the directory of a backup, as 'warifu backup' made it.".to_owned()),
        false => error,
    }
}

fn words(logs: &[Copied]) -> String {
    let all = |number: fn(&Copied) -> u64| logs.iter().map(number).sum::<u64>();
    let (entries, merged) = (all(|log| log.entries), all(|log| log.merged));
    let brought = if merged > 0 { format!(", {merged} of them brought in") } else { String::new() };
    let number = usize::try_from(entries).unwrap_or(usize::MAX);
    format!("{} with {} entries{brought}", counted(logs.len(), "log"), number)
}

/// Something to bring in.
pub(super) enum Merged {
    Export(Box<Directory>, Option<CopiedRecords>),
    Carried(WholeLog, Box<CarriedRequest>),
}

impl Merged {
    pub(super) fn further<'a>(&'a self, path: &'a Path) -> Further<'a> {
        match self {
            Self::Export(dir, records) => Further {
                path,
                source: dir.as_ref(),
                records: records.as_ref().map(|records| records as &dyn RecordSource),
            },
            Self::Carried(log, request) => {
                Further { path, source: log as &dyn Source, records: Some(request.as_ref()) }
            }
        }
    }
}

/// The one record that a package carries: the request that it is about.
pub(super) struct CarriedRequest(SignedRequest);

impl RecordSource for CarriedRequest {
    fn sealed(&self, _: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(None)
    }

    fn dealing(&self, _: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(None)
    }

    fn request(&self, ceremony: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok((self.0.request.hash() == *ceremony).then(|| self.0.encode()))
    }

    fn facts(&self, _: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(None)
    }
}

pub(super) fn source(path: &Path) -> Result<Merged, CliError> {
    if path.is_dir() {
        let unreadable = |why| CliError::Source { dir: path.to_owned(), why };
        let dir = Directory::open(path).map_err(unreadable)?;
        let records = CopiedRecords::are_in(path).then(|| CopiedRecords::open(path)).transpose();
        return Ok(Merged::Export(Box::new(dir), records.map_err(unreadable)?));
    }
    let package: Package = files::read_message(path)?;
    let log = WholeLog::new(&package.entries, &package.checkpoint);
    let log = log.map_err(|_| CliError::NotALog(path.to_owned()))?;
    Ok(Merged::Carried(log, Box::new(CarriedRequest(package.signed))))
}

/// A signed checkpoint: itself, or as a card's owner saw it.
pub(super) fn note(path: &Path) -> Result<Vec<u8>, CliError> {
    let bytes = files::read_capped(path, MAX_NOTE as u64 * 2)?;
    Ok(match serde_json::from_slice::<Seen>(&bytes) {
        Ok(seen) => seen.checkpoint.into_bytes(),
        Err(_) => bytes,
    })
}

/// One bar after the other.
#[derive(Default)]
pub(super) struct Bars(RefCell<Option<(&'static str, Progress)>>);

impl Bars {
    pub(super) fn at(&self, what: &'static str, done: u64, of: u64) {
        let mut bar = self.0.borrow_mut();
        if bar.as_ref().is_none_or(|(of_what, _)| *of_what != what) {
            // The one before is cleared first.
            *bar = None;
            *bar = Some((what, Progress::new(what)));
        }
        if let Some((_, bar)) = bar.as_ref() {
            bar.at(done, of);
        }
    }
}
