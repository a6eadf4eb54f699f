//! The ring of latest frames: what a shutter that was pressed a moment ago finds.

use std::collections::VecDeque;
use std::time::Duration;

use latent_hal::Frame;

/// Frames that the ring holds where memory allows: the nearest one to the shutter is among the latest two.
pub(super) const DEPTH: u32 = 2;

/// The latest frames of a stream, oldest first.
#[derive(Debug)]
pub(super) struct Ring {
    frames: VecDeque<Frame>,
    depth: usize,
}

impl Ring {
    /// A ring for a stream of which `held` frames may be kept; a stream that spares none has an empty ring.
    pub(super) fn new(held: u32) -> Self {
        let depth = DEPTH.min(held.saturating_sub(1));
        Self { frames: VecDeque::new(), depth: depth as usize }
    }

    /// Adds the newest frame; the oldest gives its slot back.
    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push_back(frame);
        while self.frames.len() > self.depth {
            self.frames.pop_front();
        }
    }

    /// Gives the oldest frame's slot back; false when there is none.
    pub(super) fn drop_oldest(&mut self) -> bool {
        self.frames.pop_front().is_some()
    }

    /// Gives all slots back.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Takes the frame nearest in time to the shutter and those after it. Empty when the ring has none, or none of the
    /// last two frame times (the stream has stalled or has just begun): then the next frame is the nearest.
    pub(super) fn take_from_nearest(&mut self, shutter: Duration, interval: Option<Duration>) -> Vec<Frame> {
        let times: Vec<_> = self.frames.iter().map(Frame::timestamp).collect();
        let from = nearest(&times, shutter, interval.unwrap_or(Duration::from_millis(100)) * 2);
        let taken = from.map_or_else(Vec::new, |from| self.frames.split_off(from).into());
        self.frames.clear();
        taken
    }
}

/// The index of the time nearest to `shutter`, if it is no further than `reach` from it.
fn nearest(times: &[Duration], shutter: Duration, reach: Duration) -> Option<usize> {
    times
        .iter()
        .enumerate()
        .map(|(index, &time)| (index, time.abs_diff(shutter)))
        .filter(|&(_, distance)| distance <= reach)
        .min_by_key(|&(_, distance)| distance)
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_nearest_to_the_shutter_is_chosen() {
        let ms = Duration::from_millis;
        let times = [ms(100), ms(133), ms(166)];
        assert_eq!(nearest(&times, ms(130), ms(66)), Some(1));
        assert_eq!(nearest(&times, ms(170), ms(66)), Some(2));
        assert_eq!(nearest(&times, ms(400), ms(66)), None, "a stalled stream");
        assert_eq!(nearest(&[], ms(400), ms(66)), None, "a stream that has just begun");
        assert_eq!(nearest(&[ms(500)], ms(470), ms(66)), Some(0), "a driver that stamps ahead");
    }
}
