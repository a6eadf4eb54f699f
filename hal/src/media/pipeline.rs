//! Formats along a way: what leaves one part must be what the next one takes.
//!
//! The kernel refuses to stream with `EPIPE` where two ends of a link differ, and does not say where:
//! <https://docs.kernel.org/userspace-api/media/v4l/dev-subdev.html#format-negotiation>.

use std::fmt;

use super::branch::Branches;
use super::graph::Graph;
use super::path::Path;
use crate::kernel::{BusFormat, Media, Subdevice};

/// An entity on the way: where pictures enter it (not the sensor) and leave it (not the capture node).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The entity.
    pub entity: u32,
    /// The pad where they enter.
    pub sink: Option<u32>,
    /// The pad where they leave.
    pub source: Option<u32>,
}

/// The entities of a path, from the sensor to the capture node.
pub fn steps(path: &Path) -> Vec<Step> {
    let first =
        Step { entity: path.sensor(), sink: None, source: path.links.first().map(|link| link.source.1) };
    let later = path.links.iter().enumerate().map(|(index, link)| Step {
        entity: link.sink.0,
        sink: Some(link.sink.1),
        source: path.links.get(index + 1).map(|next| next.source.1),
    });
    std::iter::once(first).chain(later).collect()
}

/// Two ends of a link that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The pad that pictures leave, as `media-ctl` writes it, and their format there.
    pub source: (String, BusFormat),
    /// The pad that they enter, and its format.
    pub sink: (String, BusFormat),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |format: &BusFormat| format!("{:#06x} {}x{}", format.code, format.width, format.height);
        let ((source, leaves), (sink, enters)) = (&self.source, &self.sink);
        write!(f, "{source} gives {}, and {sink} takes {}", text(leaves), text(enters))
    }
}

/// Why the parts of a pipeline cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A call was refused.
    #[error("{operation} on {pad} failed: {errno}")]
    Refused {
        /// The pad or link, or the media device.
        pad: String,
        /// The call.
        operation: &'static str,
        /// What the kernel answered.
        errno: nix::errno::Errno,
    },
    /// Two ends of a link differ, and the driver of the second will not take what the first gives.
    #[error("formats do not match: {0}; choose a size and format that both have")]
    Mismatch(Mismatch),
}

/// Switches the links of a way on, and others off that lead into the same pads or off the way. A branch that cannot be
/// switched off now, since another camera streams through it, stays.
///
/// # Errors
/// [`PipelineError::Refused`].
pub fn link(graph: &Graph, media: &dyn Media, path: &Path, branches: &Branches) -> Result<(), PipelineError> {
    let refused = |pad, errno| PipelineError::Refused {
        pad: graph.pad_name(pad),
        operation: "MEDIA_IOC_SETUP_LINK",
        errno,
    };
    for wanted in &path.links {
        let others = graph.links_into(wanted.sink).filter(|other| other.source != wanted.source);
        for other in others.filter(|other| other.is_enabled() && !other.is_immutable()) {
            media.set_link(other, false).map_err(|errno| refused(other.source, errno))?;
        }
        if !wanted.is_enabled() {
            media.set_link(wanted, true).map_err(|errno| refused(wanted.source, errno))?;
        }
    }
    for branch in &branches.loose {
        let _ = media.set_link(branch, false);
    }
    Ok(())
}

/// A pad, its entity first, and the format there.
pub type PadFormat = ((u32, u32), BusFormat);

/// Whether a format is set or only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// The hardware takes it.
    Set,
    /// Nothing changes; formats that were tried are kept beside those in use.
    Try,
}

/// Sets the sensor's format and hands it on from part to part; every part may change it at its own output. `open` gives
/// the sub-device of an entity; entities without one (the capture node) end the way. The pads that pictures leave, each with
/// its format; the last is what comes out at the end.
///
/// # Errors
/// [`PipelineError::Refused`]; [`PipelineError::Mismatch`] when a part takes something else than it is given.
pub fn propagate<'a>(
    graph: &Graph,
    path: &Path,
    wanted: BusFormat,
    mood: Mood,
    open: impl Fn(u32) -> Option<&'a dyn Subdevice>,
) -> Result<Vec<PadFormat>, PipelineError> {
    let mut pads = Vec::new();
    let mut format = wanted;
    let mut from = None;
    for step in steps(path) {
        let Some(device) = open(step.entity) else { break };
        let set = |pad: u32, wanted: BusFormat| {
            let made = match mood {
                Mood::Set => device.set_format(pad, 0, wanted),
                Mood::Try => device.try_format(pad, 0, wanted),
            };
            made.map_err(|errno| PipelineError::Refused {
                pad: graph.pad_name((step.entity, pad)),
                operation: "VIDIOC_SUBDEV_S_FMT",
                errno,
            })
        };
        if let Some(sink) = step.sink {
            let taken = set(sink, format)?;
            if !fits(&format, &taken) {
                let source = (from.map_or_else(String::new, |pad| graph.pad_name(pad)), format);
                let sink = (graph.pad_name((step.entity, sink)), taken);
                return Err(PipelineError::Mismatch(Mismatch { source, sink }));
            }
        }
        if let Some(source) = step.source {
            format = set(source, format)?;
            from = Some((step.entity, source));
            pads.push(((step.entity, source), format));
        }
    }
    Ok(pads)
}

/// The first link of a way or its fixed branches whose ends differ: what an `EPIPE` from `VIDIOC_STREAMON` means. `None` when all match, or
/// where formats cannot be read.
pub fn explain<'a>(
    graph: &Graph,
    path: &Path,
    branches: &Branches,
    open: impl Fn(u32) -> Option<&'a dyn Subdevice>,
) -> Option<Mismatch> {
    path.links.iter().chain(&branches.fixed).find_map(|link| {
        let source = open(link.source.0)?.format(link.source.1, 0).ok()?;
        let sink = open(link.sink.0)?.format(link.sink.1, 0).ok()?;
        let named = |pad, format| (graph.pad_name(pad), format);
        (!fits(&source, &sink))
            .then(|| Mismatch { source: named(link.source, source), sink: named(link.sink, sink) })
    })
}

/// What the kernel compares (`v4l2_subdev_link_validate_default`), except that a sink without interlacing takes any field.
pub(super) fn fits(source: &BusFormat, sink: &BusFormat) -> bool {
    /// `V4L2_FIELD_NONE`.
    const PROGRESSIVE: u32 = 1;
    let fields = sink.field <= PROGRESSIVE || source.field == sink.field;
    fields && (source.code, source.width, source.height) == (sink.code, sink.width, sink.height)
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
