//! How a frame lies in its buffer, as the driver says, checked once at configuration; and whether a buffer that came
//! back holds such a frame.

use std::time::Duration;

use v4l2r::bindings;

use super::formats;
use crate::color::Colorimetry;
use crate::format::PixelFormat;
use crate::frame::Shot;
use crate::kernel::{Filled, Format};

/// No JPEG picture is shorter: its first and last marker, and something between them.
const SHORTEST_JPEG: usize = 100;

/// The checked layout of a stream's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes from row to row.
    pub(super) stride: usize,
    /// Bytes of a buffer's picture, as the driver asks for.
    pub(super) size: usize,
    /// Bytes up to the end of the last row: what a picture must at least have.
    pub(super) needed: usize,
    /// What its numbers mean; `None` for raw pictures.
    pub(super) colorimetry: Option<Colorimetry>,
    /// From frame to frame, where the driver tells.
    pub(super) interval: Option<Duration>,
}

impl Layout {
    /// Checks what a driver answered to `VIDIOC_S_FMT`; the error says what is wrong with it.
    pub(super) fn check(answer: &Format) -> Result<Self, String> {
        let fourcc = answer.fourcc;
        let (width, height) = (answer.width, answer.height);
        let format = formats::from_fourcc(fourcc).ok_or_else(|| {
            format!("the driver changed the format to {}, which is not known here", formats::name(fourcc))
        })?;
        let [plane] = answer.planes.as_slice() else {
            return Err(format!("{} memory planes for a picture, not 1", answer.planes.len()));
        };
        let (stride, size) = (plane.stride as usize, plane.size as usize);
        if width == 0 || height == 0 {
            return Err(format!("the driver says that a picture has {width}x{height} samples"));
        }
        let row = format.row_bytes(width);
        if stride < row {
            return Err(format!(
                "the driver says {stride} bytes a row, where {width} samples of {} need {row}",
                formats::name(fourcc)
            ));
        }
        let planes = format.planes(width, height, stride);
        let needed = planes.iter().map(|plane| plane.end()).max().unwrap_or(SHORTEST_JPEG);
        if needed > size {
            return Err(format!(
                "the driver says {size} bytes a frame, too few for {height} rows of {stride} bytes"
            ));
        }
        let colorimetry = format.raw().is_none().then(|| {
            Colorimetry::from_v4l2(answer.colorspace, answer.transfer, answer.encoding, answer.quantization)
        });
        Ok(Self { format, width, height, stride, size, needed, colorimetry, interval: None })
    }

    /// The frame in a buffer of `length` bytes that came back, or what is wrong with it. `now` (CLOCK_MONOTONIC) stands
    /// in where the driver's time is of another clock.
    pub(super) fn judge(
        &self,
        filled: &Filled,
        length: usize,
        sequence: u64,
        now: Duration,
    ) -> Result<Shot, &'static str> {
        let (end, offset) = (filled.bytes_used as usize, filled.offset as usize);
        if filled.flags & bindings::V4L2_BUF_FLAG_ERROR != 0 {
            return Err("the device marked the frame as bad");
        }
        if end == 0 {
            return Err("the buffer came back empty");
        }
        if end > length {
            return Err("the driver reports more bytes than the buffer has");
        }
        let bytes_used = end.checked_sub(offset).ok_or("the picture begins behind its end")?;
        if bytes_used < self.needed {
            return Err("the frame is cut short");
        }
        let (timestamp, timestamp_is_start) = time(filled, now);
        Ok(Shot { sequence, timestamp, timestamp_is_start, offset, bytes_used, exposure: None })
    }
}

/// When a frame was, and whether that is the start of its exposure.
fn time(filled: &Filled, now: Duration) -> (Duration, bool) {
    let clock = filled.flags & bindings::V4L2_BUF_FLAG_TIMESTAMP_MASK;
    if clock != bindings::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC {
        return (now, false);
    }
    let source = filled.flags & bindings::V4L2_BUF_FLAG_TSTAMP_SRC_MASK;
    (filled.timestamp, source == bindings::V4L2_BUF_FLAG_TSTAMP_SRC_SOE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{CfaPattern, Packing, RawFormat, YuvFormat};
    use crate::kernel::PlaneFormat;
    use proptest::prelude::*;

    fn answer(fourcc: &[u8; 4], width: u32, height: u32, planes: &[(u32, u32)]) -> Format {
        let planes = planes.iter().map(|&(stride, size)| PlaneFormat { stride, size }).collect();
        Format { width, height, fourcc: u32::from_le_bytes(*fourcc), planes, ..Default::default() }
    }

    fn layout() -> Layout {
        Layout::check(&answer(b"RG10", 4, 3, &[(12, 40)])).unwrap()
    }

    fn filled(flags: u32, bytes_used: u32, offset: u32) -> Filled {
        Filled { index: 0, sequence: 0, flags, bytes_used, offset, timestamp: Duration::from_secs(5) }
    }

    const NOW: Duration = Duration::from_secs(9);

    #[test]
    fn the_drivers_numbers_are_kept() {
        let wanted = Layout {
            format: RawFormat { pattern: CfaPattern::Rggb, bits: 10, packing: Packing::Le16 }.into(),
            width: 4,
            height: 3,
            stride: 12,
            size: 40,
            needed: 32,
            colorimetry: None,
            interval: None,
        };
        assert_eq!(layout(), wanted);
    }

    #[test]
    fn answers_that_make_no_raw_picture_are_refused() {
        let cases = [
            (answer(b"H264", 4, 3, &[(8, 24)]), "not known"),
            (answer(b"NV12", 4, 4, &[(4, 23)]), "too few"),
            (answer(b"MJPG", 4, 4, &[(0, 50)]), "too few"),
            (answer(b"RG10", 4, 3, &[]), "0 memory planes"),
            (answer(b"RG10", 4, 3, &[(8, 24), (8, 24)]), "2 memory planes"),
            (answer(b"RG10", 0, 3, &[(8, 24)]), "0x3"),
            (answer(b"RG10", 4, 0, &[(8, 24)]), "4x0"),
            (answer(b"RG10", 4, 3, &[(0, 24)]), "0 bytes a row"),
            (answer(b"RG10", 4, 3, &[(7, 24)]), "need 8"),
            (answer(b"RG10", 4, 3, &[(8, 23)]), "too few"),
            (answer(b"RG10", u32::MAX, u32::MAX, &[(u32::MAX, u32::MAX)]), "bytes a row"),
            (answer(b"BA81", u32::MAX, u32::MAX, &[(u32::MAX, u32::MAX)]), "too few"),
        ];
        for (answer, text) in cases {
            let refusal = Layout::check(&answer).unwrap_err();
            assert!(refusal.contains(text), "{refusal}");
        }
    }

    #[test]
    fn developed_pictures_have_all_their_planes_and_a_colour_space() {
        let nv12 = Layout::check(&answer(b"NV12", 4, 4, &[(6, 36)])).unwrap();
        assert_eq!((nv12.format, nv12.needed), (PixelFormat::Yuv(YuvFormat::Nv12), 34));
        assert_eq!(nv12.colorimetry, Some(Colorimetry::from_v4l2(0, 0, 0, 0)));
        let jpeg = Layout::check(&answer(b"MJPG", 640, 480, &[(0, 614_400)])).unwrap();
        assert_eq!((jpeg.format, jpeg.stride), (PixelFormat::Jpeg, 0));
        assert!(jpeg.judge(&filled(0, 5000, 0), 614_400, 0, NOW).is_ok());
        assert!(jpeg.judge(&filled(0, 50, 0), 614_400, 0, NOW).is_err());
    }

    #[test]
    fn only_whole_good_buffers_are_frames() {
        let judge = |filled| layout().judge(&filled, 40, 3, NOW);
        assert!(judge(filled(0, 40, 0)).is_ok());
        assert!(judge(filled(0, 32, 0)).is_ok());
        assert!(judge(filled(0, 40, 8)).is_ok());
        assert_eq!(judge(filled(0, 31, 0)).unwrap_err(), "the frame is cut short");
        assert_eq!(judge(filled(0, 40, 9)).unwrap_err(), "the frame is cut short");
        assert_eq!(judge(filled(0, 0, 0)).unwrap_err(), "the buffer came back empty");
        assert_eq!(
            judge(filled(bindings::V4L2_BUF_FLAG_ERROR, 40, 0)).unwrap_err(),
            "the device marked the frame as bad"
        );
        assert!(judge(filled(0, 41, 0)).unwrap_err().contains("more bytes"));
        assert!(judge(filled(0, 40, 41)).unwrap_err().contains("behind"));
    }

    #[test]
    fn only_a_monotonic_time_is_believed() {
        let time = |flags| {
            let shot = layout().judge(&filled(flags, 40, 0), 40, 0, NOW).unwrap();
            (shot.timestamp, shot.timestamp_is_start)
        };
        let monotonic = bindings::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        assert_eq!(time(monotonic), (Duration::from_secs(5), false));
        assert_eq!(time(monotonic | bindings::V4L2_BUF_FLAG_TSTAMP_SRC_SOE), (Duration::from_secs(5), true));
        assert_eq!(time(bindings::V4L2_BUF_FLAG_TSTAMP_SRC_SOE), (NOW, false));
        assert_eq!(time(bindings::V4L2_BUF_FLAG_TIMESTAMP_COPY), (NOW, false));
    }

    proptest! {
        #[test]
        fn a_frame_never_leaves_its_buffer(flags: u32, bytes_used: u32, offset: u32, length in 0usize..100) {
            if let Ok(shot) = layout().judge(&filled(flags, bytes_used, offset), length, 0, NOW) {
                prop_assert!(shot.offset + shot.bytes_used <= length);
                prop_assert!(shot.bytes_used >= layout().needed);
            }
        }

        #[test]
        fn a_layout_that_passed_fits(width: u32, height: u32, stride: u32, size: u32) {
            if let Ok(layout) = Layout::check(&answer(b"pRAA", width, height, &[(stride, size)])) {
                prop_assert!(layout.needed <= layout.size);
            }
        }
    }
}
