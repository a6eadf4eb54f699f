//! Demosaic quality on the 24 Kodak pictures, by the literature's protocol: 8-bit picture, RGGB mosaic without
//! noise, result rounded to 8 bits, a border of 8 pixels cropped, CPSNR over three channels, mean over pictures.
#![allow(clippy::unwrap_used)]

mod pictures;

use latent_isp::tier::{LinearPlan, Plan};
use latent_isp::{CfaPattern, Demosaic, Packing, RawGeometry, RawView, Simd, Tier, demosaic};
use pictures::Rgb;

const BORDER: usize = 8;

fn cpsnr(picture: &Rgb, result: &[u16]) -> f64 {
    let (mut error, mut count) = (0_u64, 0_u64);
    for y in BORDER..picture.height - BORDER {
        let row = (y * picture.width + BORDER) * 3..((y + 1) * picture.width - BORDER) * 3;
        for (&sample, &truth) in result[row.clone()].iter().zip(&picture.data[row]) {
            let eight_bits = (u32::from(sample) + 128) / 257;
            error += u64::from(eight_bits.abs_diff(u32::from(truth))).pow(2);
            count += 1;
        }
    }
    10.0 * (255.0 * 255.0 * count as f64 / error as f64).log10()
}

#[test]
fn quality_is_that_of_the_literature() {
    let pictures = match pictures::kodak() {
        Ok(pictures) => pictures,
        Err(reason) => return println!("SKIP kodak: {reason}"),
    };
    let mut sums = [0.0; 2];
    for picture in &pictures {
        let mosaic: Vec<u16> = (0..picture.width * picture.height)
            .map(|i| {
                let (x, y) = ((i % picture.width) as u32, (i / picture.width) as u32);
                u16::from(picture.data[3 * i + CfaPattern::Rggb.channel_at(x, y) as usize]) * 257
            })
            .collect();
        let size = (picture.width as u32, picture.height as u32);
        let mut out = vec![0; mosaic.len() * 3];
        for (sum, method) in sums.iter_mut().zip([Demosaic::Bilinear, Demosaic::GradientCorrected]) {
            demosaic::rows(method, CfaPattern::Rggb, &mosaic, size, 0..size.1, &mut out).unwrap();
            *sum += cpsnr(picture, &out);
        }
    }
    let [bilinear, gradient_corrected] = sums.map(|sum| sum / pictures.len() as f64);
    println!("kodak: bilinear {bilinear:.3} dB, gradient-corrected {gradient_corrected:.3} dB");
    assert!((bilinear - 30.26).abs() <= 0.02, "bilinear {bilinear}");
    assert!((gradient_corrected - 35.80).abs() <= 0.03, "gradient-corrected {gradient_corrected}");
}

fn geometry(picture: &Rgb, bits: u8, packing: Packing) -> RawGeometry {
    RawGeometry {
        width: picture.width as u32,
        height: picture.height as u32,
        stride_bytes: packing.row_bytes(bits, picture.width).unwrap(),
        bits,
        packing,
        pattern: CfaPattern::Rggb,
        black: 0,
        white: u16::MAX >> (16 - u32::from(bits)),
    }
}

/// What the photosites see of a picture.
fn seen(picture: &Rgb) -> impl Iterator<Item = u8> {
    (0..picture.width * picture.height).map(|i| {
        let (x, y) = ((i % picture.width) as u32, (i / picture.width) as u32);
        picture.data[3 * i + CfaPattern::Rggb.channel_at(x, y) as usize]
    })
}

fn linear(code: u8) -> f64 {
    let value = f64::from(code) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn srgb(linear: f64) -> f64 {
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// The picture as its tier gives it back, from 8-bit samples.
fn by_tier(picture: &Rgb, tier: Tier) -> Vec<u16> {
    let geometry = geometry(picture, 8, Packing::Bytes);
    let bytes: Vec<u8> = seen(picture).collect();
    let view = RawView::new(geometry, &bytes).unwrap();
    let plan = Plan::new(geometry, tier, Simd::detect()).unwrap();
    let mut out = vec![0; picture.data.len()];
    plan.strip_with(&mut plan.scratch(), &view, 0..geometry.height, &mut out).unwrap();
    out.into_iter().map(|code| u16::from(code) * 257).collect()
}

/// The same from 10-bit samples that are linear in light.
fn by_linear_tier(picture: &Rgb, tier: Tier) -> Vec<u16> {
    let geometry = geometry(picture, 10, Packing::Le16);
    let white = f64::from(geometry.white);
    let bytes: Vec<u8> =
        seen(picture).flat_map(|code| ((linear(code) * white).round() as u16).to_le_bytes()).collect();
    let view = RawView::new(geometry, &bytes).unwrap();
    let plan = LinearPlan::new(geometry, tier, Simd::detect()).unwrap();
    let mut out = vec![0; picture.data.len()];
    plan.strip_with(&mut plan.scratch(), &view, 0..geometry.height, &mut out).unwrap();
    out.into_iter().map(|code| (srgb(f64::from(code) / white) * 65_535.0).round() as u16).collect()
}

#[test]
fn tiers_keep_their_quality() {
    let pictures = match pictures::kodak() {
        Ok(pictures) => pictures,
        Err(reason) => return println!("SKIP kodak: {reason}"),
    };
    for (tier, least, least_linear) in [
        (Tier::Preview, 30.25, 30.0),
        (Tier::Video, 38.0, 37.5),
        (Tier::Still, 38.9, 38.5),
        (Tier::Best, 39.85, 39.4),
    ] {
        let mean = |result: fn(&Rgb, Tier) -> Vec<u16>| {
            pictures.iter().map(|picture| cpsnr(picture, &result(picture, tier))).sum::<f64>()
                / pictures.len() as f64
        };
        let (standard, linear) = (mean(by_tier), mean(by_linear_tier));
        println!("kodak: {} {standard:.3} dB, on linear data {linear:.3} dB", tier.name());
        assert!(standard >= least, "{} {standard}", tier.name());
        assert!(linear >= least_linear, "{} on linear data {linear}", tier.name());
    }
}
