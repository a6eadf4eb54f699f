//! Runs `v4l2-compliance` on a device.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use latent_hal::conformance::Comparison;

use crate::exit::Failure;

/// How long it may take: with a driver that hangs it never ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// What it says of a device; `None` when it was interrupted.
pub(crate) fn run(program: &Path, device: &Path, cancel: &AtomicBool) -> Result<Option<Comparison>, Failure> {
    let name = program.display();
    let failed = |message: String| {
        let hint = "Debian has it in the package v4l-utils; leave --v4l2-compliance out to do without";
        Failure::infrastructure("v4l2_compliance", message, Some(hint))
    };
    let mut child = Command::new(program)
        .arg("-d")
        .arg(device)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot run {name}: {error}")))?;
    let mut pipe = child.stdout.take();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.as_mut().map(|pipe| pipe.read_to_end(&mut bytes));
        bytes
    });
    match wait(&mut child, cancel) {
        Waited::Ended => {}
        Waited::Interrupted => return Ok(None),
        Waited::TooLong => return Err(failed(format!("{name} did not end within {PATIENCE:?}"))),
    }
    let bytes = reading.join().unwrap_or_default();
    let output = String::from_utf8_lossy(&bytes);
    Comparison::parse(&output)
        .map(Some)
        .map_err(|error| failed(format!("{name} on {}: {error}", device.display())))
}

enum Waited {
    Ended,
    Interrupted,
    TooLong,
}

fn wait(child: &mut Child, cancel: &AtomicBool) -> Waited {
    let begun = Instant::now();
    let waited = loop {
        match child.try_wait() {
            Ok(None) if cancel.load(Ordering::Relaxed) => break Waited::Interrupted,
            Ok(None) if begun.elapsed() > PATIENCE => break Waited::TooLong,
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            _ => return Waited::Ended,
        }
    };
    let _ = child.kill();
    // Not waited for: a process in a driver that hangs does not end even then.
    waited
}
