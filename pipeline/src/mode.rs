//! Which of a camera's modes photos are taken in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use latent_hal::{Mode, PixelFormat, YuvFormat};

/// What the caller wishes of a mode; all that is left open is chosen by [`choose`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The samples.
    pub format: Option<Format>,
    /// Width and height in pixels.
    pub size: Option<(u32, u32)>,
}

/// A family of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Samples as the sensor has them, of any depth.
    Raw,
    /// Luma and chroma, in any layout.
    Yuv,
    /// Red, green and blue, in any order.
    Rgb,
    /// Luma and chroma in this layout.
    Layout(YuvFormat),
    /// JPEG pictures.
    Jpeg,
}

const LAYOUTS: [(&str, YuvFormat); 16] = [
    ("yuyv", YuvFormat::Yuyv),
    ("yvyu", YuvFormat::Yvyu),
    ("uyvy", YuvFormat::Uyvy),
    ("vyuy", YuvFormat::Vyuy),
    ("nv12", YuvFormat::Nv12),
    ("nv21", YuvFormat::Nv21),
    ("nv16", YuvFormat::Nv16),
    ("nv61", YuvFormat::Nv61),
    ("yuv420", YuvFormat::Yuv420),
    ("yvu420", YuvFormat::Yvu420),
    ("nv24", YuvFormat::Nv24),
    ("nv42", YuvFormat::Nv42),
    ("yuv422", YuvFormat::Yuv422),
    ("yvu422", YuvFormat::Yvu422),
    ("yuv444", YuvFormat::Yuv444),
    ("yvu444", YuvFormat::Yvu444),
];

impl Format {
    fn holds(self, format: PixelFormat) -> bool {
        match (self, format) {
            (Self::Raw, PixelFormat::Raw(_))
            | (Self::Yuv, PixelFormat::Yuv(_))
            | (Self::Rgb, PixelFormat::Rgb(_))
            | (Self::Jpeg, PixelFormat::Jpeg) => true,
            (Self::Layout(wanted), PixelFormat::Yuv(layout)) => wanted == layout,
            _ => false,
        }
    }
}

/// A word that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no format: write raw, yuv, rgb, jpeg, or a layout (yuyv, yvyu, uyvy, vyuy, nv12, nv21, nv16, nv61, yuv420, yvu420)"
)]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Reads the word in upper or lower case; `mjpeg` is `jpeg`.
    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "raw" => Ok(Self::Raw),
            "yuv" => Ok(Self::Yuv),
            "rgb" => Ok(Self::Rgb),
            "jpeg" | "mjpeg" => Ok(Self::Jpeg),
            name => {
                let found = LAYOUTS.iter().find(|(known, _)| *known == name);
                found.map(|(_, layout)| Self::Layout(*layout)).ok_or_else(|| UnknownFormat(word.to_owned()))
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Yuv => "yuv",
            Self::Rgb => "rgb",
            Self::Jpeg => "jpeg",
            Self::Layout(layout) => {
                LAYOUTS.iter().find(|(_, known)| known == layout).map_or("yuv", |(name, _)| *name)
            }
        })
    }
}

/// A stream slower than this is no good for photos: a burst takes too long, and the frame nearest to the shutter may be
/// far from it.
const SLOW: Duration = Duration::from_millis(200);

/// The best mode for photos among those that fit the wish; `None` where none fits.
///
/// Raw before all else. Of pictures that the camera developed the larger ones, but luma and chroma, or red, green and blue,
/// before JPEG even at half the pixels: JPEG has lost more. Modes of less than five frames a second come last. Within that the largest, then the
/// deepest, then the first of the list.
pub fn choose(modes: &[Mode], wish: &Wish) -> Option<Mode> {
    let fits = |mode: &&Mode| {
        wish.format.is_none_or(|format| format.holds(mode.format))
            && wish.size.is_none_or(|size| size == (mode.width, mode.height))
    };
    let best = |kinds: &[Format]| {
        let is_of_kind = |mode: &&Mode| kinds.iter().any(|kind| kind.holds(mode.format));
        let of_kind = modes.iter().filter(fits).filter(is_of_kind);
        // Of equals the last is the largest to `max_by_key`; the first is wanted.
        of_kind.rev().max_by_key(|mode| (is_quick(mode), pixels(mode), mode.format.bits())).copied()
    };
    best(&[Format::Raw]).or_else(|| match (best(&[Format::Yuv, Format::Rgb]), best(&[Format::Jpeg])) {
        (Some(yuv), Some(jpeg)) => {
            let enough = (is_quick(&yuv) || !is_quick(&jpeg)) && pixels(&yuv) * 2 >= pixels(&jpeg);
            Some(if enough { yuv } else { jpeg })
        }
        (yuv, jpeg) => yuv.or(jpeg),
    })
}

fn pixels(mode: &Mode) -> u64 {
    u64::from(mode.width) * u64::from(mode.height)
}

fn is_quick(mode: &Mode) -> bool {
    mode.frame_interval.is_none_or(|interval| interval <= SLOW)
}

#[cfg(test)]
mod tests {
    use latent_hal::{CfaPattern, Packing, RawFormat, RgbFormat};

    use super::*;

    fn raw(bits: u8) -> PixelFormat {
        RawFormat { pattern: CfaPattern::Rggb, bits, packing: Packing::Le16 }.into()
    }

    const YUYV: PixelFormat = PixelFormat::Yuv(YuvFormat::Yuyv);
    const NV12: PixelFormat = PixelFormat::Yuv(YuvFormat::Nv12);

    fn mode(format: PixelFormat, (width, height): (u32, u32), fps: u64) -> Mode {
        let frame_interval = (fps > 0).then(|| Duration::from_micros(1_000_000 / fps));
        Mode { format, width, height, frame_interval }
    }

    fn chosen(modes: &[Mode]) -> Mode {
        choose(modes, &Wish::default()).unwrap()
    }

    const VGA: (u32, u32) = (640, 480);
    const HD: (u32, u32) = (1920, 1080);
    const BIG: (u32, u32) = (3840, 2160);

    #[test]
    fn raw_comes_first_however_small_then_the_largest_and_deepest() {
        let modes = [
            mode(PixelFormat::Jpeg, BIG, 30),
            mode(raw(8), HD, 30),
            mode(raw(10), HD, 30),
            mode(raw(12), VGA, 60),
        ];
        assert_eq!(chosen(&modes), modes[2]);
        assert_eq!(choose(&[], &Wish::default()), None);
    }

    #[test]
    fn luma_and_chroma_come_before_jpeg_of_the_same_size() {
        let modes = [mode(PixelFormat::Jpeg, HD, 30), mode(YUYV, HD, 5), mode(NV12, HD, 5)];
        assert_eq!(chosen(&modes), modes[1], "of equals the first that the camera lists");
        let only = [mode(PixelFormat::Jpeg, HD, 30)];
        assert_eq!(chosen(&only), only[0]);
    }

    #[test]
    fn red_green_and_blue_are_as_good_as_luma_and_chroma() {
        const RGB: PixelFormat = PixelFormat::Rgb(RgbFormat::Bgr24);
        let modes = [mode(NV12, VGA, 30), mode(RGB, HD, 30), mode(PixelFormat::Jpeg, HD, 30)];
        assert_eq!(chosen(&modes), modes[1]);
        let wish = Wish { format: Some(Format::Rgb), size: None };
        assert_eq!(choose(&modes, &wish), Some(modes[1]));
        assert_eq!(choose(&modes[..1], &wish), None);
    }

    #[test]
    fn a_much_larger_jpeg_comes_before_small_luma_and_chroma() {
        let modes = [mode(YUYV, VGA, 30), mode(PixelFormat::Jpeg, BIG, 30)];
        assert_eq!(chosen(&modes), modes[1]);
        let modes = [mode(YUYV, (1280, 960), 30), mode(PixelFormat::Jpeg, HD, 30)];
        assert_eq!(chosen(&modes), modes[0], "half the pixels are enough");
    }

    #[test]
    fn modes_too_slow_for_photos_come_last() {
        let modes = [mode(YUYV, HD, 2), mode(YUYV, (1280, 720), 10), mode(PixelFormat::Jpeg, HD, 30)];
        assert_eq!(chosen(&modes), modes[2], "half of what JPEG has is not there at a good rate");
        let modes = [mode(YUYV, HD, 2), mode(YUYV, VGA, 30)];
        assert_eq!(chosen(&modes), modes[1]);
        let modes = [mode(YUYV, HD, 2)];
        assert_eq!(chosen(&modes), modes[0], "better than none");
        let modes = [mode(raw(10), BIG, 0), mode(raw(10), HD, 30)];
        assert_eq!(chosen(&modes), modes[0], "a driver that tells no rate is not slow");
    }

    #[test]
    fn a_wish_leaves_nothing_else() {
        let modes = [
            mode(raw(10), HD, 30),
            mode(YUYV, HD, 30),
            mode(NV12, VGA, 30),
            mode(PixelFormat::Jpeg, VGA, 30),
        ];
        let wish = |format: Option<&str>, size| {
            choose(&modes, &Wish { format: format.map(|word| word.parse().unwrap()), size })
        };
        assert_eq!(wish(Some("yuv"), None), Some(modes[1]));
        assert_eq!(wish(Some("NV12"), None), Some(modes[2]));
        assert_eq!(wish(Some("mjpeg"), None), Some(modes[3]));
        assert_eq!(wish(None, Some(VGA)), Some(modes[2]));
        assert_eq!(wish(Some("raw"), Some(VGA)), None);
        assert_eq!(wish(Some("uyvy"), None), None);
    }

    #[test]
    fn formats_print_as_they_are_written() {
        for word in LAYOUTS.iter().map(|(name, _)| *name).chain(["raw", "yuv", "rgb", "jpeg"]) {
            assert_eq!(word.parse::<Format>().unwrap().to_string(), word);
        }
        assert!("h264".parse::<Format>().unwrap_err().to_string().contains("yuyv"));
    }
}
