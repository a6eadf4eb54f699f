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
