//! How a frame lies in its buffer, as the driver says, checked once at configuration; and whether a buffer that came
//! back holds such a frame.

use std::time::Duration;

use v4l2r::bindings;

use super::formats;
use crate::color::Colorimetry;
use crate::format::{MOST_COLOR_PLANES, PixelFormat};
use crate::frame::{Shot, Span};
use crate::kernel::{Fill, Filled, Format};

/// No JPEG picture is shorter: its first and last marker, and something between them.
const SHORTEST_JPEG: usize = 100;

/// The part of a frame that lies in one memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Bytes from row to row, of the first plane that lies there.
    pub(super) stride: usize,
    /// Bytes, as the driver asks for.
    pub(super) size: usize,
    /// Bytes up to the end of the last row: what a picture must at least have.
    pub(super) needed: usize,
}

/// The checked layout of a stream's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// At least one.
    pub(super) parts: Vec<Part>,
    /// Each colour plane has a part of its own.
    pub(super) separate: Option<[usize; MOST_COLOR_PLANES]>,
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
        if width == 0 || height == 0 {
            return Err(format!("the driver says that a picture has {width}x{height} samples"));
        }
        let strides =
            std::array::from_fn(|at| answer.planes.get(at).map_or(0, |plane| plane.stride as usize));
        let separate = formats::is_separate(fourcc).then_some(strides);
        let planes = match separate {
            None => format.planes(width, height, strides[0]),
            Some(strides) => format.separate_planes(width, height, strides),
        };
        let memories = if separate.is_some() { planes.len() } else { 1 };
        if answer.planes.len() != memories {
            let found = answer.planes.len();
            return Err(format!(
                "the driver says {found} memory planes, where {} has {memories}",
                formats::name(fourcc)
            ));
        }
        let parts = answer.planes.iter().enumerate().map(|(memory, plane)| {
            let (stride, size) = (plane.stride as usize, plane.size as usize);
            let here: Vec<_> = planes.iter().filter(|plane| plane.memory == memory).collect();
            if let Some(short) = here.iter().find(|plane| plane.stride < plane.row_bytes) {
                return Err(format!(
                    "the driver says {stride} bytes a row, where {width} samples of {} need {}",
                    formats::name(fourcc),
                    short.row_bytes
                ));
            }
            let needed = here.iter().map(|plane| plane.end()).max().unwrap_or(SHORTEST_JPEG);
            if needed > size {
                return Err(format!(
                    "the driver says {size} bytes a frame, too few for {height} rows of {stride} bytes"
                ));
            }
            Ok(Part { stride, size, needed })
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let colorimetry = format.raw().is_none().then(|| {
            let from_v4l2 = match format {
                PixelFormat::Rgb(_) => Colorimetry::of_rgb,
                _ => Colorimetry::from_v4l2,
            };
            from_v4l2(answer.colorspace, answer.transfer, answer.encoding, answer.quantization)
        });
        Ok(Self { format, width, height, parts, separate, colorimetry, interval: None })
    }

    /// Bytes of a frame, of all its memories.
    pub(super) fn size(&self) -> usize {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.size))
    }

    /// Bytes from row to row of the first plane.
    pub(super) fn stride(&self) -> usize {
        self.parts.first().map_or(0, |part| part.stride)
    }

    /// The frame in a buffer that came back, whose memories have `lengths`, and what of it lies in the memories behind
    /// the first; or what is wrong with it. `now` (CLOCK_MONOTONIC) stands in where the driver's time is of another
    /// clock.
    pub(super) fn judge(
        &self,
        filled: &Filled,
        lengths: impl Iterator<Item = usize>,
        sequence: u64,
        now: Duration,
    ) -> Result<(Shot, Vec<Span>), &'static str> {
        if filled.flags & bindings::V4L2_BUF_FLAG_ERROR != 0 {
            return Err("the device marked the frame as bad");
        }
        let parts = self.parts.iter().zip(&filled.planes).zip(lengths);
        let mut spans = parts.map(|((part, fill), length)| part.span(*fill, length));
        let Span { offset, bytes_used } = spans.next().ok_or("the buffer has no memory")??;
        let later = spans.collect::<Result<_, _>>()?;
        let (timestamp, timestamp_is_start) = time(filled, now);
        Ok((Shot { sequence, timestamp, timestamp_is_start, offset, bytes_used, exposure: None }, later))
    }
}

impl Part {
    /// What of a memory of `length` bytes is the picture.
    fn span(self, fill: Fill, length: usize) -> Result<Span, &'static str> {
        let (end, offset) = (fill.bytes_used as usize, fill.offset as usize);
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
        Ok(Span { offset, bytes_used })
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
    use crate::kernel::{MOST_PLANES, PlaneFormat};
    use proptest::prelude::*;

    fn answer(fourcc: &[u8; 4], width: u32, height: u32, planes: &[(u32, u32)]) -> Format {
        let planes = planes.iter().map(|&(stride, size)| PlaneFormat { stride, size }).collect();
        Format { width, height, fourcc: u32::from_le_bytes(*fourcc), planes, ..Default::default() }
    }

    fn layout() -> Layout {
        Layout::check(&answer(b"RG10", 4, 3, &[(12, 40)])).unwrap()
    }

    fn filled(flags: u32, bytes_used: u32, offset: u32) -> Filled {
        let mut planes = [Fill::default(); MOST_PLANES];
        planes[0] = Fill { bytes_used, offset };
        Filled { index: 0, sequence: 0, flags, planes, timestamp: Duration::from_secs(5) }
    }

    fn judge(layout: &Layout, filled: &Filled, length: usize) -> Result<Shot, &'static str> {
        layout.judge(filled, std::iter::once(length), 3, NOW).map(|(shot, _)| shot)
    }

    const NOW: Duration = Duration::from_secs(9);

    #[test]
    fn the_drivers_numbers_are_kept() {
        let wanted = Layout {
            format: RawFormat { pattern: CfaPattern::Rggb, bits: 10, packing: Packing::Le16 }.into(),
            width: 4,
            height: 3,
            parts: vec![Part { stride: 12, size: 40, needed: 32 }],
            separate: None,
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
            (answer(b"RG10", 4, 3, &[(8, 24), (8, 24)]), "2 memory planes, where RG10 has 1"),
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
        assert_eq!((nv12.format, nv12.parts[0].needed), (PixelFormat::Yuv(YuvFormat::Nv12), 34));
        assert_eq!(nv12.colorimetry, Some(Colorimetry::from_v4l2(0, 0, 0, 0)));
        let jpeg = Layout::check(&answer(b"MJPG", 640, 480, &[(0, 614_400)])).unwrap();
        assert_eq!((jpeg.format, jpeg.stride()), (PixelFormat::Jpeg, 0));
        assert!(judge(&jpeg, &filled(0, 5000, 0), 614_400).is_ok());
        assert!(judge(&jpeg, &filled(0, 50, 0), 614_400).is_err());
    }

    #[test]
    fn planes_with_memory_of_their_own_have_their_own_strides_and_are_judged_each() {
        let nm12 = Layout::check(&answer(b"NM12", 4, 4, &[(6, 30), (8, 20)])).unwrap();
        assert_eq!(nm12.separate, Some([6, 8, 0]));
        assert_eq!(nm12.parts[1], Part { stride: 8, size: 20, needed: 12 });
        assert_eq!((nm12.size(), nm12.stride()), (50, 6));
        let judge = |second: Fill| {
            let mut frame = filled(0, 30, 0);
            frame.planes[1] = second;
            nm12.judge(&frame, [30, 20].into_iter(), 0, NOW).map(|(_, later)| later)
        };
        let fill = |bytes_used, offset| Fill { bytes_used, offset };
        assert_eq!(judge(fill(20, 8)), Ok(vec![Span { offset: 8, bytes_used: 12 }]));
        assert_eq!(judge(fill(19, 8)), Err("the frame is cut short"));
        assert_eq!(judge(fill(0, 0)), Err("the buffer came back empty"));
        assert!(judge(fill(21, 0)).unwrap_err().contains("more bytes"));
        assert!(judge(fill(20, 21)).unwrap_err().contains("behind"));
        let cases = [
            (answer(b"NM12", 4, 4, &[(6, 30)]), "1 memory planes, where NM12 has 2"),
            (answer(b"YM12", 4, 4, &[(6, 30), (6, 30)]), "2 memory planes, where YM12 has 3"),
            (answer(b"NV12", 4, 4, &[(6, 30), (6, 30)]), "2 memory planes, where NV12 has 1"),
            (answer(b"NM12", 4, 4, &[(6, 30), (3, 30)]), "3 bytes a row"),
            (answer(b"NM12", 4, 4, &[(6, 30), (6, 9)]), "9 bytes a frame, too few"),
        ];
        for (answer, text) in cases {
            let refusal = Layout::check(&answer).unwrap_err();
            assert!(refusal.contains(text), "{refusal}");
        }
    }

    #[test]
    fn only_whole_good_buffers_are_frames() {
        let judge = |filled| judge(&layout(), &filled, 40);
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
            let shot = judge(&layout(), &filled(flags, 40, 0), 40).unwrap();
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
            if let Ok(shot) = judge(&layout(), &filled(flags, bytes_used, offset), length) {
                prop_assert!(shot.offset + shot.bytes_used <= length);
                prop_assert!(shot.bytes_used >= layout().parts[0].needed);
            }
        }

        #[test]
        fn a_layout_that_passed_fits(width: u32, height: u32, stride: u32, size: u32) {
            for (fourcc, planes) in [(b"pRAA", 1), (b"YM12", 3)] {
                let answer = answer(fourcc, width, height, &vec![(stride, size); planes]);
                if let Ok(layout) = Layout::check(&answer) {
                    prop_assert!(layout.parts.len() == planes);
                    prop_assert!(layout.parts.iter().all(|part| part.needed <= part.size));
                }
            }
        }
    }
}
