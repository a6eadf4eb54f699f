//! The command line.

use std::time::Duration;

/// How it is written.
pub const USAGE: &str = "\
usage: uvc-camera [OPTION]... [-- COMMAND [ARGUMENT]...]
Plugs a USB camera made of software into this machine: YUYV, NV12 and MJPEG from 176x144 to 1280x720, 5 to 30 frames a
second. Needs root and the modules vhci_hcd and uvcvideo. With COMMAND it waits for the camera's video device, runs
COMMAND with LATENT_TEST_VIDEO set to that, and ends with its exit status; without, it runs until it is killed.
  --port N          the port of the virtual host controller, 0 to 7; default the first that is free
  --serial TEXT     the serial number; default LATENT-1
  --err-every N     every Nth frame is marked as bad
  --short-every N   every Nth frame is half as long
  --empty-every N   every Nth frame has no bytes
  --drop-every N    every Nth frame is not sent
  --stall-after N   after N frames the camera is there and silent
  --unplug-after N  after N frames it is unplugged, once
  --replug-ms MS    whenever it was unplugged, it is plugged in again after this time";

/// Faults of the stream; 0 is never. Frames count from 1 at each start of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) err_every: u64,
    pub(super) short_every: u64,
    pub(super) empty_every: u64,
    pub(super) drop_every: u64,
    /// Counted from when it was plugged in.
    pub(super) stall_after: u64,
    /// Counted from when it was plugged in.
    pub(super) unplug_after: u64,
}

impl Faults {
    pub(super) fn spoils(&self, frame: u64) -> bool {
        hits(self.err_every, frame)
    }

    pub(super) fn shortens(&self, frame: u64) -> bool {
        hits(self.short_every, frame)
    }

    pub(super) fn empties(&self, frame: u64) -> bool {
        hits(self.empty_every, frame)
    }

    pub(super) fn drops(&self, frame: u64) -> bool {
        hits(self.drop_every, frame)
    }
}

fn hits(every: u64, frame: u64) -> bool {
    every != 0 && frame.is_multiple_of(every)
}

/// What the program was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) port: Option<u8>,
    pub(super) serial: String,
    pub(super) faults: Faults,
    pub(super) replug: Option<Duration>,
    /// What runs while the camera is there; none for only the camera.
    pub command: Vec<String>,
}

impl Options {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            port: None,
            serial: "LATENT-1".to_owned(),
            faults: Faults::default(),
            replug: None,
            command: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            if name == "--" {
                options.command = rest.cloned().collect();
                if options.command.is_empty() {
                    return Err("no command behind --".to_owned());
                }
                break;
            }
            let value = rest.next().ok_or_else(|| format!("{name}: no such option, or it wants a value"))?;
            options.set(name, value)?;
        }
        if options.faults.drop_every == 1 {
            return Err("--drop-every 1 would send nothing; that is --stall-after".to_owned());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| format!("{name} {value}: not a number"));
        match name {
            "--port" => {
                let port = value.parse().ok().filter(|port| *port < 8);
                self.port = Some(port.ok_or_else(|| format!("{name} {value}: ports are 0 to 7"))?);
            }
            "--serial" => value.clone_into(&mut self.serial),
            "--err-every" => self.faults.err_every = number()?,
            "--short-every" => self.faults.short_every = number()?,
            "--empty-every" => self.faults.empty_every = number()?,
            "--drop-every" => self.faults.drop_every = number()?,
            "--stall-after" => self.faults.stall_after = number()?,
            "--unplug-after" => self.faults.unplug_after = number()?,
            "--replug-ms" => self.replug = Some(Duration::from_millis(number()?)),
            _ => return Err(format!("{name}: no such option")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_and_a_command_are_read() {
        let options = parse("--port 3 --err-every 2 --replug-ms 50 -- latent devices --json").unwrap();
        assert_eq!((options.port, options.faults.err_every), (Some(3), 2));
        assert_eq!(options.replug, Some(Duration::from_millis(50)));
        assert_eq!(options.command, ["latent", "devices", "--json"]);
        assert_eq!(parse("").unwrap().faults, Faults::default());
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, told) in [
            ("--port 8", "0 to 7"),
            ("--err-every x", "not a number"),
            ("--nonsense 1", "no such option"),
            ("--port", "wants a value"),
            ("--", "no command"),
            ("--drop-every 1", "--stall-after"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn faults_hit_every_nth_frame_or_none() {
        let faults = Faults { err_every: 3, ..Faults::default() };
        assert_eq!((1..=6).filter(|frame| faults.spoils(*frame)).collect::<Vec<_>>(), [3, 6]);
        assert!((1..=6).all(|frame| !faults.drops(frame)));
    }
}
