//! A camera's controls: what they mean, and when they take effect.
//! <https://docs.kernel.org/userspace-api/media/v4l/control.html>

use v4l2r::bindings as raw;

pub use crate::kernel::{ControlKind, MenuItem};

/// What one step of a control's value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nothing that is known: the driver's own scale.
    Device,
    /// 100 microseconds.
    HundredMicroseconds,
    /// The time that the sensor takes for a row, blanking included.
    Rows,
    /// The time that the sensor takes for a sample of a row.
    Samples,
    /// Hertz.
    Hertz,
    /// Samples a second.
    SamplesPerSecond,
    /// Kelvin.
    Kelvin,
    /// A thousandth of an exposure value.
    MilliEv,
    /// A thousandth of a number that has no unit: 1500 is a gain of 1.5.
    Thousandths,
    /// Degrees.
    Degrees,
}

/// A control of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// `V4L2_CID_*`.
    pub id: u32,
    /// The driver's name for it.
    pub name: String,
    /// What values it has.
    pub kind: ControlKind,
    /// What a step of the value stands for.
    pub unit: Unit,
    /// The least value.
    pub min: i64,
    /// The most.
    pub max: i64,
    /// From one value to the next, 1 or more.
    pub step: u64,
    /// The value at start.
    pub default: i64,
    /// It can be read and not written.
    pub read_only: bool,
    /// It cannot be written now (while it streams, or while another control decides its value).
    pub inactive: bool,
    /// Frames from the one that is exposed when the control is written to the first that shows it; what most sensors
    /// need, where the driver tells nothing. A board's description may know better.
    pub delay_frames: u32,
}

impl Control {
    /// The value nearest to `wanted` that the control can have.
    pub fn nearest(&self, wanted: i64) -> i64 {
        let (min, max) = (self.min.min(self.max), self.max.max(self.min));
        let above = i128::from(wanted.clamp(min, max)) - i128::from(min);
        let step = i128::from(self.step.max(1));
        let rounded = (above + step / 2) / step * step;
        let most = (i128::from(max) - i128::from(min)) / step * step;
        i64::try_from(i128::from(min) + rounded.min(most)).unwrap_or(min)
    }
}

impl From<crate::kernel::Control> for Control {
    fn from(found: crate::kernel::Control) -> Self {
        let has = |flag: u32| found.flags & flag != 0;
        Self {
            unit: unit(found.id),
            delay_frames: delay_frames(found.id),
            read_only: has(raw::V4L2_CTRL_FLAG_READ_ONLY),
            inactive: has(raw::V4L2_CTRL_FLAG_INACTIVE | raw::V4L2_CTRL_FLAG_GRABBED),
            step: found.step.max(1),
            id: found.id,
            name: found.name,
            kind: found.kind,
            min: found.min,
            max: found.max,
            default: found.default,
        }
    }
}

/// As the kernel's documentation of each control says.
pub(crate) fn unit(id: u32) -> Unit {
    match id {
        raw::V4L2_CID_EXPOSURE_ABSOLUTE => Unit::HundredMicroseconds,
        raw::V4L2_CID_EXPOSURE | raw::V4L2_CID_VBLANK => Unit::Rows,
        raw::V4L2_CID_HBLANK => Unit::Samples,
        raw::V4L2_CID_LINK_FREQ => Unit::Hertz,
        raw::V4L2_CID_PIXEL_RATE => Unit::SamplesPerSecond,
        raw::V4L2_CID_WHITE_BALANCE_TEMPERATURE => Unit::Kelvin,
        raw::V4L2_CID_AUTO_EXPOSURE_BIAS => Unit::MilliEv,
        raw::V4L2_CID_ROTATE | raw::V4L2_CID_CAMERA_SENSOR_ROTATION => Unit::Degrees,
        _ => Unit::Device,
    }
}

/// Sensors latch exposure and blanking one frame before it is used, gain when it is.
pub(crate) fn delay_frames(id: u32) -> u32 {
    match id {
        raw::V4L2_CID_EXPOSURE | raw::V4L2_CID_EXPOSURE_ABSOLUTE | raw::V4L2_CID_VBLANK => 2,
        raw::V4L2_CID_ANALOGUE_GAIN | raw::V4L2_CID_GAIN | raw::V4L2_CID_DIGITAL_GAIN => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn control(min: i64, max: i64, step: u64) -> Control {
        Control {
            id: raw::V4L2_CID_EXPOSURE,
            name: String::new(),
            kind: ControlKind::Integer,
            unit: Unit::Rows,
            min,
            max,
            step,
            default: min,
            read_only: false,
            inactive: false,
            delay_frames: 2,
        }
    }

    #[test]
    fn values_are_put_on_the_controls_steps() {
        let exposure = control(4, 101, 10);
        let cases = [(0, 4), (8, 4), (9, 14), (100, 94), (1000, 94), (i64::MIN, 4), (i64::MAX, 94)];
        for (wanted, nearest) in cases {
            assert_eq!(exposure.nearest(wanted), nearest, "{wanted}");
        }
    }

    #[test]
    fn sensors_controls_have_units_and_delays() {
        assert_eq!((unit(raw::V4L2_CID_EXPOSURE), delay_frames(raw::V4L2_CID_EXPOSURE)), (Unit::Rows, 2));
        assert_eq!(unit(raw::V4L2_CID_EXPOSURE_ABSOLUTE), Unit::HundredMicroseconds);
        assert_eq!((unit(1), delay_frames(1)), (Unit::Device, 0));
    }

    proptest! {
        #[test]
        fn the_nearest_value_is_one_that_the_control_has(min: i64, max: i64, step: u64, wanted: i64) {
            let nearest = control(min, max, step).nearest(wanted);
            prop_assert!((min.min(max)..=min.max(max)).contains(&nearest));
            prop_assert_eq!((i128::from(nearest) - i128::from(min.min(max))) % i128::from(step.max(1)), 0);
        }
    }
}
