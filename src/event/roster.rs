//! Who the owner of a card is, sealed for the organisation's roster group. What is
//! signed, not who may: no name stands in any of it.

use super::Hash;
use crate::hex::Bytes;
use crate::name::{AccountId, GroupId, OrganisationId, Pseudonym};
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};

/// What stands for a person where an account's id does, in credential ids and
/// targets: the first 32 bytes of `H("identity-subject", organisation, pseudonym)`.
pub fn subject(organisation: &OrganisationId, who: &Pseudonym) -> AccountId {
    let whole = Transcript::new(label::IDENTITY_SUBJECT).part(organisation).part(who.as_str()).finish();
    AccountId(Bytes(*whole.first_chunk().expect("64 bytes begin with 32")))
}

/// A sealed identity. The person's own card signs that it is theirs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentitySealing {
    /// `cred`.
    pub credential: Hash,
    /// Whose.
    pub pseudonym: Pseudonym,
    /// Which version, from 1; never repeats.
    pub version: u64,
    /// The roster group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// Gate epoch of the second ingredient.
    pub gate_epoch: u64,
    /// Hash of the sealed payload.
    pub payload: Hash,
    /// Id of its first dealing.
    pub dealing: Hash,
    /// The person's signature over [`IdentitySealing::digest`].
    pub signature: Bytes<64>,
}

impl IdentitySealing {
    /// What the person signs: `H("identity-sealed", organisation, pseudonym,
    /// credential, payload, dealing, g)`, where `g` is the roster group in its epoch.
    pub fn digest(&self, organisation: &OrganisationId, g: &Hash) -> [u8; 64] {
        Transcript::new(label::IDENTITY_SEALED)
            .part(organisation)
            .part(self.pseudonym.as_str())
            .part(self.credential)
            .part(self.payload)
            .part(self.dealing)
            .part(g)
            .finish()
    }
}
