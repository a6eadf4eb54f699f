//! Measurements of Latent: stages beside the speed of a plain copy, whole paths, and peers.
#![forbid(unsafe_code)]

pub mod clock;
