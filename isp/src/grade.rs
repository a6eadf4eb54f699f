//! From white-balanced light to the picture in 16-bit integers: colour matrix and tone curve of the quick paths.

use crate::Rendering;
use crate::tone::{FULL_BITS, Tone};

/// Samples that a step takes.
const STEP: usize = 64;

/// Matrix and curve for light of one full scale.
#[derive(Debug, Clone)]
pub(crate) struct Grade {
    /// Light to the scale of the tone curve, with gains where light has none yet.
    pub(crate) matrix: [[i16; 3]; 3],
    /// What light of each channel counts at most: full scale by its gain.
    pub(crate) limits: [u16; 3],
    pub(crate) tone: Tone,
}

impl Grade {
    /// For a rendering that has been validated, and light with its gains applied, from 0 to `full`, which is at least
    /// 30000.
    pub(crate) fn new(rendering: &Rendering, full: i16) -> Grade {
        Grade::with_gains(&Rendering { gains: [1.0; 3], ..*rendering }, full)
    }

    /// The same for light without gains: they go into the matrix.
    pub(crate) fn with_gains(rendering: &Rendering, full: i16) -> Grade {
        let &Rendering { gains, exposure, matrix } = rendering;
        let limits = gains.map(|gain| (f64::from(full) / f64::from(gain) + 0.5) as u16);
        // Numbers of the matrix have 16 bits: gains of a channel that weighs much leave fewer for full scale. A row's
        // absolute sum without gains is at most 8: no sum of products reaches 2^30.
        let most = matrix
            .iter()
            .flat_map(|row| row.iter().zip(gains))
            .fold(0.0_f64, |most, (number, gain)| most.max((f64::from(*number) * f64::from(gain)).abs()));
        let fits = |bits: &u32| most * f64::from(1_u32 << bits) / f64::from(full) < 32_766.0;
        let bits = (17..=FULL_BITS).rev().find(fits).unwrap_or(17);
        let tone = Tone::new(f64::from(exposure), bits);
        let unit = f64::from(tone.full) / f64::from(full);
        // Rounded as running sums, so that rows that sum to the same do so in integers and grey stays grey.
        let matrix = matrix.map(|row| {
            let [a, b, c]: [f64; 3] = std::array::from_fn(|i| f64::from(row[i]) * f64::from(gains[i]));
            let sums = [a, a + b, a + b + c].map(|sum| (sum * unit + 262_144.5) as i32 - 262_144);
            [sums[0], sums[1] - sums[0], sums[2] - sums[1]].map(|number| number as i16)
        });
        Grade { matrix, limits, tone }
    }

    /// Planar samples, which `light` makes light of by channel, to planar 8-bit codes.
    ///
    /// In steps through a few samples each, which vector units can do by themselves: all but the last one, the look-up.
    #[inline(always)]
    pub(crate) fn row(
        &self,
        light: impl Fn(usize, u16) -> i16,
        [red, green, blue]: [&[u16]; 3],
        [out_red, out_green, out_blue]: [&mut [u8]; 3],
    ) {
        let n = out_red.len();
        let (out_green, out_blue) = (&mut out_green[..n], &mut out_blue[..n]);
        let (red, green, blue) = (&red[..n], &green[..n], &blue[..n]);
        let mut rgb = [[0_i16; STEP]; 3];
        let mut places = [0_u16; STEP];
        for from in (0..n).step_by(STEP) {
            let part = from..n.min(from + STEP);
            for (channel, (lights, samples)) in rgb.iter_mut().zip([red, green, blue]).enumerate() {
                for (to, &sample) in lights.iter_mut().zip(&samples[part.clone()]) {
                    *to = light(channel, sample);
                }
            }
            let outs = [&mut out_red[part.clone()], &mut out_green[part.clone()], &mut out_blue[part]];
            for (row, out) in self.matrix.iter().zip(outs) {
                let [red, green, blue] = row.map(i32::from);
                for (i, place) in places.iter_mut().enumerate() {
                    let [r, g, b] = [rgb[0][i], rgb[1][i], rgb[2][i]].map(i32::from);
                    *place = self.tone.place(red * r + green * g + blue * b + self.tone.black);
                }
                for (code, &place) in out.iter_mut().zip(&places) {
                    *code = self.tone.code(place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn grey_stays_grey_where_rows_sum_to_one(
            rows in prop::array::uniform3((-2.0_f32..2.0, -2.0_f32..2.0)),
            exposure in 1.0_f32..64.0,
            light in 0_u16..=32_767,
        ) {
            let matrix = rows.map(|(a, b)| [a, b, 1.0 - a - b]);
            let grade = Grade::new(&Rendering { gains: [1.0; 3], exposure, matrix }, 32_767);
            let mut codes = [[0], [1], [2]];
            grade.row(|_, sample| sample as i16, [&[light]; 3], codes.each_mut().map(|code| &mut code[..]));
            prop_assert!(codes[0] == codes[1] && codes[1] == codes[2], "{codes:?}");
        }
    }

    proptest! {
        #[test]
        fn gains_in_the_matrix_are_gains_before_it(
            gains in prop::array::uniform3(1.0_f32..16.0),
            row in prop::array::uniform3(-2.5_f32..2.5),
            rgb in prop::array::uniform3(0_u16..=32_767),
        ) {
            let rendering = Rendering { gains, exposure: 1.0, matrix: [row; 3] };
            let grade = Grade::with_gains(&rendering, 32_767);
            let mut codes = [[0], [0], [0]];
            let samples = rgb.each_ref().map(std::slice::from_ref);
            let limit = |channel: usize, sample: u16| sample.min(grade.limits[channel]) as i16;
            grade.row(limit, samples, codes.each_mut().map(|code| &mut code[..]));
            let light: f64 = (0..3).map(|i| {
                f64::from(row[i]) * (f64::from(rgb[i]) / 32_767.0 * f64::from(gains[i])).min(1.0)
            }).sum();
            let exact = 255.0 * crate::curve::exact(light.clamp(0.0, 1.0), 1.0);
            prop_assert!((f64::from(codes[0][0]) - exact).abs() <= 3.0, "{} for {exact}", codes[0][0]);
        }
    }

    #[test]
    fn white_is_white_and_black_is_black() {
        for exposure in [1.0, 2.5, 8.0, 30.0] {
            for full in [30_000, 32_424, 32_767] {
                let grade = Grade::new(&Rendering { exposure, ..Rendering::default() }, full);
                let mut codes = [[0; 2]; 3];
                grade.row(
                    |_, sample| sample as i16,
                    [&[0, full as u16]; 3],
                    codes.each_mut().map(|code| &mut code[..]),
                );
                assert_eq!(codes, [[0, 255]; 3]);
            }
        }
    }
}
