//! What libcamera says of colours: <https://libcamera.org/api-html/classlibcamera_1_1ColorSpace.html>.

use ::libcamera::color_space as theirs;
use v4l2r::bindings as raw;

use crate::color::{ColorSpace, Colorimetry, Range, Transfer, YcbcrEncoding};

/// What the numbers of a developed picture mean.
pub(super) fn colorimetry(space: theirs::ColorSpace) -> Colorimetry {
    Colorimetry {
        space: match space.primaries {
            theirs::Primaries::Raw => ColorSpace::Other(raw::v4l2_colorspace_V4L2_COLORSPACE_RAW),
            theirs::Primaries::Smpte170m => ColorSpace::Smpte170m,
            theirs::Primaries::Rec709 => ColorSpace::Srgb,
            theirs::Primaries::Rec2020 => ColorSpace::Rec2020,
        },
        transfer: match space.transfer_function {
            theirs::TransferFunction::Linear => Transfer::Linear,
            theirs::TransferFunction::Srgb => Transfer::Srgb,
            theirs::TransferFunction::Rec709 => Transfer::Rec709,
        },
        encoding: match space.ycbcr_encoding {
            // Pictures that are no Y'CbCr have none; ours are all.
            theirs::YcbcrEncoding::None | theirs::YcbcrEncoding::Rec601 => YcbcrEncoding::Rec601,
            theirs::YcbcrEncoding::Rec709 => YcbcrEncoding::Rec709,
            theirs::YcbcrEncoding::Rec2020 => YcbcrEncoding::Rec2020,
        },
        range: match space.range {
            theirs::Range::Full => Range::Full,
            theirs::Range::Limited => Range::Limited,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spaces_are_known() {
        let television = colorimetry(theirs::ColorSpace::new(
            theirs::Primaries::Smpte170m,
            theirs::TransferFunction::Rec709,
            theirs::YcbcrEncoding::Rec601,
            theirs::Range::Limited,
        ));
        assert_eq!((television.space, television.range), (ColorSpace::Smpte170m, Range::Limited));
        let jpeg = colorimetry(theirs::ColorSpace::sycc());
        assert_eq!((jpeg.space, jpeg.transfer, jpeg.range), (ColorSpace::Srgb, Transfer::Srgb, Range::Full));
    }
}
