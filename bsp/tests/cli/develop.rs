//! `latent develop`: raw files to pictures.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::decoded;

#[allow(dead_code)]
#[path = "../../../isp/tests/dng/writer.rs"]
mod dng_writer;

use dng_writer::lossless_jpeg::Coding;
use dng_writer::{Picture, Pieces, Value};

fn develop(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_latent")).arg("develop").args(args).output().unwrap()
}

/// A grey card under warm light, as a sensor of this depth and pattern would see it, with a darker left half.
fn card(path: &Path, bits: u32, pattern: &str) {
    let (width, height) = (64, 48);
    let full = f64::from((1u32 << bits) - 1);
    let mut bytes = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let colour = pattern.as_bytes()[(y % 2) * 2 + x % 2];
            let gain = match colour {
                b'R' => 0.8,
                b'G' => 1.0,
                _ => 0.45,
            };
            let light = if x < width / 2 { 0.1 } else { 0.4 };
            let value = (full * gain * light).round() as u16;
            if bits == 8 { bytes.push(value as u8) } else { bytes.extend(value.to_le_bytes()) }
        }
    }
    fs::write(path, bytes).unwrap();
}

fn ppm(path: &Path) -> (usize, usize, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes[..20]).into_owned();
    let mut words = text.split_ascii_whitespace().skip(1);
    let (width, height) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap());
    let pixels = bytes[bytes.len() - width * height * 3..].to_vec();
    (width, height, pixels)
}

#[test]
fn a_grey_card_comes_out_grey_at_any_depth_and_pattern() {
    let folder = tempfile::tempdir().unwrap();
    for (bits, pattern) in [(8, "RGGB"), (10, "GRBG"), (12, "GBRG"), (14, "BGGR"), (16, "RGGB")] {
        let (raw, out) = (folder.path().join("card.raw"), folder.path().join("card.ppm"));
        card(&raw, bits, pattern);
        let bits = bits.to_string();
        let output = develop(&[
            raw.to_str().unwrap(),
            "--width",
            "64",
            "--height",
            "48",
            "--bits",
            &bits,
            "--pattern",
            pattern,
            "-o",
            out.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (width, height, pixels) = ppm(&out);
        assert_eq!((width, height), (64, 48), "full size");
        let at = |x: usize, y: usize| &pixels[(y * width + x) * 3..][..3];
        let (dark, light) = (at(8, 24), at(56, 24));
        for pixel in [dark, light] {
            let spread = pixel.iter().max().unwrap() - pixel.iter().min().unwrap();
            assert!(spread <= 6, "{bits} {pattern}: {pixel:?} is not neutral");
        }
        assert!(light[1] > dark[1] + 40, "{dark:?} {light:?}");
    }
}

/// A red half and a grey one in warm light, with a margin that saw none; 64x48 samples of which 56x40 are the picture.
fn dng() -> (Picture, Vec<u8>) {
    let picture = Picture {
        bits: 12,
        // From the active area, which begins in the second column.
        colours: [1, 2, 0, 1],
        is_big_endian: true,
        is_below: true,
        pieces: Pieces::Tiles { width: 32, height: 32 },
        coding: Some(Coding::USUAL),
        ..Picture::new(64, 48)
    }
    .with_raw_tag(50829, Value::Shorts(vec![4, 3, 48, 64]))
    .with_raw_tag(50719, Value::Shorts(vec![1, 2]))
    .with_raw_tag(50720, Value::Shorts(vec![56, 40]))
    .with_raw_tag(50713, Value::Shorts(vec![2, 2]))
    .with_raw_tag(50714, Value::Rationals(vec![(200, 1), (264, 1), (232, 1), (200, 1)]))
    .with_raw_tag(50717, Value::Shorts(vec![4000]))
    .with_camera_tag(50728, Value::Rationals(vec![(4, 5), (1, 1), (2, 5)]));
    let mut samples = Vec::new();
    for y in 0..48_usize {
        for x in 0..64_usize {
            let site = if x < 3 || y < 4 { None } else { Some((y - 4) % 2 * 2 + (x - 3) % 2) };
            let is_red = (4..34).contains(&x);
            let light = |colour: usize| match (picture.colours[colour], is_red) {
                (0, _) => 0.8,
                (1, false) => 1.0,
                (2, false) => 0.4,
                _ => 0.02,
            };
            let black = [200.0, 264.0, 232.0, 200.0];
            samples.push(site.map_or(200, |site| (black[site] + 1500.0 * light(site)) as u16));
        }
    }
    let bytes = picture.bytes(&samples);
    (picture, bytes)
}

#[test]
fn a_dng_is_developed_by_what_it_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("card.dng"), folder.path().join("card.ppm"));
    fs::write(&raw, dng().1).unwrap();
    let run = |more: &[&str]| {
        let args = [&[raw.to_str().unwrap(), "-o", out.to_str().unwrap(), "--json"], more].concat();
        let output = develop(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let said = run(&[]);
    let gains: Vec<f64> =
        said["gains"].as_array().unwrap().iter().map(|gain| gain.as_f64().unwrap()).collect();
    assert!(
        gains.iter().zip([1.25, 1.0, 2.5]).all(|(gain, neutral)| (gain - neutral).abs() < 1e-6),
        "{gains:?}"
    );
    let (width, height, pixels) = ppm(&out);
    assert_eq!((width, height), (56, 40), "the default crop");
    let at = |x: usize, y: usize| &pixels[(y * width + x) * 3..][..3];
    let [red, grey] = [at(12, 20), at(46, 20)];
    assert!(grey.iter().max().unwrap() - grey.iter().min().unwrap() <= 4, "{grey:?} is not neutral");
    assert!(red[0] > red[1] + 80 && red[0] > red[2] + 80, "{red:?} is not red");
    assert_eq!(run(&["--gains", "1,1,1"])["gains"][2], 1.0, "the command line wins");
}

#[test]
fn a_dng_that_cannot_be_read_says_where_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("card.dng"), folder.path().join("card.png"));
    let (picture, bytes) = dng();
    let deflated = picture.with_raw_tag(259, Value::Shorts(vec![8])).bytes(&[0; 64 * 48]);
    for (bytes, words) in
        [(&bytes[..900], "the file ends at byte 900"), (&deflated, "Deflate"), (b"II\x2a\0", "DNG")]
    {
        fs::write(&raw, bytes).unwrap();
        let output = develop(&[raw.to_str().unwrap(), "-o", out.to_str().unwrap()]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(words) && text.contains("card.dng") && !text.contains("panicked"), "{text}");
        assert!(!out.exists());
    }
}

#[test]
fn every_output_format_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("card.raw");
    card(&raw, 10, "RGGB");
    fs::write(
        folder.path().join("card.raw.toml"),
        "width = 64\nheight = 48\nbits = 10\npattern = \"RGGB\"\n",
    )
    .unwrap();
    for name in ["a.jpg", "a.png", "a.ppm"] {
        let out = folder.path().join(name);
        let output = develop(&[raw.to_str().unwrap(), "-o", out.to_str().unwrap()]);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(out.metadata().unwrap().len() > 100);
    }
    assert_eq!(decoded(&folder.path().join("a.jpg")), (64, 48));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "no temporary file is left");
}

#[test]
fn what_is_no_raw_picture_is_told_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.png");
    let raw = folder.path().join("x.raw");
    let say = |args: &[&str]| {
        let mut all = vec![raw.to_str().unwrap()];
        all.extend(args);
        all.extend(["-o", out.to_str().unwrap()]);
        let output = develop(&all);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}");
        assert!(!out.exists());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!text.contains("panicked"), "{text}");
        text
    };
    let size = ["--width", "64", "--height", "48", "--bits", "10", "--pattern", "RGGB"];
    assert!(say(&size).contains("x.raw"), "missing");
    card(&raw, 10, "RGGB");
    let whole = fs::read(&raw).unwrap();
    fs::write(&raw, &whole[..whole.len() - 100]).unwrap();
    assert!(say(&size).contains("6144"), "truncated: tells the size that it should have");
    fs::write(&raw, b"\xff\xd8\xff\xe0 this is a JPEG").unwrap();
    assert!(say(&size).to_lowercase().contains("jpeg"));
    fs::write(&raw, b"").unwrap();
    say(&size);
    fs::write(&raw, &whole).unwrap();
    say(&["--width", "64"]);
    say(&["--width", "0", "--height", "48", "--bits", "10", "--pattern", "RGGB"]);
    say(&["--width", "64", "--height", "48", "--bits", "33", "--pattern", "RGGB"]);
    say(&["--width", "4294967295", "--height", "4294967295", "--bits", "16", "--pattern", "RGGB"]);
    say(&[
        "--width",
        "64",
        "--height",
        "48",
        "--bits",
        "10",
        "--pattern",
        "RGGB",
        "--black",
        "1023",
        "--white",
        "64",
    ]);
}

#[test]
fn an_output_of_unknown_kind_is_refused_before_any_work() {
    let output = develop(&["nothing.raw", "-o", "picture.webp"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(".png"));
}
