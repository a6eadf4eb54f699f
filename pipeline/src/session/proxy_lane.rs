//! The proxy lane: reference frame to announced photo, one after the other, so that proxies come in capture order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use latent_hal::Frame;
use latent_isp::yuv::{self, YuvView};
use latent_isp::{Picture, RawView, Rendering, proxy};

use super::Capture;
use super::setup::Setup;
use crate::camera_jpeg::{self, Shape};
use crate::caption::{self, Rendition};
use crate::clock::{self, Laps};
use crate::crash;
use crate::developer::Look;
use crate::encode;
use crate::error::Error;
use crate::event::{AssetView, EventKind, Listeners, ProxyStages, SpoolStages};
use crate::fault;
use crate::files::{self, Content, Marks};
use crate::library::{Library, NewPhoto, RawState};
use crate::name;
use crate::photo::{Quality, State, Tier};
use crate::pixels::{self, Pixels};
use crate::sensor;

/// What the lane is asked to do, in order.
#[derive(Debug)]
pub(super) enum Work {
    /// Make and announce the proxy of a capture from its reference frame; of a stream of JPEGs from the first that is
    /// whole.
    Proxy(Arc<Capture>, Frame, Arc<Setup>),
    /// The burst of a capture is durable, or is not to be had. Comes after all its frames.
    Spooled(Spooled),
    /// Nothing comes any more.
    Stop,
}

/// What became of a burst.
#[derive(Debug)]
pub(super) struct Spooled {
    pub(super) capture: Arc<Capture>,
    pub(super) frames: u32,
    pub(super) bytes: u64,
    pub(super) stages: SpoolStages,
}

const LANE: &str = "proxy lane";

/// How often, at the end, a row is tried that could not be written, and how long is waited before.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Lane {
    library: Arc<Library>,
    listeners: Arc<Listeners>,
    tier: Tier,
    estimate_ms: Arc<AtomicU64>,
    /// The memory of the last proxy, for the next one: fresh memory costs more than the pixels do.
    binned: proxy::Proxy,
    picture: Picture,
    /// The last capture that was announced: captures come one after the other.
    announced: u64,
    /// Why the frames so far of captures gave no proxy. The next captures begin before the last one's burst is stored.
    refused: HashMap<u64, Error>,
    /// Bursts whose rows could not be written yet.
    unsettled: Vec<Spooled>,
}

impl Lane {
    pub(super) fn new(
        library: Arc<Library>,
        listeners: Arc<Listeners>,
        tier: Tier,
        estimate_ms: Arc<AtomicU64>,
    ) -> Self {
        let (announced, refused, unsettled) = (0, HashMap::new(), Vec::new());
        let (binned, picture) = (proxy::Proxy::default(), Picture { width: 0, height: 0, data: Vec::new() });
        Self { library, listeners, tier, estimate_ms, binned, picture, announced, refused, unsettled }
    }

    /// Works until it is told to stop. What panics is told to `failed`, and costs the photo that it happened to.
    pub(super) fn run(mut self, work: &Receiver<Work>, failed: &dyn Fn(&Error)) {
        for work in work {
            match work {
                Work::Proxy(capture, frame, setup) => {
                    if let Err(error) = fault::caught(LANE, || self.proxy_of(&capture, &frame, &setup)) {
                        failed(&error);
                        // One that is in the library already is a photo.
                        if !self.library.asset(capture.asset_id).is_ok_and(|row| row.is_some()) {
                            self.fail(&capture, &error);
                        }
                    }
                }
                Work::Spooled(spooled) => self.spooled(spooled),
                Work::Stop => break,
            }
            self.settle(failed);
        }
        for _ in 0..TRIES {
            if self.unsettled.is_empty() {
                return;
            }
            std::thread::sleep(PAUSE);
            self.settle(failed);
        }
        self.hand_over();
    }

    fn proxy_of(&mut self, capture: &Capture, frame: &Frame, setup: &Setup) {
        if self.announced == capture.id || capture.has_failed() {
            return;
        }
        match self.announce(capture, frame, setup) {
            Ok(()) => {
                self.announced = capture.id;
                self.refused.remove(&capture.id);
            }
            // The next frame may be whole.
            Err(error @ Error::CameraPicture { .. }) => {
                self.refused.insert(capture.id, error);
            }
            Err(error) => self.fail(capture, &error),
        }
    }

    fn fail(&self, capture: &Capture, error: &Error) {
        self.listeners.take(capture.asset_id);
        capture.fail(error);
    }

    fn spooled(&mut self, spooled: Spooled) {
        // No frame is left that could be the reference.
        if let Some(error) = self.refused.remove(&spooled.capture.id) {
            self.fail(&spooled.capture, &error);
        }
        self.unsettled.push(spooled);
    }

    /// Writes the rows of bursts. What cannot be written now is tried again with every later work.
    fn settle(&mut self, failed: &dyn Fn(&Error)) {
        let mut waiting = std::mem::take(&mut self.unsettled);
        waiting.retain(|spooled| {
            let noted = fault::caught(LANE, || self.note(spooled));
            noted
                .unwrap_or_else(|error| {
                    failed(&error);
                    Err(error)
                })
                .is_err()
        });
        self.unsettled = waiting;
    }

    /// What could not be written is left to the developer, which tries once more, and to recovery after that.
    fn hand_over(&mut self) {
        for spooled in std::mem::take(&mut self.unsettled) {
            let Err(error) = self.note(&spooled) else { continue };
            let (asset, frames) = (spooled.capture.asset_id, spooled.frames);
            let raw = if frames == 0 { RawState::Gone } else { RawState::Secured };
            self.library.note_raw_later(asset, raw, frames);
            let (kind, message) = (error.kind().as_str().to_owned(), error.to_string());
            spooled.capture.send(EventKind::RawLost { kind, message });
        }
    }

    fn announce(&mut self, capture: &Capture, frame: &Frame, setup: &Setup) -> Result<(), Error> {
        let waited = clock::now().saturating_sub(capture.requested);
        let mut stages = ProxyStages {
            wait_us: u64::try_from(waited.as_micros()).unwrap_or(u64::MAX),
            ..ProxyStages::default()
        };
        let mut laps = Laps::start();
        let rendering = self.develop(frame, setup)?;
        let picture = &self.picture;
        stages.isp_us = laps.lap_us();

        let shot = sensor::shot(&setup.info, &setup.config, frame, capture.requested);
        let rendition = Rendition {
            generation: 1,
            quality: Quality::Low,
            tier: None,
            state: State::Pending,
            reason: None,
            width: picture.width,
            height: picture.height,
        };
        let caption =
            caption::of(self.library.id(), capture.asset_id, &capture.captured_at, &shot, rendition);
        let jpeg = encode::jpeg(picture, encode::JpegQuality::PROXY, Some(&caption))?;
        stages.jpeg_us = laps.lap_us();
        crash::point("proxy-encoded");

        let marks = Marks { asset: capture.asset_id, state: State::Pending, generation: 1 };
        let folder = self.library.layout().folder();
        // A name whose picture went elsewhere still belongs to that photo.
        let free = |name: &String| !self.library.has_path(name).unwrap_or(false);
        let names = |n| Some(name::picture(&capture.captured_at, n)).filter(free);
        let published = files::publish_new(folder, &marks, &jpeg, names)?;
        stages.write_us = published.times.write_us;
        stages.sync_file_us = published.times.sync_file_us;
        stages.publish_us = published.times.publish_us;
        stages.sync_folder_us = published.times.sync_folder_us;

        let _ = laps.lap_us();
        let path = folder.join(&published.name);
        let photo = NewPhoto {
            asset_id: capture.asset_id,
            capture_id: capture.id,
            path: published.name,
            captured_at: capture.captured_at.clone(),
            shot,
            content: Content::of(&jpeg),
            tier: self.tier,
            rendering: rendering.as_ref().and_then(Look::store),
            raw: RawState::Securing,
            frames: 0,
        };
        if let Err(error) = self.library.accept(&photo) {
            // Never announced: it must not look like a photo.
            let _ = files::remove(&path);
            return Err(error);
        }
        stages.commit_us = laps.lap_us();
        crash::point("photo-committed");

        let asset = AssetView {
            asset_id: capture.asset_id,
            path,
            generation: 1,
            quality: Quality::Low,
            state: State::Pending,
            tier: None,
            reason: None,
        };
        capture.send(EventKind::PhotoAssetAvailable { asset, stages });
        let took = clock::now().saturating_sub(capture.requested).as_millis();
        self.estimate_ms.store(u64::try_from(took).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
        Ok(())
    }

    /// Makes the quick picture of a frame, half its size, and gives the look that the full one is to have where we give it
    /// one.
    fn develop(&mut self, frame: &Frame, setup: &Setup) -> Result<Option<Rendering>, Error> {
        let bytes = frame.read()?;
        match setup.pixels {
            Pixels::Raw(geometry) => {
                self.binned.bin(&RawView::new(geometry, &bytes)?)?;
                drop(bytes);
                let colour = sensor::colour(&setup.info.sensor);
                let rendering = Rendering::automatic(self.binned.statistics(), colour);
                self.binned.render_to(&rendering, &mut self.picture)?;
                Ok(Some(rendering))
            }
            Pixels::Yuv(geometry) => {
                self.picture = yuv::proxy(&YuvView::of_planes(geometry, pixels::memories(&bytes))?)?;
                Ok(None)
            }
            Pixels::Jpeg(frames) => {
                let refused = |reason| Error::CameraPicture { camera: setup.info.id.clone(), reason };
                let shape = Shape::of(&bytes, frames.width, frames.height).map_err(refused)?;
                camera_jpeg::check(&bytes, &shape).map_err(refused)?;
                self.picture = camera_jpeg::decode(&bytes, &shape).map_err(refused)?.halved()?;
                Ok(None)
            }
        }
    }

    fn note(&self, spooled: &Spooled) -> Result<(), Error> {
        let &Spooled { ref capture, frames, bytes, mut stages } = spooled;
        let raw = self.library.layout().raw(capture.asset_id);
        if self.library.asset(capture.asset_id)?.is_none() {
            // The proxy failed: there is no photo to keep a burst for.
            return files::remove(&raw);
        }
        if frames == 0 {
            self.library.note_raw(capture.asset_id, RawState::Gone, 0)?;
            return files::remove(&raw);
        }
        let mut laps = Laps::start();
        self.library.note_raw(capture.asset_id, RawState::Secured, frames)?;
        stages.commit_us = laps.lap_us();
        crash::point("raw-committed");
        capture.send(EventKind::RawSecured { asset_id: capture.asset_id, frames, bytes, stages });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
