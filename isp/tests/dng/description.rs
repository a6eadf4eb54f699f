//! What a file says of its picture: read, filled in where it is silent, refused where it cannot be.

use latent_isp::CfaPattern;
use latent_isp::dng::{Area, Calibration, Correction, Dng, Error, Tag};

use crate::writer::{Picture, Tags, Value};

fn error(picture: &Picture) -> Error {
    let bytes = picture.bytes(&vec![0; (picture.width * picture.height) as usize]);
    Dng::parse(&bytes).unwrap_err()
}

#[test]
fn all_that_a_file_says_is_read_in_either_byte_order() {
    let identity = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    let matrix = |scale: i32| Value::SignedRationals(identity.map(|one| (one * scale, 2)).to_vec());
    let list = |id: u8, flags: u8| {
        let mut list = vec![0, 0, 0, 1, 0, 0, 0, id, 1, 3, 0, 0, 0, 0, 0, flags, 0, 0, 0, 2];
        list.extend([7, 7]);
        Value::Undefined(list)
    };
    for is_big_endian in [false, true] {
        for is_below in [false, true] {
            let mut picture =
                Picture { bits: 12, is_big_endian, is_below, colours: [1, 2, 0, 1], ..Picture::new(20, 16) };
            picture.raw_tags = Tags::from([
                (50829, Value::Longs(vec![2, 4, 16, 20])),
                (50719, Value::Rationals(vec![(3, 2), (2, 1)])),
                (50720, Value::Rationals(vec![(12, 1), (20, 1)])),
                (50713, Value::Shorts(vec![1, 2])),
                (50714, Value::Rationals(vec![(129, 2), (65, 1)])),
                (50715, Value::SignedRationals(vec![(1, 1); 16])),
                (50717, Value::Shorts(vec![4000])),
                (51008, list(4, 1)),
                (51009, list(9, 0)),
                (51041, Value::Doubles(vec![1e-4, 1e-6, 2e-4, 2e-6, 3e-4, 3e-6])),
            ]);
            picture.camera_tags = Tags::from([
                (271, Value::Text("Some maker ")),
                (272, Value::Text("A model")),
                (274, Value::Shorts(vec![6])),
                (50708, Value::Text("Some maker A model")),
                (50721, matrix(1)),
                (50722, matrix(2)),
                (50778, Value::Shorts(vec![17])),
                (50779, Value::Shorts(vec![21])),
                (50965, matrix(3)),
                (50728, Value::Rationals(vec![(1, 2), (1, 1), (3, 4)])),
                (50730, Value::SignedRationals(vec![(-1, 2)])),
                (34665, Value::Directory(Tags::from([(36867, Value::Text("2026:11:25 03:47:10"))]))),
            ]);
            let bytes = picture.bytes(&[0; 320]);
            let dng = Dng::parse(&bytes).unwrap();
            assert_eq!(dng.version(), [1, 4, 0, 0]);
            let said = dng.description();
            assert_eq!(said.active, Area { left: 4, top: 2, width: 16, height: 14 });
            // 1.5 is rounded up, and rows end with the active area.
            assert_eq!(said.crop, Area { left: 6, top: 4, width: 12, height: 12 });
            assert_eq!(said.pattern, CfaPattern::Gbrg);
            assert_eq!((said.black, said.white), ([[64.5, 65.0]; 2], 4000));
            assert_eq!(said.neutral, Some([0.5, 1.0, 0.75]));
            assert_eq!(said.as_shot_gains(), Some([2.0, 1.0, 4.0 / 3.0]));
            let diagonal = |one: f64| [[one, 0.0, 0.0], [0.0, one, 0.0], [0.0, 0.0, one]];
            assert_eq!(
                said.calibrations,
                [
                    Calibration { illuminant: 17, color: diagonal(0.5), forward: None },
                    Calibration { illuminant: 21, color: diagonal(1.0), forward: Some(diagonal(1.5)) },
                ]
            );
            assert_eq!(said.noise, Some([[1e-4, 1e-6], [2e-4, 2e-6], [3e-4, 3e-6]]));
            assert_eq!((said.baseline_exposure, said.orientation), (-0.5, 6));
            assert_eq!(said.make.as_deref(), Some("Some maker"));
            assert_eq!(said.model.as_deref(), Some("A model"));
            assert_eq!(said.unique_model.as_deref(), Some("Some maker A model"));
            assert_eq!(said.taken.as_deref(), Some("2026:11:25 03:47:10"));
            assert_eq!(
                said.unapplied,
                [
                    Correction::BlackLevelOfColumns,
                    Correction::Opcode { list: 1, id: 4, optional: true },
                    Correction::Opcode { list: 2, id: Correction::GAIN_MAP, optional: false },
                ]
            );
        }
    }
}

#[test]
fn where_a_file_is_silent_the_specification_speaks() {
    let bytes = Picture { bits: 10, ..Picture::new(6, 4) }.bytes(&[0; 24]);
    let dng = Dng::parse(&bytes).unwrap();
    let said = dng.description();
    assert_eq!((said.active, said.crop), (dng.whole(), dng.whole()));
    assert_eq!((said.black, said.white), ([[0.0; 2]; 2], 1023));
    assert_eq!((said.orientation, said.baseline_exposure), (1, 0.0));
    assert_eq!((said.neutral, said.noise, said.sensor_colour()), (None, None, None));
    assert!(said.linearization.is_empty() && said.calibrations.is_empty() && said.unapplied.is_empty());
    assert_eq!((&said.make, &said.taken), (&None, &None));
}

#[test]
fn all_four_phases_are_read_and_no_other_filters() {
    for (colours, pattern) in [
        ([0, 1, 1, 2], CfaPattern::Rggb),
        ([1, 0, 2, 1], CfaPattern::Grbg),
        ([1, 2, 0, 1], CfaPattern::Gbrg),
        ([2, 1, 1, 0], CfaPattern::Bggr),
    ] {
        let bytes = Picture { colours, ..Picture::new(4, 2) }.bytes(&[0; 8]);
        assert_eq!(Dng::parse(&bytes).unwrap().description().pattern, pattern);
    }
    for colours in [[0, 1, 2, 1], [0, 0, 1, 2], [0, 1, 1, 3], [255; 4]] {
        let error = error(&Picture { colours, ..Picture::new(4, 2) });
        assert!(matches!(error, Error::Unsupported { tag: Tag::CFA_PATTERN, .. }), "{error}");
    }
    for (tag, value) in [
        (33421, Value::Shorts(vec![6, 6])),
        (50710, Value::Bytes(vec![3, 4, 5])),
        (50710, Value::Bytes(vec![0, 1, 2, 1])),
        (50711, Value::Shorts(vec![2])),
    ] {
        let error = error(&Picture::new(4, 2).with_raw_tag(tag, value));
        assert!(matches!(error, Error::Unsupported { tag: Tag(refused), .. } if refused == tag), "{error}");
    }
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    for (tag, value, words) in [
        (262, Value::Shorts(vec![34892]), "LinearRaw"),
        (259, Value::Shorts(vec![8]), "Deflate"),
        (259, Value::Shorts(vec![34892]), "lossy JPEG"),
        (259, Value::Shorts(vec![52546]), "JPEG XL"),
        (259, Value::Shorts(vec![999]), "999"),
        (258, Value::Shorts(vec![32]), "32 bits"),
        (339, Value::Shorts(vec![3]), "floating point"),
        (266, Value::Shorts(vec![2]), "high bits first"),
        (50975, Value::Longs(vec![2]), "RowInterleaveFactor"),
        (52547, Value::Longs(vec![2]), "ColumnInterleaveFactor"),
        (50974, Value::Longs(vec![2, 1]), "1x2"),
        (50713, Value::Shorts(vec![6, 6]), "every 6 rows"),
    ] {
        let error = error(&Picture::new(4, 2).with_raw_tag(tag, value));
        let message = error.to_string();
        assert!(matches!(error, Error::Unsupported { .. }) && message.contains(words), "{message}");
        assert!(message.contains(&format!("(tag {tag})")) && message.contains("at byte "), "{message}");
    }
    let newer = Picture::new(4, 2).with_camera_tag(50707, Value::Bytes(vec![1, 8, 0, 0]));
    assert!(error(&newer).to_string().contains("1.7.1.0"));
}

#[test]
fn values_that_cannot_be_name_tag_place_and_both_sides() {
    for (tag, value, words) in [
        (256, Value::Longs(vec![1]), "is 1, but 2 to 65535"),
        (257, Value::Longs(vec![65_536]), "is 65536"),
        (258, Value::Shorts(vec![16, 16, 16]), "3 values of type Short, but 1 value"),
        (256, Value::Text("wide"), "type Ascii"),
        (277, Value::Shorts(vec![3]), "is 3, but 1"),
        (278, Value::Longs(vec![0]), "1 row or more"),
        (273, Value::Longs(vec![8, 9]), "2 values"),
        (279, Value::Longs(vec![15]), "is 15 for strip or tile 0, but 16 bytes"),
        (273, Value::Longs(vec![100_000]), "strip or tile 0 at byte 100000 takes 16 bytes"),
        (50829, Value::Shorts(vec![0, 0, 3, 4]), "bottom 3"),
        (50829, Value::Shorts(vec![0, 3, 2, 3]), "left 3"),
        (50829, Value::Longs(vec![0, u32::MAX, 2, 1]), "left 4294967295"),
        (50714, Value::Shorts(vec![9, 9]), "2 values of type Short, but 1 number"),
        (50714, Value::Longs(vec![65_535]), "is 65535, but a level from 0"),
        (50714, Value::SignedRationals(vec![(-1, 1)]), "is -1"),
        (50714, Value::Rationals(vec![(1, 0)]), "is 1/0, but a finite number"),
        (50717, Value::Longs(vec![65_536]), "is 65536"),
        (50717, Value::Longs(vec![0]), "is 0"),
        (50712, Value::Longs(vec![0, 1]), "2 values of type Long"),
        (50712, Value::Shorts(vec![]), "0 values"),
        (51041, Value::Doubles(vec![f64::NAN, 0.0]), "NaN"),
        (51041, Value::Doubles(vec![0.0; 5]), "6 numbers"),
        (50728, Value::Rationals(vec![(1, 1), (0, 1), (1, 1)]), "above 0"),
        (50721, Value::SignedRationals(vec![(0, 0); 9]), "0/0"),
        (50721, Value::SignedRationals(vec![(1, 1); 12]), "12 values"),
        (50730, Value::SignedRationals(vec![(33, 1)]), "stops"),
        (274, Value::Shorts(vec![10]), "is 10, but 1 to 8"),
        (51009, Value::Undefined(vec![0, 0, 0, 1, 9]), "an opcode of OpcodeList2"),
        (51009, Value::Undefined([&[0, 0, 0, 1][..], &[255; 16]].concat()), "takes 4294967295 bytes"),
        (50706, Value::Shorts(vec![1]), "4 values"),
        (34665, Value::Longs(vec![u32::MAX]), "an IFD at byte 4294967295"),
    ] {
        let error = error(&Picture::new(4, 2).with_raw_tag(tag, value.clone()));
        let message = error.to_string();
        assert!(message.contains(words), "{tag} {value:?}: {message}");
        assert!(message.contains("at byte "), "{message}");
    }
    let crop = Picture::new(4, 2)
        .with_raw_tag(50719, Value::Shorts(vec![3, 0]))
        .with_raw_tag(50720, Value::Shorts(vec![4, 2]));
    assert!(error(&crop).to_string().contains("4x2 from column 3"), "{}", error(&crop));
}

#[test]
fn missing_tags_are_asked_for() {
    let whole = Picture::new(4, 2).bytes(&[0; 8]);
    for tag in [256_u16, 257, 258, 273, 279, 33421, 33422, 50706] {
        let directory = u32::from_le_bytes(whole[4..8].try_into().unwrap()) as usize;
        let mut entries = (directory + 2..).step_by(12);
        let at = entries.find(|at| whole[*at..*at + 2] == tag.to_le_bytes()).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + 2].copy_from_slice(&60_000_u16.to_le_bytes());
        match Dng::parse(&bytes) {
            Err(Error::Missing { tag: missing, .. }) => assert_eq!(missing, Tag(tag)),
            other => panic!("{tag}: {other:?}"),
        }
    }
    let nothing = Picture::new(4, 2).with_raw_tag(254, Value::Longs(vec![1]));
    assert_eq!(error(&nothing), Error::NoRawImage { directories: 1 });
}

#[test]
fn no_text_but_spaces_is_none() {
    let picture = Picture::new(4, 2)
        .with_camera_tag(271, Value::Text("  "))
        .with_camera_tag(272, Value::Text(""))
        .with_camera_tag(274, Value::Shorts(vec![0]));
    let bytes = picture.bytes(&[0; 8]);
    let dng = Dng::parse(&bytes).unwrap();
    let said = dng.description();
    assert_eq!((&said.make, &said.model, said.orientation), (&None, &None, 1));
}
