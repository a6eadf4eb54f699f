//! Where frame memory can come from on this machine, and what each source really gives.
//!
//! Found by looking, never by a list of boards: every heap under `/dev/dma_heap`, `/dev/udmabuf`, and memfds, which only
//! CPUs can use. <https://docs.kernel.org/userspace-api/dma-buf-heaps.html>

use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::{Buffer, MemoryKind, ledger, map_failed, udmabuf};
use crate::error::Error;
use crate::uapi::dma_buf;

/// Names of heaps whose memory is in one piece, as kernels have called them; each is better than the one behind it.
const CONTIGUOUS: [&str; 4] = ["default_cma_region", "linux,cma", "reserved", "default-pool"];
const SCATTERED: &str = "system";

/// A source of frame memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A DMA-buf heap, by its file.
    Heap(PathBuf),
    /// Pages of this process that `/dev/udmabuf` makes a DMA-buf of.
    Udmabuf,
    /// Pages of this process, for CPUs alone.
    Memfd,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heap(path) => path.display().fmt(f),
            Self::Udmabuf => f.write_str("/dev/udmabuf"),
            Self::Memfd => f.write_str("memfd"),
        }
    }
}

/// True for a heap by whose name its memory is in one piece.
pub(crate) fn is_contiguous(heap: &Path) -> bool {
    heap.file_name().is_some_and(|name| CONTIGUOUS.iter().any(|known| name == *known))
}

/// The sources under a device folder (usually `/dev`): contiguous heaps, the system heap, other heaps by name, udmabuf,
/// memfd.
pub fn sources(dev: &Path) -> Vec<Source> {
    let rank = |name: &str| {
        let contiguous = CONTIGUOUS.iter().position(|known| *known == name);
        contiguous.unwrap_or(if name == SCATTERED { CONTIGUOUS.len() } else { CONTIGUOUS.len() + 1 })
    };
    let entries = std::fs::read_dir(dev.join("dma_heap")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_by_key(|name| (rank(name), name.clone()));
    let mut sources: Vec<Source> =
        names.into_iter().map(|name| Source::Heap(dev.join("dma_heap").join(name))).collect();
    if dev.join("udmabuf").exists() {
        sources.push(Source::Udmabuf);
    }
    sources.push(Source::Memfd);
    sources
}

impl Source {
    /// New zeroed memory of at least `len` bytes; `name` is for errors and the kernel's lists.
    ///
    /// # Errors
    /// [`Error::System`] when it gives none.
    pub fn allocate(&self, len: usize, name: &str) -> Result<Buffer, Error> {
        let failed = |operation, errno| super::failed(&format!("{name} ({self})"), operation, errno, len);
        // The system heap would take page after page until the machine has none left.
        if len > ledger::machine_bytes() {
            return Err(failed("allocate", Errno::ENOMEM));
        }
        let (file, kind) = match self {
            Self::Memfd => (super::sealed_memfd(name, len)?.0, MemoryKind::Memfd),
            Self::Udmabuf => {
                let (memory, rounded) = super::sealed_memfd(name, len)?;
                let file =
                    udmabuf::from_memfd(&memory, rounded).map_err(|errno| failed("UDMABUF_CREATE", errno))?;
                (file, MemoryKind::Udmabuf)
            }
            Self::Heap(path) => {
                let heap = open(path).map_err(|errno| failed("open", errno))?;
                let file = dma_buf::allocate(heap.as_fd(), len.max(1))
                    .map_err(|errno| failed("DMA_HEAP_IOCTL_ALLOC", errno))?;
                (file, MemoryKind::Heap)
            }
        };
        name_it(&file, kind, name);
        Buffer::own(file, len, kind, name.to_owned()).map_err(|error| map_failed(name, len, &error))
    }
}

fn open(path: &Path) -> nix::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))
}

/// A name helps those who look for who has the memory; that it cannot be given harms nobody.
fn name_it(file: &OwnedFd, kind: MemoryKind, name: &str) {
    if kind != MemoryKind::Memfd {
        let _ = dma_buf::set_name(file.as_fd(), name);
    }
}

/// What a source gave when it was tried.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The source.
    pub source: Source,
    /// Bytes a second at which the CPU read it, after its pages were there; or why it gave nothing.
    pub read: Result<u64, String>,
    /// Whether the camera took it, where one was asked; or why not.
    pub import: Option<Result<(), String>>,
}

/// Offers memory to a camera; the error says why it was not taken.
pub type Offer<'a> = &'a dyn Fn(&Buffer) -> Result<(), String>;

impl Probe {
    /// Allocates `len` bytes, reads them twice (the first time brings the pages in), and offers them to a camera.
    pub fn new(source: &Source, len: usize, import: Option<Offer<'_>>) -> Self {
        let source = source.clone();
        let buffer = match source.allocate(len, "latent probe") {
            Ok(buffer) => buffer,
            Err(error) => return Self { source, read: Err(error.to_string()), import: None },
        };
        let timed = || -> Result<Duration, Error> {
            let bytes = buffer.read()?;
            let begun = Instant::now();
            let sum = bytes.chunks(64).fold(0u8, |sum, line| sum.wrapping_add(line[0]));
            std::hint::black_box(sum);
            Ok(begun.elapsed())
        };
        let read = timed().and_then(|_| timed()).map_err(|error| error.to_string());
        let read = read.map(|time| {
            let nanos = time.as_nanos().max(1);
            u64::try_from(len as u128 * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
        });
        let import = import.map(|offer| offer(&buffer));
        Self { source, read, import }
    }

    fn usable(&self) -> Option<u64> {
        if self.import.as_ref().is_some_and(Result::is_err) {
            return None;
        }
        self.read.as_ref().ok().copied()
    }
}

/// The source to use, and why: the first of those that the camera takes, unless the CPU reads another one several times
/// as fast (the first is not cached then).
///
/// # Errors
/// Why no source can be used.
pub fn choose(probes: &[Probe]) -> Result<(Source, String), String> {
    /// Cached memory is read ten times as fast as other memory; less is noise.
    const CACHED: u64 = 4;
    let usable: Vec<(&Probe, u64)> =
        probes.iter().filter_map(|probe| Some((probe, probe.usable()?))).collect();
    let Some((first, first_speed)) = usable.first() else {
        return Err(format!("no memory can be used: {}", reasons(probes)));
    };
    let (fastest, speed) = usable.iter().max_by_key(|(_, speed)| *speed).unwrap_or(&usable[0]);
    let megabytes = |speed: &u64| speed / 1_000_000;
    let (chosen, why) = if *speed / CACHED > *first_speed {
        let why = format!(
            "the CPU reads {} at {} MB/s, {} at {} MB/s only (not cached)",
            fastest.source,
            megabytes(speed),
            first.source,
            megabytes(first_speed)
        );
        (fastest, why)
    } else {
        (first, format!("{} works and is read at {} MB/s", first.source, megabytes(first_speed)))
    };
    let others = reasons(probes);
    let text = if others.is_empty() { why } else { format!("{why}; {others}") };
    Ok((chosen.source.clone(), text))
}

/// Why sources cannot be used.
fn reasons(probes: &[Probe]) -> String {
    let refused = probes.iter().filter_map(|probe| {
        let reason = probe.read.as_ref().err().or(probe.import.as_ref()?.as_ref().err())?;
        Some(format!("{}: {reason}", probe.source))
    });
    refused.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(name: &str) -> Source {
        Source::Heap(Path::new("/dev/dma_heap").join(name))
    }

    fn probe(source: Source, read: u64, import: Option<Result<(), String>>) -> Probe {
        Probe { source, read: Ok(read), import }
    }

    #[test]
    fn heaps_are_found_and_contiguous_ones_come_first() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(sources(root.path()), [Source::Memfd]);
        std::fs::create_dir(root.path().join("dma_heap")).unwrap();
        for name in ["vendor", "system", "linux,cma"] {
            std::fs::write(root.path().join("dma_heap").join(name), "").unwrap();
        }
        std::fs::write(root.path().join("udmabuf"), "").unwrap();
        let heap = |name: &str| Source::Heap(root.path().join("dma_heap").join(name));
        assert_eq!(
            sources(root.path()),
            [heap("linux,cma"), heap("system"), heap("vendor"), Source::Udmabuf, Source::Memfd]
        );
        // Files that are no heaps give no memory, and say which they are.
        let error = heap("system").allocate(4096, "frame").unwrap_err().to_string();
        assert!(error.contains("dma_heap/system") && error.contains("DMA_HEAP_IOCTL_ALLOC"), "{error}");
    }

    #[test]
    fn the_first_that_works_is_taken_unless_it_is_not_cached() {
        let fine =
            [probe(heap("linux,cma"), 3_000_000_000, None), probe(heap("system"), 5_000_000_000, None)];
        assert_eq!(choose(&fine).unwrap().0, heap("linux,cma"));
        let uncached =
            [probe(heap("linux,cma"), 100_000_000, None), probe(heap("system"), 5_000_000_000, None)];
        let (source, why) = choose(&uncached).unwrap();
        assert_eq!(source, heap("system"));
        assert!(why.contains("not cached") && why.contains("linux,cma"), "{why}");
    }

    #[test]
    fn what_a_camera_refuses_is_not_taken_and_the_reason_is_told() {
        let refusal = Some(Err("VIDIOC_PREPARE_BUF failed: EFAULT".to_owned()));
        let probes = [probe(heap("system"), 1, refusal.clone()), probe(Source::Udmabuf, 1, Some(Ok(())))];
        let (source, why) = choose(&probes).unwrap();
        assert_eq!(source, Source::Udmabuf);
        assert!(why.contains("system") && why.contains("EFAULT"), "{why}");
        assert!(choose(&[probe(heap("system"), 1, refusal)]).unwrap_err().contains("EFAULT"));
    }

    #[test]
    fn memfds_are_probed_on_every_machine() {
        let found =
            Probe::new(&Source::Memfd, 1 << 20, Some(&|buffer| Err(format!("{} bytes", buffer.len()))));
        assert!(found.read.is_ok_and(|speed| speed > 0));
        assert_eq!(found.import, Some(Err("1048576 bytes".to_owned())));
    }
}
