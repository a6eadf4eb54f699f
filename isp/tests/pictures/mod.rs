//! The Kodak pictures for tests that need real ones: in the folder that `LATENT_KODAK` names, or beside the
//! workspace.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// An interleaved 8-bit RGB picture.
pub(crate) struct Rgb {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) data: Vec<u8>,
}

/// All 24 in order, or why there are none.
pub(crate) fn kodak() -> Result<Vec<Rgb>, String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/kodak");
    let folder = std::env::var_os("LATENT_KODAK").map_or(beside, PathBuf::from);
    let entries = folder.read_dir().map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .collect();
    files.sort();
    if files.len() != 24 {
        return Err(format!("{}: 24 PNG files are needed, found {}", folder.display(), files.len()));
    }
    Ok(files.iter().map(|file| load(file)).collect())
}

fn load(path: &Path) -> Rgb {
    let decoder = png::Decoder::new(BufReader::new(File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut data).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight), "{path:?}");
    Rgb { width: info.width as usize, height: info.height as usize, data }
}
