//! Automatic digital exposure: how much brighter the linear picture must be to look right.
//!
//! Sensors are exposed for the highlights, so linear raw is dark. The gain brings the middle of the scene (the mean
//! of average and median) to a grey that looks medium, as long as the highlights allow; the tone curve's
//! shoulder keeps what passes white.

use crate::{Channel, Statistics};

/// Linear brightness that the middle of the scene is brought to.
const MIDDLE: f64 = 0.17;

/// How far the 99th percentile may be driven, white being 1; the shoulder holds the rest.
const HIGHLIGHTS: f64 = 1.6;

/// Largest automatic gain: beyond it noise would be what one sees.
const MOST: f64 = 8.0;

/// Weights of red, green and blue in brightness (ITU-R BT.709).
const LUMA: [f64; 3] = [0.2126, 0.7152, 0.0722];

const CHANNELS: [Channel; 3] = [Channel::Red, Channel::Green, Channel::Blue];

/// The digital gain for a frame under given white-balance gains, 1 to 8.
pub(crate) fn estimate(statistics: &Statistics, gains: [f32; 3]) -> f32 {
    let balanced = |value: u16, channel: Channel| {
        (f64::from(value) / 65_535.0 * f64::from(gains[channel as usize])).min(1.0)
    };
    let brightness = |value: &dyn Fn(Channel) -> u16| {
        CHANNELS.iter().zip(LUMA).fold(0.0, |sum, (&c, weight)| sum + weight * balanced(value(c), c))
    };
    let median = brightness(&|channel| statistics.percentile(channel, 500));
    let mean = brightness(&|channel| statistics.mean(channel));
    let highlights = brightness(&|channel| statistics.percentile(channel, 990));
    let middle = (median + mean) / 2.0;
    // A black frame divides by zero here: infinity and NaN both end at the bounds.
    let gain = (MIDDLE / middle).min(HIGHLIGHTS / highlights).min(MOST);
    if gain > 1.0 { gain as f32 } else { 1.0 }
}
