//! Pressure stall information: for how much of the time tasks wait for the processor, memory, storage or interrupts.
//! <https://docs.kernel.org/accounting/psi.html>
//!
//! The whole machine's processor pressure says little of a foreground program: idle-class work of one's own drives it to
//! a hundred percent. Look at the control group of whom must not wait.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Error, Malformed, is_absent, missing, required, text};

/// What tasks wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A processor.
    Cpu,
    /// Memory: reclaim and what was swapped out.
    Memory,
    /// Storage.
    Io,
    /// Interrupts to be over; from Linux 6.1 on, where the kernel accounts for them.
    Irq,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Io, Self::Irq];

    /// The kernel's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
            Self::Irq => "irq",
        }
    }
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// At least one task.
    Some,
    /// All tasks that could run.
    Full,
}

impl Share {
    /// The kernel's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Some => "some",
            Self::Full => "full",
        }
    }
}

/// How long tasks waited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stall {
    /// Percent of the last 10 seconds, 0 to 100.
    pub avg10: f32,
    /// Percent of the last minute.
    pub avg60: f32,
    /// Percent of the last five minutes.
    pub avg300: f32,
    /// Microseconds since boot, or since the control group was made.
    pub total_us: u64,
}

/// What a file tells; one of the two at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// Of at least one task; interrupts have none.
    pub some: Option<Stall>,
    /// Of all tasks; the processor's is there from Linux 5.13 on, and 0 for the whole machine.
    pub full: Option<Stall>,
}

/// One of the kernel's files: a resource of the machine or of a control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    path: PathBuf,
    /// Its folder was named by somebody who knows that it is there.
    is_named: bool,
}

impl Meter {
    /// That of the machine, under a procfs mounted at `root` (usually [`super::PROCFS`]).
    pub fn of_system(root: &Path, resource: Resource) -> Self {
        Self { path: root.join("pressure").join(resource.name()), is_named: false }
    }

    /// That of a control group (version 2), by its folder.
    pub fn of_cgroup(folder: &Path, resource: Resource) -> Self {
        Self { path: folder.join(format!("{}.pressure", resource.name())), is_named: true }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it stands now. Does not block.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a kernel without this file, or that has it switched off; [`Error::Failed`], also for
    /// a control group that does not exist.
    pub fn read(&self) -> Result<Pressure, Error> {
        match text(&self.path) {
            Err(error) if is_absent(&error) => Err(self.absent()),
            _ => required(&self.path, "pressure stall information", parse),
        }
    }

    /// Asks the kernel to tell when tasks waited for `stall` within a `window` of time. The kernel looks ten times a
    /// window and tells at most once a window. Without privilege (`CAP_SYS_RESOURCE`) windows are multiples of two
    /// seconds, and kernels before 6.4 have no triggers at all for programs without it.
    ///
    /// # Errors
    /// [`Error::Refused`] with what would be accepted; [`Error::Unsupported`]; [`Error::Failed`].
    pub fn trigger(&self, share: Share, stall: Duration, window: Duration) -> Result<Trigger, Error> {
        let (stall_us, window_us) = (stall.as_micros(), window.as_micros());
        let asked = format!("{} {stall_us} {window_us}", share.name());
        let refused =
            |reason: String| Error::Refused { path: self.path.clone(), asked: asked.clone(), reason };
        if stall_us == 0 || stall_us > window_us {
            return Err(refused("the time waited is more than 0 and at most the window".to_owned()));
        }
        if window > LONGEST_WINDOW {
            return Err(refused(format!("the window is at most {LONGEST_WINDOW:?}")));
        }
        let open =
            OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(&self.path);
        // The kernel takes the last byte for the end of the text: without one to spare it would cut off a digit. And it
        // wants all in one write.
        let written = open.and_then(|mut file| file.write(format!("{asked}\n").as_bytes()).map(|_| file));
        match written {
            Ok(file) => Ok(Trigger { file, path: self.path.clone() }),
            Err(error) if is_absent(&error) => Err(self.absent()),
            Err(error) => match refusal(&error, window) {
                Some(reason) => Err(refused(reason)),
                None => Err(super::unread(&self.path, "a file that takes a trigger", &error)),
            },
        }
    }

    /// What it means that there is no file.
    fn absent(&self) -> Error {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        if folder.is_dir() {
            return missing(&self.path);
        }
        if self.is_named {
            let got = "no such folder".to_owned();
            return Error::Failed { path: folder.to_owned(), expected: "a control group", got };
        }
        let reason =
            "does not exist: this kernel has no pressure stall information, or needs psi=1 at its start";
        Error::Unsupported { path: folder.to_owned(), reason: reason.to_owned() }
    }
}

/// The kernel's longest window.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);

/// What it means that the kernel refuses a trigger; `None` for what is no refusal of this trigger.
fn refusal(error: &io::Error, window: Duration) -> Option<String> {
    let even = window.as_micros().is_multiple_of(2_000_000) && !window.is_zero();
    Some(match Errno::from_raw(error.raw_os_error()?) {
        Errno::EINVAL if !even => format!(
            "{error}; without the privilege CAP_SYS_RESOURCE the window must be a multiple of two seconds, which \
             {window:?} is not"
        ),
        Errno::EINVAL => format!("{error}; this kernel wants another window, or has no such share"),
        Errno::EACCES | Errno::EPERM => format!(
            "{error}; this user may not write to it, or the kernel is older than 6.4 and asks for the privilege \
             CAP_SYS_RESOURCE: read it from time to time instead"
        ),
        Errno::EROFS => {
            format!("{error}; it is mounted read-only for this program: read it from time to time instead")
        }
        Errno::EBUSY => format!("{error}; an open file has one trigger"),
        _ => return None,
    })
}

/// A wish to be told; dropped, it is withdrawn.
#[derive(Debug)]
pub struct Trigger {
    file: File,
    path: PathBuf,
}

impl Trigger {
    /// Waits until tasks waited for too long, at most `timeout`; false when they did not.
    ///
    /// # Errors
    /// [`Error::Failed`] when what is watched is gone.
    pub fn wait(&self, timeout: Duration) -> Result<bool, Error> {
        let expected = "a pressure that is watched";
        let failed = |got: String| Error::Failed { path: self.path.clone(), expected, got };
        let end = Instant::now().checked_add(timeout);
        loop {
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            let millis = i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
            let mut polled = [PollFd::new(self.file.as_fd(), PollFlags::POLLPRI)];
            match poll(&mut polled, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
                Ok(0) if left.is_zero() => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => {
                    let told = polled[0].revents().unwrap_or(PollFlags::POLLERR);
                    if told.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL) {
                        return Err(failed(format!("{told:?}: it is gone")));
                    }
                    return Ok(true);
                }
                Err(errno) => return Err(failed(errno.to_string())),
            }
        }
    }
}

/// Reads a file of pressure stall information. Lines and values that this version does not know are passed over.
///
/// # Errors
/// Neither share is there, one is there twice, or a value of one is missing or cannot be.
pub fn parse(text: &str) -> Result<Pressure, Malformed> {
    let wrong =
        |line: &str| Malformed::new("`some` or `full` with avg10, avg60, avg300 (0 to 100) and total", line);
    let mut pressure = Pressure { some: None, full: None };
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let share = match words.next() {
            Some("some") => &mut pressure.some,
            Some("full") => &mut pressure.full,
            _ => continue,
        };
        let stall = stall(words).ok_or_else(|| wrong(line))?;
        if share.replace(stall).is_some() {
            return Err(wrong(text));
        }
    }
    if pressure.some.is_none() && pressure.full.is_none() {
        return Err(wrong(text));
    }
    Ok(pressure)
}

fn stall<'a>(words: impl Iterator<Item = &'a str>) -> Option<Stall> {
    let (mut averages, mut total) = ([None; 3], None);
    for word in words {
        let (key, value) = word.split_once('=')?;
        let average = match key {
            "avg10" => &mut averages[0],
            "avg60" => &mut averages[1],
            "avg300" => &mut averages[2],
            "total" => {
                total = Some(value.parse().ok()?);
                continue;
            }
            _ => continue,
        };
        *average = Some(percent(value)?);
    }
    let [avg10, avg60, avg300] = averages;
    Some(Stall { avg10: avg10?, avg60: avg60?, avg300: avg300?, total_us: total? })
}

/// `97.88`: digits, a point and two more, as the kernel writes it.
fn percent(text: &str) -> Option<f32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: f32 = text.parse().ok().filter(|_| digits)?;
    (0.0..=100.0).contains(&value).then_some(value)
}

#[cfg(test)]
#[path = "pressure_tests.rs"]
mod tests;
