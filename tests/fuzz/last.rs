//! The reader and the verifier of LAST files: an answer for any bytes, and no step out of a folder.

use std::path::{Component, Path};

use last::FileDigest;

/// How many problems are told at most.
const TOLD: usize = 100;

/// Reads `bytes` as a `last.json`, shows it, and holds it against itself and made-up files.
pub fn hold(bytes: &[u8]) {
    let there = FileDigest::read(&b""[..]).expect("memory can be read");
    let mut fetch = |path: &str| {
        let inside = Path::new(path).components().all(|it| matches!(it, Component::Normal(_)));
        assert!(inside && !path.is_empty(), "{path:?} leads elsewhere");
        if path.len().is_multiple_of(2) { Ok(there.clone()) } else { Err("is missing".to_owned()) }
    };
    let verified = last::verify_last(bytes, &mut fetch);
    match last::read(bytes) {
        Ok(read) => {
            is_shown(&last::show(&read));
            let written = serde_json::to_vec(&read).expect("what was read can be written");
            let again = last::read(&written).expect("what was written can be read");
            assert_eq!(again, read);
            if let Ok(verified) = &verified {
                assert_eq!(verified.tasks, read.task_results.len());
            }
        }
        Err(_) => assert!(verified.is_err(), "verified what cannot be read"),
    }
    if let Err(problems) = verified {
        assert!((1..=TOLD).contains(&problems.len()), "{} problems", problems.len());
        for problem in problems {
            is_shown(&problem.to_string());
        }
    }
}

/// Text for a terminal has nothing in it that steers one.
fn is_shown(text: &str) {
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}
