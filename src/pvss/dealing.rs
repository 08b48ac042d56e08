//! A dealing: a secret point `S`, shared among the keys of a group so that
//! anybody can check that the shares are consistent. One at a time; many are
//! checked by [`super::verify_batch`]. What is stored is in [`super::record`].

use super::{
    encoding::{self, EncodingError},
    group::{GroupKeys, polynomial},
    nonce,
    record::VerifiedDealing,
    reshare::ReshareError,
    response, shamir,
};
use crate::{
    hex::Bytes,
    name::{AccountId, Factor, OrganisationId, VaultId},
    secret::{SecretPoint, SecretScalar},
    transcript::{Transcript, label},
};
use curve25519_dalek::{
    RistrettoPoint, Scalar,
    traits::{IsIdentity, VartimeMultiscalarMul},
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Why a dealing was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DealingError {
    /// Not the encoding of a dealing for that many members.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// `D` is the identity: the `C_i` would be the shares themselves.
    #[error("the dealing's D is the identity")]
    Identity,
    /// No group has that many members.
    #[error("a dealing for {n} members: there are 2 to 64")]
    Size {
        /// The number asked for.
        n: usize,
    },
    /// Made for another number of members.
    #[error("a dealing for {found} members in a group of {expected}")]
    Members {
        /// Members of the group.
        expected: usize,
        /// Shares in the dealing.
        found: usize,
    },
    /// The context speaks of another group, epoch, threshold or order of keys.
    #[error("the context belongs to another group than the keys")]
    OtherGroup,
    /// The shares are not consistent, or the proof is for something else.
    #[error("the dealing's proof does not hold for this context")]
    Proof,
    /// A reshared dealing is not one.
    #[error(transparent)]
    Reshared(#[from] ReshareError),
}

/// `cred = H("credential", vault, organisation, account, factor, version)`.
pub fn credential_id(
    vault: &VaultId,
    organisation: &OrganisationId,
    account: &AccountId,
    factor: Factor,
    version: u64,
) -> Bytes<64> {
    let named = Transcript::new(label::CREDENTIAL).part(vault).part(organisation).part(account);
    Bytes(named.part(factor.as_str()).int(version).finish())
}

/// What is sealed (`cred`) and who can open it (a group's keys and threshold).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DealingContext {
    cred: Bytes<64>,
    hash: Bytes<64>,
    keys: GroupKeys,
}

impl DealingContext {
    /// `ctx = H("dealing-context", cred, g, t, n, list of E_1 … E_n)`.
    pub fn new(cred: Bytes<64>, keys: &GroupKeys) -> Self {
        let (t, n) = (keys.threshold().t() as u64, keys.threshold().n() as u64);
        let begun = Transcript::new(label::DEALING_CONTEXT).part(cred).part(keys.g()).int(t).int(n);
        let hash = Bytes(begun.list(keys.keys()).finish());
        Self::with_hash(cred, hash, keys)
    }

    /// A context that is hashed otherwise: of a re-dealing or a reshared dealing.
    pub(super) fn with_hash(cred: Bytes<64>, hash: Bytes<64>, keys: &GroupKeys) -> Self {
        Self { cred, hash, keys: keys.clone() }
    }

    /// What is sealed.
    pub fn cred(&self) -> &Bytes<64> {
        &self.cred
    }

    /// `ctx`, or what stands for it after a resharing.
    pub fn hash(&self) -> &Bytes<64> {
        &self.hash
    }

    /// Who can open it.
    pub fn keys(&self) -> &GroupKeys {
        &self.keys
    }
}

/// A dealing that was decoded and not yet checked.
///
/// `D ‖ C_1 ‖ … ‖ C_n ‖ R1 ‖ R2 ‖ z`, 32 bytes each.
#[derive(Clone, PartialEq, Eq)]
pub struct Dealing {
    wire: Vec<u8>,
    /// `D, C_1 … C_n, R1, R2`.
    points: Vec<RistrettoPoint>,
    z: Scalar,
}

impl Dealing {
    /// Decodes a dealing for `n` members: exactly `32·(n+4)` bytes, canonical,
    /// `D` not the identity.
    pub fn from_bytes(wire: &[u8], n: usize) -> Result<Self, DealingError> {
        if !(2..=64).contains(&n) {
            return Err(DealingError::Size { n });
        }
        encoding::demand_parts(wire, n + 4)?;
        let points = (0..n + 3).map(|part| encoding::point(wire, part)).collect::<Result<Vec<_>, _>>()?;
        let z = encoding::scalar(wire, n + 3)?;
        let dealing = Self { wire: wire.to_vec(), points, z };
        if dealing.d().is_identity() { Err(DealingError::Identity) } else { Ok(dealing) }
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.wire.clone()
    }

    /// `H("dealing-id", ctx, D, list of C_1 … C_n)`.
    pub fn id(&self, context: &DealingContext) -> Bytes<64> {
        Bytes(self.statement(Transcript::new(label::DEALING_ID), context).finish())
    }

    /// Checks the proof for exactly this context: `z·B = R1 + c·D` and
    /// `z·U = R2 + c·V`. Variable time; everything in it is public.
    pub fn verify(self, context: &DealingContext, keys: &GroupKeys) -> Result<VerifiedDealing, DealingError> {
        self.demand_proof(context, keys)?;
        Ok(VerifiedDealing::dealt(self, context))
    }

    pub(super) fn demand_proof(
        &self,
        context: &DealingContext,
        keys: &GroupKeys,
    ) -> Result<(), DealingError> {
        if Equation::of(self, context, keys)?.holds(self, keys) { Ok(()) } else { Err(DealingError::Proof) }
    }

    /// Number of shares.
    pub fn n(&self) -> usize {
        self.points.len() - 3
    }

    pub(super) fn d(&self) -> &RistrettoPoint {
        self.points.first().expect("D comes first")
    }

    /// The encodings of `C_1 … C_n`.
    pub(super) fn share_parts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (1..self.n() + 1).map(|index| self.part(index))
    }

    /// `C_1 … C_n`.
    pub(super) fn shares(&self) -> &[RistrettoPoint] {
        self.points.get(1..=self.n()).expect("n shares follow D")
    }

    /// `R1, R2`.
    pub(super) fn commitments(&self) -> (&RistrettoPoint, &RistrettoPoint) {
        match self.points.get(self.n() + 1..) {
            Some([r1, r2]) => (r1, r2),
            _ => unreachable!("two commitments end the points"),
        }
    }

    pub(super) fn z(&self) -> &Scalar {
        &self.z
    }

    /// The encoding.
    pub(super) fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Part number `part` of the encoding.
    pub(super) fn part(&self, part: usize) -> &[u8] {
        encoding::part(&self.wire, part)
    }

    /// What dealing id, dual code word and challenge begin with.
    fn statement(&self, begun: Transcript, context: &DealingContext) -> Transcript {
        statement(begun, context, &self.wire, self.n())
    }
}

impl std::fmt::Debug for Dealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Dealing").field(&crate::hex::HexBytes(self.wire.clone())).finish()
    }
}

/// Deals a fresh random `S` and checks the bytes that will be stored.
///
/// `C_i = p(i)·B + d·E_i`, `D = d·B`, with a proof of `log_B D = log_U V`.
/// Constant time in everything secret. Takes from the RNG, in order, `s`, the
/// `t−1` further coefficients of `p`, `d` (64 bytes each, reduced modulo ℓ) and
/// the 64 bytes of the nonce.
///
/// # Errors
/// [`DealingError::OtherGroup`]; anything else is a fault of this machine.
pub fn deal(
    context: &DealingContext,
    keys: &GroupKeys,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(VerifiedDealing, SecretPoint), DealingError> {
    let (draft, secret) = draft(context, keys, rng)?;
    let stored = Dealing::from_bytes(&draft.wire, draft.n())?;
    Ok((stored.verify(context, keys)?, secret))
}

/// A dealing that its dealer has not checked: [`deal`] without its last step.
///
/// # Errors
/// [`DealingError::OtherGroup`].
pub fn draft(
    context: &DealingContext,
    keys: &GroupKeys,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(Dealing, SecretPoint), DealingError> {
    if context.keys != *keys {
        return Err(DealingError::OtherGroup);
    }
    let s = SecretScalar::random(rng);
    let split = shamir::split(&s, keys.threshold(), rng);
    let (dealing, _d) = hide(context, &split.half_shares, rng);
    Ok((dealing, split.secret))
}

/// Encrypts `n` shares, given as their halves, for the keys of the context, and
/// proves that they are consistent; gives `d` as well. Takes from the RNG `d` and
/// the nonce's bytes.
pub(super) fn hide(
    context: &DealingContext,
    half_shares: &[RistrettoPoint],
    rng: &mut (impl CryptoRng + ?Sized),
) -> (Dealing, SecretScalar) {
    let (keys, n) = (&context.keys, half_shares.len());
    let d = SecretScalar::random(rng);

    // Half of every point, because doubling and encoding many at once costs one
    // inversion where encoding each costs one a point.
    let half_d = Zeroizing::new(d.expose().div_by_2());
    let masks = keys.multiply(std::iter::repeat_n(&*half_d, n).copied());
    let mut halves = vec![RistrettoPoint::mul_base(&half_d)];
    halves.extend(half_shares.iter().zip(masks).map(|(share, mask)| share + mask));
    let mut wire = Vec::with_capacity(32 * (n + 4));
    encode_doubled(&halves, &mut wire);

    let r = nonce(rng, &d, |begun| statement(begun, context, &wire, n));
    let half_r = Zeroizing::new(r.expose().div_by_2());
    let half_r2 = keys.multiply_dual_word(&dual_coefficients(context, keys, &wire), &half_r);
    let commitments = [RistrettoPoint::mul_base(&half_r), half_r2];
    encode_doubled(&commitments, &mut wire);
    halves.extend(commitments);

    let z = response(&r, &challenge(context, &wire, n), &d);
    wire.extend(z.as_bytes());
    let points = halves.iter().map(|half| half + half).collect();
    (Dealing { wire, points, z }, d)
}

/// The public scalars of a dealing's two equations.
pub(super) struct Equation {
    /// The challenge.
    pub(super) c: Scalar,
    /// `w_1 … w_n`.
    pub(super) weights: Vec<Scalar>,
}

impl Equation {
    /// Recomputes challenge and code word, if dealing, context and keys fit together.
    pub(super) fn of(
        dealing: &Dealing,
        context: &DealingContext,
        keys: &GroupKeys,
    ) -> Result<Self, DealingError> {
        if context.keys != *keys {
            return Err(DealingError::OtherGroup);
        }
        let n = keys.threshold().n();
        if dealing.n() != n {
            return Err(DealingError::Members { expected: n, found: dealing.n() });
        }
        Ok(Self { c: challenge(context, &dealing.wire, n), weights: code_word(context, keys, &dealing.wire) })
    }

    /// `R1 = z·B − c·D` and `R2 = Σ z·w_i·E_i − Σ c·w_i·C_i`.
    pub(super) fn holds(&self, dealing: &Dealing, keys: &GroupKeys) -> bool {
        let (r1, r2) = dealing.commitments();
        let minus_c = -self.c;
        if RistrettoPoint::vartime_double_scalar_mul_basepoint(&minus_c, dealing.d(), &dealing.z) != *r1 {
            return false;
        }
        let mut scalars: Vec<Scalar> = self.weights.iter().map(|weight| dealing.z * weight).collect();
        scalars.extend(self.weights.iter().map(|weight| minus_c * weight));
        let points: Vec<RistrettoPoint> = [keys.points(), dealing.shares()].concat();
        RistrettoPoint::vartime_multiscalar_mul(&scalars, &points) == *r2
    }
}

/// `ctx, D, list of C_1 … C_n`, from the beginning of the encoding.
fn statement(begun: Transcript, context: &DealingContext, wire: &[u8], n: usize) -> Transcript {
    let shares = (1..n + 1).map(|index| encoding::part(wire, index));
    begun.part(context.hash).part(encoding::part(wire, 0)).list(shares)
}

/// `c = H("dealing", ctx, D, list of C_1 … C_n, R1, R2)`.
fn challenge(context: &DealingContext, wire: &[u8], n: usize) -> Scalar {
    let begun = statement(Transcript::new(label::DEALING), context, wire, n);
    begun.part(encoding::part(wire, n + 1)).part(encoding::part(wire, n + 2)).scalar()
}

/// `w_i = v_i·m(i)`, `m(X) = Σ_{j=0}^{n−t−1} H("dual", ctx, D, list of C_1 … C_n, j)·X^j`:
/// a random word of the code dual to the shares of polynomials of degree `t−1`.
fn code_word(context: &DealingContext, keys: &GroupKeys, wire: &[u8]) -> Vec<Scalar> {
    let coefficients = dual_coefficients(context, keys, wire);
    keys.dual_word(|x| polynomial(&coefficients, x))
}

/// The `n−t` coefficients of `m`.
fn dual_coefficients(context: &DealingContext, keys: &GroupKeys, wire: &[u8]) -> Vec<Scalar> {
    let (t, n) = (keys.threshold().t(), keys.threshold().n());
    let begun = statement(Transcript::new(label::DUAL), context, wire, n);
    (0..(n - t) as u64).map(|j| begun.clone().int(j).scalar()).collect()
}

/// Appends the encodings of the doubled points.
pub(super) fn encode_doubled(halves: &[RistrettoPoint], wire: &mut Vec<u8>) {
    for compressed in RistrettoPoint::double_and_compress_batch(halves) {
        wire.extend(compressed.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Quorum, UntrustedShare, open_share, tests::*};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_t_custodians_open_what_was_dealt(seed: u64, t in 2usize..6, more in 0usize..4, first in 0usize..8) {
            let rng = &mut rng(seed);
            let (keys, pairs, context) = group(t, t + more, rng);
            let keys = if seed % 2 == 0 { keys.with_tables() } else { keys };
            let (dealing, secret) = deal(&context, &keys, rng).unwrap();
            let request = Bytes([1; 64]);
            let chosen = (0..t).map(|step| (first + step) % (t + more));
            let shares = chosen.map(|at| {
                let index = at as u8 + 1;
                let sent = open_share(&dealing, index, &pairs[at], &request, rng).unwrap();
                UntrustedShare::from_bytes(sent.expose()).unwrap().verify(&dealing, index, &request).unwrap()
            });
            let shares = shares.collect();
            let opened = Quorum::gather(&dealing, shares).unwrap().combine();
            prop_assert_eq!(opened.expose(), secret.expose());
        }

        #[test]
        fn any_changed_byte_is_refused(seed: u64, at: prop::sample::Index, change in 1u8..) {
            let rng = &mut rng(seed);
            let (keys, _, context) = group(2, 3, rng);
            let mut wire = deal(&context, &keys, rng).unwrap().0.to_bytes();
            let at = at.index(wire.len());
            wire[at] ^= change;
            let refused = Dealing::from_bytes(&wire, 3).and_then(|dealing| dealing.verify(&context, &keys));
            prop_assert!(refused.is_err());
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(seed: u64, at: prop::sample::Index, change: u8) {
            let rng = &mut rng(seed);
            let (keys, _, context) = group(2, 3, rng);
            let mut wire = deal(&context, &keys, rng).unwrap().0.to_bytes();
            let at = at.index(wire.len());
            wire[at] ^= change;
            if let Ok(dealing) = Dealing::from_bytes(&wire, 3) {
                let points = dealing.points.iter().map(|point| point.compress().to_bytes());
                let encoded: Vec<u8> = points.chain([dealing.z.to_bytes()]).flatten().collect();
                prop_assert_eq!(&encoded, &wire);
                prop_assert_eq!(dealing.to_bytes(), wire);
            }
        }
    }

    #[test]
    fn draft_has_the_points_that_its_bytes_say() {
        for (t, n) in [(2, 2), (3, 5)] {
            let rng = &mut rng(1);
            let (keys, _, context) = group(t, n, rng);
            let (draft, _) = draft(&context, &keys, rng).unwrap();
            assert!(Dealing::from_bytes(&draft.to_bytes(), n).unwrap() == draft);
        }
    }

    #[test]
    fn tables_change_no_byte() {
        let (keys, _, context) = group(3, 5, &mut rng(1));
        let plain = deal(&context, &keys, &mut rng(2)).unwrap().0;
        let fast = deal(&context, &keys.with_tables(), &mut rng(2)).unwrap().0;
        assert_eq!(plain.to_bytes(), fast.to_bytes());
    }

    #[test]
    fn context_of_another_group_is_refused_by_dealer_and_verifier() {
        let rng = &mut rng(1);
        let (keys, _, context) = group(2, 3, rng);
        let (others, _, other) = group(2, 3, rng);
        assert_eq!(deal(&other, &keys, rng).unwrap_err(), DealingError::OtherGroup);
        let (dealing, _) = deal(&context, &keys, rng).unwrap();
        let again = Dealing::from_bytes(&dealing.to_bytes(), 3).unwrap();
        assert_eq!(again.clone().verify(&context, &others).unwrap_err(), DealingError::OtherGroup);
        assert_eq!(again.verify(&other, &others).unwrap_err(), DealingError::Proof);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for n in [0, 1, 65, usize::MAX] {
            assert_eq!(Dealing::from_bytes(&[], n).unwrap_err(), DealingError::Size { n });
        }
    }

    #[test]
    fn group_of_sixty_four_deals() {
        let rng = &mut rng(1);
        let (keys, _, context) = group(33, 64, rng);
        assert_eq!(deal(&context, &keys, rng).unwrap().0.to_bytes().len(), 32 * 68);
    }
}
