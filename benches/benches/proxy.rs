//! From a raw frame of 12 megapixels to the proxy's JPEG in memory, on one thread, in CPU time: MIPI RAW10 to 3 megapixels
//! and to a JPEG of a proxy's quality. `LATENT_KODAK=FOLDER` takes the Kodak pictures as a patchwork with sensor noise in
//! place of a made scene.
#![allow(missing_docs, clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use latent_benches::clock::process_cpu_time;
use latent_benches::frame::RawFrame;
use latent_isp::{Packing, Picture, RawView, Rendering, packing, proxy};
use latent_pipeline::encode::{self, JpegQuality};

const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut frame = RawFrame::new(WIDTH, HEIGHT, Packing::Mipi, 10)?;
    match std::env::var_os("LATENT_KODAK") {
        Some(folder) => patchwork(Path::new(&folder), &mut frame)?,
        None => println!(
            "a made scene, whose noise costs more bits than a photo's; LATENT_KODAK=FOLDER for photos"
        ),
    }
    let view = RawView::new(frame.geometry, &frame.bytes)?;
    let mut binned = proxy::bin(&view)?;
    let rendering = Rendering::automatic(binned.statistics(), None);
    let mut picture = binned.render(&rendering)?;
    let jpeg = encode::jpeg(&picture, JpegQuality::PROXY, None)?;
    let bits = 8.0 * jpeg.len() as f64 / f64::from(picture.width) / f64::from(picture.height);
    println!("JPEG {}x{}: {} bytes, {bits:.2} bits per pixel", picture.width, picture.height, jpeg.len());

    let mut criterion = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let mut group = criterion.benchmark_group("proxy");
    group.throughput(Throughput::Elements(u64::from(WIDTH) * u64::from(HEIGHT)));
    let mut least = [Duration::MAX; 4];
    group.bench_function("raw10-to-jpeg", |bencher| {
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    let lap =
                        run(&view, &rendering, &mut binned, &mut picture).unwrap_or([Duration::ZERO; 4]);
                    for (least, lap) in least.iter_mut().zip(lap) {
                        *least = lap.min(*least);
                    }
                    lap[3]
                })
                .sum()
        });
    });
    group.finish();
    criterion.final_summary();
    if least[3] < Duration::MAX {
        let [bin, render, jpeg, whole] = least.map(|time| time.as_secs_f64() * 1e3);
        println!("\n| | least, ms of CPU time |\n|---|---|");
        println!(
            "| bin and measure | {bin:.2} |\n| render | {render:.2} |\n| JPEG | {jpeg:.2} |\n| **all** | {whole:.2} |"
        );
    }
    Ok(())
}

/// The times of binning, of rendering, of encoding, and of all.
fn run(
    view: &RawView<'_>,
    rendering: &Rendering,
    binned: &mut proxy::Proxy,
    picture: &mut Picture,
) -> Result<[Duration; 4], Box<dyn Error>> {
    let mut times = [process_cpu_time(); 4];
    binned.bin(view)?;
    times[1] = process_cpu_time();
    binned.render_to(rendering, picture)?;
    times[2] = process_cpu_time();
    std::hint::black_box(encode::jpeg(picture, JpegQuality::PROXY, None)?);
    times[3] = process_cpu_time();
    let [start, bin, render, jpeg] = times;
    Ok([bin - start, render - bin, jpeg - render, jpeg - start])
}

/// Fills the frame with the pictures of a folder, side by side, as a sensor of 10 bits would see them.
fn patchwork(folder: &Path, frame: &mut RawFrame) -> Result<(), Box<dyn Error>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    paths.sort();
    let pictures = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let first = pictures.first().ok_or_else(|| format!("{}: no PNG pictures", folder.display()))?;
    // Pictures stand upright or lie: squares of the shorter side are cut from all.
    let side = first.width.min(first.height);
    let across = WIDTH.div_ceil(side);
    let (black, white) = (f64::from(frame.geometry.black), f64::from(frame.geometry.white));
    // Light of each code, as 10 bits.
    let codes: Vec<f64> = (0..256)
        .map(|code| {
            let code = f64::from(code) / 255.0;
            let light = if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) };
            black + light * (white - black)
        })
        .collect();
    let mut row = vec![0; WIDTH as usize];
    let mut state = 1_u32;
    for (y, bytes) in (0..HEIGHT).zip(frame.bytes.chunks_exact_mut(frame.geometry.stride_bytes)) {
        for (x, sample) in (0..WIDTH).zip(&mut row) {
            let place = (y / side * across + x / side) as usize;
            let picture = &pictures[place % pictures.len()];
            let at = 3 * ((y % side) as usize * picture.width as usize + (x % side) as usize);
            let channel = frame.geometry.pattern.channel_at(x, y) as usize;
            let code = codes[usize::from(picture.data[at + channel])];
            // Noise whose variance grows with light: the sum of two even ones.
            let mut noise = 0.0;
            for _ in 0..2 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise += f64::from(state >> 8) / f64::from(1 << 24) - 0.5;
            }
            let deviation = (0.1 * (code - black) + 2.0).max(0.0).sqrt();
            *sample = (code + noise * deviation * 2.45 + 0.5).clamp(0.0, white) as u16;
        }
        packing::pack_row(&row, 10, Packing::Mipi, bytes)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Picture, Box<dyn Error>> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let mut data = vec![0; reader.output_buffer_size().ok_or("a picture past the address space")?];
    let info = reader.next_frame(&mut data)?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgb, png::BitDepth::Eight) {
        return Err(format!("{}: not 8-bit RGB", path.display()).into());
    }
    Ok(Picture { width: info.width, height: info.height, data })
}
