//! What an attempt leaves: its output, and the files that the output names.
//!
//! `output.files` is a list of paths inside the scratch folder; `output.text` becomes a file of its
//! own. A file that is not there, or not there to be had, is reported with the verdict: the rest of
//! the work is not lost for it.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use alt::Json;
use futures::stream::{self, StreamExt, TryStreamExt};
use protocol::{ArtifactRecord, Body, MissingFile, Offer, limits, media_type};
use serde::Deserialize;
use store::{Store, key};

use crate::report::{Kept, Report};

/// The artifact that `output.text` becomes.
const TEXT_NAME: &str = "output.txt";

/// The two fields of an output that mean something to us; an output may have any shape.
#[derive(Debug, Default, Deserialize)]
struct Named {
    #[serde(default)]
    files: serde_json::Value,
    #[serde(default)]
    text: serde_json::Value,
}

/// Stores the output and its files; the report is `Ok` unless that fails.
/// `uploads` of them are on their way at once.
pub(crate) async fn keep(
    store: &Store,
    uploads: usize,
    offer: &Offer,
    scratch: &Path,
    output: Json,
) -> Report {
    let size = output.text().len();
    if size > limits::OUTPUT_BYTES {
        let most = limits::OUTPUT_BYTES;
        let message = format!("an output of {size} bytes; at most {most} are kept: use a file");
        return Report::failed(message, false);
    }
    let folder = key::attempt_folder(&offer.run.to_string(), offer.task.0, offer.attempt.get());
    match keep_all(store, uploads, &folder, scratch, output).await {
        Ok(kept) => Report::Ok(kept),
        Err(error) => Report::failed(format!("the output could not be stored: {error}"), true),
    }
}

async fn keep_all(
    store: &Store,
    uploads: usize,
    folder: &str,
    scratch: &Path,
    output: Json,
) -> Result<Kept, store::Error> {
    // Most outputs name no file; parsing them for that alone would be waste.
    let text = output.text();
    let names_any = text.contains("\"files\"") || text.contains("\"text\"");
    let named: Named = names_any.then(|| output.read().ok()).flatten().unwrap_or_default();
    let mut shelf = Shelf::default();
    if let serde_json::Value::Array(files) = &named.files {
        files.iter().for_each(|file| shelf.name(scratch, file));
    }
    if let serde_json::Value::String(text) = &named.text
        && !text.trim().is_empty()
        && shelf.take(TEXT_NAME).is_ok()
    {
        shelf.named.push((TEXT_NAME.to_owned(), Content::Text(text.clone())));
    }
    let Shelf { named, missing, .. } = shelf;
    let uploading = named.into_iter().enumerate().map(|(number, (name, content))| {
        // Numbered, so that no name is ever a key.
        let key = format!("{folder}/{number}");
        async move { upload(store, key, name, content).await }
    });
    let uploading: Vec<_> = uploading.collect();
    let mut records = Vec::new();
    // Most outputs name none, and to make ready for some costs as much as to decode an offer.
    if !uploading.is_empty() {
        records = stream::iter(uploading).buffered(uploads.max(1)).try_collect().await?;
    }
    let output = if output.text().len() > limits::INLINE_OUTPUT_BYTES {
        let key = format!("{folder}/output");
        let text = output.text().to_owned();
        let (size, sha256) = (text.len() as u64, store::sha256(text.as_bytes()));
        store.put(&key, text).await?;
        Body::Stored { key, size, sha256 }
    } else {
        Body::Inline(output)
    };
    Ok(Kept { output, artifacts: records, missing })
}

/// Stores an artifact, to be served as what its name promises.
async fn upload(
    store: &Store,
    key: String,
    name: String,
    content: Content,
) -> Result<ArtifactRecord, store::Error> {
    let media = media_type(&name);
    let (size, sha256) = match content {
        Content::File(path) => {
            let digest = store.put_file_typed(&key, &path, media).await?;
            (digest.size, digest.sha256)
        }
        Content::Text(text) => {
            let told = (text.len() as u64, store::sha256(text.as_bytes()));
            store.put_typed(&key, text, media).await?;
            told
        }
    };
    Ok(ArtifactRecord { name, key, size, sha256 })
}

/// What becomes an artifact.
enum Content {
    File(PathBuf),
    Text(String),
}

/// The artifacts of one attempt, named and to be stored.
#[derive(Default)]
struct Shelf {
    named: Vec<(String, Content)>,
    missing: Vec<MissingFile>,
    /// In lower case: some file systems hold `a` and `A` for one name.
    taken: BTreeSet<String>,
}

impl Shelf {
    fn take(&mut self, name: &str) -> Result<(), &'static str> {
        if self.named.len() >= limits::ARTIFACTS {
            return Err("too many files");
        }
        if self.taken.insert(name.to_lowercase()) { Ok(()) } else { Err("the name is taken") }
    }

    fn name(&mut self, scratch: &Path, named: &serde_json::Value) {
        let Some(named) = named.as_str() else {
            self.miss(named.to_string(), "not a path");
            return;
        };
        match locate(scratch, named) {
            Err(reason) => self.miss(named.to_owned(), reason),
            Ok((name, path)) => match self.take(&name) {
                Err(reason) => self.miss(named.to_owned(), reason),
                Ok(()) => self.named.push((name, Content::File(path))),
            },
        }
    }

    fn miss(&mut self, path: String, reason: &str) {
        // Bounded with the artifacts: a list of a million bad names says no more than one of these.
        if self.missing.len() < limits::ARTIFACTS {
            let end = path.floor_char_boundary(path.len().min(limits::ARTIFACT_NAME_BYTES));
            let path = path[..end].to_owned();
            self.missing.push(MissingFile { path, reason: reason.to_owned() });
        }
    }
}

/// The artifact's name and the real file behind `named`, if that is a plain file of the scratch
/// folder and nothing else.
fn locate(scratch: &Path, named: &str) -> Result<(String, PathBuf), &'static str> {
    const OUTSIDE: &str = "outside the scratch folder";
    if named.contains(['\0', '\\']) || named.chars().any(char::is_control) {
        return Err("not a portable name");
    }
    let path = Path::new(named);
    // A job may name its files absolutely: it was told where its scratch folder is.
    let path =
        if path.is_absolute() { path.strip_prefix(scratch).map_err(|_| OUTSIDE)? } else { path };
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().ok_or("not a portable name")?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(OUTSIDE);
            }
        }
    }
    if parts.is_empty() {
        return Err("not a file");
    }
    if parts.iter().any(|part| part.len() > limits::ARTIFACT_NAME_BYTES || part.contains(':')) {
        return Err("not a portable name");
    }
    let root = scratch.canonicalize().map_err(|_| "not found")?;
    // Symbolic links resolved: what counts is where the bytes are.
    let real = root.join(path).canonicalize().map_err(|_| "not found")?;
    if !real.starts_with(&root) {
        return Err(OUTSIDE);
    }
    let facts = real.metadata().map_err(|_| "not found")?;
    if !facts.is_file() {
        return Err("not a regular file");
    }
    if has_other_names(&facts) {
        return Err("a hard link: it may belong to somebody else");
    }
    Ok((parts.join("/"), real))
}

#[cfg(unix)]
fn has_other_names(facts: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(facts) > 1
}

#[cfg(not(unix))]
const fn has_other_names(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_the_scratch_folder_are_kept() {
        let outside = tempfile::tempdir().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::fs::create_dir(root.join("sub")).unwrap();
        for name in ["plain", "sub/deep", "twin"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        std::fs::hard_link(root.join("twin"), root.join("twin2")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("away")).unwrap();
        std::os::unix::fs::symlink(root.join("plain"), root.join("inner")).unwrap();
        let absolute = root.join("plain").display().to_string();
        let cases: &[(&str, Result<&str, &str>)] = &[
            ("plain", Ok("plain")),
            ("./plain", Ok("plain")),
            ("sub/deep", Ok("sub/deep")),
            ("inner", Ok("inner")),
            (&absolute, Ok("plain")),
            ("absent", Err("not found")),
            ("../x", Err("outside the scratch folder")),
            ("sub/../../x", Err("outside the scratch folder")),
            ("/etc/passwd", Err("outside the scratch folder")),
            ("link", Err("outside the scratch folder")),
            ("away/secret", Err("outside the scratch folder")),
            ("sub", Err("not a regular file")),
            ("twin", Err("a hard link: it may belong to somebody else")),
            ("", Err("not a file")),
            (".", Err("not a file")),
            ("a\\..\\b", Err("not a portable name")),
            ("C:x", Err("not a portable name")),
            ("a\nb", Err("not a portable name")),
        ];
        for (named, expected) in cases {
            let found = locate(root, named).map(|(name, _)| name);
            assert_eq!(found.as_deref(), expected.as_deref(), "{named}");
        }
    }
}
