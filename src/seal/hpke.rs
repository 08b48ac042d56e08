//! Sealed boxes of a ceremony: HPKE (RFC 9180) in base mode with
//! DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305, one message a
//! context. Base mode says nothing about the sender; messages are signed
//! elsewhere.

use crate::hex::{Bytes, HexBytes};
use crate::secret::{SecretBytes, SecretKey};
use chacha20poly1305::aead::inout::InOutBuf;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable,
    aead::{AeadTag, ChaCha20Poly1305},
    kdf::HkdfSha256,
    kem::X25519HkdfSha256,
    single_shot_open_inout_detached, single_shot_seal_inout_detached_with_rng,
};
use rand_core::CryptoRng;
use std::fmt;

type Suite = X25519HkdfSha256;

/// Bytes of the encapsulated key.
const ENC: usize = 32;
/// Bytes of the tag.
const TAG: usize = 16;
/// Bytes that a box is longer than its contents.
pub const OVERHEAD: usize = ENC + TAG;
/// No box is larger.
pub const MAX_BOX: usize = 1 << 20;

/// Why a box was not made or not opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BoxError {
    /// The recipient's public key is of small order: nobody's, or hostile.
    #[error("the recipient's key is not a usable X25519 key")]
    RecipientKey,
    /// Shorter than an encapsulated key and a tag.
    #[error("a sealed box of {length} bytes is cut short")]
    TooShort {
        /// Bytes that there are.
        length: usize,
    },
    /// Larger than [`MAX_BOX`].
    #[error("a sealed box of {length} bytes is larger than any allowed")]
    TooLong {
        /// Bytes that there are.
        length: usize,
    },
    /// Made for another key, request, direction or pseudonym, or altered.
    #[error("the sealed box does not open with this key for this request, direction and pseudonym")]
    DoesNotOpen,
}

/// An X25519 private key for one ceremony.
pub struct HpkeSecret(SecretKey);

impl HpkeSecret {
    /// A fresh key pair.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> (Self, Bytes<32>) {
        let secret = Self(SecretKey::random(rng));
        let public = secret.public();
        (secret, public)
    }

    /// The key kept as these 32 bytes (X25519 clamps when it uses them).
    pub fn from_key(key: SecretKey) -> Self {
        Self(key)
    }

    /// The 32 bytes, to be sealed at rest.
    pub fn as_key(&self) -> &SecretKey {
        &self.0
    }

    /// The public key.
    pub fn public(&self) -> Bytes<32> {
        Bytes(Suite::sk_to_pk(&self.private()).to_bytes().into())
    }

    /// hpke wipes this copy when it is dropped.
    fn private(&self) -> <Suite as Kem>::PrivateKey {
        <Suite as Kem>::PrivateKey::from_bytes(self.0.expose()).expect("32 bytes")
    }
}

impl From<SecretKey> for HpkeSecret {
    fn from(key: SecretKey) -> Self {
        Self::from_key(key)
    }
}

impl fmt::Debug for HpkeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HpkeSecret([secret])")
    }
}

/// Encrypts for `public`: `enc ‖ ciphertext ‖ tag`, [`OVERHEAD`] bytes longer
/// than the plaintext. The box opens only with the same label, request,
/// direction and pseudonym.
pub fn seal(
    public: &Bytes<32>,
    info_label: &str,
    request: &Bytes<64>,
    direction: &str,
    pseudonym: &str,
    plaintext: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<HexBytes, BoxError> {
    let length = plaintext.len() + OVERHEAD;
    if length > MAX_BOX {
        return Err(BoxError::TooLong { length });
    }
    let recipient =
        <Suite as Kem>::PublicKey::from_bytes(public.as_bytes()).map_err(|_| BoxError::RecipientKey)?;
    // Encrypted from the caller's memory straight into the box: no copy to wipe.
    let mut ciphertext = vec![0; plaintext.len()];
    let buffer = InOutBuf::new(plaintext, &mut ciphertext).expect("equal lengths");
    let (enc, tag) = single_shot_seal_inout_detached_with_rng::<ChaCha20Poly1305, HkdfSha256, Suite>(
        &OpModeS::Base,
        &recipient,
        &info(info_label, request),
        buffer,
        &associated(direction, request, pseudonym),
        &mut &mut *rng,
    )
    .map_err(|_| BoxError::RecipientKey)?;
    Ok(HexBytes([enc.to_bytes().as_slice(), &ciphertext, tag.to_bytes().as_slice()].concat()))
}

/// Opens what [`seal`] made with the same label, request, direction and
/// pseudonym for this key.
pub fn open(
    secret: &HpkeSecret,
    info_label: &str,
    request: &Bytes<64>,
    direction: &str,
    pseudonym: &str,
    sealed: &[u8],
) -> Result<SecretBytes, BoxError> {
    let length = sealed.len();
    if length > MAX_BOX {
        return Err(BoxError::TooLong { length });
    }
    let (enc, rest) = sealed.split_at_checked(ENC).ok_or(BoxError::TooShort { length })?;
    let at = rest.len().checked_sub(TAG).ok_or(BoxError::TooShort { length })?;
    let (ciphertext, tag) = rest.split_at(at);
    let enc = <Suite as Kem>::EncappedKey::from_bytes(enc).map_err(|_| BoxError::DoesNotOpen)?;
    let tag = AeadTag::<ChaCha20Poly1305>::from_bytes(tag).map_err(|_| BoxError::DoesNotOpen)?;
    let mut plaintext = SecretBytes::zeroed(ciphertext.len());
    let buffer = InOutBuf::new(ciphertext, plaintext.expose_mut()).expect("equal lengths");
    single_shot_open_inout_detached::<ChaCha20Poly1305, HkdfSha256, Suite>(
        &OpModeR::Base,
        &secret.private(),
        &enc,
        &info(info_label, request),
        buffer,
        &associated(direction, request, pseudonym),
        &tag,
    )
    .map_err(|_| BoxError::DoesNotOpen)?;
    Ok(plaintext)
}

/// Encoded as the input of `H(label, request)`.
fn info(label: &str, request: &Bytes<64>) -> Vec<u8> {
    let length = u16::try_from(label.len()).expect("labels are short");
    let mut info = [&length.to_be_bytes(), label.as_bytes()].concat();
    push_part(&mut info, request.as_ref());
    info
}

/// `direction, request, pseudonym` as parts.
fn associated(direction: &str, request: &Bytes<64>, pseudonym: &str) -> Vec<u8> {
    let mut associated = Vec::new();
    push_part(&mut associated, direction.as_bytes());
    push_part(&mut associated, request.as_ref());
    push_part(&mut associated, pseudonym.as_bytes());
    associated
}

fn push_part(to: &mut Vec<u8>, part: &[u8]) {
    to.extend(u32::try_from(part.len()).expect("parts are below 4 GiB").to_be_bytes());
    to.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::label;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    const REQUEST: Bytes<64> = Bytes([7; 64]);
    const WHO: &str = "amber-fox-lake";

    fn boxed(contents: &[u8]) -> (HpkeSecret, Vec<u8>) {
        let mut rng = StdRng::seed_from_u64(1);
        let (secret, public) = HpkeSecret::generate(&mut rng);
        let sealed = seal(&public, label::HPKE_CODE, &REQUEST, "to-gate", WHO, contents, &mut rng).unwrap();
        (secret, sealed.0)
    }

    fn opened(secret: &HpkeSecret, sealed: &[u8]) -> Result<SecretBytes, BoxError> {
        open(secret, label::HPKE_CODE, &REQUEST, "to-gate", WHO, sealed)
    }

    /// RFC 9180, appendix A.2.1 (this very suite, base mode): the recipient's
    /// key and the first encryption, whose info and aad are its own.
    #[test]
    fn suite_is_that_of_rfc_9180_a_2_1() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let secret = HpkeSecret::from_key(
            SecretKey::from_slice(&hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"))
                .unwrap(),
        );
        let public = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
        assert_eq!(secret.public().to_string(), public);
        let enc = hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
        let mut context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, Suite>(
            &OpModeR::Base,
            &secret.private(),
            &<Suite as Kem>::EncappedKey::from_bytes(&enc).unwrap(),
            &hex("4f6465206f6e2061204772656369616e2055726e"),
        )
        .unwrap();
        let ciphertext = hex(concat!(
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db",
            "21993c62ce81883d2dd1b51a28"
        ));
        let plaintext = context.open(&ciphertext, &hex("436f756e742d30")).unwrap();
        assert_eq!(plaintext, b"Beauty is truth, truth beauty");
    }

    #[test]
    fn info_and_associated_data_have_the_documented_bytes() {
        let info = info("ab", &REQUEST);
        assert_eq!(info, [&[0, 2, b'a', b'b', 0, 0, 0, 64][..], &[7; 64]].concat());
        let associated = associated("x", &REQUEST, "yz");
        let expected = [&[0, 0, 0, 1, b'x', 0, 0, 0, 64][..], &[7; 64], &[0, 0, 0, 2, b'y', b'z']].concat();
        assert_eq!(associated, expected);
    }

    #[test]
    fn other_label_request_direction_pseudonym_or_key_is_refused() {
        let (secret, sealed) = boxed(b"123456");
        let other = Bytes([8; 64]);
        let refused = Err(BoxError::DoesNotOpen);
        let tries = [
            open(&secret, label::HPKE_SHARE, &REQUEST, "to-gate", WHO, &sealed),
            open(&secret, label::HPKE_CODE, &other, "to-gate", WHO, &sealed),
            open(&secret, label::HPKE_CODE, &REQUEST, "to-requester", WHO, &sealed),
            open(&secret, label::HPKE_CODE, &REQUEST, "to-gate", "amber-fox-lakes", &sealed),
            opened(&HpkeSecret::generate(&mut StdRng::seed_from_u64(2)).0, &sealed),
        ];
        for (i, attempt) in tries.into_iter().enumerate() {
            assert_eq!(attempt.map(|_| ()), refused, "{i}");
        }
    }

    #[test]
    fn truncated_box_is_refused_at_every_length() {
        let (secret, sealed) = boxed(b"123456");
        for length in 0..sealed.len() {
            let expected =
                if length < OVERHEAD { BoxError::TooShort { length } } else { BoxError::DoesNotOpen };
            assert_eq!(opened(&secret, &sealed[..length]).map(|_| ()), Err(expected));
        }
    }

    #[test]
    fn trailing_byte_is_refused() {
        let (secret, mut sealed) = boxed(b"123456");
        sealed.push(0);
        assert_eq!(opened(&secret, &sealed).map(|_| ()), Err(BoxError::DoesNotOpen));
    }

    #[test]
    fn key_of_small_order_is_refused() {
        let mut rng = StdRng::seed_from_u64(1);
        let sealed = seal(&Bytes([0; 32]), label::HPKE_CODE, &REQUEST, "to-gate", WHO, b"", &mut rng);
        assert_eq!(sealed, Err(BoxError::RecipientKey));
    }

    #[test]
    fn contents_above_the_cap_are_refused() {
        let mut rng = StdRng::seed_from_u64(1);
        let public = HpkeSecret::generate(&mut rng).1;
        let large = vec![0; MAX_BOX - OVERHEAD + 1];
        let sealed = seal(&public, label::HPKE_CODE, &REQUEST, "to-gate", WHO, &large, &mut rng);
        assert_eq!(sealed, Err(BoxError::TooLong { length: MAX_BOX + 1 }));
        let (secret, _) = boxed(b"");
        let refused = opened(&secret, &vec![0; MAX_BOX + 1]).map(|_| ());
        assert_eq!(refused, Err(BoxError::TooLong { length: MAX_BOX + 1 }));
    }

    #[test]
    fn stored_key_opens_and_two_boxes_of_the_same_differ() {
        let (secret, one) = boxed(b"x");
        let stored = HpkeSecret::from_key(SecretKey::from_slice(secret.as_key().expose()).unwrap());
        assert_eq!(opened(&stored, &one).unwrap().expose(), b"x");
        let mut rng = StdRng::seed_from_u64(3);
        let two = seal(&secret.public(), label::HPKE_CODE, &REQUEST, "to-gate", WHO, b"x", &mut rng).unwrap();
        assert_ne!(one, two.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn opens_to_what_was_sealed_and_not_when_a_bit_flips(
            contents in proptest::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let (secret, mut sealed) = boxed(&contents);
            prop_assert_eq!(sealed.len(), contents.len() + OVERHEAD);
            let plaintext = opened(&secret, &sealed).unwrap();
            prop_assert_eq!(plaintext.expose(), contents.as_slice());
            let at = at.index(sealed.len());
            // X25519 ignores the top bit of enc, but the key schedule hashes enc as it came.
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(opened(&secret, &sealed).map(|_| ()), Err(BoxError::DoesNotOpen));
        }
    }
}
