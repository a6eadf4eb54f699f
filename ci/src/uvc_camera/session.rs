//! The camera's life: plugged in, served, unplugged, plugged in again; and the command that runs beside it.

use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::device::Device;
use super::options::Options;
use super::transfers::{TakingBack, Transfers};
use super::usbip::{self, Message, Transfer};
use super::{port, say};

/// How long a port may take to be left, and a driver to bind. Long, because the kernel may run in an emulator.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a camera is no longer there.
enum End {
    /// It was to be unplugged after so many frames.
    Own,
    /// The kernel closed the connection.
    Kernels,
}

/// Plugs the camera in and serves it; until `options.command` ends where there is one, else until it is unplugged for
/// good. The command's exit status.
///
/// # Errors
/// What keeps the camera from being plugged in, or the command from being started.
pub fn run(options: Options) -> Result<Option<ExitStatus>, String> {
    let command = options.command.clone();
    let (port, socket) = port::plug_in(options.port, PATIENCE)?;
    say(&format!("plugged in at port {port}"));
    if command.is_empty() {
        return serve_always(&options, port, socket).map(|()| None);
    }
    // Ends with the program.
    thread::spawn(move || {
        if let Err(error) = serve_always(&options, port, socket) {
            say(&error);
        }
    });
    let device = port::video_device(port, PATIENCE)?;
    let [program, arguments @ ..] = command.as_slice() else { return Ok(None) };
    Command::new(program)
        .args(arguments)
        .env("LATENT_TEST_VIDEO", device)
        .status()
        .map(Some)
        .map_err(|error| format!("cannot start {program}: {error}"))
}

/// Serves the camera, and plugs it in again at the same port whenever it was unplugged, where that is wanted.
fn serve_always(options: &Options, port: u8, mut socket: UnixStream) -> Result<(), String> {
    let mut faults = options.faults.clone();
    loop {
        let device = Device::new(options.serial.clone(), faults.clone());
        match serve(device, socket)? {
            End::Own => {
                say("unplugged after its frames");
                faults.unplug_after = 0;
            }
            End::Kernels => say("unplugged by the kernel"),
        }
        let Some(pause) = options.replug else { return Ok(()) };
        thread::sleep(pause);
        (_, socket) = port::plug_in(Some(port), PATIENCE)?;
        say(&format!("plugged in again at port {port}"));
    }
}

/// Answers the kernel until one side closes the connection.
fn serve(mut device: Device, mut socket: UnixStream) -> Result<End, String> {
    let begun = Instant::now();
    let reader =
        socket.try_clone().map_err(|error| format!("no second handle of the connection: {error}"))?;
    let messages = read_messages(reader);
    let mut transfers = Transfers::default();
    loop {
        let mut answers = Vec::new();
        while let Some(transfer) = transfers.first() {
            let Some(payload) = device.payload(transfer.length, begun.elapsed())? else { break };
            answers.extend(usbip::done(transfer, &payload));
            transfers.take_first();
            if device.is_to_go() {
                break;
            }
        }
        if socket.write_all(&answers).is_err() {
            return Ok(End::Kernels);
        }
        if device.is_to_go() {
            let _ = socket.shutdown(Shutdown::Both);
            return Ok(End::Own);
        }
        let until = device.due().filter(|_| !transfers.is_empty());
        let message = match next(&messages, until.map(|due| due.saturating_sub(begun.elapsed()))) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Kernels),
        };
        let answer = answer(&mut device, &mut transfers, message, begun.elapsed());
        if socket.write_all(&answer).is_err() {
            return Ok(End::Kernels);
        }
    }
}

fn next(messages: &Receiver<Message>, most: Option<Duration>) -> Result<Message, RecvTimeoutError> {
    match most {
        Some(most) => messages.recv_timeout(most),
        None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// What is answered to a message at once, which may be nothing; transfers of the stream wait.
fn answer(device: &mut Device, transfers: &mut Transfers, message: Message, now: Duration) -> Vec<u8> {
    match message {
        Message::Submit(transfer) => {
            let (is_wanted, due) = transfers.arrives(transfer.number);
            let mut answer: Vec<u8> =
                due.into_iter().flat_map(|number| usbip::unlinked(number, true)).collect();
            if is_wanted {
                answer.extend(answer_transfer(device, transfers, transfer, now));
            }
            answer
        }
        Message::Unlink { number, victim } => match transfers.take_back(victim, number) {
            TakingBack::Done => usbip::unlinked(number, true),
            TakingBack::Late => usbip::unlinked(number, false),
            TakingBack::Early => Vec::new(),
        },
    }
}

fn answer_transfer(
    device: &mut Device,
    transfers: &mut Transfers,
    transfer: Transfer,
    now: Duration,
) -> Vec<u8> {
    const CONTROL_ENDPOINT: u32 = 0;
    const STREAM_ENDPOINT: u32 = 1;
    match (transfer.endpoint, transfer.is_in) {
        (CONTROL_ENDPOINT, _) => match device.control(transfer.setup, &transfer.data, now) {
            Some(data) => usbip::done(&transfer, &data),
            None => usbip::stalled(&transfer),
        },
        (STREAM_ENDPOINT, true) => {
            transfers.wait(transfer);
            Vec::new()
        }
        _ => usbip::stalled(&transfer),
    }
}

/// Reads in a thread of its own, which ends with the connection.
fn read_messages(socket: UnixStream) -> Receiver<Message> {
    let (sender, messages) = mpsc::channel();
    thread::spawn(move || {
        let mut socket = BufReader::new(socket);
        loop {
            match Message::read(&mut socket) {
                Ok(message) => {
                    if sender.send(message).is_err() {
                        break;
                    }
                }
                Err(error) => {
                    if error.kind() != io::ErrorKind::UnexpectedEof {
                        say(&format!("reads no more from the kernel: {error}"));
                    }
                    break;
                }
            }
        }
    });
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uvc_camera::options::Faults;
    use std::io::Read;

    fn submit(number: u32, is_in: bool, endpoint: u32, length: u32, setup: [u8; 8], data: &[u8]) -> Vec<u8> {
        let words = [1, number, 0, u32::from(is_in), endpoint, 0, length, 0, 0, 0];
        [&words.map(u32::to_be_bytes).concat()[..], &setup, data].concat()
    }

    /// A host that speaks to a camera: what it answers to the last message.
    struct Host(UnixStream);

    impl Host {
        fn new(faults: Faults) -> (Self, thread::JoinHandle<Result<End, String>>) {
            let (host, camera) = UnixStream::pair().unwrap();
            let served = thread::spawn(move || serve(Device::new("A".to_owned(), faults), camera));
            (Self(host), served)
        }

        fn send(&mut self, message: &[u8]) {
            self.0.write_all(message).unwrap();
        }

        /// Number, status and data of an answer.
        fn answer(&mut self) -> (u32, i32, Vec<u8>) {
            let mut head = [0; 48];
            self.0.read_exact(&mut head).unwrap();
            let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
            let mut data = vec![0; if word(0) == 3 { word(24) as usize } else { 0 }];
            if word(4) % 2 == 1 {
                self.0.read_exact(&mut data).unwrap();
            }
            (word(4), word(20).cast_signed(), data)
        }

        /// Commits the smallest YUYV mode. Messages that send have even numbers here, those that ask odd ones.
        fn commit(&mut self) {
            let mut proposal = [0; 34];
            proposal[2..4].copy_from_slice(&[1, 2]);
            self.send(&submit(2, false, 0, 34, [0x21, 1, 0, 2, 1, 0, 34, 0], &proposal));
            assert_eq!(self.answer().1, 0);
        }
    }

    #[test]
    fn transfers_of_the_stream_wait_for_their_frame_and_can_be_taken_back() {
        let (mut host, served) = Host::new(Faults::default());
        host.send(&submit(1, true, 1, 16384, [0; 8], &[]));
        host.send(&submit(3, true, 0, 18, [0x80, 6, 0, 1, 0, 0, 18, 0], &[]));
        let (number, status, data) = host.answer();
        assert_eq!((number, status, data.len()), (3, 0, 18), "the stream does not hold up controls");
        host.send(&[[2u32, 4, 0, 0, 0, 1].map(u32::to_be_bytes).concat(), vec![0; 24]].concat());
        assert_eq!(host.answer().1, -104);
        host.commit();
        host.send(&submit(5, true, 1, 16384, [0; 8], &[]));
        let (number, status, data) = host.answer();
        assert_eq!((number, status, data.len(), data[1] & 0x80), (5, 0, 16384, 0x80));
        drop(host);
        assert!(matches!(served.join().unwrap(), Ok(End::Kernels)));
    }

    #[test]
    fn a_taking_back_before_its_transfer_is_answered_once_and_the_transfer_never() {
        let (mut host, _served) = Host::new(Faults::default());
        host.commit();
        // The kernel's other queue was faster: 11 is taken back by 12 before it comes.
        host.send(&[[2u32, 12, 0, 0, 0, 11].map(u32::to_be_bytes).concat(), vec![0; 24]].concat());
        host.send(&submit(11, true, 1, 16384, [0; 8], &[]));
        assert_eq!(host.answer(), (12, -104, vec![]));
        host.send(&submit(13, true, 1, 16384, [0; 8], &[]));
        let (number, status, data) = host.answer();
        assert_eq!((number, status, data.len()), (13, 0, 16384), "the frame goes to the next transfer");
    }

    #[test]
    fn a_request_that_it_does_not_know_is_a_stall_and_a_message_that_is_none_the_end() {
        let (mut host, served) = Host::new(Faults::default());
        host.send(&submit(1, true, 0, 8, [0xc0, 0x42, 0, 0, 0, 0, 8, 0], &[]));
        assert_eq!(host.answer().1, -32);
        host.send(&submit(3, true, 7, 8, [0; 8], &[]));
        assert_eq!(host.answer().1, -32, "no such endpoint");
        host.send(&[9; 48]);
        assert!(matches!(served.join().unwrap(), Ok(End::Kernels)));
    }

    #[test]
    fn it_is_unplugged_after_its_frames() {
        let (mut host, served) = Host::new(Faults { unplug_after: 1, ..Faults::default() });
        host.commit();
        for number in [1, 3, 5, 7] {
            host.send(&submit(number, true, 1, 16384, [0; 8], &[]));
        }
        assert!(matches!(served.join().unwrap(), Ok(End::Own)));
    }
}
