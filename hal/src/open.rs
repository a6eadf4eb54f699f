//! From a camera's name to a camera.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::camera::Camera;
use crate::discovery;
use crate::error::Error;
use crate::kernel::Linux;
#[cfg(feature = "libcamera")]
use crate::libcamera::LibcameraCamera;
use crate::simulated::{Options, VirtualCamera};
use crate::v4l2::V4l2Camera;

const BUS: &str = "v4l2:";
const LIBCAMERA: &str = "libcamera:";
const VIRTUAL: &str = "virtual";

/// A camera as people write it: `/dev/video0`, `v4l2:BUS_INFO`, `v4l2:BUS_INFO#NODE`, `libcamera:ID`, `virtual`,
/// `virtual:OPTIONS`.
#[derive(Clone, Debug, PartialEq)]
pub enum CameraName {
    /// A device file, by its absolute path.
    Device(PathBuf),
    /// The camera with this V4L2 bus information: the same whichever number its device file got. Of several such
    /// device files on one bus it is the one with the lowest number, or the one whose name follows a `#`.
    Bus(String),
    /// The camera to which libcamera gives this id.
    Libcamera(String),
    /// A virtual camera.
    Virtual(Options),
}

impl FromStr for CameraName {
    type Err = Error;

    /// # Errors
    /// [`Error::BadName`] for anything else, and for virtual cameras with wrong options.
    fn from_str(name: &str) -> Result<Self, Error> {
        if name.starts_with('/') {
            return Ok(Self::Device(name.into()));
        }
        if let Some(bus) = name.strip_prefix(BUS).filter(|bus| !bus.is_empty()) {
            return Ok(Self::Bus(bus.to_owned()));
        }
        if let Some(id) = name.strip_prefix(LIBCAMERA).filter(|id| !id.is_empty()) {
            return Ok(Self::Libcamera(id.to_owned()));
        }
        match name.strip_prefix(VIRTUAL).map(|rest| (rest, rest.strip_prefix(':'))) {
            Some(("", _)) => Ok(Self::Virtual(Options::default())),
            Some((_, Some(options))) => options.parse().map(Self::Virtual),
            _ => Err(Error::BadName {
                given: name.to_owned(),
                reason: "write /dev/videoN, v4l2:BUS_INFO, libcamera:ID, virtual or virtual:OPTIONS"
                    .to_owned(),
            }),
        }
    }
}

impl fmt::Display for CameraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(path) => path.display().fmt(f),
            Self::Bus(bus) => write!(f, "{BUS}{bus}"),
            Self::Libcamera(id) => write!(f, "{LIBCAMERA}{id}"),
            Self::Virtual(options) => match options.to_string() {
                options if options.is_empty() => f.write_str(VIRTUAL),
                options => write!(f, "{VIRTUAL}:{options}"),
            },
        }
    }
}

/// How long a device file may be there and not open: after the machine resumed, drivers take so long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens a camera. Blocks for at most 2 s, and only while a device file that is there does not open yet, or while
/// libcamera looks at the machine.
///
/// # Errors
/// As [`V4l2Camera::open`], `LibcameraCamera::open` and [`VirtualCamera::new`]; [`Error::Busy`] for a device file that
/// another program captures from; [`Error::NotFound`] for a bus that no camera of this machine has, with those that
/// there are; [`Error::Unsupported`] for cameras of libcamera's where Latent was built without it.
pub fn open(name: &CameraName) -> Result<Box<dyn Camera>, Error> {
    Ok(match name {
        CameraName::Device(path) => {
            let camera = V4l2Camera::open_within(&Linux, path, PATIENCE)?;
            camera.check_free()?;
            Box::new(camera)
        }
        CameraName::Bus(bus) => Box::new(open_bus(Path::new(discovery::SYSFS), bus)?),
        CameraName::Libcamera(id) => open_libcamera(id)?,
        CameraName::Virtual(options) => Box::new(VirtualCamera::new(options.clone())?),
    })
}

#[cfg(feature = "libcamera")]
fn open_libcamera(id: &str) -> Result<Box<dyn Camera>, Error> {
    Ok(Box::new(LibcameraCamera::open(id)?))
}

#[cfg(not(feature = "libcamera"))]
fn open_libcamera(id: &str) -> Result<Box<dyn Camera>, Error> {
    let reason = "this Latent was built without libcamera; build it with `--features libcamera` (ci/libcamera build), \
                  or use the camera's V4L2 device (`latent devices`)";
    Err(Error::Unsupported { camera: format!("{LIBCAMERA}{id}"), reason: reason.to_owned() })
}

/// The cameras that libcamera finds; none where Latent was built without it. A camera may be found by V4L2 as well.
///
/// # Errors
/// [`Error::System`] when libcamera does not start.
pub fn libcamera_names() -> Result<Vec<CameraName>, Error> {
    #[cfg(feature = "libcamera")]
    let ids = crate::libcamera::ids()?;
    #[cfg(not(feature = "libcamera"))]
    let ids = Vec::new();
    Ok(ids.into_iter().map(CameraName::Libcamera).collect())
}

/// Opens the first raw camera of the machine that this user may open, V4L2's before those of libcamera, else the first
/// other one, else a virtual one at 12 MP.
///
/// # Errors
/// As [`VirtualCamera::new`].
pub fn open_default() -> Result<Box<dyn Camera>, Error> {
    let first = discovery::usable(&discovery::list(Path::new(discovery::SYSFS))).next();
    if let Some(camera) = first.filter(|camera| discovery::is_raw(camera)) {
        return Ok(Box::new(camera));
    }
    // That libcamera does not start is no reason to have no camera.
    let names = libcamera_names().unwrap_or_default();
    if let Some(raw) =
        names.iter().filter_map(|name| open(name).ok()).find(|camera| discovery::is_raw(&**camera))
    {
        return Ok(raw);
    }
    match discovery::usable(&discovery::list(Path::new(discovery::SYSFS))).next() {
        Some(camera) => Ok(Box::new(camera)),
        None => Ok(Box::new(VirtualCamera::new(Options::default())?)),
    }
}

/// Whether a name means the camera of this id; without a node's name it means the first node.
fn is_named(id: &str, wanted: &str) -> bool {
    id == wanted || id.split_once('#').is_some_and(|(bus, _)| bus == wanted)
}

fn open_bus(root: &Path, bus: &str) -> Result<V4l2Camera, Error> {
    let wanted = format!("{BUS}{bus}");
    let mut others = Vec::new();
    for found in discovery::list(root) {
        match found.open() {
            Ok(camera) if is_named(&camera.info().id, &wanted) => return Ok(camera),
            Ok(camera) => others.push(camera.info().id.clone()),
            Err(error) => others.push(error.to_string()),
        }
    }
    let reason = match others.as_slice() {
        [] => "this machine has no V4L2 video devices".to_owned(),
        others => format!("no camera has this bus; looked at: {}", others.join("; ")),
    };
    Err(Error::NotFound { camera: wanted, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn parse(name: &str) -> CameraName {
        name.parse().unwrap()
    }

    #[test]
    fn every_kind_of_name_is_understood() {
        assert_eq!(parse("/dev/video0"), CameraName::Device("/dev/video0".into()));
        assert_eq!(parse("/dev/v4l/by-path/a b"), CameraName::Device("/dev/v4l/by-path/a b".into()));
        assert_eq!(parse("v4l2:platform:vivid-000"), CameraName::Bus("platform:vivid-000".to_owned()));
        assert_eq!(parse("virtual"), CameraName::Virtual(Options::default()));
        assert_eq!(parse("virtual:"), CameraName::Virtual(Options::default()));
        assert_eq!(parse("libcamera:a b:c"), CameraName::Libcamera("a b:c".to_owned()));
        let small = Options { width: 640, height: 480, ..Options::default() };
        assert_eq!(parse("virtual:size=640x480"), CameraName::Virtual(small));
    }

    #[test]
    fn other_names_are_refused_with_how_to_write_them() {
        for name in
            ["", "video0", "v4l2:", "virtually", "VIRTUAL", "replay:/a.dng", "libcamera:", " /dev/video0"]
        {
            let error = name.parse::<CameraName>().unwrap_err();
            assert!(matches!(&error, Error::BadName { given, .. } if given == name), "{error}");
            assert!(error.to_string().contains("virtual:OPTIONS"), "{error}");
        }
        let error = "virtual:size=nonsense".parse::<CameraName>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }

    #[test]
    fn a_bus_that_is_not_there_is_not_found() {
        let root = tempfile::tempdir().unwrap();
        let error = open_bus(root.path(), "usb-1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("v4l2:usb-1"), "{error}");
        std::fs::create_dir_all(root.path().join("class/video4linux/video999")).unwrap();
        assert!(open_bus(root.path(), "usb-1").unwrap_err().to_string().contains("/dev/video999"));
    }

    #[test]
    fn one_of_several_nodes_is_named_by_its_label_and_the_first_by_the_bus_alone() {
        let id = "v4l2:platform:vimc#RGB/YUV Capture";
        assert!(is_named(id, id) && is_named(id, "v4l2:platform:vimc"));
        assert!(!is_named(id, "v4l2:platform:vimc#Raw Capture 0") && !is_named(id, "v4l2:platform"));
        assert_eq!(parse(id), CameraName::Bus("platform:vimc#RGB/YUV Capture".to_owned()));
    }

    #[test]
    fn a_virtual_camera_opens_on_every_machine() {
        let camera = open(&parse("virtual:size=640x480")).unwrap();
        assert!(camera.info().simulated);
        assert!(!open_default().unwrap().modes().unwrap().is_empty());
    }

    #[cfg(not(feature = "libcamera"))]
    #[test]
    fn a_build_without_libcamera_says_so_and_how_to_get_one() {
        let error = open(&parse("libcamera:imx219")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        for text in ["libcamera:imx219", "--features libcamera", "latent devices"] {
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(libcamera_names().unwrap(), []);
    }

    proptest! {
        #[test]
        fn no_name_panics_and_names_that_parse_print_the_same(name: String) {
            if let Ok(parsed) = name.parse::<CameraName>() {
                prop_assert_eq!(parse(&parsed.to_string()), parsed);
            }
        }

        #[test]
        fn bus_names_and_ids_print_as_they_were(rest in ".+") {
            for kind in [BUS, LIBCAMERA] {
                let name = format!("{kind}{rest}");
                prop_assert_eq!(parse(&name).to_string(), name);
            }
        }
    }
}
