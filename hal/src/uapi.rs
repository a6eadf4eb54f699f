//! Readers of kernel structures whose unions the V4L2 crate leaves to its users.
#![allow(unsafe_code)]

use v4l2r::bindings::{v4l2_captureparm, v4l2_streamparm};

/// The capture half of `struct v4l2_streamparm`; for a structure of a capture queue only, of others it is numbers
/// without meaning.
pub(crate) fn capture_parameters(parameters: &v4l2_streamparm) -> v4l2_captureparm {
    // SAFETY: every member of the union is plain integers, valid for any bytes, and the structures of this crate start
    // as zeros (`Default`) before the kernel writes them, so that all bytes are initialised.
    unsafe { parameters.parm.capture }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l2r::bindings::{v4l2_fract, v4l2_streamparm__bindgen_ty_1};

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
}
