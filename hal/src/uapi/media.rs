//! The media controller: <https://docs.kernel.org/userspace-api/media/mediactl/media-funcs.html>.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::{code, ioctls};

/// `struct media_device_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceInfo {
    pub(crate) driver: [u8; 16],
    pub(crate) model: [u8; 32],
    pub(crate) serial: [u8; 40],
    pub(crate) bus_info: [u8; 32],
    pub(crate) media_version: u32,
    pub(crate) hw_revision: u32,
    pub(crate) driver_version: u32,
    reserved: [u32; 31],
}

impl Default for DeviceInfo {
    fn default() -> Self {
        Self {
            driver: [0; 16],
            model: [0; 32],
            serial: [0; 40],
            bus_info: [0; 32],
            media_version: 0,
            hw_revision: 0,
            driver_version: 0,
            reserved: [0; 31],
        }
    }
}

/// `struct media_v2_entity`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entity {
    pub(crate) id: u32,
    pub(crate) name: [u8; 64],
    pub(crate) function: u32,
    pub(crate) flags: u32,
    reserved: [u32; 5],
}

impl Default for Entity {
    fn default() -> Self {
        Self { id: 0, name: [0; 64], function: 0, flags: 0, reserved: [0; 5] }
    }
}

/// `struct media_v2_interface`, whose only kind of content is a device number.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Interface {
    pub(crate) id: u32,
    pub(crate) kind: u32,
    flags: u32,
    reserved: [u32; 9],
    pub(crate) major: u32,
    pub(crate) minor: u32,
    rest: [u32; 14],
}

/// `struct media_v2_pad`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pad {
    pub(crate) id: u32,
    pub(crate) entity: u32,
    pub(crate) flags: u32,
    pub(crate) index: u32,
    reserved: [u32; 4],
}

/// `struct media_v2_link`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) id: u32,
    pub(crate) source: u32,
    pub(crate) sink: u32,
    pub(crate) flags: u32,
    reserved: [u32; 6],
}

/// `struct media_v2_topology`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct RawTopology {
    version: u64,
    entities: u32,
    reserved1: u32,
    entities_at: u64,
    interfaces: u32,
    reserved2: u32,
    interfaces_at: u64,
    pads: u32,
    reserved3: u32,
    pads_at: u64,
    links: u32,
    reserved4: u32,
    links_at: u64,
}

/// `struct media_pad_desc`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PadDescription {
    pub(crate) entity: u32,
    pub(crate) index: u16,
    _gap: u16,
    pub(crate) flags: u32,
    reserved: [u32; 2],
}

impl PadDescription {
    pub(crate) fn new(entity: u32, index: u16) -> Self {
        Self { entity, index, ..Self::default() }
    }
}

/// `struct media_link_desc`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkDescription {
    pub(crate) source: PadDescription,
    pub(crate) sink: PadDescription,
    pub(crate) flags: u32,
    reserved: [u32; 2],
}

impl LinkDescription {
    pub(crate) fn new(source: PadDescription, sink: PadDescription, flags: u32) -> Self {
        Self { source, sink, flags, ..Self::default() }
    }
}

ioctls! {
    /// `MEDIA_IOC_DEVICE_INFO`.
    device_info = both(b'|', 0, DeviceInfo);
    /// `MEDIA_IOC_SETUP_LINK`.
    set_up_link = both(b'|', 3, LinkDescription);
}

/// Everything that a media device consists of, from one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) entities: Vec<Entity>,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) pads: Vec<Pad>,
    pub(crate) links: Vec<Link>,
}

/// `MEDIA_IOC_G_TOPOLOGY`: counts first, then the parts; again while the graph changes in between. `EAGAIN` when it
/// never holds still.
pub(crate) fn topology(file: BorrowedFd<'_>) -> nix::Result<Parts> {
    const TRIES: usize = 8;
    /// More of a kind than any hardware has: a driver that says so is broken.
    const MOST: u32 = 1 << 16;
    for _ in 0..TRIES {
        let mut counts = RawTopology::default();
        get_topology(file, &mut counts)?;
        if [counts.entities, counts.interfaces, counts.pads, counts.links].iter().any(|count| *count > MOST) {
            return Err(Errno::EOVERFLOW);
        }
        let mut parts = Parts {
            entities: vec![Entity::default(); counts.entities as usize],
            interfaces: vec![Interface::default(); counts.interfaces as usize],
            pads: vec![Pad::default(); counts.pads as usize],
            links: vec![Link::default(); counts.links as usize],
        };
        let mut filled = RawTopology {
            entities_at: parts.entities.as_mut_ptr() as u64,
            interfaces_at: parts.interfaces.as_mut_ptr() as u64,
            pads_at: parts.pads.as_mut_ptr() as u64,
            links_at: parts.links.as_mut_ptr() as u64,
            ..counts
        };
        match get_topology(file, &mut filled) {
            Ok(()) if filled.version == counts.version => return Ok(parts),
            // It grew or changed in between.
            Ok(()) | Err(Errno::ENOSPC) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EAGAIN)
}

/// Private, since its callers keep the promise about addresses: each is 0 or that of as many live parts as its count
/// says.
fn get_topology(file: BorrowedFd<'_>, argument: &mut RawTopology) -> nix::Result<()> {
    // SAFETY: the number fits the argument; `topology` above, the only caller, sets each address to 0 (the kernel then
    // only counts) or to an array of exactly the counted length, and the kernel writes no more than that (ENOSPC).
    unsafe { super::raw(file, code!(both, b'|', 4, RawTopology), argument) }.map(|_| ())
}

/// `MEDIA_IOC_REQUEST_ALLOC`: a request that nobody else owns.
pub(crate) fn allocate_request(file: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    let mut request: i32 = -1;
    // SAFETY: the argument is an `int`, which the kernel writes.
    unsafe { super::raw(file, code!(read, b'|', 5, i32), &mut request) }?;
    // SAFETY: after success it is a new file descriptor, made for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(request) })
}

/// `MEDIA_REQUEST_IOC_QUEUE`.
pub(crate) fn queue_request(request: BorrowedFd<'_>) -> nix::Result<()> {
    // SAFETY: this ioctl reads no argument.
    unsafe { super::raw(request, nix::request_code_none!(b'|', 0x80), &mut ()) }.map(|_| ())
}

/// `MEDIA_REQUEST_IOC_REINIT`.
pub(crate) fn reinit_request(request: BorrowedFd<'_>) -> nix::Result<()> {
    // SAFETY: this ioctl reads no argument.
    unsafe { super::raw(request, nix::request_code_none!(b'|', 0x81), &mut ()) }.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// Sizes and offsets of `linux/media.h`.
    #[test]
    fn structs_and_numbers_are_the_kernels() {
        assert_eq!(size_of::<DeviceInfo>(), 256);
        assert_eq!(offset_of!(DeviceInfo, bus_info), 88);
        assert_eq!(offset_of!(DeviceInfo, driver_version), 128);
        assert_eq!(size_of::<Entity>(), 96);
        assert_eq!((offset_of!(Entity, function), offset_of!(Entity, flags)), (68, 72));
        assert_eq!(size_of::<Interface>(), 112);
        assert_eq!((offset_of!(Interface, major), offset_of!(Interface, minor)), (48, 52));
        assert_eq!(size_of::<Pad>(), 32);
        assert_eq!(offset_of!(Pad, index), 12);
        assert_eq!(size_of::<Link>(), 40);
        assert_eq!(offset_of!(Link, flags), 12);
        assert_eq!(size_of::<RawTopology>(), 72);
        assert_eq!((offset_of!(RawTopology, entities_at), offset_of!(RawTopology, links_at)), (16, 64));
        assert_eq!(size_of::<PadDescription>(), 20);
        assert_eq!(offset_of!(PadDescription, flags), 8);
        assert_eq!(size_of::<LinkDescription>(), 52);
        assert_eq!(code!(both, b'|', 0, DeviceInfo), 0xc100_7c00);
        assert_eq!(code!(both, b'|', 3, LinkDescription), 0xc034_7c03);
        assert_eq!(code!(both, b'|', 4, RawTopology), 0xc048_7c04);
        assert_eq!(code!(read, b'|', 5, i32), 0x8004_7c05);
        assert_eq!(nix::request_code_none!(b'|', 0x80), 0x7c80);
        assert_eq!(nix::request_code_none!(b'|', 0x81), 0x7c81);
    }

    #[test]
    fn a_file_that_is_no_media_device_says_so() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(topology(std::os::fd::AsFd::as_fd(&file)).unwrap_err(), Errno::ENOTTY);
        assert_eq!(allocate_request(std::os::fd::AsFd::as_fd(&file)).unwrap_err(), Errno::ENOTTY);
        assert_eq!(queue_request(std::os::fd::AsFd::as_fd(&file)), Err(Errno::ENOTTY));
        assert_eq!(reinit_request(std::os::fd::AsFd::as_fd(&file)), Err(Errno::ENOTTY));
    }
}
