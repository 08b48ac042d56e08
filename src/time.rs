//! Points in time, as entries and messages write them. No clock here: the time
//! is a parameter everywhere above the command line.

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
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
        let wrong = || NotATime(text.to_owned());
        let stamp: Timestamp = text.parse().map_err(|_| wrong())?;
        let time = Self::from_millis(stamp.as_millisecond()).ok_or_else(wrong)?;
        if time.to_string() == text { Ok(time) } else { Err(wrong()) }
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

impl ops::Sub for Time {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let whole = stamp.round(Unit::Millisecond).unwrap_or(stamp);
        write!(f, "{whole:.3}")
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn spans_are_read() {
        assert_eq!(Span::parse("15m"), Some(Span::minutes(15)));
        for bad in ["", "15", "m", "0m", "-1m", "15x", "1ä"] {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }
}
