//! The modes that a device offers: formats times sizes, each with its highest rate.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use nix::errno::Errno;

use super::formats;
use super::policy::{Fault, Operation, Verdict, judge};
use crate::camera::Mode;
use crate::kernel::{Format, Fraction, IntervalEntry, SizeEntry, SizeRange, Video};

/// Lists longer than this come from a driver that does not end them.
const LONGEST_LIST: u32 = 512;

/// Of a range of sizes so many are listed: the largest and its halves.
const HALVES: u32 = 4;

/// All formats of the device, raw or not.
pub(super) fn fourccs(node: &dyn Video) -> Result<Vec<u32>, Fault> {
    collect(Operation::EnumerateFormats, |index| node.format_entry(index).map(|entry| entry.fourcc))
}

/// The modes: raw ones before others, the largest first, of one size the deepest first.
pub(super) fn list(node: &dyn Video) -> Result<Vec<Mode>, Fault> {
    let mut modes = Vec::new();
    for fourcc in fourccs(node)? {
        let Some(format) = formats::from_fourcc(fourcc) else { continue };
        for (width, height) in sizes(node, fourcc)? {
            let frame_interval = interval(node, fourcc, (width, height), None)?.and_then(duration);
            modes.push(Mode { format, width, height, frame_interval });
        }
    }
    // A device may have the same pictures in one memory and in several, or under two names.
    let mut known = HashSet::new();
    modes.retain(|mode| known.insert((mode.format, mode.width, mode.height)));
    sort(&mut modes);
    Ok(modes)
}

/// Raw modes before others, the largest first, and of one size the deepest first.
pub(crate) fn sort(modes: &mut [Mode]) {
    modes.sort_by_key(|mode| {
        (
            mode.format.raw().is_none(),
            Reverse(u64::from(mode.width) * u64::from(mode.height)),
            Reverse(mode.width),
            Reverse(mode.format.bits()),
        )
    });
}

/// The interval of a mode that is nearest to `wanted`, or the shortest; `None` where the driver tells none.
pub(super) fn interval(
    node: &dyn Video,
    fourcc: u32,
    (width, height): (u32, u32),
    wanted: Option<Duration>,
) -> Result<Option<Fraction>, Fault> {
    let listed =
        collect(Operation::EnumerateIntervals, |index| node.interval_entry(fourcc, (width, height), index));
    let listed = match listed {
        Err(fault) if fault.verdict() != Verdict::Gone => Vec::new(),
        listed => listed?,
    };
    let offered = listed.iter().map(|entry| match entry {
        IntervalEntry::Discrete(interval) => *interval,
        IntervalEntry::Range { min, max } => within(*min, *max, wanted),
    });
    Ok(match wanted {
        None => shortest(offered),
        Some(wanted) => offered
            .filter_map(|interval| Some((duration(interval)?.abs_diff(wanted), interval)))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, interval)| interval),
    })
}

/// The interval of a range that is nearest to `wanted`, or the shortest.
fn within(min: Fraction, max: Fraction, wanted: Option<Duration>) -> Fraction {
    let (Some(least), Some(most), Some(wanted)) = (duration(min), duration(max), wanted) else { return min };
    if wanted <= least {
        return min;
    }
    if wanted >= most {
        return max;
    }
    let micros = u32::try_from(wanted.as_micros()).unwrap_or(u32::MAX);
    Fraction { numerator: micros, denominator: 1_000_000 }
}

fn shortest(intervals: impl Iterator<Item = Fraction>) -> Option<Fraction> {
    intervals.filter(|interval| duration(*interval).is_some()).min_by(|a, b| {
        let left = u64::from(a.numerator) * u64::from(b.denominator);
        let right = u64::from(b.numerator) * u64::from(a.denominator);
        left.cmp(&right)
    })
}

/// A fraction of a second; `None` for fractions that are no time.
pub(super) fn duration(interval: Fraction) -> Option<Duration> {
    if interval.numerator == 0 {
        return None;
    }
    let nanos =
        (u64::from(interval.numerator) * 1_000_000_000).checked_div(u64::from(interval.denominator))?;
    Some(Duration::from_nanos(nanos))
}

fn sizes(node: &dyn Video, fourcc: u32) -> Result<Vec<(u32, u32)>, Fault> {
    let listed = collect(Operation::EnumerateSizes, |index| node.size_entry(fourcc, index))?;
    let mut sizes: Vec<(u32, u32)> = listed.iter().flat_map(expand).collect();
    if sizes.is_empty() {
        sizes.extend(only_size(node, fourcc)?);
    }
    sizes.sort_unstable();
    sizes.dedup();
    Ok(sizes)
}

/// A driver that lists no sizes is asked for the largest, and answers with what it has.
fn only_size(node: &dyn Video, fourcc: u32) -> Result<Option<(u32, u32)>, Fault> {
    const LARGEST: u32 = 1 << 14;
    let wanted = Format { fourcc, width: LARGEST, height: LARGEST, ..Format::default() };
    match node.try_format(&wanted) {
        Ok(answer) if answer.fourcc == fourcc => {
            Ok(Some((answer.width, answer.height)).filter(|size| size.0 > 0 && size.1 > 0))
        }
        Ok(_) => Ok(None),
        Err(errno) => match judge(Operation::TryFormat, errno) {
            Verdict::Gone => Err(Fault { operation: Operation::TryFormat, errno }),
            _ => Ok(None),
        },
    }
}

fn expand(entry: &SizeEntry) -> Vec<(u32, u32)> {
    match entry {
        SizeEntry::Discrete(0, _) | SizeEntry::Discrete(_, 0) => Vec::new(),
        SizeEntry::Discrete(width, height) => vec![(*width, *height)],
        SizeEntry::Range(range) => halves(range),
    }
}

/// The largest size of a range and its halves, each on the range's steps.
pub(crate) fn halves(range: &SizeRange) -> Vec<(u32, u32)> {
    let sizes = (0..HALVES).map(|half| {
        let width = on_step(range.min.0, range.max.0, range.step.0, half)?;
        let height = on_step(range.min.1, range.max.1, range.step.1, half)?;
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
    use crate::format::{CfaPattern, Packing, PixelFormat, RawFormat};
    use proptest::prelude::*;

    fn fract(numerator: u32, denominator: u32) -> Fraction {
        Fraction { numerator, denominator }
    }

    #[test]
    fn the_shortest_interval_wins_and_nonsense_is_left_out() {
        let intervals = [fract(1, 30), fract(0, 1), fract(1, 0), fract(1001, 60000), fract(1, 5)];
        let found = shortest(intervals.into_iter()).unwrap();
        assert_eq!((found.numerator, found.denominator), (1001, 60000));
        assert!(shortest([fract(0, 0)].into_iter()).is_none());
    }

    #[test]
    fn a_range_gives_what_is_asked_within_its_ends() {
        let at = |micros| {
            let found = within(fract(1, 60), fract(1, 5), Some(Duration::from_micros(micros)));
            (found.numerator, found.denominator)
        };
        assert_eq!((at(1), at(40_000), at(5_000_000)), ((1, 60), (40_000, 1_000_000), (1, 5)));
        assert_eq!(within(fract(1, 60), fract(0, 0), None), fract(1, 60));
    }

    #[test]
    fn intervals_are_times() {
        assert_eq!(duration(fract(1, 25)), Some(Duration::from_millis(40)));
        assert_eq!(duration(fract(u32::MAX, 1)), Some(Duration::from_secs(u64::from(u32::MAX))));
        assert_eq!(duration(fract(1, 0)), None);
        assert_eq!(duration(fract(0, 1)), None);
    }

    fn range(min: (u32, u32), max: (u32, u32), step: (u32, u32)) -> SizeRange {
        SizeRange { min, max, step }
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
            format: RawFormat { pattern: CfaPattern::Rggb, bits, packing: Packing::Le16 }.into(),
            width,
            height,
            frame_interval: None,
        };
        let mut modes = [mode(2, 2, 16), mode(4, 4, 10), mode(u32::MAX, u32::MAX, 10), mode(4, 4, 12)];
        sort(&mut modes);
        assert_eq!(
            modes.map(|mode| (mode.width, mode.format.bits())),
            [(u32::MAX, 10), (4, 12), (4, 10), (2, 16)]
        );
    }

    #[test]
    fn raw_modes_come_before_larger_ones_that_are_developed() {
        let raw = RawFormat { pattern: CfaPattern::Rggb, bits: 8, packing: Packing::Bytes };
        let mode = |format, width| Mode { format, width, height: 2, frame_interval: None };
        let mut modes = [mode(PixelFormat::Jpeg, 4), mode(raw.into(), 2)];
        sort(&mut modes);
        assert_eq!(modes[0].format.raw(), Some(raw));
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
