//! Cameras whose pictures are not what they must be.

use std::sync::{Arc, Mutex};

use latent_hal::fake::Model;
use latent_hal::{CfaPattern, Packing, PixelFormat, RawFormat, YuvFormat};

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

pub(super) fn all() -> Vec<Mutant> {
    let checks = latent_hal::conformance::all();
    let of_formats = checks
        .iter()
        .map(|check| check.id)
        .filter(|id| id.starts_with("content.raw.") || id.starts_with("content.yuv."));
    let mut all: Vec<Mutant> = of_formats.map(|id| wrong_bit(id, format_of(id), |_| 3)).collect();
    all.push(wrong_bit("content.jpeg.whole", PixelFormat::Jpeg, |bytes| bytes.len() - 1));
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
