//! The real kernel.

mod controls;
mod media;
mod queue;
mod subdevice;
mod video;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::discovery;

use super::{Kernel, Media, Subdevice, Video};

/// The kernel's major number for video devices and their sub-devices.
const VIDEO_MAJOR: u64 = 81;

/// The kernel that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

impl Kernel for Linux {
    fn video(&self, path: &Path) -> nix::Result<Box<dyn Video>> {
        check_kind(path)?;
        Ok(Box::new(video::Node::new(open(path)?)))
    }

    fn media(&self, path: &Path) -> nix::Result<Box<dyn Media>> {
        Ok(Box::new(media::Device::new(open(path)?)))
    }

    fn media_of(&self, video: &Path) -> nix::Result<Box<dyn Media>> {
        let number = self.number(video)?;
        let has_it = |media: &dyn Media| {
            let interfaces = media.topology().map(|topology| topology.interfaces).unwrap_or_default();
            interfaces.iter().any(|found| (found.major, found.minor) == number)
        };
        let candidates = discovery::media_of(Path::new(discovery::SYSFS), video);
        let mut opened = candidates.iter().filter_map(|file| self.media(file).ok());
        opened.find(|media| has_it(&**media)).ok_or(Errno::ENOENT)
    }

    fn subdevice(&self, path: &Path) -> nix::Result<Box<dyn Subdevice>> {
        check_kind(path)?;
        Ok(Box::new(subdevice::Node::new(open(path)?)))
    }

    fn number(&self, path: &Path) -> nix::Result<(u32, u32)> {
        let number = std::fs::metadata(path).map_err(|error| errno(&error))?.rdev();
        let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
        let narrow = |part: u64| u32::try_from(part).map_err(|_| Errno::EOVERFLOW);
        Ok((narrow(major)?, narrow(minor)?))
    }

    fn file(&self, number: (u32, u32)) -> Option<PathBuf> {
        discovery::device_file(Path::new(discovery::SYSFS), number)
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

fn check_kind(path: &Path) -> nix::Result<()> {
    let status = std::fs::metadata(path).map_err(|error| errno(&error))?;
    if !status.file_type().is_char_device() || nix::sys::stat::major(status.rdev()) != VIDEO_MAJOR {
        return Err(Errno::ENOTTY);
    }
    Ok(())
}

fn open(path: &Path) -> nix::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(|error| errno(&error))
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_cameras_are_refused_before_they_are_opened() {
        let refusal = |path: &str| Linux.video(Path::new(path)).map(|_| ()).unwrap_err();
        assert_eq!(refusal("/dev/null"), Errno::ENOTTY);
        assert_eq!(refusal("/"), Errno::ENOTTY);
        assert_eq!(refusal("/dev/no-such-camera"), Errno::ENOENT);
        assert_eq!(refusal("/dev/null/video0"), Errno::ENOTDIR);
        assert_eq!(Linux.subdevice(Path::new("/dev/null")).map(|_| ()).unwrap_err(), Errno::ENOTTY);
        assert_eq!(Linux.media_of(Path::new("/dev/null")).map(|_| ()).unwrap_err(), Errno::ENOENT);
        assert_eq!(Linux.media(Path::new("/dev/no-such-media")).map(|_| ()).unwrap_err(), Errno::ENOENT);
    }
}
