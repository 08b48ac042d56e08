//! A contributor of a resharing who deals something else again: whoever it is is named
//! by everybody who checks, set aside on record, and another takes the place.

use crate::hand_over::{Held, open};
use crate::support::{World, forge_on, slug};
use warifu::ceremony::reshare::{CheckError, OfferFault};
use warifu::event::{Actor, Event, Hash};
use warifu::hex::Bytes;
use warifu::message::Redealt;
use warifu::pvss::{LinkProof, Redealing, ReshareError};
use warifu::state::Invalid;
use warifu::time::Span;

/// 3-of-5 `root` with two versions, to be handed to 2-of-3 `new`; 0, 1 and 2 take part.
struct Scene {
    world: World,
    held: Held,
    offers: Vec<Redealt>,
}

fn scene() -> Scene {
    let mut world = World::new();
    world.enrol_more(3);
    world.seal();
    let (root, new) = (world.group(), world.form("new", 2, &[5, 6, 7]));
    let mut held = open(&mut world, &root, &new).unwrap();
    held.agree(&mut world, &[0, 1, 2]);
    let chunk = held.chunk(&world);
    let offers = held.redealt(&mut world, &chunk);
    Scene { world, held, offers }
}

impl Scene {
    /// The second contributor sends something else, signed like anything of theirs.
    fn sends(&mut self, change: impl FnOnce(&mut Redealt)) {
        let offer = &mut self.offers[1];
        change(offer);
        offer.signature = self.world.custodians[1].sign(&offer.digest());
    }

    /// Who is named, for which version and for what.
    fn named(&mut self) -> (String, Hash, OfferFault) {
        let chunk = self.held.chunk(&self.world);
        let Err(CheckError::Culprits(mut culprits)) = self.held.check(&mut self.world, &chunk, &self.offers)
        else {
            panic!("it was taken")
        };
        assert_eq!(culprits.len(), 1, "nobody else is named");
        let culprit = culprits.remove(0);
        (culprit.custodian.to_string(), culprit.credential, culprit.why)
    }

    /// The second contributor is named, for the version at a place of the list.
    #[track_caller]
    fn names_the_second(&mut self, place: usize) -> OfferFault {
        let (who, credential, why) = self.named();
        assert_eq!(who, self.world.custodians[1].name().to_string());
        assert_eq!(credential, self.offers[0].credentials[place]);
        why
    }
}

/// One of a contributor's two proofs for a version does not hold; both are verified
/// together, so that which of them it is nobody says.
fn bad_proof() -> OfferFault {
    OfferFault::Proof(ReshareError::Link { index: 0 })
}

#[test]
fn honest_re_dealings_are_taken() {
    let Scene { mut world, held, offers } = scene();
    let chunk = held.chunk(&world);
    assert!(held.check(&mut world, &chunk, &offers).is_ok());
}

#[test]
fn a_re_dealing_of_another_version_is_named() {
    let mut scene = scene();
    scene.sends(|offer| {
        offer.redealings.swap(0, 1);
        offer.links.swap(0, 1);
    });
    assert_eq!(scene.names_the_second(0), bad_proof());
}

#[test]
fn a_re_dealing_that_shares_something_else_is_named() {
    let mut scene = scene();
    // Made once more: its own proof holds, and the link proof is of the other one.
    let chunk = scene.held.chunk(&scene.world);
    let again = scene.held.redealt(&mut scene.world, &chunk);
    scene.sends(|offer| offer.redealings[1] = again[1].redealings[1].clone());
    assert!(matches!(scene.names_the_second(1), OfferFault::Proof(_)));
}

#[test]
fn anothers_re_dealing_sent_as_ones_own_is_named() {
    let mut scene = scene();
    let others = scene.offers[0].clone();
    scene.sends(|offer| {
        offer.redealings = others.redealings.clone();
        offer.links = others.links.clone();
    });
    assert_eq!(scene.names_the_second(0), bad_proof());
}

/// What a contributor deals again to another group than the one that was asked for.
fn to_another(threshold: usize, members: &[usize]) -> OfferFault {
    let mut scene = scene();
    let Scene { world, held, .. } = &mut scene;
    let ceremony = held.ceremony;
    world.vault.end_ceremony(&mut world.log, &ceremony, warifu::event::Ending::Aborted, world.now).unwrap();
    let (root, other) = (world.group(), world.form("other", threshold, members));
    let mut elsewhere = open(world, &root, &other).unwrap();
    elsewhere.agree(world, &[0, 1, 2]);
    let chunk = elsewhere.chunk(world);
    let offers = elsewhere.redealt(world, &chunk);
    world
        .vault
        .end_ceremony(&mut world.log, &elsewhere.ceremony, warifu::event::Ending::Aborted, world.now)
        .unwrap();
    let new = world.log.state.group_by_slug(&slug("new")).unwrap().clone();
    let mut again = open(world, &root, &new).unwrap();
    again.agree(world, &[0, 1, 2]);
    let chunk = again.chunk(world);
    scene.offers = again.redealt(world, &chunk);
    scene.held = again;
    scene.sends(|offer| {
        offer.redealings = offers[1].redealings.clone();
        offer.links = offers[1].links.clone();
    });
    scene.names_the_second(0)
}

#[test]
fn a_re_dealing_to_other_keys_is_named() {
    assert_eq!(to_another(2, &[5, 6, 0]), bad_proof());
}

#[test]
fn a_re_dealing_with_another_threshold_is_named() {
    assert_eq!(to_another(3, &[5, 6, 7]), bad_proof());
}

#[test]
fn a_re_dealing_for_more_members_is_named() {
    let why = to_another(2, &[5, 6, 7, 0]);
    assert!(matches!(why, OfferFault::Proof(ReshareError::Redealing { index: 2, .. })), "{why:?}");
}

/// A card that has left the group, or one whose key was replaced.
#[test]
fn a_key_that_is_not_in_the_group_deals_nothing_again() {
    let mut scene = scene();
    let chunk = scene.held.chunk(&scene.world);
    let Scene { world, held, .. } = &mut scene;
    let refused = held.first().redeal(&world.custodians[6].card, &chunk, &mut world.rng);
    assert!(refused.is_err());
    // A member's answer, made by somebody else's hand: not signed by the member.
    scene.offers[1].signature = scene.world.custodians[6].sign(&scene.offers[1].digest());
    assert_eq!(scene.names_the_second(0), OfferFault::Message);
    // One who signs for themselves is no member.
    let stranger = scene.world.custodians[6].name();
    scene.offers[1].custodian = stranger.clone();
    scene.offers[1].signature = scene.world.custodians[6].sign(&scene.offers[1].digest());
    let (who, _, why) = scene.named();
    assert_eq!((who, why), (stranger.to_string(), OfferFault::Message));
}

#[test]
fn changed_proofs_are_named_bit_by_bit() {
    let mut scene = scene();
    let honest = scene.offers.clone();
    let whole = (honest[1].redealings[0].0.len(), honest[1].links[0].0.len());
    for at in (0..whole.0).step_by(29) {
        scene.offers = honest.clone();
        scene.sends(|offer| offer.redealings[0].0[at] ^= 1);
        scene.names_the_second(0);
    }
    for at in (0..whole.1).step_by(13) {
        scene.offers = honest.clone();
        scene.sends(|offer| offer.links[1].0[at] ^= 4);
        scene.names_the_second(1);
    }
    scene.offers = honest.clone();
    scene.sends(|offer| drop(offer.links.pop()));
    assert_eq!(scene.names_the_second(0), OfferFault::Message);
    scene.offers = honest;
    scene.sends(|offer| offer.ceremony = Bytes([1; 64]));
    assert_eq!(scene.names_the_second(0), OfferFault::Message);
}

#[test]
fn one_who_comes_twice_takes_nobodys_place() {
    let Scene { mut world, held, mut offers } = scene();
    let chunk = held.chunk(&world);
    offers[1] = offers[0].clone();
    let refused = held.check(&mut world, &chunk, &offers).err();
    assert_eq!(refused, Some(CheckError::Contributors { found: 2, needed: 3 }));
}

#[test]
fn everybody_who_is_bad_is_named_at_once() {
    let mut scene = scene();
    scene.sends(|offer| offer.links.swap(0, 1));
    let third = &mut scene.offers[2];
    third.redealings.swap(0, 1);
    third.signature = scene.world.custodians[2].sign(&third.digest());
    let chunk = scene.held.chunk(&scene.world);
    let Err(CheckError::Culprits(culprits)) = scene.held.check(&mut scene.world, &chunk, &scene.offers)
    else {
        panic!("it was taken")
    };
    let named: Vec<_> = culprits.iter().map(|one| one.custodian.clone()).collect();
    assert_eq!(named, [1, 2].map(|who| scene.world.custodians[who].name()));
}

#[test]
fn whoever_is_named_is_set_aside_on_record_and_another_takes_the_place() {
    let mut scene = scene();
    scene.sends(|offer| offer.links.swap(0, 1));
    let chunk = scene.held.chunk(&scene.world);
    let Scene { mut world, mut held, offers } = scene;
    let Err(CheckError::Culprits(culprits)) = held.check(&mut world, &chunk, &offers) else {
        panic!("it was taken")
    };
    let now = world.now;
    world.vault.reject_redealings(&mut world.log, &held.ceremony, &culprits, now).unwrap();
    held.reviews.remove(&1);
    for who in [0, 2] {
        let review = held.review(&world, who);
        held.reviews.insert(who, review);
    }
    held.agree(&mut world, &[4]);
    held.part(&mut world);
    held.end(&mut world);
    assert!(world.vault.verify(None).unwrap().findings.is_empty());
    let new = world.log.state.group_by_slug(&slug("new")).unwrap();
    assert!(world.log.state.versions.values().all(|version| version.sealing.group == new.group));
}

/// Two re-dealings that are each good are of two dealings: the record that lies beside
/// the log must be the one that the contributors signed.
#[test]
fn a_host_cannot_put_another_good_re_dealing_beside_the_log() {
    let Scene { mut world, mut held, offers } = scene();
    let chunk = held.chunk(&world);
    let checked = held.check(&mut world, &chunk, &offers).unwrap();
    let others = held.redealt(&mut world, &chunk);
    let other = held.check(&mut world, &chunk, &others).unwrap();
    let signed = held.signed(&world, &checked);
    world.vault.enter_reshared(&mut world.log, &checked, signed, world.now).unwrap();
    // It has the old dealings still, but for this it cannot use them.
    let forged = warifu::event::ReshareDone {
        ceremony: held.ceremony,
        versions: other.versions().to_vec(),
        contributors: Vec::new(),
    };
    let refused = forge_on(&world.log.state, world.now, Actor::Host, Event::Reshared(forged)).err();
    assert!(matches!(refused, Some(Invalid::TooFewSignatures { .. })), "{refused:?}");
    let name = |id: &Hash| warifu::vault::seal::dealing_record(id);
    let (entered, _) = &checked.records()[0];
    let (_, bytes) = &other.records()[0];
    world.force(Vec::new(), vec![(name(entered), bytes.clone())]);
    let findings = world.vault.verify(None).unwrap().findings;
    assert!(findings.iter().any(|found| found.what.contains("is not what its entry says")), "{findings:?}");
    let refused = world.vault.clear_replaced(&mut world.log, world.now, &mut world.rng);
    assert!(refused.is_err(), "the old dealing of what is not there is kept");
    assert_eq!(world.log.state.reshares.replaced.len(), 1);
    world.pass(Span::minutes(1));
}

/// Decoders take nothing that they would not have written.
#[test]
fn decoders_take_whole_canonical_encodings_alone() {
    let Scene { offers, .. } = scene();
    let (redealing, link) = (&offers[0].redealings[0].0, &offers[0].links[0].0);
    assert_eq!(Redealing::from_bytes(1, redealing, 3).unwrap().to_bytes(), *redealing);
    assert_eq!(LinkProof::from_bytes(link).unwrap().to_bytes().to_vec(), *link);
    assert!(Redealing::from_bytes(1, &redealing[..redealing.len() - 1], 3).is_err());
    assert!(LinkProof::from_bytes(&[link.as_slice(), &[0]].concat()).is_err());
}
