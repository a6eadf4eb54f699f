//! Every stage of the ISP on 12 megapixels, in CPU time, beside a plain copy of as many bytes as the stage must move:
//! the copy is made after each run, in the same moment of a busy machine. The table at the end says which share of the
//! copy's speed a stage reaches.
#![allow(missing_docs, clippy::print_stdout)]

use std::cell::RefCell;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use latent_benches::clock::process_cpu_time;
use latent_benches::stages::{STAGES, Stage};
use latent_isp::Error;

const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;

/// The least times of a stage and of the copy beside it.
struct Shares {
    stage: Stage,
    least: [Duration; 2],
}

fn main() -> Result<(), Error> {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut shares = Vec::new();
    for stage in STAGES {
        shares.extend(measure(&mut criterion, stage)?);
    }
    criterion.final_summary();
    println!("\n| stage | ms | MP/s | GB/s moved | copy, GB/s | share |\n|---|---|---|---|---|---|");
    for Shares { stage, least } in shares {
        let pixels = f64::from(WIDTH) * f64::from(HEIGHT);
        let [run, copy] = least.map(|time| time.as_secs_f64());
        println!(
            "| {} | {:.2} | {:.0} | {:.1} | {:.1} | {:.0} % |",
            stage.name,
            run * 1e3,
            pixels / run / 1e6,
            pixels * stage.moved / run / 1e9,
            pixels * stage.moved / copy / 1e9,
            100.0 * copy / run
        );
    }
    Ok(())
}

/// Nothing where the command line asks for other benches, or only for their names.
fn measure(criterion: &mut Criterion, stage: Stage) -> Result<Option<Shares>, Error> {
    let least = RefCell::new([Duration::MAX; 2]);
    // Made where the stage is not left out: it has a frame of 12 megapixels.
    let made = RefCell::new(None);
    let failed = RefCell::new(Ok(()));
    let mut group = criterion.benchmark_group("stages");
    group.throughput(Throughput::Elements(u64::from(WIDTH) * u64::from(HEIGHT)));
    group.bench_function(stage.name, |bencher| {
        let mut made = made.borrow_mut();
        if made.is_none() {
            let half = (stage.moved / 2.0 * f64::from(WIDTH) * f64::from(HEIGHT)) as usize;
            match stage.prepare(WIDTH, HEIGHT) {
                Ok(run) => *made = Some((run, vec![1_u8; half], vec![0_u8; half])),
                Err(error) => return *failed.borrow_mut() = Err(error),
            }
        }
        let Some((run, from, to)) = made.as_mut() else { return };
        bencher.iter_custom(|rounds| {
            let mut sum = Duration::ZERO;
            for _ in 0..rounds {
                let start = process_cpu_time();
                if let Err(error) = run() {
                    *failed.borrow_mut() = Err(error);
                }
                let end = process_cpu_time();
                to.copy_from_slice(std::hint::black_box(from.as_slice()));
                let [run, copy] = [end.saturating_sub(start), process_cpu_time().saturating_sub(end)];
                let mut least = least.borrow_mut();
                *least = [least[0].min(run), least[1].min(copy)];
                sum += run;
            }
            sum
        });
    });
    group.finish();
    failed.into_inner()?;
    let least = least.into_inner();
    Ok((least[0] < Duration::MAX).then_some(Shares { stage, least }))
}
