//! Pictures of luma and chroma: every layout against its definition one pixel at a time, at every level and in any cut.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use latent_isp::simd::Level;
use latent_isp::yuv::{
    Plan, Primaries, Transfer, YuvColour, YuvGeometry, YuvLayout, YuvMatrix, YuvPlane, YuvRange, YuvView,
    develop, proxy,
};
use latent_isp::{Error, Simd};
use proptest::prelude::*;

const COLOUR: YuvColour = YuvColour {
    matrix: YuvMatrix::Rec601,
    range: YuvRange::Full,
    transfer: Transfer::Srgb,
    primaries: Primaries::Srgb,
};

/// A picture with both extremes, its planes apart and their rows padded.
fn picture(
    width: u32,
    height: u32,
    layout: YuvLayout,
    colour: YuvColour,
    seed: u32,
) -> (YuvGeometry, Vec<u8>) {
    let mut planes = [YuvPlane::default(); 3];
    let mut offset = 3;
    for (index, plane) in planes.iter_mut().enumerate().take(layout.planes()) {
        let (row, rows) = layout.plane(index, width, height);
        *plane = YuvPlane { offset, stride_bytes: row + 5 };
        offset += rows * (row + 5) + 7;
    }
    let mut state = seed;
    let data = (0..offset)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [0, 255, (state >> 24) as u8, (state >> 16) as u8][(state >> 30) as usize]
        })
        .collect();
    (YuvGeometry { width, height, layout, planes, colour }, data)
}

/// One stored sample: of luma at a pixel, of Cb and Cr at a pixel of the chroma grid.
struct Samples<'a>(YuvGeometry, &'a [u8]);

impl Samples<'_> {
    fn byte(&self, plane: usize, x: usize, y: usize) -> i64 {
        let YuvPlane { offset, stride_bytes } = self.0.planes[plane];
        i64::from(self.1[offset + y * stride_bytes + x])
    }

    /// Red, green and blue of a pixel; `None` in layouts of luma and chroma.
    fn pixel(&self, x: usize, y: usize) -> Option<[i64; 3]> {
        use YuvLayout as L;
        let (bytes, places) = match self.0.layout {
            L::Rgb24 => (3, [0, 1, 2]),
            L::Bgr24 => (3, [2, 1, 0]),
            L::Rgbx32 => (4, [0, 1, 2]),
            L::Bgrx32 => (4, [2, 1, 0]),
            L::Xrgb32 => (4, [1, 2, 3]),
            L::Xbgr32 => (4, [3, 2, 1]),
            _ => return None,
        };
        Some(places.map(|place| self.byte(0, bytes * x + place, y)))
    }

    fn luma(&self, x: usize, y: usize) -> i64 {
        use YuvLayout as L;
        match self.0.layout {
            L::Yuyv | L::Yvyu => self.byte(0, 2 * x, y),
            L::Uyvy | L::Vyuy => self.byte(0, 2 * x + 1, y),
            _ => self.byte(0, x, y),
        }
    }

    fn chroma(&self, x: usize, y: usize) -> [i64; 2] {
        use YuvLayout as L;
        match self.0.layout {
            L::Yuyv => [self.byte(0, 4 * x + 1, y), self.byte(0, 4 * x + 3, y)],
            L::Yvyu => [self.byte(0, 4 * x + 3, y), self.byte(0, 4 * x + 1, y)],
            L::Uyvy => [self.byte(0, 4 * x, y), self.byte(0, 4 * x + 2, y)],
            L::Vyuy => [self.byte(0, 4 * x + 2, y), self.byte(0, 4 * x, y)],
            L::Nv12 | L::Nv16 | L::Nv24 => [self.byte(1, 2 * x, y), self.byte(1, 2 * x + 1, y)],
            L::Nv21 | L::Nv61 | L::Nv42 => [self.byte(1, 2 * x + 1, y), self.byte(1, 2 * x, y)],
            L::Yuv420 | L::Yuv422 | L::Yuv444 => [self.byte(1, x, y), self.byte(2, x, y)],
            L::Yvu420 | L::Yvu422 | L::Yvu444 => [self.byte(2, x, y), self.byte(1, x, y)],
            _ => unreachable!("red, green and blue have no chroma"),
        }
    }

    /// Chroma of a pixel in 16ths: linear between samples that lie in the middle of their pixels.
    fn chroma_at(&self, x: usize, y: usize) -> [i64; 2] {
        let beside = |at: usize, count: usize| {
            if at.is_multiple_of(2) { (at / 2).saturating_sub(1) } else { (at / 2 + 1).min(count - 1) }
        };
        let columns = (self.0.width as usize).div_ceil(2);
        let (near_x, far_x) =
            if self.0.layout.halves_columns() { (x / 2, beside(x, columns)) } else { (x, x) };
        let (near_y, far_y) = if self.0.layout.halves_rows() {
            (y / 2, beside(y, (self.0.height as usize).div_ceil(2)))
        } else {
            (y, y)
        };
        let corners = [(near_x, near_y, 9), (far_x, near_y, 3), (near_x, far_y, 3), (far_x, far_y, 1)];
        corners.into_iter().fold([0; 2], |sum, (x, y, weight)| {
            let sample = self.chroma(x, y);
            [sum[0] + weight * sample[0], sum[1] + weight * sample[1]]
        })
    }

    /// BT.601 of full range, in 16ths, with the weights of the standard in 14 bits behind the point.
    fn rgb(luma: i64, [cb, cr]: [i64; 2]) -> [u8; 3] {
        let (cb, cr) = (cb - 2048, cr - 2048);
        let sums = [22_970 * cr, -5_638 * cb - 11_700 * cr, 29_032 * cb];
        sums.map(|chroma| {
            let sixteenths = ((luma * 16_384 + chroma + 8_192) >> 14).clamp(0, 4080);
            ((sixteenths + 8) / 16) as u8
        })
    }
}

fn levels() -> impl Iterator<Item = Simd> {
    Level::ALL.into_iter().filter_map(|level| {
        let simd = Simd::detect().at_most(level);
        if simd.level() != level {
            println!("SKIP {}: this processor lacks it", level.name());
        }
        (simd.level() == level).then_some(simd)
    })
}

#[test]
fn every_layout_is_converted_as_it_is_defined() {
    for layout in YuvLayout::ALL {
        for (width, height) in [(2, 2), (3, 3), (5, 4), (64, 6), (67, 9)] {
            let (geometry, data) = picture(width, height, layout, COLOUR, 1);
            let view = YuvView::new(geometry, &data).unwrap();
            let samples = Samples(geometry, &data);
            for simd in levels() {
                let plan = Plan::new(geometry, simd).unwrap();
                let mut full = vec![0; (3 * width * height) as usize];
                plan.strip(&view, 0..height, &mut full).unwrap();
                for (i, pixel) in full.chunks(3).enumerate() {
                    let (x, y) = (i % width as usize, i / width as usize);
                    let expected = match samples.pixel(x, y) {
                        Some(pixel) => pixel.map(|code| code as u8),
                        None => Samples::rgb(16 * samples.luma(x, y), samples.chroma_at(x, y)),
                    };
                    assert_eq!(pixel, expected, "{layout} {width}x{height} ({x}, {y}) {simd:?}");
                }
                let half = plan.proxy(&view).unwrap();
                assert_eq!((half.width, half.height), (width / 2, height / 2));
                for (i, pixel) in half.data.chunks(3).enumerate() {
                    let (x, y) = (i % half.width as usize, i / half.width as usize);
                    let cell = [(0, 0), (1, 0), (0, 1), (1, 1)];
                    let pixels = cell.map(|(dx, dy)| samples.pixel(2 * x + dx, 2 * y + dy));
                    if let [Some(a), Some(b), Some(c), Some(d)] = pixels {
                        let mean =
                            [0, 1, 2].map(|i: usize| ((4 * (a[i] + b[i] + c[i] + d[i]) + 8) / 16) as u8);
                        assert_eq!(pixel, mean, "{layout} proxy ({x}, {y}) {simd:?}");
                        continue;
                    }
                    let luma: i64 = cell.map(|(dx, dy)| samples.luma(2 * x + dx, 2 * y + dy)).iter().sum();
                    let chroma = if !layout.halves_columns() {
                        let cell = cell.map(|(dx, dy)| samples.chroma(2 * x + dx, 2 * y + dy));
                        [0, 1].map(|c: usize| 4 * cell.iter().map(|sample| sample[c]).sum::<i64>())
                    } else if layout.halves_rows() {
                        samples.chroma(x, y).map(|c| 16 * c)
                    } else {
                        let (a, b) = (samples.chroma(x, 2 * y), samples.chroma(x, 2 * y + 1));
                        [8 * (a[0] + b[0]), 8 * (a[1] + b[1])]
                    };
                    assert_eq!(pixel, Samples::rgb(4 * luma, chroma), "{layout} proxy ({x}, {y}) {simd:?}");
                }
            }
        }
    }
}

#[test]
fn a_picture_of_one_colour_has_it_in_both_paths_whatever_its_numbers_mean() {
    for matrix in [YuvMatrix::Rec601, YuvMatrix::Rec709, YuvMatrix::Rec2020] {
        for range in [YuvRange::Full, YuvRange::Limited] {
            for transfer in [Transfer::Srgb, Transfer::Rec709, Transfer::Linear] {
                for primaries in [Primaries::Srgb, Primaries::Smpte170m, Primaries::Rec2020] {
                    let colour = YuvColour { matrix, range, transfer, primaries };
                    let (geometry, mut data) = picture(8, 6, YuvLayout::Nv12, colour, 1);
                    for (luma, cb, cr) in [(130, 110, 150), (40, 128, 128), (235, 128, 128), (16, 128, 128)] {
                        for (index, byte) in data.iter_mut().enumerate() {
                            let in_chroma = index.checked_sub(geometry.planes[1].offset);
                            *byte = in_chroma.map_or(luma, |at| {
                                if at % geometry.planes[1].stride_bytes % 2 == 0 { cb } else { cr }
                            });
                        }
                        let view = YuvView::new(geometry, &data).unwrap();
                        let (full, half) = (develop(&view).unwrap(), proxy(&view).unwrap());
                        let first = &full.data[..3];
                        assert!(
                            full.data.chunks(3).chain(half.data.chunks(3)).all(|pixel| pixel == first),
                            "{colour:?}"
                        );
                        if cb == 128 && cr == 128 {
                            assert!(
                                first.iter().all(|code| *code == first[0]),
                                "{colour:?} keeps grey: {first:?}"
                            );
                        }
                        let ends = match range {
                            YuvRange::Limited => [(16, 0), (235, 255)],
                            YuvRange::Full => [(0, 0), (255, 255)],
                        };
                        if let Some((_, end)) = ends.into_iter().find(|(code, _)| *code == luma) {
                            assert_eq!(first[0], end, "{colour:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn red_green_and_blue_need_no_matrix_and_their_range_is_stretched() {
    for matrix in [YuvMatrix::Rec601, YuvMatrix::Rec709] {
        for (range, codes) in [
            (YuvRange::Full, [(0, 0), (100, 100), (255, 255)]),
            (YuvRange::Limited, [(16, 0), (126, 128), (235, 255)]),
        ] {
            for (code, expected) in codes {
                let colour = YuvColour { matrix, range, ..COLOUR };
                let (geometry, mut data) = picture(4, 2, YuvLayout::Bgr24, colour, 1);
                data.fill(code);
                let picture = develop(&YuvView::new(geometry, &data).unwrap()).unwrap();
                assert!(picture.data.iter().all(|byte| *byte == expected), "{range:?} {code}: {picture:?}");
            }
        }
    }
}

#[test]
fn planes_in_memories_of_their_own_are_the_same_picture() {
    for layout in YuvLayout::ALL {
        let (geometry, data) = picture(34, 10, layout, COLOUR, 5);
        let together = YuvView::new(geometry, &data).unwrap();
        let mut apart = geometry;
        let mut memories: [&[u8]; 3] = [&[]; 3];
        for (index, plane) in apart.planes.iter_mut().enumerate().take(layout.planes()) {
            let (row, rows) = layout.plane(index, 34, 10);
            let length = (rows - 1) * plane.stride_bytes + row;
            memories[index] = &data[plane.offset..][..length];
            plane.offset = 0;
        }
        let view = YuvView::of_planes(apart, memories).unwrap();
        assert_eq!(develop(&view).unwrap(), develop(&together).unwrap(), "{layout}");
        let last = layout.planes() - 1;
        memories[last] = &memories[last][1..];
        assert!(matches!(YuvView::of_planes(apart, memories), Err(Error::Length { .. })), "{layout}");
    }
}

#[test]
fn bytes_that_are_too_few_or_shapes_that_cannot_be_are_errors() {
    let (geometry, data) = picture(6, 4, YuvLayout::Yuv420, COLOUR, 3);
    let needed = geometry.len_bytes().unwrap();
    assert!(YuvView::new(geometry, &data[..needed]).is_ok());
    assert!(matches!(YuvView::new(geometry, &data[..needed - 1]), Err(Error::Length { .. })));
    assert!(matches!(YuvView::new(YuvGeometry { width: 1, ..geometry }, &data), Err(Error::Size { .. })));
    let mut thin = geometry;
    thin.planes[2].stride_bytes = 2;
    assert!(matches!(YuvView::new(thin, &data), Err(Error::Stride { .. })));
    let mut far = geometry;
    far.planes[1].offset = usize::MAX;
    assert!(matches!(YuvView::new(far, &data), Err(Error::TooLarge { .. })));
    let view = YuvView::new(geometry, &data).unwrap();
    let plan = Plan::new(geometry, Simd::detect()).unwrap();
    assert!(matches!(plan.strip(&view, 3..5, &mut [0; 36]), Err(Error::Rows { .. })));
    assert!(matches!(plan.strip(&view, 0..2, &mut [0; 35]), Err(Error::Length { .. })));
    assert!(matches!(
        Plan::new(YuvGeometry { width: 4, ..geometry }, Simd::detect()).unwrap().proxy(&view),
        Err(Error::OtherGeometry)
    ));
    assert_eq!("NV12".parse::<YuvLayout>().unwrap(), YuvLayout::Nv12);
    assert!("nv99".parse::<YuvLayout>().unwrap_err().to_string().contains("yuyv"));
}

proptest! {
    #[test]
    fn strips_in_any_cut_and_every_level_give_the_same_bytes(
        (width, height, cut) in (2_u32..90, 2_u32..20).prop_flat_map(|(w, h)| (Just(w), Just(h), 0..=h)),
        (layout, matrix, range) in (0_usize..22, 0_usize..3, any::<bool>()),
        (transfer, primaries, seed) in (0_usize..3, 0_usize..3, any::<u32>()),
    ) {
        let colour = YuvColour {
            matrix: [YuvMatrix::Rec601, YuvMatrix::Rec709, YuvMatrix::Rec2020][matrix],
            range: if range { YuvRange::Full } else { YuvRange::Limited },
            transfer: [Transfer::Srgb, Transfer::Rec709, Transfer::Linear][transfer],
            primaries: [Primaries::Srgb, Primaries::Smpte170m, Primaries::Rec2020][primaries],
        };
        let (geometry, data) = picture(width, height, YuvLayout::ALL[layout], colour, seed);
        let view = YuvView::new(geometry, &data).unwrap();
        let whole = develop(&view).unwrap();
        let half = proxy(&view).unwrap();
        for simd in levels() {
            let plan = Plan::new(geometry, simd).unwrap();
            let mut cuts = vec![0; whole.data.len()];
            let (above, below) = cuts.split_at_mut((3 * width * cut) as usize);
            plan.strip(&view, cut..height, below).unwrap();
            plan.strip(&view, 0..cut, above).unwrap();
            prop_assert_eq!(&cuts, &whole.data);
            prop_assert_eq!(&plan.proxy(&view).unwrap(), &half);
        }
    }
}
