//! Formats, sizes and rates: what is listed, tried, set and read back.

use std::collections::HashSet;

use nix::errno::Errno;
use v4l2r::bindings as raw;

use super::page;
use crate::conformance::bench::{Bench, fourccs, wanted};
use crate::conformance::{Check, Checked, Stop, refused, require, works};
use crate::format::PixelFormat;
use crate::kernel::{Format, Fraction, IntervalEntry, SizeEntry, Video};
use crate::v4l2::formats::{from_fourcc, is_separate, name};

pub(super) const CHECKS: &[Check] = &[
    Check::new("formats.list.some", "the node lists pixel formats", page::ENUM_FMT, list_some),
    Check::new(
        "formats.list.ends",
        "behind the last format the list ends with EINVAL",
        page::ENUM_FMT,
        list_ends,
    )
    .after(&["formats.list.some"]),
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
    .after(&["formats.list.known"]),
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
    .after(&["formats.list.known", "formats.sizes.sane"]),
    Check::new("formats.try.no-effect", "trying a format sets nothing", page::FMT, try_no_effect)
        .after(&["formats.list.known"]),
    Check::new(
        "formats.try.odd-size",
        "a size that the node does not have is rounded to one that it has, never refused",
        page::FMT,
        try_odd_size,
    )
    .after(&["formats.list.known"]),
    Check::new(
        "formats.try.unknown",
        "a format that the node does not have becomes one that it has, or is refused with EINVAL",
        page::FMT,
        try_unknown,
    )
    .after(&["formats.list.known"]),
    Check::new(
        "formats.try.settles",
        "what came of a try is tried without another change",
        page::FMT,
        try_settles,
    )
    .after(&["formats.try.odd-size"]),
    Check::new("formats.set.as-tried", "setting a format gives what trying it gave", page::FMT, set_as_tried)
        .after(&["formats.try.odd-size"]),
    Check::new("formats.set.reads-back", "the format that was set is read back", page::FMT, set_reads_back)
        .after(&["formats.list.known"]),
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
    Check::new("formats.colour.told", "a developed format tells its colour space", page::COLOUR, colour_told)
        .after(&["formats.list.ends"]),
    Check::new(
        "formats.rate.read-back",
        "the rate that was set is told as it is",
        page::PARM,
        rate_read_back,
    )
    .after(&["formats.intervals.sane", "formats.list.known"]),
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
    bench.small_format(&*node)?;
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
    let mut seen = 0;
    laid_out(&*bench.node()?, |format, set| {
        let needed = format.row_bytes(set.width);
        seen += usize::from(needed > 0);
        let stride = set.planes.first().map_or(0, |plane| plane.stride as usize);
        require(stride >= needed, || {
            format!(
                "{} has rows of {stride} bytes for {} samples, which need {needed}",
                name(set.fourcc),
                set.width
            )
        })
    })?;
    if seen == 0 {
        return Err(Stop::NotSupported("no format has rows".to_owned()));
    }
    Ok(())
}

fn frames_fit(bench: &mut Bench<'_>) -> Checked {
    laid_out(&*bench.node()?, |format, set| {
        let stride = |memory: usize| set.planes.get(memory).map_or(0, |plane| plane.stride as usize);
        let planes = if is_separate(set.fourcc) {
            format.separate_planes(set.width, set.height, [0, 1, 2].map(stride))
        } else {
            format.planes(set.width, set.height, stride(0))
        };
        let memories = planes.iter().map(|plane| plane.memory + 1).max().unwrap_or(1);
        for memory in 0..memories {
            let own = planes.iter().filter(|plane| plane.memory == memory);
            let needed = own.map(|plane| plane.end()).max().unwrap_or(1);
            let size = set.planes.get(memory).map_or(0, |plane| plane.size as usize);
            require(size >= needed, || {
                format!("{} has {size} bytes in memory {memory} and needs {needed}", name(set.fourcc))
            })?;
        }
        Ok(())
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
pub(super) fn another(node: &dyn Video, now: &Format) -> Result<Format, Stop> {
    let all = known_sizes(node)?;
    let other = all.iter().map(|(fourcc, entry)| (*fourcc, one_size(entry)));
    let other = other.into_iter().find(|other| *other != (now.fourcc, (now.width, now.height)));
    let other = other.ok_or_else(|| Stop::NotSupported("the node has one format of one size".to_owned()))?;
    Ok(wanted(other.0, other.1, 0))
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
    if listed.is_empty() {
        let reason = format!("VIDIOC_ENUM_FRAMEINTERVALS lists none for {}", name(format.fourcc));
        return Err(Stop::NotSupported(reason));
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
