//! The media device and the sub-devices of a fake kernel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::request::FakeRequest;
use super::{FakeCamera, lock};
use crate::kernel::{
    BusFormat, BusSize, Control, ControlRefusal, Controls, Fraction, Link, Media, MediaInfo, MenuItem,
    Rectangle, Request, Route, Subdevice, Topology,
};

/// An entity that hands on what it is given, except at pads that always have one format. Clones are the same entity.
#[derive(Clone, Debug, Default)]
pub struct FakePart {
    formats: Arc<Mutex<HashMap<u32, BusFormat>>>,
    /// Formats that an open file only tried.
    tried: Arc<Mutex<HashMap<u32, BusFormat>>>,
    fixed: Arc<Mutex<HashMap<u32, BusFormat>>>,
    codes: Vec<u32>,
    sizes: Vec<BusSize>,
    controls: Arc<Mutex<Vec<(Control, i64)>>>,
    /// `None` has no routing.
    routes: Arc<Mutex<Option<Vec<Route>>>>,
}

impl FakePart {
    /// One whose pad `pad` always has this format.
    pub fn with_fixed(pad: u32, format: BusFormat) -> Self {
        let part = Self::default();
        part.fix(pad, format);
        part
    }

    /// From now on this pad always has this format.
    pub fn fix(&self, pad: u32, format: BusFormat) {
        lock(&self.fixed).insert(pad, format);
    }

    /// A sensor that lists these formats on the bus, each in these sizes, and takes no other format.
    pub fn sensor(codes: &[u32], sizes: &[BusSize]) -> Self {
        Self { codes: codes.to_vec(), sizes: sizes.to_vec(), ..Self::default() }
    }

    /// The same with controls, which have their defaults.
    #[must_use]
    pub fn with_controls(self, controls: &[Control]) -> Self {
        let valued = controls.iter().map(|control| (control.clone(), control.default)).collect();
        Self { controls: Arc::new(Mutex::new(valued)), ..self }
    }

    /// The same with routes through it.
    #[must_use]
    pub fn with_routes(self, routes: &[Route]) -> Self {
        Self { routes: Arc::new(Mutex::new(Some(routes.to_vec()))), ..self }
    }

    /// The entity as a newly opened file sees it.
    pub(super) fn opened(&self) -> Self {
        Self { tried: Arc::default(), ..self.clone() }
    }

    fn answer(&self, pad: u32, wanted: BusFormat) -> BusFormat {
        let wanted = lock(&self.fixed).get(&pad).copied().unwrap_or(wanted);
        let code = self.codes.iter().find(|code| **code == wanted.code).or(self.codes.first());
        BusFormat { code: code.copied().unwrap_or(wanted.code), ..wanted }
    }
}

impl Controls for FakePart {
    fn control_after(&self, id: u32) -> nix::Result<Control> {
        let controls = lock(&self.controls);
        let after = controls.iter().map(|(control, _)| control).filter(|control| control.id > id);
        after.min_by_key(|control| control.id).cloned().ok_or(Errno::EINVAL)
    }

    fn menu_item(&self, _: &Control, _: u32) -> nix::Result<MenuItem> {
        Err(Errno::EINVAL)
    }

    fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        let controls = lock(&self.controls);
        for (index, (id, value)) in values.iter_mut().enumerate() {
            let found = controls.iter().find(|(control, _)| control.id == *id);
            *value = found.ok_or(ControlRefusal { errno: Errno::EINVAL, index: Some(index) })?.1;
        }
        Ok(())
    }

    fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        let mut controls = lock(&self.controls);
        for (index, (id, value)) in values.iter_mut().enumerate() {
            let found = controls.iter_mut().find(|(control, _)| control.id == *id);
            let (control, now) = found.ok_or(ControlRefusal { errno: Errno::EINVAL, index: Some(index) })?;
            *value = (*value).clamp(control.min, control.max);
            *now = *value;
        }
        Ok(())
    }
}

impl Subdevice for FakePart {
    fn has_streams(&self) -> nix::Result<bool> {
        Ok(lock(&self.routes).is_some())
    }

    fn use_streams(&self) -> nix::Result<()> {
        lock(&self.routes).as_ref().map(|_| ()).ok_or(Errno::ENOTTY)
    }

    fn code(&self, pad: u32, index: u32) -> nix::Result<u32> {
        if self.codes.is_empty() && index == 0 {
            return Ok(self.format(pad, 0)?.code);
        }
        self.codes.get(index as usize).copied().ok_or(Errno::EINVAL)
    }

    fn size(&self, pad: u32, _: u32, index: u32) -> nix::Result<BusSize> {
        if self.sizes.is_empty() && index == 0 {
            let BusFormat { width, height, .. } = self.format(pad, 0)?;
            return Ok(BusSize { min: (width, height), max: (width, height) });
        }
        self.sizes.get(index as usize).copied().ok_or(Errno::EINVAL)
    }

    fn interval_entry(&self, _: u32, _: u32, _: (u32, u32), _: u32) -> nix::Result<Fraction> {
        Err(Errno::EINVAL)
    }

    fn format(&self, pad: u32, _: u32) -> nix::Result<BusFormat> {
        lock(&self.formats).get(&pad).copied().ok_or(Errno::EINVAL)
    }

    fn set_format(&self, pad: u32, _: u32, wanted: BusFormat) -> nix::Result<BusFormat> {
        let format = self.answer(pad, wanted);
        lock(&self.formats).insert(pad, format);
        Ok(format)
    }

    fn try_format(&self, pad: u32, _: u32, wanted: BusFormat) -> nix::Result<BusFormat> {
        let format = self.answer(pad, wanted);
        lock(&self.tried).insert(pad, format);
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
        lock(&self.routes).clone().ok_or(Errno::ENOTTY)
    }

    fn set_routes(&self, wanted: &[Route]) -> nix::Result<Vec<Route>> {
        let mut routes = lock(&self.routes);
        let now = routes.as_mut().ok_or(Errno::ENOTTY)?;
        *now = wanted.to_vec();
        Ok(now.clone())
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

    /// Whether a device file of this number stands for one of its entities.
    pub(super) fn has(&self, number: (u32, u32)) -> bool {
        lock(&self.topology).interfaces.iter().any(|interface| (interface.major, interface.minor) == number)
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
