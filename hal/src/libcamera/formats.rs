//! libcamera's pixel formats and ours. libcamera names formats as DRM does, by a fourcc and a modifier:
//! <https://libcamera.org/api-html/formats_8h.html>.
//!
//! Left out, since [`PixelFormat`] has no such samples: grey, and the packings of single vendors (IPU3, PiSP).

use crate::format::PixelFormat;
use crate::fourcc::{DEVELOPED, RAW, code};
use crate::v4l2::formats;

/// A format's fourcc and modifier.
pub(super) type Name = (u32, u64);

/// Samples lie as they come over MIPI CSI-2: vendor 11, number 1.
const CSI2_PACKED: u64 = 11 << 56 | 1;

/// Every name with its format.
fn named() -> impl Iterator<Item = (Name, PixelFormat)> {
    let raw = RAW.iter().flat_map(|row| {
        let mipi = row.mipi().map(|format| ((code(row.drm), CSI2_PACKED), format));
        std::iter::once(((code(row.drm), 0), row.unpacked())).chain(mipi)
    });
    raw.chain(DEVELOPED.iter().map(|row| ((code(row.drm), 0), row.format)))
}

/// The format of this name; `None` for formats that are of no use here.
pub(super) fn from_name(wanted: Name) -> Option<PixelFormat> {
    named().find(|(name, _)| *name == wanted).map(|(_, format)| format)
}

/// The name of a format; `None` for depths and packings that libcamera has no name for.
pub(super) fn to_name(wanted: PixelFormat) -> Option<Name> {
    named().find(|(_, format)| *format == wanted).map(|(name, _)| name)
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
    use CfaPattern::{Grbg, Rggb};

    use super::*;
    #[cfg(feature = "libcamera")]
    use crate::format::RgbFormat;
    use crate::format::{CfaPattern, Packing, RawFormat, YuvFormat};

    fn name(fourcc: &[u8; 4], modifier: u64) -> Name {
        (u32::from_le_bytes(*fourcc), modifier)
    }

    #[test]
    fn every_name_leads_there_and_back() {
        let all: std::collections::HashSet<Name> = named().map(|(name, _)| name).collect();
        assert_eq!(all.len(), 55);
        for (name, format) in named() {
            assert_eq!((from_name(name), to_name(format)), (Some(format), Some(name)));
        }
    }

    #[test]
    fn names_that_v4l2_gives_to_something_else_are_those_of_drm() {
        let unpacked = |pattern, bits| Some(RawFormat { pattern, bits, packing: Packing::Le16 }.into());
        assert_eq!(from_name(name(b"RGB6", 0)), unpacked(Rggb, 16));
        assert_eq!(from_name(name(b"RG16", 0)), None, "in DRM it is RGB of 5, 6 and 5 bits");
        assert_eq!(from_name(name(b"BA14", 0)), unpacked(Grbg, 14));
        assert_eq!(
            [b"GR14", b"422P", b"JPEG", b"pRAA", b"NM12"].map(|other| from_name(name(other, 0))),
            [None; 5]
        );
        let planar = [b"YU16", b"YV16", b"YU24", b"YV24"].map(|planar| from_name(name(planar, 0)));
        let wanted = [YuvFormat::Yuv422, YuvFormat::Yvu422, YuvFormat::Yuv444, YuvFormat::Yvu444];
        assert_eq!(planar, wanted.map(|format| Some(PixelFormat::Yuv(format))));
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
        for left_out in [name(b"RG16", 0), name(b"R8  ", 0), name(b"R10 ", CSI2_PACKED), ipu3] {
            assert_eq!(from_name(left_out), None);
        }
        assert_eq!(to_name(RawFormat { pattern: Rggb, bits: 9, packing: Packing::Le16 }.into()), None);
        assert_eq!(text(ipu3), "RG10 modifier 0x10000000000000d");
        assert_eq!(text(name(b"RG10", CSI2_PACKED)), "RG10 packed");
        assert_eq!(text(name(b"R8  ", 0)), "R8");
    }

    /// The library that is installed says the same.
    #[cfg(feature = "libcamera")]
    #[test]
    fn the_names_are_those_of_libcamera() {
        use CfaPattern::{Bggr, Gbrg};
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
            ("NV24", PixelFormat::Yuv(YuvFormat::Nv24)),
            ("NV42", PixelFormat::Yuv(YuvFormat::Nv42)),
            ("YUV422", PixelFormat::Yuv(YuvFormat::Yuv422)),
            ("YVU422", PixelFormat::Yuv(YuvFormat::Yvu422)),
            ("YUV444", PixelFormat::Yuv(YuvFormat::Yuv444)),
            ("YVU444", PixelFormat::Yuv(YuvFormat::Yvu444)),
            ("BGR888", PixelFormat::Rgb(RgbFormat::Rgb24)),
            ("RGB888", PixelFormat::Rgb(RgbFormat::Bgr24)),
            ("XBGR8888", PixelFormat::Rgb(RgbFormat::Rgbx32)),
            ("XRGB8888", PixelFormat::Rgb(RgbFormat::Bgrx32)),
            ("BGRX8888", PixelFormat::Rgb(RgbFormat::Xrgb32)),
            ("RGBX8888", PixelFormat::Rgb(RgbFormat::Xbgr32)),
            ("MJPEG", PixelFormat::Jpeg),
        ];
        for (name, ours) in names {
            let theirs: ::libcamera::pixel_format::PixelFormat = name.parse().unwrap();
            assert_eq!(from_name((theirs.fourcc(), theirs.modifier())), Some(ours), "{name}");
        }
    }
}
