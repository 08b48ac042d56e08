//! Proof files (C2SP tlog-proof): one entry's receipt. Checked offline with the
//! log's verifier key: neither the log nor the vault is needed. Whether enough
//! cosigners signed is not known here.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>                 may be absent; ours is the entry
//! index <decimal>
//! <base64 of a hash>             as many as the proof has, lowest first
//! (an empty line)
//! <the signed checkpoint>
//! ```

use super::checkpoint::{self, Checkpoint, CheckpointError};
use super::merkle::{self, Hash, ProofError};
use super::note::{MAX_NOTE, Note, NoteError, VerifierKey};
use crate::hex::Bytes;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::fmt;

/// Longest proof file in bytes: room for the longest entry in base64, 64 hashes
/// and the longest note.
pub const MAX_PROOF_FILE: usize = MAX_NOTE + 96 * 1024;

/// Most hashes in a proof: one for each level of the largest log.
pub const MAX_HASHES: usize = 64;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Why a proof file was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProofFileError {
    /// Longer than [`MAX_PROOF_FILE`].
    #[error("a proof file of {length} bytes is too long: the limit is {MAX_PROOF_FILE}")]
    TooLong {
        /// Length in bytes.
        length: usize,
    },
    /// Not UTF-8.
    #[error("a proof file is UTF-8")]
    NotUtf8,
    /// Another first line: something else, or a newer format.
    #[error("the first line of a proof file is '{FIRST_LINE}'")]
    FirstLine,
    /// The extra data are not canonical base64, or empty.
    #[error("the 'extra' line is malformed")]
    Extra,
    /// No `index` line with a decimal number without leading zeros.
    #[error("the 'index' line is malformed or missing")]
    Index,
    /// A line of the proof that is not 32 bytes in canonical base64.
    #[error("hash {place} of the proof is malformed")]
    ProofHash {
        /// Which, from 1.
        place: usize,
    },
    /// More than [`MAX_HASHES`] hashes.
    #[error("a proof has at most {MAX_HASHES} hashes")]
    TooManyHashes,
    /// No empty line before the checkpoint.
    #[error("the proof file has no checkpoint")]
    NoCheckpoint,
    /// The checkpoint is malformed, or not signed as it must be.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not lead from the entry to the checkpoint's root.
    #[error("the entry is not proven: {0}")]
    Proof(#[from] ProofError),
}

impl From<NoteError> for ProofFileError {
    fn from(error: NoteError) -> Self {
        Self::Checkpoint(error.into())
    }
}

/// A proof file as it was read; nothing in it is verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofFile {
    /// Data that nobody has signed. Ours is the entry's line; it counts only
    /// because its hash is what the proof begins with.
    pub extra: Option<Vec<u8>>,
    /// Which entry, from 0.
    pub index: u64,
    /// The inclusion proof, lowest first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl ProofFile {
    /// Reads a proof file; at most [`MAX_PROOF_FILE`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > MAX_PROOF_FILE {
            return Err(ProofFileError::TooLong { length: bytes.len() });
        }
        let text = str::from_utf8(bytes).map_err(|_| ProofFileError::NotUtf8)?;
        let (head, note) = text.split_once("\n\n").ok_or(ProofFileError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(ProofFileError::FirstLine);
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(encoded) => {
                let extra = BASE64.decode(encoded).ok().filter(|extra| !extra.is_empty());
                lines.next();
                Some(extra.ok_or(ProofFileError::Extra)?)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(ProofFileError::Index)?;
        let mut hashes = Vec::new();
        for (line, place) in lines.zip(1..) {
            if place > MAX_HASHES {
                return Err(ProofFileError::TooManyHashes);
            }
            let hash = BASE64.decode(line).ok().and_then(|bytes| Bytes::from_slice(&bytes));
            hashes.push(hash.ok_or(ProofFileError::ProofHash { place })?);
        }
        let checkpoint = Note::parse(note.as_bytes())?;
        Checkpoint::parse(checkpoint.unverified_text())?;
        Ok(Self { extra, index, hashes, checkpoint })
    }

    /// Checks that this log's key signed the checkpoint and that the proof leads
    /// from this leaf at the file's index to its root; gives the checkpoint.
    pub fn verify(&self, leaf: &Hash, log: &VerifierKey) -> Result<Checkpoint, ProofFileError> {
        let signed = checkpoint::open(self.checkpoint.to_string().as_bytes(), log)?;
        merkle::verify_inclusion(leaf, self.index, signed.size, &self.hashes, &signed.root)?;
        Ok(signed)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// One text for each number: no sign, no leading zeros.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::note::LogSigner;
    use crate::secret::SecretKey;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    fn signer() -> LogSigner {
        LogSigner::new("log", SecretKey::from_slice(&[1; 32]).unwrap()).unwrap()
    }

    fn entry(n: u64) -> Vec<u8> {
        format!("{{\"n\":{n}}}").into_bytes()
    }

    fn file(size: u64, index: u64) -> ProofFile {
        let leaves: Vec<_> = (0..size).map(|n| merkle::leaf_hash(&entry(n))).collect();
        let state = Checkpoint { origin: "log".to_owned(), size, root: merkle::root(&leaves) };
        ProofFile {
            extra: Some(entry(index)),
            index,
            hashes: merkle::inclusion_proof(&leaves, index, size).unwrap(),
            checkpoint: checkpoint::sign(&state, &signer()).unwrap(),
        }
    }

    fn refused(text: &str) -> ProofFileError {
        ProofFile::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_written_reads_back_and_verifies() {
        for (size, index) in [(1, 0), (2, 1), (7, 6), (300, 255)] {
            let text = file(size, index).to_string();
            let read = ProofFile::parse(text.as_bytes()).unwrap();
            assert_eq!((read.to_string(), &read), (text, &file(size, index)));
            let leaf = merkle::leaf_hash(read.extra.as_deref().unwrap());
            assert_eq!(read.verify(&leaf, signer().verifier()).unwrap().size, size);
        }
    }

    #[test]
    fn its_hashes_are_those_of_another_implementation() {
        let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        (0..300).for_each(|n| tree.push(entry(n)));
        let proof = tree.prove_inclusion(255);
        let theirs: Vec<_> = proof.as_bytes().as_chunks::<32>().0.iter().copied().map(Bytes).collect();
        assert_eq!(file(300, 255).hashes, theirs);
    }

    #[test]
    fn another_entry_index_key_or_root_is_not_proven() {
        let (good, key) = (file(7, 3), signer());
        let leaf = merkle::leaf_hash(&entry(3));
        assert_eq!(good.verify(&merkle::leaf_hash(&entry(4)), key.verifier()), Err(ProofError::Root.into()));
        let moved = ProofFile { index: 2, ..good.clone() };
        assert_eq!(moved.verify(&leaf, key.verifier()), Err(ProofError::Root.into()));
        let outside = ProofFile { index: 7, ..good.clone() };
        let error = ProofError::IndexOutside { index: 7, size: 7 };
        assert_eq!(outside.verify(&leaf, key.verifier()), Err(error.into()));
        let cut = ProofFile { hashes: good.hashes[1..].to_vec(), ..good.clone() };
        assert!(cut.verify(&leaf, key.verifier()).is_err());
        let other = ProofFile { checkpoint: file(8, 3).checkpoint, ..good.clone() };
        assert!(other.verify(&leaf, key.verifier()).is_err());
        let stranger = LogSigner::new("log", SecretKey::from_slice(&[2; 32]).unwrap()).unwrap();
        assert_eq!(good.verify(&leaf, stranger.verifier()), Err(NoteError::NotSigned.into()));
    }

    #[test]
    fn a_changed_checkpoint_is_not_signed() {
        let text = file(7, 3).to_string().replace("\n7\n", "\n8\n");
        let read = ProofFile::parse(text.as_bytes()).unwrap();
        let wrong = NoteError::BadSignature { name: "log".to_owned() };
        assert_eq!(read.verify(&merkle::leaf_hash(&entry(3)), signer().verifier()), Err(wrong.into()));
    }

    #[test]
    fn the_extra_line_may_be_absent_but_not_empty() {
        let bare = ProofFile { extra: None, ..file(3, 1) };
        assert_eq!(ProofFile::parse(bare.to_string().as_bytes()), Ok(bare.clone()));
        let text = bare.to_string();
        for extra in ["extra \n", "extra AA\n", "extra AB==\n", "extra  AAAA\n"] {
            assert_eq!(refused(&text.replace("index", &format!("{extra}index"))), ProofFileError::Extra);
        }
        assert_eq!(refused(&text.replace("index", "extra\nindex")), ProofFileError::Index);
    }

    #[test]
    fn malformed_files_are_refused() {
        let text = file(3, 1).to_string();
        let with = |from: &str, to: &str| {
            assert!(text.contains(from));
            refused(&text.replacen(from, to, 1))
        };
        assert_eq!(refused(""), ProofFileError::NoCheckpoint);
        assert_eq!(with("@v1", "@v2"), ProofFileError::FirstLine);
        assert_eq!(with("c2sp", " c2sp"), ProofFileError::FirstLine);
        for index in ["index 01", "index +1", "index ", "index 1 ", "index 18446744073709551616", "Index 1"] {
            assert_eq!(with("index 1", index), ProofFileError::Index, "{index}");
        }
        assert_eq!(with("index 1\n", "index 1\nAAAA\n"), ProofFileError::ProofHash { place: 1 });
        let many = format!("index 1\n{}", format!("{}\n", BASE64.encode([0; 32])).repeat(63));
        assert_eq!(with("index 1\n", &many), ProofFileError::TooManyHashes);
        assert_eq!(refused(text.trim_end()), NoteError::SignatureLine { line: 1 }.into());
        assert!(matches!(refused(&format!("{text}\n")), ProofFileError::Checkpoint(_)));
        assert_eq!(refused(&text.replace('\n', "\r\n")), ProofFileError::NoCheckpoint);
        assert_eq!(ProofFile::parse(b"\xff"), Err(ProofFileError::NotUtf8));
        let long = "x".repeat(MAX_PROOF_FILE + 1);
        assert_eq!(refused(&long), ProofFileError::TooLong { length: MAX_PROOF_FILE + 1 });
    }

    #[test]
    fn the_longest_entry_fits() {
        let largest = ProofFile { extra: Some(vec![b'x'; crate::log::entry::MAX_ENTRY]), ..file(300, 255) };
        assert_eq!(ProofFile::parse(largest.to_string().as_bytes()), Ok(largest));
    }

    proptest! {
        #[test]
        fn what_reads_writes_back_to_the_same_bytes(
            place in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = file(5, 2).to_string().into_bytes();
            let at = place.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = ProofFile::parse(&bytes) {
                prop_assert_eq!(read.to_string().into_bytes(), bytes);
            }
        }
    }
}
