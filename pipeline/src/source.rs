//! Cameras by name: those of the machine, and the replay of raw files.

use latent_hal::{Camera, CameraInfo, CameraName, hotplug};

use crate::error::Error;
use crate::replay::ReplayCamera;
use crate::session::Reopen;

/// Opens the camera of this name; without a name the first usable real one, else the virtual one.
///
/// # Errors
/// [`Error::Camera`]; [`Error::RawFile`] for a replay of files that are no raw pictures.
pub fn open(name: Option<&str>) -> Result<Box<dyn Camera>, Error> {
    let Some(name) = name else { return Ok(latent_hal::open::open_default()?) };
    match name.strip_prefix("replay:") {
        Some(path) => Ok(Box::new(ReplayCamera::open(path)?)),
        None => Ok(latent_hal::open::open(&name.parse()?)?),
    }
}

/// What finds a camera of the machine again after it was unplugged, by the place that it is plugged into; `None` for
/// cameras that cannot go away.
pub fn reopen(info: &CameraInfo) -> Option<Reopen> {
    info.path.as_ref()?;
    let name: CameraName = info.id.parse().ok()?;
    Some(Box::new(move |timeout| hotplug::wait_for(&name, timeout)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cameras_of_the_machine_can_go_away_and_are_found_by_where_they_are_plugged_in() {
        let made_up = open(Some("virtual:size=64x48")).unwrap();
        assert!(reopen(made_up.info()).is_none());
        let id = "v4l2:usb-0000:00:14.0-3".to_owned();
        let info = CameraInfo { id, path: Some("/dev/video7".into()), ..made_up.info().clone() };
        let error = reopen(&info).unwrap()(std::time::Duration::ZERO).err().unwrap();
        assert!(error.to_string().contains("v4l2:usb-0000:00:14.0-3"), "{error}");
    }
}
