//! The spool lane: frames of a burst to storage as they come, reference first, as the camera gave them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use latent_hal::Frame;

use super::setup::Setup;
use super::{Capture, proxy_lane};
use crate::clock::Laps;
use crate::crash;
use crate::error::Error;
use crate::event::{EventKind, SpoolStages};
use crate::fault;
use crate::files;
use crate::library::Library;
use crate::sensor;
use crate::spool::{SpoolHeader, SpoolWriter};

/// What the lane is asked to do, in order.
#[derive(Debug)]
pub(super) enum Work {
    /// The next frame of a burst.
    Frame { capture: Arc<Capture>, frame: Frame, setup: Arc<Setup>, last: bool },
    /// No more frames of the last burst will come.
    CutShort,
    /// Nothing comes any more.
    Stop,
}

pub(super) struct Lane {
    pub(super) library: Arc<Library>,
    pub(super) burst: u32,
    pub(super) proxies: Sender<proxy_lane::Work>,
}

/// The burst that is being written.
struct Open {
    capture: Arc<Capture>,
    /// `None` when there is nothing to write to.
    writer: Option<SpoolWriter>,
    /// After a failure the rest of the burst is let go; the frames before it are whole and make the picture.
    cut: bool,
}

const LANE: &str = "spool lane";

impl Lane {
    /// Works until it is told to stop. What panics is told to `failed`, and costs the burst that it happened to.
    pub(super) fn run(&self, work: &Receiver<Work>, failed: &dyn Fn(&Error)) {
        let mut open: Option<Open> = None;
        for work in work {
            match work {
                Work::Frame { capture, frame, setup, last } => {
                    let added = fault::caught(LANE, || {
                        let burst = open.get_or_insert_with(|| self.begin(&capture, &frame, &setup));
                        self.add(burst, &frame);
                    });
                    drop(frame);
                    if let Err(error) = added {
                        failed(&error);
                        self.report(&capture, &error);
                        let nothing = Open { capture, writer: None, cut: true };
                        open.get_or_insert(nothing).cut = true;
                    }
                    if last {
                        self.end(open.take(), failed);
                    }
                }
                Work::CutShort => self.end(open.take(), failed),
                Work::Stop => break,
            }
        }
        self.end(open.take(), failed);
        let _ = self.proxies.send(proxy_lane::Work::Stop);
    }

    fn begin(&self, capture: &Arc<Capture>, reference: &Frame, setup: &Setup) -> Open {
        let header = SpoolHeader {
            asset_id: capture.asset_id,
            library_id: self.library.id(),
            pixels: setup.pixels,
            frames: self.burst,
            captured_at: capture.captured_at.clone(),
            shot: sensor::shot(&setup.info, &setup.config, reference, capture.requested),
            colour: sensor::colour(&setup.info.sensor),
        };
        let writer = SpoolWriter::create(self.library.layout().raw(capture.asset_id), &header);
        crash::point("spool-created");
        Open { capture: Arc::clone(capture), writer: self.or_report(capture, writer), cut: false }
    }

    fn add(&self, burst: &mut Open, frame: &Frame) {
        let Some(writer) = burst.writer.as_mut().filter(|_| !burst.cut) else { return };
        if let Err(error) = writer.frame(frame) {
            burst.cut = true;
            self.report(&burst.capture, &error.into());
        }
        crash::point("spool-frame-written");
    }

    fn end(&self, burst: Option<Open>, failed: &dyn Fn(&Error)) {
        let Some(burst) = burst else { return };
        let secured = burst.writer.map(|writer| {
            fault::caught(LANE, || self.secure(writer)).unwrap_or_else(|error| {
                failed(&error);
                Err(error)
            })
        });
        let (frames, bytes, stages) = match secured {
            Some(Ok(secured)) => secured,
            Some(Err(error)) => {
                self.report(&burst.capture, &error);
                (0, 0, SpoolStages::default())
            }
            None => (0, 0, SpoolStages::default()),
        };
        let spooled = proxy_lane::Spooled { capture: burst.capture, frames, bytes, stages };
        let _ = self.proxies.send(proxy_lane::Work::Spooled(spooled));
    }

    /// Makes a burst durable: its frames, its bytes, and where the time went.
    fn secure(&self, writer: SpoolWriter) -> Result<(u32, u64, SpoolStages), Error> {
        let written = writer.finish()?;
        crash::point("spool-synced");
        let mut laps = Laps::start();
        files::sync_folder(&self.library.layout().spool())?;
        crash::point("spool-folder-synced");
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let stages = SpoolStages {
            pack_us: micros(written.pack),
            write_us: micros(written.write),
            sync_us: micros(written.fsync) + laps.lap_us(),
            commit_us: 0,
        };
        Ok((written.frames, written.bytes, stages))
    }

    fn or_report<T, E: Into<Error>>(&self, capture: &Capture, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.report(capture, &error.into())).ok()
    }

    fn report(&self, capture: &Capture, error: &Error) {
        let (kind, message) = (error.kind().as_str().to_owned(), error.to_string());
        capture.send(EventKind::RawLost { kind, message });
    }
}
