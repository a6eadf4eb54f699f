//! Which V4L2 video devices a machine has, as sysfs tells, and which of them are cameras.

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
            Some((number, Found { path: file_of(&folder)?, label }))
        })
        .collect();
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, found)| found).collect()
}

/// Opens one device after the other and keeps those that are cameras this user may open: raw ones first, then others.
/// Each is opened when the iterator comes to it, and closed when it is dropped.
pub fn usable(found: &[Found]) -> impl Iterator<Item = V4l2Camera> {
    let of_kind = |raw: bool| {
        found.iter().filter_map(|found| found.open().ok()).filter(move |camera| {
            let has_modes = camera.modes().is_ok_and(|modes| !modes.is_empty());
            has_modes && is_raw(camera) == raw
        })
    };
    of_kind(true).chain(of_kind(false))
}

/// True for a camera that has raw modes.
pub(crate) fn is_raw(camera: &dyn Camera) -> bool {
    camera.modes().is_ok_and(|modes| modes.iter().any(|mode| mode.format.raw().is_some()))
}

/// The file of a device by its number, major and minor, under a sysfs mounted at `root`.
pub fn device_file(root: &Path, (major, minor): (u32, u32)) -> Option<PathBuf> {
    let event = fs::read_to_string(root.join(format!("dev/char/{major}:{minor}/uevent"))).ok()?;
    device_name(&event).and_then(under_dev)
}

/// The device file that the kernel names; `None` for a name that is empty or leads out of the devices' folder.
pub(crate) fn under_dev(name: &str) -> Option<PathBuf> {
    let inside = !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    inside.then(|| Path::new("/dev").join(name))
}

/// The media devices of the device that a video node belongs to, under a sysfs mounted at `root`. The node may be named
/// by a link, as udev makes them (`/dev/v4l/by-id`). A driver may have several; which one has the node its graph tells.
pub fn media_of(root: &Path, video: &Path) -> Vec<PathBuf> {
    let Some(folder) = device_folder(root, video) else { return Vec::new() };
    let entries = fs::read_dir(folder.join("device")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.strip_prefix("media").is_some_and(is_number));
    names.sort();
    names.into_iter().map(|name| Path::new("/dev").join(name)).collect()
}

/// The other video nodes of the device that a video node belongs to, by their numbers: metadata and other streams of the
/// same camera, and those of other cameras where a driver has several on one device. The node may be named by a link.
pub fn siblings(root: &Path, video: &Path) -> Vec<PathBuf> {
    let Some(own) = device_folder(root, video) else { return Vec::new() };
    let Ok(entries) = fs::read_dir(own.join("device/video4linux")) else { return Vec::new() };
    let mut numbers: Vec<u32> =
        entries.flatten().filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    numbers.sort_unstable();
    let folders = numbers.into_iter().map(|number| root.join(format!("class/video4linux/video{number}")));
    folders.filter(|folder| *folder != own).filter_map(|folder| file_of(&folder)).collect()
}

/// The folder of the class's device whose file this is.
fn device_folder(root: &Path, video: &Path) -> Option<PathBuf> {
    let video = fs::canonicalize(video).unwrap_or_else(|_| video.to_owned());
    let entries = fs::read_dir(root.join("class/video4linux")).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|folder| file_of(folder).as_ref() == Some(&video))
}

/// The device file of a folder of sysfs.
fn file_of(folder: &Path) -> Option<PathBuf> {
    let event = fs::read_to_string(folder.join("uevent")).unwrap_or_default();
    let told = device_name(&event).and_then(under_dev);
    told.or_else(|| under_dev(folder.file_name()?.to_str()?))
}

/// The number of a `video` node; `None` for sub-devices, radios and what else the class holds.
fn number(name: &str) -> Option<u32> {
    name.strip_prefix("video").filter(|digits| is_number(digits))?.parse().ok()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// The device file under `/dev`, as the kernel names it.
fn device_name(event: &str) -> Option<&str> {
    event.lines().find_map(|line| line.strip_prefix("DEVNAME="))
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
    fn names_that_lead_out_of_the_devices_folder_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        for (number, name) in ["/etc/passwd", "../etc/passwd", "a/../../b", "."].into_iter().enumerate() {
            device(root.path(), &format!("video{number}"), &[("uevent", &format!("DEVNAME={name}\n"))]);
        }
        let paths: Vec<_> = list(root.path()).into_iter().map(|found| found.path).collect();
        assert_eq!(paths, ["/dev/video0", "/dev/video1", "/dev/video2", "/dev/video3"].map(PathBuf::from));
    }

    #[test]
    fn a_node_leads_to_its_media_device_and_to_the_other_nodes_of_its_camera() {
        let root = tempfile::tempdir().unwrap();
        for (video, camera) in
            [("video0", "left"), ("video1", "left"), ("video2", "right"), ("video10", "left")]
        {
            device(root.path(), video, &[("uevent", &format!("DEVNAME={video}\n"))]);
            let parent = root.path().join("devices").join(camera);
            fs::create_dir_all(parent.join("video4linux").join(video)).unwrap();
            let link = root.path().join("class/video4linux").join(video).join("device");
            std::os::unix::fs::symlink(&parent, link).unwrap();
        }
        fs::create_dir_all(root.path().join("devices/left/media3")).unwrap();
        fs::create_dir_all(root.path().join("devices/left/media_bus")).unwrap();
        let of = |video: &str| media_of(root.path(), Path::new(video));
        assert_eq!(of("/dev/video10"), [Path::new("/dev/media3")]);
        assert!(of("/dev/video2").is_empty() && of("/dev/video7").is_empty());
        let siblings = |video: &str| siblings(root.path(), Path::new(video));
        assert_eq!(siblings("/dev/video1"), [Path::new("/dev/video0"), Path::new("/dev/video10")]);
        assert!(siblings("/dev/video2").is_empty() && siblings("/dev/null").is_empty());
    }

    #[test]
    fn a_node_that_is_named_by_a_link_leads_to_the_same() {
        let root = tempfile::tempdir().unwrap();
        for (video, file) in [("video0", "null"), ("video1", "video1")] {
            device(root.path(), video, &[("uevent", &format!("DEVNAME={file}\n"))]);
            let camera = root.path().join("devices/camera");
            fs::create_dir_all(camera.join("video4linux").join(video)).unwrap();
            let link = root.path().join("class/video4linux").join(video).join("device");
            std::os::unix::fs::symlink(&camera, link).unwrap();
        }
        fs::create_dir_all(root.path().join("devices/camera/media3")).unwrap();
        let by_id = root.path().join("usb-camera-video-index0");
        std::os::unix::fs::symlink("/dev/null", &by_id).unwrap();
        assert_eq!(media_of(root.path(), &by_id), [Path::new("/dev/media3")]);
        assert_eq!(siblings(root.path(), &by_id), [Path::new("/dev/video1")]);
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
