//! Seeds of other people's authenticators: read from what a provider shows at
//! enrolment, and made into codes (RFC 6238). The seeds that custodians' codes
//! are checked with are [`super::totp`]'s. It reads no clock.

use crate::secret::SecretBytes;
use data_encoding::BASE32_NOPAD;
use std::fmt::{self, Write as _};
use totp_rs::{Builder, Secret};

/// Shortest and longest seed, in bytes. RFC 4226 asks for 16; some providers
/// give 10, AWS gives 40.
pub const SEED_LENGTHS: std::ops::RangeInclusive<usize> = 10..=128;
/// Digits that a code may have.
pub const DIGITS: std::ops::RangeInclusive<u8> = 6..=8;
/// Seconds that a code may be good for.
pub const PERIODS: std::ops::RangeInclusive<u8> = 15..=60;
/// Longest label that is kept, in bytes.
pub const MAX_LABEL: usize = 255;
/// No later time is taken seriously (the year 9999).
const LATEST_SECONDS: u64 = 253_402_300_799;

/// Hash under HMAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// What nearly all authenticators use.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// As one byte of a sealed seed.
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha512 => 3,
        }
    }

    /// The inverse.
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|algorithm| algorithm.to_byte() == byte)
    }
}

/// Why a text is no seed that codes can be made of. None repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// Neither a URL of an authenticator nor Base32.
    #[error("this is neither an otpauth://totp/ URL nor a seed in Base32")]
    Text,
    /// A URL for something else than codes by time.
    #[error("the URL is not for codes by time: it does not begin with otpauth://totp/")]
    NotTotp,
    /// A URL without a seed, or with two.
    #[error("the URL does not have exactly one secret")]
    NoSecret,
    /// The seed is too short or too long.
    #[error("the seed has {length} bytes, not {} to {}", SEED_LENGTHS.start(), SEED_LENGTHS.end())]
    Length {
        /// Bytes that it has.
        length: usize,
    },
    /// A parameter that no code can be made with here.
    #[error("the URL's {0} is not one that codes are made with here")]
    Parameter(&'static str),
}

/// A seed, and how codes are made of it.
pub struct MfaSeed {
    /// The secret.
    pub(super) seed: SecretBytes,
    /// Hash.
    pub(super) algorithm: Algorithm,
    /// Digits of a code.
    pub(super) digits: u8,
    /// Seconds that each code is good for.
    pub(super) period: u8,
    /// What the provider calls it, as the URL says; may be empty.
    pub(super) label: SecretBytes,
}

impl fmt::Debug for MfaSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MfaSeed([secret])")
    }
}

impl MfaSeed {
    /// A seed with its parameters; `None` where one is out of bounds.
    pub fn new(
        seed: SecretBytes,
        algorithm: Algorithm,
        (digits, period): (u8, u8),
        label: SecretBytes,
    ) -> Option<Self> {
        let fits = SEED_LENGTHS.contains(&seed.len())
            && DIGITS.contains(&digits)
            && PERIODS.contains(&period)
            && label.len() <= MAX_LABEL;
        fits.then_some(Self { seed, algorithm, digits, period, label })
    }

    /// Reads what a provider shows: an `otpauth://totp/LABEL?secret=…` URL (Key Uri
    /// Format of Google Authenticator; parameters that are not known are passed
    /// over), or the seed alone in Base32 (RFC 4648) in any letter case, with
    /// spaces, dashes and padding as people copy them. Nothing of it is copied into
    /// memory that is not wiped.
    pub fn read(text: &SecretBytes) -> Result<Self, SeedError> {
        let text = text.expose_str().ok_or(SeedError::Text)?.trim();
        match strip(text, "otpauth://") {
            Some(rest) => Self::from_url(strip(rest, "totp/").ok_or(SeedError::NotTotp)?),
            None if text.contains("://") => Err(SeedError::NotTotp),
            None => {
                let (seed, label) = (base32(text)?, SecretBytes::zeroed(0));
                let length = seed.len();
                Self::new(seed, Algorithm::Sha1, (6, 30), label).ok_or(SeedError::Length { length })
            }
        }
    }

    fn from_url(rest: &str) -> Result<Self, SeedError> {
        let (label, query) = rest.split_once('?').ok_or(SeedError::NoSecret)?;
        let (mut seed, mut algorithm, mut digits, mut period) = (None, Algorithm::Sha1, 6, 30);
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if is("secret") {
                let value = value.split("%3D").next().and_then(|v| v.split("%3d").next()).unwrap_or_default();
                if seed.replace(base32(value)?).is_some() {
                    return Err(SeedError::NoSecret);
                }
            } else if is("algorithm") {
                let named =
                    [("SHA1", Algorithm::Sha1), ("SHA256", Algorithm::Sha256), ("SHA512", Algorithm::Sha512)];
                let found = named.iter().find(|(name, _)| value.eq_ignore_ascii_case(name));
                algorithm = found.ok_or(SeedError::Parameter("algorithm"))?.1;
            } else if is("digits") {
                let parsed = value.parse().ok().filter(|digits| DIGITS.contains(digits));
                digits = parsed.ok_or(SeedError::Parameter("number of digits"))?;
            } else if is("period") {
                let parsed = value.parse().ok().filter(|period| PERIODS.contains(period));
                period = parsed.ok_or(SeedError::Parameter("period"))?;
            }
        }
        let seed = seed.ok_or(SeedError::NoSecret)?;
        let length = seed.len();
        Self::new(seed, algorithm, (digits, period), decoded(label)).ok_or(SeedError::Length { length })
    }

    /// What the provider calls it; may be empty.
    pub fn label(&self) -> &SecretBytes {
        &self.label
    }

    /// Seconds that each code is good for.
    pub fn period(&self) -> u64 {
        self.period.into()
    }

    /// The step that a time (Unix seconds) lies in: the code's number.
    pub fn step_of(&self, unix_seconds: u64) -> u64 {
        unix_seconds.min(LATEST_SECONDS) / self.period()
    }

    /// The code of a step: HOTP (RFC 4226, section 5.3) with the step as counter.
    pub fn code_at(&self, step: u64) -> SecretBytes {
        let algorithm = match self.algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        // "Noncompliant" is a seed of 80 bits; lengths were checked by `new`.
        let totp = Builder::new()
            .with_algorithm(algorithm)
            .with_digits(self.digits)
            .with_step_duration(self.period())
            .with_secret(Secret::new(self.seed.expose().into()))
            .build_noncompliant();
        let token = totp.generate(step.min(self.step_of(LATEST_SECONDS)) * self.period());
        let mut code = String::with_capacity(self.digits.into());
        write!(code, "{token}").expect("writing to a String does not fail");
        SecretBytes::new(code.into_bytes())
    }
}

/// What follows a prefix in any letter case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Base32 as people copy it.
fn base32(text: &str) -> Result<SecretBytes, SeedError> {
    let kept = |byte: &u8| !matches!(byte, b' ' | b'-' | b'=' | b'\t' | b'\r' | b'\n');
    let mut clean = SecretBytes::zeroed(text.bytes().filter(|byte| kept(byte)).count());
    for (place, byte) in clean.expose_mut().iter_mut().zip(text.bytes().filter(|byte| kept(byte))) {
        *place = byte.to_ascii_uppercase();
    }
    let length = BASE32_NOPAD.decode_len(clean.len()).map_err(|_| SeedError::Text)?;
    let mut seed = SecretBytes::zeroed(length);
    BASE32_NOPAD.decode_mut(clean.expose(), seed.expose_mut()).map_err(|_| SeedError::Text)?;
    if SEED_LENGTHS.contains(&length) { Ok(seed) } else { Err(SeedError::Length { length }) }
}

/// A label without its percent signs (RFC 3986), cut where it is too long.
fn decoded(label: &str) -> SecretBytes {
    let mut bytes = SecretBytes::zeroed(label.len());
    let (mut length, mut rest) = (0, label.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.split_at_checked(2).filter(|_| *first == b'%');
        let byte = escaped.and_then(|(hex, after)| {
            let text = std::str::from_utf8(hex).ok()?;
            Some((u8::from_str_radix(text, 16).ok()?, after))
        });
        let (byte, after) = byte.unwrap_or((*first, after));
        if let Some(place) = bytes.expose_mut().get_mut(length) {
            *place = byte;
            length += 1;
        }
        rest = after;
    }
    let kept = bytes.expose().get(..length.min(MAX_LABEL)).unwrap_or_default();
    let mut label = SecretBytes::zeroed(kept.len());
    label.expose_mut().copy_from_slice(kept);
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> SecretBytes {
        SecretBytes::new(text.as_bytes().to_vec())
    }

    fn read(url: &str) -> Result<MfaSeed, SeedError> {
        MfaSeed::read(&text(url))
    }

    /// RFC 6238, appendix B: seed, algorithm, time, code of eight digits. The
    /// seeds are as long as the hash, as erratum 2866 says.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        let digits = "1234567890".repeat(7);
        for (length, algorithm, rows) in [
            (20, "SHA1", [(59, "94287082"), (1_111_111_109, "07081804"), (20_000_000_000, "65353130")]),
            (32, "SHA256", [(59, "46119246"), (1_111_111_109, "68084774"), (20_000_000_000, "77737706")]),
            (64, "SHA512", [(59, "90693936"), (1_111_111_109, "25091201"), (20_000_000_000, "47863826")]),
        ] {
            let seed = BASE32_NOPAD.encode(&digits.as_bytes()[..length]);
            let url = format!("otpauth://totp/x?secret={seed}&digits=8&algorithm={algorithm}");
            let seed = read(&url).unwrap();
            for (time, code) in rows {
                assert_eq!(seed.code_at(seed.step_of(time)).expose_str(), Some(code), "{algorithm} {time}");
            }
        }
    }

    #[test]
    fn what_providers_show_is_read() {
        let aws = "A".repeat(64);
        let url = format!(
            "otpauth://totp/Amazon%20Web%20Services:root-account-mfa-device@123456789012?secret={aws}&issuer=Amazon%20Web%20Services"
        );
        let seed = read(&url).unwrap();
        assert_eq!(
            seed.label().expose_str(),
            Some("Amazon Web Services:root-account-mfa-device@123456789012")
        );
        assert_eq!((seed.seed.len(), seed.digits, seed.period), (40, 6, 30));
        for same in ["gezd gnbv-gy3t qojq", "GEZDGNBVGY3TQOJQ", " GEZDGNBVGY3TQOJQ======\n"] {
            assert_eq!(read(same).unwrap().seed.expose(), b"1234567890", "{same}");
        }
        let odd = "OTPAUTH://TOTP/?Secret=gezdgnbvgy3tqojq%3D%3D&Algorithm=sha256&period=60&image=x&new";
        let odd = read(odd).unwrap();
        assert_eq!((odd.algorithm, odd.period, odd.label().len()), (Algorithm::Sha256, 60, 0));
    }

    #[test]
    fn what_makes_no_codes_is_refused_and_not_repeated() {
        let secret = "GEZDGNBVGY3TQOJQ";
        for (url, why) in [
            ("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=1", SeedError::NotTotp),
            ("otpauth-migration://offline?data=GEZDGNBVGY3TQOJQ", SeedError::NotTotp),
            ("otpauth://totp/x", SeedError::NoSecret),
            ("otpauth://totp/x?issuer=GEZDGNBVGY3TQOJQ", SeedError::NoSecret),
            ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&secret=GEZDGNBVGY3TQOJQ", SeedError::NoSecret),
            ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=5", SeedError::Parameter("number of digits")),
            ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=six", SeedError::Parameter("number of digits")),
            ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0", SeedError::Parameter("period")),
            ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5", SeedError::Parameter("algorithm")),
            ("GEZDGNBVGY3TQO1Q", SeedError::Text),
            ("GEZDGNBV", SeedError::Length { length: 5 }),
            ("", SeedError::Length { length: 0 }),
            ("GEZDGNBVGY3TQOJQé", SeedError::Text),
        ] {
            let refused = read(url).map(|_| ()).unwrap_err();
            assert_eq!(refused, why, "{url}");
            assert!(!refused.to_string().contains(secret) && !format!("{refused:?}").contains(secret));
        }
        assert_eq!(MfaSeed::read(&SecretBytes::new(vec![0xff; 16])).map(|_| ()), Err(SeedError::Text));
    }

    #[test]
    fn times_at_the_end_of_the_range_do_not_overflow() {
        let seed = read("GEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(seed.code_at(u64::MAX).len(), 6);
        assert_eq!(seed.step_of(u64::MAX), LATEST_SECONDS / 30);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(any in "\\PC{0,80}", tail in "\\PC{0,40}") {
            let _ = read(&any).map(|_| ());
            let _ = read(&format!("otpauth://totp/{any}?{tail}")).map(|_| ());
            let _ = read(&format!("otpauth://totp/{any}?secret=GEZDGNBVGY3TQOJQ&{tail}")).map(|_| ());
        }

        #[test]
        fn every_seed_comes_back_from_its_base32(seed in proptest::collection::vec(any::<u8>(), 10..=128)) {
            let read = read(&BASE32_NOPAD.encode(&seed)).unwrap();
            prop_assert_eq!(read.seed.expose(), seed.as_slice());
        }
    }
}
