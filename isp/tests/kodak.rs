//! Demosaic quality on the 24 Kodak pictures, by the literature's protocol: 8-bit picture, RGGB mosaic without
//! noise, result rounded to 8 bits, a border of 8 pixels cropped, CPSNR over three channels, mean over pictures.
#![allow(clippy::unwrap_used)]

mod pictures;

use latent_isp::{CfaPattern, Demosaic, demosaic};
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
