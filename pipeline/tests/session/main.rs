//! Sessions over a fake kernel: cameras of every kind, and cameras that misbehave.
#![allow(clippy::unwrap_used, clippy::panic)]

mod developed;
mod faults;
mod rows;
mod studio;
mod unplugged;
