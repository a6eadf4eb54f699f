//! Named points at which a test kills the process, one before and after every durable step.
//!
//! Only with the cargo feature `crash-points`: `LATENT_CRASH_AT=name` dies as by `kill -9` when the point is reached,
//! `LATENT_CRASH_AT=name:3` when it is reached for the third time.

/// Every point, in the order in which one photo meets them.
pub const POINTS: &[&str] = &[
    // Phase one.
    "proxy-encoded",
    "proxy-temp-written",
    "proxy-temp-synced",
    "proxy-published",
    "proxy-folder-synced",
    "photo-committed",
    // The raw burst, beside it.
    "spool-created",
    "spool-frame-written",
    "spool-synced",
    "spool-folder-synced",
    "raw-committed",
    // Phase two.
    "attempt-committed",
    "developed",
    "full-temp-written",
    "full-temp-synced",
    "full-staged",
    "full-swapped",
    "full-folder-synced",
    "old-removed",
    "final-committed",
    "spool-removed",
    // What ends otherwise.
    "beside-published",
    "fallback-committed",
];

/// Dies here if the environment asks for it.
///
/// # Panics
/// Never; it kills.
#[cfg(feature = "crash-points")]
pub fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let value = std::env::var("LATENT_CRASH_AT").ok()?;
        let (name, nth) =
            value.split_once(':').map_or((value.as_str(), 1), |(name, nth)| (name, nth.parse().unwrap_or(1)));
        Some((name.to_owned(), nth))
    });
    debug_assert!(POINTS.contains(&name), "{name} is missing in the table");
    if let Some((wanted, nth)) = wanted
        && wanted == name
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *nth
    {
        // As if the power button of this process were pressed: no unwinding, no destructors, no flush.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
        loop {
            std::thread::park();
        }
    }
}

/// Nothing, in a product build.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn point(_name: &'static str) {}
