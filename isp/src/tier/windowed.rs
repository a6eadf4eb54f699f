//! The tiers that see a window of rows, in quarters of an 8-bit code.

use super::interpolator::{Halves, Interpolator};
use super::video::Video;
use super::{Tier, preview};
use crate::RawGeometry;
use crate::mosaic::SplitRow;
use crate::simd::Simd;

/// Demosaics row after row.
#[derive(Debug, Clone)]
pub(crate) enum Windowed {
    Preview(Box<Interpolator<u16>>),
    Video(Box<Video<u16>>),
}

impl Windowed {
    /// For frames of a valid geometry; none for the directional tiers, which work in bands.
    pub(crate) fn new(tier: Tier, geometry: &RawGeometry, simd: Simd) -> Option<Windowed> {
        match tier {
            Tier::Preview => {
                Some(Windowed::Preview(Box::new(Interpolator::new(preview::METHOD, geometry, simd))))
            }
            Tier::Video => Some(Windowed::Video(Box::new(Video::new(geometry, simd)))),
            Tier::Still | Tier::Best => None,
        }
    }

    /// Drops all rows: the next ones come from another picture.
    pub(crate) fn clear(&mut self) {
        match self {
            Windowed::Preview(interpolator) => interpolator.clear(),
            Windowed::Video(video) => video.clear(),
        }
    }

    /// Row `y` in all colours; `load` is asked for the rows of the neighbourhood that are not held yet.
    pub(crate) fn row(&mut self, y: u32, load: &mut dyn FnMut(u32, &mut SplitRow<u16>)) -> Halves<'_, u16> {
        match self {
            Windowed::Preview(interpolator) => interpolator.row(y, load),
            Windowed::Video(video) => video.row(y, load),
        }
    }
}
