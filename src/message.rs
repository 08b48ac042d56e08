//! What travels between the machines of a ceremony, in a room, by files or by
//! network: request, package, contribution, release.
//!
//! Each is one JSON object in one form: what decodes must encode to the same
//! bytes. Decoding checks shape alone; who may have written it, and whether it
//! is current, is decided in [`crate::ceremony`].

use crate::event::{Hash, Mode, SaltedText, TextHash, ciphertext_hash};
use crate::hex::{Bytes, HexBytes};
use crate::name::{AccountId, Factor, GroupId, OrganisationId, Pseudonym, VaultId};
use crate::time::Time;
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Version of the messages.
pub const VERSION: u32 = 1;
/// Cap of a request and of a contribution, in bytes.
pub const SMALL_CAP: usize = 1 << 20;
/// Cap of a package and of a release, which carry entries and records.
pub const LARGE_CAP: usize = 1 << 28;

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MessageError {
    /// Longer than such a message may be.
    #[error("the file has {length} bytes; a {kind} has at most {cap}")]
    TooLong {
        /// Kind of message.
        kind: &'static str,
        /// Bytes there.
        length: usize,
        /// Bytes allowed.
        cap: usize,
    },
    /// Another kind of message.
    #[error("the file is a {found}, not a {kind}")]
    OtherKind {
        /// Kind that was wanted.
        kind: &'static str,
        /// Kind that it says it is.
        found: String,
    },
    /// Of a newer version.
    #[error("the {kind} is of version {found}; this program reads version {VERSION}")]
    Newer {
        /// Kind of message.
        kind: &'static str,
        /// Its version.
        found: u32,
    },
    /// Not a message at all, or damaged.
    #[error("the file is not a {kind}, or it is damaged: {why}")]
    Shape {
        /// Kind that was wanted.
        kind: &'static str,
        /// What the reader said.
        why: String,
    },
    /// Another text than the one form.
    #[error("the {kind} was altered: it is not in the one form in which it is written")]
    NotCanonical {
        /// Kind of message.
        kind: &'static str,
    },
}

/// A message: a kind, a cap and one encoding.
pub trait Message: Serialize + DeserializeOwned {
    /// Value of its `warifu` field.
    const KIND: &'static str;
    /// Longest encoding, in bytes.
    const CAP: usize;

    /// The one encoding.
    fn encode(&self) -> Vec<u8> {
        let envelope = Envelope { warifu: Self::KIND.to_owned(), version: VERSION, body: self };
        serde_json::to_vec(&envelope).expect("messages hold only strings, numbers and lists")
    }

    /// Decodes; refuses anything that `encode` would not have written.
    fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let kind = Self::KIND;
        if bytes.len() > Self::CAP {
            return Err(MessageError::TooLong { kind, length: bytes.len(), cap: Self::CAP });
        }
        let shape = |e: serde_json::Error| MessageError::Shape { kind, why: e.to_string() };
        let head: Head = serde_json::from_slice(bytes).map_err(shape)?;
        if head.warifu != kind {
            return Err(MessageError::OtherKind { kind, found: head.warifu });
        }
        if head.version > VERSION {
            return Err(MessageError::Newer { kind, found: head.version });
        }
        let envelope: Envelope<Self> = serde_json::from_slice(bytes).map_err(shape)?;
        if envelope.body.encode() != bytes {
            return Err(MessageError::NotCanonical { kind });
        }
        Ok(envelope.body)
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    warifu: String,
    version: u32,
    body: T,
}

#[derive(Deserialize)]
struct Head {
    warifu: String,
    version: u32,
}

/// One thing that a ceremony is to open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `cred`.
    pub credential: Hash,
    /// Whose.
    pub account: AccountId,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
    /// Hash of the sealed payload.
    pub payload: Hash,
    /// Id of the dealing.
    pub dealing: Hash,
    /// Who holds the shares.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
}

/// Why a ceremony is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To read what is sealed.
    Open,
}

/// What an operator asks for; nothing of it changes afterwards.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The vault.
    pub vault: VaultId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// 32 fresh random bytes: no two requests are alike.
    pub nonce: Bytes<32>,
    /// Why in kind.
    pub purpose: Purpose,
    /// Room or files.
    pub mode: Mode,
    /// Who asks.
    pub operator: Pseudonym,
    /// The operator's signing key.
    pub operator_key: Bytes<32>,
    /// What is asked for.
    pub targets: Vec<Target>,
    /// Why in words.
    pub reason: TextHash,
    /// The ticket.
    pub ticket: Option<TextHash>,
    /// Size of the log that the operator saw.
    pub size: u64,
    /// Its root.
    pub root: Bytes<32>,
    /// When it was signed.
    pub asked: Time,
    /// When the window ends.
    pub expires: Time,
    /// HPKE key that shares and ingredient are encrypted for.
    pub requester_key: Bytes<32>,
}

/// A request with its operator's signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRequest {
    /// The request.
    pub request: Request,
    /// Over [`Request::signed_digest`].
    pub signature: Bytes<64>,
}

impl Request {
    /// The ceremony's identity: `H("request", its JSON)`.
    pub fn hash(&self) -> Hash {
        let bytes = serde_json::to_vec(self).expect("a request holds only strings, numbers and lists");
        Bytes(Transcript::new(label::REQUEST).part(bytes).finish())
    }

    /// What the operator signs: `H("request-signature", request hash)`.
    pub fn signed_digest(&self) -> [u8; 64] {
        Transcript::new(label::REQUEST_SIGNATURE).part(self.hash()).finish()
    }

    /// Hash of the list of targets: `H("targets", JSON of the list)`.
    pub fn targets_hash(&self) -> Hash {
        let bytes = serde_json::to_vec(&self.targets).expect("targets hold only strings and numbers");
        Bytes(Transcript::new(label::TARGETS).part(bytes).finish())
    }
}

/// What an operator signs about a ceremony of theirs: `revealed` or
/// `share-rejected`, for one target and, with the latter, one custodian.
pub fn operator_notice(ceremony: &Hash, what: &str, target: u64, custodian: Option<&Pseudonym>) -> [u8; 64] {
    Transcript::new(label::OPERATOR_NOTICE)
        .part(ceremony)
        .part(what)
        .int(target)
        .part(custodian.map_or("", Pseudonym::as_str))
        .finish()
}

/// Everything that a custodian needs in order to judge and answer a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The request.
    pub signed: SignedRequest,
    /// Reason and ticket in words.
    pub texts: Vec<SaltedText>,
    /// A checkpoint that covers the ceremony's opening, as a signed note.
    pub checkpoint: String,
    /// The organisation's log up to that checkpoint.
    pub entries: Vec<String>,
    /// The dealing of each target, in order.
    pub dealings: Vec<HexBytes>,
}

/// One custodian's answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// The request that it answers.
    pub ceremony: Hash,
    /// Whose.
    pub custodian: Pseudonym,
    /// Indices of the targets that it has a share for, ascending.
    pub targets: Vec<u64>,
    /// The custodian's own time.
    pub at: Time,
    /// Size of the log that was checked.
    pub size: u64,
    /// Its root.
    pub root: Bytes<32>,
    /// Hash of each share's plaintext.
    pub shares: Vec<Hash>,
    /// Each share, encrypted for the requester.
    pub ciphertexts: Vec<HexBytes>,
    /// The TOTP code, encrypted for the gate.
    pub code: HexBytes,
    /// Over [`Contribution::digest`].
    pub signature: Bytes<64>,
}

impl Contribution {
    /// What the custodian signs.
    pub fn digest(&self) -> [u8; 64] {
        let hashes: Vec<_> = self.ciphertexts.iter().map(ciphertext_hash).collect();
        contribution_digest(&ContributionFacts {
            ceremony: &self.ceremony,
            custodian: &self.custodian,
            targets: &self.targets,
            at: self.at,
            size: self.size,
            root: &self.root,
            shares: &self.shares,
            ciphertexts: &hashes,
            code: &ciphertext_hash(&self.code),
        })
    }
}

/// What a contribution's signature covers; an `accepted` entry has all of it.
pub struct ContributionFacts<'a> {
    /// The request.
    pub ceremony: &'a Hash,
    /// Whose.
    pub custodian: &'a Pseudonym,
    /// Indices of targets.
    pub targets: &'a [u64],
    /// The custodian's time.
    pub at: Time,
    /// Log size.
    pub size: u64,
    /// Log root.
    pub root: &'a Bytes<32>,
    /// Hashes of plaintexts.
    pub shares: &'a [Hash],
    /// Hashes of ciphertexts.
    pub ciphertexts: &'a [Hash],
    /// Hash of the code's ciphertext.
    pub code: &'a Hash,
}

/// `H("contribution-signature", request, pseudonym, targets, at, size, root,
/// shares, ciphertexts, code)`.
pub fn contribution_digest(facts: &ContributionFacts<'_>) -> [u8; 64] {
    Transcript::new(label::CONTRIBUTION_SIGNATURE)
        .part(facts.ceremony)
        .part(facts.custodian.as_str())
        .list(facts.targets.iter().map(|t| t.to_be_bytes()).collect::<Vec<_>>())
        .int(facts.at.millis().unsigned_abs())
        .int(facts.size)
        .part(facts.root)
        .list(facts.shares)
        .list(facts.ciphertexts)
        .part(facts.code)
        .finish()
}

/// What the gate gives out once a target is released. Group, `Γ` and first
/// dealing come from the replayed log, never from the host's word.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The request.
    pub signed: SignedRequest,
    /// Index of the target.
    pub target: u64,
    /// The dealing.
    pub dealing: HexBytes,
    /// The sealed payload.
    pub sealed: HexBytes,
    /// The gate's ingredient with its proof, encrypted for the requester.
    pub ingredient: HexBytes,
    /// The requester's HPKE key, encrypted under the operator's card.
    pub requester_key: HexBytes,
    /// The accepted contributions whose share was not found bad.
    pub contributions: Vec<Contribution>,
    /// The checkpoint that covers `released`, as a signed note.
    pub checkpoint: String,
    /// The organisation's log up to that checkpoint.
    pub entries: Vec<String>,
}

impl Message for SignedRequest {
    const KIND: &'static str = "request";
    const CAP: usize = SMALL_CAP;
}

impl Message for Package {
    const KIND: &'static str = "package";
    const CAP: usize = LARGE_CAP;
}

impl Message for Contribution {
    const KIND: &'static str = "contribution";
    const CAP: usize = SMALL_CAP;
}

impl Message for Release {
    const KIND: &'static str = "release";
    const CAP: usize = LARGE_CAP;
}
