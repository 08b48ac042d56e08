//! Ed25519 signatures, many at a time and on all cores.
//!
//! For signatures `(R_i, s_i)` of keys `A_i` and `k_i = SHA-512(R_i ‖ A_i ‖ M_i)`
//! one equation stands for all (Bernstein et al., "High-speed high-security
//! signatures", section 5):
//!
//! `Σ z_i·R_i + Σ_A (Σ z_i·k_i)·A − (Σ z_i·s_i)·B = 0`
//!
//! The `z_i` are 128 bits each, hashed from all signatures of the batch, so that
//! nobody can choose signatures whose errors cancel. Keys that occur often, as a
//! log's do, are decoded and multiplied once.
//!
//! What `seal::sign` refuses beyond the equation is refused here for each
//! signature before: keys and `R` that are of small order or not canonical, and
//! `s` above the order. One difference remains: an `R` that is off by a point of
//! small order fails there and may pass here. Only the key's own holder can make
//! one, and only over what it does sign.

use crate::state::Claim;
use crate::transcript::{Transcript, label};
use curve25519_dalek::Scalar;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use sha2::{Digest, Sha512};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::thread;

/// Most signatures in one equation. More gain little and cost memory.
const LARGEST: usize = 4096;
/// Fewest for which another thread is begun.
const WORTH_A_THREAD: usize = 64;
/// So few are verified one by one.
const SINGLY: usize = 4;

/// The first claim that does not hold, or `None` if all do. A batch that fails is
/// halved until [`Claim::holds`], which is strict, names one.
pub fn first_wrong(claims: &[Claim]) -> Option<usize> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = cores.min(claims.len() / WORTH_A_THREAD).max(1);
    let share = claims.len().div_ceil(threads).clamp(1, LARGEST);
    let parts: Vec<_> = claims.chunks(share).enumerate().collect();
    let parts = &parts;
    let search = |thread: usize| {
        let own = parts.iter().skip(thread).step_by(threads);
        own.filter_map(|(part, claims)| Some(part * share + first_of(claims)?)).min()
    };
    let search = &search;
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || search(thread))).collect();
        let found =
            others.into_iter().map(|other| other.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        std::iter::once(search(0)).chain(found).flatten().min()
    })
}

fn first_of(claims: &[Claim]) -> Option<usize> {
    if claims.len() <= SINGLY {
        return claims.iter().position(|claim| !claim.holds());
    }
    if all_hold(claims) == Some(true) {
        return None;
    }
    let (left, right) = claims.split_at(claims.len() / 2);
    first_of(left).or_else(|| first_of(right).map(|found| left.len() + found))
}

/// The equation over all of them; `None` if one is not of the right form.
fn all_hold(claims: &[Claim]) -> Option<bool> {
    let mut keys: HashMap<&[u8; 32], usize> = HashMap::new();
    let (mut points, mut sums) = (Vec::new(), Vec::new());
    let mut commitments = Vec::with_capacity(claims.len());
    let mut parts = Vec::with_capacity(claims.len());
    let mut seed = Transcript::new(label::SIGNATURE_BATCH).int(claims.len() as u64);
    for claim in claims {
        let key = match keys.get(&claim.key.0) {
            Some(place) => *place,
            None => {
                points.push(point(&claim.key.0)?);
                sums.push(Scalar::ZERO);
                keys.insert(&claim.key.0, points.len() - 1);
                points.len() - 1
            }
        };
        let (commitment, response) = claim.signature.0.split_first_chunk::<32>()?;
        let s: [u8; 32] = response.try_into().ok()?;
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s))?;
        commitments.push(point(commitment)?);
        let hash =
            Sha512::new().chain_update(commitment).chain_update(claim.key).chain_update(claim.said.bytes()?);
        let wide: [u8; 64] = hash.finalize().into();
        // The hash binds R, the key and the message.
        seed = seed.part(wide).part(response);
        parts.push((key, Scalar::from_bytes_mod_order_wide(&wide), s));
    }
    let coefficients = coefficients(&seed.finish(), claims.len());
    let mut base = Scalar::ZERO;
    for ((key, k, s), z) in parts.iter().zip(&coefficients) {
        base -= z * s;
        if let Some(sum) = sums.get_mut(*key) {
            *sum += z * k;
        }
    }
    let scalars = coefficients.into_iter().chain(sums).chain([base]);
    let points = commitments.into_iter().chain(points).chain([ED25519_BASEPOINT_POINT]);
    Some(EdwardsPoint::vartime_multiscalar_mul(scalars, points).is_identity())
}

/// A point of more than small order from its one encoding.
fn point(encoded: &[u8; 32]) -> Option<EdwardsPoint> {
    let decoded = CompressedEdwardsY(*encoded).decompress()?;
    (is_reduced(encoded) && !decoded.is_small_order()).then_some(decoded)
}

/// Whether the `y` of an encoded point is below `p = 2²⁵⁵ − 19`. The other
/// encoding that is not canonical, of `x = 0` with a sign, is of small order.
fn is_reduced(encoded: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = encoded;
    *low < 0xed || high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

/// `z_i`: 16 bytes each of `SHA-512(seed ‖ u64 number)`.
fn coefficients(seed: &[u8; 64], count: usize) -> Vec<Scalar> {
    let block = |number: u64| -> [u8; 64] {
        Sha512::new().chain_update(seed).chain_update(number.to_be_bytes()).finalize().into()
    };
    let short = |bytes: &[u8; 16]| Scalar::from(u128::from_le_bytes(*bytes));
    let blocks = (0..count.div_ceil(4) as u64).map(block);
    blocks
        .flat_map(|block| block.as_chunks::<16>().0.iter().map(short).collect::<Vec<_>>())
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::Bytes;
    use crate::seal::sign::SigningKey;
    use crate::secret::SecretKey;
    use crate::state::{Said, Signer};
    use proptest::prelude::*;

    fn claims(count: usize) -> Vec<Claim> {
        let keys: Vec<_> =
            (1..=7).map(|fill| SigningKey::new(SecretKey::from_slice(&[fill; 32]).unwrap())).collect();
        let claim = |number: usize| {
            let key = &keys[number % keys.len()];
            let digest = [number as u8; 64];
            let said = Said::Digest(digest);
            Claim { key: key.public(), said, signature: key.sign(&digest), who: Signer::Gate }
        };
        (0..count).map(claim).collect()
    }

    #[test]
    fn right_signatures_of_any_number_hold() {
        for count in [0, 1, 4, 5, 63, 130, 300] {
            assert_eq!(first_wrong(&claims(count)), None, "{count}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_first_of_several_wrong_ones_is_named(
            count in 1usize..300, one: prop::sample::Index, other: prop::sample::Index, bit in 0usize..512,
        ) {
            let mut claims = claims(count);
            let (one, other) = (one.index(count), other.index(count));
            for wrong in [one, other] {
                claims[wrong].signature.0[bit / 8] |= 1 << (bit % 8);
                claims[wrong].said = Said::Digest([0xee; 64]);
            }
            prop_assert_eq!(first_wrong(&claims), Some(one.min(other)).filter(|_| one != other || !claims[one].holds()));
        }
    }

    /// Two signatures whose errors add up to nothing: without coefficients, or
    /// with those that do not depend on the signatures, they would pass.
    #[test]
    fn errors_that_cancel_are_found() {
        let mut claims = claims(20);
        let shift = |claim: &mut Claim, by: Scalar| {
            let s: [u8; 32] = claim.signature.0[32..].try_into().unwrap();
            let s = Scalar::from_canonical_bytes(s).unwrap() + by;
            claim.signature.0[32..].copy_from_slice(s.as_bytes());
        };
        shift(&mut claims[3], Scalar::ONE);
        shift(&mut claims[11], -Scalar::ONE);
        assert_eq!(first_wrong(&claims), Some(3));
    }

    #[test]
    fn key_or_commitment_of_small_order_is_refused() {
        // The neutral element as key and as R, s = 0: valid under the equation.
        let mut claims = claims(20);
        let mut neutral = [0; 32];
        neutral[0] = 1;
        claims[5].key = Bytes(neutral);
        claims[5].signature = Bytes([0; 64]);
        claims[5].signature.0[..32].copy_from_slice(&neutral);
        assert_eq!(first_wrong(&claims), Some(5));
    }

    #[test]
    fn scalar_above_the_order_is_refused() {
        let order =
            Bytes::<32>::parse("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
        let mut claims = claims(20);
        let mut carry = 0u16;
        for (s, l) in claims[7].signature.0[32..].iter_mut().zip(order.0) {
            carry += u16::from(*s) + u16::from(l);
            *s = carry as u8;
            carry >>= 8;
        }
        assert_eq!(first_wrong(&claims), Some(7));
    }

    #[test]
    fn encodings_that_are_not_canonical_are_refused() {
        let mut p = [0xff; 32];
        (p[0], p[31]) = (0xed, 0x7f);
        let above = |by: u8| {
            let mut y = p;
            y[0] += by;
            y
        };
        for by in 0..19 {
            assert!(!is_reduced(&above(by)), "{by}");
            assert_eq!(point(&above(by)), None, "{by}");
        }
        let mut below = p;
        below[0] -= 1;
        assert!(is_reduced(&below));
        below[31] |= 0x80;
        assert!(is_reduced(&below));
    }
}
