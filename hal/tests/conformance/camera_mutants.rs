//! Cameras with one thing wrong, before a camera that has everything right.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use latent_hal::control::Unit;
use latent_hal::fake::{CameraCalls, Model, MutantCamera};
use latent_hal::frame::{Exposure, Shot, SlotPool};
use latent_hal::kernel::Rectangle;
use latent_hal::memory::Buffer;
use latent_hal::{
    Camera, CameraInfo, CfaPattern, Dequeued, Error, Frame, Mode, Packing, PixelFormat, RawFormat, Sensor,
    StreamConfig, Watch, YuvFormat,
};
use nix::errno::Errno;

use super::Mutant;

const BRIGHTNESS: u32 = 0x0098_0900;

/// A camera that is made anew each time; `set` gets the calls, the camera behind, and how many were opened before.
fn on(
    check: &'static str,
    set: impl Fn(&mut CameraCalls, &dyn Camera, u32) + Send + Sync + 'static,
) -> Mutant {
    before(check, Model::complete(), set)
}

fn before(
    check: &'static str,
    model: Model,
    set: impl Fn(&mut CameraCalls, &dyn Camera, u32) + Send + Sync + 'static,
) -> Mutant {
    let opened = AtomicU32::new(0);
    Mutant::camera(check, model, move |camera| {
        let mut calls = CameraCalls::default();
        set(&mut calls, &*camera, opened.fetch_add(1, Ordering::Relaxed));
        Ok(Box::new(MutantCamera::new(camera, calls)))
    })
}

fn system(operation: &'static str) -> Error {
    Error::System { camera: "/dev/video0".to_owned(), operation, errno: Errno::EIO, detail: String::new() }
}

fn info(check: &'static str, change: fn(&mut CameraInfo, u32)) -> Mutant {
    on(check, move |calls, camera, opened| {
        let mut info = camera.info().clone();
        change(&mut info, opened);
        calls.info = Some(info);
    })
}

fn sensor(check: &'static str, sensor: Sensor) -> Mutant {
    on(check, move |calls, camera, _| calls.info = Some(CameraInfo { sensor, ..camera.info().clone() }))
}

fn modes(check: &'static str, change: fn(&mut Vec<Mode>, u32)) -> Mutant {
    on(check, move |calls, _, _| {
        let asked = AtomicU32::new(0);
        calls.modes = Some(Box::new(move |camera, ()| {
            let mut modes = camera.modes()?;
            change(&mut modes, asked.fetch_add(1, Ordering::Relaxed));
            Ok(modes)
        }));
    })
}

fn configured(check: &'static str, change: fn(&mut StreamConfig, u32, Option<Duration>)) -> Mutant {
    on(check, move |calls, _, _| {
        calls.configure = Some(Box::new(move |camera, request| {
            let mut config = camera.configure(&request)?;
            change(&mut config, request.held, request.mode.frame_interval);
            Ok(config)
        }));
    })
}

pub(super) fn all() -> Vec<Mutant> {
    let mut all = cameras();
    all.extend(contracts());
    all.extend(held_frames());
    all.extend(pictures());
    all.extend(controls());
    all.extend(times());
    all.extend(leaks());
    all
}

fn cameras() -> Vec<Mutant> {
    vec![
        Mutant::camera("camera.open.works", Model::complete(), |_| Err(system("open"))),
        info("camera.info.stable", |info, opened| info.model = format!("camera {opened}")),
        info("camera.info.id", |info, _| info.id.clear()),
        Mutant::reopened("camera.info.reopens"),
        sensor("camera.sensor.levels", Sensor { black: Some(1000), white: Some(10), ..Sensor::default() }),
        sensor("camera.sensor.matrix", Sensor { matrix: Some([[1.0; 3]; 3]), ..Sensor::default() }),
        sensor("camera.sensor.daylight", Sensor { daylight: Some([1.0, -1.0, 1.0]), ..Sensor::default() }),
        modes("camera.modes.some", |modes, _| modes.clear()),
        modes("camera.modes.sorted", |modes, _| modes.reverse()),
        modes("camera.modes.once", |modes, _| modes.insert(0, modes[0])),
        modes("camera.modes.same", |modes, asked| {
            if asked % 2 == 1 {
                modes.pop();
            }
        }),
        configured("camera.configure.exact", |config, _, _| {
            if config.format == PixelFormat::Yuv(YuvFormat::Nv12) {
                config.width += 2;
            }
        }),
        configured("camera.configure.layout", |config, _, _| {
            if config.format == PixelFormat::Yuv(YuvFormat::Nv12) {
                config.size_bytes = 10;
            }
        }),
        configured("camera.configure.colour", |config, _, _| {
            if config.format == PixelFormat::Yuv(YuvFormat::Nv12) {
                config.colorimetry = None;
            }
        }),
        on("camera.configure.unknown", |calls, _, _| {
            calls.configure = Some(Box::new(|camera, request| {
                let same =
                    |mode: &Mode| (mode.width, mode.height) == (request.mode.width, request.mode.height);
                if camera.modes()?.iter().any(same) {
                    camera.configure(&request)
                } else {
                    Err(system("VIDIOC_S_FMT"))
                }
            }));
        }),
        configured("camera.configure.rate", |config, _, asked| {
            if asked == Some(Duration::from_nanos(16_666_666) * 4) {
                config.frame_interval = Some(Duration::from_millis(1));
            }
        }),
        on("contract.configure.again", |calls, _, _| {
            let life = following(calls);
            calls.configure = Some(Box::new(move |camera, request| {
                if *life.lock().unwrap() == Life::Stopped {
                    Err(system("VIDIOC_S_FMT"))
                } else {
                    camera.configure(&request)
                }
            }));
        }),
        on("contract.modes.stream", |calls, _, _| {
            let configured = Arc::new(Mutex::new(None));
            let streaming = Arc::clone(&configured);
            calls.configure = Some(Box::new(move |camera, request| {
                *configured.lock().unwrap() = Some(request.mode.format);
                camera.configure(&request)
            }));
            calls.start = Some(Box::new(move |camera, ()| {
                let refused = Some(PixelFormat::Yuv(YuvFormat::Yvu444));
                if *streaming.lock().unwrap() == refused {
                    Err(system("VIDIOC_STREAMON"))
                } else {
                    camera.start()
                }
            }));
        }),
    ]
}

/// Where a camera is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Opened,
    Configured,
    Streaming,
    Stopped,
}

/// Calls that follow a camera's life, and do what it does.
fn following(calls: &mut CameraCalls) -> Arc<Mutex<Life>> {
    let life = Arc::new(Mutex::new(Life::Opened));
    let set = |now: Life| {
        let life = Arc::clone(&life);
        move || *life.lock().unwrap() = now
    };
    let (configured, streaming, stopped) = (set(Life::Configured), set(Life::Streaming), set(Life::Stopped));
    calls.configure =
        Some(Box::new(move |camera, request| camera.configure(&request).inspect(|_| configured())));
    calls.start = Some(Box::new(move |camera, ()| camera.start().inspect(|()| streaming())));
    let streamed = Arc::clone(&life);
    calls.stop = Some(Box::new(move |camera, ()| {
        let was_on = *streamed.lock().unwrap() == Life::Streaming;
        camera.stop().inspect(|()| {
            if was_on {
                stopped();
            }
        })
    }));
    life
}

/// A mutant whose answer to a call depends on its life.
fn living(
    check: &'static str,
    set: impl Fn(&mut CameraCalls, Arc<Mutex<Life>>) + Send + Sync + 'static,
) -> Mutant {
    on(check, move |calls, _, _| {
        let life = following(calls);
        set(calls, life);
    })
}

fn contracts() -> Vec<Mutant> {
    vec![
        on("contract.stream.frames", |calls, _, _| {
            calls.dequeue = Some(Box::new(|_, _| Ok(Dequeued::Timeout)));
        }),
        living("contract.order.start-first", |calls, life| {
            let mut plain = calls.start.take().unwrap();
            calls.start = Some(Box::new(move |camera, ()| {
                if *life.lock().unwrap() == Life::Opened { Ok(()) } else { plain(camera, ()) }
            }));
        }),
        living("contract.order.dequeue-first", |calls, life| {
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                let early = matches!(*life.lock().unwrap(), Life::Opened | Life::Configured);
                if early { Ok(Dequeued::Timeout) } else { camera.dequeue(timeout) }
            }));
        }),
        living("contract.order.configure-streaming", |calls, life| {
            let mut plain = calls.configure.take().unwrap();
            calls.configure = Some(Box::new(move |camera, request| {
                let streams = *life.lock().unwrap() == Life::Streaming;
                if streams { Err(system("configure")) } else { plain(camera, request) }
            }));
        }),
        living("contract.order.start-twice", |calls, life| {
            let mut plain = calls.start.take().unwrap();
            calls.start = Some(Box::new(move |camera, ()| {
                let streams = *life.lock().unwrap() == Life::Streaming;
                if streams { Err(system("start")) } else { plain(camera, ()) }
            }));
        }),
        living("contract.order.dequeue-stopped", |calls, life| {
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                let stopped = *life.lock().unwrap() == Life::Stopped;
                if stopped { Ok(Dequeued::Timeout) } else { camera.dequeue(timeout) }
            }));
        }),
        living("contract.stop.idempotent", |calls, life| {
            let mut plain = calls.stop.take().unwrap();
            calls.stop = Some(Box::new(move |camera, ()| {
                let streams = *life.lock().unwrap() == Life::Streaming;
                if streams { plain(camera, ()) } else { Err(system("VIDIOC_STREAMOFF")) }
            }));
        }),
        living("contract.stop.restarts", |calls, life| {
            let mut plain = calls.start.take().unwrap();
            calls.start = Some(Box::new(move |camera, ()| {
                let stopped = *life.lock().unwrap() == Life::Stopped;
                if stopped { Err(system("VIDIOC_STREAMON")) } else { plain(camera, ()) }
            }));
        }),
        shot("contract.sequence.first", |shot, _| shot.sequence += 1),
        shot("contract.sequence.rises", |shot, _| shot.sequence = 0),
        shot("contract.timestamp.rises", |shot, _| shot.timestamp = Duration::from_secs(1000)),
        shot("contract.timestamp.source", |shot, _| shot.timestamp_is_start = shot.sequence % 2 == 1),
        shot("contract.exposure.sane", |shot, _| {
            shot.exposure = Some(Exposure { time: Duration::from_millis(1), gain: 0.5 });
        }),
        shot("contract.bytes.fit", |shot, _| shot.bytes_used /= 2),
        slot("contract.slot.known", |slot| slot + 50),
        slot("contract.slots.held-alone", |_| 0),
        on("contract.held.promise", |calls, _, _| {
            let out = counterfeits(calls, |_, _, _| {});
            let promised = Arc::new(Mutex::new(1));
            let telling = Arc::clone(&promised);
            calls.configure = Some(Box::new(move |camera, request| {
                let config = camera.configure(&request)?;
                *telling.lock().unwrap() = config.held.max(1) as usize;
                Ok(config)
            }));
            let mut plain = calls.dequeue.take().unwrap();
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                let full = out.count() >= *promised.lock().unwrap();
                if full { Ok(Dequeued::Starved) } else { plain(camera, timeout) }
            }));
        }),
        on("contract.held.starves", |calls, _, _| {
            calls.dequeue = Some(Box::new(|camera, timeout| match camera.dequeue(timeout)? {
                Dequeued::Starved => Ok(Dequeued::Timeout),
                other => Ok(other),
            }));
        }),
        configured("contract.held.bounded", |config, held, _| {
            if held == u32::MAX {
                config.held = config.slots + 1;
            }
        }),
        configured("contract.held.none", |config, held, _| {
            if held == 0 {
                config.slots = 100;
            }
        }),
        on("contract.wait.ends", |calls, _, _| {
            calls.dequeue = Some(Box::new(|camera, timeout| {
                if timeout.is_zero() {
                    std::thread::sleep(Duration::from_millis(45));
                }
                camera.dequeue(timeout)
            }));
        }),
        on("contract.camera.moves", |calls, _, _| {
            let home = std::thread::current().id();
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                if std::thread::current().id() == home {
                    camera.dequeue(timeout)
                } else {
                    Err(system("poll"))
                }
            }));
        }),
        on("contract.other.busy", |calls, _, _| {
            calls.configure = Some(Box::new(|camera, request| match camera.configure(&request) {
                Err(Error::Busy { .. }) => Err(system("VIDIOC_REQBUFS")),
                configured => configured,
            }));
        }),
        configured("contract.budget.counts", |config, _, _| config.slots += 5),
        on("contract.errors.name-camera", |calls, _, _| {
            calls.start = Some(Box::new(|camera, ()| match camera.start() {
                Err(Error::State { operation, reason, .. }) => {
                    Err(Error::State { camera: "it".to_owned(), operation, reason })
                }
                started => started,
            }));
        }),
    ]
}

/// Frames of a mutant's own in place of a camera's, and the slots of the camera's that they stand for.
#[derive(Clone, Default)]
pub(super) struct Out(Arc<Mutex<Vec<Lent>>>);

/// A frame of the camera's, and the pool of the copy that stands for it.
type Lent = (Frame, Arc<SlotPool>);

impl Out {
    /// Gives back the slots of frames that were dropped.
    fn sweep(&self) {
        self.0.lock().unwrap().retain(|(_, pool)| pool.take_returned().is_none());
    }

    fn count(&self) -> usize {
        self.sweep();
        self.0.lock().unwrap().len()
    }

    /// Writes into the frames that are held.
    pub(super) fn scribble(&self) {
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
pub(super) fn counterfeits(
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

fn shot(check: &'static str, change: fn(&mut Shot, u64)) -> Mutant {
    on(check, move |calls, _, _| {
        counterfeits(calls, move |shot, bytes, before| {
            change(shot, before);
            bytes.truncate(shot.bytes_used);
        });
    })
}

fn slot(check: &'static str, change: fn(u32) -> u32) -> Mutant {
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

fn held_frames() -> Vec<Mutant> {
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

/// The pixel format that a check of pictures is about.
fn format_of(check: &str) -> PixelFormat {
    let name = check.rsplit('.').next().unwrap();
    if check.starts_with("content.yuv.") {
        let all = [
            YuvFormat::Yuyv,
            YuvFormat::Yvyu,
            YuvFormat::Uyvy,
            YuvFormat::Vyuy,
            YuvFormat::Nv12,
            YuvFormat::Nv21,
            YuvFormat::Nv16,
            YuvFormat::Nv61,
            YuvFormat::Nv24,
            YuvFormat::Nv42,
            YuvFormat::Yuv420,
            YuvFormat::Yvu420,
            YuvFormat::Yuv422,
            YuvFormat::Yvu422,
            YuvFormat::Yuv444,
            YuvFormat::Yvu444,
        ];
        let format = all.into_iter().find(|format| format!("{format:?}").to_lowercase() == name).unwrap();
        return PixelFormat::Yuv(format);
    }
    let (name, packed) = name.strip_suffix("-mipi").map_or((name, false), |name| (name, true));
    let pattern = CfaPattern::ALL.into_iter().find(|p| p.name().to_lowercase() == name[..4]).unwrap();
    let bits: u8 = name[4..].parse().unwrap();
    let packing = match bits {
        8 => Packing::Bytes,
        _ if packed => Packing::Mipi,
        _ => Packing::Le16,
    };
    PixelFormat::Raw(RawFormat { pattern, bits, packing })
}

/// A camera one of whose formats has a bit wrong in each frame.
fn wrong_bit(check: &'static str, wanted: PixelFormat, place: fn(&[u8]) -> usize) -> Mutant {
    on(check, move |calls, _, _| {
        let now = Arc::new(Mutex::new(None));
        let configured = Arc::clone(&now);
        counterfeits(calls, move |_, bytes, _| {
            if *now.lock().unwrap() == Some(wanted) {
                let at = place(bytes);
                bytes[at] ^= 1;
            }
        });
        calls.configure = Some(Box::new(move |camera, request| {
            *configured.lock().unwrap() = Some(request.mode.format);
            camera.configure(&request)
        }));
    })
}

fn pictures() -> Vec<Mutant> {
    let checks = latent_hal::conformance::all();
    let of_formats = checks
        .iter()
        .map(|check| check.id)
        .filter(|id| id.starts_with("content.raw.") || id.starts_with("content.yuv."));
    let mut all: Vec<Mutant> = of_formats.map(|id| wrong_bit(id, format_of(id), |_| 3)).collect();
    all.push(wrong_bit("content.jpeg.whole", PixelFormat::Jpeg, |bytes| bytes.len() - 1));
    all.push(on("content.frame.not-flat", |calls, _, _| {
        counterfeits(calls, |shot, bytes, _| {
            if shot.sequence == 0 {
                bytes.fill(9);
            }
        });
    }));
    all.push(on("content.frame.range", |calls, _, _| {
        counterfeits(calls, |shot, bytes, _| {
            if shot.sequence == 0 {
                bytes[5] |= 0x80;
            }
        });
    }));
    all.push(on("content.frame.changes", |calls, _, _| {
        let mut first = Vec::new();
        counterfeits(calls, move |shot, bytes, _| match shot.sequence {
            0 => first.clone_from(bytes),
            1 if first.len() == bytes.len() => bytes.copy_from_slice(&first),
            _ => {}
        });
    }));
    all.push(before("content.frame.still", Model { still: true, ..Model::complete() }, |calls, _, _| {
        counterfeits(calls, |shot, bytes, _| {
            let raw = !bytes.starts_with(&[0xff, 0xd8]);
            if shot.sequence == 1 && raw {
                bytes[7] ^= 1;
            }
        });
    }));
    all
}

fn controls() -> Vec<Mutant> {
    let crop = |check, change: fn(&mut latent_hal::Crop)| {
        on(check, move |calls, _, _| {
            calls.crop = Some(Box::new(move |camera, ()| {
                let mut crop = camera.crop()?;
                if let Some(crop) = &mut crop {
                    change(crop);
                }
                Ok(crop)
            }));
        })
    };
    vec![
        on("controls.effect.brighter", |calls, _, _| {
            calls.set_controls = Some(Box::new(|camera, values| {
                if values.iter().any(|(id, _)| *id != BRIGHTNESS) {
                    return camera.set_controls(&values);
                }
                Ok(values.into_iter().map(|(_, value)| value.clamp(0, 255)).collect())
            }));
        }),
        on("controls.effect.delay", |calls, _, _| {
            // A setting takes effect so many frames later.
            const LATE: u32 = 8;
            let pending = Arc::new(Mutex::new(None));
            let setting = Arc::clone(&pending);
            calls.set_controls = Some(Box::new(move |camera, values| {
                if values.iter().any(|(id, _)| *id != BRIGHTNESS) {
                    return camera.set_controls(&values);
                }
                let made = values.iter().map(|(_, value)| (*value).clamp(0, 255)).collect();
                let default = values.first().is_some_and(|(_, value)| *value == 128);
                if default {
                    *setting.lock().unwrap() = None;
                    camera.set_controls(&values)?;
                } else {
                    *setting.lock().unwrap() = Some((LATE, values));
                }
                Ok(made)
            }));
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                let due = match &mut *pending.lock().unwrap() {
                    Some((0, values)) => Some(std::mem::take(values)),
                    Some((left, _)) => {
                        *left -= 1;
                        None
                    }
                    None => None,
                };
                if let Some(values) = due {
                    *pending.lock().unwrap() = None;
                    camera.set_controls(&values)?;
                }
                camera.dequeue(timeout)
            }));
        }),
        on("controls.camera.listed", |calls, _, _| {
            calls.controls = Some(Box::new(|camera, ()| {
                let mut controls = camera.controls()?;
                controls.pop();
                Ok(controls)
            }));
        }),
        on("controls.camera.units", |calls, _, _| {
            calls.controls = Some(Box::new(|camera, ()| {
                let mut controls = camera.controls()?;
                controls.iter_mut().for_each(|control| control.unit = Unit::Device);
                Ok(controls)
            }));
        }),
        on("controls.camera.range", |calls, _, _| {
            calls.set_controls = Some(Box::new(|camera, values| {
                if values == [(BRIGHTNESS, 256)] { Ok(vec![256]) } else { camera.set_controls(&values) }
            }));
        }),
        on("controls.camera.menus", |calls, _, _| calls.menu = Some(Box::new(|_, _| Ok(Vec::new())))),
        on("controls.camera.unknown", |calls, _, _| {
            calls.control_values = Some(Box::new(|camera, ids| match camera.control_values(&ids) {
                Err(_) => Err(system("VIDIOC_G_EXT_CTRLS")),
                values => values,
            }));
        }),
        crop("controls.crop.within", |crop| crop.now.width = crop.bounds.width + 10),
        on("controls.crop.reads-back", |calls, _, _| {
            calls.set_crop = Some(Box::new(|camera, wanted| {
                let bounds = camera.crop()?.map_or(wanted, |crop| crop.bounds);
                let (width, height) = (wanted.width.min(bounds.width), wanted.height.min(bounds.height));
                Ok(Rectangle { width, height, ..wanted })
            }));
        }),
        on("controls.crop.too-large", |calls, _, _| {
            calls.set_crop = Some(Box::new(|camera, wanted| {
                camera.set_crop(wanted)?;
                Ok(wanted)
            }));
        }),
        on("events.camera.watch", |calls, _, _| {
            calls.watch = Some(Box::new(|camera, what| match what {
                Watch::Control(id) if id != BRIGHTNESS => Ok(true),
                what => camera.watch(what),
            }));
        }),
        on("events.camera.delivered", |calls, _, _| {
            calls.dequeue = Some(Box::new(|camera, timeout| match camera.dequeue(timeout)? {
                Dequeued::Event(_) => Ok(Dequeued::Timeout),
                other => Ok(other),
            }));
        }),
    ]
}

/// Sleeps while a check of times runs: at other times it would only make the test long.
fn dawdle(check: &str, millis: u64) {
    if super::is_running(check) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(millis) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn times() -> Vec<Mutant> {
    const INTERVAL: Duration = Duration::from_nanos(33_333_333);
    vec![
        Mutant::camera("latency.open.bounded", Model::complete(), |camera| {
            dawdle("latency.open.bounded", 230);
            Ok(camera)
        }),
        on("latency.configure.bounded", |calls, _, _| {
            calls.configure = Some(Box::new(|camera, request| {
                dawdle("latency.configure.bounded", 430);
                camera.configure(&request)
            }));
        }),
        on("latency.first.bounded", |calls, _, _| {
            calls.start = Some(Box::new(|camera, ()| {
                dawdle("latency.first.bounded", 500);
                camera.start()
            }));
        }),
        on("latency.stop.bounded", |calls, _, _| {
            calls.stop = Some(Box::new(|camera, ()| {
                dawdle("latency.stop.bounded", 300);
                camera.stop()
            }));
        }),
        shot("latency.interval.rate", |shot, _| shot.timestamp *= 2),
        shot("latency.interval.jitter", |shot, _| {
            shot.timestamp += INTERVAL * 3 * u32::try_from(shot.sequence / 8).unwrap();
        }),
        shot("latency.frames.lost", |shot, _| {
            let late = shot.sequence.saturating_sub(4);
            shot.sequence += late;
            shot.timestamp += INTERVAL * u32::try_from(late).unwrap();
        }),
    ]
}

/// Files and mappings to let go when others leak, so that only one of the counts changes.
#[derive(Default)]
struct Stash {
    files: Vec<std::fs::File>,
    mappings: Vec<memmap2::Mmap>,
}

impl Stash {
    fn filled(count: usize) -> Arc<Mutex<Self>> {
        let file = || std::fs::File::open("/dev/null").unwrap();
        let mapping = |_| {
            let memory = nix::sys::memfd::memfd_create("stash", nix::sys::memfd::MFdFlags::empty()).unwrap();
            nix::unistd::ftruncate(&memory, 4096).unwrap();
            super::map(&std::fs::File::from(memory))
        };
        let mappings = (0..count).map(mapping).collect();
        Arc::new(Mutex::new(Self { files: (0..count).map(|_| file()).collect(), mappings }))
    }

    /// Leaks a piece of frame memory that only the ledger tells of.
    fn leak(&mut self) {
        drop((self.files.pop(), self.mappings.pop()));
        std::mem::forget(Buffer::allocate(4096, "leak").unwrap());
    }
}

fn leak_a_file() {
    std::mem::forget(std::fs::File::open("/dev/null").unwrap());
}

fn leaks() -> Vec<Mutant> {
    /// Cameras that a run opens at most.
    const CAMERAS: usize = 600;
    let ledger = |check, leaks: fn(held: usize, taken: u64) -> bool| {
        let stash = Arc::new(Mutex::new(None));
        on(check, move |calls, _, _| {
            let taken = Arc::new(Mutex::new(0));
            let counting = Arc::clone(&taken);
            let out = counterfeits(calls, move |_, _, _| *counting.lock().unwrap() += 1);
            let stash = Arc::clone(&stash);
            calls.close = Some(Box::new(move || {
                if leaks(out.count(), *taken.lock().unwrap()) {
                    let mut stash = stash.lock().unwrap();
                    stash.get_or_insert_with(|| Stash::filled(CAMERAS)).lock().unwrap().leak();
                }
                out.0.lock().unwrap().clear();
            }));
        })
    };
    vec![
        on("leaks.files.streams", |calls, _, _| {
            let mut starts = 0;
            calls.start = Some(Box::new(move |camera, ()| {
                starts += 1;
                if starts > 1 {
                    leak_a_file();
                }
                camera.start()
            }));
        }),
        on("leaks.files.configurations", |calls, _, _| {
            let mut configurations = 0;
            calls.configure = Some(Box::new(move |camera, request| {
                configurations += 1;
                if configurations > 1 {
                    leak_a_file();
                }
                camera.configure(&request)
            }));
        }),
        on("leaks.files.cameras", |calls, _, _| calls.close = Some(Box::new(leak_a_file))),
        on("leaks.mappings.cameras", |calls, _, _| {
            calls.close = Some(Box::new(|| {
                let memory =
                    nix::sys::memfd::memfd_create("leak", nix::sys::memfd::MFdFlags::empty()).unwrap();
                nix::unistd::ftruncate(&memory, 4096).unwrap();
                std::mem::forget(super::map(&std::fs::File::from(memory)));
            }));
        }),
        ledger("leaks.ledger.cameras", |held, taken| held == 0 && taken >= 2),
        ledger("leaks.ledger.frames", |held, _| held > 0),
    ]
}
