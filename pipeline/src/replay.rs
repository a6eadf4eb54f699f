//! A camera that plays raw files, bare ones and DNGs: one file, or all of a folder in the order of their names, over and over.
//!
//! Frames come at a fixed rate and keep it as a device does: those for which no slot was free in time are lost, and the
//! sequence numbers have gaps. The files are read when their frames are due; they must not change meanwhile.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use latent_hal::frame::Shot;
use latent_hal::memory::Buffer;
use latent_hal::{
    Camera, CameraInfo, Dequeued, Error, Mode, RawFormat, Sensor, SlotPool, StreamConfig, StreamRequest,
};
use latent_isp::RawGeometry;

use crate::clock;
use crate::raw_file::{self, Form, RawDescription, RawFile};

const DEFAULT_FPS: f64 = 30.0;
/// Slots beside those that the caller holds: one to fill while the caller looks at another.
const OWN_SLOTS: u32 = 2;
/// More than any burst; bounds what a hostile request costs in memory.
const MOST_SLOTS: u32 = 64;

/// A camera over raw files; see the module.
#[derive(Debug)]
pub struct ReplayCamera {
    info: CameraInfo,
    files: Vec<PathBuf>,
    /// The first file, which all others are like.
    raw: RawFile,
    interval: Duration,
    stream: Option<Stream>,
}

/// What a configuration made.
#[derive(Debug)]
struct Stream {
    config: StreamConfig,
    pool: Arc<SlotPool>,
    /// Slots that the caller does not hold.
    free: Vec<u32>,
    /// Which file's bytes each slot has: a slot that comes back with the right ones need not be read again.
    filled: Vec<Option<usize>>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// CLOCK_MONOTONIC of frame 0.
    started: Duration,
    next: u64,
}

impl ReplayCamera {
    /// A camera over the raw file `path`, a DNG or one with its sidecar, or over all files of the folder `path` that end in
    /// `.raw` or `.dng`, all alike in shape and levels. Checks that the first frame can be read.
    ///
    /// The sensor's colours are those of the first file, where it is a DNG that has some; the gains of a shot have no place
    /// in a camera, so white balance is found anew.
    ///
    /// # Errors
    /// Those of [`raw_file`]; [`raw_file::Error::NoRawFiles`] and [`raw_file::Error::Unlike`] for a folder.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, raw_file::Error> {
        let path = path.as_ref();
        let files = if path.is_dir() { raw_files(path)? } else { vec![path.to_owned()] };
        let Some(first) = files.first() else {
            return Err(raw_file::Error::NoRawFiles { path: path.to_owned() });
        };
        let nothing = RawDescription::default();
        let said = raw_file::description(first, &nothing)?;
        let raw = raw_file::describe(first, &nothing)?;
        for file in files.iter().skip(1) {
            let other = raw_file::describe(file, &nothing)?;
            if (other.geometry, other.form) != (raw.geometry, raw.form) {
                return Err(raw_file::Error::Unlike { path: file.clone(), first: first.clone() });
            }
        }
        raw_file::load(first, &raw)?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let info = CameraInfo {
            id: format!("replay:{}", path.display()),
            driver: "replay".to_owned(),
            model: format!("Replay of {name}"),
            path: None,
            simulated: false,
            sensor: match raw.form {
                Form::Bare => Sensor { black: said.black, white: said.white, matrix: None, daylight: None },
                Form::Dng => Sensor {
                    black: Some(raw.geometry.black),
                    white: Some(raw.geometry.white),
                    matrix: raw.colour.map(|colour| colour.matrix),
                    daylight: raw.colour.and_then(|colour| colour.daylight),
                },
            },
        };
        let interval = Duration::from_secs_f64(1.0 / DEFAULT_FPS);
        Ok(Self { info, files, raw, interval, stream: None })
    }

    /// The same camera with another rate than 30 frames a second; rates are kept within 0.01 and 1000.
    #[must_use]
    pub fn with_fps(self, fps: f64) -> Self {
        let fps = if fps.is_finite() { fps.clamp(0.01, 1000.0) } else { DEFAULT_FPS };
        Self { interval: Duration::from_secs_f64(1.0 / fps), ..self }
    }

    fn mode(&self) -> Mode {
        Mode {
            format: format(&self.raw.geometry).into(),
            width: self.raw.geometry.width,
            height: self.raw.geometry.height,
            frame_interval: Some(self.interval),
        }
    }

    fn wrong_state(&self, operation: &'static str, reason: &'static str) -> Error {
        Error::State { camera: self.info.id.clone(), operation, reason }
    }
}

impl Camera for ReplayCamera {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn modes(&self) -> Result<Vec<Mode>, Error> {
        Ok(vec![self.mode()])
    }

    fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, Error> {
        if self.stream.as_ref().is_some_and(|stream| stream.running.is_some()) {
            return Err(self.wrong_state("configure", "it streams; stop it first"));
        }
        let (mode, wanted) = (self.mode(), request.mode);
        if (mode.format, mode.width, mode.height) != (wanted.format, wanted.width, wanted.height) {
            let reason = format!("its files are {mode:?}, asked was {wanted:?}");
            return Err(Error::Unsupported { camera: self.info.id.clone(), reason });
        }
        // Frees the slots of the configuration before.
        self.stream = None;
        let held = request.held.min(MOST_SLOTS - OWN_SLOTS);
        let slots = held + OWN_SLOTS;
        let RawGeometry { stride_bytes, height, width, .. } = self.raw.geometry;
        let size_bytes = stride_bytes.saturating_mul(height as usize);
        let buffers: Result<Vec<Buffer>, Error> =
            (0..slots).map(|_| Buffer::allocate(size_bytes, "latent-replay")).collect();
        let config = StreamConfig {
            format: mode.format,
            width,
            height,
            stride_bytes,
            separate: None,
            size_bytes,
            slots,
            held,
            frame_interval: Some(self.interval),
            colorimetry: None,
        };
        self.stream = Some(Stream {
            config,
            pool: SlotPool::new(buffers?),
            free: (0..slots).collect(),
            filled: vec![None; slots as usize],
            running: None,
        });
        Ok(config)
    }

    fn start(&mut self) -> Result<(), Error> {
        let reason = match &mut self.stream {
            None => "it is not configured",
            Some(Stream { running: Some(_), .. }) => "it streams already",
            Some(stream) => {
                stream.running = Some(Running { started: clock::now(), next: 0 });
                return Ok(());
            }
        };
        Err(self.wrong_state("start", reason))
    }

    fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, Error> {
        let Some(Stream { running: Some(running), pool, free, filled, config }) = &mut self.stream else {
            return Err(self.wrong_state("dequeue", "it does not stream; start it first"));
        };
        while let Some(slot) = pool.take_returned() {
            free.push(slot);
        }
        let Some(&newest) = free.last() else { return Ok(Dequeued::Starved) };
        let sequence = next_sequence(running, clock::now(), self.interval, free.len());
        let starts = running.started + times(self.interval, sequence);
        // A frame is there when its exposure and read-out are over.
        let wait = (starts + self.interval).saturating_sub(clock::now());
        std::thread::sleep(wait.min(timeout));
        if wait > timeout {
            return Ok(Dequeued::Timeout);
        }
        running.next = sequence + 1;

        let file = (sequence % self.files.len() as u64) as usize;
        let holds_it = |slot: &u32| filled.get(*slot as usize) == Some(&Some(file));
        let slot = free.iter().copied().find(|slot| holds_it(slot)).unwrap_or(newest);
        let shot = Shot {
            sequence,
            timestamp: starts,
            timestamp_is_start: true,
            offset: 0,
            bytes_used: config.size_bytes,
            exposure: None,
        };
        if !holds_it(&slot) {
            let Some(buffer) = pool.buffer(slot) else { return Ok(Dequeued::Starved) };
            filled[slot as usize] = None;
            let Ok(bytes) = raw_file::load(&self.files[file], &self.raw) else {
                return Ok(Dequeued::Damaged { sequence, reason: "its raw file cannot be read any more" });
            };
            buffer.write()?[..bytes.len()].copy_from_slice(&bytes);
            filled[slot as usize] = Some(file);
        }
        free.retain(|other| *other != slot);
        // The slot is the pool's and the picture fits it: both come from `configure`.
        Ok(pool.lend(slot, shot).map_or(Dequeued::Starved, Dequeued::Frame))
    }

    fn stop(&mut self) -> Result<(), Error> {
        if let Some(stream) = &mut self.stream {
            stream.running = None;
        }
        Ok(())
    }
}

/// The next frame of a device that fills its free slots while nobody asks, and loses what comes after.
fn next_sequence(running: &Running, now: Duration, interval: Duration, free: usize) -> u64 {
    let complete = now.saturating_sub(running.started).as_nanos() / interval.as_nanos().max(1);
    let oldest_kept = u64::try_from(complete).unwrap_or(u64::MAX).saturating_sub(free as u64);
    running.next.max(oldest_kept)
}

fn times(interval: Duration, count: u64) -> Duration {
    let nanos = interval.as_nanos().saturating_mul(count.into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn format(geometry: &RawGeometry) -> RawFormat {
    RawFormat {
        pattern: match geometry.pattern {
            latent_isp::CfaPattern::Rggb => latent_hal::CfaPattern::Rggb,
            latent_isp::CfaPattern::Grbg => latent_hal::CfaPattern::Grbg,
            latent_isp::CfaPattern::Gbrg => latent_hal::CfaPattern::Gbrg,
            latent_isp::CfaPattern::Bggr => latent_hal::CfaPattern::Bggr,
        },
        bits: geometry.bits,
        packing: match geometry.packing {
            latent_isp::Packing::Bytes => latent_hal::Packing::Bytes,
            latent_isp::Packing::Le16 => latent_hal::Packing::Le16,
            latent_isp::Packing::Mipi => latent_hal::Packing::Mipi,
        },
    }
}

/// The raw files of a folder, in natural order.
fn raw_files(folder: &Path) -> Result<Vec<PathBuf>, raw_file::Error> {
    let failed = |source| raw_file::Error::Io { operation: "list", path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let extension = Path::new(&name).extension().unwrap_or_default();
        if ["raw", "dng"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
            names.push(name);
        }
    }
    names.sort_by(|a, b| natural(a.as_encoded_bytes(), b.as_encoded_bytes()));
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Orders names as people count: runs of digits by their value, so `2` before `10`.
fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let (whole_a, whole_b) = (a, b);
    loop {
        let (digits_a, digits_b) = (digits(a), digits(b));
        let order = if digits_a > 0 && digits_b > 0 {
            let (number_a, number_b) = (value(&a[..digits_a]), value(&b[..digits_b]));
            (a, b) = (&a[digits_a..], &b[digits_b..]);
            number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b))
        } else {
            match (a.split_first(), b.split_first()) {
                (Some((first_a, rest_a)), Some((first_b, rest_b))) => {
                    (a, b) = (rest_a, rest_b);
                    first_a.cmp(first_b)
                }
                // Names that count the same (`1` and `01`) still have an order.
                (None, None) => return whole_a.cmp(whole_b),
                (a, b) => return a.is_some().cmp(&b.is_some()),
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The digits of a number without its leading zeros.
fn value(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().take_while(|digit| **digit == b'0').count()..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let mut names = ["b10", "b9", "a", "b009x", "b2", "b", "b1c3", "b1c20", ""];
        names.sort_by(|a, b| natural(a.as_bytes(), b.as_bytes()));
        assert_eq!(names, ["", "a", "b", "b1c3", "b1c20", "b2", "b9", "b009x", "b10"]);
    }

    proptest! {
        #[test]
        fn the_order_is_an_order(a in "[a0-2]{0,6}", b in "[a0-2]{0,6}", c in "[a0-2]{0,6}") {
            let order = |x: &str, y: &str| natural(x.as_bytes(), y.as_bytes());
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert_eq!(order(&a, &b) == Ordering::Equal, a == b);
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn a_late_caller_finds_as_many_old_frames_as_slots_were_free() {
        let (second, running) =
            (Duration::from_secs(1), |next| Running { started: Duration::from_secs(100), next });
        let at = |tenths: u64| Duration::from_millis(100_000 + tenths * 100);
        assert_eq!(next_sequence(&running(0), at(0), second, 3), 0);
        assert_eq!(next_sequence(&running(0), at(35), second, 3), 0, "0, 1 and 2 wait");
        assert_eq!(next_sequence(&running(0), at(45), second, 3), 1, "0 was lost");
        assert_eq!(next_sequence(&running(4), at(45), second, 3), 4, "4 is on its way");
    }
}
