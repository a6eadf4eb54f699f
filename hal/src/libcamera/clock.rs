//! The clock of a sensor's timestamps.

use std::time::Duration;

/// A sensor's time as CLOCK_MONOTONIC; `None` for a time that no clock of this machine has.
///
/// libcamera documents `SensorTimestamp` as CLOCK_BOOTTIME, and most of its handlers hand on V4L2's buffer time, which
/// is CLOCK_MONOTONIC. The two differ by the time that the machine slept: a time later than now on the one is of the
/// other.
pub(super) fn monotonic(sensor: Duration, now: Duration, since_boot: Duration) -> Option<Duration> {
    /// A frame may be stamped with its end while it still arrives.
    const EARLY: Duration = Duration::from_secs(1);
    let slept = since_boot.saturating_sub(now);
    match sensor {
        Duration::ZERO => None,
        sensor if sensor <= now + EARLY => Some(sensor),
        sensor if sensor <= since_boot + EARLY => Some(sensor.saturating_sub(slept)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_clocks_become_monotonic() {
        let seconds = Duration::from_secs;
        let of = |sensor| monotonic(seconds(sensor), seconds(100), seconds(5000));
        assert_eq!(of(99), Some(seconds(99)));
        assert_eq!(of(101), Some(seconds(101)));
        assert_eq!(of(4999), Some(seconds(99)));
        assert_eq!(of(5002), None);
        assert_eq!(of(0), None);
        // A machine that never slept has one time.
        assert_eq!(monotonic(seconds(99), seconds(100), seconds(100)), Some(seconds(99)));
    }
}
