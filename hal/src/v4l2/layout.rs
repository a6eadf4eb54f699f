//! How a frame lies in its buffer, as the driver says, checked once at configuration; and whether a buffer that came
//! back holds such a frame.

use std::time::Duration;

use v4l2r::{Format, bindings};

use super::formats;
use super::queue::Filled;
use crate::format::RawFormat;
use crate::frame::Shot;

/// The checked layout of a stream's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: RawFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes from row to row.
    pub(super) stride: usize,
    /// Bytes of a buffer's picture, as the driver asks for.
    pub(super) size: usize,
    /// Bytes up to the end of the last row: what a picture must at least have.
    pub(super) needed: usize,
}

impl Layout {
    /// Checks what a driver answered to `VIDIOC_S_FMT`; the error says what is wrong with it.
    pub(super) fn check(answer: &Format) -> Result<Self, String> {
        let fourcc = answer.pixelformat.to_u32();
        let (width, height) = (answer.width, answer.height);
        let format = formats::from_fourcc(fourcc).ok_or_else(|| {
            format!("the driver changed the format to {}, which is not raw", formats::name(fourcc))
        })?;
        let [plane] = answer.plane_fmt.as_slice() else {
            return Err(format!("{} memory planes for a raw picture, not 1", answer.plane_fmt.len()));
        };
        let (stride, size) = (plane.bytesperline as usize, plane.sizeimage as usize);
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
        let rows_before_last = (height - 1) as usize;
        match stride.checked_mul(rows_before_last).and_then(|bytes| bytes.checked_add(row)) {
            Some(needed) if needed <= size => Ok(Self { format, width, height, stride, size, needed }),
            _ => Err(format!(
                "the driver says {size} bytes a frame, too few for {height} rows of {stride} bytes"
            )),
        }
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
    use crate::format::{CfaPattern, Packing};
    use proptest::prelude::*;
    use v4l2r::PlaneLayout;

    fn answer(fourcc: &[u8; 4], width: u32, height: u32, planes: &[(u32, u32)]) -> Format {
        let plane_fmt =
            planes.iter().map(|&(bytesperline, sizeimage)| PlaneLayout { sizeimage, bytesperline }).collect();
        Format { width, height, pixelformat: fourcc.into(), plane_fmt }
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
            format: RawFormat { pattern: CfaPattern::Rggb, bits: 10, packing: Packing::Le16 },
            width: 4,
            height: 3,
            stride: 12,
            size: 40,
            needed: 32,
        };
        assert_eq!(layout(), wanted);
    }

    #[test]
    fn answers_that_make_no_raw_picture_are_refused() {
        let cases = [
            (answer(b"YUYV", 4, 3, &[(8, 24)]), "not raw"),
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
