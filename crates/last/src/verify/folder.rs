//! Files in a folder on this machine, and nowhere else.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::FileDigest;

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
