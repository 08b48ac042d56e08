//! Whether everything that a vault's organisation has sealed could be opened today,
//! by what its log says and what lies beside it. How it is found is `audit`'s.

use super::drill::EVERY;
use super::seal::{dealing_record, sealed_record};
use super::{Log, PublicVault};
use crate::audit::recoverability::{self, Bad, Label, RecordSource, Unreadable};
use crate::event::{GroupStatement, Hash};
use crate::name::OrganisationId;
use crate::state::Organisation;
use crate::store::{RecordKey, Store};
use crate::time::Time;
use rand_core::CryptoRng;
use serde::Serialize;

/// What could be opened today.
#[derive(Debug, Serialize)]
pub struct Recoverability {
    /// Organisation.
    pub organisation: String,
    /// Current versions that were checked.
    pub versions: u64,
    /// Those that could be opened, if enough members of their group come.
    pub good: u64,
    /// Those that could not.
    pub failed: Vec<Failed>,
    /// When the gate proved its present key last, in a drill.
    pub gate_proved: Option<Time>,
    /// Each group that holds a current version, or that was asked for.
    pub groups: Vec<GroupRecoverability>,
}

/// What nobody has shown of an organisation within [`EVERY`], though no record is
/// wrong: then it may be that nothing can be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotShown {
    /// Fewer members of this group than must come proved that their keys are there.
    Members {
        /// `org/group`.
        group: String,
        /// How many proved.
        live: usize,
        /// How many must come.
        threshold: u64,
    },
    /// The gate did not prove its key.
    Gate,
}

impl Recoverability {
    /// What was not shown of what is sealed.
    pub fn not_shown(&self, now: Time) -> Vec<NotShown> {
        if self.versions == 0 {
            return Vec::new();
        }
        let short = self.groups.iter().filter(|group| group.margin < 0).map(|group| {
            let GroupRecoverability { group, live, threshold, .. } = group;
            NotShown::Members { group: group.clone(), live: *live, threshold: *threshold }
        });
        let gate = self.gate_proved.is_none_or(|at| at < now - EVERY).then_some(NotShown::Gate);
        short.chain(gate).collect()
    }
}

/// What one group could open.
#[derive(Debug, Serialize)]
pub struct GroupRecoverability {
    /// `org/group`.
    pub group: String,
    /// How many members must come.
    pub threshold: u64,
    /// How many there are.
    pub members: usize,
    /// Current versions of it that could be opened.
    pub good: u64,
    /// Current versions of it that could not.
    pub failed: u64,
    /// How far the good result reaches: as far as that of each of them.
    pub label: Label,
    /// Members who proved in a drill, within [`EVERY`], that their share key is
    /// still there.
    pub live: usize,
    /// Live members less the threshold: below zero nothing is shown to be openable.
    pub margin: i64,
}

/// A version that could not be opened.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// `org/project/account`.
    pub address: String,
    /// Which factor.
    pub factor: String,
    /// Which version.
    pub version: u64,
    /// `org/group` that holds it.
    pub group: String,
    /// Why.
    pub why: String,
}

/// The records of one log in a store.
struct Stored<'a> {
    store: &'a dyn Store,
    log: OrganisationId,
}

impl Stored<'_> {
    fn record(&self, name: String) -> Result<Option<Vec<u8>>, Unreadable> {
        self.store.record(&RecordKey { log: self.log, name }).map_err(|_| Unreadable)
    }
}

impl RecordSource for Stored<'_> {
    fn sealed(&self, credential: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(sealed_record(credential))
    }

    fn dealing(&self, id: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(dealing_record(id))
    }
}

impl PublicVault {
    /// Checks every current version of an organisation, or those that one group
    /// holds; `progress` is told how many of how many are done.
    pub fn recoverability<R: CryptoRng + Send>(
        &self,
        log: &Log,
        only: Option<&GroupStatement>,
        now: Time,
        rng: &mut dyn FnMut() -> R,
        progress: &dyn Fn(u64, u64),
    ) -> Recoverability {
        let state = &log.state;
        let versions = recoverability::current(state, only.map(|group| &group.group));
        let all = versions.len() as u64;
        let records = Stored { store: self.store(), log: state.id };
        let found = recoverability::check(state, &versions, &records, rng, &mut |done| progress(done, all));
        let live = |group: &GroupStatement| state.drills.live(&group.group, now - EVERY);
        let held = |group: &GroupStatement| versions.iter().any(|(_, held)| held.group == group.group);
        let shown = |group: &&GroupStatement| match only {
            Some(only) => only.group == group.group,
            None => held(group),
        };
        let groups = state.groups.values().filter(shown).map(|group| GroupRecoverability {
            group: state.group_address(group),
            threshold: group.threshold,
            members: group.members.len(),
            good: found.good.get(&group.group).copied().unwrap_or(0),
            failed: found.bad.iter().filter(|bad| bad.group == group.group).count() as u64,
            label: found.label(&group.group),
            live: live(group),
            margin: live(group) as i64 - i64::try_from(group.threshold).unwrap_or(i64::MAX),
        });
        Recoverability {
            organisation: state.slug.to_string(),
            versions: all,
            gate_proved: state.drills.gate.get(&state.gate().epoch).copied(),
            good: all - found.bad.len() as u64,
            groups: groups.collect(),
            failed: found.bad.iter().map(|bad| failed(state, bad)).collect(),
        }
    }
}

fn failed(state: &Organisation, bad: &Bad) -> Failed {
    let group = state.groups.get(&bad.group);
    Failed {
        address: state.address(&bad.account),
        factor: bad.factor.to_string(),
        version: bad.version,
        group: group.map_or_else(|| bad.group.0.short(), |group| state.group_address(group)),
        why: bad.why.to_string(),
    }
}
