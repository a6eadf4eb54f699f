//! The buffer queue of a fake camera, with the kernel's own rules (`videobuf2`).

use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;
use v4l2r::bindings;

use super::device::{Device, Slot};
use super::faults::Call;
use super::node::Node;
use super::request::{self, Requests, Way};
use crate::kernel::{ControlRefusal, Event, Filled, Grant, Import, Memory, Queue, Ready};
use crate::machine::PROCFS;
use crate::memory::Mapping;

impl Queue for Node {
    fn request(&self, count: u32, memory: Memory, _: bool) -> nix::Result<Grant> {
        let mut device = self.call(if count == 0 { Call::FreeBuffers } else { Call::RequestBuffers })?;
        let mut capabilities = device.model.buffer_capabilities;
        if device.model.requests != Requests::None {
            capabilities |= bindings::V4L2_BUF_CAP_SUPPORTS_REQUESTS;
        }
        let grant = Grant { count: 0, capabilities };
        if device.owner.is_some_and(|owner| owner != self.file) || device.is_streaming() {
            return Err(Errno::EBUSY);
        }
        if !grant.orphans() && device.slots.iter().any(is_shared) {
            return Err(Errno::EBUSY);
        }
        // Buffers that were queued before the stream was on are taken back.
        device.switch_off();
        device.slots.clear();
        if memory == Memory::Imported && !grant.imports() {
            return Err(Errno::EINVAL);
        }
        let frame = device.format.planes.iter().map(|plane| u64::from(plane.size)).sum::<u64>().max(1);
        let room = u32::try_from(device.model.memory_bytes / frame).unwrap_or(u32::MAX);
        if memory == Memory::Driver && count > 0 && room == 0 {
            return Err(Errno::ENOMEM);
        }
        let room = if memory == Memory::Driver { room } else { u32::MAX };
        let count = count.min(device.model.most_buffers).min(room);
        let sizes: Vec<u32> = device.format.planes.iter().map(|plane| plane.size).collect();
        device.slots = (0..count).map(|_| slot(memory, &sizes)).collect::<nix::Result<_>>()?;
        device.memory = memory;
        device.owner = (count > 0).then_some(self.file);
        Ok(Grant { count, ..grant })
    }

    fn remove(&self, first: u32, count: u32) -> nix::Result<()> {
        let mut device = self.call(Call::RemoveBuffers)?;
        if !(Grant { count: 0, capabilities: device.model.buffer_capabilities }).removes() {
            return Err(Errno::ENOTTY);
        }
        let slots = device.slots.iter_mut().skip(first as usize).take(count as usize);
        let slots: Vec<&mut Slot> = slots.collect();
        if slots.iter().any(|slot| slot.queued) {
            return Err(Errno::EBUSY);
        }
        for slot in slots {
            slot.memories.clear();
        }
        Ok(())
    }

    fn lengths(&self, index: u32, _: Memory) -> nix::Result<Vec<usize>> {
        let device = self.call(Call::QueryBuffer)?;
        device.slots.get(index as usize).ok_or(Errno::EINVAL)?;
        Ok(device.format.planes.iter().map(|plane| plane.size as usize).collect())
    }

    fn export(&self, index: u32, plane: u32) -> nix::Result<OwnedFd> {
        let device = self.call(Call::ExportBuffer)?;
        let slot = device.slots.get(index as usize).filter(|_| device.memory == Memory::Driver);
        let (file, _) = slot.and_then(|slot| slot.memories.get(plane as usize)).ok_or(Errno::EINVAL)?;
        file.try_clone().map_err(|_| Errno::EMFILE)
    }

    fn prepare(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        let mut device = self.call(Call::PrepareBuffer)?;
        attach(&mut device, index, imports)
    }

    fn queue(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        let mut device = self.call(Call::QueueBuffer)?;
        if device.has_failed() {
            return Err(Errno::EIO);
        }
        match (device.model.requests, device.way) {
            (Requests::Required, _) => return Err(Errno::EBADR),
            (_, Way::InRequests) => return Err(Errno::EBUSY),
            _ => {}
        }
        take(&mut device, index, imports)?;
        device.way = Way::Direct;
        device.waiting.push_back(index);
        Ok(())
    }

    fn queue_in(&self, request: BorrowedFd<'_>, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        let mut device = self.call(Call::QueueBuffer)?;
        if device.has_failed() {
            return Err(Errno::EIO);
        }
        match (device.model.requests, device.way) {
            (Requests::None, _) => return Err(Errno::EBADR),
            (_, Way::Direct) => return Err(Errno::EBUSY),
            _ => {}
        }
        if request::open(&mut device, request)?.buffer.is_some() {
            return Err(Errno::EINVAL);
        }
        take(&mut device, index, imports)?;
        device.way = Way::InRequests;
        request::open(&mut device, request)?.buffer = Some(index);
        Ok(())
    }

    fn set_controls_in(
        &self,
        request: BorrowedFd<'_>,
        values: &mut [(u32, i64)],
    ) -> Result<(), ControlRefusal> {
        let refused = |errno| ControlRefusal { errno, index: None };
        let mut device = self.call(Call::SetControls).map_err(refused)?;
        device.settle(values)?;
        request::open(&mut device, request).map_err(refused)?.values.extend_from_slice(values);
        Ok(())
    }

    fn contents(&self, index: u32, bytes: usize) -> nix::Result<Vec<u8>> {
        let device = self.call(Call::QueryBuffer)?;
        let slot = device.slots.get(index as usize).ok_or(Errno::EINVAL)?;
        let [(file, _)] = slot.memories.as_slice() else { return Err(Errno::EINVAL) };
        let size = device.format.planes.first().map_or(0, |plane| plane.size as usize);
        let mapping = Mapping::read_only(file, size).map_err(|_| Errno::ENOMEM)?;
        Ok(mapping.bytes()[..bytes.min(size)].to_vec())
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
        // A queue that is off answers at once.
        let patience = if device.is_streaming() { timeout } else { Duration::ZERO };
        let end = device.now.saturating_add(patience);
        device.run(end, self.file);
        if device.is_gone() {
            return Ok(Ready { filled: false, event: true, fault: true });
        }
        let filled = !device.filled.is_empty() || device.has_ended();
        let fault = device.has_failed() || !device.is_streaming();
        Ok(Ready { filled, event: device.has_event(self.file), fault })
    }

    fn event(&self) -> nix::Result<Event> {
        self.call(Call::DequeueEvent)?.take_event(self.file).ok_or(Errno::ENOENT)
    }

    fn stream_on(&self) -> nix::Result<()> {
        let mut device = self.call(Call::StreamOn)?;
        if device.owner.is_some_and(|owner| owner != self.file) {
            return Err(Errno::EBUSY);
        }
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

/// The fake kernel cannot see who maps a memfd: it counts the descriptors of this process that lead to it.
fn is_shared(slot: &Slot) -> bool {
    let files = std::fs::read_dir(Path::new(PROCFS).join("self/fd")).into_iter().flatten().flatten();
    let inodes = files.filter_map(|file| Some(std::fs::metadata(file.path()).ok()?.ino()));
    let ours = inodes.filter(|inode| slot.memories.iter().any(|(_, own)| own == inode));
    ours.count() > slot.memories.len()
}

fn slot(memory: Memory, sizes: &[u32]) -> nix::Result<Slot> {
    if memory == Memory::Imported {
        return Ok(Slot { memories: Vec::new(), queued: false });
    }
    let memories = sizes.iter().map(|size| {
        let file = memfd_create(c"fake-frame", MFdFlags::MFD_CLOEXEC)?;
        nix::unistd::ftruncate(&file, i64::from(*size))?;
        let inode = fstat(&file)?.st_ino;
        Ok((file, inode))
    });
    Ok(Slot { memories: memories.collect::<nix::Result<_>>()?, queued: false })
}

/// Takes a buffer that the program has, with its memory.
fn take(device: &mut Device, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
    if device.slots.get(index as usize).is_none_or(|slot| slot.queued) {
        return Err(Errno::EINVAL);
    }
    attach(device, index, imports)?;
    device.slots[index as usize].queued = true;
    Ok(())
}

/// Gives a buffer its memory, a piece for each plane.
fn attach(device: &mut Device, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
    let planes = if device.memory == Memory::Imported { device.format.planes.len() } else { 0 };
    if imports.len() != planes {
        return Err(Errno::EINVAL);
    }
    if planes == 0 {
        return Ok(());
    }
    let mut memories = Vec::new();
    for (import, plane) in imports.iter().zip(&device.format.planes) {
        let status = fstat(import.file)?;
        if import.len < plane.size as usize || status.st_size < i64::from(plane.size) {
            return Err(Errno::EFAULT);
        }
        let file = import.file.try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
        memories.push((file, status.st_ino));
    }
    let slot = device.slots.get_mut(index as usize).ok_or(Errno::EINVAL)?;
    let inodes = |memories: &[(OwnedFd, u64)]| memories.iter().map(|(_, inode)| *inode).collect::<Vec<_>>();
    if inodes(&slot.memories) != inodes(&memories) {
        let before = std::mem::replace(&mut slot.memories, memories);
        device.remaps += u32::from(!before.is_empty());
    }
    Ok(())
}
