//! The memory of a camera's slots: the driver's, or imported.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;

use super::layout::Layout;
use super::policy::Operation;
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

    /// Tries every source of memory of the machine, whose device folder is `dev` (usually `/dev`), with frames of a mode:
    /// what it gives, and whether this camera takes it. Frees the slots of an earlier configuration.
    ///
    /// # Errors
    /// As [`crate::camera::Camera::configure`]; [`Error::Unsupported`] when the driver imports nothing.
    pub fn probe_memory(&mut self, dev: &Path, mode: &Mode) -> Result<Vec<Probe>, Error> {
        self.free_buffers()?;
        let (layout, _) = self.set_mode(mode, 0)?;
        self.request(slots::FEWEST, Memory::Imported, false)?;
        let offer = |buffer: &Buffer| {
            let file = buffer.file();
            let import = Import { file: file.as_fd(), len: buffer.len() };
            self.node.prepare(0, import).map_err(|errno| self.import_refused(errno, buffer, &layout))
        };
        let probes = memory::sources(dev)
            .iter()
            .map(|source| {
                // A prepared slot keeps its memory: every source gets a fresh queue.
                let _ = self.node.request(slots::FEWEST, Memory::Imported, false);
                Probe::new(source, layout.size, Some(&offer))
            })
            .collect();
        self.free_buffers()?;
        Ok(probes)
    }

    /// Why a device did not take memory, with the sizes of both sides.
    fn import_refused(&self, errno: Errno, buffer: &Buffer, layout: &Layout) -> String {
        let cause = match errno {
            Errno::EFAULT if buffer.len() >= layout.size => {
                "; the device probably needs memory in one piece (a CMA heap)"
            }
            Errno::EINVAL => "; the device does not take memory of this kind (not a DMA-buf?)",
            _ => "",
        };
        format!(
            "{}: VIDIOC_PREPARE_BUF: {errno}: the memory has {} bytes, the device needs {} in rows of {}{cause}",
            self.name(),
            buffer.len(),
            layout.size,
            layout.stride
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

    /// Memory of a source as a slot of the device.
    pub(super) fn import(&self, index: u32, source: &Source, layout: &Layout) -> Result<Buffer, Error> {
        let buffer = source.allocate(layout.size, &format!("latent {} slot {index}", self.name()))?;
        let file = buffer.file();
        match self.node.prepare(index, Import { file: file.as_fd(), len: buffer.len() }) {
            // Old drivers cannot prepare; their answer comes with the first frame.
            Ok(()) | Err(Errno::ENOTTY) => Ok(buffer),
            Err(Errno::ENODEV) => Err(Error::Gone { camera: self.name() }),
            Err(errno) => Err(self.unsupported(self.import_refused(errno, &buffer, layout))),
        }
    }

    /// A buffer of the driver as memory that frames live in.
    pub(super) fn export(&self, index: u32, layout: &Layout) -> Result<Buffer, Error> {
        let length = self
            .node
            .length(index, Memory::Driver)
            .map_err(|errno| self.failed(Operation::QueryBuffer, errno))?;
        if length < layout.size {
            let size = layout.size;
            return Err(self.unsupported(format!("buffer {index} has {length} bytes, frames have {size}")));
        }
        let file = self.node.export(index).map_err(|errno| self.failed(Operation::ExportBuffer, errno))?;
        Buffer::from_exported(file, length, self.name())
    }
}
