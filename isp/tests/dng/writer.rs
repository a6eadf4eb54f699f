//! A small DNG writer for tests: any byte order, strips or tiles, packed bits or lossless JPEG.

use std::collections::BTreeMap;

#[path = "lossless_jpeg.rs"]
pub(crate) mod lossless_jpeg;

use lossless_jpeg::Coding;

/// The values of a tag.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Text(&'static str),
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Rationals(Vec<(u32, u32)>),
    SignedRationals(Vec<(i32, i32)>),
    Undefined(Vec<u8>),
    Doubles(Vec<f64>),
    /// A directory of its own.
    Directory(Tags),
}

pub(crate) type Tags = BTreeMap<u16, Value>;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Pieces {
    Strips { rows: u32 },
    Tiles { width: u32, height: u32 },
}

/// A DNG to be written.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bits: u8,
    /// CFAPattern.
    pub(crate) colours: [u8; 4],
    pub(crate) is_big_endian: bool,
    pub(crate) pieces: Pieces,
    /// `None` stores samples as they are.
    pub(crate) coding: Option<Coding>,
    /// Whether the raw image stands in a SubIFD, with a preview's tags before it.
    pub(crate) is_below: bool,
    /// Added to, or put in the place of, the tags of the raw image and of the first directory.
    pub(crate) raw_tags: Tags,
    pub(crate) camera_tags: Tags,
}

impl Picture {
    /// Samples of 16 bits in one strip.
    pub(crate) fn new(width: u32, height: u32) -> Picture {
        Picture {
            width,
            height,
            bits: 16,
            colours: [0, 1, 1, 2],
            is_big_endian: false,
            pieces: Pieces::Strips { rows: height },
            coding: None,
            is_below: false,
            raw_tags: Tags::new(),
            camera_tags: Tags::new(),
        }
    }

    pub(crate) fn with_raw_tag(mut self, tag: u16, value: Value) -> Picture {
        self.raw_tags.insert(tag, value);
        self
    }

    pub(crate) fn with_camera_tag(mut self, tag: u16, value: Value) -> Picture {
        self.camera_tags.insert(tag, value);
        self
    }

    /// The file with these samples, row by row.
    pub(crate) fn bytes(&self, samples: &[u16]) -> Vec<u8> {
        let (width, height) = self.piece_size();
        let mut pieces = Vec::new();
        for top in (0..self.height).step_by(height as usize) {
            for left in (0..self.width).step_by(width as usize) {
                let rows = match self.pieces {
                    Pieces::Strips { .. } => height.min(self.height - top),
                    Pieces::Tiles { .. } => height,
                };
                pieces.push(self.piece(samples, (left, top), (width, rows)));
            }
        }
        self.bytes_of(&pieces)
    }

    /// The file with these strips or tiles.
    pub(crate) fn bytes_of(&self, pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut file = File { is_big_endian: self.is_big_endian, bytes: Vec::new() };
        file.bytes.extend(if self.is_big_endian { b"MM\0\x2a" } else { b"II\x2a\0" });
        file.bytes.extend([0; 4]);
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for piece in pieces {
            offsets.push(file.bytes.len() as u32);
            counts.push(piece.len() as u32);
            file.bytes.extend(piece);
        }
        let mut raw = Tags::from([
            (254, Value::Longs(vec![0])),
            (256, Value::Longs(vec![self.width])),
            (257, Value::Longs(vec![self.height])),
            (258, Value::Shorts(vec![self.bits.into()])),
            (259, Value::Shorts(vec![if self.coding.is_some() { 7 } else { 1 }])),
            (262, Value::Shorts(vec![32803])),
            (277, Value::Shorts(vec![1])),
            (33421, Value::Shorts(vec![2, 2])),
            (33422, Value::Bytes(self.colours.to_vec())),
        ]);
        match self.pieces {
            Pieces::Strips { rows } => raw.extend([
                (273, Value::Longs(offsets)),
                (278, Value::Longs(vec![rows])),
                (279, Value::Longs(counts)),
            ]),
            Pieces::Tiles { width, height } => raw.extend([
                (322, Value::Longs(vec![width])),
                (323, Value::Longs(vec![height])),
                (324, Value::Longs(offsets)),
                (325, Value::Longs(counts)),
            ]),
        }
        raw.extend(self.raw_tags.clone());
        let mut first = Tags::from([(50706, Value::Bytes(vec![1, 4, 0, 0]))]);
        if self.is_below {
            first.extend([(254, Value::Longs(vec![1])), (262, Value::Shorts(vec![2]))]);
            first.insert(330, Value::Directory(raw));
        } else {
            first.extend(raw);
        }
        first.extend(self.camera_tags.clone());
        let offset = file.directory(&first, 0);
        let offset = file.number(offset, 4);
        file.bytes[4..8].copy_from_slice(&offset);
        file.bytes
    }

    fn piece_size(&self) -> (u32, u32) {
        match self.pieces {
            Pieces::Strips { rows } => (self.width, rows),
            Pieces::Tiles { width, height } => (width, height),
        }
    }

    /// A strip or tile; what is outside the picture repeats its edge.
    fn piece(&self, samples: &[u16], (left, top): (u32, u32), (width, rows): (u32, u32)) -> Vec<u8> {
        let at = |x: u32, y: u32| {
            let (x, y) = (x.min(self.width - 1), y.min(self.height - 1));
            samples[(y * self.width + x) as usize]
        };
        let stored: Vec<Vec<u16>> =
            (top..top + rows).map(|y| (left..left + width).map(|x| at(x, y)).collect()).collect();
        match self.coding {
            Some(coding) => lossless_jpeg::encode(&stored.concat(), width, self.bits, coding),
            None => stored.iter().flat_map(|row| self.row(row)).collect(),
        }
    }

    fn row(&self, samples: &[u16]) -> Vec<u8> {
        match self.bits {
            8 => samples.iter().map(|sample| *sample as u8).collect(),
            16 if self.is_big_endian => samples.iter().flat_map(|sample| sample.to_be_bytes()).collect(),
            16 => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            bits => {
                let mut bytes = vec![0; (samples.len() * usize::from(bits)).div_ceil(8)];
                for (index, sample) in samples.iter().enumerate() {
                    for bit in 0..usize::from(bits) {
                        let at = index * usize::from(bits) + bit;
                        bytes[at / 8] |=
                            ((sample >> (usize::from(bits) - 1 - bit) & 1) as u8) << (7 - at % 8);
                    }
                }
                bytes
            }
        }
    }
}

struct File {
    is_big_endian: bool,
    bytes: Vec<u8>,
}

impl File {
    fn number(&self, number: u32, bytes: usize) -> Vec<u8> {
        if self.is_big_endian {
            number.to_be_bytes()[4 - bytes..].to_vec()
        } else {
            number.to_le_bytes()[..bytes].to_vec()
        }
    }

    /// Appends a directory behind what its tags point at, and gives its offset.
    fn directory(&mut self, tags: &Tags, next: u32) -> u32 {
        let mut entries = Vec::new();
        for (tag, value) in tags {
            let (kind, count, mut data) = self.value(value);
            if data.len() > 4 {
                let offset = self.bytes.len() as u32;
                self.bytes.extend(data);
                data = self.number(offset, 4);
            }
            data.resize(4, 0);
            entries.extend(self.number(u32::from(*tag), 2));
            entries.extend(self.number(kind, 2));
            entries.extend(self.number(count as u32, 4));
            entries.extend(data);
        }
        let offset = self.bytes.len() as u32;
        self.bytes.extend(self.number(tags.len() as u32, 2));
        self.bytes.extend(entries);
        self.bytes.extend(self.number(next, 4));
        offset
    }

    /// Type, count and bytes.
    fn value(&mut self, value: &Value) -> (u32, usize, Vec<u8>) {
        let longs = |file: &File, words: Vec<u32>| -> Vec<u8> {
            words.iter().flat_map(|word| file.number(*word, 4)).collect()
        };
        match value {
            Value::Bytes(bytes) => (1, bytes.len(), bytes.clone()),
            Value::Undefined(bytes) => (7, bytes.len(), bytes.clone()),
            Value::Text(text) => (2, text.len() + 1, [text.as_bytes(), b"\0"].concat()),
            Value::Shorts(words) => {
                (3, words.len(), words.iter().flat_map(|word| self.number(u32::from(*word), 2)).collect())
            }
            Value::Longs(words) => (4, words.len(), longs(self, words.clone())),
            Value::Rationals(pairs) => {
                (5, pairs.len(), longs(self, pairs.iter().flat_map(|(a, b)| [*a, *b]).collect()))
            }
            Value::SignedRationals(pairs) => {
                let words = pairs.iter().flat_map(|(a, b)| [*a as u32, *b as u32]).collect();
                (10, pairs.len(), longs(self, words))
            }
            Value::Doubles(numbers) => {
                let bytes = |number: &f64| {
                    if self.is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
                };
                (12, numbers.len(), numbers.iter().flat_map(bytes).collect())
            }
            Value::Directory(tags) => {
                let offset = self.directory(tags, 0);
                (4, 1, self.number(offset, 4))
            }
        }
    }
}
