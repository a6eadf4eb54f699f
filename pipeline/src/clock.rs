//! Clocks: CLOCK_MONOTONIC for events, which cameras stamp their frames with too; local time for what people read.

use std::time::Duration;

use jiff::fmt::temporal::{DateTimePrinter, Pieces};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use nix::time::{ClockId, clock_gettime};

/// Now, since the machine's start.
pub fn now() -> Duration {
    // The clock exists on every Linux; a kernel without it would make all times zero, not a crash.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// Microseconds from `origin` to `at`, negative when `at` is earlier.
pub fn micros_between(origin: Duration, at: Duration) -> i64 {
    let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    if at >= origin { micros(at - origin) } else { -micros(origin - at) }
}

/// Local time now, as an offset from UTC: a zone's name would mean nothing on a board without a zone database.
pub fn local_now() -> Zoned {
    let now = Zoned::now();
    now.with_time_zone(TimeZone::fixed(now.offset()))
}

/// A time as text for files and rows: `2026-11-22T09:08:07.123456789+01:00`.
pub fn to_text(at: &Zoned) -> String {
    DateTimePrinter::new().timestamp_with_offset_to_string(&at.timestamp(), at.offset())
}

/// Reads back what [`to_text`] wrote.
///
/// # Errors
/// [`jiff::Error`] for text that is no such time.
pub fn from_text(text: &str) -> Result<Zoned, jiff::Error> {
    let at: Timestamp = text.parse()?;
    let offset = Pieces::parse(text)?.to_numeric_offset().unwrap_or(Offset::UTC);
    Ok(at.to_zoned(TimeZone::fixed(offset)))
}

/// A stopwatch over the stages of one job.
#[derive(Debug)]
pub struct Laps(Duration);

impl Laps {
    /// Starts now.
    pub fn start() -> Self {
        Self(now())
    }

    /// Microseconds since the last lap.
    pub fn lap_us(&mut self) -> u64 {
        let now = now();
        let lap = now.saturating_sub(self.0);
        self.0 = now;
        u64::try_from(lap.as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_on_a_board_without_a_zone_database() {
        for text in
            ["2026-11-22T09:08:07.5+01:00", "2026-11-22T09:08:07Z", "2026-11-22T09:08:07.123456789-09:30"]
        {
            let at = from_text(text).unwrap();
            assert_eq!(from_text(&to_text(&at)).unwrap(), at);
            assert_eq!(from_text(&to_text(&at)).unwrap().offset(), at.offset());
        }
        let now = local_now();
        assert_eq!(from_text(&to_text(&now)).unwrap(), now);
        assert!(from_text("yesterday").is_err());
    }

    #[test]
    fn frames_older_than_the_request_have_negative_times() {
        let (early, late) = (Duration::from_micros(100), Duration::from_micros(350));
        assert_eq!((micros_between(early, late), micros_between(late, early)), (250, -250));
    }
}
