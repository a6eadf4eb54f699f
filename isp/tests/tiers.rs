//! The tiers and the fused path at every level: against their definitions one pixel at a time, in any cut.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use latent_isp::simd::Level;
use latent_isp::{CfaPattern, Channel, Packing, RawGeometry, RawView, Rendering, Simd, Tier, fused, tier};

/// A frame with noise and both extremes, 10 bits in words or MIPI-packed, at an odd stride.
fn frame(width: u32, height: u32, pattern: CfaPattern, packing: Packing) -> (RawGeometry, Vec<u8>) {
    let stride_bytes = packing.row_bytes(10, width as usize).unwrap() + 3;
    let geometry =
        RawGeometry { width, height, stride_bytes, bits: 10, packing, pattern, black: 0, white: 1023 };
    let mut state = 1_u32;
    let mut bytes = vec![0xff; stride_bytes * height as usize];
    for row in bytes.chunks_exact_mut(stride_bytes) {
        let samples: Vec<u16> = (0..width)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                [0, 1023, (state >> 22) as u16 % 1024, (state >> 20) as u16 % 512][(state >> 30) as usize]
            })
            .collect();
        latent_isp::packing::pack_row(&samples, 10, packing, row).unwrap();
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

/// Mirrored at the outermost pixel.
fn mirrored(index: i64, len: u32) -> u32 {
    let last = i64::from(len) - 1;
    let period = 2 * last;
    let folded = index.rem_euclid(period);
    folded.min(period - folded) as u32
}

struct Mosaic {
    geometry: RawGeometry,
    rows: Vec<Vec<u16>>,
}

impl Mosaic {
    fn of(view: &RawView<'_>) -> Mosaic {
        let geometry = *view.geometry();
        let rows = (0..geometry.height)
            .map(|y| {
                let mut row = vec![0; geometry.width as usize];
                latent_isp::unpack::row(view, y, &mut row).unwrap();
                row
            })
            .collect();
        Mosaic { geometry, rows }
    }

    /// The working scale of 10 bits: 32736 = 1023 * 32 times the factor gives 16320 = 255 * 64, rounded.
    fn scaled(&self, x: i64, y: i64) -> i32 {
        let (x, y) = (mirrored(x, self.geometry.width), mirrored(y, self.geometry.height));
        let code = i32::from(self.rows[y as usize][x as usize]);
        let factor = (16_320_i32 << 15) / 32_736 + 1;
        let scaled = ((code << 5) * factor + 0x4000) >> 15;
        assert!((f64::from(scaled) - f64::from(code) * 16_320.0 / 1023.0).abs() <= 1.0);
        scaled
    }

    /// In quarters of an 8-bit code.
    fn quarters(&self, x: i64, y: i64) -> i32 {
        (self.scaled(x, y) + 8) >> 4
    }

    fn eight(&self, x: i64, y: i64) -> i32 {
        (self.scaled(x, y) + 32) >> 6
    }

    fn preview(&self, x: i64, y: i64, channel: Channel) -> i32 {
        let mean = |a: i32, b: i32| (a + b + 1) / 2;
        let at = |dx: i64, dy: i64| self.eight(x + dx, y + dy);
        let pattern = self.geometry.pattern;
        let own = pattern.channel_at(x as u32, y as u32);
        let vertical = mean(at(0, -1), at(0, 1));
        let horizontal = mean(at(-1, 0), at(1, 0));
        match (own, channel) {
            _ if own == channel => at(0, 0),
            (Channel::Green, _) if pattern.channel_at(x as u32 + 1, y as u32) == channel => horizontal,
            (Channel::Green, _) => vertical,
            (_, Channel::Green) => mean(vertical, horizontal),
            _ => mean(mean(at(-1, -1), at(1, -1)), mean(at(-1, 1), at(1, 1))),
        }
    }

    /// The known colour minus green, at a red or blue site.
    fn difference(&self, x: i64, y: i64) -> i32 {
        let at = |dx: i64, dy: i64| self.quarters(x + dx, y + dy);
        let [across, along] = [(1, 0), (0, 1)].map(|(dx, dy)| {
            let bend = 2 * at(0, 0) - at(-2 * dx, -2 * dy) - at(2 * dx, 2 * dy);
            let (before, after) = (at(-dx, -dy), at(dx, dy));
            (2 * (before + after) + bend, (before - after).abs() + bend.abs())
        });
        // Of two estimates in quarters, the share of the smoother one: all from 512 on.
        let smoother = (along.1 - across.1).clamp(-512, 511);
        let share = ((across.0 - along.0) * smoother).div_euclid(512);
        at(0, 0) - ((across.0 + along.0 + share + 4) >> 3).clamp(0, 1020)
    }

    fn video(&self, x: i64, y: i64, channel: Channel) -> i32 {
        let at = |dx: i64, dy: i64| self.difference(x + dx, y + dy);
        let pattern = self.geometry.pattern;
        let own = pattern.channel_at(x as u32, y as u32);
        let sample = self.quarters(x, y);
        let quarters = match (own, channel) {
            _ if own == channel => sample,
            (Channel::Green, _) if pattern.channel_at(x as u32 + 1, y as u32) == channel => {
                sample + ((at(-1, 0) + at(1, 0) + 1) >> 1)
            }
            (Channel::Green, _) => sample + ((at(0, -1) + at(0, 1) + 1) >> 1),
            (_, Channel::Green) => sample - at(0, 0),
            _ => sample - at(0, 0) + ((at(-1, -1) + at(1, -1) + at(-1, 1) + at(1, 1) + 2) >> 2),
        };
        ((quarters + 2) >> 2).clamp(0, 255)
    }
}

type Definition = fn(&Mosaic, i64, i64, Channel) -> i32;

/// The tiers that see a window of rows; the directional ones have an oracle beside them.
const WINDOWED: [(Tier, Definition); 2] = [(Tier::Preview, Mosaic::preview), (Tier::Video, Mosaic::video)];

#[test]
fn tiers_are_their_definitions_at_every_level_and_size() {
    for (width, height) in [(2, 2), (3, 5), (31, 4), (64, 3), (65, 6), (130, 5), (201, 4)] {
        for pattern in CfaPattern::ALL {
            for packing in [Packing::Le16, Packing::Mipi] {
                let (geometry, bytes) = frame(width, height, pattern, packing);
                let view = RawView::new(geometry, &bytes).unwrap();
                let mosaic = Mosaic::of(&view);
                for (simd, (tier, definition)) in levels().flat_map(|simd| WINDOWED.map(|tier| (simd, tier)))
                {
                    let plan = tier::Plan::new(geometry, tier, simd).unwrap();
                    let mut out = vec![0; 3 * (width * height) as usize];
                    plan.strip_with(&mut plan.scratch(), &view, 0..height, &mut out).unwrap();
                    for (i, &code) in out.iter().enumerate() {
                        let pixel = i / 3;
                        let (x, y) = ((pixel % width as usize) as i64, (pixel / width as usize) as i64);
                        let channel = [Channel::Red, Channel::Green, Channel::Blue][i % 3];
                        let expected = definition(&mosaic, x, y, channel);
                        assert_eq!(i32::from(code), expected, "{tier:?} {simd:?} {geometry:?} {x},{y}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_level_and_every_cut_gives_the_same_bytes() {
    let rendering = Rendering::with_gains(
        [1.9, 1.0, 1.6],
        1.3,
        Some([[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [0.1, -0.7, 1.6]]),
    )
    .unwrap();
    let (geometry, bytes) = frame(203, 41, CfaPattern::Grbg, Packing::Mipi);
    let view = RawView::new(geometry, &bytes).unwrap();
    let row = 3 * geometry.width as usize;
    for (tier, whole) in
        [(Tier::Preview, false), (Tier::Video, true), (Tier::Video, false), (Tier::Preview, true)]
    {
        let options = fused::Options { tier, clamp_defects: whole, sharpen: whole };
        let expected = fused::develop(&view, &rendering, options).unwrap().data;
        for simd in levels() {
            let plan = fused::Plan::new(geometry, &rendering, options, simd).unwrap();
            let mut scratch = plan.scratch();
            for height in [1, 7, 41] {
                let mut cut = vec![0; expected.len()];
                for start in (0..41).step_by(height) {
                    let rows = start as u32..41.min((start + height) as u32);
                    let out = &mut cut[start * row..rows.end as usize * row];
                    plan.strip_with(&mut scratch, &view, rows, out).unwrap();
                }
                assert!(cut == expected, "{options:?} {simd:?} strips of {height}");
            }
            let linear = tier::LinearPlan::new(geometry, tier, simd).unwrap();
            let lowest = tier::LinearPlan::new(geometry, tier, simd.at_most(Level::Baseline)).unwrap();
            let [mut first, mut second] = [vec![0; expected.len()], vec![0; expected.len()]];
            linear.strip_with(&mut linear.scratch(), &view, 0..41, &mut first).unwrap();
            lowest.strip_with(&mut lowest.scratch(), &view, 0..41, &mut second).unwrap();
            assert_eq!(first, second);
        }
    }
}

#[test]
fn a_grey_card_stays_grey_and_a_single_defect_goes() {
    let (geometry, mut bytes) = frame(40, 30, CfaPattern::Rggb, Packing::Le16);
    for word in bytes.chunks_exact_mut(geometry.stride_bytes).flat_map(|row| row[..80].as_chunks_mut::<2>().0)
    {
        *word = 300_u16.to_le_bytes();
    }
    let hot = 15 * geometry.stride_bytes + 2 * 21;
    bytes[hot..hot + 2].copy_from_slice(&1023_u16.to_le_bytes());
    let view = RawView::new(geometry, &bytes).unwrap();
    for (tier, _) in WINDOWED {
        let options = fused::Options { tier, clamp_defects: true, sharpen: true };
        let picture = fused::develop(&view, &Rendering::default(), options).unwrap();
        // 300 / 1023 of light is sRGB code 148.
        assert!(
            picture.data.iter().all(|&code| code.abs_diff(148) <= 1),
            "{tier:?} {:?}",
            &picture.data[..9]
        );
        assert!(picture.data.iter().all(|&code| code == picture.data[0]), "{tier:?}");
    }
}

#[test]
fn the_fused_path_refuses_tiers_that_it_lacks() {
    let (geometry, _) = frame(8, 8, CfaPattern::Rggb, Packing::Le16);
    for tier in [Tier::Still, Tier::Best] {
        let options = fused::Options { tier, clamp_defects: false, sharpen: false };
        let refused = fused::Plan::new(geometry, &Rendering::default(), options, Simd::detect());
        assert_eq!(refused.err(), Some(latent_isp::Error::FusedTier(tier.name())));
    }
}
