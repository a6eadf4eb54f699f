//! The one clock of events: CLOCK_MONOTONIC, which cameras stamp their frames with too.

use std::time::Duration;

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
    fn frames_older_than_the_request_have_negative_times() {
        let (early, late) = (Duration::from_micros(100), Duration::from_micros(350));
        assert_eq!((micros_between(early, late), micros_between(late, early)), (250, -250));
    }
}
