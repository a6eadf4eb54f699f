//! Names of picture files: phone style, `IMG_YYYYMMDD_HHMMSS.jpg`, then `_1`, `_2`… within one second.
//!
//! Also the names that only Latent writes: temporary files, which recovery may remove, and staged ones, which it may
//! only remove after looking at what they hold.

use uuid::Uuid;

/// The `n`-th choice of a name for a photo taken at that local time; 0 is the plain one.
pub fn picture(taken: &jiff::Zoned, n: u32) -> String {
    let stamp = taken.strftime("%Y%m%d_%H%M%S");
    if n == 0 { format!("IMG_{stamp}.jpg") } else { format!("IMG_{stamp}_{n}.jpg") }
}

/// True for a name that [`picture`] makes.
pub fn is_picture(name: &str) -> bool {
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let Some(stem) = name.strip_prefix("IMG_").and_then(|rest| rest.strip_suffix(".jpg")) else {
        return false;
    };
    let mut parts = stem.splitn(3, '_');
    let (date, time, n) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next());
    digits(date, 8) && digits(time, 6) && n.is_none_or(|n| (1..=6).contains(&n.len()) && digits(n, n.len()))
}

/// The local time in a name that [`picture`] made.
pub fn picture_time(name: &str) -> Option<jiff::Zoned> {
    let stamp = name.strip_prefix("IMG_").and_then(|rest| rest.get(..15)).filter(|_| is_picture(name))?;
    let taken = jiff::civil::DateTime::strptime("%Y%m%d_%H%M%S", stamp).ok()?;
    taken.to_zoned(jiff::tz::TimeZone::system()).ok()
}

/// The `n`-th choice of a name for a full picture that goes beside one that others changed.
pub fn beside(picture: &str, n: u32) -> String {
    let stem = picture.rsplit_once('.').map_or(picture, |(stem, _)| stem);
    if n == 0 { format!("{stem}_full.jpg") } else { format!("{stem}_full_{n}.jpg") }
}

/// What a file is worth that carries one of our own marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marked {
    /// Ours, perhaps half written, never shown to anybody.
    Temporary {
        /// Whose picture it was to become.
        asset: Uuid,
    },
    /// A whole picture on its way to its place; after the swap, what was at that place before.
    Staged {
        /// The file whose place it takes.
        target: String,
        /// Whose picture.
        asset: Uuid,
        /// Bytes of the picture that was staged.
        len: u64,
        /// CRC-32 of the picture that was staged.
        crc: u32,
    },
}

const TEMPORARY: &str = ".latent-tmp";
const STAGED: &str = ".latent-swap";

/// The name of a temporary file for this photo.
pub fn temporary(asset: Uuid) -> String {
    format!(".{asset}{TEMPORARY}")
}

/// The name under which a whole picture waits to be swapped with `target`.
pub fn staged(target: &str, asset: Uuid, len: u64, crc: u32) -> String {
    format!(".{target}.{asset}.{len}-{crc:08x}{STAGED}")
}

/// Reads a name with one of our marks; `None` for every other name.
pub fn marked(name: &str) -> Option<Marked> {
    let rest = name.strip_prefix('.')?;
    if let Some(id) = rest.strip_suffix(TEMPORARY) {
        return Some(Marked::Temporary { asset: Uuid::try_parse(id).ok()? });
    }
    let rest = rest.strip_suffix(STAGED)?;
    let (rest, content) = rest.rsplit_once('.')?;
    let (target, id) = rest.rsplit_once('.')?;
    let (len, crc) = content.split_once('-')?;
    Some(Marked::Staged {
        target: target.to_owned(),
        asset: Uuid::try_parse(id).ok()?,
        len: len.parse().ok()?,
        crc: u32::from_str_radix(crc, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_names_are_recognised_and_others_are_not() {
        let taken: jiff::Zoned = "2026-11-22T09:08:07.5+01:00[+01:00]".parse().unwrap();
        assert_eq!(picture(&taken, 0), "IMG_20261122_090807.jpg");
        assert_eq!(picture(&taken, 2), "IMG_20261122_090807_2.jpg");
        assert!(is_picture(&picture(&taken, 0)) && is_picture(&picture(&taken, 17)));
        for other in [
            "IMG_20261122_090807_full.jpg",
            "IMG_2026112_090807.jpg",
            "a.jpg",
            "IMG_.jpg",
            "IMG_20261122_090807.png",
        ] {
            assert!(!is_picture(other), "{other}");
        }
        assert_eq!(beside("IMG_1.jpg", 0), "IMG_1_full.jpg");
        assert_eq!(beside("holiday", 2), "holiday_full_2.jpg");
    }

    #[test]
    fn marks_read_back() {
        let asset = Uuid::from_u128(7);
        assert_eq!(marked(&temporary(asset)), Some(Marked::Temporary { asset }));
        let name = staged("a.b.jpg", asset, 12, 0xabc);
        assert_eq!(
            marked(&name),
            Some(Marked::Staged { target: "a.b.jpg".into(), asset, len: 12, crc: 0xabc })
        );
        for other in [
            "IMG_1.jpg",
            ".latent-tmp",
            ".x.latent-tmp",
            ".a.latent-swap",
            ".a.b.1-z.latent-swap",
            "..latent-swap",
        ] {
            assert_eq!(marked(other), None, "{other}");
        }
    }
}
