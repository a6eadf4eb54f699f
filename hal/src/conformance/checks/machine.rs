//! The machine beside the camera: memory, clock, heat, pressure.

use std::time::Duration;

use super::page;
use crate::conformance::bench::Bench;
use crate::conformance::{Check, Checked, Stop, require};
use crate::machine;
use crate::machine::pressure::{Meter, Resource};
use crate::machine::thermal::{self, Mode, TripKind, Zone};
use crate::memory;

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "machine.memory.sources",
        "every source of memory gives memory that is zero, keeps what is written, and can be moved",
        page::HEAPS,
        memory_sources,
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
];

const BYTES: usize = 1 << 20;

fn memory_sources(bench: &mut Bench<'_>) -> Checked {
    for source in memory::sources(&bench.subject.roots.dev) {
        let buffer = source.allocate(BYTES, "latent conformance")?;
        let stray = buffer.read()?.iter().position(|byte| *byte != 0);
        require(stray.is_none(), || format!("{source}: byte {stray:?} of new memory is not zero"))?;
        buffer.write()?.fill(7);
        let kept = |byte: &u8| *byte == 7;
        require(buffer.read()?.iter().all(kept), || format!("{source}: what was written is not read"))?;
        require(buffer.detach(Duration::ZERO)?, || format!("{source}: it cannot be moved"))?;
        require(buffer.read()?.iter().all(kept), || format!("{source}: moving it changed it"))?;
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
    let mut zones = zones(bench)?;
    zones.retain(|zone| zone.mode != Ok(Mode::Disabled));
    if zones.is_empty() {
        return Err(Stop::NotSupported("every thermal zone is disabled".to_owned()));
    }
    for zone in zones {
        told(zone.temperature())?;
    }
    Ok(())
}

fn thermal_trips(bench: &mut Bench<'_>) -> Checked {
    let mut seen = 0;
    for zone in zones(bench)? {
        let trips = zone.trips.into_iter().map(told).collect::<Result<Vec<_>, _>>()?;
        seen += trips.len();
        let of =
            |kind: TripKind| trips.iter().filter(move |trip| trip.kind == kind).map(|trip| trip.temperature);
        let (passive, critical) = (of(TripKind::Passive).max(), of(TripKind::Critical).min());
        let ordered = passive.zip(critical).is_none_or(|(passive, critical)| passive < critical);
        require(ordered, || format!("{}: passive at {passive:?}, critical at {critical:?}", zone.name))?;
    }
    if seen == 0 {
        return Err(Stop::NotSupported("no thermal zone has trip points".to_owned()));
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
