//! What a bundle holds, file by file: the `manifest.json` beside a LAST and in its archive.

use std::collections::BTreeSet;
use std::io;

use protocol::RunId;
use serde::{Deserialize, Serialize};

use crate::FileDigest;
use crate::path::stay_inside;
use crate::sheet::Sheet;

/// The name of the manifest in a bundle.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The version of the format.
const VERSION: &str = "1.0";

/// Every file of a bundle but the manifest itself, its signature and the archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: String,
    /// The run's id.
    pub execution_id: String,
    /// The files, in the order of the archive: `last.json` first.
    pub files: Vec<ManifestFile>,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// From the folder of the LAST.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex SHA-256.
    pub sha256: String,
}

/// Why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, or not of the shape.
    #[error("is not a manifest: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is of another version of the format.
    #[error("is of version `{0}`; this Runner reads version `{VERSION}`")]
    Version(String),
    /// A path leads out of the bundle.
    #[error("{0}")]
    Path(String),
    /// Two files have one path.
    #[error("`{0}` is named twice")]
    Twice(String),
    /// The result is not among the files.
    #[error("`{LAST}` is not named first")]
    NoLast,
}

/// The result's name in a manifest, compressed or not.
const LAST: &str = "last.json";

impl Manifest {
    /// A manifest of these files of `run`, `last.json` first.
    #[must_use]
    pub fn new(run: RunId, files: impl IntoIterator<Item = (String, FileDigest)>) -> Self {
        let files = files.into_iter().map(|(path, FileDigest { size, sha256 })| ManifestFile {
            path,
            size,
            sha256,
        });
        let (version, execution_id) = (VERSION.to_owned(), run.to_string());
        Self { version, execution_id, files: files.collect() }
    }

    /// The text of `manifest.json`, a file on each line. The same files make the same bytes.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing to memory cannot fail, and its fields are JSON whatever they say.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut Vec<u8>) -> io::Result<()> {
        let mut sheet = Sheet::new(text);
        sheet.field("version", &self.version)?;
        sheet.field("execution_id", &self.execution_id)?;
        sheet.open("files", '[')?;
        for file in &self.files {
            sheet.element(file)?;
        }
        sheet.close(']')?;
        sheet.finish().map(drop)
    }

    /// Reads `bytes`, the whole of a `manifest.json`: each path stays inside the bundle and is named
    /// once.
    ///
    /// # Errors
    /// [`ManifestError`], which ends a sentence that begins with the name of the file.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        if manifest.version != VERSION {
            return Err(ManifestError::Version(manifest.version));
        }
        let mut seen = BTreeSet::new();
        for file in &manifest.files {
            stay_inside(&file.path).map_err(ManifestError::Path)?;
            if !seen.insert(file.path.as_str()) {
                return Err(ManifestError::Twice(file.path.clone()));
            }
        }
        if manifest.files.first().is_none_or(|first| first.path != LAST) {
            return Err(ManifestError::NoLast);
        }
        Ok(manifest)
    }
}
