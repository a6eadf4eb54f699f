//! One development at a time: two would make the same picture twice. Who waits longest is next, whoever asks again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;

/// How soon a waiter notices that it is called off.
const LOOK: Duration = Duration::from_millis(50);

/// The turns of the developers of one library.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    /// Those that wait, and the one whose turn it is in front.
    tickets: VecDeque<u64>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    ticket: u64,
}

impl Turns {
    /// Waits until all that came before had their turn.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when `cancel` is set.
    pub(super) fn take(&self, cancel: &AtomicBool) -> Result<Turn<'_>, Error> {
        let mut queue = self.queue();
        let ticket = queue.next;
        queue.next += 1;
        queue.tickets.push_back(ticket);
        // From here on the ticket is given back whatever happens.
        let turn = Turn { turns: self, ticket };
        while queue.tickets.front() != Some(&ticket) {
            if cancel.load(Ordering::Relaxed) {
                drop(queue);
                return Err(Error::Cancelled);
            }
            queue = self.changed.wait_timeout(queue, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(queue);
        Ok(turn)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.queue().tickets.retain(|ticket| *ticket != self.ticket);
        self.turns.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_served_before_who_has_just_been() {
        let turns = Turns::default();
        let order = Mutex::new(Vec::new());
        let go_on = AtomicBool::new(false);
        let first = turns.take(&go_on).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _turn = turns.take(&go_on).unwrap();
                order.lock().unwrap().push("the one who waited");
            });
            while turns.queue().tickets.len() < 2 {
                std::thread::yield_now();
            }
            drop(first);
            let _again = turns.take(&go_on).unwrap();
            order.lock().unwrap().push("the one who had just been");
        });
        assert_eq!(order.into_inner().unwrap(), ["the one who waited", "the one who had just been"]);
    }

    #[test]
    fn who_is_called_off_while_waiting_is_passed_over() {
        let (turns, cancelled) = (Turns::default(), AtomicBool::new(true));
        let first = turns.take(&cancelled).unwrap();
        assert!(matches!(turns.take(&cancelled), Err(Error::Cancelled)));
        drop(first);
        turns.take(&cancelled).unwrap();
        assert!(turns.queue().tickets.is_empty());
    }
}
