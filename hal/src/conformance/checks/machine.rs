//! The machine beside the camera: memory, clock, heat, pressure.

use std::time::Duration;

use super::page;
use crate::conformance::bench::Bench;
use crate::conformance::{Check, Checked, Stop, require};
use crate::machine;
use crate::machine::pressure::{Meter, Resource};
use crate::machine::thermal::{self, Mode, TripKind, Zone};
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
    Check::new(
        "machine.thermal.zones",
        "each thermal zone has a name, and is enabled or disabled",
        page::THERMAL,
        thermal_zones,
    ),
    Check::new(
        "machine.thermal.temperatures",
        "each enabled thermal zone has a temperature that a board can have",
        page::THERMAL,
        thermal_temperatures,
    )
    .after(&["machine.thermal.zones"]),
    Check::new(
        "machine.thermal.trips",
        "trip points are told, and a zone's critical one lies above its passive ones",
        page::THERMAL,
        thermal_trips,
    )
    .after(&["machine.thermal.zones"]),
    Check::new(
        "machine.thermal.cooling",
        "each cooling device is in one of its states",
        page::THERMAL,
        thermal_cooling,
    ),
    Check::new("machine.pressure.cpu", "the pressure on the processor is told", page::PSI, pressure_cpu),
    Check::new("machine.pressure.memory", "the pressure on memory is told", page::PSI, pressure_memory),
    Check::new("machine.pressure.io", "the pressure on storage is told", page::PSI, pressure_io),
    Check::new(
        "machine.pressure.grows",
        "the time that tasks waited never shrinks",
        page::PSI,
        pressure_grows,
    )
    .after(&["machine.pressure.cpu"]),
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

#[track_caller]
fn told<T>(result: Result<T, machine::Error>) -> Result<T, Stop> {
    result.map_err(|error| match error {
        machine::Error::Unsupported { .. } => Stop::NotSupported(error.to_string()),
        _ => Stop::fail(error.to_string()),
    })
}

fn zones(bench: &Bench<'_>) -> Result<Vec<Zone>, Stop> {
    let zones = told(thermal::zones(&bench.subject.roots.sys))?;
    if zones.is_empty() {
        return Err(Stop::NotSupported("the kernel knows no thermal sensor".to_owned()));
    }
    Ok(zones)
}

fn thermal_zones(bench: &mut Bench<'_>) -> Checked {
    for zone in zones(bench)? {
        let kind = told(zone.kind)?;
        require(!kind.is_empty(), || format!("{} has no name", zone.name))?;
        match zone.mode {
            Ok(_) | Err(machine::Error::Unsupported { .. }) => {}
            Err(error) => return Err(Stop::fail(error.to_string())),
        }
    }
    Ok(())
}

fn thermal_temperatures(bench: &mut Bench<'_>) -> Checked {
    for zone in zones(bench)?.iter().filter(|zone| zone.mode != Ok(Mode::Disabled)) {
        told(zone.temperature())?;
    }
    Ok(())
}

fn thermal_trips(bench: &mut Bench<'_>) -> Checked {
    for zone in zones(bench)? {
        let trips = zone.trips.into_iter().map(told).collect::<Result<Vec<_>, _>>()?;
        let of =
            |kind: TripKind| trips.iter().filter(move |trip| trip.kind == kind).map(|trip| trip.temperature);
        let (passive, critical) = (of(TripKind::Passive).max(), of(TripKind::Critical).min());
        let ordered = passive.zip(critical).is_none_or(|(passive, critical)| passive < critical);
        require(ordered, || format!("{}: passive at {passive:?}, critical at {critical:?}", zone.name))?;
    }
    Ok(())
}

fn thermal_cooling(bench: &mut Bench<'_>) -> Checked {
    let devices = told(thermal::cooling_devices(&bench.subject.roots.sys))?;
    if devices.is_empty() {
        return Err(Stop::NotSupported("the kernel knows no cooling device".to_owned()));
    }
    for device in devices {
        told(device.state())?;
    }
    Ok(())
}

fn pressure(bench: &Bench<'_>, resource: Resource) -> Result<u64, Stop> {
    let pressure = told(Meter::of_system(&bench.subject.roots.proc, resource).read())?;
    let Some(some) = pressure.some else { return Err(Stop::fail("no line says `some`")) };
    let shares = [some.avg10, some.avg60, some.avg300];
    require(shares.iter().all(|share| (0.0..=100.0).contains(share)), || format!("{some:?}"))?;
    Ok(some.total_us)
}

fn pressure_cpu(bench: &mut Bench<'_>) -> Checked {
    pressure(bench, Resource::Cpu).map(|_| ())
}

fn pressure_memory(bench: &mut Bench<'_>) -> Checked {
    pressure(bench, Resource::Memory).map(|_| ())
}

fn pressure_io(bench: &mut Bench<'_>) -> Checked {
    pressure(bench, Resource::Io).map(|_| ())
}

fn pressure_grows(bench: &mut Bench<'_>) -> Checked {
    let first = pressure(bench, Resource::Cpu)?;
    std::thread::sleep(Duration::from_millis(5));
    let second = pressure(bench, Resource::Cpu)?;
    require(second >= first, || format!("{first} microseconds, then {second}"))
}
