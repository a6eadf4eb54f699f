//! Sessions over a fake kernel: cameras of every kind, and cameras that misbehave.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bounds;
mod developed;
mod faults;
mod rows;
mod studio;
mod unplugged;
