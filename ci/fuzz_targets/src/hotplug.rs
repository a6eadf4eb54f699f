//! The kernel's messages about devices that come and go.

use latent_hal::hotplug::Change;

pub(crate) fn run(data: &[u8]) {
    match Change::read(data) {
        Some(Change::Added(path) | Change::Removed(path)) => {
            let inside = path.strip_prefix("/dev").unwrap_or_else(|_| panic!("{path:?} is no device file"));
            let plain = |part| matches!(part, std::path::Component::Normal(_));
            assert!(inside.components().count() > 0 && inside.components().all(plain), "{path:?}");
        }
        Some(Change::Overrun) => panic!("a message is no overrun"),
        None => {}
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let message = |action: &str, subsystem: &str, name: &str| {
        format!(
            "{action}@/devices/platform/x\0ACTION={action}\0DEVPATH=/devices/platform/x\0SUBSYSTEM={subsystem}\0\
             MAJOR=81\0MINOR=0\0DEVNAME={name}\0SEQNUM=1\0"
        )
        .into_bytes()
    };
    vec![
        message("add", "video4linux", "video0"),
        message("remove", "media", "media0"),
        message("bind", "video4linux", "v4l/by-id/camera"),
        b"libudev\0\xfe\xed\xca\xfe".to_vec(),
    ]
}
