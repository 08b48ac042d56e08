//! Many dealings in one multiscalar multiplication, and the names of the bad
//! ones when it fails.

use super::dealing::{Dealing, DealingContext, Equation, VerifiedDealing};
use super::group::GroupKeys;
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
    let mut culprits = Vec::new();
    let mut entries = Vec::with_capacity(items.len());
    for (position, (context, keys, dealing)) in items.iter().enumerate() {
        match Equation::of(dealing, context, keys) {
            Ok(equation) => entries.push(Entry { position, equation, dealing, keys }),
            Err(_) => culprits.push(position),
        }
    }
    accuse(&entries, 0..entries.len(), rng, &mut culprits);
    drop(entries);
    if !culprits.is_empty() {
        culprits.sort_unstable();
        return Err(culprits);
    }
    Ok(items.into_iter().map(|(context, _, dealing)| VerifiedDealing::vouched(dealing, &context)).collect())
}

struct Entry<'a> {
    position: usize,
    equation: Equation,
    dealing: &'a Dealing,
    keys: &'a GroupKeys,
}

/// Halves a failing range until the culprits stand alone.
fn accuse(
    entries: &[Entry<'_>],
    range: Range<usize>,
    rng: &mut (impl CryptoRng + ?Sized),
    culprits: &mut Vec<usize>,
) {
    let suspects = entries.get(range.clone()).expect("ranges are halves of the whole");
    if suspects.len() <= SINGLY {
        let bad = suspects.iter().filter(|entry| !entry.equation.holds(entry.dealing, entry.keys));
        culprits.extend(bad.map(|entry| entry.position));
    } else if !all_hold(suspects, rng) {
        let middle = range.start + range.len() / 2;
        accuse(entries, range.start..middle, rng, culprits);
        accuse(entries, middle..range.end, rng, culprits);
    }
}

fn all_hold(entries: &[Entry<'_>], rng: &mut (impl CryptoRng + ?Sized)) -> bool {
    let room = entries.iter().map(|entry| entry.dealing.n() + 3).sum::<usize>() + 1;
    let mut scalars = Vec::with_capacity(room);
    let mut points: Vec<&RistrettoPoint> = Vec::with_capacity(room);
    let mut of_base = Scalar::ZERO;
    let mut of_keys: HashMap<&GroupKeys, Vec<Scalar>> = HashMap::new();
    for Entry { equation, dealing, keys, .. } in entries {
        let (a, b) = (weight(rng), weight(rng));
        let (r1, r2) = dealing.commitments();
        scalars.extend([a, b, a * equation.c]);
        points.extend([r1, r2, dealing.d()]);
        of_base -= a * dealing.z();

        let (b_c, b_z) = (b * equation.c, b * dealing.z());
        scalars.extend(equation.weights.iter().map(|w| b_c * w));
        points.extend(dealing.shares());
        let sums = of_keys.entry(keys).or_insert_with(|| vec![Scalar::ZERO; keys.points().len()]);
        for (sum, w) in sums.iter_mut().zip(&equation.weights) {
            *sum -= b_z * w;
        }
    }
    scalars.push(of_base);
    points.push(&RISTRETTO_BASEPOINT_POINT);
    for (keys, sums) in of_keys {
        scalars.extend(sums);
        points.extend(keys.points());
    }
    RistrettoPoint::vartime_multiscalar_mul(&scalars, points).is_identity()
}

/// A uniformly random weight of 128 bits that is not zero.
pub(super) fn weight(rng: &mut (impl CryptoRng + ?Sized)) -> Scalar {
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
                (context, keys, dealing.dealing().clone())
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
