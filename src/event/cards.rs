//! What becomes of a custodian's card after its enrolment: suspended, resumed,
//! revoked, and with another authenticator. What is signed, not who may.

use super::{Agreed, Hash, TextHash};
use crate::hex::Bytes;
use crate::name::{OrganisationId, Pseudonym};
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};

/// A card counts for nothing until its groups' other members resume it. Any one
/// member of its groups, an officer or its owner says so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardSuspension {
    /// Whose card.
    pub custodian: Pseudonym,
    /// Number of what was entered about this card since its enrolment, from 1: what
    /// was signed for an earlier one is of no use again.
    pub serial: u64,
    /// Why.
    pub reason: TextHash,
    /// Who suspends it.
    pub by: Pseudonym,
    /// Their signature.
    pub signature: Bytes<64>,
}

impl CardSuspension {
    /// `H("card-suspension", organisation, pseudonym, serial, reason)`.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        let begun = about(label::CARD_SUSPENSION, organisation, &self.custodian, self.serial);
        begun.part(self.reason).finish()
    }
}

/// A suspended card counts again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardResumption {
    /// Whose card.
    pub custodian: Pseudonym,
    /// As in [`CardSuspension`].
    pub serial: u64,
    /// A quorum of the others of each of its groups.
    pub agreed: Vec<Agreed>,
}

impl CardResumption {
    /// `H("card-resumption", organisation, pseudonym, serial)`.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        about(label::CARD_RESUMPTION, organisation, &self.custodian, self.serial).finish()
    }
}

/// A card counts for nothing any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardRevocation {
    /// Whose card.
    pub custodian: Pseudonym,
    /// As in [`CardSuspension`].
    pub serial: u64,
    /// Why.
    pub reason: TextHash,
    /// Its own signature, where the card itself revokes itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<Bytes<64>>,
    /// Otherwise a quorum of the others of each of its groups.
    pub agreed: Vec<Agreed>,
}

impl CardRevocation {
    /// `H("card-revocation", organisation, pseudonym, serial, reason)`.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        let begun = about(label::CARD_REVOCATION, organisation, &self.custodian, self.serial);
        begun.part(self.reason).finish()
    }
}

/// A card has another authenticator from now on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthenticatorReplacement {
    /// Whose.
    pub custodian: Pseudonym,
    /// As in [`CardSuspension`].
    pub serial: u64,
    /// Hash of the new encrypted TOTP secret's record.
    pub totp: Hash,
    /// The card's own signature.
    pub signature: Bytes<64>,
    /// A quorum of the others of each of its groups.
    pub agreed: Vec<Agreed>,
}

impl AuthenticatorReplacement {
    /// `H("authenticator-replacement", organisation, pseudonym, serial, record)`.
    pub fn digest(&self, organisation: &OrganisationId) -> [u8; 64] {
        let begun = about(label::AUTHENTICATOR_REPLACEMENT, organisation, &self.custodian, self.serial);
        begun.part(self.totp).finish()
    }
}

fn about(label: &'static str, organisation: &OrganisationId, who: &Pseudonym, serial: u64) -> Transcript {
    Transcript::new(label).part(organisation).part(who.as_str()).int(serial)
}
