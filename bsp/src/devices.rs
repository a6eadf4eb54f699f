//! `latent devices`: the cameras of this machine, what they can do, and the memory that frames can live in.

use std::path::{Path, PathBuf};

use latent_hal::control::{Control, ControlKind, Unit};
use latent_hal::discovery::{self, Found, SYSFS};
use latent_hal::memory::{Probe, choose, sources};
use latent_hal::open::libcamera_names;
use latent_hal::{Camera, CameraName, Error, Mode, PixelFormat, open};
use serde_json::{Value, json};

use crate::cli::DevicesArgs;
use crate::exit::{self, Failure};
use crate::output::Output;

/// How much of each memory is tried: a frame of 2 megapixels at 16 bits.
const PROBE_BYTES: usize = 4 << 20;

/// A camera that was found and what opening it showed.
struct Device {
    /// What `--camera` takes.
    name: String,
    /// Its device file, where it has one.
    path: Option<PathBuf>,
    /// What its driver calls it; may be nothing.
    label: String,
    camera: Result<Box<dyn Camera>, Error>,
}

impl From<Found> for Device {
    fn from(found: Found) -> Self {
        let camera = found.open().map(|camera| Box::new(camera) as _);
        Self { name: found.path.display().to_string(), path: Some(found.path), label: found.label, camera }
    }
}

impl From<&CameraName> for Device {
    fn from(name: &CameraName) -> Self {
        Self { name: name.to_string(), path: None, label: String::new(), camera: open(name) }
    }
}

pub(crate) fn run(args: &DevicesArgs, output: Output) -> Result<u8, Failure> {
    let mut devices: Vec<Device> = discovery::list(Path::new(SYSFS)).into_iter().map(Device::from).collect();
    let others = libcamera_names().map_err(latent_pipeline::Error::from)?;
    devices.extend(others.iter().map(Device::from));
    let probes: Vec<_> =
        sources(Path::new("/dev")).iter().map(|source| Probe::new(source, PROBE_BYTES, None)).collect();
    if output.is_json() {
        let cameras = devices.iter().map(document).collect::<Result<Vec<_>, Error>>();
        output.document(&json!({
            "cameras": cameras.map_err(latent_pipeline::Error::from)?,
            "memory": probes.iter().map(memory_document).collect::<Vec<_>>(),
            "chosen": match choose(&probes) {
                Ok((source, why)) => json!({ "source": source.to_string(), "why": why }),
                Err(why) => json!({ "source": null, "why": why }),
            },
        }));
    } else {
        output.line("Cameras");
        for device in &devices {
            print(device, args.controls, output).map_err(latent_pipeline::Error::from)?;
        }
        output.line("  virtual");
        output.line("      always there; any size, 8 to 16 bit: virtual:size=4000x3000,bits=10,pattern=rggb");
        output.line("Memory");
        for probe in &probes {
            let what = match &probe.read {
                Ok(speed) => format!("read at {} MB/s", speed / 1_000_000),
                Err(reason) => format!("not usable: {reason}"),
            };
            output.line(&format!("  {:<28}  {what}", probe.source.to_string()));
        }
        if let Ok((source, why)) = choose(&probes) {
            output.line(&format!("  for frames of our own: {source}; {why}"));
        }
    }
    Ok(exit::DONE)
}

fn print(device: &Device, controls: bool, output: Output) -> Result<(), Error> {
    output.line(format!("  {}  {}", device.name, device.label).trim_end());
    let camera = match &device.camera {
        Ok(camera) => camera,
        Err(error) => {
            output.line(&format!("      no camera for us: {error}"));
            return Ok(());
        }
    };
    let info = camera.info();
    output.line(&format!("      {}, driver {}, by any number {}", info.model, info.driver, info.id));
    for group in camera.modes()?.chunk_by(|a, b| a.format == b.format) {
        let sizes: Vec<_> = group.iter().map(size).collect();
        output.line(&format!("      {:<18}  {}", format_name(group[0].format), sizes.join("  ")));
    }
    for control in camera.controls()?.iter().filter(|_| controls) {
        let Control { name, min, max, step, default, .. } = control;
        let state = if control.read_only { ", read only" } else { "" };
        output.line(&format!(
            "      {name}: {min} to {max} by {step}, at first {default}{}{state}",
            unit(control.unit).map_or(String::new(), |unit| format!(", in {unit}"))
        ));
    }
    Ok(())
}

fn size(mode: &Mode) -> String {
    let rate = mode.frame_interval.filter(|time| !time.is_zero());
    let rate = rate.map_or(String::new(), |time| format!("@{:.0}", 1.0 / time.as_secs_f64()));
    format!("{}x{}{rate}", mode.width, mode.height)
}

fn format_name(format: PixelFormat) -> String {
    match format {
        PixelFormat::Raw(raw) => {
            format!("{} bit {} {:?}", raw.bits, raw.pattern.name(), raw.packing).to_lowercase()
        }
        PixelFormat::Yuv(yuv) => format!("{yuv:?}").to_lowercase(),
        PixelFormat::Rgb(rgb) => format!("{rgb:?}").to_lowercase(),
        PixelFormat::Jpeg => "jpeg".to_owned(),
    }
}

fn unit(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Device => None,
        Unit::HundredMicroseconds => Some("100 µs"),
        Unit::Rows => Some("rows"),
        Unit::Samples => Some("samples"),
        Unit::Hertz => Some("Hz"),
        Unit::SamplesPerSecond => Some("samples/s"),
        Unit::Kelvin => Some("K"),
        Unit::MilliEv => Some("mEV"),
        Unit::Degrees => Some("degrees"),
        Unit::Thousandths => Some("1/1000"),
    }
}

fn document(device: &Device) -> Result<Value, Error> {
    let Device { path, label, .. } = device;
    let camera = match &device.camera {
        Ok(camera) => camera,
        Err(error) => {
            return Ok(json!({ "path": path, "label": label, "usable": false, "reason": error.to_string() }));
        }
    };
    let info = camera.info();
    let modes: Vec<_> = camera.modes()?.iter().map(mode_document).collect();
    let controls: Vec<_> = camera.controls()?.iter().map(control_document).collect();
    Ok(json!({
        "path": path, "label": label, "usable": true, "id": info.id, "driver": info.driver, "model": info.model,
        "modes": modes, "controls": controls,
    }))
}

fn mode_document(mode: &Mode) -> Value {
    json!({
        "format": format_name(mode.format), "raw": mode.format.raw().is_some(), "bits": mode.format.bits(),
        "width": mode.width, "height": mode.height,
        "interval_us": mode.frame_interval.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
    })
}

fn control_document(control: &Control) -> Value {
    let kind = match control.kind {
        ControlKind::Integer => "integer",
        ControlKind::Integer64 => "integer64",
        ControlKind::Boolean => "boolean",
        ControlKind::Menu => "menu",
        ControlKind::IntegerMenu => "integer-menu",
        ControlKind::Bitmask => "bitmask",
        ControlKind::Button => "button",
        ControlKind::Compound => "compound",
    };
    json!({
        "id": control.id, "name": control.name, "kind": kind, "unit": unit(control.unit), "min": control.min,
        "max": control.max, "step": control.step, "default": control.default, "read_only": control.read_only,
        "delay_frames": control.delay_frames,
    })
}

fn memory_document(probe: &Probe) -> Value {
    json!({
        "source": probe.source.to_string(),
        "read_bytes_per_s": probe.read.as_ref().ok(),
        "reason": probe.read.as_ref().err(),
    })
}
