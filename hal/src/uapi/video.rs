//! V4L2 video nodes: <https://docs.kernel.org/userspace-api/media/v4l/user-func.html>.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use v4l2r::bindings::{
    self, v4l2_buffer, v4l2_capability, v4l2_captureparm, v4l2_event, v4l2_event_subscription,
    v4l2_exportbuffer, v4l2_ext_control, v4l2_ext_controls, v4l2_fmtdesc, v4l2_format, v4l2_fract,
    v4l2_frmival_stepwise, v4l2_frmivalenum, v4l2_frmsize_discrete, v4l2_frmsize_stepwise, v4l2_frmsizeenum,
    v4l2_pix_format, v4l2_pix_format_mplane, v4l2_plane, v4l2_query_ext_ctrl, v4l2_querymenu,
    v4l2_remove_buffers, v4l2_requestbuffers, v4l2_selection, v4l2_streamparm,
};

use super::{code, ioctls};

ioctls! {
    /// `VIDIOC_QUERYCAP`.
    query_capabilities = read(b'V', 0, v4l2_capability);
    /// `VIDIOC_ENUM_FMT`.
    enum_format = both(b'V', 2, v4l2_fmtdesc);
    /// `VIDIOC_G_FMT`.
    get_format = both(b'V', 4, v4l2_format);
    /// `VIDIOC_S_FMT`.
    set_format = both(b'V', 5, v4l2_format);
    /// `VIDIOC_TRY_FMT`.
    try_format = both(b'V', 64, v4l2_format);
    /// `VIDIOC_REQBUFS`.
    request_buffers = both(b'V', 8, v4l2_requestbuffers);
    /// `VIDIOC_REMOVE_BUFS`.
    remove_buffers = both(b'V', 104, v4l2_remove_buffers);
    /// `VIDIOC_STREAMON`.
    stream_on = write(b'V', 18, i32);
    /// `VIDIOC_STREAMOFF`.
    stream_off = write(b'V', 19, i32);
    /// `VIDIOC_G_PARM`.
    get_parameters = both(b'V', 21, v4l2_streamparm);
    /// `VIDIOC_S_PARM`.
    set_parameters = both(b'V', 22, v4l2_streamparm);
    /// `VIDIOC_QUERYMENU`.
    query_menu = both(b'V', 37, v4l2_querymenu);
    /// `VIDIOC_QUERY_EXT_CTRL`.
    query_control = both(b'V', 103, v4l2_query_ext_ctrl);
    /// `VIDIOC_G_PRIORITY`.
    get_priority = read(b'V', 67, u32);
    /// `VIDIOC_S_PRIORITY`.
    set_priority = write(b'V', 68, u32);
    /// `VIDIOC_ENUM_FRAMESIZES`.
    enum_size = both(b'V', 74, v4l2_frmsizeenum);
    /// `VIDIOC_ENUM_FRAMEINTERVALS`.
    enum_interval = both(b'V', 75, v4l2_frmivalenum);
    /// `VIDIOC_DQEVENT`.
    dequeue_event = read(b'V', 89, v4l2_event);
    /// `VIDIOC_SUBSCRIBE_EVENT`.
    subscribe_event = write(b'V', 90, v4l2_event_subscription);
    /// `VIDIOC_G_SELECTION`.
    get_selection = both(b'V', 94, v4l2_selection);
    /// `VIDIOC_S_SELECTION`.
    set_selection = both(b'V', 95, v4l2_selection);
}

/// Planes of a buffer, as many as the kernel ever has.
pub(crate) type Planes = [v4l2_plane; bindings::VIDEO_MAX_PLANES as usize];

/// A call that takes a buffer and its planes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BufferCall {
    /// `VIDIOC_QUERYBUF`.
    Query,
    /// `VIDIOC_QBUF`.
    Queue,
    /// `VIDIOC_DQBUF`.
    Dequeue,
    /// `VIDIOC_PREPARE_BUF`.
    Prepare,
}

/// Makes a call on a buffer. `planes` is for multi-planar queues, whose buffer must be of a multi-planar type; the
/// buffer's own address of planes and their number are set here.
pub(crate) fn buffer_call(
    file: BorrowedFd<'_>,
    call: BufferCall,
    buffer: &mut v4l2_buffer,
    planes: Option<&mut Planes>,
) -> nix::Result<()> {
    let code = match call {
        BufferCall::Query => code!(both, b'V', 9, v4l2_buffer),
        BufferCall::Queue => code!(both, b'V', 15, v4l2_buffer),
        BufferCall::Dequeue => code!(both, b'V', 17, v4l2_buffer),
        BufferCall::Prepare => code!(both, b'V', 93, v4l2_buffer),
    };
    let multi = buffer.type_ == bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    if multi != planes.is_some() || buffer.memory == bindings::v4l2_memory_V4L2_MEMORY_USERPTR {
        return Err(Errno::EINVAL);
    }
    if let Some(planes) = planes {
        buffer.length = bindings::VIDEO_MAX_PLANES;
        buffer.m.planes = planes.as_mut_ptr();
    }
    // SAFETY: the argument is a `struct v4l2_buffer`. The kernel follows its address of planes only for multi-planar
    // types, and then it is that of a live array of `length` planes (set above). User pointers, the other kind of
    // address, are refused above.
    unsafe { super::raw(file, code, buffer) }.map(|_| ())
}

/// `VIDIOC_EXPBUF`: the plane as a DMA-buf that nobody else owns.
pub(crate) fn export_buffer(file: BorrowedFd<'_>, argument: &mut v4l2_exportbuffer) -> nix::Result<OwnedFd> {
    // SAFETY: the argument is a `struct v4l2_exportbuffer`, which holds no addresses.
    unsafe { super::raw(file, code!(both, b'V', 16, v4l2_exportbuffer), argument) }?;
    // SAFETY: after success `fd` is a new file descriptor, made for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(argument.fd) })
}

/// What to do with control values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ControlCall<'a> {
    /// `VIDIOC_G_EXT_CTRLS`.
    Get,
    /// `VIDIOC_S_EXT_CTRLS`.
    Set,
    /// `VIDIOC_S_EXT_CTRLS` on a request.
    SetIn(BorrowedFd<'a>),
}

/// A refused call on several controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ControlRefusal {
    pub(crate) errno: Errno,
    /// The control at fault; the number of controls when nothing was tried.
    pub(crate) index: u32,
}

/// Gets or sets the current values of controls of integer kind (`id`, value): no strings, no arrays.
pub(crate) fn control_values(
    file: BorrowedFd<'_>,
    call: ControlCall<'_>,
    values: &mut [(u32, i64)],
    wide: impl Fn(u32) -> bool,
) -> Result<(), ControlRefusal> {
    let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let mut controls: Vec<v4l2_ext_control> = values
        .iter()
        .map(|(id, value)| {
            let mut control = v4l2_ext_control { id: *id, ..Default::default() };
            if wide(*id) {
                control.__bindgen_anon_1.value64 = *value;
            } else {
                control.__bindgen_anon_1.value = i32::try_from(*value).unwrap_or(i32::MAX);
            }
            control
        })
        .collect();
    let code = match call {
        ControlCall::Get => code!(both, b'V', 71, v4l2_ext_controls),
        ControlCall::Set | ControlCall::SetIn(_) => code!(both, b'V', 72, v4l2_ext_controls),
    };
    let mut argument =
        v4l2_ext_controls { count, controls: controls.as_mut_ptr(), error_idx: count, ..Default::default() };
    if let ControlCall::SetIn(request) = call {
        argument.__bindgen_anon_1.which = bindings::V4L2_CTRL_WHICH_REQUEST_VAL;
        argument.request_fd = request.as_raw_fd();
    }
    // SAFETY: `controls` is a live array of `count` controls. None of them has a size, so that the kernel refuses those
    // whose values lie behind an address (strings, arrays) before it follows one.
    let answer = unsafe { super::raw(file, code, &mut argument) };
    for ((id, value), control) in values.iter_mut().zip(&controls) {
        let wide = wide(*id);
        *value = control_value(control, wide);
    }
    answer.map(|_| ()).map_err(|errno| ControlRefusal { errno, index: argument.error_idx })
}

fn control_value(control: &v4l2_ext_control, wide: bool) -> i64 {
    let value = control.__bindgen_anon_1;
    if wide {
        // SAFETY: the union began as zeros and holds plain bytes, all initialised.
        unsafe { value.value64 }
    } else {
        // SAFETY: as above.
        i64::from(unsafe { value.value })
    }
}

/// The capture half of `struct v4l2_streamparm`; for a structure of a capture queue only, of others it is numbers
/// without meaning.
pub(crate) fn capture_parameters(parameters: &v4l2_streamparm) -> v4l2_captureparm {
    // SAFETY: every member of the union is plain integers, valid for any bytes, and the structures of this crate start
    // as zeros (`Default`) before the kernel writes them, so that all bytes are initialised.
    unsafe { parameters.parm.capture }
}

/// The format of a single-planar queue and its Y'CbCr encoding.
pub(crate) fn pixels(format: &v4l2_format) -> (v4l2_pix_format, u32) {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    let pixels = unsafe { format.fmt.pix };
    // SAFETY: as above.
    let encoding = unsafe { pixels.__bindgen_anon_1.ycbcr_enc };
    (pixels, encoding)
}

/// The format of a metadata queue: its fourcc and the bytes of a buffer.
pub(crate) fn metadata_format(format: &v4l2_format) -> (u32, u32) {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    let found = unsafe { format.fmt.meta };
    (found.dataformat, found.buffersize)
}

/// Where a buffer of a single-planar queue begins in its device's memory; for `V4L2_MEMORY_MMAP`.
pub(crate) fn buffer_offset(buffer: &v4l2_buffer) -> u64 {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    u64::from(unsafe { buffer.m.offset })
}

/// The format of a multi-planar queue and its Y'CbCr encoding.
pub(crate) fn planar_pixels(format: &v4l2_format) -> (v4l2_pix_format_mplane, u8) {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    let pixels = unsafe { format.fmt.pix_mp };
    // SAFETY: as above.
    let encoding = unsafe { pixels.__bindgen_anon_1.ycbcr_enc };
    (pixels, encoding)
}

/// A size that is listed by itself; for `V4L2_FRMSIZE_TYPE_DISCRETE`.
pub(crate) fn discrete_size(entry: &v4l2_frmsizeenum) -> v4l2_frmsize_discrete {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    unsafe { entry.__bindgen_anon_1.discrete }
}

/// A range of sizes; for the other types.
pub(crate) fn size_range(entry: &v4l2_frmsizeenum) -> v4l2_frmsize_stepwise {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    unsafe { entry.__bindgen_anon_1.stepwise }
}

/// An interval that is listed by itself; for `V4L2_FRMIVAL_TYPE_DISCRETE`.
pub(crate) fn discrete_interval(entry: &v4l2_frmivalenum) -> v4l2_fract {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    unsafe { entry.__bindgen_anon_1.discrete }
}

/// A range of intervals; for the other types.
pub(crate) fn interval_range(entry: &v4l2_frmivalenum) -> v4l2_frmival_stepwise {
    // SAFETY: plain integers over bytes that began as zeros, as above.
    unsafe { entry.__bindgen_anon_1.stepwise }
}

/// The name of a menu's item.
pub(crate) fn menu_name(item: &v4l2_querymenu) -> [u8; 32] {
    let union = item.__bindgen_anon_1;
    // SAFETY: plain bytes that began as zeros.
    unsafe { union.name }
}

/// The value of an item of an integer menu.
pub(crate) fn menu_value(item: &v4l2_querymenu) -> i64 {
    let union = item.__bindgen_anon_1;
    // SAFETY: plain bytes that began as zeros.
    unsafe { union.value }
}

/// The first eight 32-bit words of an event's payload, whatever its type.
pub(crate) fn event_words(event: &v4l2_event) -> [u32; 8] {
    // SAFETY: plain bytes that began as zeros.
    let data = unsafe { event.u.data };
    std::array::from_fn(|word| {
        let at = word * 4;
        u32::from_ne_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use v4l2r::bindings::v4l2_streamparm__bindgen_ty_1;

    #[test]
    fn the_capture_half_is_what_was_put_in() {
        let capture = v4l2_captureparm {
            timeperframe: v4l2_fract { numerator: 1, denominator: 30 },
            ..Default::default()
        };
        let parameters = v4l2_streamparm { type_: 1, parm: v4l2_streamparm__bindgen_ty_1 { capture } };
        assert_eq!(capture_parameters(&parameters).timeperframe.denominator, 30);
        assert_eq!(size_of::<v4l2_streamparm>(), 204);
    }

    /// The numbers of `linux/videodev2.h` on 64-bit machines.
    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(code!(read, b'V', 0, v4l2_capability), 0x8068_5600);
        assert_eq!(code!(both, b'V', 2, v4l2_fmtdesc), 0xc040_5602);
        assert_eq!(code!(both, b'V', 5, v4l2_format), 0xc0d0_5605);
        assert_eq!(code!(both, b'V', 8, v4l2_requestbuffers), 0xc014_5608);
        assert_eq!(code!(both, b'V', 15, v4l2_buffer), 0xc058_560f);
        assert_eq!(code!(both, b'V', 16, v4l2_exportbuffer), 0xc040_5610);
        assert_eq!(code!(write, b'V', 18, i32), 0x4004_5612);
        assert_eq!(code!(both, b'V', 72, v4l2_ext_controls), 0xc020_5648);
        assert_eq!(code!(read, b'V', 89, v4l2_event), 0x8088_5659);
        assert_eq!(code!(both, b'V', 103, v4l2_query_ext_ctrl), 0xc0e8_5667);
        assert_eq!(code!(both, b'V', 104, v4l2_remove_buffers), 0xc040_5668);
        assert_eq!(size_of::<v4l2_plane>(), 64);
    }

    #[test]
    fn a_buffer_whose_planes_do_not_fit_its_type_is_refused_before_the_kernel_sees_it() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let mut buffer = v4l2_buffer {
            type_: bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
            ..Default::default()
        };
        let refused = buffer_call(file.as_fd(), BufferCall::Query, &mut buffer, None);
        assert_eq!(refused, Err(Errno::EINVAL));
        buffer.type_ = bindings::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
        buffer.memory = bindings::v4l2_memory_V4L2_MEMORY_USERPTR;
        let refused = buffer_call(file.as_fd(), BufferCall::Queue, &mut buffer, None);
        assert_eq!(refused, Err(Errno::EINVAL));
    }

    #[test]
    fn a_refusal_of_controls_names_the_one_at_fault() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let mut values = [(1, 2), (3, 4)];
        let refusal = control_values(file.as_fd(), ControlCall::Set, &mut values, |id| id == 3).unwrap_err();
        assert_eq!(refusal, ControlRefusal { errno: Errno::ENOTTY, index: 2 });
        assert_eq!(values, [(1, 2), (3, 4)]);
    }
}
