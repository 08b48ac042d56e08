//! One custodian's share of one dealing: opened with its key, sent with a proof,
//! checked by whoever receives it. Nothing here decides whether it may be opened.

use super::{
    encoding::EncodingError,
    nonce,
    proven::{self, ProvenPoint},
    record::VerifiedDealing,
};
use crate::{
    hex::Bytes,
    secret::{SecretBytes, SecretPoint, SecretScalar},
    transcript::{Transcript, label},
};
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::CryptoRng;
use std::fmt;
use zeroize::Zeroizing;

/// Why a share was refused. Indices are `1..=n`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Not the encoding of a share.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// The group has no such member.
    #[error("the group has no member {index}")]
    NoSuchMember {
        /// The index asked for.
        index: u8,
    },
    /// The key is not the one that the dealing was made for.
    #[error("this is not the share key of member {index}")]
    OtherKey {
        /// Whose share was to be opened.
        index: u8,
    },
    /// The proof does not hold: the sender is at fault, or it is for something else.
    #[error("the proof of share {index} does not hold for this dealing and request")]
    Proof {
        /// Whose share it claims to be.
        index: u8,
    },
}

/// A custodian's share key of one group and epoch: `x`, and `E = x·B`.
pub struct ShareKeyPair {
    x: SecretScalar,
    public: Bytes<32>,
}

impl ShareKeyPair {
    /// The pair of `x`.
    pub fn new(x: SecretScalar) -> Self {
        let public = Bytes(RistrettoPoint::mul_base(x.expose()).compress().to_bytes());
        Self { x, public }
    }

    /// A fresh random pair; 64 bytes from the RNG.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::new(SecretScalar::random(rng))
    }

    /// `E`.
    pub fn public(&self) -> &Bytes<32> {
        &self.public
    }

    /// `x`.
    pub(super) fn secret(&self) -> &SecretScalar {
        &self.x
    }
}

impl fmt::Debug for ShareKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShareKeyPair").field("x", &self.x).field("public", &self.public).finish()
    }
}

/// Decrypts share `index` (`1..=n`): `K = x·D`, `A = C_i − K`, with a proof of
/// `log_B E_i = log_D K` for this request. Gives `A ‖ R1 ‖ R2 ‖ z`, 128 bytes.
///
/// Takes a dealing that was verified for its context, because on any other a
/// custodian is a Diffie–Hellman oracle.
///
/// # Errors
/// [`ShareError::NoSuchMember`], [`ShareError::OtherKey`].
pub fn open_share(
    dealing: &VerifiedDealing,
    index: u8,
    pair: &ShareKeyPair,
    request: &Bytes<64>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<SecretBytes, ShareError> {
    let place = Place::of(dealing, index)?;
    if dealing.context().keys().key(index) != Some(pair.public()) {
        return Err(ShareError::OtherKey { index });
    }
    let base = dealing.d();
    let k = Zeroizing::new(pair.x.expose() * base);
    let share = Zeroizing::new(place.hidden - *k);
    Ok(proven::prove(
        &pair.x,
        base,
        &share,
        |encoded| nonce(rng, &pair.x, |begun| place.statement(begun, request, encoded)),
        |hashed| place.challenge(request, &hashed),
    ))
}

/// A share as it was received: decoded, its proof unchecked.
pub struct UntrustedShare(ProvenPoint);

impl UntrustedShare {
    /// Decodes `A ‖ R1 ‖ R2 ‖ z`, exactly 128 canonical bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ShareError> {
        Ok(Self(ProvenPoint::from_bytes(bytes)?))
    }

    /// Checks that this is share `index` of this dealing, opened for this request:
    /// `z·B = R1 + c·E_i` and `z·D = R2 + c·(C_i − A)`.
    ///
    /// # Errors
    /// [`ShareError::NoSuchMember`], [`ShareError::Proof`].
    pub fn verify(
        self,
        dealing: &VerifiedDealing,
        index: u8,
        request: &Bytes<64>,
    ) -> Result<VerifiedShare, ShareError> {
        let place = Place::of(dealing, index)?;
        let c = Zeroizing::new(place.challenge(request, &self.0.hashed()));
        let k = Zeroizing::new(place.hidden - self.0.point().expose());
        if !self.0.holds(place.key, dealing.d(), &k, &c) {
            return Err(ShareError::Proof { index });
        }
        Ok(VerifiedShare { index, dealing: *dealing.id(), point: self.0.into_point() })
    }
}

impl fmt::Debug for UntrustedShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntrustedShare([secret])")
    }
}

/// A share whose proof holds.
#[derive(Debug)]
pub struct VerifiedShare {
    index: u8,
    dealing: Bytes<64>,
    point: SecretPoint,
}

impl VerifiedShare {
    /// Whose share, `1..=n`.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// Id of the dealing that it is a share of.
    pub fn dealing(&self) -> &Bytes<64> {
        &self.dealing
    }

    /// `A`.
    pub(super) fn point(&self) -> &SecretPoint {
        &self.point
    }
}

/// Everything public about one place of a dealing.
struct Place<'a> {
    dealing: &'a VerifiedDealing,
    index: u8,
    /// `E_i`.
    key: &'a RistrettoPoint,
    /// `C_i`.
    hidden: &'a RistrettoPoint,
}

impl<'a> Place<'a> {
    fn of(dealing: &'a VerifiedDealing, index: u8) -> Result<Self, ShareError> {
        let absent = ShareError::NoSuchMember { index };
        let key = dealing.context().keys().point(index).ok_or(absent.clone())?;
        let hidden = dealing.shares().get(usize::from(index) - 1).ok_or(absent)?;
        Ok(Self { dealing, index, key, hidden })
    }

    /// `request, ctx, i, E_i, D, C_i, A`.
    fn statement(&self, begun: Transcript, request: &Bytes<64>, share: &[u8]) -> Transcript {
        let context = self.dealing.context();
        let key = context.keys().key(self.index).expect("the index was checked");
        begun
            .part(request)
            .part(context.hash())
            .int(self.index.into())
            .part(key)
            .part(self.dealing.part(0))
            .part(self.dealing.part(self.index.into()))
            .part(share)
    }

    /// `c = H("contribution", request, ctx, i, E_i, D, C_i, A, R1, R2)`.
    fn challenge(&self, request: &Bytes<64>, hashed: &proven::Hashed<'_>) -> Scalar {
        let begun = self.statement(Transcript::new(label::CONTRIBUTION), request, hashed.point);
        begun.part(hashed.r1).part(hashed.r2).scalar()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Quorum, QuorumError, deal, tests::*};
    use super::*;
    use proptest::prelude::*;

    const REQUEST: Bytes<64> = Bytes([1; 64]);

    struct Dealt {
        dealing: VerifiedDealing,
        pairs: Vec<ShareKeyPair>,
        secret: SecretPoint,
    }

    fn dealt(seed: u64) -> Dealt {
        let rng = &mut rng(seed);
        let (keys, pairs, context) = group(3, 5, rng);
        let (dealing, secret) = deal(&context, &keys, rng).unwrap();
        Dealt { dealing, pairs, secret }
    }

    impl Dealt {
        fn sent(&self, index: u8) -> SecretBytes {
            let pair = &self.pairs[usize::from(index) - 1];
            open_share(&self.dealing, index, pair, &REQUEST, &mut rng(index.into())).unwrap()
        }

        fn verified(&self, indices: &[u8]) -> Vec<VerifiedShare> {
            indices.iter().map(|index| check(&self.sent(*index), &self.dealing, *index).unwrap()).collect()
        }
    }

    fn check(sent: &SecretBytes, dealing: &VerifiedDealing, index: u8) -> Result<VerifiedShare, ShareError> {
        UntrustedShare::from_bytes(sent.expose())?.verify(dealing, index, &REQUEST)
    }

    #[test]
    fn share_of_another_index_request_or_dealing_is_refused() {
        let (one, two) = (dealt(1), dealt(2));
        let sent = one.sent(2);
        assert_eq!(check(&sent, &one.dealing, 3).unwrap_err(), ShareError::Proof { index: 3 });
        assert_eq!(check(&sent, &two.dealing, 2).unwrap_err(), ShareError::Proof { index: 2 });
        let parsed = UntrustedShare::from_bytes(sent.expose()).unwrap();
        let refused = parsed.verify(&one.dealing, 2, &Bytes([2; 64])).unwrap_err();
        assert_eq!(refused, ShareError::Proof { index: 2 });
    }

    #[test]
    fn key_of_another_member_opens_nothing() {
        let dealt = dealt(1);
        let refused = open_share(&dealt.dealing, 1, &dealt.pairs[1], &REQUEST, &mut rng(3)).unwrap_err();
        assert_eq!(refused, ShareError::OtherKey { index: 1 });
    }

    #[test]
    fn members_that_do_not_exist_are_refused() {
        let dealt = dealt(1);
        for index in [0, 6, 255] {
            let refused =
                open_share(&dealt.dealing, index, &dealt.pairs[0], &REQUEST, &mut rng(3)).unwrap_err();
            assert_eq!(refused, ShareError::NoSuchMember { index });
            let refused = check(&dealt.sent(1), &dealt.dealing, index).unwrap_err();
            assert_eq!(refused, ShareError::NoSuchMember { index });
        }
    }

    #[test]
    fn quorum_says_how_many_are_missing_and_who_is_doubled() {
        let dealt = dealt(1);
        let gather = |indices: &[u8]| Quorum::gather(&dealt.dealing, dealt.verified(indices));
        assert_eq!(gather(&[4, 1]).unwrap_err(), QuorumError::TooFew { missing: 1, threshold: 3 });
        assert_eq!(gather(&[]).unwrap_err(), QuorumError::TooFew { missing: 3, threshold: 3 });
        assert_eq!(gather(&[4, 1, 4]).unwrap_err(), QuorumError::Repeated { index: 4 });
        for good in [[5, 3, 1].as_slice(), &[1, 2, 3, 4], &[5, 4, 3, 2, 1]] {
            assert_eq!(gather(good).unwrap().combine().expose(), dealt.secret.expose());
        }
    }

    #[test]
    fn quorum_with_a_share_of_another_dealing_is_refused() {
        let (one, two) = (dealt(1), dealt(2));
        let mut shares = one.verified(&[1, 2]);
        shares.extend(two.verified(&[3]));
        let refused = Quorum::gather(&one.dealing, shares).unwrap_err();
        assert_eq!(refused, QuorumError::OtherDealing { index: 3 });
    }

    #[test]
    fn debug_shows_no_share_and_no_key() {
        let dealt = dealt(1);
        let sent = dealt.sent(1);
        let untrusted = UntrustedShare::from_bytes(sent.expose()).unwrap();
        let shown = format!("{:?} {:?} {:?}", dealt.pairs[0], untrusted, dealt.verified(&[1])[0]);
        assert_eq!(shown.matches("[secret]").count(), 3);
        assert!(!shown.contains(&Bytes::<32>::from_slice(&sent.expose()[..32]).unwrap().to_string()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_changed_byte_is_refused(at in 0usize..128, change in 1u8..) {
            let dealt = dealt(1);
            let mut sent = dealt.sent(1);
            sent.expose_mut()[at] ^= change;
            prop_assert!(check(&sent, &dealt.dealing, 1).is_err());
        }
    }
}
