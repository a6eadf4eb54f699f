//! What `latent devices` tells, on machines with and without cameras.

use std::process::Command;

use serde_json::Value;

#[test]
fn memory_is_told_on_every_machine_and_cameras_where_there_are_any() {
    let output = Command::new(env!("CARGO_BIN_EXE_latent")).args(["devices", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let memory = document["memory"].as_array().unwrap();
    let memfd = memory.iter().find(|source| source["source"] == "memfd").unwrap();
    assert!(memfd["read_bytes_per_s"].as_u64().unwrap() > 0);
    assert!(!document["chosen"]["source"].is_null());
    for camera in document["cameras"].as_array().unwrap() {
        let modes = camera["modes"].as_array().map_or(0, Vec::len);
        assert!(
            if camera["usable"] == true { modes > 0 } else { camera["reason"].is_string() },
            "{camera:#}"
        );
    }
}

#[test]
fn people_see_the_virtual_camera_too() {
    let output = Command::new(env!("CARGO_BIN_EXE_latent")).arg("devices").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("  virtual") && text.contains("memfd"), "{text}");
}
