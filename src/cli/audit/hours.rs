//! Working hours, and whether a moment lies outside them.

use crate::cli::error::CliError;
use crate::time::Time;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Working hours of a day: from the first, up to the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hours {
    from: i8,
    to: i8,
}

/// Text that is not working hours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not working hours: write them like 08-18, the first before the second, up to 24")]
pub struct NotHours(String);

impl std::str::FromStr for Hours {
    type Err = NotHours;

    fn from_str(text: &str) -> Result<Self, NotHours> {
        let wrong = || NotHours(text.to_owned());
        let hour = |digits: &str| {
            let two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            if two { digits.parse::<i8>().ok() } else { None }
        };
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        match (hour(from), hour(to)) {
            (Some(from), Some(to)) if from < to && to <= 24 => Ok(Self { from, to }),
            _ => Err(wrong()),
        }
    }
}

impl Hours {
    /// Whether a moment lies outside these hours of a working day, Monday to
    /// Friday, in a time zone.
    pub fn leave_out(self, time: Time, zone: &TimeZone) -> bool {
        let stamp = Timestamp::from_millisecond(time.millis()).unwrap_or(Timestamp::UNIX_EPOCH);
        let there = stamp.to_zoned(zone.clone());
        let weekend = matches!(there.weekday(), Weekday::Saturday | Weekday::Sunday);
        weekend || !(self.from..self.to).contains(&there.hour())
    }
}

/// The zone by its name; without one the system's, or UTC where that has none.
pub fn zone(name: Option<&str>) -> Result<TimeZone, CliError> {
    let Some(name) = name else { return Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)) };
    TimeZone::get(name).map_err(|_| CliError::Argument {
        fact: format!("there is no time zone '{}'", crate::event::printable(name)),
        remedy: "Name one like Europe/Berlin or UTC; others than UTC need the system's time zone database.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;

    fn out(hours: &str, time: &str, zone: &TimeZone) -> bool {
        hours.parse::<Hours>().unwrap().leave_out(Time::parse_lenient(time).unwrap(), zone)
    }

    #[test]
    fn the_first_hour_is_work_and_the_last_is_not() {
        // 2 March 2026 is a Monday.
        for (time, unusual) in [
            ("2026-03-02T07:59:59Z", true),
            ("2026-03-02T08:00:00Z", false),
            ("2026-03-02T17:59:59Z", false),
            ("2026-03-02T18:00:00Z", true),
            ("2026-03-06T12:00:00Z", false),
            ("2026-03-07T12:00:00Z", true),
            ("2026-03-08T12:00:00Z", true),
        ] {
            assert_eq!(out("08-18", time, &TimeZone::UTC), unusual, "{time}");
        }
        assert!(!out("00-24", "2026-03-02T23:59:59Z", &TimeZone::UTC));
    }

    #[test]
    fn hours_and_weekdays_are_those_of_the_zone() {
        let tokyo = TimeZone::fixed(offset(9));
        assert!(!out("08-18", "2026-03-01T23:30:00Z", &tokyo), "Monday morning there");
        assert!(out("08-18", "2026-03-06T23:30:00Z", &tokyo), "Saturday there");
    }

    #[test]
    fn what_is_not_hours_is_refused() {
        for bad in ["", "8-18", "08-08", "18-08", "08-25", "08", "08-18-20", "+8-18", "ä8-18"] {
            assert_eq!(bad.parse::<Hours>(), Err(NotHours(bad.to_owned())), "{bad}");
        }
    }
}
