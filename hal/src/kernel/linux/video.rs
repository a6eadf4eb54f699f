//! Video nodes of the real kernel.

use std::fs::File;
use std::os::fd::AsFd;

use v4l2r::bindings::{
    self, v4l2_capability, v4l2_captureparm, v4l2_event_subscription, v4l2_fmtdesc, v4l2_format, v4l2_fract,
    v4l2_frmivalenum, v4l2_frmsizeenum, v4l2_meta_format, v4l2_pix_format, v4l2_pix_format_mplane,
    v4l2_plane_pix_format, v4l2_rect, v4l2_selection, v4l2_streamparm,
};

use crate::kernel::{
    Format, FormatEntry, Fraction, Identity, IntervalEntry, PlaneFormat, Rectangle, SizeEntry, SizeRange,
    Video,
};
use crate::uapi::{text, video as raw};

/// Fields behind `priv` are valid in both directions.
const PRIV_MAGIC: u32 = bindings::V4L2_PIX_FMT_PRIV_MAGIC;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) file: File,
    /// `enum v4l2_buf_type`.
    pub(super) queue: u32,
}

impl Node {
    pub(super) fn new(file: File) -> Self {
        Self { file, queue: bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE }
    }

    pub(super) fn planar(&self) -> bool {
        self.queue == bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
    }

    fn metadata(&self) -> bool {
        self.queue == bindings::v4l2_buf_type_V4L2_BUF_TYPE_META_CAPTURE
    }

    /// A format as the kernel writes it, of the queue in use.
    fn wanted(&self, wanted: &Format) -> v4l2_format {
        if self.metadata() {
            let mut format = v4l2_format { type_: self.queue, ..Default::default() };
            let buffersize = wanted.planes.first().map_or(0, |plane| plane.size);
            format.fmt.meta =
                v4l2_meta_format { dataformat: wanted.fourcc, buffersize, ..Default::default() };
            return format;
        }
        wanted_format(wanted, self.queue, self.planar())
    }

    fn read(&self, format: &v4l2_format) -> Format {
        if self.metadata() {
            let (fourcc, size) = raw::metadata_format(format);
            return Format { fourcc, planes: vec![PlaneFormat { stride: 0, size }], ..Format::default() };
        }
        read_format(format, self.planar())
    }
}

impl Video for Node {
    fn identity(&self) -> nix::Result<Identity> {
        let mut found = v4l2_capability::default();
        raw::query_capabilities(self.file.as_fd(), &mut found)?;
        Ok(Identity {
            driver: text(&found.driver),
            card: text(&found.card),
            bus_info: text(&found.bus_info),
            capabilities: found.capabilities,
            device_caps: found.device_caps,
        })
    }

    fn use_planar_queue(&mut self) {
        self.queue = bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    }

    fn use_metadata_queue(&mut self) {
        self.queue = bindings::v4l2_buf_type_V4L2_BUF_TYPE_META_CAPTURE;
    }

    fn format_entry(&self, index: u32) -> nix::Result<FormatEntry> {
        let mut found = v4l2_fmtdesc { index, type_: self.queue, ..Default::default() };
        raw::enum_format(self.file.as_fd(), &mut found)?;
        Ok(FormatEntry { fourcc: found.pixelformat, flags: found.flags })
    }

    fn format_on_bus(&self, code: u32, index: u32) -> nix::Result<FormatEntry> {
        let mut found = v4l2_fmtdesc { index, type_: self.queue, mbus_code: code, ..Default::default() };
        raw::enum_format(self.file.as_fd(), &mut found)?;
        Ok(FormatEntry { fourcc: found.pixelformat, flags: found.flags })
    }

    fn size_entry(&self, fourcc: u32, index: u32) -> nix::Result<SizeEntry> {
        let mut found = v4l2_frmsizeenum { index, pixel_format: fourcc, ..Default::default() };
        raw::enum_size(self.file.as_fd(), &mut found)?;
        if found.type_ == bindings::v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE {
            let size = raw::discrete_size(&found);
            return Ok(SizeEntry::Discrete(size.width, size.height));
        }
        let range = raw::size_range(&found);
        Ok(SizeEntry::Range(SizeRange {
            min: (range.min_width, range.min_height),
            max: (range.max_width, range.max_height),
            step: (range.step_width.max(1), range.step_height.max(1)),
        }))
    }

    fn interval_entry(&self, fourcc: u32, size: (u32, u32), index: u32) -> nix::Result<IntervalEntry> {
        let (width, height) = size;
        let mut found = v4l2_frmivalenum { index, pixel_format: fourcc, width, height, ..Default::default() };
        raw::enum_interval(self.file.as_fd(), &mut found)?;
        if found.type_ == bindings::v4l2_frmivaltypes_V4L2_FRMIVAL_TYPE_DISCRETE {
            return Ok(IntervalEntry::Discrete(fraction(raw::discrete_interval(&found))));
        }
        let range = raw::interval_range(&found);
        Ok(IntervalEntry::Range { min: fraction(range.min), max: fraction(range.max) })
    }

    fn format(&self) -> nix::Result<Format> {
        let mut format = v4l2_format { type_: self.queue, ..Default::default() };
        raw::get_format(self.file.as_fd(), &mut format)?;
        Ok(self.read(&format))
    }

    fn try_format(&self, wanted: &Format) -> nix::Result<Format> {
        let mut format = self.wanted(wanted);
        raw::try_format(self.file.as_fd(), &mut format)?;
        Ok(self.read(&format))
    }

    fn set_format(&self, wanted: &Format) -> nix::Result<Format> {
        let mut format = self.wanted(wanted);
        raw::set_format(self.file.as_fd(), &mut format)?;
        Ok(self.read(&format))
    }

    fn set_interval(&self, wanted: Option<Fraction>) -> nix::Result<Option<Fraction>> {
        let mut now = v4l2_streamparm { type_: self.queue, ..Default::default() };
        raw::get_parameters(self.file.as_fd(), &mut now)?;
        let capture = raw::capture_parameters(&now);
        let adjustable = capture.capability & bindings::V4L2_CAP_TIMEPERFRAME != 0;
        let Some(wanted) = wanted.filter(|_| adjustable) else {
            return Ok(Some(fraction(capture.timeperframe)));
        };
        let timeperframe = v4l2_fract { numerator: wanted.numerator, denominator: wanted.denominator };
        let mut asked = v4l2_streamparm { type_: self.queue, ..Default::default() };
        asked.parm.capture = v4l2_captureparm { timeperframe, ..Default::default() };
        raw::set_parameters(self.file.as_fd(), &mut asked)?;
        Ok(Some(fraction(raw::capture_parameters(&asked).timeperframe)))
    }

    // The single-planar type selects on multi-planar queues as well, and is the only one that old kernels take.
    fn selection(&self, target: u32) -> nix::Result<Rectangle> {
        let type_ = bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
        let mut selection = v4l2_selection { type_, target, ..Default::default() };
        raw::get_selection(self.file.as_fd(), &mut selection)?;
        Ok(rectangle(selection.r))
    }

    fn set_selection(&self, target: u32, wanted: Rectangle) -> nix::Result<Rectangle> {
        let Rectangle { left, top, width, height } = wanted;
        let type_ = bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
        let r = v4l2_rect { left, top, width, height };
        let mut selection = v4l2_selection { type_, target, r, ..Default::default() };
        raw::set_selection(self.file.as_fd(), &mut selection)?;
        Ok(rectangle(selection.r))
    }

    fn subscribe(&self, kind: u32, id: u32) -> nix::Result<()> {
        let mut wanted = v4l2_event_subscription { type_: kind, id, ..Default::default() };
        raw::subscribe_event(self.file.as_fd(), &mut wanted)
    }

    fn priority(&self) -> nix::Result<u32> {
        let mut priority = 0;
        raw::get_priority(self.file.as_fd(), &mut priority)?;
        Ok(priority)
    }

    fn set_priority(&self, priority: u32) -> nix::Result<()> {
        let mut wanted = priority;
        raw::set_priority(self.file.as_fd(), &mut wanted)
    }
}

pub(super) fn fraction(raw: v4l2_fract) -> Fraction {
    Fraction { numerator: raw.numerator, denominator: raw.denominator }
}

pub(super) fn rectangle(raw: v4l2_rect) -> Rectangle {
    Rectangle { left: raw.left, top: raw.top, width: raw.width, height: raw.height }
}

fn wanted_format(wanted: &Format, queue: u32, planar: bool) -> v4l2_format {
    let mut format = v4l2_format { type_: queue, ..Default::default() };
    let first = wanted.planes.first().copied().unwrap_or_default();
    if planar {
        let mut pixels = v4l2_pix_format_mplane {
            width: wanted.width,
            height: wanted.height,
            pixelformat: wanted.fourcc,
            field: wanted.field,
            num_planes: u8::try_from(wanted.planes.len().clamp(1, bindings::VIDEO_MAX_PLANES as usize))
                .unwrap_or(1),
            ..Default::default()
        };
        let mut planes = [v4l2_plane_pix_format::default(); bindings::VIDEO_MAX_PLANES as usize];
        for (raw, plane) in planes.iter_mut().zip(&wanted.planes) {
            *raw = v4l2_plane_pix_format {
                sizeimage: plane.size,
                bytesperline: plane.stride,
                ..Default::default()
            };
        }
        pixels.plane_fmt = planes;
        format.fmt.pix_mp = pixels;
    } else {
        format.fmt.pix = v4l2_pix_format {
            width: wanted.width,
            height: wanted.height,
            pixelformat: wanted.fourcc,
            field: wanted.field,
            bytesperline: first.stride,
            sizeimage: first.size,
            priv_: PRIV_MAGIC,
            ..Default::default()
        };
    }
    format
}

fn read_format(format: &v4l2_format, planar: bool) -> Format {
    if planar {
        let (pixels, encoding) = raw::planar_pixels(format);
        let planes = pixels.plane_fmt;
        let planes = planes.iter().take(usize::from(pixels.num_planes));
        return Format {
            fourcc: pixels.pixelformat,
            width: pixels.width,
            height: pixels.height,
            field: pixels.field,
            planes: planes
                .map(|plane| PlaneFormat { stride: plane.bytesperline, size: plane.sizeimage })
                .collect(),
            colorspace: pixels.colorspace,
            transfer: u32::from(pixels.xfer_func),
            encoding: u32::from(encoding),
            quantization: u32::from(pixels.quantization),
        };
    }
    let (pixels, encoding) = raw::pixels(format);
    Format {
        fourcc: pixels.pixelformat,
        width: pixels.width,
        height: pixels.height,
        field: pixels.field,
        planes: vec![PlaneFormat { stride: pixels.bytesperline, size: pixels.sizeimage }],
        colorspace: pixels.colorspace,
        transfer: pixels.xfer_func,
        encoding,
        quantization: pixels.quantization,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_as_it_was_written_on_both_kinds_of_queue() {
        let wanted = Format {
            fourcc: 7,
            width: 640,
            height: 480,
            field: 1,
            planes: vec![PlaneFormat { stride: 1280, size: 614_400 }],
            ..Format::default()
        };
        for planar in [false, true] {
            assert_eq!(read_format(&wanted_format(&wanted, 1, planar), planar), wanted);
        }
        let two = Format { planes: vec![PlaneFormat { stride: 1, size: 2 }; 2], ..wanted };
        assert_eq!(read_format(&wanted_format(&two, 9, true), true), two);
    }

    #[test]
    fn more_planes_than_the_kernel_has_are_not_read() {
        let mut format = wanted_format(&Format::default(), 9, true);
        let pixels = v4l2_pix_format_mplane { num_planes: 255, ..Default::default() };
        format.fmt.pix_mp = pixels;
        assert_eq!(read_format(&format, true).planes.len(), bindings::VIDEO_MAX_PLANES as usize);
    }
}
