//! The raw modes that a device offers: formats times sizes, each with its highest rate.

use std::cmp::Reverse;
use std::time::Duration;

use nix::errno::Errno;
use v4l2r::bindings::{v4l2_fract, v4l2_frmivalenum, v4l2_frmsize_stepwise, v4l2_frmsizeenum};
use v4l2r::ioctl::{FrmIvalTypes, FrmSizeTypes};

use super::formats;
use super::node::Node;
use super::policy::{Operation, Verdict, judge};
use super::queue::Fault;
use crate::camera::Mode;

/// Lists longer than this come from a driver that does not end them.
const LONGEST_LIST: u32 = 512;

/// Of a range of sizes so many are listed: the largest and its halves.
const HALVES: u32 = 4;

/// All formats of the device, raw or not.
pub(super) fn fourccs(node: &Node) -> Result<Vec<u32>, Fault> {
    collect(Operation::EnumerateFormats, |index| node.format(index))
}

/// The raw modes, largest first, of one size the deepest first.
pub(super) fn list(node: &Node) -> Result<Vec<Mode>, Fault> {
    let mut modes = Vec::new();
    for fourcc in fourccs(node)? {
        let Some(format) = formats::from_fourcc(fourcc) else { continue };
        for (width, height) in sizes(node, fourcc)? {
            let frame_interval = fastest(node, fourcc, width, height)?.and_then(duration);
            modes.push(Mode { format, width, height, frame_interval });
        }
    }
    sort(&mut modes);
    Ok(modes)
}

fn sort(modes: &mut [Mode]) {
    modes.sort_by_key(|mode| {
        (
            Reverse(u64::from(mode.width) * u64::from(mode.height)),
            Reverse(mode.width),
            Reverse(mode.format.bits),
        )
    });
}

/// The shortest interval that a mode has, where the driver tells.
pub(super) fn fastest(
    node: &Node,
    fourcc: u32,
    width: u32,
    height: u32,
) -> Result<Option<v4l2_fract>, Fault> {
    let listed = collect(Operation::EnumerateIntervals, |index| node.interval(fourcc, width, height, index));
    let listed = match listed {
        Err(fault) if fault.verdict() != Verdict::Gone => Vec::new(),
        listed => listed?,
    };
    Ok(shortest(listed.iter().filter_map(v4l2_frmivalenum::intervals).map(|entry| match entry {
        FrmIvalTypes::Discrete(interval) => *interval,
        FrmIvalTypes::StepWise(range) => range.min,
    })))
}

fn shortest(intervals: impl Iterator<Item = v4l2_fract>) -> Option<v4l2_fract> {
    intervals.filter(|interval| duration(*interval).is_some()).min_by(|a, b| {
        let left = u64::from(a.numerator) * u64::from(b.denominator);
        let right = u64::from(b.numerator) * u64::from(a.denominator);
        left.cmp(&right)
    })
}

/// A fraction of a second; `None` for fractions that are no time.
pub(super) fn duration(interval: v4l2_fract) -> Option<Duration> {
    if interval.numerator == 0 {
        return None;
    }
    let nanos =
        (u64::from(interval.numerator) * 1_000_000_000).checked_div(u64::from(interval.denominator))?;
    Some(Duration::from_nanos(nanos))
}

fn sizes(node: &Node, fourcc: u32) -> Result<Vec<(u32, u32)>, Fault> {
    let listed = collect(Operation::EnumerateSizes, |index| node.size(fourcc, index))?;
    let mut sizes: Vec<(u32, u32)> = listed.iter().flat_map(expand).collect();
    if sizes.is_empty() {
        sizes.extend(only_size(node, fourcc)?);
    }
    sizes.sort_unstable();
    sizes.dedup();
    Ok(sizes)
}

/// A driver that lists no sizes is asked for the largest, and answers with what it has.
fn only_size(node: &Node, fourcc: u32) -> Result<Option<(u32, u32)>, Fault> {
    const LARGEST: u32 = 1 << 14;
    match node.try_format(fourcc, LARGEST, LARGEST) {
        Ok(answer) if answer.pixelformat.to_u32() == fourcc => {
            Ok(Some((answer.width, answer.height)).filter(|size| size.0 > 0 && size.1 > 0))
        }
        Ok(_) => Ok(None),
        Err(errno) => match judge(Operation::TryFormat, errno) {
            Verdict::Gone => Err(Fault { operation: Operation::TryFormat, errno }),
            _ => Ok(None),
        },
    }
}

fn expand(entry: &v4l2_frmsizeenum) -> Vec<(u32, u32)> {
    match entry.size() {
        Some(FrmSizeTypes::Discrete(size)) if size.width > 0 && size.height > 0 => {
            vec![(size.width, size.height)]
        }
        Some(FrmSizeTypes::StepWise(range)) => halves(range),
        _ => Vec::new(),
    }
}

/// The largest size of a range and its halves, each on the range's steps.
fn halves(range: &v4l2_frmsize_stepwise) -> Vec<(u32, u32)> {
    let sizes = (0..HALVES).map(|half| {
        let width = on_step(range.min_width, range.max_width, range.step_width, half)?;
        let height = on_step(range.min_height, range.max_height, range.step_height, half)?;
        Some((width, height))
    });
    sizes.flatten().collect()
}

fn on_step(least: u32, most: u32, step: u32, half: u32) -> Option<u32> {
    let above_least = (most >> half).checked_sub(least)?;
    let size = least + (above_least - above_least % step.max(1));
    (size > 0).then_some(size)
}

/// Asks for entry 0, 1, … until the driver says that there are no more.
fn collect<T>(operation: Operation, entry: impl Fn(u32) -> nix::Result<T>) -> Result<Vec<T>, Fault> {
    let mut entries = Vec::new();
    for index in 0..LONGEST_LIST {
        match entry(index) {
            Ok(found) => entries.push(found),
            Err(Errno::EINVAL | Errno::ENOTTY | Errno::ENODATA) => break,
            Err(errno) => return Err(Fault { operation, errno }),
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{CfaPattern, Packing, RawFormat};
    use proptest::prelude::*;

    fn fract(numerator: u32, denominator: u32) -> v4l2_fract {
        v4l2_fract { numerator, denominator }
    }

    #[test]
    fn the_shortest_interval_wins_and_nonsense_is_left_out() {
        let intervals = [fract(1, 30), fract(0, 1), fract(1, 0), fract(1001, 60000), fract(1, 5)];
        let found = shortest(intervals.into_iter()).unwrap();
        assert_eq!((found.numerator, found.denominator), (1001, 60000));
        assert!(shortest([fract(0, 0)].into_iter()).is_none());
    }

    #[test]
    fn intervals_are_times() {
        assert_eq!(duration(fract(1, 25)), Some(Duration::from_millis(40)));
        assert_eq!(duration(fract(u32::MAX, 1)), Some(Duration::from_secs(u64::from(u32::MAX))));
        assert_eq!(duration(fract(1, 0)), None);
        assert_eq!(duration(fract(0, 1)), None);
    }

    fn range(min: (u32, u32), max: (u32, u32), step: (u32, u32)) -> v4l2_frmsize_stepwise {
        v4l2_frmsize_stepwise {
            min_width: min.0,
            max_width: max.0,
            step_width: step.0,
            min_height: min.1,
            max_height: max.1,
            step_height: step.1,
        }
    }

    #[test]
    fn a_range_becomes_its_largest_size_and_halves() {
        assert_eq!(
            halves(&range((64, 64), (4056, 3040), (8, 2))),
            [(4056, 3040), (2024, 1520), (1008, 760), (504, 380)]
        );
        assert_eq!(halves(&range((4000, 3000), (4000, 3000), (0, 0))), [(4000, 3000)]);
        assert_eq!(halves(&range((2, 2), (1, 1), (1, 1))), []);
        assert_eq!(halves(&range((0, 0), (0, 0), (0, 0))), []);
    }

    #[test]
    fn large_and_deep_come_first() {
        let mode = |width, height, bits| Mode {
            format: RawFormat { pattern: CfaPattern::Rggb, bits, packing: Packing::Le16 },
            width,
            height,
            frame_interval: None,
        };
        let mut modes = [mode(2, 2, 16), mode(4, 4, 10), mode(u32::MAX, u32::MAX, 10), mode(4, 4, 12)];
        sort(&mut modes);
        assert_eq!(
            modes.map(|mode| (mode.width, mode.format.bits)),
            [(u32::MAX, 10), (4, 12), (4, 10), (2, 16)]
        );
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let entries = collect(Operation::EnumerateFormats, Ok).unwrap();
        assert_eq!(entries.len(), LONGEST_LIST as usize);
    }

    #[test]
    fn a_device_that_vanishes_does_not_look_like_one_without_formats() {
        let fault = collect(Operation::EnumerateFormats, |_| Err::<(), _>(Errno::ENODEV)).unwrap_err();
        assert_eq!(fault.verdict(), Verdict::Gone);
    }

    proptest! {
        #[test]
        fn sizes_of_a_range_are_in_it(
            least in (1u32.., 1u32..), most in (any::<u32>(), any::<u32>()), step in (any::<u32>(), any::<u32>())
        ) {
            for (width, height) in halves(&range(least, most, step)) {
                prop_assert!((least.0..=most.0).contains(&width) && (least.1..=most.1).contains(&height));
            }
        }

        #[test]
        fn any_fraction_is_a_time_or_none(numerator: u32, denominator: u32) {
            prop_assert_eq!(duration(fract(numerator, denominator)).is_some(), numerator != 0 && denominator != 0);
        }
    }
}
