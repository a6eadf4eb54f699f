//! Where the stored samples are: strips or tiles, each a rectangle of the mosaic and a range of the file.

use super::area::Area;
use super::error::{Error, Part};
use super::tag::Tag;
use super::tiff::{Directory, Tiff, Values};
use crate::MAX_SIDE;

/// How the samples of a strip or tile are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As they are, packed without gaps in a row (Compression 1).
    None,
    /// Lossless JPEG (Compression 7).
    LosslessJpeg,
}

/// The strips or tiles of a raw image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) compression: Compression,
    pub(super) bits: u8,
    /// Samples in a stored row of a segment, and stored rows of one that is whole.
    pub(super) width: u32,
    pub(super) height: u32,
    image: (u32, u32),
    is_tiled: bool,
    across: u32,
    down: u32,
    offsets: Values<'a>,
    counts: Values<'a>,
}

/// A strip or tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) index: u64,
    /// Where in the file it begins.
    pub(super) offset: u64,
    pub(super) data: &'a [u8],
    /// What it holds, with the padding of tiles at the right and at the bottom.
    pub(super) area: Area,
}

impl<'a> Layout<'a> {
    /// Reads and checks the layout: every segment is within the file, all together are no larger than it, and the file has
    /// at least a bit for each sample. So the work of decoding grows with the file's bytes, whatever the tags say.
    pub(super) fn new(tiff: Tiff<'a>, raw: &Directory<'a>) -> Result<Layout<'a>, Error> {
        let image = (side(raw, Tag::IMAGE_WIDTH)?, side(raw, Tag::IMAGE_LENGTH)?);
        let bits = bits(raw)?;
        let compression = compression(raw)?;
        only_plain_order(raw)?;
        let is_tiled = raw.find(Tag::TILE_OFFSETS)?.is_some();
        let (width, height) = if is_tiled {
            (tile_side(raw, Tag::TILE_WIDTH)?, tile_side(raw, Tag::TILE_LENGTH)?)
        } else {
            let rows = raw.number(Tag::ROWS_PER_STRIP)?;
            if let Some((values, 0)) = rows {
                return Err(values.wrong("1 row or more", &0));
            }
            (image.0, rows.map_or(image.1, |(_, rows)| rows.min(image.1)))
        };
        let (across, down) = (image.0.div_ceil(width), image.1.div_ceil(height));
        let segments = u64::from(across) * u64::from(down);
        let stored = if is_tiled {
            // Four sides of at most 65535 multiply to less than 64 bits.
            segments * u64::from(width) * u64::from(height)
        } else {
            u64::from(image.0) * u64::from(image.1)
        };
        let bytes = tiff.bytes.len() as u64;
        let most = bytes.saturating_mul(8);
        if stored > most {
            return Err(Error::Implausible { samples: stored, most, bytes });
        }
        let [offsets, counts] = if is_tiled {
            [Tag::TILE_OFFSETS, Tag::TILE_BYTE_COUNTS]
        } else {
            [Tag::STRIP_OFFSETS, Tag::STRIP_BYTE_COUNTS]
        };
        let offsets = raw.need(offsets, "where each strip or tile begins")?;
        let counts = raw.need(counts, "the size of each strip or tile")?;
        offsets.whole_numbers(segments)?;
        counts.whole_numbers(segments)?;
        let layout =
            Layout { compression, bits, width, height, image, is_tiled, across, down, offsets, counts };
        let mut total = 0;
        for row in 0..down {
            for column in 0..across {
                let segment = layout.segment(tiff, column, row)?;
                total = u64::saturating_add(total, segment.data.len() as u64);
                let expected = u64::from(segment.area.height) * layout.row_bytes() as u64;
                if compression == Compression::None && (segment.data.len() as u64) < expected {
                    let got = format!("{} for strip or tile {}", segment.data.len(), segment.index);
                    return Err(layout.counts.wrong(format!("{expected} bytes or more"), &got));
                }
            }
        }
        if total > bytes {
            let expected = format!("at most {bytes} bytes, the file's size, for all strips or tiles");
            return Err(layout.counts.wrong(expected, &total));
        }
        Ok(layout)
    }

    /// Samples in a row of the image, and its rows.
    pub(super) fn image(&self) -> (u32, u32) {
        self.image
    }

    /// Bytes of an uncompressed row.
    pub(super) fn row_bytes(&self) -> usize {
        (self.width as usize * usize::from(self.bits)).div_ceil(8)
    }

    /// The segments that have a part in an area of the image.
    pub(super) fn segments(
        &self,
        tiff: Tiff<'a>,
        area: &Area,
    ) -> impl Iterator<Item = Result<Segment<'a>, Error>> {
        let touched =
            |start: u32, len: u32, step: u32, most: u32| start / step..(start + len).div_ceil(step).min(most);
        let columns = touched(area.left, area.width, self.width, self.across);
        let rows = touched(area.top, area.height, self.height, self.down);
        let layout = *self;
        rows.flat_map(move |row| {
            let columns = columns.clone();
            columns.map(move |column| layout.segment(tiff, column, row))
        })
    }

    fn segment(&self, tiff: Tiff<'a>, column: u32, row: u32) -> Result<Segment<'a>, Error> {
        let index = u64::from(row) * u64::from(self.across) + u64::from(column);
        // It fits: the offsets are so many values in memory.
        let at = index as usize;
        let offset = u64::from(self.offsets.unsigned(at));
        let data = tiff.slice(Part::Segment(index), offset, self.counts.unsigned(at).into())?;
        let (left, top) = (column * self.width, row * self.height);
        let height = if self.is_tiled { self.height } else { self.height.min(self.image.1 - top) };
        Ok(Segment { index, offset, data, area: Area { left, top, width: self.width, height } })
    }
}

fn side(raw: &Directory<'_>, tag: Tag) -> Result<u32, Error> {
    let values = raw.need(tag, "the size of the picture")?;
    values.whole_numbers(1)?;
    let side = values.unsigned(0);
    if !(2..=MAX_SIDE).contains(&side) {
        return Err(values.wrong(format!("2 to {MAX_SIDE}"), &side));
    }
    Ok(side)
}

fn tile_side(raw: &Directory<'_>, tag: Tag) -> Result<u32, Error> {
    let values = raw.need(tag, "the size of the tiles")?;
    values.whole_numbers(1)?;
    let side = values.unsigned(0);
    if !(1..=MAX_SIDE).contains(&side) {
        return Err(values.wrong(format!("1 to {MAX_SIDE}"), &side));
    }
    Ok(side)
}

fn bits(raw: &Directory<'_>) -> Result<u8, Error> {
    if let Some((values, samples)) = raw.number(Tag::SAMPLES_PER_PIXEL)?
        && samples != 1
    {
        return Err(values.wrong("1 (a mosaic has one sample a pixel)", &samples));
    }
    if let Some((values, format)) = raw.number(Tag::SAMPLE_FORMAT)?
        && format != 1
    {
        let name = if format == 3 { "floating point".to_owned() } else { format!("format {format}") };
        return Err(values.unsupported(name, "whole numbers without sign (1)"));
    }
    let values = raw.need(Tag::BITS_PER_SAMPLE, "8 to 16")?;
    values.whole_numbers(1)?;
    match values.unsigned(0) {
        bits @ 8..=16 => Ok(bits as u8),
        bits => Err(values.unsupported(format!("{bits} bits"), "8 to 16 bits are")),
    }
}

fn compression(raw: &Directory<'_>) -> Result<Compression, Error> {
    const READ: &str = "1 (none) and 7 (lossless JPEG) are";
    // TIFF 6.0: without the tag, nothing is compressed.
    let Some((values, compression)) = raw.number(Tag::COMPRESSION)? else { return Ok(Compression::None) };
    let name = match compression {
        1 => return Ok(Compression::None),
        7 => return Ok(Compression::LosslessJpeg),
        5 => "LZW",
        8 | 32946 => "Deflate",
        32773 => "PackBits",
        34713 => "Nikon's own compression",
        34892 => "lossy JPEG",
        52546 => "JPEG XL",
        _ => "an unknown compression",
    };
    Err(values.unsupported(format!("{compression} ({name})"), READ))
}

/// Refuses bits and rows in another order than left to right and top to bottom.
fn only_plain_order(raw: &Directory<'_>) -> Result<(), Error> {
    for (tag, plain) in [
        (Tag::FILL_ORDER, "1 (high bits first) is"),
        (Tag::ROW_INTERLEAVE_FACTOR, "1 (rows in their order) is"),
        (Tag::COLUMN_INTERLEAVE_FACTOR, "1 (columns in their order) is"),
    ] {
        if let Some((values, got)) = raw.number(tag)?
            && got != 1
        {
            return Err(values.unsupported(got.to_string(), plain));
        }
    }
    if let Some(values) = raw.find(Tag::SUB_TILE_BLOCK_SIZE)? {
        values.whole_numbers(2)?;
        let (rows, columns) = (values.unsigned(0), values.unsigned(1));
        if (rows, columns) != (1, 1) {
            return Err(
                values.unsupported(format!("blocks of {columns}x{rows}"), "1x1 (rows in their order) is")
            );
        }
    }
    Ok(())
}
