//! How pictures look: neutral, medium bright, and the same from both paths. Raw frames are made of the Kodak pictures
//! (see `kodak.rs` for where they are): linear light, a sensor's channel gains and black level, mosaicked.

#![allow(clippy::unwrap_used)]

mod pictures;

use latent_isp::{
    CfaPattern, Demosaic, Packing, Picture, RawGeometry, RawView, Rendering, SensorColour, Statistics,
    develop, proxy,
};
use pictures::Rgb;

const BLACK: u16 = 256;
const WHITE: u16 = 4095;
/// Side in pixels of the areas over which both paths must agree; divides the half sizes of the pictures.
const BLOCK: usize = 16;

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
            errors.push(error_degrees(rendering.gains, gains));
        }
        errors.sort_by(f64::total_cmp);
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
        println!("white balance {gains:?}: mean {mean:.1}, median {median:.1}, worst {worst:.1} degrees");
        // Grey world has a mean of 12 and a worst of 46 degrees on the same pictures.
        assert!(mean < 6.5 && median < 4.5 && worst < 18.0);
    }
}

/// The picture's brightness as a share of full code.
fn brightness(picture: &Picture) -> f64 {
    picture.data.iter().map(|&code| f64::from(code)).sum::<f64>() / picture.data.len() as f64 / 255.0
}

#[test]
fn dark_raw_comes_out_bright() {
    let pictures = match pictures::kodak() {
        Ok(pictures) => pictures,
        Err(reason) => return println!("SKIP kodak: {reason}"),
    };
    for light in [0.9, 0.4, 0.15] {
        let mut results = Vec::new();
        for picture in &pictures {
            let (geometry, data) = frame(picture, CfaPattern::Rggb, [2.0, 1.0, 1.4], light);
            let proxy = proxy::bin(&RawView::new(geometry, &data).unwrap()).unwrap();
            let rendering = Rendering::automatic(proxy.statistics(), None);
            results.push(brightness(&proxy.render(&rendering).unwrap()));
        }
        results.sort_by(f64::total_cmp);
        let (least, median, most) = (results[0], results[results.len() / 2], results[results.len() - 1]);
        println!("brightness at light {light}: least {least:.2}, median {median:.2}, most {most:.2}");
        assert!(least > 0.2 && (0.38..0.5).contains(&median) && most < 0.75);
    }
}

#[test]
fn the_proxy_looks_like_the_full_picture() {
    let pictures = match pictures::kodak() {
        Ok(pictures) => pictures,
        Err(reason) => return println!("SKIP kodak: {reason}"),
    };
    let matrix = [[1.6, -0.4, -0.2], [-0.2, 1.5, -0.3], [0.0, -0.6, 1.6]];
    let (mut total, mut worst_block, mut worst_shift) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (picture, pattern) in pictures.iter().zip(CfaPattern::ALL.into_iter().cycle()) {
        let (geometry, data) = frame(picture, pattern, [2.0, 1.0, 1.4], 0.5);
        let view = RawView::new(geometry, &data).unwrap();
        let proxy = proxy::bin(&view).unwrap();
        let rendering =
            Rendering::automatic(proxy.statistics(), Some(SensorColour { matrix, daylight: None }));
        let small = proxy.render(&rendering).unwrap();
        let full = develop::develop(&view, &rendering, Demosaic::GradientCorrected).unwrap();
        let (width, height) = (small.width as usize, small.height as usize);
        let blocks = (width / BLOCK, height / BLOCK);
        let mut block_sums = vec![[0.0; 3]; blocks.0 * blocks.1];
        let (mut amount, mut shift) = (0.0, [0.0; 3]);
        for (i, &code) in small.data.iter().enumerate() {
            let (x, y, channel) = (i / 3 % width, i / 3 / width, i % 3);
            let box_sum: f64 = [(0, 0), (1, 0), (0, 1), (1, 1)]
                .map(|(dx, dy)| full.data[((2 * y + dy) * picture.width + 2 * x + dx) * 3 + channel])
                .map(f64::from)
                .iter()
                .sum();
            let difference = f64::from(code) - box_sum / 4.0;
            amount += difference.abs();
            shift[channel] += difference;
            block_sums[y / BLOCK * blocks.0 + x / BLOCK][channel] += difference;
        }
        total += amount / small.data.len() as f64;
        let block_amount: f64 =
            block_sums.iter().flatten().map(|sum| (sum / (BLOCK * BLOCK) as f64).abs()).sum();
        worst_block = worst_block.max(block_amount / (3 * block_sums.len()) as f64);
        let pixels = (width * height) as f64;
        worst_shift = shift.iter().fold(worst_shift, |worst, sum| worst.max((sum / pixels).abs()));
    }
    let mean = total / pictures.len() as f64;
    println!(
        "proxy against full, codes: mean {mean:.2}, worst picture's blocks {worst_block:.2}, shift {worst_shift:.2}"
    );
    // These pictures are sharp to the pixel, the matrix is strong, and neither path sees what lies between samples:
    // single pixels differ at edges. Areas and the whole must not.
    assert!(mean < 8.5 && worst_block < 3.5 && worst_shift < 3.0);
}

/// A frame whose light is given for each pixel and channel, 0 to 1.
fn synthetic(light: impl Fn(u32, u32) -> [f64; 3]) -> Statistics {
    let (width, height) = (320, 240);
    let geometry = RawGeometry {
        width,
        height,
        stride_bytes: width as usize * 2,
        bits: 12,
        packing: Packing::Le16,
        pattern: CfaPattern::Bggr,
        black: BLACK,
        white: WHITE,
    };
    let mut data = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let level = light(x, y)[geometry.pattern.channel_at(x, y) as usize].clamp(0.0, 1.0);
            data.extend((BLACK + (level * f64::from(WHITE - BLACK)) as u16).to_le_bytes());
        }
    }
    Statistics::of(&RawView::new(geometry, &data).unwrap())
}

/// Noise between -1 and 1.
fn noise(x: u32, y: u32) -> f64 {
    let mixed = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77)).wrapping_mul(0xc2b2_ae3d);
    f64::from(mixed >> 8) / f64::from(1 << 23) - 1.0
}

#[test]
fn a_noisy_grey_card_is_grey() {
    let sensor = [0.5, 1.0, 0.7];
    let card = synthetic(|x, y| sensor.map(|share| share * (0.3 + 0.01 * noise(x, y))));
    let found = Rendering::automatic(&card, None).gains;
    assert!(error_degrees(found, [2.0, 1.0, 1.0 / 0.7]) < 1.0, "{found:?}");
}

#[test]
fn colour_bars_stay_what_they_are() {
    let bars = [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]];
    for level in [0.3, 0.75, 1.0] {
        let picture = synthetic(|x, _| bars[(x / 40) as usize].map(|on| level * f64::from(on)));
        let rendering = Rendering::automatic(&picture, None);
        assert!(error_degrees(rendering.gains, [1.0; 3]) < 6.0, "{level}: {rendering:?}");
    }
}

#[test]
fn scenes_without_an_answer_stay_within_bounds() {
    let scenes: [(&str, [f64; 3]); 8] = [
        ("black", [0.0; 3]),
        ("white", [1.0; 3]),
        ("red", [0.6, 0.02, 0.02]),
        ("green", [0.02, 0.6, 0.02]),
        ("blue", [0.02, 0.02, 0.6]),
        ("pure red", [0.6, 0.0, 0.0]),
        ("saturated green", [0.3, 1.0, 0.3]),
        ("night", [0.0005, 0.001, 0.0006]),
    ];
    for (name, colour) in scenes {
        let rendering = Rendering::automatic(&synthetic(|_, _| colour), None);
        assert_eq!(rendering.validate(), Ok(()), "{name}");
        assert!(rendering.gains.iter().all(|&gain| gain <= 5.0), "{name}: {rendering:?}");
        assert!(rendering.exposure <= 8.0, "{name}: {rendering:?}");
    }
}
