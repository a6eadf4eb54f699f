//! A media graph, with what is asked of it.

use crate::kernel::{Entity, Link, Pad, Topology};

/// `MEDIA_ENT_F_CAM_SENSOR`.
pub const SENSOR: u32 = 0x0002_0001;
/// `MEDIA_ENT_F_IO_V4L`: a video node.
pub const VIDEO_NODE: u32 = 0x0001_0001;

/// `MEDIA_PAD_FL_SINK`.
const SINK: u32 = 1;
/// `MEDIA_LNK_FL_ENABLED`.
const ENABLED: u32 = 1;
/// `MEDIA_LNK_FL_IMMUTABLE`.
const IMMUTABLE: u32 = 2;

/// A media graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    topology: Topology,
}

impl From<Topology> for Graph {
    fn from(topology: Topology) -> Self {
        Self { topology }
    }
}

impl Link {
    /// Pictures pass it.
    pub fn is_enabled(self) -> bool {
        self.flags & ENABLED != 0
    }

    /// It cannot be switched.
    pub fn is_immutable(self) -> bool {
        self.flags & IMMUTABLE != 0
    }
}

impl Graph {
    /// All parts.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The entity of this number.
    pub fn entity(&self, id: u32) -> Option<&Entity> {
        self.topology.entities.iter().find(|entity| entity.id == id)
    }

    /// The entity of this name.
    pub fn named(&self, name: &str) -> Option<&Entity> {
        self.topology.entities.iter().find(|entity| entity.name == name)
    }

    /// The sensors.
    pub fn sensors(&self) -> impl Iterator<Item = &Entity> {
        self.topology.entities.iter().filter(|entity| entity.function == SENSOR)
    }

    /// The links out of an entity, by their source pads.
    pub fn links_out(&self, entity: u32) -> Vec<Link> {
        let mut links: Vec<Link> =
            self.topology.links.iter().filter(|link| link.source.0 == entity).copied().collect();
        links.sort_by_key(|link| (link.source.1, link.sink));
        links
    }

    /// The links into a pad.
    pub fn links_into(&self, pad: (u32, u32)) -> impl Iterator<Item = &Link> {
        self.topology.links.iter().filter(move |link| link.sink == pad)
    }

    /// The pads of an entity.
    pub fn pads(&self, entity: u32) -> impl Iterator<Item = &Pad> {
        self.topology.pads.iter().filter(move |pad| pad.entity == entity)
    }

    /// The device number, major and minor, of an entity's file.
    pub fn device(&self, entity: u32) -> Option<(u32, u32)> {
        let found = self.topology.interfaces.iter().find(|interface| interface.entity == entity)?;
        Some((found.major, found.minor))
    }

    /// A pad as `media-ctl` writes it: `"imx219 4-0010":0`.
    pub fn pad_name(&self, (entity, pad): (u32, u32)) -> String {
        match self.entity(entity) {
            Some(found) => format!("\"{}\":{pad}", found.name),
            None => format!("entity {entity}:{pad}"),
        }
    }
}

impl Pad {
    /// Pictures go in here.
    pub fn is_sink(self) -> bool {
        self.flags & SINK != 0
    }
}
