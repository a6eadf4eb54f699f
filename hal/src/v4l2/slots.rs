//! How many buffers a stream asks for.

use v4l2r::bindings::VIDEO_MAX_FRAME;

/// Buffers that stay with the device while a caller holds its share: one that is written, one that waits, and one on
/// its way back.
const QUEUED: u32 = 3;

/// Fewer buffers cannot stream: one is written while the other is looked at.
pub(crate) const FEWEST: u32 = 2;

/// How many buffers stay with a device that needs `minimum` queued ones; drivers may need more than they tell.
pub(crate) fn reserve(minimum: u32) -> u32 {
    minimum.max(QUEUED)
}

/// What to ask a device for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Buffers to ask for.
    pub(crate) ask: u32,
    /// Buffers that must stay with the device.
    reserve: u32,
}

impl Plan {
    /// For a caller that wants to hold `held` frames of `frame_bytes` on a device that needs `minimum` queued buffers,
    /// in at most `memory_bytes`.
    pub(crate) fn new(held: u32, minimum: u32, frame_bytes: usize, memory_bytes: usize) -> Self {
        let reserve = reserve(minimum);
        let in_memory = u32::try_from(memory_bytes / frame_bytes.max(1)).unwrap_or(u32::MAX);
        let most = VIDEO_MAX_FRAME.min(in_memory).max(FEWEST);
        Self { ask: held.saturating_add(reserve).min(most), reserve }
    }

    /// How many of the buffers granted a caller may hold.
    pub(crate) fn held(self, granted: u32) -> u32 {
        granted.saturating_sub(self.reserve)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIB: usize = 1 << 30;

    #[test]
    fn the_device_keeps_what_it_needs() {
        let plan = Plan::new(8, 0, 24 << 20, GIB);
        assert_eq!((plan.ask, plan.held(11), plan.held(5), plan.held(2)), (11, 8, 2, 0));
        let plan = Plan::new(8, 6, 24 << 20, GIB);
        assert_eq!((plan.ask, plan.held(14)), (14, 8));
    }

    #[test]
    fn kernel_and_memory_bound_it() {
        assert_eq!(Plan::new(100, 0, 1 << 20, GIB).ask, 32);
        assert_eq!(Plan::new(20, 0, 100 << 20, GIB).ask, 10);
        assert_eq!(Plan::new(20, 0, usize::MAX, GIB).ask, 2);
    }

    proptest! {
        #[test]
        fn the_number_is_always_sane(held: u32, minimum: u32, bytes: usize, memory: usize, granted: u32) {
            let plan = Plan::new(held, minimum, bytes, memory);
            prop_assert!((FEWEST..=VIDEO_MAX_FRAME).contains(&plan.ask));
            prop_assert!(plan.held(granted) <= granted);
        }
    }
}
