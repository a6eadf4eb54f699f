//! The checks, by group; those that others rest on come first.

mod buffers;
mod camera;
mod content;
mod contract;
mod controls;
mod events;
mod faults;
mod formats;
mod identity;
mod imports;
mod latency;
mod leaks;
mod machine;
mod media;
mod streaming;

use super::Check;

/// Pages of the kernel's documentation that checks name as their source.
mod page {
    pub(super) const QUERYCAP: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-querycap.html";
    pub(super) const OPEN: &str = "https://docs.kernel.org/userspace-api/media/v4l/open.html";
    pub(super) const PRIORITY: &str = "https://docs.kernel.org/userspace-api/media/v4l/app-pri.html";
    pub(super) const ENUM_FMT: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-enum-fmt.html";
    pub(super) const ENUM_SIZES: &str =
        "https://docs.kernel.org/userspace-api/media/v4l/vidioc-enum-framesizes.html";
    pub(super) const ENUM_INTERVALS: &str =
        "https://docs.kernel.org/userspace-api/media/v4l/vidioc-enum-frameintervals.html";
    pub(super) const FMT: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-g-fmt.html";
    pub(super) const PIX: &str = "https://docs.kernel.org/userspace-api/media/v4l/pixfmt-v4l2.html";
    pub(super) const COLOUR: &str = "https://docs.kernel.org/userspace-api/media/v4l/colorspaces-defs.html";
    pub(super) const PARM: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-g-parm.html";
    pub(super) const REQBUFS: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-reqbufs.html";
    pub(super) const QUERYBUF: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-querybuf.html";
    pub(super) const EXPBUF: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-expbuf.html";
    pub(super) const QBUF: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-qbuf.html";
    pub(super) const REMOVE: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-remove-bufs.html";
    pub(super) const STREAMON: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-streamon.html";
    pub(super) const POLL: &str = "https://docs.kernel.org/userspace-api/media/v4l/func-poll.html";
    pub(super) const BUFFER: &str = "https://docs.kernel.org/userspace-api/media/v4l/buffer.html";
    pub(super) const DMABUF: &str = "https://docs.kernel.org/userspace-api/media/v4l/dmabuf.html";
    pub(super) const SYNC: &str = "https://docs.kernel.org/driver-api/dma-buf.html";
    pub(super) const HEAPS: &str = "https://docs.kernel.org/userspace-api/dma-buf-heaps.html";
    pub(super) const CONTROL: &str = "https://docs.kernel.org/userspace-api/media/v4l/control.html";
    pub(super) const QUERYCTRL: &str =
        "https://docs.kernel.org/userspace-api/media/v4l/vidioc-queryctrl.html";
    pub(super) const EXT_CTRLS: &str =
        "https://docs.kernel.org/userspace-api/media/v4l/vidioc-g-ext-ctrls.html";
    pub(super) const SELECTION: &str = "https://docs.kernel.org/userspace-api/media/v4l/selection-api.html";
    pub(super) const EVENTS: &str =
        "https://docs.kernel.org/userspace-api/media/v4l/vidioc-subscribe-event.html";
    pub(super) const DQEVENT: &str = "https://docs.kernel.org/userspace-api/media/v4l/vidioc-dqevent.html";
    pub(super) const BAYER: &str = "https://docs.kernel.org/userspace-api/media/v4l/pixfmt-bayer.html";
    pub(super) const RGB: &str = "https://docs.kernel.org/userspace-api/media/v4l/pixfmt-rgb.html";
    pub(super) const YUV: &str = "https://docs.kernel.org/userspace-api/media/v4l/yuv-formats.html";
    pub(super) const JPEG: &str = "https://docs.kernel.org/userspace-api/media/v4l/pixfmt-compressed.html";
    pub(super) const VIVID: &str = "https://docs.kernel.org/admin-guide/media/vivid.html";
    pub(super) const TOPOLOGY: &str =
        "https://docs.kernel.org/userspace-api/media/mediactl/media-ioc-g-topology.html";
    pub(super) const UEVENTS: &str = "https://docs.kernel.org/core-api/kobject.html";
    pub(super) const THERMAL: &str = "https://docs.kernel.org/driver-api/thermal/sysfs-api.html";
    pub(super) const PSI: &str = "https://docs.kernel.org/accounting/psi.html";
    /// The documentation of the camera trait itself.
    pub(super) const TRAIT: &str = "latent-hal: trait Camera";
    /// The documentation of frames and slots.
    pub(super) const FRAME: &str = "latent-hal: module frame";
    /// The documentation of frame memory and its guards.
    pub(super) const MEMORY: &str = "latent-hal: module memory";
}

/// All checks, in the order in which they run.
pub fn all() -> Vec<Check> {
    let groups = [
        identity::CHECKS,
        formats::CHECKS,
        media::CHECKS,
        buffers::CHECKS,
        streaming::CHECKS,
        camera::CHECKS,
        contract::CHECKS,
        imports::CHECKS,
        content::CHECKS,
        controls::CHECKS,
        events::CHECKS,
        latency::CHECKS,
        leaks::CHECKS,
        faults::CHECKS,
        machine::CHECKS,
    ];
    groups.concat()
}
