//! The entry that says what of a log is missing for good: after a dead host somebody
//! had seen more of it than anybody has. What makes it valid is in `state::gap`.

use super::{GroupStatement, Hash, Signed};
use crate::hex::Bytes;
use crate::name::{OrganisationId, VaultId};
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};

/// How far a log goes, and its root there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Bytes<32>,
}

/// What of a log is missing: it was restored as far as `restored`, and somebody had
/// seen it as far as `seen`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Which log: an organisation's, or the vault's own.
    pub log: OrganisationId,
    /// What there is.
    pub restored: LogHead,
    /// The longest that anybody has shown to have seen.
    pub seen: LogHead,
    /// The log key's signature of the checkpoint with that size and root, by the key
    /// of the gate's epoch that is about to end.
    pub seen_signature: Bytes<64>,
    /// The gate's epoch that begins with the next entry but endings of ceremonies.
    pub gate_epoch: u64,
}

impl Gap {
    /// How many entries are missing.
    pub fn missing(&self) -> u64 {
        self.seen.size.saturating_sub(self.restored.size)
    }

    /// What keepers sign: `H("restored-with-gap", vault, log, restored size, restored
    /// root, seen size, seen root, gate epoch, digest of the keepers' statement)`.
    pub fn digest(&self, vault: &VaultId, keepers: &Hash) -> [u8; 64] {
        Transcript::new(label::RESTORED_WITH_GAP)
            .part(vault)
            .part(self.log)
            .int(self.restored.size)
            .part(self.restored.root)
            .int(self.seen.size)
            .part(self.seen.root)
            .int(self.gate_epoch)
            .part(keepers)
            .finish()
    }
}

/// The recovery group's quorum signs for what is missing of a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredWithGap {
    /// What is missing.
    pub gap: Gap,
    /// The recovery group, as the vault's own log has it, and as the log has named it;
    /// an older log has not, and knows its keepers from here alone.
    pub keepers: GroupStatement,
    /// At least `t` of its members, over [`Gap::digest`].
    pub signatures: Vec<Signed>,
}

impl RestoredWithGap {
    /// Digest of the keepers' statement, whose group is the vault's.
    pub fn keepers_digest(&self, vault: &VaultId) -> Hash {
        Bytes(self.keepers.digest(&(*vault).into()))
    }
}
