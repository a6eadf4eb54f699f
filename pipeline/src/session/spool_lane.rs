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

impl Lane {
    pub(super) fn run(&self, work: &Receiver<Work>) {
        let mut open: Option<Open> = None;
        for work in work {
            match work {
                Work::Frame { capture, frame, setup, last } => {
                    let burst = open.get_or_insert_with(|| self.begin(&capture, &frame, &setup));
                    self.add(burst, &frame);
                    drop(frame);
                    if last {
                        self.end(open.take());
                    }
                }
                Work::CutShort => self.end(open.take()),
                Work::Stop => break,
            }
        }
        self.end(open.take());
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

    fn end(&self, burst: Option<Open>) {
        let Some(burst) = burst else { return };
        let secured = burst.writer.map(|writer| {
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
            Ok::<_, Error>((written.frames, written.bytes, stages))
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

    fn or_report<T, E: Into<Error>>(&self, capture: &Capture, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.report(capture, &error.into())).ok()
    }

    fn report(&self, capture: &Capture, error: &Error) {
        let (kind, message) = (error.kind().as_str().to_owned(), error.to_string());
        capture.send(EventKind::RawLost { kind, message });
    }
}
