//! What the camera offers: formats, sizes and frame intervals.

/// How a frame's bytes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// 4:2:2, Y Cb Y Cr.
    Yuyv,
    /// 4:2:0, a plane of Y and one of Cb Cr.
    Nv12,
    /// One whole JPEG a frame, 4:2:2.
    Jpeg,
}

/// The formats; the index of a format is its place from 1.
pub(super) const FORMATS: [Coding; 3] = [Coding::Yuyv, Coding::Nv12, Coding::Jpeg];

/// The sizes of every format; the index of a frame is its place from 1.
pub(super) const SIZES: [(u16, u16); 4] = [(640, 480), (176, 144), (320, 240), (1280, 720)];

/// Units of frame intervals a second: 100 ns.
pub(super) const INTERVAL_UNITS: u32 = 10_000_000;

/// A format at a size and rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) coding: Coding,
    pub(super) width: u16,
    pub(super) height: u16,
    /// In units of 100 ns.
    pub(super) interval: u32,
}

/// Frame intervals in units of 100 ns, the shortest first. What is large and not compressed goes slowly, as it must on
/// a USB 2 bus.
pub(super) fn intervals(coding: Coding, size: (u16, u16)) -> &'static [u32] {
    const ALL: [u32; 4] = [333_333, 666_666, 1_000_000, 2_000_000];
    if coding != Coding::Jpeg && u32::from(size.0) * u32::from(size.1) > 640 * 480 { &ALL[2..] } else { &ALL }
}

impl Mode {
    /// The mode nearest to what a host asks for by the indices of its descriptors, which may be any numbers.
    pub(super) fn nearest(format: u8, frame: u8, interval: u32) -> Self {
        let coding = FORMATS.get(usize::from(format).wrapping_sub(1)).copied().unwrap_or(FORMATS[0]);
        let size = SIZES.get(usize::from(frame).wrapping_sub(1)).copied().unwrap_or(SIZES[0]);
        let offered = intervals(coding, size);
        let nearest = offered.iter().copied().min_by_key(|offer| offer.abs_diff(interval));
        // An interval of 0 asks for the device's own choice.
        let interval = nearest.filter(|_| interval != 0).unwrap_or(offered[0]);
        Self { coding, width: size.0, height: size.1, interval }
    }

    /// The indices of its format and frame descriptors.
    pub(super) fn indices(self) -> (u8, u8) {
        let format = (1..).zip(FORMATS).find(|(_, coding)| *coding == self.coding);
        let frame = (1..).zip(SIZES).find(|(_, size)| *size == (self.width, self.height));
        (format.map_or(1, |(index, _)| index), frame.map_or(1, |(index, _)| index))
    }

    /// The most bytes that a frame has.
    pub(super) fn most_bytes(self) -> u32 {
        let samples = u32::from(self.width) * u32::from(self.height);
        match self.coding {
            Coding::Yuyv | Coding::Jpeg => samples * 2,
            Coding::Nv12 => samples / 2 * 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_leads_to_its_indices_and_back() {
        for (format, coding) in (1..).zip(FORMATS) {
            for (frame, size) in (1..).zip(SIZES) {
                for interval in intervals(coding, size) {
                    let mode = Mode::nearest(format, frame, *interval);
                    assert_eq!((mode.coding, mode.width, mode.height), (coding, size.0, size.1));
                    assert_eq!((mode.interval, mode.indices()), (*interval, (format, frame)));
                }
            }
        }
    }

    #[test]
    fn any_request_has_a_nearest_mode() {
        for format in 0..=u8::MAX {
            for interval in [0, 1, 333_333, 900_000, u32::MAX] {
                let mode = Mode::nearest(format, format, interval);
                assert!(intervals(mode.coding, (mode.width, mode.height)).contains(&mode.interval));
            }
        }
        assert_eq!(Mode::nearest(1, 4, 0).interval, 1_000_000);
        assert_eq!(Mode::nearest(3, 4, 0).interval, 333_333);
        assert_eq!(Mode::nearest(1, 1, 1_100_000).interval, 1_000_000);
    }

    #[test]
    fn chroma_halves_need_even_sizes() {
        assert!(SIZES.iter().all(|(width, height)| width % 16 == 0 && height % 8 == 0));
    }
}
