//! From a camera's words to the ISP's and the library's: the two crates below do not know each other.

use std::time::Duration;

use latent_hal::{CameraInfo, Frame, RawFormat, Sensor, StreamConfig};
use latent_isp::{CfaPattern, Packing, RawGeometry, SensorColour};

use crate::library::Shot;

/// The frames of a raw stream. A sensor that is not calibrated counts from 0 to the full code.
pub fn geometry(config: &StreamConfig, format: RawFormat, sensor: &Sensor) -> RawGeometry {
    let bits = format.bits;
    let full = u16::MAX >> (16 - u32::from(bits.clamp(1, 16)));
    RawGeometry {
        width: config.width,
        height: config.height,
        stride_bytes: config.stride_bytes,
        bits,
        packing: match format.packing {
            latent_hal::Packing::Bytes => Packing::Bytes,
            latent_hal::Packing::Le16 => Packing::Le16,
            latent_hal::Packing::Mipi => Packing::Mipi,
        },
        pattern: match format.pattern {
            latent_hal::CfaPattern::Rggb => CfaPattern::Rggb,
            latent_hal::CfaPattern::Grbg => CfaPattern::Grbg,
            latent_hal::CfaPattern::Gbrg => CfaPattern::Gbrg,
            latent_hal::CfaPattern::Bggr => CfaPattern::Bggr,
        },
        black: sensor.black.unwrap_or(0),
        white: sensor.white.unwrap_or(full),
    }
}

/// The colours of a sensor that is calibrated.
pub fn colour(sensor: &Sensor) -> Option<SensorColour> {
    sensor.matrix.map(|matrix| SensorColour { matrix, daylight: sensor.daylight })
}

/// What is known of a shot beside its pixels.
pub fn shot(camera: &CameraInfo, config: &StreamConfig, frame: &Frame, requested: Duration) -> Shot {
    let exposure = frame.shot().exposure;
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Shot {
        make: if camera.simulated { "Latent".to_owned() } else { camera.driver.clone() },
        model: camera.model.clone(),
        exposure_us: exposure.map(|exposure| micros(exposure.time)),
        gain: exposure.map(|exposure| exposure.gain),
        orientation: 1,
        simulated: camera.simulated,
        requested_us: micros(requested),
        raw_width: config.width,
        raw_height: config.height,
    }
}
