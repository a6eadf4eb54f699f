//! The virtual camera knows the light of its scene: what automatic white balance makes of it can be held against that.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use latent_hal::simulated::{VirtualCamera, WHITE_BALANCE};
use latent_hal::{Camera, Dequeued, StreamRequest};
use latent_isp::{RawView, Rendering, proxy};
use latent_pipeline::sensor;

#[test]
fn the_virtual_cameras_white_comes_out_white() {
    for options in ["size=2000x1500", "size=2000x1500,seed=7", "size=640x480,bits=12,pattern=bggr"] {
        let mut camera = VirtualCamera::new(options.parse().unwrap()).unwrap();
        let mode = camera.modes().unwrap()[0];
        let config = camera.configure(&StreamRequest { mode, held: 1 }).unwrap();
        camera.start().unwrap();
        let frame = loop {
            if let Dequeued::Frame(frame) = camera.dequeue(Duration::from_secs(10)).unwrap() {
                break frame;
            }
        };
        let known = camera.info().sensor;
        let bytes = frame.read().unwrap();
        let raw =
            RawView::new(sensor::geometry(&config, config.format.raw().unwrap(), &known), &bytes).unwrap();
        let found =
            Rendering::automatic(proxy::bin(&raw).unwrap().statistics(), sensor::colour(&known)).gains;
        for (found, truth) in found.into_iter().zip(WHITE_BALANCE) {
            // 18 % off, as it once was, is a visible green cast.
            assert!((found / truth - 1.0).abs() < 0.06, "{options}: {found} instead of {truth}");
        }
    }
}
