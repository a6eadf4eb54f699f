//! From white-balanced camera colours to the picture's: the 3x3 matrix and the tone curve, row by row.

use crate::Rendering;
use crate::curve::ToneCurve;
use crate::demosaic::Planes;
use crate::mosaic::round_to_full;
use crate::simd::{Simd, kernels};

/// The colour stages of the full path, ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Colour {
    simd: Simd,
    matrix: [[f32; 3]; 3],
    curve: ToneCurve,
}

impl Colour {
    /// For a rendering that has been validated.
    pub(crate) fn new(rendering: &Rendering, simd: Simd) -> Colour {
        Colour { simd, matrix: rendering.matrix, curve: ToneCurve::new(f64::from(rendering.exposure)) }
    }

    /// Applies the matrix in place to planar samples.
    #[inline(always)]
    pub(crate) fn matrix_row(&self, [red, green, blue]: [&mut [u16]; 3]) {
        let n = red.len().min(green.len()).min(blue.len());
        let (red, green, blue) = (&mut red[..n], &mut green[..n], &mut blue[..n]);
        for i in 0..n {
            let rgb = [red[i], green[i], blue[i]].map(f32::from);
            red[i] = dot(self.matrix[0], rgb);
            green[i] = dot(self.matrix[1], rgb);
            blue[i] = dot(self.matrix[2], rgb);
        }
    }

    /// Develops a demosaiced row, which is used up, to interleaved RGB8.
    pub(crate) fn full_row(&self, planes: &mut Planes, out: &mut [u8]) {
        let [even, odd] = &mut planes.halves;
        kernels::matrix(self.simd, self, even.each_mut().map(Vec::as_mut_slice));
        kernels::matrix(self.simd, self, odd.each_mut().map(Vec::as_mut_slice));
        let (pairs, rest) = out.as_chunks_mut::<6>();
        let n = pairs.len();
        let ([r0, g0, b0], [r1, g1, b1]) =
            (even.each_ref().map(|p| &p[..n]), odd.each_ref().map(|p| &p[..n]));
        for (i, pair) in pairs.iter_mut().enumerate() {
            *pair = [r0[i], g0[i], b0[i], r1[i], g1[i], b1[i]].map(|linear| self.curve.code(linear));
        }
        for (byte, plane) in rest.iter_mut().zip(even) {
            *byte = plane.get(n).map_or(0, |&linear| self.curve.code(linear));
        }
    }

    /// Develops planar samples, which are used up, to interleaved RGB8.
    pub(crate) fn planar_row(&self, [red, green, blue]: [&mut [u16]; 3], out: &mut [u8]) {
        kernels::matrix(self.simd, self, [&mut *red, &mut *green, &mut *blue]);
        let (pixels, _) = out.as_chunks_mut::<3>();
        for (pixel, ((&r, &g), &b)) in pixels.iter_mut().zip(red.iter().zip(&*green).zip(&*blue)) {
            *pixel = [r, g, b].map(|linear| self.curve.code(linear));
        }
    }
}

/// One matrix row, clamped and rounded half to even. Single precision in this order, without contraction, is the
/// same everywhere, and far finer than the samples: rows that sum to 1 keep every grey.
#[inline(always)]
fn dot(row: [f32; 3], rgb: [f32; 3]) -> u16 {
    round_to_full(row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_that_sum_to_one_keep_every_grey(a in -2.0_f32..2.0, b in -2.0_f32..2.0, grey in any::<u16>()) {
            prop_assert_eq!(dot([a, 1.0 - a - b, b], [f32::from(grey); 3]), grey);
        }

        #[test]
        fn a_row_is_the_rounded_and_clamped_product(
            row in prop::array::uniform3(-8.0_f32..8.0),
            rgb in prop::array::uniform3(any::<u16>()),
        ) {
            let exact: f64 = row.iter().zip(rgb).map(|(&m, v)| f64::from(m) * f64::from(v)).sum();
            let got = f64::from(dot(row, rgb.map(f32::from)));
            prop_assert!((got - exact.clamp(0.0, 65_535.0)).abs() < 0.7);
        }
    }

    #[test]
    fn the_identity_changes_nothing() {
        let colour = Colour::new(&Rendering::default(), Simd::detect());
        let mut planes = [vec![0, 1, 65_535], vec![5, 40_000, 0], vec![65_534, 0, 9]];
        let before = planes.clone();
        colour.matrix_row(planes.each_mut().map(Vec::as_mut_slice));
        assert_eq!(planes, before);
    }
}
