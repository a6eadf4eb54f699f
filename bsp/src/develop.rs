//! `latent develop`: a raw file to a picture.

use std::io::Write;
use std::path::Path;

use latent_isp::{Packing, RawView, Rendering, Statistics};
use latent_pipeline::Error;
use latent_pipeline::developer::develop_raw;
use latent_pipeline::encode::{self, JpegQuality};
use latent_pipeline::photo::Tier;
use latent_pipeline::raw_file::{self, RawDescription};
use serde_json::json;

use crate::cli::{DemosaicArg, DevelopArgs, PackingArg};
use crate::exit::{self, Failure};
use crate::output::Output;

#[derive(Clone, Copy)]
enum Kind {
    Jpeg,
    Png,
    Ppm,
}

pub(crate) fn run(args: &DevelopArgs, output: Output) -> Result<u8, Failure> {
    let kind = kind(&args.output)?;
    let given = RawDescription {
        width: args.width,
        height: args.height,
        stride: args.stride,
        bits: args.bits,
        packing: args.packing.map(|packing| match (packing, args.bits) {
            (PackingArg::Mipi, _) => Packing::Mipi,
            (PackingArg::Plain, Some(8)) => Packing::Bytes,
            (PackingArg::Plain, _) => Packing::Le16,
        }),
        pattern: args.pattern,
        black: args.black,
        white: args.white,
    };
    let file = raw_file::describe(&args.file, &given).map_err(Error::from)?;
    let bytes = raw_file::load(&args.file, &file).map_err(Error::from)?;
    let raw = RawView::new(file.geometry, &bytes).map_err(Error::from)?;
    let automatic = Rendering::automatic(&Statistics::of(&raw), file.colour);
    let gains = args.gains.or(file.gains).unwrap_or(automatic.gains);
    let rendering = Rendering { gains, ..automatic };
    let tier = match args.demosaic {
        DemosaicArg::Preview => Tier::Preview,
        DemosaicArg::Video => Tier::Video,
    };
    let picture = develop_raw(&raw, &rendering, tier)?;
    let encoded = match kind {
        Kind::Jpeg => encode::jpeg(&picture, JpegQuality::FULL, None),
        Kind::Png => encode::png(&picture),
        Kind::Ppm => encode::ppm(&picture),
    }
    .map_err(Error::from)?;
    write_whole(&args.output, &encoded)?;
    if output.is_json() {
        output.document(&json!({
            "path": args.output, "width": picture.width, "height": picture.height, "tier": tier,
            "gains": rendering.gains, "exposure": rendering.exposure,
        }));
    } else {
        output.line(&args.output.display().to_string());
    }
    Ok(exit::DONE)
}

fn kind(path: &Path) -> Result<Kind, Failure> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match extension.as_str() {
        "jpg" | "jpeg" => Ok(Kind::Jpeg),
        "png" => Ok(Kind::Png),
        "ppm" => Ok(Kind::Ppm),
        _ => Err(Failure::usage(format!("{} should end in .jpg, .png or .ppm", path.display()))),
    }
}

/// The old file stays until the new one is whole.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        Error::file("write", path, error)
    })
}
