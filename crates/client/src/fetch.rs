//! A LAST out of the store: read, held against its files, or brought into a folder.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use last::{
    ArchiveForm, FileDigest, GZIP_ENDING, LastFile, MANIFEST_FILE, Papers, Problem, SIGNATURE_FILE,
    Verified,
};
use protocol::End;
use sha2::{Digest as _, Sha256};
use store::Store;

/// Files on their way at once.
const AT_ONCE: usize = 4;

/// Why a LAST cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The store's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Something else is stored where the LAST was.
    #[error("`{key}` is not what the run left: its SHA-256 is {found}, not {expected}")]
    Changed {
        /// Its key.
        key: String,
        /// The SHA-256 of what is there.
        found: String,
        /// The SHA-256 that the run's end names.
        expected: String,
    },
    /// It does not read as a LAST.
    #[error("`{key}`: {error}")]
    Unreadable {
        /// Its key.
        key: String,
        /// What is wrong.
        error: last::ReadError,
    },
    /// It cannot be unpacked.
    #[error("`{key}` cannot be unpacked: {error}")]
    Packed {
        /// Its key.
        key: String,
        /// Why.
        error: std::io::Error,
    },
    /// A key in the folder of the LAST that would lead out of the folder here.
    #[error("`{0}` cannot be a file here")]
    Path(String),
    /// A folder here cannot be made.
    #[error("`{}` cannot be made: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A LAST and its bytes.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The text of `last.json`, whether it is stored compressed or not.
    pub bytes: Bytes,
    /// As read.
    pub last: LastFile,
}

/// The folder of a run's LAST in the store, without a slash at its end.
#[must_use]
pub fn folder_of(end: &End) -> &str {
    end.last_key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The LAST that `end` names, which must be the very bytes.
///
/// # Errors
/// [`FetchError`].
pub async fn fetch_last(store: &Store, end: &End) -> Result<Fetched, FetchError> {
    let key = &end.last_key;
    let bytes = store.get(key).await?;
    let found = store::sha256(&bytes);
    if found != end.last_sha256 {
        let expected = end.last_sha256.clone();
        return Err(FetchError::Changed { key: key.clone(), found, expected });
    }
    let bytes = if key.ends_with(GZIP_ENDING) {
        let unpacked = last::gunzip(bytes.into());
        unpacked.map_err(|error| FetchError::Packed { key: key.clone(), error })?.into()
    } else {
        bytes
    };
    let last =
        last::read(&bytes).map_err(|error| FetchError::Unreadable { key: key.clone(), error })?;
    Ok(Fetched { bytes, last })
}

/// Holds the LAST that `end` names against every file it names, where they are, without keeping any.
///
/// # Errors
/// [`FetchError`] when the LAST itself cannot be had; what is wrong with it is inside.
pub async fn verify_stored(
    store: &Store,
    end: &End,
) -> Result<Result<Verified, Vec<Problem>>, FetchError> {
    let Fetched { bytes, last } = fetch_last(store, end).await?;
    drop(last);
    let (store, folder) = (store.clone(), folder_of(end).to_owned());
    let papers = Papers {
        manifest: get_if_there(&store, &format!("{folder}/{MANIFEST_FILE}")).await?,
        signature: get_if_there(&store, &format!("{folder}/{SIGNATURE_FILE}")).await?,
    };
    let runtime = tokio::runtime::Handle::current();
    // The files are asked for one by one, from within a loop that does not wait.
    let verifying = tokio::task::spawn_blocking(move || {
        last::verify_bundle(&bytes, &papers, &mut |path| {
            let digest = runtime.block_on(digest(&store, &format!("{folder}/{path}")));
            digest.map_err(|error| match error {
                store::Error::Missing(_) => "is missing".to_owned(),
                error => format!("cannot be read: {error}"),
            })
        })
    });
    let place = || "last.json".to_owned();
    Ok(verifying
        .await
        .unwrap_or_else(|fault| Err(vec![Problem { place: place(), message: fault.to_string() }])))
}

async fn get_if_there(store: &Store, key: &str) -> Result<Option<Vec<u8>>, FetchError> {
    match store.get(key).await {
        Ok(text) => Ok(Some(text.into())),
        Err(store::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn digest(store: &Store, key: &str) -> Result<FileDigest, store::Error> {
    let mut pieces = store.stream(key).await?;
    let (mut hash, mut size) = (Sha256::new(), 0_u64);
    while let Some(piece) = pieces.try_next().await? {
        size += piece.len() as u64;
        hash.update(&piece);
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileDigest { size, sha256 })
}

/// Brings everything in the folder of the LAST that `end` names into `folder`, which is made, but
/// the archives, which hold the same once more; returns how many files that were. `last.json` comes
/// last: where it is, the others are.
///
/// # Errors
/// [`FetchError`]; what was brought until then stays.
pub async fn fetch_all(store: &Store, end: &End, folder: &Path) -> Result<usize, FetchError> {
    let from = folder_of(end);
    let mut count = 0;
    let files = store.list(from)?.map_err(FetchError::from).try_filter_map(|entry| {
        let inside = entry.key.strip_prefix(from).unwrap_or_default();
        let is_archive =
            ArchiveForm::ALL.iter().any(|form| inside.strip_prefix('/') == Some(form.file_name()));
        let is_file = entry.key != end.last_key && !is_archive;
        std::future::ready(Ok(is_file.then_some(entry.key)))
    });
    let files: Vec<String> = files.try_collect().await?;
    let bring = |key: String| async move {
        let file = place(folder, from, &key)?;
        let parent = file.parent().unwrap_or(folder);
        tokio::fs::create_dir_all(parent)
            .await
            .map_err(|source| FetchError::Folder { path: parent.to_owned(), source })?;
        store.get_to_file(&key, &file).await.map_err(FetchError::from)
    };
    let mut brought = stream::iter(files.into_iter().map(bring)).buffer_unordered(AT_ONCE);
    while brought.try_next().await?.is_some() {
        count += 1;
    }
    drop(brought);
    bring(end.last_key.clone()).await?;
    Ok(count + 1)
}

/// Where the object at `key` goes.
fn place(folder: &Path, from: &str, key: &str) -> Result<PathBuf, FetchError> {
    let inside = key.strip_prefix(from).and_then(|rest| rest.strip_prefix('/'));
    let inside = inside.filter(|path| {
        let mut parts = Path::new(path).components();
        !path.contains('\\') && parts.all(|part| matches!(part, Component::Normal(_)))
    });
    inside.map(|path| folder.join(path)).ok_or_else(|| FetchError::Path(key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_the_folder() {
        for (key, expected) in [
            ("a/run/last.json", Some("out/last.json")),
            ("a/run/artifacts/000001-t/x.txt", Some("out/artifacts/000001-t/x.txt")),
            ("a/run/../x", None),
            ("a/run//etc/passwd", None),
            ("a/run/..\\x", None),
            ("a/runner/last.json", None),
            ("b/last.json", None),
        ] {
            let placed = place(Path::new("out"), "a/run", key).ok();
            assert_eq!(placed.as_deref(), expected.map(Path::new), "{key}");
        }
    }
}
