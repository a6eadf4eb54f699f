//! Every hand-written kernel at every level against its plain definition: all sizes from nothing to beyond two
//! vectors, odd addresses, extremes, and canaries past every edge.

use super::rgb8::{self, Store};
use super::{Level, Simd, mipi, split};
use crate::scale::Scale;
use crate::{Packing, packing};

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

#[test]
fn splitting_scales_each_column_by_its_own_scale() {
    let scales = [Scale::new(64, 1023, 1.0), Scale::new(0, 65_535, 2.3)];
    at_every_level(|simd| {
        for width in 0..=200_usize {
            let bytes = noise(2 * width);
            let codes: Vec<u16> =
                bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            let half = width.div_ceil(2);
            let (mut eight, mut quarters) =
                (vec![vec![CANARY; half + 40]; 2], vec![vec![0xc5c5; half + 40]; 2]);
            let [even, odd] = &mut eight[..] else { unreachable!() };
            split::to_8(simd, &codes, scales, [&mut even[1..=half], &mut odd[1..=half]]);
            let [even, odd] = &mut quarters[..] else { unreachable!() };
            split::to_quarters(simd, &codes, scales, [&mut even[1..=half], &mut odd[1..=half]]);
            for (x, &code) in codes.iter().enumerate() {
                let scale = scales[x % 2];
                let distance = u32::from(code.saturating_sub(scale.black).min(scale.full)) << scale.lift;
                let scaled = (distance * u32::from(scale.factor)) >> 16;
                assert_eq!(
                    u32::from(eight[x % 2][x / 2 + 1]),
                    (scaled + 64) >> 7,
                    "{x} of {width}, {simd:?}"
                );
                assert_eq!(
                    u32::from(quarters[x % 2][x / 2 + 1]),
                    (scaled + 16) >> 5,
                    "{x} of {width}, {simd:?}"
                );
            }
            for parity in 0..2 {
                let past = 1 + (width + 1 - parity) / 2;
                assert!(eight[parity][past..].iter().all(|&byte| byte == CANARY), "{width}");
                assert!(quarters[parity][past..].iter().all(|&word| word == 0xc5c5), "{width}");
                assert_eq!((eight[parity][0], quarters[parity][0]), (CANARY, 0xc5c5));
            }
        }
    });
}

#[test]
fn packed_rows_unpack_to_what_was_packed() {
    at_every_level(|simd| {
        for bits in [10_u8, 12] {
            for width in 0..=200_usize {
                let codes: Vec<u16> = noise(2 * width)
                    .chunks(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]) >> (16 - bits))
                    .collect();
                let mut packed = vec![CANARY; 1 + Packing::Mipi.row_bytes(bits, width).unwrap()];
                packing::pack_row(&codes, bits, Packing::Mipi, &mut packed[1..]).unwrap();
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
