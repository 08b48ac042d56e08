//! A secret point with a proof of equal discrete logarithms (Chaum, Pedersen,
//! "Wallet databases with observers", CRYPTO '92, section 3.2), as custodians
//! and gate send it: `point ‖ R1 ‖ R2 ‖ z`, 128 bytes.
//!
//! The proof is as secret as the point, because `R2`, `z` and the challenge
//! give it away: all is wiped, and proving and checking take constant time.
//! What the challenge is about, its callers know.

use super::{
    encoding::{self, EncodingError},
    response,
};
use crate::secret::{SecretBytes, SecretPoint, SecretScalar};
use curve25519_dalek::{RistrettoPoint, Scalar, traits::MultiscalarMul};
use zeroize::Zeroize;

/// A decoded point with a proof that nobody has checked.
pub(super) struct ProvenPoint {
    wire: SecretBytes,
    point: SecretPoint,
    r1: SecretPoint,
    r2: SecretPoint,
    z: SecretScalar,
}

impl ProvenPoint {
    /// Decodes exactly 128 canonical bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, EncodingError> {
        encoding::demand_parts(bytes, 4)?;
        let point = |part| encoding::point(bytes, part).map(SecretPoint::new);
        let (point, r1, r2) = (point(0)?, point(1)?, point(2)?);
        let z = SecretScalar::new(encoding::scalar(bytes, 3)?);
        let mut wire = SecretBytes::zeroed(bytes.len());
        wire.expose_mut().copy_from_slice(bytes);
        Ok(Self { wire, point, r1, r2, z })
    }

    /// The point as sent.
    pub(super) fn point(&self) -> &SecretPoint {
        &self.point
    }

    /// The point, for keeping.
    pub(super) fn into_point(self) -> SecretPoint {
        self.point
    }

    /// `point`, `R1` and `R2` as they are hashed.
    pub(super) fn hashed(&self) -> Hashed<'_> {
        hashed(self.wire.expose())
    }

    /// Whether `z·B = R1 + c·key` and `z·base = R2 + c·image`.
    pub(super) fn holds(
        &self,
        key: &RistrettoPoint,
        base: &RistrettoPoint,
        image: &SecretPoint,
        c: &Scalar,
    ) -> bool {
        let z = self.z.expose();
        let first = RistrettoPoint::mul_base(z) - c * key;
        let second = RistrettoPoint::multiscalar_mul([z, &-c], [base, image.expose()]);
        // Both are computed before either is looked at.
        (first == *self.r1.expose()) & (second == *self.r2.expose())
    }
}

/// What of the 128 bytes a challenge covers.
pub(super) struct Hashed<'a> {
    pub(super) point: &'a [u8],
    pub(super) r1: &'a [u8],
    pub(super) r2: &'a [u8],
}

/// `point ‖ R1 ‖ R2 ‖ z` with `R1 = r·B`, `R2 = r·base`, `z = r + c·x`; proves
/// `log_B (x·B) = log_base (x·base)`. `nonce` is given the encoded point, and
/// `challenge` that and the commitments.
pub(super) fn prove(
    x: &SecretScalar,
    base: &RistrettoPoint,
    point: &SecretPoint,
    nonce: impl FnOnce(&[u8]) -> SecretScalar,
    challenge: impl FnOnce(Hashed<'_>) -> Scalar,
) -> SecretBytes {
    let mut sent = SecretBytes::zeroed(128);
    encoding::write_point(point.expose(), sent.expose_mut(), 0);
    let r = nonce(encoding::part(sent.expose(), 0));
    encoding::write_point(&RistrettoPoint::mul_base(r.expose()), sent.expose_mut(), 1);
    let r2 = SecretPoint::new(r.expose() * base);
    encoding::write_point(r2.expose(), sent.expose_mut(), 2);
    let mut c = challenge(hashed(sent.expose()));
    let z = SecretScalar::new(response(&r, &c, x));
    c.zeroize();
    encoding::write_part(z.expose().as_bytes(), sent.expose_mut(), 3);
    sent
}

fn hashed(sent: &[u8]) -> Hashed<'_> {
    Hashed { point: encoding::part(sent, 0), r1: encoding::part(sent, 1), r2: encoding::part(sent, 2) }
}
