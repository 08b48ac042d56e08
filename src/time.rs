//! Points in time, as entries and messages write them. No clock here: the time
//! is a parameter everywhere above the command line.

use jiff::Timestamp;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, ops};

/// Milliseconds since 1970-01-01T00:00:00Z; written as RFC 3339 in UTC with
/// exactly three decimals, so that there is one text for each value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span(pub i64);

/// Text that is not a time in the one accepted form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a time: write it like 2026-03-01T09:00:00.000Z")]
pub struct NotATime(pub String);

impl Span {
    /// Whole seconds.
    pub const fn seconds(count: i64) -> Self {
        Self(count * 1000)
    }

    /// Whole minutes.
    pub const fn minutes(count: i64) -> Self {
        Self::seconds(count * 60)
    }

    /// Whole hours.
    pub const fn hours(count: i64) -> Self {
        Self::minutes(count * 60)
    }

    /// Whole days of 24 hours.
    pub const fn days(count: i64) -> Self {
        Self::hours(count * 24)
    }

    /// Whole days of 24 hours in it; what is left over is dropped.
    pub const fn whole_days(self) -> i64 {
        self.0 / Self::days(1).0
    }

    /// Whole seconds in it; what is negative is none.
    pub fn whole_seconds(self) -> u64 {
        u64::try_from(self.0 / Self::seconds(1).0).unwrap_or(0)
    }

    /// For the system's clock and waiting; what is negative is no time at all.
    pub fn to_duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }

    /// Reads `90s`, `15m`, `24h` or `30d`.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let count: i64 = text.get(..text.len() - unit.len_utf8())?.parse().ok()?;
        if !(1..=100_000).contains(&count) {
            return None;
        }
        match unit {
            's' => Some(Self::seconds(count)),
            'm' => Some(Self::minutes(count)),
            'h' => Some(Self::hours(count)),
            'd' => Some(Self::days(count)),
            _ => None,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.max(0) / 1000;
        match seconds {
            0..120 => write!(f, "{seconds} s"),
            120..7200 => write!(f, "{} min {:02} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

impl Time {
    /// From milliseconds since 1970, which must lie in the years 0000 to 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let earliest = -62_167_219_200_000;
        let end = 253_402_300_800_000;
        (earliest..end).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The milliseconds as they are hashed: in two's complement, so that no two
    /// times hash alike.
    pub fn hashed(self) -> u64 {
        self.0.cast_unsigned()
    }

    /// Whole seconds since 1970, as TOTP wants them (0 before 1970).
    pub fn unix_seconds(self) -> u64 {
        u64::try_from(self.0.div_euclid(1000)).unwrap_or(0)
    }

    /// Reads exactly the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        read_exactly(text).ok_or_else(|| NotATime(text.to_owned()))
    }

    /// The one text of this time, by the calendar of RFC 3339 (the proleptic
    /// Gregorian one). Every entry of a log has one or two of them, so this does
    /// not go through a calendar library; a test compares it with one.
    fn text(self) -> [u8; 24] {
        let (days, rest) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil_of(days);
        let [year, month, day, rest] = [year, month, day, rest].map(|part| u32::try_from(part).unwrap_or(0));
        let digit = |value: u32| b'0' + (value % 10) as u8;
        let two = |value: u32| [digit(value / 10), digit(value)];
        let ([y1, y2], [y3, y4]) = (two(year / 100), two(year));
        let ([m1, m2], [d1, d2]) = (two(month), two(day));
        let ([h1, h2], [i1, i2]) = (two(rest / 3_600_000), two(rest / 60_000 % 60));
        let ([s1, s2], [c1, c2]) = (two(rest / 1000 % 60), two(rest % 1000 / 10));
        [
            y1,
            y2,
            y3,
            y4,
            b'-',
            m1,
            m2,
            b'-',
            d1,
            d2,
            b'T',
            h1,
            h2,
            b':',
            i1,
            i2,
            b':',
            s1,
            s2,
            b'.',
            c1,
            c2,
            digit(rest),
            b'Z',
        ]
    }

    /// Reads a time as a person may write it: RFC 3339 or a date alone.
    pub fn parse_lenient(text: &str) -> Result<Self, NotATime> {
        let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let stamp: Timestamp = whole.parse().map_err(|_| NotATime(text.to_owned()))?;
        Self::from_millis(stamp.as_millisecond()).ok_or_else(|| NotATime(text.to_owned()))
    }

    /// `2026-03-01 09:00:00Z`, for people.
    pub fn to_minute(self) -> String {
        let text = self.to_string();
        format!("{} {}Z", text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default())
    }
}

impl ops::Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl ops::Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl ops::Sub for Time {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).expect("digits and signs are ASCII"))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(str::from_utf8(&self.text()).expect("digits and signs are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time with three decimals and Z")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).map_err(E::custom)
            }
        }
        from.deserialize_str(Text)
    }
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// `YYYY-MM-DDThh:mm:ss.mmmZ` and nothing else.
fn read_exactly(text: &str) -> Option<Time> {
    let text: &[u8; 24] = text.as_bytes().try_into().ok()?;
    // Wrapping, so that what is no digit gives another number: the text is compared.
    let [y1, y2, y3, y4, _, m1, m2, _, d1, d2, _, h1, h2, _, i1, i2, _, s1, s2, _, c1, c2, c3, _] =
        text.map(|digit| i64::from(digit.wrapping_sub(b'0')));
    let (year, month, day) = (((y1 * 10 + y2) * 10 + y3) * 10 + y4, m1 * 10 + m2, d1 * 10 + d2);
    let (hour, minute, second) = (h1 * 10 + h2, i1 * 10 + i2, s1 * 10 + s2);
    let millis = (c1 * 10 + c2) * 10 + c3;
    let days = days_of(year, month, day);
    let time = Time::from_millis(days * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + millis)?;
    // Digits and signs in their places, and no month, day, hour, minute or second too many.
    (time.text() == *text).then_some(time)
}

/// Days from 1970-01-01 to a date: years count from March, in cycles of 400 years
/// that have 146,097 days.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
}

/// The inverse of [`days_of`].
fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (cycle, of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (cycle * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn there_is_one_text_for_each_time() {
        let time = Time::from_millis(1_772_355_600_000).unwrap();
        assert_eq!(time.to_string(), "2026-03-01T09:00:00.000Z");
        assert_eq!(Time::parse("2026-03-01T09:00:00.000Z"), Ok(time));
        for bad in ["2026-03-01T09:00:00Z", "2026-03-01T10:00:00.000+01:00", "2026-03-01T09:00:00.0000Z", "x"]
        {
            assert!(Time::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_calendar_is_that_of_a_library(millis in -62_167_219_200_000i64..253_402_207_200_000) {
            let stamp = Timestamp::from_millisecond(millis).unwrap();
            let text = format!("{stamp:.3}");
            prop_assert_eq!(Time(millis).to_string(), &text[..]);
            prop_assert_eq!(Time::parse(&text), Ok(Time(millis)));
        }

        #[test]
        fn a_changed_character_never_reads_as_the_same_time(
            millis in -62_167_219_200_000i64..253_402_207_200_000, at in 0usize..24, with in "[0-9A-Z:+. -]",
        ) {
            let mut text = Time(millis).to_string();
            text.replace_range(at..=at, &with);
            if let Ok(time) = Time::parse(&text) {
                prop_assert_eq!(time.to_string(), text);
            }
        }
    }

    #[test]
    fn days_that_are_in_no_calendar_are_refused() {
        for bad in ["2026-02-29", "2026-04-31", "2026-00-10", "2026-13-01", "2026-01-00", "1900-02-29"] {
            assert!(Time::parse(&format!("{bad}T00:00:00.000Z")).is_err(), "{bad}");
        }
        for bad in ["24:00:00", "00:60:00", "00:00:60", "23:59:60"] {
            assert!(Time::parse(&format!("2026-03-01T{bad}.000Z")).is_err(), "{bad}");
        }
        assert!(Time::parse("2024-02-29T00:00:00.000Z").is_ok());
        assert!(Time::parse("2000-02-29T00:00:00.000Z").is_ok());
    }

    #[test]
    fn spans_are_read() {
        assert_eq!(Span::parse("15m"), Some(Span::minutes(15)));
        for bad in ["", "15", "m", "0m", "-1m", "15x", "1ä"] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }
}
