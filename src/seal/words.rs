//! Words that people say aloud: pseudonyms and fingerprints, from the 2048
//! English words of BIP 39 (11 bits each). No hashing: what a fingerprint
//! stands for is the caller's.

use crate::name::Pseudonym;
use bip39::Language;
use rand_core::CryptoRng;
use std::{fmt, str::FromStr};

/// Words of a fingerprint.
pub const FINGERPRINT_WORDS: usize = 12;
/// Bits that one word carries.
const BITS: usize = 11;

/// The first 132 bits of a transcript hash, as twelve words. With fewer, the
/// last member to join a group could try keys until the words come out alike.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u16; FINGERPRINT_WORDS]);

/// Text that is not a fingerprint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FingerprintError {
    /// Not twelve words.
    #[error("a fingerprint has 12 words, not {count}")]
    Count {
        /// Words that were given.
        count: usize,
    },
    /// A word that is not in the list.
    #[error("word {position} is not in the word list: '{word}'")]
    UnknownWord {
        /// Which word, from 1.
        position: usize,
        /// What was written.
        word: String,
    },
}

/// Three random words (33 bits). Whether a pseudonym is taken in its
/// organisation is for the caller to see.
pub fn pseudonym(rng: &mut (impl CryptoRng + ?Sized)) -> Pseudonym {
    let [a, b, c] = [(); 3].map(|()| {
        let mut bytes = [0; 2];
        rng.fill_bytes(&mut bytes);
        word(u16::from_le_bytes(bytes) % 2048) // even: 2048 divides 2^16
    });
    format!("{a}-{b}-{c}").parse().expect("the list's words are short and lower-case")
}

/// The fingerprint of a transcript hash: word `i` is bits `11·i .. 11·i + 11`,
/// counted from the most significant bit of the first byte.
pub fn fingerprint(hash: &[u8; 64]) -> Fingerprint {
    let bit = |at: usize| hash.get(at / 8).map_or(0, |byte| u16::from(byte >> (7 - at % 8) & 1));
    Fingerprint(std::array::from_fn(|i| (0..BITS).fold(0, |word, j| word << 1 | bit(BITS * i + j))))
}

impl Fingerprint {
    /// The twelve words.
    pub fn words(&self) -> [&'static str; FINGERPRINT_WORDS] {
        self.0.map(word)
    }
}

fn word(index: u16) -> &'static str {
    Language::English.word_list().get(usize::from(index)).expect("11 bits index 2048 words")
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.words().join(" "))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// Reads what a person typed: letter case and the amount of white space do not
/// matter, everything else does.
impl FromStr for Fingerprint {
    type Err = FingerprintError;
    fn from_str(typed: &str) -> Result<Self, FingerprintError> {
        let words: Vec<_> = typed.split_whitespace().map(str::to_ascii_lowercase).collect();
        let count = words.len();
        let indices = words.into_iter().enumerate().map(|(i, word)| {
            let found = Language::English.word_list().binary_search(&word.as_str());
            let index = found.map_err(|_| FingerprintError::UnknownWord { position: i + 1, word })?;
            Ok(u16::try_from(index).expect("the list has 2048 words"))
        });
        if count != FINGERPRINT_WORDS {
            return Err(FingerprintError::Count { count });
        }
        let indices: Vec<_> = indices.collect::<Result<_, _>>()?;
        Ok(Self(indices.try_into().expect("counted above")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use std::collections::BTreeSet;

    #[test]
    fn every_word_of_the_list_suits_a_pseudonym_and_the_list_is_sorted() {
        let list = Language::English.word_list();
        assert!(list.is_sorted());
        for word in list {
            assert!(format!("{word}-{word}-{word}").parse::<Pseudonym>().is_ok(), "{word}");
        }
    }

    #[test]
    fn pseudonyms_differ() {
        let mut rng = StdRng::seed_from_u64(1);
        let all: BTreeSet<_> = (0..500).map(|_| pseudonym(&mut rng)).collect();
        assert_eq!(all.len(), 500);
    }

    #[test]
    fn bits_are_taken_most_significant_first() {
        let mut hash = [0; 64];
        hash[0] = 0b1000_0000; // word 0 = 1024
        hash[2] = 0b0000_0100; // bit 21: the last of word 1
        hash[16] = 0b0001_0000; // bit 131: the last of word 11
        let words = fingerprint(&hash).words();
        assert_eq!((words[0], words[1], words[11]), ("length", "ability", "ability"));
        assert!(words[2..11].iter().all(|w| *w == "abandon"));
    }

    #[test]
    fn bit_132_does_not_count() {
        let mut hash = [0; 64];
        hash[16] = 0b0000_1000;
        assert_eq!(fingerprint(&hash), fingerprint(&[0; 64]));
    }

    #[test]
    fn eleven_words_thirteen_words_and_unknown_words_are_refused() {
        let words = fingerprint(&[0; 64]).to_string();
        let eleven = words.rsplit_once(' ').unwrap().0;
        assert_eq!(eleven.parse::<Fingerprint>(), Err(FingerprintError::Count { count: 11 }));
        let thirteen = format!("{words} zoo");
        assert_eq!(thirteen.parse::<Fingerprint>(), Err(FingerprintError::Count { count: 13 }));
        let unknown = format!("{eleven} Warifu");
        let expected = FingerprintError::UnknownWord { position: 12, word: "warifu".into() };
        assert_eq!(unknown.parse::<Fingerprint>(), Err(expected));
    }

    proptest! {
        #[test]
        fn typed_in_any_case_and_spacing_it_is_the_same(seed: [u8; 32]) {
            let mut hash = [0; 64];
            hash[..32].copy_from_slice(&seed);
            let ours = fingerprint(&hash);
            let typed = format!("  {}\n", ours.to_string().to_uppercase().replace(' ', " \t "));
            prop_assert_eq!(typed.parse::<Fingerprint>().unwrap(), ours);
        }

        #[test]
        fn any_of_the_first_132_bits_changes_it(bit in 0usize..132, fill: u8) {
            let mut hash = [fill; 64];
            let before = fingerprint(&hash);
            hash[bit / 8] ^= 1 << (7 - bit % 8);
            prop_assert_ne!(fingerprint(&hash), before);
        }
    }
}
