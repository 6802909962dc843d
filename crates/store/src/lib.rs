//! Where results rest: LAST objects and artifacts, by key.
//!
//! A thin layer over `object_store`: keys are made in one place ([`key`]), files stream in and out,
//! and every failure says which key it was about.

mod digest;
pub mod key;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::AsyncReadExt;

pub use digest::{Digest, sha256};

/// Bytes read or sent at once while a file streams: S3 wants parts of 5 MiB or more.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is stored there.
    #[error("nothing is stored at `{0}`")]
    Missing(String),
    /// The key cannot be one.
    #[error("`{0}` is not a key")]
    Key(String),
    /// The store did not do it; another try may.
    #[error("the store failed at `{key}`: {message}")]
    Failed {
        /// The key.
        key: String,
        /// What it said.
        message: String,
    },
    /// A file on this machine could not be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A place for objects. Cheap to clone; every clone is the same place.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
}

impl Store {
    /// A folder on this machine; made if absent.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be made or is no folder.
    pub fn folder(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(failed)?;
        let folder = path.canonicalize().map_err(failed)?;
        let objects =
            object_store::local::LocalFileSystem::new_with_prefix(&folder).map_err(|e| {
                Error::Failed { key: folder.display().to_string(), message: e.to_string() }
            })?;
        Ok(Self { objects: Arc::new(objects), folder: Some(folder) })
    }

    /// A store in memory, for tests.
    #[must_use]
    pub fn memory() -> Self {
        Self { objects: Arc::new(object_store::memory::InMemory::new()), folder: None }
    }

    /// Where a person finds the object: a path for a folder, else the key.
    #[must_use]
    pub fn locate(&self, key: &str) -> String {
        match &self.folder {
            Some(folder) => folder.join(key).display().to_string(),
            None => key.to_owned(),
        }
    }

    /// Stores `bytes` at `key`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Failed`].
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes> + Send) -> Result<(), Error> {
        let bytes: Bytes = bytes.into();
        self.objects.put(&path(key)?, bytes.into()).await.map_err(|e| failed(key, &e))?;
        Ok(())
    }

    /// Stores the content of a file at `key`, whole or not at all, without holding it in memory.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read, else as [`Store::put`].
    pub async fn put_file(&self, key: &str, file: &Path) -> Result<Digest, Error> {
        let unread = |source| Error::File { path: file.to_owned(), source };
        let target = path(key)?;
        let mut input = tokio::fs::File::open(file).await.map_err(unread)?;
        let mut hash = digest::Hasher::default();
        let upload = self.objects.put_multipart(&target).await.map_err(|e| failed(key, &e))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut part = vec![0; PART_BYTES];
        loop {
            let count = input.read(&mut part).await.map_err(unread)?;
            if count == 0 {
                break;
            }
            hash.update(&part[..count]);
            upload.write(&part[..count]);
            // At most a few parts in flight: memory does not grow with the file.
            upload.wait_for_capacity(2).await.map_err(|e| failed(key, &e))?;
        }
        upload.finish().await.map_err(|e| failed(key, &e))?;
        Ok(hash.finish())
    }

    /// The whole object.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Key`], [`Error::Failed`].
    pub async fn get(&self, key: &str) -> Result<Bytes, Error> {
        let found = self.objects.get(&path(key)?).await.map_err(|e| failed(key, &e))?;
        found.bytes().await.map_err(|e| failed(key, &e))
    }

    /// Gives the object at `from` the key `to`, in place of whatever was there.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Key`], [`Error::Failed`].
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        self.objects.copy(&path(from)?, &path(to)?).await.map_err(|e| failed(from, &e))
    }

    /// Forgets every object whose key begins with the folder `prefix`; none is fine.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Failed`].
    pub async fn forget(&self, prefix: &str) -> Result<(), Error> {
        let mut found = self.objects.list(Some(&path(prefix)?));
        while let Some(object) = found.next().await {
            let object = object.map_err(|e| failed(prefix, &e))?;
            self.objects.delete(&object.location).await.map_err(|e| failed(prefix, &e))?;
        }
        drop(found);
        // Only folders leave something behind when their last object goes.
        if let Some(folder) = &self.folder {
            let _ = tokio::fs::remove_dir_all(folder.join(prefix)).await;
        }
        Ok(())
    }
}

fn path(key: &str) -> Result<object_store::path::Path, Error> {
    object_store::path::Path::parse(key).map_err(|_| Error::Key(key.to_owned()))
}

fn failed(key: &str, error: &object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::Missing(key.to_owned()),
        other => Error::Failed { key: key.to_owned(), message: other.to_string() },
    }
}
