//! The sliding window of a tier and the row kernels that run over it.

use crate::mosaic::{SplitRow, Taps, Window, half_len};
use crate::simd::Simd;
use crate::{CfaPattern, Channel, RawGeometry};

/// A row of RGB as half rows: `[even columns, odd columns][channel]`.
pub(crate) type Halves<'a, T> = [[&'a [T]; 3]; 2];

/// Finds the two missing colours at the sites of one column parity.
type Site<T> = fn(Simd, Taps<'_, T>, &mut [T], &mut [T]);

/// The row kernels of a tier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method<T> {
    /// Rows and columns around a pixel that its colours depend on.
    pub(crate) halo: u32,
    /// At red and blue sites: green, and the opposite colour.
    pub(crate) chroma_site: Site<T>,
    /// At green sites: the colour of the sites beside, and that of the sites above.
    pub(crate) green_site: Site<T>,
}

/// Demosaics row after row of a mosaic in samples of `T`.
#[derive(Debug, Clone)]
pub(crate) struct Interpolator<T> {
    method: Method<T>,
    pattern: CfaPattern,
    simd: Simd,
    window: Window<T>,
    /// The two colours that the sites of each column parity lack.
    missing: [[Vec<T>; 2]; 2],
}

impl<T: Copy + Default> Interpolator<T> {
    /// For frames of a valid geometry.
    pub(crate) fn new(method: Method<T>, geometry: &RawGeometry, simd: Simd) -> Interpolator<T> {
        let &RawGeometry { width, height, pattern, .. } = geometry;
        let half = || std::array::from_fn(|_| vec![T::default(); half_len(width)]);
        Interpolator { method, pattern, simd, window: Window::new(width, height), missing: [half(), half()] }
    }

    /// Drops all rows: the next ones come from another picture.
    pub(crate) fn clear(&mut self) {
        self.window.clear();
    }

    /// Row `y` in all colours; `load` is asked for the rows of the neighbourhood that are not held yet.
    pub(crate) fn row(&mut self, y: u32, load: &mut dyn FnMut(u32, &mut SplitRow<T>)) -> Halves<'_, T> {
        let Interpolator { method, pattern, simd, window, missing } = self;
        window.advance(y, method.halo, load);
        let mut parities = missing.iter_mut().zip(0..);
        std::array::from_fn(|parity| {
            let taps = window.taps(y, method.halo, parity);
            let own = taps.at(0, 0);
            let Some(([first, second], _)) = parities.next() else { return [own; 3] };
            let site = if pattern.channel_at(parity as u32, y) == Channel::Green {
                method.green_site
            } else {
                method.chroma_site
            };
            site(*simd, taps, first, second);
            arranged(*pattern, parity as u32, y, [own, first, second])
        })
    }
}

/// Red, green and blue of the sites of one column parity, from their own colour and the two that they lack, in the order
/// of [`Method`].
pub(super) fn arranged<T>(
    pattern: CfaPattern,
    parity: u32,
    y: u32,
    [own, first, second]: [&[T]; 3],
) -> [&[T]; 3] {
    match (pattern.channel_at(parity, y), pattern.channel_at(parity + 1, y)) {
        (Channel::Green, Channel::Blue) => [second, own, first],
        (Channel::Green, _) => [first, own, second],
        (Channel::Red, _) => [own, first, second],
        (Channel::Blue, _) => [second, first, own],
    }
}
