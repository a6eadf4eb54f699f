//! The frame counter of a stream: a device's 32 bits made a number that starts at 0, never repeats and never wraps.

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

    /// Numbers a loss that the device did not number: its stream broke, and its counter begins again.
    pub(crate) fn broke(&mut self) -> u64 {
        let number = self.last.map_or(0, |(_, number)| number.saturating_add(1));
        self.last = Some((0, number));
        self.broken = true;
        number
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
