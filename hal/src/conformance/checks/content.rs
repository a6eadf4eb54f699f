//! Pictures: every format against what the device must show.

use std::collections::HashSet;

use super::page;
use crate::camera::{Mode, StreamRequest};
use crate::conformance::bench::{Bench, length_of};
use crate::conformance::{Check, Checked, Stop, require, works};
use crate::format::CfaPattern::{Bggr, Gbrg, Grbg, Rggb};
use crate::format::{Packing, PixelFormat, RawFormat, RgbFormat, YuvFormat};
use crate::kernel::Memory;
use crate::memory::Buffer;

const FRAMES: &[&str] = &["contract.stream.frames", "contract.bytes.fit"];
const PICTURES: &[&str] = &[
    "content.frame.not-flat",
    "contract.modes.stream",
    "contract.sequence.first",
    "contract.sequence.rises",
];

/// A check for every raw format: ids are `content.raw.PATTERNBITSPACKING`.
macro_rules! raw {
    ($id:literal, $pattern:ident, $bits:literal, $packing:ident) => {
        Check::new(
            concat!("content.raw.", $id),
            concat!("a frame of the raw format ", $id, " is the picture that the device was told to show"),
            page::BAYER,
            |bench| {
                picture(
                    bench,
                    PixelFormat::Raw(RawFormat {
                        pattern: $pattern,
                        bits: $bits,
                        packing: Packing::$packing,
                    }),
                )
            },
        )
        .after(PICTURES)
    };
}

macro_rules! yuv {
    ($id:literal, $format:ident) => {
        Check::new(
            concat!("content.yuv.", $id),
            concat!("a frame of the format ", $id, " is the picture that the device was told to show"),
            page::YUV,
            |bench| picture(bench, PixelFormat::Yuv(YuvFormat::$format)),
        )
        .after(PICTURES)
    };
}

macro_rules! rgb {
    ($id:literal, $format:ident) => {
        Check::new(
            concat!("content.rgb.", $id),
            concat!("a frame of the format ", $id, " is the picture that the device was told to show"),
            page::RGB,
            |bench| picture(bench, PixelFormat::Rgb(RgbFormat::$format)),
        )
        .after(PICTURES)
    };
}

pub(super) const CHECKS: &[Check] = &[
    Check::new("content.frame.not-flat", "a frame is not one value all over", page::FRAME, not_flat)
        .after(FRAMES),
    Check::new(
        "content.frame.range",
        "no sample has bits above those of its format",
        page::BAYER,
        sample_range,
    )
    .after(&["contract.stream.frames", "contract.bytes.fit", "content.frame.not-flat"]),
    Check::new(
        "content.frame.changes",
        "each frame of a moving scene is a picture of its own",
        page::FRAME,
        changes,
    )
    .after(FRAMES),
    Check::new("content.frame.still", "two frames of a still scene are the same", page::FRAME, still)
        .after(FRAMES),
    Check::new("content.rows.longer", "with longer rows the picture is the same", page::PIX, longer_rows)
        .after(&["formats.set.longer-rows", "streaming.close.while-on", "buffers.export.readable"]),
    Check::new(
        "content.rows.padding",
        "bytes behind a row's samples are not part of another row",
        page::PIX,
        padding,
    )
    .after(&["content.rows.longer"]),
    raw!("rggb8", Rggb, 8, Bytes),
    raw!("grbg8", Grbg, 8, Bytes),
    raw!("gbrg8", Gbrg, 8, Bytes),
    raw!("bggr8", Bggr, 8, Bytes),
    raw!("rggb10", Rggb, 10, Le16),
    raw!("grbg10", Grbg, 10, Le16),
    raw!("gbrg10", Gbrg, 10, Le16),
    raw!("bggr10", Bggr, 10, Le16),
    raw!("rggb12", Rggb, 12, Le16),
    raw!("grbg12", Grbg, 12, Le16),
    raw!("gbrg12", Gbrg, 12, Le16),
    raw!("bggr12", Bggr, 12, Le16),
    raw!("rggb14", Rggb, 14, Le16),
    raw!("grbg14", Grbg, 14, Le16),
    raw!("gbrg14", Gbrg, 14, Le16),
    raw!("bggr14", Bggr, 14, Le16),
    raw!("rggb16", Rggb, 16, Le16),
    raw!("grbg16", Grbg, 16, Le16),
    raw!("gbrg16", Gbrg, 16, Le16),
    raw!("bggr16", Bggr, 16, Le16),
    raw!("rggb10-mipi", Rggb, 10, Mipi),
    raw!("grbg10-mipi", Grbg, 10, Mipi),
    raw!("gbrg10-mipi", Gbrg, 10, Mipi),
    raw!("bggr10-mipi", Bggr, 10, Mipi),
    raw!("rggb12-mipi", Rggb, 12, Mipi),
    raw!("grbg12-mipi", Grbg, 12, Mipi),
    raw!("gbrg12-mipi", Gbrg, 12, Mipi),
    raw!("bggr12-mipi", Bggr, 12, Mipi),
    raw!("rggb14-mipi", Rggb, 14, Mipi),
    raw!("grbg14-mipi", Grbg, 14, Mipi),
    raw!("gbrg14-mipi", Gbrg, 14, Mipi),
    raw!("bggr14-mipi", Bggr, 14, Mipi),
    yuv!("yuyv", Yuyv),
    yuv!("yvyu", Yvyu),
    yuv!("uyvy", Uyvy),
    yuv!("vyuy", Vyuy),
    yuv!("nv12", Nv12),
    yuv!("nv21", Nv21),
    yuv!("nv16", Nv16),
    yuv!("nv61", Nv61),
    yuv!("yuv420", Yuv420),
    yuv!("yvu420", Yvu420),
    yuv!("nv24", Nv24),
    yuv!("nv42", Nv42),
    yuv!("yuv422", Yuv422),
    yuv!("yvu422", Yvu422),
    yuv!("yuv444", Yuv444),
    yuv!("yvu444", Yvu444),
    rgb!("rgb24", Rgb24),
    rgb!("bgr24", Bgr24),
    rgb!("rgbx32", Rgbx32),
    rgb!("bgrx32", Bgrx32),
    rgb!("xrgb32", Xrgb32),
    rgb!("xbgr32", Xbgr32),
    Check::new(
        "content.jpeg.whole",
        "a JPEG frame is a whole picture of the mode's size",
        page::JPEG,
        jpeg_whole,
    )
    .after(&["contract.stream.frames", "contract.bytes.fit", "content.frame.not-flat"]),
    Check::new(
        "content.jpeg.picture",
        "a JPEG frame is the picture that the device was told to show",
        page::JPEG,
        |bench| picture(bench, PixelFormat::Jpeg),
    )
    .after(&[
        "content.jpeg.whole",
        "contract.modes.stream",
        "contract.sequence.first",
        "contract.sequence.rises",
    ]),
];

fn not_flat(bench: &mut Bench<'_>) -> Checked {
    let mut streaming = bench.streaming(1)?;
    let frame = bench.frame(&mut *streaming.camera)?;
    let bytes = frame.read()?;
    require(bytes.iter().any(|byte| *byte != bytes[0]), || format!("all bytes are {}", bytes[0]))
}

fn sample_range(bench: &mut Bench<'_>) -> Checked {
    let modes = bench.modes()?;
    let unpacked =
        |mode: &&Mode| mode.format.raw().is_some_and(|raw| raw.packing == Packing::Le16 && raw.bits < 16);
    let Some(mode) = modes.iter().rfind(unpacked).copied() else {
        return Err(Stop::NotSupported("no mode has bits to spare".to_owned()));
    };
    let mut camera = bench.camera()?;
    let config = camera.configure(&StreamRequest { mode, held: 1 })?;
    camera.start()?;
    let frame = bench.frame(&mut *camera)?;
    let bytes = frame.read()?;
    for row in bytes.chunks(config.stride_bytes).take(config.height as usize) {
        let samples = row.chunks_exact(2).take(config.width as usize);
        let most = samples.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).max().unwrap_or(0);
        require(u32::from(most) < 1 << mode.format.bits(), || {
            format!("a sample of {} bits is {most}", mode.format.bits())
        })?;
    }
    Ok(())
}

fn changes(bench: &mut Bench<'_>) -> Checked {
    let Some(scene) = &bench.subject.scene else {
        return Err(Stop::Skip("what this camera sees is not known".to_owned()));
    };
    if scene.is_still() {
        return Err(Stop::NotSupported("the scene stands still".to_owned()));
    }
    let mut streaming = bench.streaming(2)?;
    let first = bench.frame(&mut *streaming.camera)?.read()?.to_vec();
    let second = bench.frame(&mut *streaming.camera)?.read()?.to_vec();
    require(first != second, || "two frames are the same bytes".to_owned())
}

fn still(bench: &mut Bench<'_>) -> Checked {
    let (scene, _shown) = bench.scene()?;
    if !scene.is_still() {
        return Err(Stop::NotSupported("the scene moves".to_owned()));
    }
    let mut streaming = bench.streaming(2)?;
    let first = bench.frame(&mut *streaming.camera)?.read()?.to_vec();
    let second = bench.frame(&mut *streaming.camera)?.read()?.to_vec();
    require(first == second, || "two frames of a still scene differ".to_owned())
}

/// The smallest mode of a format as a picture that is compared with what the device must show.
fn picture(bench: &mut Bench<'_>, format: PixelFormat) -> Checked {
    if !bench.modes()?.iter().any(|mode| mode.format == format) {
        return Err(Stop::NotSupported("the camera does not list it".to_owned()));
    }
    let (scene, _shown) = bench.scene()?;
    let mut camera = bench.camera()?;
    let Some(mode) = camera.modes()?.into_iter().rfind(|mode| mode.format == format) else {
        return Err(Stop::fail("the camera lists it no longer"));
    };
    let config = camera.configure(&StreamRequest { mode, held: 1 })?;
    camera.start()?;
    // Not the first: what a device shows at once may be of another setting.
    for _ in 0..2 {
        bench.frame(&mut *camera)?;
    }
    let frame = bench.frame(&mut *camera)?;
    let oracle = scene.frame(&config, frame.sequence()).filter(|oracle| !oracle.is_empty());
    let Some(oracle) = oracle else {
        return Err(Stop::Skip("what the device must show is not known in this format".to_owned()));
    };
    let bytes = frame.read()?;
    let memories: Vec<&[u8]> = (0..bytes.memories()).map(|index| bytes.memory(index)).collect();
    match oracle.difference(&config, &memories) {
        Some(difference) => Err(Stop::fail(format!("frame {}: {difference}", frame.sequence()))),
        None => Ok(()),
    }
}

/// The rows of one frame of a still scene, with the rows as long as asked: each row's samples, and what follows them.
type Rows = (Vec<Vec<u8>>, Vec<Vec<u8>>);

fn rows(bench: &Bench<'_>, longer: u32) -> Result<Rows, Stop> {
    let node = bench.node()?;
    let tight = bench.small_format(&*node)?;
    let known = crate::v4l2::formats::from_fourcc(tight.fourcc);
    let row_bytes = known.map_or(0, |format| format.row_bytes(tight.width));
    if row_bytes == 0 {
        return Err(Stop::NotSupported("the format has no rows".to_owned()));
    }
    let stride = tight.planes.first().map_or(0, |plane| plane.stride) + longer;
    let wanted = crate::conformance::bench::wanted(tight.fourcc, (tight.width, tight.height), stride);
    let set = works("VIDIOC_S_FMT", node.set_format(&wanted))?;
    let got = set.planes.first().map_or(0, |plane| plane.stride);
    if got < stride {
        return Err(Stop::NotSupported("the driver keeps its own row length".to_owned()));
    }
    let grant = works("VIDIOC_REQBUFS", node.request(4, Memory::Driver, false))?;
    for index in 0..grant.count {
        works("VIDIOC_QBUF", node.queue(index, &[]))?;
    }
    works("VIDIOC_STREAMON", node.stream_on())?;
    let filled = bench.filled(&*node)?;
    let length = length_of(&*node, filled.index)?;
    let file = works("VIDIOC_EXPBUF", node.export(filled.index, 0))?;
    let buffer = Buffer::from_exported(file, length, bench.subject.name.clone())?;
    let bytes = buffer.read()?;
    let all = bytes.get(filled.planes[0].offset as usize..).unwrap_or_default().chunks(got as usize);
    let all: Vec<&[u8]> = all.take(set.height as usize).collect();
    let samples = all.iter().map(|row| row[..row_bytes.min(row.len())].to_vec()).collect();
    let behind = all.iter().map(|row| row.get(row_bytes..).unwrap_or_default().to_vec()).collect();
    Ok((samples, behind))
}

fn longer_rows(bench: &mut Bench<'_>) -> Checked {
    let (scene, _shown) = bench.scene()?;
    if !scene.is_still() {
        return Err(Stop::NotSupported("the scene moves".to_owned()));
    }
    let (tight, _) = rows(bench, 0)?;
    let (longer, _) = rows(bench, 128)?;
    let differs = tight.iter().zip(&longer).position(|(one, other)| one != other);
    require(differs.is_none() && tight.len() == longer.len(), || format!("row {differs:?} differs"))
}

fn padding(bench: &mut Bench<'_>) -> Checked {
    let (_scene, _shown) = bench.scene()?;
    let (samples, behind) = rows(bench, 128)?;
    let spilled = samples.iter().skip(1).zip(&behind).position(|(next, padding)| {
        // A picture written with the wrong row length continues behind its row.
        padding.len() >= 32
            && padding[..32] == next[..32.min(next.len())]
            && next[..32].iter().any(|b| *b != 0)
    });
    let flat: HashSet<&[u8]> = behind.iter().map(|padding| &padding[..]).collect();
    require(spilled.is_none() || flat.len() == 1, || format!("row {spilled:?} goes on behind its end"))
}

fn jpeg_whole(bench: &mut Bench<'_>) -> Checked {
    let mut camera = bench.camera()?;
    let Some(mode) = camera.modes()?.into_iter().rfind(|mode| mode.format == PixelFormat::Jpeg) else {
        return Err(Stop::NotSupported("the camera does not list it".to_owned()));
    };
    camera.configure(&StreamRequest { mode, held: 1 })?;
    camera.start()?;
    for _ in 0..5 {
        let frame = bench.frame(&mut *camera)?;
        let bytes = frame.read()?;
        let size = jpeg_size(&bytes);
        require(size == Some((mode.width, mode.height)), || {
            format!("frame {} of {} bytes is a JPEG of {size:?}", frame.sequence(), bytes.len())
        })?;
    }
    Ok(())
}

/// The size that a JPEG's frame header tells, where the picture begins and ends as it must:
/// <https://www.w3.org/Graphics/JPEG/itu-t81.pdf>, B.2.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let body = bytes.strip_prefix(&[0xff, 0xd8])?;
    // Cameras may pad behind the end.
    let end = bytes.iter().rposition(|byte| *byte != 0)?;
    if bytes.get(end.checked_sub(1)?..=end)? != [0xff, 0xd9] {
        return None;
    }
    let mut rest = body;
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if matches!(marker, 0xc0..=0xc2) {
            let [height_high, height_low, width_high, width_low] = *rest.get(5..9)? else { return None };
            let pair = |high, low| u32::from(u16::from_be_bytes([high, low]));
            return Some((pair(width_high, width_low), pair(height_high, height_low)));
        }
        rest = rest.get(2 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_jpeg_is_that_of_its_frame_header() {
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2];
        jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 48, 0, 64, 1, 1, 0x11, 0]);
        jpeg.extend([0xff, 0xda, 0, 2, 7, 7, 7, 0xff, 0xd9]);
        assert_eq!(jpeg_size(&jpeg), Some((64, 48)));
        assert_eq!(jpeg_size(&[&jpeg[..], &[0, 0, 0]].concat()), Some((64, 48)));
        for end in 0..jpeg.len() {
            assert_eq!(jpeg_size(&jpeg[..end]), None, "{end} bytes");
        }
    }
}
