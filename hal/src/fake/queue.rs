//! The buffer queue of a fake camera, with the kernel's own rules (`videobuf2`).

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;

use super::device::{Device, Slot};
use super::faults::Call;
use super::node::Node;
use crate::kernel::{Event, Filled, Grant, Import, Memory, Queue, Ready};

impl Queue for Node {
    fn request(&self, count: u32, memory: Memory, _: bool) -> nix::Result<Grant> {
        let mut device = self.call(if count == 0 { Call::FreeBuffers } else { Call::RequestBuffers })?;
        let capabilities = device.model.buffer_capabilities;
        let grant = Grant { count: 0, capabilities };
        if device.owner.is_some_and(|owner| owner != self.file) || device.is_streaming() {
            return Err(Errno::EBUSY);
        }
        if !grant.orphans() && device.slots.iter().any(is_shared) {
            return Err(Errno::EBUSY);
        }
        device.slots.clear();
        if memory == Memory::Imported && !grant.imports() {
            return Err(Errno::EINVAL);
        }
        let count = count.min(device.model.most_buffers);
        let size = device.size();
        device.slots = (0..count).map(|_| slot(memory, size)).collect::<nix::Result<_>>()?;
        device.memory = memory;
        device.owner = (count > 0).then_some(self.file);
        Ok(Grant { count, ..grant })
    }

    fn remove(&self, _: u32, _: u32) -> nix::Result<()> {
        drop(self.call(Call::RemoveBuffers)?);
        Err(Errno::ENOTTY)
    }

    fn length(&self, index: u32, _: Memory) -> nix::Result<usize> {
        let device = self.call(Call::QueryBuffer)?;
        device.slots.get(index as usize).ok_or(Errno::EINVAL)?;
        Ok(device.size() as usize)
    }

    fn export(&self, index: u32) -> nix::Result<OwnedFd> {
        let device = self.call(Call::ExportBuffer)?;
        let slot = device.slots.get(index as usize).filter(|_| device.memory == Memory::Driver);
        let file = slot.and_then(|slot| slot.file.as_ref()).ok_or(Errno::EINVAL)?;
        file.try_clone().map_err(|_| Errno::EMFILE)
    }

    fn prepare(&self, index: u32, import: Import<'_>) -> nix::Result<()> {
        let mut device = self.call(Call::PrepareBuffer)?;
        attach(&mut device, index, Some(import))
    }

    fn queue(&self, index: u32, import: Option<Import<'_>>) -> nix::Result<()> {
        let mut device = self.call(Call::QueueBuffer)?;
        if device.has_failed() {
            return Err(Errno::EIO);
        }
        if device.slots.get(index as usize).is_none_or(|slot| slot.queued) {
            return Err(Errno::EINVAL);
        }
        attach(&mut device, index, import)?;
        device.slots[index as usize].queued = true;
        device.waiting.push_back(index);
        Ok(())
    }

    fn dequeue(&self, _: Memory) -> nix::Result<Filled> {
        let mut device = self.call(Call::DequeueBuffer)?;
        if device.has_failed() {
            return Err(Errno::EIO);
        }
        if device.has_ended() {
            return Err(Errno::EPIPE);
        }
        if !device.is_streaming() {
            return Err(Errno::EINVAL);
        }
        let filled = device.filled.pop_front().ok_or(Errno::EAGAIN)?;
        // A stray buffer may be one that still waits.
        let waits = device.waiting.contains(&filled.index);
        if let Some(slot) = device.slots.get_mut(filled.index as usize) {
            slot.queued = waits;
        }
        Ok(filled)
    }

    fn wait(&self, timeout: Duration) -> nix::Result<Ready> {
        let mut device = self.device();
        device.faults.check(Call::Wait)?;
        let end = device.now.saturating_add(timeout);
        device.run(end);
        if device.is_gone() {
            return Ok(Ready { filled: false, event: true, fault: true });
        }
        let filled = !device.filled.is_empty() || device.has_ended();
        let fault = device.has_failed() || !device.is_streaming();
        Ok(Ready { filled, event: !device.events.is_empty(), fault })
    }

    fn event(&self) -> nix::Result<Event> {
        self.call(Call::DequeueEvent)?.events.pop_front().ok_or(Errno::ENOENT)
    }

    fn stream_on(&self) -> nix::Result<()> {
        let mut device = self.call(Call::StreamOn)?;
        if device.slots.is_empty() {
            return Err(Errno::EINVAL);
        }
        if !device.is_streaming() {
            device.switch_on();
        }
        Ok(())
    }

    fn stream_off(&self) -> nix::Result<()> {
        self.call(Call::StreamOff)?.switch_off();
        Ok(())
    }

    fn now(&self) -> Duration {
        self.device().now
    }

    fn pause(&self, time: Duration) {
        self.device().pass(time);
    }
}

/// Where the kernel mounts procfs.
const PROCFS: &str = "/proc";

/// The fake kernel cannot see who maps a memfd: it counts the descriptors of this process that lead to it.
fn is_shared(slot: &Slot) -> bool {
    let Some(inode) = slot.inode else { return false };
    let files = std::fs::read_dir(Path::new(PROCFS).join("self/fd")).into_iter().flatten().flatten();
    let same = files.filter(|file| {
        std::fs::metadata(file.path())
            .is_ok_and(|status| std::os::unix::fs::MetadataExt::ino(&status) == inode)
    });
    same.count() > 1
}

fn slot(memory: Memory, size: u32) -> nix::Result<Slot> {
    if memory == Memory::Imported {
        return Ok(Slot { file: None, inode: None, queued: false });
    }
    let file = memfd_create(c"fake-frame", MFdFlags::MFD_CLOEXEC)?;
    nix::unistd::ftruncate(&file, i64::from(size))?;
    Ok(Slot { inode: Some(fstat(&file)?.st_ino), file: Some(file), queued: false })
}

/// Gives a buffer its memory.
fn attach(device: &mut Device, index: u32, import: Option<Import<'_>>) -> nix::Result<()> {
    if import.is_some() != (device.memory == Memory::Imported) {
        return Err(Errno::EINVAL);
    }
    let Some(import) = import else { return Ok(()) };
    let status = fstat(import.file)?;
    let size = device.size();
    if import.len < size as usize || status.st_size < i64::from(size) {
        return Err(Errno::EFAULT);
    }
    let slot = device.slots.get_mut(index as usize).ok_or(Errno::EINVAL)?;
    if slot.inode == Some(status.st_ino) {
        return Ok(());
    }
    let remap = slot.inode.replace(status.st_ino).is_some();
    slot.file = Some(import.file.as_fd().try_clone_to_owned().map_err(|_| Errno::EMFILE)?);
    device.remaps += u32::from(remap);
    Ok(())
}
