//! Devices that bear their faults badly, machines with one thing wrong, and memory that is none.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use latent_hal::conformance::{DeviceFault, FaultSource, Faulty, Roots, Subject};
use latent_hal::fake::{CameraCalls, Model, MutantCamera};
use latent_hal::frame::Shot;
use latent_hal::memory::Source;
use latent_hal::{Dequeued, Error, Frame};
use nix::errno::Errno;

use super::Mutant;
use super::camera_mutants::counterfeit::{Out, counterfeits};

fn system(operation: &'static str) -> Error {
    Error::System { camera: "/dev/video0".to_owned(), operation, errno: Errno::EIO, detail: String::new() }
}

/// Stands before a source of faults, and has cameras with one of its faults answer some calls wrongly.
struct Bearing {
    source: Arc<dyn FaultSource>,
    fault: DeviceFault,
    set: Arc<dyn Fn(&mut CameraCalls) + Send + Sync>,
}

impl FaultSource for Bearing {
    fn faulty(&self, fault: DeviceFault) -> Result<Option<Faulty>, Error> {
        let Some(faulty) = self.source.faulty(fault)? else { return Ok(None) };
        if fault != self.fault {
            return Ok(Some(faulty));
        }
        let mut calls = CameraCalls::default();
        (self.set)(&mut calls);
        let Faulty { camera, trigger, undo } = faulty;
        Ok(Some(Faulty { camera: Box::new(MutantCamera::new(camera, calls)), trigger, undo }))
    }
}

fn bearing(
    check: &'static str,
    fault: DeviceFault,
    set: impl Fn(&mut CameraCalls) + Send + Sync + 'static,
) -> Mutant {
    let set: Arc<dyn Fn(&mut CameraCalls) + Send + Sync> = Arc::new(set);
    Mutant::subject(check, Model::complete(), move |subject| {
        let source = subject.faults().unwrap();
        let set = Arc::clone(&set);
        subject.with_faults(Arc::new(Bearing { source, fault, set }))
    })
}

/// A camera of which an error is told as another one.
fn told(check: &'static str, fault: DeviceFault, change: fn(Error) -> Error) -> Mutant {
    bearing(check, fault, move |calls| {
        calls.configure = Some(Box::new(move |camera, request| camera.configure(&request).map_err(change)));
        calls.start = Some(Box::new(move |camera, ()| camera.start().map_err(change)));
        calls.dequeue = Some(Box::new(move |camera, timeout| camera.dequeue(timeout).map_err(change)));
    })
}

fn numbered(check: &'static str, fault: DeviceFault, change: fn(&mut Shot, u64)) -> Mutant {
    bearing(check, fault, move |calls| {
        counterfeits(calls, move |shot, _, before| change(shot, before));
    })
}

/// A camera whose held frames change when its trouble is told.
fn spoiling(check: &'static str, fault: DeviceFault) -> Mutant {
    bearing(check, fault, |calls| {
        let out: Out = counterfeits(calls, |_, _, _| {});
        let mut plain = calls.dequeue.take().unwrap();
        calls.dequeue = Some(Box::new(move |camera, timeout| {
            let outcome = plain(camera, timeout);
            if !matches!(outcome, Ok(Dequeued::Frame(_))) {
                out.scribble();
            }
            outcome
        }));
    })
}

fn without_damage(check: &'static str, fault: DeviceFault) -> Mutant {
    bearing(check, fault, |calls| {
        calls.dequeue = Some(Box::new(|camera, timeout| match camera.dequeue(timeout)? {
            Dequeued::Damaged { .. } => Ok(Dequeued::Timeout),
            other => Ok(other),
        }));
    })
}

pub(super) fn all() -> Vec<Mutant> {
    let mut all = faults();
    all.extend(memories());
    all.extend(machines());
    all
}

fn faults() -> Vec<Mutant> {
    use DeviceFault::{
        BadBuffer, Busy, Disconnect, Dropped, Fatal, QueueBuffer, RequestBuffers, Stall, StreamOn,
        WrapSequence, WrapTimestamp32, WrapTimestamp64,
    };
    let gone = |_: Error| Error::Gone { camera: "/dev/video0".to_owned() };
    let consecutive = |shot: &mut Shot, before: u64| shot.sequence = before;
    vec![
        told("faults.request.refused", RequestBuffers, gone),
        bearing("faults.queue.refused", QueueBuffer, |calls| {
            let mut lost: Option<Frame> = None;
            calls.dequeue = Some(Box::new(move |camera, timeout| {
                let outcome = camera.dequeue(timeout)?;
                if let Dequeued::Frame(frame) = &outcome {
                    lost.get_or_insert_with(|| frame.clone());
                }
                Ok(outcome)
            }));
        }),
        told("faults.start.refused", StreamOn, gone),
        told("faults.busy.told", Busy, |_| system("VIDIOC_REQBUFS")),
        without_damage("faults.bad-buffer.told", BadBuffer),
        numbered("faults.dropped.one-percent", Dropped(1), consecutive),
        numbered("faults.dropped.ten-percent", Dropped(10), consecutive),
        numbered("faults.dropped.half", Dropped(50), consecutive),
        without_damage("faults.fatal.restarted", Fatal),
        spoiling("faults.fatal.held-frames", Fatal),
        numbered("faults.wrap.sequence", WrapSequence, |shot, before| {
            if before > 100 {
                shot.sequence += 1_000_000;
            }
        }),
        numbered("faults.wrap.timestamp-64", WrapTimestamp64, |shot, before| {
            if before % 3 == 2 {
                shot.timestamp -= Duration::from_secs(10);
            }
        }),
        numbered("faults.wrap.timestamp-32", WrapTimestamp32, |shot, before| {
            if before == 10 {
                shot.timestamp -= Duration::from_secs(10);
            }
        }),
        without_damage("faults.stall.told", Stall),
        bearing("faults.stall.stops", Stall, |calls| {
            calls.stop = Some(Box::new(|_, ()| Err(system("VIDIOC_STREAMOFF"))));
        }),
        told("faults.gone.told", Disconnect, |_| system("VIDIOC_DQBUF")),
        bearing("faults.gone.stays", Disconnect, |calls| {
            calls.modes = Some(Box::new(|camera, ()| camera.modes().or(Ok(Vec::new()))));
        }),
        bearing("faults.gone.before-start", Disconnect, |calls| {
            let mut streamed = false;
            calls.start = Some(Box::new(move |camera, ()| {
                let started = camera.start();
                let first = !std::mem::replace(&mut streamed, true);
                started.map_err(|error| if first { system("VIDIOC_STREAMON") } else { error })
            }));
        }),
        spoiling("faults.gone.held-frames", Disconnect),
        bearing("faults.gone.no-leak", Disconnect, |calls| {
            calls.close = Some(Box::new(|| std::mem::forget(std::fs::File::open("/dev/null").unwrap())));
        }),
        Mutant::subject("faults.gone.comes-back", Model::complete(), |subject| {
            let source = subject.faults().unwrap();
            subject.with_faults(Arc::new(Staying { source, gone: AtomicU32::new(0) }))
        }),
    ]
}

/// The last time that its camera goes it does not come back.
struct Staying {
    source: Arc<dyn FaultSource>,
    gone: AtomicU32,
}

impl FaultSource for Staying {
    fn faulty(&self, fault: DeviceFault) -> Result<Option<Faulty>, Error> {
        let Some(faulty) = self.source.faulty(fault)? else { return Ok(None) };
        if fault == DeviceFault::Disconnect {
            self.gone.fetch_add(1, Ordering::Relaxed);
        }
        if !super::is_running("faults.gone.comes-back") {
            return Ok(Some(faulty));
        }
        let Faulty { camera, trigger, undo } = faulty;
        // What would plug it in again never does.
        std::mem::forget(undo);
        Ok(Some(Faulty { camera, trigger, undo: Box::new(()) }))
    }
}

fn memories() -> Vec<Mutant> {
    let broken = |check, name: &'static str| {
        Mutant::subject(check, Model::complete(), move |subject| {
            let good = ["system-heap", "contiguous-heap", "other-heap", "udmabuf"];
            let source = |known| match known == name {
                true => Source::Heap("/nonexistent/heap".into()),
                false => Source::Memfd,
            };
            subject.with_memory(good.map(|known| (known, source(known))).to_vec())
        })
    };
    vec![
        broken("imports.heap.system", "system-heap"),
        broken("imports.heap.contiguous", "contiguous-heap"),
        broken("imports.heap.other", "other-heap"),
        broken("imports.udmabuf.frames", "udmabuf"),
    ]
}

/// A machine's files: two thermal zones, a fan, pressure, and a camera.
pub(super) fn machine(root: &Path) -> Roots {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    std::fs::create_dir_all(root.join("dev")).unwrap();
    for (zone, heat) in [("thermal_zone0", "45000\n"), ("thermal_zone1", "39000\n")] {
        let file = |name: &str| format!("sys/class/thermal/{zone}/{name}");
        write(&file("type"), "cpu-thermal\n");
        write(&file("mode"), "enabled\n");
        write(&file("policy"), "step_wise\n");
        write(&file("temp"), heat);
        for (trip, kind, temperature) in [(0, "passive\n", "80000\n"), (1, "critical\n", "105000\n")] {
            write(&file(&format!("trip_point_{trip}_type")), kind);
            write(&file(&format!("trip_point_{trip}_temp")), temperature);
            write(&file(&format!("trip_point_{trip}_hyst")), "2000\n");
        }
    }
    for (name, text) in [("type", "Fan\n"), ("max_state", "3\n"), ("cur_state", "1\n")] {
        write(&format!("sys/class/thermal/cooling_device0/{name}"), text);
    }
    let line = "avg10=1.00 avg60=0.50 avg300=0.10 total=123456";
    for resource in ["cpu", "memory", "io"] {
        write(&format!("proc/pressure/{resource}"), &format!("some {line}\nfull {line}\n"));
    }
    write("sys/class/video4linux/video0/uevent", "DEVNAME=video0\n");
    write("sys/class/video4linux/video0/name", "Fake camera\n");
    std::os::unix::fs::symlink("/proc/self", root.join("proc/self")).unwrap();
    Roots { dev: root.join("dev"), sys: root.join("sys"), proc: root.join("proc") }
}

fn machines() -> Vec<Mutant> {
    let with = |check, change: fn(&Path)| {
        Mutant::subject(check, Model::complete(), move |subject| {
            let root: PathBuf = tempfile::tempdir().unwrap().keep();
            let roots = machine(&root);
            change(&root);
            KEPT.lock().unwrap().push(root);
            subject.with_roots(roots)
        })
    };
    fn write(root: &Path, path: &str, text: &str) {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    }
    vec![
        with("machine.memory.sources", |root| write(root, "dev/dma_heap/system", "no heap")),
        with("machine.thermal.zones", |root| {
            write(root, "sys/class/thermal/thermal_zone1/mode", "perhaps\n");
        }),
        with("machine.thermal.temperatures", |root| {
            write(root, "sys/class/thermal/thermal_zone1/temp", "-274000\n");
        }),
        with("machine.thermal.trips", |root| {
            write(root, "sys/class/thermal/thermal_zone1/trip_point_1_temp", "70000\n");
        }),
        with("machine.thermal.cooling", |root| {
            write(root, "sys/class/thermal/cooling_device0/cur_state", "9\n");
        }),
        with("machine.pressure.cpu", |root| write(root, "proc/pressure/cpu", "nothing\n")),
        with("machine.pressure.memory", |root| write(root, "proc/pressure/memory", "some avg10=x\n")),
        with("machine.pressure.io", |root| write(root, "proc/pressure/io", "")),
        with("events.sysfs.listed", |root| {
            let class = root.join("sys/class/video4linux");
            std::fs::rename(class.join("video0"), class.join("video7")).unwrap();
            write(root, "sys/class/video4linux/video7/uevent", "DEVNAME=video7\n");
        }),
        Mutant::subject("events.hotplug.subscribes", Model::complete(), |subject: Subject| {
            subject.with_monitor(|| Err(system("socket")))
        }),
    ]
}

/// Folders of machines, to be removed at the end.
pub(super) static KEPT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
