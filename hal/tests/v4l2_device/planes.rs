//! Colour planes with memories of their own (`NM12` and the like), where the device has them.

use latent_hal::PixelFormat;
use latent_hal::memory::{self, Source};

use super::*;

const TEST_PATTERN: u32 = 0x000;
const COLOUR_BARS: i32 = 1;
const NO_TEXT: i32 = 2;

fn separate(device: &Device) -> V4l2Camera {
    let mut camera = device.open();
    camera.use_separate_planes(true);
    camera
}

/// The smallest mode of each format whose planes can be had apart.
fn separate_modes(device: &Device) -> Vec<Mode> {
    let mut camera = separate(device);
    let mut seen = HashSet::new();
    let modes = camera.modes().unwrap().into_iter().rev();
    modes
        .filter(|mode| matches!(mode.format, PixelFormat::Yuv(_)) && seen.insert(mode.format))
        .filter(|mode| camera.configure(&StreamRequest { mode: *mode, held: 1 }).unwrap().separate.is_some())
        .collect()
}

/// The samples of all colour planes, without what rows have behind them.
fn samples(config: &StreamConfig, frame: &Frame) -> Vec<Vec<u8>> {
    let bytes = frame.read().unwrap();
    let planes = config.planes().into_iter();
    planes
        .map(|plane| {
            let rows = bytes.memory(plane.memory)[plane.offset..].chunks(plane.stride).take(plane.rows);
            rows.flat_map(|row| &row[..plane.row_bytes]).copied().collect()
        })
        .collect()
}

fn picture(camera: &mut V4l2Camera, mode: Mode) -> (StreamConfig, Vec<Vec<u8>>) {
    let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    camera.start().unwrap();
    let samples = samples(&config, &frame(camera));
    camera.stop().unwrap();
    (config, samples)
}

/// The picture of one memory is the oracle of that of several, of whatever memory.
#[test]
fn planes_apart_are_the_same_picture_as_planes_together() {
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    vivid.set(OSD_TEXT, NO_TEXT);
    vivid.set(TEST_PATTERN, COLOUR_BARS);
    let modes = separate_modes(&device);
    if modes.is_empty() {
        println!("SKIP the device has no format whose planes have memories of their own");
        return;
    }
    let mut twins = 0;
    for mode in &modes {
        let (config, apart) = picture(&mut separate(&device), *mode);
        assert_eq!(apart.len(), config.planes().len());
        assert!(apart.iter().all(|plane| plane.iter().any(|byte| *byte != plane[0])), "{mode:?}: one value");
        let (one, together) = picture(&mut device.open(), *mode);
        if one.separate.is_none() {
            twins += 1;
            assert!(apart == together, "{mode:?}");
        }
        for source in memory::sources(Path::new("/dev")) {
            let mut camera = separate(&device);
            camera.use_memory(Some(source.clone()));
            if camera.configure(&StreamRequest { mode: *mode, held: 1 }).is_ok() {
                drop(camera);
                let mut camera = separate(&device);
                camera.use_memory(Some(source.clone()));
                assert!(picture(&mut camera, *mode).1 == apart, "{mode:?} in {source}");
            }
        }
    }
    println!("{} formats with planes apart, {twins} of them have a twin in one memory", modes.len());
    assert!(modes.len() >= 8 && twins >= 6, "NM12 NM21 NM16 NM61 YM12 YM21 YM16 YM61");
}

#[test]
fn all_planes_of_a_held_frame_outlive_its_camera_and_nothing_leaks() {
    let Some(device) = device() else { return };
    let modes = separate_modes(&device);
    let Some(mode) = modes.first() else {
        println!("SKIP the device has no format whose planes have memories of their own");
        return;
    };
    let (files, before) = (open_files(), memory::ledger());
    for source in [None, Some(Source::Udmabuf)] {
        let mut camera = separate(&device);
        camera.use_memory(source);
        let config = camera.configure(&StreamRequest { mode: *mode, held: 2 }).unwrap();
        let whole = config.planes().iter().map(|plane| plane.stride * plane.rows).sum::<usize>();
        assert!(config.size_bytes >= whole);
        assert!(memory::ledger().bytes >= config.slots as usize * whole);
        camera.start().unwrap();
        let held = frame(&mut camera);
        let seen = samples(&config, &held);
        for _ in 0..2 * config.slots {
            frame(&mut camera);
        }
        drop(camera);
        assert!(samples(&config, &held) == seen);
    }
    assert_eq!((open_files(), memory::ledger()), (files, before));
}
