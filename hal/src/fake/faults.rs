//! What a fake camera does wrong, and when.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use nix::errno::Errno;

use crate::kernel::Event;

/// A call that can be refused; named after the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `open`.
    Open,
    /// `VIDIOC_QUERYCAP`.
    QueryCapabilities,
    /// `VIDIOC_ENUM_FMT`.
    EnumerateFormats,
    /// `VIDIOC_ENUM_FRAMESIZES`.
    EnumerateSizes,
    /// `VIDIOC_ENUM_FRAMEINTERVALS`.
    EnumerateIntervals,
    /// `VIDIOC_G_FMT`.
    GetFormat,
    /// `VIDIOC_TRY_FMT`.
    TryFormat,
    /// `VIDIOC_S_FMT`.
    SetFormat,
    /// `VIDIOC_S_PARM`.
    SetInterval,
    /// `VIDIOC_REQBUFS`, with a count.
    RequestBuffers,
    /// `VIDIOC_REQBUFS` with none.
    FreeBuffers,
    /// `VIDIOC_REMOVE_BUFS`.
    RemoveBuffers,
    /// `VIDIOC_QUERYBUF`.
    QueryBuffer,
    /// `VIDIOC_EXPBUF`.
    ExportBuffer,
    /// `VIDIOC_PREPARE_BUF`.
    PrepareBuffer,
    /// `VIDIOC_QBUF`.
    QueueBuffer,
    /// `VIDIOC_DQBUF`.
    DequeueBuffer,
    /// `poll`.
    Wait,
    /// `VIDIOC_DQEVENT`.
    DequeueEvent,
    /// `VIDIOC_SUBSCRIBE_EVENT`.
    SubscribeEvent,
    /// `VIDIOC_STREAMON`.
    StreamOn,
    /// `VIDIOC_STREAMOFF`.
    StreamOff,
    /// `VIDIOC_QUERY_EXT_CTRL` and `VIDIOC_QUERYMENU`.
    QueryControl,
    /// `VIDIOC_G_EXT_CTRLS`.
    GetControls,
    /// `VIDIOC_S_EXT_CTRLS`.
    SetControls,
    /// `VIDIOC_G_SELECTION`.
    GetSelection,
    /// `VIDIOC_S_SELECTION`.
    SetSelection,
    /// `MEDIA_IOC_REQUEST_ALLOC`.
    AllocateRequest,
    /// `MEDIA_REQUEST_IOC_QUEUE`.
    QueueRequest,
    /// `VIDIOC_G_PRIORITY` and `VIDIOC_S_PRIORITY`.
    Priority,
}

/// How often a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// The next so many calls.
    Next(u32),
    /// Every call behind the next so many.
    After(u32),
    /// Every call.
    Always,
}

/// What goes wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is lost: a gap in the sequence.
    Lost,
    /// Its buffer comes back with no bytes.
    Empty,
    /// Its buffer comes back with so many bytes.
    Short(u32),
    /// Its buffer comes back marked as bad, full all the same.
    Bad,
    /// It and all after it come so much later.
    Late(Duration),
    /// It has this number, and those after it count on from there.
    Sequence(u32),
    /// Its time is this, and those after it go on from there.
    Timestamp(Duration),
    /// It does not come, nor does another, until the stream was switched off and on.
    Stall,
    /// The queue fails: `EIO` until the stream was switched off.
    Fatal,
    /// A buffer of this number comes back, which the device was not given; then the frame.
    Stray(u32),
    /// The camera goes.
    Unplug,
    /// The device tells this, then the frame comes.
    Tell(Event),
    /// Its buffer comes back empty and marked as the last of the stream, after which `VIDIOC_DQBUF` says `EPIPE`.
    Last,
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(super) struct Faults {
    refused: HashMap<Call, (Errno, Times)>,
    planned: BTreeMap<u64, Vec<Fault>>,
}

impl Faults {
    pub(super) fn refuse(&mut self, call: Call, errno: Errno, times: Times) {
        self.refused.insert(call, (errno, times));
    }

    pub(super) fn relent(&mut self, call: Call) {
        self.refused.remove(&call);
    }

    /// Refuses a call if that is planned.
    pub(super) fn check(&mut self, call: Call) -> nix::Result<()> {
        match self.refused.get_mut(&call) {
            None | Some((_, Times::Next(0))) => Ok(()),
            Some((errno, Times::Always | Times::After(0))) => Err(*errno),
            Some((_, Times::After(calls))) => {
                *calls -= 1;
                Ok(())
            }
            Some((errno, Times::Next(times))) => {
                *times -= 1;
                Err(*errno)
            }
        }
    }

    pub(super) fn plan(&mut self, frame: u64, fault: Fault) {
        self.planned.entry(frame).or_default().push(fault);
    }

    /// What is planned for a frame.
    pub(super) fn take(&mut self, frame: u64) -> Vec<Fault> {
        self.planned.remove(&frame).unwrap_or_default()
    }
}
