//! Proof that a member knows the secret of its share key. Without it the last
//! to name a key could name one that cancels the others.

use super::{
    encoding,
    group::{KeyFault, decode_key},
    schnorr,
    share::ShareKeyPair,
};
use crate::{
    hex::Bytes,
    transcript::{Transcript, label},
};
use rand_core::CryptoRng;

/// Why a proof of possession was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PossessionError {
    /// The share key is not the canonical encoding of a point.
    #[error("the share key is not a canonical ristretto255 point")]
    NotCanonical,
    /// The share key is the identity.
    #[error("the share key is the identity")]
    Identity,
    /// `R` is not a canonical point or `z` not a canonical scalar.
    #[error(transparent)]
    Encoding(#[from] encoding::EncodingError),
    /// The proof does not hold for this key, group and signing key.
    #[error("the proof of possession does not hold for this share key, group and signing key")]
    Proof,
}

/// Schnorr's proof of knowledge of `x`: `R ‖ z` with `R = r·B`, `z = r + c·x`,
/// `c = H("possession", g, sign_key, E, R)`.
pub fn prove_possession(
    pair: &ShareKeyPair,
    g: &Bytes<64>,
    sign_key: &Bytes<32>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Bytes<64> {
    schnorr::prove(pair.secret(), label::POSSESSION, |t| statement(t, g, sign_key, pair.public()), rng)
}

/// Checks `z·B = R + c·E` for a share key `E` that is canonical and not the identity.
pub fn verify_possession(
    share_key: &Bytes<32>,
    g: &Bytes<64>,
    sign_key: &Bytes<32>,
    proof: &Bytes<64>,
) -> Result<(), PossessionError> {
    let key = decode_key(share_key).map_err(|fault| match fault {
        KeyFault::NotCanonical => PossessionError::NotCanonical,
        KeyFault::Identity => PossessionError::Identity,
    })?;
    if schnorr::holds(&key, label::POSSESSION, |t| statement(t, g, sign_key, share_key), proof)? {
        Ok(())
    } else {
        Err(PossessionError::Proof)
    }
}

fn statement(begun: Transcript, g: &Bytes<64>, sign_key: &Bytes<32>, share_key: &Bytes<32>) -> Transcript {
    begun.part(g).part(sign_key).part(share_key)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rng;
    use super::*;
    use curve25519_dalek::Scalar;

    const G: Bytes<64> = Bytes([3; 64]);
    const SIGN_KEY: Bytes<32> = Bytes([4; 32]);

    #[test]
    fn proof_holds_for_its_key_group_and_signing_key_only() {
        let rng = &mut rng(1);
        let (pair, other) = (ShareKeyPair::random(rng), ShareKeyPair::random(rng));
        let proof = prove_possession(&pair, &G, &SIGN_KEY, rng);
        assert_eq!(verify_possession(pair.public(), &G, &SIGN_KEY, &proof), Ok(()));
        let refused = Err(PossessionError::Proof);
        assert_eq!(verify_possession(other.public(), &G, &SIGN_KEY, &proof), refused);
        assert_eq!(verify_possession(pair.public(), &Bytes([0; 64]), &SIGN_KEY, &proof), refused);
        assert_eq!(verify_possession(pair.public(), &G, &Bytes([0; 32]), &proof), refused);
    }

    #[test]
    fn identity_is_nobodys_key() {
        let pair = ShareKeyPair::new(crate::secret::SecretScalar::new(Scalar::ZERO));
        let proof = prove_possession(&pair, &G, &SIGN_KEY, &mut rng(1));
        let refused = Err(PossessionError::Identity);
        assert_eq!(verify_possession(pair.public(), &G, &SIGN_KEY, &proof), refused);
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let rng = &mut rng(1);
        let pair = ShareKeyPair::random(rng);
        let proof = prove_possession(&pair, &G, &SIGN_KEY, rng);
        for at in 0..64 {
            let mut changed = proof;
            changed.0[at] ^= 0x80;
            assert!(verify_possession(pair.public(), &G, &SIGN_KEY, &changed).is_err(), "byte {at}");
        }
    }
}
