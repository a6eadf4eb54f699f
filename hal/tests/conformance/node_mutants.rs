//! Kernels with one thing wrong.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use latent_hal::fake::{Model, NodeCall, NodeCalls};
use latent_hal::kernel::{
    ControlRefusal, Entity, Event, Filled, Format, Fraction, Grant, Identity, IntervalEntry, Link, Memory,
    MenuItem, Pad, Ready, SizeEntry, Topology,
};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::Mutant;

/// Numbers of the kernel's headers.
const ERROR: u32 = 0x40;
const QUEUED: u32 = 0x2;
const CLOCK: u32 = 0xe000;
const SOE: u32 = 0x10000;
const OWN_MEMORY: u32 = 0x1;
const ORPHANS: u32 = 0x10;
const CAPTURE: u32 = 0x1;
const PLANAR: u32 = 0x1000;
const STREAMING: u32 = 0x0400_0000;
const BRIGHTNESS: u32 = 0x0098_0900;
const SWITCH: u32 = 0x0098_0912;
const MENU: u32 = 0x0098_0918;
const EXPOSURE: u32 = 0x009a_0902;
const GAIN: u32 = 0x009e_0903;
const PIXEL_RATE: u32 = 0x009f_0902;
const CONTROL_EVENT: u32 = 3;

fn fourcc(name: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*name)
}

fn on(check: &'static str, set: impl Fn(&mut NodeCalls) + 'static) -> Mutant {
    Mutant::node(check, Model::complete(), set)
}

fn still(check: &'static str, set: impl Fn(&mut NodeCalls) + 'static) -> Mutant {
    Mutant::node(check, Model { still: true, ..Model::complete() }, set)
}

fn identity(check: &'static str, change: fn(&mut Identity)) -> Mutant {
    on(check, move |calls| {
        calls.identity = Some(Arc::new(move |call, ()| {
            let mut told = call.node.identity()?;
            change(&mut told);
            Ok(told)
        }));
    })
}

/// What a mutant remembers of the files that are open.
#[derive(Default)]
struct Notes<T>(Arc<Mutex<HashMap<u32, T>>>);

impl<T> Clone for Notes<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default + Clone> Notes<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn of(&self, file: u32) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&file).cloned().unwrap_or_default()
    }

    fn with<R>(&self, file: u32, change: impl FnOnce(&mut T) -> R) -> R {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(file).or_default())
    }
}

pub(super) fn all() -> Vec<Mutant> {
    let mut all = identities();
    all.extend(formats());
    all.extend(graphs());
    all.extend(buffers());
    all.extend(streams());
    all.extend(frames());
    all.extend(controls());
    all.extend(events());
    all.extend(imports());
    all
}

fn identities() -> Vec<Mutant> {
    vec![
        identity("identity.driver.named", |told| told.driver.clear()),
        identity("identity.card.named", |told| told.card = "\u{1}".to_owned()),
        identity("identity.bus.named", |told| told.bus_info = "nowhere".to_owned()),
        identity("identity.capabilities.of-node", |told| told.device_caps |= 0x20),
        identity("identity.capabilities.one-queue", |told| {
            told.capabilities |= CAPTURE | PLANAR;
            told.device_caps |= CAPTURE | PLANAR;
        }),
        identity("identity.capabilities.streaming", |told| told.device_caps &= !STREAMING),
        on("identity.open.twice", |calls| {
            let live = Arc::new(Mutex::new(0u32));
            let closed = Arc::clone(&live);
            calls.open = Some(Arc::new(move |_| {
                let mut live = live.lock().unwrap();
                if *live > 0 {
                    return Some(Errno::EBUSY);
                }
                *live += 1;
                None
            }));
            calls.close = Some(Arc::new(move |_| {
                let mut live = closed.lock().unwrap();
                *live = live.saturating_sub(1);
            }));
        }),
        on("identity.open.same", |calls| {
            calls.identity = Some(Arc::new(|call, ()| {
                let told = call.node.identity()?;
                Ok(Identity { card: format!("camera {}", call.file), ..told })
            }));
        }),
        on("identity.priority.first", |calls| calls.priority = Some(Arc::new(|_, ()| Ok(3)))),
        on("identity.priority.recording", |calls| calls.set_priority = Some(Arc::new(|_, _| Ok(())))),
    ]
}

fn formats() -> Vec<Mutant> {
    let list = |check, wrong: fn(&NodeCall<'_>, u32, u32) -> Option<nix::Result<u32>>| {
        on(check, move |calls| {
            calls.format_entry = Some(Arc::new(move |call: NodeCall<'_>, (index,)| {
                let count = (0..).find(|index| call.node.format_entry(*index).is_err()).unwrap_or(0);
                let mut entry = call.node.format_entry(index.min(count.saturating_sub(1)))?;
                match wrong(&call, index, count) {
                    Some(fourcc) => {
                        entry.fourcc = fourcc?;
                        Ok(entry)
                    }
                    None => call.node.format_entry(index),
                }
            }));
        })
    };
    let tried = |check, change: fn(&Format, &mut Format)| {
        on(check, move |calls| {
            calls.try_format = Some(Arc::new(move |call, (wanted,)| {
                let mut got = call.node.try_format(&wanted)?;
                change(&wanted, &mut got);
                Ok(got)
            }));
        })
    };
    let set = |check, change: fn(&Format, &mut Format)| {
        on(check, move |calls| {
            calls.set_format = Some(Arc::new(move |call, (wanted,)| {
                let mut got = call.node.set_format(&wanted)?;
                change(&wanted, &mut got);
                Ok(got)
            }));
        })
    };
    let read = |check, change: fn(&mut Format)| {
        on(check, move |calls| {
            calls.format = Some(Arc::new(move |call, ()| {
                let mut got = call.node.format()?;
                change(&mut got);
                Ok(got)
            }));
        })
    };
    vec![
        list("formats.list.some", |_, _, _| Some(Err(Errno::EINVAL))),
        list("formats.list.ends", |_, index, count| (index >= count).then_some(Err(Errno::ENOTTY))),
        list("formats.list.once", |_, index, count| (index == count).then_some(Ok(fourcc(b"BA81")))),
        list("formats.list.known", |_, index, count| (index < count).then(|| Ok(0x1000 + index))),
        on("formats.sizes.sane", |calls| {
            calls.size_entry =
                Some(Arc::new(|call, (fourcc, index)| match call.node.size_entry(fourcc, index) {
                    Err(Errno::EINVAL) if call.node.size_entry(fourcc, index.wrapping_sub(1)).is_ok() => {
                        Ok(SizeEntry::Discrete(0, 0))
                    }
                    entry => entry,
                }));
        }),
        on("formats.sizes.of-unknown", |calls| {
            calls.size_entry = Some(Arc::new(|call, (wanted, index)| {
                if wanted == fourcc(b"none") {
                    Ok(SizeEntry::Discrete(64, 48))
                } else {
                    call.node.size_entry(wanted, index)
                }
            }));
        }),
        on("formats.intervals.sane", |calls| {
            calls.interval_entry = Some(Arc::new(|call, (fourcc, size, index)| {
                match call.node.interval_entry(fourcc, size, index) {
                    Err(Errno::EINVAL)
                        if call.node.interval_entry(fourcc, size, index.wrapping_sub(1)).is_ok() =>
                    {
                        Ok(IntervalEntry::Discrete(Fraction { numerator: 0, denominator: 30 }))
                    }
                    entry => entry,
                }
            }));
        }),
        on("formats.intervals.of-unknown", |calls| {
            calls.interval_entry = Some(Arc::new(|call, (wanted, size, index)| {
                let known = Fraction { numerator: 1, denominator: 30 };
                if wanted == fourcc(b"none") {
                    Ok(IntervalEntry::Discrete(known))
                } else {
                    call.node.interval_entry(wanted, size, index)
                }
            }));
        }),
        // The format of before anything was set.
        read("formats.get.valid", |got| {
            if got.fourcc == fourcc(b"BA81") {
                got.width = 0;
            }
        }),
        on("formats.get.field", |calls| {
            calls.format = Some(Arc::new(|call, ()| Ok(Format { field: 0, ..call.node.format()? })));
            calls.set_format =
                Some(Arc::new(|call, (wanted,)| Ok(Format { field: 0, ..call.node.set_format(&wanted)? })));
            calls.try_format =
                Some(Arc::new(|call, (wanted,)| Ok(Format { field: 0, ..call.node.try_format(&wanted)? })));
        }),
        tried("formats.try.listed", |_, got| {
            if got.fourcc == fourcc(b"NV12") {
                got.width = 16;
            }
        }),
        on("formats.try.no-effect", |calls| {
            calls.try_format = Some(Arc::new(|call, (wanted,)| {
                let _ = call.node.set_format(&wanted);
                call.node.try_format(&wanted)
            }));
        }),
        on("formats.try.odd-size", |calls| {
            calls.try_format = Some(Arc::new(|call, (wanted,)| {
                if wanted.width == 0 { Err(Errno::EINVAL) } else { call.node.try_format(&wanted) }
            }));
        }),
        tried("formats.try.unknown", |wanted, got| got.fourcc = wanted.fourcc),
        tried("formats.try.settles", |wanted, got| {
            if wanted.planes.first().is_some_and(|plane| plane.stride > 0) {
                got.planes[0].stride += 2;
            }
        }),
        on("formats.set.as-tried", |calls| {
            calls.set_format = Some(Arc::new(|call, (mut wanted,)| {
                if wanted.width == 641 {
                    (wanted.width, wanted.height) = (1, 1);
                }
                call.node.set_format(&wanted)
            }));
        }),
        read("formats.set.reads-back", |got| {
            if got.fourcc == fourcc(b"RGGB") {
                got.height += 2;
            }
        }),
        set("formats.set.rows-fit", |_, got| {
            if got.fourcc == fourcc(b"BA10") {
                got.planes[0].stride = 1;
            }
        }),
        set("formats.set.frames-fit", |_, got| {
            if got.fourcc == fourcc(b"BA10") {
                got.planes[0].size = 10;
            }
        }),
        on("formats.set.longer-rows", |calls| {
            calls.set_format = Some(Arc::new(|call, (wanted,)| {
                let mut got = call.node.set_format(&wanted)?;
                if wanted.planes.first().is_some_and(|plane| plane.stride > 0) {
                    let tight = Format { planes: Vec::new(), ..wanted };
                    got.planes[0].size = call.node.try_format(&tight)?.planes[0].size;
                }
                Ok(got)
            }));
        }),
        set("formats.colour.told", |_, got| {
            if got.fourcc == fourcc(b"NV16") {
                got.colorspace = 0;
            }
        }),
        on("formats.rate.read-back", |calls| {
            calls.set_interval = Some(Arc::new(|_, _| Ok(Some(Fraction { numerator: 1, denominator: 7 }))));
        }),
    ]
}

fn graph(check: &'static str, change: fn(&mut Topology)) -> Mutant {
    on(check, move |calls| {
        calls.topology = Some(Arc::new(move |mut graph| {
            change(&mut graph);
            graph
        }));
    })
}

fn graphs() -> Vec<Mutant> {
    vec![
        graph("media.graph.some", |graph| *graph = Topology::default()),
        graph("media.entities.once", |graph| {
            graph.entities.push(Entity { id: 1, name: "another".to_owned(), function: 0 });
        }),
        graph("media.entities.named", |graph| graph.entities[1].name = "sensor".to_owned()),
        graph("media.pads.of-entities", |graph| graph.pads.push(Pad { entity: 99, index: 0, flags: 2 })),
        graph("media.pads.directed", |graph| graph.pads.push(Pad { entity: 1, index: 5, flags: 3 })),
        graph("media.links.of-pads", |graph| {
            graph.links.push(Link { source: (1, 0), sink: (9, 9), flags: 1 });
        }),
        graph("media.links.directed", |graph| {
            graph.links.push(Link { source: (2, 0), sink: (1, 0), flags: 1 });
        }),
        graph("media.links.immutable-on", |graph| graph.links[0].flags = 2),
        graph("media.interfaces.of-entities", |graph| graph.interfaces[0].entity = 42),
        on("media.graph.same", |calls| {
            let reads = Arc::new(Mutex::new(100));
            calls.topology = Some(Arc::new(move |mut graph| {
                let mut reads = reads.lock().unwrap();
                *reads += 1;
                graph.entities.push(Entity { id: *reads, name: format!("part {reads}"), function: 0 });
                graph
            }));
        }),
    ]
}

fn requested(
    check: &'static str,
    answer: impl Fn(&NodeCall<'_>, u32, Memory, bool) -> nix::Result<Grant> + Send + Sync + Clone + 'static,
) -> Mutant {
    on(check, move |calls| {
        let answer = answer.clone();
        calls.request =
            Some(Arc::new(move |call, (count, memory, cached)| answer(&call, count, memory, cached)));
    })
}

fn buffers() -> Vec<Mutant> {
    const OWN: Memory = Memory::Driver;
    vec![
        requested("buffers.request.some", |call, count, memory, cached| {
            call.node.request(
                if (count, memory, cached) == (2, OWN, false) { 1 } else { count },
                memory,
                cached,
            )
        }),
        on("buffers.request.close-frees", |calls| {
            // The file that has buffers; and whether one was closed that did not free its own.
            let owner = Arc::new(Mutex::new((0u32, false)));
            let closing = Arc::clone(&owner);
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let mut owner = owner.lock().unwrap();
                if owner.1 {
                    return Err(Errno::EBUSY);
                }
                let grant = call.node.request(count, memory, cached)?;
                owner.0 = if count == 0 { 0 } else { call.file };
                Ok(grant)
            }));
            calls.close = Some(Arc::new(move |call| {
                let mut owner = closing.lock().unwrap();
                owner.1 |= owner.0 == call.file;
            }));
        }),
        requested("buffers.request.one", |call, count, memory, cached| {
            let grant = call.node.request(count, memory, cached)?;
            Ok(if count == 1 { Grant { count: 100, ..grant } } else { grant })
        }),
        requested("buffers.request.many", |call, count, memory, cached| {
            if count == 1024 { Err(Errno::EIO) } else { call.node.request(count, memory, cached) }
        }),
        on("buffers.request.none-frees", |calls| {
            calls.lengths = Some(Arc::new(|call, (index, memory)| match call.node.lengths(index, memory) {
                Err(Errno::EINVAL) if index == 0 => Ok(vec![1]),
                lengths => lengths,
            }));
        }),
        on("buffers.request.again", |calls| {
            let rounds = Notes::<u32>::new();
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let round = rounds.with(call.file, |rounds| {
                    // Whoever frees before it asks is another one.
                    *rounds = if count == 0 { 0 } else { *rounds + u32::from(count == 3) };
                    *rounds
                });
                if count == 3 && round > 2 {
                    Err(Errno::ENOMEM)
                } else {
                    call.node.request(count, memory, cached)
                }
            }));
        }),
        on("buffers.request.other-busy", |calls| {
            let owner = Arc::new(Mutex::new(0u32));
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let mut owner = owner.lock().unwrap();
                match call.node.request(count, memory, cached) {
                    Err(Errno::EBUSY) if *owner != call.file => Ok(Grant { count, capabilities: OWN_MEMORY }),
                    Ok(grant) => {
                        *owner = call.file;
                        Ok(grant)
                    }
                    refused => refused,
                }
            }));
        }),
        requested("buffers.request.capabilities", |call, count, memory, cached| {
            let grant = call.node.request(count, memory, cached)?;
            Ok(Grant { capabilities: grant.capabilities & !OWN_MEMORY, ..grant })
        }),
        requested("buffers.request.cache-hint", |call, count, memory, cached| {
            if cached { Err(Errno::EINVAL) } else { call.node.request(count, memory, cached) }
        }),
        on("buffers.query.length", |calls| {
            calls.lengths = Some(Arc::new(|call, (index, memory)| {
                Ok(call.node.lengths(index, memory)?.into_iter().map(|length| length / 2).collect())
            }));
        }),
        on("buffers.query.behind-last", |calls| {
            calls.lengths = Some(Arc::new(|call, (index, memory)| {
                if index == u32::MAX { Ok(vec![1]) } else { call.node.lengths(index, memory) }
            }));
        }),
        on("buffers.format.busy-own", |calls| {
            let owner = Arc::new(Mutex::new(0u32));
            let requesting = Arc::clone(&owner);
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let grant = call.node.request(count, memory, cached)?;
                *requesting.lock().unwrap() = call.file;
                Ok(grant)
            }));
            calls.set_format = Some(Arc::new(move |call, (wanted,)| match call.node.set_format(&wanted) {
                Err(Errno::EBUSY) if *owner.lock().unwrap() == call.file => call.node.try_format(&wanted),
                set => set,
            }));
        }),
        on("buffers.format.busy-other", |calls| {
            let owner = Arc::new(Mutex::new(0u32));
            let requesting = Arc::clone(&owner);
            let closing = Arc::clone(&owner);
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                let grant = call.node.request(count, memory, cached)?;
                *requesting.lock().unwrap() = if count > 0 { call.file } else { 0 };
                Ok(grant)
            }));
            calls.close = Some(Arc::new(move |call| {
                let mut owner = closing.lock().unwrap();
                if *owner == call.file {
                    *owner = 0;
                }
            }));
            calls.set_format = Some(Arc::new(move |call, (wanted,)| {
                let owner = *owner.lock().unwrap();
                match call.node.set_format(&wanted) {
                    Err(Errno::EBUSY) if owner != 0 && owner != call.file => call.node.try_format(&wanted),
                    set => set,
                }
            }));
        }),
        exported("buffers.export.each", |call, index, plane| {
            if index == 2 { Err(Errno::EINVAL) } else { call.node.export(index, plane) }
        }),
        exported("buffers.export.behind-last", |call, index, plane| {
            call.node.export(index, plane).or_else(|_| call.node.export(0, 0))
        }),
        exported("buffers.export.size", |call, index, plane| {
            call.node.export(index, plane)?;
            Ok(tempfile::tempfile().unwrap().into())
        }),
        exported("buffers.export.private", |call, index, plane| {
            let file = call.node.export(index, plane)?;
            fcntl(file.as_fd(), FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(file)
        }),
        exported("buffers.export.distinct", |call, index, plane| {
            call.node.export(index, plane)?;
            call.node.export(0, plane)
        }),
        exported("buffers.export.readable", |call, index, plane| {
            let file = call.node.export(index, plane)?;
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(File::options().write(true).open(path).unwrap().into())
        }),
        requested("buffers.export.outlives", |call, count, memory, cached| {
            let grant = call.node.request(count, memory, cached)?;
            Ok(Grant { capabilities: grant.capabilities & !ORPHANS, ..grant })
        }),
        on("buffers.queue.twice", |calls| {
            let pasts = remembering(calls);
            let plain = calls.queue.take().unwrap();
            calls.queue = Some(Arc::new(move |call, index, imports| match plain(call, index, imports) {
                Err(Errno::EINVAL) if imports.is_empty() && pasts.of(call.file).own && index == 0 => Ok(()),
                queued => queued,
            }));
        }),
        on("buffers.queue.behind-last", |calls| {
            calls.queue =
                Some(Arc::new(
                    |call, index, imports| {
                        if index == u32::MAX { Ok(()) } else { call.node.queue(index, imports) }
                    },
                ));
        }),
        on("buffers.queue.foreign", |calls| {
            calls.queue = Some(Arc::new(|call, index, imports| match call.node.queue(index, imports) {
                Err(Errno::EINVAL) if !imports.is_empty() => Ok(()),
                queued => queued,
            }));
        }),
        on("buffers.dequeue.when-off", |calls| {
            calls.dequeue = Some(Arc::new(|call, (memory,)| match call.node.dequeue(memory) {
                Err(Errno::EINVAL) => Err(Errno::EAGAIN),
                filled => filled,
            }));
        }),
        on("buffers.remove.queued", |calls| calls.remove = Some(Arc::new(|_, _| Ok(())))),
    ]
}

fn exported(check: &'static str, answer: fn(&NodeCall<'_>, u32, u32) -> nix::Result<OwnedFd>) -> Mutant {
    on(check, move |calls| {
        calls.export = Some(Arc::new(move |call, (index, plane)| answer(&call, index, plane)));
    })
}

/// What happened on an open file.
#[derive(Clone, Default)]
struct Past {
    first_count: u32,
    /// It began with buffers of the driver's own.
    own: bool,
    requests: u32,
    starts: u32,
    stops: u32,
    dequeued: u32,
    dequeued_since_start: u32,
    requeued: u32,
    on: bool,
    stash: bool,
    toggle: bool,
}

type Pasts = Notes<Past>;

/// Calls that remember what happens on each file, and do what the node does.
fn remembering(calls: &mut NodeCalls) -> Pasts {
    let pasts = Pasts::new();
    let of = pasts.clone();
    calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
        of.with(call.file, |past| {
            if past.requests == 0 {
                past.first_count = count;
                past.own = memory == Memory::Driver && count > 0;
            }
            past.requests += 1;
        });
        call.node.request(count, memory, cached)
    }));
    let of = pasts.clone();
    calls.stream_on = Some(Arc::new(move |call, ()| {
        call.node.stream_on()?;
        of.with(call.file, |past| {
            past.starts += 1;
            past.dequeued_since_start = 0;
            past.on = true;
        });
        Ok(())
    }));
    let of = pasts.clone();
    calls.stream_off = Some(Arc::new(move |call, ()| {
        call.node.stream_off()?;
        of.with(call.file, |past| {
            past.stops += 1;
            past.on = false;
        });
        Ok(())
    }));
    let of = pasts.clone();
    calls.dequeue = Some(Arc::new(move |call, (memory,)| {
        let filled = call.node.dequeue(memory)?;
        of.with(call.file, |past| {
            past.dequeued += 1;
            past.dequeued_since_start += 1;
        });
        Ok(filled)
    }));
    let of = pasts.clone();
    calls.queue = Some(Arc::new(move |call, index, imports| {
        call.node.queue(index, imports)?;
        of.with(call.file, |past| past.requeued += u32::from(past.dequeued > 0));
        Ok(())
    }));
    pasts
}

/// A mutant that looks at what happened on a file before it answers `stream_on`.
fn starting(check: &'static str, refuse: fn(&Past) -> Option<Errno>) -> Mutant {
    on(check, move |calls| {
        let pasts = remembering(calls);
        let plain = calls.stream_on.take().unwrap();
        calls.stream_on = Some(Arc::new(move |call, ()| match refuse(&pasts.of(call.file)) {
            Some(errno) => Err(errno),
            None => plain(call, ()),
        }));
    })
}

fn depth(check: &'static str, count: u32) -> Mutant {
    on(check, move |calls| {
        let pasts = remembering(calls);
        let plain = calls.stream_on.take().unwrap();
        calls.stream_on = Some(Arc::new(move |call, ()| {
            // A file that asks for this count at first; programs free what may be there before.
            if pasts.of(call.file).first_count == count { Err(Errno::EIO) } else { plain(call, ()) }
        }));
    })
}

fn streams() -> Vec<Mutant> {
    vec![
        on("streaming.on.without-buffers", |calls| {
            let pasts = remembering(calls);
            calls.stream_on = Some(Arc::new(move |call, ()| match call.node.stream_on() {
                Err(Errno::EINVAL) if pasts.of(call.file).requests == 0 => Ok(()),
                on => on,
            }));
        }),
        on("streaming.on.works", |calls| {
            calls.stream_on = Some(Arc::new(|call, ()| {
                call.node.stream_on()?;
                call.node.stream_off()?;
                Err(Errno::EIO)
            }));
        }),
        starting("streaming.on.twice", |past| past.on.then_some(Errno::EBUSY)),
        on("streaming.off.when-off", |calls| {
            let pasts = remembering(calls);
            let plain = calls.stream_off.take().unwrap();
            calls.stream_off =
                Some(Arc::new(
                    move |call, ()| {
                        if pasts.of(call.file).on { plain(call, ()) } else { Err(Errno::EINVAL) }
                    },
                ));
        }),
        on("streaming.off.returns-buffers", |calls| {
            let pasts = remembering(calls);
            let plain = calls.queue.take().unwrap();
            calls.queue = Some(Arc::new(move |call, index, imports| {
                if pasts.of(call.file).stops > 0 { Err(Errno::EINVAL) } else { plain(call, index, imports) }
            }));
        }),
        on("streaming.request.busy", |calls| {
            let pasts = remembering(calls);
            let plain = calls.request.take().unwrap();
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                if pasts.of(call.file).on {
                    return Ok(Grant { count, capabilities: OWN_MEMORY });
                }
                plain(call, (count, memory, cached))
            }));
        }),
        on("streaming.poll.filled", |calls| {
            let pasts = remembering(calls);
            let plain = calls.dequeue.take().unwrap();
            calls.dequeue = Some(Arc::new(move |call, (memory,)| {
                let again = pasts.with(call.file, |past| {
                    past.toggle = past.on && !past.toggle;
                    past.toggle
                });
                if again { Err(Errno::EAGAIN) } else { plain(call, (memory,)) }
            }));
        }),
        on("streaming.poll.ends", |calls| {
            calls.wait = Some(Arc::new(|call, (timeout,)| match call.node.wait(timeout)? {
                Ready::SILENT if timeout == Duration::from_millis(20) => Ok(Ready::FILLED),
                ready => Ok(ready),
            }));
        }),
        on("streaming.poll.off", |calls| {
            let pasts = remembering(calls);
            calls.wait = Some(Arc::new(move |call, (timeout,)| {
                let ready = call.node.wait(timeout)?;
                Ok(if pasts.of(call.file).on { ready } else { Ready { fault: false, ..ready } })
            }));
        }),
        on("streaming.dequeue.empty", |calls| {
            calls.dequeue = Some(Arc::new(|call, (memory,)| match call.node.dequeue(memory) {
                Err(Errno::EAGAIN) => Err(Errno::EBUSY),
                filled => filled,
            }));
        }),
        depth("streaming.depth.one", 1),
        depth("streaming.depth.two", 2),
        depth("streaming.depth.three", 3),
        depth("streaming.depth.five", 5),
        depth("streaming.depth.eight", 8),
        depth("streaming.depth.most", 32),
        starting("streaming.restart.loop", |past| {
            (past.first_count > 0 && past.starts >= 4).then_some(Errno::EIO)
        }),
        starting("streaming.restart.unused", |past| {
            (past.first_count > 0 && past.stops > 0 && past.dequeued_since_start == 0).then_some(Errno::EIO)
        }),
        on("streaming.close.while-on", |calls| {
            let pasts = remembering(calls);
            let jammed = Arc::new(Mutex::new(false));
            let jamming = Arc::clone(&jammed);
            let plain = calls.request.take().unwrap();
            calls.request = Some(Arc::new(move |call, arguments| {
                if *jammed.lock().unwrap() { Err(Errno::EBUSY) } else { plain(call, arguments) }
            }));
            calls.close = Some(Arc::new(move |call| {
                let past = pasts.of(call.file);
                *jamming.lock().unwrap() |= past.on && past.dequeued == 1 && past.requeued == 0;
            }));
        }),
        on("streaming.other.busy", |calls| {
            calls.stream_on = Some(Arc::new(|call, ()| match call.node.stream_on() {
                Err(Errno::EBUSY) => Ok(()),
                on => on,
            }));
        }),
    ]
}

/// A mutant that changes what comes back.
fn filled(check: &'static str, change: fn(&mut Filled, &mut Past)) -> Mutant {
    on(check, move |calls| {
        let pasts = remembering(calls);
        let plain = calls.dequeue.take().unwrap();
        calls.dequeue = Some(Arc::new(move |call, arguments| {
            let mut filled = plain(call, arguments)?;
            pasts.with(call.file, |past| change(&mut filled, past));
            Ok(filled)
        }));
    })
}

fn frames() -> Vec<Mutant> {
    vec![
        on("streaming.frames.come", |calls| {
            calls.dequeue = Some(Arc::new(|call, (memory,)| match call.node.dequeue(memory) {
                Ok(_) => Err(Errno::EAGAIN),
                refused => refused,
            }));
        }),
        filled("streaming.frames.own", |filled, _| filled.index = 0),
        on("streaming.frames.in-turn", |calls| {
            let pasts = remembering(calls);
            let (plain, start) = (calls.queue.take().unwrap(), calls.stream_on.take().unwrap());
            let of = pasts.clone();
            calls.queue = Some(Arc::new(move |call, index, imports| {
                let past = of.of(call.file);
                if index == 0 && imports.is_empty() && !past.on && past.first_count == 4 {
                    of.with(call.file, |past| past.stash = true);
                    return Ok(());
                }
                plain(call, index, imports)?;
                if of.with(call.file, |past| std::mem::take(&mut past.stash)) {
                    plain(call, 0, &[])?;
                }
                Ok(())
            }));
            calls.stream_on = Some(Arc::new(move |call, ()| {
                if pasts.with(call.file, |past| std::mem::take(&mut past.stash)) {
                    call.node.queue(0, &[])?;
                }
                start(call, ())
            }));
        }),
        filled("streaming.frames.whole", |filled, _| filled.planes[0].bytes_used -= 10),
        filled("streaming.frames.within", |filled, _| filled.planes[0].bytes_used += 100_000),
        filled("streaming.frames.good", |filled, _| filled.flags |= ERROR),
        filled("streaming.frames.returned", |filled, _| filled.flags |= QUEUED),
        filled("streaming.sequence.first", |filled, _| filled.sequence = filled.sequence.wrapping_add(5)),
        filled("streaming.sequence.rises", |filled, _| filled.sequence = 0),
        filled("streaming.sequence.each-start", |filled, past| {
            filled.sequence = filled.sequence.wrapping_add(100 * past.starts.saturating_sub(1));
        }),
        filled("streaming.timestamp.clock", |filled, _| filled.flags &= !CLOCK),
        filled("streaming.timestamp.rises", |filled, _| filled.timestamp = Duration::from_secs(1000)),
        filled("streaming.timestamp.now", |filled, _| filled.timestamp -= Duration::from_secs(100)),
        filled("streaming.timestamp.source", |filled, _| {
            if filled.sequence % 2 == 1 {
                filled.flags |= SOE;
            }
        }),
        longer("content.rows.longer", |file, stride, _| {
            file.write_all_at(&[0xaa; 4], 3 * stride).unwrap();
        }),
        longer("content.rows.padding", |file, stride, row_bytes| {
            for row in 0..10u64 {
                let mut next = [0; 32];
                file.read_exact_at(&mut next[..row_bytes.min(32) as usize], (row + 1) * stride).unwrap();
                file.write_all_at(&next, row * stride + row_bytes).unwrap();
            }
        }),
    ]
}

/// A device that does this to the memory of frames whose rows are longer than their samples.
fn longer(check: &'static str, spoil: fn(&File, u64, u64)) -> Mutant {
    still(check, move |calls| {
        calls.dequeue = Some(Arc::new(move |call, (memory,)| {
            let filled = call.node.dequeue(memory)?;
            let format = call.node.format()?;
            let tight = call.node.try_format(&Format { planes: Vec::new(), ..format.clone() })?;
            let (stride, row_bytes) = (format.planes[0].stride, tight.planes[0].stride);
            if memory == Memory::Driver && stride > row_bytes {
                spoil(&File::from(call.node.export(filled.index, 0)?), stride.into(), row_bytes.into());
            }
            Ok(filled)
        }));
    })
}

fn control(check: &'static str, id: u32, change: fn(&mut latent_hal::kernel::Control)) -> Mutant {
    on(check, move |calls| {
        calls.control_after = Some(Arc::new(move |call, (after,)| {
            let mut control = call.node.control_after(after)?;
            if control.id == id {
                change(&mut control);
            }
            Ok(control)
        }));
    })
}

fn got(check: &'static str, change: fn(&mut [(u32, i64)])) -> Mutant {
    on(check, move |calls| {
        calls.controls = Some(Arc::new(move |call, values| {
            let result = call.node.controls(values);
            change(values);
            result
        }));
    })
}

fn refused(errno: Errno) -> Result<(), ControlRefusal> {
    Err(ControlRefusal { errno, index: Some(0) })
}

fn controls() -> Vec<Mutant> {
    const UNKNOWN: u32 = 0x0098_ffff;
    vec![
        on("controls.list.ends", |calls| {
            calls.control_after = Some(Arc::new(|call, (after,)| match call.node.control_after(after) {
                Err(Errno::EINVAL) => Err(Errno::EIO),
                control => control,
            }));
        }),
        control("controls.list.named", EXPOSURE, |control| control.name = "Brightness".to_owned()),
        control("controls.range.ordered", BRIGHTNESS, |control| control.default = 500),
        control("controls.range.default-on-step", BRIGHTNESS, |control| control.step = 3),
        control("controls.range.boolean", SWITCH, |control| control.max = 2),
        on("controls.menu.default", |calls| {
            calls.menu_item = Some(Arc::new(|call, (control, index)| {
                if i64::from(index) == control.default {
                    Err(Errno::EINVAL)
                } else {
                    call.node.menu_item(&control, index)
                }
            }));
        }),
        on("controls.menu.behind-last", |calls| {
            calls.menu_item = Some(Arc::new(|call, (control, index)| {
                let behind = i64::from(index) > control.max && control.id == MENU;
                if behind { Ok(MenuItem::Value(0)) } else { call.node.menu_item(&control, index) }
            }));
        }),
        got("controls.get.in-range", |values| {
            values.iter_mut().filter(|(id, _)| *id == SWITCH).for_each(|(_, value)| *value = 7);
        }),
        on("controls.get.unknown", |calls| {
            calls.controls = Some(Arc::new(|call, values| {
                if values == [(UNKNOWN, values[0].1)] { Ok(()) } else { call.node.controls(values) }
            }));
        }),
        got("controls.get.together", |values| {
            if values.len() > 1 {
                values[0].1 += 1;
            }
        }),
        on("controls.set.default", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                if values == [(EXPOSURE, 100)] { refused(Errno::EIO) } else { call.node.set_controls(values) }
            }));
        }),
        got("controls.set.reads-back", |values| {
            values
                .iter_mut()
                .filter(|(id, value)| *id == GAIN && *value > 1)
                .for_each(|(_, value)| *value -= 1);
        }),
        on("controls.set.out-of-range", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                let beyond = values.len() == 1 && values[0].0 == GAIN && values[0].1 > 255;
                if beyond { Ok(()) } else { call.node.set_controls(values) }
            }));
        }),
        on("controls.set.read-only", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                if values[0].0 == PIXEL_RATE { Ok(()) } else { call.node.set_controls(values) }
            }));
        }),
        on("controls.set.unknown", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                if values == [(UNKNOWN, values[0].1)] { Ok(()) } else { call.node.set_controls(values) }
            }));
        }),
        on("controls.set.all-or-none", |calls| {
            calls.set_controls = Some(Arc::new(|call, values| {
                let result = call.node.set_controls(values);
                if result.is_err() && values.len() > 1 {
                    let _ = call.node.set_controls(&mut values[..1]);
                }
                result
            }));
        }),
        on("controls.set.streaming", |calls| {
            let pasts = remembering(calls);
            calls.set_controls = Some(Arc::new(move |call, values| {
                if pasts.of(call.file).on { refused(Errno::EBUSY) } else { call.node.set_controls(values) }
            }));
        }),
    ]
}

fn events() -> Vec<Mutant> {
    const SOURCE_CHANGE: u32 = 5;
    const END: u32 = 2;
    const FRAME_SYNC: u32 = 4;
    let failing =
        |check, kind| {
            on(check, move |calls| {
                calls.subscribe = Some(Arc::new(move |call, (asked, id)| {
                    if asked == kind { Err(Errno::EIO) } else { call.node.subscribe(asked, id) }
                }));
            })
        };
    vec![
        on("events.subscribe.unknown", |calls| {
            calls.subscribe =
                Some(Arc::new(
                    |call, (kind, id)| {
                        if kind == 0x00ff_ffff { Ok(()) } else { call.node.subscribe(kind, id) }
                    },
                ));
        }),
        on("events.dequeue.none", |calls| {
            calls.event = Some(Arc::new(|call, ()| match call.node.event() {
                Err(Errno::ENOENT) => Err(Errno::EAGAIN),
                event => event,
            }));
        }),
        on("events.control.told", |calls| {
            calls.subscribe = Some(Arc::new(|call, (kind, id)| {
                if (kind, id) == (CONTROL_EVENT, BRIGHTNESS) { Ok(()) } else { call.node.subscribe(kind, id) }
            }));
        }),
        on("events.control.not-asked", |calls| {
            // The files that are open when a control is changed.
            let (open, told) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
            let (opening, telling) = (Arc::clone(&open), Arc::clone(&told));
            calls.open = Some(Arc::new(move |file| {
                opening.lock().unwrap().push(file);
                None
            }));
            calls.set_controls = Some(Arc::new(move |call, values| {
                *telling.lock().unwrap() = open.lock().unwrap().clone();
                call.node.set_controls(values)
            }));
            calls.event = Some(Arc::new(move |call, ()| match call.node.event() {
                Err(Errno::ENOENT) if told.lock().unwrap().contains(&call.file) => {
                    told.lock().unwrap().clear();
                    Ok(Event::ControlChanged { id: BRIGHTNESS, value: 1 })
                }
                event => event,
            }));
        }),
        on("events.poll.drained", |calls| {
            let pasts = remembering(calls);
            calls.wait = Some(Arc::new(move |call, (timeout,)| {
                let ready = call.node.wait(timeout)?;
                let stuck = timeout.is_zero() && !pasts.of(call.file).on;
                Ok(Ready { event: ready.event || stuck, ..ready })
            }));
        }),
        failing("events.source.offered", SOURCE_CHANGE),
        failing("events.end.offered", END),
        failing("events.sync.offered", FRAME_SYNC),
    ]
}

fn imports() -> Vec<Mutant> {
    vec![
        on("imports.queue.told", |calls| {
            calls.request = Some(Arc::new(|call, (count, memory, cached)| {
                if memory == Memory::Imported {
                    Err(Errno::EINVAL)
                } else {
                    call.node.request(count, memory, cached)
                }
            }));
        }),
        on("imports.memory.too-small", |calls| {
            calls.queue = Some(Arc::new(|call, index, imports| match call.node.queue(index, imports) {
                Err(Errno::EFAULT) if imports[0].len < call.node.format()?.planes[0].size as usize => Ok(()),
                queued => queued,
            }));
        }),
        on("imports.memory.no-dma-buf", |calls| {
            calls.queue = Some(Arc::new(|call, index, imports| match call.node.queue(index, imports) {
                Err(Errno::EFAULT) if imports[0].len >= call.node.format()?.planes[0].size as usize => Ok(()),
                queued => queued,
            }));
        }),
        on("imports.memory.none", |calls| {
            let imported = Notes::<bool>::new();
            let requesting = imported.clone();
            calls.request = Some(Arc::new(move |call, (count, memory, cached)| {
                requesting.with(call.file, |imported| *imported = memory == Memory::Imported);
                call.node.request(count, memory, cached)
            }));
            calls.queue = Some(Arc::new(move |call, index, imports| match call.node.queue(index, imports) {
                Err(Errno::EINVAL) if imports.is_empty() && imported.of(call.file) => Ok(()),
                queued => queued,
            }));
        }),
        on("imports.frames.outlive", |calls| {
            let taken = Arc::new(Mutex::new(Vec::<(u32, File)>::new()));
            let closing = Arc::clone(&taken);
            calls.queue = Some(Arc::new(move |call, index, imports| {
                for import in imports {
                    let file = File::from(import.file.try_clone_to_owned().unwrap());
                    taken.lock().unwrap().push((call.file, file));
                }
                call.node.queue(index, imports)
            }));
            calls.close = Some(Arc::new(move |call| {
                let mut taken = closing.lock().unwrap();
                for (_, file) in taken.iter().filter(|(file, _)| *file == call.file) {
                    // A pipe is among them.
                    let _ = file.write_all_at(&[0xee; 64], 0);
                }
                taken.retain(|(file, _)| *file != call.file);
            }));
        }),
        on("latency.queue.bounded", |calls| {
            calls.queue = Some(Arc::new(|call, index, imports| {
                if super::is_running("latency.queue.bounded") {
                    std::thread::sleep(Duration::from_millis(40));
                }
                call.node.queue(index, imports)
            }));
        }),
    ]
}
