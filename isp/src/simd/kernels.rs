//! The kernels' entry points: each runs its body compiled for the level at hand.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::Level;
use super::Simd;
use crate::colour::Colour;
use crate::level::Level as Level16;
use crate::mosaic::Taps;
use crate::sharpness::{self, Greens};
use crate::statistics::{self, Samples};
use crate::tier::{directional, preview, video};
use crate::{defects, sharpen, target, thumbnail, yuv};

/// `fn NAME(ARGUMENTS) = BODY;` makes a function that takes a [`Simd`] and then the arguments. The body is inlined
/// into one function for each level, so that it is compiled with what the level has.
macro_rules! kernels {
    ($($(#[$meta:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $body:path;)*) => {$(
        $(#[$meta])*
        pub(crate) fn $name(simd: Simd, $($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) {
                    $body($($argument),*);
                }
                if simd.level() == Level::Avx2 {
                    // SAFETY: `Simd::detect` alone makes this level, where the processor has AVX2.
                    return unsafe { avx2($($argument),*) };
                }
            }
            let _ = simd;
            $body($($argument),*);
        }
    )*};
}

kernels! {
    /// Green and the opposite colour at red and blue sites, bilinear.
    fn preview_chroma_8(taps: Taps<'_, u8>, green: &mut [u8], opposite: &mut [u8]) = preview::chroma_site;
    /// The colours beside and above at green sites, bilinear.
    fn preview_green_8(taps: Taps<'_, u8>, beside: &mut [u8], above: &mut [u8]) = preview::green_site;
    /// Green and the opposite colour at red and blue sites, bilinear.
    fn preview_chroma(taps: Taps<'_, u16>, green: &mut [u16], opposite: &mut [u16]) = preview::chroma_site;
    /// The colours beside and above at green sites, bilinear.
    fn preview_green(taps: Taps<'_, u16>, beside: &mut [u16], above: &mut [u16]) = preview::green_site;
    /// The known colour minus green at red and blue sites.
    fn video_differences(taps: Taps<'_, u16>, out: &mut [i16]) = video::differences;
    /// All colours at red and blue sites, in quarters.
    fn video_chroma(samples: &[u16], differences: Taps<'_, i16>, out: [&mut [u16]; 3]) = video::chroma_site;
    /// All colours at green sites, in quarters.
    fn video_green(samples: &[u16], differences: Taps<'_, i16>, out: [&mut [u16]; 3]) = video::green_site;
    /// All colours at red and blue sites, in 8 bits.
    fn video_chroma_8(samples: &[u16], differences: Taps<'_, i16>, out: [&mut [u8]; 3]) = video::chroma_site;
    /// All colours at green sites, in 8 bits.
    fn video_green_8(samples: &[u16], differences: Taps<'_, i16>, out: [&mut [u8]; 3]) = video::green_site;
    /// Black level and gain in 16 bits, in place.
    fn level(level: Level16, row: &mut [u16]) = Level16::apply_row;
    /// The colour matrix in place, on planar 16-bit light.
    fn matrix(colour: &Colour, planes: [&mut [u16]; 3]) = Colour::matrix_row;
    /// Samples that stand alone, clamped to their neighbours.
    fn clamp_defects(taps: Taps<'_, u16>, out: &mut [u16]) = defects::clamp;
    /// The brightness of a half row.
    fn luma(rgb: [&[u8]; 3], out: &mut [u8]) = sharpen::luma;
    /// A half row sharpened by the brightness around it.
    fn sharpen(luma: Taps<'_, u8>, rgb: [&[u8]; 3], out: [&mut [u8]; 3]) = sharpen::sharpen;
    /// Even and odd columns in turn.
    fn zip(even: &[u8], odd: &[u8], out: &mut [u8]) = target::zip;
    /// Sums of neighbouring columns.
    fn encode_pairs(even: [&[u8]; 3], odd: [&[u8]; 3], sums: [&mut [u16]; 3]) = yuv::encode::pairs;
    /// Neighbouring columns added to their sums.
    fn add_pairs(even: &[u8], odd: &[u8], sums: &mut [u16]) = thumbnail::add_pairs;
    /// Squared differences of greens in a row of cells.
    fn green_changes(greens: Greens, rows: [&[[u16; 2]]; 2], squares: &mut u64) = sharpness::green_changes;
    /// What follows from each sampled cell alone.
    fn sort_samples(samples: &mut Samples) = statistics::sort;
    /// The luma of packed groups.
    fn yuv_packed_luma(groups: &[[u8; 4]], first: usize, out: &mut [u8]) = yuv::rows::packed_luma;
    /// The chroma of packed groups.
    fn yuv_packed_chroma(groups: &[[u8; 4]], places: [usize; 2], to: [&mut [u8]; 2]) = yuv::rows::packed_chroma;
    /// The chroma of a plane of pairs.
    fn yuv_paired_chroma(pairs: &[[u8; 2]], cb: usize, to: [&mut [u8]; 2]) = yuv::rows::paired_chroma;
    /// The luma of cells of 2x2.
    fn yuv_cells(above: &[u8], below: &[u8], out: &mut [u16]) = yuv::rows::cells;
    /// Chroma between two rows.
    fn yuv_mix(near: &[u8], far: &[u8], out: &mut [u16]) = yuv::rows::mix;
    /// Chroma between two columns.
    fn yuv_widen(half: &[u16], out: &mut [u16]) = yuv::rows::widen;
    /// Luma and chroma to red, green and blue in their places, all in 16ths of an 8-bit code.
    fn yuv_convert(weights: &yuv::Weights, planes: [&mut [u16]; 3]) = yuv::convert;
    /// All stages of a directional tier, one row on.
    fn directional_step(band: &mut directional::Band, y: i64) = directional::Band::step;
    /// Quarters to single precision.
    fn directional_widen(quarters: &[u16], out: &mut [f32]) = directional::widen;
    /// Single precision to 8 bits.
    fn directional_narrow(samples: &[f32], out: &mut [u8]) = directional::narrow;
    /// Single precision to quarters.
    fn directional_quarters(samples: &[f32], out: &mut [u16]) = directional::quarters;
}
