//! TOTP (RFC 6238) with the parameters that every authenticator honours:
//! HMAC-SHA-1, six digits, thirty seconds. It reads no clock and remembers no
//! used step: refusing a second use is the gate's, from its set of
//! (custodian, step).

use crate::secret::SecretBytes;
use data_encoding::BASE32_NOPAD;
use rand_core::CryptoRng;
use std::fmt::{self, Write as _};
use totp_rs::{Builder, Secret, Totp};

/// Seconds in one step.
pub const STEP_SECONDS: u64 = 30;
/// Bytes of a secret: the length that RFC 4226, section 4, recommends.
pub const SECRET_LENGTH: usize = 20;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// No later time is taken seriously (the year 9999): keeps untrusted times
/// away from the ends of the number range.
const LATEST_SECONDS: u64 = 253_402_300_799;

/// A TOTP seed of 20 bytes.
pub struct TotpSecret(SecretBytes);

impl TotpSecret {
    /// A fresh seed.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(SecretBytes::random(rng, SECRET_LENGTH))
    }

    /// The seed with these bytes; `None` unless there are exactly 20.
    pub fn from_bytes(bytes: SecretBytes) -> Option<Self> {
        (bytes.len() == SECRET_LENGTH).then_some(Self(bytes))
    }

    /// The 20 bytes, to be sealed at rest.
    pub fn as_bytes(&self) -> &SecretBytes {
        &self.0
    }

    /// The 20 bytes.
    pub fn into_bytes(self) -> SecretBytes {
        self.0
    }

    /// The seed in Base32 (RFC 4648) without padding, for typing: 32 characters.
    pub fn base32(&self) -> SecretBytes {
        let mut text = SecretBytes::zeroed(BASE32_NOPAD.encode_len(SECRET_LENGTH));
        BASE32_NOPAD.encode_mut(self.0.expose(), text.expose_mut());
        text
    }

    /// The URL that a QR code carries to an authenticator:
    /// `otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=ISSUER&algorithm=SHA1&digits=6&period=30`
    /// (Key Uri Format of Google Authenticator). That format allows no colon
    /// inside either name, not even encoded: it becomes `-`.
    pub fn url(&self, issuer: &str, account: &str) -> SecretBytes {
        let issuer = percent_encoded(issuer);
        let account = percent_encoded(account);
        let base32 = self.base32();
        let parts: [&[u8]; 8] = [
            b"otpauth://totp/",
            issuer.as_bytes(),
            b":",
            account.as_bytes(),
            b"?secret=",
            base32.expose(),
            b"&issuer=",
            issuer.as_bytes(),
        ];
        let end: &[u8] = b"&algorithm=SHA1&digits=6&period=30";
        // Exact capacity: a buffer that grows leaves copies of the seed behind.
        let mut url = Vec::with_capacity(parts.iter().map(|p| p.len()).sum::<usize>() + end.len());
        parts.iter().for_each(|part| url.extend_from_slice(part));
        url.extend_from_slice(end);
        SecretBytes::new(url)
    }

    /// The code of a step: HOTP (RFC 4226, section 5.3) with the step as
    /// counter, six ASCII digits. A step after the year 9999 counts as the last
    /// one before.
    pub fn code_at(&self, step: u64) -> SecretBytes {
        let token = self.totp().generate(step.min(step_of(LATEST_SECONDS)) * STEP_SECONDS);
        let mut code = String::with_capacity(DIGITS);
        write!(code, "{token}").expect("writing to a String does not fail");
        SecretBytes::new(code.into_bytes())
    }

    /// The step that `code` belongs to, among the step of `at_unix_seconds` and
    /// its two neighbours; `None` for a wrong or malformed code.
    pub fn check(&self, code: &SecretBytes, at_unix_seconds: u64) -> Option<u64> {
        if at_unix_seconds > LATEST_SECONDS {
            return None;
        }
        self.totp().check(code.expose_str()?, at_unix_seconds)
    }

    /// totp-rs wipes its copy of the seed when dropped; what HMAC leaves on
    /// the stack it does not.
    fn totp(&self) -> Totp {
        let seed = self.0.expose().try_into().expect("a seed has 20 bytes");
        Builder::new().with_secret(Secret::new_stack(seed)).build().expect("SHA-1, 6 digits, 30 s, 160 bits")
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret([secret])")
    }
}

/// The step that a time (Unix seconds) lies in.
pub fn step_of(unix_seconds: u64) -> u64 {
    unix_seconds / STEP_SECONDS
}

/// RFC 3986: all but unreserved characters as `%XX` of their UTF-8.
fn percent_encoded(text: &str) -> String {
    text.replace(':', "-").bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            other => write!(encoded, "%{other:02X}").expect("writing to a String does not fail"),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rfc_secret() -> TotpSecret {
        TotpSecret::from_bytes(SecretBytes::new(b"12345678901234567890".to_vec())).unwrap()
    }

    fn code(text: &str) -> SecretBytes {
        SecretBytes::new(text.as_bytes().to_vec())
    }

    /// RFC 6238, appendix B, the SHA-1 rows; they have eight digits, of which
    /// ours are the last six.
    const ROWS: [(u64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (time, eight) in ROWS {
            let ours = rfc_secret().code_at(step_of(time));
            assert_eq!(ours.expose_str(), Some(&eight[2..]), "{time}");
            assert_eq!(rfc_secret().check(&code(&eight[2..]), time), Some(step_of(time)));
        }
    }

    #[test]
    fn neighbouring_steps_match_and_the_matched_one_is_told() {
        let at = 1_234_567_890; // the first second of its step
        for step in [step_of(at) - 1, step_of(at), step_of(at) + 1] {
            assert_eq!(rfc_secret().check(&rfc_secret().code_at(step), at), Some(step));
            assert_eq!(rfc_secret().check(&rfc_secret().code_at(step), at + 29), Some(step));
        }
    }

    #[test]
    fn two_steps_away_is_refused() {
        let at = 1_234_567_890;
        for step in [step_of(at) - 2, step_of(at) + 2] {
            assert_eq!(rfc_secret().check(&rfc_secret().code_at(step), at), None);
        }
    }

    #[test]
    fn malformed_codes_are_refused() {
        for bad in ["", "28708", "2870822", "+28708", " 287082", "28708a", "94287082", "２８７０８２"] {
            assert_eq!(rfc_secret().check(&code(bad), 59), None, "{bad}");
        }
        assert_eq!(rfc_secret().check(&SecretBytes::new(vec![0xff; 6]), 59), None);
    }

    #[test]
    fn times_at_the_ends_of_the_range_do_not_overflow() {
        assert_eq!(rfc_secret().check(&code("000000"), u64::MAX), None);
        assert_eq!(rfc_secret().code_at(u64::MAX).len(), DIGITS);
        assert_eq!(rfc_secret().check(&rfc_secret().code_at(0), 0), Some(0));
    }

    #[test]
    fn url_is_percent_encoded() {
        let url = rfc_secret().url("warifu: 割符/a&b", "amber-fox-lake");
        assert_eq!(
            url.expose_str().unwrap(),
            "otpauth://totp/warifu-%20%E5%89%B2%E7%AC%A6%2Fa%26b:amber-fox-lake\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=warifu-%20%E5%89%B2%E7%AC%A6%2Fa%26b&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn seeds_of_another_length_are_refused() {
        for length in [0, 19, 21] {
            assert!(TotpSecret::from_bytes(SecretBytes::zeroed(length)).is_none());
        }
    }

    proptest! {
        #[test]
        fn own_code_is_accepted_and_leading_zeros_stay(seed: [u8; 20], time in 30u64..LATEST_SECONDS) {
            let secret = TotpSecret::from_bytes(SecretBytes::new(seed.to_vec())).unwrap();
            let code = secret.code_at(step_of(time));
            prop_assert_eq!(code.len(), DIGITS);
            // Neighbouring steps share a code once in a million.
            prop_assert!(secret.check(&code, time).unwrap().abs_diff(step_of(time)) <= 1);
        }
    }
}
