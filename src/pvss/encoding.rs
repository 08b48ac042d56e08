//! Canonical encodings: a byte string is so many parts of 32 bytes, each a
//! ristretto255 point (RFC 9496, section 4.3.1) or a scalar below ℓ. Nothing
//! here knows what the parts mean.

use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto};
use zeroize::Zeroize;

/// Bytes that are not the one encoding of anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Not exactly as long as it has to be.
    #[error("{found} bytes where there must be exactly {expected}")]
    Length {
        /// Bytes that there must be.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// A part is not the canonical encoding of a point.
    #[error("the 32 bytes at part {part} (from 0) are not a canonical ristretto255 point")]
    Point {
        /// Which part of 32 bytes, from 0.
        part: usize,
    },
    /// A part is not the canonical encoding of a scalar.
    #[error("the 32 bytes at part {part} (from 0) are not a canonical scalar")]
    Scalar {
        /// Which part of 32 bytes, from 0.
        part: usize,
    },
}

/// Refuses any other length than `parts` times 32 bytes.
pub(super) fn demand_parts(bytes: &[u8], parts: usize) -> Result<(), EncodingError> {
    let expected = parts * 32;
    if bytes.len() == expected {
        return Ok(());
    }
    Err(EncodingError::Length { expected, found: bytes.len() })
}

/// Part number `part` of bytes whose length was demanded.
pub(super) fn part(bytes: &[u8], part: usize) -> &[u8] {
    bytes.get(part * 32..part * 32 + 32).expect("the number of parts was checked")
}

/// Reads part number `at` as a point.
pub(super) fn point(bytes: &[u8], at: usize) -> Result<RistrettoPoint, EncodingError> {
    let mut compressed = CompressedRistretto::from_slice(part(bytes, at)).expect("a part has 32 bytes");
    let point = compressed.decompress();
    compressed.zeroize();
    point.ok_or(EncodingError::Point { part: at })
}

/// Reads part number `at` as a scalar.
pub(super) fn scalar(bytes: &[u8], at: usize) -> Result<Scalar, EncodingError> {
    let mut wire: [u8; 32] = part(bytes, at).try_into().expect("a part has 32 bytes");
    let scalar = Scalar::from_canonical_bytes(wire).into_option();
    wire.zeroize();
    scalar.ok_or(EncodingError::Scalar { part: at })
}

/// Writes a point that may be secret to part number `at`; the copy on the stack is wiped.
pub(super) fn write_point(point: &RistrettoPoint, bytes: &mut [u8], at: usize) {
    let mut compressed = point.compress();
    write_part(compressed.as_bytes(), bytes, at);
    compressed.zeroize();
}

/// Writes 32 bytes to part number `at`.
pub(super) fn write_part(wire: &[u8; 32], bytes: &mut [u8], at: usize) {
    bytes.get_mut(at * 32..at * 32 + 32).expect("room was made for every part").copy_from_slice(wire);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_that_is_negative_or_above_the_field_is_refused() {
        let mut negative = RistrettoPoint::mul_base(&Scalar::ONE).compress().to_bytes();
        negative[0] |= 1;
        for bad in [negative, [0xff; 32]] {
            assert_eq!(point(&bad, 0), Err(EncodingError::Point { part: 0 }));
        }
    }

    #[test]
    fn scalar_of_the_group_order_is_refused() {
        let mut order = (-Scalar::ONE).to_bytes();
        order[0] += 1;
        assert_eq!(scalar(&order, 0), Err(EncodingError::Scalar { part: 0 }));
        assert_eq!(scalar(&(-Scalar::ONE).to_bytes(), 0), Ok(-Scalar::ONE));
    }
}
