//! The program as users run it: real processes on real folders.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod aftermath;
mod bad_input;
mod conformance;
mod crash;
mod develop;
mod devices;
mod foreign;
mod program;
mod readers;
mod shoot;
