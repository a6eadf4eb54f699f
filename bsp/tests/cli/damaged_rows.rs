//! Rows that make no sense: they are named, they hold up nobody, and nothing that they may be of is touched.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{CAMERA, assets, decoded, error, pending_photo, run};

/// What somebody did to a row, the column that is named for it, and whether the photo's own row is still good.
const DAMAGES: &[(&str, &str, bool)] = &[
    ("UPDATE asset SET shot = '{'", "shot", false),
    ("UPDATE asset SET capture_id = -1", "capture_id", false),
    ("UPDATE asset SET quality = 'best'", "quality", false),
    ("UPDATE asset SET shot = CAST(x'ff00fe' AS TEXT)", "shot", false),
    ("UPDATE job SET tier = 'dearest'", "tier", true),
];

fn listed(library: &Path) -> Value {
    let output = run(library, &["library", "ls", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_damaged_row_is_named_and_everything_else_works() {
    for &(damage, column, has_photo) in DAMAGES {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path();
        let (damaged, good) = (pending_photo(library), pending_photo(library));
        let id = assets(library)
            .iter()
            .find(|asset| asset["path"] == damaged.to_str().unwrap())
            .unwrap()["asset_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let database = rusqlite::Connection::open(library.join(".latent/library.db")).unwrap();
        // As a writer that knows no rules.
        database.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
        database.execute(&format!("{damage} WHERE asset_id = ?1"), [&id]).unwrap();
        drop(database);
        let (picture, raw) = (fs::read(&damaged).unwrap(), library.join(format!(".latent/spool/{id}.raw")));
        let burst = fs::read(&raw).unwrap();

        let list = listed(library);
        let entry = &list["damaged"][0];
        assert_eq!(
            (&entry["entry"], list["damaged"].as_array().unwrap().len()),
            (&id.as_str().into(), 1),
            "{damage}"
        );
        assert!(entry["what"].as_str().unwrap().contains(column), "{damage}: {entry}");
        assert_eq!(list["assets"].as_array().unwrap().len(), if has_photo { 2 } else { 1 }, "{damage}");
        let text = run(library, &["library", "ls"]);
        let text = String::from_utf8(text.stdout).unwrap();
        assert!(text.contains(&id) && text.contains("damaged"), "{damage}: {text}");

        // The others are developed, and new ones taken.
        let output = run(library, &["jobs", "run", "--until-empty", "--json"]);
        assert!(output.status.code().is_some_and(|code| code < 2), "{damage}: {output:?}");
        assert_eq!(decoded(&good), (320, 240), "{damage}");
        let taken = run(library, &["shoot", "--json", "--burst", "1", "--camera", CAMERA]);
        assert!(taken.status.success(), "{damage}: {}", String::from_utf8_lossy(&taken.stderr));
        let list = listed(library);
        assert_eq!(list["damaged"][0]["entry"], id.as_str(), "{damage}");
        let full = list["assets"].as_array().unwrap().iter().filter(|asset| asset["quality"] == "full");
        assert_eq!(full.count(), 2, "{damage}: {list:#}");

        assert_eq!(fs::read(&damaged).unwrap(), picture, "{damage}: its picture is untouched");
        assert_eq!(fs::read(&raw).unwrap(), burst, "{damage}: its burst is untouched");
        if !has_photo {
            let shown = run(library, &["library", "show", "--json", &id]);
            assert_eq!(shown.status.code(), Some(1), "{damage}");
            let message = error(&shown)["message"].to_string();
            assert!(message.contains("damaged entry") && message.contains(&id), "{damage}: {message}");
        }
    }
}
