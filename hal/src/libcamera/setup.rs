//! What is done in libcamera's thread to configure a camera, and the memory that comes of it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;
use std::time::Duration;

use ::libcamera::camera::CameraConfiguration;
use ::libcamera::framebuffer::AsFrameBuffer;
use ::libcamera::framebuffer_allocator::{FrameBuffer, FrameBufferAllocator};
use ::libcamera::geometry::Size;
use ::libcamera::pixel_format::PixelFormat;
use ::libcamera::request::Request;
use ::libcamera::stream::{Stream as Port, StreamRole};
use nix::errno::Errno;
use nix::sys::stat::fstat;

use super::formats::{self, Name};
use super::layout::{Answer, Plane};
use super::library::Opened;
use super::policy::{self, Fault};
use super::session::Signal;
use super::{color, values};
use crate::uapi::descriptor;
use crate::v4l2::slots::Plan;

/// What a camera may be asked for, in the order in which a way to a format is looked for.
const ROLES: [StreamRole; 4] =
    [StreamRole::Raw, StreamRole::StillCapture, StreamRole::VideoRecording, StreamRole::ViewFinder];

/// What a stream shall be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) name: Name,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) held: u32,
    pub(super) interval: Option<Duration>,
    /// Bytes that its frames may take.
    pub(super) budget: usize,
}

/// A configured camera, and one request for each slot.
pub(super) struct SetUp {
    pub(super) answer: Answer,
    pub(super) plan: Plan,
    pub(super) port: Port,
    pub(super) requests: Vec<Request>,
    /// Each slot's memory, and the colour planes in it.
    pub(super) memory: Vec<(OwnedFd, Vec<Plane>)>,
}

/// Why there is none.
pub(super) enum Refusal {
    /// A call was refused.
    Fault(Fault),
    /// The camera cannot do it, for this reason.
    Unsupported(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Unsupported(reason)
    }
}

fn refused(operation: &'static str, errno: Errno) -> Refusal {
    Refusal::Fault(Fault { operation, errno })
}

/// libcamera's names of the formats that a camera has, each with its sizes. Where a camera has a range of sizes libcamera
/// lists the usual ones in it, whether the camera has those or not: each is tried, and what libcamera makes of it counts.
pub(super) fn formats(opened: &Opened) -> BTreeMap<Name, Vec<(u32, u32)>> {
    let mut found: BTreeMap<Name, Vec<(u32, u32)>> = BTreeMap::new();
    for mut config in ROLES.iter().filter_map(|role| opened.camera.generate_configuration(&[*role])) {
        let mut listed = Vec::new();
        if let Some(stream) = config.get(0) {
            let formats = stream.formats();
            for format in &*formats.pixel_formats() {
                listed.extend(formats.sizes(format).into_iter().map(|size| (format, size)));
                found.entry(name(format)).or_default();
            }
        }
        for (format, size) in listed {
            let Some(mut stream) = config.get_mut(0) else { continue };
            stream.set_pixel_format(format);
            stream.set_size(size);
            let valid = !config.validate().is_invalid();
            if let Some(stream) = config.get(0).filter(|stream| valid && stream.get_pixel_format() == format)
            {
                let size = stream.get_size();
                let sizes = found.entry(name(format)).or_default();
                sizes.push((size.width, size.height));
                sizes.sort_unstable();
                sizes.dedup();
            }
        }
    }
    found
}

/// Acquires the camera where that was not done, configures it, and has memory made for its frames. What comes back
/// of it goes to `signals`.
pub(super) fn configure(
    opened: &mut Opened,
    wanted: &Wanted,
    signals: &Sender<Signal>,
) -> Result<SetUp, Refusal> {
    let mut config = way_to(opened, wanted.name)?;
    let active = match &mut opened.active {
        Some(active) => active,
        free => free.insert(
            opened.camera.acquire().map_err(|error| refused("Camera::acquire", policy::errno(&error)))?,
        ),
    };
    // Both run in libcamera's threads, under a lock of the bindings: they may do no more than this.
    let (completed, gone) = (signals.clone(), signals.clone());
    active.on_request_completed(move |request| drop(completed.send(Signal::Completed(request))));
    active.on_disconnected(move || drop(gone.send(Signal::Gone)));

    let size = arrange(&mut config, wanted, None)?;
    // libcamera tells of no number of buffers that it needs; the plan has what every sensor does.
    let plan = Plan::new(wanted.held, 0, size, wanted.budget);
    arrange(&mut config, wanted, Some(plan.ask))?;
    active.configure(&mut config).map_err(|error| refused("Camera::configure", policy::errno(&error)))?;
    let stream = config.get(0).ok_or_else(|| refused("Camera::configure", Errno::EINVAL))?;
    let port = stream.stream().ok_or_else(|| refused("Camera::configure", Errno::EINVAL))?;
    let size = stream.get_size();
    let interval = values::intervals(active.controls())
        .map(|(shortest, longest)| wanted.interval.unwrap_or(shortest).clamp(shortest, longest));
    let answer = Answer {
        name: name(stream.get_pixel_format()),
        width: size.width,
        height: size.height,
        stride: stream.get_stride() as usize,
        size: stream.get_frame_size() as usize,
        colorimetry: stream.get_color_space().map(color::colorimetry),
        interval,
    };

    let buffers = FrameBufferAllocator::new(active)
        .alloc(&port)
        .map_err(|error| refused("FrameBufferAllocator::allocate", policy::errno(&error)))?;
    let memory = buffers.iter().map(memory).collect::<Result<Vec<_>, _>>()?;
    let mut requests = Vec::with_capacity(buffers.len());
    for (slot, buffer) in (0u64..).zip(buffers) {
        let mut request = active
            .create_request(Some(slot))
            .ok_or_else(|| refused("Camera::createRequest", Errno::EINVAL))?;
        request
            .add_buffer(&port, buffer)
            .map_err(|error| refused("Request::addBuffer", policy::errno(&error)))?;
        requests.push(request);
    }
    Ok(SetUp { answer, plan, port, requests, memory })
}

/// A configuration of one stream that has this format among its own.
fn way_to(opened: &Opened, wanted: Name) -> Result<CameraConfiguration, Refusal> {
    let has = |config: &CameraConfiguration| {
        config.get(0).is_some_and(|stream| {
            stream.formats().pixel_formats().into_iter().any(|format| name(format) == wanted)
        })
    };
    let mut ways = ROLES.iter().filter_map(|role| opened.camera.generate_configuration(&[*role]));
    ways.find(has).ok_or_else(|| {
        let offered: Vec<_> = formats(opened).into_keys().map(formats::text).collect();
        let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
        format!("it has no format {}; it offers {offered}", formats::text(wanted)).into()
    })
}

/// Asks for what is wanted, and says how many bytes a frame then has. libcamera changes what it cannot do instead of
/// refusing it.
fn arrange(
    config: &mut CameraConfiguration,
    wanted: &Wanted,
    buffers: Option<u32>,
) -> Result<usize, Refusal> {
    let Wanted { width, height, .. } = *wanted;
    let asked = format!("{width}x{height} {}", formats::text(wanted.name));
    let mut stream =
        config.get_mut(0).ok_or_else(|| refused("Camera::generateConfiguration", Errno::EINVAL))?;
    stream.set_pixel_format(PixelFormat::new(wanted.name.0, wanted.name.1));
    stream.set_size(Size::new(width, height));
    if let Some(buffers) = buffers {
        stream.set_buffer_count(buffers);
    }
    if config.validate().is_invalid() {
        return Err(format!("libcamera has no configuration like {asked}").into());
    }
    let stream = config.get(0).ok_or_else(|| refused("CameraConfiguration::validate", Errno::EINVAL))?;
    let (size, format) = (stream.get_size(), name(stream.get_pixel_format()));
    if (size.width, size.height, format) != (width, height, wanted.name) {
        let given = format!("{}x{} {}", size.width, size.height, formats::text(format));
        return Err(format!("asked for {asked}, libcamera would give {given}").into());
    }
    Ok(stream.get_frame_size() as usize)
}

/// The memory of a buffer: our own descriptor of the first plane's file, and where each plane lies.
fn memory(buffer: &FrameBuffer) -> Result<(OwnedFd, Vec<Plane>), Refusal> {
    let (mut file, mut planes) = (None, Vec::new());
    for plane in &*buffer.planes() {
        if plane.is_empty() {
            continue;
        }
        // The buffer keeps its files open, and it outlives this call.
        let copy = descriptor::duplicate(plane.fd()).map_err(|errno| refused("dup", errno))?;
        let status = fstat(&copy).map_err(|errno| refused("fstat", errno))?;
        let offset =
            plane.offset().ok_or_else(|| "libcamera does not say where its planes lie".to_owned())?;
        planes.push(Plane { memory: (status.st_dev, status.st_ino), offset, length: plane.len() });
        file.get_or_insert(copy);
    }
    let file = file.ok_or_else(|| "its buffers have no memory".to_owned())?;
    Ok((file, planes))
}

fn name(format: PixelFormat) -> Name {
    (format.fourcc(), format.modifier())
}
