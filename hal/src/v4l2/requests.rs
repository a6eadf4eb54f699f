//! Buffers and controls that go to the device together:
//! <https://docs.kernel.org/userspace-api/media/mediactl/request-api.html>.

use nix::errno::Errno;

use super::V4l2Camera;
use super::policy::{Fault, Operation};
use super::stream::Stream;
use crate::camera::Camera;
use crate::error::Error;
use crate::kernel::Request;

/// What a driver says to a buffer that comes without a request and must have one.
pub(super) const REQUESTS_ONLY: Fault = Fault { operation: Operation::QueueBuffer, errno: Errno::EBADR };

impl V4l2Camera {
    /// Whether buffers go to the device in requests from the next configuration on, where its driver offers that: what
    /// [`Camera::set_frame_controls`] needs. Drivers that take nothing else get requests unasked.
    pub fn use_requests(&mut self, requests: bool) {
        self.requests = requests;
    }

    pub(super) fn allocate_requests(&self, count: u32) -> Result<Vec<Box<dyn Request>>, Error> {
        let Some(media) = &self.media else {
            return Err(self.unsupported("it belongs to no media device, which gives requests".to_owned()));
        };
        let requests = (0..count).map(|_| media.allocate_request());
        requests.collect::<nix::Result<_>>().map_err(|errno| self.failed(Operation::AllocateRequest, errno))
    }

    /// Starts a stream that the driver refused to start without requests.
    pub(super) fn start_with_requests(&mut self) -> Result<(), Error> {
        let slots = self.stream.as_ref().map_or(0, |stream| stream.pool().len());
        let requests = self.allocate_requests(u32::try_from(slots).unwrap_or(u32::MAX))?;
        let Some(stream) = &mut self.stream else { return Ok(()) };
        stream.use_requests(requests);
        let started = stream.start(&*self.node);
        started.map_err(|fault| self.error(fault))
    }

    /// Asks for settings of one frame; its number.
    pub(super) fn ask_for_frame(&mut self, values: &[(u32, i64)]) -> Result<u64, Error> {
        let Some(settings) = self.stream.as_mut().map(Stream::settings) else {
            return Err(self.misused("set_frame_controls", "it is not configured"));
        };
        let Some(unknown) = settings.map(|settings| settings.unknown(values)) else {
            let reason = "its stream runs without requests (see use_requests), or its driver takes none";
            return Err(self.unsupported(reason.to_owned()));
        };
        // Refused here, not when the frame is about to be made.
        let known = self.controls()?;
        let mut nearest = Vec::with_capacity(values.len());
        for (id, value) in values {
            let Some(control) = known.iter().find(|control| control.id == *id) else {
                return Err(self.unsupported(format!("it has no control {id:#010x}")));
            };
            if control.read_only {
                return Err(self.unsupported(format!("control {id:#010x} can only be read")));
            }
            nearest.push((*id, control.nearest(*value)));
        }
        let usual = self.control_values(&unknown)?;
        let Some(settings) = self.stream.as_mut().and_then(Stream::settings) else {
            return Err(self.misused("set_frame_controls", "it is not configured"));
        };
        for (id, value) in unknown.into_iter().zip(usual) {
            settings.set_usual(id, value);
        }
        Ok(settings.ask(nearest))
    }

    /// Gives controls the values back that they had between frames with settings of their own.
    pub(super) fn end_settings(&mut self) {
        let usual = self.stream.as_mut().and_then(Stream::settings).map(super::settings::Settings::end);
        for mut value in usual.into_iter().flatten() {
            // A control that cannot be set now has the device's word, not ours.
            let _ = self.node.set_controls(std::slice::from_mut(&mut value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera_tests::{SECOND, frame, plugged};
    use super::*;
    use crate::camera::{Dequeued, StreamRequest};
    use crate::error::ErrorKind;
    use crate::fake::{Call, FakeCamera, FakeKernel, FakeMedia, Fault as Misfortune, Model, Requests, Times};
    use v4l2r::bindings::{V4L2_CID_ANALOGUE_GAIN as GAIN, V4L2_CID_EXPOSURE_ABSOLUTE as EXPOSURE};

    fn board(requests: Requests) -> (FakeKernel, FakeCamera, V4l2Camera) {
        let kernel = FakeKernel::default();
        let fake = kernel.plug("/dev/video0", Model { requests, ..Model::raw() });
        kernel.plug_device("/dev/media0", FakeMedia::of(&fake));
        let camera = V4l2Camera::open_on(&kernel, std::path::Path::new("/dev/video0")).unwrap();
        (kernel, fake, camera)
    }

    fn start(camera: &mut V4l2Camera) {
        let mode = camera.modes().unwrap()[0];
        camera.configure(&StreamRequest { mode, held: 2 }).unwrap();
        camera.start().unwrap();
    }

    fn started(requests: Requests) -> (FakeKernel, FakeCamera, V4l2Camera) {
        let (kernel, fake, mut camera) = board(requests);
        camera.use_requests(true);
        start(&mut camera);
        (kernel, fake, camera)
    }

    /// The exposures of the frames that were not made under 100, the usual one.
    fn unusual(fake: &FakeCamera, control: u32, usual: i64) -> Vec<i64> {
        fake.made_with(control).into_iter().map(|(_, value)| value).filter(|value| *value != usual).collect()
    }

    #[test]
    fn settings_are_those_of_one_frame_which_bears_their_number() {
        for requests in [Requests::Offered, Requests::Required] {
            let (_kernel, fake, mut camera) = started(requests);
            frame(&mut camera);
            let numbers = [
                camera.set_frame_controls(&[(EXPOSURE, 500)]).unwrap(),
                camera.set_frame_controls(&[(EXPOSURE, 700), (GAIN, 9)]).unwrap(),
            ];
            let mut found = Vec::new();
            for _ in 0..20 {
                let frame = frame(&mut camera);
                let sequence = frame.device_sequence().unwrap();
                let made = fake.made_with(EXPOSURE).into_iter().find(|made| made.0 == sequence).unwrap().1;
                match frame.settings() {
                    Some(number) => found.push((number, made)),
                    None => assert_eq!(made, 100, "frame {sequence}"),
                }
            }
            assert_eq!(found, [(numbers[0], 500), (numbers[1], 700)]);
            assert_eq!(unusual(&fake, EXPOSURE, 100), [500, 700]);
            assert_eq!(unusual(&fake, GAIN, 0), [9]);
        }
    }

    #[test]
    fn a_driver_that_takes_nothing_but_requests_gets_them_unasked() {
        let (_kernel, fake, mut camera) = board(Requests::Required);
        start(&mut camera);
        for sequence in 0..20 {
            assert_eq!(frame(&mut camera).sequence(), sequence);
        }
        camera.stop().unwrap();
        camera.start().unwrap();
        frame(&mut camera);
        assert_eq!(fake.starts(), 2);
    }

    #[test]
    fn such_a_driver_without_a_media_device_is_told_what_is_missing() {
        let (_kernel, _fake, mut camera) = plugged(Model { requests: Requests::Required, ..Model::raw() });
        let mode = camera.modes().unwrap()[0];
        camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        let error = camera.start().unwrap_err();
        assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("requests"), "{error}");
        camera.use_requests(true);
        let error = camera.configure(&StreamRequest { mode, held: 1 }).unwrap_err();
        assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("media"), "{error}");
    }

    #[test]
    fn cameras_without_requests_say_so() {
        let (_kernel, _fake, mut camera) = board(Requests::None);
        let kind = |result: Result<u64, Error>| result.unwrap_err().kind();
        assert_eq!(kind(camera.set_frame_controls(&[(EXPOSURE, 1)])), ErrorKind::Usage);
        camera.use_requests(true);
        start(&mut camera);
        assert_eq!(kind(camera.set_frame_controls(&[(EXPOSURE, 1)])), ErrorKind::Unsupported);
        frame(&mut camera);
        let (_kernel, _fake, mut camera) = board(Requests::Offered);
        start(&mut camera);
        assert_eq!(
            kind(camera.set_frame_controls(&[(EXPOSURE, 1)])),
            ErrorKind::Unsupported,
            "not asked for"
        );
    }

    #[test]
    fn controls_that_are_not_there_are_refused_at_once_and_values_are_put_in_range() {
        let (_kernel, fake, mut camera) = started(Requests::Offered);
        let error = camera.set_frame_controls(&[(EXPOSURE, 1), (0x1234, 1)]).unwrap_err();
        assert!(error.to_string().contains("0x00001234"), "{error}");
        camera.set_frame_controls(&[(EXPOSURE, 1_000_000)]).unwrap();
        for _ in 0..20 {
            frame(&mut camera);
        }
        assert_eq!(unusual(&fake, EXPOSURE, 100), [10_000]);
    }

    #[test]
    fn a_control_set_between_such_frames_stays_and_stopping_leaves_it_as_it_was() {
        let (_kernel, fake, mut camera) = started(Requests::Offered);
        camera.set_frame_controls(&[(EXPOSURE, 500)]).unwrap();
        camera.set_controls(&[(EXPOSURE, 200)]).unwrap();
        for _ in 0..20 {
            frame(&mut camera);
        }
        assert_eq!(fake.made_with(EXPOSURE).last().unwrap().1, 200);
        // Stopped while the settings are on their way.
        camera.set_frame_controls(&[(EXPOSURE, 900)]).unwrap();
        while unusual(&fake, EXPOSURE, 200).last() != Some(&900) {
            frame(&mut camera);
        }
        camera.stop().unwrap();
        assert_eq!(camera.control_values(&[EXPOSURE]).unwrap(), [200]);
    }

    #[test]
    fn settings_survive_a_queue_that_fails_and_requests_that_are_refused() {
        let (_kernel, fake, mut camera) = started(Requests::Required);
        frame(&mut camera);
        fake.misbehave(0, Misfortune::Fatal);
        let number = camera.set_frame_controls(&[(EXPOSURE, 500)]).unwrap();
        fake.refuse(Call::QueueRequest, Errno::ENOMEM, Times::Next(1));
        let mut seen = Vec::new();
        for _ in 0..40 {
            if let Dequeued::Frame(frame) = camera.dequeue(SECOND).unwrap() {
                seen.extend(frame.settings());
            }
        }
        assert_eq!(seen, [number]);
        assert_eq!(fake.made_with(EXPOSURE).last().unwrap().1, 100);
        drop(camera);
        assert_eq!(fake.buffers(), 0);
    }
}
