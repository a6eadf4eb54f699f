//! Camera names and the options of virtual cameras: what parses prints the same.

use latent_hal::CameraName;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for name in [text.to_owned(), format!("virtual:{text}")] {
        let Ok(parsed) = name.parse::<CameraName>() else { continue };
        let printed = parsed.to_string();
        assert_eq!(printed.parse::<CameraName>().ok(), Some(parsed), "{name:?} prints as {printed:?}");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [
        "size=640x480,seed=7,bits=12,pattern=GRBG,packing=mipi,fps=15,black=200,gain=4,exposure=900,shake=off,memory=64",
        "fault=drop:3+damage:5+stall:9+unplug:11+busy",
        "v4l2:platform:vivid-000",
        "/dev/video0",
        "virtual",
        "bits=8,gain=1.5",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
