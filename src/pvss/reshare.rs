//! Resharing, a contributor's part: the share of an old dealing is dealt again to
//! the keys of a new group, with a proof that the new shares are consistent and
//! one that they share what the old share was. Nothing here puts a shared secret
//! together, or could: see `tests/layering.rs`. What becomes of `t` re-dealings is
//! in [`super::reshared`], the link proof in [`super::link`].

use super::{
    dealing::{Dealing, DealingContext, DealingError, Equation, hide},
    encoding::EncodingError,
    group::GroupKeys,
    link::{Link, LinkProof},
    record::VerifiedDealing,
    reshared::{Reshared, ResharedDealing},
    shamir,
    share::ShareKeyPair,
};
use crate::{
    hex::Bytes,
    name::Threshold,
    transcript::{Transcript, label},
};
use curve25519_dalek::{RistrettoPoint, Scalar, traits::MultiscalarMul};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Why a resharing, or a part of one, was refused. Indices are `1..=n` of the old
/// group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReshareError {
    /// Not the canonical encoding.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// A version of the record that this program does not know.
    #[error("version {found} of a reshared dealing is unknown")]
    Version {
        /// The record's first byte.
        found: u8,
    },
    /// No group had such a threshold.
    #[error("a threshold of {t} among {n} is impossible")]
    Threshold {
        /// `t` of the old group.
        t: u8,
        /// `n` of the old group.
        n: u8,
    },
    /// The old group has no such member.
    #[error("the old group has no member {index}")]
    NoSuchMember {
        /// The index asked for.
        index: u8,
    },
    /// The key is not the one that the old dealing was made for.
    #[error("this is not the share key of member {index}")]
    OtherKey {
        /// Whose share was to be dealt again.
        index: u8,
    },
    /// A re-dealing is not the encoding of one, or its own proof does not hold.
    #[error("the re-dealing of member {index}: {why}")]
    Redealing {
        /// Whose.
        index: u8,
        /// What is wrong with it.
        why: Box<DealingError>,
    },
    /// The link proof does not hold: what is dealt again is not the old share, or
    /// the proof is for something else.
    #[error("the re-dealing of member {index} is not shown to share what its old share was")]
    Link {
        /// Whose.
        index: u8,
    },
    /// Indices do not ascend: out of order, or one twice.
    #[error("the re-dealing of member {index} does not follow in ascending order")]
    Order {
        /// The first that does not.
        index: u8,
    },
    /// Too few or too many re-dealings.
    #[error("{found} re-dealings where there must be exactly {expected}")]
    Count {
        /// `t` of the old group.
        expected: usize,
        /// Re-dealings given.
        found: usize,
    },
    /// A re-dealing was verified for another credential, group or old dealing.
    #[error("the re-dealing of member {index} was made for something else")]
    OtherContext {
        /// Whose.
        index: u8,
    },
    /// The re-dealings add up to `D' = 0`, so that the `C'` would be the shares themselves.
    #[error("the re-dealings add up to a dealing whose D is the identity")]
    SumIdentity,
}

impl ReshareError {
    pub(super) fn of_redealing(index: u8, why: DealingError) -> Self {
        Self::Redealing { index, why: Box::new(why) }
    }
}

/// What is reshared, from which dealing, and to whom.
#[derive(Clone)]
pub struct ReshareContext {
    cred: Bytes<64>,
    prev: Bytes<64>,
    from: Threshold,
    to: GroupKeys,
    /// `rctx_i` up to its last part.
    begun: Transcript,
}

impl ReshareContext {
    /// `cred`; the old dealing's id `prev` and its group's `t` and `n`; the new
    /// group's keys. A contributor gets one from [`Resharing`], which knows them from
    /// a dealing that was verified.
    pub fn new(cred: Bytes<64>, prev: Bytes<64>, from: Threshold, to: &GroupKeys) -> Self {
        let new = to.threshold();
        let begun = Transcript::new(label::REDEALING_CONTEXT)
            .part(cred)
            .part(to.g())
            .int(new.t() as u64)
            .int(new.n() as u64)
            .list(to.keys())
            .part(prev)
            .int(from.t() as u64)
            .int(from.n() as u64);
        Self { cred, prev, from, to: to.clone(), begun }
    }

    /// What is sealed.
    pub fn cred(&self) -> &Bytes<64> {
        &self.cred
    }

    /// Id of the old dealing.
    pub fn prev(&self) -> &Bytes<64> {
        &self.prev
    }

    /// `t` and `n` of the old group.
    pub fn from(&self) -> Threshold {
        self.from
    }

    /// Who can open it afterwards.
    pub fn to(&self) -> &GroupKeys {
        &self.to
    }

    /// `rctx_i = H("redealing-context", cred, g', t', n', list of E'_1 … E'_n', prev, t, n, i)`.
    pub(super) fn of_redealing(&self, index: u8) -> DealingContext {
        let hash = Bytes(self.begun.clone().int(index.into()).finish());
        DealingContext::with_hash(self.cred, hash, &self.to)
    }

    /// `ctx' = H("reshared-context", cred, g', t', list of E'_1 … E'_n', prev,
    /// list of i_1 … i_t, list of re-dealings)`.
    pub(super) fn of_reshared(&self, redealings: &[Redealing]) -> DealingContext {
        let indices = redealings.iter().map(|one| u64::from(one.index).to_be_bytes());
        let begun = Transcript::new(label::RESHARED_CONTEXT)
            .part(self.cred)
            .part(self.to.g())
            .int(self.to.threshold().t() as u64)
            .list(self.to.keys())
            .part(self.prev)
            .list(indices);
        let hash = begun.list(redealings.iter().map(|one| one.dealing.wire())).finish();
        DealingContext::with_hash(self.cred, Bytes(hash), &self.to)
    }
}

/// A contributor's re-dealing, decoded and not yet checked: whose share was dealt
/// again, and the dealing with its own proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redealing {
    index: u8,
    dealing: Dealing,
}

impl Redealing {
    /// Decodes the re-dealing of member `index` to `n` members of the new group:
    /// `D_i ‖ C_i1 ‖ … ‖ C_in ‖ R1 ‖ R2 ‖ z`, exactly `32·(n+4)` bytes, `D_i` not the
    /// identity. The index stands beside it and is not part of the encoding.
    ///
    /// # Errors
    /// [`ReshareError::Redealing`].
    pub fn from_bytes(index: u8, wire: &[u8], n: usize) -> Result<Self, ReshareError> {
        let dealing = Dealing::from_bytes(wire, n).map_err(|why| ReshareError::of_redealing(index, why))?;
        Ok(Self { index, dealing })
    }

    /// Whose share was dealt again, `1..=n` of the old group.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// The encoding, without the index.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.dealing.to_bytes()
    }

    /// Checks the own proof alone: the new shares are consistent and encrypted for
    /// the new keys. That they share what the old share was it does not show.
    ///
    /// # Errors
    /// [`ReshareError::NoSuchMember`], [`ReshareError::Redealing`].
    pub fn verify_own(&self, context: &ReshareContext) -> Result<(), ReshareError> {
        if self.own(context)?.holds(&self.dealing, &context.to) {
            Ok(())
        } else {
            Err(ReshareError::of_redealing(self.index, DealingError::Proof))
        }
    }

    /// The scalars of the own proof's equations.
    pub(super) fn own(&self, context: &ReshareContext) -> Result<Equation, ReshareError> {
        let index = self.index;
        if !(1..=context.from.n()).contains(&usize::from(index)) {
            return Err(ReshareError::NoSuchMember { index });
        }
        Equation::of(&self.dealing, &context.of_redealing(index), &context.to)
            .map_err(|why| ReshareError::of_redealing(index, why))
    }

    pub(super) fn dealing(&self) -> &Dealing {
        &self.dealing
    }
}

/// One version's resharing from a verified dealing to the keys of a new group.
#[derive(Clone)]
pub struct Resharing {
    old: VerifiedDealing,
    context: ReshareContext,
}

impl Resharing {
    /// The old dealing was verified for its context; that it is the current one, who
    /// the new members are, and that they proved possession of their keys, the
    /// ceremony has to know before it makes one of these.
    pub fn new(old: VerifiedDealing, to: &GroupKeys) -> Self {
        let from = old.context().keys().threshold();
        let context = ReshareContext::new(*old.context().cred(), *old.id(), from, to);
        Self { old, context }
    }

    /// What is reshared, from which dealing, and to whom.
    pub fn context(&self) -> &ReshareContext {
        &self.context
    }

    /// The dealing that is reshared.
    pub fn old(&self) -> &VerifiedDealing {
        &self.old
    }

    /// Deals share `index` of the old dealing again:
    /// `C_ij = A_i + m_i(j)·B + d_i·E'_j`, `D_i = d_i·B`, with `A_i = C_i − x_i·D` and a
    /// random `m_i` of degree `t'−1` that is 0 at 0; the own proof, and the link proof.
    ///
    /// Constant time in everything secret. Takes from the RNG, in order, the
    /// `t'−1` coefficients of `m_i`, `d_i` (64 bytes each, reduced modulo ℓ), the 64
    /// bytes of the own proof's nonce and those of the link proof's two. Not checked
    /// here: every contributor checks all of them before it signs. Faster where the
    /// new keys have tables ([`GroupKeys::with_tables`]).
    ///
    /// # Errors
    /// [`ReshareError::NoSuchMember`], [`ReshareError::OtherKey`].
    pub fn redeal(
        &self,
        index: u8,
        pair: &ShareKeyPair,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Redealing, LinkProof), ReshareError> {
        let place = usize::from(index).checked_sub(1);
        let hidden = place.and_then(|place| self.old.shares().get(place));
        let hidden = hidden.ok_or(ReshareError::NoSuchMember { index })?;
        if self.old.context().keys().key(index) != Some(pair.public()) {
            return Err(ReshareError::OtherKey { index });
        }
        let minus_half_x = Zeroizing::new(-pair.secret().expose().div_by_2());
        let half = Scalar::ONE.div_by_2();
        let half_share =
            Zeroizing::new(RistrettoPoint::multiscalar_mul([&half, &*minus_half_x], [hidden, self.old.d()]));
        let mut half_shares = shamir::share_zero(self.context.to.threshold(), rng);
        half_shares.iter_mut().for_each(|point| *point += *half_share);

        let (dealing, d) = hide(&self.context.of_redealing(index), &half_shares, rng);
        let redealing = Redealing { index, dealing };
        let link = Link::of(self, &redealing)?;
        let proof = link.prove(&d, pair.secret(), rng);
        Ok((redealing, proof))
    }

    /// Checks both proofs of a contributor. Many are checked faster by
    /// [`super::verify_redealings`].
    ///
    /// # Errors
    /// [`ReshareError::NoSuchMember`], [`ReshareError::Redealing`], [`ReshareError::Link`].
    pub fn verify(&self, redealing: Redealing, proof: LinkProof) -> Result<VerifiedRedealing, ReshareError> {
        redealing.verify_own(&self.context)?;
        if !Link::of(self, &redealing)?.holds(&proof) {
            return Err(ReshareError::Link { index: redealing.index });
        }
        Ok(VerifiedRedealing::vouched(self, redealing, proof))
    }

    /// Adds up exactly `t` verified re-dealings whose indices ascend.
    ///
    /// # Errors
    /// [`ReshareError::Count`], [`ReshareError::Order`], [`ReshareError::OtherContext`],
    /// [`ReshareError::SumIdentity`].
    pub fn gather(&self, verified: Vec<VerifiedRedealing>) -> Result<ResharedDealing, ReshareError> {
        let (redealings, links): (Vec<_>, Vec<_>) =
            verified.into_iter().map(|one| ((one.context, one.redealing), one.link)).unzip();
        let stranger =
            redealings.iter().find(|(context, one)| context != self.context.of_redealing(one.index).hash());
        if let Some((_, one)) = stranger {
            return Err(ReshareError::OtherContext { index: one.index });
        }
        let redealings = redealings.into_iter().map(|(_, one)| one).collect();
        let reshared = Reshared::new(self.context.prev, self.context.from, redealings)?;
        ResharedDealing::new(reshared, &self.context, &links)
    }
}

/// A re-dealing whose own proof and link proof both hold.
#[derive(Clone, Debug)]
pub struct VerifiedRedealing {
    redealing: Redealing,
    link: LinkProof,
    /// `rctx_i`.
    context: Bytes<64>,
}

impl VerifiedRedealing {
    /// Only for callers that have just checked both proofs.
    pub(super) fn vouched(resharing: &Resharing, redealing: Redealing, link: LinkProof) -> Self {
        let context = *resharing.context.of_redealing(redealing.index).hash();
        Self { redealing, link, context }
    }

    /// Whose share was dealt again.
    pub fn index(&self) -> u8 {
        self.redealing.index
    }
}

/// What each contributor signs once for a chunk, when it has checked all link proofs:
/// `H("reshared", request, list of ctx' ‖ L)`, one element of 128 bytes a version, in
/// the order of the request's list.
pub fn reshared_digest(request: &Bytes<64>, chunk: &[(Bytes<64>, Bytes<64>)]) -> Bytes<64> {
    let pairs = chunk.iter().map(|(context, links)| [context.0, links.0].concat());
    Bytes(Transcript::new(label::RESHARED).part(request).list(pairs).finish())
}
