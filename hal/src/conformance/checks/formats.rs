//! Formats, sizes and rates: what is listed, tried, set and read back.

use std::collections::HashSet;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings as raw;

use super::page;
use crate::camera::{Mode, StreamRequest};
use crate::conformance::bench::{Bench, fourccs, wanted};
use crate::conformance::{Check, Checked, Stop, refused, require, works};
use crate::error::ErrorKind;
use crate::format::PixelFormat;
use crate::kernel::{Format, Fraction, IntervalEntry, SizeEntry, Video};
use crate::v4l2::formats::{from_fourcc, name};

pub(super) const CHECKS: &[Check] = &[
    Check::new("formats.list.some", "the node lists pixel formats", page::ENUM_FMT, list_some),
    Check::new(
        "formats.list.ends",
        "behind the last format the list ends with EINVAL",
        page::ENUM_FMT,
        list_ends,
    ),
    Check::new("formats.list.once", "each pixel format is listed once", page::ENUM_FMT, list_once)
        .after(&["formats.list.ends"]),
    Check::new(
        "formats.list.known",
        "a pixel format is one that photos can be made of",
        page::ENUM_FMT,
        list_known,
    )
    .after(&["formats.list.ends"]),
    Check::new(
        "formats.sizes.sane",
        "listed sizes are not empty, and ranges have their least below their most and whole steps",
        page::ENUM_SIZES,
        sizes_sane,
    )
    .after(&["formats.list.ends"]),
    Check::new(
        "formats.sizes.of-unknown",
        "sizes of a format that is not listed are refused with EINVAL",
        page::ENUM_SIZES,
        sizes_of_unknown,
    ),
    Check::new(
        "formats.intervals.sane",
        "listed intervals are times, and ranges have their least below their most",
        page::ENUM_INTERVALS,
        intervals_sane,
    )
    .after(&["formats.list.ends"]),
    Check::new(
        "formats.intervals.of-unknown",
        "intervals of a format that is not listed are refused with EINVAL",
        page::ENUM_INTERVALS,
        intervals_of_unknown,
    ),
    Check::new(
        "formats.get.valid",
        "the node has a listed format and a size from the start",
        page::FMT,
        get_valid,
    )
    .after(&["formats.list.ends"]),
    Check::new(
        "formats.get.field",
        "the field order of the format is told, not left open",
        page::PIX,
        get_field,
    ),
    Check::new(
        "formats.try.listed",
        "a listed format of a listed size is tried without a change",
        page::FMT,
        try_listed,
    )
    .after(&["formats.list.ends", "formats.sizes.sane"]),
    Check::new("formats.try.no-effect", "trying a format sets nothing", page::FMT, try_no_effect)
        .after(&["formats.list.ends"]),
    Check::new(
        "formats.try.odd-size",
        "a size that the node does not have is rounded to one that it has, never refused",
        page::FMT,
        try_odd_size,
    ),
    Check::new(
        "formats.try.unknown",
        "a format that the node does not have becomes one that it has, or is refused with EINVAL",
        page::FMT,
        try_unknown,
    )
    .after(&["formats.list.ends"]),
    Check::new(
        "formats.try.settles",
        "what came of a try is tried without another change",
        page::FMT,
        try_settles,
    )
    .after(&["formats.try.odd-size"]),
    Check::new("formats.set.as-tried", "setting a format gives what trying it gave", page::FMT, set_as_tried)
        .after(&["formats.try.odd-size"]),
    Check::new("formats.set.reads-back", "the format that was set is read back", page::FMT, set_reads_back),
    Check::new("formats.set.rows-fit", "a row has room for its samples (bytesperline)", page::PIX, rows_fit)
        .after(&["formats.try.listed"]),
    Check::new("formats.set.frames-fit", "a frame has room for its rows (sizeimage)", page::PIX, frames_fit)
        .after(&["formats.set.rows-fit"]),
    Check::new(
        "formats.set.longer-rows",
        "longer rows that were asked for are given, with room for them, or left out",
        page::PIX,
        longer_rows,
    )
    .after(&["formats.set.frames-fit"]),
    Check::new(
        "formats.set.busy-allocated",
        "with buffers made, another format is refused with EBUSY",
        page::FMT,
        busy_allocated,
    ),
    Check::new(
        "formats.set.busy-other",
        "while one file has buffers, another one cannot set the format",
        page::FMT,
        busy_other,
    )
    .after(&["identity.open.twice"]),
    Check::new("formats.colour.told", "a developed format tells its colour space", page::COLOUR, colour_told)
        .after(&["formats.list.ends"]),
    Check::new(
        "formats.rate.read-back",
        "the rate that was set is told as it is",
        page::PARM,
        rate_read_back,
    )
    .after(&["formats.intervals.sane"]),
    Check::new("formats.modes.some", "the camera has a mode", page::TRAIT, modes_some)
        .after(&["identity.camera.opens"]),
    Check::new(
        "formats.modes.sorted",
        "raw modes come before others, the largest first, of one size the deepest first",
        page::TRAIT,
        modes_sorted,
    )
    .after(&["formats.modes.some"]),
    Check::new("formats.modes.once", "each mode is listed once", page::TRAIT, modes_once)
        .after(&["formats.modes.some"]),
    Check::new("formats.modes.same", "the modes are the same when asked again", page::TRAIT, modes_same)
        .after(&["formats.modes.some"]),
    Check::new(
        "formats.configure.exact",
        "every listed mode is configured as it was asked for",
        page::TRAIT,
        configure_exact,
    )
    .after(&["formats.modes.some"]),
    Check::new(
        "formats.configure.layout",
        "rows and frames of a configuration have room for its samples",
        page::TRAIT,
        configure_layout,
    )
    .after(&["formats.configure.exact"]),
    Check::new(
        "formats.configure.colour",
        "developed modes say what their numbers mean as light, raw ones do not",
        page::TRAIT,
        configure_colour,
    )
    .after(&["formats.configure.exact"]),
    Check::new(
        "formats.configure.unknown",
        "a mode that the camera does not have is refused as unsupported, and harms nothing",
        page::TRAIT,
        configure_unknown,
    )
    .after(&["formats.configure.exact"]),
    Check::new(
        "formats.configure.rate",
        "a lower rate gives the nearest that the camera has",
        page::TRAIT,
        configure_rate,
    )
    .after(&["formats.configure.exact"]),
    Check::new(
        "formats.configure.again",
        "the camera is configured again without being closed",
        page::TRAIT,
        configure_again,
    )
    .after(&["formats.configure.exact"]),
];

/// No driver has it.
const UNKNOWN: u32 = u32::from_le_bytes(*b"none");
const LONGEST: u32 = 512;

fn list_some(bench: &mut Bench<'_>) -> Checked {
    let first = bench.node()?.format_entry(0);
    works("VIDIOC_ENUM_FMT of index 0", first).map(|_| ())
}

fn list_ends(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let count = u32::try_from(fourccs(&*node)?.len()).unwrap_or(LONGEST);
    for index in [count, count + 1, u32::MAX] {
        refused(&format!("VIDIOC_ENUM_FMT of index {index}"), node.format_entry(index), &[Errno::EINVAL])?;
    }
    Ok(())
}

fn list_once(bench: &mut Bench<'_>) -> Checked {
    let mut seen = HashSet::new();
    let twice = fourccs(&*bench.node()?)?.into_iter().find(|fourcc| !seen.insert(*fourcc));
    require(twice.is_none(), || format!("{} is listed twice", name(twice.unwrap_or_default())))
}

fn list_known(bench: &mut Bench<'_>) -> Checked {
    let listed = fourccs(&*bench.node()?)?;
    require(listed.iter().any(|fourcc| from_fourcc(*fourcc).is_some()), || {
        let names: Vec<_> = listed.iter().map(|fourcc| name(*fourcc)).collect();
        format!("none of {} is known here", names.join(", "))
    })
}

fn sizes(node: &dyn Video, fourcc: u32) -> Result<Vec<SizeEntry>, Stop> {
    let mut found = Vec::new();
    for index in 0..LONGEST {
        match node.size_entry(fourcc, index) {
            Ok(entry) => found.push(entry),
            Err(Errno::EINVAL | Errno::ENOTTY) => return Ok(found),
            Err(errno) => return Err(Stop::fail(format!("VIDIOC_ENUM_FRAMESIZES is refused: {errno}"))),
        }
    }
    Err(Stop::fail("VIDIOC_ENUM_FRAMESIZES does not end"))
}

/// A size of an entry: the only one, or the largest.
fn one_size(entry: &SizeEntry) -> (u32, u32) {
    match entry {
        SizeEntry::Discrete(width, height) => (*width, *height),
        SizeEntry::Range(range) => range.max,
    }
}

/// Every known format with its sizes; not supported where the driver lists none.
fn known_sizes(node: &dyn Video) -> Result<Vec<(u32, SizeEntry)>, Stop> {
    let mut all = Vec::new();
    for fourcc in fourccs(node)?.into_iter().filter(|fourcc| from_fourcc(*fourcc).is_some()) {
        all.extend(sizes(node, fourcc)?.into_iter().map(|entry| (fourcc, entry)));
    }
    if all.is_empty() {
        return Err(Stop::NotSupported("VIDIOC_ENUM_FRAMESIZES lists none for any format".to_owned()));
    }
    Ok(all)
}

fn sizes_sane(bench: &mut Bench<'_>) -> Checked {
    for (fourcc, entry) in known_sizes(&*bench.node()?)? {
        let sane = match &entry {
            SizeEntry::Discrete(width, height) => *width > 0 && *height > 0,
            SizeEntry::Range(range) => {
                let steps = range.step.0 > 0 && range.step.1 > 0;
                let ordered = range.min.0 <= range.max.0 && range.min.1 <= range.max.1;
                steps && ordered && range.max.0 > 0 && range.max.1 > 0
            }
        };
        require(sane, || format!("{} has {entry:?}", name(fourcc)))?;
    }
    Ok(())
}

fn sizes_of_unknown(bench: &mut Bench<'_>) -> Checked {
    let refusals = [Errno::EINVAL, Errno::ENOTTY];
    refused("VIDIOC_ENUM_FRAMESIZES of an unknown format", bench.node()?.size_entry(UNKNOWN, 0), &refusals)
}

fn time(interval: Fraction) -> f64 {
    f64::from(interval.numerator) / f64::from(interval.denominator)
}

fn intervals_sane(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let mut seen = 0;
    for (fourcc, entry) in known_sizes(&*node)? {
        for index in 0..LONGEST {
            let Ok(listed) = node.interval_entry(fourcc, one_size(&entry), index) else { break };
            seen += 1;
            let is_time = |part: Fraction| part.numerator > 0 && part.denominator > 0;
            let sane = match listed {
                IntervalEntry::Discrete(interval) => is_time(interval),
                IntervalEntry::Range { min, max } => is_time(min) && is_time(max) && time(min) <= time(max),
            };
            require(sane, || format!("{} {entry:?} has {listed:?}", name(fourcc)))?;
        }
    }
    if seen == 0 {
        return Err(Stop::NotSupported("VIDIOC_ENUM_FRAMEINTERVALS lists none".to_owned()));
    }
    Ok(())
}

fn intervals_of_unknown(bench: &mut Bench<'_>) -> Checked {
    let refusals = [Errno::EINVAL, Errno::ENOTTY];
    let entry = bench.node()?.interval_entry(UNKNOWN, (640, 480), 0);
    refused("VIDIOC_ENUM_FRAMEINTERVALS of an unknown format", entry, &refusals)
}

fn get_valid(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let Format { fourcc, width, height, .. } = works("VIDIOC_G_FMT", node.format())?;
    require(fourccs(&*node)?.contains(&fourcc), || {
        format!("it has {}, which it does not list", name(fourcc))
    })?;
    require(width > 0 && height > 0, || format!("its size is {width}x{height}"))
}

fn get_field(bench: &mut Bench<'_>) -> Checked {
    let field = works("VIDIOC_G_FMT", bench.node()?.format())?.field;
    require(field != raw::v4l2_field_V4L2_FIELD_ANY, || "the field is V4L2_FIELD_ANY".to_owned())
}

fn try_listed(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    for (fourcc, entry) in known_sizes(&*node)? {
        let size = one_size(&entry);
        let got = works("VIDIOC_TRY_FMT", node.try_format(&wanted(fourcc, size, 0)))?;
        require((got.fourcc, (got.width, got.height)) == (fourcc, size), || {
            format!("{} {size:?} became {} {}x{}", name(fourcc), name(got.fourcc), got.width, got.height)
        })?;
    }
    Ok(())
}

fn try_no_effect(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let before = works("VIDIOC_G_FMT", node.format())?;
    for (fourcc, entry) in known_sizes(&*node)? {
        works("VIDIOC_TRY_FMT", node.try_format(&wanted(fourcc, one_size(&entry), 0)))?;
    }
    let after = works("VIDIOC_G_FMT", node.format())?;
    require(before == after, || format!("{before:?} became {after:?}"))
}

/// Sizes that no node has, and sizes beside those that many have.
const ODD_SIZES: [(u32, u32); 5] = [(0, 0), (1, 1), (641, 479), (65_537, 65_537), (u32::MAX, u32::MAX)];

fn known_fourcc(node: &dyn Video) -> Result<u32, Stop> {
    let known = fourccs(node)?.into_iter().find(|fourcc| from_fourcc(*fourcc).is_some());
    known.ok_or_else(|| Stop::Skip("the node has no format that is known here".to_owned()))
}

fn try_odd_size(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let fourcc = known_fourcc(&*node)?;
    for size in ODD_SIZES {
        let got = works(&format!("VIDIOC_TRY_FMT of {size:?}"), node.try_format(&wanted(fourcc, size, 0)))?;
        require(got.width > 0 && got.height > 0, || format!("{size:?} became {}x{}", got.width, got.height))?;
    }
    Ok(())
}

fn try_unknown(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    match node.try_format(&wanted(UNKNOWN, (640, 480), 0)) {
        Err(Errno::EINVAL) => Ok(()),
        Err(errno) => Err(Stop::fail(format!("it is refused with {errno:?}"))),
        Ok(got) => {
            let listed = fourccs(&*node)?.contains(&got.fourcc);
            require(listed, || format!("it became {}, which is not listed", name(got.fourcc)))
        }
    }
}

fn try_settles(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let fourcc = known_fourcc(&*node)?;
    for size in ODD_SIZES {
        let once = works("VIDIOC_TRY_FMT", node.try_format(&wanted(fourcc, size, 0)))?;
        let twice = works("VIDIOC_TRY_FMT", node.try_format(&once))?;
        require(once == twice, || format!("{once:?} became {twice:?}"))?;
    }
    Ok(())
}

fn set_as_tried(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let fourcc = known_fourcc(&*node)?;
    for size in ODD_SIZES {
        let wanted = wanted(fourcc, size, 0);
        let tried = works("VIDIOC_TRY_FMT", node.try_format(&wanted))?;
        let set = works("VIDIOC_S_FMT", node.set_format(&wanted))?;
        require(tried == set, || format!("tried it is {tried:?}, set {set:?}"))?;
    }
    Ok(())
}

fn set_reads_back(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let set = bench.small_format(&*node)?;
    let read = works("VIDIOC_G_FMT", node.format())?;
    require(set == read, || format!("{set:?} was set, {read:?} is read"))
}

/// The memory planes of a known format as the driver lays them out, and how many bytes each row of the first needs.
fn laid_out(node: &dyn Video, mut check: impl FnMut(PixelFormat, &Format) -> Checked) -> Checked {
    let mut seen = HashSet::new();
    for (fourcc, entry) in known_sizes(node)? {
        let Some(format) = from_fourcc(fourcc).filter(|_| seen.insert(fourcc)) else { continue };
        check(format, &works("VIDIOC_S_FMT", node.set_format(&wanted(fourcc, one_size(&entry), 0)))?)?;
    }
    Ok(())
}

fn rows_fit(bench: &mut Bench<'_>) -> Checked {
    laid_out(&*bench.node()?, |format, set| {
        let needed = format.row_bytes(set.width);
        let stride = set.planes.first().map_or(0, |plane| plane.stride as usize);
        require(stride >= needed, || {
            format!(
                "{} has rows of {stride} bytes for {} samples, which need {needed}",
                name(set.fourcc),
                set.width
            )
        })
    })
}

fn frames_fit(bench: &mut Bench<'_>) -> Checked {
    laid_out(&*bench.node()?, |format, set| {
        let Some(plane) = set.planes.first().filter(|_| set.planes.len() == 1) else { return Ok(()) };
        let planes = format.planes(set.width, set.height, plane.stride as usize);
        let needed = planes.iter().map(|plane| plane.end()).max().unwrap_or(1);
        require(plane.size as usize >= needed, || {
            format!("{} has {} bytes a frame and needs {needed}", name(set.fourcc), plane.size)
        })
    })
}

fn longer_rows(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let tight = bench.small_format(&*node)?;
    let Some(plane) = tight.planes.first().copied().filter(|plane| plane.stride > 0) else {
        return Err(Stop::NotSupported("the format has no rows".to_owned()));
    };
    let size = (tight.width, tight.height);
    let longer = plane.stride + 128;
    let set = works("VIDIOC_S_FMT", node.set_format(&wanted(tight.fourcc, size, longer)))?;
    let got = set.planes.first().copied().unwrap_or_default();
    if got.stride == plane.stride {
        return Err(Stop::NotSupported("the driver keeps its own row length".to_owned()));
    }
    let grown = u64::from(got.stride - plane.stride.min(got.stride)) * u64::from(tight.height - 1);
    require(got.stride >= plane.stride && u64::from(got.size) >= u64::from(plane.size) + grown, || {
        format!("rows of {longer} bytes were asked for; rows are {} bytes, a frame {}", got.stride, got.size)
    })
}

/// Another format or size than the one set.
fn another(node: &dyn Video, now: &Format) -> Result<Format, Stop> {
    let all = known_sizes(node)?;
    let other = all.iter().map(|(fourcc, entry)| (*fourcc, one_size(entry)));
    let other = other.into_iter().find(|other| *other != (now.fourcc, (now.width, now.height)));
    let other = other.ok_or_else(|| Stop::NotSupported("the node has one format of one size".to_owned()))?;
    Ok(wanted(other.0, other.1, 0))
}

fn busy_allocated(bench: &mut Bench<'_>) -> Checked {
    let (node, format, _) = bench.allocated(2)?;
    refused("VIDIOC_S_FMT", node.set_format(&another(&*node, &format)?), &[Errno::EBUSY])
}

fn busy_other(bench: &mut Bench<'_>) -> Checked {
    let (node, format, _) = bench.allocated(2)?;
    let other = bench.node()?;
    refused("VIDIOC_S_FMT of another file", other.set_format(&another(&*node, &format)?), &[Errno::EBUSY])
}

fn colour_told(bench: &mut Bench<'_>) -> Checked {
    let mut developed = 0;
    laid_out(&*bench.node()?, |format, set| {
        developed += usize::from(format.raw().is_none());
        let told = set.colorspace != raw::v4l2_colorspace_V4L2_COLORSPACE_DEFAULT;
        require(told || format.raw().is_some(), || {
            format!("{} has V4L2_COLORSPACE_DEFAULT", name(set.fourcc))
        })
    })?;
    if developed == 0 {
        return Err(Stop::NotSupported("all formats are raw".to_owned()));
    }
    Ok(())
}

fn rate_read_back(bench: &mut Bench<'_>) -> Checked {
    let node = bench.node()?;
    let format = bench.small_format(&*node)?;
    let mut listed = Vec::new();
    for index in 0..LONGEST {
        match node.interval_entry(format.fourcc, (format.width, format.height), index) {
            Ok(IntervalEntry::Discrete(interval)) => listed.push(interval),
            Ok(IntervalEntry::Range { min, max }) => listed.extend([min, max]),
            Err(_) => break,
        }
    }
    for interval in listed {
        match node.set_interval(Some(interval)) {
            Err(Errno::ENOTTY) => return Err(Stop::NotSupported("VIDIOC_S_PARM says ENOTTY".to_owned())),
            set => {
                let told = works("VIDIOC_S_PARM", set)?;
                let near = told.is_some_and(|told| (time(told) / time(interval) - 1.0).abs() < 0.01);
                require(near, || format!("{interval:?} was set, {told:?} is told"))?;
            }
        }
    }
    Ok(())
}

fn modes_some(bench: &mut Bench<'_>) -> Checked {
    bench.modes().map(|_| ())
}

fn modes_sorted(bench: &mut Bench<'_>) -> Checked {
    let rank = |mode: &Mode| {
        let area = u64::from(mode.width) * u64::from(mode.height);
        (mode.format.raw().is_none(), u64::MAX - area)
    };
    for pair in bench.modes()?.windows(2) {
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

/// The smallest mode of every format.
fn each_format(modes: &[Mode]) -> Vec<Mode> {
    let mut seen = HashSet::new();
    modes.iter().rev().filter(|mode| seen.insert(mode.format)).copied().collect()
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
    for mode in each_format(&camera.modes()?) {
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
    let mut camera = bench.camera()?;
    let mode = bench.small_mode(&*camera)?;
    let Some(fastest) = mode.frame_interval else {
        return Err(Stop::NotSupported("the camera tells no rates".to_owned()));
    };
    let slower = Mode { frame_interval: Some(fastest * 4), ..mode };
    let config = camera.configure(&StreamRequest { mode: slower, held: 0 })?;
    let Some(got) = config.frame_interval else {
        return Err(Stop::NotSupported("it tells no rate".to_owned()));
    };
    require(got >= fastest.saturating_sub(Duration::from_millis(1)), || {
        format!("{:?} was asked for, {got:?} came, though {fastest:?} is the shortest", fastest * 4)
    })
}

fn configure_again(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.configured(2)?;
    let mode = bench.small_mode(&*streaming.camera)?;
    for held in [0, 3, 1] {
        streaming.camera.configure(&StreamRequest { mode, held })?;
        streaming.camera.start()?;
        bench.frame(&mut *streaming.camera)?;
        streaming.camera.stop()?;
    }
    Ok(())
}
