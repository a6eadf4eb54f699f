//! Instruction sets: which one runs is found once, at the edge, and passed down as a [`Simd`].
//!
//! A kernel has one body, a plain loop over slices. `kernels` compiles it once for every level; hand-written
//! instructions stand beside it only where a measurement asked for them (`cells`, `encode`, `grade`, `mipi`, `rgb8`, `rgb16`, `split`). All levels give the
//! same bytes: kernels use integers, or single-precision `+ - * /` and square roots in a fixed order.
//!
//! On aarch64 the baseline has NEON and is all there is. AVX-512 is left out: its names in the standard library are
//! newer than the oldest Rust that this crate supports.
#![allow(unsafe_code)]

pub(crate) mod cells;
#[cfg(test)]
mod checks;
pub(crate) mod encode;
pub(crate) mod grade;
pub(crate) mod kernels;
pub(crate) mod mipi;
pub(crate) mod rgb16;
pub(crate) mod rgb8;
pub(crate) mod split;
pub(crate) mod words;

/// An instruction set that kernels are compiled for, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor of the architecture has: SSE2 on x86-64, NEON on aarch64.
    Baseline,
    /// AVX2 on x86-64.
    Avx2,
}

impl Level {
    /// All levels, least first; a machine may lack some.
    pub const ALL: [Level; 2] = [Level::Baseline, Level::Avx2];

    /// The name used in reports and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Level::Baseline => "baseline",
            Level::Avx2 => "avx2",
        }
    }
}

/// Proof that this processor runs a [`Level`]: there is no other way to one than [`Simd::detect`], and
/// [`Simd::at_most`] only lowers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simd {
    level: Level,
}

impl Simd {
    /// The highest level that this processor has.
    pub fn detect() -> Simd {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Simd { level: Level::Avx2 };
        }
        Simd { level: Level::Baseline }
    }

    /// The same or a lower level, never a higher one.
    #[must_use]
    pub fn at_most(self, level: Level) -> Simd {
        Simd { level: self.level.min(level) }
    }

    /// The level that kernels run at.
    pub fn level(self) -> Level {
        self.level
    }
}
