//! Measurements of Latent: stages, latency, peers.

#![forbid(unsafe_code)]
