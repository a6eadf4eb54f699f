//! V4L2 pixel formats (fourcc) and ours, by the table of names.

use crate::format::PixelFormat;
use crate::fourcc::{DEVELOPED, Name, RAW, code};

/// Every name with its format, those of raw formats first, those of one memory before those of several.
fn named() -> impl Iterator<Item = (Name, PixelFormat)> {
    let raw = RAW.iter().flat_map(|row| {
        let mipi = row.v4l2_mipi.zip(row.mipi());
        std::iter::once((row.v4l2, row.unpacked())).chain(mipi)
    });
    let one_memory = DEVELOPED.iter().flat_map(|row| row.v4l2.iter().map(|name| (*name, row.format)));
    raw.chain(one_memory).chain(separate())
}

/// The names of formats each of whose colour planes has a memory of its own.
fn separate() -> impl Iterator<Item = (Name, PixelFormat)> {
    DEVELOPED.iter().filter_map(|row| Some((row.v4l2_separate?, row.format)))
}

/// All fourccs that are known here, those of raw formats first.
#[cfg(any(test, feature = "fake-kernel"))]
pub(crate) fn known() -> impl Iterator<Item = [u8; 4]> {
    named().map(|(name, _)| *name)
}

/// The format behind a fourcc; `None` for formats that are of no use here.
pub(crate) fn from_fourcc(fourcc: u32) -> Option<PixelFormat> {
    named().find(|(name, _)| code(name) == fourcc).map(|(_, format)| format)
}

/// Whether each colour plane of this format has a memory of its own.
pub(crate) fn is_separate(fourcc: u32) -> bool {
    separate().any(|(name, _)| code(name) == fourcc)
}

/// The fourccs of a format, the usual one first, those with several memories last; none for depths and packings that
/// V4L2 has no name for.
pub(crate) fn to_fourccs(format: PixelFormat) -> impl Iterator<Item = u32> {
    named().filter(move |(_, named)| *named == format).map(|(name, _)| code(name))
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
    use CfaPattern::{Bggr, Grbg, Rggb};
    use Packing::{Bytes, Le16, Mipi};
    use proptest::prelude::*;

    use super::*;
    use crate::format::{CfaPattern, Packing, RawFormat, YuvFormat};

    fn to_fourcc(format: RawFormat) -> Option<u32> {
        to_fourccs(format.into()).next()
    }

    #[test]
    fn every_name_leads_there_and_back_and_stands_for_one_format() {
        let mut seen = std::collections::HashSet::new();
        for (name, format) in named() {
            assert!(seen.insert(name), "{name:?} stands twice");
            assert_eq!(from_fourcc(code(name)), Some(format));
            assert!(to_fourccs(format).any(|found| found == code(name)));
        }
        assert_eq!(seen.len(), 67);
    }

    #[test]
    fn one_memory_comes_before_several() {
        let names: Vec<String> = to_fourccs(PixelFormat::Yuv(YuvFormat::Nv12)).map(name).collect();
        assert_eq!(names, ["NV12", "NM12"]);
        assert!(is_separate(u32::from_le_bytes(*b"YM61")) && !is_separate(u32::from_le_bytes(*b"NV12")));
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
