//! Tiles for the caller's threads: who takes them does not show, and cancelling ends the work at the next one.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use latent_isp::tiles::{TILE_ROWS, Tiles};
use latent_isp::{CfaPattern, Packing, RawGeometry, RawView, Rendering, Simd, Tier, fused, proxy, tier};

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
                        for tile in std::iter::from_fn(|| tiles.take()).take(stay) {
                            plan.strip_with(&mut scratch, view, tile.rows, tile.out).unwrap();
                        }
                        for tile in std::iter::from_fn(|| others.take()).take(stay) {
                            fused.strip_with(&mut fused_scratch, view, tile.rows, tile.out).unwrap();
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
