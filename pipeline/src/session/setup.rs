//! A camera set up for photos: its mode chosen, configured and streaming.

use latent_hal::{Camera, CameraInfo, StreamConfig, StreamRequest};

use super::{SessionOptions, ring};
use crate::error::Error;
use crate::mode::{self, Wish};
use crate::pixels::Pixels;

/// What a camera that streams is, and what its frames are.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) info: CameraInfo,
    pub(crate) config: StreamConfig,
    pub(crate) pixels: Pixels,
}

/// Chooses the mode, configures the camera and starts it.
pub(super) fn start(camera: &mut dyn Camera, options: &SessionOptions) -> Result<Setup, Error> {
    let modes = camera.modes()?;
    let mode = mode::choose(&modes, &options.wish).ok_or_else(|| latent_hal::Error::Unsupported {
        camera: camera.info().id.clone(),
        reason: lacking(&options.wish, modes.is_empty()),
    })?;
    let config =
        camera.configure(&StreamRequest { mode, held: options.burst.saturating_add(ring::DEPTH) })?;
    let info = camera.info().clone();
    let pixels = Pixels::of(&config, &info.sensor);
    pixels.validate()?;
    camera.start()?;
    Ok(Setup { info, config, pixels })
}

fn lacking(wish: &Wish, none_at_all: bool) -> String {
    if none_at_all {
        return "it offers no mode".to_owned();
    }
    let format = wish.format.map_or_else(|| "a mode".to_owned(), |format| format!("the format {format}"));
    let size = wish.size.map_or_else(String::new, |(width, height)| format!(" at {width}x{height}"));
    format!("it does not offer {format}{size}; `latent devices` lists what it has")
}
