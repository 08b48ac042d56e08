//! The entry that says what of a log is missing for good: after a dead host somebody
//! had seen more of it than anybody has. What makes it valid is in `state::gap`.

use super::{GroupStatement, Hash, Signed};
use crate::hex::Bytes;
use crate::name::{OrganisationId, Pseudonym, VaultId};
use crate::transcript::{Transcript, label};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

    /// Who signed, each once: a signature that stands there twice makes no second keeper.
    pub fn signers(&self) -> BTreeSet<&Pseudonym> {
        self.signatures.iter().map(|signed| &signed.pseudonym).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::GroupId;

    #[test]
    fn a_keeper_whose_signature_stands_there_twice_signed_once() {
        let head = LogHead { size: 1, root: Bytes([1; 32]) };
        let (log, seen_signature) = (OrganisationId(Bytes([2; 32])), Bytes([3; 64]));
        let gap = Gap { log, restored: head, seen: head, seen_signature, gate_epoch: 2 };
        let keepers = GroupStatement {
            group: GroupId(Bytes([4; 32])),
            slug: "recovery".parse().unwrap(),
            epoch: 1,
            previous: None,
            threshold: 2,
            members: Vec::new(),
            signatures: Vec::new(),
        };
        let signed = |name: &str| Signed { pseudonym: name.parse().unwrap(), signature: Bytes([5; 64]) };
        let signatures = ["quiet-heron-lamp", "brisk-tern-door", "quiet-heron-lamp"].map(signed).into();
        let entry = RestoredWithGap { gap, keepers, signatures };
        let names: Vec<_> = entry.signers().into_iter().map(Pseudonym::as_str).collect();
        assert_eq!(names, ["brisk-tern-door", "quiet-heron-lamp"]);
    }
}
