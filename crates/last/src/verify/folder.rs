//! Files in a folder on this machine, and nowhere else.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Papers, Problem};
use crate::{FileDigest, GZIP_ENDING, MANIFEST_FILE, SIGNATURE_FILE};

/// The result in a folder, compressed or not.
pub(super) fn result_in(folder: &Path) -> PathBuf {
    let plain = folder.join("last.json");
    let packed = folder.join(format!("last.json{GZIP_ENDING}"));
    if !plain.exists() && packed.exists() { packed } else { plain }
}

/// The manifest and the signature in `folder`, as far as they are there.
///
/// # Errors
/// What cannot be read.
pub(super) fn papers(folder: &Path) -> Result<Papers, Problem> {
    let read = |name: &str| match std::fs::read(folder.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("cannot be read: {error}");
            Err(Problem { place: name.to_owned(), message })
        }
    };
    Ok(Papers { manifest: read(MANIFEST_FILE)?, signature: read(SIGNATURE_FILE)? })
}

/// The digest of the file at `path` inside `folder`, which is canonical.
///
/// # Errors
/// What is wrong with the file, to be read after its path.
pub(super) fn digest(folder: &Path, path: &str) -> Result<FileDigest, String> {
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let path = folder.join(path).canonicalize().map_err(told)?;
    if !path.starts_with(folder) {
        return Err("leads out of the folder by a symbolic link".to_owned());
    }
    if !path.is_file() {
        return Err("is not a file".to_owned());
    }
    File::open(&path).and_then(FileDigest::read).map_err(told)
}
