//! Pictures to files' bytes: JPEG with the photo's metadata, and PNG and PPM for people who compare pixels.

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};
use latent_isp::Picture;

use crate::metadata::{PhotoMetadata, exif, xmp};

/// How well a JPEG is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegQuality {
    /// 1 to 100, on the scale that libjpeg made common.
    pub quality: u8,
    /// The resolution of colour.
    pub chroma: Chroma,
}

impl JpegQuality {
    /// For a proxy: small and quick, to be replaced soon.
    pub const PROXY: Self = Self { quality: 80, chroma: Chroma::Quarter };
    /// For a full picture: hard to tell from the pixels that went in.
    pub const FULL: Self = Self { quality: 92, chroma: Chroma::Full };
    /// For a picture that the camera developed: it was rounded before, and is not to lose again.
    pub const CONVERTED: Self = Self { quality: 95, chroma: Chroma::Full };
}

/// The resolution of a JPEG's colour against its brightness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// 4:4:4, the same.
    Full,
    /// 4:2:0, half in both directions.
    Quarter,
}

/// Why a picture could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// JPEG stores sizes in 16 bits.
    #[error("a picture of {width}x{height} is too big for JPEG (65535 either way); crop it, or write PNG")]
    TooBig {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The picture is not what it says.
    #[error(
        "a picture of {width}x{height} RGB needs {expected} bytes and at least one pixel, but has {got} bytes"
    )]
    Size {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes that such a picture has.
        expected: u128,
        /// Bytes that are there.
        got: usize,
    },
    /// The encoder refused.
    #[error("the JPEG encoder refused a picture of quality {quality}: {source}")]
    Jpeg {
        /// The quality asked for.
        quality: u8,
        /// What it said.
        source: EncodingError,
    },
    /// The encoder refused.
    #[error("the PNG encoder refused the picture: {0}")]
    Png(#[from] png::EncodingError),
}

/// A baseline JPEG, with EXIF and XMP in front if it is a photo's.
///
/// # Errors
/// [`Error::TooBig`], [`Error::Size`], [`Error::Jpeg`].
pub fn jpeg(
    picture: &Picture,
    quality: JpegQuality,
    photo: Option<&PhotoMetadata>,
) -> Result<Vec<u8>, Error> {
    check(picture)?;
    let (Ok(width), Ok(height)) = (u16::try_from(picture.width), u16::try_from(picture.height)) else {
        return Err(Error::TooBig { width: picture.width, height: picture.height });
    };
    // Photos of good quality take one to three bits a pixel.
    let mut bytes = Vec::with_capacity(picture.data.len() / 8 + 16 * 1024);
    let mut encoder = Encoder::new(&mut bytes, quality.quality.clamp(1, 100));
    encoder.set_sampling_factor(match quality.chroma {
        Chroma::Full => SamplingFactor::F_1_1,
        Chroma::Quarter => SamplingFactor::F_2_2,
    });
    // Optimised Huffman tables stay off: with them the encoder writes one scan a colour, which some decoders get wrong
    // for 4:2:0.
    let refused = |source| Error::Jpeg { quality: quality.quality, source };
    for segment in photo.into_iter().flat_map(|photo| [exif(photo), xmp(photo)]) {
        encoder.add_app_segment(1, segment).map_err(refused)?;
    }
    encoder.encode(&picture.data, width, height, ColorType::Rgb).map_err(refused)?;
    Ok(bytes)
}

/// A PNG of 8-bit sRGB, without metadata of the photo.
///
/// # Errors
/// [`Error::Size`], [`Error::Png`].
pub fn png(picture: &Picture) -> Result<Vec<u8>, Error> {
    check(picture)?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    encoder.write_header()?.write_image_data(&picture.data)?;
    Ok(bytes)
}

/// A binary PPM (P6) of 8 bits.
///
/// # Errors
/// [`Error::Size`].
pub fn ppm(picture: &Picture) -> Result<Vec<u8>, Error> {
    check(picture)?;
    let mut bytes = format!("P6\n{} {}\n255\n", picture.width, picture.height).into_bytes();
    bytes.extend(&picture.data);
    Ok(bytes)
}

fn check(picture: &Picture) -> Result<(), Error> {
    let Picture { width, height, .. } = *picture;
    let (expected, got) = (u128::from(width) * u128::from(height) * 3, picture.data.len());
    if expected == 0 || expected != got as u128 {
        return Err(Error::Size { width, height, expected, got });
    }
    Ok(())
}
