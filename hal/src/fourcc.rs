//! The names that pixel formats have in Linux, each four characters in a number (fourcc): those of V4L2
//! (<https://docs.kernel.org/userspace-api/media/v4l/pixfmt.html>), and those of DRM, which libcamera uses
//! (<https://libcamera.org/api-html/formats_8h.html>). The two differ where DRM has given a name to something else. The
//! names follow no rule.

use crate::format::CfaPattern::{self, Bggr, Gbrg, Grbg, Rggb};
use crate::format::{Packing, PixelFormat, RawFormat, RgbFormat, YuvFormat};

/// Four characters.
pub(crate) type Name = &'static [u8; 4];

/// Raw samples of one order of colours and one depth.
pub(crate) struct Raw {
    pub(crate) pattern: CfaPattern,
    pub(crate) bits: u8,
    /// Each sample in one or two bytes.
    pub(crate) v4l2: Name,
    /// As they come over MIPI CSI-2; DRM has a modifier for this, and the same name.
    pub(crate) v4l2_mipi: Option<Name>,
    #[cfg_attr(not(any(test, feature = "libcamera")), allow(dead_code))] // the backend alone asks for it
    pub(crate) drm: Name,
}

impl Raw {
    /// The format whose samples are whole bytes.
    pub(crate) fn unpacked(&self) -> PixelFormat {
        self.packed(if self.bits == 8 { Packing::Bytes } else { Packing::Le16 })
    }

    /// The format whose samples are as they come over MIPI CSI-2, where it has a name.
    pub(crate) fn mipi(&self) -> Option<PixelFormat> {
        self.v4l2_mipi.map(|_| self.packed(Packing::Mipi))
    }

    fn packed(&self, packing: Packing) -> PixelFormat {
        RawFormat { pattern: self.pattern, bits: self.bits, packing }.into()
    }
}

/// Pictures that a camera developed.
pub(crate) struct Developed {
    pub(crate) format: PixelFormat,
    /// In one memory, the usual name first.
    pub(crate) v4l2: &'static [Name],
    /// Each colour plane in a memory of its own:
    /// <https://docs.kernel.org/userspace-api/media/v4l/pixfmt-yuv-planar.html>.
    pub(crate) v4l2_separate: Option<Name>,
    #[cfg_attr(not(any(test, feature = "libcamera")), allow(dead_code))] // the backend alone asks for it
    pub(crate) drm: Name,
}

const fn raw(pattern: CfaPattern, bits: u8, v4l2: Name, v4l2_mipi: Option<Name>, drm: Name) -> Raw {
    Raw { pattern, bits, v4l2, v4l2_mipi, drm }
}

const fn yuv(format: YuvFormat, v4l2: &'static [Name], v4l2_separate: Option<Name>, drm: Name) -> Developed {
    Developed { format: PixelFormat::Yuv(format), v4l2, v4l2_separate, drm }
}

const fn rgb(format: RgbFormat, v4l2: &'static [Name], drm: Name) -> Developed {
    Developed { format: PixelFormat::Rgb(format), v4l2, v4l2_separate: None, drm }
}

/// All orders and depths.
pub(crate) const RAW: [Raw; 20] = [
    raw(Bggr, 8, b"BA81", None, b"BA81"),
    raw(Gbrg, 8, b"GBRG", None, b"GBRG"),
    raw(Grbg, 8, b"GRBG", None, b"GRBG"),
    raw(Rggb, 8, b"RGGB", None, b"RGGB"),
    raw(Bggr, 10, b"BG10", Some(b"pBAA"), b"BG10"),
    raw(Gbrg, 10, b"GB10", Some(b"pGAA"), b"GB10"),
    raw(Grbg, 10, b"BA10", Some(b"pgAA"), b"BA10"),
    raw(Rggb, 10, b"RG10", Some(b"pRAA"), b"RG10"),
    raw(Bggr, 12, b"BG12", Some(b"pBCC"), b"BG12"),
    raw(Gbrg, 12, b"GB12", Some(b"pGCC"), b"GB12"),
    raw(Grbg, 12, b"BA12", Some(b"pgCC"), b"BA12"),
    raw(Rggb, 12, b"RG12", Some(b"pRCC"), b"RG12"),
    raw(Bggr, 14, b"BG14", Some(b"pBEE"), b"BG14"),
    raw(Gbrg, 14, b"GB14", Some(b"pGEE"), b"GB14"),
    raw(Grbg, 14, b"GR14", Some(b"pgEE"), b"BA14"),
    raw(Rggb, 14, b"RG14", Some(b"pREE"), b"RG14"),
    raw(Bggr, 16, b"BYR2", None, b"BYR2"),
    raw(Gbrg, 16, b"GB16", None, b"GB16"),
    raw(Grbg, 16, b"GR16", None, b"GR16"),
    raw(Rggb, 16, b"RG16", None, b"RGB6"),
];

/// All developed formats that are of use here. A name with an alpha channel stands beside the one without: cameras have
/// none. DRM writes the order of a number's bits, which is that of memory from behind. Left out: grey, other depths than 8
/// bits, and what single vendors pack.
pub(crate) const DEVELOPED: [Developed; 23] = [
    yuv(YuvFormat::Yuyv, &[b"YUYV"], None, b"YUYV"),
    yuv(YuvFormat::Yvyu, &[b"YVYU"], None, b"YVYU"),
    yuv(YuvFormat::Uyvy, &[b"UYVY"], None, b"UYVY"),
    yuv(YuvFormat::Vyuy, &[b"VYUY"], None, b"VYUY"),
    yuv(YuvFormat::Nv12, &[b"NV12"], Some(b"NM12"), b"NV12"),
    yuv(YuvFormat::Nv21, &[b"NV21"], Some(b"NM21"), b"NV21"),
    yuv(YuvFormat::Nv16, &[b"NV16"], Some(b"NM16"), b"NV16"),
    yuv(YuvFormat::Nv61, &[b"NV61"], Some(b"NM61"), b"NV61"),
    yuv(YuvFormat::Nv24, &[b"NV24"], None, b"NV24"),
    yuv(YuvFormat::Nv42, &[b"NV42"], None, b"NV42"),
    yuv(YuvFormat::Yuv420, &[b"YU12"], Some(b"YM12"), b"YU12"),
    yuv(YuvFormat::Yvu420, &[b"YV12"], Some(b"YM21"), b"YV12"),
    yuv(YuvFormat::Yuv422, &[b"422P"], Some(b"YM16"), b"YU16"),
    yuv(YuvFormat::Yvu422, &[], Some(b"YM61"), b"YV16"),
    yuv(YuvFormat::Yuv444, &[], Some(b"YM24"), b"YU24"),
    yuv(YuvFormat::Yvu444, &[], Some(b"YM42"), b"YV24"),
    rgb(RgbFormat::Rgb24, &[b"RGB3"], b"BG24"),
    rgb(RgbFormat::Bgr24, &[b"BGR3"], b"RG24"),
    rgb(RgbFormat::Rgbx32, &[b"XB24", b"AB24"], b"XB24"),
    rgb(RgbFormat::Bgrx32, &[b"XR24", b"AR24"], b"XR24"),
    rgb(RgbFormat::Xrgb32, &[b"BX24", b"BA24"], b"BX24"),
    rgb(RgbFormat::Xbgr32, &[b"RX24", b"RA24"], b"RX24"),
    Developed { format: PixelFormat::Jpeg, v4l2: &[b"MJPG", b"JPEG"], v4l2_separate: None, drm: b"MJPG" },
];

/// The name as the number that devices tell.
pub(crate) fn code(name: Name) -> u32 {
    u32::from_le_bytes(*name)
}
