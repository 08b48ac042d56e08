//! The records of an export: what lies beside the log of each version that was
//! current, so that somebody who holds the copy can see whether it could be opened,
//! and what else a vault must have that is made again of a backup and this copy. They
//! are as public as what is stored, without any free text; the entries say what they
//! must be, and nothing is judged here.
//!
//! ```text
//! "warifu records 1\n"
//! for each record:  1 byte   what it is: 1 a sealed payload, 2 a dealing, 3 the signed
//!                            request of a ceremony, 4 what a reconciliation found
//!                  64 bytes  its id: of the credential, of the dealing, of the
//!                            ceremony, or its hash
//!                   4 bytes  length, big endian
//!                            the record
//! ```

use super::read::file_error;
use super::{ExportError, RECORDS};
use crate::audit::recoverability::{RecordSource, Unreadable};
use crate::audit::{Lack, SourceError};
use crate::event::Hash;
use crate::state::Held;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

const HEAD: &[u8] = b"warifu records 1\n";

/// Longest record that is copied or read, in bytes.
pub const MAX_RECORD: usize = 1024 * 1024;

/// Before each record: what it is, id, length.
const BEFORE: usize = 1 + ID + 4;
const ID: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Sealed = 1,
    Dealing = 2,
    Request = 3,
    Facts = 4,
}

/// What is to be copied: these versions, from there.
pub struct Copied<'a> {
    /// Current versions.
    pub versions: &'a [(&'a Hash, &'a Held)],
    /// Ceremonies, by the hashes of their requests.
    pub requests: &'a [Hash],
    /// Reconciliations, by the hashes of what they found.
    pub facts: &'a [Hash],
    /// Where their records lie.
    pub source: &'a dyn RecordSource,
    /// Whether the vault is as it was when the versions were current.
    pub unchanged: &'a dyn Fn() -> bool,
}

impl Copied<'_> {
    /// Writes all records. One that is gone is left out: whoever checks the copy
    /// names it, unless it went because the vault was written meanwhile.
    pub(super) fn write(
        &self,
        path: &Path,
        to: &mut impl Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ExportError> {
        let io = |why| ExportError::file(path, why);
        let all = self.versions.len() as u64;
        let mut gone = false;
        to.write_all(HEAD).map_err(io)?;
        let mut copy = |what, id: &Hash, record: Result<Option<Vec<u8>>, Unreadable>| {
            let unreadable = || ExportError::Record(id.short());
            match record.map_err(|Unreadable| unreadable())? {
                Some(bytes) if bytes.len() > MAX_RECORD => return Err(unreadable()),
                Some(bytes) => put(to, what, id, &bytes).map_err(io)?,
                None => gone = true,
            }
            Ok(())
        };
        for ((credential, held), done) in self.versions.iter().zip(1..) {
            copy(What::Sealed, credential, self.source.sealed(credential))?;
            copy(What::Dealing, &held.dealing, self.source.dealing(&held.dealing))?;
            progress(done, all);
        }
        for ceremony in self.requests {
            copy(What::Request, ceremony, self.source.request(ceremony))?;
        }
        for facts in self.facts {
            copy(What::Facts, facts, self.source.facts(facts))?;
        }
        if gone && !(self.unchanged)() { Err(ExportError::Changed) } else { Ok(()) }
    }
}

fn put(to: &mut impl Write, what: What, id: &Hash, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    to.write_all(&[what as u8])?;
    to.write_all(id.as_ref())?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)
}

/// The records of an export, read by their ids.
#[derive(Debug)]
pub struct CopiedRecords {
    file: File,
    /// The first bytes of what a record is and of its id, and where it begins: small,
    /// since there can be millions. Sorted.
    places: Vec<(u8, u64, u64)>,
}

impl CopiedRecords {
    /// Whether an export has records.
    pub fn are_in(dir: &Path) -> bool {
        fs::symlink_metadata(dir.join(RECORDS)).is_ok()
    }

    /// Reads through the file once, without the records themselves.
    pub fn open(dir: &Path) -> Result<Self, SourceError> {
        let path = dir.join(RECORDS);
        let wrong = |why: io::Error| {
            let lack = match why.kind() {
                io::ErrorKind::NotFound => Lack::Missing,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Lack::NotRecords,
                kind => Lack::Reading(kind),
            };
            file_error(RECORDS, lack)
        };
        let about = fs::symlink_metadata(&path).map_err(wrong)?;
        if !about.is_file() {
            return Err(file_error(RECORDS, Lack::NotAFile));
        }
        let file = File::open(&path).map_err(wrong)?;
        let mut places = places(&mut BufReader::new(&file), about.len()).map_err(wrong)?;
        places.sort_unstable();
        Ok(Self { file, places })
    }

    fn record(&self, what: What, id: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        let wanted = (what as u8, prefix(id.as_ref()));
        let first = self.places.partition_point(|(what, prefix, _)| (*what, *prefix) < wanted);
        let alike = self.places.iter().skip(first).take_while(|(what, prefix, _)| (*what, *prefix) == wanted);
        for (_, _, at) in alike {
            let mut before = [0; BEFORE];
            self.file.read_exact_at(&mut before, *at).map_err(|_| Unreadable)?;
            let (there, length) = parts(&before).ok_or(Unreadable)?;
            if there != id.as_ref() {
                continue;
            }
            let mut bytes = vec![0; length];
            self.file.read_exact_at(&mut bytes, at + BEFORE as u64).map_err(|_| Unreadable)?;
            return Ok(Some(bytes));
        }
        Ok(None)
    }
}

impl RecordSource for CopiedRecords {
    fn sealed(&self, credential: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(What::Sealed, credential)
    }

    fn dealing(&self, id: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(What::Dealing, id)
    }

    fn request(&self, ceremony: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(What::Request, ceremony)
    }

    fn facts(&self, facts: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(What::Facts, facts)
    }
}

/// Where each record begins in a file of this length.
fn places(file: &mut BufReader<impl Read + Seek>, length: u64) -> io::Result<Vec<(u8, u64, u64)>> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = [0; HEAD.len()];
    file.read_exact(&mut head)?;
    if head != HEAD {
        return Err(bad());
    }
    let (mut places, mut at) = (Vec::new(), HEAD.len() as u64);
    while at < length {
        let mut before = [0; BEFORE];
        file.read_exact(&mut before)?;
        let what = before.first().copied().filter(|what| (1..=4).contains(what)).ok_or_else(bad)?;
        let (id, long) = parts(&before).ok_or_else(bad)?;
        places.push((what, prefix(id), at));
        at += (BEFORE + long) as u64;
        if at > length {
            return Err(bad());
        }
        file.seek_relative(long as i64)?;
    }
    Ok(places)
}

/// Id and length, if no record is longer.
fn parts(before: &[u8; BEFORE]) -> Option<(&[u8], usize)> {
    let (id, length) = before.get(1..)?.split_at_checked(ID)?;
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    (length <= MAX_RECORD).then_some((id, length))
}

fn prefix(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}
