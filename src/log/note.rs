//! Signed notes (C2SP signed-note v1.0.0) with Ed25519 signatures (type 01) and
//! Ed25519 cosignatures (type 04, C2SP tlog-cosignature). What a note's text
//! says, and whose signatures suffice, is not known here.
//!
//! A note is text that ends in a newline, an empty line, and signature lines
//! `— <name> <base64(key id ‖ signature)>`, the key id being 4 bytes.

use crate::{
    hex::Bytes,
    name::{printable, unprintable},
    secret::SecretKey,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// Longest note in bytes. Room for [`MAX_SIGNATURES`] of any kind in use now,
/// and for the 16 post-quantum ones that signed-note demands room for.
pub const MAX_NOTE: usize = 256 * 1024;

/// Most signature lines in one note: one log, 64 custodians and witnesses.
pub const MAX_SIGNATURES: usize = 100;

const DASH: &str = "— ";

/// Why a note, a key or a signature line was refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE`].
    #[error("a note of {length} bytes is too long: the limit is {MAX_NOTE}")]
    TooLong {
        /// Length in bytes.
        length: usize,
    },
    /// More than [`MAX_SIGNATURES`] signature lines.
    #[error("a note has at most {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// Not UTF-8.
    #[error("a note is UTF-8")]
    NotUtf8,
    /// A control character other than newline, or one that hides or turns text.
    #[error("a note has no control characters, and none that hide or turn text")]
    ControlCharacter,
    /// The text does not end in a newline.
    #[error("a note's text ends in a newline")]
    TextWithoutNewline,
    /// No empty line, or nothing after it.
    #[error("the note has no signatures")]
    NoSignatures,
    /// A line after the last empty line that is not a signature line.
    #[error("signature line {line} is malformed")]
    SignatureLine {
        /// Its number, counted from 1.
        line: usize,
    },
    /// Empty, or with white space, `+` or characters that are not printable.
    #[error("'{}' is not a key name", printable(name))]
    KeyName {
        /// What was given.
        name: String,
    },
    /// Not `name+hex8+base64`.
    #[error("not a verifier key")]
    VerifierKey,
    /// The verifier key's id is not the one its name and key hash to.
    #[error("the verifier key of '{name}' has a wrong id")]
    KeyId {
        /// Name of the key.
        name: String,
    },
    /// A key of a type other than 01 and 04.
    #[error("the verifier key of '{name}' has the unknown type {kind:02x}")]
    KeyType {
        /// Name of the key.
        name: String,
        /// The type's byte.
        kind: u8,
    },
    /// Not a canonically encoded point, or one of small order.
    #[error("the verifier key of '{name}' is not a usable Ed25519 key")]
    PublicKey {
        /// Name of the key.
        name: String,
    },
    /// Two keys that should be known have the same name and id.
    #[error("two keys named '{name}' have the same id")]
    AmbiguousKey {
        /// Name of the keys.
        name: String,
    },
    /// A known key's signature is wrong; the whole note is refused.
    #[error("the signature of '{name}' is wrong")]
    BadSignature {
        /// Name of the key.
        name: String,
    },
    /// None of the known keys has signed.
    #[error("no known key has signed the note")]
    NotSigned,
    /// Seconds above 2⁶³−1.
    #[error("a cosignature's time is below 2^63 seconds")]
    Time,
}

/// What a key signs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeyType {
    /// 01: Ed25519 over the text.
    Ed25519,
    /// 04: Ed25519 over a time and the text.
    Cosignature,
}

impl KeyType {
    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A public key with the name it signs under. Equal keys have equal text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifierKey {
    name: String,
    kind: KeyType,
    id: Bytes<4>,
    key: VerifyingKey,
}

impl VerifierKey {
    /// A key from its parts. Refuses names with white space or `+`, points of
    /// small order and points that are not canonically encoded.
    pub fn new(name: &str, kind: KeyType, public: &Bytes<32>) -> Result<Self, NoteError> {
        check_name(name)?;
        let canonical = CompressedEdwardsY(public.0).decompress().map(|point| point.compress().0);
        let key = VerifyingKey::from_bytes(&public.0).ok();
        match key.filter(|key| canonical == Some(public.0) && !key.is_weak()) {
            Some(key) => Ok(Self { id: key_id(name, kind, public), name: name.to_owned(), kind, key }),
            None => Err(NoteError::PublicKey { name: name.to_owned() }),
        }
    }

    /// Reads `name+hex8(id)+base64(type ‖ key)`.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKey);
        };
        check_name(name)?;
        let id = Bytes::<4>::parse(id).map_err(|_| NoteError::VerifierKey)?;
        let bytes = BASE64.decode(encoded).map_err(|_| NoteError::VerifierKey)?;
        let (kind, public) = bytes.split_first().ok_or(NoteError::VerifierKey)?;
        let kind = match kind {
            1 => KeyType::Ed25519,
            4 => KeyType::Cosignature,
            &kind => return Err(NoteError::KeyType { name: name.to_owned(), kind }),
        };
        let public = Bytes::from_slice(public).ok_or(NoteError::VerifierKey)?;
        let key = Self::new(name, kind, &public)?;
        if key.id == id { Ok(key) } else { Err(NoteError::KeyId { name: name.to_owned() }) }
    }

    /// The key's name; a log's is its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `SHA-256(name ‖ 0A ‖ type ‖ key)[..4]`.
    pub fn id(&self) -> Bytes<4> {
        self.id
    }

    /// What the key signs.
    pub fn kind(&self) -> KeyType {
        self.kind
    }

    /// The Ed25519 public key.
    pub fn public(&self) -> Bytes<32> {
        Bytes(self.key.to_bytes())
    }

    /// Checks one signature by this key; gives a cosignature's seconds.
    pub(super) fn check(&self, text: &NoteText, signature: &[u8]) -> Result<Option<u64>, NoteError> {
        let wrong = || NoteError::BadSignature { name: self.name.clone() };
        let verify = |message: &[u8], signature: &[u8]| {
            let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| wrong())?;
            self.key.verify_strict(message, &signature).map_err(|_| wrong())
        };
        match self.kind {
            KeyType::Ed25519 => verify(text.as_str().as_bytes(), signature).map(|()| None),
            KeyType::Cosignature => {
                let (seconds, signature) = signature.split_first_chunk::<8>().ok_or_else(wrong)?;
                let seconds = u64::from_be_bytes(*seconds);
                check_time(seconds).map_err(|_| wrong())?;
                verify(cosigned_message(text, seconds).as_bytes(), signature).map(|()| Some(seconds))
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = BASE64.encode([&[self.kind.byte()][..], self.key.as_bytes()].concat());
        write!(f, "{}+{}+{encoded}", self.name, self.id)
    }
}

/// What can be signed: text of at least one line that ends in a newline and has
/// no other control character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteText(String);

impl NoteText {
    /// Checks the text.
    pub fn new(text: String) -> Result<Self, NoteError> {
        if text.len() > MAX_NOTE {
            return Err(NoteError::TooLong { length: text.len() });
        }
        check_characters(&text)?;
        if text.ends_with('\n') { Ok(Self(text)) } else { Err(NoteError::TextWithoutNewline) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One signature line, unverified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    name: String,
    id: Bytes<4>,
    signature: Vec<u8>,
}

impl Signature {
    /// Reads `— <name> <base64(key id ‖ signature)>` without its newline.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        check_name(name).ok()?;
        // The engine accepts only padded base64 whose unused bits are zero.
        let bytes = BASE64.decode(encoded).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        let filled = !signature.is_empty();
        filled.then(|| Self { name: name.to_owned(), id: Bytes(*id), signature: signature.to_vec() })
    }

    /// The line of a log's key whose signature lies elsewhere; unverified.
    pub fn of_log(key: &VerifierKey, signature: &Bytes<64>) -> Self {
        Self::by(key, signature.0.to_vec())
    }

    /// A line from its parts.
    pub(super) fn by(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self { name: key.name.clone(), id: key.id, signature }
    }

    /// Whether it says that it is this key's.
    pub(super) fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id && self.name == key.name
    }

    /// Whether both say that they are the same key's.
    pub(super) fn is_by_same(&self, other: &Self) -> bool {
        self.id == other.id && self.name == other.name
    }

    /// Name of the key that it says it is by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signature's bytes, unverified.
    pub fn bytes(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = BASE64.encode([&self.id.0[..], &self.signature].concat());
        write!(f, "{DASH}{} {encoded}", self.name)
    }
}

/// A well-formed note; none of its signatures is verified. Prints as the exact
/// bytes that [`Note::parse`] reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: NoteText,
    signatures: Vec<Signature>,
}

/// A key that has signed a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedBy {
    /// The key.
    pub key: VerifierKey,
    /// Seconds since 1970 of its (latest) cosignature; `None` for type 01.
    pub seconds: Option<u64>,
}

impl Note {
    /// A note with its first signature.
    pub fn new(text: NoteText, signature: Signature) -> Self {
        Self { text, signatures: vec![signature] }
    }

    /// Reads a note; at most [`MAX_NOTE`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::TooLong { length: bytes.len() });
        }
        let note = str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        check_characters(note)?;
        // The text keeps the newline that precedes the last empty line.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let text = NoteText::new(format!("{text}\n"))?;
        if lines.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let count = lines.split_terminator('\n').count();
        let lines = lines.strip_suffix('\n').ok_or(NoteError::SignatureLine { line: count })?;
        if count > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let lines = lines.split('\n').zip(1..);
        let signatures: Result<_, _> = lines
            .map(|(line, number)| Signature::parse(line).ok_or(NoteError::SignatureLine { line: number }))
            .collect();
        Ok(Self { text, signatures: signatures? })
    }

    /// The text, which nobody may have signed.
    pub fn unverified_text(&self) -> &NoteText {
        &self.text
    }

    /// The signature lines, unverified.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The note with the first of this key's signature lines alone; `None` if
    /// there is none.
    pub fn alone(&self, key: &VerifierKey) -> Option<Self> {
        let own = self.signatures.iter().find(|signature| signature.is_by(key))?;
        Some(Self::new(self.text.clone(), own.clone()))
    }

    /// Adds a signature line at the end.
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Verifies the signatures of the known keys and gives the text with those
    /// who signed it, each key once. Lines of unknown (name, id) are ignored; one
    /// wrong signature of a known key refuses the note; so does having none.
    pub fn verify(&self, known: &[VerifierKey]) -> Result<(&NoteText, Vec<SignedBy>), NoteError> {
        check_unambiguous(known)?;
        let mut signed: Vec<SignedBy> = Vec::new();
        for signature in &self.signatures {
            let Some(key) = known.iter().find(|key| signature.is_by(key)) else { continue };
            let seconds = key.check(&self.text, &signature.signature)?;
            match signed.iter_mut().find(|other| other.key == *key) {
                Some(other) => other.seconds = other.seconds.max(seconds),
                None => signed.push(SignedBy { key: key.clone(), seconds }),
            }
        }
        if signed.is_empty() { Err(NoteError::NotSigned) } else { Ok((&self.text, signed)) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text.as_str())?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// A log's signing key, type 01.
#[derive(Debug)]
pub struct LogSigner(NamedSeed);

/// A cosigner's key, type 04. Its own key, never one that signs anything else:
/// a cosignature does not commit to the cosigner's name.
#[derive(Debug)]
pub struct Cosigner(NamedSeed);

#[derive(Debug)]
struct NamedSeed {
    seed: SecretKey,
    verifier: VerifierKey,
}

impl LogSigner {
    /// Takes the 32-byte Ed25519 seed (RFC 8032, section 5.1.5).
    pub fn new(name: &str, seed: SecretKey) -> Result<Self, NoteError> {
        NamedSeed::new(name, KeyType::Ed25519, seed).map(Self)
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// Ed25519 over the text.
    pub fn sign(&self, text: &NoteText) -> Signature {
        self.0.line(self.0.sign(text.as_str()).to_vec())
    }
}

impl Cosigner {
    /// Takes the 32-byte Ed25519 seed (RFC 8032, section 5.1.5).
    pub fn new(name: &str, seed: SecretKey) -> Result<Self, NoteError> {
        NamedSeed::new(name, KeyType::Cosignature, seed).map(Self)
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.0.verifier
    }

    /// `u64 seconds ‖ Ed25519("cosignature/v1\ntime <seconds>\n" ‖ text)`
    /// (tlog-cosignature). The caller has checked that the text is a checkpoint
    /// that extends the last one it cosigned.
    pub fn cosign(&self, text: &NoteText, seconds: u64) -> Result<Signature, NoteError> {
        check_time(seconds)?;
        let signature = self.0.sign(&cosigned_message(text, seconds));
        Ok(self.0.line([&seconds.to_be_bytes()[..], &signature].concat()))
    }
}

impl NamedSeed {
    fn new(name: &str, kind: KeyType, seed: SecretKey) -> Result<Self, NoteError> {
        let public = Bytes(SigningKey::from_bytes(seed.expose()).verifying_key().to_bytes());
        Ok(Self { verifier: VerifierKey::new(name, kind, &public)?, seed })
    }

    /// The expanded key exists only inside this call and is wiped by its drop.
    fn sign(&self, message: &str) -> [u8; 64] {
        SigningKey::from_bytes(self.seed.expose()).sign(message.as_bytes()).to_bytes()
    }

    fn line(&self, signature: Vec<u8>) -> Signature {
        Signature { name: self.verifier.name.clone(), id: self.verifier.id, signature }
    }
}

/// What a cosignature of a text at a time signs (tlog-cosignature).
pub fn cosigned_message(text: &NoteText, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{}", text.as_str())
}

fn key_id(name: &str, kind: KeyType, public: &Bytes<32>) -> Bytes<4> {
    let hash = Sha256::new_with_prefix(name).chain_update([b'\n', kind.byte()]).chain_update(public);
    let hash: [u8; 32] = hash.finalize().into();
    Bytes(*hash.first_chunk().expect("SHA-256 has 32 bytes"))
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let stray = |c: char| c.is_whitespace() || c == '+' || unprintable(c);
    if name.is_empty() || name.contains(stray) {
        return Err(NoteError::KeyName { name: name.to_owned() });
    }
    Ok(())
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    // More than signed-note demands: a note is shown to people who compare it.
    if text.contains(|c| unprintable(c) && c != '\n') { Err(NoteError::ControlCharacter) } else { Ok(()) }
}

fn check_time(seconds: u64) -> Result<(), NoteError> {
    i64::try_from(seconds).map(|_| ()).map_err(|_| NoteError::Time)
}

fn check_unambiguous(known: &[VerifierKey]) -> Result<(), NoteError> {
    for (place, key) in known.iter().enumerate() {
        if known.iter().take(place).any(|other| other.name == key.name && other.id == key.id) {
            return Err(NoteError::AmbiguousKey { name: key.name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
