//! How a virtual camera is set, as a struct and as the text after `virtual:`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::format::{CfaPattern, Packing, RawFormat};

/// Sides of a picture, in samples.
const SIDES: std::ops::RangeInclusive<u32> = 16..=8192;
const FPS: std::ops::RangeInclusive<u32> = 1..=240;
const GAINS: std::ops::RangeInclusive<f32> = 1.0..=64.0;
const DEPTHS: [u8; 5] = [8, 10, 12, 14, 16];
/// MiB of frame memory.
const MEMORY: std::ops::RangeInclusive<u32> = 16..=65536;
/// The exposure that the scene's light asks for at gain 1.
const METERED: Duration = Duration::from_millis(4);
const KEYS: &str = "size=4000x3000, seed=1, bits=8|10|12|14|16, pattern=RGGB|GRBG|GBRG|BGGR, \
     packing=bytes|le16|mipi, fps=30, black=64, gain=1, exposure=MICROSECONDS, shake=on|off, memory=MEBIBYTES, \
     fault=drop:N+damage:N+stall:N+unplug:N+busy";

/// A fault that a virtual camera shows on purpose. Frames count from 1 at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every N-th frame is lost: the sequence has a gap. N is 1 or more.
    Drop(u64),
    /// Every N-th frame comes as [`Dequeued::Damaged`](crate::Dequeued::Damaged). N is 1 or more.
    Damage(u64),
    /// After N frames nothing comes any more.
    Stall(u64),
    /// After N frames the camera is gone for good: [`Error::Gone`].
    Unplug(u64),
    /// `configure` says [`Error::Busy`].
    Busy,
}

/// The settings of a virtual camera.
///
/// Written as `size=640x480,bits=12,fault=drop:3+unplug:9`; what is not named has its default, and the empty text is the
/// default camera. [`Display`](fmt::Display) writes what differs from the default, in the same form.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Samples in a row: even, 16 to 8192.
    pub width: u32,
    /// Rows: even, 16 to 8192.
    pub height: u32,
    /// The samples: 8, 10, 12, 14 or 16 bits, in any packing that has them.
    pub format: RawFormat,
    /// What the scene, the noise, the defects and the shake are made from.
    pub seed: u64,
    /// Frames a second, 1 to 240.
    pub fps: u32,
    /// Sample value of no light; at most a quarter of the full code. Text that names `bits` and not `black` has 64 of
    /// 1024 at that depth.
    pub black: u16,
    /// Gain over base sensitivity, 1.0 to 64.0.
    pub gain: f32,
    /// Exposure time, at most the frame interval; zero is a lens with its cap on. `None` is metered: 4 ms at gain 1 and
    /// shorter as the gain rises, so that only the noise changes.
    pub exposure: Option<Duration>,
    /// True for a camera held in a hand.
    pub shake: bool,
    /// The most frame memory that a stream takes, in MiB, 16 to 65536.
    pub memory_mib: u32,
    /// Faults to show; of two of one kind the first counts.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            width: 4000,
            height: 3000,
            format: RawFormat { pattern: CfaPattern::Rggb, bits: 10, packing: Packing::Le16 },
            seed: 1,
            fps: 30,
            black: 64,
            gain: 1.0,
            exposure: None,
            shake: true,
            memory_mib: 1536,
            faults: Vec::new(),
        }
    }
}

impl Options {
    /// The full code: the sample value of saturation.
    pub fn white(&self) -> u16 {
        u16::MAX.checked_shr(16u32.saturating_sub(u32::from(self.format.bits))).unwrap_or(0)
    }

    /// Time from frame to frame at the nominal rate.
    pub fn frame_interval(&self) -> Duration {
        Duration::from_secs(1) / self.fps.max(1)
    }

    /// The exposure time that the camera really uses.
    pub fn exposure_time(&self) -> Duration {
        self.exposure.unwrap_or_else(|| METERED.div_f64(f64::from(self.gain.max(1.0))))
    }

    /// Brightness of the picture, 1.0 as metered: exposure time times gain.
    pub(super) fn brightness(&self) -> f32 {
        self.exposure_time().as_secs_f32() / METERED.as_secs_f32() * self.gain
    }

    /// Says what is wrong with the settings, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        for side in [self.width, self.height] {
            if !SIDES.contains(&side) || side % 2 != 0 {
                let (low, high) = (SIDES.start(), SIDES.end());
                return Err(format!("a side of {side} samples is not even or not within {low}..={high}"));
            }
        }
        let RawFormat { bits, packing, .. } = self.format;
        if !DEPTHS.contains(&bits) {
            return Err(format!("{bits} bits a sample; there are 8, 10, 12, 14 and 16"));
        }
        let packings: &[Packing] = match bits {
            8 => &[Packing::Bytes],
            16 => &[Packing::Le16],
            _ => &[Packing::Le16, Packing::Mipi],
        };
        if !packings.contains(&packing) {
            return Err(format!("{bits}-bit samples are not packed as {packing:?}, but as {packings:?}"));
        }
        if !FPS.contains(&self.fps) {
            return Err(format!(
                "{} frames a second are not within {}..={}",
                self.fps,
                FPS.start(),
                FPS.end()
            ));
        }
        if self.black > self.white() / 4 {
            return Err(format!(
                "black {} is more than a quarter of the full code {}",
                self.black,
                self.white()
            ));
        }
        if !GAINS.contains(&self.gain) {
            return Err(format!("gain {} is not within {}..={}", self.gain, GAINS.start(), GAINS.end()));
        }
        if self.exposure_time() > self.frame_interval() {
            let (time, interval) = (self.exposure_time(), self.frame_interval());
            return Err(format!(
                "an exposure of {time:?} does not fit into the frame interval of {interval:?}"
            ));
        }
        if !MEMORY.contains(&self.memory_mib) {
            let (low, high) = (MEMORY.start(), MEMORY.end());
            return Err(format!("{} MiB of frame memory are not within {low}..={high}", self.memory_mib));
        }
        if self.faults.iter().any(|fault| matches!(fault, Fault::Drop(0) | Fault::Damage(0))) {
            return Err("`drop` and `damage` count from 1".to_owned());
        }
        Ok(())
    }
}

/// 64 of 1024, at any depth.
fn usual_black(bits: u8) -> u16 {
    ((1u32 << bits) / 16) as u16
}

/// The packing that is meant where none is named.
fn usual_packing(bits: u8) -> Packing {
    if bits == 8 { Packing::Bytes } else { Packing::Le16 }
}

impl FromStr for Options {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text)
            .and_then(|options| options.check().map(|()| options))
            .map_err(|reason| bad_name(text, &reason))
    }
}

/// The error for settings that make no camera, with what is known.
pub(super) fn bad_name(text: &str, reason: &str) -> Error {
    Error::BadName { given: format!("virtual:{text}"), reason: format!("{reason}; known are {KEYS}") }
}

fn parse(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    let (mut black, mut packing) = (None, None);
    let mut seen: Vec<&str> = Vec::new();
    for item in text.split(',').filter(|_| !text.is_empty()) {
        let (key, value) = item.split_once('=').ok_or_else(|| format!("`{item}` is not KEY=VALUE"))?;
        if seen.contains(&key) {
            return Err(format!("`{key}` is given twice"));
        }
        seen.push(key);
        match key {
            "size" => {
                let (width, height) = value.split_once('x').ok_or_else(|| wrong(key, value))?;
                (options.width, options.height) = (number(key, width)?, number(key, height)?);
            }
            "seed" => options.seed = number(key, value)?,
            "bits" => {
                options.format.bits = number(key, value)?;
                if !DEPTHS.contains(&options.format.bits) {
                    return Err(wrong(key, value));
                }
            }
            "pattern" => {
                let known = CfaPattern::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(value));
                options.format.pattern = known.ok_or_else(|| wrong(key, value))?;
            }
            "packing" => packing = Some(named_packing(value).ok_or_else(|| wrong(key, value))?),
            "fps" => options.fps = number(key, value)?,
            "black" => black = Some(number(key, value)?),
            "gain" => options.gain = number(key, value)?,
            "exposure" => options.exposure = Some(Duration::from_micros(number(key, value)?)),
            "shake" => options.shake = on_or_off(value).ok_or_else(|| wrong(key, value))?,
            "memory" => options.memory_mib = number(key, value)?,
            "fault" => options.faults = value.split('+').map(fault).collect::<Result<_, _>>()?,
            _ => return Err(format!("there is no `{key}`")),
        }
    }
    let bits = options.format.bits;
    options.black = black.unwrap_or_else(|| usual_black(bits));
    options.format.packing = packing.unwrap_or_else(|| usual_packing(bits));
    Ok(options)
}

fn wrong(key: &str, value: &str) -> String {
    format!("`{value}` is no value of `{key}`")
}

fn number<T: FromStr>(key: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| wrong(key, value))
}

fn on_or_off(value: &str) -> Option<bool> {
    match value {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn named_packing(value: &str) -> Option<Packing> {
    match value {
        "bytes" => Some(Packing::Bytes),
        "le16" => Some(Packing::Le16),
        "mipi" => Some(Packing::Mipi),
        _ => None,
    }
}

fn packing_name(packing: Packing) -> &'static str {
    match packing {
        Packing::Bytes => "bytes",
        Packing::Le16 => "le16",
        Packing::Mipi => "mipi",
    }
}

fn fault(text: &str) -> Result<Fault, String> {
    if text == "busy" {
        return Ok(Fault::Busy);
    }
    let (kind, count) = text.split_once(':').ok_or_else(|| wrong("fault", text))?;
    let count = number("fault", count)?;
    match kind {
        "drop" => Ok(Fault::Drop(count)),
        "damage" => Ok(Fault::Damage(count)),
        "stall" => Ok(Fault::Stall(count)),
        "unplug" => Ok(Fault::Unplug(count)),
        _ => Err(wrong("fault", text)),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop(count) => write!(f, "drop:{count}"),
            Self::Damage(count) => write!(f, "damage:{count}"),
            Self::Stall(count) => write!(f, "stall:{count}"),
            Self::Unplug(count) => write!(f, "unplug:{count}"),
            Self::Busy => f.write_str("busy"),
        }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        let RawFormat { pattern, bits, packing } = self.format;
        let mut items = Vec::new();
        let mut item = |differs: bool, text: String| {
            if differs {
                items.push(text);
            }
        };
        let size = (self.width, self.height);
        item(size != (usual.width, usual.height), format!("size={}x{}", self.width, self.height));
        item(self.seed != usual.seed, format!("seed={}", self.seed));
        item(bits != usual.format.bits, format!("bits={bits}"));
        item(pattern != usual.format.pattern, format!("pattern={}", pattern.name()));
        item(packing != usual_packing(bits), format!("packing={}", packing_name(packing)));
        item(self.fps != usual.fps, format!("fps={}", self.fps));
        item(bits > 16 || self.black != usual_black(bits), format!("black={}", self.black));
        item(self.gain != usual.gain, format!("gain={}", self.gain));
        let exposure = self.exposure.unwrap_or_default().as_micros();
        item(self.exposure.is_some(), format!("exposure={exposure}"));
        item(!self.shake, "shake=off".to_owned());
        item(self.memory_mib != usual.memory_mib, format!("memory={}", self.memory_mib));
        let faults: Vec<String> = self.faults.iter().map(Fault::to_string).collect();
        item(!faults.is_empty(), format!("fault={}", faults.join("+")));
        f.write_str(&items.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        match text.parse::<Options>() {
            Err(error @ Error::BadName { .. }) => error.to_string(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn nothing_is_the_default() {
        assert_eq!("".parse::<Options>().unwrap(), Options::default());
        assert_eq!(Options::default().to_string(), "");
    }

    #[test]
    fn every_key_is_read() {
        let text = "size=640x480,seed=7,bits=12,pattern=GRBG,packing=mipi,fps=15,black=200,gain=4,exposure=900,\
                    shake=off,memory=64,fault=drop:3+damage:5+stall:9+unplug:11+busy";
        let options: Options = text.parse().unwrap();
        let expected = Options {
            width: 640,
            height: 480,
            format: RawFormat { pattern: CfaPattern::Grbg, bits: 12, packing: Packing::Mipi },
            seed: 7,
            fps: 15,
            black: 200,
            gain: 4.0,
            exposure: Some(Duration::from_micros(900)),
            shake: false,
            memory_mib: 64,
            faults: vec![Fault::Drop(3), Fault::Damage(5), Fault::Stall(9), Fault::Unplug(11), Fault::Busy],
        };
        assert_eq!(options, expected);
        assert_eq!(options.to_string(), text);
    }

    #[test]
    fn black_and_packing_follow_the_depth() {
        let table = [
            ("bits=8", 16, Packing::Bytes, 255),
            ("bits=10", 64, Packing::Le16, 1023),
            ("bits=12", 256, Packing::Le16, 4095),
            ("bits=14", 1024, Packing::Le16, 16383),
            ("bits=16", 4096, Packing::Le16, 65535),
        ];
        for (text, black, packing, white) in table {
            let options: Options = text.parse().unwrap();
            assert_eq!((options.black, options.format.packing, options.white()), (black, packing, white));
        }
    }

    #[test]
    fn refusals_say_what_is_known() {
        let table = [
            ("sise=64x64", "there is no `sise`"),
            ("size=64", "`64` is no value of `size`"),
            ("size=15x16", "not even or not within"),
            ("size=17x16", "not even or not within"),
            ("size=8194x16", "not even or not within"),
            ("size=4294967296x16", "is no value of `size`"),
            ("size=4294967294x4294967294", "not even or not within"),
            ("bits=9", "`9` is no value of `bits`"),
            ("bits=255", "`255` is no value of `bits`"),
            ("bits=8,packing=mipi", "not packed as Mipi"),
            ("bits=16,packing=mipi", "not packed as Mipi"),
            ("packing=bytes", "not packed as Bytes"),
            ("pattern=RGBW", "`RGBW` is no value of `pattern`"),
            ("fps=0", "0 frames a second"),
            ("gain=NaN", "gain NaN"),
            ("gain=0.5", "gain 0.5"),
            ("black=300", "black 300 is more than a quarter"),
            ("exposure=40000", "does not fit into the frame interval"),
            ("exposure=18446744073709551615", "does not fit into the frame interval"),
            ("memory=0", "0 MiB"),
            ("fault=drop:0", "count from 1"),
            ("fault=drop", "`drop` is no value of `fault`"),
            ("fault=burn:1", "`burn:1` is no value of `fault`"),
            ("seed=1,seed=2", "`seed` is given twice"),
            ("seed", "`seed` is not KEY=VALUE"),
            (",", "`` is not KEY=VALUE"),
        ];
        for (text, reason) in table {
            let sentence = refusal(text);
            assert!(sentence.contains(reason), "{text}: {sentence}");
            assert!(sentence.contains("known are size=4000x3000"), "{text}: {sentence}");
        }
    }

    #[test]
    fn the_meter_keeps_the_brightness_as_gain_rises() {
        for gain in ["1", "4", "64"] {
            let options: Options = format!("gain={gain},fps=240").parse().unwrap();
            assert!((options.brightness() - 1.0).abs() < 1e-3, "{gain}: {}", options.brightness());
        }
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(text in "\\PC*") {
            let _ = text.parse::<Options>();
        }

        #[test]
        fn near_misses_never_panic_and_what_is_read_is_written_the_same(
            text in "((size|seed|bits|pattern|packing|fps|black|gain|exposure|shake|memory|fault)=\
                     ([0-9]{1,20}|[0-9]{1,4}x[0-9]{1,4}|RGGB|GBRG|mipi|off|[0-9.e-]{1,6}|drop:[0-9]|stall:[0-9]),?){0,5}"
        ) {
            if let Ok(options) = text.parse::<Options>() {
                prop_assert_eq!(options.to_string().parse::<Options>().unwrap(), options);
            }
        }
    }
}
