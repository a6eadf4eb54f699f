//! Which V4L2 video devices a machine has, as sysfs tells, and which of them are raw cameras.

use std::fs;
use std::path::{Path, PathBuf};

use crate::camera::Camera;
use crate::error::Error;
use crate::v4l2::V4l2Camera;

/// Where the kernel mounts sysfs.
pub const SYSFS: &str = "/sys";

/// A video device file of this machine; not opened, so it may be anything from a camera to a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The device file.
    pub path: PathBuf,
    /// The name that its driver gave it; empty when there is none.
    pub label: String,
}

impl Found {
    /// Opens it as a camera.
    ///
    /// # Errors
    /// As [`V4l2Camera::open`].
    pub fn open(&self) -> Result<V4l2Camera, Error> {
        V4l2Camera::open(&self.path)
    }
}

/// The video devices under a sysfs mounted at `root` (usually [`SYSFS`]), `video2` before `video10`. Empty where the
/// kernel has no V4L2.
pub fn list(root: &Path) -> Vec<Found> {
    let Ok(entries) = fs::read_dir(root.join("class/video4linux")) else { return Vec::new() };
    let mut found: Vec<(u32, Found)> = entries
        .flatten()
        .filter_map(|entry| {
            let number = number(entry.file_name().to_str()?)?;
            let folder = entry.path();
            let label = fs::read_to_string(folder.join("name")).unwrap_or_default().trim().to_owned();
            let event = fs::read_to_string(folder.join("uevent")).unwrap_or_default();
            let file = device_name(&event).map_or_else(|| format!("video{number}"), str::to_owned);
            Some((number, Found { path: Path::new("/dev").join(file), label }))
        })
        .collect();
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, found)| found).collect()
}

/// Opens one device after the other and keeps those that are raw cameras this user may open. Each is opened when the
/// iterator comes to it, and closed when it is dropped.
pub fn usable(found: &[Found]) -> impl Iterator<Item = V4l2Camera> {
    found.iter().filter_map(|found| found.open().ok()).filter(|camera| is_raw(camera))
}

/// True for a camera that has raw modes.
pub(crate) fn is_raw(camera: &dyn Camera) -> bool {
    camera.modes().is_ok_and(|modes| modes.iter().any(|mode| mode.format.raw().is_some()))
}

/// The file of a device by its number, major and minor, under a sysfs mounted at `root`.
pub fn device_file(root: &Path, (major, minor): (u32, u32)) -> Option<PathBuf> {
    let event = fs::read_to_string(root.join(format!("dev/char/{major}:{minor}/uevent"))).ok()?;
    device_name(&event).map(|name| Path::new("/dev").join(name))
}

/// The number of a `video` node; `None` for sub-devices, radios and what else the class holds.
fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("video")?;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// The device file under `/dev`, as the kernel names it.
fn device_name(event: &str) -> Option<&str> {
    event.lines().find_map(|line| line.strip_prefix("DEVNAME=")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(root: &Path, name: &str, files: &[(&str, &str)]) {
        let folder = root.join("class/video4linux").join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
    }

    #[test]
    fn video_nodes_come_in_the_order_of_their_numbers() {
        let root = tempfile::tempdir().unwrap();
        device(
            root.path(),
            "video10",
            &[("name", "rkisp1_mainpath\n"), ("uevent", "MAJOR=81\nDEVNAME=video10\n")],
        );
        device(root.path(), "video2", &[("uevent", "MAJOR=81\nDEVNAME=cameras/left\n")]);
        device(root.path(), "video0", &[]);
        for other in ["v4l-subdev0", "vbi0", "radio0", "video", "videoX", "video-1"] {
            device(root.path(), other, &[("uevent", "DEVNAME=wrong\n")]);
        }
        let found = list(root.path());
        let paths: Vec<_> = found.iter().map(|found| found.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["/dev/video0", "/dev/cameras/left", "/dev/video10"]);
        assert_eq!((found[0].label.as_str(), found[2].label.as_str()), ("", "rkisp1_mainpath"));
    }

    #[test]
    fn a_machine_without_v4l2_has_no_cameras() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(list(root.path()), []);
        device(root.path(), "v4l-subdev0", &[]);
        assert_eq!(list(root.path()), []);
    }

    #[test]
    fn devices_that_cannot_be_opened_are_not_usable() {
        let found = ["/dev/null", "/dev/no-such-camera"]
            .map(|path| Found { path: path.into(), label: String::new() });
        assert_eq!(usable(&found).count(), 0);
    }
}
