//! Schnorr's proof of knowledge of `x` for a public `x·B` ("Efficient signature
//! generation by smart cards", J. Cryptology 1991): `R ‖ z` with `R = r·B`,
//! `z = r + c·x`, 64 bytes. What the challenge is about, its callers know.

use super::encoding::{self, EncodingError};
use super::{nonce, response};
use crate::hex::Bytes;
use crate::secret::SecretScalar;
use crate::transcript::Transcript;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::CryptoRng;

/// `statement` adds to a transcript what is proven, the public key included;
/// `c = H(label, statement…, R)`.
pub(super) fn prove(
    x: &SecretScalar,
    label: &str,
    statement: impl Fn(Transcript) -> Transcript,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Bytes<64> {
    let r = nonce(rng, x, &statement);
    let mut proof = [0; 64];
    encoding::write_point(&RistrettoPoint::mul_base(r.expose()), &mut proof, 0);
    let c = challenge(label, statement, encoding::part(&proof, 0));
    encoding::write_part(response(&r, &c, x).as_bytes(), &mut proof, 1);
    Bytes(proof)
}

/// Whether `z·B = R + c·public`. Variable time; everything in it is public.
pub(super) fn holds(
    public: &RistrettoPoint,
    label: &str,
    statement: impl Fn(Transcript) -> Transcript,
    proof: &Bytes<64>,
) -> Result<bool, EncodingError> {
    let commitment = encoding::point(proof.as_bytes(), 0)?;
    let z = encoding::scalar(proof.as_bytes(), 1)?;
    let c = challenge(label, statement, encoding::part(proof.as_bytes(), 0));
    Ok(RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, public, &z) == commitment)
}

fn challenge(label: &str, statement: impl Fn(Transcript) -> Transcript, commitment: &[u8]) -> Scalar {
    statement(Transcript::new(label)).part(commitment).scalar()
}
