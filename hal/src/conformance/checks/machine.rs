//! The machine beside the camera: memory, clock, heat, pressure.

use std::time::Duration;

use super::page;
use crate::conformance::bench::Bench;
use crate::conformance::{Check, Checked, Stop, require};
use crate::memory::{self, Probe, Source};

pub(super) const CHECKS: &[Check] = &[
    Check::new("machine.clock.monotonic", "the monotonic clock goes on and never back", page::TRAIT, clock),
    Check::new(
        "machine.memory.sources",
        "every source of memory that the machine has gives memory that is read",
        page::HEAPS,
        memory_sources,
    ),
    Check::new(
        "machine.memory.zeroed",
        "new memory is zero: nothing of another program is in it",
        page::HEAPS,
        memory_zeroed,
    )
    .after(&["machine.memory.sources"]),
    Check::new(
        "machine.memory.guard",
        "what is written through a guard is read through the next",
        page::SYNC,
        memory_guard,
    )
    .after(&["machine.memory.sources"]),
    Check::new(
        "machine.memory.detached",
        "memory whose source must have it back keeps its bytes",
        page::MEMORY,
        memory_detached,
    )
    .after(&["machine.memory.sources"]),
    Check::new(
        "machine.memory.budget",
        "memory beyond what the machine has is refused",
        page::MEMORY,
        memory_budget,
    ),
];

fn clock(_: &mut Bench<'_>) -> Checked {
    use nix::time::{ClockId, clock_gettime};
    let now = || -> Result<Duration, Stop> {
        Ok(crate::conformance::works("clock_gettime", clock_gettime(ClockId::CLOCK_MONOTONIC))?.into())
    };
    let mut last = now()?;
    for _ in 0..1000 {
        let next = now()?;
        require(next >= last, || format!("{next:?} comes behind {last:?}"))?;
        last = next;
    }
    Ok(())
}

const BYTES: usize = 1 << 20;

fn usable(bench: &Bench<'_>) -> Vec<Source> {
    memory::sources(&bench.subject.roots.dev)
}

fn memory_sources(bench: &mut Bench<'_>) -> Checked {
    for source in usable(bench) {
        let probe = Probe::new(&source, BYTES, None);
        require(probe.read.is_ok(), || format!("{source}: {:?}", probe.read))?;
    }
    Ok(())
}

fn memory_zeroed(bench: &mut Bench<'_>) -> Checked {
    for source in usable(bench) {
        let buffer = source.allocate(BYTES, "latent conformance")?;
        let bytes = buffer.read()?;
        let stray = bytes.iter().position(|byte| *byte != 0);
        require(stray.is_none(), || format!("{source}: byte {stray:?} is not zero"))?;
    }
    Ok(())
}

fn memory_guard(bench: &mut Bench<'_>) -> Checked {
    for source in usable(bench) {
        let buffer = source.allocate(BYTES, "latent conformance")?;
        for (index, byte) in buffer.write()?.iter_mut().enumerate() {
            *byte = (index % 251) as u8;
        }
        let bytes = buffer.read()?;
        let wrong = bytes.iter().enumerate().position(|(index, byte)| *byte != (index % 251) as u8);
        require(wrong.is_none(), || format!("{source}: byte {wrong:?}"))?;
    }
    Ok(())
}

fn memory_detached(bench: &mut Bench<'_>) -> Checked {
    for source in usable(bench) {
        let buffer = source.allocate(BYTES, "latent conformance")?;
        buffer.write()?.fill(7);
        require(buffer.detach(Duration::ZERO)?, || format!("{source}: it cannot be moved"))?;
        require(buffer.read()?.iter().all(|byte| *byte == 7), || format!("{source}: its bytes changed"))?;
    }
    Ok(())
}

fn memory_budget(bench: &mut Bench<'_>) -> Checked {
    for source in usable(bench) {
        let given = source.allocate(usize::MAX / 2, "latent conformance");
        require(given.is_err(), || format!("{source} gives {} bytes", usize::MAX / 2))?;
    }
    Ok(())
}
