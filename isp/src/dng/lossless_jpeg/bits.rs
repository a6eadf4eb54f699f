//! The bits of a scan: stuffed zero bytes are taken out, and a marker ends them.

use super::Problem;

/// A reader of the bits of a scan, highest first.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The next byte to take in.
    at: usize,
    /// Bits that were taken in, at the low end.
    held: u64,
    count: u32,
    /// Zeros that stand for bits after the end.
    missing: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Bits<'a> {
        Bits { data, at, held: 0, count: 0, missing: 0 }
    }

    /// Where it is, for errors.
    pub(super) fn offset(&self) -> usize {
        self.at.saturating_sub((self.count.saturating_sub(self.missing) / 8) as usize)
    }

    /// The next 16 bits, with zeros behind the end.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        (self.held >> (self.count - 16) & 0xffff) as u32
    }

    /// Passes over bits that were seen by [`Bits::peek`].
    #[inline(always)]
    pub(super) fn pass(&mut self, count: u32) -> Result<(), Problem> {
        self.count -= count;
        if self.count < self.missing {
            return Err(self.ended());
        }
        Ok(())
    }

    /// The next bits, 1 to 16.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Problem> {
        let bits = self.peek() >> (16 - count);
        self.pass(count)?;
        Ok(bits)
    }

    /// Goes behind the next restart marker, which must follow here and bear this number modulo 8.
    pub(super) fn restart(&mut self, number: u32) -> Result<(), Problem> {
        // A marker may have more bytes of ones before it (T.81, B.1.1.2).
        while self.data.get(self.at..).is_some_and(|rest| rest.starts_with(&[0xff, 0xff])) {
            self.at += 1;
        }
        // What is held of whole bytes would be data before the marker.
        let unread = (self.count - self.missing) / 8;
        let marker = self.data.get(self.at..).and_then(|rest| rest.first_chunk::<2>());
        let expected = 0xd0 | (number % 8) as u8;
        if unread > 0 || marker != Some(&[0xff, expected]) {
            let got = format!("{unread} bytes of samples, then {:02x?}", marker.unwrap_or(&[0, 0]));
            return Err(Problem::new(self.offset(), "the next restart marker", got));
        }
        *self = Bits::new(self.data, self.at + 2);
        Ok(())
    }

    #[inline(never)]
    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff) | None, _) => {
                    self.missing += 8;
                    0
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    #[inline(never)]
    fn ended(&self) -> Problem {
        let got = match self.data.get(self.at..).unwrap_or_default() {
            [] => "its end".to_owned(),
            [byte] => format!("{byte:02x} and its end"),
            [first, second, ..] => format!("the marker {first:02x}{second:02x}"),
        };
        Problem::new(self.at, "more coded samples", got)
    }
}
