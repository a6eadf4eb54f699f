//! Copies in place of a camera's frames, and cameras that lend them badly.

use std::sync::{Arc, Mutex};

use latent_hal::fake::CameraCalls;
use latent_hal::frame::{Shot, SlotPool};
use latent_hal::memory::Buffer;
use latent_hal::{Dequeued, Frame};

use super::super::Mutant;
use super::on;

/// Frames of a mutant's own in place of a camera's, and the slots of the camera's that they stand for.
#[derive(Clone, Default)]
pub(in super::super) struct Out(Arc<Mutex<Vec<Lent>>>);

/// A frame of the camera's, and the pool of the copy that stands for it.
type Lent = (Frame, Arc<SlotPool>);

impl Out {
    /// Gives back the slots of frames that were dropped.
    pub(super) fn sweep(&self) {
        self.0.lock().unwrap().retain(|(_, pool)| pool.take_returned().is_none());
    }

    /// Gives all back, whoever holds them.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(super) fn count(&self) -> usize {
        self.sweep();
        self.0.lock().unwrap().len()
    }

    /// Writes into the frames that are held.
    pub(in super::super) fn scribble(&self) {
        self.sweep();
        for (frame, pool) in self.0.lock().unwrap().iter() {
            if let Some(buffer) = pool.buffer(frame.slot()).or(pool.buffer(0)) {
                let mut bytes = buffer.write().unwrap();
                let end = bytes.len().min(64);
                bytes[..end].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            }
        }
    }

    /// Gives one slot back though its frame is held.
    fn give_up_one(&self) {
        self.0.lock().unwrap().pop();
    }

    fn replace(&self, frame: Frame, change: &mut dyn FnMut(&mut Shot, &mut Vec<u8>, &mut u32)) -> Frame {
        let mut shot = *frame.shot();
        let whole = frame.read().unwrap();
        let memories: Vec<Vec<u8>> =
            (0..whole.memories()).map(|index| whole.memory(index).to_vec()).collect();
        drop(whole);
        shot.offset = 0;
        let mut slot = frame.slot();
        let mut memories = memories.into_iter();
        let mut first = memories.next().unwrap();
        change(&mut shot, &mut first, &mut slot);
        let buffer = |bytes: &[u8]| {
            let buffer = Buffer::allocate(bytes.len(), "counterfeit").unwrap();
            buffer.write().unwrap().copy_from_slice(bytes);
            buffer
        };
        let later: Vec<Vec<u8>> = memories.collect();
        let spans = later
            .iter()
            .map(|bytes| latent_hal::frame::Span { offset: 0, bytes_used: bytes.len() })
            .collect::<Vec<_>>();
        let mut slots: Vec<Vec<Buffer>> = (0..slot).map(|_| Vec::new()).collect();
        let mut own = vec![buffer(&first)];
        own.extend(later.iter().map(|bytes| buffer(bytes)));
        slots.push(own);
        let pool = SlotPool::with_memories(slots);
        let counterfeit = pool.lend_memories(slot, shot, spans).unwrap();
        self.0.lock().unwrap().push((frame, pool));
        counterfeit
    }
}

/// Has a camera give changed copies of its frames; `change` gets the shot, the bytes and how many frames came before.
pub(in super::super) fn counterfeits(
    calls: &mut CameraCalls,
    mut change: impl FnMut(&mut Shot, &mut Vec<u8>, u64) + Send + 'static,
) -> Out {
    let out = Out::default();
    let (kept, stopping) = (out.clone(), out.clone());
    calls.stop = Some(Box::new(move |camera, ()| {
        stopping.sweep();
        camera.stop()
    }));
    let mut before = 0;
    calls.dequeue = Some(Box::new(move |camera, timeout| {
        kept.sweep();
        Ok(match camera.dequeue(timeout)? {
            Dequeued::Frame(frame) => {
                let copy = kept.replace(frame, &mut |shot, bytes, _| change(shot, bytes, before));
                before += 1;
                Dequeued::Frame(copy)
            }
            other => other,
        })
    }));
    out
}

pub(super) fn shot(check: &'static str, change: fn(&mut Shot, u64)) -> Mutant {
    on(check, move |calls, _, _| {
        counterfeits(calls, move |shot, bytes, before| {
            change(shot, before);
            bytes.truncate(shot.bytes_used);
        });
    })
}

pub(super) fn slot(check: &'static str, change: fn(u32) -> u32) -> Mutant {
    on(check, move |calls, _, _| {
        let out = Out::default();
        let stopping = out.clone();
        calls.stop = Some(Box::new(move |camera, ()| {
            stopping.sweep();
            camera.stop()
        }));
        calls.dequeue = Some(Box::new(move |camera, timeout| {
            out.sweep();
            Ok(match camera.dequeue(timeout)? {
                Dequeued::Frame(frame) => {
                    Dequeued::Frame(out.replace(frame, &mut |_, _, slot| *slot = change(*slot)))
                }
                other => other,
            })
        }));
    })
}

pub(super) fn all() -> Vec<Mutant> {
    vec![
        on("contract.lease.clones", |calls, _, _| {
            let out = counterfeits(calls, |_, _, _| {});
            let mut plain = calls.dequeue.take().unwrap();
            let mut starved = false;
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                let outcome = plain(camera, timeout)?;
                let again = std::mem::replace(&mut starved, matches!(outcome, Dequeued::Starved));
                if again && starved {
                    out.give_up_one();
                    return Ok(Dequeued::Timeout);
                }
                Ok(outcome)
            }));
        }),
        on("contract.lease.unchanged", |calls, _, _| {
            let out = counterfeits(calls, |_, _, _| {});
            let mut plain = calls.dequeue.take().unwrap();
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                out.scribble();
                plain(camera, timeout)
            }));
        }),
        on("contract.lease.outlives-stop", |calls, _, _| {
            let out = counterfeits(calls, |_, _, _| {});
            calls.stop = Some(Box::new(move |camera, ()| {
                out.scribble();
                camera.stop()
            }));
        }),
        on("contract.lease.outlives-configure", |calls, _, _| {
            let out = counterfeits(calls, |_, _, _| {});
            calls.configure = Some(Box::new(move |camera, request| {
                out.scribble();
                camera.configure(&request)
            }));
        }),
        on("contract.lease.outlives-camera", |calls, _, _| {
            let out = counterfeits(calls, |_, _, _| {});
            calls.close = Some(Box::new(move || out.scribble()));
        }),
    ]
}
