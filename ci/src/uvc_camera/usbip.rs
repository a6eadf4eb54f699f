//! The messages between a virtual host controller and a device, all numbers big-endian:
//! <https://docs.kernel.org/usb/usbip_protocol.html>.

use std::io::{self, Read};

/// Messages have this many bytes, and data behind some of them.
const HEAD: usize = 48;
/// A transfer asks for no more than this.
const MOST_BYTES: usize = 1 << 22;

const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMIT_REPLY: u32 = 3;
const UNLINK_REPLY: u32 = 4;

/// `-EPIPE`: a stalled endpoint.
const STALLED: i32 = -32;
/// `-ECONNRESET`: the transfer was taken back before it was done.
const TAKEN_BACK: i32 = -104;

/// What the host wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A transfer.
    Submit(Transfer),
    /// The transfer `victim` is to be taken back.
    Unlink { number: u32, victim: u32 },
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) number: u32,
    /// The endpoint's number, without its direction.
    pub(super) endpoint: u32,
    /// The device sends.
    pub(super) is_in: bool,
    /// The most bytes that the device may send.
    pub(super) length: usize,
    pub(super) setup: [u8; 8],
    /// What the host sends.
    pub(super) data: Vec<u8>,
}

impl Message {
    /// Reads the next message. Blocks.
    ///
    /// # Errors
    /// The end of the connection, or a message that is none.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what.to_owned()));
        match word(0) {
            SUBMIT => {
                let length = usize::try_from(word(24)).unwrap_or(usize::MAX);
                if length > MOST_BYTES {
                    return wrong(&format!("a transfer of {length} bytes"));
                }
                let is_in = word(12) != 0;
                let mut data = vec![0; if is_in { 0 } else { length }];
                from.read_exact(&mut data)?;
                let mut setup = [0; 8];
                setup.copy_from_slice(&head[40..48]);
                Ok(Self::Submit(Transfer { number: word(4), endpoint: word(16), is_in, length, setup, data }))
            }
            UNLINK => Ok(Self::Unlink { number: word(4), victim: word(20) }),
            other => wrong(&format!("message {other:#x}, which is neither a transfer nor its taking back")),
        }
    }
}

/// The answer to a transfer that was done: what the device sends, or as many bytes as it took.
pub(super) fn done(transfer: &Transfer, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(transfer.length)];
    let bytes = if transfer.is_in { data.len() } else { transfer.length };
    let sent = if transfer.is_in { data } else { &[] };
    [&reply(SUBMIT_REPLY, transfer.number, 0, bytes), sent].concat()
}

/// The answer to a transfer that the device refuses.
pub(super) fn stalled(transfer: &Transfer) -> Vec<u8> {
    reply(SUBMIT_REPLY, transfer.number, STALLED, 0).to_vec()
}

/// The answer to a taking back: of a transfer that still waited, or of one that is done already.
pub(super) fn unlinked(number: u32, waited: bool) -> Vec<u8> {
    reply(UNLINK_REPLY, number, if waited { TAKEN_BACK } else { 0 }, 0).to_vec()
}

fn reply(kind: u32, number: u32, status: i32, bytes: usize) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let length = u32::try_from(bytes).unwrap_or(0);
    head[..4].copy_from_slice(&kind.to_be_bytes());
    head[4..8].copy_from_slice(&number.to_be_bytes());
    head[20..24].copy_from_slice(&status.to_be_bytes());
    head[24..28].copy_from_slice(&length.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn head(words: &[(usize, u32)]) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        for (at, word) in words {
            head[*at..*at + 4].copy_from_slice(&word.to_be_bytes());
        }
        head
    }

    #[test]
    fn transfers_of_both_directions_are_read_one_after_the_other() {
        let mut bytes = head(&[(0, SUBMIT), (4, 7), (12, 1), (16, 1), (24, 16384)]);
        bytes.extend(head(&[(0, SUBMIT), (4, 8), (24, 2)]));
        bytes.extend([5, 6]);
        bytes.extend(head(&[(0, UNLINK), (4, 9), (20, 7)]));
        let mut from = Cursor::new(bytes);
        let Message::Submit(first) = Message::read(&mut from).unwrap() else { panic!() };
        assert_eq!((first.number, first.endpoint, first.is_in, first.length), (7, 1, true, 16384));
        let Message::Submit(second) = Message::read(&mut from).unwrap() else { panic!() };
        assert_eq!((second.is_in, &second.data[..]), (false, &[5, 6][..]));
        assert_eq!(Message::read(&mut from).unwrap(), Message::Unlink { number: 9, victim: 7 });
        assert_eq!(Message::read(&mut from).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_message_ends_the_connection() {
        let long = head(&[(0, SUBMIT), (24, u32::MAX)]);
        assert!(Message::read(&mut Cursor::new(long)).unwrap_err().to_string().contains("4294967295 bytes"));
        assert!(Message::read(&mut Cursor::new(head(&[(0, 99)]))).is_err());
        assert!(Message::read(&mut Cursor::new([0; 10])).is_err());
    }

    #[test]
    fn answers_have_no_more_bytes_than_were_asked_for() {
        let mut transfer =
            Transfer { number: 3, endpoint: 0, is_in: true, length: 2, setup: [0; 8], data: Vec::new() };
        let answer = done(&transfer, &[1, 2, 3]);
        assert_eq!((answer.len(), &answer[24..28], &answer[48..]), (50, &[0, 0, 0, 2][..], &[1, 2][..]));
        transfer.is_in = false;
        assert_eq!((done(&transfer, &[]).len(), done(&transfer, &[])[27]), (48, 2));
        assert_eq!(stalled(&transfer)[20..24], (-32i32).to_be_bytes());
        assert_eq!(unlinked(4, true)[20..24], (-104i32).to_be_bytes());
        assert_eq!(unlinked(4, false)[20..24], [0; 4]);
    }
}
