//! Frames cut into payloads, at their times, with the faults that were asked for.

use std::time::Duration;

use super::descriptors::CLOCK;
use super::negotiation::MOST_PAYLOAD;
use super::options::Faults;

/// Bits of a payload's header: video class 1.1, 2.4.3.3.
mod header {
    /// Changes from frame to frame.
    pub(super) const FRAME: u8 = 0x01;
    pub(super) const END_OF_FRAME: u8 = 0x02;
    pub(super) const TIME: u8 = 0x04;
    pub(super) const ERROR: u8 = 0x40;
    pub(super) const END_OF_HEADER: u8 = 0x80;
    /// Its own two bytes and the presentation time. Source clocks are left out: they count the host's frames, and the
    /// virtual host controller does not count any.
    pub(super) const LENGTH: u8 = 6;
}

/// A stream that runs.
#[derive(Debug)]
pub(super) struct Stream {
    interval: Duration,
    /// When the next frame begins.
    due: Duration,
    /// Frames of this stream, dropped ones too.
    frame: u64,
    /// Frames that were sent, for the bit that changes.
    sent: u64,
    /// Bytes of the frame that are sent.
    offset: usize,
    /// When the frame began.
    began: Duration,
}

impl Stream {
    pub(super) fn new(interval: Duration, now: Duration) -> Self {
        Self { interval, due: now + interval, frame: 0, sent: 0, offset: 0, began: now }
    }

    /// When there is something to send: at once inside of a frame.
    pub(super) fn due(&self) -> Duration {
        if self.offset > 0 { Duration::ZERO } else { self.due }
    }

    /// The next payload for a transfer of at most `most` bytes, and whether it ends a frame. `picture` is the frame that
    /// the camera sees now. `None` while the next frame is not due.
    pub(super) fn payload(
        &mut self,
        picture: &[u8],
        faults: &Faults,
        most: usize,
        now: Duration,
    ) -> Option<(Vec<u8>, bool)> {
        if self.offset == 0 {
            while now >= self.due && faults.drops(self.frame + 1) {
                self.step(now);
            }
            if now < self.due {
                return None;
            }
            self.began = now;
        }
        let number = self.frame + 1;
        let whole = match () {
            () if faults.empties(number) => 0,
            () if faults.shortens(number) => picture.len() / 2,
            () => picture.len(),
        };
        // What controls did to a frame that is under way shows with the next one.
        let start = self.offset.min(whole);
        let room = most.min(MOST_PAYLOAD as usize).saturating_sub(usize::from(header::LENGTH));
        let end = whole.min(start + room);
        let is_last = end == whole;
        let mut bits = header::END_OF_HEADER | header::TIME;
        bits |= if self.sent % 2 == 1 { header::FRAME } else { 0 };
        bits |= if is_last { header::END_OF_FRAME } else { 0 };
        bits |= if is_last && faults.spoils(number) { header::ERROR } else { 0 };
        let ticks = self.began.as_micros() * u128::from(CLOCK) / 1_000_000;
        let time = u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or(0);
        let payload = [&[header::LENGTH, bits], &time.to_le_bytes()[..], &picture[start..end]].concat();
        self.offset = end;
        if is_last {
            self.offset = 0;
            self.sent += 1;
            self.step(now);
        }
        Some((payload, is_last))
    }

    /// On to the next frame; a host that is late gets frames later, not in bursts.
    fn step(&mut self, now: Duration) {
        self.frame += 1;
        self.due = (self.due + self.interval).max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The frames of a stream of 40000 bytes a frame: number of payloads, bytes, bits of the last header.
    fn frames(faults: &Faults, count: usize) -> Vec<(usize, usize, u8)> {
        let picture = vec![7; 40_000];
        let mut stream = Stream::new(SECOND, Duration::ZERO);
        let (mut frames, mut now) = (Vec::new(), Duration::ZERO);
        let (mut payloads, mut bytes) = (0, 0);
        while frames.len() < count {
            match stream.payload(&picture, faults, 16384, now) {
                None => now += SECOND,
                Some((payload, is_last)) => {
                    assert_eq!(payload[0], 6);
                    assert!(payload.len() <= 16384);
                    (payloads, bytes) = (payloads + 1, bytes + payload.len() - 6);
                    if is_last {
                        frames.push((payloads, bytes, payload[1]));
                        (payloads, bytes) = (0, 0);
                    }
                }
            }
        }
        frames
    }

    #[test]
    fn a_frame_is_whole_and_marked_at_its_end() {
        assert_eq!(frames(&Faults::default(), 3), [(3, 40_000, 0x86), (3, 40_000, 0x87), (3, 40_000, 0x86)]);
    }

    #[test]
    fn every_fault_shows_at_its_frame() {
        let faults = Faults { err_every: 2, ..Faults::default() };
        assert_eq!(frames(&faults, 3).iter().map(|frame| frame.2 & 0x40).collect::<Vec<_>>(), [0, 0x40, 0]);
        let faults = Faults { short_every: 3, empty_every: 2, ..Faults::default() };
        assert_eq!(
            frames(&faults, 4).iter().map(|frame| frame.1).collect::<Vec<_>>(),
            [40_000, 0, 20_000, 0]
        );
    }

    #[test]
    fn dropped_frames_take_their_time_and_change_no_bit() {
        let faults = Faults { drop_every: 2, ..Faults::default() };
        let mut stream = Stream::new(SECOND, Duration::ZERO);
        let mut at = Vec::new();
        for seconds in 0..6 {
            if let Some((payload, _)) = stream.payload(&[1; 10], &faults, 100, SECOND * seconds) {
                at.push((seconds, payload[1] & 1));
            }
        }
        assert_eq!(at, [(1, 0), (3, 1), (5, 0)]);
        // Nothing at all comes of a camera that drops every frame, and asking it ends.
        let mut stream = Stream::new(Duration::ZERO, Duration::ZERO);
        let all = Faults { stall_after: 1, ..Faults::default() };
        assert!(stream.payload(&[1; 10], &all, 100, SECOND).is_some());
    }

    #[test]
    fn a_picture_that_changes_its_length_under_way_harms_nothing() {
        let mut stream = Stream::new(SECOND, Duration::ZERO);
        let faults = Faults::default();
        assert!(!stream.payload(&[1; 1000], &faults, 506, SECOND).unwrap().1);
        let (payload, is_last) = stream.payload(&[1; 100], &faults, 506, SECOND).unwrap();
        assert!(is_last && payload.len() == 6);
        assert!(stream.payload(&[1; 100], &faults, 3, SECOND * 2).is_some(), "a transfer without room");
    }
}
