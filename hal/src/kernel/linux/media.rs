//! Media devices of the real kernel.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::kernel::{self, Entity, Interface, Link, Media, MediaInfo, Pad, Topology};
use crate::uapi::{media, text};

/// Bits of a link's flags that say what it connects.
const LINK_TYPE: u32 = 0xf000_0000;
/// A link from an interface to an entity.
const INTERFACE_LINK: u32 = 0x1000_0000;
/// The link carries pictures.
const ENABLED: u32 = 1;

#[derive(Debug)]
pub(super) struct Device {
    file: File,
}

impl Device {
    pub(super) fn new(file: File) -> Self {
        Self { file }
    }
}

impl Media for Device {
    fn info(&self) -> nix::Result<MediaInfo> {
        let mut info = media::DeviceInfo::default();
        media::device_info(self.file.as_fd(), &mut info)?;
        Ok(MediaInfo { driver: text(&info.driver), model: text(&info.model), bus_info: text(&info.bus_info) })
    }

    fn topology(&self) -> nix::Result<Topology> {
        media::topology(self.file.as_fd()).map(|parts| topology(&parts))
    }

    fn set_link(&self, link: &Link, on: bool) -> nix::Result<()> {
        let pad = |(entity, index): (u32, u32)| {
            media::PadDescription::new(entity, u16::try_from(index).unwrap_or(u16::MAX))
        };
        let flags = if on { link.flags | ENABLED } else { link.flags & !ENABLED };
        let mut description = media::LinkDescription::new(pad(link.source), pad(link.sink), flags);
        media::set_up_link(self.file.as_fd(), &mut description)
    }

    fn allocate_request(&self) -> nix::Result<Box<dyn kernel::Request>> {
        let file = media::allocate_request(self.file.as_fd())?;
        Ok(Box::new(Request { file }))
    }
}

#[derive(Debug)]
struct Request {
    file: OwnedFd,
}

impl kernel::Request for Request {
    fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    fn queue(&self) -> nix::Result<()> {
        media::queue_request(self.file.as_fd())
    }

    fn reinit(&self) -> nix::Result<()> {
        media::reinit_request(self.file.as_fd())
    }

    fn wait(&self, timeout: Duration) -> nix::Result<bool> {
        let millis = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
        // A request that is done is an exceptional condition of its file.
        let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLPRI)];
        match poll(&mut polled, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
            Ok(_) => Ok(polled[0].revents().is_some_and(|events| events.contains(PollFlags::POLLPRI))),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

/// Parts refer to each other by number; those that refer to nothing are left out.
fn topology(parts: &media::Parts) -> Topology {
    let pads: HashMap<u32, (u32, u32)> =
        parts.pads.iter().map(|pad| (pad.id, (pad.entity, pad.index))).collect();
    let interfaces: HashMap<u32, &media::Interface> =
        parts.interfaces.iter().map(|interface| (interface.id, interface)).collect();
    let of_kind =
        |kind: u32| parts.links.iter().filter(move |link: &&media::Link| link.flags & LINK_TYPE == kind);
    Topology {
        entities: parts
            .entities
            .iter()
            .map(|entity| Entity { id: entity.id, name: text(&entity.name), function: entity.function })
            .collect(),
        interfaces: of_kind(INTERFACE_LINK)
            .filter_map(|link| {
                let found = interfaces.get(&link.source)?;
                let (kind, major, minor) = (found.kind, found.major, found.minor);
                Some(Interface { entity: link.sink, kind, major, minor })
            })
            .collect(),
        pads: parts
            .pads
            .iter()
            .map(|pad| Pad { entity: pad.entity, index: pad.index, flags: pad.flags })
            .collect(),
        links: of_kind(0)
            .filter_map(|link| {
                let (source, sink) = (*pads.get(&link.source)?, *pads.get(&link.sink)?);
                Some(Link { source, sink, flags: link.flags })
            })
            .collect(),
    }
}
