//! The markers before the samples: tables, the frame, the restart interval, the scan.

use super::Problem;
use super::huffman::Table;

/// More components make no mosaic.
const MOST_COMPONENTS: usize = 4;

/// What the samples of the scan are, and how they are coded.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) columns: u32,
    pub(super) lines: u32,
    /// 1 to 4.
    pub(super) components: usize,
    /// 1 to 7.
    pub(super) predictor: u8,
    /// Bits by which samples are shifted left at the end.
    pub(super) point_transform: u32,
    /// The prediction where there is nothing to predict from.
    pub(super) half: u16,
    /// 0 without restarts.
    pub(super) lines_between_restarts: u32,
    /// One for each component.
    pub(super) tables: Vec<Table>,
    pub(super) frame_offset: usize,
    pub(super) data_offset: usize,
}

struct Frame {
    offset: usize,
    precision: u32,
    lines: u32,
    columns: u32,
    /// Their identifiers.
    components: Vec<u8>,
}

/// Reads up to the first coded sample.
pub(super) fn read(data: &[u8]) -> Result<Scan, Problem> {
    if data.first_chunk() != Some(&[0xff, 0xd8]) {
        let got = format!("{:02x?}", &data[..data.len().min(2)]);
        return Err(Problem::new(0, "the bytes ff d8 that a JPEG begins with", got));
    }
    let mut tables: [Option<Table>; 4] = [const { None }; 4];
    let mut frame: Option<Frame> = None;
    let mut restart_interval = 0;
    let mut at = 2;
    loop {
        let (marker, start, content) = segment(data, at)?;
        at = start + content.len();
        match marker {
            0xc4 => huffman_tables(content, start, &mut tables)?,
            0xc3 if frame.is_none() => frame = Some(frame_of(content, start)?),
            0xdd => restart_interval = u32::from(word(content, 0, start)?),
            0xda => {
                let Some(frame) = frame else {
                    return Err(Problem::new(start, "a frame (SOF3) before the scan", "none"));
                };
                return scan_of(content, start, &frame, &tables, restart_interval);
            }
            // Comments and what applications add.
            0xe0..=0xef | 0xfe => {}
            0xc0..=0xcf => {
                let got = format!("a frame of type SOF{}", marker & 0x0f);
                return Err(Problem::new(start, "one lossless frame with Huffman codes (SOF3)", got));
            }
            _ => {
                let got = format!("the marker ff{marker:02x}");
                return Err(Problem::new(start, "tables, a frame or a scan", got));
            }
        }
    }
}

/// The marker at or behind `at`, where its content begins, and the content.
fn segment(data: &[u8], mut at: usize) -> Result<(u8, usize, &[u8]), Problem> {
    let ended = |at: usize| Problem::new(at, "a marker and its content", "its end");
    if data.get(at).is_some_and(|byte| *byte != 0xff) {
        return Err(Problem::new(at, "a marker", format!("{:02x}", data[at])));
    }
    while data.get(at) == Some(&0xff) {
        at += 1;
    }
    let marker = *data.get(at).ok_or_else(|| ended(at))?;
    let length = usize::from(word(data, at + 1, 0)?);
    let content = data.get(at + 3..at + 1 + length).ok_or_else(|| ended(at + 1))?;
    Ok((marker, at + 3, content))
}

/// A big-endian number; `start` is where `data` is in the stream.
fn word(data: &[u8], at: usize, start: usize) -> Result<u16, Problem> {
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk());
    bytes
        .map(|bytes| u16::from_be_bytes(*bytes))
        .ok_or_else(|| Problem::new(start + at, "two bytes more", "none"))
}

fn huffman_tables(
    mut content: &[u8],
    mut start: usize,
    tables: &mut [Option<Table>; 4],
) -> Result<(), Problem> {
    while let Some((kind, rest)) = content.split_first() {
        let whole = rest.split_first_chunk::<16>().and_then(|(counts, rest)| {
            let values = counts.iter().map(|count| usize::from(*count)).sum();
            rest.split_at_checked(values).map(|(values, rest)| (counts, values, rest))
        });
        let Some((counts, values, rest)) = whole else {
            return Err(Problem::new(start, "a whole Huffman table", format!("{} bytes", content.len())));
        };
        let Some(table) = tables.get_mut(usize::from(*kind)) else {
            let got = format!("class and number {kind:02x}");
            return Err(Problem::new(start, "a Huffman table of class 0, number 0 to 3", got));
        };
        *table = Some(Table::new(counts, values, start)?);
        start += content.len() - rest.len();
        content = rest;
    }
    Ok(())
}

fn frame_of(content: &[u8], offset: usize) -> Result<Frame, Problem> {
    let (lines, columns) = (word(content, 1, offset)?, word(content, 3, offset)?);
    let (precision, count) = (content[0], content.get(5).copied().unwrap_or(0));
    if !(2..=16).contains(&precision) {
        return Err(Problem::new(offset, "2 to 16 bits a sample", format!("{precision}")));
    }
    if lines == 0 || columns == 0 {
        return Err(Problem::new(offset + 1, "a size", format!("{columns}x{lines}")));
    }
    let (specifications, _) = content.get(6..).unwrap_or_default().as_chunks::<3>();
    let components = specifications.get(..usize::from(count)).unwrap_or_default();
    if !(1..=MOST_COMPONENTS).contains(&components.len()) {
        return Err(Problem::new(offset + 5, "1 to 4 components", format!("{count}")));
    }
    // The factors of one component alone mean nothing (T.81, A.2.2).
    if let Some([_, factors, _]) =
        components.iter().find(|[_, factors, _]| components.len() > 1 && *factors != 0x11)
    {
        return Err(Problem::new(offset + 6, "components of one size", format!("factors {factors:02x}")));
    }
    Ok(Frame {
        offset,
        precision: precision.into(),
        lines: lines.into(),
        columns: columns.into(),
        components: components.iter().map(|[identifier, ..]| *identifier).collect(),
    })
}

fn scan_of(
    content: &[u8],
    start: usize,
    frame: &Frame,
    tables: &[Option<Table>; 4],
    restart_interval: u32,
) -> Result<Scan, Problem> {
    let count = frame.components.len();
    let (selectors, _) = content.get(1..).unwrap_or_default().as_chunks::<2>();
    let selectors = selectors.get(..count).unwrap_or_default();
    let is_whole = content.first() == Some(&(count as u8))
        && selectors.iter().zip(&frame.components).filter(|([id, _], other)| id == *other).count() == count;
    if !is_whole {
        let got = format!("a scan of {} components", content.first().copied().unwrap_or(0));
        return Err(Problem::new(start, "one scan of all components, in the frame's order", got));
    }
    let parameters = content.get(1 + 2 * count..).and_then(|rest| rest.first_chunk::<3>());
    let Some(&[predictor, _, transform]) = parameters else {
        return Err(Problem::new(start, "a predictor and a point transform", "its end"));
    };
    if !(1..=7).contains(&predictor) {
        return Err(Problem::new(start + 1 + 2 * count, "a predictor of 1 to 7", format!("{predictor}")));
    }
    let point_transform = u32::from(transform & 0x0f);
    if point_transform >= frame.precision {
        let got = format!("{point_transform} of {}", frame.precision);
        return Err(Problem::new(
            start + 3 + 2 * count,
            "a point transform of fewer bits than samples have",
            got,
        ));
    }
    if !restart_interval.is_multiple_of(frame.columns) {
        let got = format!("{restart_interval} for {} columns", frame.columns);
        return Err(Problem::new(start, "a restart interval of whole lines", got));
    }
    let mut chosen = Vec::with_capacity(count);
    for [_, selector] in selectors {
        let table = tables.get(usize::from(selector >> 4)).cloned().flatten();
        let missing =
            || Problem::new(start, "a Huffman table for each component", format!("none for {selector:02x}"));
        chosen.push(table.ok_or_else(missing)?);
    }
    Ok(Scan {
        columns: frame.columns,
        lines: frame.lines,
        components: count,
        predictor,
        point_transform,
        half: 1 << (frame.precision - point_transform - 1),
        lines_between_restarts: restart_interval / frame.columns,
        tables: chosen,
        frame_offset: frame.offset,
        data_offset: start + content.len(),
    })
}
