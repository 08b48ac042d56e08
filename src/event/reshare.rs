//! Entries of a resharing: a group's next epoch, the ceremony in which a quorum of
//! one group hands what it holds to another, and what becomes of the old dealings.
//! What makes them valid is in `state::reshare`.

use super::{GroupStatement, Hash, Mode, Signed, TextHash};
use crate::hex::Bytes;
use crate::name::{GroupId, OrganisationId, Pseudonym, VaultId};
use crate::time::Time;
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};

/// Most versions of one [`ReshareDone`] or [`DealingsDestroyed`]: the entry must not
/// be longer than an entry may be, however many sign it.
pub const MAX_CHUNK: usize = 64;

/// A group's next epoch: the same members with new share keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The statement of the next epoch, which names the one before by its hash.
    pub statement: GroupStatement,
    /// At least `t` members of the statement before, over [`Renewal::digest`].
    pub agreed: Vec<Signed>,
}

impl Renewal {
    /// What members of the statement before sign: `H("group-renewal", digest of the
    /// statement before, digest of the next)`.
    pub fn digest(before: &[u8; 64], next: &[u8; 64]) -> [u8; 64] {
        Transcript::new(label::GROUP_RENEWAL).part(before).part(next).finish()
    }
}

/// A group in one of its epochs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupEpoch {
    /// Which group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
}

impl From<&GroupStatement> for GroupEpoch {
    fn from(statement: &GroupStatement) -> Self {
        Self { group: statement.group, epoch: statement.epoch }
    }
}

/// A ceremony opens in which a quorum of a group is to hand all that it holds to
/// another group, or to its own next epoch. It says all that the operator signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshareOpening {
    /// Hash of the request: the ceremony's identity.
    pub ceremony: Hash,
    /// The request's 32 random bytes.
    pub nonce: Bytes<32>,
    /// How it is held.
    pub mode: Mode,
    /// Who asks.
    pub operator: Pseudonym,
    /// Who holds it now.
    pub from: GroupEpoch,
    /// Who is to hold it.
    pub to: GroupEpoch,
    /// Digest of the whole statement of the new group.
    pub statement: Hash,
    /// Hash of the list: every version that the group held, with its dealing.
    pub list: Hash,
    /// Length of the list.
    pub count: u64,
    /// Reason.
    pub reason: TextHash,
    /// Ticket.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ticket: Option<TextHash>,
    /// Size of the log that the operator saw.
    pub size: u64,
    /// Its root.
    pub root: Bytes<32>,
    /// When the request was signed.
    pub asked: Time,
    /// Until when.
    pub expires: Time,
    /// HPKE key that codes are encrypted for.
    pub gate_key: Bytes<32>,
    /// The operator's signature over the request.
    pub signature: Bytes<64>,
}

/// `H("reshare-list", count, then for each: credential, dealing)`, in the ascending
/// order of the credential ids.
pub fn reshare_list_hash(list: &[(Hash, Hash)]) -> Hash {
    let counted = Transcript::new(label::RESHARE_LIST).int(list.len() as u64);
    let each =
        |hashed: Transcript, (credential, dealing): &(Hash, Hash)| hashed.part(credential).part(dealing);
    Bytes(list.iter().fold(counted, each).finish())
}

/// `H("reshare-request", vault, organisation, nonce, mode, operator, operator key,
/// group, epoch, new group, its epoch, statement, list, count, reason, [ticket], size,
/// root, asked, expires)`: what the ceremony is known by.
pub fn reshare_request_hash(
    (vault, organisation): (&VaultId, &OrganisationId),
    operator_key: &Bytes<32>,
    asked: &ReshareOpening,
) -> Hash {
    let request = Transcript::new(label::RESHARE_REQUEST)
        .part(vault)
        .part(organisation)
        .part(asked.nonce)
        .part(asked.mode.as_str())
        .part(asked.operator.as_str())
        .part(operator_key)
        .part(asked.from.group)
        .int(asked.from.epoch)
        .part(asked.to.group)
        .int(asked.to.epoch)
        .part(asked.statement)
        .part(asked.list)
        .int(asked.count)
        .part(asked.reason)
        .list(asked.ticket)
        .int(asked.size)
        .part(asked.root)
        .int(asked.asked.hashed())
        .int(asked.expires.hashed());
    Bytes(request.finish())
}

/// A contributor's re-dealing does not prove itself, by the host's word: whoever it is
/// takes no part any more, and the others may sign anew what another completes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedealingRejected {
    /// The ceremony.
    pub ceremony: Hash,
    /// Whose re-dealing.
    pub custodian: Pseudonym,
    /// Of which version: the first that is bad.
    pub credential: Hash,
}

/// A part of what a resharing is for is done: these versions are with the new group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReshareDone {
    /// The ceremony.
    pub ceremony: Hash,
    /// Which versions, in the order of the request's list.
    pub versions: Vec<ResharedVersion>,
    /// The `t` contributors in the order of their share indices, over
    /// `H("reshared", request, list of (dealing, links))`.
    pub contributors: Vec<Signed>,
}

/// A version's dealing after a resharing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResharedVersion {
    /// Credential id.
    pub credential: Hash,
    /// `ctx'`: id of the new dealing.
    pub dealing: Hash,
    /// `L`: hash of the link proofs, which the contributors checked.
    pub links: Hash,
}

/// Old dealings are destroyed in the same commit. Those that took their places were
/// read back from the store and verified.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealingsDestroyed {
    /// Ids of the old dealings.
    pub dealings: Vec<Hash>,
}
