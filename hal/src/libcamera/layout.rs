//! How a frame lies in its buffer, checked once at configuration; and whether a buffer that came back holds a frame.

use std::time::Duration;

use super::formats::{self, Name};
use crate::color::Colorimetry;
use crate::format::PixelFormat;

/// No JPEG picture is shorter: its first and last marker, and something between them.
const SHORTEST_JPEG: usize = 100;

/// What libcamera answered to a configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) name: Name,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) stride: usize,
    pub(super) size: usize,
    pub(super) colorimetry: Option<Colorimetry>,
    pub(super) interval: Option<Duration>,
}

/// A colour plane of a buffer, as libcamera hands it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plane {
    /// What tells one piece of memory from another: device and inode.
    pub(super) memory: (u64, u64),
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// Where in a buffer's memory the picture lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// The checked layout of a stream's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes from row to row of the first plane; 0 for JPEG.
    pub(super) stride: usize,
    /// Bytes of a frame, padding included.
    pub(super) size: usize,
    /// Bytes up to the end of the last row: what a picture must at least have.
    needed: usize,
    /// What its numbers mean; `None` for raw pictures.
    pub(super) colorimetry: Option<Colorimetry>,
    /// From frame to frame, where libcamera tells.
    pub(super) interval: Option<Duration>,
}

impl Layout {
    /// Checks what libcamera answered; the error says what is wrong with it.
    pub(super) fn check(answer: &Answer) -> Result<Self, String> {
        let &Answer { name, width, height, stride, size, colorimetry, interval } = answer;
        let format = formats::from_name(name)
            .ok_or_else(|| format!("it gives {}, which is not known here", formats::text(name)))?;
        if width == 0 || height == 0 {
            return Err(format!("libcamera says that a picture has {width}x{height} samples"));
        }
        let stride = if format == PixelFormat::Jpeg { 0 } else { stride };
        let row = format.row_bytes(width);
        if stride < row {
            let name = formats::text(name);
            return Err(format!(
                "libcamera says {stride} bytes a row, where {width} samples of {name} need {row}"
            ));
        }
        let planes = format.planes(width, height, stride);
        let needed = planes.iter().map(|plane| plane.end()).max().unwrap_or(SHORTEST_JPEG);
        if needed > size {
            return Err(format!(
                "libcamera says {size} bytes a frame, too few for {height} rows of {stride} bytes"
            ));
        }
        // Many handlers say nothing of colours, as many drivers do not; that is taken for sRGB there too.
        let usual = || match format {
            PixelFormat::Rgb(_) => Colorimetry::of_rgb(0, 0, 0, 0),
            _ => Colorimetry::from_v4l2(0, 0, 0, 0),
        };
        let colorimetry = format.raw().is_none().then(|| colorimetry.unwrap_or_else(usual));
        Ok(Self { format, width, height, stride, size, needed, colorimetry, interval })
    }

    /// Where the picture lies in a buffer of these planes; the error says why it is none that we can hand on. Planes of
    /// no bytes do not count: libcamera 0.4.0's virtual cameras have one too many.
    pub(super) fn place(&self, planes: &[Plane]) -> Result<Place, String> {
        let planes: Vec<&Plane> = planes.iter().filter(|plane| plane.length > 0).collect();
        let Some(first) = planes.first() else { return Err("its buffers have no memory".to_owned()) };
        if planes.iter().any(|plane| plane.memory != first.memory) {
            return Err("the colour planes of its frames are separate pieces of memory, not one".to_owned());
        }
        let wanted = self.format.planes(self.width, self.height, self.stride);
        if planes.len() > 1 {
            let found: Vec<_> = planes.iter().map(|plane| plane.offset.checked_sub(first.offset)).collect();
            let wanted: Vec<_> = wanted.iter().map(|plane| Some(plane.offset)).collect();
            if found != wanted {
                return Err(format!(
                    "the colour planes of its frames begin at {}, where they should at {}",
                    offsets(&found),
                    offsets(&wanted)
                ));
            }
        }
        let end = planes.iter().filter_map(|plane| plane.offset.checked_add(plane.length)).max();
        let length = end.and_then(|end| end.checked_sub(first.offset)).unwrap_or(0);
        if length < self.needed {
            return Err(format!("its buffers have {length} bytes, where a picture needs {}", self.needed));
        }
        Ok(Place { offset: first.offset, length })
    }

    /// Bytes of the picture in a buffer of `length` bytes, of which `used` (a number for each plane, none where
    /// libcamera does not tell) were written; or what is wrong with it.
    pub(super) fn judge(&self, length: usize, used: &[usize]) -> Result<usize, &'static str> {
        let planes = self.format.planes(self.width, self.height, self.stride);
        let filled = match used {
            [] => length,
            [one] => *one,
            several => planes
                .iter()
                .zip(several)
                .map(|(plane, used)| plane.offset.saturating_add(*used))
                .fold(0, usize::max),
        };
        let short = planes.len() > 1
            && used.len() > 1
            && planes.iter().zip(used).any(|(plane, used)| plane.end() - plane.offset > *used);
        match filled.min(self.size) {
            0 => Err("the buffer came back empty"),
            _ if filled > length => Err("libcamera reports more bytes than the buffer has"),
            filled if short || filled < self.needed => Err("the frame is cut short"),
            filled => Ok(filled),
        }
    }
}

fn offsets(offsets: &[Option<usize>]) -> String {
    let texts = offsets.iter().map(|offset| offset.map_or("?".to_owned(), |offset| offset.to_string()));
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::YuvFormat;
    use proptest::prelude::*;

    fn answer(fourcc: &[u8; 4], width: u32, height: u32, stride: usize, size: usize) -> Answer {
        let name = (u32::from_le_bytes(*fourcc), 0);
        Answer { name, width, height, stride, size, colorimetry: None, interval: None }
    }

    fn nv12() -> Layout {
        Layout::check(&answer(b"NV12", 4, 4, 6, 36)).unwrap()
    }

    fn plane(memory: u64, offset: usize, length: usize) -> Plane {
        Plane { memory: (0, memory), offset, length }
    }

    #[test]
    fn libcameras_numbers_are_kept() {
        let layout = nv12();
        assert_eq!(layout.format, PixelFormat::Yuv(YuvFormat::Nv12));
        assert_eq!((layout.stride, layout.size, layout.needed), (6, 36, 34));
        assert_eq!(layout.colorimetry, Some(Colorimetry::from_v4l2(0, 0, 0, 0)));
        assert_eq!(Layout::check(&answer(b"RG10", 4, 4, 8, 32)).unwrap().colorimetry, None);
        let jpeg = Layout::check(&answer(b"MJPG", 640, 480, 640, 614_400)).unwrap();
        assert_eq!((jpeg.stride, jpeg.needed), (0, SHORTEST_JPEG));
    }

    #[test]
    fn answers_that_make_no_picture_are_refused() {
        let cases = [
            (answer(b"RG16", 4, 4, 12, 48), "RG16, which is not known"),
            (answer(b"NV12", 0, 4, 4, 24), "0x4"),
            (answer(b"NV12", 4, 4, 3, 24), "need 4"),
            (answer(b"NV12", 4, 4, 4, 23), "too few"),
            (answer(b"MJPG", 4, 4, 0, 50), "too few"),
            (answer(b"RG10", u32::MAX, u32::MAX, usize::MAX, usize::MAX - 1), "too few"),
        ];
        for (answer, text) in cases {
            let refusal = Layout::check(&answer).unwrap_err();
            assert!(refusal.contains(text), "{refusal}");
        }
    }

    #[test]
    fn planes_that_follow_each_other_in_one_memory_are_a_picture() {
        let place = |planes: &[Plane]| nv12().place(planes);
        assert_eq!(place(&[plane(7, 0, 24), plane(7, 24, 12)]), Ok(Place { offset: 0, length: 36 }));
        assert_eq!(place(&[plane(7, 64, 24), plane(7, 88, 12)]), Ok(Place { offset: 64, length: 36 }));
        assert_eq!(place(&[plane(7, 8, 40)]), Ok(Place { offset: 8, length: 40 }));
        let with_an_empty_one = [plane(7, 0, 24), plane(7, 24, 12), plane(9, 36, 0)];
        assert_eq!(place(&with_an_empty_one), Ok(Place { offset: 0, length: 36 }));
    }

    #[test]
    fn planes_that_cannot_be_one_picture_are_refused_with_both_sides() {
        let refusal = |planes: &[Plane]| nv12().place(planes).unwrap_err();
        assert!(refusal(&[]).contains("no memory"));
        assert!(refusal(&[plane(7, 0, 24), plane(8, 0, 12)]).contains("separate"));
        let apart = refusal(&[plane(7, 0, 24), plane(7, 32, 12)]);
        assert!(apart.contains("0, 32") && apart.contains("0, 24"), "{apart}");
        assert!(refusal(&[plane(7, 24, 12), plane(7, 0, 24)]).contains("0, ?"));
        assert!(refusal(&[plane(7, 0, 33)]).contains("33 bytes"));
        assert!(refusal(&[plane(7, 0, 24), plane(7, 24, 4), plane(7, 30, 4)]).contains("begin at"));
    }

    #[test]
    fn only_whole_buffers_are_frames() {
        let judge = |used: &[usize]| nv12().judge(36, used);
        assert_eq!(judge(&[]), Ok(36));
        assert_eq!(nv12().judge(4096, &[]), Ok(36));
        assert_eq!(judge(&[36]), Ok(36));
        assert_eq!(judge(&[24, 12]), Ok(36));
        assert_eq!(judge(&[24, 12, 0]), Ok(36));
        assert_eq!(judge(&[24, 10]), Ok(34));
        assert_eq!(judge(&[0]).unwrap_err(), "the buffer came back empty");
        assert_eq!(judge(&[33]).unwrap_err(), "the frame is cut short");
        assert_eq!(judge(&[10, 12]).unwrap_err(), "the frame is cut short");
        assert_eq!(judge(&[24, 9]).unwrap_err(), "the frame is cut short");
        assert!(judge(&[37]).unwrap_err().contains("more bytes"));
        let jpeg = Layout::check(&answer(b"MJPG", 640, 480, 0, 614_400)).unwrap();
        assert_eq!(jpeg.judge(614_400, &[5000]), Ok(5000));
        assert!(jpeg.judge(614_400, &[50]).is_err());
    }

    proptest! {
        #[test]
        fn a_picture_never_leaves_its_buffer(length: usize, used in proptest::collection::vec(any::<usize>(), 0..4)) {
            if let Ok(bytes) = nv12().judge(length, &used) {
                prop_assert!(bytes <= length && bytes >= 34);
            }
        }

        #[test]
        fn a_place_has_room_for_the_picture(
            planes in proptest::collection::vec((0u64..2, any::<usize>(), any::<usize>()), 0..4)
        ) {
            let planes: Vec<_> = planes.iter().map(|&(memory, at, bytes)| plane(memory, at, bytes)).collect();
            if let Ok(place) = nv12().place(&planes) {
                prop_assert!(place.length >= 34 && place.offset.checked_add(place.length).is_some());
            }
        }
    }
}
