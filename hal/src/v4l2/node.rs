//! From a device file to an open capture device.

use std::path::Path;
use std::time::Duration;

use v4l2r::bindings;

use super::policy::{self, Operation};
use crate::error::Error;
use crate::kernel::{Identity, Kernel, Video};
use crate::media::{self, Wish};

/// Opens a device file, with its pipeline where it has one; refuses what is no streaming capture device.
pub(super) fn open(
    kernel: &dyn Kernel,
    path: &Path,
    wish: &Wish,
) -> Result<(Box<dyn Video>, Identity), Error> {
    let (mut node, identity) = identify(kernel, path)?;
    match capture_queue(identity.capabilities, identity.device_caps) {
        Ok(Planarity::Single) => {}
        Ok(Planarity::Multi) => node.use_planar_queue(),
        Err(reason) => return Err(unsupported(path, reason)),
    }
    Ok((media::with_pipeline(kernel, path, node, &identity, wish)?, identity))
}

/// How soon it is tried again to open a device.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until a device file can be opened, at most `patience`; whether it then can be is not told here.
pub(super) fn wait_until_open(kernel: &dyn Kernel, path: &Path, patience: Duration) {
    let mut waited = Duration::ZERO;
    while waited < patience && kernel.video(path).is_err_and(policy::opens_soon) {
        let pause = PAUSE.min(patience - waited);
        kernel.sleep(pause);
        waited += pause;
    }
}

/// Opens a device file that gives metadata.
pub(super) fn open_metadata(kernel: &dyn Kernel, path: &Path) -> Result<(Box<dyn Video>, Identity), Error> {
    let (mut node, identity) = identify(kernel, path)?;
    let wanted = bindings::V4L2_CAP_META_CAPTURE | bindings::V4L2_CAP_STREAMING;
    if capabilities(identity.capabilities, identity.device_caps) & wanted != wanted {
        return Err(unsupported(path, "it streams no metadata (no V4L2_CAP_META_CAPTURE)"));
    }
    node.use_metadata_queue();
    Ok((node, identity))
}

/// The name by which the device is found again: its bus, and which of its nodes it is where it has several.
pub(super) fn id(identity: &Identity, label: Option<&str>, path: &Path) -> String {
    match (identity.bus_info.as_str(), label) {
        ("", _) => path.display().to_string(),
        (bus, None) => format!("v4l2:{bus}"),
        (bus, Some(label)) => format!("v4l2:{bus}#{label}"),
    }
}

fn identify(kernel: &dyn Kernel, path: &Path) -> Result<(Box<dyn Video>, Identity), Error> {
    let refused = |operation| move |errno| policy::error(&path.display().to_string(), operation, errno);
    let node = kernel.video(path).map_err(refused(Operation::Open))?;
    let identity = node.identity().map_err(refused(Operation::QueryCapabilities))?;
    Ok((node, identity))
}

fn unsupported(path: &Path, reason: &str) -> Error {
    Error::Unsupported { camera: path.display().to_string(), reason: reason.to_owned() }
}

/// Which queue pictures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planarity {
    Single,
    Multi,
}

/// What this file can: old drivers tell what the physical device can do, new ones also what this one file of it can.
fn capabilities(capabilities: u32, device_caps: u32) -> u32 {
    if capabilities & bindings::V4L2_CAP_DEVICE_CAPS == 0 { capabilities } else { device_caps }
}

/// The queue that pictures come from, or why there is none.
fn capture_queue(capabilities: u32, device_caps: u32) -> Result<Planarity, &'static str> {
    let can = self::capabilities(capabilities, device_caps);
    let queue = if can & bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE != 0 {
        Planarity::Multi
    } else if can & bindings::V4L2_CAP_VIDEO_CAPTURE != 0 {
        Planarity::Single
    } else if can & (bindings::V4L2_CAP_VIDEO_M2M | bindings::V4L2_CAP_VIDEO_M2M_MPLANE) != 0 {
        return Err("it converts pictures and takes none (a memory-to-memory device)");
    } else if can & bindings::V4L2_CAP_META_CAPTURE != 0 {
        return Err("it delivers metadata, no pictures");
    } else {
        return Err("it is not a capture device");
    };
    if can & bindings::V4L2_CAP_STREAMING == 0 {
        return Err("it cannot stream into buffers (no V4L2_CAP_STREAMING)");
    }
    Ok(queue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::kernel::Linux;
    use bindings::{
        V4L2_CAP_DEVICE_CAPS as DEVICE, V4L2_CAP_STREAMING as STREAMING, V4L2_CAP_VIDEO_CAPTURE as CAPTURE,
    };

    #[test]
    fn only_streaming_capture_devices_are_taken() {
        assert_eq!(capture_queue(CAPTURE | STREAMING, 0), Ok(Planarity::Single));
        assert_eq!(capture_queue(DEVICE, CAPTURE | STREAMING), Ok(Planarity::Single));
        let multi = bindings::V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        assert_eq!(capture_queue(DEVICE, multi | STREAMING), Ok(Planarity::Multi));
        // What only another file of the same device can is of no use.
        assert!(
            capture_queue(DEVICE | CAPTURE | STREAMING, bindings::V4L2_CAP_META_CAPTURE | STREAMING).is_err()
        );
        assert!(
            capture_queue(DEVICE, bindings::V4L2_CAP_VIDEO_M2M_MPLANE | STREAMING)
                .unwrap_err()
                .contains("memory-to-memory")
        );
        assert!(capture_queue(DEVICE, CAPTURE).unwrap_err().contains("STREAMING"));
        assert!(capture_queue(0, 0).is_err());
    }

    #[test]
    fn files_that_are_no_cameras_are_refused_before_they_are_opened() {
        let kind = |path: &str| open(&Linux, Path::new(path), &Wish::default()).unwrap_err().kind();
        assert_eq!(kind("/dev/null"), ErrorKind::Unsupported);
        assert_eq!(kind("/"), ErrorKind::Unsupported);
        assert_eq!(kind("/dev/no-such-camera"), ErrorKind::NotFound);
        assert_eq!(kind("/dev/null/video0"), ErrorKind::NotFound);
    }
}
