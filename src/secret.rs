//! The only types that hold secret bytes.
//!
//! Each lives on the heap, is wiped when dropped, prints as `[secret]`, and can
//! be neither cloned, copied, compared with `==` nor serialised. Reading one is
//! spelled `expose…`, so that every place that does can be searched for.
//! Pages that hold them are locked into memory where the limit allows; see
//! [`all_locked`].

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::CryptoRng;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret of any length: a passphrase, a payload, a TOTP seed.
pub struct SecretBytes(Box<[u8]>);

/// A 32-byte symmetric key or seed.
pub struct SecretKey(Box<[u8; 32]>);

/// A secret scalar modulo ℓ.
pub struct SecretScalar(Box<Scalar>);

/// A secret point of ristretto255.
pub struct SecretPoint(Box<RistrettoPoint>);

impl SecretBytes {
    /// Takes over `bytes`; spare capacity that may hold old contents is wiped.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let kept = lock(bytes.as_slice().into());
        bytes.zeroize();
        Self(kept)
    }

    /// `length` zero bytes, to be filled in place.
    pub fn zeroed(length: usize) -> Self {
        Self(lock(vec![0; length].into_boxed_slice()))
    }

    /// `length` fresh random bytes.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized), length: usize) -> Self {
        let mut secret = Self::zeroed(length);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, for filling in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The bytes as text, or `None` if they are not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Constant-time comparison of contents of equal length.
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl SecretKey {
    /// 32 zero bytes, to be filled in place.
    pub fn zeroed() -> Self {
        Self(lock(Box::new([0; 32])))
    }

    /// 32 fresh random bytes.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Self::zeroed();
        rng.fill_bytes(&mut *key.0);
        key
    }

    /// Copies 32 bytes; `None` for any other length. The caller wipes the source.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self::zeroed();
        if bytes.len() != key.0.len() {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes, for filling in place.
    pub fn expose_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl SecretScalar {
    /// Takes over a scalar; the caller's copy on the stack is its own to wipe.
    pub fn new(mut scalar: Scalar) -> Self {
        let kept = lock(Box::new(scalar));
        scalar.zeroize();
        Self(kept)
    }

    /// A uniformly random scalar.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut wide = [0; 64];
        rng.fill_bytes(&mut wide);
        let scalar = Self::new(Scalar::from_bytes_mod_order_wide(&wide));
        wide.zeroize();
        scalar
    }

    /// The scalar.
    pub fn expose(&self) -> &Scalar {
        &self.0
    }
}

impl SecretPoint {
    /// Takes over a point.
    pub fn new(mut point: RistrettoPoint) -> Self {
        let kept = lock(Box::new(point));
        point.zeroize();
        Self(kept)
    }

    /// The point.
    pub fn expose(&self) -> &RistrettoPoint {
        &self.0
    }
}

macro_rules! redacted_and_wiped {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[secret]")
            }
        }
        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }
        impl zeroize::ZeroizeOnDrop for $name {}
    )*};
}
redacted_and_wiped!(SecretBytes, SecretKey, SecretScalar, SecretPoint);

static ALL_LOCKED: AtomicBool = AtomicBool::new(true);

/// Whether every secret made so far could be locked into memory. The default
/// limit (`ulimit -l`) is 8 MiB; past it secrets may reach swap.
pub fn all_locked() -> bool {
    ALL_LOCKED.load(Ordering::Relaxed)
}

/// Locks the pages of `place` and leaves them locked: several secrets share a
/// page, and the kernel does not count locks, so that unlocking with one would
/// unlock its neighbours.
fn lock<T: ?Sized>(place: Box<T>) -> Box<T> {
    let length = size_of_val(&*place);
    if length > 0 {
        match region::lock(std::ptr::from_ref(&*place).cast::<u8>(), length) {
            Ok(guard) => std::mem::forget(guard),
            Err(_) => ALL_LOCKED.store(false, Ordering::Relaxed),
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_nothing_of_the_contents() {
        let secrets = format!(
            "{:?} {:?} {:?} {:?}",
            SecretBytes::new(b"hunter2".to_vec()),
            SecretKey::from_slice(&[7; 32]).unwrap(),
            SecretScalar::new(Scalar::from(7u64)),
            SecretPoint::new(curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT),
        );
        assert_eq!(secrets, "[secret] [secret] [secret] [secret]");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(SecretKey::from_slice(&[0; 31]).is_none());
        assert!(SecretKey::from_slice(&[0; 33]).is_none());
    }
}
