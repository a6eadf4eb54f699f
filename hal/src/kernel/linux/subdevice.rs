//! Sub-devices of the real kernel.

use std::fs::File;
use std::os::fd::AsFd;

use v4l2r::bindings::{v4l2_fract, v4l2_rect};

use super::video::{fraction, rectangle};
use crate::kernel::{BusFormat, BusSize, Fraction, Rectangle, Route, Subdevice};
use crate::uapi::subdevice::{self as raw, ACTIVE, TRY};

/// `V4L2_SUBDEV_CAP_STREAMS`.
const CAPABILITY_STREAMS: u32 = 2;
/// This program knows streams.
const CLIENT_STREAMS: u64 = 1;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) file: File,
}

impl Node {
    pub(super) fn new(file: File) -> Self {
        Self { file }
    }

    fn set(&self, which: u32, pad: u32, stream: u32, wanted: BusFormat) -> nix::Result<BusFormat> {
        let BusFormat { code, width, height, field, colorspace } = wanted;
        let asked = raw::BusFormat { code, width, height, field, colorspace, ..Default::default() };
        let mut format = raw::Format { which, pad, stream, format: asked, ..Default::default() };
        raw::set_format(self.file.as_fd(), &mut format)?;
        Ok(bus_format(&format.format))
    }
}

impl Subdevice for Node {
    fn has_streams(&self) -> nix::Result<bool> {
        let mut found = raw::Capability::default();
        raw::query_capabilities(self.file.as_fd(), &mut found)?;
        Ok(found.capabilities & CAPABILITY_STREAMS != 0)
    }

    fn use_streams(&self) -> nix::Result<()> {
        let mut wanted = raw::ClientCapability { capabilities: CLIENT_STREAMS };
        raw::set_client_capability(self.file.as_fd(), &mut wanted)
    }

    fn code(&self, pad: u32, index: u32) -> nix::Result<u32> {
        let mut entry = raw::BusCode { pad, index, which: ACTIVE, ..Default::default() };
        raw::enum_bus_code(self.file.as_fd(), &mut entry)?;
        Ok(entry.code)
    }

    fn size(&self, pad: u32, code: u32, index: u32) -> nix::Result<BusSize> {
        let mut entry = raw::FrameSize { pad, code, index, which: ACTIVE, ..Default::default() };
        raw::enum_size(self.file.as_fd(), &mut entry)?;
        Ok(BusSize { min: (entry.min_width, entry.min_height), max: (entry.max_width, entry.max_height) })
    }

    fn interval_entry(&self, pad: u32, code: u32, size: (u32, u32), index: u32) -> nix::Result<Fraction> {
        let (width, height) = size;
        let mut entry =
            raw::FrameIntervalEntry { pad, code, width, height, index, which: ACTIVE, ..Default::default() };
        raw::enum_interval(self.file.as_fd(), &mut entry)?;
        Ok(fraction(entry.interval))
    }

    fn format(&self, pad: u32, stream: u32) -> nix::Result<BusFormat> {
        let mut format = raw::Format { which: ACTIVE, pad, stream, ..Default::default() };
        raw::get_format(self.file.as_fd(), &mut format)?;
        Ok(bus_format(&format.format))
    }

    fn set_format(&self, pad: u32, stream: u32, wanted: BusFormat) -> nix::Result<BusFormat> {
        self.set(ACTIVE, pad, stream, wanted)
    }

    fn try_format(&self, pad: u32, stream: u32, wanted: BusFormat) -> nix::Result<BusFormat> {
        self.set(TRY, pad, stream, wanted)
    }

    fn interval(&self, pad: u32) -> nix::Result<Fraction> {
        let mut argument = raw::FrameInterval { pad, which: ACTIVE, ..Default::default() };
        raw::get_interval(self.file.as_fd(), &mut argument)?;
        Ok(fraction(argument.interval))
    }

    fn set_interval(&self, pad: u32, wanted: Fraction) -> nix::Result<Fraction> {
        let interval = v4l2_fract { numerator: wanted.numerator, denominator: wanted.denominator };
        let mut argument = raw::FrameInterval { pad, interval, which: ACTIVE, ..Default::default() };
        raw::set_interval(self.file.as_fd(), &mut argument)?;
        Ok(fraction(argument.interval))
    }

    fn selection(&self, pad: u32, target: u32) -> nix::Result<Rectangle> {
        let mut selection = raw::Selection { which: ACTIVE, pad, target, ..Default::default() };
        raw::get_selection(self.file.as_fd(), &mut selection)?;
        Ok(rectangle(selection.rectangle))
    }

    fn set_selection(&self, pad: u32, target: u32, wanted: Rectangle) -> nix::Result<Rectangle> {
        let Rectangle { left, top, width, height } = wanted;
        let rectangle_asked = v4l2_rect { left, top, width, height };
        let mut selection =
            raw::Selection { which: ACTIVE, pad, target, rectangle: rectangle_asked, ..Default::default() };
        raw::set_selection(self.file.as_fd(), &mut selection)?;
        Ok(rectangle(selection.rectangle))
    }

    fn routes(&self) -> nix::Result<Vec<Route>> {
        raw::get_routing(self.file.as_fd()).map(|routes| routes.iter().map(route).collect())
    }

    fn set_routes(&self, wanted: &[Route]) -> nix::Result<Vec<Route>> {
        let wanted: Vec<raw::Route> = wanted
            .iter()
            .map(|route| raw::Route {
                sink_pad: route.sink.0,
                sink_stream: route.sink.1,
                source_pad: route.source.0,
                source_stream: route.source.1,
                flags: route.flags,
                ..Default::default()
            })
            .collect();
        raw::set_routing(self.file.as_fd(), &wanted).map(|routes| routes.iter().map(route).collect())
    }
}

fn bus_format(raw: &raw::BusFormat) -> BusFormat {
    let raw::BusFormat { code, width, height, field, colorspace, .. } = *raw;
    BusFormat { code, width, height, field, colorspace }
}

fn route(raw: &raw::Route) -> Route {
    Route {
        sink: (raw.sink_pad, raw.sink_stream),
        source: (raw.source_pad, raw.source_stream),
        flags: raw.flags,
    }
}
