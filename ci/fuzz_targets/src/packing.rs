//! Raw rows, packed and unpacked: nothing is written past a row, and no answer depends on what lies beside one.

use latent_isp::{CfaPattern, Packing, RawGeometry, RawView, packing, unpack};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

const CANARY: u8 = 0xc5;
const PATTERNS: [CfaPattern; 4] = [CfaPattern::Rggb, CfaPattern::Grbg, CfaPattern::Gbrg, CfaPattern::Bggr];
const PACKINGS: [Packing; 3] = [Packing::Bytes, Packing::Le16, Packing::Mipi];
/// More samples only cost time.
const MOST_SAMPLES: u64 = 3 * 1024;

pub(crate) fn run(data: &[u8]) {
    let mut from = Unstructured::new(data);
    let _ = match from.arbitrary::<u8>() {
        Ok(choice) if choice % 3 == 0 => row(from),
        Ok(_) => picture(from),
        Err(_) => Ok(()),
    };
}

/// One row of samples, there and back.
fn row(mut from: Unstructured<'_>) -> Result<()> {
    let (bits, packing): (u8, _) = (from.arbitrary()?, *from.choose(&PACKINGS)?);
    let samples: Vec<u16> =
        from.take_rest().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let Ok(bytes) = packing.row_bytes(bits, samples.len()) else { return Ok(()) };
    let mut packed = vec![CANARY; bytes + 128];
    let written = packing::pack_row(&samples, bits, packing, &mut packed[64..64 + bytes]);
    assert_eq!(written, Ok(bytes));
    let around = packed[..64].iter().chain(&packed[64 + bytes..]);
    assert!(around.copied().all(|byte| byte == CANARY), "packing wrote past the row");
    assert!(
        packing::pack_row(&samples, bits, packing, &mut packed[64..63 + bytes.max(1)]).is_err() || bytes == 0
    );
    let width = samples.len() as u32;
    let max = u16::MAX >> (16 - bits.min(16));
    let geometry = RawGeometry {
        width,
        height: 2,
        stride_bytes: bytes,
        bits,
        packing,
        pattern: CfaPattern::Rggb,
        black: 0,
        white: max,
    };
    let twice = [&packed[64..64 + bytes], &packed[64..64 + bytes]].concat();
    if let Ok(view) = RawView::new(geometry, &twice) {
        let clamped: Vec<u16> = samples.iter().map(|&code| code.min(max)).collect();
        for y in 0..2 {
            assert_eq!(unpacked(&view, y), clamped, "{bits} bits, {packing:?}");
        }
    }
    Ok(())
}

/// Any bytes under any geometry.
fn picture(mut from: Unstructured<'_>) -> Result<()> {
    let geometry = geometry(&mut from)?;
    let again: bool = from.arbitrary()?;
    if u64::from(geometry.width) * u64::from(geometry.height) > MOST_SAMPLES {
        let _ = geometry.validate();
        return Ok(());
    }
    let data = samples(&geometry, from.take_rest(), again);
    let Ok(view) = RawView::new(geometry, &data) else { return Ok(()) };
    for y in 0..geometry.height {
        let row = unpacked(&view, y);
        assert!(row.iter().all(|code| *code <= geometry.max_code()), "a code beyond its depth");
        assert_eq!(view.row(y).len(), geometry.row_bytes().unwrap_or(0));
    }
    assert!(unpack::row(&view, geometry.height, &mut vec![0; geometry.width as usize]).is_err());
    // The same rows between other neighbours.
    let moved: Vec<u8> = [&[CANARY; 7][..], &data, &[!CANARY; 64]].concat();
    let Ok(same) = RawView::new(geometry, &moved[7..]) else { panic!("a longer buffer is no worse") };
    for y in 0..geometry.height {
        assert_eq!(unpacked(&view, y), unpacked(&same, y), "{geometry:?} depends on its neighbours");
    }
    Ok(())
}

/// Any numbers, or the nearest ones that can be.
pub(crate) fn geometry(from: &mut Unstructured<'_>) -> Result<RawGeometry> {
    let geometry = RawGeometry {
        width: from.arbitrary::<u16>()?.into(),
        height: from.arbitrary::<u16>()?.into(),
        stride_bytes: from.arbitrary::<u16>()?.into(),
        bits: from.arbitrary()?,
        packing: *from.choose(&PACKINGS)?,
        pattern: *from.choose(&PATTERNS)?,
        black: from.arbitrary()?,
        white: from.arbitrary()?,
    };
    Ok(if from.arbitrary()? { mended(geometry) } else { geometry })
}

/// The input's bytes; over again where the frame has more of them and that is wished.
pub(crate) fn samples(geometry: &RawGeometry, bytes: &[u8], again: bool) -> Vec<u8> {
    let needed = geometry.len_bytes().unwrap_or(0).min(1 << 20);
    if !again || bytes.len() >= needed {
        return bytes.to_vec();
    }
    let source = if bytes.is_empty() { &[0x5a] } else { bytes };
    source.iter().copied().cycle().take(needed).collect()
}

/// The nearest geometry that has all numbers in their ranges.
fn mended(geometry: RawGeometry) -> RawGeometry {
    let bits = match geometry.packing {
        Packing::Bytes => 8,
        Packing::Le16 => 9 + geometry.bits % 8,
        Packing::Mipi => [10, 12, 14][usize::from(geometry.bits % 3)],
    };
    let max = u16::MAX >> (16 - bits);
    let (width, height) = (2 + geometry.width % 200, 2 + geometry.height % 14);
    let black = geometry.black % max;
    let mut geometry = RawGeometry { width, height, bits, black, ..geometry };
    geometry.white = black + 1 + geometry.white % (max - black);
    geometry.stride_bytes = geometry.row_bytes().unwrap_or(0) + geometry.stride_bytes % 9;
    geometry
}

fn unpacked(view: &RawView<'_>, y: u32) -> Vec<u16> {
    let width = view.geometry().width as usize;
    let mut out = vec![0xc5c5; width + 64];
    assert_eq!(unpack::row(view, y, &mut out[32..32 + width]), Ok(()));
    let around = out[..32].iter().chain(&out[32 + width..]);
    assert!(around.copied().all(|word| word == 0xc5c5), "unpacking wrote past the row");
    out[32..32 + width].to_vec()
}

/// As [`geometry`] reads them, mended or as they are.
pub(crate) fn geometry_seed(bits: u8, packing: u8, is_mended: bool) -> Vec<u8> {
    vec![70, 0, 9, 0, 3, 0, bits, packing, 1, 16, 0, 0xff, 0xff, u8::from(is_mended)]
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let samples: Vec<u8> = (0..400_u16).flat_map(|code| code.wrapping_mul(163).to_le_bytes()).collect();
    let mut seeds = Vec::new();
    for (bits, packing) in [(8, 0), (10, 1), (16, 1), (10, 2), (12, 2), (14, 2)] {
        seeds.push([&[0, bits, packing], &samples[..]].concat());
        seeds.push([&[1], &geometry_seed(bits, packing, true)[..], &[1], &samples[..200]].concat());
    }
    seeds
}
