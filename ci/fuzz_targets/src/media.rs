//! Media graphs: listings of any text, topologies of any numbers; the way through them, and its formats.

use latent_hal::kernel::{BusFormat, Entity, Interface, Link, Media, MediaInfo, Pad, Request, Topology};
use latent_hal::media::{self, Graph, branch, listing, path, pipeline};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use nix::errno::Errno;

pub(crate) fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 {
        let text = String::from_utf8_lossy(rest);
        let Ok(graph) = listing::parse(&text) else { return };
        walk(&graph, &["*", "a*b*c*", "msm_vfe0_*"]);
        walk(&graph, &[]);
    } else {
        let mut from = Unstructured::new(rest);
        if let Ok((graph, patterns)) = topology(&mut from) {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            walk(&graph, &patterns);
        }
    }
}

/// Ids are small so that they meet.
fn topology(from: &mut Unstructured<'_>) -> Result<(Graph, Vec<String>)> {
    let id = |from: &mut Unstructured<'_>| from.int_in_range(0..=11_u32);
    let mut topology = Topology::default();
    for _ in 0..from.int_in_range(0..=12)? {
        let function =
            *from.choose(&[media::graph::SENSOR, media::graph::VIDEO_NODE, 0x0002_0000, u32::MAX])?;
        topology.entities.push(Entity { id: id(from)?, name: from.arbitrary()?, function });
    }
    for _ in 0..from.int_in_range(0..=24)? {
        topology.pads.push(Pad {
            entity: id(from)?,
            index: from.int_in_range(0..=3)?,
            flags: from.arbitrary()?,
        });
    }
    for _ in 0..from.int_in_range(0..=40)? {
        let end = |from: &mut Unstructured<'_>| Ok((id(from)?, from.int_in_range(0..=3)?));
        topology.links.push(Link { source: end(from)?, sink: end(from)?, flags: from.arbitrary()? });
    }
    for _ in 0..from.int_in_range(0..=3)? {
        let [kind, major, minor] = from.arbitrary()?;
        topology.interfaces.push(Interface { entity: id(from)?, kind, major, minor });
    }
    let mut patterns = Vec::new();
    for _ in 0..from.int_in_range(0..=3)? {
        patterns.push(from.arbitrary()?);
    }
    Ok((topology.into(), patterns))
}

fn walk(graph: &Graph, allowed: &[&str]) {
    let nodes = graph.topology().entities.iter().take(40);
    for sensor in graph.sensors().chain(nodes) {
        let Some(path) =
            path::find(graph, sensor.id, allowed, |entity| entity.function == media::graph::VIDEO_NODE)
        else {
            continue;
        };
        assert_eq!(path.sensor(), sensor.id);
        assert!(!path.links.is_empty() && path.links.len() <= graph.topology().entities.len());
        assert!(path.links.windows(2).all(|pair| pair[0].sink.0 == pair[1].source.0), "the way has a gap");
        let mut seen: Vec<u32> = path.links.iter().map(|link| link.sink.0).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), path.links.len(), "the way passes a part twice");
        assert!(path.links.iter().all(|link| graph.topology().links.contains(link)));
        assert_eq!(pipeline::steps(&path).len(), path.links.len() + 1);
        let _ = path.names(graph);
        let branches = branch::branches(graph, &path);
        let _ = pipeline::link(graph, &Deaf, &path, &branches);
        let _ = pipeline::propagate(graph, &path, BusFormat::default(), pipeline::Mood::Set, |_| None);
        let _ = pipeline::explain(graph, &path, &branches, |_| None);
    }
    for link in &graph.topology().links {
        let _ = (graph.pad_name(link.source), graph.device(link.sink.0), graph.links_into(link.sink).count());
    }
}

/// A media device that takes every link.
#[derive(Debug)]
struct Deaf;

impl Media for Deaf {
    fn info(&self) -> nix::Result<MediaInfo> {
        Ok(MediaInfo::default())
    }

    fn topology(&self) -> nix::Result<Topology> {
        Ok(Topology::default())
    }

    fn set_link(&self, _: &Link, _: bool) -> nix::Result<()> {
        Ok(())
    }

    fn allocate_request(&self) -> nix::Result<Box<dyn Request>> {
        Err(Errno::ENOTTY)
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let listings = [
        include_str!("../../../hal/src/media/graphs/rkisp1.txt"),
        include_str!("../../../hal/src/media/graphs/imx8-isi.txt"),
        include_str!("../../../hal/src/media/graphs/unicam.txt"),
        include_str!("../../../hal/src/media/graphs/sun6i-csi.txt"),
    ];
    let numbers: Vec<u8> = (0..=255_u8).map(|byte| byte.wrapping_mul(37)).collect();
    let mut seeds: Vec<Vec<u8>> = listings.map(|text| [&[0], text.as_bytes()].concat()).to_vec();
    seeds.push([&[1], &numbers[..]].concat());
    seeds
}
