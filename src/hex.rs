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
        let mut bytes = [0; N];
        // Of another length there would be no room, or some left.
        let decoded = text.len() == 2 * N && HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).is_ok();
        if decoded { Ok(Self(bytes)) } else { Err(NotHex { expected: 2 * N }) }
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
        let mut digits = [[0; 2]; N];
        let digits = digits.as_flattened_mut();
        HEXLOWER.encode_mut(&self.0, digits);
        to.serialize_str(str::from_utf8(digits).expect("hexadecimal digits are ASCII"))
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
}
