//! Tiles for the caller's threads: who takes them does not show, and cancelling ends the work at the next one.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use latent_isp::tiles::{TILE_ROWS, Tiles};
use latent_isp::{
    CfaPattern, Error, Packing, RawGeometry, RawView, Rendering, Simd, Target, Tier, fused, proxy, tier,
};

const WIDTH: u32 = 131;
const HEIGHT: u32 = 333;

fn frame(width: u32, height: u32) -> (RawGeometry, Vec<u8>) {
    let geometry = RawGeometry {
        width,
        height,
        stride_bytes: 2 * width as usize,
        bits: 10,
        packing: Packing::Le16,
        pattern: CfaPattern::Gbrg,
        black: 64,
        white: 1023,
    };
    let codes = (0..width * height).map(|i| (i.wrapping_mul(2_654_435_761) >> 22) as u16);
    (geometry, codes.flat_map(u16::to_le_bytes).collect())
}

#[test]
fn threads_that_come_and_go_between_tiles_do_not_show() {
    let (geometry, bytes) = frame(WIDTH, HEIGHT);
    let view = RawView::new(geometry, &bytes).unwrap();
    let row = 3 * WIDTH as usize;
    let options = fused::Options { tier: Tier::Video, clamp_defects: true, sharpen: true };
    let fused = fused::Plan::new(geometry, &Rendering::default(), options, Simd::detect()).unwrap();
    let mut whole = vec![0; row * HEIGHT as usize];
    fused.strip_with(&mut fused.scratch(), &view, 0..HEIGHT, &mut whole).unwrap();
    for tier in Tier::ALL {
        let plan = tier::Plan::new(geometry, tier, Simd::detect()).unwrap();
        let mut expected = vec![0; row * HEIGHT as usize];
        plan.strip_with(&mut plan.scratch(), &view, 0..HEIGHT, &mut expected).unwrap();
        for tile_rows in [1, 7, TILE_ROWS] {
            let mut out = vec![0; expected.len()];
            let mut developed = vec![0; expected.len()];
            let tiles = Tiles::new(HEIGHT, row, tile_rows, &mut out).unwrap();
            let others = Tiles::new(HEIGHT, row, tile_rows, &mut developed).unwrap();
            std::thread::scope(|scope| {
                // One thread leaves after a tile, one after three; the last takes what is left.
                for stay in [1, 3, usize::MAX] {
                    let (tiles, others, plan, fused, view) = (&tiles, &others, &plan, &fused, &view);
                    scope.spawn(move || {
                        let (mut scratch, mut fused_scratch) = (plan.scratch(), fused.scratch());
                        let mut strips = plan.strips(&mut scratch, view);
                        for tile in tiles.worker().take(stay) {
                            strips.strip(tile.rows, tile.out).unwrap();
                        }
                        let mut strips = fused.strips(&mut fused_scratch, view);
                        for tile in others.worker().take(stay) {
                            strips.strip_to(tile.rows, Target::Rgb8(tile.out)).unwrap();
                        }
                    });
                }
            });
            assert!(out == expected && developed == whole, "{tier:?}, tiles of {tile_rows}");
        }
    }
}

#[test]
fn a_proxy_in_used_memory_is_the_same() {
    let (geometry, bytes) = frame(WIDTH, HEIGHT);
    let smaller = RawGeometry { width: 40, height: 22, ..geometry };
    let (view, other) = (RawView::new(geometry, &bytes).unwrap(), RawView::new(smaller, &bytes).unwrap());
    let rendering = Rendering::default();
    let mut proxy = proxy::bin(&view).unwrap();
    let mut picture = proxy.render(&rendering).unwrap();
    let before = picture.clone();
    for view in [&other, &view] {
        let fresh = proxy::bin(view).unwrap();
        proxy.bin(view).unwrap();
        proxy.render_to(&rendering, &mut picture).unwrap();
        assert_eq!((proxy.statistics(), &picture), (fresh.statistics(), &fresh.render(&rendering).unwrap()));
    }
    assert_eq!(picture, before);
}

#[test]
fn nothing_is_touched_after_the_tiles_that_were_taken_when_it_was_cancelled() {
    let mut out = vec![0_u8; 2 * 100];
    let tiles = Tiles::new(100, 2, 10, &mut out).unwrap();
    let taken = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(tile) = tiles.take() {
                    tile.out.fill(1);
                    if taken.fetch_add(1, Ordering::SeqCst) == 3 {
                        tiles.cancel();
                    }
                }
            });
        }
    });
    assert!(tiles.is_cancelled() && tiles.take().is_none());
    // The fourth cancelled; the other thread may have gone on to a tile or more before that was done.
    let taken = taken.into_inner() as usize;
    assert!((4..=10).contains(&taken), "{taken}");
    assert_eq!(out.iter().filter(|&&byte| byte == 1).count(), 20 * taken);
}

#[test]
fn tiles_cover_the_picture_once_and_refuse_other_sizes() {
    for (height, tile_rows) in [(1, 1), (5, 2), (64, 64), (65, 64), (10, 1000), (3, 0)] {
        let mut out = vec![0_u8; 3 * height as usize];
        let tiles = Tiles::new(height, 3, tile_rows, &mut out).unwrap();
        let mut next = 0;
        while let Some(tile) = tiles.take() {
            assert_eq!((tile.rows.start, tile.out.len()), (next, 3 * tile.rows.len()));
            next = tile.rows.end;
        }
        assert_eq!(next, height);
    }
    assert!(Tiles::new(2, 3, 1, &mut [0_u8; 7]).is_err());
}

#[test]
fn cancelling_ends_the_slowest_tier_within_five_milliseconds_at_twelve_megapixels() {
    // As many columns as 12 megapixels have, and rows for a few tiles.
    let (width, height) = (4000, 6 * TILE_ROWS);
    let (geometry, bytes) = frame(width, height);
    let view = RawView::new(geometry, &bytes).unwrap();
    let plan = tier::Plan::new(geometry, Tier::Best, Simd::detect()).unwrap();
    let row = 3 * width as usize;
    let mut out = vec![0; row * height as usize];
    // Other work on the machine may hold the thread up, but not each time.
    let least = (0..20)
        .map(|_| {
            let tiles = Tiles::new(height, row, TILE_ROWS, &mut out).unwrap();
            let (begun, first) = mpsc::channel();
            std::thread::scope(|scope| {
                let worker = scope.spawn(|| {
                    let mut scratch = plan.scratch();
                    while let Some(tile) = tiles.take() {
                        let _ = begun.send(());
                        plan.strip_with(&mut scratch, &view, tile.rows, tile.out).unwrap();
                    }
                    Instant::now()
                });
                first.recv().unwrap();
                let cancelled = Instant::now();
                tiles.cancel();
                worker.join().unwrap().saturating_duration_since(cancelled)
            })
        })
        .min()
        .unwrap();
    println!("from cancelling to the last pixel: {least:?}");
    let qemu = cfg!(target_arch = "aarch64");
    assert!(qemu || least <= Duration::from_millis(5), "{least:?}");
}

#[test]
fn workers_go_on_where_they_were_and_share_what_is_left() {
    let mut out = vec![0_u8; 100];
    let tiles = Tiles::new(100, 1, 10, &mut out).unwrap();
    let (mut first, mut second) = (tiles.worker(), tiles.worker());
    let start =
        |worker: &mut latent_isp::tiles::Worker<'_, '_, u8>| worker.next().map(|tile| tile.rows.start);
    // The first has tiles 0 to 3 of those left, the second one 5 to 9.
    assert_eq!([start(&mut first), start(&mut second)], [Some(0), Some(50)]);
    assert_eq!([start(&mut first), start(&mut second)], [Some(10), Some(60)]);
    let mut third = tiles.worker();
    assert_eq!(start(&mut third), Some(80));
    drop(first);
    // What the first has left is anybody's, from its start on.
    assert_eq!([start(&mut third), start(&mut third), start(&mut third)], [Some(90), Some(20), Some(30)]);
    assert_eq!([start(&mut second), start(&mut second)], [Some(70), Some(40)]);
    assert_eq!([start(&mut second), start(&mut third)], [None, None]);
    assert_eq!(Tiles::new(0, 1, 10, &mut [0_u8; 0]).unwrap().worker().count(), 0);
}

#[test]
fn strips_that_follow_each_other_or_jump_are_those_of_the_whole() {
    // Of the directional tiers, one band and two.
    for (width, height) in [(131, 97), (4100, 60)] {
        let (geometry, bytes) = frame(width, height);
        let view = RawView::new(geometry, &bytes).unwrap();
        let row = 3 * width as usize;
        let cuts =
            [0..11, 13..14, 10..11, 0..7, 7..8, 8..40, 40..height, 20..33, 33..35, 10..11, 11..30, 29..31];
        let part = |rows: &std::ops::Range<u32>| row * rows.start as usize..row * rows.end as usize;
        for tier in Tier::ALL {
            let plan = tier::Plan::new(geometry, tier, Simd::detect()).unwrap();
            let linear = tier::LinearPlan::new(geometry, tier, Simd::detect()).unwrap();
            let (mut whole, mut light) = (vec![0; row * height as usize], vec![0; row * height as usize]);
            plan.strip_with(&mut plan.scratch(), &view, 0..height, &mut whole).unwrap();
            linear.strip_with(&mut linear.scratch(), &view, 0..height, &mut light).unwrap();
            let (mut scratch, mut linear_scratch) = (plan.scratch(), linear.scratch());
            let mut strips = plan.strips(&mut scratch, &view);
            let mut linear_strips = linear.strips(&mut linear_scratch, &view);
            for rows in &cuts {
                let mut out = vec![0; part(rows).len()];
                strips.strip(rows.clone(), &mut out).unwrap();
                assert!(out == whole[part(rows)], "{tier:?} {rows:?} of {width}x{height}");
                let mut out = vec![0; part(rows).len()];
                linear_strips.strip(rows.clone(), &mut out).unwrap();
                assert!(out == light[part(rows)], "{tier:?} {rows:?} of {width}x{height}, linear");
                // A strip that is refused leads nowhere: the one that would follow begins anew.
                if *rows == (8..40) {
                    let refused = strips.strip(8..40, &mut [0; 1]);
                    assert!(matches!(refused, Err(Error::Length { .. })), "{refused:?}");
                }
            }
        }
        for (tier, whole) in [(Tier::Preview, false), (Tier::Video, true), (Tier::Preview, true)] {
            let options = fused::Options { tier, clamp_defects: whole, sharpen: whole };
            let plan = fused::Plan::new(geometry, &Rendering::default(), options, Simd::detect()).unwrap();
            let expected = fused::develop(&view, &Rendering::default(), options).unwrap().data;
            let mut scratch = plan.scratch();
            let mut strips = plan.strips(&mut scratch, &view);
            for rows in &cuts {
                let mut out = vec![0; part(rows).len()];
                strips.strip_to(rows.clone(), Target::Rgb8(&mut out)).unwrap();
                assert!(out == expected[part(rows)], "{options:?} {rows:?} of {width}x{height}");
            }
        }
    }
}
