//! What embedded machines do to a camera, on a fake kernel.

use nix::errno::Errno;

use super::camera_tests::{SECOND, frame, plugged};
use super::*;
use crate::error::ErrorKind;
use crate::fake::{Call, FakeKernel, Fault, Model, Times};
use crate::kernel::SizeEntry;

const PATH: &str = "/dev/video0";
const TWO_SECONDS: Duration = Duration::from_secs(2);

fn configured(camera: &mut V4l2Camera, held: u32) -> Result<StreamConfig, Error> {
    let mode = camera.modes().unwrap()[0];
    camera.configure(&StreamRequest { mode, held })
}

fn open_within(kernel: &FakeKernel, patience: Duration) -> Result<V4l2Camera, Error> {
    V4l2Camera::open_within(kernel, Path::new(PATH), patience)
}

#[test]
fn a_device_that_just_resumed_is_waited_for_and_no_longer_than_needed() {
    for errno in [Errno::EBUSY, Errno::ENODEV, Errno::EIO, Errno::ETIMEDOUT] {
        let kernel = FakeKernel::default();
        let fake = kernel.plug(PATH, Model::raw());
        fake.refuse(Call::Open, errno, Times::Next(7));
        open_within(&kernel, TWO_SECONDS).unwrap();
        assert_eq!(kernel.slept(), Duration::from_millis(350), "{errno}");
    }
}

#[test]
fn waiting_for_a_device_is_bounded_and_tells_its_last_answer() {
    let kernel = FakeKernel::default();
    let fake = kernel.plug(PATH, Model::raw());
    fake.refuse(Call::Open, Errno::EBUSY, Times::Always);
    assert_eq!(open_within(&kernel, TWO_SECONDS).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(kernel.slept(), TWO_SECONDS);
    assert_eq!(open_within(&kernel, Duration::ZERO).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(kernel.slept(), TWO_SECONDS);
}

#[test]
fn what_waiting_does_not_cure_is_not_waited_for() {
    let kernel = FakeKernel::default();
    assert_eq!(open_within(&kernel, TWO_SECONDS).unwrap_err().kind(), ErrorKind::NotFound);
    let fake = kernel.plug(PATH, Model::raw());
    for (errno, kind) in [(Errno::EACCES, ErrorKind::Permission), (Errno::EMFILE, ErrorKind::System)] {
        fake.refuse(Call::Open, errno, Times::Always);
        assert_eq!(open_within(&kernel, TWO_SECONDS).unwrap_err().kind(), kind);
    }
    assert_eq!(kernel.slept(), Duration::ZERO);
}

#[test]
fn a_camera_in_use_is_found_out_before_it_is_configured() {
    let (kernel, fake, mut first) = plugged(Model::raw());
    let second = V4l2Camera::open_on(&kernel, Path::new(PATH)).unwrap();
    second.check_free().unwrap();
    configured(&mut first, 1).unwrap();
    assert_eq!(second.check_free().unwrap_err().kind(), ErrorKind::Busy);
    first.check_free().unwrap();
    drop(first);
    second.check_free().unwrap();
    fake.refuse(Call::SetFormat, Errno::EINVAL, Times::Next(1));
    second.check_free().unwrap();
    fake.unplug();
    assert_eq!(second.check_free().unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn the_first_frames_after_a_start_are_left_out_where_a_board_says_so() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    camera.skip_first(3);
    configured(&mut camera, 2).unwrap();
    for _ in 0..2 {
        camera.start().unwrap();
        let (first, second) = (frame(&mut camera), frame(&mut camera));
        assert_eq!((first.sequence(), first.device_sequence()), (0, Some(3)));
        assert_eq!((second.sequence(), second.missing_before()), (1, 0));
        drop((first, second));
        camera.stop().unwrap();
    }
    // A queue that was restarted begins with such frames too.
    camera.start().unwrap();
    frame(&mut camera);
    fake.misbehave(0, Fault::Fatal);
    assert!(matches!(camera.dequeue(SECOND).unwrap(), Dequeued::Damaged { sequence: 1, .. }));
    assert_eq!(frame(&mut camera).device_sequence(), Some(3));
    // At first none are.
    let (_kernel, _fake, mut camera) = plugged(Model::raw());
    configured(&mut camera, 2).unwrap();
    camera.start().unwrap();
    assert_eq!(frame(&mut camera).device_sequence(), Some(0));
}

#[test]
fn frames_that_a_counter_hides_are_told_by_their_times() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    configured(&mut camera, 2).unwrap();
    camera.start().unwrap();
    for _ in 0..8 {
        assert_eq!(frame(&mut camera).missing_before(), 0);
    }
    // The device loses three and numbers on as if they had never been.
    for lost in 0..3 {
        fake.misbehave(lost, Fault::Lost);
    }
    let hidden = 8;
    fake.misbehave(3, Fault::Sequence(hidden));
    let after = frame(&mut camera);
    assert_eq!((after.sequence(), after.missing_before()), (8, 3));
    assert_eq!(frame(&mut camera).missing_before(), 0);
    // Lost ones that are numbered are not counted twice.
    fake.misbehave(0, Fault::Lost);
    let after = frame(&mut camera);
    assert_eq!((after.sequence(), after.missing_before()), (11, 1));
}

/// 12 MP of 16 bit, 25 MB a frame, of a contiguous area of 64 MB.
fn small_machine() -> Model {
    let sizes = vec![SizeEntry::Discrete(4056, 3040), SizeEntry::Discrete(640, 480)];
    Model { sizes, fourccs: vec![*b"RG12"], memory_bytes: 64 << 20, ..Model::raw() }
}

#[test]
fn a_small_contiguous_area_gives_fewer_slots_and_says_how_many() {
    let (_kernel, fake, mut camera) = plugged(small_machine());
    let config = configured(&mut camera, 8).unwrap();
    assert_eq!((config.width, config.slots, config.held), (4056, 2, 0));
    camera.start().unwrap();
    frame(&mut camera);
    camera.stop().unwrap();
    let small = *camera.modes().unwrap().last().unwrap();
    let config = camera.configure(&StreamRequest { mode: small, held: 8 }).unwrap();
    assert_eq!((config.width, config.held), (640, 8));
    drop(camera);
    assert_eq!(fake.buffers(), 0);
}

#[test]
fn an_area_too_small_for_two_frames_is_told_and_leaves_nothing() {
    let (_kernel, fake, mut camera) = plugged(Model { memory_bytes: 40 << 20, ..small_machine() });
    let error = configured(&mut camera, 1).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("needs 2"), "{error}");
    assert_eq!(fake.buffers(), 0);
    let (_kernel, fake, mut camera) = plugged(Model { memory_bytes: 20 << 20, ..small_machine() });
    let error = configured(&mut camera, 1).unwrap_err();
    assert!(error.to_string().contains("cma="), "{error}");
    assert_eq!(fake.buffers(), 0);
}

#[test]
fn imported_memory_that_runs_out_gives_fewer_slots_not_an_error() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    camera.use_memory(Some(Source::Memfd));
    fake.refuse(Call::PrepareBuffer, Errno::ENOMEM, Times::After(4));
    let config = configured(&mut camera, 8).unwrap();
    assert_eq!((config.slots, config.held), (4, 1));
    camera.start().unwrap();
    for sequence in 0..20 {
        assert_eq!(frame(&mut camera).sequence(), sequence);
    }
    assert_eq!(fake.queued(), 3);
    camera.stop().unwrap();
    fake.refuse(Call::PrepareBuffer, Errno::EFAULT, Times::After(1));
    assert_eq!(configured(&mut camera, 8).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(fake.buffers(), 0);
    fake.refuse(Call::PrepareBuffer, Errno::ENODEV, Times::After(3));
    assert_eq!(configured(&mut camera, 8).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn a_driver_that_keeps_buffers_and_tells_nothing_of_it_starves_and_does_not_stall() {
    for kept_buffers in [1, 2] {
        let (_kernel, fake, mut camera) = plugged(Model { kept_buffers, ..Model::raw() });
        let config = configured(&mut camera, 1).unwrap();
        assert_eq!((config.slots, config.held), (4, 1));
        camera.start().unwrap();
        let mut held: Vec<_> = (kept_buffers..config.slots).map(|_| frame(&mut camera)).collect();
        // A frame may only be late, and nobody is told otherwise before that is ruled out.
        assert!(matches!(camera.dequeue(SECOND).unwrap(), Dequeued::Timeout));
        for _ in 0..5 {
            assert!(matches!(camera.dequeue(TWO_SECONDS).unwrap(), Dequeued::Starved));
        }
        assert_eq!(fake.starts(), 1, "the stream was not broken for it");
        held.pop();
        frame(&mut camera);
        // What the caller gives back begins the device's time anew.
        held.truncate(1);
        assert_eq!(frame(&mut camera).missing_before(), 0);
        fake.misbehave(0, Fault::Stall);
        let stalled = camera.dequeue(2 * TWO_SECONDS).unwrap();
        assert!(matches!(stalled, Dequeued::Damaged { .. }), "with one held it is a stall: {stalled:?}");
        assert_eq!(fake.starts(), 2);
    }
}

#[test]
fn a_camera_of_other_formats_is_refused_with_what_it_offers() {
    let kernel = FakeKernel::default();
    kernel.plug(PATH, Model { fourccs: vec![*b"GREY", *b"RGBP", *b"H264"], ..Model::raw() });
    let error = V4l2Camera::open_on(&kernel, Path::new(PATH)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("it offers GREY, RGBP, H264"), "{error}");
}

#[test]
fn formats_that_are_not_known_here_are_left_out_beside_those_that_are() {
    let (_kernel, _fake, camera) = plugged(Model { fourccs: vec![*b"GREY", *b"YUYV"], ..Model::raw() });
    let formats: Vec<_> = camera.modes().unwrap().iter().map(|mode| mode.format).collect();
    assert_eq!(formats, [crate::PixelFormat::Yuv(crate::YuvFormat::Yuyv); 2]);
}
