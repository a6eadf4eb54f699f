//! TIFF 6.0 containers: byte orders, directories, typed values. Nothing is copied or allocated; what reaches past the
//! end of the file is an error when it is looked at.

use super::Tag;
use super::error::{Error, Part};

/// Bytes of a directory's entry.
const ENTRY_BYTES: usize = 12;

/// No name of a camera is longer.
const MOST_TEXT: usize = 1024;

/// The order of bytes in a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// A whole file whose header has been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiff<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: Order,
}

/// A directory whose entries are all within the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory<'a> {
    tiff: Tiff<'a>,
    pub(super) offset: usize,
    entries: usize,
}

/// The type of a tag's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Byte,
    Ascii,
    Short,
    Long,
    Rational,
    SignedByte,
    Undefined,
    SignedShort,
    SignedLong,
    SignedRational,
    Float,
    Double,
}

/// The values of a tag, all within the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) tag: Tag,
    pub(super) offset: usize,
    pub(super) kind: Kind,
    pub(super) data: &'a [u8],
    order: Order,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        }
    }
}

impl Kind {
    /// The type of this number, and 13, which is 4 for offsets of directories.
    fn of(number: u16) -> Option<Kind> {
        Some(match number {
            1 => Kind::Byte,
            2 => Kind::Ascii,
            3 => Kind::Short,
            4 | 13 => Kind::Long,
            5 => Kind::Rational,
            6 => Kind::SignedByte,
            7 => Kind::Undefined,
            8 => Kind::SignedShort,
            9 => Kind::SignedLong,
            10 => Kind::SignedRational,
            11 => Kind::Float,
            12 => Kind::Double,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Kind::Byte | Kind::Ascii | Kind::SignedByte | Kind::Undefined => 1,
            Kind::Short | Kind::SignedShort => 2,
            Kind::Long | Kind::SignedLong | Kind::Float => 4,
            Kind::Rational | Kind::SignedRational | Kind::Double => 8,
        }
    }
}

impl<'a> Tiff<'a> {
    /// The file and the offset of its first directory.
    ///
    /// # Errors
    /// [`Error::NotTiff`], also of a file that ends within its header.
    pub(super) fn new(bytes: &'a [u8]) -> Result<(Tiff<'a>, u32), Error> {
        let order = match bytes.first_chunk::<4>() {
            Some(b"II\x2a\0") => Order::Little,
            Some(b"MM\0\x2a") => Order::Big,
            _ => return Err(Error::NotTiff { got: bytes.iter().take(4).copied().collect() }),
        };
        let tiff = Tiff { bytes, order };
        let first = tiff.array(4).map(|word| order.u32(word));
        first.map(|first| (tiff, first)).ok_or(tiff.outside(Part::Directory, 4, 4))
    }

    pub(super) fn outside(&self, part: Part, offset: u64, expected: u64) -> Error {
        Error::Outside { part, offset, expected, end: self.bytes.len() as u64 }
    }

    fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk().copied()
    }

    /// The bytes of a part, which must be within the file.
    ///
    /// # Errors
    /// [`Error::Outside`].
    pub(super) fn slice(&self, part: Part, offset: u64, len: u64) -> Result<&'a [u8], Error> {
        let whole = || {
            let (start, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
            self.bytes.get(start..start.checked_add(len)?)
        };
        whole().ok_or_else(|| self.outside(part, offset, len))
    }

    /// The directory at an offset.
    ///
    /// # Errors
    /// [`Error::Outside`] when it or its entries are not within the file.
    pub(super) fn directory(self, offset: u32) -> Result<Directory<'a>, Error> {
        let start = u64::from(offset);
        let count = self.slice(Part::Directory, start, 2)?;
        let entries = count.first_chunk().map_or(0, |count| usize::from(self.order.u16(*count)));
        self.slice(Part::Directory, start, 2 + (entries * ENTRY_BYTES) as u64)?;
        // It fits: the file's bytes are in memory, and the offset is within them.
        Ok(Directory { tiff: self, offset: offset as usize, entries })
    }
}

impl<'a> Directory<'a> {
    /// The offset of the directory that follows, 0 for none.
    pub(super) fn next(&self) -> u32 {
        let end = self.offset + 2 + self.entries * ENTRY_BYTES;
        self.tiff.array(end).map_or(0, |word| self.tiff.order.u32(word))
    }

    /// The values of the first entry with this tag.
    ///
    /// # Errors
    /// [`Error::Outside`] when they are not within the file; [`Error::Shape`] for a type that TIFF does not have.
    pub(super) fn find(&self, tag: Tag) -> Result<Option<Values<'a>>, Error> {
        let Tiff { bytes, order } = self.tiff;
        let start = self.offset + 2;
        let (entries, _) = bytes[start..start + self.entries * ENTRY_BYTES].as_chunks::<ENTRY_BYTES>();
        let found = entries.iter().position(|entry| order.u16([entry[0], entry[1]]) == tag.0);
        let Some(index) = found else { return Ok(None) };
        let [_, _, k0, k1, n0, n1, n2, n3, word @ ..] = entries[index];
        let (number, count) = (order.u16([k0, k1]), u64::from(order.u32([n0, n1, n2, n3])));
        let inline = start + index * ENTRY_BYTES + 8;
        let Some(kind) = Kind::of(number) else {
            let got = format!("{count} values of type {number}");
            let expected = "a type of 1 to 13".to_owned();
            return Err(Error::Shape { tag, offset: inline as u64, expected, got });
        };
        let len = count * kind.bytes() as u64;
        let offset = if len <= 4 { inline as u64 } else { u64::from(order.u32(word)) };
        let data = self.tiff.slice(Part::Values(tag), offset, len)?;
        Ok(Some(Values { tag, offset: offset as usize, kind, data, order }))
    }

    /// The values of a tag that must be there.
    ///
    /// # Errors
    /// [`Error::Missing`] and those of [`Directory::find`].
    pub(super) fn need(&self, tag: Tag, expected: &'static str) -> Result<Values<'a>, Error> {
        self.find(tag)?.ok_or(Error::Missing { tag, directory: self.offset as u64, expected })
    }

    /// The only value of a tag, where the tag is there.
    ///
    /// # Errors
    /// Those of [`Directory::find`], and [`Error::Shape`].
    pub(super) fn number(&self, tag: Tag) -> Result<Option<(Values<'a>, u32)>, Error> {
        let Some(values) = self.find(tag)? else { return Ok(None) };
        values.whole_numbers(1)?;
        Ok(Some((values, values.unsigned(0))))
    }
}

impl Values<'_> {
    pub(super) fn count(&self) -> usize {
        self.data.len() / self.kind.bytes()
    }

    /// An error that says what else the values should be.
    pub(super) fn wrong(&self, expected: impl Into<String>, got: &impl ToString) -> Error {
        Error::Value {
            tag: self.tag,
            offset: self.offset as u64,
            expected: expected.into(),
            got: got.to_string(),
        }
    }

    /// An error that says what is read instead.
    pub(super) fn unsupported(&self, got: impl Into<String>, expected: &'static str) -> Error {
        Error::Unsupported { tag: self.tag, offset: self.offset as u64, expected, got: got.into() }
    }

    pub(super) fn shape(&self, expected: impl Into<String>) -> Error {
        let got = format!("{} values of type {:?}", self.count(), self.kind);
        Error::Shape { tag: self.tag, offset: self.offset as u64, expected: expected.into(), got }
    }

    /// Checks that these are `count` values without sign or fraction, as [`Values::unsigned`] gives them.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub(super) fn whole_numbers(&self, count: u64) -> Result<(), Error> {
        let whole = matches!(self.kind, Kind::Byte | Kind::Undefined | Kind::Short | Kind::Long);
        if whole && self.count() as u64 == count {
            return Ok(());
        }
        Err(self.shape(format!("{count} values of type Byte, Short or Long")))
    }

    /// Value `index` of a type without sign or fraction; 0 past the last one.
    pub(super) fn unsigned(&self, index: usize) -> u32 {
        match self.kind {
            Kind::Short => self.at(index).map_or(0, |word| u32::from(self.order.u16(word))),
            Kind::Long => self.at(index).map_or(0, |word| self.order.u32(word)),
            _ => self.data.get(index).map_or(0, |byte| u32::from(*byte)),
        }
    }

    /// All values, of a numeric type, as `N` finite numbers.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Value`] for a fraction of zero or a number that is not finite.
    pub(super) fn reals<const N: usize>(&self) -> Result<[f64; N], Error> {
        if self.count() != N || matches!(self.kind, Kind::Ascii) {
            return Err(self.shape(format!("{N} numbers")));
        }
        let mut numbers = [0.0; N];
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = self.real(index)?;
        }
        Ok(numbers)
    }

    /// Value `index` of a numeric type; 0 past the last one.
    ///
    /// # Errors
    /// [`Error::Value`] for a fraction of zero or a number that is not finite.
    pub(super) fn real(&self, index: usize) -> Result<f64, Error> {
        let long = |half: usize| self.at::<4>(2 * index + half).map_or(0, |word| self.order.u32(word));
        let (number, shown) = match self.kind {
            Kind::Byte | Kind::Undefined | Kind::Ascii | Kind::Short | Kind::Long => {
                return Ok(f64::from(self.unsigned(index)));
            }
            Kind::SignedByte => (f64::from(self.unsigned(index) as u8 as i8), None),
            Kind::SignedShort => {
                (self.at(index).map_or(0.0, |word| f64::from(self.order.u16(word) as i16)), None)
            }
            Kind::SignedLong => {
                (self.at(index).map_or(0.0, |word| f64::from(self.order.u32(word) as i32)), None)
            }
            Kind::Rational => {
                let (above, below) = (long(0), long(1));
                (f64::from(above) / f64::from(below), Some(format!("{above}/{below}")))
            }
            Kind::SignedRational => {
                let (above, below) = (long(0) as i32, long(1) as i32);
                (f64::from(above) / f64::from(below), Some(format!("{above}/{below}")))
            }
            Kind::Float => {
                (self.at(index).map_or(0.0, |word| f64::from(f32::from_bits(self.order.u32(word)))), None)
            }
            Kind::Double => (self.at(index).map_or(0.0, |word| f64::from_bits(self.order.u64(word))), None),
        };
        if number.is_finite() {
            return Ok(number);
        }
        Err(self.wrong("a finite number", &shown.unwrap_or_else(|| number.to_string())))
    }

    /// The text before the first zero byte, at most [`MOST_TEXT`] bytes of it, without spaces around it; `None` when
    /// nothing is left.
    ///
    /// # Errors
    /// [`Error::Shape`] for numbers.
    pub(super) fn text(&self) -> Result<Option<String>, Error> {
        if !matches!(self.kind, Kind::Ascii | Kind::Byte | Kind::Undefined) {
            return Err(self.shape("text"));
        }
        let text = self.data.get(..MOST_TEXT).unwrap_or(self.data);
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    fn at<const N: usize>(&self, index: usize) -> Option<[u8; N]> {
        self.data.as_chunks::<N>().0.get(index).copied()
    }
}
