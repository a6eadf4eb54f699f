//! The table between libcamera's pixel formats and ours. libcamera names formats as DRM does, by a fourcc and a
//! modifier: <https://libcamera.org/api-html/formats_8h.html>.
//!
//! Left out, since [`PixelFormat`] has no such samples: RGB (all that the `vimc` handler gives), grey, 4:4:4, and the
//! packings of single vendors (IPU3, PiSP).

use crate::format::{CfaPattern, Packing, PixelFormat, RawFormat, YuvFormat};
use crate::v4l2::formats;

use CfaPattern::{Bggr, Gbrg, Grbg, Rggb};

/// A format's fourcc and modifier.
pub(super) type Name = (u32, u64);

/// Samples lie as they come over MIPI CSI-2: vendor 11, number 1.
const CSI2_PACKED: u64 = 11 << 56 | 1;

/// Orders of colours and depths. Packed samples have the same fourcc and the modifier.
const RAW: [(&[u8; 4], CfaPattern, u8); 20] = [
    (b"BA81", Bggr, 8),
    (b"GBRG", Gbrg, 8),
    (b"GRBG", Grbg, 8),
    (b"RGGB", Rggb, 8),
    (b"BG10", Bggr, 10),
    (b"GB10", Gbrg, 10),
    (b"BA10", Grbg, 10),
    (b"RG10", Rggb, 10),
    (b"BG12", Bggr, 12),
    (b"GB12", Gbrg, 12),
    (b"BA12", Grbg, 12),
    (b"RG12", Rggb, 12),
    (b"BG14", Bggr, 14),
    (b"GB14", Gbrg, 14),
    (b"BA14", Grbg, 14),
    (b"RG14", Rggb, 14),
    (b"BYR2", Bggr, 16),
    (b"GB16", Gbrg, 16),
    (b"GR16", Grbg, 16),
    (b"RGB6", Rggb, 16),
];

/// Formats that a camera developed.
const DEVELOPED: [(&[u8; 4], PixelFormat); 11] = [
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
];

/// The format of this name; `None` for formats that are of no use here.
pub(super) fn from_name((fourcc, modifier): Name) -> Option<PixelFormat> {
    let named = |name: &[u8; 4]| u32::from_le_bytes(*name) == fourcc;
    let raw = RAW.iter().find(|row| named(row.0));
    let raw = |packing| raw.map(|&(_, pattern, bits)| RawFormat { pattern, bits, packing }.into());
    match modifier {
        0 => {
            let bytes = RAW.iter().any(|row| named(row.0) && row.2 == 8);
            let developed = || DEVELOPED.iter().find(|row| named(row.0)).map(|row| row.1);
            raw(if bytes { Packing::Bytes } else { Packing::Le16 }).or_else(developed)
        }
        CSI2_PACKED => raw(Packing::Mipi).filter(|format| matches!(format.bits(), 10 | 12 | 14)),
        _ => None,
    }
}

/// The name of a format; `None` for depths and packings that libcamera has no name for.
pub(super) fn to_name(format: PixelFormat) -> Option<Name> {
    let raw = RAW.iter().map(|row| row.0);
    let fourccs = raw.chain(DEVELOPED.iter().map(|row| row.0)).map(|name| u32::from_le_bytes(*name));
    let mut names = fourccs.flat_map(|fourcc| [(fourcc, 0), (fourcc, CSI2_PACKED)]);
    names.find(|name| from_name(*name) == Some(format))
}

/// A name for people: `RG10`, `RG10 packed`, `NV12 modifier 0x100000000000001`.
pub(super) fn text((fourcc, modifier): Name) -> String {
    let letters = formats::name(fourcc);
    match modifier {
        0 => letters,
        CSI2_PACKED => format!("{letters} packed"),
        other => format!("{letters} modifier {other:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(fourcc: &[u8; 4], modifier: u64) -> Name {
        (u32::from_le_bytes(*fourcc), modifier)
    }

    #[test]
    fn every_row_leads_there_and_back() {
        for (fourcc, pattern, bits) in RAW {
            let packing = if bits == 8 { Packing::Bytes } else { Packing::Le16 };
            let format = RawFormat { pattern, bits, packing }.into();
            assert_eq!(from_name(name(fourcc, 0)), Some(format));
            assert_eq!(to_name(format), Some(name(fourcc, 0)));
        }
        for (fourcc, format) in DEVELOPED {
            assert_eq!(from_name(name(fourcc, 0)), Some(format));
            assert_eq!(to_name(format), Some(name(fourcc, 0)));
        }
    }

    #[test]
    fn packed_samples_have_the_modifier_of_csi_2_at_10_12_and_14_bit() {
        for pattern in CfaPattern::ALL {
            for bits in [10, 12, 14] {
                let format = RawFormat { pattern, bits, packing: Packing::Mipi }.into();
                let packed = to_name(format).unwrap();
                assert_eq!(packed.1, 0x0b00_0000_0000_0001);
                assert_eq!(from_name(packed), Some(format));
            }
        }
        for fourcc in [b"RGGB", b"RGB6", b"NV12"] {
            assert_eq!(from_name(name(fourcc, CSI2_PACKED)), None);
        }
    }

    #[test]
    fn formats_without_a_place_here_are_left_out_by_name() {
        let ipu3 = name(b"RG10", 1 << 56 | 13);
        for left_out in [name(b"RG24", 0), name(b"BG24", 0), name(b"R10 ", CSI2_PACKED), ipu3] {
            assert_eq!(from_name(left_out), None);
        }
        assert_eq!(to_name(RawFormat { pattern: Rggb, bits: 9, packing: Packing::Le16 }.into()), None);
        assert_eq!(text(ipu3), "RG10 modifier 0x10000000000000d");
        assert_eq!(text(name(b"RG10", CSI2_PACKED)), "RG10 packed");
        assert_eq!(text(name(b"BG24", 0)), "BG24");
    }

    /// The library that is installed says the same.
    #[cfg(feature = "libcamera")]
    #[test]
    fn the_names_are_those_of_libcamera() {
        let names = [
            ("SRGGB10", PixelFormat::from(RawFormat { pattern: Rggb, bits: 10, packing: Packing::Le16 })),
            ("SGRBG10_CSI2P", RawFormat { pattern: Grbg, bits: 10, packing: Packing::Mipi }.into()),
            ("SGBRG12_CSI2P", RawFormat { pattern: Gbrg, bits: 12, packing: Packing::Mipi }.into()),
            ("SGRBG14", RawFormat { pattern: Grbg, bits: 14, packing: Packing::Le16 }.into()),
            ("SBGGR14_CSI2P", RawFormat { pattern: Bggr, bits: 14, packing: Packing::Mipi }.into()),
            ("SRGGB16", RawFormat { pattern: Rggb, bits: 16, packing: Packing::Le16 }.into()),
            ("SBGGR16", RawFormat { pattern: Bggr, bits: 16, packing: Packing::Le16 }.into()),
            ("SBGGR8", RawFormat { pattern: Bggr, bits: 8, packing: Packing::Bytes }.into()),
            ("NV12", PixelFormat::Yuv(YuvFormat::Nv12)),
            ("YUYV", PixelFormat::Yuv(YuvFormat::Yuyv)),
            ("YUV420", PixelFormat::Yuv(YuvFormat::Yuv420)),
            ("YVU420", PixelFormat::Yuv(YuvFormat::Yvu420)),
            ("MJPEG", PixelFormat::Jpeg),
        ];
        for (name, ours) in names {
            let theirs: ::libcamera::pixel_format::PixelFormat = name.parse().unwrap();
            assert_eq!(from_name((theirs.fourcc(), theirs.modifier())), Some(ours), "{name}");
        }
    }
}
