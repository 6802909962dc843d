//! A place for objects that is another, with a point before and after everything that it writes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use crate::point::at;

/// Objects, with points where they are written.
#[derive(Debug)]
pub(crate) struct Objects(pub(crate) Arc<dyn ObjectStore>);

impl fmt::Display for Objects {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        at("Store.put", self.0.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = at("Store.put_large", self.0.put_multipart_opts(location, options)).await?;
        Ok(Box::new(Upload(begun)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let mut gone = self.0.delete_stream(locations);
        let each = async move { at("Store.delete", gone.next()).await.map(|one| (one, gone)) };
        futures::stream::once(each)
            .filter_map(std::future::ready)
            .flat_map(|(first, rest)| futures::stream::iter([first]).chain(rest))
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        at("Store.copy", self.0.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct Upload(Box<dyn MultipartUpload>);

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        Box::pin(at("Store.put_part", self.0.put_part(data)))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        at("Store.complete", self.0.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.0.abort().await
    }
}
