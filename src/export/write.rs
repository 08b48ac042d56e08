//! Writing an export, so that a reader never sees a checkpoint ahead of its
//! tiles: every file is written into `.new`, synced and renamed into its place,
//! the folders are synced, and then the checkpoint is replaced in the same way.
//! The checkpoint is the commit point: a crash before it leaves the export as
//! it was, with tiles that nobody asks for yet; a crash after it leaves it done.

use super::read::{MAX_SMALL, declared_first, read_file};
use super::records::Copied;
use super::texts::{Policies, texts};
use super::{CHECKPOINT, ExportError, FIRST, KEY, POLICIES, RECORDS, STAGING, Snapshot};
use crate::audit::{Lack, SourceError};
use crate::event::printable;
use crate::log::EntryBytes;
use crate::log::checkpoint::{self, Checkpoint, CheckpointError};
use crate::log::merkle::Hash;
use crate::log::note::MAX_NOTE;
use crate::log::tile::{self, Row, Tile, Tiling, WIDTH};
use crate::time::Time;
use crate::vault::file;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Files that are read and not yet written: enough that neither waits for the
/// other, few enough for a machine with little memory, since a bundle can have
/// 16 MiB.
const QUEUE: usize = 4;

/// How many files are synced at once.
const WRITERS: usize = 4;

/// What an export did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Entries that the directory spoke of before.
    pub before: u64,
    /// Entries of which it speaks now.
    pub size: u64,
    /// First entry that it holds.
    pub first: u64,
    /// Files written.
    pub files: u64,
}

/// Exports a log into a directory, which is made if need be, empty, or an
/// earlier export of the same log; then only what is new or missing is written.
/// With `since` only bundles are written from that on which holds the last entry
/// before that time: who reads them sees that none since then is left out.
/// `progress` is told how many of how many entries are done.
///
/// Partial tiles of earlier exports stay, for readers who hold an earlier
/// checkpoint, until their tile is whole and the checkpoint that needs it is
/// there.
pub fn export(
    log: &Snapshot<'_>,
    dir: &Path,
    since: Option<Time>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    export_with_records(log, dir, since, None, progress)
}

/// As [`export`]; with `records` what lies beside the log is copied as well, all of
/// it anew each time.
pub fn export_with_records(
    log: &Snapshot<'_>,
    dir: &Path,
    since: Option<Time>,
    records: Option<&Copied<'_>>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let first = match since {
        Some(since) => log.first_since(since)?.saturating_sub(1) / WIDTH * WIDTH,
        None => 0,
    };
    let mut export = Export::begin(log, dir, first)?;
    export.tiles(progress)?;
    export.texts()?;
    if let Some(records) = records {
        export.files.put_records(records, progress)?;
    }
    export.finish()
}

struct Export<'a> {
    log: &'a Snapshot<'a>,
    /// Size and root of the last export.
    before: Option<(u64, Hash)>,
    /// First entry that the directory holds when this is done.
    first: u64,
    /// Whether the last export did not come to its end.
    interrupted: bool,
    files: Files<'a>,
    /// The directory is locked as long as this is open.
    _lock: File,
}

impl<'a> Export<'a> {
    /// Locks the directory and looks what is in it. Nothing is written before it
    /// is known to hold nothing, or this log.
    fn begin(log: &'a Snapshot<'a>, dir: &'a Path, first: u64) -> Result<Self, ExportError> {
        let is_new = !dir.exists();
        fs::create_dir_all(dir).map_err(|why| ExportError::file(dir, why))?;
        let lock = File::open(dir).map_err(|why| ExportError::file(dir, why))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|why| match why {
            Errno::WOULDBLOCK => ExportError::Busy(dir.to_owned()),
            why => ExportError::file(dir, why.into()),
        })?;
        let before = earlier(log, dir)?;
        // What a directory holds already it goes on holding.
        let first = match declared_first(dir).map_err(|why| refused(dir, why))? {
            Some(there) => first.min(there),
            None if before.is_some() => 0,
            None => first,
        };
        let staging = dir.join(STAGING);
        let interrupted = match fs::create_dir(&staging) {
            // Its files are overwritten.
            Err(why) if why.kind() == ErrorKind::AlreadyExists => true,
            Err(why) => return Err(ExportError::file(&staging, why)),
            Ok(()) => false,
        };
        let mut files = Files::new(dir, 0);
        if is_new {
            let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            files.dirty.insert(parent.unwrap_or(Path::new(".")).to_owned());
        }
        // The key comes first: from now on the directory is this log's, also
        // after a crash.
        if let Some(key) = texts(log.key(), None).get(KEY) {
            files.put_if_other(KEY, key.present().as_bytes())?;
        }
        Ok(Self { log, before, first, interrupted, files, _lock: lock })
    }

    /// Writes the tiles and bundles that are not there yet. The next are read and
    /// hashed while the last are synced, several at once: most of the time goes
    /// into waiting for the disk.
    fn tiles(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), ExportError> {
        let reading = Reading { log: self.log, dir: self.files.dir, before: self.before, first: self.first };
        let (queue, queued) = sync_channel::<Queued>(QUEUE);
        let queued = Arc::new(Mutex::new(queued));
        let dir = self.files.dir;
        let (read, written) = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|number| {
                    let queued = Arc::clone(&queued);
                    scope.spawn(move || Files::new(dir, number).put_all(&queued))
                })
                .collect();
            // When every writer has given up, so does the reader.
            drop(queued);
            let read = reading.tiles(&queue, progress);
            drop(queue);
            let join = |writer: thread::ScopedJoinHandle<'_, _>| {
                writer.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            (read, writers.into_iter().map(join).collect::<Vec<_>>())
        });
        // If writing failed, that is why reading stopped.
        for files in written {
            self.files.add(files?);
        }
        read
    }

    /// What people and their tools need beside the tiles.
    fn texts(&mut self) -> Result<(), ExportError> {
        let policies = Policies::of_log(self.log)?;
        let texts = texts(self.log.key(), Some(&policies));
        // A policy that ended, and whatever else lies there: it would be taken for one.
        let folder = self.files.dir.join(POLICIES);
        for there in listed(&folder)? {
            let name = format!("{POLICIES}/{}", there.to_string_lossy());
            if !texts.contains_key(&name) {
                self.files.removed(&name, fs::remove_file(folder.join(there)))?;
            }
        }
        if policies.is_empty() {
            self.files.remove_folder(POLICIES)?;
        }
        texts.iter().try_for_each(|(name, text)| self.files.put_if_other(name, text.present().as_bytes()))
    }

    /// With tiles and texts in place: the checkpoint, and then what is no longer
    /// needed goes.
    fn finish(self) -> Result<Exported, ExportError> {
        let Self { log, before, first, interrupted, mut files, _lock } = self;
        files.sync()?;
        // More bundles than `first` says are no harm, fewer would be.
        if first > 0 {
            files.put_if_other(FIRST, format!("{first}\n").as_bytes())?;
        } else {
            files.remove(FIRST)?;
        }
        files.sync()?;
        // The commit point: once the rename is synced, readers have the new log.
        files.put_if_other(CHECKPOINT, log.checkpoint().as_bytes())?;
        files.sync()?;
        if interrupted {
            files.whole = tile::tiles(log.size()).filter(|tile| tile.is_whole()).collect();
        }
        for tile in std::mem::take(&mut files.whole) {
            files.remove_folder(&format!("{tile}.p"))?;
        }
        files.remove_folder(STAGING)?;
        files.sync()?;
        let before = before.map_or(0, |(size, _)| size);
        Ok(Exported { before, size: log.size(), first, files: files.count })
    }
}

/// A file on its way to the disk.
type Queued = (Tile, Vec<u8>);

/// What is to be exported, and what is there already.
struct Reading<'a> {
    log: &'a Snapshot<'a>,
    dir: &'a Path,
    before: Option<(u64, Hash)>,
    first: u64,
}

impl Reading<'_> {
    /// Reads all leaves, one bundle at a time, and queues what is missing. The
    /// leaves up to the last export must have its root, which is known before
    /// anything new is queued; all of them must have the checkpoint's.
    fn tiles(
        &self,
        queue: &SyncSender<Queued>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ExportError> {
        let size = self.log.size();
        let mut tiling = Tiling::new();
        for bundle in tile::new_tiles(Row::Entries, 0, size) {
            let wanted = bundle.entries().start >= self.first && self.is_missing(bundle);
            let entries = if wanted { self.log.entries(bundle.entries())? } else { Vec::new() };
            let leaves = match wanted {
                true => entries.iter().map(EntryBytes::leaf_hash).collect(),
                false => self.log.leaf_hashes(bundle.entries())?,
            };
            let mut missing = Vec::new();
            for leaf in leaves {
                missing.extend(tiling.push(leaf));
                self.check_earlier(&tiling)?;
            }
            missing.retain(|(tile, _)| self.is_missing(*tile));
            let tiles = missing.iter().map(|(tile, hashes)| (*tile, tile::encode_hashes(hashes)));
            let bundle = wanted.then(|| (bundle, tile::encode_bundle(&entries)));
            if !send(queue, bundle.into_iter().chain(tiles)) {
                return Ok(());
            }
            progress(tiling.size(), size);
        }
        if tiling.root() != self.log.root() {
            return Err(ExportError::NotCovered { size });
        }
        let edge = tiling.edge().filter(|(tile, _)| self.is_missing(*tile));
        send(queue, edge.map(|(tile, hashes)| (tile, tile::encode_hashes(hashes))));
        Ok(())
    }

    fn check_earlier(&self, tiling: &Tiling) -> Result<(), ExportError> {
        match self.before {
            Some((size, root)) if size == tiling.size() && root != tiling.root() => {
                let origin = self.log.key().name().to_owned();
                Err(ExportError::Forked { dir: self.dir.to_owned(), origin, size })
            }
            _ => Ok(()),
        }
    }

    /// Whether the last export had no such tile, or somebody took it away. What
    /// lies there ahead of the checkpoint, from an export that was interrupted,
    /// is not relied on.
    fn is_missing(&self, tile: Tile) -> bool {
        let before = self.before.map_or(0, |(size, _)| size);
        !tile.is_of(before) || !self.dir.join(tile.to_string()).exists()
    }
}

/// Whether whoever writes still takes something.
fn send(queue: &SyncSender<Queued>, files: impl IntoIterator<Item = Queued>) -> bool {
    files.into_iter().all(|file| queue.send(file).is_ok())
}

/// The directory's files, as they are put in place.
struct Files<'a> {
    dir: &'a Path,
    /// Where a file is written before it is put in place: each writer has its own.
    staged: PathBuf,
    /// Folders in which something was put since they were last synced.
    dirty: BTreeSet<PathBuf>,
    /// Tiles that are whole now: partial ones in their place can go.
    whole: Vec<Tile>,
    count: u64,
}

impl<'a> Files<'a> {
    fn new(dir: &'a Path, writer: usize) -> Self {
        let staged = dir.join(STAGING).join(format!("file-{writer}"));
        Self { dir, staged, dirty: BTreeSet::new(), whole: Vec::new(), count: 0 }
    }

    /// Takes over what another writer has done.
    fn add(&mut self, mut other: Self) {
        self.dirty.append(&mut other.dirty);
        self.whole.append(&mut other.whole);
        self.count += other.count;
    }

    /// Puts files in place until there are no more.
    fn put_all(mut self, queued: &Mutex<Receiver<Queued>>) -> Result<Self, ExportError> {
        loop {
            // Released before anything is written.
            let next = queued.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match next {
                Ok((tile, bytes)) => self.put_tile(tile, &bytes)?,
                Err(_) => return Ok(self),
            }
        }
    }

    fn put_tile(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), ExportError> {
        self.put(&tile.to_string(), bytes)?;
        if tile.is_whole() {
            self.whole.push(tile);
        }
        Ok(())
    }

    fn put_if_other(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let there = fs::read(self.dir.join(name)).ok();
        if there.as_deref() == Some(bytes) { Ok(()) } else { self.put(name, bytes) }
    }

    /// Writes a file beside, syncs it and puts it in its place. Its name is
    /// durable only after [`Files::sync`].
    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.dir.join(name);
        if let Some(folder) = path.parent().filter(|folder| !self.dirty.contains(*folder)) {
            fs::create_dir_all(folder).map_err(|why| ExportError::file(folder, why))?;
        }
        let write = || {
            let mut file = File::create(&self.staged)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&self.staged, &path)
        };
        write().map_err(|why| ExportError::file(&path, why))?;
        let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(self.dir));
        self.dirty.extend(folders.map(Path::to_owned));
        self.count += 1;
        Ok(())
    }

    /// As [`Files::put`], a record at a time.
    fn put_records(
        &mut self,
        records: &Copied<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ExportError> {
        let path = self.dir.join(RECORDS);
        let io = |why| ExportError::file(&path, why);
        let mut file = BufWriter::new(File::create(&self.staged).map_err(io)?);
        records.write(&path, &mut file, progress)?;
        let file = file.into_inner().map_err(|why| io(why.into_error()))?;
        file.sync_all().and_then(|()| fs::rename(&self.staged, &path)).map_err(io)?;
        self.dirty.insert(self.dir.to_owned());
        self.count += 1;
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), ExportError> {
        self.removed(name, fs::remove_file(self.dir.join(name)))
    }

    fn remove_folder(&mut self, name: &str) -> Result<(), ExportError> {
        self.removed(name, fs::remove_dir_all(self.dir.join(name)))
    }

    fn removed(&mut self, name: &str, outcome: std::io::Result<()>) -> Result<(), ExportError> {
        let path = self.dir.join(name);
        match outcome {
            Ok(()) => {
                self.dirty.extend(path.parent().map(Path::to_owned));
                Ok(())
            }
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(()),
            Err(why) => Err(ExportError::file(&path, why)),
        }
    }

    fn sync(&mut self) -> Result<(), ExportError> {
        for folder in std::mem::take(&mut self.dirty) {
            file::sync_folder(&folder).map_err(|why| ExportError::file(&folder, why))?;
        }
        Ok(())
    }
}

/// Size and root of the export that a directory holds, if it holds one: of this
/// log, and not longer than it.
fn earlier(log: &Snapshot<'_>, dir: &Path) -> Result<Option<(u64, Hash)>, ExportError> {
    let wanted = log.key().to_string();
    let other = |found: &str| ExportError::OtherLog {
        dir: dir.to_owned(),
        found: printable(found),
        wanted: wanted.clone(),
    };
    let key = read_small(dir, KEY, MAX_SMALL)?;
    if let Some(there) = key.as_ref().map(|key| String::from_utf8_lossy(key))
        && there.trim_end() != wanted
        && !log.former_keys().iter().any(|former| former.to_string() == there.trim_end())
    {
        return Err(other(there.trim_end()));
    }
    let Some(note) = read_small(dir, CHECKPOINT, MAX_NOTE)? else {
        let empty = key.is_some() || is_empty(dir)?;
        return if empty { Ok(None) } else { Err(ExportError::NotAnExport(dir.to_owned())) };
    };
    let damaged = |why: CheckpointError| ExportError::Damaged { path: dir.join(CHECKPOINT), why: why.into() };
    let stated = Checkpoint::unverified(&note).map_err(damaged)?;
    if stated.origin != log.key().name() {
        return Err(other(&stated.origin));
    }
    let keys: Vec<_> = log.former_keys().iter().chain([log.key()]).cloned().collect();
    let signed = checkpoint::open_by_any(&note, &keys).map_err(damaged)?;
    if signed.size > log.size() {
        let (origin, there, here) = (signed.origin, signed.size, log.size());
        return Err(ExportError::Longer { dir: dir.to_owned(), origin, there, here });
    }
    Ok(Some((signed.size, signed.root)))
}

/// Whether there is nothing but what an export leaves that was interrupted before
/// it put its first file in place.
fn is_empty(dir: &Path) -> Result<bool, ExportError> {
    let io = |why| ExportError::file(dir, why);
    for entry in fs::read_dir(dir).map_err(io)? {
        if entry.map_err(io)?.file_name() != STAGING {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A file of at most `cap` bytes; `None` if there is none.
fn read_small(dir: &Path, name: &str, cap: usize) -> Result<Option<Vec<u8>>, ExportError> {
    match read_file(dir, name, cap) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(SourceError::File { why: Lack::Missing, .. }) => Ok(None),
        Err(why) => Err(refused(dir, why)),
    }
}

/// Why a file that is there already keeps an export from being written.
fn refused(dir: &Path, error: SourceError) -> ExportError {
    match error {
        SourceError::File { file, why: Lack::Reading(kind) } => {
            ExportError::file(&dir.join(file), kind.into())
        }
        SourceError::File { file, why } => ExportError::Damaged { path: dir.join(file), why },
        SourceError::Entry { file, why, .. } => {
            ExportError::Damaged { path: dir.join(file.unwrap_or_default()), why }
        }
    }
}

/// Names of what lies in a folder, which need not be there.
fn listed(folder: &Path) -> Result<Vec<OsString>, ExportError> {
    let read = match fs::read_dir(folder) {
        Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        read => read.and_then(|read| read.map(|entry| entry.map(|entry| entry.file_name())).collect()),
    };
    read.map_err(|why| ExportError::file(folder, why))
}
