//! Pictures against what the device was told to draw.

use latent_hal::{CfaPattern, RawFormat};

use super::*;

const TEST_PATTERN: u32 = 0x000;
const COLOUR_BARS: i32 = 1;
const NO_TEXT: i32 = 2;

/// Full colour bars, from the left: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [[bool; 3]; 8] = [
    [true, true, true],
    [true, true, false],
    [false, true, true],
    [false, true, false],
    [true, false, true],
    [true, false, false],
    [false, false, true],
    [false, false, false],
];

/// The colour that a sensor sees at a place, by the definition of its pattern.
fn colour(pattern: CfaPattern, x: usize, y: usize) -> usize {
    let (red, green, blue) = (0, 1, 2);
    let cell = match pattern {
        CfaPattern::Rggb => [[red, green], [green, blue]],
        CfaPattern::Grbg => [[green, red], [blue, green]],
        CfaPattern::Gbrg => [[green, blue], [red, green]],
        CfaPattern::Bggr => [[blue, green], [green, red]],
    };
    cell[y % 2][x % 2]
}

/// The sample at a place of full colour bars: all bits or none.
fn drawn(format: RawFormat, width: usize, x: usize, y: usize) -> u16 {
    let lit = BARS[x * 8 / width][colour(format.pattern, x, y)];
    if lit { u16::MAX >> (16 - format.bits) } else { 0 }
}

fn sample(format: RawFormat, row: &[u8], x: usize) -> u16 {
    match format.packing {
        Packing::Bytes => u16::from(row[x]),
        _ => u16::from_le_bytes([row[2 * x], row[2 * x + 1]]),
    }
}

#[test]
fn every_raw_format_is_the_picture_that_was_drawn() {
    let Some(device) = device() else { return };
    let Some(mut vivid) = device.vivid() else { return };
    vivid.set(OSD_TEXT, NO_TEXT);
    vivid.set(TEST_PATTERN, COLOUR_BARS);
    let mut camera = device.open();
    let mut seen = HashSet::new();
    let (raw, _) = modes(&camera);
    for mode in raw.iter().rev().filter(|mode| seen.insert(mode.format)) {
        let format = mode.format.raw().unwrap();
        let config = camera.configure(&StreamRequest { mode: *mode, held: 1 }).unwrap();
        camera.start().unwrap();
        let bytes = bytes(&frame(&mut camera));
        camera.stop().unwrap();
        let width = config.width as usize;
        for (y, row) in bytes.chunks_exact(config.stride_bytes).enumerate() {
            for x in 0..width {
                let (got, wanted) = (sample(format, row, x), drawn(format, width, x, y));
                assert_eq!(got, wanted, "{format:?} at {x},{y}");
            }
        }
    }
    println!("{} raw formats as drawn", seen.len());
    assert!(seen.len() >= 16, "8, 10, 12 and 16 bit in four orders");
}
