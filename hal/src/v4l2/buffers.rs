//! The memory of a camera's slots: the driver's, or imported.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use super::layout::Layout;
use super::policy::Operation;
use super::stream::Stream;
use super::{V4l2Camera, slots};
use crate::camera::Mode;
use crate::error::Error;
use crate::kernel::{Grant, Import, Memory};
use crate::memory::{self, Buffer, Probe, Source};

/// How long frames that are read right now are waited for before a driver's memory must go.
const REVOCATION: Duration = Duration::from_millis(500);

impl V4l2Camera {
    /// Where frames live from the next configuration on: in memory of the driver (`None`, as at first), or in that of a
    /// source, which the device then imports.
    pub fn use_memory(&mut self, source: Option<Source>) {
        self.source = source;
    }

    /// Whether colour planes get memories of their own (`NM12` and the like) where the device has a format both ways, for
    /// others that import planes one by one; from the next configuration on. At first all planes are in one memory.
    pub fn use_separate_planes(&mut self, separate: bool) {
        self.separate = separate;
    }

    /// Tries every source of memory of the machine, whose device folder is `dev` (usually `/dev`), with frames of a mode:
    /// what it gives, and whether this camera takes it. Frees the slots of an earlier configuration.
    ///
    /// # Errors
    /// As [`crate::camera::Camera::configure`], so [`Error::State`] while streaming; [`Error::Unsupported`] when the driver
    /// imports nothing.
    pub fn probe_memory(&mut self, dev: &Path, mode: &Mode) -> Result<Vec<Probe>, Error> {
        if self.stream.as_ref().is_some_and(Stream::streaming) {
            return Err(self.misused("probe_memory", "it streams; stop it first"));
        }
        self.free_buffers()?;
        let (layout, _) = self.set_mode(mode, 0)?;
        self.request(slots::FEWEST, Memory::Imported, false)?;
        let first = layout.parts.first().map_or(0, |part| part.size);
        let probes = memory::sources(dev)
            .iter()
            .map(|source| {
                // A prepared slot keeps its memory: every source gets a fresh queue.
                let _ = self.node.request(slots::FEWEST, Memory::Imported, false);
                Probe::new(source, first, Some(&|buffer| self.offer(source, buffer, &layout)))
            })
            .collect();
        self.free_buffers()?;
        Ok(probes)
    }

    /// Offers a frame's memories to the device: the first, and those behind it from the same source.
    fn offer(&self, source: &Source, first: &Buffer, layout: &Layout) -> Result<(), String> {
        let name = format!("latent {} probe", self.name());
        let later = layout.parts.iter().skip(1).map(|part| source.allocate(part.size, &name));
        let later = later.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let memories = std::iter::once(first).chain(&later);
        let offered = memories.clone().map(Buffer::len).sum();
        with_imports(memories, |imports| self.node.prepare(0, imports))
            .map_err(|errno| self.import_refused(errno, offered, layout))
    }

    /// Why a device did not take memory, with the sizes of both sides.
    fn import_refused(&self, errno: Errno, offered: usize, layout: &Layout) -> String {
        let size = layout.size();
        let cause = match errno {
            Errno::EFAULT if offered >= size => {
                "; the device probably needs memory in one piece (a CMA heap)"
            }
            Errno::EINVAL => "; the device does not take memory of this kind (not a DMA-buf?)",
            _ => "",
        };
        format!(
            "{}: VIDIOC_PREPARE_BUF: {errno}: the memory has {offered} bytes, the device needs {size} in rows of {}{cause}",
            self.name(),
            layout.stride()
        )
    }

    /// Asks the device for buffers and remembers what they are.
    pub(super) fn request(&mut self, count: u32, memory: Memory, cached: bool) -> Result<Grant, Error> {
        self.allocated = true;
        let granted = self
            .node
            .request(count, memory, cached)
            .map_err(|errno| self.failed(Operation::RequestBuffers, errno))?;
        self.orphans = granted.orphans();
        Ok(granted)
    }

    /// Frees the buffers of an earlier configuration; says whether the driver lets us choose cached memory. Frames that
    /// are still held move to memory of our own where the driver would wait for them.
    pub(super) fn free_buffers(&mut self) -> Result<bool, Error> {
        if let Some(stream) = self.stream.take().filter(|_| !self.orphans) {
            // What could not be moved makes the call below fail with the reason.
            stream.pool().revoke(REVOCATION)?;
        }
        let operation = if self.allocated { Operation::FreeBuffers } else { Operation::RequestBuffers };
        let answer =
            self.node.request(0, Memory::Driver, false).map_err(|errno| self.failed(operation, errno))?;
        self.allocated = false;
        Ok(answer.cache_hints())
    }

    /// Memory of a source as slots of the device: `count`, or fewer where source or device have no room for so many. Slots
    /// without memory stay unused.
    pub(super) fn import_all(
        &self,
        count: u32,
        source: &Source,
        layout: &Layout,
    ) -> Result<Vec<Vec<Buffer>>, Error> {
        let mut slots = Vec::new();
        for index in 0..count {
            match self.import(index, source, layout) {
                Ok(memories) => slots.push(memories),
                Err(error) if index < slots::FEWEST || matches!(error, Error::Gone { .. }) => {
                    return Err(error);
                }
                Err(_) => break,
            }
        }
        Ok(slots)
    }

    /// Memory of a source as a slot of the device.
    fn import(&self, index: u32, source: &Source, layout: &Layout) -> Result<Vec<Buffer>, Error> {
        let name = format!("latent {} slot {index}", self.name());
        let memories = layout.parts.iter().map(|part| source.allocate(part.size, &name));
        let memories = memories.collect::<Result<Vec<_>, _>>()?;
        match with_imports(memories.iter(), |imports| self.node.prepare(index, imports)) {
            // Old drivers cannot prepare; their answer comes with the first frame.
            Ok(()) | Err(Errno::ENOTTY) => Ok(memories),
            Err(Errno::ENODEV) => Err(Error::Gone { camera: self.name() }),
            Err(errno) => {
                let offered = memories.iter().map(Buffer::len).sum();
                Err(self.unsupported(self.import_refused(errno, offered, layout)))
            }
        }
    }

    /// A buffer of the driver as memories that frames live in.
    pub(super) fn export(&self, index: u32, layout: &Layout) -> Result<Vec<Buffer>, Error> {
        let lengths = self
            .node
            .lengths(index, Memory::Driver)
            .map_err(|errno| self.failed(Operation::QueryBuffer, errno))?;
        if lengths.len() != layout.parts.len() {
            let (found, wanted) = (lengths.len(), layout.parts.len());
            return Err(
                self.unsupported(format!("buffer {index} has {found} memory planes, frames have {wanted}"))
            );
        }
        let planes = (0u32..).zip(&lengths).zip(&layout.parts);
        let memories = planes.map(|((plane, length), part)| {
            if *length < part.size {
                let size = part.size;
                return Err(
                    self.unsupported(format!("buffer {index} has {length} bytes, frames have {size}"))
                );
            }
            let file = self
                .node
                .export(index, plane)
                .map_err(|errno| self.failed(Operation::ExportBuffer, errno))?;
            Buffer::from_exported(file, *length, self.name())
        });
        memories.collect()
    }
}

/// Makes a call with the memories of a slot.
pub(super) fn with_imports<'a, T>(
    memories: impl Iterator<Item = &'a Buffer>,
    call: impl FnOnce(&[Import<'_>]) -> T,
) -> T {
    let files: Vec<(Arc<OwnedFd>, usize)> = memories.map(|memory| (memory.file(), memory.len())).collect();
    let imports: Vec<Import<'_>> =
        files.iter().map(|(file, len)| Import { file: file.as_fd(), len: *len }).collect();
    call(&imports)
}
