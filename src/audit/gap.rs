//! What a verified log says is missing of it, and whether an older checkpoint lies
//! there. The entry's rules are the state's.

use super::{Finding, State, Tampering};
use crate::event::LogHead;
use crate::log::Checkpoint;
use crate::name::Pseudonym;
use crate::seal::words;
use crate::state::Gapped;
use crate::time::Time;
use serde::Serialize;

/// A gap in a log, for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapFound {
    /// The entry that says so, from 0.
    pub entry: u64,
    /// When it was entered.
    pub at: Time,
    /// What was restored.
    pub restored: LogHead,
    /// What somebody had seen.
    pub seen: LogHead,
    /// Entries that are lost.
    pub missing: u64,
    /// Keepers who signed for it.
    pub signed_by: Vec<Pseudonym>,
    /// How many must.
    pub threshold: u64,
    /// The twelve words of their group.
    pub keepers: String,
}

impl State {
    fn log(&self) -> &dyn Gapped {
        match self {
            Self::Organisation(state) => &**state,
            Self::Vault(state) => &**state,
        }
    }

    /// Every gap in the log, in order.
    pub fn gaps(&self) -> Vec<GapFound> {
        let (log, vault) = (self.log(), self.log().vault());
        let each = log.gaps().iter().map(|held| {
            let (gap, keepers) = (&held.entry.gap, &held.entry.keepers);
            GapFound {
                entry: gap.restored.size,
                at: held.at,
                restored: gap.restored,
                seen: gap.seen,
                missing: gap.missing(),
                signed_by: held.entry.signers().into_iter().cloned().collect(),
                threshold: keepers.threshold,
                keepers: words::fingerprint(&keepers.fingerprint(&vault.into())).to_string(),
            }
        });
        each.collect()
    }
}

/// Says of an older checkpoint that lies in a gap that it does, which neither agrees
/// with the log nor was forged.
pub(super) fn lies_in_gap(state: &State, note: &[u8], old: &Checkpoint) -> Option<Finding> {
    let held = state.log().gap_around(note)?;
    let gap = &held.entry.gap;
    let same = match old.size == gap.seen.size {
        true => "it is the very checkpoint that they signed for",
        false => "whether it is of the same history nobody can tell any more",
    };
    let what = format!(
        "the older checkpoint of {} lies in a gap: the log was restored with {} entries on {}, and the recovery group's quorum signed that those up to {} are lost; {same}",
        old.size,
        gap.restored.size,
        held.at.to_minute(),
        gap.seen.size
    );
    Some(Finding::new(Some(gap.restored.size), &[] as &[Tampering], what))
}
