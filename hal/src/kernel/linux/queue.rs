//! Buffer queues of the real kernel.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};
use v4l2r::bindings::{
    self, v4l2_buffer, v4l2_event, v4l2_exportbuffer, v4l2_plane, v4l2_remove_buffers, v4l2_requestbuffers,
};

use super::video::Node;
use crate::kernel::{Event, Filled, Grant, Import, Memory, Queue, Ready};
use crate::uapi::video::{self as raw, BufferCall, Planes};

impl Node {
    fn buffer(&self, index: u32, memory: Memory) -> v4l2_buffer {
        v4l2_buffer { index, type_: self.queue, memory: code(memory), ..Default::default() }
    }

    fn hand_over(&self, call: BufferCall, index: u32, import: Option<Import<'_>>) -> nix::Result<()> {
        let memory = if import.is_some() { Memory::Imported } else { Memory::Driver };
        let mut buffer = self.buffer(index, memory);
        let mut planes = Planes::default();
        if let Some(import) = import {
            let length = u32::try_from(import.len).unwrap_or(u32::MAX);
            if self.planar() {
                planes[0].length = length;
                planes[0].m.fd = import.file.as_raw_fd();
            } else {
                buffer.length = length;
                buffer.m.fd = import.file.as_raw_fd();
            }
        }
        self.buffer_call(call, &mut buffer, &mut planes)
    }

    fn buffer_call(
        &self,
        call: BufferCall,
        buffer: &mut v4l2_buffer,
        planes: &mut Planes,
    ) -> nix::Result<()> {
        raw::buffer_call(self.file.as_fd(), call, buffer, self.planar().then_some(planes))
    }
}

impl Queue for Node {
    fn request(&self, count: u32, memory: Memory, cached: bool) -> nix::Result<Grant> {
        let flags = if cached { bindings::V4L2_MEMORY_FLAG_NON_COHERENT } else { 0 };
        let mut request = v4l2_requestbuffers {
            count,
            type_: self.queue,
            memory: code(memory),
            flags: u8::try_from(flags).unwrap_or(0),
            ..Default::default()
        };
        raw::request_buffers(self.file.as_fd(), &mut request)?;
        Ok(Grant { count: request.count, capabilities: request.capabilities })
    }

    fn remove(&self, first: u32, count: u32) -> nix::Result<()> {
        let mut range = v4l2_remove_buffers { index: first, count, type_: self.queue, ..Default::default() };
        raw::remove_buffers(self.file.as_fd(), &mut range)
    }

    fn length(&self, index: u32, memory: Memory) -> nix::Result<usize> {
        let mut buffer = self.buffer(index, memory);
        let mut planes = Planes::default();
        self.buffer_call(BufferCall::Query, &mut buffer, &mut planes)?;
        Ok(raw::buffer_length(&buffer, self.planar().then_some(&planes)))
    }

    fn export(&self, index: u32) -> nix::Result<OwnedFd> {
        let flags = u32::try_from(nix::libc::O_CLOEXEC).unwrap_or(0);
        let mut request = v4l2_exportbuffer { type_: self.queue, index, flags, ..Default::default() };
        raw::export_buffer(self.file.as_fd(), &mut request)
    }

    fn prepare(&self, index: u32, import: Import<'_>) -> nix::Result<()> {
        self.hand_over(BufferCall::Prepare, index, Some(import))
    }

    fn queue(&self, index: u32, import: Option<Import<'_>>) -> nix::Result<()> {
        self.hand_over(BufferCall::Queue, index, import)
    }

    fn dequeue(&self, memory: Memory) -> nix::Result<Filled> {
        let mut buffer = self.buffer(0, memory);
        let mut planes = Planes::default();
        self.buffer_call(BufferCall::Dequeue, &mut buffer, &mut planes)?;
        Ok(filled(&buffer, self.planar().then_some(&planes[0])))
    }

    fn wait(&self, timeout: Duration) -> nix::Result<Ready> {
        // Rounded up: rounded down, the last millisecond of a wait would be a busy loop.
        let millis = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN | PollFlags::POLLPRI)];
        poll(&mut polled, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX))?;
        let events = polled[0].revents().unwrap_or(PollFlags::POLLERR);
        Ok(Ready {
            filled: events.contains(PollFlags::POLLIN),
            event: events.contains(PollFlags::POLLPRI),
            fault: events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL),
        })
    }

    fn event(&self) -> nix::Result<Event> {
        let mut event = v4l2_event::default();
        raw::dequeue_event(self.file.as_fd(), &mut event)?;
        Ok(read_event(&event))
    }

    fn stream_on(&self) -> nix::Result<()> {
        let mut queue = i32::try_from(self.queue).unwrap_or(0);
        raw::stream_on(self.file.as_fd(), &mut queue)
    }

    fn stream_off(&self) -> nix::Result<()> {
        let mut queue = i32::try_from(self.queue).unwrap_or(0);
        raw::stream_off(self.file.as_fd(), &mut queue)
    }

    fn now(&self) -> Duration {
        clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn code(memory: Memory) -> u32 {
    match memory {
        Memory::Driver => bindings::v4l2_memory_V4L2_MEMORY_MMAP,
        Memory::Imported => bindings::v4l2_memory_V4L2_MEMORY_DMABUF,
    }
}

/// Nothing is checked here: a number found odd here would lose the buffer, which the kernel gave back already.
fn filled(buffer: &v4l2_buffer, plane: Option<&v4l2_plane>) -> Filled {
    let (bytes_used, offset) =
        plane.map_or((buffer.bytesused, 0), |plane| (plane.bytesused, plane.data_offset));
    let seconds = u64::try_from(buffer.timestamp.tv_sec).unwrap_or(0);
    let micros = u64::try_from(buffer.timestamp.tv_usec).unwrap_or(0);
    let timestamp = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
    Filled {
        index: buffer.index,
        sequence: buffer.sequence,
        flags: buffer.flags,
        bytes_used,
        offset,
        timestamp,
    }
}

fn read_event(event: &v4l2_event) -> Event {
    let words = raw::event_words(event);
    match event.type_ {
        bindings::V4L2_EVENT_SOURCE_CHANGE => {
            Event::SourceChanged { resolution: words[0] & bindings::V4L2_EVENT_SRC_CH_RESOLUTION != 0 }
        }
        // `changes`, `type`, then the value.
        bindings::V4L2_EVENT_CTRL => {
            Event::ControlChanged { id: event.id, value: i32::from_ne_bytes(words[2].to_ne_bytes()) }
        }
        bindings::V4L2_EVENT_FRAME_SYNC => Event::FrameSync { sequence: words[0] },
        bindings::V4L2_EVENT_EOS => Event::EndOfStream,
        kind => Event::Other { kind },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l2r::bindings::{v4l2_event_ctrl, v4l2_event_frame_sync, v4l2_event_src_change};

    fn raw_buffer() -> v4l2_buffer {
        let mut buffer = v4l2_buffer { index: 3, bytesused: 100, sequence: 9, ..Default::default() };
        buffer.timestamp.tv_sec = 2;
        buffer.timestamp.tv_usec = 500_000;
        buffer
    }

    #[test]
    fn both_kinds_of_queue_are_read() {
        let single = filled(&raw_buffer(), None);
        let timestamp = Duration::from_millis(2500);
        assert_eq!(single, Filled { index: 3, sequence: 9, flags: 0, bytes_used: 100, offset: 0, timestamp });
        let plane = v4l2_plane { bytesused: 200, data_offset: 8, ..Default::default() };
        let multi = filled(&raw_buffer(), Some(&plane));
        assert_eq!((multi.bytes_used, multi.offset), (200, 8));
    }

    #[test]
    fn a_time_before_time_is_zero() {
        let mut buffer = raw_buffer();
        buffer.timestamp.tv_sec = -1;
        buffer.timestamp.tv_usec = -1;
        assert_eq!(filled(&buffer, None).timestamp, Duration::ZERO);
    }

    #[test]
    fn every_kind_of_event_is_read_and_none_panics() {
        let mut event = v4l2_event { type_: bindings::V4L2_EVENT_SOURCE_CHANGE, ..Default::default() };
        event.u.src_change = v4l2_event_src_change { changes: 1 };
        assert_eq!(read_event(&event), Event::SourceChanged { resolution: true });
        event.type_ = bindings::V4L2_EVENT_CTRL;
        event.id = 77;
        let mut control = v4l2_event_ctrl::default();
        control.__bindgen_anon_1.value = -5;
        event.u.ctrl = control;
        assert_eq!(read_event(&event), Event::ControlChanged { id: 77, value: -5 });
        event.type_ = bindings::V4L2_EVENT_FRAME_SYNC;
        event.u.frame_sync = v4l2_event_frame_sync { frame_sequence: 4 };
        assert_eq!(read_event(&event), Event::FrameSync { sequence: 4 });
        event.type_ = bindings::V4L2_EVENT_EOS;
        assert_eq!(read_event(&event), Event::EndOfStream);
        for kind in [bindings::V4L2_EVENT_VSYNC, bindings::V4L2_EVENT_MOTION_DET, u32::MAX] {
            event.type_ = kind;
            assert_eq!(read_event(&event), Event::Other { kind });
        }
    }
}
