//! From raw bytes to pictures, through every tier and the fused path: nothing is written past a strip, and all levels,
//! addresses and cuts give the same bytes.

use latent_isp::simd::Level;
use latent_isp::{RawView, Rendering, Simd, Statistics, Tier, fused, proxy, tier};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::packing::{geometry, samples};

const CANARY: u8 = 0xc5;
/// More samples only cost time.
const MOST_SAMPLES: u64 = 3 * 1024;

pub(crate) fn run(data: &[u8]) {
    let _ = picture(Unstructured::new(data));
}

fn picture(mut from: Unstructured<'_>) -> Result<()> {
    let geometry = geometry(&mut from)?;
    let (cut, way): (u32, u8) = (from.arbitrary()?, from.arbitrary()?);
    if u64::from(geometry.width) * u64::from(geometry.height) > MOST_SAMPLES {
        return Ok(());
    }
    let data = samples(&geometry, from.take_rest(), way & 1 == 1);
    let Ok(view) = RawView::new(geometry, &data) else { return Ok(()) };
    // The same rows between other neighbours.
    let moved: Vec<u8> = [&[CANARY; 7][..], &data, &[!CANARY; 64]].concat();
    let Ok(same) = RawView::new(geometry, &moved[7..]) else { panic!("a longer buffer is no worse") };
    let (Ok(proxy), Ok(other)) = (proxy::bin(&view), proxy::bin(&same)) else { return Ok(()) };
    let statistics = Statistics::of(&view);
    assert_eq!(proxy.statistics(), &statistics);
    let rendering = Rendering::automatic(&statistics, None);
    if way & 32 != 0 {
        let (one, two) = (proxy.render(&rendering), other.render(&rendering));
        assert_eq!(one.map(|picture| picture.data), two.map(|picture| picture.data));
    }
    strips(&view, &same, &rendering, cut, way);
    Ok(())
}

/// A level more, another address and another cut change nothing.
fn strips(view: &RawView<'_>, moved: &RawView<'_>, rendering: &Rendering, cut: u32, way: u8) {
    let geometry = *view.geometry();
    let chosen = [Tier::Preview, Tier::Video, Tier::Still, Tier::Best][usize::from(way >> 1 & 3)];
    let options = fused::Options { tier: chosen, clamp_defects: way & 8 != 0, sharpen: way & 16 != 0 };
    let detected = Simd::detect();
    let levels = Level::ALL.map(|level| detected.at_most(level));
    let cut = cut % geometry.height;
    let row_bytes = 3 * geometry.width as usize;
    let whole = row_bytes * geometry.height as usize;
    let mut pictures: Vec<Vec<u8>> = Vec::new();
    for (simd, view) in [(levels[0], view), (levels[1], moved)] {
        let Ok(plan) = tier::Plan::new(geometry, chosen, simd) else { panic!("the geometry was valid") };
        let (mut scratch, mut out) = (plan.scratch(), vec![CANARY; whole + 64]);
        let (top, bottom) = out[..whole].split_at_mut(row_bytes * cut as usize);
        let strips = plan
            .strip_with(&mut scratch, view, cut..geometry.height, bottom)
            .and_then(|()| plan.strip_with(&mut scratch, view, 0..cut, top));
        assert_eq!(strips, Ok(()));
        assert!(out[whole..].iter().all(|byte| *byte == CANARY), "a strip wrote past its end");
        pictures.push(out);
        if way & 64 == 0 {
            continue;
        }
        if let Ok(plan) = fused::Plan::new(geometry, rendering, options, simd) {
            let mut out = vec![CANARY; whole + 64];
            let strip = plan.strip_with(&mut plan.scratch(), view, 0..geometry.height, &mut out[..whole]);
            assert_eq!(strip, Ok(()));
            assert!(out[whole..].iter().all(|byte| *byte == CANARY), "a strip wrote past its end");
            pictures.push(out);
        }
    }
    let (baseline, best) = pictures.split_at(pictures.len() / 2);
    assert!(
        baseline == best,
        "{chosen:?} of {geometry:?} depends on the level or on what lies beside the rows"
    );
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let samples: Vec<u8> = (0..200_u8).map(|code| code.wrapping_mul(163)).collect();
    let mut seeds = Vec::new();
    for (bits, packing) in [(8, 0), (10, 1), (16, 1), (10, 2), (12, 2), (14, 2)] {
        for way in [1, 3 + 8, 5 + 16, 7 + 24 + 32, 1 + 64] {
            let geometry = crate::packing::geometry_seed(bits, packing, true);
            seeds.push([&geometry[..], &[4, 0, 0, 0, way], &samples].concat());
        }
    }
    seeds
}
