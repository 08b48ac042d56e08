//! From a passphrase to a key: Argon2id (RFC 9106) with bounded parameters,
//! and how strong a passphrase has to be. It reads no terminal.
//!
//! The passphrase is taken as the bytes that were typed; nothing normalises
//! Unicode, so that a letter with an accent may be two different passphrases
//! on two keyboards.

use crate::secret::{SecretBytes, SecretKey};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

/// Shortest salt, in bytes (RFC 9106, section 3.1, recommends 16).
pub const MIN_SALT: usize = 16;
/// Fewest characters of a passphrase.
pub const MIN_CHARACTERS: usize = 12;
/// Most memory that a file may ask for (1 GiB).
const MAX_MEMORY_KIB: u32 = 1 << 20;
/// Most passes that a file may ask for.
const MAX_PASSES: u32 = 16;
/// Most lanes that a file may ask for.
const MAX_LANES: u32 = 16;

/// Cost of Argon2id, within [`KdfParams::FLOOR`] and a cap of 1 GiB, 16 passes
/// and 16 lanes: a file from elsewhere can neither make guessing cheap nor
/// exhaust the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KdfParams {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Why no key was derived.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PassphraseError {
    /// Costs outside the bounds.
    #[error("Argon2id with {memory_kib} KiB, {passes} passes and {lanes} lanes is out of bounds")]
    ParametersOutOfBounds {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// Salt below [`MIN_SALT`].
    #[error("a salt of {length} bytes is too short")]
    ShortSalt {
        /// Its length in bytes.
        length: usize,
    },
    /// The memory is not there.
    #[error("{memory_kib} KiB of memory for the passphrase are not available")]
    OutOfMemory {
        /// What was asked for.
        memory_kib: u32,
    },
}

/// A passphrase that is too easy to guess.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("the passphrase is too weak: {}", advice.trim_end_matches('.'))]
pub struct WeakPassphrase {
    /// Decimal logarithm of the guesses that an informed attacker needs.
    pub guesses_log10: f64,
    /// What would help; none of its words come from the passphrase.
    pub advice: String,
}

impl KdfParams {
    /// What cards are protected with: 256 MiB, 3 passes, 4 lanes.
    pub const STANDARD: Self = Self { memory_kib: 256 * 1024, passes: 3, lanes: 4 };
    /// The least that is accepted: 19 MiB, 2 passes, 1 lane (OWASP's minimum).
    pub const FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

    /// Checks the bounds.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, PassphraseError> {
        let within = (Self::FLOOR.memory_kib..=MAX_MEMORY_KIB).contains(&memory_kib)
            && (Self::FLOOR.passes..=MAX_PASSES).contains(&passes)
            && (Self::FLOOR.lanes..=MAX_LANES).contains(&lanes);
        if within {
            Ok(Self { memory_kib, passes, lanes })
        } else {
            Err(PassphraseError::ParametersOutOfBounds { memory_kib, passes, lanes })
        }
    }

    /// Of each cost the greater.
    #[must_use]
    pub fn at_least(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            passes: self.passes.max(other.passes),
            lanes: self.lanes.max(other.lanes),
        }
    }

    /// Memory in KiB.
    pub fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    pub fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes (computed one after the other here; they cost an attacker nothing).
    pub fn lanes(self) -> u32 {
        self.lanes
    }
}

/// Argon2id version 1.3 (RFC 9106) of a passphrase: 32 bytes, without secret
/// value or associated data. The memory matrix is wiped afterwards; the state
/// of BLAKE2b that saw the passphrase on the stack is not.
pub fn derive(
    passphrase: &SecretBytes,
    salt: &[u8],
    params: KdfParams,
) -> Result<SecretKey, PassphraseError> {
    if salt.len() < MIN_SALT {
        return Err(PassphraseError::ShortSalt { length: salt.len() });
    }
    let KdfParams { memory_kib, passes, lanes } = params;
    let cost = Params::new(memory_kib, passes, lanes, Some(32)).expect("bounds are narrower than Argon2's");
    let mut matrix = Matrix::new(cost.block_count()).ok_or(PassphraseError::OutOfMemory { memory_kib })?;
    let mut key = SecretKey::zeroed();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
        .hash_password_into_with_memory(passphrase.expose(), salt, key.expose_mut(), &mut matrix.0[..])
        .expect("lengths and memory are within Argon2's bounds");
    Ok(key)
}

/// Argon2's memory, wiped when dropped: the crate itself does not.
struct Matrix(Vec<Block>);

impl Matrix {
    fn new(blocks: usize) -> Option<Self> {
        let mut matrix = Vec::new();
        matrix.try_reserve_exact(blocks).ok()?;
        matrix.resize(blocks, Block::new());
        Some(Self(matrix))
    }
}

impl Drop for Matrix {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Demands at least [`MIN_CHARACTERS`] characters and a zxcvbn score of 3
/// (10⁸ guesses or more). `context` are words that an attacker would try first:
/// the pseudonym, the organisation's name.
///
/// zxcvbn splits the passphrase into strings that it does not wipe: fragments
/// of it stay in freed memory. That is the price of the estimate, and why it
/// is asked for only when a passphrase is chosen, never when one is entered.
pub fn check_strength(passphrase: &SecretBytes, context: &[&str]) -> Result<(), WeakPassphrase> {
    let Some(text) = passphrase.expose_str() else {
        return Err(WeakPassphrase { guesses_log10: 0.0, advice: "It has to be text (UTF-8).".into() });
    };
    let estimate = zxcvbn::zxcvbn(text, context);
    let guesses_log10 = estimate.guesses_log10().max(0.0);
    if text.chars().count() < MIN_CHARACTERS {
        let advice = format!("Use at least {MIN_CHARACTERS} characters.");
        return Err(WeakPassphrase { guesses_log10, advice });
    }
    if estimate.score() >= zxcvbn::Score::Three {
        return Ok(());
    }
    Err(WeakPassphrase { guesses_log10, advice: advice(&estimate) })
}

fn advice(estimate: &zxcvbn::Entropy) -> String {
    let feedback = estimate.feedback();
    let warning = feedback.and_then(|f| f.warning()).map(|w| w.to_string());
    let suggestions = feedback.into_iter().flat_map(|f| f.suggestions()).map(|s| s.to_string());
    let sentences: Vec<_> = warning.into_iter().chain(suggestions).collect();
    if sentences.is_empty() { "Add another word or two.".into() } else { sentences.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::{AssociatedData, ParamsBuilder};
    use data_encoding::HEXLOWER;

    fn text(passphrase: &str) -> SecretBytes {
        SecretBytes::new(passphrase.as_bytes().to_vec())
    }

    /// RFC 9106, section 5.3. Its memory is below our floor and it has a
    /// secret value and associated data, so that it goes to the crate directly.
    #[test]
    fn crate_computes_argon2id_as_in_rfc_9106() {
        let mut params = ParamsBuilder::new();
        params.m_cost(32).t_cost(3).p_cost(4).data(AssociatedData::new(&[4; 12]).unwrap());
        let secret = [3; 8];
        let argon2 =
            Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params.build().unwrap());
        let mut tag = [0; 32];
        let mut blocks = Matrix::new(32).unwrap();
        argon2
            .unwrap()
            .hash_password_into_with_memory(&[1; 32], &[2; 16], &mut tag, &mut blocks.0[..])
            .unwrap();
        let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
        assert_eq!(HEXLOWER.encode(&tag), expected);
    }

    #[test]
    fn salt_passphrase_and_every_parameter_change_the_key() {
        let floor = KdfParams::FLOOR;
        let key = |passphrase: &str, salt: &[u8], params| {
            HEXLOWER.encode(derive(&text(passphrase), salt, params).unwrap().expose())
        };
        let mut keys = vec![
            key("correct horse battery", b"0123456789abcdef", floor),
            key("correct horse batterz", b"0123456789abcdef", floor),
            key("correct horse battery", b"0123456789abcdeg", floor),
            key("correct horse battery", b"0123456789abcdef", KdfParams::new(20 * 1024, 2, 1).unwrap()),
            key("correct horse battery", b"0123456789abcdef", KdfParams::new(19 * 1024, 3, 1).unwrap()),
            key("correct horse battery", b"0123456789abcdef", KdfParams::new(19 * 1024, 2, 2).unwrap()),
        ];
        let cost = Params::new(19 * 1024, 2, 1, Some(32)).unwrap();
        let mut expected = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
            .hash_password_into(b"correct horse battery", b"0123456789abcdef", &mut expected)
            .unwrap();
        assert_eq!(keys[0], HEXLOWER.encode(&expected));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
    }

    #[test]
    fn parameters_below_the_floor_or_above_the_cap_are_refused() {
        let ok = |m, t, p| KdfParams::new(m, t, p).is_ok();
        assert!(ok(19 * 1024, 2, 1) && ok(256 * 1024, 3, 4) && ok(1 << 20, 16, 16));
        for (m, t, p) in [
            (19 * 1024 - 1, 2, 1),
            (19 * 1024, 1, 1),
            (19 * 1024, 2, 0),
            ((1 << 20) + 1, 2, 1),
            (19 * 1024, 17, 1),
            (19 * 1024, 2, 17),
            (u32::MAX, u32::MAX, u32::MAX),
        ] {
            assert!(!ok(m, t, p), "{m} {t} {p}");
        }
    }

    #[test]
    fn short_salt_is_refused() {
        let refused = derive(&text("x"), &[0; 15], KdfParams::FLOOR).map(|_| ());
        assert_eq!(refused, Err(PassphraseError::ShortSalt { length: 15 }));
    }

    #[test]
    fn passphrases_that_are_short_common_or_made_of_context_are_refused() {
        assert_eq!(check_strength(&text("plinth gravel oboe tundra"), &[]), Ok(()));
        for weak in ["", "xQ7#kP!w2", "passwordpassword", "aaaaaaaaaaaaaaaa", "abcdefghijkl"] {
            assert!(check_strength(&text(weak), &[]).is_err(), "{weak}");
        }
        assert_eq!(check_strength(&text("quixotalveromyne"), &[]), Ok(()));
        let told = check_strength(&text("quixotalveromyne"), &["quixotalveromyne"]).unwrap_err();
        assert!(told.guesses_log10 < 8.0 && !told.to_string().contains("quixot"));
        assert!(check_strength(&SecretBytes::new(vec![0xff; 40]), &[]).is_err());
    }
}
