//! The transfers of the stream that wait for its next bytes, and those that the host takes back.

use std::collections::VecDeque;

use super::usbip::Transfer;

/// Transfers in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    waiting: VecDeque<Transfer>,
    /// The number of the newest transfer of all endpoints; numbers grow. `None` before the first.
    newest: Option<u32>,
    early: Vec<Early>,
}

/// A taking back that overtook its transfer: the kernel sends the two from different queues. It is answered when the
/// transfer is there, since before that the kernel may not know the transfer as sent and would wait for it for ever; and
/// the transfer itself is not answered, or the kernel would take that for a broken device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Early {
    victim: u32,
    /// The number of the taking back.
    number: u32,
}

/// What becomes of a taking back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TakingBack {
    /// The transfer waited, and does no longer; or it was left by the connection before.
    Done,
    /// The transfer was answered already.
    Late,
    /// The transfer is still to come; [`Transfers::arrives`] tells when the answer is due.
    Early,
}

impl Transfers {
    /// Notes that a transfer of any endpoint came: whether it is to be answered, and the takings back that are now.
    pub(super) fn arrives(&mut self, number: u32) -> (bool, Vec<u32>) {
        self.newest = Some(number);
        let is_wanted = self.early.iter().all(|early| early.victim != number);
        let due = self.early.iter().filter(|early| !is_newer(early.victim, number)).map(|early| early.number);
        let due = due.collect();
        self.early.retain(|early| is_newer(early.victim, number));
        (is_wanted, due)
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

    /// Takes the transfer `victim` back, as the message `number` asks. Before any transfer came it is one of the
    /// connection before: the kernel sends no other until it has that one back.
    pub(super) fn take_back(&mut self, victim: u32, number: u32) -> TakingBack {
        if let Some(place) = self.waiting.iter().position(|transfer| transfer.number == victim) {
            self.waiting.remove(place);
            return TakingBack::Done;
        }
        match self.newest {
            None => TakingBack::Done,
            Some(newest) if is_newer(victim, newest) => {
                self.early.push(Early { victim, number });
                TakingBack::Early
            }
            Some(_) => TakingBack::Late,
        }
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
            assert_eq!(transfers.arrives(number), (true, vec![]));
            transfers.wait(transfer(number));
        }
        assert_eq!(transfers.take_first().unwrap().number, 1);
        assert_eq!(transfers.take_back(1, 4), TakingBack::Late);
        assert_eq!(transfers.take_back(2, 5), TakingBack::Done);
        assert_eq!(transfers.take_first().unwrap().number, 3);
        assert!(transfers.is_empty());
    }

    #[test]
    fn what_the_connection_before_left_is_taken_back_at_once() {
        let mut transfers = Transfers::default();
        assert_eq!(transfers.take_back(500, 501), TakingBack::Done);
        assert_eq!(transfers.arrives(502), (true, vec![]));
        assert_eq!(transfers.take_back(499, 503), TakingBack::Late);
    }

    #[test]
    fn a_taking_back_that_overtakes_its_transfer_is_answered_when_that_is_there() {
        let mut transfers = Transfers::default();
        assert!(transfers.arrives(u32::MAX - 1).0);
        assert_eq!(transfers.take_back(u32::MAX, 7), TakingBack::Early);
        assert_eq!(transfers.take_back(1, 8), TakingBack::Early);
        assert_eq!(transfers.arrives(u32::MAX), (false, vec![7]));
        assert_eq!(transfers.arrives(1), (false, vec![8]), "numbers wrap");
        assert_eq!(transfers.arrives(2), (true, vec![]));
        // The taking back of one that never comes is answered too.
        assert_eq!(transfers.take_back(3, 9), TakingBack::Early);
        assert_eq!(transfers.arrives(4), (true, vec![9]));
    }
}
