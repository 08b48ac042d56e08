//! A group that can no longer reach its threshold. The log cannot know who is dead: it
//! knows that the administration gave notice, that nobody vetoed it, and how much time
//! went by between its entries, by the host's clock.

use super::apply::{by_card, by_host, claim, member_key};
use super::{Barred, Claims, Invalid, Organisation, Version};
use crate::event::{AbandonmentNotice, AbandonmentVeto, Actor, Hash, TextHash};
use crate::hex::Bytes;
use crate::name::{GroupId, Pseudonym};
use crate::time::{Span, Time};
use serde::{Deserialize, Serialize};

/// For how long a notice stands in the log before anything follows from it.
pub const NOTICE: Span = Span::days(14);

/// The last notice about a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Abandonment {
    /// Leaf hash of its entry.
    pub notice: Bytes<32>,
    /// When it was entered.
    pub begun: Time,
    /// Why.
    pub reason: TextHash,
    /// The veto that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vetoed: Option<Vetoed>,
}

/// A veto.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vetoed {
    /// When it was entered.
    pub at: Time,
    /// By whom.
    pub by: Pseudonym,
}

/// How a notice stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeStanding {
    /// Its time is not over: any member can veto it, and nothing follows from it.
    Running,
    /// Nobody vetoed it in time: what the group holds is lost, and new versions may be
    /// bound elsewhere without it.
    InForce,
    /// A member vetoed it: it is as if there had been none.
    Vetoed,
}

impl NoticeStanding {
    /// Of a notice at a time.
    pub fn of(begun: Time, vetoed: Option<&Vetoed>, now: Time) -> Self {
        match vetoed {
            Some(_) => Self::Vetoed,
            None if now < begun + NOTICE => Self::Running,
            None => Self::InForce,
        }
    }
}

impl Abandonment {
    /// How it stands at a time.
    pub fn standing(&self, now: Time) -> NoticeStanding {
        NoticeStanding::of(self.begun, self.vetoed.as_ref(), now)
    }
}

impl Organisation {
    /// Whether a group was abandoned: notice was given, fourteen days went by, and no
    /// member has vetoed it.
    pub fn is_abandoned(&self, group: &GroupId, now: Time) -> bool {
        let found = self.abandonments.get(group);
        found.is_some_and(|notice| notice.standing(now) == NoticeStanding::InForce)
    }

    /// An abandoned group is given nothing any more.
    pub(super) fn check_not_abandoned(&self, group: &GroupId, now: Time) -> Result<(), Invalid> {
        if !self.is_abandoned(group, now) {
            return Ok(());
        }
        let slug = self.groups.get(group).map(|found| found.slug.to_string());
        Err(Invalid::Abandoned(slug.unwrap_or_else(|| group.0.short())))
    }

    /// Every version that a group holds and that is not destroyed: lost with it.
    pub fn held_by(&self, group: &GroupId) -> Vec<(&Hash, &Version)> {
        let gone = &self.rotations.destroyed;
        let held = self.versions.iter().filter(|(_, version)| version.sealing.group == *group);
        held.filter(|(credential, _)| !gone.contains_key(*credential)).collect()
    }

    pub(super) fn abandonment_begun(
        &mut self,
        actor: &Actor,
        given: &AbandonmentNotice,
        time: Time,
        leaf: &Bytes<32>,
    ) -> Result<(), Invalid> {
        by_host(actor)?;
        let present = self.groups.get(&given.group).filter(|group| group.epoch == given.epoch);
        let unknown = || Invalid::Unknown { what: "group", id: given.group.to_string() };
        let slug = present.ok_or_else(unknown)?.slug.to_string();
        let stands = self.abandonments.get(&given.group).is_some_and(|notice| notice.vetoed.is_none());
        if stands {
            return Err(Invalid::Duplicate(format!("notice that {slug} is abandoned")));
        }
        let notice = Abandonment { notice: *leaf, begun: time, reason: given.reason, vetoed: None };
        self.abandonments.insert(given.group, notice);
        Ok(())
    }

    /// A suspended card can veto: one officer suspends, and must not be able to silence
    /// a group with that. A revoked one cannot: it may be a thief's.
    pub(super) fn abandonment_vetoed(
        &mut self,
        actor: &Actor,
        veto: &AbandonmentVeto,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let who = &veto.custodian;
        by_card(actor, who)?;
        let unknown = || Invalid::Unknown { what: "notice", id: veto.notice.short() };
        let found = self.abandonments.get(&veto.group);
        let stands = found.is_some_and(|found| found.notice == veto.notice && found.vetoed.is_none());
        let group = self.groups.get(&veto.group).filter(|_| stands).ok_or_else(unknown)?;
        if self.cards.barred(who) == Some(Barred::Revoked) {
            return Err(Invalid::Barred { who: who.to_string(), how: Barred::Revoked.as_str() });
        }
        let digest = AbandonmentVeto::digest(&self.id, &veto.group, &veto.notice, who);
        claims.take(claim(who, member_key(group, who)?, &digest, &veto.signature))?;
        if let Some(notice) = self.abandonments.get_mut(&veto.group) {
            notice.vetoed = Some(Vetoed { at: time, by: who.clone() });
        }
        Ok(())
    }
}
