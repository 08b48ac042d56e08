//! Many dealings, stored or being reshared, in one multiscalar multiplication, and
//! the names of the bad ones when it fails.

use super::dealing::{Dealing, DealingContext, Equation};
use super::group::GroupKeys;
use super::link::{Link, LinkProof};
use super::record::{ClaimedDealing, DealingRecord, VerifiedDealing};
use super::reshare::{Redealing, ReshareError, Resharing, VerifiedRedealing};
use curve25519_dalek::{
    RistrettoPoint, Scalar, constants::RISTRETTO_BASEPOINT_POINT, traits::IsIdentity,
    traits::VartimeMultiscalarMul,
};
use rand_core::CryptoRng;
use std::{collections::HashMap, ops::Range};

/// Below this many it costs less to check one by one than to halve again.
const SINGLY: usize = 4;

/// Checks many dealings at once; they come back in order, or the ascending
/// positions of all that are bad.
///
/// With independent random nonzero 128-bit weights `a`, `b` for each dealing,
/// `Σ a·(R1 + c·D − z·B) + b·(R2 + Σ c·w_i·C_i − Σ z·w_i·E_i)` is the identity;
/// a false equation survives with a chance of 2⁻¹²⁸. The coefficients of `B`
/// and of each `E_i` are added up, so that a dealing costs `n+3` points. Variable
/// time; everything in it is public.
pub fn verify_batch(
    items: Vec<(DealingContext, &GroupKeys, Dealing)>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<VerifiedDealing>, Vec<usize>> {
    let mut accused = Accused::default();
    let mut entries = Vec::with_capacity(items.len());
    for (position, (context, keys, dealing)) in items.iter().enumerate() {
        match Equation::of(dealing, context, keys) {
            Ok(equation) => entries.push(Entry { position, equation, dealing, keys }),
            Err(_) => accused.0.push(position),
        }
    }
    accused.search(&entries, 0..entries.len(), rng);
    drop(entries);
    accused.verdict()?;
    Ok(items.into_iter().map(|(context, _, dealing)| VerifiedDealing::dealt(dealing, &context)).collect())
}

/// Checks many stored dealings at once, dealt and reshared ones together; they come
/// back in order, or the ascending positions of all that are bad.
///
/// As [`verify_batch`], each re-dealing of a reshared one being checked like a
/// dealing; and its `D'` must not be the identity. `(D', C')` itself is not needed for
/// it, as it follows from what the id covers.
pub fn verify_claimed(
    items: Vec<ClaimedDealing>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<VerifiedDealing>, Vec<usize>> {
    let mut accused = Accused::default();
    let mut entries = Vec::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        match entries_of(position, item) {
            Some(those) => entries.extend(those),
            None => accused.0.push(position),
        }
    }
    accused.search(&entries, 0..entries.len(), rng);
    drop(entries);
    accused.verdict()?;
    Ok(items.into_iter().map(ClaimedDealing::vouched).collect())
}

/// One entry of a dealt dealing, `t` of a reshared one; `None` if it is bad without
/// any proof being looked at.
fn entries_of(position: usize, item: &ClaimedDealing) -> Option<Vec<Entry<'_>>> {
    let keys = item.context().keys();
    match item.record() {
        DealingRecord::Dealt(dealing) => {
            let equation = Equation::of(dealing, item.context(), keys).ok()?;
            Some(vec![Entry { position, equation, dealing, keys }])
        }
        DealingRecord::Reshared(reshared) => {
            reshared.demand_sum().ok()?;
            let context = reshared.redealing_context(*item.context().cred(), keys);
            let entries = reshared.redealings().iter().map(|one| {
                Some(Entry { position, equation: one.own(&context).ok()?, dealing: one.dealing(), keys })
            });
            entries.collect()
        }
    }
}

/// Checks the re-dealings of a whole chunk with both of their proofs at once; they
/// come back in order, or the ascending positions of all that are bad.
///
/// To the two equations of the own proof, as in [`verify_batch`], come three weights
/// for those of the link proof:
/// `a·(R1 + c·D_i − z_d·B) + b·(R2 + c·E_i − z_x·B) + e·(R3 + c·w_0·C_i + Σ c·w_j·C_ij −
/// z_x·w_0·D − Σ z_d·w_j·E'_j)`.
pub fn verify_redealings(
    items: Vec<(&Resharing, Redealing, LinkProof)>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<VerifiedRedealing>, Vec<usize>> {
    let mut accused = Accused::default();
    let mut offers = Vec::with_capacity(items.len());
    for (position, (resharing, redealing, proof)) in items.iter().enumerate() {
        match Offer::of(position, resharing, redealing, proof) {
            Ok(offer) => offers.push(offer),
            Err(_) => accused.0.push(position),
        }
    }
    accused.search(&offers, 0..offers.len(), rng);
    drop(offers);
    accused.verdict()?;
    let vouched = |(resharing, redealing, proof)| VerifiedRedealing::vouched(resharing, redealing, proof);
    Ok(items.into_iter().map(vouched).collect())
}

/// Something whose equations can be checked alone or added to a batch.
trait Checkable<'a> {
    /// Of the item that is bad if this is.
    fn position(&self) -> usize;
    /// Whether its equations hold.
    fn holds(&self) -> bool;
    /// Adds its equations, each under a fresh weight.
    fn add_to(&self, sums: &mut Sums<'a>, rng: &mut (impl CryptoRng + ?Sized));
}

/// A dealing, or a re-dealing with its own proof.
struct Entry<'a> {
    position: usize,
    equation: Equation,
    dealing: &'a Dealing,
    keys: &'a GroupKeys,
}

impl<'a> Checkable<'a> for Entry<'a> {
    fn position(&self) -> usize {
        self.position
    }

    fn holds(&self) -> bool {
        self.equation.holds(self.dealing, self.keys)
    }

    fn add_to(&self, sums: &mut Sums<'a>, rng: &mut (impl CryptoRng + ?Sized)) {
        let Self { equation, dealing, keys, .. } = self;
        let (a, b) = (weight(rng), weight(rng));
        let (r1, r2) = dealing.commitments();
        sums.add([(a, r1), (b, r2), (a * equation.c, dealing.d())]);
        sums.of_base -= a * dealing.z();
        let (b_c, b_z) = (b * equation.c, b * dealing.z());
        sums.add(equation.weights.iter().map(|w| b_c * w).zip(dealing.shares()));
        for (sum, w) in sums.of_keys(keys).iter_mut().zip(&equation.weights) {
            *sum -= b_z * w;
        }
    }
}

/// A re-dealing with both proofs.
struct Offer<'a> {
    own: Entry<'a>,
    link: Link<'a>,
    index: u8,
    proof: &'a LinkProof,
}

impl<'a> Offer<'a> {
    fn of(
        position: usize,
        resharing: &'a Resharing,
        redealing: &'a Redealing,
        proof: &'a LinkProof,
    ) -> Result<Self, ReshareError> {
        let (equation, keys) = (redealing.own(resharing.context())?, resharing.context().to());
        let own = Entry { position, equation, dealing: redealing.dealing(), keys };
        Ok(Self { own, link: Link::of(resharing, redealing)?, index: redealing.index(), proof })
    }
}

impl<'a> Checkable<'a> for Offer<'a> {
    fn position(&self) -> usize {
        self.own.position
    }

    fn holds(&self) -> bool {
        self.own.holds() && self.link.holds(self.proof)
    }

    fn add_to(&self, sums: &mut Sums<'a>, rng: &mut (impl CryptoRng + ?Sized)) {
        // `R1, R2, D_i, C_i1 … C_in'` come first, and those from `D_i` on have a part in
        // the link proof too.
        let of_redealing = sums.scalars.len() + 2;
        self.own.add_to(sums, rng);
        let (a, b, e) = (weight(rng), weight(rng), weight(rng));
        let LinkProof { commitments: [r1, r2, r3], z_d, z_x, .. } = self.proof;
        let c = self.link.challenge(self.proof);
        let (first, rest) = self.link.split_weights();
        let (old_keys, hidden, old_d) = self.link.old();
        sums.add([(a, r1), (b, r2), (e, r3), (e * c * first, hidden), (-(e * z_x * first), old_d)]);
        sums.of_base -= a * z_d + b * z_x;
        let e_c = e * c;
        let more = std::iter::once(a * c).chain(rest.iter().map(|w| e_c * w));
        for (scalar, more) in sums.scalars.iter_mut().skip(of_redealing).zip(more) {
            *scalar += more;
        }
        let e_z = e * z_d;
        for (sum, w) in sums.of_keys(self.own.keys).iter_mut().zip(rest) {
            *sum -= e_z * w;
        }
        if let Some(sum) = sums.of_keys(old_keys).get_mut(usize::from(self.index) - 1) {
            *sum += b * c;
        }
    }
}

/// Positions of what is bad.
#[derive(Default)]
struct Accused(Vec<usize>);

impl Accused {
    /// Halves a failing range until the culprits stand alone.
    fn search<'a, C: Checkable<'a>>(
        &mut self,
        entries: &[C],
        range: Range<usize>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) {
        let suspects = entries.get(range.clone()).expect("ranges are halves of the whole");
        if suspects.len() <= SINGLY {
            self.0.extend(suspects.iter().filter(|entry| !entry.holds()).map(Checkable::position));
        } else if !all_hold(suspects, rng) {
            let middle = range.start + range.len() / 2;
            self.search(entries, range.start..middle, rng);
            self.search(entries, middle..range.end, rng);
        }
    }

    fn verdict(mut self) -> Result<(), Vec<usize>> {
        self.0.sort_unstable();
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// A multiscalar multiplication that is being put together.
#[derive(Default)]
struct Sums<'a> {
    scalars: Vec<Scalar>,
    points: Vec<&'a RistrettoPoint>,
    of_base: Scalar,
    of_keys: HashMap<&'a GroupKeys, Vec<Scalar>>,
}

impl<'a> Sums<'a> {
    fn add(&mut self, terms: impl IntoIterator<Item = (Scalar, &'a RistrettoPoint)>) {
        for (scalar, point) in terms {
            self.scalars.push(scalar);
            self.points.push(point);
        }
    }

    /// The coefficients of a group's keys.
    fn of_keys(&mut self, keys: &'a GroupKeys) -> &mut [Scalar] {
        self.of_keys.entry(keys).or_insert_with(|| vec![Scalar::ZERO; keys.points().len()])
    }

    fn add_up(mut self) -> RistrettoPoint {
        self.scalars.push(self.of_base);
        self.points.push(&RISTRETTO_BASEPOINT_POINT);
        for (keys, sums) in self.of_keys {
            self.scalars.extend(sums);
            self.points.extend(keys.points());
        }
        RistrettoPoint::vartime_multiscalar_mul(&self.scalars, self.points)
    }
}

fn all_hold<'a, C: Checkable<'a>>(entries: &[C], rng: &mut (impl CryptoRng + ?Sized)) -> bool {
    let mut sums = Sums::default();
    entries.iter().for_each(|entry| entry.add_to(&mut sums, rng));
    sums.add_up().is_identity()
}

/// A uniformly random weight of 128 bits that is not zero.
fn weight(rng: &mut (impl CryptoRng + ?Sized)) -> Scalar {
    loop {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        let number = u128::from_le_bytes(bytes);
        if number != 0 {
            return Scalar::from(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{deal, encoding, tests::*};
    use super::*;
    use crate::hex::Bytes;

    /// `count` dealings in turn to three groups, each under its own credential.
    fn dealings(count: u8, groups: &[GroupKeys; 3]) -> Vec<(DealingContext, &GroupKeys, Dealing)> {
        (0..count)
            .map(|at| {
                let keys = &groups[usize::from(at) % 3];
                let context = DealingContext::new(Bytes([at; 64]), keys);
                let (dealing, _) = deal(&context, keys, &mut rng(at.into())).unwrap();
                (context, keys, Dealing::from_bytes(&dealing.to_bytes(), keys.threshold().n()).unwrap())
            })
            .collect()
    }

    fn groups() -> [GroupKeys; 3] {
        [(2, 3), (3, 5), (2, 2)].map(|(t, n)| group(t, n, &mut rng(n as u64)).0)
    }

    #[test]
    fn good_dealings_come_back_in_order() {
        let groups = groups();
        let items = dealings(40, &groups);
        let ids: Vec<_> = items.iter().map(|(context, _, dealing)| dealing.id(context)).collect();
        let verified = verify_batch(items, &mut rng(9)).unwrap();
        assert_eq!(verified.iter().map(|dealing| *dealing.id()).collect::<Vec<_>>(), ids);
        assert!(verify_batch(Vec::new(), &mut rng(9)).unwrap().is_empty());
    }

    #[test]
    fn every_culprit_is_named_and_nobody_else() {
        let groups = groups();
        let bad = [0, 1, 17, 18, 39];
        let mut items = dealings(40, &groups);
        for at in bad {
            let (_, keys, dealing) = &mut items[at];
            add_to_z(dealing, keys.threshold().n(), Scalar::ONE);
        }
        assert_eq!(verify_batch(items, &mut rng(9)).unwrap_err(), bad);
    }

    fn add_to_z(dealing: &mut Dealing, n: usize, change: Scalar) {
        let mut wire = dealing.to_bytes();
        let z = encoding::scalar(&wire, n + 3).unwrap() + change;
        encoding::write_part(z.as_bytes(), &mut wire, n + 3);
        *dealing = Dealing::from_bytes(&wire, n).unwrap();
    }

    #[test]
    fn faults_of_two_dealings_do_not_cancel() {
        // With n = t the second equation has no z in it, so that these two
        // changes add up to nothing unless each dealing has its own weight.
        let groups = groups();
        let mut items = dealings(40, &groups);
        add_to_z(&mut items[2].2, 2, Scalar::ONE);
        add_to_z(&mut items[5].2, 2, -Scalar::ONE);
        assert_eq!(verify_batch(items, &mut rng(9)).unwrap_err(), [2, 5]);
    }

    #[test]
    fn dealing_with_a_context_of_another_group_is_a_culprit() {
        let groups = groups();
        let mut items = dealings(6, &groups);
        items[3].0 = items[4].0.clone();
        assert_eq!(verify_batch(items, &mut rng(9)).unwrap_err(), [3]);
    }

    #[test]
    fn weights_are_not_zero_even_when_the_rng_says_so() {
        struct ZerosFirst(u8);
        impl rand_core::TryRng for ZerosFirst {
            type Error = std::convert::Infallible;
            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Ok(0)
            }
            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Ok(0)
            }
            fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
                bytes.fill(self.0);
                self.0 += 1;
                Ok(())
            }
        }
        impl rand_core::TryCryptoRng for ZerosFirst {}
        assert_ne!(weight(&mut ZerosFirst(0)), Scalar::ZERO);
    }
}
