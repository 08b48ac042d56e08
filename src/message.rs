//! What travels between the machines of a ceremony, in a room, by files or by
//! network: request, package, contribution, release, notice; of a resharing and a drill
//! their own.
//!
//! Each is one JSON object in one form: what decodes must encode to the same
//! bytes. Decoding checks shape alone; who may have written it, and whether it
//! is current, is decided in [`crate::ceremony`]. Long, because all messages of that
//! ceremony and what is signed of them stand in one place; those by which keepers
//! bring the gate's root back are in [`crate::ceremony::recovery`].

mod drill;
mod reshare;

pub use drill::{DrillPackage, DrillReply};
pub use reshare::{
    Redealt, ReshareAnswer, ReshareFile, ResharePackage, ReshareRequest, ReshareSignatures, SignedPart,
    SignedReshare,
};

use crate::event::{
    Hash, Mode, Opening, Purpose, SaltedText, Shown, Signed, TextHash, ciphertext_hash, printable,
};
use crate::hex::{Bytes, HexBytes};
use crate::name::{AccountId, Factor, GroupId, OrganisationId, Pseudonym, VaultId};
use crate::time::Time;
use crate::transcript::{Sink, Transcript, Unhashed, label};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Version of the messages.
pub const VERSION: u32 = 1;
/// Cap of a request, a contribution and a notice, in bytes.
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
    /// One that no reader would take, found out while it is written.
    #[error("a {kind} has at most {cap} bytes, and this one would have {length}: nobody could read it")]
    TooLongToWrite {
        /// Kind of message.
        kind: &'static str,
        /// Bytes that it would have.
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
        /// What the JSON reader said: its own error can neither be compared nor
        /// be printed as it is.
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

    /// The encoding, unless it is longer than what is read.
    fn encode_capped(&self) -> Result<Vec<u8>, MessageError> {
        let bytes = self.encode();
        if bytes.len() > Self::CAP {
            let (kind, length, cap) = (Self::KIND, bytes.len(), Self::CAP);
            return Err(MessageError::TooLongToWrite { kind, length, cap });
        }
        Ok(bytes)
    }

    /// Decodes; refuses anything that `encode` would not have written.
    fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let kind = Self::KIND;
        if bytes.len() > Self::CAP {
            return Err(MessageError::TooLong { kind, length: bytes.len(), cap: Self::CAP });
        }
        let shape = |e: serde_json::Error| MessageError::Shape { kind, why: printable(&e.to_string()) };
        let head: Head = serde_json::from_slice(bytes).map_err(shape)?;
        if head.warifu != kind {
            return Err(MessageError::OtherKind { kind, found: printable(&head.warifu) });
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

/// The kind that bytes say they are, if they are a message at all. Nothing else of them
/// is judged: whoever goes by it decodes them as that kind.
pub fn kind_of(bytes: &[u8]) -> Option<String> {
    let within = bytes.len() <= LARGE_CAP;
    within.then(|| serde_json::from_slice::<Head>(bytes).ok()).flatten().map(|head| head.warifu)
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
    /// The ceremony's identity, [`request_hash`].
    pub fn hash(&self) -> Hash {
        request_hash(&RequestFacts {
            vault: &self.vault,
            organisation: &self.organisation,
            nonce: &self.nonce,
            purpose: self.purpose,
            mode: self.mode,
            operator: &self.operator,
            operator_key: &self.operator_key,
            targets: &self.targets_hash(),
            count: self.targets.len() as u64,
            reason: &self.reason,
            ticket: self.ticket.as_ref(),
            size: self.size,
            root: &self.root,
            asked: self.asked,
            expires: self.expires,
            requester_key: &self.requester_key,
        })
    }

    /// What the operator signs.
    pub fn signed_digest(&self) -> [u8; 64] {
        request_digest(&self.hash())
    }

    /// Hash of the list of targets.
    pub fn targets_hash(&self) -> Hash {
        targets_hash(&self.targets)
    }

    /// The entry that opens the ceremony.
    pub fn opening(&self, gate_key: Bytes<32>, signature: Bytes<64>) -> Opening {
        Opening {
            ceremony: self.hash(),
            nonce: self.nonce,
            purpose: self.purpose,
            mode: self.mode,
            operator: self.operator.clone(),
            targets: self.targets_hash(),
            count: self.targets.len() as u64,
            reason: self.reason,
            ticket: self.ticket,
            size: self.size,
            root: self.root,
            asked: self.asked,
            expires: self.expires,
            requester_key: self.requester_key,
            gate_key,
            signature,
        }
    }
}

/// All of a request. An `opened` entry has it too, but for vault, organisation
/// and key, which the log has elsewhere.
pub struct RequestFacts<'a> {
    /// The vault.
    pub vault: &'a VaultId,
    /// The organisation.
    pub organisation: &'a OrganisationId,
    /// 32 random bytes.
    pub nonce: &'a Bytes<32>,
    /// Why in kind.
    pub purpose: Purpose,
    /// Room or files.
    pub mode: Mode,
    /// Who asks.
    pub operator: &'a Pseudonym,
    /// The operator's signing key.
    pub operator_key: &'a Bytes<32>,
    /// Hash of the list of targets.
    pub targets: &'a Hash,
    /// Length of the list.
    pub count: u64,
    /// Why in words.
    pub reason: &'a TextHash,
    /// The ticket.
    pub ticket: Option<&'a TextHash>,
    /// Size of the log that the operator saw.
    pub size: u64,
    /// Its root.
    pub root: &'a Bytes<32>,
    /// When it was signed.
    pub asked: Time,
    /// When the window ends.
    pub expires: Time,
    /// HPKE key that shares and ingredient are encrypted for.
    pub requester_key: &'a Bytes<32>,
}

/// `H("request", vault, organisation, nonce, purpose, mode, operator, operator
/// key, targets, count, reason, [ticket], size, root, asked, expires, requester
/// key)`.
pub fn request_hash(facts: &RequestFacts<'_>) -> Hash {
    let request = Transcript::new(label::REQUEST)
        .part(facts.vault)
        .part(facts.organisation)
        .part(facts.nonce)
        .part(facts.purpose.as_str())
        .part(facts.mode.as_str())
        .part(facts.operator.as_str())
        .part(facts.operator_key)
        .part(facts.targets)
        .int(facts.count)
        .part(facts.reason)
        .list(facts.ticket)
        .int(facts.size)
        .part(facts.root)
        .int(facts.asked.hashed())
        .int(facts.expires.hashed())
        .part(facts.requester_key);
    Bytes(request.finish())
}

/// `H("request-signature", request hash)`: what the operator signs.
pub fn request_digest(ceremony: &Hash) -> [u8; 64] {
    Transcript::new(label::REQUEST_SIGNATURE).part(ceremony).finish()
}

/// `H("targets", count, then for each: credential, account, factor, version,
/// payload, dealing, group, epoch)`.
pub fn targets_hash(targets: &[Target]) -> Hash {
    let counted = Transcript::new(label::TARGETS).int(targets.len() as u64);
    let each = |hashed: Transcript, target: &Target| {
        hashed
            .part(target.credential)
            .part(target.account)
            .part(target.factor.as_str())
            .int(target.version)
            .part(target.payload)
            .part(target.dealing)
            .part(target.group)
            .int(target.epoch)
    };
    Bytes(targets.iter().fold(counted, each).finish())
}

/// What an operator states about a target of a ceremony of theirs.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// The record was opened, and shown so.
    Revealed(Shown),
    /// This custodian's share does not prove itself, by the operator's word.
    ShareRejected(&'a Pseudonym),
}

impl<'a> Notice<'a> {
    /// Kind of the entry that carries it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Revealed(_) => "revealed",
            Self::ShareRejected(_) => "share-rejected",
        }
    }

    fn detail(&self) -> &'a str {
        match self {
            Self::Revealed(shown) => shown.as_str(),
            Self::ShareRejected(custodian) => custodian.as_str(),
        }
    }
}

/// What an operator signs with a notice: `H("operator-notice", request, kind,
/// target, to whom it was shown or whose share it is)`.
pub fn operator_notice(ceremony: &Hash, target: u64, notice: Notice<'_>) -> [u8; 64] {
    Transcript::new(label::OPERATOR_NOTICE)
        .part(ceremony)
        .part(notice.kind())
        .int(target)
        .part(notice.detail())
        .finish()
}

/// What an operator states about one target, each statement signed by itself, as
/// a file from the operator's own machine to the host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// The ceremony.
    pub ceremony: Hash,
    /// Index of the target.
    pub target: u64,
    /// Custodians whose share does not prove itself: over
    /// [`Notice::ShareRejected`].
    pub rejected: Vec<Signed>,
    /// That the record was opened, if it was.
    pub revealed: Option<Showing>,
}

/// How a record was shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Showing {
    /// To whom.
    pub shown: Shown,
    /// The operator's signature over [`Notice::Revealed`].
    pub signature: Bytes<64>,
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
    /// The card's cosignature of the checkpoint with that size and root.
    pub cosignature: Bytes<72>,
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
        contribution_digest(&self.ceremony, &self.custodian, self.at, &self.body())
    }

    /// Hash of everything in it but ceremony, custodian and time.
    pub fn body(&self) -> Hash {
        let hashes: Vec<_> = self.ciphertexts.iter().map(ciphertext_hash).collect();
        contribution_body(&ContributionFacts {
            targets: &self.targets,
            size: self.size,
            root: &self.root,
            cosignature: &self.cosignature,
            shares: &self.shares,
            ciphertexts: &hashes,
            code: &ciphertext_hash(&self.code),
        })
    }
}

/// The body of a contribution; an `accepted` entry has all of it.
pub struct ContributionFacts<'a> {
    /// Indices of targets.
    pub targets: &'a [u64],
    /// Log size.
    pub size: u64,
    /// Log root.
    pub root: &'a Bytes<32>,
    /// Cosignature of the checkpoint.
    pub cosignature: &'a Bytes<72>,
    /// Hashes of plaintexts.
    pub shares: &'a [Hash],
    /// Hashes of ciphertexts.
    pub ciphertexts: &'a [Hash],
    /// Hash of the code's ciphertext.
    pub code: &'a Hash,
}

/// `H("contribution-body", targets, size, root, cosignature, shares, ciphertexts,
/// code)`.
pub fn contribution_body(facts: &ContributionFacts<'_>) -> Hash {
    Bytes(body_parts(Transcript::new(label::CONTRIBUTION_BODY), facts).finish())
}

fn body_parts<S: Sink>(body: Transcript<S>, facts: &ContributionFacts<'_>) -> Transcript<S> {
    body.list(facts.targets.iter().map(|target| target.to_be_bytes()))
        .int(facts.size)
        .part(facts.root)
        .part(facts.cosignature)
        .list(facts.shares)
        .list(facts.ciphertexts)
        .part(facts.code)
}

/// What a custodian signed with a contribution, as an `accepted` entry has it, not
/// hashed yet: whoever replays does not need the hash, whoever verifies does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contributed {
    ceremony: Hash,
    custodian: Pseudonym,
    at: Time,
    body: Unhashed,
}

impl Contributed {
    /// Of a ceremony and a custodian, at their time.
    pub fn new(ceremony: Hash, custodian: Pseudonym, at: Time, facts: &ContributionFacts<'_>) -> Self {
        let body = body_parts(Unhashed::unhashed(label::CONTRIBUTION_BODY), facts);
        Self { ceremony, custodian, at, body }
    }

    /// [`contribution_digest`] of it.
    pub fn digest(&self) -> [u8; 64] {
        contribution_digest(&self.ceremony, &self.custodian, self.at, &Bytes(self.body.hash()))
    }
}

/// `H("contribution-signature", request, pseudonym, at, body)`. A `refused`
/// entry has these four alone, and still cannot be made of a signature that
/// answers another request or is over something else.
pub fn contribution_digest(ceremony: &Hash, custodian: &Pseudonym, at: Time, body: &Hash) -> [u8; 64] {
    Transcript::new(label::CONTRIBUTION_SIGNATURE)
        .part(ceremony)
        .part(custodian.as_str())
        .int(at.hashed())
        .part(body)
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
    /// The host's signature over all of this, by its log key: what it has not
    /// signed it cannot be blamed for.
    pub signature: Bytes<64>,
}

impl Release {
    /// What the host signs.
    pub fn digest(&self) -> [u8; 64] {
        Transcript::new(label::RELEASE)
            .part(self.signed.encode())
            .int(self.target)
            .part(&self.dealing)
            .part(&self.sealed)
            .part(&self.ingredient)
            .part(&self.requester_key)
            .list(self.contributions.iter().map(Message::encode))
            .part(&self.checkpoint)
            .list(&self.entries)
            .finish()
    }
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

impl Message for Notices {
    const KIND: &'static str = "notice";
    const CAP: usize = SMALL_CAP;
}
