//! Formats whose colour planes have memories of their own, on a fake kernel.

use super::camera_tests::{SECOND, frame, plugged};
use super::*;
use crate::fake::{Call, FakeCamera, FakeKernel, Fault, Model, Times, picture};
use crate::format::{PixelFormat, YuvFormat};
use crate::frame::Frame;
use nix::errno::Errno;

fn separate(model: Model) -> (FakeKernel, FakeCamera, V4l2Camera) {
    let (kernel, fake, mut camera) = plugged(model);
    camera.use_separate_planes(true);
    (kernel, fake, camera)
}

fn started(model: Model) -> (FakeKernel, FakeCamera, V4l2Camera, StreamConfig) {
    let (kernel, fake, mut camera) = separate(model);
    let mode = camera.modes().unwrap()[0];
    let config = camera.configure(&StreamRequest { mode, held: 2 }).unwrap();
    camera.start().unwrap();
    (kernel, fake, camera, config)
}

/// What the fake camera drew into each memory of a frame.
fn drawn(config: &StreamConfig, sequence: u32) -> Vec<Vec<u8>> {
    let fourcc = formats::to_fourccs(config.format).find(|name| formats::is_separate(*name)).unwrap();
    let planes = config.planes().into_iter().zip(sequence..);
    planes
        .map(|(plane, number)| {
            let size = plane.stride * plane.rows;
            picture(fourcc, config.width, config.height, plane.stride, size, number)
        })
        .collect()
}

fn seen(frame: &Frame) -> Vec<Vec<u8>> {
    let bytes = frame.read().unwrap();
    (0..bytes.memories()).map(|memory| bytes.memory(memory).to_vec()).collect()
}

#[test]
fn every_format_of_several_memories_is_the_picture_that_was_seen_in_every_memory() {
    for (row_padding, data_offset) in [(0, 0), (24, 0), (0, 128)] {
        for source in [None, Some(Source::Memfd)] {
            let model = Model { row_padding, data_offset, ..Model::separate() };
            let (_kernel, fake, mut camera) = separate(model);
            camera.use_memory(source);
            let modes = camera.modes().unwrap();
            assert_eq!(modes.len(), 8 * 2, "one-memory twins are the same modes");
            for mode in modes {
                let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
                let planes = config.planes();
                assert!(planes.len() > 1 && planes.iter().map(|plane| plane.memory).eq(0..planes.len()));
                camera.start().unwrap();
                for sequence in 0..3 {
                    let frame = frame(&mut camera);
                    assert!(seen(&frame) == drawn(&config, sequence), "{mode:?}, frame {sequence}");
                }
                camera.stop().unwrap();
            }
            assert_eq!(fake.remaps(), 0);
        }
    }
}

#[test]
fn one_memory_is_preferred_unless_several_are_asked_for_or_are_all_there_is() {
    let (_kernel, _fake, mut camera) = plugged(Model::separate());
    let modes = camera.modes().unwrap();
    let mode = |format| *modes.iter().find(|mode| mode.format == format).unwrap();
    let (both, only_separate) =
        (mode(PixelFormat::Yuv(YuvFormat::Nv12)), mode(PixelFormat::Yuv(YuvFormat::Nv21)));
    let separate =
        |camera: &mut V4l2Camera, mode| camera.configure(&StreamRequest { mode, held: 1 }).unwrap().separate;
    assert_eq!(separate(&mut camera, both), None);
    assert_eq!(separate(&mut camera, only_separate), Some([64, 64, 0]));
    camera.use_separate_planes(true);
    assert_eq!(separate(&mut camera, both), Some([64, 64, 0]));
}

#[test]
fn a_plane_that_comes_back_short_is_damage_though_the_first_is_whole() {
    for fault in [Fault::Empty, Fault::Short(100), Fault::Short(u32::MAX)] {
        let (_kernel, fake, mut camera, _) = started(Model::separate());
        frame(&mut camera);
        fake.misbehave(0, fault);
        let answer = camera.dequeue(SECOND).unwrap();
        assert!(matches!(answer, Dequeued::Damaged { sequence: 1, .. }), "{fault:?}: {answer:?}");
        assert_eq!(frame(&mut camera).sequence(), 2);
    }
}

#[test]
fn all_memories_outlive_a_driver_that_wants_its_buffers_back() {
    let mut model = Model::separate();
    model.buffer_capabilities &= !v4l2r::bindings::V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
    let (_kernel, fake, mut camera, config) = started(model);
    let held = frame(&mut camera);
    camera.stop().unwrap();
    let mode = camera.modes().unwrap()[0];
    camera.configure(&StreamRequest { mode, held: 2 }).unwrap();
    assert!(seen(&held) == drawn(&config, 0));
    drop(camera);
    assert_eq!(fake.buffers(), 0);
    assert!(seen(&held) == drawn(&config, 0));
}

#[test]
fn the_ledger_and_the_size_of_a_frame_count_every_memory() {
    let (_kernel, _fake, _camera, config) = started(Model::separate());
    let whole: usize = config.planes().iter().map(|plane| plane.stride * plane.rows).sum();
    assert_eq!(config.size_bytes, whole);
    // Tests that run beside this one only add to it.
    assert!(memory::ledger().bytes >= whole * config.slots as usize);
    assert!(memory::ledger().buffers >= config.planes().len() * config.slots as usize);
}

#[test]
fn a_refused_export_or_import_of_a_later_plane_leaves_no_buffers() {
    let (_kernel, fake, mut camera) = separate(Model::separate());
    let mode = camera.modes().unwrap()[0];
    let request = StreamRequest { mode, held: 1 };
    fake.refuse(Call::ExportBuffer, Errno::ENOMEM, Times::After(1));
    assert!(camera.configure(&request).is_err());
    assert_eq!(fake.buffers(), 0);
    camera.use_memory(Some(Source::Memfd));
    fake.refuse(Call::PrepareBuffer, Errno::EFAULT, Times::Always);
    let text = camera.configure(&request).unwrap_err().to_string();
    assert!(text.contains("the memory has") && text.contains("VIDIOC_PREPARE_BUF"), "{text}");
    assert_eq!(fake.buffers(), 0);
}

#[test]
fn sources_are_probed_with_all_planes_of_a_frame() {
    let (_kernel, fake, mut camera) = separate(Model::separate());
    let empty = tempfile::tempdir().unwrap();
    let mode = camera.modes().unwrap()[0];
    let probes = camera.probe_memory(empty.path(), &mode).unwrap();
    assert_eq!(memory::choose(&probes).unwrap().0, Source::Memfd);
    assert_eq!(fake.buffers(), 0);
}
