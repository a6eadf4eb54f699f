//! Develops a raw file to two PNG files, full and proxy:
//!
//! `cargo run --release --example develop -- IN.raw WIDTH HEIGHT BITS PACKING PATTERN BLACK WHITE OUT`
//! writes `OUT.full.png` and `OUT.proxy.png`.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use latent_isp::{Demosaic, Packing, Picture, RawGeometry, RawView, Rendering, develop, proxy};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [input, width, height, bits, packing, pattern, black, white, output] = words.as_slice() else {
        return Err("usage: develop IN.raw WIDTH HEIGHT BITS PACKING PATTERN BLACK WHITE OUT".into());
    };
    let (packing, bits): (Packing, u8) = (packing.parse()?, bits.parse()?);
    let width: u32 = width.parse()?;
    let geometry = RawGeometry {
        width,
        height: height.parse()?,
        stride_bytes: packing.row_bytes(bits, width as usize)?,
        bits,
        packing,
        pattern: pattern.parse()?,
        black: black.parse()?,
        white: white.parse()?,
    };
    let bytes = std::fs::read(input)?;
    let raw = RawView::new(geometry, &bytes)?;
    let proxy = proxy::bin(&raw)?;
    let rendering = Rendering::automatic(proxy.statistics(), None);
    println!("{rendering:?}");
    write(&format!("{output}.proxy.png"), &proxy.render(&rendering)?)?;
    write(&format!("{output}.full.png"), &develop::develop(&raw, &rendering, Demosaic::GradientCorrected)?)
}

fn write(path: &str, picture: &Picture) -> Result<(), Box<dyn Error>> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&picture.data)?;
    Ok(())
}
