//! Ed25519 over transcript hashes. It makes no keys (they come from a card's
//! seed or the gate's root) and knows no message formats.

use crate::hex::Bytes;
use crate::secret::SecretKey;
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use std::fmt;

/// An Ed25519 private key (RFC 8032, section 5.1.5), kept as its seed.
pub struct SigningKey {
    seed: SecretKey,
    public: Bytes<32>,
}

impl SigningKey {
    /// The key whose RFC 8032 seed is `seed`.
    pub fn new(seed: SecretKey) -> Self {
        let public = Bytes(ed25519_dalek::SigningKey::from_bytes(seed.expose()).verifying_key().to_bytes());
        Self { seed, public }
    }

    /// The public key.
    pub fn public(&self) -> Bytes<32> {
        self.public
    }

    /// Signs a transcript hash (pure Ed25519, with the 64 bytes as the message).
    ///
    /// The expanded key is computed anew each time, so that between signatures
    /// only the seed exists, in locked memory; dalek wipes the expansion.
    pub fn sign(&self, digest: &[u8; 64]) -> Bytes<64> {
        Bytes(ed25519_dalek::SigningKey::from_bytes(self.seed.expose()).sign(digest).to_bytes())
    }
}

impl From<SecretKey> for SigningKey {
    fn from(seed: SecretKey) -> Self {
        Self::new(seed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [secret])", self.public.short())
    }
}

/// Whether `signature` is `public`'s over `digest`, strictly: keys and `R` of
/// small order, non-canonical scalars and non-canonical keys are refused, so
/// that no signature counts for some verifiers only.
pub fn verify(public: &Bytes<32>, digest: &[u8; 64], signature: &Bytes<64>) -> bool {
    verify_message(public, digest, signature)
}

/// The same over bytes of any length: what is no transcript hash, such as the
/// message of a cosignature, must have a form that no hash can be taken for.
pub fn verify_message(public: &Bytes<32>, message: &[u8], signature: &Bytes<64>) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(public.as_bytes()) else { return false };
    // dalek remembers the encoding that it was given: compress to compare.
    let canonical = key.to_edwards().compress().to_bytes() == public.0;
    canonical && key.verify_strict(message, &Signature::from_bytes(signature.as_bytes())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(fill: u8) -> SigningKey {
        SigningKey::new(SecretKey::from_slice(&[fill; 32]).unwrap())
    }

    /// RFC 8032, section 7.1, test 1: the public key. (Its message is empty, ours
    /// always have 64 bytes, as SHA(abc) below.)
    #[test]
    fn public_keys_are_those_of_rfc_8032() {
        let seed =
            Bytes::<32>::parse("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let key = SigningKey::new(SecretKey::from_slice(&seed.0).unwrap());
        assert_eq!(key.public().to_string(), public);
    }

    /// RFC 8032, section 7.1, "TEST SHA(abc)": its message has 64 bytes.
    #[test]
    fn signature_is_that_of_rfc_8032_sha_abc() {
        let seed =
            Bytes::<32>::parse("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42").unwrap();
        let message = Bytes::<64>::parse(concat!(
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ))
        .unwrap();
        let expected = concat!(
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589",
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        );
        let key = SigningKey::new(SecretKey::from_slice(&seed.0).unwrap());
        assert_eq!(key.sign(&message.0).to_string(), expected);
        assert!(verify(&key.public(), &message.0, &Bytes::parse(expected).unwrap()));
    }

    #[test]
    fn another_key_or_digest_is_refused() {
        let signature = key(1).sign(&[5; 64]);
        assert!(verify(&key(1).public(), &[5; 64], &signature));
        assert!(!verify(&key(2).public(), &[5; 64], &signature));
        assert!(!verify(&key(1).public(), &[6; 64], &signature));
    }

    #[test]
    fn key_of_small_order_is_refused() {
        // The neutral element as key and as R, s = 0: valid under the plain equation.
        let neutral = {
            let mut p = [0; 32];
            p[0] = 1;
            p
        };
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&neutral);
        let lax = VerifyingKey::from_bytes(&neutral).unwrap();
        assert!(ed25519_dalek::Verifier::verify(&lax, &[5; 64], &Signature::from_bytes(&signature)).is_ok());
        assert!(!verify(&Bytes(neutral), &[5; 64], &Bytes(signature)));
    }

    #[test]
    fn scalar_above_the_order_is_refused() {
        // s + ℓ satisfies the equation as well as s.
        let order =
            Bytes::<32>::parse("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
        let mut signature = key(1).sign(&[5; 64]);
        let mut carry = 0u16;
        for (s, l) in signature.0[32..].iter_mut().zip(order.0) {
            carry += u16::from(*s) + u16::from(l);
            *s = carry as u8;
            carry >>= 8;
        }
        assert!(!verify(&key(1).public(), &[5; 64], &signature));
    }

    #[test]
    fn debug_shows_no_seed() {
        assert!(format!("{:?}", key(7)).ends_with("[secret])"));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_refused(bit in 0usize..512, fill: u8) {
            let mut signature = key(fill).sign(&[fill; 64]);
            signature.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verify(&key(fill).public(), &[fill; 64], &signature));
        }
    }
}
