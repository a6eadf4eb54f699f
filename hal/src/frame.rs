//! Frames: leases on a stream's slots.
//!
//! A slot is bound to its memory for life. A [`Frame`] holds its slot's memory; when the last clone drops, the slot's number
//! goes back to the stream's [`SlotPool`], from which the stream queues it to the device again. A pool that was replaced by
//! a new configuration is gone, and its frames are memory alone. Before memory must go back to a driver, all frames of a
//! pool can be moved out of it ([`SlotPool::revoke`]).

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::memory::{Buffer, ReadGuard};

/// The settings under which a frame was exposed, where the camera tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exposure {
    /// Exposure time.
    pub time: Duration,
    /// Gain over the sensor's base sensitivity, 1.0 or more.
    pub gain: f32,
}

/// The slots of one configuration of a stream and the numbers of those that came back.
#[derive(Debug)]
pub struct SlotPool {
    buffers: Vec<Arc<Buffer>>,
    returned: Mutex<Vec<u32>>,
}

impl SlotPool {
    /// A pool over these buffers; slot `i` is `buffers[i]`. All slots count as lent out by the pool's owner.
    pub fn new(buffers: Vec<Buffer>) -> Arc<Self> {
        let returned = Mutex::new(Vec::with_capacity(buffers.len()));
        Arc::new(Self { buffers: buffers.into_iter().map(Arc::new).collect(), returned })
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.buffers.len()
    }

    /// True for a pool without slots.
    pub fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }

    /// The memory of a slot; `None` for a number that the pool does not have.
    pub fn buffer(&self, slot: u32) -> Option<&Arc<Buffer>> {
        self.buffers.get(slot as usize)
    }

    /// Takes one slot that came back, if any.
    pub fn take_returned(&self) -> Option<u32> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Lends a slot out as a frame: `bytes_used` bytes of it from `offset` hold the picture. `None` for a number that
    /// the pool does not have or bytes outside of the slot's memory.
    pub fn lend(self: &Arc<Self>, slot: u32, shot: Shot) -> Option<Frame> {
        let buffer = self.buffer(slot)?;
        if shot.offset.checked_add(shot.bytes_used)? > buffer.len() {
            return None;
        }
        let lease = Lease { pool: Arc::downgrade(self), buffer: Arc::clone(buffer), slot };
        Some(Frame { lease: Arc::new(lease), shot })
    }

    /// Moves the pictures of all frames that are out into memory of this process, so that the pool's own memory can go
    /// back to where it came from; the frames stay readable. Waits for guards that are open, at most `patience` for all.
    /// How many frames could not be moved.
    ///
    /// # Errors
    /// [`Error::System`] when there is no memory for the copies.
    pub fn revoke(&self, patience: Duration) -> Result<usize, Error> {
        let begun = Instant::now();
        let mut left = 0;
        // A buffer that somebody else holds too is that of a frame.
        for buffer in self.buffers.iter().filter(|buffer| Arc::strong_count(buffer) > 1) {
            let moved = buffer.detach(patience.saturating_sub(begun.elapsed()))?;
            left += usize::from(!moved);
        }
        Ok(left)
    }
}

/// What a device tells of one frame.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// Frames since the stream's start, counted from 0 by the device: a gap is a frame that was lost.
    pub sequence: u64,
    /// CLOCK_MONOTONIC at the start of exposure, or at the end of the frame where the driver only knows that.
    pub timestamp: Duration,
    /// True when `timestamp` is the start of exposure.
    pub timestamp_is_start: bool,
    /// Where in the slot's memory the picture begins.
    pub offset: usize,
    /// Bytes of the picture, row padding included.
    pub bytes_used: usize,
    /// Exposure, where the camera tells.
    pub exposure: Option<Exposure>,
}

#[derive(Debug)]
struct Lease {
    pool: Weak<SlotPool>,
    buffer: Arc<Buffer>,
    slot: u32,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.returned.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
        }
    }
}

/// One captured frame; clones share the slot.
#[derive(Clone, Debug)]
pub struct Frame {
    lease: Arc<Lease>,
    shot: Shot,
}

impl Frame {
    /// Frames since the stream's start, counted from 0 by the device: a gap is a frame that was lost.
    pub fn sequence(&self) -> u64 {
        self.shot.sequence
    }

    /// CLOCK_MONOTONIC of the frame; see [`Shot::timestamp`].
    pub fn timestamp(&self) -> Duration {
        self.shot.timestamp
    }

    /// What the device told of the frame.
    pub fn shot(&self) -> &Shot {
        &self.shot
    }

    /// The slot that the frame lives in.
    pub fn slot(&self) -> u32 {
        self.lease.slot
    }

    /// The file of the frame's memory, for those who hand it on: bytes from [`Shot::offset`] on are the picture.
    pub fn file(&self) -> Arc<OwnedFd> {
        self.lease.buffer.file()
    }

    /// Opens the bytes for reading; the guard's life is the window in which the CPU may look. May block until a device
    /// that still writes is done (DMA-buf fences).
    ///
    /// # Errors
    /// [`Error::System`] when the kernel refuses the access.
    pub fn read(&self) -> Result<FrameBytes<'_>, Error> {
        let guard = self.lease.buffer.read()?;
        Ok(FrameBytes { guard, start: self.shot.offset, end: self.shot.offset + self.shot.bytes_used })
    }
}

/// The bytes of a frame, while the CPU may read them.
#[derive(Debug)]
pub struct FrameBytes<'a> {
    guard: ReadGuard<'a>,
    start: usize,
    end: usize,
}

impl std::ops::Deref for FrameBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.guard[self.start..self.end]
    }
}
