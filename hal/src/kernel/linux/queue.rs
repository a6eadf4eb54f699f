//! Buffer queues of the real kernel.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};
use v4l2r::bindings::{
    self, v4l2_buffer, v4l2_event, v4l2_exportbuffer, v4l2_remove_buffers, v4l2_requestbuffers,
};

use super::controls;
use super::video::Node;
use crate::kernel::{ControlRefusal, Event, Fill, Filled, Grant, Import, MOST_PLANES, Memory, Queue, Ready};
use crate::memory::Mapping;
use crate::uapi::video::{self as raw, BufferCall, Planes};

impl Node {
    fn buffer(&self, index: u32, memory: Memory) -> v4l2_buffer {
        v4l2_buffer { index, type_: self.queue, memory: code(memory), ..Default::default() }
    }

    fn hand_over(
        &self,
        call: BufferCall,
        index: u32,
        imports: &[Import<'_>],
        request: Option<BorrowedFd<'_>>,
    ) -> nix::Result<()> {
        let memory = if imports.is_empty() { Memory::Driver } else { Memory::Imported };
        let mut buffer = self.buffer(index, memory);
        let mut planes = Planes::default();
        for (plane, import) in planes.iter_mut().zip(imports) {
            plane.length = u32::try_from(import.len).unwrap_or(u32::MAX);
            plane.m.fd = import.file.as_raw_fd();
        }
        if let (false, Some(import)) = (self.planar(), imports.first()) {
            buffer.length = planes[0].length;
            buffer.m.fd = import.file.as_raw_fd();
        }
        if let Some(request) = request {
            buffer.flags = bindings::V4L2_BUF_FLAG_REQUEST_FD;
            buffer.__bindgen_anon_1.request_fd = request.as_raw_fd();
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

    fn lengths(&self, index: u32, memory: Memory) -> nix::Result<Vec<usize>> {
        let mut buffer = self.buffer(index, memory);
        let mut planes = Planes::default();
        self.buffer_call(BufferCall::Query, &mut buffer, &mut planes)?;
        // After the call the length of a multi-planar buffer is the number of its planes.
        let length = buffer.length as usize;
        Ok(match self.planar() {
            true => planes.iter().take(length).map(|plane| plane.length as usize).collect(),
            false => vec![length],
        })
    }

    fn export(&self, index: u32, plane: u32) -> nix::Result<OwnedFd> {
        let flags = u32::try_from(nix::libc::O_CLOEXEC).unwrap_or(0);
        let mut request = v4l2_exportbuffer { type_: self.queue, index, plane, flags, ..Default::default() };
        raw::export_buffer(self.file.as_fd(), &mut request)
    }

    fn prepare(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.hand_over(BufferCall::Prepare, index, imports, None)
    }

    fn queue(&self, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.hand_over(BufferCall::Queue, index, imports, None)
    }

    fn queue_in(&self, request: BorrowedFd<'_>, index: u32, imports: &[Import<'_>]) -> nix::Result<()> {
        self.hand_over(BufferCall::Queue, index, imports, Some(request))
    }

    fn set_controls_in(
        &self,
        request: BorrowedFd<'_>,
        values: &mut [(u32, i64)],
    ) -> Result<(), ControlRefusal> {
        controls::call(&self.file, raw::ControlCall::SetIn(request), values)
    }

    fn contents(&self, index: u32, bytes: usize) -> nix::Result<Vec<u8>> {
        if self.planar() {
            return Err(Errno::EINVAL);
        }
        let mut buffer = self.buffer(index, Memory::Driver);
        self.buffer_call(BufferCall::Query, &mut buffer, &mut Planes::default())?;
        let wanted = bytes.min(buffer.length as usize);
        let mapping = Mapping::of_device(&self.file, raw::buffer_offset(&buffer), buffer.length as usize)
            .map_err(|error| error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))?;
        Ok(mapping.bytes()[..wanted].to_vec())
    }

    fn dequeue(&self, memory: Memory) -> nix::Result<Filled> {
        let mut buffer = self.buffer(0, memory);
        let mut planes = Planes::default();
        self.buffer_call(BufferCall::Dequeue, &mut buffer, &mut planes)?;
        Ok(filled(&buffer, self.planar().then_some(&planes)))
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
fn filled(buffer: &v4l2_buffer, planes: Option<&Planes>) -> Filled {
    let mut fills = [Fill::default(); MOST_PLANES];
    match planes {
        None => fills[0].bytes_used = buffer.bytesused,
        Some(planes) => {
            for (fill, plane) in fills.iter_mut().zip(planes).take(buffer.length as usize) {
                *fill = Fill { bytes_used: plane.bytesused, offset: plane.data_offset };
            }
        }
    }
    let seconds = u64::try_from(buffer.timestamp.tv_sec).unwrap_or(0);
    let micros = u64::try_from(buffer.timestamp.tv_usec).unwrap_or(0);
    let timestamp = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
    Filled { index: buffer.index, sequence: buffer.sequence, flags: buffer.flags, planes: fills, timestamp }
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
    use v4l2r::bindings::{v4l2_event_ctrl, v4l2_event_frame_sync, v4l2_event_src_change, v4l2_plane};

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
        let mut planes = [Fill::default(); MOST_PLANES];
        planes[0].bytes_used = 100;
        assert_eq!(single, Filled { index: 3, sequence: 9, flags: 0, planes, timestamp });
        for count in [1, 2, MOST_PLANES] {
            let raw = Planes::map(Planes::default(), |plane| v4l2_plane {
                bytesused: 200,
                data_offset: 8,
                ..plane
            });
            let length = u32::try_from(count).unwrap();
            let multi = filled(&v4l2_buffer { length, ..raw_buffer() }, Some(&raw)).planes;
            assert!(multi[..count].iter().all(|fill| *fill == Fill { bytes_used: 200, offset: 8 }));
            assert!(multi[count..].iter().all(|fill| *fill == Fill::default()), "{count} planes");
        }
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
