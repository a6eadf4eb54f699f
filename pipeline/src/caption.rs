//! What a photo's file says of itself, from what the library knows of the photo.

use std::time::Duration;

use uuid::Uuid;

use crate::library::{Asset, Shot};
use crate::metadata::PhotoMetadata;
use crate::photo::{Quality, State, Tier};

/// The name and version that files carry.
pub const SOFTWARE: &str = concat!("Latent ", env!("CARGO_PKG_VERSION"));

/// What changes from one rendering of a photo to the next.
#[derive(Clone, Debug)]
pub struct Rendition {
    /// 1 for the proxy, 2 for the first full picture.
    pub generation: u32,
    /// What the pixels are.
    pub quality: Quality,
    /// The tier of a full picture.
    pub tier: Option<Tier>,
    /// Whether more is to come.
    pub state: State,
    /// Why a fallback is one.
    pub reason: Option<String>,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The metadata of a rendition of a photo.
pub fn of(
    library: Uuid,
    asset: Uuid,
    captured_at: &jiff::Zoned,
    shot: &Shot,
    rendition: Rendition,
) -> PhotoMetadata {
    PhotoMetadata {
        asset_id: asset,
        library_id: library,
        instance_id: Uuid::now_v7(),
        generation: rendition.generation,
        quality: rendition.quality,
        tier: rendition.tier,
        state: rendition.state,
        reason: rendition.reason,
        captured_at: captured_at.clone(),
        orientation: shot.orientation,
        make: shot.make.clone(),
        model: shot.model.clone(),
        software: SOFTWARE.to_owned(),
        exposure: shot
            .exposure_us
            .zip(shot.gain)
            .map(|(time, gain)| latent_hal::Exposure { time: Duration::from_micros(time), gain }),
        width: rendition.width,
        height: rendition.height,
        simulated: shot.simulated,
    }
}

/// The metadata of a fallback: the low picture stays, and its file says that nothing more comes.
pub fn of_fallback(library: Uuid, asset: &Asset, reason: &str) -> PhotoMetadata {
    let rendition = Rendition {
        generation: asset.generation,
        quality: asset.quality,
        tier: asset.tier,
        state: State::FinalFallback,
        reason: Some(reason.to_owned()),
        width: 0,
        height: 0,
    };
    of(library, asset.asset_id, &asset.captured_at, &asset.shot, rendition)
}
