//! The media device and the sub-devices of a fake kernel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::request::FakeRequest;
use super::{FakeCamera, lock};
use crate::kernel::{
    BusFormat, BusSize, Fraction, Link, Media, MediaInfo, Rectangle, Request, Route, Subdevice, Topology,
};

/// An entity that hands on what it is given, except at pads that always have one format. Clones are the same entity.
#[derive(Clone, Debug, Default)]
pub struct FakePart {
    formats: Arc<Mutex<HashMap<u32, BusFormat>>>,
    fixed: HashMap<u32, BusFormat>,
}

impl FakePart {
    /// One whose pad `pad` always has this format.
    pub fn with_fixed(pad: u32, format: BusFormat) -> Self {
        Self { fixed: HashMap::from([(pad, format)]), ..Self::default() }
    }
}

impl Subdevice for FakePart {
    fn has_streams(&self) -> nix::Result<bool> {
        Ok(false)
    }

    fn use_streams(&self) -> nix::Result<()> {
        Err(Errno::ENOTTY)
    }

    fn code(&self, pad: u32, index: u32) -> nix::Result<u32> {
        let format = self.format(pad, 0)?;
        if index == 0 { Ok(format.code) } else { Err(Errno::EINVAL) }
    }

    fn size(&self, pad: u32, _: u32, index: u32) -> nix::Result<BusSize> {
        let BusFormat { width, height, .. } = self.format(pad, 0)?;
        let size = BusSize { min: (width, height), max: (width, height) };
        if index == 0 { Ok(size) } else { Err(Errno::EINVAL) }
    }

    fn interval_entry(&self, _: u32, _: u32, _: (u32, u32), _: u32) -> nix::Result<Fraction> {
        Err(Errno::EINVAL)
    }

    fn format(&self, pad: u32, _: u32) -> nix::Result<BusFormat> {
        lock(&self.formats).get(&pad).copied().ok_or(Errno::EINVAL)
    }

    fn set_format(&self, pad: u32, _: u32, wanted: BusFormat) -> nix::Result<BusFormat> {
        let format = self.fixed.get(&pad).copied().unwrap_or(wanted);
        lock(&self.formats).insert(pad, format);
        Ok(format)
    }

    fn interval(&self, _: u32) -> nix::Result<Fraction> {
        Err(Errno::ENOTTY)
    }

    fn set_interval(&self, _: u32, _: Fraction) -> nix::Result<Fraction> {
        Err(Errno::ENOTTY)
    }

    fn selection(&self, _: u32, _: u32) -> nix::Result<Rectangle> {
        Err(Errno::ENOTTY)
    }

    fn set_selection(&self, _: u32, _: u32, _: Rectangle) -> nix::Result<Rectangle> {
        Err(Errno::ENOTTY)
    }

    fn routes(&self) -> nix::Result<Vec<Route>> {
        Err(Errno::ENOTTY)
    }

    fn set_routes(&self, _: &[Route]) -> nix::Result<Vec<Route>> {
        Err(Errno::ENOTTY)
    }
}

/// A media device, whose links can be switched. Clones are the same device.
#[derive(Clone, Debug, Default)]
pub struct FakeMedia {
    topology: Arc<Mutex<Topology>>,
    /// The camera that takes its requests.
    camera: Option<FakeCamera>,
}

impl FakeMedia {
    /// One with this graph.
    pub fn new(topology: Topology) -> Self {
        Self { topology: Arc::new(Mutex::new(topology)), camera: None }
    }

    /// That of a camera, which takes its requests.
    pub fn of(camera: &FakeCamera) -> Self {
        Self { camera: Some(camera.clone()), ..Self::default() }
    }

    pub(super) fn is_of(&self, camera: &FakeCamera) -> bool {
        self.camera.as_ref().is_some_and(|own| Arc::ptr_eq(&own.device, &camera.device))
    }
}

impl Media for FakeMedia {
    fn info(&self) -> nix::Result<MediaInfo> {
        Ok(MediaInfo { driver: "fake".to_owned(), ..MediaInfo::default() })
    }

    fn topology(&self) -> nix::Result<Topology> {
        Ok(lock(&self.topology).clone())
    }

    fn set_link(&self, link: &Link, on: bool) -> nix::Result<()> {
        let mut topology = lock(&self.topology);
        let same = |known: &&mut Link| (known.source, known.sink) == (link.source, link.sink);
        let known = topology.links.iter_mut().find(same).ok_or(Errno::EINVAL)?;
        if known.is_immutable() && known.is_enabled() != on {
            return Err(Errno::EINVAL);
        }
        known.flags = known.flags & !1 | u32::from(on);
        Ok(())
    }

    fn allocate_request(&self) -> nix::Result<Box<dyn Request>> {
        let camera = self.camera.as_ref().ok_or(Errno::ENOTTY)?;
        Ok(Box::new(FakeRequest::allocate(&camera.device)?))
    }
}
