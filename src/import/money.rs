//! Amounts of money, exactly: whole numbers of the 10⁻²⁴th part of a unit, never
//! binary fractions. Currencies are not known here.

/// Decimals that an amount can have.
pub const DECIMALS: u32 = 24;
/// Longest text of an amount, in bytes.
const MAX_TEXT: usize = 64;
/// Decimals that are always written.
const WRITTEN: usize = 2;

/// An amount in 10⁻²⁴ of a unit: up to about 1.7 × 10¹⁴ units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(i128);

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// It is no decimal number.
    #[error("it is no decimal number")]
    Form,
    /// It is larger than sums can be.
    #[error("it is too large")]
    TooLarge,
    /// It has more than [`DECIMALS`] decimals.
    #[error("it has more than {DECIMALS} decimals")]
    TooFine,
}

impl Amount {
    /// Reads a decimal number: a sign, digits with a point, and an exponent of ten
    /// may be there, as in `-1.25E-7`. Thousands are not separated.
    pub fn parse(text: &str) -> Result<Self, NotAnAmount> {
        if text.len() > MAX_TEXT {
            return Err(NotAnAmount::Form);
        }
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, exponent) = match rest.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NotAnAmount::Form);
        }
        let short = digits.trim_end_matches('0');
        let dropped = i64::try_from(digits.len() - short.len()).unwrap_or(0);
        let fraction = i64::try_from(fraction.len()).unwrap_or(0);
        let short = short.trim_start_matches('0');
        if short.is_empty() {
            return Ok(Self(0));
        }
        // Its last digit is not 0: one place too many cannot be written.
        let places = i64::from(DECIMALS) + exponent + dropped - fraction;
        let places = u32::try_from(places).map_err(|_| NotAnAmount::TooFine)?;
        let value: i128 = short.parse().map_err(|_| NotAnAmount::TooLarge)?;
        let scale = 10i128.checked_pow(places).ok_or(NotAnAmount::TooLarge)?;
        let value = value.checked_mul(scale).ok_or(NotAnAmount::TooLarge)?;
        Ok(Self(if negative { -value } else { value }))
    }

    /// The sum; `None` if it is too large.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

fn read_exponent(text: &str) -> Result<i64, NotAnAmount> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !(1..=4).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NotAnAmount::Form);
    }
    text.parse().map_err(|_| NotAnAmount::Form)
}

/// All of its digits; at least two decimals.
impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10u128.pow(DECIMALS);
        let size = self.0.unsigned_abs();
        let fraction = format!("{:0width$}", size % unit, width = DECIMALS as usize);
        let kept = fraction.trim_end_matches('0').len().max(WRITTEN);
        let fraction = fraction.get(..kept).unwrap_or_default();
        write!(f, "{}{}.{fraction}", if self.0 < 0 { "-" } else { "" }, size / unit)
    }
}

impl std::fmt::Debug for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, NotAnAmount> {
        Amount::parse(text).map(|amount| amount.to_string())
    }

    #[test]
    fn amounts_are_read_exactly() {
        for (text, expected) in [
            ("0", "0.00"),
            ("-0.0", "0.00"),
            ("12", "12.00"),
            ("+12.5", "12.50"),
            ("-0.0000004512", "-0.0000004512"),
            (".5", "0.50"),
            ("5.", "5.00"),
            ("1.25E-7", "0.000000125"),
            ("1e3", "1000.00"),
            ("100E-2", "1.00"),
            ("0.000000000000000000000001", "0.000000000000000000000001"),
            ("0.10000000000000000000000000000000000", "0.10"),
            ("0E+99", "0.00"),
            ("170000000000000", "170000000000000.00"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        for bad in
            ["", "-", ".", "1,000.00", "1 000", "$1", "NaN", "inf", "0x1", "1e", "1e+", "1e12345", "1.2.3"]
        {
            assert_eq!(read(bad), Err(NotAnAmount::Form), "{bad}");
        }
        assert_eq!(read("180000000000000"), Err(NotAnAmount::TooLarge));
        assert_eq!(read("1e99"), Err(NotAnAmount::TooLarge));
        assert_eq!(read("1e-25"), Err(NotAnAmount::TooFine));
        assert_eq!(read(&"9".repeat(65)), Err(NotAnAmount::Form));
    }

    #[test]
    fn tenths_add_up_as_on_paper() {
        let tenth = Amount::parse("0.1").unwrap();
        let sum = (0..3).try_fold(Amount::default(), |sum, _| sum.checked_add(tenth)).unwrap();
        assert_eq!(sum.to_string(), "0.30");
        assert_eq!(Amount(i128::MAX).checked_add(tenth), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same(value in any::<i128>()) {
            let amount = Amount(value);
            let text = amount.to_string();
            if text.trim_start_matches('-').len() <= MAX_TEXT && value != i128::MIN {
                prop_assert_eq!(Amount::parse(&text), Ok(amount));
            }
        }
    }
}
