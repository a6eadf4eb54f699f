//! Devices that come and go, as the kernel itself tells (netlink uevents; no udev daemon, no library).
//! <https://docs.kernel.org/core-api/kobject.html#uevents>

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, socket,
};

use crate::camera::Camera;
use crate::discovery;
use crate::error::Error;
use crate::open::{CameraName, open};

/// The kernel's own messages; group 2 is what udev sends on.
const KERNEL_GROUP: u32 = 1;

/// What happened to a video or media device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there now; its file may need a moment longer.
    Added(PathBuf),
    /// It is gone.
    Removed(PathBuf),
    /// So much happened that the kernel dropped messages: look at everything again.
    Overrun,
}

impl Change {
    /// Reads a message of the kernel: a headline, then `KEY=value` words, each ended by a zero. `None` for other devices,
    /// other changes, and files that would not be in the devices' folder.
    pub fn read(message: &[u8]) -> Option<Self> {
        let words =
            message.split(|byte| *byte == 0).skip(1).filter_map(|word| std::str::from_utf8(word).ok());
        let (mut action, mut subsystem, mut name) = ("", "", "");
        for word in words {
            match word.split_once('=') {
                Some(("ACTION", value)) => action = value,
                Some(("SUBSYSTEM", value)) => subsystem = value,
                Some(("DEVNAME", value)) => name = value,
                _ => {}
            }
        }
        if !matches!(subsystem, "video4linux" | "media") {
            return None;
        }
        let path = discovery::under_dev(name)?;
        match action {
            "add" => Some(Self::Added(path)),
            "remove" => Some(Self::Removed(path)),
            _ => None,
        }
    }
}

/// A subscription to such changes. Needs no privilege; in a container it may hear nothing.
#[derive(Debug)]
pub struct Monitor {
    socket: OwnedFd,
}

impl Monitor {
    /// Subscribes. Changes from now on are heard.
    ///
    /// # Errors
    /// [`Error::System`] when the kernel has no such socket.
    pub fn new() -> Result<Self, Error> {
        let failed = |operation| move |errno| refused(operation, errno);
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket =
            socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkKObjectUEvent)
                .map_err(failed("socket"))?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL_GROUP)).map_err(failed("bind"))?;
        Ok(Self { socket })
    }

    /// Waits for the next change, at most `timeout`.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn next(&self, timeout: Duration) -> Result<Option<Change>, Error> {
        let end = Instant::now().checked_add(timeout);
        loop {
            if let Some(change) = self.read()? {
                return Ok(Some(change));
            }
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            let millis = i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
            let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut polled, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(refused("poll", errno)),
            }
        }
    }

    /// The next change that is there already.
    fn read(&self) -> Result<Option<Change>, Error> {
        // The kernel's messages are at most this long (UEVENT_BUFFER_SIZE and the path before it).
        let mut message = [0; 8192];
        loop {
            match recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut message) {
                Ok((length, sender)) => {
                    let from_kernel = sender.is_some_and(|sender| sender.pid() == 0);
                    let change = message.get(..length).filter(|_| from_kernel).and_then(Change::read);
                    if change.is_some() {
                        return Ok(change);
                    }
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => return Ok(Some(Change::Overrun)),
                Err(errno) => return Err(refused("recv", errno)),
            }
        }
    }
}

fn refused(operation: &'static str, errno: Errno) -> Error {
    let camera = "the kernel's device messages".to_owned();
    Error::System { camera, operation, errno, detail: String::new() }
}

/// Waits until a camera can be opened, at most `timeout`: after it was unplugged, or at boot. It is tried when a device
/// comes and twice a second, since drivers may bring one back without a word.
///
/// # Errors
/// What the last attempt failed with; at once what waiting cannot cure ([`Error::BadName`], [`Error::Unsupported`],
/// [`Error::Permission`]).
pub fn wait_for(name: &CameraName, timeout: Duration) -> Result<Box<dyn Camera>, Error> {
    const PAUSE: Duration = Duration::from_millis(500);
    let end = Instant::now().checked_add(timeout);
    let monitor = Monitor::new().ok();
    loop {
        let error = match open(name) {
            Ok(camera) => return Ok(camera),
            Err(
                error @ (Error::NotFound { .. }
                | Error::Gone { .. }
                | Error::Busy { .. }
                | Error::System { .. }),
            ) => error,
            Err(error) => return Err(error),
        };
        let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(error);
        }
        let pause = left.min(PAUSE);
        match &monitor {
            Some(monitor) => drop(monitor.next(pause)?),
            None => std::thread::sleep(pause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn message(action: &str, subsystem: &str, name: &str) -> Vec<u8> {
        format!(
            "{action}@/devices/platform/x\0ACTION={action}\0DEVPATH=/devices/platform/x\0SUBSYSTEM={subsystem}\0\
             MAJOR=81\0MINOR=0\0DEVNAME={name}\0SEQNUM=1\0"
        )
        .into_bytes()
    }

    #[test]
    fn cameras_that_come_and_go_are_told() {
        let video = PathBuf::from("/dev/video0");
        assert_eq!(
            Change::read(&message("add", "video4linux", "video0")),
            Some(Change::Added(video.clone()))
        );
        assert_eq!(Change::read(&message("remove", "video4linux", "video0")), Some(Change::Removed(video)));
        assert_eq!(
            Change::read(&message("add", "media", "media0")),
            Some(Change::Added("/dev/media0".into()))
        );
    }

    #[test]
    fn other_devices_and_other_changes_are_not() {
        assert_eq!(Change::read(&message("add", "block", "sda")), None);
        assert_eq!(Change::read(&message("bind", "video4linux", "video0")), None);
        assert_eq!(Change::read(&message("add", "video4linux", "")), None);
        // What udev sends on begins otherwise and is not for us.
        assert_eq!(Change::read(b"libudev\0\xfe\xed\xca\xfe"), None);
    }

    #[test]
    fn names_that_lead_out_of_the_devices_folder_are_no_devices() {
        for name in ["/form/x", "/dev/video0", "../etc/video0", "v4l/../../video0", ".", "./video0", ""] {
            assert_eq!(Change::read(&message("add", "video4linux", name)), None, "{name}");
        }
        let nested = Change::read(&message("add", "video4linux", "cameras/left"));
        assert_eq!(nested, Some(Change::Added("/dev/cameras/left".into())));
    }

    #[test]
    fn waiting_for_a_camera_that_never_comes_ends_in_time() {
        let begun = Instant::now();
        let error = wait_for(&"/dev/no-such-camera".parse().unwrap(), Duration::from_millis(50))
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(begun.elapsed() >= Duration::from_millis(50) && begun.elapsed() < Duration::from_secs(5));
        // Waiting makes no camera of another file.
        let begun = Instant::now();
        assert!(wait_for(&"/dev/null".parse().unwrap(), Duration::from_secs(60)).is_err());
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(wait_for(&"virtual:size=64x48".parse().unwrap(), Duration::ZERO).is_ok());
    }

    proptest! {
        #[test]
        fn no_message_panics(bytes: Vec<u8>) {
            let _ = Change::read(&bytes);
        }
    }
}
