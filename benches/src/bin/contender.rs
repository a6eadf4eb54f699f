//! `contender METHOD IN.raw W H PATTERN BITS OUT REPS` times a demosaic or a whole pipe as a peer would be timed.
//!
//! `IN.raw` holds W x H unsigned 16-bit little-endian samples, 0 to 2^BITS - 1. OUT takes packed RGB, 8-bit or
//! 16-bit little-endian; `-` writes nothing. The last line of standard output tells the time of each repetition: the
//! call alone, buffers made before, on one thread.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use latent_benches::clock::process_cpu_time;
use latent_isp::{Packing, RawGeometry, RawView, Rendering, Simd, Tier, fused, tier};
use serde_json::json;

const USAGE: &str = "usage: contender METHOD IN.raw W H PATTERN BITS OUT REPS\nmethods: pipe, pipe:bilinear, preview, video, still, best; the last four with :linear for linear samples in and out";

/// Whole pipes: their name, tier, and whether they clamp defects and sharpen. `pipe` does all; `pipe:bilinear` has
/// the scope of a plain software ISP: bilinear, white balance, matrix and gamma.
const PIPES: [(&str, Tier, bool); 2] = [("pipe", Tier::Video, true), ("pipe:bilinear", Tier::Preview, false)];

/// White balance of the pipes: daylight on a common sensor.
const GAINS: [f32; 3] = [1.9, 1.0, 1.6];

/// Colour matrix of the pipes: camera RGB to linear sRGB.
const MATRIX: [[f32; 3]; 3] = [[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [0.1, -0.7, 1.6]];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Ok([method, input, width, height, pattern, bits, output, repetitions]) =
        <[String; 8]>::try_from(arguments)
    else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let result = Frame::read(&input, [&width, &height, &pattern, &bits])
        .and_then(|frame| contend(&method, &frame, &output, repetitions.parse()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contender: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A raw frame in memory.
struct Frame {
    geometry: RawGeometry,
    bytes: Vec<u8>,
}

impl Frame {
    fn read(path: &str, [width, height, pattern, bits]: [&str; 4]) -> Result<Frame, Box<dyn Error>> {
        let (width, bits) = (width.parse()?, bits.parse::<u8>()?);
        let mut bytes = std::fs::read(path)?;
        // The container has 16 bits whatever the depth; the ISP keeps 8-bit samples in bytes.
        if bits == 8 {
            bytes = bytes.chunks_exact(2).map(|word| word[0]).collect();
        }
        let packing = if bits == 8 { Packing::Bytes } else { Packing::Le16 };
        let geometry = RawGeometry {
            width,
            height: height.parse()?,
            stride_bytes: packing.row_bytes(bits, width as usize)?,
            bits,
            packing,
            pattern: pattern.parse()?,
            black: 0,
            white: u16::MAX >> (16 - u32::from(bits)),
        };
        Ok(Frame { geometry, bytes })
    }

    fn samples(&self) -> usize {
        3 * self.geometry.width as usize * self.geometry.height as usize
    }
}

fn contend(method: &str, frame: &Frame, output: &str, repetitions: u32) -> Result<(), Box<dyn Error>> {
    let view = RawView::new(frame.geometry, &frame.bytes)?;
    let rows = 0..frame.geometry.height;
    if let Some((_, tier, whole)) = PIPES.iter().find(|(name, ..)| *name == method) {
        let options = fused::Options { tier: *tier, clamp_defects: *whole, sharpen: *whole };
        let rendering = Rendering { gains: GAINS, exposure: 1.0, matrix: MATRIX };
        let plan = fused::Plan::new(frame.geometry, &rendering, options, Simd::detect())?;
        let mut scratch = plan.scratch();
        let mut out = vec![0; frame.samples()];
        let times = time(repetitions, || plan.strip_with(&mut scratch, &view, rows.clone(), &mut out))?;
        save(output, &out)?;
        report(method, "rgb8", "full8", &times);
        return Ok(());
    }
    let (name, linear) = match method.strip_suffix(":linear") {
        Some(name) => (name, true),
        None => (method, false),
    };
    let named = |name: &str| Tier::ALL.into_iter().find(|tier| tier.name() == name);
    let tier = named(name).ok_or_else(|| format!("unknown method {method}\n{USAGE}"))?;
    if linear {
        let plan = tier::LinearPlan::new(frame.geometry, tier, Simd::detect())?;
        let mut scratch = plan.scratch();
        let mut out = vec![0; frame.samples()];
        let times = time(repetitions, || plan.strip_with(&mut scratch, &view, rows.clone(), &mut out))?;
        let bytes: Vec<u8> = out.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        save(output, &bytes)?;
        report(method, "rgb16", "native", &times);
    } else {
        let plan = tier::Plan::new(frame.geometry, tier, Simd::detect())?;
        let mut scratch = plan.scratch();
        let mut out = vec![0; frame.samples()];
        let times = time(repetitions, || plan.strip_with(&mut scratch, &view, rows.clone(), &mut out))?;
        save(output, &out)?;
        report(method, "rgb8", "full8", &times);
    }
    Ok(())
}

/// Writes the picture unless `-` asks for nothing.
fn save(output: &str, bytes: &[u8]) -> std::io::Result<()> {
    if output == "-" { Ok(()) } else { std::fs::write(output, bytes) }
}

/// Wall and CPU time of each call.
fn time<E>(repetitions: u32, mut call: impl FnMut() -> Result<(), E>) -> Result<Vec<[Duration; 2]>, E> {
    (0..repetitions)
        .map(|_| {
            let (wall, cpu) = (Instant::now(), process_cpu_time());
            call()?;
            Ok([wall.elapsed(), process_cpu_time().saturating_sub(cpu)])
        })
        .collect()
}

fn report(method: &str, out: &str, scale: &str, times: &[[Duration; 2]]) {
    let nanoseconds = |clock: usize| -> Vec<u64> {
        times.iter().map(|time| u64::try_from(time[clock].as_nanos()).unwrap_or(u64::MAX)).collect()
    };
    println!(
        "{}",
        json!({
            "method": method, "out": out, "scale": scale,
            "wall_ns": nanoseconds(0), "cpu_ns": nanoseconds(1),
        })
    );
}
