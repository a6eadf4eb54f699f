//! The line to a configured camera: requests go to libcamera's thread, what comes back comes straight from libcamera's
//! own threads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ::libcamera::control::ControlList;
use ::libcamera::framebuffer::{AsFrameBuffer, FrameMetadataStatus};
use ::libcamera::framebuffer_allocator::FrameBuffer;
use ::libcamera::request::{Request, RequestStatus, ReuseFlag};
use ::libcamera::stream::Stream as Port;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

use super::controls::Pending;
use super::library::Library;
use super::stream::{Line, News, Outcome, Status};
use super::{clock, policy, values};

/// What libcamera's threads send.
pub(super) enum Signal {
    /// A request came back.
    Completed(Request),
    /// The camera was unplugged.
    Gone,
}

/// A camera while it is configured.
pub(super) struct Session {
    pub(super) library: Arc<Library>,
    pub(super) key: u64,
    pub(super) port: Port,
    pub(super) signals: Receiver<Signal>,
    /// The time from frame to frame that is asked for.
    pub(super) interval: Option<Duration>,
    /// Values that the camera has from each start on.
    pub(super) values: BTreeMap<u32, i64>,
    /// Values that the next request brings.
    pub(super) news: Pending,
    /// Controls whose values frames may tell, and what the last frame told.
    pub(super) told: RefCell<BTreeMap<u32, Option<i64>>>,
}

impl Line for Session {
    type Request = Request;

    fn start(&self) -> nix::Result<()> {
        self.news.clear();
        let (key, interval) = (self.key, self.interval);
        let values: Vec<_> = self.values.iter().map(|(id, value)| (*id, *value)).collect();
        self.library.run(move |cameras| {
            let active = cameras.active(key)?;
            let mut list = ControlList::from_info_map(active.controls()).ok_or(Errno::ENOMEM)?;
            values::write(&mut list, &values, interval);
            active.start((!list.is_empty()).then_some(&*list)).map_err(|error| policy::errno(&error))
        })?
    }

    fn stop(&self) -> nix::Result<()> {
        let key = self.key;
        self.library.run(move |cameras| cameras.active(key)?.stop().map_err(|error| policy::errno(&error)))?
    }

    fn queue(&self, mut request: Request) -> Result<(), (Request, Errno)> {
        let key = self.key;
        self.news.send(|values| {
            let queued = self.library.run(move |cameras| {
                request.reuse(ReuseFlag::REUSE_BUFFERS);
                values::write(request.controls_mut(), &values, None);
                match cameras.active(key) {
                    Ok(active) => active
                        .queue_request(request)
                        .map_err(|(request, error)| (request, policy::errno(&error))),
                    Err(errno) => Err((request, errno)),
                }
            });
            // A request goes down with libcamera's thread, and the next news tell of that.
            queued.unwrap_or(Ok(()))
        })
    }

    fn news(&self, timeout: Duration) -> Option<News<Request>> {
        match self.signals.recv_timeout(timeout) {
            Ok(Signal::Completed(request)) => {
                let outcome = self.outcome(&request);
                Some(News::Done(request, outcome))
            }
            Ok(Signal::Gone) | Err(RecvTimeoutError::Disconnected) => Some(News::Gone),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }

    fn now(&self) -> Duration {
        time(ClockId::CLOCK_MONOTONIC)
    }
}

impl Session {
    fn outcome(&self, request: &Request) -> Outcome {
        let metadata = request.metadata();
        let buffer = request.buffer::<FrameBuffer>(&self.port);
        // libcamera 0.4.0's virtual cameras fill in nothing: there is none, or that of an earlier stop.
        let filled = buffer.and_then(|buffer| buffer.metadata());
        let filled = filled.filter(|frame| frame.status() != FrameMetadataStatus::Cancelled);
        let status = match (request.status(), filled.as_ref().map(|frame| frame.status())) {
            (RequestStatus::Cancelled, _) => Status::Cancelled,
            (RequestStatus::Pending, _) => Status::Bad("the request came back before it was done"),
            (_, Some(FrameMetadataStatus::Error)) => Status::Bad("the camera marked the frame as bad"),
            (_, Some(FrameMetadataStatus::Startup)) => Status::Bad("the camera was still settling"),
            _ => Status::Complete,
        };
        if status == Status::Complete {
            for (id, value) in &mut *self.told.borrow_mut() {
                *value = values::read(metadata, &[*id]).first().map(|(_, value)| *value).or(*value);
            }
        }
        let sensor = metadata.get::<::libcamera::controls::SensorTimestamp>().ok();
        let nanos = sensor.and_then(|time| u64::try_from(time.0).ok());
        let nanos = nanos.or(filled.as_ref().map(|frame| frame.timestamp())).unwrap_or(0);
        let (now, since_boot) = (self.now(), time(ClockId::CLOCK_BOOTTIME));
        Outcome {
            slot: u32::try_from(request.cookie()).unwrap_or(u32::MAX),
            status,
            sequence: filled.as_ref().map_or_else(|| request.sequence(), |frame| frame.sequence()),
            timestamp: clock::monotonic(Duration::from_nanos(nanos), now, since_boot),
            used: filled.map_or_else(Vec::new, |frame| {
                frame.planes().into_iter().map(|plane| plane.bytes_used as usize).collect()
            }),
            exposure: values::exposure(metadata),
        }
    }
}

fn time(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}
