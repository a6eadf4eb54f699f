//! Pictures of measured times, as SVG.

use std::fmt::Write;
use std::time::Duration;

use crate::conformance::Measurement;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 96.0;
/// Room above the curve for the names of the marks.
const TOP: f64 = 34.0;

/// The share of values at or below each time, from the least to the largest, with marks at percentiles. Nothing for a
/// measurement without values.
pub(super) fn distribution(measurement: &Measurement) -> String {
    /// Steps that can be told apart in a picture of this width.
    const STEPS: usize = 320;
    let mut times = measurement.times.clone();
    times.sort_unstable();
    let (Some(least), Some(largest)) = (times.first().copied(), times.last().copied()) else {
        return String::new();
    };
    let span = largest.saturating_sub(least).as_secs_f64();
    let x = |time: Duration| {
        if span > 0.0 { time.saturating_sub(least).as_secs_f64() / span * WIDTH } else { WIDTH / 2.0 }
    };
    let y = |share: f64| TOP + (1.0 - share) * HEIGHT;
    let mut path = format!("M0 {:.1}", y(0.0));
    let stride = times.len().div_ceil(STEPS);
    for (index, time) in times.iter().enumerate() {
        if index % stride == 0 || index + 1 == times.len() {
            _ = write!(path, " H{:.1} V{:.1}", x(*time), y((index + 1) as f64 / times.len() as f64));
        }
    }
    _ = write!(path, " H{WIDTH:.1}");
    let bottom = TOP + HEIGHT;
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"-4 0 {:.0} {:.0}\" role=\"img\"><title>share of values at or below a time</title>\
         <path class=\"axis\" d=\"M0 {bottom:.1} H{WIDTH:.1} M0 {TOP:.1} H{WIDTH:.1}\"/>",
        WIDTH + 8.0,
        bottom + 18.0
    );
    for (row, (name, percent)) in super::PERCENTILES.into_iter().take(3).enumerate() {
        let Some(time) = measurement.percentile(percent) else { continue };
        let at = x(time);
        let anchor = if at < WIDTH / 2.0 { "start" } else { "end" };
        let gap = if at < WIDTH / 2.0 { 3.0 } else { -3.0 };
        let head = 10.0 + 11.0 * row as f64;
        _ = write!(
            svg,
            "<path class=\"mark\" d=\"M{at:.1} {:.1} V{bottom:.1}\"/>\
             <text x=\"{:.1}\" y=\"{head:.1}\" text-anchor=\"{anchor}\">{name} {}</text>",
            head - 8.0,
            at + gap,
            human(time)
        );
    }
    _ = write!(svg, "<path class=\"curve\" d=\"{path}\"/>");
    for (at, anchor, time) in [(0.0, "start", least), (WIDTH, "end", largest)] {
        let foot = bottom + 13.0;
        _ = write!(
            svg,
            "<text x=\"{at:.1}\" y=\"{foot:.1}\" text-anchor=\"{anchor}\">{}</text>",
            human(time)
        );
    }
    _ = write!(
        svg,
        "<text x=\"{WIDTH:.1}\" y=\"{:.1}\" text-anchor=\"end\">share of values at or below</text></svg>",
        bottom - 4.0
    );
    svg
}

/// A time with three digits.
pub(super) fn human(time: Duration) -> String {
    let (value, unit) = match time.as_secs_f64() {
        seconds if seconds >= 0.9995 => (seconds, "s"),
        seconds if seconds >= 0.000_999_5 => (seconds * 1e3, "ms"),
        seconds => (seconds * 1e6, "µs"),
    };
    let digits = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let shown =
            [0, 1_500, 33_333_000, 999_900_000, 12_340_000_000].map(|ns| human(Duration::from_nanos(ns)));
        assert_eq!(shown, ["0.00 µs", "1.50 µs", "33.3 ms", "1.00 s", "12.3 s"]);
    }

    #[test]
    fn one_value_many_values_and_none_are_drawn() {
        let drawn = |times: Vec<Duration>| distribution(&Measurement { name: "test", times });
        assert_eq!(drawn(Vec::new()), "");
        assert!(drawn(vec![Duration::from_millis(5)]).contains("p50 5.00 ms"));
        let many = drawn((0..100_000).map(Duration::from_micros).collect());
        assert!(many.len() < 20_000 && many.contains("p99 99.0 ms"), "{} bytes", many.len());
        assert!(!many.contains("NaN") && !many.contains("inf"));
    }
}
