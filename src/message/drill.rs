//! Messages of a drill by files: what a member needs to judge it, and a member's
//! answer. They are not judged here.

use super::{LARGE_CAP, Message, SMALL_CAP};
use crate::event::DrillAnswer;
use crate::hex::{Bytes, HexBytes};
use crate::name::{OrganisationId, VaultId};
use serde::{Deserialize, Serialize};

/// Everything that a member needs in order to judge a drill.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillPackage {
    /// The vault.
    pub vault: VaultId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// Which drill: the leaf hash of the entry that began it.
    pub drill: Bytes<32>,
    /// A checkpoint that covers that entry, as a signed note.
    pub checkpoint: String,
    /// The organisation's log up to that checkpoint.
    pub entries: Vec<String>,
}

/// One member's answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillReply {
    /// The proof, signed together with the hash of the code.
    pub answer: DrillAnswer,
    /// The TOTP code, encrypted for the gate.
    pub code: HexBytes,
}

impl Message for DrillPackage {
    const KIND: &'static str = "drill-package";
    const CAP: usize = LARGE_CAP;
}

impl Message for DrillReply {
    const KIND: &'static str = "drill-answer";
    const CAP: usize = SMALL_CAP;
}
