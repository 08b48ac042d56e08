//! Shamir's secret sharing by `vsss-rs`, in the field to split and in the group
//! to combine. None of its types leaves this module: they print their contents
//! and are not wiped. Identifiers are always `1..=n`; it would accept 0, whose
//! share is the secret itself.

use crate::{
    name::Threshold,
    secret::{SecretPoint, SecretScalar},
};
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::CryptoRng;
use std::cell::Cell;
use vsss_rs::{
    GroupShare, IdentifierPrimeField, Polynomial, PrimeFieldShare, ReadableShareSet, Share, ValueGroup,
    shamir::create_shares_from_polynomial_in_place,
};
use zeroize::{Zeroize, Zeroizing};

/// A secret point and its shares.
pub(super) struct Split {
    /// `S = p(0)·B`.
    pub(super) secret: SecretPoint,
    /// `p(1)/2·B … p(n)/2·B`: halves, because the dealer doubles while encoding.
    pub(super) half_shares: Zeroizing<Vec<RistrettoPoint>>,
}

/// Splits `secret` by a random polynomial `p` of degree `t−1` with `p(0) = secret`.
///
/// Only `p(1) … p(t)` are multiplied with `B`: they determine `p`, and the other
/// points follow from them by additions.
///
/// Takes `64·(t−1)` bytes from the RNG: the coefficients of `X … X^{t−1}`, each
/// 64 bytes reduced modulo ℓ.
pub(super) fn split(
    secret: &SecretScalar,
    threshold: Threshold,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Split {
    let t = threshold.t();
    let shares = first_shares(secret, t, rng);
    let halves = shares.0.iter().map(|share| {
        let half = Zeroizing::new(share.value.0.div_by_2());
        RistrettoPoint::mul_base(&half)
    });
    let first = Zeroizing::new(halves.collect::<Vec<_>>());
    let half = Differences::after(first.iter().rev()).next().expect("there are at least two values");
    let half = Zeroizing::new(half);
    let mut half_shares = Zeroizing::new(Vec::with_capacity(threshold.n()));
    half_shares.extend(first.iter());
    half_shares.extend(Differences::after(first.iter()).take(threshold.n() - t));
    Split { secret: SecretPoint::new(*half + *half), half_shares }
}

/// `m(1)/2·B … m(n)/2·B` of a random polynomial `m` of degree `t−1` with
/// `m(0) = 0`: added to a share they share it anew and change nothing of it.
///
/// The library's own functions that split a secret are not used, so whether they
/// take zero for one does not matter: `fill` sets the intercept to what it is
/// given. `m(0)` and `m(1) … m(t−1)`, of which `t−1` are multiplied with `B`,
/// determine the rest.
///
/// Takes `64·(t−1)` bytes from the RNG: the coefficients of `X … X^{t−1}`, each
/// 64 bytes reduced modulo ℓ.
pub(super) fn share_zero(
    threshold: Threshold,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Zeroizing<Vec<RistrettoPoint>> {
    let (t, n) = (threshold.t(), threshold.n());
    let shares = first_shares(&SecretScalar::new(Scalar::ZERO), t, rng);
    let mut known = Zeroizing::new(Vec::with_capacity(t));
    known.push(RistrettoPoint::default());
    known.extend(shares.0.iter().take(t - 1).map(|share| {
        let half = Zeroizing::new(share.value.0.div_by_2());
        RistrettoPoint::mul_base(&half)
    }));
    let mut halves = Zeroizing::new(Vec::with_capacity(n));
    halves.extend(known.iter().skip(1));
    halves.extend(Differences::after(known.iter()).take(n + 1 - t));
    halves
}

/// Continues the values of a polynomial at successive places by additions alone
/// (Newton's backward differences): the values given determine it.
struct Differences(Zeroizing<Vec<RistrettoPoint>>);

impl Differences {
    /// Goes on after the last value; there are as many as the polynomial has coefficients.
    fn after<'a>(values: impl ExactSizeIterator<Item = &'a RistrettoPoint>) -> Self {
        let mut differences = Zeroizing::new(Vec::with_capacity(values.len()));
        differences.extend(values);
        for end in (2..=differences.len()).rev() {
            let still = differences.get_mut(..end).expect("ends count down from the length");
            for pair in Cell::from_mut(still).as_slice_of_cells().windows(2) {
                if let [value, next] = pair {
                    value.set(next.get() - value.get());
                }
            }
        }
        Self(differences)
    }
}

impl Iterator for Differences {
    type Item = RistrettoPoint;

    fn next(&mut self) -> Option<RistrettoPoint> {
        // From the highest difference, which is constant, down to the value.
        self.0.iter_mut().reduce(|higher, lower| {
            *lower += *higher;
            lower
        });
        self.0.last().copied()
    }
}

/// `p(1) … p(t)`.
fn first_shares(
    secret: &SecretScalar,
    t: usize,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Wiped<PrimeFieldShare<Scalar>> {
    let mut polynomial = Wiped(Vec::<PrimeFieldShare<Scalar>>::create(t));
    let mut intercept = IdentifierPrimeField(*secret.expose());
    polynomial.0.fill(&intercept, &mut *rng, t).expect("there are t coefficients, and t is at least 2");
    intercept.0.zeroize();

    let mut shares = Wiped(vec![PrimeFieldShare::<Scalar>::default(); t]);
    let identifiers = (1..=t as u64).map(|index| IdentifierPrimeField(Scalar::from(index)));
    create_shares_from_polynomial_in_place(&polynomial.0, t, identifiers, &mut shares.0)
        .expect("2 ≤ t, and there are t identifiers");
    shares
}

/// Lagrange interpolation at 0 of points `p(index)·B`.
///
/// The caller vouches for at least `t` distinct indices from `1..=n`: fewer
/// would combine without complaint, to another point.
pub(super) fn combine<'a>(shares: impl Iterator<Item = (u8, &'a SecretPoint)>) -> SecretPoint {
    let shares = shares.map(|(index, point)| {
        let identifier = IdentifierPrimeField(Scalar::from(index));
        GroupShare::<RistrettoPoint>::with_identifier_and_value(identifier, ValueGroup(*point.expose()))
    });
    let shares = Wiped(shares.collect());
    let mut combined = shares.0.combine().expect("a quorum has at least two distinct, nonzero indices");
    let secret = SecretPoint::new(combined.0);
    combined.0.zeroize();
    secret
}

/// Shares or coefficients, wiped when they go: the library does not.
struct Wiped<S: WipeShare>(Vec<S>);

trait WipeShare {
    fn wipe(&mut self);
}

impl WipeShare for PrimeFieldShare<Scalar> {
    fn wipe(&mut self) {
        self.identifier.0.zeroize();
        self.value.0.zeroize();
    }
}

impl WipeShare for GroupShare<RistrettoPoint> {
    fn wipe(&mut self) {
        self.identifier.0.zeroize();
        self.value.0.zeroize();
    }
}

impl<S: WipeShare> Drop for Wiped<S> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(S::wipe);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;

    #[test]
    fn any_t_shares_combine_to_the_secret_and_fewer_do_not() {
        let mut rng = rng(5);
        let secret = SecretScalar::random(&mut rng);
        let split = split(&secret, Threshold::new(3, 5).unwrap(), &mut rng);
        let points: Vec<_> = split.half_shares.iter().map(|half| SecretPoint::new(half + half)).collect();
        let of =
            |indices: &[u8]| *combine(indices.iter().map(|i| (*i, &points[usize::from(*i) - 1]))).expose();
        let whole = RistrettoPoint::mul_base(secret.expose());
        assert_eq!(*split.secret.expose(), whole);
        assert_eq!(of(&[1, 2, 3]), whole);
        assert_eq!(of(&[5, 2, 4]), whole);
        assert_ne!(of(&[1, 2]), whole);
    }

    #[test]
    fn zero_is_shared_by_the_polynomial_whose_coefficients_come_from_the_rng() {
        for (t, n) in [(2, 2), (2, 5), (3, 4), (5, 9), (33, 64)] {
            let halves = share_zero(Threshold::new(t, n).unwrap(), &mut rng(2));
            let mut same = rng(2);
            let coefficients: Vec<_> = (1..t).map(|_| Scalar::random(&mut same)).collect();
            let at = |x: u64| {
                let high =
                    coefficients.iter().rev().fold(Scalar::ZERO, |sum, next| sum * Scalar::from(x) + next);
                high * Scalar::from(x)
            };
            let expected: Vec<_> = (1..=n as u64).map(|x| RistrettoPoint::mul_base(&at(x))).collect();
            let doubled: Vec<_> = halves.iter().map(|half| half + half).collect();
            assert_eq!(doubled, expected, "{t} of {n}");
        }
    }

    #[test]
    fn points_are_those_of_the_polynomial_whose_coefficients_come_from_the_rng() {
        for (t, n) in [(2, 2), (2, 5), (3, 4), (5, 9), (33, 64)] {
            let secret = SecretScalar::random(&mut rng(1));
            let split = split(&secret, Threshold::new(t, n).unwrap(), &mut rng(2));
            let mut same = rng(2);
            let rest = (1..t).map(|_| Scalar::random(&mut same));
            let coefficients: Vec<_> = std::iter::once(*secret.expose()).chain(rest).collect();
            let values = (0..=n as u64).map(|x| {
                coefficients.iter().rev().fold(Scalar::ZERO, |sum, next| sum * Scalar::from(x) + next)
            });
            let expected: Vec<_> = values.map(|value| RistrettoPoint::mul_base(&value)).collect();
            let doubled = split.half_shares.iter().map(|half| half + half);
            let points: Vec<_> = std::iter::once(*split.secret.expose()).chain(doubled).collect();
            assert_eq!(points, expected, "{t} of {n}");
        }
    }
}
