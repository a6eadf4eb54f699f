//! CPU time of both paths on a synthetic 12-megapixel frame, one thread (Linux): `cargo run --release --example speed`.
#![allow(clippy::print_stdout)]

use std::time::Duration;

use latent_isp::{
    CfaPattern, Demosaic, Error, Packing, RawGeometry, RawView, Rendering, Simd, Tier, develop, fused,
    packing, proxy, tier,
};

const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;
const ROUNDS: usize = 5;
/// Time that a stage is given at least.
const ENOUGH: Duration = Duration::from_millis(250);

fn main() -> Result<(), Error> {
    for (packing, bits) in
        [(Packing::Bytes, 8), (Packing::Le16, 12), (Packing::Mipi, 10), (Packing::Mipi, 12)]
    {
        let row_bytes = packing.row_bytes(bits, WIDTH as usize)?;
        let max = u16::MAX >> (16 - bits);
        let geometry = RawGeometry {
            width: WIDTH,
            height: HEIGHT,
            stride_bytes: row_bytes,
            bits,
            packing,
            pattern: CfaPattern::Rggb,
            black: max / 16,
            white: max,
        };
        let bytes = frame(&geometry)?;
        let raw = RawView::new(geometry, &bytes)?;
        let binned = proxy::bin(&raw)?;
        let rendering = Rendering::automatic(binned.statistics(), None);
        println!("{packing} {bits}:");
        let (mut again, mut picture) = (binned.clone(), binned.render(&rendering)?);
        best("proxy: bin", || again.bin(&raw))?;
        best("proxy: render", || binned.render_to(&rendering, &mut picture))?;
        best("proxy, new memory", || proxy::bin(&raw)?.render(&rendering).map(drop))?;
        best("plan", || develop::Plan::new(geometry, &rendering, Demosaic::Bilinear).map(drop))?;
        for method in [Demosaic::Bilinear, Demosaic::GradientCorrected] {
            best(&format!("full: {method:?}"), || develop::develop(&raw, &rendering, method).map(drop))?;
        }
        quick(&raw, &rendering)?;
    }
    Ok(())
}

/// The tiers and the fused path, into buffers made before.
fn quick(raw: &RawView<'_>, rendering: &Rendering) -> Result<(), Error> {
    let samples = 3 * WIDTH as usize * HEIGHT as usize;
    let (mut eight, copied, mut sixteen) = (vec![0; samples], vec![1; samples], vec![0; samples]);
    best("copy of RGB8", || {
        eight.copy_from_slice(&copied);
        Ok(())
    })?;
    for tier in Tier::ALL {
        let plan = tier::Plan::new(*raw.geometry(), tier, Simd::detect())?;
        let mut scratch = plan.scratch();
        best(&format!("tier: {}", tier.name()), || {
            plan.strip_with(&mut scratch, raw, 0..HEIGHT, &mut eight)
        })?;
    }
    let linear = tier::LinearPlan::new(*raw.geometry(), Tier::Video, Simd::detect())?;
    let mut scratch = linear.scratch();
    best("tier: video, linear", || linear.strip_with(&mut scratch, raw, 0..HEIGHT, &mut sixteen))?;
    for (name, tier, whole) in [("fused: video", Tier::Video, true), ("fused: preview", Tier::Preview, false)]
    {
        let options = fused::Options { tier, clamp_defects: whole, sharpen: whole };
        let plan = fused::Plan::new(*raw.geometry(), rendering, options, Simd::detect())?;
        let mut scratch = plan.scratch();
        best(name, || plan.strip_with(&mut scratch, raw, 0..HEIGHT, &mut eight))?;
    }
    Ok(())
}

/// A ramp with noise from a small generator.
fn frame(geometry: &RawGeometry) -> Result<Vec<u8>, Error> {
    let mut state = 1_u32;
    let mut bytes = vec![0; geometry.len_bytes()?];
    for row in bytes.chunks_exact_mut(geometry.stride_bytes) {
        let samples: Vec<u16> = (0..WIDTH)
            .map(|x| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = state >> 26;
                (x * u32::from(geometry.white) / 4 / WIDTH + noise) as u16
            })
            .collect();
        packing::pack_row(&samples, geometry.bits, geometry.packing, row)?;
    }
    Ok(bytes)
}

fn best(what: &str, mut run: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    let mut least = Duration::MAX;
    // Short stages feel what else runs on the machine more than long ones do.
    let (mut rounds, mut spent) = (0, Duration::ZERO);
    while rounds < ROUNDS || spent < ENOUGH {
        let start = cpu_time();
        run()?;
        let took = cpu_time() - start;
        least = least.min(took);
        // A stage of no time at all ends too.
        spent += took.max(Duration::from_micros(100));
        rounds += 1;
    }
    let rate = f64::from(WIDTH) * f64::from(HEIGHT) / least.as_secs_f64() / 1e6;
    println!("  {what:25} {:8.2} ms {rate:8.0} MP/s", least.as_secs_f64() * 1e3);
    Ok(())
}

/// Time that this thread has spent on a CPU: other load on the machine disturbs it less than the clock on the wall.
fn cpu_time() -> Duration {
    // The kernel brings its account up to date when a thread offers its place.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}
