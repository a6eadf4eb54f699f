//! The camera as programs see it: what it is, its modes, its configurations.

use std::collections::HashSet;
use std::time::Duration;

use super::page;
use crate::camera::{Camera, Mode, StreamRequest};
use crate::conformance::bench::{Bench, fourccs};
use crate::conformance::{Check, Checked, Stop, require};
use crate::error::ErrorKind;
use crate::format::PixelFormat;
use crate::open::CameraName;
use crate::v4l2::formats;

pub(super) const CHECKS: &[Check] = &[
    Check::new("camera.open.works", "the camera opens", page::TRAIT, opens).after(&[
        "identity.capabilities.one-queue",
        "identity.capabilities.streaming",
        "formats.list.known",
    ]),
    Check::new(
        "camera.info.stable",
        "a camera that is opened again tells the same id, driver and model",
        page::TRAIT,
        info_stable,
    )
    .after(&["camera.open.works", "identity.open.same"]),
    Check::new(
        "camera.info.id",
        "the camera's id is not empty and begins with its kind and a colon, or is its kind",
        page::TRAIT,
        id_has_kind,
    )
    .after(&["camera.open.works"]),
    Check::new(
        "camera.info.reopens",
        "by its id the same camera is found again, with the same driver, model and modes",
        page::TRAIT,
        id_reopens,
    )
    .after(&["camera.info.id"]),
    Check::new(
        "camera.sensor.levels",
        "a sensor whose levels are known has its black below its white",
        page::TRAIT,
        sensor_levels,
    )
    .after(&["camera.open.works"]),
    Check::new(
        "camera.sensor.matrix",
        "a known colour matrix keeps white white: each of its rows sums to one",
        page::TRAIT,
        sensor_matrix,
    )
    .after(&["camera.open.works"]),
    Check::new(
        "camera.sensor.daylight",
        "known daylight gains are positive numbers",
        page::TRAIT,
        sensor_daylight,
    )
    .after(&["camera.open.works"]),
    Check::new("camera.modes.some", "the camera has a mode", page::TRAIT, modes_some)
        .after(&["camera.open.works"]),
    Check::new(
        "camera.modes.sorted",
        "raw modes come before others, the largest first, of one size the deepest first",
        page::TRAIT,
        modes_sorted,
    )
    .after(&["camera.modes.some"]),
    Check::new("camera.modes.once", "each mode is listed once", page::TRAIT, modes_once)
        .after(&["camera.modes.some", "formats.list.once"]),
    Check::new("camera.modes.same", "the modes are the same when asked again", page::TRAIT, modes_same)
        .after(&["camera.modes.some"]),
    Check::new(
        "camera.configure.exact",
        "every listed mode is configured as it was asked for",
        page::TRAIT,
        configure_exact,
    )
    .after(&[
        "camera.modes.some",
        "formats.set.rows-fit",
        "formats.set.frames-fit",
        "buffers.request.some",
        "buffers.request.close-frees",
        "buffers.query.length",
        "buffers.export.each",
        "buffers.export.readable",
        "buffers.export.distinct",
        "streaming.close.while-on",
        "streaming.frames.own",
    ]),
    Check::new(
        "camera.configure.layout",
        "rows and frames of a configuration have room for its samples",
        page::TRAIT,
        configure_layout,
    )
    .after(&["camera.configure.exact"]),
    Check::new(
        "camera.configure.colour",
        "developed modes say what their numbers mean as light, raw ones do not",
        page::TRAIT,
        configure_colour,
    )
    .after(&["camera.configure.exact"]),
    Check::new(
        "camera.configure.unknown",
        "a mode that the camera does not have is refused as unsupported, and harms nothing",
        page::TRAIT,
        configure_unknown,
    )
    .after(&["camera.configure.exact"]),
    Check::new(
        "camera.configure.rate",
        "a lower rate gives the nearest that the camera has",
        page::TRAIT,
        configure_rate,
    )
    .after(&["camera.configure.exact", "formats.rate.read-back"]),
];

fn opens(bench: &mut Bench<'_>) -> Checked {
    bench.camera().map(|_| ())
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
    // What it is, and not its name alone: another device may have the same.
    let told = |camera: &dyn Camera| -> Result<_, Stop> {
        let info = camera.info();
        Ok((info.id.clone(), info.driver.clone(), info.model.clone(), camera.modes()?))
    };
    let first = told(&*bench.camera()?)?;
    let again = told(&*crate::open(&name)?)?;
    require(first == again, || format!("{first:?} is opened again as {again:?}"))
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

fn modes_some(bench: &mut Bench<'_>) -> Checked {
    bench.modes().map(|_| ())
}

fn modes_sorted(bench: &mut Bench<'_>) -> Checked {
    let rank = |mode: &Mode| {
        let area = u64::from(mode.width) * u64::from(mode.height);
        (mode.format.raw().is_none(), u64::MAX - area)
    };
    let modes = bench.modes()?;
    if modes.len() < 2 {
        return Err(Stop::NotSupported("the camera has one mode".to_owned()));
    }
    for pair in modes.windows(2) {
        let same_size = (pair[0].width, pair[0].height) == (pair[1].width, pair[1].height);
        let same_kind = rank(&pair[0]) == rank(&pair[1]) && same_size;
        let deeper_first = !same_kind || pair[0].format.bits() >= pair[1].format.bits();
        require(rank(&pair[0]) <= rank(&pair[1]) && deeper_first, || {
            format!("{:?} comes before {:?}", pair[0], pair[1])
        })?;
    }
    Ok(())
}

fn modes_once(bench: &mut Bench<'_>) -> Checked {
    let mut seen = HashSet::new();
    let modes = bench.modes()?;
    let twice = modes.iter().find(|mode| !seen.insert((mode.format, mode.width, mode.height)));
    require(twice.is_none(), || format!("{twice:?} is listed twice"))
}

fn modes_same(bench: &mut Bench<'_>) -> Checked {
    let camera = bench.camera()?;
    let (first, second) = (camera.modes()?, camera.modes()?);
    require(first == second, || format!("{} modes, then {} others", first.len(), second.len()))
}

fn configure_exact(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    for mode in each_format(&camera.modes()?) {
        let config = camera.configure(&StreamRequest { mode, held: 0 })?;
        let got = (config.format, config.width, config.height);
        require(got == (mode.format, mode.width, mode.height), || format!("{mode:?} became {got:?}"))?;
    }
    Ok(())
}

fn configure_layout(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    let mut with_rows = camera.modes()?;
    with_rows.retain(|mode| mode.format != PixelFormat::Jpeg);
    if with_rows.is_empty() {
        return Err(Stop::NotSupported("no format has rows".to_owned()));
    }
    for mode in each_format(&with_rows) {
        let config = camera.configure(&StreamRequest { mode, held: 0 })?;
        let row = mode.format.row_bytes(mode.width);
        let end = config.planes().iter().map(|plane| plane.end()).max().unwrap_or(1);
        let fits = config.stride_bytes >= row && config.size_bytes >= end;
        require(fits, || format!("rows need {row} bytes, the frame {end}: {config:?}"))?;
    }
    Ok(())
}

fn configure_colour(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    for mode in each_format(&camera.modes()?) {
        let config = camera.configure(&StreamRequest { mode, held: 0 })?;
        require(config.colorimetry.is_none() == mode.format.raw().is_some(), || {
            format!("{:?} has {:?}", mode.format, config.colorimetry)
        })?;
    }
    Ok(())
}

fn configure_unknown(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    let good = bench.small_mode(&*camera)?;
    let unknown = Mode { width: good.width + 2, height: good.height + 6, ..good };
    if camera.modes()?.iter().any(|mode| (mode.width, mode.height) == (unknown.width, unknown.height)) {
        return Err(Stop::Skip(format!("the camera has {unknown:?}")));
    }
    match camera.configure(&StreamRequest { mode: unknown, held: 0 }) {
        Err(error) => {
            require(error.kind() == ErrorKind::Unsupported, || format!("it is refused with: {error}"))?;
        }
        // A camera may have more sizes than it lists, and may round to one: it must then say so.
        Ok(config) => {
            let end = config.planes().iter().map(|plane| plane.end()).max().unwrap_or(1);
            require(config.size_bytes >= end, || format!("{unknown:?} became {config:?}"))?;
        }
    }
    camera.configure(&StreamRequest { mode: good, held: 0 })?;
    Ok(())
}

fn configure_rate(bench: &mut Bench<'_>) -> Checked {
    let mode = bench.small_mode(&*bench.camera()?)?;
    let Some(fastest) = mode.frame_interval else {
        return Err(Stop::NotSupported("the camera tells no rates".to_owned()));
    };
    let slower = Mode { frame_interval: Some(fastest * 4), ..mode };
    let nearest = nearest_listed(bench, &slower)?;
    let mut camera = bench.camera()?;
    let config = camera.configure(&StreamRequest { mode: slower, held: 0 })?;
    let Some(got) = config.frame_interval else {
        return Err(Stop::NotSupported("it tells no rate".to_owned()));
    };
    require(got >= fastest.saturating_sub(Duration::from_millis(1)), || {
        format!("{:?} was asked for, {got:?} came, though {fastest:?} is the shortest", fastest * 4)
    })?;
    let is_near = |nearest: Duration| got.abs_diff(nearest) <= nearest / 100;
    require(nearest.is_none_or(is_near), || {
        format!("{:?} was asked for, {got:?} came, though {nearest:?} is listed", fastest * 4)
    })
}

/// The time from frame to frame that the node lists for a mode and that is nearest to what the mode asks for; `None`
/// for cameras without a node, and for nodes that list none.
fn nearest_listed(bench: &Bench<'_>, mode: &Mode) -> Result<Option<Duration>, Stop> {
    if bench.subject.node.is_none() {
        return Ok(None);
    }
    let node = bench.node()?;
    let offered = fourccs(&*node)?;
    let fourcc = formats::to_fourccs(mode.format).find(|fourcc| offered.contains(fourcc));
    let (Some(fourcc), Some(wanted)) = (fourcc, mode.frame_interval) else { return Ok(None) };
    let listed = crate::v4l2::interval_near(&*node, fourcc, (mode.width, mode.height), wanted);
    Ok(listed
        .filter(|time| time.denominator > 0)
        .map(|time| Duration::from_secs(u64::from(time.numerator)) / time.denominator))
}

/// The smallest mode of every format.
fn each_format(modes: &[Mode]) -> Vec<Mode> {
    let mut seen = HashSet::new();
    modes.iter().rev().filter(|mode| seen.insert(mode.format)).copied().collect()
}
