//! Cameras that are several devices: a sensor, and the parts that its pictures pass on their way to a capture node.
//! <https://docs.kernel.org/userspace-api/media/mediactl/media-controller-model.html>
//!
//! Owns: the graph and its text form ([`graph`], [`listing`]), the way through it ([`path`]) off it ([`branch`]) and inside of its parts ([`routing`]), the formats along that way
//! ([`pipeline`]), all of it for a board's wish ([`set_up`]), and a node that does so by itself ([`node`]). Never: capturing, which is the capture node's ([`crate::v4l2`]).

pub mod branch;
pub mod graph;
pub mod listing;
pub mod node;
pub mod path;
pub mod pipeline;
pub mod routing;
pub mod set_up;

pub use graph::Graph;
pub use node::{PipelineNode, with_pipeline};
pub use path::{Path, find};
pub use pipeline::{Mismatch, Step};
pub use set_up::{Pipeline, Wish};
