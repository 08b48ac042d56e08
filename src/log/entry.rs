//! One entry of the log as bytes: a single line that holds one JSON object.
//! What the object means is not known here.

use super::merkle::{self, Hash};
use serde::de::IgnoredAny;
use std::fmt;

/// Longest entry in bytes: its length fits the two bytes that entry bundles
/// (C2SP tlog-tiles) have for it.
pub const MAX_ENTRY: usize = 65_535;

/// Why bytes cannot be an entry.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum EntryError {
    /// Longer than [`MAX_ENTRY`].
    #[error("an entry of {length} bytes is too long: the limit is {MAX_ENTRY}")]
    TooLong {
        /// Length in bytes.
        length: usize,
    },
    /// A newline, tab or other control character.
    #[error("an entry is one line: control character at byte {at}")]
    ControlCharacter {
        /// Where it stands.
        at: usize,
    },
    /// Not UTF-8.
    #[error("an entry is UTF-8")]
    NotUtf8,
    /// Not one JSON object, or something stands before or after it.
    #[error("an entry is one JSON object")]
    NotAnObject,
}

/// The exact bytes of one entry, checked, with their leaf hash.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryBytes {
    text: String,
    leaf: Hash,
}

impl EntryBytes {
    /// Accepts 2 to 65,535 bytes of UTF-8 without control characters that are
    /// exactly one JSON object, with no white space around it.
    pub fn new(bytes: Vec<u8>) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLong { length: bytes.len() });
        }
        // Both sets of controls: some readers end a line at U+0085.
        let text = String::from_utf8(bytes).map_err(|_| EntryError::NotUtf8)?;
        if let Some(at) = text.find(char::is_control) {
            return Err(EntryError::ControlCharacter { at });
        }
        if !text.starts_with('{') || !text.ends_with('}') {
            return Err(EntryError::NotAnObject);
        }
        serde_json::from_str::<IgnoredAny>(&text).map_err(|_| EntryError::NotAnObject)?;
        let leaf = merkle::leaf_hash(text.as_bytes());
        Ok(Self { text, leaf })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `SHA-256(00 ‖ bytes)`, computed once.
    pub fn leaf_hash(&self) -> Hash {
        self.leaf
    }
}

impl fmt::Debug for EntryBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(text: &str) -> Result<EntryBytes, EntryError> {
        EntryBytes::new(text.as_bytes().to_vec())
    }

    #[test]
    fn an_object_on_one_line_is_kept_to_the_byte() {
        let text = r#"{"b": 1,"a":[{"ü":"\n"}],"n":1.50}"#;
        let kept = entry(text).unwrap();
        assert_eq!(kept.as_str(), text);
        assert_eq!(kept.leaf_hash(), merkle::leaf_hash(text.as_bytes()));
    }

    #[test]
    fn an_entry_over_the_cap_is_refused_and_one_at_the_cap_is_not() {
        let padded = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
        assert_eq!(entry(&padded(MAX_ENTRY)).unwrap().as_bytes().len(), MAX_ENTRY);
        assert_eq!(entry(&padded(MAX_ENTRY + 1)), Err(EntryError::TooLong { length: MAX_ENTRY + 1 }));
    }

    #[test]
    fn a_second_line_is_refused() {
        assert_eq!(entry("{\"a\":1}\n"), Err(EntryError::ControlCharacter { at: 7 }));
        assert_eq!(entry("{\"a\":\n1}"), Err(EntryError::ControlCharacter { at: 5 }));
        assert_eq!(entry("{\"a\":1}\r"), Err(EntryError::ControlCharacter { at: 7 }));
        assert_eq!(entry("{\"a\":\"\u{85}\"}"), Err(EntryError::ControlCharacter { at: 6 }));
        assert_eq!(entry("{\"a\":\"\u{9b}\"}"), Err(EntryError::ControlCharacter { at: 6 }));
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        assert_eq!(EntryBytes::new(b"{\"a\":\"\xff\"}".to_vec()), Err(EntryError::NotUtf8));
    }

    #[test]
    fn what_is_not_exactly_one_object_is_refused() {
        for bad in ["", "[]", "1", "{", "{}{}", " {}", "{} ", "{\"a\"}", "{\"a\":1,}", "{]}"] {
            assert_eq!(entry(bad), Err(EntryError::NotAnObject), "{bad}");
        }
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        let _ = entry(&deep);
    }

    proptest! {
        #[test]
        fn no_bytes_crash_it(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(kept) = EntryBytes::new(bytes.clone()) {
                prop_assert_eq!(kept.as_bytes(), &bytes[..]);
            }
        }
    }
}
