//! What a refusal of libcamera means. It answers with errno, as the kernel does, and says more in its log.

use nix::errno::Errno;

use crate::error::Error;

const LOG: &str = " (LIBCAMERA_LOG_LEVELS=*:INFO makes libcamera say why)";

/// A call to libcamera that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) operation: &'static str,
    pub(super) errno: Errno,
}

impl Fault {
    /// The camera went away.
    pub(super) fn is_gone(self) -> bool {
        matches!(self.errno, Errno::ENODEV | Errno::ENXIO)
    }

    /// The error that a caller of `camera` sees.
    pub(super) fn error(self, camera: &str) -> Error {
        let camera = camera.to_owned();
        match self.errno {
            _ if self.is_gone() => Error::Gone { camera },
            Errno::EBUSY => Error::Busy { camera, operation: self.operation, errno: self.errno },
            errno => {
                let detail = if errno == Errno::ENOMEM {
                    " (not enough memory for the frames; choose a smaller size, or raise cma=)"
                } else {
                    LOG
                };
                Error::System { camera, operation: self.operation, errno, detail: detail.to_owned() }
            }
        }
    }
}

/// The errno of a refusal of the crate's.
#[cfg(feature = "libcamera")]
pub(super) fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn refusals_are_told_by_kind_with_what_to_do() {
        let error = |errno| Fault { operation: "acquire", errno }.error("libcamera:x");
        assert_eq!(error(Errno::ENODEV).kind(), ErrorKind::Gone);
        assert_eq!(error(Errno::EBUSY).kind(), ErrorKind::Busy);
        assert!(error(Errno::ENOMEM).to_string().contains("smaller size"));
        let other = error(Errno::EINVAL);
        assert_eq!(other.kind(), ErrorKind::System);
        assert!(other.to_string().contains("LIBCAMERA_LOG_LEVELS"), "{other}");
    }
}
