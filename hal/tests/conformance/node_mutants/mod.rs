//! Kernels with one thing wrong.

mod buffers;
mod formats;
mod settings;
mod streams;

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
    all.extend(formats::all());
    all.extend(graphs());
    all.extend(buffers::all());
    all.extend(streams::streams());
    all.extend(streams::frames());
    all.extend(settings::controls());
    all.extend(settings::events());
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
