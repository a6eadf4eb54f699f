//! The table between V4L2 pixel formats (fourcc) and ours:
//! <https://docs.kernel.org/userspace-api/media/v4l/pixfmt.html>.

use crate::format::{CfaPattern, Packing, PixelFormat, RawFormat, YuvFormat};

use CfaPattern::{Bggr, Gbrg, Grbg, Rggb};
use Packing::{Bytes, Le16, Mipi};

/// Linux has one name for each order of colours, depth and packing; the names follow no rule.
const TABLE: [(&[u8; 4], CfaPattern, u8, Packing); 32] = [
    (b"BA81", Bggr, 8, Bytes),
    (b"GBRG", Gbrg, 8, Bytes),
    (b"GRBG", Grbg, 8, Bytes),
    (b"RGGB", Rggb, 8, Bytes),
    (b"BG10", Bggr, 10, Le16),
    (b"GB10", Gbrg, 10, Le16),
    (b"BA10", Grbg, 10, Le16),
    (b"RG10", Rggb, 10, Le16),
    (b"pBAA", Bggr, 10, Mipi),
    (b"pGAA", Gbrg, 10, Mipi),
    (b"pgAA", Grbg, 10, Mipi),
    (b"pRAA", Rggb, 10, Mipi),
    (b"BG12", Bggr, 12, Le16),
    (b"GB12", Gbrg, 12, Le16),
    (b"BA12", Grbg, 12, Le16),
    (b"RG12", Rggb, 12, Le16),
    (b"pBCC", Bggr, 12, Mipi),
    (b"pGCC", Gbrg, 12, Mipi),
    (b"pgCC", Grbg, 12, Mipi),
    (b"pRCC", Rggb, 12, Mipi),
    (b"BG14", Bggr, 14, Le16),
    (b"GB14", Gbrg, 14, Le16),
    (b"GR14", Grbg, 14, Le16),
    (b"RG14", Rggb, 14, Le16),
    (b"pBEE", Bggr, 14, Mipi),
    (b"pGEE", Gbrg, 14, Mipi),
    (b"pgEE", Grbg, 14, Mipi),
    (b"pREE", Rggb, 14, Mipi),
    (b"BYR2", Bggr, 16, Le16),
    (b"GB16", Gbrg, 16, Le16),
    (b"GR16", Grbg, 16, Le16),
    (b"RG16", Rggb, 16, Le16),
];

/// Formats that a camera developed, in one memory plane each. Those of several memory planes (`NM12` and its like) are
/// left out: drivers that have them have their one-plane twins too.
const DEVELOPED: [(&[u8; 4], PixelFormat); 12] = [
    (b"YUYV", PixelFormat::Yuv(YuvFormat::Yuyv)),
    (b"YVYU", PixelFormat::Yuv(YuvFormat::Yvyu)),
    (b"UYVY", PixelFormat::Yuv(YuvFormat::Uyvy)),
    (b"VYUY", PixelFormat::Yuv(YuvFormat::Vyuy)),
    (b"NV12", PixelFormat::Yuv(YuvFormat::Nv12)),
    (b"NV21", PixelFormat::Yuv(YuvFormat::Nv21)),
    (b"NV16", PixelFormat::Yuv(YuvFormat::Nv16)),
    (b"NV61", PixelFormat::Yuv(YuvFormat::Nv61)),
    (b"YU12", PixelFormat::Yuv(YuvFormat::Yuv420)),
    (b"YV12", PixelFormat::Yuv(YuvFormat::Yvu420)),
    (b"MJPG", PixelFormat::Jpeg),
    (b"JPEG", PixelFormat::Jpeg),
];

/// The format behind a fourcc; `None` for formats that are of no use here.
pub(crate) fn from_fourcc(fourcc: u32) -> Option<PixelFormat> {
    let named = |name: &[u8; 4]| u32::from_le_bytes(*name) == fourcc;
    let raw = TABLE
        .iter()
        .find(|row| named(row.0))
        .map(|&(_, pattern, bits, packing)| PixelFormat::Raw(RawFormat { pattern, bits, packing }));
    raw.or_else(|| DEVELOPED.iter().find(|row| named(row.0)).map(|row| row.1))
}

/// The fourccs of a format, the usual one first; none for depths and packings that V4L2 has no name for.
pub(super) fn to_fourccs(format: PixelFormat) -> impl Iterator<Item = u32> {
    let raw = TABLE.iter().filter(move |row| {
        format == PixelFormat::Raw(RawFormat { pattern: row.1, bits: row.2, packing: row.3 })
    });
    let developed = DEVELOPED.iter().filter(move |row| row.1 == format);
    raw.map(|row| row.0).chain(developed.map(|row| row.0)).map(|name| u32::from_le_bytes(*name))
}

/// A fourcc for people: `RG10`, `Y16-BE` for the big-endian bit, `\x01` for bytes that cannot be printed.
pub(crate) fn name(fourcc: u32) -> String {
    const BIG_ENDIAN: u32 = 1 << 31;
    let letters = (fourcc & !BIG_ENDIAN).to_le_bytes().escape_ascii().to_string();
    let suffix = if fourcc & BIG_ENDIAN == 0 { "" } else { "-BE" };
    format!("{}{suffix}", letters.trim_end())
}

/// A list of formats for an error message, not longer than a sentence may be.
pub(super) fn list(fourccs: &[u32]) -> String {
    const SHOWN: usize = 12;
    let names: Vec<String> = fourccs.iter().take(SHOWN).map(|fourcc| name(*fourcc)).collect();
    match fourccs.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", names.join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to_fourcc(format: RawFormat) -> Option<u32> {
        to_fourccs(format.into()).next()
    }

    #[test]
    fn every_row_leads_there_and_back() {
        for (fourcc, pattern, bits, packing) in TABLE {
            let format = RawFormat { pattern, bits, packing };
            let fourcc = u32::from_le_bytes(*fourcc);
            assert_eq!(from_fourcc(fourcc), Some(format.into()));
            assert_eq!(to_fourcc(format), Some(fourcc));
        }
        for (fourcc, format) in DEVELOPED {
            let fourcc = u32::from_le_bytes(*fourcc);
            assert_eq!(from_fourcc(fourcc), Some(format));
            assert!(to_fourccs(format).any(|found| found == fourcc));
        }
    }

    #[test]
    fn all_four_orders_of_each_depth_are_there() {
        for pattern in CfaPattern::ALL {
            for (bits, packing) in [
                (8, Bytes),
                (10, Le16),
                (10, Mipi),
                (12, Le16),
                (12, Mipi),
                (14, Le16),
                (14, Mipi),
                (16, Le16),
            ] {
                assert!(to_fourcc(RawFormat { pattern, bits, packing }).is_some(), "{pattern:?} {bits}");
            }
        }
        assert_eq!(to_fourcc(RawFormat { pattern: Rggb, bits: 9, packing: Le16 }), None);
    }

    #[test]
    fn the_irregular_names_are_the_kernels() {
        // GRBG is `BA` at 10 and 12 bit and `GR` above; BGGR is `BA81` at 8 bit and `BYR2` at 16.
        let format = |name: &[u8; 4]| from_fourcc(u32::from_le_bytes(*name)).unwrap().raw().unwrap();
        assert_eq!(format(b"BA10"), RawFormat { pattern: Grbg, bits: 10, packing: Le16 });
        assert_eq!(format(b"BA12"), RawFormat { pattern: Grbg, bits: 12, packing: Le16 });
        assert_eq!(format(b"GR14"), RawFormat { pattern: Grbg, bits: 14, packing: Le16 });
        assert_eq!(format(b"BA81"), RawFormat { pattern: Bggr, bits: 8, packing: Bytes });
        assert_eq!(format(b"BYR2"), RawFormat { pattern: Bggr, bits: 16, packing: Le16 });
        assert_eq!(format(b"pgAA"), RawFormat { pattern: Grbg, bits: 10, packing: Mipi });
        assert_eq!(from_fourcc(u32::from_le_bytes(*b"H264")), None);
    }

    #[test]
    fn names_can_be_read() {
        assert_eq!(name(u32::from_le_bytes(*b"RG10")), "RG10");
        assert_eq!(name(u32::from_le_bytes(*b"Y16 ") | 1 << 31), "Y16-BE");
        assert_eq!(name(1), "\\x01\\x00\\x00\\x00");
        assert_eq!(list(&[]), "none");
        assert_eq!(list(&[u32::from_le_bytes(*b"YUYV"); 14]).matches("YUYV").count(), 12);
        assert!(list(&[u32::from_le_bytes(*b"YUYV"); 14]).ends_with("and 2 more"));
    }

    proptest! {
        #[test]
        fn any_number_has_a_printable_name(fourcc: u32) {
            prop_assert!(name(fourcc).chars().all(|letter| letter.is_ascii_graphic() || letter == ' '));
        }
    }
}
