//! The graph of the media device that a camera belongs to.

use std::collections::HashSet;

use super::page;
use crate::conformance::bench::Bench;
use crate::conformance::{Check, Checked, Stop, require};
use crate::kernel::Topology;

pub(super) const CHECKS: &[Check] = &[
    Check::new("media.graph.some", "the graph has parts", page::TOPOLOGY, some),
    Check::new("media.entities.once", "each part has a number of its own", page::TOPOLOGY, entities_once)
        .after(&["media.graph.some"]),
    Check::new(
        "media.entities.named",
        "each part has a name, and no other part has it",
        page::TOPOLOGY,
        named,
    )
    .after(&["media.graph.some"]),
    Check::new("media.pads.of-entities", "each pad belongs to a part of the graph", page::TOPOLOGY, pads),
    Check::new(
        "media.pads.directed",
        "each pad is a source or a sink, not both",
        page::TOPOLOGY,
        pads_directed,
    )
    .after(&["media.pads.of-entities"]),
    Check::new(
        "media.links.of-pads",
        "each link leads from a pad of the graph to another",
        page::TOPOLOGY,
        links,
    )
    .after(&["media.pads.of-entities"]),
    Check::new(
        "media.links.directed",
        "each link leads from a source pad to a sink pad",
        page::TOPOLOGY,
        links_directed,
    )
    .after(&["media.links.of-pads", "media.pads.directed"]),
    Check::new(
        "media.links.immutable-on",
        "a link that cannot be switched is on",
        page::TOPOLOGY,
        immutable_on,
    ),
    Check::new(
        "media.interfaces.of-entities",
        "each device file stands for a part of the graph",
        page::TOPOLOGY,
        interfaces,
    ),
    Check::new("media.graph.same", "the graph is the same when it is read again", page::TOPOLOGY, same),
];

const SOURCE: u32 = 2;
const SINK: u32 = 1;
const ENABLED: u32 = 1;
const IMMUTABLE: u32 = 2;

fn some(bench: &mut Bench<'_>) -> Checked {
    let Topology { entities, pads, .. } = bench.topology()?;
    require(!entities.is_empty(), || format!("no part, {} pads", pads.len()))
}

fn entities_once(bench: &mut Bench<'_>) -> Checked {
    let mut seen = HashSet::new();
    let graph = bench.topology()?;
    let twice = graph.entities.iter().find(|entity| !seen.insert(entity.id));
    require(twice.is_none(), || format!("the number of {twice:?} is taken"))
}

fn named(bench: &mut Bench<'_>) -> Checked {
    let mut seen = HashSet::new();
    let graph = bench.topology()?;
    let wrong = graph.entities.iter().find(|entity| entity.name.is_empty() || !seen.insert(&entity.name));
    require(wrong.is_none(), || format!("the name of {wrong:?} is empty or taken"))
}

fn has(graph: &Topology, entity: u32) -> bool {
    graph.entities.iter().any(|known| known.id == entity)
}

/// Not supported where the graph has none of what a check is about.
fn some_of<T>(found: &[T], what: &str) -> Checked {
    let none = || Stop::NotSupported(format!("the graph has no {what}"));
    if found.is_empty() { Err(none()) } else { Ok(()) }
}

fn pads(bench: &mut Bench<'_>) -> Checked {
    let graph = bench.topology()?;
    some_of(&graph.pads, "pads")?;
    let stray = graph.pads.iter().find(|pad| !has(&graph, pad.entity));
    require(stray.is_none(), || format!("{stray:?} belongs to no part"))
}

fn pads_directed(bench: &mut Bench<'_>) -> Checked {
    let graph = bench.topology()?;
    some_of(&graph.pads, "pads")?;
    let both = |flags: u32| (flags & SOURCE != 0) == (flags & SINK != 0);
    let wrong = graph.pads.iter().find(|pad| both(pad.flags));
    require(wrong.is_none(), || format!("{wrong:?} is neither or both"))
}

/// The flags of a pad.
fn pad(graph: &Topology, (entity, index): (u32, u32)) -> Option<u32> {
    let found = graph.pads.iter().find(|pad| (pad.entity, pad.index) == (entity, index));
    found.map(|pad| pad.flags)
}

fn links(bench: &mut Bench<'_>) -> Checked {
    let graph = bench.topology()?;
    some_of(&graph.links, "links")?;
    let stray = graph.links.iter().find(|link| {
        pad(&graph, link.source).is_none() || pad(&graph, link.sink).is_none() || link.source == link.sink
    });
    require(stray.is_none(), || format!("{stray:?} has an end that is not there"))
}

fn links_directed(bench: &mut Bench<'_>) -> Checked {
    let graph = bench.topology()?;
    some_of(&graph.links, "links")?;
    let is = |end: (u32, u32), wanted: u32| pad(&graph, end).is_some_and(|flags| flags & wanted != 0);
    let wrong = graph.links.iter().find(|link| !is(link.source, SOURCE) || !is(link.sink, SINK));
    require(wrong.is_none(), || format!("{wrong:?} leads the wrong way"))
}

fn immutable_on(bench: &mut Bench<'_>) -> Checked {
    let graph = bench.topology()?;
    let fixed: Vec<_> = graph.links.iter().filter(|link| link.flags & IMMUTABLE != 0).collect();
    some_of(&fixed, "link that cannot be switched")?;
    let off = fixed.iter().find(|link| link.flags & ENABLED == 0);
    require(off.is_none(), || format!("{off:?} is off and cannot be switched on"))
}

fn interfaces(bench: &mut Bench<'_>) -> Checked {
    let graph = bench.topology()?;
    some_of(&graph.interfaces, "device files")?;
    let stray = graph.interfaces.iter().find(|interface| !has(&graph, interface.entity));
    require(stray.is_none(), || format!("{stray:?} stands for no part"))
}

fn same(bench: &mut Bench<'_>) -> Checked {
    let (first, second) = (bench.topology()?, bench.topology()?);
    if first.entities.is_empty() {
        return Err(Stop::NotSupported("the graph has no parts".to_owned()));
    }
    require(first == second, || format!("{} parts, then {}", first.entities.len(), second.entities.len()))
}
