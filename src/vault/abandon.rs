//! A group that can no longer reach its threshold: giving notice, a member's veto, and
//! what is lost with it, by name. When something follows from it is in `state::abandon`.

use super::hierarchy::keep_text;
use super::people::check_card;
use super::{Log, Records, Vault, VaultError};
use crate::event::{AbandonmentNotice, AbandonmentVeto, Actor, Event, GroupStatement};
use crate::name::{Factor, GroupId, Pseudonym};
use crate::seal::card::{Card, Role};
use crate::state::{Barred, Invalid, NOTICE, NoticeStanding, Organisation, Vetoed};
use crate::time::{Span, Time};
use rand_core::CryptoRng;
use serde::Serialize;

/// A notice that a group is abandoned, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AbandonmentStatus {
    /// How it stands.
    pub standing: NoticeStanding,
    /// When it was given.
    pub begun: Time,
    /// When its time is over.
    pub until: Time,
    /// Whole days until then, or the part of one.
    pub days_left: i64,
    /// Who vetoed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vetoed_by: Option<Pseudonym>,
}

impl AbandonmentStatus {
    /// Of a notice, and the veto that ended it.
    pub fn of(begun: Time, vetoed: Option<&Vetoed>, now: Time) -> Self {
        let (standing, until) = (NoticeStanding::of(begun, vetoed, now), begun + NOTICE);
        let day = Span::days(1).0;
        let left = if standing == NoticeStanding::Running { (until - now).0.max(0) } else { 0 };
        Self {
            standing,
            begun,
            until,
            days_left: (left + day - 1).div_euclid(day),
            vetoed_by: vetoed.map(|veto| veto.by.clone()),
        }
    }
}

/// A version that is lost with its group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lost {
    /// `org/project/account`.
    pub address: String,
    /// Which factor.
    pub factor: Factor,
    /// Which version.
    pub version: u64,
    /// Whether it is the current one: nobody can sign in with anything that is here.
    pub current: bool,
}

/// Everything that a group holds, by name: lost once it is abandoned.
pub fn lost_with(state: &Organisation, group: &GroupId) -> Vec<Lost> {
    let each = state.held_by(group).into_iter().map(|(credential, version)| {
        let held = &version.sealing;
        let current = state.current_of(&held.account, held.factor);
        Lost {
            address: state.address(&held.account),
            factor: held.factor,
            version: held.version,
            current: current.is_some_and(|(newest, _)| newest == credential),
        }
    });
    let mut lost: Vec<_> = each.collect();
    lost.sort();
    lost
}

/// A member of a group, and when the card was shown to be there last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastShown {
    /// Who.
    pub custodian: Pseudonym,
    /// When a drill of this group had their proof.
    pub proved: Option<Time>,
    /// Why the card counts for nothing, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barred: Option<&'static str>,
}

/// What the log knows of whether a group's members are there.
pub fn last_shown(state: &Organisation, group: &GroupStatement) -> Vec<LastShown> {
    let each = group.members.iter().map(|member| LastShown {
        custodian: member.pseudonym.clone(),
        proved: state.drills.proved(&group.group, &member.pseudonym),
        barred: state.cards.barred(&member.pseudonym).map(Barred::as_str),
    });
    each.collect()
}

impl Vault {
    /// Gives notice that a group is abandoned.
    pub fn abandon_group(
        &mut self,
        log: &mut Log,
        group: &GroupStatement,
        reason: &str,
        now: Time,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), VaultError> {
        let mut records = Records::default();
        let reason = keep_text(reason, &mut records, rng)?;
        let notice = AbandonmentNotice { group: group.group, epoch: group.epoch, reason };
        self.commit_host(log, now, vec![Event::AbandonmentBegun(notice)], records)?;
        Ok(())
    }

    /// Enters a member's veto.
    pub fn veto_abandonment(
        &mut self,
        log: &mut Log,
        group: &GroupStatement,
        card: &Card,
        now: Time,
    ) -> Result<(), VaultError> {
        check_card(&log.state, card, Role::Custodian)?;
        let veto = veto(&log.state, group, card)?;
        let actor = Actor::Card(veto.custodian.clone());
        self.commit(log, now, vec![(actor, Event::AbandonmentVetoed(veto))], Records::default())?;
        Ok(())
    }
}

/// A member's veto against the notice that stands.
pub fn veto(
    state: &Organisation,
    group: &GroupStatement,
    card: &Card,
) -> Result<AbandonmentVeto, VaultError> {
    let found = state.abandonments.get(&group.group).filter(|notice| notice.vetoed.is_none());
    let notice = found.ok_or_else(|| VaultError::NoNotice(state.group_address(group)))?.notice;
    let custodian = card.pseudonym().clone();
    if group.index_of(&custodian).is_none() {
        let what = "a member of the group";
        return Err(Invalid::NotA { who: custodian.to_string(), what }.into());
    }
    let digest = AbandonmentVeto::digest(&state.id, &group.group, &notice, &custodian);
    let signature = card.signing_key().sign(&digest);
    Ok(AbandonmentVeto { group: group.group, notice, custodian, signature })
}
