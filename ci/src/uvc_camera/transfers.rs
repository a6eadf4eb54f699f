//! The transfers of the stream that wait for its next bytes, and those that the host takes back.

use std::collections::VecDeque;

use super::usbip::Transfer;

/// Transfers in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    waiting: VecDeque<Transfer>,
    /// The number of the newest transfer of all endpoints; numbers grow.
    newest: u32,
    /// Transfers that were taken back before they came: the kernel's two queues may overtake each other.
    early: Vec<u32>,
}

impl Transfers {
    /// Notes that a transfer of any endpoint came; false for one that was taken back before, which nobody waits for:
    /// an answer to it would make the kernel unplug the device.
    pub(super) fn arrives(&mut self, number: u32) -> bool {
        self.newest = number;
        let is_wanted = !self.early.contains(&number);
        self.early.retain(|early| is_newer(*early, number));
        is_wanted
    }

    pub(super) fn wait(&mut self, transfer: Transfer) {
        self.waiting.push_back(transfer);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Transfer> {
        self.waiting.front()
    }

    pub(super) fn take_first(&mut self) -> Option<Transfer> {
        self.waiting.pop_front()
    }

    /// Takes a transfer back; false for one that was answered already.
    pub(super) fn take_back(&mut self, victim: u32) -> bool {
        if let Some(place) = self.waiting.iter().position(|transfer| transfer.number == victim) {
            self.waiting.remove(place);
            return true;
        }
        if is_newer(victim, self.newest) {
            self.early.push(victim);
            return true;
        }
        false
    }
}

/// Numbers wrap at 32 bits.
fn is_newer(number: u32, than: u32) -> bool {
    number.wrapping_sub(than).cast_signed() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(number: u32) -> Transfer {
        Transfer { number, endpoint: 1, is_in: true, length: 1, setup: [0; 8], data: Vec::new() }
    }

    #[test]
    fn a_transfer_that_waits_is_taken_back_and_one_that_was_answered_is_not() {
        let mut transfers = Transfers::default();
        for number in [1, 2, 3] {
            assert!(transfers.arrives(number));
            transfers.wait(transfer(number));
        }
        assert_eq!(transfers.take_first().unwrap().number, 1);
        assert!(!transfers.take_back(1));
        assert!(transfers.take_back(2));
        assert_eq!(transfers.take_first().unwrap().number, 3);
        assert!(transfers.is_empty());
    }

    #[test]
    fn a_transfer_that_comes_behind_its_taking_back_is_not_answered() {
        let mut transfers = Transfers::default();
        assert!(transfers.arrives(u32::MAX - 1));
        assert!(transfers.take_back(u32::MAX) && transfers.take_back(1));
        assert!(!transfers.arrives(u32::MAX));
        assert!(!transfers.arrives(1), "numbers wrap");
        assert!(transfers.arrives(2) && transfers.early.is_empty());
        // One that never comes is forgotten.
        assert!(transfers.take_back(3));
        assert!(transfers.arrives(4) && transfers.early.is_empty());
    }
}
