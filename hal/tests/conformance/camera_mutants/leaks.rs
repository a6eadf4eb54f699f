//! Cameras that leave something behind.

use std::sync::{Arc, Mutex};

use latent_hal::fake::mapped;
use latent_hal::memory::Buffer;

use super::super::Mutant;
use super::counterfeit::counterfeits;
use super::on;

/// Files and mappings to let go when others leak, so that only one of the counts changes.
#[derive(Default)]
struct Stash {
    files: Vec<std::fs::File>,
    mappings: Vec<Box<dyn std::any::Any + Send>>,
}

impl Stash {
    fn filled(count: usize) -> Arc<Mutex<Self>> {
        let file = || std::fs::File::open("/dev/null").unwrap();
        let mapping = |_| {
            let memory = nix::sys::memfd::memfd_create("stash", nix::sys::memfd::MFdFlags::empty()).unwrap();
            nix::unistd::ftruncate(&memory, 4096).unwrap();
            mapped(&memory, 4096).unwrap()
        };
        let mappings = (0..count).map(mapping).collect();
        Arc::new(Mutex::new(Self { files: (0..count).map(|_| file()).collect(), mappings }))
    }

    /// Leaks a piece of frame memory that only the ledger tells of.
    fn leak(&mut self) {
        drop((self.files.pop(), self.mappings.pop()));
        std::mem::forget(Buffer::allocate(4096, "leak").unwrap());
    }
}

fn leak_a_file() {
    std::mem::forget(std::fs::File::open("/dev/null").unwrap());
}

pub(super) fn all() -> Vec<Mutant> {
    /// Cameras that a run opens at most.
    const CAMERAS: usize = 600;
    let ledger = |check, leaks: fn(held: usize, taken: u64) -> bool| {
        let stash = Arc::new(Mutex::new(None));
        on(check, move |calls, _, _| {
            let taken = Arc::new(Mutex::new(0));
            let counting = Arc::clone(&taken);
            let out = counterfeits(calls, move |_, _, _| *counting.lock().unwrap() += 1);
            let stash = Arc::clone(&stash);
            calls.close = Some(Box::new(move || {
                if leaks(out.count(), *taken.lock().unwrap()) {
                    let mut stash = stash.lock().unwrap();
                    stash.get_or_insert_with(|| Stash::filled(CAMERAS)).lock().unwrap().leak();
                }
                out.clear();
            }));
        })
    };
    vec![
        on("leaks.files.streams", |calls, _, _| {
            let mut starts = 0;
            calls.start = Some(Box::new(move |camera, ()| {
                starts += 1;
                if starts > 1 {
                    leak_a_file();
                }
                camera.start()
            }));
        }),
        on("leaks.files.configurations", |calls, _, _| {
            let mut configurations = 0;
            calls.configure = Some(Box::new(move |camera, request| {
                configurations += 1;
                if configurations > 1 {
                    leak_a_file();
                }
                camera.configure(&request)
            }));
        }),
        on("leaks.files.cameras", |calls, _, _| calls.close = Some(Box::new(leak_a_file))),
        on("leaks.mappings.cameras", |calls, _, _| {
            calls.close = Some(Box::new(|| {
                let memory =
                    nix::sys::memfd::memfd_create("leak", nix::sys::memfd::MFdFlags::empty()).unwrap();
                nix::unistd::ftruncate(&memory, 4096).unwrap();
                std::mem::forget(mapped(&memory, 4096).unwrap());
            }));
        }),
        ledger("leaks.ledger.cameras", |held, taken| held == 0 && taken >= 2),
        ledger("leaks.ledger.frames", |held, _| held > 0),
    ]
}
