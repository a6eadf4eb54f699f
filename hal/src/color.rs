//! What the numbers of a developed picture mean as light.

use v4l2r::bindings as raw;

/// Primaries and white point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColorSpace {
    /// sRGB and Rec. 709, the same primaries.
    Srgb,
    /// SMPTE 170M: television of 525 lines, and most cameras on USB.
    Smpte170m,
    /// Rec. 2020.
    Rec2020,
    /// Another one, by its number in V4L2 (`V4L2_COLORSPACE_*`).
    Other(u32),
}

/// From linear light to code values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// sRGB.
    Srgb,
    /// Rec. 709, also that of SMPTE 170M.
    Rec709,
    /// None: values are light.
    Linear,
    /// Another one, by its number in V4L2 (`V4L2_XFER_FUNC_*`).
    Other(u32),
}

/// From R'G'B' to Y'CbCr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum YcbcrEncoding {
    /// Rec. 601.
    Rec601,
    /// Rec. 709.
    Rec709,
    /// Rec. 2020, non-constant luminance.
    Rec2020,
    /// Another one, by its number in V4L2 (`V4L2_YCBCR_ENC_*`).
    Other(u32),
}

/// What code values black and white have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// 0 to 255.
    Full,
    /// 16 to 235, chroma 16 to 240.
    Limited,
}

/// What the numbers of a developed picture mean; raw pictures have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colorimetry {
    /// Primaries and white point.
    pub space: ColorSpace,
    /// From light to code values.
    pub transfer: Transfer,
    /// From R'G'B' to Y'CbCr.
    pub encoding: YcbcrEncoding,
    /// What code values black and white have.
    pub range: Range,
}

impl Colorimetry {
    /// What a driver's four numbers mean, those that it leaves open filled in as the kernel's headers do (their
    /// `V4L2_MAP_*_DEFAULT`): <https://docs.kernel.org/userspace-api/media/v4l/colorspaces-defs.html>. A driver that
    /// tells no colour space at all is taken for sRGB.
    pub fn from_v4l2(space: u32, transfer: u32, encoding: u32, quantization: u32) -> Self {
        use raw::{
            v4l2_colorspace_V4L2_COLORSPACE_BT2020 as BT2020,
            v4l2_colorspace_V4L2_COLORSPACE_DEFAULT as DEFAULT, v4l2_colorspace_V4L2_COLORSPACE_JPEG as JPEG,
            v4l2_colorspace_V4L2_COLORSPACE_REC709 as REC709,
            v4l2_colorspace_V4L2_COLORSPACE_SMPTE170M as SMPTE170M,
            v4l2_colorspace_V4L2_COLORSPACE_SRGB as SRGB,
        };
        let is_srgb = matches!(space, DEFAULT | SRGB | JPEG);
        Self {
            space: match space {
                DEFAULT | SRGB | JPEG | REC709 => ColorSpace::Srgb,
                SMPTE170M => ColorSpace::Smpte170m,
                BT2020 => ColorSpace::Rec2020,
                other => ColorSpace::Other(other),
            },
            transfer: match transfer {
                raw::v4l2_xfer_func_V4L2_XFER_FUNC_SRGB => Transfer::Srgb,
                raw::v4l2_xfer_func_V4L2_XFER_FUNC_709 => Transfer::Rec709,
                raw::v4l2_xfer_func_V4L2_XFER_FUNC_NONE => Transfer::Linear,
                raw::v4l2_xfer_func_V4L2_XFER_FUNC_DEFAULT if is_srgb => Transfer::Srgb,
                raw::v4l2_xfer_func_V4L2_XFER_FUNC_DEFAULT => Transfer::Rec709,
                other => Transfer::Other(other),
            },
            encoding: match encoding {
                raw::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_601 => YcbcrEncoding::Rec601,
                raw::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_709 => YcbcrEncoding::Rec709,
                raw::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_BT2020 => YcbcrEncoding::Rec2020,
                raw::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_DEFAULT => match space {
                    REC709 => YcbcrEncoding::Rec709,
                    BT2020 => YcbcrEncoding::Rec2020,
                    _ => YcbcrEncoding::Rec601,
                },
                other => YcbcrEncoding::Other(other),
            },
            range: match quantization {
                raw::v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE => Range::Full,
                raw::v4l2_quantization_V4L2_QUANTIZATION_DEFAULT if space == JPEG => Range::Full,
                _ => Range::Limited,
            },
        }
    }

    /// The same of a format of red, green and blue, which has all codes unless the driver says that it has not
    /// (`V4L2_MAP_QUANTIZATION_DEFAULT`).
    pub fn of_rgb(space: u32, transfer: u32, encoding: u32, quantization: u32) -> Self {
        let range = match quantization {
            raw::v4l2_quantization_V4L2_QUANTIZATION_LIM_RANGE => Range::Limited,
            _ => Range::Full,
        };
        Self { range, ..Self::from_v4l2(space, transfer, encoding, quantization) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn red_green_and_blue_have_all_codes_unless_told_otherwise() {
        let range = |quantization| Colorimetry::of_rgb(0, 0, 0, quantization).range;
        assert_eq!([0, 1, 2].map(range), [Range::Full, Range::Full, Range::Limited]);
        assert_eq!(Colorimetry::from_v4l2(0, 0, 0, 0).range, Range::Limited);
    }

    #[test]
    fn what_a_driver_leaves_open_follows_from_its_colour_space() {
        let of = |space| Colorimetry::from_v4l2(space, 0, 0, 0);
        let srgb = of(raw::v4l2_colorspace_V4L2_COLORSPACE_SRGB);
        assert_eq!(
            (srgb.transfer, srgb.encoding, srgb.range),
            (Transfer::Srgb, YcbcrEncoding::Rec601, Range::Limited)
        );
        assert_eq!(of(raw::v4l2_colorspace_V4L2_COLORSPACE_JPEG).range, Range::Full);
        let television = of(raw::v4l2_colorspace_V4L2_COLORSPACE_SMPTE170M);
        assert_eq!((television.space, television.transfer), (ColorSpace::Smpte170m, Transfer::Rec709));
        let wide = of(raw::v4l2_colorspace_V4L2_COLORSPACE_BT2020);
        assert_eq!((wide.space, wide.encoding), (ColorSpace::Rec2020, YcbcrEncoding::Rec2020));
        assert_eq!(of(raw::v4l2_colorspace_V4L2_COLORSPACE_REC709).encoding, YcbcrEncoding::Rec709);
        assert_eq!(of(0), srgb);
    }

    #[test]
    fn what_a_driver_says_stands_and_unknown_numbers_are_kept() {
        let told = Colorimetry::from_v4l2(1, 5, 2, 1);
        assert_eq!(told.transfer, Transfer::Linear);
        assert_eq!((told.encoding, told.range), (YcbcrEncoding::Rec709, Range::Full));
        let odd = Colorimetry::from_v4l2(99, 98, 97, 96);
        assert_eq!(
            (odd.space, odd.transfer, odd.encoding),
            (ColorSpace::Other(99), Transfer::Other(98), YcbcrEncoding::Other(97))
        );
    }
}
