//! Every hand-written kernel at every level against its plain definition: all sizes from nothing to beyond two
//! vectors, odd addresses, extremes, and canaries past every edge.

use super::rgb8::{self, Store};
use super::{Level, Simd, cells, encode, grade, kernels, mipi, rgb16, split};
use crate::compand::{self, Compander, Expansion};
use crate::grade::Grade;
use crate::level::Level as Level16;
use crate::scale::Scale;
use crate::sharpness::Gauge;
use crate::yuv::{Encoding, YuvMatrix, YuvRange};
use crate::{CfaPattern, Packing, RawGeometry, Rendering, packing};

const CANARY: u8 = 0xc5;

/// Runs a check at each level that this machine has, and names those that it lacks.
fn at_every_level(check: impl Fn(Simd)) {
    for level in Level::ALL {
        let simd = Simd::detect().at_most(level);
        if simd.level() == level {
            check(simd);
        } else {
            println!("SKIP {}: this processor lacks it", level.name());
        }
    }
}

/// Bytes in which both extremes and all else occur.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [0, 0xff, (state >> 24) as u8, (state >> 16) as u8][(state >> 30) as usize]
        })
        .collect()
}

#[test]
fn interleaving_keeps_every_sample_and_writes_nothing_else() {
    at_every_level(|simd| {
        for width in 0..=200_usize {
            let planes: [Vec<u8>; 6] = std::array::from_fn(|i| noise(101 + i)[i..].to_vec());
            let [r0, g0, b0, r1, g1, b1] = planes.each_ref().map(|plane| &plane[..width.div_ceil(2)]);
            let halves = [[r0, g0, b0], [r1, g1, b1]];
            for store in [Store::Cached, Store::Streamed] {
                for offset in [0, 1, 5, 16, 31] {
                    let mut out = vec![CANARY; offset + 3 * width + 64];
                    rgb8::interleave(simd, halves, &mut out[offset..offset + 3 * width], store);
                    rgb8::fence();
                    let canaries = out[..offset].iter().chain(&out[offset + 3 * width..]);
                    assert!(canaries.copied().all(|byte| byte == CANARY), "{width} {store:?}");
                    for (x, pixel) in out[offset..offset + 3 * width].chunks(3).enumerate() {
                        let expected = [0, 1, 2].map(|channel: usize| halves[x % 2][channel][x / 2]);
                        assert_eq!(pixel, expected, "pixel {x} of {width}, {store:?}, {simd:?}");
                    }
                }
            }
        }
    });
}

/// Where a kernel is given `len` samples to write of a longer buffer, and canaries around them.
fn written<T: Copy + PartialEq + std::fmt::Debug>(
    canary: T,
    lens: [usize; 2],
    write: impl FnOnce([&mut [T]; 2]),
) -> [Vec<T>; 2] {
    let mut buffers = lens.map(|len| vec![canary; len + 41]);
    let [first, second] = &mut buffers;
    write([&mut first[1..=lens[0]], &mut second[1..=lens[1]]]);
    for (buffer, len) in buffers.iter().zip(lens) {
        assert_eq!(buffer[0], canary);
        assert!(buffer[len + 1..].iter().all(|&sample| sample == canary), "past the end of {len}");
    }
    let [first, second] = buffers;
    [first[1..=lens[0]].to_vec(), second[1..=lens[1]].to_vec()]
}

fn words(len: usize) -> Vec<u16> {
    noise(2 * len).chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[test]
fn splitting_scales_and_sorts_by_column() {
    at_every_level(|simd| {
        for scale in [Scale::new(64, 1023), Scale::new(0, 65_535), Scale::new(9, 10)] {
            for width in 0..=200_usize {
                let codes = words(width);
                let lens = [width.div_ceil(2), width / 2];
                let eight = written(CANARY, lens, |to| split::to_8(simd, &codes, scale, to));
                let quarters = written(0xc5c5, lens, |to| split::to_quarters(simd, &codes, scale, to));
                for (x, &code) in codes.iter().enumerate() {
                    let distance = i32::from(code.saturating_sub(scale.black).min(scale.full));
                    let lifted = distance << scale.up >> scale.down;
                    let fine = (lifted * i32::from(scale.factor) + 0x4000) >> 15;
                    assert_eq!(i32::from(eight[x % 2][x / 2]), (fine + 32) >> 6, "{x} of {width}, {simd:?}");
                    assert_eq!(
                        i32::from(quarters[x % 2][x / 2]),
                        (fine + 8) >> 4,
                        "{x} of {width}, {simd:?}"
                    );
                }
            }
        }
    });
}

#[test]
fn scales_go_from_black_to_white_and_are_the_nearest_but_for_a_tenth() {
    for (black, white) in [(0, 1), (0, 255), (64, 1023), (200, 4095), (0, 32_767), (0, 32_768), (3, 65_535)] {
        let scale = Scale::new(black, white);
        let codes: Vec<u16> = (0..=white).collect();
        let [mut even, mut odd] = [vec![0; codes.len().div_ceil(2)], vec![0; codes.len() / 2]];
        crate::scale::split_quarters(&codes, scale, [&mut even, &mut odd]);
        for &code in &codes {
            let exact = 1020.0 * f64::from(code.saturating_sub(black)) / f64::from(white - black);
            let half = if code % 2 == 0 { &even } else { &odd };
            let got = f64::from(half[usize::from(code) / 2]);
            assert!((got - exact).abs() <= 0.5 + 0.1, "{code} of {black}..={white}: {got} for {exact}");
        }
    }
}

#[test]
fn compressing_by_roots_equals_the_table() {
    let geometry = |bits, black, white| RawGeometry {
        width: 2,
        height: 2,
        stride_bytes: 4,
        bits,
        packing: Packing::Le16,
        pattern: CfaPattern::Rggb,
        black,
        white,
    };
    for (bits, black, white, gains) in
        [(10, 64, 1023, [1.0, 1.9]), (16, 0, 65_535, [1.0, 16.0]), (12, 7, 9, [3.3, 1.0])]
    {
        let compander = Compander::new(1.7);
        let compressions = gains.map(|gain| compander.compression(&geometry(bits, black, white), gain));
        let compressions = [&compressions[0], &compressions[1]];
        let every: Vec<u16> = (0..=u16::MAX).flat_map(|code| [code, code]).collect();
        let lens = [65_536; 2];
        let expected = written(0xc5c5, lens, |to| compand::split(&every, compressions, to));
        at_every_level(|simd| {
            let got = written(0xc5c5, lens, |to| split::compressed(simd, &every, compressions, to));
            assert!(got == expected, "{bits} {black} {white} {simd:?}");
            for width in 0..=200_usize {
                let (codes, lens) = (words(width), [width.div_ceil(2), width / 2]);
                let expected = written(0xc5c5, lens, |to| compand::split(&codes, compressions, to));
                let got = written(0xc5c5, lens, |to| split::compressed(simd, &codes, compressions, to));
                assert_eq!(got, expected, "{width} {simd:?}");
            }
        });
    }
}

#[test]
fn expanding_to_linear_rgb_keeps_every_sample_and_writes_nothing_else() {
    at_every_level(|simd| {
        for white in [255, 1023, 65_535] {
            let expansion = Expansion::new(Compander::new(1.0), white);
            for width in 0..=100_usize {
                let planes: [Vec<u16>; 6] =
                    std::array::from_fn(|i| words(60 + i)[i..].iter().map(|word| word % 1021).collect());
                let [r0, g0, b0, r1, g1, b1] = planes.each_ref().map(|plane| &plane[..width.div_ceil(2)]);
                let halves = [[r0, g0, b0], [r1, g1, b1]];
                for store in [Store::Cached, Store::Streamed] {
                    for offset in [0, 1, 5, 16] {
                        let mut out = vec![0xc5c5; offset + 3 * width + 64];
                        let to = &mut out[offset..offset + 3 * width];
                        rgb16::interleave(simd, expansion, halves, to, store);
                        rgb8::fence();
                        let canaries = out[..offset].iter().chain(&out[offset + 3 * width..]);
                        assert!(canaries.copied().all(|word| word == 0xc5c5), "{width} {store:?}");
                        for (x, pixel) in out[offset..offset + 3 * width].chunks(3).enumerate() {
                            let expected = [0, 1, 2].map(|c: usize| expansion.code(halves[x % 2][c][x / 2]));
                            assert_eq!(pixel, expected, "pixel {x} of {width}, {store:?}, {simd:?}");
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn cells_are_leveled_and_their_greens_averaged() {
    at_every_level(|simd| {
        for level in [Level16::new(64, 1023, 1.0), Level16::new(0, 65_535, 1.0), Level16::new(5, 6, 3.0)] {
            for (width, pattern) in (0..=150_usize).flat_map(|width| CfaPattern::ALL.map(|p| (width, p))) {
                let rows = [words(width), words(width + 7)[7..].to_vec()];
                let n = width / 2;
                let mut out: [Vec<u16>; 3] = std::array::from_fn(|_| vec![0xc5c5; n + 20]);
                let to = out.each_mut().map(|plane| &mut plane[1..=n]);
                cells::rgb(simd, level, pattern, rows.each_ref().map(Vec::as_slice), to);
                for plane in &out {
                    assert!(plane[0] == 0xc5c5 && plane[n + 1..].iter().all(|&word| word == 0xc5c5));
                }
                for cell in 0..n {
                    let mut sums = [0_u32; 3];
                    for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                        let code = rows[y as usize][2 * cell + x as usize];
                        sums[pattern.channel_at(x, y) as usize] += u32::from(level.apply(code));
                    }
                    let expected = [sums[0] as u16, sums[1].div_ceil(2) as u16, sums[2] as u16];
                    let got = [0, 1, 2].map(|channel: usize| out[channel][cell + 1]);
                    assert_eq!(got, expected, "cell {cell} of {n}, {pattern:?} {simd:?}");
                }
            }
        }
    });
}

#[test]
fn planes_are_interleaved_as_they_are() {
    at_every_level(|simd| {
        for width in 0..=200_usize {
            let [red, green, blue] = [0, 1, 2].map(|i| noise(width + i)[i..].to_vec());
            let mut out = vec![CANARY; 3 * width + 64];
            rgb8::interleave_planes(simd, [&red, &green, &blue], &mut out[1..=3 * width]);
            assert!(out[0] == CANARY && out[3 * width + 1..].iter().all(|&byte| byte == CANARY));
            for (x, pixel) in out[1..=3 * width].chunks(3).enumerate() {
                assert_eq!(pixel, [red[x], green[x], blue[x]], "pixel {x} of {width}, {simd:?}");
            }
        }
    });
}

#[test]
fn grading_gives_the_same_codes_for_light_of_every_kind() {
    let matrix = [[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [5.0, -1.7, -1.3]];
    for exposure in [1.0, 3.0, 20.0] {
        let rendering = Rendering { gains: [2.1, 1.0, 7.0], exposure, matrix };
        let compander = Compander::new(f64::from(exposure));
        let grade = Grade::with_gains(&rendering, compander.full());
        at_every_level(|simd| {
            for width in (0..=200_usize).chain([65_536]) {
                let samples = [1, 7, 13].map(|i| {
                    let quarters: Vec<u16> = words(width + i)[i..].iter().map(|word| word % 1021).collect();
                    let light: Vec<u16> = words(width + i)[i..].to_vec();
                    [quarters, light]
                });
                for kind in [0, 1] {
                    let planes = samples.each_ref().map(|kinds| &kinds[kind][..width]);
                    let mut out: [Vec<u8>; 3] = std::array::from_fn(|_| vec![CANARY; width + 40]);
                    let to = out.each_mut().map(|plane| &mut plane[1..=width]);
                    let light = |channel: usize, sample: u16| {
                        if kind == 0 {
                            compander.expand(sample)
                        } else {
                            (sample >> 1).min(grade.limits[channel]) as i16
                        }
                    };
                    if kind == 0 {
                        grade::from_quarters(simd, &grade, compander, planes, to);
                    } else {
                        grade::from_light(simd, &grade, planes, to);
                    }
                    for (row, out) in grade.matrix.iter().zip(&out) {
                        assert!(out[0] == CANARY && out[width + 1..].iter().all(|&byte| byte == CANARY));
                        for i in 0..width {
                            let sum: i32 = row
                                .iter()
                                .zip(planes)
                                .enumerate()
                                .map(|(channel, (&number, plane))| {
                                    i32::from(number) * i32::from(light(channel, plane[i]))
                                })
                                .sum();
                            let expected = grade.tone.code(grade.tone.place(sum + grade.tone.black));
                            assert_eq!(out[i + 1], expected, "{i} of {width}, {simd:?}, exposure {exposure}");
                        }
                    }
                }
            }
        });
    }
}

#[test]
fn packed_rows_unpack_to_what_was_packed() {
    let lowest = Simd::detect().at_most(Level::Baseline);
    at_every_level(|simd| {
        for bits in [10_u8, 12] {
            for width in 0..=200_usize {
                let codes: Vec<u16> = noise(2 * width)
                    .chunks(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]) >> (16 - bits))
                    .collect();
                let mut packed = vec![CANARY; 1 + Packing::Mipi.row_bytes(bits, width).unwrap()];
                packing::pack(lowest, &codes, bits, Packing::Mipi, &mut packed[1..]);
                let mut again = vec![CANARY; packed.len() + 40];
                let to = &mut again[1..packed.len()];
                let done = mipi::pack(simd, bits, &codes, to);
                assert!(done <= width && done.is_multiple_of(16), "{done} of {width}");
                let bytes = Packing::Mipi.row_bytes(bits, done).unwrap();
                assert_eq!(again[1..=bytes], packed[1..=bytes], "{bits} bits, {width}, {simd:?}");
                // The last store of a turn reaches into the next one, never past the row.
                assert!(again[packed.len()..].iter().all(|&byte| byte == CANARY) && again[0] == CANARY);
                let mut out = vec![0xc5c5; width + 40];
                let unpack = if bits == 10 { mipi::raw10 } else { mipi::raw12 };
                let done = unpack(simd, &packed[1..], &mut out[1..=width]);
                assert!(done <= width && done.is_multiple_of(16), "{done} of {width}");
                assert_eq!(out[1..=done], codes[..done], "{bits} bits, {width}, {simd:?}");
                assert!(out[done + 1..].iter().all(|&word| word == 0xc5c5), "{bits} bits, {width}");
            }
        }
    });
}

#[test]
fn putting_columns_in_turn_and_adding_them_keeps_to_its_memory() {
    at_every_level(|simd| {
        for width in 0..=200_usize {
            let n = width.div_ceil(2);
            let (even, odd) = (noise(n), noise(n + 3)[3..].to_vec());
            let [out, _] = written(CANARY, [width, 0], |[to, _]| kernels::zip(simd, &even, &odd, to));
            for (x, &byte) in out.iter().enumerate() {
                assert_eq!(byte, [&even, &odd][x % 2][x / 2], "{x} of {width}, {simd:?}");
            }
            let [sums, _] = written(300_u16, [n, 0], |[to, _]| {
                to.fill(300);
                kernels::add_pairs(simd, &even, &odd, to);
            });
            for i in 0..n {
                assert_eq!(sums[i], 300 + u16::from(even[i]) + u16::from(odd[i]), "{i} of {n}, {simd:?}");
            }
        }
    });
}

#[test]
fn luma_and_chroma_are_the_same_at_every_level() {
    let encoding = Encoding::new(YuvMatrix::Rec601, YuvRange::Full);
    let baseline = Simd::detect().at_most(Level::Baseline);
    at_every_level(|simd| {
        for n in 0..=120_usize {
            let planes: [Vec<u8>; 6] = std::array::from_fn(|i| noise(n + i)[i..].to_vec());
            let [r0, g0, b0, r1, g1, b1] = planes.each_ref().map(Vec::as_slice);
            let encoded = |simd: Simd| {
                let [luma, _] =
                    written(CANARY, [n, 0], |[to, _]| encode::luma(simd, &encoding, [r0, g0, b0], to));
                let mut sums: [Vec<u16>; 3] = std::array::from_fn(|_| vec![0xc5c5; n + 20]);
                let to = sums.each_mut().map(|plane| &mut plane[..n]);
                kernels::encode_pairs(simd, [r0, g0, b0], [r1, g1, b1], to);
                assert!(sums.iter().all(|plane| plane[n..].iter().all(|&sum| sum == 0xc5c5)));
                let upper = sums.each_ref().map(|plane| &plane[..n]);
                let lower = [upper[2], upper[0], upper[1]];
                let chroma = written(CANARY, [n; 2], |to| encode::chroma(simd, &encoding, upper, lower, to));
                (luma, sums.clone(), chroma)
            };
            assert!(encoded(simd) == encoded(baseline), "{n} {simd:?}");
        }
    });
}

#[test]
fn sharpness_counts_the_same_squares_at_every_level() {
    for (bits, white) in [(16, 65_535), (16, 40_000), (14, 16_383), (10, 1023), (8, 255)] {
        for pattern in CfaPattern::ALL {
            let geometry = RawGeometry {
                width: 2,
                height: 2,
                stride_bytes: 4,
                bits,
                packing: Packing::Le16,
                pattern,
                black: 0,
                white,
            };
            for width in 0..=300_usize {
                let most = u16::MAX >> (16 - bits);
                let [upper, lower] =
                    [0, 5].map(|i| words(width + i)[i..].iter().map(|word| word & most).collect::<Vec<_>>());
                let measured = |simd: Simd| {
                    let mut gauge = Gauge::new(&geometry, simd);
                    gauge.rows([&upper, &lower]);
                    gauge.sharpness()
                };
                let expected = measured(Simd::detect().at_most(Level::Baseline));
                at_every_level(|simd| assert_eq!(measured(simd), expected, "{width} {simd:?}"));
            }
        }
    }
}
