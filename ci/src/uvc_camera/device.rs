//! The camera as a USB device: what it answers, in which state it is. No clocks and no files: `now` is handed in.

use std::time::Duration;

use super::controls::Controls;
use super::descriptors::{self, CONTROL_INTERFACE, STREAM_ENDPOINT, STREAM_INTERFACE};
use super::modes::{Coding, INTERVAL_UNITS, Mode};
use super::negotiation::Negotiation;
use super::options::Faults;
use super::picture::{self, Look};
use super::request::{Refusal, Setup, code};
use super::stream::Stream;

/// Kinds of requests: USB 2.0, 9.3.1, direction, type and recipient.
mod kind {
    pub(super) const TO_DEVICE: u8 = 0x00;
    pub(super) const TO_INTERFACE: u8 = 0x01;
    pub(super) const TO_ENDPOINT: u8 = 0x02;
    pub(super) const FROM_DEVICE: u8 = 0x80;
    pub(super) const FROM_INTERFACE: u8 = 0x81;
    pub(super) const FROM_ENDPOINT: u8 = 0x82;
    pub(super) const CLASS_TO_INTERFACE: u8 = 0x21;
    pub(super) const CLASS_FROM_INTERFACE: u8 = 0xa1;
}

/// Standard requests: USB 2.0, 9.4.
mod standard {
    pub(super) const GET_STATUS: u8 = 0;
    pub(super) const CLEAR_FEATURE: u8 = 1;
    pub(super) const SET_FEATURE: u8 = 3;
    pub(super) const SET_ADDRESS: u8 = 5;
    pub(super) const GET_DESCRIPTOR: u8 = 6;
    pub(super) const GET_CONFIGURATION: u8 = 8;
    pub(super) const SET_CONFIGURATION: u8 = 9;
    pub(super) const GET_INTERFACE: u8 = 10;
    pub(super) const SET_INTERFACE: u8 = 11;
}

/// The camera, from when it is plugged in until it is unplugged.
#[derive(Debug)]
pub(super) struct Device {
    serial: String,
    faults: Faults,
    controls: Controls,
    negotiation: Negotiation,
    /// Why the last request was refused; 0 for none.
    last_refusal: u8,
    configuration: u8,
    stream: Option<Stream>,
    /// The frame that it sees, and what it was made for.
    picture: Option<(Mode, Look, Vec<u8>)>,
    /// Frames since it was plugged in.
    frames: u64,
}

impl Device {
    pub(super) fn new(serial: String, faults: Faults) -> Self {
        Self {
            serial,
            faults,
            controls: Controls::default(),
            negotiation: Negotiation::default(),
            last_refusal: 0,
            configuration: 0,
            stream: None,
            picture: None,
            frames: 0,
        }
    }

    /// Answers a control transfer: what it sends, or `None` for a stall.
    pub(super) fn control(&mut self, setup: [u8; 8], data: &[u8], now: Duration) -> Option<Vec<u8>> {
        let setup = Setup::from(setup);
        match setup.kind {
            kind::CLASS_TO_INTERFACE | kind::CLASS_FROM_INTERFACE => {
                let asks_why = self.asks_why(setup);
                match self.class(setup, data, now) {
                    Ok(answer) => {
                        self.last_refusal = if asks_why { self.last_refusal } else { 0 };
                        Some(answer)
                    }
                    Err(refusal) => {
                        self.last_refusal = refusal as u8;
                        None
                    }
                }
            }
            _ => self.standard(setup),
        }
    }

    fn standard(&mut self, setup: Setup) -> Option<Vec<u8>> {
        let [low, high] = setup.value.to_le_bytes();
        match (setup.kind, setup.request) {
            (kind::FROM_DEVICE, standard::GET_DESCRIPTOR) => match high {
                1 => Some(descriptors::device()),
                2 if low == 0 => Some(descriptors::configuration()),
                3 => descriptors::text(low, &self.serial),
                _ => None,
            },
            (kind::FROM_DEVICE, standard::GET_STATUS) => Some(vec![0, 0]),
            (kind::FROM_INTERFACE | kind::FROM_ENDPOINT, standard::GET_STATUS) => Some(vec![0, 0]),
            (kind::FROM_DEVICE, standard::GET_CONFIGURATION) => Some(vec![self.configuration]),
            (kind::FROM_INTERFACE, standard::GET_INTERFACE) => Some(vec![0]),
            (kind::TO_DEVICE, standard::SET_CONFIGURATION) if low <= 1 => {
                self.configuration = low;
                self.stop("it was configured");
                Some(Vec::new())
            }
            (kind::TO_DEVICE, standard::SET_ADDRESS | standard::SET_FEATURE | standard::CLEAR_FEATURE) => {
                Some(Vec::new())
            }
            (kind::TO_INTERFACE, standard::SET_INTERFACE) if low == 0 => {
                self.stop("its interface was set");
                Some(Vec::new())
            }
            // How a host tells a camera with a bulk endpoint that it is done.
            (kind::TO_ENDPOINT, standard::CLEAR_FEATURE) if setup.index == u16::from(STREAM_ENDPOINT) => {
                self.stop("its endpoint was cleared");
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn asks_why(&self, setup: Setup) -> bool {
        const LAST_REFUSAL: u8 = 2;
        setup.index == u16::from(CONTROL_INTERFACE) && setup.value.to_le_bytes() == [0, LAST_REFUSAL]
    }

    fn class(&mut self, setup: Setup, data: &[u8], now: Duration) -> Result<Vec<u8>, Refusal> {
        const PROBE: u8 = 1;
        const COMMIT: u8 = 2;
        let [interface, entity] = setup.index.to_le_bytes();
        let selector = setup.value.to_le_bytes()[1];
        let writes = setup.kind == kind::CLASS_TO_INTERFACE;
        if writes && setup.request != code::SET_CUR {
            return Err(Refusal::InvalidRequest);
        }
        match (interface, entity, selector) {
            (STREAM_INTERFACE, 0, PROBE | COMMIT) if writes => {
                self.negotiation.propose(data)?;
                if selector == COMMIT {
                    self.start(now);
                }
                Ok(Vec::new())
            }
            (STREAM_INTERFACE, 0, PROBE | COMMIT) => self.negotiation.read(setup.request),
            (CONTROL_INTERFACE, 0, _) if self.asks_why(setup) && !writes => match setup.request {
                code::GET_CUR => Ok(vec![self.last_refusal]),
                code::GET_INFO => Ok(vec![1]),
                code::GET_LEN => Ok(vec![1, 0]),
                _ => Err(Refusal::InvalidRequest),
            },
            (CONTROL_INTERFACE, 1.., _) if writes => {
                self.controls.write(entity, selector, data)?;
                Ok(Vec::new())
            }
            (CONTROL_INTERFACE, 1.., _) => self.controls.read(entity, selector, setup.request),
            (CONTROL_INTERFACE | STREAM_INTERFACE, ..) => Err(Refusal::InvalidControl),
            _ => Err(Refusal::InvalidUnit),
        }
    }

    fn start(&mut self, now: Duration) {
        let Mode { coding, width, height, interval } = self.negotiation.mode();
        let name = match coding {
            Coding::Yuyv => "YUYV",
            Coding::Nv12 => "NV12",
            Coding::Jpeg => "MJPEG",
        };
        super::say(&format!(
            "streams {name} {width}x{height}, {} frames a second",
            INTERVAL_UNITS / interval
        ));
        let interval = Duration::from_nanos(u64::from(interval) * 100);
        self.stream = Some(Stream::new(interval, now));
    }

    fn stop(&mut self, why: &str) {
        if self.stream.take().is_some() {
            super::say(&format!("stops: {why}; {} frames since it was plugged in", self.frames));
        }
    }

    /// When it has something to send on its stream; `None` while it has nothing.
    pub(super) fn due(&self) -> Option<Duration> {
        let is_silent = self.faults.stall_after != 0 && self.frames >= self.faults.stall_after;
        self.stream.as_ref().filter(|_| !is_silent).map(Stream::due)
    }

    /// What it sends for a transfer of at most `most` bytes; `None` while nothing is due.
    ///
    /// # Errors
    /// A picture that cannot be made.
    pub(super) fn payload(&mut self, most: usize, now: Duration) -> Result<Option<Vec<u8>>, String> {
        if self.due().is_none_or(|due| due > now) {
            return Ok(None);
        }
        let (mode, look) = (self.negotiation.mode(), self.controls.look());
        if self.picture.as_ref().is_none_or(|made| (made.0, made.1) != (mode, look)) {
            let bytes = picture::frame(mode, look).map_err(|error| format!("no picture: {error}"))?;
            self.picture = Some((mode, look, bytes));
        }
        let (Some(stream), Some((_, _, picture))) = (&mut self.stream, &self.picture) else {
            return Ok(None);
        };
        Ok(stream.payload(picture, &self.faults, most, now).map(|(payload, is_last)| {
            self.frames += u64::from(is_last);
            payload
        }))
    }

    /// Whether it is to be unplugged now.
    pub(super) fn is_to_go(&self) -> bool {
        self.faults.unplug_after != 0 && self.frames >= self.faults.unplug_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn device() -> Device {
        Device::new("A".to_owned(), Faults::default())
    }

    fn setup(kind: u8, request: u8, value: u16, index: u16, length: u16) -> [u8; 8] {
        let [v, i, l] = [value, index, length].map(u16::to_le_bytes);
        [kind, request, v[0], v[1], i[0], i[1], l[0], l[1]]
    }

    fn commit(device: &mut Device, format: u8, frame: u8) {
        let mut proposal = [0; 34];
        proposal[2..4].copy_from_slice(&[format, frame]);
        for selector in [0x100, 0x200] {
            device.control(setup(0x21, 1, selector, 1, 34), &proposal, Duration::ZERO).unwrap();
        }
    }

    #[test]
    fn a_committed_stream_gives_frames_until_its_endpoint_is_cleared() {
        let mut device = device();
        assert_eq!(device.payload(16384, SECOND), Ok(None));
        commit(&mut device, 1, 2);
        assert_eq!(device.payload(16384, Duration::ZERO), Ok(None), "not due yet");
        let mut bytes = 0;
        while let Some(payload) = device.payload(16384, SECOND).unwrap() {
            bytes += payload.len() - 6;
            if payload[1] & 2 != 0 {
                break;
            }
        }
        assert_eq!(bytes, 176 * 144 * 2);
        device.control(setup(2, 1, 0, 0x81, 0), &[], SECOND).unwrap();
        assert_eq!(device.payload(16384, SECOND * 9), Ok(None));
        // Started again it streams again, in another mode.
        commit(&mut device, 3, 2);
        assert!(device.payload(16384, SECOND * 9).unwrap().unwrap()[6..].starts_with(&[0xff, 0xd8]));
    }

    #[test]
    fn a_refused_request_stalls_and_then_tells_why() {
        let mut device = device();
        let why = |device: &mut Device| device.control(setup(0xa1, 0x81, 0x200, 0, 1), &[], SECOND).unwrap();
        assert_eq!(why(&mut device), [0]);
        assert_eq!(device.control(setup(0x21, 1, 0x200, 0x200, 2), &[200, 0], SECOND), None);
        assert_eq!(why(&mut device), [4], "out of range");
        assert_eq!(why(&mut device), [4], "asking does not change it");
        assert_eq!(device.control(setup(0xa1, 0x81, 0x200, 0x900, 2), &[], SECOND), None);
        assert_eq!(why(&mut device), [5], "no such unit");
        assert!(device.control(setup(0xa1, 0x81, 0x200, 0x200, 2), &[], SECOND).is_some());
        assert_eq!(why(&mut device), [0]);
    }

    #[test]
    fn a_camera_that_stalls_is_silent_until_it_is_plugged_in_again() {
        let mut device = Device::new("A".to_owned(), Faults { stall_after: 1, ..Faults::default() });
        for _ in 0..2 {
            commit(&mut device, 3, 2);
            while device.payload(16384, SECOND).unwrap().is_some() {}
            assert_eq!(device.due(), None);
        }
        assert_eq!(device.frames, 1);
    }

    proptest! {
        #[test]
        fn no_request_panics(setup: [u8; 8], data in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut device = device();
            if let Some(answer) = device.control(setup, &data, SECOND) {
                prop_assert!(answer.len() < 4096);
            }
            let _ = device.payload(512, SECOND * 2);
        }

        #[test]
        fn no_class_request_panics(
            kind in prop::sample::select(vec![0x21u8, 0xa1]), request: u8, selector in 0u16..8, entity in 0u16..5,
            interface in 0u16..3, data in prop::collection::vec(any::<u8>(), 0..64)
        ) {
            let mut device = device();
            let setup = setup(kind, request, selector << 8, entity << 8 | interface, 64);
            let _ = device.control(setup, &data, SECOND);
            let _ = device.payload(512, SECOND * 2);
        }
    }
}
