//! Cameras of several parts: a media graph that is set up before its node streams. Made for the kernel's `vimc`.

use std::process::Command;

use latent_hal::kernel::{BusFormat, Kernel, Linux};
use latent_hal::media::{Pipeline, Wish};
use latent_hal::{CfaPattern, RawFormat};

use super::*;

/// The media device of a camera of several parts.
fn media() -> Option<PathBuf> {
    std::env::var_os("LATENT_TEST_MEDIA").map(PathBuf::from)
}

/// The graph of the test's media device, or why there is none.
fn vimc() -> Option<PathBuf> {
    let media = media();
    if media.is_none() {
        println!("SKIP LATENT_TEST_MEDIA names no media device");
    }
    media
}

/// The format on the bus of raw samples: `MEDIA_BUS_FMT_S....`.
fn bus_code(format: RawFormat) -> u32 {
    match (format.bits, format.pattern) {
        (8, CfaPattern::Bggr) => 0x3001,
        (8, CfaPattern::Gbrg) => 0x3013,
        (8, CfaPattern::Grbg) => 0x3002,
        (8, CfaPattern::Rggb) => 0x3014,
        (10, CfaPattern::Bggr) => 0x3007,
        (10, CfaPattern::Gbrg) => 0x300e,
        (10, CfaPattern::Grbg) => 0x300a,
        (10, CfaPattern::Rggb) => 0x300f,
        (12, CfaPattern::Bggr) => 0x3008,
        (12, CfaPattern::Gbrg) => 0x3010,
        (12, CfaPattern::Grbg) => 0x3011,
        (12, CfaPattern::Rggb) => 0x3012,
        other => panic!("no format on the bus for {other:?}"),
    }
}

fn bus_format(code: u32, width: u32, height: u32) -> BusFormat {
    BusFormat { code, width, height, field: 1, colorspace: 8 }
}

fn set_up(media: &Path, allowed: &[&str], format: BusFormat) -> Pipeline {
    let wish = Wish { sensor: "Sensor A", allowed, format };
    Pipeline::set_up(&Linux, Path::new(discovery::SYSFS), media, &wish).unwrap()
}

/// Sets the parts of the camera under test up for a mode, where it has parts.
pub(super) fn set_up_for(mode: &Mode) {
    if let Some(media) = media() {
        let format = bus_format(bus_code(mode.format.raw().unwrap()), mode.width, mode.height);
        let pipeline = set_up(&media, &[], format);
        assert_eq!(Some(pipeline.capture().as_os_str()), std::env::var_os("LATENT_TEST_VIDEO").as_deref());
    }
}

#[test]
fn a_way_through_several_parts_ends_in_pictures() {
    let Some(device) = device() else { return };
    let Some(media) = vimc() else { return };
    let way = ["Debayer A", "Scaler", "RGB/YUV Capture"];
    let pipeline = set_up(&media, &way, bus_format(0x3014, 640, 480));
    assert_eq!(pipeline.names(), ["Sensor A", "Debayer A", "Scaler", "RGB/YUV Capture"]);
    // The debayer makes RGB of it, which is no format of ours: another program streams it.
    let (width, height) = (pipeline.format().width, pipeline.format().height);
    assert_eq!((width, height), (640, 480));
    let picture = std::env::temp_dir().join("latent-rgb");
    let node = pipeline.capture().display().to_string();
    let format = format!("--set-fmt-video=width={width},height={height},pixelformat=RGB3");
    let streamed = Command::new("v4l2-ctl")
        .args(["-d", &node, &format, "--stream-mmap", "--stream-count=1"])
        .arg(format!("--stream-to={}", picture.display()))
        .output()
        .unwrap();
    let bytes = std::fs::read(&picture).unwrap();
    assert_eq!(bytes.len(), 640 * 480 * 3, "{streamed:?}");
    assert!(bytes.iter().any(|byte| *byte != bytes[0]));
    // And back: the short way of the raw node, with the scaler cut off.
    let (mut camera, _) = started(&device, 1);
    check_picture(&configured_again(&mut camera), &bytes_of_next(&mut camera));
}

fn configured_again(camera: &mut V4l2Camera) -> StreamConfig {
    camera.stop().unwrap();
    let config = configured(camera, 1);
    camera.start().unwrap();
    config
}

fn bytes_of_next(camera: &mut V4l2Camera) -> Vec<u8> {
    bytes(&frame(camera))
}

#[test]
fn a_part_that_another_program_changed_is_named_when_the_stream_is_refused() {
    let Some(device) = device() else { return };
    let Some(media) = vimc() else { return };
    let mut camera = device.open();
    let mode = smallest(&camera);
    let format = bus_format(bus_code(mode.format.raw().unwrap()), mode.width, mode.height);
    let pipeline = set_up(&media, &[], format);
    let graph = latent_hal::media::Graph::from(Linux.media(&media).unwrap().topology().unwrap());
    let debayer = graph.named("Debayer A").unwrap().id;
    let file = discovery::device_file(Path::new(discovery::SYSFS), graph.device(debayer).unwrap()).unwrap();
    Linux.subdevice(&file).unwrap().set_format(0, 0, BusFormat { width: 64, height: 64, ..format }).unwrap();
    camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    let text = pipeline.explain(camera.start().unwrap_err()).to_string();
    println!("{text}");
    assert!(text.contains("\"Sensor A\":0 gives") && text.contains("\"Debayer A\":0 takes"), "{text}");
    configured(&mut camera, 1);
    camera.start().unwrap();
    frame(&mut camera);
}
