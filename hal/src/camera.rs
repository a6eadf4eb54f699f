//! The contract of a capture device, real or not.
//!
//! The order of calls is `configure`, `start`, `dequeue`…, `stop`; `configure` again is allowed after `stop`. One thread
//! at a time uses a camera. Frames outlive the stream: their memory stays readable until the last clone is dropped.

use std::path::PathBuf;
use std::time::Duration;

use crate::color::Colorimetry;
use crate::control::{Control, MenuItem};
use crate::error::Error;
use crate::format::{ColorPlane, MOST_COLOR_PLANES, PixelFormat};
use crate::frame::Frame;
use crate::kernel::{Event, Rectangle};

/// What a camera is, apart from how it is set.
#[derive(Clone, Debug)]
pub struct CameraInfo {
    /// The name by which the same camera is found again: `v4l2:BUS_INFO`, `libcamera:ID`, `virtual`, `replay:PATH`.
    pub id: String,
    /// The kernel driver, or `libcamera` / `virtual` / `replay`.
    pub driver: String,
    /// The name that the device gives itself.
    pub model: String,
    /// The device file, if there is one.
    pub path: Option<PathBuf>,
    /// True for cameras that see no real light; pictures from them say so in their EXIF.
    pub simulated: bool,
    /// What is known of the sensor.
    pub sensor: Sensor,
}

/// What is known of the sensor behind a camera; `None` is "not calibrated", never a guess.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sensor {
    /// Sample value of no light, in codes of the stream's bit depth.
    pub black: Option<u16>,
    /// Sample value of saturation, in codes of the stream's bit depth.
    pub white: Option<u16>,
    /// Camera RGB, white-balanced and linear, to linear sRGB; each row sums to one.
    pub matrix: Option<[[f32; 3]; 3]>,
    /// The gains of red, green and blue that make a white object in daylight neutral.
    pub daylight: Option<[f32; 3]>,
}

/// One way in which a camera streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The samples.
    pub format: PixelFormat,
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Time from frame to frame at the highest rate, where the driver tells. In a [`StreamRequest`] a longer time asks
    /// for a lower rate; a camera takes the nearest that it has.
    pub frame_interval: Option<Duration>,
}

/// What a caller wants of a stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamRequest {
    /// One of [`Camera::modes`].
    pub mode: Mode,
    /// How many frames the caller wants to hold at once while the stream goes on. The camera adds what it needs itself.
    pub held: u32,
}

/// What a stream really is: read back from the device, never computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// The samples.
    pub format: PixelFormat,
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from the start of a row of the first plane to the start of the next; 0 for JPEG.
    pub stride_bytes: usize,
    /// Where each colour plane has a memory of its own: the bytes from row to row of every plane, 0 behind the last.
    /// `None` where all are in one memory, as with most cameras.
    pub separate: Option<[usize; MOST_COLOR_PLANES]>,
    /// Bytes of a frame, of all its memories, padding included.
    pub size_bytes: usize,
    /// Buffers of the stream.
    pub slots: u32,
    /// How many of them a caller may hold while the stream goes on; may be less than was asked, even 0.
    pub held: u32,
    /// Time from frame to frame, where the device tells.
    pub frame_interval: Option<Duration>,
    /// What the numbers of a developed picture mean; `None` for raw pictures.
    pub colorimetry: Option<Colorimetry>,
}

impl StreamConfig {
    /// Where the colour planes of a frame lie in its memories; none for JPEG.
    pub fn planes(&self) -> Vec<ColorPlane> {
        match self.separate {
            None => self.format.planes(self.width, self.height, self.stride_bytes),
            Some(strides) => self.format.separate_planes(self.width, self.height, strides),
        }
    }
}

/// What waiting for a frame brought: all of these are normal life of a camera.
#[derive(Debug)]
pub enum Dequeued {
    /// A good frame.
    Frame(Frame),
    /// A frame was lost on the way: its buffer came back bad (error flag, no bytes, too few bytes) and went to the device
    /// again, or the device's queue failed and was restarted. The stream goes on.
    Damaged {
        /// The frame's number, counted as [`Frame::sequence`] is.
        sequence: u64,
        /// What was wrong with it.
        reason: &'static str,
    },
    /// Nothing came within the time given.
    Timeout,
    /// The device tells something beside its frames. After [`Event::SourceChanged`] with another resolution the stream
    /// must be configured again; after [`Event::EndOfStream`] waiting again starts the device anew.
    Event(Event),
    /// So many slots are held by the caller that the device has none to fill: drop a frame, then ask again. Who holds no
    /// more than [`StreamConfig::held`] does not bring it about. A driver that keeps buffers and does not tell so is found
    /// out by its silence, which takes two seconds.
    Starved,
}

/// What is cropped out of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// The part that is seen.
    pub now: Rectangle,
    /// All that can be seen.
    pub bounds: Rectangle,
}

/// Events to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// What comes in changes. Asked for at first, where the device has it.
    Source,
    /// The device has no more frames. Asked for at first, where the device has it.
    End,
    /// A frame begins to arrive.
    FrameSync,
    /// A control (`V4L2_CID_*`) has another value, set by somebody else or by the device.
    Control(u32),
}

/// A capture device.
pub trait Camera: Send {
    /// What the camera is.
    fn info(&self) -> &CameraInfo;

    /// The modes it has: raw ones before others, the largest first, and of one size the deepest first. Does not block.
    ///
    /// # Errors
    /// [`Error::Gone`] when it was unplugged; [`Error::System`] when the device fails to answer.
    fn modes(&self) -> Result<Vec<Mode>, Error>;

    /// The controls that it has; none for cameras without. Does not block.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::System`].
    fn controls(&self) -> Result<Vec<Control>, Error> {
        Ok(Vec::new())
    }

    /// The choices of a menu control by their numbers; numbers that the menu leaves out are missing.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::System`].
    fn menu(&self, _control: &Control) -> Result<Vec<(i64, MenuItem)>, Error> {
        Ok(Vec::new())
    }

    /// The values of controls (`V4L2_CID_*`), in their order.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a control that it does not have; [`Error::Gone`]; [`Error::System`].
    fn control_values(&self, ids: &[u32]) -> Result<Vec<i64>, Error> {
        no_controls(self.info(), ids.first())?;
        Ok(Vec::new())
    }

    /// Sets controls together and says what the device made of the values. May block for a transfer to the sensor. A
    /// value shows [`Control::delay_frames`] later.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a control that it does not have or that cannot have this value; [`Error::Busy`] for one
    /// that cannot be set now; [`Error::Gone`]; [`Error::System`].
    fn set_controls(&mut self, values: &[(u32, i64)]) -> Result<Vec<i64>, Error> {
        no_controls(self.info(), values.first().map(|(id, _)| id))?;
        Ok(Vec::new())
    }

    /// Sets controls for one frame alone: the next that the device begins, of whose frames these are. Controls are as
    /// before in the frame after it. The number that [`Frame::settings`] of this frame bears; it comes after the frames
    /// that are on their way. Where more is asked for before, frames follow each other in the order of the calls. Not
    /// delayed as [`Camera::set_controls`] is: the device sees to it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for cameras that take no controls by the frame, and for controls that it does not have or
    /// that cannot be set; [`Error::State`] when it is not configured; [`Error::Gone`]; [`Error::System`].
    fn set_frame_controls(&mut self, _values: &[(u32, i64)]) -> Result<u64, Error> {
        let reason = "it takes no controls for single frames".to_owned();
        Err(Error::Unsupported { camera: self.info().id.clone(), reason })
    }

    /// What is cropped, in samples; `None` for cameras that crop nothing.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::System`].
    fn crop(&self) -> Result<Option<Crop>, Error> {
        Ok(None)
    }

    /// Crops, and says what the device made of it. Not while it is configured, where the size of frames follows.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for cameras that crop nothing; [`Error::Busy`]; [`Error::Gone`]; [`Error::System`].
    fn set_crop(&mut self, _wanted: Rectangle) -> Result<Rectangle, Error> {
        Err(Error::Unsupported { camera: self.info().id.clone(), reason: "it crops nothing".to_owned() })
    }

    /// Asks for events, which [`Camera::dequeue`] then brings; false for a kind that the device does not have.
    ///
    /// # Errors
    /// [`Error::Gone`]; [`Error::System`].
    fn watch(&mut self, _what: Watch) -> Result<bool, Error> {
        Ok(false)
    }

    /// Sets the mode and makes the slots; frees the slots of an earlier configuration (frames still held stay readable).
    ///
    /// # Errors
    /// [`Error::Busy`] when another program streams; [`Error::Unsupported`] when the device changes the mode into one
    /// that is not known here or gives too few buffers; [`Error::State`] while streaming, and where a driver cannot free the
    /// earlier slots while frames of them are held; [`Error::Gone`]; [`Error::System`]. After an error it must be
    /// configured again.
    fn configure(&mut self, request: &StreamRequest) -> Result<StreamConfig, Error>;

    /// Starts the stream. Frames count from sequence 0 at each start.
    ///
    /// # Errors
    /// [`Error::State`] before `configure` and while streaming; [`Error::Busy`]; [`Error::Gone`]; [`Error::System`]. After
    /// an error the stream is off and `start` may be tried again.
    fn start(&mut self) -> Result<(), Error>;

    /// Waits for the next frame for at most `timeout`. Slots whose frames were dropped go back to the device first.
    ///
    /// # Errors
    /// [`Error::State`] when not streaming; [`Error::Gone`]; [`Error::System`] when the device failed for good.
    fn dequeue(&mut self, timeout: Duration) -> Result<Dequeued, Error>;

    /// Stops the stream; idempotent. Frames that are held stay readable.
    ///
    /// # Errors
    /// [`Error::System`] when the device refuses; a camera that is gone is stopped, not an error.
    fn stop(&mut self) -> Result<(), Error>;
}

fn no_controls(info: &CameraInfo, asked: Option<&u32>) -> Result<(), Error> {
    match asked {
        None => Ok(()),
        Some(id) => Err(Error::Unsupported {
            camera: info.id.clone(),
            reason: format!("it has no control {id:#010x}"),
        }),
    }
}
