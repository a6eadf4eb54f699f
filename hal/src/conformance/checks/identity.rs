//! What the device says that it is.

use nix::errno::Errno;
use v4l2r::bindings as raw;

use super::page;
use crate::conformance::bench::{Bench, capabilities};
use crate::conformance::{Check, Checked, Stop, refused, require, works};
use crate::kernel::Identity;
use crate::open::CameraName;

pub(super) const CHECKS: &[Check] = &[
    Check::new("identity.camera.opens", "the camera opens", page::TRAIT, opens),
    Check::new(
        "identity.driver.named",
        "the driver's name is text that can be printed, and not empty",
        page::QUERYCAP,
        driver_named,
    ),
    Check::new(
        "identity.card.named",
        "the device's name is text that can be printed, and not empty",
        page::QUERYCAP,
        card_named,
    ),
    Check::new(
        "identity.bus.named",
        "the bus information says where the device is: a kind of bus, then a place",
        page::QUERYCAP,
        bus_named,
    ),
    Check::new(
        "identity.capabilities.of-node",
        "the capabilities of this node are told (V4L2_CAP_DEVICE_CAPS), and are some of the device's",
        page::QUERYCAP,
        device_caps,
    ),
    Check::new(
        "identity.capabilities.one-queue",
        "the node captures through one queue, single- or multi-planar, not both",
        page::QUERYCAP,
        one_queue,
    ),
    Check::new(
        "identity.capabilities.streaming",
        "the node streams into buffers (V4L2_CAP_STREAMING)",
        page::QUERYCAP,
        streams,
    ),
    Check::new("identity.open.twice", "two files of the node are open at once", page::OPEN, open_twice),
    Check::new(
        "identity.open.same",
        "each open file of the node tells the same identity",
        page::OPEN,
        open_same,
    )
    .after(&["identity.open.twice"]),
    Check::new(
        "identity.priority.first",
        "a file starts with the interactive priority",
        page::PRIORITY,
        priority_first,
    ),
    Check::new(
        "identity.priority.recording",
        "while a file has the recording priority, another one cannot set the format",
        page::PRIORITY,
        priority_recording,
    )
    .after(&["identity.open.twice"]),
    Check::new(
        "identity.info.stable",
        "a camera that is opened again tells the same id, driver and model",
        page::TRAIT,
        info_stable,
    )
    .after(&["identity.camera.opens"]),
    Check::new(
        "identity.info.id",
        "the camera's id is not empty and begins with its kind and a colon, or is its kind",
        page::TRAIT,
        id_has_kind,
    )
    .after(&["identity.camera.opens"]),
    Check::new("identity.info.reopens", "the camera is found again by its id", page::TRAIT, id_reopens)
        .after(&["identity.info.id"]),
    Check::new(
        "identity.sensor.levels",
        "a sensor whose levels are known has its black below its white",
        page::TRAIT,
        sensor_levels,
    )
    .after(&["identity.camera.opens"]),
    Check::new(
        "identity.sensor.matrix",
        "a known colour matrix keeps white white: each of its rows sums to one",
        page::TRAIT,
        sensor_matrix,
    )
    .after(&["identity.camera.opens"]),
    Check::new(
        "identity.sensor.daylight",
        "known daylight gains are positive numbers",
        page::TRAIT,
        sensor_daylight,
    )
    .after(&["identity.camera.opens"]),
];

fn opens(bench: &mut Bench<'_>) -> Checked {
    bench.camera().map(|_| ())
}

fn identity(bench: &Bench<'_>) -> Result<Identity, Stop> {
    Ok(bench.node_and_identity()?.1)
}

fn printable(what: &str, text: &str) -> Checked {
    let good = !text.trim().is_empty() && text.chars().all(|letter| !letter.is_control());
    require(good, || format!("the {what} is {text:?}"))
}

fn driver_named(bench: &mut Bench<'_>) -> Checked {
    printable("driver's name", &identity(bench)?.driver)
}

fn card_named(bench: &mut Bench<'_>) -> Checked {
    printable("device's name", &identity(bench)?.card)
}

fn bus_named(bench: &mut Bench<'_>) -> Checked {
    let bus = identity(bench)?.bus_info;
    printable("bus information", &bus)?;
    let place = bus.split_once([':', '-', ' ']).map(|(_, place)| place);
    require(place.is_some_and(|place| !place.is_empty()), || {
        format!("the bus information {bus:?} names no place (as in `platform:isp` or `usb-0000:00:14.0-1`)")
    })
}

fn device_caps(bench: &mut Bench<'_>) -> Checked {
    let Identity { capabilities, device_caps, .. } = identity(bench)?;
    require(capabilities & raw::V4L2_CAP_DEVICE_CAPS != 0, || {
        format!("capabilities {capabilities:#010x} are without V4L2_CAP_DEVICE_CAPS")
    })?;
    require(device_caps & !capabilities == 0, || {
        format!("the node has {:#010x}, which the device has not", device_caps & !capabilities)
    })
}

fn one_queue(bench: &mut Bench<'_>) -> Checked {
    let can = capabilities(&identity(bench)?);
    let queues = [raw::V4L2_CAP_VIDEO_CAPTURE, raw::V4L2_CAP_VIDEO_CAPTURE_MPLANE];
    let count = queues.iter().filter(|queue| can & **queue != 0).count();
    require(count == 1, || format!("{count} capture queues in the capabilities {can:#010x}"))
}

fn streams(bench: &mut Bench<'_>) -> Checked {
    let can = capabilities(&identity(bench)?);
    require(can & raw::V4L2_CAP_STREAMING != 0, || format!("the capabilities are {can:#010x}"))
}

fn open_twice(bench: &mut Bench<'_>) -> Checked {
    let first = bench.node()?;
    let second = bench.node_path()?;
    let opened = second.kernel.video(&second.path);
    works("the second open", opened)?;
    drop(first);
    Ok(())
}

fn open_same(bench: &mut Bench<'_>) -> Checked {
    let (first, one) = bench.node_and_identity()?;
    let (_, other) = bench.node_and_identity()?;
    drop(first);
    require(one == other, || format!("one file says {one:?}, the other {other:?}"))
}

fn priority_first(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    match node.priority() {
        Ok(raw::v4l2_priority_V4L2_PRIORITY_INTERACTIVE) => Ok(()),
        Ok(other) => Err(Stop::fail(format!("VIDIOC_G_PRIORITY says {other}, not 2"))),
        Err(Errno::ENOTTY) => Err(Stop::NotSupported("VIDIOC_G_PRIORITY says ENOTTY".to_owned())),
        Err(errno) => Err(Stop::fail(format!("VIDIOC_G_PRIORITY is refused: {errno}"))),
    }
}

fn priority_recording(bench: &mut Bench<'_>) -> Checked {
    let (first, second) = (bench.node()?, bench.node()?);
    match first.set_priority(raw::v4l2_priority_V4L2_PRIORITY_RECORD) {
        Err(Errno::ENOTTY) => return Err(Stop::NotSupported("VIDIOC_S_PRIORITY says ENOTTY".to_owned())),
        set => works("VIDIOC_S_PRIORITY", set)?,
    }
    let format = works("VIDIOC_G_FMT", second.format())?;
    refused("VIDIOC_S_FMT of another file", second.set_format(&format), &[Errno::EBUSY])
}

fn info_stable(bench: &mut Bench<'_>) -> Checked {
    let told = |bench: &Bench<'_>| -> Result<_, Stop> {
        let camera = bench.camera()?;
        let info = camera.info();
        Ok((info.id.clone(), info.driver.clone(), info.model.clone(), info.simulated))
    };
    let (first, second) = (told(bench)?, told(bench)?);
    require(first == second, || format!("first {first:?}, then {second:?}"))
}

fn id_has_kind(bench: &mut Bench<'_>) -> Checked {
    let id = bench.camera()?.info().id.clone();
    let kind = id.split(':').next().unwrap_or_default();
    let good = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // Drivers without bus information leave nothing but the file.
    require(good || id.starts_with('/'), || format!("the id is {id:?}"))
}

fn id_reopens(bench: &mut Bench<'_>) -> Checked {
    let id = bench.camera()?.info().id.clone();
    let Ok(name) = id.parse::<CameraName>() else {
        return Err(Stop::Skip(format!("{id} is opened by its own implementation alone")));
    };
    if bench.subject.node.is_some() && !bench.subject.real {
        return Err(Stop::Skip("the device is not one of this machine".to_owned()));
    }
    let again = crate::open(&name)?.info().id.clone();
    require(again == id, || format!("{id} opens {again}"))
}

fn sensor_levels(bench: &mut Bench<'_>) -> Checked {
    let camera = bench.camera()?;
    let sensor = camera.info().sensor;
    match (sensor.black, sensor.white) {
        (Some(black), Some(white)) => require(black < white, || format!("black {black}, white {white}")),
        _ => Err(Stop::NotSupported("the camera knows no levels".to_owned())),
    }
}

fn sensor_matrix(bench: &mut Bench<'_>) -> Checked {
    let Some(matrix) = bench.camera()?.info().sensor.matrix else {
        return Err(Stop::NotSupported("the camera knows no matrix".to_owned()));
    };
    for row in matrix {
        let sum: f32 = row.iter().sum();
        require((sum - 1.0).abs() < 0.01, || format!("a row of {matrix:?} sums to {sum}"))?;
    }
    Ok(())
}

fn sensor_daylight(bench: &mut Bench<'_>) -> Checked {
    let Some(gains) = bench.camera()?.info().sensor.daylight else {
        return Err(Stop::NotSupported("the camera knows no daylight gains".to_owned()));
    };
    require(gains.iter().all(|gain| gain.is_finite() && *gain > 0.0), || format!("the gains are {gains:?}"))
}
