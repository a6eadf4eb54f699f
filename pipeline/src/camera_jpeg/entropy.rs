//! The entropy-coded data of a sequential JPEG, followed code by code: ITU-T T.81, annexes B, C and F.2.

use std::ops::Range;

use super::{DHT, DRI, Refusal, frame_header, tables};
use crate::metadata::jpeg;

/// Bytes that may stand between the last block and the end: many cameras leave a few.
const STRAY: usize = 16;

const CUT: Refusal = "the JPEG's data ends before its last block";
const WRONG: Refusal = "the JPEG's data has a code that is none";

/// A Huffman table: for every 16 bits the length of the code that they begin with, and its value. Length 0 is none.
pub(super) struct Huffman(Vec<(u8, u8)>);

impl Huffman {
    /// From the numbers of codes of 1 to 16 bits, and their values in order; `None` for more codes than there can be.
    fn new(counts: [u8; 16], values: &[u8]) -> Option<Self> {
        let mut table = vec![(0, 0); 1 << 16];
        let (mut next, mut values) = (0_usize, values.iter());
        for (length, count) in (1_u8..).zip(counts) {
            let span = 1 << (16 - length);
            for value in values.by_ref().take(count.into()) {
                table.get_mut(next..next + span)?.fill((length, *value));
                next += span;
            }
        }
        Some(Self(table))
    }
}

/// Tables that a picture may define. It can hold eight at a time (B.2.4.2), and needs none twice before its one scan;
/// each costs time, and a frame has room for hundreds of thousands.
const MOST_TABLES: u32 = 32;

/// The tables that a picture uses: of the first coefficient, then of the others, up to four of each.
#[derive(Default)]
struct Tables {
    kept: [[Option<Huffman>; 4]; 2],
    defined: u32,
}

impl Tables {
    /// Those of a payload of one or more tables.
    fn add(&mut self, mut payload: &[u8]) -> Result<(), Refusal> {
        const BROKEN: Refusal = "the JPEG's Huffman tables are broken";
        while let Some((&head, rest)) = payload.split_first() {
            self.defined += 1;
            if self.defined > MOST_TABLES {
                return Err("the JPEG defines more Huffman tables than a picture has use for");
            }
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(BROKEN)?;
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let values = rest.get(..total).ok_or(BROKEN)?;
            let slot = self
                .kept
                .get_mut(usize::from(head >> 4))
                .and_then(|class| class.get_mut(usize::from(head & 15)));
            *slot.ok_or(BROKEN)? = Some(Huffman::new(*counts, values).ok_or(BROKEN)?);
            payload = &rest[total..];
        }
        Ok(())
    }
}

/// One colour of a scan: its blocks in a unit, and its tables.
struct Component<'a> {
    blocks: u32,
    first: &'a Huffman,
    others: &'a Huffman,
}

/// Follows the data of the one scan of a picture.
pub(super) fn check(bytes: &[u8], scan: Range<usize>) -> Result<(), Refusal> {
    let mut huffman = Tables::default();
    let mut interval = 0;
    let mut has_tables = false;
    let mut begin = 0;
    for segment in jpeg::leading(bytes) {
        let payload = bytes.get(segment.payload).unwrap_or_default();
        match (segment.marker, payload) {
            (DHT, payload) => {
                huffman.add(payload)?;
                has_tables = true;
            }
            (DRI, &[high, low, ..]) => interval = u32::from(u16::from_be_bytes([high, low])),
            _ => {}
        }
        begin = segment.whole.end;
    }
    if !has_tables {
        huffman.add(&tables::huffman_segment()[4..])?;
    }
    let header =
        frame_header(bytes).map(|segment| bytes.get(segment.payload).unwrap_or_default()).unwrap_or_default();
    let scan_header = bytes.get(begin..scan.start).unwrap_or_default();
    let (units, components) = units(header, scan_header, &huffman)?;
    let mut bits = Bits { data: bytes.get(scan).ok_or(CUT)?, at: 0, buffer: 0, held: 0 };
    for unit in 0..units {
        if interval > 0 && unit > 0 && unit % interval == 0 {
            bits.restart(unit / interval - 1)?;
        }
        for component in &components {
            for _ in 0..component.blocks {
                block(&mut bits, component)?;
            }
        }
    }
    if bits.rest() > STRAY {
        return Err("the JPEG's data goes on behind its last block");
    }
    Ok(())
}

/// How many units the scan has, and what one is made of.
fn units<'a>(header: &[u8], scan: &[u8], huffman: &'a Tables) -> Result<(u32, Vec<Component<'a>>), Refusal> {
    const BROKEN: Refusal = "the JPEG's headers do not fit each other";
    let &[_, h1, h0, w1, w0, count, ref rest @ ..] = header else { return Err(BROKEN) };
    let (width, height) = (u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0])));
    let colours: Vec<_> = rest.as_chunks::<3>().0.iter().take(count.into()).collect();
    // Marker, length, number of colours, two bytes each, then three bytes.
    let &[0xFF, 0xDA, _, _, in_scan, ref selectors @ ..] = scan else { return Err(BROKEN) };
    if in_scan != count || colours.len() != usize::from(count) {
        return Err(BROKEN);
    }
    let (mut most_across, mut most_down) = (1, 1);
    let mut components = Vec::new();
    for (&&[id, sampling, _], &[selector, tables]) in colours.iter().zip(selectors.as_chunks::<2>().0) {
        let (across, down) = (u32::from(sampling >> 4), u32::from(sampling & 15));
        if selector != id || !(1..=4).contains(&across) || !(1..=4).contains(&down) {
            return Err(BROKEN);
        }
        (most_across, most_down) = (most_across.max(across), most_down.max(down));
        let table = |class: usize, index: u8| {
            let class: &'a [Option<Huffman>; 4] = &huffman.kept[class];
            class.get(usize::from(index)).and_then(Option::as_ref).ok_or("the JPEG lacks a Huffman table")
        };
        components.push(Component {
            blocks: across * down,
            first: table(0, tables >> 4)?,
            others: table(1, tables & 15)?,
        });
    }
    if components.len() != usize::from(count) {
        return Err(BROKEN);
    }
    if let [only] = components.as_mut_slice() {
        // A colour that is alone has units of one block, whatever it says.
        only.blocks = 1;
        (most_across, most_down) = (1, 1);
    }
    Ok((width.div_ceil(8 * most_across) * height.div_ceil(8 * most_down), components))
}

fn block(bits: &mut Bits<'_>, component: &Component<'_>) -> Result<(), Refusal> {
    let size = bits.code(component.first)?;
    if size > 11 {
        return Err(WRONG);
    }
    bits.skip(size.into())?;
    let mut position = 1;
    while position < 64 {
        let code = bits.code(component.others)?;
        let (run, size) = (u32::from(code >> 4), u32::from(code & 15));
        match (run, size) {
            (15, 0) => position += 16,
            (_, 0) => return Ok(()),
            _ => {
                position += run + 1;
                bits.skip(size)?;
            }
        }
    }
    if position > 64 { Err(WRONG) } else { Ok(()) }
}

/// The bits of a scan, its stuffed zeros left out.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// Bits that were read, at the top.
    buffer: u64,
    held: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.held <= 48 {
            let Some(&byte) = self.data.get(self.at) else { return };
            if byte == 0xFF {
                if self.data.get(self.at + 1) != Some(&0) {
                    return;
                }
                self.at += 1;
            }
            self.at += 1;
            self.buffer |= u64::from(byte) << (56 - self.held);
            self.held += 8;
        }
    }

    /// The value of the next code.
    fn code(&mut self, table: &Huffman) -> Result<u8, Refusal> {
        self.fill();
        let (length, value) = table.0[(self.buffer >> 48) as usize];
        if length == 0 {
            return Err(if self.held < 16 { CUT } else { WRONG });
        }
        self.skip(length.into())?;
        Ok(value)
    }

    fn skip(&mut self, count: u32) -> Result<(), Refusal> {
        if count > self.held {
            self.fill();
        }
        self.held = self.held.checked_sub(count).ok_or(CUT)?;
        self.buffer <<= count;
        Ok(())
    }

    /// Goes on behind the restart marker of this number, counted from 0.
    fn restart(&mut self, number: u32) -> Result<(), Refusal> {
        const LOST: Refusal = "the JPEG's data has lost a part between two restart markers";
        if self.rest() > STRAY || self.unread_before_marker() > 0 {
            return Err(LOST);
        }
        while self.data.get(self.at) == Some(&0xFF) && self.data.get(self.at + 1) == Some(&0xFF) {
            self.at += 1;
        }
        let marker = 0xD0 + (number % 8) as u8;
        if self.data.get(self.at..self.at + 2) != Some(&[0xFF, marker]) {
            return Err(LOST);
        }
        self.at += 2;
        (self.buffer, self.held) = (0, 0);
        Ok(())
    }

    /// Whole bytes before the next marker that nobody has read.
    fn rest(&self) -> usize {
        self.unread_before_marker() + (self.held / 8) as usize
    }

    fn unread_before_marker(&self) -> usize {
        let data = self.data.get(self.at..).unwrap_or_default();
        let marker = data.windows(2).position(|pair| pair[0] == 0xFF && pair[1] != 0);
        marker.unwrap_or(data.len())
    }
}
