//! Byte strings that read and write as lower-case hexadecimal.
//!
//! Every identifier, key, hash, proof and signature in an entry or a message
//! is one of these two types, so that there is exactly one text for each value.

use data_encoding::HEXLOWER;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// `N` public bytes; 64 for a transcript hash or a signature, 32 for a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<const N: usize>(pub [u8; N]);

/// Any number of public bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HexBytes(pub Vec<u8>);

/// Text that is not the lower-case hexadecimal of the expected length.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not {expected} lower-case hexadecimal digits")]
pub struct NotHex {
    /// Digits that were expected.
    pub expected: usize,
}

impl<const N: usize> Bytes<N> {
    /// Reads exactly `2·N` lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, NotHex> {
        let (digits, rest) = text.as_bytes().as_chunks::<2>();
        let digits: Option<&[[u8; 2]; N]> = digits.try_into().ok().filter(|_| rest.is_empty());
        digits.and_then(decode).map(Self).ok_or(NotHex { expected: 2 * N })
    }

    /// Copies exactly `N` bytes, or gives `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        HEXLOWER.encode(&self.0).chars().take(8).collect()
    }
}

impl<const N: usize> AsRef<[u8]> for Bytes<N> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> From<[u8; N]> for Bytes<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> fmt::Display for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let digits = self.0.map(encode);
        to.serialize_str(str::from_utf8(digits.as_flattened()).expect("hexadecimal digits are ASCII"))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Digits<const N: usize>;
        impl<const N: usize> Visitor<'_> for Digits<N> {
            type Value = Bytes<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} lower-case hexadecimal digits", 2 * N)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Bytes::parse(text).map_err(E::custom)
            }
        }
        from.deserialize_str(Digits)
    }
}

/// Two digits a byte; `None` if one is not of `0-9a-f`. Most of an entry is such
/// digits: this and [`encode`] have no branch and no table in the loop, so that the
/// compiler makes them work on many digits in one step.
fn decode<const N: usize>(digits: &[[u8; 2]; N]) -> Option<[u8; N]> {
    let (mut values, mut wrong) = (*digits, 0);
    for digit in values.as_flattened_mut() {
        let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
        let is_letter = u8::from(letter < 6).wrapping_neg();
        wrong |= !is_letter & u8::from(number > 9);
        *digit = (letter.wrapping_add(10) & is_letter) | (number & !is_letter);
    }
    (wrong == 0).then(|| values.map(|[high, low]| (high << 4) | low))
}

/// The two digits of a byte.
fn encode(byte: u8) -> [u8; 2] {
    let digit = |value: u8| value + b'0' + (u8::from(value > 9).wrapping_neg() & (b'a' - b'0' - 10));
    [digit(byte >> 4), digit(byte & 15)]
}

impl AsRef<[u8]> for HexBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for HexBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        HEXLOWER.decode(text.as_bytes()).map(Self).map_err(|_| D::Error::custom("not lower-case hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_and_other_lengths_are_refused() {
        assert_eq!(Bytes::<2>::parse("00ff").unwrap().0, [0, 255]);
        for bad in ["00FF", "00f", "00ff00", "zzzz", ""] {
            assert_eq!(Bytes::<2>::parse(bad), Err(NotHex { expected: 4 }), "{bad}");
        }
    }

    #[test]
    fn every_byte_and_no_other_digit_is_as_a_library_has_it() {
        for byte in 0..=255 {
            assert_eq!(encode(byte).as_slice(), HEXLOWER.encode(&[byte]).as_bytes());
        }
        for high in 0..=255 {
            for low in 0..=255 {
                let theirs = HEXLOWER.decode(&[high, low]).ok();
                assert_eq!(decode(&[[high, low]]).map(|bytes| bytes.to_vec()), theirs, "{high} {low}");
            }
        }
    }
}
