//! Passwords by a provider's rules: made, and checked where a person typed
//! one. It changes no password anywhere.

use crate::name::Provider;
use crate::secret::SecretBytes;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

/// Length of a generated password unless the person says otherwise.
pub const DEFAULT_LENGTH: usize = 40;
/// Shortest and longest password of AWS's root user, in characters; used for
/// other providers too.
pub const LENGTHS: std::ops::RangeInclusive<usize> = 8..=128;

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";
/// The symbols of AWS's rule for the root user's password.
const AWS_SYMBOLS: &[u8] = b"!@#$%^&*()<>[]{}|_+-=";
/// Symbols that nearly every provider takes and no shell or form mistakes.
const COMMON_SYMBOLS: &[u8] = b"!#%+-=@_";

/// What generated passwords are made of, within what a provider accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alphabet {
    /// All of the provider's classes: letters of both cases, digits, symbols.
    Full,
    /// Letters of both cases and digits: for whoever has to type them from paper.
    Alphanumeric,
}

impl Alphabet {
    /// As it is written and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Alphanumeric => "alphanumeric",
        }
    }
}

/// What a provider accepts. AWS's rules for the root user are on its page
/// "Change the password for the AWS account root user"; of other providers we
/// know none, so that generated passwords are cautious and typed ones are
/// judged by length and repetition of the login only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordRules {
    /// Upper case, lower case, digits, symbols: a generated password has at
    /// least one of each that is not empty, and nothing else.
    classes: [&'static [u8]; 4],
    /// How many classes a typed password needs, and whether it may have
    /// characters of none.
    typed: Typed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Typed {
    /// At least so many of the four classes and no other characters.
    Classes(usize),
    /// Any text without control characters.
    AnyText,
}

/// Why a password was not made, or a typed one refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has {} to {} characters, not {length}", LENGTHS.start(), LENGTHS.end())]
    Length {
        /// Characters that it has, or was to have.
        length: usize,
    },
    /// A character that the provider does not accept.
    #[error("character {position} of the password is not one that the provider accepts")]
    Character {
        /// Which, from 1.
        position: usize,
    },
    /// Too little variety.
    #[error(
        "the password has {found} of upper case, lower case, digits and symbols; the provider wants {wanted}"
    )]
    Classes {
        /// Classes that it has.
        found: usize,
        /// Classes that it needs.
        wanted: usize,
    },
    /// The account's name, login or e-mail address.
    #[error("the password is the account's name or e-mail address")]
    IsTheLogin,
}

impl PasswordRules {
    /// Of AWS's root user.
    pub const AWS: Self = Self { classes: [UPPER, LOWER, DIGITS, AWS_SYMBOLS], typed: Typed::Classes(3) };
    /// Of a provider of which we know nothing.
    pub const GENERIC: Self = Self { classes: [UPPER, LOWER, DIGITS, COMMON_SYMBOLS], typed: Typed::AnyText };

    /// The rules of a provider.
    pub fn of(provider: &Provider) -> Self {
        match provider {
            Provider::Aws => Self::AWS,
            Provider::Other(_) => Self::GENERIC,
        }
    }

    /// The same with fewer characters for generated passwords.
    #[must_use]
    pub fn within(self, alphabet: Alphabet) -> Self {
        let [upper, lower, digits, symbols] = self.classes;
        let symbols = match alphabet {
            Alphabet::Full => symbols,
            Alphabet::Alphanumeric => b"",
        };
        Self { classes: [upper, lower, digits, symbols], ..self }
    }

    fn class_of(&self, character: u8) -> Option<usize> {
        self.classes.iter().position(|class| class.contains(&character))
    }
}

/// A random password of `length` characters, uniform among all passwords of
/// that length that have at least one character of each class that the rules
/// have: whole passwords
/// are drawn until one has. At the least length of 8 that is every third draw
/// or better; at 40 nearly every one.
pub fn generate(
    rules: &PasswordRules,
    length: usize,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<SecretBytes, PasswordError> {
    if !LENGTHS.contains(&length) {
        return Err(PasswordError::Length { length });
    }
    let alphabet = rules.classes.concat();
    let mut password = SecretBytes::zeroed(length);
    loop {
        for place in password.expose_mut() {
            *place = uniform(&alphabet, rng);
        }
        let has = |class: &&[u8]| password.expose().iter().any(|character| class.contains(character));
        if rules.classes.iter().filter(|class| !class.is_empty()).all(has) {
            return Ok(password);
        }
    }
}

/// One element, each equally likely: bytes at or above the largest multiple of
/// the alphabet's size are drawn again.
fn uniform(alphabet: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> u8 {
    let fair = 256 - 256 % alphabet.len();
    loop {
        let mut byte = [0];
        rng.fill_bytes(&mut byte);
        let drawn = usize::from(byte[0]);
        if drawn < fair {
            return *alphabet.get(drawn % alphabet.len()).expect("a remainder is below the size");
        }
    }
}

/// Whether a password that a person chose suits the provider. `names` are the
/// account's name, its login and its e-mail address, as far as known; the
/// password must be none of them in any letter case. The error says where the
/// password fails, not what it is.
pub fn check_typed_password(
    rules: &PasswordRules,
    password: &SecretBytes,
    names: &[&str],
) -> Result<(), PasswordError> {
    let text = password.expose_str().ok_or(PasswordError::Character { position: 1 })?;
    let length = text.chars().count();
    if !LENGTHS.contains(&length) {
        return Err(PasswordError::Length { length });
    }
    check_characters(rules, text)?;
    if names.iter().any(|name| same_in_any_case(name, text)) {
        return Err(PasswordError::IsTheLogin);
    }
    Ok(())
}

fn check_characters(rules: &PasswordRules, text: &str) -> Result<(), PasswordError> {
    let mut present = [false; 4];
    for (i, character) in text.chars().enumerate() {
        let class = u8::try_from(character).ok().and_then(|byte| rules.class_of(byte));
        let accepted = match rules.typed {
            Typed::Classes(_) => class.is_some(),
            Typed::AnyText => !character.is_control(),
        };
        if !accepted {
            return Err(PasswordError::Character { position: i + 1 });
        }
        if let Some(seen) = class.and_then(|class| present.get_mut(class)) {
            *seen = true;
        }
    }
    let found = present.into_iter().filter(|seen| *seen).count();
    match rules.typed {
        Typed::Classes(wanted) if found < wanted => Err(PasswordError::Classes { found, wanted }),
        _ => Ok(()),
    }
}

/// Compared character by character: no lower-cased copy is made.
fn same_in_any_case(one: &str, two: &str) -> bool {
    let lower = |text| str::chars(text).flat_map(char::to_lowercase);
    lower(one).eq(lower(two))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn typed(rules: PasswordRules, text: &str) -> Result<(), PasswordError> {
        check_typed_password(
            &rules,
            &SecretBytes::new(text.as_bytes().to_vec()),
            &["Acme", "Root+1@Example.com"],
        )
    }

    #[test]
    fn symbols_are_exactly_those_of_aws() {
        let listed = "! @ # $ % ^ & * ( ) < > [ ] { } | _ + - =".replace(' ', "");
        let mut ours = AWS_SYMBOLS.to_vec();
        let mut listed = listed.into_bytes();
        ours.sort_unstable();
        listed.sort_unstable();
        assert_eq!(ours, listed);
    }

    #[test]
    fn no_character_stands_in_two_classes() {
        for rules in [PasswordRules::AWS, PasswordRules::GENERIC] {
            let mut all = rules.classes.concat();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count);
        }
    }

    /// Chi-squared over 100,000 characters of length-128 passwords, where the
    /// demand for all classes hardly shows. With 82 degrees of freedom a fair
    /// generator exceeds 150 once in 100,000 seeds; taking bytes modulo 83
    /// would give about 800 (seven characters drawn 4/256, the others 3/256).
    #[test]
    fn characters_are_evenly_spread() {
        let mut rng = StdRng::seed_from_u64(5);
        let alphabet = PasswordRules::AWS.classes.concat();
        let mut counts = [0u32; 256];
        let mut total = 0.0;
        for _ in 0..800 {
            for character in generate(&PasswordRules::AWS, 128, &mut rng).unwrap().expose() {
                counts[usize::from(*character)] += 1;
                total += 1.0;
            }
        }
        let expected = total / alphabet.len() as f64;
        let chi: f64 =
            alphabet.iter().map(|c| (f64::from(counts[usize::from(*c)]) - expected).powi(2) / expected).sum();
        assert!(chi < 150.0, "{chi}");
        assert!(chi > 40.0, "{chi}: too even to be random");
    }

    /// A digit forced into a fixed place, or classes dealt out evenly, would
    /// show here: at length 8 each place has a digit equally often.
    #[test]
    fn no_place_is_special_at_the_least_length() {
        let mut rng = StdRng::seed_from_u64(6);
        let mut digits = [0i32; 8];
        for _ in 0..20_000 {
            for (i, character) in
                generate(&PasswordRules::AWS, 8, &mut rng).unwrap().expose().iter().enumerate()
            {
                digits[i] += i32::from(character.is_ascii_digit());
            }
        }
        let mean = digits.iter().sum::<i32>() / 8;
        // About 20,000·0.18 = 3,600 each, with a deviation of 54.
        assert!(digits.iter().all(|count| (count - mean).abs() < 6 * 54), "{digits:?}");
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        let mut rng = StdRng::seed_from_u64(1);
        for length in [0, 7, 129, usize::MAX] {
            let refused = generate(&PasswordRules::AWS, length, &mut rng).map(|_| ());
            assert_eq!(refused, Err(PasswordError::Length { length }));
        }
    }

    #[test]
    fn typed_password_of_two_classes_is_refused_and_of_three_accepted() {
        assert_eq!(
            typed(PasswordRules::AWS, "abcdefg1"),
            Err(PasswordError::Classes { found: 2, wanted: 3 })
        );
        assert_eq!(typed(PasswordRules::AWS, "Abcdefg1"), Ok(()));
        assert_eq!(typed(PasswordRules::AWS, "Abcdefg="), Ok(()));
        assert_eq!(typed(PasswordRules::GENERIC, "abcdefgh"), Ok(()));
    }

    #[test]
    fn typed_password_too_short_too_long_or_with_other_characters_is_refused() {
        assert_eq!(typed(PasswordRules::AWS, "Abcdef1"), Err(PasswordError::Length { length: 7 }));
        let long = "Aa1".repeat(43);
        assert_eq!(typed(PasswordRules::AWS, &long), Err(PasswordError::Length { length: 129 }));
        assert_eq!(typed(PasswordRules::AWS, &long[1..]), Ok(()));
        for bad in ["Abcdefg1 ", "Abcdefg1~", "Abcdefg1;", "Abcdefg1é", "Abcdefg1\n"] {
            assert_eq!(
                typed(PasswordRules::AWS, bad),
                Err(PasswordError::Character { position: 9 }),
                "{bad}"
            );
        }
        assert_eq!(typed(PasswordRules::GENERIC, "naïve pass"), Ok(()));
        assert_eq!(
            typed(PasswordRules::GENERIC, "pass\tword"),
            Err(PasswordError::Character { position: 5 })
        );
    }

    #[test]
    fn account_name_or_address_is_refused_in_any_case() {
        assert_eq!(
            typed(PasswordRules::AWS, "rOOT+1@example.com"),
            Err(PasswordError::Character { position: 15 })
        );
        assert_eq!(typed(PasswordRules::GENERIC, "rOOT+1@example.COM"), Err(PasswordError::IsTheLogin));
        let password = SecretBytes::new(b"Prod-Account1".to_vec());
        let checked = check_typed_password(&PasswordRules::AWS, &password, &["prod-account1"]);
        assert_eq!(checked, Err(PasswordError::IsTheLogin));
    }

    proptest! {
        #[test]
        fn alphanumeric_passwords_have_letters_of_both_cases_and_digits_and_nothing_else(
            seed: u64, length in LENGTHS, aws: bool,
        ) {
            let provider = if aws { PasswordRules::AWS } else { PasswordRules::GENERIC };
            let rules = provider.within(Alphabet::Alphanumeric);
            let password = generate(&rules, length, &mut StdRng::seed_from_u64(seed)).unwrap();
            prop_assert_eq!(password.len(), length);
            let has = |class: fn(&u8) -> bool| password.expose().iter().any(class);
            prop_assert!(password.expose().iter().all(u8::is_ascii_alphanumeric));
            prop_assert!(has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit));
            prop_assert_eq!(check_typed_password(&provider, &password, &[]), Ok(()));
            prop_assert_eq!(provider.within(Alphabet::Full), provider);
        }

        #[test]
        fn generated_passwords_have_all_classes_and_pass_their_own_check(
            seed: u64, length in LENGTHS, aws: bool,
        ) {
            let rules = if aws { PasswordRules::AWS } else { PasswordRules::GENERIC };
            let password = generate(&rules, length, &mut StdRng::seed_from_u64(seed)).unwrap();
            prop_assert_eq!(password.len(), length);
            let mut classes: Vec<_> =
                password.expose().iter().map(|c| rules.class_of(*c).unwrap()).collect();
            classes.sort_unstable();
            classes.dedup();
            prop_assert_eq!(classes, vec![0, 1, 2, 3]);
            prop_assert_eq!(check_typed_password(&rules, &password, &[]), Ok(()));
        }
    }
}
