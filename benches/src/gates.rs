//! The table of gates: what a pixel of each stage may cost, by target and compiler, and what is over it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

/// How far above its gate a stage may be. Counts repeat to the instruction; what this leaves room for is a compiler's whim
/// about code next to a stage. Modelled cycles also feel the order of instructions that do the same.
fn tolerance(unit: &str) -> f64 {
    if unit == "cycles" { 0.05 } else { 0.02 }
}

/// What was measured of one target, or is its gate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Architecture and instruction set, or the processor that was modelled.
    pub name: String,
    /// The compiler, and whatever else numbers depend on. Numbers of two compilers are not compared.
    pub compiler: String,
    /// What is counted: `instructions` or `cycles`.
    pub unit: String,
    /// What a pixel costs, by stage.
    pub stages: BTreeMap<String, f64>,
}

/// The gates of all targets.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(default)]
    target: Vec<Target>,
}

/// How a measurement stands beside its gate.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// No stage costs more than it may. Some cost less by more than the tolerance, which a new table would hold.
    Within(Vec<String>),
    /// What is wrong, one sentence for each stage.
    Over(Vec<String>),
    /// There is no gate for this target and compiler.
    NoGate,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// Those of TOML, and of fields that are missing or unknown.
    pub fn parse(text: &str) -> Result<Table, toml::de::Error> {
        toml::from_str(text)
    }

    /// Puts a measurement in the place of the gates of its target and compiler.
    pub fn set(&mut self, measured: Target) {
        match self.target.iter_mut().find(|gate| gate.is_of(&measured)) {
            Some(gate) => *gate = measured,
            None => self.target.push(measured),
        }
    }

    /// Compares a measurement with its gates.
    pub fn compare(&self, measured: &Target) -> Verdict {
        let Some(gate) = self.target.iter().find(|gate| gate.is_of(measured)) else {
            return Verdict::NoGate;
        };
        let (mut over, mut under) = (Vec::new(), Vec::new());
        let tolerance = tolerance(&measured.unit);
        for (stage, &cost) in &measured.stages {
            let place = format!("{}: stage {stage}", measured.name);
            match gate.stages.get(stage) {
                None => over.push(format!("{place} has no gate")),
                Some(&gate) => {
                    let says = format!("{place}: {cost:.2} {} per pixel, gate {gate:.2}", measured.unit);
                    if cost > gate * (1.0 + tolerance) + ROUNDING {
                        over.push(format!("{says} + {:.0} %", 100.0 * tolerance));
                    } else if cost < gate * (1.0 - tolerance) - ROUNDING {
                        under.push(says);
                    }
                }
            }
        }
        let gone = gate.stages.keys().filter(|stage| !measured.stages.contains_key(*stage));
        over.extend(
            gone.map(|stage| format!("{}: stage {stage} has a gate and was not measured", measured.name)),
        );
        if over.is_empty() { Verdict::Within(under) } else { Verdict::Over(over) }
    }
}

/// Half of the last digit that the table keeps.
const ROUNDING: f64 = 0.005;

impl Target {
    fn is_of(&self, other: &Target) -> bool {
        self.name == other.name && self.compiler == other.compiler && self.unit == other.unit
    }
}

/// As TOML that [`Table::parse`] reads.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# What a pixel of each stage costs; written by `benches/instructions update`, see benches/README.md."
        )?;
        for Target { name, compiler, unit, stages } in &self.target {
            writeln!(f, "\n[[target]]\nname = {name:?}\ncompiler = {compiler:?}\nunit = {unit:?}")?;
            writeln!(f, "[target.stages]")?;
            for (stage, cost) in stages {
                writeln!(f, "{stage} = {cost:.2}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, stages: &[(&str, f64)]) -> Target {
        let stages = stages.iter().map(|(stage, cost)| ((*stage).to_owned(), *cost)).collect();
        Target { name: name.into(), compiler: "rustc 1".into(), unit: "instructions".into(), stages }
    }

    fn table(gate: &Target) -> Table {
        Table { target: vec![gate.clone()] }
    }

    #[test]
    fn a_stage_over_its_gate_is_named_with_both_figures() {
        let gates = table(&target("aarch64 neon", &[("video", 5.02), ("best", 90.0)]));
        let verdict = gates.compare(&target("aarch64 neon", &[("video", 5.31), ("best", 91.0)]));
        let message = "aarch64 neon: stage video: 5.31 instructions per pixel, gate 5.02 + 2 %";
        assert_eq!(verdict, Verdict::Over(vec![message.to_owned()]));
    }

    #[test]
    fn stages_that_only_one_side_knows_are_told() {
        let gates = table(&target("a", &[("old", 1.0)]));
        let Verdict::Over(messages) = gates.compare(&target("a", &[("new", 1.0)])) else { panic!() };
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn less_is_told_and_is_no_failure() {
        let gates = table(&target("a", &[("video", 5.0), ("best", 90.0)]));
        let verdict = gates.compare(&target("a", &[("video", 4.0), ("best", 89.5)]));
        let Verdict::Within(under) = verdict else { panic!("{verdict:?}") };
        assert_eq!(under, ["a: stage video: 4.00 instructions per pixel, gate 5.00"]);
    }

    #[test]
    fn another_compiler_has_no_gate() {
        let gate = target("a", &[("video", 5.0)]);
        let other = Target { compiler: "rustc 2".into(), ..gate.clone() };
        assert_eq!(table(&gate).compare(&other), Verdict::NoGate);
    }

    #[test]
    fn a_table_is_read_back_as_it_was_written() {
        let mut written = table(&target("aarch64 neon", &[("fused-video", 5.25)]));
        written.set(target("x86_64 avx2", &[("video", 2.5)]));
        written.set(target("aarch64 neon", &[("fused-video", 4.5)]));
        let read = Table::parse(&written.to_string()).unwrap();
        assert_eq!(read, written);
        assert_eq!(read.target.len(), 2);
        assert!(Table::parse("[[target]]\nname = 'a'\n").is_err());
    }
}
