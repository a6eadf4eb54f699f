//! How pictures look: neutral, medium bright, and the same from both paths. Raw frames are made of the Kodak pictures
//! (see `kodak.rs` for where they are): linear light, a sensor's channel gains and black level, mosaicked.

#![allow(clippy::unwrap_used)]

mod pictures;

use latent_isp::{
    CfaPattern, Demosaic, Packing, Picture, RawGeometry, RawView, Rendering, Statistics, develop, proxy,
};
use pictures::Rgb;

const BLACK: u16 = 256;
const WHITE: u16 = 4095;

/// A 12-bit frame of a sensor whose red and blue must be amplified by `gains`.
fn frame(picture: &Rgb, pattern: CfaPattern, gains: [f64; 3], light: f64) -> (RawGeometry, Vec<u8>) {
    let geometry = RawGeometry {
        width: picture.width as u32,
        height: picture.height as u32,
        stride_bytes: picture.width * 2,
        bits: 12,
        packing: Packing::Le16,
        pattern,
        black: BLACK,
        white: WHITE,
    };
    let data = (0..picture.width * picture.height)
        .flat_map(|i| {
            let (x, y) = ((i % picture.width) as u32, (i / picture.width) as u32);
            let channel = pattern.channel_at(x, y) as usize;
            let code = f64::from(picture.data[3 * i + channel]) / 255.0;
            let linear = if code <= 0.04045 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) };
            let level = linear * light / gains[channel] * f64::from(WHITE - BLACK);
            (BLACK + level.round() as u16).to_le_bytes()
        })
        .collect();
    (geometry, data)
}

/// Angle in degrees between the light that was found and the light there was.
fn error_degrees(found: [f32; 3], truth: [f64; 3]) -> f64 {
    let light = [0, 1, 2].map(|i| truth[i] / f64::from(found[i]));
    let dot: f64 = light.iter().sum();
    let length = light.iter().map(|value| value * value).sum::<f64>().sqrt();
    (dot / (length * 3.0_f64.sqrt())).min(1.0).acos().to_degrees()
}

#[test]
fn normal_scenes_come_out_neutral() {
    let pictures = match pictures::kodak() {
        Ok(pictures) => pictures,
        Err(reason) => return println!("SKIP kodak: {reason}"),
    };
    for gains in [[1.0, 1.0, 1.0], [2.0, 1.0, 1.4], [1.7, 1.0, 1.7], [1.2, 1.0, 2.6]] {
        let mut errors: Vec<f64> = Vec::new();
        for picture in &pictures {
            let (geometry, data) = frame(picture, CfaPattern::Grbg, gains, 0.5);
            let view = RawView::new(geometry, &data).unwrap();
            let rendering = Rendering::automatic(&Statistics::of(&view), None);
            let error = error_degrees(rendering.gains, gains);
            errors.push(error);
        }
        errors.sort_by(f64::total_cmp);
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        println!(
            "white balance {gains:?}: mean {mean:.1}, median {:.1}, worst {:.1} degrees",
            errors[12], errors[23]
        );
    }
}
