//! Named points at which a test kills the process, one before and after every durable step.
//!
//! Only with the cargo feature `crash-points`: `LATENT_CRASH_AT=name` dies as by `kill -9` when the point is reached,
//! `LATENT_CRASH_AT=name:3` when it is reached for the third time.
//! `LATENT_PANIC_AT`, of the same form, has the thread panic that comes there.

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

/// A variable of the environment that names a point, or its nth passing.
#[cfg(feature = "crash-points")]
struct Wanted {
    variable: &'static str,
    read: std::sync::OnceLock<Option<(String, u32)>>,
    passed: std::sync::atomic::AtomicU32,
}

#[cfg(feature = "crash-points")]
impl Wanted {
    const fn of(variable: &'static str) -> Self {
        Self { variable, read: std::sync::OnceLock::new(), passed: std::sync::atomic::AtomicU32::new(0) }
    }

    /// True when this passing of the point is the one.
    fn is(&self, name: &str) -> bool {
        let wanted = self.read.get_or_init(|| {
            let value = std::env::var(self.variable).ok()?;
            let (name, nth) = value
                .split_once(':')
                .map_or((value.as_str(), 1), |(name, nth)| (name, nth.parse().unwrap_or(1)));
            Some((name.to_owned(), nth))
        });
        wanted.as_ref().is_some_and(|(wanted, nth)| {
            wanted == name && self.passed.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == *nth
        })
    }
}

/// Dies or panics here if the environment asks for it.
///
/// # Panics
/// Where `LATENT_PANIC_AT` says so.
#[cfg(feature = "crash-points")]
#[allow(clippy::panic)] // that is what a test asks for
pub fn point(name: &'static str) {
    static DEATH: Wanted = Wanted::of("LATENT_CRASH_AT");
    static PANIC: Wanted = Wanted::of("LATENT_PANIC_AT");
    debug_assert!(POINTS.contains(&name), "{name} is missing in the table");
    if DEATH.is(name) {
        // As if the power button of this process were pressed: no unwinding, no destructors, no flush.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
        loop {
            std::thread::park();
        }
    }
    assert!(!PANIC.is(name), "a test asked for a panic at {name}");
}

/// Nothing, in a product build.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn point(_name: &'static str) {}
