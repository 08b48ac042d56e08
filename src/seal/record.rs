//! The sealed record: what lies beside the log, and its hash in it. Where the
//! shared point and the gate's ingredient come from is not known here.

use super::aead::{self, NONCE, TAG};
use super::contents::{Contents, Sealable};
use super::fields::{Reader, Writer};
use crate::hex::Bytes;
use crate::name::Factor;
use crate::secret::{SecretBytes, SecretKey, SecretPoint};
use crate::transcript::{Transcript, label};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Lengths in bytes to which payloads are padded: a record shows no more of
/// its payload's length than which of these it is.
pub const BUCKETS: [usize; 4] = [512, 2 * 1024, 8 * 1024, 64 * 1024];
/// No sealed payload is longer, in bytes.
pub const MAX_SEALED: usize = 64 * 1024 + HEAD + TAG;

const VERSION: u8 = 1;
const HEAD: usize = 1 + 32 + NONCE;

/// Why a record was not sealed, read or opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// Too much for the largest bucket.
    #[error("the contents take {length} bytes, {most} fit")]
    TooLong {
        /// Bytes that they take, prefixes included.
        length: usize,
        /// The largest bucket.
        most: usize,
    },
    /// Written by a later version of this program, or no record.
    #[error("the record has version {version}; this program reads version 1")]
    Version {
        /// Its version.
        version: u8,
    },
    /// A length that no record has.
    #[error("no record has {length} bytes")]
    Length {
        /// Bytes that there are.
        length: usize,
    },
    /// The key is not the one that the record was sealed under: wrong shares,
    /// a wrong ingredient or another credential's record.
    #[error("this is not the key of the record")]
    WrongKey,
    /// The key is right, the ciphertext is not what was sealed.
    #[error("the record is damaged")]
    Damaged,
    /// It opens, but what is inside is not a well-formed payload.
    #[error("the record opens, but its contents are malformed")]
    Contents,
    /// It opens, but holds another factor than the log says.
    #[error("the record opens, but holds something else than the {0} that the log says")]
    OtherFactor(Factor),
}

/// What is sealed for the password factor.
pub struct Payload {
    /// What to sign in as.
    pub login: SecretBytes,
    /// The password.
    pub password: SecretBytes,
    /// Anything that helps to sign in.
    pub notes: SecretBytes,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload([secret])")
    }
}

/// A payload under the key of one credential version. Public: it is stored
/// beside the log and opens for nobody alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedPayload {
    commit: Bytes<32>,
    nonce: Bytes<NONCE>,
    ciphertext: Vec<u8>,
}

/// Seals contents. `cred` names the credential version, `shared` is `S` and
/// `ingredient` the gate's `γ·P(cred, origin)`.
///
/// HKDF-SHA-256 (RFC 5869) with salt `cred` and input `enc(S) ‖ enc(ingredient)`
/// gives key and commitment; XChaCha20-Poly1305 with associated data `cred`.
pub fn seal(
    cred: &Bytes<64>,
    shared: &SecretPoint,
    ingredient: &SecretPoint,
    contents: &impl Sealable,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<SealedPayload, RecordError> {
    let encoded = contents.encode()?;
    let (key, commit) = keys(cred, shared, ingredient);
    let nonce = aead::fresh_nonce(rng);
    let ciphertext = aead::encrypt(&key, &nonce, cred.as_ref(), encoded.expose());
    Ok(SealedPayload { commit, nonce: Bytes(nonce), ciphertext })
}

impl SealedPayload {
    /// Opens it. The commitment is compared first, so that a key that is not
    /// the record's ([`RecordError::WrongKey`]) is told from a ciphertext that
    /// is not as it was sealed ([`RecordError::Damaged`]), and so that no
    /// ciphertext opens under two keys.
    pub fn open(
        &self,
        cred: &Bytes<64>,
        shared: &SecretPoint,
        ingredient: &SecretPoint,
    ) -> Result<Contents, RecordError> {
        let (key, commit) = keys(cred, shared, ingredient);
        if !bool::from(commit.0.ct_eq(&self.commit.0)) {
            return Err(RecordError::WrongKey);
        }
        let encoded = aead::decrypt(&key, self.nonce.as_bytes(), cred.as_ref(), &self.ciphertext)
            .map_err(|_| RecordError::Damaged)?;
        Contents::decode(&encoded)
    }

    /// What the `sealed` entry names it by: `H("payload", record)`.
    pub fn payload_hash(&self) -> Bytes<64> {
        Bytes(Transcript::new(label::PAYLOAD).part(self.to_bytes()).finish())
    }

    /// version ‖ commit ‖ nonce ‖ ciphertext with tag.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[VERSION], self.commit.as_ref(), self.nonce.as_ref(), &self.ciphertext].concat()
    }

    /// Reads what [`SealedPayload::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let length = RecordError::Length { length: bytes.len() };
        if bytes.len() > MAX_SEALED {
            return Err(length);
        }
        let mut from = Reader(bytes);
        match from.u8() {
            Some(VERSION) => {}
            Some(version) => return Err(RecordError::Version { version }),
            None => return Err(length),
        }
        let Some((commit, nonce)) = from.array().zip(from.array()) else { return Err(length) };
        let ciphertext = from.0.to_vec();
        if !BUCKETS.into_iter().any(|bucket| bucket + TAG == ciphertext.len()) {
            return Err(length);
        }
        Ok(Self { commit: Bytes(commit), nonce: Bytes(nonce), ciphertext })
    }

    /// Length in bytes of the bucket that the payload was padded to.
    pub fn bucket(&self) -> usize {
        self.ciphertext.len() - TAG
    }
}

/// Encryption key and commitment. HKDF's own state on the stack is not wiped.
fn keys(cred: &Bytes<64>, shared: &SecretPoint, ingredient: &SecretPoint) -> (SecretKey, Bytes<32>) {
    let mut input = SecretBytes::zeroed(64);
    let mut to = Writer(input.expose_mut());
    for point in [shared, ingredient] {
        let mut encoded = point.expose().compress().to_bytes();
        to.put(&encoded);
        encoded.zeroize();
    }
    let hkdf = Hkdf::<Sha256>::new(Some(cred.as_ref()), input.expose());
    let mut key = SecretKey::zeroed();
    let mut commit = [0; 32];
    for (label, output) in [(label::RECORD_KEY, key.expose_mut()), (label::RECORD_COMMIT, &mut commit)] {
        let length = u16::try_from(label.len()).expect("labels are short").to_be_bytes();
        hkdf.expand_multi_info(&[&length, label.as_bytes()], output).expect("32 bytes are below the limit");
    }
    (key, Bytes(commit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::{RistrettoPoint, Scalar, constants::RISTRETTO_BASEPOINT_POINT as B};
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use sha2::{Digest, Sha512};

    const CRED: Bytes<64> = Bytes([7; 64]);

    fn point(times: u64) -> SecretPoint {
        SecretPoint::new(Scalar::from(times) * B)
    }

    fn payload(notes: usize) -> Payload {
        let secret = |text: &[u8]| SecretBytes::new(text.to_vec());
        Payload {
            login: secret(b"root@example.com"),
            password: secret(b"p4ss"),
            notes: SecretBytes::zeroed(notes),
        }
    }

    fn sealed(notes: usize) -> SealedPayload {
        seal(&CRED, &point(1), &point(2), &payload(notes), &mut StdRng::seed_from_u64(1)).unwrap()
    }

    /// Computed apart from this program: RFC 5869 over the encodings of B and
    /// 2B from RFC 9496, appendix A.1.
    #[test]
    fn key_and_commitment_are_the_documented_ones() {
        let (key, commit) = keys(&CRED, &point(1), &point(2));
        assert_eq!(
            Bytes(*key.expose()).to_string(),
            "40ead47c23aeee7d5f74652b12b82090c16536b06aa38ef48008fd23e722c961"
        );
        assert_eq!(commit.to_string(), "f0b64b3cec80919d7f776b7a6d940cca78e09260f79ed69e5862147c0d7bf55a");
    }

    #[test]
    fn opens_to_what_was_sealed() {
        let opened = sealed(5).open(&CRED, &point(1), &point(2)).unwrap();
        let opened = opened.password().unwrap();
        assert_eq!(opened.login.expose(), b"root@example.com");
        assert_eq!(
            (opened.password.expose(), opened.notes.expose()),
            (b"p4ss".as_slice(), [0; 5].as_slice())
        );
    }

    #[test]
    fn wrong_shares_wrong_ingredient_and_another_credential_are_wrong_keys() {
        let sealed = sealed(0);
        let other = Bytes([8; 64]);
        for (cred, shared, ingredient) in [(CRED, 3, 2), (CRED, 1, 3), (CRED, 2, 1), (other, 1, 2)] {
            let opened = sealed.open(&cred, &point(shared), &point(ingredient)).map(|_| ());
            assert_eq!(opened, Err(RecordError::WrongKey));
        }
    }

    #[test]
    fn altered_ciphertext_or_nonce_is_damage_and_altered_commitment_a_wrong_key() {
        let bytes = sealed(0).to_bytes();
        for at in 1..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let opened = SealedPayload::from_bytes(&bytes).unwrap().open(&CRED, &point(1), &point(2));
            let expected = if at < 33 { RecordError::WrongKey } else { RecordError::Damaged };
            assert_eq!(opened.map(|_| ()), Err(expected), "{at}");
        }
    }

    #[test]
    fn length_shows_only_the_bucket() {
        // 33 bytes are login, password, kind and three lengths.
        for (notes, bucket) in
            [(0, 512), (479, 512), (480, 2048), (2016, 8192), (8160, 65536), (65503, 65536)]
        {
            assert_eq!(sealed(notes).bucket(), bucket, "{notes}");
            assert_eq!(sealed(notes).to_bytes().len(), 1 + 32 + 24 + bucket + 16);
        }
    }

    #[test]
    fn contents_above_the_largest_bucket_are_refused() {
        let refused = payload(65504).encode().map(|_| ());
        assert_eq!(refused, Err(RecordError::TooLong { length: 65537, most: 65536 }));
    }

    #[test]
    fn dirty_padding_other_kind_too_long_field_and_too_large_bucket_are_refused() {
        let changed = |at: usize, value: u8| {
            let mut encoded = payload(0).encode().unwrap();
            encoded.expose_mut()[at] = value;
            Contents::decode(&encoded).map(|_| ())
        };
        assert_eq!(changed(0, 1), Ok(()));
        for (at, value) in [(0, 2), (1, 255), (3, 255), (33, 1), (511, 1)] {
            assert_eq!(changed(at, value), Err(RecordError::Contents), "{at}");
        }
        let large = SecretBytes::new([payload(0).encode().unwrap().expose(), &[0; 1536]].concat());
        assert_eq!(Contents::decode(&large).map(|_| ()), Err(RecordError::Contents));
    }

    #[test]
    fn truncated_trailing_or_unknown_version_is_refused() {
        let bytes = sealed(0).to_bytes();
        for length in 0..bytes.len() {
            let refused = SealedPayload::from_bytes(&bytes[..length]);
            assert_eq!(refused, Err(RecordError::Length { length }));
        }
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert_eq!(
            SealedPayload::from_bytes(&trailing),
            Err(RecordError::Length { length: bytes.len() + 1 })
        );
        for version in [0, 2] {
            let mut bytes = bytes.clone();
            bytes[0] = version;
            assert_eq!(SealedPayload::from_bytes(&bytes), Err(RecordError::Version { version }));
        }
        let length = MAX_SEALED + 1;
        assert_eq!(SealedPayload::from_bytes(&vec![1; length]), Err(RecordError::Length { length }));
    }

    #[test]
    fn hash_covers_every_byte_as_one_part() {
        let bytes = sealed(0).to_bytes();
        let mut expected = Sha512::new();
        expected.update([0, 17]);
        expected.update(b"warifu/v1/payload");
        expected.update(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        expected.update(&bytes);
        assert_eq!(sealed(0).payload_hash().as_ref(), expected.finalize().as_slice());
    }

    #[test]
    fn same_payload_seals_differently_each_time() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut once = || seal(&CRED, &point(1), &point(2), &payload(0), &mut rng).unwrap();
        assert_ne!(once(), once());
    }

    proptest! {
        #[test]
        fn what_parses_is_written_the_same(
            bucket in 0usize..4, slack in -1isize..=1, head in proptest::collection::vec(any::<u8>(), 57),
        ) {
            let length = (HEAD + BUCKETS[bucket] + TAG).checked_add_signed(slack).unwrap();
            let mut bytes = head;
            bytes.resize(length, 0xa5);
            if bytes[0] % 2 == 0 {
                bytes[0] = VERSION;
            }
            if let Ok(parsed) = SealedPayload::from_bytes(&bytes) {
                prop_assert_eq!(parsed.to_bytes(), bytes);
            } else {
                prop_assert!(slack != 0 || bytes[0] != VERSION);
            }
        }

        #[test]
        fn any_points_and_payload_come_back(
            s: [u8; 32], q: [u8; 32], cred: [u8; 32],
            texts in proptest::array::uniform3(proptest::collection::vec(any::<u8>(), 0..900)),
        ) {
            let wide = |seed: [u8; 32]| {
                SecretPoint::new(RistrettoPoint::from_uniform_bytes(&[seed, seed].concat().try_into().unwrap()))
            };
            let (shared, ingredient) = (wide(s), wide(q));
            let mut name = CRED;
            name.0[..32].copy_from_slice(&cred);
            let [login, password, notes] = texts.clone().map(SecretBytes::new);
            let payload = Payload { login, password, notes };
            let sealed = seal(&name, &shared, &ingredient, &payload, &mut StdRng::seed_from_u64(1)).unwrap();
            let read = SealedPayload::from_bytes(&sealed.to_bytes()).unwrap();
            let opened = read.open(&name, &shared, &ingredient).unwrap();
            let opened = opened.password().unwrap();
            let back = [&opened.login, &opened.password, &opened.notes].map(|field| field.expose().to_vec());
            prop_assert_eq!(back, texts);
        }
    }
}
