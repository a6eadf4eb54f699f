//! The whole backend on a fake kernel.

use nix::errno::Errno;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;
use crate::fake::{Call, FakeCamera, FakeKernel, Fault, Model, Times, picture};
use crate::frame::Frame;
use crate::kernel::{Event, SizeEntry};

const PATH: &str = "/dev/video0";
pub(super) const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(16);

pub(super) fn plugged(model: Model) -> (FakeKernel, FakeCamera, V4l2Camera) {
    let kernel = FakeKernel::default();
    let fake = kernel.plug(PATH, model);
    let camera = V4l2Camera::open_on(&kernel, Path::new(PATH)).unwrap();
    (kernel, fake, camera)
}

fn configure(camera: &mut V4l2Camera) -> StreamConfig {
    let mode = camera.modes().unwrap()[0];
    camera.configure(&StreamRequest { mode, held: 2 }).unwrap()
}

fn started() -> (FakeKernel, FakeCamera, V4l2Camera) {
    let (kernel, fake, mut camera) = plugged(Model::raw());
    configure(&mut camera);
    camera.start().unwrap();
    (kernel, fake, camera)
}

pub(super) fn frame(camera: &mut V4l2Camera) -> Frame {
    match camera.dequeue(SECOND).unwrap() {
        Dequeued::Frame(frame) => frame,
        other => panic!("no frame but {other:?}"),
    }
}

fn damage(camera: &mut V4l2Camera) -> u64 {
    match camera.dequeue(SECOND).unwrap() {
        Dequeued::Damaged { sequence, .. } => sequence,
        other => panic!("no damage but {other:?}"),
    }
}

#[test]
fn every_format_of_every_size_is_the_picture_that_was_seen() {
    let sizes = vec![SizeEntry::Discrete(64, 48), SizeEntry::Discrete(34, 18)];
    let fourccs = vec![
        *b"RGGB", *b"BG10", *b"pGAA", *b"pRCC", *b"pgEE", *b"BYR2", *b"YUYV", *b"NV12", *b"NV16", *b"YU12",
        *b"MJPG",
    ];
    for row_padding in [0, 30] {
        let model = Model { fourccs: fourccs.clone(), sizes: sizes.clone(), row_padding, ..Model::raw() };
        for model in [model.clone(), model.planar()] {
            let (_kernel, _fake, mut camera) = plugged(model);
            let modes = camera.modes().unwrap();
            assert_eq!(modes.len(), fourccs.len() * sizes.len());
            for mode in modes {
                let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
                assert_eq!(
                    (config.format, config.width, config.height),
                    (mode.format, mode.width, mode.height)
                );
                camera.start().unwrap();
                for sequence in 0..3 {
                    let fourcc = formats::to_fourccs(mode.format).next().unwrap();
                    let (stride, size) = (config.stride_bytes, config.size_bytes);
                    let seen = picture(fourcc, config.width, config.height, stride, size, sequence);
                    assert!(*frame(&mut camera).read().unwrap() == *seen, "{mode:?}, frame {sequence}");
                }
                camera.stop().unwrap();
            }
        }
    }
}

#[test]
fn a_camera_on_usb_tells_what_its_colours_mean() {
    let (_kernel, _fake, mut camera) = plugged(Model::usb());
    let config = configure(&mut camera);
    assert!(config.format.raw().is_none() && config.colorimetry.is_some(), "{config:?}");
    assert_eq!(config.planes().len(), 1);
}

#[test]
fn frames_that_come_back_bad_are_damage_and_the_next_one_is_good() {
    let faults = [Fault::Empty, Fault::Short(10), Fault::Bad, Fault::Short(u32::MAX)];
    for fault in faults {
        let (_kernel, fake, mut camera) = started();
        frame(&mut camera);
        fake.misbehave(0, fault);
        assert_eq!(damage(&mut camera), 1, "{fault:?}");
        assert_eq!(frame(&mut camera).sequence(), 2, "{fault:?}");
    }
}

#[test]
fn lost_frames_late_frames_and_jumps_keep_numbers_and_pictures_right() {
    let (_kernel, fake, mut camera) = started();
    let first = frame(&mut camera);
    fake.misbehave(0, Fault::Lost);
    assert_eq!(frame(&mut camera).sequence(), 2);
    fake.misbehave(0, Fault::Late(SECOND / 2));
    let late = frame(&mut camera);
    assert_eq!(late.sequence(), 3);
    assert!(late.timestamp() - first.timestamp() >= SECOND / 2 + 2 * FRAME);
    fake.misbehave(0, Fault::Sequence(u32::MAX));
    let jumped = frame(&mut camera).sequence();
    assert_eq!(frame(&mut camera).sequence(), jumped + 1, "over the end of 32 bits");
    fake.misbehave(0, Fault::Timestamp(Duration::from_secs(1 << 33)));
    assert!(frame(&mut camera).timestamp() >= Duration::from_secs(1 << 33));
}

#[test]
fn a_camera_that_was_slept_over_loses_frames_and_none_twice() {
    let (_kernel, fake, mut camera) = started();
    fake.pass(10 * SECOND);
    let mut last = None;
    for _ in 0..10 {
        let next = frame(&mut camera).sequence();
        assert!(last.is_none_or(|last| next > last));
        last = Some(next);
    }
    assert!(last > Some(500), "{last:?}");
}

#[test]
fn a_queue_that_fails_is_restarted_and_the_stream_goes_on() {
    let (_kernel, fake, mut camera) = started();
    let held = frame(&mut camera);
    let before = held.read().unwrap().to_vec();
    fake.misbehave(0, Fault::Fatal);
    damage(&mut camera);
    for _ in 0..10 {
        assert_ne!(frame(&mut camera).slot(), held.slot());
    }
    assert_eq!(fake.starts(), 2);
    assert!(*held.read().unwrap() == *before, "the frame that is held was written to");
}

#[test]
fn buffers_that_the_device_was_not_given_are_ignored() {
    let (_kernel, fake, mut camera) = started();
    let held = frame(&mut camera);
    for stray in [u32::MAX, 31, held.slot()] {
        fake.misbehave(0, Fault::Stray(stray));
        assert_ne!(frame(&mut camera).slot(), held.slot());
    }
}

#[test]
fn an_event_is_told_once() {
    let (_kernel, fake, mut camera) = started();
    let event = Event::SourceChanged { resolution: true };
    fake.misbehave(0, Fault::Tell(event));
    let told = camera.dequeue(SECOND).unwrap();
    assert!(matches!(told, Dequeued::Event(told) if told == event), "{told:?}");
    frame(&mut camera);
}

#[test]
fn the_end_of_a_stream_is_not_an_error() {
    let (_kernel, fake, mut camera) = started();
    fake.misbehave(0, Fault::Last);
    let end = camera.dequeue(SECOND).unwrap();
    assert!(matches!(end, Dequeued::Event(Event::EndOfStream)), "{end:?}");
    // Off and on again is what brings frames back.
    damage(&mut camera);
    frame(&mut camera);
}

/// The calls that a camera makes on its way from nothing to a frame and back.
const CALLS: [Call; 12] = [
    Call::EnumerateFormats,
    Call::EnumerateSizes,
    Call::SetFormat,
    Call::FreeBuffers,
    Call::RequestBuffers,
    Call::QueryBuffer,
    Call::ExportBuffer,
    Call::QueueBuffer,
    Call::StreamOn,
    Call::Wait,
    Call::DequeueBuffer,
    Call::StreamOff,
];

/// All the way, as a program goes it.
fn photograph(camera: &mut V4l2Camera) -> Result<Frame, Error> {
    // A refusal with EINVAL is the kernel's way to say that a list has ended.
    let listed = camera.modes()?;
    let Some(&mode) = listed.first() else { return Err(camera.unsupported("it has no modes".to_owned())) };
    camera.configure(&StreamRequest { mode, held: 2 })?;
    camera.start()?;
    let frame = loop {
        match camera.dequeue(SECOND)? {
            Dequeued::Frame(frame) => break frame,
            Dequeued::Damaged { .. } => {}
            other => panic!("no frame but {other:?}"),
        }
    };
    camera.stop()?;
    Ok(frame)
}

#[test]
fn a_call_that_is_refused_once_is_told_or_cured_and_the_next_photo_is_good() {
    for call in CALLS {
        for errno in [Errno::EINVAL, Errno::EIO, Errno::ENOMEM, Errno::EBUSY, Errno::EPIPE] {
            let (_kernel, fake, mut camera) = plugged(Model::raw());
            fake.refuse(call, errno, Times::Next(1));
            if photograph(&mut camera).is_err() {
                let _ = camera.stop();
            }
            let good = photograph(&mut camera);
            assert!(good.is_ok(), "{call:?} {errno}: {:?}", good.err());
            drop(camera);
            assert_eq!(fake.buffers(), 0, "{call:?} {errno}: buffers left");
        }
    }
}

#[test]
fn a_call_that_is_always_refused_is_an_error_that_names_camera_and_call() {
    for call in CALLS {
        for errno in [Errno::EIO, Errno::ENOMEM, Errno::EBUSY] {
            let (_kernel, fake, mut camera) = plugged(Model::raw());
            fake.refuse(call, errno, Times::Always);
            let text = photograph(&mut camera).map(|_| ()).unwrap_err().to_string();
            assert!(text.contains(PATH), "{call:?} {errno}: {text}");
        }
    }
}

#[test]
fn a_camera_that_answers_nothing_before_the_kernel_says_that_it_went_is_gone() {
    for call in [Call::SetFormat, Call::StreamOn, Call::RequestBuffers] {
        let (_kernel, fake, mut camera) = plugged(Model::usb());
        fake.refuse(call, Errno::EIO, Times::Always);
        fake.refuse(Call::QueryCapabilities, Errno::ENODEV, Times::Always);
        let error = photograph(&mut camera).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Gone, "{call:?}: {error}");
    }
    // One that stays keeps its error, in bounded time of the device's clock.
    let (_kernel, fake, mut camera) = plugged(Model::usb());
    fake.refuse(Call::SetFormat, Errno::EIO, Times::Always);
    assert_eq!(photograph(&mut camera).map(|_| ()).unwrap_err().kind(), ErrorKind::System);
}

#[test]
fn a_camera_that_goes_is_gone_wherever_it_is_noticed() {
    for call in CALLS {
        let (_kernel, fake, mut camera) = plugged(Model::raw());
        fake.refuse(call, Errno::ENODEV, Times::Always);
        let result = photograph(&mut camera);
        // What is gone is stopped.
        if call != Call::StreamOff {
            assert_eq!(result.map(|_| ()).unwrap_err().kind(), ErrorKind::Gone, "{call:?}");
        }
    }
}

#[test]
fn frames_outlive_their_camera_and_it_comes_back() {
    let (kernel, fake, mut camera) = started();
    let held = frame(&mut camera);
    let before = held.read().unwrap().to_vec();
    fake.misbehave(0, Fault::Unplug);
    assert_eq!(camera.dequeue(SECOND).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(camera.dequeue(SECOND).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(camera.modes().unwrap_err().kind(), ErrorKind::Gone);
    camera.stop().unwrap();
    assert_eq!(camera.start().unwrap_err().kind(), ErrorKind::Gone);
    drop(camera);
    kernel.plug(PATH, Model::raw());
    let mut camera = V4l2Camera::open_on(&kernel, Path::new(PATH)).unwrap();
    photograph(&mut camera).unwrap();
    assert!(*held.read().unwrap() == *before);
}

#[test]
fn a_camera_in_use_is_busy_and_its_stream_goes_on() {
    let (kernel, _fake, mut first) = started();
    let mut second = V4l2Camera::open_on(&kernel, Path::new(PATH)).unwrap();
    assert_eq!(photograph(&mut second).unwrap_err().kind(), ErrorKind::Busy);
    frame(&mut first);
    drop(first);
    photograph(&mut second).unwrap();
}

fn without_orphans() -> Model {
    let mut model = Model::raw();
    model.buffer_capabilities &= !v4l2r::bindings::V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
    model
}

#[test]
fn drivers_without_orphaned_buffers_get_their_memory_back_and_frames_stay() {
    let (_kernel, _fake, mut camera) = plugged(without_orphans());
    let held = photograph(&mut camera).unwrap();
    let before = held.read().unwrap().to_vec();
    photograph(&mut camera).unwrap();
    assert!(*held.read().unwrap() == *before);
}

#[test]
fn a_frame_that_is_read_for_too_long_keeps_such_a_driver_from_being_configured() {
    let (_kernel, _fake, mut camera) = plugged(without_orphans());
    let held = photograph(&mut camera).unwrap();
    let reading = held.read().unwrap();
    assert_eq!(photograph(&mut camera).unwrap_err().kind(), ErrorKind::Usage);
    drop(reading);
    drop(held);
    photograph(&mut camera).unwrap();
}

#[test]
fn imported_memory_gives_the_same_pictures_and_a_slot_keeps_its_memory() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    camera.use_memory(Some(Source::Memfd));
    let config = configure(&mut camera);
    camera.start().unwrap();
    let fourcc = formats::to_fourccs(config.format).next().unwrap();
    for sequence in 0..50 {
        let (stride, size) = (config.stride_bytes, config.size_bytes);
        let seen = picture(fourcc, config.width, config.height, stride, size, sequence);
        assert!(*frame(&mut camera).read().unwrap() == *seen, "frame {sequence}");
    }
    assert_eq!(fake.remaps(), 0);
}

#[test]
fn memory_that_the_device_refuses_is_told_with_both_sizes() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    camera.use_memory(Some(Source::Memfd));
    fake.refuse(Call::PrepareBuffer, Errno::EFAULT, Times::Always);
    let mode = camera.modes().unwrap()[0];
    let error = camera.configure(&StreamRequest { mode, held: 1 }).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        text.contains("6144 bytes") && text.contains("needs 6144") && text.contains("one piece"),
        "{text}"
    );
    assert_eq!(fake.buffers(), 0);
}

#[test]
fn memory_is_probed_with_the_camera_and_the_choice_has_a_reason() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    let empty = tempfile::tempdir().unwrap();
    let mode = camera.modes().unwrap()[0];
    let probes = camera.probe_memory(empty.path(), &mode).unwrap();
    assert_eq!(memory::choose(&probes).unwrap().0, Source::Memfd);
    fake.refuse(Call::PrepareBuffer, Errno::EINVAL, Times::Always);
    let probes = camera.probe_memory(empty.path(), &mode).unwrap();
    assert!(memory::choose(&probes).unwrap_err().contains("EINVAL"));
    assert_eq!(fake.buffers(), 0);
}

#[test]
fn a_stalled_stream_is_restarted_once_and_then_told() {
    let (_kernel, fake, mut camera) = started();
    frame(&mut camera);
    fake.misbehave(0, Fault::Stall);
    let mut outcomes = Vec::new();
    for _ in 0..10 {
        outcomes.push(camera.dequeue(SECOND / 2).unwrap());
        if let Some(Dequeued::Damaged { reason, .. }) = outcomes.last() {
            assert!(reason.contains("silent"), "{reason}");
            break;
        }
    }
    assert_eq!(outcomes.len(), 4, "two seconds: {outcomes:?}");
    frame(&mut camera);
    for again in 1..3 {
        // The frame after the next stalls too, as often as it is tried.
        fake.misbehave(0, Fault::Stall);
        let end = (0..10).find_map(|_| match camera.dequeue(SECOND / 2) {
            Ok(Dequeued::Timeout) => None,
            other => Some(other),
        });
        match end.unwrap() {
            Ok(Dequeued::Damaged { .. }) => assert_eq!(again, 1),
            Err(error) => assert_eq!((error.kind(), again), (ErrorKind::Stalled, 2), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_caller_that_holds_all_frames_does_not_make_the_camera_look_stalled() {
    let (_kernel, fake, mut camera) = started();
    let mut held = Vec::new();
    while let Dequeued::Frame(frame) = camera.dequeue(SECOND).unwrap() {
        held.push(frame);
    }
    fake.pass(20 * SECOND);
    assert!(matches!(camera.dequeue(SECOND).unwrap(), Dequeued::Starved));
    held.pop();
    frame(&mut camera);
    assert_eq!(fake.starts(), 1);
}

#[test]
fn memory_is_not_probed_while_the_camera_streams_and_the_stream_goes_on() {
    let (_kernel, _fake, mut camera) = started();
    let mode = camera.modes().unwrap()[0];
    let refused = camera.probe_memory(Path::new("/nowhere"), &mode).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage, "{refused}");
    frame(&mut camera);
    camera.stop().unwrap();
}

#[test]
fn a_slot_that_comes_back_late_does_not_make_the_camera_look_stalled() {
    let (_kernel, fake, mut camera) = started();
    let mut held = Vec::new();
    while let Dequeued::Frame(frame) = camera.dequeue(SECOND).unwrap() {
        held.push(frame);
    }
    fake.pass(20 * SECOND);
    held.pop();
    // Shorter than a frame takes.
    let outcome = camera.dequeue(Duration::from_millis(1)).unwrap();
    assert!(matches!(outcome, Dequeued::Timeout), "{outcome:?}");
    frame(&mut camera);
    assert_eq!(fake.starts(), 1);
}

#[test]
fn controls_are_listed_read_and_set() {
    let (_kernel, _fake, mut camera) = plugged(Model::raw());
    let controls = camera.controls().unwrap();
    assert_eq!(controls.len(), 2);
    let exposure = controls.iter().find(|control| control.name.starts_with("Exposure")).unwrap();
    assert_eq!((exposure.unit, exposure.delay_frames), (crate::control::Unit::HundredMicroseconds, 2));
    assert_eq!(camera.control_values(&[exposure.id]).unwrap(), [100]);
    assert_eq!(camera.set_controls(&[(exposure.id, 50_000)]).unwrap(), [10_000]);
    assert_eq!(camera.control_values(&[exposure.id]).unwrap(), [10_000]);
    let error = camera.set_controls(&[(exposure.id, 1), (0x1234, 1)]).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("0x00001234"), "{error}");
}

#[test]
fn a_control_that_is_taken_is_busy_and_a_camera_that_is_gone_is_gone() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    let id = camera.controls().unwrap()[0].id;
    fake.refuse(Call::SetControls, Errno::EBUSY, Times::Next(1));
    assert_eq!(camera.set_controls(&[(id, 1)]).unwrap_err().kind(), ErrorKind::Busy);
    fake.refuse(Call::Priority, Errno::EBUSY, Times::Next(1));
    assert_eq!(camera.set_priority(Priority::Record).unwrap_err().kind(), ErrorKind::Busy);
    camera.set_priority(Priority::Record).unwrap();
    fake.unplug();
    assert_eq!(camera.controls().unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(camera.control_values(&[id]).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(camera.crop().unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(camera.watch(Watch::Source).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn a_crop_stays_inside_of_the_sensor() {
    let (_kernel, fake, mut camera) = plugged(Model::raw());
    let whole = camera.crop().unwrap().unwrap();
    assert_eq!(whole.now, whole.bounds);
    let part = Rectangle { left: 60, top: 0, width: 32, height: 24 };
    assert_eq!(camera.set_crop(part).unwrap(), Rectangle { left: 32, ..part });
    assert_eq!(camera.crop().unwrap().unwrap().now.width, 32);
    fake.refuse(Call::SetSelection, Errno::ENOTTY, Times::Always);
    fake.refuse(Call::GetSelection, Errno::ENOTTY, Times::Always);
    assert_eq!(camera.set_crop(part).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(camera.crop().unwrap(), None);
}

#[test]
fn events_are_asked_for_where_the_device_has_them() {
    let (_kernel, _fake, mut camera) = plugged(Model::raw());
    let gain = camera.controls().unwrap()[0].id;
    assert!(camera.watch(Watch::Control(gain)).unwrap());
    assert!(!camera.watch(Watch::Control(1)).unwrap(), "it has no such control");
    assert!(!camera.watch(Watch::FrameSync).unwrap());
}

#[test]
fn the_highest_rate_is_taken_unless_a_lower_one_is_asked_for() {
    let (_kernel, _fake, mut camera) = plugged(Model::raw());
    let mode = camera.modes().unwrap()[0];
    assert_eq!(mode.frame_interval, Some(SECOND / 60));
    let slower = Mode { frame_interval: Some(Duration::from_millis(90)), ..mode };
    for (mode, rate) in [(mode, 60), (Mode { frame_interval: None, ..mode }, 60), (slower, 10)] {
        let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        assert_eq!(config.frame_interval, Some(SECOND / rate));
        camera.start().unwrap();
        let (first, second) = (frame(&mut camera), frame(&mut camera));
        assert_eq!(second.timestamp() - first.timestamp(), SECOND / rate);
        camera.stop().unwrap();
    }
}

#[test]
fn several_cameras_share_one_account_of_memory() {
    let (_first_kernel, _first_fake, mut first) = plugged(Model::raw());
    let (_second_kernel, _second_fake, mut second) = plugged(Model::raw());
    let (one, two) = (configure(&mut first), configure(&mut second));
    let bytes = |config: &StreamConfig| config.size_bytes * config.slots as usize;
    // Tests that run beside this one only add to it.
    assert!(memory::ledger().bytes >= bytes(&one) + bytes(&two));
    assert!(memory::ledger().buffers >= (one.slots + two.slots) as usize);
}

#[test]
fn sizes_may_be_a_range_or_not_be_listed_at_all() {
    use crate::kernel::SizeRange;
    let range = SizeRange { min: (32, 24), max: (128, 96), step: (2, 2) };
    let model = Model { sizes: vec![SizeEntry::Range(range)], ..Model::raw() };
    let (_kernel, _fake, mut camera) = plugged(model);
    let modes = camera.modes().unwrap();
    assert_eq!((modes[0].width, modes[0].height), (128, 96));
    assert!(modes.iter().any(|mode| (mode.width, mode.height) == (64, 48)));
    photograph(&mut camera).unwrap();

    let (_kernel, fake, mut camera) = plugged(Model::raw());
    fake.refuse(Call::EnumerateSizes, Errno::ENOTTY, Times::Always);
    fake.refuse(Call::EnumerateIntervals, Errno::ENOTTY, Times::Always);
    // The device is asked for the largest that there could be, and answers with what it has.
    let modes = camera.modes().unwrap();
    assert_eq!((modes[0].width, modes[0].height, modes[0].frame_interval), (64, 48, None));
    photograph(&mut camera).unwrap();
}

#[test]
fn a_stop_that_is_refused_and_a_start_that_fails_leave_a_camera_that_works() {
    let (_kernel, fake, mut camera) = started();
    frame(&mut camera);
    fake.refuse(Call::StreamOff, Errno::EIO, Times::Next(1));
    assert!(camera.stop().is_err());
    camera.stop().unwrap();
    fake.refuse(Call::StreamOn, Errno::ETIMEDOUT, Times::Next(2));
    for _ in 0..2 {
        let text = camera.start().unwrap_err().to_string();
        assert!(text.contains("sensor did not answer"), "{text}");
        assert_eq!(fake.queued(), 0, "buffers stay with the device");
    }
    camera.start().unwrap();
    frame(&mut camera);
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Lost),
        Just(Fault::Empty),
        Just(Fault::Bad),
        Just(Fault::Stall),
        Just(Fault::Fatal),
        Just(Fault::Last),
        any::<u32>().prop_map(Fault::Short),
        (0u32..40).prop_map(Fault::Stray),
        any::<u32>().prop_map(Fault::Sequence),
        (0u64..3000).prop_map(|millis| Fault::Late(Duration::from_millis(millis))),
        any::<u32>().prop_map(|seconds| Fault::Timestamp(Duration::from_secs(seconds.into()))),
        Just(Fault::Tell(Event::EndOfStream)),
    ]
}

proptest! {
    /// Whatever goes wrong, in whatever order: no panic, numbers that rise, every frame whole, and after it a good photo
    /// with no buffer left behind.
    #[test]
    fn no_series_of_faults_breaks_a_camera(
        faults in proptest::collection::vec((0u64..60, any_fault()), 0..30),
        keep in 0usize..4,
    ) {
        let (_kernel, fake, mut camera) = started();
        for (at, fault) in faults {
            fake.misbehave(at, fault);
        }
        let (mut held, mut last) = (Vec::new(), None);
        for _ in 0..80 {
            match camera.dequeue(SECOND) {
                Ok(Dequeued::Frame(frame)) => {
                    prop_assert!(last.is_none_or(|last| frame.sequence() > last));
                    prop_assert_eq!(frame.read().unwrap().len(), 6144);
                    last = Some(frame.sequence());
                    held.push(frame);
                }
                Ok(_) => {}
                Err(error) => {
                    prop_assert!(matches!(error.kind(), ErrorKind::System | ErrorKind::Stalled), "{}", error);
                    let _ = camera.stop();
                    camera.start().unwrap();
                    last = None;
                }
            }
            if held.len() > keep {
                held.remove(0);
            }
        }
        drop(held);
        let _ = camera.stop();
        let photo = (0..5).find_map(|_| {
            let photo = photograph_with_faults(&mut camera);
            let _ = camera.stop();
            photo
        });
        prop_assert!(photo.is_some());
        drop(camera);
        prop_assert_eq!(fake.buffers(), 0);
    }
}

/// As [`photograph`], while faults may still come.
fn photograph_with_faults(camera: &mut V4l2Camera) -> Option<Frame> {
    configure(camera);
    camera.start().ok()?;
    (0..200).find_map(|_| match camera.dequeue(SECOND) {
        Ok(Dequeued::Frame(frame)) => Some(frame),
        _ => None,
    })
}
