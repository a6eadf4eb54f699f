//! Cameras with one thing wrong, before a camera that has everything right.

pub(super) mod counterfeit;
mod leaks;
pub(super) mod pictures;
mod settings;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use latent_hal::fake::{CameraCalls, Model, MutantCamera};
use latent_hal::frame::Exposure;
use latent_hal::{Camera, CameraInfo, Dequeued, Error, Mode, PixelFormat, Sensor, StreamConfig, YuvFormat};
use nix::errno::Errno;

use super::Mutant;
use counterfeit::{counterfeits, shot, slot};

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
    all.extend(counterfeit::all());
    all.extend(pictures::all());
    all.extend(settings::all());
    all.extend(times());
    all.extend(leaks::all());
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
        // It stays as fast as it can be.
        configured("camera.configure.rate", |config, _, asked| {
            if asked == Some(Duration::from_nanos(16_666_666) * 4) {
                config.frame_interval = Some(Duration::from_nanos(16_666_666));
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
