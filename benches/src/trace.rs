//! What an emulated program executed, from the log of QEMU's user mode (`-d nochain,exec,op`).
//!
//! QEMU translates a program block by block. The log lists a block's instructions when it is translated (`op`: a line
//! ` ---- ADDRESS ...` each) and names the block each time it runs (`exec`: `Trace N: HOST [.../ADDRESS/...]`; `nochain`
//! keeps QEMU from jumping between blocks unseen). That needs no plugin, which QEMU as Debian 13 builds it cannot load.
//! <https://www.qemu.org/docs/master/user/main.html>

use std::collections::HashMap;
use std::io::{BufRead, Error, ErrorKind};

/// A program's run: its blocks, and what ran in each of its marked regions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Where the program began.
    pub entry: u64,
    /// The addresses of each block's instructions, by the first one.
    pub blocks: HashMap<u64, Vec<u64>>,
    /// What ran between `stage NAME HEIGHT` and `stage end`, in order.
    pub regions: Vec<Region>,
}

/// What ran in a region.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// The stage.
    pub name: String,
    /// Rows of its frame.
    pub height: u32,
    /// Instructions executed.
    pub instructions: u64,
    /// How often each block ran.
    pub runs: HashMap<u64, u64>,
}

impl Trace {
    /// Reads a log to its end.
    ///
    /// # Errors
    /// Those of reading; [`ErrorKind::InvalidData`] for a block that runs without having been translated, and for
    /// regions that are not closed.
    pub fn read(mut log: impl BufRead) -> Result<Trace, Error> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidData, message);
        let mut trace = Trace::default();
        let mut open: Option<Region> = None;
        let mut block: Vec<u64> = Vec::new();
        let mut line = Vec::new();
        while log.read_until(b'\n', &mut line)? > 0 {
            let text = str::from_utf8(&line).unwrap_or_default();
            if let Some(rest) = text.strip_prefix(" ---- ") {
                block.extend(address(rest));
            } else if text.starts_with("OP:") {
                trace.keep(&mut block);
            } else if let Some(rest) = text.strip_prefix("Trace ") {
                trace.keep(&mut block);
                let at = rest.split('/').nth(1).and_then(address);
                let at = at.ok_or_else(|| invalid(format!("a trace without an address: {text}")))?;
                if trace.regions.is_empty() && open.is_none() && trace.entry == 0 {
                    trace.entry = at;
                }
                if let Some(region) = &mut open {
                    let instructions = trace.blocks.get(&at).map(Vec::len);
                    let instructions = instructions
                        .ok_or_else(|| invalid(format!("block {at:x} runs, but was never translated")))?;
                    region.instructions += instructions as u64;
                    *region.runs.entry(at).or_default() += 1;
                }
            } else if let Some(rest) = text.strip_prefix("stage ") {
                match (rest.trim_end().split_once(' '), open.take()) {
                    (Some((name, height)), None) => {
                        let height =
                            height.parse().map_err(|_| invalid(format!("no height of rows: {text}")))?;
                        open = Some(Region { name: name.to_owned(), height, ..Region::default() });
                    }
                    (None, Some(region)) => trace.regions.push(region),
                    (_, region) => {
                        let name = region.map(|region| region.name);
                        return Err(invalid(format!("{} within {name:?}", text.trim_end())));
                    }
                }
            }
            line.clear();
        }
        match open {
            Some(region) => Err(invalid(format!("the log ends within {}", region.name))),
            None => Ok(trace),
        }
    }

    /// A block is whole: from here on it is what its address means.
    fn keep(&mut self, block: &mut Vec<u64>) {
        if let Some(&first) = block.first() {
            self.blocks.insert(first, std::mem::take(block));
        }
    }

    /// What each stage costs for one pixel more, from the least and the greatest height of its regions: what a run costs
    /// whatever its height, rows of the halo among it, cancels.
    pub fn costs(&self, width: u32) -> Vec<Cost> {
        let mut costs: Vec<Cost> = Vec::new();
        for low in &self.regions {
            let same = self.regions.iter().filter(|region| region.name == low.name);
            let Some(high) = same.max_by_key(|region| region.height) else { continue };
            if high.height <= low.height || costs.iter().any(|cost| cost.stage == low.name) {
                continue;
            }
            let pixels = f64::from(width) * f64::from(high.height - low.height);
            let more = |high: u64, low: u64| (high as f64 - low as f64) / pixels;
            let mut runs: Vec<(u64, f64)> = high
                .runs
                .iter()
                .map(|(&block, &runs)| (block, more(runs, low.runs.get(&block).copied().unwrap_or(0))))
                .collect();
            runs.sort_unstable_by_key(|(block, _)| *block);
            let instructions = more(high.instructions, low.instructions);
            costs.push(Cost { stage: low.name.clone(), instructions, runs });
        }
        costs
    }
}

/// What one pixel of a stage costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The stage's name.
    pub stage: String,
    /// Instructions executed.
    pub instructions: f64,
    /// How often each block runs, by address.
    pub runs: Vec<(u64, f64)>,
}

/// A hexadecimal number up to the next space.
fn address(text: &str) -> Option<u64> {
    u64::from_str_radix(text.split_whitespace().next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of two instructions, then one of one, as QEMU 7.2 and 10.0 write them.
    const BLOCKS: &str = "OP:\n ld_i32 tmp9,env\n\n ---- 0000000000001000 0000000000000000\n mov_i64 a,b\n\n \
        ---- 0000000000001004 0000000000000000\n exit_tb $0x0\n\n\
        Trace 0: 0x7f0100 [0000000000000000/0000000000001000/1040c0b3/00000200] \n\
        OP:\n ---- 0000000000002000 0000000000000038\n\n\
        Trace 0: 0x7f0200 [00000000/0000000000002000/1040c0b3/00000200] main\n";

    fn trace(text: &str) -> Result<Trace, Error> {
        Trace::read(text.as_bytes())
    }

    #[test]
    fn instructions_are_counted_in_regions_alone() {
        let first = "Trace 0: 0x7f0100 [0000000000000000/0000000000001000/1040c0b3/00000200] \n";
        let second = "Trace 0: 0x7f0200 [00000000/0000000000002000/1040c0b3/00000200] main\n";
        let trace = trace(&format!(
            "qemu: warning: nothing\n{BLOCKS}stage a 4\n{first}{first}{second}stage end\n{second}stage a 8\n\
             {first}{first}{first}{first}{second}stage end\n"
        ));
        let trace = trace.unwrap();
        assert_eq!(trace.entry, 0x1000);
        assert_eq!(trace.blocks, HashMap::from([(0x1000, vec![0x1000, 0x1004]), (0x2000, vec![0x2000])]));
        assert_eq!(trace.regions[0].instructions, 5);
        assert_eq!(trace.regions[1].instructions, 9);
        let cost = Cost { stage: "a".into(), instructions: 0.1, runs: vec![(0x1000, 0.05), (0x2000, 0.0)] };
        assert_eq!(trace.costs(10), [cost]);
    }

    #[test]
    fn a_block_that_is_translated_anew_counts_as_it_is_then() {
        let again = "OP:\n ---- 0000000000001000 0\nTrace 0: 0x7f [0/0000000000001000/1/2] \n";
        let regions = trace(&format!("{BLOCKS}stage a 4\n{again}stage end\n")).unwrap().regions;
        assert_eq!(regions[0].instructions, 1);
    }

    #[test]
    fn broken_logs_are_errors() {
        for text in [
            "stage a 4\nTrace 0: 0x7f [0/0000000000003000/1/2] \nstage end\n",
            "stage a 4\n",
            "stage end\n",
            "stage a 4\nstage b 4\n",
            "stage a tall\n",
            "Trace 0: nothing\n",
        ] {
            assert!(trace(text).is_err(), "{text}");
        }
    }
}
