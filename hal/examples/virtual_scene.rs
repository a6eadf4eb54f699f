//! Takes a frame of a virtual camera and writes it as a PPM of half the size, roughly developed: to see the scene.
//!
//! `cargo run --release --example virtual_scene -- [OPTIONS] OUT.ppm`, for example `seed=2,size=2000x1500 scene.ppm`.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use latent_hal::simulated::{MATRIX, VirtualCamera, WHITE_BALANCE};
use latent_hal::{Camera, CfaPattern, Dequeued, Packing, RawFormat, StreamConfig, StreamRequest};

/// Frames that are taken to measure the rate.
const FRAMES: u32 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, path) = match arguments.as_slice() {
        [path] => ("", path),
        [options, path] => (options.as_str(), path),
        _ => return Err("usage: virtual_scene [OPTIONS] OUT.ppm".into()),
    };
    let mut camera = VirtualCamera::new(options.parse()?)?;
    let mode = camera.modes()?[0];
    let Some(format) = mode.format.raw().filter(|format| format.packing != Packing::Mipi) else {
        return Err("this example reads unpacked samples only".into());
    };
    let begun = Instant::now();
    let config = camera.configure(&StreamRequest { mode, held: 2 })?;
    let mut report = std::io::stderr().lock();
    writeln!(report, "configured in {:?}: {config:?}", begun.elapsed())?;
    camera.start()?;
    let mut first = None;
    let (mut taken, begun) = (0, Instant::now());
    while taken < FRAMES {
        if let Dequeued::Frame(frame) = camera.dequeue(Duration::from_secs(10))? {
            taken += 1;
            first = first.or(Some(frame));
        }
    }
    writeln!(report, "{FRAMES} frames in {:?}", begun.elapsed())?;
    camera.stop()?;
    let Some(frame) = first else { return Err("no frame came".into()) };
    let black = f32::from(camera.options().black);
    let range = f32::from(camera.options().white()) - black;
    let picture = develop(&frame.read()?, &config, format, black, range);
    let mut file = std::fs::File::create(path)?;
    writeln!(file, "P6 {} {} 255", config.width / 2, config.height / 2)?;
    file.write_all(&picture)?;
    Ok(())
}

/// One pixel of each 2x2 cell: white balance, matrix, tone.
fn develop(bytes: &[u8], config: &StreamConfig, format: RawFormat, black: f32, range: f32) -> Vec<u8> {
    let sample = |x: usize, y: usize| {
        let row = &bytes[y * config.stride_bytes..];
        let code = match format.packing {
            Packing::Bytes => u16::from(row[x]),
            _ => u16::from_le_bytes([row[2 * x], row[2 * x + 1]]),
        };
        (f32::from(code) - black) / range
    };
    let red = match format.pattern {
        CfaPattern::Rggb => (0, 0),
        CfaPattern::Grbg => (1, 0),
        CfaPattern::Gbrg => (0, 1),
        CfaPattern::Bggr => (1, 1),
    };
    let mut picture = Vec::new();
    for y in 0..config.height as usize / 2 {
        for x in 0..config.width as usize / 2 {
            let site = |dx: usize, dy: usize| sample(2 * x + (red.0 ^ dx), 2 * y + (red.1 ^ dy));
            let camera = [site(0, 0), (site(1, 0) + site(0, 1)) / 2.0, site(1, 1)];
            // Where green is burnt, the balanced others would turn it pink.
            let balanced: [f32; 3] = std::array::from_fn(|c| (camera[c] * WHITE_BALANCE[c]).min(1.0));
            for row in MATRIX {
                let light: f32 = row.iter().zip(balanced).map(|(m, c)| m * c).sum();
                let toned = (light * 1.2).clamp(0.0, 1.0).powf(1.0 / 2.2);
                picture.push((toned * 255.0 + 0.5) as u8);
            }
        }
    }
    picture
}
