//! Colour bars, as test pictures have them, and a picture of known light in every developed format.

use super::oracle::Oracle;
use crate::camera::StreamConfig;
use crate::color::{Colorimetry, Range, YcbcrEncoding};
use crate::format::{RgbFormat, YuvFormat};

/// Full colour bars, from the left: white, yellow, cyan, green, magenta, red, blue, black.
pub(super) const BARS: [[bool; 3]; 8] = [
    [true, true, true],
    [true, true, false],
    [false, true, true],
    [false, true, false],
    [true, false, true],
    [true, false, false],
    [false, false, true],
    [false, false, false],
];

/// So many samples beside the edge of a bar may have the colour of its neighbour: chroma is shared there.
pub(super) const SHARED: usize = 3;

/// The bar at a column.
pub(super) fn bar(x: usize, width: usize) -> [bool; 3] {
    BARS[(x * BARS.len() / width.max(1)).min(BARS.len() - 1)]
}

/// The bar at a column; `None` for columns that are nearer than so many to the edge of one.
pub(super) fn away_from_edges(x: usize, width: usize, edge: usize) -> Option<[bool; 3]> {
    let here = bar(x, width);
    let inside = bar(x.saturating_sub(edge), width) == bar((x + edge).min(width.saturating_sub(1)), width);
    inside.then_some(here)
}

/// Red, green and blue of a bar, from 0 to 1.
pub(super) fn light(lit: [bool; 3]) -> [f64; 3] {
    lit.map(|on| if on { 1.0 } else { 0.0 })
}

/// Luma and both colour differences, 8 bits each, of red, green and blue from 0 to 1.
fn ycbcr([red, green, blue]: [f64; 3], colours: Colorimetry) -> [u8; 3] {
    let (red_weight, blue_weight) = match colours.encoding {
        YcbcrEncoding::Rec709 => (0.2126, 0.0722),
        YcbcrEncoding::Rec2020 => (0.2627, 0.0593),
        _ => (0.299, 0.114),
    };
    let luma: f64 = red_weight * red + (1.0 - red_weight - blue_weight) * green + blue_weight * blue;
    let differences = [(blue - luma) / (1.0 - blue_weight) / 2.0, (red - luma) / (1.0 - red_weight) / 2.0];
    let (low, luma_span, chroma_span) = match colours.range {
        Range::Full => (0.0, 255.0, 255.0),
        Range::Limited => (16.0, 219.0, 224.0),
    };
    let code = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    let [cb, cr] = differences.map(|difference| code(128.0 + chroma_span * difference));
    [code(low + luma_span * luma), cb, cr]
}

/// A picture in luma and chroma; `light` tells red, green and blue of a column and row, where they are known.
pub(super) fn yuv(
    format: YuvFormat,
    config: &StreamConfig,
    colours: Colorimetry,
    tolerance: u8,
    light: impl Fn(usize, usize) -> Option<[f64; 3]>,
) -> Oracle {
    let (width, height) = (config.width as usize, config.height as usize);
    let planes = config.planes();
    let memories = planes.iter().map(|plane| plane.memory + 1).max().unwrap_or(1);
    let mut bytes = vec![vec![None; config.size_bytes]; memories];
    for (index, plane) in planes.into_iter().enumerate() {
        // Planes of chroma may have a row for two.
        let each = height.div_ceil(plane.rows.max(1));
        for row in 0..plane.rows {
            for place in 0..plane.row_bytes {
                let (x, component) = sample_at(format, index, place);
                if let Some(byte) = bytes[plane.memory].get_mut(plane.offset + row * plane.stride + place) {
                    let known = if x < width { light(x, row * each) } else { None };
                    *byte = known.map(|light| ycbcr(light, colours)[component]);
                }
            }
        }
    }
    Oracle::Near(bytes, tolerance)
}

/// A picture in red, green and blue; `light` as for [`yuv`].
pub(super) fn rgb(
    format: RgbFormat,
    config: &StreamConfig,
    colours: Colorimetry,
    tolerance: u8,
    light: impl Fn(usize, usize) -> Option<[f64; 3]>,
) -> Oracle {
    let (width, height) = (config.width as usize, config.height as usize);
    let places: [usize; 3] = match format {
        RgbFormat::Rgb24 | RgbFormat::Rgbx32 => [0, 1, 2],
        RgbFormat::Bgr24 | RgbFormat::Bgrx32 => [2, 1, 0],
        RgbFormat::Xrgb32 => [1, 2, 3],
        RgbFormat::Xbgr32 => [3, 2, 1],
    };
    let (low, span) = match colours.range {
        Range::Full => (0.0, 255.0),
        Range::Limited => (16.0, 219.0),
    };
    let mut bytes = vec![None; config.size_bytes];
    for (y, row) in bytes.chunks_mut(config.stride_bytes.max(1)).take(height).enumerate() {
        for (x, pixel) in row.chunks_mut(format.pixel_bytes()).take(width).enumerate() {
            let Some(light) = light(x, y) else { continue };
            for (place, value) in places.into_iter().zip(light) {
                if let Some(byte) = pixel.get_mut(place) {
                    *byte = Some((low + span * value).round() as u8);
                }
            }
        }
    }
    Oracle::Near(vec![bytes], tolerance)
}

/// Which column and component a byte of a row is: 0 is luma, 1 is Cb, 2 is Cr.
fn sample_at(format: YuvFormat, plane: usize, place: usize) -> (usize, usize) {
    let packed = |order: [usize; 4]| {
        let component = order[place % 4];
        let pair = place / 4 * 2;
        let second_luma = component == 0 && order[..place % 4].contains(&0);
        (pair + usize::from(second_luma), component)
    };
    let component = |first: usize| if place.is_multiple_of(2) { first } else { 3 - first };
    match (format, plane) {
        (YuvFormat::Yuyv, _) => packed([0, 1, 0, 2]),
        (YuvFormat::Yvyu, _) => packed([0, 2, 0, 1]),
        (YuvFormat::Uyvy, _) => packed([1, 0, 2, 0]),
        (YuvFormat::Vyuy, _) => packed([2, 0, 1, 0]),
        (_, 0) => (place, 0),
        (YuvFormat::Nv12 | YuvFormat::Nv16, _) => (place / 2 * 2, component(1)),
        (YuvFormat::Nv21 | YuvFormat::Nv61, _) => (place / 2 * 2, component(2)),
        (YuvFormat::Nv24, _) => (place / 2, component(1)),
        (YuvFormat::Nv42, _) => (place / 2, component(2)),
        (YuvFormat::Yuv420 | YuvFormat::Yuv422, plane) => (place * 2, plane),
        (YuvFormat::Yvu420 | YuvFormat::Yvu422, plane) => (place * 2, 3 - plane),
        (YuvFormat::Yuv444, plane) => (place, plane),
        (YuvFormat::Yvu444, plane) => (place, 3 - plane),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::{ColorSpace, Transfer};

    const TELEVISION: Colorimetry = Colorimetry {
        space: ColorSpace::Srgb,
        transfer: Transfer::Srgb,
        encoding: YcbcrEncoding::Rec601,
        range: Range::Limited,
    };

    #[test]
    fn bars_have_the_codes_of_the_standard() {
        assert_eq!(ycbcr([1.0; 3], TELEVISION), [235, 128, 128]);
        assert_eq!(ycbcr([0.0; 3], TELEVISION), [16, 128, 128]);
        // Rec. 601, table of 100 % bars: red.
        assert_eq!(ycbcr([1.0, 0.0, 0.0], TELEVISION), [81, 90, 240]);
        let full = Colorimetry { range: Range::Full, ..TELEVISION };
        assert_eq!(ycbcr([1.0; 3], full), [255, 128, 128]);
    }

    #[test]
    fn every_byte_of_a_packed_row_has_its_component() {
        let row = |format| (0..4).map(|place| sample_at(format, 0, place)).collect::<Vec<_>>();
        assert_eq!(row(YuvFormat::Yuyv), [(0, 0), (0, 1), (1, 0), (0, 2)]);
        assert_eq!(row(YuvFormat::Vyuy), [(0, 2), (0, 0), (0, 1), (1, 0)]);
        assert_eq!(sample_at(YuvFormat::Nv21, 1, 5), (4, 1));
        assert_eq!(sample_at(YuvFormat::Yvu420, 1, 5), (10, 2));
    }
}
