//! The frame counter of a stream: a device's 32 bits made a number that starts at 0, never repeats and never wraps.

use std::collections::VecDeque;
use std::time::Duration;

/// Turns a device's sequence numbers into ours.
///
/// A step forward of less than half the range is believed: a gap is frames that were lost. A number that repeats or goes
/// back (devices that do not count, or that began again) counts as the next frame.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    last: Option<(u32, u64)>,
    /// The device's own counter is of no use for the next frame: it was restarted.
    broken: bool,
}

impl Sequence {
    /// Our number for the frame that the device numbered `device`.
    pub(crate) fn next(&mut self, device: u32) -> u64 {
        let number = match self.last {
            None => 0,
            Some((_, number)) if self.broken => number.saturating_add(1),
            Some((last, number)) => {
                let step = device.wrapping_sub(last);
                let believed = (1..=u32::MAX / 2).contains(&step);
                number.saturating_add(if believed { u64::from(step) } else { 1 })
            }
        };
        self.broken = false;
        self.last = Some((device, number));
        number
    }

    /// Numbers a frame that the device lost and may or may not have numbered: its counter goes on.
    pub(super) fn lost(&mut self) -> u64 {
        let (device, number) =
            self.last.map_or((u32::MAX, 0), |(device, last)| (device, last.saturating_add(1)));
        self.last = Some((device.wrapping_add(1), number));
        number
    }

    /// Numbers a loss that the device did not number: its stream broke, and its counter begins again.
    pub(crate) fn broke(&mut self) -> u64 {
        let number = self.last.map_or(0, |(_, number)| number.saturating_add(1));
        self.last = Some((0, number));
        self.broken = true;
        number
    }
}

/// Finds frames that are missing, by the numbers where the device counts what it loses, and by the times where it counts
/// only what it delivers.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    last: Option<(u64, Duration)>,
    /// The last times from frame to frame, of frames that follow each other.
    gaps: VecDeque<Duration>,
}

impl Rhythm {
    /// So many gaps tell the real rate: exposure may make it slower than what was set.
    const REMEMBERED: usize = 5;
    /// A longer silence is a device that stopped, or a clock that jumped.
    const LONGEST: Duration = Duration::from_secs(2);

    /// How many frames are missing before this one; `interval` is what the device was set to.
    pub(super) fn missing(&mut self, sequence: u64, timestamp: Duration, interval: Option<Duration>) -> u64 {
        let Some((last, before)) = self.last.replace((sequence, timestamp)) else { return 0 };
        let numbered = sequence.saturating_sub(last).saturating_sub(1);
        let gap = timestamp.saturating_sub(before);
        let usual = self.usual().or(interval).filter(|usual| !usual.is_zero());
        let timed = match usual {
            Some(usual) if gap <= Self::LONGEST => {
                let frames = (gap.as_nanos() + usual.as_nanos() / 2) / usual.as_nanos();
                u64::try_from(frames).unwrap_or(0).saturating_sub(1)
            }
            _ => 0,
        };
        if numbered == 0 && !gap.is_zero() && gap <= Self::LONGEST {
            if self.gaps.len() == Self::REMEMBERED {
                self.gaps.pop_front();
            }
            self.gaps.push_back(gap);
        }
        numbered.max(timed)
    }

    /// The middle one of the last gaps, once there are enough.
    fn usual(&self) -> Option<Duration> {
        let mut gaps: Vec<Duration> = self.gaps.iter().copied().collect();
        gaps.sort_unstable();
        gaps.get(Self::REMEMBERED / 2).copied().filter(|_| gaps.len() == Self::REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(device: &[u32]) -> Vec<u64> {
        let mut sequence = Sequence::default();
        device.iter().map(|number| sequence.next(*number)).collect()
    }

    #[test]
    fn the_first_frame_is_0_and_gaps_stay() {
        assert_eq!(numbers(&[7, 8, 10, 13]), [0, 1, 3, 6]);
    }

    #[test]
    fn the_counter_goes_on_where_32_bits_end() {
        assert_eq!(numbers(&[0xffff_fffe, 0xffff_ffff, 0, 1, 3]), [0, 1, 2, 3, 5]);
    }

    #[test]
    fn a_device_that_does_not_count_is_counted() {
        assert_eq!(numbers(&[0, 0, 0]), [0, 1, 2]);
        assert_eq!(numbers(&[100, 101, 0, 1]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_frame_that_was_lost_without_a_number_keeps_numbers_rising() {
        let mut sequence = Sequence::default();
        assert_eq!((sequence.next(5), sequence.lost()), (0, 1));
        assert_eq!(sequence.next(7), 2, "the device counted it");
        assert_eq!((sequence.lost(), sequence.next(8)), (3, 4), "the device did not count it");
        assert_eq!(Sequence::default().lost(), 0);
    }

    fn missing(frames: &[(u64, u64)], interval: Option<u64>) -> Vec<u64> {
        let mut rhythm = Rhythm::default();
        let interval = interval.map(Duration::from_millis);
        let frames = frames.iter();
        frames.map(|&(number, time)| rhythm.missing(number, Duration::from_millis(time), interval)).collect()
    }

    #[test]
    fn a_device_that_counts_what_it_delivers_is_found_out_by_its_times() {
        assert_eq!(missing(&[(0, 0), (1, 33), (2, 132), (3, 165)], Some(33)), [0, 0, 2, 0]);
        assert_eq!(missing(&[(0, 0), (3, 99), (4, 132)], Some(33)), [0, 2, 0], "it counts all");
        assert_eq!(missing(&[(0, 0), (1, 40), (2, 60), (3, 100)], Some(33)), [0; 4], "jitter is no loss");
        assert_eq!(missing(&[(0, 0), (1, 500)], None), [0, 0], "no rate is known");
    }

    #[test]
    fn a_rate_that_exposure_made_slower_is_learnt_and_clocks_that_jump_say_nothing() {
        let slow: Vec<(u64, u64)> = (0..10).map(|frame| (frame, 100 * frame)).collect();
        let found = missing(&slow, Some(33));
        assert_eq!(found[6..], [0; 4], "{found:?}");
        assert_eq!(missing(&[(0, 0), (1, 9_000_000), (2, 5)], Some(33)), [0; 3]);
    }

    #[test]
    fn a_restart_is_one_loss_and_no_jump() {
        let mut sequence = Sequence::default();
        assert_eq!((sequence.next(500), sequence.next(501)), (0, 1));
        assert_eq!(sequence.broke(), 2);
        assert_eq!((sequence.next(0), sequence.next(2)), (3, 5));
        assert_eq!(Sequence::default().broke(), 0);
    }

    proptest! {
        #[test]
        fn numbers_always_rise(device in proptest::collection::vec(any::<u32>(), 2..50)) {
            prop_assert!(numbers(&device).windows(2).all(|pair| pair[0] < pair[1]));
        }

        #[test]
        fn honest_steps_are_kept(start: u32, steps in proptest::collection::vec(1u32..1000, 1..50)) {
            let mut device = vec![start];
            let mut wanted = vec![0u64];
            for step in steps {
                device.push(device[device.len() - 1].wrapping_add(step));
                wanted.push(wanted[wanted.len() - 1] + u64::from(step));
            }
            prop_assert_eq!(numbers(&device), wanted);
        }
    }
}
