//! What the bytes of a frame are: raw samples, luma and chroma, red, green and blue, or a JPEG.

use latent_hal::color::{ColorSpace, Colorimetry, Range, Transfer as HalTransfer, YcbcrEncoding};
use latent_hal::frame::FrameBytes;
use latent_hal::{PixelFormat, RgbFormat, Sensor, StreamConfig, YuvFormat};
use latent_isp::RawGeometry;
use latent_isp::yuv::{
    Primaries, Transfer, YuvColour, YuvGeometry, YuvLayout, YuvMatrix, YuvPlane, YuvRange,
};

use crate::sensor;

/// What the bytes of a frame are, and how they lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pixels {
    /// Samples as the sensor has them.
    Raw(RawGeometry),
    /// Luma and chroma, or red, green and blue, developed by the camera.
    Yuv(YuvGeometry),
    /// One JPEG a frame, developed by the camera.
    Jpeg(JpegFrames),
}

/// The frames of a stream of JPEG pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegFrames {
    /// Pixels in a row, as the stream says.
    pub width: u32,
    /// Rows, as the stream says.
    pub height: u32,
    /// The most bytes that a picture can have.
    pub most_bytes: usize,
}

impl Pixels {
    /// The frames of a stream.
    pub fn of(config: &StreamConfig, sensor: &Sensor) -> Self {
        match config.format {
            PixelFormat::Yuv(format) => Self::Yuv(developed(config, layout(format))),
            PixelFormat::Rgb(format) => Self::Yuv(developed(config, rgb_layout(format))),
            PixelFormat::Jpeg => Self::Jpeg(JpegFrames {
                width: config.width,
                height: config.height,
                most_bytes: config.size_bytes,
            }),
            PixelFormat::Raw(format) => Self::Raw(sensor::geometry(config, format, sensor)),
        }
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        match self {
            Self::Raw(RawGeometry { width, .. })
            | Self::Yuv(YuvGeometry { width, .. })
            | Self::Jpeg(JpegFrames { width, .. }) => *width,
        }
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        match self {
            Self::Raw(RawGeometry { height, .. })
            | Self::Yuv(YuvGeometry { height, .. })
            | Self::Jpeg(JpegFrames { height, .. }) => *height,
        }
    }

    /// Checks everything that can be checked without the data.
    ///
    /// # Errors
    /// [`latent_isp::Error`] for a shape that cannot be.
    pub fn validate(&self) -> Result<(), latent_isp::Error> {
        match self {
            Self::Raw(geometry) => geometry.validate(),
            Self::Yuv(geometry) => geometry.validate(),
            Self::Jpeg(JpegFrames { width, height, most_bytes }) => {
                let sides = 2..=latent_isp::MAX_SIDE;
                if *most_bytes > 0 && sides.contains(width) && sides.contains(height) {
                    Ok(())
                } else {
                    Err(latent_isp::Error::Size { width: *width, height: *height })
                }
            }
        }
    }
}

fn developed(config: &StreamConfig, layout: YuvLayout) -> YuvGeometry {
    let mut planes = [YuvPlane::default(); 3];
    for (plane, found) in planes.iter_mut().zip(config.planes()) {
        *plane = YuvPlane { offset: found.offset, stride_bytes: found.stride };
    }
    YuvGeometry {
        width: config.width,
        height: config.height,
        layout,
        planes,
        colour: colour(config.colorimetry),
    }
}

fn layout(format: YuvFormat) -> YuvLayout {
    match format {
        YuvFormat::Yuyv => YuvLayout::Yuyv,
        YuvFormat::Yvyu => YuvLayout::Yvyu,
        YuvFormat::Uyvy => YuvLayout::Uyvy,
        YuvFormat::Vyuy => YuvLayout::Vyuy,
        YuvFormat::Nv12 => YuvLayout::Nv12,
        YuvFormat::Nv21 => YuvLayout::Nv21,
        YuvFormat::Nv16 => YuvLayout::Nv16,
        YuvFormat::Nv61 => YuvLayout::Nv61,
        YuvFormat::Yuv420 => YuvLayout::Yuv420,
        YuvFormat::Yvu420 => YuvLayout::Yvu420,
        YuvFormat::Nv24 => YuvLayout::Nv24,
        YuvFormat::Nv42 => YuvLayout::Nv42,
        YuvFormat::Yuv422 => YuvLayout::Yuv422,
        YuvFormat::Yvu422 => YuvLayout::Yvu422,
        YuvFormat::Yuv444 => YuvLayout::Yuv444,
        YuvFormat::Yvu444 => YuvLayout::Yvu444,
    }
}

fn rgb_layout(format: RgbFormat) -> YuvLayout {
    match format {
        RgbFormat::Rgb24 => YuvLayout::Rgb24,
        RgbFormat::Bgr24 => YuvLayout::Bgr24,
        RgbFormat::Rgbx32 => YuvLayout::Rgbx32,
        RgbFormat::Bgrx32 => YuvLayout::Bgrx32,
        RgbFormat::Xrgb32 => YuvLayout::Xrgb32,
        RgbFormat::Xbgr32 => YuvLayout::Xbgr32,
    }
}

/// The memories in which the planes of a frame lie: all in one, or each in its own.
pub(crate) fn memories<'a>(bytes: &'a FrameBytes<'_>) -> [&'a [u8]; 3] {
    match bytes.memories() {
        1 => [bytes.memory(0); 3],
        _ => [0, 1, 2].map(|plane| bytes.memory(plane)),
    }
}

/// What the numbers mean. Those that no rule here knows are taken for what most cameras have: BT.601, sRGB.
fn colour(told: Option<Colorimetry>) -> YuvColour {
    let unknown = Colorimetry {
        space: ColorSpace::Srgb,
        transfer: HalTransfer::Srgb,
        encoding: YcbcrEncoding::Rec601,
        range: Range::Limited,
    };
    let told = told.unwrap_or(unknown);
    YuvColour {
        matrix: match told.encoding {
            YcbcrEncoding::Rec709 => YuvMatrix::Rec709,
            YcbcrEncoding::Rec2020 => YuvMatrix::Rec2020,
            YcbcrEncoding::Rec601 | YcbcrEncoding::Other(_) => YuvMatrix::Rec601,
        },
        range: match told.range {
            Range::Full => YuvRange::Full,
            Range::Limited => YuvRange::Limited,
        },
        transfer: match told.transfer {
            HalTransfer::Rec709 => Transfer::Rec709,
            HalTransfer::Linear => Transfer::Linear,
            HalTransfer::Srgb | HalTransfer::Other(_) => Transfer::Srgb,
        },
        primaries: match told.space {
            ColorSpace::Smpte170m => Primaries::Smpte170m,
            ColorSpace::Rec2020 => Primaries::Rec2020,
            ColorSpace::Srgb | ColorSpace::Other(_) => Primaries::Srgb,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(format: PixelFormat, colorimetry: Option<Colorimetry>) -> StreamConfig {
        StreamConfig {
            format,
            width: 64,
            height: 48,
            stride_bytes: 80,
            separate: None,
            size_bytes: 8000,
            slots: 4,
            held: 1,
            frame_interval: None,
            colorimetry,
        }
    }

    #[test]
    fn planes_and_meaning_are_the_drivers() {
        // SMPTE 170M of full range, all else left open.
        let told = Colorimetry::from_v4l2(1, 0, 0, 1);
        let config = config(PixelFormat::Yuv(YuvFormat::Nv12), Some(told));
        let Pixels::Yuv(geometry) = Pixels::of(&config, &Sensor::default()) else {
            panic!("luma and chroma");
        };
        assert_eq!((geometry.planes[0].offset, geometry.planes[0].stride_bytes), (0, 80));
        assert_eq!((geometry.planes[1].offset, geometry.planes[1].stride_bytes), (80 * 48, 80));
        let expected = YuvColour {
            matrix: YuvMatrix::Rec601,
            range: YuvRange::Full,
            transfer: Transfer::Rec709,
            primaries: Primaries::Smpte170m,
        };
        assert_eq!(geometry.colour, expected);
        geometry.validate().unwrap();
    }

    #[test]
    fn numbers_that_nobody_knows_are_taken_for_the_usual_ones() {
        let odd = Colorimetry {
            space: ColorSpace::Other(99),
            transfer: HalTransfer::Other(98),
            encoding: YcbcrEncoding::Other(97),
            range: Range::Limited,
        };
        assert_eq!(colour(Some(odd)), colour(None));
    }
}
