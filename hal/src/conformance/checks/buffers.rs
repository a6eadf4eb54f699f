//! Buffers of the driver: made, asked about, exported, freed.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::stat::fstat;

use super::formats::another;
use super::page;
use crate::conformance::bench::{Bench, length_of};
use crate::conformance::{Check, Checked, Stop, refused, require, works};
use crate::kernel::{Import, Memory, Video};
use crate::memory::Buffer;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "buffers.request.some",
        "two buffers that are asked for are given, or more",
        page::REQBUFS,
        some,
    )
    .after(&["formats.list.known"]),
    Check::new(
        "buffers.request.close-frees",
        "closing the file that has the buffers gives them up to others",
        page::REQBUFS,
        close_frees,
    )
    .after(&["buffers.request.some"]),
    Check::new(
        "buffers.request.one",
        "a request for one buffer is answered with as many as streaming needs",
        page::REQBUFS,
        one,
    )
    .after(&["formats.list.known", "buffers.request.close-frees"]),
    Check::new(
        "buffers.request.many",
        "a request for more than can be is answered with fewer, or refused for lack of memory",
        page::REQBUFS,
        many,
    )
    .after(&["formats.list.known", "buffers.request.close-frees"]),
    Check::new(
        "buffers.request.none-frees",
        "a request for none frees all: no buffer can be asked about behind it",
        page::REQBUFS,
        none_frees,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.request.again",
        "buffers are asked for again and again without an end of memory",
        page::REQBUFS,
        again,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.request.other-busy",
        "while one file has buffers, another one gets none: EBUSY",
        page::REQBUFS,
        other_busy,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees", "identity.open.twice"]),
    Check::new(
        "buffers.request.capabilities",
        "the driver tells what its queue can do, memory of its own among it",
        page::REQBUFS,
        told_capabilities,
    )
    .after(&["buffers.request.close-frees"]),
    Check::new(
        "buffers.request.cache-hint",
        "cached memory can be asked for: where the driver has no choice, the wish is ignored",
        page::REQBUFS,
        cache_hint,
    )
    .after(&["formats.list.known", "buffers.request.close-frees"]),
    Check::new(
        "buffers.format.busy-own",
        "with buffers made, another format is refused with EBUSY",
        page::FMT,
        format_busy_own,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.format.busy-other",
        "while one file has buffers, another one cannot set the format",
        page::FMT,
        format_busy_other,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees", "identity.open.twice"]),
    Check::new("buffers.query.length", "each buffer has room for a frame", page::QUERYBUF, length)
        .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.query.behind-last",
        "a buffer behind the last is refused with EINVAL",
        page::QUERYBUF,
        query_behind_last,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new("buffers.export.each", "each buffer is exported as a file", page::EXPBUF, export_each)
        .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.export.behind-last",
        "exporting a buffer behind the last is refused with EINVAL",
        page::EXPBUF,
        export_behind_last,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new("buffers.export.size", "an exported file has room for the buffer", page::EXPBUF, export_size)
        .after(&["buffers.export.each"]),
    Check::new(
        "buffers.export.private",
        "an exported file is closed when another program is started (O_CLOEXEC)",
        page::EXPBUF,
        export_private,
    )
    .after(&["buffers.export.each"]),
    Check::new("buffers.export.distinct", "each buffer has memory of its own", page::EXPBUF, export_distinct)
        .after(&["buffers.export.each", "buffers.export.size"]),
    Check::new(
        "buffers.export.readable",
        "an exported buffer is mapped and read through its guard",
        page::SYNC,
        export_readable,
    )
    .after(&["buffers.export.size"]),
    Check::new(
        "buffers.export.outlives",
        "freed buffers stay readable where the driver says so, and cannot be freed where it does not",
        page::REQBUFS,
        export_outlives,
    )
    .after(&["buffers.export.readable"]),
    Check::new("buffers.queue.twice", "a buffer that is queued is refused: EINVAL", page::QBUF, queue_twice)
        .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.queue.behind-last",
        "a buffer behind the last is refused: EINVAL",
        page::QBUF,
        queue_behind_last,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.queue.foreign",
        "foreign memory for a queue of the driver's own is refused: EINVAL",
        page::QBUF,
        queue_foreign,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.dequeue.when-off",
        "no buffer is given before the stream is on: EINVAL",
        page::QBUF,
        dequeue_when_off,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
    Check::new(
        "buffers.remove.queued",
        "a buffer that is queued cannot be taken out of the queue",
        page::REMOVE,
        remove_queued,
    )
    .after(&["buffers.request.some", "buffers.request.close-frees"]),
];

fn some(bench: &mut Bench<'_>) -> Checked {
    let (_node, _, count) = bench.allocated(2)?;
    require(count >= 2, || format!("{count} buffers"))
}

fn one(bench: &mut Bench<'_>) -> Checked {
    let (_node, _, count) = bench.allocated(1)?;
    require((1..=64).contains(&count), || format!("{count} buffers"))
}

fn many(bench: &mut Bench<'_>) -> Checked {
    const MANY: u32 = 1024;
    let node = bench.node()?;
    bench.small_format(&*node)?;
    match node.request(MANY, Memory::Driver, false) {
        Ok(grant) => require((1..=MANY).contains(&grant.count), || format!("{} buffers", grant.count)),
        Err(Errno::ENOMEM) => Ok(()),
        Err(errno) => Err(Stop::fail(format!("{MANY} buffers are refused with {errno:?}"))),
    }
}

fn none_frees(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    works("VIDIOC_REQBUFS(0)", node.request(0, Memory::Driver, false))?;
    // A driver may say EBUSY: the file that freed them is no longer the one that has the queue.
    let refusals = [Errno::EINVAL, Errno::EBUSY];
    refused("VIDIOC_QUERYBUF of a freed buffer", node.lengths(0, Memory::Driver), &refusals)
}

fn again(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    for round in 0..bench.effort.restarts {
        let grant =
            works(&format!("VIDIOC_REQBUFS in round {round}"), node.request(3, Memory::Driver, false))?;
        require(grant.count >= 2, || format!("{} buffers in round {round}", grant.count))?;
    }
    Ok(())
}

fn other_busy(bench: &mut Bench<'_>) -> Checked {
    let (_node, _, _) = bench.allocated(2)?;
    let other = bench.node()?;
    refused("VIDIOC_REQBUFS of another file", other.request(2, Memory::Driver, false), &[Errno::EBUSY])
}

fn close_frees(bench: &mut Bench<'_>) -> Checked {
    drop(bench.allocated(2)?);
    bench.allocated(2).map(|_| ())
}

fn told_capabilities(bench: &mut Bench<'_>) -> Checked {
    const OWN: u32 = v4l2r::bindings::V4L2_BUF_CAP_SUPPORTS_MMAP;
    let grant = works("VIDIOC_REQBUFS(0)", bench.node()?.request(0, Memory::Driver, false))?;
    if grant.capabilities == 0 {
        return Err(Stop::NotSupported("the kernel is older than the field (4.20)".to_owned()));
    }
    require(grant.capabilities & OWN != 0, || format!("the capabilities are {:#x}", grant.capabilities))
}

fn cache_hint(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    bench.small_format(&*node)?;
    let grant = works("VIDIOC_REQBUFS", node.request(2, Memory::Driver, true))?;
    require(grant.count > 0, || "no buffer".to_owned())
}

fn length(bench: &mut Bench<'_>) -> Checked {
    let (node, format, count) = bench.allocated(3)?;
    let needed = format.planes.first().map_or(0, |plane| plane.size as usize);
    for index in 0..count {
        let length = length_of(&*node, index)?;
        require(length >= needed, || format!("buffer {index} has {length} bytes, a frame {needed}"))?;
    }
    Ok(())
}

fn query_behind_last(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.allocated(2)?;
    for index in [count, u32::MAX] {
        let call = format!("VIDIOC_QUERYBUF of buffer {index}");
        refused(&call, node.lengths(index, Memory::Driver), &[Errno::EINVAL])?;
    }
    Ok(())
}

fn export_each(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.allocated(3)?;
    for index in 0..count {
        works(&format!("VIDIOC_EXPBUF of buffer {index}"), node.export(index, 0))?;
    }
    Ok(())
}

fn export_behind_last(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.allocated(2)?;
    refused("VIDIOC_EXPBUF behind the last", node.export(count, 0), &[Errno::EINVAL])
}

fn export_size(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    let needed = length_of(&*node, 0)?;
    let file = works("VIDIOC_EXPBUF", node.export(0, 0))?;
    let size = works("lseek", nix::unistd::lseek(&file, 0, nix::unistd::Whence::SeekEnd))?;
    require(usize::try_from(size).is_ok_and(|size| size >= needed), || format!("{size} bytes for {needed}"))
}

fn export_private(bench: &mut Bench<'_>) -> Checked {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    let (node, _, _) = bench.allocated(2)?;
    let file = works("VIDIOC_EXPBUF", node.export(0, 0))?;
    let flags = works("F_GETFD", fcntl(file.as_fd(), FcntlArg::F_GETFD))?;
    require(FdFlag::from_bits_truncate(flags).contains(FdFlag::FD_CLOEXEC), || {
        format!("file {} stays open", file.as_raw_fd())
    })
}

/// Buffer `index` as frame memory.
fn exported(node: &dyn Video, index: u32) -> Result<Buffer, Stop> {
    let length = length_of(node, index)?;
    let file = works("VIDIOC_EXPBUF", node.export(index, 0))?;
    Ok(Buffer::from_exported(file, length, "the device under test")?)
}

fn export_distinct(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.allocated(3)?;
    let mut seen = std::collections::HashSet::new();
    for index in 0..count {
        let file = works("VIDIOC_EXPBUF", node.export(index, 0))?;
        let inode = works("fstat", fstat(&file))?.st_ino;
        require(seen.insert(inode), || format!("buffer {index} has the memory of another one"))?;
    }
    Ok(())
}

fn export_readable(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    let buffer = exported(&*node, 0)?;
    let bytes = buffer.read()?;
    std::hint::black_box(bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)));
    Ok(())
}

fn export_outlives(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    let buffer = exported(&*node, 0)?;
    let before = buffer.read()?.to_vec();
    match node.request(0, Memory::Driver, false) {
        Ok(grant) => {
            let same = *buffer.read()? == *before;
            require(same, || "the bytes of a freed buffer changed".to_owned())?;
            require(grant.orphans() || grant.capabilities == 0, || {
                "buffers that are in use were freed, which the capabilities rule out".to_owned()
            })
        }
        Err(Errno::EBUSY) => {
            drop(buffer);
            works("VIDIOC_REQBUFS(0) when nothing is mapped", node.request(0, Memory::Driver, false))
                .map(|_| ())
        }
        Err(errno) => Err(Stop::fail(format!("VIDIOC_REQBUFS(0) is refused: {errno}"))),
    }
}

fn queue_twice(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    works("VIDIOC_QBUF", node.queue(0, &[]))?;
    refused("VIDIOC_QBUF of a queued buffer", node.queue(0, &[]), &[Errno::EINVAL])
}

fn queue_behind_last(bench: &mut Bench<'_>) -> Checked {
    let (node, _, count) = bench.allocated(2)?;
    for index in [count, u32::MAX] {
        refused(&format!("VIDIOC_QBUF of buffer {index}"), node.queue(index, &[]), &[Errno::EINVAL])?;
    }
    Ok(())
}

fn queue_foreign(bench: &mut Bench<'_>) -> Checked {
    let (node, format, _) = bench.allocated(2)?;
    let size = format.planes.first().map_or(0, |plane| plane.size as usize);
    let buffer = Buffer::allocate(size, "foreign memory")?;
    let file = buffer.file();
    let import = Import { file: file.as_fd(), len: buffer.len() };
    refused("VIDIOC_QBUF with foreign memory", node.queue(0, &[import]), &[Errno::EINVAL])
}

fn dequeue_when_off(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(2)?;
    works("VIDIOC_QBUF", node.queue(0, &[]))?;
    refused("VIDIOC_DQBUF before VIDIOC_STREAMON", node.dequeue(Memory::Driver), &[Errno::EINVAL])
}

fn remove_queued(bench: &mut Bench<'_>) -> Checked {
    let (node, _, _) = bench.allocated(3)?;
    works("VIDIOC_QBUF", node.queue(0, &[]))?;
    match node.remove(0, 1) {
        Err(Errno::EBUSY) => Ok(()),
        Err(Errno::ENOTTY) => Err(Stop::NotSupported("VIDIOC_REMOVE_BUFS says ENOTTY".to_owned())),
        Err(errno) => Err(Stop::fail(format!("VIDIOC_REMOVE_BUFS is refused with {errno:?}, not EBUSY"))),
        Ok(()) => Err(Stop::fail("a queued buffer was removed")),
    }
}

fn format_busy_own(bench: &mut Bench<'_>) -> Checked {
    let (node, format, _) = bench.allocated(2)?;
    refused("VIDIOC_S_FMT", node.set_format(&another(&*node, &format)?), &[Errno::EBUSY])
}

fn format_busy_other(bench: &mut Bench<'_>) -> Checked {
    let (node, format, _) = bench.allocated(2)?;
    let other = bench.node()?;
    refused("VIDIOC_S_FMT of another file", other.set_format(&another(&*node, &format)?), &[Errno::EBUSY])
}
