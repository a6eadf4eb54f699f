//! The whole full path against a plain one in floating point, strips against the whole, and hostile input.

#![allow(clippy::unwrap_used)]

use latent_isp::{
    CfaPattern, Demosaic, Error, Packing, RawGeometry, RawView, Rendering, Statistics, demosaic, develop,
    packing, proxy, unpack,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const METHODS: [Demosaic; 2] = [Demosaic::Bilinear, Demosaic::GradientCorrected];

#[derive(Debug, Clone)]
struct Frame {
    geometry: RawGeometry,
    data: Vec<u8>,
}

fn depth() -> impl Strategy<Value = (Packing, u8)> {
    prop_oneof![
        Just((Packing::Bytes, 8)),
        (9_u8..=16).prop_map(|bits| (Packing::Le16, bits)),
        prop::sample::select(vec![10, 12, 14]).prop_map(|bits| (Packing::Mipi, bits)),
    ]
}

/// Any valid frame of random bytes: all phases, packings and depths, odd sizes, unaligned strides, extreme levels.
fn frame() -> impl Strategy<Value = Frame> {
    let levels = prop_oneof![
        Just((0.0, 1.0)),
        Just((0.0, 0.0)),
        Just((1.0, 1.0)),
        (0.0..1.0_f64, 0.0..1.0_f64).prop_map(|(a, b)| if a < b { (a, b) } else { (b, a) }),
    ];
    let pattern = prop::sample::select(CfaPattern::ALL.to_vec());
    (depth(), 2_u32..41, 2_u32..41, 0_usize..8, pattern, levels)
        .prop_map(|((packing, bits), width, height, padding, pattern, (low, high))| {
            let max = u16::MAX >> (16 - bits);
            let black = (f64::from(max - 1) * low) as u16;
            let white = black + 1 + (f64::from(max - black - 1) * high) as u16;
            let stride_bytes = packing.row_bytes(bits, width as usize).unwrap() + padding;
            RawGeometry { width, height, stride_bytes, bits, packing, pattern, black, white }
        })
        .prop_flat_map(|geometry| {
            prop::collection::vec(any::<u8>(), geometry.len_bytes().unwrap())
                .prop_map(move |data| Frame { geometry, data })
        })
}

fn rendering() -> impl Strategy<Value = Rendering> {
    let gains = prop::array::uniform3(1.0_f32..16.0);
    let matrix = prop::array::uniform3(prop::array::uniform3(-2.5_f32..2.5));
    (gains, 1.0_f32..64.0, prop::option::of(matrix))
        .prop_map(|(gains, exposure, matrix)| Rendering::with_gains(gains, exposure, matrix).unwrap())
}

/// sRGB by the power function, after the documented shoulder.
fn tone(linear: f64, exposure: f64) -> f64 {
    let scene = linear * exposure;
    let x = if scene <= 0.5 || exposure <= 1.0 {
        scene.min(1.0)
    } else {
        let slope = (exposure - 0.5) / 0.5;
        let t = (scene - 0.5) / (exposure - 0.5);
        0.5 + 0.5 * slope * t / (1.0 + (slope - 1.0) * t)
    };
    255.0 * if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 }
}

/// The full path, one step after the other over the whole picture; the demosaic has its own oracle.
fn plain(frame: &Frame, rendering: &Rendering, method: Demosaic) -> Vec<(f64, f64)> {
    let geometry = frame.geometry;
    let view = RawView::new(geometry, &frame.data).unwrap();
    let mut codes = vec![0; geometry.width as usize];
    let mut mosaic = Vec::new();
    for y in 0..geometry.height {
        unpack::row(&view, y, &mut codes).unwrap();
        for (x, &code) in (0..).zip(&codes) {
            let gain = f64::from(rendering.gains[geometry.pattern.channel_at(x, y) as usize]);
            let above = f64::from(code.clamp(geometry.black, geometry.white) - geometry.black);
            let range = f64::from(geometry.white - geometry.black);
            mosaic.push((above / range * gain * 65_535.0 + 0.5).min(65_535.0) as u16);
        }
    }
    let mut rgb = vec![0; mosaic.len() * 3];
    let size = (geometry.width, geometry.height);
    demosaic::rows(method, geometry.pattern, &mosaic, size, 0..geometry.height, &mut rgb).unwrap();
    // Levels are within 3 of 65535 and the gradient filters amplify that by at most 2.5 (sum of their weights'
    // amounts), the matrix by the amounts of its row: bounds for the code instead of the code.
    let mut bounds = Vec::new();
    for pixel in rgb.chunks_exact(3) {
        for row in rendering.matrix {
            let linear: f64 = row.iter().zip(pixel).map(|(&m, &v)| f64::from(m) * f64::from(v)).sum();
            let slack = 1.0 + 7.5 * row.iter().map(|&m| f64::from(m.abs())).sum::<f64>();
            let code =
                |value: f64| tone(value.clamp(0.0, 65_535.0) / 65_535.0, f64::from(rendering.exposure));
            bounds.push((code(linear - slack) - 0.51, code(linear + slack) + 0.51));
        }
    }
    bounds
}

proptest! {
    #![proptest_config(ProptestConfig::with_failure_persistence(FileFailurePersistence::WithSource("regressions")))]

    #[test]
    fn the_full_path_is_the_sum_of_its_stages(frame in frame(), rendering in rendering()) {
        let view = RawView::new(frame.geometry, &frame.data).unwrap();
        for method in METHODS {
            let picture = develop::develop(&view, &rendering, method).unwrap();
            let bounds = plain(&frame, &rendering, method);
            prop_assert_eq!(picture.data.len(), bounds.len());
            for (i, (&code, (low, high))) in picture.data.iter().zip(bounds).enumerate() {
                prop_assert!((low..=high).contains(&f64::from(code)), "{i}: {code} not in {low}..={high}");
            }
        }
    }

    #[test]
    fn any_cut_in_any_order_gives_the_same_bytes(
        frame in frame(),
        rendering in rendering(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        order in any::<prop::sample::Index>(),
    ) {
        let height = frame.geometry.height;
        let view = RawView::new(frame.geometry, &frame.data).unwrap();
        for method in METHODS {
            let whole = develop::develop(&view, &rendering, method).unwrap();
            let plan = develop::Plan::new(frame.geometry, &rendering, method).unwrap();
            let mut scratch = plan.scratch();
            let mut ends: Vec<u32> = cuts.iter().map(|cut| cut.index(height as usize + 1) as u32).collect();
            ends.extend([0, height]);
            ends.sort_unstable();
            let mut strips: Vec<_> = ends.windows(2).map(|pair| pair[0]..pair[1]).collect();
            let first = order.index(strips.len());
            strips.rotate_left(first);
            let mut tiled = vec![0xa5; whole.data.len()];
            let row = 3 * frame.geometry.width as usize;
            for rows in strips {
                let out = &mut tiled[rows.start as usize * row..rows.end as usize * row];
                plan.strip_with(&mut scratch, &view, rows.clone(), out).unwrap();
                let mut alone = vec![0; out.len()];
                plan.strip(&view, rows, &mut alone).unwrap();
                prop_assert_eq!(&*out, alone);
            }
            prop_assert_eq!(&tiled, &whole.data);
        }
    }

    #[test]
    fn a_strip_depends_on_nothing_beyond_its_halo(frame in frame(), at in any::<prop::sample::Index>()) {
        let height = frame.geometry.height;
        let y = at.index(height as usize) as u32;
        for method in METHODS {
            let plan = develop::Plan::new(frame.geometry, &Rendering::default(), method).unwrap();
            let develop = |data: &[u8]| {
                let mut out = vec![0; 3 * frame.geometry.width as usize];
                plan.strip(&RawView::new(frame.geometry, data).unwrap(), y..y + 1, &mut out).unwrap();
                out
            };
            let mut other = frame.data.clone();
            for (row, bytes) in (0_u32..).zip(other.chunks_mut(frame.geometry.stride_bytes)) {
                if row.abs_diff(y) > plan.halo() {
                    bytes.iter_mut().for_each(|byte| *byte = !*byte);
                }
            }
            prop_assert_eq!(develop(&frame.data), develop(&other));
        }
    }

    #[test]
    fn the_proxys_statistics_are_those_of_the_frame_and_automatic_is_valid(frame in frame()) {
        let view = RawView::new(frame.geometry, &frame.data).unwrap();
        let proxy = proxy::bin(&view).unwrap();
        prop_assert_eq!(proxy.statistics(), &Statistics::of(&view));
        let rendering = Rendering::automatic(proxy.statistics(), None);
        prop_assert_eq!(rendering.validate(), Ok(()));
        let picture = proxy.render(&rendering).unwrap();
        prop_assert_eq!((picture.width, picture.height), (frame.geometry.width / 2, frame.geometry.height / 2));
        prop_assert_eq!(picture.data.len(), (picture.width * picture.height * 3) as usize);
    }

    #[test]
    fn hostile_geometry_is_an_error_or_developed_but_never_a_panic(
        size in prop::array::uniform2(prop_oneof![0_u32..6, Just(65_535), Just(65_536), any::<u32>()]),
        stride_bytes in prop_oneof![0_usize..16, Just(usize::MAX), Just(usize::MAX / 2), any::<usize>()],
        bits in any::<u8>(),
        packing in prop::sample::select(vec![Packing::Bytes, Packing::Le16, Packing::Mipi]),
        levels in prop::array::uniform2(any::<u16>()),
        data in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let [width, height] = size;
        let [black, white] = levels;
        let pattern = CfaPattern::Grbg;
        let geometry = RawGeometry { width, height, stride_bytes, bits, packing, pattern, black, white };
        let _ = geometry.row_bytes();
        let _ = geometry.len_bytes();
        let _ = develop::Plan::new(geometry, &Rendering::default(), Demosaic::Bilinear);
        if let Ok(view) = RawView::new(geometry, &data) {
            prop_assert!((2..=41).contains(&width) && (2..=80).contains(&height));
            let rendering = Rendering::automatic(&Statistics::of(&view), None);
            develop::develop(&view, &rendering, Demosaic::GradientCorrected).unwrap();
        }
    }

    #[test]
    fn unpacked_rows_are_the_packed_ones(frame in frame()) {
        let geometry = frame.geometry;
        let view = RawView::new(geometry, &frame.data).unwrap();
        let mut codes = vec![0; geometry.width as usize];
        for y in 0..geometry.height {
            unpack::row(&view, y, &mut codes).unwrap();
            let mut packed = vec![0; geometry.row_bytes().unwrap()];
            packing::pack_row(&codes, geometry.bits, geometry.packing, &mut packed).unwrap();
            // Bits that hold no sample (padded groups, high bits) may differ; the samples may not.
            let mut again = vec![0; codes.len()];
            let single = RawGeometry { height: 2, stride_bytes: packed.len(), ..geometry };
            unpack::row(&RawView::new(single, &packed.repeat(2)).unwrap(), 1, &mut again).unwrap();
            prop_assert_eq!(&again, &codes);
        }
    }
}

fn small() -> RawGeometry {
    RawGeometry {
        width: 8,
        height: 6,
        stride_bytes: 18,
        bits: 12,
        packing: Packing::Le16,
        pattern: CfaPattern::Gbrg,
        black: 256,
        white: 4095,
    }
}

#[test]
fn each_fault_has_its_error() {
    let good = small();
    let data = vec![0; good.len_bytes().unwrap()];
    assert_eq!(data.len(), 5 * 18 + 16, "the last row needs no padding");
    assert!(RawView::new(good, &data).is_ok());
    let fault = |geometry: RawGeometry| RawView::new(geometry, &data).unwrap_err();
    assert_eq!(fault(RawGeometry { width: 1, ..good }), Error::Size { width: 1, height: 6 });
    assert_eq!(fault(RawGeometry { height: 0, ..good }), Error::Size { width: 8, height: 0 });
    assert_eq!(fault(RawGeometry { bits: 8, ..good }), Error::Depth { packing: Packing::Le16, bits: 8 });
    assert_eq!(
        fault(RawGeometry { black: 4095, ..good }),
        Error::Levels { black: 4095, white: 4095, max: 4095 }
    );
    assert_eq!(
        fault(RawGeometry { white: 4096, ..good }),
        Error::Levels { black: 256, white: 4096, max: 4095 }
    );
    assert_eq!(
        fault(RawGeometry { stride_bytes: 15, ..good }),
        Error::Stride { stride_bytes: 15, row_bytes: 16 }
    );
    let expected = data.len();
    let short = RawView::new(good, &data[1..]).unwrap_err();
    assert_eq!(short, Error::Length { what: "raw data (bytes)", expected, got: expected - 1 });

    let view = RawView::new(good, &data).unwrap();
    let plan = develop::Plan::new(good, &Rendering::default(), Demosaic::Bilinear).unwrap();
    let mut out = vec![0; 24];
    assert_eq!(plan.strip(&view, 6..7, &mut out), Err(Error::Rows { start: 6, end: 7, height: 6 }));
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = plan.strip(&view, 2..1, &mut out);
    assert_eq!(backwards, Err(Error::Rows { start: 2, end: 1, height: 6 }));
    assert!(matches!(plan.strip(&view, 0..2, &mut out), Err(Error::Length { expected: 48, got: 24, .. })));
    let other = RawGeometry { pattern: CfaPattern::Rggb, ..good };
    let other_view = RawView::new(other, &data).unwrap();
    assert_eq!(plan.strip(&other_view, 0..1, &mut out), Err(Error::OtherGeometry));
    let other_plan = develop::Plan::new(other, &Rendering::default(), Demosaic::Bilinear).unwrap();
    let mut other_scratch = other_plan.scratch();
    assert_eq!(plan.strip_with(&mut other_scratch, &view, 0..1, &mut out), Err(Error::OtherGeometry));
    assert_eq!(unpack::row(&view, 6, &mut [0; 8]), Err(Error::Rows { start: 6, end: 7, height: 6 }));
}

#[test]
fn scratch_of_another_rendering_does_not_change_the_picture() {
    let geometry = small();
    let data: Vec<u8> = (0..geometry.len_bytes().unwrap()).map(|i| (i * 37 % 16) as u8).collect();
    let view = RawView::new(geometry, &data).unwrap();
    let warm = Rendering::with_gains([3.0, 1.0, 1.2], 2.0, None).unwrap();
    let plan = develop::Plan::new(geometry, &warm, Demosaic::GradientCorrected).unwrap();
    let stranger = develop::Plan::new(geometry, &Rendering::default(), Demosaic::Bilinear).unwrap();
    let (mut own, mut foreign) = (vec![0; 144], vec![0; 144]);
    plan.strip(&view, 0..6, &mut own).unwrap();
    plan.strip_with(&mut stranger.scratch(), &view, 0..6, &mut foreign).unwrap();
    assert_eq!(own, foreign);
}

#[test]
fn saturated_highlights_are_white_whatever_the_gains() {
    let geometry = small();
    let data = vec![0xff; geometry.len_bytes().unwrap()];
    let view = RawView::new(geometry, &data).unwrap();
    let warm = Rendering::with_gains([2.3, 1.0, 1.7], 3.0, None).unwrap();
    for method in METHODS {
        assert!(develop::develop(&view, &warm, method).unwrap().data.iter().all(|&code| code == 255));
    }
    assert!(proxy::bin(&view).unwrap().render(&warm).unwrap().data.iter().all(|&code| code == 255));
}
