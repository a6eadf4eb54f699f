//! Runs the program and reads what it printed.

use std::io::{Read, Seek};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A small virtual camera: fast to make, fast to develop.
pub(crate) const CAMERA: &str = "virtual:size=320x240,fps=120";

/// The program with these arguments, on this library, without the user's own settings.
pub(crate) fn latent(library: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latent"));
    command.args(args).arg("--library").arg(library);
    command.env_remove("LATENT_LIBRARY").env_remove("LATENT_CRASH_AT").env_remove("LATENT_PANIC_AT");
    command
}

pub(crate) fn run(library: &Path, args: &[&str]) -> Output {
    latent(library, args).output().unwrap()
}

/// Runs it, wants success, and reads its JSON lines.
pub(crate) fn events(library: &Path, args: &[&str]) -> Vec<Value> {
    let output = run(library, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    lines(&output)
}

pub(crate) fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The photos of a library, as `library ls --json` lists them.
pub(crate) fn assets(library: &Path) -> Vec<Value> {
    let output = run(library, &["library", "ls", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["assets"].as_array().unwrap().clone()
}

/// Takes one photo without developing it; returns its path.
pub(crate) fn pending_photo(library: &Path) -> PathBuf {
    let events = events(library, &["shoot", "--json", "--no-wait", "--burst", "2", "--camera", CAMERA]);
    let available = events.iter().find(|event| event["event"] == "photoAssetAvailable").unwrap();
    PathBuf::from(available["path"].as_str().unwrap())
}

/// Develops all that waits.
pub(crate) fn develop(library: &Path) -> Vec<Value> {
    events(library, &["jobs", "run", "--until-empty", "--json"])
}

/// Width and height of a JPEG that decodes to its end.
pub(crate) fn decoded(path: &Path) -> (usize, usize) {
    decoded_bytes(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn decoded_bytes(bytes: &[u8]) -> Result<(usize, usize), String> {
    // The decoder makes up what a torn file lacks: the end must be there.
    if !latent_pipeline::metadata::jpeg::complete(bytes) {
        return Err(format!("{} bytes that are no whole JPEG", bytes.len()));
    }
    let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(bytes));
    let pixels = decoder.decode().map_err(|error| format!("{error:?}"))?;
    let (width, height) = decoder.dimensions().ok_or("no size")?;
    assert_eq!(pixels.len(), width * height * 3);
    Ok((width, height))
}

/// The error that the program printed as JSON.
pub(crate) fn error(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let value: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON error in {text:?}"));
    value["error"].clone()
}

/// A standing owner, killed when the test ends.
pub(crate) struct Standing(pub(crate) Child);

impl Standing {
    pub(crate) fn start(library: &Path) -> (Self, UnixStream) {
        let owner = Self(latent(library, &["jobs", "run"]).spawn().unwrap());
        let socket = library.join(".latent/socket");
        let start = Instant::now();
        loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => return (owner, stream),
                Err(error) => assert!(start.elapsed() < Duration::from_secs(20), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to a program, by its name as in `INT`.
pub(crate) fn signal(program: &Child, name: &str) {
    let id = program.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
}

/// Waits for a program's end; one that takes longer is killed, and the test fails.
pub(crate) fn ended_within(program: &mut Child, time: Duration) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = program.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > time {
            program.kill().unwrap();
            program.wait().unwrap();
            panic!("the program runs after {time:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a program printed, whose end is waited for as [`ended_within`] does.
pub(crate) fn output_within(mut command: Command, time: Duration) -> Output {
    let files = [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
    let [stdout, stderr] = files.each_ref().map(|file| Stdio::from(file.try_clone().unwrap()));
    let status = ended_within(&mut command.stdout(stdout).stderr(stderr).spawn().unwrap(), time);
    let [stdout, stderr] = files.map(|mut file| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).unwrap();
        bytes
    });
    Output { status, stdout, stderr }
}
