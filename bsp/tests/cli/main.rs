//! The program as users run it: real processes on real folders.

mod bad_input;
mod crash;
mod develop;
mod foreign;
mod program;
mod readers;
mod shoot;
