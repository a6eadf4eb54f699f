//! Controls and metadata of libcamera's, by the names of [`super::controls`].

use std::time::Duration;

use ::libcamera::control::{ControlEntry, ControlInfoMap, ControlList};
use ::libcamera::control_value::ControlValue;
use ::libcamera::controls as theirs;

use super::controls::{self, Value};
use crate::control::Control;
use crate::frame::Exposure;

/// Defines what is known of each control: its number in this version of libcamera, and how its value is read.
macro_rules! known {
    ($($name:ident: $kind:ident),* $(,)?) => {
        /// libcamera's number of a control.
        fn number(name: &str) -> Option<u32> {
            match name {
                $(stringify!($name) => Some(theirs::$name::ID),)*
                _ => None,
            }
        }

        /// The value of a control that a frame was made with.
        fn reported(metadata: &ControlList, name: &str) -> Option<Value> {
            match name {
                $(stringify!($name) => {
                    metadata.get::<theirs::$name>().ok().map(|value| Value::$kind(value.0.into()))
                })*
                _ => None,
            }
        }

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

known! {
    ExposureTime: Int,
    ExposureValue: Float,
    AeEnable: Bool,
    AnalogueGain: Float,
    DigitalGain: Float,
    AwbEnable: Bool,
    ColourTemperature: Int,
    Brightness: Float,
    Contrast: Float,
    Saturation: Float,
    Sharpness: Float,
    Gamma: Float,
}

/// The controls of a camera that are of use here.
pub(super) fn list(camera: &ControlInfoMap, queued: u32) -> Vec<Control> {
    let listed = NAMES.iter().filter_map(|name| {
        let info = camera.find(number(name)?).ok()?;
        controls::control(name, [info.min(), info.max(), info.def()].map(|found| value(&found)), queued)
    });
    listed.collect()
}

/// The shortest and longest time from frame to frame, where the camera tells.
pub(super) fn intervals(camera: &ControlInfoMap) -> Option<(Duration, Duration)> {
    let limits = camera.find(theirs::FrameDurationLimits::ID).ok()?;
    let time = |limit: &ControlValue| match value(limit) {
        Some(Value::Int(micros)) => u64::try_from(micros).ok().map(Duration::from_micros),
        _ => None,
    };
    let (shortest, longest) = (time(&limits.min())?, time(&limits.max())?);
    (!shortest.is_zero() && shortest <= longest).then_some((shortest, longest))
}

/// Writes values of ours, and the time from frame to frame, to a list for libcamera.
pub(super) fn write(list: &mut ControlList, values: &[(u32, i64)], interval: Option<Duration>) {
    for &(id, value) in values {
        let number = controls::name(id).and_then(number);
        let Some((number, value)) = number.zip(controls::to_theirs(id, value)) else { continue };
        // It cannot fail: libcamera itself ignores what a camera does not have.
        let _ = list.set_raw(number, theirs(value));
    }
    if let Some(micros) = interval.and_then(|time| i64::try_from(time.as_micros()).ok()) {
        let _ = list.set_raw(theirs::FrameDurationLimits::ID, ControlValue::from([micros, micros]));
    }
}

/// Values of ours that a frame was made with, by their ids.
pub(super) fn read(metadata: &ControlList, ids: &[u32]) -> Vec<(u32, i64)> {
    let found = ids.iter().filter_map(|id| {
        let value = reported(metadata, controls::name(*id)?)?;
        Some((*id, controls::from_theirs(*id, value)?))
    });
    found.collect()
}

/// The exposure that a frame was made with.
pub(super) fn exposure(metadata: &ControlList) -> Option<Exposure> {
    let micros = metadata.get::<theirs::ExposureTime>().ok()?.0;
    let analogue = metadata.get::<theirs::AnalogueGain>().ok()?.0;
    let digital = metadata.get::<theirs::DigitalGain>().map_or(1.0, |gain| gain.0);
    let time = Duration::from_micros(u64::try_from(micros).ok()?);
    Some(Exposure { time, gain: analogue * digital }).filter(|exposure| exposure.gain.is_finite())
}

fn value(value: &ControlValue) -> Option<Value> {
    match value {
        ControlValue::Bool(values) => values.first().map(|value| Value::Bool(*value)),
        ControlValue::Int32(values) => values.first().map(|value| Value::Int((*value).into())),
        ControlValue::Int64(values) => values.first().map(|value| Value::Int(*value)),
        ControlValue::Float(values) => values.first().map(|value| Value::Float(*value)),
        _ => None,
    }
}

/// The controls that count have 32 bits in libcamera.
fn theirs(value: Value) -> ControlValue {
    match value {
        Value::Bool(value) => value.into(),
        Value::Int(value) => {
            i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX }).into()
        }
        Value::Float(value) => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l2r::bindings as raw;

    #[test]
    fn every_control_of_the_table_has_a_number() {
        for name in NAMES {
            assert!(number(name).is_some(), "{name}");
        }
        assert_eq!(number("FaceDetectMode"), None);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut list = ControlList::new();
        let values = [
            (raw::V4L2_CID_EXPOSURE_ABSOLUTE, 100),
            (raw::V4L2_CID_ANALOGUE_GAIN, 2500),
            (raw::V4L2_CID_EXPOSURE_AUTO, 1),
        ];
        write(&mut list, &values, Some(Duration::from_millis(40)));
        assert_eq!(read(&list, &values.map(|(id, _)| id)), values);
        assert_eq!(list.get::<theirs::FrameDurationLimits>().unwrap().0, [40_000, 40_000]);
        assert_eq!(list.get::<theirs::ExposureTime>().unwrap().0, 10_000);
        let exposure = exposure(&list).unwrap();
        assert_eq!((exposure.time, exposure.gain), (Duration::from_millis(10), 2.5));
    }
}
