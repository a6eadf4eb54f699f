//! Thermal zones and cooling devices.
//! <https://docs.kernel.org/driver-api/thermal/sysfs-api.html>
//!
//! Temperatures are in thousandths of a degree Celsius. Sensors that sleep refuse to be read (`EAGAIN`, `EIO`, `EINVAL`),
//! and some say a number that stands for nothing (-274000, the largest integer): neither is hot or cold, both are
//! [`Error::Failed`].

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::{Error, Malformed, number, numbered, optional, required};

/// What a sensor of a board can measure, in m°C; what lies outside is no measurement.
pub const PLAUSIBLE: RangeInclusive<i32> = -100_000..=250_000;

/// The class's folder, under sysfs.
const CLASS: &str = "class/thermal";

/// A sensor with what the kernel does about it, as it was when it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its folder's name: `thermal_zone0`. Numbers may differ from boot to boot.
    pub name: String,
    /// What it is called: for most boards the device tree's name for it, at most 19 bytes, so that longer ones are cut.
    /// Several zones may have the same.
    pub kind: Result<String, Error>,
    /// Whether the kernel acts on it.
    pub mode: Result<Mode, Error>,
    /// The kernel's governor for it (`step_wise`, `power_allocator`).
    pub policy: Result<String, Error>,
    /// Its trip points, by their numbers.
    pub trips: Vec<Result<Trip, Error>>,
    folder: PathBuf,
}

/// Whether the kernel acts on a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Enabled,
    /// It does not; most drivers refuse to be read then.
    Disabled,
}

/// A temperature at which something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Its number in the zone.
    pub index: u32,
    /// What happens.
    pub kind: TripKind,
    /// Where, in m°C.
    pub temperature: i32,
    /// By how much it must fall below before that ends, in m°C.
    pub hysteresis: Result<i32, Error>,
}

/// What happens at a trip point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TripKind {
    /// A fan or its like is switched on.
    Active,
    /// Work is slowed down.
    Passive,
    /// The machine is about to be switched off; programs are told.
    Hot,
    /// The machine is switched off.
    Critical,
    /// Another one, in the kernel's word.
    Other(String),
}

/// Something that cools, or that can be slowed down to warm less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoolingDevice {
    /// Its folder's name: `cooling_device0`.
    pub name: String,
    /// What it is: `thermal-cpufreq-0`, `Fan`.
    pub kind: Result<String, Error>,
    /// The strongest state; 0 is none.
    pub max_state: Result<u64, Error>,
    folder: PathBuf,
}

/// The thermal zones under a sysfs mounted at `root` (usually [`crate::discovery::SYSFS`]), by their numbers; empty for a
/// kernel that knows no sensor. Zones that go meanwhile are left out. Sensors are not read. Blocks on none.
///
/// # Errors
/// [`Error::Unsupported`] for a kernel without thermal zones; [`Error::Failed`].
pub fn zones(root: &Path) -> Result<Vec<Zone>, Error> {
    let mut zones = Vec::new();
    for (name, folder) in numbered(&root.join(CLASS), "thermal_zone")? {
        let kind = required(&folder.join("type"), "the name of a sensor", word);
        let mode = optional(&folder.join("mode"), "enabled or disabled", parse_mode);
        let policy = optional(&folder.join("policy"), "the name of a governor", word);
        let trips = trips(&folder);
        // Looked at last: what was read of a zone that went meanwhile is of no use.
        if folder.is_dir() {
            zones.push(Zone { name, kind, mode, policy, trips, folder });
        }
    }
    Ok(zones)
}

/// The cooling devices, as [`zones`].
///
/// # Errors
/// As [`zones`].
pub fn cooling_devices(root: &Path) -> Result<Vec<CoolingDevice>, Error> {
    let mut devices = Vec::new();
    for (name, folder) in numbered(&root.join(CLASS), "cooling_device")? {
        let kind = required(&folder.join("type"), "the name of a cooling device", word);
        let max_state = required(&folder.join("max_state"), "a number of states", parse_state);
        if folder.is_dir() {
            devices.push(CoolingDevice { name, kind, max_state, folder });
        }
    }
    Ok(devices)
}

impl Zone {
    /// How hot it is now, in m°C. Blocks for as long as the driver takes to ask its sensor.
    ///
    /// # Errors
    /// [`Error::Failed`] for a sensor that sleeps, lies or is gone.
    pub fn temperature(&self) -> Result<i32, Error> {
        required(&self.folder.join("temp"), "a temperature in m°C", parse_temperature)
    }
}

impl CoolingDevice {
    /// The state that it is in now, at most [`CoolingDevice::max_state`]. Above 0 the kernel cools.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub fn state(&self) -> Result<u64, Error> {
        let path = self.folder.join("cur_state");
        let state = required(&path, "a state", parse_state)?;
        match self.max_state {
            Ok(most) if state > most => {
                let got = format!("{state} of {most}");
                Err(Error::Failed { path, expected: "a state up to the largest", got })
            }
            _ => Ok(state),
        }
    }
}

/// The trip points of a zone: what `trip_point_N_type` there is.
fn trips(folder: &Path) -> Vec<Result<Trip, Error>> {
    let mut numbers: Vec<u32> = match std::fs::read_dir(folder) {
        Ok(entries) => {
            let names = entries.flatten().map(|entry| entry.file_name());
            names.filter_map(|name| trip_number(name.to_str()?)).collect()
        }
        Err(_) => Vec::new(),
    };
    numbers.sort_unstable();
    let file = |index, part| folder.join(format!("trip_point_{index}_{part}"));
    let read = |index| {
        Ok(Trip {
            index,
            kind: required(&file(index, "type"), "a kind of trip point", parse_trip_kind)?,
            temperature: required(&file(index, "temp"), "a temperature in m°C", parse_temperature)?,
            hysteresis: optional(&file(index, "hyst"), "a difference in m°C", parse_hysteresis),
        })
    };
    numbers.into_iter().map(read).collect()
}

fn trip_number(file: &str) -> Option<u32> {
    file.strip_prefix("trip_point_")?.strip_suffix("_type").and_then(number)
}

/// Reads a temperature in m°C.
///
/// # Errors
/// What is no number, or lies outside of [`PLAUSIBLE`].
pub fn parse_temperature(text: &str) -> Result<i32, Malformed> {
    let wrong = || Malformed::new("a temperature from -100000 to 250000 m°C", text);
    let value: i32 = text.trim().parse().map_err(|_| wrong())?;
    if PLAUSIBLE.contains(&value) { Ok(value) } else { Err(wrong()) }
}

/// Reads a trip point's hysteresis in m°C, which is a difference and not below 0.
///
/// # Errors
/// What is none.
pub fn parse_hysteresis(text: &str) -> Result<i32, Malformed> {
    let wrong = || Malformed::new("a difference from 0 to 250000 m°C", text);
    let value: i32 = text.trim().parse().map_err(|_| wrong())?;
    if (0..=*PLAUSIBLE.end()).contains(&value) { Ok(value) } else { Err(wrong()) }
}

/// Reads a cooling device's state.
///
/// # Errors
/// What is no number.
pub fn parse_state(text: &str) -> Result<u64, Malformed> {
    text.trim().parse().map_err(|_| Malformed::new("a number", text))
}

/// Reads a zone's mode.
///
/// # Errors
/// Any other word.
pub fn parse_mode(text: &str) -> Result<Mode, Malformed> {
    match text.trim() {
        "enabled" => Ok(Mode::Enabled),
        "disabled" => Ok(Mode::Disabled),
        _ => Err(Malformed::new("enabled or disabled", text)),
    }
}

/// Reads a trip point's kind.
///
/// # Errors
/// What is no word.
pub fn parse_trip_kind(text: &str) -> Result<TripKind, Malformed> {
    Ok(match word(text)?.as_str() {
        "active" => TripKind::Active,
        "passive" => TripKind::Passive,
        "hot" => TripKind::Hot,
        "critical" => TripKind::Critical,
        other => TripKind::Other(other.to_owned()),
    })
}

/// One line of printable text.
fn word(text: &str) -> Result<String, Malformed> {
    let line = text.trim();
    if line.is_empty() || line.chars().any(char::is_control) {
        return Err(Malformed::new("a name in one line", text));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
#[path = "thermal_tests.rs"]
mod tests;
