//! The proxy lane: reference frame to announced photo, one after the other, so that proxies come in capture order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use latent_hal::{CameraInfo, Frame, StreamConfig};
use latent_isp::{RawGeometry, RawView, Rendering, proxy};

use super::Capture;
use crate::caption::{self, Rendition};
use crate::clock::{self, Laps};
use crate::crash;
use crate::developer::Look;
use crate::encode;
use crate::error::Error;
use crate::event::{AssetView, EventKind, Listeners, ProxyStages, SpoolStages};
use crate::files::{self, Content, Marks};
use crate::library::{Library, NewPhoto, RawState};
use crate::name;
use crate::photo::{Quality, State, Tier};
use crate::sensor;

/// What the lane is asked to do, in order.
#[derive(Debug)]
pub(super) enum Work {
    /// Make and announce the proxy of a capture from its reference frame.
    Proxy(Arc<Capture>, Frame),
    /// The raw burst of a capture is durable, or is not to be had.
    Spooled { capture: Arc<Capture>, frames: u32, bytes: u64, stages: SpoolStages },
    /// Nothing comes any more.
    Stop,
}

pub(super) struct Lane {
    pub(super) library: Arc<Library>,
    pub(super) listeners: Arc<Listeners>,
    pub(super) config: StreamConfig,
    pub(super) geometry: RawGeometry,
    pub(super) info: CameraInfo,
    pub(super) tier: Tier,
    pub(super) estimate_ms: Arc<AtomicU64>,
}

impl Lane {
    pub(super) fn run(&self, work: &Receiver<Work>) {
        for work in work {
            match work {
                Work::Proxy(capture, frame) => {
                    if let Err(error) = self.announce(&capture, &frame) {
                        self.listeners.take(capture.asset_id);
                        capture.fail(&error);
                    }
                }
                Work::Spooled { capture, frames, bytes, stages } => {
                    if let Err(error) = self.note_spooled(&capture, frames, bytes, stages) {
                        capture.fail(&error);
                    }
                }
                Work::Stop => return,
            }
        }
    }

    fn announce(&self, capture: &Capture, frame: &Frame) -> Result<(), Error> {
        let waited = clock::now().saturating_sub(capture.requested);
        let mut stages = ProxyStages {
            wait_us: u64::try_from(waited.as_micros()).unwrap_or(u64::MAX),
            ..ProxyStages::default()
        };
        let mut laps = Laps::start();
        let (picture, rendering) = self.proxy(frame)?;
        stages.isp_us = laps.lap_us();

        let shot = sensor::shot(&self.info, &self.config, frame, capture.requested);
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
        let jpeg = encode::jpeg(&picture, encode::JpegQuality::PROXY, Some(&caption))?;
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
            rendering: Look::store(&rendering),
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

    fn proxy(&self, frame: &Frame) -> Result<(latent_isp::Picture, Rendering), Error> {
        let bytes = frame.read()?;
        let raw = RawView::new(self.geometry, &bytes)?;
        let binned = proxy::bin(&raw)?;
        drop(bytes);
        let rendering = Rendering::automatic(binned.statistics(), sensor::colour(&self.info.sensor));
        Ok((binned.render(&rendering)?, rendering))
    }

    fn note_spooled(
        &self,
        capture: &Capture,
        frames: u32,
        bytes: u64,
        mut stages: SpoolStages,
    ) -> Result<(), Error> {
        let raw = self.library.layout().raw(capture.asset_id);
        if self.library.asset(capture.asset_id)?.is_none() {
            // The proxy failed: there is no photo to keep a raw burst for.
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
