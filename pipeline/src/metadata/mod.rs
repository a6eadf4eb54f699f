//! What a picture file says of itself: EXIF and XMP of a photo, written and read back.
//!
//! Owns: [`PhotoMetadata`] and its two forms in a JPEG, the [`Identity`] by which a file is known as ours, and the walk
//! over a JPEG's segments. Never: pixels, paths.

mod exif;
mod identity;
pub mod jpeg;
mod markup;
mod xmp;

use jiff::Zoned;
use latent_hal::Exposure;
use uuid::Uuid;

use crate::photo::{Quality, State, Tier};

pub use exif::exif;
pub use identity::{Identity, identity, rewrite_state};
pub use xmp::xmp;

/// The longest string that goes into a file, in characters: names come from drivers, reasons from errors.
const TEXT_LIMIT: usize = 1000;

/// What a photo's file says besides its pixels. Both phases say the same, but for `instance_id`, `generation`,
/// `quality`, `tier`, `state` and `reason`.
#[derive(Clone, Debug, PartialEq)]
pub struct PhotoMetadata {
    /// The photo, the same for its whole life.
    pub asset_id: Uuid,
    /// The library that it belongs to.
    pub library_id: Uuid,
    /// This rendering of the photo: a new one for every file content.
    pub instance_id: Uuid,
    /// 1 for the proxy, 2 for the first full picture, and on.
    pub generation: u32,
    /// What the pixels are.
    pub quality: Quality,
    /// The tier of a full picture.
    pub tier: Option<Tier>,
    /// Whether more is to come.
    pub state: State,
    /// Why a fallback is one; at most 1000 characters are kept.
    pub reason: Option<String>,
    /// When the shutter was pressed, local time with its offset.
    pub captured_at: Zoned,
    /// EXIF orientation, 1 to 8; others count as 1.
    pub orientation: u8,
    /// Who made the camera; left out when empty.
    pub make: String,
    /// Which camera; left out when empty.
    pub model: String,
    /// The program and its version.
    pub software: String,
    /// Exposure time and gain, where the camera tells.
    pub exposure: Option<Exposure>,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// True when no light was seen; the file says so.
    pub simulated: bool,
}

impl PhotoMetadata {
    /// True when nothing further is scheduled, so that the file may be synchronised.
    pub fn sync_ok(&self) -> bool {
        self.state != State::Pending
    }
}
