//! A developed picture.

use crate::Error;

/// An RGB picture, 8 bits a channel, interleaved, top row first, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 3` bytes: R, G, B of the top left pixel first.
    pub data: Vec<u8>,
}

impl Picture {
    /// A black picture.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the bytes can't be addressed or allocated.
    pub fn new(width: u32, height: u32) -> Result<Picture, Error> {
        Ok(Picture { width, height, data: zeroed(width, height, 3, "the picture")? })
    }

    /// The picture at half its size: each pixel the mean of 2x2, rounded half up. An odd last column or row is left out.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the bytes can't be allocated.
    pub fn halved(&self) -> Result<Picture, Error> {
        let mut half = Picture::new(self.width / 2, self.height / 2)?;
        let (row, half_row) = (3 * self.width as usize, 3 * half.width as usize);
        let rows = self.data.chunks_exact(2 * row.max(1));
        for (pair, out) in rows.zip(half.data.chunks_exact_mut(half_row.max(1))) {
            let (above, below) = pair.split_at(row);
            let cells = above.as_chunks::<6>().0.iter().zip(below.as_chunks::<6>().0);
            for (pixel, (above, below)) in out.as_chunks_mut::<3>().0.iter_mut().zip(cells) {
                *pixel = [0, 1, 2].map(|c: usize| {
                    let sum =
                        [above[c], above[c + 3], below[c], below[c + 3]].map(u16::from).iter().sum::<u16>();
                    ((sum + 2) / 4) as u8
                });
            }
        }
        Ok(half)
    }
}

/// `width * height * planes` zeros, or an error instead of an abort.
fn zeroed(width: u32, height: u32, planes: usize, what: &'static str) -> Result<Vec<u8>, Error> {
    let mut data = Vec::new();
    let len = reserve(&mut data, width, height, planes, what)?;
    data.resize(len, 0);
    Ok(data)
}

/// Empties `data` and makes room for `width * height * planes`, or an error instead of an abort.
pub(crate) fn reserve<T>(
    data: &mut Vec<T>,
    width: u32,
    height: u32,
    planes: usize,
    what: &'static str,
) -> Result<usize, Error> {
    let too_large = || Error::TooLarge { what };
    let len = (width as usize)
        .checked_mul(height as usize)
        .and_then(|pixels| pixels.checked_mul(planes))
        .ok_or_else(too_large)?;
    data.clear();
    data.try_reserve_exact(len).map_err(|_| too_large())?;
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halved_picture_has_the_mean_of_each_cell_and_leaves_odd_edges_out() {
        let (width, height) = (5, 3);
        let data = (0..width * height * 3).map(|i| (i * 7) as u8).collect::<Vec<_>>();
        let half = Picture { width, height, data: data.clone() }.halved().unwrap();
        assert_eq!((half.width, half.height, half.data.len()), (2, 1, 6));
        let at = |x: usize, y: usize, c: usize| u32::from(data[(y * 5 + x) * 3 + c]);
        for (i, &code) in half.data.iter().enumerate() {
            let (x, c) = (i / 3 * 2, i % 3);
            let sum = at(x, 0, c) + at(x + 1, 0, c) + at(x, 1, c) + at(x + 1, 1, c);
            assert_eq!(u32::from(code), (sum + 2) / 4);
        }
        assert!(Picture { width: 1, height: 1, data: vec![0; 3] }.halved().unwrap().data.is_empty());
    }
}
