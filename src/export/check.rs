//! The files of an export against each other and against the checkpoint.
//!
//! Every tile is authenticated, from the signed root down: the tiles at the edge
//! have the root; a hash in one of them is the root of a whole tile of the level
//! below, and so on to the leaf hashes, and an entry has its leaf hash. A reader
//! that trusts a tile because its entries fit it can be given both forged
//! (CVE-2026-56865). What the entries say is not known here. The files that people
//! read must be those that an export of the log has.

use super::read::{Directory, read_file};
use super::records::CopiedRecords;
use super::texts::{Policies, texts};
use super::{CHECKPOINT, FIRST, KEY, POLICIES, POLICY, README, RECORDS, STAGING, TILES};
use crate::audit::{Lack, Source, SourceError};
use crate::event::printable;
use crate::log::entry::EntryBytes;
use crate::log::merkle::{self, Hash};
use crate::log::tile::{self, MAX_BUNDLE, Row, Tile};
use crate::log::{Checkpoint, VerifierKey};
use crate::name::Slug;
use std::fmt;
use std::fs;
use std::path::Path;

/// Findings after which checking stops: a forged size could ask for more files
/// than can ever be missed one by one.
pub const MAX_FINDINGS: usize = 1000;

/// Longest text that is read: a README, or a policy with a line before it.
const MAX_TEXT: usize = 64 * 1024;

/// Folders below an export's: `tile`, a level, and at most six groups of digits.
const MAX_DEPTH: usize = 9;

/// One thing that is wrong with an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, named from the export's directory.
    pub file: String,
    /// First entry concerned, where it can be told.
    pub entry: Option<u64>,
    /// What is wrong with the file.
    pub fault: Fault,
}

/// What is wrong with a file of an export.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Fault {
    /// It is missing, too long or short, or malformed.
    #[error(transparent)]
    File(Lack),
    /// It says something else than what follows from the log.
    #[error("it is not what an export of this log has")]
    Text,
    /// It says that earlier entries are not here, but some are.
    #[error(
        "it says that the entries before {0} are not here, but there are some: it was put here, or changed"
    )]
    First(u64),
    /// The checkpoint that was verified is not the directory's.
    #[error("it is not the checkpoint that was verified")]
    OtherCheckpoint,
    /// The tiles at the edge have another root than the checkpoint.
    #[error("the tiles have the root {}, not the one that is signed", .0.short())]
    Root(Hash),
    /// The tile has not the root that the level above gives it.
    #[error("its hashes are not those that {above} stands for")]
    Above {
        /// The tile above.
        above: String,
    },
    /// A hash is not that of what lies below, which is what was signed.
    #[error("it has another hash for entry {0} than what was signed")]
    Hash(u64),
    /// An entry is not the one that was signed.
    #[error("entry {0} is not the one that was signed")]
    Entry(u64),
    /// A partial tile of an earlier export is not the beginning of the present one.
    #[error("it is not the beginning of {0}")]
    Older(String),
    /// Nothing that an export has.
    #[error("it does not belong to an exported log")]
    Stray,
    /// Enough was found.
    #[error("there is more; checking stopped here")]
    More,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.fault)
    }
}

/// Checks every file of an export against a checkpoint whose signatures the
/// caller has verified. What lies there ahead of the checkpoint, as an export
/// that was interrupted leaves it, is not judged.
pub fn check_tiles(dir: &Directory, checkpoint: &Checkpoint) -> Vec<Finding> {
    check_tiles_and_tell(dir, checkpoint, &mut |_, _| ())
}

/// As [`check_tiles`]; `progress` is told how many of how many entries are done.
pub fn check_tiles_and_tell(
    dir: &Directory,
    checkpoint: &Checkpoint,
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<Finding> {
    let mut check = Check { dir, size: checkpoint.size, findings: Vec::new(), first_found: false, progress };
    if dir.stated() != checkpoint {
        check.found(CHECKPOINT, None, Fault::OtherCheckpoint);
        return check.findings;
    }
    for (tile, hashes) in check.edge(&checkpoint.root).into_iter().rev() {
        check.below(tile, &hashes);
    }
    check.strays(Path::new(""), 0);
    check.findings
}

/// Checks the files beside the tiles: key, policies and README must be those that
/// follow from the log's key and, where its entries were replayed, its `policies`.
/// Without them the groups' policies are not judged.
pub fn check_texts(dir: &Directory, key: &VerifierKey, policies: Option<&Policies>) -> Vec<Finding> {
    let texts = texts(key, policies);
    let found = |file: &str, fault| Finding { file: file.to_owned(), entry: None, fault };
    let mut findings = Vec::new();
    for (name, text) in &texts {
        match read_file(dir.path(), name, MAX_TEXT) {
            Ok(bytes) if text.admits(&bytes) => {}
            Ok(_) => findings.push(found(name, Fault::Text)),
            Err(SourceError::File { why, .. } | SourceError::Entry { why, .. }) => {
                findings.push(found(name, Fault::File(why)));
            }
        }
    }
    let listed = fs::read_dir(dir.path().join(POLICIES)).into_iter().flatten().flatten();
    let mut listed: Vec<_> = listed.map(|entry| entry.file_name()).collect();
    listed.sort();
    for name in listed.into_iter().take(MAX_FINDINGS) {
        let file = Path::new(POLICIES).join(&name);
        let is_group = name.to_str().is_some_and(|name| name.parse::<Slug>().is_ok());
        let known = file.to_str().is_some_and(|file| texts.contains_key(file));
        if !known && (policies.is_some() || !is_group) {
            findings.push(found(&shown(&file), Fault::Stray));
        }
    }
    findings
}

/// Whether the records of an export, if it has them, can be read. What they must be
/// the check of recoverability knows.
pub fn check_records(dir: &Directory) -> Option<Finding> {
    let file = RECORDS.to_owned();
    match CopiedRecords::are_in(dir.path()).then(|| CopiedRecords::open(dir.path()))? {
        Ok(_) => None,
        Err(SourceError::File { why, .. } | SourceError::Entry { why, .. }) => {
            Some(Finding { file, entry: None, fault: Fault::File(why) })
        }
    }
}

struct Check<'a> {
    dir: &'a Directory,
    size: u64,
    findings: Vec<Finding>,
    /// Whether it was said that `first` is wrong.
    first_found: bool,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl Check<'_> {
    fn found(&mut self, file: &str, entry: Option<u64>, fault: Fault) {
        let (file, fault, entry) = match self.findings.len() + 1 {
            ..MAX_FINDINGS => (file, fault, entry),
            MAX_FINDINGS => (file, Fault::More, None),
            _ => return,
        };
        self.findings.push(Finding { file: file.to_owned(), entry, fault });
    }

    fn is_over(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }

    fn unreadable(&mut self, tile: Tile, error: SourceError) {
        let name = tile.to_string();
        let (entry, why) = match error {
            SourceError::File { why, .. } => (tile.entries().start, why),
            SourceError::Entry { index, why, .. } => (index, why),
        };
        self.found(&name, Some(entry), Fault::File(why));
    }

    /// The hashes of the tiles at the edge, lowest first, such that they have the
    /// signed root, if there are any: a tile that is wrong or missing is made anew
    /// from what lies below it.
    fn edge(&mut self, root: &Hash) -> Vec<(Tile, Vec<Hash>)> {
        let tiles: Vec<_> = tile::edge(self.size).collect();
        let read: Vec<_> = tiles.iter().map(|tile| self.read(*tile)).collect();
        if let Some(whole) = read.iter().cloned().collect::<Option<Vec<_>>>()
            && tile::edge_root(whole.iter().map(Vec::as_slice)) == *root
        {
            return tiles.into_iter().zip(whole).collect();
        }
        let made: Vec<_> = tiles.iter().map(|tile| self.made_anew(*tile)).collect();
        // Every choice of tiles as they were read and as they were made anew.
        let choices = (0..1u32 << tiles.len()).filter_map(|choice| {
            let each = read.iter().zip(&made).zip(0..);
            each.map(|((read, made), bit)| if choice >> bit & 1 == 0 { read } else { made }.clone())
                .collect::<Option<Vec<_>>>()
        });
        let mut stated = None;
        for choice in choices {
            let has = tile::edge_root(choice.iter().map(Vec::as_slice));
            if has == *root {
                for ((tile, read), right) in tiles.iter().zip(read).zip(&choice) {
                    self.compare(*tile, read.as_deref(), right);
                }
                return tiles.into_iter().zip(choice).collect();
            }
            stated.get_or_insert((has, choice));
        }
        // Nothing here has the signed root. What disagrees is named all the same.
        if let Some((has, choice)) = stated {
            self.found(CHECKPOINT, None, Fault::Root(has));
            return tiles.into_iter().zip(choice).collect();
        }
        let either = read.into_iter().zip(made).map(|(read, made)| read.or(made));
        tiles.into_iter().zip(either).filter_map(|(tile, hashes)| Some((tile, hashes?))).collect()
    }

    /// Goes from a tile to the whole tiles that its hashes stand for, or to the
    /// entries.
    fn below(&mut self, tile: Tile, hashes: &[Hash]) {
        if let Some(bundle) = tile.bundle() {
            self.entries(bundle, hashes);
            return (self.progress)(bundle.entries().end, self.size);
        }
        for (hash, place) in hashes.iter().zip(0..) {
            if self.is_over() {
                return;
            }
            let Some(child) = tile.child(place) else { continue };
            let read = self.read(child);
            let right = |hashes: &Vec<Hash>| merkle::root(hashes) == *hash;
            if let Some(hashes) = read.as_ref().filter(|hashes| right(hashes)) {
                self.below(child, hashes);
            } else if let Some(made) = self.made_anew(child).filter(right) {
                self.compare(child, read.as_deref(), &made);
                self.below(child, &made);
            } else if let Some(hashes) = read {
                let above = tile.to_string();
                self.found(&child.to_string(), Some(child.entries().start), Fault::Above { above });
                self.below(child, &hashes);
            }
        }
    }

    /// The entries of a bundle against their leaf hashes. Before the beginning of
    /// a period's evidence it may be absent.
    ///
    /// Such a bundle that is there shows that somebody else than an export wrote
    /// `first`, or that an export of the whole log into this directory is not done.
    fn entries(&mut self, bundle: Tile, hashes: &[Hash]) {
        let first = self.dir.first();
        if bundle.entries().start < first {
            if !self.dir.path().join(bundle.to_string()).exists() {
                return;
            }
            let underway = self.dir.path().join(STAGING).exists();
            if !underway && !std::mem::replace(&mut self.first_found, true) {
                self.found(FIRST, Some(bundle.entries().start), Fault::First(first));
            }
        }
        let entries = match self.dir.bundle(bundle) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(bundle, error),
        };
        let wrong = entries.iter().zip(hashes).position(|(entry, hash)| entry.leaf_hash() != *hash);
        if let Some(wrong) = wrong {
            let index = bundle.entries().start + wrong as u64;
            self.found(&bundle.to_string(), Some(index), Fault::Entry(index));
        }
    }

    fn read(&mut self, tile: Tile) -> Option<Vec<Hash>> {
        self.dir.hashes(tile).map_err(|error| self.unreadable(tile, error)).ok()
    }

    /// The hashes of a tile from what lies below it: entries, or whole tiles.
    fn made_anew(&self, tile: Tile) -> Option<Vec<Hash>> {
        if let Some(bundle) = tile.bundle() {
            let entries = self.dir.bundle(bundle).ok()?;
            return Some(entries.iter().map(EntryBytes::leaf_hash).collect());
        }
        let children = (0..tile.width()).map(|place| tile.child(place));
        children.map(|child| Some(merkle::root(&self.dir.hashes(child?).ok()?))).collect()
    }

    /// Names the first hash of a tile that is not the right one.
    fn compare(&mut self, tile: Tile, read: Option<&[Hash]>, right: &[Hash]) {
        let wrong = read.and_then(|read| read.iter().zip(right).position(|(read, right)| read != right));
        if let Some(wrong) = wrong {
            let unit = (tile.entries().end - tile.entries().start) / tile.width();
            let entry = tile.entries().start + wrong as u64 * unit;
            self.found(&tile.to_string(), Some(entry), Fault::Hash(entry));
        }
    }

    /// What lies in a folder and belongs to no export, and partial tiles of
    /// earlier ones.
    fn strays(&mut self, below: &Path, depth: usize) {
        let folder = self.dir.path().join(below);
        let listed = fs::read_dir(&folder).and_then(|listed| listed.collect::<Result<Vec<_>, _>>());
        let mut listed = match listed {
            Ok(listed) => listed,
            Err(why) => return self.found(&shown(below), None, Fault::File(Lack::Reading(why.kind()))),
        };
        listed.sort_by_key(fs::DirEntry::file_name);
        for entry in listed {
            let path = below.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let top = depth == 0;
            match path.to_str() {
                _ if self.is_over() => return,
                Some(STAGING) if is_folder => {}
                Some(CHECKPOINT | KEY | POLICY | README | FIRST | RECORDS) if !is_folder => {}
                // `check_texts` looks into it.
                Some(POLICIES) if is_folder => {}
                Some(name) if is_folder && (name == TILES || !top) && depth < MAX_DEPTH => {
                    self.strays(&path, depth + 1);
                }
                Some(name) if !is_folder && !top => match Tile::parse(name) {
                    Ok(tile) => self.older(tile),
                    Err(_) => self.found(&shown(&path), None, Fault::Stray),
                },
                _ => self.found(&shown(&path), None, Fault::Stray),
            }
        }
    }

    /// A partial tile that a wider one has replaced must be its beginning.
    fn older(&mut self, tile: Tile) {
        let Some(present) = tile::at(tile.row(), tile.index(), self.size) else { return };
        if tile.width() >= present.width() {
            return;
        }
        let begins = match tile.row() {
            Row::Hashes(_) => self.dir.hashes(tile).map(|older| {
                let present = self.dir.hashes(present);
                present.is_ok_and(|present| present.starts_with(&older))
            }),
            Row::Entries => {
                let bytes = |tile: Tile| read_file(self.dir.path(), &tile.to_string(), MAX_BUNDLE);
                let present = bytes(present).unwrap_or_default();
                self.dir.bundle(tile).and_then(|_| bytes(tile)).map(|older| present.starts_with(&older))
            }
        };
        match begins {
            Ok(true) => {}
            Ok(false) => {
                let fault = Fault::Older(present.to_string());
                self.found(&tile.to_string(), Some(tile.entries().start), fault);
            }
            Err(error) => self.unreadable(tile, error),
        }
    }
}

/// A name that came from outside, for people.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
