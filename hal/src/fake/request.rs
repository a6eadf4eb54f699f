//! Requests of a fake media device, with the kernel's own rules (`mc-request`, `videobuf2`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;

use super::device::Device;
use super::faults::Call;
use super::lock;
use crate::kernel::Request;

/// Whether buffers of a camera go to it in requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// It knows none.
    None,
    /// They may.
    Offered,
    /// They must.
    Required,
}

/// Who has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Program,
    Device,
    /// The program, which has not emptied it.
    Done,
}

/// What is in a request.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) holder: Holder,
    pub(super) buffer: Option<u32>,
    pub(super) values: Vec<(u32, i64)>,
}

impl Content {
    const EMPTY: Self = Self { holder: Holder::Program, buffer: None, values: Vec::new() };
}

/// How buffers went to the device since it was last off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    #[default]
    Unknown,
    Direct,
    InRequests,
}

#[derive(Debug)]
pub(super) struct FakeRequest {
    file: OwnedFd,
    inode: u64,
    device: Arc<Mutex<Device>>,
}

impl FakeRequest {
    pub(super) fn allocate(device: &Arc<Mutex<Device>>) -> nix::Result<Self> {
        let file = memfd_create(c"fake-request", MFdFlags::MFD_CLOEXEC)?;
        let inode = fstat(&file)?.st_ino;
        let mut locked = lock(device);
        locked.enter(Call::AllocateRequest)?;
        if locked.model.requests == Requests::None {
            return Err(Errno::ENOTTY);
        }
        locked.requests.insert(inode, Content::EMPTY);
        drop(locked);
        Ok(Self { file, inode, device: Arc::clone(device) })
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        lock(&self.device)
    }
}

impl Request for FakeRequest {
    fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn queue(&self) -> nix::Result<()> {
        let mut device = self.device();
        device.enter(Call::QueueRequest)?;
        let content = device.requests.get_mut(&self.inode).ok_or(Errno::EINVAL)?;
        if content.holder != Holder::Program {
            return Err(Errno::EBUSY);
        }
        let buffer = content.buffer.ok_or(Errno::ENOENT)?;
        content.holder = Holder::Device;
        device.waiting.push_back(buffer);
        Ok(())
    }

    fn reinit(&self) -> nix::Result<()> {
        let mut device = self.device();
        let content = device.requests.get_mut(&self.inode).ok_or(Errno::EINVAL)?;
        if content.holder == Holder::Device {
            return Err(Errno::EBUSY);
        }
        let before = std::mem::replace(content, Content::EMPTY);
        let unsent = before.buffer.filter(|_| before.holder == Holder::Program);
        if let Some(slot) = unsent.and_then(|index| device.slots.get_mut(index as usize)) {
            slot.queued = false;
        }
        Ok(())
    }

    fn wait(&self, _: Duration) -> nix::Result<bool> {
        let device = self.device();
        Ok(device.requests.get(&self.inode).is_some_and(|content| content.holder == Holder::Done))
    }
}

impl Drop for FakeRequest {
    fn drop(&mut self) {
        self.device().requests.remove(&self.inode);
    }
}

/// The content of the request behind a file, for putting something into it.
pub(super) fn open<'a>(device: &'a mut Device, file: BorrowedFd<'_>) -> nix::Result<&'a mut Content> {
    let inode = fstat(file)?.st_ino;
    let content = device.requests.get_mut(&inode).ok_or(Errno::EINVAL)?;
    if content.holder == Holder::Program { Ok(content) } else { Err(Errno::EBUSY) }
}
