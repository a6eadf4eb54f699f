//! The agreement on a mode: a host proposes (probe), the camera answers with what it can, the host commits.
//! Video class 1.1, 4.3.1.1.

use super::descriptors::CLOCK;
use super::modes::{Mode, intervals};
use super::request::{Refusal, code};

/// The most bytes of a payload with its header: what the driver gives in one transfer.
pub(super) const MOST_PAYLOAD: u32 = 16384;

/// Bytes of the structure in version 1.1.
const LENGTH: usize = 34;
/// Up to here a host's proposal is read; what it leaves out is 0.
const READ: usize = 8;

/// The mode that is agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Negotiation {
    mode: Mode,
}

impl Default for Negotiation {
    fn default() -> Self {
        Self { mode: Mode::nearest(1, 1, 0) }
    }
}

impl Negotiation {
    pub(super) fn mode(self) -> Mode {
        self.mode
    }

    /// Takes a proposal, of a probe or a commit.
    pub(super) fn propose(&mut self, data: &[u8]) -> Result<(), Refusal> {
        let Some([_, _, format, frame, interval @ ..]) = data.first_chunk::<READ>() else {
            return Err(Refusal::InvalidRequest);
        };
        self.mode = Mode::nearest(*format, *frame, u32::from_le_bytes(*interval));
        Ok(())
    }

    /// Answers a request that reads.
    pub(super) fn read(self, request: u8) -> Result<Vec<u8>, Refusal> {
        let offered = intervals(self.mode.coding, (self.mode.width, self.mode.height));
        let interval = match request {
            code::GET_CUR => self.mode.interval,
            code::GET_MIN | code::GET_DEF => offered[0],
            code::GET_MAX => offered[offered.len() - 1],
            code::GET_LEN => return Ok(vec![34, 0]),
            code::GET_INFO => return Ok(vec![3]),
            _ => return Err(Refusal::InvalidRequest),
        };
        Ok(self.structure(interval).to_vec())
    }

    fn structure(self, interval: u32) -> [u8; LENGTH] {
        /// The host may choose the interval; frame and format stay.
        const INTERVAL_IS_FIXED: u8 = 1;
        /// Headers tell frames apart and mark their ends.
        const FRAMING: u8 = 3;
        let (format, frame) = self.mode.indices();
        let mut bytes = [0; LENGTH];
        bytes[0] = INTERVAL_IS_FIXED;
        bytes[2..4].copy_from_slice(&[format, frame]);
        bytes[4..8].copy_from_slice(&interval.to_le_bytes());
        bytes[18..22].copy_from_slice(&self.mode.most_bytes().to_le_bytes());
        bytes[22..26].copy_from_slice(&MOST_PAYLOAD.to_le_bytes());
        bytes[26..30].copy_from_slice(&CLOCK.to_le_bytes());
        bytes[30] = FRAMING;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_answered_with_the_nearest_mode() {
        let mut negotiation = Negotiation::default();
        let mut proposal = [0; 34];
        proposal[2..4].copy_from_slice(&[2, 3]);
        proposal[4..8].copy_from_slice(&900_000u32.to_le_bytes());
        negotiation.propose(&proposal).unwrap();
        let answer = negotiation.read(code::GET_CUR).unwrap();
        assert_eq!(answer.len(), 34);
        assert_eq!((&answer[2..4], &answer[4..8]), (&[2, 3][..], &1_000_000u32.to_le_bytes()[..]));
        assert_eq!(answer[18..22], (320u32 * 240 * 3 / 2).to_le_bytes());
    }

    #[test]
    fn short_and_odd_proposals_harm_nothing() {
        let mut negotiation = Negotiation::default();
        let before = negotiation.mode();
        assert_eq!(negotiation.propose(&[1, 0, 2]), Err(Refusal::InvalidRequest));
        assert_eq!(negotiation.mode(), before);
        negotiation.propose(&[0xff; 26]).unwrap();
        assert_eq!(negotiation.mode().indices(), (1, 1));
        assert_eq!(negotiation.read(0x42), Err(Refusal::InvalidRequest));
    }
}
