//! Which of libcamera's controls are ours, and their values:
//! <https://libcamera.org/api-html/namespacelibcamera_1_1controls.html>.
//!
//! libcamera numbers its controls anew in each version, so they are known by name. Numbers with a fraction (gains,
//! contrast) are counted in thousandths. Controls with several numbers, and those that V4L2 has no id for, are left out.

use std::cell::RefCell;

use v4l2r::bindings as raw;

use crate::control::{self, Control, ControlKind, Unit};
use crate::kernel::MenuItem;

/// A value in libcamera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Int(i64),
    Float(f32),
}

/// How a value there becomes one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// True is 1.
    Switch,
    /// True is the first item of V4L2's menu, false the second.
    Automatic,
    /// So many of libcamera's steps are one.
    Steps(i64),
    /// A thousandth is one.
    Thousandths,
}

/// libcamera's name, V4L2's id, and how values are translated.
const TABLE: [(&str, u32, Scale); 12] = [
    ("ExposureTime", raw::V4L2_CID_EXPOSURE_ABSOLUTE, Scale::Steps(100)),
    ("ExposureValue", raw::V4L2_CID_AUTO_EXPOSURE_BIAS, Scale::Thousandths),
    ("AeEnable", raw::V4L2_CID_EXPOSURE_AUTO, Scale::Automatic),
    ("AnalogueGain", raw::V4L2_CID_ANALOGUE_GAIN, Scale::Thousandths),
    ("DigitalGain", raw::V4L2_CID_DIGITAL_GAIN, Scale::Thousandths),
    ("AwbEnable", raw::V4L2_CID_AUTO_WHITE_BALANCE, Scale::Switch),
    ("ColourTemperature", raw::V4L2_CID_WHITE_BALANCE_TEMPERATURE, Scale::Steps(1)),
    ("Brightness", raw::V4L2_CID_BRIGHTNESS, Scale::Thousandths),
    ("Contrast", raw::V4L2_CID_CONTRAST, Scale::Thousandths),
    ("Saturation", raw::V4L2_CID_SATURATION, Scale::Thousandths),
    ("Sharpness", raw::V4L2_CID_SHARPNESS, Scale::Thousandths),
    ("Gamma", raw::V4L2_CID_GAMMA, Scale::Thousandths),
];

/// Values that wait for the next request, which brings them to the camera.
#[derive(Debug, Default)]
pub(super) struct Pending(RefCell<Vec<(u32, i64)>>);

impl Pending {
    /// Adds values behind those that wait.
    pub(super) fn add(&self, values: &[(u32, i64)]) {
        self.0.borrow_mut().extend_from_slice(values);
    }

    /// Forgets them: the camera gets all values otherwise.
    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Sends them with a request; where that is refused, they wait for the next one.
    pub(super) fn send<T, E>(&self, send: impl FnOnce(Vec<(u32, i64)>) -> Result<T, E>) -> Result<T, E> {
        let values = self.0.take();
        let sent = send(values.clone());
        if sent.is_err() {
            self.0.borrow_mut().splice(0..0, values);
        }
        sent
    }
}

/// The name of the control with this id of V4L2's.
pub(super) fn name(id: u32) -> Option<&'static str> {
    TABLE.iter().find(|row| row.1 == id).map(|row| row.0)
}

/// The control of this name with its least, greatest and first value. It shows `queued` frames later than V4L2's do:
/// libcamera gives a value to the next frame that is asked for, and so many were asked for before it. `None` for
/// controls that are of no use here.
pub(super) fn control(name: &str, range: [Option<Value>; 3], queued: u32) -> Option<Control> {
    let &(name, id, scale) = TABLE.iter().find(|row| row.0 == name)?;
    let [least, most, first] = range;
    let (min, max) = match scale {
        Scale::Switch | Scale::Automatic => (0, 1),
        Scale::Steps(_) | Scale::Thousandths => within(scale, least?, most?)?,
    };
    let default = first.and_then(|first| to_ours(scale, first)).unwrap_or(min).clamp(min, max);
    Some(Control {
        id,
        name: name.to_owned(),
        kind: match scale {
            Scale::Switch => ControlKind::Boolean,
            Scale::Automatic => ControlKind::Menu,
            Scale::Steps(_) | Scale::Thousandths => ControlKind::Integer,
        },
        unit: match control::unit(id) {
            Unit::Device if scale == Scale::Thousandths => Unit::Thousandths,
            unit => unit,
        },
        min,
        max,
        step: 1,
        default,
        read_only: false,
        inactive: false,
        delay_frames: control::delay_frames(id).saturating_add(queued),
    })
}

/// The choices of a menu.
pub(super) fn menu(id: u32) -> Vec<(i64, MenuItem)> {
    if id != raw::V4L2_CID_EXPOSURE_AUTO {
        return Vec::new();
    }
    let item = |name: &str| MenuItem::Name(name.to_owned());
    vec![(0, item("automatic")), (1, item("manual"))]
}

/// The value that libcamera has for one of ours.
pub(super) fn to_theirs(id: u32, value: i64) -> Option<Value> {
    let scale = TABLE.iter().find(|row| row.1 == id)?.2;
    Some(match scale {
        Scale::Switch => Value::Bool(value != 0),
        Scale::Automatic => Value::Bool(value == 0),
        Scale::Steps(steps) => Value::Int(value.saturating_mul(steps)),
        #[allow(clippy::cast_possible_truncation)] // libcamera has no more digits
        Scale::Thousandths => Value::Float((value as f64 / 1000.0) as f32),
    })
}

/// Our value for one of the control of this id.
pub(super) fn from_theirs(id: u32, value: Value) -> Option<i64> {
    to_ours(TABLE.iter().find(|row| row.1 == id)?.2, value)
}

fn to_ours(scale: Scale, value: Value) -> Option<i64> {
    match (scale, value) {
        (Scale::Switch, Value::Bool(value)) => Some(i64::from(value)),
        (Scale::Automatic, Value::Bool(value)) => Some(i64::from(!value)),
        (Scale::Steps(steps), Value::Int(value)) => Some(value / steps),
        (Scale::Thousandths, Value::Float(value)) => thousandths(value, f64::round),
        _ => None,
    }
}

/// The least and greatest of our values that libcamera's range has.
fn within(scale: Scale, least: Value, most: Value) -> Option<(i64, i64)> {
    let (min, max) = match (scale, least, most) {
        (Scale::Steps(steps), Value::Int(least), Value::Int(most)) => {
            let above = i64::from(least.rem_euclid(steps) != 0);
            (least.div_euclid(steps) + above, most.div_euclid(steps))
        }
        (Scale::Thousandths, Value::Float(least), Value::Float(most)) => {
            (thousandths(least, f64::ceil)?, thousandths(most, f64::floor)?)
        }
        _ => return None,
    };
    (min <= max).then_some((min, max))
}

/// Thousandths of a number, whole. Drivers write `f32::MAX` for "no limit": that stays finite.
#[allow(clippy::cast_possible_truncation)] // the cast saturates
fn thousandths(value: f32, whole: fn(f64) -> f64) -> Option<i64> {
    /// What is nearer than this to a whole number of thousandths is one: `1.1f32` is not 1.1.
    const NEAR: f64 = 1e-3;
    if value.is_nan() {
        return None;
    }
    let thousandths = f64::from(value) * 1000.0;
    let near = thousandths.round();
    Some(if (thousandths - near).abs() < NEAR { near as i64 } else { whole(thousandths) as i64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_went_with_a_refused_request_go_with_the_next() {
        let pending = Pending::default();
        pending.add(&[(1, 10)]);
        pending.add(&[(2, 20)]);
        let refused = pending.send(|values| {
            assert_eq!(values, [(1, 10), (2, 20)]);
            // Set while the request is on its way: later than what is on it.
            pending.add(&[(1, 11)]);
            Err::<(), _>("busy")
        });
        assert_eq!(refused, Err("busy"));
        assert_eq!(pending.send(Ok::<_, ()>), Ok(vec![(1, 10), (2, 20), (1, 11)]));
        assert_eq!(pending.send(Ok::<_, ()>), Ok(Vec::new()));
        pending.add(&[(3, 30)]);
        pending.clear();
        assert_eq!(pending.send(Ok::<_, ()>), Ok(Vec::new()));
    }
    use proptest::prelude::*;

    fn float(name: &str, range: [f32; 3]) -> Option<Control> {
        control(name, range.map(|value| Some(Value::Float(value))), 4)
    }

    #[test]
    fn exposure_is_counted_in_hundreds_of_microseconds_and_stays_within_its_range() {
        let range = [Value::Int(114), Value::Int(66_666), Value::Int(20_000)].map(Some);
        let exposure = control("ExposureTime", range, 4).unwrap();
        assert_eq!(
            (exposure.id, exposure.unit),
            (raw::V4L2_CID_EXPOSURE_ABSOLUTE, Unit::HundredMicroseconds)
        );
        assert_eq!((exposure.min, exposure.max, exposure.default), (2, 666, 200));
        assert_eq!(exposure.delay_frames, 6);
        assert_eq!(to_theirs(exposure.id, 666), Some(Value::Int(66_600)));
        assert_eq!(from_theirs(exposure.id, Value::Int(66_666)), Some(666));
    }

    #[test]
    fn gains_and_picture_controls_are_counted_in_thousandths() {
        let gain = float("AnalogueGain", [1.0, 15.99, 1.1]).unwrap();
        assert_eq!((gain.min, gain.max, gain.default, gain.unit), (1000, 15_990, 1100, Unit::Thousandths));
        let bias = float("ExposureValue", [-8.0, 8.0, 0.0]).unwrap();
        assert_eq!((bias.min, bias.max, bias.unit), (-8000, 8000, Unit::MilliEv));
        let endless = float("Contrast", [0.0, f32::MAX, 1.0]).unwrap();
        assert_eq!((endless.max, endless.default), (i64::MAX, 1000));
    }

    #[test]
    fn switches_are_booleans_and_automatic_exposure_is_v4l2s_menu() {
        let none = [None; 3];
        assert_eq!(control("AwbEnable", none, 0).unwrap().kind, ControlKind::Boolean);
        let automatic = control("AeEnable", [None, None, Some(Value::Bool(true))], 0).unwrap();
        assert_eq!((automatic.kind, automatic.default), (ControlKind::Menu, 0));
        assert_eq!(menu(automatic.id).len(), 2);
        assert_eq!(to_theirs(automatic.id, 1), Some(Value::Bool(false)));
        assert_eq!(from_theirs(automatic.id, Value::Bool(true)), Some(0));
        assert!(menu(raw::V4L2_CID_GAMMA).is_empty());
    }

    #[test]
    fn what_has_no_place_or_an_odd_range_is_left_out() {
        assert_eq!(control("FaceDetectMode", [None; 3], 0), None);
        assert_eq!(control("ExposureTime", [None; 3], 0), None);
        assert_eq!(float("ExposureTime", [0.0, 1.0, 0.0]), None);
        assert_eq!(float("AnalogueGain", [2.0, 1.0, 1.0]), None);
        assert_eq!(float("AnalogueGain", [f32::NAN, 1.0, 1.0]), None);
        assert_eq!((to_theirs(1, 1), from_theirs(1, Value::Int(1))), (None, None));
    }

    #[test]
    fn ids_and_names_are_unique_and_lead_to_each_other() {
        for (index, (theirs, id, _)) in TABLE.iter().enumerate() {
            assert_eq!(name(*id), Some(*theirs));
            assert!(TABLE[..index].iter().all(|row| row.0 != *theirs && row.1 != *id));
        }
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_went(value in -1_000_000i64..1_000_000) {
            for (_, id, scale) in TABLE {
                let value = if matches!(scale, Scale::Switch | Scale::Automatic) { value & 1 } else { value };
                prop_assert_eq!(from_theirs(id, to_theirs(id, value).unwrap()), Some(value));
            }
        }

        #[test]
        fn a_range_holds_only_values_that_libcamera_has(least: i32, most: i32) {
            let range = [Some(Value::Int(least.into())), Some(Value::Int(most.into())), None];
            if let Some(exposure) = control("ExposureTime", range, 0) {
                prop_assert!(exposure.min * 100 >= i64::from(least) && exposure.max * 100 <= i64::from(most));
            }
        }
    }
}
