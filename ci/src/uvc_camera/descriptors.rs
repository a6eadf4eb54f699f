//! What the camera tells a host about itself: USB 2.0, 9.6, and the video class 1.1, 3.

use super::controls::{
    CAMERA_TERMINAL, CAMERA_TERMINAL_BITS, OUTPUT_TERMINAL, PROCESSING_UNIT, PROCESSING_UNIT_BITS,
};
use super::modes::{Coding, FORMATS, INTERVAL_UNITS, Mode, SIZES, intervals};

/// The interface of controls and that of the stream.
pub(super) const CONTROL_INTERFACE: u8 = 0;
pub(super) const STREAM_INTERFACE: u8 = 1;
/// The stream's bulk endpoint, as descriptors write it.
pub(super) const STREAM_ENDPOINT: u8 = 0x81;
/// The device's clock, Hz.
pub(super) const CLOCK: u32 = 1_000_000;

const VIDEO_CLASS: u8 = 0x0e;
const CLASS_INTERFACE: u8 = 0x24;
const CLASS_VERSION: [u8; 2] = [0x10, 0x01];

/// A descriptor: its length, its kind, and what it says.
fn descriptor(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u8::try_from(body.len() + 2).unwrap_or(u8::MAX);
    [&[length, kind], &body[..]].concat()
}

fn word(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

/// The device: a video camera with an interface association.
pub(super) fn device() -> Vec<u8> {
    const USB_2: [u8; 2] = [0x00, 0x02];
    // The Linux Foundation's number for a webcam made by software.
    const VENDOR_AND_PRODUCT: [u8; 4] = [0x6b, 0x1d, 0x02, 0x01];
    descriptor(1, &[&USB_2, &[0xef, 2, 1, 64], &VENDOR_AND_PRODUCT, &[0x00, 0x01, 1, 2, 3, 1]])
}

/// The texts of a device descriptor: 0 lists the languages.
pub(super) fn text(index: u8, serial: &str) -> Option<Vec<u8>> {
    const MOST_UNITS: usize = 126;
    let text = match index {
        0 => return Some(descriptor(3, &[&[0x09, 0x04]])),
        1 => "Latent",
        2 => "Latent test camera",
        3 => serial,
        _ => return None,
    };
    let units: Vec<u8> = text.encode_utf16().take(MOST_UNITS).flat_map(u16::to_le_bytes).collect();
    Some(descriptor(3, &[&units]))
}

/// The configuration with all that is in it.
pub(super) fn configuration() -> Vec<u8> {
    let interface = |number, endpoints, subclass, name| {
        descriptor(4, &[&[number, 0, endpoints, VIDEO_CLASS, subclass, 0, name]])
    };
    let inside = [
        descriptor(11, &[&[CONTROL_INTERFACE, 2, VIDEO_CLASS, 3, 0, 0]]),
        interface(CONTROL_INTERFACE, 0, 1, 0),
        control(),
        interface(STREAM_INTERFACE, 1, 2, 0),
        stream(),
        descriptor(5, &[&[STREAM_ENDPOINT, 2], &word(512), &[0]]),
    ]
    .concat();
    let head = descriptor(2, &[&word(inside.len() + 9), &[2, 1, 0, 0x80, 250]]);
    [head, inside].concat()
}

/// The parts of the camera: terminal of lens and sensor, processing unit, terminal to USB.
fn control() -> Vec<u8> {
    const CAMERA: [u8; 2] = [0x01, 0x02];
    const USB_STREAM: [u8; 2] = [0x01, 0x01];
    let lens = [0; 6];
    let parts = [
        descriptor(
            CLASS_INTERFACE,
            &[&[2, CAMERA_TERMINAL], &CAMERA, &[0, 0], &lens, &[3], &CAMERA_TERMINAL_BITS],
        ),
        descriptor(
            CLASS_INTERFACE,
            &[&[5, PROCESSING_UNIT, CAMERA_TERMINAL, 0, 0, 2], &PROCESSING_UNIT_BITS, &[0, 0]],
        ),
        descriptor(CLASS_INTERFACE, &[&[3, OUTPUT_TERMINAL], &USB_STREAM, &[0, PROCESSING_UNIT, 0]]),
    ]
    .concat();
    let clock = CLOCK.to_le_bytes();
    let head = descriptor(
        CLASS_INTERFACE,
        &[&[1], &CLASS_VERSION, &word(parts.len() + 13), &clock, &[1, STREAM_INTERFACE]],
    );
    [head, parts].concat()
}

/// The formats, each with its frames and its colours.
fn stream() -> Vec<u8> {
    let count = u8::try_from(FORMATS.len()).unwrap_or(0);
    let formats: Vec<u8> = (1..).zip(FORMATS).flat_map(|(index, coding)| format(index, coding)).collect();
    // One byte of controls for each format, none set.
    let length = formats.len() + 13 + FORMATS.len();
    let controls = [0; FORMATS.len()];
    let head = descriptor(
        CLASS_INTERFACE,
        &[&[1, count], &word(length), &[STREAM_ENDPOINT, 0, OUTPUT_TERMINAL, 0, 0, 0, 1], &controls],
    );
    [head, formats].concat()
}

fn format(index: u8, coding: Coding) -> Vec<u8> {
    /// What follows the four letters of a format in its GUID.
    const GUID_TAIL: [u8; 12] = [0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
    const DEFAULT_FRAME: u8 = 1;
    let frames = u8::try_from(SIZES.len()).unwrap_or(0);
    let (head, frame_kind) = match coding {
        Coding::Yuyv | Coding::Nv12 => {
            let (letters, bits) = if coding == Coding::Yuyv { (b"YUY2", 16) } else { (b"NV12", 12) };
            let tail = [bits, DEFAULT_FRAME, 0, 0, 0, 0];
            (descriptor(CLASS_INTERFACE, &[&[4, index, frames], letters, &GUID_TAIL, &tail]), 5)
        }
        Coding::Jpeg => {
            (descriptor(CLASS_INTERFACE, &[&[6, index, frames, 0, DEFAULT_FRAME, 0, 0, 0, 0]]), 7)
        }
    };
    let frames: Vec<u8> =
        (1..).zip(SIZES).flat_map(|(frame, size)| self::frame(frame_kind, frame, coding, size)).collect();
    // BT.709 primaries and transfer, BT.601 matrix.
    let colours = descriptor(CLASS_INTERFACE, &[&[13, 1, 1, 4]]);
    [head, frames, colours].concat()
}

fn frame(kind: u8, index: u8, coding: Coding, size: (u16, u16)) -> Vec<u8> {
    let offered = intervals(coding, size);
    let mode = Mode { coding, width: size.0, height: size.1, interval: offered[0] };
    let rate = |interval: u32| {
        let bits = u64::from(mode.most_bytes()) * 8 * u64::from(INTERVAL_UNITS) / u64::from(interval);
        u32::try_from(bits).unwrap_or(u32::MAX).to_le_bytes()
    };
    let listed: Vec<u8> = offered.iter().flat_map(|interval| interval.to_le_bytes()).collect();
    descriptor(
        CLASS_INTERFACE,
        &[
            &[kind, index, 0],
            &size.0.to_le_bytes(),
            &size.1.to_le_bytes(),
            &rate(offered[offered.len() - 1]),
            &rate(offered[0]),
            &mode.most_bytes().to_le_bytes(),
            &offered[0].to_le_bytes(),
            &[u8::try_from(offered.len()).unwrap_or(0)],
            &listed,
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The descriptors in a row of bytes.
    fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        while let Some(length) = bytes.first() {
            let (one, rest) = bytes.split_at(usize::from(*length));
            found.push(one);
            bytes = rest;
        }
        found
    }

    #[test]
    fn descriptors_lie_one_behind_the_other_and_totals_are_right() {
        let all = configuration();
        assert_eq!(usize::from(u16::from_le_bytes([all[2], all[3]])), all.len());
        let found = split(&all);
        let of_class = |kind: u8, subtype: u8| {
            found.iter().filter(move |one| one[1] == kind && one[2] == subtype).copied().collect::<Vec<_>>()
        };
        // The headers of both interfaces, whose totals end where the next interface or endpoint begins.
        let headers = of_class(CLASS_INTERFACE, 1);
        assert_eq!(headers.len(), 2);
        assert_eq!(usize::from(u16::from_le_bytes([headers[0][5], headers[0][6]])), control().len());
        assert_eq!(usize::from(u16::from_le_bytes([headers[1][4], headers[1][5]])), stream().len());
        assert_eq!(of_class(CLASS_INTERFACE, 13).len(), FORMATS.len());
        assert_eq!(of_class(CLASS_INTERFACE, 7).len(), SIZES.len());
        assert_eq!(device().len(), 18);
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        for one in split(&configuration()) {
            let wanted = match (one[1], one[2]) {
                (CLASS_INTERFACE, 2) => 18,
                (CLASS_INTERFACE, 4) if one.len() != 13 => 27,
                (CLASS_INTERFACE, 5) if one.len() == 12 => 12,
                (CLASS_INTERFACE, 5 | 7) if one.len() > 14 => 26 + 4 * usize::from(one[25]),
                (CLASS_INTERFACE, 6) => 11,
                (4, _) => 9,
                (5, _) => 7,
                (2, _) => 9,
                (11, _) => 8,
                _ => one.len(),
            };
            assert_eq!(one.len(), wanted, "{one:02x?}");
        }
    }

    #[test]
    fn texts_fit_their_length_byte() {
        assert_eq!(text(0, "").unwrap(), [4, 3, 9, 4]);
        assert_eq!(text(3, "A").unwrap(), [4, 3, 65, 0]);
        let long = text(3, &"x".repeat(1000)).unwrap();
        assert_eq!(usize::from(long[0]), long.len());
        assert_eq!(text(4, "A"), None);
    }
}
