//! A secret point with a proof of equal discrete logarithms (Chaum, Pedersen,
//! "Wallet databases with observers", CRYPTO '92, section 3.2), as custodians
//! and gate send it: `point ‖ R1 ‖ R2 ‖ z`, 128 bytes.
//!
//! The proof is as secret as the point, because `R2`, `z` and the challenge
//! give it away: all is wiped, and what `R2` takes part in takes constant time.
//! What the challenge is about, its callers know.

use super::{
    encoding::{self, EncodingError},
    response,
};
use crate::secret::{SecretBytes, SecretPoint, SecretScalar};
use curve25519_dalek::{RistrettoPoint, Scalar, traits::MultiscalarMul};
use zeroize::{Zeroize, Zeroizing};

/// A decoded point with a proof that nobody has checked.
pub(super) struct ProvenPoint {
    wire: SecretBytes,
    point: SecretPoint,
    proof: Box<Proof>,
}

/// `R1, R2, z`, on the heap so that moving it leaves no copy behind.
struct Proof {
    r1: RistrettoPoint,
    r2: RistrettoPoint,
    z: Scalar,
}

impl Drop for Proof {
    fn drop(&mut self) {
        self.r1.zeroize();
        self.r2.zeroize();
        self.z.zeroize();
    }
}

impl ProvenPoint {
    /// Decodes exactly 128 canonical bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, EncodingError> {
        encoding::demand_parts(bytes, 4)?;
        let point = SecretPoint::new(encoding::point(bytes, 0)?);
        let proof = Box::new(Proof {
            r1: encoding::point(bytes, 1)?,
            r2: encoding::point(bytes, 2)?,
            z: encoding::scalar(bytes, 3)?,
        });
        let mut wire = SecretBytes::zeroed(bytes.len());
        wire.expose_mut().copy_from_slice(bytes);
        Ok(Self { wire, point, proof })
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
    ///
    /// The first equation alone is a Schnorr proof about a public key, which
    /// tells nothing of the point, so that it may take variable time.
    pub(super) fn holds(
        &self,
        key: &RistrettoPoint,
        base: &RistrettoPoint,
        image: &RistrettoPoint,
        c: &Scalar,
    ) -> bool {
        let Proof { r1, r2, z } = &*self.proof;
        let minus_c = -c;
        let first = RistrettoPoint::vartime_double_scalar_mul_basepoint(&minus_c, key, z);
        let second = Zeroizing::new(RistrettoPoint::multiscalar_mul([z, &minus_c], [base, image]));
        // Both are computed before either is looked at.
        (first == *r1) & (*second == *r2)
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
    point: &RistrettoPoint,
    nonce: impl FnOnce(&[u8]) -> SecretScalar,
    challenge: impl FnOnce(Hashed<'_>) -> Scalar,
) -> SecretBytes {
    let mut sent = SecretBytes::zeroed(128);
    encoding::write_point(point, sent.expose_mut(), 0);
    let r = nonce(encoding::part(sent.expose(), 0));
    encoding::write_point(&RistrettoPoint::mul_base(r.expose()), sent.expose_mut(), 1);
    let r2 = Zeroizing::new(r.expose() * base);
    encoding::write_point(&r2, sent.expose_mut(), 2);
    let c = Zeroizing::new(challenge(hashed(sent.expose())));
    let z = Zeroizing::new(response(&r, &c, x));
    encoding::write_part(z.as_bytes(), sent.expose_mut(), 3);
    sent
}

fn hashed(sent: &[u8]) -> Hashed<'_> {
    Hashed { point: encoding::part(sent, 0), r1: encoding::part(sent, 1), r2: encoding::part(sent, 2) }
}
