//! Controls, crops, media graph; and a device that is unbound and bound again.

use latent_hal::hotplug::{self, Change, Monitor};
use latent_hal::kernel::{Kernel, Linux};

use super::*;

const BRIGHTNESS: u32 = 0x0098_0900;

fn mean(frame: &Frame) -> u64 {
    let bytes = bytes(frame);
    bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>() / bytes.len() as u64
}

#[test]
fn a_control_changes_the_picture() {
    let Some(device) = device() else { return };
    let Some(_vivid) = device.vivid() else { return };
    let (mut camera, _) = started(&device, 1);
    let controls = camera.controls().unwrap();
    let brightness = controls.iter().find(|control| control.id == BRIGHTNESS).unwrap();
    println!("{} controls, {brightness:?}", controls.len());
    let usual = mean(&frame(&mut camera));
    camera.set_controls(&[(BRIGHTNESS, brightness.max)]).unwrap();
    // What was exposed before is still on its way.
    let bright = (0..8).map(|_| mean(&frame(&mut camera))).last().unwrap();
    let restored = camera.set_controls(&[(BRIGHTNESS, brightness.default)]).unwrap();
    assert_eq!(restored, [brightness.default]);
    assert!(bright > usual, "{bright} > {usual}");
    let missing = camera.set_controls(&[(0x0098_ffff, 1)]).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Unsupported, "{missing}");
}

#[test]
fn menus_name_their_choices() {
    let Some(device) = device() else { return };
    let Some(_vivid) = device.vivid() else { return };
    let camera = device.open();
    let controls = camera.controls().unwrap();
    let pattern = controls.iter().find(|control| control.name == "Test Pattern").unwrap();
    let menu = camera.menu(pattern).unwrap();
    assert!(menu.len() > 10, "{menu:?}");
}

#[test]
fn a_crop_is_inside_of_its_bounds() {
    let Some(device) = device() else { return };
    let mut camera = device.open();
    configured(&mut camera, 1);
    if let Some(crop) = camera.crop().unwrap() {
        println!("{crop:?}");
        assert!(crop.now.width <= crop.bounds.width && crop.now.height <= crop.bounds.height);
    } else {
        println!("SKIP the device crops nothing");
    }
}

#[test]
fn the_media_graph_has_the_devices_node() {
    let Some(_device) = device() else { return };
    let Ok(media) = Linux.media(Path::new("/dev/media0")) else {
        println!("SKIP there is no media device");
        return;
    };
    let (info, topology) = (media.info().unwrap(), media.topology().unwrap());
    println!("{info:?}: {} entities, {} links", topology.entities.len(), topology.links.len());
    assert!(!topology.entities.is_empty());
    for entity in &topology.entities {
        println!("  {} {:#x}", entity.name, entity.function);
    }
    assert!(topology.interfaces.iter().any(|interface| interface.major == 81));
}

#[test]
fn what_another_program_may_not_change_it_cannot() {
    use latent_hal::v4l2::Priority;
    let Some(device) = device() else { return };
    let (mut first, mut second) = (device.open(), device.open());
    first.set_priority(Priority::Record).unwrap();
    let mode = smallest(&second);
    let refused = second.configure(&StreamRequest { mode, held: 1 }).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
    first.set_priority(Priority::Interactive).unwrap();
    second.configure(&StreamRequest { mode, held: 1 }).unwrap();
}

#[test]
fn a_device_that_is_unbound_and_bound_again_is_told_and_comes_back() {
    const DRIVER: &str = "/sys/bus/platform/drivers/vivid";
    let Some(device) = device() else { return };
    let Some(_vivid) = device.vivid() else { return };
    if OpenOptions::new().write(true).open(format!("{DRIVER}/unbind")).is_err() {
        println!("SKIP this user may not unbind drivers");
        return;
    }
    drop(_vivid);
    let monitor = Monitor::new().unwrap();
    let (mut camera, _) = started(&device, 1);
    let name = camera.info().id.clone();
    let held = frame(&mut camera);
    let before = bytes(&held);
    std::fs::write(format!("{DRIVER}/unbind"), "vivid.0").unwrap();
    let gone = loop {
        match camera.dequeue(PATIENCE) {
            Ok(Dequeued::Frame(_)) => {}
            other => break other,
        }
    };
    assert_eq!(kind(gone), ErrorKind::Gone);
    drop(camera);
    std::fs::write(format!("{DRIVER}/bind"), "vivid.0").unwrap();
    let mut camera = hotplug::wait_for(&name.parse().unwrap(), PATIENCE).unwrap();
    configured(&mut *camera, 1);
    camera.start().unwrap();
    frame(&mut *camera);
    assert!(bytes(&held) == before, "a frame from before it went");
    let mut told = Vec::new();
    while let Some(change) = monitor.next(Duration::from_millis(200)).unwrap() {
        told.push(change);
    }
    let path = device.path.clone();
    assert!(told.contains(&Change::Removed(path.clone())), "{told:?}");
    assert!(told.contains(&Change::Added(path)), "{told:?}");
}
