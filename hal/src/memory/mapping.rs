//! Shared mappings of frame memory.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use memmap2::{Mmap, MmapMut, MmapOptions};
use nix::sys::stat::fstat;

/// A shared mapping; writable only where this process makes the pictures itself.
#[derive(Debug)]
pub(crate) enum Mapping {
    ReadOnly(Mmap),
    ReadWrite(MmapMut),
}

impl Mapping {
    pub(crate) fn read_only(file: &impl AsFd, len: usize) -> io::Result<Self> {
        check_len(file, len)?;
        // SAFETY: the file holds at least `len` bytes (checked above), and DMA-bufs and this crate's memfds never
        // shrink. Bytes change under the mapping only while a device or a `WriteGuard` owns the slot; the stream lends
        // a slot out only after the kernel gave it back (DQBUF, or libcamera's completed request), and takes it again
        // only when every lease is dropped.
        let map = unsafe { MmapOptions::new().len(len).map(file.as_fd().as_raw_fd()) }?;
        Ok(Self::ReadOnly(map))
    }

    /// A buffer of a device, `len` bytes from `offset` of its file: the driver refuses what is not exactly one buffer.
    pub(crate) fn of_device(file: &impl AsFd, offset: u64, len: usize) -> io::Result<Self> {
        // SAFETY: the kernel checks offset and length against the buffer, whose pages stay for as long as they are
        // mapped. The caller looks only at buffers that the device gave back (DQBUF) and keeps no bytes of the mapping.
        let map = unsafe { MmapOptions::new().offset(offset).len(len).map(file.as_fd().as_raw_fd()) }?;
        Ok(Self::ReadOnly(map))
    }

    pub(crate) fn read_write(file: &impl AsFd, len: usize) -> io::Result<Self> {
        check_len(file, len)?;
        // SAFETY: as above; `Buffer` holds the mapping in a lock, so that a writer in this process is alone.
        let map = unsafe { MmapOptions::new().len(len).map_mut(file.as_fd().as_raw_fd()) }?;
        Ok(Self::ReadWrite(map))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::ReadOnly(map) => map,
            Self::ReadWrite(map) => map,
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::ReadOnly(_) => &mut [],
            Self::ReadWrite(map) => map,
        }
    }
}

/// Touching a page past the end of a mapped file is SIGBUS: a length from a driver is checked against the file.
fn check_len(file: &impl AsFd, len: usize) -> io::Result<()> {
    let size = fstat(file)?.st_size;
    if u64::try_from(size).unwrap_or(0) < len as u64 {
        return Err(io::Error::from_raw_os_error(nix::errno::Errno::EOVERFLOW as i32));
    }
    Ok(())
}
