//! From a raw burst to a picture: chooses the frame, cuts it into strips, and runs them on threads.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use latent_isp::develop::Plan;
use latent_isp::{Demosaic, Picture, RawGeometry, RawView, Rendering, SensorColour, Statistics};

use crate::error::Error;
use crate::photo::Tier;
use crate::spool::SpoolReader;

/// The look of a photo as its row keeps it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Look {
    gains: [f32; 3],
    exposure: f32,
    matrix: [[f32; 3]; 3],
}

impl Look {
    /// Reads a row's text back.
    pub(super) fn parse(json: &str) -> Option<Rendering> {
        let Self { gains, exposure, matrix } = serde_json::from_str(json).ok()?;
        Some(Rendering { gains, exposure, matrix })
    }

    /// Text for a row.
    pub(crate) fn store(rendering: &Rendering) -> Option<String> {
        let Rendering { gains, exposure, matrix } = *rendering;
        serde_json::to_string(&Self { gains, exposure, matrix }).ok()
    }
}

/// The frame of a burst that is developed.
pub(super) struct Burst {
    geometry: RawGeometry,
    bytes: Vec<u8>,
    colour: Option<SensorColour>,
}

impl Burst {
    pub(super) fn view(&self) -> Result<RawView<'_>, Error> {
        Ok(RawView::new(self.geometry, &self.bytes)?)
    }

    /// The look that the proxy had, derived again from the frame that it was made of.
    pub(super) fn automatic(&self, view: &RawView<'_>) -> Rendering {
        Rendering::automatic(&Statistics::of(view), self.colour)
    }
}

/// Reads the first frame that is whole; failing that, the reference with its bad strips taken from the frames after it.
pub(super) fn read_burst(path: &Path) -> Result<Burst, Error> {
    let reader = SpoolReader::open(path)?;
    let colour = reader.header().colour;
    let mut best: Option<(RawGeometry, Vec<u8>, Vec<Range<u32>>)> = None;
    for position in 0..reader.frames().len() {
        let frame = reader.read_frame(position)?;
        if frame.bad_strips.is_empty() {
            return Ok(Burst { geometry: frame.geometry, bytes: frame.bytes, colour });
        }
        best = Some(match best {
            None => (frame.geometry, frame.bytes, frame.bad_strips),
            Some((geometry, mut bytes, bad)) => {
                let stride = geometry.stride_bytes;
                let overlaps = |rows: &Range<u32>| {
                    frame.bad_strips.iter().any(|other| rows.start < other.end && other.start < rows.end)
                };
                let still_bad = bad
                    .into_iter()
                    .filter(|rows| {
                        let (from, to) = (rows.start as usize * stride, rows.end as usize * stride);
                        match (overlaps(rows), bytes.get_mut(from..to), frame.bytes.get(from..to)) {
                            (false, Some(target), Some(source)) => {
                                target.copy_from_slice(source);
                                false
                            }
                            _ => true,
                        }
                    })
                    .collect();
                (geometry, bytes, still_bad)
            }
        });
    }
    match best {
        Some((geometry, bytes, bad)) if bad.is_empty() => Ok(Burst { geometry, bytes, colour }),
        _ => Err(reader.no_whole_picture().into()),
    }
}

/// Develops a raw picture of any source, on all processors. Blocks.
///
/// # Errors
/// [`Error::Develop`] when its geometry or rendering is out of range.
pub fn develop_raw(raw: &RawView<'_>, rendering: &Rendering, tier: Tier) -> Result<Picture, Error> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    develop(raw, rendering, tier, &Effort { threads, cancel: &AtomicBool::new(false), progress: &|_, _| {} })
}

/// With what a picture is developed, and who is told.
pub(super) struct Effort<'a> {
    pub(super) threads: NonZeroUsize,
    /// Setting it ends the work within one strip.
    pub(super) cancel: &'a AtomicBool,
    /// Told rows done and rows in all.
    pub(super) progress: &'a (dyn Fn(u32, u32) + Sync),
}

/// Rows of one strip: large enough that a thread is not woken for nothing, small enough that calling the work off is
/// felt at once.
const STRIP: u32 = 64;

pub(super) fn develop(
    raw: &RawView<'_>,
    rendering: &Rendering,
    tier: Tier,
    effort: &Effort<'_>,
) -> Result<Picture, Error> {
    let geometry = *raw.geometry();
    let demosaic = match tier {
        Tier::Preview => Demosaic::Bilinear,
        Tier::Video => Demosaic::GradientCorrected,
    };
    let plan = Plan::new(geometry, rendering, demosaic)?;
    let row_bytes = geometry.width as usize * 3;
    let mut data = vec![0; row_bytes * geometry.height as usize];
    let done = AtomicU32::new(0);
    {
        let strips = Mutex::new(data.chunks_mut(row_bytes * STRIP as usize).enumerate());
        let work = || {
            loop {
                let next = strips.lock().unwrap_or_else(PoisonError::into_inner).next();
                let (Some((index, out)), false) = (next, effort.cancel.load(Ordering::Relaxed)) else {
                    return Ok(());
                };
                let start = u32::try_from(index).unwrap_or(u32::MAX).saturating_mul(STRIP);
                let end = geometry.height.min(start.saturating_add(STRIP));
                plan.strip(raw, start..end, out)?;
                (effort.progress)(
                    done.fetch_add(end - start, Ordering::Relaxed) + (end - start),
                    geometry.height,
                );
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (1..effort.threads.get()).map(|_| scope.spawn(work)).collect();
            let mine = work();
            workers.into_iter().map(|worker| worker.join().unwrap_or(Ok(()))).fold(mine, Result::and)
        })
        .map_err(|error: latent_isp::Error| Error::from(error))?;
    }
    if effort.cancel.load(Ordering::Relaxed) || done.load(Ordering::Relaxed) < geometry.height {
        return Err(Error::Cancelled);
    }
    Ok(Picture { width: geometry.width, height: geometry.height, data })
}
