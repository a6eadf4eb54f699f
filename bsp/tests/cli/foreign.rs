//! Other programs between the phases: what they did stands, and nothing of anybody's is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::program::{assets, decoded, develop, pending_photo};
use crate::skip::skip;

fn only(library: &Path) -> Value {
    let listed = assets(library);
    assert_eq!(listed.len(), 1, "{listed:#?}");
    listed[0].clone()
}

/// The pictures in the library's folder, our private one aside.
fn pictures(library: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(library)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".latent")
        .collect();
    names.sort();
    names
}

#[test]
fn an_edited_picture_stays_and_the_full_one_goes_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let mut edited = fs::read(&path).unwrap();
    edited.extend_from_slice(b"edited by somebody");
    fs::write(&path, &edited).unwrap();
    develop(folder.path());
    assert_eq!(fs::read(&path).unwrap(), edited);
    let asset = only(folder.path());
    assert_eq!((&asset["state"], &asset["quality"]), (&"final-fallback".into(), &"low".into()));
    let beside = Path::new(asset["beside"].as_str().unwrap());
    assert_eq!(decoded(beside), (320, 240));
    assert!(asset["reason"].as_str().unwrap().contains("changed"));
    assert_eq!(pictures(folder.path()).len(), 2);
}

#[test]
fn a_picture_edited_by_an_atomic_rename_stays_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let new = folder.path().join("editor.tmp");
    // Same length, so that only the content tells.
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&new, &bytes).unwrap();
    fs::rename(&new, &path).unwrap();
    develop(folder.path());
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(only(folder.path())["beside"].is_string());
}

#[test]
fn a_removed_picture_stays_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    fs::remove_file(&path).unwrap();
    develop(folder.path());
    assert_eq!(pictures(folder.path()), Vec::<String>::new());
    let asset = only(folder.path());
    assert_eq!(asset["state"], "final-fallback");
    assert!(asset["reason"].as_str().unwrap().contains("removed"));
    assert_eq!(
        fs::read_dir(folder.path().join(".latent/spool")).unwrap().count(),
        1,
        "its raw burst is kept"
    );
}

#[test]
fn a_moved_picture_stays_where_it_is_and_the_full_one_goes_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let low = fs::read(&path).unwrap();
    let album = folder.path().join("album");
    fs::create_dir(&album).unwrap();
    let moved = album.join("best.jpg");
    fs::rename(&path, &moved).unwrap();
    develop(folder.path());
    assert!(!path.exists());
    assert_eq!(fs::read(&moved).unwrap(), low);
    assert_eq!(decoded(&album.join("best_full.jpg")), (320, 240));
}

#[test]
fn something_else_in_the_pictures_place_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let low = fs::read(&path).unwrap();
    let elsewhere = folder.path().join("original.jpg");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    develop(folder.path());
    assert!(path.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read(&elsewhere).unwrap(), low);
}

#[test]
fn copies_are_not_taken_for_the_photo() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    let low = fs::read(&path).unwrap();
    // A name such as ours, and one that a person chose.
    let copies = [folder.path().join("IMG_20200101_000000.jpg"), folder.path().join("copy.jpg")];
    for copy in &copies {
        fs::copy(&path, copy).unwrap();
    }
    develop(folder.path());
    for copy in &copies {
        assert_eq!(fs::read(copy).unwrap(), low);
    }
    assert_eq!(decoded(&path), (320, 240));
    assert_eq!(only(folder.path())["state"], "final");
}

#[test]
fn a_picture_of_another_library_is_not_adopted() {
    let (mine, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let foreign = pending_photo(other.path());
    pending_photo(mine.path());
    let copied = mine.path().join("IMG_20200101_000000.jpg");
    fs::copy(&foreign, &copied).unwrap();
    develop(mine.path());
    assert_eq!(assets(mine.path()).len(), 1);
    assert_eq!(fs::read(&copied).unwrap(), fs::read(&foreign).unwrap());
}

#[test]
fn mode_and_attributes_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = pending_photo(folder.path());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let has_attributes = xattr::set(&path, "user.rating", b"5").is_ok();
    develop(folder.path());
    assert_eq!(decoded(&path), (320, 240));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    if has_attributes {
        assert_eq!(xattr::get(&path, "user.rating").unwrap().as_deref(), Some(&b"5"[..]));
    } else {
        skip("extended attributes: this file system has none");
    }
}

#[test]
fn files_of_others_survive_recovery() {
    let folder = tempfile::tempdir().unwrap();
    pending_photo(folder.path());
    let theirs =
        ["notes.txt", ".hidden", ".x.latent-tmp", "IMG_20200101_000000.jpg", "a.latent-swap", ".latent/mine"];
    for name in theirs {
        fs::write(folder.path().join(name), name).unwrap();
    }
    develop(folder.path());
    for name in theirs {
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), name);
    }
}
