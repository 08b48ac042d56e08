//! The clock: the system's, or the rehearsal's.

use crate::time::Time;

/// What time it is.
pub trait Clock {
    /// Now.
    fn now(&self) -> Time;
}

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
        Time::from_millis(millis).unwrap_or_default()
    }
}
