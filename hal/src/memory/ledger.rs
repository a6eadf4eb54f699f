//! What frame memory this process has at the moment, and how much more it may take.
//!
//! One count for all cameras of the process, so that they share one budget, and a leak shows as a number that does not
//! go back.

use std::sync::atomic::{AtomicUsize, Ordering};

use nix::unistd::{SysconfVar, sysconf};

use super::page_size;

static BUFFERS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);
/// 0 where nobody set one.
static BUDGET: AtomicUsize = AtomicUsize::new(0);

/// The frame memory of this process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Pieces; each has one mapping, and one file descriptor of its own.
    pub buffers: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The frame memory of this process now.
pub fn ledger() -> Ledger {
    Ledger { buffers: BUFFERS.load(Ordering::Relaxed), bytes: BYTES.load(Ordering::Relaxed) }
}

/// Bytes that cameras may still take: of the budget, what is not taken.
pub fn budget_left() -> usize {
    let limit = match BUDGET.load(Ordering::Relaxed) {
        0 => limit_bytes(),
        set => set,
    };
    limit.saturating_sub(ledger().bytes)
}

/// Sets how many bytes the cameras of this process may take together; 0 goes back to half of what the machine has, and
/// never more than 1 GiB. Memory that is taken already stays.
pub fn set_budget(bytes: usize) {
    BUDGET.store(bytes, Ordering::Relaxed);
}

fn limit_bytes() -> usize {
    const MOST: usize = 1 << 30;
    (machine_bytes() / 2).min(MOST)
}

/// Bytes of memory that the machine has.
pub(super) fn machine_bytes() -> usize {
    let pages = sysconf(SysconfVar::_PHYS_PAGES).ok().flatten();
    let pages = pages.and_then(|pages| usize::try_from(pages).ok()).unwrap_or(usize::MAX);
    pages.saturating_mul(page_size())
}

/// An entry, for as long as it lives.
#[derive(Debug)]
pub(super) struct Entry {
    bytes: usize,
}

impl Entry {
    pub(super) fn new(bytes: usize) -> Self {
        BUFFERS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        BUFFERS.fetch_sub(1, Ordering::Relaxed);
        BYTES.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_and_not_nothing() {
        assert!((1 << 20..=1 << 30).contains(&limit_bytes()));
        assert!(budget_left() <= limit_bytes());
    }

    #[test]
    fn an_entry_counts_while_it_lives() {
        // Other tests of this process count too: only bounds hold.
        let entry = Entry::new(1 << 20);
        assert!(ledger().bytes >= 1 << 20 && ledger().buffers >= 1);
        drop(entry);
    }
}
