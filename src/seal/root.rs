//! The gate's root, sealed for the keepers: under a key that comes from their
//! shared point alone. There is no ingredient of the gate in it, for the gate is
//! what is lost when it is opened. Who the keepers are is not known here.

use super::aead::{self, NONCE, TAG};
use super::fields::{Reader, Writer};
use super::record::RecordError;
use crate::hex::Bytes;
use crate::name::VaultId;
use crate::secret::{SecretBytes, SecretKey, SecretPoint};
use crate::transcript::{Transcript, label};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Bytes of a sealed root: version ‖ commit ‖ nonce ‖ ciphertext with tag.
pub const SEALED_ROOT: usize = 1 + 32 + NONCE + 32 + TAG;

const VERSION: u8 = 1;

/// `cred` of the gate's root in an epoch: `H("gate-root", vault, epoch)`.
pub fn root_id(vault: &VaultId, epoch: u64) -> Bytes<64> {
    Bytes(Transcript::new(label::GATE_ROOT).part(vault).int(epoch).finish())
}

/// A root under the key of one dealing. Public: it opens for nobody alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedRoot {
    commit: Bytes<32>,
    nonce: Bytes<NONCE>,
    ciphertext: Bytes<{ 32 + TAG }>,
}

/// Seals a root. `cred` is its [`root_id`], `shared` the `S` of the dealing.
///
/// HKDF-SHA-256 (RFC 5869) with salt `cred` and input `enc(S)`, expanded under
/// "gate-root-key" and "gate-root-commit" to 32 bytes each; XChaCha20-Poly1305 with
/// a random nonce and associated data `cred`.
pub fn seal_root(
    cred: &Bytes<64>,
    shared: &SecretPoint,
    root: &SecretKey,
    rng: &mut (impl CryptoRng + ?Sized),
) -> SealedRoot {
    let (key, commit) = keys(cred, shared);
    let nonce = aead::fresh_nonce(rng);
    let ciphertext = aead::encrypt(&key, &nonce, cred.as_ref(), root.expose());
    let ciphertext = ciphertext.try_into().expect("32 bytes and a tag");
    SealedRoot { commit, nonce: Bytes(nonce), ciphertext: Bytes(ciphertext) }
}

impl SealedRoot {
    /// Opens it; the commitment is compared first, as in a sealed payload.
    ///
    /// # Errors
    /// [`RecordError::WrongKey`], [`RecordError::Damaged`].
    pub fn open(&self, cred: &Bytes<64>, shared: &SecretPoint) -> Result<SecretKey, RecordError> {
        let (key, commit) = keys(cred, shared);
        if !bool::from(commit.0.ct_eq(&self.commit.0)) {
            return Err(RecordError::WrongKey);
        }
        let root = aead::decrypt(&key, self.nonce.as_bytes(), cred.as_ref(), self.ciphertext.as_bytes())
            .map_err(|_| RecordError::Damaged)?;
        SecretKey::from_slice(root.expose()).ok_or(RecordError::Contents)
    }

    /// The record: [`SEALED_ROOT`] bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[VERSION], self.commit.as_ref(), self.nonce.as_ref(), self.ciphertext.as_ref()].concat()
    }

    /// Reads what [`SealedRoot::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let length = RecordError::Length { length: bytes.len() };
        if bytes.len() != SEALED_ROOT {
            return Err(length);
        }
        let mut from = Reader(bytes);
        match from.u8() {
            Some(VERSION) => {}
            Some(version) => return Err(RecordError::Version { version }),
            None => return Err(length),
        }
        let fields = from.array().zip(from.array()).zip(from.array());
        let ((commit, nonce), ciphertext) = fields.ok_or(length)?;
        Ok(Self { commit: Bytes(commit), nonce: Bytes(nonce), ciphertext: Bytes(ciphertext) })
    }
}

/// Encryption key and commitment. HKDF's own state on the stack is not wiped.
fn keys(cred: &Bytes<64>, shared: &SecretPoint) -> (SecretKey, Bytes<32>) {
    let mut input = SecretBytes::zeroed(32);
    let mut encoded = shared.expose().compress().to_bytes();
    Writer(input.expose_mut()).put(&encoded);
    encoded.zeroize();
    let hkdf = Hkdf::<Sha256>::new(Some(cred.as_ref()), input.expose());
    let mut key = SecretKey::zeroed();
    let mut commit = [0; 32];
    for (label, output) in [(label::GATE_ROOT_KEY, key.expose_mut()), (label::GATE_ROOT_COMMIT, &mut commit)]
    {
        let length = u16::try_from(label.len()).expect("labels are short").to_be_bytes();
        hkdf.expand_multi_info(&[&length, label.as_bytes()], output).expect("32 bytes are below the limit");
    }
    (key, Bytes(commit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::{Scalar, constants::RISTRETTO_BASEPOINT_POINT as B};
    use rand::{SeedableRng, rngs::StdRng};

    fn point(times: u64) -> SecretPoint {
        SecretPoint::new(Scalar::from(times) * B)
    }

    fn sealed() -> (Bytes<64>, SealedRoot) {
        let rng = &mut StdRng::seed_from_u64(1);
        let cred = root_id(&VaultId(Bytes([1; 32])), 1);
        let root = SecretKey::from_slice(&[9; 32]).unwrap();
        (cred, seal_root(&cred, &point(3), &root, rng))
    }

    #[test]
    fn a_root_opens_with_its_point_and_as_this_epochs_alone() {
        let (cred, sealed) = sealed();
        let read = SealedRoot::from_bytes(&sealed.to_bytes()).unwrap();
        assert_eq!(read, sealed);
        assert_eq!(read.open(&cred, &point(3)).unwrap().expose(), &[9; 32]);
        assert_eq!(read.open(&cred, &point(4)).unwrap_err(), RecordError::WrongKey);
        let other = root_id(&VaultId(Bytes([1; 32])), 2);
        assert_eq!(read.open(&other, &point(3)).unwrap_err(), RecordError::WrongKey);
    }

    #[test]
    fn every_changed_byte_and_every_other_length_is_refused() {
        let (cred, sealed) = sealed();
        let bytes = sealed.to_bytes();
        assert_eq!(bytes.len(), SEALED_ROOT);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = SealedRoot::from_bytes(&changed).and_then(|read| read.open(&cred, &point(3)));
            let expected = match at {
                0 => RecordError::Version { version: 0 },
                1..33 => RecordError::WrongKey,
                _ => RecordError::Damaged,
            };
            assert_eq!(opened.unwrap_err(), expected, "byte {at}");
        }
        for length in [0, SEALED_ROOT - 1, SEALED_ROOT + 1] {
            let mut other = bytes.clone();
            other.resize(length, 0);
            assert_eq!(SealedRoot::from_bytes(&other).unwrap_err(), RecordError::Length { length });
        }
    }
}
