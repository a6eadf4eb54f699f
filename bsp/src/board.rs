//! A board's file: what is known of the cameras of a board. So far, which way leads from a sensor to its node, which test
//! picture they show, and which conformance checks fail there, and why.

use std::ops::Range;
use std::path::Path;

use latent_hal::conformance::{Expected, TestPicture};
use latent_hal::media::Wish;
use serde::Deserialize;
use toml::Spanned;

use crate::exit::Failure;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BoardFile {
    scene: Option<Spanned<String>>,
    #[serde(default)]
    camera: Vec<CameraEntry>,
    #[serde(default)]
    expected_fail: Vec<ExpectedFail>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CameraEntry {
    id: Spanned<String>,
    media: MediaEntry,
    sensor: SensorEntry,
    #[serde(default)]
    path: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaEntry {
    driver: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SensorEntry {
    entity: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFail {
    check: Spanned<String>,
    reason: String,
    link: Option<String>,
}

/// A camera of several parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoardCamera {
    /// Its name on this board.
    pub(crate) id: String,
    /// The driver of its media device.
    pub(crate) driver: String,
    /// Its sensor, and the parts that pictures may pass.
    pub(crate) wish: Wish,
}

/// What a board's file says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Board {
    /// The picture that its camera shows while it is tested.
    pub(crate) scene: Option<TestPicture>,
    /// Its cameras of several parts.
    pub(crate) cameras: Vec<BoardCamera>,
    /// The failures that it expects.
    pub(crate) expected: Vec<Expected>,
}

/// Reads a board's file.
pub(crate) fn read(path: &Path) -> Result<Board, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    parse(&text).map_err(|(place, message)| {
        let (line, column) = position(&text, place.start);
        Failure::usage(format!("{}:{line}:{column}: {message}", path.display()))
    })
}

fn parse(text: &str) -> Result<Board, (Range<usize>, String)> {
    let file: BoardFile = toml::from_str(text)
        .map_err(|error| (error.span().unwrap_or_default(), error.message().to_owned()))?;
    let scene =
        file.scene.map(|scene| scene.get_ref().parse().map_err(|error| (scene.span(), format!("{error}"))));
    let scene = scene.transpose()?;
    let mut cameras: Vec<BoardCamera> = Vec::with_capacity(file.camera.len());
    for CameraEntry { id, media, sensor, path } in file.camera {
        let place = id.span();
        let id = id.into_inner();
        if id.is_empty() || id.contains([':', '/']) {
            return Err((place, format!("`{id}` is no camera's id: it is empty, or has a colon or slash")));
        }
        if cameras.iter().any(|known| known.id == id) {
            return Err((place, format!("camera `{id}` stands twice")));
        }
        let wish = Wish { sensor: sensor.entity, allowed: path };
        cameras.push(BoardCamera { id, driver: media.driver, wish });
    }
    let mut expected = Vec::with_capacity(file.expected_fail.len());
    for ExpectedFail { check, reason, link } in file.expected_fail {
        let place = check.span();
        expected.push(Expected { check: check.into_inner(), reason, link });
        Expected::check_all(&expected).map_err(|error| (place, error.to_string()))?;
    }
    Ok(Board { scene, cameras, expected })
}

/// Line and column of a byte, both from 1; columns count characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use latent_hal::kernel::Entity;
    use latent_hal::media::graph::VIDEO_NODE;
    use latent_hal::media::path::matches;
    use latent_hal::media::{find, listing};

    use super::*;

    fn refused(text: &str) -> (usize, usize, String) {
        let (place, message) = parse(text).unwrap_err();
        let (line, column) = position(text, place.start);
        (line, column, message)
    }

    #[test]
    fn failures_are_read_with_reason_and_link() {
        let id = latent_hal::conformance::all()[0].id;
        let text =
            format!("[[expected-fail]]\ncheck = \"{id}\"\nreason = \"known\"\nlink = \"https://a.org\"\n");
        let link = Some("https://a.org".to_owned());
        assert_eq!(
            parse(&text).unwrap().expected,
            vec![Expected { check: id.to_owned(), reason: "known".to_owned(), link }]
        );
        assert_eq!(parse(""), Ok(Board::default()));
    }

    #[test]
    fn the_picture_that_a_camera_shows_is_read_and_others_are_refused_with_those_that_there_are() {
        assert_eq!(parse("scene = \"bars-and-ramp\"\n").unwrap().scene, Some(TestPicture::BarsAndRamp));
        let (line, column, message) = refused("# a chart\nscene = \"chart\"\n");
        assert_eq!((line, column), (2, 9));
        assert!(message.contains("chart") && message.contains("bars-and-ramp"), "{message}");
    }

    #[test]
    fn the_boards_of_this_project_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        assert!(files.map(|file| read(&file).unwrap()).any(|board| board.scene.is_some()));
    }

    #[test]
    fn cameras_of_several_parts_are_read() {
        let text = "[[camera]]\nid = \"rear\"\nmedia = { driver = \"rkisp1\" }\nsensor = { entity = \"imx258 *\" }\n";
        let wish = |allowed: &[&str]| Wish {
            sensor: "imx258 *".to_owned(),
            allowed: allowed.iter().map(|&name| name.to_owned()).collect(),
        };
        let camera = |wish| BoardCamera { id: "rear".to_owned(), driver: "rkisp1".to_owned(), wish };
        assert_eq!(parse(text).unwrap().cameras, [camera(wish(&[]))]);
        let restricted = format!("{text}path = [\"rkisp1_*\"]\n");
        assert_eq!(parse(&restricted).unwrap().cameras, [camera(wish(&["rkisp1_*"]))]);
        assert_eq!(refused(&format!("{text}{text}")).0, 6);
        assert!(refused(&text.replace("rear", "a:b")).2.contains("colon"));
        assert!(refused("[[camera]]\nid = \"rear\"\n").2.contains("media"));
    }

    /// What can be known of a video node without opening it.
    fn takes_pictures(entity: &Entity) -> bool {
        let others = ["stats", "params", "embedded", "config"];
        entity.function == VIDEO_NODE && !others.iter().any(|word| entity.name.contains(word))
    }

    #[test]
    fn every_board_finds_its_cameras_in_the_graph_of_its_media_device() {
        let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
        let graphs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hal/src/media/graphs");
        for (file, graph, ways) in [
            (
                "rockchip-rk3399",
                "rkisp1",
                &["ov4689 1-0036 > rkisp1_csi > rkisp1_isp > rkisp1_resizer_mainpath > rkisp1_mainpath"][..],
            ),
            ("raspberry-pi-5", "rp1-cfe", &["imx219 6-0010 > csi2 > rp1-cfe-csi2_ch0"]),
            ("raspberry-pi-4", "unicam", &["imx219 10-0010 > unicam-image"]),
            (
                "nxp-imx8mp",
                "imx8-isi",
                &["imx219 1-0010 > csis-32e40000.csi > crossbar > mxc_isi.0 > mxc_isi.0.capture"],
            ),
            ("pine64-a64", "sun6i-csi", &["ov5640 3-004c > sun6i-csi-bridge > sun6i-csi-capture"]),
            (
                "qualcomm-sdm845",
                "qcom-camss",
                &["imx363 16-0010 > msm_csiphy0 > msm_csid0 > msm_vfe0_rdi0 > msm_vfe0_video0"],
            ),
            (
                "st-stm32mp25",
                "dcmipp",
                &["imx335 0-001a > 48020000.csi > dcmipp_input > dcmipp_dump_postproc > dcmipp_dump_capture"],
            ),
            (
                "ti-am62a",
                "j721e-csi2rx",
                &[
                    "imx219 4-0010 > cdns_csi2rx.30101000.csi-bridge > 30102000.ticsi2rx > 30102000.ticsi2rx context 0",
                ],
            ),
            (
                "vimc",
                "vimc",
                &["Sensor A > Raw Capture 0", "Sensor B > Debayer B > Scaler > RGB/YUV Capture"],
            ),
        ] {
            let board = read(&boards.join(file).with_extension("toml")).unwrap();
            let text = std::fs::read_to_string(graphs.join(graph).with_extension("txt")).unwrap();
            let graph = listing::parse(&text).unwrap();
            let found: Vec<String> = board
                .cameras
                .iter()
                .map(|camera| {
                    let is_its = |sensor: &&Entity| matches(&camera.wish.sensor, &sensor.name);
                    let sensor = graph.sensors().find(is_its).unwrap_or_else(|| panic!("{file}: no sensor"));
                    let allowed: Vec<&str> = camera.wish.allowed.iter().map(String::as_str).collect();
                    let way = find(&graph, sensor.id, &allowed, takes_pictures);
                    way.unwrap_or_else(|| panic!("{file}: no way")).names(&graph).join(" > ")
                })
                .collect();
            assert_eq!(found, ways, "{file}");
        }
    }

    #[test]
    fn what_cannot_stand_is_refused_where_it_stands() {
        let (line, column, message) =
            refused("\n[[expected-fail]]\ncheck = \"no.such.check\"\nreason = \"x\"\n");
        assert_eq!((line, column), (3, 9));
        assert!(message.contains("no.such.check"), "{message}");
        let (line, _, message) = refused("[[expected-fail]]\ncheck = \"a\"\nwhy = \"x\"\n");
        assert_eq!(line, 3);
        assert!(message.contains("why"), "{message}");
        assert_eq!(refused("[sensor]\n").0, 1);
        assert_eq!(refused("# é\n[[expected-fail]\n").0, 2);
        assert!(refused("[[expected-fail]]\ncheck = \"a.b.c\"\n").2.contains("reason"));
    }
}
