//! What the fused path and the proxy make beside the picture, and the forms of the picture: against their definitions one
//! pixel at a time, at every level, with nothing written beside.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use latent_isp::fused::{self, Options, Wanted};
use latent_isp::simd::Level;
use latent_isp::yuv::{YuvMatrix, YuvRange};
use latent_isp::{
    CfaPattern, Channel, Chroma, Error, Packing, Picture, RawGeometry, RawProducts, RawView, Rendering,
    Sharpness, Simd, Statistics, Target, Tier, packing, proxy, unpack,
};

const CANARY: u8 = 0xc5;

/// Sizes around a vector, odd and even.
const SIZES: [(u32, u32); 8] = [(2, 2), (3, 3), (5, 4), (31, 7), (64, 6), (65, 5), (131, 9), (258, 12)];

const OPTIONS: Options = Options { tier: Tier::Video, clamp_defects: true, sharpen: true };

fn depths() -> impl Iterator<Item = (Packing, u8)> {
    [
        (Packing::Bytes, 8),
        (Packing::Le16, 9),
        (Packing::Le16, 10),
        (Packing::Le16, 12),
        (Packing::Le16, 14),
        (Packing::Le16, 16),
        (Packing::Mipi, 10),
        (Packing::Mipi, 12),
        (Packing::Mipi, 14),
    ]
    .into_iter()
}

/// A frame with noise and both extremes at an odd stride.
fn frame(width: u32, height: u32, pattern: CfaPattern, packing: Packing, bits: u8) -> (RawGeometry, Vec<u8>) {
    let stride_bytes = packing.row_bytes(bits, width as usize).unwrap() + 3;
    let white = u16::MAX >> (16 - u32::from(bits));
    let geometry =
        RawGeometry { width, height, stride_bytes, bits, packing, pattern, black: white / 16, white };
    let mut state = 1_u32;
    let mut bytes = vec![0xff; stride_bytes * height as usize];
    for row in bytes.chunks_exact_mut(stride_bytes) {
        let samples: Vec<u16> = (0..width)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let any = (state >> 12) as u16 & white;
                [0, white, any, any / 2][(state >> 30) as usize]
            })
            .collect();
        packing::pack_row(&samples, bits, packing, row).unwrap();
    }
    (geometry, bytes)
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

fn rendering() -> Rendering {
    let matrix = [[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [0.1, -0.7, 1.6]];
    Rendering::with_gains([1.9, 1.0, 1.6], 1.3, Some(matrix)).unwrap()
}

/// Memory for `len` bytes between canaries.
struct Guarded(Vec<u8>, usize);

impl Guarded {
    fn new(len: usize) -> Guarded {
        Guarded(vec![CANARY; len + 65], len)
    }

    fn out(&mut self) -> &mut [u8] {
        &mut self.0[1..=self.1]
    }

    /// What was written, when nothing was beside it.
    fn written(&self) -> &[u8] {
        let beside = self.0[..1].iter().chain(&self.0[self.1 + 1..]);
        assert!(beside.copied().all(|byte| byte == CANARY), "written outside");
        &self.0[1..=self.1]
    }
}

/// Mean of 2x2 pixels, in real numbers; beyond the borders the last pixel.
fn cell(picture: &Picture, x: u32, y: u32) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let (x, y) = ((2 * x + dx).min(picture.width - 1), (2 * y + dy).min(picture.height - 1));
        let at = 3 * (y * picture.width + x) as usize;
        for (sum, code) in sums.iter_mut().zip(&picture.data[at..at + 3]) {
            *sum += f64::from(*code) / 4.0;
        }
    }
    sums
}

/// Luma, Cb and Cr of the standards, in limited range.
fn standard(matrix: YuvMatrix, [r, g, b]: [f64; 3]) -> [f64; 3] {
    let (red, blue) = match matrix {
        YuvMatrix::Rec601 => (0.299, 0.114),
        YuvMatrix::Rec709 => (0.2126, 0.0722),
        YuvMatrix::Rec2020 => (0.2627, 0.0593),
    };
    let y = red * r + (1.0 - red - blue) * g + blue * b;
    let chroma = 224.0 / 255.0 / 2.0;
    [
        16.0 + y * 219.0 / 255.0,
        128.0 + chroma * (b - y) / (1.0 - blue),
        128.0 + chroma * (r - y) / (1.0 - red),
    ]
}

#[test]
fn planes_luma_and_chroma_are_those_of_the_interleaved_picture() {
    for ((width, height), pattern) in SIZES.into_iter().zip(CfaPattern::ALL.into_iter().cycle()) {
        let (geometry, bytes) = frame(width, height, pattern, Packing::Mipi, 10);
        let view = RawView::new(geometry, &bytes).unwrap();
        let picture = fused::develop(&view, &rendering(), OPTIONS).unwrap();
        let (pixels, cells) = ((width * height) as usize, (width.div_ceil(2) * height.div_ceil(2)) as usize);
        let mut seen: Option<[Vec<u8>; 3]> = None;
        for simd in levels() {
            let plan = fused::Plan::new(geometry, &rendering(), OPTIONS, simd).unwrap();
            let mut scratch = plan.scratch();
            let mut planes: [Guarded; 3] = std::array::from_fn(|_| Guarded::new(pixels));
            let target = Target::Planar(planes.each_mut().map(Guarded::out));
            plan.strip_to(&mut scratch, &view, 0..height, target).unwrap();
            for (channel, plane) in planes.iter().enumerate() {
                let expected: Vec<u8> = picture.data.iter().skip(channel).step_by(3).copied().collect();
                assert_eq!(plane.written(), expected, "plane {channel} of {width}x{height}, {simd:?}");
            }

            let (matrix, range) = (YuvMatrix::Rec709, YuvRange::Limited);
            let (mut luma, mut pairs) = (Guarded::new(pixels), Guarded::new(2 * cells));
            // In strips of two rows, the last of one where the height is odd.
            for start in (0..height).step_by(2) {
                let end = height.min(start + 2);
                let [w, c] = [width as usize, 2 * width.div_ceil(2) as usize];
                let target = Target::Yuv420 {
                    luma: &mut luma.out()[start as usize * w..end as usize * w],
                    chroma: Chroma::Pairs(&mut pairs.out()[start as usize / 2 * c..][..c]),
                    matrix,
                    range,
                };
                plan.strip_to(&mut scratch, &view, start..end, target).unwrap();
            }
            let (mut again, mut cb, mut cr) =
                (Guarded::new(pixels), Guarded::new(cells), Guarded::new(cells));
            let chroma = Chroma::Planes([cb.out(), cr.out()]);
            let target = Target::Yuv420 { luma: again.out(), chroma, matrix, range };
            plan.strip_to(&mut scratch, &view, 0..height, target).unwrap();
            assert_eq!(luma.written(), again.written());
            let both: Vec<u8> = cb.written().iter().zip(cr.written()).flat_map(|(&b, &r)| [b, r]).collect();
            assert_eq!(pairs.written(), both, "{width}x{height}, {simd:?}");

            for (i, &code) in luma.written().iter().enumerate() {
                let rgb = [0, 1, 2].map(|c: usize| f64::from(picture.data[3 * i + c]));
                let ideal = standard(matrix, rgb)[0];
                assert!((f64::from(code) - ideal).abs() <= 0.52, "luma {code} for {ideal}");
            }
            for (i, codes) in pairs.written().chunks_exact(2).enumerate() {
                let (x, y) = (i as u32 % width.div_ceil(2), i as u32 / width.div_ceil(2));
                let ideal = standard(matrix, cell(&picture, x, y));
                for (&code, ideal) in codes.iter().zip(&ideal[1..]) {
                    assert!((f64::from(code) - ideal).abs() <= 0.52, "{code} for {ideal} at {x},{y}");
                }
            }
            let got = [luma.written().to_vec(), cb.written().to_vec(), cr.written().to_vec()];
            assert!(seen.as_ref().is_none_or(|seen| *seen == got), "levels differ");
            seen = Some(got);
        }
    }
}

#[test]
fn strips_that_cut_chroma_and_targets_of_another_size_are_refused() {
    let (geometry, bytes) = frame(6, 5, CfaPattern::Rggb, Packing::Le16, 10);
    let view = RawView::new(geometry, &bytes).unwrap();
    let plan = fused::Plan::new(geometry, &rendering(), OPTIONS, Simd::detect()).unwrap();
    let mut scratch = plan.scratch();
    let mut strip = |rows: std::ops::Range<u32>, luma: usize, chroma: usize| {
        let (mut luma, mut chroma) = (vec![0; luma], vec![0; chroma]);
        let target = Target::Yuv420 {
            luma: &mut luma,
            chroma: Chroma::Pairs(&mut chroma),
            matrix: YuvMatrix::Rec601,
            range: YuvRange::Full,
        };
        plan.strip_to(&mut scratch, &view, rows, target)
    };
    let half = |start, end| Err(Error::HalfCells { start, end, height: 5 });
    assert_eq!(strip(1..4, 18, 12), half(1, 4));
    assert_eq!(strip(0..3, 18, 12), half(0, 3));
    assert_eq!(strip(4..5, 6, 6), Ok(()));
    assert_eq!(strip(0..5, 30, 18), Ok(()));
    assert!(matches!(strip(0..5, 30, 17), Err(Error::Length { expected: 18, got: 17, .. })));
    assert!(matches!(strip(0..5, 29, 18), Err(Error::Length { expected: 30, got: 29, .. })));
    assert!(matches!(strip(0..6, 36, 18), Err(Error::Rows { .. })));
    let mut planes = [vec![0; 30], vec![0; 30], vec![0; 31]];
    let target = Target::Planar(planes.each_mut().map(Vec::as_mut_slice));
    assert!(plan.strip_to(&mut scratch, &view, 0..5, target).is_err());
}

/// The definition of the sharpness, a green and its neighbours below at a time.
fn sharpness(view: &RawView<'_>) -> f64 {
    let RawGeometry { width, height, pattern, bits, white, .. } = *view.geometry();
    let shift = u32::from(bits).saturating_sub(12);
    let rows: Vec<Vec<u16>> = (0..height)
        .map(|y| {
            let mut row = vec![0; width as usize];
            unpack::row(view, y, &mut row).unwrap();
            row
        })
        .collect();
    let at = |x: u32, y: u32| f64::from(rows[y as usize][x as usize] >> shift);
    let (mut sum, mut count) = (0.0, 0.0);
    for y in (0..height - 1).step_by(2) {
        // Of the row whose greens are in odd columns, but for the last cell, which has no neighbour.
        let (own, other) = if pattern.channel_at(1, y) == Channel::Green { (y, y + 1) } else { (y + 1, y) };
        for x in (1..(width / 2 * 2).saturating_sub(2)).step_by(2) {
            for neighbour in [x - 1, x + 1] {
                sum += (at(x, own) - at(neighbour, other)).powi(2);
                count += 1.0;
            }
        }
    }
    let full = f64::from(white >> shift);
    if count > 0.0 { sum / count / (full * full) } else { 0.0 }
}

/// The rows of a frame as they are to be stored.
fn stored(view: &RawView<'_>) -> Vec<u8> {
    let RawGeometry { width, height, bits, packing, .. } = *view.geometry();
    let form = Packing::smallest(bits);
    let mut stored = Vec::new();
    for y in 0..height {
        let mut codes = vec![0; width as usize];
        unpack::row(view, y, &mut codes).unwrap();
        let mut row = vec![0; form.row_bytes(bits, width as usize).unwrap()];
        packing::pack_row(&codes, bits, form, &mut row).unwrap();
        stored.extend_from_slice(if form == packing { view.row(y) } else { &row });
    }
    stored
}

#[test]
fn any_subset_of_by_products_is_what_it_is_alone_and_leaves_the_picture_alone() {
    for ((width, height), (pattern, (packing, bits))) in SIZES
        .into_iter()
        .flat_map(|size| CfaPattern::ALL.into_iter().cycle().zip(depths()).map(move |d| (size, d)))
    {
        let (geometry, bytes) = frame(width, height, pattern, packing, bits);
        let view = RawView::new(geometry, &bytes).unwrap();
        let picture = fused::develop(&view, &rendering(), OPTIONS).unwrap();
        let (statistics, stored) = (Statistics::of(&view), stored(&view));
        let sharp = sharpness(&view);
        assert!((Sharpness::of(&view).value() - sharp).abs() <= 1e-9 * sharp, "{geometry:?}");
        for simd in levels() {
            let plan = fused::Plan::new(geometry, &rendering(), OPTIONS, simd).unwrap();
            let mut scratch = plan.scratch();
            for subset in 0..16 {
                let wants = |bit: u32| subset >> bit & 1 == 1;
                let mut rows = Vec::new();
                let mut next = 0;
                let mut keep = |y: u32, row: &[u8]| {
                    assert_eq!(y, next);
                    next += 1;
                    rows.extend_from_slice(row);
                };
                let wanted = Wanted {
                    statistics: wants(0),
                    thumbnail: wants(1).then_some(40),
                    raw: RawProducts {
                        sharpness: wants(2),
                        stored: if wants(3) { Some(&mut keep) } else { None },
                    },
                };
                let mut out = Guarded::new(picture.data.len());
                let got = plan.frame_with(&mut scratch, &view, Target::Rgb8(out.out()), wanted).unwrap();
                assert!(out.written() == picture.data, "{subset} {geometry:?} {simd:?}");
                assert_eq!(got.statistics, wants(0).then(|| statistics.clone()), "{geometry:?} {simd:?}");
                assert_eq!(got.sharpness, wants(2).then(|| Sharpness::of(&view)), "{geometry:?} {simd:?}");
                assert_eq!(got.thumbnail.is_some(), wants(1));
                assert!(rows == if wants(3) { stored.as_slice() } else { &[] }, "{geometry:?} {simd:?}");
            }
        }
        let mut rows = Vec::new();
        let mut keep = |_: u32, row: &[u8]| rows.extend_from_slice(row);
        let mut proxy = proxy::bin(&view).unwrap();
        let plain = proxy.render(&rendering()).unwrap();
        assert_eq!(proxy.sharpness(), None);
        proxy.bin_with(&view, RawProducts { sharpness: true, stored: Some(&mut keep) }).unwrap();
        assert_eq!(proxy.render(&rendering()).unwrap(), plain);
        assert_eq!((proxy.statistics(), proxy.sharpness()), (&statistics, Some(Sharpness::of(&view))));
        assert!(rows == stored, "{geometry:?}");
    }
}

#[test]
fn a_thumbnail_has_the_means_of_its_cells() {
    for (width, height, longest) in
        [(2, 2, 1), (131, 9, 40), (64, 64, 64), (203, 150, 40), (150, 300, 1), (700, 301, 2)]
    {
        let (geometry, bytes) = frame(width, height, CfaPattern::Gbrg, Packing::Le16, 12);
        let view = RawView::new(geometry, &bytes).unwrap();
        let picture = fused::develop(&view, &rendering(), OPTIONS).unwrap();
        let cell = width.max(height).div_ceil(longest).next_multiple_of(2);
        for simd in levels() {
            let plan = fused::Plan::new(geometry, &rendering(), OPTIONS, simd).unwrap();
            let mut out = vec![0; picture.data.len()];
            let wanted = Wanted { thumbnail: Some(longest), ..Wanted::default() };
            let got = plan.frame_with(&mut plan.scratch(), &view, Target::Rgb8(&mut out), wanted).unwrap();
            let thumbnail = got.thumbnail.unwrap();
            assert_eq!((thumbnail.width, thumbnail.height), (width / cell, height / cell));
            assert!(thumbnail.width.max(thumbnail.height) <= longest);
            assert_eq!(thumbnail.data.len(), (3 * thumbnail.width * thumbnail.height) as usize);
            for (i, &code) in thumbnail.data.iter().enumerate() {
                let (x, y, channel) = (i as u32 / 3 % thumbnail.width, i as u32 / 3 / thumbnail.width, i % 3);
                let columns = x * cell..(x + 1) * cell;
                let rows = y * cell..(y + 1) * cell;
                let sum: u32 = rows
                    .flat_map(|y| columns.clone().map(move |x| 3 * (y * width + x) as usize + channel))
                    .map(|at| u32::from(picture.data[at]))
                    .sum();
                assert_eq!(u32::from(code), (sum + cell * cell / 2) / (cell * cell), "{x},{y} {simd:?}");
            }
        }
    }
}

#[test]
fn blur_in_any_direction_lowers_the_sharpness() {
    let (width, height) = (160, 120);
    let white = 1023;
    let geometry = RawGeometry {
        width,
        height,
        stride_bytes: 2 * width as usize,
        bits: 10,
        packing: Packing::Le16,
        pattern: CfaPattern::Rggb,
        black: 0,
        white,
    };
    // A scene of blocks with texture, seen through shakes of some pixels.
    let scene = |x: i32, y: i32| {
        let block = (x.div_euclid(7).wrapping_mul(31) ^ y.div_euclid(5).wrapping_mul(17)) & 255;
        100 + 3 * block
    };
    let seen = |steps: &[(i32, i32)]| {
        let pixels = (0..height as i32).flat_map(|y| (0..width as i32).map(move |x| (x, y)));
        let bytes: Vec<u8> = pixels
            .flat_map(|(x, y)| {
                let sum: i32 = steps.iter().map(|(dx, dy)| scene(x + dx, y + dy)).sum();
                ((sum / steps.len() as i32) as u16).to_le_bytes()
            })
            .collect();
        Sharpness::of(&RawView::new(geometry, &bytes).unwrap()).value()
    };
    let still = seen(&[(0, 0)]);
    for (dx, dy) in [(1, 0), (0, 1), (1, 1), (1, -1)] {
        let shake = |n: i32| (0..n).map(|i| (i * dx, i * dy)).collect::<Vec<_>>();
        let (short, long) = (seen(&shake(3)), seen(&shake(6)));
        assert!(still > 1.1 * short && short > 1.1 * long, "{dx},{dy}: {still} {short} {long}");
    }
}
