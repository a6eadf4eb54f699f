//! The kernel's text files: thermal zones, pressure, and the list of video devices, each on its own and as a tree.

use std::fs;
use std::path::Path;

use latent_hal::machine::pressure::{self, Meter, Resource};
use latent_hal::machine::{Error, thermal};
use latent_hal::{discovery, machine};

use crate::files;

/// The files of the tree, in the order of the input's parts.
const TREE: [&str; 14] = [
    "class/thermal/thermal_zone0/temp",
    "class/thermal/thermal_zone0/type",
    "class/thermal/thermal_zone0/mode",
    "class/thermal/thermal_zone0/policy",
    "class/thermal/thermal_zone0/trip_point_0_type",
    "class/thermal/thermal_zone0/trip_point_0_temp",
    "class/thermal/thermal_zone0/trip_point_0_hyst",
    "class/thermal/cooling_device0/type",
    "class/thermal/cooling_device0/max_state",
    "class/thermal/cooling_device0/cur_state",
    "pressure/cpu",
    "class/video4linux/video0/name",
    "class/video4linux/video0/uevent",
    "dev/char/81:0/uevent",
];

pub(crate) fn run(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    if kind % 8 == 0 {
        tree(rest);
    } else {
        text(&String::from_utf8_lossy(rest));
    }
}

fn text(text: &str) {
    if let Ok(pressure) = pressure::parse(text) {
        check(&pressure);
        assert!(pressure.some.is_some() || pressure.full.is_some());
    }
    if let Ok(temperature) = thermal::parse_temperature(text) {
        assert!(thermal::PLAUSIBLE.contains(&temperature));
    }
    assert!(
        thermal::parse_hysteresis(text).is_ok_and(|value| value >= 0)
            || thermal::parse_hysteresis(text).is_err()
    );
    let _ = (thermal::parse_state(text), thermal::parse_mode(text));
    if let Err(malformed) = thermal::parse_trip_kind(text) {
        assert!(malformed.got.chars().count() <= 1000 && !malformed.got.contains('\n'), "{malformed:?}");
    }
}

/// A part for each file, ended by a zero; a file whose part is missing is missing too.
fn tree(data: &[u8]) {
    let root = files::folder();
    let mut parts = data.split(|byte| *byte == 0);
    for file in TREE {
        let path = root.join(file);
        match parts.next() {
            Some(part) => {
                let folder = path.parent().expect("a file has a folder");
                fs::create_dir_all(folder).expect("a folder");
                fs::write(&path, part).expect("room for the input");
            }
            None => drop(fs::remove_file(&path)),
        }
    }
    for zone in thermal::zones(root).unwrap_or_default() {
        known(&zone.temperature());
        known(&zone.kind);
        known(&zone.mode);
        known(&zone.policy);
        for trip in &zone.trips {
            known(trip);
        }
    }
    for device in thermal::cooling_devices(root).unwrap_or_default() {
        let state = device.state();
        known(&state);
        if let (Ok(state), Ok(most)) = (state, device.max_state) {
            assert!(state <= most);
        }
    }
    let pressure = Meter::of_system(root, Resource::Cpu).read();
    known(&pressure);
    if let Ok(pressure) = pressure {
        check(&pressure);
    }
    let found = discovery::list(root).into_iter().map(|found| found.path);
    for path in found.chain(discovery::device_file(root, (81, 0))) {
        let inside = path.strip_prefix("/dev").unwrap_or_else(|_| panic!("{path:?} is no device file"));
        let plain = |part| matches!(part, std::path::Component::Normal(_));
        assert!(inside.components().count() > 0 && inside.components().all(plain), "{path:?}");
    }
}

/// A value, or an error that says where and what.
fn known<T>(answer: &Result<T, Error>) {
    match answer {
        Ok(_) => {}
        Err(Error::Unsupported { path, reason }) => assert!(named(path) && !reason.is_empty()),
        Err(Error::Failed { path, expected, got }) => {
            assert!(named(path) && !expected.is_empty() && !got.is_empty() && !got.contains('\n'));
        }
        Err(error) => panic!("nothing was asked of the kernel: {error}"),
    }
}

fn named(path: &Path) -> bool {
    path.starts_with(files::folder())
}

fn check(pressure: &machine::pressure::Pressure) {
    for stall in pressure.some.iter().chain(&pressure.full) {
        assert!([stall.avg10, stall.avg60, stall.avg300].iter().all(|avg| (0.0..=100.0).contains(avg)));
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let pressure = "some avg10=1.98 avg60=1.62 avg300=1.53 total=403289684\n\
                    full avg10=0.00 avg60=0.39 avg300=0.92 total=220917736\n";
    let tree = [
        "47222\n",
        "cpu-thermal\n",
        "enabled\n",
        "step_wise\n",
        "passive\n",
        "70000\n",
        "2000\n",
        "thermal-cpufreq-0\n",
        "7\n",
        "3\n",
        pressure,
        "rkisp1_mainpath\n",
        "MAJOR=81\nMINOR=0\nDEVNAME=video0\n",
        "MAJOR=81\nMINOR=0\nDEVNAME=v4l-subdev0\n",
    ]
    .join("\0");
    let with = |kind: u8, text: &str| [&[kind], text.as_bytes()].concat();
    vec![
        with(0, &tree),
        with(0, &tree.replace("47222", "-274000").replace("DEVNAME=", "DEVNAME=../")),
        with(1, pressure),
        with(1, "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
        with(1, "-4375\n"),
        with(1, "disabled\n"),
        with(1, "critical\n"),
    ]
}
