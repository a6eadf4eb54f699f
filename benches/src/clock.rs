//! CPU time: what other load on the machine disturbs least.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// CPU time that this process has used so far; zero where the system does not tell.
pub fn process_cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// CPU time that this thread has used so far; zero where the system does not tell.
pub fn thread_cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
