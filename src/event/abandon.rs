//! Entries of a group that can no longer reach its threshold: the public notice, and a
//! member's veto. What they bring about is in `state::abandon`.

use super::TextHash;
use crate::hex::Bytes;
use crate::name::{GroupId, OrganisationId, Pseudonym};
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};

/// The administration says that a group cannot reach its threshold any more. The leaf
/// hash of this entry is the notice's id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbandonmentNotice {
    /// Which group.
    pub group: GroupId,
    /// In which epoch.
    pub epoch: u64,
    /// Why.
    pub reason: TextHash,
}

/// A member of the group is there, and says so: the notice is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbandonmentVeto {
    /// Which group.
    pub group: GroupId,
    /// Which notice.
    pub notice: Bytes<32>,
    /// Which member.
    pub custodian: Pseudonym,
    /// The member's signature over [`AbandonmentVeto::digest`].
    pub signature: Bytes<64>,
}

impl AbandonmentVeto {
    /// What a member signs: `H("abandonment-veto", organisation, group, notice,
    /// pseudonym)`.
    pub fn digest(
        organisation: &OrganisationId,
        group: &GroupId,
        notice: &Bytes<32>,
        custodian: &Pseudonym,
    ) -> [u8; 64] {
        let begun = Transcript::new(label::ABANDONMENT_VETO).part(organisation).part(group);
        begun.part(notice).part(custodian.as_str()).finish()
    }
}
