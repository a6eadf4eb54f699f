//! TIFF tags that the reader knows, by number and by name.

use std::fmt;

/// The number of a TIFF tag; shown with its name where the reader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u16);

macro_rules! tags {
    ($($constant:ident $number:literal $name:literal,)*) => {
        impl Tag {
            $(#[doc = concat!($name, ", ", stringify!($number), ".")] pub const $constant: Tag = Tag($number);)*

            /// The name in the TIFF, EXIF, TIFF/EP and DNG specifications; `None` for a tag that the reader has no use for.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

tags! {
    NEW_SUBFILE_TYPE 254 "NewSubfileType",
    IMAGE_WIDTH 256 "ImageWidth",
    IMAGE_LENGTH 257 "ImageLength",
    BITS_PER_SAMPLE 258 "BitsPerSample",
    COMPRESSION 259 "Compression",
    PHOTOMETRIC_INTERPRETATION 262 "PhotometricInterpretation",
    FILL_ORDER 266 "FillOrder",
    MAKE 271 "Make",
    MODEL 272 "Model",
    STRIP_OFFSETS 273 "StripOffsets",
    ORIENTATION 274 "Orientation",
    SAMPLES_PER_PIXEL 277 "SamplesPerPixel",
    ROWS_PER_STRIP 278 "RowsPerStrip",
    STRIP_BYTE_COUNTS 279 "StripByteCounts",
    TILE_WIDTH 322 "TileWidth",
    TILE_LENGTH 323 "TileLength",
    TILE_OFFSETS 324 "TileOffsets",
    TILE_BYTE_COUNTS 325 "TileByteCounts",
    SUB_IFDS 330 "SubIFDs",
    SAMPLE_FORMAT 339 "SampleFormat",
    CFA_REPEAT_PATTERN_DIM 33421 "CFARepeatPatternDim",
    CFA_PATTERN 33422 "CFAPattern",
    EXIF_IFD 34665 "ExifIFD",
    DATE_TIME_ORIGINAL 36867 "DateTimeOriginal",
    DNG_VERSION 50706 "DNGVersion",
    DNG_BACKWARD_VERSION 50707 "DNGBackwardVersion",
    UNIQUE_CAMERA_MODEL 50708 "UniqueCameraModel",
    CFA_PLANE_COLOR 50710 "CFAPlaneColor",
    CFA_LAYOUT 50711 "CFALayout",
    LINEARIZATION_TABLE 50712 "LinearizationTable",
    BLACK_LEVEL_REPEAT_DIM 50713 "BlackLevelRepeatDim",
    BLACK_LEVEL 50714 "BlackLevel",
    BLACK_LEVEL_DELTA_H 50715 "BlackLevelDeltaH",
    BLACK_LEVEL_DELTA_V 50716 "BlackLevelDeltaV",
    WHITE_LEVEL 50717 "WhiteLevel",
    DEFAULT_CROP_ORIGIN 50719 "DefaultCropOrigin",
    DEFAULT_CROP_SIZE 50720 "DefaultCropSize",
    COLOR_MATRIX_1 50721 "ColorMatrix1",
    COLOR_MATRIX_2 50722 "ColorMatrix2",
    AS_SHOT_NEUTRAL 50728 "AsShotNeutral",
    BASELINE_EXPOSURE 50730 "BaselineExposure",
    CALIBRATION_ILLUMINANT_1 50778 "CalibrationIlluminant1",
    CALIBRATION_ILLUMINANT_2 50779 "CalibrationIlluminant2",
    ACTIVE_AREA 50829 "ActiveArea",
    FORWARD_MATRIX_1 50964 "ForwardMatrix1",
    FORWARD_MATRIX_2 50965 "ForwardMatrix2",
    ROW_INTERLEAVE_FACTOR 50975 "RowInterleaveFactor",
    SUB_TILE_BLOCK_SIZE 50974 "SubTileBlockSize",
    OPCODE_LIST_1 51008 "OpcodeList1",
    OPCODE_LIST_2 51009 "OpcodeList2",
    OPCODE_LIST_3 51022 "OpcodeList3",
    NOISE_PROFILE 51041 "NoiseProfile",
    COLUMN_INTERLEAVE_FACTOR 52547 "ColumnInterleaveFactor",
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (tag {})", self.0),
            None => write!(f, "tag {}", self.0),
        }
    }
}
