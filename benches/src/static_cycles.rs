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
    let blocks = Blocks::of(trace, disassembly)?;
    let length = |block: &u64| blocks.text.get(block).map_or(0, Vec::len) as f64;
    // Of each stage the blocks that make up its instructions, all but a hundredth.
    let hot = costs.iter().map(|cost| {
        let mut runs = blocks.runs(cost);
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
    let mut used: Vec<u64> = hot.iter().flatten().map(|(block, _)| *block).collect();
    used.sort_unstable();
    used.dedup();
    let cycles = cycles(&used, &blocks, processor)?;
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

/// A trace's blocks as assembly. QEMU ends a block where a page ends, which is an accident of where the linker put it:
/// such a block goes on with the next one here.
struct Blocks<'a> {
    text: HashMap<u64, Vec<&'a str>>,
    /// The block that each such block goes on with.
    next: HashMap<u64, u64>,
}

impl<'a> Blocks<'a> {
    fn of(trace: &Trace, disassembly: &'a Disassembly) -> Result<Blocks<'a>, Error> {
        // A program that is loaded anywhere begins where it was loaded.
        let moved = trace.entry.wrapping_sub(disassembly.entry);
        let text = |address: &u64| {
            let text = disassembly.instructions.get(&address.wrapping_sub(moved));
            text.map(String::as_str).ok_or_else(|| Error::other(format!("no instruction at {address:x}")))
        };
        let mut next = HashMap::new();
        for (first, addresses) in &trace.blocks {
            let Some(last) = addresses.last() else { continue };
            if !turns(text(last)?) && trace.blocks.contains_key(&(last + 4)) {
                next.insert(*first, last + 4);
            }
        }
        let mut blocks = Blocks { text: HashMap::new(), next };
        for first in trace.blocks.keys() {
            let chain = std::iter::successors(Some(first), |block| blocks.next.get(block));
            let lines = chain.flat_map(|block| &trace.blocks[block]).map(text).collect::<Result<_, _>>()?;
            blocks.text.insert(*first, lines);
        }
        Ok(blocks)
    }

    /// How often each block runs that was not reached by another's going on.
    fn runs(&self, cost: &Cost) -> Vec<(u64, f64)> {
        let mut runs: HashMap<u64, f64> = cost.runs.iter().copied().collect();
        for (block, count) in &cost.runs {
            if let Some(next) = self.next.get(block).and_then(|next| runs.get_mut(next)) {
                *next -= count;
            }
        }
        let mut runs: Vec<(u64, f64)> = runs.into_iter().filter(|(_, count)| *count > 0.0).collect();
        runs.sort_unstable_by_key(|(block, _)| *block);
        runs
    }
}

/// Whether an instruction of aarch64 may go elsewhere than to the next one.
fn turns(instruction: &str) -> bool {
    let name = instruction.split_whitespace().next().unwrap_or_default();
    name.starts_with("b.") || TURNS.contains(&name)
}

const TURNS: [&str; 10] = ["b", "bl", "br", "blr", "ret", "cbz", "cbnz", "tbz", "tbnz", "svc"];

/// Cycles of one run of each block.
fn cycles(used: &[u64], blocks: &Blocks<'_>, processor: &str) -> Result<HashMap<u64, f64>, Error> {
    let mut code = String::new();
    for block in used {
        let _ = writeln!(code, "# LLVM-MCA-BEGIN {block:x}");
        for line in &blocks.text[block] {
            let _ = writeln!(code, "{line}");
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
    match used.iter().find(|block| !found.contains_key(block)) {
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
    fn a_block_that_a_page_cuts_is_one() {
        let text = ["add\tx0, x0, #1", "b.ne\telsewhere", "ret"].map(str::to_owned);
        let disassembly =
            Disassembly { entry: 0x1000, instructions: (0x1000..).step_by(4).zip(text).collect() };
        let blocks = HashMap::from([(0x5000, vec![0x5000]), (0x5004, vec![0x5004]), (0x5008, vec![0x5008])]);
        let trace = Trace { entry: 0x5000, blocks, regions: Vec::new() };
        let blocks = Blocks::of(&trace, &disassembly).unwrap();
        assert_eq!(blocks.text[&0x5000], ["add\tx0, x0, #1", "b.ne\telsewhere"]);
        let runs = vec![(0x5000, 2.0), (0x5004, 2.5), (0x5008, 1.0)];
        let cost = Cost { stage: "a".into(), instructions: 5.5, runs };
        assert_eq!(blocks.runs(&cost), [(0x5000, 2.0), (0x5004, 0.5), (0x5008, 1.0)]);
    }

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
