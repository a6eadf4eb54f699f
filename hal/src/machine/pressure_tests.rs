//! Pressure in folders made for the test, and triggers of this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::super::PROCFS;
use super::*;

const MEMORY: &str = "some avg10=1.98 avg60=1.62 avg300=1.53 total=403289684\n\
                      full avg10=0.00 avg60=0.39 avg300=0.92 total=220917736\n";

fn procfs(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("pressure")).unwrap();
    for (file, text) in files {
        fs::write(root.path().join("pressure").join(file), text).unwrap();
    }
    root
}

fn refusal_of(error: &Error) -> &str {
    match error {
        Error::Refused { reason, .. } => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn both_shares_are_read() {
    let root = procfs(&[("memory", MEMORY)]);
    let pressure = Meter::of_system(root.path(), Resource::Memory).read().unwrap();
    let some = Stall { avg10: 1.98, avg60: 1.62, avg300: 1.53, total_us: 403_289_684 };
    let full = Stall { avg10: 0.0, avg60: 0.39, avg300: 0.92, total_us: 220_917_736 };
    assert_eq!(pressure, Pressure { some: Some(some), full: Some(full) });
}

#[test]
fn either_share_may_be_absent() {
    // The processor's of kernels before 5.13, and that of interrupts.
    let (some, full) = MEMORY.split_once('\n').unwrap();
    assert!(matches!(parse(some), Ok(Pressure { some: Some(_), full: None })));
    assert!(matches!(parse(full), Ok(Pressure { some: None, full: Some(_) })));
}

#[test]
fn later_kernels_may_say_more() {
    let text = MEMORY.replace(" total", " avg900=7.00 total") + "none avg10=1.00\n";
    assert_eq!(parse(&text), parse(MEMORY));
}

#[test]
fn what_cannot_be_is_told_with_its_file() {
    let line = "some avg10=1.00 avg60=1.00 avg300=1.00 total=1";
    for text in [
        String::new(),
        "nothing\n".to_owned(),
        "some".to_owned(),
        format!("{line}\n{line}"),
        line.replace("avg60=1.00", ""),
        line.replace("total=1", ""),
        line.replace("avg10=1.00", "avg10=100.01"),
        line.replace("avg10=1.00", "avg10=-1.00"),
        line.replace("avg10=1.00", "avg10=NaN"),
        line.replace("avg10=1.00", "avg10=1e1"),
        line.replace("avg10=1.00", "avg10"),
        line.replace("total=1", "total=18446744073709551616"),
    ] {
        let root = procfs(&[("io", &text)]);
        let error = Meter::of_system(root.path(), Resource::Io).read().unwrap_err();
        assert!(
            matches!(&error, Error::Failed { path, .. } if path.ends_with("pressure/io")),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_kernel_without_it_is_unsupported_and_a_group_that_is_not_there_is_failed() {
    let root = tempfile::tempdir().unwrap();
    let error = Meter::of_system(root.path(), Resource::Cpu).read().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains("psi=1"), "{error}");
    let with = procfs(&[]);
    let error = Meter::of_system(with.path(), Resource::Irq).read().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");

    let error = Meter::of_cgroup(root.path(), Resource::Cpu).read().unwrap_err();
    assert!(matches!(&error, Error::Unsupported { path, .. } if path.ends_with("cpu.pressure")), "{error}");
    fs::write(root.path().join("cpu.pressure"), MEMORY).unwrap();
    assert_eq!(Meter::of_cgroup(root.path(), Resource::Cpu).read(), Ok(parse(MEMORY).unwrap()));
    let group = root.path().join("app.slice");
    for error in [
        Meter::of_cgroup(&group, Resource::Cpu).read().unwrap_err(),
        Meter::of_cgroup(&group, Resource::Cpu)
            .trigger(Share::Some, Duration::from_secs(1), Duration::from_secs(2))
            .unwrap_err(),
    ] {
        assert!(matches!(&error, Error::Failed { path, .. } if path.ends_with("app.slice")), "{error}");
    }
}

#[test]
fn pressure_that_is_switched_off_is_unsupported() {
    let off = io::Error::from_raw_os_error(Errno::EOPNOTSUPP as i32);
    let error = super::super::unread(Path::new("cpu.pressure"), "x", &off);
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[test]
fn a_trigger_is_written_at_once_with_a_byte_to_spare_at_its_end() {
    let root = procfs(&[("memory", "")]);
    let meter = Meter::of_system(root.path(), Resource::Memory);
    let trigger = meter.trigger(Share::Some, Duration::from_millis(150), Duration::from_secs(2)).unwrap();
    assert_eq!(fs::read_to_string(meter.path()).unwrap(), "some 150000 2000000\n");
    drop(trigger);
}

#[test]
fn triggers_that_no_kernel_takes_are_refused_before_they_are_written() {
    let root = procfs(&[("memory", "")]);
    let meter = Meter::of_system(root.path(), Resource::Memory);
    let second = Duration::from_secs(1);
    for (stall, window) in [(Duration::ZERO, second), (second * 3, second * 2), (second, second * 12)] {
        let error = meter.trigger(Share::Full, stall, window).unwrap_err();
        assert!(!refusal_of(&error).is_empty());
        assert!(error.to_string().contains("`full "), "{error}");
    }
    assert_eq!(fs::read_to_string(meter.path()).unwrap(), "");
}

#[test]
fn refusals_say_what_would_be_accepted() {
    let reason = |errno: Errno, window: u64| {
        refusal(&io::Error::from_raw_os_error(errno as i32), Duration::from_secs(window)).unwrap_or_default()
    };
    assert!(reason(Errno::EINVAL, 1).contains("multiple of two seconds"));
    assert!(!reason(Errno::EINVAL, 2).contains("multiple of two seconds"));
    assert!(reason(Errno::EPERM, 2).contains("CAP_SYS_RESOURCE"));
    assert!(reason(Errno::EROFS, 2).contains("read-only"));
    assert!(reason(Errno::EBUSY, 2).contains("one trigger"));
    assert_eq!(reason(Errno::EIO, 2), "");
}

#[test]
fn a_file_that_may_not_be_written_is_a_refusal() {
    let root = procfs(&[("cpu", MEMORY)]);
    let meter = Meter::of_system(root.path(), Resource::Cpu);
    fs::set_permissions(meter.path(), fs::Permissions::from_mode(0o444)).unwrap();
    if File::options().write(true).open(meter.path()).is_ok() {
        return println!("SKIP this user may write to every file");
    }
    let error = meter.trigger(Share::Some, Duration::from_secs(1), Duration::from_secs(2)).unwrap_err();
    assert!(refusal_of(&error).contains("read it from time to time"), "{error}");
}

#[test]
fn waiting_for_a_pressure_that_does_not_rise_ends_in_time() {
    // A file of a disk is never urgent.
    let root = procfs(&[("io", "")]);
    let meter = Meter::of_system(root.path(), Resource::Io);
    let trigger = meter.trigger(Share::Some, Duration::from_secs(1), Duration::from_secs(2)).unwrap();
    let begun = Instant::now();
    assert_eq!(trigger.wait(Duration::from_millis(30)), Ok(false));
    assert!(begun.elapsed() >= Duration::from_millis(30) && begun.elapsed() < Duration::from_secs(5));
}

/// How high the pressure is depends on what else the machine does: nothing of it is expected.
#[test]
fn this_machines_pressure_is_read_and_watched() {
    for resource in Resource::ALL {
        let meter = Meter::of_system(Path::new(PROCFS), resource);
        match meter.read() {
            Ok(pressure) => assert!(pressure.some.is_some() || pressure.full.is_some()),
            Err(error @ Error::Unsupported { .. }) => {
                println!("SKIP {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        let share = if resource == Resource::Irq { Share::Full } else { Share::Some };
        match meter.trigger(share, Duration::from_millis(1900), Duration::from_secs(2)) {
            Ok(trigger) => drop(trigger.wait(Duration::from_millis(1)).unwrap()),
            Err(error @ (Error::Refused { .. } | Error::Unsupported { .. })) => println!("SKIP {error}"),
            Err(error) => panic!("{error}"),
        }
    }
}

prop_compose! {
    fn stalls()(avg in prop::array::uniform3(0_u32..=10_000), total_us: u64) -> (Stall, String) {
        let texts = avg.map(|avg| format!("{}.{:02}", avg / 100, avg % 100));
        let [avg10, avg60, avg300] = texts.each_ref().map(|text| text.parse().unwrap());
        let [a, b, c] = texts;
        (Stall { avg10, avg60, avg300, total_us }, format!("avg10={a} avg60={b} avg300={c} total={total_us}"))
    }
}

proptest! {
    #[test]
    fn what_the_kernel_prints_is_read(some in stalls(), full in stalls()) {
        let text = format!("some {}\nfull {}\n", some.1, full.1);
        prop_assert_eq!(parse(&text), Ok(Pressure { some: Some(some.0), full: Some(full.0) }));
    }

    #[test]
    fn no_text_panics_and_what_is_read_is_percent(
        text in "(some|full|none| |\n|avg10=|avg60=|avg300=|total=|[0-9.]{0,6}|.){0,30}",
    ) {
        if let Ok(pressure) = parse(&text) {
            for stall in pressure.some.into_iter().chain(pressure.full) {
                prop_assert!([stall.avg10, stall.avg60, stall.avg300].iter().all(|avg| (0.0..=100.0).contains(avg)));
            }
        }
    }
}
