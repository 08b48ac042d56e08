//! The link proof: what a contributor dealt again is what its old share was. With
//! the old `C_i = A_i + x_i·D` standing at place 0 and the new `C_ij` at `1 … n'`, all
//! of them hide values of one polynomial of degree below `t'`, for two secrets known
//! to the contributor alone. It lives from the ceremony's first round to its end and
//! is then destroyed; see [`super::reshare`].

use super::{
    encoding::{self, EncodingError},
    group::{GroupKeys, polynomial},
    nonce,
    reshare::{Redealing, ReshareError, Resharing},
    response,
};
use crate::{
    hex::{Bytes, HexBytes},
    secret::SecretScalar,
    transcript::{Transcript, label},
};
use curve25519_dalek::{RistrettoPoint, Scalar, traits::VartimeMultiscalarMul};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// Length of a link proof in bytes.
const LENGTH: usize = 5 * 32;

/// A link proof, decoded and not checked: `R1 ‖ R2 ‖ R3 ‖ z_d ‖ z_x`, 160 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkProof {
    wire: [u8; LENGTH],
    /// `R1, R2, R3`.
    pub(super) commitments: [RistrettoPoint; 3],
    pub(super) z_d: Scalar,
    pub(super) z_x: Scalar,
}

impl LinkProof {
    /// Decodes exactly 160 canonical bytes.
    ///
    /// # Errors
    /// [`ReshareError::Encoding`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReshareError> {
        encoding::demand_parts(bytes, LENGTH / 32)?;
        let point = |part| encoding::point(bytes, part);
        let commitments = [point(0)?, point(1)?, point(2)?];
        let (z_d, z_x) = (encoding::scalar(bytes, 3)?, encoding::scalar(bytes, 4)?);
        let length = EncodingError::Length { expected: LENGTH, found: bytes.len() };
        let wire = bytes.try_into().map_err(|_| length)?;
        Ok(Self { wire, commitments, z_d, z_x })
    }

    /// The encoding.
    pub fn to_bytes(&self) -> [u8; LENGTH] {
        self.wire
    }

    pub(super) fn wire(&self) -> &[u8] {
        &self.wire
    }
}

impl fmt::Debug for LinkProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LinkProof").field(&HexBytes(self.wire.to_vec())).finish()
    }
}

/// What one link proof is about, and the weights that its statement gives.
pub(super) struct Link<'a> {
    /// `rctx_i`.
    rctx: Bytes<64>,
    resharing: &'a Resharing,
    redealing: &'a Redealing,
    /// `E_i`.
    key: &'a RistrettoPoint,
    /// `C_i`.
    hidden: &'a RistrettoPoint,
    /// `w_0 … w_n'`.
    weights: Vec<Scalar>,
}

impl<'a> Link<'a> {
    /// # Errors
    /// [`ReshareError::NoSuchMember`]; the number of new shares was checked by the
    /// own proof, or they were just made.
    pub(super) fn of(resharing: &'a Resharing, redealing: &'a Redealing) -> Result<Self, ReshareError> {
        let (index, old) = (redealing.index(), resharing.old());
        let absent = ReshareError::NoSuchMember { index };
        let key = old.context().keys().point(index).ok_or(absent.clone())?;
        let hidden = old.shares().get(usize::from(index) - 1).ok_or(absent)?;
        let rctx = *resharing.context().of_redealing(index).hash();
        let mut link = Self { rctx, resharing, redealing, key, hidden, weights: Vec::new() };
        link.weights = link.code_word();
        Ok(link)
    }

    /// `(d_i, x_i)` for `D_i = d_i·B`, `E_i = x_i·B` and `V = d_i·U + x_i·(w_0·D)`:
    /// `R1 = r_d·B`, `R2 = r_x·B`, `R3 = r_d·U + r_x·(w_0·D)`, `z_d = r_d + c·d_i`,
    /// `z_x = r_x + c·x_i`.
    pub(super) fn prove(
        &self,
        d: &SecretScalar,
        x: &SecretScalar,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> LinkProof {
        let r_d = nonce(rng, d, |begun| self.statement(begun));
        let r_x = nonce(rng, x, |begun| self.statement(begun));
        let half_d = Zeroizing::new(r_d.expose().div_by_2());
        let half_x = Zeroizing::new(r_x.expose().div_by_2());
        let (first, rest) = self.split_weights();
        let of_old = Zeroizing::new(*half_x * first);
        // With the responses, either of the two gives the share away.
        let masks = self.to().multiply(rest.iter().map(|weight| weight * *half_d)).sum();
        let masks: Zeroizing<RistrettoPoint> = Zeroizing::new(masks);
        let of_key = Zeroizing::new(*of_old * self.resharing.old().d());
        let halves = [RistrettoPoint::mul_base(&half_d), RistrettoPoint::mul_base(&half_x), *masks + *of_key];
        let mut wire = [0; LENGTH];
        for (at, compressed) in RistrettoPoint::double_and_compress_batch(&halves).iter().enumerate() {
            encoding::write_part(compressed.as_bytes(), &mut wire, at);
        }
        let c = self.challenge_of(&wire);
        let (z_d, z_x) = (response(&r_d, &c, d), response(&r_x, &c, x));
        encoding::write_part(z_d.as_bytes(), &mut wire, 3);
        encoding::write_part(z_x.as_bytes(), &mut wire, 4);
        LinkProof { wire, commitments: halves.map(|half| half + half), z_d, z_x }
    }

    /// `z_d·B = R1 + c·D_i`, `z_x·B = R2 + c·E_i` and
    /// `z_d·U + z_x·w_0·D = R3 + c·(w_0·C_i + Σ w_j·C_ij)`. Variable time; everything
    /// in it is public.
    pub(super) fn holds(&self, proof: &LinkProof) -> bool {
        let [r1, r2, r3] = &proof.commitments;
        let (dealing, minus_c) = (self.redealing.dealing(), -self.challenge(proof));
        let schnorr = |public, z| RistrettoPoint::vartime_double_scalar_mul_basepoint(&minus_c, public, z);
        if schnorr(dealing.d(), &proof.z_d) != *r1 || schnorr(self.key, &proof.z_x) != *r2 {
            return false;
        }
        let (first, rest) = self.split_weights();
        let mut scalars = vec![proof.z_x * first, minus_c * first];
        let mut points = vec![self.resharing.old().d(), self.hidden];
        scalars.extend(rest.iter().map(|weight| proof.z_d * weight));
        points.extend(self.to().points());
        scalars.extend(rest.iter().map(|weight| minus_c * weight));
        points.extend(dealing.shares());
        RistrettoPoint::vartime_multiscalar_mul(&scalars, points) == *r3
    }

    /// `c = H("link", rctx_i, D, C_i, E_i, D_i, list of C_i1 … C_in', R1, R2, R3)`.
    pub(super) fn challenge(&self, proof: &LinkProof) -> Scalar {
        self.challenge_of(&proof.wire)
    }

    fn challenge_of(&self, wire: &[u8; LENGTH]) -> Scalar {
        let begun = self.statement(Transcript::new(label::LINK));
        (0..3).fold(begun, |begun, part| begun.part(encoding::part(wire, part))).scalar()
    }

    /// `w_0`, and `w_1 … w_n'`.
    pub(super) fn split_weights(&self) -> (&Scalar, &[Scalar]) {
        self.weights.split_first().expect("there is a weight for place 0")
    }

    /// The old keys, `C_i`, and the old `D`, for a batch.
    pub(super) fn old(&self) -> (&'a GroupKeys, &'a RistrettoPoint, &'a RistrettoPoint) {
        let old = self.resharing.old();
        (old.context().keys(), self.hidden, old.d())
    }

    pub(super) fn to(&self) -> &'a GroupKeys {
        self.resharing.context().to()
    }

    /// `rctx_i, D, C_i, E_i, D_i, list of C_i1 … C_in'`.
    fn statement(&self, begun: Transcript) -> Transcript {
        let (old, dealing, index) = (self.resharing.old(), self.redealing.dealing(), self.redealing.index());
        let key = old.context().keys().key(index).expect("the index was checked");
        let old_parts = begun.part(self.rctx).part(old.part(0)).part(old.part(index.into())).part(key);
        old_parts.part(dealing.part(0)).list(dealing.share_parts())
    }

    /// `w_j = v_j·m(j)` for `j = 0 … n'`, with `v_j` over those places and
    /// `m(X) = Σ_{k=0}^{n'−t'} H("link-dual", statement, k)·X^k`.
    fn code_word(&self) -> Vec<Scalar> {
        let (t, n) = (self.to().threshold().t(), self.to().threshold().n());
        let begun = self.statement(Transcript::new(label::LINK_DUAL));
        let coefficients: Vec<Scalar> = (0..=(n - t) as u64).map(|k| begun.clone().int(k).scalar()).collect();
        let at = |place| polynomial(&coefficients, Scalar::from(place));
        (0u64..).zip(self.to().link_dual()).map(|(place, v)| v * at(place)).collect()
    }
}
