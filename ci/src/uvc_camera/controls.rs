//! The camera's controls: exposure at its terminal (the lens and sensor), the rest in its processing unit.
//! USB Device Class Definition for Video Devices 1.1, 4.2.2.

use super::picture::Look;
use super::request::{Refusal, code};

/// The numbers of the entities in the descriptors.
pub(super) const CAMERA_TERMINAL: u8 = 1;
pub(super) const PROCESSING_UNIT: u8 = 2;
pub(super) const OUTPUT_TERMINAL: u8 = 3;

/// A control, and the place of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    AutoExposure,
    Exposure,
    Brightness,
    Contrast,
    Gain,
}

/// Its range, in its own units.
struct Range {
    control: Control,
    entity: u8,
    selector: u8,
    bytes: usize,
    min: i32,
    max: i32,
    default: i32,
}

/// The two modes of exposure, as bits.
const MANUAL: i32 = 1;
const APERTURE_PRIORITY: i32 = 8;

const TABLE: [Range; 5] = [
    // Its resolution is the set of its modes, and the ends of its range are of no use.
    Range {
        control: Control::AutoExposure,
        entity: CAMERA_TERMINAL,
        selector: 2,
        bytes: 1,
        min: MANUAL,
        max: APERTURE_PRIORITY,
        default: APERTURE_PRIORITY,
    },
    // In units of 100 µs.
    Range {
        control: Control::Exposure,
        entity: CAMERA_TERMINAL,
        selector: 4,
        bytes: 4,
        min: 1,
        max: 5000,
        default: 156,
    },
    Range {
        control: Control::Brightness,
        entity: PROCESSING_UNIT,
        selector: 2,
        bytes: 2,
        min: -64,
        max: 64,
        default: 0,
    },
    Range {
        control: Control::Contrast,
        entity: PROCESSING_UNIT,
        selector: 3,
        bytes: 2,
        min: 0,
        max: 64,
        default: 32,
    },
    Range {
        control: Control::Gain,
        entity: PROCESSING_UNIT,
        selector: 4,
        bytes: 2,
        min: 16,
        max: 255,
        default: 64,
    },
];

/// The bits of the descriptors that tell which controls there are, little-endian.
pub(super) const CAMERA_TERMINAL_BITS: [u8; 3] = [0x0a, 0, 0];
pub(super) const PROCESSING_UNIT_BITS: [u8; 2] = [0x03, 0x02];

/// The values of all controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Controls {
    values: [i32; TABLE.len()],
}

impl Default for Controls {
    fn default() -> Self {
        Self { values: TABLE.map(|range| range.default) }
    }
}

impl Controls {
    /// Answers a request that reads.
    pub(super) fn read(&self, entity: u8, selector: u8, request: u8) -> Result<Vec<u8>, Refusal> {
        let (place, range) = find(entity, selector)?;
        let is_menu = range.control == Control::AutoExposure;
        let value = match request {
            code::GET_CUR => self.values[place],
            code::GET_MIN if !is_menu => range.min,
            code::GET_MAX if !is_menu => range.max,
            code::GET_RES if is_menu => MANUAL | APERTURE_PRIORITY,
            code::GET_RES => 1,
            code::GET_DEF => range.default,
            code::GET_LEN => return Ok(vec![u8::try_from(range.bytes).unwrap_or(0), 0]),
            code::GET_INFO => {
                const GET_AND_SET: u8 = 3;
                const DISABLED_BY_AUTOMATIC: u8 = 4;
                let disabled = range.control == Control::Exposure && self.is_automatic();
                return Ok(vec![GET_AND_SET | if disabled { DISABLED_BY_AUTOMATIC } else { 0 }]);
            }
            _ => return Err(Refusal::InvalidRequest),
        };
        Ok(value.to_le_bytes()[..range.bytes].to_vec())
    }

    /// Sets a value; one outside of its range is refused, not changed.
    pub(super) fn write(&mut self, entity: u8, selector: u8, data: &[u8]) -> Result<(), Refusal> {
        let (place, range) = find(entity, selector)?;
        let value = match (range.bytes, data) {
            (1, [byte]) => i32::from(*byte),
            (2, [low, high]) => i32::from(i16::from_le_bytes([*low, *high])),
            (4, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]),
            _ => return Err(Refusal::InvalidRequest),
        };
        if range.control == Control::AutoExposure && ![MANUAL, APERTURE_PRIORITY].contains(&value)
            || !(range.min..=range.max).contains(&value)
        {
            return Err(Refusal::OutOfRange);
        }
        if range.control == Control::Exposure && self.is_automatic() {
            return Err(Refusal::WrongState);
        }
        self.values[place] = value;
        Ok(())
    }

    /// What the values do to the picture. The automatic's choice for this scene is the default exposure.
    pub(super) fn look(&self) -> Look {
        let default =
            |wanted| TABLE.iter().find(|range| range.control == wanted).map_or(1, |range| range.default);
        let exposure =
            if self.is_automatic() { default(Control::Exposure) } else { self.value(Control::Exposure) };
        let product = |exposure: i32, gain: i32| u32::try_from(exposure * gain).unwrap_or(1);
        Look {
            exposure: (
                product(exposure, self.value(Control::Gain)),
                product(default(Control::Exposure), default(Control::Gain)),
            ),
            brightness: i16::try_from(self.value(Control::Brightness)).unwrap_or(0),
            contrast: u16::try_from(self.value(Control::Contrast)).unwrap_or(32),
        }
    }

    fn is_automatic(&self) -> bool {
        self.value(Control::AutoExposure) != MANUAL
    }

    fn value(&self, wanted: Control) -> i32 {
        TABLE.iter().zip(self.values).find(|(range, _)| range.control == wanted).map_or(0, |(_, value)| value)
    }
}

fn find(entity: u8, selector: u8) -> Result<(usize, &'static Range), Refusal> {
    if ![CAMERA_TERMINAL, PROCESSING_UNIT, OUTPUT_TERMINAL].contains(&entity) {
        return Err(Refusal::InvalidUnit);
    }
    let fits = |(_, range): &(usize, &Range)| range.entity == entity && range.selector == selector;
    TABLE.iter().enumerate().find(fits).ok_or(Refusal::InvalidControl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_tells_its_range_and_takes_its_ends() {
        for range in &TABLE {
            let mut controls = Controls::default();
            controls.write(CAMERA_TERMINAL, 2, &[1]).unwrap();
            let read = |controls: &Controls, request| controls.read(range.entity, range.selector, request);
            assert_eq!(read(&controls, code::GET_LEN).unwrap()[0] as usize, range.bytes);
            assert_eq!(read(&controls, code::GET_INFO).unwrap(), [3]);
            for value in [range.min, range.max, range.default] {
                let bytes = &value.to_le_bytes()[..range.bytes];
                controls.write(range.entity, range.selector, bytes).unwrap();
                assert_eq!(read(&controls, code::GET_CUR).unwrap(), bytes);
                controls.write(CAMERA_TERMINAL, 2, &[1]).unwrap();
            }
        }
    }

    #[test]
    fn what_is_wrong_is_refused_by_its_kind_and_changes_nothing() {
        let mut controls = Controls::default();
        let before = controls;
        assert_eq!(controls.write(PROCESSING_UNIT, 3, &[65, 0]), Err(Refusal::OutOfRange));
        assert_eq!(controls.write(CAMERA_TERMINAL, 2, &[2]), Err(Refusal::OutOfRange));
        assert_eq!(controls.write(CAMERA_TERMINAL, 4, &[1, 0, 0, 0]), Err(Refusal::WrongState));
        assert_eq!(controls.write(PROCESSING_UNIT, 3, &[1]), Err(Refusal::InvalidRequest));
        assert_eq!(controls.write(PROCESSING_UNIT, 99, &[1, 0]), Err(Refusal::InvalidControl));
        assert_eq!(controls.write(9, 2, &[1, 0]), Err(Refusal::InvalidUnit));
        assert_eq!(controls.read(PROCESSING_UNIT, 3, 0x99), Err(Refusal::InvalidRequest));
        assert_eq!(controls, before);
    }

    #[test]
    fn exposure_counts_in_manual_mode_only() {
        let mut controls = Controls::default();
        controls.write(PROCESSING_UNIT, 4, &[128, 0]).unwrap();
        assert_eq!(controls.look().exposure, (156 * 128, 156 * 64));
        controls.write(CAMERA_TERMINAL, 2, &[1]).unwrap();
        controls.write(CAMERA_TERMINAL, 4, &312u32.to_le_bytes()).unwrap();
        assert_eq!(controls.look().exposure, (312 * 128, 156 * 64));
        controls.write(CAMERA_TERMINAL, 2, &[8]).unwrap();
        assert_eq!(controls.look().exposure, (156 * 128, 156 * 64));
    }
}
