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
use vsss_rs::{
    GroupShare, IdentifierPrimeField, Polynomial, PrimeFieldShare, ReadableShareSet, Share, ValueGroup,
    shamir::create_shares_from_polynomial_in_place,
};
use zeroize::Zeroize;

/// `p(1) … p(n)` for a random polynomial `p` of degree `t−1` with `p(0) = secret`.
///
/// Takes `64·(t−1)` bytes from the RNG: the coefficients of `X … X^{t−1}`, each
/// 64 bytes reduced modulo ℓ.
pub(super) fn split(
    secret: &SecretScalar,
    threshold: Threshold,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<SecretScalar> {
    let (t, n) = (threshold.t(), threshold.n());
    let mut polynomial = Wiped(Vec::<PrimeFieldShare<Scalar>>::create(t));
    let mut intercept = IdentifierPrimeField(*secret.expose());
    polynomial.0.fill(&intercept, &mut *rng, t).expect("there are t coefficients, and t is at least 2");
    intercept.0.zeroize();

    let mut shares = Wiped(vec![PrimeFieldShare::<Scalar>::default(); n]);
    let identifiers = (1..=n as u64).map(|index| IdentifierPrimeField(Scalar::from(index)));
    create_shares_from_polynomial_in_place(&polynomial.0, t, identifiers, &mut shares.0)
        .expect("2 ≤ t ≤ n, and there are n identifiers");
    shares.0.iter().map(|share| SecretScalar::new(share.value.0)).collect()
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
        let shares = split(&secret, Threshold::new(3, 5).unwrap(), &mut rng);
        let points: Vec<_> =
            shares.iter().map(|share| SecretPoint::new(RistrettoPoint::mul_base(share.expose()))).collect();
        let of =
            |indices: &[u8]| *combine(indices.iter().map(|i| (*i, &points[usize::from(*i) - 1]))).expose();
        let whole = RistrettoPoint::mul_base(secret.expose());
        assert_eq!(of(&[1, 2, 3]), whole);
        assert_eq!(of(&[5, 2, 4]), whole);
        assert_ne!(of(&[1, 2]), whole);
    }

    #[test]
    fn coefficients_come_from_the_rng_in_order() {
        let secret = SecretScalar::random(&mut rng(1));
        let shares = split(&secret, Threshold::new(3, 4).unwrap(), &mut rng(2));
        let mut same = rng(2);
        let (one, two) = (Scalar::random(&mut same), Scalar::random(&mut same));
        for (x, share) in (1u64..).map(Scalar::from).zip(&shares) {
            assert_eq!(*share.expose(), secret.expose() + one * x + two * x * x);
        }
    }
}
