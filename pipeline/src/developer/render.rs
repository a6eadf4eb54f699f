//! From a burst to a picture: chooses the frame, cuts it into strips, and runs them on threads.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use latent_isp::develop::Plan;
use latent_isp::yuv::{self, YuvView};
use latent_isp::{Demosaic, Picture, RawView, Rendering, SensorColour, Simd, Statistics};

use crate::camera_jpeg::{self, Shape};
use crate::error::Error;
use crate::fault;
use crate::photo::Tier;
use crate::pixels::Pixels;
use crate::spool::{SpoolReader, SpooledFrame};

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
    pub(super) pixels: Pixels,
    pub(super) bytes: Vec<u8>,
    colour: Option<SensorColour>,
}

impl Burst {
    /// The look that the proxy had, derived again from the frame that it was made of.
    pub(super) fn automatic(&self, view: &RawView<'_>) -> Rendering {
        Rendering::automatic(&Statistics::of(view), self.colour)
    }
}

/// Reads the first frame that is whole; failing that, the reference with its bad strips taken from the frames after it.
/// Parts of one JPEG are none of another: of those only whole ones are taken, whose data is checked as well.
pub(super) fn read_burst(path: &Path) -> Result<Burst, Error> {
    let reader = SpoolReader::open(path)?;
    let colour = reader.header().colour;
    let mut best: Option<SpooledFrame> = None;
    for position in 0..reader.frames().len() {
        let frame = reader.read_frame(position)?;
        let SpooledFrame { pixels, bad_strips, .. } = &frame;
        let is_whole = match pixels {
            Pixels::Raw(_) | Pixels::Yuv(_) => bad_strips.is_empty(),
            Pixels::Jpeg(frames) => {
                let shape = Shape::of(&frame.bytes, frames.width, frames.height);
                // The same as for the proxy: what does not decode is no picture, however whole its data is.
                bad_strips.is_empty()
                    && shape.is_ok_and(|shape| {
                        camera_jpeg::check(&frame.bytes, &shape).is_ok()
                            && camera_jpeg::decode(&frame.bytes, &shape).is_ok()
                    })
            }
        };
        if is_whole {
            return Ok(Burst { pixels: *pixels, bytes: frame.bytes, colour });
        }
        best = match best {
            None => Some(frame),
            Some(mut best) => {
                mend(&mut best, &frame);
                Some(best)
            }
        };
    }
    match best {
        Some(SpooledFrame { pixels, bytes, bad_strips, .. })
            if bad_strips.is_empty() && !matches!(pixels, Pixels::Jpeg(_)) =>
        {
            Ok(Burst { pixels, bytes, colour })
        }
        _ => Err(reader.no_whole_picture().into()),
    }
}

/// Takes strips that are bad in one frame from another, where they are good.
fn mend(frame: &mut SpooledFrame, other: &SpooledFrame) {
    let stride = frame.row_bytes;
    let overlaps =
        |rows: &Range<u32>| other.bad_strips.iter().any(|bad| rows.start < bad.end && bad.start < rows.end);
    let bytes = &mut frame.bytes;
    frame.bad_strips.retain(|rows| {
        let (from, to) = (rows.start as usize * stride, rows.end as usize * stride);
        match (overlaps(rows), bytes.get_mut(from..to), other.bytes.get(from..to)) {
            (false, Some(target), Some(source)) => {
                target.copy_from_slice(source);
                false
            }
            _ => true,
        }
    });
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

/// Develops a raw picture.
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
    in_strips(geometry.width, geometry.height, effort, |rows, out| plan.strip(raw, rows, out))
}

/// Converts a picture that the camera developed.
pub(super) fn convert(view: &YuvView<'_>, effort: &Effort<'_>) -> Result<Picture, Error> {
    let geometry = *view.geometry();
    let plan = yuv::Plan::new(geometry, Simd::detect())?;
    in_strips(geometry.width, geometry.height, effort, |rows, out| plan.strip(view, rows, out))
}

fn in_strips(
    width: u32,
    height: u32,
    effort: &Effort<'_>,
    strip: impl Fn(Range<u32>, &mut [u8]) -> Result<(), latent_isp::Error> + Sync,
) -> Result<Picture, Error> {
    let mut picture = Picture::new(width, height)?;
    let row_bytes = width as usize * 3;
    let done = AtomicU32::new(0);
    {
        let strips = Mutex::new(picture.data.chunks_mut(row_bytes * STRIP as usize).enumerate());
        let failed = AtomicBool::new(false);
        let strips_of_one = || -> Result<(), latent_isp::Error> {
            loop {
                let next = strips.lock().unwrap_or_else(PoisonError::into_inner).next();
                let stop = effort.cancel.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
                let (Some((index, out)), false) = (next, stop) else { return Ok(()) };
                let start = u32::try_from(index).unwrap_or(u32::MAX).saturating_mul(STRIP);
                let end = height.min(start.saturating_add(STRIP));
                strip(start..end, out)?;
                (effort.progress)(done.fetch_add(end - start, Ordering::Relaxed) + (end - start), height);
            }
        };
        // A panic is a failure of this picture, and told apart from work that was called off.
        let work = || {
            let done = fault::caught("developer", strips_of_one).and_then(|done| done.map_err(Error::from));
            failed.fetch_or(done.is_err(), Ordering::Relaxed);
            done
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (1..effort.threads.get()).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let lost = || Error::Panicked { lane: "developer", message: "a thread was lost".to_owned() };
            let others = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(lost())));
            others.fold(mine, Result::and)
        })?;
    }
    if effort.cancel.load(Ordering::Relaxed) || done.load(Ordering::Relaxed) < height {
        return Err(Error::Cancelled);
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effort<'a>(threads: usize, cancel: &'a AtomicBool) -> Effort<'a> {
        let threads = NonZeroUsize::new(threads).unwrap();
        Effort { threads, cancel, progress: &|_, _| {} }
    }

    #[test]
    fn a_worker_that_panics_fails_the_picture_and_is_no_cancelling() {
        let cancel = AtomicBool::new(false);
        for threads in [1, 4] {
            let error = in_strips(8, 640, &effort(threads, &cancel), |rows, _| {
                assert!(!rows.contains(&200), "rows of lead");
                Ok(())
            })
            .unwrap_err();
            assert!(matches!(error, Error::Panicked { lane: "developer", .. }), "{error:?}");
            assert!(error.to_string().contains("rows of lead"), "{error}");
        }
        cancel.store(true, Ordering::Relaxed);
        let cancelled = in_strips(8, 640, &effort(2, &cancel), |_, _| Ok(()));
        assert!(matches!(cancelled, Err(Error::Cancelled)));
    }
}
