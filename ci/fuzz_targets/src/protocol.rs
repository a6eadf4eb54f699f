//! What comes over the owner's socket, on either side of it.

use latent_pipeline::protocol::{read_answers, read_request};

pub(crate) fn run(data: &[u8]) {
    let Some((&side, rest)) = data.split_first() else { return };
    if side % 2 == 0 {
        match read_request(rest).expect("memory does not fail to be read") {
            Ok(request) => {
                let again = serde_json::to_vec(&request).expect("a request is JSON");
                assert_eq!(read_request(&*again).expect("memory").ok(), Some(request));
            }
            Err(refusal) => assert!(!refusal.message.is_empty() && refusal.kind == "bad_input"),
        }
    } else {
        let mut events = 0;
        let outcome = read_answers(rest, |event| {
            events += 1;
            assert!(serde_json::to_string(&event).is_ok_and(|line| !line.contains('\n')));
        });
        let lines = rest.split(|byte| *byte == b'\n').count();
        assert!(events <= lines, "{events} events in {lines} lines, then {outcome:?}");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let request = r#"{"camera":"virtual:size=64x48","count":2,"burst":8,"develop":true}"#;
    let id = "01900000-0000-7000-8000-000000000001";
    let asset = format!(
        r#""asset_id":"{id}","path":"/p/IMG_1.jpg","generation":1,"quality":"low","state":"pending""#
    );
    let stages = r#""stages":{"wait_us":1,"isp_us":1,"jpeg_us":1,"write_us":1,"sync_file_us":1,"publish_us":1,"sync_folder_us":1,"commit_us":1}"#;
    let event = |name: &str, fields: &str| {
        format!("{{\"event\":{{\"event\":\"{name}\",\"capture_id\":1,\"t_us\":-5{fields}}}}}\n")
    };
    let answers = [
        "{\"accepted\":true}\n".to_owned(),
        event("captureStart", ",\"estimated_ms\":5"),
        event("captureReady", ""),
        event("photoAssetAvailable", &format!(",{asset},{stages}")),
        event("captureFailed", ",\"kind\":\"device\",\"message\":\"gone\""),
    ]
    .concat();
    let end = r#"{"done":{"developed":1,"fallbacks":0,"postponed":["later"]}}"#;
    let error = r#"{"error":{"kind":"busy","message":"no","hint":"wait"}}"#;
    vec![
        [&[0], request.as_bytes()].concat(),
        [&[1], answers.as_bytes(), end.as_bytes()].concat(),
        [&[1], answers.as_bytes(), error.as_bytes()].concat(),
    ]
}
