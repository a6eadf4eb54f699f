//! The kernel's `uvcvideo` with the test bed's USB camera: its picture, controls and faults. What the picture is stands
//! in the camera's own documentation, `ci/src/uvc_camera/picture.rs`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use latent_hal::conformance::{Scene, TestPicture};
use latent_hal::{PixelFormat, YuvFormat};

use super::*;

/// The port that these tests plug into; another camera may be at 0.
pub(super) const PORT: &str = "1";
const BRIGHTNESS: u32 = 0x0098_0900;
const CONTRAST: u32 = 0x0098_0901;
const GAIN: u32 = 0x0098_0913;
const AUTO_EXPOSURE: u32 = 0x009a_0901;
const EXPOSURE: u32 = 0x009a_0902;
const NO_DROP: &str = "/sys/module/uvcvideo/parameters/nodrop";

/// A USB camera that is unplugged when the value drops, and the device under test meanwhile.
pub(super) struct Plugged {
    pub(super) device: Device,
    camera: Child,
}

impl Plugged {
    /// Plugs the camera in with options of its program; `None` where the tests were not told of that.
    pub(super) fn new(options: &[&str]) -> Option<Self> {
        let Some(program) = std::env::var_os("LATENT_TEST_UVC") else {
            println!("SKIP LATENT_TEST_UVC names no USB camera");
            return None;
        };
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // The command tells the device, and ends when its input does.
        let mut camera = Command::new(program)
            .args(["--port", PORT])
            .args(options)
            .args(["--", "sh", "-c", "echo $LATENT_TEST_VIDEO; cat > /dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut path = String::new();
        BufReader::new(camera.stdout.take().unwrap()).read_line(&mut path).unwrap();
        let device = Device { path: path.trim().into(), _turn: turn };
        Some(Self { device, camera })
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        drop(self.camera.stdin.take());
        let _ = self.camera.wait();
        let begun = Instant::now();
        // The next test plugs into the same port.
        while self.device.path.exists() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Bad frames are given to programs, with their flag, until the value drops.
struct BadFrames;

impl BadFrames {
    fn shown() -> Self {
        std::fs::write(NO_DROP, "1").unwrap();
        Self
    }
}

impl Drop for BadFrames {
    fn drop(&mut self) {
        let _ = std::fs::write(NO_DROP, "0");
    }
}

/// Y, Cb and Cr of the bars, from the left: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [[u8; 3]; 8] = [
    [235, 128, 128],
    [210, 16, 146],
    [170, 166, 16],
    [145, 54, 34],
    [106, 202, 222],
    [81, 90, 240],
    [41, 240, 110],
    [16, 128, 128],
];

/// The scene at a place.
fn scene(x: usize, y: usize, width: usize, height: usize) -> [u8; 3] {
    if y < height * 3 / 4 {
        BARS[x * 8 / width]
    } else {
        [u8::try_from(16 + 219 * x / (width - 1)).unwrap(), 128, 128]
    }
}

/// Y, Cb and Cr at a place of a frame.
fn sample(config: &StreamConfig, bytes: &[u8], x: usize, y: usize) -> [u8; 3] {
    let planes = config.planes();
    let at = |plane: usize, column: usize, row: usize| {
        bytes[planes[plane].offset + row * planes[plane].stride + column]
    };
    match config.format {
        PixelFormat::Yuv(YuvFormat::Yuyv) => {
            let pair = x / 2 * 4;
            [at(0, x * 2, y), at(0, pair + 1, y), at(0, pair + 3, y)]
        }
        PixelFormat::Yuv(YuvFormat::Nv12) => {
            let pair = x / 2 * 2;
            [at(0, x, y), at(1, pair, y / 2), at(1, pair + 1, y / 2)]
        }
        other => panic!("{other:?}"),
    }
}

fn check_jpeg(config: &StreamConfig, bytes: &[u8]) {
    let oracle = TestPicture::BarsAndRamp.frame(config, 0).unwrap();
    assert_eq!(oracle.difference(config, &[bytes]), None, "{}x{}", config.width, config.height);
}

#[test]
fn every_mode_of_the_usb_camera_shows_its_scene() {
    let Some(usb) = Plugged::new(&[]) else { return };
    let mut camera = usb.device.open();
    let modes = camera.modes().unwrap();
    assert_eq!(modes.len(), 12, "{modes:?}");
    for mode in modes {
        let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        assert_eq!((config.width, config.height, config.format), (mode.width, mode.height, mode.format));
        camera.start().unwrap();
        let picture = frame(&mut camera);
        let bytes = bytes(&picture);
        assert!(picture.timestamp() > Duration::ZERO);
        camera.stop().unwrap();
        if mode.format == PixelFormat::Jpeg {
            check_jpeg(&config, &bytes);
            continue;
        }
        let (width, height) = (config.width as usize, config.height as usize);
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let [luma, ..] = scene(x, y, width, height);
            let row = if config.format == PixelFormat::Yuv(YuvFormat::Nv12) { y / 2 * 2 } else { y };
            let [_, blue, red] = scene(x / 2 * 2, row, width, height);
            assert_eq!(sample(&config, &bytes, x, y), [luma, blue, red], "{mode:?} at {x},{y}");
        }
    }
}

#[test]
fn a_lower_rate_is_taken_from_the_list() {
    let Some(usb) = Plugged::new(&[]) else { return };
    let mut camera = usb.device.open();
    let fastest = smallest_of(&camera, "yuyv");
    let interval = |micros| Some(Duration::from_micros(micros));
    assert_eq!(fastest.frame_interval.map(|interval| interval.as_millis()), Some(33));
    for (asked, millis) in [(None, 33), (interval(110_000), 100), (interval(9_000_000), 200)] {
        let mode = Mode { frame_interval: asked, ..fastest };
        let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        assert_eq!(config.frame_interval.unwrap().as_millis(), millis, "{asked:?}");
    }
    camera.start().unwrap();
    // Four times 200 ms, of which the first frame may be late.
    assert!(span(&mut camera, 5) > Duration::from_millis(500));
}

/// From the first of so many frames to the last.
fn span(camera: &mut dyn Camera, frames: u32) -> Duration {
    let times: Vec<Duration> = (0..frames).map(|_| frame(camera).timestamp()).collect();
    times[times.len() - 1] - times[0]
}

/// Luma of the white, yellow, and so on, bars.
fn lumas(camera: &mut dyn Camera, config: &StreamConfig) -> [u8; 8] {
    // What was on its way when a control was set.
    let picture = (0..8).map(|_| frame(camera)).last().unwrap();
    let (width, bytes) = (config.width as usize, bytes(&picture));
    [0, 1, 2, 3, 4, 5, 6, 7].map(|bar| sample(config, &bytes, bar * width / 8 + 2, 2)[0])
}

#[test]
fn controls_of_the_usb_camera_change_its_picture_as_they_say() {
    let Some(usb) = Plugged::new(&[]) else { return };
    let mut camera = usb.device.open();
    let mode = smallest_of(&camera, "yuyv");
    let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    let controls = camera.controls().unwrap();
    for id in [BRIGHTNESS, CONTRAST, GAIN, AUTO_EXPOSURE, EXPOSURE] {
        assert!(controls.iter().any(|control| control.id == id), "{id:#x}: {controls:?}");
    }
    camera.start().unwrap();
    let usual = lumas(&mut camera, &config);
    assert_eq!(usual, BARS.map(|bar| bar[0]));
    assert_eq!(camera.set_controls(&[(BRIGHTNESS, 20)]).unwrap(), [20]);
    assert_eq!(lumas(&mut camera, &config), [235, 230, 190, 165, 126, 101, 61, 36]);
    camera.set_controls(&[(BRIGHTNESS, 0), (CONTRAST, 0)]).unwrap();
    assert_eq!(lumas(&mut camera, &config), [126; 8]);
    camera.set_controls(&[(CONTRAST, 32), (GAIN, 32)]).unwrap();
    assert_eq!(lumas(&mut camera, &config), [125, 113, 93, 80, 61, 48, 28, 16]);
    // The automatic chooses the exposure: it cannot be set meanwhile.
    let refused = camera.set_controls(&[(EXPOSURE, 312)]).unwrap_err();
    assert!(
        refused.kind() == ErrorKind::Unsupported && refused.to_string().contains("automatic"),
        "{refused}"
    );
    camera.set_controls(&[(AUTO_EXPOSURE, 1)]).unwrap();
    camera.set_controls(&[(EXPOSURE, 312)]).unwrap();
    assert_eq!(lumas(&mut camera, &config), usual, "half the gain, twice the time");
    assert_eq!(camera.control_values(&[GAIN, EXPOSURE]).unwrap(), [32, 312]);
    // What is beyond the range is cut to it by the driver.
    assert_eq!(camera.set_controls(&[(GAIN, 100_000)]).unwrap(), [255]);
}

#[test]
fn frames_that_arrive_bad_are_gaps_or_damage_as_the_driver_is_told() {
    for fault in ["--err-every", "--short-every", "--empty-every"] {
        let options = [fault, "3"];
        let streaming = |usb: &Plugged| {
            let mut camera = usb.device.open();
            // So slow that no frame is lost for want of a buffer.
            let interval = Some(Duration::from_millis(100));
            let mode = Mode { frame_interval: interval, ..smallest_of(&camera, "yuyv") };
            camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
            camera.start().unwrap();
            camera
        };
        let Some(usb) = Plugged::new(&options) else { return };
        let mut camera = streaming(&usb);
        let numbers: Vec<u64> = (0..6).map(|_| frame(&mut camera).sequence()).collect();
        assert_eq!(numbers, [0, 1, 3, 4, 6, 7], "{fault}");
        drop((camera, usb));
        // The driver looks at this when a camera is plugged in.
        let _shown = BadFrames::shown();
        let Some(usb) = Plugged::new(&options) else { return };
        let mut camera = streaming(&usb);
        let is_damaged = |outcome| match outcome {
            Dequeued::Frame(_) => false,
            Dequeued::Damaged { .. } => true,
            other => panic!("{fault}: {other:?}"),
        };
        let damaged = (0..9).filter(|_| is_damaged(camera.dequeue(PATIENCE).unwrap())).count();
        // A frame without any bytes never gets a buffer, whatever the driver is told.
        assert_eq!(damaged, if fault == "--empty-every" { 0 } else { 3 }, "{fault}");
    }
}

#[test]
fn frames_that_the_camera_never_sent_leave_only_time() {
    let Some(usb) = Plugged::new(&["--drop-every", "2"]) else { return };
    let mut camera = usb.device.open();
    let mode = smallest_of(&camera, "yuyv");
    camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
    camera.start().unwrap();
    // Ten times 67 ms, not 33.
    assert!(span(&mut camera, 11) > Duration::from_millis(450));
    assert_eq!(frame(&mut camera).sequence(), 11);
}

#[test]
fn a_usb_camera_that_falls_silent_is_stalled_in_bounded_time() {
    let Some(usb) = Plugged::new(&["--stall-after", "3"]) else { return };
    let (mut camera, _) = started(&usb.device, 1);
    for _ in 0..3 {
        frame(&mut camera);
    }
    let begun = Instant::now();
    let error = loop {
        match camera.dequeue(Duration::from_millis(200)) {
            // It was restarted once, which helps others.
            Ok(Dequeued::Damaged { .. } | Dequeued::Timeout) => {}
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
        assert!(begun.elapsed() < PATIENCE * 4, "never stalled");
    };
    assert_eq!(error.kind(), ErrorKind::Stalled, "{error}");
    println!("stalled after {:?}", begun.elapsed());
    camera.stop().unwrap();
}
