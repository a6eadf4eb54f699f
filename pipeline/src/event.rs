//! What a photo output tells its listeners.
//!
//! Per capture, in this order: `captureStart`, `frameShutter`, `frameShutterEnd`, `captureReady`, `captureEnd`;
//! `photoAssetAvailable` comes after `frameShutter`, `rawSecured` after it, `photoFinal` last. Proxies are delivered in
//! capture order. A capture that fails ends with `captureFailed` and nothing after it; it is never announced then, nor after.
//!
//! The camera's own story runs beside: `cameraLost`, then `cameraBack` with its first good frame; `streamChanged`. Such an
//! event carries the id of the capture whose frames were being taken, or 0 when there was none. A capture with frames goes on
//! after it: what has arrived becomes the photo, with a smaller `frameCount`; one without fails next. Where the capture had
//! failed before for another reason, its `captureFailed` came first, and `cameraLost` follows with id 0.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::photo::{Quality, State, Tier};

/// One event of one capture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    /// Which capture: counted from 1 by each owner of a library; 0 for what happened to the camera alone.
    pub capture_id: u64,
    /// CLOCK_MONOTONIC microseconds since that capture was asked for; negative for frames that are older than that.
    pub t_us: i64,
}

/// What happened to a capture.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The capture is under way.
    CaptureStart {
        /// When the proxy is expected, from now.
        estimated_ms: u64,
    },
    /// Exposure of the reference frame began (its own time, which may lie before the request).
    FrameShutter {
        /// The reference frame's number in the stream.
        sequence: u64,
    },
    /// The last frame of the burst is there.
    FrameShutterEnd,
    /// The next capture may be asked for.
    CaptureReady,
    /// All frames of the capture are taken.
    CaptureEnd {
        /// How many frames the burst has.
        frame_count: u32,
    },
    /// The photo exists: its path holds a whole low-quality JPEG, durable together with its rows.
    PhotoAssetAvailable {
        /// The photo.
        #[serde(flatten)]
        asset: AssetView,
        /// Where the time went.
        stages: ProxyStages,
    },
    /// The raw burst is durable: from now on a power cut costs nothing.
    RawSecured {
        /// The photo.
        asset_id: Uuid,
        /// Frames that are safe.
        frames: u32,
        /// Bytes that were written for them.
        bytes: u64,
        /// Where the time went.
        stages: SpoolStages,
    },
    /// Frames of the raw burst could not be brought to storage; `rawSecured` follows if some could.
    RawLost {
        /// The word for the kind of failure.
        kind: String,
        /// What happened.
        message: String,
    },
    /// Nothing further is scheduled for the photo.
    PhotoFinal {
        /// The photo.
        #[serde(flatten)]
        asset: AssetView,
        /// Where the time went; zeros where the step was not reached.
        stages: FullStages,
    },
    /// The camera went away, stopped giving frames or refused calls. The session tries to bring it back.
    CameraLost {
        /// The camera.
        camera: String,
        /// The word for the kind of failure.
        kind: String,
        /// What happened.
        message: String,
    },
    /// The camera gives frames again.
    CameraBack {
        /// The camera.
        camera: String,
        /// Pixels in a row of its frames now.
        width: u32,
        /// Rows of its frames now.
        height: u32,
        /// For how long it was away.
        away_ms: u64,
    },
    /// What comes into the camera changed (cable, resolution, rate), and the stream was set up for it.
    StreamChanged {
        /// The camera.
        camera: String,
        /// Pixels in a row of its frames now.
        width: u32,
        /// Rows of its frames now.
        height: u32,
        /// Pixels in a row before.
        was_width: u32,
        /// Rows before.
        was_height: u32,
    },
    /// The capture failed; no photo was announced.
    CaptureFailed {
        /// The word for the kind of failure.
        kind: String,
        /// What happened and what to do.
        message: String,
    },
}

/// A photo as events show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetView {
    /// The photo's identity.
    pub asset_id: Uuid,
    /// The picture's file; in JSON, what is no UTF-8 of it is replaced.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// 1 is the proxy, 2 the first full picture.
    pub generation: u32,
    /// What the file holds.
    pub quality: Quality,
    /// Whether more is to come.
    pub state: State,
    /// The tier of a full picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Why the photo stays what it is, after a fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Where the time of phase one went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStages {
    /// From the request until the proxy lane took the frame up.
    pub wait_us: u64,
    /// Raw frame to picture.
    pub isp_us: u64,
    /// Picture to JPEG.
    pub jpeg_us: u64,
    /// Bytes to the file.
    pub write_us: u64,
    /// fsync of the file.
    pub sync_file_us: u64,
    /// Giving it its name.
    pub publish_us: u64,
    /// fsync of the folder.
    pub sync_folder_us: u64,
    /// The rows, with SQLite's fsync.
    pub commit_us: u64,
}

/// Where the time of the spool went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolStages {
    /// Packing and checksums.
    pub pack_us: u64,
    /// Bytes to the file.
    pub write_us: u64,
    /// fsync of the file and its folder.
    pub sync_us: u64,
    /// The row, with SQLite's fsync.
    pub commit_us: u64,
}

/// Where the time of phase two went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullStages {
    /// The raw burst from storage.
    pub read_us: u64,
    /// Raw to picture.
    pub isp_us: u64,
    /// Picture to JPEG.
    pub jpeg_us: u64,
    /// File and folder: write, fsync, swap, fsync.
    pub replace_us: u64,
    /// The rows.
    pub commit_us: u64,
}

/// Where events go; a listener that went away is no error.
#[derive(Clone, Debug)]
pub struct EventSender {
    id: u64,
    sender: mpsc::Sender<Event>,
}

impl EventSender {
    /// A sender and the end at which events arrive, in order.
    pub fn channel() -> (Self, mpsc::Receiver<Event>) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (sender, receiver) = mpsc::channel();
        (Self { id: NEXT.fetch_add(1, Ordering::Relaxed), sender }, receiver)
    }

    /// Sends; does not block.
    pub fn send(&self, capture_id: u64, t_us: i64, kind: EventKind) {
        let _ = self.sender.send(Event { kind, capture_id, t_us });
    }
}

/// Who took which photo, so that its last event finds the listener of its first ones, whichever run develops it.
#[derive(Debug, Default)]
pub struct Listeners(Mutex<HashMap<Uuid, EventSender>>);

impl Listeners {
    /// Notes who listens to a photo.
    pub fn register(&self, asset: Uuid, listener: EventSender) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(asset, listener);
    }

    /// Takes the listener of a photo out: its last event is about to be sent, or it never came to be.
    pub fn take(&self, asset: Uuid) -> Option<EventSender> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&asset)
    }

    /// Forgets a listener that waits for nothing any more.
    pub fn forget(&self, listener: &EventSender) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, other| other.id != listener.id);
    }
}
