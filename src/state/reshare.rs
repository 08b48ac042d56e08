//! Resharing: a group's next epoch, the ceremony in which a quorum of one group hands
//! what it holds to another, and which dealings that has replaced. Which entries say
//! so and are valid; the mathematics is in `pvss`, how a contributor checks it in
//! `ceremony::reshare`.

use super::apply::{by_card, by_host, check_admitted, check_quorum, claim};
use super::claims::{AcceptedMessages, Claims};
use super::roll::check_statement_of;
use super::{AHEAD, Ceremony, Held, Invalid, Organisation, Standing};
use crate::event::{
    Actor, DealingsDestroyed, GroupEpoch, GroupStatement, Hash, MAX_CHUNK, Purpose, RedealingRejected,
    Renewal, ReshareDone, ReshareOpening, reshare_list_hash, reshare_request_hash,
};
use crate::hex::Bytes;
use crate::message::request_digest;
use crate::name::{GroupId, Pseudonym};
use crate::pvss;
use crate::seal::card::Role;
use crate::time::Time;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What resharings leave in an organisation's state.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Reshares {
    /// Statements of earlier epochs, by group and epoch: versions may still be under
    /// them.
    pub earlier: BTreeMap<GroupId, BTreeMap<u64, GroupStatement>>,
    /// Old dealings that lie beside the log still, by their ids.
    pub replaced: BTreeMap<Hash, Replaced>,
}

impl Reshares {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A dealing that another has taken the place of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Replaced {
    /// Of which version.
    pub credential: Hash,
    /// Whose members could open it.
    pub from: GroupEpoch,
}

/// What a ceremony of resharing is for, and how far it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Reshare {
    /// Who holds the versions.
    pub from: GroupEpoch,
    /// Who is to hold them.
    pub to: GroupEpoch,
    /// Contributors whose re-dealing was bad. How many there are is the number of the
    /// attempt: with each the others may sign anew.
    pub rejected: BTreeSet<Pseudonym>,
    /// How many versions were handed over.
    pub done: u64,
}

impl Ceremony {
    /// As the opening of a resharing leaves it, in a log that has `size` entries with
    /// that.
    pub(super) fn reshare_opened(
        opening: &ReshareOpening,
        time: Time,
        size: u64,
        targets: Vec<Hash>,
    ) -> Self {
        let reshare = Reshare { from: opening.from, to: opening.to, rejected: BTreeSet::new(), done: 0 };
        Self {
            opened: time,
            seen: opening.size,
            opened_size: size,
            opened_root: None,
            expires: opening.expires,
            operator: opening.operator.clone(),
            purpose: Purpose::Open,
            mode: opening.mode,
            requester_key: Bytes([0; 32]),
            gate_key: opening.gate_key,
            reason: opening.reason,
            ticket: opening.ticket,
            targets_hash: opening.list,
            count: opening.count,
            targets,
            accepted: BTreeMap::new(),
            accepted_messages: AcceptedMessages::default(),
            rejected: BTreeSet::new(),
            refused: BTreeMap::new(),
            released: BTreeSet::new(),
            revealed: BTreeSet::new(),
            barred: BTreeSet::new(),
            codes: 0,
            reshare: Some(reshare),
            stopped: BTreeSet::new(),
            standing: Standing::Open,
        }
    }
}

impl Organisation {
    /// A group's statement of an epoch: the present one, or an earlier one.
    pub fn statement(&self, group: &GroupId, epoch: u64) -> Option<&GroupStatement> {
        let present = self.groups.get(group).filter(|statement| statement.epoch == epoch);
        present.or_else(|| self.reshares.earlier.get(group)?.get(&epoch))
    }

    /// `org/group` of a group in an epoch.
    pub fn epoch_address(&self, of: &GroupEpoch) -> Option<String> {
        self.statement(&of.group, of.epoch).map(|group| self.group_address(group))
    }

    /// Who holds a version: its group in just the epoch that it is under.
    pub fn holder(&self, held: &Held) -> Option<&GroupStatement> {
        self.statement(&held.group, held.epoch)
    }

    /// Every statement under which a version may be, the present ones and earlier.
    pub fn statements(&self) -> impl Iterator<Item = &GroupStatement> {
        let earlier = self.reshares.earlier.values().flat_map(BTreeMap::values);
        self.groups.values().chain(earlier)
    }

    /// What a group in an epoch holds, destroyed versions apart: credential and
    /// dealing, in the order of a resharing's list.
    pub fn reshare_list(&self, from: GroupEpoch) -> Vec<(Hash, Hash)> {
        let held = self.versions.iter().filter(|(_, v)| is_held(&v.sealing, from));
        let there = held.filter(|(credential, _)| !self.rotations.destroyed.contains_key(*credential));
        there.map(|(credential, version)| (*credential, version.sealing.dealing)).collect()
    }

    /// What an open resharing is for and is not done yet: each with its place in the
    /// request's list. What was destroyed since is passed over.
    pub fn reshare_left(&self, ceremony: &Ceremony) -> Vec<(u64, Hash, Hash)> {
        let Some(reshare) = &ceremony.reshare else { return Vec::new() };
        let left = |(place, credential): (u64, &Hash)| {
            let held = &self.versions.get(credential)?.sealing;
            let gone = self.rotations.destroyed.contains_key(credential);
            (is_held(held, reshare.from) && !gone).then_some((place, *credential, held.dealing))
        };
        (0u64..).zip(&ceremony.targets).filter_map(left).collect()
    }

    /// The open resharing of a group's epoch, if there is one.
    pub fn open_reshare(&self, from: GroupEpoch) -> Option<(&Hash, &Ceremony)> {
        let is = |ceremony: &Ceremony| ceremony.reshare.as_ref().is_some_and(|r| r.from == from);
        self.ceremonies.iter().find(|(_, ceremony)| is(ceremony))
    }

    /// The same members with new keys, every one of whom signed; and as members of the
    /// epoch before at least `t` of them agreed.
    pub(super) fn group_renewed(
        &mut self,
        actor: &Actor,
        renewal: &Renewal,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let next = &renewal.statement;
        let unknown = || Invalid::Unknown { what: "group", id: next.group.to_string() };
        let before = self.groups.get(&next.group).ok_or_else(unknown)?;
        let who = |statement: &GroupStatement| {
            statement.members.iter().map(|m| (m.pseudonym.clone(), m.sign_key)).collect::<Vec<_>>()
        };
        if (&next.slug, next.threshold, who(next)) != (&before.slug, before.threshold, who(before)) {
            return Err(Invalid::Mismatch("group statement"));
        }
        let old_keys = before.share_keys();
        if next.share_keys().iter().any(|key| old_keys.contains(key)) {
            return Err(Invalid::Mismatch("share key"));
        }
        let digest = before.digest(&self.id);
        check_statement_of(self, next, (before.epoch + 1, Some(Bytes(digest))), claims)?;
        let agreed = Renewal::digest(&digest, &next.digest(&self.id));
        check_quorum(before, &agreed, &renewal.agreed, claims)?;
        let before = before.clone();
        self.reshares.earlier.entry(before.group).or_default().insert(before.epoch, before);
        self.drills.keyed.insert(next.group, time);
        self.groups.insert(next.group, next.clone());
        // Every member is there.
        self.abandonments.remove(&next.group);
        Ok(())
    }

    /// Why a resharing could not be opened, whoever signs it; else what it would be for.
    pub fn reshare_refused(&self, from: GroupEpoch, to: GroupEpoch) -> Result<Vec<(Hash, Hash)>, Invalid> {
        let new = self.group(&to.group, to.epoch)?;
        let present = self.groups.get(&to.group).is_some_and(|group| group.epoch == to.epoch);
        if !present {
            return Err(Invalid::Mismatch("new group"));
        }
        if from == to {
            return Err(Invalid::HoldsItAlready(new.slug.to_string()));
        }
        let list = self.reshare_free(from)?;
        self.check_moved_apart(&from.group, new)?;
        for held in list.iter().filter_map(|(credential, _)| self.versions.get(credential)) {
            self.check_sealing_apart(&held.sealing.account, held.sealing.factor, new)?;
        }
        Ok(list)
    }

    /// What a group in an epoch holds, if that is anything and no ceremony is open for
    /// any of it.
    pub fn reshare_free(&self, from: GroupEpoch) -> Result<Vec<(Hash, Hash)>, Invalid> {
        let old = self.group(&from.group, from.epoch)?;
        let list = self.reshare_list(from);
        if list.is_empty() {
            return Err(Invalid::HoldsNothing(old.slug.to_string()));
        }
        let listed: BTreeSet<_> = list.iter().map(|(credential, _)| credential).collect();
        let busy = |ceremony: &Ceremony| ceremony.targets.iter().any(|target| listed.contains(target));
        if self.ceremonies.values().any(busy) { Err(Invalid::CeremonyBusy) } else { Ok(list) }
    }

    pub(super) fn reshare_opened(
        &mut self,
        actor: &Actor,
        opening: &ReshareOpening,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_card(actor, &opening.operator)?;
        let key = self.card(&opening.operator, Role::Operator)?.sign_key;
        if reshare_request_hash((&self.vault, &self.id), &key, opening) != opening.ceremony {
            return Err(Invalid::Mismatch("request"));
        }
        claims.take(claim(
            &opening.operator,
            &key,
            &request_digest(&opening.ceremony),
            &opening.signature,
        ))?;
        if self.ceremonies.contains_key(&opening.ceremony) || self.spent.contains_key(&opening.ceremony) {
            return Err(Invalid::Duplicate(format!("ceremony {}", opening.ceremony.short())));
        }
        if opening.expires <= time || opening.asked > time + AHEAD {
            return Err(Invalid::Mismatch("opening"));
        }
        self.check_seen(&opening.operator, opening.size, &opening.root)?;
        let list = self.reshare_refused(opening.from, opening.to)?;
        self.check_not_abandoned(&opening.to.group, time)?;
        let to = self.group(&opening.to.group, opening.to.epoch)?;
        if Bytes(to.digest(&self.id)) != opening.statement {
            return Err(Invalid::Mismatch("new group"));
        }
        if (list.len() as u64, reshare_list_hash(&list)) != (opening.count, opening.list) {
            return Err(Invalid::Mismatch("list of versions"));
        }
        let from = self.group(&opening.from.group, opening.from.epoch)?;
        if self.admission_of(&opening.operator, from, time).is_none() {
            let (operator, group) = (opening.operator.to_string(), from.slug.to_string());
            return Err(Invalid::NotAdmitted { operator, group });
        }
        let targets = list.into_iter().map(|(credential, _)| credential).collect();
        let ceremony = Ceremony::reshare_opened(opening, time, self.size + 1, targets);
        self.ceremonies.insert(opening.ceremony, ceremony);
        Ok(())
    }

    pub(super) fn redealing_rejected(
        &mut self,
        actor: &Actor,
        rejected: &RedealingRejected,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let wrong = || Invalid::CeremonyState("redealing-rejected");
        let open = self.open_ceremony(&rejected.ceremony, "redealing-rejected")?;
        let takes_part = open.accepted.contains_key(&rejected.custodian);
        let listed = open.targets.binary_search(&rejected.credential).is_ok();
        let reshare = open.reshare.as_mut().filter(|_| takes_part && listed).ok_or_else(wrong)?;
        if reshare.rejected.insert(rejected.custodian.clone()) { Ok(()) } else { Err(wrong()) }
    }

    /// Exactly `t` contributors whose codes were right signed for just these versions,
    /// each of which is still where the ceremony found it.
    pub(super) fn reshared(
        &mut self,
        actor: &Actor,
        done: &ReshareDone,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let wrong = || Invalid::CeremonyState("reshared");
        let open = self.ceremonies.get(&done.ceremony).ok_or_else(wrong)?;
        let reshare = open.reshare.as_ref().ok_or_else(wrong)?;
        if open.standing != Standing::Open || time > open.expires {
            return Err(wrong());
        }
        let from = self.group(&reshare.from.group, reshare.from.epoch)?;
        check_admitted(open, from)?;
        self.check_contributors(open, reshare, from, done, claims)?;
        let to = self.groups.get(&reshare.to.group).filter(|group| group.epoch == reshare.to.epoch);
        let to = to.ok_or(Invalid::Mismatch("new group"))?;
        self.check_left(to)?;
        // The notice may have ended since the resharing began.
        self.check_not_abandoned(&to.group, time)?;
        let credentials = done.versions.iter().map(|version| version.credential);
        let ascending = credentials.clone().is_sorted_by(|a, b| a < b);
        if done.versions.is_empty() || done.versions.len() > MAX_CHUNK || !ascending {
            return Err(Invalid::Mismatch("list of versions"));
        }
        for credential in credentials {
            let listed = open.targets.binary_search(&credential).is_ok();
            let held = self.versions.get(&credential).map(|version| &version.sealing).filter(|_| listed);
            let held = held.filter(|held| is_held(held, reshare.from)).ok_or_else(wrong)?;
            self.check_there(&credential, held)?;
            self.check_sealing_apart(&held.account, held.factor, to)?;
        }
        let (reshare, first) = (reshare.clone(), reshare.done == 0);
        if first {
            self.check_moved_apart(&reshare.from.group, to)?;
            self.move_bindings(&reshare);
        }
        self.hand_over(done, &reshare);
        Ok(())
    }

    /// As many as the old group's threshold, in the order of their share indices, none
    /// of them set aside, and each signature right.
    fn check_contributors(
        &self,
        open: &Ceremony,
        reshare: &Reshare,
        from: &GroupStatement,
        done: &ReshareDone,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let pairs: Vec<_> = done.versions.iter().map(|version| (version.dealing, version.links)).collect();
        let digest = pvss::reshared_digest(&done.ceremony, &pairs);
        let mut last = 0;
        for signed in &done.contributors {
            let who = &signed.pseudonym;
            let not = |what| Invalid::NotA { who: who.to_string(), what };
            let index = from.index_of(who).ok_or_else(|| not("a member of the group"))?;
            let out = reshare.rejected.contains(who) || open.barred.contains(who);
            if !open.accepted.contains_key(who) || out {
                return Err(not("a contributor of this ceremony"));
            }
            if index <= last {
                return Err(Invalid::Mismatch("order of contributors"));
            }
            last = index;
            claims.take(claim(
                who,
                &self.card(who, Role::Custodian)?.sign_key,
                &digest.0,
                &signed.signature,
            ))?;
        }
        let (found, needed) = (done.contributors.len(), from.needed());
        if found == needed { Ok(()) } else { Err(Invalid::TooFewSignatures { found, needed }) }
    }

    /// With the first versions go the bindings: what is sealed from now on is the new
    /// group's. What was signed for the old one's next binding is of no use any more.
    fn move_bindings(&mut self, reshare: &Reshare) {
        let moved = self.bindings.iter_mut().filter(|binding| binding.group == reshare.from.group);
        let mut count = 0;
        for binding in moved {
            (binding.group, binding.epoch) = (reshare.to.group, reshare.to.epoch);
            count += 1;
        }
        if count > 0 {
            self.binding_serial += 1;
        }
    }

    fn hand_over(&mut self, done: &ReshareDone, reshare: &Reshare) {
        for reshared in &done.versions {
            let Some(version) = self.versions.get_mut(&reshared.credential) else { continue };
            let held = &mut *version.sealing;
            let replaced = Replaced { credential: reshared.credential, from: reshare.from };
            self.reshares.replaced.insert(held.dealing, replaced);
            (held.group, held.epoch, held.dealing) = (reshare.to.group, reshare.to.epoch, reshared.dealing);
            // Shares of the old dealing are of no use with those of the new one.
            version.loose_shares.clear();
        }
        let open = self.ceremonies.get_mut(&done.ceremony).and_then(|open| open.reshare.as_mut());
        open.into_iter().for_each(|open| open.done += done.versions.len() as u64);
    }

    pub(super) fn dealings_destroyed(
        &mut self,
        actor: &Actor,
        gone: &DealingsDestroyed,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let all = gone.dealings.iter().all(|id| self.reshares.replaced.contains_key(id));
        let ascending = gone.dealings.is_sorted_by(|a, b| a < b);
        if gone.dealings.is_empty() || gone.dealings.len() > MAX_CHUNK || !ascending || !all {
            return Err(Invalid::Mismatch("list of dealings"));
        }
        self.reshares.replaced.retain(|id, _| !gone.dealings.contains(id));
        Ok(())
    }
}

fn is_held(held: &Held, from: GroupEpoch) -> bool {
    (held.group, held.epoch) == (from.group, from.epoch)
}
