//! Messages of a resharing: the request, what a contributor needs to judge it, and a
//! contributor's re-dealings. They are not judged here.

use super::{Contribution, LARGE_CAP, Message, SMALL_CAP, request_digest};
use crate::event::{GroupEpoch, Hash, Mode, ReshareOpening, SaltedText, TextHash, reshare_request_hash};
use crate::hex::{Bytes, HexBytes};
use crate::name::{OrganisationId, Pseudonym, VaultId};
use crate::seal::sign;
use crate::time::Time;
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};

/// What an operator asks for: that a group hands all that it holds to another. Nothing
/// of it changes afterwards.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshareRequest {
    /// The vault.
    pub vault: VaultId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// 32 fresh random bytes: no two requests are alike.
    pub nonce: Bytes<32>,
    /// How it is held.
    pub mode: Mode,
    /// Who asks.
    pub operator: Pseudonym,
    /// The operator's signing key.
    pub operator_key: Bytes<32>,
    /// Who holds the versions.
    pub from: GroupEpoch,
    /// Who is to hold them.
    pub to: GroupEpoch,
    /// Digest of the whole statement of the new group.
    pub statement: Hash,
    /// Hash of the list of versions with their dealings.
    pub list: Hash,
    /// Length of the list.
    pub count: u64,
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
}

impl ReshareRequest {
    /// The ceremony's identity, [`reshare_request_hash`].
    pub fn hash(&self) -> Hash {
        let unsigned = self.unhashed(Bytes([0; 32]), Bytes([0; 64]));
        reshare_request_hash((&self.vault, &self.organisation), &self.operator_key, &unsigned)
    }

    /// The entry that opens the ceremony.
    pub fn opening(&self, gate_key: Bytes<32>, signature: Bytes<64>) -> ReshareOpening {
        ReshareOpening { ceremony: self.hash(), ..self.unhashed(gate_key, signature) }
    }

    fn unhashed(&self, gate_key: Bytes<32>, signature: Bytes<64>) -> ReshareOpening {
        ReshareOpening {
            ceremony: Bytes([0; 64]),
            nonce: self.nonce,
            mode: self.mode,
            operator: self.operator.clone(),
            from: self.from,
            to: self.to,
            statement: self.statement,
            list: self.list,
            count: self.count,
            reason: self.reason,
            ticket: self.ticket,
            size: self.size,
            root: self.root,
            asked: self.asked,
            expires: self.expires,
            gate_key,
            signature,
        }
    }
}

/// A request with its operator's signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReshare {
    /// The request.
    pub request: ReshareRequest,
    /// Over [`request_digest`] of its hash.
    pub signature: Bytes<64>,
}

impl SignedReshare {
    /// Whether the key that the request names signed it.
    pub fn is_signed(&self) -> bool {
        sign::verify(&self.request.operator_key, &request_digest(&self.request.hash()), &self.signature)
    }
}

/// Everything that a contributor needs in order to judge a request. The old dealings
/// come a part at a time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResharePackage {
    /// The request.
    pub signed: SignedReshare,
    /// Reason and ticket in words.
    pub texts: Vec<SaltedText>,
    /// A checkpoint that covers the ceremony's opening, as a signed note.
    pub checkpoint: String,
    /// The organisation's log up to that checkpoint.
    pub entries: Vec<String>,
}

/// One contributor's re-dealings of a part of the list, with both proofs of each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redealt {
    /// The ceremony.
    pub ceremony: Hash,
    /// Whose.
    pub custodian: Pseudonym,
    /// Of which versions, in the order of the list.
    pub credentials: Vec<Hash>,
    /// A re-dealing of each.
    pub redealings: Vec<HexBytes>,
    /// A link proof of each.
    pub links: Vec<HexBytes>,
    /// Over [`Redealt::digest`].
    pub signature: Bytes<64>,
}

impl Redealt {
    /// What the contributor signs: `H("redealing-signature", request, pseudonym, list of
    /// credentials, list of re-dealings, list of link proofs)`.
    pub fn digest(&self) -> [u8; 64] {
        Transcript::new(label::REDEALING_SIGNATURE)
            .part(self.ceremony)
            .part(self.custodian.as_str())
            .list(&self.credentials)
            .list(&self.redealings)
            .list(&self.links)
            .finish()
    }
}

/// What contributors get by files: in the first round without re-dealings, in the second
/// with those of all contributors, part after part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshareFile {
    /// Request and log.
    pub package: ResharePackage,
    /// The old dealing of each version that is left, in the order of the list.
    pub dealings: Vec<HexBytes>,
    /// Of each part what its contributors dealt again.
    pub parts: Vec<Vec<Redealt>>,
}

/// What a contributor answers in the first round.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshareAnswer {
    /// That they take part, with the code.
    pub contribution: Contribution,
    /// What they dealt again, part after part, each signed by itself.
    pub parts: Vec<Redealt>,
}

/// What a contributor signs in the second round.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshareSignatures {
    /// The ceremony.
    pub ceremony: Hash,
    /// Whose.
    pub custodian: Pseudonym,
    /// Of each part.
    pub parts: Vec<SignedPart>,
}

/// The signature of one part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedPart {
    /// `H("reshared", request, list of (ctx', L))`.
    pub outcome: Hash,
    /// Over that.
    pub signature: Bytes<64>,
}

impl Message for ReshareFile {
    const KIND: &'static str = "reshare-file";
    const CAP: usize = LARGE_CAP;
}

impl Message for ReshareAnswer {
    const KIND: &'static str = "reshare-answer";
    const CAP: usize = LARGE_CAP;
}

impl Message for ReshareSignatures {
    const KIND: &'static str = "reshare-signatures";
    const CAP: usize = SMALL_CAP;
}

impl Message for SignedReshare {
    const KIND: &'static str = "reshare-request";
    const CAP: usize = SMALL_CAP;
}

impl Message for ResharePackage {
    const KIND: &'static str = "reshare-package";
    const CAP: usize = LARGE_CAP;
}

impl Message for Redealt {
    const KIND: &'static str = "redealings";
    const CAP: usize = SMALL_CAP;
}
