//! Every file a LAST names: inside its folder, of the size and SHA-256 it names.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path};

use sha2::Digest as _;

use super::Problems;
use crate::model::LastFile;
use crate::sheet::hex;

/// What a LAST says of a file.
struct Claim<'a> {
    place: String,
    path: &'a str,
    size: u64,
    sha256: &'a str,
}

/// Checks them all; returns the bytes read.
pub(super) fn check(last: &LastFile, folder: &Path, problems: &mut Problems) -> u64 {
    let outputs = last.task_results.iter().filter_map(|task| {
        let output = task.output_ref.as_ref()?;
        let place = format!("/task_results/{}/output_ref", pointer(&task.task_id));
        Some(Claim { place, path: &output.path, size: output.size_bytes, sha256: &output.sha256 })
    });
    let artifacts = last.artifacts.iter().enumerate().map(|(index, artifact)| Claim {
        place: format!("/artifacts/{index}"),
        path: &artifact.path,
        size: artifact.size_bytes,
        sha256: &artifact.sha256,
    });
    let mut read = 0;
    let mut seen = BTreeSet::new();
    for claim in outputs.chain(artifacts) {
        if !seen.insert(claim.path) {
            problems.add(&claim.place, format!("`{}` is named twice", claim.path));
            continue;
        }
        match hold(&claim, folder) {
            Ok(size) => read += size,
            Err(message) => problems.add(&claim.place, message),
        }
    }
    read
}

/// Reads the file of `claim`; returns its size.
fn hold(claim: &Claim<'_>, folder: &Path) -> Result<u64, String> {
    let relative = Path::new(claim.path);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if claim.path.is_empty() || !plain || claim.path.contains('\\') {
        return Err(format!("`{}` is not a relative path inside the folder", claim.path));
    }
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("`{}` is missing", claim.path),
        _ => format!("`{}` cannot be read: {error}", claim.path),
    };
    let path = folder.join(relative).canonicalize().map_err(told)?;
    if !path.starts_with(folder) {
        return Err(format!("`{}` leads out of the folder by a symbolic link", claim.path));
    }
    if !path.is_file() {
        return Err(format!("`{}` is not a file", claim.path));
    }
    let (size, sha256) = digest(&path).map_err(told)?;
    if size != claim.size {
        return Err(format!("`{}` has {size} bytes, not {}", claim.path, claim.size));
    }
    if sha256 != claim.sha256 {
        return Err(format!("`{}` has the SHA-256 {sha256}, not {}", claim.path, claim.sha256));
    }
    Ok(size)
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = sha2::Sha256::default();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, hex(&hash.finalize())));
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
}

/// A key as a part of a JSON pointer.
pub(super) fn pointer(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
