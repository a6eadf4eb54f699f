//! What fake cameras are made of, and what they make of a format that is asked for.

use nix::errno::Errno;
use v4l2r::bindings;

use super::request::Requests;
use crate::format::{MOST_COLOR_PLANES, PixelFormat as HalFormat};
use crate::kernel::{
    Control, ControlKind, Format, Fraction, Identity, MenuItem, PlaneFormat, Rectangle, SizeEntry,
};
use crate::v4l2::formats;

/// What a camera is made of.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it says that it is.
    pub identity: Identity,
    /// Its pixel formats.
    pub fourccs: Vec<[u8; 4]>,
    /// Its sizes, for every format.
    pub sizes: Vec<SizeEntry>,
    /// Times from frame to frame that it lists; it begins with the first.
    pub intervals: Vec<Fraction>,
    /// Bytes that a row has beyond its samples.
    pub row_padding: u32,
    /// Bytes that every memory has before its picture; only on a multi-planar queue.
    pub data_offset: u32,
    /// `V4L2_BUF_CAP_*`.
    pub buffer_capabilities: u32,
    /// Bytes for all its buffers, as of a contiguous area of a small machine.
    pub memory_bytes: u64,
    /// The most buffers that it gives.
    pub most_buffers: u32,
    /// So many queued buffers stay with it: it fills one when it has more.
    pub kept_buffers: u32,
    /// Its controls.
    pub controls: Vec<Control>,
    /// The choices of those that are menus, by their numbers.
    pub menus: Vec<(u32, Vec<(u32, MenuItem)>)>,
    /// Whether its buffers go to it in requests.
    pub requests: Requests,
    /// `V4L2_EVENT_*` that it has.
    pub events: Vec<u32>,
    /// All frames are the same picture.
    pub still: bool,
    /// The whole sensor; what is cropped is a part of it.
    pub sensor: Rectangle,
}

impl Model {
    /// A camera like `vivid`: raw in three depths, 30 frames a second, memory of its own or imported.
    pub fn raw() -> Self {
        let capabilities =
            bindings::V4L2_CAP_VIDEO_CAPTURE | bindings::V4L2_CAP_STREAMING | bindings::V4L2_CAP_DEVICE_CAPS;
        Self {
            identity: Identity {
                driver: "fake".to_owned(),
                card: "Fake camera".to_owned(),
                bus_info: "platform:fake-000".to_owned(),
                capabilities,
                device_caps: capabilities,
            },
            fourccs: vec![*b"RGGB", *b"BG10", *b"RG12"],
            sizes: vec![SizeEntry::Discrete(64, 48), SizeEntry::Discrete(32, 24)],
            intervals: [30, 10, 60].map(|denominator| Fraction { numerator: 1, denominator }).to_vec(),
            row_padding: 0,
            data_offset: 0,
            buffer_capabilities: bindings::V4L2_BUF_CAP_SUPPORTS_MMAP
                | bindings::V4L2_BUF_CAP_SUPPORTS_DMABUF
                | bindings::V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS,
            memory_bytes: u64::MAX,
            most_buffers: 32,
            kept_buffers: 0,
            controls: vec![
                control(bindings::V4L2_CID_EXPOSURE_ABSOLUTE, "Exposure Time, Absolute", (1, 10_000, 100)),
                control(bindings::V4L2_CID_ANALOGUE_GAIN, "Analogue Gain", (0, 255, 0)),
            ],
            menus: Vec::new(),
            requests: Requests::None,
            events: vec![
                bindings::V4L2_EVENT_SOURCE_CHANGE,
                bindings::V4L2_EVENT_EOS,
                bindings::V4L2_EVENT_CTRL,
            ],
            still: false,
            sensor: Rectangle { left: 0, top: 0, width: 64, height: 48 },
        }
    }

    /// A camera like those on USB: YUYV and MJPEG.
    pub fn usb() -> Self {
        Self { fourccs: vec![*b"YUYV", *b"MJPG"], ..Self::raw() }
    }

    /// A camera like `vivid` with a multi-planar queue: each colour plane has a memory of its own, or all have one.
    pub fn separate() -> Self {
        let fourccs = [*b"NM12", *b"NM21", *b"NM16", *b"NM61", *b"YM12", *b"YM21", *b"YM16", *b"YM61"];
        let one_memory = [*b"NV12", *b"NV16", *b"YU12"];
        Self { fourccs: [&fourccs[..], &one_memory].concat(), ..Self::raw() }.planar()
    }

    /// A node that gives metadata beside another camera's frames.
    pub fn metadata() -> Self {
        let intervals = vec![Fraction { numerator: 1, denominator: 60 }];
        let mut model = Self { fourccs: vec![*b"UVCH", *b"UVCM"], intervals, ..Self::raw() };
        for capabilities in [&mut model.identity.capabilities, &mut model.identity.device_caps] {
            *capabilities &= !bindings::V4L2_CAP_VIDEO_CAPTURE;
            *capabilities |= bindings::V4L2_CAP_META_CAPTURE;
        }
        model
    }

    /// A camera that has whatever the conformance suite looks at: every known format, controls of every kind, all
    /// events.
    pub fn complete() -> Self {
        use bindings::{V4L2_CID_AUTOGAIN, V4L2_CID_BRIGHTNESS, V4L2_CID_DO_WHITE_BALANCE};
        use bindings::{V4L2_CID_PIXEL_RATE, V4L2_CID_POWER_LINE_FREQUENCY};
        let mut model = Self::raw();
        model.fourccs = formats::known().collect();
        // Of a large model every format would be a large picture.
        model.sizes = vec![SizeEntry::Discrete(64, 48), SizeEntry::Discrete(32, 24)];
        let brightness = control(V4L2_CID_BRIGHTNESS, "Brightness", (0, 255, 128));
        let switch = control(V4L2_CID_AUTOGAIN, "Gain, Automatic", (0, 1, 1));
        let menu = control(V4L2_CID_POWER_LINE_FREQUENCY, "Power Line Frequency", (0, 2, 1));
        let button = control(V4L2_CID_DO_WHITE_BALANCE, "Do White Balance", (0, 0, 0));
        let rate = control(V4L2_CID_PIXEL_RATE, "Pixel Rate", (1, 400_000_000, 84_000_000));
        model.controls.extend([
            brightness,
            Control { kind: ControlKind::Boolean, ..switch },
            Control { kind: ControlKind::Menu, ..menu },
            Control { kind: ControlKind::Button, flags: bindings::V4L2_CTRL_FLAG_WRITE_ONLY, ..button },
            Control { kind: ControlKind::Integer64, flags: bindings::V4L2_CTRL_FLAG_READ_ONLY, ..rate },
        ]);
        let choices = ["Disabled", "50 Hz", "60 Hz"].map(|name| MenuItem::Name(name.to_owned()));
        model.menus = vec![(V4L2_CID_POWER_LINE_FREQUENCY, (0..).zip(choices).collect())];
        model.events.push(bindings::V4L2_EVENT_FRAME_SYNC);
        model.buffer_capabilities |= bindings::V4L2_BUF_CAP_SUPPORTS_REMOVE_BUFS;
        model
    }

    pub(super) fn is_metadata(&self) -> bool {
        self.identity.device_caps & bindings::V4L2_CAP_META_CAPTURE != 0
    }

    /// Bytes before the picture in every memory.
    pub(super) fn offset(&self) -> u32 {
        let planar = self.identity.device_caps & bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0;
        if planar { self.data_offset } else { 0 }
    }

    /// The default of a control; 0 for one that it does not have.
    pub(super) fn default_of(&self, id: u32) -> i64 {
        self.controls.iter().find(|control| control.id == id).map_or(0, |control| control.default)
    }

    /// The same with a multi-planar queue.
    #[must_use]
    pub fn planar(mut self) -> Self {
        for capabilities in [&mut self.identity.capabilities, &mut self.identity.device_caps] {
            *capabilities &= !bindings::V4L2_CAP_VIDEO_CAPTURE;
            *capabilities |= bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        }
        self
    }
}

fn control(id: u32, name: &str, (min, max, default): (i64, i64, i64)) -> Control {
    Control { id, name: name.to_owned(), kind: ControlKind::Integer, min, max, step: 1, default, flags: 0 }
}

/// Bytes of a buffer of metadata.
const METADATA_BYTES: u32 = 256;

/// What a device makes of a format: the nearest of its own.
pub(super) fn nearest(model: &Model, wanted: &Format) -> nix::Result<Format> {
    let known = model.fourccs.iter().map(|fourcc| u32::from_le_bytes(*fourcc));
    let fourcc = known.clone().find(|fourcc| *fourcc == wanted.fourcc).or_else(|| known.clone().next());
    let fourcc = fourcc.ok_or(Errno::EINVAL)?;
    let distance = |(width, height): &(u32, u32)| {
        u64::from(width.abs_diff(wanted.width)) + u64::from(height.abs_diff(wanted.height))
    };
    let sizes = model.sizes.iter().map(|entry| match entry {
        SizeEntry::Discrete(width, height) => (*width, *height),
        SizeEntry::Range(range) => {
            (wanted.width.clamp(range.min.0, range.max.0), wanted.height.clamp(range.min.1, range.max.1))
        }
    });
    let (width, height) = sizes.min_by_key(distance).ok_or(Errno::EINVAL)?;
    if model.is_metadata() {
        let planes = vec![PlaneFormat { stride: 0, size: METADATA_BYTES }];
        return Ok(Format { fourcc, planes, ..Format::default() });
    }
    let known = formats::from_fourcc(fourcc).ok_or(Errno::EINVAL)?;
    let asked = |at: usize| wanted.planes.get(at).map_or(0, |plane| plane.stride as usize);
    let plane = |stride, bytes| PlaneFormat { stride, size: number(bytes) + model.offset() };
    let planes = match known {
        HalFormat::Jpeg => vec![plane(0, (width * height) as usize)],
        _ if formats::is_separate(fourcc) => {
            let planes = known.separate_planes(width, height, [0; MOST_COLOR_PLANES]);
            let strides = planes
                .iter()
                .map(|plane| plane.row_bytes.max(asked(plane.memory)) + model.row_padding as usize);
            planes
                .iter()
                .zip(strides)
                .map(|(found, stride)| plane(number(stride), stride * found.rows))
                .collect()
        }
        HalFormat::Raw(_) | HalFormat::Yuv(_) | HalFormat::Rgb(_) => {
            let stride = (known.row_bytes(width) + model.row_padding as usize).max(asked(0));
            let planes = known.planes(width, height, stride);
            vec![plane(number(stride), planes.iter().map(|plane| plane.stride * plane.rows).sum::<usize>())]
        }
    };
    Ok(Format {
        fourcc,
        width,
        height,
        field: bindings::v4l2_field_V4L2_FIELD_NONE,
        planes,
        colorspace: match known {
            HalFormat::Raw(_) => bindings::v4l2_colorspace_V4L2_COLORSPACE_RAW,
            _ => bindings::v4l2_colorspace_V4L2_COLORSPACE_SRGB,
        },
        ..Format::default()
    })
}

fn number(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
