//! An exported log as a source of entries. It gives what the files say and
//! refuses what they cannot be; whether that leads to a signed root is the
//! verifier's matter.

use super::{CHECKPOINT, FIRST, KEY, TILES};
use crate::audit::{Lack, Source, SourceError};
use crate::log::checkpoint::Checkpoint;
use crate::log::merkle::Hash;
use crate::log::note::MAX_NOTE;
use crate::log::tile::{self, MAX_BUNDLE, MAX_TILE, Row, Tile, TileError, WIDTH};
use crate::log::{EntryBytes, VerifierKey};
use crate::store::MAX_SIZE;
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Longest `log.vkey` and `first` that are read.
pub(super) const MAX_SMALL: usize = 1024;

/// An exported log. The size that its files are read for is the checkpoint's,
/// which is not verified here.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    note: Vec<u8>,
    stated: Checkpoint,
    first: u64,
    /// The bundle and the tile that were read last: readers go on where they were.
    bundle: RefCell<Option<(Tile, Vec<EntryBytes>)>>,
    tile: RefCell<Option<(Tile, Vec<Hash>)>>,
}

impl Directory {
    /// Whether a directory looks like an exported log, or what was left of one.
    pub fn is_one(path: &Path) -> bool {
        path.join(CHECKPOINT).is_file() || path.join(TILES).is_dir()
    }

    /// Reads the checkpoint and sees which entries there are.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let note = read_file(path, CHECKPOINT, MAX_NOTE)?;
        let stated = Checkpoint::unverified(&note).map_err(|why| file_error(CHECKPOINT, why))?;
        let size = stated.size;
        if size >= MAX_SIZE {
            return Err(file_error(CHECKPOINT, Lack::Entries(size)));
        }
        let first = declared_first(path)?.unwrap_or(0);
        // Nobody signs this file, so it must not be able to say that there is nothing
        // to be verified.
        if first > 0 && first >= size {
            return Err(file_error(FIRST, Lack::FirstBeyond { first, size }));
        }
        let (bundle, tile) = Default::default();
        Ok(Self { path: path.to_owned(), note, stated, first, bundle, tile })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its checkpoint states. Nobody has checked who signed it.
    pub fn stated(&self) -> &Checkpoint {
        &self.stated
    }

    /// The verifier key that lies in the directory: as trustworthy as whoever
    /// gave you the directory.
    pub fn key(&self) -> Result<VerifierKey, SourceError> {
        let bytes = read_file(&self.path, KEY, MAX_SMALL)?;
        let text = String::from_utf8(bytes).map_err(|_| file_error(KEY, Lack::NotText))?;
        VerifierKey::parse(text.strip_suffix('\n').unwrap_or(&text)).map_err(|why| file_error(KEY, why))
    }

    /// The hashes of a tile, as its file has them.
    pub(super) fn hashes(&self, tile: Tile) -> Result<Vec<Hash>, SourceError> {
        let name = tile.to_string();
        let bytes = read_file(&self.path, &name, MAX_TILE)?;
        tile::decode_hashes(tile, &bytes).map_err(|why| file_error(&name, why))
    }

    /// The entries of a bundle, as its file has them. An entry that is damaged is
    /// named, not the file.
    pub(super) fn bundle(&self, bundle: Tile) -> Result<Vec<EntryBytes>, SourceError> {
        let name = bundle.to_string();
        let bytes = read_file(&self.path, &name, MAX_BUNDLE)?;
        tile::decode_bundle_of(bundle, &bytes).map_err(|why| match why {
            TileError::Entry { place, .. } | TileError::Cut { place } => SourceError::Entry {
                index: bundle.entries().start + place as u64,
                file: Some(name),
                why: why.into(),
            },
            why => file_error(&name, why),
        })
    }

    /// Collects a range from the tiles of a row that it touches.
    fn collect<T: Clone>(
        &self,
        row: Row,
        range: Range<u64>,
        last: &RefCell<Option<(Tile, Vec<T>)>>,
        read: impl Fn(Tile) -> Result<Vec<T>, SourceError>,
    ) -> Result<Vec<T>, SourceError> {
        let mut found = Vec::new();
        let mut next = range.start;
        while next < range.end {
            let outside = || SourceError::entry(next, Lack::Outside(self.stated.size));
            let tile = tile::at(row, next / WIDTH, self.stated.size).ok_or_else(outside)?;
            let mut last = last.borrow_mut();
            let there = match last.take() {
                Some((place, there)) if place == tile => there,
                _ => read(tile)?,
            };
            let end = range.end.min(tile.entries().end);
            let part = usize::try_from(next % WIDTH).ok().zip(usize::try_from(end - next).ok());
            let part = part.and_then(|(from, count)| there.get(from..)?.get(..count));
            found.extend_from_slice(part.filter(|part| !part.is_empty()).ok_or_else(outside)?);
            *last = Some((tile, there));
            next = end;
        }
        Ok(found)
    }
}

impl Source for Directory {
    fn checkpoint(&self) -> Result<Vec<u8>, SourceError> {
        Ok(self.note.clone())
    }

    fn entries(&self, range: Range<u64>) -> Result<Vec<EntryBytes>, SourceError> {
        if range.start < self.first {
            return Err(SourceError::entry(range.start, Lack::Before(self.first)));
        }
        self.collect(Row::Entries, range, &self.bundle, |bundle| self.bundle(bundle))
    }

    fn first(&self) -> u64 {
        self.first
    }

    fn leaf_hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, SourceError> {
        self.collect(Row::Hashes(0), range, &self.tile, |tile| self.hashes(tile))
    }
}

/// A regular file of at most `cap` bytes. What is no file is not opened, since
/// that might never return.
pub(super) fn read_file(dir: &Path, name: &str, cap: usize) -> Result<Vec<u8>, SourceError> {
    let path = dir.join(name);
    let about = fs::symlink_metadata(&path).map_err(|why| file_error(name, io(&why)))?;
    if !about.is_file() {
        return Err(file_error(name, Lack::NotAFile));
    }
    if about.len() > cap as u64 {
        return Err(file_error(name, Lack::TooLong(cap)));
    }
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(cap as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|why| file_error(name, io(&why)))?;
    Ok(bytes)
}

fn io(why: &std::io::Error) -> Lack {
    match why.kind() {
        ErrorKind::NotFound => Lack::Missing,
        kind => Lack::Reading(kind),
    }
}

pub(super) fn file_error(file: &str, why: impl Into<Lack>) -> SourceError {
    SourceError::File { file: file.to_owned(), why: why.into() }
}

/// The first entry that a directory says it holds, if it says so.
pub(super) fn declared_first(dir: &Path) -> Result<Option<u64>, SourceError> {
    let bytes = match read_file(dir, FIRST, MAX_SMALL) {
        Err(SourceError::File { why: Lack::Missing, .. }) => return Ok(None),
        read => read?,
    };
    let text = String::from_utf8(bytes).ok();
    let number = text.as_deref().and_then(|text| text.strip_suffix('\n')).and_then(|digits| {
        let number: u64 = digits.parse().ok()?;
        (number.to_string() == digits && number.is_multiple_of(WIDTH)).then_some(number)
    });
    number.map(Some).ok_or_else(|| file_error(FIRST, Lack::NotAFirst))
}
