//! Measurements of Latent: stages beside the speed of a plain copy, whole paths, and peers.
#![forbid(unsafe_code)]

pub mod clock;
pub mod frame;
pub mod gates;
pub mod stages;
pub mod static_cycles;
pub mod trace;
