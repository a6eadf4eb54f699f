//! DNGs, whole files in memory: what is accepted has the size that it says, and an area of it is that part of the whole.

#[allow(dead_code)]
#[path = "../../../isp/tests/dng/writer.rs"]
mod writer;

use latent_isp::RawView;
use latent_isp::dng::{Area, Dng, Error};

use writer::lossless_jpeg::Coding;
use writer::{Picture, Pieces, Tags, Value};

pub(crate) fn run(data: &[u8]) {
    let dng = match Dng::parse(data) {
        Ok(dng) => dng,
        Err(error) => return told(&error),
    };
    let (whole, said) = (dng.whole(), dng.description());
    assert!(whole.samples() <= 8 * data.len() as u64, "more samples than bits");
    assert!(said.active.is_within(&whole) && said.crop.is_within(&said.active), "{said:?}");
    if let Some(colour) = said.sensor_colour() {
        assert!(colour.matrix.as_flattened().iter().all(|number| number.is_finite()), "{colour:?}");
    }
    let mut all = vec![0; whole.samples() as usize];
    let decoded = dng.decode(whole, &mut all);
    if let Err(error) = &decoded {
        told(error);
    }
    let crop = said.crop;
    let mut part = vec![0; crop.samples() as usize];
    match dng.decode(crop, &mut part) {
        Ok(()) if decoded.is_ok() => {
            let rows = all.chunks(whole.width as usize).skip(crop.top as usize);
            for (row, part) in rows.zip(part.chunks(crop.width as usize)) {
                assert_eq!(&row[crop.left as usize..][..part.len()], part);
            }
        }
        // What is damaged may lie beside or behind the crop, but not the other way round.
        Ok(()) => {}
        Err(error) => assert!(decoded.is_err(), "{error}"),
    }
    let mut frame = vec![0; 2 * part.len()];
    match dng.frame(crop, &mut frame) {
        Ok(geometry) => {
            assert_eq!(Ok(geometry), dng.geometry(crop));
            assert_eq!(geometry.len_bytes(), Ok(frame.len()));
            assert!(RawView::new(geometry, &frame).is_ok(), "{geometry:?}");
        }
        Err(error) => told(&error),
    }
    assert!(matches!(dng.decode(Area { left: 1, ..whole }, &mut all), Err(Error::Area { .. })));
}

/// An error has something to say.
fn told(error: &Error) {
    assert!(!error.to_string().is_empty(), "{error:?}");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        include_bytes!("../../../isp/tests/dng/pidng-packed.dng").to_vec(),
        include_bytes!("../../../isp/tests/dng/pidng-lj92.dng").to_vec(),
        include_bytes!("../../../isp/tests/dng/libjpeg-turbo-4.dng").to_vec(),
    ];
    for (bits, coding) in [
        (8, None),
        (10, None),
        (14, None),
        (16, None),
        (12, Some(Coding::USUAL)),
        (
            16,
            Some(Coding {
                predictor: 5,
                components: 1,
                restart_lines: 3,
                has_long_codes: true,
                point_transform: 1,
            }),
        ),
    ] {
        for pieces in [Pieces::Strips { rows: 5 }, Pieces::Tiles { width: 16, height: 8 }] {
            let is_big_endian = bits % 4 == 0;
            let picture =
                Picture { bits, coding, pieces, is_big_endian, is_below: bits > 10, ..Picture::new(26, 18) };
            let samples: Vec<u16> =
                (0..26 * 18_u16).map(|at| at.wrapping_mul(40_503) >> (16 - bits)).collect();
            seeds.push(described(picture).bytes(&samples));
        }
    }
    seeds
}

/// With a value in every tag that is read.
fn described(mut picture: Picture) -> Picture {
    let matrix = Value::SignedRationals([5, -1, 0, -2, 4, 1, 0, -1, 3].map(|number| (number, 4)).to_vec());
    let gain_map = [&[0, 0, 0, 1, 0, 0, 0, 9, 1, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4][..], &[0; 4]].concat();
    picture.raw_tags = Tags::from([
        (50712, Value::Shorts((0..256).map(|code| code * 16).collect())),
        (50713, Value::Shorts(vec![2, 2])),
        (50714, Value::Rationals(vec![(16, 1), (33, 2), (16, 1), (15, 1)])),
        (50717, Value::Longs(vec![4080])),
        (50719, Value::Rationals(vec![(1, 1), (3, 2)])),
        (50720, Value::Rationals(vec![(20, 1), (14, 1)])),
        (50829, Value::Shorts(vec![1, 2, 18, 26])),
        (51009, Value::Undefined(gain_map)),
        (51041, Value::Doubles(vec![1e-4, 1e-6])),
    ]);
    picture.camera_tags = Tags::from([
        (271, Value::Text("Make")),
        (272, Value::Text("Model")),
        (274, Value::Shorts(vec![6])),
        (34665, Value::Directory(Tags::from([(36867, Value::Text("2026:01:02 03:04:05"))]))),
        (50721, matrix.clone()),
        (50722, matrix.clone()),
        (50728, Value::Rationals(vec![(1, 2), (1, 1), (2, 3)])),
        (50730, Value::SignedRationals(vec![(1, 2)])),
        (50778, Value::Shorts(vec![17])),
        (50779, Value::Shorts(vec![21])),
        (50965, matrix),
    ]);
    picture
}
