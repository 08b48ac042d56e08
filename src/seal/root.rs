//! The gate's roots, sealed for the keepers: under a key that comes from their
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
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Bytes of one root among several: its epoch and itself.
const ONE: usize = 8 + 32;

/// Most roots that are sealed together: one epoch follows another after a leak, or
/// after a recovery.
pub const MAX_ROOTS: usize = 64;

const VERSION: u8 = 2;
/// Of before there were epochs: the one root alone, in 32 bytes.
const FIRST_VERSION: u8 = 1;
const HEAD: usize = 1 + 32 + NONCE;

/// `cred` of what is sealed in an epoch of the gate: `H("gate-root", vault, epoch)`.
pub fn root_id(vault: &VaultId, epoch: u64) -> Bytes<64> {
    Bytes(Transcript::new(label::GATE_ROOT).part(vault).int(epoch).finish())
}

/// The gate's roots, by epoch.
pub type Roots = BTreeMap<u64, SecretKey>;

/// The gate's roots under the key of one dealing. Public: it opens for nobody alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedRoot {
    version: u8,
    commit: Bytes<32>,
    nonce: Bytes<NONCE>,
    ciphertext: Vec<u8>,
}

/// Seals the roots of a gate: that of the present epoch and those of before under
/// which versions remain, each as its epoch (8 bytes, big endian) and itself. `cred`
/// is the present epoch's [`root_id`], `shared` the `S` of the dealing.
///
/// HKDF-SHA-256 (RFC 5869) with salt `cred` and input `enc(S)`, expanded under
/// "gate-root-key" and "gate-root-commit" to 32 bytes each; XChaCha20-Poly1305 with
/// a random nonce and associated data `cred`.
pub fn seal_roots(
    cred: &Bytes<64>,
    shared: &SecretPoint,
    roots: &Roots,
    rng: &mut (impl CryptoRng + ?Sized),
) -> SealedRoot {
    let mut plain = SecretBytes::zeroed(roots.len() * ONE);
    let mut to = Writer(plain.expose_mut());
    for (epoch, root) in roots {
        to.put(&epoch.to_be_bytes());
        to.put(root.expose());
    }
    let (key, commit) = keys(cred, shared);
    let nonce = aead::fresh_nonce(rng);
    let ciphertext = aead::encrypt(&key, &nonce, cred.as_ref(), plain.expose());
    SealedRoot { version: VERSION, commit, nonce: Bytes(nonce), ciphertext }
}

impl SealedRoot {
    /// Opens it; the commitment is compared first, as in a sealed payload. `epoch` is
    /// the one that `cred` is of.
    ///
    /// # Errors
    /// [`RecordError::WrongKey`], [`RecordError::Damaged`], [`RecordError::Contents`].
    pub fn open(&self, cred: &Bytes<64>, epoch: u64, shared: &SecretPoint) -> Result<Roots, RecordError> {
        let (key, commit) = keys(cred, shared);
        if !bool::from(commit.0.ct_eq(&self.commit.0)) {
            return Err(RecordError::WrongKey);
        }
        let plain = aead::decrypt(&key, self.nonce.as_bytes(), cred.as_ref(), &self.ciphertext)
            .map_err(|_| RecordError::Damaged)?;
        let root = |bytes: &[u8]| SecretKey::from_slice(bytes).ok_or(RecordError::Contents);
        if self.version == FIRST_VERSION {
            return Ok(Roots::from([(epoch, root(plain.expose())?)]));
        }
        let mut roots = Roots::new();
        for one in plain.expose().chunks(ONE) {
            let (number, bytes) = one.split_first_chunk().ok_or(RecordError::Contents)?;
            roots.insert(u64::from_be_bytes(*number), root(bytes)?);
        }
        Ok(roots)
    }

    /// The record: version ‖ commit ‖ nonce ‖ ciphertext with tag.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[self.version], self.commit.as_ref(), self.nonce.as_ref(), &self.ciphertext].concat()
    }

    /// Reads what [`SealedRoot::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let length = RecordError::Length { length: bytes.len() };
        let roots = bytes.len().checked_sub(HEAD + TAG).ok_or(length)?;
        let mut from = Reader(bytes);
        let version = from.u8().ok_or(RecordError::Length { length: bytes.len() })?;
        let fits = match version {
            FIRST_VERSION => roots == 32,
            VERSION => roots.is_multiple_of(ONE) && (1..=MAX_ROOTS).contains(&(roots / ONE)),
            version => return Err(RecordError::Version { version }),
        };
        let fields = from.array().zip(from.array()).filter(|_| fits);
        let (commit, nonce) = fields.ok_or(RecordError::Length { length: bytes.len() })?;
        Ok(Self { version, commit: Bytes(commit), nonce: Bytes(nonce), ciphertext: from.0.to_vec() })
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
        let cred = root_id(&VaultId(Bytes([1; 32])), 2);
        let root = |byte| SecretKey::from_slice(&[byte; 32]).unwrap();
        let roots = Roots::from([(1, root(8)), (2, root(9))]);
        (cred, seal_roots(&cred, &point(3), &roots, rng))
    }

    #[test]
    fn roots_open_with_their_point_and_as_this_epochs_alone() {
        let (cred, sealed) = sealed();
        let read = SealedRoot::from_bytes(&sealed.to_bytes()).unwrap();
        assert_eq!(read, sealed);
        let roots = read.open(&cred, 2, &point(3)).unwrap();
        let bytes: Vec<_> = roots.iter().map(|(epoch, root)| (*epoch, *root.expose())).collect();
        assert_eq!(bytes, [(1, [8; 32]), (2, [9; 32])]);
        assert_eq!(read.open(&cred, 2, &point(4)).unwrap_err(), RecordError::WrongKey);
        let other = root_id(&VaultId(Bytes([1; 32])), 3);
        assert_eq!(read.open(&other, 3, &point(3)).unwrap_err(), RecordError::WrongKey);
    }

    /// As it was dealt before there were epochs.
    #[test]
    fn a_root_of_the_first_version_opens() {
        let rng = &mut StdRng::seed_from_u64(1);
        let cred = root_id(&VaultId(Bytes([1; 32])), 1);
        let (key, commit) = keys(&cred, &point(3));
        let nonce = aead::fresh_nonce(rng);
        let ciphertext = aead::encrypt(&key, &nonce, cred.as_ref(), &[9; 32]);
        let bytes = [&[1], commit.as_ref(), &nonce[..], &ciphertext].concat();
        let roots = SealedRoot::from_bytes(&bytes).unwrap().open(&cred, 1, &point(3)).unwrap();
        assert_eq!(roots.get(&1).unwrap().expose(), &[9; 32]);
    }

    #[test]
    fn every_changed_byte_and_every_other_length_is_refused() {
        let (cred, sealed) = sealed();
        let bytes = sealed.to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = SealedRoot::from_bytes(&changed).and_then(|read| read.open(&cred, 2, &point(3)));
            let expected = match at {
                0 => RecordError::Version { version: 3 },
                1..33 => RecordError::WrongKey,
                _ => RecordError::Damaged,
            };
            assert_eq!(opened.unwrap_err(), expected, "byte {at}");
        }
        for length in [0, HEAD + TAG, bytes.len() - 1, bytes.len() + 1, HEAD + TAG + (MAX_ROOTS + 1) * ONE] {
            let mut other = bytes.clone();
            other.resize(length, 0);
            assert_eq!(SealedRoot::from_bytes(&other).unwrap_err(), RecordError::Length { length });
        }
    }
}
