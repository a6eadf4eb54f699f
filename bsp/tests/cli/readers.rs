//! Whoever opens a photo's path, at any moment, reads a whole low or a whole full picture.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::program::{assets, decoded_bytes, develop, events};

#[test]
fn every_read_during_200_replacements_is_a_whole_picture() {
    let folder = tempfile::tempdir().unwrap();
    let shoot = [
        "shoot",
        "--json",
        "--no-wait",
        "--count",
        "200",
        "--burst",
        "1",
        "--camera",
        "virtual:size=96x64,fps=200",
    ];
    events(folder.path(), &shoot);
    let paths: Vec<_> =
        assets(folder.path()).iter().map(|asset| asset["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(paths.len(), 200);

    let (done, reads, fulls) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (paths, done, reads, fulls) = (&paths, &done, &reads, &fulls);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    for path in paths.iter().skip(reader) {
                        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
                        let size = decoded_bytes(&bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
                        assert!(size == (48, 32) || size == (96, 64), "{path}: {size:?}");
                        reads.fetch_add(1, Ordering::Relaxed);
                        if size == (96, 64) {
                            fulls.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        let finals = develop(folder.path()).iter().filter(|event| event["event"] == "photoFinal").count();
        done.store(true, Ordering::Relaxed);
        assert_eq!(finals, 200);
    });
    let (reads, fulls) = (reads.into_inner(), fulls.into_inner());
    assert!(
        reads > 400 && fulls > 0 && fulls < reads,
        "{fulls} full of {reads} reads: too few to tell anything"
    );
    assert!(assets(folder.path()).iter().all(|asset| asset["quality"] == "full"));
}
