//! Cameras whose pictures are not what they must be.

use std::path::Path;
use std::sync::{Arc, Mutex};

use jpeg_encoder::{ColorType, Encoder};
use latent_hal::conformance::{Subject, TestPicture};
use latent_hal::fake::{self, FakeKernel, Model};
use latent_hal::kernel::{Fraction, SizeEntry};
use latent_hal::{CfaPattern, Packing, PixelFormat, RawFormat, RgbFormat, YuvFormat};

use super::super::Mutant;
use super::counterfeit::counterfeits;
use super::{before, on};

/// The pixel format that a check of pictures is about.
fn format_of(check: &str) -> PixelFormat {
    let name = check.rsplit('.').next().unwrap();
    if check.starts_with("content.yuv.") {
        let all = [
            YuvFormat::Yuyv,
            YuvFormat::Yvyu,
            YuvFormat::Uyvy,
            YuvFormat::Vyuy,
            YuvFormat::Nv12,
            YuvFormat::Nv21,
            YuvFormat::Nv16,
            YuvFormat::Nv61,
            YuvFormat::Nv24,
            YuvFormat::Nv42,
            YuvFormat::Yuv420,
            YuvFormat::Yvu420,
            YuvFormat::Yuv422,
            YuvFormat::Yvu422,
            YuvFormat::Yuv444,
            YuvFormat::Yvu444,
        ];
        let format = all.into_iter().find(|format| format!("{format:?}").to_lowercase() == name).unwrap();
        return PixelFormat::Yuv(format);
    }
    if check.starts_with("content.rgb.") {
        let all = [
            RgbFormat::Rgb24,
            RgbFormat::Bgr24,
            RgbFormat::Rgbx32,
            RgbFormat::Bgrx32,
            RgbFormat::Xrgb32,
            RgbFormat::Xbgr32,
        ];
        let format = all.into_iter().find(|format| format!("{format:?}").to_lowercase() == name).unwrap();
        return PixelFormat::Rgb(format);
    }
    let (name, packed) = name.strip_suffix("-mipi").map_or((name, false), |name| (name, true));
    let pattern = CfaPattern::ALL.into_iter().find(|p| p.name().to_lowercase() == name[..4]).unwrap();
    let bits: u8 = name[4..].parse().unwrap();
    let packing = match bits {
        8 => Packing::Bytes,
        _ if packed => Packing::Mipi,
        _ => Packing::Le16,
    };
    PixelFormat::Raw(RawFormat { pattern, bits, packing })
}

/// A camera one of whose formats has a bit wrong in each frame.
fn wrong_bit(check: &'static str, wanted: PixelFormat, place: fn(&[u8]) -> usize) -> Mutant {
    on(check, move |calls, _, _| {
        let now = Arc::new(Mutex::new(None));
        let configured = Arc::clone(&now);
        counterfeits(calls, move |_, bytes, _| {
            if *now.lock().unwrap() == Some(wanted) {
                let at = place(bytes);
                bytes[at] ^= 1;
            }
        });
        calls.configure = Some(Box::new(move |camera, request| {
            *configured.lock().unwrap() = Some(request.mode.format);
            camera.configure(&request)
        }));
    })
}

const WIDTH: usize = 192;
const HEIGHT: usize = 144;

/// Red, green and blue of a picture that is known.
pub(in super::super) fn bars() -> Vec<u8> {
    let place = |at: usize| (at % WIDTH, at / WIDTH);
    let pixel = |(x, y): (usize, usize)| match x * 8 / WIDTH {
        bar if y < HEIGHT * 3 / 4 => {
            [[0, 1, 4, 5], [0, 1, 2, 3], [0, 2, 4, 6]].map(|lit| u8::from(lit.contains(&bar)) * 255)
        }
        _ => [(x * 255 / (WIDTH - 1)) as u8; 3],
    };
    (0..WIDTH * HEIGHT).flat_map(|at| pixel(place(at))).collect()
}

/// A camera that gives JPEGs, all of one picture, and that is said to show bars and a ramp.
pub(in super::super) fn subject(rgb: &[u8]) -> Subject {
    let mut jpeg = Vec::new();
    let (width, height) = (WIDTH as u16, HEIGHT as u16);
    Encoder::new(&mut jpeg, 90).encode(rgb, width, height, ColorType::Rgb).unwrap();
    let model = Model {
        fourccs: vec![*b"MJPG"],
        sizes: vec![SizeEntry::Discrete(WIDTH as u32, HEIGHT as u32)],
        intervals: vec![Fraction { numerator: 1, denominator: 30 }],
        controls: Vec::new(),
        still: true,
        ..Model::raw()
    };
    let (kernel, path) = (FakeKernel::default(), Path::new(super::super::PATH));
    kernel.plug(path, model.clone()).show(Some(jpeg));
    let subject = fake::subject(&kernel, Arc::new(kernel.clone()), path, &model).unwrap();
    subject.with_scene(Arc::new(TestPicture::BarsAndRamp))
}

pub(super) fn all() -> Vec<Mutant> {
    let checks = latent_hal::conformance::all();
    let of_formats = checks.iter().map(|check| check.id).filter(|id| {
        ["content.raw.", "content.yuv.", "content.rgb."].iter().any(|kind| id.starts_with(kind))
    });
    let mut all: Vec<Mutant> = of_formats.map(|id| wrong_bit(id, format_of(id), |_| 3)).collect();
    all.push(wrong_bit("content.jpeg.whole", PixelFormat::Jpeg, |bytes| bytes.len() - 1));
    all.push(Mutant {
        check: "content.jpeg.picture",
        subject: Box::new(|| subject(&bars().into_iter().rev().collect::<Vec<_>>())),
    });
    all.push(on("content.frame.not-flat", |calls, _, _| {
        counterfeits(calls, |shot, bytes, _| {
            if shot.sequence == 0 {
                bytes.fill(9);
            }
        });
    }));
    all.push(on("content.frame.range", |calls, _, _| {
        counterfeits(calls, |shot, bytes, _| {
            if shot.sequence == 0 {
                bytes[5] |= 0x80;
            }
        });
    }));
    all.push(on("content.frame.changes", |calls, _, _| {
        let mut first = Vec::new();
        counterfeits(calls, move |shot, bytes, _| match shot.sequence {
            0 => first.clone_from(bytes),
            1 if first.len() == bytes.len() => bytes.copy_from_slice(&first),
            _ => {}
        });
    }));
    all.push(before("content.frame.still", Model { still: true, ..Model::complete() }, |calls, _, _| {
        counterfeits(calls, |shot, bytes, _| {
            let raw = !bytes.starts_with(&[0xff, 0xd8]);
            if shot.sequence == 1 && raw {
                bytes[7] ^= 1;
            }
        });
    }));
    all
}
