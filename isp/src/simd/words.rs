//! Rows of 16-bit words read where they are.
#![allow(unsafe_code)]

/// The bytes as words, without a copy: on little-endian machines, from an even address on. A last odd byte is left
/// out.
pub(crate) fn of(bytes: &[u8]) -> Option<&[u16]> {
    if cfg!(target_endian = "big") || !bytes.as_ptr().cast::<u16>().is_aligned() {
        return None;
    }
    let len = bytes.len() / 2;
    // SAFETY: the pointer is aligned for words, as checked; `len` of them lie within `bytes`, whose lifetime and
    // borrow the result takes over; any two bytes are a word.
    Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), len) })
}
