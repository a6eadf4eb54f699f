//! Bytes that every architecture must produce. A change of these hashes is a change of every picture: it has to be
//! meant, and named in the changelog.

#![allow(clippy::unwrap_used)]

use latent_isp::yuv::{
    self, Primaries, Transfer, YuvColour, YuvGeometry, YuvLayout, YuvMatrix, YuvPlane, YuvRange, YuvView,
};
use latent_isp::{
    CfaPattern, Demosaic, Packing, RawGeometry, RawView, Rendering, SensorColour, develop, packing, proxy,
};

const WIDTH: u32 = 203;
const HEIGHT: u32 = 151;

/// FNV-1a, 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Coloured blocks under a gradient of light, with noise: all 12 bits and both clipped ends occur.
fn frame(pattern: CfaPattern, packing: Packing) -> (RawGeometry, Vec<u8>) {
    let stride_bytes = packing.row_bytes(12, WIDTH as usize).unwrap() + 5;
    let (black, white) = (200, 4000);
    let geometry =
        RawGeometry { width: WIDTH, height: HEIGHT, stride_bytes, bits: 12, packing, pattern, black, white };
    let mut state = 1_u32;
    let mut data = vec![0; stride_bytes * HEIGHT as usize];
    for (y, row) in (0..HEIGHT).zip(data.chunks_exact_mut(stride_bytes)) {
        let samples: Vec<u16> = (0..WIDTH)
            .map(|x| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let channel = pattern.channel_at(x, y) as u32;
                let block = (x / 29 + 3 * (y / 31) + channel * (x / 58)) % 5;
                let light = 150 + x * y / 12 * (block + 1) / 4;
                (light + (state >> 25)).min(4095) as u16
            })
            .collect();
        packing::pack_row(&samples, 12, packing, row).unwrap();
    }
    (geometry, data)
}

#[test]
fn pictures_are_the_same_on_every_machine() {
    let matrix = [[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [0.1, -0.7, 1.6]];
    let mut hashes = Vec::new();
    for (pattern, packing) in [(CfaPattern::Rggb, Packing::Mipi), (CfaPattern::Gbrg, Packing::Le16)] {
        let (geometry, data) = frame(pattern, packing);
        let view = RawView::new(geometry, &data).unwrap();
        let proxy = proxy::bin(&view).unwrap();
        let rendering =
            Rendering::automatic(proxy.statistics(), Some(SensorColour { matrix, daylight: None }));
        let numbers = [rendering.gains[0], rendering.gains[2], rendering.exposure];
        hashes.push(hash(&numbers.map(f32::to_le_bytes).concat()));
        hashes.push(hash(&proxy.render(&rendering).unwrap().data));
        for method in [Demosaic::Bilinear, Demosaic::GradientCorrected] {
            hashes.push(hash(&develop::develop(&view, &rendering, method).unwrap().data));
        }
    }
    let expected: [u64; 8] = [
        0x22a5_0f68_1772_cd27,
        0xb812_83e8_62f5_b33f,
        0xab04_8058_edf3_c5eb,
        0xd1db_0326_1113_8147,
        0xb0b1_089d_9e90_f8c4,
        0xfa81_d93b_35df_2021,
        0x7998_057d_5488_ce1f,
        0x2ba2_92b8_913a_a70f,
    ];
    assert_eq!(hashes, expected, "{hashes:#018x?}");
}

#[test]
fn pictures_of_luma_and_chroma_are_the_same_on_every_machine() {
    let meanings = [
        (YuvMatrix::Rec601, YuvRange::Limited, Transfer::Srgb, Primaries::Srgb),
        (YuvMatrix::Rec709, YuvRange::Full, Transfer::Rec709, Primaries::Srgb),
        (YuvMatrix::Rec601, YuvRange::Limited, Transfer::Rec709, Primaries::Smpte170m),
        (YuvMatrix::Rec2020, YuvRange::Limited, Transfer::Linear, Primaries::Rec2020),
    ];
    let mut hashes = Vec::new();
    for (matrix, range, transfer, primaries) in meanings {
        for layout in [YuvLayout::Uyvy, YuvLayout::Yuv420] {
            let mut planes = [YuvPlane::default(); 3];
            let mut offset = 0;
            for (index, plane) in planes.iter_mut().enumerate().take(layout.planes()) {
                let (row, rows) = layout.plane(index, WIDTH, HEIGHT);
                *plane = YuvPlane { offset, stride_bytes: row + 3 };
                offset += rows * (row + 3);
            }
            let mut state = 1_u32;
            let data: Vec<u8> = (0..offset)
                .map(|i| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (i as u32 / 7 + (state >> 26)) as u8
                })
                .collect();
            let colour = YuvColour { matrix, range, transfer, primaries };
            let geometry = YuvGeometry { width: WIDTH, height: HEIGHT, layout, planes, colour };
            let view = YuvView::new(geometry, &data).unwrap();
            hashes.push(hash(&yuv::proxy(&view).unwrap().data));
            hashes.push(hash(&yuv::develop(&view).unwrap().data));
        }
    }
    let expected: [u64; 16] = [
        0x96e5_6d7e_85af_a60d,
        0xae31_c8e3_d3ef_dfe3,
        0xac7f_f4b2_037e_d0d0,
        0xd51c_e511_9994_b985,
        0x2e2b_3519_0db8_7b92,
        0x3bf6_8124_e069_7a9c,
        0xe0f5_f10a_416d_1e03,
        0x423c_4d04_b96e_5744,
        0xf759_daad_3251_d4ef,
        0xe16e_5d14_6fd7_483a,
        0x546a_121c_79fd_92d0,
        0xe678_b1e5_e21c_cc60,
        0x18a2_3c8e_f7d2_0df2,
        0x417b_1b83_e901_460e,
        0x604f_a334_be47_30ab,
        0xbb5d_c892_b857_81cd,
    ];
    assert_eq!(hashes, expected, "{hashes:#x?}");
}
