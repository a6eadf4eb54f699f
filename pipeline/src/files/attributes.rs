//! Extended attributes: the photo's state for tools that do not read XMP, and what a replacement takes over.
//!
//! File systems without extended attributes (FAT, some network ones) do without: XMP and the database say the same.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use uuid::Uuid;
use xattr::FileExt;

use crate::photo::State;

const ID: &str = "user.latent.id";
const STATE: &str = "user.latent.state";
const GENERATION: &str = "user.latent.generation";

/// The three attributes of a photo's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Which photo.
    pub asset: Uuid,
    /// Whether more is to come.
    pub state: State,
    /// 1 is the proxy, 2 the first full picture.
    pub generation: u32,
}

pub(super) fn write_marks(file: &File, marks: &Marks) {
    let _ = file.set_xattr(ID, marks.asset.to_string().as_bytes());
    let _ = file.set_xattr(STATE, marks.state.as_str().as_bytes());
    let _ = file.set_xattr(GENERATION, marks.generation.to_string().as_bytes());
}

/// Reads a file's attributes; `None` where there are none of ours.
pub fn read_marks(path: &Path) -> Option<Marks> {
    let text = |name| String::from_utf8(xattr::get(path, name).ok()??).ok();
    Some(Marks {
        asset: Uuid::try_parse(&text(ID)?).ok()?,
        state: text(STATE)?.parse().ok()?,
        generation: text(GENERATION)?.parse().ok()?,
    })
}

/// Gives `new` the owner, mode, ACL and extended attributes of the file at `old`, but for our own marks. What this
/// process may not set (another owner, say) is left: a picture in the owner's hands beats none.
pub(super) fn take_over(new: &File, old: &Path, data: &Metadata) {
    if let Ok(mine) = new.metadata()
        && (mine.uid(), mine.gid()) != (data.uid(), data.gid())
    {
        let _ = std::os::unix::fs::fchown(new, Some(data.uid()), Some(data.gid()));
    }
    // After the owner: a change of owner may clear mode bits. ACLs last: they refine the mode.
    let _ = new.set_permissions(data.permissions());
    for name in xattr::list(old).into_iter().flatten() {
        let ours = [ID, STATE, GENERATION].iter().any(|mark| name == **mark);
        if !ours && let Ok(Some(value)) = xattr::get(old, &name) {
            let _ = new.set_xattr(&name, &value);
        }
    }
}
