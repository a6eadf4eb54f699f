//! The V4L2 backend on a kernel whose every answer is the input's: formats, sizes, layouts, buffers, controls.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use latent_hal::camera::Watch;
use latent_hal::kernel::{
    Control, ControlKind, ControlRefusal, Controls, Event, Fill, Filled, Format, FormatEntry, Fraction,
    Grant, Identity, Import, IntervalEntry, Kernel, Media, Memory, MenuItem, PlaneFormat, Queue, Ready,
    Rectangle, SizeEntry, SizeRange, Subdevice, Video,
};
use latent_hal::v4l2::V4l2Camera;
use latent_hal::{
    Camera, CfaPattern, Dequeued, Packing, PixelFormat, RawFormat, StreamConfig, StreamRequest,
};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};

const FOURCCS: [&[u8; 4]; 14] = [
    b"RGGB", b"BG10", b"pRAA", b"pGCC", b"pgEE", b"BYR2", b"YUYV", b"NV12", b"NV16", b"YU12", b"YV12",
    b"MJPG", b"H264", b"NM12",
];
const ERRNOS: [Errno; 10] = [
    Errno::EINVAL,
    Errno::ENOTTY,
    Errno::EAGAIN,
    Errno::EBUSY,
    Errno::EIO,
    Errno::EPIPE,
    Errno::ENOMEM,
    Errno::EPERM,
    Errno::ERANGE,
    Errno::ENODEV,
];
/// Memory that a buffer really has at most; what the driver claims may be anything.
const MOST_BYTES: u32 = 1 << 20;

pub(crate) fn run(data: &[u8]) {
    let device = Device { answers: Arc::new(Mutex::new(Answers { bytes: data.to_vec(), at: 0, now: 0 })) };
    let mode = device.byte();
    layouts(&device);
    let Ok(mut camera) = V4l2Camera::open_on(&device, Path::new("/dev/video0")) else { return };
    let modes = camera.modes().unwrap_or_default();
    assert!(modes.iter().all(|mode| mode.width > 0 && mode.height > 0), "{modes:?}");
    for control in camera.controls().unwrap_or_default().into_iter().take(4) {
        let nearest = control.nearest(device.number().into());
        assert!(control.min > control.max || (control.min..=control.max).contains(&nearest), "{control:?}");
        let _ = (camera.menu(&control), camera.control_values(&[control.id]));
        let _ = camera.set_controls(&[(control.id, nearest)]);
    }
    let _ = (camera.crop(), camera.set_crop(Rectangle::default()), camera.watch(Watch::FrameSync));
    let Some(&mode) = modes.get(usize::from(mode) % modes.len().max(1)) else { return };
    for round in 0..2 {
        let Ok(config) = camera.configure(&StreamRequest { mode, held: u32::from(device.byte() % 9) }) else {
            continue;
        };
        check(&config);
        if camera.start().is_err() {
            continue;
        }
        let mut held = Vec::new();
        for _ in 0..12 {
            match camera.dequeue(Duration::from_millis(40)) {
                Ok(Dequeued::Frame(frame)) => {
                    if let Ok(bytes) = frame.read() {
                        for plane in config.planes() {
                            let memory = bytes.memory(plane.memory);
                            assert!(memory.len() >= plane.end(), "{} bytes for {plane:?}", memory.len());
                        }
                    }
                    if device.byte().is_multiple_of(2) {
                        held.push(frame);
                    }
                }
                Ok(Dequeued::Starved) => held.clear(),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let _ = camera.stop();
        assert!(held.iter().all(|frame| frame.read().is_ok()), "held frames stay readable, round {round}");
    }
}

/// What a configuration promises.
fn check(config: &StreamConfig) {
    assert!(config.width > 0 && config.height > 0 && config.slots > 0, "{config:?}");
    assert!(
        config.format == PixelFormat::Jpeg || config.stride_bytes >= config.format.row_bytes(config.width)
    );
    for plane in config.planes() {
        assert!(plane.end() <= config.size_bytes, "{plane:?} of {config:?}");
        assert!(plane.rows < 2 || plane.row_bytes <= plane.stride, "{plane:?} of {config:?}");
    }
    assert!(config.held <= config.slots);
}

/// Arithmetic on formats that nobody checked.
fn layouts(device: &Device) {
    let raw = RawFormat {
        pattern: CfaPattern::ALL[usize::from(device.byte() % 4)],
        bits: device.byte(),
        packing: [Packing::Bytes, Packing::Le16, Packing::Mipi][usize::from(device.byte() % 3)],
    };
    let config = StreamConfig {
        format: raw.into(),
        width: device.number(),
        height: device.number(),
        stride_bytes: device.number() as usize,
        separate: None,
        size_bytes: device.number() as usize,
        slots: 1,
        held: 0,
        frame_interval: None,
        colorimetry: None,
    };
    for plane in config.planes() {
        assert!(plane.end() >= plane.offset);
    }
    let sensor = latent_hal::Sensor::default();
    let geometry = latent_pipeline::sensor::geometry(&config, raw, &sensor);
    if geometry.validate().is_ok() {
        assert_eq!(geometry.row_bytes().ok(), Some(raw.row_bytes(config.width)), "{raw:?}");
    }
}

#[derive(Debug)]
struct Answers {
    bytes: Vec<u8>,
    at: usize,
    /// Milliseconds.
    now: u64,
}

/// A kernel and its one device.
#[derive(Clone, Debug)]
struct Device {
    answers: Arc<Mutex<Answers>>,
}

impl Device {
    fn take<const N: usize>(&self) -> [u8; N] {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::array::from_fn(|place| answers.bytes.get(answers.at + place).copied().unwrap_or(0));
        answers.at += N;
        bytes
    }

    fn byte(&self) -> u8 {
        self.take::<1>()[0]
    }

    fn number(&self) -> u32 {
        // Small numbers are the likely ones.
        match self.byte() {
            kind @ 0..=199 => u32::from(kind),
            200..=239 => u16::from_le_bytes(self.take()).into(),
            _ => u32::from_le_bytes(self.take()),
        }
    }

    /// Refuses now and then, and everything when the input is used up.
    fn call(&self) -> nix::Result<()> {
        {
            let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            if answers.at > answers.bytes.len() {
                return Err(Errno::ENODEV);
            }
        }
        match self.byte() {
            kind @ 246.. => Err(ERRNOS[usize::from(kind - 246)]),
            _ => Ok(()),
        }
    }

    fn entry(&self, index: u32) -> nix::Result<()> {
        self.call()?;
        if index > 3 { Err(Errno::EINVAL) } else { Ok(()) }
    }

    fn fourcc(&self) -> u32 {
        match self.byte() {
            255 => self.number(),
            kind => u32::from_le_bytes(*FOURCCS[usize::from(kind) % FOURCCS.len()]),
        }
    }

    fn fraction(&self) -> Fraction {
        Fraction { numerator: self.number(), denominator: self.number() }
    }

    fn rectangle(&self) -> Rectangle {
        let [left, top, width, height] = [(); 4].map(|()| self.number());
        Rectangle { left: left as i32, top: top as i32, width, height }
    }

    fn pair(&self) -> (u32, u32) {
        (self.number(), self.number())
    }

    /// Mostly what was wanted, with one number of it changed.
    fn answer(&self, wanted: &Format) -> Format {
        let mut format = wanted.clone();
        let row = |format: &Format| format.width.saturating_mul(2);
        if format.planes.first().is_none_or(|plane| plane.size == 0) {
            let stride = format.planes.first().map_or(0, |plane| plane.stride).max(row(&format));
            let size = stride.saturating_mul(format.height).saturating_mul(2);
            format.planes = vec![PlaneFormat { stride, size }];
        }
        match self.byte() {
            0..=99 => {}
            100..=119 => format.fourcc = self.fourcc(),
            120..=139 => (format.width, format.height) = self.pair(),
            140..=199 => {
                if let Some(plane) = format.planes.first_mut() {
                    (plane.stride, plane.size) = self.pair();
                }
            }
            200..=219 => format.planes.clear(),
            220..=229 => format.planes.push(PlaneFormat { stride: self.number(), size: self.number() }),
            _ => (format.colorspace, format.transfer) = self.pair(),
        }
        format
    }
}

impl Kernel for Device {
    fn video(&self, _: &Path) -> nix::Result<Box<dyn Video>> {
        self.call()?;
        Ok(Box::new(self.clone()))
    }

    fn media(&self, _: &Path) -> nix::Result<Box<dyn Media>> {
        Err(Errno::ENOENT)
    }

    fn media_of(&self, _: &Path) -> nix::Result<Box<dyn Media>> {
        Err(Errno::ENOENT)
    }

    fn number(&self, _: &Path) -> nix::Result<(u32, u32)> {
        Err(Errno::ENOENT)
    }

    fn file(&self, _: (u32, u32)) -> Option<PathBuf> {
        None
    }

    fn sleep(&self, time: Duration) {
        self.pause(time);
    }

    fn subdevice(&self, _: &Path) -> nix::Result<Box<dyn Subdevice>> {
        Err(Errno::ENOENT)
    }
}

impl Controls for Device {
    fn control_after(&self, id: u32) -> nix::Result<Control> {
        self.call()?;
        if id > 0x00ff_ffff || self.byte() > 200 {
            return Err(Errno::EINVAL);
        }
        let kinds = [
            ControlKind::Integer,
            ControlKind::Integer64,
            ControlKind::Boolean,
            ControlKind::Menu,
            ControlKind::IntegerMenu,
            ControlKind::Bitmask,
            ControlKind::Button,
            ControlKind::Compound,
        ];
        let wide = || match self.byte() {
            255 => i64::from_le_bytes(self.take()),
            _ => i64::from(self.number() as i32),
        };
        Ok(Control {
            id: id.saturating_add(self.number()).saturating_add(1),
            name: format!("control {id}"),
            kind: kinds[usize::from(self.byte()) % kinds.len()],
            min: wide(),
            max: wide(),
            step: wide() as u64,
            default: wide(),
            flags: self.number(),
        })
    }

    fn menu_item(&self, control: &Control, index: u32) -> nix::Result<MenuItem> {
        self.call()?;
        Ok(if control.kind == ControlKind::Menu {
            MenuItem::Name(format!("item {index}"))
        } else {
            MenuItem::Value(self.number().into())
        })
    }

    fn controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        let index = Some(usize::from(self.byte())).filter(|index| *index < 200);
        self.call().map_err(|errno| ControlRefusal { errno, index })?;
        values.iter_mut().for_each(|value| value.1 = self.number().into());
        Ok(())
    }

    fn set_controls(&self, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        self.controls(values)
    }
}

impl Video for Device {
    fn identity(&self) -> nix::Result<Identity> {
        self.call()?;
        // V4L2_CAP_VIDEO_CAPTURE (or its planar form), _STREAMING, _DEVICE_CAPS.
        let capture = if self.byte().is_multiple_of(2) { 0x0000_0001 } else { 0x0000_1000 };
        let capabilities = match self.byte() {
            255 => self.number(),
            _ => capture | 0x0400_0000 | 0x8000_0000,
        };
        let name = || format!("name {}", self.byte());
        let (driver, card, bus_info) = (name(), name(), String::new());
        Ok(Identity { driver, card, bus_info, capabilities, device_caps: capabilities })
    }

    fn use_planar_queue(&mut self) {}

    fn use_metadata_queue(&mut self) {}

    fn format_on_bus(&self, _: u32, index: u32) -> nix::Result<FormatEntry> {
        self.format_entry(index)
    }

    fn format_entry(&self, index: u32) -> nix::Result<FormatEntry> {
        self.entry(index)?;
        Ok(FormatEntry { fourcc: self.fourcc(), flags: self.number() })
    }

    fn size_entry(&self, _: u32, index: u32) -> nix::Result<SizeEntry> {
        self.entry(index)?;
        Ok(match self.byte() % 3 {
            0 => SizeEntry::Range(SizeRange { min: self.pair(), max: self.pair(), step: self.pair() }),
            _ => SizeEntry::Discrete(self.number(), self.number()),
        })
    }

    fn interval_entry(&self, _: u32, _: (u32, u32), index: u32) -> nix::Result<IntervalEntry> {
        self.entry(index)?;
        Ok(match self.byte() % 3 {
            0 => IntervalEntry::Range { min: self.fraction(), max: self.fraction() },
            _ => IntervalEntry::Discrete(self.fraction()),
        })
    }

    fn format(&self) -> nix::Result<Format> {
        self.call()?;
        let (width, height) = self.pair();
        let fourcc = self.fourcc();
        Ok(self.answer(&Format { fourcc, width, height, ..Format::default() }))
    }

    fn try_format(&self, wanted: &Format) -> nix::Result<Format> {
        self.call()?;
        Ok(self.answer(wanted))
    }

    fn set_format(&self, wanted: &Format) -> nix::Result<Format> {
        self.try_format(wanted)
    }

    fn set_interval(&self, wanted: Option<Fraction>) -> nix::Result<Option<Fraction>> {
        self.call()?;
        Ok(match self.byte() % 3 {
            0 => None,
            1 => wanted,
            _ => Some(self.fraction()),
        })
    }

    fn selection(&self, _: u32) -> nix::Result<Rectangle> {
        self.call()?;
        Ok(self.rectangle())
    }

    fn set_selection(&self, target: u32, _: Rectangle) -> nix::Result<Rectangle> {
        self.selection(target)
    }

    fn subscribe(&self, _: u32, _: u32) -> nix::Result<()> {
        self.call()
    }

    fn priority(&self) -> nix::Result<u32> {
        self.call().map(|()| self.number())
    }

    fn set_priority(&self, _: u32) -> nix::Result<()> {
        self.call()
    }
}

impl Queue for Device {
    fn request(&self, count: u32, _: Memory, _: bool) -> nix::Result<Grant> {
        self.call()?;
        let count = match self.byte() {
            0..=199 => count,
            _ => self.number() % 40,
        };
        Ok(Grant { count, capabilities: self.number() })
    }

    fn remove(&self, _: u32, _: u32) -> nix::Result<()> {
        self.call()
    }

    fn lengths(&self, _: u32, _: Memory) -> nix::Result<Vec<usize>> {
        self.call()?;
        let planes = match self.byte() {
            kind @ 0..=219 => usize::from(kind % 3) + 1,
            kind => usize::from(kind - 220),
        };
        let length = || match self.byte() {
            0..=199 => MOST_BYTES as usize,
            _ => self.number() as usize,
        };
        Ok((0..planes).map(|_| length()).collect())
    }

    fn export(&self, _: u32, _: u32) -> nix::Result<OwnedFd> {
        self.call()?;
        let file = memfd_create(c"fuzz-frame", MFdFlags::MFD_CLOEXEC)?;
        let bytes = match self.byte() {
            0..=219 => MOST_BYTES,
            _ => self.number().min(MOST_BYTES),
        };
        nix::unistd::ftruncate(&file, bytes.into())?;
        Ok(file)
    }

    fn prepare(&self, _: u32, _: &[Import<'_>]) -> nix::Result<()> {
        self.call()
    }

    fn queue(&self, _: u32, _: &[Import<'_>]) -> nix::Result<()> {
        self.call()
    }

    fn set_controls_in(&self, _: BorrowedFd<'_>, values: &mut [(u32, i64)]) -> Result<(), ControlRefusal> {
        self.set_controls(values)
    }

    fn queue_in(&self, _: BorrowedFd<'_>, _: u32, _: &[Import<'_>]) -> nix::Result<()> {
        self.call()
    }

    fn contents(&self, _: u32, bytes: usize) -> nix::Result<Vec<u8>> {
        self.call()?;
        Ok(vec![self.byte(); bytes.min(MOST_BYTES as usize)])
    }

    fn pause(&self, time: Duration) {
        let late = time.as_millis().min(1000) as u64;
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).now += late;
    }

    fn dequeue(&self, _: Memory) -> nix::Result<Filled> {
        self.call()?;
        let planes = std::array::from_fn(|_| Fill {
            bytes_used: match self.byte() {
                0..=149 => MOST_BYTES,
                _ => self.number(),
            },
            offset: if self.byte() < 200 { 0 } else { self.number() },
        });
        Ok(Filled {
            index: u32::from(self.byte() % 12),
            sequence: self.number(),
            flags: self.number() << 8,
            planes,
            timestamp: Duration::from_micros(self.number().into()),
        })
    }

    fn wait(&self, timeout: Duration) -> nix::Result<Ready> {
        let late = timeout.as_millis().min(1000) as u64;
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).now += late / 4;
        self.call()?;
        let kind = self.byte();
        Ok(Ready { filled: kind & 3 != 0, event: kind & 12 == 12, fault: kind & 48 == 48 })
    }

    fn event(&self) -> nix::Result<Event> {
        self.call()?;
        Ok(match self.byte() % 6 {
            0 => Event::SourceChanged { resolution: self.byte().is_multiple_of(2) },
            1 => Event::ControlChanged { id: self.number(), value: self.number() as i32 },
            2 => Event::FrameSync { sequence: self.number() },
            3 => Event::EndOfStream,
            4 => Event::Other { kind: self.number() },
            _ => return Err(Errno::ENOENT),
        })
    }

    fn stream_on(&self) -> nix::Result<()> {
        self.call()
    }

    fn stream_off(&self) -> nix::Result<()> {
        self.call()
    }

    /// Time passes with every look at the clock, so that nothing waits for ever.
    fn now(&self) -> Duration {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.now += 1;
        Duration::from_millis(answers.now)
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let numbers = |factor: u8| (0..=255_u8).map(|byte| byte.wrapping_mul(factor) % 190).collect::<Vec<u8>>();
    let mut seeds: Vec<Vec<u8>> = [1, 7, 37, 101, 151].map(numbers).to_vec();
    seeds.push(vec![16; 400]);
    seeds.push((0..600_u16).map(|index| (index % 12) as u8 * 5).collect());
    seeds
}
