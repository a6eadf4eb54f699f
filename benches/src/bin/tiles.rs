//! `tiles` times 12 megapixels in tiles on one and on two threads, wall clock, least of some rounds in turn.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};

use latent_isp::tiles::{TILE_ROWS, Tiles};
use latent_isp::{CfaPattern, Packing, RawGeometry, RawView, Simd, Tier, tier};

const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let geometry = RawGeometry {
        width: WIDTH,
        height: HEIGHT,
        stride_bytes: 2 * WIDTH as usize,
        bits: 10,
        packing: Packing::Le16,
        pattern: CfaPattern::Rggb,
        black: 64,
        white: 1023,
    };
    let codes = (0..WIDTH * HEIGHT).map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u16);
    let bytes: Vec<u8> = codes.flat_map(u16::to_le_bytes).collect();
    let view = RawView::new(geometry, &bytes)?;
    let row = 3 * WIDTH as usize;
    let mut out = vec![0; row * HEIGHT as usize];
    for tier in Tier::ALL {
        let plan = tier::Plan::new(geometry, tier, Simd::detect())?;
        let mut least = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (threads, least) in (1..).zip(&mut least) {
                let tiles = Tiles::new(HEIGHT, row, TILE_ROWS, &mut out)?;
                // Threads that develop picture after picture have their scratch already.
                let mut scratches: Vec<_> = (0..threads).map(|_| plan.scratch()).collect();
                let start = Instant::now();
                let results: Vec<_> = std::thread::scope(|scope| {
                    let workers: Vec<_> = scratches
                        .iter_mut()
                        .map(|scratch| {
                            scope.spawn(|| {
                                let mut strips = plan.strips(scratch, &view);
                                tiles.worker().try_for_each(|tile| strips.strip(tile.rows, tile.out))
                            })
                        })
                        .collect();
                    workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
                });
                *least = start.elapsed().min(*least);
                for result in results {
                    result.map_err(|_| "a thread panicked")??;
                }
            }
        }
        let [one, two] = least.map(|time| time.as_secs_f64() * 1e3);
        println!("{:10} one thread {one:6.2} ms, two {two:6.2} ms: {:.2} x", tier.name(), one / two);
    }
    Ok(())
}
