//! Cameras of several parts: a media graph that is set up before its node streams. Made for the kernel's `vimc`.

use std::process::Command;

use latent_hal::kernel::{BusFormat, Kernel, Linux};
use latent_hal::media::{Pipeline, Wish};

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

fn bus_format(code: u32, width: u32, height: u32) -> BusFormat {
    BusFormat { code, width, height, field: 1, colorspace: 8 }
}

#[test]
fn a_way_through_several_parts_ends_in_pictures() {
    let Some(device) = device() else { return };
    let Some(media) = vimc() else { return };
    let way = ["Debayer A", "Scaler", "RGB/YUV Capture"];
    let wish = Wish { sensor: "Sensor A".to_owned(), allowed: way.map(str::to_owned).to_vec() };
    let pipeline = Pipeline::find(&Linux, &media, &wish).unwrap();
    assert_eq!(pipeline.names().unwrap(), ["Sensor A", "Debayer A", "Scaler", "RGB/YUV Capture"]);
    // The debayer makes RGB of it, which is no format of ours: another program streams it.
    let given = pipeline.set_up(bus_format(0x3014, 640, 480)).unwrap();
    let (width, height) = (given.width, given.height);
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
    camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    let graph = latent_hal::media::Graph::from(Linux.media(&media).unwrap().topology().unwrap());
    let debayer = graph.named("Debayer A").unwrap().id;
    let file = Linux.file(graph.device(debayer).unwrap()).unwrap();
    let part = Linux.subdevice(&file).unwrap();
    part.set_format(0, 0, BusFormat { width: 64, height: 64, ..part.format(0, 0).unwrap() }).unwrap();
    let text = camera.start().unwrap_err().to_string();
    println!("{text}");
    assert!(text.contains("\"Sensor A\":0 gives") && text.contains("\"Debayer A\":0 takes"), "{text}");
    configured(&mut camera, 1);
    camera.start().unwrap();
    frame(&mut camera);
}

#[test]
fn controls_of_the_sensor_are_the_cameras_and_change_its_picture() {
    const BRIGHTNESS: u32 = 0x0098_0900;
    let Some(device) = device() else { return };
    let Some(_media) = vimc() else { return };
    let (mut camera, _) = started(&device, 1);
    let control = camera.controls().unwrap().into_iter().find(|control| control.id == BRIGHTNESS).unwrap();
    let mean = |camera: &mut V4l2Camera, value: i64| {
        assert_eq!(camera.set_controls(&[(BRIGHTNESS, value)]).unwrap(), [value]);
        // Frames that were made before are still in their buffers.
        let bytes = (0..12).map(|_| bytes_of_next(camera)).last().unwrap();
        bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>() / bytes.len() as u64
    };
    let (dark, bright) = (mean(&mut camera, control.min), mean(&mut camera, control.max));
    assert!(dark + 10 < bright, "{dark}, then {bright}");
    camera.set_controls(&[(BRIGHTNESS, control.default)]).unwrap();
}
