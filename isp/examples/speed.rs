//! CPU time of all paths on synthetic frames, one thread (Linux): `cargo run --release --example speed`.
#![allow(clippy::print_stdout)]

use std::time::Duration;

use latent_isp::fused::{self, Options, Wanted};
use latent_isp::yuv::{YuvMatrix, YuvRange};
use latent_isp::{
    CfaPattern, Chroma, Demosaic, Error, Packing, RawGeometry, RawProducts, RawView, Rendering, Simd, Target,
    Tier, develop, packing, proxy, tier, unpack,
};

/// 12 megapixels, and the 5 of the fused path.
const LARGE: (u32, u32) = (4000, 3000);
const SMALL: (u32, u32) = (2592, 1968);
const ROUNDS: usize = 5;
/// Time that a stage is given at least.
const ENOUGH: Duration = Duration::from_millis(250);

fn main() -> Result<(), Error> {
    for (packing, bits) in
        [(Packing::Bytes, 8), (Packing::Le16, 12), (Packing::Mipi, 10), (Packing::Mipi, 12)]
    {
        let geometry = geometry(LARGE, packing, bits)?;
        let bytes = frame(&geometry)?;
        let raw = RawView::new(geometry, &bytes)?;
        let binned = proxy::bin(&raw)?;
        let rendering = Rendering::automatic(binned.statistics(), None);
        println!("{packing} {bits}:");
        let best = |what: &str, run: &mut dyn FnMut() -> Result<(), Error>| best(LARGE, what, run);
        let (mut again, mut picture) = (binned.clone(), binned.render(&rendering)?);
        best("proxy: bin", &mut || again.bin(&raw))?;
        best("proxy: render", &mut || binned.render_to(&rendering, &mut picture))?;
        best("proxy, new memory", &mut || proxy::bin(&raw)?.render(&rendering).map(drop))?;
        unpacking(&raw)?;
        best("plan", &mut || develop::Plan::new(geometry, &rendering, Demosaic::Bilinear).map(drop))?;
        for method in [Demosaic::Bilinear, Demosaic::GradientCorrected] {
            best(&format!("full: {method:?}"), &mut || develop::develop(&raw, &rendering, method).map(drop))?;
        }
        quick(&raw)?;
    }
    for (packing, bits) in [(Packing::Le16, 10), (Packing::Mipi, 10)] {
        println!("fused, {}x{}, {packing} {bits}:", SMALL.0, SMALL.1);
        fused_path(geometry(SMALL, packing, bits)?)?;
    }
    Ok(())
}

fn geometry((width, height): (u32, u32), packing: Packing, bits: u8) -> Result<RawGeometry, Error> {
    let stride_bytes = packing.row_bytes(bits, width as usize)?;
    let white = u16::MAX >> (16 - bits);
    let (pattern, black) = (CfaPattern::Rggb, white / 16);
    Ok(RawGeometry { width, height, stride_bytes, bits, packing, pattern, black, white })
}

/// Unpacking beside copying as many bytes in and out together: from frame to frame, through memory, and from the frame to
/// one row, as the paths above do it.
fn unpacking(raw: &RawView<'_>) -> Result<(), Error> {
    let best = |what: &str, run: &mut dyn FnMut() -> Result<(), Error>| best(LARGE, what, run);
    let RawGeometry { width, height, stride_bytes, .. } = *raw.geometry();
    let mut codes = vec![0; width as usize * height as usize];
    best("unpack: frame", &mut || {
        let rows = codes.chunks_exact_mut(width as usize).zip(0..);
        rows.into_iter().try_for_each(|(row, y)| unpack::row(raw, y, row))
    })?;
    best("unpack: rows", &mut || {
        (0..height).try_for_each(|y| unpack::row(raw, y, &mut codes[..width as usize]))
    })?;
    let row = (stride_bytes + 2 * width as usize) / 2;
    let (from, mut to) = (vec![1_u8; row * height as usize], vec![0; row * height as usize]);
    best("copy: frame", &mut || {
        to.copy_from_slice(&from);
        Ok(())
    })?;
    best("copy: rows", &mut || {
        for from in from.chunks_exact(row) {
            std::hint::black_box(&mut to)[..row].copy_from_slice(from);
        }
        Ok(())
    })
}

/// The tiers, into buffers made before.
fn quick(raw: &RawView<'_>) -> Result<(), Error> {
    let (width, height) = LARGE;
    let samples = 3 * width as usize * height as usize;
    let best = |what: &str, run: &mut dyn FnMut() -> Result<(), Error>| best(LARGE, what, run);
    let (mut eight, copied, mut sixteen) = (vec![0; samples], vec![1; samples], vec![0; samples]);
    best("copy of RGB8", &mut || {
        eight.copy_from_slice(&copied);
        Ok(())
    })?;
    for tier in Tier::ALL {
        let plan = tier::Plan::new(*raw.geometry(), tier, Simd::detect())?;
        let mut scratch = plan.scratch();
        best(&format!("tier: {}", tier.name()), &mut || {
            plan.strip_with(&mut scratch, raw, 0..height, &mut eight)
        })?;
    }
    let linear = tier::LinearPlan::new(*raw.geometry(), Tier::Video, Simd::detect())?;
    let mut scratch = linear.scratch();
    best("tier: video, linear", &mut || linear.strip_with(&mut scratch, raw, 0..height, &mut sixteen))?;
    Ok(())
}

/// The fused path: forms of the picture, and what it makes beside it.
fn fused_path(geometry: RawGeometry) -> Result<(), Error> {
    let bytes = frame(&geometry)?;
    let raw = RawView::new(geometry, &bytes)?;
    let rendering = Rendering::default();
    let pixels = geometry.width as usize * geometry.height as usize;
    let mut out = vec![0; 3 * pixels];
    for (name, tier, whole) in [("video, whole", Tier::Video, true), ("preview, plain", Tier::Preview, false)]
    {
        let options = Options { tier, clamp_defects: whole, sharpen: whole };
        let plan = fused::Plan::new(geometry, &rendering, options, Simd::detect())?;
        let mut scratch = plan.scratch();
        for form in ["RGB8", "planar", "NV12", "I420"] {
            best(SMALL, &format!("{name}: {form}"), &mut || {
                plan.strip_to(&mut scratch, &raw, 0..geometry.height, target(form, &mut out, pixels))
            })?;
        }
        for product in
            ["nothing", "statistics", "sharpness", "thumbnail", "stored rows", "their CRC", "everything"]
        {
            best(SMALL, &format!("{name} and {product}"), &mut || {
                let wants = |other: &str| product == other || product == "everything";
                let mut crc = crc32fast::Hasher::new();
                let mut stored = |_: u32, row: &[u8]| {
                    if product != "stored rows" {
                        crc.update(row);
                    }
                };
                let keeps = ["stored rows", "their CRC", "everything"].contains(&product);
                let wanted = Wanted {
                    statistics: wants("statistics"),
                    thumbnail: wants("thumbnail").then_some(320),
                    raw: RawProducts {
                        sharpness: wants("sharpness"),
                        stored: if keeps { Some(&mut stored) } else { None },
                    },
                };
                plan.frame_with(&mut scratch, &raw, Target::Rgb8(&mut out), wanted).map(drop)
            })?;
        }
    }
    Ok(())
}

/// The memory of a picture in one of its forms, out of what the largest takes.
fn target<'a>(form: &str, out: &'a mut [u8], pixels: usize) -> Target<'a> {
    let (matrix, range) = (YuvMatrix::Rec709, YuvRange::Limited);
    let (first, rest) = if form == "RGB8" { (out, &mut [][..]) } else { out.split_at_mut(pixels) };
    match form {
        "NV12" => {
            let chroma = Chroma::Pairs(&mut rest[..pixels / 2]);
            Target::Yuv420 { luma: first, chroma, matrix, range }
        }
        "I420" => {
            let (cb, cr) = rest[..pixels / 2].split_at_mut(pixels / 4);
            Target::Yuv420 { luma: first, chroma: Chroma::Planes([cb, cr]), matrix, range }
        }
        "planar" => {
            let (second, third) = rest.split_at_mut(pixels);
            Target::Planar([first, second, third])
        }
        _ => Target::Rgb8(first),
    }
}

/// A ramp with noise from a small generator.
fn frame(geometry: &RawGeometry) -> Result<Vec<u8>, Error> {
    let mut state = 1_u32;
    let mut bytes = vec![0; geometry.len_bytes()?];
    for row in bytes.chunks_exact_mut(geometry.stride_bytes) {
        let samples: Vec<u16> = (0..geometry.width)
            .map(|x| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = state >> 26;
                (x * u32::from(geometry.white) / 4 / geometry.width + noise) as u16
            })
            .collect();
        packing::pack_row(&samples, geometry.bits, geometry.packing, row)?;
    }
    Ok(bytes)
}

fn best(
    (width, height): (u32, u32),
    what: &str,
    run: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
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
    let rate = f64::from(width) * f64::from(height) / least.as_secs_f64() / 1e6;
    println!("  {what:30} {:8.2} ms {rate:8.0} MP/s", least.as_secs_f64() * 1e3);
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
