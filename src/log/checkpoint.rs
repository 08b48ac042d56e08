//! Checkpoints (C2SP tlog-checkpoint v1.0.0): a log's name, size and root,
//! signed as a note. Whether one checkpoint extends another is
//! [`merkle::verify_consistency`](super::merkle::verify_consistency)'s matter.

use super::merkle::Hash;
use super::note::{KeyType, LogSigner, Note, NoteError, NoteText, SignedBy, VerifierKey};
use crate::hex::Bytes;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

/// Why a checkpoint was refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// Not a note, or not properly signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not the three lines origin, size and root.
    #[error("a checkpoint has three lines: origin, size and root")]
    Lines,
    /// The size is not a decimal number without leading zeros below 2⁶⁴.
    #[error("'{0}' is not the size of a log")]
    Size(String),
    /// The root is not 32 bytes in canonical base64.
    #[error("'{0}' is not the root of a log")]
    Root(String),
    /// The origin is not the name of the key that signs.
    #[error("the checkpoint of '{origin}' is signed under the name '{key}'")]
    Origin {
        /// Origin of the checkpoint.
        origin: String,
        /// Name of the key.
        key: String,
    },
    /// The log's own key has not signed.
    #[error("the log '{origin}' has not signed the checkpoint")]
    NotSignedByLog {
        /// Name of the log's key.
        origin: String,
    },
    /// The key that should be a log's is of another type.
    #[error("the key '{key}' is not a log's key")]
    NotALogKey {
        /// Name of the key.
        key: String,
    },
}

/// Why a signed checkpoint does not cover a log.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CoverError {
    /// It is not the log's checkpoint at all.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It speaks of another number of entries.
    #[error("it is of {signed} entries, and there are {there}")]
    Size {
        /// Entries that were signed.
        signed: u64,
        /// Entries there.
        there: u64,
    },
    /// It speaks of as many entries, but of others.
    #[error("it covers other entries")]
    Root,
}

/// The state of a log at one size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Name of the log; also the name of the key that signs.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads `origin\nsize\nbase64(root)\n`. Extension lines, which
    /// tlog-checkpoint allows and advises against, are refused: a log of ours
    /// has none.
    pub fn parse(text: &NoteText) -> Result<Self, CheckpointError> {
        let mut lines = text.as_str().strip_suffix('\n').unwrap_or_default().split('\n');
        let fields = (lines.next(), lines.next(), lines.next(), lines.next());
        let (Some(origin), Some(size), Some(root), None) = fields else {
            return Err(CheckpointError::Lines);
        };
        if origin.is_empty() {
            return Err(CheckpointError::Lines);
        }
        Ok(Self { origin: origin.to_owned(), size: parse_size(size)?, root: parse_root(root)? })
    }

    /// The text that is signed. An origin with control characters is refused.
    pub fn text(&self) -> Result<NoteText, CheckpointError> {
        if self.origin.is_empty() || self.origin.contains('\n') {
            return Err(CheckpointError::Lines);
        }
        let root = BASE64.encode(self.root);
        Ok(NoteText::new(format!("{}\n{}\n{root}\n", self.origin, self.size))?)
    }

    /// Reads a signed checkpoint's contents without verifying any signature.
    pub fn unverified(note: &[u8]) -> Result<Self, CheckpointError> {
        Self::parse(Note::parse(note)?.unverified_text())
    }
}

/// Signs a checkpoint; its origin must be the signer's name.
pub fn sign(checkpoint: &Checkpoint, signer: &LogSigner) -> Result<Note, CheckpointError> {
    check_origin(checkpoint, signer.verifier())?;
    let text = checkpoint.text()?;
    let signature = signer.sign(&text);
    Ok(Note::new(text, signature))
}

/// Reads a signed checkpoint that this log's key has signed. Other lines are
/// ignored.
pub fn open(note: &[u8], log: &VerifierKey) -> Result<Checkpoint, CheckpointError> {
    open_cosigned(note, log, &[]).map(|(checkpoint, _)| checkpoint)
}

/// As [`open`], by any of the keys that a log has had. The refusal of the last one,
/// the present, is the one to tell.
pub fn open_by_any(note: &[u8], keys: &[VerifierKey]) -> Result<Checkpoint, CheckpointError> {
    let origin = Checkpoint::unverified(note)?.origin;
    let nobodys = Err(CheckpointError::NotSignedByLog { origin });
    keys.iter().fold(nobodys, |before, key| before.or_else(|_| open(note, key)))
}

/// Whether a note is the checkpoint of just this tree, signed by the key that
/// the log itself names. Gives it with the log's own signature line alone.
pub fn covers(
    note: &[u8],
    (origin, key): (&str, &Bytes<32>),
    (size, root): (u64, &Hash),
) -> Result<Note, CoverError> {
    let key = VerifierKey::new(origin, KeyType::Ed25519, key).map_err(CheckpointError::from)?;
    let (signed, alone) = open_alone(note, &key)?;
    if signed.size != size {
        return Err(CoverError::Size { signed: signed.size, there: size });
    }
    if signed.root == *root { Ok(alone) } else { Err(CoverError::Root) }
}

/// As [`open`], and gives the note with the log's own signature line alone: what
/// others have written under it nobody has asked for.
pub fn open_alone(note: &[u8], log: &VerifierKey) -> Result<(Checkpoint, Note), CheckpointError> {
    let checkpoint = open(note, log)?;
    let alone = Note::parse(note)?.alone(log);
    let missing = || CheckpointError::NotSignedByLog { origin: log.name().to_owned() };
    Ok((checkpoint, alone.ok_or_else(missing)?))
}

/// As [`open`], and gives those of the known cosigners who have cosigned, each
/// once. A wrong cosignature by a known cosigner refuses the whole note.
pub fn open_cosigned(
    note: &[u8],
    log: &VerifierKey,
    cosigners: &[VerifierKey],
) -> Result<(Checkpoint, Vec<SignedBy>), CheckpointError> {
    if log.kind() != KeyType::Ed25519 {
        return Err(CheckpointError::NotALogKey { key: log.name().to_owned() });
    }
    let known: Vec<_> = cosigners.iter().chain([log]).cloned().collect();
    let note = Note::parse(note)?;
    let (text, mut signed) = note.verify(&known)?;
    let own = signed.iter().position(|by| by.key == *log);
    let own = own.ok_or_else(|| CheckpointError::NotSignedByLog { origin: log.name().to_owned() })?;
    signed.remove(own);
    let checkpoint = Checkpoint::parse(text)?;
    check_origin(&checkpoint, log)?;
    Ok((checkpoint, signed))
}

fn check_origin(checkpoint: &Checkpoint, key: &VerifierKey) -> Result<(), CheckpointError> {
    if checkpoint.origin == key.name() {
        return Ok(());
    }
    Err(CheckpointError::Origin { origin: checkpoint.origin.clone(), key: key.name().to_owned() })
}

fn parse_size(text: &str) -> Result<u64, CheckpointError> {
    let refused = || CheckpointError::Size(text.to_owned());
    let size: u64 = text.parse().map_err(|_| refused())?;
    // One text for each number: no sign, no leading zeros.
    if size.to_string() == text { Ok(size) } else { Err(refused()) }
}

fn parse_root(text: &str) -> Result<Hash, CheckpointError> {
    let bytes = BASE64.decode(text).ok().and_then(|bytes| Bytes::from_slice(&bytes));
    bytes.ok_or_else(|| CheckpointError::Root(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{log::note::Cosigner, secret::SecretKey};
    use proptest::prelude::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    fn body(text: &str) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::parse(&NoteText::new(text.to_owned()).unwrap())
    }

    fn seed(byte: u8) -> SecretKey {
        SecretKey::from_slice(&[byte; 32]).unwrap()
    }

    fn signer() -> LogSigner {
        LogSigner::new("vault.example/acme", seed(1)).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "vault.example/acme".to_owned(), size: 3, root: Bytes([7; 32]) }
    }

    #[test]
    fn the_example_of_the_specification_reads_and_writes() {
        let text = format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n");
        let read = body(&text).unwrap();
        assert_eq!((read.origin.as_str(), read.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(read.text().unwrap().as_str(), text);
    }

    #[test]
    fn an_empty_log_has_size_zero() {
        assert_eq!(body(&format!("o\n0\n{ROOT}\n")).unwrap().size, 0);
    }

    #[test]
    fn sizes_in_another_form_are_refused() {
        for size in ["", "00", "01", "+1", "-1", " 1", "1 ", "0x1", "1e3", "１", "18446744073709551616"] {
            let refused = body(&format!("o\n{size}\n{ROOT}\n"));
            assert_eq!(refused, Err(CheckpointError::Size(size.to_owned())), "{size}");
        }
        assert_eq!(body(&format!("o\n18446744073709551615\n{ROOT}\n")).unwrap().size, u64::MAX);
    }

    #[test]
    fn roots_in_another_form_are_refused() {
        let loose_bits = ROOT.replace("I=", "J=");
        let short = BASE64.encode([0; 31]);
        for root in ["", &ROOT[..43], &loose_bits, &short, &BASE64.encode([0; 33])] {
            let refused = body(&format!("o\n1\n{root}\n"));
            assert_eq!(refused, Err(CheckpointError::Root(root.to_owned())), "{root}");
        }
    }

    #[test]
    fn missing_and_extension_lines_are_refused() {
        let bad = ["\n", "o\n", "o\n1\n", &format!("\n1\n{ROOT}\n"), &format!("o\n1\n{ROOT}\nmore\n")];
        for text in bad {
            assert_eq!(body(text), Err(CheckpointError::Lines), "{text:?}");
        }
        assert_eq!(body(&format!("o\n1\n{ROOT}\n\n")), Err(CheckpointError::Lines));
    }

    #[test]
    fn an_origin_of_two_lines_cannot_be_signed() {
        let twisted = Checkpoint { origin: format!("o\n9\n{ROOT}"), ..checkpoint() };
        assert_eq!(twisted.text(), Err(CheckpointError::Lines));
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_alone() {
        let note = sign(&checkpoint(), &signer()).unwrap().to_string();
        assert_eq!(open(note.as_bytes(), signer().verifier()), Ok(checkpoint()));
        let other = LogSigner::new("vault.example/acme", seed(2)).unwrap();
        assert_eq!(open(note.as_bytes(), other.verifier()), Err(NoteError::NotSigned.into()));
    }

    #[test]
    fn an_origin_other_than_the_key_name_is_refused() {
        let foreign = Checkpoint { origin: "else".to_owned(), ..checkpoint() };
        let origin = || CheckpointError::Origin { origin: "else".into(), key: "vault.example/acme".into() };
        assert_eq!(sign(&foreign, &signer()), Err(origin()));
        let text = foreign.text().unwrap();
        let note = Note::new(text.clone(), signer().sign(&text)).to_string();
        assert_eq!(open(note.as_bytes(), signer().verifier()), Err(origin()));
    }

    #[test]
    fn cosignatures_without_the_logs_own_signature_are_refused() {
        let witness = Cosigner::new("w", seed(3)).unwrap();
        let text = checkpoint().text().unwrap();
        let known = [witness.verifier().clone()];
        let alone = Note::new(text.clone(), witness.cosign(&text, 5).unwrap()).to_string();
        let refused = CheckpointError::NotSignedByLog { origin: "vault.example/acme".to_owned() };
        assert_eq!(open_cosigned(alone.as_bytes(), signer().verifier(), &known), Err(refused));

        let mut both = sign(&checkpoint(), &signer()).unwrap();
        both.add(witness.cosign(&text, 5).unwrap()).unwrap();
        let (read, signed) = open_cosigned(both.to_string().as_bytes(), signer().verifier(), &known).unwrap();
        assert_eq!(read, checkpoint());
        assert_eq!(signed, [SignedBy { key: witness.verifier().clone(), seconds: Some(5) }]);
    }

    #[test]
    fn a_cosigners_key_does_not_open_as_the_log() {
        let witness = Cosigner::new("vault.example/acme", seed(3)).unwrap();
        let text = checkpoint().text().unwrap();
        let note = Note::new(text.clone(), witness.cosign(&text, 5).unwrap()).to_string();
        let refused = CheckpointError::NotALogKey { key: "vault.example/acme".to_owned() };
        assert_eq!(open(note.as_bytes(), witness.verifier()), Err(refused));
    }

    proptest! {
        #[test]
        fn what_reads_writes_back(text in "[a-z]{0,3}\n[0-9]{0,3}\n[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\n") {
            if let Ok(read) = body(&text) {
                let written = read.text().unwrap();
                prop_assert_eq!(written.as_str(), text);
            }
        }
    }
}
