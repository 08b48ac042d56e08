//! Backups: a copy of a vault without the gate's file, made while it is in use; and
//! a vault from a backup, with what others still know of its logs. Nothing is signed
//! here: what is brought in was signed by the logs' own keys. Long, because copying
//! and bringing in must agree on every file a vault has.

use super::audit::pieces;
use super::ceremony::request_record;
use super::commit::{destroyed_by, keyed, projection};
use super::overview;
use super::reconcile::facts_record;
use super::recoverability::opened_by;
use super::recovery::no_gate;
use super::report::{Finding, Report};
use super::seal::{PINS_FILE, dealing_record, sealed_record};
use super::verify::{StoredLog, dealing_holds, request_holds, reshare_request_holds};
use super::{PublicVault, VaultError, commit, file};
use crate::audit::recoverability::RecordSource;
use crate::audit::{self, Lack, Options, Source, SourceError, State};
use crate::event::{Entry, GroupEpoch, Line, record_hash};
use crate::log::checkpoint::{self, Checkpoint, CheckpointError};
use crate::log::entry::{EntryBytes, EntryError};
use crate::log::{Hash as LeafHash, VerifierKey};
use crate::name::{LogName, OrganisationId, Origin};
use crate::seal::record::SealedPayload;
use crate::state::{Invalid, Organisation, VaultState, log_keys};
use crate::store::sqlite::{FILE_NAME, SqliteStore};
use crate::store::{Append, Batch, RecordKey, Store, StoreError};
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Why there is no backup, or no vault from it. Nothing is left half made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// From the vault, or the copy.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place is taken.
    #[error("{} is there already", .0.display())]
    Taken(PathBuf),
    /// A file or folder cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// Verifying found something.
    #[error("{} does not verify: {} ({} in all)", path.display(), first, found)]
    Wrong {
        /// What was verified.
        path: PathBuf,
        /// The first finding.
        first: String,
        /// How many.
        found: usize,
    },
    /// What is to be brought in is of no log of this vault.
    #[error("{} is of the log {origin}, which the backup does not know", path.display())]
    OtherLog {
        /// Where it lies.
        path: PathBuf,
        /// Its origin.
        origin: String,
    },
    /// A checkpoint that cannot be read or was not signed by its log.
    #[error("{}: {why}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why.
        why: CheckpointError,
    },
    /// Somebody has seen more than there is.
    #[error("the log of {log} has {here} entries here; {} is a checkpoint of {seen}", path.display())]
    Behind {
        /// The checkpoint's file.
        path: PathBuf,
        /// Organisation, or `@vault`.
        log: String,
        /// Entries here.
        here: u64,
        /// Entries that somebody saw.
        seen: u64,
    },
}

impl BackupError {
    fn file(path: &Path, why: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), why }
    }
}

/// A log of a copy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Copied {
    /// Organisation, or `@vault`.
    pub log: String,
    /// Entries.
    pub entries: u64,
    /// How many of them were brought in from elsewhere.
    pub merged: u64,
}

/// Something that knows more of a log than a backup does.
pub struct Further<'a> {
    /// Where it lies, for errors.
    pub path: &'a Path,
    /// Its entries and signed checkpoint.
    pub source: &'a dyn Source,
    /// Records, if it has any.
    pub records: Option<&'a dyn RecordSource>,
}

/// A checkpoint that somebody has seen.
pub struct SeenBefore<'a> {
    /// Its file, for errors.
    pub path: &'a Path,
    /// The signed note.
    pub note: &'a [u8],
}

/// A log that was carried in one piece: all entries and the checkpoint that covers
/// them.
pub struct WholeLog {
    entries: Vec<EntryBytes>,
    checkpoint: Vec<u8>,
}

impl WholeLog {
    /// From lines of text, one an entry.
    pub fn new(lines: &[String], checkpoint: &str) -> Result<Self, EntryError> {
        let entries =
            lines.iter().map(|line| EntryBytes::new(line.clone().into_bytes())).collect::<Result<_, _>>()?;
        Ok(Self { entries, checkpoint: checkpoint.as_bytes().to_vec() })
    }
}

impl Source for WholeLog {
    fn checkpoint(&self) -> Result<Vec<u8>, SourceError> {
        Ok(self.checkpoint.clone())
    }

    fn entries(&self, range: Range<u64>) -> Result<Vec<EntryBytes>, SourceError> {
        let outside = || SourceError::entry(range.start, Lack::Outside(self.entries.len() as u64));
        let part = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let part = part.and_then(|(from, to)| self.entries.get(from..to));
        part.map(<[EntryBytes]>::to_vec).ok_or_else(outside)
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<LeafHash>, SourceError> {
        Ok(self.entries(range)?.iter().map(EntryBytes::leaf_hash).collect())
    }
}

/// What tells of progress: of what, how many, of how many.
pub type Tell<'a> = dyn Fn(&'static str, u64, u64) + 'a;

impl PublicVault {
    /// Copies this vault into a new directory, but for the gate's file, and verifies
    /// the copy. The directory is there whole or not at all.
    pub fn back_up(&self, dir: &Path, tell: &Tell<'_>) -> Result<Vec<Copied>, BackupError> {
        let staged = staged(dir)?;
        copy_into(self, staged.path(), tell)?;
        let copy = PublicVault::open(staged.path())?;
        let logs = verified(&copy, dir, tell)?;
        drop(copy);
        put_in_place(staged, dir)?;
        Ok(logs)
    }
}

/// Makes a vault without a gate's file in a new directory from a backup, which is
/// verified first and not changed. Entries that others know are brought in, and with
/// them records, if they have any. In the end each log must be as long as the
/// checkpoints that somebody has seen, and extend them.
pub fn restore(
    backup: &PublicVault,
    dir: &Path,
    further: &[Further<'_>],
    seen: &[SeenBefore<'_>],
    tell: &Tell<'_>,
) -> Result<(Vec<Copied>, Vec<String>), BackupError> {
    let staged = staged(dir)?;
    let mut logs = verified(backup, backup.dir(), tell)?;
    copy_into(backup, staged.path(), tell)?;
    let mut store = SqliteStore::open(staged.path())?;
    for one in further {
        let (id, merged) = merge(&mut store, one, tell)?;
        let state = commit::load_vault(&store)?;
        let name = name_of(&state, &id);
        match logs.iter_mut().find(|log| log.log == name) {
            Some(log) => (log.entries, log.merged) = (log.entries + merged, log.merged + merged),
            None => logs.push(Copied { log: name, entries: merged, merged }),
        }
    }
    let state = commit::load_vault(&store)?;
    seen.iter().try_for_each(|one| check_seen(&store, &state, one))?;
    drop(store);
    let vault = PublicVault::open(staged.path())?;
    // Records that nobody had: what they belong to is named.
    let lost = if logs.iter().any(|log| log.merged > 0) { lost(&vault, dir, tell)? } else { Vec::new() };
    drop(vault);
    put_in_place(staged, dir)?;
    Ok((logs, lost))
}

/// Brings what others know into a vault that has no gate yet: each log in one
/// transaction.
pub fn bring_in(dir: &Path, further: &[Further<'_>], tell: &Tell<'_>) -> Result<Vec<Copied>, BackupError> {
    no_gate(dir)?;
    let mut store = SqliteStore::open(dir)?;
    let mut logs = Vec::new();
    for one in further {
        let (id, merged) = merge(&mut store, one, tell)?;
        let (entries, state) = (store.size(&id)?, commit::load_vault(&store)?);
        logs.push(Copied { log: name_of(&state, &id), entries, merged });
    }
    Ok(logs)
}

/// A folder beside the one that is to be, for its owner alone; removed if anything
/// fails.
fn staged(dir: &Path) -> Result<TempDir, BackupError> {
    let taken = match fs::read_dir(dir) {
        Ok(mut listed) => listed.next().is_some(),
        Err(why) if why.kind() == ErrorKind::NotFound => false,
        Err(why) => return Err(BackupError::file(dir, why)),
    };
    if taken {
        return Err(BackupError::Taken(dir.to_owned()));
    }
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let made = tempfile::Builder::new().prefix(&name).tempdir_in(file::folder_of(dir));
    made.map_err(|why| BackupError::file(dir, why))
}

/// The commit point: before it there is nothing, after it all of it.
fn put_in_place(staged: TempDir, dir: &Path) -> Result<(), BackupError> {
    // Who only reads leaves SQLite's companion files; who could write removes them.
    drop(SqliteStore::open(staged.path())?);
    file::sync_folder(staged.path()).map_err(|why| BackupError::file(staged.path(), why))?;
    fs::rename(staged.path(), dir).map_err(|why| BackupError::file(dir, why))?;
    let _moved = staged.keep();
    file::sync_folder(file::folder_of(dir)).map_err(|why| BackupError::file(dir, why))
}

fn copy_into(vault: &PublicVault, dir: &Path, tell: &Tell<'_>) -> Result<(), BackupError> {
    vault.store().copy_to(&dir.join(FILE_NAME), &mut |done, of| tell("pages", done, of))?;
    let pins = vault.dir().join(PINS_FILE);
    match fs::read(&pins) {
        Ok(bytes) => {
            let copy = dir.join(PINS_FILE);
            file::create(&copy, &bytes).map_err(|why| BackupError::file(&copy, why))
        }
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(()),
        Err(why) => Err(BackupError::file(&pins, why)),
    }
}

/// Each log of a copy, all of which must verify; `path` is what it is called.
fn verified(vault: &PublicVault, path: &Path, tell: &Tell<'_>) -> Result<Vec<Copied>, BackupError> {
    let report = report(vault, tell)?;
    if let Some(first) = report.findings.first() {
        let first = format!("{}: {}", first.log, first.what);
        return Err(BackupError::Wrong { path: path.to_owned(), first, found: report.findings.len() });
    }
    let logs = report.logs.into_iter();
    Ok(logs.map(|log| Copied { log: log.log, entries: log.entries, merged: 0 }).collect())
}

fn report(vault: &PublicVault, tell: &Tell<'_>) -> Result<Report, BackupError> {
    let progress = |done: u64, of: u64| tell("entries", done, of);
    Ok(vault.verify_against(None, &Options { progress: Some(&progress), ..Options::default() })?)
}

/// Records that are missing, in words; nothing else may be wrong.
fn lost(vault: &PublicVault, path: &Path, tell: &Tell<'_>) -> Result<Vec<String>, BackupError> {
    let findings = report(vault, tell)?.findings;
    let words = |found: &Finding| format!("{}: {}", found.log, found.what);
    let wrong: Vec<_> = findings.iter().filter(|found| !found.record_missing).collect();
    match wrong.first() {
        Some(first) => {
            Err(BackupError::Wrong { path: path.to_owned(), first: words(first), found: wrong.len() })
        }
        None => Ok(findings.iter().map(words).collect()),
    }
}

/// Name of a log: an organisation's, or `@vault`.
pub fn name_of(state: &VaultState, id: &OrganisationId) -> String {
    state.organisations.get(id).map_or_else(|| LogName::Vault.to_string(), ToString::to_string)
}

/// Which log has an origin.
pub(super) fn by_origin(state: &VaultState, origin: &str) -> Option<OrganisationId> {
    let all = state.organisations.keys().copied().chain([state.vault.into()]);
    let mut named = all.filter(|id| Origin::of_log(&state.origin, id).as_str() == origin);
    named.next()
}

/// Brings in what a source knows of a log beyond what is here, in one transaction;
/// gives which log it is and how many entries that was. All of it must verify, and
/// go on from what is here.
fn merge(
    store: &mut SqliteStore,
    further: &Further<'_>,
    tell: &Tell<'_>,
) -> Result<(OrganisationId, u64), BackupError> {
    let path = further.path;
    let wrong = |first: String, found| BackupError::Wrong { path: path.to_owned(), first, found };
    let note = further.source.checkpoint().map_err(|why| wrong(why.to_string(), 1))?;
    let stated = Checkpoint::unverified(&note)
        .map_err(|why| BackupError::Checkpoint { path: path.to_owned(), why })?;
    let vault = commit::load_vault(store)?;
    let id = by_origin(&vault, &stated.origin)
        .ok_or_else(|| BackupError::OtherLog { path: path.to_owned(), origin: stated.origin.clone() })?;
    let (size, own) = match store.head(&id)? {
        Some(head) => (head.frontier.size(), Some(head.checkpoint)),
        None => (0, None),
    };
    let keys = keys_of(store, &vault, &id)?;
    let progress = |done: u64, of: u64| tell("entries to bring in", done, of);
    let options = Options {
        key: keys.last(),
        // What is longer here is no fault of a source that knows less.
        against: own.as_ref().filter(|_| size <= stated.size).map(String::as_bytes),
        progress: Some(&progress),
        ..Options::default()
    };
    let verdict = audit::verify(further.source, &options, &mut |_, _| {});
    if let Some(first) = verdict.findings.first() {
        return Err(wrong(first.to_string(), verdict.findings.len()));
    }
    if verdict.first > 0 {
        return Err(wrong("it is a period's evidence, without the entries before it".to_owned(), 1));
    }
    let Some(whole) = verdict.state.filter(|_| verdict.entries > size) else { return Ok((id, 0)) };
    let mut entries = Vec::new();
    for piece in pieces(size..verdict.entries) {
        entries.extend(further.source.entries(piece).map_err(|why| wrong(why.to_string(), 1))?);
    }
    let merged = verdict.entries - size;
    let mut batch = Batch {
        projections: vec![match &whole {
            State::Vault(state) => projection(&id, state.as_ref()),
            State::Organisation(state) => projection(&id, state.as_ref()),
        }],
        ..Batch::default()
    };
    if let State::Organisation(state) = &whole {
        // The one that the vault's own log says was begun.
        vault.check_organisation(state).map_err(VaultError::from)?;
        batch.clear_rows = vec![id];
        batch.put_rows = keyed(id, overview::all(state).into_iter().collect());
        let gone = destroyed(store, &id, &entries)?;
        batch.put_records = keyed(id, new_records(store, state, further.records, (&entries, &gone))?);
        batch.delete_records = gone.into_iter().map(|name| RecordKey { log: id, name }).collect();
    }
    // The log's own signature alone: what others wrote below it nobody has verified.
    let unsigned = |why| BackupError::Checkpoint { path: path.to_owned(), why };
    let key = match &whole {
        State::Vault(state) => state.log_key(),
        State::Organisation(state) => state.log_key(),
    };
    let key = key.map_err(|why| unsigned(why.into()))?;
    let (_, alone) = checkpoint::open_alone(&note, &key).map_err(unsigned)?;
    batch.appends = vec![Append { log: id, expected_size: size, entries, checkpoint: alone.to_string() }];
    let _durable = store.commit(batch)?;
    Ok((id, merged))
}

/// The keys that a log's checkpoints have been signed with, the present one last:
/// none if the log is not here, which the vault's own log says was begun.
pub(super) fn keys_of(
    store: &SqliteStore,
    vault: &VaultState,
    id: &OrganisationId,
) -> Result<Vec<VerifierKey>, BackupError> {
    let keys = if *id == vault.vault.into() {
        log_keys(&vault.log_origin(), &vault.gates)
    } else if store.size(id)? == 0 {
        return Ok(Vec::new());
    } else {
        let state = commit::load(store, id)?.state;
        log_keys(&state.origin, &state.gates)
    };
    Ok(keys.unwrap_or_default())
}

/// Names of the records that entries destroy, which an older copy still has.
fn destroyed(
    store: &SqliteStore,
    id: &OrganisationId,
    entries: &[EntryBytes],
) -> Result<Vec<String>, BackupError> {
    let mut gone = Vec::new();
    let mut log: Option<Organisation> = match store.size(id)? {
        0 => None,
        _ => Some(commit::load(store, id)?.state),
    };
    for bytes in entries {
        let invalid = |why: Invalid| BackupError::from(VaultError::from(why));
        let line = Entry::from_line(bytes).map_err(VaultError::from)?;
        let Some(state) = &mut log else {
            log = Some(Organisation::begin(&line, &bytes.leaf_hash()).map_err(invalid)?);
            continue;
        };
        if let Line::Known(entry) = &line {
            gone.extend(destroyed_by(state, &entry.event));
        }
        state.apply(&line, &bytes.leaf_hash()).map_err(invalid)?;
    }
    Ok(gone)
}

/// Sealed payloads and dealings that the store lacks and the source has, the requests of
/// the ceremonies that these entries open, and what reconciliations found, if they are
/// what the entries say.
fn new_records(
    store: &SqliteStore,
    state: &Organisation,
    records: Option<&dyn RecordSource>,
    (entries, gone): (&[EntryBytes], &[String]),
) -> Result<Vec<(String, Vec<u8>)>, BackupError> {
    let Some(records) = records else { return Ok(Vec::new()) };
    let here = store.record_names(&state.id)?;
    let lacks = |name: &String| here.binary_search(name).is_err() && !gone.contains(name);
    let mut found = Vec::new();
    for (credential, version) in &state.versions {
        let held = &version.sealing;
        let sealed = sealed_record(credential);
        if lacks(&sealed)
            && let Ok(Some(bytes)) = records.sealed(credential)
            && SealedPayload::from_bytes(&bytes).is_ok_and(|payload| payload.payload_hash() == held.payload)
        {
            found.push((sealed, bytes));
        }
        let dealing = dealing_record(&held.dealing);
        let holder = GroupEpoch { group: held.group, epoch: held.epoch };
        if lacks(&dealing)
            && let Ok(Some(bytes)) = records.dealing(&held.dealing)
            && dealing_holds(state, &held.dealing, (credential, holder), &bytes)
        {
            found.push((dealing, bytes));
        }
    }
    let known = |line| if let Ok(Line::Known(entry)) = Entry::from_line(line) { Some(entry) } else { None };
    for ceremony in entries.iter().filter_map(known).filter_map(|entry| opened_by(&entry.event)) {
        let (name, request) = (request_record(&ceremony), records.request(&ceremony));
        if lacks(&name)
            && let Ok(Some(bytes)) = request
            && (request_holds(&ceremony, &bytes) || reshare_request_holds(&ceremony, &bytes))
        {
            found.push((name, bytes));
        }
    }
    for facts in &state.reconciled {
        let name = facts_record(facts);
        if lacks(&name)
            && let Ok(Some(bytes)) = records.facts(facts)
            && record_hash(&bytes) == *facts
        {
            found.push((name, bytes));
        }
    }
    Ok(found)
}

/// The log that a checkpoint speaks of must be at least as long, and begin with what
/// was seen.
pub(super) fn check_seen(
    store: &SqliteStore,
    vault: &VaultState,
    seen: &SeenBefore<'_>,
) -> Result<(), BackupError> {
    let path = || seen.path.to_owned();
    let stated =
        Checkpoint::unverified(seen.note).map_err(|why| BackupError::Checkpoint { path: path(), why })?;
    let Checkpoint { origin, size, .. } = stated;
    let id = by_origin(vault, &origin)
        .ok_or_else(|| BackupError::OtherLog { path: path(), origin: origin.clone() })?;
    let here = store.size(&id)?;
    let keys = keys_of(store, vault, &id)?;
    if size > here {
        // A checkpoint of an earlier key is none of a longer log; of a shorter one it may be.
        if let Some(key) = keys.last() {
            checkpoint::open(seen.note, key).map_err(|why| BackupError::Checkpoint { path: path(), why })?;
        }
        return Err(BackupError::Behind { path: path(), log: name_of(vault, &id), here, seen: size });
    }
    let options = Options { key: keys.last(), against: Some(seen.note), ..Options::default() };
    let verdict = audit::verify(&StoredLog::new(store, id), &options, &mut |_, _| {});
    match verdict.findings.first() {
        None => Ok(()),
        Some(first) => {
            Err(BackupError::Wrong { path: path(), first: first.to_string(), found: verdict.findings.len() })
        }
    }
}
