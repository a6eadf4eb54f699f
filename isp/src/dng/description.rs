//! What a DNG says of its picture beside the samples.

use super::area::{Area, pattern};
use super::error::{Error, Part};
use super::tag::Tag;
use super::tiff::{Directory, Kind, Tiff, Values};
use crate::{CfaPattern, Channel};

/// Opcodes that a file may have; they are a handful.
const MOST_OPCODES: usize = 1024;

/// A 3x3 matrix, `[out][in]`.
pub type Matrix = [[f64; 3]; 3];

/// What a DNG says of its picture; every field has been checked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Description {
    /// Samples in a stored row, 2 to [`crate::MAX_SIDE`], those outside the active area counted.
    pub width: u32,
    /// Stored rows, 2 to [`crate::MAX_SIDE`].
    pub height: u32,
    /// Bits of a stored sample, 8 to 16.
    pub bits: u8,
    /// ActiveArea: the samples that saw light. Where the file is silent, all of them.
    pub active: Area,
    /// The active area without the margin that is kept for interpolation: DefaultCropOrigin and DefaultCropSize, rounded
    /// to whole samples and cut at the active area's edge. At least 2x2.
    pub crop: Area,
    /// Colours of the top left cell **of the active area**.
    pub pattern: CfaPattern,
    /// BlackLevel: codes of no light after the linearization table, `[row & 1][column & 1]` counted from the top left of
    /// the active area. Each is 0 or more and less than `white`.
    pub black: [[f64; 2]; 2],
    /// WhiteLevel: the code of saturation after the linearization table, 1 to 65535.
    pub white: u16,
    /// LinearizationTable: the linear code of each stored code; stored codes past its end are as the last one. Empty
    /// where samples are stored linear.
    pub linearization: Vec<u16>,
    /// AsShotNeutral: the camera's red, green and blue of a neutral object in the light of the shot, each above 0.
    pub neutral: Option<[f64; 3]>,
    /// The camera's colours under one or two lights, in the file's order.
    pub calibrations: Vec<Calibration>,
    /// NoiseProfile: for red, green and blue `[s, o]`, so that a signal `x` in 0 to 1 has the variance `s * x + o`; both
    /// finite.
    pub noise: Option<[[f64; 2]; 3]>,
    /// BaselineExposure: stops by which a picture of this camera is to be brightened, -32 to 32; 0 where the file is
    /// silent.
    pub baseline_exposure: f64,
    /// Orientation as in EXIF, 1 to 8: 1 is upright, 3 upside down, 6 and 8 turned. 1 where the file is silent.
    pub orientation: u8,
    /// Make: who made the camera. Texts are cut at 1024 bytes; bytes that are not UTF-8 are replaced.
    pub make: Option<String>,
    /// Model: the maker's name of the camera.
    pub model: Option<String>,
    /// UniqueCameraModel: a name that no other camera has.
    pub unique_model: Option<String>,
    /// DateTimeOriginal: local time of the shot as EXIF writes it, `YYYY:MM:DD HH:MM:SS`; not checked further.
    pub taken: Option<String>,
    /// Corrections that the file asks for and that reading it does not apply.
    pub unapplied: Vec<Correction>,
}

/// The colours of a camera under one light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// CalibrationIlluminant: the light as EXIF numbers it (17 is standard light A, 21 is D65, 0 is unknown).
    pub illuminant: u16,
    /// ColorMatrix: XYZ to the camera's red, green and blue; finite.
    pub color: Matrix,
    /// ForwardMatrix: white-balanced camera colours to XYZ under D50; finite.
    pub forward: Option<Matrix>,
}

/// A correction of the samples that is left to whoever develops them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// BlackLevelDeltaH: black levels of columns.
    BlackLevelOfColumns,
    /// BlackLevelDeltaV: black levels of rows.
    BlackLevelOfRows,
    /// An opcode.
    Opcode {
        /// OpcodeList1 (on stored samples), 2 (on linear ones) or 3 (after the demosaic).
        list: u8,
        /// Its number; 9 is GainMap, the shading of a lens.
        id: u32,
        /// Whether the file can do without it.
        optional: bool,
    },
}

impl Correction {
    /// The number of GainMap.
    pub const GAIN_MAP: u32 = 9;
}

impl Description {
    /// Reads all but the size and depth, which are the stored samples'.
    pub(super) fn new(
        tiff: Tiff<'_>,
        first: &Directory<'_>,
        raw: &Directory<'_>,
        (width, height, bits): (u32, u32, u8),
    ) -> Result<Description, Error> {
        let camera = Camera { first: *first, raw: *raw };
        let active = active_area(raw, width, height)?;
        let linearization = linearization(raw)?;
        let white = white(raw, bits)?;
        let exif = match camera.find(Tag::EXIF_IFD)? {
            Some(values) => {
                values.whole_numbers(1)?;
                Some(tiff.directory(values.unsigned(0))?)
            }
            None => None,
        };
        let taken = exif.map(|exif| exif.find(Tag::DATE_TIME_ORIGINAL)).transpose()?.flatten();
        Ok(Description {
            width,
            height,
            bits,
            active,
            crop: crop(raw, active)?,
            pattern: cfa(raw)?,
            black: black(raw, white)?,
            white,
            linearization,
            neutral: neutral(&camera)?,
            calibrations: calibrations(&camera)?,
            noise: noise(&camera)?,
            baseline_exposure: baseline_exposure(&camera)?,
            orientation: orientation(&camera)?,
            make: camera.text(Tag::MAKE)?,
            model: camera.text(Tag::MODEL)?,
            unique_model: camera.text(Tag::UNIQUE_CAMERA_MODEL)?,
            taken: taken.map(|values| values.text()).transpose()?.flatten(),
            unapplied: unapplied(raw)?,
        })
    }
}

/// Tags that describe the camera stand in the first directory, but some writers put them beside the raw image.
struct Camera<'a> {
    first: Directory<'a>,
    raw: Directory<'a>,
}

impl<'a> Camera<'a> {
    fn find(&self, tag: Tag) -> Result<Option<Values<'a>>, Error> {
        match self.first.find(tag)? {
            Some(values) => Ok(Some(values)),
            None => self.raw.find(tag),
        }
    }

    fn text(&self, tag: Tag) -> Result<Option<String>, Error> {
        Ok(self.find(tag)?.map(|values| values.text()).transpose()?.flatten())
    }

    fn matrix(&self, tag: Tag) -> Result<Option<Matrix>, Error> {
        let Some(values) = self.find(tag)? else { return Ok(None) };
        let [a, b, c, d, e, f, g, h, i] = values.reals()?;
        Ok(Some([[a, b, c], [d, e, f], [g, h, i]]))
    }
}

fn active_area(raw: &Directory<'_>, width: u32, height: u32) -> Result<Area, Error> {
    let Some(values) = raw.find(Tag::ACTIVE_AREA)? else {
        return Ok(Area { left: 0, top: 0, width, height });
    };
    values.whole_numbers(4)?;
    let [top, left, bottom, right] = [0, 1, 2, 3].map(|index| values.unsigned(index));
    let is_within = |start: u32, end: u32, len: u32| start < end && end - start >= 2 && end <= len;
    if !is_within(top, bottom, height) || !is_within(left, right, width) {
        let expected = format!("an area of at least 2x2 in {height} rows of {width} samples");
        return Err(
            values.wrong(expected, &format!("top {top}, left {left}, bottom {bottom}, right {right}"))
        );
    }
    Ok(Area { left, top, width: right - left, height: bottom - top })
}

/// The default crop in columns and rows of the mosaic; the file counts from the active area.
fn crop(raw: &Directory<'_>, active: Area) -> Result<Area, Error> {
    let (origin, size) = (raw.find(Tag::DEFAULT_CROP_ORIGIN)?, raw.find(Tag::DEFAULT_CROP_SIZE)?);
    let (Some(origin), Some(size)) = (origin, size) else { return Ok(active) };
    let ([x, y], [width, height]): ([f64; 2], [f64; 2]) = (origin.reals()?, size.reals()?);
    let side = |start: f64, len: f64, limit: u32| {
        // Conversions saturate; what is cut off here is outside the active area.
        let start = start.round().max(0.0) as u32;
        let len = (len.round() as u32).min(limit.saturating_sub(start));
        (len >= 2 && x >= 0.0 && y >= 0.0).then_some((start, len))
    };
    match (side(x, width, active.width), side(y, height, active.height)) {
        (Some((x, width)), Some((y, height))) => {
            Ok(Area { left: active.left + x, top: active.top + y, width, height })
        }
        _ => {
            let expected =
                format!("at least 2x2 samples of the active area's {}x{}", active.width, active.height);
            Err(size.wrong(expected, &format!("{width}x{height} from column {x}, row {y}")))
        }
    }
}

fn cfa(raw: &Directory<'_>) -> Result<CfaPattern, Error> {
    const BAYER: &str = "2x2 cells of red, green, green and blue (Bayer)";
    if let Some((values, layout)) = raw.number(Tag::CFA_LAYOUT)?
        && layout != 1
    {
        return Err(values.unsupported(format!("layout {layout}"), "rectangular filters (layout 1)"));
    }
    if let Some(planes) = raw.find(Tag::CFA_PLANE_COLOR)? {
        planes.whole_numbers(planes.count() as u64)?;
        if planes.data != [0, 1, 2] || planes.count() != 3 {
            let got = format!("{} planes that are not red, green and blue", planes.count());
            return Err(planes.unsupported(got, BAYER));
        }
    }
    let dim = raw.need(Tag::CFA_REPEAT_PATTERN_DIM, "2 2")?;
    dim.whole_numbers(2)?;
    let (rows, columns) = (dim.unsigned(0), dim.unsigned(1));
    if (rows, columns) != (2, 2) {
        return Err(dim.unsupported(format!("cells of {columns}x{rows}"), BAYER));
    }
    let colours = raw.need(Tag::CFA_PATTERN, BAYER)?;
    colours.whole_numbers(4)?;
    let numbers = [0, 1, 2, 3].map(|index| colours.unsigned(index));
    let channel = |number| match number {
        0 => Some(Channel::Red),
        1 => Some(Channel::Green),
        2 => Some(Channel::Blue),
        _ => None,
    };
    let bayer = match numbers.map(channel) {
        [Some(a), Some(b), Some(c), Some(d)] => pattern([a, b, c, d]),
        _ => None,
    };
    bayer.ok_or_else(|| colours.unsupported(format!("the colours {numbers:?}"), BAYER))
}

fn linearization(raw: &Directory<'_>) -> Result<Vec<u16>, Error> {
    let Some(values) = raw.find(Tag::LINEARIZATION_TABLE)? else { return Ok(Vec::new()) };
    let count = values.count();
    if values.kind != Kind::Short || !(1..=65_536).contains(&count) {
        return Err(values.shape("1 to 65536 values of type Short"));
    }
    // A Short has 16 bits.
    Ok((0..count).map(|index| values.unsigned(index) as u16).collect())
}

fn white(raw: &Directory<'_>, bits: u8) -> Result<u16, Error> {
    let Some(values) = raw.find(Tag::WHITE_LEVEL)? else { return Ok(crate::raw::max_code(bits)) };
    let [white] = values.reals()?;
    if !(1.0..=65_535.0).contains(&white.round()) {
        return Err(values.wrong("a level of 1 to 65535", &white));
    }
    Ok(white.round() as u16)
}

fn black(raw: &Directory<'_>, white: u16) -> Result<[[f64; 2]; 2], Error> {
    let (rows, columns) = match raw.find(Tag::BLACK_LEVEL_REPEAT_DIM)? {
        None => (1, 1),
        Some(dim) => {
            dim.whole_numbers(2)?;
            let (rows, columns) = (dim.unsigned(0), dim.unsigned(1));
            if !(1..=2).contains(&rows) || !(1..=2).contains(&columns) {
                let got = format!("black levels that repeat every {rows} rows and {columns} columns");
                return Err(dim.unsupported(got, "1 or 2 of each"));
            }
            (rows as usize, columns as usize)
        }
    };
    let Some(values) = raw.find(Tag::BLACK_LEVEL)? else { return Ok([[0.0; 2]; 2]) };
    if values.count() != rows * columns {
        return Err(values.shape(format!("{} numbers ({rows} rows of {columns})", rows * columns)));
    }
    let mut black = [[0.0; 2]; 2];
    for (y, row) in black.iter_mut().enumerate() {
        for (x, level) in row.iter_mut().enumerate() {
            *level = values.real((y % rows) * columns + x % columns)?;
            if !(0.0..f64::from(white)).contains(level) {
                return Err(values.wrong(format!("a level from 0 to under the white level {white}"), &level));
            }
        }
    }
    Ok(black)
}

fn neutral(camera: &Camera<'_>) -> Result<Option<[f64; 3]>, Error> {
    let Some(values) = camera.find(Tag::AS_SHOT_NEUTRAL)? else { return Ok(None) };
    let neutral: [f64; 3] = values.reals()?;
    if neutral.iter().any(|level| *level <= 0.0) {
        return Err(values.wrong("three numbers above 0", &format!("{neutral:?}")));
    }
    Ok(Some(neutral))
}

fn calibrations(camera: &Camera<'_>) -> Result<Vec<Calibration>, Error> {
    let mut calibrations = Vec::new();
    for (color, forward, illuminant) in [
        (Tag::COLOR_MATRIX_1, Tag::FORWARD_MATRIX_1, Tag::CALIBRATION_ILLUMINANT_1),
        (Tag::COLOR_MATRIX_2, Tag::FORWARD_MATRIX_2, Tag::CALIBRATION_ILLUMINANT_2),
    ] {
        let Some(color) = camera.matrix(color)? else { continue };
        let light = match camera.find(illuminant)? {
            None => 0,
            Some(values) => {
                values.whole_numbers(1)?;
                let number = values.unsigned(0);
                u16::try_from(number).map_err(|_| values.wrong("a light's number under 65536", &number))?
            }
        };
        calibrations.push(Calibration { illuminant: light, color, forward: camera.matrix(forward)? });
    }
    Ok(calibrations)
}

fn noise(camera: &Camera<'_>) -> Result<Option<[[f64; 2]; 3]>, Error> {
    let Some(values) = camera.find(Tag::NOISE_PROFILE)? else { return Ok(None) };
    if values.count() == 2 {
        return Ok(Some([values.reals()?; 3]));
    }
    let [a, b, c, d, e, f] = values.reals()?;
    Ok(Some([[a, b], [c, d], [e, f]]))
}

fn baseline_exposure(camera: &Camera<'_>) -> Result<f64, Error> {
    let Some(values) = camera.find(Tag::BASELINE_EXPOSURE)? else { return Ok(0.0) };
    let [stops] = values.reals()?;
    if !(-32.0..=32.0).contains(&stops) {
        return Err(values.wrong("-32 to 32 stops", &stops));
    }
    Ok(stops)
}

fn orientation(camera: &Camera<'_>) -> Result<u8, Error> {
    let Some(values) = camera.find(Tag::ORIENTATION)? else { return Ok(1) };
    values.whole_numbers(1)?;
    match values.unsigned(0) {
        // 9 is "unknown" in early files, and some writers leave it 0.
        0 | 9 => Ok(1),
        turned @ 1..=8 => Ok(turned as u8),
        got => Err(values.wrong("1 to 8", &got)),
    }
}

fn unapplied(raw: &Directory<'_>) -> Result<Vec<Correction>, Error> {
    let mut corrections = Vec::new();
    for (tag, correction) in [
        (Tag::BLACK_LEVEL_DELTA_H, Correction::BlackLevelOfColumns),
        (Tag::BLACK_LEVEL_DELTA_V, Correction::BlackLevelOfRows),
    ] {
        if raw.find(tag)?.is_some() {
            corrections.push(correction);
        }
    }
    for (tag, list) in [(Tag::OPCODE_LIST_1, 1), (Tag::OPCODE_LIST_2, 2), (Tag::OPCODE_LIST_3, 3)] {
        if let Some(values) = raw.find(tag)? {
            opcodes(&values, list, &mut corrections)?;
        }
    }
    Ok(corrections)
}

/// Names the opcodes of a list, which is big-endian whatever the file is: a count, then for each its number, version,
/// flags (bit 0: optional) and size, and so many bytes.
fn opcodes(values: &Values<'_>, list: u8, corrections: &mut Vec<Correction>) -> Result<(), Error> {
    let end = values.offset + values.data.len();
    let outside = |rest: &[u8], expected: u64| Error::Outside {
        part: Part::Opcode(values.tag),
        offset: (end - rest.len()) as u64,
        expected,
        end: end as u64,
    };
    let word = |bytes: &[u8; 16], at: usize| {
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let Some((count, mut rest)) = values.data.split_first_chunk::<4>() else {
        return Err(outside(values.data, 4));
    };
    for _ in 0..u32::from_be_bytes(*count) {
        let Some((head, parameters)) = rest.split_first_chunk::<16>() else {
            return Err(outside(rest, 16));
        };
        let size = word(head, 12);
        let Some(next) = usize::try_from(size).ok().and_then(|size| parameters.get(size..)) else {
            return Err(outside(parameters, size.into()));
        };
        if corrections.len() >= MOST_OPCODES {
            return Err(values.wrong(format!("at most {MOST_OPCODES} opcodes"), &"a longer list"));
        }
        corrections.push(Correction::Opcode { list, id: word(head, 0), optional: word(head, 8) & 1 == 1 });
        rest = next;
    }
    Ok(())
}
