//! The gate's side: which contributions count, and when a quorum is complete.
//!
//! Pure: what is judged, the state, the time and the decrypted code come in;
//! an event comes out. A [`QuorumAccepted`] can be made here alone, and nothing
//! is released without one.

use crate::event::{Acceptance, Event, Hash, Mode, Refusal, ciphertext_hash};
use crate::hex::Bytes;
use crate::message::Contribution;
use crate::name::{GroupId, Pseudonym};
use crate::seal::{sign, totp::TotpSecret};
use crate::secret::SecretBytes;
pub use crate::state::{AHEAD, ROOM_AGE};
use crate::state::{ATTEMPTS, Ceremony, LOCKOUT, Organisation};
use crate::time::{Span, Time};
use std::collections::BTreeMap;

/// Window of a ceremony in the room, unless another is asked for.
pub const ROOM_WINDOW: Span = Span::minutes(15);
/// Window of a ceremony by files, unless another is asked for.
pub const FILES_WINDOW: Span = Span::hours(24);

/// Why a message is no attempt at all: nobody can be held to it, so it is no entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotCounted {
    /// The ceremony is unknown here.
    #[error("this vault knows no ceremony {}; is the file of another ceremony or another vault?", .0.short())]
    UnknownCeremony(Hash),
    /// The ceremony has ended.
    #[error("the ceremony has ended")]
    Ended,
    /// The sender is no custodian of this organisation.
    #[error("{0} is not a custodian of this organisation")]
    NotACustodian(Pseudonym),
    /// The signature is wrong: anybody may have written it.
    #[error("the signature of {0} on the contribution is wrong")]
    Signature(Pseudonym),
    /// The very same message was judged before.
    #[error("this contribution was judged before: it was {}", match .0 { None => "accepted".to_owned(), Some(why) => format!("refused ({})", why.as_str()) })]
    Repeated(Option<Refusal>),
}

/// A contribution whose signature is right and which was not judged before.
#[derive(Debug)]
pub struct Attempt<'a> {
    contribution: &'a Contribution,
    ceremony: &'a Ceremony,
}

/// Checks whose message it is; only after this may an attempt count.
pub fn attempt<'a>(
    state: &'a Organisation,
    contribution: &'a Contribution,
) -> Result<Attempt<'a>, NotCounted> {
    let who = &contribution.custodian;
    let ceremony = state.ceremonies.get(&contribution.ceremony);
    if ceremony.is_none() && !state.spent.contains_key(&contribution.ceremony) {
        return Err(NotCounted::UnknownCeremony(contribution.ceremony));
    }
    let card = state.people.get(who).filter(|p| p.role == crate::seal::card::Role::Custodian);
    let card = card.ok_or_else(|| NotCounted::NotACustodian(who.clone()))?;
    if !sign::verify(&card.sign_key, &contribution.digest(), &contribution.signature) {
        return Err(NotCounted::Signature(who.clone()));
    }
    let ceremony = ceremony.ok_or(NotCounted::Ended)?;
    if let Some(why) = ceremony.refused.get(&Bytes(contribution.digest())) {
        return Err(NotCounted::Repeated(Some(*why)));
    }
    if ceremony.accepted_messages.contains(&contribution.digest()) {
        return Err(NotCounted::Repeated(None));
    }
    Ok(Attempt { contribution, ceremony })
}

impl Attempt<'_> {
    /// Judges the attempt. `code` is the decrypted code, `None` if it did not
    /// decrypt.
    pub fn judge(
        &self,
        state: &Organisation,
        totp: &TotpSecret,
        code: Option<&SecretBytes>,
        now: Time,
    ) -> Event {
        let verdict = self.check(state, now).and_then(|()| self.check_code(state, totp, code));
        match verdict {
            Ok(step) => Event::Accepted(self.acceptance(step)),
            Err(why) => Event::Refused {
                ceremony: self.contribution.ceremony,
                custodian: self.contribution.custodian.clone(),
                why,
                at: self.contribution.at,
                body: self.contribution.body(),
                signature: self.contribution.signature,
            },
        }
    }

    fn check(&self, state: &Organisation, now: Time) -> Result<(), Refusal> {
        let Self { contribution, ceremony } = self;
        if now > ceremony.expires {
            return Err(Refusal::Expired);
        }
        if let Some(how) = state.cards.barred(&contribution.custodian) {
            return Err(how.into());
        }
        if state.locked_until(&contribution.custodian, now).is_some() {
            return Err(Refusal::LockedOut);
        }
        if ceremony.accepted.contains_key(&contribution.custodian) {
            return Err(Refusal::Twice);
        }
        let checked = (contribution.size, Some(contribution.root));
        if checked != (ceremony.opened_size, ceremony.opened_root) {
            return Err(Refusal::OtherCheckpoint);
        }
        let seen = (contribution.size, &contribution.root);
        let at = contribution.at;
        if state.cosignature(&contribution.custodian, seen, at, &contribution.cosignature).is_none() {
            return Err(Refusal::WrongCosignature);
        }
        if !self.holds_all(state) {
            return Err(Refusal::NotAHolder);
        }
        if contribution.at < ceremony.opened {
            return Err(Refusal::TooEarly);
        }
        if contribution.at > now + AHEAD {
            return Err(Refusal::FromTheFuture);
        }
        if ceremony.mode == Mode::Room && now - contribution.at > ROOM_AGE {
            return Err(Refusal::Stale);
        }
        Ok(())
    }

    /// Every target that is named is one that the custodian holds a share of,
    /// each once, each with a share.
    fn holds_all(&self, state: &Organisation) -> bool {
        let Self { contribution, ceremony } = self;
        if let Some(reshare) = &ceremony.reshare {
            // Who takes part does so for all of it, and gives no share.
            let group = state.statement(&reshare.from.group, reshare.from.epoch);
            let none = contribution.targets.is_empty()
                && contribution.shares.is_empty()
                && contribution.ciphertexts.is_empty();
            return none && group.is_some_and(|g| g.index_of(&contribution.custodian).is_some());
        }
        let counts = [contribution.shares.len(), contribution.ciphertexts.len()];
        let holds = |index: &u64| {
            let credential = usize::try_from(*index).ok().and_then(|i| ceremony.targets.get(i));
            let version = credential.and_then(|c| state.versions.get(c));
            let group = version.and_then(|v| state.holder(&v.sealing));
            group.is_some_and(|g| g.index_of(&contribution.custodian).is_some())
        };
        !contribution.targets.is_empty()
            && counts == [contribution.targets.len(); 2]
            && contribution.targets.is_sorted_by(|a, b| a < b)
            && contribution.targets.iter().all(holds)
    }

    fn check_code(
        &self,
        state: &Organisation,
        totp: &TotpSecret,
        code: Option<&SecretBytes>,
    ) -> Result<u64, Refusal> {
        let who = &self.contribution.custodian;
        let step = code.and_then(|code| totp.check(code, self.contribution.at.unix_seconds()));
        let step = step.ok_or(Refusal::WrongCode)?;
        if state.used_steps.get(who).is_some_and(|used| used.contains(&step)) {
            return Err(Refusal::ReplayedCode);
        }
        Ok(step)
    }

    fn acceptance(&self, step: u64) -> Acceptance {
        let contribution = self.contribution;
        Acceptance {
            ceremony: contribution.ceremony,
            custodian: contribution.custodian.clone(),
            targets: contribution.targets.clone(),
            at: contribution.at,
            step,
            size: contribution.size,
            root: contribution.root,
            cosignature: contribution.cosignature,
            shares: contribution.shares.clone(),
            ciphertexts: contribution.ciphertexts.iter().map(ciphertext_hash).collect(),
            code: ciphertext_hash(&contribution.code),
            signature: contribution.signature,
        }
    }
}

/// Proof that at least `t` different custodians of a target's group were
/// accepted. Only [`quorum`] makes one.
#[derive(Debug)]
pub struct QuorumAccepted {
    ceremony: Hash,
    target: u64,
    credential: Hash,
    custodians: Vec<Pseudonym>,
}

impl QuorumAccepted {
    /// The ceremony.
    pub fn ceremony(&self) -> &Hash {
        &self.ceremony
    }

    /// Index of the target.
    pub fn target(&self) -> u64 {
        self.target
    }

    /// Its credential id.
    pub fn credential(&self) -> &Hash {
        &self.credential
    }

    /// Who contributed.
    pub fn custodians(&self) -> &[Pseudonym] {
        &self.custodians
    }

    /// The entry that must be durable before anything is given out.
    pub fn event(&self) -> Event {
        Event::Released {
            ceremony: self.ceremony,
            target: self.target,
            credential: self.credential,
            custodians: self.custodians.clone(),
        }
    }
}

/// How many more wrong codes would lock a custodian out, if they came now.
pub fn tries_left(state: &Organisation, who: &Pseudonym, now: Time) -> usize {
    let wrong = state.wrong_codes.get(who).map(Vec::as_slice).unwrap_or_default();
    ATTEMPTS.saturating_sub(wrong.iter().filter(|at| now - **at <= LOCKOUT).count())
}

/// How many custodians were accepted for a target, and how many are needed.
pub fn progress(state: &Organisation, ceremony: &Ceremony, target: u64) -> (usize, usize) {
    let credential = usize::try_from(target).ok().and_then(|t| ceremony.targets.get(t));
    let version = credential.and_then(|c| state.versions.get(c));
    let group = version.and_then(|v| state.holder(&v.sealing));
    let needed = group.and_then(|g| usize::try_from(g.threshold).ok()).unwrap_or(usize::MAX);
    (contributors(ceremony, target).len(), needed)
}

/// The same over all groups that hold targets of a ceremony: of each what the target
/// that lacks most has, for whoever contributes does so for all that a group holds.
/// What was opened already lacks nothing, and what is more than one of several
/// groups needs does not stand in for what another lacks.
pub fn overall(state: &Organisation, ceremony: &Ceremony) -> (usize, usize) {
    if let Some(reshare) = &ceremony.reshare {
        let group = state.statement(&reshare.from.group, reshare.from.epoch);
        let there = ceremony.accepted.keys().filter(|who| !reshare.rejected.contains(*who));
        return (there.count(), group.map_or(usize::MAX, |group| group.needed()));
    }
    let mut groups = BTreeMap::<Option<GroupId>, (usize, usize)>::new();
    for (target, credential) in (0u64..).zip(&ceremony.targets) {
        let (there, needed) = progress(state, ceremony, target);
        let there = if ceremony.revealed.contains(&target) { there.max(needed) } else { there };
        let group = state.versions.get(credential).map(|version| version.sealing.group);
        let most = groups.entry(group).or_insert((there, needed));
        if needed.saturating_sub(there) > most.1.saturating_sub(most.0) {
            *most = (there, needed);
        }
    }
    let several = groups.len() > 1;
    groups.into_values().fold((0, 0), |(there, needed), (here, wanted)| {
        let counted = if several { here.min(wanted) } else { here };
        (there + counted, needed.saturating_add(wanted))
    })
}

/// Custodians accepted for a target whose share the operator does not call bad, and
/// whose card was not barred before it was released.
pub fn contributors(ceremony: &Ceremony, target: u64) -> Vec<Pseudonym> {
    let covering = ceremony.accepted.iter().filter(|(who, covered)| {
        // What was released before a card was barred stays as it was given.
        let barred = ceremony.barred.contains(*who) && !ceremony.released.contains(&target);
        covered.contains(&target) && !barred && !ceremony.rejected.contains(&(target, (*who).clone()))
    });
    covering.map(|(who, _)| who.clone()).collect()
}

/// The quorum for a target of an open ceremony, once it is complete, while the
/// operator's admission stands.
pub fn quorum(state: &Organisation, ceremony: &Hash, target: u64) -> Option<QuorumAccepted> {
    let found = state.ceremonies.get(ceremony)?;
    let credential = *found.targets.get(usize::try_from(target).ok()?)?;
    let version = state.versions.get(&credential)?;
    let group = state.holder(&version.sealing)?;
    let (there, needed) = progress(state, found, target);
    if there < needed || !found.still_admitted(group) {
        return None;
    }
    let custodians = contributors(found, target);
    Some(QuorumAccepted { ceremony: *ceremony, target, credential, custodians })
}
