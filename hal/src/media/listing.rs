//! A media graph as `media-ctl -p` prints it, so that a graph recorded on a board can be read anywhere. Of a listing its
//! entities, their types, pads and outgoing links are read; all else is skipped.

use std::collections::HashMap;

use super::graph::{Graph, SENSOR, VIDEO_NODE};
use crate::kernel::{Entity, Link, Pad, Topology};

/// The flags of pads that a listing names.
const SINK: u32 = 1;
const SOURCE: u32 = 2;
/// `MEDIA_ENT_F_V4L2_SUBDEV_UNKNOWN`.
const OTHER: u32 = 0x0002_0000;

/// Reads a listing.
///
/// # Errors
/// The number of the line that is wrong, from 1, and what is wrong with it.
pub fn parse(text: &str) -> Result<Graph, String> {
    let mut topology = Topology::default();
    // Links name entities that may come later.
    let mut links: Vec<(usize, (u32, u32), &str)> = Vec::new();
    let mut pad = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("- entity ") {
            topology.entities.push(entity(rest).ok_or_else(|| wrong(number, line, "an entity"))?);
            pad = None;
        } else if let Some(rest) = line.strip_prefix("type ") {
            if let Some(entity) = topology.entities.last_mut() {
                entity.function = function(rest);
            }
        } else if let Some(rest) = line.strip_prefix("-> ") {
            let source = pad.ok_or_else(|| wrong(number, line, "a pad before it"))?;
            links.push((number, source, rest));
        } else if let (Some(rest), Some(entity)) = (line.strip_prefix("pad"), topology.entities.last()) {
            let found = self::pad(entity.id, rest).ok_or_else(|| wrong(number, line, "a pad"))?;
            pad = Some((found.entity, found.index));
            topology.pads.push(found);
        }
    }
    let ids: HashMap<&str, u32> =
        topology.entities.iter().map(|entity| (entity.name.as_str(), entity.id)).collect();
    for (number, source, text) in links {
        let link = link(source, text, &ids).ok_or_else(|| wrong(number, text, "a link to a known entity"))?;
        topology.links.push(link);
    }
    Ok(topology.into())
}

fn wrong(number: usize, line: &str, wanted: &str) -> String {
    format!("line {number}: `{line}` is not {wanted}")
}

/// `12: NAME (2 pads, 1 link)`; the part in parentheses may be missing.
fn entity(text: &str) -> Option<Entity> {
    let (id, name) = text.split_once(':')?;
    let name = name.rsplit_once(" (").filter(|(_, tail)| tail.contains("pad")).map_or(name, |(name, _)| name);
    Some(Entity { id: id.trim().parse().ok()?, name: name.trim().to_owned(), function: OTHER })
}

fn function(text: &str) -> u32 {
    if text.contains("subtype Sensor") {
        SENSOR
    } else if text.starts_with("Node") {
        VIDEO_NODE
    } else {
        OTHER
    }
}

/// `0: Sink` or `0: SINK,MUST_CONNECT`.
fn pad(entity: u32, text: &str) -> Option<Pad> {
    let (index, kind) = text.split_once(':')?;
    let kind = kind.to_ascii_lowercase();
    let flags = if kind.contains("sink") { SINK } else { SOURCE };
    Some(Pad { entity, index: index.parse().ok()?, flags })
}

/// `"NAME":0 [ENABLED,IMMUTABLE]`.
fn link(source: (u32, u32), text: &str, ids: &HashMap<&str, u32>) -> Option<Link> {
    let (name, rest) = text.strip_prefix('"')?.rsplit_once("\":")?;
    let (pad, flags) = rest.split_once(" [").unwrap_or((rest, ""));
    let enabled = u32::from(flags.contains("ENABLED"));
    let immutable = u32::from(flags.contains("IMMUTABLE")) * 2;
    Some(Link { source, sink: (*ids.get(name)?, pad.trim().parse().ok()?), flags: enabled | immutable })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_media_ctl_prints_is_read() {
        let graph = parse(
            "Media controller API version 6.6.0\n\n- entity 1: csi (with care) (2 pads, 2 links)\n\
             \x20            type V4L2 subdev subtype Unknown flags 0\n\tpad0: Sink\n\
             \t\t<- \"imx219 4-0010\":0 [ENABLED,IMMUTABLE]\n\tpad1: Source\n\t\t-> \"capture\":0 []\n\
             - entity 4: capture (1 pad, 1 link)\n  type Node subtype V4L flags 0\n\tpad0: Sink\n\
             - entity 8: imx219 4-0010 (1 pad, 1 link)\n  type V4L2 subdev subtype Sensor flags 0\n\
             \tpad0: SOURCE,MUST_CONNECT\n\t\t[fmt:SRGGB10_1X10/3280x2464]\n\
             \t\t-> \"csi (with care)\":0 [ENABLED,IMMUTABLE]\n",
        )
        .unwrap();
        assert_eq!(graph.sensors().map(|entity| entity.id).collect::<Vec<_>>(), [8]);
        assert_eq!(graph.named("capture").unwrap().function, VIDEO_NODE);
        assert_eq!(graph.topology().pads.len(), 4);
        let links = &graph.topology().links;
        assert_eq!((links[0].source, links[0].sink, links[0].is_enabled()), ((1, 1), (4, 0), false));
        assert_eq!((links[1].sink, links[1].is_enabled(), links[1].is_immutable()), ((1, 0), true, true));
        assert_eq!(graph.pad_name((8, 0)), "\"imx219 4-0010\":0");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert!(parse("- entity x: y").unwrap_err().starts_with("line 1:"));
        let nowhere = "- entity 1: a\npad0: Source\n-> \"b\":0 [ENABLED]";
        assert!(parse(nowhere).unwrap_err().starts_with("line 3:"));
        assert!(parse("-> \"b\":0 []").is_err());
    }

    proptest! {
        #[test]
        fn no_listing_panics(text in "(- entity|pad|->|type|[0-9]|:|\"|\\[|\n| |a){0,60}") {
            let _ = parse(&text);
        }
    }
}
