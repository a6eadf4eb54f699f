//! The program as users run it: real processes on real folders.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod aftermath;
mod bad_input;
mod clients;
mod conformance;
mod crash;
mod damaged_rows;
mod develop;
mod devices;
mod foreign;
mod panics;
mod program;
mod readers;
mod shoot;
#[path = "../../../pipeline/tests/support/skip.rs"]
mod skip;
