//! Every file a LAST names: inside its folder, of the size and SHA-256 it names.

use std::collections::BTreeSet;

use super::{Problems, pointer};
use crate::FileDigest;
use crate::model::LastFile;
use crate::path::stay_inside;

/// What a LAST says of a file.
struct Claim<'a> {
    place: String,
    path: &'a str,
    size: u64,
    sha256: &'a str,
}

/// Checks them all.
pub(super) fn check(
    last: &LastFile,
    fetch: &mut dyn FnMut(&str) -> Result<FileDigest, String>,
    problems: &mut Problems,
) {
    let alt_file = last.alt_file.iter().map(|file| Claim {
        place: "/alt_file".to_owned(),
        path: &file.name,
        size: file.size,
        sha256: &file.sha256,
    });
    let outputs = last.task_results.iter().filter_map(|task| {
        let output = task.output_ref.as_ref().filter(|output| !output.missing)?;
        let place = format!("/task_results/{}/output_ref", pointer(&task.task_id));
        Some(Claim { place, path: &output.path, size: output.size_bytes, sha256: &output.sha256 })
    });
    let artifacts = last.artifacts.iter().enumerate().map(|(index, artifact)| Claim {
        place: format!("/artifacts/{index}"),
        path: &artifact.path,
        size: artifact.size_bytes,
        sha256: &artifact.sha256,
    });
    let mut seen = BTreeSet::new();
    for claim in alt_file.chain(outputs).chain(artifacts) {
        if !seen.insert(claim.path) {
            problems.add(&claim.place, format!("`{}` is named twice", claim.path));
            continue;
        }
        if let Err(message) = hold(&claim, fetch) {
            problems.add(&claim.place, message);
        }
    }
}

/// Has the file of `claim` fetched.
fn hold(
    claim: &Claim<'_>,
    fetch: &mut dyn FnMut(&str) -> Result<FileDigest, String>,
) -> Result<(), String> {
    let path = claim.path;
    stay_inside(path)?;
    let FileDigest { size, sha256 } = fetch(path).map_err(|why| format!("`{path}` {why}"))?;
    if size != claim.size {
        return Err(format!("`{path}` has {size} bytes, not {}", claim.size));
    }
    if sha256 != claim.sha256 {
        return Err(format!("`{path}` has the SHA-256 {sha256}, not {}", claim.sha256));
    }
    Ok(())
}
