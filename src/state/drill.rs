//! Drills: members of a group and the gate show that their keys are still there,
//! without opening anything. Which proofs count, and who proved last when.

use super::apply::{check_quorum, claim, member_key};
use super::{AHEAD, Claims, Invalid, Organisation, ROOM_AGE, STEP};
use crate::event::{DrillAnswer, DrillPolicy, Hash, Refusal};
use crate::hex::Bytes;
use crate::name::{GroupId, Pseudonym};
use crate::pvss;
use crate::seal::card::Role;
use crate::time::{Span, Time};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Longest time for which one drill's proofs count.
pub const LONGEST_DRILL: Span = Span::days(90);

/// For how many days a proof counts where a group has not decided otherwise.
pub const EVERY_DAYS: u64 = 90;

/// Longest time for which a group can let proofs count, in days.
pub const MAX_EVERY_DAYS: u64 = 366;

/// What drills have shown in an organisation.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Drills {
    /// The last drill of each group.
    pub last: BTreeMap<GroupId, Drill>,
    /// Since when each group's members have the share keys that they have now, each of
    /// which its owner proved then.
    pub keyed: BTreeMap<GroupId, Time>,
    /// When each member of a group proved its share key last.
    pub custodians: BTreeMap<GroupId, BTreeMap<Pseudonym, Time>>,
    /// When the gate proved the key of an epoch last.
    pub gate: BTreeMap<u64, Time>,
    /// How often a group's members are to prove, where it has decided.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<GroupId, DrillPolicy>,
}

/// One drill.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Drill {
    /// Leaf hash of the entry that began it.
    pub id: Bytes<32>,
    /// Which epoch of the group.
    pub epoch: u64,
    /// When it began.
    pub begun: Time,
    /// Until when proofs count.
    pub until: Time,
    /// Digests of the answers that were judged: each is judged once.
    pub judged: BTreeSet<Hash>,
    /// What answers by files need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<ByFiles>,
}

/// How codes of answers by files reach the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ByFiles {
    /// HPKE key that they are encrypted for.
    pub code_key: Bytes<32>,
    /// The drill's random bytes, of which the gate derives its private half.
    pub nonce: Bytes<32>,
    /// Epoch of the gate in which it did.
    pub gate_epoch: u64,
}

impl Drill {
    /// Whether an answer counts at that time.
    pub fn is_open(&self, now: Time) -> bool {
        now <= self.until
    }
}

impl Drills {
    /// Whether nothing was ever shown.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// When a member of a group proved its share key last.
    pub fn proved(&self, group: &GroupId, who: &Pseudonym) -> Option<Time> {
        self.custodians.get(group)?.get(who).copied()
    }

    /// For how many days a proof of a group's member counts.
    pub fn every_days(&self, group: &GroupId) -> u64 {
        self.policies.get(group).map_or(EVERY_DAYS, |set| set.every_days)
    }

    /// For how long a proof of a group's member counts.
    pub fn every(&self, group: &GroupId) -> Span {
        Span::days(i64::try_from(self.every_days(group)).unwrap_or(0))
    }

    /// The earliest own time that an answer from now on can name, while a drill is
    /// open: in the room it is fresh, by a file of any time since the drill began.
    pub(super) fn earliest_answer(&self, now: Time) -> Option<Time> {
        let fresh = |drill: &Drill| match drill.files {
            Some(_) => drill.begun,
            None => drill.begun.max(now - ROOM_AGE),
        };
        self.last.values().filter(|drill| drill.is_open(now)).map(fresh).min()
    }

    /// Whose last drill this is.
    pub fn group_of(&self, id: &Bytes<32>) -> Option<&GroupId> {
        self.by_id(id).map(|(group, _)| group)
    }

    /// The last drill of some group by its id.
    pub fn by_id(&self, id: &Bytes<32>) -> Option<(&GroupId, &Drill)> {
        self.last.iter().find(|(_, drill)| drill.id == *id)
    }
}

impl Organisation {
    /// Members of a group that proved their share key in drills, for as long as that
    /// counts; of none of them is the card suspended or revoked.
    pub fn live(&self, group: &GroupId, now: Time) -> usize {
        let since = now - self.drills.every(group);
        let proved = self.drills.custodians.get(group).into_iter().flatten();
        proved.filter(|(who, at)| **at >= since && self.cards.barred(who).is_none()).count()
    }

    pub(super) fn drill_policy_set(
        &mut self,
        set: &DrillPolicy,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let before = self.drills.policies.get(&set.group).map_or(0, |before| before.serial);
        if set.serial != before + 1 {
            return Err(Invalid::Mismatch("serial number"));
        }
        if !(1..=MAX_EVERY_DAYS).contains(&set.every_days) {
            return Err(Invalid::Mismatch("number of days"));
        }
        let group = self.group(&set.group, set.epoch)?;
        check_quorum(group, &set.digest(&self.id, &self.g(group)), &set.signatures, claims)?;
        self.drills.policies.insert(set.group, set.clone());
        Ok(())
    }

    pub(super) fn drill_begun(
        &mut self,
        group: &GroupId,
        epoch: u64,
        until: Time,
        (nonce, code_key): (&Bytes<32>, Option<&Bytes<32>>),
        time: Time,
        leaf: &Bytes<32>,
    ) -> Result<(), Invalid> {
        self.group(group, epoch)?;
        if until <= time || until - time > LONGEST_DRILL {
            return Err(Invalid::Mismatch("end of the drill"));
        }
        let gate_epoch = self.gate().epoch;
        let files = code_key.map(|key| ByFiles { code_key: *key, nonce: *nonce, gate_epoch });
        let judged = BTreeSet::new();
        self.drills.last.insert(*group, Drill { id: *leaf, epoch, begun: time, until, judged, files });
        Ok(())
    }

    pub(super) fn gate_proved(
        &mut self,
        drill: &Bytes<32>,
        epoch: u64,
        proof: &Bytes<64>,
        time: Time,
    ) -> Result<(), Invalid> {
        self.open_drill(drill, time)?;
        let gate = self.gate_epoch(epoch).ok_or(Invalid::Mismatch("gate epoch"))?;
        pvss::verify_gate_key(&gate.gamma, drill, &self.id, epoch, proof)
            .map_err(|_| Invalid::NotA { who: "the gate".to_owned(), what: "the owner of its key" })?;
        self.drills.gate.insert(epoch, time);
        Ok(())
    }

    /// As at a ceremony: in the room the answer is fresh; its code's step fits, was not
    /// used before and is now used up.
    pub(super) fn custodian_proved(
        &mut self,
        answer: &DrillAnswer,
        step: u64,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let who = &answer.custodian;
        let (group, _) = self.answered(answer, time, claims)?;
        if self.used_steps.get(who).is_some_and(|steps| steps.contains(&step)) {
            return Err(Invalid::StepReused(who.to_string()));
        }
        let fits = step.abs_diff(answer.at.unix_seconds() / STEP) <= 1;
        if self.drill_refusal(answer, time).is_some() || !fits {
            return Err(Invalid::Mismatch("answer to the drill"));
        }
        self.judged(&group, answer)?;
        self.use_up(who, step, time);
        self.wrong_codes.remove(who);
        // A file shows that the member was there when it was made, and may come long after.
        let at = if answer.code.is_some() { answer.at.min(time) } else { time };
        let proved = self.drills.custodians.entry(group).or_default();
        proved.entry(who.clone()).and_modify(|last| *last = at.max(*last)).or_insert(at);
        Ok(())
    }

    pub(super) fn drill_refused(
        &mut self,
        answer: &DrillAnswer,
        why: Refusal,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(), Invalid> {
        let (group, _) = self.answered(answer, time, claims)?;
        self.judged(&group, answer)?;
        if why == Refusal::WrongCode {
            self.wrong_code(&answer.custodian, time);
        }
        Ok(())
    }

    /// Why an answer does not count, whatever its code is.
    pub fn drill_refusal(&self, answer: &DrillAnswer, now: Time) -> Option<Refusal> {
        let (group, drill) = self.drills.by_id(&answer.drill)?;
        let proved = self.drills.proved(group, &answer.custodian);
        if let Some(how) = self.cards.barred(&answer.custodian) {
            Some(how.into())
        } else if self.locked_until(&answer.custodian, now).is_some() {
            Some(Refusal::LockedOut)
        } else if proved.is_some_and(|at| at >= drill.begun) {
            Some(Refusal::Twice)
        } else if answer.at < drill.begun {
            Some(Refusal::TooEarly)
        } else if answer.at > now + AHEAD {
            Some(Refusal::FromTheFuture)
        } else if answer.code.is_none() && now - answer.at > ROOM_AGE {
            Some(Refusal::Stale)
        } else {
            None
        }
    }

    /// An answer is judged once: who has it cannot use up the custodian's attempts.
    fn judged(&mut self, group: &GroupId, answer: &DrillAnswer) -> Result<(), Invalid> {
        let digest = Bytes(answer.signed_digest());
        let drill = self.drills.last.get_mut(group).ok_or(Invalid::Mismatch("drill"))?;
        let repeated = || Invalid::Duplicate(format!("answer {}", digest.short()));
        if drill.judged.insert(digest) { Ok(()) } else { Err(repeated()) }
    }

    /// The open drill with an id, and its group.
    fn open_drill(&self, id: &Bytes<32>, time: Time) -> Result<(GroupId, Drill), Invalid> {
        let found = self.drills.by_id(id).filter(|(_, drill)| drill.is_open(time));
        let (group, drill) = found.ok_or(Invalid::Mismatch("drill"))?;
        Ok((*group, drill.clone()))
    }

    /// Checks that a member of the group made and signed this answer; says of which
    /// group and drill it is.
    fn answered(
        &self,
        answer: &DrillAnswer,
        time: Time,
        claims: &mut dyn Claims,
    ) -> Result<(GroupId, Drill), Invalid> {
        let DrillAnswer { drill, custodian, at: _, proof, code, signature } = answer;
        let (group, open) = self.open_drill(drill, time)?;
        if code.is_some() && open.files.is_none() {
            return Err(Invalid::Mismatch("answer by a file"));
        }
        let statement = self.group(&group, open.epoch)?;
        let key = self.card(custodian, Role::Custodian)?.sign_key;
        member_key(statement, custodian)?;
        claims.take(claim(custodian, &key, &answer.signed_digest(), signature))?;
        let member = statement.members.iter().find(|m| m.pseudonym == *custodian);
        let share_key = member.map(|m| m.share_key).ok_or(Invalid::Mismatch("member"))?;
        pvss::verify_share_key(&share_key, drill, &self.g(statement), custodian, proof)
            .map_err(|_| Invalid::NotA { who: custodian.to_string(), what: "the owner of its share key" })?;
        Ok((group, open))
    }
}
