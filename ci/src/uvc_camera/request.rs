//! Requests of a host to the camera's control endpoint, and what it refuses.

/// The first eight bytes of a control transfer: USB 2.0, 9.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) kind: u8,
    pub(super) request: u8,
    pub(super) value: u16,
    pub(super) index: u16,
    /// How many bytes the host takes or sends.
    pub(super) length: u16,
}

impl From<[u8; 8]> for Setup {
    fn from(bytes: [u8; 8]) -> Self {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Self { kind: bytes[0], request: bytes[1], value: word(2), index: word(4), length: word(6) }
    }
}

/// Request codes of the video class.
pub(super) mod code {
    pub(in super::super) const SET_CUR: u8 = 0x01;
    pub(in super::super) const GET_CUR: u8 = 0x81;
    pub(in super::super) const GET_MIN: u8 = 0x82;
    pub(in super::super) const GET_MAX: u8 = 0x83;
    pub(in super::super) const GET_RES: u8 = 0x84;
    pub(in super::super) const GET_LEN: u8 = 0x85;
    pub(in super::super) const GET_INFO: u8 = 0x86;
    pub(in super::super) const GET_DEF: u8 = 0x87;
}

/// Why a request is refused: the host sees a stall, and may then ask for this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not in this state of the camera.
    WrongState = 2,
    /// The value is outside of its range.
    OutOfRange = 4,
    /// There is no such unit or terminal.
    InvalidUnit = 5,
    /// The unit has no such control.
    InvalidControl = 6,
    /// The control has no such request.
    InvalidRequest = 7,
}
