//! How a file is known as ours: the XMP that it carries, read back, and replaced when the photo's state changes.

use uuid::Uuid;

use super::PhotoMetadata;
use super::jpeg::{self, Segment};
use super::markup::Values;
use super::xmp::{MEDIA_MANAGEMENT, NAMESPACE, SIGNATURE, xmp};
use crate::photo::{Quality, State};

/// What a file tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The photo.
    pub asset_id: Uuid,
    /// The library that it belongs to.
    pub library_id: Uuid,
    /// This rendering; `None` when another tool wrote an id of its own kind here.
    pub instance_id: Option<Uuid>,
    /// 1 for the proxy, 2 for the first full picture, and on.
    pub generation: u32,
    /// What the pixels are.
    pub quality: Quality,
    /// Whether more is to come.
    pub state: State,
}

/// Reads who a JPEG is; `None` for files that are not ours. The first 128 KiB of the file are enough. Understands
/// packets that other tools wrote anew as well.
pub fn identity(jpeg: &[u8]) -> Option<Identity> {
    ours(jpeg).map(|(_, identity)| identity)
}

/// The JPEG with its XMP replaced by that of `photo`, every other byte the same. `None` when the file does not carry
/// that photo's XMP in whole.
pub fn rewrite_state(jpeg: &[u8], photo: &PhotoMetadata) -> Option<Vec<u8>> {
    let (segment, identity) = ours(jpeg)?;
    let (before, after) = (jpeg.get(..segment.whole.start)?, jpeg.get(segment.whole.end..)?);
    if identity.asset_id != photo.asset_id {
        return None;
    }
    let payload = xmp(photo);
    let length = u16::try_from(payload.len() + 2).ok()?.to_be_bytes();
    Some([before, &[0xFF, jpeg::APP1], &length, &payload, after].concat())
}

/// The segment with our XMP, and what it says.
fn ours(jpeg: &[u8]) -> Option<(Segment, Identity)> {
    jpeg::leading(jpeg).filter(|segment| segment.marker == jpeg::APP1).find_map(|segment| {
        let end = segment.payload.end.min(jpeg.len());
        let packet = jpeg.get(segment.payload.start..end)?.strip_prefix(SIGNATURE)?;
        let identity = parse(&String::from_utf8_lossy(packet))?;
        Some((segment, identity))
    })
}

fn parse(packet: &str) -> Option<Identity> {
    let values = Values::read(packet, NAMESPACE);
    let instance = Values::read(packet, MEDIA_MANAGEMENT).get("InstanceID");
    Some(Identity {
        asset_id: values.get("id")?.parse().ok()?,
        library_id: values.get("library")?.parse().ok()?,
        instance_id: instance.and_then(|id| id.strip_prefix("xmp.iid:").unwrap_or(&id).parse().ok()),
        generation: values.get("generation")?.parse().ok()?,
        quality: values.get("quality")?.parse().ok()?,
        state: values.get("state")?.parse().ok()?,
    })
}
