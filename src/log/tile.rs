//! Tiles and entry bundles (C2SP tlog-tiles): how a log lies in files. Places,
//! their paths and their bytes; no file is read or written here, and nothing is
//! authenticated: what a tile says counts only if it leads to a signed root.
//!
//! A tile is 256 consecutive hashes of one level; a hash of the next level is
//! the root of one whole tile. The last tile of a level may be narrower, and a
//! tile that is not whole has no hash above it.

use super::entry::{EntryBytes, EntryError, MAX_ENTRY};
use super::merkle::{self, Frontier, Hash, node_hash};
use crate::hex::Bytes;
use std::fmt;
use std::ops::Range;

/// Hashes in a whole tile, entries in a whole bundle.
pub const WIDTH: u64 = 256;

/// Longest tile in bytes.
pub const MAX_TILE: usize = 256 * 32;

/// Longest bundle in bytes.
pub const MAX_BUNDLE: usize = 256 * (2 + MAX_ENTRY);

/// Longest path in bytes: far more than the last tile of the largest log needs.
pub const MAX_PATH: usize = 64;

/// Why a path, a tile or a bundle was refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TileError {
    /// Not a path in the one form.
    #[error("not the path of a tile")]
    Path,
    /// It would cover entries that no log can have.
    #[error("the tile lies outside any log")]
    Outside,
    /// Not as many hashes as the tile is wide.
    #[error("the tile has {found} bytes instead of {expected}")]
    Length {
        /// Bytes there.
        found: usize,
        /// Bytes of a tile of that width.
        expected: usize,
    },
    /// A bundle longer than [`MAX_BUNDLE`].
    #[error("a bundle of {length} bytes is too long: the limit is {MAX_BUNDLE}")]
    TooLong {
        /// Bytes there.
        length: usize,
    },
    /// The bundle ends inside an entry or its length.
    #[error("the bundle ends inside its entry {place}")]
    Cut {
        /// Which entry, from 0 within the bundle.
        place: usize,
    },
    /// An entry that is none.
    #[error("entry {place} of the bundle: {why}")]
    Entry {
        /// Which, from 0 within the bundle.
        place: usize,
        /// Why it is refused.
        why: EntryError,
    },
    /// Another number of entries than the bundle is wide; a bundle has 1 to 256.
    #[error("the bundle has {found} entries instead of {expected}")]
    Count {
        /// Entries there, or one more than may be.
        found: u64,
        /// Entries expected.
        expected: u64,
    },
}

/// What a tile holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Row {
    /// Hashes of a level; those of level 0 are leaf hashes.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

impl Row {
    fn level(self) -> u32 {
        match self {
            Self::Hashes(level) => level.into(),
            Self::Entries => 0,
        }
    }

    /// How many hashes (or entries) of this row a tree has.
    fn length(self, size: u64) -> u64 {
        size.checked_shr(8 * self.level()).unwrap_or(0)
    }
}

/// The place of a tile or bundle. Prints as its path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tile {
    row: Row,
    index: u64,
    width: u64,
}

impl Tile {
    /// The `index`th tile of a row, 1 to 256 wide, all of it below 2⁶⁴ entries.
    pub fn new(row: Row, index: u64, width: u64) -> Result<Self, TileError> {
        let end = u128::from(index) * u128::from(WIDTH) + u128::from(width);
        let entries = end.checked_shl(8 * row.level()).filter(|entries| entries >> (8 * row.level()) == end);
        let inside = entries.is_some_and(|entries| entries <= u64::MAX.into());
        if inside && (1..=WIDTH).contains(&width) {
            return Ok(Self { row, index, width });
        }
        Err(TileError::Outside)
    }

    /// Reads `tile/<level>/<n>[.p/<w>]` or `tile/entries/<n>[.p/<w>]`: `n` in
    /// groups of three digits, `x` before all but the last.
    pub fn parse(path: &str) -> Result<Self, TileError> {
        if path.len() > MAX_PATH {
            return Err(TileError::Path);
        }
        let (row, rest) =
            path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or(TileError::Path)?;
        let row = match row {
            "entries" => Row::Entries,
            level => Row::Hashes(level.parse().map_err(|_| TileError::Path)?),
        };
        let (digits, width) = match rest.split_once(".p/") {
            Some((digits, width)) => (digits, width.parse().map_err(|_| TileError::Path)?),
            None => (rest, WIDTH),
        };
        let mut index: u64 = 0;
        for group in digits.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let group: u64 = digits.parse().map_err(|_| TileError::Path)?;
            index = index.checked_mul(1000).and_then(|n| n.checked_add(group)).ok_or(TileError::Path)?;
        }
        let tile = Self::new(row, index, width)?;
        // One path for each tile: signs, zeros too many, a whole tile written as
        // a partial one, and every other spelling fall here.
        if tile.to_string() == path { Ok(tile) } else { Err(TileError::Path) }
    }

    /// What it holds.
    pub fn row(self) -> Row {
        self.row
    }

    /// Which of its row, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds.
    pub fn width(self) -> u64 {
        self.width
    }

    /// Whether it is as wide as a tile gets.
    pub fn is_whole(self) -> bool {
        self.width == WIDTH
    }

    /// The entries that it holds or that its hashes stand for.
    pub fn entries(self) -> Range<u64> {
        let unit = 8 * self.row.level();
        let start = self.index * WIDTH;
        start << unit..(start + self.width) << unit
    }

    /// Whether a tree of this size has exactly this tile.
    pub fn is_of(self, size: u64) -> bool {
        at(self.row, self.index, size) == Some(self)
    }

    /// The whole tile below that the `place`th hash is the root of; `None` on
    /// the lowest level, and beyond the width.
    pub fn child(self, place: u64) -> Option<Self> {
        match self.row {
            Row::Hashes(level @ 1..) if place < self.width => {
                Some(Self { row: Row::Hashes(level - 1), index: self.index * WIDTH + place, width: WIDTH })
            }
            _ => None,
        }
    }

    /// The bundle of the entries whose leaf hashes the tile holds; `None` above
    /// the lowest level.
    pub fn bundle(self) -> Option<Self> {
        (self.row == Row::Hashes(0)).then_some(Self { row: Row::Entries, ..self })
    }

    /// The same tile at another width.
    pub fn with_width(self, width: u64) -> Result<Self, TileError> {
        Self::new(self.row, self.index, width)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Row::Hashes(level) => write!(f, "tile/{level}/")?,
            Row::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            if place > 0 { write!(f, "x{group:03}/")? } else { write!(f, "{group:03}")? }
        }
        if self.is_whole() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The tile of a row at an index, as wide as it is in a tree of this size.
pub fn at(row: Row, index: u64, size: u64) -> Option<Tile> {
    let length = row.length(size);
    let width = length.saturating_sub(index.checked_mul(WIDTH)?).min(WIDTH);
    (width > 0).then_some(Tile { row, index, width })
}

/// Every row that a tree has: levels from the lowest, then the entries.
pub fn rows(size: u64) -> impl Iterator<Item = Row> {
    let levels = (0..8).map(Row::Hashes).chain([Row::Entries]);
    levels.filter(move |row| row.length(size) > 0)
}

/// Every tile and bundle of a tree, row by row.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    rows(size).flat_map(move |row| new_tiles(row, 0, size))
}

/// The tiles of a row that a tree of `new` has and a tree of `old` has not, in
/// order; those of a tree that did not grow are none.
pub fn new_tiles(row: Row, old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let (before, after) = (row.length(old), row.length(new));
    // Where the old tree's last tile was not whole, it is replaced by a wider one.
    let first = before / WIDTH;
    let end = if after > before { after.div_ceil(WIDTH) } else { first };
    (first..end).filter_map(move |index| at(row, index, new))
}

/// The tiles at the right edge of a tree that are not whole, lowest first: all
/// that its root depends on.
pub fn edge(size: u64) -> impl Iterator<Item = Tile> {
    (0..8).map(Row::Hashes).filter_map(move |row| {
        let tile = at(row, row.length(size) / WIDTH, size)?;
        (!tile.is_whole()).then_some(tile)
    })
}

/// Root of a tree whose [`edge`] holds these hashes, lowest level first.
pub fn edge_root<'a>(hashes: impl IntoIterator<Item = &'a [Hash]>) -> Hash {
    let mut root: Option<Hash> = None;
    for row in hashes {
        let mut peaks = Frontier::new();
        peaks.extend(row.iter().copied());
        for peak in peaks.peaks().iter().rev() {
            root = Some(root.map_or(*peak, |right| node_hash(peak, &right)));
        }
    }
    root.unwrap_or(merkle::EMPTY_ROOT)
}

/// The bytes of a tile.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads a tile, which has exactly the bytes of its width.
pub fn decode_hashes(tile: Tile, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() && hashes.len() as u64 == tile.width {
        return Ok(hashes.iter().copied().map(Bytes).collect());
    }
    let expected = usize::try_from(tile.width * 32).unwrap_or(MAX_TILE);
    Err(TileError::Length { found: bytes.len(), expected })
}

/// The bytes of a bundle: for each entry its length as two bytes, big endian,
/// and the entry.
pub fn encode_bundle<'a>(entries: impl IntoIterator<Item = &'a EntryBytes>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.as_bytes().len()).expect("an entry has at most 65,535 bytes");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry.as_bytes());
    }
    bytes
}

/// Reads a bundle of 1 to 256 entries.
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<EntryBytes>, TileError> {
    if bytes.len() > MAX_BUNDLE {
        return Err(TileError::TooLong { length: bytes.len() });
    }
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let place = entries.len();
        if place as u64 == WIDTH {
            return Err(TileError::Count { found: WIDTH + 1, expected: WIDTH });
        }
        let (length, after) = rest.split_first_chunk::<2>().ok_or(TileError::Cut { place })?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(TileError::Cut { place })?;
        entries.push(EntryBytes::new(entry.to_vec()).map_err(|why| TileError::Entry { place, why })?);
        rest = after;
    }
    if entries.is_empty() { Err(TileError::Count { found: 0, expected: 1 }) } else { Ok(entries) }
}

/// As [`decode_bundle`], for the bundle at a place, which says how many entries
/// there are.
pub fn decode_bundle_of(bundle: Tile, bytes: &[u8]) -> Result<Vec<EntryBytes>, TileError> {
    let entries = decode_bundle(bytes)?;
    let found = entries.len() as u64;
    if found == bundle.width { Ok(entries) } else { Err(TileError::Count { found, expected: bundle.width }) }
}

/// Makes the tiles of a log out of its leaf hashes, from the first on. Holds one
/// tile for each level, however long the log.
#[derive(Clone, Debug, Default)]
pub struct Tiling {
    size: u64,
    rows: Vec<Vec<Hash>>,
}

impl Tiling {
    /// No leaves yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next leaf; gives the tiles that it made whole, lowest first.
    pub fn push(&mut self, leaf: Hash) -> Vec<(Tile, Vec<Hash>)> {
        self.size += 1;
        let mut whole = Vec::new();
        let mut carried = leaf;
        for level in 0.. {
            if self.rows.len() <= usize::from(level) {
                self.rows.push(Vec::new());
            }
            let Some(row) = self.rows.get_mut(usize::from(level)) else { break };
            row.push(carried);
            if (row.len() as u64) < WIDTH {
                break;
            }
            let hashes = std::mem::take(row);
            carried = merkle::root(&hashes);
            let row = Row::Hashes(level);
            let tile = Tile { row, index: row.length(self.size) / WIDTH - 1, width: WIDTH };
            whole.push((tile, hashes));
        }
        whole
    }

    /// The tiles at the edge, which are not whole, lowest first.
    pub fn edge(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        let rows = (0..).map(Row::Hashes).zip(&self.rows).filter(|(_, hashes)| !hashes.is_empty());
        rows.map(|(row, hashes)| {
            let index = row.length(self.size) / WIDTH;
            (Tile { row, index, width: hashes.len() as u64 }, hashes.as_slice())
        })
    }

    /// Root of the tree over the leaves so far.
    pub fn root(&self) -> Hash {
        edge_root(self.edge().map(|(_, hashes)| hashes))
    }
}

#[cfg(test)]
mod tests;
