//! How long a bucket may take before it counts as unreachable.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{GetResultPayload, ObjectStoreExt};

use crate::error::explain;
use crate::place::Place;
use crate::{Error, Store, path};

/// For an answer that needs no data, and for each piece of a longer one.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);

/// For a copy, which the server makes alone.
pub(crate) const COPY: Duration = Duration::from_secs(300);

/// The slowest network that is waited for, bytes per second.
const SLOWEST: u64 = 256 * 1024;

/// For an answer to so many bytes.
pub(crate) fn sending(bytes: usize) -> Duration {
    ANSWER + Duration::from_secs(bytes as u64 / SLOWEST)
}

impl Store {
    /// What the call says, or none after `limit`. Only buckets can fall silent: a slow disk is
    /// waited for.
    pub(crate) async fn in_time<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        in_time(&self.place, limit, call).await
    }

    /// The same, with what went wrong explained.
    pub(crate) async fn call<T>(
        &self,
        key: &str,
        limit: Duration,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Error> {
        match self.in_time(limit, call).await {
            Some(said) => said.map_err(|error| self.failed(key, &error)),
            None => Err(self.silent(key)),
        }
    }

    pub(crate) fn failed(&self, key: &str, error: &object_store::Error) -> Error {
        explain(&self.place, key, error)
    }

    pub(crate) fn silent(&self, key: &str) -> Error {
        silent(&self.place, key)
    }

    /// The size of an object, and its pieces.
    pub(crate) async fn open_object(
        &self,
        key: &str,
    ) -> Result<(u64, BoxStream<'static, Result<Bytes, Error>>), Error> {
        let target = path(key)?;
        let found = self.call(key, ANSWER, self.objects.get(&target)).await?;
        let size = found.meta.size;
        let pieces = match found.payload {
            // In larger pieces than `object_store` would read.
            GetResultPayload::File(file, name) => {
                crate::transfer::read_file(tokio::fs::File::from_std(file), name, size)
            }
            GetResultPayload::Stream(pieces) => self.guarded(key, pieces),
        };
        Ok((size, pieces))
    }

    /// The same items, each in time, ending with the first error.
    pub(crate) fn guarded<T: Send + 'static>(
        &self,
        key: &str,
        items: BoxStream<'static, object_store::Result<T>>,
    ) -> BoxStream<'static, Result<T, Error>> {
        let state = (items, Arc::clone(&self.place), key.to_owned());
        let items = futures::stream::try_unfold(state, |(mut items, place, key)| async move {
            match in_time(&place, ANSWER, items.next()).await {
                Some(Some(Ok(item))) => Ok(Some((item, (items, place, key)))),
                Some(Some(Err(error))) => Err(explain(&place, &key, &error)),
                Some(None) => Ok(None),
                None => Err(silent(&place, &key)),
            }
        });
        items.boxed()
    }
}

async fn in_time<T>(place: &Place, limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    match place {
        Place::Bucket(_) => tokio::time::timeout(limit, call).await.ok(),
        Place::Folder(_) | Place::Memory => Some(call.await),
    }
}

fn silent(place: &Place, key: &str) -> Error {
    Error::Unreachable { at: place.to_string(), message: format!("it took too long at `{key}`") }
}
