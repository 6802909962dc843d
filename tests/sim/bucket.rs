//! A simulated bucket: it takes its time, fails, and fails after it did what it was asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::lot::Lot;
use crate::{oracle, rare};

/// A bucket. Every clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    objects: Arc<InMemory>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    lot: Lot,
    /// Requests of a thousand that fail.
    faults: u64,
    /// Whether it keeps conditions; some servers take and ignore them.
    is_conditional: bool,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// It is done, and the answer is lost.
    DoneUnheard,
    Refused,
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a simulated bucket")
    }
}

impl Bucket {
    pub(crate) fn new(lot: Lot, is_conditional: bool) -> Self {
        let state = State { lot, faults: 0, is_conditional };
        Self { objects: Arc::new(InMemory::new()), state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets so many requests of a thousand fail from now on.
    pub(crate) fn fail(&self, in_a_thousand: u64) {
        self.state().faults = in_a_thousand;
    }

    async fn fate(&self) -> Fate {
        let (wait, fate) = {
            let mut state = self.state();
            let faults = state.faults;
            let fate = match state.lot.chance(faults) {
                true if state.lot.chance(500) => Fate::DoneUnheard,
                true => Fate::Refused,
                false => Fate::Done,
            };
            (state.lot.within(1, 20), fate)
        };
        tokio::time::sleep(Duration::from_millis(wait)).await;
        fate
    }
}

fn failed(text: &str) -> Error {
    Error::Generic { store: "simulated", source: text.into() }
}

fn heard<T>(fate: Fate, done: T) -> Result<T> {
    match fate {
        Fate::DoneUnheard => {
            rare::reach("the bucket did what it said it could not");
            Err(failed("the answer was lost"))
        }
        Fate::Done | Fate::Refused => Ok(done),
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let fate = self.fate().await;
        if fate == Fate::Refused {
            return Err(failed("slow down"));
        }
        if !self.state().is_conditional {
            options.mode = PutMode::Overwrite;
        }
        let bytes: bytes::Bytes = payload.clone().into();
        let put = self.objects.put_opts(location, payload, options).await;
        match &put {
            Ok(_) => oracle::object(location.as_ref(), &bytes),
            Err(_) => rare::reach("an object was there already"),
        }
        heard(fate, put?)
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented {
            operation: "put_multipart".to_owned(),
            implementer: "a simulated bucket".to_owned(),
        })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fate().await {
            Fate::Done => self.objects.get_opts(location, options).await,
            Fate::DoneUnheard | Fate::Refused => Err(failed("slow down")),
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (bucket, objects) = (self.clone(), Arc::clone(&self.objects));
        let ready = futures::stream::once(async move { bucket.fate().await });
        let gone = ready.flat_map(move |fate| {
            if fate == Fate::Refused {
                futures::stream::once(async { Err(failed("slow down")) }).boxed()
            } else {
                futures::stream::empty().boxed()
            }
        });
        gone.chain(objects.delete_stream(locations)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let fate = self.fate().await;
        if fate == Fate::Refused {
            return Err(failed("slow down"));
        }
        self.objects.copy_opts(from, to, options).await?;
        heard(fate, ())
    }
}
