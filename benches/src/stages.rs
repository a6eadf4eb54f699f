//! The stages that are measured, each ready to run on a frame of its own: what benches time and gates count.

use latent_isp::yuv::{self, YuvLayout, YuvView};
use latent_isp::{
    Demosaic, Error, Packing, RawView, Rendering, Simd, Tier, develop, fused, packing, proxy, tier, unpack,
};

use crate::frame::{RawFrame, YuvFrame};

/// One stage of the ISP, on one thread, into memory that was used before.
#[derive(Clone, Copy)]
pub struct Stage {
    /// Its name in reports and in the table of gates.
    pub name: &'static str,
    /// Bytes that it must read and write at least for each pixel of the raw frame: the work of a plain copy.
    pub moved: f64,
    prepare: fn(u32, u32) -> Result<Run, Error>,
}

/// Runs a stage once over its frame.
pub type Run = Box<dyn FnMut() -> Result<(), Error>>;

impl Stage {
    /// Makes a frame of `width` x `height` pixels, everything that the stage prepares once, and the memory it writes.
    ///
    /// # Errors
    /// Those of the stage for such a frame.
    pub fn prepare(&self, width: u32, height: u32) -> Result<Run, Error> {
        (self.prepare)(width, height)
    }
}

/// All stages. Raw frames are MIPI RAW10 where the name does not say otherwise; the tiers alone read 10 bits in words, as
/// their peers do.
pub const STAGES: [Stage; 20] = [
    Stage { name: "unpack-raw10", moved: 1.25 + 2.0, prepare: |w, h| unpacked(w, h, 10) },
    Stage { name: "unpack-raw12", moved: 1.5 + 2.0, prepare: |w, h| unpacked(w, h, 12) },
    Stage { name: "pack-raw10", moved: 2.0 + 1.25, prepare: packed },
    Stage { name: "proxy-bin", moved: 1.25 + 1.5, prepare: binned },
    Stage { name: "proxy-render", moved: 1.5 + 0.75, prepare: rendered },
    Stage { name: "preview", moved: 2.0 + 3.0, prepare: |w, h| demosaiced(w, h, Tier::Preview) },
    Stage { name: "video", moved: 2.0 + 3.0, prepare: |w, h| demosaiced(w, h, Tier::Video) },
    Stage { name: "still", moved: 2.0 + 3.0, prepare: |w, h| demosaiced(w, h, Tier::Still) },
    Stage { name: "best", moved: 2.0 + 3.0, prepare: |w, h| demosaiced(w, h, Tier::Best) },
    Stage { name: "preview-linear", moved: 2.0 + 6.0, prepare: |w, h| linear(w, h, Tier::Preview) },
    Stage { name: "video-linear", moved: 2.0 + 6.0, prepare: |w, h| linear(w, h, Tier::Video) },
    Stage { name: "still-linear", moved: 2.0 + 6.0, prepare: |w, h| linear(w, h, Tier::Still) },
    Stage { name: "best-linear", moved: 2.0 + 6.0, prepare: |w, h| linear(w, h, Tier::Best) },
    Stage { name: "fused-preview", moved: 1.25 + 3.0, prepare: |w, h| piped(w, h, Tier::Preview, false) },
    Stage { name: "fused-video", moved: 1.25 + 3.0, prepare: |w, h| piped(w, h, Tier::Video, true) },
    Stage { name: "full-bilinear", moved: 1.25 + 3.0, prepare: |w, h| developed(w, h, Demosaic::Bilinear) },
    Stage {
        name: "full-gradient",
        moved: 1.25 + 3.0,
        prepare: |w, h| developed(w, h, Demosaic::GradientCorrected),
    },
    Stage { name: "yuv-nv12", moved: 1.5 + 3.0, prepare: |w, h| converted(w, h, YuvLayout::Nv12) },
    Stage { name: "yuv-yuyv", moved: 2.0 + 3.0, prepare: |w, h| converted(w, h, YuvLayout::Yuyv) },
    Stage { name: "yuv-proxy", moved: 1.5 + 0.75, prepare: halved },
];

/// Daylight on a common sensor: gains, a typical matrix, no exposure.
pub const RENDERING: Rendering = Rendering {
    gains: [1.9, 1.0, 1.6],
    exposure: 1.0,
    matrix: [[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [0.1, -0.7, 1.6]],
};

fn samples(width: u32, height: u32) -> usize {
    width as usize * height as usize
}

fn unpacked(width: u32, height: u32, bits: u8) -> Result<Run, Error> {
    let RawFrame { geometry, bytes } = RawFrame::new(width, height, Packing::Mipi, bits)?;
    let mut out = vec![0; samples(width, height)];
    Ok(Box::new(move || {
        let view = RawView::new(geometry, &bytes)?;
        (0..height)
            .zip(out.chunks_exact_mut(width as usize))
            .try_for_each(|(y, row)| unpack::row(&view, y, row))
    }))
}

fn packed(width: u32, height: u32) -> Result<Run, Error> {
    let RawFrame { bytes, .. } = RawFrame::new(width, height, Packing::Le16, 10)?;
    let codes: Vec<u16> = bytes.as_chunks().0.iter().map(|word| u16::from_le_bytes(*word)).collect();
    let row_bytes = Packing::Mipi.row_bytes(10, width as usize)?;
    let mut out = vec![0; row_bytes * height as usize];
    Ok(Box::new(move || {
        let rows = codes.chunks_exact(width as usize).zip(out.chunks_exact_mut(row_bytes));
        rows.into_iter().try_for_each(|(row, to)| packing::pack_row(row, 10, Packing::Mipi, to).map(drop))
    }))
}

fn binned(width: u32, height: u32) -> Result<Run, Error> {
    let RawFrame { geometry, bytes } = RawFrame::new(width, height, Packing::Mipi, 10)?;
    let mut proxy = proxy::Proxy::default();
    Ok(Box::new(move || proxy.bin(&RawView::new(geometry, &bytes)?)))
}

fn rendered(width: u32, height: u32) -> Result<Run, Error> {
    let RawFrame { geometry, bytes } = RawFrame::new(width, height, Packing::Mipi, 10)?;
    let proxy = proxy::bin(&RawView::new(geometry, &bytes)?)?;
    let mut picture = proxy.render(&RENDERING)?;
    Ok(Box::new(move || proxy.render_to(&RENDERING, &mut picture)))
}

fn demosaiced(width: u32, height: u32, tier: Tier) -> Result<Run, Error> {
    let RawFrame { geometry, bytes } = RawFrame::new(width, height, Packing::Le16, 10)?;
    let plan = tier::Plan::new(geometry, tier, Simd::detect())?;
    let (mut scratch, mut out) = (plan.scratch(), vec![0; 3 * samples(width, height)]);
    Ok(Box::new(move || plan.strip_with(&mut scratch, &RawView::new(geometry, &bytes)?, 0..height, &mut out)))
}

fn linear(width: u32, height: u32, tier: Tier) -> Result<Run, Error> {
    let RawFrame { geometry, bytes } = RawFrame::new(width, height, Packing::Le16, 10)?;
    let plan = tier::LinearPlan::new(geometry, tier, Simd::detect())?;
    let (mut scratch, mut out) = (plan.scratch(), vec![0; 3 * samples(width, height)]);
    Ok(Box::new(move || plan.strip_with(&mut scratch, &RawView::new(geometry, &bytes)?, 0..height, &mut out)))
}

/// The fused path: `whole` with defects and sharpening, else the scope of a plain software ISP.
fn piped(width: u32, height: u32, tier: Tier, whole: bool) -> Result<Run, Error> {
    let RawFrame { geometry, bytes } = RawFrame::new(width, height, Packing::Mipi, 10)?;
    let options = fused::Options { tier, clamp_defects: whole, sharpen: whole };
    let plan = fused::Plan::new(geometry, &RENDERING, options, Simd::detect())?;
    let (mut scratch, mut out) = (plan.scratch(), vec![0; 3 * samples(width, height)]);
    Ok(Box::new(move || plan.strip_with(&mut scratch, &RawView::new(geometry, &bytes)?, 0..height, &mut out)))
}

fn developed(width: u32, height: u32, method: Demosaic) -> Result<Run, Error> {
    let RawFrame { geometry, bytes } = RawFrame::new(width, height, Packing::Mipi, 10)?;
    let plan = develop::Plan::new(geometry, &RENDERING, method)?;
    let (mut scratch, mut out) = (plan.scratch(), vec![0; 3 * samples(width, height)]);
    Ok(Box::new(move || plan.strip_with(&mut scratch, &RawView::new(geometry, &bytes)?, 0..height, &mut out)))
}

fn converted(width: u32, height: u32, layout: YuvLayout) -> Result<Run, Error> {
    let YuvFrame { geometry, bytes } = YuvFrame::new(width, height, layout)?;
    let plan = yuv::Plan::new(geometry, Simd::detect())?;
    let mut out = vec![0; 3 * samples(width, height)];
    Ok(Box::new(move || plan.strip(&YuvView::new(geometry, &bytes)?, 0..height, &mut out)))
}

fn halved(width: u32, height: u32) -> Result<Run, Error> {
    let YuvFrame { geometry, bytes } = YuvFrame::new(width, height, YuvLayout::Nv12)?;
    let plan = yuv::Plan::new(geometry, Simd::detect())?;
    Ok(Box::new(move || plan.proxy(&YuvView::new(geometry, &bytes)?).map(drop)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_runs_on_small_and_odd_frames() {
        for stage in STAGES {
            for (width, height) in [(2, 2), (65, 7), (128, 16)] {
                let mut run = stage.prepare(width, height).unwrap();
                run().unwrap();
                run().unwrap();
            }
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names = STAGES.map(|stage| stage.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
