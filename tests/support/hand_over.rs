//! A resharing through the library, one step at a time, so that a test can stand in
//! between: whoever takes part, whatever they send.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use super::support::World;
use rand::{SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use warifu::ceremony::reshare::{CheckError, CheckedChunk, Chunk, ReshareReview, SignedLast, review};
use warifu::event::{Ending, Event, GroupStatement, Hash, Mode, Renewal, Signed};
use warifu::message::Redealt;
use warifu::time::Span;
use warifu::vault::VaultError;
use warifu::vault::group::Draft;
use warifu::vault::reshare::{Cleared, ReshareAsk};

/// A ceremony of a resharing, with whoever was accepted.
pub struct Held {
    pub ceremony: Hash,
    /// Reviews by custodian.
    pub reviews: BTreeMap<usize, ReshareReview>,
    /// What each card keeps.
    pub kept: BTreeMap<usize, SignedLast>,
}

pub fn open(world: &mut World, from: &GroupStatement, to: &GroupStatement) -> Result<Held, VaultError> {
    world.pass(Span::minutes(2));
    let ask = ReshareAsk {
        from: from.into(),
        to: to.into(),
        reason: "somebody leaves",
        ticket: Some("OPS-9"),
        window: Span::hours(1),
        mode: Mode::Room,
    };
    let operator = &world.operator.card;
    let ceremony = world.vault.open_reshare(&mut world.log, operator, &ask, world.now, &mut world.rng)?;
    Ok(Held { ceremony, reviews: BTreeMap::new(), kept: BTreeMap::new() })
}

impl Held {
    /// A custodian reviews the request as the log is now.
    pub fn review(&self, world: &World, who: usize) -> ReshareReview {
        let package = world.vault.reshare_package(&world.log, &self.ceremony).unwrap();
        review(&package, &world.custodians[who].card, None, world.now).unwrap()
    }

    /// These custodians take part.
    pub fn agree(&mut self, world: &mut World, who: &[usize]) {
        for one in who {
            let review = self.review(world, *one);
            let code = world.custodians[*one].code(world.now);
            let answer =
                review.agree(&world.custodians[*one].card, &code, world.now, &mut world.rng).unwrap();
            let event = world.accept(&answer).unwrap();
            assert!(matches!(event, Event::Accepted(_)), "{event:?}");
            self.reviews.insert(*one, review);
        }
    }

    pub fn first(&self) -> &ReshareReview {
        self.reviews.values().next().unwrap()
    }

    /// The next part of what is left.
    pub fn chunk(&self, world: &World) -> Chunk {
        let records = world.vault.next_dealings(&world.log, self.first().left()).unwrap();
        self.first().chunk(&records, &mut StdRng::seed_from_u64(1)).unwrap()
    }

    pub fn redealt(&self, world: &mut World, chunk: &Chunk) -> Vec<Redealt> {
        let World { custodians, rng, .. } = world;
        let each = self.reviews.iter();
        each.map(|(who, review)| review.redeal(&custodians[*who].card, chunk, rng).unwrap()).collect()
    }

    pub fn check(
        &self,
        world: &mut World,
        chunk: &Chunk,
        offers: &[Redealt],
    ) -> Result<CheckedChunk, CheckError> {
        self.first().check(chunk, offers, &mut world.rng)
    }

    /// Everybody signs, in the order of the share indices.
    pub fn signed(&mut self, world: &World, checked: &CheckedChunk) -> Vec<Signed> {
        let each = checked.contributors().iter().map(|name| {
            let who = *self.reviews.keys().find(|who| world.custodians[**who].name() == *name).unwrap();
            let review = &self.reviews[&who];
            let kept = review.to_keep(checked, self.kept.get(&who)).unwrap();
            let signed = review.sign(&world.custodians[who].card, checked, &kept).unwrap();
            self.kept.insert(who, kept);
            signed
        });
        each.collect()
    }

    /// One part from beginning to end, its old dealings destroyed.
    pub fn part(&mut self, world: &mut World) -> Cleared {
        let chunk = self.chunk(world);
        let offers = self.redealt(world, &chunk);
        let checked = self.check(world, &chunk, &offers).unwrap();
        let signed = self.signed(world, &checked);
        world.vault.enter_reshared(&mut world.log, &checked, signed, world.now).unwrap();
        self.reviews.values_mut().for_each(|review| review.advance(&checked));
        world.vault.clear_replaced(&mut world.log, world.now, &mut world.rng).unwrap()
    }

    pub fn end(self, world: &mut World) {
        world.vault.end_ceremony(&mut world.log, &self.ceremony, Ending::Closed, world.now).unwrap();
    }
}

/// All of it.
pub fn hand_over(world: &mut World, from: &GroupStatement, to: &GroupStatement, who: &[usize]) {
    let mut held = open(world, from, to).unwrap();
    held.agree(world, who);
    while !held.first().left().is_empty() {
        held.part(world);
    }
    held.end(world);
}

/// A group's next epoch, entered.
pub fn renew(world: &mut World, before: &GroupStatement, members: &[usize]) -> GroupStatement {
    let renewal = renewal(world, before, members);
    world.vault.renew_group(&mut world.log, renewal.clone(), world.now).unwrap();
    renewal.statement
}

/// The same, not entered.
pub fn renewal(world: &mut World, before: &GroupStatement, members: &[usize]) -> Renewal {
    let World { log, custodians, rng, .. } = world;
    let mut draft = Draft::next(&log.state, before);
    for who in members {
        draft.join(&log.state, &custodians[*who].card, rng).unwrap();
    }
    for who in members {
        draft.sign(&log.state, &mut custodians[*who].card).unwrap();
    }
    let threshold = usize::try_from(before.threshold).unwrap();
    let agreed = members[..threshold]
        .iter()
        .map(|who| draft.agree(&log.state, before, &custodians[*who].card).unwrap());
    let agreed = agreed.collect();
    Renewal { statement: draft.finish(), agreed }
}

/// The operator may ask a group.
pub fn admit(world: &mut World, group: &GroupStatement, signers: &[usize]) {
    let admission = world.admission(group, world.now + Span::days(30), signers);
    world.vault.admit(&mut world.log, admission, world.now).unwrap();
}
