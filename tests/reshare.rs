//! Resharing, as far as it is mathematics: groups that follow one another, what is
//! shared stays the same, nothing old is of use with the new, and records do not grow.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use warifu::hex::Bytes;
use warifu::name::Threshold;
use warifu::pvss::{
    ClaimedDealing, DealingContext, DealingError, DealingRecord, GroupKeys, LinkProof, Quorum, QuorumError,
    Redealing, ReshareContext, ReshareError, ResharedDealing, Resharing, ShareError, ShareKeyPair,
    UntrustedShare, VerifiedDealing, VerifiedRedealing, deal, open_share, reshared_digest, verify_claimed,
    verify_redealings,
};
use warifu::secret::SecretPoint;

const CRED: Bytes<64> = Bytes([7; 64]);
const REQUEST: Bytes<64> = Bytes([1; 64]);

struct Group {
    pairs: Vec<ShareKeyPair>,
    keys: GroupKeys,
}

impl Group {
    fn new(epoch: u8, t: usize, n: usize, rng: &mut StdRng) -> Self {
        let pairs: Vec<_> = (0..n).map(|_| ShareKeyPair::random(rng)).collect();
        let public: Vec<_> = pairs.iter().map(|pair| *pair.public()).collect();
        let keys = GroupKeys::new(Bytes([epoch; 64]), Threshold::new(t, n).unwrap(), &public).unwrap();
        Self { pairs, keys }
    }

    fn deal(&self, rng: &mut StdRng) -> (VerifiedDealing, SecretPoint) {
        self.deal_for(CRED, rng)
    }

    fn deal_for(&self, cred: Bytes<64>, rng: &mut StdRng) -> (VerifiedDealing, SecretPoint) {
        deal(&DealingContext::new(cred, &self.keys), &self.keys, rng).unwrap()
    }

    fn pair(&self, index: u8) -> &ShareKeyPair {
        &self.pairs[usize::from(index) - 1]
    }

    /// These members open a dealing.
    fn open(&self, dealing: &VerifiedDealing, indices: &[u8], rng: &mut StdRng) -> SecretPoint {
        let shares = indices.iter().map(|index| {
            let sent = open_share(dealing, *index, self.pair(*index), &REQUEST, rng).unwrap();
            UntrustedShare::from_bytes(sent.expose()).unwrap().verify(dealing, *index, &REQUEST).unwrap()
        });
        Quorum::gather(dealing, shares.collect()).unwrap().combine()
    }

    /// These members deal their shares again, and each is checked.
    fn redeal(&self, resharing: &Resharing, indices: &[u8], rng: &mut StdRng) -> Vec<VerifiedRedealing> {
        let sent: Vec<_> = indices
            .iter()
            .map(|index| {
                let (redealing, link) = resharing.redeal(*index, self.pair(*index), rng).unwrap();
                sent(&redealing, &link)
            })
            .collect();
        let read = |(index, redealing, link): (u8, Vec<u8>, Vec<u8>)| {
            let n = resharing.context().to().threshold().n();
            let redealing = Redealing::from_bytes(index, &redealing, n).unwrap();
            resharing.verify(redealing, LinkProof::from_bytes(&link).unwrap()).unwrap()
        };
        sent.into_iter().map(read).collect()
    }

    fn reshare(&self, old: VerifiedDealing, indices: &[u8], to: &Self, rng: &mut StdRng) -> ResharedDealing {
        let resharing = Resharing::new(old, &to.keys);
        let verified = self.redeal(&resharing, indices, rng);
        resharing.gather(verified).unwrap()
    }
}

/// What travels: the index beside it.
fn sent(redealing: &Redealing, link: &LinkProof) -> (u8, Vec<u8>, Vec<u8>) {
    (redealing.index(), redealing.to_bytes(), link.to_bytes().to_vec())
}

/// As anybody reads it later, with nothing of the old dealing.
fn stored(bytes: &[u8], keys: &GroupKeys) -> Result<VerifiedDealing, DealingError> {
    ClaimedDealing::read(bytes, &CRED, keys)?.verify()
}

fn reshared(error: ReshareError) -> DealingError {
    DealingError::Reshared(error)
}

/// `count` of `1..=n`, ascending, chosen by `seed`.
fn some_of(n: usize, count: usize, seed: u64) -> Vec<u8> {
    let mut all: Vec<u8> = (1..=n as u8).collect();
    let mut state = seed;
    while all.len() > count {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        all.remove((state >> 33) as usize % all.len());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_is_shared_stays_through_groups_of_any_size(
        seed: u64, sizes in prop::collection::vec((2usize..6, 0usize..4), 2..4)
    ) {
        let rng = &mut StdRng::seed_from_u64(seed);
        let mut sizes = sizes.into_iter();
        let (t, more) = sizes.next().unwrap();
        let mut group = Group::new(0, t, t + more, rng);
        let (mut dealing, secret) = group.deal(rng);
        for (epoch, (t, more)) in (1u8..).zip(sizes) {
            let next = Group::new(epoch, t, t + more, rng);
            let threshold = group.keys.threshold();
            let contributors = some_of(threshold.n(), threshold.t(), seed);
            let made = group.reshare(dealing, &contributors, &next, rng);
            dealing = stored(&made.record().to_bytes(), &next.keys).unwrap();
            prop_assert_eq!(dealing.id(), made.id());
            group = next;
            let threshold = group.keys.threshold();
            let quorum = some_of(threshold.n(), threshold.t(), seed ^ 1);
            let opened = group.open(&dealing, &quorum, rng);
            prop_assert_eq!(opened.expose(), secret.expose());
        }
    }
}

#[test]
fn three_of_five_to_five_of_nine_to_two_of_three() {
    let rng = &mut StdRng::seed_from_u64(1);
    let (first, second, third) =
        (Group::new(1, 3, 5, rng), Group::new(2, 5, 9, rng), Group::new(3, 2, 3, rng));
    let (dealt, secret) = first.deal(rng);
    let wide = first.reshare(dealt, &[1, 3, 5], &second, rng).verified();
    assert_eq!(second.open(&wide, &[1, 2, 4, 8, 9], rng).expose(), secret.expose());
    let narrow = second.reshare(wide, &[2, 3, 5, 7, 9], &third, rng).verified();
    for quorum in [[1, 2], [1, 3], [2, 3]] {
        assert_eq!(third.open(&narrow, &quorum, rng).expose(), secret.expose());
    }
}

#[test]
fn a_record_is_no_larger_after_many_resharings_than_after_one() {
    let rng = &mut StdRng::seed_from_u64(2);
    let mut group = Group::new(0, 3, 5, rng);
    let (mut dealing, secret) = group.deal(rng);
    let mut lengths = Vec::new();
    for epoch in 1..5 {
        let next = Group::new(epoch, 3, 5, rng);
        let made = group.reshare(dealing, &[1, 2, 5], &next, rng);
        lengths.push(made.record().to_bytes().len());
        (dealing, group) = (made.verified(), next);
    }
    assert_eq!(lengths, [67 + 3 * (1 + 32 * 9); 4]);
    assert_eq!(group.open(&dealing, &[2, 3, 4], rng).expose(), secret.expose());
}

#[test]
fn the_old_quorum_opens_nothing_of_the_new_dealing() {
    let rng = &mut StdRng::seed_from_u64(3);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 3, 5, rng));
    let (dealt, secret) = old.deal(rng);
    let made = old.reshare(dealt.clone(), &[1, 2, 3], &new, rng).verified();
    for index in 1..=5 {
        let refused = open_share(&made, index, old.pair(index), &REQUEST, rng).unwrap_err();
        assert_eq!(refused, ShareError::OtherKey { index });
    }
    // Shares of the old dealing are not shares of the new one, nor do they mix with it.
    let share = |dealing: &VerifiedDealing, group: &Group, index, rng: &mut StdRng| {
        let sent = open_share(dealing, index, group.pair(index), &REQUEST, rng).unwrap();
        UntrustedShare::from_bytes(sent.expose()).unwrap().verify(dealing, index, &REQUEST)
    };
    let of_old = open_share(&dealt, 1, old.pair(1), &REQUEST, rng).unwrap();
    let as_new = UntrustedShare::from_bytes(of_old.expose()).unwrap().verify(&made, 1, &REQUEST);
    assert_eq!(as_new.unwrap_err(), ShareError::Proof { index: 1 });
    let mixed = vec![
        share(&dealt, &old, 1, rng).unwrap(),
        share(&made, &new, 2, rng).unwrap(),
        share(&made, &new, 3, rng).unwrap(),
    ];
    assert_eq!(Quorum::gather(&made, mixed).unwrap_err(), QuorumError::OtherDealing { index: 1 });
    // With a copy from before it, it still does: backups.
    assert_eq!(old.open(&dealt, &[1, 4, 5], rng).expose(), secret.expose());
}

#[test]
fn fewer_than_the_new_threshold_learn_another_point() {
    let rng = &mut StdRng::seed_from_u64(4);
    let (old, new) = (Group::new(1, 2, 3, rng), Group::new(2, 3, 4, rng));
    let (dealt, _) = old.deal(rng);
    let made = old.reshare(dealt, &[1, 3], &new, rng).verified();
    let shares = [1, 2].map(|index| {
        let sent = open_share(&made, index, new.pair(index), &REQUEST, rng).unwrap();
        UntrustedShare::from_bytes(sent.expose()).unwrap().verify(&made, index, &REQUEST).unwrap()
    });
    let few = Quorum::gather(&made, shares.into()).unwrap_err();
    assert_eq!(few, QuorumError::TooFew { missing: 1, threshold: 3 });
}

#[test]
fn two_resharings_of_one_dealing_are_two_dealings() {
    let rng = &mut StdRng::seed_from_u64(5);
    let (old, new) = (Group::new(1, 2, 3, rng), Group::new(2, 2, 3, rng));
    let (dealt, secret) = old.deal(rng);
    let one = old.reshare(dealt.clone(), &[1, 2], &new, rng);
    let two = old.reshare(dealt, &[1, 2], &new, rng);
    assert_ne!(one.id(), two.id());
    assert_ne!(one.links(), two.links());
    for made in [one, two] {
        assert_eq!(new.open(&made.verified(), &[2, 3], rng).expose(), secret.expose());
    }
}

#[test]
fn whoever_takes_anothers_place_brings_another_dealing_of_the_same() {
    let rng = &mut StdRng::seed_from_u64(6);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 3, 5, rng));
    let (dealt, secret) = old.deal(rng);
    let resharing = Resharing::new(dealt, &new.keys);
    let verified = old.redeal(&resharing, &[1, 2, 3, 4], rng);
    let without = |index: u8| verified.iter().filter(|one| one.index() != index).cloned().collect();
    let ids: Vec<_> = [1, 2, 3, 4]
        .map(|index| {
            let made = resharing.gather(without(index)).unwrap();
            assert_eq!(new.open(&made.verified(), &[1, 3, 5], rng).expose(), secret.expose());
            *made.id()
        })
        .into();
    assert!((1..4).all(|at| ids[at] != ids[0]));
}

#[test]
fn a_re_dealing_is_refused_for_anything_else_than_it_was_made_for() {
    let rng = &mut StdRng::seed_from_u64(7);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 3, 5, rng));
    let (dealt, _) = old.deal(rng);
    let resharing = Resharing::new(dealt.clone(), &new.keys);
    let (redealing, link) = resharing.redeal(2, old.pair(2), rng).unwrap();
    let other_credential = Resharing::new(old.deal_for(Bytes([8; 64]), rng).0, &new.keys);
    let other_dealing = Resharing::new(old.deal(rng).0, &new.keys);
    let other_keys = Group::new(2, 3, 5, rng);
    let with = |t| {
        let keys = GroupKeys::new(*new.keys.g(), Threshold::new(t, 5).unwrap(), new.keys.keys()).unwrap();
        Resharing::new(dealt.clone(), &keys)
    };
    let other_epoch = GroupKeys::new(Bytes([3; 64]), new.keys.threshold(), new.keys.keys()).unwrap();
    let of_another = [
        other_credential,
        other_dealing,
        Resharing::new(dealt.clone(), &other_keys.keys),
        Resharing::new(dealt.clone(), &other_epoch),
        with(2),
        with(4),
    ];
    let own = ReshareError::Redealing { index: 2, why: Box::new(DealingError::Proof) };
    for other in of_another {
        assert_eq!(other.verify(redealing.clone(), link.clone()).unwrap_err(), own);
    }
    for index in [1, 3, 5] {
        let moved = Redealing::from_bytes(index, &redealing.to_bytes(), 5).unwrap();
        let own = ReshareError::Redealing { index, why: Box::new(DealingError::Proof) };
        assert_eq!(resharing.verify(moved, link.clone()).unwrap_err(), own);
    }
    for index in [0, 6, 255] {
        let moved = Redealing::from_bytes(index, &redealing.to_bytes(), 5).unwrap();
        assert_eq!(resharing.verify(moved, link.clone()).unwrap_err(), ReshareError::NoSuchMember { index });
    }
    resharing.verify(redealing, link).unwrap();
}

#[test]
fn a_link_proof_is_of_one_re_dealing() {
    let rng = &mut StdRng::seed_from_u64(8);
    for (t, n) in [(2, 2), (3, 5), (5, 9)] {
        let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, t, n, rng));
        let (dealt, _) = old.deal(rng);
        let resharing = Resharing::new(dealt, &new.keys);
        let (one, its) = resharing.redeal(2, old.pair(2), rng).unwrap();
        let (again, others) = resharing.redeal(2, old.pair(2), rng).unwrap();
        let refused = ReshareError::Link { index: 2 };
        assert_eq!(resharing.verify(one.clone(), others.clone()).unwrap_err(), refused);
        assert_eq!(resharing.verify(again, its.clone()).unwrap_err(), refused);
        for part in 0..5 {
            let mut wire = its.to_bytes();
            wire[32 * part..32 * part + 32].copy_from_slice(&others.to_bytes()[32 * part..32 * part + 32]);
            let bent = LinkProof::from_bytes(&wire).unwrap();
            assert_eq!(resharing.verify(one.clone(), bent).unwrap_err(), refused, "part {part}");
        }
    }
}

#[test]
fn a_key_that_is_not_in_the_old_group_deals_nothing_again() {
    let rng = &mut StdRng::seed_from_u64(9);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 3, 5, rng));
    let resharing = Resharing::new(old.deal(rng).0, &new.keys);
    let stranger = ShareKeyPair::random(rng);
    for pair in [&stranger, old.pair(1), new.pair(2)] {
        let refused = resharing.redeal(2, pair, rng).unwrap_err();
        assert_eq!(refused, ReshareError::OtherKey { index: 2 });
    }
    for index in [0, 6, 255] {
        let refused = resharing.redeal(index, old.pair(1), rng).unwrap_err();
        assert_eq!(refused, ReshareError::NoSuchMember { index });
    }
}

#[test]
fn exactly_t_ascending_re_dealings_of_one_resharing_are_gathered() {
    let rng = &mut StdRng::seed_from_u64(10);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 2, 3, rng));
    let (dealt, _) = old.deal(rng);
    let resharing = Resharing::new(dealt, &new.keys);
    let mut gather = |indices: &[u8]| {
        let verified = old.redeal(&resharing, indices, rng);
        resharing.gather(verified).map(|_| ()).err()
    };
    let count = |found| Some(ReshareError::Count { expected: 3, found });
    assert_eq!(gather(&[]), count(0));
    assert_eq!(gather(&[1, 2]), count(2));
    assert_eq!(gather(&[1, 2, 3, 4]), count(4));
    assert_eq!(gather(&[1, 2, 2]), Some(ReshareError::Order { index: 2 }));
    assert_eq!(gather(&[3, 1, 5]), Some(ReshareError::Order { index: 1 }));
    assert_eq!(gather(&[1, 5, 4]), Some(ReshareError::Order { index: 4 }));
    assert_eq!(gather(&[1, 4, 5]), None);

    let other = Resharing::new(old.deal(rng).0, &new.keys);
    let mut mixed = old.redeal(&resharing, &[1, 2], rng);
    mixed.extend(old.redeal(&other, &[3], rng));
    assert_eq!(resharing.gather(mixed).unwrap_err(), ReshareError::OtherContext { index: 3 });
}

#[test]
fn re_dealings_that_cancel_to_a_dealing_without_d_are_refused() {
    // With indices 1 and 2 of a threshold of 2 the coefficients are 2 and −1: the second
    // contributor chooses D_2 = 2·D_1, which it can only if it knows d_1.
    let rng = &mut StdRng::seed_from_u64(11);
    let old = Group::new(1, 2, 3, rng);
    let new = Group::new(2, 2, 2, rng);
    let made = cancelling(&old, &new, rng);
    assert_eq!(stored(&made, &new.keys).unwrap_err(), reshared(ReshareError::SumIdentity));
    let claimed = ClaimedDealing::read(&made, &CRED, &new.keys).unwrap();
    assert_eq!(verify_claimed(vec![claimed], rng).unwrap_err(), [0]);
}

/// The record of two re-dealings by one who follows no rule but those of the own proof.
fn cancelling(old: &Group, new: &Group, rng: &mut StdRng) -> Vec<u8> {
    use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
    use warifu::transcript::{Transcript, label};
    let (prev, threshold) = (Bytes([5; 64]), new.keys.threshold());
    let d = Scalar::random(rng);
    let keys: Vec<_> =
        new.keys.keys().iter().map(|key| CompressedRistretto(key.0).decompress().unwrap()).collect();
    let encode = |point: RistrettoPoint| point.compress().to_bytes();
    let mut record = [vec![1, 2, 3], prev.0.to_vec()].concat();
    for (index, d) in [(1u64, d), (2, d + d)] {
        let rctx = Transcript::new(label::REDEALING_CONTEXT)
            .part(CRED)
            .part(new.keys.g())
            .int(threshold.t() as u64)
            .int(threshold.n() as u64)
            .list(new.keys.keys())
            .part(prev)
            .int(old.keys.threshold().t() as u64)
            .int(old.keys.threshold().n() as u64)
            .int(index)
            .finish();
        // With n' = t' any points are consistent, and R2 is the identity.
        let first = encode(RistrettoPoint::mul_base(&d));
        let hidden: Vec<_> = keys.iter().map(|key| encode(RistrettoPoint::random(rng) + d * key)).collect();
        let r = Scalar::random(rng);
        let (r1, r2) = (encode(RistrettoPoint::mul_base(&r)), [0; 32]);
        let c = Transcript::new(label::DEALING).part(rctx).part(first).list(&hidden).part(r1).part(r2);
        let z = (r + c.scalar() * d).to_bytes();
        record.push(index as u8);
        record.extend([vec![first], hidden, vec![r1, r2, z]].concat().concat());
    }
    record
}

#[test]
fn every_changed_byte_of_a_record_is_another_dealing_or_none() {
    let rng = &mut StdRng::seed_from_u64(12);
    let (old, new) = (Group::new(1, 2, 3, rng), Group::new(2, 2, 3, rng));
    let made = old.reshare(old.deal(rng).0, &[1, 3], &new, rng);
    let good = made.record().to_bytes();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 2;
        let Ok(claimed) = ClaimedDealing::read(&bytes, &CRED, &new.keys) else { continue };
        assert_eq!(claimed.record().to_bytes(), bytes);
        assert!(claimed.id() != made.id() || claimed.verify().is_err(), "byte {at}");
    }
}

#[test]
fn a_record_for_other_keys_or_another_credential_is_another_dealing() {
    let rng = &mut StdRng::seed_from_u64(13);
    let (old, new) = (Group::new(1, 2, 3, rng), Group::new(2, 2, 3, rng));
    let made = old.reshare(old.deal(rng).0, &[1, 3], &new, rng);
    let bytes = made.record().to_bytes();
    let read = |cred, keys: &GroupKeys| ClaimedDealing::read(&bytes, &cred, keys).unwrap();
    let others = Group::new(2, 2, 3, rng);
    for claimed in [read(Bytes([0; 64]), &new.keys), read(CRED, &others.keys), read(CRED, &old.keys)] {
        assert_ne!(claimed.id(), made.id());
        let own = ReshareError::Redealing { index: 1, why: Box::new(DealingError::Proof) };
        assert_eq!(claimed.verify().unwrap_err(), reshared(own));
    }
    assert_eq!(read(CRED, &new.keys).id(), made.id());
    assert!(matches!(
        ClaimedDealing::read(&bytes, &CRED, &Group::new(2, 2, 4, rng).keys),
        Err(DealingError::Reshared(ReshareError::Encoding(_)))
    ));
}

#[test]
fn own_proofs_alone_do_not_show_what_is_shared() {
    // Why the link proofs, and the signatures of those who checked them, are demanded:
    // a record of another secret is consistent too.
    let rng = &mut StdRng::seed_from_u64(14);
    let (old, new) = (Group::new(1, 2, 3, rng), Group::new(2, 2, 3, rng));
    let (dealt, secret) = old.deal(rng);
    let (other, _) = old.deal(rng);
    let context = ReshareContext::new(CRED, *dealt.id(), old.keys.threshold(), &new.keys);
    let (redealing, _) = Resharing::new(other, &new.keys).redeal(1, old.pair(1), rng).unwrap();
    assert!(redealing.verify_own(&context).is_err(), "an honest one names its old dealing");
    let made = old.reshare(dealt, &[1, 2], &new, rng).verified();
    assert_eq!(new.open(&made, &[1, 2], rng).expose(), secret.expose());
    assert_eq!(made.prev(), Some(context.prev()));
}

#[test]
fn many_records_are_checked_at_once_and_the_bad_ones_named() {
    let rng = &mut StdRng::seed_from_u64(15);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 3, 5, rng));
    let mut items = Vec::new();
    for at in 0..24 {
        let cred = Bytes([at; 64]);
        let (dealt, _) = old.deal_for(cred, rng);
        let bytes = match at % 3 {
            0 => dealt.to_bytes(),
            _ => old.reshare(dealt, &[1, 3, 4], &new, rng).record().to_bytes(),
        };
        items.push((cred, if at % 3 == 0 { &old.keys } else { &new.keys }, bytes));
    }
    let check = |items: &[(Bytes<64>, &GroupKeys, Vec<u8>)], rng: &mut StdRng| {
        let claimed =
            items.iter().map(|(cred, keys, bytes)| ClaimedDealing::read(bytes, cred, keys).unwrap());
        verify_claimed(claimed.collect(), rng).map(|verified| verified.len())
    };
    assert_eq!(check(&items, rng), Ok(24));
    // The lowest byte of a response: of the dealing, or of the last re-dealing.
    for at in [3usize, 4, 11, 23] {
        let response = items[at].2.len() - 32;
        items[at].2[response] ^= 1;
    }
    assert_eq!(check(&items, rng), Err(vec![3, 4, 11, 23]));
}

#[test]
fn a_chunk_of_re_dealings_is_checked_at_once_and_the_bad_ones_named() {
    let rng = &mut StdRng::seed_from_u64(16);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 4, 6, rng));
    let resharings: Vec<_> =
        (0..8).map(|at| Resharing::new(old.deal_for(Bytes([at; 64]), rng).0, &new.keys)).collect();
    let mut items = Vec::new();
    for resharing in &resharings {
        for index in [1, 2, 5] {
            let (redealing, link) = resharing.redeal(index, old.pair(index), rng).unwrap();
            items.push((resharing, redealing, link));
        }
    }
    let verified = verify_redealings(items.clone(), rng).unwrap();
    for (resharing, verified) in resharings.iter().zip(verified.chunks(3)) {
        let made = resharing.gather(verified.to_vec()).unwrap();
        let cred = *resharing.context().cred();
        let read = ClaimedDealing::read(&made.record().to_bytes(), &cred, &new.keys).unwrap();
        assert_eq!(read.verify().unwrap().id(), made.id());
    }
    // A link proof of the next version, an own response, each response of a link proof.
    items[4].2 = items[7].2.clone();
    let mut own = items[9].1.to_bytes();
    let at = own.len() - 32;
    own[at] ^= 1;
    items[9].1 = Redealing::from_bytes(1, &own, 6).unwrap();
    for (item, response) in [(13, 96), (22, 128)] {
        let mut wire = items[item].2.to_bytes();
        wire[response] ^= 1;
        items[item].2 = LinkProof::from_bytes(&wire).unwrap();
    }
    items[23].1 = Redealing::from_bytes(9, &items[23].1.to_bytes(), 6).unwrap();
    assert_eq!(verify_redealings(items, rng).unwrap_err(), [4, 9, 13, 22, 23]);
}

#[test]
fn tables_change_no_byte_and_equal_randomness_gives_equal_bytes() {
    let rng = &mut StdRng::seed_from_u64(17);
    let (old, new) = (Group::new(1, 3, 5, rng), Group::new(2, 3, 5, rng));
    let (dealt, _) = old.deal(rng);
    let fast = Resharing::new(dealt.clone(), &new.keys.clone().with_tables());
    let plain = Resharing::new(dealt, &new.keys);
    let made = |resharing: &Resharing| {
        let (redealing, link) = resharing.redeal(4, old.pair(4), &mut StdRng::seed_from_u64(1)).unwrap();
        sent(&redealing, &link)
    };
    assert_eq!(made(&fast), made(&plain));
}

#[test]
fn what_is_signed_names_the_request_and_every_version_in_order() {
    let [a, b, c, d] = [1, 2, 3, 4].map(|byte| Bytes([byte; 64]));
    let digest = reshared_digest(&REQUEST, &[(a, b), (c, d)]);
    assert_ne!(digest, reshared_digest(&REQUEST, &[(c, d), (a, b)]));
    assert_ne!(digest, reshared_digest(&REQUEST, &[(a, b)]));
    assert_ne!(digest, reshared_digest(&REQUEST, &[(b, a), (c, d)]));
    assert_ne!(digest, reshared_digest(&Bytes([2; 64]), &[(a, b), (c, d)]));
}

#[test]
fn a_record_says_by_its_first_byte_what_it_is() {
    let rng = &mut StdRng::seed_from_u64(18);
    let (old, new) = (Group::new(1, 2, 3, rng), Group::new(2, 2, 3, rng));
    let (dealt, _) = old.deal(rng);
    let made = old.reshare(dealt.clone(), &[2, 3], &new, rng);
    assert!(matches!(DealingRecord::from_bytes(&dealt.to_bytes(), 3), Ok(DealingRecord::Dealt(_))));
    let bytes = made.record().to_bytes();
    assert!(matches!(DealingRecord::from_bytes(&bytes, 3), Ok(DealingRecord::Reshared(_))));
    for version in [3, 255] {
        let mut later = bytes.clone();
        later[0] = version;
        let refused = DealingRecord::from_bytes(&later, 3).unwrap_err();
        assert_eq!(refused, reshared(ReshareError::Version { found: version }));
    }
    assert!(DealingRecord::from_bytes(&[], 3).is_err());
}
