//! Frames: leases on a stream's slots.
//!
//! A slot is bound to its memory for life: one piece, or one for each colour plane. A [`Frame`] holds its slot's memory; when the last clone drops, the slot's number
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
    slots: Vec<Arc<[Buffer]>>,
    returned: Mutex<Vec<u32>>,
}

impl SlotPool {
    /// A pool over these buffers; slot `i` is `buffers[i]`. All slots count as lent out by the pool's owner.
    pub fn new(buffers: Vec<Buffer>) -> Arc<Self> {
        Self::with_memories(buffers.into_iter().map(|buffer| vec![buffer]).collect())
    }

    /// The same for slots of several memories each, in the order of the format's planes.
    pub fn with_memories(slots: Vec<Vec<Buffer>>) -> Arc<Self> {
        let returned = Mutex::new(Vec::with_capacity(slots.len()));
        Arc::new(Self { slots: slots.into_iter().map(Arc::from).collect(), returned })
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True for a pool without slots.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The first memory of a slot, which is all of it for most formats; `None` for a number that the pool does not have.
    pub fn buffer(&self, slot: u32) -> Option<&Buffer> {
        self.memories(slot).first()
    }

    /// The memories of a slot; none for a number that the pool does not have.
    pub fn memories(&self, slot: u32) -> &[Buffer] {
        self.slots.get(slot as usize).map_or(&[], |memories| memories)
    }

    /// Takes one slot that came back, if any.
    pub fn take_returned(&self) -> Option<u32> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Lends a slot out as a frame: `bytes_used` bytes of it from `offset` hold the picture. `None` for a number that
    /// the pool does not have, bytes outside of the slot's memory, and slots of several memories.
    pub fn lend(self: &Arc<Self>, slot: u32, shot: Shot) -> Option<Frame> {
        self.lend_memories(slot, shot, Vec::new())
    }

    /// The same for slots of several memories: the shot tells of the first, `later` of all behind it.
    pub fn lend_memories(self: &Arc<Self>, slot: u32, shot: Shot, later: Vec<Span>) -> Option<Frame> {
        let memories = self.slots.get(slot as usize)?;
        let spans = std::iter::once(shot.span()).chain(later.iter().copied());
        let fits = |(buffer, span): (&Buffer, Span)| {
            span.offset.checked_add(span.bytes_used).is_some_and(|end| end <= buffer.len())
        };
        if later.len() + 1 != memories.len() || !memories.iter().zip(spans).all(fits) {
            return None;
        }
        let lease = Lease { pool: Arc::downgrade(self), memories: Arc::clone(memories), slot, later };
        Some(Frame { lease: Arc::new(lease), shot, device_sequence: None, settings: None, missing: 0 })
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
        // Memories that somebody else holds too are those of a frame.
        for memories in self.slots.iter().filter(|memories| Arc::strong_count(memories) > 1) {
            let mut all_moved = true;
            for buffer in memories.iter() {
                all_moved &= buffer.detach(patience.saturating_sub(begun.elapsed()))?;
            }
            left += usize::from(!all_moved);
        }
        Ok(left)
    }
}

/// A part of a memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Bytes before it.
    pub offset: usize,
    /// Bytes of it.
    pub bytes_used: usize,
}

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.offset..self.offset + self.bytes_used]
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
    /// Where in the slot's first memory the picture begins.
    pub offset: usize,
    /// Bytes of the picture in the first memory, row padding included.
    pub bytes_used: usize,
    /// Exposure, where the camera tells.
    pub exposure: Option<Exposure>,
}

impl Shot {
    fn span(&self) -> Span {
        Span { offset: self.offset, bytes_used: self.bytes_used }
    }
}

#[derive(Debug)]
struct Lease {
    pool: Weak<SlotPool>,
    memories: Arc<[Buffer]>,
    slot: u32,
    /// What the picture has of each memory behind the first.
    later: Vec<Span>,
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
    device_sequence: Option<u32>,
    settings: Option<u64>,
    missing: u64,
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

    /// The device's own number of the frame, which it also gives to metadata and statistics of the same frame; `None`
    /// where the camera has none.
    pub fn device_sequence(&self) -> Option<u32> {
        self.device_sequence
    }

    /// The number that [`crate::Camera::set_frame_controls`] gave to the settings that this frame alone was made with.
    pub fn settings(&self) -> Option<u64> {
        self.settings
    }

    /// How many frames are missing before it: by its number or, where the device numbers only what it delivers, by its
    /// time, which may err when the rate changes. 0 from cameras that do not look.
    pub fn missing_before(&self) -> u64 {
        self.missing
    }

    /// The same frame with what its device says of where it comes from.
    pub(crate) fn of_device(self, sequence: u32, settings: Option<u64>, missing: u64) -> Self {
        Self { device_sequence: Some(sequence), settings, missing, ..self }
    }

    /// The slot that the frame lives in.
    pub fn slot(&self) -> u32 {
        self.lease.slot
    }

    /// The file of the frame's first memory, for those who hand it on: bytes from [`Shot::offset`] on are the picture.
    pub fn file(&self) -> Arc<OwnedFd> {
        self.lease.memories[0].file()
    }

    /// Opens the bytes, of all memories, for reading; the guard's life is the window in which the CPU may look. May block
    /// until a device that still writes is done (DMA-buf fences).
    ///
    /// # Errors
    /// [`Error::System`] when the kernel refuses the access.
    pub fn read(&self) -> Result<FrameBytes<'_>, Error> {
        let Lease { memories, later, .. } = &*self.lease;
        let behind = memories.iter().skip(1).zip(later);
        Ok(FrameBytes {
            // A frame has at least one memory: `lend_memories` sees to it.
            first: (memories[0].read()?, self.shot.span()),
            later: behind.map(|(buffer, span)| Ok((buffer.read()?, *span))).collect::<Result<_, Error>>()?,
        })
    }
}

/// The bytes of a frame, while the CPU may read them. As a slice it is the first memory's, which is the whole picture
/// unless [`crate::StreamConfig::separate`] says that its planes have memory of their own.
#[derive(Debug)]
pub struct FrameBytes<'a> {
    first: (ReadGuard<'a>, Span),
    later: Vec<(ReadGuard<'a>, Span)>,
}

impl FrameBytes<'_> {
    /// The picture's bytes in one of its memories, counted as [`crate::format::ColorPlane::memory`] is; none in those
    /// that it does not have.
    pub fn memory(&self, index: usize) -> &[u8] {
        match index.checked_sub(1) {
            None => self,
            Some(index) => self.later.get(index).map_or(&[], |(guard, span)| span.of(guard)),
        }
    }

    /// How many memories it has, 1 or more.
    pub fn memories(&self) -> usize {
        1 + self.later.len()
    }
}

impl std::ops::Deref for FrameBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let (guard, span) = &self.first;
        span.of(guard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shot(offset: usize, bytes_used: usize) -> Shot {
        let timestamp = Duration::ZERO;
        Shot { sequence: 0, timestamp, timestamp_is_start: false, offset, bytes_used, exposure: None }
    }

    fn filled(len: usize, value: u8) -> Buffer {
        let buffer = Buffer::allocate(len, "test").unwrap();
        buffer.write().unwrap().fill(value);
        buffer
    }

    #[test]
    fn a_frame_of_several_memories_is_read_through_one_guard() {
        let pool = SlotPool::with_memories(vec![vec![filled(100, 1), filled(50, 2), filled(50, 3)]]);
        let later = vec![Span { offset: 10, bytes_used: 40 }, Span { offset: 0, bytes_used: 7 }];
        let frame = pool.lend_memories(0, shot(4, 96), later).unwrap();
        let bytes = frame.read().unwrap();
        assert_eq!((bytes.memories(), &*bytes), (3, &[1; 96][..]));
        assert_eq!(bytes.memory(0), &*bytes);
        assert_eq!((bytes.memory(1), bytes.memory(2)), (&[2; 40][..], &[3; 7][..]));
        assert_eq!(bytes.memory(3), &[0u8; 0][..]);
    }

    #[test]
    fn a_slot_is_lent_only_with_spans_for_all_its_memories_and_inside_of_them() {
        let pool = SlotPool::with_memories(vec![vec![filled(100, 1), filled(50, 2)]]);
        let lend =
            |offset, bytes_used| pool.lend_memories(0, shot(0, 100), vec![Span { offset, bytes_used }]);
        assert!(lend(0, 50).is_some() && lend(50, 0).is_some());
        assert!(lend(1, 50).is_none() && lend(usize::MAX, 2).is_none());
        assert!(pool.lend(0, shot(0, 100)).is_none(), "its second memory is not told of");
        assert!(pool.lend_memories(1, shot(0, 0), Vec::new()).is_none(), "there is no such slot");
        assert!(SlotPool::with_memories(vec![vec![]]).lend(0, shot(0, 0)).is_none(), "it has no memory");
    }

    #[test]
    fn revocation_moves_all_memories_of_the_frames_that_are_out() {
        let slots = vec![vec![filled(100, 1), filled(50, 2)], vec![filled(100, 3), filled(50, 4)]];
        let pool = SlotPool::with_memories(slots);
        let whole = || vec![Span { offset: 0, bytes_used: 50 }];
        let held = pool.lend_memories(0, shot(0, 100), whole()).unwrap();
        let inode = |memory: &Buffer| nix::sys::stat::fstat(memory.file()).unwrap().st_ino;
        let inodes = |slot| pool.memories(slot).iter().map(inode).collect::<Vec<_>>();
        let before = (inodes(0), inodes(1));
        assert_eq!(pool.revoke(Duration::ZERO).unwrap(), 0);
        assert!(inodes(0).iter().zip(&before.0).all(|(now, before)| now != before));
        assert_eq!(inodes(1), before.1, "nobody holds it");
        let reading = held.read().unwrap();
        assert_eq!((&*reading, reading.memory(1)), (&[1; 100][..], &[2; 50][..]));
        assert_eq!(pool.revoke(Duration::ZERO).unwrap(), 1, "it is being read");
    }
}
