//! Memory that the device imports.

use std::os::fd::AsFd;

use nix::errno::Errno;

use super::page;
use crate::camera::{Camera, StreamRequest};
use crate::conformance::bench::Bench;
use crate::conformance::{Check, Checked, Stop, require, works};
use crate::kernel::{Import, Memory, Video};
use crate::memory::Source;
use crate::v4l2::V4l2Camera;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "imports.queue.told",
        "a queue of imported memory is given where the driver says so, and refused where it does not",
        page::REQBUFS,
        queue_told,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees", "streaming.close.while-on"]),
    Check::new(
        "imports.memory.too-small",
        "memory that is too small for a frame is refused",
        page::DMABUF,
        too_small,
    )
    .after(&["imports.queue.told"]),
    Check::new("imports.memory.no-dma-buf", "a file that is no DMA-buf is refused", page::DMABUF, no_dma_buf)
        .after(&["imports.queue.told"]),
    Check::new(
        "imports.memory.none",
        "a buffer of imported memory cannot be queued without any",
        page::DMABUF,
        none,
    )
    .after(&["imports.queue.told"]),
    Check::new(
        "imports.heap.system",
        "frames live in memory of the system heap, or the device refuses it cleanly",
        page::HEAPS,
        system_heap,
    )
    .after(&["imports.queue.told", "contract.stream.frames"]),
    Check::new(
        "imports.heap.contiguous",
        "frames live in memory of a contiguous heap, or the device refuses it cleanly",
        page::HEAPS,
        contiguous_heap,
    )
    .after(&["imports.queue.told", "contract.stream.frames"]),
    Check::new(
        "imports.heap.other",
        "frames live in memory of a heap of another name, or the device refuses it cleanly",
        page::HEAPS,
        other_heap,
    )
    .after(&["imports.queue.told", "contract.stream.frames"]),
    Check::new(
        "imports.udmabuf.frames",
        "frames live in pages of a memfd (udmabuf), or the device refuses them cleanly",
        page::DMABUF,
        udmabuf,
    )
    .after(&["imports.queue.told", "contract.stream.frames"]),
    Check::new(
        "imports.frames.outlive",
        "a frame in imported memory stays readable when the camera is closed",
        page::FRAME,
        frames_outlive,
    )
    .after(&["imports.queue.told", "contract.stream.frames"]),
];

/// The node with a queue of imported memory for the smallest format; not supported where the driver has none.
fn importing(bench: &Bench<'_>) -> Result<(Box<dyn Video>, usize), Stop> {
    let node = bench.node()?;
    let format = bench.small_format(&*node)?;
    match node.request(2, Memory::Imported, false) {
        Ok(_) => {}
        Err(Errno::EINVAL) => {
            return Err(Stop::NotSupported("VIDIOC_REQBUFS of V4L2_MEMORY_DMABUF says EINVAL".to_owned()));
        }
        Err(errno) => return Err(Stop::fail(format!("VIDIOC_REQBUFS is refused: {errno}"))),
    }
    Ok((node, format.planes.first().map_or(0, |plane| plane.size as usize)))
}

fn queue_told(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    let told = works("VIDIOC_REQBUFS", node.request(2, Memory::Driver, false))?;
    drop(node);
    if told.capabilities == 0 {
        return Err(Stop::NotSupported("the kernel is older than the field (4.20)".to_owned()));
    }
    let given = match importing(bench) {
        Ok(_) => true,
        Err(Stop::NotSupported(_)) => false,
        Err(stop) => return Err(stop),
    };
    require(given == told.imports(), || {
        format!(
            "the capabilities are {:#x}, the queue is {}",
            told.capabilities,
            if given { "given" } else { "refused" }
        )
    })
}

#[track_caller]
fn refused_memory(call: &str, result: nix::Result<()>) -> Checked {
    match result {
        Err(Errno::EINVAL | Errno::EFAULT | Errno::EBADF) => Ok(()),
        Err(errno) => Err(Stop::fail(format!("{call} is refused with {errno:?}"))),
        Ok(()) => Err(Stop::fail(format!("{call} works"))),
    }
}

fn too_small(bench: &mut Bench<'_>) -> Checked {
    let (node, size) = importing(bench)?;
    let mut sources = bench.subject.memory.iter();
    let small = sources.find_map(|(_, source)| source.allocate(size / 2, "half a frame").ok());
    let small = small.ok_or_else(|| Stop::Skip("this machine has no memory to import".to_owned()))?;
    let file = small.file();
    let import = Import { file: file.as_fd(), len: small.len() };
    refused_memory("VIDIOC_QBUF of half a frame", node.queue(0, &[import]))
}

fn no_dma_buf(bench: &mut Bench<'_>) -> Checked {
    let (node, size) = importing(bench)?;
    let (pipe, _end) = works("pipe", nix::unistd::pipe())?;
    refused_memory("VIDIOC_QBUF of a pipe", node.queue(0, &[Import { file: pipe.as_fd(), len: size }]))
}

fn none(bench: &mut Bench<'_>) -> Checked {
    let (node, _) = importing(bench)?;
    refused_memory("VIDIOC_QBUF without memory", node.queue(0, &[]))
}

/// Why a camera does not take memory of a source; `None` where it does.
fn refusal(camera: &mut V4l2Camera, source: &Source, bench: &Bench<'_>) -> Result<Option<String>, Stop> {
    let mode = bench.small_mode(camera)?;
    camera.use_memory(Some(source.clone()));
    match camera.configure(&StreamRequest { mode, held: 1 }) {
        Ok(_) => Ok(None),
        Err(error) if error.kind() == crate::error::ErrorKind::Unsupported => Ok(Some(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn v4l2_camera(bench: &Bench<'_>) -> Result<V4l2Camera, Stop> {
    let node = bench.node_path()?;
    Ok(V4l2Camera::open_on(&*node.kernel, &node.path)?)
}

fn frames_in(bench: &Bench<'_>, name: &str) -> Checked {
    importing(bench)?;
    let Some((_, source)) = bench.subject.memory.iter().find(|(known, _)| *known == name) else {
        return Err(Stop::NotSupported("this machine has no such memory".to_owned()));
    };
    let mut camera = v4l2_camera(bench)?;
    if let Some(reason) = refusal(&mut camera, source, bench)? {
        return Err(Stop::NotSupported(reason));
    }
    camera.start()?;
    for _ in 0..5 {
        let frame = bench.frame(&mut camera)?;
        let bytes = frame.read()?;
        require(bytes.iter().any(|byte| *byte != bytes[0]), || {
            format!("frame {} is one colour all over", frame.sequence())
        })?;
    }
    Ok(())
}

fn system_heap(bench: &mut Bench<'_>) -> Checked {
    frames_in(bench, "system-heap")
}

fn contiguous_heap(bench: &mut Bench<'_>) -> Checked {
    frames_in(bench, "contiguous-heap")
}

fn other_heap(bench: &mut Bench<'_>) -> Checked {
    frames_in(bench, "other-heap")
}

fn udmabuf(bench: &mut Bench<'_>) -> Checked {
    frames_in(bench, "udmabuf")
}

/// A camera that streams from the first memory that it takes.
fn streaming_imported(bench: &Bench<'_>) -> Result<V4l2Camera, Stop> {
    importing(bench)?;
    let mut camera = v4l2_camera(bench)?;
    for (_, source) in &bench.subject.memory {
        if matches!(refusal(&mut camera, source, bench), Ok(None)) {
            camera.start()?;
            return Ok(camera);
        }
    }
    Err(Stop::NotSupported("the device takes no memory of this machine".to_owned()))
}

fn frames_outlive(bench: &mut Bench<'_>) -> Checked {
    let mut camera = streaming_imported(bench)?;
    let frame = bench.frame(&mut camera)?;
    let before = frame.read()?.to_vec();
    drop(camera);
    require(*frame.read()? == *before, || "its bytes changed".to_owned())
}
