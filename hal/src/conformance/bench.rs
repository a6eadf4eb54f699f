//! What a check works with: the device, opened as often as it likes, and how to ask it for the usual things.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use v4l2r::bindings;

use super::oracle::Scene;
use super::subject::{DeviceFault, Faulty, NodePath, Roots, Subject};
use super::suite::Effort;
use super::{Measurement, Stop, require, works};
use crate::camera::{Camera, Dequeued, Mode, StreamConfig, StreamRequest};
use crate::frame::Frame;
use crate::kernel::{Filled, Format, Identity, Kernel, Memory, PlaneFormat, Topology, Video};
use crate::v4l2::formats;

/// A device on the bench.
#[derive(Debug)]
pub struct Bench<'a> {
    pub(super) subject: &'a Subject,
    pub(super) effort: Effort,
    measurements: Vec<Measurement>,
}

/// The shortest time from frame to frame that checks ask for: any board holds it, and no timer is too coarse for it.
const STEADY: Duration = Duration::from_millis(33);

/// A mode at a rate that any board holds.
pub(super) fn steady(mode: Mode) -> Mode {
    Mode { frame_interval: mode.frame_interval.map(|shortest| shortest.max(STEADY)), ..mode }
}

/// A camera that streams.
pub(super) struct Streaming {
    pub(super) camera: Box<dyn Camera>,
    pub(super) config: StreamConfig,
}

impl<'a> Bench<'a> {
    pub(super) fn new(subject: &'a Subject, effort: Effort) -> Self {
        // A check that looks at nothing would say that all is well.
        let effort = Effort { frames: effort.frames.max(2), restarts: effort.restarts.max(1), ..effort };
        Self { subject, effort, measurements: Vec::new() }
    }

    pub(super) fn into_measurements(self) -> Vec<Measurement> {
        self.measurements
    }

    /// Keeps times for the report.
    pub(super) fn measured(&mut self, name: &'static str, times: Vec<Duration>) {
        self.measurements.push(Measurement { name, times });
    }

    /// The camera, opened anew.
    #[track_caller]
    pub(super) fn camera(&self) -> Result<Box<dyn Camera>, Stop> {
        Ok((self.subject.open)()?)
    }

    /// The modes, of which there is at least one.
    #[track_caller]
    pub(super) fn modes(&self) -> Result<Vec<Mode>, Stop> {
        let modes = self.camera()?.modes()?;
        require(!modes.is_empty(), || "the camera has no mode".to_owned())?;
        Ok(modes)
    }

    /// The smallest mode, raw where there are raw ones, else of the format that comes first; at the highest rate.
    #[track_caller]
    pub(super) fn small_mode(&self, camera: &dyn Camera) -> Result<Mode, Stop> {
        let modes = camera.modes()?;
        let raw = modes.iter().rfind(|mode| mode.format.raw().is_some());
        // Of developed formats that which the camera names first: the usual one.
        let size = |mode: &&Mode| u64::from(mode.width) * u64::from(mode.height);
        let developed = || modes.iter().min_by_key(size);
        raw.or_else(developed).copied().ok_or_else(|| Stop::fail("the camera has no mode"))
    }

    /// The camera, configured for the smallest mode.
    #[track_caller]
    pub(super) fn configured(&self, held: u32) -> Result<Streaming, Stop> {
        let mut camera = self.camera()?;
        let mode = steady(self.small_mode(&*camera)?);
        let config = camera.configure(&StreamRequest { mode, held })?;
        Ok(Streaming { camera, config })
    }

    /// The camera, streaming the smallest mode.
    #[track_caller]
    pub(super) fn streaming(&self, held: u32) -> Result<Streaming, Stop> {
        let mut streaming = self.configured(held)?;
        streaming.camera.start()?;
        Ok(streaming)
    }

    /// The next good frame; damage and news before it are passed over.
    #[track_caller]
    pub(super) fn frame(&self, camera: &mut dyn Camera) -> Result<Frame, Stop> {
        let begun = Instant::now();
        // Devices with a time of their own let it pass while they are asked, so both the clock and the count end it.
        for _ in 0..1000 {
            match camera.dequeue(self.effort.patience)? {
                Dequeued::Frame(frame) => return Ok(frame),
                Dequeued::Damaged { .. } | Dequeued::Event(_) => {}
                Dequeued::Timeout => break,
                Dequeued::Starved => return Err(Stop::fail("the stream starves though nothing is held")),
            }
            if begun.elapsed() > self.effort.patience {
                break;
            }
        }
        Err(Stop::fail(format!("no good frame within {:?}", self.effort.patience)))
    }

    /// A good photo can be taken: the camera opens, streams and gives whole frames. Waits for a device to come back.
    #[track_caller]
    pub(super) fn next_photo_is_good(&self) -> Result<(), Stop> {
        let begun = Instant::now();
        loop {
            let taken = self.streaming(1).and_then(|mut streaming| {
                let frame = self.frame(&mut *streaming.camera)?;
                let bytes = frame.read()?;
                require(bytes.iter().any(|byte| *byte != bytes[0]), || {
                    "the next photo is one colour all over".to_owned()
                })
            });
            match taken {
                Ok(()) => return Ok(()),
                Err(stop) if begun.elapsed() > self.effort.patience => return Err(stop),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// A camera that is about to do this wrong.
    #[track_caller]
    pub(super) fn faulty(&self, fault: DeviceFault) -> Result<Faulty, Stop> {
        let not_supported = || Stop::NotSupported(format!("the device cannot be asked for {fault:?}"));
        let source = self.subject.faults.as_ref().ok_or_else(not_supported)?;
        source.faulty(fault)?.ok_or_else(not_supported)
    }

    /// The picture that the device must show, and what keeps it there.
    #[track_caller]
    pub(super) fn scene(&self) -> Result<(&'a dyn Scene, Box<dyn Any>), Stop> {
        let Some(scene) = &self.subject.scene else {
            return Err(Stop::Skip("what this camera sees is not known".to_owned()));
        };
        let shown = scene.show()?;
        Ok((&**scene, shown))
    }

    /// The device's node, its capture queue chosen.
    #[track_caller]
    pub(super) fn node(&self) -> Result<Box<dyn Video>, Stop> {
        Ok(self.node_and_identity()?.0)
    }

    #[track_caller]
    pub(super) fn node_and_identity(&self) -> Result<(Box<dyn Video>, Identity), Stop> {
        let NodePath { kernel, path, wish } = self.node_path()?;
        let mut node = works("open", kernel.video(path))?;
        let identity = works("VIDIOC_QUERYCAP", node.identity())?;
        if capabilities(&identity) & bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0 {
            node.use_planar_queue();
        }
        Ok((crate::media::with_pipeline(&**kernel, path, node, &identity, wish)?, identity))
    }

    pub(super) fn node_path(&self) -> Result<&'a NodePath, Stop> {
        let none = || Stop::NotSupported("no V4L2 device node stands behind this camera".to_owned());
        self.subject.node.as_ref().ok_or_else(none)
    }

    /// The graph of the media device that the node belongs to.
    #[track_caller]
    pub(super) fn topology(&self) -> Result<Topology, Stop> {
        let none = || Stop::NotSupported("no media device has this camera's node".to_owned());
        let NodePath { kernel, path, .. } = self.subject.media.as_ref().ok_or_else(none)?;
        let media = works("open of the media device", kernel.media(path))?;
        works("MEDIA_IOC_G_TOPOLOGY", media.topology())
    }

    /// The smallest listed format of one memory plane and fixed size, set on the node, at a rate that any board holds.
    #[track_caller]
    pub(super) fn small_format(&self, node: &dyn Video) -> Result<Format, Stop> {
        let modes = crate::v4l2::list_modes(node)
            .map_err(|errno| Stop::fail(format!("the modes cannot be listed: {errno}")))?;
        let uncompressed = |mode: &&Mode| mode.format.row_bytes(mode.width) > 0;
        let raw = modes.iter().rfind(|mode| mode.format.raw().is_some());
        let Some(mode) = raw.or(modes.iter().rfind(uncompressed)).or(modes.last()) else {
            return Err(Stop::fail("no format of the node is known here"));
        };
        let offered = fourccs(node)?;
        let fourcc = formats::to_fourccs(mode.format).find(|fourcc| offered.contains(fourcc));
        let wanted = wanted(fourcc.unwrap_or_default(), (mode.width, mode.height), 0);
        let set = works("VIDIOC_S_FMT", node.set_format(&wanted))?;
        // Not every driver has rates to choose from.
        let rate = crate::v4l2::interval_near(node, set.fourcc, (set.width, set.height), STEADY);
        let _ = node.set_interval(rate);
        Ok(set)
    }

    /// The node with `count` buffers of its own memory for the smallest format, none queued.
    #[track_caller]
    pub(super) fn allocated(&self, count: u32) -> Result<(Box<dyn Video>, Format, u32), Stop> {
        let node = self.node()?;
        let format = self.small_format(&*node)?;
        let grant = works("VIDIOC_REQBUFS", node.request(count, Memory::Driver, false))?;
        require(grant.count > 0, || "VIDIOC_REQBUFS gives no buffer".to_owned())?;
        Ok((node, format, grant.count))
    }

    /// The node, streaming with `count` buffers, all of them queued.
    #[track_caller]
    pub(super) fn node_streaming(&self, count: u32) -> Result<(Box<dyn Video>, Format, u32), Stop> {
        let (node, format, count) = self.allocated(count)?;
        for index in 0..count {
            works("VIDIOC_QBUF", node.queue(index, &[]))?;
        }
        works("VIDIOC_STREAMON", node.stream_on())?;
        Ok((node, format, count))
    }

    /// The next buffer that the node filled, good or bad.
    #[track_caller]
    pub(super) fn filled(&self, node: &dyn Video) -> Result<Filled, Stop> {
        let end = node.now() + self.effort.patience;
        // A device that is always ready and never has anything would not let its time pass.
        for _ in 0..1000 {
            let left = end.saturating_sub(node.now());
            let ready = works("poll", node.wait(left))?;
            if ready.event {
                let _ = node.event();
            }
            match node.dequeue(Memory::Driver) {
                Ok(filled) => return Ok(filled),
                Err(Errno::EAGAIN) if !left.is_zero() => {}
                Err(errno) => {
                    let patience = self.effort.patience;
                    return Err(Stop::fail(format!("no buffer came within {patience:?}: {errno}")));
                }
            }
        }
        Err(Stop::fail("polling says that a buffer is there, and none is"))
    }

    /// `count` buffers that the node filled, each queued again.
    #[track_caller]
    pub(super) fn filled_in_turn(&self, node: &dyn Video, count: u32) -> Result<Vec<Filled>, Stop> {
        let mut all = Vec::new();
        for _ in 0..count {
            let filled = self.filled(node)?;
            works("VIDIOC_QBUF", node.queue(filled.index, &[]))?;
            all.push(filled);
        }
        Ok(all)
    }

    /// Open files of this process.
    #[track_caller]
    pub(super) fn open_files(&self) -> Result<usize, Stop> {
        let folder = self.subject.roots.proc.join("self/fd");
        let entries = std::fs::read_dir(&folder);
        let skipped = |error| Stop::Skip(format!("{} cannot be read: {error}", folder.display()));
        Ok(entries.map_err(skipped)?.count())
    }

    /// Mappings of this process that are frame memory: of devices, DMA-bufs and memfds.
    #[track_caller]
    pub(super) fn frame_mappings(&self) -> Result<usize, Stop> {
        let file = self.subject.roots.proc.join("self/maps");
        let text = std::fs::read_to_string(&file);
        let skipped = |error| Stop::Skip(format!("{} cannot be read: {error}", file.display()));
        let is_frame =
            |line: &&str| ["/dev/video", "dmabuf", "memfd:"].iter().any(|name| line.contains(name));
        Ok(text.map_err(skipped)?.lines().filter(is_frame).count())
    }
}

/// Bytes of the first memory plane of a buffer of the driver.
#[track_caller]
pub(super) fn length_of(node: &dyn Video, index: u32) -> Result<usize, Stop> {
    let lengths = works("VIDIOC_QUERYBUF", node.lengths(index, Memory::Driver))?;
    lengths.first().copied().ok_or_else(|| Stop::fail(format!("buffer {index} has no memory plane")))
}

/// The pixel formats that a node lists.
#[track_caller]
pub(super) fn fourccs(node: &dyn Video) -> Result<Vec<u32>, Stop> {
    const LONGEST: u32 = 512;
    let mut found = Vec::new();
    for index in 0..LONGEST {
        match node.format_entry(index) {
            Ok(entry) => found.push(entry.fourcc),
            Err(Errno::EINVAL) => return Ok(found),
            Err(errno) => {
                return Err(Stop::fail(format!("VIDIOC_ENUM_FMT of index {index} is refused: {errno}")));
            }
        }
    }
    Err(Stop::fail(format!("VIDIOC_ENUM_FMT does not end: {LONGEST} formats")))
}

/// A format to ask for; `stride` is the least bytes a row, 0 leaves it to the driver.
pub(super) fn wanted(fourcc: u32, (width, height): (u32, u32), stride: u32) -> Format {
    Format { fourcc, width, height, planes: vec![PlaneFormat { stride, size: 0 }], ..Format::default() }
}

/// What this file of the device can do.
pub(super) fn capabilities(identity: &Identity) -> u32 {
    let told = identity.capabilities & bindings::V4L2_CAP_DEVICE_CAPS != 0;
    if told { identity.device_caps } else { identity.capabilities }
}

/// The media device whose graph has the file of a node.
pub(super) fn media_of(kernel: &dyn Kernel, roots: &Roots, node: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let file = std::fs::metadata(node).ok().filter(|file| file.file_type().is_char_device())?;
    let (major, minor) = (nix::sys::stat::major(file.rdev()), nix::sys::stat::minor(file.rdev()));
    let is_of = |path: &PathBuf| {
        let topology = kernel.media(path).and_then(|media| media.topology());
        topology.is_ok_and(|topology| {
            topology
                .interfaces
                .iter()
                .any(|interface| (u64::from(interface.major), u64::from(interface.minor)) == (major, minor))
        })
    };
    (0..32).map(|number| roots.dev.join(format!("media{number}"))).filter(|path| path.exists()).find(is_of)
}
