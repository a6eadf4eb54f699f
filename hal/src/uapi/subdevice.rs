//! V4L2 sub-devices: <https://docs.kernel.org/userspace-api/media/v4l/dev-subdev.html>.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;

use v4l2r::bindings::{v4l2_fract, v4l2_rect};

use super::{code, ioctls};

/// The format that the hardware uses, not one that is only tried (`V4L2_SUBDEV_FORMAT_ACTIVE`).
pub(crate) const ACTIVE: u32 = 1;
/// One that is only tried (`V4L2_SUBDEV_FORMAT_TRY`).
pub(crate) const TRY: u32 = 0;

/// `struct v4l2_subdev_capability`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Capability {
    pub(crate) version: u32,
    pub(crate) capabilities: u32,
    reserved: [u32; 14],
}

/// `struct v4l2_subdev_client_capability`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientCapability {
    pub(crate) capabilities: u64,
}

/// `struct v4l2_mbus_framefmt`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BusFormat {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) code: u32,
    pub(crate) field: u32,
    pub(crate) colorspace: u32,
    pub(crate) encoding: u16,
    pub(crate) quantization: u16,
    pub(crate) transfer: u16,
    pub(crate) flags: u16,
    pub(crate) reserved: [u16; 10],
}

/// `struct v4l2_subdev_format`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Format {
    pub(crate) which: u32,
    pub(crate) pad: u32,
    pub(crate) format: BusFormat,
    pub(crate) stream: u32,
    pub(crate) reserved: [u32; 7],
}

/// `struct v4l2_subdev_mbus_code_enum`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BusCode {
    pub(crate) pad: u32,
    pub(crate) index: u32,
    pub(crate) code: u32,
    pub(crate) which: u32,
    pub(crate) flags: u32,
    pub(crate) stream: u32,
    pub(crate) reserved: [u32; 6],
}

/// `struct v4l2_subdev_frame_size_enum`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameSize {
    pub(crate) index: u32,
    pub(crate) pad: u32,
    pub(crate) code: u32,
    pub(crate) min_width: u32,
    pub(crate) max_width: u32,
    pub(crate) min_height: u32,
    pub(crate) max_height: u32,
    pub(crate) which: u32,
    pub(crate) stream: u32,
    pub(crate) reserved: [u32; 7],
}

/// `struct v4l2_subdev_frame_interval_enum`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameIntervalEntry {
    pub(crate) index: u32,
    pub(crate) pad: u32,
    pub(crate) code: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) interval: v4l2_fract,
    pub(crate) which: u32,
    pub(crate) stream: u32,
    pub(crate) reserved: [u32; 7],
}

/// `struct v4l2_subdev_frame_interval`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameInterval {
    pub(crate) pad: u32,
    pub(crate) interval: v4l2_fract,
    pub(crate) stream: u32,
    pub(crate) which: u32,
    pub(crate) reserved: [u32; 7],
}

/// `struct v4l2_subdev_selection`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) which: u32,
    pub(crate) pad: u32,
    pub(crate) target: u32,
    pub(crate) flags: u32,
    pub(crate) rectangle: v4l2_rect,
    pub(crate) stream: u32,
    pub(crate) reserved: [u32; 7],
}

/// `struct v4l2_subdev_route`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) sink_pad: u32,
    pub(crate) sink_stream: u32,
    pub(crate) source_pad: u32,
    pub(crate) source_stream: u32,
    pub(crate) flags: u32,
    pub(crate) reserved: [u32; 5],
}

/// `struct v4l2_subdev_routing`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Routing {
    which: u32,
    len_routes: u32,
    routes: u64,
    num_routes: u32,
    reserved: [u32; 11],
}

ioctls! {
    /// `VIDIOC_SUBDEV_QUERYCAP`.
    query_capabilities = read(b'V', 0, Capability);
    /// `VIDIOC_SUBDEV_ENUM_MBUS_CODE`.
    enum_bus_code = both(b'V', 2, BusCode);
    /// `VIDIOC_SUBDEV_G_FMT`.
    get_format = both(b'V', 4, Format);
    /// `VIDIOC_SUBDEV_S_FMT`.
    set_format = both(b'V', 5, Format);
    /// `VIDIOC_SUBDEV_G_FRAME_INTERVAL`.
    get_interval = both(b'V', 21, FrameInterval);
    /// `VIDIOC_SUBDEV_S_FRAME_INTERVAL`.
    set_interval = both(b'V', 22, FrameInterval);
    /// `VIDIOC_SUBDEV_G_SELECTION`.
    get_selection = both(b'V', 61, Selection);
    /// `VIDIOC_SUBDEV_S_SELECTION`.
    set_selection = both(b'V', 62, Selection);
    /// `VIDIOC_SUBDEV_ENUM_FRAME_SIZE`.
    enum_size = both(b'V', 74, FrameSize);
    /// `VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL`.
    enum_interval = both(b'V', 75, FrameIntervalEntry);
    /// `VIDIOC_SUBDEV_S_CLIENT_CAP`.
    set_client_capability = both(b'V', 102, ClientCapability);
}

/// The longest routing table that is asked for.
const MOST_ROUTES: u32 = 256;

/// `VIDIOC_SUBDEV_G_ROUTING`.
pub(crate) fn get_routing(file: BorrowedFd<'_>) -> nix::Result<Vec<Route>> {
    let mut routes = vec![Route::default(); MOST_ROUTES as usize];
    let count = routing(file, code!(both, b'V', 38, Routing), &mut routes, 0)?;
    routes.truncate(count);
    Ok(routes)
}

/// `VIDIOC_SUBDEV_S_ROUTING`; the table as the driver took it.
pub(crate) fn set_routing(file: BorrowedFd<'_>, wanted: &[Route]) -> nix::Result<Vec<Route>> {
    let mut routes = wanted.to_vec();
    let count = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
    // A driver may answer with more routes than were asked for.
    routes.resize(wanted.len().max(MOST_ROUTES as usize), Route::default());
    let count = routing(file, code!(both, b'V', 39, Routing), &mut routes, count)?;
    routes.truncate(count);
    Ok(routes)
}

fn routing(
    file: BorrowedFd<'_>,
    code: nix::sys::ioctl::ioctl_num_type,
    routes: &mut [Route],
    count: u32,
) -> nix::Result<usize> {
    let mut argument = Routing {
        which: ACTIVE,
        len_routes: u32::try_from(routes.len()).unwrap_or(u32::MAX),
        routes: routes.as_mut_ptr() as u64,
        num_routes: count,
        ..Routing::default()
    };
    // SAFETY: `code` is one of the two routing calls (the callers above), whose argument this is; `routes` is the address
    // of `len_routes` live routes, and the kernel writes no more than that.
    unsafe { super::raw(file, code, &mut argument) }?;
    Ok(argument.num_routes.min(argument.len_routes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use std::mem::offset_of;
    use std::os::fd::AsFd;

    /// Sizes and offsets of `linux/v4l2-subdev.h` and `linux/v4l2-mediabus.h`.
    #[test]
    fn structs_and_numbers_are_the_kernels() {
        assert_eq!(size_of::<Capability>(), 64);
        assert_eq!(size_of::<ClientCapability>(), 8);
        assert_eq!(size_of::<BusFormat>(), 48);
        assert_eq!((offset_of!(BusFormat, encoding), offset_of!(BusFormat, flags)), (20, 26));
        assert_eq!(size_of::<Format>(), 88);
        assert_eq!(offset_of!(Format, stream), 56);
        assert_eq!(size_of::<BusCode>(), 48);
        assert_eq!(offset_of!(BusCode, stream), 20);
        assert_eq!(size_of::<FrameSize>(), 64);
        assert_eq!((offset_of!(FrameSize, which), offset_of!(FrameSize, stream)), (28, 32));
        assert_eq!(size_of::<FrameIntervalEntry>(), 64);
        assert_eq!(offset_of!(FrameIntervalEntry, which), 28);
        assert_eq!(size_of::<FrameInterval>(), 48);
        assert_eq!((offset_of!(FrameInterval, stream), offset_of!(FrameInterval, which)), (12, 16));
        assert_eq!(size_of::<Selection>(), 64);
        assert_eq!(offset_of!(Selection, stream), 32);
        assert_eq!(size_of::<Route>(), 40);
        assert_eq!(size_of::<Routing>(), 64);
        assert_eq!((offset_of!(Routing, routes), offset_of!(Routing, num_routes)), (8, 16));
        assert_eq!(code!(read, b'V', 0, Capability), 0x8040_5600);
        assert_eq!(code!(both, b'V', 4, Format), 0xc058_5604);
        assert_eq!(code!(both, b'V', 2, BusCode), 0xc030_5602);
        assert_eq!(code!(both, b'V', 61, Selection), 0xc040_563d);
        assert_eq!(code!(both, b'V', 38, Routing), 0xc040_5626);
        assert_eq!(code!(both, b'V', 102, ClientCapability), 0xc008_5666);
    }

    #[test]
    fn a_file_that_is_no_sub_device_says_so() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(get_routing(file.as_fd()).unwrap_err(), Errno::ENOTTY);
        assert_eq!(set_routing(file.as_fd(), &[Route::default()]).unwrap_err(), Errno::ENOTTY);
    }
}
