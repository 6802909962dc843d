//! Where results rest: LAST objects and artifacts, by key.
//!
//! A thin layer over `object_store`: keys are made in one place ([`key`]), files stream in and out,
//! and every failure says which key it was about. The same calls work on a folder, on a bucket of
//! any S3 server, and in memory.

mod access;
mod content_type;
mod digest;
mod error;
pub mod key;
mod limits;
mod open;
mod place;
mod probe;
mod transfer;
mod turn;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::place::Place;

pub use access::Access;
pub use digest::{Digest, sha256};
pub use error::Error;
pub use open::install_tls;
pub use probe::{Check, ConditionalWrites, Probe};

/// How often a conditional write is tried when others write the same key at that moment.
const CONFLICTS: u32 = 6;
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// A place for objects. Cheap to clone; every clone is the same place.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    place: Arc<Place>,
}

/// Whether a conditional write stored what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It did.
    Stored,
    /// The key had an object before, which stays. It may be one's own, if the answer to an earlier
    /// try was lost.
    Exists,
}

/// An object that a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its size, bytes.
    pub size: u64,
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
        Ok(Self { objects: Arc::new(objects), place: Arc::new(Place::Folder(folder)) })
    }

    /// A store in memory, for tests.
    #[must_use]
    pub fn memory() -> Self {
        let objects = Arc::new(object_store::memory::InMemory::new());
        Self { objects, place: Arc::new(Place::Memory) }
    }

    /// The same place with something between it and its objects, for tests.
    #[cfg(feature = "wrapping")]
    #[must_use]
    pub fn wrapped(self, wrap: impl FnOnce(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>) -> Self {
        Self { objects: wrap(self.objects), place: self.place }
    }

    /// Where a person finds the object: a path for a folder, an `s3://` address for a bucket, else
    /// the key.
    #[must_use]
    pub fn locate(&self, key: &str) -> String {
        match &*self.place {
            Place::Folder(folder) => folder.join(key).display().to_string(),
            Place::Bucket(bucket) => format!("{}/{key}", bucket.url()),
            Place::Memory => key.to_owned(),
        }
    }

    /// Stores `bytes` at `key`, whole or not at all, in place of whatever was there.
    ///
    /// # Errors
    /// [`Error::Key`], and what the store may say: [`Error::Denied`], [`Error::NoBucket`],
    /// [`Error::Unreachable`], [`Error::Failed`].
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes> + Send) -> Result<(), Error> {
        self.put_typed(key, bytes, content_type::of(key)).await
    }

    /// Stores `bytes` at `key`, whole or not at all, unless the key has an object already.
    ///
    /// Not every S3 server keeps the condition (see [`Store::probe`]), and one that refuses it is
    /// asked for a plain write. So this saves work and keeps the first of equal objects; what must
    /// be decided once is decided elsewhere.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub async fn put_new(
        &self,
        key: &str,
        bytes: impl Into<Bytes> + Send,
    ) -> Result<Created, Error> {
        self.put_as(key, bytes.into(), content_type::of(key), PutMode::Create).await
    }

    /// As [`Store::put`]; served as `media` where the store can, also from a copy.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub async fn put_typed(
        &self,
        key: &str,
        bytes: impl Into<Bytes> + Send,
        media: &'static str,
    ) -> Result<(), Error> {
        self.put_as(key, bytes.into(), media, PutMode::Overwrite).await.map(drop)
    }

    async fn put_as(
        &self,
        key: &str,
        bytes: Bytes,
        media: &'static str,
        mode: PutMode,
    ) -> Result<Created, Error> {
        let target = path(key)?;
        let mut mode = match &*self.place {
            Place::Bucket(bucket) if bucket.unconditional.load(Ordering::Relaxed) => {
                PutMode::Overwrite
            }
            _ => mode,
        };
        let mut pause = CONFLICT_PAUSE;
        let mut conflicts = 0;
        loop {
            let options = PutOptions {
                mode: mode.clone(),
                attributes: self.attributes(media),
                ..PutOptions::default()
            };
            let put = self.objects.put_opts(&target, bytes.clone().into(), options);
            let Some(put) = self.in_time(limits::sending(bytes.len()), put).await else {
                return Err(self.silent(key));
            };
            match put {
                Ok(_) => return Ok(Created::Stored),
                Err(error) if mode == PutMode::Create => match refusal(&error) {
                    Refusal::Exists => return Ok(Created::Exists),
                    Refusal::Condition => {
                        if let Place::Bucket(bucket) = &*self.place {
                            bucket.unconditional.store(true, Ordering::Relaxed);
                        }
                        mode = PutMode::Overwrite;
                    }
                    Refusal::Conflict if conflicts < CONFLICTS => {
                        conflicts += 1;
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    Refusal::Conflict | Refusal::Write => return Err(self.failed(key, &error)),
                },
                Err(error) => return Err(self.failed(key, &error)),
            }
        }
    }

    /// The whole object.
    ///
    /// # Errors
    /// [`Error::Missing`], else as [`Store::put`].
    pub async fn get(&self, key: &str) -> Result<Bytes, Error> {
        let (size, mut chunks) = self.open_object(key).await?;
        let Some(first) = chunks.try_next().await? else {
            return Ok(Bytes::new());
        };
        if first.len() as u64 == size {
            return Ok(first);
        }
        let mut whole = BytesMut::from(first);
        while let Some(chunk) = chunks.try_next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The object, piece by piece, for what may be larger than the memory.
    ///
    /// # Errors
    /// [`Error::Missing`], else as [`Store::put`]; the pieces may fail too, and end then.
    pub async fn stream(
        &self,
        key: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        Ok(self.open_object(key).await?.1)
    }

    /// The size of the object, bytes; none when nothing is stored at `key`.
    ///
    /// A bucket that does not exist has nothing stored in it: S3 does not tell the two apart here.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub async fn head(&self, key: &str) -> Result<Option<u64>, Error> {
        let target = path(key)?;
        match self.call(key, limits::ANSWER, self.objects.head(&target)).await {
            Ok(object) => Ok(Some(object.size)),
            Err(Error::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every object whose key begins with the folder `prefix` (all of them for the empty one), in
    /// no certain order, while the store names them page by page.
    ///
    /// # Errors
    /// [`Error::Key`]; the entries may fail as [`Store::put`] does, and end then.
    pub fn list(&self, prefix: &str) -> Result<BoxStream<'static, Result<Entry, Error>>, Error> {
        let found = self.guarded(prefix, self.objects.list(Some(&folder(prefix)?)));
        Ok(found
            .map_ok(|object| Entry { key: object.location.to_string(), size: object.size })
            .boxed())
    }

    /// Gives the object at `from` the key `to`, in place of whatever was there. S3 servers copy up
    /// to 5 GiB.
    ///
    /// # Errors
    /// [`Error::Missing`], else as [`Store::put`].
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        let (from_path, to_path) = (path(from)?, path(to)?);
        self.call(from, limits::COPY, self.objects.copy(&from_path, &to_path)).await
    }

    /// Forgets every object whose key begins with the folder `prefix`; none is fine.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub async fn forget(&self, prefix: &str) -> Result<(), Error> {
        let root = folder(prefix)?;
        let place = match &*self.place {
            Place::Folder(folder) => Some(folder.join(prefix)),
            Place::Bucket(_) | Place::Memory => None,
        };
        // As a rule nothing is there, which is found out at once: here, for one look costs less than
        // to ask another thread for it.
        if let Some(place) = &place
            && matches!(place.try_exists(), Ok(false))
        {
            return Ok(());
        }
        let found = self.objects.list(Some(&root));
        let gone = self.objects.delete_stream(found.map_ok(|object| object.location).boxed());
        let mut gone = self.guarded(
            prefix,
            gone.filter(|gone| {
                // Somebody else was faster, which is fine.
                let there = !matches!(gone, Err(object_store::Error::NotFound { .. }));
                std::future::ready(there)
            })
            .boxed(),
        );
        while gone.try_next().await?.is_some() {}
        // Only folders leave something behind when their last object goes.
        if let Some(place) = place {
            let _ = tokio::fs::remove_dir_all(place).await;
        }
        Ok(())
    }

    /// Folders refuse attributes: what is read from a disk has its ending.
    fn attributes(&self, media: &'static str) -> object_store::Attributes {
        match &*self.place {
            Place::Folder(_) => object_store::Attributes::new(),
            Place::Bucket(_) | Place::Memory => content_type::attributes(media),
        }
    }
}

impl std::fmt::Debug for Store {
    // The client of a bucket knows secrets, so only its place is shown.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Store({})", self.place)
    }
}

/// Why a conditional write stored nothing.
enum Refusal {
    /// There is an object.
    Exists,
    /// Somebody else writes the same key at this moment.
    Conflict,
    /// The store knows no conditions.
    Condition,
    /// It would have refused any write.
    Write,
}

fn refusal(error: &object_store::Error) -> Refusal {
    match (error, error::status(error)) {
        (object_store::Error::AlreadyExists { .. }, Some(409)) => Refusal::Conflict,
        (object_store::Error::AlreadyExists { .. }, _) => Refusal::Exists,
        (object_store::Error::NotImplemented { .. }, _) | (_, Some(501)) => Refusal::Condition,
        _ => Refusal::Write,
    }
}

/// Where a folder is; the empty one holds all.
fn folder(prefix: &str) -> Result<object_store::path::Path, Error> {
    if prefix.is_empty() { Ok(object_store::path::Path::default()) } else { path(prefix) }
}

fn path(key: &str) -> Result<object_store::path::Path, Error> {
    match object_store::path::Path::parse(key) {
        // The empty one is the folder of all, and no object.
        Ok(path) if !key.is_empty() => Ok(path),
        _ => Err(Error::Key(key.to_owned())),
    }
}
