//! What is left behind: files, mappings, memory; and copies that nobody asked for.

use super::page;
use crate::camera::{Mode, StreamRequest};
use crate::conformance::bench::{Bench, Streaming};
use crate::conformance::{Check, Checked, Stop, require};
use crate::memory::{self, Source};
use crate::v4l2::V4l2Camera;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "leaks.files.streams",
        "starting and stopping leaves no file open",
        page::MEMORY,
        files_streams,
    )
    .after(&["contract.stop.restarts"]),
    Check::new(
        "leaks.files.configurations",
        "configuring again and again leaves no file open",
        page::MEMORY,
        files_configurations,
    )
    .after(&["contract.stream.frames"]),
    Check::new("leaks.files.cameras", "opening and closing leaves no file open", page::MEMORY, files_cameras)
        .after(&["contract.stream.frames"]),
    Check::new(
        "leaks.mappings.cameras",
        "a closed camera leaves no frame memory mapped",
        page::MEMORY,
        mappings,
    )
    .after(&["contract.stream.frames"]),
    Check::new("leaks.ledger.cameras", "a closed camera leaves nothing in the ledger", page::MEMORY, ledger)
        .after(&["contract.stream.frames"]),
    Check::new(
        "leaks.ledger.frames",
        "the last frame of a closed camera takes its memory with it",
        page::FRAME,
        ledger_frames,
    )
    .after(&["contract.stream.frames"]),
    Check::new(
        "leaks.copies.none",
        "frames pass from the driver to their reader without the CPU touching a pixel",
        page::MEMORY,
        no_copies,
    )
    .after(&["imports.queue.told", "contract.stream.frames"]),
];

fn files_streams(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.configured(2)?;
    let once = |streaming: &mut Streaming| {
        streaming.camera.start()?;
        bench.frame(&mut *streaming.camera)?;
        Ok::<_, Stop>(streaming.camera.stop()?)
    };
    // What is opened for good at the first start is no leak.
    once(&mut streaming)?;
    let before = bench.open_files()?;
    for round in 0..bench.effort.restarts {
        once(&mut streaming)?;
        let now = bench.open_files()?;
        require(now == before, || format!("{before} files before, {now} after round {round}"))?;
    }
    Ok(())
}

fn files_configurations(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.configured(2)?;
    let mode = bench.small_mode(&*streaming.camera)?;
    let before = bench.open_files()?;
    for round in 0..bench.effort.restarts {
        streaming.camera.configure(&StreamRequest { mode, held: 2 })?;
        let now = bench.open_files()?;
        require(now == before, || format!("{before} files before, {now} after round {round}"))?;
    }
    Ok(())
}

fn a_stream(bench: &Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(2)?;
    let _held = bench.frame(&mut *streaming.camera)?;
    bench.frame(&mut *streaming.camera).map(|_| ())
}

fn files_cameras(bench: &mut Bench<'_>) -> Checked {
    a_stream(bench)?;
    let before = bench.open_files()?;
    for round in 0..3 {
        a_stream(bench)?;
        let now = bench.open_files()?;
        require(now == before, || format!("{before} files before, {now} after round {round}"))?;
    }
    Ok(())
}

fn mappings(bench: &mut Bench<'_>) -> Checked {
    let before = bench.frame_mappings()?;
    a_stream(bench)?;
    let now = bench.frame_mappings()?;
    require(now <= before, || format!("{before} mappings before, {now} after"))
}

fn ledger(bench: &mut Bench<'_>) -> Checked {
    let before = memory::ledger();
    a_stream(bench)?;
    let after = memory::ledger();
    require(before == after, || format!("{before:?} before, {after:?} after"))
}

fn ledger_frames(bench: &mut Bench<'_>) -> Checked {
    let before = memory::ledger();
    let mut streaming = bench.streaming(2)?;
    let frame = bench.frame(&mut *streaming.camera)?;
    drop(streaming);
    let held = memory::ledger();
    require(held.buffers > before.buffers, || "a frame that is held is not in the ledger".to_owned())?;
    drop(frame);
    let after = memory::ledger();
    require(before == after, || format!("{before:?} before, {after:?} after"))
}

/// Pages that this process touched for the first time: the kernel counts them.
fn page_faults(bench: &Bench<'_>) -> Result<u64, Stop> {
    let file = bench.subject.roots.proc.join("self/stat");
    let skipped = || Stop::Skip(format!("{} does not tell the page faults", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|_| skipped())?;
    // The name before it may hold anything, up to its last bracket.
    let fields = text.rsplit_once(')').ok_or_else(skipped)?.1;
    fields.split_whitespace().nth(7).and_then(|count| count.parse().ok()).ok_or_else(skipped)
}

fn no_copies(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node_path()?;
    // Of a heap all pages are mapped at once; those of a memfd come one by one, and are counted.
    let Some((_, source)) = bench.subject.memory.iter().find(|(_, source)| *source == Source::Udmabuf) else {
        return Err(Stop::Skip("this machine has no memory to import whose pages are counted".to_owned()));
    };
    let mut camera = V4l2Camera::open_on(&*node.kernel, &node.path)?;
    camera.use_memory(Some(source.clone()));
    // So large that what a process touches for the first time by and by is less than a frame.
    let large =
        |mode: &&Mode| mode.format.row_bytes(mode.width) * mode.height as usize >= 64 * memory::page_size();
    let small = bench.small_mode(&camera)?;
    let mode = crate::Camera::modes(&camera)?.iter().rev().find(large).copied().unwrap_or(small);
    let config = match crate::Camera::configure(&mut camera, &StreamRequest { mode, held: 2 }) {
        Err(error) if error.kind() == crate::error::ErrorKind::Unsupported => {
            return Err(Stop::NotSupported(error.to_string()));
        }
        config => config?,
    };
    crate::Camera::start(&mut camera)?;
    bench.frame(&mut camera)?;
    let before = page_faults(bench)?;
    for _ in 0..bench.effort.frames {
        bench.frame(&mut camera)?;
    }
    let during = page_faults(bench)? - before;
    // A slot's pages are touched first by whoever reads them: as many faults as a frame has pages are one copy.
    let pages = (config.size_bytes / memory::page_size()).max(1) as u64;
    let one = bench.frame(&mut camera)?;
    let before = page_faults(bench)?;
    std::hint::black_box(one.read()?.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)));
    let copied = page_faults(bench)? - before;
    if copied * 2 < pages {
        return Err(Stop::Skip(format!("reading a frame of {pages} pages counts {copied} page faults here")));
    }
    require(during < pages, || {
        format!(
            "{} frames of {pages} pages cost {during} page faults, reading one costs {copied}",
            bench.effort.frames
        )
    })
}
