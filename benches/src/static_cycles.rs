//! Cycles that a processor model expects of executed blocks: LLVM's machine code analyser on each block that a trace
//! names, weighted by how often it ran.
//!
//! Each block is modelled as if it followed itself, with everything it loads in the first cache: what this measures is
//! the schedule of the code, not memory. <https://llvm.org/docs/CommandGuide/llvm-mca.html>

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Error, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::trace::{Cost, Trace};

/// The processors that are modelled: what small and large boards have.
pub const PROCESSORS: [&str; 2] = ["cortex-a55", "cortex-a72"];

/// How often the analyser repeats a block.
const ITERATIONS: u32 = 100;

/// The version of LLVM, whose Debian packages end in it. Models differ from version to version.
const LLVM: &str = "19";

/// A program's instructions as text, by address.
#[derive(Debug, Default)]
pub struct Disassembly {
    entry: u64,
    instructions: HashMap<u64, String>,
}

impl Disassembly {
    /// Disassembles a program.
    ///
    /// # Errors
    /// Where `llvm-objdump` cannot be run or refuses the program.
    pub fn of(program: &Path) -> Result<Disassembly, Error> {
        let mut command = tool("llvm-objdump");
        command.args(["--file-headers", "--disassemble", "--no-show-raw-insn"]).arg(program);
        Ok(parse(&answer(&mut command, "")?))
    }
}

/// The version of the analyser: numbers of two are not compared.
///
/// # Errors
/// Where `llvm-mca` cannot be run.
pub fn version() -> Result<String, Error> {
    let text = answer(tool("llvm-mca").arg("--version"), "")?;
    let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(format!("llvm-mca {}", version.unwrap_or("of unknown version")))
}

/// Cycles per pixel of each cost on `processor`, in their order. Blocks that hardly run are left out and count as the
/// rest does.
///
/// # Errors
/// Where `llvm-mca` cannot be run or refuses the code.
pub fn of(
    costs: &[Cost],
    trace: &Trace,
    disassembly: &Disassembly,
    processor: &str,
) -> Result<Vec<f64>, Error> {
    let length = |block: &u64| trace.blocks.get(block).map_or(0, Vec::len) as f64;
    // Of each stage the blocks that make up its instructions, all but a hundredth.
    let hot = costs.iter().map(|cost| {
        let mut runs: Vec<(u64, f64)> = cost.runs.iter().filter(|(_, runs)| *runs > 0.0).copied().collect();
        runs.sort_by(|(a, n), (b, m)| (m * length(b)).total_cmp(&(n * length(a))));
        let mut seen = 0.0;
        runs.into_iter()
            .take_while(|(block, runs)| {
                let before = seen;
                seen += runs * length(block);
                before < 0.99 * cost.instructions
            })
            .collect::<Vec<_>>()
    });
    let hot: Vec<Vec<(u64, f64)>> = hot.collect();
    let mut blocks: Vec<u64> = hot.iter().flatten().map(|(block, _)| *block).collect();
    blocks.sort_unstable();
    blocks.dedup();
    let cycles = cycles(&blocks, trace, disassembly, processor)?;
    Ok(costs
        .iter()
        .zip(hot)
        .map(|(cost, hot)| {
            let (mut spent, mut seen) = (0.0, 0.0);
            for (block, runs) in hot {
                spent += runs * cycles.get(&block).copied().unwrap_or(0.0);
                seen += runs * length(&block);
            }
            spent * cost.instructions / seen.max(f64::MIN_POSITIVE)
        })
        .collect())
}

/// Cycles of one run of each block.
fn cycles(
    blocks: &[u64],
    trace: &Trace,
    disassembly: &Disassembly,
    processor: &str,
) -> Result<HashMap<u64, f64>, Error> {
    // A program that is loaded anywhere begins where it was loaded.
    let moved = trace.entry.wrapping_sub(disassembly.entry);
    let mut code = String::new();
    for block in blocks {
        let _ = writeln!(code, "# LLVM-MCA-BEGIN {block:x}");
        for address in trace.blocks.get(block).into_iter().flatten() {
            let text = disassembly.instructions.get(&address.wrapping_sub(moved));
            let text = text.ok_or_else(|| Error::other(format!("no instruction at {address:x}")))?;
            let _ = writeln!(code, "{text}");
        }
        let _ = writeln!(code, "# LLVM-MCA-END");
    }
    let iterations = format!("-iterations={ITERATIONS}");
    let mut command = tool("llvm-mca");
    command.args(["-mtriple=aarch64", &format!("-mcpu={processor}"), "-json", &iterations]);
    command.args(["-skip-unsupported-instructions=any", "-"]);
    let report: Value = serde_json::from_str(&answer(&mut command, &code)?)?;
    let regions = report["CodeRegions"].as_array().map_or(&[][..], Vec::as_slice);
    let found = regions.iter().filter_map(|region| {
        let block = u64::from_str_radix(region["Name"].as_str()?, 16).ok()?;
        let total = region["SummaryView"]["TotalCycles"].as_f64()?;
        Some((block, total / f64::from(ITERATIONS)))
    });
    let found: HashMap<u64, f64> = found.collect();
    match blocks.iter().find(|block| !found.contains_key(block)) {
        Some(block) => Err(Error::other(format!("llvm-mca says nothing of block {block:x}"))),
        None => Ok(found),
    }
}

/// Reads what `llvm-objdump` prints.
fn parse(text: &str) -> Disassembly {
    let mut disassembly = Disassembly::default();
    for line in text.lines() {
        let Some((head, rest)) = line.split_once(':') else { continue };
        if head == "start address" {
            let digits = rest.trim().trim_start_matches("0x");
            disassembly.entry = u64::from_str_radix(digits, 16).unwrap_or(0);
        } else if let Ok(address) = u64::from_str_radix(head.trim(), 16) {
            disassembly.instructions.insert(address, assembly(rest));
        }
    }
    disassembly
}

/// An instruction as an assembler reads it: an address that it names becomes a label, whose distance nobody checks.
fn assembly(text: &str) -> String {
    let text = text.split("//").next().unwrap_or_default().trim();
    match text.split_once(" <") {
        Some((before, _)) => {
            let operands = before.trim_end_matches(|c: char| c.is_ascii_hexdigit() || c == 'x');
            format!("{operands}elsewhere")
        }
        None => text.to_owned(),
    }
}

fn tool(name: &str) -> Command {
    Command::new(format!("{name}-{LLVM}"))
}

/// What a program prints for an input.
fn answer(command: &mut Command, input: &str) -> Result<String, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: String| Error::other(format!("{name}: {error}; ci/setup test installs it"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).chars().take(500).collect()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disassembly_becomes_assembly() {
        let read = parse(
            "program:\tfile format elf64-littleaarch64\narchitecture: aarch64\nstart address: 0x0000000000001000\n\n\
             Disassembly of section .text:\n\n0000000000001000 <_start>:\n\
             \x20   1000:     \tadd\tv0.8h, v1.8h, v2.8h\n\
             \x20   1004:     \tb.ne\t0x1000 <_start>\n\
             \x20   1008:     \tmov\tw8, #0x1f                 // =31\n\
             \x20   100c:     \ttbz\tw0, #0x3, 0xabcd <x+0x4>\n",
        );
        assert_eq!(read.entry, 0x1000);
        let text: Vec<&str> =
            [0x1000, 0x1004, 0x1008, 0x100c].iter().map(|at| read.instructions[at].as_str()).collect();
        assert_eq!(
            text,
            ["add\tv0.8h, v1.8h, v2.8h", "b.ne\telsewhere", "mov\tw8, #0x1f", "tbz\tw0, #0x3, elsewhere"]
        );
    }
}
