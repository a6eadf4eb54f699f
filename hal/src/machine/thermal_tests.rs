//! Thermal zones in folders made for the test.

use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;
use crate::discovery::SYSFS;

/// A sysfs with these files under the class's folder.
fn sysfs(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = root.path().join(CLASS).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

const ROCKCHIP: [(&str, &str); 13] = [
    ("thermal_zone10/type", "gpu-thermal\n"),
    ("thermal_zone10/temp", "-4375\n"),
    ("thermal_zone2/type", "cpu-thermal\n"),
    ("thermal_zone2/temp", "47222\n"),
    ("thermal_zone2/mode", "enabled\n"),
    ("thermal_zone2/policy", "step_wise\n"),
    ("thermal_zone2/trip_point_1_type", "critical\n"),
    ("thermal_zone2/trip_point_1_temp", "95000\n"),
    ("thermal_zone2/trip_point_1_hyst", "2000\n"),
    ("thermal_zone2/trip_point_0_type", "passive\n"),
    ("thermal_zone2/trip_point_0_temp", "70000\n"),
    ("cooling_device0/type", "thermal-cpufreq-0\n"),
    ("cooling_device0/max_state", "7\n"),
];

fn failed(error: &Error) -> (&Path, &str) {
    match error {
        Error::Failed { path, got, .. } => (path, got),
        other => panic!("not a failure: {other:?}"),
    }
}

#[test]
fn zones_come_by_their_numbers_with_all_that_the_kernel_says() {
    let root = sysfs(&ROCKCHIP);
    let zones = zones(root.path()).unwrap();
    let names: Vec<_> =
        zones.iter().map(|zone| (zone.name.as_str(), zone.kind.as_deref().unwrap())).collect();
    assert_eq!(names, [("thermal_zone2", "cpu-thermal"), ("thermal_zone10", "gpu-thermal")]);
    let cpu = &zones[0];
    assert_eq!((cpu.temperature(), cpu.mode.clone()), (Ok(47_222), Ok(Mode::Enabled)));
    assert_eq!(cpu.policy.as_deref(), Ok("step_wise"));
    let trips: Vec<_> = cpu.trips.iter().map(|trip| trip.clone().unwrap()).collect();
    assert_eq!((trips[0].index, &trips[0].kind, trips[0].temperature), (0, &TripKind::Passive, 70_000));
    assert_eq!((trips[1].index, &trips[1].kind, trips[1].temperature), (1, &TripKind::Critical, 95_000));
    assert_eq!(trips[1].hysteresis, Ok(2000));
    assert!(
        matches!(&trips[0].hysteresis, Err(Error::Unsupported { path, .. }) if path.ends_with("trip_point_0_hyst"))
    );
}

#[test]
fn cold_is_a_temperature_like_any_other() {
    let root = sysfs(&ROCKCHIP);
    assert_eq!(zones(root.path()).unwrap()[1].temperature(), Ok(-4375));
}

#[test]
fn what_a_zone_does_not_have_is_unsupported_and_not_failed() {
    let root = sysfs(&ROCKCHIP);
    let gpu = &zones(root.path()).unwrap()[1];
    assert!(matches!(gpu.mode, Err(Error::Unsupported { .. })), "{:?}", gpu.mode);
    assert!(matches!(gpu.policy, Err(Error::Unsupported { .. })), "{:?}", gpu.policy);
    assert_eq!(gpu.trips, []);
}

#[test]
fn a_kernel_without_thermal_zones_is_unsupported_and_one_without_sensors_has_none() {
    let root = tempfile::tempdir().unwrap();
    for error in [zones(root.path()).unwrap_err(), cooling_devices(root.path()).unwrap_err()] {
        assert!(matches!(&error, Error::Unsupported { path, .. } if path.ends_with(CLASS)), "{error}");
    }
    fs::create_dir_all(root.path().join(CLASS)).unwrap();
    assert_eq!((zones(root.path()), cooling_devices(root.path())), (Ok(vec![]), Ok(vec![])));
}

#[test]
fn numbers_that_stand_for_no_measurement_are_failures_and_neither_hot_nor_cold() {
    for text in
        ["-274000", "2147483647", "-2147483648", "250001", "99999999999", "", "\n", "hot", "47.5", "0x10"]
    {
        let root = sysfs(&[("thermal_zone0/type", "soc"), ("thermal_zone0/temp", text)]);
        let error = zones(root.path()).unwrap()[0].temperature().unwrap_err();
        let (path, got) = failed(&error);
        assert!(path.ends_with("thermal_zone0/temp") && got.contains(text.trim()), "{error}");
        assert!(error.to_string().contains("expected a temperature"), "{error}");
    }
    for (text, value) in [("250000", 250_000), ("-100000", -100_000), ("0\n", 0), (" 1 \n", 1)] {
        assert_eq!(parse_temperature(text), Ok(value));
    }
}

#[test]
fn a_trip_point_that_is_switched_off_hides_no_other() {
    let root = sysfs(&[
        ("thermal_zone0/type", "x86_pkg_temp"),
        ("thermal_zone0/trip_point_0_type", "passive"),
        ("thermal_zone0/trip_point_0_temp", "-274000"),
        ("thermal_zone0/trip_point_1_type", "hot"),
        ("thermal_zone0/trip_point_1_temp", "90000"),
        ("thermal_zone0/trip_point_2_type", "configurable"),
        ("thermal_zone0/trip_point_2_temp", "91000"),
        ("thermal_zone0/trip_point_2_hyst", "-1"),
        ("thermal_zone0/trip_point_x_type", "hot"),
        ("thermal_zone0/trip_point_+3_type", "hot"),
    ]);
    let trips = zones(root.path()).unwrap().remove(0).trips;
    assert_eq!(trips.len(), 3);
    let error = trips[0].as_ref().unwrap_err();
    assert!(failed(error).0.ends_with("trip_point_0_temp"));
    assert_eq!(trips[1].as_ref().unwrap().kind, TripKind::Hot);
    let last = trips[2].as_ref().unwrap();
    assert_eq!(last.kind, TripKind::Other("configurable".to_owned()));
    assert_eq!(failed(last.hysteresis.as_ref().unwrap_err()).1, "`-1`");
}

#[test]
fn a_zone_that_goes_while_it_is_read_is_left_out_and_then_failed() {
    let root = sysfs(&ROCKCHIP);
    // In sysfs the class holds links to the devices; one that leads nowhere is a device that just went.
    symlink(root.path().join("devices/gone"), root.path().join(CLASS).join("thermal_zone3")).unwrap();
    symlink(root.path().join("devices/gone"), root.path().join(CLASS).join("cooling_device3")).unwrap();
    let zones = zones(root.path()).unwrap();
    assert_eq!(zones.len(), 2);
    assert_eq!(cooling_devices(root.path()).unwrap().len(), 1);
    fs::remove_dir_all(root.path().join(CLASS).join("thermal_zone2")).unwrap();
    let error = zones[0].temperature().unwrap_err();
    assert!(failed(&error).0.ends_with("thermal_zone2/temp"), "{error}");
}

#[test]
fn a_sensor_that_sleeps_is_failed_with_what_the_system_said() {
    for errno in [nix::errno::Errno::EAGAIN, nix::errno::Errno::EIO, nix::errno::Errno::EINVAL] {
        let refused = std::io::Error::from_raw_os_error(errno as i32);
        let error = super::super::unread(Path::new("thermal_zone0/temp"), "a temperature in m°C", &refused);
        assert!(failed(&error).1.contains(&refused.to_string()), "{error}");
    }
    // Reading a folder is refused by the kernel itself.
    let root = sysfs(&[("thermal_zone0/type", "soc"), ("thermal_zone0/temp/x", "")]);
    let error = zones(root.path()).unwrap()[0].temperature().unwrap_err();
    assert!(failed(&error).1.contains("os error"), "{error}");
}

#[test]
fn cooling_devices_tell_their_state() {
    let root = sysfs(&ROCKCHIP);
    let file = root.path().join(CLASS).join("cooling_device0/cur_state");
    let device = cooling_devices(root.path()).unwrap().remove(0);
    assert_eq!((device.kind.as_deref(), &device.max_state), (Ok("thermal-cpufreq-0"), &Ok(7)));
    assert!(failed(&device.state().unwrap_err()).0.ends_with("cooling_device0/cur_state"));
    for (text, state) in [("0\n", Some(0)), ("7", Some(7)), ("8", None), ("-1", None), ("", None)] {
        fs::write(&file, text).unwrap();
        assert_eq!(device.state().ok(), state, "{text}");
    }
}

#[test]
fn a_zone_without_a_name_hides_no_other() {
    let root = sysfs(&[
        ("thermal_zone0/temp", "1"),
        ("thermal_zone1/type", "a\u{7}b"),
        ("thermal_zone2/type", "soc"),
    ]);
    let kinds: Vec<_> = zones(root.path()).unwrap().into_iter().map(|zone| zone.kind).collect();
    assert!(failed(kinds[0].as_ref().unwrap_err()).0.ends_with("thermal_zone0/type"));
    assert_eq!(failed(kinds[1].as_ref().unwrap_err()).1, "`a\\u{7}b`");
    assert_eq!(kinds[2].as_deref(), Ok("soc"));
}

#[test]
fn this_machines_zones_are_read() {
    let zones = match zones(Path::new(SYSFS)) {
        Ok(zones) if zones.is_empty() => return println!("SKIP this kernel knows no thermal zone"),
        Ok(zones) => zones,
        Err(error @ Error::Unsupported { .. }) => return println!("SKIP {error}"),
        Err(error) => panic!("{error}"),
    };
    for zone in zones {
        assert!(zone.kind.is_ok(), "{zone:?}");
        match zone.temperature() {
            Ok(temperature) => assert!(PLAUSIBLE.contains(&temperature)),
            Err(error) => assert!(matches!(error, Error::Failed { .. }), "{error}"),
        }
    }
}

proptest! {
    #[test]
    fn every_temperature_that_can_be_comes_back_and_no_other(value: i32) {
        prop_assert_eq!(parse_temperature(&format!("{value}\n")).ok(), Some(value).filter(|value| PLAUSIBLE.contains(value)));
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = (parse_temperature(&text), parse_hysteresis(&text), parse_state(&text));
        let _ = (parse_mode(&text), parse_trip_kind(&text));
    }
}
