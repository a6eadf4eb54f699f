//! The scene that the camera sees: it stands still, and every sample of it is known.
//!
//! Rows above three quarters of the height: eight bars of the same width, from the left white, yellow, cyan, green,
//! magenta, red, blue, black, in Y, Cb, Cr of BT.601 with limited range ([`BARS`]). Below: a ramp without colour, whose
//! luma at column `x` of `width` is `16 + 219 * x / (width - 1)`, rounded down. A pair (or square) of samples that share
//! chroma has that of its left upper one. JPEGs hold the same picture in full range, as JPEGs do.

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

use super::modes::{Coding, Mode};

/// Y, Cb and Cr of the bars, from the left.
pub(super) const BARS: [[u8; 3]; 8] = [
    [235, 128, 128],
    [210, 16, 146],
    [170, 166, 16],
    [145, 54, 34],
    [106, 202, 222],
    [81, 90, 240],
    [41, 240, 110],
    [16, 128, 128],
];

const JPEG_QUALITY: u8 = 90;

/// What controls do to the picture; the default does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Exposure and gain together, as a fraction of their defaults: luma is multiplied by it and saturates.
    pub(super) exposure: (u32, u32),
    /// What is added to luma.
    pub(super) brightness: i16,
    /// Distance from middle grey, and colour, in 32nds.
    pub(super) contrast: u16,
}

impl Default for Look {
    fn default() -> Self {
        Self { exposure: (1, 1), brightness: 0, contrast: 32 }
    }
}

impl Look {
    fn luma(self, scene: u8) -> u8 {
        const MIDDLE: i64 = 110;
        let (times, over) = self.exposure;
        let light = i64::from(scene) - 16;
        let exposed = (light * i64::from(times) / i64::from(over.max(1))).min(219);
        let stretched = (exposed - MIDDLE) * i64::from(self.contrast) / 32 + MIDDLE;
        u8::try_from((stretched + i64::from(self.brightness)).clamp(0, 219) + 16).unwrap_or(16)
    }

    fn chroma(self, scene: u8) -> u8 {
        let colour = (i64::from(scene) - 128) * i64::from(self.contrast) / 32;
        u8::try_from((colour + 128).clamp(16, 240)).unwrap_or(128)
    }
}

/// The scene's Y, Cb and Cr at a place.
fn scene(x: usize, y: usize, width: usize, height: usize) -> [u8; 3] {
    if y < height * 3 / 4 {
        BARS[(x * 8 / width).min(7)]
    } else {
        let luma = 16 + 219 * x / (width - 1).max(1);
        [u8::try_from(luma).unwrap_or(235), 128, 128]
    }
}

/// The bytes of a frame.
///
/// # Errors
/// What the JPEG encoder says.
pub(super) fn frame(mode: Mode, look: Look) -> Result<Vec<u8>, EncodingError> {
    let (width, height) = (usize::from(mode.width), usize::from(mode.height));
    let at = |x, y| {
        let [luma, blue, red] = scene(x, y, width, height);
        [look.luma(luma), look.chroma(blue), look.chroma(red)]
    };
    Ok(match mode.coding {
        Coding::Yuyv => {
            let pairs = (0..height).flat_map(|y| (0..width / 2).map(move |pair| (pair * 2, y)));
            pairs
                .flat_map(|(x, y)| {
                    let [luma, blue, red] = at(x, y);
                    [luma, blue, at(x + 1, y)[0], red]
                })
                .collect()
        }
        Coding::Nv12 => {
            let luma = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| at(x, y)[0]);
            let squares = (0..height / 2).flat_map(|y| (0..width / 2).map(move |x| (x * 2, y * 2)));
            luma.chain(squares.flat_map(|(x, y)| [at(x, y)[1], at(x, y)[2]])).collect()
        }
        Coding::Jpeg => {
            let samples = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let full: Vec<u8> = samples.flat_map(|(x, y)| full_range(at(x, y))).collect();
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
            encoder.set_sampling_factor(SamplingFactor::F_2_1);
            encoder.encode(&full, mode.width, mode.height, ColorType::Ycbcr)?;
            bytes
        }
    })
}

/// From limited to full range.
fn full_range([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let spread = |value: u8, zero: i32, range: i32, middle: i32| {
        let scaled = ((i32::from(value) - zero) * 255 * 2 + range).div_euclid(range * 2) + middle;
        u8::try_from(scaled.clamp(0, 255)).unwrap_or(0)
    };
    [spread(luma, 16, 219, 0), spread(blue, 128, 224, 128), spread(red, 128, 224, 128)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(coding: Coding) -> Mode {
        Mode { coding, width: 176, height: 144, interval: 333_333 }
    }

    #[test]
    fn bars_and_ramp_are_where_they_are_said_to_be() {
        let yuyv = frame(mode(Coding::Yuyv), Look::default()).unwrap();
        assert_eq!(yuyv.len(), 176 * 144 * 2);
        // The second bar begins at column 22; its pair holds luma, Cb, luma, Cr.
        assert_eq!(yuyv[44..48], [210, 16, 210, 146]);
        let ramp = &yuyv[108 * 352..109 * 352];
        assert_eq!(
            (ramp[..4].to_vec(), ramp[348..].to_vec()),
            (vec![16, 128, 17, 128], vec![233, 128, 235, 128])
        );
        let nv12 = frame(mode(Coding::Nv12), Look::default()).unwrap();
        assert_eq!(nv12.len(), 176 * 144 * 3 / 2);
        assert_eq!((nv12[22], &nv12[176 * 144 + 22..176 * 144 + 24]), (210, &[16, 146][..]));
    }

    #[test]
    fn a_jpeg_is_whole_and_shows_the_bars() {
        let jpeg = frame(mode(Coding::Jpeg), Look::default()).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]) && jpeg.ends_with(&[0xff, 0xd9]));
        assert!(u32::try_from(jpeg.len()).unwrap() <= mode(Coding::Jpeg).most_bytes());
        let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(jpeg));
        let rgb = decoder.decode().unwrap();
        assert_eq!(rgb.len(), 176 * 144 * 3);
        let wanted = [
            [255, 255, 255],
            [255, 255, 0],
            [0, 255, 255],
            [0, 255, 0],
            [255, 0, 255],
            [255, 0, 0],
            [0, 0, 255],
            [0, 0, 0],
        ];
        for (bar, colour) in wanted.iter().enumerate() {
            let at = (40 * 176 + bar * 22 + 11) * 3;
            for (sample, wanted) in rgb[at..at + 3].iter().zip(colour) {
                assert!(sample.abs_diff(*wanted) <= 6, "bar {bar}: {:?}", &rgb[at..at + 3]);
            }
        }
    }

    #[test]
    fn controls_change_the_picture_and_their_defaults_do_not() {
        let usual = Look::default();
        assert!((16..=235).all(|luma| usual.luma(luma) == luma));
        assert!((16..=240).all(|chroma| usual.chroma(chroma) == chroma));
        assert_eq!(Look { brightness: 20, ..usual }.luma(100), 120);
        assert_eq!(Look { exposure: (2, 1), ..usual }.luma(66), 116);
        assert_eq!(Look { exposure: (u32::MAX, 1), ..usual }.luma(17), 235);
        assert_eq!(Look { contrast: 0, ..usual }.luma(235), 126);
        assert_eq!(
            (Look { contrast: 0, ..usual }.chroma(16), Look { contrast: 64, ..usual }.chroma(16)),
            (128, 16)
        );
    }
}
