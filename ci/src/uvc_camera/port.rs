//! The virtual host controller of the kernel: which of its ports are free, plugging in, and the video device that comes
//! of it. <https://docs.kernel.org/admin-guide/abi-testing.html#abi-sys-devices-platform-vhci-hcd-0-attach>

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";
const VIDEO_CLASS: &str = "/sys/class/video4linux";
const DEVICES: &str = "/dev";

/// How often what has no message is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// The first free port, or `wanted` where that is free, of the controller's list.
fn free_port(status: &str, wanted: Option<u8>) -> Option<u8> {
    const HIGH_SPEED: &str = "hs";
    const FREE: &str = "004";
    let ports = status.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (hub, port, state) = (words.next()?, words.next()?, words.next()?);
        let port: u8 = port.parse().ok()?;
        (hub == HIGH_SPEED && state == FREE).then_some(port)
    });
    ports.into_iter().find(|port| wanted.is_none_or(|wanted| wanted == *port))
}

/// Plugs a device in whose messages come through the socket that this gives; waits at most `patience` for a port that is
/// just being left.
///
/// # Errors
/// No controller, no free port, or a kernel that refuses.
pub(super) fn plug_in(wanted: Option<u8>, patience: Duration) -> Result<(u8, UnixStream), String> {
    let begun = Instant::now();
    let port = loop {
        let status = fs::read_to_string(format!("{CONTROLLER}/status"))
            .map_err(|error| format!("{CONTROLLER}/status: {error}; is the module vhci_hcd loaded?"))?;
        match free_port(&status, wanted) {
            Some(port) => break port,
            None if begun.elapsed() >= patience => {
                return Err("no free port of the virtual host controller".to_owned());
            }
            None => std::thread::sleep(PAUSE),
        }
    };
    attach(port)
        .map(|socket| (port, socket))
        .map_err(|error| format!("cannot plug in at port {port}: {error}"))
}

fn attach(port: u8) -> io::Result<UnixStream> {
    /// `USB_SPEED_HIGH`.
    const SPEED: u8 = 3;
    const BUS_AND_DEVICE: u32 = 1 << 16 | 2;
    let (ours, kernels) = UnixStream::pair()?;
    fs::write(
        format!("{CONTROLLER}/attach"),
        format!("{port} {} {BUS_AND_DEVICE} {SPEED}", kernels.as_raw_fd()),
    )?;
    // The kernel keeps its own hold of the socket.
    Ok(ours)
}

/// The device file that pictures come from, of the camera at this port; waits for it.
///
/// # Errors
/// There is none after `patience`.
pub(super) fn video_device(port: u8, patience: Duration) -> Result<PathBuf, String> {
    let begun = Instant::now();
    loop {
        let found = fs::read_dir(VIDEO_CLASS).into_iter().flatten().flatten().find_map(|entry| {
            let target = fs::canonicalize(entry.path()).ok()?;
            // Index 1 is the node of the stream's metadata.
            let is_first =
                fs::read_to_string(entry.path().join("index")).is_ok_and(|index| index.trim() == "0");
            let device = Path::new(DEVICES).join(entry.file_name());
            (is_first && is_at_port(&target, port) && device.exists()).then_some(device)
        });
        if let Some(device) = found {
            return Ok(device);
        }
        if begun.elapsed() >= patience {
            return Err(format!("no video device after {patience:?}; is the module uvcvideo loaded?"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether a device of sysfs hangs at this port of the controller: `.../vhci_hcd.0/usb1/1-3/1-3:1.0/...` is at port 2.
fn is_at_port(device: &Path, port: u8) -> bool {
    let Ok(inside) = device.strip_prefix(CONTROLLER) else { return false };
    let mut names = inside.iter().filter_map(|name| name.to_str());
    let bus = names.next().and_then(|name| name.strip_prefix("usb"));
    bus.zip(names.next()).is_some_and(|(bus, name)| name == format!("{bus}-{}", port + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "hub port sts spd dev      sockfd local_busid\n\
                          hs  0000 006 003 00010002 000003 1-2\n\
                          hs  0001 004 000 00000000 000000 0-0\n\
                          hs  0002 004 000 00000000 000000 0-0\n\
                          ss  0008 004 000 00000000 000000 0-0\n";

    #[test]
    fn the_first_free_port_is_taken_or_the_one_that_is_wanted() {
        assert_eq!(free_port(STATUS, None), Some(1));
        assert_eq!(free_port(STATUS, Some(2)), Some(2));
        assert_eq!(
            (free_port(STATUS, Some(0)), free_port(STATUS, Some(8)), free_port("", None)),
            (None, None, None)
        );
    }

    #[test]
    fn a_video_device_is_told_by_its_place() {
        let node =
            |name: &str| PathBuf::from(format!("{CONTROLLER}/usb1/{name}/{name}:1.0/video4linux/video0"));
        assert!(is_at_port(&node("1-1"), 0) && is_at_port(&node("1-3"), 2));
        assert!(!is_at_port(&node("1-1"), 1) && !is_at_port(Path::new("/sys/devices/platform/vivid.0"), 0));
    }
}
