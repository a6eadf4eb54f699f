//! `instructions` counts what a pixel of each stage costs: instructions in QEMU's user mode, and, for aarch64, the cycles
//! that LLVM's models of two cores expect. `benches/instructions` builds what it needs and calls it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use latent_benches::gates::{Table, Target, Verdict};
use latent_benches::static_cycles::{self, Disassembly};
use latent_benches::trace::{Cost, Trace};

/// The frames: rows as long as 12 megapixels have them, and the heights that a pixel's cost is taken from. Few rows,
/// since each block that runs is a line of the log.
const WIDTH: u32 = 4000;
const HEIGHTS: [u32; 2] = [8, 16];

/// Keeps the C library from moving memory by instructions whose steps QEMU counts one by one on some versions only.
const TUNABLES: &str =
    "glibc.cpu.x86_rep_stosb_threshold=0x40000000:glibc.cpu.x86_rep_movsb_threshold=0x40000000";

const USAGE: &str = "usage: instructions check|update TABLE TARGET COMPILER PROGRAM EMULATOR...\n       instructions share PROGRAM OTHER EMULATOR...";

/// The least share of its speed that a stage keeps in another build, by instructions.
const LEAST_SHARE: f64 = 0.9;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["check", table, target, compiler, program, ref emulator @ ..] => {
            check(table, target, compiler, program, emulator)
        }
        ["update", table, target, compiler, program, ref emulator @ ..] => {
            update(table, target, compiler, program, emulator)
        }
        ["share", program, other, ref emulator @ ..] => share(program, other, emulator),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(2)
        }
    }
}

/// The exit status of a check that had nothing to compare with, as Automake's tests have it.
const SKIPPED: u8 = 77;

/// Fails where a stage of the program costs more than its gate allows.
fn check(
    table: &str,
    target: &str,
    compiler: &str,
    program: &str,
    emulator: &[&str],
) -> Result<ExitCode, Box<dyn Error>> {
    let gates = read(table)?;
    let (mut good, mut missing) = (true, false);
    for measured in measure(target, compiler, Path::new(program), emulator)? {
        print(&measured);
        match gates.compare(&measured) {
            Verdict::Within(under) => {
                for line in under {
                    println!("{line}: less than it may; `benches/instructions update` lowers the gate");
                }
            }
            Verdict::Over(lines) => {
                good = false;
                for line in lines {
                    println!("{line}");
                }
            }
            Verdict::NoGate => {
                missing = true;
                println!("{}: {table} has no {} of {}", measured.name, measured.unit, measured.compiler);
            }
        }
    }
    Ok(match (good, missing) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(SKIPPED),
        (true, false) => ExitCode::SUCCESS,
    })
}

/// Writes what is measured into the table.
fn update(
    table: &str,
    target: &str,
    compiler: &str,
    program: &str,
    emulator: &[&str],
) -> Result<ExitCode, Box<dyn Error>> {
    let mut gates = read(table)?;
    for measured in measure(target, compiler, Path::new(program), emulator)? {
        print(&measured);
        gates.set(measured);
    }
    std::fs::write(table, gates.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Fails where a stage of `other` loses speed beside `program`'s, by instructions.
fn share(program: &str, other: &str, emulator: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let own = trace(Path::new(program), emulator)?.costs(WIDTH);
    let others = trace(Path::new(other), emulator)?.costs(WIDTH);
    let mut good = true;
    for (own, other) in own.iter().zip(&others) {
        let kept = own.instructions / other.instructions;
        println!(
            "{:16} {:7.2} instructions per pixel, the other build {:7.2}: {:3.0} %",
            own.stage,
            own.instructions,
            other.instructions,
            100.0 * kept
        );
        good &= kept >= LEAST_SHARE;
    }
    if !good {
        println!("the other build loses more than {:.0} %", 100.0 * (1.0 - LEAST_SHARE));
    }
    let same = !own.is_empty() && own.len() == others.len();
    Ok(if good && same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &str) -> Result<Table, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(Table::parse(&text).map_err(|error| format!("{path}: {error}"))?)
}

/// Instructions of each stage, and for aarch64 the cycles that the models expect.
fn measure(
    target: &str,
    compiler: &str,
    program: &Path,
    emulator: &[&str],
) -> Result<Vec<Target>, Box<dyn Error>> {
    let trace = trace(program, emulator)?;
    let costs = trace.costs(WIDTH);
    let by_stage = |costs: &[Cost], numbers: &[f64]| -> BTreeMap<String, f64> {
        costs.iter().map(|cost| cost.stage.clone()).zip(numbers.iter().copied()).collect()
    };
    let instructions: Vec<f64> = costs.iter().map(|cost| cost.instructions).collect();
    let mut measured = vec![Target {
        name: target.to_owned(),
        compiler: compiler.to_owned(),
        unit: "instructions".to_owned(),
        stages: by_stage(&costs, &instructions),
    }];
    if target.starts_with("aarch64") {
        let compiler = format!("{compiler}, {}", static_cycles::version()?);
        let disassembly = Disassembly::of(program)?;
        for processor in static_cycles::PROCESSORS {
            let cycles = static_cycles::of(&costs, &trace, &disassembly, processor)?;
            measured.push(Target {
                name: format!("aarch64 {processor}"),
                compiler: compiler.clone(),
                unit: "cycles".to_owned(),
                stages: by_stage(&costs, &cycles),
            });
        }
    }
    Ok(measured)
}

/// Runs `stages` in the emulator and reads its log, which goes to one file together with the marks of regions: a pipe
/// would cost a switch of programs for each line.
fn trace(program: &Path, emulator: &[&str]) -> Result<Trace, Box<dyn Error>> {
    let (command, options) = emulator.split_first().ok_or("no emulator")?;
    let path = program.with_extension(format!("{}.log", std::process::id()));
    let log = File::options().append(true).create_new(true).open(&path);
    let log = log.map_err(|error| format!("{}: {error}", path.display()))?;
    let status = Command::new(command)
        .args(options)
        .env("GLIBC_TUNABLES", TUNABLES)
        .args(["-d", "nochain,exec,op"])
        .arg(program)
        .args([WIDTH, HEIGHTS[0], HEIGHTS[1]].map(|number| number.to_string()))
        .stdout(Stdio::null())
        .stderr(log)
        .status();
    let read = File::open(&path).and_then(|log| Trace::read(BufReader::with_capacity(1 << 20, log)));
    std::fs::remove_file(&path)?;
    let status = status.map_err(|error| format!("{command}: {error}; ci/setup test installs it"))?;
    if !status.success() {
        return Err(format!("{} in {command}: {status}", program.display()).into());
    }
    Ok(read?)
}

fn print(measured: &Target) {
    println!("{} ({}), {} per pixel:", measured.name, measured.compiler, measured.unit);
    for (stage, cost) in &measured.stages {
        println!("  {stage:16} {cost:8.2}");
    }
}
