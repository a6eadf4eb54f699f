//! The command line: verbs and their arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use latent_hal::conformance;
use latent_isp::CfaPattern;
use latent_pipeline::mode::Format;

/// Deferred photo delivery for embedded Linux cameras.
#[derive(Debug, Parser)]
#[command(name = "latent", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Take photos: a quick picture at once, the full one in its place when it is developed
    Shoot(ShootArgs),
    /// Develop a raw file into a picture
    Develop(DevelopArgs),
    /// List the cameras of this machine, what they can do, and the memory that frames can live in
    Devices(DevicesArgs),
    /// Check whether a camera does what photos need of it; exits 1 if a check fails, 77 if nothing could be found out
    Conformance(ConformanceArgs),
    /// Look at the photo library
    Library {
        #[command(subcommand)]
        verb: LibraryVerb,
    },
    /// Look after the photos that wait for their full picture
    Jobs {
        #[command(subcommand)]
        verb: JobsVerb,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LibraryVerb {
    /// List the photos
    Ls(ListArgs),
    /// Tell all about one photo
    Show(ShowArgs),
    /// Wait until photos are final; exits 1 if one stays low (a fallback), 124 when the time is up
    Wait(WaitArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsVerb {
    /// Own the library, develop what waits, and take photos for other programs
    Run(RunArgs),
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The library's folder [default: $LATENT_LIBRARY, else ~/Pictures/Latent]
    #[arg(long, value_name = "DIR")]
    pub(crate) library: Option<PathBuf>,
    /// Print JSON: one object a line for what happens, one document for a question
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShootArgs {
    /// Which camera: /dev/videoN, v4l2:BUS_INFO, virtual[:size=4000x3000,seed=1,…] or replay:PATH
    /// [default: the first real one that is usable, else virtual]
    #[arg(long, value_name = "CAMERA")]
    pub(crate) camera: Option<String>,
    /// How many photos
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) count: u32,
    /// Raw frames of each photo
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) burst: u32,
    /// What the camera is to give: raw, yuv, jpeg, or a layout as yuyv or nv12
    /// [default: raw if the camera has it, else the best of what it develops itself]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(crate) format: Option<Format>,
    /// Width and height of the frames, as in 1920x1080 [default: the largest]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(crate) size: Option<(u32, u32)>,
    /// Return when the raw bursts are safe; `latent jobs run` develops them later
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// List the cameras' controls too (JSON always has them)
    #[arg(long)]
    pub(crate) controls: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConformanceArgs {
    /// Which camera: /dev/videoN, v4l2:BUS_INFO, virtual[:size=640x480,fps=120,…] or replay:PATH
    /// [default: the first real one that is usable]
    #[arg(long, value_name = "CAMERA")]
    pub(crate) camera: Option<String>,
    /// List the checks with their reasons and sources, and run none
    #[arg(long, conflicts_with_all = ["report", "format", "v4l2_compliance"])]
    pub(crate) list: bool,
    /// Only these checks, and those that they rest on: an id, a part from its front, or a pattern with *
    #[arg(long, value_name = "PATTERN")]
    pub(crate) filter: Vec<String>,
    /// The board's file: what its camera shows, and the failures that are expected there
    #[arg(long, value_name = "FILE")]
    pub(crate) board: Option<PathBuf>,
    /// Write the report in every format into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Print the report in this format: tap, junit, jsonl, ptest, lava or html
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<conformance::Format>,
    /// Frames of checks that look at many
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) frames: u32,
    /// Starts and stops of checks that repeat them
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) restarts: u32,
    /// How long the device may take for a frame, and for coming back
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) patience: u64,
    /// Run v4l2-compliance on the device too, and set its verdict beside ours
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, require_equals = true, default_missing_value = "v4l2-compliance")]
    pub(crate) v4l2_compliance: Option<PathBuf>,
    /// Print JSON: one object a line, as --format jsonl; with --list one document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The photo: its path or its id
    #[arg(value_name = "PHOTO")]
    pub(crate) photo: String,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The photos: paths or ids; all that are pending if none is named
    #[arg(value_name = "PHOTO")]
    pub(crate) photos: Vec<String>,
    /// Wait for all photos that are pending
    #[arg(long, conflicts_with = "photos")]
    pub(crate) all: bool,
    /// Give up after so many seconds, with exit status 124
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Return when nothing is left that can be done now
    #[arg(long)]
    pub(crate) until_empty: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PackingArg {
    /// One byte a sample (8 bit), or two (9 to 16 bit, little-endian, value in the low bits)
    Plain,
    /// As MIPI CSI-2 packs 10, 12 and 14 bit
    Mipi,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DemosaicArg {
    /// Bilinear: quick and soft
    Preview,
    /// Gradient-corrected: what photos are developed with
    Video,
}

#[derive(Debug, Args)]
pub(crate) struct DevelopArgs {
    /// The raw file: a DNG, or bare samples; what a sidecar FILE.toml says need not be said here
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Samples in a row
    #[arg(long, value_name = "W")]
    pub(crate) width: Option<u32>,
    /// Rows
    #[arg(long, value_name = "H")]
    pub(crate) height: Option<u32>,
    /// Bits of a sample, 8 to 16
    #[arg(long, value_name = "B")]
    pub(crate) bits: Option<u8>,
    /// Colours of the first two samples of the first two rows: RGGB, GRBG, GBRG or BGGR
    #[arg(long, value_name = "CFA", value_parser = pattern)]
    pub(crate) pattern: Option<CfaPattern>,
    /// Bytes from row to row, where rows are padded
    #[arg(long, value_name = "BYTES")]
    pub(crate) stride: Option<usize>,
    /// How samples lie in bytes [default: plain]
    #[arg(long, value_enum)]
    pub(crate) packing: Option<PackingArg>,
    /// Sample value of no light [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) black: Option<u16>,
    /// Sample value of saturation [default: the largest that the bits allow]
    #[arg(long, value_name = "N")]
    pub(crate) white: Option<u16>,
    /// White balance gains for red, green and blue, as in 2.1,1,1.6 [default: those of the DNG, else from the picture itself]
    #[arg(long, value_name = "R,G,B", value_parser = gains)]
    pub(crate) gains: Option<[f32; 3]>,
    /// Demosaic tier
    #[arg(long, value_enum, default_value = "video")]
    pub(crate) demosaic: DemosaicArg,
    /// The picture: .jpg, .png or .ppm
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Verb {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Shoot(args) => args.place.json,
            Self::Develop(args) => args.json,
            Self::Devices(args) => args.json,
            Self::Conformance(args) => args.json,
            Self::Library { verb: LibraryVerb::Ls(args) } => args.place.json,
            Self::Library { verb: LibraryVerb::Show(args) } => args.place.json,
            Self::Library { verb: LibraryVerb::Wait(args) } => args.place.json,
            Self::Jobs { verb: JobsVerb::Run(args) } => args.place.json,
        }
    }
}

/// Whether a command line asks for JSON, be it understood or not.
pub(crate) fn wants_json(args: impl Iterator<Item = OsString>) -> bool {
    args.take_while(|arg| arg != "--").any(|arg| arg == "--json")
}

fn pattern(text: &str) -> Result<CfaPattern, String> {
    text.parse().map_err(|error: latent_isp::Error| error.to_string())
}

fn format(text: &str) -> Result<Format, String> {
    text.parse().map_err(|error: latent_pipeline::mode::UnknownFormat| error.to_string())
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').map(|(width, height)| (width.parse(), height.parse()));
    match sides {
        Some((Ok(width), Ok(height))) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err("width and height are needed, as in 1920x1080".to_owned()),
    }
}

fn gains(text: &str) -> Result<[f32; 3], String> {
    let values: Vec<f32> = text
        .split(',')
        .map(|value| value.trim().parse::<f32>().map_err(|_| format!("`{value}` is no number")))
        .collect::<Result<_, _>>()?;
    match <[f32; 3]>::try_from(values) {
        Ok(gains) if gains.iter().all(|gain| (0.1..=64.0).contains(gain)) => Ok(gains),
        Ok(_) => Err("each gain must lie between 0.1 and 64".to_owned()),
        Err(_) => Err("three gains are needed, as in 2.1,1,1.6".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_two_numbers() {
        assert_eq!(size("1920x1080"), Ok((1920, 1080)));
        for bad in ["", "x", "1920", "0x1080", "1920x", "-1x2", "1920x1080x2"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn gains_are_three_sane_numbers() {
        assert_eq!(gains("2,1, 1.5"), Ok([2.0, 1.0, 1.5]));
        for bad in ["", "1", "1,2", "1,2,3,4", "a,b,c", "0,1,1", "1,NaN,1", "1,inf,1"] {
            assert!(gains(bad).is_err(), "{bad}");
        }
    }
}
