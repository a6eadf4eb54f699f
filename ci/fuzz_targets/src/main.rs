//! `latent-fuzz`: one program for all fuzz targets, which libFuzzer drives.
//!
//! `LATENT_FUZZ_TARGET` names the target. With `LATENT_FUZZ_SEEDS=DIR` the program writes that target's seeds there and
//! ends; they come from the project's own writers, and a few DNGs from others'. With `LATENT_FUZZ_LIST` it prints the targets' names and ends.
//! Everything else is libFuzzer's: see `-help=1`.
#![no_main]
#![forbid(unsafe_code)]

mod camera;
mod develop;
mod dng;
mod files;
mod hotplug;
mod machine;
mod media;
mod metadata;
mod names;
mod packing;
mod protocol;
mod raw_file;
mod spool;

use std::path::Path;
use std::sync::OnceLock;

/// One place where Latent reads what others wrote.
struct Target {
    name: &'static str,
    /// Takes any bytes; a panic, a sanitiser's word or too much time is a bug.
    run: fn(&[u8]),
    /// Inputs to begin with.
    seeds: fn() -> Vec<Vec<u8>>,
}

const TARGETS: [Target; 12] = [
    Target { name: "camera", run: camera::run, seeds: camera::seeds },
    Target { name: "develop", run: develop::run, seeds: develop::seeds },
    Target { name: "dng", run: dng::run, seeds: dng::seeds },
    Target { name: "hotplug", run: hotplug::run, seeds: hotplug::seeds },
    Target { name: "machine", run: machine::run, seeds: machine::seeds },
    Target { name: "media", run: media::run, seeds: media::seeds },
    Target { name: "metadata", run: metadata::run, seeds: metadata::seeds },
    Target { name: "names", run: names::run, seeds: names::seeds },
    Target { name: "packing", run: packing::run, seeds: packing::seeds },
    Target { name: "protocol", run: protocol::run, seeds: protocol::seeds },
    Target { name: "raw-file", run: raw_file::run, seeds: raw_file::seeds },
    Target { name: "spool", run: spool::run, seeds: spool::seeds },
];

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.run)(data);
    }
});

fn choose() {
    if std::env::var_os("LATENT_FUZZ_LIST").is_some() {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    }
    let name = std::env::var("LATENT_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("LATENT_FUZZ_TARGET is {name:?}; the targets are: {}", known.join(" "));
        std::process::exit(2);
    };
    if let Some(folder) = std::env::var_os("LATENT_FUZZ_SEEDS") {
        if let Err(error) = write_seeds(target, Path::new(&folder)) {
            eprintln!("cannot write the seeds of {name} to {}: {error}", folder.display());
            std::process::exit(2);
        }
        std::process::exit(0);
    }
    // The first call alone counts; libFuzzer makes one.
    let _ = CHOSEN.set(target);
}

fn write_seeds(target: &Target, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (index, seed) in (target.seeds)().into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{index}")), seed)?;
    }
    Ok(())
}
