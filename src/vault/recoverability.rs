//! Whether everything that a vault's organisation has sealed could be opened today,
//! by what its log says and what lies beside it. How it is found is `audit`'s.

use super::ceremony::request_record;
use super::drill::GATE_EVERY;
use super::reconcile::facts_record;
use super::seal::{dealing_record, sealed_record};
use super::{Log, PublicVault, Records, Vault, VaultError};
use crate::audit::recoverability::{self, Bad, Fault, Label, RecordSource, Unreadable};
use crate::event::{
    Actor, CheckedGroup, Event, GroupStatement, Hash, MAX_UNOPENABLE, RecoverabilityCheck, Unopenable,
};
use crate::name::{GroupId, OrganisationId};
use crate::state::Organisation;
use crate::store::{RecordKey, Store};
use crate::time::Time;
use rand_core::CryptoRng;
use serde::Serialize;
use std::collections::BTreeSet;

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
    /// Those that could not be opened, by their ids.
    #[serde(skip)]
    pub bad: Vec<Bad>,
}

/// What nobody has shown of an organisation for as long as that counts, though no record is
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
        /// Within how many days.
        within_days: u64,
        /// How many must come.
        threshold: u64,
        /// Where no member has ever proved in a drill: when they showed their keys, as the
        /// group was formed or refreshed.
        undrilled: Option<Time>,
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
            let &GroupRecoverability { live, within_days, threshold, .. } = group;
            let undrilled = if group.drilled.is_none() { group.keyed } else { None };
            NotShown::Members { group: group.group.clone(), live, within_days, threshold, undrilled }
        });
        let gate = self.gate_proved.is_none_or(|at| at < now - GATE_EVERY).then_some(NotShown::Gate);
        short.chain(gate).collect()
    }
}

/// What one group could open.
#[derive(Debug, Serialize)]
pub struct GroupRecoverability {
    /// Which.
    #[serde(skip)]
    pub id: GroupId,
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
    /// How many of the good ones were reshared: the old secret is attested there.
    pub attested: u64,
    /// How far the good result reaches, of the version where it reaches least.
    pub label: Label,
    /// For how many days a member's proof counts.
    pub within_days: u64,
    /// Members who proved in a drill, within [`Self::within_days`], that their share key is
    /// still there.
    pub live: usize,
    /// Since when its members have the keys that they have now, each of which was shown
    /// when the group was formed or refreshed. That is no drill, and not in [`Self::live`].
    pub keyed: Option<Time>,
    /// When one of its members proved in a drill last.
    pub drilled: Option<Time>,
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

/// The ceremony that an event opens.
pub(super) fn opened_by(event: &Event) -> Option<Hash> {
    match event {
        Event::Opened(opening) => Some(opening.ceremony),
        Event::ReshareOpened(opening) => Some(opening.ceremony),
        _ => None,
    }
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

    fn request(&self, ceremony: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(request_record(ceremony))
    }

    fn facts(&self, facts: &Hash) -> Result<Option<Vec<u8>>, Unreadable> {
        self.record(facts_record(facts))
    }
}

/// Checks every current version of an organisation, or those that one group holds,
/// by what lies beside its log; `progress` is told how many of how many are done.
pub fn recoverability<R: CryptoRng + Send>(
    state: &Organisation,
    records: &dyn RecordSource,
    only: Option<&GroupStatement>,
    now: Time,
    rng: &mut dyn FnMut() -> R,
    progress: &dyn Fn(u64, u64),
) -> Recoverability {
    let versions = recoverability::current(state, only.map(|group| &group.group));
    let all = versions.len() as u64;
    let held: BTreeSet<_> = versions.iter().map(|(_, held)| held.group).collect();
    // However whole its record is, nobody is there to open it.
    let (lost, versions): (Vec<_>, Vec<_>) =
        versions.into_iter().partition(|(_, held)| state.is_abandoned(&held.group, now));
    let mut found = recoverability::check(state, &versions, records, rng, &mut |done| progress(done, all));
    found.bad.extend(lost.iter().map(|(_, held)| Bad::of(held, Fault::Abandoned)));
    found.bad.sort_by_key(|bad| (bad.account, bad.factor));
    let shown = |group: &&GroupStatement| match only {
        Some(only) => only.group == group.group,
        None => held.contains(&group.group),
    };
    let groups = state.groups.values().filter(shown).map(|group| {
        let live = state.live(&group.group, now);
        let attested = found.attested.get(&group.group).copied().unwrap_or(0);
        GroupRecoverability {
            id: group.group,
            group: state.group_address(group),
            threshold: group.threshold,
            members: group.members.len(),
            good: found.good.get(&group.group).copied().unwrap_or(0),
            failed: found.bad.iter().filter(|bad| bad.group == group.group).count() as u64,
            attested,
            label: found.label(&group.group),
            within_days: state.drills.every_days(&group.group),
            live,
            keyed: state.drills.keyed.get(&group.group).copied(),
            drilled: group
                .members
                .iter()
                .filter_map(|m| state.drills.proved(&group.group, &m.pseudonym))
                .max(),
            margin: live as i64 - i64::try_from(group.threshold).unwrap_or(i64::MAX),
        }
    });
    Recoverability {
        organisation: state.slug.to_string(),
        versions: all,
        gate_proved: state.drills.gate.get(&state.gate().epoch).copied(),
        good: all - found.bad.len() as u64,
        groups: groups.collect(),
        failed: found.bad.iter().map(|bad| failed(state, bad)).collect(),
        bad: found.bad,
    }
}

impl PublicVault {
    /// As [`recoverability()`], by what lies in the vault.
    pub fn recoverability<R: CryptoRng + Send>(
        &self,
        log: &Log,
        only: Option<&GroupStatement>,
        now: Time,
        rng: &mut dyn FnMut() -> R,
        progress: &dyn Fn(u64, u64),
    ) -> Recoverability {
        recoverability(&log.state, &self.records_of(log), only, now, rng, progress)
    }

    /// Every ceremony that was opened in a log, by the hash of its request.
    pub fn opened(&self, log: &Log) -> Result<Vec<Hash>, VaultError> {
        let mut opened = Vec::new();
        for entry in self.walk(&log.state.id, 0..log.state.size) {
            opened.extend(entry?.event.as_ref().and_then(opened_by));
        }
        Ok(opened)
    }

    /// The records of a log.
    pub fn records_of(&self, log: &Log) -> impl RecordSource {
        Stored { store: self.store(), log: log.state.id }
    }
}

impl Vault {
    /// Enters a result, with what drills have shown by then. Durable when this returns.
    pub fn enter_recoverability(
        &mut self,
        log: &mut Log,
        result: &Recoverability,
        now: Time,
    ) -> Result<(), VaultError> {
        self.at_present(log, now, |vault, log, now| {
            let entry = entry(&log.state, result, now);
            let events = vec![(Actor::Host, Event::RecoverabilityChecked(entry))];
            vault.commit_once(log, now, events, Records::default()).map(|_| ())
        })
    }
}

fn entry(state: &Organisation, result: &Recoverability, now: Time) -> RecoverabilityCheck {
    let gate = state.gate();
    let group = |checked: &GroupRecoverability| {
        let &GroupRecoverability { id, good, failed, .. } = checked;
        let epoch = state.groups.get(&id)?.epoch;
        let (within_days, live) = (state.drills.every_days(&id), state.live(&id, now) as u64);
        Some(CheckedGroup { group: id, epoch, good, failed, within_days, live })
    };
    let mut groups: Vec<_> = result.groups.iter().filter_map(group).collect();
    groups.sort_by_key(|checked| checked.group);
    let failed = result.bad.iter().take(MAX_UNOPENABLE);
    RecoverabilityCheck {
        gate_epoch: gate.epoch,
        gate_proved: state.drills.gate.get(&gate.epoch).copied(),
        groups,
        failed: failed
            .map(|Bad { account, factor, version, .. }| Unopenable {
                account: *account,
                factor: *factor,
                version: *version,
            })
            .collect(),
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
