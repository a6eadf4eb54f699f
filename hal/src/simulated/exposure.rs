//! One frame: the plate under a shift, through the mosaic, the pixels' errors and the converter, into bytes.

use std::sync::atomic::{AtomicBool, Ordering};

use super::noise::{Gaussian, hash};
use super::options::Options;
use super::packing::pack;
use super::plate::{self, Plate, Samples, Shift};
use super::scene::Scene;
use super::sensor::{self, Defect, DefectKind, Spectrum};
use super::shake::Shake;
use crate::format::{CfaPattern, RawFormat};

/// Everything about a camera that does not change from frame to frame.
#[derive(Debug)]
pub(super) struct Exposer {
    width: u32,
    height: u32,
    format: RawFormat,
    seed: u64,
    black: u16,
    white: u16,
    range: f32,
    brightness: f32,
    /// Variance of a sample as `[of a code of signal, without light]`, before quantisation.
    variance: [f32; 2],
    plate: Plate,
    /// How sensitive each sample is, row by row.
    sensitivity: Vec<u16>,
    defects: Vec<Defect>,
    gaussian: Gaussian,
    shake: Option<Shake>,
}

impl Exposer {
    /// Draws the scene; about four seconds of CPU for 12 million samples, on two threads.
    pub(super) fn new(options: &Options) -> Self {
        let scene = Scene::new(options.seed);
        let spectrum = Spectrum::new(options.brightness());
        let (width, height) = (options.width as f32, options.height as f32);
        // The scene is drawn for 4:3; other shapes see a part of it.
        let pixel = (Scene::WIDTH / width).min(1.0 / height);
        Self::with_light(options, |x, y| {
            let (right, down) = (x + 0.5 - width / 2.0, y + 0.5 - height / 2.0);
            spectrum.see(scene.radiance(Scene::WIDTH / 2.0 + right * pixel, 0.5 + down * pixel, pixel))
        })
    }

    /// The same camera before any light: see [`Plate::draw`].
    fn with_light(options: &Options, light: impl Fn(f32, f32) -> [f32; 3] + Sync) -> Self {
        let Options { width, height, format, seed, .. } = *options;
        let gaussian = Gaussian::new();
        let mut sensitivity = vec![0; width as usize * height as usize];
        let measure = |rows: &mut [u16]| {
            for (y, row) in (0..height).zip(rows.chunks_mut(width as usize)) {
                sensor::sensitivity(&gaussian, seed, [width, height], y, colours(format.pattern, y), row);
            }
        };
        let plate = std::thread::scope(|scope| {
            let rows = &mut sensitivity;
            scope.spawn(|| measure(rows));
            Plate::draw(width, height, light)
        });
        let noise = options.noise_profile();
        Self {
            width,
            height,
            format,
            seed,
            black: options.black,
            white: options.white(),
            range: options.range(),
            brightness: options.brightness(),
            // Rounding to codes adds its part of the profile by itself.
            variance: [noise.slope, noise.offset - 1.0 / 12.0],
            plate,
            sensitivity,
            defects: sensor::defects(seed, width, height),
            gaussian,
            shake: options.shake.then(|| Shake::new(seed, width, options.fps)),
        }
    }

    /// Writes the frame with this number into rows of `stride` bytes; stops early when `cancelled`.
    pub(super) fn expose(&self, sequence: u64, stride: usize, out: &mut [u8], cancelled: &AtomicBool) {
        let shift = Shift::new(self.shake.as_ref().map_or([0.0; 2], |shake| shake.at(sequence)));
        let frame_key = hash(hash(self.seed).wrapping_add(sequence));
        let width = self.width as usize;
        let mut samples = [Samples::new(self.width), Samples::new(self.width)];
        let (mut row, mut noise) = (vec![0; width], vec![0.0; width]);
        let sensitivity = self.sensitivity.chunks(width);
        for ((y, bytes), sensitivity) in (0..self.height).zip(out.chunks_mut(stride)).zip(sensitivity) {
            if cancelled.load(Ordering::Relaxed) {
                return;
            }
            let colours = colours(self.format.pattern, y);
            for (x, samples) in samples.iter_mut().enumerate() {
                self.plate.sample(colours[x], x, y as usize, shift, samples);
            }
            self.gaussian.fill(hash(frame_key.wrapping_add(u64::from(y))), &mut noise);
            self.convert([&samples[0].across, &samples[1].across], sensitivity, &noise, &mut row);
            self.mar(y, &mut row);
            pack(self.format, &row, bytes);
        }
    }

    /// Light to codes.
    fn convert(&self, light: [&[u16]; 2], sensitivity: &[u16], noise: &[f32], row: &mut [u16]) {
        let codes = self.range / (plate::FULL * sensor::EVEN / 65536.0);
        let (black, white) = (f32::from(self.black), f32::from(self.white));
        let [slope, offset] = self.variance;
        let convert = |light: u16, sensitivity: u16, noise: f32| {
            let light = (u32::from(light) * u32::from(sensitivity)) >> 16;
            let signal = light as f32 * codes;
            let value = black + signal + (slope * signal + offset).sqrt() * noise;
            let value = if value < 0.0 { 0.0 } else { value };
            let value = if value > white { white } else { value };
            // Adding 2^23 rounds to whole codes and leaves them in the low bits of the float.
            (value + 8_388_608.0).to_bits() as u16
        };
        let pairs = row.chunks_exact_mut(2).zip(sensitivity.chunks_exact(2)).zip(noise.chunks_exact(2));
        for (((pair, sensitivity), noise), (even, odd)) in pairs.zip(light[0].iter().zip(light[1])) {
            pair[0] = convert(*even, sensitivity[0], noise[0]);
            pair[1] = convert(*odd, sensitivity[1], noise[1]);
        }
    }

    /// Puts the defective pixels into a row.
    fn mar(&self, y: u32, row: &mut [u16]) {
        let first = self.defects.partition_point(|defect| defect.y < y);
        for defect in self.defects[first..].iter().take_while(|defect| defect.y == y) {
            let sample = &mut row[defect.x as usize];
            *sample = match defect.kind {
                DefectKind::Dead => self.black,
                DefectKind::Hot(share) => {
                    let extra = share * self.brightness * self.range;
                    (*sample).saturating_add(extra as u16).min(self.white)
                }
            };
        }
    }
}

/// The colours (0 red, 1 green, 2 blue) of a row's even and odd samples.
fn colours(pattern: CfaPattern, y: u32) -> [usize; 2] {
    let cell = match pattern {
        CfaPattern::Rggb => [[0, 1], [1, 2]],
        CfaPattern::Grbg => [[1, 0], [2, 1]],
        CfaPattern::Gbrg => [[1, 2], [0, 1]],
        CfaPattern::Bggr => [[2, 1], [1, 0]],
    };
    cell[y as usize % 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn options(text: &str) -> Options {
        text.parse().unwrap()
    }

    fn frame(exposer: &Exposer, sequence: u64) -> Vec<u16> {
        let stride = exposer.format.row_bytes(exposer.width);
        let mut bytes = vec![0; stride * exposer.height as usize];
        exposer.expose(sequence, stride, &mut bytes, &NEVER);
        match exposer.format.bits {
            8 => bytes.into_iter().map(u16::from).collect(),
            _ => bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
        }
    }

    /// Mean over samples, and mean over samples of the variance from frame to frame.
    fn mean_and_variance(frames: &[Vec<u16>]) -> (f64, f64) {
        let count = frames.len() as f64;
        let samples = frames[0].len();
        let (mut mean, mut variance) = (0.0, 0.0);
        for i in 0..samples {
            let own = frames.iter().map(|frame| f64::from(frame[i])).sum::<f64>() / count;
            let squares = frames.iter().map(|frame| (f64::from(frame[i]) - own).powi(2)).sum::<f64>();
            mean += own / samples as f64;
            variance += squares / (count - 1.0) / samples as f64;
        }
        (mean, variance)
    }

    #[test]
    fn noise_is_as_the_profile_says() {
        for settings in ["bits=8,gain=8", "bits=10", "bits=12,gain=4", "bits=14,gain=16", "bits=16"] {
            for level in [0.02, 0.1, 0.4] {
                let options = options(&format!("size=64x48,{settings}"));
                let exposer = Exposer::with_light(&options, |_, _| [level; 3]);
                let frames: Vec<_> = (0..40).map(|sequence| frame(&exposer, sequence)).collect();
                let (mean, variance) = mean_and_variance(&frames);
                let profile = options.noise_profile();
                let signal = mean - f64::from(options.black);
                let expected = f64::from(profile.slope) * signal + f64::from(profile.offset);
                // 40 frames of 3072 samples: the estimate itself spreads by 0.4 percent.
                assert!(
                    (variance / expected - 1.0).abs() < 0.02,
                    "{settings} {level}: {variance} {expected}"
                );
                let even = f64::from(level * options.range());
                assert!(signal > 0.8 * even && signal < even, "{settings} {level}: {signal} of {even}");
            }
        }
    }

    #[test]
    fn a_dark_frame_is_black_in_the_mean() {
        for bits in [8, 10, 12, 14, 16] {
            let options = options(&format!("size=64x48,exposure=0,bits={bits}"));
            let exposer = Exposer::new(&options);
            let frames: Vec<_> = (0..8).map(|sequence| frame(&exposer, sequence)).collect();
            let (mean, variance) = mean_and_variance(&frames);
            let black = f64::from(options.black);
            let error = (variance / (8.0 * 3072.0)).sqrt();
            assert!((mean - black).abs() < 5.0 * error + 1e-9, "{bits}: {mean} is not {black}");
            let expected = f64::from(options.noise_profile().offset);
            // At 8 bits noise is a fifth of a code: rounding is not the even error that the profile takes it for.
            if bits > 8 {
                assert!((variance / expected - 1.0).abs() < 0.05, "{bits}: {variance} {expected}");
            }
        }
    }

    #[test]
    fn phases_are_those_of_the_pattern() {
        let reds =
            [(CfaPattern::Rggb, 0), (CfaPattern::Grbg, 1), (CfaPattern::Gbrg, 2), (CfaPattern::Bggr, 3)];
        for (pattern, red) in reds {
            for shake in ["on", "off"] {
                let text = format!("size=64x48,pattern={},shake={shake}", pattern.name());
                let exposer = Exposer::with_light(&options(&text), |_, _| [0.6, 0.4, 0.2]);
                for sequence in 0..4 {
                    let samples = frame(&exposer, sequence);
                    let mut sums = [0.0; 4];
                    for (i, sample) in samples.iter().enumerate() {
                        sums[i / 64 % 2 * 2 + i % 2] += f64::from(*sample) / (64.0 * 48.0 / 4.0);
                    }
                    let order = [red, red ^ 1, red ^ 2, red ^ 3].map(|site| sums[site]);
                    assert!(order[0] > 1.3 * order[1] && order[1] > 1.3 * order[3], "{text}: {order:?}");
                    assert!((order[1] / order[2] - 1.0).abs() < 0.02, "{text}: {order:?}");
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
        let first = |text: &str, sequence| frame(&Exposer::new(&options(text)), sequence);
        let frame = first("size=64x48,seed=5", 3);
        assert_eq!(frame, first("size=64x48,seed=5", 3));
        assert_ne!(frame, first("size=64x48,seed=5", 4));
        assert_ne!(frame, first("size=64x48,seed=6", 3));
    }

    #[test]
    fn burnt_pixels_are_exactly_white() {
        let options = options("size=64x48,gain=64");
        let exposer = Exposer::with_light(&options, |_, _| [3.0; 3]);
        let samples = frame(&exposer, 0);
        let white = samples.iter().filter(|sample| **sample == options.white()).count();
        assert!(white > samples.len() * 99 / 100, "{white} of {}", samples.len());
    }

    #[test]
    fn without_a_hand_only_noise_moves() {
        let steep = |x: f32, _: f32| [0.1 + 0.01 * x; 3];
        let mean_of_last = |text: &str, sequence| {
            let exposer = Exposer::with_light(&options(text), steep);
            let samples = frame(&exposer, sequence);
            samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / samples.len() as f64
        };
        let spread = |shake: &str| {
            let text = format!("size=64x48,bits=14,shake={shake}");
            let means: Vec<f64> = (0..12).map(|sequence| mean_of_last(&text, sequence)).collect();
            means.iter().copied().fold(0.0, f64::max) - means.iter().copied().fold(f64::MAX, f64::min)
        };
        assert!(spread("off") < 8.0, "{}", spread("off"));
        assert!(spread("on") > 40.0, "{}", spread("on"));
    }

    #[test]
    fn a_cancelled_frame_stops_at_once() {
        let exposer = Exposer::with_light(&options("size=64x48"), |_, _| [0.5; 3]);
        let mut bytes = vec![0; 64 * 48 * 2];
        exposer.expose(0, 128, &mut bytes, &AtomicBool::new(true));
        assert!(bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn defects_show() {
        let options = options("size=800x600,shake=off");
        let exposer = Exposer::with_light(&options, |_, _| [0.3; 3]);
        assert!(!exposer.defects.is_empty());
        let samples = frame(&exposer, 0);
        for defect in &exposer.defects {
            let sample = samples[(defect.y * 800 + defect.x) as usize];
            match defect.kind {
                DefectKind::Dead => assert_eq!(sample, options.black),
                DefectKind::Hot(share) => {
                    let least = f32::from(options.black) + (0.2 + share) * options.range();
                    assert!(f32::from(sample) >= least.min(f32::from(options.white())), "{sample} {share}");
                }
            }
        }
    }
}
