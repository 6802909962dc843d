//! The papers of a bundle: every file that the manifest names, and who signed it.

use std::collections::BTreeSet;

use super::{Fetch, Problems};
use crate::model::LastFile;
use crate::sheet::sha256;
use crate::{FileDigest, MANIFEST_FILE, Manifest, PublicKey, SIGNATURE_FILE};

/// What lies beside a LAST to vouch for the whole bundle, as far as it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Papers {
    /// The text of `manifest.json`.
    pub manifest: Option<Vec<u8>>,
    /// The text of `manifest.sig`.
    pub signature: Option<Vec<u8>>,
}

/// What of the papers holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) files: Option<usize>,
    pub(super) signed_by: Option<PublicKey>,
}

/// Holds the papers against the LAST, whose text is `bytes`, and against every file.
pub(super) fn check(
    last: &LastFile,
    bytes: &[u8],
    papers: &Papers,
    fetch: Fetch<'_>,
    problems: &mut Problems,
) -> Held {
    let Some(text) = &papers.manifest else {
        if papers.signature.is_some() {
            problems.add(SIGNATURE_FILE, format!("signs `{MANIFEST_FILE}`, which is missing"));
        }
        return Held::default();
    };
    let signed_by = papers.signature.as_ref().and_then(|signature| {
        let key = PublicKey::of_signature(signature, text);
        key.map_err(|error| problems.add(SIGNATURE_FILE, error.to_string())).ok()
    });
    let manifest = match Manifest::read(text) {
        Ok(manifest) => manifest,
        Err(error) => {
            problems.add(MANIFEST_FILE, error.to_string());
            return Held { files: None, signed_by };
        }
    };
    if manifest.execution_id != last.execution_id {
        let (one, other) = (&manifest.execution_id, &last.execution_id);
        problems.add(MANIFEST_FILE, format!("is of run {one}, `last.json` of run {other}"));
    }
    files(&manifest, bytes, fetch, problems);
    complete(&manifest, last, problems);
    Held { files: Some(manifest.files.len()), signed_by }
}

/// Each file has the size and the SHA-256 that the manifest names.
fn files(manifest: &Manifest, bytes: &[u8], fetch: Fetch<'_>, problems: &mut Problems) {
    for (place, file) in manifest.files.iter().enumerate() {
        let path = &file.path;
        let found = if path == "last.json" {
            Ok(FileDigest { size: bytes.len() as u64, sha256: sha256(bytes) })
        } else {
            fetch(path)
        };
        let message = match found {
            Err(why) => format!("`{path}` {why}"),
            Ok(found) if found.size != file.size => {
                format!("`{path}` has {} bytes, not {}", found.size, file.size)
            }
            Ok(found) if found.sha256 != file.sha256 => {
                format!("`{path}` has the SHA-256 {}, not {}", found.sha256, file.sha256)
            }
            Ok(_) => continue,
        };
        problems.add(format!("{MANIFEST_FILE}/files/{place}"), message);
    }
}

/// The manifest names all that the LAST does: what it leaves out, nobody vouches for.
fn complete(manifest: &Manifest, last: &LastFile, problems: &mut Problems) {
    let named: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let alt_file = last.alt_file.iter().map(|file| file.name.as_str());
    let outputs = last.task_results.iter().filter_map(|task| task.output_ref.as_ref());
    let outputs = outputs.filter(|output| !output.missing).map(|output| output.path.as_str());
    let artifacts = last.artifacts.iter().map(|artifact| artifact.path.as_str());
    for path in alt_file.chain(outputs).chain(artifacts) {
        if !named.contains(path) {
            problems.add(MANIFEST_FILE, format!("does not name `{path}`, which `last.json` does"));
        }
    }
}
