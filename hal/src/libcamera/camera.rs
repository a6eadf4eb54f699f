//! A camera of libcamera's behind the trait of all cameras.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use ::libcamera::properties;
use ::libcamera::request::Request;
use nix::errno::Errno;

use super::controls::Pending;
use super::formats;
use super::layout::{Answer, Layout, Place, Plane};
use super::library::Library;
use super::policy::Fault;
use super::session::Session;
use super::setup::{self, Refusal, SetUp, Wanted};
use super::stream::{Failure, Stream};
use super::{NAME, controls, values};
use crate::camera::{Camera, CameraInfo, Dequeued, Mode, Sensor, StreamConfig, StreamRequest};
use crate::control::{Control, MenuItem};
use crate::error::Error;
use crate::frame::SlotPool;
use crate::memory::{self, Buffer};
use crate::v4l2::{modes, slots};

/// Requests that lie with a camera whose stream is not configured yet, as most handlers want them.
const USUALLY_QUEUED: u32 = 4;

/// A camera that libcamera drives. Any number of programs may open it and look; the first that configures it has it
/// alone until it drops it.
pub struct LibcameraCamera {
    library: Arc<Library>,
    key: u64,
    info: CameraInfo,
    stream: Option<(Stream<Request>, Session)>,
    /// Values that were set, for the streams to come.
    values: BTreeMap<u32, i64>,
}

/// The ids of the cameras that libcamera finds, without the `libcamera:` before them. The first call of a process looks at
/// all devices of the machine, which takes a good part of a second.
///
/// # Errors
/// [`Error::System`] when libcamera does not start.
pub fn ids() -> Result<Vec<String>, Error> {
    let library = Library::get().map_err(|fault| fault.error("libcamera"))?;
    let ids = library.run(|cameras| cameras.ids());
    ids.map_err(|errno| Fault { operation: "CameraManager::cameras", errno }.error("libcamera"))
}

impl LibcameraCamera {
    /// Opens the camera of this id. The first of a process waits until libcamera has looked at all devices of the
    /// machine, which takes a good part of a second.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an id that no camera has, with those that there are; [`Error::Unsupported`] for one
    /// that has no format that is known here, with what it has instead; [`Error::System`].
    pub fn open(id: &str) -> Result<Self, Error> {
        let name = format!("{NAME}{id}");
        let failed = |fault: Fault| fault.error(&name);
        let library = Library::get().map_err(failed)?;
        let wanted = id.to_owned();
        let opened = library.run(move |cameras| {
            let Some(key) = cameras.open(&wanted) else { return Err(cameras.ids()) };
            let model = cameras.get(key).ok().and_then(|opened| {
                opened.camera.properties().get::<properties::Model>().ok().map(|model| model.0)
            });
            Ok((key, model.unwrap_or(wanted)))
        });
        let (key, model) =
            match opened.map_err(|errno| failed(Fault { operation: "CameraManager::get", errno }))? {
                Ok(opened) => opened,
                Err(ids) => {
                    let reason = match ids.as_slice() {
                        [] => "libcamera finds no cameras (is udev running? are /dev/media* readable?)"
                            .to_owned(),
                        ids => format!("libcamera finds {}", ids.join(", ")),
                    };
                    return Err(Error::NotFound { camera: name, reason });
                }
            };
        let info = CameraInfo {
            id: name,
            driver: "libcamera".to_owned(),
            model,
            path: None,
            simulated: false,
            sensor: Sensor::default(),
        };
        let camera = Self { library, key, info, stream: None, values: BTreeMap::new() };
        let found = camera.formats()?;
        if !found.keys().any(|name| formats::from_name(*name).is_some()) {
            let offered: Vec<_> = found.into_keys().map(formats::text).collect();
            let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
            return Err(
                camera.unsupported(format!("it has no format that is known here; it offers {offered}"))
            );
        }
        Ok(camera)
    }

    /// libcamera's names of the camera's formats, with their sizes.
    fn formats(&self) -> Result<BTreeMap<formats::Name, Vec<(u32, u32)>>, Error> {
        let key = self.key;
        let found = self.library.run(move |cameras| {
            let found = setup::formats(cameras.get(key)?);
            // One that was unplugged has none either.
            if found.is_empty() && !cameras.is_there(key) { Err(Errno::ENODEV) } else { Ok(found) }
        });
        found.and_then(|found| found).map_err(|errno| self.failed("Camera::generateConfiguration", errno))
    }

    /// Gives up what the last configuration made; frames that are held stay readable.
    fn let_go(&mut self) {
        let Some((mut stream, session)) = self.stream.take() else { return };
        let _ = stream.stop(&session);
        // Requests and buffers are libcamera's: they go where the rest of it lives.
        let _ = self.library.run(move |_| drop((stream, session)));
    }

    fn set_up(&mut self, wanted: Wanted) -> Result<StreamConfig, Error> {
        let key = self.key;
        let (sender, signals) = mpsc::channel();
        let made = self.library.run(move |cameras| match cameras.get(key) {
            Ok(opened) => setup::configure(opened, &wanted, &sender),
            Err(errno) => Err(Refusal::Fault(Fault { operation: "Camera::configure", errno })),
        });
        let made = made.map_err(|errno| self.failed("Camera::configure", errno))?;
        let made = made.map_err(|refusal| match refusal {
            Refusal::Fault(fault) => fault.error(&self.info.id),
            Refusal::Unsupported(reason) => self.unsupported(reason),
        })?;
        let SetUp { answer, plan, port, requests, memory } = made;
        let session = Session {
            library: Arc::clone(&self.library),
            key,
            port,
            signals,
            interval: wanted.interval.and(answer.interval),
            values: self.values.clone(),
            news: Pending::default(),
            told: RefCell::new(self.controls()?.iter().map(|control| (control.id, None)).collect()),
        };
        let count = u32::try_from(memory.len()).unwrap_or(u32::MAX);
        let (layout, place, buffers) = match self.buffers(&answer, memory) {
            Ok(made) => made,
            Err(error) => {
                let _ = self.library.run(move |_| drop((requests, session)));
                return Err(error);
            }
        };
        let stream = Stream::new(layout, place, SlotPool::new(buffers), requests);
        self.stream = Some((stream, session));
        Ok(StreamConfig {
            format: layout.format,
            width: layout.width,
            height: layout.height,
            stride_bytes: layout.stride,
            separate: None,
            size_bytes: layout.size,
            slots: count,
            held: plan.held(count),
            frame_interval: layout.interval,
            colorimetry: layout.colorimetry,
        })
    }

    /// Maps the memory of a stream's slots, once for its life.
    fn buffers(
        &self,
        answer: &Answer,
        memory: Vec<(OwnedFd, Vec<Plane>)>,
    ) -> Result<(Layout, Place, Vec<Buffer>), Error> {
        let layout = Layout::check(answer).map_err(|reason| self.unsupported(reason))?;
        let count = memory.len();
        if count < slots::FEWEST as usize {
            let reason = format!("it gives {count} buffers of {} bytes, and streaming needs 2", layout.size);
            return Err(self.unsupported(reason));
        }
        let mut places = Vec::with_capacity(count);
        let mut buffers = Vec::with_capacity(count);
        for (file, planes) in memory {
            let place = layout.place(&planes).map_err(|reason| self.unsupported(reason))?;
            places.push(place);
            buffers.push(Buffer::from_exported(file, place.offset + place.length, &*self.info.id)?);
        }
        if places.iter().any(|place| *place != places[0]) {
            return Err(self.unsupported("its buffers are not alike".to_owned()));
        }
        Ok((layout, places[0], buffers))
    }

    /// The controls asked for, each with the value that it has.
    fn known(&self, ids: &[u32]) -> Result<Vec<(Control, i64)>, Error> {
        let listed = self.controls()?;
        let told = self.stream.as_ref().map(|(_, session)| session.told.borrow());
        let find = |id: &u32| {
            let control = listed.iter().find(|control| control.id == *id);
            let control = control.ok_or_else(|| self.unsupported(format!("it has no control {id:#010x}")))?;
            // What was set stands; frames tell of it later, and of what libcamera decides.
            let told = told.as_ref().and_then(|told| told.get(id).copied().flatten());
            let value = self.values.get(id).copied().or(told).unwrap_or(control.default);
            Ok((control.clone(), value))
        };
        ids.iter().map(find).collect()
    }

    fn failed(&self, operation: &'static str, errno: Errno) -> Error {
        Fault { operation, errno }.error(&self.info.id)
    }

    fn unsupported(&self, reason: String) -> Error {
        Error::Unsupported { camera: self.info.id.clone(), reason }
    }

    fn misused(&self, operation: &'static str, reason: &'static str) -> Error {
        Error::State { camera: self.info.id.clone(), operation, reason }
    }
}

impl Camera for LibcameraCamera {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn modes(&self) -> Result<Vec<Mode>, Error> {
        let mut modes = Vec::new();
        for (name, sizes) in self.formats()? {
            let Some(format) = formats::from_name(name) else { continue };
            // libcamera tells no rates by size; a configured stream knows its own.
            modes.extend(sizes.into_iter().map(|(width, height)| Mode {
                format,
                width,
                height,
                frame_interval: None,
            }));
        }
        modes::sort(&mut modes);
        Ok(modes)
    }

    fn controls(&self) -> Result<Vec<Control>, Error> {
        let key = self.key;
        let queued = self.stream.as_ref().map_or(USUALLY_QUEUED, |(stream, _)| stream.slots());
        let found =
            self.library.run(move |cameras| Ok(values::list(cameras.get(key)?.camera.controls(), queued)));
        found.and_then(|found| found).map_err(|errno| self.failed("Camera::controls", errno))
    }

    fn menu(&self, control: &Control) -> Result<Vec<(i64, MenuItem)>, Error> {
        Ok(controls::menu(control.id))
    }

    fn control_values(&self, ids: &[u32]) -> Result<Vec<i64>, Error> {
        Ok(self.known(ids)?.into_iter().map(|(_, value)| value).collect())
    }

    fn set_controls(&mut self, values: &[(u32, i64)]) -> Result<Vec<i64>, Error> {
        let ids: Vec<u32> = values.iter().map(|(id, _)| *id).collect();
        let known = self.known(&ids)?;
        let made: Vec<_> = known
            .iter()
            .zip(values)
            .map(|((control, _), (id, value))| (*id, control.nearest(*value)))
            .collect();
        self.values.extend(made.iter().copied());
        if let Some((_, session)) = &mut self.stream {
            session.values.extend(made.iter().copied());
            session.news.add(&made);
        }
        Ok(made.into_iter().map(|(_, value)| value).collect())
    }

    fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, Error> {
        if self.stream.as_ref().is_some_and(|(stream, _)| stream.streaming()) {
            return Err(self.misused("configure", "it streams; stop it first"));
        }
        self.let_go();
        let mode = request.mode;
        let name = formats::to_name(mode.format)
            .ok_or_else(|| self.unsupported(format!("libcamera has no format for {:?}", mode.format)))?;
        let wanted = Wanted {
            name,
            width: mode.width,
            height: mode.height,
            held: request.held,
            interval: mode.frame_interval,
            budget: memory::budget_left(),
        };
        let config = self.set_up(wanted);
        if config.is_err() {
            // What was acquired before the refusal would keep others from the camera.
            let key = self.key;
            let _ = self.library.run(move |cameras| cameras.get(key).map(|opened| opened.active = None));
        }
        config
    }

    fn start(&mut self) -> Result<(), Error> {
        match &mut self.stream {
            None => Err(self.misused("start", "it is not configured")),
            Some((stream, _)) if stream.streaming() => Err(self.misused("start", "it streams already")),
            Some((stream, session)) => stream.start(session).map_err(|fault| fault.error(&self.info.id)),
        }
    }

    fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, Error> {
        match &mut self.stream {
            Some((stream, session)) if stream.streaming() => {
                stream.dequeue(session, timeout).map_err(|failure| match failure {
                    Failure::Silent(waited) => Error::Stalled { camera: self.info.id.clone(), waited },
                    Failure::Fault(fault) => fault.error(&self.info.id),
                })
            }
            _ => Err(self.misused("dequeue", "it does not stream; start it first")),
        }
    }

    fn stop(&mut self) -> Result<(), Error> {
        match &mut self.stream {
            Some((stream, session)) => stream.stop(session).map_err(|fault| fault.error(&self.info.id)),
            None => Ok(()),
        }
    }
}

impl Drop for LibcameraCamera {
    fn drop(&mut self) {
        self.let_go();
        let key = self.key;
        let _ = self.library.run(move |cameras| cameras.close(key));
    }
}
